package ragged

import (
	"context"
	"slices"

	"github.com/tensorfile/tensorfile/tensor"
)

// DenseOptions are the settings of Dense. Nil means the zero value.
type DenseOptions struct {
	Options
	// Fill is the element behind the end of a row, of rank 0 and any dtype that
	// can be cast. Default: zero.
	Fill tensor.View
	// Length is the extent of axis 1. Longer rows are cut. 0 means the longest
	// row that there is.
	Length int64
}

// Dense returns the rows as a tensor of shape (rows, length, inner...), in
// memory of its own: shorter rows are filled up at their end.
func (a *Array) Dense(ctx context.Context, o *DenseOptions) (tensor.View, error) {
	if o == nil {
		o = new(DenseOptions)
	}
	length := o.Length
	if length < 0 {
		return tensor.View{}, fail(tensor.ErrShape, "length", itoa(length), "0 or more", "")
	}
	if length == 0 {
		var err error
		if length, err = a.Longest(ctx); err != nil {
			return tensor.View{}, err
		}
	}
	it, err := a.items()
	if err != nil {
		return tensor.View{}, err
	}
	cells, err := tensor.Shape{a.n, length}.NumElements()
	if err != nil {
		return tensor.View{}, err
	}
	if err := checkedRoom("dense tensor", cells, it.size, o.MaxBytes); err != nil {
		return tensor.View{}, err
	}
	dst, err := tensor.Make(a.DType(), append(tensor.Shape{a.n, length}, a.Inner()...))
	if err != nil || dst.NumElements() == 0 {
		return dst, err
	}
	if o.Fill.DType() != (tensor.DType{}) {
		if err := fill(ctx, dst, o.Fill, o.workers()); err != nil {
			return dst, err
		}
	}
	flat, err := dst.Reshape(append(tensor.Shape{cells}, a.Inner()...))
	if err != nil {
		return dst, err
	}
	return dst, a.move(ctx, flat, it, &o.Options, func(i int64) (int64, int64) { return i * length, length })
}

// fill makes all elements of dst one.
func fill(ctx context.Context, dst, value tensor.View, workers int) error {
	if value.Rank() != 0 {
		return fail(tensor.ErrShape, "fill", value.Shape().String(), "one element of rank 0", "")
	}
	if value.DType() != dst.DType() {
		own, err := tensor.Make(dst.DType(), tensor.Shape{})
		if err == nil {
			err = tensor.Cast(own, value)
		}
		if err != nil {
			return err
		}
		value = own
	}
	all, err := value.BroadcastTo(dst.Shape())
	if err != nil {
		return err
	}
	return tensor.CopyParallel(ctx, dst, all, workers)
}

// FromDense makes an array of the rows of a tensor of rank 2 or more: of row i
// the first lengths[i] along axis 1. Without lengths (nil) rows are whole and
// share the elements, if these lie in order; else they are copied.
func FromDense(v tensor.View, lengths []int64) (*Array, error) {
	s := v.Shape()
	if len(s) < 2 {
		return nil, fail(tensor.ErrShape, "dense tensor", s.String(), "2 axes or more", "")
	}
	if lengths != nil && int64(len(lengths)) != s[0] {
		return nil, fail(tensor.ErrShape, "lengths", itoa(int64(len(lengths))), itoa(s[0])+", one for each row", "")
	}
	rows, err := tensor.Shape{s[0], s[1]}.NumElements()
	if err != nil {
		return nil, err
	}
	if !v.IsContiguous() {
		if v, err = v.Clone(); err != nil {
			return nil, err
		}
	}
	flat, err := v.Reshape(append(tensor.Shape{rows}, s[2:]...))
	if err != nil {
		return nil, err
	}
	places := spans{n: s[0], picked: true, starts: make([]int64, s[0]), stops: make([]int64, s[0]), total: rows, longest: s[1]}
	for i := range s[0] {
		n := s[1]
		if lengths != nil {
			if n = lengths[i]; n < 0 || n > s[1] {
				return nil, fail(tensor.ErrShape, "lengths["+itoa(i)+"]", itoa(n), "0 to "+itoa(s[1]), "")
			}
		}
		places.starts[i], places.stops[i] = i*s[1], i*s[1]+n
	}
	a := &Array{spans: places, values: flat}
	if lengths != nil {
		return a.Clone(context.Background(), &Options{MaxBytes: -1}) // never more than v
	}
	list, _, err := a.rebased(context.Background(), nil)
	if err != nil {
		return nil, err
	}
	offsets := viewOf(list)
	return New(offsets, flat, s[1])
}

// FromRows makes an array of rows of one dtype and, but for axis 0, one shape.
// It copies them. At least one must be there, to say what the values are.
func FromRows(rows ...tensor.View) (*Array, error) {
	if len(rows) == 0 {
		return nil, fail(tensor.ErrShape, "rows", "none", "one or more", "")
	}
	list := make([]int64, len(rows)+1)
	longest := int64(0)
	for i, v := range rows {
		if v.Rank() == 0 {
			return nil, fail(tensor.ErrShape, "row "+itoa(int64(i)), "()", "an axis 0", "")
		}
		n := v.Shape()[0]
		longest, list[i+1] = max(longest, n), list[i]+n
	}
	values, err := tensor.Concatenate(0, rows...)
	if err != nil {
		return nil, err
	}
	offsets := viewOf(list)
	return New(offsets, values, longest)
}

// FromSlices makes an array of slices, without inner axes. It copies them.
func FromSlices[T tensor.Elem](rows [][]T) (*Array, error) {
	list := make([]int64, len(rows)+1)
	longest := int64(0)
	for i, row := range rows {
		longest, list[i+1] = max(longest, int64(len(row))), list[i]+int64(len(row))
	}
	values, err := tensor.FromSlice(slices.Concat(rows...))
	if err != nil {
		return nil, err
	}
	offsets := viewOf(list)
	return New(offsets, values, longest)
}

// Concat returns the rows of all arrays, one array's behind the other's, in
// memory of their own. Dtypes and inner shapes must be the same.
func Concat(ctx context.Context, arrays ...*Array) (*Array, error) {
	if len(arrays) == 0 {
		return nil, fail(tensor.ErrShape, "arrays", "none", "one or more", "")
	}
	first := arrays[0]
	list, longest := []int64{0}, int64(0)
	values := make([]tensor.View, len(arrays))
	for i, a := range arrays {
		if a.DType() != first.DType() {
			return nil, fail(tensor.ErrDType, "array "+itoa(int64(i)), a.DType().String(), first.DType().String(), "")
		}
		if !a.Inner().Equal(first.Inner()) {
			return nil, fail(tensor.ErrShape, "array "+itoa(int64(i)), "values of shape "+a.Inner().String(), first.Inner().String(), "")
		}
		offsets, v, err := a.Parts(ctx, nil)
		if err != nil {
			return nil, err
		}
		if list, err = behind(list, offsets); err != nil {
			return nil, err
		}
		values[i], longest = v, max(longest, a.longest)
	}
	all, err := tensor.Concatenate(0, values...)
	if err != nil {
		return nil, err
	}
	offsets := viewOf(list)
	return New(offsets, all, longest)
}

// behind puts offsets that begin at 0 behind a list of them.
func behind(list []int64, v tensor.View) ([]int64, error) {
	x := offsetsOf(v)
	base, at := list[len(list)-1], len(list)
	list = append(list, make([]int64, v.Shape()[0]-1)...)
	x.read(list[at:], 1)
	for i := at; i < len(list); i++ {
		if list[i] > int64(1)<<62-base {
			return nil, fail(tensor.ErrOverflow, "rows", "more than 2^62 elements", "fewer", "")
		}
		list[i] += base
	}
	return list, nil
}
