package kernel

import "math"

// Rows: an operation of each element of x with the accumulator at its place.
// acc is as long as x. Many rows are reduced to one by as many calls, or one
// long row in pieces.

// A Number is any of Go's sized integers and floats.
type Number interface {
	Integer | float32 | float64
}

// MinRow takes the lesser of acc and x, place by place. -0 is less than +0. NaN
// with anything is NaN, of no particular sign or payload.
func MinRow[T Number](acc, x []T) {
	need(len(acc) == len(x), badLength)
	i := minRowFast(acc, x)
	acc, x = acc[i:], x[i:]
	switch a := any(acc).(type) {
	case []float32:
		minRow32(a, any(x).([]float32))
	case []float64:
		minRow64(a, any(x).([]float64))
	default:
		for i, v := range x {
			acc[i] = min(acc[i], v)
		}
	}
}

// MaxRow takes the greater, otherwise as MinRow.
func MaxRow[T Number](acc, x []T) {
	need(len(acc) == len(x), badLength)
	i := maxRowFast(acc, x)
	acc, x = acc[i:], x[i:]
	switch a := any(acc).(type) {
	case []float32:
		maxRow32(a, any(x).([]float32))
	case []float64:
		maxRow64(a, any(x).([]float64))
	default:
		for i, v := range x {
			acc[i] = max(acc[i], v)
		}
	}
}

// The floats do what vector instructions do: where neither is less, the bits of
// both decide.

func minRow32(acc, x []float32) {
	x = x[:len(acc)]
	for i, v := range x {
		switch a := acc[i]; {
		case a < v:
		case v < a:
			acc[i] = v
		default:
			acc[i] = math.Float32frombits(math.Float32bits(a) | math.Float32bits(v))
		}
	}
}

func minRow64(acc, x []float64) {
	x = x[:len(acc)]
	for i, v := range x {
		switch a := acc[i]; {
		case a < v:
		case v < a:
			acc[i] = v
		default:
			acc[i] = math.Float64frombits(math.Float64bits(a) | math.Float64bits(v))
		}
	}
}

func maxRow32(acc, x []float32) {
	x = x[:len(acc)]
	for i, v := range x {
		switch a := acc[i]; {
		case a > v:
		case v > a:
			acc[i] = v
		case a == v:
			acc[i] = math.Float32frombits(math.Float32bits(a) & math.Float32bits(v))
		default:
			acc[i] = math.Float32frombits(math.MaxUint32)
		}
	}
}

func maxRow64(acc, x []float64) {
	x = x[:len(acc)]
	for i, v := range x {
		switch a := acc[i]; {
		case a > v:
		case v > a:
			acc[i] = v
		case a == v:
			acc[i] = math.Float64frombits(math.Float64bits(a) & math.Float64bits(v))
		default:
			acc[i] = math.Float64frombits(math.MaxUint64)
		}
	}
}

// AddRow adds x to acc in two's complement of 64 bits, signed types with their
// sign.
func AddRow[T Integer](acc []uint64, x []T) {
	need(len(acc) == len(x), badLength)
	i := addRowFast(acc, x)
	acc, x = acc[i:], x[i:]
	for i, v := range x {
		acc[i] += uint64(v)
	}
}

// AddRowF32 adds x to acc.
func AddRowF32(acc []float64, x []float32) {
	need(len(acc) == len(x), badLength)
	i := addRowF32Fast(acc, x)
	acc, x = acc[i:], x[i:]
	for i, v := range x {
		acc[i] += float64(v)
	}
}

// AddRowF64 adds x to acc.
func AddRowF64(acc, x []float64) {
	need(len(acc) == len(x), badLength)
	i := addRowF64Fast(acc, x)
	acc, x = acc[i:], x[i:]
	for i, v := range x {
		acc[i] += v
	}
}

// Sum adds x in two's complement of 64 bits, signed types with their sign.
func Sum[T Integer](x []T) uint64 {
	s, i := sumFast(x)
	x = x[i:]
	var lanes [4]uint64
	for ; len(x) >= 4; x = x[4:] {
		q := (*[4]T)(x)
		lanes[0] += uint64(q[0])
		lanes[1] += uint64(q[1])
		lanes[2] += uint64(q[2])
		lanes[3] += uint64(q[3])
	}
	for _, v := range x {
		s += uint64(v)
	}
	return s + lanes[0] + lanes[1] + lanes[2] + lanes[3]
}
