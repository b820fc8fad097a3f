package reduce_test

import (
	"fmt"
	"log"

	"github.com/tensorfile/tensorfile/plot/reduce"
	"github.com/tensorfile/tensorfile/tensor"
)

// A long line becomes the extremes of each column of the picture.
func ExampleNewEnvelope() {
	v, err := tensor.FromSlice([]float32{0, 5, 1, 1, -2, 3})
	if err != nil {
		log.Fatal(err)
	}
	e := reduce.NewEnvelope(6, 3)
	if err := e.Add(0, v); err != nil {
		log.Fatal(err)
	}
	fmt.Println(e.Min, e.Max)
	// Output: [0 1 -2] [5 1 3]
}

// A large matrix becomes the mean of each pixel. It comes in runs of elements,
// which Boxes cuts into blocks.
func ExampleNewGrid() {
	g := reduce.NewGrid(2, 4, 1, 2)
	v, err := tensor.FromSlice([]float32{0, 2, 10, 20, 4, 6, 30, 40})
	if err != nil {
		log.Fatal(err)
	}
	err = reduce.Boxes(tensor.Shape{2, 4}, 0, v, func(at []int64, v tensor.View) error { return g.Add(at[0], at[1], v) })
	fmt.Println(g.Means(), err)
	// Output: [3 25] <nil>
}

// Where the entries of a sparse matrix are.
func ExampleNewPattern() {
	p := reduce.NewPattern(1000, 1000, 2, 2)
	p.Add([]int64{0, 1, 999}, []int64{0, 2, 999})
	fmt.Println(p.Count(0, 0), p.Count(0, 1), p.Count(1, 1))
	// Output: 2 0 1
}
