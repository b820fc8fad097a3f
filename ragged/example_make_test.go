package ragged_test

import (
	"context"
	"fmt"

	"github.com/tensorfile/tensorfile/ragged"
	"github.com/tensorfile/tensorfile/tensor"
)

// Rows come from slices, from tensors, and from a padded tensor with lengths.
func ExampleFromRows() {
	one, _ := tensor.FromSlice([]int32{1, 2})
	two, _ := tensor.FromSlice([]int32{3})
	a, err := ragged.FromRows(one, two)
	if err != nil {
		fmt.Println(err)
		return
	}
	padded, _ := tensor.FromSlice([]int32{4, 5, -1, 6, -1, -1}, 2, 3)
	b, err := ragged.FromDense(padded, []int64{2, 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	all, err := ragged.Concat(context.Background(), a, b)
	if err != nil {
		fmt.Println(err)
		return
	}
	for row := range all.All() {
		fmt.Print(row, " ")
	}
	// Output: [1 2] [3] [4 5] [6]
}

// Strings are bytes and the places where each begins.
func ExampleNewStrings() {
	offsets, _ := tensor.FromSlice([]int32{0, 3, 3, 6})
	text, _ := tensor.FromSlice([]byte("onetwo"))
	s, err := ragged.NewStrings(offsets, text, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	more, err := ragged.FromStrings([]string{"three"})
	if err != nil {
		fmt.Println(err)
		return
	}
	all, err := ragged.ConcatStrings(context.Background(), s, more)
	if err != nil {
		fmt.Println(err)
		return
	}
	last, err := all.At(-1)
	fmt.Println(all.Shape(), last, err)
	// Output: (4,) three <nil>
}

// Text of fixed width, as NumPy has it, becomes strings without what fills it up.
func ExampleFromText() {
	v, err := tensor.NewView([]byte("ab\x00\x00c\x00\x00\x00"), tensor.Text(4), tensor.Shape{2}, nil, 0, tensor.LittleEndian)
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := ragged.FromText(v)
	if err != nil {
		fmt.Println(err)
		return
	}
	first, err := s.At(0)
	fmt.Printf("%q %v\n", first, err)
	// Output: "ab" <nil>
}
