//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || solaris || windows)

package host

import (
	"os"
	"unsafe"
)

// mapPages is memory of the Go heap, which does not move: the system has none other.
func mapPages(n int) ([]byte, error) {
	page := os.Getpagesize()
	b := make([]byte, n+page)
	skew := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & uintptr(page-1))
	return b[skew : skew+n : skew+n], nil
}

func unmapPages([]byte) error { return nil }
