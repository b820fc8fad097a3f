package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// offsets gives elements at every place in a line of the cache, the ends of
// memory around them filled with what must stay.
func guarded[T any](n, at int, fill T) (frame, part []T) {
	frame = make([]T, n+at+64)
	for i := range frame {
		frame[i] = fill
	}
	return frame, frame[32+at%32:][:n:n]
}

// converter is a conversion with its operands' types as numbers of bits.
type converter[D, S comparable] struct {
	name   string
	run    func(dst []D, src []S)
	want   func(S) D
	random func(r *rand.Rand) S
}

func same[D comparable](a, b D) bool {
	x, ok := any(a).(float32)
	if !ok {
		return a == b
	}
	return math.Float32bits(x) == math.Float32bits(any(b).(float32))
}

func (c converter[D, S]) check(t *testing.T, canary D) (runs int) {
	r := rand.New(rand.NewPCG(11, 12))
	try := func(l level, n, dstAt, srcAt int) {
		frame, dst := guarded(n, dstAt, canary)
		_, src := guarded(n, srcAt, *new(S))
		for i := range src {
			src[i] = c.random(r)
		}
		c.run(dst, src)
		runs++
		for i := range dst {
			if want := c.want(src[i]); !same(dst[i], want) {
				t.Fatalf("%s at level %v, %d elements: %d is %v of %v, want %v", c.name, l, n, i, dst[i], src[i], want)
			}
		}
		lo := 32 + dstAt%32
		for i, v := range frame {
			if (i < lo || i >= lo+n) && !same(v, canary) {
				t.Fatalf("%s at level %v, %d elements: wrote outside", c.name, l, n)
			}
		}
	}
	atEachLevel(t, func(l level) {
		for n := range 200 {
			try(l, n, r.IntN(64), r.IntN(64))
		}
		for at := range 32 {
			try(l, 500+r.IntN(100), at, 31-at)
		}
		try(l, 1024+r.IntN(300), r.IntN(32), r.IntN(32))
		if !testing.Short() {
			try(l, streamMin/4+1000+r.IntN(64), r.IntN(32), r.IntN(32))
		}
	})
	return runs
}

// floatBits favours what is rare among random bits: ties, the ends of the
// ranges, NaN.
func floatBits(r *rand.Rand) uint32 {
	b := r.Uint32()
	switch r.IntN(8) {
	case 0:
		b = b&^0x7f800000 | uint32(127-30+r.IntN(50))<<23
	case 1:
		b = b&^0x1fff | 0x1000 // a tie of binary16
	case 2:
		b = b&^0xffff | 0x8000 // a tie of bfloat16
	case 3:
		b = b&^0x7f801fff | uint32(127-26+r.IntN(14))<<23
	case 4:
		if r.IntN(64) == 0 {
			b |= 0x7f800000
		}
	}
	return b
}

func TestConversions(t *testing.T) {
	runs := 0
	u16 := func(r *rand.Rand) uint16 { return uint16(r.Uint32()) }
	// Mostly without NaN, so that long fast loops are met too.
	finite16 := func(r *rand.Rand) uint16 {
		h := uint16(r.Uint32())
		if h&0x7c00 == 0x7c00 && r.IntN(16) > 0 {
			h &^= 0x4000
		}
		return h
	}
	half := func(h uint16) float32 {
		sign, exp, frac := uint32(h&0x8000)<<16, h>>10&31, h&0x3ff
		switch exp {
		case 0:
			return float32(math.Copysign(float64(frac)*0x1p-24, float64(int32(sign|1))))
		case 31:
			return math.Float32frombits(sign | 0x7f800000 | uint32(frac)<<13)
		}
		return math.Float32frombits(sign | uint32(exp+127-15)<<23 | uint32(frac)<<13)
	}
	const canary = -77
	runs += converter[float32, uint8]{"U8ToF32", func(d []float32, s []uint8) { U8ToF32(d, s, len(s)%2 == 0) }, func(v uint8) float32 { return float32(v) }, func(r *rand.Rand) uint8 { return uint8(r.Uint32()) }}.check(t, canary)
	runs += converter[float32, int16]{"I16ToF32", func(d []float32, s []int16) { I16ToF32(d, s, len(s)%2 == 0) }, func(v int16) float32 { return float32(v) }, func(r *rand.Rand) int16 { return int16(r.Uint32()) }}.check(t, canary)
	runs += converter[float32, uint16]{"BF16ToF32", func(d []float32, s []uint16) { BF16ToF32(d, s, len(s)%2 == 0) }, func(v uint16) float32 { return math.Float32frombits(uint32(v) << 16) }, u16}.check(t, canary)
	runs += converter[float32, uint16]{"F16ToF32", func(d []float32, s []uint16) { F16ToF32(d, s, len(s)%2 == 0) }, half, u16}.check(t, canary)
	runs += converter[float32, uint16]{"F16ToF32", func(d []float32, s []uint16) { F16ToF32(d, s, len(s)%2 == 0) }, half, finite16}.check(t, canary)
	f32 := func(r *rand.Rand) float32 { return math.Float32frombits(floatBits(r)) }
	runs += converter[uint16, float32]{"F32ToF16", func(d []uint16, s []float32) { F32ToF16(d, s, len(s)%2 == 0) }, toHalf, f32}.check(t, 0xabcd)
	runs += converter[uint16, float32]{"F32ToBF16", func(d []uint16, s []float32) { F32ToBF16(d, s, len(s)%2 == 0) }, toBrain, f32}.check(t, 0xabcd)
	small := func(r *rand.Rand) float32 {
		if f := f32(r); r.IntN(4) == 0 {
			return f
		}
		return float32(r.NormFloat64() * math.Ldexp(1, r.IntN(18)))
	}
	clamp := func(v float32, lo, hi float64) float64 {
		if v != v {
			return 0
		}
		return math.Trunc(min(max(float64(v), lo), hi))
	}
	runs += converter[uint8, float32]{"F32ToU8", F32ToU8, func(v float32) uint8 { return uint8(clamp(v, 0, 255)) }, small}.check(t, 0xab)
	runs += converter[int16, float32]{"F32ToI16", F32ToI16, func(v float32) int16 { return int16(clamp(v, -32768, 32767)) }, small}.check(t, -77)
	t.Logf("%d runs", runs)
	if runs < 9*232*(int(best)+1) {
		t.Error("too few")
	}
}

// toHalf rounds by the distances to both neighbours, in float64.
func toHalf(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b >> 16 & 0x8000)
	x := math.Abs(float64(f))
	switch {
	case f != f:
		return sign | 0x7c00 | max(uint16(b>>13&0x3ff), 1)
	case x >= 65520:
		return sign | 0x7c00
	}
	unit := math.Max(math.Ldexp(1, math.Ilogb(x)-10), 0x1p-24)
	if x == 0 {
		unit = 0x1p-24
	}
	n := math.RoundToEven(x / unit) // exact, as unit is a power of two
	if x = n * unit; x < 0x1p-14 {
		return sign | uint16(n)
	}
	e := math.Ilogb(x)
	return sign | uint16(e+15)<<10 | uint16(math.Ldexp(x, 10-e))&0x3ff
}

func toBrain(f float32) uint16 {
	b := math.Float32bits(f)
	if f != f {
		return uint16(b>>16&0x8000 | 0x7fc0)
	}
	switch low := b & 0xffff; {
	case low > 0x8000, low == 0x8000 && b>>16&1 == 1:
		b += 0x10000
	}
	return uint16(b >> 16)
}

// Every binary16 and bfloat16, alone and in company.
func TestAllHalves(t *testing.T) {
	src := make([]uint16, 1<<16)
	for i := range src {
		src[i] = uint16(i * 40503) // odd: a permutation
	}
	wide, back := make([]float32, len(src)), make([]uint16, len(src))
	atEachLevel(t, func(l level) {
		F16ToF32(wide, src, false)
		F32ToF16(back, wide, false)
		if !slices.Equal(back, src) {
			t.Errorf("%v: binary16 does not come back", l)
		}
		BF16ToF32(wide, src, false)
		F32ToBF16(back, wide, false)
		for i, h := range src {
			if h&0x7fff > 0x7f80 {
				h = h&0x8000 | 0x7fc0
			}
			if back[i] != h {
				t.Fatalf("%v: bfloat16 %#x comes back as %#x", l, src[i], back[i])
			}
		}
	})
}

func lanesOf[T float32 | float64](x []T, lanes int) T {
	s := make([]T, lanes)
	for i, v := range x {
		s[i%lanes] += v
	}
	for len(s) > 1 {
		h := len(s) / 2
		for j := range h {
			s[j] += s[j+h]
		}
		s = s[:h]
	}
	return s[0]
}

func TestReductions(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	runs := 0
	atEachLevel(t, func(l level) {
		for _, n := range append(upTo(300), 1000, 4096, 9999) {
			for kind := range 4 {
				runs++
				at := r.IntN(32)
				_, x := guarded(n, at, float32(math.NaN()))
				_, y := guarded(n, at, math.NaN())
				for i := range x {
					x[i], y[i] = float32(r.NormFloat64()), r.NormFloat64()
					if kind == 1 && r.IntN(5) == 0 {
						x[i], y[i] = float32(math.Copysign(0, y[i])), math.Copysign(0, y[i])
					}
					if kind == 2 && r.IntN(10) == 0 || kind == 3 && r.IntN(50) > 0 {
						x[i] = math.Float32frombits(r.Uint32()&0x80000000 | 0x7f800001 | r.Uint32()>>10)
						y[i] = math.Float64frombits(r.Uint64()&(1<<63) | 0x7ff0000000000001 | r.Uint64()>>14)
					}
					if kind == 2 && r.IntN(30) == 0 {
						x[i], y[i] = float32(math.Inf(r.IntN(2)*2-1)), math.Inf(r.IntN(2)*2-1)
					}
				}
				what := fmt.Sprintf("level %v, kind %d, %d elements", l, kind, n)
				if got, want := SumF32(x), lanesOf(x, 32); !equalFloat(float64(got), float64(want)) {
					t.Fatalf("%s: SumF32 is %v, want %v", what, got, want)
				}
				if got, want := SumF64(y), lanesOf(y, 16); !equalFloat(got, want) {
					t.Fatalf("%s: SumF64 is %v, want %v", what, got, want)
				}
				checkExtremes(t, what, x, MinMaxF32)
				checkExtremes(t, what, y, MinMaxF64)
			}
		}
	})
	t.Logf("%d runs", runs)
	if runs < 1000 {
		t.Error("too few")
	}
}

func upTo(n int) (s []int) {
	for i := range n {
		s = append(s, i)
	}
	return s
}

// equalFloat takes any NaN for any other: its payload is not stated.
func equalFloat(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || a != a && b != b
}

func checkExtremes[T float32 | float64](t *testing.T, what string, x []T, minMax func([]T) (lo, hi T, nan int)) {
	t.Helper()
	lo, hi, nan := math.Inf(1), math.Inf(-1), 0
	for _, v := range x {
		f := float64(v)
		if f != f {
			nan++
			continue
		}
		if f < lo || f == lo && math.Signbit(f) {
			lo = f
		}
		if f > hi || f == hi && !math.Signbit(f) {
			hi = f
		}
	}
	l, h, n := minMax(x)
	if !equalFloat(float64(l), lo) || !equalFloat(float64(h), hi) || n != nan {
		t.Fatalf("%s: extremes %v, %v and %d NaN, want %v, %v, %d", what, l, h, n, lo, hi, nan)
	}
}

func TestMinMax(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	for n := 1; n < 100; n++ {
		x := make([]int16, n)
		y := make([]uint64, n)
		for i := range x {
			x[i], y[i] = int16(r.Uint32()), r.Uint64()
		}
		if lo, hi := MinMax(x); lo != slices.Min(x) || hi != slices.Max(x) {
			t.Fatalf("%v: %d, %d", x, lo, hi)
		}
		if lo, hi := MinMax(y); lo != slices.Min(y) || hi != slices.Max(y) {
			t.Fatalf("%v: %d, %d", y, lo, hi)
		}
	}
}

func TestTranspose(t *testing.T) {
	r := rand.New(rand.NewPCG(41, 42))
	runs := 0
	atEachLevel(t, func(l level) {
		for _, size := range []int{1, 2, 4, 8, 16} {
			tries := 200
			if testing.Short() {
				tries = 30
			}
			for range tries {
				rows, cols := r.IntN(100), r.IntN(100)
				if r.IntN(4) == 0 {
					rows, cols = r.IntN(5)*32, r.IntN(5)*32
				}
				if r.IntN(20) == 0 { // pieces of rows
					rows, cols = 300+r.IntN(3000/size+300), 1+r.IntN(150/size+20)
				}
				sd, ss := rows*size+r.IntN(3)*r.IntN(100), cols*size+r.IntN(3)*r.IntN(100)
				if r.IntN(3) == 0 {
					sd, ss = (sd+63)&^63, (ss+63)&^63
				}
				src := random(max(0, (rows-1)*ss+cols*size), uint64(rows))
				frame := random(max(0, (cols-1)*sd+rows*size)+128, 99)
				want := slices.Clone(frame)
				at := r.IntN(64)
				if r.IntN(2) == 0 {
					at = -lineOffset(frame) & 63
				}
				for i := range rows {
					for j := range cols {
						copy(want[at+j*sd+i*size:][:size], src[i*ss+j*size:])
					}
				}
				Transpose(frame[at:len(frame)-64], sd, src, ss, rows, cols, size, r.IntN(2) == 0)
				if !slices.Equal(frame, want) {
					t.Fatalf("%v: %d x %d of %d bytes, strides %d and %d", l, rows, cols, size, sd, ss)
				}
				runs++
			}
		}
	})
	t.Logf("%d runs", runs)
	if runs < 5*30*(int(best)+1) {
		t.Error("too few")
	}
}
