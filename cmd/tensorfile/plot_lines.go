package main

import (
	"context"
	"math"
	"slices"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/plot"
	"github.com/tensorfile/tensorfile/plot/colour"
	"github.com/tensorfile/tensorfile/plot/reduce"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/tensor/stats"
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

// wave draws a recording, a panel for each channel.
func (c *chart) wave(ctx context.Context, d *plotted) error {
	along := d.sound()
	if along < 0 && len(d.size) > 0 {
		return c.tooMany(d, "a wave")
	}
	list, err := c.series(ctx, d, along)
	if err != nil {
		return err
	}
	scale, offset := fullScale(d.DType())
	x := plot.Axis{Label: "sample", Whole: true}
	rate := d.rate(c.o.rate)
	if rate > 0 {
		x = plot.Axis{Label: "time", Unit: "s"}
	}
	for i := range list {
		if a := &list[i].axis; rate > 0 {
			*a = plotAxis{unit: "s", start: a.start / rate, step: a.step / rate}
		}
	}
	var ends []float64
	total := plotDrawnJSON{}
	total.Elements, _ = d.size.NumElements()
	for _, s := range list {
		for _, v := range append(s.env.Min[:len(s.env.Min):len(s.env.Min)], s.env.Max...) {
			ends = append(ends, v*scale+offset)
		}
	}
	ascending := finite(ends)
	// To full scale, unless that would leave the wave flat or cut it off.
	lo, hi := -1.0, 1.0
	if n := len(ascending); n > 0 {
		if peak := max(-ascending[0], ascending[n-1]); peak > 1 || peak > 0 && peak < 0.25 {
			lo, hi = -1.05*peak, 1.05*peak
		}
	}
	y := plot.Axis{Label: "amplitude", Unit: d.unit()}
	y.Lo, y.Hi = c.bounds(lo, hi)
	x.Lo, x.Hi = reachOf(list)
	if a := list[0].axis; rate > 0 { // to the end of the last sample
		x.Lo, x.Hi = a.at(0), a.at(float64(list[0].n))
		x.Lo, x.Hi = min(x.Lo, x.Hi), max(x.Lo, x.Hi)
	}
	c.labels(&x, &y)
	for i, s := range list {
		p := &plot.Panel{X: x, Y: y, Title: channelName(s.name, i, len(list))}
		p.X.Hidden = i < len(list)-1 // it is that of the last
		c.line(p, s, i, 1, scale, offset)
		own := plotDrawnJSON{NaN: s.env.NaN, PosInf: s.env.PosInf, NegInf: s.env.NegInf}
		c.specials(p, list[i:i+1], &own)
		total.NaN, total.PosInf, total.NegInf = total.NaN+own.NaN, total.PosInf+own.PosInf, total.NegInf+own.NegInf
		total.Marks = append(total.Marks, int64(s.env.Len()))
		if total.Elements == 0 {
			p.Note = "no data"
		}
		c.figure.Panels = append(c.figure.Panels, p)
	}
	c.doc.Drawn = &total
	return nil
}

// channelName is what stands above the wave of a channel.
func channelName(name string, i, n int) string {
	switch {
	case n == 1:
		return ""
	case n == 2:
		return []string{"left", "right"}[i]
	}
	return name
}

// fullScale is what makes the largest samples 1: a factor, and what is added.
// Unsigned samples are silent in the middle.
func fullScale(d tensor.DType) (scale, offset float64) {
	switch d.Class {
	case tensor.ClassInt:
		return math.Ldexp(1, 1-int(d.Bits)), 0
	case tensor.ClassUint:
		return math.Ldexp(1, 1-int(d.Bits)), -1
	}
	return 1, 0
}

// hist draws how often values occur.
func (c *chart) hist(ctx context.Context, d *plotted) error {
	p := d.pick
	label := valueLabel(d)
	if isSparse(d.Tensor) {
		x, err := d.Part(format.RoleValues)
		if err != nil {
			return err
		}
		if d.Sel != nil {
			return usage(c.cmd, "a histogram of a sparse tensor takes all that is stored, no selection")
		}
		p, label = picked(x, nil), "stored value"
	}
	seen, end := c.t.plotProgress(p, 2)
	defer end()
	so := &stats.Options{NoQuantiles: c.o.clip == [2]float64{0, 1}, Exact: -1}
	var accs []*stats.Accumulator
	repeat, err := survey.Each(ctx, p.Pick, c.t.jobs, func(parts int) { accs = make([]*stats.Accumulator, parts) }, func(part int, v tensor.View) (err error) {
		if accs[part] == nil {
			if accs[part], err = stats.New(p.DType(), so); err != nil {
				return err
			}
		}
		defer seen(v.ByteSize())
		return accs[part].Add(v)
	})
	if err != nil {
		return survey.Located(err, p.Tensor)
	}
	acc, err := stats.New(p.DType(), so)
	for _, a := range accs {
		if err == nil && a != nil {
			err = acc.Merge(a)
		}
	}
	if err != nil {
		return err
	}
	acc.Repeat(repeat)
	sum := acc.Summary()
	lo, hi, some := acc.Range()
	if some && !so.NoQuantiles {
		lo, _ = acc.Quantile(c.o.clip[0])
		hi, _ = acc.Quantile(c.o.clip[1])
	}
	panel := &plot.Panel{
		X: plot.Axis{Label: label, Unit: d.unit()},
		Y: plot.Axis{Label: "count", Log: c.o.log, Whole: !c.o.log, Lo: 0, Hi: 1},
	}
	total := plotDrawnJSON{Elements: sum.Count, NaN: sum.NaN, PosInf: sum.PosInf, NegInf: sum.NegInf, Marks: []int64{}}
	panel.X.Lo, panel.X.Hi = 0, 1
	if some || c.o.vmin != nil && c.o.vmax != nil {
		lo, hi = c.bounds(lo, hi)
		bins := c.o.bins
		if bins == 0 {
			bins = binsFor(sum.Count, p.DType(), &lo, &hi, c.o.vmin != nil || c.o.vmax != nil)
		}
		h, err := c.counts(ctx, p, lo, hi, bins, seen)
		if err != nil {
			return err
		}
		h.Repeat(repeat)
		bars := &plot.Bars{Color: c.figure.Theme.Line(0)}
		least, most := math.Inf(1), 0.0
		for i, n := range h.Counts {
			bars.Edges = append(bars.Edges, h.Edge(i))
			bars.Heights = append(bars.Heights, float64(n))
			if most = max(most, float64(n)); n > 0 {
				least = min(least, float64(n))
			}
		}
		bars.Edges = append(bars.Edges, h.Edge(len(h.Counts)))
		panel.Marks = append(panel.Marks, bars)
		panel.X.Lo, panel.X.Hi = h.Lo, h.Hi
		panel.Y.Hi = max(most*1.04, 1)
		if c.o.log {
			panel.Y.Lo, panel.Y.Hi = min(least, most)/2, max(most*1.3, 2)
		}
		total.Marks = []int64{int64(bins)}
	} else {
		panel.Note = "no data"
		if sum.Count > 0 {
			panel.Note = "no finite values"
		}
	}
	c.specials(panel, nil, &total)
	c.figure.Panels = []*plot.Panel{panel}
	c.labels(&panel.X, &panel.Y)
	c.doc.Drawn = &total
	return nil
}

// counts counts in a second pass, because the range must be known.
func (c *chart) counts(ctx context.Context, p pick, lo, hi float64, bins int, seen func(int64)) (*stats.Histogram, error) {
	var parts []*stats.Histogram
	_, err := survey.Each(ctx, p.Pick, c.t.jobs, func(n int) { parts = make([]*stats.Histogram, n) }, func(part int, v tensor.View) (err error) {
		if parts[part] == nil {
			if parts[part], err = stats.NewHistogram(p.DType(), lo, hi, bins); err != nil {
				return err
			}
		}
		defer seen(v.ByteSize())
		return parts[part].Add(v)
	})
	if err != nil {
		return nil, survey.Located(err, p.Tensor)
	}
	all, err := stats.NewHistogram(p.DType(), lo, hi, bins)
	for _, h := range parts {
		if err == nil && h != nil {
			err = all.Merge(h)
		}
	}
	return all, err
}

// binsFor is how many bins suit so many elements. Those of integers hold equally
// many of them; the range grows by half of one for that.
func binsFor(n int64, d tensor.DType, lo, hi *float64, asked bool) int {
	bins := min(max(int(math.Sqrt(float64(n))), 10), 80)
	if d.Class != tensor.ClassInt && d.Class != tensor.ClassUint && d.Class != tensor.ClassBool || asked {
		return bins
	}
	span := *hi - *lo + 1
	if span > 1<<52 {
		return bins
	}
	each := math.Ceil(span / float64(max(bins, 64)))
	count := math.Ceil(span / each)
	*lo -= 0.5
	*hi = *lo + each*count
	return int(count)
}
