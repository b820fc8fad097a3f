package webp_test

import (
	"testing"

	"github.com/tensorfile/tensorfile/internal/badinput"
)

func TestEveryRead(t *testing.T) {
	badinput.EveryRead(t, "testdata/lossless.exif5.webp", nil)
}
