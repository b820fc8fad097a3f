package gpu

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/tensor"
)

// A Tensor is a strided look at a buffer: to device memory what a tensor.View is to
// bytes in memory, with the same rules for dtypes, shapes and strides. Slice,
// Permute and the like copy nothing and share the buffer. A Tensor does not change.
type Tensor struct {
	buf     *Buffer
	offset  int64 // of element (0, ..., 0) in buf
	dtype   tensor.DType
	shape   tensor.Shape
	strides tensor.Strides
	order   tensor.ByteOrder
	n       int64 // elements
	image   int64 // bytes in C order without gaps
	contig  bool
}

// Make allocates a buffer for a tensor in C order and little-endian. Its elements
// are not defined yet. Errors are those of Alloc, and ErrOverflow.
func (d *Device) Make(dt tensor.DType, s tensor.Shape) (*Tensor, error) {
	n, err := tensor.ByteSize(dt, s)
	if err != nil {
		return nil, err
	}
	b, err := d.Alloc(n)
	if err != nil {
		return nil, err
	}
	t, err := NewTensor(b, dt, s, nil, 0, tensor.LittleEndian)
	if err != nil {
		return nil, errors.Join(err, b.Free())
	}
	return t, nil
}

// NewTensor looks at a buffer as elements of dtype dt. offset is where element
// (0, ..., 0) starts. Strides are in bytes and of any sign, nil means C order
// without gaps. Addresses need not be aligned, see Aligned. It fails, with an
// *tensor.Error that names the rule, if any address lies outside the buffer, and
// for what tensor.NewView refuses.
func NewTensor(b *Buffer, dt tensor.DType, s tensor.Shape, st tensor.Strides, offset int64, o tensor.ByteOrder) (*Tensor, error) {
	if b == nil || b.mem == nil {
		return nil, bad(tensor.ErrUnsupported, "buffer", "nil", "a buffer")
	}
	if o > tensor.BigEndian {
		return nil, bad(tensor.ErrByteOrder, "byte order", strconv.Itoa(int(o)), "little or big")
	}
	if st == nil {
		var err error
		if st, err = tensor.Contiguous(dt, s); err != nil {
			return nil, err
		}
	}
	return newTensor(b, dt, s.Clone(), st.Clone(), offset, o)
}

// newTensor keeps s and st.
func newTensor(b *Buffer, dt tensor.DType, s tensor.Shape, st tensor.Strides, offset int64, o tensor.ByteOrder) (*Tensor, error) {
	if err := tensor.CheckView(dt, s, st, offset, b.n); err != nil {
		// Alignment, the last that is checked, is for those who compute to ask.
		var e *tensor.Error
		if !errors.As(err, &e) || e.Rule != "view.aligned" {
			return nil, err
		}
	}
	t := &Tensor{buf: b, offset: offset, dtype: dt, shape: s, strides: st, order: o}
	var err error
	if t.n, err = s.NumElements(); err != nil {
		return nil, err
	}
	if t.image, err = tensor.ByteSize(dt, s); err != nil {
		return nil, err
	}
	t.contig = t.isContiguous()
	return t, nil
}

// derive is a tensor on the same buffer with other numbers, which stay inside.
func (t *Tensor) derive(s tensor.Shape, st tensor.Strides, offset int64) (*Tensor, error) {
	if n, err := s.NumElements(); err != nil {
		return nil, err
	} else if n == 0 {
		offset = t.offset // any place would do
	}
	return newTensor(t.buf, t.dtype, s, st, offset, t.order)
}

func (t *Tensor) isContiguous() bool {
	if t.n == 0 {
		return true
	}
	step := int64(t.dtype.UnitBytes)
	for axis := len(t.shape) - 1; axis >= 0; axis-- {
		e := t.units(axis)
		if e == 1 {
			continue
		}
		if t.strides[axis] != step {
			return false
		}
		step *= e
	}
	return true
}

// units is the extent of an axis in units.
func (t *Tensor) units(axis int) int64 {
	e := t.shape[axis]
	if t.packed(axis) && e > 0 {
		e = (e-1)/int64(t.dtype.UnitElems) + 1
	}
	return e
}

// packed reports whether an axis is one whose units hold several elements.
func (t *Tensor) packed(axis int) bool { return t.dtype.Packed() && axis == len(t.shape)-1 }

// Buffer is the memory that the tensor looks at.
func (t *Tensor) Buffer() *Buffer { return t.buf }

// Device is where the tensor is.
func (t *Tensor) Device() *Device { return t.buf.mem.dev }

// Offset is where element (0, ..., 0) starts in the buffer.
func (t *Tensor) Offset() int64 { return t.offset }

// Ptr is the address of element (0, ..., 0), good until the buffer is freed.
func (t *Tensor) Ptr() uintptr { return uintptr(t.ptr()) }

func (t *Tensor) ptr() driver.Ptr { return t.buf.ptr + driver.Ptr(t.offset) }

// DType returns the type of the elements.
func (t *Tensor) DType() tensor.DType { return t.dtype }

// Shape returns the extents. The caller must not change them.
func (t *Tensor) Shape() tensor.Shape { return t.shape }

// Strides returns the bytes between units along each axis. The caller must not
// change them.
func (t *Tensor) Strides() tensor.Strides { return t.strides }

// Order returns the byte order of the elements. Devices compute with little-endian
// numbers.
func (t *Tensor) Order() tensor.ByteOrder { return t.order }

// Rank is the number of axes.
func (t *Tensor) Rank() int { return len(t.shape) }

// NumElements is the product of the extents.
func (t *Tensor) NumElements() int64 { return t.n }

// ByteSize is the number of bytes of the C-order image, whatever the strides.
func (t *Tensor) ByteSize() int64 { return t.image }

// IsContiguous reports whether the elements lie in C order without gaps.
func (t *Tensor) IsContiguous() bool { return t.contig }

// Aligned reports whether every element lies at a multiple of n, a power of two.
// Kernels read elements at multiples of their size only.
func (t *Tensor) Aligned(n int) bool {
	if t.n == 0 {
		return true
	}
	bits := int64(t.ptr())
	for axis, st := range t.strides {
		if t.units(axis) > 1 {
			bits |= st
		}
	}
	return bits&int64(n-1) == 0
}

// String is dtype, shape, and strides where they say something.
func (t *Tensor) String() string {
	s := fmt.Sprintf("gpu tensor %v %v", t.dtype, t.shape)
	if !t.contig {
		s += fmt.Sprintf(" strides %v", t.strides)
	}
	return s
}

// Free frees the buffer, for all tensors that look at it: see Buffer.Free.
func (t *Tensor) Free() error { return t.buf.Free() }

func (t *Tensor) axis(axis int) (int, error) {
	rank := len(t.shape)
	if axis < -rank || axis >= rank {
		return 0, bad(tensor.ErrIndex, "axis", strconv.Itoa(axis), fmt.Sprintf("-%d to %d", rank, rank-1))
	}
	if axis < 0 {
		axis += rank
	}
	return axis, nil
}

func (t *Tensor) refusePacked(op string) error {
	return bad(tensor.ErrUnsupported, op, "the packed axis of "+t.dtype.String()+" "+t.shape.String(),
		fmt.Sprintf("whole units of %d elements in order", t.dtype.UnitElems))
}

// Slice takes start:stop:step along an axis, as Python and tensor.View.Slice do:
// ends are clipped, negative ones count from the back, tensor.None is an open end.
// A packed axis can be cut between units only, with step 1.
func (t *Tensor) Slice(axis int, start, stop, step int64) (*Tensor, error) {
	axis, err := t.axis(axis)
	if err != nil {
		return nil, err
	}
	sel := tensor.Selection{{Kind: tensor.SelectRange, Start: start, Stop: stop, Step: step}}
	ranges, _, err := sel.Resolve(t.shape[axis : axis+1])
	if err != nil {
		return nil, err
	}
	return t.take(axis, ranges[0])
}

// take is a resolved range along an axis.
func (t *Tensor) take(axis int, r tensor.AxisRange) (*Tensor, error) {
	shape, strides := t.shape.Clone(), t.strides.Clone()
	first := r.First
	switch {
	case t.packed(axis):
		e := int64(t.dtype.UnitElems)
		end := first + r.Count
		if r.Count > 0 && (r.Step != 1 || first%e != 0 || end%e != 0 && end != shape[axis]) {
			return nil, t.refusePacked("slice")
		}
		first /= e
	case r.Count > 1: // else no two elements use it
		strides[axis] *= r.Step // inside of the buffer, like every element
	}
	shape[axis] = r.Count
	return t.derive(shape, strides, t.offset+t.shift(first, axis))
}

// shift is how far element i along an axis lies from element 0.
func (t *Tensor) shift(i int64, axis int) int64 {
	if t.n == 0 {
		return 0
	}
	return i * t.strides[axis]
}

// Index takes element i, negative from the back, along an axis and drops the axis.
// A packed axis cannot be dropped (ErrUnsupported).
func (t *Tensor) Index(axis int, i int64) (*Tensor, error) {
	axis, err := t.axis(axis)
	if err != nil {
		return nil, err
	}
	sel := tensor.Selection{{Kind: tensor.SelectIndex, Start: i}}
	ranges, _, err := sel.Resolve(t.shape[axis : axis+1])
	if err != nil {
		return nil, err
	}
	if t.packed(axis) {
		return nil, t.refusePacked("index")
	}
	shape := append(t.shape[:axis:axis], t.shape[axis+1:]...)
	strides := append(t.strides[:axis:axis], t.strides[axis+1:]...)
	return t.derive(shape, strides, t.offset+t.shift(ranges[0].First, axis))
}

// Permute reorders the axes: axis i of the result is axis axes[i] of t. Without
// arguments it reverses them. Negative axes count from the back. A packed axis must
// stay last.
func (t *Tensor) Permute(axes ...int) (*Tensor, error) {
	rank := len(t.shape)
	if len(axes) == 0 {
		for i := range rank {
			axes = append(axes, rank-1-i)
		}
	}
	if len(axes) != rank {
		return nil, bad(tensor.ErrShape, "axes", strconv.Itoa(len(axes)), "all "+strconv.Itoa(rank))
	}
	shape, strides := make(tensor.Shape, rank), make(tensor.Strides, rank)
	var seen uint64
	for i, a := range axes {
		a, err := t.axis(a)
		if err != nil {
			return nil, err
		}
		if seen&(1<<a) != 0 {
			return nil, bad(tensor.ErrIndex, "axes", "axis "+strconv.Itoa(a)+" twice", "each axis once")
		}
		seen |= 1 << a
		if t.packed(a) && i != rank-1 {
			return nil, t.refusePacked("permute")
		}
		shape[i], strides[i] = t.shape[a], t.strides[a]
	}
	return t.derive(shape, strides, t.offset)
}

// Reshape gives a contiguous tensor another shape with as many elements. A tensor
// with other strides is ErrNotContiguous: gather it first. Rows of packed dtypes
// must fill their units, unless the last extent stays.
func (t *Tensor) Reshape(s tensor.Shape) (*Tensor, error) {
	n, err := s.NumElements()
	if err != nil {
		return nil, err
	}
	if n != t.n {
		return nil, bad(tensor.ErrShape, "shape", s.String()+" of "+itoa(n)+" elements", itoa(t.n)+" elements")
	}
	if !t.contig {
		return nil, bad(tensor.ErrNotContiguous, "strides", t.strides.String()+" of "+t.shape.String(), "C order without gaps")
	}
	if t.dtype.Packed() {
		e, from, to := int64(t.dtype.UnitElems), t.shape[len(t.shape)-1], int64(-1)
		if len(s) > 0 {
			to = s[len(s)-1]
		}
		if to < 0 || from != to && (from%e != 0 || to%e != 0) {
			return nil, t.refusePacked("reshape")
		}
	}
	st, err := tensor.Contiguous(t.dtype, s)
	if err != nil {
		return nil, err
	}
	return t.derive(s.Clone(), st, t.offset)
}

// ReadTo copies the elements, after all work of the device that was enqueued
// before, to dst, which has the same dtype and shape and any strides and byte
// order. Host memory beyond dst is at most 16 MiB. What lies scattered over the
// device is copied in small pieces: gather it there first if that is slow.
func (t *Tensor) ReadTo(ctx context.Context, dst tensor.View) error {
	if err := t.fits(dst, "read"); err != nil {
		return err
	}
	if dst.NumElements() == 0 {
		return t.buf.mem.dev.Synchronize()
	}
	if b, err := dst.Bytes(); err == nil && t.contig && t.sameOrder(dst) {
		return t.part(t.offset, t.image).ReadTo(ctx, b)
	}
	var room []byte
	return t.pieces(dst, func(p *Tensor, dst tensor.View) error {
		lo, hi, err := tensor.Reach(p.dtype, p.shape, p.strides, p.offset)
		if err != nil {
			return err
		}
		room = grow(room, hi-lo)
		if err := t.part(lo, hi-lo).ReadTo(ctx, room); err != nil {
			return err
		}
		v, err := tensor.NewView(room, p.dtype, p.shape, p.strides, p.offset-lo, p.order)
		if err != nil {
			return err
		}
		return tensor.Copy(dst, v)
	})
}

// Read is ReadTo into memory of its own, in C order and the byte order of the
// machine.
func (t *Tensor) Read(ctx context.Context) (tensor.View, error) {
	v, err := tensor.Make(t.dtype, t.shape)
	if err != nil {
		return tensor.View{}, err
	}
	if err := t.ReadTo(ctx, v); err != nil {
		return tensor.View{}, err
	}
	return v, nil
}

// Write copies src, of the same dtype and shape and any strides and byte order, to
// the tensor, which must be contiguous, after all work of the device that was
// enqueued before. It is for what is small: an Uploader overlaps reading with
// copying. src is read by Go code alone, see Buffer.WriteFrom.
func (t *Tensor) Write(ctx context.Context, src tensor.View) error {
	if err := t.fits(src, "write"); err != nil {
		return err
	}
	if !t.contig {
		return bad(tensor.ErrNotContiguous, "strides", t.strides.String()+" of "+t.shape.String(), "C order without gaps")
	}
	if src.NumElements() == 0 {
		return t.buf.mem.dev.Synchronize()
	}
	if b, err := src.Bytes(); err == nil && t.sameOrder(src) {
		return t.part(t.offset, t.image).WriteFrom(ctx, b)
	}
	var room []byte
	return t.pieces(src, func(p *Tensor, src tensor.View) error {
		// A part of a contiguous tensor is contiguous: its first axis reaches farthest.
		room = grow(room, p.image)
		v, err := tensor.NewView(room, p.dtype, p.shape, nil, 0, p.order)
		if err != nil {
			return err
		}
		if err := tensor.Copy(v, src); err != nil {
			return err
		}
		return t.part(p.offset, p.image).WriteFrom(ctx, room)
	})
}

// fits checks a view that is to be copied from or to.
func (t *Tensor) fits(v tensor.View, op string) error {
	if v.DType() != t.dtype {
		return bad(tensor.ErrDType, op, v.DType().String(), t.dtype.String())
	}
	if !v.Shape().Equal(t.shape) {
		return bad(tensor.ErrShape, op, v.Shape().String(), t.shape.String())
	}
	return nil
}

// sameOrder reports whether bytes can be copied as they are.
func (t *Tensor) sameOrder(v tensor.View) bool {
	return v.Order() == t.order || t.dtype.UnitBytes == 1
}

// part is a piece of the buffer that is inside.
func (t *Tensor) part(off, n int64) *Buffer {
	return &Buffer{mem: t.buf.mem, ptr: t.buf.ptr + driver.Ptr(off), n: n}
}

// most is what pieces take of the device at a time, gaps included.
const most = 16 << 20

// pieces calls f for parts of the tensor that reach over 16 MiB at most, and for
// the same parts of v. It halves the axis that reaches farthest.
func (t *Tensor) pieces(v tensor.View, f func(*Tensor, tensor.View) error) error {
	lo, hi, err := tensor.Reach(t.dtype, t.shape, t.strides, t.offset)
	if err != nil {
		return err
	}
	axis, far := -1, int64(0)
	for a := range t.shape {
		if e := t.units(a); e > 1 {
			if r := (e - 1) * max(t.strides[a], -t.strides[a]); r >= far {
				axis, far = a, r
			}
		}
	}
	if hi-lo <= most || axis < 0 {
		return f(t, v)
	}
	cut := t.units(axis) / 2
	if t.packed(axis) {
		cut *= int64(t.dtype.UnitElems)
	}
	for _, ends := range [2][2]int64{{0, cut}, {cut, t.shape[axis]}} {
		p, err := t.Slice(axis, ends[0], ends[1], 1)
		if err != nil {
			return err
		}
		w, err := v.Slice(axis, ends[0], ends[1], 1)
		if err != nil {
			return err
		}
		if err := p.pieces(w, f); err != nil {
			return err
		}
	}
	return nil
}

// grow is room for n bytes.
func grow(room []byte, n int64) []byte {
	if n > int64(cap(room)) {
		room = make([]byte, n)
	}
	return room[:n]
}
