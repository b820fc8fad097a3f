package term

import (
	"image"
	"strconv"
)

// appendHalf shows two pixels, one above the other, in each character: the upper
// half block in the colour of the upper one, on the colour of the lower one.
func appendHalf(b []byte, m *image.RGBA, few bool) []byte {
	const none = -1
	w, h := m.Rect.Dx(), m.Rect.Dy()
	colour := func(b []byte, layer int, c rgb) []byte { // layer: 3 in front, 4 behind
		b = strconv.AppendInt(append(b, "\x1b["...), int64(layer), 10)
		if few {
			b = strconv.AppendInt(append(b, "8;5;"...), int64(nearest256(c)), 10)
			return append(b, 'm')
		}
		b = append(b, "8;2;"...)
		for i, x := range [3]uint8{c.r, c.g, c.b} {
			if i > 0 {
				b = append(b, ';')
			}
			b = strconv.AppendInt(b, int64(x), 10)
		}
		return append(b, 'm')
	}
	key := func(c rgb) int {
		if few {
			return nearest256(c)
		}
		return int(c.r)<<16 | int(c.g)<<8 | int(c.b)
	}
	for y := 0; y < h; y += 2 {
		front, back := none, none
		for x := range w {
			top := at(m, x, y)
			if k := key(top); k != front {
				b, front = colour(b, 3, top), k
			}
			if y+1 < h {
				low := at(m, x, y+1)
				if k := key(low); k != back {
					b, back = colour(b, 4, low), k
				}
			}
			b = append(b, "▀"...)
		}
		b = append(b, "\x1b[0m\n"...)
	}
	return b
}

// cube are the levels of red, green and blue in the 6 by 6 by 6 colours from 16 on
// of xterm; 24 greys from 8 to 238 follow.
var cube = [6]uint8{0, 95, 135, 175, 215, 255}

// nearest256 is the colour from 16 on of the 256 of xterm that is nearest to c.
func nearest256(c rgb) int {
	level := func(x uint8) int {
		best := 0
		for i, l := range cube {
			if gap(x, l) < gap(x, cube[best]) {
				best = i
			}
		}
		return best
	}
	r, g, b := level(c.r), level(c.g), level(c.b)
	in := distance(c, rgb{cube[r], cube[g], cube[b]})
	mean := (int(c.r) + int(c.g) + int(c.b)) / 3
	grey := min(max((mean-3)/10, 0), 23)
	l := uint8(8 + 10*grey)
	if distance(c, rgb{l, l, l}) < in {
		return 232 + grey
	}
	return 16 + 36*r + 6*g + b
}

func gap(a, b uint8) int {
	if a > b {
		return int(a - b)
	}
	return int(b - a)
}

// distance is the square of that of two colours.
func distance(a, b rgb) int {
	r, g, bl := gap(a.r, b.r), gap(a.g, b.g), gap(a.b, b.b)
	return r*r + g*g + bl*bl
}
