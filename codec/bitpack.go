package codec

import (
	"fmt"
	"math/bits"
)

// bitBlock is the number of words that bitpack codes together.
const bitBlock = 256

func getWord(b []byte, w int) uint64 {
	switch w {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(le.Uint16(b))
	case 4:
		return uint64(le.Uint32(b))
	}
	return le.Uint64(b)
}

func putWord(b []byte, w int, v uint64) {
	switch w {
	case 1:
		b[0] = byte(v)
	case 2:
		le.PutUint16(b, uint16(v))
	case 4:
		le.PutUint32(b, uint32(v))
	default:
		le.PutUint64(b, v)
	}
}

func appendWord(b []byte, w int, v uint64) []byte {
	var p [8]byte
	le.PutUint64(p[:], v)
	return append(b, p[:w]...)
}

func wordMask(w int) uint64 { return ^uint64(0) >> (64 - 8*w) }

func bitpackEncode(dst, src []byte, w int) []byte {
	var block [bitBlock]uint64
	for len(src) >= w {
		n := min(len(src)/w, bitBlock)
		part := src[:n*w]
		src = src[n*w:]
		if out, ok := packSame(dst, part, w); ok {
			dst = out
			continue
		}
		x := block[:n]
		switch w {
		case 1:
			for i := range x {
				x[i] = uint64(part[i])
			}
		case 2:
			for i := range x {
				x[i] = uint64(le.Uint16(part[2*i:]))
			}
		case 4:
			for i := range x {
				x[i] = uint64(le.Uint32(part[4*i:]))
			}
		default:
			for i := range x {
				x[i] = le.Uint64(part[8*i:])
			}
		}
		dst = packBlock(dst, x, w)
	}
	return append(dst, src...)
}

// packSame appends a block whose words are nearly all the same: a word for the
// others takes less than a bit for each would.
func packSame(dst, b []byte, w int) ([]byte, bool) {
	n := len(b) / w
	if n < 8 {
		return dst, false
	}
	most := n / 8 / (1 + w)
	same := getWord(b, w)
	if second, last := getWord(b[w:], w), getWord(b[(n-1)*w:], w); same != last && same != second {
		if second != last {
			return dst, false
		}
		same = last
	}
	var places [bitBlock]byte
	others := 0
	wide := repeated(same, w)
	i := 0
	for ; i+8 <= n*w; i += 8 {
		for i+32 <= n*w {
			p := (*[32]byte)(b[i:])
			if (le.Uint64(p[:])^wide)|(le.Uint64(p[8:])^wide)|(le.Uint64(p[16:])^wide)|(le.Uint64(p[24:])^wide) != 0 {
				break
			}
			i += 32
		}
		if i+8 > n*w {
			break
		}
		v := le.Uint64(b[i:])
		if v == wide {
			continue
		}
		for k := i; k < i+8; k += w {
			if getWord(b[k:], w) == same {
				continue
			}
			if others == most {
				return dst, false
			}
			places[others] = byte(k / w)
			others++
		}
	}
	for ; i < n*w; i += w {
		if getWord(b[i:], w) == same {
			continue
		}
		if others == most {
			return dst, false
		}
		places[others] = byte(i / w)
		others++
	}
	dst = append(dst, 0, byte(others))
	dst = appendWord(dst, w, same)
	dst = append(dst, places[:others]...)
	for _, p := range places[:others] {
		dst = append(dst, b[int(p)*w:int(p)*w+w]...)
	}
	return dst, true
}

// packBlock appends a block. It tries a few references and takes the number of
// bits that costs least with each.
func packBlock(dst []byte, x []uint64, w int) []byte {
	mask, shift := wordMask(w), 64-8*w
	low := int64(x[0]<<shift) >> shift
	for _, v := range x {
		low = min(low, int64(v<<shift)>>shift)
	}
	best := uint64(low) & mask
	bestBits, bestCost := packCost(x, best, mask, w)
	// Where low is an exception itself, zero or a word from the middle may do.
	for _, ref := range [2]uint64{0, x[len(x)/2]} {
		if bestCost <= len(x)*w/8 || ref == best {
			break
		}
		if bits, cost := packCost(x, ref, mask, w); cost < bestCost {
			best, bestBits, bestCost = ref, bits, cost
		}
	}
	at := len(dst)
	dst = append(dst, byte(bestBits), 0)
	dst = appendWord(dst, w, best)
	limit := uint64(1)<<bestBits - 1 // for 64 bits all ones
	var places [bitBlock]byte
	var packed [bitBlock*8 + 8]byte
	exceptions, end := 0, 0
	acc, have := uint64(0), 0
	for i, v := range x {
		v = (v - best) & mask
		if v > limit {
			places[exceptions&(bitBlock-1)] = byte(i)
			exceptions++
			v = 0
		}
		acc |= v << (have & 63)
		have += bestBits
		if have >= 64 {
			le.PutUint64(packed[end:], acc)
			end += 8
			have -= 64
			acc = v >> (bestBits - have) // all of it if it ended there
		}
	}
	le.PutUint64(packed[end:], acc)
	dst = append(dst, packed[:(len(x)*bestBits+7)/8]...)
	dst[at+1] = byte(exceptions)
	dst = append(dst, places[:exceptions]...)
	for _, p := range places[:exceptions] {
		dst = appendWord(dst, w, x[p])
	}
	return dst
}

// packCost returns the number of bits with which x costs least when ref is
// taken away, and the cost in bytes.
func packCost(x []uint64, ref, mask uint64, w int) (width, cost int) {
	var part [4][65]uint16 // by significant bits; a counter just written is slow to read
	rest := x
	for ; len(rest) >= 4; rest = rest[4:] {
		part[0][bits.Len64((rest[0]-ref)&mask)]++
		part[1][bits.Len64((rest[1]-ref)&mask)]++
		part[2][bits.Len64((rest[2]-ref)&mask)]++
		part[3][bits.Len64((rest[3]-ref)&mask)]++
	}
	for _, v := range rest {
		part[0][bits.Len64((v-ref)&mask)]++
	}
	above, cost := 0, -1
	for k := 8 * w; k >= 0; k-- {
		if c := (len(x)*k+7)/8 + above*(1+w); above < bitBlock && (cost < 0 || c < cost) {
			width, cost = k, c
		}
		above += int(part[0][k]) + int(part[1][k]) + int(part[2][k]) + int(part[3][k])
	}
	return width, cost
}

func bitpackDecode(stage string, dst, body []byte, w int) error {
	mask := wordMask(w)
	for len(dst) >= w {
		n := min(len(dst)/w, bitBlock)
		if len(body) < 2+w {
			return broken(stage, fmt.Sprintf("%d bytes", len(body)), fmt.Sprintf("the %d bytes of a block's head", 2+w))
		}
		k, exceptions, ref := int(body[0]), int(body[1]), getWord(body[2:], w)
		body = body[2+w:]
		packed := (n*k + 7) / 8
		if k > 8*w || exceptions > n {
			return broken(stage, fmt.Sprintf("%d bits, %d exceptions", k, exceptions), fmt.Sprintf("at most %d bits, at most %d exceptions", 8*w, n))
		}
		if len(body) < packed+exceptions*(1+w) {
			return broken(stage, fmt.Sprintf("%d bytes", len(body)), fmt.Sprintf("%d bytes of a block", packed+exceptions*(1+w)))
		}
		if rest := n * k % 8; rest != 0 && body[packed-1]>>rest != 0 {
			return broken(stage, "bits behind the last word", "zero")
		}
		unpack(dst[:n*w], body, k, ref, mask, w)
		places, values := body[packed:packed+exceptions], body[packed+exceptions:]
		last := -1
		for _, p := range places {
			if int(p) <= last || int(p) >= n {
				return broken(stage, fmt.Sprintf("exception at %d", p), fmt.Sprintf("above %d, below %d", last, n))
			}
			last = int(p)
			copy(dst[last*w:last*w+w], values[:w])
			values = values[w:]
		}
		body, dst = values, dst[n*w:]
	}
	if len(body) != len(dst) {
		return broken(stage, fmt.Sprintf("%d bytes behind the blocks", len(body)), fmt.Sprintf("%d", len(dst)))
	}
	copy(dst, body)
	return nil
}

// unpack gives len(dst)/w words of k bits each plus ref. b goes on behind the
// packed words as far as the body does.
func unpack(dst, b []byte, k int, ref, mask uint64, w int) {
	if k == 0 {
		if fill(dst[:w], 0); ref != 0 {
			putWord(dst, w, ref)
		}
		for n := w; n < len(dst); n *= 2 {
			copy(dst[n:], dst[:n])
		}
		return
	}
	limit := uint64(1)<<k - 1
	i := 0
	if k <= 57 {
		// Eight words have k whole bytes, and each lies within eight bytes.
		n := len(dst) / w &^ 7
		switch w {
		case 1:
			for ; i < n && len(b) >= k+8; i += 8 {
				out, at := (*[8]byte)(dst[i:]), 0
				for j := range out {
					out[j] = byte(le.Uint64(b[at>>3:])>>(at&7)&limit + ref)
					at += k
				}
				b = b[k:]
			}
		case 2:
			for ; i < n && len(b) >= k+8; i += 8 {
				out, at := (*[16]byte)(dst[2*i:]), 0
				for j := 0; j < 16; j += 2 {
					le.PutUint16(out[j:], uint16(le.Uint64(b[at>>3:])>>(at&7)&limit+ref))
					at += k
				}
				b = b[k:]
			}
		case 4:
			for ; i < n && len(b) >= k+8; i += 8 {
				out, at := (*[32]byte)(dst[4*i:]), 0
				for j := 0; j < 32; j += 4 {
					le.PutUint32(out[j:], uint32(le.Uint64(b[at>>3:])>>(at&7)&limit+ref))
					at += k
				}
				b = b[k:]
			}
		case 8:
			for ; i < n && len(b) >= k+8; i += 8 {
				out, at := (*[64]byte)(dst[8*i:]), 0
				for j := 0; j < 64; j += 8 {
					le.PutUint64(out[j:], le.Uint64(b[at>>3:])>>(at&7)&limit+ref)
					at += k
				}
				b = b[k:]
			}
		}
	}
	for j := 0; i*w < len(dst); i, j = i+1, j+1 {
		putWord(dst[i*w:], w, (bitsAt(b, j*k)&limit+ref)&mask)
	}
}

// bitsAt returns at least the 57 bits of b from bit at on, 64 if they begin at
// a byte or reach into a ninth; bits behind b are zero.
func bitsAt(b []byte, at int) uint64 {
	var p [9]byte
	if at/8 < len(b) {
		copy(p[:], b[at/8:])
	}
	v := le.Uint64(p[:]) >> (at % 8)
	if at%8 != 0 {
		v |= uint64(p[8]) << (64 - at%8)
	}
	return v
}
