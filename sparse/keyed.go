package sparse

import (
	"slices"

	"github.com/tensorfile/tensorfile/tensor"
)

// keyed is the form that all layouts can be brought to: each entry with its
// position in C order of the elements. Shapes have less than 2^63 elements, so
// that any rank is one number.
type keyed struct {
	shape          tensor.Shape // of the axes in the order that the keys count
	bound          int64        // elements
	keys           []int64      // not shared
	val            words
	sorted, unique bool // what is known
}

// keyed brings the entries of a valid array to positions, in the order in
// which they are kept. Of axes, for each axis of the keys, an axis of the
// array; nil means all in order.
func (a *Array) keyed(axes []int, workers int) (keyed, error) {
	val, err := valuesOf(a.part(RoleValues))
	if err != nil {
		return keyed{}, err
	}
	k := keyed{shape: a.shape, bound: a.size, val: val, sorted: a.props.Sorted, unique: a.props.Unique}
	natural := allAxes(len(a.shape)) // in the order of which the keys count at first
	switch a.layout {
	case COO:
		err = a.keysOfCOO(&k, workers)
	case CSR, CSC:
		natural = a.lineAxes()
		k.keys = keysOfLines(load[int64](a.part(RoleIndptr), workers), a.part(RoleIndices), a.shape[natural[1]], workers)
	case BSR:
		a.keysOfBlocks(&k, workers)
	case CSF:
		natural = a.order()
		k.keys = a.keysOfTree(natural, workers)
	case Bitmap:
		err = a.keysOfMask(&k, workers)
	}
	if err != nil {
		return k, err
	}
	k.shape = permuted(a.shape, natural)
	if axes == nil {
		axes = allAxes(len(natural))
	}
	if !slices.Equal(axes, natural) {
		k.turn(relative(axes, natural), workers)
	}
	return k, nil
}

func allAxes(rank int) []int {
	axes := make([]int, rank)
	for i := range axes {
		axes[i] = i
	}
	return axes
}

// lineAxes are the axes of a compressed matrix: that of the lines, and that
// inside them.
func (a *Array) lineAxes() []int {
	m := a.layout.major()
	return []int{m, 1 - m}
}

func permuted(s tensor.Shape, axes []int) tensor.Shape {
	out := make(tensor.Shape, len(axes))
	for i, axis := range axes {
		out[i] = s[axis]
	}
	return out
}

// relative are the places in from of the axes in to.
func relative(to, from []int) []int {
	out := make([]int, len(to))
	for i, axis := range to {
		out[i] = slices.Index(from, axis)
	}
	return out
}

// turn makes keys count in another order of axes: axis i is what was axis
// axes[i].
func (k *keyed) turn(axes []int, workers int) {
	rank := len(k.shape)
	step := make([]int64, rank) // of each old axis in the new order
	shape := permuted(k.shape, axes)
	if k.bound > 0 {
		at := int64(1)
		for i := rank - 1; i >= 0; i-- {
			step[axes[i]] = at
			at *= shape[i]
		}
		div := dividers(k.shape)
		split(len(k.keys), workers, func(_, lo, hi int) {
			for i, key := range k.keys[lo:hi] {
				turned := int64(0)
				for axis := rank - 1; axis > 0; axis-- {
					q, r := div[axis].of(key)
					key = q
					turned += r * step[axis]
				}
				k.keys[lo+i] = turned + key*step[0]
			}
		})
	}
	k.shape, k.sorted = shape, len(k.keys) < 2
}

// dividers are those by each extent, all above 0.
func dividers(s tensor.Shape) []divider {
	div := make([]divider, len(s))
	for i, n := range s {
		div[i] = by(n)
	}
	return div
}

// axis sets dst to the coordinates of the keys from at on along one axis.
func (k *keyed) axis(dst []int64, axis, at int) {
	inner, div := int64(1), by(max(k.shape[axis], 1))
	for _, n := range k.shape[axis+1:] {
		inner *= n
	}
	in := by(max(inner, 1))
	for i, key := range k.keys[at : at+len(dst)] {
		q, _ := in.of(key)
		_, dst[i] = div.of(q)
	}
}

// sort puts the entries in order, those of one coordinate as they were.
func (k *keyed) sort(workers int) {
	if !k.sorted {
		sorted, unique := ascending(k.keys, workers)
		k.sorted, k.unique = sorted, unique || k.unique
	}
	if k.sorted {
		return
	}
	if len(k.keys) <= maxInt32 {
		sortKeyed[int32](k, workers)
	} else {
		sortKeyed[int64](k, workers)
	}
	k.sorted = true
}

func sortKeyed[I index](k *keyed, workers int) {
	keys, pos := sortKeys[I](k.keys, k.bound, workers)
	k.keys, k.val = keys, gather(k.val, pos, workers)
}

// sum sorts the entries and adds up those of one coordinate.
func (k *keyed) sum(workers int) {
	k.sort(workers)
	if k.unique {
		return
	}
	n := len(k.keys)
	cuts := parts(n, workers)
	counts := make([]int, cuts+1)
	split(n, workers, func(p, lo, hi int) {
		for i := lo; i < hi; i++ {
			if i == 0 || k.keys[i] != k.keys[i-1] {
				counts[p+1]++
			}
		}
	})
	for p := range cuts {
		counts[p+1] += counts[p]
	}
	m := counts[cuts]
	if k.unique = true; m == n {
		return
	}
	starts, keys := fresh[int64](m+1), fresh[int64](m)
	starts[m] = int64(n)
	split(n, workers, func(p, lo, hi int) {
		at := counts[p]
		for i := lo; i < hi; i++ {
			if i == 0 || k.keys[i] != k.keys[i-1] {
				starts[at], keys[at] = int64(i), k.keys[i]
				at++
			}
		}
	})
	val, sums := k.val.like(m), arithOf(k.val.dtype).sums
	split(m, workers, func(_, lo, hi int) { sums(val.slice(lo, hi), k.val, starts[lo:hi+1]) })
	k.keys, k.val = keys, val
}

// dropEqual drops the entries of which every element has the bits of x.
func (k *keyed) dropEqual(x []byte, workers int) {
	n := len(k.keys)
	kept := make([]int64, 0, n)
	equal := func(i int) bool {
		e := k.val.at(i)
		for len(e) > 0 {
			if string(e[:len(x)]) != string(x) {
				return false
			}
			e = e[len(x):]
		}
		return true
	}
	if k.val.one {
		if n > 0 && equal(0) {
			k.keys = k.keys[:0]
			k.val = k.val.like(0)
		}
		return
	}
	for i := range n {
		if !equal(i) {
			kept = append(kept, int64(i))
		}
	}
	if len(kept) == n {
		return
	}
	keys := fresh[int64](len(kept))
	take(keys, k.keys, kept)
	k.keys, k.val = keys, gather(k.val, kept, workers)
}

// keysOfCOO puts the coordinates together.
func (a *Array) keysOfCOO(k *keyed, workers int) error {
	axes, err := a.axes()
	if err != nil {
		return err
	}
	k.keys = fresh[int64](int(a.nnz))
	split(len(k.keys), workers, func(_, lo, hi int) {
		buf := make([]int64, min(piece, hi-lo))
		for at := lo; at < hi; at += piece {
			to := k.keys[at:min(at+piece, hi)]
			for axis, col := range axes {
				x := col.window(buf, at, at+len(to))
				if axis == 0 {
					copy(to, x)
					continue
				}
				for i, v := range x {
					to[i] = to[i]*a.shape[axis] + v
				}
			}
		}
	})
	return nil
}

// keysOfLines are the positions of the entries of lines, each of width
// elements.
func keysOfLines(ptr []int64, indices tensor.View, width int64, workers int) []int64 {
	idx := intsOf(indices)
	keys := fresh[int64](idx.n)
	eachLine(ptr, workers, func(lo, hi int) {
		buf := make([]int64, piece)
		line, end := lo, int(ptr[hi])
		for at := int(ptr[lo]); at < end; {
			stop := min(at+piece, end)
			x := idx.window(buf, at, stop)
			for i := at; i < stop; {
				for int(ptr[line+1]) <= i {
					line++
				}
				upto := min(int(ptr[line+1]), stop)
				base := int64(line) * width
				for j := i; j < upto; j++ {
					keys[j] = base + x[j-at]
				}
				i = upto
			}
			at = stop
		}
	})
	return keys
}

// eachLine runs fn over ranges of lines [lo, hi) with about as many entries and
// lines each.
func eachLine[I index](ptr []I, workers int, fn func(lo, hi int)) {
	k := lineParts(ptr, workers)
	run(k, func(p int) {
		if lo, hi := lineCut(ptr, k, p), lineCut(ptr, k, p+1); lo < hi {
			fn(lo, hi)
		}
	})
}

// lineParts is the number of ranges that lines are worth.
func lineParts[I index](ptr []I, workers int) int {
	return parts(len(ptr)-1+int(ptr[len(ptr)-1]), workers)
}

// lineCut is the line where part p of k begins: the first before which there
// are p/k of all lines and entries together.
func lineCut[I index](ptr []I, k, p int) int {
	n := len(ptr) - 1
	want := cut(n+int(ptr[n]), k, p)
	lo, hi := 0, n
	for lo < hi {
		if mid := int(uint(lo+hi) / 2); mid+int(ptr[mid]) < want {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}
