package tensorfile

import (
	"context"
	"iter"
	"sync"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// Chunk is a part of a tensor as Tensor.Chunks gives it.
type Chunk struct {
	// Number of the chunk in the storage, in the order of the file. Of a tensor
	// that is not chunked: of the block, from 0.
	Number int64
	// Origin is the index of its first element. It is not used again.
	Origin []int64
	// View holds the elements, in memory that is valid until the next step.
	View tensor.View
}

// ChunksOptions says how Chunks goes about its work. The zero value, and nil,
// are the defaults.
type ChunksOptions struct {
	// Workers that decode ahead. Default: OpenOptions.ReadWorkers, or
	// GOMAXPROCS.
	Workers int
}

// ChunkShape is the shape of a full chunk by the axes of t, and nil if t is not
// chunked. Chunks begin at its multiples, but for those of rows that were
// appended, which may begin anywhere along the axis they were appended to.
func (t *Tensor) ChunkShape() tensor.Shape {
	g := t.grid()
	if g == nil {
		return nil
	}
	rec := g.rec
	order, ok := format.GridAxes(t.dtype, t.shape, t.strides, t.offset, rec)
	if !ok {
		return nil // without elements
	}
	s := make(tensor.Shape, len(order))
	for k, i := range order {
		s[i] = rec.Chunk[k]
	}
	return s
}

// Chunks yields all elements of t chunk by chunk, in the order of the file, and
// decodes a few chunks ahead: memory is that of twice as many chunks as there
// are workers. A chunk that cannot be read comes with its error, its Number and
// its Origin, and the others follow. A tensor that is not chunked comes in
// blocks of whole rows, of some megabytes if rows are smaller.
//
// The file cannot be closed meanwhile. The loop may be left at any time.
func (t *Tensor) Chunks(ctx context.Context, o *ChunksOptions) iter.Seq2[Chunk, error] {
	most := t.f.opts.ReadWorkers
	if o != nil && o.Workers > 0 {
		most = o.Workers
	}
	return func(yield func(Chunk, error) bool) {
		lease, err := t.f.m.Acquire()
		if err != nil {
			yield(Chunk{}, err)
			return
		}
		defer lease.Release()
		if g := t.grid(); g != nil {
			t.gridChunks(ctx, gridReader{g, fileChunks{t.f.m, lease}}, most, yield)
			return
		}
		t.rowBlocks(ctx, yield)
	}
}

// rowBlocks is Chunks of a tensor that is not chunked.
func (t *Tensor) rowBlocks(ctx context.Context, yield func(Chunk, error) bool) {
	rank := len(t.shape)
	rows, step := int64(1), int64(1)
	shape := t.shape.Clone()
	if rank > 0 {
		rows = t.shape[0]
		shape[0] = 1
		if rank == 1 {
			shape[0] = int64(t.dtype.UnitElems)
		}
		one, _ := tensor.ByteSize(t.dtype, shape)
		step = max(blockBytes/max(one, 1), 1) * shape[0]
	}
	var buf []byte
	for at, n := int64(0), int64(0); at < rows && t.NumElements() > 0; at, n = at+step, n+1 {
		c := Chunk{Number: n, Origin: make([]int64, rank)}
		r, err := t.region()
		if err == nil && rank > 0 {
			c.Origin[0] = at
			r = r.rows(0, at, min(at+step, rows))
		}
		if err == nil {
			if c.View, err = tensor.NewView(scratch(&buf, r.bytes()), r.dtype, r.shape, nil, 0, tensor.HostOrder); err == nil {
				err = t.readRegion(ctx, c.View, r)
			}
		}
		if !yield(c, err) || err != nil {
			return
		}
	}
}

// aheadChunk is a chunk that is read before it is asked for.
type aheadChunk struct {
	part *chunkPart
	c    Chunk
	buf  []byte
	done chan struct{}
	err  error
	last bool // nothing follows
}

// gridChunks is Chunks of a grid.
func (t *Tensor) gridChunks(ctx context.Context, g gridReader, most int, yield func(Chunk, error) bool) {
	if t.NumElements() == 0 {
		return
	}
	if _, err := g.codecs(); err != nil {
		yield(Chunk{}, located(err, t.f.Path(), t.name))
		return
	}
	order, ok := format.GridAxes(t.dtype, t.shape, t.strides, t.offset, g.rec)
	if !ok {
		return // was checked when t was opened
	}
	axes := make([]gridAxis, len(order))
	for k, i := range order {
		axes[k] = gridAxis{count: t.shape[i], step: 1, to: i}
	}
	back := make([]int, len(order)) // axes of the grid by axes of the tensor
	for k, i := range order {
		back[i] = k
	}
	workers := g.workers(most, g.touched(axes))
	inner, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	queue, work := make(chan *aheadChunk, 2*workers), make(chan *aheadChunk)
	free := make(chan []byte, 2*workers+2)
	send := func(a *aheadChunk) error {
		select {
		case queue <- a:
		case <-inner.Done():
			return inner.Err()
		}
		if a.err != nil {
			close(a.done)
			return nil
		}
		select {
		case work <- a:
			return nil
		case <-inner.Done():
			return inner.Err()
		}
	}
	wg.Go(func() {
		defer close(queue)
		defer close(work)
		err := g.eachPart(axes, tensor.View{}, func(slab, col int64, err error) error {
			a := &aheadChunk{err: chunkError(err, slab*g.chunks.PerSlab()+col, &format.ChunkEntry{}), done: make(chan struct{})}
			a.c.Number = slab*g.chunks.PerSlab() + col
			a.c.Origin = t.originOf(g.grid, back, slab, col)
			return send(a)
		}, func(p *chunkPart) error {
			slab, col := p.number/g.chunks.PerSlab(), p.number%g.chunks.PerSlab()
			a := &aheadChunk{part: p, done: make(chan struct{})}
			a.c.Number = p.number
			a.c.Origin = t.originOf(g.grid, back, slab, col)
			a.c.Origin[order[0]] = p.entry.Origin
			select {
			case a.buf = <-free:
			default:
			}
			return send(a)
		})
		if err != nil && inner.Err() == nil {
			send(&aheadChunk{err: err, done: make(chan struct{}), last: true})
		}
	})
	for range workers {
		wg.Go(func() {
			w := chunkWorks.Get().(*chunkWork)
			defer w.release()
			for a := range work {
				a.err = t.chunkAhead(g, a, back, w)
				close(a.done)
			}
		})
	}
	for a := range queue {
		select {
		case <-a.done:
		case <-inner.Done():
		}
		if err := ctx.Err(); err != nil {
			yield(Chunk{}, err)
			return
		}
		if !yield(a.c, located(a.err, t.f.Path(), t.name)) || a.last {
			return
		}
		select {
		case free <- a.buf:
		default:
		}
	}
	if err := ctx.Err(); err != nil {
		yield(Chunk{}, err)
	}
}

// originOf is the first index of a chunk by the axes of t, but for its slab.
func (t *Tensor) originOf(g *grid, back []int, slab, col int64) []int64 {
	first, shape := make([]int64, len(back)), make(tensor.Shape, len(back))
	g.chunks.Box(col, 1, first, shape)
	if !g.rec.HasSlabs {
		first[0] = slab * g.rec.Chunk[0]
	}
	origin := make([]int64, len(back))
	for i, k := range back {
		origin[i] = first[k]
	}
	return origin
}

// chunkAhead reads a chunk into memory of its own.
func (t *Tensor) chunkAhead(g gridReader, a *aheadChunk, back []int, w *chunkWork) error {
	n, err := tensor.ByteSize(t.dtype, a.part.n)
	if err != nil {
		return err
	}
	if g.limit >= 0 && n > g.limit {
		return &Error{Kind: ErrLimit, Offset: -1, Field: "bytes of a chunk", Got: a.part.n.String(), Want: "less (OpenOptions.MaxBytes)"}
	}
	if a.part.dst, err = tensor.NewView(scratch(&a.buf, n), t.dtype, a.part.n, nil, 0, tensor.LittleEndian); err != nil {
		return err
	}
	if err := g.read(a.part, w); err != nil {
		return err
	}
	a.c.View = a.part.dst
	for i, k := range back {
		if i != k {
			a.c.View, err = a.c.View.Permute(back...)
			break
		}
	}
	return err
}
