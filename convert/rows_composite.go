package convert

import (
	"cmp"
	"context"
	"fmt"
	"math"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// compositeRows is AppendRows behind a composite tensor: the rows of each input
// are given to the writer at once, plain bytes from the mapping.
func (j *job) compositeRows(ctx context.Context, w *tensorfile.Writer, t *tensorfile.Tensor, o *RowsOptions) (*Rows, error) {
	r := &Rows{Name: t.Name(), DType: t.DType(), Before: t.Shape().Clone(), Shape: t.Shape().Clone()}
	layout, _, _ := t.Composite()
	if len(r.Shape) == 0 {
		return nil, &Error{Kind: tensorfile.ErrShape, Path: j.out, Tensor: t.Name(), Offset: -1, Field: "append", Got: "rows onto a tensor of rank 0", Want: "one with an axis 0"}
	}
	if len(j.items) != len(j.files) {
		return nil, j.fail(tensorfile.ErrFormat, "rows", fmt.Sprintf("%d tensors of %d inputs", len(j.items), len(j.files)), "one tensor of each input")
	}
	for i, it := range j.items {
		x := it.t
		other, _, _ := x.Composite()
		if !(other == layout || format.IsSparse(other) && format.IsSparse(layout)) || len(x.Shape()) != len(r.Shape) {
			return nil, &Error{Kind: tensorfile.ErrShape, Path: x.File().Path(), Tensor: x.Name(), Offset: -1, Field: "rows", Got: fmt.Sprintf("%s of shape %v", cmp.Or(layoutOf(x), "a dense tensor"), x.Shape()), Want: fmt.Sprintf("layout %s, as %s has, and its shape but for axis 0", layoutOf(t), tensor.Quote(t.Name()))}
		}
		n := x.Shape()[0]
		if r.Shape[0] += n; r.Shape[0] < 0 {
			return nil, j.fail(tensorfile.ErrOverflow, "rows", x.Shape().String(), "at most 2^63-1 in all")
		}
		r.Rows += n
		if r.Bytes += x.ByteSize(); r.Bytes < 0 {
			r.Bytes = math.MaxInt64
		}
		j.items[i].name = t.Name()
		r.From = append(r.From, Written{From: x.File().Path(), Old: x.Name(), Name: t.Name(), DType: x.DType(), Shape: x.Shape(), Bytes: x.ByteSize()})
	}
	parts, err := t.Parts()
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		r.Rewritten = r.Rewritten || r.Rows > 0 && p.Storage().Kind == tensorfile.StorageRaw && len(p.Shape()) > 0 && p.NumElements() > 0
	}
	if err := j.rowsLimit(t, r); err != nil {
		return nil, err
	}
	g := &tensorfile.GrowOptions{Shared: o.Shared}
	if err := j.firstGrid(o.Store, t, r, g); err != nil {
		return nil, err
	}
	if o.DryRun {
		return r, nil
	}
	if err := j.probe(ctx); err != nil {
		return nil, err
	}
	done := int64(0)
	for _, it := range j.items {
		res, err := appendRows(ctx, w, t, it.t, g)
		if err != nil {
			return nil, err
		}
		r.Chunks += res.Chunks
		r.Stored += res.Bytes
		if done += it.t.ByteSize(); o.Progress != nil {
			o.Progress(done, r.Bytes)
		}
	}
	return r, j.unchanged()
}

// appendRows adds the rows of x behind those of t. Entries of another layout, or
// in another order than t has them, are converted.
func appendRows(ctx context.Context, w *tensorfile.Writer, t, x *tensorfile.Tensor, g *tensorfile.GrowOptions) (tensorfile.GrowResult, error) {
	layout, flags, _ := t.Composite()
	other, have, _ := x.Composite()
	const both = format.FlagSorted | format.FlagUnique
	if other == layout && have&both&flags == flags&both || !format.IsSparse(layout) {
		rows, err := x.ReadComposite(ctx)
		if err != nil {
			return tensorfile.GrowResult{}, err
		}
		return w.AppendComposite(ctx, t.Name(), rows, g)
	}
	o := &sparse.Options{}
	if sparse.Layout(layout) == sparse.BSR {
		v, err := t.Part(format.RoleValues)
		if err != nil {
			return tensorfile.GrowResult{}, err
		}
		if s := v.Shape(); len(s) == 3 {
			o.Block = [2]int64{s[1], s[2]}
		}
	}
	a, err := x.Sparse(ctx)
	if err == nil {
		a, err = a.Convert(ctx, sparse.Layout(layout), o)
	}
	if err == nil && flags&both != 0 {
		a, err = a.Canonical(ctx, nil)
	}
	if err != nil {
		return tensorfile.GrowResult{}, err
	}
	return w.AppendSparse(ctx, t.Name(), a, g)
}
