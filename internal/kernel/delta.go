package kernel

import "encoding/binary"

// DeltaBy writes word[i] - word[i-dist] for each word of size bytes: 1, 2, 4 or 8;
// dist is at least 1. The first dist words and what is left over behind the last
// are copied. dst has the length of src and may be src.
func DeltaBy(dst, src []byte, size, dist int) {
	d := checkDelta(dst, src, size, dist)
	end := len(src) - len(src)%size
	copy(dst[end:], src[end:])
	if d < end {
		// From the end, so that dst may be src.
		end = deltaFast(dst, src, size, d, end)
		deltaGo(dst, src, size, d, end)
	}
	copy(dst[:min(d, end)], src)
}

// UndeltaBy undoes DeltaBy. dst may be src.
func UndeltaBy(dst, src []byte, size, dist int) {
	d := checkDelta(dst, src, size, dist)
	end := len(src) - len(src)%size
	copy(dst[end:], src[end:])
	copy(dst[:min(d, end)], src)
	if d < end {
		i := undeltaFast(dst, src, size, d, end)
		undeltaGo(dst, src, size, d, i, end)
	}
}

// XorDeltaBy writes word[i] xor word[i-dist], and otherwise does what DeltaBy does.
func XorDeltaBy(dst, src []byte, size, dist int) {
	d := checkDelta(dst, src, size, dist)
	end := len(src) - len(src)%size
	copy(dst[end:], src[end:])
	if d < end {
		end = deltaFast(dst, src, xorSize, d, end)
		xorDeltaGo(dst, src, d, end)
	}
	copy(dst[:min(d, end)], src)
}

// XorUndeltaBy undoes XorDeltaBy. dst may be src.
func XorUndeltaBy(dst, src []byte, size, dist int) {
	d := checkDelta(dst, src, size, dist)
	end := len(src) - len(src)%size
	copy(dst[end:], src[end:])
	copy(dst[:min(d, end)], src)
	if d < end {
		i := undeltaFast(dst, src, xorSize, d, end)
		xorUndeltaGo(dst, src, d, i, end)
	}
}

// xorSize stands for "exclusive or, of whatever size" where a word size does.
const xorSize = 0

// checkDelta returns the distance in bytes, at most the length.
func checkDelta(dst, src []byte, size, dist int) int {
	need(len(dst) == len(src), badLength)
	need(size == 1 || size == 2 || size == 4 || size == 8, badSize)
	need(dist > 0, "distance out of range")
	if dist > len(src)/size {
		return len(src)
	}
	return dist * size
}

// deltaGo takes the bytes [d, end), from behind.
func deltaGo(dst, src []byte, size, d, end int) {
	le := binary.LittleEndian
	switch size {
	case 1:
		for i := end - 1; i >= d; i-- {
			dst[i] = src[i] - src[i-d]
		}
	case 2:
		for i := end - 2; i >= d; i -= 2 {
			le.PutUint16(dst[i:], le.Uint16(src[i:])-le.Uint16(src[i-d:]))
		}
	case 4:
		for i := end - 4; i >= d; i -= 4 {
			le.PutUint32(dst[i:], le.Uint32(src[i:])-le.Uint32(src[i-d:]))
		}
	case 8:
		for i := end - 8; i >= d; i -= 8 {
			le.PutUint64(dst[i:], le.Uint64(src[i:])-le.Uint64(src[i-d:]))
		}
	}
}

// undeltaGo gives the bytes [i, end), where i is at least d.
func undeltaGo(dst, src []byte, size, d, i, end int) {
	le := binary.LittleEndian
	switch size {
	case 1:
		for ; i < end; i++ {
			dst[i] = src[i] + dst[i-d]
		}
	case 2:
		for ; i < end; i += 2 {
			le.PutUint16(dst[i:], le.Uint16(src[i:])+le.Uint16(dst[i-d:]))
		}
	case 4:
		for ; i < end; i += 4 {
			le.PutUint32(dst[i:], le.Uint32(src[i:])+le.Uint32(dst[i-d:]))
		}
	case 8:
		for ; i < end; i += 8 {
			le.PutUint64(dst[i:], le.Uint64(src[i:])+le.Uint64(dst[i-d:]))
		}
	}
}

func xorDeltaGo(dst, src []byte, d, end int) {
	le := binary.LittleEndian
	for d >= 8 && end-8 >= d {
		end -= 8
		le.PutUint64(dst[end:], le.Uint64(src[end:])^le.Uint64(src[end-d:]))
	}
	for i := end - 1; i >= d; i-- {
		dst[i] = src[i] ^ src[i-d]
	}
}

func xorUndeltaGo(dst, src []byte, d, i, end int) {
	le := binary.LittleEndian
	for ; d >= 8 && i+8 <= end; i += 8 {
		le.PutUint64(dst[i:], le.Uint64(src[i:])^le.Uint64(dst[i-d:]))
	}
	for ; i < end; i++ {
		dst[i] = src[i] ^ dst[i-d]
	}
}

// nearMasks holds, for distances of d bytes below 16, the places that bytes
// come from in sums: d, 2d, 4d and 8d before, and where the 16 bytes before end.
// Places from 0x80 on are zeros.
var nearMasks = func() (all [16][5][16]byte) {
	for d := 1; d < len(all); d++ {
		m := &all[d]
		for j := range 16 {
			for step := range 4 {
				m[step][j] = 0x80
				if from := j - d<<step; from >= 0 {
					m[step][j] = byte(from)
				}
			}
			m[4][j] = byte(16 - d + j%d)
		}
	}
	return all
}()
