package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// weightsOf is n weights whose sum is 1 and whose sizes stay below two.
func weightsOf(r *rand.Rand, n int) []int32 {
	w := make([]int32, n)
	left := int32(1 << MixBits)
	for i := range w {
		w[i] = int32(r.Int64N(1<<MixBits)) / int32(n)
		if i%3 == 2 {
			w[i] = -w[i] / 4
		}
		left -= w[i]
	}
	w[r.IntN(n)] += left
	return w
}

func TestMixU8(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{0, 1, 7, 8, 9, 31, 32, 33, 64, 100, 161} {
		for _, rows := range []int{1, 2, 3, 5, 17} {
			for _, step := range []int{0, 1, n, n + 13} {
				src := random(n+(rows-1)*step, uint64(n*rows+step))
				for i := range src { // sums that are clipped
					if r.IntN(3) == 0 {
						src[i] = uint8(r.IntN(2) * 255)
					}
				}
				w := weightsOf(r, rows)
				want := make([]byte, n)
				for i := range want {
					sum := int64(1) << (MixBits - 1)
					for k, w := range w {
						sum += int64(src[k*step+i]) * int64(w)
					}
					want[i] = uint8(min(max(sum>>MixBits, 0), 255))
				}
				atEachLevel(t, func(l level) {
					dst := random(n+2, 9)
					first, last := dst[0], dst[n+1]
					MixU8(dst[1:n+1], src, step, w)
					if string(dst[1:n+1]) != string(want) || dst[0] != first || dst[n+1] != last {
						t.Errorf("%v: %d bytes of %d rows, step %d: differ", l, n, rows, step)
					}
				})
			}
		}
	}
}

func TestMixF32(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{0, 1, 3, 4, 15, 16, 17, 50} {
		for _, rows := range []int{1, 2, 7} {
			for _, step := range []int{0, 1, n, n + 5} {
				src := make([]float32, n+(rows-1)*step)
				for i := range src {
					src[i] = float32(r.NormFloat64())
				}
				w := make([]float64, rows)
				for k := range w {
					w[k] = r.NormFloat64()
				}
				atEachLevel(t, func(l level) {
					dst := make([]float32, n+1)
					dst[n] = 42
					MixF32(dst[:n], src, step, w)
					for i := range n {
						sum := 0.0
						for k, w := range w {
							sum += float64(float64(src[k*step+i]) * w)
						}
						if dst[i] != float32(sum) || dst[n] != 42 {
							t.Fatalf("%v: %d floats of %d rows, step %d: element %d is %v, want %v", l, n, rows, step, i, dst[i], float32(sum))
						}
					}
				})
			}
		}
	}
}

func BenchmarkMixU8(b *testing.B) {
	src := random(1<<18, 1)
	for _, rows := range []int{4, 16} {
		n := len(src) / rows
		w := weightsOf(rand.New(rand.NewPCG(1, 1)), rows)
		dst := make([]byte, n)
		atEachLevel(b, func(l level) {
			b.Run(fmt.Sprintf("rows=%d/impl=%v", rows, l), func(b *testing.B) {
				b.SetBytes(int64(len(src)))
				for b.Loop() {
					MixU8(dst, src, n, w)
				}
			})
		})
	}
}
