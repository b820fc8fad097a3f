//go:build linux && !android && !nogpu && (amd64 || arm64)

package fakecuda_test

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tensorfile/tensorfile/gpu/internal/cuda"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/fakecuda"
)

// upload is a program as the uploader is one: it opens a device, pins slots, sends
// chunks through them, runs a kernel over each, reads the result, and gives all back.
// blind lets it overlook the error of cuEventRecord.
func upload(f *fakecuda.Fake, chunks, slots int, read func(), blind bool) (out []byte, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	also := func(e error) {
		if e != nil {
			err, out = errors.Join(err, e), nil
		}
	}
	lib, err := cuda.FromTable(f.Table())
	if err != nil {
		return nil, err
	}
	d, err := lib.Open(0)
	if err != nil {
		return nil, err
	}
	defer func() { also(d.Close()) }()
	if err := d.Bind(); err != nil {
		return nil, err
	}
	defer func() { also(d.Unbind()) }()
	ring, err := unix.Mmap(-1, 0, slots*size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, err
	}
	defer unix.Munmap(ring)
	if err := d.HostRegister(ring); err != nil {
		return nil, err
	}
	defer func() { also(d.HostUnregister(ring)) }()
	var memory [2]driver.Ptr
	for i := range memory {
		if memory[i], err = d.Alloc(int64(chunks * size)); err != nil {
			return nil, err
		}
		defer func() { also(d.Free(memory[i])) }()
	}
	var streams [2]driver.Stream
	for i := range streams {
		if streams[i], err = d.NewStream(); err != nil {
			return nil, err
		}
		defer func() { also(d.FreeStream(streams[i])) }()
	}
	copying, computing := streams[0], streams[1]
	events := make([]driver.Event, slots)
	for i := range events {
		if events[i], err = d.NewEvent(false); err != nil {
			return nil, err
		}
		defer func() { also(d.FreeEvent(events[i])) }()
	}
	m, err := d.Load(source)
	if err != nil {
		return nil, err
	}
	defer func() { also(d.Unload(m)) }()
	// Whatever happens, what is in flight is waited for first.
	defer func() { also(d.Synchronize()) }()
	c := &client{Device: d}
	for i := range chunks {
		slot, e := ring[i%slots*size:][:size], events[i%slots]
		if err := d.EventSynchronize(e); err != nil {
			return nil, err
		}
		read()
		copy(slot, sample(uint64(100+i), size))
		at := driver.Ptr(i * size)
		if err := d.CopyHtoD(memory[0]+at, slot, copying); err != nil {
			return nil, err
		}
		if err := d.Record(e, copying); err != nil && !blind {
			return nil, err
		}
		if err := d.StreamWait(computing, e); err != nil {
			return nil, err
		}
		if err := c.increment(m, memory[1]+at, memory[0]+at, size, computing); err != nil {
			return nil, err
		}
	}
	if err := d.StreamSynchronize(computing); err != nil {
		return nil, err
	}
	out = make([]byte, chunks*size)
	if err := d.CopyDtoH(out, memory[1], 0); err != nil {
		return nil, err
	}
	return out, nil
}

// expected is what upload makes.
func expected(chunks int) []byte {
	var b []byte
	for i := range chunks {
		b = append(b, plusOne(sample(uint64(100+i), size))...)
	}
	return b
}

// Behaviour 11: any call may fail, and a program that does not look is found out.
func TestEveryCallMayFail(t *testing.T) {
	const chunks = 3
	scenario := func(blind bool) func(f *fakecuda.Fake) error {
		return func(f *fakecuda.Fake) error {
			out, err := upload(f, chunks, 2, func() {}, blind)
			if err == nil && !slices.Equal(out, expected(chunks)) {
				err = errors.New("wrong bytes without an error")
			}
			return err
		}
	}
	o := fakecuda.Options{Sources: []*driver.Source{source}}
	n := fakecuda.FailEach(t, o, scenario(false))
	t.Logf("%d calls, each failed once", n)
	if n < 50 {
		t.Errorf("%d calls, want 50 or more", n)
	}
	r := &report{}
	fakecuda.FailEach(r, o, scenario(true))
	if !strings.Contains(r.String(), "cuEventRecord, failed: the error does not name it") {
		t.Errorf("the bug was not found: %q", r)
	}
}

// Behaviour 12: any work may fail when it runs, whenever that is. All that was made is
// given back, with the same error for each.
func TestEveryWorkMayFail(t *testing.T) {
	const chunks = 3
	for _, order := range []fakecuda.Order{fakecuda.Lazy, fakecuda.Eager, fakecuda.Random} {
		for n := 1; n <= 2*chunks+1; n++ {
			f := fakecuda.New(fakecuda.Options{Order: order, Seed: uint64(n), FailWork: n, Sources: []*driver.Source{source}})
			out, err := upload(f, chunks, 2, func() {}, false)
			if out != nil || codeOf(err) != driver.IllegalAddress {
				t.Errorf("order %d, work %d failed: %v", order, n, err)
			}
			f.Check(t)
		}
	}
}

// In whatever order work runs, a program that is right gets the same bytes.
func TestOrdersAgree(t *testing.T) {
	const chunks = 5
	orders := 0
	for _, order := range []fakecuda.Order{fakecuda.Lazy, fakecuda.Eager, fakecuda.Random} {
		for seed := range uint64(50) {
			f := fakecuda.New(fakecuda.Options{Order: order, Seed: seed, Busy: int(seed % 3), Sources: []*driver.Source{source}})
			out, err := upload(f, chunks, 1+int(seed%3), func() {}, false)
			if err != nil || !slices.Equal(out, expected(chunks)) {
				t.Errorf("order %d, seed %d: %v", order, seed, err)
			}
			f.Check(t)
			orders++
			if order != fakecuda.Random {
				break
			}
		}
	}
	t.Logf("%d orders", orders)
}

// Behaviour 14: time passes as the device says, and tells whether stages overlap.
func TestClock(t *testing.T) {
	const chunks, stage = 20, 10 * time.Millisecond
	took := func(slots int) time.Duration {
		var total time.Duration
		synctest.Test(t, func(t *testing.T) {
			f := fakecuda.New(fakecuda.Options{Sources: []*driver.Source{source}, Time: func(w fakecuda.Work) time.Duration {
				if w.Kind == fakecuda.HtoD || w.Kind == fakecuda.Kernel {
					return stage
				}
				return 0
			}})
			defer f.Check(t)
			begin := time.Now()
			out, err := upload(f, chunks, slots, func() { time.Sleep(stage) }, false)
			if err != nil || !slices.Equal(out, expected(chunks)) {
				t.Error(err, "or wrong bytes")
			}
			total = time.Since(begin)
		})
		return total
	}
	// Reading, copying and computing overlap: a chunk each stage, and two to fill.
	if got, want := took(3), (chunks+2)*stage; got != want {
		t.Errorf("three slots: %v, want %v", got, want)
	}
	// With one slot a chunk is read when the one before has been copied.
	if got, want := took(1), (2*chunks+1)*stage; got != want {
		t.Errorf("one slot: %v, want %v", got, want)
	}
}

// Who is called off waits for what is in flight, and for no more; a program that goes
// on all the same, or does not wait, is found out.
func TestCallingOff(t *testing.T) {
	const chunks, flight, stage = 20, 3, 10 * time.Millisecond
	type bug int
	const (
		none bug = iota
		goesOn
		runsAway
	)
	for _, b := range []bug{none, goesOn, runsAway} {
		synctest.Test(t, func(t *testing.T) {
			r := run(fakecuda.Options{Time: func(w fakecuda.Work) time.Duration { return stage }}, func(c *client) {
				slots := c.hostAlloc(chunks * size)
				dst, s := c.alloc(chunks*size), c.stream()
				begin := time.Now()
				for i := range chunks {
					if i == flight && b != goesOn {
						break // called off
					}
					c.must(c.CopyHtoD(dst+driver.Ptr(i*size), slots[i*size:][:size], s))
				}
				if b != runsAway {
					c.must(c.StreamSynchronize(s))
				}
				if d := time.Since(begin); d > flight*stage {
					c.r.Errorf("it took %v, where %v were in flight", d, flight*stage)
				}
				c.must(errors.Join(c.HostFree(slots), c.FreeStream(s), c.Free(dst)))
			})
			want := map[bug]string{goesOn: "it took 200ms", runsAway: "is given back while"}[b]
			if want == "" && len(r.said) > 0 || !strings.Contains(r.String(), want) {
				t.Errorf("bug %d: %q, want %q", b, r, want)
			}
		})
	}
}
