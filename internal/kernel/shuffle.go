package kernel

import "encoding/binary"

// MaxWord is the largest word in bytes that can be shuffled.
const MaxWord = 256

// Shuffle writes byte k of word i of src to dst[k*n+i], where src has n words of
// size bytes (1 to MaxWord). What is left over behind the last word is copied.
// dst has the length of src.
func Shuffle(dst, src []byte, size int) {
	need(len(dst) == len(src), badLength)
	need(size > 0 && size <= MaxWord, badSize)
	n := len(src) / size
	copy(dst[n*size:], src[n*size:])
	if size == 1 {
		copy(dst, src[:n])
		return
	}
	var planes [MaxWord][]byte
	split(cut(planes[:size], dst, n), src, n)
}

// Unshuffle undoes Shuffle.
func Unshuffle(dst, src []byte, size int) { unshuffle(dst, src, size, len(dst) >= streamMin) }

// UnshuffleStream is Unshuffle for a dst of any size that will not be read soon.
func UnshuffleStream(dst, src []byte, size int) { unshuffle(dst, src, size, true) }

func unshuffle(dst, src []byte, size int, stream bool) {
	need(len(dst) == len(src), badLength)
	need(size > 0 && size <= MaxWord, badSize)
	n := len(src) / size
	copy(dst[n*size:], src[n*size:])
	if size == 1 {
		copyPlain(dst[:n], src, stream)
		return
	}
	var planes [MaxWord][]byte
	join(dst, cut(planes[:size], src, n), n, stream)
}

// SplitPlanes writes byte k of each word of src to planes[k]. Words have
// len(planes) bytes, 1 to MaxWord, and each plane one byte for each word.
func SplitPlanes(planes [][]byte, src []byte) {
	n := checkPlanes(planes, src)
	if len(planes) == 1 {
		copy(planes[0], src)
		return
	}
	split(planes, src, n)
}

// JoinPlanes undoes SplitPlanes: it writes plane k to byte k of each word.
func JoinPlanes(dst []byte, planes [][]byte) { joinPlanes(dst, planes, len(dst) >= streamMin) }

func joinPlanes(dst []byte, planes [][]byte, stream bool) {
	n := checkPlanes(planes, dst)
	if len(planes) == 1 {
		copyPlain(dst, planes[0], stream)
		return
	}
	join(dst, planes, n, stream)
}

func checkPlanes(planes [][]byte, words []byte) (n int) {
	need(len(planes) > 0 && len(planes) <= MaxWord, badSize)
	n = len(words) / len(planes)
	need(n*len(planes) == len(words), "a part of a word")
	for _, p := range planes {
		need(len(p) == n, badPlanes)
	}
	return n
}

// cut divides b into planes of n bytes.
func cut(planes [][]byte, b []byte, n int) [][]byte {
	for k := range planes {
		planes[k] = b[k*n : (k+1)*n : (k+1)*n]
	}
	return planes
}

func split(planes [][]byte, src []byte, n int) {
	if i := splitFast(planes, src, n); i < n {
		splitGo(planes, src, i, n)
	}
}

func join(dst []byte, planes [][]byte, n int, stream bool) {
	if stream {
		// Streams begin at a line of the cache, some words after the start.
		head := 0
		for at := lineOffset(dst); at&63 != 0 && head < 64; at += len(planes) {
			head++
		}
		if head < min(n, 64) && lineOffset(dst[head*len(planes):]) == 0 {
			joinGo(dst, planes, 0, head)
			i := joinStream(dst, planes, head, n)
			joinGo(dst, planes, i, n)
			return
		}
	}
	if i := joinFast(dst, planes, n); i < n {
		joinGo(dst, planes, i, n)
	}
}

// block is how many words are moved plane by plane at a time, so that words of
// odd sizes stay in the first-level cache meanwhile.
func block(size int) int { return max(16, 8192/size) }

// splitGo takes words i to n.
func splitGo(planes [][]byte, src []byte, i, n int) {
	if i >= n {
		return
	}
	le := binary.LittleEndian
	size := len(planes)
	src = src[i*size : n*size]
	switch size {
	case 2:
		p0, p1 := planes[0][i:n], planes[1][i:n]
		p1 = p1[:len(p0)]
		for j := range p0 {
			v := le.Uint16(src[2*j:])
			p0[j], p1[j] = byte(v), byte(v>>8)
		}
	case 4:
		p0, p1, p2, p3 := planes[0][i:n], planes[1][i:n], planes[2][i:n], planes[3][i:n]
		p1, p2, p3 = p1[:len(p0)], p2[:len(p0)], p3[:len(p0)]
		for j := range p0 {
			v := le.Uint32(src[4*j:])
			p0[j], p1[j], p2[j], p3[j] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
		}
	case 8:
		p0, p1, p2, p3 := planes[0][i:n], planes[1][i:n], planes[2][i:n], planes[3][i:n]
		p4, p5, p6, p7 := planes[4][i:n], planes[5][i:n], planes[6][i:n], planes[7][i:n]
		p1, p2, p3 = p1[:len(p0)], p2[:len(p0)], p3[:len(p0)]
		p4, p5, p6, p7 = p4[:len(p0)], p5[:len(p0)], p6[:len(p0)], p7[:len(p0)]
		for j := range p0 {
			v := le.Uint64(src[8*j:])
			p0[j], p1[j], p2[j], p3[j] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
			p4[j], p5[j], p6[j], p7[j] = byte(v>>32), byte(v>>40), byte(v>>48), byte(v>>56)
		}
	default:
		for step := block(size); i < n; i += step {
			m := min(step, n-i)
			for k, p := range planes {
				at := k
				p = p[i : i+m]
				for j := range p {
					p[j] = src[at]
					at += size
				}
			}
			src = src[m*size:]
		}
	}
}

// joinGo gives words i to n.
func joinGo(dst []byte, planes [][]byte, i, n int) {
	if i >= n {
		return
	}
	le := binary.LittleEndian
	size := len(planes)
	dst = dst[i*size : n*size]
	switch size {
	case 2:
		p0, p1 := planes[0][i:n], planes[1][i:n]
		p1 = p1[:len(p0)]
		for j := range p0 {
			le.PutUint16(dst[2*j:], uint16(p0[j])|uint16(p1[j])<<8)
		}
	case 4:
		p0, p1, p2, p3 := planes[0][i:n], planes[1][i:n], planes[2][i:n], planes[3][i:n]
		p1, p2, p3 = p1[:len(p0)], p2[:len(p0)], p3[:len(p0)]
		for j := range p0 {
			le.PutUint32(dst[4*j:], uint32(p0[j])|uint32(p1[j])<<8|uint32(p2[j])<<16|uint32(p3[j])<<24)
		}
	case 8:
		p0, p1, p2, p3 := planes[0][i:n], planes[1][i:n], planes[2][i:n], planes[3][i:n]
		p4, p5, p6, p7 := planes[4][i:n], planes[5][i:n], planes[6][i:n], planes[7][i:n]
		p1, p2, p3 = p1[:len(p0)], p2[:len(p0)], p3[:len(p0)]
		p4, p5, p6, p7 = p4[:len(p0)], p5[:len(p0)], p6[:len(p0)], p7[:len(p0)]
		for j := range p0 {
			lo := uint32(p0[j]) | uint32(p1[j])<<8 | uint32(p2[j])<<16 | uint32(p3[j])<<24
			hi := uint32(p4[j]) | uint32(p5[j])<<8 | uint32(p6[j])<<16 | uint32(p7[j])<<24
			le.PutUint64(dst[8*j:], uint64(hi)<<32|uint64(lo))
		}
	default:
		for step := block(size); i < n; i += step {
			m := min(step, n-i)
			for k, p := range planes {
				at := k
				for _, c := range p[i : i+m] {
					dst[at] = c
					at += size
				}
			}
			dst = dst[m*size:]
		}
	}
}
