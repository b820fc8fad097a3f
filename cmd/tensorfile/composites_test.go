package main

import (
	"context"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/ragged"
	"github.com/tensorfile/tensorfile/tensor"
)

// scriptComposites writes a file with a composite of each layout: the sparse
// ones are the matrix [[1 0 3 0] [0 0 0 0] [0 0 0 -2]].
func scriptComposites(ts *testscript.TestScript, neg bool, args []string) {
	type parts = []tensorfile.CompositePart
	shape, both := tensor.Shape{3, 4}, uint32(format.FlagSorted|format.FlagUnique)
	values := viewOf(ts, nil, 1.0, 3, -2)
	mask, err := tensor.NewView([]byte{0b0101, 0, 0b1000}, tensor.Bool1, shape, nil, 0, tensor.LittleEndian)
	ts.Check(err)
	w, err := tensorfile.Create(ts.MkAbs(args[0]), &tensorfile.CreateOptions{Deterministic: true})
	ts.Check(err)
	for _, c := range []tensorfile.Composite{
		{Layout: format.LayoutCOO, Flags: both, DType: tensor.F64, Shape: shape, Parts: parts{{Role: "indices", View: viewOf(ts, tensor.Shape{3, 2}, int64(0), 0, 0, 2, 2, 3)}, {Role: "values", View: values}}},
		{Layout: format.LayoutCSR, Flags: both, DType: tensor.F64, Shape: shape, Parts: parts{{Role: "indptr", View: viewOf(ts, nil, int32(0), 2, 2, 3)}, {Role: "indices", View: viewOf(ts, nil, int32(0), 2, 3)}, {Role: "values", View: values}}},
		{Layout: format.LayoutCSC, Flags: both, DType: tensor.F64, Shape: shape, Parts: parts{{Role: "indptr", View: viewOf(ts, nil, int32(0), 1, 1, 2, 3)}, {Role: "indices", View: viewOf(ts, nil, int32(0), 0, 2)}, {Role: "values", View: values}}},
		{Layout: format.LayoutBSR, Flags: both, DType: tensor.F64, Shape: shape, Parts: parts{{Role: "indptr", View: viewOf(ts, nil, int32(0), 2, 2, 3)}, {Role: "indices", View: viewOf(ts, nil, int32(0), 1, 1)}, {Role: "values", View: viewOf(ts, tensor.Shape{3, 1, 2}, 1.0, 0, 3, 0, 0, -2)}}},
		{Layout: format.LayoutCSF, Flags: both, DType: tensor.F64, Shape: shape, Parts: parts{{Role: "order", View: viewOf(ts, nil, uint8(0), 1)}, {Role: "ptr0", View: viewOf(ts, nil, int64(0), 2, 3)}, {Role: "idx0", View: viewOf(ts, nil, int64(0), 2)}, {Role: "idx1", View: viewOf(ts, nil, int64(0), 2, 3)}, {Role: "values", View: values}}},
		{Layout: format.LayoutBitmap, Flags: both, DType: tensor.F64, Shape: shape, Parts: parts{{Role: "mask", View: mask}, {Role: "values", View: values}}},
		{Layout: format.LayoutRagged, DType: tensor.F32, Shape: tensor.Shape{3, 2}, Parts: parts{{Role: "offsets", View: viewOf(ts, nil, int64(0), 2, 2, 3)}, {Role: "values", View: viewOf(ts, nil, float32(1), 2, 3)}}},
		{Layout: format.LayoutString, Shape: tensor.Shape{2, 2}, Parts: parts{{Role: "offsets", View: viewOf(ts, nil, uint32(0), 3, 3, 6, 9)}, {Role: "bytes", View: viewOf(ts, nil, []byte("abc\u20acd\tf")...)}}},
		{Layout: format.LayoutQuantised, DType: tensor.F32, Shape: shape, Parts: parts{{Role: "values", View: viewOf(ts, shape, int8(1), 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)}, {Role: "scales", View: viewOf(ts, tensor.Shape{2, 2}, float32(1), 2, 3, 4)}, {Role: "group", View: viewOf(ts, nil, uint32(2), 3)}}},
	} {
		ts.Check(w.AddComposite(context.Background(), format.LayoutName(c.Layout), c, nil))
	}
	ts.Check(w.Commit(context.Background()))
}

// viewOf is a view of a slice; a nil shape means its length.
func viewOf[T tensor.Elem](ts *testscript.TestScript, shape tensor.Shape, x ...T) tensor.View {
	if shape == nil {
		shape = tensor.Shape{int64(len(x))}
	}
	v, err := tensor.FromSlice(x, shape...)
	ts.Check(err)
	return v
}

// scriptUneven writes a file with ragged tensors and strings, plain ones and
// those that are long.
func scriptUneven(ts *testscript.TestScript, neg bool, args []string) {
	w, err := tensorfile.Create(ts.MkAbs(args[0]), &tensorfile.CreateOptions{Deterministic: true})
	ts.Check(err)
	ctx := context.Background()
	rows := func(name string, a *ragged.Array, err error) {
		ts.Check(err)
		ts.Check(w.AddRagged(ctx, name, a, nil))
	}
	a, err := ragged.FromSlices([][]float32{{1, 2}, {}, {3}, {}, {4, 5, 6}})
	rows("rows", a, err)
	a, err = ragged.New(viewOf(ts, nil, uint8(0), 2, 2, 3), viewOf(ts, tensor.Shape{3, 2}, int16(1), 2, 3, 4, 5, 6), 2)
	rows("pairs", a, err)
	var long [][]float64
	for i := range 2000 {
		long = append(long, make([]float64, i%3))
		for k := range long[i] {
			long[i][k] = float64(i) / 8
		}
	}
	a, err = ragged.FromSlices(long)
	rows("many", a, err)
	words := func(name string, list []string, shape ...int64) {
		s, err := ragged.FromStrings(list, shape...)
		ts.Check(err)
		if name == "one" {
			s, err = s.Reshape(tensor.Shape{})
			ts.Check(err)
		}
		ts.Check(w.AddStrings(ctx, name, s, nil))
	}
	words("words", []string{"abc", "", "\u20ac uro", "d\tf"})
	words("grid", []string{"a", "\u20ac\n", `"q"`, "", ",", "b c"}, 2, 3)
	words("one", []string{"alone"})
	words("nul", []string{"a\x00", "b"})
	ts.Check(w.Commit(ctx))
}
