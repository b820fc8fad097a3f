package kernel

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"
)

// FuzzNumbers compares every level with Go's on numbers made of any bytes, at
// any place in a line of the cache.
func FuzzNumbers(f *testing.F) {
	f.Add(random(400, 51), uint8(3))
	f.Add([]byte{0, 0x7c, 1, 0x7c, 0xff, 0xff, 0x80, 0x7f, 1, 0, 0x80, 0x7f, 0, 0, 0xc0, 0xff}, uint8(0))
	f.Fuzz(func(t *testing.T, data []byte, at uint8) {
		if len(data) > 1<<14 {
			return
		}
		le := binary.LittleEndian
		x16 := make([]uint16, 32+len(data)/2)[at%32:][:len(data)/2]
		i16 := make([]int16, len(x16))
		x32 := make([]float32, 32+len(data)/4)[at%32:][:len(data)/4]
		x64 := make([]float64, len(data)/8)
		for i := range x16 {
			x16[i] = le.Uint16(data[2*i:])
			i16[i] = int16(x16[i])
		}
		for i := range x32 {
			x32[i] = math.Float32frombits(le.Uint32(data[4*i:]))
		}
		for i := range x64 {
			x64[i] = math.Float64frombits(le.Uint64(data[8*i:]))
		}
		type results struct {
			wide   [4][]float32
			narrow [2][]uint16
			sums   [2]float64
			lo, hi [2]float64
			nan    [2]int
		}
		var want results
		atEachLevel(t, func(l level) {
			var r results
			for i, n := range []int{len(data), len(i16), len(x16), len(x16)} {
				r.wide[i] = make([]float32, n+64)[int(at)%16 : int(at)%16+n]
			}
			U8ToF32(r.wide[0], data, false)
			I16ToF32(r.wide[1], i16, false)
			F16ToF32(r.wide[2], x16, false)
			BF16ToF32(r.wide[3], x16, false)
			r.narrow[0], r.narrow[1] = make([]uint16, len(x32)), make([]uint16, len(x32))
			F32ToF16(r.narrow[0], x32, false)
			F32ToBF16(r.narrow[1], x32, false)
			r.sums = [2]float64{float64(SumF32(x32)), SumF64(x64)}
			lo, hi, nan := MinMaxF32(x32)
			r.lo[0], r.hi[0], r.nan[0] = float64(lo), float64(hi), nan
			r.lo[1], r.hi[1], r.nan[1] = MinMaxF64(x64)
			if l == levelGo {
				want = r
				return
			}
			for i := range r.wide {
				if !slices.EqualFunc(r.wide[i], want.wide[i], same) {
					t.Errorf("%v: conversion %d to float32", l, i)
				}
			}
			for i := range r.narrow {
				if !slices.Equal(r.narrow[i], want.narrow[i]) {
					t.Errorf("%v: conversion %d from float32", l, i)
				}
			}
			for i := range r.sums {
				if !equalFloat(r.sums[i], want.sums[i]) || !equalFloat(r.lo[i], want.lo[i]) || !equalFloat(r.hi[i], want.hi[i]) {
					t.Errorf("%v: %d: sum %v, extremes %v, %v, want %v, %v, %v", l, i, r.sums[i], r.lo[i], r.hi[i], want.sums[i], want.lo[i], want.hi[i])
				}
			}
			if r.nan != want.nan {
				t.Errorf("%v: %v NaN, want %v", l, r.nan, want.nan)
			}
		})
	})
}

// FuzzTranspose compares every level with one element at a time, what lies
// between the rows of the result included.
func FuzzTranspose(f *testing.F) {
	f.Add(uint8(64), uint8(80), uint8(2), uint8(0), uint8(64), uint8(0))
	f.Add(uint8(17), uint8(33), uint8(0), uint8(5), uint8(7), uint8(3))
	f.Fuzz(func(t *testing.T, rows, cols, log, gapD, gapS, at uint8) {
		size := 1 << (log % 5)
		n, m := int(rows), int(cols)
		sd, ss := n*size+int(gapD), m*size+int(gapS)
		src := random(n*ss+64, uint64(at))[at%64:]
		blank := random(m*sd+64, 77)
		want := slices.Clone(blank)
		for i := range n {
			for j := range m {
				copy(want[int(at%64)+j*sd+i*size:][:size], src[i*ss+j*size:])
			}
		}
		atEachLevel(t, func(l level) {
			dst := slices.Clone(blank)
			Transpose(dst[at%64:], sd, src, ss, n, m, size, at&64 != 0)
			if !slices.Equal(dst, want) {
				t.Errorf("%v: %d by %d elements of %d bytes, strides %d and %d", l, n, m, size, sd, ss)
			}
		})
	})
}
