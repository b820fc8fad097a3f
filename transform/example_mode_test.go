package transform_test

import (
	"fmt"
	"log"

	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform"
)

// Modes have the names of NumPy; the shape is known before anything is padded.
func ExampleParsePadMode() {
	mode, err := transform.ParsePadMode("reflect")
	if err != nil {
		log.Fatal(err)
	}
	v, err := tensor.FromSlice([]int32{1, 2, 3})
	if err != nil {
		log.Fatal(err)
	}
	pad := [][2]int64{{2, 1}}
	shape, err := transform.PadShape(v.Shape(), pad)
	if err != nil {
		log.Fatal(err)
	}
	x, err := transform.Pad(v, pad, &transform.PadOptions{Mode: mode})
	fmt.Println(shape, x, err)
	// Output: (6,) [3 2 1 2 3 2] <nil>
}
