package transform

import (
	"strconv"

	"github.com/tensorfile/tensorfile/tensor"
)

// RollOptions are the choices of Roll; nil are the defaults.
type RollOptions struct {
	// Workers is the largest number of goroutines; see the package.
	Workers int
}

// Roll moves the elements of axis axes[i] by shift[i] places, for every dtype
// and view; what leaves at one end comes back at the other. Axes may be negative,
// and one named twice is moved by the sum: NumPy's roll with axes.
//
// Errors are tensor.ErrShape (not one shift for each of axes), ErrIndex (no such
// axis), ErrLimit, and ErrUnsupported for a packed axis moved by parts of a
// unit.
func Roll(v tensor.View, shift []int64, axes []int, o *RollOptions) (tensor.View, error) {
	dst, err := tensor.Make(v.DType(), v.Shape())
	if err != nil {
		return tensor.View{}, err
	}
	if err := RollInto(dst, v, shift, axes, o); err != nil {
		return tensor.View{}, err
	}
	return dst, nil
}

// RollInto is Roll into dst, which has the dtype and shape of v.
func RollInto(dst, v tensor.View, shift []int64, axes []int, o *RollOptions) error {
	if o == nil {
		o = &RollOptions{}
	}
	if len(shift) != len(axes) {
		return fail(tensor.ErrShape, "roll", strconv.Itoa(len(shift))+" shifts", "one for each of "+strconv.Itoa(len(axes))+" axes")
	}
	if err := fits("roll", dst, v, v.Shape()); err != nil {
		return err
	}
	rank := v.Rank()
	list := make([]spans, rank)
	for axis, n := range v.Shape() {
		list[axis] = rolled{n: n}
	}
	for i, axis := range axes {
		if axis < -rank || axis >= rank {
			return fail(tensor.ErrIndex, "axis", strconv.Itoa(axis), "-"+strconv.Itoa(rank)+" to "+strconv.Itoa(rank-1))
		}
		if axis < 0 {
			axis += rank
		}
		r := list[axis].(rolled)
		if r.n > 0 {
			// Both numbers are between 0 and n-1, and the sum is taken without one.
			by := shift[i] % r.n
			if by < 0 {
				by += r.n
			}
			if r.by >= r.n-by {
				r.by -= r.n - by
			} else {
				r.by += by
			}
			list[axis] = r
		}
	}
	return mosaic(dst, v, tensor.View{}, list, o.Workers)
}

// rolled is an axis of n elements moved by 0 to n-1 places.
type rolled struct{ n, by int64 }

func (r rolled) len() int64 {
	if r.by == 0 {
		return 1
	}
	return 2
}

func (r rolled) at(i int64) span {
	switch {
	case r.by == 0:
		return span{count: r.n, step: 1}
	case i == 0:
		return span{count: r.by, first: r.n - r.by, step: 1}
	}
	return span{at: r.by, count: r.n - r.by, step: 1}
}
