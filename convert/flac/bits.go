package flac

import (
	"encoding/binary"
	"math/bits"
)

// bitReader reads bits of a frame, the highest of a byte first. Behind the end
// there are zeros, and over says that some were read.
type bitReader struct {
	b     []byte
	next  int    // byte of b to load
	cache uint64 // the next bits, the first on top
	n     uint   // bits in cache that count
}

// fill makes at least 56 bits ready.
func (r *bitReader) fill() {
	if r.next+8 <= len(r.b) {
		r.cache |= binary.BigEndian.Uint64(r.b[r.next:]) >> r.n
		r.next += int((63 - r.n) >> 3)
		r.n |= 56
		return
	}
	for r.n <= 56 {
		if r.next < len(r.b) {
			r.cache |= uint64(r.b[r.next]) << (56 - r.n)
		}
		r.next++
		r.n += 8
	}
}

// over reports whether more was read than there is.
func (r *bitReader) over() bool { return r.at() > 8*len(r.b) }

// at is how many bits were read.
func (r *bitReader) at() int { return 8*r.next - int(r.n) }

// uint reads n bits, at most 56.
func (r *bitReader) uint(n uint) uint64 {
	if r.n < n {
		r.fill()
	}
	x := r.cache >> (64 - n)
	r.cache <<= n
	r.n -= n
	return x
}

// int reads a number of n bits with a sign.
func (r *bitReader) int(n uint) int64 {
	return int64(r.uint(n)<<(64-n)) >> (64 - n)
}

// unary counts the zeros up to the next one.
func (r *bitReader) unary() uint64 {
	count := uint64(0)
	for {
		if r.n < 56 {
			r.fill()
		}
		if z := uint(bits.LeadingZeros64(r.cache)); z < r.n {
			r.cache <<= z + 1
			r.n -= z + 1
			return count + uint64(z)
		}
		count += uint64(r.n)
		r.cache, r.n = 0, 0
		if r.next > len(r.b) {
			return count
		}
	}
}

// rice reads numbers that are coded with parameter k. It reports whether all have
// 32 bits at most.
func (r *bitReader) rice(dst []int64, k uint) bool {
	const most = 1<<32 - 1
	b, next, cache, n := r.b, r.next, r.cache, r.n
	for i := range dst {
		if n < 32 && next+8 <= len(b) { // as fill does
			cache |= binary.BigEndian.Uint64(b[next:]) >> (n & 63)
			next += int((63 - n) >> 3)
			n |= 56
		}
		var u uint64
		if z := uint(bits.LeadingZeros64(cache)); z+1+k <= n {
			// All of it is less than 64, as the masks tell the compiler.
			rest := cache << ((z + 1) & 63)
			u = uint64(z)<<(k&63) | rest>>1>>((63-k)&63)
			cache = rest << (k & 63)
			n -= z + 1 + k
		} else {
			r.next, r.cache, r.n = next, cache, n
			q := r.unary()
			if q > most>>k {
				return false
			}
			u = q<<k | r.uint(k)
			next, cache, n = r.next, r.cache, r.n
		}
		dst[i] = int64(u>>1) ^ -int64(u&1)
	}
	r.next, r.cache, r.n = next, cache, n
	return true
}

// bitWriter collects bits in the same order.
type bitWriter struct {
	b     []byte
	cache uint64 // n bits, the last at the bottom
	n     uint
}

// put writes the lower n bits of x, at most 32; the others must be zero.
func (w *bitWriter) put(x uint64, n uint) {
	if w.n += n; w.n > 64 {
		w.n -= 32
		w.b = binary.BigEndian.AppendUint32(w.b, uint32(w.cache>>(w.n-n)))
	}
	w.cache = w.cache<<n | x
}

// signed writes x in n bits, at most 33.
func (w *bitWriter) signed(x int64, n uint) {
	if n > 32 {
		w.put(uint64(x)>>32&1, n-32)
		n = 32
	}
	w.put(uint64(x)&(1<<n-1), n)
}

// unary writes q zeros and a one.
func (w *bitWriter) unary(q uint64) {
	for ; q >= 32; q -= 32 {
		w.put(0, 32)
	}
	w.put(1, uint(q)+1)
}

// flush writes what is left, and zeros up to the end of a byte.
func (w *bitWriter) flush() {
	for w.n >= 8 {
		w.n -= 8
		w.b = append(w.b, byte(w.cache>>w.n))
	}
	if w.n > 0 {
		w.b = append(w.b, byte(w.cache<<(8-w.n)))
	}
	w.cache, w.n = 0, 0
}
