package loader

import (
	"context"
	"errors"
	"fmt"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// A column is a source as the loader reads it. What does not lie in a mapping
// lies in memory sample by sample, whatever axis they are along.
type column struct {
	src   Source
	t     *tensorfile.Tensor
	axis  int
	n     int64
	shape tensor.Shape // of the tensor
	way   Way
	unit  int64 // samples of a chunk; 0: there are none
	bytes int64 // of a sample as it is stored in memory
	*shaper

	data  []byte // of all samples: mapped, or held
	first int64  // where the first one is
	end   int64  // offset in the file behind the last byte, if mapped
	lost  losses // of what is held

	strides tensor.Strides // of samples in memory
}

// losses are samples that cannot be read.
type losses []loss

type loss struct {
	first, n int64
	err      error
}

func (l losses) of(sample int64) error {
	for _, x := range l {
		if sample >= x.first && sample < x.first+x.n {
			return x.err
		}
	}
	return nil
}

// newColumn looks at a source. Its way is Mapped, or Blocked, or Streamed if it
// is encoded as a whole.
func newColumn(src Source) (*column, error) {
	t := src.Tensor
	if t == nil {
		return nil, bad(tensor.ErrShape, "Source.Tensor", "nil", "a tensor")
	}
	c := &column{src: src, t: t, shape: t.Shape(), axis: src.Axis}
	if _, _, composite := t.Composite(); composite {
		return nil, c.refuse(tensor.ErrEncoded, "layout", "a composite", "a dense tensor")
	}
	rank := len(c.shape)
	if c.axis < 0 {
		c.axis += rank
	}
	if c.axis < 0 || c.axis >= rank {
		return nil, c.refuse(tensor.ErrIndex, "Axis", fmt.Sprint(src.Axis), fmt.Sprintf("an axis of %v", c.shape))
	}
	d := t.DType()
	if d.Packed() && c.axis == rank-1 {
		return nil, c.refuse(tensor.ErrUnsupported, "Axis", "the last one", "another, as units of "+d.String()+" are not cut")
	}
	c.n = c.shape[c.axis]
	one := c.shape.Clone()
	one[c.axis] = 1
	var err error
	if c.bytes, err = tensor.ByteSize(d, one); err == nil {
		c.strides, err = tensor.Contiguous(d, one)
	}
	if err != nil {
		return nil, c.located(err)
	}
	c.strides[c.axis] = c.bytes
	order := t.Order()
	v, err := t.View()
	switch {
	case err == nil && v.NumElements() == 0:
		c.way = Held
	case err == nil:
		return c, c.mapped(v)
	case t.Storage().Kind == tensorfile.StorageEncoded:
		c.way, order = Streamed, tensor.LittleEndian // as streams give elements
	case errors.Is(err, tensorfile.ErrNotMapped) || errors.Is(err, tensor.ErrEncoded):
		c.way = Blocked
		if s := t.ChunkShape(); s != nil {
			c.unit = min(s[c.axis], c.n)
		}
	default:
		return nil, err
	}
	memory, err := tensor.NewView(make([]byte, c.bytes), d, one, c.strides, 0, order)
	if err == nil {
		c.shaper, err = newShaper(memory, c.axis, c.bytes, src)
	}
	return c, c.located(err)
}

// mapped makes c a column of samples in the mapping.
func (c *column) mapped(v tensor.View) error {
	one, err := v.Slice(c.axis, 0, 1, 1)
	if err == nil {
		c.shaper, err = newShaper(one, c.axis, v.Strides()[c.axis], c.src)
	}
	if err != nil {
		return c.located(err)
	}
	lo, hi, err := tensor.Reach(v.DType(), v.Shape(), v.Strides(), v.Offset())
	if err != nil {
		return c.located(err)
	}
	c.way, c.data, c.first = Mapped, v.Span(), v.Offset()-lo
	c.end = c.t.Storage().Offset + hi
	return nil
}

func (c *column) refuse(kind error, field, got, want string) error {
	return c.located(bad(kind, field, got, want))
}

// located adds file and tensor to an error that has none.
func (c *column) located(err error) error {
	var e *tensor.Error
	if errors.As(err, &e) {
		if e.Path == "" {
			e.Path = c.t.File().Path()
		}
		if e.Tensor == "" {
			e.Tensor = c.t.Name()
		}
	}
	return err
}

// blocked reports whether the samples come block by block.
func (c *column) blocked() bool { return c.way == Blocked || c.way == Streamed }

// inCOrder reports whether the tensor's stream of elements is its samples one
// behind the other.
func (c *column) inCOrder() bool {
	want, err := tensor.Contiguous(c.t.DType(), c.shape)
	if err != nil || c.axis != 0 {
		return false
	}
	for i, n := range c.shape {
		if n > 1 && c.t.Strides()[i] != want[i] {
			return false
		}
	}
	return true
}

// read reads samples to mem, one behind the other.
func (c *column) read(ctx context.Context, mem []byte, first, n int64) error {
	shape := c.shape.Clone()
	shape[c.axis] = n
	dst, err := tensor.NewView(mem, c.t.DType(), shape, c.strides, 0, c.order)
	if err != nil {
		return c.located(err)
	}
	sel := make(tensor.Selection, c.axis+1)
	for i := range sel {
		sel[i] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: tensor.None, Stop: tensor.None, Step: tensor.None}
	}
	sel[c.axis].Start, sel[c.axis].Stop = first, first+n
	return c.t.ReadInto(ctx, dst, sel)
}

// salvage reads what read could not chunk by chunk and returns what is lost, or
// an error that is not damage.
func (c *column) salvage(ctx context.Context, mem []byte, first, n int64, err error) (losses, error) {
	if !damaged(err) {
		return nil, err
	}
	if c.unit == 0 {
		return losses{{first, n, err}}, nil
	}
	var lost losses
	for at := first; at < first+n; {
		m := min(c.unit-at%c.unit, first+n-at)
		err := c.read(ctx, mem[(at-first)*c.bytes:], at, m)
		switch {
		case damaged(err):
			lost = append(lost, loss{at, m, err})
		case err != nil:
			return nil, err
		}
		at += m
	}
	return lost, nil
}

// damaged reports whether err says that bytes are not what was written, as
// against a file that changes, a disk that does not answer, or an end of it all.
func damaged(err error) bool {
	if errors.Is(err, tensor.ErrChanged) || errors.Is(err, tensor.ErrIO) {
		return false
	}
	return errors.Is(err, tensor.ErrCorrupt) || errors.Is(err, tensor.ErrFormat) || errors.Is(err, tensor.ErrTruncated)
}

// hold reads all samples to memory.
func (c *column) hold(ctx context.Context, d Damage) error {
	mem := make([]byte, c.n*c.bytes)
	err := c.read(ctx, mem, 0, c.n)
	if err != nil && d == DamageSkips {
		c.lost, err = c.salvage(ctx, mem, 0, c.n, err)
	}
	if err == nil {
		c.data = mem
	}
	return err
}
