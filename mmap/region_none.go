//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || solaris || windows)

package mmap

import (
	"errors"
	"os"
	"runtime"
)

func mapFile(*os.File, int) ([]byte, error) {
	return nil, errors.New("not on " + runtime.GOOS)
}

func unmapFile([]byte) error { return nil }

func newRegion(b []byte) *region { return &region{data: b} }
