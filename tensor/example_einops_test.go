package tensor_test

import (
	"fmt"

	"github.com/tensorfile/tensorfile/tensor"
)

func counting(s ...int64) tensor.View {
	n, _ := tensor.Shape(s).NumElements()
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i)
	}
	v, err := tensor.FromSlice(x, s...)
	if err != nil {
		panic(err)
	}
	return v
}

func ExampleRearrange() {
	images := counting(6, 24, 24, 3) // b h w c

	// What strides can say is a view.
	planes, copied, err := tensor.Rearrange(images, "b h w c -> b c h w", nil)
	fmt.Println(planes.Shape(), copied, err)

	// Two rows of three images: elements have to move.
	table, copied, err := tensor.Rearrange(images, "(rows b) h w c -> (rows h) (b w) c", tensor.Sizes{"rows": 2})
	fmt.Println(table.Shape(), copied, err)

	_, _, err = tensor.Rearrange(images, "b (h h2) w c -> b h h2 w c", tensor.Sizes{"h2": 5})
	fmt.Println(err)
	// Output:
	// (6, 3, 24, 24) false <nil>
	// (48, 72, 3) true <nil>
	// rearrange "b (h h2) w c -> b h h2 w c": shape mismatch: axis 1 (h h2): got length 24, want one that can be divided in chunks of 5
}

func ExampleRearrangeAll() {
	left, right := counting(2, 3), counting(2, 3)
	stacked, _, _ := tensor.RearrangeAll([]tensor.View{left, right}, "list h w -> h w list", nil)
	joined, _, _ := tensor.RearrangeAll([]tensor.View{left, right}, "list h w -> h (list w)", nil)
	fmt.Println(stacked.Shape(), joined.Shape())
	fmt.Println(joined)
	// Output:
	// (2, 3, 2) (2, 6)
	// [[0. 1. 2. 0. 1. 2.]
	//  [3. 4. 5. 3. 4. 5.]]
}

func ExampleRepeat() {
	row := counting(3)
	rows, copied, _ := tensor.Repeat(row, "w -> h w", tensor.Sizes{"h": 2})
	fmt.Println(rows.Shape(), rows.Strides(), copied)
	twice, copied, _ := tensor.Repeat(row, "w -> (w 2)", nil)
	fmt.Println(twice, copied)
	// Output:
	// (2, 3) (0, 4) false
	// [0. 0. 1. 1. 2. 2.] true
}

func ExampleReduce() {
	image := counting(4, 4)
	pooled, err := tensor.Reduce(image, "(h 2) (w 2) -> h w", tensor.Max, nil)
	fmt.Println(pooled, err)
	means, err := tensor.Reduce(image, "h w -> h 1", tensor.Mean, nil)
	fmt.Println(means, err)
	// Output:
	// [[ 5.  7.]
	//  [13. 15.]] <nil>
	// [[ 1.5]
	//  [ 5.5]
	//  [ 9.5]
	//  [13.5]] <nil>
}

func ExampleParseShape() {
	batch := counting(2, 3, 4, 5)
	sizes, err := tensor.ParseShape(batch.Shape(), "b _ h w")
	fmt.Println(sizes, err)
	// Output:
	// map[b:2 h:4 w:5] <nil>
}

// A destination that is kept takes one rearrangement after the other.
func ExamplePattern_Align() {
	p, _ := tensor.ParsePattern("h (w w2) -> (w2 h) w")
	sizes := tensor.Sizes{"w2": 2}
	source := counting(2, 6)
	shape, _ := p.OutShape(source.Shape(), sizes)
	dst, _ := tensor.Make(tensor.F32, shape)
	for range 3 {
		aligned, _, err := p.Align(source, sizes)
		if err != nil {
			fmt.Println(err)
			return
		}
		parts, _ := dst.Reshape(aligned.Shape())
		if err := tensor.Copy(parts, aligned); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(dst)
	// Output:
	// [[ 0.  2.  4.]
	//  [ 6.  8. 10.]
	//  [ 1.  3.  5.]
	//  [ 7.  9. 11.]]
}
