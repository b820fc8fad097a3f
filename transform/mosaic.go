package transform

import (
	"runtime"

	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

// A span is a piece of an axis of a result: count elements from at on, which
// are the elements first, first+step, ... of the source, step being 1, -1 or,
// for one that repeats, 0.
type span struct {
	at, count   int64
	first, step int64
	outside     bool // not of the source
}

// spans are the pieces that make up an axis, in order.
type spans interface {
	len() int64
	at(i int64) span
}

// whole is an axis as it was.
type whole int64

func (w whole) len() int64    { return 1 }
func (w whole) at(int64) span { return span{count: int64(w), step: 1} }

// pieces cuts the longest span of an axis, so that goroutines can share it.
type pieces struct {
	spans
	cut, each int64 // which span, and the length of its pieces
}

func (p pieces) parts() int64 { return (p.spans.at(p.cut).count-1)/p.each + 1 }
func (p pieces) len() int64   { return p.spans.len() - 1 + p.parts() }
func (p pieces) at(i int64) span {
	n := p.parts()
	switch {
	case i < p.cut:
		return p.spans.at(i)
	case i >= p.cut+n:
		return p.spans.at(i - n + 1)
	}
	s := p.spans.at(p.cut)
	skip := (i - p.cut) * p.each
	s.at += skip
	s.first += skip * s.step
	s.count = min(p.each, s.count-skip)
	return s
}

// shareMin is the size of a result that is worth a second goroutine.
const shareMin = 1 << 20

// pieceSize is about what is written from one piece of an axis.
const pieceSize = 512 << 10

// mosaic writes dst, cell by cell: each is a product of spans, one of each axis.
// fill is for cells outside the source: one element or, of a packed dtype, a row.
func mosaic(dst, src, fill tensor.View, axes []spans, workers int) error {
	if dst.NumElements() == 0 {
		return nil
	}
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	if dst.ByteSize() < shareMin {
		workers = 1
	} else {
		cuttable := axes
		if dst.DType().Packed() {
			cuttable = axes[:len(axes)-1] // a cut might go through a unit
		}
		share(cuttable, dst, workers)
	}
	n := int64(1)
	for _, a := range axes {
		n *= a.len() // at most the number of elements
	}
	return parallel.EachWith(workers, n, func() []span { return make([]span, len(axes)) }, func(cell []span, i int64) error {
		outside := false
		for axis := len(axes) - 1; axis >= 0; axis-- {
			k := axes[axis].len()
			cell[axis] = axes[axis].at(i % k)
			outside = outside || cell[axis].outside
			i /= k
		}
		to, err := cut(dst, cell, func(s span) (int64, int64, int64) { return s.at, s.count, 1 })
		if err != nil {
			return err
		}
		from := fill
		if !outside {
			from, err = cut(src, cell, func(s span) (int64, int64, int64) { return s.first, s.count, s.step })
		} else if fill.Rank() == 1 {
			from, err = cut(fill, cell[len(cell)-1:], func(s span) (int64, int64, int64) { return s.at, s.count, 1 })
		}
		if err != nil {
			return err
		}
		if from, err = from.BroadcastTo(to.Shape()); err != nil {
			return err
		}
		return tensor.Copy(to, from)
	})
}

// cut slices v along each axis: count elements from first on, step apart; one
// if step is 0.
func cut(v tensor.View, cell []span, of func(span) (first, count, step int64)) (tensor.View, error) {
	var err error
	for axis, s := range cell {
		first, count, step := of(s)
		if step == 1 && first == 0 && count == v.Shape()[axis] {
			continue
		}
		stop := first + count*step
		switch {
		case step == 0:
			stop, step = first+1, 1
		case stop < 0:
			stop = tensor.None
		}
		if v, err = v.Slice(axis, first, stop, step); err != nil {
			return tensor.View{}, err
		}
	}
	return v, nil
}

// share cuts the longest span of the first axis that is long enough: to pieces
// for each worker, and so that what the cells of a piece have in common, lines of
// the cache at their edges, is still there when the next one is written.
func share(axes []spans, dst tensor.View, workers int) {
	for i, a := range axes {
		best, most := int64(0), int64(0)
		for j := range min(a.len(), 1<<10) {
			if n := a.at(j).count; n > most {
				best, most = j, n
			}
		}
		if most < 2*int64(workers) {
			continue
		}
		each := max(pieceSize/(dst.ByteSize()/dst.Shape()[i]), 1)
		if workers > 1 {
			each = min(each, most/(4*int64(workers))+1)
		}
		if each < most {
			axes[i] = pieces{a, best, each}
		}
		return
	}
}
