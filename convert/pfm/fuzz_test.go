package pfm_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/golden"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// FuzzRead opens any bytes, reads what opens, writes it and finds it again.
func FuzzRead(f *testing.F) {
	golden.Each(f, golden.Kept(f, "testdata/pfm.jsonl.gz"), func(c *pfmCase) { f.Add(decode64(f, c.File)) })
	f.Fuzz(func(t *testing.T, b []byte) {
		o := &convert.OpenOptions{Format: "pfm"}
		o.MaxBytes = 1 << 20
		in, err := convert.OpenMap(t.Context(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "x.pfm"), o)
		if err != nil {
			var e *tensor.Error
			if !errors.As(err, &e) || e.Kind == nil {
				t.Fatalf("%v is no tensor.Error", err)
			}
			return
		}
		defer in.Close()
		x, err := in.Tensor("x")
		if err != nil {
			t.Fatal(err)
		}
		out, err := written(t, x)
		if err != nil {
			t.Fatal(err)
		}
		again, y, err := open(t, out)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		a, err := x.Attrs()
		if err != nil {
			t.Fatal(err)
		}
		b2, err := y.Attrs()
		if err != nil {
			t.Fatal(err)
		}
		if !y.Shape().Equal(x.Shape()) || !bytes.Equal(elements(t, x), elements(t, y)) || a["image.scale"] != b2["image.scale"] {
			t.Fatalf("%v %v became %v %v", x.Shape(), a, y.Shape(), b2)
		}
	})
}
