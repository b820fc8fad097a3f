package tensor

import "strconv"

// Diagonal sees the elements whose index along axis2 is offset more than that
// along axis1: both axes go, and the diagonal is appended as the last one. It
// is empty where offset leads out of the matrix. Like NumPy's diagonal, except
// that it may be written to; it copies nothing.
//
// Errors are ErrIndex (no such axis, or one axis twice) and ErrUnsupported for
// packed dtypes.
func (v View) Diagonal(offset int64, axis1, axis2 int) (View, error) {
	a, err := v.axis(axis1)
	if err != nil {
		return View{}, err
	}
	b, err := v.axis(axis2)
	if err != nil {
		return View{}, err
	}
	if a == b {
		return View{}, v.fail(ErrIndex, "axes", "axis "+strconv.Itoa(a)+" twice", "two axes")
	}
	if v.dtype.Packed() {
		return View{}, v.refusePacked("diagonal")
	}
	// From (down, 0) or (0, right) on to the nearer end.
	rows, columns := v.shape[a], v.shape[b]
	at := v.offset
	if offset >= 0 {
		columns -= offset
	} else {
		rows += offset
	}
	n := max(min(rows, columns), 0)
	if v.n > 0 && n > 0 {
		if offset >= 0 {
			at += offset * v.strides[b]
		} else {
			at -= offset * v.strides[a]
		}
	}
	step, ok := addSigned(v.strides[a], v.strides[b])
	if !ok {
		step = 0 // no two elements are that far apart
	}
	shape, strides := make(Shape, 0, len(v.shape)), make(Strides, 0, len(v.shape))
	for i := range v.shape {
		if i != a && i != b {
			shape, strides = append(shape, v.shape[i]), append(strides, v.strides[i])
		}
	}
	return v.derive(v.dtype, append(shape, n), append(strides, step), at)
}
