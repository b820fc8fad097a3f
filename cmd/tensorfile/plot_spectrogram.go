package main

import (
	"context"
	"math"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/plot"
	"github.com/tensorfile/tensorfile/plot/spectrum"
	"github.com/tensorfile/tensorfile/tensor"
)

// spectrogram draws sound by time and frequency; of several channels their mean.
func (c *chart) spectrogram(ctx context.Context, d *plotted) error {
	along := d.sound()
	if along < 0 {
		return c.tooMany(d, "a spectrogram")
	}
	rate := d.rate(c.o.rate)
	x, y := plot.Axis{Label: "time", Unit: "s"}, plot.Axis{Label: "frequency", Unit: "Hz"}
	if rate == 0 {
		rate = 1
		x, y = plot.Axis{Label: "sample"}, plot.Axis{Label: "frequency (cycles per sample)"}
	}
	width, height := c.o.pixels()
	samples := d.size[along]
	s, err := spectrum.NewSpectrogram(samples, &spectrum.Options{
		Window: c.o.window, Hop: c.o.hop, Columns: width, Rows: height, Workers: c.t.jobs,
	})
	if err != nil {
		return err
	}
	if err := c.samples(ctx, d, along, s.Add); err != nil {
		return survey.Located(err, d.Tensor)
	}
	s.Close()
	columns, rows := s.Size()
	if samples == 0 {
		columns = 0
	}
	// Far below the loudest nothing is to be seen but the rounding.
	decibels := func(power float64) float64 { return 10 * math.Log10(2*power+1e-30) }
	loudest := math.Inf(-1)
	for i := range columns {
		for j := range rows {
			if db := decibels(s.Power(i, j)); db > loudest {
				loudest = db
			}
		}
	}
	const shown = 100
	if c.o.vmin == nil && c.o.percentile == "" && !math.IsInf(loudest, 0) {
		floor := loudest - shown
		if c.o.vmax != nil {
			floor = *c.o.vmax - shown
		}
		c.o.vmin = &floor
	}
	img, bar := c.colours(cells{rows, columns, func(y, x int) float64 { return decibels(s.Power(x, rows-1-y)) }}, "power", "dBFS")
	x.Lo, x.Hi = d.axes[along].start/rate, (d.axes[along].start+d.axes[along].step*float64(samples))/rate
	y.Lo, y.Hi = 0, rate/2
	c.labels(&x, &y)
	p := &plot.Panel{X: x, Y: y, Bar: bar, Marks: []plot.Mark{&plot.Raster{Image: img, X0: x.Lo, X1: x.Hi, Y0: y.Hi, Y1: y.Lo}}}
	if columns == 0 {
		p.Note, p.Bar, p.Marks = "no data", nil, nil
	}
	total := plotDrawnJSON{Marks: []int64{int64(rows), int64(columns)}, Window: s.Window(), Hop: s.Hop(), Frames: s.Frames()}
	total.Elements, _ = d.size.NumElements()
	c.figure.Panels, c.doc.Drawn = []*plot.Panel{p}, &total
	return nil
}

// samples calls fn with the samples of a recording in their order: full scale is
// 1, channels are averaged.
func (c *chart) samples(ctx context.Context, d *plotted, along int, fn func([]float64)) error {
	channels, before := int64(1), int64(1)
	for axis, n := range d.size {
		if axis != along {
			channels *= n
		}
		if axis < along {
			before *= n
		}
	}
	if channels > plotLines {
		return c.tooMany(d, "a spectrogram")
	}
	if d.size[along] == 0 || channels == 0 {
		return nil
	}
	seen, end := c.t.plotProgress(d.pick, 1)
	defer end()
	scale, offset := fullScale(d.DType())
	scale /= float64(channels)
	frame, have := 0.0, int64(0)
	push := func(v tensor.View) error { // the channels of a sample follow each other
		flat, err := v.Cast(tensor.F64)
		if err != nil {
			return err
		}
		x, err := tensor.Data[float64](flat)
		if err != nil {
			return err
		}
		out := x[:0]
		for _, v := range x {
			frame += v
			if have++; have == channels {
				out = append(out, frame*scale+offset)
				frame, have = 0, 0
			}
		}
		fn(out)
		seen(v.ByteSize())
		return nil
	}
	turned := func(v tensor.View) error { // time first
		_, v, err := plane(make([]int64, v.Rank()), v, append([]int{along}, d.others(along)...)...)
		if err != nil {
			return err
		}
		return push(v)
	}
	switch {
	case isQuantised(d.Tensor), before > 1 && d.Storage().Kind == tensorfile.StorageEncoded:
		v, err := d.ReadAll(ctx)
		if err != nil {
			return err
		}
		return turned(v)
	case before == 1:
		return c.t.inOrder(ctx, d.pick, push)
	}
	const piece = 1 << 18
	for at := int64(0); at < d.size[along]; at += piece {
		sel := make(tensor.Selection, len(d.size))
		for axis, n := range d.size {
			sel[axis] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: 0, Stop: n, Step: 1}
		}
		sel[along].Start, sel[along].Stop = at, min(at+piece, d.size[along])
		sels := []tensor.Selection{sel}
		if d.Sel != nil {
			sels = []tensor.Selection{d.Sel, sel}
		}
		v, err := d.Read(ctx, sels...)
		if err == nil {
			err = turned(v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// others are the axes but one.
func (d *plotted) others(but int) []int {
	var list []int
	for axis := range d.size {
		if axis != but {
			list = append(list, axis)
		}
	}
	return list
}
