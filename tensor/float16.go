package tensor

import (
	"bytes"
	"math"
	"strconv"
)

// Float16 is an IEEE 754 binary16 number (f16): 5 exponent bits, 10 mantissa
// bits, largest finite value 65504.
type Float16 uint16

// ToFloat16 rounds x to the nearest Float16, ties to even. From 65520 on the
// result is an infinity. Of a NaN the sign and the upper payload bits stay.
func ToFloat16[F Float](x F) Float16 { return encodeF16(odd32(x)) }

func encodeF16(b uint32) Float16 {
	const (
		two16   = (127 + 16) << 23    // 65536, beyond every finite result
		minNorm = (127 - 14) << 23    // the smallest normal Float16
		rebias  = (127 - 15) << 23    // between the two exponent fields
		inf     = uint32(0x7f800000)  // as a float32
		magic   = uint32(127-1) << 23 // 0.5, whose last bit weighs 2^-24
	)
	sign := Float16(b >> 16 & 0x8000)
	b &= 0x7fffffff
	if b-minNorm < two16-minNorm {
		return sign | Float16((b-rebias+0xfff+b>>13&1)>>13)
	}
	if b < minNorm {
		// Adding 0.5 rounds to multiples of the smallest subnormal, in hardware.
		f := math.Float32frombits(b) + math.Float32frombits(magic)
		return sign | Float16(math.Float32bits(f)-magic)
	}
	if b <= inf {
		return sign | 0x7c00
	}
	if payload := Float16(b >> 13 & 0x3ff); payload != 0 {
		return sign | 0x7c00 | payload
	}
	return sign | 0x7c01
}

// Float32 returns the value of h, exactly.
func (h Float16) Float32() float32 {
	sign := uint32(h&0x8000) << 16
	b := uint32(h&0x7fff) << 13
	switch {
	case b-1<<23 < 30<<23: // exponent field 1..30
		return math.Float32frombits(sign | b + (127-15)<<23)
	case b >= 31<<23: // infinity or NaN
		return math.Float32frombits(sign | b + (255-31)<<23)
	}
	// Subnormal: as the mantissa of a number from 2^-14 on, less 2^-14.
	const magic = (127 - 14) << 23
	f := math.Float32frombits(magic|b) - math.Float32frombits(magic)
	return math.Float32frombits(sign | math.Float32bits(f))
}

// Float64 returns the value of h, exactly.
func (h Float16) Float64() float64 { return float64(h.Float32()) }

// IsNaN reports whether h is not a number.
func (h Float16) IsNaN() bool { return h&0x7fff > 0x7c00 }

// IsInf reports whether h is an infinity: positive if sign > 0, negative if
// sign < 0, either if sign == 0.
func (h Float16) IsInf(sign int) bool {
	return sign >= 0 && h == 0x7c00 || sign <= 0 && h == 0xfc00
}

// String returns the shortest decimal that ToFloat16 turns back into h.
func (h Float16) String() string {
	return shortest(h.Float64(), func(f float64) bool { return ToFloat16(f) == h })
}

// shortest formats x with the fewest digits for which same holds, as 'g' does
// for float64. NaN and infinities look as strconv writes them.
func shortest(x float64, same func(float64) bool) string {
	return strconv.FormatFloat(shortFloat(x, same), 'g', -1, 64)
}

// shortFloat returns the float64 that prints with the fewest digits of those
// next to x for which same holds.
func shortFloat(x float64, same func(float64) bool) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return x
	}
	var buf [32]byte
	for digits := 0; digits < 17; digits++ {
		s := strconv.AppendFloat(buf[:0], x, 'e', digits, 64)
		y := parseFloat(s)
		if same(y) {
			return y
		}
		if math.Abs(y) < math.Abs(x) {
			// At powers of two the next number is twice as far above as below, so
			// that the farther neighbour may be the one that rounds to x.
			if y = parseFloat(increment(s)); same(y) {
				return y
			}
		}
	}
	return x
}

// increment adds one to the last digit before the exponent, away from zero.
func increment(s []byte) []byte {
	mantissa, exponent, _ := bytes.Cut(s, []byte("e"))
	whole, fraction, _ := bytes.Cut(mantissa, []byte("."))
	n, _ := strconv.ParseInt(string(whole)+string(fraction), 10, 64)
	e, _ := strconv.Atoi(string(exponent))
	if s[0] == '-' {
		n--
	} else {
		n++
	}
	up := strconv.AppendInt(nil, n, 10)
	up = append(up, 'e')
	return strconv.AppendInt(up, int64(e-len(fraction)), 10)
}

// parseFloat is for text that strconv wrote.
func parseFloat(s []byte) float64 {
	f, _ := strconv.ParseFloat(string(s), 64)
	return f
}
