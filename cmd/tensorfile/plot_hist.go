package main

import (
	"context"
	"math"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/plot"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/tensor/stats"
)

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
	so := &stats.Options{RangeOnly: c.o.clip == [2]float64{0, 1}, Exact: -1}
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
	if some && !so.RangeOnly {
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
