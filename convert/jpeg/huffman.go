package jpeg

import (
	"encoding/binary"
	"fmt"

	"github.com/tensorfile/tensorfile/tensor"
)

// fastBits is the length of codes that one look finds.
const fastBits = 9

// huffman is a table of codes (ITU-T T.81, annex C).
type huffman struct {
	fast   [1 << fastBits]uint16 // length and symbol of the code that bits begin with; 0: it is longer
	whole  [1 << fastBits]int16  // with the number behind it: that, zeros before it, and length; 0: it is longer
	last   [17]int32             // the largest code of a length; -1: there is none
	offset [17]int32             // from codes of a length to their symbols
	values [256]byte
	known  bool
}

// read makes the table of counts and symbols as DHT has them.
func (h *huffman) read(counts []byte, values []byte) bool {
	*h = huffman{known: true}
	copy(h.values[:], values)
	code, k := int32(0), int32(0)
	for length := 1; length <= 16; length++ {
		n := int32(counts[length-1])
		if code+n > 1<<length {
			return false // more codes than there are
		}
		h.offset[length] = k - code
		h.last[length] = code + n - 1
		if n == 0 {
			h.last[length] = -1
		}
		for range n {
			if length <= fastBits {
				first := code << (fastBits - length)
				for i := range int32(1) << (fastBits - length) {
					h.fast[first+i] = uint16(length)<<8 | uint16(h.values[k])
				}
			}
			code++
			k++
		}
		code <<= 1
	}
	for i, e := range h.fast {
		length, size := uint(e>>8), uint(e&15)
		if size == 0 || length+size > fastBits {
			continue
		}
		v := int32(i) >> (fastBits - length - size) & (1<<size - 1)
		if v < 1<<(size-1) {
			v += -1<<size + 1
		}
		if v >= -128 && v <= 127 {
			h.whole[i] = int16(v<<8 | int32(e>>4&15)<<4 | int32(length+size))
		}
	}
	return true
}

// bits reads coded data, in which 0xff is followed by 0. At a marker and at the
// end of the data it goes on with zeros.
type bits struct {
	data []byte
	pos  int
	acc  uint64 // the next n bits, from the top down
	n    uint
	pad  uint // of those that were appended: zeros that are not in the data
}

func (b *bits) fill() {
	if b.pos+8 <= len(b.data) && b.pad == 0 {
		x := binary.BigEndian.Uint64(b.data[b.pos:])
		y := ^x
		const ones, highs = 0x0101010101010101, 0x8080808080808080
		if (y-ones)&^y&highs == 0 { // no byte is 0xff
			b.acc |= x >> b.n
			b.pos += int((63 - b.n) >> 3)
			b.n |= 56
			return
		}
	}
	for b.n <= 56 {
		c := byte(0)
		switch {
		case b.pos >= len(b.data):
			b.pad += 8
		case b.data[b.pos] != 0xff:
			c = b.data[b.pos]
			b.pos++
		case b.pos+1 < len(b.data) && b.data[b.pos+1] == 0:
			c = 0xff
			b.pos += 2
		default:
			b.pad += 8
		}
		b.acc |= uint64(c) << (56 - b.n)
		b.n += 8
	}
}

// over reports whether more bits were taken than there are.
func (b *bits) over() bool { return b.pad > b.n }

// reset forgets the bits up to a marker.
func (b *bits) reset() { b.acc, b.n, b.pad = 0, 0, 0 }

// take returns the next n bits, at most 16 of at least 32 that are there.
func (b *bits) take(n uint) int32 {
	v := b.acc >> 1 >> (63 - n)
	b.acc <<= n
	b.n -= n
	return int32(v)
}

// bit returns the next one.
func (b *bits) bit() bool {
	if b.n == 0 {
		b.fill()
	}
	v := b.acc>>63 != 0
	b.acc <<= 1
	b.n--
	return v
}

// number returns a number of s bits, of which the smaller half are negative
// (figure F.12).
func (b *bits) number(s uint) int32 {
	if s == 0 {
		return 0
	}
	v := b.take(s)
	if v < 1<<(s-1) {
		v += -1<<s + 1
	}
	return v
}

// symbol returns the next one of a table. At least 16 bits are there behind it.
func (b *bits) symbol(h *huffman) (byte, bool) {
	if b.n < 32 {
		b.fill()
	}
	if e := h.fast[b.acc>>(64-fastBits)]; e != 0 {
		b.acc <<= e >> 8
		b.n -= uint(e >> 8)
		return byte(e), true
	}
	return b.long(h)
}

func (b *bits) long(h *huffman) (byte, bool) {
	for length := uint(fastBits + 1); length <= 16; length++ {
		if code := int32(b.acc >> (64 - length)); code <= h.last[length] {
			b.acc <<= length
			b.n -= length
			return h.values[(code+h.offset[length])&255], true
		}
	}
	return 0, false
}

// readHuffman reads a DHT segment, whose body begins at at.
func (d *decoder) readHuffman(at int64, b []byte) error {
	for len(b) > 0 {
		if len(b) < 17 {
			return bad(tensor.ErrCorrupt, at, "DHT", fmt.Sprintf("%d bytes", len(b)), "17 and the symbols of a table")
		}
		class, id := b[0]>>4, b[0]&15
		if class > 1 || id > 3 {
			return bad(tensor.ErrCorrupt, at, "DHT", fmt.Sprintf("table %d of class %d", id, class), "0 to 3 of class 0 or 1")
		}
		n := 0
		for _, c := range b[1:17] {
			n += int(c)
		}
		if n > 256 || len(b) < 17+n {
			return bad(tensor.ErrCorrupt, at, "DHT", fmt.Sprintf("%d symbols in %d bytes", n, len(b)-17), "at most 256, all of them")
		}
		if !d.huffman[class][id].read(b[1:17], b[17:17+n]) {
			return bad(tensor.ErrCorrupt, at, "DHT", "more codes than there are bits for", "codes of which none begins another")
		}
		if class == 0 {
			for _, s := range b[17 : 17+n] {
				if s > 15 {
					return bad(tensor.ErrCorrupt, at, "DHT", fmt.Sprintf("symbol %d of class 0", s), "at most 15 bits")
				}
			}
		}
		b, at = b[17+n:], at+17+int64(n)
	}
	return nil
}
