package tensor

import (
	"math"
	"slices"
	"strconv"
)

// MaxRank is the largest number of axes.
const MaxRank = 32

// Shape holds the extent of each axis, in elements. A tensor of rank 0 has one
// element.
type Shape []int64

// Strides holds, for each axis, the bytes from one unit to the next: of any
// sign, zero where a value repeats.
type Strides []int64

// NumElements is the product of the extents. Each extent, and the product of
// those that are not zero, must be in 0..2^63-1: a zero hides no overflow.
func (s Shape) NumElements() (int64, error) {
	n, zero := int64(1), false
	for axis, e := range s {
		switch {
		case e < 0:
			return 0, fail(ErrOverflow, "shape", s.String(), "extents of 0 to 2^63-1 (axis "+strconv.Itoa(axis)+")", "shape.extent")
		case e == 0:
			zero = true
		default:
			var ok bool
			if n, ok = mulLen(n, e); !ok {
				return 0, fail(ErrOverflow, "shape", s.String(), "at most 2^63-1 elements (zero extents aside)", "shape.count")
			}
		}
	}
	if zero {
		n = 0
	}
	return n, nil
}

// String is the shape as Python writes it: "(2, 3)", "(5,)", "()".
func (s Shape) String() string { return tuple(s) }

// String is the strides as Python writes a tuple.
func (s Strides) String() string { return tuple(s) }

func tuple(s []int64) string {
	b := []byte{'('}
	for i, e := range s {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = strconv.AppendInt(b, e, 10)
	}
	if len(s) == 1 {
		b = append(b, ',')
	}
	return string(append(b, ')'))
}

// Equal reports whether rank and extents are the same.
func (s Shape) Equal(t Shape) bool { return slices.Equal(s, t) }

// Clone returns a copy that shares nothing, never nil.
func (s Shape) Clone() Shape { return append(make(Shape, 0, len(s)), s...) }

// Clone returns a copy that shares nothing, never nil.
func (s Strides) Clone() Strides { return append(make(Strides, 0, len(s)), s...) }

// units is the number of units in a row of n elements.
func (d DType) units(n int64) int64 {
	if d.UnitElems <= 1 || n <= 0 {
		return n
	}
	return (n-1)/int64(d.UnitElems) + 1
}

// extent is the extent of an axis in units.
func (d DType) extent(s Shape, axis int) int64 {
	if d.UnitElems > 1 && axis == len(s)-1 {
		return d.units(s[axis])
	}
	return s[axis]
}

// unitShape is s counted in units: the last extent shrinks if d is packed.
func unitShape(d DType, s Shape) Shape {
	if d.UnitElems <= 1 || len(s) == 0 {
		return s
	}
	u := s.Clone()
	u[len(u)-1] = d.units(u[len(u)-1])
	return u
}

// checkShape validates d, rank, extents and their product, and what packed
// dtypes and blocks ask of a shape. It returns the number of elements.
func checkShape(d DType, s Shape) (int64, error) {
	if err := d.usable(); err != nil {
		return 0, err
	}
	if len(s) > MaxRank {
		return 0, fail(ErrLimit, "rank", strconv.Itoa(len(s)), "at most "+strconv.Itoa(MaxRank), "tensor.rank")
	}
	n, err := s.NumElements()
	if err != nil {
		return 0, err
	}
	if d.UnitElems > 1 {
		if len(s) == 0 {
			return 0, fail(ErrCorrupt, "shape", "()", "an axis to pack "+d.String()+" on", "view.packed")
		}
		if last := s[len(s)-1]; d.Class == ClassBlock && last%int64(d.UnitElems) != 0 {
			return 0, fail(ErrCorrupt, "shape", s.String(), "a last extent that is a multiple of "+utoa(d.UnitElems)+" for "+d.String(), "view.block")
		}
	}
	return n, nil
}

// ByteSize is the number of bytes of the C-order image: rows of packed dtypes
// padded to whole units.
func ByteSize(d DType, s Shape) (int64, error) {
	n, err := checkShape(d, s)
	if err != nil {
		return 0, err
	}
	return imageSize(d, s, n)
}

// imageSize is ByteSize for a checked shape of n elements.
func imageSize(d DType, s Shape, n int64) (int64, error) {
	if n == 0 {
		return 0, nil
	}
	size, ok := int64(d.UnitBytes), true
	for axis := range s {
		if size, ok = mulLen(size, d.extent(s, axis)); !ok {
			return 0, fail(ErrOverflow, "shape", s.String()+" of "+d.String(), "at most 2^63-1 bytes", "shape.bytes")
		}
	}
	return size, nil
}

// Contiguous returns the strides of C order without gaps: the last axis moves
// fastest, rows of packed dtypes start on a unit. Extents of 0 count as 1.
func Contiguous(d DType, s Shape) (Strides, error) {
	n, err := checkShape(d, s)
	if err != nil {
		return nil, err
	}
	if _, err := imageSize(d, s, n); err != nil {
		return nil, err
	}
	st := make(Strides, len(s))
	fillContiguous(st, d, s)
	return st, nil
}

// fillContiguous sets st to the C-order strides of a shape that passed
// imageSize. Without elements the strides need not fit: they stop growing.
func fillContiguous(st Strides, d DType, s Shape) {
	step := int64(d.UnitBytes)
	for axis := len(s) - 1; axis >= 0; axis-- {
		st[axis] = step
		if next, ok := mulLen(step, max(d.extent(s, axis), 1)); ok {
			step = next
		}
	}
}

// FortranStrides returns the strides of Fortran order without gaps: the first
// axis moves fastest. Packed dtypes have that order only where it is also C
// order; otherwise the error is ErrUnsupported.
func FortranStrides(d DType, s Shape) (Strides, error) {
	st, err := Contiguous(d, s)
	if err != nil {
		return nil, err
	}
	if d.Packed() {
		for _, e := range s[:len(s)-1] {
			if e > 1 {
				return nil, fail(ErrUnsupported, "strides", "Fortran order of "+d.String()+" "+s.String(), "C order: the last axis is packed", "view.packed")
			}
		}
		return st, nil
	}
	step := int64(d.UnitBytes)
	for axis, e := range s {
		st[axis] = step
		if next, ok := mulLen(step, max(e, 1)); ok {
			step = next
		}
	}
	return st, nil
}

// Reach returns the bytes [lo, hi) that a view touches. offset is where index
// (0, ..., 0) stands. Without elements both are offset. Extents count
// elements, also on a packed axis.
func Reach(d DType, s Shape, st Strides, offset int64) (lo, hi int64, err error) {
	if len(s) != len(st) {
		return 0, 0, fail(ErrShape, "strides", st.String(), "one for each axis of "+s.String(), "")
	}
	lo, hi = offset, offset
	ok := offset >= 0
	for axis, e := range s {
		if e == 0 {
			return offset, offset, nil
		}
		span, fits := mulStride(d.extent(s, axis)-1, st[axis])
		if span < 0 {
			var in bool
			lo, in = addSigned(lo, span)
			ok = ok && fits && in
		} else if span > 0 || !fits {
			var in bool
			hi, in = addSigned(hi, span)
			ok = ok && fits && in
		}
	}
	hi, in := addSigned(hi, int64(d.UnitBytes))
	if !ok || !in {
		return 0, 0, fail(ErrOverflow, "view", viewText(d, s, st, offset), "addresses that fit 63 bits", "view.reach")
	}
	return lo, hi, nil
}

func viewText(d DType, s Shape, st Strides, offset int64) string {
	return d.String() + " " + s.String() + " with strides " + st.String() + " at " + itoa(offset)
}

// CheckView checks all that a file must keep for a view of a storage of size
// bytes: dtype, extents, element count and bytes, packed last axis, blocks,
// alignment of offset and strides, and that every address lies in [0, size).
// The Rule of the *Error names which.
func CheckView(d DType, s Shape, st Strides, offset, size int64) error {
	if _, _, err := checkReach(d, s, st, offset, size); err != nil {
		return err
	}
	if align := int64(d.Align()); align > 1 {
		bad := offset % align
		for _, step := range st {
			bad |= step % align
		}
		if bad != 0 {
			return fail(ErrCorrupt, "view", viewText(d, s, st, offset), "offset and strides that are multiples of "+itoa(align), "view.aligned")
		}
	}
	return nil
}

// checkReach is CheckView without alignment; it returns the number of elements
// and the bytes of the C-order image.
func checkReach(d DType, s Shape, st Strides, offset, size int64) (n, image int64, err error) {
	if n, err = checkShape(d, s); err != nil {
		return 0, 0, err
	}
	if image, err = imageSize(d, s, n); err != nil {
		return 0, 0, err
	}
	if len(s) != len(st) {
		return 0, 0, fail(ErrShape, "strides", st.String(), "one for each axis of "+s.String(), "")
	}
	if d.UnitElems > 1 && st[len(st)-1] != int64(d.UnitBytes) {
		return 0, 0, fail(ErrCorrupt, "strides", st.String(), "a last stride of "+utoa(d.UnitBytes)+" for "+d.String(), "view.packed")
	}
	if n == 0 {
		if offset < 0 || offset > size {
			return 0, 0, fail(ErrCorrupt, "offset", itoa(offset), "0 to "+itoa(size), "view.reach")
		}
		return 0, 0, nil
	}
	lo, hi, err := Reach(d, s, st, offset)
	if err != nil {
		lo, hi = math.MinInt64, math.MaxInt64
	}
	if lo < 0 || hi > size {
		got := viewText(d, s, st, offset)
		if err == nil {
			got += " reaching bytes " + itoa(lo) + " to " + itoa(hi)
		} else {
			got += " reaching beyond 63 bits"
		}
		return 0, 0, fail(ErrCorrupt, "view", got, "bytes inside 0 to "+itoa(size), "view.reach")
	}
	return n, image, nil
}
