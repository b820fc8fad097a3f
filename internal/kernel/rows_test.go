package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// rowOf returns n random elements: small and extreme ones, and for floats what is
// rare.
func rowOf[T Number](r *rand.Rand, n int) []T {
	_, x := guarded(n, r.IntN(64), *new(T))
	for i := range x {
		switch p := any(&x[i]).(type) {
		case *float32:
			*p = math.Float32frombits(floatBits(r))
		case *float64:
			*p = float64(math.Float32frombits(floatBits(r)))
			if r.IntN(2) == 0 {
				*p = math.Float64frombits(r.Uint64())
			}
		default:
			x[i] = T(r.Uint64() >> r.IntN(64))
		}
	}
	return x
}

func bitsOf[T Number](x T) uint64 {
	switch v := any(x).(type) {
	case float32:
		return uint64(math.Float32bits(v))
	case float64:
		return math.Float64bits(v)
	}
	return uint64(x)
}

// rowTest compares a row operation with what it should do, bit for bit.
type rowTest[A, T Number] struct {
	name string
	run  func(acc []A, x []T)
	want func(a A, x T) A
	same func(a, b A) bool
}

func (c rowTest[A, T]) check(t *testing.T) (runs int) {
	t.Helper()
	atEachLevel(t, func(l level) {
		r := rand.New(rand.NewPCG(5, 6))
		for n := range 300 {
			frame, acc := guarded(n, r.IntN(64), A(7))
			start := rowOf[A](r, n)
			copy(acc, start)
			x := rowOf[T](r, n)
			c.run(acc, x)
			for i := range acc {
				if want := c.want(start[i], x[i]); !c.same(acc[i], want) {
					t.Fatalf("%s at level %v, place %d of %d: %v with %v is %v (%#x), want %v (%#x)", c.name, l, i, n, start[i], x[i], acc[i], bitsOf(acc[i]), want, bitsOf(want))
				}
			}
			touched := 0
			for _, v := range frame {
				if v == 7 {
					touched++
				}
			}
			if touched < len(frame)-n {
				t.Fatalf("%s at level %v: wrote outside", c.name, l)
			}
			runs++
		}
	})
	return runs
}

func sameBits[T Number](a, b T) bool { return bitsOf(a) == bitsOf(b) }

// sameValue takes every NaN for the same.
func sameValue[T Number](a, b T) bool { return bitsOf(a) == bitsOf(b) || a != a && b != b }

func extremes[T Number](name string, t *testing.T) int {
	return rowTest[T, T]{"least of " + name, MinRow[T], func(a, x T) T { return min(a, x) }, sameValue[T]}.check(t) +
		rowTest[T, T]{"greatest of " + name, MaxRow[T], func(a, x T) T { return max(a, x) }, sameValue[T]}.check(t)
}

func sums[T Integer](name string, t *testing.T) int {
	return extremes[T](name, t) +
		rowTest[uint64, T]{"sum of " + name, AddRow[T], func(a uint64, x T) uint64 { return a + uint64(x) }, sameBits[uint64]}.check(t)
}

func TestRows(t *testing.T) {
	n := sums[uint8]("u8", t) + sums[int8]("i8", t) + sums[uint16]("u16", t) + sums[int16]("i16", t) +
		sums[uint32]("u32", t) + sums[int32]("i32", t) + sums[uint64]("u64", t) + sums[int64]("i64", t) +
		extremes[float32]("f32", t) + extremes[float64]("f64", t) +
		rowTest[float64, float32]{"sum of f32", AddRowF32, func(a float64, x float32) float64 { return a + float64(x) }, sameValue[float64]}.check(t) +
		rowTest[float64, float64]{"sum of f64", AddRowF64, func(a, x float64) float64 { return a + x }, sameValue[float64]}.check(t)
	t.Logf("%d rows", n)
	if n < 300*28 {
		t.Errorf("%d rows", n)
	}
}

// Every level gives the bits of the Go form, NaN and zeros too.
func TestRowsAtAllLevels(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	for range 200 {
		acc, x := rowOf[float32](r, 200), rowOf[float32](r, 200)
		wide, y := rowOf[float64](r, 200), rowOf[float64](r, 200)
		var first [4][]uint64
		atEachLevel(t, func(l level) {
			var got [4][]uint64
			for k, run := range []func(a, x []float32){MinRow[float32], MaxRow[float32]} {
				a := append([]float32(nil), acc...)
				run(a, x)
				for _, v := range a {
					got[k] = append(got[k], bitsOf(v))
				}
			}
			for k, run := range []func(a, x []float64){MinRow[float64], MaxRow[float64]} {
				a := append([]float64(nil), wide...)
				run(a, y)
				for _, v := range a {
					got[k+2] = append(got[k+2], bitsOf(v))
				}
			}
			for k := range got {
				for i := range got[k] {
					if first[k] != nil && got[k][i] != first[k][i] {
						t.Fatalf("kind %d at level %v: %#x, at level go %#x", k, l, got[k][i], first[k][i])
					}
				}
			}
			if l == levelGo {
				first = got
			}
		})
	}
}

func sumTest[T Integer](t *testing.T) {
	t.Helper()
	atEachLevel(t, func(l level) {
		r := rand.New(rand.NewPCG(3, 4))
		for n := range 700 {
			x := rowOf[T](r, n)
			var want uint64
			for _, v := range x {
				want += uint64(v)
			}
			if got := Sum(x); got != want {
				t.Fatalf("sum of %d %T at level %v: %d, want %d", n, *new(T), l, got, want)
			}
		}
	})
}

func TestSum(t *testing.T) {
	sumTest[uint8](t)
	sumTest[int8](t)
	sumTest[uint16](t)
	sumTest[int16](t)
	sumTest[uint32](t)
	sumTest[int32](t)
	sumTest[uint64](t)
	sumTest[int64](t)
}
