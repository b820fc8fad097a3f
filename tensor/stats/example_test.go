package stats_test

import (
	"fmt"
	"log"
	"math"

	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/tensor/stats"
)

// A tensor is described in one pass, in parts if it does not fit in memory.
func ExampleNew() {
	v, err := tensor.FromSlice([]float32{1, 2, 3, 4, float32(math.NaN())})
	if err != nil {
		log.Fatal(err)
	}
	a, err := stats.New(v.DType(), nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := a.Add(v); err != nil {
		log.Fatal(err)
	}
	r := a.Summary()
	fmt.Println(r.Count, r.NaN, r.Min, r.Max, r.Mean)
	// Output: 5 1 1 4 2.5
}

// Counts in bins of equal width.
func ExampleNewHistogram() {
	v, err := tensor.FromSlice([]uint8{0, 1, 1, 2, 9})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(stats.Numeric(v.DType()))
	h, err := stats.NewHistogram(v.DType(), 0, 10, 5)
	if err != nil {
		log.Fatal(err)
	}
	if err := h.Add(v); err != nil {
		log.Fatal(err)
	}
	fmt.Println(h.Counts)
	// Output:
	// true
	// [3 1 0 0 1]
}
