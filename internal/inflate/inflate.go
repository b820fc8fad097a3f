// Package inflate decodes DEFLATE (RFC 1951) fast: eight bytes of input at a time,
// symbols from tables of 11 and 8 bits, matches by words. Decode goes from memory to
// memory, Reader through a window.
//
// It knows no errors. What it does not like it leaves to a library, whose errors
// callers know: so it adds speed and no second opinion.
package inflate

import (
	"encoding/binary"
	"hash/adler32"
	"math/bits"
	"sync"
)

const (
	litBits  = 11 // of codes of literals and lengths that the first table holds
	distBits = 8
	preBits  = 7

	maxLits, maxDists, maxPre = 286, 30, 19 // symbols of RFC 1951, 3.2.7
	maxBits                   = 15
	maxMatch                  = 258
)

// An entry of a table says what a code stands for:
//
//	bits 0-7    bits to take in all: those of the code and the extra bits behind it
//	bits 8-11   those of the code; in a link those that index the table behind it
//	bits 16-30  a literal, the least length or distance, or where that table begins
//
// and which of these it is.
const (
	isLiteral = 1 << 31
	isLink    = 1 << 15
	isEnd     = 1 << 14 // of the block
	isWrong   = 1 << 13 // a symbol that nothing may use
	isOdd     = isLink | isEnd | isWrong
)

// tables decode the codes of a block.
type tables struct {
	lit     [1<<litBits + 2048]uint32
	dist    [1<<distBits + 1024]uint32
	pre     [1 << preBits]uint32
	lens    [maxLits + maxDists]uint8
	longest [1 << litBits]uint8 // code behind each index that is a link
}

var (
	pool  = sync.Pool{New: func() any { return new(tables) }}
	fixed = sync.OnceValue(func() *tables {
		t := new(tables)
		var lens [288]uint8
		for i := range lens {
			switch {
			case i < 144, i >= 280:
				lens[i] = 8
			case i < 256:
				lens[i] = 9
			default:
				lens[i] = 7
			}
		}
		t.build(t.lit[:], litBits, lens[:], litSymbols[:])
		for i := range 32 {
			lens[i] = 5
		}
		t.build(t.dist[:], distBits, lens[:32], distSymbols[:])
		return t
	})
)

// What symbols stand for, but for the bits of their codes.
var litSymbols, distSymbols, preSymbols = func() (lit [288]uint32, dist [32]uint32, pre [maxPre]uint32) {
	for i := range lit {
		lit[i] = isWrong
	}
	for i := range 256 {
		lit[i] = isLiteral | uint32(i)<<16
	}
	lit[256] = isEnd
	least := uint32(3)
	for i := range uint32(28) {
		extra := max(i>>2, 1) - 1
		lit[257+i] = least<<16 | extra
		least += 1 << extra
	}
	lit[285] = maxMatch << 16 // and not the last of those before
	least = 1
	for i := range uint32(30) {
		extra := max(i>>1, 1) - 1
		dist[i] = least<<16 | extra
		least += 1 << extra
	}
	dist[30], dist[31] = isWrong, isWrong
	for i := range pre {
		pre[i] = uint32(i) << 16
	}
	pre[16] |= 2
	pre[17] |= 3
	pre[18] |= 7
	return lit, dist, pre
}()

// preOrder is the order in which the lengths of the first code stand.
var preOrder = [maxPre]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// build fills a table for the code whose lengths are given. It reports false if the
// code is not complete, or has no room; of distances there may be one or none.
func (t *tables) build(table []uint32, width int, lens []uint8, symbols []uint32) bool {
	var count, next [maxBits + 1]int
	for _, n := range lens {
		count[n]++
	}
	code, space := 0, 0
	for n := 1; n <= maxBits; n++ {
		next[n] = code
		code = (code + count[n]) << 1
		space += count[n] << (maxBits - n)
	}
	if space != 1<<maxBits {
		if len(symbols) != len(distSymbols) || count[0] < len(lens)-1 || space > 0 && count[1] == 0 {
			return false
		}
		for i := range table[:1<<width] {
			table[i] = isWrong
		}
	}
	long := false
	for n := width + 1; n <= maxBits; n++ {
		long = long || count[n] > 0
	}
	first := next
	if long {
		clear(t.longest[:1<<width])
	}
	for i, n := range lens {
		if n == 0 {
			continue
		}
		c := int(bits.Reverse16(uint16(next[n])) >> (16 - n))
		next[n]++
		if int(n) > width {
			p := &t.longest[c&(1<<width-1)]
			*p = max(*p, n)
			continue
		}
		for e := symbols[i] + uint32(n)<<8 + uint32(n); c < 1<<width; c += 1 << n {
			table[c] = e
		}
	}
	if !long {
		return true
	}
	free := 1 << width
	for c, n := range t.longest[:1<<width] {
		if n == 0 {
			continue
		}
		more := int(n) - width
		if free+1<<more > len(table) {
			return false
		}
		table[c] = isLink | uint32(free)<<16 | uint32(more)<<8 | uint32(width)
		free += 1 << more
	}
	next = first
	for i, n := range lens {
		if n == 0 {
			continue
		}
		c := int(bits.Reverse16(uint16(next[n])) >> (16 - n))
		next[n]++
		if int(n) <= width {
			continue
		}
		link := table[c&(1<<width-1)]
		behind := table[link>>16&0x7fff:][:1<<(link>>8&15)]
		n -= uint8(width)
		for c >>= width; c < len(behind); c += 1 << n {
			behind[c] = symbols[i] + uint32(n)<<8 + uint32(n)
		}
	}
	return true
}

// source is what is left of the input: n bits of word, and the bytes from pos on.
// Above the n bits of word stand zeros or the bytes from pos on.
type source struct {
	b    []byte
	pos  int
	word uint64
	n    uint
}

// fill makes n at least 56, or all that there is.
func (s *source) fill() {
	if s.pos+8 <= len(s.b) {
		s.word |= binary.LittleEndian.Uint64(s.b[s.pos:]) << (s.n & 63)
		s.pos += int(63-s.n) >> 3
		s.n |= 56
		return
	}
	for s.n < 56 && s.pos < len(s.b) {
		s.word |= uint64(s.b[s.pos]) << (s.n & 63)
		s.pos++
		s.n += 8
	}
}

// back gives back the whole bytes of word.
func (s *source) back() {
	s.pos -= int(s.n >> 3)
	s.n &= 7
	s.word &= 1<<s.n - 1
}

// take returns the next k bits of at least that many.
func (s *source) take(k uint) int {
	v := int(s.word & (1<<k - 1))
	s.word >>= k
	s.n -= k
	return v
}

// Decode decodes src, a stream of DEFLATE, to dst, and returns how many bytes of
// src the stream has. If ok is false it has not done so, and dst holds anything:
// the stream is damaged, makes more or less than dst, or is of a kind that is left
// to others.
func Decode(dst, src []byte) (read int, ok bool) {
	t := pool.Get().(*tables)
	defer pool.Put(t)
	s := source{b: src}
	out := 0
	for {
		h, ok := t.head(&s)
		if !ok || h.stored > len(src)-s.pos || h.stored > len(dst)-out {
			return 0, false
		}
		if h.codes != nil {
			var how outcome
			if out, how = h.codes.block(dst, out, &s, false, false); how != ended {
				return 0, false
			}
		} else {
			out += copy(dst[out:], src[s.pos:s.pos+h.stored])
			s.pos += h.stored
		}
		if h.last {
			s.back()
			return s.pos, out == len(dst)
		}
	}
}

// head is what stands before the symbols or the bytes of a block.
type head struct {
	last   bool
	codes  *tables // nil: its bytes are stored
	stored int
}

// head reads the head of a block, whose codes go into t.
func (t *tables) head(s *source) (h head, ok bool) {
	if s.fill(); s.n < 3 {
		return h, false
	}
	h.last = s.take(1) == 1
	switch s.take(2) {
	case 0:
		s.back()
		s.word, s.n = 0, 0
		if len(s.b)-s.pos < 4 {
			return h, false
		}
		h.stored = int(binary.LittleEndian.Uint16(s.b[s.pos:]))
		not := int(binary.LittleEndian.Uint16(s.b[s.pos+2:]))
		s.pos += 4
		return h, h.stored^not == 0xffff
	case 1:
		h.codes = fixed()
		return h, true
	case 2:
		h.codes = t
		return h, t.read(s)
	}
	return h, false
}

// Zlib is Decode of a stream of zlib (RFC 1950), whose checksum it compares.
func Zlib(dst, src []byte) (read int, ok bool) {
	// The method, a window that DEFLATE has, no dictionary.
	if len(src) < 6 || src[0]&15 != 8 || src[0]>>4 > 7 || (uint(src[0])<<8|uint(src[1]))%31 != 0 || src[1]&0x20 != 0 {
		return 0, false
	}
	n, ok := Decode(dst, src[2:len(src)-4])
	if !ok || binary.BigEndian.Uint32(src[2+n:]) != adler32.Checksum(dst) {
		return 0, false
	}
	return 2 + n + 4, true
}

// read reads the codes of a block.
func (t *tables) read(s *source) bool {
	if s.n < 14 {
		return false
	}
	lits, dists, pre := 257+s.take(5), 1+s.take(5), 4+s.take(4)
	if lits > maxLits || dists > maxDists {
		return false
	}
	var lens [maxPre]uint8
	for _, i := range preOrder[:pre] {
		if s.n < 3 {
			if s.fill(); s.n < 3 {
				return false
			}
		}
		lens[i] = uint8(s.take(3))
	}
	if !t.build(t.pre[:], preBits, lens[:], preSymbols[:]) {
		return false
	}
	list := t.lens[:lits+dists]
	for i := 0; i < len(list); {
		s.fill()
		e := t.pre[s.word&(1<<preBits-1)]
		if s.n < uint(e&63) {
			return false
		}
		extra := s.take(uint(e&63)) >> (e >> 8 & 15)
		symbol, again := uint8(e>>16), 1
		switch symbol {
		case 16:
			if i == 0 {
				return false
			}
			symbol, again = list[i-1], 3+extra
		case 17:
			symbol, again = 0, 3+extra
		case 18:
			symbol, again = 0, 11+extra
		}
		if again > len(list)-i {
			return false
		}
		for range again {
			list[i] = symbol
			i++
		}
	}
	return list[256] > 0 &&
		t.build(t.lit[:], litBits, list[:lits], litSymbols[:]) &&
		t.build(t.dist[:], distBits, list[lits:], distSymbols[:])
}

// An outcome is how the decoding of a block came to an end.
type outcome int

const (
	odd    outcome = iota // it is damaged, or has no room
	ended                 // with the block
	paused                // between two symbols: there is more room, or more input
)

// block decodes symbols of a block to dst from out on, and returns where the bytes
// end. It pauses near the end of dst or of the input if room or more says that they
// can be moved.
func (t *tables) block(dst []byte, out int, s *source, room, more bool) (int, outcome) {
	lit, dist := &t.lit, &t.dist
	// Far from both ends: no symbol needs more than what is there.
	b, pos, word, n := s.b, s.pos, s.word, s.n
	for pos+16 <= len(b) && out+maxMatch+16 <= len(dst) {
		word |= binary.LittleEndian.Uint64(b[pos:]) << (n & 63)
		pos += int(63-n) >> 3
		n |= 56
		e := lit[word&(1<<litBits-1)]
		if e&isLiteral != 0 {
			// Three codes of the first table have at most 33 of the 56 bits.
			dst[out] = byte(e >> 16)
			out++
			word >>= e & 63
			n -= uint(e & 63)
			if e = lit[word&(1<<litBits-1)]; e&isLiteral != 0 {
				dst[out] = byte(e >> 16)
				out++
				word >>= e & 63
				n -= uint(e & 63)
				if e = lit[word&(1<<litBits-1)]; e&isLiteral != 0 {
					dst[out] = byte(e >> 16)
					out++
					word >>= e & 63
					n -= uint(e & 63)
					continue
				}
			}
		}
		if e&isOdd != 0 {
			if e&isLink != 0 {
				word >>= litBits
				n -= litBits
				e = lit[int(e>>16&0x7fff)+int(word&(1<<(e>>8&15)-1))]
				if e&isLiteral != 0 {
					dst[out] = byte(e >> 16)
					out++
					word >>= e & 63
					n -= uint(e & 63)
					continue
				}
			}
			if e&isWrong != 0 {
				return out, odd
			}
			if e&isEnd != 0 {
				s.pos, s.word, s.n = pos, word>>(e&63), n-uint(e&63)
				return out, ended
			}
		}
		length := int(e>>16) + int(word&(1<<(e&63)-1)>>(e>>8&15))
		word >>= e & 63
		n -= uint(e & 63)

		word |= binary.LittleEndian.Uint64(b[pos:]) << (n & 63)
		pos += int(63-n) >> 3
		n |= 56
		e = dist[word&(1<<distBits-1)]
		if e&isOdd != 0 {
			if e&isLink != 0 {
				word >>= distBits
				n -= distBits
				e = dist[int(e>>16&0x7fff)+int(word&(1<<(e>>8&15)-1))]
			}
			if e&isWrong != 0 {
				return out, odd
			}
		}
		back := int(e>>16) + int(word&(1<<(e&63)-1)>>(e>>8&15))
		word >>= e & 63
		n -= uint(e & 63)
		from := out - back
		if from < 0 {
			return out, odd
		}
		end := out + length
		switch {
		case back >= 8: // whole words, up to 7 bytes too many
			for out < end {
				binary.LittleEndian.PutUint64(dst[out:], binary.LittleEndian.Uint64(dst[from:]))
				out += 8
				from += 8
			}
		case back == 1:
			word := uint64(dst[from]) * 0x0101010101010101
			for ; out < end; out += 8 {
				binary.LittleEndian.PutUint64(dst[out:], word)
			}
		default:
			for ; out < end; out++ {
				dst[out] = dst[from]
				from++
			}
		}
		out = end
	}
	s.pos, s.word, s.n = pos, word, n

	// Near an end, symbol by symbol.
	for {
		if room && len(dst)-out < maxMatch || more && len(s.b)-s.pos < 16 {
			return out, paused
		}
		s.fill()
		e := lit[s.word&(1<<litBits-1)]
		if e&isLink != 0 {
			if s.n < litBits {
				return out, odd
			}
			s.take(litBits)
			e = lit[int(e>>16&0x7fff)+int(s.word&(1<<(e>>8&15)-1))]
		}
		k := uint(e & 63)
		if s.n < k || e&isWrong != 0 {
			return out, odd
		}
		bits := s.take(k)
		switch {
		case e&isLiteral != 0:
			if out == len(dst) {
				return out, odd
			}
			dst[out] = byte(e >> 16)
			out++
			continue
		case e&isEnd != 0:
			return out, ended
		}
		length := int(e>>16) + bits>>(e>>8&15)
		s.fill()
		e = dist[s.word&(1<<distBits-1)]
		if e&isLink != 0 {
			if s.n < distBits {
				return out, odd
			}
			s.take(distBits)
			e = dist[int(e>>16&0x7fff)+int(s.word&(1<<(e>>8&15)-1))]
		}
		if k = uint(e & 63); s.n < k || e&isWrong != 0 {
			return out, odd
		}
		back := int(e>>16) + s.take(k)>>(e>>8&15)
		if back > out || length > len(dst)-out {
			return out, odd
		}
		for range length {
			dst[out] = dst[out-back]
			out++
		}
	}
}
