package reduce

import (
	"math"

	"github.com/tensorfile/tensorfile/internal/kernel"
	"github.com/tensorfile/tensorfile/tensor"
)

// An Envelope is the least and the greatest of the finite elements in each
// column of pixels. With as many columns as elements it is the elements
// themselves. It belongs to one goroutine.
type Envelope struct {
	// Min and Max have an element a column, +Inf and -Inf where there is none.
	Min, Max []float64
	Specials
	cut
	marks  []uint8
	values values
}

// NewEnvelope returns an Envelope of n elements in at most that many columns.
func NewEnvelope(n int64, columns int) *Envelope {
	c := newCut(n, columns)
	e := &Envelope{cut: c, Min: make([]float64, c.pixels), Max: make([]float64, c.pixels), marks: make([]uint8, c.pixels)}
	for i := range e.Min {
		e.Min[i], e.Max[i] = math.Inf(1), math.Inf(-1)
	}
	return e
}

// Len is the number of columns.
func (e *Envelope) Len() int { return e.pixels }

// Exact reports whether every element has a column of its own.
func (e *Envelope) Exact() bool { return int64(e.pixels) == e.n }

// Center is where the middle of a column stands among the elements.
func (e *Envelope) Center(column int) float64 {
	return (float64(e.start(column)) + float64(e.start(column+1)-1)) / 2
}

// Has reports which elements that are not finite fell into a column.
func (e *Envelope) Has(column int) (nan, posInf, negInf bool) {
	m := e.marks[column]
	return m&sawNaN != 0, m&sawPosInf != 0, m&sawNegInf != 0
}

// Add takes the elements of a view of one axis, of which the first is element
// at.
func (e *Envelope) Add(at int64, v tensor.View) error {
	if err := checkNumeric(v); err != nil {
		return err
	}
	if v.Rank() != 1 || at < 0 || v.NumElements() > e.n-at {
		return outside(v.Shape(), []int64{at}, tensor.Shape{e.n})
	}
	if x, err := tensor.Data[float32](v); err == nil {
		addRow(e, at, x)
		return nil
	}
	if x, err := tensor.Data[float64](v); err == nil {
		addRow(e, at, x)
		return nil
	}
	for from, n := int64(0), v.NumElements(); from < n; from += piece {
		part, err := v.Slice(0, from, min(from+piece, n), 1)
		if err != nil {
			return err
		}
		x, err := e.values.of(part)
		if err != nil {
			return err
		}
		addRow(e, at+from, x)
	}
	return nil
}

func addRow[T float](e *Envelope, at int64, x []T) {
	if len(x) == 0 {
		return
	}
	for column := e.of(at); len(x) > 0; column++ {
		n := min(e.start(column+1)-at, int64(len(x)))
		extremes(e, column, x[:n])
		at, x = at+n, x[n:]
	}
}

// extremes adds elements, of which there is at least one, to a column.
func extremes[T float](e *Envelope, column int, x []T) {
	var lo, hi float64
	var nan int
	switch x := any(x).(type) {
	case []float32:
		a, b, n := kernel.MinMaxF32(x)
		lo, hi, nan = float64(a), float64(b), n
	case []float64:
		lo, hi, nan = kernel.MinMaxF64(x)
	}
	if nan == 0 && lo-lo == 0 && hi-hi == 0 {
		e.Min[column], e.Max[column] = min(e.Min[column], lo), max(e.Max[column], hi)
		return
	}
	for _, v := range x {
		if w := float64(v); w-w != 0 {
			e.marks[column] |= e.see(w)
		} else {
			e.Min[column], e.Max[column] = min(e.Min[column], w), max(e.Max[column], w)
		}
	}
}

// Merge adds what o has seen, which must be of as many elements and columns.
func (e *Envelope) Merge(o *Envelope) {
	for i := range e.Min {
		e.Min[i], e.Max[i] = min(e.Min[i], o.Min[i]), max(e.Max[i], o.Max[i])
		e.marks[i] |= o.marks[i]
	}
	e.Specials.add(o.Specials)
}
