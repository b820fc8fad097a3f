package tensor

// elem numbers the dtypes that have a Go type, so that a typed access compares
// one byte.
type elem uint8

const (
	elemNone elem = iota
	elemBool
	elemI8
	elemI16
	elemI32
	elemI64
	elemU8
	elemU16
	elemU32
	elemU64
	elemF16
	elemBF16
	elemF32
	elemF64
	elemF8E4M3FN
	elemF8E5M2
	elemF8E4M3FNUZ
	elemF8E5M2FNUZ
	elemF8E8M0
	elemC64
	elemC128
	elemCount
)

func (e elem) dtype() DType {
	switch e {
	case elemBool:
		return Bool
	case elemI8:
		return I8
	case elemI16:
		return I16
	case elemI32:
		return I32
	case elemI64:
		return I64
	case elemU8:
		return U8
	case elemU16:
		return U16
	case elemU32:
		return U32
	case elemU64:
		return U64
	case elemF16:
		return F16
	case elemBF16:
		return BF16
	case elemF32:
		return F32
	case elemF64:
		return F64
	case elemF8E4M3FN:
		return F8E4M3FN
	case elemF8E5M2:
		return F8E5M2
	case elemF8E4M3FNUZ:
		return F8E4M3FNUZ
	case elemF8E5M2FNUZ:
		return F8E5M2FNUZ
	case elemF8E8M0:
		return F8E8M0
	case elemC64:
		return C64
	case elemC128:
		return C128
	}
	return DType{}
}

// elemOf is elemNone for dtypes without a Go type.
func elemOf(d DType) elem {
	if d.UnitElems != 1 {
		return elemNone
	}
	e := elemNone
	switch d.Class {
	case ClassBool:
		e = elemBool
	case ClassInt:
		e = bySize(d.UnitBytes, elemI8, elemI16, elemI32, elemI64)
	case ClassUint:
		e = bySize(d.UnitBytes, elemU8, elemU16, elemU32, elemU64)
	case ClassFloat:
		switch d.Variant {
		case VariantIEEE:
			e = bySize(d.UnitBytes, elemNone, elemF16, elemF32, elemF64)
		case VariantBFloat16:
			e = elemBF16
		case VariantE4M3FN, VariantE5M2, VariantE4M3FNUZ, VariantE5M2FNUZ, VariantE8M0:
			e = elemF8E4M3FN + elem(d.Variant-VariantE4M3FN)
		}
	case ClassComplex:
		e = elemC64
		if d.UnitBytes == 16 {
			e = elemC128
		}
	}
	if e.dtype() != d {
		return elemNone
	}
	return e
}

func bySize(size uint32, e1, e2, e4, e8 elem) elem {
	switch size {
	case 1:
		return e1
	case 2:
		return e2
	case 4:
		return e4
	case 8:
		return e8
	}
	return elemNone
}

type float interface{ float32 | float64 }
