//go:build !unix && !windows

package fsys

// IsNoSpace reports whether err says that the disk is full.
func IsNoSpace(error) bool { return false }

// IsFault reports whether err says that memory given to a system call is not
// there.
func IsFault(error) bool { return false }

// IsReadOnly reports whether err says that a file system takes no writes.
func IsReadOnly(error) bool { return false }

// isNoName reports whether err says that a name can be none of a file, as that
// of an address.
func isNoName(error) bool { return false }
