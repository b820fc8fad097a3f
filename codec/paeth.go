package codec

import (
	"github.com/tensorfile/tensorfile/internal/kernel"
	"github.com/tensorfile/tensorfile/tensor"
)

// eachPair calls fn for each plane of the two axes of paeth: it begins at byte
// at, has n steps of row bytes along the first axis and m of col bytes along
// the second, and at each of them as many neighbouring words as fill col.
//
// The axes between the two and before the first are walked here; those behind
// the second are the words of one step.
func (s *stage) eachPair(b Box, w int, fn func(at, row, col, n, m int)) {
	row, turn := layout(b, w, s.axes[0])
	col, inner := layout(b, w, s.axes[1])
	n, m := int(b.Shape[s.axes[0]]), int(b.Shape[s.axes[1]])
	total := w
	if b.DType.Class == tensor.ClassComplex {
		total *= 2
	}
	for _, extent := range b.Shape {
		total *= int(extent)
	}
	for at := 0; at < total; at += turn {
		for between := at; between < at+row; between += inner {
			fn(between, row, col, n, m)
		}
	}
}

// paethEncode replaces n rows of m columns by their differences: from behind, so
// that the neighbours are still what they were.
func paethEncode(b []byte, w, row, col, n, m int, sign bool) {
	for i := n - 1; i > 0; i-- {
		this, up := b[i*row:i*row+m*col], b[(i-1)*row:(i-1)*row+m*col]
		paethForward(this, up, w, col, sign)
		subtract(this[:col], up[:col], w)
	}
	kernel.DeltaBy(b[:m*col], b[:m*col], w, col/w)
}

// paethDecode undoes paethEncode. In the first row a word has a neighbour on
// the left only, in the first column above only.
func paethDecode(b []byte, w, row, col, n, m int, sign bool) {
	kernel.UndeltaBy(b[:m*col], b[:m*col], w, col/w)
	for i := 1; i < n; i++ {
		this, up := b[i*row:i*row+m*col], b[(i-1)*row:(i-1)*row+m*col]
		add(this[:col], up[:col], w)
		paethBackward(this, up, w, col, sign)
	}
}

func subtract(b, up []byte, w int) {
	for i := 0; i < len(b); i += w {
		putWord(b[i:], w, getWord(b[i:], w)-getWord(up[i:], w))
	}
}

func add(b, up []byte, w int) {
	for i := 0; i < len(b); i += w {
		putWord(b[i:], w, getWord(b[i:], w)+getWord(up[i:], w))
	}
}

// signBit is what turns numbers in two's complement into unsigned ones of the
// same order, so that the loops need not tell them apart.
func signBit(w int, sign bool) int64 {
	if !sign {
		return 0
	}
	return 1 << (8*w - 1)
}

func paethForward(this, up []byte, w, col int, sign bool) {
	flip := signBit(w, sign)
	if w == 1 {
		up = up[:len(this)]
		for i := len(this) - 1; i >= col; i-- {
			a, b, c := int64(this[i-col]), int64(up[i]), int64(up[i-col])
			this[i] -= byte(paeth(a^flip, b^flip, c^flip) ^ flip)
		}
		return
	}
	for i := len(this) - w; i >= col; i -= w {
		a, b, c := int64(getWord(this[i-col:], w)), int64(getWord(up[i:], w)), int64(getWord(up[i-col:], w))
		p := paeth(a^flip, b^flip, c^flip) ^ flip
		putWord(this[i:], w, getWord(this[i:], w)-uint64(p))
	}
}

func paethBackward(this, up []byte, w, col int, sign bool) {
	flip := signBit(w, sign)
	switch w {
	case 1:
		up = up[:len(this)]
		f := int(flip)
		for i := col; i < len(this); i++ {
			a, b, c := int(this[i-col])^f, int(up[i])^f, int(up[i-col])^f
			pa, pb := b-c, a-c
			pc := pa + pb
			pa, pb, pc = max(pa, -pa), max(pb, -pb), max(pc, -pc)
			p := a
			if pb < pa {
				p, pa = b, pb
			}
			if pc < pa {
				p = c
			}
			this[i] += byte(p ^ f)
		}
	case 2:
		for i := col; i < len(this); i += 2 {
			a, b, c := int64(le.Uint16(this[i-col:])), int64(le.Uint16(up[i:])), int64(le.Uint16(up[i-col:]))
			le.PutUint16(this[i:], le.Uint16(this[i:])+uint16(paeth(a^flip, b^flip, c^flip)^flip))
		}
	default:
		for i := col; i < len(this); i += 4 {
			a, b, c := int64(le.Uint32(this[i-col:])), int64(le.Uint32(up[i:])), int64(le.Uint32(up[i-col:]))
			le.PutUint32(this[i:], le.Uint32(this[i:])+uint32(paeth(a^flip, b^flip, c^flip)^flip))
		}
	}
}

// paeth returns whichever of a, b, c is nearest to a + b - c, in this order.
func paeth(a, b, c int64) int64 {
	pa, pb := b-c, a-c
	pc := pa + pb
	pa, pb, pc = max(pa, -pa), max(pb, -pb), max(pc, -pc)
	if pa <= pb && pa <= pc {
		return a
	}
	if pb <= pc {
		return b
	}
	return c
}
