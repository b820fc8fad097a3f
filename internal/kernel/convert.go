package kernel

import "math"

// Conversions. dst and src have one length in elements. stream is as in Convert.

// U8ToF32 converts exactly.
func U8ToF32(dst []float32, src []uint8, stream bool) {
	need(len(dst) == len(src), badLength)
	head, stream := lead32(dst, stream)
	u8ToF32Go(dst[:head], src)
	i := head + u8ToF32Fast(dst[head:], src[head:], stream)
	u8ToF32Go(dst[i:], src[i:])
}

// I16ToF32 converts exactly.
func I16ToF32(dst []float32, src []int16, stream bool) {
	need(len(dst) == len(src), badLength)
	head, stream := lead32(dst, stream)
	i16ToF32Go(dst[:head], src)
	i := head + i16ToF32Fast(dst[head:], src[head:], stream)
	i16ToF32Go(dst[i:], src[i:])
}

// BF16ToF32 converts bfloat16 bits exactly, NaN payloads included.
func BF16ToF32(dst []float32, src []uint16, stream bool) {
	need(len(dst) == len(src), badLength)
	head, stream := lead32(dst, stream)
	bf16ToF32Go(dst[:head], src)
	i := head + bf16ToF32Fast(dst[head:], src[head:], stream)
	bf16ToF32Go(dst[i:], src[i:])
}

// F16ToF32 converts IEEE binary16 bits exactly. NaN keeps sign and payload, a
// signaling one stays signaling.
func F16ToF32(dst []float32, src []uint16, stream bool) {
	need(len(dst) == len(src), badLength)
	head, stream := lead32(dst, stream)
	f16ToF32Go(dst[:head], src)
	for i := head; i < len(src); {
		// The fast loop stops before a signaling NaN, which hardware would
		// make quiet.
		i += f16ToF32Fast(dst[i:], src[i:], stream)
		n := min(i+lanes, len(src))
		f16ToF32Go(dst[i:n], src[i:n])
		i = n
	}
}

// F32ToF16 rounds to the nearest IEEE binary16, ties to even; from 65520 on to
// infinity. NaN keeps its sign and the upper bits of its payload, which is 1 if
// those are zero.
func F32ToF16(dst []uint16, src []float32, stream bool) {
	need(len(dst) == len(src), badLength)
	head, stream := lead16(dst, stream)
	f32ToF16Go(dst[:head], src[:head])
	for i := head; i < len(src); {
		// The fast loop stops before a signaling NaN, which hardware would
		// make quiet.
		i += f32ToF16Fast(dst[i:], src[i:], stream)
		n := min(i+lanes, len(src))
		f32ToF16Go(dst[i:n], src[i:n])
		i = n
	}
}

// F32ToBF16 rounds to the nearest bfloat16, ties to even, and every NaN to the
// quiet one of its sign without payload.
func F32ToBF16(dst []uint16, src []float32, stream bool) {
	need(len(dst) == len(src), badLength)
	head, stream := lead16(dst, stream)
	f32ToBF16Go(dst[:head], src[:head])
	i := head + f32ToBF16Fast(dst[head:], src[head:], stream)
	f32ToBF16Go(dst[i:], src[i:])
}

// F32ToU8 cuts fractions off. What lies outside the range becomes the nearest
// limit, NaN 0.
func F32ToU8(dst []uint8, src []float32) {
	need(len(dst) == len(src), badLength)
	i := f32ToU8Fast(dst, src)
	dst, src = dst[i:], src[i:]
	for i, v := range src[:len(dst)] {
		switch {
		case v >= 255:
			dst[i] = 255
		case v > 0:
			dst[i] = uint8(v)
		default:
			dst[i] = 0
		}
	}
}

// F32ToI16 is F32ToU8 for int16.
func F32ToI16(dst []int16, src []float32) {
	need(len(dst) == len(src), badLength)
	i := f32ToI16Fast(dst, src)
	dst, src = dst[i:], src[i:]
	for i, v := range src[:len(dst)] {
		switch {
		case v >= 32767:
			dst[i] = 32767
		case v <= -32768:
			dst[i] = -32768
		case v == v:
			dst[i] = int16(v)
		default:
			dst[i] = 0
		}
	}
}

// lanes is how many elements Go converts where a fast loop has stopped: at
// least as many as the loop looks at together.
const lanes = 32

// lead32 and lead16 say how a result is stored. If it is to be streamed, the
// elements before the first line of the cache are converted by Go.
func lead32(dst []float32, wanted bool) (head int, stream bool) {
	return lead(lineOffset32(dst), 4, len(dst), wanted)
}

func lead16(dst []uint16, wanted bool) (head int, stream bool) {
	return lead(lineOffset16(dst), 2, len(dst), wanted)
}

func lead(skew, size, n int, wanted bool) (head int, stream bool) {
	if !wanted || n < 256 || skew&(size-1) != 0 {
		return 0, false
	}
	return -skew & 63 / size, true
}

func u8ToF32Go(dst []float32, src []uint8) {
	for i := range dst {
		dst[i] = float32(src[i])
	}
}

func i16ToF32Go(dst []float32, src []int16) {
	for i := range dst {
		dst[i] = float32(src[i])
	}
}

func bf16ToF32Go(dst []float32, src []uint16) {
	src = src[:len(dst)]
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(src[i]) << 16)
	}
}

func f16ToF32Go(dst []float32, src []uint16) {
	src = src[:len(dst)]
	for i, h := range src {
		b := uint32(h&0x7fff) << 13
		sign := uint32(h&0x8000) << 16
		switch {
		case b-1<<23 < 30<<23: // normal
			b += (127 - 15) << 23
		case b >= 31<<23: // infinite or NaN
			b += (255 - 31) << 23
		default:
			// Subnormal: the mantissa of a number from 2^-14 on, less 2^-14.
			const least = (127 - 14) << 23
			b = math.Float32bits(math.Float32frombits(least|b) - math.Float32frombits(least))
		}
		dst[i] = math.Float32frombits(sign | b)
	}
}

func f32ToF16Go(dst []uint16, src []float32) {
	const (
		two16  = (127 + 16) << 23    // beyond every finite result
		least  = (127 - 14) << 23    // the smallest normal result
		rebias = (127 - 15) << 23    // between the two exponents
		half   = uint32(127-1) << 23 // 0.5, whose last bit weighs 2^-24
	)
	dst = dst[:len(src)]
	for i, f := range src {
		b := math.Float32bits(f)
		sign := uint16(b >> 16 & 0x8000)
		b &= 0x7fffffff
		switch {
		case b-least < two16-least:
			dst[i] = sign | uint16((b-rebias+0xfff+b>>13&1)>>13)
		case b < least:
			// Adding 0.5 rounds to multiples of the smallest subnormal.
			sum := math.Float32frombits(b) + math.Float32frombits(half)
			dst[i] = sign | uint16(math.Float32bits(sum)-half)
		case b <= 0x7f800000:
			dst[i] = sign | 0x7c00
		default:
			dst[i] = sign | 0x7c00 | max(uint16(b>>13&0x3ff), 1)
		}
	}
}

func f32ToBF16Go(dst []uint16, src []float32) {
	dst = dst[:len(src)]
	for i, f := range src {
		b := math.Float32bits(f)
		r := (b + 0x7fff + b>>16&1) >> 16
		if b&0x7fffffff > 0x7f800000 {
			r = b>>16&0x8000 | 0x7fc0
		}
		dst[i] = uint16(r)
	}
}
