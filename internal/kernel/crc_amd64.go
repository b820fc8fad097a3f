//go:build !noasm

package kernel

import "hash/crc32"

// crcMin is the length from which on folding pays, crcMost what one call of the
// loop takes at most, for it is not interrupted.
const (
	crcMin  = 512
	crcMost = 1 << 20
)

// crcAhead is how much is fetched before it is needed where the standard library's
// loop goes over memory. That reads three places of a page side by side, in which
// the processor sees no direction.
const crcAhead = 4 << 10

func crc32cFast(sum uint32, b []byte) (uint32, int) {
	switch {
	case active >= levelAVX2 && active < levelGFNI && len(b) >= 2*crcAhead:
		prefetchRows(&b[crcAhead], 64, crcAhead/64)
		return crc32.Update(sum, castagnoli, b[:crcAhead]), crcAhead
	case active < levelGFNI || len(b) < crcMin:
		return sum, 0
	}
	n := min(len(b), crcMost) &^ 63
	return ^crc32cAVX512(^sum, &b[0], n), n
}

// crc32cAVX512 takes a multiple of 64 and at least 256.
//
//go:noescape
func crc32cAVX512(register uint32, p *byte, n int) uint32
