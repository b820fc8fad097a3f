package tensor_test

import (
	"fmt"

	"github.com/tensorfile/tensorfile/tensor"
)

func ExampleView_Select() {
	v, err := tensor.FromSlice([]int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 3, 4)
	if err != nil {
		panic(err)
	}
	sel, err := tensor.ParseSelection("[::-1, 1:3]")
	if err != nil {
		panic(err)
	}
	part, err := v.Select(sel) // the same memory, seen differently
	if err != nil {
		panic(err)
	}
	fmt.Println(part.Shape(), part.Strides())
	s, err := tensor.As[int32](part)
	if err != nil {
		panic(err)
	}
	for i, x := range s.All() {
		fmt.Print(i, ":", x, " ")
	}
	// Output:
	// (3, 2) (-16, 4)
	// 0:9 1:10 2:5 3:6 4:1 5:2
}

func ExampleData() {
	v, err := tensor.Make(tensor.F32, tensor.Shape{2, 3})
	if err != nil {
		panic(err)
	}
	s, err := tensor.Data[float32](v)
	if err != nil {
		panic(err)
	}
	s[4] = 1.5 // element (1, 1)
	fmt.Println(v.Float64At(1, 1))

	turned, err := v.Transpose()
	if err != nil {
		panic(err)
	}
	_, err = tensor.Data[float32](turned)
	fmt.Println(err)
	// Output:
	// 1.5 <nil>
	// strides: got (4, 12) on f32 (3, 2), want C order without gaps
}

func ExampleParseDType() {
	for _, name := range []string{"float32", "<f4", "BF16", "i4", "S16", "Q4_K", "f4"} {
		d, err := tensor.ParseDType(name)
		fmt.Println(d, d.UnitElems, d.UnitBytes, err)
	}
	// Output:
	// f32 1 4 <nil>
	// f32 1 4 <nil>
	// bf16 1 2 <nil>
	// i4 2 1 <nil>
	// S16 1 16 <nil>
	// q4_k 256 144 <nil>
	// none 0 0 dtype: got "f4", which may count bits or bytes, want f32, <f4 or f4_e2m1
}
