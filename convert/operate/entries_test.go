package operate_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/mtx"
	"github.com/tensorfile/tensorfile/convert/operate"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// matrix is a sparse matrix of text, in a file that is mapped.
func matrix(t *testing.T, text string) *tensorfile.Tensor {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.mtx")
	must(t, os.WriteFile(path, []byte("%%MatrixMarket matrix coordinate "+text), 0o600))
	f, err := convert.Open(ctx, path, nil)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	for x, err := range f.Tensors() {
		must(t, err)
		return x
	}
	t.Fatal("no tensor")
	return nil
}

// Structures are mirrored before a dtype changes how, and one value for all entries
// stays one.
func TestCastOfStructures(t *testing.T) {
	const pattern = "pattern general\n3 3 3\n1 2\n2 1\n3 3\n"
	const skew = "integer skew-symmetric\n3 3 2\n2 1 5\n3 2 -7\n"
	const hermitian = "complex hermitian\n2 2 2\n1 1 3 0\n2 1 1.5 2\n"
	const twice = "integer general\n2 2 3\n1 1 200\n1 1 100\n2 2 -4\n"
	for _, c := range []struct {
		text  string
		steps []string
		dtype tensor.DType
		want  string
	}{
		{pattern, []string{"dtype", "f32", "layout", "dense"}, tensor.F32, "[[0. 1. 0.] [1. 0. 0.] [0. 0. 1.]]"},
		{pattern, []string{"layout", "csr", "dtype", "i8", "layout", "dense"}, tensor.I8, "[[0 1 0] [1 0 0] [0 0 1]]"},
		{pattern, []string{"dtype", "u16", "select", "1:, ::-1", "layout", "dense"}, tensor.U16, "[[0 0 1] [1 0 0]]"},
		{skew, []string{"dtype", "i16", "layout", "dense"}, tensor.I16, "[[ 0 -5 0] [ 5 0 7] [ 0 -7 0]]"},
		{skew, []string{"dtype", "f64", "layout", "dense"}, tensor.F64, "[[ 0. -5. 0.] [ 5. 0. 7.] [ 0. -7. 0.]]"},
		{hermitian, []string{"dtype", "c64", "layout", "dense"}, tensor.C64, "[[3. +0.j 1.5-2.j] [1.5+2.j 0. +0.j]]"},
		{twice, []string{"dtype", "i16", "layout", "dense"}, tensor.I16, "[[300 0] [ 0 -4]]"}, // 300 is summed first
	} {
		x, err := applied(t, &operate.Pipeline{}, matrix(t, c.text), c.steps...)
		if err != nil {
			t.Errorf("%.20s %v: %v", c.text, c.steps, err)
			continue
		}
		v, err := x.Read(ctx)
		must(t, err)
		if got := strings.Join(strings.Fields(v.String()), " "); got != c.want || v.DType() != c.dtype {
			t.Errorf("%.20s %v: got %v %s, want %v %s", c.text, c.steps, v.DType(), got, c.dtype, c.want)
		}
	}
	x, err := applied(t, &operate.Pipeline{}, matrix(t, pattern), "dtype", "f32")
	must(t, err)
	s, err := x.Sparse(ctx)
	must(t, err)
	if v, ok := s.Part(sparse.RoleValues); !ok || v.Strides()[0] != 0 || v.Shape()[0] != 3 || v.DType() != tensor.F32 {
		t.Errorf("values %v %v %v", v.DType(), v.Shape(), v.Strides())
	}
}

// entriesOf is a CSR matrix of f64 (2, 3) whose parts are these numbers.
func entriesOf(t *testing.T, indptr [3]byte, indices [2]byte) *tensorfile.Tensor {
	t.Helper()
	b := append(make([]byte, 16), indptr[0], indptr[1], indptr[2], indices[0], indices[1])
	b[6], b[7], b[15] = 0xf8, 0x3f, 0x40 // 1.5 and 2
	f, err := tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "memory"), &convert.Layout{
		Format: "test", Storages: []convert.LayoutStorage{{Size: int64(len(b))}},
		Tensors: []convert.LayoutTensor{{Name: "x", DType: tensor.F64, Shape: tensor.Shape{2, 3}, Layout: format.LayoutCSR, Flags: format.FlagSorted | format.FlagUnique, Parts: []convert.LayoutTensor{
			{Name: format.RoleIndptr, DType: tensor.U8, Shape: tensor.Shape{3}, Offset: 16},
			{Name: format.RoleIndices, DType: tensor.U8, Shape: tensor.Shape{2}, Offset: 19},
			{Name: format.RoleValues, DType: tensor.F64, Shape: tensor.Shape{2}},
		}}},
	}, nil)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	x, err := f.Tensor("x")
	must(t, err)
	return x
}

// Entries that are wrong are told by every operator that looks at them, before
// anything is made of them.
func TestWrongEntries(t *testing.T) {
	for what, x := range map[string]func() *tensorfile.Tensor{
		"a column that is not": func() *tensorfile.Tensor { return entriesOf(t, [3]byte{0, 1, 2}, [2]byte{3, 0}) },
		"rows that fall":       func() *tensorfile.Tensor { return entriesOf(t, [3]byte{0, 3, 2}, [2]byte{0, 1}) },
	} {
		for _, steps := range [][]string{{"dtype", "f32"}, {"select", "0"}, {"select", "0, 0"}, {"select", "::-1"}, {"layout", "dense"}, {"layout", "coo"}} {
			_, err := applied(t, &operate.Pipeline{}, x(), steps...)
			var e *tensor.Error
			if !errors.Is(err, tensor.ErrCorrupt) || !errors.As(err, &e) || e.Tensor != "x" {
				t.Errorf("%s, %v: %v", what, steps, err)
			}
		}
	}
	y, err := applied(t, &operate.Pipeline{}, entriesOf(t, [3]byte{0, 1, 2}, [2]byte{2, 0}), "select", "0, 2")
	must(t, err)
	v, err := y.Read(ctx)
	must(t, err)
	if got, err := v.Float64At(); err != nil || got != 1.5 {
		t.Errorf("%v, %v", got, err)
	}
}

// A tensor that is computed ahead and fails is told when it is come to, and not
// before.
func TestAheadFails(t *testing.T) {
	broken := errors.New("the decoder gives up")
	storage := func(err error) convert.LayoutStorage {
		return convert.LayoutStorage{Size: 8, StoredSize: 1, Codec: "x", Open: func(context.Context) (io.ReadCloser, error) {
			return &cut{strings.NewReader("abcdefgh"), err}, nil
		}}
	}
	l := &convert.Layout{Format: "test", Storages: []convert.LayoutStorage{storage(io.EOF), storage(broken), storage(io.EOF)}}
	for i, name := range []string{"a", "b", "c"} {
		l.Tensors = append(l.Tensors, convert.LayoutTensor{Name: name, Storage: i, DType: tensor.U8, Shape: tensor.Shape{8}})
	}
	f, err := tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader(nil), 0, "memory"), l, nil)
	must(t, err)
	defer f.Close()
	var src []*tensorfile.Tensor
	for x, err := range f.Tensors() {
		must(t, err)
		src = append(src, x)
	}
	got, err := derive(t, &operate.Pipeline{Steps: steps(t, "flip 0"), Workers: 3}, src...)
	must(t, err)
	for i, want := range []string{"hgfedcba", "", "hgfedcba"} {
		v, err := got[i].Read(ctx)
		if want == "" {
			if !errors.Is(err, broken) {
				t.Errorf("%d: %v", i, err)
			}
			continue
		}
		must(t, err)
		if b, err := v.Bytes(); err != nil || string(b) != want {
			t.Errorf("%d: %q, %v", i, b, err)
		}
	}
}

// Blocks of ggml become numbers box by box: q8_0 is a scale of f16 and 32 numbers.
func TestDequantiseBlocks(t *testing.T) {
	d, err := tensor.ParseDType("q8_0")
	must(t, err)
	var b []byte
	for block := range 4 { // scales 0.5, 1, 2, -0.25
		b = append(b, 0, []byte{0x38, 0x3c, 0x40, 0xb4}[block])
		for k := range 32 {
			b = append(b, byte(int8(k-16)))
		}
	}
	f, err := tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "memory"), &convert.Layout{
		Format: "test", Storages: []convert.LayoutStorage{{Size: int64(len(b))}},
		Tensors: []convert.LayoutTensor{{Name: "x", DType: d, Shape: tensor.Shape{2, 64}}},
	}, nil)
	must(t, err)
	defer f.Close()
	x, err := f.Tensor("x")
	must(t, err)
	for _, block := range []int64{64, 1 << 20} {
		restore := operate.SetBlock(block)
		part, err := applied(t, &operate.Pipeline{}, x, "dequant", "f32", "select", "1, 30:35")
		must(t, err)
		if v, err := part.Read(ctx); err != nil || v.String() != "[28.   30.    4.    3.75  3.5 ]" {
			t.Errorf("a part: %v, %v", v, err)
		}
		y, err := applied(t, &operate.Pipeline{}, x, "dequant", "f64", "flip", "0")
		must(t, err)
		v, err := y.Read(ctx)
		must(t, err)
		got, err := tensor.Data[float64](v)
		must(t, err)
		for i, x := range got {
			scale := []float64{2, -0.25, 0.5, 1}[i/32] // the second row comes first
			if want := scale * float64(i%32-16); x != want {
				t.Fatalf("element %d: %v, want %v", i, x, want)
			}
		}
		restore()
	}
	iq2, err := tensor.ParseDType("iq2_xxs")
	must(t, err)
	_, err = derive(t, &operate.Pipeline{Steps: steps(t, "dequant f32")}, streamed(t, iq2, tensor.Shape{256}, make([]byte, iq2.UnitBytes)))
	var e *tensor.Error
	if !errors.Is(err, tensor.ErrUnsupported) || !errors.As(err, &e) || e.Got != "from iq2_xxs to f32" {
		t.Errorf("%v", err)
	}
}
