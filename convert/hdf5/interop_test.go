package hdf5_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
)

// TestInterop reads random files of a living h5py. "make interop" sets
// TENSORFILE_PYTHON. TENSORFILE_SEED makes other files; the seed is printed.
func TestInterop(t *testing.T) {
	python := os.Getenv("TENSORFILE_PYTHON")
	if python == "" {
		t.Skip("TENSORFILE_PYTHON names no Python with h5py; make interop does")
	}
	seed, files := "20261013", "150"
	if s := os.Getenv("TENSORFILE_SEED"); s != "" {
		seed = s
	}
	if testing.Short() {
		files = "60"
	}
	t.Logf("seed %s, %s files", seed, files)
	dir := t.TempDir()
	script, err := filepath.Abs("testdata/hdf5_files.py")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := exec.Command(python, "-B", "-W", "ignore", script, "write", seed, files, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	tensors, skipped, attrs := 0, 0, 0
	for _, g := range goldens(t, dir) {
		f, err := convert.Open(t.Context(), filepath.Join(dir, g.File), nil)
		if err != nil {
			t.Fatal(err)
		}
		check(t, f, g)
		tensors, skipped = tensors+len(g.Tensors), skipped+len(g.Skipped)
		for _, x := range g.Tensors {
			attrs += len(x.Attrs)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			t.Fatalf("stopped at %s of seed %s", g.File, seed)
		}
	}
	if t.Logf("%d tensors with %d attributes, %d refused", tensors, attrs, skipped); !testing.Short() && (tensors < 1500 || skipped < 40 || attrs < 1000) {
		t.Error("fewer than there should be")
	}
}
