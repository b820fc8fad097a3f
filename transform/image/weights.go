package image

import (
	"math"

	"github.com/tensorfile/tensorfile/internal/kernel"
	"github.com/tensorfile/tensorfile/tensor"
)

// Filter says how [Resize] makes a pixel from those around it.
type Filter uint8

// The filters. Except for Nearest the weight of a source pixel is a function of
// its distance from the middle of the new pixel, and when an image shrinks the
// function is stretched by the same factor, so that every source pixel counts:
// details that are too fine for the result are averaged, not picked by chance.
const (
	// Bilinear is the triangle 1-|t|, 0 from 1 on.
	Bilinear Filter = iota

	// Nearest takes the pixel in which the middle of the new one lies.
	Nearest

	// CatmullRom is the cubic with a = -1/2 that Pillow calls bicubic:
	// 1.5|t|^3-2.5|t|^2+1 up to 1, -0.5|t|^3+2.5|t|^2-4|t|+2 up to 2. Edges
	// overshoot; integers are clipped to their range.
	CatmullRom
)

// String is "bilinear", "nearest" or "bicubic".
func (f Filter) String() string {
	switch f {
	case Bilinear:
		return "bilinear"
	case Nearest:
		return "nearest"
	case CatmullRom:
		return "bicubic"
	}
	return "filter " + itoa(int64(f))
}

// ParseFilter knows the names that String returns, and "catmull-rom". Others
// are ErrUnsupported.
func ParseFilter(s string) (Filter, error) {
	switch s {
	case "bilinear":
		return Bilinear, nil
	case "nearest":
		return Nearest, nil
	case "bicubic", "catmull-rom":
		return CatmullRom, nil
	}
	return 0, fail(tensor.ErrUnsupported, "filter", tensor.Quote(s), "nearest, bilinear or bicubic")
}

// support is where the function of a filter becomes 0.
func (f Filter) support() float64 {
	if f == CatmullRom {
		return 2
	}
	return 1
}

func (f Filter) at(t float64) float64 {
	t = math.Abs(t)
	switch {
	case f == Bilinear && t < 1:
		return 1 - t
	case f == CatmullRom && t < 1:
		// Products are rounded one by one, on every machine.
		return float64(float64(float64(float64(1.5*t)-2.5)*t)*t) + 1
	case f == CatmullRom && t < 2:
		return float64(float64(float64(float64(float64(t-5)*t)+8)*t)-4) * -0.5
	}
	return 0
}

// span is the part of an axis of an image that a resize reads, in pixels. It
// has the precision that Pillow gives to a box.
type span struct{ lo, hi float32 }

// taps are the source pixels that each new pixel along an axis is the weighted
// sum of.
type taps struct {
	first, n []int // of each new pixel
	most     int   // weights of a pixel lie this far apart
	weights  []float64
	fixed    []int32 // weights with kernel.MixBits fractional bits
}

// maxTaps bounds a table of weights: 2 GiB.
const maxTaps = 1 << 28

// makeTaps computes the weights of an axis that goes from in pixels, of which
// s is read, to out, as Pillow does, operation by operation.
func makeTaps(f Filter, in, out int64, s span) (*taps, error) {
	scale := float64(s.hi-s.lo) / float64(out)
	wide := max(scale, 1)
	support := f.support() * wide
	most := 2*math.Ceil(support) + 1
	if most*float64(out) > maxTaps {
		return nil, fail(tensor.ErrLimit, "weights", itoa(in)+" to "+itoa(out)+" pixels", "at most "+itoa(maxTaps)+" weights")
	}
	t := &taps{first: make([]int, out), n: make([]int, out), most: int(most)}
	t.weights = make([]float64, int(out)*t.most)
	for i := range t.first {
		middle := float64(s.lo) + float64((float64(i)+0.5)*scale)
		lo := max(int64(middle-support+0.5), 0)
		hi := min(int64(middle+support+0.5), in)
		w := t.weights[i*t.most:][:hi-lo]
		sum := 0.0
		for k := range w {
			w[k] = f.at(float64(float64(lo+int64(k))-middle+0.5) * (1 / wide))
			sum += w[k]
		}
		for k := range w {
			w[k] /= sum
		}
		t.first[i], t.n[i] = int(lo), len(w)
	}
	return t, nil
}

// fix makes the weights for bytes.
func (t *taps) fix() {
	t.fixed = make([]int32, len(t.weights))
	for i, w := range t.weights {
		t.fixed[i] = int32(math.Round(w * (1 << kernel.MixBits)))
	}
}

// reach is the range of source pixels that the new pixels from i to j-1 need.
func (t *taps) reach(i, j int) (lo, hi int) { return t.first[i], t.first[j-1] + t.n[j-1] }
