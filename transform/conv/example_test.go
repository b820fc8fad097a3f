package conv_test

import (
	"fmt"

	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/conv"
)

func ExampleCorrelate() {
	// One channel of 4 rows and 5 columns, and two filters: a difference of
	// neighbours, and a sum of four.
	image, err := tensor.FromSlice([]uint8{
		1, 1, 1, 1, 1,
		1, 9, 9, 9, 1,
		1, 9, 9, 9, 1,
		1, 1, 1, 1, 1,
	}, 1, 4, 5)
	if err != nil {
		panic(err)
	}
	filters, err := tensor.FromSlice([]float32{
		-1, 1, 0, 0,
		1, 1, 1, 1,
	}, 2, 1, 2, 2)
	if err != nil {
		panic(err)
	}
	y, err := conv.Correlate(image, filters, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(y)
	// Output:
	// [[[ 0.  0.  0.  0.]
	//   [ 8.  0.  0. -8.]
	//   [ 8.  0.  0. -8.]]
	//
	//  [[12. 20. 20. 12.]
	//   [20. 36. 36. 20.]
	//   [12. 20. 20. 12.]]]
}

// An echo: a kernel whose origin is its first element looks back in time only.
func ExampleConvolve() {
	sound, err := tensor.FromSlice([]float32{1, 0, 0, 0, 2, 0, 0}, 1, 7)
	if err != nil {
		panic(err)
	}
	echo, err := tensor.FromSlice([]float32{1, 0.5, 0.25}, 1, 1, 3)
	if err != nil {
		panic(err)
	}
	y, err := conv.Convolve(sound, echo, &conv.Options{Origin: []int64{0}})
	if err != nil {
		panic(err)
	}
	fmt.Println(y)
	// Output:
	// [[1.   0.5  0.25 0.   2.   1.   0.5 ]]
}
