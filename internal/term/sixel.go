package term

import (
	"cmp"
	"image"
	"slices"
	"strconv"
)

// appendSixel shows m as sixels, in at most 256 colours: those of the picture if
// it has no more, else those that a median cut finds (DEC STD 070, "Sixel Graphics
// Extension"). A level of a colour is a hundredth there.
func appendSixel(b []byte, m *image.RGBA) []byte {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	palette, of := colours(m, 256)
	number := func(n int) { b = strconv.AppendInt(b, int64(n), 10) }
	b = append(b, "\x1bP0;1;0q\"1;1;"...)
	number(w)
	b = append(b, ';')
	number(h)
	for i, c := range palette {
		b = append(b, '#')
		number(i)
		b = append(b, ";2"...)
		for _, x := range [3]uint8{c.r, c.g, c.b} {
			b = append(b, ';')
			number((int(x)*100 + 127) / 255)
		}
	}
	bands := make([][]byte, len(palette)) // six pixels of a column in a byte
	last := make([]int, len(palette))     // where the last band with a colour ends
	for y := 0; y < h; y += 6 {
		var used []int
		for dy := range min(6, h-y) {
			for x := range w {
				i := of[at(m, x, y+dy)]
				if bands[i] == nil {
					bands[i] = make([]byte, w)
				}
				if last[i] != y+6 {
					last[i], used = y+6, append(used, i)
					clear(bands[i])
				}
				bands[i][x] |= 1 << dy
			}
		}
		slices.Sort(used)
		for k, i := range used {
			if k > 0 {
				b = append(b, '$')
			}
			b = append(b, '#')
			number(i)
			b = appendRuns(b, bands[i])
		}
		if y+6 < h {
			b = append(b, '-')
		}
	}
	return append(b, "\x1b\\"...)
}

// appendRuns appends columns of six pixels, "!N" in front of one that repeats.
func appendRuns(b, columns []byte) []byte {
	for len(columns) > 0 && columns[len(columns)-1] == 0 {
		columns = columns[:len(columns)-1]
	}
	for len(columns) > 0 {
		n := 1
		for n < len(columns) && columns[n] == columns[0] {
			n++
		}
		c := '?' + columns[0]
		if n > 3 {
			b = strconv.AppendInt(append(b, '!'), int64(n), 10)
			b = append(b, c)
		} else {
			for range n {
				b = append(b, c)
			}
		}
		columns = columns[n:]
	}
	return b
}

// colours chooses at most n colours for m, and says which stands for each that it
// has.
func colours(m *image.RGBA, n int) (palette []rgb, of map[rgb]int) {
	count := map[rgb]int{}
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			count[at(m, x, y)]++
		}
	}
	all := make([]rgb, 0, len(count))
	for c := range count {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b rgb) int {
		return cmp.Or(cmp.Compare(a.r, b.r), cmp.Compare(a.g, b.g), cmp.Compare(a.b, b.b))
	})
	boxes := [][]rgb{all}
	if len(all) <= n {
		boxes = boxes[:0]
		for i := range all {
			boxes = append(boxes, all[i:i+1])
		}
	}
	for len(all) > n && len(boxes) < n {
		// The box to cut: that in which the most pixels lie farthest apart.
		best, most := -1, 0
		for i, box := range boxes {
			_, extent := longest(box)
			pixels := 0
			for _, c := range box {
				pixels += count[c]
			}
			if weight := extent * pixels; len(box) > 1 && weight > most {
				best, most = i, weight
			}
		}
		if best < 0 {
			break
		}
		a, b := halves(boxes[best], count)
		boxes[best] = a
		boxes = append(boxes, b)
	}
	of = make(map[rgb]int, len(all))
	for i, box := range boxes {
		var r, g, b, pixels int
		for _, c := range box {
			k := count[c]
			r, g, b, pixels = r+k*int(c.r), g+k*int(c.g), b+k*int(c.b), pixels+k
			of[c] = i
		}
		palette = append(palette, rgb{uint8((r + pixels/2) / pixels), uint8((g + pixels/2) / pixels), uint8((b + pixels/2) / pixels)})
	}
	return palette, of
}

// level is red, green or blue of a colour.
func (c rgb) level(i int) uint8 { return [3]uint8{c.r, c.g, c.b}[i] }

// longest is the channel in which the colours of a box differ most, and by how
// much.
func longest(box []rgb) (channel, extent int) {
	for i := range 3 {
		lo, hi := uint8(255), uint8(0)
		for _, c := range box {
			lo, hi = min(lo, c.level(i)), max(hi, c.level(i))
		}
		if d := int(hi) - int(lo); d > extent {
			channel, extent = i, d
		}
	}
	return channel, extent
}

// halves cuts a box of several colours where half of its pixels are.
func halves(box []rgb, count map[rgb]int) (a, b []rgb) {
	channel, _ := longest(box)
	slices.SortStableFunc(box, func(a, b rgb) int { return cmp.Compare(a.level(channel), b.level(channel)) })
	total := 0
	for _, c := range box {
		total += count[c]
	}
	at, sum := 0, 0
	for at < len(box)-1 && (at == 0 || sum+count[box[at]] <= total/2) {
		sum += count[box[at]]
		at++
	}
	return box[:at:at], box[at:]
}
