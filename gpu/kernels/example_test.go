package kernels_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/kernels"
	"github.com/tensorfile/tensorfile/tensor"
)

// Kernels are enqueued on a stream and read tensors of the device: pixels become
// planes of floats, and these are filtered.
func Example() {
	ctx := context.Background()
	d, err := gpu.OpenHost(nil) // or OpenAuto
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	on, err := d.NewStream()
	if err != nil {
		log.Fatal(err)
	}
	defer on.Free()
	alloc := func(dt tensor.DType, s ...int64) *gpu.Tensor {
		t, err := d.Make(dt, s)
		if err != nil {
			log.Fatal(err)
		}
		return t
	}
	pixels, planes := alloc(tensor.U8, 2, 3, 1), alloc(tensor.F32, 1, 2, 3)
	filters, result := alloc(tensor.F32, 1, 1, 1, 2), alloc(tensor.F32, 1, 2, 2)
	for _, t := range []*gpu.Tensor{pixels, planes, filters, result} {
		defer t.Free()
	}
	x, err := tensor.FromSlice([]uint8{0, 2, 10, 0, 0, 4}, 2, 3, 1)
	if err == nil {
		err = pixels.Write(ctx, x)
	}
	if err != nil {
		log.Fatal(err)
	}
	difference, err := tensor.FromSlice([]float32{-1, 1}, 1, 1, 1, 2)
	if err == nil {
		err = filters.Write(ctx, difference)
	}
	if err != nil {
		log.Fatal(err)
	}
	if err := kernels.Picture(on, planes, pixels, []float32{0.5}, nil); err != nil {
		log.Fatal(err)
	}
	if err := kernels.Correlate2D(on, result, planes, filters, nil); err != nil {
		log.Fatal(err)
	}
	if err := on.Synchronize(); err != nil {
		log.Fatal(err)
	}
	y, err := result.Read(ctx)
	fmt.Println(y, err)
	// Output:
	// [[[1. 4.]
	//   [0. 2.]]] <nil>
}
