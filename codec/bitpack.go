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
		for i := range n {
			block[i] = getWord(src[i*w:], w)
		}
		dst = packBlock(dst, block[:n], w)
		src = src[n*w:]
	}
	return append(dst, src...)
}

// packBlock appends a block. It tries a few references and takes the number of
// bits that costs least with each.
func packBlock(dst []byte, x []uint64, w int) []byte {
	mask, shift := wordMask(w), 64-8*w
	low := int64(x[0]<<shift) >> shift
	major, votes := x[0], 0
	for _, v := range x {
		low = min(low, int64(v<<shift)>>shift)
		switch {
		case votes == 0:
			major, votes = v, 1
		case v == major:
			votes++
		default:
			votes--
		}
	}
	best, bestBits, bestCost := uint64(0), 0, -1
	for _, ref := range [3]uint64{uint64(low) & mask, major, 0} {
		if bits, cost := packCost(x, ref, mask, w); bestCost < 0 || cost < bestCost {
			best, bestBits, bestCost = ref, bits, cost
		}
	}
	at := len(dst)
	dst = append(dst, byte(bestBits), 0)
	dst = appendWord(dst, w, best)
	limit := uint64(1)<<bestBits - 1 // for 64 bits all ones
	var places [bitBlock]byte
	exceptions := 0
	acc, have := uint64(0), 0
	for i, v := range x {
		v = (v - best) & mask
		if v > limit {
			places[exceptions] = byte(i)
			exceptions++
			v = 0
		}
		acc |= v << have
		if have+bestBits >= 64 {
			dst = le.AppendUint64(dst, acc)
			acc = 0
			if have > 0 {
				acc = v >> (64 - have)
			}
			have += bestBits - 64
		} else {
			have += bestBits
		}
	}
	for ; have > 0; have -= 8 {
		dst = append(dst, byte(acc))
		acc >>= 8
	}
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
	var count [65]int // by significant bits
	for _, v := range x {
		count[bits.Len64((v-ref)&mask)]++
	}
	above, cost := 0, -1
	for k := 8 * w; k >= 0; k-- {
		if c := (len(x)*k+7)/8 + above*(1+w); above < bitBlock && (cost < 0 || c < cost) {
			width, cost = k, c
		}
		above += count[k]
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
		unpack(dst[:n*w], body[:packed], k, ref, mask, w)
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

// unpack gives len(dst)/w words of k bits each plus ref.
func unpack(dst, b []byte, k int, ref, mask uint64, w int) {
	limit := uint64(1)<<k - 1
	for i := 0; i*w < len(dst); i++ {
		putWord(dst[i*w:], w, (bitsAt(b, i*k)&limit+ref)&mask)
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
