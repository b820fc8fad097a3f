// Package floats writes floats with the fewest digits that tell them from
// their neighbours in their own dtype.
package floats

import (
	"strconv"

	"github.com/tensorfile/tensorfile/internal/decimal"
	"github.com/tensorfile/tensorfile/tensor"
)

// Appender returns the function that appends a float of the dtype d: what reads
// back as the same float of d, has a point or an exponent, and so is no whole
// number, or is nan, inf or -inf.
func Appender(d tensor.DType) func(b []byte, x float64) []byte {
	bits := 32
	round := Rounding(d)
	if d == tensor.F64 || round != nil {
		bits = 64
	}
	return func(b []byte, x float64) []byte {
		if round != nil && x-x == 0 {
			x = Fewest(x, round)
		}
		return decimal.AppendFloat(b, x, bits)
	}
}

// Rounding returns how a float64 is rounded to d, if d is shorter than f32 and
// its floats are not short as they are.
func Rounding(d tensor.DType) func(float64) float64 {
	switch d {
	case tensor.F16:
		return func(x float64) float64 { return tensor.ToFloat16(x).Float64() }
	case tensor.BF16:
		return func(x float64) float64 { return tensor.ToBFloat16(x).Float64() }
	case tensor.F8E4M3FN:
		return func(x float64) float64 { return tensor.ToFloat8E4M3FN(x).Float64() }
	case tensor.F8E5M2:
		return func(x float64) float64 { return tensor.ToFloat8E5M2(x).Float64() }
	case tensor.F8E4M3FNUZ:
		return func(x float64) float64 { return tensor.ToFloat8E4M3FNUZ(x).Float64() }
	case tensor.F8E5M2FNUZ:
		return func(x float64) float64 { return tensor.ToFloat8E5M2FNUZ(x).Float64() }
	}
	return nil // f4, f6 and powers of two
}

// Fewest returns the decimal of the fewest digits that round takes to x.
func Fewest(x float64, round func(float64) float64) float64 {
	var buf [32]byte
	for digits := range 6 {
		b := strconv.AppendFloat(buf[:0], x, 'e', digits, 64)
		if y, err := strconv.ParseFloat(string(b), 64); err == nil && round(y) == x {
			return y
		}
	}
	return x
}
