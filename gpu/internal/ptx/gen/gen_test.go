package main

import (
	"os"
	"path/filepath"
	"testing"
)

// The files are what the program makes.
func TestFilesAreCurrent(t *testing.T) {
	for name := range families {
		b, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if string(b) != text(name) {
			t.Errorf("%s is not what gen makes: go generate ./gpu/internal/ptx", name)
		}
	}
}
