package sparse

import (
	"context"
	"slices"
	"strconv"

	"github.com/tensorfile/tensorfile/tensor"
)

// Transpose reorders the axes: axis i of the result is axis axes[i] of the
// array; nil reverses them. CSR becomes CSC and CSC becomes CSR, COO and CSF
// stay what they are: of these the result shares values and, where the order
// of axes allows it, indices with the array, and nothing is validated. The
// blocks of BSR and the values of Bitmap are moved.
//
// Of a structure the kept triangle becomes the other one. Errors are ErrIndex
// for axes that are no permutation, and those of Convert where entries move.
func (a *Array) Transpose(ctx context.Context, axes []int, o *Options) (*Array, error) {
	rank := len(a.shape)
	if axes == nil {
		axes = allAxes(rank)
		slices.Reverse(axes)
	}
	if !slices.Equal(slices.Sorted(slices.Values(axes)), allAxes(rank)) {
		return nil, fail(tensor.ErrIndex, "axes", tensor.Shape(int64s(axes)).String(), "each of "+between(0, rank-1)+" once", "")
	}
	if slices.Equal(axes, allAxes(rank)) {
		return a, nil
	}
	p, err := o.plan()
	if err != nil {
		return nil, err
	}
	if a.layout == BSR || a.layout == Bitmap {
		if err := a.ready(ctx, &p); err != nil {
			return nil, err
		}
	}
	spec := Spec{Layout: a.layout, Shape: permuted(a.shape, axes), DType: a.dtype, Properties: a.props}
	if a.props.Structure != General {
		spec.Upper = !spec.Upper
	}
	switch a.layout {
	case CSR, CSC:
		spec.Layout = CSR + CSC - a.layout
		spec.Parts = a.parts
	case COO:
		idx, err := turnColumns(a.part(RoleIndices), axes)
		if err != nil {
			return nil, err
		}
		spec.Sorted = false
		spec.Parts = replaced(a.parts, RoleIndices, idx)
	case CSF:
		order := make([]uint8, rank)
		for k := range order {
			axis, err := tensor.ReadElem[uint8](a.part(RoleOrder), int64(k))
			if err != nil {
				return nil, err
			}
			if int(axis) >= rank {
				return nil, badIndex(place(RoleOrder, k), strconv.Itoa(int(axis)), between(0, rank-1))
			}
			order[k] = uint8(slices.Index(axes, int(axis)))
		}
		v, err := tensor.FromSlice(order)
		if err != nil {
			return nil, err
		}
		spec.Parts = replaced(a.parts, RoleOrder, v)
	case BSR:
		return a.turnBlocks(&p)
	default:
		k, err := a.keyed(axes, p.workers)
		if err != nil {
			return nil, err
		}
		out := a.spec(a.layout)
		out.Shape = spec.Shape
		return pack(&k, out, nil, &p)
	}
	t, err := New(spec)
	if err == nil {
		t.checked.Store(a.checked.Load())
	}
	return t, err
}

// replaced are parts with another view for one role.
func replaced(parts []Part, role string, v tensor.View) []Part {
	out := slices.Clone(parts)
	for i := range out {
		if out[i].Role == role {
			out[i].View = v
		}
	}
	return out
}

// turnColumns reorders the columns of coordinates, without a copy if that is
// their reverse.
func turnColumns(idx tensor.View, axes []int) (tensor.View, error) {
	reverse := allAxes(len(axes))
	slices.Reverse(reverse)
	if slices.Equal(axes, reverse) {
		return idx.Flip(1)
	}
	out, err := tensor.Make(idx.DType(), tensor.Shape{int64(len(axes)), idx.Shape()[0]})
	if err != nil {
		return out, err
	}
	for to, from := range axes {
		dst, err := out.Index(0, int64(to))
		if err != nil {
			return out, err
		}
		src, err := idx.Index(1, int64(from))
		if err != nil {
			return out, err
		}
		if err := tensor.Copy(dst, src); err != nil {
			return out, err
		}
	}
	return out.Transpose()
}

// turnBlocks transposes a valid BSR array: the grid and every block.
func (a *Array) turnBlocks(p *plan) (*Array, error) {
	k, err := a.blockKeys(p.workers)
	if err != nil {
		return nil, err
	}
	k.turn([]int{1, 0}, p.workers)
	k.sort(p.workers)
	b := a.Block()
	h, w := int(b[0]), int(b[1])
	if !k.val.one || h*w > 1 {
		n := len(k.keys)
		from := k.val.whole(n, p.workers)
		k.val = from.like(n)
		size := from.size
		split(n, p.workers, func(_, lo, hi int) {
			for e := lo; e < hi; e++ {
				dst, src := k.val.at(e), from.at(e)
				for r := range h {
					for c := range w {
						copy(dst[(c*h+r)*size:][:size], src[(r*w+c)*size:])
					}
				}
			}
		})
	}
	spec := a.spec(BSR)
	spec.Shape = tensor.Shape{a.shape[1], a.shape[0]}
	return packBlocks(&k, spec, [2]int64{b[1], b[0]}, p)
}
