package tensorfile_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// A log of measurements grows row by row and is read in parts.
func ExampleWriter_Append() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path, ctx := filepath.Join(dir, "log.tensor"), context.Background()

	w, err := tensorfile.Create(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	none, _ := tensor.Make(tensor.F32, tensor.Shape{0, 3})
	if err := w.Add(ctx, "log", none, &tensorfile.TensorOptions{Chunk: tensor.Shape{1024, 3}, Codec: "shuffle|zstd"}); err != nil {
		log.Fatal(err)
	}
	if err := w.Commit(ctx); err != nil {
		log.Fatal(err)
	}

	w, err = tensorfile.OpenAppend(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	for i := range 4 {
		x := float32(i)
		rows, _ := tensor.FromSlice([]float32{x, x + 0.5, x * x}, 1, 3)
		if _, err := w.Append(ctx, "log", rows, nil); err != nil {
			log.Fatal(err)
		}
		if err := w.Commit(ctx); err != nil {
			log.Fatal(err)
		}
	}

	f, err := tensorfile.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	t, err := f.Tensor("log")
	if err != nil {
		log.Fatal(err)
	}
	sel, _ := tensor.ParseSelection("-2:, ::2")
	last, err := t.Read(ctx, sel)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(t.Shape(), f.Info().Generation)
	fmt.Println(last)
	// Output:
	// (4, 3) 5
	// [[2. 4.]
	//  [3. 9.]]
}
