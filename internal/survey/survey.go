// Package survey looks through what is picked of a tensor of any file: block by
// block in bounded memory, as text, in numbers, and in words. The tool and the
// viewer say the same of a tensor because both ask here.
package survey

import (
	"context"
	"errors"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/tensor/stats"
)

// A Pick is a tensor and what is selected of it; a nil selection is all.
type Pick struct {
	*tensorfile.Tensor
	Sel    tensor.Selection
	Blocks bool // blocks of ggml are looked into, as numbers
}

// Extents is the shape of what is picked.
func (p Pick) Extents() (tensor.Shape, error) {
	if p.Sel == nil {
		return p.Shape(), nil
	}
	_, s, err := p.Sel.Resolve(p.Shape())
	return s, Located(err, p.Tensor)
}

// Located adds file and tensor to an error that names none.
func Located(err error, t *tensorfile.Tensor) error {
	var e *tensorfile.Error
	if errors.As(err, &e) && e.Path == "" {
		e.Path, e.Tensor = t.File().Path(), t.Name()
	}
	return err
}

// Quantised reports whether a tensor is quantised, and its elements are numbers
// that can be made of its parts.
func Quantised(t *tensorfile.Tensor) bool {
	layout, _, _ := t.Composite()
	return layout == format.LayoutQuantised && stats.Numeric(t.DType()) && !t.DType().Packed()
}

// Uneven reports whether a tensor has rows of different lengths, or strings.
func Uneven(t *tensorfile.Tensor) bool {
	layout, _, composite := t.Composite()
	return composite && (layout == format.LayoutRagged || layout == format.LayoutString)
}

// Read reads elements, those of a quantised tensor as numbers of its dtype; of at most one
// selection.
func (p Pick) Read(ctx context.Context, sel ...tensor.Selection) (tensor.View, error) {
	if Quantised(p.Tensor) {
		return p.Dequantise(ctx, p.DType(), sel...)
	}
	if p.madeNumbers() {
		if len(sel) > 0 {
			return p.readBlocks(ctx, sel[0])
		}
		return p.readBlocks(ctx, nil)
	}
	return p.Tensor.Read(ctx, sel...)
}

// ReadAll reads what is picked.
func (p Pick) ReadAll(ctx context.Context) (tensor.View, error) {
	if p.Sel == nil {
		return p.Read(ctx)
	}
	return p.Read(ctx, p.Sel)
}

// Product of extents, at most the largest number.
func Product(s []int64) int64 {
	n := int64(1)
	for _, e := range s {
		n = Saturated(n, e)
	}
	return n
}
