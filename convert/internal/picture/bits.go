package picture

import "encoding/binary"

// Bilevel returns an unpacker of pixels of one bit, the highest of a byte first, to
// bools: a bit of 1 becomes one, a bit of 0 the other.
func Bilevel(one bool) func(dst, src []byte, n int) int {
	flip := byte(0xff)
	if one {
		flip = 0
	}
	return func(dst, src []byte, n int) int {
		i := 0
		for ; i+8 <= n; i += 8 {
			binary.LittleEndian.PutUint64(dst[i:], eightBits[src[i/8]^flip])
		}
		for ; i < n; i++ {
			dst[i] = (src[i/8] ^ flip) >> (7 - i%8) & 1
		}
		return n
	}
}

// eightBits has the bits of a byte as eight bytes, the highest first.
var eightBits = func() (table [256]uint64) {
	for b := range table {
		for k := range 8 {
			table[b] |= uint64(b>>(7-k)&1) << (8 * k)
		}
	}
	return table
}()

// PackBits packs a row of bools to bits, the highest of a byte first: the bit of
// one is 1. Bits of dst behind the row are 0.
func PackBits(dst, src []byte, one bool) {
	clear(dst)
	for i, x := range src {
		if x != 0 == one {
			dst[i/8] |= 0x80 >> (i % 8)
		}
	}
}
