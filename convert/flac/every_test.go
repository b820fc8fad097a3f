package flac_test

import (
	"testing"

	"github.com/tensorfile/tensorfile/internal/badinput"
)

func TestEveryRead(t *testing.T) {
	badinput.EveryRead(t, "testdata/tags.flac", nil)
	badinput.EveryRead(t, "testdata/short.flac", nil)
}

func TestEveryWrite(t *testing.T) {
	badinput.EveryWrite(t, "testdata/short.flac", "flac", nil)
}
