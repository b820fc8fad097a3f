package mmap

import (
	"errors"
	"runtime"
	"runtime/debug"

	"github.com/tensorfile/tensorfile/tensor"
)

// Guard calls fn under a lease of its own and returns its error. If fn faults
// on the mapping, Guard returns a *tensor.Error with the offset instead: kind
// ErrChanged, or ErrIO if the file still has the page but cannot deliver it.
// Other panics pass through. fn runs in the caller's goroutine; calls may nest.
// It does not allocate, and the closure of the caller stays on the stack.
//
// A fault cannot be caught in a channel send straight from the mapping, in a
// goroutine that fn starts, or in foreign code: see the package documentation.
// After
// Close or Shutdown has begun Guard returns ErrClosed without calling fn.
func (m *Map) Guard(fn func() error) (err error) {
	if !m.enter(1) {
		return m.enterError()
	}
	f := Fence{m: m, counted: true, before: debug.SetPanicOnFault(true)}
	defer f.Leave(&err)
	return fn()
}

// Guard is Map.Guard under a lease that is held already: for the parts and the
// goroutines of a longer operation. It also works while a Shutdown waits for
// the lease, which the caller must not release before Guard returns.
func (l Lease) Guard(fn func() error) (err error) {
	f := l.Enter()
	defer f.Leave(&err)
	return fn()
}

// A Fence is a guarded call without a closure, for functions with results of
// their own:
//
//	func (f *File) find(name string) (t Tensor, err error) {
//		fence, err := f.m.Enter()
//		if err != nil {
//			return t, err
//		}
//		defer fence.Leave(&err)
//		...
//
// From Enter to Leave the rest of the function runs as inside Guard.
type Fence struct {
	m       *Map
	counted bool // holds a user's count
	before  bool // the goroutine's setting
}

// Enter begins a guarded call. The next statement after its error check must
// be: defer fence.Leave(&err). After Close or Shutdown has begun it is
// ErrClosed.
func (m *Map) Enter() (Fence, error) {
	if !m.enter(1) {
		return Fence{}, m.enterError()
	}
	return Fence{m: m, counted: true, before: debug.SetPanicOnFault(true)}, nil
}

// Enter begins a guarded call under a lease that is held already.
func (l Lease) Enter() Fence {
	return Fence{m: l.check(), before: debug.SetPanicOnFault(true)}
}

// Leave ends the guarded call. It must be deferred itself, not be called from a
// deferred function, and err must point to the named result that the function
// returns: a fault is stored there.
func (f Fence) Leave(err *error) {
	if f.m == nil {
		return
	}
	r := recover()
	debug.SetPanicOnFault(f.before)
	if r != nil {
		f.caught(r, err)
		return
	}
	if f.counted {
		f.m.leave()
	}
}

// caught stores a fault of this mapping in err and panics with anything else.
func (f Fence) caught(r any, err *error) {
	if f.counted {
		defer f.m.leave() // the mapping must stay until it has been looked at
	}
	if e, ok := r.(interface {
		runtime.Error
		Addr() uintptr
	}); ok {
		if off, ok := f.m.region.Load().offset(e.Addr()); ok {
			*err = f.m.faultError(off, nil)
			return
		}
	}
	panic(r)
}

// FaultError translates the error of a system call that was given mapped bytes
// of the file starting at off: a bad address becomes a *tensor.Error of kind
// ErrChanged (or ErrIO, as for Guard), with the offset of the first byte from
// off on that the file has lost. Other errors, and nil, are returned as they
// are.
func (m *Map) FaultError(err error, off int64) error {
	if err == nil || !isFault(err) || !m.Mapped() {
		return err
	}
	var e *tensor.Error
	if errors.As(err, &e) && e.Path == m.path && (e.Kind == tensor.ErrChanged || e.Kind == tensor.ErrIO) {
		return err // translated before, and not the output's word for it
	}
	if size, e := m.currentSize(); e == nil && size < int64(len(m.Bytes())) {
		off = max(off, size)
	}
	return m.faultError(off, err)
}

// faultError says why the page at off could not be touched, as well as the
// file lets us find out.
func (m *Map) faultError(off int64, cause error) error {
	e := &tensor.Error{Kind: tensor.ErrChanged, Path: m.path, Offset: off, Field: "mapping", Err: cause}
	change, now, err := m.changes()
	if err != nil {
		return e
	}
	if off < now.Size() {
		// Still there: ask the disk. One byte is enough, pages come whole.
		var b [1]byte
		if _, err := m.readAt(b[:], off); err != nil {
			e.Kind, e.Err = tensor.ErrIO, err
			return e
		}
	}
	mapped := int64(len(m.Bytes()))
	switch {
	case now.Size() < mapped:
		e.Got = "file of " + byteCount(now.Size()) + ", " + tensor.ErrChanged.Error()
		e.Want = byteCount(mapped)
	case change == 0:
		// Cut and restored within a tick, a passing error of the disk, or a
		// bug: a write to the mapping. An error is right for all but the last.
		e.Got = "a fault on a page that the file still has"
	}
	return e
}
