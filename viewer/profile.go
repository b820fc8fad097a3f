package viewer

import (
	"context"
	"encoding/binary"
	"math"
	"strconv"

	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/internal/survey"
)

const (
	// mostBins bounds the bins of a profile.
	mostBins = 8192
	// pairElements is how many elements a kept pair of extremes is of.
	pairElements = 1024
	// segmentElements is how many are looked at together, and whose pairs are kept
	// together.
	segmentElements = 1 << 20
	// coarsePairs is from how many pairs a bin its ends are moved to those of pairs.
	coarsePairs = 16
)

// A pair is the least and the greatest of some elements, NaN left out; the mark of
// damage if one of them is damaged, and NaN if there is no other.
type pair struct{ lo, hi float64 }

func newPair() pair {
	_, nan := marks[float64]()
	return pair{nan, nan}
}

func (p *pair) add(q pair) {
	switch {
	case isDamaged(p.lo) || q.lo != q.lo && !isDamaged(q.lo):
	case isDamaged(q.lo) || p.lo != p.lo:
		*p = q
	default:
		p.lo, p.hi = min(p.lo, q.lo), max(p.hi, q.hi)
	}
}

// pairOf is the pair of elements.
func pairOf(x []float64) pair {
	p := newPair()
	for i, v := range x {
		if v-v != 0 { // NaN or an infinity among them
			for _, w := range x[i:] {
				p.add(pair{w, w})
			}
			return p
		}
		if i == 0 {
			p = pair{v, v}
			continue
		}
		if v < p.lo {
			p.lo = v
		}
		if v > p.hi {
			p.hi = v
		}
	}
	return p
}

// line is the one axis that is asked for, as a plane of one row.
func (c *call) line() (*plane, int64, int64, error) {
	h, t, err := c.picked()
	if err != nil {
		return nil, 0, 0, err
	}
	if !numericTensor(t) {
		return nil, 0, 0, wrongView(t, "numbers")
	}
	l := lookAt(t)
	first := l.x
	if l.audio != nil {
		first = l.audio.Frames
	}
	axis, err := c.axis("axis", first, len(t.Shape()))
	if err != nil {
		return nil, 0, 0, err
	}
	at, err := c.fixed(t)
	if err != nil {
		return nil, 0, 0, err
	}
	p, err := newPlane(h, t, -1, axis, at, c.opts.Jobs)
	if err != nil {
		return nil, 0, 0, err
	}
	from, err := c.int("from", 0, 0, math.MaxInt64)
	if err != nil {
		return nil, 0, 0, err
	}
	to, err := c.int("to", p.w, 0, math.MaxInt64)
	if err != nil {
		return nil, 0, 0, err
	}
	if to = min(to, p.w); from > to {
		return nil, 0, 0, bad("from", strconv.FormatInt(from, 10), "at most to")
	}
	return p, from, to, nil
}

// profile answers the least and the greatest of bins along an axis.
func (c *call) profile() error {
	p, from, to, err := c.line()
	if err != nil {
		return err
	}
	n, err := c.int("n", 1024, 1, mostBins)
	if err != nil {
		return err
	}
	n = min(n, to-from)
	if c.keepable(c.tag(p.id, "t", "axis", "i", "from", "to", "n")) {
		return nil
	}
	if err := c.hold(p.weight() + segmentElements*8*min(int64(c.opts.Jobs), 4)); err != nil {
		return err
	}
	bins, err := p.profile(c.ctx, c.cache, from, to, int(n))
	if err != nil {
		return survey.Located(err, p.t)
	}
	b := make([]byte, 0, 16*len(bins))
	for _, x := range bins {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x.lo))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x.hi))
	}
	return c.raw("f64", []int64{n, 2}, b)
}

// binStart is the first element of bin i of n from from to to: bin floor(k * n /
// length) has element k. Those of large bins begin where a pair does.
func binStart(from, to, n, i int64) int64 {
	length := to - from
	at := from + mulDivUp(length, i, n)
	if length/n >= coarsePairs*pairElements && i > 0 && i < n {
		at = (at + pairElements/2) / pairElements * pairElements
	}
	return min(at, to)
}

// mulDivUp is a * i / n rounded up, for i up to n, which is small.
func mulDivUp(a, i, n int64) int64 { return a/n*i + (a%n*i+n-1)/n }

// profile makes n bins of the elements from from to to of a row. n is at most their
// number.
func (p *plane) profile(ctx context.Context, kept *cache, from, to int64, n int) ([]pair, error) {
	bins := make([]pair, n)
	for i := range bins {
		bins[i] = newPair()
	}
	if n == 0 {
		return bins, nil
	}
	coarse := (to-from)/int64(n) >= coarsePairs*pairElements
	begin, end := from/segmentElements, (to-1)/segmentElements+1
	// Segments are shared among goroutines; a bin that lies in several is put
	// together at the end, in their order.
	type share struct {
		first int
		bins  []pair
	}
	group := int64(max(p.jobs, 1))
	for at := begin; at < end; at += group {
		some := make([]share, min(group, end-at))
		err := parallel.Each(p.jobs, int64(len(some)), func(k int64) error {
			a, b := max((at+k)*segmentElements, from), min((at+k+1)*segmentElements, to)
			s := &some[k]
			s.first = binOf(from, to, int64(n), a)
			last := binOf(from, to, int64(n), b-1)
			s.bins = make([]pair, last+1-s.first)
			for i := range s.bins {
				s.bins[i] = newPair()
			}
			put := func(at int64, q pair) { s.bins[binOf(from, to, int64(n), at)-s.first].add(q) }
			if coarse {
				return p.pairs(ctx, kept, at+k, a, b, put)
			}
			x := make([]float64, b-a)
			if err := p.lineOf(ctx, a, b, x); err != nil {
				return err
			}
			for lo := a; lo < b; {
				i := binOf(from, to, int64(n), lo)
				hi := min(binStart(from, to, int64(n), int64(i)+1), b)
				put(lo, pairOf(x[lo-a:hi-a]))
				lo = hi
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		for _, s := range some {
			for i, q := range s.bins {
				bins[s.first+i].add(q)
			}
		}
	}
	return bins, nil
}

// binOf is the bin of an element.
func binOf(from, to, n, at int64) int {
	// A guess, then steps: ends may have been moved by half a pair.
	i := min(int64(float64(at-from)/float64(to-from)*float64(n)), n-1)
	for i > 0 && binStart(from, to, n, i) > at {
		i--
	}
	for i < n-1 && binStart(from, to, n, i+1) <= at {
		i++
	}
	return int(i)
}

// lineOf reads elements [a, b) of the row, chunk by chunk.
func (p *plane) lineOf(ctx context.Context, a, b int64, x []float64) error {
	step := int64(stripElements)
	if p.columns > 0 {
		step = max(p.columns, 1)
	} else if p.encoded {
		step = b - a
	} else if by := p.t.Strides(); p.x >= 0 && p.x < len(by) {
		// Elements that are far apart are a page each, which may take its time.
		step = min(step, max(stripElements*8/max(by[p.x], -by[p.x], 1), 256))
	}
	for at := a; at < b; {
		end := min(at/step*step+step, b)
		if err := readMarked(ctx, p, 0, 1, at, end, x[at-a:end-a]); err != nil {
			return err
		}
		at = end
	}
	return nil
}

type pairsKey struct {
	planeKey
	segment int64
}

// pairs calls put with the pairs of a segment between a and b, each with the place of
// an element in it. a and b stand where pairs do, but at the ends of what is asked for,
// whose pairs are made anew.
func (p *plane) pairs(ctx context.Context, kept *cache, segment, a, b int64, put func(at int64, q pair)) error {
	first := segment * segmentElements
	list, err := fetch(kept, pairsKey{p.key(), segment}, func(l []pair) int64 { return int64(len(l)) * 16 }, func() ([]pair, error) {
		end := min(first+segmentElements, p.w)
		x := make([]float64, end-first)
		if err := p.lineOf(ctx, first, end, x); err != nil {
			return nil, err
		}
		list := make([]pair, 0, (len(x)-1)/pairElements+1)
		for ; len(x) > 0; x = x[min(pairElements, len(x)):] {
			list = append(list, pairOf(x[:min(pairElements, len(x))]))
		}
		return list, nil
	})
	if err != nil {
		return err
	}
	for at := a; at < b; {
		begin := at / pairElements * pairElements
		end := min(begin+pairElements, p.w)
		if at == begin && end <= b {
			put(at, list[(begin-first)/pairElements])
			at = end
			continue
		}
		end = min(end, b)
		x := make([]float64, end-at)
		if err := p.lineOf(ctx, at, end, x); err != nil {
			return err
		}
		put(at, pairOf(x))
		at = end
	}
	return nil
}
