package operate

import (
	"context"
	"slices"

	"github.com/tensorfile/tensorfile/tensor"
)

// span is what is wanted along an axis: Count elements from First on, Step
// apart, which may be negative.
type span = tensor.AxisRange

// A node is a tensor that is computed when it is asked for, a box of elements at
// a time. Nodes are made by planning, which reads no elements, and are safe for
// concurrent use afterwards.
type node interface {
	// form is the dtype and shape of the result.
	form() (tensor.DType, tensor.Shape)
	// grain says for each axis how it may be cut without work that is done twice:
	// at multiples of that number. 0 means that it must be taken whole.
	grain() []int64
	// back says what take asks of the nodes below for a box of this one.
	back(r []span) []ask
	// own is the memory that take needs for the result and on the way to it,
	// beside what the nodes below need.
	own(r []span) int64
	// take returns a box. The view is valid until the arena is released. It may
	// be on a mapping: see lent.
	take(ctx context.Context, a *arena, r []span) (tensor.View, error)
	// lent is the source on whose mapping take's views are, or nil if they are in
	// memory of the arena or the heap. They are touched under its guard.
	lent() *source
}

// ask is a box of a node.
type ask struct {
	n node
	r []span
}

// whole is a request for all of a shape.
func whole(s tensor.Shape) []span {
	r := make([]span, len(s))
	for i, n := range s {
		r[i] = span{Count: n, Step: 1}
	}
	return r
}

// counts is the shape of a box.
func counts(r []span) tensor.Shape {
	s := make(tensor.Shape, len(r))
	for i := range r {
		s[i] = r[i].Count
	}
	return s
}

// within is what the elements r of an axis are of the axis of which it is the
// elements outer.
func within(outer, r span) span {
	return span{First: outer.First + r.First*outer.Step, Count: r.Count, Step: outer.Step * r.Step}
}

// selection is r as tensor.View.Select takes it.
func selection(r []span) tensor.Selection {
	sel := make(tensor.Selection, len(r))
	for i, x := range r {
		stop := x.First + x.Count*x.Step
		if x.Count == 0 {
			stop = x.First
		} else if stop < 0 {
			stop = tensor.None
		}
		sel[i] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: x.First, Stop: stop, Step: x.Step}
	}
	return sel
}

// isWhole reports whether r is all of an axis of extent n, in its order.
func isWhole(r span, n int64) bool { return r.First == 0 && r.Count == n && (r.Step == 1 || n == 1) }

// size is the bytes of a box in C order. Plans have checked that it fits.
func size(d tensor.DType, s tensor.Shape) int64 {
	n, err := tensor.ByteSize(d, s)
	if err != nil {
		return 1<<63 - 1
	}
	return n
}

// need is the memory that take of a box holds at most at one time.
func need(n node, r []span) int64 {
	below := int64(0)
	for _, a := range n.back(r) {
		below = max(below, need(a.n, a.r))
	}
	if total := below + n.own(r); total >= below {
		return total
	}
	return 1<<63 - 1
}

// visit calls fn with the boxes of sources that take of a box reads.
func visit(n node, r []span, fn func(s *source, r []span)) {
	if s, ok := n.(*source); ok {
		fn(s, r)
		return
	}
	for _, a := range n.back(r) {
		visit(a.n, a.r, fn)
	}
}

// take is n.take, but for a box without elements, of which nodes need not think.
func take(ctx context.Context, a *arena, n node, r []span) (tensor.View, error) {
	d, _ := n.form()
	if s := counts(r); slices.Contains(s, 0) {
		return tensor.Make(d, s)
	}
	if err := ctx.Err(); err != nil {
		return tensor.View{}, err
	}
	return n.take(ctx, a, r)
}

// guarded runs fn, which touches a view that n.take returned.
func guarded(n node, fn func() error) error {
	if s := n.lent(); s != nil {
		return s.guard(fn)
	}
	return fn()
}

// arena is memory for the boxes that one goroutine works on. It is used as a
// stack: what was made behind a mark is given back at once.
type arena struct {
	run  *run
	bufs [][]byte
	top  int
}

func (a *arena) bytes(n int64) []byte {
	if a.top == len(a.bufs) {
		a.bufs = append(a.bufs, nil)
	}
	b := a.bufs[a.top]
	if int64(cap(b)) < n {
		b = make([]byte, n, (n+63)&^63) // aligned for any element
		a.bufs[a.top] = b
	}
	a.top++
	return b[:n]
}

// view is memory for a box in C order and the byte order of the machine.
func (a *arena) view(d tensor.DType, s tensor.Shape) (tensor.View, error) {
	n, err := tensor.ByteSize(d, s)
	if err != nil {
		return tensor.View{}, err
	}
	return tensor.NewView(a.bytes(n), d, s, nil, 0, tensor.HostOrder)
}

func (a *arena) mark() int     { return a.top }
func (a *arena) release(m int) { a.top = m }

// unary is the part that is the same of all nodes on one other.
type unary struct {
	child node
	dtype tensor.DType
	shape tensor.Shape
}

func (u *unary) form() (tensor.DType, tensor.Shape) { return u.dtype, u.shape }
func (u *unary) lent() *source                      { return nil }
