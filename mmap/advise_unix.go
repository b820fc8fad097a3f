//go:build darwin || dragonfly || freebsd || netbsd || openbsd || solaris

package mmap

import (
	"os"

	"golang.org/x/sys/unix"
)

func (m *Map) adviseRegion(r *region, off, end int64, a Advice) error {
	b := r.data[off-off%int64(os.Getpagesize()) : end]
	switch a {
	case Normal:
		unix.Madvise(b, unix.MADV_NORMAL)
	case Sequential:
		unix.Madvise(b, unix.MADV_SEQUENTIAL)
	case Random:
		unix.Madvise(b, unix.MADV_RANDOM)
	case WillNeed, Populate:
		unix.Madvise(b, unix.MADV_WILLNEED)
	case DontNeed:
		unix.Madvise(b, unix.MADV_DONTNEED)
	}
	return nil
}

func adviseFile(*os.File, int64, int64, Advice) {}
