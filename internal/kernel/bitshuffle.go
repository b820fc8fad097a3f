package kernel

import "encoding/binary"

// BitShuffle transposes bits: of m = n - n%8 words of size bytes (1 to MaxWord)
// bit j of word i becomes bit i%8 of dst[j*(m/8)+i/8]. What lies behind word m
// is copied. dst has the length of src.
func BitShuffle(dst, src []byte, size int) {
	m := checkBits(dst, src, size)
	copy(dst[m*size:], src[m*size:])
	var buf [bitBlock]byte
	var planes, rows [MaxWord][]byte
	step := bitStep(size)
	for i := 0; i < m; i += step {
		n := min(step, m-i)
		bytes := planes[:1]
		bytes[0] = src[i : i+n]
		if size == 1 {
			copy(buf[:n], bytes[0])
			bytes[0] = buf[:n]
		} else {
			bytes = cut(planes[:size], buf[:n*size], n)
			split(bytes, src[i*size:(i+n)*size], n)
		}
		turnBits(buf[:n*size])
		for k, p := range bytes {
			for b := range 8 {
				at := (8*k+b)*(m/8) + i/8
				rows[b] = dst[at : at+n/8]
			}
			split(rows[:8], p, n/8)
		}
	}
}

// BitUnshuffle undoes BitShuffle.
func BitUnshuffle(dst, src []byte, size int) {
	m := checkBits(dst, src, size)
	copy(dst[m*size:], src[m*size:])
	var buf [bitBlock]byte
	var planes, rows [MaxWord][]byte
	step := bitStep(size)
	for i := 0; i < m; i += step {
		n := min(step, m-i)
		bytes := cut(planes[:size], buf[:n*size], n)
		for k, p := range bytes {
			for b := range 8 {
				at := (8*k+b)*(m/8) + i/8
				rows[b] = src[at : at+n/8]
			}
			join(p, rows[:8], n/8, false)
		}
		turnBits(buf[:n*size])
		if size == 1 {
			copy(dst[i:i+n], buf[:n])
		} else {
			join(dst[i*size:(i+n)*size], bytes, n, false)
		}
	}
}

// bitBlock is the memory between the two halves of a bit shuffle, that of the
// bytes and that of the bits: small enough for the first-level cache.
const bitBlock = 16 << 10

// bitStep is how many words go through it at a time.
func bitStep(size int) int { return min(2048, bitBlock/size&^7) }

func checkBits(dst, src []byte, size int) (m int) {
	need(len(dst) == len(src), badLength)
	need(size > 0 && size <= MaxWord, badSize)
	return len(src) / size &^ 7
}

// turnBits transposes each 8 bytes of p, as a square of bits: bit b of byte g
// and bit g of byte b change places. len(p) is a multiple of 8.
func turnBits(p []byte) {
	i := turnFast(p)
	turnGo(p[i:])
}

func turnGo(p []byte) {
	le := binary.LittleEndian
	for ; len(p) >= 8; p = p[8:] {
		// Squares of one bit, of two and of four change places across the
		// diagonal (Hacker's Delight, 7-3).
		x := le.Uint64(p)
		t := (x ^ x>>7) & 0x00aa00aa00aa00aa
		x ^= t ^ t<<7
		t = (x ^ x>>14) & 0x0000cccc0000cccc
		x ^= t ^ t<<14
		t = (x ^ x>>28) & 0x00000000f0f0f0f0
		x ^= t ^ t<<28
		le.PutUint64(p, x)
	}
}
