package idx

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"github.com/tensorfile/tensorfile/tensor"
)

const (
	magicSize = 4
	maxHeader = magicSize + 4*tensor.MaxRank
)

// codes are the type codes.
var codes = map[byte]tensor.DType{
	0x08: tensor.U8,
	0x09: tensor.I8,
	0x0B: tensor.I16,
	0x0C: tensor.I32,
	0x0D: tensor.F32,
	0x0E: tensor.F64,
}

const codeList = "08 (u8), 09 (i8), 0b (i16), 0c (i32), 0d (f32) or 0e (f64)"

// header is what stands before the elements.
type header struct {
	dtype tensor.DType
	shape tensor.Shape
	size  int64 // bytes of the header
	data  int64 // bytes of the elements
}

// headerError is an error at an offset of the uncompressed file.
func headerError(kind error, offset int64, field, got, want string) *tensor.Error {
	return &tensor.Error{Kind: kind, Offset: offset, Field: field, Got: got, Want: want}
}

func count(n int64) string { return strconv.FormatInt(n, 10) }

func (h *header) wantData() string {
	return count(h.data) + " for " + h.dtype.String() + " " + h.shape.String()
}

// parseHeader reads the header at the begin of b, which is as much of the file
// as there is, or more than any header.
func parseHeader(b []byte) (h header, err error) {
	short := func(field string) error {
		return headerError(tensor.ErrFormat, int64(len(b)), field, "the end of the file", "a byte of it")
	}
	for i := range min(2, len(b)) {
		if b[i] != 0 {
			return h, headerError(tensor.ErrFormat, int64(i), "magic", fmt.Sprintf("%02x", b[i]), "00")
		}
	}
	if len(b) < 2 {
		return h, short("magic")
	}
	if len(b) < 3 {
		return h, short("type code")
	}
	var ok bool
	if h.dtype, ok = codes[b[2]]; !ok {
		return h, headerError(tensor.ErrFormat, 2, "type code", fmt.Sprintf("%02x", b[2]), codeList)
	}
	if len(b) < magicSize {
		return h, short("number of dimensions")
	}
	rank := int(b[3])
	if rank < 1 || rank > tensor.MaxRank {
		return h, headerError(tensor.ErrFormat, 3, "number of dimensions", strconv.Itoa(rank), "1 to "+strconv.Itoa(tensor.MaxRank))
	}
	h.size = int64(magicSize + 4*rank)
	h.shape = make(tensor.Shape, rank)
	h.data = int64(h.dtype.UnitBytes)
	empty := false
	for axis := range h.shape {
		at := magicSize + 4*axis
		field := "dimension " + strconv.Itoa(axis)
		if len(b) < at+4 {
			return h, short(field)
		}
		n := int64(binary.BigEndian.Uint32(b[at:]))
		h.shape[axis] = n
		if n == 0 {
			empty = true
			continue
		}
		if h.data > (math.MaxInt64-maxHeader)/n {
			return h, headerError(tensor.ErrOverflow, int64(at), field, count(n)+", with which the size overflows", "at most 2^63-1 bytes")
		}
		h.data *= n
	}
	if empty {
		h.data = 0
	}
	return h, nil
}
