package sparse_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// view is a slice as a part.
func view[T tensor.Elem](x []T, shape ...int64) tensor.View {
	v, err := tensor.FromSlice(x, shape...)
	if err != nil {
		log.Fatal(err)
	}
	return v
}

func Example() {
	ctx := context.Background()
	a, err := sparse.New(sparse.Spec{
		Layout:     sparse.CSR,
		Shape:      tensor.Shape{3, 4},
		Properties: sparse.Properties{Sorted: true, Unique: true},
		Parts: []sparse.Part{
			{Role: sparse.RoleIndptr, View: view([]int64{0, 2, 2, 4})},
			{Role: sparse.RoleIndices, View: view([]int32{0, 3, 1, 3})},
			{Role: sparse.RoleValues, View: view([]float32{5, 1, 7, 2})},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	d, err := a.Dense(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d)

	c, err := a.Convert(ctx, sparse.CSC, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range c.Parts() {
		fmt.Println(p.Role, p.View.DType(), p.View)
	}

	y, err := a.Mul(ctx, view([]float32{1, 10, 100, 1000}), nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(y)
	// Output:
	// [[5. 0. 0. 1.]
	//  [0. 0. 0. 0.]
	//  [0. 7. 0. 2.]]
	// indptr i32 [0 1 2 2 4]
	// indices i32 [0 2 0 2]
	// values f32 [5. 7. 1. 2.]
	// [1005.    0. 2070.]
}

func ExampleArray_Select() {
	ctx := context.Background()
	a, err := sparse.FromDense(ctx, view([]int32{
		5, 0, 0, 1,
		0, 0, 0, 0,
		0, 7, 0, 2,
	}, 3, 4), tensor.View{}, sparse.CSR, nil)
	if err != nil {
		log.Fatal(err)
	}
	sel, err := tensor.ParseSelection("[1:, ::-1]")
	if err != nil {
		log.Fatal(err)
	}
	b, err := a.Select(ctx, sel, nil)
	if err != nil {
		log.Fatal(err)
	}
	d, err := b.Dense(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(b.Layout(), b.NNZ())
	fmt.Println(d)
	// Output:
	// csr 2
	// [[0 0 0 0]
	//  [2 0 7 0]]
}

func ExampleArray_Validate() {
	a, err := sparse.New(sparse.Spec{
		Layout: sparse.CSR,
		Shape:  tensor.Shape{2, 3},
		Parts: []sparse.Part{
			{Role: sparse.RoleIndptr, View: view([]int32{0, 1, 2})},
			{Role: sparse.RoleIndices, View: view([]int32{0, 3})},
			{Role: sparse.RoleValues, View: view([]float32{5, 1})},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(a.Validate(context.Background(), nil))
	// Output:
	// indices[1] (row 1): got 3, want 0 to 2 (rule composite.index)
}
