package quant_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/tensor"
)

// Weights that another program has quantised: values, and a scale for each row.
func ExampleNew() {
	values, err := tensor.FromSlice([]int8{10, -20, 30, 1, 2, 3}, 2, 3)
	if err != nil {
		log.Fatal(err)
	}
	scales, err := tensor.FromSlice([]float32{0.5, 2}, 2, 1)
	if err != nil {
		log.Fatal(err)
	}
	a, err := quant.New(quant.Spec{DType: tensor.F32, Values: values, Scales: scales, Group: []int64{1, 3}})
	if err != nil {
		log.Fatal(err)
	}
	v, err := a.Dequantise(context.Background(), tensor.F32)
	fmt.Println(v, err)
	// Output:
	// [[  5. -10.  15.]
	//  [  2.   4.   6.]] <nil>
}

// A block of ggml: 32 numbers of 8 bits under one scale.
func ExampleDequantiseBlocks() {
	d, ok := tensor.Block(8) // q8_0
	if !ok || !quant.KnownBlock(d) {
		log.Fatal("no such block")
	}
	b := make([]byte, 34)
	b[0], b[1] = 0x00, 0x38 // the scale, 0.5 as f16
	b[2], b[3] = 4, 0xff    // 4 and -1
	src, err := tensor.NewView(b, d, tensor.Shape{32}, nil, 0, tensor.LittleEndian)
	if err != nil {
		log.Fatal(err)
	}
	dst, err := tensor.Make(tensor.F32, tensor.Shape{32})
	if err != nil {
		log.Fatal(err)
	}
	if err := quant.DequantiseBlocks(context.Background(), dst, src, 0); err != nil {
		log.Fatal(err)
	}
	first, err := dst.Slice(0, 0, 3, 1)
	fmt.Println(first, err)
	// Output: [ 2.  -0.5  0. ] <nil>
}
