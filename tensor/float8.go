package tensor

import "math"

// The five 8-bit float types. Constructors round to nearest, ties to even
// (Float8E8M0: ties up); what lies too far out, and what the types lack, becomes
// what ml_dtypes makes of it:
//
//	type            largest   beyond, and Inf   NaN         -0
//	Float8E4M3FN        448   NaN, sign kept    sign kept   kept
//	Float8E5M2        57344   Inf, sign kept    sign kept   kept
//	Float8E4M3FNUZ      240   NaN               0x80        0
//	Float8E5M2FNUZ    57344   NaN               0x80        0
//	Float8E8M0        2^127   NaN               0xff        NaN
//
// "Beyond" begins where rounding would need the next, missing value: half a
// step past the largest (in Float8E4M3FN a tie at 464 still goes down to 448).

// Float8E4M3FN has 4 exponent and 3 mantissa bits, two NaNs and no infinities
// (f8_e4m3fn).
type Float8E4M3FN uint8

// Float8E5M2 has 5 exponent and 2 mantissa bits, infinities and NaNs as IEEE
// types do (f8_e5m2).
type Float8E5M2 uint8

// Float8E4M3FNUZ has 4 exponent and 3 mantissa bits, one NaN, no infinities and
// no negative zero (f8_e4m3fnuz).
type Float8E4M3FNUZ uint8

// Float8E5M2FNUZ has 5 exponent and 2 mantissa bits, one NaN, no infinities and
// no negative zero (f8_e5m2fnuz).
type Float8E5M2FNUZ uint8

// Float8E8M0 is a power of two from 2^-127 to 2^127, or NaN (f8_e8m0): the
// scale of microscaling formats. It has no sign and no zero.
type Float8E8M0 uint8

// ToFloat8E4M3FN rounds x to the nearest Float8E4M3FN, ties to even. Magnitudes
// above 464 and infinities become NaN with their sign.
func ToFloat8E4M3FN[F Float](x F) Float8E4M3FN { return Float8E4M3FN(miniE4M3FN.encode(odd32(x))) }

// ToFloat8E5M2 rounds x to the nearest Float8E5M2, ties to even. Magnitudes from
// 61440 on become infinities.
func ToFloat8E5M2[F Float](x F) Float8E5M2 { return Float8E5M2(miniE5M2.encode(odd32(x))) }

// ToFloat8E4M3FNUZ rounds x to the nearest Float8E4M3FNUZ, ties to even.
// Magnitudes from 248 on and infinities become NaN.
func ToFloat8E4M3FNUZ[F Float](x F) Float8E4M3FNUZ {
	return Float8E4M3FNUZ(miniE4M3FNUZ.encode(odd32(x)))
}

// ToFloat8E5M2FNUZ rounds x to the nearest Float8E5M2FNUZ, ties to even.
// Magnitudes from 61440 on and infinities become NaN.
func ToFloat8E5M2FNUZ[F Float](x F) Float8E5M2FNUZ {
	return Float8E5M2FNUZ(miniE5M2FNUZ.encode(odd32(x)))
}

// ToFloat8E8M0 rounds x to the nearest power of two, ties up. Positive values up
// to 2^-127 become 2^-127, those between it and 2^-126 become 2^-126. Zero,
// negative values, infinities and values from 1.5*2^127 on become NaN.
func ToFloat8E8M0[F Float](x F) Float8E8M0 { return encodeE8M0(odd32(x)) }

func encodeE8M0(b uint32) Float8E8M0 {
	exp, frac := b>>23, b&0x7fffff
	switch {
	case b == 0 || b >= 0x7f800000:
		return 0xff
	case exp == 0:
		// 2^-127 is a subnormal float32.
		if frac > 0x400000 {
			return 1
		}
		return 0
	}
	return Float8E8M0(exp + frac>>22)
}

// Float32 returns the value of f, exactly.
func (f Float8E4M3FN) Float32() float32 { return valuesE4M3FN[f] }

// Float32 returns the value of f, exactly.
func (f Float8E5M2) Float32() float32 { return valuesE5M2[f] }

// Float32 returns the value of f, exactly.
func (f Float8E4M3FNUZ) Float32() float32 { return valuesE4M3FNUZ[f] }

// Float32 returns the value of f, exactly.
func (f Float8E5M2FNUZ) Float32() float32 { return valuesE5M2FNUZ[f] }

// Float32 returns the value of f, exactly.
func (f Float8E8M0) Float32() float32 { return valuesE8M0[f] }

var valuesE8M0 = func() *[256]float32 {
	t := new([256]float32)
	for c := range t {
		t[c] = math.Float32frombits(uint32(c) << 23)
	}
	t[0] = math.Float32frombits(0x400000)
	t[0xff] = math.Float32frombits(0x7fc00000)
	return t
}()

// Float64 returns the value of f, exactly.
func (f Float8E4M3FN) Float64() float64 { return float64(f.Float32()) }

// Float64 returns the value of f, exactly.
func (f Float8E5M2) Float64() float64 { return float64(f.Float32()) }

// Float64 returns the value of f, exactly.
func (f Float8E4M3FNUZ) Float64() float64 { return float64(f.Float32()) }

// Float64 returns the value of f, exactly.
func (f Float8E5M2FNUZ) Float64() float64 { return float64(f.Float32()) }

// Float64 returns the value of f, exactly.
func (f Float8E8M0) Float64() float64 { return float64(f.Float32()) }

// IsNaN reports whether f is not a number.
func (f Float8E4M3FN) IsNaN() bool { return f&0x7f == 0x7f }

// IsNaN reports whether f is not a number.
func (f Float8E5M2) IsNaN() bool { return f&0x7f > 0x7c }

// IsNaN reports whether f is not a number.
func (f Float8E4M3FNUZ) IsNaN() bool { return f == 0x80 }

// IsNaN reports whether f is not a number.
func (f Float8E5M2FNUZ) IsNaN() bool { return f == 0x80 }

// IsNaN reports whether f is not a number.
func (f Float8E8M0) IsNaN() bool { return f == 0xff }

// IsInf reports false: the type has no infinities.
func (f Float8E4M3FN) IsInf(sign int) bool { return false }

// IsInf reports whether f is an infinity: positive if sign > 0, negative if
// sign < 0, either if sign == 0.
func (f Float8E5M2) IsInf(sign int) bool {
	return sign >= 0 && f == 0x7c || sign <= 0 && f == 0xfc
}

// IsInf reports false: the type has no infinities.
func (f Float8E4M3FNUZ) IsInf(sign int) bool { return false }

// IsInf reports false: the type has no infinities.
func (f Float8E5M2FNUZ) IsInf(sign int) bool { return false }

// IsInf reports false: the type has no infinities.
func (f Float8E8M0) IsInf(sign int) bool { return false }

// String returns the shortest decimal that ToFloat8E4M3FN turns back into f.
func (f Float8E4M3FN) String() string {
	return shortest(f.Float64(), func(x float64) bool { return ToFloat8E4M3FN(x) == f })
}

// String returns the shortest decimal that ToFloat8E5M2 turns back into f.
func (f Float8E5M2) String() string {
	return shortest(f.Float64(), func(x float64) bool { return ToFloat8E5M2(x) == f })
}

// String returns the shortest decimal that ToFloat8E4M3FNUZ turns back into f.
func (f Float8E4M3FNUZ) String() string {
	return shortest(f.Float64(), func(x float64) bool { return ToFloat8E4M3FNUZ(x) == f })
}

// String returns the shortest decimal that ToFloat8E5M2FNUZ turns back into f.
func (f Float8E5M2FNUZ) String() string {
	return shortest(f.Float64(), func(x float64) bool { return ToFloat8E5M2FNUZ(x) == f })
}

// String returns the shortest decimal that ToFloat8E8M0 turns back into f.
func (f Float8E8M0) String() string {
	return shortest(f.Float64(), func(x float64) bool { return ToFloat8E8M0(x) == f })
}
