package image_test

import (
	"fmt"
	stdimage "image"
	"log"

	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/image"
)

// Crops and flips are views.
func ExampleCrop() {
	v, err := tensor.FromSlice([]uint8{0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23}, 3, 4)
	if err != nil {
		log.Fatal(err)
	}
	part, err := image.Crop(v, image.HW, 0, 1, 2, 3)
	fmt.Println(part, err)
	middle, err := image.CropCentre(v, image.HW, 1, 2)
	fmt.Println(middle, err)
	left, err := image.FlipX(part, image.HW)
	fmt.Println(left, err)
	down, err := image.FlipY(part, image.HW)
	fmt.Println(down, err)
	height, width, channels, err := image.Size(part, image.HW)
	fmt.Println(height, width, channels, err)
	// Output:
	// [[ 1  2  3]
	//  [11 12 13]] <nil>
	// [[11 12]] <nil>
	// [[ 3  2  1]
	//  [13 12 11]] <nil>
	// [[11 12 13]
	//  [ 1  2  3]] <nil>
	// 2 3 1 <nil>
}

// Pictures of the standard library become views of their own bytes where these lie
// as a tensor does, and views become pictures.
func ExampleFromImage() {
	img := stdimage.NewGray(stdimage.Rect(0, 0, 2, 2))
	img.Pix[3] = 9
	v, layout, channels, copied, err := image.FromImage(img, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v, layout, channels, copied)
	back, _, err := image.ToImage(v, layout, channels, nil)
	fmt.Println(back.At(1, 1), err)
	// Output:
	// [[0 0]
	//  [0 9]] HW grey false
	// {9} <nil>
}

// Samples of other dtypes, so that the full scale stays the full scale.
func ExampleConvertSamples() {
	v, err := tensor.FromSlice([]uint8{0, 51, 255}, 1, 3)
	if err != nil {
		log.Fatal(err)
	}
	dst, err := tensor.Make(tensor.F32, tensor.Shape{1, 3})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(image.ConvertSamples(dst, v), dst)
	// Output: <nil> [[0.  0.2 1. ]]
}

// Names of layouts, channels, filters and fits, as flags and options have them.
func ExampleParseLayout() {
	layout, err := image.ParseLayout("hwc")
	fmt.Println(layout, err)
	channels, err := image.ParseChannels("bgr")
	fmt.Println(channels, err)
	filter, err := image.ParseFilter("catmull-rom")
	fmt.Println(filter, err)
	fit, err := image.ParseFit("crop")
	fmt.Println(fit, err)
	// Output:
	// HWC <nil>
	// bgr <nil>
	// bicubic <nil>
	// crop <nil>
}
