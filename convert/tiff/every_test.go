package tiff_test

import (
	"testing"

	"github.com/tensorfile/tensorfile/internal/badinput"
)

func TestEveryRead(t *testing.T) {
	badinput.EveryRead(t, "testdata/rgb16.tiles.3.tif", nil)
	badinput.EveryRead(t, "testdata/palette4.tif", nil)
	badinput.EveryRead(t, "testdata/bool.group4.tif", nil)
	badinput.EveryRead(t, "testdata/rgb16.deflate.3.tif", nil)
	badinput.EveryRead(t, "testdata/rgb16.packbits.3.tif", nil)
}

func TestEveryWrite(t *testing.T) {
	badinput.EveryWrite(t, "testdata/rgb16.tif", "tiff", nil)
	badinput.EveryWrite(t, "testdata/f32.tif", "tiff", nil)
}
