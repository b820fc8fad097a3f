package tensorfile_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// moreRows are rows to append to each of smallComposites that can grow, and what
// comes of it.
func moreRows(t testing.TB) map[string][2]tensorfile.Composite {
	three, two := tensor.Shape{2, 4}, tensor.Shape{5, 4}
	values, all := vec(t, nil, 9.0), vec(t, nil, 1.0, 3, -2, 9)
	return map[string][2]tensorfile.Composite{
		"coo": {
			{Layout: format.LayoutCOO, DType: tensor.F64, Shape: three, Parts: parts{{Role: "indices", View: vec(t, tensor.Shape{1, 2}, int16(1), 2)}, {Role: "values", View: values}}},
			{Layout: format.LayoutCOO, Flags: sortedUnique, DType: tensor.F64, Shape: two, Parts: parts{{Role: "indices", View: vec(t, tensor.Shape{4, 2}, int64(0), 0, 0, 2, 2, 3, 4, 2)}, {Role: "values", View: all}}}},
		"csr": {
			{Layout: format.LayoutCSR, Flags: sortedUnique, DType: tensor.F64, Shape: three, Parts: parts{{Role: "indptr", View: vec(t, nil, int64(0), 1, 1)}, {Role: "indices", View: vec(t, nil, int64(2))}, {Role: "values", View: values}}},
			{Layout: format.LayoutCSR, Flags: sortedUnique, DType: tensor.F64, Shape: two, Parts: parts{{Role: "indptr", View: vec(t, nil, int32(0), 2, 2, 3, 4, 4)}, {Role: "indices", View: vec(t, nil, int32(0), 2, 3, 2)}, {Role: "values", View: all}}}},
		"bsr": {
			{Layout: format.LayoutBSR, DType: tensor.F64, Shape: three, Parts: parts{{Role: "indptr", View: vec(t, nil, int32(0), 0, 1)}, {Role: "indices", View: vec(t, nil, int32(1))}, {Role: "values", View: vec(t, tensor.Shape{1, 1, 2}, 9.0, 8)}}},
			{Layout: format.LayoutBSR, Flags: sortedUnique, DType: tensor.F64, Shape: two, Parts: parts{{Role: "indptr", View: vec(t, nil, int32(0), 2, 2, 3, 3, 4)}, {Role: "indices", View: vec(t, nil, int32(0), 1, 1, 1)}, {Role: "values", View: vec(t, tensor.Shape{4, 1, 2}, 1.0, 0, 3, 0, 0, -2, 9, 8)}}}},
		"bitmap": {
			{Layout: format.LayoutBitmap, Flags: sortedUnique, DType: tensor.F64, Shape: three, Parts: parts{{Role: "mask", View: bits1(t, three, 0, 2)}, {Role: "values", View: values}}},
			{Layout: format.LayoutBitmap, Flags: sortedUnique, DType: tensor.F64, Shape: two, Parts: parts{{Role: "mask", View: bits1(t, two, 5, 0, 8, 0, 2)}, {Role: "values", View: all}}}},
		"ragged": {
			{Layout: format.LayoutRagged, DType: tensor.F32, Shape: tensor.Shape{2, 3, 2}, Parts: parts{{Role: "offsets", View: vec(t, nil, uint8(0), 3, 3)}, {Role: "values", View: vec(t, tensor.Shape{3, 2}, float32(7), 8, 9, 10, 11, 12)}}},
			{Layout: format.LayoutRagged, DType: tensor.F32, Shape: tensor.Shape{5, 3, 2}, Parts: parts{{Role: "offsets", View: vec(t, nil, int64(0), 2, 2, 3, 6, 6)}, {Role: "values", View: vec(t, tensor.Shape{6, 2}, float32(1), 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)}}}},
		"string": {
			{Layout: format.LayoutString, Shape: tensor.Shape{1, 2}, Parts: parts{{Role: "offsets", View: vec(t, nil, int64(0), 1, 1)}, {Role: "bytes", View: vec(t, nil, []byte("x")...)}}},
			{Layout: format.LayoutString, Shape: tensor.Shape{3, 2}, Parts: parts{{Role: "offsets", View: vec(t, nil, uint32(0), 3, 3, 6, 9, 10, 10)}, {Role: "bytes", View: vec(t, nil, []byte("abc\u20acdefx")...)}}}},
	}
}

func TestRowsAreAppendedToComposites(t *testing.T) {
	for _, o := range []*tensorfile.TensorOptions{nil, {Chunk: tensor.Shape{2}, Codec: "zstd"}} {
		path := writtenComposites(t, smallComposites(t), o)
		w := must(tensorfile.OpenAppend(path, nil))(t)
		more := moreRows(t)
		for name, c := range more {
			r := must(w.AppendComposite(ctx, name, c[0], &tensorfile.GrowOptions{Chunk: tensor.Shape{3}}))(t)
			if r.Rewritten != (o == nil) || r.Chunks == 0 || r.Bytes == 0 {
				t.Errorf("%s: %+v", name, r)
			}
		}
		none := must(w.AppendComposite(ctx, "csr", tensorfile.Composite{Layout: format.LayoutCSR, DType: tensor.F64, Shape: tensor.Shape{0, 4}, Parts: parts{{Role: "indptr", View: vec(t, nil, int64(0))}, {Role: "indices", View: vec[int64](t, nil)}, {Role: "values", View: vec[float64](t, nil)}}}, nil))(t)
		if none != (tensorfile.GrowResult{}) {
			t.Errorf("no rows: %+v", none)
		}
		ok(t, w.Commit(ctx))
		ok(t, w.Close())
		f := opened(t, path, nil)
		old := opened(t, path, &tensorfile.OpenOptions{Generation: 1})
		for name, before := range smallComposites(t) {
			want := before
			if c, ok := more[name]; ok {
				want = c[1]
			}
			sameComposite(t, name, must(must(f.Tensor(name))(t).ReadComposite(ctx))(t), want)
			sameComposite(t, name+" before", must(must(old.Tensor(name))(t).ReadComposite(ctx))(t), before)
		}
		if rep := must(f.Verify(ctx, nil))(t); !rep.OK() {
			t.Error(rep.Findings)
		}
	}
}

// What does not fit behind a composite changes nothing of it.
func TestRowsThatDoNotFitComposites(t *testing.T) {
	small := smallComposites(t)
	path := writtenComposites(t, small, nil)
	w := must(tensorfile.OpenAppend(path, nil))(t)
	defer w.Close()
	rows := moreRows(t)["csr"][0]
	change := func(fn func(c *tensorfile.Composite)) tensorfile.Composite {
		c := rows
		c.Parts = slices.Clone(c.Parts)
		fn(&c)
		return c
	}
	for _, c := range []struct {
		what, name string
		rows       tensorfile.Composite
		kind       error
	}{
		{"no such tensor", "nothing", rows, tensorfile.ErrNotFound},
		{"columns behind csc", "csc", change(func(c *tensorfile.Composite) { c.Layout = format.LayoutCSC }), tensorfile.ErrUnsupported},
		{"behind csf", "csf", small["csf"], tensorfile.ErrUnsupported},
		{"behind quantised", "quantised", small["quantised"], tensorfile.ErrUnsupported},
		{"csr behind coo", "coo", rows, tensorfile.ErrShape},
		{"another dtype", "csr", change(func(c *tensorfile.Composite) { c.DType = tensor.F32; c.Part("values").View = vec(t, nil, float32(1)) }), tensorfile.ErrDType},
		{"another width", "csr", change(func(c *tensorfile.Composite) { c.Shape = tensor.Shape{2, 5} }), tensorfile.ErrShape},
		{"an index out of range", "csr", change(func(c *tensorfile.Composite) { c.Part("indices").View = vec(t, nil, int64(4)) }), tensorfile.ErrCorrupt},
		{"not sorted", "csr", change(func(c *tensorfile.Composite) {
			c.Flags = 0
			c.Part("indptr").View, c.Part("indices").View, c.Part("values").View = vec(t, nil, int64(0), 2, 2), vec(t, nil, int64(3), 1), vec(t, nil, 1.0, 2)
		}), tensorfile.ErrCorrupt},
		{"another fill", "csr", change(func(c *tensorfile.Composite) {
			c.Parts = append(c.Parts, tensorfile.CompositePart{Role: "fill", View: vec(t, tensor.Shape{}, 1.0)})
		}), tensorfile.ErrShape},
		{"a missing part", "csr", change(func(c *tensorfile.Composite) { c.Parts = c.Parts[:2] }), tensorfile.ErrFormat},
	} {
		if _, err := w.AppendComposite(ctx, c.name, c.rows, nil); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	if _, err := w.Append(ctx, "csr", vec(t, nil, 1.0), nil); !errors.Is(err, tensorfile.ErrUnsupported) {
		t.Errorf("dense rows: %v", err)
	}
	ok(t, w.Commit(ctx))
	f := opened(t, path, nil)
	for name, want := range small {
		sameComposite(t, name, must(must(f.Tensor(name))(t).ReadComposite(ctx))(t), want)
	}
}

// Pointers of a narrow dtype refuse more entries than they can count.
func TestNarrowPointers(t *testing.T) {
	c := tensorfile.Composite{Layout: format.LayoutRagged, DType: tensor.U8, Shape: tensor.Shape{1, 100}, Parts: parts{{Role: "offsets", View: vec(t, nil, int8(0), 100)}, {Role: "values", View: vec(t, nil, make([]uint8, 100)...)}}}
	path := writtenComposites(t, map[string]tensorfile.Composite{"r": c}, nil)
	w := must(tensorfile.OpenAppend(path, nil))(t)
	defer w.Close()
	more := tensorfile.Composite{Layout: format.LayoutRagged, DType: tensor.U8, Shape: tensor.Shape{1, 28}, Parts: parts{{Role: "offsets", View: vec(t, nil, int64(0), 28)}, {Role: "values", View: vec(t, nil, make([]uint8, 28)...)}}}
	if _, err := w.AppendComposite(ctx, "r", more, nil); !errors.Is(err, tensorfile.ErrOverflow) {
		t.Error(err)
	}
	more.Shape, more.Parts = tensor.Shape{1, 27}, parts{{Role: "offsets", View: vec(t, nil, int64(0), 27)}, {Role: "values", View: vec(t, nil, make([]uint8, 27)...)}}
	must(w.AppendComposite(ctx, "r", more, nil))(t)
	ok(t, w.Commit(ctx))
}

// Composites are replaced, deleted, renamed and copied with all their parts, and
// older generations show them as they were.
func TestEditsTakeAllParts(t *testing.T) {
	small := smallComposites(t)
	path := writtenComposites(t, small, nil)
	w := must(tensorfile.OpenAppend(path, nil))(t)
	ok(t, w.Rename("csr", "matrix"))
	ok(t, w.CopyTensor("coo", "twin"))
	ok(t, w.Delete("csf"))
	ok(t, w.AddComposite(ctx, "bitmap", small["ragged"], &tensorfile.TensorOptions{Replace: true}))
	ok(t, w.Add(ctx, "string", vec(t, nil, 1.0), &tensorfile.TensorOptions{Replace: true}))
	ok(t, w.SetTensorAttrs("ragged", tensorfile.Attrs{"k": "v"}))
	if err := w.AddComposite(ctx, "twin", small["coo"], nil); !errors.Is(err, tensorfile.ErrDuplicate) {
		t.Errorf("a name that is taken: %v", err)
	}
	ok(t, w.Commit(ctx))
	must(w.AppendComposite(ctx, "matrix", moreRows(t)["csr"][0], nil))(t)
	ok(t, w.Commit(ctx))
	ok(t, w.Revert(1))
	ok(t, w.Commit(ctx))
	ok(t, w.Close())
	f := opened(t, path, &tensorfile.OpenOptions{Generation: 2})
	for name, want := range map[string]string{"matrix": "csr", "coo": "coo", "twin": "coo", "bitmap": "ragged", "ragged": "ragged", "csc": "csc", "bsr": "bsr", "quantised": "quantised"} {
		sameComposite(t, name, must(must(f.Tensor(name))(t).ReadComposite(ctx))(t), small[want])
	}
	if n := must(f.Len())(t); n != 9 {
		t.Errorf("%d tensors", n)
	}
	three := opened(t, path, &tensorfile.OpenOptions{Generation: 3})
	sameComposite(t, "grown", must(must(three.Tensor("matrix"))(t).ReadComposite(ctx))(t), moreRows(t)["csr"][1])
	last := opened(t, path, nil)
	for name, want := range small {
		sameComposite(t, name, must(must(last.Tensor(name))(t).ReadComposite(ctx))(t), want)
	}
	if rep := must(last.Verify(ctx, nil))(t); !rep.OK() {
		t.Error(rep.Findings)
	}
}
