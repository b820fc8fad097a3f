package compare

import (
	"cmp"
	"container/heap"
	"math"
	"slices"
)

// tally is what was found so far. Those of the parts of a tensor are added up in
// any order.
type tally struct {
	different, nan int64
	maxAbs, maxRel float64
	first          place
	largest        largest
	limit          int
	uncounted      bool // they differ, no more is known
}

// place is an element's number in C order and its index.
type place struct {
	at    int64
	index []int64
}

// found is an element that differs, and its rank among those.
type found struct {
	place
	key      float64
	abs, rel float64
	a, b     any
	block    int // serial number, of the same scan
}

// before reports whether x is the larger difference.
func (x *found) before(y *found) bool {
	return x.key > y.key || x.key == y.key && x.at < y.at
}

// largest is a heap with the smallest difference on top.
type largest []found

func (l largest) Len() int           { return len(l) }
func (l largest) Less(i, j int) bool { return l[j].before(&l[i]) }
func (l largest) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *largest) Push(x any)        { *l = append(*l, x.(found)) }
func (l *largest) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}

// keep takes x among the largest if it belongs there.
func (t *tally) keep(x found) {
	switch {
	case len(t.largest) < t.limit:
		heap.Push(&t.largest, x)
	case t.limit > 0 && x.before(&t.largest[0]):
		t.largest[0] = x
		heap.Fix(&t.largest, 0)
	}
}

func (t *tally) add(u *tally) {
	if u.different == 0 {
		return
	}
	if t.different == 0 || u.first.at < t.first.at {
		t.first = u.first
	}
	t.different += u.different
	t.nan += u.nan
	t.maxAbs, t.maxRel = max(t.maxAbs, u.maxAbs), max(t.maxRel, u.maxRel)
	t.uncounted = t.uncounted || u.uncounted
	for _, x := range u.largest {
		t.keep(x)
	}
}

// result writes down what was found.
func (t *tally) result(r *Result) {
	r.Status = Different
	if t.uncounted {
		return
	}
	r.Different, r.NaN, r.MaxAbs, r.MaxRel = t.different, t.nan, t.maxAbs, t.maxRel
	r.First = t.first.index
	slices.SortFunc(t.largest, func(x, y found) int {
		return cmp.Or(cmp.Compare(y.key, x.key), cmp.Compare(x.at, y.at))
	})
	for _, x := range t.largest {
		r.Largest = append(r.Largest, Difference{Index: x.index, A: x.a, B: x.b, Abs: x.abs, Rel: x.rel})
	}
}

// relative is |x - y| over the larger of two magnitudes.
func relative(abs, large float64) float64 {
	switch {
	case abs == 0:
		return 0
	case math.IsInf(large, 0):
		return math.Inf(1)
	}
	return abs / large
}
