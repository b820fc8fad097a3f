package bmp

import (
	"bufio"
	"fmt"
	"io"
	mathbits "math/bits"

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

// indexed unpacks numbers of colours: put makes elements of those of some pixels,
// size bytes each. A number past the colours is not valid.
func indexed(colours int, bits int64, size int, put func(dst, indices []byte)) unpacker {
	return func(dst, src []byte, n int) int {
		var wide [512]byte // as many as begin and end with a byte
		for done := 0; done < n; {
			list := wide[:min(n-done, len(wide))]
			switch bits {
			case 8:
				list = src[done : done+len(list)]
			case 4:
				for i := range list {
					list[i] = src[(done+i)/2] >> (4 - i%2*4) & 15
				}
			default:
				for i := range list {
					list[i] = src[(done+i)/8] >> (7 - i%8) & 1
				}
			}
			if colours < 1<<bits {
				for i, x := range list {
					if int(x) >= colours {
						return done + i
					}
				}
			}
			put(dst[done*size:], list)
			done += len(list)
		}
		return n
	}
}

// greys makes one byte of an index.
func greys(colours [][3]byte, bits int64) unpacker {
	var table [256]byte
	for i, c := range colours {
		table[i] = c[0]
	}
	return indexed(len(colours), bits, 1, func(dst, list []byte) {
		dst = dst[:len(list)]
		for i, x := range list {
			dst[i] = table[x]
		}
	})
}

// palette makes red, green and blue of an index. All but the last of some pixels
// are written with the first byte of the next.
func palette(colours [][3]byte, bits int64) unpacker {
	var table [256]uint32
	for i, c := range colours {
		table[i] = uint32(c[0]) | uint32(c[1])<<8 | uint32(c[2])<<16
	}
	return indexed(len(colours), bits, 3, func(dst, list []byte) {
		last := len(list) - 1
		for i, x := range list[:last] {
			le.PutUint32(dst[3*i:], table[x])
		}
		x := table[list[last]]
		dst = dst[3*last:]
		dst[0], dst[1], dst[2] = byte(x), byte(x>>8), byte(x>>16)
	})
}

// turned makes red, green, blue, alpha of blue, green, red, alpha: the one order
// that no stride leads to.
func turned(dst, src []byte, n int) int {
	src, dst = src[:4*n], dst[:4*n]
	for i := 0; i+4 <= len(src); i += 4 {
		x := le.Uint32(src[i:])
		le.PutUint32(dst[i:], x&0xff00ff00|x>>16&0xff|x&0xff<<16)
	}
	return n
}

// A field is a channel in the bits of a pixel.
type field struct {
	shift uint8
	most  uint32    // its largest value
	table [256]byte // what values become, if they are fewer than 256
}

// fields makes elements of u8, or of u16 where wide, of channels in bits. The
// largest value becomes the largest of the elements, and others are rounded down
// in proportion, as Pillow does.
func fields(masks []uint32, bits int64, wide bool) unpacker {
	list := make([]field, len(masks))
	for k, m := range masks {
		f := &list[k]
		f.shift = uint8(mathbits.TrailingZeros32(m))
		f.most = m >> f.shift
		for x := range min(f.most, 255) + 1 {
			f.table[x] = byte(x * 255 / f.most)
		}
	}
	step := int(bits / 8)
	if wide {
		return func(dst, src []byte, n int) int {
			for i := range n {
				x := pixel(src[i*step:], step)
				for k := range list {
					f := &list[k]
					le.PutUint16(dst, uint16(uint64(x>>f.shift&f.most)*0xffff/uint64(f.most)))
					dst = dst[2:]
				}
			}
			return n
		}
	}
	return func(dst, src []byte, n int) int {
		for i := range n {
			x := pixel(src[i*step:], step)
			d := dst[i*len(list):]
			d = d[:len(list)]
			for k := range d {
				f := &list[k]
				d[k] = f.table[byte(x>>(f.shift&31)&f.most)]
			}
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
