package operate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/tensor/stats"
)

// Quantise keeps floats as numbers of few bits with scales: see quant.Scheme. It
// is made when it is planned, in memory.
type Quantise struct{ quant.Scheme }

func (q Quantise) String() string { return "quant " + q.Scheme.String() }

func (q Quantise) apply(in []*array) ([]*array, error) {
	return each(in, func(a *array) error {
		a.last = q.String()
		v, err := a.elements()
		if err != nil {
			return err
		}
		x, err := quant.Quantise(a.w.ctx, v, q.Scheme, a.w.workers)
		if err != nil {
			return err
		}
		a.q, a.n = x, &formed{dtype: x.DType(), shape: x.Shape()}
		return a.w.hold(a.last, quantBytes(x))
	})
}

// quantBytes is the memory of the parts of x.
func quantBytes(x *quant.Array) int64 {
	zeros, _ := x.Zeros()
	return x.Values().ByteSize() + x.Scales().ByteSize() + zeros.ByteSize()
}

// parseQuantise reads a scheme, in which "=" may occur, behind the names that it
// is for.
func parseQuantise(value string) (Step, error) {
	s, err := quant.ParseScheme(value)
	if err == nil {
		return Step{Operator: Quantise{s}}, nil
	}
	for i := range value {
		if value[i] != '=' {
			continue
		}
		s, e := quant.ParseScheme(value[i+1:])
		switch {
		case e == nil && i == 0:
			return Step{}, badValue("quant", value, "a name or glob before the =")
		case e == nil:
			return Step{Names: value[:i], Operator: Quantise{s}}, nil
		}
		if !strings.Contains(value[:i], ":") {
			err = e // of the scheme behind names
		}
	}
	return Step{}, err
}

// Dequantise makes numbers of a dtype, which is not packed, of quantised tensors
// and of blocks of ggml (quant.DequantiseBlocks), box by box. Other dense tensors
// stay as they are.
type Dequantise struct{ To tensor.DType }

func (d Dequantise) String() string { return "dequant " + d.To.String() }

func (d Dequantise) apply(in []*array) ([]*array, error) {
	return each(in, func(a *array) error {
		a.last = d.String()
		if d.To.Packed() || !stats.Numeric(d.To) {
			return a.fail(tensor.ErrDType, "dequant", d.To.String(), "numbers of whole bytes")
		}
		if a.q != nil {
			v, err := a.q.Dequantise(a.w.ctx, d.To)
			if err != nil {
				return err
			}
			a.w.held -= quantBytes(a.q)
			a.q = nil
			return a.becomeDense(v)
		}
		if !a.composed() {
			from, _ := a.n.form()
			if from.Class != tensor.ClassBlock {
				return nil
			}
			fn := func(dst, src tensor.View) error { return quant.DequantiseBlocks(a.w.ctx, dst, src, 1) }
			if err := try(from, d.To, fn); err != nil {
				return a.fail(tensor.ErrUnsupported, "dequant", "from "+from.String()+" to "+d.To.String(), "a block type that is known and numbers")
			}
			a.n = point(a.n, d.To, fn)
			return nil
		}
		if a.t == nil || layoutOf(a.t) != format.LayoutQuantised {
			return a.fail(tensor.ErrUnsupported, "layout", a.layout(), "a quantised tensor for dequant")
		}
		a.n = &floats{t: a.t, to: d.To}
		return nil
	})
}

func layoutOf(t *tensorfile.Tensor) uint16 {
	layout, _, _ := t.Composite()
	return layout
}

// floats is a quantised tensor of a file as numbers.
type floats struct {
	t  *tensorfile.Tensor
	to tensor.DType
}

func (f *floats) form() (tensor.DType, tensor.Shape) { return f.to, f.t.Shape() }
func (f *floats) back([]span) []ask                  { return nil }
func (f *floats) own(r []span) int64                 { return size(f.to, counts(r)) }
func (f *floats) lent() *source                      { return nil }

// grain is the chunks of the values.
func (f *floats) grain() []int64 {
	g := slices.Repeat([]int64{1}, len(f.t.Shape()))
	if v, err := f.t.Part(format.RoleValues); err == nil {
		if st := v.Storage(); st.Kind == tensorfile.StorageGrid && len(st.Chunk) == len(g) {
			for k, n := range st.Chunk {
				g[k] = max(n, 1)
			}
		}
	}
	return g
}

func (f *floats) take(ctx context.Context, a *arena, r []span) (tensor.View, error) {
	dst, err := a.view(f.to, counts(r))
	if err != nil {
		return dst, err
	}
	return dst, f.t.DequantiseInto(ctx, dst, selection(r))
}

// describeQuantised adds what was quantised to the layout of the results.
func (a *array) describeQuantised(l *convert.Layout) (convert.LayoutTensor, error) {
	group := make([]uint32, len(a.q.Group()))
	for k, g := range a.q.Group() {
		group[k] = uint32(g)
	}
	extents, err := tensor.FromSlice(group)
	if err != nil {
		return convert.LayoutTensor{}, err
	}
	t := convert.LayoutTensor{Name: a.name, DType: a.q.DType(), Shape: a.q.Shape(), Attrs: a.attrs, Layout: format.LayoutQuantised}
	add := func(role string, v tensor.View) {
		if err != nil {
			return
		}
		part := convert.LayoutTensor{Name: role, DType: v.DType(), Shape: v.Shape(), Storage: -1, Order: tensor.HostOrder}
		if v.NumElements() > 0 {
			var b []byte
			if b, err = memoryOf(v); err != nil {
				err = fmt.Errorf("part %s: %w", role, err)
				return
			}
			part.Storage = len(l.Storages)
			l.Storages = append(l.Storages, inMemory(b, a.last))
		}
		t.Parts = append(t.Parts, part)
	}
	add(format.RoleValues, a.q.Values())
	add(format.RoleScales, a.q.Scales())
	if z, ok := a.q.Zeros(); ok {
		add(format.RoleZeros, z)
	}
	add(format.RoleGroup, extents)
	return t, err
}
