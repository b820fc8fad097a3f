package host

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// mapPages is memory outside of the Go heap, which the garbage collector neither
// scans nor counts.
func mapPages(n int) ([]byte, error) {
	p, err := windows.VirtualAlloc(0, uintptr(n), windows.MEM_RESERVE|windows.MEM_COMMIT, windows.PAGE_READWRITE)
	if err != nil {
		return nil, err
	}
	// The address is none of the Go heap, so that it may become a pointer.
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&p)), n), nil
}

func unmapPages(b []byte) error {
	return windows.VirtualFree(uintptr(unsafe.Pointer(unsafe.SliceData(b))), 0, windows.MEM_RELEASE)
}
