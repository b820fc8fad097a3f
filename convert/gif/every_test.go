package gif_test

import (
	"testing"

	"github.com/tensorfile/tensorfile/internal/badinput"
)

func TestEveryRead(t *testing.T) {
	badinput.EveryRead(t, "testdata/g0.gif", nil)
	badinput.EveryRead(t, "testdata/grey1.gif", nil)
}

func TestEveryWrite(t *testing.T) {
	badinput.EveryWrite(t, "testdata/g0.gif", "gif", nil)
}
