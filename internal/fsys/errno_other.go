//go:build !unix && !windows

package fsys

// IsNoSpace reports whether err says that the disk is full.
func IsNoSpace(error) bool { return false }

// IsFault reports whether err says that memory given to a system call is not
// there.
func IsFault(error) bool { return false }
