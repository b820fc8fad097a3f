package plot

import (
	"image"
	"image/color"
	"math"
)

// A frame is where a panel is drawn: the place of its marks, and the scales of
// its axes.
type frame struct {
	area box
	x, y scale
	inks inks
}

// beyond bounds how far outside of the area anything is drawn.
const beyond = 4

func (f *frame) px(x float64) float64 {
	t := min(max(f.x.at(x), -beyond), 1+beyond)
	if f.x.down {
		t = 1 - t
	}
	return f.area.x0 + t*f.area.width()
}

func (f *frame) py(y float64) float64 {
	t := min(max(f.y.at(y), -beyond), 1+beyond)
	if f.y.down {
		t = 1 - t
	}
	return f.area.y1 - t*f.area.height()
}

// shown reports whether a number has a place on the scale.
func (s *scale) shown(v float64) bool {
	return !math.IsNaN(v) && !math.IsInf(v, 0) && (!s.log || v > 0)
}

// A Line joins points by a line, which breaks at NaN and infinities and, on a
// logarithmic axis, at numbers that are not above 0. Points without neighbours
// are dots.
type Line struct {
	Name  string      // in the legend
	X, Y  []float64   // equally many
	Color color.NRGBA // zero: the ink of the theme
	Dash  bool
	Dots  bool // a dot at every point
}

const (
	lineWidth = 1.6
	dotSize   = 2.4 // radius
)

var dashes = []float64{6, 4}

func (l *Line) key() key { return key{name: l.Name, color: l.Color, line: true, dash: l.Dash} }

func (l *Line) draw(c canvas, f *frame) {
	ink := or(l.Color, f.inks.text)
	var dash []float64
	if l.Dash {
		dash = dashes
	}
	var run []point
	end := func() {
		switch {
		case len(run) == 1 && !l.Dots:
			c.polygon(dot(run[0], dotSize), ink)
		case len(run) > 1:
			c.stroke(run, lineWidth, ink, dash)
		}
		if l.Dots {
			for _, p := range run {
				c.polygon(dot(p, dotSize), ink)
			}
		}
		run = nil
	}
	for i, x := range l.X {
		if y := l.Y[i]; f.x.shown(x) && f.y.shown(y) {
			run = append(run, point{f.px(x), f.py(y)})
		} else {
			end()
		}
	}
	end()
}

// dot is a disc.
func dot(at point, radius float64) []point {
	const corners = 16
	out := make([]point, corners)
	for i := range out {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / corners)
		out[i] = point{at.x + radius*cos, at.y + radius*sin}
	}
	return out
}

// A Band fills the space between two lines: what many elements reach from and
// to. It breaks where either is no finite number.
type Band struct {
	Name      string
	X, Lo, Hi []float64   // equally many
	Color     color.NRGBA // zero: the ink of the theme
}

// bandEdge is the least thickness of a band.
const bandEdge = 1

func (b *Band) key() key { return key{name: b.Name, color: b.Color, line: true} }

func (b *Band) draw(c canvas, f *frame) {
	ink := or(b.Color, f.inks.text)
	var upper, lower []point
	end := func() {
		n := len(upper)
		switch {
		case n == 0:
			return
		case n == 1: // of one column
			upper = append(upper, point{upper[0].x + bandEdge, upper[0].y})
			lower = append(lower, point{lower[0].x + bandEdge, lower[0].y})
		}
		shape := make([]point, 0, 2*len(upper))
		for _, p := range upper {
			shape = append(shape, point{p.x, p.y - bandEdge/2.0})
		}
		for i := len(lower) - 1; i >= 0; i-- {
			shape = append(shape, point{lower[i].x, lower[i].y + bandEdge/2.0})
		}
		c.polygon(shape, ink)
		upper, lower = upper[:0], lower[:0]
	}
	for i, x := range b.X {
		lo, hi := b.Lo[i], b.Hi[i]
		if f.y.log && lo <= 0 {
			lo = f.y.lo // down to where the axis ends
		}
		if !f.x.shown(x) || !f.y.shown(lo) || !f.y.shown(hi) || lo > hi {
			end()
			continue
		}
		p, q := point{f.px(x), f.py(lo)}, point{f.px(x), f.py(hi)}
		if f.y.down {
			p, q = q, p
		}
		upper, lower = append(upper, q), append(lower, p)
	}
	end()
}

// Bars are the bars of a histogram: one between each two neighbours of Edges,
// from the low end of the axis, or from 0.
type Bars struct {
	Name    string
	Edges   []float64 // one more than Heights
	Heights []float64
	Color   color.NRGBA // zero: that of the first line
}

func (b *Bars) key() key { return key{name: b.Name, color: b.Color} }

func (b *Bars) draw(c canvas, f *frame) {
	ink := or(b.Color, f.inks.text)
	floor := f.py(max(f.y.lo, min(0, f.y.hi)))
	if f.y.log {
		floor = f.area.y1
	}
	for i, h := range b.Heights {
		if !f.y.shown(h) || h == 0 {
			continue
		}
		x0, x1 := f.px(b.Edges[i]), f.px(b.Edges[i+1])
		if x1-x0 > 4 {
			x1-- // a gap between wide bars
		}
		y := f.py(h)
		if floor-y < 1 { // what is there shows
			y = floor - 1
		}
		c.fill(box{x0, y, max(x1, x0+0.5), floor}, ink)
	}
}

// A Raster is a picture that fills a rectangle. It has no transparent pixels.
type Raster struct {
	Image          *image.NRGBA
	X0, X1, Y0, Y1 float64 // its left, right, top and bottom edges; turned over where an axis runs the other way
}

func (r *Raster) key() key { return key{} }

func (r *Raster) draw(c canvas, f *frame) {
	at := box{f.px(r.X0), f.py(r.Y0), f.px(r.X1), f.py(r.Y1)}
	across, down := at.x0 > at.x1, at.y0 > at.y1
	at = box{min(at.x0, at.x1), min(at.y0, at.y1), max(at.x0, at.x1), max(at.y0, at.y1)}
	if b := r.Image.Bounds(); !b.Empty() && at.width() > 0 && at.height() > 0 {
		c.picture(flipped(r.Image, across, down), at)
	}
}

// flipped is a picture that runs the other way where its axes do.
func flipped(img *image.NRGBA, across, down bool) *image.NRGBA {
	if !across && !down {
		return img
	}
	b := img.Bounds()
	out := image.NewNRGBA(b)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			i, j := x, y
			if across {
				i = b.Max.X - 1 - (x - b.Min.X)
			}
			if down {
				j = b.Max.Y - 1 - (y - b.Min.Y)
			}
			out.SetNRGBA(x, y, img.NRGBAAt(i, j))
		}
	}
	return out
}

// A Rug is a row of strokes at the lower or the upper end of a panel: where
// something is that has no place on the other axis. X ascends or descends.
type Rug struct {
	Name  string
	X     []float64
	Color color.NRGBA
	Top   bool
}

const rugHeight, rugWidth = 9, 1.5

func (r *Rug) key() key { return key{name: r.Name, color: r.Color} }

func (r *Rug) draw(c canvas, f *frame) {
	ink := or(r.Color, f.inks.text)
	y0, y1 := f.area.y1-rugHeight, f.area.y1
	if r.Top {
		y0, y1 = f.area.y0, f.area.y0+rugHeight
	}
	for i := 0; i < len(r.X); { // strokes that touch are one
		from := f.px(r.X[i])
		to := from
		for i++; i < len(r.X) && math.Abs(f.px(r.X[i])-to) <= rugWidth; i++ {
			to = f.px(r.X[i])
		}
		c.fill(box{min(from, to) - rugWidth/2, y0, max(from, to) + rugWidth/2, y1}, ink)
	}
}

// A Label is text in a panel: its middle stands at X, its upper edge a little
// below Y. One that has no room is left out.
type Label struct {
	X, Y  float64
	Text  string
	Width float64 // the room that it has, in units of X; 0: any
}

func (l *Label) key() key { return key{} }

// Labels are placed with all others: see layout.
func (l *Label) draw(canvas, *frame) {}

// or is c, or other if c is not set.
func or(c, other color.NRGBA) color.NRGBA {
	if c == (color.NRGBA{}) {
		return other
	}
	return c
}
