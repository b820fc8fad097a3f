package cast

import "unsafe"

// Load returns the T that starts at b[off]. It panics, as indexing does, if
// that lies outside b. The address must suit T: see Aligned.
func Load[T Plain](b []byte, off int) T {
	var z T
	b = b[off : off+int(unsafe.Sizeof(z))]
	return *(*T)(unsafe.Pointer(unsafe.SliceData(b)))
}

// Overlap reports whether a and b share a byte.
func Overlap(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	p, q := uintptr(unsafe.Pointer(unsafe.SliceData(a))), uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	return p < q+uintptr(len(b)) && q < p+uintptr(len(a))
}

// Same reports whether a and b start at the same address.
func Same(a, b []byte) bool { return unsafe.SliceData(a) == unsafe.SliceData(b) }

// Size is the number of bytes of a T.
func Size[T Plain]() int {
	var z T
	return int(unsafe.Sizeof(z))
}

// Align is what the address of a T must be a multiple of.
func Align[T Plain]() int {
	var z T
	return int(unsafe.Alignof(z))
}
