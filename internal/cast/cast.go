// Package cast turns bytes into typed slices and back without copying. It is
// the one place for unsafe conversions of tensor memory: length and alignment
// are checked here, because checkptr sees neither mapped memory nor misaligned
// numeric pointers.
//
// A result aliases its argument and lives as long; it is in the byte order of
// the machine.
package cast

import (
	"strings"
	"unsafe"
)

// Plain is the set of fixed-size types without pointers that tensor memory may
// be seen as.
type Plain interface {
	~bool | ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64 |
		~float32 | ~float64 | ~complex64 | ~complex128
}

// Slice returns b as a []T. It reports false if len(b) is not a multiple of
// the size of T or b does not start at a multiple of T's alignment.
func Slice[T Plain](b []byte) ([]T, bool) {
	var z T
	size := int(unsafe.Sizeof(z))
	if len(b) == 0 {
		return nil, true
	}
	p := unsafe.Pointer(unsafe.SliceData(b))
	if len(b)%size != 0 || uintptr(p)%unsafe.Alignof(z) != 0 {
		return nil, false
	}
	return unsafe.Slice((*T)(p), len(b)/size), true
}

// Bytes returns the memory of s.
func Bytes[T Plain](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	var z T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(z)))
}

// Aligned reports whether b starts at a multiple of n, a power of two.
func Aligned(b []byte, n int) bool {
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))&uintptr(n-1) == 0
}

// BigEndianHost is true where the machine's byte order is not that of the
// format.
var BigEndianHost = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 0
}()

// TypeOf is a number that tells T from every other type in this process. It
// costs a load, where a type switch over a type parameter costs twenty.
func TypeOf[T any]() uintptr {
	var p any = (*T)(nil)
	return (*[2]uintptr)(unsafe.Pointer(&p))[0]
}

// SizeOf is the number of bytes of a T, a constant in each instance.
func SizeOf[T any]() int {
	var z T
	return int(unsafe.Sizeof(z))
}

// Skew is how many bytes of b lie before the next multiple of n, a power of
// two.
func Skew(b []byte, n int) int {
	return int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & uintptr(n-1))
}

// Fresh is make([]byte, n) without the zeros: the bytes are whatever lay there,
// so the caller writes every one of them before anyone else sees them. It is
// ordinary memory of the garbage collector, and pages that the system has just
// given stay untouched. For large n, from a few hundred KiB on.
func Fresh(n int) []byte {
	// A Builder is the one way to memory that is not cleared.
	var s strings.Builder
	s.Grow(max(n, 1))
	s.WriteByte(0)
	return unsafe.Slice(unsafe.StringData(s.String()), n)
}
