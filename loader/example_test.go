package loader_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/loader"
	"github.com/tensorfile/tensorfile/tensor"
)

// Pictures with their labels, as floats with the colours in front. The loop is
// left after two batches; another loader goes on behind them.
func Example() {
	dir, err := os.MkdirTemp("", "loader")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	path := filepath.Join(dir, "train.tensor")
	pictures, err := tensor.FromSlice(make([]uint8, 10*4*6*3), 10, 4, 6, 3)
	if err != nil {
		log.Fatal(err)
	}
	digits := []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	if err := tensorfile.Save(path, map[string]any{"images": pictures, "labels": digits}); err != nil {
		log.Fatal(err)
	}
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	images, err := f.Tensor("images")
	if err != nil {
		log.Fatal(err)
	}
	labels, err := f.Tensor("labels")
	if err != nil {
		log.Fatal(err)
	}
	sources := []loader.Source{
		{Tensor: images, Rearrange: "b h w c -> b c h w", DType: tensor.F32, Scale: []float64{1. / 255}},
		{Tensor: labels},
	}

	l, err := loader.New(&loader.Options{Batch: 4, Shuffle: true, Seed: 1}, sources...)
	if err != nil {
		log.Fatal(err)
	}
	for b, err := range l.Batches(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(b.Views[0].DType(), b.Views[0].Shape(), b.Views[1], b.Samples)
		if b.Index == 1 {
			break
		}
	}

	text, err := json.Marshal(l.State()) // beside a checkpoint
	if err != nil {
		log.Fatal(err)
	}
	state, err := loader.ParseState(text)
	if err != nil {
		log.Fatal(err)
	}
	l, err = loader.New(&loader.Options{Batch: 4, Shuffle: true, Seed: 1, Resume: &state}, sources...)
	if err != nil {
		log.Fatal(err)
	}
	for b, err := range l.Batches(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(b.Views[0].DType(), b.Views[0].Shape(), b.Views[1], b.Samples)
	}
	// Output:
	// f32 (4, 3, 4, 6) [1 0 6 5] [1 0 6 5]
	// f32 (4, 3, 4, 6) [4 9 7 3] [4 9 7 3]
	// f32 (2, 3, 4, 6) [2 8] [2 8]
}
