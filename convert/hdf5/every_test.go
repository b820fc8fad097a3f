package hdf5_test

import (
	"testing"

	"github.com/tensorfile/tensorfile/internal/badinput"
)

func TestEveryRead(t *testing.T) {
	badinput.EveryRead(t, "testdata/small.h5", nil)
	badinput.EveryRead(t, "testdata/userblock.h5", nil)
}
