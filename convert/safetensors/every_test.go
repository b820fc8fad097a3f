package safetensors_test

import (
	"testing"

	"github.com/tensorfile/tensorfile/internal/badinput"
)

func TestEveryRead(t *testing.T) {
	badinput.EveryRead(t, "testdata/f0.safetensors", nil)
	badinput.EveryRead(t, "testdata/f7.safetensors", nil)
}

func TestEveryWrite(t *testing.T) {
	badinput.EveryWrite(t, "testdata/f7.safetensors", "safetensors", nil)
}
