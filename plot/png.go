package plot

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/vector"

	"github.com/tensorfile/tensorfile/tensor"
)

// MaxPixels is how large a picture may be.
const MaxPixels = 100_000_000

// Image draws a figure in density pixels to each of CSS. Beyond MaxPixels it is
// ErrLimit.
func (f *Figure) Image(density float64) (*image.RGBA, error) {
	own := f.figure()
	width, height := math.Round(float64(own.Width)*density), math.Round(float64(own.Height)*density)
	if !(width >= 1 && height >= 1 && width*height <= MaxPixels) {
		return nil, &tensor.Error{Kind: tensor.ErrLimit, Offset: -1, Field: "size of the picture",
			Got:  tensor.Shape{int64(min(height, 1e9)), int64(min(width, 1e9))}.String(),
			Want: "from 1 to 100,000,000 pixels"}
	}
	c := &raster{density: density, dst: image.NewRGBA(image.Rect(0, 0, int(width), int(height)))}
	c.bounds = c.dst.Bounds()
	f.layout().draw(c)
	return c.dst, nil
}

// WritePNG writes a figure as PNG, in density pixels to each of CSS; 2 suits
// screens of today and print. The file says so, so that programs show it in the
// size that was asked for.
func (f *Figure) WritePNG(w io.Writer, density float64) error {
	img, err := f.Image(density)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil { // the best level: 3% smaller, ten times as long
		return err
	}
	// The pixels to the metre go behind the header, of 33 bytes with the
	// signature (PNG, 11.3.4.3).
	const header = 33
	out := b.Bytes()
	if _, err := w.Write(out[:header]); err != nil {
		return err
	}
	perMetre := uint32(math.Round(96 * density / 0.0254))
	chunk := binary.BigEndian.AppendUint32(nil, 9)
	chunk = append(chunk, "pHYs"...)
	chunk = binary.BigEndian.AppendUint32(chunk, perMetre)
	chunk = binary.BigEndian.AppendUint32(chunk, perMetre)
	chunk = append(chunk, 1)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
	if _, err := w.Write(chunk); err != nil {
		return err
	}
	_, err = w.Write(out[header:])
	return err
}

// A raster is a canvas of pixels.
type raster struct {
	density float64
	dst     *image.RGBA
	bounds  image.Rectangle
	shape   vector.Rasterizer
}

func (c *raster) clip(b box) { c.bounds = c.pixels(b).Intersect(c.dst.Bounds()) }
func (c *raster) unclip()    { c.bounds = c.dst.Bounds() }

// pixels are those of a box, at least one each way.
func (c *raster) pixels(b box) image.Rectangle {
	round := func(x float64) int { return int(math.Round(min(max(x*c.density, -1e6), 1e6))) }
	r := image.Rect(round(b.x0), round(b.y0), round(b.x1), round(b.y1))
	if r.Dx() == 0 {
		r.Max.X++
	}
	if r.Dy() == 0 {
		r.Max.Y++
	}
	return r
}

func (c *raster) fill(b box, ink color.NRGBA) {
	draw.Draw(c.dst, c.pixels(b).Intersect(c.bounds), image.NewUniform(ink), image.Point{}, draw.Over)
}

// begin makes room for a shape that lies in b, and reports whether any of it
// shows. at turns its points to those of the rasterizer.
func (c *raster) begin(b box) (area image.Rectangle, at func(point) (float32, float32), ok bool) {
	area = image.Rect(
		int(math.Floor(max(b.x0*c.density, -1e6))), int(math.Floor(max(b.y0*c.density, -1e6))),
		int(math.Ceil(min(b.x1*c.density, 1e6)))+1, int(math.Ceil(min(b.y1*c.density, 1e6)))+1,
	).Intersect(c.bounds)
	if area.Empty() {
		return area, nil, false
	}
	c.shape.Reset(area.Dx(), area.Dy())
	return area, func(p point) (float32, float32) {
		return float32(p.x*c.density - float64(area.Min.X)), float32(p.y*c.density - float64(area.Min.Y))
	}, true
}

func (c *raster) end(area image.Rectangle, ink color.NRGBA) {
	c.shape.Draw(c.dst, area, image.NewUniform(ink), image.Point{})
}

func around(p []point) box {
	b := box{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
	for _, q := range p {
		b = box{min(b.x0, q.x), min(b.y0, q.y), max(b.x1, q.x), max(b.y1, q.y)}
	}
	return b
}

func (c *raster) polygon(p []point, ink color.NRGBA) {
	area, at, ok := c.begin(around(p))
	if !ok || len(p) < 3 {
		return
	}
	c.shape.MoveTo(at(p[0]))
	for _, q := range p[1:] {
		c.shape.LineTo(at(q))
	}
	c.shape.ClosePath()
	c.end(area, ink)
}

func (c *raster) stroke(p []point, width float64, ink color.NRGBA, dashes []float64) {
	b := around(p)
	area, at, ok := c.begin(box{b.x0 - width, b.y0 - width, b.x1 + width, b.y1 + width})
	if !ok {
		return
	}
	half := width / 2
	// Shapes that turn the same way, so that where two overlap none is cut out.
	add := func(q ...point) {
		c.shape.MoveTo(at(q[0]))
		for _, q := range q[1:] {
			c.shape.LineTo(at(q))
		}
		c.shape.ClosePath()
	}
	for _, run := range dashed(p, dashes) {
		for i := 1; i < len(run); i++ {
			from, to := run[i-1], run[i]
			dx, dy := to.x-from.x, to.y-from.y
			long := math.Hypot(dx, dy)
			if long == 0 {
				continue
			}
			dx, dy = dx/long*half, dy/long*half
			add(point{from.x + dy, from.y - dx}, point{to.x + dy, to.y - dx}, point{to.x - dy, to.y + dx}, point{from.x - dy, from.y + dx})
			if i < len(run)-1 {
				add(dot(to, half)...)
			}
		}
	}
	c.end(area, ink)
}

// dashed cuts a line into dashes.
func dashed(p []point, lengths []float64) [][]point {
	if lengths == nil {
		return [][]point{p}
	}
	var out [][]point
	on, left := 0, lengths[0]
	run := []point{p[0]}
	for i := 1; i < len(p); i++ {
		from, to := p[i-1], p[i]
		long := math.Hypot(to.x-from.x, to.y-from.y)
		for done := 0.0; done < long; {
			step := min(left, long-done)
			done += step
			t := done / long
			at := point{from.x + (to.x-from.x)*t, from.y + (to.y-from.y)*t}
			if on%2 == 0 {
				run = append(run, at)
			}
			if left -= step; left <= 0 {
				if on%2 == 0 {
					out = append(out, run)
				}
				on++
				left = lengths[on%len(lengths)]
				run = []point{at}
			}
		}
	}
	if on%2 == 0 && len(run) > 1 {
		out = append(out, run)
	}
	return out
}

func (c *raster) text(t *text) {
	b := t.box
	b = box{b.x0 - t.size, b.y0 - t.size, b.x1 + t.size, b.y1 + t.size}
	area, at, ok := c.begin(b)
	if !ok {
		return
	}
	origin := t.at
	if t.turned { // stems on pixels
		origin.x = math.Round(origin.x*c.density) / c.density
	} else {
		origin.y = math.Round(origin.y*c.density) / c.density
	}
	list, _ := t.face.set(t.text, t.size)
	for _, s := range list {
		place := func(p point) (float32, float32) {
			x, y := s.x+p.x*s.scale, s.y+p.y*s.scale
			if t.turned {
				x, y = y, -x
			}
			return at(point{origin.x + x, origin.y + y})
		}
		for i, g := range s.path {
			switch g.op {
			case sfnt.SegmentOpMoveTo:
				if i > 0 {
					c.shape.ClosePath()
				}
				c.shape.MoveTo(place(g.args[0]))
			case sfnt.SegmentOpLineTo:
				c.shape.LineTo(place(g.args[0]))
			case sfnt.SegmentOpQuadTo:
				x0, y0 := place(g.args[0])
				x1, y1 := place(g.args[1])
				c.shape.QuadTo(x0, y0, x1, y1)
			case sfnt.SegmentOpCubeTo:
				x0, y0 := place(g.args[0])
				x1, y1 := place(g.args[1])
				x2, y2 := place(g.args[2])
				c.shape.CubeTo(x0, y0, x1, y1, x2, y2)
			}
		}
		if len(s.path) > 0 {
			c.shape.ClosePath()
		}
	}
	c.end(area, t.color)
}

// picture averages what falls into each pixel, by its share: pictures that are
// made smaller lose nothing, and those that are made larger keep their edges.
func (c *raster) picture(img *image.NRGBA, b box) {
	to := c.pixels(b)
	show := to.Intersect(c.bounds)
	if show.Empty() {
		return
	}
	from := img.Bounds()
	columns := shares(from.Dx(), to.Dx(), show.Min.X-to.Min.X, show.Max.X-to.Min.X)
	rows := shares(from.Dy(), to.Dy(), show.Min.Y-to.Min.Y, show.Max.Y-to.Min.Y)
	row := make([]float64, 3*from.Dx())
	for y, share := range rows {
		clear(row)
		for i, w := range share.weights {
			line := img.Pix[(share.first+i)*img.Stride:]
			for x := range from.Dx() {
				row[3*x] += w * float64(line[4*x])
				row[3*x+1] += w * float64(line[4*x+1])
				row[3*x+2] += w * float64(line[4*x+2])
			}
		}
		out := c.dst.Pix[c.dst.PixOffset(show.Min.X, show.Min.Y+y):]
		for x, share := range columns {
			var sum [3]float64
			for i, w := range share.weights {
				k := 3 * (share.first + i)
				sum[0] += w * row[k]
				sum[1] += w * row[k+1]
				sum[2] += w * row[k+2]
			}
			out[4*x], out[4*x+1], out[4*x+2], out[4*x+3] = uint8(sum[0]+0.5), uint8(sum[1]+0.5), uint8(sum[2]+0.5), 255
		}
	}
}

// A share is which elements fall into a pixel, and how much of it each fills.
type share struct {
	first   int
	weights []float64
}

// shares lays n elements over so many pixels, of which [from, to) are asked for.
// Those that are some pixels large get whole ones, so that their edges are sharp.
func shares(n, pixels, from, to int) []share {
	out := make([]share, 0, to-from)
	size := float64(n) / float64(pixels)
	if pixels >= 3*n {
		for p := from; p < to; p++ {
			out = append(out, share{min(int((float64(p)+0.5)*size), n-1), []float64{1}})
		}
		return out
	}
	for p := from; p < to; p++ {
		lo, hi := float64(p)*size, float64(p+1)*size
		s := share{first: min(int(lo), n-1)}
		for i := s.first; i < n && float64(i) < hi-1e-9; i++ {
			if w := min(hi, float64(i+1)) - max(lo, float64(i)); w > 1e-9 {
				s.weights = append(s.weights, w/size)
			} else if len(s.weights) == 0 {
				s.first++
			}
		}
		out = append(out, s)
	}
	return out
}
