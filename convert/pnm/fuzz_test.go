package pnm_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/golden"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// FuzzRead opens any bytes, reads what opens, writes it as bytes and as text, and
// finds it again.
func FuzzRead(f *testing.F) {
	golden.Each(f, golden.Kept(f, "testdata/pnm.jsonl.gz"), func(c *pnmCase) { f.Add(decode64(f, c.File)) })
	f.Fuzz(func(t *testing.T, b []byte) {
		ours := func(err error) {
			t.Helper()
			var e *tensor.Error
			if !errors.As(err, &e) || e.Kind == nil {
				t.Fatalf("%v is no tensor.Error", err)
			}
		}
		o := &convert.OpenOptions{Format: "pnm"}
		o.MaxBytes = 1 << 20
		in, err := convert.OpenMap(t.Context(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "x.pnm"), o)
		if err != nil {
			ours(err)
			return
		}
		defer in.Close()
		x, err := in.Tensor("x")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x.Read(t.Context()); err != nil {
			ours(err)
			return
		}
		for _, encoding := range []string{"", "ascii"} {
			out, err := written(t, x, &convert.WriteOptions{Encoding: encoding})
			if err != nil {
				ours(err) // too many channels, or pictures
				continue
			}
			again, y, err := open(t, out)
			if err != nil {
				t.Fatal(err)
			}
			want := elements(t, x)
			for i, b := range want {
				if x.DType() == tensor.Bool && b > 1 { // PAM may have any byte that is not 0 for true
					want[i] = 1
				}
			}
			if y.DType() != x.DType() || !y.Shape().Equal(x.Shape()) || !bytes.Equal(want, elements(t, y)) {
				t.Fatalf("%v %v became %v %v", x.DType(), x.Shape(), y.DType(), y.Shape())
			}
			again.Close()
		}
	})
}
