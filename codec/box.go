package codec

import (
	"fmt"

	"github.com/tensorfile/tensorfile/tensor"
)

// maxRaw bounds the raw bytes of a chunk.
const maxRaw = 1 << 30

// Box is a chunk: the type of its elements and its extents in elements, in C
// order, already clipped to the tensor. A packed dtype pads the last axis to
// whole units. Shape is only read, and only during a call.
type Box struct {
	DType tensor.DType
	Shape []int64
}

// RawLen returns the number of raw bytes of the box, -1 if that is not a
// number that a chunk can have.
func (b Box) RawLen() int {
	n := int64(b.DType.UnitBytes)
	for i, extent := range b.Shape {
		if i == len(b.Shape)-1 && b.DType.UnitElems > 1 {
			e := int64(b.DType.UnitElems)
			extent = extent/e + min(extent%e, 1)
		}
		if extent < 0 || extent > 0 && n > maxRaw/extent {
			return -1
		}
		n *= extent
	}
	return int(n)
}

// word returns W, the word of the dtype: what a stage splits into when its
// arguments do not say.
func word(d tensor.DType) int {
	switch {
	case d.Class == tensor.ClassComplex && d.UnitElems == 1:
		return int(d.UnitBytes / 2)
	case d.Class == tensor.ClassBytes && d.Variant == tensor.VariantUTF32:
		return 4
	case d.Class == tensor.ClassBytes:
		return 1
	}
	return int(d.UnitBytes)
}

func (b Box) check(raw int) error {
	switch n := b.RawLen(); {
	case n < 0:
		return &tensor.Error{Kind: tensor.ErrLimit, Offset: -1, Field: "chunk", Got: tensor.Shape(b.Shape).String() + " of " + b.DType.String(), Want: fmt.Sprintf("at most %d bytes of raw data", maxRaw)}
	case n != raw:
		return &tensor.Error{Kind: tensor.ErrShape, Offset: -1, Field: "chunk", Got: fmt.Sprintf("%d bytes", raw), Want: fmt.Sprintf("%d bytes of shape %v of %v", n, tensor.Shape(b.Shape), b.DType)}
	}
	return nil
}
