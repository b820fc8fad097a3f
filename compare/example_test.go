package compare_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/compare"
)

// saved opens a file of these tensors.
func saved(dir, name string, tensors map[string]any) *tensorfile.File {
	path := filepath.Join(dir, name)
	if err := tensorfile.Save(path, tensors); err != nil {
		log.Fatal(err)
	}
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	return f
}

// Two checkpoints are compared tensor by tensor, with a tolerance.
func ExampleFiles() {
	dir, err := os.MkdirTemp("", "compare")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	a := saved(dir, "a.tensor", map[string]any{"bias": []float32{1, 2, 3}, "step": int64(10)})
	defer a.Close()
	b := saved(dir, "b.tensor", map[string]any{"bias": []float32{1, 2.00001, 4}, "step": int64(10)})
	defer b.Close()
	o := &compare.Options{Tolerance: &compare.Tolerance{Rel: 1e-4}}
	for r, err := range compare.Files(context.Background(), a, b, o) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.Name, r.Status, r.Different, r.First, r.MaxAbs)
	}
	// Output:
	// bias different 1 [2] 1
	// step equal 0 [] 0
}

// Two tensors, and two sets of attributes.
func ExampleTensors() {
	dir, err := os.MkdirTemp("", "compare")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	f := saved(dir, "a.tensor", map[string]any{"x": []uint8{1, 2, 3}, "y": []uint8{1, 9, 9}})
	defer f.Close()
	x, err := f.Tensor("x")
	if err != nil {
		log.Fatal(err)
	}
	y, err := f.Tensor("y")
	if err != nil {
		log.Fatal(err)
	}
	r, err := compare.Tensors(context.Background(), x, y, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Different, "of", r.Elements)
	for _, d := range compare.Attrs(tensorfile.Attrs{"unit": "m"}, tensorfile.Attrs{"unit": "s"}) {
		fmt.Println(d.Key, d.A, d.B)
	}
	// Output:
	// 2 of 3
	// unit m s
}
