package loader

import (
	"context"
	"sync"
	"sync/atomic"
)

// A slot is memory for one block of all columns that come in blocks.
type slot struct{ mem [][]byte }

// A block is one that is in memory, or on its way there.
type block struct {
	*slot
	first, n int64 // samples
	lost     losses
}

// A window is a span of positions whose blocks are in memory. It is let go when
// the dealer is past it and all pieces that copy from it are done.
type window struct {
	span
	e      epoch
	blocks []block // by place

	loads atomic.Int64  // blocks under way, and one for the feeder
	ready chan struct{} // all are there, or one failed
	refs  atomic.Int64

	mu     sync.Mutex
	err    error
	failed int // the block
	harm   bool
}

// fail keeps the error of the first block that has one.
func (w *window) fail(place int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil || place < w.failed {
		w.err, w.failed = err, place
	}
}

// lose notes samples of a block that cannot be read. A block is loaded by one
// goroutine.
func (w *window) lose(place int, lost losses) {
	if len(lost) == 0 {
		return
	}
	b := &w.blocks[place]
	b.lost = append(b.lost, lost...)
	w.mu.Lock()
	w.harm = true
	w.mu.Unlock()
}

func (w *window) loaded() {
	if w.loads.Add(-1) == 0 {
		close(w.ready)
	}
}

// feed makes the windows of all epochs, one after the other, as far ahead as
// there are slots.
func (r *run) feed() {
	defer close(r.windows)
	for number := r.at.Epoch; r.l.more(number); number++ {
		e := r.l.order.epoch(number)
		from := r.l.lo
		if number == r.at.Epoch {
			from += r.at.Next * r.l.o.Batch
		}
		if !r.feedEpoch(e, from) {
			return
		}
	}
}

// feedEpoch makes the windows of one epoch from position from on.
func (r *run) feedEpoch(e epoch, from int64) bool {
	l := r.l
	streams := make([]*stream, len(l.columns))
	for i, c := range l.columns {
		if c.way == Streamed {
			streams[i] = c.stream(r.ctx)
			defer streams[i].close()
		}
	}
	for u := from; u < l.stop; {
		w := &window{e: e, span: e.window(u, l.lo, l.hi), ready: make(chan struct{})}
		u = w.end
		w.refs.Store(1)
		w.loads.Store(1)
		if l.blockBytes > 0 {
			w.blocks = make([]block, w.count)
			for i := range w.blocks {
				if !r.feedBlock(w, i, streams) {
					return false
				}
			}
		}
		w.loaded()
		select {
		case r.windows <- w:
		case <-r.ctx.Done():
			return false
		}
	}
	return true
}

// feedBlock has a block of w loaded.
func (r *run) feedBlock(w *window, i int, streams []*stream) bool {
	l := r.l
	b := &w.blocks[i]
	select {
	case b.slot = <-r.slots:
	case <-r.ctx.Done():
		return false
	}
	if b.mem == nil {
		b.mem = make([][]byte, len(l.columns))
		for i, c := range l.columns {
			if c.blocked() {
				b.mem[i] = make([]byte, l.order.block*c.bytes)
			}
		}
	}
	b.first = w.e.blockAt(w.place+int64(i)) * l.order.block
	b.n = min(l.order.block, l.order.n-b.first)
	for k, c := range l.columns {
		if c.way != Streamed {
			continue
		}
		if err := c.located(streams[k].read(b.mem[k], b.first, b.n)); err != nil {
			if l.o.Damaged == DamageSkips && damaged(err) {
				w.lose(i, losses{{b.first, b.n, err}})
			} else {
				w.fail(i, err)
			}
		}
	}
	w.loads.Add(1)
	return r.give(task{win: w, u: int64(i)})
}

// load reads block t.u of a window.
func (r *run) load(t task) {
	defer t.win.loaded()
	r.l.stats.blocks.Add(1)
	b := &t.win.blocks[t.u]
	for k, c := range r.l.columns {
		if c.way != Blocked {
			continue
		}
		err := c.read(r.ctx, b.mem[k], b.first, b.n)
		if err != nil && r.l.o.Damaged == DamageSkips {
			var lost losses
			if lost, err = c.salvage(r.ctx, b.mem[k], b.first, b.n, err); err == nil {
				t.win.lose(int(t.u), lost)
			}
		}
		if err != nil {
			t.win.fail(int(t.u), err)
			return
		}
	}
}

// release lets go of one hold on w.
func (r *run) release(w *window) {
	if w.refs.Add(-1) == 0 {
		for i := range w.blocks {
			r.slots <- w.blocks[i].slot // has room for all
		}
	}
}

// lost says why a sample of the window, of the block at place, is lost; nil if
// it is not.
func (r *run) lost(w *window, sample, place int64) error {
	for _, c := range r.l.columns {
		if err := c.lost.of(sample); err != nil {
			return err
		}
	}
	if w.blocks == nil {
		return nil
	}
	return w.blocks[place-w.place].lost.of(sample)
}

// wait waits until a window is loaded.
func (w *window) wait(ctx context.Context) error {
	select {
	case <-w.ready:
		return w.err
	case <-ctx.Done():
		return ctx.Err()
	}
}
