package stats

import (
	"encoding/binary"
	"math"

	"github.com/tensorfile/tensorfile/internal/kernel"
	"github.com/tensorfile/tensorfile/tensor"
)

// Elements that are looked at together: values stay in the first-level cache
// between passes.
const (
	valueBlock = 2048
	codeBlock  = 1 << 15
)

// eachBlock cuts v into views of about limit elements at most, in C order, and
// calls fn with them. The cuts depend on the shape alone, so that results do,
// too.
func eachBlock(v tensor.View, limit int64, fn func(tensor.View) error) error {
	if v.NumElements() == 0 {
		return nil
	}
	return cut(v, 0, limit, fn)
}

// cut is eachBlock for a view whose axes before axis have extent 1.
func cut(v tensor.View, axis int, limit int64, fn func(tensor.View) error) error {
	n := v.NumElements()
	if n <= limit || axis == v.Rank() {
		return fn(v)
	}
	extent := v.Shape()[axis]
	if extent == 1 {
		return cut(v, axis+1, limit, fn)
	}
	step := max(limit/(n/extent), 1)
	if e := int64(v.DType().UnitElems); axis == v.Rank()-1 && e > 1 {
		step = (step + e - 1) / e * e
	}
	for at := int64(0); at < extent; at += step {
		part, err := v.Slice(axis, at, min(at+step, extent), 1)
		if err == nil {
			err = cut(part, axis+1, limit, fn)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A loader brings blocks of elements into the form that is counted in.
type loader struct {
	dtype tensor.DType
	raw   []byte
	block []float64
}

// bytes returns the elements of v in C order, little-endian: its own memory, or
// a copy that lasts until the next call.
func (l *loader) bytes(v tensor.View) ([]byte, error) {
	if v.Order() == tensor.LittleEndian || v.DType().UnitBytes == 1 {
		if b, err := v.Bytes(); err == nil {
			return b, nil
		}
	}
	if int64(len(l.raw)) < v.ByteSize() {
		l.raw = make([]byte, v.ByteSize())
	}
	b := l.raw[:v.ByteSize()]
	dst, err := tensor.NewView(b, v.DType(), v.Shape(), nil, 0, tensor.LittleEndian)
	if err != nil {
		return nil, err
	}
	return b, tensor.Copy(dst, v)
}

// values returns the elements of v as float64, complex ones by magnitude, in
// memory that lasts until the next call.
func (l *loader) values(v tensor.View) ([]float64, error) {
	if int64(len(l.block)) < v.NumElements() {
		l.block = make([]float64, max(valueBlock, v.NumElements()))
	}
	x := l.block[:v.NumElements()]
	if l.dtype.Class == tensor.ClassComplex {
		return x, l.magnitudes(x, v)
	}
	dst, err := tensor.FromSlice(x, v.Shape()...)
	if err == nil && v.Rank() == 0 {
		dst, err = dst.Reshape(tensor.Shape{})
	}
	if err != nil {
		return nil, err
	}
	return x, tensor.Cast(dst, v)
}

func (l *loader) magnitudes(x []float64, v tensor.View) error {
	b, err := l.bytes(v)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	for i := range x {
		if l.dtype == tensor.C64 {
			x[i] = math.Hypot(float64(math.Float32frombits(le.Uint32(b[8*i:]))), float64(math.Float32frombits(le.Uint32(b[8*i+4:]))))
		} else {
			x[i] = math.Hypot(math.Float64frombits(le.Uint64(b[16*i:])), math.Float64frombits(le.Uint64(b[16*i+8:])))
		}
	}
	return nil
}

// addCodes counts the codes of a block.
func (a *Accumulator) addCodes(v tensor.View) error {
	if v.DType().Packed() {
		wide, err := v.Cast(codeType(a.dtype))
		if err != nil {
			return err
		}
		v = wide
	}
	b, err := a.bytes(v)
	if err != nil {
		return err
	}
	if v.DType().UnitBytes == 1 {
		// Four counts of each: equal neighbours do not wait for each other.
		var n [4][1 << 8]uint32
		for ; len(b) >= 4; b = b[4:] {
			n[0][b[0]]++
			n[1][b[1]]++
			n[2][b[2]]++
			n[3][b[3]]++
		}
		for _, c := range b {
			n[0][c]++
		}
		for c := range a.codes {
			a.codes[c] += uint64(n[0][c]) + uint64(n[1][c]) + uint64(n[2][c]) + uint64(n[3][c])
		}
		return nil
	}
	codes := (*[1 << 16]uint64)(a.codes)
	for ; len(b) >= 2; b = b[2:] {
		codes[binary.LittleEndian.Uint16(b)]++
	}
	return nil
}

// addValues takes a block of values of more than 16 bits.
func (a *Accumulator) addValues(v tensor.View) error {
	if a.rangeOnly && (extend[float32](a, v, kernel.MinMaxF32) || extend[float64](a, v, kernel.MinMaxF64)) {
		return nil
	}
	x, err := a.values(v)
	if err == nil && a.dtype.Bits == 64 && a.class != floatNumber {
		err = a.integers(v)
	}
	if err != nil {
		return err
	}
	x, finite := a.sift(x)
	if a.rangeOnly {
		return nil
	}
	if a.quantiles != nil {
		a.quantiles.add(x)
	}
	if !finite {
		keep := x[:0]
		for _, v := range x {
			if !math.IsInf(v, 0) {
				keep = append(keep, v)
			}
		}
		x = keep
	}
	a.moments.merge(momentsOf(x))
	return nil
}

// extend takes the extremes of floats where they lie, if all are finite. It reports
// whether it did.
func extend[T float32 | float64](a *Accumulator, v tensor.View, extremes func([]T) (lo, hi T, nan int)) bool {
	x, err := tensor.Data[T](v)
	if err != nil || len(x) == 0 {
		return false
	}
	lo, hi, nan := extremes(x)
	if nan > 0 || lo-lo != 0 || hi-hi != 0 {
		return false
	}
	a.min, a.max = min(a.min, float64(lo)), max(a.max, float64(hi))
	return true
}

// integers finds the extremes of 64-bit integers, which a float64 may round.
func (a *Accumulator) integers(v tensor.View) error {
	b, err := a.bytes(v)
	if err != nil {
		return err
	}
	if a.class == intNumber {
		for ; len(b) >= 8; b = b[8:] {
			x := int64(binary.LittleEndian.Uint64(b))
			a.imin, a.imax = min(a.imin, x), max(a.imax, x)
		}
		return nil
	}
	for ; len(b) >= 8; b = b[8:] {
		x := binary.LittleEndian.Uint64(b)
		a.umin, a.umax = min(a.umin, x), max(a.umax, x)
	}
	return nil
}

// sift counts what is special, finds the finite extremes and drops NaN from x.
// finite reports whether no infinity is left.
func (a *Accumulator) sift(x []float64) (rest []float64, finite bool) {
	lo, hi, zeros := a.min, a.max, 0
	special := 0
	for _, v := range x {
		if v-v != 0 {
			special++
			continue
		}
		if v < lo {
			lo = v
		}
		if v > hi {
			hi = v
		}
		if v == 0 {
			zeros++
		}
	}
	a.min, a.max = lo, hi
	a.zeros += int64(zeros)
	if special == 0 {
		return x, true
	}
	keep := x[:0]
	for _, v := range x {
		switch {
		case math.IsNaN(v):
			a.nan++
			special--
			continue
		case math.IsInf(v, 1):
			a.posInf++
		case math.IsInf(v, -1):
			a.negInf++
		}
		keep = append(keep, v)
	}
	return keep, special == 0
}

// momentsOf returns the moments of finite values.
func momentsOf(x []float64) moments {
	m := moments{n: int64(len(x))}
	if m.n == 0 {
		return m
	}
	// Four sums at a time: they do not wait for each other.
	var s [4]float64
	i := 0
	for ; i+4 <= len(x); i += 4 {
		q := (*[4]float64)(x[i:])
		s[0] += q[0]
		s[1] += q[1]
		s[2] += q[2]
		s[3] += q[3]
	}
	for ; i < len(x); i++ {
		s[0] += x[i]
	}
	m.mean = (s[0] + s[1] + s[2] + s[3]) / float64(m.n)
	if math.IsInf(m.mean, 0) || math.IsNaN(m.mean) { // the sum was too large
		m.mean = 0
		for _, v := range x {
			m.mean += v / float64(m.n)
		}
	}
	s = [4]float64{}
	for i = 0; i+4 <= len(x); i += 4 {
		q := (*[4]float64)(x[i:])
		d0, d1, d2, d3 := q[0]-m.mean, q[1]-m.mean, q[2]-m.mean, q[3]-m.mean
		s[0] += d0 * d0
		s[1] += d1 * d1
		s[2] += d2 * d2
		s[3] += d3 * d3
	}
	for ; i < len(x); i++ {
		s[0] += (x[i] - m.mean) * (x[i] - m.mean)
	}
	m.m2 = s[0] + s[1] + s[2] + s[3]
	return m
}
