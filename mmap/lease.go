package mmap

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/tensorfile/tensorfile/tensor"
)

// leases counts the users of a Map and tells leases apart.
//
// One word holds the count and a closing bit, so that nobody enters once
// closing has begun, however many keep trying, and the last one out knows that
// it is. A lease also owns a slot, whose number is odd while it is held and
// which never returns to an old number: releasing twice is noticed before it
// can take someone else's count away.
type leases struct {
	state atomic.Uint64 // ticket<<32 | closing bit | count
	table atomic.Pointer[[]atomic.Uint64]
	first [16]atomic.Uint64 // the table until more are needed
	grow  sync.Mutex
}

const (
	countMask  = 1<<31 - 1
	closingBit = 1 << 31
	oneTicket  = 1 << 32 // tickets wrap around; they only spread leases over slots
)

// add adds n (a user, perhaps with a ticket) and returns the new state. It
// fails once closing has begun.
func (l *leases) add(n uint64) (uint64, bool) {
	for {
		v := l.state.Load()
		if v&closingBit != 0 || v&countMask == countMask {
			return v, false
		}
		if l.state.CompareAndSwap(v, v+n) {
			return v + n, true
		}
	}
}

// head is the Map that m was joined to: its count of users is that of all.
func (m *Map) head() *Map {
	if m.joined != nil {
		return m.joined
	}
	return m
}

func (m *Map) enter(n uint64) bool {
	_, ok := m.head().add(n)
	return ok
}

// leave takes one user off and lets the mapping go if it was the last one.
func (m *Map) leave() {
	h := m.head()
	if v := h.state.Add(^uint64(0)); v&(closingBit|countMask) == closingBit {
		h.finish()
	}
}

// closed reports whether everything has been let go, or is about to be.
func (m *Map) closed() bool {
	return m.head().state.Load()&(closingBit|countMask) == closingBit
}

// Join makes one of m and others as far as their lives go: a lease on one keeps
// all of them, and closing one closes all. It is for sources that one thing is
// made of, such as the shards of a set. The others must be the caller's alone: not
// joined, no lease held, no call under way; of m only Close, Shutdown and Join must
// not run beside it, which a lease on m sees to for the first two.
func (m *Map) Join(others ...*Map) {
	for _, o := range others {
		if o == m || o.joined != nil || o.members != nil || o.state.Load()&(closingBit|countMask) != 0 || m.joined != nil {
			panic("mmap: Join of a Map that is in use")
		}
		o.joined = m
		m.members = append(m.members, o)
	}
}

// A Lease keeps a Map open and mapped until it is released. It is a plain value
// without allocation; copies are the same lease, to be released once. The zero
// Lease holds nothing.
type Lease struct {
	m    *Map
	slot *atomic.Uint64
	held uint64 // number of the slot while this lease holds it
}

// Acquire takes a lease. After Close or Shutdown has begun it is ErrClosed.
func (m *Map) Acquire() (Lease, error) {
	users := &m.head().leases
	v, ok := users.add(oneTicket + 1)
	if !ok {
		return Lease{}, m.enterError()
	}
	slots := users.first[:]
	if t := users.table.Load(); t != nil {
		slots = *t
	}
	if 2*(v&countMask) > uint64(len(slots)) {
		slots = users.moreSlots(slots)
	}
	for {
		// An odd stride puts neighbours in time on different cache lines.
		i, mask := uint32(v>>32)*11, uint32(len(slots)-1)
		for range slots {
			s := &slots[i&mask]
			if n := s.Load(); n&1 == 0 && s.CompareAndSwap(n, n+1) {
				return Lease{m, s, n + 1}, nil
			}
			i++
		}
		slots = users.moreSlots(slots)
	}
}

// moreSlots returns a table larger than have. Leases point at their slots, so
// those in an older table stay valid.
func (l *leases) moreSlots(have []atomic.Uint64) []atomic.Uint64 {
	l.grow.Lock()
	defer l.grow.Unlock()
	if t := l.table.Load(); t != nil && len(*t) > len(have) {
		return *t
	}
	t := make([]atomic.Uint64, 4*len(have))
	l.table.Store(&t)
	return t
}

// Release gives the lease back. What was borrowed under it must not be used
// any more. Releasing a lease twice is a bug in the caller and panics, without
// harm to other leases.
func (l Lease) Release() {
	if l.m == nil {
		return
	}
	if !l.slot.CompareAndSwap(l.held, l.held+1) {
		panic("mmap: Lease released twice")
	}
	l.m.leave()
}

// check panics if the lease is not held: what follows would be unprotected.
func (l Lease) check() *Map {
	if l.m == nil || l.slot.Load() != l.held {
		panic("mmap: use of a Lease that is not held")
	}
	return l.m
}

// ReadAt is Map.ReadAt for the holder of a lease: it also works while a
// Shutdown waits for the lease.
func (l Lease) ReadAt(p []byte, off int64) (int, error) { return l.check().readAt(p, off) }

// Close lets the mapping and the descriptor go. While leases are held or
// guarded calls run it returns ErrInUse and the Map stays as it was. Closing a
// closed Map does nothing and returns what closing it returned.
func (m *Map) Close() error {
	m = m.head()
	for {
		v := m.state.Load()
		switch {
		case v&countMask != 0:
			return m.inUseError(v, nil)
		case v&closingBit != 0:
			<-m.done // another goroutine may be about to finish
			return m.closeErr
		case m.state.CompareAndSwap(v, v|closingBit):
			m.finish()
			return m.closeErr
		}
	}
}

// Shutdown refuses new leases from now on, waits until those held have been
// released, and lets the mapping and the descriptor go. If ctx ends first it
// returns ErrInUse with the context's error; closing goes on, and the last
// release completes it. Calling it from inside a guarded call, or while holding
// a lease that only the caller can release, waits until ctx ends.
func (m *Map) Shutdown(ctx context.Context) error {
	m = m.head()
	if v := m.state.Or(closingBit); v&(closingBit|countMask) == 0 {
		m.finish()
	}
	select {
	case <-m.done: // even if ctx has ended too
		return m.closeErr
	default:
	}
	select {
	case <-m.done:
		return m.closeErr
	case <-ctx.Done():
		return m.inUseError(m.state.Load(), ctx.Err())
	}
}

func (m *Map) inUseError(state uint64, cause error) error {
	users := strconv.FormatUint(state&countMask, 10) + " lease"
	if state&countMask != 1 {
		users += "s"
	}
	return &tensor.Error{Kind: tensor.ErrInUse, Path: m.path, Offset: -1, Field: "close",
		Got: users + " still held", Want: "none", Err: cause}
}
