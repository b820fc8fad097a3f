package tensorfile_test

import (
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

func vec[T tensor.Elem](t testing.TB, shape tensor.Shape, x ...T) tensor.View {
	t.Helper()
	if shape == nil {
		shape = tensor.Shape{int64(len(x))}
	}
	return must(tensor.FromSlice(x, shape...))(t)
}

// csr34 is a matrix of three rows and four columns.
func csr34(t testing.TB) tensorfile.Composite {
	return tensorfile.Composite{Layout: format.LayoutCSR, Flags: format.FlagSorted | format.FlagUnique, DType: tensor.F64, Shape: tensor.Shape{3, 4}, Parts: []tensorfile.CompositePart{
		{Role: "indptr", View: vec(t, nil, int32(0), 2, 2, 3)},
		{Role: "indices", View: vec(t, nil, int32(0), 2, 3)},
		{Role: "values", View: vec(t, nil, 1.0, 3, -2)},
	}}
}

func TestComposite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.tensor")
	w := must(tensorfile.Create(path, nil))(t)
	ok(t, w.AddComposite(ctx, "m", csr34(t), nil))
	ok(t, w.Commit(ctx))
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	x := must(f.Tensor("m"))(t)
	c := must(x.ReadComposite(ctx))(t)
	if len(c.Parts) != 3 {
		t.Fatal(c)
	}
	a := must(x.Sparse(ctx))(t)
	ok(t, a.Validate(ctx, nil))
	if a.NNZ() != 3 {
		t.Error(a.NNZ())
	}
	rep := must(f.Verify(ctx, nil))(t)
	if !rep.OK() {
		t.Error(rep.Findings)
	}
	t.Log(must(x.Hash(ctx))(t))
}
