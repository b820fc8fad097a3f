package png_test

import (
	"testing"

	"github.com/tensorfile/tensorfile/internal/badinput"
)

func TestEveryRead(t *testing.T) {
	badinput.EveryRead(t, "testdata/rgb8i.png", nil)
	badinput.EveryRead(t, "testdata/palette4t.png", nil)
}

func TestEveryWrite(t *testing.T) {
	badinput.EveryWrite(t, "testdata/rgb8.png", "png", nil)
	badinput.EveryWrite(t, "testdata/grey16.png", "png", nil)
}
