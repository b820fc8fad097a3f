//go:build linux && !android && !nogpu && (amd64 || arm64)

package fakecuda

import (
	"maps"
	"slices"
	"time"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// "A stream is a sequence of commands (possibly issued by different host threads) that
// execute in order. Different streams, on the other hand, may execute their commands
// out of order with respect to one another or concurrently": "CUDA C++ Programming
// Guide", "Streams".
type stream struct {
	context *context
	null    bool // the default stream
	free    bool // CU_STREAM_NON_BLOCKING
	gone    bool // destroyed; it goes on until its work is done
	temper  float64
	queue   []*op // enqueued, not run
	tail    *op   // enqueued last
}

// An event stands for the work that was captured when it was recorded last: "Other
// APIs such as cuStreamWaitEvent() use the most recently captured state at the time
// of the API call, and are not affected by later calls to cuEventRecord()."
type event struct {
	context *context
	timing  bool
	last    *op
}

// An op is what a stream has to do: work, or reaching a point, which events record
// and for which streams wait.
type op struct {
	name   string
	stream *stream
	kind   Kind // with run only
	run    func() driver.Code
	lose   func() driver.Code // in place of run, when memory that it needs is gone
	fails  bool
	after  []*op // beside what is before it in the stream
	prev   *op
	reads  []span
	writes []span
	module *module // of a kernel
	sum    *uint32 // of the host memory that it reads, when it was enqueued

	done  bool
	end   time.Time
	polls int
	known bool // somebody was told that it is done
}

// A span is a range of addresses. Those of devices and of the host are not alike.
type span struct{ at, n uint64 }

func (s span) overlaps(t span) bool { return s.at < t.at+t.n && t.at < s.at+s.n }

// enqueue puts an op at the end of a stream. How long it takes counts from when the
// stream, what it waits for and the engine of its kind are done.
func (f *Fake) enqueue(s *stream, o *op, w *Work) {
	o.stream, o.prev = s, s.tail
	// "The legacy default stream is an implicit stream which synchronizes with all
	// other streams in the same CUcontext except for non-blocking streams": "Stream
	// synchronization behavior".
	switch {
	case s.null:
		for _, t := range s.context.streams {
			if t != s && !t.free && t.tail != nil {
				o.after = append(o.after, t.tail)
			}
		}
	case !s.free && s.context.null.tail != nil:
		o.after = append(o.after, s.context.null.tail)
	}
	begin := time.Now()
	for _, b := range append(o.after, s.tail) {
		if b != nil && b.end.After(begin) {
			begin = b.end
		}
	}
	o.end = begin
	if w != nil {
		f.stats.Works++
		o.fails = f.stats.Works == f.o.FailWork
		o.kind = w.Kind
		if f.o.Time != nil {
			engine := &s.context.device.free[w.Kind]
			if engine.After(begin) {
				begin = *engine
			}
			o.end = begin.Add(f.o.Time(*w))
			*engine = o.end
		}
	}
	s.tail = o
	s.queue = append(s.queue, o)
	if f.o.Order == Eager {
		f.force(o)
	}
}

// force runs an op, and before it what must be done first, and nothing else.
func (f *Fake) force(o *op) {
	for !o.done {
		head := o.stream.queue[0]
		for _, b := range head.after {
			f.force(b)
		}
		if !head.done {
			f.execute(head)
		}
	}
}

// execute runs the op at the head of its stream. After work has failed nothing runs
// any more.
func (f *Fake) execute(o *op) {
	s := o.stream
	s.queue = s.queue[1:]
	o.done = true
	c := s.context
	switch {
	case c.broken != 0 || c.dead || o.run == nil:
	case o.fails:
		c.fail(f.o.FailWorkCode)
	default:
		if code := o.run(); code != driver.Success {
			c.fail(code)
		}
	}
	o.run, o.lose = nil, nil
	if s.gone && len(s.queue) == 0 {
		c.forget(s)
	}
}

// fail breaks a context.
func (c *context) fail(code driver.Code) {
	c.broken = code
	c.abandon()
}

// abandon ends all work of a context, undone.
func (c *context) abandon() {
	for _, s := range c.streams {
		for _, o := range s.queue {
			o.done, o.run, o.lose = true, nil, nil
		}
		s.queue = nil
	}
}

func (c *context) forget(s *stream) {
	c.streams = slices.DeleteFunc(c.streams, func(t *stream) bool { return t == s })
}

// wait returns when an op is done, and what has become of the context: a function
// that waits "may also return error codes from previous, asynchronous launches". It
// lets go of the lock while time passes.
func (f *Fake) wait(o *op) driver.Code {
	if o == nil {
		return driver.Success
	}
	if d := time.Until(o.end); d > 0 {
		f.mu.Unlock()
		time.Sleep(d)
		f.mu.Lock()
	}
	f.force(o)
	know(o)
	return o.stream.context.broken
}

// ready is what a query is told. CUDA_ERROR_NOT_READY: "asynchronous operations
// issued previously have not completed yet. This result is not actually an error".
func (f *Fake) ready(o *op) driver.Code {
	switch {
	case o == nil || o.known:
		return driver.Success
	case time.Until(o.end) > 0:
		return driver.NotReady
	case o.polls < f.o.Busy:
		o.polls++
		return driver.NotReady
	}
	f.force(o)
	know(o)
	return o.stream.context.broken
}

// know notes that an op is known to be done, and so is all before it.
func know(o *op) {
	for o != nil && !o.known {
		o.known = true
		for _, b := range o.after {
			know(b)
		}
		o, o.prev, o.after = o.prev, nil, nil
	}
}

// drift lets streams go on by chance.
func (f *Fake) drift() {
	if f.o.Order != Random {
		return
	}
	for _, h := range slices.Sorted(maps.Keys(f.contexts)) {
		f.driftIn(f.contexts[h])
	}
}

func (f *Fake) driftIn(c *context) {
	for _, s := range slices.Clone(c.streams) {
		for len(s.queue) > 0 && f.rnd.Float64() < s.temper {
			head := s.queue[0]
			if slices.ContainsFunc(head.after, func(b *op) bool { return !b.done }) {
				break
			}
			f.execute(head)
		}
	}
}

// temper is how readily a stream runs its work by itself: not at all, now and then,
// at once.
func (f *Fake) temper() float64 { return []float64{0, 0.3, 0.95}[f.rnd.IntN(3)] }

// pending calls yield with each op of a context that has not run.
func (c *context) pending(yield func(*op)) {
	for _, s := range c.streams {
		for _, o := range s.queue {
			yield(o)
		}
	}
}

// inFlight notes a fault for each op that has not run and needs what is given back
// now, and lets it find nothing there. "May perform implicit synchronization" is what
// cuMemFree promises at most.
func (f *Fake) inFlight(name string, gone span) {
	for _, c := range f.contexts {
		if c.broken != 0 {
			continue // none of its work runs any more
		}
		c.pending(func(o *op) {
			touches := func(s span) bool { return s.overlaps(gone) }
			if slices.ContainsFunc(o.reads, touches) || slices.ContainsFunc(o.writes, touches) {
				f.fault("%s: memory at %#x is given back while %s uses it", name, gone.at, o.name)
				o.run = o.lose
			}
		})
	}
}
