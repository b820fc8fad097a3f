package loader

import (
	"context"
	"sync"
	"time"

	"github.com/tensorfile/tensorfile/mmap"
)

// position of a batch.
type position struct{ Epoch, Next int64 }

// A run is one loop over batches. The feeder has blocks of windows loaded, the
// dealer cuts batches into pieces that are copied from them, workers do both,
// and deliver hands the batches out in their order. Feeder and dealer wait for
// memory, workers for nothing but work, so that none waits for another in a
// circle.
type run struct {
	l      *Loader
	ctx    context.Context
	at     position
	leases []mmap.Lease // by column

	tasks   chan task
	slots   chan *slot   // free
	windows chan *window // in order
	free    chan *buffer // not in use
	out     chan *buffer // in order
}

// A task is a block of a window to load or, if it has a buffer, a piece of a
// batch to copy.
type task struct {
	win *window
	u   int64 // the block, or the first position
	n   int64 // positions
	buf *buffer
	row int64 // of the batch
}

// piece is what one worker copies from one column at a time.
type piece struct {
	c       *column
	k       int // of the column
	t       *target
	win     *window
	row     int64
	samples []int64
}

// give hands a task to the workers; false if the run is over.
func (r *run) give(t task) bool {
	select {
	case r.tasks <- t:
		return true
	case <-r.ctx.Done():
		return false
	}
}

// worker does tasks until the run is over.
func (r *run) worker() {
	w := &scratch{}
	for {
		select {
		case t := <-r.tasks:
			if t.buf == nil {
				r.load(t)
			} else {
				r.copy(w, t)
			}
		case <-r.ctx.Done():
			return
		}
	}
}

// deal makes batches, as far ahead as there are buffers.
func (r *run) deal() {
	defer close(r.out)
	l := r.l
	var w *window
	at := r.at
	for ; l.more(at.Epoch); at = (position{at.Epoch + 1, 0}) {
		for ; at.Next < l.plan.Batches; at.Next++ {
			var b *buffer
			select {
			case b = <-r.free:
			case <-r.ctx.Done():
				return
			}
			begin := l.lo + at.Next*l.o.Batch
			n := min(l.o.Batch, l.stop-begin)
			err := b.begin(l, at.Epoch, at.Next, n)
			if b.after = (position{at.Epoch, at.Next + 1}); b.after.Next == l.plan.Batches {
				b.after = position{at.Epoch + 1, 0}
			}
			row := int64(0)
			for u := begin; err == nil && u < begin+n; {
				if w == nil || w.e.number != at.Epoch || u >= w.end {
					if w != nil {
						r.release(w)
					}
					if w = r.nextWindow(); w == nil {
						return
					}
					if err = w.wait(r.ctx); err != nil {
						break
					}
				}
				m := min(begin+n, w.end) - u
				if row, err = r.cut(b, w, u, m, row); err != nil {
					break
				}
				u += m
			}
			if r.ctx.Err() != nil {
				return
			}
			if b.rows = row; err != nil {
				b.fail(err)
			}
			b.done()
			select {
			case r.out <- b:
			case <-r.ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}
}

func (r *run) nextWindow() *window {
	select {
	case w := <-r.windows:
		return w // nil if the feeder has ended, which it does after an end of the context
	case <-r.ctx.Done():
		return nil
	}
}

// cut gives the positions [u, u+n) of a window to the workers, to be copied
// from row on, and returns the row behind them.
func (r *run) cut(b *buffer, w *window, u, n, row int64) (int64, error) {
	for n > 0 {
		m := min(n, r.l.pieceRows)
		rows := m
		if w.harm || r.l.harm {
			rows = r.survivors(b, w, u, m)
		}
		if rows > 0 {
			b.pending.Add(1)
			w.refs.Add(1)
			if !r.give(task{win: w, u: u, n: m, buf: b, row: row}) {
				return row, r.ctx.Err()
			}
		}
		u, n, row = u+m, n-m, row+rows
	}
	return row, nil
}

// survivors counts the positions whose samples are there, and notes why others
// are not.
func (r *run) survivors(b *buffer, w *window, u, n int64) int64 {
	left := n
	for ; n > 0; u, n = u+1, n-1 {
		sample, place := w.e.sample(&w.span, u)
		err := r.lost(w, sample, place)
		if err == nil {
			continue
		}
		left--
		b.batch.Lost++
		known := false
		for _, e := range b.batch.Damage {
			known = known || e == err
		}
		if !known {
			b.batch.Damage = append(b.batch.Damage, err)
		}
	}
	return left
}

// copy copies a piece of a batch, all columns.
func (r *run) copy(w *scratch, t task) {
	defer t.buf.done()
	defer r.release(t.win)
	l := r.l
	w.local = w.local[:0]
	harm := t.win.harm || l.harm
	rows := t.buf.samples[t.row:]
	k := 0
	for u := t.u; u < t.u+t.n; u++ {
		sample, place := t.win.e.sample(&t.win.span, u)
		if harm && r.lost(t.win, sample, place) != nil {
			continue
		}
		rows[k] = sample
		w.local = append(w.local, int32(place-t.win.place))
		k++
	}
	for i, c := range l.columns {
		p := piece{c: c, k: i, t: &t.buf.targets[i], win: t.win, row: t.row, samples: rows[:k]}
		if err := r.copyPiece(w, &p); err != nil {
			t.buf.fail(c.located(err))
			return
		}
	}
}

// copyPiece copies a piece of a column: from the mapping inside a guard.
func (r *run) copyPiece(w *scratch, p *piece) error {
	if p.c.way != Mapped {
		return p.gather(w)
	}
	err := r.leases[p.k].Guard(func() error { return p.gather(w) })
	if err != nil {
		return err
	}
	// What a mapping shows behind the end of a file that was cut inside a page
	// are zeros, which fault nowhere.
	var last [1]byte
	_, err = r.leases[p.k].ReadAt(last[:], p.c.end-1)
	return err
}

// at is where sample i of the piece lies.
func (p *piece) at(w *scratch, i int) (data []byte, off int64) {
	if p.c.blocked() {
		b := &p.win.blocks[w.local[i]]
		return b.mem[p.k], (p.samples[i] - b.first) * p.c.bytes
	}
	return p.c.data, p.c.first + p.samples[i]*p.c.from[p.c.at]
}

// gather copies the samples, as many at a time as lie one behind the other.
// Small ones that have to be converted are brought together first.
func (p *piece) gather(w *scratch) error {
	c := p.c
	if c.outBytes == 0 {
		return nil // an axis has no extent
	}
	step := c.from[c.at]
	most := int64(0) // samples that are brought together
	if !c.plain && c.close && c.inBytes > 0 && c.inBytes <= smallRow {
		most = hotBytes / c.inBytes
		if w.stage == nil {
			w.stage = make([]byte, hotBytes)
		}
	}
	whole := !c.blocked() // all samples lie in one piece of memory
	staged := int64(0)
	flush := func(row int64) error {
		if staged == 0 {
			return nil
		}
		n := staged
		staged = 0
		return c.fill(w, p.t, row-n, n, w.stage, 0, c.inBytes)
	}
	for i := 0; i < len(p.samples); {
		data, off := p.at(w, i)
		k := 1
		for i+k < len(p.samples) && p.samples[i+k] == p.samples[i]+int64(k) && (whole || w.local[i+k] == w.local[i]) {
			k++
		}
		row, n := p.row+int64(i), int64(k)
		i += k
		if most == 0 || n*2 > most {
			if err := flush(row); err != nil {
				return err
			}
			if c.plain && step != c.inBytes {
				for ; n > 0; row, n, off = row+1, n-1, off+step {
					if err := c.fill(w, p.t, row, 1, data, off, step); err != nil {
						return err
					}
				}
				continue
			}
			if err := c.fill(w, p.t, row, n, data, off, step); err != nil {
				return err
			}
			continue
		}
		if staged+n > most {
			if err := flush(row); err != nil {
				return err
			}
		}
		if step == c.inBytes {
			copy(w.stage[staged*c.inBytes:], data[off:off+n*step])
			staged += n
			continue
		}
		for ; n > 0; n, off = n-1, off+step {
			copy(w.stage[staged*c.inBytes:], data[off:off+c.inBytes])
			staged++
		}
	}
	return flush(p.row + int64(len(p.samples)))
}

// deliver hands out the batches.
func (r *run) deliver(yield func(Batch, error) bool) {
	l := r.l
	for {
		begin := time.Now()
		var b *buffer
		var more bool
		if r.ctx.Err() == nil {
			select {
			case b, more = <-r.out:
			case <-r.ctx.Done():
			}
		}
		if more {
			select {
			case <-b.ready:
			case <-r.ctx.Done():
				more = false
			}
		}
		if !more {
			if err := r.ctx.Err(); err != nil {
				yield(Batch{}, err)
			}
			return
		}
		if b.err == nil {
			b.err = b.finish(l)
		}
		if b.err != nil {
			yield(Batch{}, b.err)
			return
		}
		l.delivered(b, time.Since(begin))
		stay := yield(b.batch, nil)
		b.recycle()
		if !stay {
			return
		}
		r.free <- b // has room for all
	}
}

// start starts the goroutines of r, which end when its context does.
func (r *run) start(wg *sync.WaitGroup) {
	wg.Go(r.feed)
	wg.Go(r.deal)
	for range r.l.plan.Workers {
		wg.Go(r.worker)
	}
}
