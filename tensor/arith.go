package tensor

import (
	"math"
	"math/bits"
	"strconv"
)

// mulLen multiplies two numbers that are not negative; false if the product
// passes 2^63-1.
func mulLen(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	return int64(lo), hi == 0 && lo <= math.MaxInt64
}

// mulStride multiplies a count n >= 0 with a stride of any sign.
func mulStride(n, s int64) (int64, bool) {
	abs := uint64(s)
	if s < 0 {
		abs = -abs
	}
	hi, lo := bits.Mul64(uint64(n), abs)
	switch {
	case hi != 0:
		return 0, false
	case s >= 0:
		return int64(lo), lo <= math.MaxInt64
	}
	return -int64(lo), lo <= math.MaxInt64
}

// addSigned adds; false if the sum leaves int64.
func addSigned(a, b int64) (int64, bool) {
	c := a + b
	return c, (c > a) == (b > 0)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// fail makes an error without a place in a file.
func fail(kind error, field, got, want, rule string) error {
	return &Error{Kind: kind, Offset: -1, Field: field, Got: got, Want: want, Rule: rule}
}
