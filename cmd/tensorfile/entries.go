package main

import (
	"context"

	"github.com/tensorfile/tensorfile/tensor"
)

// picked takes any selection of a sparse tensor: entries, or the value of one
// element.
func (d *parted) picked(ctx context.Context, p pick, ranges []tensor.AxisRange) error {
	a, err := p.Sparse(ctx)
	if err != nil {
		return err
	}
	one := true
	at := make([]int64, len(ranges))
	for i, r := range ranges {
		at[i], one = r.First, one && r.Drop
	}
	if one {
		d.shape = nil
		d.value, err = a.At(at...)
		return err
	}
	if a, err = a.Select(ctx, p.Sel, nil); err != nil {
		return err
	}
	d.layout, d.shape = uint16(a.Layout()), a.Shape()
	for _, x := range a.Parts() {
		d.shapes[x.Role] = x.View.Shape()
	}
	d.rows = func(role string, from, to int64) (tensor.View, error) {
		v, _ := a.Part(role)
		return v.Slice(0, from, to, 1)
	}
	return nil
}
