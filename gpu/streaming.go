package gpu

import (
	"context"
	"iter"
	"math"
	"time"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/tensor"
)

// A Block is elements on the device as a loop over Stream or Batches gets them.
// It is borrowed: valid until Release, or until the body of the loop ends. Work
// that the body enqueued on the stream of the loop until then is done before
// its memory is used again.
type Block struct {
	Index int64 // from 0
	// Source of a Stream that the block is of, and the index of its first element
	// there. Of Batches: 0 and nil.
	Source int
	Origin []int64
	// Tensors in C order: one of a Stream, as many as views of Batches.
	Tensors []*Tensor

	blocks *blocks
	slot   int
	shape  tensor.Shape // of the box that is being described
}

// Tensor is the first of the tensors.
func (b *Block) Tensor() *Tensor { return b.Tensors[0] }

// Release gives the block back before the body of the loop ends.
func (b *Block) Release() {
	if b.blocks.held == b {
		b.blocks.release(b)
	}
}

// Stream brings sources to the device block by block, in their order and that of
// their elements, or of their chunks where a row of those is larger than a slot.
// A block is whole indices along one axis, or a box of whole chunks, of at most a
// slot of the ring; each is copied once, and chunks are decoded once unless they
// are larger than half of the ring. The sources may be larger than the device: it
// holds DeviceSlots blocks.
//
// While the body of the loop works, the next blocks are read, decoded and copied.
// Work that it enqueues on the stream on comes after the copy of its block, and
// before its memory is used again, by events: the host waits for neither. An error
// ends the loop: what was enqueued before is not to be trusted. When the loop has
// ended, all that was in flight has, but for what the body itself has enqueued.
func (u *Uploader) Stream(ctx context.Context, on *Stream, sources ...Source) iter.Seq2[*Block, error] {
	return func(yield func(*Block, error) bool) {
		u.loop(ctx, on, yield, func(r *run) error {
			items, err := u.items(&r.files, sources, false, &r.counts)
			if err != nil {
				return err
			}
			r.cut(items)
			r.plan = &boxPlan{items: items}
			for _, it := range items {
				r.blocks.size = max(r.blocks.size, min(it.size, r.room))
			}
			return nil
		})
	}
}

// Batches brings lists of views to the device, each list a block, as a loader
// makes them:
//
//	views := func(yield func([]tensor.View, error) bool) {
//		for b, err := range l.Batches(ctx) {
//			if !yield(b.Views, err) {
//				return
//			}
//		}
//	}
//	for b, err := range u.Batches(ctx, stream, views) {
//
// Views are in use until the next list is asked for, which happens in other
// goroutines, one at a time. The device holds DeviceSlots blocks of the size of
// the largest list so far. An error of theirs ends the loop behind the lists that
// came before. For the rest it is as Stream.
func (u *Uploader) Batches(ctx context.Context, on *Stream, lists iter.Seq2[[]tensor.View, error]) iter.Seq2[*Block, error] {
	return func(yield func(*Block, error) bool) {
		u.loop(ctx, on, yield, func(r *run) error {
			r.cut(nil)
			r.plan = newBatchPlan(lists, r.room)
			return nil
		})
	}
}

// loop is one loop over blocks.
func (u *Uploader) loop(ctx context.Context, on *Stream, yield func(*Block, error) bool, prepare func(r *run) error) {
	err := func() error {
		if on == nil || !u.d.shares(on.dev) {
			return bad(tensor.ErrUnsupported, "stream", "none of this device", "a stream of the uploader's device")
		}
		if err := u.begin(&on.life); err != nil {
			return err
		}
		defer u.end(&on.life)
		if err := ctx.Err(); err != nil {
			return err
		}
		r := newRun(ctx, u)
		defer r.cancel()
		defer r.files.release()
		r.blocks = newBlocks(r, on)
		if err := prepare(r); err != nil {
			return err
		}
		r.start()
		err := r.deliver(yield)
		s := r.stats()
		u.last.Store(&s)
		return err
	}()
	if err != nil {
		yield(nil, err)
	}
}

// deliver hands blocks out. It returns the error that the loop has not seen.
func (r *run) deliver(yield func(*Block, error) bool) error {
	ended := false
	defer func() {
		if !ended { // the body has left the loop
			if b := r.blocks.held; b != nil { // by a panic
				b.Release()
			}
			r.cancel()
			r.wait()
		}
	}()
	var skipped error // why blocks were not handed out
	for b := range r.blocks.ready {
		if skipped = r.ctx.Err(); skipped != nil {
			break
		}
		if err := r.blocks.take(b); err != nil {
			r.fail(-1, err)
			break
		}
		r.blocks.held = b
		stay := yield(b, nil)
		b.Release()
		if !stay {
			return nil
		}
	}
	ended = true
	if err := r.wait(); err != nil {
		return err
	}
	return skipped
}

// Stats returns what the last loop over blocks did. Uploads return their own.
func (u *Uploader) Stats() Stats {
	if s := u.last.Load(); s != nil {
		return *s
	}
	return Stats{}
}

// A deviceRing is memory of the device for blocks.
type deviceRing struct {
	mem      *memory // nil: none yet
	size     int64   // of a slot
	copied   []driver.Event
	consumed []driver.Event
	used     []bool // consumed was recorded
}

// grow makes slots of at least size bytes. Nothing is copied to those that there
// are.
func (d *deviceRing) grow(u *Uploader, size int64) error {
	dev, slots := u.d.dev, u.o.DeviceSlots
	for len(d.copied) < slots || len(d.consumed) < slots {
		e, err := dev.NewEvent(false)
		if err != nil {
			return err
		}
		if len(d.copied) < slots {
			d.copied = append(d.copied, e)
		} else {
			d.consumed, d.used = append(d.consumed, e), append(d.used, false)
		}
	}
	if err := d.drop(dev); err != nil {
		return err
	}
	if size = (max(size, 1) + 255) &^ 255; size > math.MaxInt64/int64(slots) {
		return refuseSize("blocks", size, math.MaxInt64/int64(slots))
	}
	mem, err := dev.Alloc(size * int64(slots))
	if err != nil {
		return err
	}
	d.mem, d.size = &memory{dev: u.d, life: life{what: "block"}, ptr: mem, n: size * int64(slots)}, size
	return nil
}

// drop frees the memory when nothing uses it any more.
func (d *deviceRing) drop(dev driver.Device) (first error) {
	if d.mem == nil {
		return nil
	}
	d.mem.life.end()
	for i, e := range d.consumed {
		if d.used[i] {
			if err := dev.EventSynchronize(e); first == nil {
				first = err
			}
			d.used[i] = false
		}
	}
	if err := dev.Free(d.mem.ptr); first == nil {
		first = err
	}
	d.mem, d.size = nil, 0
	return first
}

func (d *deviceRing) free(dev driver.Device) error {
	first := d.drop(dev)
	for _, e := range append(d.copied, d.consumed...) {
		if err := dev.FreeEvent(e); first == nil {
			first = err
		}
	}
	d.copied, d.consumed, d.used = nil, nil, nil
	return first
}

// blocks is the side of a run that faces the loop: slots of the device, filled in
// turn.
type blocks struct {
	r     *run
	out   *deviceRing
	on    *Stream
	size  int64         // of every block at most, 0: they tell
	ready chan *Block   // in order, when their copies are enqueued
	back  chan struct{} // slots that the loop does not hold
	list  []Block       // by slot
	held  *Block        // what the loop has
	now   driver.Ptr    // of the block that is being copied
}

func newBlocks(r *run, on *Stream) *blocks {
	n := r.u.o.DeviceSlots
	b := &blocks{r: r, out: &r.u.out, on: on, ready: make(chan *Block, n), back: make(chan struct{}, n), list: make([]Block, n)}
	for i := range b.list {
		b.list[i].blocks, b.list[i].slot = b, i
		b.back <- struct{}{}
	}
	return b
}

// wait takes slots that the loop has given back.
func (b *blocks) wait(slots int) error {
	for range slots {
		begin := time.Now()
		select {
		case <-b.back:
		case <-b.r.ctx.Done():
			return b.r.ctx.Err()
		}
		since(begin, &b.r.counts.userWait)
	}
	return nil
}

// room is where the block of a window goes. For its first it waits for a slot, and
// makes the copies wait for the work on what was there before.
func (b *blocks) room(w *window) (driver.Ptr, error) {
	if w.first {
		if err := b.wait(1); err != nil {
			return 0, err
		}
		if need := max(w.need, b.size); b.out.mem == nil || need > b.out.size {
			// Other memory: when the loop holds no block, and copies are done.
			if err := b.wait(len(b.list) - 1); err != nil {
				return 0, err
			}
			if err := b.r.dev.StreamSynchronize(b.r.u.stream); err != nil {
				return 0, err
			}
			if err := b.out.grow(b.r.u, need); err != nil {
				return 0, err
			}
			for range len(b.list) - 1 {
				b.back <- struct{}{}
			}
			for i := range b.list {
				b.list[i].Tensors = nil
			}
		}
		m := int(w.block % int64(len(b.list)))
		b.now = b.out.mem.ptr + driver.Ptr(int64(m)*b.out.size)
		if b.out.used[m] {
			if err := b.follow(b.out.consumed[m]); err != nil {
				return 0, err
			}
		}
	}
	return b.now, nil
}

// follow makes copies wait for an event.
func (b *blocks) follow(e driver.Event) error {
	if b.r.u.ring.kind == ringPlain { // they are not on a stream
		return b.r.dev.EventSynchronize(e)
	}
	return b.r.dev.StreamWait(b.r.u.stream, e)
}

// asynchronous reports whether the loop gets blocks whose copies may be under way.
func (b *blocks) asynchronous() bool { return b.r.u.ring.kind != ringPlain && b.r.u.sums == nil }

// give hands a block to the loop, whose copies are enqueued or done.
func (b *blocks) give(s *slot) error {
	m := int(s.w.block % int64(len(b.list)))
	if b.asynchronous() {
		if err := b.r.dev.Record(b.out.copied[m], b.r.u.stream); err != nil {
			return err
		}
	}
	x := &b.list[m]
	x.Index = s.w.block
	if err := x.describe(s); err != nil {
		return err
	}
	b.ready <- x // has room for all
	return nil
}

// describe makes the tensors of a block. That of a box is the one before in this
// slot of the device if it has the same shape.
func (x *Block) describe(s *slot) error {
	w, out := &s.w, x.blocks.out
	if w.batch != nil {
		buf := &Buffer{mem: out.mem, ptr: s.block, n: out.size}
		x.Tensors = make([]*Tensor, len(w.items))
		for i, it := range w.items {
			t, err := newTensor(buf, it.dtype, it.shape.Clone(), it.strides.Clone(), it.at, deviceOrder)
			if err != nil {
				return err
			}
			x.Tensors[i] = t
			x.blocks.r.counts.bytes.Add(it.size)
		}
		return nil
	}
	it, b := w.segs[0].it, &s.box
	if w.rect < 0 {
		it.run(w.segs[0].off, w.n, b)
	}
	x.blocks.r.counts.bytes.Add(w.n)
	x.Source, x.Origin, x.shape = it.index, append(x.Origin[:0], b.first...), append(x.shape[:0], b.count...)
	if e := int64(it.dtype.UnitElems); e > 1 {
		last := len(x.shape) - 1
		x.Origin[last] *= e
		x.shape[last] = min(x.shape[last]*e, it.shape[last]-x.Origin[last])
	}
	if len(x.Tensors) == 1 && x.Tensors[0].dtype == it.dtype && x.Tensors[0].shape.Equal(x.shape) {
		return nil
	}
	buf := &Buffer{mem: out.mem, ptr: s.block, n: out.size}
	t, err := NewTensor(buf, it.dtype, x.shape, nil, 0, deviceOrder)
	if err != nil {
		return it.src.located(err)
	}
	x.Tensors = []*Tensor{t}
	return nil
}

// take makes the stream of the loop wait for the copies of a block.
func (b *blocks) take(x *Block) error {
	if !b.asynchronous() {
		return nil
	}
	return b.r.u.d.bound(func(dev driver.Device) error { return dev.StreamWait(b.on.h, b.out.copied[x.slot]) })
}

// release takes a slot back: its memory is used again behind what the loop has
// enqueued.
func (b *blocks) release(x *Block) {
	b.held = nil
	err := b.r.u.d.bound(func(dev driver.Device) error {
		if err := dev.Record(b.out.consumed[x.slot], b.on.h); err != nil {
			dev.StreamSynchronize(b.on.h) // without an event the host waits
			return err
		}
		b.out.used[x.slot] = true
		return nil
	})
	if err != nil {
		b.r.fail(-1, err)
	}
	b.back <- struct{}{}
}
