package tensor_test

import (
	"fmt"

	"github.com/tensorfile/tensorfile/tensor"
)

func ExampleView_Windows() {
	v, err := tensor.FromSlice([]int16{1, 2, 3, 4, 5, 6, 7, 8})
	if err != nil {
		panic(err)
	}
	// Three elements, every second one, at every second place.
	w, err := v.Windows([]int{0}, []int64{3}, []int64{2}, []int64{2})
	if err != nil {
		panic(err)
	}
	fmt.Println(w.Shape(), w.Strides())
	fmt.Println(w)
	// Output:
	// (2, 3) (4, 4)
	// [[1 3 5]
	//  [3 5 7]]
}

func ExampleView_Im2Col() {
	image, err := tensor.Make(tensor.U8, tensor.Shape{3, 224, 224}) // CHW
	if err != nil {
		panic(err)
	}
	col, err := image.Im2Col([]int64{3, 3}, []int64{2, 2}, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(col.Shape(), col.Strides())
	m, copied, err := image.Im2ColMatrix([]int64{3, 3}, []int64{2, 2}, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(m.Shape(), copied)
	// Output:
	// (111, 111, 3, 3, 3) (448, 2, 50176, 224, 1)
	// (12321, 27) true
}

func ExampleView_Diagonal() {
	v, err := tensor.FromSlice([]int16{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 3, 4)
	if err != nil {
		panic(err)
	}
	for _, offset := range []int64{0, 1, -2} {
		d, err := v.Diagonal(offset, 0, 1)
		if err != nil {
			panic(err)
		}
		fmt.Println(d, d.Strides())
	}
	// Output:
	// [ 0  5 10] (10,)
	// [ 1  6 11] (10,)
	// [8] (10,)
}

func ExampleView_ArraySplit() {
	v, err := tensor.FromSlice([]int16{0, 1, 2, 3, 4, 5, 6})
	if err != nil {
		panic(err)
	}
	parts, err := v.ArraySplit(0, 3)
	if err != nil {
		panic(err)
	}
	for _, p := range parts {
		fmt.Println(p)
	}
	back, err := tensor.Concatenate(0, parts...)
	if err != nil {
		panic(err)
	}
	fmt.Println(back)
	// Output:
	// [0 1 2]
	// [3 4]
	// [5 6]
	// [0 1 2 3 4 5 6]
}

func ExampleStack() {
	left, err := tensor.FromSlice([]int16{1, 2, 3})
	if err != nil {
		panic(err)
	}
	right, err := tensor.FromSlice([]int16{-1, -2, -3})
	if err != nil {
		panic(err)
	}
	frames, err := tensor.Stack(-1, left, right) // interleaved, as in a sound file
	if err != nil {
		panic(err)
	}
	fmt.Println(frames)
	// Output:
	// [[ 1 -1]
	//  [ 2 -2]
	//  [ 3 -3]]
}
