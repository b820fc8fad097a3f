package stats

import (
	"math"

	"github.com/tensorfile/tensorfile/tensor"
)

// Options says how to take statistics. The zero value, and nil, are the
// defaults.
type Options struct {
	// Exact is how many values of a dtype of more than 16 bits are kept, 8
	// bytes each, so that quantiles are exact. Beyond it they are estimated
	// from counts of values that agree in sign, exponent and 11 bits of the
	// fraction: an estimate is off by at most 1/4096 of the value. (Subnormal
	// f64 excepted.) Default: 1<<20. Negative: none are kept.
	Exact int
	// NoQuantiles saves the memory and the time that quantiles cost; Quantile
	// then returns NaN. Default: false.
	NoQuantiles bool
	// RangeOnly saves all time but that of Range and, of the Summary, of Count, NaN,
	// PosInf and NegInf: the rest of it means nothing then, and Quantile returns
	// NaN. Dtypes of at most 16 bits take no notice. Default: false.
	RangeOnly bool
}

// defaultExact is 8 MiB of values, which sort in a tenth of a second.
const defaultExact = 1 << 20

// Summary is what is known of the elements. Extremes are not Valid, mean and
// deviation NaN, where no element counts for them.
type Summary struct {
	Count  int64 // of all elements
	NaN    int64
	PosInf int64
	NegInf int64
	Zeros  int64 // of either sign
	Min    Number
	Max    Number
	Mean   float64
	Std    float64 // of the population: divided by the count, not one less
}

// An Accumulator takes statistics of the elements it is given. It belongs to
// one goroutine.
type Accumulator struct {
	loader
	class numberKind
	codes []uint64 // of dtypes up to 16 bits: how often each code occurs

	n, nan, posInf, negInf, zeros int64
	weight                        int64

	min, max   float64 // of finite values; the infinities the other way round if there is none
	imin, imax int64   // of i64
	umin, umax uint64  // of u64
	moments    moments
	quantiles  *quantiles
	rangeOnly  bool
}

// Numeric reports whether statistics of the dtype can be taken: bools,
// integers, floats and complex numbers, not bytes, text and blocks.
func Numeric(d tensor.DType) bool {
	return d.Known() && d.Class >= tensor.ClassBool && d.Class <= tensor.ClassComplex
}

// New returns an Accumulator for elements of a dtype. One that is not Numeric
// is ErrDType.
func New(d tensor.DType, o *Options) (*Accumulator, error) {
	if !Numeric(d) {
		return nil, &tensor.Error{Kind: tensor.ErrDType, Offset: -1, Field: "statistics", Got: d.String(), Want: "a numeric dtype"}
	}
	a := &Accumulator{
		loader: loader{dtype: d}, class: kindOf(d), weight: 1,
		min: math.Inf(1), max: math.Inf(-1),
		imin: math.MaxInt64, imax: math.MinInt64, umin: math.MaxUint64,
	}
	switch coded := codeType(d); {
	case coded.Bits != 0:
		a.codes = make([]uint64, 1<<coded.Bits)
	case o != nil && o.RangeOnly:
		a.rangeOnly = true
	case o == nil || !o.NoQuantiles:
		exact := defaultExact
		if o != nil && o.Exact != 0 {
			exact = max(o.Exact, 0)
		}
		a.quantiles = &quantiles{limit: exact, integer: a.class != floatNumber}
	}
	return a, nil
}

// codeType is the dtype of at most 16 bits whose codes are counted for d: d
// itself, or for packed dtypes one that holds its values. The zero DType means
// that d is too wide.
func codeType(d tensor.DType) tensor.DType {
	switch {
	case d == tensor.Bool1 || d == tensor.U4:
		return tensor.U8
	case d == tensor.I4:
		return tensor.I8
	case d.Packed():
		return tensor.F16
	case d.Bits <= 16:
		return d
	}
	return tensor.DType{}
}

// DType is that of the elements.
func (a *Accumulator) DType() tensor.DType { return a.dtype }

// Add takes the elements of v, which must have the dtype of a (else ErrDType),
// and any shape, strides and byte order. It needs little memory of its own,
// however large v is.
func (a *Accumulator) Add(v tensor.View) error {
	if v.DType() != a.dtype {
		return &tensor.Error{Kind: tensor.ErrDType, Offset: -1, Field: "statistics", Got: v.DType().String(), Want: a.dtype.String()}
	}
	a.n += v.NumElements()
	if a.codes != nil {
		return eachBlock(v, codeBlock, a.addCodes)
	}
	return eachBlock(v, valueBlock, a.addValues)
}

// Merge adds what b took to a. b must not be used any more. Both must have
// been made for one dtype with the same options.
func (a *Accumulator) Merge(b *Accumulator) error {
	if a.dtype != b.dtype || (a.quantiles == nil) != (b.quantiles == nil) {
		return &tensor.Error{Kind: tensor.ErrDType, Offset: -1, Field: "statistics", Got: b.dtype.String(), Want: a.dtype.String() + " with the same options"}
	}
	for i, n := range b.codes {
		a.codes[i] += n
	}
	a.n, a.nan, a.zeros = a.n+b.n, a.nan+b.nan, a.zeros+b.zeros
	a.posInf, a.negInf = a.posInf+b.posInf, a.negInf+b.negInf
	a.min, a.max = math.Min(a.min, b.min), math.Max(a.max, b.max)
	a.imin, a.imax = min(a.imin, b.imin), max(a.imax, b.imax)
	a.umin, a.umax = min(a.umin, b.umin), max(a.umax, b.umax)
	a.moments.merge(b.moments)
	if a.quantiles != nil {
		a.quantiles.merge(b.quantiles)
	}
	return nil
}

// Repeat makes every element that was taken so far, and in future, count n
// times: for tensors that repeat memory along an axis, of which one copy was
// added. Counts stop at the largest int64.
func (a *Accumulator) Repeat(n int64) { a.weight = times(a.weight, n) }

// times multiplies counts, up to the largest.
func times(a, b int64) int64 {
	if a != 0 && b > math.MaxInt64/a {
		return math.MaxInt64
	}
	return a * b
}

// Summary returns what is known so far.
func (a *Accumulator) Summary() Summary {
	if a.weight == 0 {
		return Summary{Mean: math.NaN(), Std: math.NaN()}
	}
	b := a
	if a.codes != nil {
		b = a.decoded()
	}
	w := a.weight
	s := Summary{
		Count: times(a.n, w), NaN: times(b.nan, w), PosInf: times(b.posInf, w), NegInf: times(b.negInf, w), Zeros: times(b.zeros, w),
		Mean: b.moments.mean, Std: math.Sqrt(b.moments.m2 / float64(b.moments.n)),
	}
	if b.moments.n == 0 {
		s.Mean, s.Std = math.NaN(), math.NaN()
	}
	if a.n == b.nan {
		return s
	}
	lo, hi := b.extremes()
	switch a.class {
	case intNumber:
		if a.codes != nil || a.dtype.Bits < 64 {
			s.Min, s.Max = intOf(int64(lo)), intOf(int64(hi))
		} else {
			s.Min, s.Max = intOf(a.imin), intOf(a.imax)
		}
	case uintNumber:
		if a.codes != nil || a.dtype.Bits < 64 {
			s.Min, s.Max = uintOf(uint64(lo)), uintOf(uint64(hi))
		} else {
			s.Min, s.Max = uintOf(a.umin), uintOf(a.umax)
		}
	default:
		s.Min, s.Max = floatOf(lo, a.dtype), floatOf(hi, a.dtype)
	}
	return s
}

// extremes are those of all values but NaN.
func (a *Accumulator) extremes() (lo, hi float64) {
	lo, hi = a.min, a.max
	if a.negInf > 0 {
		lo, hi = math.Inf(-1), max(hi, math.Inf(-1))
	}
	if a.posInf > 0 {
		lo, hi = min(lo, math.Inf(1)), math.Inf(1)
	}
	return lo, hi
}

// Range returns the least and the largest finite value, complex numbers by
// magnitude, rounded to a float64; ok is false if there is none. It is the
// range for a histogram.
func (a *Accumulator) Range() (lo, hi float64, ok bool) {
	if a.codes != nil {
		a = a.decoded()
	}
	return a.min, a.max, a.min <= a.max
}

// moments are count, mean and sum of squared distances from it of finite
// values.
type moments struct {
	n        int64
	mean, m2 float64
}

func (m *moments) merge(o moments) {
	switch {
	case o.n == 0:
		return
	case m.n == 0:
		*m = o
		return
	}
	n := m.n + o.n
	d := o.mean - m.mean
	if math.IsInf(d, 0) { // of two values near both ends of the range
		m.mean += o.mean*(float64(o.n)/float64(n)) - m.mean*(float64(o.n)/float64(n))
	} else {
		m.mean += d * (float64(o.n) / float64(n))
	}
	m.m2 += o.m2 + d*d*(float64(m.n)*(float64(o.n)/float64(n)))
	m.n = n
}
