package kernel

import (
	"encoding/binary"
	"sync"
)

// BitShuffle transposes bits: of m = n - n%8 words of size bytes (1 to MaxWord)
// bit j of word i becomes bit i%8 of dst[j*(m/8)+i/8]. What lies behind word m
// is copied. dst has the length of src.
func BitShuffle(dst, src []byte, size int) {
	m := checkBits(dst, src, size)
	copy(dst[m*size:], src[m*size:])
	room := bitRooms.Get().(*bitRoom)
	defer bitRooms.Put(room)
	buf, planes := &room.buf, &room.planes
	step := bitStep(size)
	for i := 0; i < m; i += step {
		n := min(step, m-i)
		if size == 1 {
			copy(buf[:n], src[i:])
		} else {
			split(cut(planes[:size], buf[:n*size], n), src[i*size:(i+n)*size], n)
		}
		for k := range size {
			splitBits(dst[k*m+i/8:], m/8, buf[k*n:(k+1)*n])
		}
	}
}

// BitUnshuffle undoes BitShuffle.
func BitUnshuffle(dst, src []byte, size int) {
	m := checkBits(dst, src, size)
	copy(dst[m*size:], src[m*size:])
	bitUnshuffle(dst, src, size, 0, m, m)
}

// BitUnshuffleWords is BitUnshuffle for the words from first on, up to end, alone:
// multiples of 8, of words that were transposed.
func BitUnshuffleWords(dst, src []byte, size, first, end int) {
	m := checkBits(dst, src, size)
	need(0 <= first && first <= end && end <= m && first|end == (first|end)&^7, badLength)
	bitUnshuffle(dst, src, size, first, end, m)
}

func bitUnshuffle(dst, src []byte, size, first, end, m int) {
	room := bitRooms.Get().(*bitRoom)
	defer bitRooms.Put(room)
	buf, planes := &room.buf, &room.planes
	step := bitStep(size)
	for i := first; i < end; i += step {
		n := min(step, end-i)
		if size == 1 {
			joinBits(dst[i:i+n], src[i/8:], m/8)
			continue
		}
		for k := range size {
			joinBits(buf[k*n:(k+1)*n], src[k*m+i/8:], m/8)
		}
		join(dst[i*size:(i+n)*size], cut(planes[:size], buf[:n*size], n), n, false)
	}
}

// bitBlock is the memory between the two halves of a bit shuffle, that of the
// bytes and that of the bits: small enough for the first-level cache.
const bitBlock = 16 << 10

// A bitRoom is that memory.
type bitRoom struct {
	buf    [bitBlock]byte
	planes [MaxWord][]byte
}

var bitRooms = sync.Pool{New: func() any { return new(bitRoom) }}

// bitStep is how many words go through it at a time.
func bitStep(size int) int { return min(2048, bitBlock/size&^7) }

func checkBits(dst, src []byte, size int) (m int) {
	need(len(dst) == len(src), badLength)
	need(size > 0 && size <= MaxWord, badSize)
	return len(src) / size &^ 7
}

// splitBits writes the 8 rows of bits of a plane, stride bytes apart: bit b of
// p[i] is bit i%8 of dst[b*stride+i/8]. len(p) is a multiple of 8; what p holds
// is lost.
func splitBits(dst []byte, stride int, p []byte) {
	le := binary.LittleEndian
	for i := splitBitsFast(dst, stride, p); i < len(p); i += 8 {
		x := turn(le.Uint64(p[i:]))
		d := dst[i/8 : i/8+7*stride+1]
		for range 8 {
			d[0] = byte(x)
			x >>= 8
			d = d[min(stride, len(d)):]
		}
	}
}

// joinBits undoes splitBits.
func joinBits(p, src []byte, stride int) {
	le := binary.LittleEndian
	for i := joinBitsFast(p, src, stride); i < len(p); i += 8 {
		s := src[i/8 : i/8+7*stride+1]
		x := uint64(0)
		for b := range 8 {
			x |= uint64(s[b*stride]) << (8 * b)
		}
		le.PutUint64(p[i:], turn(x))
	}
}

// turn transposes a square of bits: bit b of byte g and bit g of byte b change
// places. Squares of one bit, of two and of four go across the diagonal (after
// Hacker's Delight, 7-3).
func turn(x uint64) uint64 {
	t := (x ^ x>>7) & 0x00aa00aa00aa00aa
	x ^= t ^ t<<7
	t = (x ^ x>>14) & 0x0000cccc0000cccc
	x ^= t ^ t<<14
	t = (x ^ x>>28) & 0x00000000f0f0f0f0
	return x ^ t ^ t<<28
}
