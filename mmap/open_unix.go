//go:build unix

package mmap

import (
	"errors"
	"os"
	"syscall"
)

// openFile opens path for reading without waiting for anyone at the other end
// of a pipe and without making a terminal ours.
func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
}

// isFault reports whether a system call met an address it could not touch.
func isFault(err error) bool { return errors.Is(err, syscall.EFAULT) }

func isLocked(error) bool { return false }
