package format

import (
	"fmt"

	"github.com/tensorfile/tensorfile/tensor"
)

// dtype descriptor (spec, "dtype").
const (
	dtClass     = 0               // u8
	dtZero      = dtClass + 1     // u8
	dtVariant   = dtZero + 1      // u16
	dtBits      = dtVariant + 2   // u32
	dtUnitElems = dtBits + 4      // u32
	dtUnitBytes = dtUnitElems + 4 // u32
	DTypeSize   = dtUnitBytes + 4 // 16
)

func putDType(b []byte, d tensor.DType) {
	b[dtClass], b[dtZero] = byte(d.Class), 0
	le.PutUint16(b[dtVariant:], d.Variant)
	le.PutUint32(b[dtBits:], d.Bits)
	le.PutUint32(b[dtUnitElems:], d.UnitElems)
	le.PutUint32(b[dtUnitBytes:], d.UnitBytes)
}

// getDType reads the descriptor at b, which stands at off. none says whether
// "no dtype", 16 zero bytes, is legal there.
func getDType(b []byte, off int64, none bool) (tensor.DType, error) {
	d := tensor.DType{
		Class:     tensor.Class(b[dtClass]),
		Variant:   le.Uint16(b[dtVariant:]),
		Bits:      le.Uint32(b[dtBits:]),
		UnitElems: le.Uint32(b[dtUnitElems:]),
		UnitBytes: le.Uint32(b[dtUnitBytes:]),
	}
	if b[dtZero] != 0 {
		return d, fail(tensor.ErrCorrupt, RuleDTypeZero, off+dtZero, "dtype reserved byte", fmt.Sprint(b[dtZero]), "0")
	}
	if d.Class == tensor.ClassNone {
		if d != (tensor.DType{}) || !none {
			return d, fail(tensor.ErrCorrupt, RuleDTypeNone, off, "dtype", hexOf(b[:DTypeSize]), "a dtype")
		}
		return d, nil
	}
	if err := d.Validate(); err != nil {
		return d, fail(tensor.ErrCorrupt, RuleDTypeUnit, off, "dtype", fmt.Sprintf("class %d, variant %d, %d bits, %d elements in %d bytes", d.Class, d.Variant, d.Bits, d.UnitElems, d.UnitBytes), "elements and bytes of a unit above 0, and elements*bits = 8*bytes")
	}
	return d, nil
}

// DecodeDType reads a descriptor of DTypeSize bytes; 16 zero bytes are refused.
func DecodeDType(b []byte) (tensor.DType, error) {
	if len(b) < DTypeSize {
		return tensor.DType{}, fail(tensor.ErrTruncated, RuleDTypeUnit, 0, "dtype", fmt.Sprintf("%d bytes", len(b)), fmt.Sprint(DTypeSize))
	}
	return getDType(b, 0, false)
}

// AppendDType appends the DTypeSize bytes of d to dst.
func AppendDType(dst []byte, d tensor.DType) []byte {
	var b [DTypeSize]byte
	putDType(b[:], d)
	return append(dst, b[:]...)
}
