package hdf5

import (
	"encoding/binary"
	"math/bits"
)

// lookup3 is the hash of Bob Jenkins that checks the description and orders
// names: hashlittle of lookup3.c with the initial value 0.
func lookup3(p []byte) uint32 {
	a := 0xdeadbeef + uint32(len(p))
	b, c := a, a
	for len(p) > 12 {
		a += binary.LittleEndian.Uint32(p)
		b += binary.LittleEndian.Uint32(p[4:])
		c += binary.LittleEndian.Uint32(p[8:])
		a, b, c = mix(a, b, c)
		p = p[12:]
	}
	if len(p) == 0 {
		return c
	}
	var last [12]byte
	copy(last[:], p)
	a += binary.LittleEndian.Uint32(last[:])
	b += binary.LittleEndian.Uint32(last[4:])
	c += binary.LittleEndian.Uint32(last[8:])
	for _, r := range [...]int{14, 11, 25, 16, 4, 14, 24} {
		// Each step changes the number that is the oldest.
		c ^= b
		c -= bits.RotateLeft32(b, r)
		a, b, c = b, c, a
	}
	return b
}

// mix makes each bit of three numbers depend on each bit of them.
func mix(a, b, c uint32) (uint32, uint32, uint32) {
	for _, r := range [...]int{4, 6, 8, 16, 19, 4} {
		a -= c
		a ^= bits.RotateLeft32(c, r)
		c += b
		a, b, c = b, c, a
	}
	return a, b, c
}

// fletcher32 is the checksum of the filter of that name: sums of big-endian
// words of 16 bits, modulo 65535 with 65535 for 0, an odd byte at the end being
// the high one.
func fletcher32(p []byte) uint32 {
	var a, b uint64
	for len(p) >= 2 {
		// The sums stay below 2^63 for this many words.
		n := min(len(p)/2, 1<<20)
		for range n {
			a += uint64(p[0])<<8 | uint64(p[1])
			b += a
			p = p[2:]
		}
		a, b = fold(a), fold(b)
	}
	if len(p) == 1 {
		a += uint64(p[0]) << 8
		b += a
	}
	return uint32(fold(b))<<16 | uint32(fold(a))
}

// fold reduces modulo 65535 but keeps 65535 as it is.
func fold(n uint64) uint64 {
	for n > 0xffff {
		n = n&0xffff + n>>16
	}
	return n
}
