package survey

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// Lost is a box of elements that cannot be read, because what holds them is damaged.
type Lost struct {
	First []int64      // index of its first element, in what is picked
	Shape tensor.Shape // of the box
	Err   error
}

// Selection takes the elements from what is picked, which has this shape.
func (l *Lost) Selection(of tensor.Shape) tensor.Selection {
	sel := make(tensor.Selection, len(l.First))
	for axis, at := range l.First {
		sel[axis] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: at, Stop: at + l.Shape[axis], Step: tensor.None}
		if l.Shape[axis] == of[axis] {
			sel[axis].Start, sel[axis].Stop = tensor.None, tensor.None
		}
	}
	return sel
}

// Elements of the box.
func (l *Lost) Elements() int64 { return Product(l.Shape) }

const (
	// mostLost bounds the boxes that are told.
	mostLost = 1000
	// mostProbes bounds the elements that are read to find the ends of damage. Boxes
	// that are halved no more are lost as wholes.
	mostProbes = 100_000
)

// losses are the boxes of a pick that turned out lost. The zero value, with a pick, is
// none.
type losses struct {
	pick  Pick
	chunk []int64 // by axis; nil: not known
	axes  []int   // slowest first

	mu       sync.Mutex
	list     []Lost
	elements int64 // of all boxes, told or not
	probes   int
}

// salvaging are losses of p, nil where a box cannot be read by itself.
func salvaging(p Pick) *losses {
	if p.Sel != nil || p.Storage().Kind == tensorfile.StorageEncoded || len(p.Shape()) == 0 {
		return nil
	}
	l := &losses{pick: p}
	for axis := range p.Shape() {
		l.axes = append(l.axes, axis)
	}
	c := p.ChunkShape()
	if c == nil && Quantised(p.Tensor) {
		if v, err := p.Part(format.RoleValues); err == nil {
			c = v.ChunkShape()
		}
	}
	if len(c) == len(p.Shape()) {
		l.chunk = c
		slices.SortStableFunc(l.axes, func(i, j int) int { return cmp.Compare(absolute(p.Strides()[j]), absolute(p.Strides()[i])) })
	}
	return l
}

// around calls fn with what can be read of a box that cannot be read as a whole, for
// err. What is not damage is its error.
func (l *losses) around(ctx context.Context, box Lost, err error, fn func(tensor.View) error) error {
	if l == nil || !IsDamage(err) || ctx.Err() != nil {
		return err
	}
	axis, cut := l.cut(box)
	if axis < 0 {
		l.add(box, err)
		return nil
	}
	// Chunks are boxes: one that has the first and the last element has all.
	first, err1 := l.corner(ctx, box, false)
	last, err2 := l.corner(ctx, box, true)
	switch {
	case err1 != nil || err2 != nil:
		return cmp.Or(err1, err2)
	case first != "" && first == last:
		l.add(box, err)
		return nil
	}
	for half := range 2 {
		part := Lost{First: slices.Clone(box.First), Shape: box.Shape.Clone()}
		if half == 0 {
			part.Shape[axis] = cut
		} else {
			part.First[axis] += cut
			part.Shape[axis] -= cut
		}
		v, err := l.read(ctx, part)
		if err == nil {
			err = fn(v)
		} else {
			err = l.around(ctx, part, err, fn)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// cut says where to halve a box: between chunks while there are several, else along the
// slowest axis, between units. The axis is -1 for a box that is not to be halved.
func (l *losses) cut(box Lost) (axis int, at int64) {
	l.mu.Lock()
	l.probes += 2
	enough := l.probes > mostProbes
	l.mu.Unlock()
	if enough {
		return -1, 0
	}
	size, most := int64(0), int64(1)
	axis = -1
	for i := range l.chunk {
		if n := (box.Shape[i]-1)/l.chunk[i] + 1; n > most {
			axis, size, most = i, l.chunk[i], n
		}
	}
	for _, i := range l.axes {
		if unit := l.unit(i); axis < 0 && box.Shape[i] > unit {
			axis, size = i, unit
		}
	}
	if axis < 0 {
		return -1, 0
	}
	at = (box.First[axis]+box.Shape[axis]/2)/size*size - box.First[axis]
	if at <= 0 {
		at += size
	}
	return axis, at
}

// unit is how many elements along an axis are not cut.
func (l *losses) unit(axis int) int64 {
	if axis == len(l.pick.Shape())-1 {
		return max(int64(l.pick.DType().UnitElems), 1)
	}
	return 1
}

// corner reads the first or the last element of a box, or the unit that has it. It
// returns what is damaged there, or "".
func (l *losses) corner(ctx context.Context, box Lost, last bool) (string, error) {
	one := Lost{First: slices.Clone(box.First), Shape: make(tensor.Shape, len(box.Shape))}
	for axis, n := range box.Shape {
		unit := l.unit(axis)
		one.Shape[axis] = min(unit, n)
		if last {
			one.First[axis] += (n - 1) / unit * unit
			one.Shape[axis] = n - (n-1)/unit*unit
		}
	}
	_, err := l.read(ctx, one)
	var e *tensorfile.Error
	switch {
	case err == nil:
		return "", nil
	case !IsDamage(err) || ctx.Err() != nil:
		return "", err
	case errors.As(err, &e):
		return fmt.Sprint(e.Chunk, " ", e.Offset, " ", e.Rule), nil
	}
	return err.Error(), nil
}

func (l *losses) read(ctx context.Context, box Lost) (tensor.View, error) {
	sel := make(tensor.Selection, len(box.First))
	for axis, at := range box.First {
		sel[axis] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: at, Stop: at + box.Shape[axis], Step: 1}
	}
	return l.pick.Read(ctx, sel)
}

func (l *losses) add(box Lost, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.elements += box.Elements()
	if box.Err = err; len(l.list) < mostLost {
		l.list = append(l.list, box)
	}
}

// sorted are the boxes in C order of their first elements. Halves of one chunk are put
// together again.
func (l *losses) sorted() []Lost {
	slices.SortFunc(l.list, func(a, b Lost) int { return slices.Compare(a.First, b.First) })
	list := l.list[:0]
	for _, box := range l.list {
		if n := len(list); n > 0 && list[n-1].join(&box) {
			continue
		}
		list = append(list, box)
	}
	return list
}

// join makes one box of two that are lost for the same reason and lie beside each other.
func (l *Lost) join(next *Lost) bool {
	along := -1
	for axis, at := range l.First {
		switch {
		case at == next.First[axis] && l.Shape[axis] == next.Shape[axis]:
		case along < 0 && at+l.Shape[axis] == next.First[axis]:
			along = axis
		default:
			return false
		}
	}
	if along < 0 || l.Err.Error() != next.Err.Error() {
		return false
	}
	l.Shape[along] += next.Shape[along]
	return true
}
