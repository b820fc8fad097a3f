package npy_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

func TestEveryRead(t *testing.T) {
	for _, name := range []string{"f4.npy", "fortran_3d_big.npy", "stored.npz", "deflated.npz", "streamed_deflated.npz"} {
		badinput.EveryRead(t, filepath.Join(goldens, name), nil)
	}
}

func TestEveryWrite(t *testing.T) {
	badinput.EveryWrite(t, filepath.Join(goldens, "fortran_3d_big.npy"), "npy", nil)
	badinput.EveryWrite(t, filepath.Join(goldens, "stored.npz"), "npz", nil)
	badinput.EveryWrite(t, filepath.Join(goldens, "fortran_3d_big.npy"), "npz", &badinput.EveryOptions{Write: &convert.WriteOptions{Compress: true}})
}

// The two members of coordinates that are deflated are one storage, read from
// both.
func TestEveryDeflatedCoordinates(t *testing.T) {
	dir := t.TempDir()
	native, out := filepath.Join(dir, "a.tensor"), filepath.Join(dir, "a.npz")
	rows, err := tensor.FromSlice([]float32{0, 1.5, 0, -2, 0, 3}, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	fill, err := tensor.Make(tensor.F32, tensor.Shape{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := sparse.FromDense(t.Context(), rows, fill, sparse.COO, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := tensorfile.Create(native, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := errors.Join(w.AddSparse(t.Context(), "m", a, nil), w.Commit(t.Context())); err != nil {
		t.Fatal(err)
	}
	if _, err := convert.Files(t.Context(), []string{native}, out, &convert.Options{Write: convert.WriteOptions{Compress: true}}); err != nil {
		t.Fatal(err)
	}
	f, err := convert.Open(t.Context(), out, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, err := f.Tensor("a")
	if err != nil {
		t.Fatal(err)
	}
	s, err := x.Sparse(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Dense(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := tensor.Data[float32](v); err != nil || !slices.Equal(got, []float32{0, 1.5, 0, -2, 0, 3}) {
		t.Errorf("%v, %v", got, err)
	}
	badinput.EveryRead(t, out, nil)
}

// Headers and archives that break off or contradict themselves.
func TestOddHeaders(t *testing.T) {
	header := func(text string) []byte { return raw(1, text, nil) }
	point := raw(1, "{'descr': [('x', '<i4'), ('y', '<i4')], 'fortran_order': False, 'shape': (1,), }\n", make([]byte, 8))
	one := raw(1, "{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }\n", make([]byte, 4))
	named := &convert.OpenOptions{}
	named.Name = "a\x00b"
	for _, c := range []struct {
		what, path string
		b          []byte
		o          *convert.OpenOptions
		kind       error
		says       string
	}{
		{"a tuple of one", "a.npy", header("{'descr': [('x', ('<f4',))], 'fortran_order': False, 'shape': (1,), }\n"), nil, tensor.ErrFormat, "got a tuple, want (dtype, shape)"},
		{"a tuple of an unknown dtype", "a.npy", header("{'descr': [('x', ('<z9', (2,)))], 'fortran_order': False, 'shape': (1,), }\n"), nil, nil, "<z9"},
		{"an escape at the end", "a.npy", header("{'descr': '\\"), nil, tensor.ErrFormat, "an escape"},
		{"an escape that is cut", "a.npy", header("{'descr': '\\x1"), nil, tensor.ErrFormat, "2 hexadecimal digits"},
		{"a name", "a.npz", zipped(t, "a.npy", one), named, nil, "name"},
		{"a field that is a member", "a.npz", zipped(t, "a.y.npy", one, "a.npy", point), nil, tensor.ErrDuplicate, `tensor "a.y" from this member`},
	} {
		_, err := openBytes(c.b, c.path, c.o)
		var e *tensor.Error
		if !errors.As(err, &e) || c.kind != nil && e.Kind != c.kind || !strings.Contains(err.Error(), c.says) || e.Path != c.path {
			t.Errorf("%s: %v, want %v and %q", c.what, err, c.kind, c.says)
		}
	}
}
