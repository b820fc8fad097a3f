package gif

import (
	"cmp"
	"math/bits"
	"slices"
)

// palette is the colour table of a picture that is written.
type palette struct {
	channels int
	table    [][3]byte
	clear    int            // the index of what is transparent; negative: nothing may be
	exact    map[uint32]int // the index of a colour; nil: by cell
	cells    []uint8        // the index of a cell of colours
}

// newPalette finds the table of samples of so many channels.
func newPalette(samples []byte, channels int) *palette {
	p := &palette{channels: channels, clear: -1}
	most := 256
	alpha := channels == 2 || channels == 4
	if alpha {
		most--
	}
	if channels == 1 {
		for i := range 256 {
			p.table = append(p.table, [3]byte{byte(i), byte(i), byte(i)})
		}
		return p
	}
	p.exact = map[uint32]int{}
	last := ^uint32(0)
	for at := 0; at < len(samples) && len(p.exact) <= most; at += channels {
		c, ok := p.colour(samples[at : at+channels])
		if ok && c != last {
			p.exact[c] = 0
			last = c
		}
	}
	if len(p.exact) > most {
		p.exact = nil
		p.cut(samples, most)
	} else {
		colours := make([]uint32, 0, len(p.exact))
		for c := range p.exact {
			colours = append(colours, c)
		}
		slices.Sort(colours)
		for i, c := range colours {
			p.exact[c] = i
			p.table = append(p.table, [3]byte{byte(c >> 16), byte(c >> 8), byte(c)})
		}
	}
	if alpha {
		p.clear = len(p.table)
		p.table = append(p.table, [3]byte{})
	}
	return p
}

// colour is that of a pixel, and whether it can be seen.
func (p *palette) colour(s []byte) (c uint32, ok bool) {
	if p.channels < 3 {
		return uint32(s[0]) * 0x010101, p.channels == 1 || s[1] >= 128
	}
	return uint32(s[0])<<16 | uint32(s[1])<<8 | uint32(s[2]), p.channels == 3 || s[3] >= 128
}

// cell is that of a colour: the upper five bits of each channel.
func cell(c uint32) int { return int(c>>19&31<<10 | c>>11&31<<5 | c>>3&31) }

// count is the pixels of a cell.
type count struct {
	cell int
	n    int
	sum  [3]int
}

// box is some of the cells.
type box struct {
	cells  []count
	n      int
	axis   uint // the longest side, as a shift
	weight int  // pixels times its length
}

func newBox(cells []count) box {
	b := box{cells: cells}
	for _, c := range cells {
		b.n += c.n
	}
	longest := 0
	for _, axis := range []uint{10, 5, 0} {
		lo, hi := 31, 0
		for _, c := range cells {
			v := c.cell >> axis & 31
			lo, hi = min(lo, v), max(hi, v)
		}
		if hi-lo > longest {
			longest, b.axis = hi-lo, axis
		}
	}
	b.weight = b.n * longest
	return b
}

// cut makes a table of at most so many colours by cutting boxes at their medians.
func (p *palette) cut(samples []byte, most int) {
	all := make([]count, 1<<15)
	for at := 0; at < len(samples); at += p.channels {
		c, ok := p.colour(samples[at : at+p.channels])
		if !ok {
			continue
		}
		k := &all[cell(c)]
		k.n++
		k.sum[0] += int(c >> 16)
		k.sum[1] += int(c >> 8 & 255)
		k.sum[2] += int(c & 255)
	}
	cells := make([]count, 0, 4096)
	for i, c := range all {
		if c.n > 0 {
			c.cell = i
			cells = append(cells, c)
		}
	}
	boxes := []box{newBox(cells)}
	for len(boxes) < most {
		at := 0
		for i, b := range boxes {
			if b.weight > boxes[at].weight {
				at = i
			}
		}
		b := boxes[at]
		if b.weight == 0 {
			break // every cell is a box
		}
		slices.SortStableFunc(b.cells, func(x, y count) int { return cmp.Compare(x.cell>>b.axis&31, y.cell>>b.axis&31) })
		side := func(i int) int { return b.cells[i].cell >> b.axis & 31 }
		middle, n := 1, b.cells[0].n
		for middle < len(b.cells)-1 && 2*n < b.n {
			n += b.cells[middle].n
			middle++
		}
		// Cells of one level stay together.
		up, down := middle, middle
		for up < len(b.cells) && side(up) == side(up-1) {
			up++
		}
		for down > 0 && side(down) == side(down-1) {
			down--
		}
		if middle = up; up == len(b.cells) {
			middle = down
		}
		boxes[at] = newBox(b.cells[:middle])
		boxes = append(boxes, newBox(b.cells[middle:]))
	}
	p.cells = make([]uint8, 1<<15)
	for i, b := range boxes {
		var sum [3]int
		for _, c := range b.cells {
			p.cells[c.cell] = uint8(i)
			for j := range sum {
				sum[j] += c.sum[j]
			}
		}
		var mean [3]byte
		for j := range sum {
			mean[j] = byte((sum[j] + b.n/2) / b.n)
		}
		p.table = append(p.table, mean)
	}
}

// index finds the indices of pixels.
func (p *palette) index(dst, samples []byte) {
	if p.channels == 1 {
		copy(dst, samples)
		return
	}
	last, at := ^uint32(0), 0
	for i := range dst {
		c, ok := p.colour(samples[i*p.channels : (i+1)*p.channels])
		switch {
		case !ok:
			dst[i] = byte(p.clear)
			continue
		case c == last:
		case p.exact != nil:
			last, at = c, p.exact[c]
		default:
			last, at = c, int(p.cells[cell(c)])
		}
		dst[i] = byte(at)
	}
}

// bits is that of an index.
func (p *palette) bits() int { return max(1, bits.Len(uint(len(p.table)-1))) }

func (p *palette) appendTable(b []byte) []byte {
	for i := range 1 << p.bits() {
		var c [3]byte
		if i < len(p.table) {
			c = p.table[i]
		}
		b = append(b, c[:]...)
	}
	return b
}

func (p *palette) transparent() byte { return byte(max(p.clear, 0)) }

func (p *palette) equal(q *palette) bool { return slices.Equal(p.table, q.table) }
