package stats

import (
	"math"

	"github.com/tensorfile/tensorfile/tensor"
)

// A Histogram counts values in bins of equal width. As in NumPy the last bin
// holds its upper end, too, and what lies outside is not counted. It belongs to
// one goroutine.
type Histogram struct {
	Lo, Hi float64
	Counts []int64
	edges  []float64 // of all bins: Edge costs more than the rest
	load   loader
}

// NewHistogram returns a Histogram of bins from lo to hi, for elements of a
// dtype: one that is not Numeric is ErrDType; lo must not be above hi, both
// finite, and there must be at least one bin (ErrIndex). If lo equals hi, the
// bins go from half below to half above it.
func NewHistogram(d tensor.DType, lo, hi float64, bins int) (*Histogram, error) {
	if !Numeric(d) {
		return nil, &tensor.Error{Kind: tensor.ErrDType, Offset: -1, Field: "histogram", Got: d.String(), Want: "a numeric dtype"}
	}
	if !(lo <= hi) || math.IsInf(lo, 0) || math.IsInf(hi, 0) || bins < 1 {
		return nil, &tensor.Error{Kind: tensor.ErrIndex, Offset: -1, Field: "histogram", Got: "no range or no bins", Want: "a finite range and at least one bin"}
	}
	if lo == hi {
		lo, hi = lo-0.5, hi+0.5
	}
	h := &Histogram{Lo: lo, Hi: hi, Counts: make([]int64, bins), edges: make([]float64, bins+1), load: loader{dtype: d}}
	for i := range h.edges {
		h.edges[i] = h.Edge(i)
	}
	return h, nil
}

// Add takes the elements of v, as Accumulator.Add does.
func (h *Histogram) Add(v tensor.View) error {
	if v.DType() != h.load.dtype {
		return &tensor.Error{Kind: tensor.ErrDType, Offset: -1, Field: "histogram", Got: v.DType().String(), Want: h.load.dtype.String()}
	}
	return eachBlock(v, valueBlock, h.add)
}

func (h *Histogram) add(v tensor.View) error {
	x, err := h.load.values(v)
	if err != nil {
		return err
	}
	n := len(h.Counts)
	// Halves, so that a range of the whole of float64 does not overflow.
	lo, hi, half, scale := h.Lo, h.Hi, h.Lo/2, float64(n)/(h.Hi/2-h.Lo/2)
	edges, counts := h.edges[:n+1], h.Counts
	for _, v := range x {
		if !(v >= lo && v <= hi) {
			continue
		}
		i := min(int((v/2-half)*scale), n-1)
		// The product may round across the edge of a bin.
		if v < edges[i] {
			i--
		} else if i < n-1 && v >= edges[i+1] {
			i++
		}
		counts[i]++
	}
	return nil
}

// Edge is the lower end of bin i, and of one behind the last the upper end of
// that.
func (h *Histogram) Edge(i int) float64 {
	n := len(h.Counts)
	if i == n {
		return h.Hi
	}
	if w := h.Hi - h.Lo; !math.IsInf(w, 0) {
		return h.Lo + w*(float64(i)/float64(n))
	}
	t := float64(i) / float64(n)
	return h.Lo*(1-t) + h.Hi*t
}

// Merge adds the counts of o, which must have the same bins.
func (h *Histogram) Merge(o *Histogram) error {
	if h.Lo != o.Lo || h.Hi != o.Hi || len(h.Counts) != len(o.Counts) {
		return &tensor.Error{Kind: tensor.ErrShape, Offset: -1, Field: "histogram", Got: "other bins", Want: "the same bins"}
	}
	for i, n := range o.Counts {
		h.Counts[i] += n
	}
	return nil
}

// Repeat makes every element that was taken so far count n times.
func (h *Histogram) Repeat(n int64) {
	for i := range h.Counts {
		h.Counts[i] = times(h.Counts[i], n)
	}
}
