package plot

import (
	"image"
	"image/color"
)

// A canvas takes what a figure is made of, in pixels of CSS.
type canvas interface {
	// fill fills a box, with edges on pixels where there are pixels.
	fill(b box, c color.NRGBA)
	// polygon fills a shape whose edge does not cross itself.
	polygon(p []point, c color.NRGBA)
	// stroke draws a line through points, in dashes and gaps of some lengths.
	stroke(p []point, width float64, c color.NRGBA, dashes []float64)
	// picture fills a box with an opaque picture.
	picture(img *image.NRGBA, b box)
	// text draws a label.
	text(t *text)
	// clip bounds what follows by a box, until unclip.
	clip(b box)
	unclip()
}

// draw draws everything.
func (l *layout) draw(c canvas) {
	c.fill(l.size, l.inks.ground)
	for _, p := range l.panels {
		l.drawGrid(c, p)
		c.clip(p.area)
		for _, m := range p.Marks {
			m.draw(c, &p.frame)
		}
		c.unclip()
		l.drawAxes(c, p)
		l.drawBar(c, p)
		l.drawKeys(c, p)
	}
	for i := range l.labels {
		c.text(&l.labels[i])
	}
}

// hair is the width of thin lines.
const hair = 1.0

func (l *layout) drawGrid(c canvas, p *placed) {
	if p.raster || l.detail == bare {
		return
	}
	for _, t := range p.x.ticks {
		if x := p.area.x0 + p.x.turned(t.at)*p.area.width(); t.label != "" {
			c.fill(box{x - hair/2, p.area.y0, x + hair/2, p.area.y1}, l.inks.grid)
		}
	}
	for _, t := range p.y.ticks {
		if y := p.area.y1 - p.y.turned(t.at)*p.area.height(); t.label != "" {
			c.fill(box{p.area.x0, y - hair/2, p.area.x1, y + hair/2}, l.inks.grid)
		}
	}
}

func (l *layout) drawAxes(c canvas, p *placed) {
	if l.detail == bare {
		return
	}
	a, ink := p.area, l.inks.frame
	if !p.Y.Hidden {
		c.fill(box{a.x0 - hair, a.y0, a.x0, a.y1 + hair}, ink)
		for _, t := range p.y.ticks {
			y := a.y1 - p.y.turned(t.at)*a.height()
			c.fill(box{a.x0 - hair - length(t), y - hair/2, a.x0 - hair, y + hair/2}, ink)
		}
	}
	if !p.X.Hidden {
		c.fill(box{a.x0 - hair, a.y1, a.x1, a.y1 + hair}, ink)
		for _, t := range p.x.ticks {
			x := a.x0 + p.x.turned(t.at)*a.width()
			c.fill(box{x - hair/2, a.y1 + hair, x + hair/2, a.y1 + hair + length(t)}, ink)
		}
	}
	if p.raster && !p.X.Hidden && !p.Y.Hidden { // closed, as the ground may look like a colour
		c.fill(box{a.x0 - hair, a.y0 - hair, a.x1 + hair, a.y0}, ink)
		c.fill(box{a.x1, a.y0 - hair, a.x1 + hair, a.y1 + hair}, ink)
	}
}

// length of the stroke of a tick.
func length(t tick) float64 {
	if t.label == "" {
		return tickLength / 2
	}
	return tickLength
}

func (l *layout) drawBar(c canvas, p *placed) {
	b := &p.bar
	if !b.shown {
		return
	}
	const steps = 256
	img := image.NewNRGBA(image.Rect(0, 0, 1, steps))
	for i, ink := range p.Bar.Map.Table() {
		img.SetNRGBA(0, steps-1-i, ink)
	}
	c.picture(img, b.area)
	l.outline(c, b.area)
	for _, t := range b.scale.ticks {
		y := b.area.y1 - t.at*b.area.height()
		c.fill(box{b.area.x1 + hair, y - hair/2, b.area.x1 + hair + length(t), y + hair/2}, l.inks.frame)
	}
	for _, s := range b.swatches {
		c.fill(s.at, s.color)
		l.outline(c, s.at)
	}
}

// outline draws a thin line around a box.
func (l *layout) outline(c canvas, b box) {
	c.fill(box{b.x0 - hair, b.y0 - hair, b.x1 + hair, b.y0}, l.inks.frame)
	c.fill(box{b.x0 - hair, b.y1, b.x1 + hair, b.y1 + hair}, l.inks.frame)
	c.fill(box{b.x0 - hair, b.y0, b.x0, b.y1}, l.inks.frame)
	c.fill(box{b.x1, b.y0, b.x1 + hair, b.y1}, l.inks.frame)
}

func (l *layout) drawKeys(c canvas, p *placed) {
	for _, k := range p.keys {
		if k.text == "" {
			continue
		}
		y := k.at.y + keyLine/2 - 2
		switch {
		case k.line && k.dash:
			c.stroke([]point{{k.at.x, y}, {k.at.x + 20, y}}, 2, k.color, dashes)
		case k.line:
			c.stroke([]point{{k.at.x, y}, {k.at.x + 20, y}}, 2, k.color, nil)
		default:
			c.fill(box{k.at.x + 4, y - 5, k.at.x + 16, y + 5}, k.color)
		}
	}
}
