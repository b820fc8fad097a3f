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

// crcFolds says that carry-less products of registers of 32 bytes can be had without
// AVX-512, as on Zen 3 and Alder Lake.
var crcFolds = best >= levelAVX2 && hasVPCLMULQDQ()

func crc32cFast(sum uint32, b []byte) (uint32, int) {
	switch {
	case active < levelAVX2 || len(b) < crcMin:
		return sum, 0
	case active >= levelGFNI:
		n := min(len(b), crcMost) &^ 63
		return ^crc32cAVX512(^sum, &b[0], n), n
	case crcFolds:
		n := min(len(b), crcMost) &^ 31
		return ^crc32cAVX2(^sum, &b[0], n), n
	case len(b) >= 2*crcAhead:
		prefetchRows(&b[crcAhead], 64, crcAhead/64)
		return crc32.Update(sum, castagnoli, b[:crcAhead]), crcAhead
	}
	return sum, 0
}

// crc32cAVX512 takes a multiple of 64 and at least 256.
//
//go:noescape
func crc32cAVX512(register uint32, p *byte, n int) uint32

// crc32cAVX2 takes a multiple of 32 and at least 256.
//
//go:noescape
func crc32cAVX2(register uint32, p *byte, n int) uint32
