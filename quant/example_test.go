package quant_test

import (
	"context"
	"fmt"

	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/tensor"
)

// Weights become numbers of 4 bits with a scale for each two, and floats again.
func Example() {
	ctx := context.Background()
	w, _ := tensor.FromSlice([]float32{0.7, -0.2, 14, 3, 0, 0.05}, 1, 6)
	s, _ := quant.ParseScheme("i4:group=2")
	a, _ := quant.Quantise(ctx, w, s, 0)
	fmt.Println(tensor.Format(a.Values(), nil), tensor.Format(a.Scales(), nil))

	part, _ := tensor.ParseSelection("0, 1:4")
	v, _ := a.Dequantise(ctx, tensor.F32, part)
	fmt.Println(tensor.Format(v, nil))
	// Output:
	// [[ 7 -2  7  2  0  7]] [[0.1        2.         0.00714286]]
	// [-0.2 14.   4. ]
}
