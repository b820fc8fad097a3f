package tensor

import (
	"context"
	"errors"
	"strconv"

	"github.com/tensorfile/tensorfile/internal/cast"
)

// Rearrange moves, splits and merges axes as an einops pattern says:
// "b (h h2) w c -> b h (w h2) c", with sizes for what the shape of v leaves
// open. The elements stay what they are.
//
// Where strides can say it, the result is a view of v's bytes, with v's
// lifetime, and copied is false. Otherwise it is memory of its own in C order
// and the byte order of the machine: one blocked copy.
//
// Errors are ErrFormat for the pattern, ErrShape for what does not fit v, and
// what Make refuses. The last axis of a packed dtype must stay last, and can be
// cut or merged where the pieces fill their units; else the error is
// ErrUnsupported: cast to a wider dtype first.
func Rearrange(v View, pattern string, sizes Sizes) (out View, copied bool, err error) {
	p, err := ParsePattern(pattern)
	if err != nil {
		return View{}, false, err
	}
	return p.arrange(rearrangeOperation, v, sizes, Copy)
}

// RearrangeParallel is Rearrange whose copy, if it needs one, is shared by workers,
// as CopyParallel is Copy. An error of ctx leaves no result.
func RearrangeParallel(ctx context.Context, v View, pattern string, sizes Sizes, workers int) (out View, copied bool, err error) {
	p, err := ParsePattern(pattern)
	if err != nil {
		return View{}, false, err
	}
	return p.arrange(rearrangeOperation, v, sizes, func(dst, src View) error {
		return CopyParallel(ctx, dst, src, workers)
	})
}

// Repeat is Rearrange for patterns whose right side has axes that the left has
// not: "h w -> h w 3", "h w -> (h 2) (w k)". Along them elements repeat; those
// with names get their extents from sizes. A new axis that is not merged with
// another has stride 0, so the result is often a view: such a one is not for
// writing, and Clone makes it memory of its own.
func Repeat(v View, pattern string, sizes Sizes) (out View, copied bool, err error) {
	p, err := ParsePattern(pattern)
	if err != nil {
		return View{}, false, err
	}
	return p.arrange(repeatOperation, v, sizes, Copy)
}

// arrange is Rearrange or Repeat, with a way to copy.
func (p *Pattern) arrange(op operation, v View, sizes Sizes, fill func(dst, src View) error) (out View, copied bool, err error) {
	w, err := p.resolve(op, v.shape, sizes)
	if err != nil {
		return View{}, false, err
	}
	out, err = w.align(v)
	if err != nil {
		return View{}, false, err
	}
	flat, err := out.Reshape(w.final)
	if !errors.Is(err, ErrNotContiguous) {
		return flat, false, err
	}
	dst, err := makeFresh(out.dtype, out.shape)
	if err != nil {
		return View{}, false, err
	}
	if err := fill(dst, out); err != nil {
		return View{}, false, err
	}
	out, err = dst.Reshape(w.final)
	return out, true, err
}

// Align is Rearrange up to the merging of axes, which is always a view: v with
// its axes cut and turned, and the shape that Rearrange gives. Copying aligned
// to C order is the whole rearrangement, so memory of shape final, reshaped to
// that of aligned, can be the destination of a Copy or Cast.
func (p *Pattern) Align(v View, sizes Sizes) (aligned View, final Shape, err error) {
	w, err := p.resolve(rearrangeOperation, v.shape, sizes)
	if err != nil {
		return View{}, nil, err
	}
	aligned, err = w.align(v)
	return aligned, w.final, err
}

// OutShape is the shape that Rearrange, Repeat or Reduce, whichever the pattern
// is for, makes of in. See Reduces and Repeats for which that is.
func (p *Pattern) OutShape(in Shape, sizes Sizes) (Shape, error) {
	w, err := p.resolve(anyOperation, in, sizes)
	if err != nil {
		return nil, err
	}
	return w.final, nil
}

// align cuts and turns the axes of v, and adds those that repeat. Axes that the
// result does not have come last.
func (w *plan) align(v View) (View, error) {
	steps, err := w.cut(v)
	if err != nil {
		return View{}, err
	}
	var s Shape
	var st Strides
	last := -1
	add := func(e int) {
		last = e
		s, st = append(s, w.extents[e]), append(st, steps[e])
	}
	for _, axis := range w.merge {
		for _, e := range axis {
			add(e)
		}
	}
	for _, e := range w.reduced() {
		add(e)
	}
	if v.dtype.Packed() && (len(v.shape) == 0 || last != w.packed()) {
		return View{}, v.refusePacked("move")
	}
	return v.derive(v.dtype, s, st, v.offset)
}

// cut returns the strides of the elementary axes: 0 for those that repeat.
func (w *plan) cut(v View) (Strides, error) {
	steps := make(Strides, len(w.extents))
	for i, axis := range w.split {
		step, inner := v.strides[i], int64(1)
		for k := len(axis) - 1; k >= 0; k-- {
			e := axis[k]
			n := w.extents[e]
			if v.packedAxis(i) && n > 1 && inner%int64(v.dtype.UnitElems) != 0 && k < len(axis)-1 {
				return nil, v.refusePacked("split")
			}
			steps[e] = step
			if v.packedAxis(i) && k == len(axis)-1 {
				n = v.dtype.units(n)
			}
			if next, ok := mulSigned(n, step); ok {
				step = next // else there is nothing to step to
			}
			inner *= w.extents[e]
		}
	}
	return steps, nil
}

// packed is the elementary axis in which the units of a packed dtype lie, or -1
// if that is one of "1".
func (w *plan) packed() int {
	axis := w.split[len(w.split)-1]
	if len(axis) == 0 {
		return -1
	}
	return axis[len(axis)-1]
}

// RearrangeAll is Rearrange of tensors of one shape and dtype, with the list as
// the leading axis: "b h w c -> b c h w" stacks, "b h w c -> (b h) w c"
// concatenates. Views that lie evenly spaced in one memory, such as parts of one
// tensor, are seen as one, and the result may be a view of it; else every
// element is copied once. It fails with ErrShape or ErrDType where the list is
// empty or mixed.
func RearrangeAll(vs []View, pattern string, sizes Sizes) (out View, copied bool, err error) {
	p, err := ParsePattern(pattern)
	if err != nil {
		return View{}, false, err
	}
	s, _, err := stackShape(0, vs)
	if err != nil {
		return View{}, false, err
	}
	if all, ok := evenly(vs, s); ok {
		return p.arrange(rearrangeOperation, all, sizes, Copy)
	}
	w, err := p.resolve(rearrangeOperation, s, sizes)
	if err != nil {
		return View{}, false, err
	}
	// Where each tensor goes is seen through the strides of the result.
	like, err := vs[0].BroadcastTo(s)
	if err != nil {
		return View{}, false, err
	}
	if like, err = w.align(like); err != nil {
		return View{}, false, err
	}
	dst, err := makeFresh(like.dtype, like.shape)
	if err != nil {
		return View{}, false, err
	}
	if err := w.scatter(dst, vs); err != nil {
		return View{}, false, err
	}
	out, err = dst.Reshape(w.final)
	return out, true, err
}

// scatter copies the tensors of a list to dst, whose axes are aligned.
func (w *plan) scatter(dst View, vs []View) error {
	// The axes of dst in the order of the left side.
	order := make([]int, w.left)
	at := 0
	for _, axis := range w.merge {
		for _, e := range axis {
			order[e] = at
			at++
		}
	}
	list := len(w.split[0])
	var s Shape
	var st Strides
	for _, e := range order[list:] {
		s, st = append(s, dst.shape[e]), append(st, dst.strides[e])
	}
	item := plan{extents: w.extents, split: w.split[1:]}
	for i, v := range vs {
		offset, rest := dst.offset, int64(i)
		for k := list - 1; k >= 0; k-- {
			n := w.extents[k]
			offset += rest % n * dst.strides[order[k]]
			rest /= n
		}
		part, err := dst.derive(dst.dtype, s, st, offset)
		if err != nil {
			return err
		}
		steps, err := item.cut(v)
		if err != nil {
			return err
		}
		src, err := v.derive(v.dtype, s, steps[list:], v.offset)
		if err != nil {
			return err
		}
		if err := Copy(part, src); err != nil {
			return err
		}
	}
	return nil
}

// evenly sees views of one memory, evenly spaced, as one of shape s; false if
// they are not that.
func evenly(vs []View, s Shape) (View, bool) {
	first := vs[0]
	step := int64(0)
	if len(vs) > 1 {
		step = vs[1].offset - first.offset
	}
	for i, v := range vs {
		if !cast.Same(v.data, first.data) || len(v.data) != len(first.data) || v.order != first.order ||
			!sameSteps(v, first) || v.offset != first.offset+int64(i)*step {
			return View{}, false
		}
	}
	all, err := first.derive(first.dtype, s, append(Strides{step}, first.strides...), first.offset)
	return all, err == nil
}

// ParseShape names the extents of a shape: "b c h w" of (2, 3, 4, 5) gives b=2,
// c=3, h=4, w=5, fit to be the sizes of another pattern. "_" skips an axis,
// "..." any number of them; numbers and "()" are compared. It fails with
// ErrFormat for the pattern, which must not compose axes, and ErrShape.
func ParseShape(s Shape, pattern string) (Sizes, error) {
	p := &Pattern{text: pattern}
	side, err := p.parseSide(pattern, true)
	if err != nil {
		return nil, err
	}
	composed := p.malformed("can't parse shape with composite axes", "", "")
	for _, axis := range side.axes {
		if len(axis) > 1 {
			return nil, composed
		}
	}
	axes, skip := side.axes, len(s)-len(side.axes)
	bad := func(what, got, want string) (Sizes, error) {
		return nil, fail(ErrShape, "parse shape "+Quote(pattern)+": "+what, got, want, "")
	}
	if side.ellipsis && skip < -1 || !side.ellipsis && skip != 0 {
		want := strconv.Itoa(len(axes)) + " dims"
		if side.ellipsis {
			want = ">=" + strconv.Itoa(len(axes)-1) + " dims"
		}
		return bad("can't parse shape with this number of dimensions", dims(s), want)
	}
	if side.inside {
		return nil, composed
	}
	sizes := make(Sizes, len(axes))
	i := 0
	for _, axis := range axes {
		switch {
		case len(axis) == 1 && axis[0].name == ellipsis:
			i += skip
		case len(axis) == 0 && s[i] != 1:
			return bad("length of axis "+strconv.Itoa(i), itoa(s[i]), "1")
		case len(axis) == 1 && axis[0].name == "" && axis[0].size != s[i]:
			return bad("length of anonymous axis "+strconv.Itoa(i), itoa(s[i]), itoa(axis[0].size))
		case len(axis) == 1 && axis[0].name != "" && axis[0].name != "_":
			sizes[axis[0].name] = s[i]
		}
		i++
	}
	return sizes, nil
}
