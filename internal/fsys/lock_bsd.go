//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package fsys

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Lock locks the whole file with flock.
func (f osFile) Lock() error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return ErrLocked
		case errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOLCK) || errors.Is(err, unix.ENOSYS):
			return ErrNoLocks
		}
		return err
	}
}

// Datasync implements File. On macOS os.File.Sync is F_FULLFSYNC.
func (f osFile) Datasync() error { return f.Sync() }
