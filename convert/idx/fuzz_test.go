package idx_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// FuzzRead opens any bytes, reads what opens, writes it and finds it again.
func FuzzRead(f *testing.F) {
	for _, g := range manifest(f) {
		b, err := os.ReadFile(filepath.Join(goldens, g.File))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		o := &convert.OpenOptions{Format: "idx"}
		o.MaxBytes = 1 << 20
		in, err := openBytes(b, "x", o)
		if err != nil {
			var te *tensor.Error
			if !errors.As(err, &te) || te.Kind == nil {
				t.Fatalf("%v is no tensor.Error", err)
			}
			return
		}
		defer in.Close()
		x := only(t, in)
		if _, err := x.Read(t.Context()); err != nil {
			var te *tensor.Error
			if !errors.As(err, &te) || te.Kind == nil {
				t.Fatalf("%v is no tensor.Error", err)
			}
			return
		}
		out, err := written(x, "idx")
		if err != nil {
			t.Fatal(err)
		}
		again, err := openBytes(out, "x", o)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		y := only(t, again)
		if y.DType() != x.DType() || !y.Shape().Equal(x.Shape()) || !bytes.Equal(elements(t, x), elements(t, y)) {
			t.Fatalf("%v %v became %v %v", x.DType(), x.Shape(), y.DType(), y.Shape())
		}
	})
}
