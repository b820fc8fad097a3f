package tensor

import "strconv"

// Stack copies tensors of one dtype and shape to memory of their own, one
// behind the other along a new axis: axis counts in the result, -1 is its last.
// The result has C order and the byte order of the machine.
//
// Errors are ErrShape (no tensors, or shapes that differ), ErrDType, ErrIndex,
// what Make refuses, and ErrUnsupported for a new axis behind a packed one.
func Stack(axis int, vs ...View) (View, error) {
	s, axis, err := stackShape(axis, vs)
	if err != nil {
		return View{}, err
	}
	dst, err := Make(vs[0].dtype, s)
	if err != nil {
		return View{}, err
	}
	return dst, StackInto(dst, axis, vs...)
}

// StackInto is Stack into memory of the caller, which may have any strides and
// byte order, must have the shape and dtype of the result and must not overlap
// a source. After an error it holds anything.
func StackInto(dst View, axis int, vs ...View) error {
	s, axis, err := stackShape(axis, vs)
	if err != nil {
		return err
	}
	if !dst.shape.Equal(s) {
		return dst.fail(ErrShape, "stack", s.String(), dst.shape.String())
	}
	for i, v := range vs {
		part, err := dst.Index(axis, int64(i))
		if err != nil {
			return err
		}
		if err := Copy(part, v); err != nil {
			return err
		}
	}
	return nil
}

// stackShape is the shape of Stack's result, and its axis counted from the
// front.
func stackShape(axis int, vs []View) (Shape, int, error) {
	if len(vs) == 0 {
		return nil, 0, fail(ErrShape, "stack", "no tensors", "at least one", "")
	}
	rank := len(vs[0].shape) + 1
	if axis < -rank || axis >= rank {
		return nil, 0, vs[0].fail(ErrIndex, "axis", strconv.Itoa(axis), "-"+strconv.Itoa(rank)+" to "+strconv.Itoa(rank-1))
	}
	if axis < 0 {
		axis += rank
	}
	if vs[0].dtype.Packed() && axis == rank-1 {
		return nil, 0, vs[0].refusePacked("stack")
	}
	for i, v := range vs {
		if v.dtype != vs[0].dtype {
			return nil, 0, mixed("stack", i, v.dtype.String(), vs[0].dtype)
		}
		if !v.shape.Equal(vs[0].shape) {
			return nil, 0, fail(ErrShape, "stack", v.shape.String()+" at place "+strconv.Itoa(i), vs[0].shape.String(), "")
		}
	}
	s := make(Shape, 0, rank)
	s = append(append(append(s, vs[0].shape[:axis]...), int64(len(vs))), vs[0].shape[axis:]...)
	return s, axis, nil
}

// mixed is the error for tensors of several dtypes, which NumPy would promote.
func mixed(op string, place int, got string, want DType) error {
	return fail(ErrDType, op, got+" at place "+strconv.Itoa(place), want.String()+" as before: cast first", "")
}

// Concatenate copies tensors of one dtype, whose shapes agree but along one
// axis, to memory of their own, one behind the other along it. The result has C
// order and the byte order of the machine. A packed axis can be joined where
// all parts but the last that is not empty fill their units.
//
// Errors are ErrShape (no tensors, rank 0, shapes that do not fit), ErrDType,
// ErrIndex, ErrOverflow, what Make refuses, and ErrUnsupported for a packed
// axis that would have to be shifted.
func Concatenate(axis int, vs ...View) (View, error) {
	s, axis, err := joinShape(axis, vs)
	if err != nil {
		return View{}, err
	}
	dst, err := Make(vs[0].dtype, s)
	if err != nil {
		return View{}, err
	}
	return dst, ConcatenateInto(dst, axis, vs...)
}

// ConcatenateInto is Concatenate into memory of the caller, which may have any
// strides and byte order, must have the shape and dtype of the result and must
// not overlap a source. After an error it holds anything.
func ConcatenateInto(dst View, axis int, vs ...View) error {
	s, axis, err := joinShape(axis, vs)
	if err != nil {
		return err
	}
	if !dst.shape.Equal(s) {
		return dst.fail(ErrShape, "concatenate", s.String(), dst.shape.String())
	}
	at := int64(0)
	for _, v := range vs {
		n := v.shape[axis]
		part, err := dst.take(axis, at, n, 1)
		if n == 0 {
			part, err = dst.take(axis, 0, 0, 1)
		}
		if err != nil {
			return err
		}
		if err := Copy(part, v); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// joinShape is the shape of Concatenate's result, and its axis counted from the
// front.
func joinShape(axis int, vs []View) (Shape, int, error) {
	if len(vs) == 0 {
		return nil, 0, fail(ErrShape, "concatenate", "no tensors", "at least one", "")
	}
	if len(vs[0].shape) == 0 {
		return nil, 0, vs[0].fail(ErrShape, "concatenate", "rank 0", "an axis: stack them")
	}
	axis, err := vs[0].axis(axis)
	if err != nil {
		return nil, 0, err
	}
	s := vs[0].shape.Clone()
	for i, v := range vs[1:] {
		if v.dtype != vs[0].dtype {
			return nil, 0, mixed("concatenate", i+1, v.dtype.String(), vs[0].dtype)
		}
		ok := len(v.shape) == len(s)
		for a := 0; ok && a < len(s); a++ {
			ok = a == axis || v.shape[a] == s[a]
		}
		if !ok {
			return nil, 0, fail(ErrShape, "concatenate", v.shape.String()+" at place "+strconv.Itoa(i+1), vs[0].shape.String()+" but for axis "+strconv.Itoa(axis), "")
		}
		n, ok := addSigned(s[axis], v.shape[axis])
		if !ok {
			return nil, 0, fail(ErrOverflow, "concatenate", "axis "+strconv.Itoa(axis), "an extent of at most 2^63-1", "")
		}
		s[axis] = n
	}
	return s, axis, nil
}
