package gguf_test

import (
	"testing"

	"github.com/tensorfile/tensorfile/internal/badinput"
)

func TestEveryRead(t *testing.T) {
	badinput.EveryRead(t, "testdata/g0.gguf", nil)
	badinput.EveryRead(t, "testdata/g5.gguf", nil)
}

func TestEveryWrite(t *testing.T) {
	badinput.EveryWrite(t, "testdata/g0.gguf", "gguf", nil)
}
