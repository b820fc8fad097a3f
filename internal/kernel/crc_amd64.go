//go:build !noasm

package kernel

// crcMin is the length from which on folding pays, crcMost what one call of the
// loop takes at most, for it is not interrupted.
const (
	crcMin  = 512
	crcMost = 1 << 20
)

func crc32cFast(sum uint32, b []byte) (uint32, int) {
	if active < levelGFNI || len(b) < crcMin {
		return sum, 0
	}
	n := min(len(b), crcMost) &^ 63
	return ^crc32cAVX512(^sum, &b[0], n), n
}

// crc32cAVX512 takes a multiple of 64 and at least 256.
//
//go:noescape
func crc32cAVX512(register uint32, p *byte, n int) uint32
