package kernel

import "math"

// SumF32 adds x in 32 lanes: element i goes to lane i%32, in order, each lane
// begins with +0. Then lane j takes lane j+16, for j below 16; then j+8 for j
// below 8, and so on to one. Every level keeps this order, so that the result
// is the same everywhere.
func SumF32(x []float32) float32 {
	var s [32]float32
	i := sumF32Fast(&s, x)
	x = x[i:]
	for ; len(x) >= 32; x = x[32:] {
		for j, v := range (*[32]float32)(x) {
			s[j] += v
		}
	}
	for j, v := range x {
		s[j] += v
	}
	for h := 16; h > 0; h /= 2 {
		for j := range h {
			s[j] += s[j+h]
		}
	}
	return s[0]
}

// SumF64 adds x in 16 lanes: element i goes to lane i%16, in order, each lane
// begins with +0. Then lane j takes lane j+8, for j below 8, then j+4 for j
// below 4, and so on to one.
func SumF64(x []float64) float64 {
	var s [16]float64
	i := sumF64Fast(&s, x)
	x = x[i:]
	for ; len(x) >= 16; x = x[16:] {
		for j, v := range (*[16]float64)(x) {
			s[j] += v
		}
	}
	for j, v := range x {
		s[j] += v
	}
	for h := 8; h > 0; h /= 2 {
		for j := range h {
			s[j] += s[j+h]
		}
	}
	return s[0]
}

// MinMaxF32 returns the least and the largest of x, NaN left out, and how many
// NaN there are. -0 is less than 0. Where nothing but NaN is left, lo is +Inf
// and hi -Inf.
func MinMaxF32(x []float32) (lo, hi float32, nan int) {
	// As unsigned integers of the same order.
	const inf, top = 0x7f800000, 1 << 31
	l, h, nan, i := minMaxF32Fast(x, inf|top, ^uint32(inf|top))
	for _, v := range x[i:] {
		b := math.Float32bits(v)
		if b&^top > inf {
			nan++
			continue
		}
		k := b ^ (uint32(int32(b)>>31) | top)
		l, h = min(l, k), max(h, k)
	}
	return fromKey(l), fromKey(h), nan
}

func fromKey(k uint32) float32 {
	return math.Float32frombits(k ^ (^uint32(int32(k)>>31) | 1<<31))
}

// MinMaxF64 is MinMaxF32 for float64.
func MinMaxF64(x []float64) (lo, hi float64, nan int) {
	const inf = 0x7ff0000000000000
	l, h, nan, i := minMaxF64Fast(x, inf, -inf-1)
	for _, v := range x[i:] {
		b := math.Float64bits(v)
		if b&math.MaxInt64 > inf {
			nan++
			continue
		}
		k := int64(b ^ uint64(int64(b)>>63)>>1)
		l, h = min(l, k), max(h, k)
	}
	return unorder64(l), unorder64(h), nan
}

func unorder64(k int64) float64 {
	return math.Float64frombits(uint64(k) ^ uint64(k>>63)>>1)
}

// An Integer is any of Go's sized integers.
type Integer interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

// MinMax returns the least and the largest of x, which must not be empty.
func MinMax[T Integer](x []T) (lo, hi T) {
	need(len(x) > 0, "extremes of nothing")
	// Four at a time, so that they do not wait for each other.
	l, h := [4]T{x[0], x[0], x[0], x[0]}, [4]T{x[0], x[0], x[0], x[0]}
	for ; len(x) >= 4; x = x[4:] {
		q := (*[4]T)(x)
		l[0], h[0] = min(l[0], q[0]), max(h[0], q[0])
		l[1], h[1] = min(l[1], q[1]), max(h[1], q[1])
		l[2], h[2] = min(l[2], q[2]), max(h[2], q[2])
		l[3], h[3] = min(l[3], q[3]), max(h[3], q[3])
	}
	for _, v := range x {
		l[0], h[0] = min(l[0], v), max(h[0], v)
	}
	return min(l[0], l[1], l[2], l[3]), max(h[0], h[1], h[2], h[3])
}
