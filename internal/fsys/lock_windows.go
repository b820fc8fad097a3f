package fsys

import (
	"errors"

	"golang.org/x/sys/windows"
)

// Lock takes the byte at 2^62 with LockFileEx. It lies beyond any legal file,
// where the mandatory locks of Windows keep no reader out.
func (f osFile) Lock() error {
	var o windows.Overlapped
	o.OffsetHigh = 1 << 30
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &o)
	switch {
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING):
		return ErrLocked
	case errors.Is(err, windows.ERROR_NOT_SUPPORTED) || errors.Is(err, windows.ERROR_INVALID_FUNCTION):
		return ErrNoLocks
	}
	return err
}

// Datasync implements File: os.File.Sync is FlushFileBuffers.
func (f osFile) Datasync() error { return f.Sync() }
