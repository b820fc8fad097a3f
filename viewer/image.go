package viewer

import (
	"context"
	"fmt"
	"image/color"
	"math"

	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/tensor"
)

const (
	// mostPixels bounds the pixels of a picture that is sent.
	mostPixels = 4 << 20
	// mostThumbs bounds the pictures of an atlas.
	mostThumbs = 1024
)

// damagedColour is where a chunk of a picture cannot be decoded. What is NaN is
// transparent.
var damagedColour = color.NRGBA{255, 0, 255, 255}

// A picture is a plane for each channel of an image.
type picture struct {
	channels []*plane // 1: grey, 2: grey and alpha, 3: RGB, 4: RGBA
	lo, hi   float64  // what is black and what is white
}

// picture is the image that is asked for; at is changed by others.
func (c *call) picture(h *handle, p *plane, at []int64) (*picture, error) {
	l := lookAt(p.t)
	other := l.c
	if l.c == p.y || l.c == p.x {
		other = -1
	}
	axis, err := c.axis("c", other, len(p.t.Shape()))
	if err != nil {
		return nil, err
	}
	m := &picture{}
	m.lo, m.hi = fullScale(p.t.DType())
	if m.lo, err = c.float("lo", m.lo); err != nil {
		return nil, err
	}
	if m.hi, err = c.float("hi", m.hi); err != nil {
		return nil, err
	}
	n := int64(1)
	if axis >= 0 {
		if axis == p.y || axis == p.x {
			return nil, bad("c", fmt.Sprint(axis), "another axis than y and x")
		}
		n = p.t.Shape()[axis]
	}
	if n < 1 || n > 4 {
		return nil, bad("c", fmt.Sprintf("an axis of %d", n), "1 to 4 channels")
	}
	for k := range n {
		own := append([]int64(nil), at...)
		if axis >= 0 {
			own[axis] = k
		}
		q, err := newPlane(h, p.t, p.y, p.x, own, c.opts.Jobs)
		if err != nil {
			return nil, err
		}
		m.channels = append(m.channels, q)
	}
	return m, nil
}

// fullScale is what is black and what is white in a dtype, if nobody says so.
func fullScale(d tensor.DType) (lo, hi float64) {
	switch {
	case d.Class == tensor.ClassUint && d.Bits < 64:
		return 0, float64(uint64(1)<<d.Bits - 1)
	case d.Class == tensor.ClassInt && d.Bits < 64:
		return -math.Ldexp(1, int(d.Bits)-1), math.Ldexp(1, int(d.Bits)-1) - 1
	case d.Class == tensor.ClassInt:
		return math.MinInt64, math.MaxInt64
	case d.Class == tensor.ClassUint:
		return 0, math.MaxUint64
	}
	return 0, 1
}

// levelFor are the finest levels at which so many rows and columns are at most h x w
// cells; even says that both are the same.
func levelFor(rows, columns, h, w int64, even bool) levels {
	var l levels
	for span(rows, l.y) > h {
		l.y++
	}
	for span(columns, l.x) > w {
		l.x++
	}
	if even {
		l.y = max(l.y, l.x)
		l.x = l.y
	}
	return l
}

// cellsOf is the part of a plane's cells that a part of its elements falls into.
func cellsOf(b box, l levels) box {
	return box{b.r0 >> l.y, b.r0>>l.y + span(b.r1-b.r0>>l.y<<l.y, l.y), b.c0 >> l.x, b.c0>>l.x + span(b.c1-b.c0>>l.x<<l.x, l.x)}
}

// draw makes the picture of a part at a level, RGBA.
func (m *picture) draw(ctx context.Context, kept *cache, level levels, part box) (h, w int64, rgba []byte, err error) {
	b := cellsOf(part, level)
	h, w = b.r1-b.r0, b.c1-b.c0
	rgba = make([]byte, 4*h*w)
	values := make([][]float32, len(m.channels))
	tilings := make([]*tiling, len(m.channels))
	for k, q := range m.channels {
		tilings[k] = &tiling{q, kept, mean}
	}
	for ty := b.r0 / tileSide; ty*tileSide < b.r1; ty++ {
		for tx := b.c0 / tileSide; tx*tileSide < b.c1; tx++ {
			var t *tile
			for k, g := range tilings {
				if t, err = g.at(ctx, level, ty, tx); err != nil {
					return h, w, nil, err
				}
				values[k] = t.cells
			}
			for y := max(ty*tileSide, b.r0); y < min(ty*tileSide+t.h, b.r1); y++ {
				for x := max(tx*tileSide, b.c0); x < min(tx*tileSide+t.w, b.c1); x++ {
					at := 4 * ((y-b.r0)*w + x - b.c0)
					m.pixel(rgba[at:at+4], values, (y-ty*tileSide)*t.w+x-tx*tileSide)
				}
			}
		}
	}
	return h, w, rgba, nil
}

// pixel writes a pixel of the channels' values at i.
func (m *picture) pixel(to []byte, values [][]float32, i int64) {
	var level [4]byte
	seen := true
	for k, list := range values {
		v := list[i]
		if v != v {
			if isDamaged(v) {
				c := damagedColour
				to[0], to[1], to[2], to[3] = c.R, c.G, c.B, c.A
				return
			}
			seen = false
		}
		level[k] = byteOf(float64(v), m.lo, m.hi)
	}
	if !seen {
		return
	}
	switch len(values) {
	case 1:
		to[0], to[1], to[2], to[3] = level[0], level[0], level[0], 255
	case 2:
		to[0], to[1], to[2], to[3] = level[0], level[0], level[0], level[1]
	case 3:
		to[0], to[1], to[2], to[3] = level[0], level[1], level[2], 255
	default:
		copy(to, level[:])
	}
}

// byteOf is where x lies between lo and hi, from 0 to 255, to the nearest.
func byteOf(x, lo, hi float64) byte {
	t := (x - lo) / (hi - lo)
	switch {
	case x != x:
		return 0
	case lo == hi:
		t = 0
		if x >= hi {
			t = 1
		}
	}
	return byte(math.Round(255 * min(max(t, 0), 1)))
}

// image answers a picture, or rows r0 to r1 and columns c0 to c1 of it, reduced to at most
// w x h pixels by factors of two along each axis.
func (c *call) image() error {
	h, t, err := c.picked()
	if err != nil {
		return err
	}
	p, err := c.planeOf(h, t)
	if err != nil {
		return err
	}
	m, err := c.picture(h, p, p.at)
	if err != nil {
		return err
	}
	width, err := c.int("w", 1024, 1, mostPixels)
	if err != nil {
		return err
	}
	height, err := c.int("h", 1024, 1, mostPixels)
	if err != nil {
		return err
	}
	part, err := c.part(p)
	if err != nil {
		return err
	}
	level := levelFor(part.r1-part.r0, part.c1-part.c0, height, width, false)
	b := cellsOf(part, level)
	if n := saturated(b.r1-b.r0, b.c1-b.c0); n > mostPixels {
		return tooMuch("w and h", fmt.Sprintf("%d pixels", n), fmt.Sprintf("at most %d", mostPixels))
	}
	if saturated(part.r1-part.r0, part.c1-part.c0) > mostReduced {
		return tooMuch("image", fmt.Sprintf("%d x %d pixels", part.r1-part.r0, part.c1-part.c0), fmt.Sprintf("at most %d", int64(mostReduced)))
	}
	if c.keepable(c.tag(h.identity, "t", "y", "x", "c", "i", "r0", "r1", "c0", "c1", "w", "h", "lo", "hi")) {
		return nil
	}
	if err := c.hold(p.weight() + 4*b.elements()); err != nil {
		return err
	}
	rows, columns, rgba, err := m.draw(c.ctx, c.cache, level, part)
	if err != nil {
		return survey.Located(err, t)
	}
	return c.raw("u8", []int64{rows, columns, 4}, rgba)
}

// thumbs answers small pictures of those along an axis, side by side.
func (c *call) thumbs() error {
	h, t, err := c.picked()
	if err != nil {
		return err
	}
	p, err := c.planeOf(h, t)
	if err != nil {
		return err
	}
	axis, err := c.axis("axis", 0, len(t.Shape()))
	if err != nil {
		return err
	}
	if axis < 0 || axis >= len(t.Shape()) || axis == p.y || axis == p.x {
		return bad("axis", fmt.Sprint(axis), "another axis than y and x")
	}
	from, err := c.int("from", 0, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	count, err := c.int("count", 64, 1, mostThumbs)
	if err != nil {
		return err
	}
	size, err := c.int("size", 64, 4, 512)
	if err != nil {
		return err
	}
	n := t.Shape()[axis]
	count = min(count, n-min(from, n))
	across := max(int64(math.Ceil(math.Sqrt(float64(count)))), 1)
	down := max((count+across-1)/across, 1)
	if across*down*size*size > mostPixels {
		return tooMuch("count and size", fmt.Sprintf("%d pixels", across*down*size*size), fmt.Sprintf("at most %d", mostPixels))
	}
	if saturated(p.h, p.w) > mostReduced/max(count, 1) {
		return tooMuch("count", fmt.Sprintf("%d pictures of %d x %d pixels", count, p.h, p.w), fmt.Sprintf("at most %d pixels", int64(mostReduced)))
	}
	if c.keepable(c.tag(h.identity, "t", "y", "x", "c", "i", "axis", "from", "count", "size", "lo", "hi")) {
		return nil
	}
	if err := c.hold(p.weight() + 8*across*down*size*size); err != nil {
		return err
	}
	atlas := make([]byte, 4*across*down*size*size)
	level := levelFor(p.h, p.w, size, size, true)
	for k := range count {
		at := append([]int64(nil), p.at...)
		at[axis] = from + k
		m, err := c.picture(h, p, at)
		if err != nil {
			return err
		}
		rows, columns, rgba, err := m.draw(c.ctx, c.cache, level, box{0, p.h, 0, p.w})
		if err != nil {
			return survey.Located(err, t)
		}
		paste(atlas, across*size, k/across*size, k%across*size, size, rgba, rows, columns)
	}
	c.header().Set("X-Grid", fmt.Sprintf("%d,%d", down, across))
	return c.raw("u8", []int64{down * size, across * size, 4}, atlas)
}

// paste puts a picture into the middle of a cell of an atlas, as many times larger as
// fits.
func paste(atlas []byte, stride, y0, x0, size int64, rgba []byte, h, w int64) {
	if h == 0 || w == 0 {
		return
	}
	times := max(min(size/h, size/w), 1)
	y0, x0 = y0+(size-h*times)/2, x0+(size-w*times)/2
	for y := range h * times {
		for x := range w * times {
			from, to := 4*(y/times*w+x/times), 4*((y0+y)*stride+x0+x)
			copy(atlas[to:to+4], rgba[from:from+4])
		}
	}
}

// part is the part of a plane that is asked for, by default all of it.
func (c *call) part(p *plane) (b box, err error) {
	for _, q := range []struct {
		name       string
		to         *int64
		other, end int64
	}{{"r0", &b.r0, 0, p.h}, {"r1", &b.r1, p.h, p.h}, {"c0", &b.c0, 0, p.w}, {"c1", &b.c1, p.w, p.w}} {
		if *q.to, err = c.int(q.name, q.other, 0, math.MaxInt64); err != nil {
			return b, err
		}
		*q.to = min(*q.to, q.end)
	}
	if b.r0 > b.r1 || b.c0 > b.c1 {
		return b, bad("r0 and c0", fmt.Sprintf("%d and %d", b.r0, b.c0), "at most r1 and c1")
	}
	return b, nil
}
