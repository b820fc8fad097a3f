package image

import (
	"math"

	"github.com/tensorfile/tensorfile/internal/kernel"
)

// element is what filters compute with: f16 and bf16 go through float32.
type element interface {
	uint8 | uint16 | float32 | float64
}

// A mixer sets each dst[i] to the sum of src[i+k*step] times the k-th weight of
// new pixel x, over all k: the rows of src, step elements apart, mixed to one.
type mixer[T element] func(dst, src []T, step int, t *taps, x int)

func mixBytes(dst, src []uint8, step int, t *taps, x int) {
	kernel.MixU8(dst, src, step, t.fixed[x*t.most:][:t.n[x]])
}

func mixFloats(dst, src []float32, step int, t *taps, x int) {
	kernel.MixF32(dst, src, step, t.weights[x*t.most:][:t.n[x]])
}

// mixWords rounds halves up and clips.
func mixWords(dst, src []uint16, step int, t *taps, x int) {
	mixSums(dst, src, step, t, x, func(s float64) uint16 {
		return uint16(min(max(math.Floor(s+0.5), 0), 65535))
	})
}

func mixDoubles(dst, src []float64, step int, t *taps, x int) {
	mixSums(dst, src, step, t, x, func(s float64) float64 { return s })
}

// mixSums adds in float64, from the first row to the last.
func mixSums[T uint16 | float64](dst, src []T, step int, t *taps, x int, round func(float64) T) {
	w := t.weights[x*t.most:][:t.n[x]]
	i := 0
	for ; i+4 <= len(dst); i += 4 {
		var s0, s1, s2, s3 float64
		p := i
		for _, w := range w {
			r := src[p : p+4 : p+4]
			s0 += float64(float64(r[0]) * w) // not fused, on any machine
			s1 += float64(float64(r[1]) * w)
			s2 += float64(float64(r[2]) * w)
			s3 += float64(float64(r[3]) * w)
			p += step
		}
		d := dst[i : i+4 : i+4]
		d[0], d[1], d[2], d[3] = round(s0), round(s1), round(s2), round(s3)
	}
	for ; i < len(dst); i++ {
		s := 0.0
		p := i
		for _, w := range w {
			s += float64(float64(src[p]) * w)
			p += step
		}
		dst[i] = round(s)
	}
}
