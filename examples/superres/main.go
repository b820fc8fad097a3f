// Command superres does what super-resolution networks do around their layers:
// it loads an image, doubles it by repeating pixels, brings the values to the
// range of a model, pads, convolves on a device, and saves the result.
//
//	go run ./examples/superres [-device auto] [FOLDER]
//
// FOLDER/in.png becomes FOLDER/out.png. If it is not there, a scene is drawn and made
// half as large; then what the filter makes of that can be compared with the scene.
//
// In place of learned layers there is one fixed filter of 15 by 15, which turns
// the steps of doubled pixels into a smooth picture (an interpolation by
// Lanczos). A model would bring its own, from a file.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/tensorfile/tensorfile/examples/program"
	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/kernels"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform"
	pictures "github.com/tensorfile/tensorfile/transform/image"
)

var device = flag.String("device", "auto", "where to convolve: cuda, host, or auto for CUDA where it is")

func main() { program.Main(inFolder) }

func inFolder(ctx context.Context, dir string, stdout io.Writer) error {
	in, out := filepath.Join(dir, "in.png"), filepath.Join(dir, "out.png")
	scene, err := prepare(in)
	if err != nil {
		return err
	}
	if err := run(ctx, in, out, *device); err != nil {
		return err
	}
	small, err := load(in)
	if err != nil {
		return err
	}
	large, err := load(out)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "in.png %v, out.png %v\n", small.Shape(), large.Shape())
	if scene == nil {
		return nil
	}
	doubled, err := pictures.Magnify(small, pictures.HWC, factor, factor, nil)
	if err != nil {
		return err
	}
	for _, p := range []struct {
		name string
		v    tensor.View
	}{{"pixels repeated", doubled}, {"out.png", large}} {
		db, err := psnr(p.v, *scene)
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%-15s  %.1f dB from the scene\n", p.name, db)
	}
	return nil
}

func run(ctx context.Context, in, out, device string) (err error) {
	d, err := open(device)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	v, err := load(in)
	if err != nil {
		return err
	}
	if v, err = superres(ctx, v, d); err != nil {
		return err
	}
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

const (
	factor = 2
	margin = 7 // of the filter around a pixel
)

// superres takes an image in HWC, u8, to one of twice the size.
func superres(ctx context.Context, v tensor.View, d *gpu.Device) (tensor.View, error) {
	v, err := pictures.Magnify(v, pictures.HWC, factor, factor, nil)
	if err != nil {
		return v, err
	}
	// Bytes become floats from -0.5 to 0.5.
	if v, err = transform.ScaleBias(v, tensor.F32, &transform.Scaling{Scale: []float64{1. / 255}, Bias: []float64{-0.5}}); err != nil {
		return v, err
	}
	// Models want planes. This is a view; the padding copies anyway.
	if v, err = v.Permute(2, 0, 1); err != nil {
		return v, err
	}
	if v, err = transform.Pad(v, [][2]int64{{0, 0}, {margin, margin}, {margin, margin}}, &transform.PadOptions{Mode: transform.Edge}); err != nil {
		return v, err
	}
	filters, err := interpolation(v.Shape()[0])
	if err != nil {
		return v, err
	}
	if v, err = convolve(ctx, d, v, filters); err != nil {
		return v, err
	}
	if v, err = transform.ScaleBias(v, tensor.U8, &transform.Scaling{Scale: []float64{255}, Bias: []float64{127.5}}); err != nil {
		return v, err
	}
	return v.Permute(1, 2, 0)
}

// convolve filters each channel by itself on the device. The result is that of
// conv.Correlate, bit for bit, whatever the device is.
func convolve(ctx context.Context, d *gpu.Device, v, filters tensor.View) (_ tensor.View, err error) {
	u, err := d.NewUploader(nil)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, u.Close()) }()
	up, err := u.Upload(ctx, gpu.FromView(v), gpu.FromView(filters))
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, up.Buffer.Free()) }()
	o := &kernels.ConvOptions{Groups: v.Shape()[0]}
	shape, err := kernels.ConvShape(v.Shape(), filters.Shape(), o)
	if err != nil {
		return v, err
	}
	result, err := d.Make(tensor.F32, shape)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, result.Free()) }()
	on, err := d.NewStream()
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, on.Free()) }()
	if err := kernels.Correlate2D(on, result, up.Tensors[0], up.Tensors[1], o); err != nil {
		return v, err
	}
	return result.Read(ctx) // which waits for it
}

// interpolation is a filter for each channel, of shape (channels, 1, 15, 15): a
// sinc of half the frequencies in a window, so that it passes through what the
// original pixels say.
func interpolation(channels int64) (tensor.View, error) {
	const side = 2*margin + 1
	var line [side]float64
	sum := 0.0
	for i := range line {
		t := float64(i-margin) / factor
		line[i] = sinc(t) * sinc(t/4)
		sum += line[i]
	}
	weights := make([]float32, 0, channels*side*side)
	for range channels {
		for _, y := range line {
			for _, x := range line {
				weights = append(weights, float32(y/sum*x/sum))
			}
		}
	}
	return tensor.FromSlice(weights, channels, 1, side, side)
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// load reads a PNG as HWC, u8, three channels. Opacity is dropped.
func load(path string) (tensor.View, error) {
	f, err := os.Open(path)
	if err != nil {
		return tensor.View{}, err
	}
	defer f.Close()
	picture, err := png.Decode(f)
	if err != nil {
		return tensor.View{}, fmt.Errorf("%s: %w", path, err)
	}
	n, ok := picture.(*image.NRGBA)
	if !ok {
		n = image.NewNRGBA(picture.Bounds())
		draw.Draw(n, n.Bounds(), picture, picture.Bounds().Min, draw.Src)
	}
	v, err := pixels(n)
	if err != nil {
		return v, err
	}
	v, _, err = pictures.ConvertChannels(v, pictures.HWC, pictures.RGBA, pictures.RGB, nil)
	return v, err
}

// pixels looks at the memory of a picture: rows may be longer than the picture
// is wide.
func pixels(n *image.NRGBA) (tensor.View, error) {
	size := n.Bounds().Size()
	return tensor.NewView(n.Pix, tensor.U8, tensor.Shape{int64(size.Y), int64(size.X), 4}, tensor.Strides{int64(n.Stride), 4, 1}, 0, tensor.HostOrder)
}

// save writes an image in HWC, u8, three channels as PNG.
func save(path string, v tensor.View) error {
	height, width, _, err := pictures.Size(v, pictures.HWC)
	if err != nil {
		return err
	}
	opaque, _, err := pictures.ConvertChannels(v, pictures.HWC, pictures.RGB, pictures.RGBA, nil)
	if err != nil {
		return err
	}
	n := image.NewNRGBA(image.Rect(0, 0, int(width), int(height)))
	to, err := pixels(n)
	if err != nil {
		return err
	}
	if err := tensor.Copy(to, opaque); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(png.Encode(f, n), f.Close())
}
