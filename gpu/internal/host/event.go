package host

import (
	"sync"
	"time"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// event is a name for its latest record.
type event struct {
	timing bool
	mu     sync.Mutex
	latest *record // nil if there was none
}

// record is a place in a stream. Whoever waits for an event waits for the record
// that was its latest then.
type record struct {
	passed chan struct{} // closed when the stream is there
	at     time.Time     // when that was
}

func (r *record) happened() bool {
	select {
	case <-r.passed:
		return true
	default:
		return false
	}
}

func (d *device) NewEvent(timing bool) (driver.Event, error) {
	if err := d.failed(); err != nil {
		return 0, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	h := driver.Event(d.handle())
	d.events[h] = &event{timing: timing}
	return h, nil
}

func (d *device) event(op string, h driver.Event) (*event, error) {
	if err := d.failed(); err != nil {
		return nil, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if e := d.events[h]; e != nil {
		return e, nil
	}
	return nil, fail(op, driver.InvalidHandle, "no event %#x", uintptr(h))
}

func (e *event) record() *record {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.latest
}

// FreeEvent leaves those alone who wait for it.
func (d *device) FreeEvent(h driver.Event) error {
	if _, err := d.event("FreeEvent", h); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.events, h)
	return nil
}

func (d *device) Record(eh driver.Event, sh driver.Stream) error {
	e, err := d.event("Record", eh)
	if err != nil {
		return err
	}
	s, err := d.stream("Record", sh)
	if err != nil {
		return err
	}
	r := &record{passed: make(chan struct{})}
	e.mu.Lock() // around both: the latest record is the last that was enqueued
	defer e.mu.Unlock()
	e.latest = r
	s.push(work{always: true, do: func() error {
		r.at = time.Now()
		close(r.passed)
		return nil
	}})
	return nil
}

func (d *device) StreamWait(sh driver.Stream, eh driver.Event) error {
	e, err := d.event("StreamWait", eh)
	if err != nil {
		return err
	}
	s, err := d.stream("StreamWait", sh)
	if err != nil {
		return err
	}
	if r := e.record(); r != nil && !r.happened() {
		s.push(work{always: true, do: func() error { <-r.passed; return nil }})
	}
	return nil
}

func (d *device) EventSynchronize(h driver.Event) error {
	e, err := d.event("EventSynchronize", h)
	if err != nil {
		return err
	}
	if r := e.record(); r != nil {
		<-r.passed
	}
	return d.failed()
}

func (d *device) EventQuery(h driver.Event) (bool, error) {
	e, err := d.event("EventQuery", h)
	if err != nil {
		return false, err
	}
	r := e.record()
	done := r == nil || r.happened()
	return done, d.failed()
}

func (d *device) Elapsed(from, to driver.Event) (time.Duration, error) {
	var at [2]time.Time
	for i, h := range [2]driver.Event{from, to} {
		e, err := d.event("Elapsed", h)
		if err != nil {
			return 0, err
		}
		r := e.record()
		switch {
		case !e.timing || r == nil:
			return 0, fail("Elapsed", driver.InvalidHandle, "an event without a clock, or never recorded")
		case !r.happened():
			return 0, fail("Elapsed", driver.NotReady, "an event that has not happened")
		}
		at[i] = r.at
	}
	return at[1].Sub(at[0]), nil
}
