package mmap

import (
	"errors"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// openDirect opens the file of m once more, with O_DIRECT.
func openDirect(m *Map) (f *os.File, align int64, err error) {
	fd := int(m.file.Fd())
	// Through the descriptor it is the same file, wherever its name leads now.
	f, err = os.OpenFile("/proc/self/fd/"+strconv.Itoa(fd), os.O_RDONLY|unix.O_DIRECT, 0)
	if errors.Is(err, fs.ErrNotExist) && m.abs != "" { // no procfs
		f, err = os.OpenFile(m.abs, os.O_RDONLY|unix.O_DIRECT|unix.O_NONBLOCK, 0)
	}
	if err != nil {
		var e *fs.PathError
		if errors.As(err, &e) {
			err = e.Err
		}
		return nil, 0, err
	}
	fi, err := f.Stat()
	if err == nil && !os.SameFile(fi, m.info) {
		err = errors.New("the path leads to another file now")
	}
	if err == nil {
		align, err = directAlign(int(f.Fd()))
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, align, nil
}

// directAlign asks for the alignment that direct reads need. Kernels before 6.1
// do not say; a page suits every disk.
func directAlign(fd int) (int64, error) {
	align := int64(os.Getpagesize())
	var st unix.Statx_t
	if unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_DIOALIGN, &st) != nil || st.Mask&unix.STATX_DIOALIGN == 0 {
		return align, nil
	}
	if st.Dio_offset_align == 0 {
		return 0, errors.New("not supported by the file system")
	}
	for _, a := range []int64{int64(st.Dio_mem_align), int64(st.Dio_offset_align)} {
		for align < a {
			align *= 2
		}
	}
	return align, nil
}

// preadDirect is one positioned read.
func preadDirect(f *os.File, p []byte, off int64) (int, error) {
	for {
		n, err := unix.Pread(int(f.Fd()), p, off)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// refused reports whether a direct read failed for what it is and not for what
// the disk did.
func refused(err error) bool {
	return err == unix.EINVAL || err == unix.EOPNOTSUPP || err == unix.ENOSYS
}
