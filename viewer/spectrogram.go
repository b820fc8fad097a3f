package viewer

import (
	"context"
	"fmt"
	"math"

	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/plot/spectrum"
)

const (
	// mostColumns bounds those of a spectrogram.
	mostColumns = 2048
	// The windows that there are.
	leastWindow = 16
	mostWindow  = 1 << 15
	// silence is the level of nothing, in dB.
	silence = -200
	// mostTransformed bounds the samples that are looked at.
	mostTransformed = 1 << 31
)

// spectrogram answers levels over time and frequency in dB, of a sine of full scale 0
// in its bin.
func (c *call) spectrogram() error {
	r, t, err := c.recording()
	if err != nil {
		return err
	}
	columns, err := c.int("columns", 512, 1, mostColumns)
	if err != nil {
		return err
	}
	window, err := c.int("window", 1024, leastWindow, mostWindow)
	if err != nil {
		return err
	}
	if window&(window-1) != 0 {
		return bad("window", c.q.Get("window"), "a power of two")
	}
	if r.to-r.from > mostTransformed {
		return tooMuch("from and to", fmt.Sprintf("%d samples", r.to-r.from), fmt.Sprintf("at most %d", int64(mostTransformed)))
	}
	p := r.line
	if c.keepable(c.tag(p.id, "t", "axis", "i", "from", "to", "columns", "window")) {
		return nil
	}
	if err := c.hold(p.weight() + 16<<20); err != nil {
		return err
	}
	w, h, cells, err := r.levels(c.ctx, p, int(columns), int(window), c.opts.Jobs)
	if err != nil {
		return survey.Located(err, t)
	}
	return c.raw("f32", []int64{int64(w), int64(h)}, floatBytes(cells))
}

// levels are those of a recording's channel: a column of rows after the other.
func (r *recording) levels(ctx context.Context, p *plane, columns, window, jobs int) (w, h int, cells []float32, err error) {
	s, err := spectrum.NewSpectrogram(r.to-r.from, &spectrum.Options{Window: window, Columns: columns, Workers: jobs})
	if err != nil {
		return 0, 0, nil, err
	}
	x := make([]float64, audioFrames)
	for at := r.from; at < r.to; at += audioFrames {
		end := min(at+audioFrames, r.to)
		if err := p.lineOf(ctx, at, end, x[:end-at]); err != nil {
			return 0, 0, nil, err
		}
		for i, v := range x[:end-at] {
			x[i] = (v - r.zero) * r.scale
		}
		s.Add(x[:end-at])
	}
	s.Close()
	w, h = s.Size()
	cells = make([]float32, w*h)
	_, nan := marks[float32]()
	for i := range cells {
		level := silence
		switch v := s.Power(i/h, i%h); {
		case v != v:
			cells[i] = nan
			continue
		case v > 0:
			// A sine of full scale has the power 1/2.
			cells[i] = float32(max(10*math.Log10(2*v), float64(level)))
			continue
		}
		cells[i] = float32(level)
	}
	return w, h, cells, nil
}
