package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestDotF64(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	for n := range 100 {
		x, y := make([]float64, n), make([]float64, n)
		for i := range x {
			x[i], y[i] = r.NormFloat64(), r.NormFloat64()
		}
		var s [16]float64
		for i := range x {
			s[i%16] += float64(x[i] * y[i])
		}
		for w := 8; w > 0; w /= 2 {
			for i := range w {
				s[i] += s[i+w]
			}
		}
		atEachLevel(t, func(l level) {
			if got := DotF64(x, y); math.Float64bits(got) != math.Float64bits(s[0]) {
				t.Errorf("%v: %d products: %v, want %v", l, n, got, s[0])
			}
		})
	}
}

func BenchmarkDotF64(b *testing.B) {
	x, y := make([]float64, 144), make([]float64, 144)
	atEachLevel(b, func(l level) {
		b.Run("n=144/impl="+l.String(), func(b *testing.B) {
			b.SetBytes(int64(8 * len(x)))
			sum := 0.0
			for b.Loop() {
				sum += DotF64(x, y)
			}
			if sum != 0 {
				b.Fatal(sum)
			}
		})
	})
}
