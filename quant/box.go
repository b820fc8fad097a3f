package quant

import (
	"slices"

	"github.com/tensorfile/tensorfile/tensor"
)

// span is what is taken along an axis: Count elements from First on, Step apart,
// which is positive.
type span = tensor.AxisRange

// boxElems is about how many elements are worked on at a time: their binary32
// form stays in the cache of a processor.
const boxElems = 32 << 10

// boxes cuts what is taken of a tensor into boxes of about boxElems elements,
// runs of which follow each other in C order, and goes through them by number.
type boxes struct {
	all  []span
	size []int64 // of a box along each axis
	n    int64
}

// cutBoxes makes boxes of what is taken of groups of the given extents. whole says
// that the last axis is cut at units of packed dtypes only.
func cutBoxes(all []span, group []int64, whole bool) boxes {
	b := boxes{all: all, size: make([]int64, len(all)), n: 1}
	room := int64(boxElems)
	for k := len(all) - 1; k >= 0; k-- {
		r := all[k]
		// Scales of steps over many groups are read with those between.
		weight := int64(1)
		if g := group[k]; r.Step > g && r.Step%g != 0 {
			weight = r.Step/g + 1
		}
		n := max(room/weight, 1)
		if n < r.Count {
			for _, unit := range []int64{group[k], 64} {
				if unit > 1 && n > unit && r.Step == 1 {
					n -= n % unit
					break
				}
			}
			if whole && k == len(all)-1 {
				n = max(n&^63, 64)
			}
		}
		b.size[k] = min(n, r.Count)
		room = max(room/max(b.size[k]*weight, 1), 1)
		if b.size[k] < r.Count {
			room = 1
		}
	}
	for k, r := range all {
		b.n *= (r.Count + b.size[k] - 1) / max(b.size[k], 1)
	}
	return b
}

// box is number i as a part of all, and as one of what is taken.
func (b *boxes) box(i int64, part, taken []span) {
	for k := len(b.all) - 1; k >= 0; k-- {
		r, size := b.all[k], b.size[k]
		n := (r.Count + size - 1) / size
		at := i % n * size
		i /= n
		count := min(size, r.Count-at)
		part[k] = span{First: r.First + at*r.Step, Count: count, Step: r.Step}
		taken[k] = span{First: at, Count: count, Step: 1}
	}
}

// selection is r as tensor.View.Select takes it.
func selection(r []span) tensor.Selection {
	sel := make(tensor.Selection, len(r))
	for k, x := range r {
		sel[k] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: x.First, Stop: x.First + (x.Count-1)*x.Step + 1, Step: x.Step}
	}
	return sel
}

// counts is the shape of a box, and elements their number.
func counts(r []span) (s tensor.Shape, elements int) {
	s, elements = make(tensor.Shape, len(r)), 1
	for k, x := range r {
		s[k] = x.Count
		elements *= int(x.Count)
	}
	return s, elements
}

// whole is all of a shape.
func whole(s tensor.Shape) []span {
	r := make([]span, len(s))
	for k, n := range s {
		r[k] = span{Count: n, Step: 1}
	}
	return r
}

// load converts a box of v to binary32 in C order, in buf if that is large
// enough. What units of packed dtypes have before and behind the box is
// converted with it.
func load(buf *[]float32, v tensor.View, r []span) ([]float32, error) {
	last := len(r) - 1
	cover, skip, wider := r, int64(0), false
	if d := v.DType(); d.Packed() && last >= 0 {
		unit, x := int64(d.UnitElems), r[last]
		from := x.First / unit * unit
		to := min((x.First+(x.Count-1)*x.Step)/unit*unit+unit, v.Shape()[last])
		if skip = x.First - from; from != x.First || to != x.First+x.Count || x.Step != 1 {
			cover, wider = slices.Clone(r), true
			cover[last] = span{First: from, Count: to - from, Step: 1}
		}
	}
	shape, n := counts(cover)
	if cap(*buf) < n {
		*buf = make([]float32, max(n, boxElems))
	}
	x := (*buf)[:n]
	part, err := v.Select(selection(cover))
	if err != nil {
		return nil, err
	}
	to, err := over(x, shape)
	if err != nil {
		return nil, err
	}
	if err := tensor.Cast(to, part); err != nil {
		return nil, err
	}
	if !wider {
		return x, nil
	}
	// The elements move forward, each to its place.
	width, count, step := int(cover[last].Count), int(r[last].Count), int(r[last].Step)
	at := 0
	for row := int(skip); row < n; row += width {
		for i := range count {
			x[at] = x[row+i*step]
			at++
		}
	}
	return x[:at], nil
}

// over is a view of x, of any shape, also that of a scalar.
func over(x []float32, shape tensor.Shape) (tensor.View, error) {
	v, err := tensor.FromSlice(x)
	if err != nil {
		return v, err
	}
	return v.Reshape(shape)
}
