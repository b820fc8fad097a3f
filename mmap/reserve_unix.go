//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd || solaris

package mmap

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// canReserve is false where addresses are too few to keep any back.
const canReserve = invariants || ^uint(0)>>63 == 1

// reserve puts inaccessible anonymous memory in place of the mapping b, in one
// step: at no time are the addresses free for another mapping. It costs no
// memory, and unmapFile still undoes it.
func reserve(b []byte) error {
	_, err := unix.MmapPtr(-1, 0, unsafe.Pointer(unsafe.SliceData(b)), uintptr(len(b)),
		unix.PROT_NONE, unix.MAP_FIXED|unix.MAP_PRIVATE|unix.MAP_ANON)
	return err
}

// noRoom reports whether mapping failed for want of addresses.
func noRoom(err error) bool { return errors.Is(err, unix.ENOMEM) }
