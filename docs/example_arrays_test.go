package docs_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/conv"
)

// docs/concepts.md: one formula for all of them.
func Example_strides() {
	v, err := tensor.FromSlice([]int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 3, 4)
	if err != nil {
		log.Fatal(err)
	}
	column, err := v.Index(1, 2) // v[:, 2]
	if err != nil {
		log.Fatal(err)
	}
	turned, err := v.Transpose() // v.T
	if err != nil {
		log.Fatal(err)
	}
	rows, err := column.BroadcastTo(tensor.Shape{2, 3})
	if err != nil {
		log.Fatal(err)
	}
	for _, x := range []tensor.View{v, column, turned, rows} {
		fmt.Println(x.Shape(), x.Strides(), x.Offset())
	}
	// Output:
	// (3, 4) (16, 4) 0
	// (3,) (16,) 8
	// (4, 3) (4, 16) 0
	// (2, 3) (0, 16) 8
}

// docs/concepts.md: a picture of 2 by 3 pixels as a BMP file has it: from below,
// rows padded to four bytes, blue first.
func Example_bitmap() {
	pixels := []byte{
		7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 0, 0, // the lower row: three pixels, three bytes of padding
		107, 108, 109, 110, 111, 112, 113, 114, 115, 0, 0, 0,
	}
	v, err := tensor.NewView(pixels, tensor.U8, tensor.Shape{2, 3, 3}, tensor.Strides{-12, 3, -1}, 12+2, tensor.LittleEndian)
	if err != nil {
		log.Fatal(err)
	}
	first, err := v.Index(0, 0) // the upper row, red first
	fmt.Println(first, err)
	// Output:
	// [[109 108 107]
	//  [112 111 110]
	//  [115 114 113]] <nil>
}

// docs/concepts.md: one channel of a stereo recording.
func Example_stereo() {
	frames := []int16{1, -1, 2, -2, 3, -3} // left, right, left, right ...
	stereo, err := tensor.FromSlice(frames, 3, 2)
	if err != nil {
		log.Fatal(err)
	}
	left, err := stereo.Index(1, 0)
	fmt.Println(left, left.Strides(), err)
	// Output: [1 2 3] (4,) <nil>
}

func Example_windows() {
	image := counting[float32](4, 5)
	w, err := image.Windows([]int{0, 1}, []int64{3, 3}, nil, nil) // (h-2, w-2, 3, 3)
	if err != nil {
		log.Fatal(err)
	}
	sums, err := tensor.Reduce(w, "h w y x -> h w", tensor.Sum, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(w.Shape(), w.Strides())
	fmt.Println(sums)
	// Output:
	// (2, 3, 3, 3) (20, 4, 20, 4)
	// [[ 54.  63.  72.]
	//  [ 99. 108. 117.]]
}

func Example_casts() {
	ctx := context.Background()
	src, images := counting[float32](2, 2), counting[uint8](1, 2, 2, 3)
	small, err := tensor.Make(tensor.F16, tensor.Shape{2, 2})
	if err != nil {
		log.Fatal(err)
	}
	err = tensor.Cast(small, src) // one shape, any numeric dtypes
	if err != nil {
		log.Fatal(err)
	}
	err = tensor.CastParallel(ctx, small, src, 0) // the same on GOMAXPROCS goroutines
	if err != nil {
		log.Fatal(err)
	}
	planes, err := images.Permute(0, 3, 1, 2) // NHWC seen as NCHW: a view
	if err != nil {
		log.Fatal(err)
	}
	dst, err := tensor.Make(planes.DType(), planes.Shape())
	if err != nil {
		log.Fatal(err)
	}
	err = tensor.CopyParallel(ctx, dst, planes, 0) // and put into that order
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(small)
	fmt.Println(dst)
	// Output:
	// [[0. 1.]
	//  [2. 3.]]
	// [[[[ 0  3]
	//    [ 6  9]]
	//
	//   [[ 1  4]
	//    [ 7 10]]
	//
	//   [[ 2  5]
	//    [ 8 11]]]]
}

func Example_patterns() {
	images, image := counting[uint8](2, 4, 6, 3), counting[uint8](4, 6, 3)
	nchw, _, err := tensor.Rearrange(images, "b h w c -> b c h w", nil)
	if err != nil {
		log.Fatal(err)
	}
	tiles, copied, err := tensor.Rearrange(images, "(rows b) h w c -> (rows h) (b w) c", tensor.Sizes{"rows": 2})
	if err != nil {
		log.Fatal(err)
	}
	pooled, err := tensor.Reduce(images, "b (h 2) (w 2) c -> b h w c", tensor.Max, nil)
	if err != nil {
		log.Fatal(err)
	}
	tall, _, err := tensor.Repeat(image, "h w c -> (h 2) w c", nil)
	if err != nil {
		log.Fatal(err)
	}
	sizes, err := tensor.ParseShape(images.Shape(), "b _ h w")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(nchw.Shape(), tiles.Shape(), copied, pooled.Shape(), tall.Shape(), sizes)
	// Output: (2, 3, 4, 6) (8, 6, 3) false (2, 2, 3, 3) (8, 6, 3) map[b:2 h:6 w:3]
}

func Example_patternKept() {
	batch, sizes := counting[uint8](2, 4, 4, 3), tensor.Sizes{"p": 2, "q": 2}
	p, err := tensor.ParsePattern("b (h p) (w q) c -> b (h w) (p q c)") // safe to share
	if err != nil {
		log.Fatal(err)
	}
	aligned, shape, err := p.Align(batch, sizes) // always a view
	if err != nil {
		log.Fatal(err)
	}
	dst, err := tensor.Make(tensor.F32, shape) // once
	if err != nil {
		log.Fatal(err)
	}
	parts, err := dst.Reshape(aligned.Shape())
	if err != nil {
		log.Fatal(err)
	}
	err = tensor.Cast(parts, aligned) // or Copy; or their parallel forms
	if err != nil {
		log.Fatal(err)
	}
	first, err := dst.Index(0, 0)
	fmt.Println(dst.Shape(), err)
	fmt.Println(first)
	// Output:
	// (2, 4, 12) <nil>
	// [[ 0.  1.  2.  3.  4.  5. 12. 13. 14. 15. 16. 17.]
	//  [ 6.  7.  8.  9. 10. 11. 18. 19. 20. 21. 22. 23.]
	//  [24. 25. 26. 27. 28. 29. 36. 37. 38. 39. 40. 41.]
	//  [30. 31. 32. 33. 34. 35. 42. 43. 44. 45. 46. 47.]]
}

func Example_convolution() {
	image, filters := counting[float32](1, 8, 8), counting[float32](2, 1, 7, 7)
	y, err := conv.Correlate(image, filters, &conv.Options{
		Stride: []int64{2, 2},
		Pad:    [][2]int64{{3, 3}, {3, 3}},
	})
	fmt.Println(y.Shape(), err)
	// Output: (2, 4, 4) <nil>
}

func Example_sparse() {
	ctx := context.Background()
	part := func(v tensor.View, err error) tensor.View {
		if err != nil {
			log.Fatal(err)
		}
		return v
	}
	indptr, indices := part(tensor.FromSlice([]int64{0, 2, 2, 4})), part(tensor.FromSlice([]int32{0, 3, 1, 3}))
	values, x := part(tensor.FromSlice([]float32{5, 1, 7, 2})), part(tensor.FromSlice([]float32{1, 10, 100, 1000}))
	a, err := sparse.New(sparse.Spec{
		Layout:     sparse.CSR,
		Shape:      tensor.Shape{3, 4},
		Properties: sparse.Properties{Sorted: true, Unique: true},
		Parts: []sparse.Part{
			{Role: sparse.RoleIndptr, View: indptr},
			{Role: sparse.RoleIndices, View: indices},
			{Role: sparse.RoleValues, View: values},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	rows, err := a.Select(ctx, tensor.Selection{{Kind: tensor.SelectRange, Start: 0, Stop: 2, Step: 1}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	columns, err := a.Convert(ctx, sparse.CSC, nil)
	if err != nil {
		log.Fatal(err)
	}
	y, err := a.Mul(ctx, x, &sparse.Options{Workers: 1})
	if err != nil {
		log.Fatal(err)
	}
	below, err := sparse.Data[int32](columns, sparse.RoleIndices) // []int32, not a copy
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rows.NNZ(), below, y)
	// Output: 2 [0 2 0 2] [1005.    0. 2070.]
}
