package host

import (
	"runtime/debug"
	"sync"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// stream is a queue of work. A goroutine works it off and ends when it is empty.
type stream struct {
	dev *device

	mu     sync.Mutex
	passed sync.Cond // done has grown
	queue  []work
	first  int    // of the queue that has not been begun
	pushed uint64 // how much was ever enqueued
	done   uint64 // and done
	busy   bool   // there is a goroutine
}

// work is what a stream does at its turn. It returns the error that loses the
// device.
type work struct {
	do func() error
	// always is work that others wait for: it is done on a lost device too.
	always bool
}

func (d *device) NewStream() (driver.Stream, error) {
	if err := d.failed(); err != nil {
		return 0, err
	}
	s := &stream{dev: d}
	s.passed.L = &s.mu
	d.mu.Lock()
	defer d.mu.Unlock()
	h := driver.Stream(d.handle())
	d.streams[h] = s
	return h, nil
}

func (d *device) stream(op string, h driver.Stream) (*stream, error) {
	if err := d.failed(); err != nil {
		return nil, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if s := d.streams[h]; s != nil {
		return s, nil
	}
	return nil, fail(op, driver.InvalidHandle, "no stream %#x", uintptr(h))
}

// FreeStream waits for what is enqueued.
func (d *device) FreeStream(h driver.Stream) error {
	s, err := d.stream("FreeStream", h)
	if err != nil {
		return err
	}
	s.wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.streams, h)
	return nil
}

func (d *device) StreamSynchronize(h driver.Stream) error {
	if h == 0 { // every copy on it has been waited for
		return d.failed()
	}
	s, err := d.stream("StreamSynchronize", h)
	if err != nil {
		return err
	}
	s.wait()
	return d.failed()
}

func (d *device) StreamQuery(h driver.Stream) (bool, error) {
	s, err := d.stream("StreamQuery", h)
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	done := s.done == s.pushed
	s.mu.Unlock()
	return done, d.failed()
}

// push enqueues work.
func (s *stream) push(w work) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first > len(s.queue)/2 { // what is done makes room
		n := copy(s.queue, s.queue[s.first:])
		clear(s.queue[n:])
		s.queue, s.first = s.queue[:n], 0
	}
	s.queue = append(s.queue, w)
	s.pushed++
	if !s.busy {
		s.busy = true
		go s.run()
	}
}

func (s *stream) run() {
	debug.SetPanicOnFault(true) // of this goroutine
	idle := false
	defer func() {
		if !idle { // work has ended the goroutine: another goes on
			s.dev.lose(fail("Launch", driver.LaunchFailed, "a kernel ended its goroutine"))
			s.pass()
			go s.run()
		}
	}()
	for {
		w, ok := s.next()
		if !ok {
			idle = true
			return
		}
		if w.always || s.dev.failed() == nil {
			s.dev.lose(guarded(w.do))
		}
		s.pass()
	}
}

// next takes work from the queue, or ends the goroutine.
func (s *stream) next() (w work, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == len(s.queue) {
		s.queue, s.first, s.busy = s.queue[:0], 0, false
		return work{}, false
	}
	w, s.queue[s.first] = s.queue[s.first], work{}
	s.first++
	return w, true
}

// pass tells those who wait.
func (s *stream) pass() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done++
	s.passed.Broadcast()
}

// wait returns when all that is enqueued now has been done.
func (s *stream) wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for until := s.pushed; s.done < until; {
		s.passed.Wait()
	}
}
