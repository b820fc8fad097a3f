package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func testTaps[T float32 | float64](t *testing.T, run func(dst, src []T, taps Taps, weights []T)) (runs int) {
	r := rand.New(rand.NewPCG(21, 4))
	draw := func() T {
		switch r.IntN(40) {
		case 0:
			return T(math.Inf(1))
		case 1:
			return T(math.Copysign(0, -1))
		}
		return T(r.NormFloat64())
	}
	atEachLevel(t, func(l level) {
		for n := range 200 {
			for _, taps := range []int{0, 1, 2, 3, 4, 5, 9, 27, 64} {
				gap := r.IntN(70)
				src := make([]T, n+gap)
				for i := range src {
					src[i] = draw()
				}
				off, weights := make([]int, taps), make([]T, taps)
				for k := range off {
					off[k], weights[k] = r.IntN(gap+1), draw()
				}
				frame, dst := guarded(n, r.IntN(32), T(77))
				want := make([]T, n)
				for i := range dst {
					dst[i] = draw()
					x := dst[i]
					for k, o := range off {
						x += T(weights[k] * src[o+i])
					}
					want[i] = x
				}
				run(dst, src, NewTaps(off), weights)
				runs++
				for i, x := range dst {
					if x != want[i] && !(x != x && want[i] != want[i]) || math.Signbit(float64(x)) != math.Signbit(float64(want[i])) && x == x {
						t.Fatalf("level %v, %d taps, %d of %d results: %v, want %v", l, taps, i, n, x, want[i])
					}
				}
				outside := 0
				for _, x := range frame {
					if x == 77 {
						outside++
					}
				}
				if outside != len(frame)-n {
					t.Fatalf("level %v, %d taps, %d results: wrote outside", l, taps, n)
				}
			}
		}
	})
	return runs
}

func TestAddTaps(t *testing.T) {
	n := testTaps(t, AddTapsF32) + testTaps(t, AddTapsF64)
	t.Logf("%d runs", n)
	if n < 2*200*9 {
		t.Errorf("only %d runs", n)
	}
	x := make([]float32, 8)
	for name, fn := range map[string]func(){
		"before":  func() { NewTaps([]int{-1}) },
		"behind":  func() { AddTapsF32(x[:4], x, NewTaps([]int{5}), x[:1]) },
		"weights": func() { AddTapsF32(x[:4], x, NewTaps([]int{1}), x[:2]) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			fn()
		}()
	}
}

func BenchmarkAddTaps(b *testing.B) {
	for _, taps := range []int{9, 49, 576} {
		dst, src, weights := make([]float32, 64), make([]float32, 64*taps+64), make([]float32, taps)
		off := make([]int, taps)
		for i := range off {
			off[i], weights[i] = i*61, 1/float32(i+1)
		}
		atEachLevel(b, func(l level) {
			b.Run(fmt.Sprintf("dtype=f32/taps=%d/run=64/level=%v", taps, l), func(b *testing.B) {
				t := NewTaps(off)
				b.SetBytes(int64(4 * taps * len(dst))) // products, of 4 bytes each
				for b.Loop() {
					AddTapsF32(dst, src, t, weights)
				}
			})
		})
	}
}
