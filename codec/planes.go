package codec

import (
	"bytes"
	"fmt"
	"math"
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

// planeHead is the entry of a plane but for its length.
type planeHead struct {
	method, constant byte
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
	n := len(plane)
	if bytes.Equal(plane[1:], plane[:n-1]) {
		return dst, planeHead{method: planeConstant, constant: plane[0]}
	}
	if looksRaw(plane) {
		return append(dst, plane...), planeHead{method: planeRaw}
	}
	e := &sc.enc
	e.histogram(plane)
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
	var constants []byte // the latest plane of them, which others may share
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
			if len(constants) > 0 && constants[0] == constant {
				view = constants
			} else {
				fill(view, constant)
				constants = view
			}
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

// turnSample is how many words of a chunk are looked at to choose a turn.
const turnSample = 1024

// chooseTurn returns by how many bits words are best turned: so that what
// varies fills whole planes, at the top of which stand the highest bits in use.
// Without a turn more planes are raw, which is faster; so another one must save
// half a percent.
func chooseTurn(b []byte, w int) int {
	if w != 2 && w != 4 && w != 8 {
		return 0
	}
	n := len(b) / w
	if n < 64 {
		return 0
	}
	var words [turnSample]uint64
	seen := 0
	var count [65]int
	for i := range min(n, turnSample) {
		x := getWord(b[i*n/min(n, turnSample)*w:], w)
		words[i] = x
		count[bits.Len64(x)]++
		seen++
	}
	// Nearly all words fit this many bits.
	fit, left := 8*w, seen/64
	for fit > 0 && count[fit] <= left {
		left -= count[fit]
		fit--
	}
	if fit <= 8 || fit > 8*w-2 {
		return 0
	}
	used := 8 * w
	for count[used] == 0 {
		used--
	}
	best, bestCost := 0, planesCost(words[:seen], w, 0, used)*0.995
	for turn := max(1, (fit-8)%8-1); turn < 8; turn++ {
		cost := planesCost(words[:seen], w, turn, used)
		if turn > huffLog/2 {
			cost *= 1.003 // two codes of so many bits are not looked up at once
		}
		if cost < bestCost {
			best, bestCost = turn, cost
		}
	}
	return best
}

// planesCost estimates the bits of words in used bits, turned, from the entropy
// of their planes.
func planesCost(words []uint64, w, turn, used int) float64 {
	total := 0.0
	for k := range w {
		if k < w-1 && 8*k+turn >= used {
			continue // nothing but zeros
		}
		var count [256]uint32
		if 8*k+8+turn <= 8*w {
			for _, x := range words {
				count[byte(x>>(8*k+turn))]++
			}
		} else {
			for _, x := range words {
				count[byte(x>>(8*k+turn)|x<<(8*w-8*k-turn))]++
			}
		}
		total += huffCost(&count, len(words))
	}
	return total
}

// huffCost estimates from a sample of n bytes how many bits their codes take.
// Codes of many bytes come near the entropy; those of few are made. Where nearly
// all bytes are the same a code wastes most of its bit, and matches are coded
// instead, at about 24 bits for each byte that differs.
func huffCost(count *[256]uint32, n int) float64 {
	cost := entropy(count, n)
	var leaf, inner [40]uint32
	// A byte that the sample has missed, if only that of the first word, may
	// spoil codes that would all be equally long.
	leaf[0] = 1
	kinds, most := 1, uint32(0)
	for _, c := range count {
		if c == 0 {
			continue
		}
		if kinds == len(leaf)-1 {
			return cost
		}
		at := kinds
		for ; at > 0 && leaf[at-1] > c; at-- {
			leaf[at] = leaf[at-1]
		}
		leaf[at] = c
		kinds++
		most = max(most, c)
	}
	// The weights of all inner nodes together are the length of the codes.
	codes := uint32(0)
	for i, l, next := 0, 0, 0; next < kinds-1; next++ {
		for range 2 {
			if i >= next || l < kinds && leaf[l] <= inner[i] {
				inner[next] += leaf[l]
				l++
			} else {
				inner[next] += inner[i]
				i++
			}
		}
		codes += inner[next]
	}
	return min(max(cost, float64(codes)), cost+24*float64(uint32(n)-most))
}

// entropy estimates from a sample of n bytes, at most turnSample, how many bits
// they take.
func entropy(count *[256]uint32, n int) float64 {
	sum, kinds := nLogN[n], 0
	for _, c := range count {
		if c > 0 {
			sum -= nLogN[c]
			kinds++
		}
	}
	// A sample has less entropy than what it is from (Miller and Madow).
	return min(sum+0.7213*float64(kinds-1), 8*float64(n))
}

// nLogN holds n times its binary logarithm.
var nLogN = func() (t [max(turnSample, rawSample) + 1]float64) {
	for n := 2; n < len(t); n++ {
		t[n] = float64(n) * math.Log2(float64(n))
	}
	return t
}()

// rawSample is how many bytes of a plane are looked at before all are counted.
const rawSample = 4096

// looksRaw reports whether a sample of a plane says that coding cannot save
// anything worth while.
func looksRaw(plane []byte) bool {
	if len(plane) < 4*rawSample {
		return false
	}
	var part [4][256]uint32 // a counter that was just written is slow to read
	const piece = 64
	step := (len(plane) - piece) / (rawSample/piece - 1)
	for at := 0; at+piece <= len(plane) && at/step < rawSample/piece; at += step {
		for p := plane[at : at+piece]; len(p) >= 4; p = p[4:] {
			part[0][p[0]]++
			part[1][p[1]]++
			part[2][p[2]]++
			part[3][p[3]]++
		}
	}
	n := 0
	count := &part[0]
	for i := range count {
		count[i] += part[1][i] + part[2][i] + part[3][i]
		n += int(count[i])
	}
	return entropy(count, n) > 7.93*float64(n)
}
