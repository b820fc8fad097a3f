package fsys

import (
	"errors"
	"syscall"
)

// IsNoSpace reports whether err says that the disk is full.
func IsNoSpace(err error) bool {
	var e syscall.Errno
	return errors.As(err, &e) && (e == 39 || e == 112) // ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL
}

// IsFault reports whether err says that memory given to a system call is not
// there.
func IsFault(error) bool { return false }
