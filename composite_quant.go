package tensorfile

import (
	"context"
	"errors"
	"fmt"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/tensor"
)

// AddQuantised writes a quantised tensor as AddComposite does.
func (w *Writer) AddQuantised(ctx context.Context, name string, a *quant.Array, o *TensorOptions) error {
	c, err := quantisedParts(a)
	if err != nil {
		return located(err, w.path, name)
	}
	return w.AddComposite(ctx, name, c, o)
}

// quantisedParts shows an array as its parts.
func quantisedParts(a *quant.Array) (Composite, error) {
	c := Composite{Layout: format.LayoutQuantised, DType: a.DType(), Shape: a.Shape()}
	group := make([]uint32, len(a.Group()))
	for k, g := range a.Group() {
		if a.First()[k] != 0 {
			return c, &Error{Kind: ErrUnsupported, Offset: -1, Field: "first", Got: fmt.Sprint(a.First()), Want: "a tensor that begins with a group"}
		}
		group[k] = uint32(g)
	}
	extents, err := tensor.FromSlice(group)
	if err != nil {
		return c, err
	}
	c.Parts = []CompositePart{{Role: format.RoleValues, View: a.Values()}, {Role: format.RoleScales, View: a.Scales()}, {Role: format.RoleGroup, View: extents}}
	if z, ok := a.Zeros(); ok {
		c.Parts = append(c.Parts, CompositePart{Role: format.RoleZeros, View: z})
	}
	return c, nil
}

// Quantised returns a quantised tensor. Parts of plain bytes are views of the
// mapping, borrowed as Tensor.View says; those in chunks are decoded, by several
// goroutines. See Dequantise for its elements.
func (t *Tensor) Quantised(ctx context.Context) (*quant.Array, error) {
	if err := t.needQuantised(); err != nil {
		return nil, err
	}
	c, _, err := t.loadComposite(ctx)
	if err != nil {
		return nil, err
	}
	a, err := c.Quantised(ctx)
	return a, located(err, t.f.Path(), t.name)
}

func (t *Tensor) needQuantised() error {
	if t.kind != format.KindComposite || t.layout != format.LayoutQuantised {
		return &Error{Kind: ErrUnsupported, Path: t.f.Path(), Tensor: t.name, Offset: -1, Field: "layout", Got: t.layoutText(), Want: "a quantised tensor"}
	}
	return nil
}

// Quantised is c as an array, over the same memory. Its parts are in memory; one
// that is quantised itself is dequantised.
func (c *Composite) Quantised(ctx context.Context) (*quant.Array, error) {
	spec := quant.Spec{DType: c.DType}
	for i := range c.Parts {
		p := &c.Parts[i]
		v := p.View
		if p.Composite != nil && p.Composite.Layout == format.LayoutQuantised {
			inner, err := p.Composite.Quantised(ctx)
			if err == nil {
				v, err = inner.Dequantise(ctx, inner.DType())
			}
			if err != nil {
				return nil, inPart(p.Role, err)
			}
		} else if p.Reader != nil || p.Composite != nil {
			return nil, &Error{Kind: ErrUnsupported, Offset: -1, Field: "part " + p.Role, Got: "a stream, or a composite of another layout", Want: "elements in memory"}
		}
		switch p.Role {
		case format.RoleValues:
			spec.Values = v
		case format.RoleScales:
			spec.Scales = v
		case format.RoleZeros:
			spec.Zeros = v
		case format.RoleGroup:
			own, err := v.Cast(tensor.I64)
			if err == nil {
				spec.Group, err = tensor.Data[int64](own)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return quant.New(spec)
}

// Dequantise returns the elements of a quantised tensor, or those of one
// selection, as numbers of a dtype that is not packed, f32 for example: in
// memory of their own, in C order. The arithmetic is that of quant.Array, and in
// the dtype of t these are its elements. Chunks that the selection does not touch
// are not read. Errors are as of Read, and ErrUnsupported for a tensor that is
// not quantised.
func (t *Tensor) Dequantise(ctx context.Context, d tensor.DType, sel ...tensor.Selection) (tensor.View, error) {
	if err := t.needQuantised(); err != nil {
		return tensor.View{}, err
	}
	_, shape, err := resolve(t.shape, sel)
	if err != nil {
		return tensor.View{}, located(err, t.f.Path(), t.name)
	}
	if err := t.f.allow(t, region{dtype: d, shape: shape}); err != nil {
		return tensor.View{}, err
	}
	dst, err := tensor.Make(d, shape)
	if err != nil {
		return dst, located(err, t.f.Path(), t.name)
	}
	return dst, t.DequantiseInto(ctx, dst, sel...)
}

// resolve is what at most one selection takes of a shape.
func resolve(shape tensor.Shape, sel []tensor.Selection) ([]tensor.AxisRange, tensor.Shape, error) {
	switch len(sel) {
	case 0:
		return tensor.Selection{}.Resolve(shape)
	case 1:
		return sel[0].Resolve(shape)
	}
	return nil, nil, &Error{Kind: ErrIndex, Offset: -1, Field: "selection", Got: fmt.Sprint(len(sel)), Want: "one"}
}

// dequantElems is about how many elements a goroutine takes at a time.
const dequantElems = 2 << 20

// DequantiseInto is Dequantise into memory of the caller, of any strides and
// byte order. If it fails, dst holds anything. Values are read box by box, by up
// to OpenOptions.ReadWorkers goroutines, each with memory for a box of some MiB
// or a chunk if that is larger; scales and zeros of the selection are held.
func (t *Tensor) DequantiseInto(ctx context.Context, dst tensor.View, sel ...tensor.Selection) error {
	err := t.needQuantised()
	if err == nil {
		err = t.dequantise(ctx, dst, sel)
	}
	return t.placed(err)
}

func (t *Tensor) dequantise(ctx context.Context, dst tensor.View, sel []tensor.Selection) error {
	all, shape, err := resolve(t.shape, sel)
	if err != nil {
		return err
	}
	if !dst.Shape().Equal(shape) {
		return &Error{Kind: ErrShape, Offset: -1, Field: "destination", Got: dst.Shape().String(), Want: shape.String()}
	}
	parts, err := t.openOnce(ctx)
	if err != nil || dst.NumElements() == 0 {
		return err
	}
	r := &floatReader{ctx: ctx, t: t, all: all}
	counts := make(tensor.Shape, len(all))
	for k := range all {
		counts[k] = all[k].Count
	}
	if r.dst, err = dst.Reshape(counts); err != nil {
		return err
	}
	d, _, err := t.describeComposite(ctx)
	if err != nil {
		return err
	}
	for _, g := range d.Group {
		r.group = append(r.group, int64(g))
	}
	for _, p := range parts {
		switch p.Role {
		case format.RoleValues:
			r.values = p.Tensor
		case format.RoleScales:
			err = r.scales.load(r, p.Tensor)
		case format.RoleZeros:
			err = r.zeros.load(r, p.Tensor)
		}
		if err != nil {
			return inPart(p.Role, err)
		}
	}
	size, n := r.cut()
	return parallel.Each(t.f.workers(1<<40), n, func(i int64) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return r.box(size, i)
	})
}

// floatReader dequantises what is taken of a stored tensor.
type floatReader struct {
	ctx           context.Context
	t             *Tensor
	all           []tensor.AxisRange
	dst           tensor.View // an axis for each of all
	values        *Tensor
	scales, zeros groupPart
	group         []int64
}

// groupPart is the scales or zeros of what is taken.
type groupPart struct {
	v     tensor.View // the zero View: there are none
	first []int64     // that it begins with
}

// ends are the first element that is taken along an axis, and the one behind
// the last.
func ends(r tensor.AxisRange) (lo, hi int64) {
	last := r.First + (r.Count-1)*r.Step
	return min(r.First, last), max(r.First, last) + 1
}

// ranges is a selection of ranges.
func ranges(lo, hi []int64) tensor.Selection {
	sel := make(tensor.Selection, len(lo))
	for k := range sel {
		sel[k] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: lo[k], Stop: hi[k], Step: 1}
	}
	return sel
}

// mapped is nil if the values can be looked at in place.
func (r *floatReader) mapped() error {
	if r.values.kind != format.KindDense || r.values.st.Kind != StorageRaw {
		return ErrEncoded
	}
	_, err := r.values.View()
	return err
}

// load takes the part where it is mapped, and reads what is needed of it
// otherwise. Packed elements become binary32, which can be cut anywhere.
func (g *groupPart) load(r *floatReader, p *Tensor) error {
	g.first = make([]int64, len(r.all))
	dense := p.kind == format.KindDense
	if dense && p.st.Kind == StorageRaw && !p.dtype.Packed() {
		v, err := p.View()
		if err == nil || !errors.Is(err, ErrNotMapped) {
			g.v = v
			return err
		}
	}
	end := make([]int64, len(r.all))
	for k, a := range r.all {
		lo, hi := ends(a)
		g.first[k], end[k] = lo/r.group[k], (hi-1)/r.group[k]+1
		if p.dtype.Packed() && k == len(r.all)-1 {
			g.first[k], end[k] = 0, p.shape[k]
		}
	}
	var err error
	if dense {
		g.v, err = p.Read(r.ctx, ranges(g.first, end))
	} else {
		g.v, err = p.Dequantise(r.ctx, p.dtype, ranges(g.first, end))
	}
	if err == nil && p.dtype.Packed() {
		g.v, err = g.v.Cast(tensor.F32)
	}
	return err
}

// cut is the box that is taken at a time along each axis, and how many there
// are: chunks of the values are decoded by one of them, as far as that can be.
func (r *floatReader) cut() (size []int64, boxes int64) {
	size, boxes = make([]int64, len(r.all)), 1
	var chunk tensor.Shape
	if st := r.values.Storage(); st.Kind == StorageGrid && len(st.Chunk) == len(r.all) {
		chunk = st.Chunk
	}
	room := int64(dequantElems)
	for k := len(r.all) - 1; k >= 0; k-- {
		a := r.all[k]
		n := room
		if chunk != nil {
			switch step := max(a.Step, -a.Step); {
			case step >= chunk[k]:
				n = 1 // what lies between is not read
			default:
				n = max(n/chunk[k]*chunk[k], chunk[k]) / step
			}
		}
		size[k] = min(max(n, 1), a.Count)
		if room /= size[k]; size[k] < a.Count {
			room = 1
		}
		room = max(room, 1)
		boxes *= (r.shift(k, size[k])+a.Count-1)/size[k] + 1
	}
	return size, boxes
}

// shift is how many elements before the first one the first box would begin, were
// it not cut short: so that the others begin with a chunk.
func (r *floatReader) shift(k int, size int64) int64 {
	a := r.all[k]
	if a.Step != 1 || size == a.Count {
		return 0
	}
	return a.First % size
}

// box dequantises box i.
func (r *floatReader) box(size []int64, i int64) error {
	rank := len(r.all)
	lo, hi, first := make([]int64, rank), make([]int64, rank), make([]int64, rank)
	from, to := make([]int64, rank), make([]int64, rank) // scales
	at, end := make([]int64, rank), make([]int64, rank)  // of dst
	inside := make(tensor.Selection, rank)
	whole := true
	for k := rank - 1; k >= 0; k-- {
		a, shift := r.all[k], r.shift(k, size[k])
		n := (shift+a.Count-1)/size[k] + 1
		at[k] = max(i%n*size[k]-shift, 0)
		end[k] = min((i%n+1)*size[k]-shift, a.Count)
		i /= n
		part := tensor.AxisRange{First: a.First + at[k]*a.Step, Count: end[k] - at[k], Step: a.Step}
		lo[k], hi[k] = ends(part)
		if d := r.values.dtype; d.Packed() && k == rank-1 {
			unit := int64(d.UnitElems)
			lo[k] -= lo[k] % unit
			hi[k] = min((hi[k]+unit-1)/unit*unit, r.t.shape[k])
		}
		g := r.group[k]
		from[k], to[k] = lo[k]/g, (hi[k]-1)/g+1
		first[k] = lo[k] - from[k]*g
		item := tensor.SelectionItem{Kind: tensor.SelectRange, Start: part.First - lo[k], Stop: part.First - lo[k] + part.Count*part.Step, Step: part.Step}
		if item.Stop < 0 {
			item.Stop = tensor.None
		}
		inside[k] = item
		whole = whole && part.Step == 1 && part.Count == hi[k]-lo[k]
	}
	dst, err := r.dst.Select(ranges(at, end))
	if err != nil {
		return err
	}
	run := func(values tensor.View) error {
		spec := quant.Spec{DType: r.t.dtype, Values: values, Group: r.group, First: first}
		var err error
		if spec.Scales, err = r.scales.cut(from, to); err == nil {
			spec.Zeros, err = r.zeros.cut(from, to)
		}
		if err != nil {
			return err
		}
		a, err := quant.New(spec)
		if err != nil {
			return err
		}
		if whole {
			return a.DequantiseInto(r.ctx, dst, 1)
		}
		return a.DequantiseInto(r.ctx, dst, 1, inside)
	}
	switch {
	case r.mapped() == nil:
		return r.values.Guard(func(v tensor.View) error {
			v, err := v.Select(ranges(lo, hi))
			if err != nil {
				return err
			}
			return run(v)
		})
	case r.values.kind != format.KindDense:
		v, err := r.values.Dequantise(r.ctx, r.values.dtype, ranges(lo, hi))
		if err != nil {
			return err
		}
		return r.guard(run, v)
	}
	v, err := r.values.Read(r.ctx, ranges(lo, hi))
	if err != nil {
		return err
	}
	return r.guard(run, v)
}

// guard calls run, which may look at scales on the mapping.
func (r *floatReader) guard(run func(tensor.View) error, v tensor.View) error {
	return r.t.f.m.FaultError(r.t.f.m.Guard(func() error { return run(v) }), 0)
}

// cut is the part for scales [from, to).
func (g *groupPart) cut(from, to []int64) (tensor.View, error) {
	if g.first == nil {
		return g.v, nil
	}
	lo, hi := make([]int64, len(from)), make([]int64, len(from))
	for k := range from {
		lo[k], hi[k] = from[k]-g.first[k], to[k]-g.first[k]
	}
	return g.v.Select(ranges(lo, hi))
}
