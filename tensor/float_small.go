package tensor

import (
	"math"

	"github.com/tensorfile/tensorfile/internal/kernel"
)

// Float is the set of Go types that the constructors of the small float types
// round from.
type Float interface{ ~float32 | ~float64 }

// Conversions to the small floats (f16, bf16, f8, f6, f4) all take one road:
// the value is rounded to odd as a float32, and those bits are rounded to
// nearest even. Rounding to odd keeps the last bit set whenever something was
// cut off, and float32 has at least two bits more than any of these types, so
// the second rounding decides as if it saw the exact value.

// odd32 returns the bits of x rounded to odd as a float32.
func odd32[F Float](x F) uint32 {
	if y, ok := any(x).(float32); ok {
		return kernel.RoundToOdd32(y)
	}
	return kernel.RoundToOdd32(float64(x))
}

// minifloat describes a float type of at most 8 bits with a sign bit on top.
// Codes without that bit are magnitudes in ascending order.
type minifloat struct {
	bits uint  // of one code
	man  uint  // explicit mantissa bits
	bias int   // of the exponent
	max  uint8 // magnitude of the largest finite value
	over uint8 // magnitude that values past it, and infinities, become
	// nan holds the codes for a NaN without and with sign bit. Types without a
	// NaN take zeros, as ml_dtypes does.
	nan  [2]uint8
	fnuz bool // no negative zero: its code is the only NaN, and over means that NaN
}

var (
	miniE4M3FN   = minifloat{bits: 8, man: 3, bias: 7, max: 0x7e, over: 0x7f, nan: [2]uint8{0x7f, 0xff}}
	miniE5M2     = minifloat{bits: 8, man: 2, bias: 15, max: 0x7b, over: 0x7c, nan: [2]uint8{0x7e, 0xfe}}
	miniE4M3FNUZ = minifloat{bits: 8, man: 3, bias: 8, max: 0x7f, nan: [2]uint8{0x80, 0x80}, fnuz: true}
	miniE5M2FNUZ = minifloat{bits: 8, man: 2, bias: 16, max: 0x7f, nan: [2]uint8{0x80, 0x80}, fnuz: true}
	miniF4E2M1   = minifloat{bits: 4, man: 1, bias: 1, max: 0x07, over: 0x07, nan: [2]uint8{0x08, 0x00}}
	miniF6E2M3   = minifloat{bits: 6, man: 3, bias: 1, max: 0x1f, over: 0x1f, nan: [2]uint8{0x20, 0x00}}
	miniF6E3M2   = minifloat{bits: 6, man: 2, bias: 3, max: 0x1f, over: 0x1f, nan: [2]uint8{0x20, 0x00}}
)

// encode rounds the float32 with bits b to nearest, ties to even.
func (m *minifloat) encode(b uint32) uint8 {
	negative := b >> 31
	b &= 0x7fffffff
	if b > 0x7f800000 {
		return m.nan[negative]
	}
	code := m.magnitude(b)
	if m.fnuz {
		if code > m.max {
			return m.nan[0]
		}
		if code == 0 {
			return 0
		}
	} else if code > m.max {
		code = m.over
	}
	return code | uint8(negative<<(m.bits-1))
}

// magnitude returns the code for the float32 with bits b, sign clear and no
// NaN. What is too large gives some code above m.max.
func (m *minifloat) magnitude(b uint32) uint8 {
	const hidden = 1 << 23
	exp := int(b>>23) - 127
	frac := b&(hidden-1) | hidden
	low := 1 - m.bias // exponent of the smallest normal number
	shift := 23 - m.man
	if exp < low {
		// Subnormal here. (Subnormal float32 lie so far below half of the smallest
		// number that the hidden bit they lack makes no difference.)
		shift += uint(low - exp)
		if shift > 24 {
			return 0
		}
		exp = low
	}
	code := frac >> shift
	rest := frac & (1<<shift - 1)
	if half := uint32(1) << (shift - 1); rest > half || rest == half && code&1 == 1 {
		code++
	}
	// The hidden bit adds one to the exponent field, as does a carry.
	code += uint32(exp-low) << m.man
	return uint8(min(code, 0xff))
}

// decode returns the value of a code, of which only the low m.bits count.
func (m *minifloat) decode(code uint8) float32 {
	sign := uint8(1) << (m.bits - 1)
	code &= sign<<1 - 1
	mag := code &^ sign
	negative := uint32(code&sign) << (32 - m.bits)
	switch {
	case m.fnuz && code == sign:
		return math.Float32frombits(0xffc00000)
	case mag > m.max && mag == m.over && mag>>m.man<<m.man == mag: // e5m2: mantissa zero
		return math.Float32frombits(negative | 0x7f800000)
	case mag > m.max:
		return math.Float32frombits(negative | 0x7fc00000)
	}
	exp := int(mag>>m.man) - m.bias
	frac := int(mag) & (1<<m.man - 1)
	if mag>>m.man == 0 {
		exp++
	} else {
		frac |= 1 << m.man
	}
	f := float32(math.Ldexp(float64(frac), exp-int(m.man)))
	return math.Float32frombits(math.Float32bits(f) | negative)
}

// table returns the values of all 256 bytes.
func (m *minifloat) table() *[256]float32 {
	t := new([256]float32)
	for c := range t {
		t[c] = m.decode(uint8(c))
	}
	return t
}

var (
	valuesE4M3FN   = miniE4M3FN.table()
	valuesE5M2     = miniE5M2.table()
	valuesE4M3FNUZ = miniE4M3FNUZ.table()
	valuesE5M2FNUZ = miniE5M2FNUZ.table()
	valuesF4E2M1   = miniF4E2M1.table()
	valuesF6E2M3   = miniF6E2M3.table()
	valuesF6E3M2   = miniF6E3M2.table()
)

// DecodeF4E2M1 returns the value of the f4_e2m1 code in the low 4 bits of code:
// 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives.
func DecodeF4E2M1(code uint8) float32 { return valuesF4E2M1[code] }

// DecodeF6E2M3 returns the value of the f6_e2m3 code in the low 6 bits of code.
func DecodeF6E2M3(code uint8) float32 { return valuesF6E2M3[code] }

// DecodeF6E3M2 returns the value of the f6_e3m2 code in the low 6 bits of code.
func DecodeF6E3M2(code uint8) float32 { return valuesF6E3M2[code] }

// EncodeF4E2M1 rounds x to the nearest f4_e2m1, ties to even. Larger magnitudes
// and infinities become 6 with their sign. The type has no NaN: NaN becomes a
// zero, negative if the NaN's sign bit is clear, as in ml_dtypes.
func EncodeF4E2M1[F Float](x F) uint8 { return miniF4E2M1.encode(odd32(x)) }

// EncodeF6E2M3 rounds x to the nearest f6_e2m3, ties to even. Larger magnitudes
// and infinities become 7.5 with their sign, NaN a zero as for f4_e2m1.
func EncodeF6E2M3[F Float](x F) uint8 { return miniF6E2M3.encode(odd32(x)) }

// EncodeF6E3M2 rounds x to the nearest f6_e3m2, ties to even. Larger magnitudes
// and infinities become 28 with their sign, NaN a zero as for f4_e2m1.
func EncodeF6E3M2[F Float](x F) uint8 { return miniF6E3M2.encode(odd32(x)) }
