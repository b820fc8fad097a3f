package gpu

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/host"
	"github.com/tensorfile/tensorfile/tensor"
)

// Whatever was freed or closed says so, whoever uses it.
func TestUseAfterFree(t *testing.T) {
	d := openClean(t, nil)
	m, _ := testModule()
	s, gone := must(d.NewStream())(t), must(d.NewStream())(t)
	e, past := must(d.NewEvent(nil))(t), must(d.NewEvent(&EventOptions{Timing: true}))(t)
	now := must(d.NewEvent(&EventOptions{Timing: true}))(t)
	b, freed := must(d.Alloc(8))(t), must(d.Alloc(8))(t)
	x := must(d.Make(tensor.F32, tensor.Shape{2}))(t)
	part := must(freed.Slice(0, 8))(t)
	l := must(d.Load(m))(t)
	f, kept := must(l.Func("add"))(t), must(d.Func(m, "add"))(t)
	ok(t, gone.Free(), past.Free(), freed.Free(), l.Free(), x.Free())
	buf := make([]byte, 8)
	view := must(tensor.Make(tensor.F32, tensor.Shape{2}))(t)
	uses := map[string]func() error{
		"buffer free": freed.Free, "slice free": func() error { return part.Free() },
		"buffer read": func() error { return freed.ReadTo(ctx, buf) }, "slice read": func() error { return part.ReadTo(ctx, buf) },
		"buffer write": func() error { return freed.WriteFrom(ctx, buf) },
		"stream read":  func() error { return s.Read(ctx, buf, freed) }, "stream write": func() error { return s.Write(ctx, freed, buf) },
		"copy from": func() error { return s.Copy(b, freed) }, "copy to": func() error { return s.Copy(part, b) }, "fill": func() error { return s.Fill(freed, 0) },
		"launch": func() error { return kept.Launch(s, one, one, 0, Ptr(part), U64(8), U32(1)) },
		"module": func() error { return f.Launch(s, one, one, 0, Ptr(b), U64(8), U32(1)) }, "module free": l.Free,
		"module func":   func() error { _, err := l.Func("add"); return err },
		"stream launch": func() error { return kept.Launch(gone, one, one, 0, Ptr(b), U64(8), U32(1)) },
		"stream sync":   gone.Synchronize, "stream free": gone.Free, "stream done": func() error { _, err := gone.Done(); return err },
		"stream wait": func() error { return gone.Wait(e) }, "gone read": func() error { return gone.Read(ctx, buf, b) },
		"record on": func() error { return e.Record(gone) }, "record": func() error { return past.Record(s) }, "wait": func() error { return s.Wait(past) },
		"event sync": past.Synchronize, "event free": past.Free, "event done": func() error { _, err := past.Done(); return err },
		"since": func() error { _, err := now.Since(past); return err }, "until": func() error { _, err := past.Since(now); return err },
		"tensor": x.Free, "tensor read": func() error { return x.ReadTo(ctx, view) }, "tensor write": func() error { return x.Write(ctx, view) },
		"tensor launch": func() error { return kept.Launch(s, one, one, 0, TensorPtr(x), U64(8), U32(1)) },
	}
	for name, use := range uses {
		err := use()
		if !errors.Is(err, tensor.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Logf("%d uses of what was freed", len(uses))
	ok(t, s.Free(), e.Free(), b.Free(), now.Free())

	// And all of it when the device is closed.
	c := must(OpenHost(nil))(t)
	s2, e2, b2 := must(c.NewStream())(t), must(c.NewEvent(nil))(t), must(c.Alloc(8))(t)
	k2 := must(c.Func(m, "add"))(t)
	wantLeaks(t, c.Close(), "1 stream, 1 event, 1 buffer (8 bytes)")
	add := func(_ any, err error) error { return err }
	after := []error{
		add(c.Alloc(1)), add(c.Alloc(0)), add(c.NewStream()), add(c.NewEvent(nil)), add(c.Load(m)), add(c.Func(m, "add")), add(c.WrapPtr(16, 8, nil)), add(c.WrapStream(9)), add(c.MakeCurrent()),
		c.Synchronize(), s2.Synchronize(), s2.Free(), e2.Record(s2), e2.Free(), b2.Free(), b2.ReadTo(ctx, buf), s2.Fill(b2, 1), k2.Launch(s2, one, one, 0, Ptr(b2), U64(8), U32(1)),
	}
	if f, total, err := c.Memory(); f != 0 || total != 0 || !errors.Is(err, tensor.ErrClosed) {
		t.Error(f, total, err)
	}
	for i, err := range after {
		if !errors.Is(err, tensor.ErrClosed) {
			t.Errorf("call %d on a closed device: %v", i, err)
		}
	}
	ok(t, c.Close())
}

func wantLeaks(t *testing.T, err error, text string) *LeakError {
	t.Helper()
	var e *LeakError
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want leaks", err)
	}
	if !strings.Contains(e.Error(), text) {
		t.Errorf("%q does not say %q", e, text)
	}
	return e
}

func TestLeaksAreReported(t *testing.T) {
	p := newTap(t, host.Options{})
	d := must(openOn(p, 0))(t)
	m, _ := testModule()
	must(d.Alloc(100))(t)
	must(d.Make(tensor.F64, tensor.Shape{5, 5}))(t)
	must(d.Alloc(0))(t)
	must(d.NewStream())(t)
	must(d.NewEvent(nil))(t)
	must(d.NewEvent(nil))(t)
	must(d.Load(m))(t)
	must(d.Func(m, "add"))(t) // the device's own
	e := wantLeaks(t, d.Close(), "3 buffers (300 bytes), 1 stream, 2 events, 1 module; the first made at life_test.go:")
	if len(e.Leaks) != 7 || e.Leaks[1].Bytes != 200 || e.Leaks[6].Kind != "module" {
		t.Errorf("%+v", e.Leaks)
	}
	for _, l := range e.Leaks {
		if file, _, _ := strings.Cut(l.Where, ":"); file != "life_test.go" || filepath.IsAbs(file) {
			t.Errorf("%s made at %s", l.Kind, l.Where)
		}
	}
	p.check()
}

// A context that cannot be made current any more keeps Close from freeing what is
// in it, but not from ending.
func TestCloseWithoutTheContext(t *testing.T) {
	p := newTap(t, host.Options{})
	d := must(openOn(p, 0))(t)
	b := bytesOf(t, d, []byte{1})
	p.unbound = true
	var e *Error
	if err := b.Free(); !errors.As(err, &e) || e.Code != 201 {
		t.Error(err)
	}
	err := d.Close()
	wantLeaks(t, err, "1 buffer (1 bytes)")
	if !errors.As(err, &e) || e.Op != "Bind" || p.opened != 0 {
		t.Error(err, p.opened)
	}
	wantKind(t, b.Free(), tensor.ErrClosed)
}

// What this machine has is told, or why it has nothing.
func TestProbeHere(t *testing.T) {
	infos, err := Probe()
	for _, i := range infos {
		t.Log(i)
	}
	switch {
	case err == nil && len(infos) > 0:
	case errors.Is(err, ErrNoDriver), errors.Is(err, ErrNoDevice), errors.Is(err, ErrDriverTooOld):
		t.Log(err)
		if !strings.HasPrefix(err.Error(), "gpu: ") || infos != nil {
			t.Error(infos)
		}
	default:
		t.Error(infos, err)
	}
	for _, none := range []string{"", "../x", "ffff:ff:1f.7", "a\x00b"} {
		if n := numaNode(none); n != -1 {
			t.Errorf("device %q is at node %d", none, n)
		}
	}
}

// What is enqueued is done before its stream, its module or its memory goes.
func TestFreesWait(t *testing.T) {
	p := newTap(t, host.Options{})
	d := must(openOn(p, 0))(t)
	m, _ := testModule()
	s, b, l := must(d.NewStream())(t), must(d.Alloc(8))(t), must(d.Load(m))(t)
	for _, c := range []struct {
		free        func() error
		wait, frees string
	}{{s.Free, "StreamSynchronize", "FreeStream"}, {b.Free, "Synchronize", "Free"}, {l.Free, "Synchronize", "Unload"}} {
		p.log = nil
		ok(t, c.free())
		if want := []string{"Bind", c.wait, c.frees, "Unbind"}; !slices.Equal(p.log, want) {
			t.Errorf("calls %v, want %v", p.log, want)
		}
	}
	ok(t, d.Close())
	p.check()
}

// Errors that a device does not survive come back from every call, the first of
// them, and Close frees what it can.
func TestStickyErrors(t *testing.T) {
	d := must(OpenHost(nil))(t)
	m, _ := testModule()
	s := must(d.NewStream())(t)
	e := must(d.NewEvent(nil))(t)
	b := must(d.Alloc(16))(t)
	x := must(d.Make(tensor.U8, tensor.Shape{4}))(t)
	wild, add := must(d.Func(m, "wild"))(t), must(d.Func(m, "add"))(t)
	ok(t, wild.Launch(s, one, one, 0, Ptr(b)))
	first := s.Synchronize()
	var err *Error
	if !errors.As(first, &err) || !err.Sticky || !err.Deferred || err.Code != 700 || !errors.Is(first, ErrLost) || !strings.Contains(first.Error(), "kernel wild") ||
		!strings.Contains(first.Error(), "enqueued earlier") {
		t.Fatalf("%v", first)
	}
	get := func(_ any, err error) error { return err }
	buf := make([]byte, 16)
	for i, got := range []error{
		d.Err(), d.Synchronize(), s.Synchronize(), s.Free(), e.Record(s), e.Synchronize(), s.Wait(e), e.Free(), b.Free(), b.ReadTo(ctx, buf), b.WriteFrom(ctx, buf),
		s.Fill(b, 0), add.Launch(s, one, one, 0, Ptr(b), U64(16), U32(1)), get(d.Alloc(1)), get(d.NewStream()), get(d.NewEvent(nil)), get(d.Load(m)), get(d.Func(m, "sum")),
		get(d.Make(tensor.U8, tensor.Shape{1})), get(x.Read(ctx)), get(s.Done()), get(e.Done()), get(d.MakeCurrent()), get(d.WrapPtr(16, 1, nil)), get(d.WrapStream(5)),
	} {
		if got != first {
			t.Errorf("call %d: got %v, want the first error", i, got)
		}
	}
	closed := d.Close()
	if !errors.Is(closed, first) {
		t.Errorf("Close said %v", closed)
	}
	wantLeaks(t, closed, "1 stream, 1 event, 2 buffers (20 bytes)")
}

// Another error than a sticky one leaves the device as it is.
func TestOtherErrorsPass(t *testing.T) {
	d := openClean(t, nil)
	b := bytesOf(t, d, aperiodic(1, 100))
	far := must(d.WrapPtr(b.Ptr(), 1<<20, nil))(t) // more than there is
	var e *Error
	if err := far.ReadTo(ctx, make([]byte, 1<<20)); !errors.As(err, &e) || e.Sticky || e.Code != 1 {
		t.Error(err)
	}
	if !bytes.Equal(readAll(t, b), aperiodic(1, 100)) {
		t.Error("the buffer changed")
	}
	ok(t, far.Free(), b.Free())
}

// Free and Close wait for calls that are under way, and let no later one in.
func TestEndsWaitForCalls(t *testing.T) {
	d := must(OpenHost(nil))(t)
	f, release := gate(t, d)
	s := must(d.NewStream())(t)
	b := must(d.Alloc(8))(t)
	ok(t, f.Launch(s, one, one, 0))
	started, read := make(chan struct{}), make(chan error, 1)
	go func() {
		close(started)
		read <- s.Read(ctx, make([]byte, 8), b)
	}()
	<-started
	time.Sleep(2 * time.Millisecond) // most likely it waits for the gate by now
	freed, closed := make(chan error, 1), make(chan error, 1)
	go func() { freed <- b.Free() }()
	time.Sleep(time.Millisecond)
	go func() { closed <- d.Close() }()
	select {
	case err := <-freed:
		t.Fatal("Free did not wait", err)
	case err := <-closed:
		t.Fatal("Close did not wait", err)
	case <-time.After(5 * time.Millisecond):
	}
	release()
	if err := <-read; err != nil && !errors.Is(err, tensor.ErrClosed) {
		t.Error(err)
	}
	if err := <-freed; err != nil && !errors.Is(err, tensor.ErrClosed) {
		t.Error(err)
	}
	wantLeaks(t, <-closed, "1 stream")
}

// wholeLife uses everything once and returns what in becomes. What a Close says of
// leaks, after a failure, is no news.
func wholeLife(p driver.Driver, m *Module, in []byte) (out []byte, err error) {
	d, err := openOn(p, 0)
	if err != nil {
		return nil, err
	}
	defer func() {
		var leaks *LeakError
		if e := d.Close(); e != nil && !errors.As(e, &leaks) {
			err = errors.Join(err, e)
		}
	}()
	a, err := d.Alloc(5000)
	if err != nil {
		return nil, err
	}
	b, err := d.Make(tensor.U8, tensor.Shape{50, 100})
	if err != nil {
		return nil, err
	}
	s, err := d.NewStream()
	if err != nil {
		return nil, err
	}
	s2, err := d.NewStream()
	if err != nil {
		return nil, err
	}
	e, err := d.NewEvent(&EventOptions{Timing: true})
	if err != nil {
		return nil, err
	}
	e2, err := d.NewEvent(&EventOptions{Timing: true})
	if err != nil {
		return nil, err
	}
	f, err := d.Func(m, "add")
	if err != nil {
		return nil, err
	}
	l, err := d.Load(m)
	if err != nil {
		return nil, err
	}
	g, err := l.Func("add")
	if err != nil {
		return nil, err
	}
	if _, _, err := d.Memory(); err != nil {
		return nil, err
	}
	restore, err := d.MakeCurrent()
	if err != nil {
		return nil, err
	}
	if err := restore(); err != nil {
		return nil, err
	}
	steps := []func() error{
		func() error { return a.WriteFrom(ctx, in) },
		func() error { return e.Record(s) },
		func() error { return f.Launch(s, one, one, 0, Ptr(a), U64(5000), U32(2)) },
		func() error { return g.Launch(s, one, one, 0, Ptr(a), U64(5000), U32(1)) },
		func() error { return e2.Record(s) },
		func() error { return s2.Wait(e2) },
		func() error { return s2.Fill(b.Buffer(), 0) },
		func() error { return s2.Copy(b.Buffer(), a) },
		func() error { _, err := e2.Done(); return err },
		func() error { _, err := e2.Since(e); return err },
		func() error { _, err := s2.Done(); return err },
		s2.Synchronize,
		func() error {
			v, err := b.Read(ctx)
			if err == nil {
				out, err = v.Bytes()
			}
			return err
		},
		l.Free, e.Free, e2.Free, s.Free, s2.Free, a.Free, b.Free, d.Synchronize,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Each call of the driver in a life of a device fails once. Whatever fails is
// reported under its name or is one of freeing, nothing is left, no thread keeps the
// context, and results are right or not there.
func TestEveryCallCanFail(t *testing.T) {
	m, _ := testModule()
	in := aperiodic(8, 5000)
	want := bytes.Clone(in)
	for i := range want {
		want[i] += 3
	}
	for _, code := range []driver.Code{driver.OutOfMemory, driver.LaunchFailed} {
		n := 1
		for ; ; n++ {
			p := newTap(t, host.Options{})
			p.fail, p.with = n, code
			out, err := wholeLife(p, m, in)
			if p.failed == "" {
				ok(t, err)
				if !bytes.Equal(out, want) {
					t.Fatal("wrong result without a failure")
				}
				p.check()
				break
			}
			if err == nil {
				t.Errorf("call %d, %s, failed and nobody said so", n, p.failed)
			} else if !strings.Contains(err.Error(), p.failed) {
				t.Errorf("call %d, %s, failed: %v", n, p.failed, err)
			}
			if p.failed == "Close" {
				p.opened = 0
			}
			if code.Sticky() {
				clear(p.live) // nothing is there any more
			}
			p.check()
			if out != nil && !bytes.Equal(out, want) {
				t.Errorf("call %d, %s, failed: wrong result", n, p.failed)
			}
		}
		t.Logf("%d calls of the driver failed with %d", n-1, code)
		if n < 80 {
			t.Errorf("only %d calls", n-1)
		}
	}
}

// Everything at once, from goroutines that know nothing of each other.
func TestConcurrentUse(t *testing.T) {
	p := newTap(t, host.Options{})
	d := must(openOn(p, 0))(t)
	m, _ := testModule()
	shared := bytesOf(t, d, aperiodic(5, 4096))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			s, err := d.NewStream()
			if err != nil {
				t.Error(err)
				return
			}
			for i := range 25 {
				if err := useAll(d, s, m, shared, byte(g*25+i)); err != nil {
					t.Error(err)
				}
			}
			if err := s.Free(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	ok(t, shared.Free(), d.Close())
	p.check()
	p.mu.Lock()
	t.Logf("%d calls of the driver", p.calls)
	p.mu.Unlock()
}

// useAll adds k to a copy of what is shared and looks at the result.
func useAll(d *Device, s *Stream, m *Module, shared *Buffer, k byte) error {
	f, err := d.Func(m, "add")
	if err != nil {
		return err
	}
	e, err := d.NewEvent(nil)
	if err != nil {
		return err
	}
	b, err := d.Alloc(4096)
	if err != nil {
		return err
	}
	other, err := d.NewStream()
	if err != nil {
		return err
	}
	out := make([]byte, 4096)
	err = errors.Join(s.Copy(b, shared), e.Record(s), other.Wait(e), f.Launch(other, one, one, 0, Ptr(b), U64(4096), U32(uint32(k))), other.Read(ctx, out, b))
	for i, x := range aperiodic(5, 4096) {
		if out[i] != x+k {
			return fmt.Errorf("byte %d is %d, not %d", i, out[i], x+k)
		}
	}
	return errors.Join(err, e.Free(), b.Free(), other.Free())
}

// Some free while others use: a call works or is ErrClosed, and nothing dies.
func TestFreeingRaces(t *testing.T) {
	m, _ := testModule()
	worked, refused := 0, 0
	for round := range 40 {
		d := must(OpenHost(nil))(t)
		f := must(d.Func(m, "add"))(t)
		s := must(d.NewStream())(t)
		b := must(d.Alloc(1 << 16))(t)
		var wg sync.WaitGroup
		var mu sync.Mutex
		note := func(err error) {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				worked++
			case errors.Is(err, tensor.ErrClosed):
				refused++
			default:
				t.Error(err)
			}
		}
		for g := range 4 {
			wg.Go(func() {
				for range 10 {
					switch g {
					case 0:
						note(f.Launch(s, one, one, 0, Ptr(b), U64(1<<16), U32(1)))
					case 1:
						note(s.Fill(b, 1))
					case 2:
						note(b.ReadTo(ctx, make([]byte, 1<<16)))
					case 3:
						note(s.Write(ctx, b, make([]byte, 1<<16)))
					}
				}
			})
		}
		wg.Go(func() {
			switch round % 3 {
			case 0:
				note(b.Free())
			case 1:
				note(s.Free())
			case 2:
				var leaks *LeakError
				if err := d.Close(); !errors.As(err, &leaks) {
					t.Error(err)
				}
			}
		})
		wg.Wait()
		d.Close()
	}
	t.Logf("%d calls worked, %d were refused", worked, refused)
	if worked == 0 || refused == 0 {
		t.Error("no race")
	}
}
