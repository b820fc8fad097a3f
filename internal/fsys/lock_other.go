//go:build !linux && !windows && !darwin && !freebsd && !netbsd && !openbsd && !dragonfly

package fsys

// Lock implements File where no lock is known.
func (f osFile) Lock() error { return ErrNoLocks }

// Datasync implements File.
func (f osFile) Datasync() error { return f.Sync() }
