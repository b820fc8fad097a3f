package stats

import (
	"math"
	"strconv"

	"github.com/tensorfile/tensorfile/tensor"
)

// Number is a value as exact as its dtype holds it: an int64, a uint64 or a
// float64. The zero Number is none.
type Number struct {
	kind  numberKind
	short bool // of a dtype that a float32 holds: fewer digits tell it apart
	bits  uint64
}

type numberKind uint8

const (
	noNumber numberKind = iota
	intNumber
	uintNumber
	floatNumber
)

func kindOf(d tensor.DType) numberKind {
	switch d.Class {
	case tensor.ClassInt:
		return intNumber
	case tensor.ClassUint, tensor.ClassBool:
		return uintNumber
	}
	return floatNumber
}

func intOf(x int64) Number   { return Number{kind: intNumber, bits: uint64(x)} }
func uintOf(x uint64) Number { return Number{kind: uintNumber, bits: x} }

func floatOf(x float64, d tensor.DType) Number {
	return Number{kind: floatNumber, short: d.Class == tensor.ClassFloat && d.Bits <= 32, bits: math.Float64bits(x)}
}

// Valid reports whether there is a number.
func (n Number) Valid() bool { return n.kind != noNumber }

// Float64 is the number, rounded if it has to be, and NaN if there is none.
func (n Number) Float64() float64 {
	switch n.kind {
	case intNumber:
		return float64(int64(n.bits))
	case uintNumber:
		return float64(n.bits)
	case floatNumber:
		return math.Float64frombits(n.bits)
	}
	return math.NaN()
}

// IsInt reports whether the number is of an integer dtype, or a bool's.
func (n Number) IsInt() bool { return n.kind == intNumber || n.kind == uintNumber }

// BitSize is 32 if the number is of a float dtype that a float32 holds, else
// 64: what strconv.FormatFloat needs to print no more digits than count.
func (n Number) BitSize() int {
	if n.short {
		return 32
	}
	return 64
}

// String is the shortest decimal that tells the number apart, and "none" if
// there is none.
func (n Number) String() string {
	switch n.kind {
	case intNumber:
		return strconv.FormatInt(int64(n.bits), 10)
	case uintNumber:
		return strconv.FormatUint(n.bits, 10)
	case floatNumber:
		return strconv.FormatFloat(n.Float64(), 'g', -1, n.BitSize())
	}
	return "none"
}
