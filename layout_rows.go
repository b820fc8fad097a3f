package tensorfile

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

// LayoutMembers are the files that tensors of a layout are of, such as the shards
// of a set. They may be opened when they are wanted first, and are joined to the
// file of the layout then (mmap.Map.Join): they live as long as it does. All
// methods are safe for concurrent use.
type LayoutMembers interface {
	// Size is the bytes of all of them.
	Size() int64
	// Check is File.Check of those that are open.
	Check() error
	// Verify checks all of them, as File.Verify does.
	Verify(ctx context.Context, o *VerifyOptions) (*Report, error)
}

// LayoutRows are rows of a storage: all those of a tensor of another file.
type LayoutRows struct {
	N int64 // how many: the extent of the tensor along axis 0
	// Open opens the tensor. It is safe for concurrent use, and called each time that
	// some of the rows are wanted.
	Open func() (*Tensor, error)
}

// Rows are the tensors of other files that the rows of t lie in, in their order; nil
// unless its storage is StorageRows. They must not be changed.
func (t *Tensor) Rows() []LayoutRows {
	if t.st.more == nil {
		return nil
	}
	return t.st.more.rows
}

// rowsAtATime is how many tensors are read at the same time that rows lie in.
const rowsAtATime = 8

// checkRows checks that t shows all of a storage of rows, which add up to it.
func checkRows(t *LayoutTensor, s *LayoutStorage, depth int) error {
	bad := func(field, got, want string) error {
		return &Error{Kind: ErrFormat, Offset: -1, Field: field, Got: got, Want: want}
	}
	if depth > 0 || len(t.Shape) == 0 {
		return bad("rows", "a part of a composite, or one element", "a tensor with an axis 0")
	}
	strides, err := tensor.Contiguous(t.DType, t.Shape)
	if err != nil {
		return err
	}
	if size, err := tensor.ByteSize(t.DType, t.Shape); err != nil || size != s.Size || t.Offset != 0 || !slices.Equal(strides, t.Strides) || t.Order != tensor.LittleEndian && t.DType.UnitBytes > 1 {
		return bad("rows", fmt.Sprintf("a view of %d of %d bytes", size, s.Size), "all of them in C order")
	}
	left := t.Shape[0]
	for i, r := range s.Rows {
		if r.N < 1 || r.N > left {
			return bad("rows", fmt.Sprintf("%d in tensor %d", r.N, i), fmt.Sprintf("1 to the %d that are left", left))
		}
		if unit := int64(t.DType.UnitElems); len(t.Shape) == 1 && r.N%unit != 0 && r.N < left {
			return bad("rows", fmt.Sprintf("%d in tensor %d", r.N, i), fmt.Sprintf("a multiple of %d, which share a unit of %v", unit, t.DType))
		}
		left -= r.N
	}
	if left != 0 {
		return bad("rows", fmt.Sprintf("%d fewer", left), fmt.Sprintf("%d in all", t.Shape[0]))
	}
	return nil
}

// describe is dtype and shape as errors tell them.
func describe(d tensor.DType, s tensor.Shape) string { return fmt.Sprintf("%v %v", d, s) }

// rowsOf is what is wanted of one of the tensors that rows lie in: n indices of
// axis 0 of what is read, from index at on, of which the first is row first.
type rowsOf struct {
	LayoutRows
	first, at, n int64
}

// touchedRows says which of the tensors have rows that axis 0 takes.
func (t *Tensor) touchedRows(a *gridAxis) (list []rowsOf) {
	begin, at := int64(0), int64(0)
	for _, r := range t.st.more.rows {
		end := begin + r.N
		if first := a.first + at*a.step; at < a.count && first < end {
			n := min((end-1-first)/a.step+1, a.count-at)
			list = append(list, rowsOf{r, first - begin, at, n})
			at += n
		}
		begin = end
	}
	return list
}

// open opens the tensor and says what of it is wanted.
func (r *rowsOf) open(t *Tensor, axes []gridAxis) (*Tensor, tensor.Selection, error) {
	x, err := r.Open()
	if err != nil {
		return nil, nil, err
	}
	want := t.shape.Clone()
	want[0] = r.N
	if x.dtype != t.dtype || !x.shape.Equal(want) {
		return nil, nil, &Error{Kind: ErrFormat, Path: x.f.Path(), Tensor: t.name, Offset: -1, Field: "tensor", Got: describe(x.dtype, x.shape), Want: describe(t.dtype, want) + ", as " + tensor.Quote(t.f.Path()) + " says"}
	}
	sel := make(tensor.Selection, len(axes))
	for k, a := range axes {
		if k == 0 {
			a.first, a.count = r.first, r.n
		}
		sel[k] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: a.first, Stop: a.first + (a.count-1)*a.step + 1, Step: a.step}
	}
	return x, sel, nil
}

// readJoined copies the region r of a storage of rows to dst, from several tensors
// at a time.
func (t *Tensor) readJoined(ctx context.Context, dst tensor.View, r region) error {
	axes, err := imageAxes(t.dtype, t.shape, r)
	if err != nil {
		return err
	}
	if dst, err = turned(dst, axes); err != nil {
		return err
	}
	list := t.touchedRows(&axes[0])
	return parallel.Each(rowsAtATime, int64(len(list)), func(i int64) error {
		x, sel, err := list[i].open(t, axes)
		if err != nil {
			return err
		}
		part := dst
		if len(list) > 1 {
			if part, err = dst.Slice(0, list[i].at, list[i].at+list[i].n, 1); err != nil {
				return err
			}
		}
		return x.ReadInto(ctx, part, sel)
	})
}

// writeJoined is writeRegion of a storage of rows. What is written in the order in
// which it lies is handed on by one tensor after the other.
func (t *Tensor) writeJoined(ctx context.Context, out io.Writer, r region) error {
	axes, err := imageAxes(t.dtype, t.shape, r)
	if err != nil {
		return err
	}
	last := -1
	for _, a := range axes {
		if a.to >= 0 && a.to < last || a.flip {
			return writeBlocks(ctx, out, r, tensor.LittleEndian, func(dst tensor.View, r region) error { return t.readJoined(ctx, dst, r) })
		}
		last = max(last, a.to)
	}
	for _, p := range t.touchedRows(&axes[0]) {
		x, sel, err := p.open(t, axes)
		if err != nil {
			return err
		}
		in, err := x.region(sel)
		if err != nil {
			return err
		}
		if err := x.writeRegion(ctx, out, in); err != nil {
			return err
		}
	}
	return nil
}
