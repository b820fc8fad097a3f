package tensor

import (
	"strconv"

	"github.com/tensorfile/tensorfile/internal/cast"
)

// ByteOrder is the order of the bytes inside a stored number.
type ByteOrder uint8

// The two byte orders.
const (
	LittleEndian ByteOrder = iota
	BigEndian
)

// String is "little" or "big".
func (o ByteOrder) String() string {
	if o == BigEndian {
		return "big"
	}
	return "little"
}

// HostOrder is the byte order of this machine. Files are little-endian.
var HostOrder = func() ByteOrder {
	if cast.BigEndianHost {
		return BigEndian
	}
	return LittleEndian
}()

// View is a strided look at bytes in memory: dtype, shape, byte strides and
// byte order over a slice that it does not own. It is a small value; copying
// it, and all that slices, permutes or reshapes it, copies no elements. Every
// address that a View can reach has been checked against its bytes.
//
// The zero View is an empty one of dtype "none"; operations on it fail.
type View struct {
	data    []byte
	offset  int64 // of element (0, ..., 0) in data
	image   int64 // bytes of the C-order image
	dtype   DType
	shape   Shape
	strides Strides
	n       int64 // elements
	order   ByteOrder
	elem    elem // the Go type of an element
	contig  bool // C order without gaps
	native  bool // no byte swap needed
	plain   bool // both, and any bytes are fit to be seen as elements
}

// NewView looks at data as elements of dtype d. offset is where element
// (0, ..., 0) starts. Strides are in bytes, nil means C order without gaps
// from offset on. Addresses and strides need not be aligned. The View keeps
// data, s and st: they must not be changed while it is used, except for
// elements through it. A dtype that is not known has no order of this machine:
// for HostOrder its elements are bytes as in a file, which is LittleEndian.
//
// It fails, with an *Error that names the rule, if d is not valid or has no
// elements, if a size overflows, if a packed dtype is not packed along its
// last axis, or if any address lies outside data.
func NewView(data []byte, d DType, s Shape, st Strides, offset int64, o ByteOrder) (View, error) {
	if st == nil {
		var err error
		if st, err = Contiguous(d, s); err != nil {
			return View{}, err
		}
	}
	if o > BigEndian {
		return View{}, fail(ErrByteOrder, "byte order", strconv.Itoa(int(o)), "little or big", "")
	}
	if o == HostOrder && o != LittleEndian && d.swapWidth() == 0 {
		o = LittleEndian
	}
	n, image, err := checkReach(d, s, st, offset, int64(len(data)))
	if err != nil {
		return View{}, err
	}
	v := View{data: data, offset: offset, dtype: d, shape: s, strides: st, order: o, n: n, image: image}
	v.elem = elemOf(d)
	v.native = o == HostOrder || d.swapWidth() == 1
	v.contig = isContiguous(d, s, st, n)
	v.plain = v.contig && v.native && v.elem != elemBool
	return v, nil
}

// derive is a view of the same bytes and byte order with other numbers. The
// caller vouches for the reach; sizes are checked here, because broadcasting
// can pass every limit.
func (v View) derive(d DType, s Shape, st Strides, offset int64) (View, error) {
	n, err := checkShape(d, s)
	if err != nil {
		return View{}, err
	}
	if v.image, err = imageSize(d, s, n); err != nil {
		return View{}, err
	}
	if d.Packed() && st[len(st)-1] != int64(d.UnitBytes) {
		return View{}, v.fail(ErrNotContiguous, "strides", st.String(), "a last stride of "+utoa(d.UnitBytes)+" for "+d.String())
	}
	if d != v.dtype {
		v.dtype, v.elem = d, elemOf(d)
		v.native = v.order == HostOrder || d.swapWidth() == 1
	}
	if n > 0 {
		v.offset = offset // else it stays where it is known to be inside
	}
	v.shape, v.strides, v.n = s, st, n
	v.contig = isContiguous(d, s, st, n)
	v.plain = v.contig && v.native && v.elem != elemBool
	return v, nil
}

// Make returns a zeroed tensor of its own memory in C order and the byte order
// of the machine, aligned to at least 8 bytes. It fails with ErrOverflow or,
// beyond what the address space holds, ErrLimit.
func Make(d DType, s Shape) (View, error) { return makeIn(d, s, makeBytes) }

// makeFresh is Make for a caller who writes every byte: large memory comes
// without zeros.
func makeFresh(d DType, s Shape) (View, error) {
	return makeIn(d, s, func(n int) []byte {
		if n < freshMin {
			return makeBytes(n)
		}
		return cast.Fresh(n)
	})
}

// freshMin is the size from which on memory that is not cleared is on a page of
// its own, and worth it.
const freshMin = 256 << 10

func makeIn(d DType, s Shape, memory func(n int) []byte) (View, error) {
	st, err := Contiguous(d, s)
	if err != nil {
		return View{}, err
	}
	size, err := ByteSize(d, s)
	if err != nil {
		return View{}, err
	}
	if size > maxAlloc {
		return View{}, fail(ErrLimit, "shape", s.String()+" of "+d.String(), "at most "+itoa(maxAlloc)+" bytes in memory", "")
	}
	return NewView(memory(int(size)), d, s.Clone(), st, 0, HostOrder)
}

// maxAlloc stays below what makes the runtime panic instead of run out of
// memory: 2^46 bytes, or 2^30 where int has 32 bits.
const maxAlloc = 1 << (30 + 16*(^uint(0)>>63))

// makeBytes is make([]byte, n) at an address that suits any element type.
func makeBytes(n int) []byte {
	return cast.Bytes(make([]uint64, (n+7)/8))[:n:n]
}

// DType returns the type of the elements.
func (v View) DType() DType { return v.dtype }

// Shape returns the extents. The caller must not change them.
func (v View) Shape() Shape { return v.shape }

// Strides returns the bytes between units along each axis. The caller must not
// change them.
func (v View) Strides() Strides { return v.strides }

// Order returns the byte order of the elements.
func (v View) Order() ByteOrder { return v.order }

// Rank is the number of axes.
func (v View) Rank() int { return len(v.shape) }

// NumElements is the product of the extents.
func (v View) NumElements() int64 { return v.n }

// ByteSize is the number of bytes of the C-order image, whatever the strides.
func (v View) ByteSize() int64 { return v.image }

// Offset is where element (0, ..., 0) starts in the bytes that NewView got.
func (v View) Offset() int64 { return v.offset }

// IsContiguous reports whether the elements lie in C order without gaps.
// Extents of 1 may have any stride; a tensor without elements is contiguous.
func (v View) IsContiguous() bool { return v.contig }

// IsFortran reports whether the elements lie in Fortran order without gaps.
func (v View) IsFortran() bool {
	if v.n == 0 {
		return true
	}
	step := int64(v.dtype.UnitBytes)
	for axis := range v.shape {
		e := v.dtype.extent(v.shape, axis)
		if e == 1 {
			continue
		}
		if v.strides[axis] != step {
			return false
		}
		step *= e
	}
	return true
}

func isContiguous(d DType, s Shape, st Strides, n int64) bool {
	if n == 0 {
		return true
	}
	step := int64(d.UnitBytes)
	for axis := len(s) - 1; axis >= 0; axis-- {
		e := d.extent(s, axis)
		if e == 1 {
			continue
		}
		if st[axis] != step {
			return false
		}
		step *= e
	}
	return true
}

// Bytes returns the elements as they lie in memory, in the view's byte order:
// the C-order image. It is a window on the view's own bytes. It fails with
// ErrNotContiguous if they lie otherwise.
func (v View) Bytes() ([]byte, error) {
	if !v.contig {
		return nil, v.fail(ErrNotContiguous, "strides", v.strides.String(), "C order without gaps")
	}
	return v.bytes(), nil
}

// bytes is Bytes of a contiguous view.
func (v View) bytes() []byte {
	end := v.offset + v.image
	return v.data[v.offset:end:end]
}

// Span returns the bytes from the lowest to the highest that the view
// reaches, gaps included: what must be resident to read it.
func (v View) Span() []byte {
	if v.n == 0 {
		return v.data[v.offset:v.offset:v.offset]
	}
	lo, hi, err := Reach(v.dtype, v.shape, v.strides, v.offset)
	if err != nil { // NewView checked it
		return nil
	}
	return v.data[lo:hi:hi]
}

// fail names the view in an error about an operation on it.
func (v View) fail(kind error, field, got, want string) error {
	switch got {
	case "":
	case v.dtype.String():
		got += " " + v.shape.String()
	default:
		got += " on " + v.dtype.String() + " " + v.shape.String()
	}
	return fail(kind, field, got, want, "")
}
