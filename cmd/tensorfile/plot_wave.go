package main

import (
	"context"
	"math"

	"github.com/tensorfile/tensorfile/plot"
	"github.com/tensorfile/tensorfile/tensor"
)

// sound is the axis of time of a recording, whose other axis has few channels,
// or -1.
func (d *plotted) sound() int {
	long := d.long()
	switch len(long) {
	case 0:
		return max(len(d.size)-1, -1)
	case 1:
		return long[0]
	case 2:
	default:
		return -1
	}
	for i, axis := range long {
		other := long[1-i]
		if d.axes[axis].is("t", "time", "frame", "frames", "sample", "samples") || d.axes[other].is("c", "channel", "channels") {
			return axis
		}
	}
	if d.size[long[0]] >= d.size[long[1]] {
		return long[0]
	}
	return long[1]
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
