//go:build linux && !android && !nogpu && (amd64 || arm64)

package cuda_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tensorfile/tensorfile/gpu/internal/cuda"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/fakecuda"
)

// Every function of the table is called by something: what is not called is not
// looked up.
func TestEveryFunctionIsCalled(t *testing.T) {
	f, lib := fake(t, fakecuda.Options{})
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	d, err := lib.Open(0)
	if err != nil {
		t.Fatal(err)
	}
	check := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	check(d.Bind(), second(lib.Attach(0)))
	p, err := d.Alloc(4096)
	h, err2 := d.HostAlloc(4096)
	m, err3 := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	s, err4 := d.NewStream()
	a, err5 := d.NewEvent(true)
	b, err6 := d.NewEvent(true)
	check(err, err2, err3, err4, err5, err6, d.HostRegister(m))
	defer unix.Munmap(m)
	_, _, err = d.MemInfo()
	check(err, d.Record(a, s), d.CopyHtoD(p, h, s), d.CopyHtoD(p, h, 0), d.CopyHtoD2D(p, 64, h, 64, 32, 8, s), d.CopyDtoD(p, p+2048, 16, s),
		d.Memset8(p, 0, 1, s), d.Memset32(p, 0, 1, s), d.CopyDtoH(m, p, s), d.CopyDtoH(m, p, 0), d.Record(b, s), d.StreamWait(s, b),
		second(d.StreamQuery(s)), second(d.EventQuery(b)), d.EventSynchronize(b), d.StreamSynchronize(s), second(d.Elapsed(a, b)), d.Synchronize())
	mod, err := d.Load(&driver.Source{PTX: mix})
	check(err)
	fn, err := d.Function(mod, "mix")
	check(err)
	sizes := driver.Signature{driver.Pointer, driver.U32, driver.F32, driver.U64, driver.U32, driver.U64}
	args, at, err := sizes.Pack(nil, nil, []driver.Arg{{Type: driver.Pointer, Bits: uint64(p)}, {Type: driver.U32}, {Type: driver.F32}, {Type: driver.U64}, {Type: driver.U32}, {Type: driver.U64}})
	check(err, d.Launch(fn, driver.Dim{}, driver.Dim{}, 0, s, args, at), d.Synchronize(), d.Unload(mod))
	_, err = d.Alloc(1 << 40)
	code(t, "too much", err, driver.OutOfMemory)
	check(d.HostUnregister(m), d.FreeEvent(a), d.FreeEvent(b), d.FreeStream(s), d.HostFree(h), d.Free(p), d.Unbind(), d.Close())
	for name := range f.Table() {
		if f.Calls(name) == 0 {
			t.Errorf("%s is never called", name)
		}
	}
}

// A device may be used by many goroutines at once, each bound to its thread.
func TestConcurrentUse(t *testing.T) {
	const workers, rounds, n = 8, 40, 1 << 12
	f := fakecuda.New(fakecuda.Options{Order: fakecuda.Random, Seed: 1})
	defer f.Check(t)
	lib, err := cuda.FromTable(f.Table())
	if err != nil {
		t.Fatal(err)
	}
	d, err := lib.Open(0)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			if err := roundTrips(d, uint64(w), rounds, n); err != nil {
				t.Errorf("worker %d: %v", w, err)
			}
		})
	}
	wg.Wait()
	if s := f.Stats(); s.Copies != 2*workers*rounds || s.Pageable != 0 {
		t.Errorf("%+v, want %d copies, none of memory that is not pinned", s, 2*workers*rounds)
	}
}

// roundTrips sends bytes to the device and back, on a stream and with memory of its
// own, bound anew each time.
func roundTrips(d driver.Device, seed uint64, rounds, n int) (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	bound := func(do func() error) error {
		return errors.Join(d.Bind(), do(), d.Unbind())
	}
	var h []byte
	var p driver.Ptr
	var s driver.Stream
	if err := bound(func() error {
		var e1, e2, e3 error
		h, e1 = d.HostAlloc(int64(2 * n))
		p, e2 = d.Alloc(int64(n))
		s, e3 = d.NewStream()
		return errors.Join(e1, e2, e3)
	}); err != nil {
		return err
	}
	rnd := rand.New(rand.NewPCG(seed, 1))
	for round := range rounds {
		in, out := h[:n], h[n:]
		for i := range in {
			in[i] = byte(rnd.Uint32())
		}
		if err := bound(func() error {
			return errors.Join(d.CopyHtoD(p, in, s), d.CopyDtoH(out, p, s), d.StreamSynchronize(s))
		}); err != nil {
			return err
		}
		if !bytes.Equal(in, out) {
			return fmt.Errorf("round %d: wrong bytes", round)
		}
	}
	return bound(func() error { return errors.Join(d.FreeStream(s), d.Free(p), d.HostFree(h)) })
}
