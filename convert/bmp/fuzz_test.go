package bmp_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/golden"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// FuzzRead opens any bytes, reads what opens, writes it and finds it again, in 8
// bits.
func FuzzRead(f *testing.F) {
	golden.Each(f, golden.Kept(f, "testdata/bmp.jsonl.gz"), func(c *bmpCase) { f.Add(decode64(f, c.File)) })
	f.Fuzz(func(t *testing.T, b []byte) {
		ours := func(err error) {
			t.Helper()
			var e *tensor.Error
			if !errors.As(err, &e) || e.Kind == nil {
				t.Fatalf("%v is no tensor.Error", err)
			}
		}
		o := &convert.OpenOptions{Format: "bmp"}
		o.MaxBytes, o.MaxDecoded = 1<<20, 1<<20
		in, err := convert.OpenMap(t.Context(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "x.bmp"), o)
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
		out, err := written(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		again, y, err := open(t, out)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		want := elements(t, x)
		if x.DType() == tensor.U16 {
			want = eight(want)
		}
		if !y.Shape().Equal(x.Shape()) || !bytes.Equal(elements(t, y), want) {
			t.Fatalf("%v %v became %v %v", x.DType(), x.Shape(), y.DType(), y.Shape())
		}
	})
}
