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

// IsReadOnly reports whether err says that a file system takes no writes.
func IsReadOnly(err error) bool { return errors.Is(err, syscall.Errno(19)) } // ERROR_WRITE_PROTECT

// isNoName reports whether err says that a name can be none of a file, as that
// of an address.
func isNoName(err error) bool { return errors.Is(err, syscall.Errno(123)) } // ERROR_INVALID_NAME
