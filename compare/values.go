package compare

import (
	"context"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/tensor"
)

// common is the dtype in which the numbers of two tensors are compared by
// Options.Values, and false if one of them has none. It is NumPy's result type,
// integers in 64 bits, of all that NumPy knows; small floats of different dtypes
// meet in f32. Of quantised tensors the dtype of the elements counts, and blocks
// are f32.
func common(a, b *tensorfile.Tensor) (tensor.DType, bool) {
	x, y := valueType(a), valueType(b)
	switch {
	case !numeric(x) || !numeric(y):
		return x, false
	case x == y:
		return x, true
	}
	real := tensor.I64
	for _, d := range []tensor.DType{x, y} {
		if d.Class == tensor.ClassFloat || d.Class == tensor.ClassComplex {
			real = tensor.F32
		}
	}
	if real == tensor.I64 {
		signed := x.Class == tensor.ClassInt || y.Class == tensor.ClassInt
		switch {
		case !signed:
			real = tensor.U64
		case x == tensor.U64 || y == tensor.U64:
			real = tensor.F64
		}
		return real, true
	}
	complex := false
	for _, d := range []tensor.DType{x, y} {
		limit := uint16(16) // integers that f32 holds exactly
		switch d.Class {
		case tensor.ClassFloat:
			limit = 32
		case tensor.ClassComplex:
			complex, limit = true, 64
		}
		if uint16(d.Bits) > limit {
			real = tensor.F64
		}
	}
	switch {
	case complex && real == tensor.F64:
		return tensor.C128, true
	case complex:
		return tensor.C64, true
	}
	return real, true
}

// valueType is the dtype of the numbers that a tensor stands for, its own if it
// stands for none.
func valueType(t *tensorfile.Tensor) tensor.DType {
	d := t.DType()
	if d.Class != tensor.ClassBlock {
		return d
	}
	// Nothing is dequantised without an error if, and only if, the blocks are known.
	src, err := tensor.Make(d, tensor.Shape{0})
	if err == nil {
		var dst tensor.View
		if dst, err = tensor.Make(tensor.F32, tensor.Shape{0}); err == nil {
			err = quant.DequantiseBlocks(context.Background(), dst, src, 1)
		}
	}
	if err != nil {
		return d
	}
	return tensor.F32
}

func quantised(t *tensorfile.Tensor) bool {
	layout, _, ok := t.Composite()
	return ok && layout == format.LayoutQuantised
}

// comparable reports whether a tensor has elements that Options.Values reads.
func comparable(t *tensorfile.Tensor) bool {
	_, _, composite := t.Composite()
	return !composite || quantised(t)
}

// values are the numbers of a tensor in a dtype that need not be its own.
type values struct {
	t *tensorfile.Tensor

	all tensor.View // of what decodes as a stream, once it was read
}

// read writes the elements of a selection to dst.
func (v *values) read(ctx context.Context, dst tensor.View, sel tensor.Selection, buf *[]byte) error {
	if quantised(v.t) {
		return v.t.DequantiseInto(ctx, dst, sel)
	}
	d := v.t.DType()
	if d == dst.DType() && !encoded(v.t) {
		return v.t.ReadInto(ctx, dst, sel)
	}
	var src tensor.View
	var err error
	if encoded(v.t) {
		if v.all.DType() == (tensor.DType{}) {
			if v.all, err = v.t.Read(ctx); err != nil {
				return err
			}
		}
		src, err = v.all.Select(sel)
	} else if src, err = room(buf, d, dst.Shape(), tensor.HostOrder); err == nil {
		err = v.t.ReadInto(ctx, src, sel)
	}
	switch {
	case err != nil:
		return err
	case d.Class == tensor.ClassBlock:
		return quant.DequantiseBlocks(ctx, dst, src, 1)
	}
	return tensor.Cast(dst, src)
}

// forget drops what was held whole.
func (p *plan) forget() {
	for _, v := range p.values {
		if v != nil {
			v.all = tensor.View{}
		}
	}
}

// valueBytes is about how much of the numbers is compared at once: more than of
// bytes, since scales and chunks may be read again for each block.
const valueBytes = 8

// newValuesPlan cuts two tensors into blocks whose numbers are compared as d.
func newValuesPlan(a, b *tensorfile.Tensor, d tensor.DType) *plan {
	p := &plan{a: a, b: b, dtype: d, shape: a.Shape(), size: a.Shape().Clone(), repeat: 1, values: [2]*values{{t: a}, {t: b}}}
	for axis := range p.shape {
		p.axes = append(p.axes, axis)
	}
	// Packed rows and blocks are cut between units of both.
	unit := lcm(int64(a.DType().UnitElems), int64(b.DType().UnitElems))
	if d.Packed() {
		unit = lcm(unit, int64(d.UnitElems))
	}
	p.cut(valueBytes*blockBytes, unit, nil)
	return p
}

func lcm(a, b int64) int64 {
	x, y := a, b
	for y != 0 {
		x, y = y, x%y
	}
	return a / x * b
}

// compareValues looks at the numbers of block i.
func (p *plan) compareValues(ctx context.Context, i int64, w *worker, s *scan) error {
	origin, shape := p.block(i)
	sel := selection(origin, shape)
	var views [2]tensor.View
	for k, buf := range []*[]byte{&w.a, &w.b} {
		v, err := room(buf, p.dtype, shape, tensor.HostOrder)
		if err == nil {
			err = p.values[k].read(ctx, v, sel, &w.raw)
		}
		if err != nil {
			return err
		}
		views[k] = v
	}
	return p.compareViews(origin, shape, views[0], views[1], w, s)
}
