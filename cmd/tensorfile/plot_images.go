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

// plotPictures is how many pictures a grid shows at most.
const plotPictures = 100

// images draws pictures, several in a grid.
func (c *chart) images(ctx context.Context, d *plotted) error {
	a, ok := d.imageAxes()
	if !ok {
		return c.tooMany(d, "pictures, which are HW, HWC or CHW, several with an axis in front")
	}
	samples, n := int64(1), int64(1)
	if a.c >= 0 {
		samples = d.size[a.c]
	}
	if a.n >= 0 {
		n = d.size[a.n]
	}
	if samples > 1 && c.o.cmap != "" {
		return usage(c.cmd, "--cmap is of no use for pictures that have colours")
	}
	shown := min(n, plotPictures)
	if shown < n {
		if d.Sel != nil {
			return usage(c.cmd, "%s are %d pictures, and a chart has at most %d", clean(d.label()), n, plotPictures)
		}
		c.t.note("%s: %d pictures of %d are drawn; a selection takes others", clean(d.label()), shown, n)
		sel := make(tensor.Selection, len(d.size))
		for axis, n := range d.size {
			sel[axis] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: 0, Stop: n, Step: 1}
		}
		sel[a.n].Stop = shown
		p := d.pick
		p.Sel = sel
		some, err := newPlotted(p)
		if err != nil {
			return err
		}
		d = some
	}
	height, width := d.size[a.h], d.size[a.w]
	total := plotDrawnJSON{Pictures: shown, Marks: []int64{}}
	total.Elements, _ = d.size.NumElements()
	c.doc.Drawn = &total
	if total.Elements == 0 {
		c.figure.Panels = []*plot.Panel{{X: plot.Axis{Hidden: true}, Y: plot.Axis{Hidden: true}, Note: "no data"}}
		return nil
	}
	room := 0.0
	if samples <= 2 {
		room = 100 // for the bar
	}
	columns, side := tile(float64(c.o.width)-40-room, float64(c.o.height)-60, float64(width), float64(height), int(shown))
	density := 1.0
	if c.o.to == "png" {
		density = c.o.scale
	}
	// A grid for each picture and each of its samples.
	pixelsHigh, pixelsWide := int(math.Ceil(side*float64(height)*density)), int(math.Ceil(side*float64(width)*density))
	grids := make([]*reduce.Grid, shown*samples)
	for i := range grids {
		grids[i] = reduce.NewGrid(height, width, pixelsHigh, pixelsWide)
	}
	if err := c.fillGrids(ctx, d, a, samples, grids); err != nil {
		return err
	}
	for _, g := range grids {
		total.NaN, total.PosInf, total.NegInf = total.NaN+g.NaN, total.PosInf+g.PosInf, total.NegInf+g.NegInf
	}
	h, w := grids[0].Size()
	total.Marks = []int64{int64(h), int64(w)}
	pictures, bar := c.shades(d, samples, grids)
	p := &plot.Panel{Square: true, Bar: bar}
	c.figure.Panels = []*plot.Panel{p}
	if n == 1 {
		p.X = plot.Axis{Whole: true, Lo: -0.5, Hi: float64(width) - 0.5}
		p.Y = plot.Axis{Whole: true, Lo: -0.5, Hi: float64(height) - 0.5, Down: true}
		p.Marks = []plot.Mark{&plot.Raster{Image: pictures[0], X0: -0.5, X1: float64(width) - 0.5, Y0: -0.5, Y1: float64(height) - 0.5}}
		c.labels(&p.X, &p.Y)
		return nil
	}
	wide, high := side*float64(width), side*float64(height)
	rows := (len(pictures) + columns - 1) / columns
	p.X = plot.Axis{Hidden: true, Hi: float64(columns)*(wide+tileGap) - tileGap}
	p.Y = plot.Axis{Hidden: true, Hi: float64(rows) * (high + tileLine), Down: true}
	for i, img := range pictures {
		x, y := float64(i%columns)*(wide+tileGap), float64(i/columns)*(high+tileLine)
		p.Marks = append(p.Marks,
			&plot.Raster{Image: img, X0: x, X1: x + wide, Y0: y, Y1: y + high},
			&plot.Label{X: x + wide/2, Y: y + high, Text: numberOf(d.axes[a.n].at(float64(i))), Width: wide + tileGap})
	}
	return nil
}

// Between the pictures of a grid, and for the number below each.
const tileGap, tileLine = 10, 22

// tile is in how many columns n pictures of width x height are largest on some
// room, and how large a pixel of theirs is then.
func tile(wide, high, width, height float64, n int) (columns int, side float64) {
	line := float64(tileLine)
	if n == 1 {
		line = 0
	}
	for k := 1; k <= n; k++ {
		rows := float64((n + k - 1) / k)
		s := min((wide-tileGap*float64(k-1))/float64(k)/width, (high-line*rows)/rows/height)
		if s > side {
			columns, side = k, s
		}
	}
	if columns == 0 { // no room for any
		return int(math.Ceil(math.Sqrt(float64(n)))), 1 / max(width, height)
	}
	return columns, side
}

// fillGrids reduces all samples of all pictures.
func (c *chart) fillGrids(ctx context.Context, d *plotted, a imageAxes, samples int64, grids []*reduce.Grid) error {
	var parts []map[int64]*reduce.Grid
	var reach []region
	err := c.t.eachPlaced(ctx, d, func(r []region) {
		reach, parts = r, make([]map[int64]*reduce.Grid, len(r))
	}, func(part int, at []int64, v tensor.View) error {
		if parts[part] == nil {
			parts[part] = map[int64]*reduce.Grid{}
		}
		from, k := at, int64(1)
		first, pictures, sample := int64(0), int64(1), int64(0)
		if a.n >= 0 {
			first, pictures = at[a.n], v.Shape()[a.n]
		}
		if a.c >= 0 {
			sample, k = at[a.c], v.Shape()[a.c]
		}
		for i := range pictures {
			for j := range k {
				one, at := v, append([]int64(nil), from...)
				var err error
				for _, pin := range [][2]int64{{int64(a.n), i}, {int64(a.c), j}} {
					if axis := int(pin[0]); err == nil && axis >= 0 {
						one, err = one.Slice(axis, pin[1], pin[1]+1, 1)
					}
				}
				if err != nil {
					return err
				}
				at, one, err = plane(at, one, a.h, a.w)
				if err != nil {
					return err
				}
				id := (first+i)*samples + sample + j
				g := parts[part][id]
				if g == nil {
					r := reach[part]
					g = grids[id].Window(r.from[a.h], r.to[a.h], r.from[a.w], r.to[a.w])
					parts[part][id] = g
				}
				if err := g.Add(at[0], at[1], one); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return survey.Located(err, d.Tensor)
	}
	for _, p := range parts {
		for id, g := range p {
			grids[id].Merge(g)
		}
	}
	return nil
}

// shades makes pictures of samples: of one, which may have an alpha, in the
// colours of a map with its bar, of three as they are.
func (c *chart) shades(d *plotted, samples int64, grids []*reduce.Grid) ([]*image.NRGBA, *plot.Bar) {
	h, w := grids[0].Size()
	n := len(grids) / int(samples)
	of := func(picture, sample, y, x int) float64 { return grids[picture*int(samples)+sample].Mean(y, x) }
	lo, hi := 0.0, sampleMost(d.DType())
	if d.DType().Class == tensor.ClassFloat || d.DType().Class == tensor.ClassInt || c.o.percentile != "" {
		var all [][]float64
		for i, g := range grids {
			if samples%2 == 1 || i%int(samples) != int(samples)-1 { // alpha is none
				all = append(all, g.Means())
			}
		}
		drawn := finite(all...)
		if len(drawn) > 0 && (drawn[0] < lo || drawn[len(drawn)-1] > hi || c.o.percentile != "" || c.o.cmap != "") {
			lo, hi = quantileOf(drawn, c.o.clip[0]), quantileOf(drawn, c.o.clip[1])
		}
	}
	lo, hi = c.bounds(lo, hi)
	axis := plot.Axis{Label: valueLabel(d), Unit: d.unit(), Lo: lo, Hi: hi}
	var bar *plot.Bar
	if samples <= 2 {
		bar = &plot.Bar{Map: colour.Grey(), Axis: axis}
		if c.o.cmap != "" {
			bar.Map = colour.ByName(c.o.cmap)
		}
		c.doc.Color = &plotColorJSON{bar.Map.Name, *rangeDoc(&axis)}
	}
	nan := colour.Grey().NaN
	ground := c.figure.Theme.Ground()
	out := make([]*image.NRGBA, n)
	for i := range out {
		img := image.NewNRGBA(image.Rect(0, 0, w, h))
		for y := range h {
			for x := range w {
				var ink color.NRGBA
				if bar != nil {
					switch v := of(i, 0, y, x); {
					case math.IsNaN(v):
						ink, bar.NaN = bar.Map.NaN, true
					case math.IsInf(v, 1):
						ink, bar.PosInf = bar.Map.PosInf, true
					case math.IsInf(v, -1):
						ink, bar.NegInf = bar.Map.NegInf, true
					default:
						ink = bar.Map.At(axis.Share(v))
					}
				} else {
					r, g, b := axis.Share(of(i, 0, y, x)), axis.Share(of(i, 1, y, x)), axis.Share(of(i, 2, y, x))
					if ink = (color.NRGBA{eighth(r), eighth(g), eighth(b), 255}); math.IsNaN(r + g + b) {
						ink = nan
					}
				}
				if samples%2 == 0 { // the last is alpha, of the full scale
					ink = over(ink, ground, of(i, int(samples)-1, y, x)/sampleMost(d.DType()))
				}
				img.SetNRGBA(x, y, ink)
			}
		}
		out[i] = img
	}
	return out, bar
}

// sampleMost is full scale of a sample.
func sampleMost(d tensor.DType) float64 {
	switch d.Class {
	case tensor.ClassUint:
		return math.Ldexp(1, int(d.Bits)) - 1
	case tensor.ClassInt:
		return math.Ldexp(1, int(d.Bits)-1) - 1
	}
	return 1
}

// eighth is a share in eight bits.
func eighth(t float64) uint8 { return uint8(min(max(t, 0), 1)*255 + 0.5) }

// over lays a colour over another.
func over(c, ground color.NRGBA, alpha float64) color.NRGBA {
	if !(alpha >= 0) {
		alpha = 1
	}
	mix := func(a, b uint8) uint8 {
		t := min(alpha, 1)
		return uint8(float64(a)*t + float64(b)*(1-t) + 0.5)
	}
	return color.NRGBA{mix(c.R, ground.R), mix(c.G, ground.G), mix(c.B, ground.B), 255}
}
