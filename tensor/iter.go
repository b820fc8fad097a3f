package tensor

// nest is a loop nest over one or two strided operands: extents in units,
// strides in bytes, outermost first. It lives on the stack.
type nest struct {
	rank       int
	unit       int                // bytes moved as one, when copying
	n, a, b    [MaxRank + 1]int64 // one more for the parts of a unit
	offA, offB int64
}

// set fills w from a shape in units, without axes of extent 1. It reports
// false if there is nothing to visit. b may be nil.
func (w *nest) set(s Shape, a, b Strides) bool {
	w.rank = 0
	for axis, e := range s {
		if e == 0 {
			return false
		}
		if e == 1 {
			continue
		}
		w.n[w.rank], w.a[w.rank] = e, a[axis]
		if b != nil {
			w.b[w.rank] = b[axis]
		}
		w.rank++
	}
	return true
}

// axis is one axis of a nest.
type axis struct{ n, a, b int64 }

// axis is axis i, or if that is negative one of extent 1.
func (w *nest) axis(i int) axis {
	if i < 0 {
		return axis{n: 1}
	}
	return axis{w.n[i], w.a[i], w.b[i]}
}

// push adds an innermost axis.
func (w *nest) push(x axis) {
	w.n[w.rank], w.a[w.rank], w.b[w.rank] = x.n, x.a, x.b
	w.rank++
}

// merge joins neighbouring axes that one axis can stand for, and leaves at
// least one axis. C order is kept.
func (w *nest) merge() {
	if w.rank == 0 {
		w.n[0], w.a[0], w.b[0], w.rank = 1, 0, 0, 1
		return
	}
	last := 0
	for axis := 1; axis < w.rank; axis++ {
		e, a, b := w.n[axis], w.a[axis], w.b[axis]
		if w.a[last] == e*a && w.b[last] == e*b {
			w.n[last] *= e
		} else {
			last++
			w.n[last] = e
		}
		w.a[last], w.b[last] = a, b
	}
	w.rank = last + 1
}

// sort turns axes so that a ascends, and puts the largest strides of a
// outside, those of b where a's are equal: order is given up for long runs
// and near addresses.
func (w *nest) sort() {
	for axis := 0; axis < w.rank; axis++ {
		if w.a[axis] < 0 || w.a[axis] == 0 && w.b[axis] < 0 {
			w.offA += (w.n[axis] - 1) * w.a[axis]
			w.offB += (w.n[axis] - 1) * w.b[axis]
			w.a[axis], w.b[axis] = -w.a[axis], -w.b[axis]
		}
		for i := axis; i > 0 && (w.a[i] > w.a[i-1] || w.a[i] == w.a[i-1] && abs(w.b[i]) > abs(w.b[i-1])); i-- {
			w.swap(i, i-1)
		}
	}
}

// sortOuter puts the first axes such that those along which either operand lies
// densest come last: what a line of the cache holds is then used before long,
// whichever operand it belongs to.
func (w *nest) sortOuter(axes int) {
	dense := func(i int) int64 { return min(w.a[i], abs(w.b[i])) }
	for axis := 1; axis < axes; axis++ {
		for i := axis; i > 0 && dense(i) > dense(i-1); i-- {
			w.swap(i, i-1)
		}
	}
}

func (w *nest) swap(i, j int) {
	w.n[i], w.n[j] = w.n[j], w.n[i]
	w.a[i], w.a[j] = w.a[j], w.a[i]
	w.b[i], w.b[j] = w.b[j], w.b[i]
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

// odometer counts through the outer axes of a nest.
type odometer struct {
	idx [MaxRank + 1]int64
}

// next moves to the next index over the first axes axes, the last of them
// fastest; false after the last.
func (o *odometer) next(w *nest, axes int) bool {
	for i := axes - 1; i >= 0; i-- {
		o.idx[i]++
		w.offA += w.a[i]
		w.offB += w.b[i]
		if o.idx[i] < w.n[i] {
			return true
		}
		o.idx[i] = 0
		w.offA -= w.n[i] * w.a[i]
		w.offB -= w.n[i] * w.b[i]
	}
	return false
}

// eachRun calls fn for runs of n units, step bytes apart, that together are
// the shape in C order. s counts units (see unitShape); off is relative to
// where index (0, ..., 0) stands. Neighbouring axes are merged where their
// strides allow it, so a C-contiguous shape is one run. It stops at the first
// error and returns it.
func eachRun(s Shape, a Strides, fn func(off, n, step int64) error) error {
	var w nest
	if !w.set(s, a, nil) {
		return nil
	}
	w.merge()
	inner := w.rank - 1
	var o odometer
	for {
		if err := fn(w.offA, w.n[inner], w.a[inner]); err != nil {
			return err
		}
		if !o.next(&w, inner) {
			return nil
		}
	}
}

// Below minRun units, eachRun2 prefers to run along a longer axis, in blocks
// that stay in the first-level cache.
const (
	minRun   = 16
	runBlock = 256
)

// eachRun2 calls fn for pairs of runs that together are all pairs of equal
// index, each once, in no particular order: the one that suits a, which should
// be what is written, with ascending addresses. Runs are as in eachRun; stepA
// is never negative.
func eachRun2(s Shape, a, b Strides, fn func(offA, offB, n, stepA, stepB int64) error) error {
	var w nest
	if !w.set(s, a, b) {
		return nil
	}
	w.sort()
	w.merge()
	inner := w.rank - 1
	var o odometer
	if inner > 0 && w.n[inner] < minRun && w.n[inner-1] > w.n[inner] {
		return w.eachShort(fn)
	}
	for {
		if err := fn(w.offA, w.offB, w.n[inner], w.a[inner], w.b[inner]); err != nil {
			return err
		}
		if !o.next(&w, inner) {
			return nil
		}
	}
}

// eachShort visits a nest with a short innermost axis in runs along the axis
// outside it.
func (w *nest) eachShort(fn func(offA, offB, n, stepA, stepB int64) error) error {
	inner, long := w.rank-1, w.rank-2
	var o odometer
	for {
		for start := int64(0); start < w.n[long]; start += runBlock {
			n := min(runBlock, w.n[long]-start)
			offA, offB := w.offA+start*w.a[long], w.offB+start*w.b[long]
			for k := int64(0); k < w.n[inner]; k++ {
				if err := fn(offA, offB, n, w.a[long], w.b[long]); err != nil {
					return err
				}
				offA += w.a[inner]
				offB += w.b[inner]
			}
		}
		if !o.next(w, long) {
			return nil
		}
	}
}
