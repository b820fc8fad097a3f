package jpeg

import (
	"fmt"
	"image"

	"github.com/tensorfile/tensorfile/tensor"
)

// Chroma of fewer samples than luma is interpolated as libjpeg does it ("fancy
// upsampling"): along an axis of half as many samples each new one is 3/4 of the
// nearest and 1/4 of the next. Other ratios repeat samples, as do rows of one or
// two samples where both axes or the rows alone are halved.

// ratio is how many pixels a sample of chroma stands for each way.
func ratio(r image.YCbCrSubsampleRatio) (x, y int, ok bool) {
	switch r {
	case image.YCbCrSubsampleRatio444:
		return 1, 1, true
	case image.YCbCrSubsampleRatio422:
		return 2, 1, true
	case image.YCbCrSubsampleRatio420:
		return 2, 2, true
	case image.YCbCrSubsampleRatio440:
		return 1, 2, true
	case image.YCbCrSubsampleRatio411:
		return 4, 1, true
	case image.YCbCrSubsampleRatio410:
		return 4, 2, true
	}
	return 0, 0, false
}

// colours writes the pixels of m to dst as RGB.
func colours(dst []byte, m *image.YCbCr) error {
	sx, sy, ok := ratio(m.SubsampleRatio)
	if !ok {
		return bad(tensor.ErrUnsupported, -1, "sampling", m.SubsampleRatio.String(), "4:4:4, 4:4:0, 4:2:2, 4:2:0, 4:1:1 or 4:1:0")
	}
	w, h := m.Rect.Dx(), m.Rect.Dy()
	c := chroma{x: sx, y: sy, width: (w + sx - 1) / sx, height: (h + sy - 1) / sy, stride: m.CStride}
	cb, cr := c.rows(m.Cb, w), c.rows(m.Cr, w)
	for y := range h {
		b, err := cb(y)
		if err != nil {
			return err
		}
		r, err := cr(y)
		if err != nil {
			return err
		}
		rgb(dst[3*y*w:3*(y+1)*w], m.Y[y*m.YStride:y*m.YStride+w], b, r)
	}
	return nil
}

// chroma is how a plane lies.
type chroma struct {
	x, y          int // pixels of a sample
	width, height int // samples
	stride        int
}

// rows gives the rows of a plane with as many samples as there are pixels.
func (c chroma) rows(plane []byte, width int) func(y int) ([]byte, error) {
	row := func(i int) []byte { return plane[i*c.stride : i*c.stride+c.width] }
	if need := (c.height-1)*c.stride + c.width; len(plane) < need {
		return func(int) ([]byte, error) {
			return nil, bad(tensor.ErrCorrupt, -1, "chroma", fmt.Sprintf("%d samples", len(plane)), fmt.Sprint(need))
		}
	}
	if c.x == 1 && c.y == 1 {
		return func(y int) ([]byte, error) { return row(y), nil }
	}
	out := make([]byte, c.width*c.x)
	sums := make([]int32, c.width)
	return func(y int) ([]byte, error) {
		near := row(y / c.y)
		// The row next to it on the side that y is on.
		next := near
		if c.y == 2 {
			i := y/2 - 1 + y%2*2
			next = row(min(max(i, 0), c.height-1))
		}
		switch {
		case c.x == 1: // h1v2
			bias := int32(1 + y%2)
			for i, a := range near {
				out[i] = byte((3*int32(a) + int32(next[i]) + bias) >> 2)
			}
		case c.x == 2 && c.width > 2 && c.y == 1:
			widen(out, near)
		case c.x == 2 && c.width > 2:
			for i, a := range near {
				sums[i] = 3*int32(a) + int32(next[i])
			}
			widenSums(out, sums)
		default:
			for i, a := range near {
				for j := range c.x {
					out[i*c.x+j] = a
				}
			}
		}
		return out[:width], nil
	}
}

// widen doubles the samples of a row.
func widen(out, in []byte) {
	n := len(in)
	out[0], out[2*n-1] = in[0], in[n-1]
	for i := 1; i < n; i++ {
		a, b := int32(in[i-1]), int32(in[i])
		out[2*i-1] = byte((3*a + b + 2) >> 2)
		out[2*i] = byte((3*b + a + 1) >> 2)
	}
}

// widenSums is widen for rows of sums that are four times too large.
func widenSums(out []byte, in []int32) {
	n := len(in)
	out[0], out[2*n-1] = byte((4*in[0]+8)>>4), byte((4*in[n-1]+7)>>4)
	for i := 1; i < n; i++ {
		a, b := in[i-1], in[i]
		out[2*i-1] = byte((3*a + b + 7) >> 4)
		out[2*i] = byte((3*b + a + 8) >> 4)
	}
}

// rgb writes a row of YCbCr as RGB, by the numbers of JFIF in 16 fractional bits.
func rgb(dst, luma, cb, cr []byte) {
	cb, cr = cb[:len(luma)], cr[:len(luma)]
	for i, y := range luma {
		const half = 1 << 15
		b, r := int32(cb[i])-128, int32(cr[i])-128
		p := dst[3*i : 3*i+3 : 3*i+3]
		l := int32(y)
		p[0] = clip(l + (91881*r+half)>>16)
		p[1] = clip(l + (-22554*b-46802*r+half)>>16)
		p[2] = clip(l + (116130*b+half)>>16)
	}
}

func clip(x int32) byte {
	if uint32(x) <= 255 {
		return byte(x)
	}
	return byte(^x >> 31) // 0 below, 255 above
}
