package ragged_test

import (
	"context"
	"fmt"

	"github.com/tensorfile/tensorfile/ragged"
	"github.com/tensorfile/tensorfile/tensor"
)

func ExampleNew() {
	offsets, _ := tensor.FromSlice([]int32{0, 3, 3, 4, 6})
	values, _ := tensor.FromSlice([]float32{1, 2, 3, 4, 5, 6})
	a, err := ragged.New(offsets, values, -1)
	if err != nil {
		fmt.Println(err)
		return
	}
	for row, err := range a.All() {
		fmt.Println(row, err)
	}
	last, _ := ragged.Data[float32](a, -1)
	fmt.Println(last)
	// Output:
	// [1. 2. 3.] <nil>
	// [] <nil>
	// [4.] <nil>
	// [5. 6.] <nil>
	// [5 6]
}

func ExampleArray_Dense() {
	a, _ := ragged.FromSlices([][]int16{{1, 2, 3}, {}, {4}})
	fill, _ := tensor.FromSlice([]int16{-1})
	one, _ := fill.Index(0, 0)
	dense, err := a.Dense(context.Background(), &ragged.DenseOptions{Fill: one})
	fmt.Println(dense, err)
	// Output:
	// [[ 1  2  3]
	//  [-1 -1 -1]
	//  [ 4 -1 -1]] <nil>
}

func ExampleFromStrings() {
	s, err := ragged.FromStrings([]string{"north", "", "søuth", "😀"}, 2, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	word, _ := s.At(1, -2)
	text, _ := s.Text(context.Background(), tensor.UTF32(0), nil)
	fmt.Println(word)
	fmt.Println(text.DType(), text)
	// Output:
	// søuth
	// <U5 [['north' '']
	//  ['søuth' '😀']]
}
