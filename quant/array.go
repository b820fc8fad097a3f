package quant

import (
	"fmt"
	"math"

	"github.com/tensorfile/tensorfile/tensor"
)

// Rules of the file format that arrays keep, too.
const (
	rulePart  = "composite.part"
	ruleIndex = "composite.index"
	ruleDType = "dtype.none"
)

// Roles of the parts.
const (
	RoleValues = "values"
	RoleScales = "scales"
	RoleZeros  = "zeros"
	RoleGroup  = "group"
)

// Spec describes an array to New.
type Spec struct {
	DType  tensor.DType // of the elements
	Values tensor.View  // of the shape of the array
	Scales tensor.View  // one for each group
	Zeros  tensor.View  // of the shape of Scales; the zero View: none
	// Group is the extent of a group along each axis, 1 to 2^32-1.
	Group []int64
	// First is for each axis where in its group the first element stands, less
	// than the extent of the group: other than 0 in a part of a larger tensor.
	// Default: nil, zeros.
	First []int64
}

// Array is a quantised tensor: a description over parts that it does not own.
type Array struct {
	dtype                 tensor.DType
	values, scales, zeros tensor.View
	group, first          []int64
	asymmetric            bool
}

// New makes an array of parts. It looks at dtypes, shapes and groups and at no
// element. It keeps the views, not the slices of spec.
func New(spec Spec) (*Array, error) {
	shape := spec.Values.Shape()
	rank := len(shape)
	if spec.DType.Class == tensor.ClassNone {
		return nil, fail(tensor.ErrCorrupt, "dtype", spec.DType.String(), "a dtype", ruleDType)
	}
	if len(spec.Group) != rank {
		return nil, fail(tensor.ErrFormat, "shape of group", tensor.Shape{int64(len(spec.Group))}.String(), tensor.Shape{int64(rank)}.String(), rulePart)
	}
	a := &Array{dtype: spec.DType, values: spec.Values, scales: spec.Scales, zeros: spec.Zeros, group: make([]int64, rank), first: make([]int64, rank)}
	copy(a.group, spec.Group)
	want := make(tensor.Shape, rank)
	for k, g := range a.group {
		if g < 1 || g > math.MaxUint32 {
			return nil, fail(tensor.ErrCorrupt, fmt.Sprintf("element %d of group", k), fmt.Sprint(g), "1 to 4294967295", ruleIndex)
		}
		if spec.First != nil {
			if len(spec.First) != rank || spec.First[k] < 0 || spec.First[k] >= g {
				return nil, fail(tensor.ErrIndex, "first", fmt.Sprint(spec.First), fmt.Sprintf("an element of a group %v", a.group), "")
			}
			a.first[k] = spec.First[k]
		}
		if shape[k] > math.MaxInt64-g {
			return nil, fail(tensor.ErrOverflow, "shape", shape.String(), "extents that groups do not push past 2^63-1", rulePart)
		}
		if shape[k] > 0 {
			want[k] = (a.first[k]+shape[k]-1)/g + 1
		}
	}
	for _, p := range []struct {
		role string
		v    tensor.View
		want tensor.Shape
	}{{RoleValues, a.values, shape}, {RoleScales, a.scales, want}, {RoleZeros, a.zeros, want}} {
		if p.role == RoleZeros && p.v.DType() == (tensor.DType{}) && p.v.NumElements() == 0 {
			continue
		}
		if !isNumber(p.v.DType()) {
			return nil, fail(tensor.ErrFormat, "dtype of "+p.role, p.v.DType().String(), "an int, uint or float", rulePart)
		}
		if !p.v.Shape().Equal(p.want) {
			return nil, fail(tensor.ErrFormat, "shape of "+p.role, p.v.Shape().String(), p.want.String(), rulePart)
		}
		a.asymmetric = p.role == RoleZeros
	}
	return a, nil
}

func isNumber(d tensor.DType) bool {
	return d.Class == tensor.ClassInt || d.Class == tensor.ClassUint || d.Class == tensor.ClassFloat
}

// DType is that of the elements.
func (a *Array) DType() tensor.DType { return a.dtype }

// Shape is in elements. The caller must not change it.
func (a *Array) Shape() tensor.Shape { return a.values.Shape() }

// Values are the numbers of few bits.
func (a *Array) Values() tensor.View { return a.values }

// Scales holds one for each group.
func (a *Array) Scales() tensor.View { return a.scales }

// Zeros holds the zero points, if there are any.
func (a *Array) Zeros() (v tensor.View, ok bool) { return a.zeros, a.asymmetric }

// Group is the extent of a group along each axis. The caller must not change it.
func (a *Array) Group() []int64 { return a.group }

// First is where in its group the first element stands, along each axis. The
// caller must not change it.
func (a *Array) First() []int64 { return a.first }

// fail makes an error without a place in a file.
func fail(kind error, field, got, want, rule string) error {
	return &tensor.Error{Kind: kind, Offset: -1, Field: field, Got: got, Want: want, Rule: rule}
}
