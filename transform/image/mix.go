package image

import (
	"encoding/binary"
	"math"
)

// element is what filters compute with: f16 and bf16 go through float32.
type element interface {
	uint8 | uint16 | float32 | float64
}

// A mixer sets each dst[i] to the sum of src[i+k*step] times the k-th weight of
// new pixel x, over all k: the rows of src, step elements apart, mixed to one.
type mixer[T element] func(dst, src []T, step int, t *taps, x int)

// clip8 is a sum without its fraction, 256 added, as a byte.
var clip8 = func() (table [1024]uint8) {
	for i := range table {
		table[i] = uint8(min(max(i-256, 0), 255))
	}
	return table
}()

// mixBytes sums 8 bytes at a time, two in each of four words: sums are exact
// modulo 2^32 whatever their order, and what is added makes them positive.
func mixBytes(dst, src []uint8, step int, t *taps, x int) {
	const (
		pair = 0x000000ff_000000ff
		both = 1 | 1<<32
		base = both * (256<<fixedBits + 1<<(fixedBits-1)) // and half, to round
	)
	w := t.fixed[x*t.most:][:t.n[x]]
	i := 0
	for ; i+8 <= len(dst); i += 8 {
		s0, s1, s2, s3 := uint64(base), uint64(base), uint64(base), uint64(base)
		p := i
		for _, w := range w {
			b := binary.LittleEndian.Uint64(src[p:])
			s0 += b & pair * w
			s1 += b >> 8 & pair * w
			s2 += b >> 16 & pair * w
			s3 += b >> 24 & pair * w
			p += step
		}
		d := dst[i : i+8 : i+8]
		const low = 1<<10 - 1
		d[0], d[4] = clip8[s0>>fixedBits&low], clip8[s0>>(32+fixedBits)]
		d[1], d[5] = clip8[s1>>fixedBits&low], clip8[s1>>(32+fixedBits)]
		d[2], d[6] = clip8[s2>>fixedBits&low], clip8[s2>>(32+fixedBits)]
		d[3], d[7] = clip8[s3>>fixedBits&low], clip8[s3>>(32+fixedBits)]
	}
	for ; i < len(dst); i++ {
		s := uint64(base)
		p := i
		for _, w := range w {
			s += uint64(src[p]) * w
			p += step
		}
		dst[i] = clip8[s>>fixedBits&(1<<10-1)]
	}
}

// mixWords rounds halves up and clips.
func mixWords(dst, src []uint16, step int, t *taps, x int) {
	mixSums(dst, src, step, t, x, func(s float64) uint16 {
		return uint16(min(max(math.Floor(s+0.5), 0), 65535))
	})
}

func mixFloats[T float32 | float64](dst, src []T, step int, t *taps, x int) {
	mixSums(dst, src, step, t, x, func(s float64) T { return T(s) })
}

// mixSums adds in float64, from the first row to the last.
func mixSums[T uint16 | float32 | float64](dst, src []T, step int, t *taps, x int, round func(float64) T) {
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
