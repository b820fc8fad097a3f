package image_test

import (
	"fmt"

	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/image"
)

// A picture is brought to the size of a model's input, its middle first.
func ExampleResize() {
	pixels, err := tensor.Make(tensor.U8, tensor.Shape{480, 640, 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	small, err := image.Resize(pixels, image.HWC, 224, 224, &image.ResizeOptions{
		Filter: image.CatmullRom,
		Fit:    image.FitCrop,
	})
	fmt.Println(small.Shape(), small.DType(), err)
	// Output: (224, 224, 3) u8 <nil>
}

// Magnified by whole numbers, pixels are repeated.
func ExampleMagnify() {
	v, _ := tensor.FromSlice([]uint8{1, 2, 3, 4}, 2, 2)
	big, err := image.Magnify(v, image.HW, 2, 2, nil)
	fmt.Println(big, err)
	// Output:
	// [[1 1 2 2]
	//  [1 1 2 2]
	//  [3 3 4 4]
	//  [3 3 4 4]] <nil>
}

// OpenCV's order of channels is a view of the same bytes.
func ExampleConvertChannels() {
	v, _ := tensor.FromSlice([]uint8{255, 128, 0}, 1, 1, 3)
	bgr, copied, err := image.ConvertChannels(v, image.HWC, image.RGB, image.BGR, nil)
	fmt.Println(bgr, copied, err)
	grey, copied, err := image.ConvertChannels(v, image.HWC, image.RGB, image.Grey, nil)
	fmt.Println(grey, copied, err)
	// Output:
	// [[[  0 128 255]]] false <nil>
	// [[[151]]] true <nil>
}

// The mean of a set, and what networks subtract and divide by.
func ExampleSet() {
	var set image.Set
	batch, _ := tensor.FromSlice([]uint8{0, 10, 20, 30, 40, 50, 60, 70}, 2, 1, 2, 2) // two images of 1 x 2, two channels
	if err := set.Add(batch, image.HWC); err != nil {
		fmt.Println(err)
		return
	}
	mean, err := set.Mean()
	fmt.Println(mean, err)
	perChannel, std, err := set.Channels()
	fmt.Printf("%.1f %.2f %v\n", perChannel, std, err)
	// Output:
	// [[[20. 30.]
	//   [40. 50.]]] <nil>
	// [30.0 40.0] [22.36 22.36] <nil>
}
