package loader

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// mostSources bounds the sources of a loader.
const mostSources = 1024

// A Loader reads batches. See the package documentation.
type Loader struct {
	o         Options
	columns   []*column
	order     order
	plan      Plan
	lo, hi    int64 // positions of this rank
	stop      int64 // behind the last that is delivered
	pieceRows int64

	blockBytes int64 // of all columns that come in blocks
	harm       bool  // what is held has losses
	held       bool  // what is to be held is there

	buffers []*buffer
	slots   []*slot

	running atomic.Bool
	mu      sync.Mutex
	at      position // of the next batch
	stats   counters
}

type counters struct {
	batches, samples, bytes, lost, blocks, waited atomic.Int64
}

// Stats count what a loader has delivered since it was made.
type Stats struct {
	Batches int64
	Samples int64
	Bytes   int64         // of the batches
	Lost    int64         // samples left out because of damage
	Blocks  int64         // that were begun to be read or decoded
	Waited  time.Duration // that loops spent waiting for a batch
}

// New makes a loader for samples of one or several tensors of equal number. It
// reads nothing but descriptions, unless a file was opened with
// VerifyOnFirstUse. Errors are ErrShape, ErrIndex and ErrUnsupported for options
// that do not fit each other or the data, ErrLimit if Options.Memory does not
// suffice, and ErrResume.
func New(o *Options, sources ...Source) (*Loader, error) {
	if o == nil {
		o = &Options{}
	}
	own, err := o.resolve()
	if err != nil {
		return nil, err
	}
	if len(sources) == 0 || len(sources) > mostSources {
		return nil, bad(tensor.ErrShape, "sources", strconv.Itoa(len(sources)), fmt.Sprintf("1 to %d", mostSources))
	}
	l := &Loader{o: own}
	for _, s := range sources {
		c, err := newColumn(s)
		if err != nil {
			return nil, err
		}
		if first := cmp.Or(append(l.columns, c)...); c.n != first.n {
			return nil, c.refuse(tensor.ErrShape, "samples", strconv.FormatInt(c.n, 10), fmt.Sprintf("%d, as of tensor %s", first.n, tensor.Quote(first.t.Name())))
		}
		l.columns = append(l.columns, c)
	}
	if err := l.setOrder(); err != nil {
		return nil, err
	}
	if err := l.setMemory(); err != nil {
		return nil, err
	}
	if s := l.o.Resume; s != nil {
		now := l.State()
		if err := s.mustBe(&now); err != nil {
			return nil, err
		}
		if l.at = (position{s.Epoch, s.Next}); s.Next >= l.plan.Batches {
			l.at = position{s.Epoch + 1, 0}
		}
	}
	return l, nil
}

// setOrder decides what is held and how samples are cut into blocks and
// windows: by the options and the data alone, so that the order is the same
// everywhere.
func (l *Loader) setOrder() error {
	// What is small beside the memory is read once, the smallest first.
	var some []*column
	for _, c := range l.columns {
		if c.blocked() {
			some = append(some, c)
		}
	}
	slices.SortStableFunc(some, func(a, b *column) int { return cmp.Compare(a.t.ByteSize(), b.t.ByteSize()) })
	rest := l.o.Memory / 4
	for _, c := range some {
		n := c.t.ByteSize()
		if n <= rest && (c.way == Streamed || n <= l.o.Memory/16) {
			c.way = Held
			rest -= n
		}
	}
	o := &l.order
	o.n, o.seed, o.shuffle = l.columns[0].n, l.o.Seed, l.o.Shuffle
	all, blocked, rowBytes := true, int64(0), int64(0)
	for _, c := range l.columns {
		rowBytes += c.bytes
		if !c.blocked() {
			continue
		}
		all = false
		blocked += c.bytes
		if c.way == Streamed {
			o.inOrder = o.shuffle
			if !c.inCOrder() {
				return c.refuse(tensor.ErrUnsupported, "encoded tensor", fmt.Sprintf("samples along axis %d, strides %v", c.axis, c.t.Strides()), fmt.Sprintf("axis 0 in C order, or Memory of %d to hold it", 4*c.t.ByteSize()))
			}
		}
	}
	if r := l.o.Resume; r != nil {
		if l.o.Block == 0 {
			l.o.Block = r.Block
		}
		if l.o.Window == 0 {
			l.o.Window = r.Window
		}
	}
	switch {
	case l.o.Block > 0:
		o.block = l.o.Block
	case !all:
		o.block = l.ownBlock(blocked)
	case l.o.Window > 0:
		o.block = max(1, (256<<10)/max(rowBytes, 1))
	default:
		o.block = 1
	}
	o.block = max(min(o.block, o.n), 1)
	window := l.o.Window
	switch {
	case !o.shuffle && !all:
		window = o.block
	case window == 0 && all || !o.shuffle:
		window = o.n
	case window == 0:
		window = max(1, l.o.Memory/4/max(blocked*o.block, 1)) * o.block
	}
	o.group = max(1, min((min(window, o.n)+o.block-1)/o.block, o.blocks()))
	l.blockBytes = 0
	if !all {
		l.blockBytes = max(blocked*o.block, 1)
	}
	return nil
}

// blockOf is the size of a block that chunks or reads suggest.
func (l *Loader) ownBlock(rowBytes int64) int64 {
	const large, small = 1 << 20, 64 << 10
	rowBytes = max(rowBytes, 1)
	unit, most := int64(1), int64(0) // of all chunks, of the largest
	for _, c := range l.columns {
		if c.way == Blocked && c.unit > 0 {
			most = max(most, c.unit)
			if unit > 0 {
				if unit = lcm(unit, c.unit); unit > l.order.n {
					unit = 0
				}
			}
		}
	}
	switch {
	case most == 0:
		return max(1, large/rowBytes)
	case unit == 0 || unit > l.o.Memory/16/rowBytes:
		unit = most
	}
	return unit * max(1, small/rowBytes/unit)
}

// lcm of numbers below 2^31 at most; else 0.
func lcm(a, b int64) int64 {
	x, y := a, b
	for y != 0 {
		x, y = y, x%y
	}
	if a /= x; a > (1<<62)/b {
		return 0
	}
	return a * b
}

// setMemory shares out the memory.
func (l *Loader) setMemory() error {
	o, p := &l.order, &l.plan
	l.lo, l.hi = share(o.n, l.o.Rank, l.o.World, l.o.Division)
	if o.n == 0 {
		l.lo, l.hi = 0, 0
	}
	*p = Plan{Samples: o.n, Share: l.hi - l.lo, Block: o.block, Window: o.group * o.block, Fixed: o.inOrder}
	p.Batches = batches(p.Share, l.o.Batch, l.o.DropLast)
	if l.stop = l.hi; l.o.DropLast {
		l.stop = l.lo + p.Batches*l.o.Batch
	}
	var held, scratch, row int64
	inner := int64(1)
	for _, c := range l.columns {
		p.Ways = append(p.Ways, c.way)
		row += c.outBytes
		own := c.scratchBytes()
		switch c.way {
		case Held:
			held += c.n * c.bytes
		case Blocked:
			// A decoder may need a chunk as it is stored, between two stages of its
			// pipeline, and decoded if it does not lie as its samples do.
			if s := c.t.ChunkShape(); s != nil {
				n, err := tensor.ByteSize(c.t.DType(), s)
				if err != nil {
					return c.located(err)
				}
				own += 4 * n
				for i, e := range s {
					if i != c.axis && e < c.shape[i] {
						inner = int64(runtime.GOMAXPROCS(0))
					}
				}
			} else if c.t.Storage().Kind == tensorfile.StorageRaw {
				own += 1 << 20
			}
		case Streamed:
			held += 1 << 20
		}
		scratch = max(scratch, own)
	}
	need := func(n int64) error {
		return bad(tensor.ErrLimit, "Memory", strconv.FormatInt(l.o.Memory, 10), fmt.Sprintf("%d for batches of %d samples, blocks of %d, windows of %d", n, l.o.Batch, o.block, p.Window))
	}
	if row > 0 && l.o.Batch > (1<<60)/(row+8) || o.block > 1<<60/max(l.blockBytes/max(o.block, 1), 1) {
		return need(1 << 62)
	}
	p.BatchBytes = l.o.Batch * row
	buffer := p.BatchBytes + 64*int64(len(l.columns)) + 8*l.o.Batch
	l.pieceRows = max(min(l.o.Batch, (1<<20)/max(row, 1)), 1)
	scratch = (scratch + 4*l.pieceRows) * inner

	if p.Workers = l.o.Workers; p.Workers == 0 {
		p.Workers = runtime.GOMAXPROCS(0)
	}
	p.Workers = int(max(1, min(int64(p.Workers), l.o.Memory/4/max(scratch, 1))))
	slots, least := int64(0), int64(0)
	if l.blockBytes > 0 {
		slots, least = int64(p.Workers)+2, 1
		if o.shuffle {
			slots, least = 2*o.group, o.group
		}
		slots = min(slots, 2*o.blocks())
	}
	const fewest = 2 // batches: one with the consumer, one under way
	fixed := held + int64(p.Workers)*scratch
	free := l.o.Memory - fixed - fewest*buffer
	if free < 0 || least > 0 && least > free/l.blockBytes {
		return need(fixed + fewest*buffer + least*l.blockBytes)
	}
	if slots > 0 {
		slots = min(slots, free/l.blockBytes)
	}
	free -= slots * l.blockBytes
	want := int64(l.o.Prefetch)
	if want == 0 {
		want = 4
	}
	n := fewest + min(max(want+1-fewest, 0), free/buffer)
	p.Buffers, p.Blocks = int(n), int(slots)
	p.Memory = fixed + n*buffer + slots*l.blockBytes
	return nil
}

// Plan returns what the loader made of its options and the data.
func (l *Loader) Plan() Plan {
	p := l.plan
	p.Ways = slices.Clone(p.Ways)
	return p
}

// Stats returns what was delivered so far.
func (l *Loader) Stats() Stats {
	s := &l.stats
	return Stats{s.batches.Load(), s.samples.Load(), s.bytes.Load(), s.lost.Load(), s.blocks.Load(), time.Duration(s.waited.Load())}
}

// State returns the position behind the batch that was delivered last. It is
// safe beside a loop; in its body it is the position of the next batch.
func (l *Loader) State() State {
	l.mu.Lock()
	at := l.at
	l.mu.Unlock()
	s := State{
		Version: StateVersion, Samples: l.order.n, Shuffle: l.o.Shuffle, Seed: l.o.Seed, Block: l.order.block, Window: l.plan.Window, Fixed: l.order.inOrder,
		Batch: l.o.Batch, DropLast: l.o.DropLast, Rank: l.o.Rank, World: l.o.World, Division: l.o.Division.String(), Epoch: at.Epoch, Next: at.Next,
	}
	for _, c := range l.columns {
		s.Tensors = append(s.Tensors, TensorState{Name: c.t.Name(), File: c.t.File().Info().UUID, DType: c.t.DType().String(), Shape: c.shape.Clone(), Axis: c.axis})
	}
	return s
}

// more reports whether there is an epoch of that number.
func (l *Loader) more(epoch int64) bool {
	return l.plan.Batches > 0 && (l.o.Epochs < 0 || epoch < l.o.Epochs)
}

func (l *Loader) delivered(b *buffer, waited time.Duration) {
	l.mu.Lock()
	l.at = b.after
	l.mu.Unlock()
	s := &l.stats
	s.batches.Add(1)
	s.samples.Add(int64(len(b.batch.Samples)))
	s.lost.Add(b.batch.Lost)
	s.waited.Add(int64(waited))
	for _, v := range b.batch.Views {
		s.bytes.Add(v.ByteSize())
	}
}

// Batches yields the batches from the loader's position on: of all epochs that
// are left. The body of the loop may leave it at any time; another loop goes on
// behind the batch that was delivered last. An error ends the loop, and the next
// one begins with the batch that failed. What is delivered is borrowed: see
// Batch. A loop inside another of the same loader is ErrInUse.
func (l *Loader) Batches(ctx context.Context) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		if !l.running.CompareAndSwap(false, true) {
			yield(Batch{}, bad(tensor.ErrInUse, "Batches", "another loop", "one at a time"))
			return
		}
		defer l.running.Store(false)
		if err := l.run(ctx, yield); err != nil {
			yield(Batch{}, err)
		}
	}
}

// run is one loop. Errors that it returns are not delivered yet.
func (l *Loader) run(ctx context.Context, yield func(Batch, error) bool) error {
	if err := ctx.Err(); err != nil || !l.more(l.at.Epoch) {
		return err
	}
	// Workers that find tasks waiting need not be woken for each.
	r := &run{l: l, at: l.at, tasks: make(chan task, 16*l.plan.Workers), windows: make(chan *window, 1)}
	for _, c := range l.columns {
		lease, err := c.t.Lease()
		if err != nil {
			return c.located(err)
		}
		defer lease.Release()
		r.leases = append(r.leases, lease)
	}
	if err := l.hold(ctx); err != nil {
		return err
	}
	if !l.order.shuffle {
		for _, c := range l.columns {
			if c.way == Mapped {
				at := c.t.Storage().Offset
				c.t.File().Map().Advise(at, c.end-at, mmap.Sequential)
				defer c.t.File().Map().Advise(at, c.end-at, mmap.Normal)
			}
		}
	}
	r.slots, r.free, r.out = make(chan *slot, l.plan.Blocks), make(chan *buffer, l.plan.Buffers), make(chan *buffer, l.plan.Buffers)
	for len(l.slots) < l.plan.Blocks {
		l.slots = append(l.slots, &slot{})
	}
	for len(l.buffers) < l.plan.Buffers {
		l.buffers = append(l.buffers, newBuffer(l))
	}
	for _, s := range l.slots {
		r.slots <- s
	}
	for _, b := range l.buffers {
		select {
		case <-b.ready: // of a loop that was left
		default:
		}
		r.free <- b
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	var cancel context.CancelFunc
	r.ctx, cancel = context.WithCancel(ctx)
	defer cancel()
	r.start(&wg)
	r.deliver(yield)
	return nil
}

// hold reads what stays in memory, once.
func (l *Loader) hold(ctx context.Context) error {
	if l.held {
		return nil
	}
	for _, c := range l.columns {
		if c.way == Held && c.data == nil {
			if err := c.hold(ctx, l.o.Damaged); err != nil {
				return err
			}
			l.harm = l.harm || len(c.lost) > 0
		}
	}
	l.held = true
	return nil
}
