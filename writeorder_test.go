package tensorfile_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// A tensor that lies across the order it is written in is read about once, not
// once for each block of the output.
func TestWriteCOrderReadsOnce(t *testing.T) {
	const rows, cols = 6144, 3000
	size := rows * cols * 4
	if testing.Short() || raceBuild {
		t.Skip("70 MiB a case")
	}
	path := filepath.Join(t.TempDir(), "x")
	data := randomBytes(size, 9)
	ok(t, os.WriteFile(path, data, 0o600))
	l := &tensorfile.Layout{Format: "test", Storages: []tensorfile.LayoutStorage{{Size: int64(size)}}, Tensors: []tensorfile.LayoutTensor{
		{Name: "fortran", DType: tensor.F32, Shape: tensor.Shape{rows, cols}, Strides: tensor.Strides{4, 4 * rows}},
		{Name: "fortran 3-D", DType: tensor.F32, Shape: tensor.Shape{64, 96, cols}, Strides: tensor.Strides{4, 256, 4 * rows}},
		{Name: "backward rows", DType: tensor.F32, Shape: tensor.Shape{rows, cols}, Strides: tensor.Strides{-4 * cols, 4}, Offset: 4 * cols * (rows - 1)},
	}}
	m := must(mmap.Open(path, &mmap.Options{NoMmap: true}))(t)
	f := must(tensorfile.OpenLayout(m, l, nil))(t)
	defer f.Close()
	for i, lt := range l.Tensors {
		tn := must(f.Tensor(lt.Name))(t)
		want := must(tensor.NewView(data, lt.DType, lt.Shape, lt.Strides, lt.Offset, tensor.LittleEndian))(t)
		var x, y counting
		before := f.ReadStats().Positioned
		ok(t, tn.WriteCOrder(ctx, &x))
		read := f.ReadStats().Positioned - before
		ok(t, want.WriteCOrder(&y, tensor.LittleEndian))
		if x != y {
			t.Errorf("%s: wrote other bytes", lt.Name)
		}
		t.Logf("%s: read %.2f times", lt.Name, float64(read)/float64(size))
		most := 2.0
		if i == 1 {
			most = 5 // runs of some bytes: each of its few blocks takes all pages
		}
		if float64(read) > most*float64(size) {
			t.Errorf("%s: read %d bytes of %d", lt.Name, read, size)
		}
	}
}

// What a decoder brings behind the last element of a packed row does not get
// out, wherever the pieces of the stream end.
func TestStreamedRowsEndInZeros(t *testing.T) {
	for _, c := range []struct {
		d     tensor.DType
		shape tensor.Shape
	}{
		{tensor.I4, tensor.Shape{3, 5}},
		{tensor.I4, tensor.Shape{1000, 3001}},
		{tensor.Bool1, tensor.Shape{7, 11, 13}},
		{tensor.F6E3M2, tensor.Shape{901, 1003}},
		{tensor.F6E3M2, tensor.Shape{5, 8}},
	} {
		size := must(tensor.ByteSize(c.d, c.shape))(t)
		data := bytes.Repeat([]byte{0xff}, int(size))
		opened := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
		l := &tensorfile.Layout{Format: "test", Storages: []tensorfile.LayoutStorage{{Size: size, Open: opened, Codec: "test"}}, Tensors: []tensorfile.LayoutTensor{
			{Name: "x", DType: c.d, Shape: c.shape},
		}}
		f := must(tensorfile.OpenLayout(memMap(nil), l, nil))(t)
		x := must(f.Tensor("x"))(t)
		var got bytes.Buffer
		ok(t, x.WriteCOrder(ctx, &got))
		want := image(t, must(must(tensor.NewView(data, c.d, c.shape, nil, 0, tensor.LittleEndian))(t).Clone())(t))
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%v %v: other bytes", c.d, c.shape)
		}
		if dirty := bytes.Equal(want, data); dirty != (fmt.Sprint(c.shape) == "(5, 8)") {
			t.Errorf("%v %v: padding %v", c.d, c.shape, dirty)
		}
		ok(t, f.Close())
	}
}
