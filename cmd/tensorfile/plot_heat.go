package main

import (
	"context"
	"image"
	"image/color"
	"math"

	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/plot"
	"github.com/tensorfile/tensorfile/plot/colour"
	"github.com/tensorfile/tensorfile/plot/reduce"
	"github.com/tensorfile/tensorfile/tensor"
)

// A cells is a matrix of numbers that become colours.
type cells struct {
	height, width int
	at            func(y, x int) float64
}

// colours turns numbers into a picture, and says by what bar.
func (c *chart) colours(m cells, label, unit string) (*image.NRGBA, *plot.Bar) {
	all := make([]float64, 0, m.height*m.width)
	for y := range m.height {
		for x := range m.width {
			all = append(all, m.at(y, x))
		}
	}
	drawn := finite(all)
	bar := &plot.Bar{Map: c.colourMap(drawn), Axis: plot.Axis{Label: label, Unit: unit, Log: c.o.log}}
	symmetric := c.o.symmetric
	if bar.Map.Diverging && c.o.vmin == nil && c.o.vmax == nil && !c.o.log {
		c.o.symmetric = true
	}
	lo, hi := c.values(drawn)
	c.o.symmetric = symmetric
	bar.Axis.Lo, bar.Axis.Hi = lo, hi
	img := image.NewNRGBA(image.Rect(0, 0, m.width, m.height))
	for i, v := range all {
		var ink color.NRGBA
		switch {
		case math.IsNaN(v):
			ink, bar.NaN = bar.Map.NaN, true
		case math.IsInf(v, 1):
			ink, bar.PosInf = bar.Map.PosInf, true
		case math.IsInf(v, -1) || c.o.log && v <= 0:
			ink, bar.NegInf = bar.Map.NegInf, true
		default:
			ink = bar.Map.At(bar.Axis.Share(v))
		}
		img.SetNRGBA(i%m.width, i/m.width, ink)
	}
	c.doc.Color = &plotColorJSON{bar.Map.Name, *rangeDoc(&bar.Axis)}
	return img, bar
}

// colourMap is the map that was asked for, or that suits numbers, which ascend.
func (c *chart) colourMap(drawn []float64) *colour.Map {
	switch {
	case c.o.cmap != "":
		return colour.ByName(c.o.cmap)
	case c.o.symmetric:
		return colour.Diverging()
	case len(drawn) == 0 || c.o.log || c.o.vmin != nil || c.o.vmax != nil:
		return colour.Sequential()
	}
	// On both sides of zero, and far enough that it matters.
	if lo, hi := drawn[0], drawn[len(drawn)-1]; lo < 0 && hi > 0 && min(-lo, hi) > 0.1*max(-lo, hi) {
		return colour.Diverging()
	}
	return colour.Sequential()
}

// grid reduces a matrix to so many pixels; use, if not nil, makes of a block what
// is reduced.
func (c *chart) grid(ctx context.Context, d *plotted, rows, columns, height, width int, use func(tensor.View) (tensor.View, error)) (*reduce.Grid, error) {
	g := reduce.NewGrid(d.size[rows], d.size[columns], height, width)
	var parts []*reduce.Grid
	err := c.t.eachPlaced(ctx, d, func(r []region) {
		for _, r := range r {
			parts = append(parts, g.Window(r.from[rows], r.to[rows], r.from[columns], r.to[columns]))
		}
	}, func(part int, at []int64, v tensor.View) (err error) {
		if use != nil {
			if v, err = use(v); err != nil {
				return err
			}
		}
		at, v, err = plane(at, v, rows, columns)
		if err != nil {
			return err
		}
		return parts[part].Add(at[0], at[1], v)
	})
	if err != nil {
		return nil, survey.Located(err, d.Tensor)
	}
	for _, p := range parts {
		g.Merge(p)
	}
	return g, nil
}

// matrix are the two axes of a matrix: those of more than one element, filled up
// with the last others.
func (c *chart) matrix(d *plotted, what string) (rows, columns int, err error) {
	long := d.long()
	if len(long) > 2 {
		return 0, 0, c.tooMany(d, what)
	}
	for axis := len(d.size) - 1; axis >= 0 && len(long) < 2; axis-- {
		if d.size[axis] != 1 {
			continue
		}
		switch {
		case len(long) == 0 || axis < long[0]:
			long = append([]int{axis}, long...)
		default:
			long = append(long, axis)
		}
	}
	if len(long) < 2 {
		e := usage(c.cmd, "%s has shape %v, and %s needs two axes", clean(d.label()), d.size, what)
		e.hint = "--kind line draws one axis"
		return 0, 0, e
	}
	return long[0], long[1], nil
}

// edges are the places of the outer edges of elements on an axis.
func (a *plotAxis) edges(n int64) (first, last float64) { return a.at(-0.5), a.at(float64(n) - 0.5) }

// across sets the axes of a panel to those of a matrix, rows downwards.
func (c *chart) across(p *plot.Panel, d *plotted, rows, columns int) (x0, x1, y0, y1 float64) {
	x, y := &d.axes[columns], &d.axes[rows]
	x0, x1 = x.edges(d.size[columns])
	y0, y1 = y.edges(d.size[rows])
	p.X = plot.Axis{Label: x.label("column"), Unit: x.unit, Whole: x.whole, Lo: min(x0, x1), Hi: max(x0, x1)}
	p.Y = plot.Axis{Label: y.label("row"), Unit: y.unit, Whole: y.whole, Lo: min(y0, y1), Hi: max(y0, y1), Down: y.whole}
	c.labels(&p.X, &p.Y)
	return x0, x1, y0, y1
}

// heat draws a matrix in colours.
func (c *chart) heat(ctx context.Context, d *plotted) error {
	rows, columns, err := c.matrix(d, "a heat map")
	if err != nil {
		return err
	}
	wide, high := c.o.pixels()
	g, err := c.grid(ctx, d, rows, columns, high, wide, nil)
	if err != nil {
		return err
	}
	p := &plot.Panel{}
	x0, x1, y0, y1 := c.across(p, d, rows, columns)
	height, width := g.Size()
	img, bar := c.colours(cells{height, width, g.Mean}, valueLabel(d), d.unit())
	if !g.Exact() && bar.Axis.Label == "value" {
		bar.Axis.Label = "mean value"
	}
	p.Bar, p.Marks = bar, []plot.Mark{&plot.Raster{Image: img, X0: x0, X1: x1, Y0: y0, Y1: y1}}
	if height*width == 0 {
		p.Note, p.Bar, p.Marks = "no data", nil, nil
	}
	total := plotDrawnJSON{NaN: g.NaN, PosInf: g.PosInf, NegInf: g.NegInf, Marks: []int64{int64(height), int64(width)}}
	total.Elements, _ = d.size.NumElements()
	c.figure.Panels, c.doc.Drawn = []*plot.Panel{p}, &total
	return nil
}
