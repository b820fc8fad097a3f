package reduce

import (
	"math/bits"

	"github.com/tensorfile/tensorfile/tensor"
)

// A cut lays pixels over an axis.
type cut struct {
	n      int64 // elements
	pixels int   // from 1 to n; 0 if there are no elements
}

func newCut(n int64, most int) cut {
	return cut{n, int(min(n, int64(max(most, 1))))}
}

// of is the pixel that an element falls into.
func (c cut) of(i int64) int {
	hi, lo := bits.Mul64(uint64(i), uint64(c.pixels))
	q, _ := bits.Div64(hi, lo, uint64(c.n)) // i < n, so hi < n
	return int(q)
}

// start is the first element of a pixel, and the end of the one before.
func (c cut) start(pixel int) int64 {
	if c.pixels == 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(pixel), uint64(c.n))
	lo, carry := bits.Add64(lo, uint64(c.pixels-1), 0)
	q, _ := bits.Div64(hi+carry, lo, uint64(c.pixels))
	return int64(q)
}

// Boxes calls fn with a run of elements in C order as blocks of a tensor, and
// where each begins. pos is the place of the first element; v has them in C
// order. The blocks have all axes of the tensor.
func Boxes(shape tensor.Shape, pos int64, v tensor.View, fn func(at []int64, v tensor.View) error) error {
	flat, err := v.Reshape(tensor.Shape{v.NumElements()})
	if err != nil { // rows of a packed dtype that do not fill their units
		if v, err = v.Cast(tensor.F64); err == nil {
			flat, err = v.Reshape(tensor.Shape{v.NumElements()})
		}
		if err != nil {
			return err
		}
	}
	if len(shape) == 0 {
		one, err := flat.Reshape(tensor.Shape{})
		if err != nil {
			return err
		}
		return fn(nil, one)
	}
	return boxes(shape, 0, make([]int64, len(shape)), pos, flat, fn)
}

// boxes is Boxes inside of one index of each axis before axis, which at holds.
func boxes(shape tensor.Shape, axis int, at []int64, pos int64, v tensor.View, fn func([]int64, tensor.View) error) error {
	inner := int64(1)
	for _, n := range shape[axis+1:] {
		inner *= n
	}
	clear(at[axis:])
	for from, n := int64(0), v.NumElements(); from < n; {
		row, off := (pos+from)/inner, (pos+from)%inner
		at[axis] = row
		size := n - from // of whole rows
		if off > 0 || size < inner {
			size = min(inner-off, size)
		} else {
			size -= size % inner
		}
		part, err := v.Slice(0, from, from+size, 1)
		if err != nil {
			return err
		}
		if off > 0 || size < inner {
			err = boxes(shape, axis+1, at, off, part, fn)
			clear(at[axis+1:])
		} else {
			block := make(tensor.Shape, len(shape))
			for i := range block {
				switch {
				case i < axis:
					block[i] = 1
				case i == axis:
					block[i] = size / inner
				default:
					block[i] = shape[i]
				}
			}
			if part, err = part.Reshape(block); err == nil {
				err = fn(at, part)
			}
		}
		if err != nil {
			return err
		}
		from += size
	}
	return nil
}
