package picture

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/tensorfile/tensorfile/tensor"
)

const (
	tagOrientation = 0x0112
	typeShort      = 3
)

// EXIF finds the orientation in a block of EXIF (CIPA DC-008, JEITA CP-3451):
// a TIFF file, behind "Exif\0\0" or alone, the first directory of which says it.
// It is 0 if nothing does. Errors are about the block, from its TIFF header on.
func EXIF(b []byte) (orientation int, err error) {
	b = bytes.TrimPrefix(b, []byte("Exif\x00\x00"))
	bad := func(kind error, at int, field, got, want string) (int, error) {
		return 0, &tensor.Error{Kind: kind, Format: "EXIF", Offset: int64(at), Field: field, Got: got, Want: want}
	}
	if len(b) < 8 {
		return bad(tensor.ErrTruncated, 0, "header", fmt.Sprintf("%d bytes", len(b)), "8")
	}
	var order binary.ByteOrder
	switch string(b[:2]) {
	case "II":
		order = binary.LittleEndian
	case "MM":
		order = binary.BigEndian
	default:
		return bad(tensor.ErrFormat, 0, "byte order", tensor.Quote(string(b[:2])), "II or MM")
	}
	if n := order.Uint16(b[2:]); n != 42 {
		return bad(tensor.ErrFormat, 2, "version", fmt.Sprint(n), "42")
	}
	at := order.Uint32(b[4:])
	if at < 8 || uint64(at)+2 > uint64(len(b)) {
		return bad(tensor.ErrTruncated, 4, "offset of the directory", fmt.Sprint(at), fmt.Sprintf("within the %d bytes", len(b)))
	}
	dir := b[at:]
	n := int(order.Uint16(dir))
	if len(dir)-2 < 12*n {
		return bad(tensor.ErrTruncated, int(at), "entries", fmt.Sprint(n), fmt.Sprintf("at most %d, which fit", (len(dir)-2)/12))
	}
	for i := range n {
		e := dir[2+12*i:]
		if order.Uint16(e) != tagOrientation {
			continue
		}
		place := int(at) + 2 + 12*i
		if kind, count := order.Uint16(e[2:]), order.Uint32(e[4:]); kind != typeShort || count != 1 {
			return bad(tensor.ErrFormat, place+2, "orientation", fmt.Sprintf("%d of type %d", count, kind), "1 of type 3")
		}
		v := order.Uint16(e[8:])
		if v < 1 || v > 8 {
			return bad(tensor.ErrFormat, place+8, "orientation", fmt.Sprint(v), "1 to 8")
		}
		return int(v), nil
	}
	return 0, nil
}

// upright turns pictures of an orientation of EXIF. shape and strides (T, H, W,
// C) become those of upright ones; the offset of their first element is returned.
func upright(orientation int, shape tensor.Shape, st tensor.Strides) (offset int64) {
	flip := func(axis int) {
		offset += (shape[axis] - 1) * st[axis]
		st[axis] = -st[axis]
	}
	const y, x = 1, 2
	// Where the first row and the first column are, before rows become columns.
	switch orientation {
	case 2:
		flip(x) // top, right
	case 3:
		flip(y)
		flip(x) // bottom, right
	case 4:
		flip(y) // bottom, left
	case 6:
		flip(y) // right, top
	case 7:
		flip(y)
		flip(x) // right, bottom
	case 8:
		flip(x) // left, bottom
	}
	if orientation >= 5 {
		shape[y], shape[x] = shape[x], shape[y]
		st[y], st[x] = st[x], st[y]
	}
	return offset
}
