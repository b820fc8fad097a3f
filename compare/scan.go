package compare

import (
	"bytes"
	"math"
	"slices"

	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/tensor"
)

// scan looks at elements one by one, in blocks that are known to differ.
type scan struct {
	*tally
	plan     *plan
	tol      *Tolerance
	nanEqual bool

	// The block at hand.
	serial        int
	origin, shape tensor.Shape
	base          int64 // number in C order of its first element
	anyFirst      bool  // an element of this block differs
}

// block compares two blocks in C order and the machine's byte order.
func (s *scan) block(origin, shape tensor.Shape, a, b []byte, w *worker) {
	s.serial++
	s.origin, s.shape, s.anyFirst = origin, shape, false
	s.base = s.number(origin)
	d := s.plan.dtype
	switch {
	case !numeric(d):
		s.units(a, b)
	case d.Packed():
		n, _ := shape.NumElements()
		if int64(cap(w.numbers)) < 2*n {
			w.numbers = make([]byte, 2*n)
		}
		x, y := w.numbers[:n], w.numbers[n:2*n]
		s.unpack(x, a)
		s.unpack(y, b)
		s.codes(x, y)
	case d.UnitBytes == 1 && d.Class != tensor.ClassInt && d.Class != tensor.ClassUint:
		s.codes(a, b)
	default:
		s.numbers(a, b)
	}
}

// numbers compares numbers of whole bytes.
func (s *scan) numbers(a, b []byte) {
	switch s.plan.dtype {
	case tensor.I8:
		scanInts[int8](s, a, b)
	case tensor.I16:
		scanInts[int16](s, a, b)
	case tensor.I32:
		scanInts[int32](s, a, b)
	case tensor.I64:
		scanInts[int64](s, a, b)
	case tensor.U8:
		scanInts[uint8](s, a, b)
	case tensor.U16:
		scanInts[uint16](s, a, b)
	case tensor.U32:
		scanInts[uint32](s, a, b)
	case tensor.U64:
		scanInts[uint64](s, a, b)
	case tensor.F16:
		x, y := slicesOf[uint16](a, b)
		scanFloats(s, x, y, func(c uint16) float64 { return tensor.Float16(c).Float64() }, 1<<15)
	case tensor.BF16:
		x, y := slicesOf[uint16](a, b)
		scanFloats(s, x, y, func(c uint16) float64 { return tensor.BFloat16(c).Float64() }, 1<<15)
	case tensor.F32:
		x, y := slicesOf[uint32](a, b)
		scanFloats(s, x, y, value32, 1<<31)
	case tensor.F64:
		x, y := slicesOf[uint64](a, b)
		scanFloats(s, x, y, math.Float64frombits, 1<<63)
	case tensor.C64:
		x, y := slicesOf[uint32](a, b)
		scanComplex(s, x, y, value32, 1<<31)
	case tensor.C128:
		x, y := slicesOf[uint64](a, b)
		scanComplex(s, x, y, math.Float64frombits, 1<<63)
	}
}

func value32(c uint32) float64 { return float64(math.Float32frombits(c)) }

// slicesOf gives two blocks a type.
func slicesOf[T cast.Plain](a, b []byte) (x, y []T) { return sliceOf[T](a), sliceOf[T](b) }

func sliceOf[T cast.Plain](b []byte) []T {
	s, ok := cast.Slice[T](b)
	if !ok { // at an odd address
		s = make([]T, len(b)/cast.Size[T]())
		copy(cast.Bytes(s), b)
	}
	return s
}

// codes compares elements of up to 8 bits, one to a byte.
func (s *scan) codes(a, b []byte) {
	d := s.plan.dtype
	switch d.Class {
	case tensor.ClassBool, tensor.ClassUint:
		scanInts[uint8](s, a, b)
	case tensor.ClassInt:
		free := 8 - d.Bits
		for _, list := range [][]byte{a, b} {
			for i, c := range list {
				list[i] = byte(int8(c<<free) >> free)
			}
		}
		scanInts[int8](s, a, b)
	default:
		sign := uint64(1) << (d.Bits - 1)
		if d == tensor.F8E8M0 {
			sign = 0
		}
		scanFloats(s, a, b, codeValue(d), sign)
	}
}

// codeValue says what the codes of a small float mean.
func codeValue(d tensor.DType) func(uint8) float64 {
	switch d {
	case tensor.F8E4M3FN:
		return func(c uint8) float64 { return tensor.Float8E4M3FN(c).Float64() }
	case tensor.F8E5M2:
		return func(c uint8) float64 { return tensor.Float8E5M2(c).Float64() }
	case tensor.F8E4M3FNUZ:
		return func(c uint8) float64 { return tensor.Float8E4M3FNUZ(c).Float64() }
	case tensor.F8E5M2FNUZ:
		return func(c uint8) float64 { return tensor.Float8E5M2FNUZ(c).Float64() }
	case tensor.F8E8M0:
		return func(c uint8) float64 { return tensor.Float8E8M0(c).Float64() }
	case tensor.F4E2M1:
		return func(c uint8) float64 { return float64(tensor.DecodeF4E2M1(c)) }
	case tensor.F6E2M3:
		return func(c uint8) float64 { return float64(tensor.DecodeF6E2M3(c)) }
	}
	return func(c uint8) float64 { return float64(tensor.DecodeF6E3M2(c)) }
}

// unpack takes the elements of packed rows, of up to 8 bits, to a byte each.
func (s *scan) unpack(dst, src []byte) {
	d := s.plan.dtype
	n, bits, unit, each := s.shape[len(s.shape)-1], d.Bits, int(d.UnitBytes), int64(d.UnitElems)
	for len(dst) > 0 {
		row := dst[:n]
		dst = dst[n:]
		for len(row) > 0 {
			var all uint64
			for i, c := range src[:unit] {
				all |= uint64(c) << (8 * i)
			}
			src = src[unit:]
			k := min(each, int64(len(row)))
			for i := range k {
				row[i] = byte(all & (1<<bits - 1))
				all >>= bits
			}
			row = row[k:]
		}
	}
}

// units compares what is no number, or not known, unit by unit.
func (s *scan) units(a, b []byte) {
	d := s.plan.dtype
	unit, each := int(d.UnitBytes), int64(d.UnitElems)
	n := int64(1)
	if len(s.shape) > 0 {
		n = s.shape[len(s.shape)-1]
	}
	perRow := (n-1)/each + 1
	for i := int64(0); len(a) > 0; i++ {
		x, y := a[:unit], b[:unit]
		a, b = a[unit:], b[unit:]
		if bytes.Equal(x, y) {
			continue
		}
		col := i % perRow * each
		at := i/perRow*n + col
		if s.differs(at, min(each, n-col), 0, 0, 0, false) {
			s.take(at, 0, 0, 0, slices.Clone(x), slices.Clone(y))
		}
	}
}

// number is the number in C order of an element.
func (s *scan) number(index []int64) int64 {
	at := int64(0)
	for axis, i := range index {
		at = at*s.plan.shape[axis] + i
	}
	return at
}

// index of element i of the block.
func (s *scan) index(i int64) []int64 {
	index := make([]int64, len(s.shape))
	for axis := len(s.shape) - 1; axis >= 0; axis-- {
		index[axis] = s.origin[axis] + i%s.shape[axis]
		i /= s.shape[axis]
	}
	return index
}

// differs counts element i of the block, which stands for count of them, and
// reports whether it belongs among the largest so far.
func (s *scan) differs(i, count int64, abs, rel, key float64, nan bool) bool {
	if !s.anyFirst {
		// The first of the block in C order.
		s.anyFirst = true
		index := s.index(i)
		if at := s.number(index); s.different == 0 || at < s.first.at {
			s.first = place{at, index}
		}
	}
	s.different += count * s.plan.repeat
	if nan {
		s.nan += count * s.plan.repeat
	} else {
		s.maxAbs, s.maxRel = max(s.maxAbs, abs), max(s.maxRel, rel)
	}
	if len(s.largest) < s.limit {
		return true
	}
	if s.limit == 0 {
		return false
	}
	least := &s.largest[0]
	// Of equal differences the first in C order counts. Those behind in the same
	// block, or in one that begins behind, come later.
	return key > least.key || key == least.key && least.block != s.serial && least.at > s.base
}

// take keeps element i among the largest.
func (s *scan) take(i int64, abs, rel, key float64, a, b any) {
	index := s.index(i)
	s.keep(found{place: place{s.number(index), index}, key: key, abs: abs, rel: rel, a: a, b: b, block: s.serial})
}

// key is the rank of a difference: NaN and infinities first.
func key(abs float64) float64 {
	if math.IsNaN(abs) {
		return math.Inf(1)
	}
	return abs
}

func scanInts[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](s *scan, left, right []byte) {
	x, y := slicesOf[T](left, right)
	var zero T
	signed := zero-1 < 0
	exact := s.tol == nil || s.plan.dtype.Class == tensor.ClassBool
	for i, a := range x {
		b := y[i]
		if a == b {
			continue
		}
		// The difference of two integers of 64 bits fits 64 bits without sign.
		apart := uint64(a) - uint64(b)
		if a < b {
			apart = -apart
		}
		abs := float64(apart)
		large := math.Max(math.Abs(float64(a)), math.Abs(float64(b)))
		if !exact && abs <= s.tol.Abs+s.tol.Rel*large {
			continue
		}
		rel := relative(abs, large)
		if !s.differs(int64(i), 1, abs, rel, abs, false) {
			continue
		}
		switch {
		case s.plan.dtype.Class == tensor.ClassBool && a <= 1 && b <= 1:
			s.take(int64(i), abs, rel, abs, a == 1, b == 1)
		case signed:
			s.take(int64(i), abs, rel, abs, int64(a), int64(b))
		default:
			s.take(int64(i), abs, rel, abs, uint64(a), uint64(b))
		}
	}
}

type code interface {
	uint8 | uint16 | uint32 | uint64
}

// scanFloats compares floats by their codes and, where these differ, values.
func scanFloats[C code](s *scan, x, y []C, value func(C) float64, sign uint64) {
	wide := s.plan.dtype.Bits > 32
	for i, c := range x {
		d := y[i]
		if c == d {
			continue
		}
		a, b := value(c), value(d)
		if s.near(a, b, uint64(c), uint64(d), sign) {
			continue
		}
		abs := math.Abs(a - b)
		rel := relative(abs, math.Max(math.Abs(a), math.Abs(b)))
		nan := a != a || b != b
		if !s.differs(int64(i), 1, abs, rel, key(abs), nan) {
			continue
		}
		if wide {
			s.take(int64(i), abs, rel, key(abs), a, b)
		} else {
			s.take(int64(i), abs, rel, key(abs), float32(a), float32(b))
		}
	}
}

// near reports whether two floats with different codes count as equal.
func (s *scan) near(a, b float64, c, d, sign uint64) bool {
	if a != a || b != b {
		return s.nanEqual && a != a && b != b
	}
	t := s.tol
	switch {
	case t == nil:
		return false
	case a == b: // zeros
		return true
	case math.IsInf(a, 0) || math.IsInf(b, 0):
		return false
	case math.Abs(a-b) <= t.Abs+t.Rel*math.Max(math.Abs(a), math.Abs(b)):
		return true
	}
	return t.ULP > 0 && steps(c, d, sign) <= t.ULP
}

// steps is the number of representable numbers from one float to another.
func steps(c, d, sign uint64) uint64 {
	x, y := ordinal(c, sign), ordinal(d, sign)
	if x < y {
		x, y = y, x
	}
	return uint64(x) - uint64(y)
}

// ordinal numbers the codes by value; both zeros are 0.
func ordinal(c, sign uint64) int64 {
	if c&sign != 0 {
		return -int64(c &^ sign)
	}
	return int64(c)
}

// scanComplex compares pairs of floats.
func scanComplex[C uint32 | uint64](s *scan, x, y []C, value func(C) float64, sign uint64) {
	for i := 0; i < len(x); i += 2 {
		cr, ci, dr, di := x[i], x[i+1], y[i], y[i+1]
		if cr == dr && ci == di {
			continue
		}
		a, b := complex(value(cr), value(ci)), complex(value(dr), value(di))
		abs := math.Hypot(real(a)-real(b), imag(a)-imag(b))
		large := math.Max(magnitude(a), magnitude(b))
		nan := cmplxNaN(a) || cmplxNaN(b)
		if s.nearComplex(a, b, abs, large) ||
			(cr == dr || s.near(real(a), real(b), uint64(cr), uint64(dr), sign)) && (ci == di || s.near(imag(a), imag(b), uint64(ci), uint64(di), sign)) {
			continue
		}
		if nan {
			abs = math.NaN()
		} else if math.IsNaN(abs) { // infinities on both sides
			abs = math.Inf(1)
		}
		rel := relative(abs, large)
		at := int64(i / 2)
		if !s.differs(at, 1, abs, rel, key(abs), nan) {
			continue
		}
		if s.plan.dtype.Bits > 64 {
			s.take(at, abs, rel, key(abs), a, b)
		} else {
			s.take(at, abs, rel, key(abs), complex64(a), complex64(b))
		}
	}
}

func magnitude(z complex128) float64 { return math.Hypot(real(z), imag(z)) }

// nearComplex is the limit on the magnitude of the difference of finite numbers.
func (s *scan) nearComplex(a, b complex128, abs, large float64) bool {
	return s.tol != nil && !math.IsInf(large, 0) && !math.IsNaN(abs) && abs <= s.tol.Abs+s.tol.Rel*large
}

// cmplxNaN reports whether a part of x is NaN, whatever the other one is.
func cmplxNaN(x complex128) bool { return math.IsNaN(real(x)) || math.IsNaN(imag(x)) }
