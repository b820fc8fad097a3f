package audio

import (
	"math"
	"sync/atomic"

	"github.com/tensorfile/tensorfile/tensor"
)

// Mono mixes the channels of each frame to one: the sum of weights[c] times
// channel c, added in this order, in the dtype of v and of shape (T). Without
// weights each is 1/C, computed as the sum divided by C. A recording of no
// channels is ErrShape. clipped counts samples that did not fit.
func Mono(v tensor.View, weights []float64, o *Options) (out tensor.View, clipped int64, err error) {
	s, err := soundOf(v)
	if err != nil {
		return tensor.View{}, 0, err
	}
	if s.stride == 0 || weights != nil && int64(len(weights)) != s.stride {
		return tensor.View{}, 0, fail(tensor.ErrShape, "weights", itoa(int64(len(weights)))+" for "+itoa(s.stride)+" channels", "one for each of at least one channel")
	}
	if out, err = o.make(v.DType(), tensor.Shape{s.frames}); err != nil {
		return tensor.View{}, 0, err
	}
	to, err := soundOf(out)
	if err != nil {
		return tensor.View{}, 0, err
	}
	var lost atomic.Int64
	err = s.each(o, func(p *planes, lo, hi int64) error {
		sum := p.channel(0)
		if weights != nil {
			for i, x := range sum {
				sum[i] = x * weights[0]
			}
		}
		for c := int64(1); c < s.stride; c++ {
			w := 1.0
			if weights != nil {
				w = weights[c]
			}
			for i, x := range p.channel(c)[:len(sum)] {
				sum[i] += float64(w * x)
			}
		}
		if weights == nil {
			for i, x := range sum {
				sum[i] = x / float64(s.stride)
			}
		}
		n, err := to.save(p, lo)
		lost.Add(n)
		return err
	})
	return out, lost.Load(), err
}

// Convert gives samples another dtype at the same level: full scale stays full
// scale. clipped counts samples that did not fit.
func Convert(v tensor.View, d tensor.DType, o *Options) (out tensor.View, clipped int64, err error) {
	from, err := formatOf(v.DType())
	if err != nil {
		return tensor.View{}, 0, err
	}
	to, err := formatOf(d)
	if err != nil {
		return tensor.View{}, 0, err
	}
	return scale(v, d, to.full/from.full, o)
}

// Gain multiplies all samples. clipped counts those that did not fit.
func Gain(v tensor.View, factor float64, o *Options) (out tensor.View, clipped int64, err error) {
	return scale(v, v.DType(), factor, o)
}

func scale(v tensor.View, d tensor.DType, factor float64, o *Options) (out tensor.View, clipped int64, err error) {
	s, err := soundOf(v)
	if err != nil {
		return tensor.View{}, 0, err
	}
	if out, err = o.make(d, v.Shape()); err != nil {
		return tensor.View{}, 0, err
	}
	to, err := soundOf(out)
	if err != nil {
		return tensor.View{}, 0, err
	}
	var lost atomic.Int64
	err = s.each(o, func(p *planes, lo, hi int64) error {
		x := p.data[:p.n*s.stride]
		for i, v := range x {
			x[i] = v * factor
		}
		n, err := to.save(p, lo)
		lost.Add(n)
		return err
	})
	return out, lost.Load(), err
}

// Levels are the loudness of a recording over all its channels, relative to
// full scale.
type Levels struct {
	Peak float64 // the largest absolute value
	RMS  float64 // the root of the mean square; a full-scale sine has 0.7071
}

// DBFS is a level in decibels: 20 log10. Silence is minus infinity.
func DBFS(level float64) float64 { return 20 * math.Log10(level) }

// Measure returns the levels of v, zeros if there are no samples. If one is
// NaN, so are both.
func Measure(v tensor.View, o *Options) (Levels, error) {
	s, err := soundOf(v)
	if err != nil {
		return Levels{}, err
	}
	n := float64(v.NumElements())
	if n == 0 {
		return Levels{}, nil
	}
	// Sums of pieces are added in order, whoever made them.
	block := s.block()
	parts := make([]Levels, (s.frames+block-1)/block)
	err = s.each(o, func(p *planes, lo, hi int64) error {
		var peak, sum float64
		for _, x := range p.data[:p.n*s.stride] {
			peak = max(peak, math.Abs(x)) // NaN stays
			sum += float64(x * x)
		}
		parts[lo/block] = Levels{peak, sum}
		return nil
	})
	if err != nil {
		return Levels{}, err
	}
	var all Levels
	for _, p := range parts {
		all.Peak = max(all.Peak, p.Peak)
		all.RMS += p.RMS
	}
	return Levels{all.Peak / s.format.full, math.Sqrt(all.RMS/n) / s.format.full}, nil
}

// NormalizePeak multiplies all samples by the number that brings the peak to
// dbfs decibels relative to full scale, 0 or less for integers that shall not be
// clipped. Silence stays. Levels that are not finite are ErrUnsupported.
func NormalizePeak(v tensor.View, dbfs float64, o *Options) (out tensor.View, clipped int64, err error) {
	return normalize(v, dbfs, o, func(l Levels) float64 { return l.Peak })
}

// NormalizeRMS is [NormalizePeak] for the root of the mean square. Peaks may
// leave full scale: those of integers are clipped, and counted.
func NormalizeRMS(v tensor.View, dbfs float64, o *Options) (out tensor.View, clipped int64, err error) {
	return normalize(v, dbfs, o, func(l Levels) float64 { return l.RMS })
}

func normalize(v tensor.View, dbfs float64, o *Options, of func(Levels) float64) (tensor.View, int64, error) {
	levels, err := Measure(v, o)
	if err != nil {
		return tensor.View{}, 0, err
	}
	level, factor := of(levels), 1.0
	if level > 0 {
		factor = math.Pow(10, dbfs/20) / level
	}
	if math.IsNaN(level) || math.IsInf(level, 0) || math.IsNaN(factor) || math.IsInf(factor, 0) {
		return tensor.View{}, 0, fail(tensor.ErrUnsupported, "level", ftoa(level)+" to "+ftoa(dbfs)+" dBFS", "finite levels")
	}
	return Gain(v, factor, o)
}
