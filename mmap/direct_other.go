//go:build !linux

package mmap

import (
	"errors"
	"os"
	"runtime"
)

var errNoDirect = errors.New("not on " + runtime.GOOS)

func openDirect(*Map) (*os.File, int64, error) { return nil, 0, errNoDirect }

func preadDirect(*os.File, []byte, int64) (int, error) { return 0, errNoDirect }

func refused(error) bool { return true }
