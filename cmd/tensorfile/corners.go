package main

import (
	"context"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/tensor"
)

// What a summary shows, as tensor.Format does by default: of more elements
// than the threshold, the first and the last of each axis.
const (
	summaryThreshold = 1000
	summaryEdge      = 3
	summaryMost      = 1 << 20 // elements; beyond, outer axes show one
)

// segment is a range of an axis that is shown, and where it goes in the
// summary.
type segment struct{ from, to, at int64 }

// corners reads what a summary of a tensor shows into a small tensor that
// prints the same: of each long axis the ends, with a gap between them that is
// never looked at. No more than limit bytes, if that is not 0, are read at a
// time.
func corners(ctx context.Context, p pick, shape tensor.Shape, limit int64) (tensor.View, error) {
	axes := make([][]segment, len(shape))
	small, wide := make(tensor.Shape, len(shape)), make(tensor.Shape, len(shape))
	shown := make([]int64, len(shape))
	for i, n := range shape {
		axes[i], small[i], shown[i] = []segment{{0, n, 0}}, n, n
		if n > 2*summaryEdge {
			unit := int64(1)
			if i == len(shape)-1 {
				unit = int64(p.DType().UnitElems)
			}
			lead := (summaryEdge + unit - 1) / unit * unit
			tail := (n - summaryEdge) / unit * unit
			if tail > lead+unit {
				axes[i] = []segment{{0, lead, 0}, {tail, n, lead + unit}}
				small[i] = lead + unit + n - tail
			}
			shown[i] = 2 * summaryEdge
		}
	}
	copy(wide, small)
	// Where even the corners are too many, Format shows one item of outer axes.
	for axis := 0; survey.Product(shown) >= summaryMost && axis < len(shape); axis++ {
		shown[axis], small[axis] = 1, 1
		axes[axis] = []segment{{0, 1, 0}}
	}
	dst, err := tensor.Make(p.DType(), small)
	if err != nil {
		return dst, err
	}
	r := cornerReader{pick: p, shape: shape, axes: axes, whole: 64 << 10}
	if p.Storage().Kind == tensorfile.StorageEncoded {
		r.whole = 64 << 20 // every read decodes from the beginning
	}
	if limit > 0 {
		r.whole = min(r.whole, limit)
	}
	if err := r.read(ctx, 0, nil, dst); err != nil {
		return dst, err
	}
	return dst.BroadcastTo(wide)
}

type cornerReader struct {
	pick
	shape tensor.Shape
	axes  [][]segment
	whole int64 // boxes of up to so many bytes are read whole, gaps and all
}

// read fills dst with the segments of the axes from axis on; sel says what is
// taken of those before it.
func (r *cornerReader) read(ctx context.Context, axis int, sel tensor.Selection, dst tensor.View) error {
	box := r.shape.Clone()
	for i, it := range sel {
		box[i] = it.Stop - it.Start
	}
	size, err := tensor.ByteSize(r.DType(), box)
	if err == nil && (size <= r.whole || axis == len(r.shape)) {
		sel := append(append(tensor.Selection(nil), sel...), tensor.SelectionItem{Kind: tensor.SelectEllipsis})
		var all tensor.View
		if r.Sel != nil {
			all, err = r.Read(ctx, r.Sel, sel)
		} else {
			all, err = r.Read(ctx, sel)
		}
		if err != nil {
			return err
		}
		return r.copy(axis, dst, all)
	}
	for _, s := range r.axes[axis] {
		part, err := dst.Slice(axis, s.at, s.at+s.to-s.from, 1)
		if err != nil {
			return err
		}
		item := tensor.SelectionItem{Kind: tensor.SelectRange, Start: s.from, Stop: s.to, Step: tensor.None}
		if err := r.read(ctx, axis+1, append(sel[:axis:axis], item), part); err != nil {
			return err
		}
	}
	return nil
}

// copy takes the segments of the axes from axis on out of all.
func (r *cornerReader) copy(axis int, dst, all tensor.View) error {
	if axis == len(r.shape) {
		return tensor.Copy(dst, all)
	}
	for _, s := range r.axes[axis] {
		to, err := dst.Slice(axis, s.at, s.at+s.to-s.from, 1)
		if err != nil {
			return err
		}
		from, err := all.Slice(axis, s.from, s.to, 1)
		if err != nil {
			return err
		}
		if err := r.copy(axis+1, to, from); err != nil {
			return err
		}
	}
	return nil
}
