package tensor

import (
	"math"
	"strconv"
)

// None stands for an open end of a slice: as start or stop it means the end
// that the direction of the step asks for, as step it means 1.
const None = math.MinInt64

// axis resolves an axis counted from the front or, negative, from the back.
func (v View) axis(axis int) (int, error) {
	rank := len(v.shape)
	if axis < -rank || axis >= rank {
		return 0, v.fail(ErrIndex, "axis", strconv.Itoa(axis), "-"+strconv.Itoa(rank)+" to "+strconv.Itoa(rank-1))
	}
	if axis < 0 {
		axis += rank
	}
	return axis, nil
}

// packedAxis reports whether axis is one whose units hold several elements.
func (v View) packedAxis(axis int) bool {
	return v.dtype.Packed() && axis == len(v.shape)-1
}

// refusePacked is the error for what would cut, turn or move a packed axis.
func (v View) refusePacked(op string) error {
	return v.fail(ErrUnsupported, op, "the last axis", "whole units of "+utoa(v.dtype.UnitElems)+" elements in order: unpack first")
}

// own returns copies of shape and strides to edit.
func (v View) own() (Shape, Strides) { return v.shape.Clone(), v.strides.Clone() }

// sliceRange resolves start:stop:step over an axis of n elements as Python
// does: ends are clipped, negative ones count from the back. It returns the
// first index, the number of elements and the step; without elements first is
// 0 and step 1.
func sliceRange(n, start, stop, step int64) (first, count, by int64) {
	if step == None {
		step = 1
	}
	lowest, highest := int64(0), n // where ends are clipped
	if step < 0 {
		lowest, highest = -1, n-1
	}
	clip := func(i, open int64) int64 {
		if i == None {
			return open
		}
		if i < 0 {
			i += n // no overflow: the signs differ
			return max(i, lowest)
		}
		return min(i, highest)
	}
	if step > 0 {
		start, stop = clip(start, lowest), clip(stop, highest)
		if start < stop {
			count = (stop-start-1)/step + 1
		}
	} else {
		start, stop = clip(start, highest), clip(stop, lowest)
		if stop < start {
			count = (start-stop-1)/-step + 1
		}
	}
	if count == 0 {
		return 0, 0, 1
	}
	return start, count, step
}

// Slice takes the elements start, start+step, ... before stop along an axis, by
// the rules of Python: negative ends count from the back, ends outside are
// clipped, a negative step walks backwards, None leaves an end open. It copies
// nothing.
//
// A packed axis can be cut between units only, with step 1; anything finer is
// ErrUnsupported.
func (v View) Slice(axis int, start, stop, step int64) (View, error) {
	axis, err := v.axis(axis)
	if err != nil {
		return View{}, err
	}
	if step == 0 {
		return View{}, v.fail(ErrIndex, "slice step", "0", "a step other than 0")
	}
	first, count, step := sliceRange(v.shape[axis], start, stop, step)
	return v.take(axis, first, count, step)
}

// take is Slice with resolved numbers; count 0 comes with first 0, step 1.
func (v View) take(axis int, first, count, step int64) (View, error) {
	shape, strides := v.own()
	offset := v.offset
	if v.packedAxis(axis) {
		e := int64(v.dtype.UnitElems)
		end := first + count // at most the extent if step is 1
		if count > 0 && (step != 1 || first%e != 0 || end%e != 0 && end != shape[axis]) {
			return View{}, v.refusePacked("slice")
		}
		first /= e
	} else if next, ok := mulSigned(strides[axis], step); ok {
		strides[axis] = next // else no two elements use it
	}
	if v.n > 0 {
		offset += first * v.strides[axis]
	}
	shape[axis] = count
	return v.derive(v.dtype, shape, strides, offset)
}

// mulSigned multiplies numbers of any sign.
func mulSigned(a, b int64) (int64, bool) {
	if b == math.MinInt64 {
		return 0, a == 0
	}
	if b < 0 {
		a, b = -a, -b
		if a == math.MinInt64 {
			return 0, false
		}
	}
	return mulStride(b, a)
}

// Index takes element i, negative from the back, along an axis and drops the
// axis. The packed axis of a packed dtype cannot be dropped (ErrUnsupported).
func (v View) Index(axis int, i int64) (View, error) {
	axis, err := v.axis(axis)
	if err != nil {
		return View{}, err
	}
	at, ok := resolveIndex(i, v.shape[axis])
	if !ok {
		return View{}, v.fail(ErrIndex, "index on axis "+strconv.Itoa(axis), itoa(i), indexRange(v.shape[axis]))
	}
	if v.packedAxis(axis) {
		return View{}, v.refusePacked("index")
	}
	offset := v.offset
	if v.n > 0 {
		offset += at * v.strides[axis]
	}
	shape := append(v.shape[:axis:axis], v.shape[axis+1:]...)
	strides := append(v.strides[:axis:axis], v.strides[axis+1:]...)
	return v.derive(v.dtype, shape, strides, offset)
}

func resolveIndex(i, n int64) (int64, bool) {
	if i < 0 {
		i += n
	}
	return i, i >= 0 && i < n
}

func indexRange(n int64) string {
	if n == 0 {
		return "no index: the axis is empty"
	}
	return itoa(-n) + " to " + itoa(n-1)
}

// Permute reorders the axes: axis i of the result is axis axes[i] of v. Without
// arguments it reverses them. Negative axes count from the back. A packed axis
// must stay last.
func (v View) Permute(axes ...int) (View, error) {
	if len(axes) == 0 {
		return v.Transpose()
	}
	rank := len(v.shape)
	if len(axes) != rank {
		return View{}, v.fail(ErrShape, "axes", strconv.Itoa(len(axes)), "all "+strconv.Itoa(rank))
	}
	shape, strides := make(Shape, rank), make(Strides, rank)
	var seen uint64
	for i, a := range axes {
		a, err := v.axis(a)
		if err != nil {
			return View{}, err
		}
		if seen&(1<<a) != 0 {
			return View{}, v.fail(ErrIndex, "axes", "axis "+strconv.Itoa(a)+" twice", "each axis once")
		}
		seen |= 1 << a
		if v.packedAxis(a) && i != rank-1 {
			return View{}, v.refusePacked("permute")
		}
		shape[i], strides[i] = v.shape[a], v.strides[a]
	}
	return v.derive(v.dtype, shape, strides, v.offset)
}

// Transpose reverses the order of the axes.
func (v View) Transpose() (View, error) {
	rank := len(v.shape)
	if v.dtype.Packed() && rank > 1 {
		return View{}, v.refusePacked("transpose")
	}
	shape, strides := make(Shape, rank), make(Strides, rank)
	for i := range rank {
		shape[i], strides[i] = v.shape[rank-1-i], v.strides[rank-1-i]
	}
	return v.derive(v.dtype, shape, strides, v.offset)
}

// Flip reverses the order of the elements along the axes given, along all if
// none is.
func (v View) Flip(axes ...int) (View, error) {
	shape, strides := v.own()
	offset := v.offset
	flip := func(axis int) error {
		if v.packedAxis(axis) && shape[axis] > 1 {
			return v.refusePacked("flip")
		}
		if v.n > 0 {
			offset += (shape[axis] - 1) * strides[axis]
		}
		if !v.packedAxis(axis) && strides[axis] != math.MinInt64 {
			strides[axis] = -strides[axis]
		}
		return nil
	}
	if len(axes) == 0 {
		for axis := range shape {
			if err := flip(axis); err != nil {
				return View{}, err
			}
		}
		return v.derive(v.dtype, shape, strides, offset)
	}
	var seen uint64
	for _, axis := range axes {
		axis, err := v.axis(axis)
		if err != nil {
			return View{}, err
		}
		if seen&(1<<axis) != 0 {
			return View{}, v.fail(ErrIndex, "axes", "axis "+strconv.Itoa(axis)+" twice", "each axis once")
		}
		seen |= 1 << axis
		if err := flip(axis); err != nil {
			return View{}, err
		}
	}
	return v.derive(v.dtype, shape, strides, offset)
}

// BroadcastTo repeats v, without copying, to a shape: new axes come in front,
// extents of 1 are stretched. What is repeated gets stride 0, so the result is
// not for writing. A packed axis cannot be stretched.
func (v View) BroadcastTo(s Shape) (View, error) {
	lead := len(s) - len(v.shape)
	mismatch := func() error {
		return v.fail(ErrShape, "broadcast", s.String(), "a shape that "+v.shape.String()+" can be stretched to")
	}
	if lead < 0 {
		return View{}, mismatch()
	}
	shape, strides := s.Clone(), make(Strides, len(s))
	for i := range shape {
		if i < lead {
			if v.dtype.Packed() && i == len(shape)-1 {
				return View{}, v.refusePacked("broadcast")
			}
			continue
		}
		from := v.shape[i-lead]
		switch {
		case from == shape[i]:
			strides[i] = v.strides[i-lead]
		case from != 1 || shape[i] < 0:
			return View{}, mismatch()
		case v.packedAxis(i - lead):
			return View{}, v.refusePacked("broadcast")
		}
	}
	return v.derive(v.dtype, shape, strides, v.offset)
}

// ExpandDims inserts an axis of extent 1 before axis; -1 is behind the last
// one. Behind a packed axis there can be none.
func (v View) ExpandDims(axis int) (View, error) {
	rank := len(v.shape)
	if axis < -rank-1 || axis > rank {
		return View{}, v.fail(ErrIndex, "axis", strconv.Itoa(axis), "-"+strconv.Itoa(rank+1)+" to "+strconv.Itoa(rank))
	}
	if axis < 0 {
		axis += rank + 1
	}
	if v.dtype.Packed() && axis == rank {
		return View{}, v.refusePacked("expand")
	}
	step := int64(v.dtype.UnitBytes)
	if axis < rank { // as in C order, should anyone look
		if s, ok := mulSigned(v.dtype.extent(v.shape, axis), v.strides[axis]); ok {
			step = s
		}
	}
	shape := append(append(v.shape[:axis:axis], 1), v.shape[axis:]...)
	strides := append(append(v.strides[:axis:axis], step), v.strides[axis:]...)
	return v.derive(v.dtype, shape, strides, v.offset)
}

// Squeeze drops the axes given, which must have extent 1, or all such axes if
// none is given. A packed axis stays: it is refused if named.
func (v View) Squeeze(axes ...int) (View, error) {
	var drop uint64
	for _, axis := range axes {
		axis, err := v.axis(axis)
		if err != nil {
			return View{}, err
		}
		if v.shape[axis] != 1 {
			return View{}, v.fail(ErrShape, "squeeze", "axis "+strconv.Itoa(axis)+" of extent "+itoa(v.shape[axis]), "extent 1")
		}
		if v.packedAxis(axis) {
			return View{}, v.refusePacked("squeeze")
		}
		if drop&(1<<axis) != 0 {
			return View{}, v.fail(ErrIndex, "axes", "axis "+strconv.Itoa(axis)+" twice", "each axis once")
		}
		drop |= 1 << axis
	}
	shape, strides := make(Shape, 0, len(v.shape)), make(Strides, 0, len(v.shape))
	for axis, e := range v.shape {
		if drop&(1<<axis) != 0 || len(axes) == 0 && e == 1 && !v.packedAxis(axis) {
			continue
		}
		shape, strides = append(shape, e), append(strides, v.strides[axis])
	}
	return v.derive(v.dtype, shape, strides, v.offset)
}
