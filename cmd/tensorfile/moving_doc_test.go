package main

import (
	"os"
	"path/filepath"
	"testing"
)

// copyInto copies files into dir.
func copyInto(t *testing.T, dir string, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, filepath.Base(f)), b, 0o666)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What docs/safetensors.md shows is what the tool prints.
func TestSafetensorsDoc(t *testing.T) {
	dir := t.TempDir()
	copyInto(t, dir, "../../testdata/models/*.safetensors", "../../testdata/models/*.json")
	docShows(t, "../../docs/safetensors.md", dir, 6)
}

func TestGGUFDoc(t *testing.T) {
	dir := t.TempDir()
	copyInto(t, dir, "../../testdata/models/*.gguf")
	docShows(t, "../../docs/gguf.md", dir, 7)
}

func TestPyTorchDoc(t *testing.T) {
	dir := t.TempDir()
	copyInto(t, dir, "../../convert/torch/testdata/*.pt", "../../convert/torch/testdata/partly.pth")
	docShows(t, "../../docs/pytorch.md", dir, 5)
}
