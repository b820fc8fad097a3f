package webp

import (
	"context"
	"fmt"
	"image"

	"golang.org/x/image/webp"

	"github.com/tensorfile/tensorfile/convert/internal/picture"
	"github.com/tensorfile/tensorfile/tensor"
)

// decode fills dst with the elements.
func (f *file) decode(ctx context.Context, dst []byte) error {
	return picture.Borrowed("webp", f.in.Path(), f.at, func() error {
		m, err := webp.Decode(picture.NewReader(ctx, f.in, 0))
		if err != nil {
			return err
		}
		if b := m.Bounds(); b != image.Rect(0, 0, int(f.width), int(f.height)) {
			return bad(tensor.ErrCorrupt, f.at+8, "sides", b.Size().String(), fmt.Sprintf("%dx%d, as the picture's head says", f.width, f.height))
		}
		return f.place(dst, m)
	})
}

// place puts the pixels of a decoded picture to dst.
func (f *file) place(dst []byte, m image.Image) error {
	w := int(f.width)
	switch m := m.(type) {
	case *image.NRGBA:
		for y := range int(f.height) {
			src := m.Pix[y*m.Stride:]
			if f.alpha {
				copy(dst[4*y*w:4*(y+1)*w], src)
				continue
			}
			row := dst[3*y*w : 3*(y+1)*w]
			for x := 0; x < len(row); x += 3 {
				copy(row[x:x+3], src[:3])
				src = src[4:]
			}
		}
	case *image.YCbCr:
		colours(dst, m, 3)
	case *image.NYCbCrA:
		colours(dst, &m.YCbCr, 4)
		for y := range int(f.height) {
			for x, a := range m.A[y*m.AStride : y*m.AStride+w] {
				dst[4*(y*w+x)+3] = a
			}
		}
	default:
		return bad(tensor.ErrUnsupported, f.at, "colour model", fmt.Sprintf("%T", m), "RGBA or YCbCr")
	}
	return nil
}

// Colours are those of libwebp: luma 16 to 235 and chroma 16 to 240 by the
// numbers of BT.601 in 14 fractional bits. Chroma is that of the nearest sample
// and its three neighbours by 9, 3, 3 and 1 sixteenths, rounded in two steps.

// colours writes the pixels of m to dst, step bytes apart.
func colours(dst []byte, m *image.YCbCr, step int) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	cw, ch := (w+1)/2, (h+1)/2
	u, v := make([]byte, w), make([]byte, w)
	for y := range h {
		near := y / 2
		next := min(max(near-1+y%2*2, 0), ch-1)
		row := func(plane []byte, i int) []byte { return plane[i*m.CStride : i*m.CStride+cw] }
		widen(u, row(m.Cb, near), row(m.Cb, next))
		widen(v, row(m.Cr, near), row(m.Cr, next))
		out := dst[y*w*step : (y+1)*w*step]
		for x, l := range m.Y[y*m.YStride : y*m.YStride+w] {
			rgb(out[x*step:x*step+3], l, u[x], v[x])
		}
	}
}

// widen gives a row of pixels the chroma of the nearest row of samples and the one
// next to it.
func widen(out, near, next []byte) {
	// The first and the last pixel have no neighbour in the row.
	edge := func(i int) byte { return byte((3*int(near[i]) + int(next[i]) + 2) >> 2) }
	out[0] = edge(0)
	if len(out)%2 == 0 {
		out[len(out)-1] = edge(len(near) - 1)
	}
	for i := 1; i < len(near); i++ {
		a, b, c, d := int(near[i-1]), int(near[i]), int(next[i-1]), int(next[i])
		sum := a + b + c + d + 8
		out[2*i-1] = byte(((sum+2*(b+c))>>3 + a) >> 1)
		if 2*i < len(out) {
			out[2*i] = byte(((sum+2*(a+d))>>3 + b) >> 1)
		}
	}
}

func rgb(p []byte, l, u, v byte) {
	y := int(l) * 19077 >> 8
	p[0] = clip(y + int(v)*26149>>8 - 14234)
	p[1] = clip(y - int(u)*6419>>8 - int(v)*13320>>8 + 8708)
	p[2] = clip(y + int(u)*33050>>8 - 17685)
}

// clip drops the six bits behind the point.
func clip(x int) byte {
	switch {
	case x < 0:
		return 0
	case x >= 256<<6:
		return 255
	}
	return byte(x >> 6)
}
