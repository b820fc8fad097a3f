package gpu

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// A run is one upload, or one loop over blocks: workers fill slots by a plan, a
// submitter gives their copies to the device in the order of the plan, a waiter
// gives slots back whose copies are done. Only the last two call the driver, each
// on an OS thread of its own to which the context is bound.
type run struct {
	u       *Uploader
	dev     driver.Device
	ctx     context.Context // ends with the first error
	cancel  context.CancelFunc
	began   time.Time
	counts  counts
	files   files
	items   []*item
	base    driver.Ptr    // of an upload
	inPlace driver.Memory // nil: through the ring
	fed     bool          // to nowhere: nothing is copied
	blocks  *blocks       // of a loop

	slots  []slot
	room   int64      // bytes of a slot
	free   chan *slot // to fill
	full   chan *slot // to copy
	flying chan *slot // being copied, in order

	planning sync.Mutex
	plan     planner
	planned  int64 // windows
	over     bool  // no more come
	why      error // for this
	landed   atomic.Int64

	workers sync.WaitGroup
	others  sync.WaitGroup

	failing sync.Mutex
	errs    []error
	place   int64 // of the first: that of the first window counts
}

// A slot is a piece of the ring, and what goes through it.
type slot struct {
	number int
	mem    []byte
	event  driver.Event
	to     driver.Ptr // where the copies of the window begin
	block  driver.Ptr // of a loop: where the block of the window begins
	w      window
	data   []byte // of the window
	ok     bool   // it is filled
	sum    uint32 // of data, if the device is to compare it
	box    box
	outer  []int64 // an index, for copies of boxes
}

func newRun(ctx context.Context, u *Uploader) *run {
	r := &run{u: u, dev: u.d.dev, began: time.Now()}
	r.ctx, r.cancel = context.WithCancel(ctx)
	return r
}

// cut cuts the ring into slots: larger ones if chunks of the items want them and
// two go into the ring, so that each is decoded once.
func (r *run) cut(items []*item) {
	r.items, r.room = items, r.u.o.SlotBytes
	for _, it := range items {
		n := (it.grainBytes() + pageBytes - 1) &^ (pageBytes - 1)
		if n > r.room && n <= int64(len(r.u.ring.mem))/2 {
			r.room = n
		}
	}
	for _, it := range items {
		if it.fit(r.room); r.u.o.Verify && r.blocks == nil {
			it.rect = nil // the device makes sums of runs
		}
	}
	n := int64(len(r.u.ring.mem)) / r.room
	r.slots = make([]slot, n)
	r.free, r.full, r.flying = make(chan *slot, n), make(chan *slot, n), make(chan *slot, n)
	for i := range r.slots {
		s := &r.slots[i]
		s.number, s.mem, s.event = i, r.u.ring.mem[int64(i)*r.room:int64(i+1)*r.room], r.u.events[i]
		r.free <- s
	}
}

// start starts the goroutines, which have ended when wait returns.
func (r *run) start() {
	for range r.u.o.Workers {
		r.workers.Go(r.work)
	}
	r.others.Go(func() {
		r.workers.Wait()
		close(r.full)
	})
	r.others.Go(r.submit)
	r.others.Go(r.await)
}

// fail keeps an error, the first of which ends the run.
func (r *run) fail(place int64, err error) {
	r.failing.Lock()
	defer r.failing.Unlock()
	if ended := r.ctx.Err(); ended != nil && errors.Is(err, ended) {
		return // because of another, or of the caller
	}
	if len(r.errs) > 0 && errors.Is(errors.Join(r.errs...), err) {
		return // a device that is lost says so to all
	}
	if len(r.errs) > 0 && place < r.place {
		r.errs = append([]error{err}, r.errs...)
	} else {
		r.errs = append(r.errs, err)
	}
	if len(r.errs) == 1 || place < r.place {
		r.place = place
	}
	r.cancel()
}

// wait waits for all that was begun. It returns the first error with the others
// joined, or that of the caller's context.
func (r *run) wait() error {
	r.others.Wait()
	ended := r.ctx.Err()
	r.cancel()
	for _, it := range r.items {
		if it.stream != nil {
			it.stream.close()
		}
	}
	r.plan.close()
	switch {
	case len(r.errs) == 1:
		r.settle()
		return r.errs[0]
	case len(r.errs) > 1:
		r.settle()
		return errors.Join(r.errs...)
	case r.over && r.landed.Load() == r.planned:
		return r.why
	}
	return ended
}

// settle makes sure that nothing is in flight where the driver could not be
// asked, or failed to say.
func (r *run) settle() {
	r.u.d.bound(func(dev driver.Device) error {
		if dev.StreamSynchronize(r.u.stream) != nil {
			return dev.Synchronize()
		}
		return nil
	})
}

func (r *run) stats() Stats {
	s := r.counts.stats()
	s.Slots, s.SlotBytes, s.Pinned = len(r.slots), r.room, int64(len(r.u.ring.mem))
	s.Total = time.Since(r.began)
	how := fmt.Sprintf("%d slots of %s (%v)", s.Slots, sizeText(s.SlotBytes), r.u.ring.kind)
	if r.inPlace != nil {
		how = "straight to its place"
	}
	if r.u.ring.kind == ringPlain {
		s.Pinned = 0
	}
	if why := r.u.ring.why; why != "" {
		s.Notes = append(s.Notes, "ring: "+why)
	}
	to := r.u.d.Backend()
	if r.fed {
		to = "no device"
	}
	s.Path = s.path(how, to)
	return s
}

// work fills slots.
func (r *run) work() {
	for {
		begin := time.Now()
		var s *slot
		select {
		case s = <-r.free:
		case <-r.ctx.Done():
			return
		}
		since(begin, &r.counts.copyWait)
		if !r.next(s) {
			r.free <- s // for the others, who find out, too
			return
		}
		err := r.fill(s)
		if s.w.batch != nil {
			s.w.batch.Done()
		}
		if s.ok = err == nil; !s.ok {
			r.fail(s.w.seq, err)
		}
		r.full <- s
	}
}

// next plans the window of a slot.
func (r *run) next(s *slot) bool {
	r.planning.Lock()
	defer r.planning.Unlock()
	if r.over || r.ctx.Err() != nil {
		return false
	}
	s.w.seq = r.planned
	more, err := r.plan.next(&s.w, r.room)
	if err != nil || !more { // what came before is still good
		r.over, r.why = true, err
		return false
	}
	r.planned++
	return true
}

// fill makes the bytes of a window.
func (r *run) fill(s *slot) (err error) {
	w := &s.w
	if r.u.sums != nil {
		defer func() { s.sum = format.Checksum(s.data) }()
	}
	if w.rect >= 0 {
		return r.fillRect(s)
	}
	s.data = s.mem[w.skew : w.skew+w.n]
	if r.inPlace != nil {
		if s.data, err = r.inPlace.Bytes(r.base+driver.Ptr(w.to), w.n); err != nil {
			return err
		}
	}
	end := int64(0)
	for i := 0; i < len(w.segs); {
		g := w.segs[i]
		clear(s.data[end:g.at])
		end = g.at + g.n
		// What lies close together in a file is read at once.
		for i++; i < len(w.segs) && g.it.way == wayFile && w.segs[i].it.at-g.it.at == w.segs[i].it.begin-g.it.begin && w.segs[i].it.file == g.it.file && w.segs[i].at-end < gapBytes; i++ {
			end = w.segs[i].at + w.segs[i].n
		}
		begin, spent := time.Now(), &r.counts.read
		err := g.it.fill(r.ctx, s.data[g.at:end], &g, &s.box)
		switch g.it.way {
		case wayFile: // which has counted them
		case wayMapped:
			r.counts.cached.Add(g.n)
		case wayMemory:
			r.counts.memory.Add(g.n)
		default:
			r.counts.decoded.Add(g.n)
			spent = &r.counts.decode
		}
		if since(begin, spent); err != nil {
			return err
		}
	}
	return nil
}

// fillRect makes the elements of a box of chunks: one behind the other in the
// slot, or where they belong.
func (r *run) fillRect(s *slot) (err error) {
	defer func(begin time.Time) { since(begin, &r.counts.decode) }(time.Now())
	w := &s.w
	it := w.segs[0].it
	it.rectangle(w.rect, &s.box)
	n := it.boxBytes(s.box.count)
	r.counts.decoded.Add(n)
	w.n = n
	if r.inPlace == nil {
		s.data = s.mem[:n]
		return it.fillBox(r.ctx, s.data, nil, &s.box)
	}
	end := int64(it.dtype.UnitBytes)
	for k, c := range s.box.count {
		end += (c - 1) * it.steps[k]
	}
	if s.data, err = r.inPlace.Bytes(r.base+driver.Ptr(it.at+it.offsetOf(&s.box)), end); err != nil {
		return err
	}
	return it.fillBox(r.ctx, s.data, it.steps, &s.box)
}

// offsetOf is where the first element of a box lies in the image.
func (it *item) offsetOf(b *box) (off int64) {
	for k, i := range b.first {
		off += i * it.steps[k]
	}
	return off
}

// bind locks the goroutine to its OS thread and binds the context to it.
func (r *run) bind() (unbind func(), ok bool) {
	runtime.LockOSThread()
	if err := r.dev.Bind(); err != nil {
		runtime.UnlockOSThread()
		r.fail(-1, r.u.d.check(err))
		return func() {}, false
	}
	return func() {
		if err := r.dev.Unbind(); err != nil {
			r.fail(r.planned, r.u.d.check(err))
		}
		runtime.UnlockOSThread()
	}, true
}

// submit gives the windows of full slots to the device, in their order.
func (r *run) submit() {
	defer close(r.flying)
	unbind, ok := r.bind()
	defer unbind()
	waiting := make([]*slot, len(r.slots)) // by number of the window
	next := int64(0)
	for {
		s, more := <-r.full
		if !more {
			return
		}
		waiting[s.w.seq%int64(len(waiting))] = s
		for {
			s := waiting[next%int64(len(waiting))]
			if s == nil {
				break
			}
			waiting[next%int64(len(waiting))] = nil
			next++
			if !ok || !s.ok || r.ctx.Err() != nil {
				continue // nothing of what follows is given either
			}
			if err := r.copy(s); err != nil {
				r.fail(s.w.seq, r.u.d.check(err))
				ok = false
			}
		}
	}
}

// copy enqueues the copies of a window.
func (r *run) copy(s *slot) error {
	if r.fed {
		r.land(s)
		return nil
	}
	w := &s.w
	s.to = r.base + driver.Ptr(w.to)
	if r.blocks != nil {
		var err error
		if s.block, err = r.blocks.room(w); err != nil {
			return err
		}
		s.to = s.block + driver.Ptr(w.to)
	}
	on := r.u.stream
	if r.u.ring.kind == ringPlain {
		on = 0 // done when the call returns
	}
	var err error
	switch {
	case r.inPlace != nil || w.n == 0:
	case w.rect >= 0 && r.blocks == nil:
		err = r.copyRect(s, on)
	default:
		err = r.dev.CopyHtoD(s.to, s.data, on)
		r.counts.copies.Add(1)
	}
	if err != nil {
		return err
	}
	r.counts.wire.Add(w.n)
	switch {
	case r.u.sums != nil:
		err = r.u.sums.enqueue(r.dev, r.u.stream, s.number, s.to, w.n)
	case r.blocks != nil && w.last:
		err = r.blocks.give(s)
	}
	if err != nil {
		return err
	}
	if r.u.sums == nil && (r.inPlace != nil || on == 0) {
		r.land(s)
		return nil
	}
	if err := r.dev.Record(s.event, r.u.stream); err != nil {
		return err
	}
	r.flying <- s
	return nil
}

// arrive waits for the copies of a window.
func (r *run) arrive(s *slot) error {
	if err := r.dev.EventSynchronize(s.event); err != nil {
		return err
	}
	w := &s.w
	if r.u.sums == nil {
		return nil
	}
	if err := r.u.sums.compare(r.dev, s.number, w, s.sum); err != nil {
		return err
	}
	r.counts.verified.Add(w.n)
	if r.blocks != nil && w.last {
		return r.blocks.give(s)
	}
	return nil
}

// land gives a slot back.
func (r *run) land(s *slot) {
	r.landed.Add(1)
	r.free <- s
}

// mostPitch is CU_DEVICE_ATTRIBUTE_MAX_PITCH of the devices that there are: rows
// that lie farther apart are copied one by one.
const mostPitch = 1<<31 - 1

// copyRect copies a box, which lies without gaps in its slot, to where its rows
// belong.
func (r *run) copyRect(s *slot, on driver.Stream) error {
	it, b := s.w.segs[0].it, &s.box
	j := len(b.count) - 1
	for j > 0 && b.count[j] == it.units[j] {
		j--
	}
	i := j - 1
	for i > 0 && b.count[i] == 1 {
		i--
	}
	width, rows, pitch := it.steps[j]*b.count[j], int64(1), int64(0)
	if i >= 0 {
		rows, pitch = b.count[i], it.steps[i]
	}
	s.outer = append(s.outer[:0], b.count[:max(i, 0)]...)
	clear(s.outer)
	to, src := r.base+driver.Ptr(it.at+it.offsetOf(b)), s.data
	for {
		at := to
		for k, o := range s.outer {
			at += driver.Ptr(o * it.steps[k])
		}
		if pitch <= mostPitch {
			if err := r.dev.CopyHtoD2D(at, max(pitch, width), src, width, width, rows, on); err != nil {
				return err
			}
			r.counts.copies.Add(1)
		} else {
			for row := range rows {
				if err := r.dev.CopyHtoD(at+driver.Ptr(row*pitch), src[row*width:(row+1)*width], on); err != nil {
					return err
				}
				r.counts.copies.Add(1)
			}
		}
		src = src[rows*width:]
		k := len(s.outer) - 1
		for ; k >= 0; k-- {
			if s.outer[k]++; s.outer[k] < b.count[k] {
				break
			}
			s.outer[k] = 0
		}
		if k < 0 {
			return nil
		}
	}
}

// await gives slots back whose copies are done.
func (r *run) await() {
	if r.blocks != nil {
		defer close(r.blocks.ready)
	}
	unbind, ok := r.bind()
	defer unbind()
	for {
		begin := time.Now()
		s, more := <-r.flying
		if !more {
			return
		}
		if !ok {
			continue
		}
		begin = since(begin, &r.counts.idle)
		if err := r.arrive(s); err != nil {
			r.fail(s.w.seq, r.u.d.check(err))
			ok = false
			continue
		}
		since(begin, &r.counts.copying)
		r.land(s)
	}
}

// follow makes the first copy wait for what is enqueued on a stream now.
func (r *run) follow(after *Stream) error {
	if after == nil {
		return nil
	}
	return r.u.d.bound(func(dev driver.Device) error {
		if err := dev.Record(r.u.fence, after.h); err != nil {
			return err
		}
		if r.inPlace != nil || r.u.ring.kind == ringPlain {
			return dev.EventSynchronize(r.u.fence)
		}
		return dev.StreamWait(r.u.stream, r.u.fence)
	})
}
