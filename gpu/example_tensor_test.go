package gpu_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/tensor"
)

// A buffer is looked at as tensors, as memory of the host is.
func ExampleNewTensor() {
	ctx := context.Background()
	d, err := gpu.OpenHost(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	u, err := d.NewUploader(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer u.Close()
	v, err := tensor.FromSlice([]float32{0, 1, 2, 3, 4, 5})
	if err != nil {
		log.Fatal(err)
	}
	up, err := u.Upload(ctx, gpu.FromView(v))
	if err != nil {
		log.Fatal(err)
	}
	defer up.Buffer.Free()
	odd, err := gpu.NewTensor(up.Buffer, tensor.F32, tensor.Shape{3}, tensor.Strides{8}, 4, tensor.LittleEndian)
	if err != nil {
		log.Fatal(err)
	}
	x, err := odd.Read(ctx)
	fmt.Println(x, err)
	// Output: [1. 3. 5.] <nil>
}

// The devices of a machine, or why there are none. Open takes one by its number.
func ExampleProbe() {
	devices, err := gpu.Probe()
	if err != nil {
		log.Print(err)
		return
	}
	d, err := gpu.Open(0, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	log.Print(devices[0], d.Info())
}
