//go:build !unix && !windows

package mmap

import "os"

func openFile(path string) (*os.File, error) { return os.Open(path) }

func isFault(error) bool { return false }

func isLocked(error) bool { return false }
