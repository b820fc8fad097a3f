package survey

import (
	"context"
	"math"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/tensor/stats"
)

// StatsOptions says what to find out.
type StatsOptions struct {
	Quantiles []float64 // from 0 to 1
	Bins      int       // of a histogram; 0: none
	// Lo and Hi are the ends of the histogram, if Lo is less than Hi. Default: the
	// extremes.
	Lo, Hi float64
	Jobs   int // goroutines; at least 1
	// Seen is told every block that was looked at, from any goroutine. nil: nobody
	// asks.
	Seen func(tensor.View)
}

func (o *StatsOptions) seen(v tensor.View) {
	if o.Seen != nil {
		o.Seen(v)
	}
}

// Description is what is known of a tensor in numbers.
type Description struct {
	Pick
	Extent tensor.Shape // of what is picked
	Stored tensor.Shape // of a composite: of the values that are there, which are counted
	Rows   bool         // the lengths of rows are described, not values
	Sum    stats.Summary
	Acc    *stats.Accumulator // nil: not numeric
	Hist   *stats.Histogram   // nil: not asked for, or nothing to count

	// Lost is what could not be read and is not counted: boxes of Extent, or of Stored
	// of a composite, in their order, at most a thousand. LostElements are in all.
	Lost         []Lost
	LostElements int64
}

// Count is the number of elements that were looked at.
func (d *Description) Count() int64 {
	shape := d.Extent
	if d.Stored != nil {
		shape = d.Stored
	}
	n, _ := shape.NumElements() // was checked when the shape was made
	return n - d.LostElements
}

// Counted is the dtype of what is described.
func (d *Description) Counted() tensor.DType {
	if d.Rows {
		return tensor.I64
	}
	return d.DType()
}

// LostOf is the shape that Lost are boxes of.
func (d *Description) LostOf() tensor.Shape {
	if d.Stored != nil {
		return d.Stored
	}
	return d.Extent
}

// Describe takes the statistics of what is picked: of a composite, of the values
// that are stored, if all of them are picked. Of a tensor of which a part is damaged it
// takes those of the rest, and says what is lost, where parts can be read by themselves.
func Describe(ctx context.Context, p Pick, o *StatsOptions) (*Description, error) {
	shape, err := p.Extents()
	if err != nil {
		return nil, err
	}
	d := &Description{Pick: p, Extent: shape}
	if !stats.Numeric(p.Values()) {
		return d, nil
	}
	if layout, _, composite := p.Composite(); composite && !Quantised(p.Tensor) {
		// Of the elements that are stored; codes without their scales say nothing.
		x, err := p.Part(format.RoleValues)
		if err != nil || layout == format.LayoutQuantised || p.Sel != nil {
			return d, Located(err, p.Tensor)
		}
		if _, _, inner := x.Composite(); inner {
			return d, nil
		}
		p = Pick{Tensor: x}
		d.Stored = x.Shape()
	}
	so := &stats.Options{NoQuantiles: len(o.Quantiles) == 0}
	if n, err := distinct(p); err != nil {
		return nil, err
	} else if n > ExactQuantiles {
		so.Exact = -1
	}
	lost := salvaging(p)
	var accs []*stats.Accumulator
	repeat, err := each(ctx, p, o.Jobs, func(parts int) { accs = make([]*stats.Accumulator, parts) }, func(part int, v tensor.View) (err error) {
		if accs[part] == nil {
			if accs[part], err = stats.New(p.Values(), so); err != nil {
				return err
			}
		}
		defer o.seen(v)
		return accs[part].Add(v)
	}, lost)
	if err != nil {
		return nil, Located(err, p.Tensor)
	}
	if lost != nil {
		d.Lost, d.LostElements = lost.sorted(), Saturated(lost.elements, repeat)
	}
	if d.Acc, err = stats.New(p.Values(), so); err != nil {
		return nil, err
	}
	for _, a := range accs {
		if a != nil {
			if err := d.Acc.Merge(a); err != nil {
				return nil, err
			}
		}
	}
	d.Acc.Repeat(repeat)
	d.Sum = d.Acc.Summary()
	if o.Bins > 0 {
		d.Hist, err = histogram(ctx, p, d.Acc, o)
	}
	return d, err
}

// ExactQuantiles is up to how many elements quantiles are exact.
const ExactQuantiles = 1 << 20

// histogram counts in a second pass, because the range must be known.
func histogram(ctx context.Context, p Pick, acc *stats.Accumulator, o *StatsOptions) (*stats.Histogram, error) {
	lo, hi, ok := acc.Range()
	if o.Lo < o.Hi {
		lo, hi, ok = o.Lo, o.Hi, true
	}
	if !ok {
		return nil, nil
	}
	var hists []*stats.Histogram
	repeat, err := each(ctx, p, o.Jobs, func(parts int) { hists = make([]*stats.Histogram, parts) }, func(part int, v tensor.View) (err error) {
		if hists[part] == nil {
			if hists[part], err = stats.NewHistogram(p.Values(), lo, hi, o.Bins); err != nil {
				return err
			}
		}
		defer o.seen(v)
		return hists[part].Add(v)
	}, salvaging(p))
	if err != nil {
		return nil, Located(err, p.Tensor)
	}
	total, err := stats.NewHistogram(p.Values(), lo, hi, o.Bins)
	for _, h := range hists {
		if err == nil && h != nil {
			err = total.Merge(h)
		}
	}
	if err == nil {
		total.Repeat(repeat)
	}
	return total, err
}

// StatsDoc is a tensor in the document of stats. Without statistics, because
// the dtype is not numeric, all keys from nan on are null.
type StatsDoc struct {
	Name      string        `json:"name"`
	Selection *string       `json:"selection"`
	DType     string        `json:"dtype"`
	Shape     []int64       `json:"shape"`
	Numeric   bool          `json:"numeric"`
	Of        string        `json:"of"` // "values", "stored values" of composites, "lengths" of rows and strings, "magnitudes" of complex numbers
	Count     int64         `json:"count"`
	Density   *Float        `json:"density,omitempty"` // of what is sparse: count by elements
	NaN       *int64        `json:"nan"`
	PosInf    *int64        `json:"positive_infinity"`
	NegInf    *int64        `json:"negative_infinity"`
	Zeros     *int64        `json:"zeros"`
	Min       *Number       `json:"min"`
	Max       *Number       `json:"max"`
	Mean      *Float        `json:"mean"`
	Std       *Float        `json:"std"`
	Quantiles []QuantileDoc `json:"quantiles"`
	Exact     *bool         `json:"quantiles_exact"`
	Histogram *HistogramDoc `json:"histogram"`
	Lost      []LostDoc     `json:"lost,omitempty"`          // what could not be read
	LostCount int64         `json:"lost_elements,omitempty"` // in all; not in count
}

// LostDoc is a box of elements that cannot be read in a document.
type LostDoc struct {
	Selection string    `json:"selection"` // of the elements, or of the stored values
	Elements  int64     `json:"elements"`
	Error     *ErrorDoc `json:"error"`
}

// QuantileDoc is a quantile in a document.
type QuantileDoc struct {
	Q     float64 `json:"q"`
	Value Float   `json:"value"`
}

// HistogramDoc is a histogram in a document.
type HistogramDoc struct {
	Min    Float   `json:"min"`
	Max    Float   `json:"max"`
	Counts []int64 `json:"counts"`
}

// Number is a number with all its digits.
type Number struct{ stats.Number }

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) {
	if n.IsInt() {
		return []byte(n.String()), nil
	}
	return AppendJSONFloat(nil, n.Float64(), n.BitSize()), nil
}

// Doc is the description as a document, with the quantiles that were asked for.
func (d *Description) Doc(quantiles []float64) StatsDoc {
	j := StatsDoc{Name: d.Name(), DType: d.Counted().String(), Shape: d.Extent, Of: "values", Count: d.Count()}
	if j.Shape == nil {
		j.Shape = []int64{}
	}
	switch {
	case d.Rows:
		j.Of = "lengths"
	case d.Stored != nil:
		j.Of = "stored values"
	}
	j.LostCount = d.LostElements
	for i := range d.Lost {
		l := &d.Lost[i]
		j.Lost = append(j.Lost, LostDoc{l.Selection(d.LostOf()).String(), l.Elements(), NewErrorDoc(l.Err)})
	}
	if n, ok := EntriesOf(d.Tensor); ok {
		x := Float(Density(d.Tensor, n))
		j.Density = &x
	}
	if d.Sel != nil {
		text := d.Sel.String()
		j.Selection = &text
	}
	if d.Acc == nil {
		return j
	}
	if d.Counted().Class == tensor.ClassComplex {
		j.Of = "magnitudes"
	}
	s := &d.Sum
	mean, std := Float(s.Mean), Float(s.Std)
	j.Numeric, j.NaN, j.PosInf, j.NegInf, j.Zeros = true, &s.NaN, &s.PosInf, &s.NegInf, &s.Zeros
	if s.Min.Valid() {
		j.Min, j.Max = &Number{s.Min}, &Number{s.Max}
	}
	if !math.IsNaN(s.Mean) || s.Count > s.NaN+s.PosInf+s.NegInf {
		j.Mean, j.Std = &mean, &std
	}
	j.Quantiles = []QuantileDoc{}
	for _, q := range quantiles {
		x, exact := d.Acc.Quantile(q)
		if math.IsNaN(x) && !s.Min.Valid() {
			continue // of nothing
		}
		j.Quantiles = append(j.Quantiles, QuantileDoc{q, Float(x)})
		j.Exact = &exact
	}
	if h := d.Hist; h != nil {
		j.Histogram = &HistogramDoc{Float(h.Lo), Float(h.Hi), h.Counts}
	}
	return j
}
