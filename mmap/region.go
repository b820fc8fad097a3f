//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd || solaris || windows

package mmap

import (
	"os"
	"unsafe"

	mmapgo "github.com/edsrzf/mmap-go"
)

// mapFile maps the first n bytes of f.
func mapFile(f *os.File, n int) ([]byte, error) {
	return mmapgo.MapRegion(f, n, mmapgo.RDONLY, 0, 0)
}

// unmapFile undoes mapFile. b is what mapFile returned, not a part of it.
func unmapFile(b []byte) error {
	m := mmapgo.MMap(b)
	return m.Unmap()
}

func newRegion(b []byte) *region {
	base := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	page := uintptr(os.Getpagesize())
	return &region{data: b, base: base, end: base + (uintptr(len(b))+page-1)&^(page-1)}
}
