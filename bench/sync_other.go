//go:build !linux

package bench

import (
	"errors"
	"os"
)

func datasync(f *os.File) error { return f.Sync() }

func writeDirect(string, []byte) error { return errors.ErrUnsupported }
