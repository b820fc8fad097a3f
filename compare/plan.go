package compare

import (
	"cmp"
	"context"
	"io"
	"math"
	"slices"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/watch"
	"github.com/tensorfile/tensorfile/tensor"
)

// blockBytes is about how much of a tensor is compared at once: small enough
// for a cache, large enough for a read. Tests make it smaller.
var blockBytes = 1 << 20

// A plan cuts two tensors of one shape and dtype into equal blocks: boxes that
// lie near each other on one of the sides.
type plan struct {
	a, b  *tensorfile.Tensor
	dtype tensor.DType
	shape tensor.Shape
	size  tensor.Shape // without axes of which one element stands for all
	box   tensor.Shape // of a block, smaller at the ends of axes
	axes  []int        // slowest first
	turn  bool         // that is not C order

	values [2]*values // the numbers of both, of dtypes that may be others; nil: elements as they are

	counts []int64 // blocks along each of axes
	blocks int64
	repeat int64 // how often each element occurs because of axes that repeat memory on both sides
}

func encoded(t *tensorfile.Tensor) bool { return t.Storage().Kind == tensorfile.StorageEncoded }

// streams reports whether a side can only be read from its begin to its end.
func (p *plan) streams() bool { return p.values[0] == nil && (encoded(p.a) || encoded(p.b)) }

func newPlan(a, b *tensorfile.Tensor) *plan {
	p := &plan{a: a, b: b, dtype: a.DType(), shape: a.Shape(), repeat: 1, size: a.Shape().Clone()}
	lead := a.Strides()
	if encoded(b) && !encoded(a) {
		lead = b.Strides()
	}
	last := len(p.shape) - 1
	packed := func(axis int) bool { return p.dtype.Packed() && axis == last }
	for axis, n := range p.shape {
		p.axes = append(p.axes, axis)
		if n > 1 && a.Strides()[axis] == 0 && b.Strides()[axis] == 0 && !packed(axis) && !p.streams() {
			p.size[axis] = 1
			p.repeat *= n // a product of extents, which was checked
		}
	}
	free := p.axes
	if p.dtype.Packed() {
		free = free[:last] // the packed axis stays the fastest
	}
	step := func(axis int) int64 {
		if p.size[axis] <= 1 {
			return math.MaxInt64 // it has none
		}
		return absolute(lead[axis])
	}
	slices.SortStableFunc(free, func(i, j int) int { return cmp.Compare(step(j), step(i)) })
	p.turn = !slices.IsSorted(slices.DeleteFunc(slices.Clone(p.axes), func(axis int) bool { return p.size[axis] <= 1 }))
	p.cut(blockBytes, int64(p.dtype.UnitElems), p.chunk())
	return p
}

// cut chooses the shape of blocks of about so many bytes: whole axes from the
// fastest on while they fit, a part of the next, one of all slower ones. The last
// axis is cut at multiples of unit.
func (p *plan) cut(most int, unit int64, chunk tensor.Shape) {
	p.box = p.size.Clone()
	limit := float64(most) * float64(p.dtype.UnitElems) / float64(p.dtype.UnitBytes)
	have := 1.0
	for axis, n := range chunk {
		p.box[axis] = n
		have *= float64(n)
	}
	for i := len(p.axes) - 1; i >= 0; i-- {
		axis := p.axes[i]
		n := p.size[axis]
		if chunk != nil {
			// Whole chunks, as many as fit.
			many := max(int64(min(limit/max(have, 1), float64(n))), 1)
			more := min(many, (n-1)/chunk[axis]+1)
			p.box[axis] = min(more*chunk[axis], max(n, 1))
			have *= float64(more)
			continue
		}
		if n > 0 && have*float64(n) > limit {
			n = max(int64(limit/have), 1)
			if axis == len(p.size)-1 {
				n = max(n/unit*unit, unit)
			}
			n = min(n, p.size[axis])
		}
		p.box[axis] = n
		have *= float64(n)
	}
	p.blocks = 1
	for _, axis := range p.axes {
		n := int64(0)
		if p.size[axis] > 0 {
			n = (p.size[axis]-1)/p.box[axis] + 1
		}
		p.counts = append(p.counts, n)
		p.blocks *= n
	}
}

// mostChunk bounds the bytes of a chunk that is compared as one block.
const mostChunk = 64 << 20

// chunk is the shape of the chunks of a side, cut to what there is, or nil: so
// that each is decoded once.
func (p *plan) chunk() tensor.Shape {
	if p.repeat > 1 {
		return nil
	}
	for _, t := range []*tensorfile.Tensor{p.a, p.b} {
		st := t.Storage()
		if st.Kind != tensorfile.StorageGrid || len(st.Chunk) != len(p.size) {
			continue
		}
		// The axes of a grid are those of the tensor by descending strides.
		axes := slices.Clone(p.axes)
		for i := range axes {
			axes[i] = i
		}
		slices.SortStableFunc(axes, func(i, j int) int { return cmp.Compare(t.Strides()[j], t.Strides()[i]) })
		chunk := make(tensor.Shape, len(axes))
		for k, axis := range axes {
			chunk[axis] = max(min(st.Chunk[k], p.size[axis]), 1)
		}
		if n, err := tensor.ByteSize(p.dtype, chunk); err != nil || n > mostChunk {
			return nil
		}
		return chunk
	}
	return nil
}

func absolute(n int64) int64 {
	if n < 0 {
		return -n // no stride is -2^63: its reach would not fit
	}
	return n
}

// block says where block i begins and how large it is.
func (p *plan) block(i int64) (origin, shape tensor.Shape) {
	origin, shape = make(tensor.Shape, len(p.size)), make(tensor.Shape, len(p.size))
	for k := len(p.axes) - 1; k >= 0; k-- {
		axis := p.axes[k]
		origin[axis] = i % p.counts[k] * p.box[axis]
		i /= p.counts[k]
		shape[axis] = min(p.box[axis], p.size[axis]-origin[axis])
	}
	return origin, shape
}

func selection(origin, shape tensor.Shape) tensor.Selection {
	sel := make(tensor.Selection, len(origin))
	for axis, at := range origin {
		sel[axis] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: at, Stop: at + shape[axis], Step: tensor.None}
	}
	return sel
}

// turned is a shape with its axes in the order of the plan.
func (p *plan) turned(shape tensor.Shape) tensor.Shape {
	out := make(tensor.Shape, len(shape))
	for k, axis := range p.axes {
		out[k] = shape[axis]
	}
	return out
}

// back gives a view in the order of the plan the axes of the tensor.
func (p *plan) back(v tensor.View) (tensor.View, error) {
	axes := make([]int, len(p.axes))
	for k, axis := range p.axes {
		axes[axis] = k
	}
	return v.Permute(axes...)
}

// worker is the memory of one goroutine.
type worker struct {
	a, b, numbers, raw []byte
}

// room makes a view of the machine's byte order in *buf, which grows to hold it.
func room(buf *[]byte, d tensor.DType, shape tensor.Shape, order tensor.ByteOrder) (tensor.View, error) {
	n, err := tensor.ByteSize(d, shape)
	if err != nil {
		return tensor.View{}, err
	}
	if int64(cap(*buf)) < n {
		// Memory for numbers, aligned for any of them.
		v, err := tensor.Make(tensor.C128, tensor.Shape{(n + 15) / 16})
		if err != nil {
			return v, err
		}
		if *buf, err = v.Bytes(); err != nil {
			return v, err
		}
	}
	return tensor.NewView((*buf)[:n], d, shape, nil, 0, order)
}

// compare looks at block i of two tensors that can be read anywhere.
func (p *plan) compare(ctx context.Context, i int64, w *worker, s *scan) error {
	if p.values[0] != nil {
		return p.compareValues(ctx, i, w, s)
	}
	origin, shape := p.block(i)
	sel := selection(origin, shape)
	same, err := p.sameMapped(sel)
	if err != nil || same {
		return err
	}
	var views [2]tensor.View
	for k, buf := range []*[]byte{&w.a, &w.b} {
		t := [...]*tensorfile.Tensor{p.a, p.b}[k]
		v, err := room(buf, p.dtype, p.turned(shape), tensor.HostOrder)
		if err != nil {
			return err
		}
		dst, err := p.back(v)
		if err == nil {
			err = t.ReadInto(ctx, dst, sel)
		}
		if err != nil {
			return err
		}
		views[k] = v
	}
	return p.compareViews(origin, shape, views[0], views[1], w, s)
}

// tell says that block i is through.
func (p *plan) tell(ctx context.Context, i int64) {
	_, shape := p.block(i)
	n, _ := tensor.ByteSize(p.dtype, shape) // it fitted into memory
	watch.Add(ctx, n)
}

// sameMapped reports whether both sides of a block are mapped and the same.
func (p *plan) sameMapped(sel tensor.Selection) (same bool, err error) {
	for _, t := range []*tensorfile.Tensor{p.a, p.b} {
		if _, err := t.View(); err != nil {
			return false, nil // ReadInto will say if that is an error
		}
	}
	err = p.a.Guard(func(a tensor.View) error {
		return p.b.Guard(func(b tensor.View) error {
			x, err := a.Select(sel)
			if err != nil {
				return err
			}
			y, err := b.Select(sel)
			if err != nil {
				return err
			}
			same, err = tensor.Equal(x, y)
			return err
		})
	})
	return same, err
}

// compareViews compares two blocks that lie in memory in the order of the plan.
func (p *plan) compareViews(origin, shape tensor.Shape, a, b tensor.View, w *worker, s *scan) error {
	same, err := tensor.Equal(a, b)
	if err != nil || same {
		return err
	}
	if p.turn {
		for _, v := range []*tensor.View{&a, &b} {
			if *v, err = p.back(*v); err != nil {
				return err
			}
			if *v, err = v.Clone(); err != nil {
				return err
			}
		}
	}
	x, err := a.Bytes()
	if err != nil {
		return err
	}
	y, err := b.Bytes()
	if err != nil {
		return err
	}
	s.block(origin, shape, x, y, w)
	return nil
}

// whole reports whether a side is held in memory whole: one that decodes as a
// stream, in another order or to be cast.
func (p *plan) whole() bool {
	if p.values[0] != nil {
		return encoded(p.a) || encoded(p.b)
	}
	return p.streams() && !p.inOrder()
}

// inOrder reports whether all streams come in the order of the plan, so that
// nothing is held whole.
func (p *plan) inOrder() bool {
	for _, t := range []*tensorfile.Tensor{p.a, p.b} {
		if !encoded(t) {
			continue
		}
		want := int64(p.dtype.UnitBytes)
		for i := len(p.axes) - 1; i >= 0; i-- {
			axis := p.axes[i]
			n := p.shape[axis]
			if p.dtype.Packed() && axis == len(p.shape)-1 {
				n = (n-1)/int64(p.dtype.UnitElems) + 1
			}
			if n > 1 && t.Strides()[axis] != want {
				return false
			}
			want *= n
		}
	}
	return true
}

// decode compares two tensors of which at least one is a stream.
func (p *plan) decode(ctx context.Context, w *worker, s *scan) error {
	var in [2]*stream
	for k, t := range []*tensorfile.Tensor{p.a, p.b} {
		if encoded(t) {
			in[k] = openStream(ctx, t, p.axes)
			defer in[k].close()
		}
	}
	for i := range p.blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		origin, shape := p.block(i)
		var views [2]tensor.View
		for k, buf := range []*[]byte{&w.a, &w.b} {
			t := [...]*tensorfile.Tensor{p.a, p.b}[k]
			var err error
			if in[k] != nil {
				views[k], err = in[k].read(buf, p.dtype, p.turned(shape))
			} else {
				views[k], err = room(buf, p.dtype, p.turned(shape), tensor.HostOrder)
				var dst tensor.View
				if err == nil {
					dst, err = p.back(views[k])
				}
				if err == nil {
					err = t.ReadInto(ctx, dst, selection(origin, shape))
				}
			}
			if err != nil {
				return err
			}
		}
		if err := p.compareViews(origin, shape, views[0], views[1], w, s); err != nil {
			return err
		}
		p.tell(ctx, i)
	}
	for _, in := range in {
		if in != nil {
			if err := in.end(); err != nil {
				return err
			}
		}
	}
	return nil
}

// stream is the elements of a tensor as they decode.
type stream struct {
	r    *io.PipeReader
	stop context.CancelFunc
	done chan struct{}
}

func openStream(ctx context.Context, t *tensorfile.Tensor, axes []int) *stream {
	ctx, stop := context.WithCancel(ctx)
	r, w := io.Pipe()
	s := &stream{r: r, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		w.CloseWithError(t.WriteOrder(ctx, w, axes))
	}()
	return s
}

// read takes the next elements into *buf.
func (s *stream) read(buf *[]byte, d tensor.DType, shape tensor.Shape) (tensor.View, error) {
	v, err := room(buf, d, shape, tensor.LittleEndian)
	if err != nil {
		return v, err
	}
	b, err := v.Bytes()
	if err != nil {
		return v, err
	}
	if _, err := io.ReadFull(s.r, b); err != nil {
		return v, err
	}
	if tensor.HostOrder == tensor.LittleEndian {
		return v, nil
	}
	return v.Clone()
}

// end waits for what the decoder says of the whole, such as a checksum.
func (s *stream) end() error {
	var one [1]byte
	if _, err := io.ReadFull(s.r, one[:]); err != io.EOF {
		return err
	}
	return nil
}

func (s *stream) close() {
	s.stop()
	s.r.Close()
	<-s.done
}
