package codec

import (
	"fmt"
	"math/bits"

	"github.com/tensorfile/tensorfile/internal/kernel"
	"github.com/tensorfile/tensorfile/tensor"
)

// Methods of a plane.
const (
	planeConstant = 0
	planeRaw      = 1
	planeZstd     = 2
)

// planeHead is the entry of a plane, as it stands in the body.
type planeHead struct {
	method, constant byte
	stored           uint32
}

const planesHead = 4 // bytes before the entries of planes

// exponentBits returns E for the raw words of a dtype.
func exponentBits(d tensor.DType, w int) int {
	if d.Class != tensor.ClassFloat && d.Class != tensor.ClassComplex || d.UnitElems != 1 || word(d) != w {
		return 0
	}
	switch {
	case d.Variant == tensor.VariantIEEE && w == 2:
		return 5
	case d.Variant == tensor.VariantIEEE && w == 4, d.Variant == tensor.VariantBFloat16 && w == 2:
		return 8
	case d.Variant == tensor.VariantIEEE && w == 8:
		return 11
	}
	return 0
}

// planesEncode appends the body of planes. exp is what E may be.
func planesEncode(dst, src []byte, w, exp int, sc *scratch) []byte {
	n := len(src) / w
	words := src[:n*w]
	turn := 0
	if exp == 0 {
		turn = chooseTurn(words, w)
	}
	at := len(dst)
	dst = append(dst, byte(exp), byte(turn), 0, 0)
	for range w {
		dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	if exp != 0 || turn != 0 {
		moved := room(&sc.moved, len(words))
		m := rearranging(w, exp, turn)
		mix(moved, words, w, &m)
		words = moved
	}
	views := sc.views[:w]
	buf := room(&sc.planes, len(words))
	for k := range views {
		views[k] = buf[k*n : (k+1)*n]
	}
	if w == 1 {
		views[0] = words
	} else {
		kernel.SplitPlanes(views, words)
	}
	for k, plane := range views {
		before := len(dst)
		var h planeHead
		dst, h = encodePlane(dst, plane, sc)
		entry := dst[at+planesHead+8*k:]
		entry[0], entry[1] = h.method, h.constant
		le.PutUint32(entry[4:], uint32(len(dst)-before))
	}
	return append(dst, src[n*w:]...)
}

// encodePlane appends one plane by the method that takes least.
func encodePlane(dst, plane []byte, sc *scratch) ([]byte, planeHead) {
	if len(plane) == 0 {
		return dst, planeHead{method: planeConstant}
	}
	e := &sc.enc
	e.histogram(plane)
	most := uint32(0)
	for _, c := range e.count {
		most = max(most, c)
	}
	n := len(plane)
	if int(most) == n {
		return dst, planeHead{method: planeConstant, constant: plane[0]}
	}
	at := len(dst)
	cost := n
	if n >= minLiterals {
		if total, ok := e.build(); ok {
			if c := int(total/8) + len(e.tree) + 32; c < n-n/64 {
				cost = c
			}
		}
	}
	// A code takes at least a bit: where few bytes differ from the rest, matches
	// are shorter.
	if cost < n/4 || n < minLiterals {
		dst = zstdEncode(dst, plane, 1)
		if len(dst)-at < cost {
			return dst, planeHead{method: planeZstd}
		}
		dst = dst[:at]
	}
	if cost < n {
		return e.literalFrame(dst, plane), planeHead{method: planeZstd}
	}
	return append(dst, plane...), planeHead{method: planeRaw}
}

func planesDecode(stage string, dst, body []byte, w int, sc *scratch) error {
	head := planesHead + 8*w
	if len(body) < head {
		return broken(stage, fmt.Sprintf("%d bytes", len(body)), fmt.Sprintf("a head of %d bytes", head))
	}
	exp, turn := int(body[0]), int(body[1])
	pow2 := w == 1 || w == 2 || w == 4 || w == 8
	if body[2] != 0 || body[3] != 0 || exp >= 8*w || turn >= 8*w || (exp != 0 || turn != 0) && !pow2 {
		return broken(stage, fmt.Sprintf("E %d, s %d, % x", exp, turn, body[2:4]), fmt.Sprintf("both below %d, zero", 8*w))
	}
	n := len(dst) / w
	stored := body[head:]
	buf := room(&sc.planes, n*w)
	views := sc.views[:w]
	for k := range views {
		h := body[planesHead+8*k:]
		method, constant, size := h[0], h[1], le.Uint32(h[4:])
		bad := h[2] != 0 || h[3] != 0 || method != planeConstant && constant != 0
		switch method {
		case planeConstant:
			bad = bad || size != 0
		case planeRaw:
			bad = bad || uint64(size) != uint64(n)
		case planeZstd:
		default:
			bad = true
		}
		if bad {
			return broken(stage, fmt.Sprintf("plane %d: % x", k, h[:8]), "an entry of planes")
		}
		if uint64(size) > uint64(len(stored)) {
			return broken(stage, fmt.Sprintf("plane %d: %d bytes", k, size), fmt.Sprintf("at most %d", len(stored)))
		}
		part := stored[:size]
		stored = stored[size:]
		view := buf[k*n : (k+1)*n]
		if w == 1 && method != planeRaw {
			view = dst[:n]
		}
		switch method {
		case planeConstant:
			fill(view, constant)
		case planeRaw:
			view = part
		case planeZstd:
			if err := zstdDecode(stage, view, part, &sc.dec); err != nil {
				return err
			}
		}
		views[k] = view
	}
	if len(stored) != len(dst)-n*w {
		return broken(stage, fmt.Sprintf("%d bytes behind the planes", len(stored)), fmt.Sprintf("%d", len(dst)-n*w))
	}
	copy(dst[n*w:], stored)
	words := dst[:n*w]
	if w == 1 {
		copy(words, views[0])
	} else {
		kernel.JoinPlanes(words, views)
	}
	if exp != 0 || turn != 0 {
		m := restoring(w, exp, turn)
		mix(words, words, w, &m)
	}
	return nil
}

// A mixture is a rearrangement of the bits of words: they are turned,
// r = x << left | x >> right, and put together anew,
// r & keep | r >> down & low | r << up & high. Masks hold the words of 8 bytes,
// counts may reach the bits of a word, which shifts everything out.
type mixture struct {
	left, right, down, up uint64
	keep, low, high       uint64
}

func repeated(x uint64, w int) uint64 {
	for ; w < 8; w *= 2 {
		x |= x << (8 * w)
	}
	return x
}

// rearranging moves the exponent up by a bit, with the sign below it, or turns
// words to the right: not both.
func rearranging(w, exp, turn int) mixture {
	n := 8 * w
	if exp == 0 {
		return mixture{left: uint64(n - turn), right: uint64(turn), keep: ^uint64(0)}
	}
	low := n - 1 - exp
	return mixture{right: uint64(n), down: uint64(exp), up: 1,
		keep: repeated(1<<low-1, w), low: repeated(1<<low, w), high: repeated((1<<exp-1)<<(low+1), w)}
}

// restoring turns words to the left and then moves the exponent down again.
func restoring(w, exp, turn int) mixture {
	n := 8 * w
	m := mixture{left: uint64(turn), right: uint64(n - turn), keep: ^uint64(0)}
	if exp != 0 {
		low := n - 1 - exp
		m.keep = repeated(1<<low-1, w)
		m.down, m.low = 1, repeated((1<<exp-1)<<low, w)
		m.up, m.high = uint64(exp), repeated(1<<(n-1), w)
	}
	return m
}

// mix applies m to words of w bytes. dst may be src.
func mix(dst, src []byte, w int, m *mixture) {
	i := mixFast(dst, src, w, m)
	mask := wordMask(w)
	for dst, src = dst[i:], src[i:]; len(src) >= w; dst, src = dst[w:], src[w:] {
		x := getWord(src, w)
		x = x<<m.left&mask | x>>m.right
		putWord(dst, w, x&m.keep|x>>m.down&m.low|x<<m.up&m.high)
	}
}

// chooseTurn returns by how many bits words are best turned: so that a plane
// holds their eight highest bits in use.
func chooseTurn(b []byte, w int) int {
	if w != 2 && w != 4 && w != 8 {
		return 0
	}
	n := len(b) / w
	step := max(1, n/1024)
	var count [65]int
	seen := 0
	for i := 0; i < n; i += step {
		count[bits.Len64(getWord(b[i*w:], w))]++
		seen++
	}
	// Nearly all words fit this many bits.
	fit, left := 8*w, seen/64
	for fit > 0 && count[fit] <= left {
		left -= count[fit]
		fit--
	}
	if fit <= 8 || fit > 8*w-4 {
		return 0
	}
	return (fit - 8) % 8
}
