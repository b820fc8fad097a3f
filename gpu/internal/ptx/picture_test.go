package ptx_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/gpu/internal/ptx"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform"
)

func TestPicture(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, 3))
	cases := 0
	for _, channels := range []int{1, 2, 3, 4, 5, 9} {
		for _, plane := range []int{0, 1, 4, 256, 255, 257} {
			if plane > 4 && plane < 257 && testing.Short() {
				continue
			}
			for _, skew := range [][2]int{{0, 0}, {1, 0}, {4, 4}} {
				images := 1 + cases%3
				var d device
				n := channels * plane * images
				src, s := d.alloc(r, n, skew[0])
				dst, out := d.alloc(r, 4*n, skew[1])
				scale, bias := make([]float32, channels), make([]float32, channels)
				wide, shift := make([]float64, channels), make([]float64, channels)
				for c := range channels {
					scale[c], bias[c] = r.Float32()/128, r.Float32()*4-2
					wide[c], shift[c] = float64(scale[c]), float64(bias[c])
				}
				for _, l := range ptx.Picture(dst, src, uint32(images), int64(plane), scale, bias) {
					check(t, &d, l)
					if cases%4 == 0 {
						l.Grid.X, l.Grid.Y, l.Block.X = 2, 1, 5
						check(t, &d, l)
					}
				}
				cases++
				if n == 0 {
					continue
				}
				v, err := tensor.NewView(s, tensor.U8, tensor.Shape{int64(images), int64(plane), int64(channels)}, nil, 0, tensor.LittleEndian)
				if err != nil {
					t.Fatal(err)
				}
				want, err := transform.ScaleBias(v, tensor.F32, &transform.Scaling{Scale: wide, Bias: shift, Axis: 2})
				if err != nil {
					t.Fatal(err)
				}
				for i := range images {
					for p := range plane {
						for c := range channels {
							w, err := tensor.ReadElem[float32](want, int64(i), int64(p), int64(c))
							if err != nil {
								t.Fatal(err)
							}
							at := (i*channels+c)*plane + p
							if g := binary.LittleEndian.Uint32(out[4*at:]); g != math.Float32bits(w) {
								t.Fatalf("image %d, pixel %d, channel %d of %d: %#x, ScaleBias has %#x", i, p, c, channels, g, math.Float32bits(w))
							}
						}
					}
				}
			}
		}
	}
	// What is not finite, in groups of four pixels and one by one.
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, channels := range []int{1, 3, 4, 5} {
		for c := range channels {
			for skew := range 2 {
				var d device
				src, s := d.alloc(r, channels*8, skew)
				s[channels+c] = 0
				dst, _ := d.alloc(r, 4*channels*8, 0)
				for _, f := range [][2]float32{{inf, -inf}, {-inf, 1}, {nan, 0}} {
					scale, bias := make([]float32, channels), make([]float32, channels)
					scale[c], bias[c] = f[0], f[1]
					for _, l := range ptx.Picture(dst, src, 1, 8, scale, bias) {
						check(t, &d, l)
					}
				}
			}
		}
	}
	t.Logf("%d cases", cases)
}
