package kernel

import "encoding/binary"

// MixBits is the number of fractional bits of the weights of MixU8.
const MixBits = 22

// MixU8 mixes rows of bytes, which begin step bytes after each other, to one:
// dst[i] is the sum of weights[k] * src[k*step+i], with MixBits fractional bits,
// rounded to nearest, halves up, and clipped. The sizes of the weights together
// must be less than two, so that no sum of theirs leaves 32 bits. step is not
// negative. dst and src must not overlap.
func MixU8(dst, src []byte, step int, weights []int32) {
	need(len(weights) > 0 && step >= 0, "no rows to mix")
	need(len(src)-len(dst) >= (len(weights)-1)*step, "rows behind the end of their source")
	i := mixU8Fast(dst, src, step, weights)
	mixU8(dst[i:], src[i:], step, weights)
}

// MixF32 mixes rows of floats, which begin step elements after each other, to
// one: dst[i] is the sum of weights[k] * src[k*step+i] in float64, each product
// rounded, then each sum, from the first row to the last, at the end to float32.
// step is not negative. dst and src must not overlap.
func MixF32(dst, src []float32, step int, weights []float64) {
	need(len(weights) > 0 && step >= 0, "no rows to mix")
	need(len(src)-len(dst) >= (len(weights)-1)*step, "rows behind the end of their source")
	i := mixF32Fast(dst, src, step, weights)
	dst, src = dst[i:], src[i:]
	for ; len(dst) >= 4; dst, src = dst[4:], src[4:] {
		var s0, s1, s2, s3 float64
		p := 0
		for _, w := range weights {
			r := src[p : p+4 : p+4]
			s0 += float64(float64(r[0]) * w) // not fused, on any machine
			s1 += float64(float64(r[1]) * w)
			s2 += float64(float64(r[2]) * w)
			s3 += float64(float64(r[3]) * w)
			p += step
		}
		d := dst[:4]
		d[0], d[1], d[2], d[3] = float32(s0), float32(s1), float32(s2), float32(s3)
	}
	for i := range dst {
		s, p := 0.0, i
		for _, w := range weights {
			s += float64(float64(src[p]) * w)
			p += step
		}
		dst[i] = float32(s)
	}
}

// clip8 is a sum without its fraction, 256 added, as a byte.
var clip8 = func() (table [1024]uint8) {
	for i := range table {
		table[i] = uint8(min(max(i-256, 0), 255))
	}
	return table
}()

// mixU8 sums 8 bytes at a time, two in each of four words: sums are exact
// modulo 2^32 whatever their order, and what is added makes them positive.
func mixU8(dst, src []byte, step int, weights []int32) {
	const (
		pair = 0x000000ff_000000ff
		half = 1 << (MixBits - 1)
		base = (1 | 1<<32) * (256<<MixBits + half)
		low  = 1<<10 - 1
	)
	for ; len(dst) >= 8; dst, src = dst[8:], src[8:] {
		s0, s1, s2, s3 := uint64(base), uint64(base), uint64(base), uint64(base)
		p := 0
		for _, w := range weights {
			b, w := binary.LittleEndian.Uint64(src[p:]), uint64(int64(w))
			s0 += b & pair * w
			s1 += b >> 8 & pair * w
			s2 += b >> 16 & pair * w
			s3 += b >> 24 & pair * w
			p += step
		}
		d := dst[:8]
		d[0], d[4] = clip8[s0>>MixBits&low], clip8[s0>>(32+MixBits)]
		d[1], d[5] = clip8[s1>>MixBits&low], clip8[s1>>(32+MixBits)]
		d[2], d[6] = clip8[s2>>MixBits&low], clip8[s2>>(32+MixBits)]
		d[3], d[7] = clip8[s3>>MixBits&low], clip8[s3>>(32+MixBits)]
	}
	for i := range dst {
		s, p := int64(half), i
		for _, w := range weights {
			s += int64(src[p]) * int64(w)
			p += step
		}
		dst[i] = uint8(min(max(s>>MixBits, 0), 255))
	}
}
