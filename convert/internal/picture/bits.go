package picture

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
			b, d := src[i/8]^flip, dst[i:i+8]
			d[0], d[1], d[2], d[3] = b>>7, b>>6&1, b>>5&1, b>>4&1
			d[4], d[5], d[6], d[7] = b>>3&1, b>>2&1, b>>1&1, b&1
		}
		for ; i < n; i++ {
			dst[i] = (src[i/8] ^ flip) >> (7 - i%8) & 1
		}
		return n
	}
}

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
