package term

import "image"

// A Protocol is a way to tell a terminal a picture.
type Protocol string

// The protocols.
const (
	None    Protocol = ""        // the terminal shows no pictures
	Half    Protocol = "half"    // half blocks in colours of 24 bits
	Half256 Protocol = "half256" // half blocks in the 256 colours of xterm
	Sixel   Protocol = "sixel"
	Kitty   Protocol = "kitty"
)

// Append appends what shows m by a protocol, lines and all.
func (p Protocol) Append(b []byte, m *image.RGBA) []byte {
	switch p {
	case Half, Half256:
		return appendHalf(b, m, p == Half256)
	case Sixel:
		return append(appendSixel(b, m), '\n')
	case Kitty:
		return append(appendKitty(b, m), '\n')
	}
	return b
}

// Room is how large a picture may be in pixels on columns by rows characters, and
// how many times as high as wide a pixel is.
func (p Protocol) Room(s Size, columns, rows int) (width, height int, aspect float64) {
	cw, ch := s.CellWidth, s.CellHeight
	if cw <= 0 || ch <= 0 { // it does not tell
		cw, ch = 10, 20
	}
	if p == Sixel || p == Kitty {
		return columns * cw, rows * ch, 1
	}
	return columns, 2 * rows, float64(ch) / 2 / float64(cw)
}

// Fit is the largest size with the proportions of a picture of w by h that fits
// into maxW by maxH pixels, each aspect times as high as wide. No pixel is made up:
// it is at most w wide.
func Fit(w, h, maxW, maxH int, aspect float64) (int, int) {
	width := min(float64(w), float64(maxW))
	height := width * float64(h) / float64(w) / aspect
	if most := float64(min(maxH, h)); height > most {
		width *= most / height
		height = most
	}
	return max(int(width+0.5), 1), max(int(height+0.5), 1)
}

// Enlarge makes each pixel of m one of n by n.
func Enlarge(m *image.RGBA, n int) *image.RGBA {
	if n <= 1 {
		return m
	}
	w, h := m.Rect.Dx(), m.Rect.Dy()
	out := image.NewRGBA(image.Rect(0, 0, w*n, h*n))
	for y := range h * n {
		for x := range w * n {
			copy(out.Pix[out.PixOffset(x, y):][:4], m.Pix[m.PixOffset(m.Rect.Min.X+x/n, m.Rect.Min.Y+y/n):])
		}
	}
	return out
}

type rgb struct{ r, g, b uint8 }

// at is a pixel from the corner of m.
func at(m *image.RGBA, x, y int) rgb {
	p := m.Pix[m.PixOffset(m.Rect.Min.X+x, m.Rect.Min.Y+y):]
	return rgb{p[0], p[1], p[2]}
}
