package gpu_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/tensor"
)

// A file of tensors is brought to the device at once, and one of them block by
// block, as one would that is larger than the device.
func ExampleUploader() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "weights.tensor")
	w, err := tensorfile.Create(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	for name, shape := range map[string]tensor.Shape{"bias": {300}, "weights": {1000, 300}} {
		v, err := tensor.Make(tensor.F32, shape)
		if err == nil {
			err = w.Add(ctx, name, v, nil)
		}
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Commit(ctx); err != nil {
		log.Fatal(err)
	}
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()

	d, err := gpu.OpenHost(nil) // or OpenAuto
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	u, err := d.NewUploader(&gpu.UploadOptions{SlotBytes: 512 << 10})
	if err != nil {
		log.Fatal(err)
	}
	defer u.Close()

	var sources []gpu.Source
	for _, name := range []string{"weights", "bias"} {
		t, err := f.Tensor(name)
		if err != nil {
			log.Fatal(err)
		}
		sources = append(sources, gpu.FromTensor(t))
	}
	up, err := u.Upload(ctx, sources...)
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range up.Tensors {
		fmt.Println(t)
	}
	if err := up.Buffer.Free(); err != nil {
		log.Fatal(err)
	}

	on, err := d.NewStream()
	if err != nil {
		log.Fatal(err)
	}
	defer on.Free()
	for b, err := range u.Stream(ctx, on, sources[0]) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("rows from", b.Origin[0], b.Tensor())
	}
	// Output:
	// gpu tensor f32 (1000, 300)
	// gpu tensor f32 (300,)
	// rows from 0 gpu tensor f32 (436, 300)
	// rows from 436 gpu tensor f32 (436, 300)
	// rows from 872 gpu tensor f32 (128, 300)
}
