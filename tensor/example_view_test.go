package tensor_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/tensorfile/tensorfile/tensor"
)

// A view of bytes that came from elsewhere: every second sample, big-endian.
func ExampleNewView() {
	b := []byte{0, 1, 0xff, 0xff, 0, 2, 0xff, 0xff, 0, 3, 0xff, 0xff}
	v, err := tensor.NewView(b, tensor.I16, tensor.Shape{3}, tensor.Strides{4}, 0, tensor.BigEndian)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v, v.Strides())
	_, err = tensor.NewView(b, tensor.I16, tensor.Shape{4}, tensor.Strides{4}, 0, tensor.BigEndian)
	fmt.Println(err != nil) // it would reach past the bytes
	// Output:
	// [1 2 3] (4,)
	// true
}

// As gives a view of any strides a Go type.
func ExampleAs() {
	v, err := tensor.FromSlice([]int32{0, 1, 2, 3, 4, 5}, 2, 3)
	if err != nil {
		log.Fatal(err)
	}
	turned, err := v.Transpose()
	if err != nil {
		log.Fatal(err)
	}
	x, err := tensor.As[int32](turned)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(x.Shape(), x.At(2, 1), tensor.DTypeOf[int32]())
	// Output: (3, 2) 5 i32
}

// Single elements, whatever the byte order and the alignment.
func ExampleReadElem() {
	v, err := tensor.Make(tensor.F64, tensor.Shape{2, 2})
	if err != nil {
		log.Fatal(err)
	}
	if err := tensor.WriteElem(v, 1.5, 0, -1); err != nil {
		log.Fatal(err)
	}
	x, err := tensor.ReadElem[float64](v, 0, 1)
	fmt.Println(x, err)
	// Output: 1.5 <nil>
}

// Copy and Cast write to memory of the caller, in whatever order that lies.
func ExampleCopy() {
	src, err := tensor.FromSlice([]uint8{1, 2, 3, 4, 5, 6}, 2, 3)
	if err != nil {
		log.Fatal(err)
	}
	turned, err := src.Transpose()
	if err != nil {
		log.Fatal(err)
	}
	same, err := tensor.Make(tensor.U8, tensor.Shape{3, 2})
	if err != nil {
		log.Fatal(err)
	}
	if err := tensor.Copy(same, turned); err != nil {
		log.Fatal(err)
	}
	equal, err := tensor.Equal(same, turned)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(equal, same.Strides(), turned.Strides())
	// Output: true (2, 1) (1, 3)
}

func ExampleCast() {
	src, err := tensor.FromSlice([]float32{-1, 0.5, 1.5, 300})
	if err != nil {
		log.Fatal(err)
	}
	dst, err := tensor.Make(tensor.U8, tensor.Shape{4})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tensor.Cast(dst, src), dst)
	// Output: <nil> [  0   0   1 255]
}

// The same on several goroutines.
func ExampleRearrangeParallel() {
	v := counting(2, 3, 4)
	out, copied, err := tensor.RearrangeParallel(context.Background(), v, "a b c -> b (a c)", nil, 0)
	fmt.Println(out.Shape(), copied, err)
	// Output: (3, 8) true <nil>
}

func ExampleParseSelection() {
	v := counting(4, 5)
	sel, err := tensor.ParseSelection("1::2, -1")
	if err != nil {
		log.Fatal(err)
	}
	x, err := v.Select(sel)
	fmt.Println(x, err)
	// Output: [ 9. 19.] <nil>
}

func ExampleParseReduction() {
	op, err := tensor.ParseReduction("mean")
	if err != nil {
		log.Fatal(err)
	}
	x, err := tensor.Reduce(counting(2, 3), "h w -> h", op, nil)
	fmt.Println(x, err)
	// Output: [1. 4.] <nil>
}

// Concatenate joins along an axis that is there, Stack along a new one.
func ExampleConcatenate() {
	a, b := counting(2, 2), counting(1, 2)
	x, err := tensor.Concatenate(0, a, b)
	fmt.Println(x, err)
	// Output:
	// [[0. 1.]
	//  [2. 3.]
	//  [0. 1.]] <nil>
}

// Large tensors are printed as their corners, in bounded memory.
func ExampleFprint() {
	if err := tensor.Fprint(os.Stdout, counting(2000), nil); err != nil {
		log.Fatal(err)
	}
	// Output: [0.000e+00 1.000e+00 2.000e+00 ... 1.997e+03 1.998e+03 1.999e+03]
}

// What lies where, before there is any memory.
func ExampleContiguous() {
	d, s := tensor.I32, tensor.Shape{3, 4}
	c, err := tensor.Contiguous(d, s)
	if err != nil {
		log.Fatal(err)
	}
	f, err := tensor.FortranStrides(d, s)
	if err != nil {
		log.Fatal(err)
	}
	n, err := tensor.ByteSize(d, s)
	if err != nil {
		log.Fatal(err)
	}
	lo, hi, err := tensor.Reach(d, s, tensor.Strides{-16, 4}, 32) // upside down
	fmt.Println(c, f, n, lo, hi, err)
	// Output: (16, 4) (4, 12) 48 0 48 <nil>
}

// dtypes of a width of one's own, and blocks of ggml.
func ExampleText() {
	block, ok := tensor.Block(2)
	fmt.Println(tensor.Text(16), tensor.UTF32(5), tensor.Opaque(3), block, ok)
	// Output: S16 <U5 V3 q4_0 true
}

// Floats of four bits are a code of sixteen values.
func ExampleEncodeF4E2M1() {
	code := tensor.EncodeF4E2M1(2.9)
	fmt.Println(code, tensor.DecodeF4E2M1(code))
	// Output: 5 3
}
