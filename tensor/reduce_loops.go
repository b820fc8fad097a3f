package tensor

import (
	"math"

	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/internal/kernel"
)

// extreme is Min or Max.
func (t *fold) extreme(op Reduction) {
	e := t.src.elem
	switch e {
	case elemI8:
		integerExtreme[int8](op, math.MinInt8, math.MaxInt8).fold(t, e, e)
	case elemI16:
		integerExtreme[int16](op, math.MinInt16, math.MaxInt16).fold(t, e, e)
	case elemI32:
		integerExtreme[int32](op, math.MinInt32, math.MaxInt32).fold(t, e, e)
	case elemI64:
		integerExtreme[int64](op, math.MinInt64, math.MaxInt64).fold(t, e, e)
	case elemU8:
		integerExtreme[uint8](op, 0, math.MaxUint8).fold(t, e, e)
	case elemU16:
		integerExtreme[uint16](op, 0, math.MaxUint16).fold(t, e, e)
	case elemU32:
		integerExtreme[uint32](op, 0, math.MaxUint32).fold(t, e, e)
	case elemU64:
		integerExtreme[uint64](op, 0, math.MaxUint64).fold(t, e, e)
	case elemF64:
		floatExtreme(op, kernel.MinMaxF64).fold(t, e, e)
	case elemC64, elemC128:
		complexExtreme(op).fold(t, elemC128, elemC128)
	default:
		floatExtreme(op, kernel.MinMaxF32).fold(t, elemF32, elemF32)
	}
}

func integerExtreme[T kernel.Integer](op Reduction, least, greatest T) loops[T, T] {
	l := loops[T, T]{start: greatest, row: kernel.MinRow[T], join: kernel.MinRow[T], long: foldPiece}
	if op == Max {
		l.start, l.row, l.join = least, kernel.MaxRow[T], kernel.MaxRow[T]
	}
	l.run = func(x []T) T {
		lo, hi := kernel.MinMax(x)
		if op == Max {
			return hi
		}
		return lo
	}
	return l
}

func floatExtreme[T float](op Reduction, both func(x []T) (lo, hi T, nan int)) loops[T, T] {
	l := loops[T, T]{start: T(math.Inf(1)), row: kernel.MinRow[T], join: kernel.MinRow[T]}
	if op == Max {
		l.start, l.row, l.join = T(math.Inf(-1)), kernel.MaxRow[T], kernel.MaxRow[T]
	}
	l.run = func(x []T) T {
		if len(x) < minRun {
			acc := [1]T{l.start}
			for i := range x {
				l.row(acc[:], x[i:i+1])
			}
			return acc[0]
		}
		lo, hi, nan := both(x)
		switch {
		case nan > 0:
			return T(math.NaN())
		case op == Max:
			return hi
		}
		return lo
	}
	return l
}

// complexExtreme compares the real parts first. What has NaN in it wins.
func complexExtreme(op Reduction) loops[complex128, complex128] {
	inf := math.Inf(1)
	if op == Max {
		inf = -inf
	}
	nan := func(x complex128) bool { return math.IsNaN(real(x)) || math.IsNaN(imag(x)) }
	better := func(x, y complex128) bool { // x than y
		a, b := real(x), real(y)
		if a == b {
			a, b = imag(x), imag(y)
		}
		return !nan(y) && (nan(x) || op == Min && a < b || op == Max && a > b)
	}
	row := func(acc, x []complex128) {
		for i, v := range x {
			if better(v, acc[i]) {
				acc[i] = v
			}
		}
	}
	return loops[complex128, complex128]{
		start: complex(inf, inf), row: row, join: row,
		run: func(x []complex128) complex128 {
			best := x[0]
			for _, v := range x[1:] {
				if better(v, best) {
					best = v
				}
			}
			return best
		},
	}
}

// sum is Sum, or Mean: integers of up to 32 bits are added as such, as long as
// their sum cannot pass 64 bits.
func (t *fold) sum(mean bool) {
	e := t.src.elem
	made := elemI64
	if t.src.dtype.Class == ClassUint {
		made = elemU64
	}
	if mean && e < elemF16 && (t.src.dtype.UnitBytes == 8 || t.count > 1<<31) {
		floatSum(t, mean).fold(t, elemF64, elemF64)
		return
	}
	switch e {
	case elemBool:
		integerSum[uint8]().fold(t, elemU8, made)
	case elemI8:
		integerSum[int8]().fold(t, e, made)
	case elemI16:
		integerSum[int16]().fold(t, e, made)
	case elemI32:
		integerSum[int32]().fold(t, e, made)
	case elemU8:
		integerSum[uint8]().fold(t, e, made)
	case elemU16:
		integerSum[uint16]().fold(t, e, made)
	case elemU32:
		integerSum[uint32]().fold(t, e, made)
	case elemI64, elemU64:
		integerSum[uint64]().fold(t, e, made)
	case elemF64:
		floatSum(t, mean).fold(t, e, e)
		return
	default:
		floatSum32(t, mean).fold(t, elemF32, elemF64)
		return
	}
	if mean {
		t.divide()
	}
}

// integerSum adds in two's complement, so one type serves for all.
func integerSum[T kernel.Integer]() loops[T, uint64] {
	return loops[T, uint64]{row: kernel.AddRow[T], run: kernel.Sum[T], join: kernel.AddRow[uint64]}
}

func floatSum32(t *fold, mean bool) loops[float32, float64] {
	return loops[float32, float64]{
		row: kernel.AddRowF32,
		run: func(x []float32) float64 {
			if len(x) >= 4*minRun {
				return float64(kernel.SumF32(x))
			}
			var s [4]float64 // which do not wait for each other
			for ; len(x) >= 4; x = x[4:] {
				q := (*[4]float32)(x)
				s[0] += float64(q[0])
				s[1] += float64(q[1])
				s[2] += float64(q[2])
				s[3] += float64(q[3])
			}
			for i, v := range x {
				s[i] += float64(v)
			}
			return s[0] + s[1] + (s[2] + s[3])
		},
		join: kernel.AddRowF64,
		end:  t.division(mean),
	}
}

func floatSum(t *fold, mean bool) loops[float64, float64] {
	return loops[float64, float64]{row: kernel.AddRowF64, run: kernel.SumF64, join: kernel.AddRowF64, end: t.division(mean), carry: true}
}

// division makes sums means.
func (t *fold) division(mean bool) func(acc []float64) {
	if !mean {
		return nil
	}
	n := float64(t.count)
	return func(acc []float64) {
		for i := range acc {
			acc[i] /= n
		}
	}
}

// divide makes the sums in dst, which is of float64 without gaps, means.
func (t *fold) divide() {
	sums, _ := cast.Slice[float64](t.dst.bytes())
	t.division(true)(sums)
}

func (t *fold) product() {
	switch e := t.src.elem; {
	case e == elemC64 || e == elemC128:
		complexProduct().fold(t, elemC128, elemC128)
	case e >= elemF16:
		productOf[float64]().fold(t, elemF64, elemF64)
	case t.src.dtype.Class == ClassUint:
		productOf[uint64]().fold(t, elemU64, elemU64)
	default:
		productOf[int64]().fold(t, elemI64, elemI64)
	}
}

func productOf[T int64 | uint64 | float64]() loops[T, T] {
	row := func(acc, x []T) {
		for i, v := range x {
			acc[i] *= v
		}
	}
	return loops[T, T]{start: 1, row: row, join: row, run: func(x []T) T {
		p := T(1)
		for _, v := range x {
			p *= v
		}
		return p
	}}
}

// complexProduct rounds each product and sum, as no machine may leave out.
func complexProduct() loops[complex128, complex128] {
	times := func(x, y complex128) complex128 {
		a, b, c, d := real(x), imag(x), real(y), imag(y)
		return complex(float64(a*c)-float64(b*d), float64(a*d)+float64(b*c))
	}
	row := func(acc, x []complex128) {
		for i, v := range x {
			acc[i] = times(acc[i], v)
		}
	}
	return loops[complex128, complex128]{start: 1, row: row, join: row, run: func(x []complex128) complex128 {
		p := complex128(1)
		for _, v := range x {
			p = times(p, v)
		}
		return p
	}}
}

// logic is Any or All of bytes: the greatest or the least is zero or not.
func (t *fold) logic(op Reduction) {
	l := loops[uint8, uint8]{start: 1, row: kernel.MinRow[uint8], join: kernel.MinRow[uint8], long: foldPiece}
	if op == Any {
		l.start, l.row, l.join = 0, kernel.MaxRow[uint8], kernel.MaxRow[uint8]
	}
	l.run = func(x []uint8) uint8 {
		lo, hi := kernel.MinMax(x)
		if op == Any {
			return hi
		}
		return lo
	}
	work := elemBool
	switch e := t.src.elem; e {
	case elemBool, elemU8, elemI8:
		work = e // a byte is zero or not
	}
	l.fold(t, work, elemU8)
}
