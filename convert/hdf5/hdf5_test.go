package hdf5_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// TestGoldens reads the files that h5py, the tools of HDF5 and Keras wrote.
func TestGoldens(t *testing.T) {
	tensors, skipped := 0, 0
	for _, g := range goldens(t, "testdata") {
		f, err := convert.Open(t.Context(), filepath.Join("testdata", g.File), nil)
		if err != nil {
			t.Error(err)
			continue
		}
		check(t, f, g)
		tensors, skipped = tensors+len(g.Tensors), skipped+len(g.Skipped)
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if t.Logf("%d tensors, %d refused", tensors, skipped); tensors < 255 || skipped < 13 {
		t.Error("fewer than there should be")
	}
}

// TestKeras finds every weight of models in the files that Keras saved them to.
func TestKeras(t *testing.T) {
	b, err := os.ReadFile("testdata/keras.json")
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Weights map[string][]goldenTensor
	}
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	n := 0
	for file, weights := range m.Weights {
		f, err := convert.Open(t.Context(), filepath.Join("testdata", file), nil)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for x, err := range f.Tensors() {
			if err != nil {
				t.Fatal(err)
			}
			sum, err := sumOf(t, x)
			if err != nil {
				t.Fatal(err)
			}
			found[fmt.Sprint(x.Shape(), sum)] = true
		}
		for _, w := range weights {
			if n++; !found[fmt.Sprint(tensor.Shape(w.Shape), w.SHA256)] {
				t.Errorf("%s has no weight of shape %v with the elements that Keras has", file, w.Shape)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if t.Logf("%d weights of %d files", n, len(m.Weights)); n < 22 || len(m.Weights) != 3 {
		t.Error("fewer than there should be")
	}
}
