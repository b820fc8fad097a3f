package tensor

import (
	"bytes"
	"math"
	"strconv"
)

// floatFormat aligns a column of floats as NumPy does: it looks at all of them
// twice, first for the notation, then for the widths, and formats them then.
type floatFormat struct {
	kind      elem // elemF16, elemF32 or elemF64
	precision int
	suppress  bool
	plus      bool // a sign before all numbers

	largest, smallest float64 // magnitudes of the finite values that are not zero
	special, negInf   bool    // NaN or infinities were seen, negative ones

	stage      int // the pass that the fields below were made for
	scientific bool
	whole      int // characters before the decimal point, sign included
	frac       int // digits behind it
	exponent   int // digits of the exponent
	after      int // characters behind the decimal point, exponent included

	buf, short []byte
}

func newFloatFormat(kind elem, precision int, suppress, plus bool) *floatFormat {
	return &floatFormat{kind: kind, precision: precision, suppress: suppress, plus: plus, negInf: plus}
}

// floatPasses: the first finds the extremes, the second the widths.
const floatPasses = 2

func (f *floatFormat) measure(pass int, x float64) {
	f.enter(pass)
	finite := !math.IsNaN(x) && !math.IsInf(x, 0)
	switch a := math.Abs(x); {
	case !finite:
		f.special = true
		f.negInf = f.negInf || x < 0
	case pass == 0 && a != 0:
		f.largest = max(f.largest, a)
		if f.smallest == 0 || a < f.smallest {
			f.smallest = a
		}
	case pass == 1:
		whole, frac, exp := f.parts(x, false)
		f.whole = max(f.whole, len(whole))
		f.frac = max(f.frac, len(frac))
		f.exponent = max(f.exponent, len(exp)-1)
	}
}

// enter draws the conclusions from the pass before.
func (f *floatFormat) enter(stage int) {
	if f.stage >= stage {
		return
	}
	f.stage = stage
	switch stage {
	case 1:
		f.scientific = f.wantScientific()
	case floatPasses:
		f.after = f.frac
		if f.scientific {
			f.after += 2 + f.exponent
		}
		if f.special {
			need := len("nan")
			if f.negInf {
				need = len("-inf")
			}
			f.whole = max(f.whole, need-f.after-1)
		}
	}
}

// wantScientific compares in the type of the elements, as NumPy does.
func (f *floatFormat) wantScientific() bool {
	if f.largest == 0 {
		return false
	}
	cutoff, low, ratio := 1e8, 0.0001, f.largest/f.smallest
	switch f.kind {
	case elemF32:
		cutoff, low = 1e6, float64(float32(low))
		ratio = float64(float32(f.largest) / float32(f.smallest))
	case elemF16:
		cutoff, low = 1e3, ToFloat16(low).Float64()
		ratio = ToFloat16(float32(f.largest) / float32(f.smallest)).Float64()
	}
	return f.largest >= cutoff || !f.suppress && (f.smallest < low || ratio > 1000)
}

// append appends x, padded on both sides.
func (f *floatFormat) append(dst []byte, x float64) []byte {
	f.enter(floatPasses)
	if math.IsNaN(x) || math.IsInf(x, 0) {
		word := "nan"
		switch {
		case x < 0:
			word = "-inf"
		case f.plus && x > 0:
			word = "+inf"
		case x > 0:
			word = "inf"
		case f.plus:
			word = "+nan"
		}
		return appendRight(dst, []byte(word), f.whole+1+f.after)
	}
	whole, frac, exp := f.parts(x, true)
	dst = append(appendRight(dst, whole, f.whole), '.')
	dst = append(dst, frac...)
	if !f.scientific {
		return appendSpaces(dst, f.frac-len(frac))
	}
	dst = append(dst, 'e', exp[0])
	for range f.exponent + 1 - len(exp) {
		dst = append(dst, '0')
	}
	return append(dst, exp[1:]...)
}

// parts returns the digits of x: before and behind the decimal point and, in
// scientific notation, of the exponent; the first and the last with sign. There
// are as many as tell x from its neighbours, but at most f.precision behind the
// point, rounded from the exact value. In scientific notation with final set
// there are just as many as the longest number of the column has.
func (f *floatFormat) parts(x float64, final bool) (whole, frac, exp []byte) {
	format, precision := byte('f'), f.precision
	if f.scientific {
		format = 'e'
		if final {
			precision = f.frac
		}
	}
	whole, frac, exp = split(f.shortest(x, format))
	exact := f.scientific && final
	if len(frac) > precision || exact && len(frac) < precision {
		f.buf = strconv.AppendFloat(f.buf[:0], x, format, precision, 64)
		whole, frac, exp = split(f.buf)
	}
	if !exact {
		frac = bytes.TrimRight(frac, "0")
	}
	if f.plus && whole[0] != '-' {
		f.short = append(append(f.short[:0], '+'), whole...)
		whole = f.short
	}
	return whole, frac, exp
}

// split cuts what strconv writes at the point and at the e.
func split(s []byte) (whole, frac, exp []byte) {
	s, exp, _ = bytes.Cut(s, []byte("e"))
	whole, frac, _ = bytes.Cut(s, []byte("."))
	return whole, frac, exp
}

// shortest writes the fewest digits that tell x from the other numbers of its
// type.
func (f *floatFormat) shortest(x float64, format byte) []byte {
	bits := 64
	switch f.kind {
	case elemF32:
		bits = 32
	case elemF16:
		x = shortFloat(x, func(y float64) bool { return ToFloat16(y).Float64() == x })
	}
	f.buf = strconv.AppendFloat(f.buf[:0], x, format, -1, bits)
	return f.buf
}

func appendRight(dst, text []byte, width int) []byte {
	return append(appendSpaces(dst, width-len(text)), text...)
}

func appendSpaces(dst []byte, n int) []byte {
	for range n {
		dst = append(dst, ' ')
	}
	return dst
}
