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

func everyReadAndWrite(t *testing.T, path string) {
	badinput.EveryRead(t, path, nil)
	badinput.EveryWrite(t, path, "gguf", nil)
}
