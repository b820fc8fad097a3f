package mmap

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/tensorfile/tensorfile/tensor"
)

func (m *Map) adviseRegion(r *region, off, end int64, a Advice) error {
	off -= off % int64(os.Getpagesize())
	b := r.data[off:end]
	switch a {
	case Normal:
		unix.Madvise(b, unix.MADV_NORMAL)
	case Sequential:
		unix.Madvise(b, unix.MADV_SEQUENTIAL)
	case Random:
		unix.Madvise(b, unix.MADV_RANDOM)
	case WillNeed:
		unix.Madvise(b, unix.MADV_WILLNEED)
	case HugePages:
		unix.Madvise(b, unix.MADV_HUGEPAGE)
	case DontNeed:
		unix.Madvise(b, unix.MADV_DONTNEED)
	case Populate:
		return m.populate(b, off)
	}
	return nil
}

// populate maps b, which lies at off, in pieces: the call cannot be stopped and
// does not say how far it came.
func (m *Map) populate(b []byte, off int64) error {
	const piece = 16 << 20
	for len(b) > 0 {
		n := min(len(b), piece-int(off%piece))
		var err error
		for range 100 {
			if err = unix.Madvise(b[:n], unix.MADV_POPULATE_READ); err != unix.EINTR && err != unix.EAGAIN {
				break
			}
		}
		switch err {
		case nil:
		case unix.EFAULT:
			return m.faultError(m.firstLost(off, off+int64(n)), err)
		case unix.EHWPOISON:
			return &tensor.Error{Kind: tensor.ErrIO, Path: m.path, Offset: off, Field: "mapping", Err: err}
		default: // an older kernel, or no memory to spare
			unix.Madvise(b, unix.MADV_WILLNEED)
			return nil
		}
		b, off = b[n:], off+int64(n)
	}
	return nil
}

// firstLost returns the first page in [off, end) that the file no longer has,
// or off if it has them all.
func (m *Map) firstLost(off, end int64) int64 {
	size, err := m.currentSize()
	page := int64(os.Getpagesize())
	if size = (size + page - 1) &^ (page - 1); err == nil && size > off && size < end {
		return size
	}
	return off
}

func adviseFile(f *os.File, off, n int64, a Advice) {
	fd := int(f.Fd())
	switch a {
	case Normal:
		unix.Fadvise(fd, off, n, unix.FADV_NORMAL)
	case Sequential:
		unix.Fadvise(fd, off, n, unix.FADV_SEQUENTIAL)
	case Random:
		unix.Fadvise(fd, off, n, unix.FADV_RANDOM)
	case WillNeed, Populate:
		unix.Fadvise(fd, off, n, unix.FADV_WILLNEED)
	}
}
