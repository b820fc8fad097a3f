package main

import (
	"context"
	"math"
	"slices"

	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/plot"
	"github.com/tensorfile/tensorfile/plot/colour"
	"github.com/tensorfile/tensorfile/plot/reduce"
	"github.com/tensorfile/tensorfile/tensor"
)

// plotLines is how many lines one chart has at most.
const plotLines = colour.MaxLines

// plotDots is up to how many points are dots, too.
const plotDots = 60

// A series is a line on its way.
type series struct {
	name string
	axis plotAxis // along it
	n    int64    // elements
	env  *reduce.Envelope
}

// series reduces the rows of a tensor along an axis: one for each element of
// the other axis, if there is another of more than one element.
func (c *chart) series(ctx context.Context, d *plotted, along int) ([]series, error) {
	other, n := -1, int64(1)
	for _, axis := range d.long() {
		if axis != along {
			if other >= 0 {
				return nil, c.tooMany(d, "a line")
			}
			other, n = axis, d.size[axis]
		}
	}
	if n > plotLines {
		e := usage(c.cmd, "%s has %d lines, and a chart has at most %d", clean(d.label()), n, plotLines)
		e.hint = "a selection takes some; --kind heat draws all"
		return nil, e
	}
	length, axis := int64(1), plotAxis{step: 1, whole: true}
	if along >= 0 {
		length, axis = d.size[along], d.axes[along]
	} else if s, err := d.size.NumElements(); err == nil {
		length = s
	}
	width, _ := c.o.pixels()
	if total, err := d.size.NumElements(); err != nil || total == 0 {
		return []series{{axis: axis, env: reduce.NewEnvelope(0, width)}}, err
	}
	out := make([]series, n)
	for i := range out {
		out[i] = series{axis: axis, n: length, env: reduce.NewEnvelope(length, width)}
		if other >= 0 {
			out[i].name = d.axes[other].label("row") + " " + numberOf(d.axes[other].at(float64(i)))
			if other > along && d.axes[other].name == "" {
				out[i].name = "column " + numberOf(d.axes[other].at(float64(i)))
			}
		}
	}
	var parts [][]*reduce.Envelope
	err := c.t.eachPlaced(ctx, d, func(r []region) {
		parts = make([][]*reduce.Envelope, len(r))
	}, func(part int, at []int64, v tensor.View) error {
		if parts[part] == nil {
			for range out {
				parts[part] = append(parts[part], reduce.NewEnvelope(length, width))
			}
		}
		if along < 0 { // one element, or none
			flat, err := v.Reshape(tensor.Shape{v.NumElements()})
			if err != nil {
				return err
			}
			return parts[part][0].Add(0, flat)
		}
		if other < 0 {
			at, v, err := plane(at, v, along)
			if err != nil {
				return err
			}
			return parts[part][0].Add(at[0], v)
		}
		at, v, err := plane(at, v, other, along)
		for i := int64(0); err == nil && i < v.Shape()[0]; i++ {
			var row tensor.View
			if row, err = v.Index(0, i); err == nil {
				err = parts[part][at[0]+i].Add(at[1], row)
			}
		}
		return err
	})
	if err != nil {
		return nil, survey.Located(err, d.Tensor)
	}
	for _, envs := range parts {
		for i, e := range envs {
			out[i].env.Merge(e)
		}
	}
	return out, nil
}

// numberOf is a place on an axis in a name.
func numberOf(x float64) string {
	if x == math.Trunc(x) && math.Abs(x) < 1e15 {
		return itoa(int64(x))
	}
	return floatText(x)
}

// tooMany refuses a tensor with more axes than a chart can show.
func (c *chart) tooMany(d *plotted, what string) error {
	e := usage(c.cmd, "%s has shape %v, too many axes for %s", clean(d.label()), d.size, what)
	e.hint = "a selection drops axes: '" + clean(d.Name()) + "[0]'; --kind hist takes any"
	return e
}

// lines draws one line for each tensor, or for each row of one.
func (c *chart) lines(ctx context.Context, all []*plotted) error {
	p := &plot.Panel{}
	var drawn []series
	for _, d := range all {
		long := d.long()
		along := -1
		switch {
		case len(long) > 2:
			return c.tooMany(d, "lines")
		case len(long) == 2:
			along = d.lengthwise()
		case len(long) == 1:
			along = long[0]
		case len(d.size) > 0:
			along = len(d.size) - 1
		}
		list, err := c.series(ctx, d, along)
		if err != nil {
			return err
		}
		for _, s := range list {
			if rate := d.rate(c.o.rate); rate > 0 && along >= 0 {
				s.axis = plotAxis{name: "time", unit: "s", start: s.axis.start / rate, step: s.axis.step / rate}
			}
			if len(all) > 1 && s.name != "" {
				s.name = d.label() + ", " + s.name
			} else if len(all) > 1 {
				s.name = d.label()
			}
			drawn = append(drawn, s)
		}
	}
	if len(drawn) > plotLines {
		return usage(c.cmd, "%d lines, and a chart has at most %d", len(drawn), plotLines)
	}
	first := drawn[0].axis
	p.X = plot.Axis{Label: first.label("index"), Unit: first.unit, Whole: first.whole}
	p.Y = plot.Axis{Label: valueLabel(all[0]), Unit: all[0].unit(), Log: c.o.log}
	var ends []float64
	total := plotDrawnJSON{}
	for i, s := range drawn {
		c.line(p, s, i, len(drawn), 1, 0)
		e := s.env
		ends = append(append(ends, e.Min...), e.Max...)
		total.NaN, total.PosInf, total.NegInf = total.NaN+e.NaN, total.PosInf+e.PosInf, total.NegInf+e.NegInf
		total.Marks = append(total.Marks, int64(e.Len()))
	}
	for _, d := range all {
		n, _ := d.size.NumElements()
		total.Elements = addSaturated(total.Elements, n)
	}
	c.specials(p, drawn, &total)
	p.X.Lo, p.X.Hi = reachOf(drawn)
	ascending := finite(ends)
	p.Y.Lo, p.Y.Hi = c.padded(c.values(ascending))
	switch {
	case total.Elements == 0:
		p.Note = "no data"
	case len(ascending) == 0:
		p.Note = "no finite values"
	case c.o.log && ascending[len(ascending)-1] <= 0:
		p.Note = "no values above 0"
	}
	c.figure.Panels = []*plot.Panel{p}
	c.labels(&p.X, &p.Y)
	c.doc.Drawn = &total
	return nil
}

// lengthwise is the axis along which lines run, of two of more than one element
// or none.
func (d *plotted) lengthwise() int {
	long := d.long()
	if d.axes[long[0]].is("c", "channel", "channels") || d.size[long[1]] > d.size[long[0]] && !d.axes[long[1]].is("c", "channel", "channels") {
		return long[1]
	}
	return long[0]
}

func valueLabel(d *plotted) string {
	if d.DType().Class == tensor.ClassComplex {
		return "magnitude"
	}
	return "value"
}

// line adds the marks of series i of n, of values that are scaled.
func (c *chart) line(p *plot.Panel, s series, i, n int, scale, offset float64) {
	ink := c.figure.Theme.Line(i)
	name := s.name
	if n == 1 {
		name = ""
	}
	e := s.env
	x := make([]float64, e.Len())
	lo, hi := make([]float64, e.Len()), make([]float64, e.Len())
	for k := range x {
		x[k] = s.axis.at(e.Center(k))
		lo[k], hi[k] = e.Min[k]*scale+offset, e.Max[k]*scale+offset
	}
	if e.Exact() {
		p.Marks = append(p.Marks, &plot.Line{Name: name, X: x, Y: lo, Color: ink, Dots: len(x) <= plotDots, Dash: i >= plotLines/2})
		return
	}
	p.Marks = append(p.Marks, &plot.Band{Name: name, X: x, Lo: lo, Hi: hi, Color: ink})
}

// specials marks where elements are that are no finite numbers.
func (c *chart) specials(p *plot.Panel, drawn []series, total *plotDrawnJSON) {
	var nans, above, below []float64
	for _, s := range drawn {
		for k := range s.env.Len() {
			nan, pos, neg := s.env.Has(k)
			x := s.axis.at(s.env.Center(k))
			if nan {
				nans = append(nans, x)
			}
			if pos {
				above = append(above, x)
			}
			if neg {
				below = append(below, x)
			}
		}
	}
	for _, list := range [][]float64{nans, above, below} {
		slices.Sort(list)
	}
	nan, pos, neg := c.figure.Theme.Special()
	for _, r := range []struct {
		n    int64
		mark plot.Rug
	}{
		{total.NaN, plot.Rug{Name: "NaN", X: nans, Color: nan}},
		{total.PosInf, plot.Rug{Name: "+Inf", X: above, Color: pos, Top: true}},
		{total.NegInf, plot.Rug{Name: "−Inf", X: below, Color: neg}},
	} {
		if r.n > 0 {
			r.mark.Name += " (" + countText(r.n) + ")"
			p.Marks = append(p.Marks, &r.mark)
		}
	}
}

// reachOf is what series reach over on their axis.
func reachOf(drawn []series) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, s := range drawn {
		if s.n > 0 {
			a, b := s.axis.at(0), s.axis.at(float64(s.n-1))
			lo, hi = min(lo, a, b), max(hi, a, b)
		}
	}
	if lo == hi && drawn[0].axis.whole { // one point, in the middle
		return lo - 0.5, hi + 0.5
	}
	if drawn[0].env.Len() <= plotDots { // so that the first and the last dot are whole
		pad := 0.02 * (hi - lo)
		return lo - pad, hi + pad
	}
	return lo, hi
}

// padded leaves room above and below lines, unless the end was asked for.
func (c *chart) padded(lo, hi float64) (float64, float64) {
	const share = 0.04
	if c.o.log {
		if lo > 0 && hi > lo {
			k := math.Exp((math.Log(hi) - math.Log(lo)) * share)
			if c.o.vmin == nil {
				lo = max(lo/k, math.SmallestNonzeroFloat64)
			}
			if c.o.vmax == nil {
				hi = min(hi*k, math.MaxFloat64)
			}
		}
		return lo, hi
	}
	pad := (hi/2 - lo/2) * 2 * share
	if math.IsInf(pad, 0) || math.IsNaN(pad) {
		return lo, hi
	}
	if c.o.symmetric && (c.o.vmin != nil || c.o.vmax != nil) {
		return lo, hi
	}
	if c.o.vmin == nil {
		lo = max(lo-pad, -math.MaxFloat64)
	}
	if c.o.vmax == nil {
		hi = min(hi+pad, math.MaxFloat64)
	}
	return lo, hi
}
