package tensor

import (
	"math/bits"
	"unsafe"
)

// prepare chooses the steps from s to d.
func (b *castBuffer) prepare(d, s elem) {
	b.nsteps, b.pending, b.nruns = 0, 0, 0
	add := func(k kernel, size int) {
		b.steps[b.nsteps] = castStep{k, size}
		b.nsteps++
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
func numberKernel(d, s elem) kernel {
	if bits.UintSize == 32 && d == elemF32 && s == elemI64 {
		return signedToFloat32
	}
	if bits.UintSize == 32 && d == elemF32 && s == elemU64 {
		return unsignedToFloat32
	}
	switch s {
	case elemI8:
		return fromSigned[int8](d)
	case elemI16:
		return fromSigned[int16](d)
	case elemI32:
		return fromSigned[int32](d)
	case elemI64:
		return fromSigned[int64](d)
	case elemU8:
		return fromUnsigned[uint8](d)
	case elemU16:
		return fromUnsigned[uint16](d)
	case elemU32:
		return fromUnsigned[uint32](d)
	case elemU64:
		return fromUnsigned[uint64](d)
	case elemF32:
		return fromFloat[float32](d)
	}
	return fromFloat[float64](d)
}

func fromSigned[S signed](d elem) kernel {
	var zero S
	if d != castOdd32 {
		return fromInteger[S](d)
	}
	if unsafe.Sizeof(zero) <= 2 {
		return toFloat[float32, S]
	}
	return signedToOdd[S]
}

func fromUnsigned[S unsigned](d elem) kernel {
	var zero S
	if d != castOdd32 {
		return fromInteger[S](d)
	}
	if unsafe.Sizeof(zero) <= 2 {
		return toFloat[float32, S]
	}
	return unsignedToOdd[S]
}

func fromInteger[S integer](d elem) kernel {
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

func fromFloat[S float](d elem) kernel {
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
