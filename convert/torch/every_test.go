package torch_test

import (
	"testing"

	"github.com/tensorfile/tensorfile/internal/badinput"
)

func TestEveryRead(t *testing.T) {
	badinput.EveryRead(t, "testdata/alone.pt", nil)
	badinput.EveryRead(t, "testdata/state.pth.pt", nil)
}
