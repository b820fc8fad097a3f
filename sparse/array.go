package sparse

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/tensorfile/tensorfile/tensor"
)

// Rules of the file format that arrays keep, too.
const (
	ruleLayout  = "composite.layout"
	rulePart    = "composite.part"
	ruleFlags   = "composite.flags"
	rulePointer = "composite.pointer"
	ruleIndex   = "composite.index"
)

// The roles of parts. Those of a tree are numbered: ptr0, idx0, idx1 ...
const (
	RoleIndptr  = "indptr"
	RoleIndices = "indices"
	RoleValues  = "values"
	RoleOrder   = "order"
	RoleMask    = "mask"
	RoleFill    = "fill"
)

// RolePtr is the role of the pointers from level k of a tree to the next.
func RolePtr(k int) string { return "ptr" + strconv.Itoa(k) }

// RoleIdx is the role of the coordinates of level k of a tree.
func RoleIdx(k int) string { return "idx" + strconv.Itoa(k) }

// Part is one of the dense tensors that make up an array.
type Part struct {
	Role string
	View tensor.View
}

// Spec describes an array to New.
type Spec struct {
	Layout Layout
	Shape  tensor.Shape
	DType  tensor.DType // of the elements; the zero DType means that of the values
	Properties
	// Parts by role, in any order: those that the layout needs, and fill, of
	// rank 0, if elements without an entry are not zero. Others are dropped.
	//
	//	coo     indices [nnz, rank], values [nnz]
	//	csr     indptr [rows+1], indices [nnz], values [nnz]
	//	csc     indptr [columns+1], indices [nnz], values [nnz]
	//	bsr     indptr [rows/h+1], indices [n], values [n, h, w]
	//	csf     order u8 [rank], ptr0 ... [nodes+1], idx0 ... [nodes], values [nnz]
	//	bitmap  mask bool1 [shape], values [nnz]
	//
	// Pointers and indices are of any int or uint dtype of 8 to 64 bits, and
	// all parts of any strides and byte order. Values with stride 0 along their
	// first axis are one value for all entries.
	Parts []Part
}

// Array is a sparse tensor: a description over parts that it does not own. It
// is never changed, and safe for concurrent use as long as nobody writes to
// the memory of its parts.
type Array struct {
	layout Layout
	shape  tensor.Shape
	dtype  tensor.DType
	props  Properties
	parts  []Part // in the order of roles
	nnz    int64
	size   int64 // elements

	checking sync.Mutex  // held by Validate
	checked  atomic.Bool // Validate has succeeded
}

// New makes an array of parts. It looks at layout, roles, dtypes, shapes and
// flags, and at no element: see Validate. It keeps the views, not the slices of
// spec.
//
// Errors are *tensor.Error with the rule of the file format: ErrUnsupported
// (composite.layout), ErrFormat (composite.part), ErrCorrupt (composite.flags),
// and ErrOverflow for a shape of more than 2^63-1 elements.
func New(spec Spec) (*Array, error) {
	if !spec.Layout.known() {
		return nil, fail(tensor.ErrUnsupported, "layout", strconv.Itoa(int(spec.Layout)), "1 to 6", ruleLayout)
	}
	a := &Array{layout: spec.Layout, shape: spec.Shape.Clone(), dtype: spec.DType, props: spec.Properties}
	rank := len(a.shape)
	lo, hi := 1, tensor.MaxRank
	if a.layout == CSR || a.layout == CSC || a.layout == BSR {
		lo, hi = 2, 2
	}
	if rank < lo || rank > hi {
		return nil, fail(tensor.ErrFormat, "rank", strconv.Itoa(rank), between(lo, hi)+" for "+a.layout.String(), rulePart)
	}
	var err error
	if a.size, err = a.shape.NumElements(); err != nil {
		return nil, err
	}
	if err := a.take(spec.Parts); err != nil {
		return nil, err
	}
	if err := a.props.check(a.layout, a.shape, a.dtype); err != nil {
		return nil, err
	}
	return a, nil
}

// take finds the parts that the layout needs and checks dtypes and shapes.
func (a *Array) take(parts []Part) error {
	for i, p := range parts {
		if slices.ContainsFunc(parts[:i], func(q Part) bool { return q.Role == p.Role }) {
			return fail(tensor.ErrDuplicate, "part", tensor.Quote(p.Role)+" twice", "each role once", rulePart)
		}
	}
	find := func(role string) (tensor.View, bool) {
		i := slices.IndexFunc(parts, func(p Part) bool { return p.Role == role })
		if i < 0 {
			return tensor.View{}, false
		}
		return parts[i].View, true
	}
	// need keeps a part whose shape is want, where a negative extent is any.
	need := func(role string, ok func(tensor.DType) bool, dtype string, want ...int64) (tensor.View, error) {
		v, found := find(role)
		if !found {
			return v, fail(tensor.ErrFormat, "part "+role, "none", "one for "+a.layout.String(), rulePart)
		}
		if !ok(v.DType()) {
			return v, fail(tensor.ErrFormat, "dtype of "+role, v.DType().String(), dtype, rulePart)
		}
		if !fits(v.Shape(), want) {
			return v, fail(tensor.ErrFormat, "shape of "+role, v.Shape().String(), pattern(want), rulePart)
		}
		a.parts = append(a.parts, Part{role, v})
		return v, nil
	}
	index := func(role string, want ...int64) (tensor.View, error) {
		return need(role, isIndex, "an int or uint of 8 to 64 bits", want...)
	}
	parent := func(role string, want ...int64) (tensor.View, error) {
		if a.dtype == (tensor.DType{}) {
			if v, ok := find(role); ok {
				a.dtype = v.DType()
			}
		}
		return need(role, func(d tensor.DType) bool { return d == a.dtype && d.Class != tensor.ClassNone }, a.dtype.String(), want...)
	}

	rank := int64(len(a.shape))
	var err error
	switch a.layout {
	case COO:
		var idx tensor.View
		if idx, err = index(RoleIndices, -1, rank); err == nil {
			a.nnz = idx.Shape()[0]
			_, err = parent(RoleValues, a.nnz)
		}
	case CSR, CSC:
		major := a.shape[a.layout.major()]
		if major == maxInt64 {
			return fail(tensor.ErrOverflow, "shape", a.shape.String(), "fewer than 2^63-1 "+a.layout.lines(), rulePart)
		}
		if _, err = index(RoleIndptr, major+1); err != nil {
			break
		}
		var idx tensor.View
		if idx, err = index(RoleIndices, -1); err == nil {
			a.nnz = idx.Shape()[0]
			_, err = parent(RoleValues, a.nnz)
		}
	case BSR:
		var values tensor.View
		if values, err = parent(RoleValues, -1, -1, -1); err != nil {
			break
		}
		n, h, w := values.Shape()[0], values.Shape()[1], values.Shape()[2]
		if h == 0 || w == 0 || a.shape[0]%h != 0 || a.shape[1]%w != 0 || a.shape[0]/h == maxInt64 {
			return fail(tensor.ErrFormat, "block", values.Shape()[1:].String(), "above 0 and dividing "+a.shape.String(), rulePart)
		}
		a.nnz = values.NumElements()
		if _, err = index(RoleIndices, n); err == nil {
			_, err = index(RoleIndptr, a.shape[0]/h+1)
		}
	case CSF:
		isU8 := func(d tensor.DType) bool { return d == tensor.U8 }
		if _, err = need(RoleOrder, isU8, "u8", rank); err != nil {
			break
		}
		for k := range a.shape {
			var idx tensor.View
			if idx, err = index(RoleIdx(k), -1); err != nil {
				return err
			}
			a.nnz = idx.Shape()[0]
			if k+1 < len(a.shape) {
				if a.nnz == maxInt64 {
					return fail(tensor.ErrOverflow, "nodes of level "+strconv.Itoa(k), itoa(a.nnz), "fewer than 2^63-1", rulePart)
				}
				if _, err = index(RolePtr(k), a.nnz+1); err != nil {
					return err
				}
			}
		}
		_, err = parent(RoleValues, a.nnz)
	case Bitmap:
		isMask := func(d tensor.DType) bool { return d == tensor.Bool1 }
		if _, err = need(RoleMask, isMask, "bool1", a.shape...); err != nil {
			break
		}
		var values tensor.View
		if values, err = parent(RoleValues, -1); err == nil {
			a.nnz = values.Shape()[0]
		}
	}
	if err != nil {
		return err
	}
	if _, ok := find(RoleFill); ok {
		if _, err := parent(RoleFill); err != nil {
			return err
		}
	}
	slices.SortFunc(a.parts, func(p, q Part) int { return roleOrder(p.Role) - roleOrder(q.Role) })
	return nil
}

// major is the axis that the pointers of a compressed matrix run along.
func (l Layout) major() int {
	if l == CSC {
		return 1
	}
	return 0
}

// lines names what the pointers of a compressed matrix run along.
func (l Layout) lines() string {
	switch l {
	case CSC:
		return "columns"
	case BSR:
		return "block rows"
	}
	return "rows"
}

// roleOrder puts what leads to entries before the entries, level by level.
func roleOrder(role string) int {
	switch role {
	case RoleOrder, RoleMask, RoleIndptr:
		return 0
	case RoleIndices:
		return 1
	case RoleValues:
		return 1000
	case RoleFill:
		return 1001
	}
	k, _ := strconv.Atoi(role[3:])
	if role[0] == 'p' {
		return 2*k + 3
	}
	return 2*k + 2
}

func isIndex(d tensor.DType) bool {
	return (d.Class == tensor.ClassInt || d.Class == tensor.ClassUint) && d.Known() && d.Bits >= 8
}

func fits(s tensor.Shape, want []int64) bool {
	if len(s) != len(want) {
		return false
	}
	for i, n := range want {
		if n >= 0 && s[i] != n {
			return false
		}
	}
	return true
}

// pattern is a shape with "n" for any extent.
func pattern(want []int64) string {
	s := "("
	for i, n := range want {
		if i > 0 {
			s += ", "
		}
		if n < 0 {
			s += "n"
		} else {
			s += itoa(n)
		}
	}
	if len(want) == 1 {
		s += ","
	}
	return s + ")"
}

func between(lo, hi int) string {
	if lo == hi {
		return strconv.Itoa(lo)
	}
	return strconv.Itoa(lo) + " to " + strconv.Itoa(hi)
}

// Layout returns how the entries are kept.
func (a *Array) Layout() Layout { return a.layout }

// Shape returns the extents. The caller must not change them.
func (a *Array) Shape() tensor.Shape { return a.shape }

// Rank is the number of axes.
func (a *Array) Rank() int { return len(a.shape) }

// DType returns the type of the elements.
func (a *Array) DType() tensor.DType { return a.dtype }

// Properties returns what the array declares about its entries.
func (a *Array) Properties() Properties { return a.props }

// Flags are the layout flags of the file format.
func (a *Array) Flags() uint32 { return a.props.Flags() }

// NNZ is the number of entries kept: duplicates, entries equal to the fill
// value and all elements of blocks count; the triangle that a structure leaves
// out does not.
func (a *Array) NNZ() int64 { return a.nnz }

// NumElements is the product of the extents.
func (a *Array) NumElements() int64 { return a.size }

// Density is NNZ by the number of elements, 0 if there are none. Duplicates may
// take it above 1.
func (a *Array) Density() float64 {
	if a.size == 0 {
		return 0
	}
	return float64(a.nnz) / float64(a.size)
}

// Part returns a part by its role.
func (a *Array) Part(role string) (tensor.View, bool) {
	for i := range a.parts {
		if a.parts[i].Role == role {
			return a.parts[i].View, true
		}
	}
	return tensor.View{}, false
}

// Parts returns the parts: what leads to the entries first, then values, then
// fill. The caller must not change the slice.
func (a *Array) Parts() []Part { return a.parts }

// Fill returns the value of elements without an entry, of rank 0; false means
// zero.
func (a *Array) Fill() (tensor.View, bool) { return a.Part(RoleFill) }

// ZeroFill reports whether elements without an entry are zero, all bits of it:
// what formats without a fill value mean. Negative zero is another value.
func (a *Array) ZeroFill() bool {
	v, ok := a.Fill()
	if !ok {
		return true
	}
	b, err := v.UnitAt()
	return err == nil && bytes.Count(b, []byte{0}) == len(b)
}

// Block returns the extents of the blocks of a BSR array, and zeros for others.
func (a *Array) Block() [2]int64 {
	if a.layout != BSR {
		return [2]int64{}
	}
	s := a.part(RoleValues).Shape()
	return [2]int64{s[1], s[2]}
}

// part returns a part that the layout has.
func (a *Array) part(role string) tensor.View {
	v, _ := a.Part(role)
	return v
}

// Data returns a part as a slice of its own memory: see tensor.Data. The error
// for a role that the array does not have is ErrNotFound.
func Data[T tensor.Elem](a *Array, role string) ([]T, error) {
	v, ok := a.Part(role)
	if !ok {
		return nil, fail(tensor.ErrNotFound, "part", tensor.Quote(role), "a part of "+a.layout.String(), "")
	}
	return tensor.Data[T](v)
}

// ValidateOptions are the settings of Validate. Nil means the zero value.
type ValidateOptions struct {
	Workers int // goroutines; 0 means GOMAXPROCS
}

// Validate checks the content of pointers and indices by the rules of the file
// format: pointers begin at 0, never fall and end at what they point into
// (composite.pointer); indices are in range, and sorted, unique and inside the
// triangle as declared; an order is a permutation, a mask has as many bits as
// there are values (composite.index). The error, ErrCorrupt, names the first
// place in the array where a rule is broken, whatever the number of workers.
//
// It reads the parts in parallel and once: success is remembered. Memory is
// bounded, whatever the parts hold. Operations call it by themselves before
// they could be led astray; those that touch a few rows check just these.
// Parts of more than 256 MiB that repeat a few bytes by a stride of 0 are
// ErrLimit, values aside. The error of an ended ctx is ctx's own.
func (a *Array) Validate(ctx context.Context, o *ValidateOptions) error {
	if a.checked.Load() {
		return nil
	}
	a.checking.Lock()
	defer a.checking.Unlock()
	if a.checked.Load() {
		return nil
	}
	workers := 0
	if o != nil {
		workers = o.Workers
	}
	if err := a.validate(ctx, workersFor(workers)); err != nil {
		return err
	}
	a.checked.Store(true)
	return nil
}
