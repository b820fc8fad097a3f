//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || solaris)

package mmap

// canReserve is false: nothing here replaces a mapping in one step.
const canReserve = false

func reserve([]byte) error { return nil }

func noRoom(error) bool { return false }
