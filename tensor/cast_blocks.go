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

// packedSize is the number of bytes of the units that hold n elements.
func packedSize(e elem, n int64) int64 {
	bits := packedBits(e)
	if bits == 6 {
		return (n + 3) / 4 * 3
	}
	return (n*bits + 7) / 8
}

// unpack spreads len(p) elements, from the start of a unit, one to the byte.
func unpack(e elem, p, units []byte) {
	kernel.Spread(p, units, int(packedBits(e)), e == castI4)
}

// pack is the way back. What the last unit has left over becomes zero. Units may
// begin where p does.
func pack(e elem, units, p []byte) { kernel.Join(units, p, int(packedBits(e))) }
