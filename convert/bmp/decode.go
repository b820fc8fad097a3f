package bmp

import (
	"bufio"
	"fmt"
	"io"
	"math/bits"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/tensor"
)

// An unpacker is picture.Rows.Unpack.
type unpacker = func(dst, src []byte, n int) int

// rows decodes pixels to so many bytes each.
func (h *header) rows(in convert.Input, size int64, unpack unpacker) *picture.Rows {
	r := &picture.Rows{In: in, Frames: 1, Height: h.height, Width: h.width, Bits: h.bits, Stride: h.rowBytes(), Size: int(size), Unpack: unpack}
	r.At = func(int64) int64 { return h.offset }
	if h.runs() {
		r.Bits, r.Stride = 8, h.width
		r.Through = func(file io.Reader) io.Reader { return &runs{in: bufio.NewReader(file), h: h, at: h.offset} }
	}
	r.Bad = func(at, y, x int64, src []byte, k int) error {
		index := src[int64(k)*r.Bits/8]
		switch r.Bits {
		case 4:
			index = index >> (4 - k%2*4) & 15
		case 1:
			index = index >> (7 - k%8) & 1
		}
		return bad(tensor.ErrCorrupt, at, fmt.Sprintf("row %d, pixel %d", h.rowNumber(y), x), fmt.Sprintf("colour %d", index), fmt.Sprintf("one of the %d of the palette", len(h.colours)))
	}
	return r
}

// rowNumber is the number from the top of the row that is stored as number y.
func (h *header) rowNumber(y int64) int64 {
	if h.topDown {
		return y
	}
	return h.height - 1 - y
}

// each calls fn with every index of n that are stored in so many bits; fn reports
// whether it goes on.
func each(src []byte, n int, bits int64, fn func(i int, index byte) bool) int {
	switch bits {
	case 8:
		for i, b := range src[:n] {
			if !fn(i, b) {
				return i
			}
		}
	case 4:
		for i := range n {
			if !fn(i, src[i/2]>>(4-i%2*4)&15) {
				return i
			}
		}
	default:
		for i := range n {
			if !fn(i, src[i/8]>>(7-i%8)&1) {
				return i
			}
		}
	}
	return n
}

// greys makes one byte of an index.
func greys(colours [][3]byte, bits int64) unpacker {
	var table [256]byte
	for i, c := range colours {
		table[i] = c[0]
	}
	return func(dst, src []byte, n int) int {
		return each(src, n, bits, func(i int, index byte) bool {
			if int(index) >= len(colours) {
				return false
			}
			dst[i] = table[index]
			return true
		})
	}
}

// palette makes red, green and blue of an index.
func palette(colours [][3]byte, bits int64) unpacker {
	return func(dst, src []byte, n int) int {
		return each(src, n, bits, func(i int, index byte) bool {
			if int(index) >= len(colours) {
				return false
			}
			copy(dst[3*i:3*i+3], colours[index][:])
			return true
		})
	}
}

// turned makes red, green, blue, alpha of blue, green, red, alpha: the one order
// that no stride leads to.
func turned(dst, src []byte, n int) int {
	for i := range n {
		s, d := src[4*i:4*i+4], dst[4*i:4*i+4]
		d[0], d[1], d[2], d[3] = s[2], s[1], s[0], s[3]
	}
	return n
}

// A field is a channel in the bits of a pixel.
type field struct {
	shift int
	most  uint32 // its largest value
}

func fieldOf(mask uint32) field {
	shift := bits.TrailingZeros32(mask)
	return field{shift, mask >> shift}
}

// fields makes elements of u8, or of u16 where wide, of channels in bits. The
// largest value becomes the largest of the elements, and others are rounded down
// in proportion, as Pillow does.
func fields(masks []uint32, bits int64, wide bool) unpacker {
	var list []field
	for _, m := range masks {
		list = append(list, fieldOf(m))
	}
	step := int(bits / 8)
	if wide {
		return func(dst, src []byte, n int) int {
			for i := range n {
				x := pixel(src[i*step:], step)
				for _, f := range list {
					le.PutUint16(dst, uint16(uint64(x>>f.shift&f.most)*0xffff/uint64(f.most)))
					dst = dst[2:]
				}
			}
			return n
		}
	}
	tables := make([][256]byte, len(list))
	for k, f := range list {
		for x := range f.most + 1 {
			tables[k][x] = byte(x * 255 / f.most)
		}
	}
	return func(dst, src []byte, n int) int {
		for i := range n {
			x := pixel(src[i*step:], step)
			for k := range list {
				f := &list[k]
				dst[k] = tables[k][x>>f.shift&f.most]
			}
			dst = dst[len(list):]
		}
		return n
	}
}

// pixel is one of 2, 3 or 4 bytes.
func pixel(b []byte, size int) uint32 {
	switch size {
	case 2:
		return uint32(le.Uint16(b))
	case 3:
		return uint32(le.Uint16(b)) | uint32(b[2])<<16
	}
	return le.Uint32(b)
}
