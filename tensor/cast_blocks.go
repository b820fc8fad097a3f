package tensor

import (
	"encoding/binary"

	"github.com/tensorfile/tensorfile/internal/kernel"
)

// What moves elements between strided memory at any address and aligned blocks.

// gatherBlock fills p with elements of size bytes, step bytes apart.
func gatherBlock(p, data []byte, off, step, size int) {
	if step == size {
		copy(p, data[off:])
		return
	}
	order := binary.NativeEndian
	switch size {
	case 1:
		for i := range p {
			p[i] = data[off]
			off += step
		}
	case 2:
		for len(p) >= 2 {
			order.PutUint16(p, order.Uint16(data[off:]))
			p, off = p[2:], off+step
		}
	case 4:
		for len(p) >= 4 {
			order.PutUint32(p, order.Uint32(data[off:]))
			p, off = p[4:], off+step
		}
	case 8:
		for len(p) >= 8 {
			order.PutUint64(p, order.Uint64(data[off:]))
			p, off = p[8:], off+step
		}
	case 16:
		for len(p) >= 16 {
			order.PutUint64(p, order.Uint64(data[off:]))
			order.PutUint64(p[8:], order.Uint64(data[off+8:]))
			p, off = p[16:], off+step
		}
	}
}

// scatterBlock is the way back.
func scatterBlock(data []byte, off, step int, p []byte, size int) {
	if step == size {
		copy(data[off:], p)
		return
	}
	order := binary.NativeEndian
	switch size {
	case 1:
		for _, c := range p {
			data[off] = c
			off += step
		}
	case 2:
		for len(p) >= 2 {
			order.PutUint16(data[off:], order.Uint16(p))
			p, off = p[2:], off+step
		}
	case 4:
		for len(p) >= 4 {
			order.PutUint32(data[off:], order.Uint32(p))
			p, off = p[4:], off+step
		}
	case 8:
		for len(p) >= 8 {
			order.PutUint64(data[off:], order.Uint64(p))
			p, off = p[8:], off+step
		}
	case 16:
		for len(p) >= 16 {
			order.PutUint64(data[off:], order.Uint64(p))
			order.PutUint64(data[off+8:], order.Uint64(p[8:]))
			p, off = p[16:], off+step
		}
	}
}

// swapBlock reverses each width bytes of p.
func swapBlock(p []byte, width int) {
	if width > 1 {
		kernel.ByteSwap(p, p, width)
	}
}

// packedBits is the width of one element of a packed dtype.
func packedBits(e elem) int64 {
	switch e {
	case castBool1:
		return 1
	case castF6E2M3, castF6E3M2:
		return 6
	}
	return 4
}

// unpack spreads len(p) elements, from the start of a unit, one to the byte:
// 8 at a time (4 of 6 bits), the rest one by one.
func unpack(e elem, p, units []byte) {
	order := binary.LittleEndian
	switch packedBits(e) {
	case 1:
		for ; len(p) >= 8; p, units = p[8:], units[1:] {
			x := uint64(units[0]) * 0x0101010101010101 & 0x8040201008040201
			order.PutUint64(p, (x+0x7f7f7f7f7f7f7f7f)>>7&0x0101010101010101)
		}
		for i := range p {
			p[i] = units[0] >> i & 1
		}
	case 4:
		for ; len(p) >= 8; p, units = p[8:], units[4:] {
			order.PutUint64(p, spreadNibbles(order.Uint32(units), e))
		}
		var rest [8]byte
		var last [4]byte
		copy(last[:], units[:(len(p)+1)/2])
		order.PutUint64(rest[:], spreadNibbles(order.Uint32(last[:]), e))
		copy(p, rest[:])
	case 6:
		for ; len(p) > 0; units = units[3:] {
			u := uint32(units[0]) | uint32(units[1])<<8 | uint32(units[2])<<16
			u = u&0x3f | u<<2&0x3f00 | u<<4&0x3f0000 | u<<6&0x3f000000
			if len(p) < 4 {
				var rest [4]byte
				order.PutUint32(rest[:], u)
				copy(p, rest[:])
				return
			}
			order.PutUint32(p, u)
			p = p[4:]
		}
	}
}

// spreadNibbles gives each nibble a byte, with its sign in i4.
func spreadNibbles(u uint32, e elem) uint64 {
	x := uint64(u)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	if e == castI4 {
		x |= x >> 3 & 0x0101010101010101 * 0xf0
	}
	return x
}

// pack is the way back. What the last unit has left over becomes zero.
func pack(e elem, units, p []byte) {
	order := binary.LittleEndian
	var rest [8]byte
	switch packedBits(e) {
	case 1:
		for ; len(p) >= 8; p, units = p[8:], units[1:] {
			units[0] = joinBits(order.Uint64(p))
		}
		if copy(rest[:], p) > 0 {
			units[0] = joinBits(order.Uint64(rest[:]))
		}
	case 4:
		for ; len(p) >= 8; p, units = p[8:], units[4:] {
			order.PutUint32(units, joinNibbles(order.Uint64(p)))
		}
		var last [4]byte
		copy(rest[:], p)
		order.PutUint32(last[:], joinNibbles(order.Uint64(rest[:])))
		copy(units, last[:(len(p)+1)/2])
	case 6:
		for ; len(p) > 0; units = units[3:] {
			k := min(4, len(p))
			if k < 4 {
				copy(rest[:], p)
				p = rest[:k:4]
			}
			u := order.Uint32(p[:4])
			u = u&0x3f | u>>2&0xfc0 | u>>4&0x3f000 | u>>6&0xfc0000
			units[0], units[1], units[2] = byte(u), byte(u>>8), byte(u>>16)
			p = p[k:]
		}
	}
}

// joinBits collects the last bit of each byte.
func joinBits(x uint64) byte {
	return byte(x & 0x0101010101010101 * 0x0102040810204080 >> 56)
}

// joinNibbles collects the low half of each byte.
func joinNibbles(x uint64) uint32 {
	x &= 0x0f0f0f0f0f0f0f0f
	x = (x | x>>4) & 0x00ff00ff00ff00ff
	x = (x | x>>8) & 0x0000ffff0000ffff
	return uint32(x | x>>16)
}

// copyBlock is the step between types that lie alike in a block.
func copyBlock(_ *castBuffer, dst, src []byte) { copy(dst, src) }
