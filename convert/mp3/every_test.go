package mp3_test

import (
	"testing"

	"github.com/tensorfile/tensorfile/internal/badinput"
)

func TestEveryRead(t *testing.T) {
	badinput.EveryRead(t, "testdata/mono.mp3", nil)
}
