package gguf_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/operate"
	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/tensor"
)

// Blocks become numbers on the way to another file, as quant makes them.
func TestDequantise(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "g*.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	n, refused := 0, 0
	for _, path := range files {
		f, err := convert.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for x, err := range f.Tensors() {
			if err != nil {
				t.Fatal(err)
			}
			if x.DType().Class != tensor.ClassBlock {
				continue
			}
			out := filepath.Join(t.TempDir(), "a.tensor")
			o := &convert.Options{Only: []string{x.Name()}, Operate: &operate.Pipeline{Steps: []operate.Step{{Operator: operate.Dequantise{To: tensor.F32}}}}}
			_, err := convert.Files(t.Context(), []string{path}, out, o)
			src, err2 := x.Read(t.Context())
			if err2 != nil {
				t.Fatal(err2)
			}
			want, err2 := tensor.Make(tensor.F32, x.Shape())
			if err2 != nil {
				t.Fatal(err2)
			}
			if known := quant.DequantiseBlocks(t.Context(), want, src, 0); known != nil {
				if !errors.Is(err, tensor.ErrUnsupported) {
					t.Errorf("%s: %v: %v", path, x.DType(), err)
				}
				refused++
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			g, err := convert.Open(t.Context(), out, nil)
			if err != nil {
				t.Fatal(err)
			}
			for y, err := range g.Tensors() {
				if err != nil {
					t.Fatal(err)
				}
				b, err := want.Bytes()
				if err != nil || !y.Shape().Equal(x.Shape()) || y.DType() != tensor.F32 || !bytes.Equal(inOwnOrder(t, y), b) {
					t.Errorf("%s: %v %v became another", path, x.DType(), x.Shape())
				}
			}
			g.Close()
			n++
		}
		f.Close()
	}
	t.Logf("%d tensors, %d of types that are not known", n, refused)
	if n < 4 || refused < 2 {
		t.Error("too few to mean anything")
	}
}

// inOwnOrder are the elements of a tensor in the byte order of this machine.
func inOwnOrder(t *testing.T, x *tensorfile.Tensor) []byte {
	t.Helper()
	v, err := x.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	own, err := tensor.Make(x.DType(), x.Shape())
	if err == nil {
		err = tensor.Copy(own, v)
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := own.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
