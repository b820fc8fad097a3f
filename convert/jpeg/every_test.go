package jpeg_test

import (
	"testing"

	"github.com/tensorfile/tensorfile/internal/badinput"
)

func TestEveryRead(t *testing.T) {
	badinput.EveryRead(t, "testdata/420.jpg", nil)
	badinput.EveryRead(t, "testdata/grey.exif6.jpg", nil)
}

func TestEveryWrite(t *testing.T) {
	badinput.EveryWrite(t, "testdata/grey.jpg", "jpeg", nil)
}
