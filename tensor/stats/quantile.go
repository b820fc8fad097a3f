package stats

import (
	"math"
	"slices"
)

// quantiles keeps values while they are few, then counts of such as are nearly
// equal. NaN never comes here.
type quantiles struct {
	limit   int
	integer bool
	n       int64
	values  []float64
	sorted  bool
	table   *sketch // nil while values holds all
}

func (q *quantiles) add(x []float64) {
	q.n += int64(len(x))
	if q.table == nil && len(q.values)+len(x) <= q.limit {
		q.values, q.sorted = append(q.values, x...), false
		return
	}
	q.count()
	q.table.add(x)
}

// count turns to counting.
func (q *quantiles) count() {
	if q.table == nil {
		q.table = &sketch{}
		q.table.add(q.values)
		q.values = nil
	}
}

func (q *quantiles) merge(o *quantiles) {
	if q.table == nil && o.table == nil && len(q.values)+len(o.values) <= q.limit {
		q.add(o.values)
		return
	}
	q.count()
	o.count()
	q.n += o.n
	q.table.merge(o.table)
}

// A sketch counts values by sign, exponent and the upper bits of the fraction.
type sketch struct {
	rows [1 << rowBits]*[1 << fractionBits]uint64
}

const (
	rowBits      = 12 // sign and exponent
	fractionBits = 11
	dropBits     = 64 - rowBits - fractionBits
)

// order maps the bits of a float64 to numbers that ascend with its value.
func order(x float64) uint64 {
	b := math.Float64bits(x)
	return b ^ (uint64(int64(b)>>63) | 1<<63)
}

func disorder(k uint64) float64 {
	if k>>63 == 0 {
		return math.Float64frombits(^k)
	}
	return math.Float64frombits(k ^ 1<<63)
}

func (s *sketch) add(x []float64) {
	for _, v := range x {
		k := order(v)
		row := s.rows[k>>(64-rowBits)]
		if row == nil {
			row = new([1 << fractionBits]uint64)
			s.rows[k>>(64-rowBits)] = row
		}
		row[k>>dropBits&(1<<fractionBits-1)]++
	}
}

func (s *sketch) merge(o *sketch) {
	for i, row := range o.rows {
		switch {
		case row == nil:
		case s.rows[i] == nil:
			s.rows[i] = row
		default:
			for j, n := range row {
				s.rows[i][j] += n
			}
		}
	}
}

// at estimates the value of a rank: the middle of its bucket, and of integers
// the least one where a bucket holds only one.
func (s *sketch) at(rank int64, integer bool) float64 {
	for i, row := range s.rows {
		if row == nil {
			continue
		}
		for j, n := range row {
			if rank -= int64(n); rank >= 0 {
				continue
			}
			k := uint64(i)<<(64-rowBits) | uint64(j)<<dropBits
			lo, hi := disorder(k), disorder(k|(1<<dropBits-1))
			switch { // an infinity shares its bucket with NaN, which is not counted
			case math.IsInf(lo, 1):
				return lo
			case math.IsInf(hi, -1):
				return hi
			}
			if l := math.Ceil(lo); integer && l == math.Floor(hi) {
				return l
			}
			return lo + (hi-lo)/2
		}
	}
	return math.NaN()
}

// Quantile returns the value below which the share q, 0 to 1, of all elements
// but NaN lies, with linear interpolation between neighbours as NumPy's default
// does, and whether it is exact (see Options). It is NaN if there is none.
func (a *Accumulator) Quantile(q float64) (x float64, exact bool) {
	at, n, exact := a.ranks()
	if n == 0 || a.weight == 0 || !(q >= 0 && q <= 1) {
		return math.NaN(), exact
	}
	// Every value stands for weight equal ones.
	total := times(n, a.weight)
	h := q * float64(total-1)
	lower := min(int64(h), total-1)
	t := h - float64(lower)
	lo := at(lower / a.weight)
	if t == 0 || lower == total-1 {
		return lo, exact
	}
	hi := at((lower + 1) / a.weight)
	switch d := hi - lo; {
	case d == 0 || math.IsNaN(d):
		return lo, exact
	case math.IsInf(d, 0) && !math.IsInf(lo, 0) && !math.IsInf(hi, 0):
		return lo*(1-t) + hi*t, exact
	case t < 0.5:
		return lo + d*t, exact
	default:
		return hi - d*(1-t), exact
	}
}

// ranks returns the value of a rank, the number of values and whether they are
// exact.
func (a *Accumulator) ranks() (at func(int64) float64, n int64, exact bool) {
	if a.codes != nil {
		t := tableOf(codeType(a.dtype))
		for _, code := range t.byValue {
			n += int64(a.codes[code])
		}
		return func(rank int64) float64 {
			for _, code := range t.byValue {
				if rank -= int64(a.codes[code]); rank < 0 {
					return t.values[code]
				}
			}
			return math.NaN()
		}, n, true
	}
	q := a.quantiles
	if q == nil {
		return nil, 0, false
	}
	if q.table == nil {
		if !q.sorted {
			slices.Sort(q.values)
			q.sorted = true
		}
		return func(rank int64) float64 { return q.values[rank] }, q.n, true
	}
	lo, hi := a.extremes()
	return func(rank int64) float64 {
		switch rank {
		case 0:
			return lo
		case q.n - 1:
			return hi
		}
		x := q.table.at(rank, q.integer)
		if math.IsInf(x, 0) {
			return x
		}
		return max(a.min, min(a.max, x)) // the middle of the outermost buckets may lie outside
	}, q.n, false
}
