package tensor

import "math"

// BFloat16 is a bfloat16 number (bf16): the upper half of a float32, with 8
// exponent bits and 7 mantissa bits.
type BFloat16 uint16

// ToBFloat16 rounds x to the nearest BFloat16, ties to even. Past the largest
// finite value, 2^128 - 2^120, by half a step or more the result is an
// infinity. Every NaN becomes the quiet NaN of its sign without payload.
func ToBFloat16[F Float](x F) BFloat16 { return encodeBF16(odd32(x)) }

func encodeBF16(b uint32) BFloat16 {
	if b&0x7fffffff > 0x7f800000 {
		return BFloat16(b>>16&0x8000 | 0x7fc0)
	}
	return BFloat16((b + 0x7fff + b>>16&1) >> 16)
}

// Float32 returns the value of h, exactly.
func (h BFloat16) Float32() float32 { return math.Float32frombits(uint32(h) << 16) }

// Float64 returns the value of h, exactly.
func (h BFloat16) Float64() float64 { return float64(h.Float32()) }

// IsNaN reports whether h is not a number.
func (h BFloat16) IsNaN() bool { return h&0x7fff > 0x7f80 }

// IsInf reports whether h is an infinity: positive if sign > 0, negative if
// sign < 0, either if sign == 0.
func (h BFloat16) IsInf(sign int) bool {
	return sign >= 0 && h == 0x7f80 || sign <= 0 && h == 0xff80
}

// String returns the shortest decimal that ToBFloat16 turns back into h.
func (h BFloat16) String() string {
	return shortest(h.Float64(), func(f float64) bool { return ToBFloat16(f) == h })
}
