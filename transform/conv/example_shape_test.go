package conv_test

import (
	"fmt"

	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/conv"
)

// The shape of a result, before it is computed.
func ExampleOutShape() {
	s, err := conv.OutShape(tensor.Shape{3, 224, 224}, tensor.Shape{64, 3, 7, 7}, &conv.Options{Stride: []int64{2, 2}, Pad: [][2]int64{{3, 3}, {3, 3}}})
	fmt.Println(s, err)
	// Output: (64, 112, 112) <nil>
}
