//go:build !linux

package fsys

// LockHolder names the process that holds the lock of the file at path, or
// returns "" if the system does not tell.
func LockHolder(string) string { return "" }
