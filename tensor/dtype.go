package tensor

import (
	"math/bits"
	"strconv"
)

// Class is the family of a dtype; the numbers are those of the file format.
type Class uint8

// The classes. Others may occur in newer files: such a dtype is bounded and
// copied by its unit size and otherwise opaque.
const (
	ClassNone    Class = iota // no elements of its own (composites)
	ClassBool                 // one byte 0 or 1, or packed bits
	ClassInt                  // two's complement
	ClassUint                 // unsigned
	ClassFloat                // IEEE and the short formats, see the variants
	ClassComplex              // real, then imaginary part
	ClassBytes                // fixed width: opaque, text, UTF-32
	ClassBlock                // quantised blocks; the variant is the ggml type number
)

// Variants of ClassFloat (and, of these, VariantIEEE for ClassComplex).
const (
	VariantIEEE uint16 = iota
	VariantBFloat16
	VariantE4M3FN
	VariantE5M2
	VariantE4M3FNUZ
	VariantE5M2FNUZ
	VariantE8M0
	VariantE2M1
	VariantE2M3
	VariantE3M2
)

// Variants of ClassBytes.
const (
	VariantOpaque uint16 = iota
	VariantText          // NUL-padded bytes
	VariantUTF32         // NUL-padded code points of 4 bytes
)

// maxBytesWidth bounds one element of ClassBytes.
const maxBytesWidth = 1 << 24

// DType describes elements by numbers: what a file stores, without its zero
// byte. DTypes are compared with ==. The zero DType is "none".
//
// The unit is what can be addressed: UnitElems elements in UnitBytes bytes. It
// is one element for all but the packed dtypes (below one byte) and blocks. A
// unit of a packed dtype, read as one little-endian integer, holds element k
// in bits [k*Bits, (k+1)*Bits).
type DType struct {
	Class     Class
	Variant   uint16
	Bits      uint32 // of one element; complex: both parts; 0 for ClassBlock
	UnitElems uint32
	UnitBytes uint32
}

// The dtypes with a fixed size. They are not to be assigned to.
var (
	Bool  = DType{ClassBool, 0, 8, 1, 1}
	Bool1 = DType{ClassBool, 0, 1, 8, 1} // 8 to the byte, least significant bit first

	I4  = DType{ClassInt, 0, 4, 2, 1} // 2 to the byte, low nibble first
	I8  = DType{ClassInt, 0, 8, 1, 1}
	I16 = DType{ClassInt, 0, 16, 1, 2}
	I32 = DType{ClassInt, 0, 32, 1, 4}
	I64 = DType{ClassInt, 0, 64, 1, 8}

	U4  = DType{ClassUint, 0, 4, 2, 1}
	U8  = DType{ClassUint, 0, 8, 1, 1}
	U16 = DType{ClassUint, 0, 16, 1, 2}
	U32 = DType{ClassUint, 0, 32, 1, 4}
	U64 = DType{ClassUint, 0, 64, 1, 8}

	F16  = DType{ClassFloat, VariantIEEE, 16, 1, 2}
	BF16 = DType{ClassFloat, VariantBFloat16, 16, 1, 2}
	F32  = DType{ClassFloat, VariantIEEE, 32, 1, 4}
	F64  = DType{ClassFloat, VariantIEEE, 64, 1, 8}

	F8E4M3FN   = DType{ClassFloat, VariantE4M3FN, 8, 1, 1}
	F8E5M2     = DType{ClassFloat, VariantE5M2, 8, 1, 1}
	F8E4M3FNUZ = DType{ClassFloat, VariantE4M3FNUZ, 8, 1, 1}
	F8E5M2FNUZ = DType{ClassFloat, VariantE5M2FNUZ, 8, 1, 1}
	F8E8M0     = DType{ClassFloat, VariantE8M0, 8, 1, 1}
	F4E2M1     = DType{ClassFloat, VariantE2M1, 4, 2, 1} // 2 in 1 byte
	F6E2M3     = DType{ClassFloat, VariantE2M3, 6, 4, 3} // 4 in 3 bytes
	F6E3M2     = DType{ClassFloat, VariantE3M2, 6, 4, 3}

	C64  = DType{ClassComplex, VariantIEEE, 64, 1, 8}
	C128 = DType{ClassComplex, VariantIEEE, 128, 1, 16}
)

// Opaque is n uninterpreted bytes an element ("V16").
func Opaque(n int) DType { return bytesType(VariantOpaque, n, 1) }

// Text is n bytes of text an element, padded with NUL ("S16").
func Text(n int) DType { return bytesType(VariantText, n, 1) }

// UTF32 is text of at most chars code points of 4 bytes an element, padded
// with NUL ("<U5").
func UTF32(chars int) DType { return bytesType(VariantUTF32, chars, 4) }

// bytesType gives an invalid dtype (unit of no bytes) if the width is outside
// 1..2^24 bytes; Validate refuses that.
func bytesType(variant uint16, n, size int) DType {
	if n < 1 || n > maxBytesWidth/size {
		return DType{Class: ClassBytes, Variant: variant, UnitElems: 1}
	}
	b := uint32(n) * uint32(size)
	return DType{ClassBytes, variant, b * 8, 1, b}
}

// Validate checks what every reader relies on: sizes above 0, whole bytes to
// the unit. A dtype with an unknown class or variant can be valid. The zero
// DType is valid, as the dtype of something without elements.
func (d DType) Validate() error {
	if d.Class == ClassNone {
		if d != (DType{}) {
			return fail(ErrCorrupt, "dtype", d.numbers(), "all zero for class 0", "dtype.none")
		}
		return nil
	}
	if d.UnitElems == 0 || d.UnitBytes == 0 {
		return fail(ErrCorrupt, "dtype", d.numbers(), "a unit of at least one element and one byte", "dtype.unit")
	}
	switch {
	case d.Class == ClassBlock:
		if d.Bits != 0 {
			return fail(ErrCorrupt, "dtype", d.numbers(), "0 bits for a block", "dtype.unit")
		}
	case d.Class < ClassBlock:
		if uint64(d.UnitElems)*uint64(d.Bits) != 8*uint64(d.UnitBytes) {
			return fail(ErrCorrupt, "dtype", d.numbers(), "elements that fill the bytes of the unit", "dtype.unit")
		}
		if d.Class == ClassBytes && d.UnitBytes > maxBytesWidth {
			return fail(ErrCorrupt, "dtype", d.numbers(), "at most 2^24 bytes", "dtype.unit")
		}
	}
	return nil
}

// usable is Validate for something that has elements.
func (d DType) usable() error {
	if d.Class == ClassNone {
		return fail(ErrDType, "dtype", d.String(), "a dtype with elements", "dtype.none")
	}
	return d.Validate()
}

func (d DType) numbers() string {
	return "class " + strconv.Itoa(int(d.Class)) + " variant " + strconv.Itoa(int(d.Variant)) +
		", " + utoa(d.Bits) + " bits, " + utoa(d.UnitElems) + " elements in " + utoa(d.UnitBytes) + " bytes"
}

func utoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// Known reports whether class and variant are known in just these sizes, so
// that elements can be interpreted.
func (d DType) Known() bool {
	switch d.Class {
	case ClassBool, ClassInt, ClassUint, ClassFloat, ClassComplex:
		_, ok := fixedName(d)
		return ok
	case ClassBytes:
		return d.Variant <= VariantUTF32 && d.UnitElems == 1 && d.Validate() == nil &&
			(d.Variant != VariantUTF32 || d.UnitBytes%4 == 0)
	case ClassBlock:
		b, ok := Block(int(d.Variant))
		return ok && b == d
	}
	return false
}

// Packed reports whether a unit holds several elements. Then the last axis
// of a view is packed: its stride is UnitBytes and it cannot be cut inside a
// unit.
func (d DType) Packed() bool { return d.UnitElems > 1 }

// Align is what offsets and strides must be multiples of in a file: the
// largest power of two, at most 8, that divides the size of the scalar.
// Complex numbers align like their parts; bytes, blocks and packed dtypes
// need no alignment.
func (d DType) Align() int {
	if d.UnitElems != 1 {
		return 1
	}
	size := d.Bits / 8
	switch d.Class {
	case ClassBool, ClassInt, ClassUint, ClassFloat:
	case ClassComplex:
		size /= 2
	default:
		return 1
	}
	if d.Bits%8 != 0 || size == 0 {
		return 1
	}
	return 1 << min(bits.TrailingZeros32(size), 3)
}

// swapWidth is the number of bytes that a change of byte order reverses: 1 if
// none, 0 if that is not known.
func (d DType) swapWidth() int {
	switch {
	case d.UnitBytes == 1 || d.Class == ClassBlock:
		return 1
	case !d.Known():
		return 0
	case d.UnitElems > 1:
		return 1 // units are little-endian by definition
	case d.Class == ClassComplex:
		return int(d.UnitBytes / 2)
	case d.Class == ClassBytes:
		if d.Variant == VariantUTF32 {
			return 4
		}
		return 1
	}
	return int(d.UnitBytes)
}
