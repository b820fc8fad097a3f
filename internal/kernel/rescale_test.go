package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestRescale(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	numbers := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			switch r.IntN(12) {
			case 0:
				x[i] = float32(math.Copysign(0, float64(r.IntN(2))-0.5))
			case 1:
				x[i] = float32(math.Inf(r.IntN(2)*2 - 1))
			case 2:
				x[i] = math.Float32frombits(r.Uint32N(1 << 23)) // subnormal
			default:
				x[i] = float32(r.NormFloat64() * math.Pow(2, float64(r.IntN(60)-30)))
			}
		}
		return x
	}
	cases := 0
	for _, group := range []int{1, 2, 15, 16, 17, 32, 48, 100, 128} {
		for _, n := range []int{0, 1, 15, 16, 17, 31, 32, 64, 100, 129, 256, 515} {
			for _, with := range []bool{false, true} {
				src, scales := numbers(n), numbers((n+group-1)/group)
				var zeros []float32
				if with {
					zeros = numbers(len(scales))
				}
				want := make([]float32, n)
				for i := range want {
					zero := float32(0)
					if with {
						zero = zeros[i/group]
					}
					d := src[i] - zero
					want[i] = d * scales[i/group]
				}
				atEachLevel(t, func(l level) {
					for _, stream := range []bool{false, true} {
						for shift := range 2 {
							room := make([]float32, n+32)
							at := 0 // of a line of the cache
							for lineOffset32(room[at:]) != 0 && at < 16 {
								at++
							}
							dst := room[at+shift:][:n:n]
							if shift == 1 { // in place
								copy(dst, src)
								Rescale(dst, dst, scales, zeros, group, stream)
							} else {
								Rescale(dst, src, scales, zeros, group, stream)
							}
							Fence()
							for i := range want {
								if x, y := dst[i], want[i]; math.Float32bits(x) != math.Float32bits(y) && !(x != x && y != y) {
									t.Fatalf("%v: group %d, %d numbers, zeros %v, stream %v: element %d is %v, want %v", l, group, n, with, stream, i, x, y)
								}
							}
							cases++
						}
					}
				})
			}
		}
	}
	t.Logf("%d cases", cases)
	if cases < 400 {
		t.Errorf("%d cases", cases)
	}
}

func BenchmarkRescale(b *testing.B) {
	src, dst := make([]float32, 16<<10), make([]float32, 16<<10)
	scales := make([]float32, len(src))
	for _, group := range []int{1, 32, 100, 4096} {
		b.Run(fmt.Sprintf("group=%d", group), func(b *testing.B) {
			b.SetBytes(int64(4 * len(dst)))
			for b.Loop() {
				Rescale(dst, src, scales[:(len(src)+group-1)/group], nil, group, false)
			}
		})
	}
}
