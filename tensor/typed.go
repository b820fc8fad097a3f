package tensor

import (
	"iter"
	"math"
	"strconv"

	"github.com/tensorfile/tensorfile/internal/cast"
)

// Elem is the set of Go types that are elements of tensors. The dtypes below
// one byte, fixed-width bytes and blocks have none.
type Elem interface {
	bool | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 |
		float32 | float64 | complex64 | complex128 |
		Float16 | BFloat16 | Float8E4M3FN | Float8E5M2 | Float8E4M3FNUZ | Float8E5M2FNUZ | Float8E8M0
}

// elemFor numbers the Go type T.
func elemFor[T Elem]() elem {
	switch any((*T)(nil)).(type) {
	case *bool:
		return elemBool
	case *int8:
		return elemI8
	case *int16:
		return elemI16
	case *int32:
		return elemI32
	case *int64:
		return elemI64
	case *uint8:
		return elemU8
	case *uint16:
		return elemU16
	case *uint32:
		return elemU32
	case *uint64:
		return elemU64
	case *float32:
		return elemF32
	case *float64:
		return elemF64
	case *complex64:
		return elemC64
	case *complex128:
		return elemC128
	case *Float16:
		return elemF16
	case *BFloat16:
		return elemBF16
	case *Float8E4M3FN:
		return elemF8E4M3FN
	case *Float8E5M2:
		return elemF8E5M2
	case *Float8E4M3FNUZ:
		return elemF8E4M3FNUZ
	case *Float8E5M2FNUZ:
		return elemF8E5M2FNUZ
	case *Float8E8M0:
		return elemF8E8M0
	}
	return elemNone
}

// elemTypes holds a nil *T for each element type T, at its number: to ask
// whether a view's elements are Ts takes one comparison.
var elemTypes = [elemCount]any{
	elemBool: (*bool)(nil),
	elemI8:   (*int8)(nil), elemI16: (*int16)(nil), elemI32: (*int32)(nil), elemI64: (*int64)(nil),
	elemU8: (*uint8)(nil), elemU16: (*uint16)(nil), elemU32: (*uint32)(nil), elemU64: (*uint64)(nil),
	elemF16: (*Float16)(nil), elemBF16: (*BFloat16)(nil), elemF32: (*float32)(nil), elemF64: (*float64)(nil),
	elemF8E4M3FN: (*Float8E4M3FN)(nil), elemF8E5M2: (*Float8E5M2)(nil), elemF8E4M3FNUZ: (*Float8E4M3FNUZ)(nil),
	elemF8E5M2FNUZ: (*Float8E5M2FNUZ)(nil), elemF8E8M0: (*Float8E8M0)(nil),
	elemC64: (*complex64)(nil), elemC128: (*complex128)(nil),
}

// DTypeOf is the dtype whose elements are Ts.
func DTypeOf[T Elem]() DType { return elemFor[T]().dtype() }

// FromSlice is a C-order view of data itself, in the byte order of the machine.
// Without a shape it has one axis. The shape must have as many elements as
// data (ErrShape).
func FromSlice[T Elem](data []T, shape ...int64) (View, error) {
	s := Shape(shape).Clone()
	if len(shape) == 0 {
		s = Shape{int64(len(data))}
	}
	n, err := s.NumElements()
	if err != nil {
		return View{}, err
	}
	if n != int64(len(data)) {
		return View{}, fail(ErrShape, "shape", s.String(), strconv.Itoa(len(data))+" elements", "")
	}
	return NewView(cast.Bytes(data), DTypeOf[T](), s, nil, 0, HostOrder)
}

// Data returns the elements of v in C order as a slice of the view's own
// memory: valid as long as that is, and not to be written to if that is a
// read-only mapping. It costs a few nanoseconds and no allocation, except that
// bools are looked at first.
//
// Errors, in this order: ErrDType if T is not the type of the elements,
// ErrByteOrder if they are not in the order of the machine, ErrNotContiguous if
// they are not in C order without gaps, ErrMisaligned if they start at an
// address that does not suit T, ErrCorrupt if a bool is neither 0 nor 1. As,
// ReadElem and Clone help where Data cannot.
func Data[T Elem](v View) ([]T, error) {
	if _, ok := elemTypes[v.elem].(*T); ok && v.plain {
		if s, ok := cast.Slice[T](v.data[v.offset : v.offset+v.image]); ok {
			return s, nil
		}
	}
	return dataSlow[T](v)
}

func dataSlow[T Elem](v View) ([]T, error) {
	switch {
	case v.elem != elemFor[T]():
		return nil, v.wrongType(elemFor[T]())
	case !v.native:
		return nil, v.fail(ErrByteOrder, "byte order", v.order.String(), HostOrder.String())
	case !v.contig:
		return nil, v.fail(ErrNotContiguous, "strides", v.strides.String(), "C order without gaps")
	}
	b := v.bytes()
	s, ok := cast.Slice[T](b)
	if !ok {
		return nil, v.misaligned("address")
	}
	if v.elem == elemBool {
		if at := badBool(b); at >= 0 {
			return nil, v.notBool(b[at])
		}
	}
	return s, nil
}

func (v View) wrongType(want elem) error {
	return v.fail(ErrDType, "dtype", v.dtype.String(), want.dtype().String())
}

func (v View) misaligned(what string) error {
	return v.fail(ErrMisaligned, what, "bytes at odd places", "multiples of "+strconv.Itoa(v.dtype.Align())+" bytes")
}

func (v View) notBool(got byte) error {
	return fail(ErrCorrupt, "bool", strconv.Itoa(int(got)), "0 or 1", "dtype.bool")
}

// badBool returns the index of the first byte that is neither 0 nor 1, or -1.
func badBool(b []byte) int {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		var or byte
		for _, x := range (*[8]byte)(b[i:]) {
			or |= x
		}
		if or > 1 {
			break
		}
	}
	for ; i < len(b); i++ {
		if b[i] > 1 {
			return i
		}
	}
	return -1
}

// Strided is a View with a Go type: elements at any strides without a copy.
// It lives as long as the view's memory. The zero Strided has no elements.
type Strided[T Elem] struct {
	v View
}

// As gives v a Go type, whatever its strides. It fails with ErrDType,
// ErrByteOrder, ErrMisaligned (start or strides do not suit T) or, where a bool
// is neither 0 nor 1, ErrCorrupt.
func As[T Elem](v View) (Strided[T], error) {
	switch {
	case v.elem != elemFor[T]():
		return Strided[T]{}, v.wrongType(elemFor[T]())
	case !v.native:
		return Strided[T]{}, v.fail(ErrByteOrder, "byte order", v.order.String(), HostOrder.String())
	case v.n == 0:
		return Strided[T]{v}, nil
	}
	align := int64(cast.Align[T]())
	if !cast.Aligned(v.data[v.offset:], int(align)) {
		return Strided[T]{}, v.misaligned("address")
	}
	for axis, e := range v.shape {
		if e > 1 && v.strides[axis]%align != 0 {
			return Strided[T]{}, v.misaligned("strides " + v.strides.String())
		}
	}
	if v.elem == elemBool {
		if err := v.checkBools(); err != nil {
			return Strided[T]{}, err
		}
	}
	return Strided[T]{v}, nil
}

func (v View) checkBools() error {
	return eachRun(v.shape, v.strides, func(off, n, step int64) error {
		off += v.offset
		if step == 1 {
			if at := badBool(v.data[off : off+n]); at >= 0 {
				return v.notBool(v.data[off+int64(at)])
			}
			return nil
		}
		if step == 0 {
			n = 1
		}
		for i := range n {
			if b := v.data[off+i*step]; b > 1 {
				return v.notBool(b)
			}
		}
		return nil
	})
}

// View returns s without its Go type.
func (s Strided[T]) View() View { return s.v }

// Shape returns the extents. The caller must not change them.
func (s Strided[T]) Shape() Shape { return s.v.shape }

// Len is the number of elements.
func (s Strided[T]) Len() int64 { return s.v.n }

// At returns the element at an index for each axis, counted from 0. It panics,
// as a slice does, if there are not as many indices as axes or one is out of
// range.
func (s Strided[T]) At(idx ...int64) T {
	off := s.v.offset
	shape, strides := s.v.shape, s.v.strides
	if len(idx) != len(shape) || len(idx) > len(strides) || s.v.n == 0 {
		panic("tensor: At with an index for another rank, or without elements")
	}
	for axis, i := range idx {
		if uint64(i) >= uint64(shape[axis]) {
			panic("tensor: At with index " + itoa(i) + " on an axis of extent " + itoa(shape[axis]))
		}
		off += i * strides[axis]
	}
	return cast.Load[T](s.v.data, int(off))
}

// Run is a row of elements at even distances.
type Run[T Elem] struct {
	data    []byte
	off     int
	step, n int
}

// Len is the number of elements.
func (r Run[T]) Len() int { return r.n }

// At returns element i; it panics if i is out of range.
func (r Run[T]) At(i int) T {
	if uint(i) >= uint(r.n) {
		panic("tensor: Run.At out of range")
	}
	return cast.Load[T](r.data, r.off+i*r.step)
}

// Slice returns the elements themselves if they lie without gaps.
func (r Run[T]) Slice() ([]T, bool) {
	size := cast.Size[T]()
	if r.step != size && r.n > 1 {
		return nil, false
	}
	return cast.Slice[T](r.data[r.off : r.off+r.n*size])
}

// Runs goes through the elements in C order, as runs: axes that lie evenly
// behind each other are one, so that a contiguous view is a single run. It is
// the fast way to read all elements.
func (s Strided[T]) Runs() iter.Seq[Run[T]] {
	return func(yield func(Run[T]) bool) {
		var w nest
		if s.v.n == 0 || !w.set(s.v.shape, s.v.strides, nil) {
			return
		}
		w.merge()
		inner := w.rank - 1
		n, step := w.n[inner], w.a[inner]
		w.offA = s.v.offset
		var o odometer
		for {
			for i := int64(0); i < n; i += math.MaxInt {
				// Only a repeated element can pass the range of an int.
				if !yield(Run[T]{s.v.data, int(w.offA + i*step), int(step), int(min(math.MaxInt, n-i))}) {
					return
				}
			}
			if !o.next(&w, inner) {
				return
			}
		}
	}
}

// All goes through the elements in C order, with their positions in it.
func (s Strided[T]) All() iter.Seq2[int64, T] {
	return func(yield func(int64, T) bool) {
		var i int64
		for r := range s.Runs() {
			if row, ok := r.Slice(); ok {
				for _, x := range row {
					if !yield(i, x) {
						return
					}
					i++
				}
				continue
			}
			for off, n := r.off, r.n; n > 0; n-- {
				if !yield(i, cast.Load[T](r.data, off)) {
					return
				}
				off += r.step
				i++
			}
		}
	}
}
