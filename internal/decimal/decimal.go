// Package decimal reads numbers from text, at the speed of memory rather than of
// strings: it takes bytes, allocates nothing and says where the number ends.
package decimal

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"strconv"
)

// ErrRange says that a number does not fit its type.
var ErrRange = errors.New("out of range")

// Uint64 reads the decimal digits that b begins with. n is their number, 0 if b
// begins with something else.
func Uint64(b []byte) (x uint64, n int, err error) {
	for n < len(b) && b[n]-'0' <= 9 {
		if n >= 19 {
			hi, lo := bits.Mul64(x, 10)
			sum, carry := bits.Add64(lo, uint64(b[n]-'0'), 0)
			if hi != 0 || carry != 0 {
				err = ErrRange
			}
			x = sum
		} else {
			x = x*10 + uint64(b[n]-'0')
		}
		n++
	}
	return x, n, err
}

// Int64 reads the decimal number, with or without a sign, that b begins with. n
// is its length, 0 if b begins with something else.
func Int64(b []byte) (x int64, n int, err error) {
	sign := 0
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		sign = 1
	}
	u, n, err := Uint64(b[sign:])
	if n == 0 {
		return 0, 0, nil
	}
	n += sign
	if sign == 1 && b[0] == '-' {
		if u > 1<<63 {
			err = ErrRange
		}
		return -int64(u), n, err
	}
	if u > math.MaxInt64 {
		err = ErrRange
	}
	return int64(u), n, err
}

// Float64 reads the number that b begins with and rounds it to nearest, ties to
// even: digits with or without a point, a sign, an exponent; or inf, infinity,
// nan in any case, with or without a sign as for strtod. n is its length, 0 if b
// begins with something else. A number too large for a float64 is infinite, with
// ErrRange.
func Float64(b []byte) (x float64, n int, err error) {
	if len(b) == 0 {
		return 0, 0, nil
	}
	negative := b[0] == '-'
	i := int(one(negative) | one(b[0] == '+')) // no branch, which random signs would mispredict
	begin := i
	// The first 19 significant digits are m, the number m * 10^exp or a little
	// more if digits were left out.
	var m uint64
	var exp, digits int
	if i+1 < len(b) && b[i]-'0' <= 9 && b[i+1] == '.' { // as most floats begin
		m = uint64(b[i] - '0')
		i++
	} else {
		i, m = run(b, i, 0)
	}
	whole := i - begin
	digits = whole
	fraction := 0
	if i < len(b) && b[i] == '.' {
		from := i + 1
		i, m = run(b, from, m)
		fraction = i - from
		digits += fraction
	}
	if digits == 0 {
		return special(b, begin, negative)
	}
	mantissaEnd := i
	exp = -fraction
	if i < len(b) && b[i]|0x20 == 'e' {
		if e, k := exponent(b[i+1:]); k > 0 {
			exp += e
			i += 1 + k
		}
	}
	if digits > 19 {
		return long(b[:i], begin, mantissaEnd, whole, exp, negative)
	}
	if x, ok := scale(m, exp); ok {
		return math.Float64frombits(math.Float64bits(x) | one(negative)<<63), i, nil
	}
	return exact(b[:i])
}

func one(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// run goes on with m by the digits from b[i] on, eight characters at a time.
func run(b []byte, i int, m uint64) (int, uint64) {
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		v := w - 0x3030303030303030
		// The lowest byte with its high bit set is the first that is no digit: it got
		// no carry and no borrow.
		other := (w + 0x4646464646464646 | v) & 0x8080808080808080
		if other != 0 {
			n := bits.TrailingZeros64(other) >> 3
			return i + n, m*ten[n&7] + eight(v<<uint(64-8*n)) // zeros before the digits
		}
		m = m*1e8 + eight(v)
		i += 8
	}
	for i < len(b) && b[i]-'0' <= 9 {
		m = m*10 + uint64(b[i]-'0')
		i++
	}
	return i, m
}

// eight is the number that the bytes of v make, the lowest being the first digit.
// Neighbours are joined to numbers of two, four and eight digits.
func eight(v uint64) uint64 {
	v = v*10 + v>>8
	return (v&0x000000FF000000FF*(100+1000000<<32) + v>>16&0x000000FF000000FF*(1+10000<<32)) >> 32
}

// Index reads the digits that stand from b[i] to b[end], end excluded. Without
// any, end is i. A number of more than 19 digits that count is MaxUint64.
func Index(b []byte, i int) (x uint64, end int) {
	end, x = run(b, i, 0)
	for end-i > 19 && b[i] == '0' {
		i++
	}
	if end-i > 19 {
		x = math.MaxUint64
	}
	return x, end
}

// ten are the powers of ten for up to seven digits.
var ten = [8]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7}

// exponent reads what follows an e. Beyond any that counts it stays where it is.
func exponent(b []byte) (e, n int) {
	sign := 1
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		if b[0] == '-' {
			sign = -1
		}
		n = 1
	}
	begin := n
	for n < len(b) && b[n]-'0' <= 9 {
		if e < 1<<20 {
			e = e*10 + int(b[n]-'0')
		}
		n++
	}
	if n == begin {
		return 0, 0
	}
	return sign * e, n
}

// long reads a number of more than 19 digits. Leading zeros are none that count.
func long(b []byte, begin, end, whole, exp int, negative bool) (float64, int, error) {
	var m uint64
	taken, left := 0, 0
	for i := begin; i < end; i++ {
		c := b[i]
		if c == '.' {
			continue
		}
		if taken == 19 {
			left++
			continue
		}
		m = m*10 + uint64(c-'0')
		if m != 0 {
			taken++
		}
	}
	// What was left out is less than one unit of m. If m and m+1 round to the same
	// number, all between does.
	low, ok1 := scale(m, exp+left)
	if left > 0 && ok1 {
		high, ok2 := scale(m+1, exp+left)
		ok1 = ok2 && low == high
	}
	if !ok1 {
		return exact(b)
	}
	if negative {
		low = -low
	}
	return low, len(b), nil
}

// special reads inf and nan.
func special(b []byte, i int, negative bool) (float64, int, error) {
	x := math.Inf(1)
	n := word(b[i:], "infinity")
	if n == 0 {
		n = word(b[i:], "inf")
	}
	if n == 0 {
		n = word(b[i:], "nan")
		x = math.NaN()
	}
	if n == 0 {
		return 0, 0, nil
	}
	if negative {
		x = math.Copysign(x, -1)
	}
	return x, i + n, nil
}

func word(b []byte, w string) int {
	if len(b) < len(w) {
		return 0
	}
	for i := range len(w) {
		if b[i]|0x20 != w[i] {
			return 0
		}
	}
	return len(w)
}

// exact leaves what is rare to the standard library: numbers at a tie, very long
// ones, subnormal ones, and those out of range.
func exact(b []byte) (float64, int, error) {
	x, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		err = ErrRange
	}
	return x, len(b), err
}

// tens are the powers of ten that a float64 holds exactly.
var tens = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// scale returns m * 10^exp rounded to nearest, ties to even, or false where it
// cannot tell. The product is taken to 192 bits with a power that is a little
// too small, so the true one lies in a known interval: if both its ends round to
// the same number, that is it (after Lemire, "Number parsing at a gigabyte per
// second", Software: Practice and Experience 51, 2021).
func scale(m uint64, exp int) (float64, bool) {
	if m == 0 {
		return 0, true
	}
	if m < 1<<53 && exp >= -22 && exp <= 22 { // one operation on exact numbers
		if exp < 0 {
			return float64(m) / tens[-exp], true
		}
		return float64(m) * tens[exp], true
	}
	if exp < minPower || exp > maxPower {
		return 0, false
	}
	p := &powers()[exp-minPower]
	zeros := bits.LeadingZeros64(m)
	m <<= zeros
	// The upper half of the product with the upper half of the power is the true one
	// or one less.
	hi, mid := bits.Mul64(m, p.hi)
	shift := 10 + int(hi>>63)
	rest := hi & (1<<shift - 1)
	half := uint64(1) << (shift - 1)
	if rest+1 == half || rest == half || rest+1 == 1<<shift {
		// Where that matters, hi:mid:lo = m * p, and the true product is less than m
		// more.
		carry, lo := bits.Mul64(m, p.lo)
		var c uint64
		mid, c = bits.Add64(mid, carry, 0)
		hi += c
		_, c = bits.Add64(lo, m, 0)
		if _, c = bits.Add64(mid, 0, c); c != 0 {
			return 0, false // the upper end differs in the bits that count
		}
		shift = 10 + int(hi>>63)
		rest = hi & (1<<shift - 1)
		half = 1 << (shift - 1)
		if rest == half && mid|lo == 0 { // a tie, or just above it
			return 0, false
		}
	}
	mantissa := hi >> shift
	if rest >= half {
		mantissa++
	}
	// 217706 / 2^16 is log2(10), exact enough for the floor in this range.
	e := exp*217706>>16 + 64 - zeros + int(hi>>63) - 1
	if mantissa == 1<<53 {
		mantissa >>= 1
		e++
	}
	if e < -1022 || e > 1023 {
		return 0, false
	}
	return math.Float64frombits(mantissa&(1<<52-1) | uint64(e+1023)<<52), true
}
