package mmap

import (
	"bytes"
	"errors"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
)

// flagSet reports whether a fault would panic in this goroutine.
func flagSet() bool {
	old := debug.SetPanicOnFault(true)
	debug.SetPanicOnFault(old)
	return old
}

func TestGuardPassesThrough(t *testing.T) {
	m := openMapped(t, writeTemp(t, pattern(10, 1)))
	boom := errors.New("boom")
	lease := mustAcquire(t, m)
	defer lease.Release()
	for name, guard := range map[string]func(func() error) error{
		"Map":   m.Guard,
		"Lease": lease.Guard,
		"Enter": func(fn func() error) (err error) {
			f, err := m.Enter()
			if err != nil {
				return err
			}
			defer f.Leave(&err)
			return fn()
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := guard(func() error { return boom }); err != boom {
				t.Errorf("error became %v", err)
			}
			if err := guard(func() error { return nil }); err != nil {
				t.Error(err)
			}
			for what, f := range map[string]func(){
				"value":  func() { panic(boom) },
				"nil":    func() { var p *int; *p = 1 },
				"bounds": func() { b := m.Bytes(); _ = b[len(b)] },
				"other address": func() {
					panic(addrError{})
				},
			} {
				var got any
				func() {
					defer func() { got = recover() }()
					guard(func() error { f(); return nil })
				}()
				if got == nil {
					t.Errorf("panic of %s was swallowed", what)
				}
				if what == "value" && got != boom {
					t.Errorf("panic value became %v", got)
				}
				if flagSet() {
					t.Fatalf("panic of %s left the flag set", what)
				}
			}
			// Goexit runs deferred functions without a panic.
			var wg sync.WaitGroup
			wg.Go(func() {
				guard(func() error { runtime.Goexit(); return nil })
				t.Error("came back from Goexit")
			})
			wg.Wait()
			if n := m.state.Load() & countMask; n != 1 {
				t.Errorf("%d users are left, want the lease", n)
			}
		})
	}
	var none Fence
	func() {
		defer func() {
			if recover() != boom {
				t.Error("the zero Fence swallowed a panic")
			}
		}()
		var err error
		defer none.Leave(&err)
		panic(boom)
	}()
}

// addrError looks like a fault, at an address that is in no mapping.
type addrError struct{}

func (addrError) Error() string { return "fault" }
func (addrError) RuntimeError() {}
func (addrError) Addr() uintptr { return 0x1000 }

func TestGuardRestoresFlag(t *testing.T) {
	a := openMapped(t, writeTemp(t, pattern(10, 1)))
	b := NewReaderAt(bytes.NewReader(nil), 0, "r")
	for _, outer := range []bool{false, true} {
		old := debug.SetPanicOnFault(outer)
		err := a.Guard(func() error {
			return b.Guard(func() error {
				err := a.Guard(func() error { return nil })
				if !flagSet() {
					t.Error("an inner call took the protection away")
				}
				return err
			})
		})
		if err != nil || flagSet() != outer {
			t.Errorf("outer %t: %v, flag %t", outer, err, flagSet())
		}
		debug.SetPanicOnFault(old)
	}
}

func TestFaultErrorPassesThrough(t *testing.T) {
	m := openMapped(t, writeTemp(t, pattern(10, 1)))
	boom := errors.New("boom")
	if m.FaultError(nil, 0) != nil || m.FaultError(boom, 0) != boom {
		t.Error("an error that is no fault was changed")
	}
}

func TestNoAllocation(t *testing.T) {
	m := openMapped(t, writeTemp(t, pattern(4096, 1)))
	var sum int
	for name, f := range map[string]func(){
		"Guard": func() {
			m.Guard(func() error { sum += int(m.Bytes()[7]); return nil })
		},
		"Enter": func() {
			b, _ := guardedByte(m, 9)
			sum += int(b)
		},
		"Acquire": func() {
			l, err := m.Acquire()
			if err == nil {
				l.Guard(func() error { sum++; return nil })
				l.Release()
			}
		},
		"Fetch": func() {
			b, _ := m.Fetch(8, 8)
			sum += int(b[0])
		},
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func guardedByte(m *Map, off int) (b byte, err error) {
	f, err := m.Enter()
	if err != nil {
		return 0, err
	}
	defer f.Leave(&err)
	return m.Bytes()[off], nil
}
