package codec

import "github.com/tensorfile/tensorfile/tensor"

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

type signed interface{ ~int8 | ~int16 | ~int32 }
type unsigned interface{ ~uint8 | ~uint16 | ~uint32 }

// paethEncode replaces n rows of m columns by their differences.
func paethEncode(b []byte, w, row, col, n, m int, sign bool) {
	// From behind, so that the neighbours are still what they were.
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			for k := col - w; k >= 0; k -= w {
				at := i*row + j*col + k
				p := paethOf(b, w, at, row, col, i > 0, j > 0, sign)
				put(b, w, at, get(b, w, at)-p)
			}
		}
	}
}

func paethDecode(b []byte, w, row, col, n, m int, sign bool) {
	for i := range n {
		for j := range m {
			for k := 0; k < col; k += w {
				at := i*row + j*col + k
				p := paethOf(b, w, at, row, col, i > 0, j > 0, sign)
				put(b, w, at, get(b, w, at)+p)
			}
		}
	}
}

func get(b []byte, w, at int) uint32 {
	switch w {
	case 1:
		return uint32(b[at])
	case 2:
		return uint32(le.Uint16(b[at:]))
	}
	return le.Uint32(b[at:])
}

func put(b []byte, w, at int, v uint32) {
	switch w {
	case 1:
		b[at] = byte(v)
	case 2:
		le.PutUint16(b[at:], uint16(v))
	default:
		le.PutUint32(b[at:], v)
	}
}

func paethOf(b []byte, w, at, row, col int, up, left, sign bool) uint32 {
	value := func(at int) int64 {
		v := get(b, w, at)
		switch {
		case !sign:
			return int64(v)
		case w == 1:
			return int64(int8(v))
		case w == 2:
			return int64(int16(v))
		}
		return int64(int32(v))
	}
	var a, u, c int64
	if left {
		a = value(at - col)
	}
	if up {
		u = value(at - row)
	}
	if left && up {
		c = value(at - row - col)
	}
	return uint32(paeth(a, u, c))
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
