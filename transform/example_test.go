package transform_test

import (
	"fmt"

	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform"
)

func ExamplePad() {
	v, err := tensor.FromSlice([]int16{1, 2, 3, 4, 5, 6}, 2, 3)
	if err != nil {
		panic(err)
	}
	for _, mode := range []transform.PadMode{transform.Constant, transform.Reflect} {
		p, err := transform.Pad(v, [][2]int64{{0, 1}, {2, 1}}, &transform.PadOptions{Mode: mode})
		if err != nil {
			panic(err)
		}
		fmt.Println(p)
	}
	// Output:
	// [[0 0 1 2 3 0]
	//  [0 0 4 5 6 0]
	//  [0 0 0 0 0 0]]
	// [[3 2 1 2 3 2]
	//  [6 5 4 5 6 5]
	//  [3 2 1 2 3 2]]
}

func ExampleScaleBias() {
	pixels, err := tensor.FromSlice([]uint8{0, 128, 255, 64, 32, 16}, 1, 2, 3) // HWC
	if err != nil {
		panic(err)
	}
	// What a model wants: 0 to 1, less a mean, over a deviation, channel by channel.
	mean, deviation := []float64{0.485, 0.456, 0.406}, []float64{0.229, 0.224, 0.225}
	var s transform.Scaling
	s.Axis = -1
	for i := range mean {
		s.Scale = append(s.Scale, 1/(255*deviation[i]))
		s.Bias = append(s.Bias, -mean[i]/deviation[i])
	}
	x, err := transform.ScaleBias(pixels, tensor.F32, &s)
	if err != nil {
		panic(err)
	}
	fmt.Println(x)
	// And a sharper contrast, back in pixels.
	y, err := transform.ScaleBias(pixels, tensor.U8, &transform.Scaling{Scale: []float64{1.5}, Bias: []float64{-32}})
	if err != nil {
		panic(err)
	}
	fmt.Println(y)
	// Output:
	// [[[-2.117904    0.20518208  2.6399999 ]
	//   [-1.0219197  -1.4754903  -1.5255773 ]]]
	// [[[  0 160 255]
	//   [ 64  16   0]]]
}

func ExampleRoll() {
	v, err := tensor.FromSlice([]int16{0, 1, 2, 3, 4, 5}, 2, 3)
	if err != nil {
		panic(err)
	}
	r, err := transform.Roll(v, []int64{1, -1}, []int{0, 1}, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(r)
	// Output:
	// [[4 5 3]
	//  [1 2 0]]
}
