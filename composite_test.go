package tensorfile_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// vec is a view of a slice; a nil shape means its length.
func vec[T tensor.Elem](t testing.TB, shape tensor.Shape, x ...T) tensor.View {
	t.Helper()
	if shape == nil {
		shape = tensor.Shape{int64(len(x))}
	}
	if len(x) == 0 {
		return must(tensor.Make(tensor.DTypeOf[T](), shape))(t)
	}
	return must(must(tensor.FromSlice(x))(t).Reshape(shape))(t)
}

// bits1 is a bool1 view of rows of at most 8 elements, each given as a byte.
func bits1(t testing.TB, shape tensor.Shape, rows ...byte) tensor.View {
	t.Helper()
	return must(tensor.NewView(rows, tensor.Bool1, shape, nil, 0, tensor.LittleEndian))(t)
}

const sortedUnique = format.FlagSorted | format.FlagUnique

type parts = []tensorfile.CompositePart

// smallComposites are one of each layout. The sparse ones are the matrix
//
//	[[1 0 3 0] [0 0 0 0] [0 0 0 -2]]
func smallComposites(t testing.TB) map[string]tensorfile.Composite {
	shape := tensor.Shape{3, 4}
	values := vec(t, nil, 1.0, 3, -2)
	return map[string]tensorfile.Composite{
		"coo": {Layout: format.LayoutCOO, Flags: sortedUnique, DType: tensor.F64, Shape: shape, Parts: parts{
			{Role: "indices", View: vec(t, tensor.Shape{3, 2}, int64(0), 0, 0, 2, 2, 3)}, {Role: "values", View: values}}},
		"csr": {Layout: format.LayoutCSR, Flags: sortedUnique, DType: tensor.F64, Shape: shape, Parts: parts{
			{Role: "indptr", View: vec(t, nil, int32(0), 2, 2, 3)}, {Role: "indices", View: vec(t, nil, int32(0), 2, 3)}, {Role: "values", View: values}}},
		"csc": {Layout: format.LayoutCSC, Flags: sortedUnique, DType: tensor.F64, Shape: shape, Parts: parts{
			{Role: "indptr", View: vec(t, nil, uint16(0), 1, 1, 2, 3)}, {Role: "indices", View: vec(t, nil, uint8(0), 0, 2)}, {Role: "values", View: values},
			{Role: "fill", View: vec(t, tensor.Shape{}, 7.0)}}},
		"bsr": {Layout: format.LayoutBSR, Flags: sortedUnique, DType: tensor.F64, Shape: shape, Parts: parts{
			{Role: "indptr", View: vec(t, nil, int32(0), 2, 2, 3)}, {Role: "indices", View: vec(t, nil, int32(0), 1, 1)},
			{Role: "values", View: vec(t, tensor.Shape{3, 1, 2}, 1.0, 0, 3, 0, 0, -2)}}},
		"csf": {Layout: format.LayoutCSF, Flags: sortedUnique, DType: tensor.F64, Shape: shape, Parts: parts{
			{Role: "order", View: vec(t, nil, uint8(0), 1)}, {Role: "ptr0", View: vec(t, nil, int64(0), 2, 3)},
			{Role: "idx0", View: vec(t, nil, int64(0), 2)}, {Role: "idx1", View: vec(t, nil, int64(0), 2, 3)}, {Role: "values", View: values}}},
		"bitmap": {Layout: format.LayoutBitmap, Flags: sortedUnique, DType: tensor.F64, Shape: shape, Parts: parts{
			{Role: "mask", View: bits1(t, shape, 0b0101, 0, 0b1000)}, {Role: "values", View: values}}},
		"ragged": {Layout: format.LayoutRagged, DType: tensor.F32, Shape: tensor.Shape{3, 2, 2}, Parts: parts{
			{Role: "offsets", View: vec(t, nil, int64(0), 2, 2, 3)}, {Role: "values", View: vec(t, tensor.Shape{3, 2}, float32(1), 2, 3, 4, 5, 6)}}},
		"string": {Layout: format.LayoutString, Shape: tensor.Shape{2, 2}, Parts: parts{
			{Role: "offsets", View: vec(t, nil, uint32(0), 3, 3, 6, 9)}, {Role: "bytes", View: vec(t, nil, []byte("abc\u20acdef")...)}}},
		"quantised": {Layout: format.LayoutQuantised, DType: tensor.F32, Shape: tensor.Shape{3, 4}, Parts: parts{
			{Role: "values", View: vec(t, shape, int8(1), 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)}, {Role: "scales", View: vec(t, tensor.Shape{2, 2}, float32(1), 2, 3, 4)},
			{Role: "zeros", View: vec(t, tensor.Shape{2, 2}, int8(1), 1, 2, 2)}, {Role: "group", View: vec(t, nil, uint32(2), 3)}}},
	}
}

// writtenComposites is a file with these composites.
func writtenComposites(t testing.TB, list map[string]tensorfile.Composite, o *tensorfile.TensorOptions) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.tensor")
	w := must(tensorfile.Create(path, nil))(t)
	for name, c := range list {
		ok(t, w.AddComposite(ctx, name, c, o))
	}
	ok(t, w.Commit(ctx))
	return path
}

func opened(t testing.TB, path string, o *tensorfile.OpenOptions) *tensorfile.File {
	t.Helper()
	f := must(tensorfile.Open(path, o))(t)
	t.Cleanup(func() { f.Close() })
	return f
}

// sameComposite demands equal layouts, flags, shapes and parts.
func sameComposite(t testing.TB, what string, got, want tensorfile.Composite) {
	t.Helper()
	if got.Layout != want.Layout || got.Flags != want.Flags || got.DType != want.DType || !got.Shape.Equal(want.Shape) {
		t.Errorf("%s: layout %d, flags %#x, %v %v, want %d, %#x, %v %v", what, got.Layout, got.Flags, got.DType, got.Shape, want.Layout, want.Flags, want.DType, want.Shape)
	}
	if len(got.Parts) != len(want.Parts) {
		t.Errorf("%s: %d parts, want %d", what, len(got.Parts), len(want.Parts))
	}
	for _, p := range want.Parts {
		q := got.Part(p.Role)
		if q == nil {
			t.Errorf("%s: no part %s", what, p.Role)
			continue
		}
		sameView(t, what+", part "+p.Role, q.View, p.View)
	}
}

func TestCompositesComeBack(t *testing.T) {
	list := smallComposites(t)
	for how, o := range map[string]*tensorfile.TensorOptions{"plain": nil, "chunks": {Chunk: tensor.Shape{2}}, "auto": {Codec: "auto"}, "zstd": {Chunk: tensor.Shape{1}, Codec: "zstd"}, "delta": {Codec: "best", Attrs: tensorfile.Attrs{"a": int64(1)}}} {
		path := writtenComposites(t, list, o)
		for _, no := range []bool{false, true} {
			f := opened(t, path, &tensorfile.OpenOptions{NoMmap: no})
			for name, want := range list {
				x := must(f.Tensor(name))(t)
				sameComposite(t, how+", "+name, must(x.ReadComposite(ctx))(t), want)
				for _, p := range want.Parts {
					q := must(x.Part(p.Role))(t)
					sameView(t, name+"/"+p.Role, must(q.Read(ctx))(t), p.View)
				}
				if _, err := x.Part("nothing"); !errors.Is(err, tensorfile.ErrNotFound) {
					t.Errorf("a part that is not there: %v", err)
				}
				if _, err := x.View(); !errors.Is(err, tensorfile.ErrEncoded) {
					t.Errorf("view of a composite: %v", err)
				}
				if format.IsSparse(want.Layout) {
					a := must(x.Sparse(ctx))(t)
					ok(t, a.Validate(ctx, nil))
					if a.NNZ() != 3 && name != "bsr" {
						t.Errorf("%s: %d entries", name, a.NNZ())
					}
				} else if _, err := x.Sparse(ctx); !errors.Is(err, tensorfile.ErrUnsupported) {
					t.Errorf("%s as a sparse tensor: %v", name, err)
				}
			}
			if rep := must(f.Verify(ctx, nil))(t); !rep.OK() || len(rep.Unknown) > 0 {
				t.Errorf("%s: %v %v", how, rep.Findings, rep.Unknown)
			}
		}
	}
}

// Sparse arrays of package sparse go in and come out, and the array on the
// mapping is made once.
func TestSparseArrays(t *testing.T) {
	c := smallComposites(t)["csr"]
	a := must(c.Sparse())(t)
	path := filepath.Join(t.TempDir(), "s.tensor")
	w := must(tensorfile.Create(path, nil))(t)
	ok(t, w.AddSparse(ctx, "m", a, nil))
	ok(t, w.AddSparse(ctx, "packed", a, &tensorfile.TensorOptions{Codec: "raw"}))
	bad := must(sparse.New(sparse.Spec{Layout: sparse.CSR, Shape: tensor.Shape{1, 2}, Parts: []sparse.Part{{Role: "indptr", View: vec(t, nil, int32(0), 1)}, {Role: "indices", View: vec(t, nil, int32(2))}, {Role: "values", View: vec(t, nil, 1.0)}}}))(t)
	if err := w.AddSparse(ctx, "bad", bad, nil); !isRule(err, tensorfile.ErrCorrupt, format.RuleLayoutIndex) {
		t.Errorf("an index out of range: %v", err)
	}
	ok(t, w.Commit(ctx))
	f := opened(t, path, nil)
	x := must(f.Tensor("m"))(t)
	one, two := must(x.Sparse(ctx))(t), must(must(f.Tensor("m"))(t).Sparse(ctx))(t)
	if one != two {
		t.Error("two arrays on one mapping")
	}
	if hostOfFiles {
		got := must(sparse.Data[float64](one, "values"))(t)
		stored := must(tensorfile.Data[float64](must(x.Part("values"))(t)))(t)
		if &got[0] != &stored[0] {
			t.Error("plain bytes were copied")
		}
	}
	indices, _ := must(must(f.Tensor("packed"))(t).Sparse(ctx))(t).Part("indices")
	if got := must(tensor.Data[int32](must(indices.Clone())(t)))(t); !slices.Equal(got, []int32{0, 2, 3}) {
		t.Error(got)
	}
}

// isRule reports whether err is of a kind and names a rule.
func isRule(err, kind error, rule string) bool {
	var e *tensorfile.Error
	return errors.Is(err, kind) && errors.As(err, &e) && e.Rule == rule
}

// Nothing is written of what is not a composite.
func TestBadCompositesAreRefused(t *testing.T) {
	change := func(layout string, fn func(c *tensorfile.Composite)) tensorfile.Composite {
		c := smallComposites(t)[layout]
		c.Parts = slices.Clone(c.Parts)
		fn(&c)
		return c
	}
	set := func(layout, role string, v tensor.View) tensorfile.Composite {
		return change(layout, func(c *tensorfile.Composite) { c.Part(role).View = v })
	}
	without := func(layout, role string) tensorfile.Composite {
		return change(layout, func(c *tensorfile.Composite) {
			c.Parts = slices.DeleteFunc(c.Parts, func(p tensorfile.CompositePart) bool { return p.Role == role })
		})
	}
	flags := func(layout string, flags uint32) tensorfile.Composite {
		return change(layout, func(c *tensorfile.Composite) { c.Flags = flags })
	}
	malformed, corrupt := tensorfile.ErrFormat, tensorfile.ErrCorrupt
	path := filepath.Join(t.TempDir(), "bad.tensor")
	w := must(tensorfile.Create(path, nil))(t)
	n := 0
	for _, c := range []struct {
		what string
		c    tensorfile.Composite
		kind error
		rule string
	}{
		{"no layout", change("csr", func(c *tensorfile.Composite) { c.Layout = 0 }), tensorfile.ErrUnsupported, format.RuleLayoutKnown},
		{"layout 10", change("csr", func(c *tensorfile.Composite) { c.Layout = 10 }), tensorfile.ErrUnsupported, format.RuleLayoutKnown},
		{"csr of rank 3", change("csr", func(c *tensorfile.Composite) { c.Shape = tensor.Shape{3, 4, 1} }), malformed, format.RuleLayoutPart},
		{"csr without dtype", change("csr", func(c *tensorfile.Composite) { c.DType = tensor.DType{} }), corrupt, format.RuleDTypeNone},
		{"strings with dtype", change("string", func(c *tensorfile.Composite) { c.DType = tensor.U8 }), corrupt, format.RuleDTypeNone},
		{"another role", change("csr", func(c *tensorfile.Composite) { c.Parts[0].Role = "offsets" }), malformed, format.RuleLayoutPart},
		{"a role twice", change("csr", func(c *tensorfile.Composite) { c.Parts = append(c.Parts, c.Parts[0]) }), tensorfile.ErrDuplicate, format.RuleLayoutPart},
		{"no indptr", without("csr", "indptr"), malformed, format.RuleLayoutPart},
		{"no group", without("quantised", "group"), malformed, format.RuleLayoutPart},
		{"no idx1", without("csf", "idx1"), malformed, format.RuleLayoutPart},
		{"indptr too short", set("csr", "indptr", vec(t, nil, int32(0), 2, 3)), malformed, format.RuleLayoutPart},
		{"float indices", set("csr", "indices", vec(t, nil, float32(0), 2, 3)), malformed, format.RuleLayoutPart},
		{"values of another dtype", set("csr", "values", vec(t, nil, float32(0), 2, 3)), malformed, format.RuleLayoutPart},
		{"fewer values", set("csr", "values", vec(t, nil, 1.0, 2)), malformed, format.RuleLayoutPart},
		{"fill of rank 1", set("csc", "fill", vec(t, nil, 1.0)), malformed, format.RuleLayoutPart},
		{"blocks that do not divide", set("bsr", "values", vec(t, tensor.Shape{3, 2, 1}, 1.0, 2, 3, 4, 5, 6)), malformed, format.RuleLayoutPart},
		{"blocks of nothing", set("bsr", "values", vec[float64](t, tensor.Shape{3, 0, 1})), malformed, format.RuleLayoutPart},
		{"mask of bytes", set("bitmap", "mask", vec(t, tensor.Shape{3, 4}, make([]bool, 12)...)), malformed, format.RuleLayoutPart},
		{"scales of another shape", set("quantised", "scales", vec(t, tensor.Shape{2, 1}, float32(1), 2)), malformed, format.RuleLayoutPart},
		{"zeros of another shape", set("quantised", "zeros", vec(t, tensor.Shape{1, 2}, int8(1), 2)), malformed, format.RuleLayoutPart},
		{"group 0", set("quantised", "group", vec(t, nil, uint32(0), 3)), corrupt, format.RuleLayoutIndex},
		{"unknown flag", flags("csr", 8), corrupt, format.RuleLayoutFlags},
		{"flags of ragged", flags("ragged", 1), corrupt, format.RuleLayoutFlags},
		{"csf not unique", flags("csf", 1), corrupt, format.RuleLayoutFlags},
		{"structure of 3 by 4", flags("csr", 0x10), corrupt, format.RuleLayoutFlags},
		{"structure of bsr", flags("bsr", 0x10), corrupt, format.RuleLayoutFlags},
		{"triangle of nothing", flags("csr", 0x40), corrupt, format.RuleLayoutFlags},
		{"hermitian floats", change("csr", func(c *tensorfile.Composite) { c.Shape, c.Flags = tensor.Shape{3, 3}, 0x30 }), corrupt, format.RuleLayoutFlags},
		{"indptr from 1", set("csr", "indptr", vec(t, nil, int32(1), 2, 2, 3)), corrupt, format.RuleLayoutPointer},
		{"indptr falls", set("csr", "indptr", vec(t, nil, int32(0), 2, 1, 3)), corrupt, format.RuleLayoutPointer},
		{"indptr ends too soon", set("csr", "indptr", vec(t, nil, int32(0), 2, 2, 2)), corrupt, format.RuleLayoutPointer},
		{"indptr past the end", set("csr", "indptr", vec(t, nil, int32(0), 4, 4, 4)), corrupt, format.RuleLayoutPointer},
		{"index -1", set("csr", "indices", vec(t, nil, int32(-1), 2, 3)), corrupt, format.RuleLayoutIndex},
		{"index 4", set("csr", "indices", vec(t, nil, int32(0), 2, 4)), corrupt, format.RuleLayoutIndex},
		{"index 2^64-1", set("csr", "indices", vec(t, nil, uint64(0), 2, 1<<64-1)), corrupt, format.RuleLayoutIndex},
		{"not sorted", set("csr", "indices", vec(t, nil, int32(2), 0, 3)), corrupt, format.RuleLayoutIndex},
		{"twice", set("csr", "indices", vec(t, nil, int32(2), 2, 3)), corrupt, format.RuleLayoutIndex},
		{"twice, unsorted", change("csr", func(c *tensorfile.Composite) {
			c.Flags = format.FlagUnique
			c.Part("indices").View = vec(t, nil, int32(2), 2, 3)
		}), corrupt, format.RuleLayoutIndex},
		{"coo not sorted", set("coo", "indices", vec(t, tensor.Shape{3, 2}, int8(0), 2, 0, 0, 2, 3)), corrupt, format.RuleLayoutIndex},
		{"coo twice, unsorted", change("coo", func(c *tensorfile.Composite) {
			c.Flags = format.FlagUnique
			c.Part("indices").View = vec(t, tensor.Shape{3, 2}, int8(2), 3, 0, 0, 2, 3)
		}), corrupt, format.RuleLayoutIndex},
		{"coo out of range", set("coo", "indices", vec(t, tensor.Shape{3, 2}, int8(0), 0, 0, 2, 3, 0)), corrupt, format.RuleLayoutIndex},
		{"upper triangle in the lower", change("coo", func(c *tensorfile.Composite) { c.Shape, c.Flags = tensor.Shape{4, 4}, 0x10 }), corrupt, format.RuleLayoutIndex},
		{"diagonal of a skew-symmetric tensor", change("csr", func(c *tensorfile.Composite) {
			c.Shape, c.Flags = tensor.Shape{4, 4}, 0x60
			c.Part("indptr").View = vec(t, nil, int32(0), 2, 2, 3, 3)
		}), corrupt, format.RuleLayoutIndex},
		{"order 0 0", set("csf", "order", vec(t, nil, uint8(0), 0)), corrupt, format.RuleLayoutIndex},
		{"order 2", set("csf", "order", vec(t, nil, uint8(0), 2)), corrupt, format.RuleLayoutIndex},
		{"node without a child", set("csf", "ptr0", vec(t, nil, int64(0), 0, 3)), corrupt, format.RuleLayoutPointer},
		{"nodes not sorted", set("csf", "idx0", vec(t, nil, int64(2), 0)), corrupt, format.RuleLayoutIndex},
		{"siblings not sorted", set("csf", "idx1", vec(t, nil, int64(2), 0, 3)), corrupt, format.RuleLayoutIndex},
		{"four bits", set("bitmap", "mask", bits1(t, tensor.Shape{3, 4}, 0b0111, 0, 0b1000)), corrupt, format.RuleLayoutIndex},
		{"a row that is too long", change("ragged", func(c *tensorfile.Composite) { c.Shape = tensor.Shape{3, 1, 2} }), corrupt, format.RuleLayoutPointer},
		{"not UTF-8", set("string", "bytes", vec(t, nil, []byte("abc\xe2\x82\xffdef")...)), corrupt, format.RuleLayoutUTF8},
		{"a character cut", set("string", "offsets", vec(t, nil, uint32(0), 3, 4, 6, 9)), corrupt, format.RuleLayoutUTF8},
	} {
		n++
		if err := w.AddComposite(ctx, "x", c.c, nil); !isRule(err, c.kind, c.rule) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	t.Logf("%d refused", n)
	ok(t, w.AddComposite(ctx, "x", smallComposites(t)["csr"], nil))
	ok(t, w.Commit(ctx))
	f := opened(t, path, nil)
	if n := must(f.Len())(t); n != 1 {
		t.Errorf("%d tensors", n)
	}
	if rep := must(f.Verify(ctx, nil))(t); !rep.OK() || rep.Tensors != 4 || rep.Storages != 3 {
		t.Errorf("%d records, %d storages: %v", rep.Tensors, rep.Storages, rep.Findings)
	}
}

// A part may be a composite itself, once: here, values with scales.
func TestNestedComposites(t *testing.T) {
	c := smallComposites(t)["csr"]
	c.DType = tensor.F32
	c.Parts = slices.Clone(c.Parts)
	c.Part("values").View = tensor.View{}
	c.Part("values").Composite = &tensorfile.Composite{Layout: format.LayoutQuantised, DType: tensor.F32, Shape: tensor.Shape{3}, Parts: parts{
		{Role: "values", View: vec(t, nil, int8(1), 2, 3)}, {Role: "scales", View: vec(t, nil, float32(0.5))}, {Role: "group", View: vec(t, nil, uint32(3))}}}
	path := writtenComposites(t, map[string]tensorfile.Composite{"m": c}, nil)
	f := opened(t, path, nil)
	got := must(must(f.Tensor("m"))(t).ReadComposite(ctx))(t)
	sameComposite(t, "inner", *got.Part("values").Composite, *c.Part("values").Composite)
	if rep := must(f.Verify(ctx, nil))(t); !rep.OK() || rep.Tensors != 7 {
		t.Errorf("%d records: %v", rep.Tensors, rep.Findings)
	}
	if _, err := must(f.Tensor("m"))(t).Sparse(ctx); !errors.Is(err, tensorfile.ErrUnsupported) {
		t.Errorf("as a sparse array: %v", err)
	}
	c.Part("values").Composite.Parts[1] = tensorfile.CompositePart{Role: "scales", Composite: &tensorfile.Composite{Layout: format.LayoutQuantised, DType: tensor.F32, Shape: tensor.Shape{1}, Parts: parts{
		{Role: "values", View: vec(t, nil, int8(1))}, {Role: "scales", View: vec(t, nil, float32(0.5))}, {Role: "group", View: vec(t, nil, uint32(3))}}}}
	w := must(tensorfile.Create(path, &tensorfile.CreateOptions{Overwrite: true}))(t)
	defer w.Close()
	if err := w.AddComposite(ctx, "m", c, nil); !isRule(err, tensorfile.ErrFormat, format.RuleNameRole) {
		t.Errorf("a part of a part of a part: %v", err)
	}
}

// largeCSR is a matrix of rows of 0 to 9 entries.
func largeCSR(t testing.TB, rows, columns int64) tensorfile.Composite {
	ptr, idx, val := []int32{0}, []int32{}, []float64{}
	x := uint32(1)
	for r := range rows {
		c := int64(0)
		for range (r*7 + r/13) % 10 {
			x = x*1664525 + 1013904223
			if c += 1 + int64(x>>20)%(columns/10); c >= columns {
				break
			}
			idx, val = append(idx, int32(c)), append(val, float64(x)/7)
		}
		ptr = append(ptr, int32(len(idx)))
	}
	return tensorfile.Composite{Layout: format.LayoutCSR, Flags: sortedUnique, DType: tensor.F64, Shape: tensor.Shape{rows, columns}, Parts: parts{
		{Role: "indptr", View: vec(t, nil, ptr...)}, {Role: "indices", View: vec(t, nil, idx...)}, {Role: "values", View: vec(t, nil, val...)}}}
}

// rowsOf cuts rows from a csr composite in memory, as an independent look at it.
func rowsOf(t testing.TB, c tensorfile.Composite, from, to int64) tensorfile.Composite {
	ptr := must(tensor.Data[int32](c.Part("indptr").View))(t)
	own := slices.Clone(ptr[from : to+1])
	a, b := int64(own[0]), int64(own[to-from])
	for i := range own {
		own[i] -= int32(a)
	}
	return tensorfile.Composite{Layout: c.Layout, Flags: c.Flags, DType: c.DType, Shape: tensor.Shape{to - from, c.Shape[1]}, Parts: parts{
		{Role: "indptr", View: vec(t, nil, own...)}, {Role: "indices", View: must(c.Part("indices").View.Slice(0, a, b, 1))(t)}, {Role: "values", View: must(c.Part("values").View.Slice(0, a, b, 1))(t)}}}
}

// A slice of rows reads the pointers of these rows, and the chunks that hold
// them.
func TestRowsReadTheirChunks(t *testing.T) {
	c := largeCSR(t, 20_000, 5000)
	nnz := c.Part("values").View.NumElements()
	path := writtenComposites(t, map[string]tensorfile.Composite{"m": c}, &tensorfile.TensorOptions{Chunk: tensor.Shape{1000}, Codec: "lz4\nzstd"})
	plain := writtenComposites(t, map[string]tensorfile.Composite{"m": c}, nil)
	f, g := opened(t, path, nil), opened(t, plain, nil)
	for _, r := range [][2]int64{{0, 1}, {0, 0}, {10_000, 10_050}, {19_999, 20_000}, {20_000, 20_000}, {999, 1001}, {0, 20_000}} {
		want := rowsOf(t, c, r[0], r[1])
		before := f.ReadStats().Decoded
		got := must(must(f.Tensor("m"))(t).ReadRows(ctx, r[0], r[1]))(t)
		decoded := f.ReadStats().Decoded - before
		sameComposite(t, fmt.Sprint("chunks ", r), got, want)
		n := want.Part("values").View.NumElements()
		most := (r[1]-r[0]+1)/1000 + 2 + 2*(n/1000+2)
		if n == 0 {
			most = 2
		}
		if decoded > most {
			t.Errorf("rows %v: %d chunks decoded, %d at most hold them", r, decoded, most)
		}
		sameComposite(t, fmt.Sprint("plain ", r), must(must(g.Tensor("m"))(t).ReadRows(ctx, r[0], r[1]))(t), want)
		a := must(must(g.Tensor("m"))(t).SparseRows(ctx, r[0], r[1]))(t)
		ok(t, a.Validate(ctx, nil))
		if a.NNZ() != n {
			t.Errorf("%d entries, want %d", a.NNZ(), n)
		}
	}
	if s := g.ReadStats(); s.Mapped+s.Positioned+s.Direct != 0 {
		t.Errorf("rows of plain bytes were copied: %+v", s)
	}
	t.Logf("%d entries", nnz)
	for _, r := range [][2]int64{{-1, 0}, {2, 1}, {0, 20_001}} {
		if _, err := must(f.Tensor("m"))(t).ReadRows(ctx, r[0], r[1]); !errors.Is(err, tensorfile.ErrIndex) {
			t.Errorf("rows %v: %v", r, err)
		}
	}
}

func TestRowsOfEachLayout(t *testing.T) {
	list := smallComposites(t)
	want := map[string]tensorfile.Composite{
		"csr": {Layout: format.LayoutCSR, Flags: sortedUnique, DType: tensor.F64, Shape: tensor.Shape{2, 4}, Parts: parts{
			{Role: "indptr", View: vec(t, nil, int32(0), 0, 1)}, {Role: "indices", View: vec(t, nil, int32(3))}, {Role: "values", View: vec(t, nil, -2.0)}}},
		"csc": {Layout: format.LayoutCSC, Flags: sortedUnique, DType: tensor.F64, Shape: tensor.Shape{3, 2}, Parts: parts{
			{Role: "indptr", View: vec(t, nil, uint16(0), 0, 1)}, {Role: "indices", View: vec(t, nil, uint8(0))}, {Role: "values", View: vec(t, nil, 3.0)}, {Role: "fill", View: vec(t, tensor.Shape{}, 7.0)}}},
		"bsr": {Layout: format.LayoutBSR, Flags: sortedUnique, DType: tensor.F64, Shape: tensor.Shape{2, 4}, Parts: parts{
			{Role: "indptr", View: vec(t, nil, int32(0), 0, 1)}, {Role: "indices", View: vec(t, nil, int32(1))}, {Role: "values", View: vec(t, tensor.Shape{1, 1, 2}, 0.0, -2)}}},
		"coo": {Layout: format.LayoutCOO, Flags: sortedUnique, DType: tensor.F64, Shape: tensor.Shape{2, 4}, Parts: parts{
			{Role: "indices", View: vec(t, tensor.Shape{1, 2}, int64(1), 3)}, {Role: "values", View: vec(t, nil, -2.0)}}},
		"ragged": {Layout: format.LayoutRagged, DType: tensor.F32, Shape: tensor.Shape{2, 1, 2}, Parts: parts{
			{Role: "offsets", View: vec(t, nil, int64(0), 0, 1)}, {Role: "values", View: vec(t, tensor.Shape{1, 2}, float32(5), 6)}}},
	}
	strings := tensorfile.Composite{Layout: format.LayoutString, Shape: tensor.Shape{1, 2}, Parts: parts{
		{Role: "offsets", View: vec(t, nil, uint32(0), 3, 6)}, {Role: "bytes", View: vec(t, nil, []byte("\u20acdef")...)}}}
	for _, o := range []*tensorfile.TensorOptions{nil, {Chunk: tensor.Shape{1}}, {Chunk: tensor.Shape{2}, Codec: "zstd"}} {
		f := opened(t, writtenComposites(t, list, o), nil)
		for name := range list {
			x := must(f.Tensor(name))(t)
			if name == "string" {
				sameComposite(t, name, must(x.ReadRows(ctx, 1, 2))(t), strings)
				continue
			}
			got, err := x.ReadRows(ctx, 1, 3)
			if c, ok := want[name]; ok && err == nil {
				sameComposite(t, name, got, c)
			} else if ok || !errors.Is(err, tensorfile.ErrUnsupported) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// Sorted coordinates in chunks are found by looking at a few chunks.
func TestRowsOfCoordinates(t *testing.T) {
	const n = 40_000
	idx := make([]int64, 0, 2*n)
	val := make([]float32, 0, n)
	for i := range int64(n) {
		idx, val = append(idx, i/3, i%3*5), append(val, float32(i))
	}
	c := tensorfile.Composite{Layout: format.LayoutCOO, Flags: sortedUnique, DType: tensor.F32, Shape: tensor.Shape{n, 11}, Parts: parts{
		{Role: "indices", View: vec(t, tensor.Shape{n, 2}, idx...)}, {Role: "values", View: vec(t, nil, val...)}}}
	f := opened(t, writtenComposites(t, map[string]tensorfile.Composite{"c": c}, &tensorfile.TensorOptions{Chunk: tensor.Shape{500}, Codec: "zstd"}), nil)
	x := must(f.Tensor("c"))(t)
	for _, r := range [][2]int64{{0, 1}, {5000, 5002}, {13_333, 13_334}, {20_000, 30_000}} {
		before := f.ReadStats().Decoded
		got := must(x.ReadRows(ctx, r[0], r[1]))(t)
		decoded := f.ReadStats().Decoded - before
		lo, hi := min(3*r[0], n), min(3*r[1], n)
		if v := got.Part("values").View; v.NumElements() != hi-lo {
			t.Errorf("rows %v: %d entries, want %d", r, v.NumElements(), hi-lo)
		} else {
			sameView(t, "values", v, must(c.Part("values").View.Slice(0, lo, hi, 1))(t))
		}
		if decoded > 2*(7+1)+2*2 { // 80 chunks
			t.Errorf("rows %v: %d chunks decoded", r, decoded)
		}
	}
}

// Long strings and strings across pieces are looked at as a whole.
func TestLongStrings(t *testing.T) {
	long := strings.Repeat("\u20ac\U0001f600a", 400_000)
	var text []byte
	offsets := []int64{0}
	for _, s := range []string{"", "a", long, "\u20ac", ""} {
		text = append(text, s...)
		offsets = append(offsets, int64(len(text)))
	}
	at := func(off []int64, b []byte) tensorfile.Composite {
		return tensorfile.Composite{Layout: format.LayoutString, Shape: tensor.Shape{int64(len(off) - 1)}, Parts: parts{{Role: "offsets", View: vec(t, nil, off...)}, {Role: "bytes", View: vec(t, nil, b...)}}}
	}
	f := opened(t, writtenComposites(t, map[string]tensorfile.Composite{"s": at(offsets, text)}, &tensorfile.TensorOptions{Codec: "auto"}), nil)
	if rep := must(f.Verify(ctx, nil))(t); !rep.OK() {
		t.Error(rep.Findings)
	}
	w := must(tensorfile.Create(filepath.Join(t.TempDir(), "x.tensor"), nil))(t)
	defer w.Close()
	cut := slices.Clone(offsets)
	cut[3] -= 2 // in the character before the last of the long one
	if err := w.AddComposite(ctx, "s", at(cut, text), nil); !isRule(err, tensorfile.ErrCorrupt, format.RuleLayoutUTF8) {
		t.Errorf("a character cut in two: %v", err)
	}
	bad := slices.Clone(text)
	bad[2_000_000] = 0xff
	if err := w.AddComposite(ctx, "s", at(offsets, bad), nil); !isRule(err, tensorfile.ErrCorrupt, format.RuleLayoutUTF8) {
		t.Error(err)
	}
}
