package decimal

import (
	"math"
	"strconv"
)

// AppendFloat appends the shortest text that reads back as x, which has been
// rounded to 32 or 64 bits, and that no one takes for a whole number: "1.0",
// "1e+21", "nan", "-inf". The bits of a NaN are lost.
func AppendFloat(b []byte, x float64, bits int) []byte {
	switch {
	case x != x:
		return append(b, "nan"...)
	case math.IsInf(x, 1):
		return append(b, "inf"...)
	case math.IsInf(x, -1):
		return append(b, "-inf"...)
	}
	begin := len(b)
	b = strconv.AppendFloat(b, x, 'g', -1, bits)
	for _, c := range b[begin:] {
		if c == '.' || c == 'e' {
			return b
		}
	}
	return append(b, ".0"...)
}
