package gpu

import (
	"bytes"
	"errors"
	"runtime"
	"testing"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/host"
	"github.com/tensorfile/tensorfile/tensor"
)

// A context of somebody else is used and never let go of.
func TestAttach(t *testing.T) {
	p := newTap(t, host.Options{})
	defer func(was func() (driver.Driver, error)) { cudaDriver = was }(cudaDriver)
	cudaDriver = func() (driver.Driver, error) { return p, nil }

	var e *Error
	if _, err := AttachCurrent(nil); !errors.As(err, &e) || e.Code != 201 {
		t.Errorf("no context is current: %v", err)
	}
	if _, err := AttachHandle(99, nil); !errors.As(err, &e) || e.Code != 201 {
		t.Errorf("no such context: %v", err)
	}
	_, err := AttachHandle(0, nil)
	wantKind(t, err, tensor.ErrUnsupported, "context")

	owner := must(Open(0, nil))(t)
	if owner.Context() != tapContext {
		t.Error(owner.Context())
	}
	restore := must(owner.MakeCurrent())(t)
	d := must(AttachCurrent(nil))(t)
	ok(t, restore(), restore()) // the second does nothing
	for _, d := range []*Device{d, must(AttachHandle(tapContext, nil))(t)} {
		b := bytesOf(t, d, []byte("abc"))
		if got := readAll(t, b); string(got) != "abc" {
			t.Error(got)
		}
		ok(t, b.Free(), d.Close())
	}
	if p.opened != 1 {
		t.Errorf("%d contexts are retained", p.opened)
	}
	// Handles of one device are good for another with the same context.
	s := must(owner.NewStream())(t)
	other := must(Open(0, nil))(t)
	if !owner.shares(other) {
		t.Error("two devices of one context")
	}
	ok(t, s.Free(), owner.Close(), other.Close())
	p.check()
}

// Whatever was current before a call is so again, and the thread is the caller's.
func TestCallsPutBackWhatWasCurrent(t *testing.T) {
	p := newTap(t, host.Options{})
	d := must(openOn(p, 0))(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const theirs = 0x777
	p.current[threadID()] = []driver.Context{theirs}
	b := bytesOf(t, d, []byte{1})
	ok(t, d.Synchronize(), b.Free())
	restore := must(d.MakeCurrent())(t)
	if stack := p.current[threadID()]; len(stack) != 2 || stack[1] != tapContext {
		t.Error(stack)
	}
	ok(t, restore())
	if stack := p.current[threadID()]; len(stack) != 1 || stack[0] != theirs {
		t.Error(stack)
	}
	delete(p.current, threadID())
	ok(t, d.Close())
	p.check()
}

// Memory and streams of somebody else are used, held, and not freed.
func TestWrap(t *testing.T) {
	p := newTap(t, host.Options{})
	d := must(openOn(p, 0))(t)
	b := bytesOf(t, d, aperiodic(1, 1000))
	s := must(d.NewStream())(t)
	gone := make(chan struct{})
	keep := new([64]byte)
	runtime.AddCleanup(keep, func(c chan struct{}) { close(c) }, gone)
	w := must(d.WrapPtr(b.Ptr()+10, 100, keep))(t)
	ws := must(d.WrapStream(s.Handle()))(t)
	keep = nil
	runtime.GC()
	select {
	case <-gone:
		t.Error("what owns the memory was let go of")
	default:
	}
	if w.Ptr() != b.Ptr()+10 || w.Len() != 100 || ws.Handle() != s.Handle() {
		t.Error(w.Ptr(), w.Len())
	}
	ok(t, ws.Fill(w, 0x11))
	out := make([]byte, 100)
	ok(t, ws.Read(ctx, out, w), ws.Synchronize())
	if !bytes.Equal(out, bytes.Repeat([]byte{0x11}, 100)) || readAll(t, b)[9] != aperiodic(1, 1000)[9] {
		t.Error("wrapped memory is not the memory")
	}
	e := must(d.NewEvent(nil))(t)
	we := must(d.WrapEvent(e.Handle()))(t)
	ok(t, we.Record(ws), s.Wait(e), we.Synchronize())
	if done, err := e.Done(); !done || err != nil || we.Handle() != e.Handle() {
		t.Error("a wrapped event is not the event", err)
	}
	_, err := d.WrapEvent(0)
	wantKind(t, err, tensor.ErrUnsupported, "event")
	frees := count(p.log, "Free") + count(p.log, "FreeStream") + count(p.log, "FreeEvent")
	ok(t, w.Free(), ws.Free(), we.Free())
	if n := count(p.log, "Free") + count(p.log, "FreeStream") + count(p.log, "FreeEvent"); n != frees {
		t.Error("what is somebody else's was freed")
	}
	wantKind(t, we.Synchronize(), tensor.ErrClosed)
	ok(t, e.Free())
	wantKind(t, w.Free(), tensor.ErrClosed)
	wantKind(t, ws.Synchronize(), tensor.ErrClosed)
	for range 10 {
		runtime.GC()
	}
	<-gone // after Free nothing holds it

	for _, bad := range []func() (*Buffer, error){
		func() (*Buffer, error) { return d.WrapPtr(0, 1, nil) },
		func() (*Buffer, error) { return d.WrapPtr(16, -1, nil) },
		func() (*Buffer, error) { return d.WrapPtr(^uintptr(0), 1<<62, nil) },
	} {
		_, err := bad()
		wantKind(t, err, tensor.ErrIndex, "wrapped memory")
	}
	_, err = d.WrapStream(0)
	wantKind(t, err, tensor.ErrUnsupported, "default stream")
	ok(t, must(d.WrapPtr(0, 0, nil))(t).Free(), b.Free(), s.Free())
	ok(t, d.Close())
	p.check()
}

func count(log []string, op string) (n int) {
	for _, s := range log {
		if s == op {
			n++
		}
	}
	return n
}
