// Command edges finds edges in pictures on a GPU, or where there is none on the host:
//
//	go run ./examples/edges [-device auto] [FOLDER]
//
// FOLDER/images.tensor has a tensor "images", u8, (n, height, width, 3); if it is not
// there, some are drawn. They are streamed to the device in blocks of whole pictures:
// while one block is normalised and convolved, the next are read, decoded and copied.
// The result, FOLDER/edges.png, is one picture, the originals' edges one below the
// other: red where it grows brighter to the right, green where downwards, blue where
// a pixel differs from those around it.
//
// A model would bring its own filters, from a file, and more layers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	"github.com/tensorfile/tensorfile/examples/program"
	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/kernels"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform"
	pictures "github.com/tensorfile/tensorfile/transform/image"
)

var device = flag.String("device", "auto", "where to compute: cuda, host, or auto for CUDA where it is")

func main() {
	program.Main(func(ctx context.Context, dir string, stdout io.Writer) error {
		in := filepath.Join(dir, "images.tensor")
		if err := prepare(ctx, in); err != nil {
			return err
		}
		return run(ctx, in, filepath.Join(dir, "edges.png"), *device, stdout)
	})
}

// blockBytes is about how much is on its way to the device at a time, and how much
// is worked on. It is small, so that a few pictures are several blocks: usual are
// 8 MiB.
const blockBytes = 256 << 10

// run makes a picture of the images of a file of any format.
func run(ctx context.Context, in, out, device string, stdout io.Writer) (err error) {
	d, err := open(device)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	fmt.Fprintln(os.Stderr, d.Info())
	f, err := convert.Open(ctx, in, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	images, err := f.Tensor("images")
	if err != nil {
		return err
	}
	v, stats, err := edges(ctx, d, images, blockBytes)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, stats.Path)
	fmt.Fprintf(stdout, "%d pictures came in %d copies, %d KiB that were decoded on the way\n", images.Shape()[0], stats.Copies, stats.Decoded>>10)
	return save(out, v)
}

// open opens the device of a flag.
func open(device string) (*gpu.Device, error) {
	switch device {
	case "cuda":
		return gpu.Open(0, nil)
	case "host":
		return gpu.OpenHost(nil)
	case "auto":
		return gpu.OpenAuto(nil)
	}
	return nil, fmt.Errorf("device %q: it is cuda, host or auto", device)
}

// edges convolves all images: from u8 (n, height, width, 3) to f32 (n, 3, height,
// width). Blocks have at most so many bytes, 0 for what is usual, but one image.
func edges(ctx context.Context, d *gpu.Device, images *tensorfile.Tensor, block int64) (_ tensor.View, _ gpu.Stats, err error) {
	fail := func(err error) (tensor.View, gpu.Stats, error) { return tensor.View{}, gpu.Stats{}, err }
	s := images.Shape()
	if images.DType() != tensor.U8 || len(s) != 4 || s[3] != 3 {
		return fail(fmt.Errorf("images are %v %v: u8 (n, height, width, 3) is needed", images.DType(), s))
	}
	n, height, width := s[0], s[1], s[2]
	if block == 0 {
		block = 8 << 20
	}
	u, err := d.NewUploader(&gpu.UploadOptions{SlotBytes: max(block, height*width*3)})
	if err != nil {
		return fail(err)
	}
	defer func() { err = errors.Join(err, u.Close()) }()
	on, err := d.NewStream()
	if err != nil {
		return fail(err)
	}
	defer on.Free()
	filters, err := onDevice(ctx, d, weights, 3, 3, 3, 3)
	if err != nil {
		return fail(err)
	}
	defer filters.Free()
	result, err := d.Make(tensor.F32, tensor.Shape{n, 3, height, width})
	if err != nil {
		return fail(err)
	}
	defer result.Free()

	var planes *gpu.Tensor // room for a block, the first of which is the largest
	defer func() {
		if planes != nil {
			err = errors.Join(err, planes.Free())
		}
	}()
	for b, err := range u.Stream(ctx, on, gpu.FromTensor(images)) {
		if err != nil {
			return fail(err)
		}
		pixels := b.Tensor()
		k := pixels.Shape()[0]
		if first := (tensor.Shape{k, height, width, 3}); !pixels.Shape().Equal(first) {
			return fail(fmt.Errorf("a block is %v: chunks of whole images are needed", pixels.Shape()))
		}
		if planes == nil {
			if planes, err = d.Make(tensor.F32, tensor.Shape{k, 3, height, width}); err != nil {
				return fail(err)
			}
		}
		if err := convolve(on, result, planes, pixels, filters, b.Origin[0]); err != nil {
			return fail(err)
		}
	}
	// Reading waits for all that was enqueued.
	v, err := result.Read(ctx)
	return v, u.Stats(), err
}

// convolve enqueues the kernels for a block of images, the first of which has the
// number at. Parts of tensors on the device are views, which cost nothing.
func convolve(on *gpu.Stream, result, planes, pixels, filters *gpu.Tensor, at int64) error {
	k := pixels.Shape()[0]
	planes, err := planes.Slice(0, 0, k, 1)
	if err != nil {
		return err
	}
	if result, err = result.Slice(0, at, at+k, 1); err != nil {
		return err
	}
	// Bytes become floats from -0.5 to 0.5, pixels planes.
	if err := kernels.Picture(on, planes, pixels, []float32{1. / 255}, []float32{-0.5}); err != nil {
		return err
	}
	return kernels.Correlate2D(on, result, planes, filters, &kernels.ConvOptions{Pad: [][2]int64{{1, 1}, {1, 1}}})
}

// weights are three filters of 3 by 3 for three channels: Sobel across and down, and
// Laplace, over the brightness that the channels make.
var weights = func() (w []float32) {
	for _, filter := range [][9]float32{
		{-1, 0, 1, -2, 0, 2, -1, 0, 1},
		{-1, -2, -1, 0, 0, 0, 1, 2, 1},
		{1, 1, 1, 1, -8, 1, 1, 1, 1},
	} {
		for _, brightness := range []float32{0.299, 0.587, 0.114} {
			for _, x := range filter {
				w = append(w, x*brightness*0.25)
			}
		}
	}
	return w
}()

// onDevice makes a tensor of numbers.
func onDevice(ctx context.Context, d *gpu.Device, x []float32, shape ...int64) (*gpu.Tensor, error) {
	v, err := tensor.FromSlice(x, shape...)
	if err != nil {
		return nil, err
	}
	t, err := d.Make(tensor.F32, v.Shape())
	if err != nil {
		return nil, err
	}
	if err := t.Write(ctx, v); err != nil {
		return nil, errors.Join(err, t.Free())
	}
	return t, nil
}

// save writes the results one below the other, grey where there is no edge.
func save(path string, v tensor.View) error {
	v, _, err := tensor.Rearrange(v, "n c h w -> (n h) w c", nil)
	if err != nil {
		return err
	}
	if v, err = transform.ScaleBias(v, tensor.U8, &transform.Scaling{Scale: []float64{255}, Bias: []float64{128}}); err != nil {
		return err
	}
	m, _, err := pictures.ToImage(v, pictures.HWC, pictures.RGB, nil)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(png.Encode(f, m), f.Close())
}
