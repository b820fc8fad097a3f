//go:build linux && !android && !nogpu && (amd64 || arm64)

package gpu

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/tensorfile/tensorfile/gpu/internal/cuda"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/fakecuda"
	"github.com/tensorfile/tensorfile/tensor"
)

// openFake is a device over the fake driver, through all of what calls NVIDIA's.
func openFake(f *fakecuda.Fake) (*Device, error) {
	drv, err := cuda.FromTable(f.Table())
	if err != nil {
		return nil, err
	}
	return openOn(drv, 0)
}

// fakeModule is testModule as the fake loads it.
func fakeModule() *Module {
	m, _ := testModule()
	m.PTX = "// test\n"
	return m
}

func TestFakeLife(t *testing.T) {
	in := aperiodic(8, 5000)
	want := slices.Clone(in)
	for i := range want {
		want[i] += 3
	}
	m := fakeModule()
	life := func(f *fakecuda.Fake) error {
		drv, err := cuda.FromTable(f.Table())
		if f.Failed() == "cuDriverGetVersion" && errors.Is(err, ErrDriverTooOld) {
			return nil // it does not say how old it is
		}
		if err != nil {
			return err
		}
		out, err := wholeLife(drv, m, in)
		if err == nil && !bytes.Equal(out, want) {
			t.Error("wrong result")
		}
		return err
	}
	for _, order := range []fakecuda.Order{fakecuda.Lazy, fakecuda.Eager, fakecuda.Random} {
		for seed := range uint64(20) {
			f := fakecuda.New(fakecuda.Options{Order: order, Seed: seed, Busy: int(seed % 3), Sources: []*Module{m}})
			ok(t, life(f))
			f.Check(t)
		}
	}
	// What is not there is done without.
	for _, missing := range []string{"cuDeviceGetUuid", "cuDeviceGetPCIBusId"} {
		f := fakecuda.New(fakecuda.Options{Missing: []string{missing}, Sources: []*Module{m}})
		ok(t, life(f))
		f.Check(t)
	}
	n := fakecuda.FailEach(t, fakecuda.Options{Sources: []*Module{m}, MayFail: []string{
		// What may be unknown of a driver or of a device.
		"cuDriverGetVersion", "cuDeviceGetUuid", "cuDeviceGetPCIBusId",
	}}, life)
	t.Logf("%d calls of the driver failed, each in a life of its own", n)
	if n < 80 {
		t.Errorf("only %d calls", n)
	}
}

// Work that fails on the device is told by a later call, as the first error ever
// after, and nothing is left behind.
func TestFakeWorkFails(t *testing.T) {
	m := fakeModule()
	runs := 0
	for n := 1; ; n++ {
		for _, order := range []fakecuda.Order{fakecuda.Lazy, fakecuda.Eager} {
			f := fakecuda.New(fakecuda.Options{Order: order, FailWork: n, FailWorkCode: driver.LaunchFailed, Sources: []*Module{m}})
			drv := must(cuda.FromTable(f.Table()))(t)
			_, err := wholeLife(drv, m, aperiodic(8, 5000))
			works := f.Stats().Works
			f.Check(t)
			if works < n {
				ok(t, err)
				t.Logf("%d runs in which work failed", runs)
				if runs < 10 {
					t.Error("too few")
				}
				return
			}
			runs++
			var e *Error
			if !errors.As(err, &e) || e.Code != 719 || !e.Sticky || !e.Deferred || !errors.Is(err, ErrLost) {
				t.Errorf("work %d failed: %v", n, err)
			}
		}
	}
}

func TestFakeProbe(t *testing.T) {
	defer func(was func() (driver.Driver, error)) { cudaDriver = was }(cudaDriver)
	with := func(o fakecuda.Options, check func(f *fakecuda.Fake)) {
		t.Helper()
		f := fakecuda.New(o)
		cudaDriver = func() (driver.Driver, error) {
			d, err := cuda.FromTable(f.Table())
			if err != nil {
				return nil, fmt.Errorf("gpu: %w", wrap(err))
			}
			return d, nil
		}
		check(f)
		f.Check(t)
	}
	with(fakecuda.Options{Devices: 3}, func(*fakecuda.Fake) {
		infos := must(Probe())(t)
		if len(infos) != 3 || infos[2].Ordinal != 2 || infos[0].Backend != "cuda" || infos[0].Memory == 0 || infos[0].Driver != 12080 {
			t.Errorf("%+v", infos)
		}
		d := must(Open(2, nil))(t)
		if d.Info() != infos[2] {
			t.Errorf("%+v, probed %+v", d.Info(), infos[2])
		}
		t.Log(d.Info())
		ok(t, d.Close())
	})
	for _, c := range []struct {
		o    fakecuda.Options
		kind error
		text string
	}{
		{fakecuda.Options{Devices: -1}, ErrNoDevice, ""},
		{fakecuda.Options{InitCode: driver.NoDevice}, ErrNoDevice, "CUDA_ERROR_NO_DEVICE"},
		{fakecuda.Options{Version: 9020}, ErrDriverTooOld, "9.2"},
		{fakecuda.Options{Missing: []string{"cuLaunchKernel"}}, ErrDriverTooOld, "cuLaunchKernel"},
		{fakecuda.Options{InitCode: driver.DriverMismatch}, ErrNoDriver, "803"},
	} {
		with(c.o, func(*fakecuda.Fake) {
			_, err := Probe()
			wantKind(t, err, c.kind, c.text)
			_, err = Open(0, nil)
			wantKind(t, err, c.kind, c.text)
			d := must(OpenAuto(nil))(t)
			if d.Backend() != "host" || d.Info().Why != err.Error() {
				t.Errorf("%+v", d.Info())
			}
			ok(t, d.Close())
		})
	}
	// A context of another binding: attached where it is current, left as it is.
	with(fakecuda.Options{}, func(f *fakecuda.Fake) {
		c := f.NewContext(0)
		d := must(AttachHandle(uintptr(c), nil))(t)
		b := bytesOf(t, d, []byte("theirs"))
		if d.Context() != uintptr(c) || string(readAll(t, b)) != "theirs" {
			t.Error("another context")
		}
		ok(t, b.Free(), d.Close())
		d = must(AttachHandle(uintptr(c), nil))(t)
		ok(t, d.Close())
		f.Destroy(c)
	})
}

// A module that does not compile brings the log of the compiler along.
func TestFakeCompilerLog(t *testing.T) {
	f := fakecuda.New(fakecuda.Options{})
	d := must(openFake(f))(t)
	_, err := d.Load(fakeModule())
	var e *Error
	if !errors.As(err, &e) || e.Name != "CUDA_ERROR_INVALID_PTX" || e.Log == "" || !bytes.Contains([]byte(err.Error()), []byte(e.Log)) {
		t.Errorf("%v", err)
	}
	ok(t, d.Err(), d.Close())
	f.Check(t)
}

// The host backend and CUDA, in whatever order the fake does its work, do the same:
// programs of random calls, which order what touches the same memory and nothing
// else, read the same bytes and get errors of the same kinds.
func TestHostIsLikeCUDA(t *testing.T) {
	seed := uint64(20261121)
	if s := os.Getenv("TENSORFILE_GPU_SEED"); s != "" {
		seed = must(strconv.ParseUint(s, 10, 64))(t)
	}
	programs, lines := 60, 0
	if testing.Short() || raceEnabled {
		programs = 10
	}
	for i := range uint64(programs) {
		m := fakeModule()
		const memory = 4 << 20
		h := must(OpenHost(&Options{HostMemory: memory}))(t)
		want := program(h, m, seed+i)
		for _, order := range []fakecuda.Order{fakecuda.Lazy, fakecuda.Eager, fakecuda.Random} {
			f := fakecuda.New(fakecuda.Options{Order: order, Seed: seed + i, Memory: memory, Busy: int(i % 4), Sources: []*Module{m}})
			d := must(openFake(f))(t)
			got := program(d, m, seed+i)
			f.Check(t)
			for j := range want {
				if j >= len(got) || got[j] != want[j] {
					t.Fatalf("seed %d, order %d, line %d:\nhost: %s\nfake: %s", seed+i, order, j, want[j], slices.Concat(got, []string{"-"})[j])
				}
			}
			if len(got) != len(want) || t.Failed() {
				t.Fatalf("seed %d, order %d: %d lines, and %d on the host", seed+i, order, len(got), len(want))
			}
			lines += len(got)
		}
	}
	t.Logf("seed %d: %d programs, each in 3 orders, %d lines compared", seed, programs, lines)
}

// program makes random calls and writes down what can be seen of them. The calls
// follow from the seed alone.
func program(d *Device, m *Module, seed uint64) (trace []string) {
	r := rand.New(rand.NewPCG(seed, 5))
	say := func(format string, args ...any) { trace = append(trace, fmt.Sprintf(format, args...)) }
	note := func(what string, err error) {
		say("%s: %s", what, kindOf(err))
	}
	type memory struct {
		b    *Buffer
		last *Stream // who touched it, and may still
	}
	var buffers []*memory
	var streams []*Stream
	var events []*Event
	f, err := d.Func(m, "add")
	note("func", err)
	for range 3 {
		s, err := d.NewStream()
		note("stream", err)
		streams = append(streams, s)
		e, err := d.NewEvent(nil)
		note("event", err)
		events = append(events, e)
	}
	// take orders a stream behind whoever touched the memory before.
	take := func(s *Stream, m *memory) {
		if m.last != nil && m.last != s {
			e := events[r.IntN(len(events))]
			if err := errors.Join(e.Record(m.last), s.Wait(e)); err != nil {
				note("order", err)
			}
		}
		m.last = s
	}
	some := func() *memory { return buffers[r.IntN(len(buffers))] }
	piece := func(m *memory) *Buffer {
		off := r.Int64N(m.b.Len() + 1)
		p, err := m.b.Slice(off, r.Int64N(m.b.Len()-off+1))
		if err != nil {
			note("slice", err)
		}
		return p
	}
	for range 120 {
		s := streams[r.IntN(len(streams))]
		op := r.IntN(14)
		if len(buffers) < 2 {
			op = 0
		}
		switch op {
		case 0:
			b, err := d.Alloc(r.Int64N(1 << (1 + r.IntN(17))))
			note("alloc", err)
			if err == nil {
				note("first bytes", b.WriteFrom(ctx, aperiodic(r.Uint64(), int(b.Len()))))
				buffers = append(buffers, &memory{b: b})
			}
		case 1:
			_, err := d.Alloc(8 << 20)
			note("too much", err)
		case 2, 3:
			m := some()
			take(s, m)
			p := piece(m)
			note("write", s.Write(ctx, p, aperiodic(r.Uint64(), int(p.Len()))))
		case 4, 5:
			m := some()
			take(s, m)
			p := piece(m)
			out := make([]byte, p.Len())
			err := s.Read(ctx, out, p)
			say("read %d: %08x %s", len(out), crc32.ChecksumIEEE(out), kindOf(err))
		case 6:
			m := some()
			out := make([]byte, m.b.Len())
			err := m.b.ReadTo(ctx, out)
			say("read all %d: %08x %s", len(out), crc32.ChecksumIEEE(out), kindOf(err))
		case 7:
			m := some()
			take(s, m)
			note("fill", s.Fill(piece(m), byte(r.Uint32())))
		case 8, 9:
			a, b := some(), some()
			take(s, a)
			take(s, b)
			from, to := piece(a), piece(b)
			n := min(from.Len(), to.Len())
			from, _ = from.Slice(0, n)
			to, _ = to.Slice(0, n)
			note("copy", s.Copy(to, from))
		case 10, 11:
			m := some()
			take(s, m)
			p := piece(m)
			if p.Len() > 0 {
				note("launch", f.Launch(s, Dim{X: 1 + r.Uint32N(5)}, Dim{X: 32}, 0, Ptr(p), U64(uint64(p.Len())), U32(r.Uint32N(256))))
			}
		case 12:
			i := r.IntN(len(buffers))
			note("free", buffers[i].b.Free())
			note("free again", buffers[i].b.Free())
			buffers = slices.Delete(buffers, i, i+1)
		case 13:
			switch r.IntN(4) {
			case 0:
				note("synchronize", d.Synchronize())
			case 1:
				i := r.IntN(len(streams))
				old := streams[i]
				note("free stream", old.Free())
				note("use it", old.Fill(some().b, 0))
				streams[i], err = d.NewStream()
				note("stream", err)
				for _, m := range buffers {
					if m.last == old {
						m.last = nil // done, as Free has waited
					}
				}
			case 2:
				i := r.IntN(len(events))
				note("free event", events[i].Free())
				events[i], err = d.NewEvent(&EventOptions{Timing: r.IntN(2) == 0})
				note("event", err)
				done, err := events[i].Done()
				say("not recorded: %v %s", done, kindOf(err))
			case 3:
				m := some()
				if m.b.Len() == 0 {
					break
				}
				w, err := d.WrapPtr(m.b.Ptr(), m.b.Len(), m)
				note("wrap", err)
				ws, err := d.WrapStream(s.Handle())
				note("wrap", err)
				take(s, m)
				note("fill", ws.Fill(w, 3))
				note("free", errors.Join(w.Free(), ws.Free()))
			}
		}
	}
	for _, m := range buffers {
		out := make([]byte, m.b.Len())
		err := m.b.ReadTo(ctx, out)
		say("end %d: %08x %s", len(out), crc32.ChecksumIEEE(out), kindOf(err))
		if r.IntN(3) > 0 {
			note("free", m.b.Free())
		}
	}
	free, total, err := d.Memory()
	say("memory %v %d: %s", free <= total, total, kindOf(err))
	err = d.Close()
	var leaks *LeakError
	if errors.As(err, &leaks) {
		say("%d leaks", len(leaks.Leaks))
	} else {
		note("close", err)
	}
	return trace
}

// kindOf is what two backends must agree on of an error.
func kindOf(err error) string {
	var e *Error
	var u *tensor.Error
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &e):
		return e.Name
	case errors.As(err, &u):
		return u.Error()
	}
	return err.Error()
}
