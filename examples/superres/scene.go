package main

import (
	"errors"
	"io/fs"
	"math"
	"os"

	"github.com/tensorfile/tensorfile/tensor"
	pictures "github.com/tensorfile/tensorfile/transform/image"
)

// prepare makes a picture at path of half the height and width of a scene, which it
// returns, unless there is a picture.
func prepare(path string) (*tensor.View, error) {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	scene, err := landscape(96, 144)
	if err != nil {
		return nil, err
	}
	// The triangle of twice the width of a pixel: what is too fine is averaged.
	small, err := pictures.Resize(scene, pictures.HWC, 48, 72, nil)
	if err != nil {
		return nil, err
	}
	return &scene, save(path, small)
}

// landscape is a sky with a sun over two ranges of hills, u8 (height, width, 3).
func landscape(height, width int) (tensor.View, error) {
	b := make([]uint8, 0, height*width*3)
	for y := range height {
		for x := range width {
			// Places are parts of the width.
			u, v := float64(x)/float64(width), float64(y)/float64(width)
			far := 0.36 - 0.07*math.Sin(7*u+0.4) - 0.03*math.Sin(23*u)
			near := 0.52 - 0.10*math.Sin(4*u+2.5) - 0.01*math.Sin(61*u)
			sun := math.Hypot(u-0.7, v-0.15)
			colour := [3]float64{120 + 250*v, 160 + 160*v, 225 + 20*v}
			switch {
			case v > near:
				grass := 14 * math.Sin(190*u+40*math.Sin(33*v)) * math.Sin(160*v)
				colour = [3]float64{52 + grass, 96 + grass, 40 + grass/2}
			case v > far:
				colour = [3]float64{92 - 60*(v-far), 116 - 40*(v-far), 128}
			case sun < 0.06:
				colour = [3]float64{255, 236, 150}
			}
			for _, c := range colour {
				b = append(b, uint8(min(max(math.Round(c), 0), 255)))
			}
		}
	}
	return tensor.FromSlice(b, int64(height), int64(width), 3)
}

// psnr is how near two pictures of u8 are to each other, in decibels: 10 log10 of
// 255^2 by the mean of squared differences.
func psnr(a, b tensor.View) (float64, error) {
	x, err := elements(a)
	if err != nil {
		return 0, err
	}
	y, err := elements(b)
	if err != nil {
		return 0, err
	}
	if !a.Shape().Equal(b.Shape()) {
		return 0, errors.New("pictures of different sizes")
	}
	sum := 0.
	for i := range x {
		d := float64(x[i]) - float64(y[i])
		sum += d * d
	}
	return 10 * math.Log10(255*255*float64(len(x))/sum), nil
}

// elements are those of a picture in C order, whatever its strides.
func elements(v tensor.View) ([]uint8, error) {
	v, err := v.Clone()
	if err != nil {
		return nil, err
	}
	return tensor.Data[uint8](v)
}
