package tensor

import "strconv"

// Reshape gives v another shape with as many elements in the same C order. One
// extent may be -1 and is computed. It copies nothing: where that needs a copy
// the error is ErrNotContiguous (Clone first). Rows of packed dtypes can be
// joined or cut where they fill their units.
func (v View) Reshape(s Shape) (View, error) {
	shape, err := v.inferShape(s)
	if err != nil {
		return View{}, err
	}
	strides := make(Strides, len(shape))
	fillContiguous(strides, v.dtype, shape)
	if v.contig && !v.dtype.Packed() || v.n == 0 {
		return v.derive(v.dtype, shape, strides, v.offset)
	}
	old := unitShape(v.dtype, v.shape)
	if v.dtype.Packed() {
		// With equal rows only the axes before matter, else rows must hold no
		// padding; units then move like elements.
		from, to := v.shape[len(v.shape)-1], int64(0)
		if len(shape) > 0 {
			to = shape[len(shape)-1]
		}
		e := int64(v.dtype.UnitElems)
		if len(shape) == 0 || from != to && (from%e != 0 || to%e != 0) {
			return View{}, v.refusePacked("reshape")
		}
	}
	if !restride(old, v.strides, unitShape(v.dtype, shape), strides) {
		return View{}, v.fail(ErrNotContiguous, "strides", v.strides.String(), "strides that shape "+shape.String()+" can use without a copy")
	}
	return v.derive(v.dtype, shape, strides, v.offset)
}

// inferShape replaces a -1 and checks the number of elements.
func (v View) inferShape(s Shape) (Shape, error) {
	shape, infer := s.Clone(), -1
	for axis, e := range shape {
		if e == -1 {
			if infer >= 0 {
				return nil, v.fail(ErrShape, "shape", s.String(), "at most one -1")
			}
			infer = axis
			shape[axis] = 1
		}
	}
	n, err := shape.NumElements()
	if err != nil {
		return nil, err
	}
	if infer >= 0 {
		if n == 0 || v.n%n != 0 {
			return nil, v.fail(ErrShape, "shape", s.String(), itoa(v.n)+" elements")
		}
		shape[infer] = v.n / n
		n = v.n
	}
	if n != v.n {
		return nil, v.fail(ErrShape, "shape", s.String()+" with "+itoa(n)+" elements", itoa(v.n)+" elements")
	}
	return shape, nil
}

// restride finds strides for a new shape over the same elements: it splits both
// shapes into the shortest groups of axes with equal products, and asks that
// each old group is one evenly spaced run. st comes with C-order strides, which
// stay on axes of extent 1 behind the last group. There are elements.
func restride(old Shape, oldStrides Strides, to Shape, st Strides) bool {
	// Axes of extent 1 have no say.
	var n, step [MaxRank]int64
	rank := 0
	for axis, e := range old {
		if e != 1 {
			n[rank], step[rank] = e, oldStrides[axis]
			rank++
		}
	}
	i, j := 0, 0
	for i < rank && j < len(to) {
		i0, j0 := i, j
		have, want := n[i], to[j]
		for have != want {
			if have < want {
				i++
				have *= n[i]
			} else {
				j++
				want *= to[j]
			}
		}
		for k := i0; k < i; k++ {
			if step[k] != n[k+1]*step[k+1] {
				return false
			}
		}
		last := step[i]
		for k := j; k >= j0; k-- {
			st[k] = last
			last *= to[k]
		}
		i, j = i+1, j+1
	}
	return true
}

// Reinterpret sees the same bytes as elements of another dtype, as NumPy's view
// method does: the last axis, which must lie without gaps, shrinks or grows by
// the ratio of the sizes. Equal sizes need no particular strides and rank 0 is
// fine with them. Byte order stays what it is, and nothing is aligned by it.
//
// Packed dtypes and blocks count by their units; rows with padding in them are
// refused (ErrUnsupported).
func (v View) Reinterpret(d DType) (View, error) {
	if err := d.usable(); err != nil {
		return View{}, err
	}
	from, to := v.dtype, d
	if from.UnitBytes == to.UnitBytes && !from.Packed() && !to.Packed() {
		return v.derive(d, v.shape, v.strides, v.offset)
	}
	if len(v.shape) == 0 {
		return View{}, v.fail(ErrShape, "reinterpret", d.String(), "a dtype of "+utoa(from.UnitBytes)+" bytes for rank 0")
	}
	last := len(v.shape) - 1
	n := v.shape[last]
	if n%int64(max(from.UnitElems, 1)) != 0 {
		return View{}, v.refusePacked("reinterpret")
	}
	units := from.units(n)
	if units > 1 && v.n > 0 && v.strides[last] != int64(from.UnitBytes) {
		return View{}, v.fail(ErrNotContiguous, "strides", v.strides.String(), "a last axis without gaps")
	}
	row, ok := mulLen(units, int64(from.UnitBytes))
	if !ok {
		return View{}, v.fail(ErrOverflow, "reinterpret", d.String(), "rows of at most 2^63-1 bytes")
	}
	if row%int64(to.UnitBytes) != 0 {
		return View{}, v.fail(ErrShape, "reinterpret", d.String(), "a last axis of a multiple of "+utoa(to.UnitBytes)+" bytes")
	}
	if to.UnitBytes < from.UnitBytes && from.UnitBytes%to.UnitBytes != 0 {
		return View{}, v.fail(ErrShape, "reinterpret", d.String(), "a dtype whose size divides "+utoa(from.UnitBytes)+" bytes")
	}
	shape, strides := v.own()
	if shape[last], ok = mulLen(row/int64(to.UnitBytes), int64(to.UnitElems)); !ok {
		return View{}, v.fail(ErrOverflow, "reinterpret", d.String(), "at most 2^63-1 elements")
	}
	strides[last] = int64(to.UnitBytes)
	return v.derive(d, shape, strides, v.offset)
}

// SplitLast sees each element as a row of smaller ones, a new last axis: "V12"
// becomes three f32, c64 two. The size must be a multiple of that of d. Any
// strides will do.
func (v View) SplitLast(d DType) (View, error) {
	if err := d.usable(); err != nil {
		return View{}, err
	}
	if v.dtype.Packed() {
		return View{}, v.refusePacked("split")
	}
	if v.dtype.UnitBytes == 0 || v.dtype.UnitBytes%d.UnitBytes != 0 {
		return View{}, v.fail(ErrShape, "split", d.String(), "a dtype whose size divides "+utoa(v.dtype.UnitBytes)+" bytes")
	}
	n, ok := mulLen(int64(v.dtype.UnitBytes/d.UnitBytes), int64(d.UnitElems))
	if !ok {
		return View{}, v.fail(ErrOverflow, "split", d.String(), "at most 2^63-1 elements")
	}
	shape := append(v.shape[:len(v.shape):len(v.shape)], n)
	strides := append(v.strides[:len(v.strides):len(v.strides)], int64(d.UnitBytes))
	return v.derive(d, shape, strides, v.offset)
}

// JoinLast undoes SplitLast: the last axis, which must lie without gaps and
// have the size of one d, becomes one element and goes away.
func (v View) JoinLast(d DType) (View, error) {
	if err := d.usable(); err != nil {
		return View{}, err
	}
	if len(v.shape) == 0 {
		return View{}, v.fail(ErrShape, "join", "rank 0", "a last axis")
	}
	if d.Packed() {
		return View{}, v.fail(ErrUnsupported, "join", d.String(), "a dtype that is not packed")
	}
	last := len(v.shape) - 1
	n := v.shape[last]
	units := v.dtype.units(n)
	size, ok := mulLen(units, int64(v.dtype.UnitBytes))
	if !ok || size != int64(d.UnitBytes) || n%int64(max(v.dtype.UnitElems, 1)) != 0 {
		return View{}, v.fail(ErrShape, "join", d.String(), "a last axis of "+utoa(d.UnitBytes)+" bytes")
	}
	if units > 1 && v.n > 0 && v.strides[last] != int64(v.dtype.UnitBytes) {
		return View{}, v.fail(ErrNotContiguous, "strides", v.strides.String(), "a last axis without gaps ("+strconv.Itoa(last)+")")
	}
	return v.derive(d, v.shape[:last:last], v.strides[:last:last], v.offset)
}
