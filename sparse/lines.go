package sparse

import (
	"github.com/tensorfile/tensorfile/tensor"
)

// lines are the entries of a matrix line by line: rows and the columns in them,
// or columns and the rows in them. The slices are not written to once made.
type lines[I index] struct {
	ptr, idx       []I
	width          int64 // elements of a line
	val            words
	sorted, unique bool
}

// linesOf returns the entries of a valid matrix in lines along an axis. The
// result may share memory with the array.
func linesOf[I index](a *Array, axis int, limit budget, workers int) (lines[I], error) {
	val, err := valuesOf(a.part(RoleValues))
	if err == nil && !(a.layout == CSR && axis == 0 || a.layout == CSC && axis == 1) {
		err = limit.pointers(a.shape[axis])
	}
	if err != nil {
		return lines[I]{}, err
	}
	m := lines[I]{width: a.shape[1-axis], val: val, sorted: a.props.Sorted, unique: a.props.Unique}
	switch a.layout {
	case CSR, CSC:
		m.ptr, m.idx = load[I](a.part(RoleIndptr), workers), load[I](a.part(RoleIndices), workers)
		if major := a.layout.major(); major != axis {
			m.width = a.shape[axis]
			return m.turn(workers), nil
		}
		return m, nil
	case COO:
		axes, err := a.axes()
		if err != nil {
			return m, err
		}
		major, minor := load[I](axes[axis].v, workers), load[I](axes[1-axis].v, workers)
		return m.collect(int(a.shape[axis]), major, minor, axis == 0, workers), nil
	case BSR:
		if err := limit.pointers(a.shape[0]); err != nil {
			return m, err
		}
		m = linesOfBlocks[I](a, val, workers)
		if axis == 1 {
			return m.turn(workers), nil
		}
		return m, nil
	}
	// Trees and masks are in order of one axis, and then of the other.
	natural := []int{0, 1}
	if a.layout == CSF {
		natural = a.order()
	}
	if err := limit.pointers(a.shape[natural[0]]); err != nil {
		return m, err
	}
	k, err := a.keyed(natural, workers)
	if err != nil {
		return m, err
	}
	m = linesOfKeys[I](&k, workers)
	if natural[0] != axis {
		return m.turn(workers), nil
	}
	return m, nil
}

// turn is the same matrix with its lines along the other axis. Entries of one
// line come in the order of the lines that they are from, so the result is
// sorted whatever m is.
func (m lines[I]) turn(workers int) lines[I] {
	out := lines[I]{
		ptr: make([]I, int(m.width)+1), idx: fresh[I](len(m.idx)), width: int64(len(m.ptr) - 1),
		val: m.val, sorted: true, unique: m.unique,
	}
	if !m.val.one {
		out.val = m.val.like(len(m.idx))
	}
	k := scatterParts(lineParts(m.ptr, workers), len(m.idx), m.width)
	next := countRuns(k, out.ptr, func(p int) []I {
		return m.idx[m.ptr[lineCut(m.ptr, k, p)]:m.ptr[lineCut(m.ptr, k, p+1)]]
	})
	run(k, func(p int) {
		lo, hi := lineCut(m.ptr, k, p), lineCut(m.ptr, k, p+1)
		switch m.val.size {
		case 1:
			turnLines(out.idx, as[uint8](out.val), next[p], m.ptr, m.idx, as[uint8](m.val), lo, hi)
		case 2:
			turnLines(out.idx, as[uint16](out.val), next[p], m.ptr, m.idx, as[uint16](m.val), lo, hi)
		case 4:
			turnLines(out.idx, as[uint32](out.val), next[p], m.ptr, m.idx, as[uint32](m.val), lo, hi)
		case 8:
			turnLines(out.idx, as[uint64](out.val), next[p], m.ptr, m.idx, as[uint64](m.val), lo, hi)
		default:
			turnLines(out.idx, as[complex128](out.val), next[p], m.ptr, m.idx, as[complex128](m.val), lo, hi)
		}
	})
	return out
}

// turnLines moves the entries of lines [lo, hi) to where next says that those
// of their index go.
func turnLines[I index, V word](idx []I, val []V, next, ptr, from []I, values []V, lo, hi int) {
	for line := lo; line < hi; line++ {
		begin, end := ptr[line], ptr[line+1]
		if values == nil {
			for _, i := range from[begin:end] {
				at := next[i]
				next[i] = at + 1
				idx[at] = I(line)
			}
			continue
		}
		x := values[begin:end]
		for e, i := range from[begin:end] {
			at := next[i]
			next[i] = at + 1
			idx[at] = I(line)
			val[at] = x[e]
		}
	}
}

// scatterParts limits the ranges that count for themselves: each has a counter
// for every line, which must not outweigh the entries.
func scatterParts(k, n int, width int64) int {
	return max(1, int(min(int64(k), int64(n)/max(width, 1)+1)))
}

// countRuns counts the numbers in k runs, sets ptr to their sums, and returns
// for each run where the first entry of each number goes.
func countRuns[I index](k int, ptr []I, numbers func(p int) []I) [][]I {
	n := len(ptr) - 1
	next := make([][]I, k)
	run(k, func(p int) {
		c := make([]I, n)
		for _, i := range numbers(p) {
			c[i]++
		}
		next[p] = c
	})
	at := I(0)
	for i := range n {
		ptr[i] = at
		for _, c := range next {
			c[i], at = at, at+c[i]
		}
	}
	ptr[n] = at
	return next
}

// collect makes lines of coordinates in any order, of which ordered says that
// those of one line are in order if m is sorted.
func (m lines[I]) collect(n int, major, minor []I, ordered bool, workers int) lines[I] {
	m.sorted = m.sorted && ordered
	m.ptr = make([]I, n+1)
	if m.sorted { // nothing moves
		countSorted(m.ptr, major, workers)
		m.idx = minor
		return m
	}
	k := scatterParts(parts(len(major), workers), len(major), int64(n))
	part := func(p int) (lo, hi int) { return cut(len(major), k, p), cut(len(major), k, p+1) }
	next := countRuns(k, m.ptr, func(p int) []I {
		lo, hi := part(p)
		return major[lo:hi]
	})
	m.idx = fresh[I](len(minor))
	from := m.val
	if !from.one {
		m.val = from.like(len(minor))
	}
	run(k, func(p int) {
		lo, hi := part(p)
		switch from.size {
		case 1:
			scatter(m.idx, as[uint8](m.val), next[p], major[lo:hi], minor[lo:hi], as[uint8](from.slice(lo, hi)))
		case 2:
			scatter(m.idx, as[uint16](m.val), next[p], major[lo:hi], minor[lo:hi], as[uint16](from.slice(lo, hi)))
		case 4:
			scatter(m.idx, as[uint32](m.val), next[p], major[lo:hi], minor[lo:hi], as[uint32](from.slice(lo, hi)))
		case 8:
			scatter(m.idx, as[uint64](m.val), next[p], major[lo:hi], minor[lo:hi], as[uint64](from.slice(lo, hi)))
		default:
			scatter(m.idx, as[complex128](m.val), next[p], major[lo:hi], minor[lo:hi], as[complex128](from.slice(lo, hi)))
		}
	})
	return m
}

// scatter moves entries to where next says that those of their line go.
func scatter[I index, V word](idx []I, val []V, next, major, minor []I, values []V) {
	minor = minor[:len(major)]
	if values == nil {
		for e, line := range major {
			at := next[line]
			next[line] = at + 1
			idx[at] = minor[e]
		}
		return
	}
	values = values[:len(major)]
	for e, line := range major {
		at := next[line]
		next[line] = at + 1
		idx[at] = minor[e]
		val[at] = values[e]
	}
}

// countSorted sets ptr to the pointers of ascending line numbers.
func countSorted[I index](ptr, major []I, workers int) {
	n := len(major)
	split(n, workers, func(_, lo, hi int) {
		before := I(-1)
		if lo > 0 {
			before = major[lo-1]
		}
		for i, line := range major[lo:hi] {
			for ; before < line; before++ {
				ptr[before+1] = I(lo + i)
			}
		}
	})
	last := I(-1)
	if n > 0 {
		last = major[n-1]
	}
	for i := int(last) + 1; i < len(ptr); i++ {
		ptr[i] = I(n)
	}
}

// linesOfKeys makes lines along the first axis of sorted keys.
func linesOfKeys[I index](k *keyed, workers int) lines[I] {
	n := len(k.keys)
	m := lines[I]{ptr: make([]I, int(k.shape[0])+1), idx: fresh[I](n), width: k.shape[1], val: k.val, sorted: true, unique: k.unique}
	major := fresh[I](n)
	div := by(max(m.width, 1))
	split(n, workers, func(_, lo, hi int) {
		for i, key := range k.keys[lo:hi] {
			q, r := div.of(key)
			major[lo+i], m.idx[lo+i] = I(q), I(r)
		}
	})
	countSorted(m.ptr, major, workers)
	return m
}

// numbers sets out to the numbers of the lines of all entries.
func (m lines[I]) numbers(out []I, workers int) {
	eachLine(m.ptr, workers, func(lo, hi int) {
		for line := lo; line < hi; line++ {
			x := out[m.ptr[line]:m.ptr[line+1]]
			for i := range x {
				x[i] = I(line)
			}
		}
	})
}

// parts are the parts of a compressed matrix.
func (m lines[I]) parts() ([]Part, error) {
	ptr, err := tensor.FromSlice(m.ptr)
	if err != nil {
		return nil, err
	}
	idx, err := tensor.FromSlice(m.idx)
	if err != nil {
		return nil, err
	}
	val, err := m.val.view(len(m.idx))
	return []Part{{RoleIndptr, ptr}, {RoleIndices, idx}, {RoleValues, val}}, err
}
