package ptxsim

import (
	"math"
	"strconv"
)

// A typ is a fundamental type (section 5.2.1).
type typ struct {
	kind byte // 'b' bits, 'u', 's', 'f', 'p' predicate
	bits int
}

var pred = typ{'p', 1}

func (t typ) String() string {
	if t.kind == 'p' {
		return "pred"
	}
	return string(t.kind) + strconv.Itoa(t.bits)
}

func (t typ) size() int { return t.bits / 8 }

func (t typ) mask() uint64 { return ones64 >> (64 - t.bits) }

const ones64 uint64 = math.MaxUint64

var typNames = map[string]typ{
	"pred": pred,
	"b8":   {'b', 8}, "b16": {'b', 16}, "b32": {'b', 32}, "b64": {'b', 64},
	"u8": {'u', 8}, "u16": {'u', 16}, "u32": {'u', 32}, "u64": {'u', 64},
	"s8": {'s', 8}, "s16": {'s', 16}, "s32": {'s', 32}, "s64": {'s', 64},
	"f16": {'f', 16}, "f32": {'f', 32}, "f64": {'f', 64},
}

// fits reports whether an operand of type o may stand where t is wanted: sizes
// agree, and floats do not mix with integers (section 9.2).
func (t typ) fits(o typ) bool {
	switch {
	case t.kind == 'p' || o.kind == 'p':
		return t == o
	case t.bits != o.bits:
		return false
	case t.kind == 'b' || o.kind == 'b':
		return true
	}
	return (t.kind == 'f') == (o.kind == 'f')
}

// holds is fits for ld, st and cvt, where the register may be wider (section
// 9.4.1): integers and bits mix, floats stay among floats and bits of their size.
func (t typ) holds(o typ) bool {
	switch {
	case t.kind == 'p' || o.kind == 'p':
		return false
	case t.kind == 'f' || o.kind == 'f':
		return t.fits(o)
	}
	return o.bits >= t.bits
}

// signed is the value of the low bits of v as two's complement.
func signed(v uint64, bits int) int64 { return int64(v<<(64-bits)) >> (64 - bits) }

// widen is v, of type t, as 64 bits.
func (t typ) widen(v uint64) uint64 {
	if t.kind == 's' {
		return uint64(signed(v, t.bits))
	}
	return v & t.mask()
}

func f32(v uint64) float32 { return math.Float32frombits(uint32(v)) }

func f64(v uint64) float64 { return math.Float64frombits(v) }

func from32(f float32) uint64 { return uint64(math.Float32bits(f)) }

// fromHalf is the value of an IEEE binary16 that is not NaN.
func fromHalf(h uint64) float64 {
	exp, frac := int(h>>10&31), float64(h&0x3ff)
	x := math.Ldexp(1024+frac, exp-25)
	switch exp {
	case 0:
		x = math.Ldexp(frac, -24)
	case 31:
		x = math.Inf(1)
	}
	if h&0x8000 != 0 {
		x = -x
	}
	return x
}

func halfNaN(h uint64) bool { return h&0x7fff > 0x7c00 }

// toHalf rounds x, which is not NaN, to the nearest binary16, ties to even.
func toHalf(x float64) uint64 {
	sign := math.Float64bits(x) >> 63 << 15
	x = math.Abs(x)
	switch {
	case x >= 65520:
		return sign | 0x7c00
	case x == 0:
		return sign
	}
	_, e := math.Frexp(x) // x in [2^(e-1), 2^e)
	unit := max(e-11, -24)
	m := uint64(math.RoundToEven(math.Ldexp(x, -unit)))
	// A mantissa that was rounded up to 2048 moves into the exponent by itself.
	if unit > -24 {
		m += uint64(unit+24) << 10
	}
	return sign | m
}

// fma32 is a*b + c with one rounding (section 9.7.3, fma).
func fma32(a, b, c float32) float32 {
	p := float64(float64(a) * float64(b)) // exact
	s := float64(p + float64(c))
	t := float64(s - p)
	e := float64(p-float64(s-t)) + float64(float64(c)-t) // p + c = s + e, exactly
	if u := math.Float64bits(s); u&1 == 0 && (e > 0 || e < 0) && !math.IsInf(s, 0) {
		// To odd, so that the second rounding decides as if it saw all of it.
		if (e > 0) == (s > 0) {
			u++
		} else {
			u--
		}
		s = math.Float64frombits(u)
	}
	return float32(s)
}

// minmax follows the rules of min and max for floats (section 9.7.3): of a number
// and NaN the number, and -0 below +0.
func minmax(a, b float64, high bool) float64 {
	switch {
	case a != a:
		return b
	case b != b:
		return a
	case high:
		return math.Max(a, b)
	}
	return math.Min(a, b)
}
