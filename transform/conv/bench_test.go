package conv_test

import (
	"fmt"
	"testing"

	"math/rand/v2"

	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/conv"
)

// BenchmarkCorrelate moves products: 4 bytes each.
func BenchmarkCorrelate(b *testing.B) {
	for _, c := range []struct {
		in, filters tensor.Shape
		stride      int64
		groups      int64
	}{
		{tensor.Shape{1, 1080, 1920}, tensor.Shape{1, 1, 3, 3}, 1, 1},
		{tensor.Shape{1, 1080, 1920}, tensor.Shape{1, 1, 7, 7}, 1, 1},
		{tensor.Shape{64, 56, 56}, tensor.Shape{64, 64, 3, 3}, 1, 1},
		{tensor.Shape{3, 224, 224}, tensor.Shape{64, 3, 7, 7}, 2, 1},
		{tensor.Shape{256, 14, 14}, tensor.Shape{256, 256, 3, 3}, 1, 1},
		{tensor.Shape{256, 56, 56}, tensor.Shape{64, 256, 1, 1}, 1, 1},
		{tensor.Shape{192, 56, 56}, tensor.Shape{192, 1, 3, 3}, 1, 192},
	} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("in=%v/filters=%v/stride=%d/groups=%d/workers=%d", c.in, c.filters, c.stride, c.groups, workers), func(b *testing.B) {
				r := rand.New(rand.NewPCG(1, 1))
				in, filters := random(b, r, c.in...), random(b, r, c.filters...)
				o := &conv.Options{Stride: []int64{c.stride, c.stride}, Groups: c.groups, Workers: workers,
					Pad: [][2]int64{{c.filters[2] / 2, c.filters[2] / 2}, {c.filters[3] / 2, c.filters[3] / 2}}}
				s, err := conv.OutShape(in.Shape(), filters.Shape(), o)
				if err != nil {
					b.Fatal(err)
				}
				dst, err := tensor.Make(tensor.F32, s)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(dst.ByteSize() * c.filters[1] * c.filters[2] * c.filters[3])
				for b.Loop() {
					if err := conv.CorrelateInto(dst, in, filters, o); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
