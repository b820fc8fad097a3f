package sql

import (
	"bytes"
	"errors"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// What no table can hold is refused before one is made.
func TestPlanRefuses(t *testing.T) {
	wide := func(n int64) convert.LayoutTensor {
		return convert.LayoutTensor{Name: "x", DType: tensor.U8, Shape: tensor.Shape{1, n}, Strides: tensor.Strides{0, 0}}
	}
	coo := convert.LayoutTensor{Name: "x", DType: tensor.F64, Shape: tensor.Shape{2, 2}, Layout: format.LayoutCOO, Flags: format.FlagSorted | format.FlagUnique, Parts: []convert.LayoutTensor{
		{Name: format.RoleIndices, DType: tensor.I64, Shape: tensor.Shape{1, 2}}, {Name: format.RoleValues, DType: tensor.F64, Shape: tensor.Shape{1}},
	}}
	rows := texts("x", format.RoleValues, tensor.I64, 1, 2)
	rows.DType, rows.Parts[1].DType = tensor.I8, tensor.I8
	for _, c := range []struct {
		what       string
		x          convert.LayoutTensor
		as         string
		field, got string
	}{
		{"too wide", wide(1<<16 + 1), "x", "shape", "(1, 65537)"},
		{"far too wide", wide(1 << 40), "x", "shape", "(1, 1099511627776)"},
		{"an odd name", convert.LayoutTensor{Name: "x", DType: tensor.U8, Shape: tensor.Shape{1}}, "a\x00b", "name", "NUL in it"},
		{"a sparse matrix", coo, "x", "dtype", "coo of f64"},
		{"rows of numbers", rows, "x", "dtype", "ragged of i8"},
		{"a complex number", convert.LayoutTensor{Name: "x", DType: tensor.C64, Shape: tensor.Shape{1}}, "x", "dtype", "c64"},
	} {
		l := &convert.Layout{Format: "made", Storages: []convert.LayoutStorage{{Size: 64}}, Tensors: []convert.LayoutTensor{c.x}}
		f, err := tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader(make([]byte, 64)), 64, "made"), l, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		x, err := f.Tensor("x")
		if err != nil {
			t.Fatal(err)
		}
		err = (&Dialect{Format: "made"}).Plan([]convert.Source{{Tensor: x, As: c.as}})
		var e *tensor.Error
		if !errors.Is(err, tensor.ErrUnsupported) || !errors.As(err, &e) || e.Field != c.field || e.Got != c.got || e.Tensor != c.as {
			t.Errorf("%s: %v", c.what, err)
		}
		f.Close()
	}
	l := &convert.Layout{Format: "made", Storages: []convert.LayoutStorage{{Size: 1}}, Tensors: []convert.LayoutTensor{wide(1 << 16)}}
	f, err := tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader(make([]byte, 1)), 1, "made"), l, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, err := f.Tensor("x")
	if err != nil {
		t.Fatal(err)
	}
	if err := (&Dialect{}).Plan([]convert.Source{{Tensor: x, As: "x"}}); err != nil {
		t.Errorf("65,536 columns: %v", err)
	}
}
