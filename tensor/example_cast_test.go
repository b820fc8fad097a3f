package tensor_test

import (
	"fmt"
	"log"
	"math"

	"github.com/tensorfile/tensorfile/tensor"
)

func ExampleView_Cast() {
	v, err := tensor.FromSlice([]float64{0.1, -1.5, 70000, math.NaN()})
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range []tensor.DType{tensor.F16, tensor.U8, tensor.I16, tensor.F8E4M3FN, tensor.F4E2M1, tensor.Bool} {
		c, err := v.Cast(d)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(d, c)
	}
	// Output:
	// f16 [ 0.1 -1.5  inf  nan]
	// u8 [  0   0 255   0]
	// i16 [    0    -1 32767     0]
	// f8_e4m3fn [0.101562 -1.5 nan nan]
	// f4_e2m1 [0 -1.5 6 -0]
	// bool [ True  True  True  True]
}

func ExampleFormat() {
	v, err := tensor.Make(tensor.F32, tensor.Shape{200, 50})
	if err != nil {
		log.Fatal(err)
	}
	data, err := tensor.Data[float32](v)
	if err != nil {
		log.Fatal(err)
	}
	for i := range data {
		data[i] = float32(math.Sqrt(float64(i)))
	}
	fmt.Println(tensor.Format(v, &tensor.FormatOptions{Precision: 3, EdgeItems: 2}))
	// Output:
	// [[ 0.     1.    ...  6.928  7.   ]
	//  [ 7.071  7.141 ...  9.899  9.95 ]
	//  ...
	//  [99.499 99.504 ... 99.74  99.745]
	//  [99.75  99.755 ... 99.99  99.995]]
}

func ExampleToFloat16() {
	h := tensor.ToFloat16(0.1)
	fmt.Printf("%v is %#04x, exactly %v\n", h, uint16(h), h.Float64())
	fmt.Println(tensor.ToFloat16(65519.0), tensor.ToFloat16(65520.0), tensor.ToFloat8E4M3FN(1e6))
	// Output:
	// 0.1 is 0x2e66, exactly 0.0999755859375
	// 65500 +Inf NaN
}
