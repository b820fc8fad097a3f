package operate

import (
	"context"
	"math"

	"github.com/tensorfile/tensorfile/tensor"
)

// picked takes elements at regular steps along the axes of a node, drops axes of
// one element and adds some.
type picked struct {
	unary
	axes []span // of the child; those with Drop are not axes of the result
	from []int  // for each axis of the result the one of the child, or -1
}

// pick makes a picked node. It is the child itself if everything is taken, and
// one with that below it if that is one, too.
func pick(child node, axes []span, from []int) node {
	d, s := child.form()
	same := len(from) == len(s)
	for i, r := range axes {
		same = same && from[i] == i && !r.Drop && isWhole(r, s[i])
	}
	if same {
		return child
	}
	p := &picked{unary: unary{child: child, dtype: d}, axes: axes, from: from}
	for _, f := range from {
		n := int64(1)
		if f >= 0 {
			n = axes[f].Count
		}
		p.shape = append(p.shape, n)
	}
	return p
}

func (p *picked) grain() []int64 {
	below := p.child.grain()
	g := make([]int64, len(p.from))
	for i, f := range p.from {
		g[i] = 1
		if f < 0 {
			continue
		}
		if step := max(p.axes[f].Step, -p.axes[f].Step); below[f] == 0 {
			g[i] = 0
		} else {
			g[i] = max(below[f]/step, 1)
		}
	}
	return g
}

func (p *picked) back(r []span) []ask {
	in := make([]span, len(p.axes))
	for i, x := range p.axes {
		in[i] = span{First: x.First, Count: 1, Step: 1}
	}
	for i, f := range p.from {
		if f >= 0 {
			in[f] = within(p.axes[f], r[i])
		}
	}
	return []ask{{p.child, in}}
}

func (p *picked) own([]span) int64 { return 0 }
func (p *picked) lent() *source    { return p.child.lent() }

func (p *picked) take(ctx context.Context, a *arena, r []span) (tensor.View, error) {
	below := p.back(r)[0]
	v, err := take(ctx, a, p.child, below.r)
	for axis := len(p.axes) - 1; axis >= 0 && err == nil; axis-- {
		if p.axes[axis].Drop {
			v, err = v.Index(axis, 0)
		}
	}
	for i, f := range p.from {
		if err == nil && f < 0 {
			v, err = v.ExpandDims(i)
		}
	}
	return v, err
}

// aligned is a node with its axes split into factors, which are then put into
// another order.
type aligned struct {
	unary
	factors [][]int64 // of each axis of the child, slowest first; none for an axis of one element
	axes    []int     // of the result: which of all factors
	of      []int     // of each factor: the axis of the child
}

func align(child node, factors [][]int64, axes []int) node {
	d, s := child.form()
	l := &aligned{unary: unary{child: child, dtype: d}, factors: factors, axes: axes}
	var all []int64
	same := len(factors) == len(s)
	for i, list := range factors {
		same = same && len(list) == 1
		all = append(all, list...)
		for range list {
			l.of = append(l.of, i)
		}
	}
	for i, axis := range axes {
		same = same && axis == i
		l.shape = append(l.shape, all[axis])
	}
	if same {
		return child
	}
	return l
}

func (l *aligned) grain() []int64 {
	below := l.child.grain()
	g := make([]int64, len(l.axes))
	for i, k := range l.axes {
		axis := l.of[k]
		if g[i] = below[axis]; len(l.factors[axis]) > 1 && g[i] > 0 {
			if g[i] = l.shape[i]; k == 0 || l.of[k-1] != axis { // the slowest
				g[i] = 1
			}
		}
	}
	return g
}

// back asks for the elements of each axis from the first to the last that is
// needed: whole steps of its slowest factor.
func (l *aligned) back(r []span) []ask {
	by := l.factorSpans(r)
	in := make([]span, len(l.factors))
	for axis, k := 0, 0; axis < len(l.factors); axis++ {
		switch list := l.factors[axis]; len(list) {
		case 0:
			in[axis] = span{Count: 1, Step: 1}
		case 1:
			in[axis] = by[k]
		default:
			lo, hi := ends(by[k])
			inner := int64(1)
			for _, n := range list[1:] {
				inner *= n
			}
			in[axis] = span{First: lo * inner, Count: (hi - lo + 1) * inner, Step: 1}
			if x, ok := single(by[k:k+len(list)], list); ok {
				in[axis] = x
			}
		}
		k += len(l.factors[axis])
	}
	return []ask{{l.child, in}}
}

// factorSpans is r by factors.
func (l *aligned) factorSpans(r []span) []span {
	by := make([]span, len(l.of))
	for i, k := range l.axes {
		by[k] = r[i]
	}
	return by
}

// ends are the least and the greatest index of r.
func ends(r span) (lo, hi int64) {
	lo, hi = r.First, r.First+r.Step*(r.Count-1)
	return min(lo, hi), max(lo, hi)
}

// single is what spans of factors take of their axis if at most one of them is
// of more than one element.
func single(r []span, factors []int64) (span, bool) {
	out := span{Count: 1, Step: 1}
	weight, wide := int64(1), 0
	for i := len(r) - 1; i >= 0; i-- {
		out.First += r[i].First * weight
		if r[i].Count > 1 {
			out.Count, out.Step = r[i].Count, r[i].Step*weight
			wide++
		}
		weight *= factors[i]
	}
	return out, wide < 2
}

func (l *aligned) own([]span) int64 { return 0 }
func (l *aligned) lent() *source    { return l.child.lent() }

func (l *aligned) take(ctx context.Context, a *arena, r []span) (tensor.View, error) {
	below := l.back(r)[0]
	v, err := take(ctx, a, l.child, below.r)
	if err != nil {
		return v, err
	}
	// Split, then cut to what was asked for, then permute.
	by := l.factorSpans(r)
	var shape tensor.Shape
	cut := make([]span, 0, len(by))
	for axis, k := 0, 0; axis < len(l.factors); axis++ {
		list := l.factors[axis]
		if len(list) > 1 {
			if _, ok := single(by[k:k+len(list)], list); ok {
				for i := range list {
					shape = append(shape, by[k+i].Count)
					cut = append(cut, span{Count: by[k+i].Count, Step: 1})
				}
			} else {
				lo, hi := ends(by[k])
				shape = append(append(shape, hi-lo+1), list[1:]...)
				cut = append(cut, span{First: by[k].First - lo, Count: by[k].Count, Step: by[k].Step})
				cut = append(cut, by[k+1:k+len(list)]...)
			}
		} else if len(list) == 1 {
			shape = append(shape, by[k].Count)
			cut = append(cut, span{Count: by[k].Count, Step: 1})
		}
		k += len(list)
	}
	if v, err = v.Reshape(shape); err != nil {
		return v, err
	}
	if v, err = v.Select(selection(cut)); err != nil || len(l.axes) == 0 {
		return v, err
	}
	return v.Permute(l.axes...)
}

// merged is a node with neighbouring axes joined to one, and axes of one element
// added: the same elements in the same order.
type merged struct {
	unary
	groups []int // of each axis of the result: how many axes of the child
}

func merge(child node, groups []int) node {
	d, s := child.form()
	m := &merged{unary: unary{child: child, dtype: d}, groups: groups}
	at, same := 0, true
	for _, n := range groups {
		e := int64(1)
		for _, x := range s[at : at+n] {
			e *= x
		}
		at += n
		m.shape = append(m.shape, e)
		same = same && n == 1
	}
	if same {
		return child
	}
	return m
}

func (m *merged) grain() []int64 {
	below := m.child.grain()
	_, s := m.child.form()
	g := make([]int64, len(m.groups))
	at := 0
	for i, n := range m.groups {
		g[i] = 1
		for k := at; k < at+n; k++ {
			switch {
			case below[k] == 0 && s[k] > 1:
				g[i] = 0
			case g[i] == 0:
			case k == at:
				g[i] = below[k]
			case g[i] > math.MaxInt64/s[k]:
				g[i] = 1 // no box is so large
			default:
				g[i] *= s[k]
			}
		}
		at += n
	}
	return g
}

// split says what is asked for of the axes that make up one, and what is then
// taken of what comes.
func split(r span, s tensor.Shape) (in []span, cut span) {
	if len(s) == 0 {
		return nil, span{Count: r.Count, Step: 1}
	}
	if len(s) == 1 {
		return []span{r}, span{Count: r.Count, Step: 1}
	}
	in = whole(s)
	inner := int64(1)
	for _, n := range s[1:] {
		inner *= n
	}
	lo, hi := ends(r)
	a, b := lo/inner, hi/inner
	in[0] = span{First: a, Count: b - a + 1, Step: 1}
	cut = span{First: r.First - a*inner, Count: r.Count, Step: r.Step}
	if a == b { // inside one step of the slowest: the others tell more
		rest, c := split(cut, s[1:])
		return append(in[:1], rest...), c
	}
	return in, cut
}

func (m *merged) split(r []span) (in, cut []span) {
	_, s := m.child.form()
	at := 0
	for i, n := range m.groups {
		x, c := split(r[i], s[at:at+n])
		in, cut = append(in, x...), append(cut, c)
		at += n
	}
	return in, cut
}

func (m *merged) back(r []span) []ask {
	in, _ := m.split(r)
	return []ask{{m.child, in}}
}

func (m *merged) own(r []span) int64 {
	in, _ := m.split(r)
	return size(m.dtype, counts(in))
}

func (m *merged) take(ctx context.Context, a *arena, r []span) (tensor.View, error) {
	in, cut := m.split(r)
	n := counts(in)
	dst, err := a.view(m.dtype, n)
	if err != nil {
		return dst, err
	}
	mark := a.mark()
	v, err := take(ctx, a, m.child, in)
	if err == nil {
		err = guarded(m.child, func() error { return tensor.Copy(dst, v) })
	}
	a.release(mark)
	if err != nil {
		return dst, err
	}
	shape := make(tensor.Shape, len(m.groups))
	at := 0
	for i, g := range m.groups {
		shape[i] = 1
		for _, e := range n[at : at+g] {
			shape[i] *= e
		}
		at += g
	}
	if dst, err = dst.Reshape(shape); err != nil {
		return dst, err
	}
	return dst.Select(selection(cut))
}
