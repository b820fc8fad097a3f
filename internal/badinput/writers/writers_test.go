// Package writers_test gives tensors of every sort to the writer of every format.
package writers_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/aiff"
	_ "github.com/tensorfile/tensorfile/convert/bmp"
	_ "github.com/tensorfile/tensorfile/convert/csv"
	_ "github.com/tensorfile/tensorfile/convert/flac"
	_ "github.com/tensorfile/tensorfile/convert/gguf"
	_ "github.com/tensorfile/tensorfile/convert/gif"
	_ "github.com/tensorfile/tensorfile/convert/idx"
	_ "github.com/tensorfile/tensorfile/convert/jpeg"
	_ "github.com/tensorfile/tensorfile/convert/jsonl"
	_ "github.com/tensorfile/tensorfile/convert/mtx"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	_ "github.com/tensorfile/tensorfile/convert/pfm"
	_ "github.com/tensorfile/tensorfile/convert/png"
	_ "github.com/tensorfile/tensorfile/convert/pnm"
	_ "github.com/tensorfile/tensorfile/convert/safetensors"
	_ "github.com/tensorfile/tensorfile/convert/sql/sqlite"
	_ "github.com/tensorfile/tensorfile/convert/text"
	_ "github.com/tensorfile/tensorfile/convert/tiff"
	_ "github.com/tensorfile/tensorfile/convert/wav"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/ragged"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

// sorts makes a file of a tensor of each sort.
func sorts(t *testing.T) (path string, names []string) {
	path = filepath.Join(t.TempDir(), "sorts.tensor")
	w := must(tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true}))
	defer w.Close()
	ctx := t.Context()
	name := func(n string) string {
		names = append(names, n)
		return n
	}
	view := func(n string, v tensor.View) {
		t.Helper()
		if err := w.Add(ctx, name(n), v, nil); err != nil {
			t.Fatal(err)
		}
	}
	floats := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(i%17) / 16
		}
		return x
	}
	bytes := make([]uint8, 5*4*3)
	for i := range bytes {
		bytes[i] = uint8(i*7 + i*i)
	}
	view("scalar", must(must(tensor.FromSlice([]float64{2.5})).Reshape(tensor.Shape{})))
	view("vector", must(tensor.FromSlice([]int32{1, -2, 3})))
	view("matrix", must(tensor.FromSlice(floats(6), 2, 3)))
	view("picture", must(tensor.FromSlice(bytes, 5, 4, 3)))
	view("deep", must(tensor.FromSlice([]uint16{1, 200, 3000, 40000, 5, 6}, 2, 3)))
	view("sound", must(tensor.FromSlice([]int16{1, -2, 3, -4, 5, -6, 7, -8}, 4, 2)))
	view("complex", must(tensor.FromSlice([]complex64{1 + 2i, 3 - 4i})))
	view("truth", must(tensor.NewView([]byte{1, 0, 1, 1}, tensor.Bool, tensor.Shape{2, 2}, nil, 0, tensor.LittleEndian)))
	view("large", must(tensor.FromSlice([]uint64{1, 1 << 63})))
	view("empty", must(tensor.Make(tensor.F32, tensor.Shape{0, 3})))
	view("five", must(tensor.FromSlice(floats(4), 1, 1, 2, 1, 2)))
	view("fixed", must(tensor.NewView([]byte("abcxyz"), tensor.Text(3), tensor.Shape{2}, nil, 0, tensor.LittleEndian)))
	view("odd floats", must(tensor.FromSlice([]float64{math.NaN(), math.Inf(1), math.Inf(-1), -0.5})))
	for i, v := range []tensor.View{must(tensor.FromSlice([]int16{1, -2, 3, -4, 5, -6}, 3, 2)), must(tensor.FromSlice(floats(5), 5, 1))} {
		o := &tensorfile.TensorOptions{Attrs: tensorfile.Attrs{"sample_rate": []any{uint32(8000), float32(44100)}[i], "info": map[string]any{"INAM": "a name"}}}
		if err := w.Add(ctx, name([]string{"recording", "float recording"}[i]), v, o); err != nil {
			t.Fatal(err)
		}
	}
	rows := must(tensor.FromSlice([]float32{0, 1.5, 0, -2, 0, 3}, 2, 3))
	zero := must(tensor.FromSlice([]float32{0}))
	entries := func(n string, a *sparse.Array) {
		t.Helper()
		if err := w.AddSparse(ctx, name("sparse "+n), a, nil); err != nil {
			t.Fatal(err)
		}
	}
	none := must(zero.Reshape(tensor.Shape{}))
	for _, layout := range []sparse.Layout{sparse.COO, sparse.CSR, sparse.CSC, sparse.BSR, sparse.CSF, sparse.Bitmap} {
		entries(layout.String(), must(sparse.FromDense(ctx, rows, none, layout, nil)))
	}
	entries("coo of three axes", must(sparse.FromDense(ctx, must(rows.Reshape(tensor.Shape{1, 2, 3})), none, sparse.COO, nil)))
	entries("filled", must(sparse.FromDense(ctx, rows, must(must(tensor.FromSlice([]float32{1.5})).Reshape(tensor.Shape{})), sparse.COO, nil)))
	places := must(tensor.FromSlice([]uint16{1, 0, 2, 1, 2, 2}, 3, 2))
	square := func(n string, values tensor.View, s sparse.Structure, coordinates tensor.View) {
		t.Helper()
		entries(n, must(sparse.New(sparse.Spec{Layout: sparse.COO, Shape: tensor.Shape{3, 3}, Properties: sparse.Properties{Sorted: true, Unique: true, Structure: s}, Parts: []sparse.Part{{Role: sparse.RoleIndices, View: coordinates}, {Role: sparse.RoleValues, View: values}}})))
	}
	below := must(tensor.FromSlice([]uint64{1, 0, 2, 0, 2, 1}, 3, 2))
	square("symmetric", must(tensor.FromSlice([]float64{math.Inf(1), math.Inf(-1), math.NaN()})), sparse.Symmetric, places)
	square("skew", must(tensor.FromSlice([]int64{1, -2, 3})), sparse.SkewSymmetric, below)
	square("skew of complex", must(tensor.FromSlice([]complex128{1i, -2, 3 - 4i})), sparse.SkewSymmetric, below)
	square("hermitian", must(tensor.FromSlice([]complex64{1i, -2, 3 - 4i})), sparse.Hermitian, below)
	square("unsigned", must(tensor.FromSlice([]uint64{1, 2, 1 << 63})), sparse.Symmetric, places)
	square("truth", must(tensor.NewView([]byte{1, 0, 1}, tensor.Bool, tensor.Shape{3}, nil, 0, tensor.LittleEndian)), sparse.General, places)
	if err := w.AddRagged(ctx, name("ragged"), must(ragged.FromSlices([][]float32{{1, 2}, {}, {3}})), nil); err != nil {
		t.Fatal(err)
	}
	if err := w.AddStrings(ctx, name("strings"), must(ragged.FromStrings([]string{"one", "", "a \"b\"\n\t\\ü"})), nil); err != nil {
		t.Fatal(err)
	}
	if err := w.AddStrings(ctx, name("odd strings"), must(ragged.FromStrings([]string{"\r", "\x01\x7f", "=1+2", "a,b"})), nil); err != nil {
		t.Fatal(err)
	}
	if err := w.AddStrings(ctx, name("string table"), must(ragged.FromStrings([]string{"a", "b", "c", "d"}, 2, 2)), nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	return path, names
}

// TestEverySort writes each sort of tensor as each format. What a format does not
// hold is refused by an error that names format or tensor, and what it does is
// written again with every read and every write failing once, and read so, too.
func TestEverySort(t *testing.T) {
	path, names := sorts(t)
	var verdicts strings.Builder
	written := 0
	for _, f := range convert.Formats() {
		if f.Write == nil {
			continue
		}
		fmt.Fprintf(&verdicts, "%s:\n", f.Name)
		verdict := func(what string, only ...string) bool {
			err := write(t, f, path, only...)
			if err == nil {
				fmt.Fprintf(&verdicts, "  %s: written\n", what)
				return true
			}
			var e *tensor.Error
			if !errors.As(err, &e) || e.Kind == nil || e.Field == "" || e.Offset >= 0 {
				t.Errorf("%s as %s: %T %v", what, f.Name, err, err)
				return false
			}
			fmt.Fprintf(&verdicts, "  %s: %v: %s: %s\n", what, e.Kind, e.Field, e.Got)
			return false
		}
		verdict("nothing")
		verdict("two", "matrix", "vector")
		for _, n := range names {
			if verdict(n, n) {
				written++
				badinput.EveryWrite(t, path, f.Name, &badinput.EveryOptions{Only: n})
				if f.Open != nil {
					badinput.EveryRead(t, whole(t, f, path, n), &convert.OpenOptions{Format: f.Name})
				}
			}
		}
	}
	t.Logf("%d written", written)
	if written < 150 {
		t.Error("too few")
	}
	want, err := os.ReadFile("testdata/verdicts.txt")
	if err != nil && os.Getenv("TENSORFILE_UPDATE") == "" {
		t.Fatal(err)
	}
	if got := verdicts.String(); got != string(want) {
		if os.Getenv("TENSORFILE_UPDATE") != "" {
			if err := os.WriteFile("testdata/verdicts.txt", []byte(got), 0o666); err != nil {
				t.Fatal(err)
			}
			return
		}
		g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
		for i := range min(len(g), len(w)) {
			if g[i] != w[i] {
				t.Errorf("line %d of testdata/verdicts.txt:\ngot  %s\nwant %s", i+1, g[i], w[i])
			}
		}
		if len(g) != len(w) {
			t.Errorf("%d lines, want %d", len(g), len(w))
		}
	}
}

// whole is a file of the tensor called name.
func whole(t *testing.T, f convert.Format, path, name string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out"+f.Extensions[0])
	w, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(writeTo(t, w, f, path, name), w.Close()); err != nil {
		t.Fatal(err)
	}
	return out
}

// write writes the tensors called only, or none.
func write(t *testing.T, f convert.Format, path string, only ...string) (err error) {
	t.Helper()
	return writeTo(t, io.Discard, f, path, only...)
}

func writeTo(t *testing.T, w io.Writer, f convert.Format, path string, only ...string) (err error) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%v as %s: panic: %v", only, f.Name, p)
		}
	}()
	file, err := convert.Open(context.Background(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var src []convert.Source
	for _, n := range only {
		x, err := file.Tensor(n)
		if err != nil {
			t.Fatal(err)
		}
		src = append(src, convert.Source{Tensor: x, As: n})
	}
	return f.Write(context.Background(), w, src, nil)
}
