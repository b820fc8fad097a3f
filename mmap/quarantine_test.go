package mmap

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"unsafe"
)

// touch reads b[i] and returns the address of the fault, if there is one.
func touch(b []byte, i int) (x byte, fault uintptr) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		var e interface{ Addr() uintptr }
		if r, ok := recover().(error); ok && errors.As(r, new(runtime.Error)) {
			if e, ok = r.(interface{ Addr() uintptr }); ok {
				fault = e.Addr()
			}
		}
	}()
	return b[i], 0
}

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// TestStaleSliceFaults keeps slices after Close and opens many more files:
// the slices fault, and nothing else comes to lie there.
func TestStaleSliceFaults(t *testing.T) {
	if !canReserve {
		t.Skip("mappings are not reserved here")
	}
	const size = 20000
	path := writeTemp(t, pattern(size, 1))
	var stale [][]byte
	for i := range 200 {
		m, err := Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Map(size); err != nil || !m.Mapped() {
			t.Fatal(err, m.Reason())
		}
		b := m.Bytes()
		if x, fault := touch(b, 19999); x != patternAt(19999, 1) || fault != 0 {
			t.Fatalf("open file: read %#x, fault %#x", x, fault)
		}
		for _, old := range stale {
			if address(b) < address(old)+size && address(old) < address(b)+size {
				t.Fatalf("mapping %d came to lie on an old one", i)
			}
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		stale = append(stale, b)
	}
	other := openMapped(t, writeTemp(t, pattern(size, 2)))
	for i, b := range stale {
		for _, at := range []int{0, 8191, size - 1} {
			x, fault := touch(b, at)
			if fault == 0 {
				t.Fatalf("mapping %d: byte %d reads as %#x after Close", i, at, x)
			}
			if runtime.GOARCH != "s390x" && fault != address(b)+uintptr(at) {
				t.Errorf("fault at %#x, want %#x", fault, address(b)+uintptr(at))
			}
		}
		// A guarded call of another file does not take the fault for its own.
		func() {
			defer func() {
				if recover() == nil {
					t.Error("a stale slice was taken for a change of another file")
				}
			}()
			other.Guard(func() error { _ = fmt.Sprint(b[5]); return nil })
		}()
	}
}

func mapTemp(t *testing.T, path string, n int) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := mapFile(f, n)
	if err != nil {
		t.Skip(err)
	}
	return b
}

func TestQuarantineBounds(t *testing.T) {
	if !canReserve || invariants {
		t.Skip("no bounds here")
	}
	const n = 1 << 16
	path := writeTemp(t, pattern(n, 1))
	for name, q := range map[string]*quarantine{
		"count": {maxCount: 3, maxBytes: 1 << 40},
		"bytes": {maxCount: 100, maxBytes: 3*n + 5},
	} {
		t.Run(name, func(t *testing.T) {
			var all [][]byte
			for range 10 {
				b := mapTemp(t, path, n)
				if err := q.add(b); err != nil {
					t.Fatal(err)
				}
				all = append(all, b)
				if len(q.queue) > 3 || q.bytes != int64(len(q.queue)*n) {
					t.Fatalf("%d regions, %d bytes", len(q.queue), q.bytes)
				}
			}
			for i, b := range q.queue { // the newest are kept, oldest first
				if address(b) != address(all[7+i]) {
					t.Errorf("entry %d is not the mapping expected", i)
				}
			}
			if !q.drop() || q.drop() || len(q.queue) != 0 || q.bytes != 0 {
				t.Error("drop left something, or found something left")
			}
		})
	}
	q := quarantine{maxCount: 100, maxBytes: n - 1}
	if err := q.add(mapTemp(t, path, n)); err != nil || len(q.queue) != 0 {
		t.Errorf("a mapping beyond the bound was kept: %v", err)
	}
}

func TestQuarantineRace(t *testing.T) {
	if !canReserve {
		t.Skip("no quarantine here")
	}
	const n = 3 * 4096
	path := writeTemp(t, pattern(n, 1))
	q := quarantine{maxCount: 4, maxBytes: 1 << 40}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				f, err := os.Open(path)
				if err != nil {
					t.Error(err)
					return
				}
				b, err := mapFile(f, n)
				f.Close()
				if err != nil {
					t.Error(err)
					return
				}
				if i := slices.IndexFunc(b, func(x byte) bool { return x == 0 }); i >= 0 {
					t.Errorf("byte %d is 0", i)
				}
				if err := q.add(b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if !invariants && len(q.queue) != 4 {
		t.Errorf("%d regions are left", len(q.queue))
	}
	q.drop()
}
