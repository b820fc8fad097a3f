package viewer

import (
	"math"

	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/tensor"
)

// mostHistogram bounds the bins of a histogram.
const mostHistogram = 4096

// quantiles that are told of a tensor.
var quantiles = []float64{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99}

// stats answers the statistics of a tensor, or of a selection.
func (c *call) stats() error { return c.described(0, "stats", "t", "sel") }

// histogram answers statistics with a histogram.
func (c *call) histogram() error {
	bins, err := c.int("bins", 100, 1, mostHistogram)
	if err != nil {
		return err
	}
	return c.described(int(bins), "histogram", "t", "sel", "bins", "lo", "hi")
}

func (c *call) described(bins int, kind string, names ...string) error {
	h, p, err := c.pick()
	if err != nil {
		return err
	}
	o := &survey.StatsOptions{Quantiles: quantiles, Bins: bins, Jobs: min(c.opts.Jobs, 4)}
	if o.Lo, err = c.float("lo", 0); err != nil {
		return err
	}
	if o.Hi, err = c.float("hi", 0); err != nil {
		return err
	}
	if math.IsInf(o.Lo, 0) || math.IsInf(o.Hi, 0) || o.Lo > o.Hi {
		return bad("lo and hi", "ends that are none", "finite numbers, of which lo is not more")
	}
	shape, err := p.Extents()
	if err != nil {
		return err
	}
	total, err := tensor.ByteSize(p.DType(), shape)
	if err != nil {
		total = 0 // of a composite
	}
	if bins > 0 {
		total = saturated(total, 2)
	}
	return c.job(c.keyOf(h, kind, names...), total, func(report func(int64)) (any, error) {
		var seen counter
		o.Seen = func(v tensor.View) { report(seen.add(v.ByteSize())) }
		d, err := survey.Describe(c.ctx, p, o)
		if err != nil {
			return nil, survey.Located(err, p.Tensor)
		}
		return d.Doc(quantiles), nil
	})
}
