// Package bmp reads and writes BMP files, the bitmaps of Windows and OS/2
// (Microsoft, "Bitmap Storage" and [MS-WMF] 2.2.2; IBM, "OS/2 Presentation
// Manager Programming Reference" for its headers). Importing it registers the
// format "bmp" with package convert.
//
// A file is one tensor, of u8 where nothing else is said:
//
//	1 bit, black and white       (H, W) of bool, true is white
//	palette of greys             (H, W)
//	palette of other colours     (H, W, 3): red, green, blue
//	16, 24, 32 bits              (H, W, 3)
//	with a mask for alpha        (H, W, 4)
//	a mask of more than 8 bits   of u16
//
// The rows of a file have gaps, mostly stand upside down, and their pixels are blue,
// green, red. 24 and 32 bits, and 8 where color n of 256 is the grey n, are views
// of the file's own bytes all the same: their strides say so, and rows and
// channels are below 0. The other kinds are decoded as they are read, in bounded
// memory, and so is blue, green, red, alpha, since no stride leads from alpha to
// red. Channels of fewer than 8 bits become v*255/most, rounded down, as Pillow
// has them, and those of 9 to 16 bits v*65535/most.
//
// There is alpha only where a header has a mask for it; the fourth byte of other
// pixels of 32 bits is left out. RLE8 and RLE4 are read as well; what their codes
// skip is color 0. Top-down files, and headers of 12 to 124 bytes are read;
// embedded JPEG and PNG, CMYK, OS/2's Huffman and RLE24 are ErrUnsupported. What
// a header says about the size of the file or of the pixels is not looked at, since
// many are wrong.
package bmp

import (
	"context"
	"fmt"
	"math/bits"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() {
	convert.Register(convert.Format{
		Name:        "bmp",
		Extensions:  []string{".bmp", ".dib"},
		Description: "BMP: 1 to 32 bits, palettes, RLE, bit fields",
		Single:      true,
		Keeps:       picture.Attributes(),
		Detect:      detect,
		Open:        open,
		Write:       write,
	})
}

func detect(b []byte) bool {
	return len(b) >= fileHeader+4 && string(b[:2]) == "BM" && headerNames[le.Uint32(b[fileHeader:])] != ""
}

func open(_ context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	h, err := readHeader(in)
	if err != nil {
		return nil, err
	}
	p := &picture.Picture{Frames: 1, Height: h.height, Width: h.width, DType: tensor.U8, Attrs: h.attrs(), At: sidesAt, Inflates: h.runs()}
	h.elements(in, p)
	if err := h.place(in, p); err != nil {
		return nil, err
	}
	l := &convert.Layout{Format: "bmp", Version: headerNames[h.kind]}
	if err := p.Describe(l, in, o); err != nil {
		return nil, err
	}
	return l, nil
}

// elements finds out what pixels become: a Storage that opens decodes them,
// otherwise Strides has the bytes from pixel to pixel and from channel to
// channel, and Offset those from a pixel to its first channel.
func (h *header) elements(in convert.Input, p *picture.Picture) {
	decoded := func(channels int64, unpack unpacker) {
		p.Channels = channels
		size := channels * int64(p.DType.UnitBytes)
		p.Storage.Open, p.Storage.Codec = h.rows(in, size, unpack).Open, h.codec()
	}
	if h.bits <= 8 {
		h.palette(p, decoded)
		return
	}
	masks := h.masks
	if masks == [4]uint32{} {
		masks = [4]uint32{0xff0000, 0xff00, 0xff}
		if h.bits == 16 {
			masks = [4]uint32{0x7c00, 0x3e0, 0x1f}
		}
	}
	list := masks[:3]
	p.Attrs[picture.ColorModel] = "rgb"
	if masks[3] != 0 {
		list = masks[:]
		p.Attrs[picture.ColorModel] = "rgba"
	}
	if first, step, ok := bytesOf(list); ok && h.bits > 16 {
		p.Channels, p.Offset = int64(len(list)), first
		p.Strides = tensor.Strides{0, 0, h.bits / 8, step}
		if step != 1 {
			p.Attrs[picture.Stored] = "bgr"
		}
		return
	}
	if masks == [4]uint32{0xff0000, 0xff00, 0xff, 0xff000000} {
		p.Attrs[picture.Stored] = "bgra"
		decoded(4, turned)
		return
	}
	most := 0
	for _, m := range list {
		most = max(most, bits.OnesCount32(m))
	}
	if most != 8 {
		p.Attrs[picture.Bits] = int64(most)
	}
	wide := most > 8
	if wide {
		p.DType = tensor.U16
	}
	decoded(int64(len(list)), fields(list, h.bits, wide))
}

// bytesOf finds the bytes of a pixel that masks of 8 bits select: the first, and
// how far it is from one to the next, if that is always as far.
func bytesOf(masks []uint32) (first, step int64, ok bool) {
	var at [4]int64
	for i, m := range masks {
		shift := bits.TrailingZeros32(m)
		if m>>shift != 0xff || shift%8 != 0 {
			return 0, 0, false
		}
		at[i] = int64(shift / 8)
		if step = at[1] - at[0]; i > 0 && at[i]-at[i-1] != step {
			return 0, 0, false
		}
	}
	return at[0], step, true
}

// palette is elements for pixels that are numbers of colours.
func (h *header) palette(p *picture.Picture, decoded func(int64, unpacker)) {
	grey, same := true, len(h.colours) == 256
	for i, c := range h.colours {
		grey = grey && c[0] == c[1] && c[1] == c[2]
		same = same && grey && int(c[0]) == i
	}
	p.Attrs[picture.ColorModel] = "grey"
	switch {
	case h.bits == 1 && len(h.colours) == 2 && grey && h.colours[0][0]^h.colours[1][0] == 255 && h.colours[0][0]%255 == 0:
		p.DType = tensor.Bool
		decoded(1, picture.Bilevel(h.colours[1][0] != 0))
	case same && !h.runs():
		p.Channels, p.Strides = 1, tensor.Strides{0, 0, 1, 1}
	case grey:
		p.Attrs[picture.Stored] = "palette"
		decoded(1, greys(h.colours, h.indexBits()))
	default:
		p.Attrs[picture.ColorModel], p.Attrs[picture.Stored] = "rgb", "palette"
		decoded(3, palette(h.colours, h.indexBits()))
	}
}

// indexBits is how many bits an index has when it comes to be unpacked.
func (h *header) indexBits() int64 {
	if h.runs() {
		return 8
	}
	return h.bits
}

func (h *header) codec() string {
	switch {
	case h.compression == rle4:
		return "rle4"
	case h.compression == rle8:
		return "rle8"
	case h.bits <= 8:
		return fmt.Sprintf("%d bits", h.bits)
	}
	return "fields"
}

// place finds the rows, in the file or as they are decoded, and turns them
// upside down. Padding behind the last row may be missing.
func (h *header) place(in convert.Input, p *picture.Picture) error {
	s := &p.Storage
	have := in.Size() - h.offset
	row, used := h.rowBytes(), h.usedBytes()
	if !h.runs() && (have < used || h.height-1 > (have-used)/row) {
		return bad(tensor.ErrTruncated, h.offset, "pixels", fmt.Sprintf("%d bytes", have), fmt.Sprintf("%d rows of %d", h.height, row))
	}
	if s.Open == nil {
		s.Offset, s.Size = h.offset, (h.height-1)*row+used
	} else {
		element := int64(p.DType.UnitBytes)
		p.Strides = tensor.Strides{0, 0, p.Channels * element, element}
		row = h.width * p.Channels * element
		s.Size, s.StoredSize = h.height*row, have
	}
	p.Strides[1] = row
	if !h.topDown {
		p.Offset += (h.height - 1) * row
		p.Strides[1] = -row
	}
	return nil
}

// attrs are those that the header says.
func (h *header) attrs() convert.Attrs {
	a := convert.Attrs{}
	if h.profile {
		a[picture.ICC] = true
	}
	if g := h.gamma; g[0] != 0 && g[0] == g[1] && g[1] == g[2] {
		a[picture.Gamma] = (1 << 16) / float64(g[0])
	}
	return a
}
