package sparse_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// A part is a slice: no copy is made.
func ExampleData() {
	layout, err := sparse.ParseLayout("csc")
	if err != nil {
		log.Fatal(err)
	}
	a, err := sparse.FromDense(context.Background(), view([]float64{0, 2, 0, 3, 0, 4}, 2, 3), tensor.View{}, layout, nil)
	if err != nil {
		log.Fatal(err)
	}
	x, err := sparse.Data[float64](a, sparse.RoleValues)
	fmt.Println(a.Layout(), x, err)
	// Output: csc [3 2 4] <nil>
}

// Structures say that only a half is stored.
func ExampleParseStructure() {
	s, err := sparse.ParseStructure("general")
	fmt.Println(s == sparse.General, err)
	_, err = sparse.ParseStructure("round")
	fmt.Println(err != nil)
	// Output:
	// true <nil>
	// true
}
