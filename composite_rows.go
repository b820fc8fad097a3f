package tensorfile

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// ReadRows returns rows [from, to) along axis 0 of a composite tensor as one in
// memory; of csc, columns along axis 1. It reads the pointers of these rows and
// what they point to, no more: parts of plain bytes are views of the mapping,
// borrowed as Tensor.View says, but for pointers and coordinates, which begin at
// 0 again, and of parts in chunks those chunks are decoded that hold them. What
// is read is checked as by ReadComposite.
//
// The layouts are csr, csc, bsr, where rows are whole blocks, coo whose entries
// are declared sorted, ragged and string; others, and matrices of which a
// triangle is stored, are ErrUnsupported.
func (t *Tensor) ReadRows(ctx context.Context, from, to int64) (Composite, error) {
	rows, err := t.readRows(ctx, from, to)
	if err != nil {
		return Composite{}, t.placed(err)
	}
	c := rows.composite(t)
	if s := t.state(); !(s.done.Load() && s.err == nil) {
		workers := 1 // for little it is not worth to start others
		if p := c.Part(format.RoleIndices); p == nil || p.View.NumElements() > checkPiece {
			workers = 0
		}
		err = checkContent(ctx, memorySource(&c), workers)
	}
	return c, t.placed(err)
}

// SparseRows is ReadRows of a sparse tensor, as an array that checks its indices
// when an operation first needs them.
func (t *Tensor) SparseRows(ctx context.Context, from, to int64) (*sparse.Array, error) {
	rows, err := t.readRows(ctx, from, to)
	if err != nil {
		return nil, t.placed(err)
	}
	props, err := sparse.FromFlags(t.layoutFlags)
	if err != nil {
		return nil, t.placed(err)
	}
	a, err := sparse.New(sparse.Spec{Layout: sparse.Layout(t.layout), Shape: rows.shape, DType: t.dtype, Properties: props, Parts: rows.parts})
	return a, t.placed(err)
}

// someRows is what was read of rows: the shape of these and their parts.
type someRows struct {
	shape tensor.Shape
	parts []sparse.Part
}

func (s *someRows) add(role string, v tensor.View) {
	s.parts = append(s.parts, sparse.Part{Role: role, View: v})
}

// openOnce is openParts, once for an open file.
func (t *Tensor) openOnce(ctx context.Context) ([]Part, error) {
	s := t.state()
	if p := s.parts.Load(); p != nil {
		return *p, nil
	}
	parts, err := t.openParts(ctx)
	if err == nil {
		s.parts.Store(&parts)
	}
	return parts, err
}

// rowReader reads rows of one composite.
type rowReader struct {
	ctx   context.Context
	t     *Tensor
	parts []Part
}

func (t *Tensor) readRows(ctx context.Context, from, to int64) (c someRows, err error) {
	parts, err := t.openOnce(ctx)
	if err != nil {
		return c, err
	}
	r := &rowReader{ctx, t, parts}
	c.shape = t.shape.Clone()
	c.parts = make([]sparse.Part, 0, 4)
	bad := func(got, want string) error {
		return &Error{Kind: ErrUnsupported, Offset: -1, Field: "rows", Got: got, Want: want}
	}
	if t.layoutFlags&format.FlagStructure != 0 {
		return c, bad("a matrix of which a triangle is stored", "one with all its entries")
	}
	axis := format.CompressedAxis(t.layout)
	if len(t.shape) == 0 {
		return c, bad("a tensor of rank 0", "one with an axis 0")
	}
	if from < 0 || to < from || to > t.shape[axis] {
		return c, &Error{Kind: ErrIndex, Offset: -1, Field: "rows", Got: fmt.Sprintf("%d:%d", from, to), Want: fmt.Sprintf("inside 0:%d", t.shape[axis])}
	}
	c.shape[axis] = to - from
	switch t.layout {
	case format.LayoutCSR, format.LayoutCSC:
		err = r.runs(&c, format.RoleIndptr, from, to, format.RoleIndices, format.RoleValues)
	case format.LayoutBSR:
		h := r.part(format.RoleValues).shape[1]
		if from%h != 0 || to%h != 0 {
			return c, &Error{Kind: ErrIndex, Offset: -1, Field: "rows", Got: fmt.Sprintf("%d:%d", from, to), Want: fmt.Sprintf("multiples of %d, the rows of a block", h)}
		}
		err = r.runs(&c, format.RoleIndptr, from/h, to/h, format.RoleIndices, format.RoleValues)
	case format.LayoutCOO:
		if t.layoutFlags&format.FlagSorted == 0 {
			return c, bad("coo whose entries are not declared sorted", "sorted ones")
		}
		err = r.entries(&c, from, to)
	case format.LayoutRagged:
		err = r.runs(&c, format.RoleOffsets, from, to, format.RoleValues)
	case format.LayoutString:
		per, e := c.shape[1:].NumElements()
		if e != nil {
			return c, e
		}
		err = r.runs(&c, format.RoleOffsets, from*per, to*per, format.RoleBytes)
	default:
		return c, bad(t.layoutText(), "csr, csc, bsr, coo, ragged or string")
	}
	if p := r.part(format.RoleFill); err == nil && format.IsSparse(t.layout) && p != nil {
		var v tensor.View
		if v, _, err = p.memory(ctx); err == nil {
			c.add(format.RoleFill, v)
		}
	}
	return c, err
}

// part returns the part of a role, or nil.
func (r *rowReader) part(role string) *Tensor {
	for _, p := range r.parts {
		if p.Role == role {
			return p.Tensor
		}
	}
	return nil
}

// take reads rows [a, b) of a part: a view of the mapping, or decoded chunks.
func (r *rowReader) take(role string, a, b int64) (tensor.View, error) {
	p := r.part(role)
	if p.st.Kind == StorageRaw {
		if v, err := p.View(); err == nil {
			return v.Slice(0, a, b, 1)
		}
	}
	if a == b {
		shape := p.shape.Clone()
		shape[0] = 0
		return tensor.Make(p.dtype, shape)
	}
	return p.Read(r.ctx, tensor.Selection{{Kind: tensor.SelectRange, Start: a, Stop: b, Step: 1}})
}

// stored is a part as one whose content can be checked.
func (r *rowReader) stored(role string) *contentPart {
	return storedSource(r.t, r.parts).parts[role]
}

// ints reads numbers of rows [a, b) of a part, as memory of their own.
func (r *rowReader) ints(role string, a, b int64) ([]int64, error) {
	v, err := r.take(role, a, b)
	if err != nil {
		return nil, err
	}
	list := make([]int64, v.NumElements())
	if len(list) == 0 {
		return list, nil
	}
	to, err := tensor.FromSlice(list, v.Shape()...)
	if err == nil {
		err = r.t.f.m.Guard(func() error { return tensor.Cast(to, v) })
	}
	return list, err
}

// pointed is what pointers, which begin at 0 again, tell of.
type pointed struct {
	ptr        tensor.View
	begin, end int64
	longest    int64 // run
}

// rebase makes pointers begin at 0, in memory of their own. bad is the place of
// one that falls or lies past length, -1 if none does.
func rebase[T int32 | int64](p, own []T, length int64) (s pointed, bad int) {
	s.begin, s.end = int64(p[0]), int64(p[len(p)-1])
	last := int64(0)
	for i, x := range p {
		x := int64(x)
		if x < last || x > length {
			return s, i
		}
		if i > 0 {
			s.longest = max(s.longest, x-last)
		}
		own[i] = T(x - s.begin)
		last = x
	}
	return s, -1
}

// mappedPointers is rebase of pointers on the mapping, without a conversion.
func mappedPointers[T int32 | int64](p *Tensor, from, to, length int64) (s pointed, bad int, err error) {
	list, err := Data[T](p)
	if err != nil {
		return s, -1, err
	}
	own := make([]T, to-from+1)
	err = p.f.m.Guard(func() error {
		s, bad = rebase(list[from:to+1], own, length)
		return nil
	})
	if err == nil {
		s.ptr, err = tensor.FromSlice(own)
	}
	return s, bad, err
}

// pointers reads those of runs [from, to).
func (r *rowReader) pointers(ptr string, from, to, length int64) (s pointed, err error) {
	p, bad := r.part(ptr), -1
	switch {
	case p.plain != nil && p.dtype == tensor.I32:
		s, bad, err = mappedPointers[int32](p, from, to, length)
	case p.plain != nil && p.dtype == tensor.I64:
		s, bad, err = mappedPointers[int64](p, from, to, length)
	default:
		var list []int64
		if list, err = r.ints(ptr, from, to+1); err == nil {
			if s, bad = rebase(list, list, length); bad < 0 {
				s.ptr, err = makeIndex(p.dtype, list, int64(len(list)))
			}
		}
	}
	if err == nil && bad >= 0 {
		var x []int64
		if x, err = r.ints(ptr, from+int64(bad), from+int64(bad)+1); err == nil {
			err = r.stored(ptr).wrong(format.RuleLayoutPointer, ptr, from+int64(bad), x[0], fmt.Sprintf("pointers that never fall, up to %d", length))
		}
	}
	return s, err
}

// runs reads the pointers of runs [from, to) and what they point to in the parts
// of the other roles.
func (r *rowReader) runs(c *someRows, ptr string, from, to int64, roles ...string) error {
	s, err := r.pointers(ptr, from, to, r.part(roles[0]).shape[0])
	if err != nil {
		return err
	}
	if r.t.layout == format.LayoutRagged {
		if s.longest > c.shape[1] {
			return r.stored(ptr).wrong(format.RuleLayoutPointer, ptr, from, s.longest, fmt.Sprintf("rows of at most %d", c.shape[1]))
		}
		c.shape[1] = s.longest
	}
	c.add(ptr, s.ptr)
	for _, role := range roles {
		if r.part(role).kind != format.KindDense {
			return &Error{Kind: ErrUnsupported, Offset: -1, Field: "part " + role, Got: "a composite", Want: "a dense tensor"}
		}
		v, err := r.take(role, s.begin, s.end)
		if err != nil {
			return err
		}
		c.add(role, v)
	}
	return nil
}

// entries reads the entries of sorted coo whose first coordinate is in
// [from, to).
func (r *rowReader) entries(c *someRows, from, to int64) error {
	a, err := r.search(from)
	if err != nil {
		return err
	}
	b, err := r.search(to)
	if err != nil {
		return err
	}
	b = max(a, b)
	list, err := r.ints(format.RoleIndices, a, b)
	if err != nil {
		return err
	}
	rank := len(c.shape)
	for i := 0; i < len(list); i += rank {
		if list[i] < from || list[i] >= to {
			return r.stored(format.RoleIndices).wrong(format.RuleLayoutIndex, format.RoleIndices, a+int64(i/rank), list[i], "entries that ascend")
		}
		list[i] -= from
	}
	indices, err := makeIndex(r.part(format.RoleIndices).dtype, list, b-a, int64(rank))
	if err != nil {
		return err
	}
	values, err := r.take(format.RoleValues, a, b)
	c.add(format.RoleIndices, indices)
	c.add(format.RoleValues, values)
	return err
}

// search is the first entry of sorted coo whose first coordinate is at least
// row. Of indices in chunks it looks at the first entry of some of them, and
// then at one chunk.
func (r *rowReader) search(row int64) (int64, error) {
	p := r.part(format.RoleIndices)
	n, grain := p.shape[0], int64(1)
	if p.st.Kind == StorageGrid {
		grain = p.st.more.Chunk[0]
	}
	first := func(a, b int64) ([]int64, error) {
		v, err := r.take(format.RoleIndices, a, b)
		if err != nil {
			return nil, err
		}
		if v, err = v.Slice(1, 0, 1, 1); err != nil {
			return nil, err
		}
		list := make([]int64, b-a)
		to, err := tensor.FromSlice(list, b-a, 1)
		if err == nil {
			err = r.t.f.m.Guard(func() error { return tensor.Cast(to, v) })
		}
		return list, err
	}
	lo, hi := int64(0), n/grain+min(1, n%grain) // pieces: those before lo begin below row
	for lo < hi {
		mid := lo + (hi-lo)/2
		list, err := first(mid*grain, mid*grain+1)
		if err != nil {
			return 0, err
		}
		if list[0] < row {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if grain == 1 || lo == 0 {
		return lo * grain, nil
	}
	begin := (lo - 1) * grain
	list, err := first(begin, min(begin+grain, n))
	if err != nil {
		return 0, err
	}
	i, _ := slices.BinarySearch(list, row)
	return begin + int64(i), nil
}

// makeIndex makes indices of a dtype from numbers that are 0 or more. One that
// the dtype cannot hold is ErrOverflow.
func makeIndex(d tensor.DType, list []int64, shape ...int64) (tensor.View, error) {
	if most := largestIndex(d); most < math.MaxInt64 {
		for _, x := range list {
			if x > most {
				return tensor.View{}, &Error{Kind: ErrOverflow, Offset: -1, Field: "index", Got: fmt.Sprint(x), Want: fmt.Sprintf("at most %d, what %v holds", most, d)}
			}
		}
	}
	if len(list) == 0 {
		return tensor.Make(d, shape)
	}
	from, err := tensor.FromSlice(list, shape...)
	if err != nil || d == tensor.I64 {
		return from, err
	}
	v, err := tensor.Make(d, shape)
	if err == nil {
		err = tensor.Cast(v, from)
	}
	return v, err
}

// largestIndex is the largest number of a dtype of indices.
func largestIndex(d tensor.DType) int64 {
	bits := d.Bits
	if d.Class == tensor.ClassInt {
		bits--
	}
	if bits >= 63 {
		return math.MaxInt64
	}
	return 1<<bits - 1
}
