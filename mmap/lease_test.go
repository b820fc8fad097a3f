package mmap

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorfile/tensorfile/tensor"
)

func mustAcquire(t testing.TB, m *Map) Lease {
	t.Helper()
	l, err := m.Acquire()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestCloseRefusesWhileLeased(t *testing.T) {
	data := pattern(9000, 1)
	m := openMapped(t, writeTemp(t, data))
	a, b := mustAcquire(t, m), mustAcquire(t, m)
	wantError(t, m.Close(), tensor.ErrInUse, "got 2 leases still held")
	a.Release()
	wantError(t, m.Close(), tensor.ErrInUse, "got 1 lease still held")
	if !bytes.Equal(m.Bytes(), data) {
		t.Error("a refused Close touched the mapping")
	}
	c := mustAcquire(t, m) // it stays open
	b.Release()
	c.Release()
	err := m.Guard(func() error { return m.Close() })
	wantError(t, err, tensor.ErrInUse)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestDoubleReleasePanics(t *testing.T) {
	m := openMapped(t, writeTemp(t, pattern(10, 1)))
	mustPanic := func(name string, f func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("%s did not panic", name)
			}
		}()
		f()
	}
	a := mustAcquire(t, m)
	stale := a // the same lease
	a.Release()
	mustPanic("second release", a.Release)
	mustPanic("release of a copy", stale.Release)
	// Many others, one of them in the same slot by now.
	var others []Lease
	for range 1000 {
		others = append(others, mustAcquire(t, m))
	}
	mustPanic("release of a copy, later", stale.Release)
	mustPanic("Enter", func() { stale.Enter() })
	mustPanic("Guard", func() { stale.Guard(func() error { return nil }) })
	mustPanic("ReadAt", func() { stale.ReadAt(nil, 0) })
	wantError(t, m.Close(), tensor.ErrInUse, "1000 leases")
	for _, l := range others {
		l.Release()
	}
	for _, l := range others {
		mustPanic("second release", l.Release)
	}
	Lease{}.Release() // holds nothing
	mustPanic("Enter of nothing", func() { Lease{}.Enter() })
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	mustPanic("release after Close", stale.Release)
}

func TestShutdownWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewReaderAt(bytes.NewReader([]byte("abc")), 3, "r")
		a, b := mustAcquire(t, m), mustAcquire(t, m)
		ended := make(chan error, 2)
		for range 2 { // both wait for the same end
			go func() { ended <- m.Shutdown(context.Background()) }()
		}
		synctest.Wait()
		_, err := m.Acquire()
		wantError(t, err, tensor.ErrClosed)
		wantError(t, m.Close(), tensor.ErrInUse)
		// Who holds a lease goes on.
		var p [3]byte
		if n, err := a.ReadAt(p[:], 0); n != 3 || err != nil {
			t.Errorf("ReadAt under a lease: %d, %v", n, err)
		}
		if b, err := m.Fetch(1, 2); err != nil || string(b) != "bc" {
			t.Errorf("Fetch under a lease: %q, %v", b, err)
		}
		if err := a.Guard(func() error { return nil }); err != nil {
			t.Error(err)
		}
		a.Release()
		synctest.Wait()
		if len(ended) != 0 {
			t.Error("Shutdown returned while a lease was held")
		}
		b.Release()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestShutdownContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewReaderAt(bytes.NewReader(nil), 0, "r")
		l := mustAcquire(t, m)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := m.Shutdown(ctx)
		wantError(t, err, tensor.ErrInUse, "1 lease still held")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cause lost: %v", err)
		}
		_, err = m.Acquire()
		wantError(t, err, tensor.ErrClosed)
		wantError(t, m.Close(), tensor.ErrInUse)
		l.Release() // completes it
		if err := m.Close(); err != nil || m.Reason() != "closed" {
			t.Errorf("after the last release: %v, %q", err, m.Reason())
		}
		if err := m.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown of a closed Map with an ended context: %v", err)
		}
	})
}

// TestLeaseRaces opens and closes a file under many readers, which check every
// byte: each must be that of their own file, however late they are.
func TestLeaseRaces(t *testing.T) {
	const size, files = 3*4096 + 17, 3
	paths := make([]string, files)
	for i := range paths {
		paths[i] = writeTemp(t, pattern(size, byte(i*50)))
	}
	rounds := 150
	if testing.Short() {
		rounds = 40
	}
	var read, refused atomic.Int64
	for round := range rounds {
		seed := byte(round % files * 50)
		m, err := Open(paths[round%files], &Options{NoMmap: round%5 == 4})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Map(size); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(round), uint64(g)))
				for ; ; runtime.Gosched() {
					off := rng.IntN(size - 600)
					check := func() error {
						b, err := m.Fetch(uint64(off), 600)
						if err != nil {
							return err
						}
						for i, x := range b {
							if x != patternAt(off+i, seed) {
								t.Errorf("byte %d is %#x", off+i, x)
							}
						}
						read.Add(1)
						return nil
					}
					var err error
					switch rng.IntN(4) {
					case 0:
						err = m.Guard(check)
					case 1:
						var l Lease
						if l, err = m.Acquire(); err == nil {
							runtime.Gosched()
							err = check()
							l.Release()
						}
					case 2:
						var l Lease
						if l, err = m.Acquire(); err == nil {
							err = l.Guard(check)
							l.Release()
						}
					default:
						var p [600]byte
						if _, err = m.ReadAt(p[:], int64(off)); err == nil && p[9] != patternAt(off+9, seed) {
							t.Errorf("ReadAt: byte %d is %#x", off+9, p[9])
						}
					}
					if errors.Is(err, tensor.ErrClosed) {
						refused.Add(1)
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		time.Sleep(time.Duration(round%7) * 100 * time.Microsecond)
		switch round % 3 {
		case 0: // Close never gets through such a crowd for sure; Shutdown does
			for range 10 {
				if err := m.Close(); err != nil {
					wantError(t, err, tensor.ErrInUse)
				}
				runtime.Gosched()
			}
			if err := m.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		case 1: // everyone at once
			for i := range 3 {
				wg.Go(func() {
					if i == 0 {
						m.Close()
					}
					if err := m.Shutdown(context.Background()); err != nil {
						t.Error(err)
					}
				})
			}
		default: // no patience: the last reader closes
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			if err := m.Shutdown(ctx); err != nil {
				wantError(t, err, tensor.ErrInUse)
			}
		}
		wg.Wait()
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		if m.Mapped() || m.Reason() != "closed" {
			t.Fatal("not closed at the end")
		}
	}
	if refused.Load() != int64(8*rounds) || read.Load() == 0 {
		t.Errorf("%d reads, %d refusals, want %d", read.Load(), refused.Load(), 8*rounds)
	}
}

// TestManyLeases holds more than the first table has slots for, from many
// goroutines, and releases them in another order.
func TestManyLeases(t *testing.T) {
	m := openMapped(t, writeTemp(t, pattern(10, 1)))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 0))
			var held []Lease
			for range 3000 {
				if len(held) > 0 && rng.IntN(5) < 2 {
					i := rng.IntN(len(held))
					held[i].Release()
					held[i] = held[len(held)-1]
					held = held[:len(held)-1]
					continue
				}
				held = append(held, mustAcquire(t, m))
			}
			for _, l := range held {
				l.Release()
			}
		})
	}
	wg.Wait()
	if n := m.state.Load() & countMask; n != 0 {
		t.Errorf("%d users are left", n)
	}
}

func TestTooManyLeases(t *testing.T) {
	m := NewReaderAt(bytes.NewReader(nil), 0, "r")
	m.state.Store(countMask)
	_, err := m.Acquire()
	wantError(t, err, tensor.ErrLimit, "leases: got one more")
	m.state.Store(0)
}
