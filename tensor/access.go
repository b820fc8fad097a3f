package tensor

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/internal/cast"
)

// at returns the offset of an element's unit, and which of its elements it is.
// Negative indices count from the back.
func (v View) at(idx []int64) (off int64, elem int, err error) {
	if len(idx) != len(v.shape) {
		return 0, 0, v.fail(ErrIndex, "index", strconv.Itoa(len(idx))+" numbers", "one for each axis")
	}
	off = v.offset
	for axis, i := range idx {
		n := v.shape[axis]
		at, ok := resolveIndex(i, n)
		if !ok {
			return 0, 0, v.fail(ErrIndex, "index on axis "+strconv.Itoa(axis), itoa(i), indexRange(n))
		}
		if v.packedAxis(axis) {
			e := int64(v.dtype.UnitElems)
			elem, at = int(at%e), at/e
		}
		off += at * v.strides[axis] // unused if another axis is empty
	}
	if v.dtype.Class == ClassNone {
		return 0, 0, v.fail(ErrDType, "dtype", "none", "a dtype with elements")
	}
	return off, elem, nil
}

// UnitAt returns the bytes of the unit that holds an element, in the view's
// own memory and byte order. Negative indices count from the back.
func (v View) UnitAt(idx ...int64) ([]byte, error) {
	off, _, err := v.at(idx)
	if err != nil {
		return nil, err
	}
	end := off + int64(v.dtype.UnitBytes)
	return v.data[off:end:end], nil
}

// ReadElem returns one element, whatever its byte order and alignment. Negative
// indices count from the back. Errors are ErrDType, ErrIndex and, for a bool
// that is neither 0 nor 1, ErrCorrupt.
func ReadElem[T Elem](v View, idx ...int64) (T, error) {
	var out [1]T
	if v.elem != elemFor[T]() {
		return out[0], v.wrongType(elemFor[T]())
	}
	off, _, err := v.at(idx)
	if err != nil {
		return out[0], err
	}
	b := cast.Bytes(out[:])
	if v.elem == elemBool && v.data[off] > 1 {
		return out[0], v.notBool(v.data[off])
	}
	copy(b, v.data[off:])
	if !v.native {
		swapParts(b, v.dtype.swapWidth())
	}
	return out[0], nil
}

// WriteElem stores one element in the view's byte order. The memory must be
// writable: not that of a read-only mapping.
func WriteElem[T Elem](v View, x T, idx ...int64) error {
	if v.elem != elemFor[T]() {
		return v.wrongType(elemFor[T]())
	}
	off, _, err := v.at(idx)
	if err != nil {
		return err
	}
	in := [1]T{x}
	b := cast.Bytes(in[:])
	if !v.native {
		swapParts(b, v.dtype.swapWidth())
	}
	copy(v.data[off:], b)
	return nil
}

// swapParts reverses each w bytes of b.
func swapParts(b []byte, w int) {
	for ; len(b) >= w && w > 1; b = b[w:] {
		slices.Reverse(b[:w])
	}
}

// Float64At returns one element as a float64: a bool as 0 or 1, integers
// rounded where they have more than 53 bits, all floats exactly. Complex
// numbers, bytes and blocks are ErrDType. Negative indices count from the back.
func (v View) Float64At(idx ...int64) (float64, error) {
	d := v.dtype
	if !d.Known() || d.Class < ClassBool || d.Class > ClassFloat {
		return 0, v.fail(ErrDType, "dtype", d.String(), "a real number")
	}
	off, elem, err := v.at(idx)
	if err != nil {
		return 0, err
	}
	bits := v.bitsAt(off, elem)
	switch d.Class {
	case ClassBool:
		if bits > 1 {
			return 0, v.notBool(byte(bits))
		}
		return float64(bits), nil
	case ClassInt:
		return float64(int64(bits<<(64-d.Bits)) >> (64 - d.Bits)), nil
	case ClassUint:
		return float64(bits), nil
	}
	return decodeFloat(d, bits), nil
}

// bitsAt reads one element of at most 64 bits.
func (v View) bitsAt(off int64, elem int) uint64 {
	var unit [8]byte
	n := copy(unit[:], v.data[off:off+int64(v.dtype.UnitBytes)])
	if v.order == BigEndian {
		swapParts(unit[:n], v.dtype.swapWidth())
	}
	bits := binary.LittleEndian.Uint64(unit[:]) >> (uint(elem) * uint(v.dtype.Bits))
	if v.dtype.Bits < 64 {
		bits &= 1<<v.dtype.Bits - 1
	}
	return bits
}

// decodeFloat is the value of a float's bits.
func decodeFloat(d DType, bits uint64) float64 {
	switch d {
	case F64:
		return math.Float64frombits(bits)
	case F32:
		return float64(math.Float32frombits(uint32(bits)))
	case F16:
		return Float16(bits).Float64()
	case BF16:
		return BFloat16(bits).Float64()
	case F8E4M3FN:
		return Float8E4M3FN(bits).Float64()
	case F8E5M2:
		return Float8E5M2(bits).Float64()
	case F8E4M3FNUZ:
		return Float8E4M3FNUZ(bits).Float64()
	case F8E5M2FNUZ:
		return Float8E5M2FNUZ(bits).Float64()
	case F8E8M0:
		return Float8E8M0(bits).Float64()
	case F4E2M1:
		return float64(DecodeF4E2M1(uint8(bits)))
	case F6E2M3:
		return float64(DecodeF6E2M3(uint8(bits)))
	case F6E3M2:
		return float64(DecodeF6E3M2(uint8(bits)))
	}
	return math.NaN() // not reached: the dtypes above are those known
}

// StringAt returns one element of a text dtype ("S16", "<U5") without the NULs
// that pad it. Bytes of S are returned as they are; code points of U that are
// none become U+FFFD. Other dtypes are ErrDType.
func (v View) StringAt(idx ...int64) (string, error) {
	d := v.dtype
	if d.Class != ClassBytes || !d.Known() || d.Variant == VariantOpaque {
		return "", v.fail(ErrDType, "dtype", d.String(), "text, S or U")
	}
	unit, err := v.UnitAt(idx...)
	if err != nil {
		return "", err
	}
	if d.Variant == VariantText {
		return strings.TrimRight(string(unit), "\x00"), nil
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if v.order == BigEndian {
		order = binary.BigEndian
	}
	var b []byte
	keep := 0
	for ; len(unit) >= 4; unit = unit[4:] {
		c := order.Uint32(unit)
		if c > utf8.MaxRune {
			c = utf8.RuneError
		}
		b = utf8.AppendRune(b, rune(c))
		if c != 0 {
			keep = len(b)
		}
	}
	return string(b[:keep]), nil
}
