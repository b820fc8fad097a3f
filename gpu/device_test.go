package gpu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/host"
	"github.com/tensorfile/tensorfile/tensor"
)

func TestOpenHost(t *testing.T) {
	d := openClean(t, &Options{HostMemory: 10 << 20})
	i := d.Info()
	if d.Backend() != "host" || i.Backend != "host" || i.Why != "" || i.Memory != 10<<20 || i.NUMANode != -1 || d.Context() != 0 {
		t.Errorf("%+v", i)
	}
	if s := i.String(); !strings.HasPrefix(s, "host: ") || !strings.Contains(s, "10 MiB") {
		t.Error(s)
	}
	if free, total, err := d.Memory(); free != 10<<20 || total != free || err != nil {
		t.Error(free, total, err)
	}
	_, err := OpenHost(&Options{HostMemory: -1})
	wantKind(t, err, tensor.ErrIndex, "HostMemory", "-1")
}

// Without CUDA every way to it says why, and OpenAuto says so on the device.
func TestWhyNotCUDA(t *testing.T) {
	defer func(was func() (driver.Driver, error)) { cudaDriver = was }(cudaDriver)
	for _, c := range []struct {
		name string
		drv  driver.Driver
		err  error
		kind error
		text string
	}{
		{"no library", nil, fmt.Errorf("gpu: %w: libcuda.so.1: not found", ErrNoDriver), ErrNoDriver, "libcuda.so.1"},
		{"old", nil, fmt.Errorf("gpu: %w: 9.1 lacks cuFoo", ErrDriverTooOld), ErrDriverTooOld, "cuFoo"},
		{"no device", broken{n: 0}, nil, ErrNoDevice, "device"},
		{"no count", broken{n: -1}, nil, nil, "CUDA_ERROR_UNKNOWN"},
		{"no context", broken{n: 1}, nil, ErrOutOfMemory, "cuDevicePrimaryCtxRetain"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cudaDriver = func() (driver.Driver, error) { return c.drv, c.err }
			check := func(err error) {
				t.Helper()
				if err == nil || c.kind != nil && !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
					t.Errorf("got %v, want %v with %q", err, c.kind, c.text)
				}
			}
			_, err := Open(0, nil)
			check(err)
			if c.name != "no context" {
				_, err = Probe()
				check(err)
			}
			d := must(OpenAuto(nil))(t)
			if i := d.Info(); i.Backend != "host" || !strings.Contains(i.Why, c.text) || !strings.Contains(i.String(), i.Why) {
				t.Errorf("%+v", i)
			}
			ok(t, d.Close())
			if c.drv == nil {
				_, err = AttachCurrent(nil)
				check(err)
				_, err = AttachHandle(1, nil)
				check(err)
			}
		})
	}
	cudaDriver = func() (driver.Driver, error) { return newTap(t, host.Options{}), nil }
	for _, ordinal := range []int{-1, 1} {
		_, err := Open(ordinal, nil)
		wantKind(t, err, tensor.ErrIndex, "device", "0 to 0")
	}
	if infos := must(Probe())(t); len(infos) != 1 || infos[0].Why != "" {
		t.Error(infos)
	}
	d := must(OpenAuto(nil))(t)
	if d.Info().Why != "" {
		t.Error(d.Info())
	}
	ok(t, d.Close())
}

// broken is a driver that has no device to give.
type broken struct{ n int }

func (b broken) Backend() string { return "cuda" }

func (b broken) Count() (int, error) {
	if b.n < 0 {
		return 7, &driver.Error{Op: "cuDeviceGetCount", Code: 999, Name: "CUDA_ERROR_UNKNOWN"}
	}
	return b.n, nil
}

func (b broken) Properties(int) (driver.Properties, error) { return driver.Properties{}, nil }

func (b broken) Open(int) (driver.Device, error) {
	return nil, &driver.Error{Op: "cuDevicePrimaryCtxRetain", Code: driver.OutOfMemory, Name: "CUDA_ERROR_OUT_OF_MEMORY"}
}

func (b broken) Attach(driver.Context) (driver.Device, error) { return nil, errors.New("no") }

func TestBuffers(t *testing.T) {
	d := openClean(t, &Options{HostMemory: 256 << 20})
	s := must(d.NewStream())(t)
	for _, n := range []int{0, 1, 4095, 4096, stage, stage + 1, part + 3} {
		in, next := aperiodic(uint64(n), n), aperiodic(99, n)
		a, b := bytesOf(t, d, in), must(d.Alloc(int64(n)))(t)
		if a.Device() != d || a.Len() != int64(n) || n > 0 && a.Ptr() == 0 {
			t.Fatal(a.Len(), a.Ptr())
		}
		ok(t, s.Fill(b, 7), s.Copy(b, a))
		out := make([]byte, n)
		ok(t, s.Read(ctx, out, b))
		if !bytes.Equal(out, in) || !bytes.Equal(readAll(t, a), in) {
			t.Fatalf("%d bytes changed", n)
		}
		ok(t, s.Write(ctx, b, next), s.Copy(a, b))
		if !bytes.Equal(readAll(t, a), next) {
			t.Fatalf("%d bytes are not those written", n)
		}
		if n > 10 {
			part := must(a.Slice(3, int64(n)-7))(t)
			inner := must(part.Slice(2, 1))(t)
			if !bytes.Equal(readAll(t, part), next[3:n-4]) || inner.Ptr() != a.Ptr()+5 || readAll(t, inner)[0] != next[5] {
				t.Fatal("slices")
			}
			wantKind(t, part.Free(), tensor.ErrUnsupported, "part of a buffer")
			for _, r := range [][2]int64{{-1, 1}, {0, -1}, {0, part.Len() + 1}, {part.Len() + 1, 0}, {2, 1<<63 - 1}} {
				_, err := part.Slice(r[0], r[1])
				wantKind(t, err, tensor.ErrIndex, "slice of a buffer")
			}
			wantKind(t, s.Copy(part, must(a.Slice(0, part.Len()))(t)), tensor.ErrUnsupported, "overlap")
		}
		wantKind(t, a.ReadTo(ctx, make([]byte, n+1)), tensor.ErrShape, "read")
		wantKind(t, a.WriteFrom(ctx, make([]byte, n+1)), tensor.ErrShape, "write")
		ok(t, a.Free(), b.Free())
	}
	_, err := d.Alloc(-1)
	wantKind(t, err, tensor.ErrIndex, "-1 bytes")
	_, err = d.Alloc(1 << 40)
	wantKind(t, err, ErrOutOfMemory, "1099511627776")
	var e *Error
	if !errors.As(err, &e) || e.Sticky || e.Deferred || e.Name != "CUDA_ERROR_OUT_OF_MEMORY" || errors.Is(err, ErrLost) {
		t.Errorf("%+v", e)
	}
	ok(t, d.Err(), s.Free())
}

// What is no buffer, stream, event or tensor is an error where it is an argument.
func TestNothingIsRefused(t *testing.T) {
	d := openClean(t, nil)
	s, b, e := must(d.NewStream())(t), must(d.Alloc(0))(t), must(d.NewEvent(nil))(t)
	m, _ := testModule()
	f := must(d.Func(m, "wild"))(t)
	for _, none := range []*Buffer{nil, {}} {
		_, err := NewTensor(none, tensor.U8, tensor.Shape{0}, nil, 0, 0)
		for i, err := range []error{err, s.Copy(none, b), s.Copy(b, none), s.Fill(none, 1), s.Read(ctx, nil, none), s.Write(ctx, none, nil)} {
			if !errors.Is(err, tensor.ErrUnsupported) {
				t.Errorf("call %d: %v", i, err)
			}
		}
		if Ptr(none) != (Arg{arg: driver.Arg{Type: driver.Pointer}}) {
			t.Error("the address of nothing")
		}
	}
	for _, none := range []*Tensor{nil, {}} {
		if TensorPtr(none) != Ptr(nil) {
			t.Error("the address of nothing")
		}
	}
	for i, err := range []error{s.Wait(nil), s.Wait(&Event{}), e.Record(nil), e.Record(&Stream{}), f.Launch(nil, one, one, 0, Ptr(b)), f.Launch(&Stream{}, one, one, 0, Ptr(b))} {
		if !errors.Is(err, tensor.ErrUnsupported) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	_, err := e.Since(&Event{})
	wantKind(t, err, tensor.ErrUnsupported)
	ok(t, s.Free(), b.Free(), e.Free())
}

// A context that has ended stops a copy between two parts of it.
func TestCopiesLookAtContexts(t *testing.T) {
	d := openClean(t, nil)
	b := must(d.Alloc(3 * part))(t)
	s := must(d.NewStream())(t)
	for after := range 4 {
		c := &countdown{Context: ctx, n: after}
		err := b.ReadTo(c, make([]byte, 3*part))
		if want := after < 3; want != errors.Is(err, context.Canceled) {
			t.Errorf("canceled after %d parts: %v", after, err)
		}
	}
	wantKind(t, s.Write(&countdown{Context: ctx}, b, make([]byte, 3*part)), context.Canceled)
	ok(t, s.Free(), b.Free())
}

// countdown is a context that ends when it has been looked at n times.
type countdown struct {
	context.Context
	n int
}

func (c *countdown) Err() error {
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}

// What a stream reads and writes is in its order.
func TestStreamsReadAndWriteInOrder(t *testing.T) {
	d := openClean(t, nil)
	m, _ := testModule()
	f, add := gate(t, d)
	release := add
	inc := must(d.Func(m, "add"))(t)
	s := must(d.NewStream())(t)
	b := bytesOf(t, d, make([]byte, 1000))
	ok(t, f.Launch(s, one, one, 0), inc.Launch(s, one, one, 0, Ptr(b), U64(1000), U32(5)))
	if done, err := s.Done(); done || err != nil {
		t.Fatal(done, err)
	}
	go func() {
		time.Sleep(2 * time.Millisecond)
		release()
	}()
	out := make([]byte, 1000)
	ok(t, s.Read(ctx, out, b))
	if !bytes.Equal(out, bytes.Repeat([]byte{5}, 1000)) {
		t.Error("the read did not wait for the kernel")
	}
	ok(t, inc.Launch(s, one, one, 0, Ptr(b), U64(1000), U32(1)), s.Write(ctx, b, aperiodic(4, 1000)), inc.Launch(s, one, one, 0, Ptr(b), U64(1000), U32(1)))
	want := aperiodic(4, 1000)
	for i := range want {
		want[i]++
	}
	if !bytes.Equal(readAll(t, b), want) {
		t.Error("the write is not where it was enqueued")
	}
	if done, err := s.Done(); !done || err != nil {
		t.Error(done, err)
	}
	ok(t, s.Free(), b.Free())
}

func TestEvents(t *testing.T) {
	d := openClean(t, nil)
	f, release := gate(t, d)
	m, _ := testModule()
	inc := must(d.Func(m, "add"))(t)
	a, b := must(d.NewStream())(t), must(d.NewStream())(t)
	e, tick, tock := must(d.NewEvent(nil))(t), must(d.NewEvent(&EventOptions{Timing: true}))(t), must(d.NewEvent(&EventOptions{Timing: true}))(t)
	x := bytesOf(t, d, []byte{1})

	ok(t, tick.Record(a), f.Launch(a, one, one, 0), inc.Launch(a, one, one, 0, Ptr(x), U64(1), U32(10)), e.Record(a), tock.Record(a))
	y := bytesOfStream(t, b, []byte{0}) // on b, which waits for nothing yet
	ok(t, b.Wait(e), b.Copy(y, x))
	if done, err := e.Done(); done || err != nil {
		t.Fatal(done, err)
	}
	if done, _ := b.Done(); done {
		t.Fatal("b did not wait")
	}
	ok(t, tick.Synchronize())
	time.Sleep(time.Millisecond)
	release()
	ok(t, e.Synchronize(), b.Synchronize())
	if got := readAll(t, y)[0]; got != 11 {
		t.Errorf("the copy went before the kernel: %d", got)
	}
	if took, err := tock.Since(tick); took < time.Millisecond || err != nil {
		t.Error(took, err)
	}
	_, err := tock.Since(e)
	wantKind(t, err, tensor.ErrUnsupported, "Timing")
	_, err = tock.Since(nil)
	wantKind(t, err, tensor.ErrUnsupported, "event")
	wantKind(t, a.Wait(nil), tensor.ErrUnsupported, "event")
	wantKind(t, e.Record(nil), tensor.ErrUnsupported, "stream")
	ok(t, a.Free(), b.Free(), e.Free(), tick.Free(), tock.Free(), x.Free(), y.Free())
}

// bytesOfStream writes by a stream alone.
func bytesOfStream(t *testing.T, s *Stream, b []byte) *Buffer {
	t.Helper()
	buf := must(s.Device().Alloc(int64(len(b))))(t)
	ok(t, s.Write(ctx, buf, b))
	return buf
}

func TestLaunch(t *testing.T) {
	d := openClean(t, nil)
	other := openClean(t, nil)
	m, seen := testModule()
	s := must(d.NewStream())(t)
	b := must(d.Alloc(64))(t)
	l := must(d.Load(m))(t)
	f := must(l.Func("sum"))(t)
	if f.Name() != "sum" || len(f.Params()) != 7 || f.Device() != d || l.Device() != d {
		t.Error(f.Name(), f.Params())
	}
	args := []Arg{U32(1 << 31), Ptr(b), I32(-5), F32(-1.5), U64(1 << 63), I32(-1 << 31), I64(-1 << 62)}
	grid, block := Dim{X: 3, Y: 2}, Dim{X: 32}
	ok(t, f.Launch(s, grid, block, 48<<10, args...), s.Synchronize())
	want := [7]any{uint32(1 << 31), driver.Ptr(b.Ptr()), int32(-5), float32(-1.5), uint64(1 << 63), int32(-1 << 31), int64(-1 << 62)}
	if got, _ := seen.Load("sum"); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, _ := seen.Load("dims"); got != [2]Dim{grid, block} {
		t.Error(got)
	}
	// Every argument in turn is of the wrong type, and missing.
	for i := range args {
		wrong := append([]Arg{}, args...)
		wrong[i] = F32(0)
		if i == 3 {
			wrong[i] = U32(0)
		}
		wantKind(t, f.Launch(s, one, one, 0, wrong...), tensor.ErrDType, "kernel sum", fmt.Sprintf("argument %d", i))
		wantKind(t, f.Launch(s, one, one, 0, args[:i]...), tensor.ErrDType, fmt.Sprintf("got %d, want 7", i))
	}
	wantKind(t, f.Launch(s, one, one, 0, append(args, U32(1))...), tensor.ErrDType, "got 8")
	foreign := must(other.Alloc(8))(t)
	args[1] = Ptr(foreign)
	wantKind(t, f.Launch(s, one, one, 0, args...), tensor.ErrUnsupported, "argument 1 of sum", "another device")
	args[1] = Ptr(nil)
	ok(t, f.Launch(s, one, one, 0, args...))
	wantKind(t, f.Launch(nil, one, one, 0, args...), tensor.ErrUnsupported, "stream")
	os := must(other.NewStream())(t)
	wantKind(t, f.Launch(os, one, one, 0, args...), tensor.ErrUnsupported, "stream")
	for _, bad := range []struct{ grid, block Dim }{
		{Dim{X: 1 << 31, Y: 1, Z: 1}, one}, {Dim{X: 1, Y: 1 << 16, Z: 1}, one}, {Dim{X: 1, Y: 1, Z: 1 << 16}, one},
		{one, Dim{X: 1025, Y: 1, Z: 1}}, {one, Dim{X: 1, Y: 1025, Z: 1}}, {one, Dim{X: 1, Y: 1, Z: 65}}, {one, Dim{X: 32, Y: 33, Z: 1}}, {one, Dim{X: 1 << 16, Y: 1 << 16, Z: 1}},
	} {
		wantKind(t, f.Launch(s, bad.grid, bad.block, 0, args...), tensor.ErrLimit, "sum")
	}
	wantKind(t, f.Launch(s, one, one, 48<<10+1, args...), tensor.ErrLimit, "shared memory")
	ok(t, f.Launch(s, Dim{X: 1<<31 - 1, Y: 1<<16 - 1, Z: 1<<16 - 1}, Dim{X: 16, Y: 1, Z: 64}, 0, args...))

	_, err := l.Func("none")
	wantKind(t, err, tensor.ErrNotFound, "test", "none")
	var e *Error
	if _, err = l.Func("ptx"); !errors.As(err, &e) || e.Name != "CUDA_ERROR_NOT_SUPPORTED" {
		t.Error(err)
	}
	for _, bad := range []*Module{nil, {Name: "empty"}} {
		_, err = d.Load(bad)
		wantKind(t, err, tensor.ErrUnsupported, "module")
		_, err = d.Func(bad, "x")
		wantKind(t, err, tensor.ErrUnsupported, "module")
	}
	// One that the device keeps is the same every time.
	if a, b := must(d.Func(m, "add"))(t), must(d.Func(m, "add"))(t); a != b {
		t.Error("loaded twice")
	}
	_, err = d.Func(m, "none")
	wantKind(t, err, tensor.ErrNotFound)
	ok(t, l.Free(), s.Free(), os.Free(), b.Free(), foreign.Free())
}

// A launch and its like cost no allocation beyond those of the backend.
func TestCallsDoNotAllocate(t *testing.T) {
	d := newDevice(quiet{}, Info{})
	mod := &Loaded{dev: d, life: life{what: "module"}}
	s := &Stream{dev: d, life: life{what: "stream"}}
	e := &Event{dev: d, life: life{what: "event"}}
	mem := &memory{dev: d, life: life{what: "buffer"}, n: 8}
	b := &Buffer{mem: mem, n: 8}
	f := &Func{mod: mod, kernel: &Kernel{Name: "k", Params: Signature{TypePointer, TypeU64}}}
	n := testing.AllocsPerRun(100, func() {
		if f.Launch(s, one, one, 0, Ptr(b), U64(1)) != nil || e.Record(s) != nil || s.Wait(e) != nil || s.Fill(b, 1) != nil || e.Synchronize() != nil {
			t.Error("failed")
		}
	})
	if n > 0 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}

// quiet is a device on which everything succeeds.
type quiet struct{ driver.Device }

func (quiet) Context() driver.Context                      { return 0 }
func (quiet) Bind() error                                  { return nil }
func (quiet) Unbind() error                                { return nil }
func (quiet) Record(driver.Event, driver.Stream) error     { return nil }
func (quiet) StreamWait(driver.Stream, driver.Event) error { return nil }
func (quiet) EventSynchronize(driver.Event) error          { return nil }
func (quiet) Memset8(driver.Ptr, byte, int64, driver.Stream) error {
	return nil
}
func (quiet) Launch(driver.Function, driver.Dim, driver.Dim, uint32, driver.Stream, []byte, []int) error {
	return nil
}

func TestErrorText(t *testing.T) {
	for _, c := range []struct {
		in   driver.Error
		want string
	}{
		{driver.Error{Op: "cuMemAlloc_v2", Code: 2, Name: "CUDA_ERROR_OUT_OF_MEMORY", Text: "out of memory"}, "gpu: cuMemAlloc_v2: CUDA_ERROR_OUT_OF_MEMORY (2): out of memory"},
		{driver.Error{Op: "cuStreamSynchronize", Code: 719, Name: "CUDA_ERROR_LAUNCH_FAILED"}, "gpu: cuStreamSynchronize: CUDA_ERROR_LAUNCH_FAILED (719); of work that was enqueued earlier, the device is lost"},
		{driver.Error{Op: "cuCtxPushCurrent_v2", Code: 709, Name: "CUDA_ERROR_CONTEXT_IS_DESTROYED"}, "gpu: cuCtxPushCurrent_v2: CUDA_ERROR_CONTEXT_IS_DESTROYED (709); the device is lost"},
		{driver.Error{Op: "cuModuleLoadDataEx", Code: 218, Name: "CUDA_ERROR_INVALID_PTX", Log: "line 3: nonsense\n\x00"}, "gpu: cuModuleLoadDataEx: CUDA_ERROR_INVALID_PTX (218)\nline 3: nonsense"},
	} {
		if got := wrap(&c.in).Error(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	if err := errors.New("x"); !reflect.DeepEqual(wrap(err), err) {
		t.Error("another error changed")
	}
}
