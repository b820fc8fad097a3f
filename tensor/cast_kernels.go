package tensor

import (
	"math"
	"sync"

	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/internal/kernel"
)

// A castKernel converts len(dst) bytes worth of elements, aligned and in the
// machine's byte order, elements of packed dtypes one to the byte. dst and src
// do not overlap. Kernels are loops over typed slices: nothing is called per
// element but for rare values.
type castKernel func(b *castBuffer, dst, src []byte)

type signed interface{ int8 | int16 | int32 | int64 }
type unsigned interface {
	uint8 | uint16 | uint32 | uint64
}
type integer interface{ signed | unsigned }
type float interface{ float32 | float64 }

const misaligned = "tensor: cast of a misaligned block"

// typed returns two slices of one length. Their memory is aligned, because the
// caller saw to it.
func typed[D, S cast.Plain](dst, src []byte) ([]D, []S) {
	d, ok1 := cast.Slice[D](dst)
	s, ok2 := cast.Slice[S](src)
	if !ok1 || !ok2 {
		panic(misaligned)
	}
	return d, s[:len(d)]
}

// limits returns the smallest and largest value of T.
func limits[T integer]() (lo int64, hi uint64) {
	var zero T
	bits := 8 * uint(cast.SizeOf[T]())
	if zero-1 < 0 {
		return -1 << (bits - 1), 1<<(bits-1) - 1
	}
	return 0, 1<<(bits-1)<<1 - 1
}

// intToInt clamps to what D holds, as 64-bit integers: those need no branches.
func intToInt[D, S integer](_ *castBuffer, dst, src []byte) {
	d, s := typed[D, S](dst, src)
	loD, hiD := limits[D]()
	loS, hiS := limits[S]()
	if loD <= loS && hiD >= hiS {
		for i, v := range s[:len(d)] {
			d[i] = D(v)
		}
		return
	}
	if hiS == math.MaxUint64 {
		for i, v := range s[:len(d)] {
			d[i] = D(min(uint64(v), hiD))
		}
		return
	}
	lo, hi := loD, int64(min(hiD, math.MaxInt64))
	for i, v := range s[:len(d)] {
		d[i] = D(min(max(int64(v), lo), hi))
	}
}

// floatToInt truncates toward zero and clamps; NaN becomes 0.
func floatToInt[D integer, S float](_ *castBuffer, dst, src []byte) {
	d, s := typed[D, S](dst, src)
	least, most := limits[D]()
	if most>>32 == 0 {
		// By way of int64, where clamping takes no branches.
		lo, hi := least, int64(most)
		for i, v := range s[:len(d)] {
			if v < 1<<62 && v > -1<<62 {
				d[i] = D(min(max(int64(v), lo), hi))
			} else {
				d[i] = saturate[D](v, least, most)
			}
		}
		return
	}
	// Between these, both excluded, truncation ends inside D. Where S cannot
	// tell least-1 from least, least itself is left to the other branch.
	lo, hi := S(least)-1, S(most/2+1)*2
	for i, v := range s[:len(d)] {
		if v > lo && v < hi {
			d[i] = D(v)
		} else {
			d[i] = saturate[D](v, least, most)
		}
	}
}

// saturate is for what lies outside D, and NaN.
func saturate[D integer, S float](v S, least int64, most uint64) D {
	switch {
	case v < 0:
		return D(least)
	case v > 0:
		return D(most)
	}
	return 0
}

// toFloat rounds to nearest even, as conversions to float32 and float64 do.
func toFloat[D float, S integer | float](_ *castBuffer, dst, src []byte) {
	d, s := typed[D, S](dst, src)
	for i, v := range s[:len(d)] {
		d[i] = D(v)
	}
}

// signedToFloat32 and unsignedToFloat32 are for processors without 64-bit
// integers, where Go's own conversion to float32 does not always round to
// nearest (seen with GOARCH=386).
func signedToFloat32(_ *castBuffer, dst, src []byte) {
	d, s := typed[float32, int64](dst, src)
	for i, v := range s[:len(d)] {
		if v < 0 {
			d[i] = -float32(float64(stick53(-uint64(v))))
		} else {
			d[i] = float32(float64(stick53(uint64(v))))
		}
	}
}

func unsignedToFloat32(_ *castBuffer, dst, src []byte) {
	d, s := typed[float32, uint64](dst, src)
	for i, v := range s[:len(d)] {
		d[i] = float32(float64(stick53(v)))
	}
}

// nonzero is the conversion to bool. NaN is not zero.
func nonzero[S integer | float](_ *castBuffer, dst, src []byte) {
	d, s := typed[uint8, S](dst, src)
	for i, v := range s[:len(d)] {
		var b uint8
		if v != 0 {
			b = 1
		}
		d[i] = b
	}
}

// The three ways to float32 bits rounded to odd, from which every smaller float
// type is rounded.
func floatToOdd(_ *castBuffer, dst, src []byte) {
	const low, rebias = 1<<29 - 1, (1023 - 127) << 23
	d, s := typed[uint32, uint64](dst, src)
	for i, b := range s[:len(d)] {
		if e := b >> 52 & 0x7ff; e-(1023-126) < 254 { // a normal float32
			d[i] = uint32(b>>63)<<31 | uint32(b<<1>>30-rebias) | uint32((b&low+low)>>29)
		} else {
			d[i] = odd32(math.Float64frombits(b))
		}
	}
}

func signedToOdd[S signed](_ *castBuffer, dst, src []byte) {
	d, s := typed[uint32, S](dst, src)
	for i, v := range s[:len(d)] {
		if x := int64(v); uint64(x+1<<53) <= 1<<54 {
			d[i] = odd32(float64(x))
		} else {
			d[i] = odd32FromInt(x)
		}
	}
}

func unsignedToOdd[S unsigned](_ *castBuffer, dst, src []byte) {
	d, s := typed[uint32, S](dst, src)
	for i, v := range s[:len(d)] {
		d[i] = odd32FromUint(uint64(v))
	}
}

// encodeF16Block, encodeBF16Block and encodeMiniBlock round float32 bits.
func encodeF16Block(_ *castBuffer, dst, src []byte) {
	kernel.F32ToF16(typed[uint16, float32](dst, src))
}

func encodeBF16Block(_ *castBuffer, dst, src []byte) {
	kernel.F32ToBF16(typed[uint16, float32](dst, src))
}

// A miniTable holds the code of a type of at most 8 bits for the upper 13 bits
// of a float32 and one bit that says whether any lower one is set: three
// mantissa bits, the one that rounds, and what breaks ties.
type miniTable [1 << 14]uint8

func encodeMiniBlock(b *castBuffer, dst, src []byte) {
	d, s := typed[uint8, uint32](dst, src)
	t := b.encode
	for i, v := range s[:len(d)] {
		d[i] = t[v>>19<<1|(v&0x7ffff+0x7ffff)>>19]
	}
}

// miniTables are made when first needed.
var miniTables [castCount]struct {
	once  sync.Once
	table miniTable
}

func miniTableOf(k elem) *miniTable {
	t := &miniTables[k]
	t.once.Do(func() {
		encode := miniEncoder(k)
		for i := range t.table {
			t.table[i] = encode(uint32(i)>>1<<19 | uint32(i)&1)
		}
	})
	return &t.table
}

func miniEncoder(k elem) func(uint32) uint8 {
	switch k {
	case elemF8E4M3FN:
		return miniE4M3FN.encode
	case elemF8E5M2:
		return miniE5M2.encode
	case elemF8E4M3FNUZ:
		return miniE4M3FNUZ.encode
	case elemF8E5M2FNUZ:
		return miniE5M2FNUZ.encode
	case castF4E2M1:
		return miniF4E2M1.encode
	case castF6E2M3:
		return miniF6E2M3.encode
	case castF6E3M2:
		return miniF6E3M2.encode
	}
	return func(b uint32) uint8 { return uint8(encodeE8M0(b)) }
}

func decodeF16Block(_ *castBuffer, dst, src []byte) {
	kernel.F16ToF32(typed[float32, uint16](dst, src))
}

func decodeBF16Block(_ *castBuffer, dst, src []byte) {
	kernel.BF16ToF32(typed[float32, uint16](dst, src))
}

func decodeMiniBlock(b *castBuffer, dst, src []byte) {
	d, s := typed[float32, uint8](dst, src)
	kernel.F8ToF32(d, s, b.decode)
}

// The conversions of integers that people wait for.
func u8ToFloat32(_ *castBuffer, dst, src []byte) { kernel.U8ToF32(typed[float32, uint8](dst, src)) }

func i16ToFloat32(_ *castBuffer, dst, src []byte) { kernel.I16ToF32(typed[float32, int16](dst, src)) }

func float32ToU8(_ *castBuffer, dst, src []byte) { kernel.F32ToU8(typed[uint8, float32](dst, src)) }

func float32ToI16(_ *castBuffer, dst, src []byte) { kernel.F32ToI16(typed[int16, float32](dst, src)) }

func miniValues(k elem) *[256]float32 {
	switch k {
	case elemF8E4M3FN:
		return valuesE4M3FN
	case elemF8E5M2:
		return valuesE5M2
	case elemF8E4M3FNUZ:
		return valuesE4M3FNUZ
	case elemF8E5M2FNUZ:
		return valuesE5M2FNUZ
	case castF4E2M1:
		return valuesF4E2M1
	case castF6E2M3:
		return valuesF6E2M3
	case castF6E3M2:
		return valuesF6E3M2
	}
	return valuesE8M0
}

// Complex numbers are pairs.
func realPart[S float](_ *castBuffer, dst, src []byte) {
	d, ok1 := cast.Slice[S](dst)
	s, ok2 := cast.Slice[S](src)
	if !ok1 || !ok2 {
		panic(misaligned)
	}
	for i := range d {
		d[i] = s[2*i]
	}
}

func fromReal[D float](_ *castBuffer, dst, src []byte) {
	d, ok1 := cast.Slice[D](dst)
	s, ok2 := cast.Slice[D](src)
	if !ok1 || !ok2 {
		panic(misaligned)
	}
	for i, v := range s[:len(d)/2] {
		d[2*i], d[2*i+1] = v, 0
	}
}

func complexNonzero[S float](_ *castBuffer, dst, src []byte) {
	s, ok := cast.Slice[S](src)
	if !ok {
		panic(misaligned)
	}
	for i := range dst {
		var b uint8
		if s[2*i] != 0 || s[2*i+1] != 0 {
			b = 1
		}
		dst[i] = b
	}
}

// clampI4 and clampU4 end conversions to 4 bits, one element to the byte. Wider
// integers clamp without branches.
func clampI4(_ *castBuffer, dst, src []byte) {
	for i, v := range src[:len(dst)] {
		dst[i] = byte(min(max(int32(int8(v)), -8), 7))
	}
}

func clampU4(_ *castBuffer, dst, src []byte) {
	for i, v := range src[:len(dst)] {
		dst[i] = byte(min(int32(v), 15))
	}
}
