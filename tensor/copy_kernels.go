package tensor

import (
	"encoding/binary"
	"math/bits"
)

// The kernels move n1 rows of n0 units. Fixed-size array pointers and
// encoding/binary compile to single moves without asking for alignment.

//go:noinline
func (m *mover) copy1(a, b, n1, n0 int) {
	dst, src, a0, b0 := m.dst, m.src, m.a0, m.b0
	for ; n1 > 0; n1-- {
		i, j := a, b
		for n := n0; n > 0; n-- {
			dst[i] = src[j]
			i += a0
			j += b0
		}
		a += m.a1
		b += m.b1
	}
}

//go:noinline
func (m *mover) copy2(a, b, n1, n0 int) {
	dst, src, a0, b0 := m.dst, m.src, m.a0, m.b0
	for ; n1 > 0; n1-- {
		i, j := a, b
		for n := n0; n > 0; n-- {
			*(*[2]byte)(dst[i : i+2]) = *(*[2]byte)(src[j : j+2])
			i += a0
			j += b0
		}
		a += m.a1
		b += m.b1
	}
}

//go:noinline
func (m *mover) copy4(a, b, n1, n0 int) {
	dst, src, a0, b0 := m.dst, m.src, m.a0, m.b0
	for ; n1 > 0; n1-- {
		i, j := a, b
		for n := n0; n > 0; n-- {
			*(*[4]byte)(dst[i : i+4]) = *(*[4]byte)(src[j : j+4])
			i += a0
			j += b0
		}
		a += m.a1
		b += m.b1
	}
}

//go:noinline
func (m *mover) copy8(a, b, n1, n0 int) {
	dst, src, a0, b0 := m.dst, m.src, m.a0, m.b0
	for ; n1 > 0; n1-- {
		i, j := a, b
		for n := n0; n > 0; n-- {
			*(*[8]byte)(dst[i : i+8]) = *(*[8]byte)(src[j : j+8])
			i += a0
			j += b0
		}
		a += m.a1
		b += m.b1
	}
}

//go:noinline
func (m *mover) copy16(a, b, n1, n0 int) {
	dst, src, a0, b0 := m.dst, m.src, m.a0, m.b0
	for ; n1 > 0; n1-- {
		i, j := a, b
		for n := n0; n > 0; n-- {
			*(*[16]byte)(dst[i : i+16]) = *(*[16]byte)(src[j : j+16])
			i += a0
			j += b0
		}
		a += m.a1
		b += m.b1
	}
}

//go:noinline
func (m *mover) copy32(a, b, n1, n0 int) {
	dst, src, a0, b0 := m.dst, m.src, m.a0, m.b0
	for ; n1 > 0; n1-- {
		i, j := a, b
		for n := n0; n > 0; n-- {
			d, s := (*[32]byte)(dst[i:i+32]), (*[32]byte)(src[j:j+32])
			*(*[16]byte)(d[:16]) = *(*[16]byte)(s[:16])
			*(*[16]byte)(d[16:]) = *(*[16]byte)(s[16:])
			i += a0
			j += b0
		}
		a += m.a1
		b += m.b1
	}
}

// copyTo4 to copyTo32 are for units of at least half as many bytes: two moves,
// which may overlap.
//
//go:noinline
func (m *mover) copyTo4(a, b, n1, n0 int) {
	dst, src, a0, b0, size := m.dst, m.src, m.a0, m.b0, m.unit
	for ; n1 > 0; n1-- {
		i, j := a, b
		for n := n0; n > 0; n-- {
			d, s := dst[i:i+size], src[j:j+size]
			head, tail := *(*[2]byte)(s), *(*[2]byte)(s[size-2:])
			*(*[2]byte)(d), *(*[2]byte)(d[size-2:]) = head, tail
			i += a0
			j += b0
		}
		a += m.a1
		b += m.b1
	}
}

//go:noinline
func (m *mover) copyTo8(a, b, n1, n0 int) {
	dst, src, a0, b0, size := m.dst, m.src, m.a0, m.b0, m.unit
	for ; n1 > 0; n1-- {
		i, j := a, b
		for n := n0; n > 0; n-- {
			d, s := dst[i:i+size], src[j:j+size]
			head, tail := *(*[4]byte)(s), *(*[4]byte)(s[size-4:])
			*(*[4]byte)(d), *(*[4]byte)(d[size-4:]) = head, tail
			i += a0
			j += b0
		}
		a += m.a1
		b += m.b1
	}
}

//go:noinline
func (m *mover) copyTo16(a, b, n1, n0 int) {
	dst, src, a0, b0, size := m.dst, m.src, m.a0, m.b0, m.unit
	for ; n1 > 0; n1-- {
		i, j := a, b
		for n := n0; n > 0; n-- {
			d, s := dst[i:i+size], src[j:j+size]
			head, tail := *(*[8]byte)(s), *(*[8]byte)(s[size-8:])
			*(*[8]byte)(d), *(*[8]byte)(d[size-8:]) = head, tail
			i += a0
			j += b0
		}
		a += m.a1
		b += m.b1
	}
}

//go:noinline
func (m *mover) copyTo32(a, b, n1, n0 int) {
	dst, src, a0, b0, size := m.dst, m.src, m.a0, m.b0, m.unit
	for ; n1 > 0; n1-- {
		i, j := a, b
		for n := n0; n > 0; n-- {
			d, s := dst[i:i+size], src[j:j+size]
			head, tail := *(*[16]byte)(s), *(*[16]byte)(s[size-16:])
			*(*[16]byte)(d), *(*[16]byte)(d[size-16:]) = head, tail
			i += a0
			j += b0
		}
		a += m.a1
		b += m.b1
	}
}

//go:noinline
func (m *mover) swap2(a, b, n1, n0 int) {
	dst, src, a0, b0 := m.dst, m.src, m.a0, m.b0
	for ; n1 > 0; n1-- {
		i, j := a, b
		for n := n0; n > 0; n-- {
			binary.LittleEndian.PutUint16(dst[i:i+2], bits.ReverseBytes16(binary.LittleEndian.Uint16(src[j:j+2])))
			i += a0
			j += b0
		}
		a += m.a1
		b += m.b1
	}
}

//go:noinline
func (m *mover) swap4(a, b, n1, n0 int) {
	dst, src, a0, b0 := m.dst, m.src, m.a0, m.b0
	for ; n1 > 0; n1-- {
		i, j := a, b
		for n := n0; n > 0; n-- {
			binary.LittleEndian.PutUint32(dst[i:i+4], bits.ReverseBytes32(binary.LittleEndian.Uint32(src[j:j+4])))
			i += a0
			j += b0
		}
		a += m.a1
		b += m.b1
	}
}

//go:noinline
func (m *mover) swap8(a, b, n1, n0 int) {
	dst, src, a0, b0 := m.dst, m.src, m.a0, m.b0
	for ; n1 > 0; n1-- {
		i, j := a, b
		for n := n0; n > 0; n-- {
			binary.LittleEndian.PutUint64(dst[i:i+8], bits.ReverseBytes64(binary.LittleEndian.Uint64(src[j:j+8])))
			i += a0
			j += b0
		}
		a += m.a1
		b += m.b1
	}
}
