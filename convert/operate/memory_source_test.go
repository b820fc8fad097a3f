package operate_test

import (
	"bytes"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// bigEndian is a tensor in a source that is not mapped, its bytes the other way
// round.
func bigEndian(t testing.TB, v tensor.View) *tensorfile.Tensor {
	t.Helper()
	var b bytes.Buffer
	must(t, v.WriteCOrder(&b, tensor.BigEndian))
	f, err := tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader(b.Bytes()), int64(b.Len()), "memory"), &convert.Layout{
		Format: "test", Storages: []convert.LayoutStorage{{Size: int64(b.Len())}},
		Tensors: []convert.LayoutTensor{{Name: "x", DType: v.DType(), Shape: v.Shape(), Order: tensor.BigEndian}},
	}, nil)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	x, err := f.Tensor("x")
	must(t, err)
	return x
}

// described is a tensor of any shape over one element, or nil if there is none.
func described(t testing.TB, s tensor.Shape) *tensorfile.Tensor {
	t.Helper()
	f, err := tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader([]byte{1}), 1, "memory"), &convert.Layout{
		Format: "test", Storages: []convert.LayoutStorage{{Size: 1}},
		Tensors: []convert.LayoutTensor{{Name: "x", DType: tensor.U8, Shape: s, Strides: make(tensor.Strides, len(s))}},
	}, nil)
	if err != nil {
		return nil
	}
	t.Cleanup(func() { f.Close() })
	x, err := f.Tensor("x")
	must(t, err)
	return x
}
