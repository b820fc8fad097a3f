package sparse

import (
	"context"

	"github.com/tensorfile/tensorfile/tensor"
)

// General returns the same tensor without a structure: entries off the diagonal
// are kept twice, as they are and mirrored. The result is sorted. An array
// without a structure is returned itself.
//
// A skew-symmetric or Hermitian array whose fill value differs from what
// mirrors it has no general form with one fill value: ErrUnsupported.
func (a *Array) General(ctx context.Context, o *Options) (*Array, error) {
	if a.props.Structure == General {
		return a, nil
	}
	p, err := o.plan()
	if err != nil {
		return nil, err
	}
	if err := a.ready(ctx, &p); err != nil {
		return nil, err
	}
	if string(a.mirroredFill()) != string(a.fillElement()) {
		return nil, fail(tensor.ErrUnsupported, "fill", "a value that is not its own mirror", "one that is, for "+a.props.Structure.String()+" without its structure", "")
	}
	var axes []int
	switch a.layout {
	case CSC:
		axes = []int{1, 0}
	case CSF:
		axes = a.order()
	}
	k, err := a.keyed(axes, p.workers)
	if err != nil {
		return nil, err
	}
	k.mirror(a.props.Structure, p.workers)
	spec := a.spec(a.layout)
	spec.Structure, spec.Upper = General, false
	k.sort(p.workers)
	return pack(&k, spec, axes, &p)
}

// mirrored returns what mirrors an element, in memory of its own.
func (a *Array) mirrored(x []byte) []byte {
	m := append(make([]byte, 0, 16), x...)
	if f := a.props.Structure.mirror(a.dtype); f != nil {
		one := words{dtype: a.dtype, size: len(x), per: 1}.like(1) // aligned
		copy(one.b, m)
		f(one.b)
		return one.b
	}
	return m
}

// mirroredFill is the value of elements without an entry in the triangle that is
// not kept. A number that equals what mirrors it, as zero does, mirrors itself.
func (a *Array) mirroredFill() []byte {
	fill := a.fillElement()
	if other := a.mirrored(fill); !arithOf(a.dtype).same(other, fill) {
		return other
	}
	return fill
}

// mirror appends the other triangle of a square matrix.
func (k *keyed) mirror(s Structure, workers int) {
	n := k.shape[0]
	div := by(max(n, 1))
	from := make([]int64, 0, len(k.keys))
	keys := make([]int64, 0, len(k.keys))
	for e, key := range k.keys {
		if row, column := div.of(key); row != column {
			from = append(from, int64(e))
			keys = append(keys, column*n+row)
		}
	}
	val := gather(k.val, from, workers)
	if f := s.mirror(k.val.dtype); f != nil {
		val = val.own()
		f(val.b)
	}
	k.val = join(k.val, len(k.keys), val, len(keys), workers)
	k.keys = append(k.keys, keys...)
	k.sorted = false
}

// Structured returns the same tensor with a structure, of which the upper or
// the lower triangle is kept: what General undoes. Duplicates are summed. That
// the triangles mirror each other is checked, as numbers: zeros of either sign
// are equal, NaNs are. If they do not the error is ErrShape and names the first
// such element. Entries equal to the fill value need no counterpart. The
// diagonal of a skew-symmetric matrix must be zero, that of a Hermitian one
// real. BSR and Bitmap have no structures (ErrUnsupported).
func (a *Array) Structured(ctx context.Context, s Structure, upper bool, o *Options) (*Array, error) {
	p, err := o.plan()
	if err != nil {
		return nil, err
	}
	switch {
	case s == a.props.Structure && upper == a.props.Upper:
		return a, nil
	case a.props.Structure != General:
		g, err := a.General(ctx, o)
		if err != nil {
			return nil, err
		}
		return g.Structured(ctx, s, upper, o)
	case s == General:
		return a, nil
	case a.layout == BSR || a.layout == Bitmap:
		return nil, fail(tensor.ErrUnsupported, "layout", a.layout.String(), "coo, csr, csc or csf for a structure", "")
	}
	spec := a.spec(a.layout)
	spec.Structure, spec.Upper = s, upper
	if len(a.shape) != 2 || a.shape[0] != a.shape[1] || s > Hermitian || s == Hermitian && a.dtype.Class != tensor.ClassComplex {
		return nil, fail(tensor.ErrShape, "structure", s.String()+" for "+a.dtype.String()+" "+a.shape.String(), "a square matrix, complex if Hermitian", "")
	}
	if err := a.ready(ctx, &p); err != nil {
		return nil, err
	}
	k, err := a.keyed(nil, p.workers)
	if err != nil {
		return nil, err
	}
	k.sum(p.workers)
	if err := a.checkMirror(&k, s, p.workers); err != nil {
		return nil, err
	}
	// What is kept, in C order, turned to where the layout wants it.
	div := by(max(a.shape[0], 1))
	kept := make([]int64, 0, len(k.keys)/2+1)
	for e, key := range k.keys {
		row, column := div.of(key)
		if row == column && s != SkewSymmetric || row != column && row < column == upper {
			kept = append(kept, int64(e))
		}
	}
	keys := fresh[int64](len(kept))
	take(keys, k.keys, kept)
	k.keys, k.val = keys, gather(k.val, kept, p.workers)
	var axes []int
	switch a.layout {
	case CSC:
		axes = []int{1, 0}
	case CSF:
		axes = a.order()
	}
	if axes != nil && axes[0] == 1 {
		k.turn(axes, p.workers)
	}
	k.sort(p.workers)
	return pack(&k, spec, axes, &p)
}

// checkMirror compares the sorted and unique entries with what mirrors them.
func (a *Array) checkMirror(k *keyed, s Structure, workers int) error {
	fill := a.fillElement()
	bare := &Array{dtype: a.dtype, props: Properties{Structure: s}} // for its mirror
	arith := arithOf(a.dtype)
	same := func(x, y []byte) bool { return string(x) == string(y) || arith.same(x, y) }
	fillMirrored := bare.mirrored(fill)
	if !same(fill, fillMirrored) {
		return fail(tensor.ErrShape, "fill", "a value that is not its own mirror", "one that is, for "+s.String(), "")
	}
	n := a.shape[0]
	div := by(max(n, 1))
	// The mirrored entries in order: each key at its counterpart's place.
	other := keyed{shape: k.shape, bound: k.bound, keys: fresh[int64](len(k.keys)), val: k.val}
	if f := s.mirror(a.dtype); f != nil {
		other.val = k.val.own()
		f(other.val.b)
	}
	for e, key := range k.keys {
		row, column := div.of(key)
		other.keys[e] = column*n + row
	}
	other.sort(workers)
	for e, o := 0, 0; e < len(k.keys); e++ {
		key := k.keys[e]
		for o < len(other.keys) && other.keys[o] < key {
			o++
		}
		x, y := k.val.at(e), fillMirrored
		if o < len(other.keys) && other.keys[o] == key {
			y = other.val.at(o)
		}
		if !same(x, y) {
			row, column := div.of(key)
			return fail(tensor.ErrShape, "element "+tensor.Shape{row, column}.String(), "a value that does not mirror that at "+tensor.Shape{column, row}.String(), s.String(), "")
		}
	}
	return nil
}
