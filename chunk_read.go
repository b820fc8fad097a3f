package tensorfile

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// gridAxis is what is wanted along one axis of a grid: count elements from
// first on, in ascending steps, of an axis of the destination.
type gridAxis struct {
	first, count, step int64
	to                 int  // axis of the destination, -1: none
	flip               bool // the destination runs backwards
}

// gridAxes says which elements of the grid the region r of its image is.
func (g *grid) gridAxes(r region) ([]gridAxis, error) { return imageAxes(g.rec.DType, g.rec.Shape, r) }

// wholeAxes are those of all elements.
func (g *grid) wholeAxes() []gridAxis {
	list := make([]gridAxis, len(g.rec.Shape))
	for k, n := range g.rec.Shape {
		list[k] = gridAxis{count: n, step: 1, to: k}
	}
	return list
}

// imageAxes says which elements the region r of an image in C order is. What a
// permutation and a selection make of the image's strides tells the axes apart: a
// step along axis k is at least its stride and less than that of the axis before
// it.
func imageAxes(d tensor.DType, shape tensor.Shape, r region) ([]gridAxis, error) {
	rank := len(shape)
	image, err := tensor.Contiguous(d, shape)
	if err != nil {
		return nil, err
	}
	list := make([]gridAxis, rank)
	rest := r.offset
	for k := range list {
		list[k] = gridAxis{first: rest / image[k], count: 1, step: 1, to: -1}
		rest %= image[k]
	}
	wrong := func() ([]gridAxis, error) {
		return nil, &Error{Kind: ErrUnsupported, Offset: -1, Field: "region of a grid", Got: fmt.Sprintf("%v with strides %v at %d", r.shape, r.strides, r.offset), Want: fmt.Sprintf("elements of %v along its axes", shape)}
	}
	if rest != 0 {
		return wrong()
	}
	packed := -1
	if d.Packed() {
		packed = len(r.shape) - 1
		a := &list[rank-1]
		a.first *= int64(d.UnitElems)
		a.count, a.to = r.shape[packed], packed
	}
	for i, n := range r.shape {
		if n < 2 || i == packed {
			continue
		}
		s := max(r.strides[i], -r.strides[i])
		k := rank - 1
		for k > 0 && (image[k-1] <= s || shape[k] < 2) {
			k--
		}
		for k < rank-1 && shape[k] < 2 {
			k++
		}
		a := &list[k]
		if s == 0 || s%image[k] != 0 || a.to >= 0 {
			return wrong()
		}
		a.count, a.step, a.to, a.flip = n, s/image[k], i, r.strides[i] < 0
		if a.flip {
			a.first -= (n - 1) * a.step
		}
	}
	for k, a := range list {
		if a.first < 0 || a.first+(a.count-1)*a.step >= shape[k] {
			return wrong()
		}
	}
	return list, nil
}

// turned is dst with the axes of the grid, as many and in that order.
func turned(dst tensor.View, axes []gridAxis) (tensor.View, error) {
	var keep, flip, drop []int
	for k, a := range axes {
		if a.to >= 0 {
			keep = append(keep, a.to)
		}
		if a.flip {
			flip = append(flip, k)
		}
	}
	var used [tensor.MaxRank]bool
	for _, i := range keep {
		used[i] = true
	}
	order := keep
	for i := range dst.Shape() {
		if !used[i] {
			drop = append(drop, i)
		}
	}
	var err error
	if len(drop) > 0 {
		if dst, err = dst.Squeeze(drop...); err != nil {
			return dst, err
		}
		for j, i := range order {
			less := 0
			for _, x := range drop {
				if x < i {
					less++
				}
			}
			order[j] = i - less
		}
	}
	for j, i := range order {
		if i != j {
			if dst, err = dst.Permute(order...); err != nil {
				return dst, err
			}
			break
		}
	}
	for k, a := range axes {
		if a.to < 0 {
			if dst, err = dst.ExpandDims(k); err != nil {
				return dst, err
			}
		}
	}
	if len(flip) > 0 {
		dst, err = dst.Flip(flip...)
	}
	return dst, err
}

// piece is the part of an axis that lies in one chunk.
type piece struct {
	chunk, begin int64 // number and first element of the chunk
	first, n     int64 // elements in it
	at           int64 // of the axis
}

// next is the part in the chunk that holds element at of the axis.
func (a *gridAxis) next(at, chunk int64) piece {
	pos := a.first + at*a.step
	c := pos / chunk
	return piece{c, c * chunk, pos - c*chunk, min(a.count-at, (c*chunk+chunk-1-pos)/a.step+1), at}
}

// eachPart calls fn with the parts of chunks that the axes touch, in the order
// of the chunks. dst, if it has elements, has the axes of the grid. An entry
// that cannot be read is an error of bad, which says whether to go on.
func (g *grid) eachPart(axes []gridAxis, dst tensor.View, bad func(slab, col int64, err error) error, fn func(p *chunkPart) error) error {
	rank := len(axes)
	k := g.chunks.Cursor()
	pieces := make([]piece, rank)
	emit := func(slab, rows int64) error {
		p := &chunkPart{shape: make(tensor.Shape, rank), first: make([]int64, rank), step: make([]int64, rank), n: make(tensor.Shape, rank)}
		col := int64(0)
		for i, x := range pieces {
			if i > 0 {
				col = col*g.rec.Steps(i) + x.chunk
				p.shape[i] = min(g.rec.Chunk[i], g.rec.Shape[i]-x.begin)
			}
			p.first[i], p.step[i], p.n[i] = x.first, axes[i].step, x.n
		}
		p.shape[0] = rows
		p.number = slab*g.chunks.PerSlab() + col
		if err := k.Entry(slab, col, &p.entry); err != nil {
			return bad(slab, col, err)
		}
		if dst.Rank() == rank {
			p.dst = dst
			for i, x := range pieces {
				if x.n == dst.Shape()[i] {
					continue
				}
				var err error
				if p.dst, err = p.dst.Slice(i, x.at, x.at+x.n, 1); err != nil {
					return err
				}
			}
		}
		return fn(p)
	}
	var walk func(axis int, slab, rows int64) error
	walk = func(axis int, slab, rows int64) error {
		if axis == rank {
			return emit(slab, rows)
		}
		a := &axes[axis]
		for at := int64(0); at < a.count; at += pieces[axis].n {
			pieces[axis] = a.next(at, g.rec.Chunk[axis])
			if err := walk(axis+1, slab, rows); err != nil {
				return err
			}
		}
		return nil
	}
	a := &axes[0]
	slab := int64(-1)
	for at := int64(0); at < a.count; at += pieces[0].n {
		pos := a.first + at*a.step
		var begin, end int64
		var err error
		// The next slab is the right one mostly.
		if slab++; slab > 0 && slab < int64(g.rec.Slabs) {
			begin, end, err = k.Slab(slab)
		}
		if err == nil && (pos < begin || pos >= end) {
			if slab, err = k.Find(pos); err == nil {
				begin, end, err = k.Slab(slab)
			}
		}
		if err != nil {
			return err
		}
		pieces[0] = piece{slab, begin, pos - begin, min(a.count-at, (end-1-pos)/a.step+1), at}
		if err := walk(1, slab, end-begin); err != nil {
			return err
		}
	}
	return nil
}

// touched is at most how many chunks the axes touch.
func (g *grid) touched(axes []gridAxis) int64 {
	n := int64(1)
	for k, a := range axes {
		last := a.first + (a.count-1)*a.step
		m := min(last/g.rec.Chunk[k]-a.first/g.rec.Chunk[k]+1, a.count)
		if k == 0 && g.rec.HasSlabs {
			m = min(a.count, int64(g.rec.Slabs))
		}
		if n > 1<<30/m {
			return 1 << 30
		}
		n *= m
	}
	return n
}

// mostInFlight bounds the raw bytes of the chunks that are worked on at a time,
// if they are more than one.
const mostInFlight = 256 << 20

// smallChunks is the bytes of chunks that a goroutine of its own is worth.
const smallChunks = 64 << 10

// workers is how many goroutines share so many chunks.
func (g *grid) workers(most int, chunks int64) int {
	if most <= 0 {
		most = runtime.GOMAXPROCS(0)
	}
	raw, _ := tensor.ByteSize(g.rec.DType, g.rec.Chunk)
	if g.read != nil && raw < smallChunks { // other formats have chunks of a few bytes
		chunks = min(chunks, raw*chunks/smallChunks+1)
	}
	return int(max(min(int64(most), chunks, mostInFlight/max(raw, 1)), 1))
}

// readInto copies the region r of the grid's image to dst, chunk by chunk.
func (g gridReader) readInto(ctx context.Context, dst tensor.View, r region, most int) error {
	axes, err := g.gridAxes(r)
	if err != nil {
		return err
	}
	// What is not known is said before anything is done.
	if _, err := g.codecs(); err != nil {
		return err
	}
	if dst, err = turned(dst, axes); err != nil {
		return err
	}
	refuse := func(_, _ int64, err error) error { return err }
	told, done := g.expect(axes, g.touched(axes))
	defer done()
	each := func(fn func(*chunkPart) error) error {
		return g.eachPart(axes, dst, refuse, func(p *chunkPart) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			told()
			return fn(p)
		})
	}
	workers := g.workers(most, g.touched(axes))
	if workers == 1 {
		w := chunkWorks.Get().(*chunkWork)
		defer w.release()
		return each(func(p *chunkPart) error { return g.read(p, w) })
	}
	return inParallel(ctx, workers, each, g.read)
}

// expect says to a source that reads ahead what is about to be read of n chunks at
// most: the pages of the table, then the chunks as their pages come. told is called
// before each part of eachPart and waits until the source knows of it and of some more:
// who reads it earlier asks for a piece of what comes as a whole. done is called when all
// have been read.
func (g gridReader) expect(axes []gridAxis, n int64) (told, done func()) {
	s, ok := g.store.(fileChunks)
	if !ok || g.grid.read != nil || n < 2 || !s.m.Expects() {
		return func() {}, func() {}
	}
	more, end := s.m.Expect()
	var (
		wg      sync.WaitGroup
		stop    atomic.Bool
		mu      sync.Mutex
		known   int64 // parts
		all     bool
		changed = sync.NewCond(&mu)
	)
	tell := func(n int64, last bool) {
		mu.Lock()
		defer mu.Unlock()
		known, all = known+n, last
		changed.Signal()
	}
	wg.Go(func() {
		defer tell(0, true)
		g.expectPages(s.m, axes)
		var batch [][2]int64
		parts := int64(0)
		flush := func() {
			if len(batch) > 0 {
				slices.SortFunc(batch, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) }) // nearly the order of the grid
				more(batch)
			}
			tell(parts, false)
			batch, parts = batch[:0], 0
		}
		refuse := func(_, _ int64, err error) error { return err } // who reads hears of it
		g.eachPart(axes, tensor.View{}, refuse, func(p *chunkPart) error {
			if stop.Load() {
				return io.EOF
			}
			if p.entry.IsStored() {
				batch = append(batch, [2]int64{p.entry.Offset, p.entry.Offset + int64(p.entry.Length)})
			}
			if parts++; parts == expectAtOnce {
				flush()
			}
			return nil
		})
		if !stop.Load() {
			flush()
			more(nil)
		}
	})
	raw, _ := tensor.ByteSize(g.rec.DType, g.rec.Chunk)
	asked := requestBytes / max(raw, 1) // of the one goroutine that calls told
	told = func() {
		asked++
		mu.Lock()
		defer mu.Unlock()
		for known < asked && !all {
			changed.Wait()
		}
	}
	return told, func() {
		stop.Store(true)
		wg.Wait()
		end()
	}
}

// expectPages says which pages of the table are about to be read, a level after the
// other: those of a level are named by the pages of the one above. Where the table has
// two levels, a writer of this package has put the pages of the lower one right before
// the root, and they are asked for together with it.
func (g gridReader) expectPages(m *mmap.Map, axes []gridAxis) {
	k := g.chunks.Cursor()
	depth := g.chunks.Depth()
	if depth == 0 || g.rec.HasSlabs {
		return
	}
	ask := func(extents [][2]int64) {
		more, done := m.Expect()
		more(extents)
		more(nil)
		done()
	}
	if root := g.rec.Ref; depth == 1 && !root.Absent() && int64(root.Offset) < m.Size()-format.TailSize && !g.asked.Swap(true) {
		var extents [][2]int64
		g.eachPage(axes, 0, func(i int64) bool {
			if begin, end, ok := g.chunks.BuiltAt(i); ok {
				extents = append(extents, [2]int64{begin, end})
			}
			return true
		})
		ask(append(extents, [2]int64{int64(root.Offset), int64(root.Offset) + int64(root.Length)}))
	}
	for level := depth - 1; level >= 0; level-- {
		var extents [][2]int64
		g.eachPage(axes, level, func(i int64) bool {
			ref, err := k.Page(level, i)
			if err != nil {
				return false // who reads hears of it
			}
			if !ref.Absent() {
				extents = append(extents, [2]int64{int64(ref.Offset), int64(ref.Offset) + int64(ref.Length)})
			}
			return true
		})
		ask(extents)
	}
}

// mostPages bounds the pages of a level that are asked for before they are read. More
// are asked for one by one, while the chunks of the ones before come.
const mostPages = 64

// eachPage calls fn with a chunk of each page of a level that the axes touch, in their
// order and of mostPages at most, until it returns false.
func (g *grid) eachPage(axes []gridAxis, level int, fn func(i int64) bool) {
	span, last, pages := format.PageSpan(level), int64(-1), 0
	var walk func(axis int, number int64) bool
	walk = func(axis int, number int64) bool {
		if axis == len(axes) {
			if number/span == last {
				return true
			}
			last = number / span
			pages++
			return pages <= mostPages && fn(number)
		}
		steps := int64(g.rec.Slabs)
		if axis > 0 {
			steps = g.rec.Steps(axis)
		}
		for at := int64(0); at < axes[axis].count; {
			x := axes[axis].next(at, g.rec.Chunk[axis])
			if !walk(axis+1, number*steps+x.chunk) {
				return false
			}
			at += x.n
		}
		return true
	}
	walk(0, 0)
}

// requestBytes is about how much a source asks for at a time: who reads waits until it
// knows of as much more.
const requestBytes = 4 << 20

// expectAtOnce is how many chunks a source is told of at a time: those of a page.
const expectAtOnce = 128

// inParallel hands parts of chunks to workers. Of several errors it returns
// that of the first chunk.
func inParallel(ctx context.Context, workers int, produce func(give func(*chunkPart) error) error, do func(*chunkPart, *chunkWork) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts := make(chan *chunkPart, 2*workers)
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		first error
		at    int64
	)
	for range workers {
		wg.Go(func() {
			w := chunkWorks.Get().(*chunkWork)
			defer w.release()
			for p := range parts {
				if ctx.Err() != nil {
					continue
				}
				if err := do(p, w); err != nil {
					mu.Lock()
					if first == nil || p.number < at {
						first, at = err, p.number
					}
					mu.Unlock()
					cancel()
				}
			}
		})
	}
	err := produce(func(p *chunkPart) error {
		select {
		case parts <- p:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	close(parts)
	wg.Wait()
	if first != nil {
		return first
	}
	return err
}

// readGrid is readRegion of a grid.
func (t *Tensor) readGrid(ctx context.Context, dst tensor.View, r region) error {
	lease, err := t.f.m.Acquire()
	if err != nil {
		return err
	}
	defer lease.Release()
	return gridReader{t.grid(), fileChunks{t.f.m, lease}}.readInto(ctx, dst, r, t.f.opts.ReadWorkers)
}

const (
	// streamBytes is about how much of a grid is decoded at a time for a stream.
	streamBytes = 16 << 20
	// mostStreamed bounds it where a row of chunks is larger.
	mostStreamed = 64 << 20
)

// writeGrid is writeRegion of a grid: rows of chunks at a time, so that each
// chunk is decoded once unless such a row is large.
func (t *Tensor) writeGrid(ctx context.Context, out io.Writer, r region) error {
	axes, err := t.grid().gridAxes(r)
	if err != nil {
		return err
	}
	lease, err := t.f.m.Acquire()
	if err != nil {
		return err
	}
	defer lease.Release()
	g := gridReader{t.grid(), fileChunks{t.f.m, lease}}
	_, done := g.expect(axes, g.touched(axes)) // of all blocks that follow
	defer done()
	s := gridStream{t: t, out: out, axes: axes}
	return s.write(ctx, r, 0)
}

type gridStream struct {
	t    *Tensor
	out  io.Writer
	axes []gridAxis
	buf  []byte
}

// write writes r, whose axes before axis have one index.
func (s *gridStream) write(ctx context.Context, r region, axis int) error {
	for axis < len(r.shape) && r.shape[axis] < 2 {
		axis++
	}
	size := r.bytes()
	if size <= streamBytes || axis >= len(r.shape)-1 && r.dtype.Packed() || axis == len(r.shape) {
		return s.block(ctx, r)
	}
	n := r.shape[axis]
	row := r.rows(axis, 0, 1)
	bytes := max(row.bytes(), 1)
	step, off := int64(1), int64(0) // rows of a chunk, and how many of them lie before r
	for k, a := range s.axes {
		if a.to == axis && a.step == 1 && !a.flip {
			step = s.t.grid().rec.Chunk[k]
			off = a.first % step
		}
	}
	if bytes > mostStreamed {
		for i := range n {
			if err := s.write(ctx, r.rows(axis, i, i+1), axis+1); err != nil {
				return err
			}
		}
		return nil
	}
	rows := mostStreamed / bytes
	if step <= rows {
		rows = max(streamBytes/bytes/step, 1) * step
	} else {
		off = 0
	}
	for a := int64(0); a < n; {
		b := min(a+rows-off, n)
		off = 0
		if err := s.block(ctx, r.rows(axis, a, b)); err != nil {
			return err
		}
		a = b
	}
	return nil
}

func (s *gridStream) block(ctx context.Context, r region) error {
	v, err := tensor.NewView(scratch(&s.buf, r.bytes()), r.dtype, r.shape, nil, 0, tensor.LittleEndian)
	if err != nil {
		return err
	}
	if err := s.t.readGrid(ctx, v, r); err != nil {
		return err
	}
	b, err := v.Bytes()
	if err == nil {
		_, err = s.out.Write(b)
	}
	return err
}
