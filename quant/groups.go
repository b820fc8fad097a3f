package quant

// A dim is one or more axes of a box whose elements, in C order, belong to scales
// that follow each other.
type dim struct {
	n     int64 // elements
	first int64 // place of the first element in its group
	step  int64 // from one element to the next
	group int64
	m     int64 // scales
}

// scaleOf is the scale of element i.
func (d *dim) scaleOf(i int64) int64 { return (d.first + i*d.step) / d.group }

// groups says which elements of a box, in C order, belong to which of its
// scales, in C order.
type groups struct {
	dims []dim // outermost first, at least one
	at   []int64
}

// of describes a box of an array whose groups and first element are given, and
// returns the box of its scales in r.
func (g *groups) of(box []span, group, first []int64, r []span) {
	g.dims = append(g.dims[:0], dim{n: 1, step: 1, group: 1, m: 1})
	for k, x := range box {
		lo, step, size := first[k]+x.First, x.Step, group[k]
		begin := lo / size
		d := dim{n: x.Count, first: lo - begin*size, step: step, group: size}
		r[k] = span{First: begin, Count: (lo+(x.Count-1)*step)/size - begin + 1, Step: 1}
		switch {
		case r[k].Count == 1:
			d.first, d.step, d.group = 0, 1, d.n
		case step%size == 0:
			r[k].Count, r[k].Step = x.Count, step/size
			d.first, d.step, d.group = 0, 1, 1
		}
		d.m = r[k].Count
		g.add(d)
	}
	if cap(g.at) < len(g.dims) {
		g.at = make([]int64, len(g.dims))
	}
}

// add puts an axis inside those that are there, as a part of the last one if it
// can be.
func (g *groups) add(in dim) {
	out := &g.dims[len(g.dims)-1]
	switch {
	case out.n == 1:
		*out = in
	case in.n == 1:
	case in.m == 1 && out.m == 1:
		*out = dim{n: out.n * in.n, step: 1, group: out.n * in.n, m: 1}
	case in.m == 1 && out.step == 1:
		*out = dim{n: out.n * in.n, first: out.first * in.n, step: 1, group: out.group * in.n, m: out.m}
	case in.step == 1 && in.first == 0 && in.n%in.group == 0 && out.step == 1 && out.group == 1:
		*out = dim{n: out.n * in.n, step: 1, group: in.group, m: out.m * in.m}
	default:
		g.dims = append(g.dims, in)
	}
}

// rows calls fn for each run of the innermost dim: where it begins among the
// elements, and its first scale.
func (g *groups) rows(fn func(d *dim, at, scale int64)) {
	last := len(g.dims) - 1
	d := &g.dims[last]
	outer := g.at[:last]
	clear(outer)
	for at := int64(0); ; at += d.n {
		scale := int64(0)
		for k := range outer {
			scale = scale*g.dims[k].m + g.dims[k].scaleOf(outer[k])
		}
		fn(d, at, scale*d.m)
		k := last - 1
		for ; k >= 0; k-- {
			if outer[k]++; outer[k] < g.dims[k].n {
				break
			}
			outer[k] = 0
		}
		if k < 0 {
			return
		}
	}
}

// runs calls fn for each run of elements of a dim that share a scale.
func (d *dim) runs(fn func(begin, end, scale int64)) {
	for i := int64(0); i < d.n; {
		j := d.scaleOf(i)
		// The first element that lies behind the group.
		end := min(((j+1)*d.group-d.first+d.step-1)/d.step, d.n)
		fn(i, end, j)
		i = end
	}
}
