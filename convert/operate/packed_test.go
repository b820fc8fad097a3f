package operate_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/operate"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// Packed elements are made and moved in whole bytes.
func TestPacked(t *testing.T) {
	v, err := tensor.FromSlice([]int16{1, -2, 3, -4, 5, -6, 7, -8}, 2, 4)
	must(t, err)
	for _, c := range []struct {
		steps []string
		shape tensor.Shape
		want  []byte // the first element of a byte lies in its lower half
	}{
		{[]string{"dtype i4"}, tensor.Shape{2, 4}, []byte{0xe1, 0xc3, 0xa5, 0x87}},
		{[]string{"dtype i4", "flip 0"}, tensor.Shape{2, 4}, []byte{0xa5, 0x87, 0xe1, 0xc3}},
		{[]string{"select 1", "dtype i4"}, tensor.Shape{4}, []byte{0xa5, 0x87}},
		{[]string{"flip 1", "dtype i4", "select ::-1"}, tensor.Shape{2, 4}, []byte{0x78, 0x5a, 0x3c, 0x1e}},
	} {
		for _, form := range forms {
			y, err := derive(t, &operate.Pipeline{Steps: steps(t, c.steps...)}, opened(t, form, v))
			must(t, err)
			if got := bytesOf(t, y[0].Tensor); string(got) != string(c.want) || y[0].DType() != tensor.I4 || !y[0].Shape().Equal(c.shape) {
				t.Errorf("%s %q: %v %v % x, want % x", form, c.steps, y[0].DType(), y[0].Shape(), got, c.want)
			}
		}
	}
}

// streamed is a tensor whose bytes come one behind the other from a decoder.
func streamed(t *testing.T, d tensor.DType, shape tensor.Shape, b []byte) *tensorfile.Tensor {
	t.Helper()
	l := &convert.Layout{Format: "test", Storages: []convert.LayoutStorage{{Size: int64(len(b)), StoredSize: 1, Codec: "x", Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b)), nil
	}}}, Tensors: []convert.LayoutTensor{{Name: "x", DType: d, Shape: shape}}}
	f, err := tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader(nil), 0, "memory"), l, nil)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	x, err := f.Tensor("x")
	must(t, err)
	return x
}

// Behind another dtype elements that were packed are taken one by one, whatever
// the units in which they lie.
func TestPartsOfPacked(t *testing.T) {
	v, err := tensor.FromSlice([]int16{1, -2, 3, -4, 5, -6, 7, -8, 0, 2}, 2, 5)
	must(t, err)
	four, err := v.Cast(tensor.I4)
	must(t, err)
	raw, err := four.Bytes()
	must(t, err)
	sources := []*tensorfile.Tensor{streamed(t, tensor.I4, tensor.Shape{2, 5}, raw)}
	for _, form := range []string{"mapped", "read"} {
		sources = append(sources, opened(t, form, four))
	}
	for _, block := range []int64{4, 1 << 20} {
		restore := operate.SetBlock(block)
		for _, c := range []struct {
			steps []string
			want  string
		}{
			{[]string{"dtype i8", "select :, 1:3"}, "[[-2 3] [ 7 -8]]"},
			{[]string{"dtype i8", "select :, 3"}, "[-4 0]"},
			{[]string{"dtype i8", "select 1, -1"}, "2"},
			{[]string{"dtype i8", "flip 1"}, "[[ 5 -4 3 -2 1] [ 2 0 -8 7 -6]]"},
			{[]string{"dtype i8", "select ::-1, ::-2"}, "[[ 2 -8 -6] [ 5 3 1]]"},
			{[]string{"dtype i8", "rearrange a b -> b a"}, "[[ 1 -6] [-2 7] [ 3 -8] [-4 0] [ 5 2]]"},
			{[]string{"dtype i8", "rearrange a b -> (a b)", "select 3:7"}, "[-4 5 -6 7]"},
			{[]string{"dtype i8", "pad 0,1:0; reflect", "select :, :2"}, "[[-2 1] [ 7 -6]]"},
			{[]string{"flip 0", "dtype i16", "scale 2", "select :, 4:"}, "[[ 4] [10]]"},
			{[]string{"dtype i8", "select :, 1:5", "dtype i4", "dtype i8"}, "[[-2 3 -4 5] [ 7 -8 0 2]]"},
			{[]string{"dtype i8", "reduce max a b -> b"}, "[1 7 3 0 5]"},
		} {
			for i, x := range sources {
				y, err := derive(t, &operate.Pipeline{Steps: steps(t, c.steps...)}, x)
				if err != nil {
					t.Errorf("%d, %q: %v", i, c.steps, err)
					continue
				}
				got, err := y[0].Read(ctx)
				if err != nil {
					t.Errorf("%d, %q: %v", i, c.steps, err)
					continue
				}
				if text := strings.Join(strings.Fields(got.String()), " "); text != c.want {
					t.Errorf("%d, block %d, %q: %s, want %s", i, block, c.steps, text, c.want)
				}
			}
		}
		restore()
	}
}
