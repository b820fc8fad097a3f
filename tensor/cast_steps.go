package tensor

import (
	"math/bits"
	"sync"

	"github.com/tensorfile/tensorfile/internal/cast"
)

// prepare chooses the steps from s to d.
func (b *castBuffer) prepare(d, s elem) {
	b.nsteps, b.pending, b.nruns = 0, 0, 0
	add := func(k castKernel, size int) {
		b.steps[b.nsteps] = castStep{k, size}
		b.nsteps++
	}
	if d == s && d != elemBool {
		add(copyBlock, 0)
		return
	}
	toBool := d == elemBool || d == castBool1
	// From what lies in src to one of the ten types that Go converts.
	switch s {
	case elemBool, castBool1:
		add(nonzero[uint8], 1)
		if toBool {
			return
		}
		s = elemU8
	case castI4:
		s = elemI8
	case castU4:
		s = elemU8
	case elemF16:
		add(decodeF16Block, 4)
		s = elemF32
	case elemBF16:
		add(decodeBF16Block, 4)
		s = elemF32
	case elemF8E4M3FN, elemF8E5M2, elemF8E4M3FNUZ, elemF8E5M2FNUZ, elemF8E8M0, castF4E2M1, castF6E2M3, castF6E3M2:
		b.decode = miniValues(s)
		add(decodeMiniBlock, 4)
		s = elemF32
	case elemC64:
		switch {
		case d == elemC128:
			add(toFloat[float64, float32], 16)
			return
		case toBool:
			add(complexNonzero[float32], 1)
			return
		}
		add(realPart[float32], 4)
		s = elemF32
	case elemC128:
		switch {
		case d == elemC64:
			add(toFloat[float32, float64], 8)
			return
		case toBool:
			add(complexNonzero[float64], 1)
			return
		}
		add(realPart[float64], 8)
		s = elemF64
	}
	// From there to what goes to dst.
	convert := func(e elem, size int) {
		if s != e && !(s == elemF32 && e == castOdd32) {
			add(numberKernel(e, s), size)
		}
	}
	switch d {
	case elemBool, castBool1:
		add(numberKernel(elemBool, s), 1)
	case castI4:
		convert(elemI8, 1)
		add(clampI4, 1)
	case castU4:
		convert(elemU8, 1)
		add(clampU4, 1)
	case elemC64:
		convert(elemF32, 4)
		add(fromReal[float32], 8)
	case elemC128:
		convert(elemF64, 8)
		add(fromReal[float64], 16)
	case elemF16:
		convert(castOdd32, 4)
		add(encodeF16Block, 2)
	case elemBF16:
		convert(castOdd32, 4)
		add(encodeBF16Block, 2)
	case elemF8E4M3FN, elemF8E5M2, elemF8E4M3FNUZ, elemF8E5M2FNUZ, elemF8E8M0, castF4E2M1, castF6E2M3, castF6E3M2:
		convert(castOdd32, 4)
		b.encode = miniTableOf(d)
		add(encodeMiniBlock, 1)
	default:
		convert(d, int(d.dtype().UnitBytes))
	}
	if b.nsteps == 0 { // i4 to i8, u4 to u8: unpacking was all
		add(copyBlock, 1)
	}
}

// numberKernel converts from one of the ten types that Go converts to another,
// to bool, or to float32 bits rounded to odd.
func numberKernel(d, s elem) castKernel { return numberKernels()[s][d] }

// numberKernels is a table because a generic function costs an allocation
// whenever generic code names it.
var numberKernels = sync.OnceValue(func() *[castCount][castOdd32 + 1]castKernel {
	table := new([castCount][castOdd32 + 1]castKernel)
	targets := []elem{elemBool, elemI8, elemI16, elemI32, elemI64, elemU8, elemU16, elemU32, elemU64, elemF32, elemF64, castOdd32}
	for s, from := range map[elem]func(elem) castKernel{
		elemI8: fromSigned[int8], elemI16: fromSigned[int16], elemI32: fromSigned[int32], elemI64: fromSigned[int64],
		elemU8: fromUnsigned[uint8], elemU16: fromUnsigned[uint16], elemU32: fromUnsigned[uint32], elemU64: fromUnsigned[uint64],
		elemF32: fromFloat[float32], elemF64: fromFloat[float64],
	} {
		for _, d := range targets {
			table[s][d] = from(d)
		}
	}
	for _, d := range []elem{elemF32, castOdd32} {
		table[elemU8][d], table[elemI16][d] = u8ToFloat32, i16ToFloat32
	}
	table[elemF32][elemU8], table[elemF32][elemI16] = float32ToU8, float32ToI16
	if bits.UintSize == 32 {
		table[elemI64][elemF32] = signedToFloat32
		table[elemU64][elemF32] = unsignedToFloat32
	}
	return table
})

func fromSigned[S signed](d elem) castKernel {
	if d != castOdd32 {
		return fromInteger[S](d)
	}
	if cast.SizeOf[S]() <= 2 {
		return toFloat[float32, S]
	}
	return signedToOdd[S]
}

func fromUnsigned[S unsigned](d elem) castKernel {
	if d != castOdd32 {
		return fromInteger[S](d)
	}
	if cast.SizeOf[S]() <= 2 {
		return toFloat[float32, S]
	}
	return unsignedToOdd[S]
}

func fromInteger[S integer](d elem) castKernel {
	switch d {
	case elemBool:
		return nonzero[S]
	case elemI8:
		return intToInt[int8, S]
	case elemI16:
		return intToInt[int16, S]
	case elemI32:
		return intToInt[int32, S]
	case elemI64:
		return intToInt[int64, S]
	case elemU8:
		return intToInt[uint8, S]
	case elemU16:
		return intToInt[uint16, S]
	case elemU32:
		return intToInt[uint32, S]
	case elemU64:
		return intToInt[uint64, S]
	case elemF32:
		return toFloat[float32, S]
	}
	return toFloat[float64, S]
}

func fromFloat[S float](d elem) castKernel {
	switch d {
	case elemBool:
		return nonzero[S]
	case elemI8:
		return floatToInt[int8, S]
	case elemI16:
		return floatToInt[int16, S]
	case elemI32:
		return floatToInt[int32, S]
	case elemI64:
		return floatToInt[int64, S]
	case elemU8:
		return floatToInt[uint8, S]
	case elemU16:
		return floatToInt[uint16, S]
	case elemU32:
		return floatToInt[uint32, S]
	case elemU64:
		return floatToInt[uint64, S]
	case elemF32:
		return toFloat[float32, S]
	case elemF64:
		return toFloat[float64, S]
	}
	return floatToOdd
}
