package operate

import (
	"fmt"
	"strconv"

	"github.com/tensorfile/tensorfile/tensor"
)

// Stack makes one tensor of all that there are, in their order, along a new
// leading axis. Their dtypes and shapes are equal.
type Stack struct {
	// Name of the result. Default: that of the first.
	Name string
}

func (s Stack) String() string { return "stack" }

func (s Stack) apply(in []*array) ([]*array, error) {
	first := in[0]
	d, shape := first.n.form()
	if len(shape) == tensor.MaxRank {
		return nil, first.fail(tensor.ErrLimit, "stack", fmt.Sprintf("rank %d", len(shape)), fmt.Sprintf("at most %d with the new axis", tensor.MaxRank))
	}
	if d.Packed() && len(shape) == 0 {
		return nil, first.fail(tensor.ErrUnsupported, "stack", d.String()+" of rank 0", "an axis to pack along")
	}
	out, j := begin(in, s.Name)
	j.stack = true
	j.shape = append(tensor.Shape{int64(len(in))}, shape...)
	for i, a := range in {
		if err := alike("stack", first, a, -1); err != nil {
			return nil, err
		}
		j.ends = append(j.ends, int64(i)+1)
	}
	_, from := all(shape)
	out.carry(shape, append([]int{-1}, from...), func(int) bool { return false })
	return []*array{out}, nil
}

// Concat makes one tensor of all that there are, in their order, one behind the
// other along an axis. Dtypes, and shapes but for that axis, are equal.
type Concat struct {
	// Axis is the number of an axis, negative from the back, or its name.
	Axis string
	// Name of the result. Default: that of the first.
	Name string
}

func (c Concat) String() string { return "concat " + c.Axis }

func (c Concat) apply(in []*array) ([]*array, error) {
	first := in[0]
	d, shape := first.n.form()
	axis, err := first.axis("concat", c.Axis)
	if err != nil {
		return nil, err
	}
	if d.Packed() && axis == len(shape)-1 && len(in) > 1 {
		return nil, first.fail(tensor.ErrUnsupported, "concat", "the packed axis of "+d.String(), "another axis, or another dtype first")
	}
	out, j := begin(in, c.Name)
	j.axis, j.shape = axis, shape.Clone()
	j.shape[axis] = 0
	for _, a := range in {
		if err := alike("concat", first, a, axis); err != nil {
			return nil, err
		}
		if j.shape[axis] = add(j.shape[axis], a.shape()[axis]); j.shape[axis] == 1<<63-1 {
			return nil, a.fail(tensor.ErrOverflow, "concat", "axis "+c.Axis, "an extent below 2^63-1")
		}
		j.ends = append(j.ends, j.shape[axis])
	}
	_, from := all(shape)
	out.carry(shape, from, func(i int) bool { return i == axis && len(in) > 1 })
	return []*array{out}, nil
}

// begin makes an array of all in, on a node that is yet to be filled.
func begin(in []*array, name string) (*array, *joined) {
	out := *in[0]
	if name != "" {
		out.name = name
	}
	out.attrs, out.from = common(in), nil
	j := &joined{dtype: in[0].dtype()}
	for _, a := range in {
		out.from = append(out.from, a.from...)
		j.parts = append(j.parts, a.n)
	}
	out.n = j
	return &out, j
}

// alike reports an error if b cannot be joined with a, along an axis.
func alike(what string, a, b *array, axis int) error {
	x, s := a.n.form()
	y, t := b.n.form()
	equal := len(s) == len(t)
	for i := range s {
		equal = equal && (i == axis || s[i] == t[i])
	}
	if x == y && equal {
		return nil
	}
	kind := tensor.ErrShape
	if x != y {
		kind = tensor.ErrDType
	}
	want := fmt.Sprintf("%v %v, as %s of %s has", x, s, tensor.Quote(a.name), tensor.Quote(a.path))
	if axis >= 0 {
		want += ", but for axis " + strconv.Itoa(axis)
	}
	return b.fail(kind, what, fmt.Sprintf("%v %v", y, t), want)
}
