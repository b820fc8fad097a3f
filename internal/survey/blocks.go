package survey

import (
	"cmp"
	"context"
	"io"
	"math"
	"slices"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/tensor"
)

// blockBytes is about how much of a tensor is looked at together.
const blockBytes = 4 << 20

// A Plan cuts what is picked of a tensor into blocks: boxes that lie near each
// other in the file, in the order of the file or in C order.
type Plan struct {
	Pick
	Size   tensor.Shape // of what is picked, without axes of which one element stands for all
	Axes   []int        // slowest first
	Blocks int64
	box    tensor.Shape // of a block, smaller at the ends of axes
	counts []int64      // blocks along each of the axes
	repeat int64        // how often each element occurs because of axes that repeat memory
}

// NewPlan makes the plan for a Pick. In C order nothing is left out and blocks
// come in the order of the elements.
func NewPlan(p Pick, cOrder bool) (*Plan, error) {
	shape, err := p.Extents()
	if err != nil {
		return nil, err
	}
	strides := p.strides()
	pl := &Plan{Pick: p, Size: shape.Clone(), box: shape.Clone(), repeat: 1, Blocks: 1}
	for axis, n := range shape {
		pl.Axes = append(pl.Axes, axis)
		if strides[axis] == 0 && n > 1 && !cOrder && !(p.DType().Packed() && axis == len(shape)-1) {
			pl.Size[axis], pl.repeat = 1, Saturated(pl.repeat, n)
		}
	}
	if !cOrder {
		turn := pl.Axes
		if p.DType().Packed() {
			turn = turn[:len(turn)-1] // the packed axis stays the fastest
		}
		slices.SortStableFunc(turn, func(i, j int) int {
			return cmp.Compare(absolute(strides[j]), absolute(strides[i]))
		})
	}
	// Whole axes from the fastest on while they fit, a part of the next, one
	// of all slower ones.
	limit := float64(blockBytes) * float64(p.DType().UnitElems) / float64(p.DType().UnitBytes)
	have := 1.0
	chunk := pl.chunk(cOrder)
	for _, n := range chunk {
		have *= float64(n)
	}
	for i := len(pl.Axes) - 1; i >= 0; i-- {
		axis := pl.Axes[i]
		n := pl.Size[axis]
		if chunk != nil { // whole chunks, so that each is decoded once
			c := chunk[axis]
			if have /= float64(c); n > 0 && have*float64(n) > limit {
				n = max(int64(limit/have)/c*c, c)
			}
			n = min(n, pl.Size[axis])
		} else if n > 0 && have*float64(n) > limit {
			n = max(int64(limit/have), 1)
			if e := int64(p.DType().UnitElems); e > 1 && axis == len(shape)-1 {
				n = max(n/e*e, e)
			}
			n = min(n, pl.Size[axis])
		}
		pl.box[axis] = n
		have *= float64(n)
	}
	for _, axis := range pl.Axes {
		n := int64(0)
		if pl.Size[axis] > 0 {
			n = (pl.Size[axis]-1)/pl.box[axis] + 1
		}
		pl.counts = append(pl.counts, n)
		pl.Blocks *= n
	}
	return pl, nil
}

// chunk is the shape of the chunks of a tensor that is picked as a whole, by
// its axes, cut to what there is, or nil.
func (pl *Plan) chunk(cOrder bool) []int64 {
	st := pl.Storage()
	if cOrder || pl.Sel != nil || pl.repeat > 1 || st.Kind != tensorfile.StorageGrid || len(st.Chunk) != len(pl.Axes) {
		return nil
	}
	chunk := make([]int64, len(pl.Axes))
	for k, axis := range pl.Axes { // the axes of the grid come by stride, too
		chunk[axis] = max(min(st.Chunk[k], pl.Size[axis]), 1)
	}
	return chunk
}

// strides of what is picked, 0 for new axes.
func (p Pick) strides() tensor.Strides {
	if p.Sel == nil {
		return p.Strides()
	}
	ranges, _, err := p.Sel.Resolve(p.Shape())
	if err != nil {
		return nil
	}
	var out tensor.Strides
	axis := 0
	keep := func(n int) {
		for ; n > 0; n-- {
			if !ranges[axis].Drop {
				out = append(out, p.Strides()[axis]*ranges[axis].Step)
			}
			axis++
		}
	}
	whole := len(p.Shape())
	for _, it := range p.Sel {
		if it.Kind == tensor.SelectRange || it.Kind == tensor.SelectIndex {
			whole--
		}
	}
	for _, it := range p.Sel {
		switch it.Kind {
		case tensor.SelectNewAxis:
			out = append(out, 0)
		case tensor.SelectEllipsis:
			keep(whole)
		default:
			keep(1)
		}
	}
	keep(len(p.Shape()) - axis)
	return out
}

func absolute(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

// Saturated is a product, at most the largest number.
func Saturated(a, b int64) int64 {
	if a != 0 && b > math.MaxInt64/a {
		return math.MaxInt64
	}
	return a * b
}

// Block is the selection, of what is picked, that block i takes, and its shape.
func (pl *Plan) Block(i int64) (tensor.Selection, tensor.Shape) {
	sel := make(tensor.Selection, len(pl.Size))
	shape := make(tensor.Shape, len(pl.Size))
	for k := len(pl.Axes) - 1; k >= 0; k-- {
		axis := pl.Axes[k]
		at := i % pl.counts[k] * pl.box[axis]
		i /= pl.counts[k]
		end := min(at+pl.box[axis], pl.Size[axis])
		sel[axis] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: at, Stop: end, Step: tensor.None}
		shape[axis] = end - at
	}
	return sel, shape
}

// read calls fn with block i, its axes in the order of the plan: a view of the
// mapping under guard, or a copy in buf, which it may replace.
func (pl *Plan) read(ctx context.Context, i int64, buf *[]byte, fn func(tensor.View) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sel, shape := pl.Block(i)
	if _, err := pl.View(); err == nil {
		return pl.Guard(func(v tensor.View) (err error) {
			if pl.Sel != nil {
				if v, err = v.Select(pl.Sel); err != nil {
					return err
				}
			}
			if v, err = v.Select(sel); err == nil {
				v, err = v.Permute(pl.Axes...)
			}
			if err != nil {
				return err
			}
			return fn(v)
		})
	}
	turned, back := make(tensor.Shape, len(shape)), make([]int, len(shape))
	for k, axis := range pl.Axes {
		turned[k], back[axis] = shape[axis], k
	}
	n, err := tensor.ByteSize(pl.DType(), turned)
	if err != nil {
		return err
	}
	if int64(len(*buf)) < n {
		room, err := tensor.Make(tensor.U8, tensor.Shape{n})
		if err == nil {
			*buf, err = room.Bytes()
		}
		if err != nil {
			return err
		}
	}
	v, err := tensor.NewView((*buf)[:n], pl.DType(), turned, nil, 0, tensor.HostOrder)
	if err != nil {
		return err
	}
	dst, err := v.Permute(back...)
	if err != nil {
		return err
	}
	if pl.Sel != nil {
		err = pl.ReadInto(ctx, dst, pl.Sel, sel)
	} else {
		err = pl.ReadInto(ctx, dst, sel)
	}
	if err != nil {
		return err
	}
	return fn(v)
}

// planParts is into how many parts of their own large tensors are cut, however
// many workers there are, so that results do not depend on those.
const planParts = 16

// Each calls fn with everything that is picked, block by block: in parts, each
// of which is in order and one goroutine's at a time, by several workers. What
// decodes as a stream is one part. parts is called first with their number.
func Each(ctx context.Context, p Pick, jobs int, parts func(int), fn func(part int, v tensor.View) error) (repeat int64, err error) {
	return each(ctx, p, jobs, parts, fn, nil)
}

// each is Each of what can be read. What is damaged goes to lost; nil, or a pick of
// which boxes cannot be read by themselves: it is an error.
func each(ctx context.Context, p Pick, jobs int, parts func(int), fn func(part int, v tensor.View) error, lost *losses) (repeat int64, err error) {
	if Quantised(p.Tensor) || p.madeNumbers() && p.Sel != nil {
		parts(1)
		return 1, eachQuantised(ctx, p, func(v tensor.View) error { return fn(0, v) }, lost)
	}
	if p.madeNumbers() {
		blocks := fn
		fn = func(part int, v tensor.View) error {
			if v.DType().Class == tensor.ClassBlock {
				var err error
				if v, err = Numbers(ctx, v); err != nil {
					return err
				}
			}
			return blocks(part, v)
		}
	}
	if p.Storage().Kind == tensorfile.StorageEncoded {
		parts(1)
		return 1, Decoded(ctx, p, func(v tensor.View) error { return fn(0, v) })
	}
	pl, err := NewPlan(p, false)
	if err != nil {
		return 0, err
	}
	n := pl.Parts()
	parts(int(n))
	return pl.repeat, pl.each(ctx, jobs, n, func(part int, _ int64, v tensor.View) error { return fn(part, v) }, lost)
}

// Parts is into how many parts the blocks are cut, however many workers there are.
func (pl *Plan) Parts() int64 { return min(planParts, pl.Blocks) }

// Each calls fn with the blocks and their numbers, in n parts as the function Each
// says.
func (pl *Plan) Each(ctx context.Context, workers int, n int64, fn func(part int, block int64, v tensor.View) error) error {
	return pl.each(ctx, workers, n, fn, nil)
}

func (pl *Plan) each(ctx context.Context, workers int, n int64, fn func(part int, block int64, v tensor.View) error, lost *losses) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	_ = parallel.EachWith(max(workers, 1), n, func() *[]byte { return new([]byte) }, func(buf *[]byte, i int64) error {
		err := pl.part(ctx, i, n, buf, fn, lost)
		if err != nil {
			stop(err) // parts are long
		}
		return err
	})
	return context.Cause(ctx)
}

// part goes through part i of n.
func (pl *Plan) part(ctx context.Context, i, n int64, buf *[]byte, fn func(int, int64, tensor.View) error, lost *losses) error {
	first, end := CutAt(pl.Blocks, i, n), CutAt(pl.Blocks, i+1, n)
	for b := first; b < end; b++ {
		part := func(v tensor.View) error { return fn(int(i), b, v) }
		seen := false
		err := pl.read(ctx, b, buf, func(v tensor.View) error {
			seen = true
			return part(v)
		})
		if err != nil && !seen {
			sel, shape := pl.Block(b)
			box := Lost{First: make([]int64, len(sel)), Shape: shape}
			for axis, it := range sel {
				box.First[axis] = it.Start
			}
			err = lost.around(ctx, box, err, part)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// CutAt is where part i of n begins.
func CutAt(blocks, i, n int64) int64 { return blocks/n*i + blocks%n*i/n }

// Decoded calls fn with what is picked of a tensor that decodes as a stream,
// in C order. A selection is read as a whole.
func Decoded(ctx context.Context, p Pick, fn func(tensor.View) error) error {
	if p.Sel != nil {
		v, err := p.Read(ctx, p.Sel)
		if err != nil {
			return err
		}
		return fn(v)
	}
	f := &feeder{dtype: p.DType(), shape: p.Shape(), fn: fn}
	if err := f.begin(); err != nil {
		return err
	}
	if err := p.WriteCOrder(ctx, f); err != nil {
		return err
	}
	return f.flush()
}

// A feeder is written the C-order image of a tensor, little-endian, and calls
// a function with views of whole rows, or parts of them where they are long.
type feeder struct {
	dtype tensor.DType
	shape tensor.Shape
	fn    func(tensor.View) error

	row     int64 // elements of a row of a packed dtype; else 1
	rowSize int64 // its bytes
	at      int64 // bytes of the current row that are through
	buf     []byte
}

func (f *feeder) begin() error {
	f.row, f.rowSize = 1, int64(f.dtype.UnitBytes)
	if f.dtype.Packed() {
		f.row = f.shape[len(f.shape)-1]
		n, err := tensor.ByteSize(f.dtype, tensor.Shape{f.row})
		if err != nil {
			return err
		}
		f.rowSize = max(n, 1)
	}
	f.buf = make([]byte, 0, max(256<<10/int64(f.dtype.UnitBytes), 1)*int64(f.dtype.UnitBytes))
	return nil
}

var _ io.Writer = (*feeder)(nil)

func (f *feeder) Write(p []byte) (int, error) {
	for n := len(p); ; {
		m := copy(f.buf[len(f.buf):cap(f.buf)], p)
		f.buf, p = f.buf[:len(f.buf)+m], p[m:]
		if len(p) == 0 && len(f.buf) < cap(f.buf) {
			return n, nil
		}
		if err := f.flush(); err != nil {
			return n - len(p), err
		}
	}
}

// flush hands on what the buffer holds, which is whole units.
func (f *feeder) flush() error {
	for b := f.buf; len(b) > 0; {
		shape := tensor.Shape{int64(len(b)) / f.rowSize, f.row}
		n := shape[0] * f.rowSize
		if f.at > 0 || shape[0] == 0 { // a part of a row
			n = min(int64(len(b)), f.rowSize-f.at)
			units := int64(f.dtype.UnitElems)
			shape = tensor.Shape{min(n/int64(f.dtype.UnitBytes)*units, f.row-f.at/int64(f.dtype.UnitBytes)*units)}
			f.at = (f.at + n) % f.rowSize
		}
		v, err := tensor.NewView(b[:n], f.dtype, shape, nil, 0, tensor.LittleEndian)
		if err == nil {
			err = f.fn(v)
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	f.buf = f.buf[:0]
	return nil
}

// quantisedBlock is about how many elements are made numbers at a time.
const quantisedBlock = 4 << 20

// EachQuantised is Each of a quantised tensor: what is picked as a whole, or
// rows of it.
func EachQuantised(ctx context.Context, p Pick, fn func(tensor.View) error) error {
	return eachQuantised(ctx, p, fn, nil)
}

func eachQuantised(ctx context.Context, p Pick, fn func(tensor.View) error, lost *losses) error {
	shape, err := p.Extents()
	if err != nil {
		return err
	}
	if p.Sel != nil || len(shape) == 0 {
		v, err := p.ReadAll(ctx)
		if err != nil {
			return err
		}
		return fn(v)
	}
	rows := max(quantisedBlock/max(Product(shape[1:]), 1), 1)
	for at := int64(0); at < shape[0]; at += rows {
		box := Lost{First: make([]int64, len(shape)), Shape: shape.Clone()}
		box.First[0], box.Shape[0] = at, min(rows, shape[0]-at)
		v, err := p.Read(ctx, tensor.Selection{{Kind: tensor.SelectRange, Start: at, Stop: at + box.Shape[0], Step: 1}})
		if err == nil {
			err = fn(v)
		} else {
			err = lost.around(ctx, box, err, fn)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// InOrder calls fn with everything that is picked, in C order, as views that
// follow each other.
func InOrder(ctx context.Context, p Pick, fn func(tensor.View) error) error {
	if Quantised(p.Tensor) || p.madeNumbers() {
		return EachQuantised(ctx, p, fn)
	}
	if p.Storage().Kind == tensorfile.StorageEncoded {
		return Decoded(ctx, p, fn)
	}
	pl, err := NewPlan(p, true)
	if err != nil {
		return err
	}
	var buf []byte
	for i := range pl.Blocks {
		if err := pl.read(ctx, i, &buf, fn); err != nil {
			return err
		}
	}
	return nil
}

// distinct is the number of elements that are not the same one again.
func distinct(p Pick) (int64, error) {
	if p.Storage().Kind == tensorfile.StorageEncoded || Quantised(p.Tensor) || p.madeNumbers() && p.Sel != nil {
		shape, err := p.Extents()
		if err != nil {
			return 0, err
		}
		return shape.NumElements()
	}
	pl, err := NewPlan(p, false)
	if err != nil {
		return 0, err
	}
	return pl.Size.NumElements()
}
