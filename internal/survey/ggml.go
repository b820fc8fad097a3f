package survey

import (
	"context"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/tensor"
)

// InBlocks reports whether the elements of a tensor lie in blocks of ggml that can be
// made numbers.
func InBlocks(t *tensorfile.Tensor) bool {
	_, _, composite := t.Composite()
	return !composite && quant.KnownBlock(t.DType())
}

// Numbers are the elements of a view of blocks, as f32.
func Numbers(ctx context.Context, v tensor.View) (tensor.View, error) {
	out, err := tensor.Make(tensor.F32, v.Shape())
	if err != nil {
		return out, err
	}
	return out, quant.DequantiseBlocks(ctx, out, v, 1)
}

// Values is the dtype that Read gives: f32 of blocks that are looked into, else that
// of the tensor.
func (p Pick) Values() tensor.DType {
	if p.madeNumbers() {
		return tensor.F32
	}
	return p.DType()
}

func (p Pick) madeNumbers() bool { return p.Blocks && InBlocks(p.Tensor) }

// readBlocks is Read of blocks: all that a selection touches is made numbers, of
// which it then takes its own.
func (p Pick) readBlocks(ctx context.Context, sel tensor.Selection) (tensor.View, error) {
	size := p.Shape()
	taken, shape, err := sel.Resolve(size)
	if err != nil {
		return tensor.View{}, err
	}
	if n, err := shape.NumElements(); err != nil || n == 0 {
		v, make := tensor.Make(tensor.F32, shape)
		if err == nil {
			err = make
		}
		return v, err
	}
	whole, exact := make(tensor.Selection, len(taken)), make(tensor.Selection, len(taken))
	for axis, r := range taken {
		last := r.First + (r.Count-1)*r.Step
		lo, hi, by := min(r.First, last), max(r.First, last)+1, max(r.Step, -r.Step)
		own := tensor.SelectionItem{Kind: tensor.SelectRange, Start: 0, Stop: tensor.None, Step: 1}
		if axis == len(taken)-1 {
			e := int64(p.DType().UnitElems)
			own = tensor.SelectionItem{Kind: tensor.SelectRange, Start: lo % e, Stop: hi - lo/e*e, Step: by}
			lo, hi, by = lo/e*e, min((hi-1)/e*e+e, size[axis]), 1
		}
		if r.Step < 0 {
			own.Start, own.Stop, own.Step = tensor.None, tensor.None, -1
			if axis == len(taken)-1 {
				own.Start, own.Stop, own.Step = r.First-lo, last-lo-1, r.Step
				if own.Stop < 0 {
					own.Stop = tensor.None
				}
			}
		}
		whole[axis] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: lo, Stop: hi, Step: max(by, 1)}
		exact[axis] = own
	}
	v, err := p.Tensor.Read(ctx, whole)
	if err == nil {
		v, err = Numbers(ctx, v)
	}
	if err == nil {
		v, err = v.Select(exact)
	}
	if err == nil {
		v, err = v.Clone()
	}
	if err != nil {
		return v, err
	}
	return v.Reshape(shape)
}
