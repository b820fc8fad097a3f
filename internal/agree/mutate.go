// Package agree changes files a little, as fuzzing does but by a seed, so that
// readers can be compared on what is nearly right: this module's ways of reading a
// file with each other, and with the library that owns the format. Its tests do.
package agree

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
)

// Mutate returns b with one to four changes, most of them where files describe
// themselves: near the beginning and the end. other is a file of the same format,
// pieces of which may come in.
func Mutate(rng *rand.Rand, b, other []byte) []byte {
	b = bytes.Clone(b)
	for range 1 + rng.IntN(4) {
		if len(b) == 0 {
			return b
		}
		at := place(rng, len(b))
		switch rng.IntN(12) {
		case 0:
			b[at] = byte(rng.Uint32())
		case 1:
			b[at] ^= 1 << rng.IntN(8)
		case 2, 3:
			b[at] += byte(1 - 2*rng.IntN(2))
		case 4, 5: // of texts
			const signs = `0123456789{}[]()":,.'+-eE# <>|=` + "\n\r\t"
			b[at] = signs[rng.IntN(len(signs))]
		case 6: // a number of any width
			var v [8]byte
			binary.LittleEndian.PutUint64(v[:], rng.Uint64()>>rng.IntN(64))
			copy(b[at:], v[:1<<rng.IntN(4)])
		case 7: // a byte goes
			b = append(b[:at], b[at+1:]...)
		case 8: // a byte comes
			b = append(b[:at], append([]byte{b[at]}, b[at:]...)...)
		case 9: // a piece from elsewhere
			if len(other) > 0 {
				from := place(rng, len(other))
				copy(b[at:], other[from:min(from+1+rng.IntN(32), len(other))])
			}
		case 10: // the end goes, or more comes
			if n := rng.IntN(16); rng.IntN(2) == 0 {
				b = b[:max(len(b)-n, 0)]
			} else {
				b = append(b, make([]byte, n)...)
			}
		case 11: // two bytes change places
			k := place(rng, len(b))
			b[at], b[k] = b[k], b[at]
		}
	}
	return b
}

func place(rng *rand.Rand, n int) int {
	switch rng.IntN(8) {
	case 0, 1, 2, 3:
		return rng.IntN(min(n, 128))
	case 4, 5:
		return rng.IntN(min(n, 2048))
	case 6:
		return n - 1 - rng.IntN(min(n, 256))
	}
	return rng.IntN(n)
}

// Reseal makes right the checksums of a file that was changed, of formats whose
// readers would see nothing else: PNG's of chunks, and those of zip's members that
// are stored as they are.
func Reseal(b []byte) {
	if bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")) {
		for at := 8; at+12 <= len(b); {
			n := int(binary.BigEndian.Uint32(b[at:]))
			if n < 0 || n > len(b)-at-12 {
				return
			}
			binary.BigEndian.PutUint32(b[at+8+n:], crc32.ChecksumIEEE(b[at+4:at+8+n]))
			at += 12 + n
		}
	}
	if bytes.HasPrefix(b, []byte("PK\x03\x04")) {
		le := binary.LittleEndian
		for at := 0; at+46 <= len(b); at++ {
			if !bytes.HasPrefix(b[at:], []byte("PK\x01\x02")) || le.Uint16(b[at+10:]) != 0 {
				continue
			}
			local, size := int64(le.Uint32(b[at+42:])), int64(le.Uint32(b[at+20:]))
			if local+30 > int64(len(b)) {
				continue
			}
			begin := local + 30 + int64(le.Uint16(b[local+26:])) + int64(le.Uint16(b[local+28:]))
			if begin+size > int64(len(b)) {
				continue
			}
			sum := crc32.ChecksumIEEE(b[begin : begin+size])
			le.PutUint32(b[at+16:], sum)
			le.PutUint32(b[local+14:], sum)
		}
	}
}
