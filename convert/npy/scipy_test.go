package npy_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// npyOf is the .npy of some numbers.
func npyOf(descr, shape string, data any) []byte {
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, data); err != nil {
		panic(err)
	}
	return raw(1, fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", descr, shape), b.Bytes())
}

// scipyFile is the members of a csr array, with changes: nil leaves one out.
func scipyFile(t *testing.T, changes map[string][]byte) []byte {
	t.Helper()
	members := []struct {
		name string
		b    []byte
	}{
		{"indices", npyOf("<i4", "(3,)", []int32{0, 2, 1})},
		{"indptr", npyOf("<i4", "(3,)", []int32{0, 2, 3})},
		{"format", npyOf("|S3", "()", []byte("csr"))},
		{"shape", npyOf("<i8", "(2,)", []int64{2, 3})},
		{"data", npyOf("<f4", "(3,)", []float32{1, 2, 3})},
	}
	var list []any
	for _, m := range members {
		b, changed := changes[m.name]
		if !changed {
			b = m.b
		}
		if b != nil {
			list = append(list, m.name+".npy", b)
		}
	}
	for _, name := range []string{"row", "col", "coords", "offsets", "_is_array"} {
		if b := changes[name]; b != nil {
			list = append(list, name+".npy", b)
		}
	}
	return zipped(t, list...)
}

func openScipy(t *testing.T, b []byte, skip bool) (*tensorfile.File, error) {
	t.Helper()
	f, err := convert.OpenMap(t.Context(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "m.npz"), &convert.OpenOptions{ReadOptions: convert.ReadOptions{SkipBad: skip}})
	if err == nil {
		t.Cleanup(func() { f.Close() })
	}
	return f, err
}

func word(s string) []byte { return npyOf(fmt.Sprintf("|S%d", len(s)), "()", []byte(s)) }

func TestScipyRead(t *testing.T) {
	i4 := func(shape string, x ...int32) []byte { return npyOf("<i4", shape, x) }
	for _, c := range []struct {
		name    string
		changes map[string][]byte
		want    string // dense
	}{
		{"csr", nil, "[[1. 0. 2.]\n [0. 3. 0.]]"},
		{"format as text", map[string][]byte{"format": npyOf("<U3", "()", []int32{'c', 's', 'r'})}, "[[1. 0. 2.]\n [0. 3. 0.]]"},
		{"csc", map[string][]byte{"format": word("csc"), "shape": npyOf("<i8", "(2,)", []int64{3, 2})}, "[[1. 0.]\n [0. 3.]\n [2. 0.]]"},
		{"coo", map[string][]byte{"format": word("coo"), "indices": nil, "indptr": nil, "row": i4("(3,)", 1, 0, 0), "col": i4("(3,)", 2, 0, 0)}, "[[5. 0. 0.]\n [0. 0. 1.]]"},
		{"coords", map[string][]byte{"format": word("coo"), "indices": nil, "indptr": nil, "coords": i4("(1, 3)", 1, 0, 0), "shape": npyOf("<i8", "(1,)", []int64{2})}, "[5. 1.]"},
		{"bsr", map[string][]byte{"format": word("bsr"), "indices": i4("(1,)", 1), "indptr": i4("(2,)", 0, 1), "data": npyOf("<f4", "(1, 2, 1)", []float32{7, 8})}, "[[0. 7. 0.]\n [0. 8. 0.]]"},
		{"dia", map[string][]byte{"format": word("dia"), "indices": nil, "indptr": nil, "offsets": i4("(3,)", -1, 1, 9), "data": npyOf("<f4", "(3, 4)", []float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})}, "[[0. 6. 0.]\n [1. 0. 7.]]"},
		{"dia, short", map[string][]byte{"format": word("dia"), "indices": nil, "indptr": nil, "offsets": i4("(1,)", 0), "data": npyOf("<f4", "(1, 1)", []float32{4})}, "[[4. 0. 0.]\n [0. 0. 0.]]"},
	} {
		f, err := openScipy(t, scipyFile(t, c.changes), false)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		x, err := f.Tensor("m")
		if err != nil {
			t.Fatal(err)
		}
		a, err := x.Sparse(t.Context())
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		v, err := a.Dense(t.Context(), nil)
		if err != nil || v.String() != c.want {
			t.Errorf("%s: %v, %v; want %s", c.name, v, err, c.want)
		}
	}
}

// What only looks like an archive of SciPy is the arrays that it has.
func TestScipyNot(t *testing.T) {
	for name, changes := range map[string]map[string][]byte{
		"another word": {"format": word("lil")},
		"no data":      {"data": nil},
		"no shape":     {"shape": nil},
		"a number":     {"format": npyOf("<i8", "()", []int64{1})},
		"a list":       {"format": npyOf("|S3", "(1,)", []byte("csr"))},
		"a long word":  {"format": word(strings.Repeat("csr", 30))},
	} {
		f, err := openScipy(t, scipyFile(t, changes), false)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if n, err := f.Len(); err != nil || n < 4 {
			t.Errorf("%s: %d tensors, %v", name, n, err)
		}
	}
}

func TestScipyBad(t *testing.T) {
	i4 := func(shape string, x ...int32) []byte { return npyOf("<i4", shape, x) }
	coo := func(row, col []byte) map[string][]byte {
		return map[string][]byte{"format": word("coo"), "indices": nil, "indptr": nil, "row": row, "col": col}
	}
	dia := func(offsets, data []byte) map[string][]byte {
		return map[string][]byte{"format": word("dia"), "indices": nil, "indptr": nil, "offsets": offsets, "data": data}
	}
	f4 := func(shape string, n int) []byte { return npyOf("<f4", shape, make([]float32, n)) }
	for _, c := range []struct {
		name    string
		changes map[string][]byte
		kind    error
		want    string
	}{
		{"no indptr", map[string][]byte{"indptr": nil}, tensor.ErrFormat, "member indptr: got none"},
		{"no indices", map[string][]byte{"indices": nil}, tensor.ErrFormat, "member indices: got none"},
		{"coo without row", map[string][]byte{"format": word("coo")}, tensor.ErrFormat, "member row: got none"},
		{"coo without col", coo(i4("(3,)", 0, 0, 0), nil), tensor.ErrFormat, "member col: got none"},
		{"dia without offsets", map[string][]byte{"format": word("dia")}, tensor.ErrFormat, "member offsets: got none"},
		{"shape of floats", map[string][]byte{"shape": npyOf("<f8", "(2,)", []float64{2, 3})}, tensor.ErrFormat, "member shape: got f64"},
		{"shape of rank 2", map[string][]byte{"shape": npyOf("<i8", "(1, 2)", []int64{2, 3})}, tensor.ErrFormat, "member shape: got i64 of shape (1, 2)"},
		{"shape of rank 33", map[string][]byte{"shape": npyOf("<i8", "(33,)", make([]int64, 33))}, tensor.ErrFormat, "member shape"},
		{"shape below 0", map[string][]byte{"shape": npyOf("<i8", "(2,)", []int64{2, -3})}, tensor.ErrFormat, "(2, -3)"},
		{"shape overflows", map[string][]byte{"shape": npyOf("<i8", "(2,)", []int64{math.MaxInt64, math.MaxInt64})}, tensor.ErrOverflow, ""},
		{"csr of rank 3", map[string][]byte{"shape": npyOf("<i8", "(3,)", []int64{2, 3, 1})}, tensor.ErrFormat, "rank: got 3"},
		{"indptr too short", map[string][]byte{"indptr": i4("(2,)", 0, 3)}, tensor.ErrFormat, "indptr"},
		{"indptr of floats", map[string][]byte{"indptr": npyOf("<f4", "(3,)", []float32{0, 2, 3})}, tensor.ErrFormat, "indptr"},
		{"more indices than data", map[string][]byte{"indices": i4("(4,)", 0, 2, 1, 0)}, tensor.ErrFormat, "values"},
		{"data of rank 2", map[string][]byte{"data": f4("(3, 1)", 3)}, tensor.ErrFormat, "values"},
		{"block of 0", map[string][]byte{"format": word("bsr"), "data": npyOf("<f4", "(3, 0, 1)", []float32{})}, tensor.ErrFormat, ""},
		{"block that does not divide", map[string][]byte{"format": word("bsr"), "data": f4("(3, 1, 2)", 6)}, tensor.ErrFormat, ""},
		{"row and col of two lengths", coo(i4("(3,)", 0, 0, 0), i4("(2,)", 0, 0)), tensor.ErrFormat, "members row and col"},
		{"row and col of two dtypes", coo(i4("(3,)", 0, 0, 0), npyOf("<i8", "(3,)", []int64{0, 0, 0})), tensor.ErrFormat, "members row and col"},
		{"coords of rank 1", map[string][]byte{"format": word("coo"), "coords": i4("(3,)", 0, 0, 0)}, tensor.ErrFormat, "member coords"},
		{"coords of another rank", map[string][]byte{"format": word("coo"), "coords": i4("(3, 3)", 0, 0, 0, 0, 0, 0, 0, 0, 0)}, tensor.ErrFormat, "indices"},
		{"dia of two lengths", dia(i4("(2,)", 0, 1), f4("(3, 4)", 12)), tensor.ErrFormat, "members data and offsets"},
		{"dia with a diagonal twice", dia(i4("(2,)", 1, 1), f4("(2, 4)", 8)), tensor.ErrDuplicate, "1 twice"},
		{"dia with floats for offsets", dia(npyOf("<f4", "(2,)", []float32{0, 1}), f4("(2, 4)", 8)), tensor.ErrFormat, "member offsets"},
		{"dia in Fortran order", dia(i4("(2,)", 0, 1), bytes.Replace(f4("(2, 4)", 8), []byte("'fortran_order': False"), []byte("'fortran_order': True "), 1)), tensor.ErrUnsupported, "Fortran"},
		{"dia of rank 3", map[string][]byte{"format": word("dia"), "offsets": i4("(1,)", 0), "data": f4("(1, 4)", 4), "shape": npyOf("<i8", "(3,)", []int64{2, 3, 1})}, tensor.ErrFormat, "that of a matrix"},
	} {
		b := scipyFile(t, c.changes)
		_, err := openScipy(t, b, false)
		var e *tensor.Error
		if !errors.Is(err, c.kind) || !errors.As(err, &e) || e.Path != "m.npz" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %v with %q", c.name, err, c.kind, c.want)
		}
		// With SkipBad its members are what they are, and the error is listed.
		f, err := openScipy(t, b, true)
		if err != nil || len(f.Layout().Skipped) != 1 {
			t.Errorf("%s: with SkipBad %v", c.name, err)
		}
	}
	// What is wrong in the content is found before its first use.
	for want, changes := range map[string]map[string][]byte{
		"composite.pointer": {"indptr": i4("(3,)", 0, 4, 3)},
		"composite.index":   {"indices": i4("(3,)", 0, 3, 1)},
	} {
		f, err := openScipy(t, scipyFile(t, changes), false)
		if err != nil {
			t.Fatal(err)
		}
		x, err := f.Tensor("m")
		if err != nil {
			t.Fatal(err)
		}
		a, err := x.Sparse(t.Context())
		if err == nil {
			_, err = a.Dense(t.Context(), nil)
		}
		if !errors.Is(err, tensor.ErrCorrupt) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// Stored members are not copied, not even two that make one part.
func TestScipyInPlace(t *testing.T) {
	i4 := func(x ...int32) []byte { return npyOf("<i4", "(3,)", x) }
	for name, changes := range map[string]map[string][]byte{
		"csr": nil,
		"coo": {"format": word("coo"), "indices": nil, "indptr": nil, "row": i4(1, 0, 0), "col": i4(2, 0, 0)},
	} {
		f, err := openScipy(t, scipyFile(t, changes), false)
		if err != nil {
			t.Fatal(err)
		}
		x, err := f.Tensor("m")
		if err != nil {
			t.Fatal(err)
		}
		p, err := x.Part(sparse.RoleIndices)
		if err != nil {
			t.Fatal(err)
		}
		if p.Storage().Kind != tensorfile.StorageRaw {
			t.Errorf("%s: indices are %v", name, p.Storage().Kind)
		}
	}
}
