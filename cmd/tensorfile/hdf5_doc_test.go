package main

import (
	"os"
	"path/filepath"
	"testing"
)

// What docs/hdf5.md shows is what the tool prints. With -update it is written
// there.
func TestHDF5Doc(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"weather.h5", "keras.weights.h5", "keras_model.h5"} {
		b, err := os.ReadFile("../../convert/hdf5/testdata/" + name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	docShows(t, "../../docs/hdf5.md", dir, 10)
}
