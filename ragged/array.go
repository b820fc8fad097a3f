package ragged

import (
	"context"
	"iter"
	"math"
	"sync"
	"sync/atomic"

	"github.com/tensorfile/tensorfile/tensor"
)

// Array is rows of different lengths. Each row is a tensor whose axis 0 is as
// long as the row, and whose other axes are the same for all.
type Array struct {
	spans
	values tensor.View

	checking sync.Mutex  // held by Validate
	checked  atomic.Bool // Validate has succeeded
	occurs   int64       // then: the most that a row has
}

// New makes an array of n rows from n+1 offsets, of any int or uint dtype of 8
// to 64 bits, and values of shape [total, inner...] and any dtype. Row i is
// values offsets[i] to offsets[i+1]. longest is the most that a row may have,
// extent 1 of the shape in a file; negative means any number.
//
// It looks at no offset: see Validate. Errors are ErrFormat (composite.part).
func New(offsets, values tensor.View, longest int64) (*Array, error) {
	shape := values.Shape()
	if len(shape) < 1 || len(shape) >= tensor.MaxRank {
		return nil, fail(tensor.ErrFormat, "shape of values", shape.String(), "1 to 31 axes", rulePart)
	}
	if values.DType().Class == tensor.ClassNone {
		return nil, fail(tensor.ErrFormat, "dtype of values", values.DType().String(), "one with elements", rulePart)
	}
	if longest < 0 {
		longest = shape[0]
	}
	s, err := newSpans(offsets, shape[0], longest)
	if err != nil {
		return nil, err
	}
	return &Array{spans: s, values: values}, nil
}

// Len is the number of rows.
func (a *Array) Len() int64 { return a.n }

// Shape is (rows, longest, inner...), the shape that the file format has. The
// longest row may be shorter than longest: see Longest.
func (a *Array) Shape() tensor.Shape {
	return append(tensor.Shape{a.n, a.longest}, a.Inner()...)
}

// Inner is the shape of one value. The caller must not change it.
func (a *Array) Inner() tensor.Shape { return a.values.Shape()[1:] }

// DType returns the type of the elements.
func (a *Array) DType() tensor.DType { return a.values.DType() }

// Validate checks all offsets of the array: they begin at 0, never fall, end
// where the values do, and no row is longer than declared (composite.pointer).
// Of a slice it checks those of its rows. The error, ErrCorrupt, names the first
// offset that is wrong, whatever the number of workers.
//
// It reads the offsets in parallel and in bounded memory, and once: success is
// remembered. Operations check what they use by themselves. The error of an
// ended ctx is ctx's own.
func (a *Array) Validate(ctx context.Context, o *Options) error {
	if a.checked.Load() {
		return nil
	}
	a.checking.Lock()
	defer a.checking.Unlock()
	if a.checked.Load() {
		return nil
	}
	longest, err := a.check(ctx, o.workers())
	if err == nil {
		a.occurs = longest
		a.checked.Store(true)
	}
	return err
}

// Longest is the most values that a row has. It validates the array.
func (a *Array) Longest(ctx context.Context) (int64, error) {
	if err := a.Validate(ctx, nil); err != nil {
		return 0, err
	}
	return a.occurs, nil
}

// Lengths returns the number of values of each row.
func (a *Array) Lengths(ctx context.Context) ([]int64, error) {
	return a.lengths(ctx, nil)
}

// Row returns row i as a view, negative from the back: of shape [length,
// inner...]. Rows of a packed dtype without inner axes that do not begin and end
// at units are ErrUnsupported.
func (a *Array) Row(i int64) (tensor.View, error) {
	if i < 0 {
		i += a.n
	}
	lo, hi, err := a.at(i)
	if err != nil {
		return tensor.View{}, err
	}
	return a.values.Slice(0, lo, hi, 1)
}

// Data returns row i as a slice of its own memory: see tensor.Data. Values of
// inner axes follow each other.
func Data[T tensor.Elem](a *Array, i int64) ([]T, error) {
	v, err := a.Row(i)
	if err != nil {
		return nil, err
	}
	return tensor.Data[T](v)
}

// All iterates over the rows as views. It ends with the first error.
func (a *Array) All() iter.Seq2[tensor.View, error] {
	return func(yield func(tensor.View, error) bool) {
		for i := range a.n {
			v, err := a.Row(i)
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// Slice returns rows start to stop. They share the offsets and values.
func (a *Array) Slice(start, stop int64) (*Array, error) {
	s, err := a.slice(start, stop)
	if err != nil {
		return nil, err
	}
	return &Array{spans: s, values: a.values}, nil
}

// Take returns the rows listed, in that order; one may occur several times, and
// a negative number counts from the back. Values are shared.
func (a *Array) Take(rows []int64) (*Array, error) {
	s, err := a.pick(int64(len(rows)), func(k int64) int64 {
		if rows[k] < 0 {
			return rows[k] + a.n
		}
		return rows[k]
	})
	if err != nil {
		return nil, err
	}
	return &Array{spans: s, values: a.values}, nil
}

// Select takes a range of rows, and ranges and indices of the inner axes, as
// tensor.Selection says of Shape; axis 1 stays whole. Values are shared. An
// index of axis 0 and new axes are ErrUnsupported: see Row.
func (a *Array) Select(sel tensor.Selection) (*Array, error) {
	ranges, _, err := sel.Resolve(a.Shape())
	if err != nil {
		return nil, err
	}
	for _, it := range sel {
		if it.Kind == tensor.SelectNewAxis {
			return nil, fail(tensor.ErrUnsupported, "selection", sel.String(), "no new axes", "")
		}
	}
	rows, whole := ranges[0], ranges[1]
	switch {
	case rows.Drop:
		return nil, fail(tensor.ErrUnsupported, "selection", sel.String(), "a range of axis 0", "")
	case whole.Drop || whole.Step != 1 || whole.Count != a.longest:
		return nil, fail(tensor.ErrUnsupported, "selection", sel.String(), "all of axis 1, as rows differ in length", "")
	}
	b := &Array{values: a.values}
	for axis := len(ranges) - 1; axis >= 2; axis-- { // from the back: an index takes its axis away
		if b.values, err = cut(b.values, axis-1, ranges[axis]); err != nil {
			return nil, err
		}
	}
	if rows.Step == 1 {
		b.spans, err = a.slice(rows.First, rows.First+rows.Count)
	} else {
		b.spans, err = a.pick(rows.Count, func(k int64) int64 { return rows.First + k*rows.Step })
	}
	return b, err
}

// cut takes a resolved range of an axis.
func cut(v tensor.View, axis int, r tensor.AxisRange) (tensor.View, error) {
	if r.Drop {
		return v.Index(axis, r.First)
	}
	stop := r.First + r.Count*r.Step
	if stop < 0 {
		stop = tensor.None
	}
	return v.Slice(axis, r.First, stop, r.Step)
}

// Parts returns the offsets, which begin at 0, and the values of these rows and
// no others: as the file format has them. Those that New was given come back
// validated and otherwise as they were. Of a slice the values are shared and the
// offsets made anew, of 32 bits where that is enough; of rows that were picked
// both are copies.
func (a *Array) Parts(ctx context.Context, o *Options) (offsets, values tensor.View, err error) {
	if a.whole {
		return a.ptr.v, a.values, a.Validate(ctx, o)
	}
	list, dense, err := a.rebased(ctx, o)
	if err != nil {
		return offsets, values, err
	}
	offsets = viewOf(list)
	if dense {
		lo, hi, err := a.reach(ctx)
		if err == nil {
			values, err = a.values.Slice(0, lo, hi, 1)
		}
		return offsets, values, err
	}
	values, err = a.gather(ctx, list, o)
	return offsets, values, err
}

// Clone returns the rows in memory of their own.
func (a *Array) Clone(ctx context.Context, o *Options) (*Array, error) {
	list, _, err := a.rebased(ctx, o)
	if err != nil {
		return nil, err
	}
	offsets := viewOf(list)
	values, err := a.gather(ctx, list, o)
	if err != nil {
		return nil, err
	}
	return New(offsets, values, a.longest)
}

// item is how values are moved.
type item struct {
	size int64  // bytes of one
	flat []byte // all of them, one behind the other, or nil
}

// items looks at the values. Those of packed dtypes are moved by whole units.
func (a *Array) items() (it item, err error) {
	d, inner := a.DType(), a.Inner()
	if d.Packed() && len(inner) == 0 {
		return it, fail(tensor.ErrUnsupported, "dtype", d.String()+", whose elements share bytes", "inner axes, or a dtype of whole bytes: cast the values first", "")
	}
	if it.size, err = tensor.ByteSize(d, inner); err != nil {
		return it, err
	}
	if a.values.IsContiguous() && (a.values.Order() == tensor.HostOrder || d.Bits <= 8) {
		it.flat, err = a.values.Bytes()
	}
	return it, err
}

// gather copies the values of all rows, one behind the other, to where list
// says.
func (a *Array) gather(ctx context.Context, list []int64, o *Options) (tensor.View, error) {
	it, err := a.items()
	if err != nil {
		return tensor.View{}, err
	}
	if err := checkedRoom("values", list[a.n], it.size, o.most()); err != nil {
		return tensor.View{}, err
	}
	dst, err := tensor.Make(a.DType(), append(tensor.Shape{list[a.n]}, a.Inner()...))
	if err != nil || dst.NumElements() == 0 {
		return dst, err
	}
	return dst, a.move(ctx, dst, it, o, func(i int64) (int64, int64) { return list[i], math.MaxInt64 })
}

// move copies values of each row to where place says, at most so many, axis 0 of
// dst counting values.
func (a *Array) move(ctx context.Context, dst tensor.View, it item, o *Options, place func(i int64) (at, most int64)) error {
	to, err := dst.Bytes()
	if err != nil {
		return err
	}
	return split(a.n, o.workers(), func(_ int, lo, hi int64) error {
		return a.each(ctx, lo, hi, func(i, from, end int64) error {
			at, most := place(i)
			if end = from + min(most, end-from); end == from {
				return nil
			}
			if it.flat != nil {
				copy(to[at*it.size:], it.flat[from*it.size:end*it.size])
				return nil
			}
			src, err := a.values.Slice(0, from, end, 1)
			if err != nil {
				return err
			}
			row, err := dst.Slice(0, at, at+end-from, 1)
			if err != nil {
				return err
			}
			return tensor.Copy(row, src)
		})
	})
}
