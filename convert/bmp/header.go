package bmp

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/tensor"
)

// fileHeader is the size of BITMAPFILEHEADER, behind which the header of the
// bitmap lies. Offsets below are those of the file.
const fileHeader = 14

// sidesAt is where the width is, and behind it the height.
const sidesAt = 18

// The headers that are known, by their sizes.
const (
	sizeCore = 12  // BITMAPCOREHEADER, OS/2 1.x
	sizeOS16 = 16  // OS/2 2.x, its shortest form
	sizeInfo = 40  // BITMAPINFOHEADER
	sizeV2   = 52  // with masks
	sizeV3   = 56  // with a mask for alpha
	sizeOS64 = 64  // OS/2 2.x
	sizeV4   = 108 // BITMAPV4HEADER
	sizeV5   = 124 // BITMAPV5HEADER
)

var headerNames = map[uint32]string{
	sizeCore: "BITMAPCOREHEADER", sizeOS16: "OS/2 2.x, 16 bytes", sizeInfo: "BITMAPINFOHEADER", sizeV2: "BITMAPV2INFOHEADER",
	sizeV3: "BITMAPV3INFOHEADER", sizeOS64: "OS/2 2.x", sizeV4: "BITMAPV4HEADER", sizeV5: "BITMAPV5HEADER",
}

// Compressions.
const (
	plainRGB    = 0
	rle8        = 1
	rle4        = 2
	bitFields   = 3
	alphaFields = 6 // of Windows CE: a fourth mask
)

// compressionNames are those that are not read.
var compressionNames = map[uint32]string{4: "an embedded JPEG", 5: "an embedded PNG", 11: "CMYK", 12: "CMYK, RLE8", 13: "CMYK, RLE4"}

var le = binary.LittleEndian

// header is what stands before the pixels.
type header struct {
	kind          uint32 // its size
	width, height int64
	topDown       bool
	bits          int64 // of a pixel
	compression   uint32
	masks         [4]uint32 // red, green, blue, alpha; 0: none
	colours       [][3]byte // the palette: red, green, blue
	offset        int64     // of the pixels
	perMetre      [2]int32
	gamma         [3]uint32 // 16.16, of a calibrated colour space
	profile       bool      // there is an ICC profile
}

func bad(kind error, offset int64, field, got, want string) error {
	return &tensor.Error{Kind: kind, Format: "bmp", Offset: offset, Field: field, Got: got, Want: want}
}

// readAt reads n bytes of a file. The end of it is ErrTruncated.
func readAt(in convert.Input, at, n int64, field string) ([]byte, error) {
	b := make([]byte, n)
	return b, picture.ReadAt(in, "bmp", b, at, field)
}

// foreign are the other things that begin with two letters, of OS/2.
var foreign = map[string]string{"BA": "an OS/2 array of bitmaps", "IC": "an OS/2 icon", "CI": "an OS/2 colour icon", "PT": "an OS/2 pointer", "CP": "an OS/2 colour pointer"}

func readHeader(in convert.Input) (*header, error) {
	b, err := readAt(in, 0, fileHeader+4, "header")
	if err != nil {
		return nil, err
	}
	if id := string(b[:2]); id != "BM" {
		if name := foreign[id]; name != "" {
			return nil, bad(tensor.ErrUnsupported, 0, "id", tensor.Quote(id)+", "+name, "BM")
		}
		return nil, bad(tensor.ErrFormat, 0, "id", tensor.Quote(id), "BM")
	}
	h := &header{offset: int64(le.Uint32(b[10:])), kind: le.Uint32(b[fileHeader:])}
	if headerNames[h.kind] == "" {
		return nil, bad(tensor.ErrUnsupported, fileHeader, "header size", fmt.Sprint(h.kind), "12, 16, 40, 52, 56, 64, 108 or 124")
	}
	b, err = readAt(in, 0, fileHeader+int64(h.kind), "header")
	if err != nil {
		return nil, err
	}
	end := int64(len(b)) // of what was read
	colours, err := h.sizes(b)
	if err == nil {
		err = h.checkCompression()
	}
	if err == nil && (h.compression == bitFields || h.compression == alphaFields) {
		end, err = h.readMasks(in, b)
	}
	if err != nil {
		return nil, err
	}
	if h.offset < end || h.offset > in.Size() {
		return nil, bad(tensor.ErrFormat, 10, "offset of the pixels", fmt.Sprint(h.offset), fmt.Sprintf("%d, behind the header, to %d, the end of the file", end, in.Size()))
	}
	if h.bits <= 8 {
		err = h.readPalette(in, end, colours)
	}
	return h, err
}

// sizes reads width, height and bits, and how many colours there are to be.
func (h *header) sizes(b []byte) (colours uint32, err error) {
	height := int64(22)
	var planes uint16
	switch {
	case h.kind == sizeCore:
		h.width, h.height = int64(le.Uint16(b[18:])), int64(le.Uint16(b[20:]))
		height = 20
		planes, h.bits = le.Uint16(b[22:]), int64(le.Uint16(b[24:]))
	default:
		h.width, h.height = int64(int32(le.Uint32(b[18:]))), int64(int32(le.Uint32(b[22:])))
		planes, h.bits = le.Uint16(b[26:]), int64(le.Uint16(b[28:]))
	}
	if h.kind >= sizeInfo {
		h.compression = le.Uint32(b[30:])
		h.perMetre = [2]int32{int32(le.Uint32(b[38:])), int32(le.Uint32(b[42:]))}
		colours = le.Uint32(b[46:])
	}
	if h.height == math.MinInt32 {
		return 0, bad(tensor.ErrLimit, height, "height", fmt.Sprint(h.height), "at most 2^31-1 rows")
	}
	if h.height < 0 {
		h.height, h.topDown = -h.height, true
	}
	switch {
	case h.width < 1:
		return 0, bad(tensor.ErrFormat, sidesAt, "width", fmt.Sprint(h.width), "at least 1")
	case h.height < 1:
		return 0, bad(tensor.ErrFormat, height, "height", "0", "at least 1, or below 0 for rows from the top")
	case planes != 1:
		return 0, bad(tensor.ErrFormat, height+4-h.short(2), "planes", fmt.Sprint(planes), "1")
	}
	if h.kind >= sizeV4 {
		h.colourSpace(b)
	}
	return colours, nil
}

// short is n for the header whose sizes have 16 bits.
func (h *header) short(n int64) int64 {
	if h.kind == sizeCore {
		return n
	}
	return 0
}

// The colour spaces of V4 and V5 that say something.
const (
	calibrated = 0
	linked     = "KNIL"
	embedded   = "DEBM"
)

func (h *header) colourSpace(b []byte) {
	switch space := b[70:74]; {
	case le.Uint32(space) == calibrated:
		for i := range h.gamma {
			h.gamma[i] = le.Uint32(b[110+4*i:])
		}
	case h.kind == sizeV5:
		h.profile = string(space) == linked || string(space) == embedded
	}
}

func (h *header) bitsAt() int64 { return 28 - h.short(4) }

// checkCompression looks at how pixels are stored, and in how many bits.
func (h *header) checkCompression() error {
	fits := func(list ...int64) error {
		for _, n := range list {
			if n == h.bits {
				return nil
			}
		}
		text := fmt.Sprint(list)
		return bad(tensor.ErrFormat, h.bitsAt(), "bits of a pixel", fmt.Sprint(h.bits), "one of "+text[1:len(text)-1])
	}
	c := h.compression
	if h.kind == sizeOS64 && (c == 3 || c == 4) {
		return bad(tensor.ErrUnsupported, 30, "compression", fmt.Sprintf("%d (%s of OS/2)", c, map[uint32]string{3: "Huffman", 4: "RLE24"}[c]), "none, RLE4 or RLE8")
	}
	switch c {
	case plainRGB:
		return fits(1, 4, 8, 16, 24, 32)
	case rle8:
		if err := fits(8); err != nil {
			return err
		}
	case rle4:
		if err := fits(4); err != nil {
			return err
		}
	case bitFields, alphaFields:
		return fits(16, 24, 32)
	default:
		got := fmt.Sprint(c)
		if name := compressionNames[c]; name != "" {
			got += " (" + name + ")"
		}
		return bad(tensor.ErrUnsupported, 30, "compression", got, "none, RLE4, RLE8 or bit fields")
	}
	if h.topDown {
		return bad(tensor.ErrFormat, 22, "height", fmt.Sprint(-h.height), "above 0: runs go from the bottom up")
	}
	return nil
}

// readMasks reads the masks in the header, or those that follow a short one, and
// returns where they end.
func (h *header) readMasks(in convert.Input, b []byte) (end int64, err error) {
	const at = fileHeader + sizeInfo
	n := 3
	if h.compression == alphaFields || h.kind >= sizeV3 {
		n = 4
	}
	end = max(int64(len(b)), at+4*int64(n))
	if b, err = readAt(in, at, 4*int64(n), "bit fields"); err != nil {
		return 0, err
	}
	for i := range n {
		h.masks[i] = le.Uint32(b[4*i:])
	}
	if h.masks == [4]uint32{} && h.bits == 32 {
		h.masks = [4]uint32{0xff0000, 0xff00, 0xff, 0xff000000} // as Pillow reads them
	}
	var all uint32
	for i, m := range h.masks[:n] {
		at := at + 4*int64(i)
		field := "mask of " + [...]string{"red", "green", "blue", "alpha"}[i]
		wide := bits.OnesCount32(m)
		switch {
		case m == 0 && i < 3:
			return 0, bad(tensor.ErrFormat, at, field, "0", "one bit or more")
		case m != 0 && bits.Len32(m)-bits.TrailingZeros32(m) != wide:
			return 0, bad(tensor.ErrFormat, at, field, fmt.Sprintf("%#x", m), "bits without a gap")
		case int64(bits.Len32(m)) > h.bits:
			return 0, bad(tensor.ErrFormat, at, field, fmt.Sprintf("%#x", m), fmt.Sprintf("some of the %d bits of a pixel", h.bits))
		case wide > 16:
			return 0, bad(tensor.ErrUnsupported, at, field, fmt.Sprintf("%#x", m), "at most 16 bits")
		case all&m != 0:
			return 0, bad(tensor.ErrFormat, at, field, fmt.Sprintf("%#x", m), "bits that no other mask has")
		}
		all |= m
	}
	return end, nil
}

// readPalette reads the colours that stand between the header, which ends at
// end, and the pixels. claimed is how many there are to be, 0 for as many as
// pixels can name, or as there is room for.
func (h *header) readPalette(in convert.Input, end int64, claimed uint32) error {
	size := 4 - h.short(1)
	most := int64(1) << h.bits
	room := (h.offset - end) / size
	if int64(claimed) > room {
		return bad(tensor.ErrFormat, 46, "colours", fmt.Sprint(claimed), fmt.Sprintf("at most the %d that fit before the pixels", room))
	}
	n := min(most, room)
	if claimed > 0 {
		n = min(most, int64(claimed))
	}
	if n == 0 {
		return bad(tensor.ErrFormat, end, "palette", "no colours", fmt.Sprintf("%d of %d bytes before the pixels", most, size))
	}
	b, err := readAt(in, end, n*size, "palette")
	if err != nil {
		return err
	}
	h.colours = make([][3]byte, n)
	for i := range h.colours {
		c := b[int64(i)*size:]
		h.colours[i] = [3]byte{c[2], c[1], c[0]}
	}
	return nil
}

// runs reports whether pixels are stored as runs.
func (h *header) runs() bool { return h.compression == rle8 || h.compression == rle4 }

// rowBytes is how far rows of an uncompressed picture are apart.
func (h *header) rowBytes() int64 { return (h.width*h.bits + 31) / 32 * 4 }

// usedBytes are those of a row that hold pixels.
func (h *header) usedBytes() int64 { return (h.width*h.bits + 7) / 8 }
