package tensor

import (
	"encoding/binary"
	"math/bits"
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
	order := binary.NativeEndian
	switch width {
	case 2:
		for len(p) >= 2 {
			order.PutUint16(p, bits.ReverseBytes16(order.Uint16(p)))
			p = p[2:]
		}
	case 4:
		for len(p) >= 4 {
			order.PutUint32(p, bits.ReverseBytes32(order.Uint32(p)))
			p = p[4:]
		}
	case 8:
		for len(p) >= 8 {
			order.PutUint64(p, bits.ReverseBytes64(order.Uint64(p)))
			p = p[8:]
		}
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

// unpack spreads len(p) elements, from the start of a unit, one to the byte.
func unpack(e elem, p, units []byte) {
	switch packedBits(e) {
	case 1:
		for i := range p {
			p[i] = units[i/8] >> (i % 8) & 1
		}
	case 4:
		units = units[:(len(p)+1)/2]
		for i, u := range units {
			lo, hi := u&15, u>>4
			if e == castI4 {
				lo, hi = uint8(int8(u<<4)>>4), uint8(int8(u)>>4)
			}
			p[2*i] = lo
			if 2*i+1 < len(p) {
				p[2*i+1] = hi
			}
		}
	case 6:
		for ; len(p) > 0; units = units[3:] {
			u := uint32(units[0]) | uint32(units[1])<<8 | uint32(units[2])<<16
			k := min(4, len(p))
			for i := range p[:k] {
				p[i] = uint8(u & 63)
				u >>= 6
			}
			p = p[k:]
		}
	}
}

// pack is the way back. What the last unit has left over becomes zero.
func pack(e elem, units, p []byte) {
	switch packedBits(e) {
	case 1:
		for len(p) > 0 {
			k := min(8, len(p))
			var u uint8
			for i, b := range p[:k] {
				u |= b & 1 << i
			}
			units[0] = u
			p, units = p[k:], units[1:]
		}
	case 4:
		for len(p) >= 2 {
			units[0] = p[0]&15 | p[1]<<4
			p, units = p[2:], units[1:]
		}
		if len(p) == 1 {
			units[0] = p[0] & 15
		}
	case 6:
		for len(p) > 0 {
			k := min(4, len(p))
			var u uint32
			for i, c := range p[:k] {
				u |= uint32(c&63) << (6 * i)
			}
			units[0], units[1], units[2] = uint8(u), uint8(u>>8), uint8(u>>16)
			p, units = p[k:], units[3:]
		}
	}
}

// copyBlock is the step between types that lie alike in a block.
func copyBlock(_ *castBuffer, dst, src []byte) { copy(dst, src) }
