package image_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/image"
)

func BenchmarkResize(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	pixels := make([]uint8, 1000*1500*3)
	for i := range pixels {
		pixels[i] = uint8(rng.Uint32())
	}
	u8, err := tensor.FromSlice(pixels, 1000, 1500, 3)
	if err != nil {
		b.Fatal(err)
	}
	f32, err := u8.Cast(tensor.F32)
	if err != nil {
		b.Fatal(err)
	}
	for _, v := range []tensor.View{u8, f32} {
		for _, filter := range []image.Filter{image.Nearest, image.Bilinear, image.CatmullRom} {
			for _, to := range [][2]int64{{227, 227}, {2000, 3000}} {
				dst, err := tensor.Make(v.DType(), tensor.Shape{to[0], to[1], 3})
				if err != nil {
					b.Fatal(err)
				}
				b.Run(fmt.Sprintf("dtype=%v/filter=%v/from=1500x1000/to=%dx%d", v.DType(), filter, to[1], to[0]), func(b *testing.B) {
					b.SetBytes(max(v.ByteSize(), dst.ByteSize()))
					b.ReportAllocs()
					for b.Loop() {
						if err := image.ResizeInto(dst, v, image.HWC, &image.ResizeOptions{Filter: filter, Options: image.Options{Workers: 1}}); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}

func BenchmarkConvertChannels(b *testing.B) {
	v, err := tensor.Make(tensor.U8, tensor.Shape{1000, 1500, 3})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(v.ByteSize())
	for b.Loop() {
		if _, _, err := image.ConvertChannels(v, image.HWC, image.RGB, image.Grey, nil); err != nil {
			b.Fatal(err)
		}
	}
}
