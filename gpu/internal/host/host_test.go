package host

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, o Options) *device {
	t.Helper()
	dev, err := New(o).Open(0)
	if err != nil {
		t.Fatal(err)
	}
	d := dev.(*device)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// must is the value of a call that does not fail.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, c driver.Code) {
	t.Helper()
	var e *driver.Error
	if !errors.As(err, &e) || e.Code != c {
		t.Fatalf("got %v, want code %d", err, c)
	}
	if e.Name == "" {
		t.Errorf("code %d has no name", c)
	}
}

// aperiodic is n bytes that repeat nowhere.
func aperiodic(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.LittleEndian.AppendUint64(b, r.Uint64())
	}
	return b[:n]
}

// load makes functions of Go functions.
func load(t *testing.T, d *device, kernels ...driver.Kernel) []driver.Function {
	t.Helper()
	m := must(d.Load(&driver.Source{Name: "test", Kernels: kernels}))(t)
	var fs []driver.Function
	for _, k := range kernels {
		fs = append(fs, must(d.Function(m, k.Name))(t))
	}
	return fs
}

// gate is a kernel that stands still until it is opened.
func gate(name string) (driver.Kernel, func()) {
	c := make(chan struct{})
	return driver.Kernel{Name: name, Go: func(driver.Memory, driver.Dim, driver.Dim, driver.Args) error {
		<-c
		return nil
	}}, sync.OnceFunc(func() { close(c) })
}

func launch(d *device, f driver.Function, s driver.Stream) error {
	return d.Launch(f, driver.Dim{}, driver.Dim{}, 0, s, nil, nil)
}

func TestStreamsAreInOrder(t *testing.T) {
	d := open(t, Options{})
	var mu sync.Mutex
	var got []uint64
	note := driver.Kernel{Name: "note", Params: driver.Signature{driver.U64}, Go: func(_ driver.Memory, _, _ driver.Dim, a driver.Args) error {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, a.U64(0))
		return nil
	}}
	f := load(t, d, note)[0]
	s := must(d.NewStream())(t)
	var want []uint64
	for i := range uint64(2000) {
		b, at, err := note.Params.Pack(nil, nil, []driver.Arg{{Type: driver.U64, Bits: i * i}})
		ok(t, err, d.Launch(f, driver.Dim{}, driver.Dim{}, 0, s, b, at))
		clear(b) // it is the caller's again
		want = append(want, i*i)
	}
	ok(t, d.StreamSynchronize(s))
	if !slices.Equal(got, want) {
		t.Fatalf("%d of %d launches in order", len(got), len(want))
	}
	ok(t, d.FreeStream(s))
	_, err := d.StreamQuery(s)
	wantCode(t, err, driver.InvalidHandle)
}

// A stream that waits for an event waits for the record that was the latest when
// it was told to, wherever that was, and for no later one.
func TestEventsAreGenerations(t *testing.T) {
	d := open(t, Options{})
	k1, open1 := gate("g1")
	k2, open2 := gate("g2")
	defer open2()
	defer open1()
	fs := load(t, d, k1, k2)
	a, b, c := must(d.NewStream())(t), must(d.NewStream())(t), must(d.NewStream())(t)
	e := must(d.NewEvent(false))(t)

	// Never recorded: nobody waits.
	ok(t, d.StreamWait(c, e), d.EventSynchronize(e), d.StreamSynchronize(c))
	if done, err := d.EventQuery(e); !done || err != nil {
		t.Fatal(done, err)
	}

	ok(t, launch(d, fs[0], a), d.Record(e, a)) // first record, behind gate 1
	ok(t, d.StreamWait(b, e))                  // b waits for it
	ok(t, d.Record(e, c))                      // second record, on an idle stream
	ok(t, d.EventSynchronize(e))
	if done, _ := d.StreamQuery(b); done {
		t.Fatal("b did not wait for the first record")
	}
	if done, _ := d.EventQuery(e); !done {
		t.Fatal("the latest record has happened")
	}
	ok(t, launch(d, fs[1], a), d.Record(e, a)) // third, behind gate 2
	if done, _ := d.EventQuery(e); done {
		t.Fatal("the latest record has not happened")
	}
	open1()
	ok(t, d.StreamSynchronize(b)) // the first is enough
	if done, _ := d.StreamQuery(a); done {
		t.Fatal("gate 2 is closed")
	}
	open2()
	ok(t, d.EventSynchronize(e), d.Synchronize())

	// Freed while somebody waits.
	k3, open3 := gate("g3")
	f3 := load(t, d, k3)[0]
	ok(t, launch(d, f3, a), d.Record(e, a), d.StreamWait(b, e), d.FreeEvent(e))
	if done, _ := d.StreamQuery(b); done {
		t.Fatal("b lost what it waits for")
	}
	open3()
	ok(t, d.StreamSynchronize(b))
	wantCode(t, d.Record(e, a), driver.InvalidHandle)
	wantCode(t, d.StreamWait(a, e), driver.InvalidHandle)
}

func TestElapsed(t *testing.T) {
	d := open(t, Options{})
	s := must(d.NewStream())(t)
	from, to, plain := must(d.NewEvent(true))(t), must(d.NewEvent(true))(t), must(d.NewEvent(false))(t)
	_, err := d.Elapsed(from, to)
	wantCode(t, err, driver.InvalidHandle)
	k, release := gate("g")
	f := load(t, d, k)[0]
	ok(t, d.Record(from, s), launch(d, f, s), d.Record(to, s), d.Record(plain, s))
	ok(t, d.EventSynchronize(from))
	_, err = d.Elapsed(from, to)
	wantCode(t, err, driver.NotReady)
	const nap = 3 * time.Millisecond
	time.Sleep(nap)
	release()
	ok(t, d.StreamSynchronize(s))
	if took := must(d.Elapsed(from, to))(t); took < nap {
		t.Errorf("%v over a pause of %v", took, nap)
	}
	_, err = d.Elapsed(from, plain)
	wantCode(t, err, driver.InvalidHandle)
}

func TestCopies(t *testing.T) {
	d := open(t, Options{})
	s := must(d.NewStream())(t)
	for _, n := range []int{1, 7, 4096, share - 1, share, share + 1, 3*share + 5} {
		in := aperiodic(uint64(n), n)
		a, b := must(d.Alloc(int64(n)))(t), must(d.Alloc(int64(n)))(t)
		out := make([]byte, n)
		ok(t, d.CopyHtoD(a, in, s), d.CopyDtoD(b, a, int64(n), s), d.CopyDtoH(out, b, s))
		if !bytes.Equal(in, out) { // not pinned: the calls have waited
			t.Fatalf("%d bytes arrived changed", n)
		}
		clear(out)
		ok(t, d.CopyHtoD(b, in, 0), d.CopyDtoH(out, b, 0))
		if !bytes.Equal(in, out) {
			t.Fatalf("%d bytes arrived changed without a stream", n)
		}
		ok(t, d.Memset8(a, 0x5c, int64(n), s), d.CopyDtoH(out, a, s))
		if !bytes.Equal(out, bytes.Repeat([]byte{0x5c}, n)) {
			t.Fatalf("memset of %d bytes", n)
		}
		if words := int64(n / 4); words > 0 {
			ok(t, d.Memset32(a, 0x01020304, words, s), d.CopyDtoH(out, a, s))
			want := make([]byte, n)
			for i := range want {
				want[i] = 0x5c
			}
			for i := range words {
				binary.NativeEndian.PutUint32(want[4*i:], 0x01020304)
			}
			if !bytes.Equal(out, want) {
				t.Fatalf("memset of %d words", words)
			}
		}
		for _, bad := range []error{
			d.CopyHtoD(a+1, in, s), d.CopyDtoH(out, a+driver.Ptr(n), s), d.CopyDtoD(a, b+1, int64(n), s),
			d.CopyDtoD(a, b, -1, s), d.Memset8(a, 0, int64(n)+1, s), d.Memset32(a+1, 0, 1, s), d.CopyHtoD(a-1, in[:1], 0),
		} {
			wantCode(t, bad, driver.InvalidValue)
		}
		ok(t, d.Free(a), d.Free(b))
		wantCode(t, d.Free(a), driver.InvalidValue)
	}
}

func TestCopy2D(t *testing.T) {
	d := open(t, Options{})
	s := must(d.NewStream())(t)
	r := rand.New(rand.NewPCG(7, 7))
	refused := 0
	for range 300 {
		width, rows := r.Int64N(40), r.Int64N(20)
		dstPitch, srcPitch := width+r.Int64N(5), width+r.Int64N(5)
		size := r.Int64N(900) + 1
		src := aperiodic(r.Uint64(), int(r.Int64N(900)))
		p := must(d.Alloc(size))(t)
		before := aperiodic(r.Uint64(), int(size))
		ok(t, d.CopyHtoD(p, before, 0))
		want := slices.Clone(before)
		fits := true
		for i := range rows {
			if width == 0 {
				break
			}
			if (i*dstPitch)+width > size || i*srcPitch+width > int64(len(src)) {
				fits = false
			}
		}
		if fits && width > 0 {
			for i := range rows {
				copy(want[i*dstPitch:i*dstPitch+width], src[i*srcPitch:i*srcPitch+width])
			}
		}
		err := d.CopyHtoD2D(p, dstPitch, src, srcPitch, width, rows, s)
		if !fits {
			wantCode(t, err, driver.InvalidValue)
			refused++
		} else {
			ok(t, err)
		}
		got := make([]byte, size)
		ok(t, d.CopyDtoH(got, p, 0), d.Free(p))
		if !bytes.Equal(got, want) {
			t.Fatalf("%d rows of %d, %d and %d apart", rows, width, srcPitch, dstPitch)
		}
	}
	if refused < 20 || refused > 280 {
		t.Errorf("%d of 300 refused", refused)
	}
	for _, err := range []error{
		d.CopyHtoD2D(0, 1, nil, 1, 2, 1, s), d.CopyHtoD2D(0, 1, nil, 1, -1, 1, s), d.CopyHtoD2D(0, 1<<62, make([]byte, 9), 1, 1, 9, s),
	} {
		wantCode(t, err, driver.InvalidValue)
	}
}

// Pinned memory is copied in the stream's time, memory that is not pinned makes the
// call wait.
func TestPinned(t *testing.T) {
	d := open(t, Options{})
	page := os.Getpagesize()
	k, release := gate("g")
	defer release()
	f := load(t, d, k)[0]
	s := must(d.NewStream())(t)
	p := must(d.Alloc(int64(page)))(t)

	b := must(d.HostAlloc(int64(page)))(t)
	mem := must(mapPages(4 * page))(t)
	ok(t, d.HostRegister(mem[page:3*page]))
	if now, most := d.Pinned(); now != int64(3*page) || most != now {
		t.Errorf("pinned %d, at most %d", now, most)
	}
	wantCode(t, d.HostRegister(mem[:2*page]), driver.AlreadyRegistered)
	wantCode(t, d.HostRegister(mem[page:2*page]), driver.AlreadyRegistered)
	wantCode(t, d.HostRegister(mem[:page-1]), driver.InvalidValue)
	wantCode(t, d.HostRegister(mem[1:page+1]), driver.InvalidValue)
	wantCode(t, d.HostRegister(nil), driver.InvalidValue)
	wantCode(t, d.HostUnregister(mem[page:2*page]), driver.NotRegistered)
	wantCode(t, d.HostUnregister(b), driver.NotRegistered)
	wantCode(t, d.HostFree(mem[page:3*page]), driver.InvalidValue)
	_, err := d.HostAlloc(0)
	wantCode(t, err, driver.InvalidValue)

	ok(t, launch(d, f, s))
	ok(t, d.CopyHtoD(p, b, s), d.CopyHtoD(p, mem[page:2*page], s), d.CopyDtoH(mem[2*page:3*page], p, s))
	if done, _ := d.StreamQuery(s); done {
		t.Fatal("the gate is closed")
	}
	returned := make(chan error, 1)
	go func() { returned <- d.CopyHtoD(p, mem[3*page:], s) }()
	select {
	case err := <-returned:
		t.Fatal("a copy of memory that is not pinned went by the gate", err)
	case <-time.After(5 * time.Millisecond):
	}
	copy(b, aperiodic(1, page)) // the copy has not read it yet
	copy(mem[page:], aperiodic(2, page))
	release()
	ok(t, <-returned, d.StreamSynchronize(s))
	if !bytes.Equal(mem[2*page:3*page], aperiodic(2, page)) {
		t.Error("the copy read its source before its turn")
	}
	ok(t, d.HostUnregister(mem[page:3*page]), d.HostFree(b))
	if now, most := d.Pinned(); now != 0 || most != int64(3*page) {
		t.Errorf("pinned %d, at most %d", now, most)
	}
	ok(t, unmapPages(mem))
}

func TestMemoryIsBounded(t *testing.T) {
	d := open(t, Options{Memory: 1 << 20})
	a := must(d.Alloc(700 << 10))(t)
	_, err := d.Alloc(400 << 10)
	wantCode(t, err, driver.OutOfMemory)
	if !strings.Contains(err.Error(), "409600") || !strings.Contains(err.Error(), "331776") {
		t.Errorf("%v does not say what was wanted and what is free", err)
	}
	b := must(d.Alloc(324 << 10))(t)
	if free, total, err := d.MemInfo(); free != 0 || total != 1<<20 || err != nil {
		t.Error(free, total, err)
	}
	ok(t, d.Free(a))
	if free, _, _ := d.MemInfo(); free != 700<<10 {
		t.Error(free)
	}
	ok(t, d.Free(b))
	for _, n := range []int64{0, -1} {
		_, err := d.Alloc(n)
		wantCode(t, err, driver.InvalidValue)
	}
	if machine := machineMemory(); machine < 64<<20 {
		t.Errorf("a machine of %d bytes", machine)
	}
}

// Device memory is none of the garbage collector's.
func TestMemoryIsOutsideOfTheHeap(t *testing.T) {
	d := open(t, Options{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p := must(d.Alloc(64 << 20))(t)
	b := must(d.HostAlloc(64 << 20))(t)
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 16<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	ok(t, d.Free(p), d.HostFree(b))
}

// Free, HostFree and HostUnregister wait for work that uses the memory.
func TestFreeWaits(t *testing.T) {
	page := int64(os.Getpagesize())
	for _, what := range []string{"free", "hostfree", "unregister", "unload", "freestream"} {
		t.Run(what, func(t *testing.T) {
			d := open(t, Options{})
			k, release := gate("g")
			defer release()
			m := must(d.Load(&driver.Source{Name: "m", Kernels: []driver.Kernel{k}}))(t)
			f := must(d.Function(m, "g"))(t)
			s := must(d.NewStream())(t)
			p, b := must(d.Alloc(page))(t), must(d.HostAlloc(page))(t)
			mem := must(mapPages(int(page)))(t)
			defer unmapPages(mem)
			ok(t, d.HostRegister(mem), launch(d, f, s), d.CopyHtoD(p, b, s), d.CopyHtoD(p, mem, s))
			done := make(chan error, 1)
			go func() {
				switch what {
				case "free":
					done <- d.Free(p)
				case "hostfree":
					done <- d.HostFree(b)
				case "unregister":
					done <- d.HostUnregister(mem)
				case "unload":
					done <- d.Unload(m)
				case "freestream":
					done <- d.FreeStream(s)
				}
			}()
			select {
			case err := <-done:
				t.Fatal("it did not wait", err)
			case <-time.After(5 * time.Millisecond):
			}
			release()
			ok(t, <-done, d.Synchronize())
			if what == "unload" {
				_, err := d.Function(m, "g")
				wantCode(t, err, driver.InvalidHandle)
				wantCode(t, launch(d, f, s), driver.InvalidHandle)
				wantCode(t, d.Unload(m), driver.InvalidHandle)
			}
		})
	}
}

// What fails in a stream is found later, and by every call from then on; what was
// enqueued behind is not done, and nobody waits forever.
func TestErrorsOfWorkStick(t *testing.T) {
	for _, c := range []struct {
		name string
		run  func(m driver.Memory, p driver.Ptr) error
		code driver.Code
		text string
	}{
		{"beyond", func(m driver.Memory, p driver.Ptr) error { _, err := m.Bytes(p+1, 4096); return err }, driver.IllegalAddress, "kernel beyond"},
		{"before", func(m driver.Memory, p driver.Ptr) error { _, err := m.Bytes(p-1, 4); return err }, driver.IllegalAddress, "kernel before"},
		{"nowhere", func(m driver.Memory, p driver.Ptr) error { _, err := m.Bytes(64, 4); return err }, driver.IllegalAddress, "0x40"},
		{"error", func(driver.Memory, driver.Ptr) error { return errors.New("no such mode") }, driver.LaunchFailed, "kernel error: no such mode"},
		{"end", func(driver.Memory, driver.Ptr) error { runtime.Goexit(); return nil }, driver.LaunchFailed, "ended its goroutine"},
		{"panic", func(driver.Memory, driver.Ptr) error { panic("index 9") }, driver.LaunchFailed, "index 9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := open(t, Options{})
			p := must(d.Alloc(4096))(t)
			ran := false
			fs := load(t, d,
				driver.Kernel{Name: c.name, Go: func(m driver.Memory, _, _ driver.Dim, _ driver.Args) error { return c.run(m, p) }},
				driver.Kernel{Name: "later", Go: func(driver.Memory, driver.Dim, driver.Dim, driver.Args) error { ran = true; return nil }})
			s, other := must(d.NewStream())(t), must(d.NewStream())(t)
			e := must(d.NewEvent(false))(t)
			k, release := gate("gate")
			g := load(t, d, k)[0]
			ok(t, launch(d, g, s), launch(d, fs[0], s), launch(d, fs[1], s), d.Record(e, s), d.StreamWait(other, e))
			release()
			err := d.StreamSynchronize(s)
			wantCode(t, err, c.code)
			if !strings.Contains(err.Error(), c.text) {
				t.Errorf("%v does not say %q", err, c.text)
			}
			if ran {
				t.Error("work behind the error was done")
			}
			d.wait() // returns: events happen on a lost device too
			calls := []error{
				d.Synchronize(), d.StreamSynchronize(0), d.StreamSynchronize(other), d.Record(e, s), d.StreamWait(s, e), d.EventSynchronize(e),
				d.CopyHtoD(p, []byte{1}, 0), d.CopyDtoH(make([]byte, 1), p, 0), d.CopyDtoD(p, p, 1, 0), d.Memset8(p, 0, 1, 0), d.Memset32(p, 0, 1, 0),
				d.Free(p), d.FreeStream(s), d.FreeEvent(e), launch(d, fs[1], s), d.HostRegister(make([]byte, 4096)),
			}
			add := func(_ any, err error) { calls = append(calls, err) }
			add(d.Alloc(1))
			add(d.HostAlloc(1))
			add(d.NewStream())
			add(d.NewEvent(false))
			add(d.StreamQuery(s))
			add(d.EventQuery(e))
			add(d.Load(&driver.Source{}))
			add(d.Function(1, "x"))
			add(d.Elapsed(e, e))
			for i, got := range calls {
				if got == nil || got.Error() != err.Error() {
					t.Errorf("call %d: got %v, want %v", i, got, err)
				}
			}
		})
	}
}

// Host memory can be freed on a lost device.
func TestHostMemoryOfALostDevice(t *testing.T) {
	d := open(t, Options{})
	b := must(d.HostAlloc(100))(t)
	mem := must(mapPages(os.Getpagesize()))(t)
	ok(t, d.HostRegister(mem))
	d.lose(errors.New("lost"))
	ok(t, d.HostFree(b), d.HostUnregister(mem), unmapPages(mem))
	if now, _ := d.Pinned(); now != 0 {
		t.Errorf("%d bytes are pinned", now)
	}
}

func TestClose(t *testing.T) {
	d := open(t, Options{})
	k, release := gate("g")
	f := load(t, d, k)[0]
	s := must(d.NewStream())(t)
	must(d.Alloc(1))(t)
	must(d.HostAlloc(1))(t)
	ok(t, launch(d, f, s))
	closed := make(chan error, 1)
	go func() { closed <- d.Close() }()
	select {
	case err := <-closed:
		t.Fatal("it did not wait", err)
	case <-time.After(5 * time.Millisecond):
	}
	release()
	ok(t, <-closed)
	wantCode(t, d.Synchronize(), driver.ContextDestroyed)
	_, err := d.Alloc(1)
	wantCode(t, err, driver.ContextDestroyed)
	ok(t, d.Close())
}

func TestDriver(t *testing.T) {
	h := New(Options{Memory: 1 << 30})
	if n, err := h.Count(); n != 1 || err != nil || h.Backend() != "host" {
		t.Error(n, err, h.Backend())
	}
	if p := must(h.Properties(0))(t); p.Memory != 1<<30 || !strings.Contains(p.Name, runtime.GOARCH) {
		t.Errorf("%+v", p)
	}
	_, err := h.Open(1)
	wantCode(t, err, driver.InvalidDevice)
	_, err = h.Attach(0)
	wantCode(t, err, driver.InvalidContext)
	d := open(t, Options{})
	_, err = d.Function(99, "x")
	wantCode(t, err, driver.InvalidHandle)
	m := must(d.Load(&driver.Source{Name: "m", Kernels: []driver.Kernel{{Name: "ptx only"}}}))(t)
	_, err = d.Function(m, "none")
	wantCode(t, err, driver.NotFound)
	_, err = d.Function(m, "ptx only")
	wantCode(t, err, driver.NotSupported)
}

// Many goroutines make, use and free what they want at once: each sees its own
// bytes, and the race detector has nothing to say.
func TestConcurrentUse(t *testing.T) {
	d := open(t, Options{})
	var wg sync.WaitGroup
	double := driver.Kernel{Name: "double", Params: driver.Signature{driver.Pointer, driver.U32}, Go: func(m driver.Memory, _, _ driver.Dim, a driver.Args) error {
		b, err := m.Bytes(a.Ptr(0), int64(a.U32(1)))
		for i := range b {
			b[i] *= 2
		}
		return err
	}}
	f := load(t, d, double)[0]
	for g := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 3))
			s, err := d.NewStream()
			ok(t, err)
			e, err := d.NewEvent(false)
			ok(t, err)
			for range 60 {
				n := r.IntN(5000) + 1
				in := aperiodic(r.Uint64(), n)
				p, err := d.Alloc(int64(n))
				ok(t, err)
				q, err := d.Alloc(int64(n))
				ok(t, err)
				other, err := d.NewStream()
				ok(t, err)
				b, at, err := double.Params.Pack(nil, nil, []driver.Arg{{Type: driver.Pointer, Bits: uint64(p)}, {Type: driver.U32, Bits: uint64(n)}})
				ok(t, err, d.CopyHtoD(p, in, s), d.Launch(f, driver.Dim{}, driver.Dim{}, 0, s, b, at), d.Record(e, s))
				ok(t, d.StreamWait(other, e), d.CopyDtoD(q, p, int64(n), other))
				out := make([]byte, n)
				ok(t, d.CopyDtoH(out, q, other))
				for i := range in {
					if out[i] != 2*in[i] {
						t.Errorf("byte %d of %d: %d of %d", i, n, out[i], in[i])
						break
					}
				}
				ok(t, d.Free(p), d.Free(q), d.FreeStream(other))
			}
			ok(t, d.FreeStream(s), d.FreeEvent(e))
		})
	}
	wg.Wait()
	if n := d.memory.size(); n != 0 {
		t.Errorf("%d bytes are allocated", n)
	}
}
