package operate

import (
	"context"
	"slices"

	"github.com/tensorfile/tensorfile/tensor"
)

// pointwise is a node whose elements depend on the child's element at the same
// place alone.
type pointwise struct {
	unary
	// fn computes dst, which is in C order, of src, of the same shape.
	fn func(dst, src tensor.View) error
}

// point puts a pointwise node on a node, below what does not change elements, so
// that parts and blocks stay what can be streamed.
func point(child node, d tensor.DType, fn func(dst, src tensor.View) error) node {
	switch c := child.(type) {
	case *merged:
		return merge(point(c.child, d, fn), c.groups)
	case *joined:
		parts := make([]node, len(c.parts))
		for i, p := range c.parts {
			parts[i] = point(p, d, fn)
		}
		return &joined{parts: parts, ends: c.ends, axis: c.axis, stack: c.stack, dtype: d, shape: c.shape}
	}
	_, s := child.form()
	return &pointwise{unary{child, d, s}, fn}
}

func (p *pointwise) grain() []int64 {
	g := p.child.grain()
	if p.dtype.Packed() && len(g) > 0 {
		g = slices.Clone(g)
		g[len(g)-1] = 0
	}
	return g
}

// units grows a box to whole units of the child's elements, which lie packed along
// the last axis, and says what is then taken of it.
func (p *pointwise) units(r []span) (in, cut []span) {
	d, s := p.child.form()
	last, e := len(r)-1, int64(d.UnitElems)
	if e <= 1 || last < 0 || r[last].Count == 0 {
		return r, nil
	}
	lo, hi := ends(r[last])
	lo, hi = lo-lo%e, min(hi-hi%e+e, s[last])
	if r[last].Step == 1 && r[last].Count == hi-lo {
		return r, nil
	}
	in, cut = slices.Clone(r), whole(counts(r))
	in[last] = span{First: lo, Count: hi - lo, Step: 1}
	cut[last] = span{First: r[last].First - lo, Count: r[last].Count, Step: r[last].Step}
	return in, cut
}

func (p *pointwise) back(r []span) []ask {
	in, _ := p.units(r)
	return []ask{{p.child, in}}
}

func (p *pointwise) own(r []span) int64 {
	in, _ := p.units(r)
	return size(p.dtype, counts(in))
}

func (p *pointwise) take(ctx context.Context, a *arena, r []span) (tensor.View, error) {
	in, cut := p.units(r)
	dst, err := a.view(p.dtype, counts(in))
	if err != nil {
		return dst, err
	}
	mark := a.mark()
	defer a.release(mark)
	v, err := take(ctx, a, p.child, in)
	if err == nil {
		err = guarded(p.child, func() error { return p.fn(dst, v) })
	}
	if err != nil || cut == nil {
		return dst, err
	}
	return dst.Select(selection(cut))
}

// blockwise is a node that is computed of whole extents along some axes and of
// each index by itself along the others.
type blockwise struct {
	unary
	// from has for each axis of the result the axis of the child along which an
	// index is one by itself, or -1 for an axis that is computed as a whole.
	from []int
	// fn computes dst of a view that is whole along the other axes.
	fn func(dst, src tensor.View) error
	// extra is about the memory that fn holds, for so many bytes of result and
	// argument. nil: nothing to speak of.
	extra func(out, in int64) int64
}

func (b *blockwise) grain() []int64 {
	below := b.child.grain()
	g := make([]int64, len(b.from))
	for i, f := range b.from {
		if f >= 0 {
			g[i] = below[f]
		}
	}
	return g
}

func (b *blockwise) back(r []span) []ask {
	_, s := b.child.form()
	in := whole(s)
	for i, f := range b.from {
		if f >= 0 {
			in[f] = r[i]
		}
	}
	return []ask{{b.child, in}}
}

// computed is the box that has to be computed for r.
func (b *blockwise) computed(r []span) tensor.Shape {
	n := counts(r)
	for i, f := range b.from {
		if f < 0 {
			n[i] = b.shape[i]
		}
	}
	return n
}

func (b *blockwise) own(r []span) int64 {
	out := size(b.dtype, b.computed(r))
	if b.extra == nil {
		return out
	}
	in := b.back(r)[0]
	d, _ := b.child.form()
	return out + b.extra(out, size(d, counts(in.r)))
}

func (b *blockwise) take(ctx context.Context, a *arena, r []span) (tensor.View, error) {
	dst, err := a.view(b.dtype, b.computed(r))
	if err != nil {
		return dst, err
	}
	mark := a.mark()
	defer a.release(mark)
	v, err := take(ctx, a, b.child, b.back(r)[0].r)
	if err == nil {
		err = guarded(b.child, func() error { return b.fn(dst, v) })
	}
	if err != nil {
		return dst, err
	}
	cut := slices.Clone(r)
	for i, f := range b.from {
		if f >= 0 {
			cut[i] = span{Count: r[i].Count, Step: 1}
		}
	}
	return dst.Select(selection(cut))
}
