package fsys

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// lockByte is the byte that writers lock. It lies beyond any legal file.
const lockByte = 1 << 62

// Lock takes an open file description lock: it conflicts inside one process,
// and closing another descriptor of the file does not drop it.
func (f osFile) Lock() error {
	l := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart, Start: lockByte, Len: 1}
	for {
		err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &l)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES):
			return ErrLocked
		case errors.Is(err, unix.ENOLCK) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS):
			return ErrNoLocks
		}
		return err
	}
}

// Datasync implements File.
func (f osFile) Datasync() error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
