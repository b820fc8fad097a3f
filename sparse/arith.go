package sparse

import (
	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/tensor"
)

// The arithmetic of elements, by dtype: sums of duplicates, and what mirrors an
// element at the diagonal.

// arith is what can be done with elements of one dtype that lie in bytes.
type arith struct {
	// sums makes entry j of dst the sum of entries starts[j] to starts[j+1] of
	// src, per elements each, added one after the other from the first.
	sums func(dst, src words, starts []int64)
	// add adds src to dst, element by element.
	add func(dst, src []byte)
	// negate and conjugate change elements in place.
	negate, conjugate func(b []byte)
	// same reports whether two elements are the same number: zeros are, NaNs
	// are.
	same func(a, b []byte) bool
}

type native interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64 | ~complex64 | ~complex128
}

type small interface {
	tensor.Float16 | tensor.BFloat16 | tensor.Float8E4M3FN | tensor.Float8E5M2 | tensor.Float8E4M3FNUZ | tensor.Float8E5M2FNUZ | tensor.Float8E8M0
	Float64() float64
}

// arithOf is the arithmetic of a workable dtype. Integers wrap, bools are or'ed
// and are their own negatives, each sum of floats is rounded to the dtype.
func arithOf(d tensor.DType) arith {
	switch d {
	case tensor.Bool:
		return arithmetic(func(a, b uint8) uint8 { return min(a|b, 1) }, func(a uint8) uint8 { return a }, nil)
	case tensor.I8:
		return numbers[int8]()
	case tensor.I16:
		return numbers[int16]()
	case tensor.I32:
		return numbers[int32]()
	case tensor.I64:
		return numbers[int64]()
	case tensor.U8:
		return numbers[uint8]()
	case tensor.U16:
		return numbers[uint16]()
	case tensor.U32:
		return numbers[uint32]()
	case tensor.U64:
		return numbers[uint64]()
	case tensor.F32:
		return numbers[float32]()
	case tensor.F64:
		return numbers[float64]()
	case tensor.C64:
		return arithmetic(func(a, b complex64) complex64 { return a + b }, func(a complex64) complex64 { return complex(-real(a), -imag(a)) },
			func(a complex64) complex64 { return complex(real(a), -imag(a)) })
	case tensor.C128:
		return arithmetic(func(a, b complex128) complex128 { return a + b }, func(a complex128) complex128 { return complex(-real(a), -imag(a)) },
			func(a complex128) complex128 { return complex(real(a), -imag(a)) })
	case tensor.F16:
		return smallFloats(tensor.ToFloat16[float64])
	case tensor.BF16:
		return smallFloats(tensor.ToBFloat16[float64])
	case tensor.F8E4M3FN:
		return smallFloats(tensor.ToFloat8E4M3FN[float64])
	case tensor.F8E5M2:
		return smallFloats(tensor.ToFloat8E5M2[float64])
	case tensor.F8E4M3FNUZ:
		return smallFloats(tensor.ToFloat8E4M3FNUZ[float64])
	case tensor.F8E5M2FNUZ:
		return smallFloats(tensor.ToFloat8E5M2FNUZ[float64])
	default: // the last of the workable ones
		return smallFloats(tensor.ToFloat8E8M0[float64])
	}
}

func numbers[T native]() arith {
	return arithmetic(func(a, b T) T { return a + b }, func(a T) T { return -a }, nil)
}

// smallFloats goes through float64, in which sums of two are exact or, where
// exponents are far apart, round to the same number.
func smallFloats[T small](from func(float64) T) arith {
	a := arithmetic(
		func(a, b T) T { return from(a.Float64() + b.Float64()) },
		func(a T) T { return from(-a.Float64()) }, nil)
	a.same = func(x, y []byte) bool {
		p, q := elements[T](x)[0].Float64(), elements[T](y)[0].Float64()
		return p == q || p != p && q != q
	}
	return a
}

func arithmetic[T cast.Plain](add func(a, b T) T, negate, conjugate func(a T) T) arith {
	each := func(f func(T) T) func(b []byte) {
		return func(b []byte) {
			x := elements[T](b)
			for i, v := range x {
				x[i] = f(v)
			}
		}
	}
	a := arith{
		add: func(dst, src []byte) {
			x, y := elements[T](dst), elements[T](src)
			for i, v := range y {
				x[i] = add(x[i], v)
			}
		},
		negate:    each(negate),
		conjugate: func([]byte) {},
		same: func(x, y []byte) bool {
			p, q := elements[T](x)[0], elements[T](y)[0]
			return p == q || p != p && q != q
		},
	}
	if conjugate != nil {
		a.conjugate = each(conjugate)
	}
	a.sums = func(dst, src words, starts []int64) {
		if src.one || src.per > 1 {
			for j := range len(starts) - 1 {
				sum := dst.at(j)
				copy(sum, src.at(int(starts[j])))
				for e := starts[j] + 1; e < starts[j+1]; e++ {
					a.add(sum, src.at(int(e)))
				}
			}
			return
		}
		x, y := elements[T](dst.b), elements[T](src.b)
		for j := range len(starts) - 1 {
			run := y[starts[j]:starts[j+1]]
			sum := run[0]
			for _, v := range run[1:] {
				sum = add(sum, v)
			}
			x[j] = sum
		}
	}
	return a
}

// mirror returns what mirrors an element at the diagonal of a structure, as a
// function that changes elements in place; nil if it is the element itself.
func (s Structure) mirror(d tensor.DType) func(b []byte) {
	switch s {
	case SkewSymmetric:
		return arithOf(d).negate
	case Hermitian:
		return arithOf(d).conjugate
	}
	return nil
}
