package reduce

import (
	"math"

	"github.com/tensorfile/tensorfile/tensor"
)

// piece is how many elements are turned to float64 together: they stay in the
// second-level cache.
const piece = 16 << 10

// values turns elements to float64.
type values struct {
	real    []float64
	complex []complex128
}

// of are the elements of a view of at most piece elements in C order, in memory
// that lasts until the next call.
func (s *values) of(v tensor.View) ([]float64, error) {
	if s.real == nil {
		s.real = make([]float64, piece)
	}
	x := s.real[:v.NumElements()]
	dst, err := tensor.FromSlice(x)
	if err == nil {
		dst, err = dst.Reshape(v.Shape())
	}
	if err != nil {
		return nil, err
	}
	if v.DType().Class != tensor.ClassComplex {
		return x, tensor.Cast(dst, v)
	}
	if s.complex == nil {
		s.complex = make([]complex128, piece)
	}
	z := s.complex[:len(x)]
	pairs, err := tensor.FromSlice(z)
	if err == nil {
		pairs, err = pairs.Reshape(v.Shape())
	}
	if err == nil {
		err = tensor.Cast(pairs, v)
	}
	for i, c := range z {
		x[i] = math.Hypot(real(c), imag(c))
	}
	return x, err
}

// float is what is reduced without being turned to something else.
type float interface{ float32 | float64 }

// Specials are how many elements are no finite numbers.
type Specials struct{ NaN, PosInf, NegInf int64 }

func (s *Specials) add(o Specials) {
	s.NaN, s.PosInf, s.NegInf = s.NaN+o.NaN, s.PosInf+o.PosInf, s.NegInf+o.NegInf
}

// What a pixel has seen beside finite numbers.
const (
	sawNaN uint8 = 1 << iota
	sawPosInf
	sawNegInf
)

// see counts an element that is not finite, and returns its mark.
func (s *Specials) see(x float64) uint8 {
	switch {
	case math.IsInf(x, 1):
		s.PosInf++
		return sawPosInf
	case math.IsInf(x, -1):
		s.NegInf++
		return sawNegInf
	}
	s.NaN++
	return sawNaN
}

func checkNumeric(v tensor.View) error {
	d := v.DType()
	if d.Known() && d.Class >= tensor.ClassBool && d.Class <= tensor.ClassComplex {
		return nil
	}
	return &tensor.Error{Kind: tensor.ErrDType, Offset: -1, Field: "reduction", Got: d.String(), Want: "a numeric dtype"}
}

func outside(got tensor.Shape, at []int64, size tensor.Shape) error {
	return &tensor.Error{Kind: tensor.ErrIndex, Offset: -1, Field: "block", Got: got.String() + " at " + tensor.Shape(at).String(), Want: "inside " + size.String()}
}
