//go:build unix

package fsys

import (
	"errors"
	"syscall"
)

// IsNoSpace reports whether err says that disk, quota or size limit is used up.
func IsNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// IsFault reports whether err says that memory given to a system call is not
// there: a mapping whose file was cut short.
func IsFault(err error) bool { return errors.Is(err, syscall.EFAULT) }

// IsReadOnly reports whether err says that a file system takes no writes.
func IsReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }

// isNoName reports whether err says that a name can be none of a file, as that
// of an address.
func isNoName(error) bool { return false }
