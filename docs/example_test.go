// Package docs has the programs that the documents show, so that they are run.
// internal/house compares.
package docs_test

import (
	"log"
	"os"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// inFolder goes to a new folder, and back.
func inFolder() (back func()) {
	was, err := os.Getwd()
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "docs")
	if err == nil {
		err = os.Chdir(dir)
	}
	if err != nil {
		log.Fatal(err)
	}
	return func() {
		if err := os.Chdir(was); err != nil {
			log.Fatal(err)
		}
		os.RemoveAll(dir)
	}
}

// counting is a tensor of 0, 1, 2 and so on.
func counting[T uint8 | float32 | int16](shape ...int64) tensor.View {
	n, err := tensor.Shape(shape).NumElements()
	if err != nil {
		log.Fatal(err)
	}
	x := make([]T, n)
	for i := range x {
		x[i] = T(i)
	}
	v, err := tensor.FromSlice(x, shape...)
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// save writes tensors to a file of the folder.
func save(path string, tensors map[string]any) {
	if err := tensorfile.Save(path, tensors); err != nil {
		log.Fatal(err)
	}
}
