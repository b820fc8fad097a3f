package gpu

import (
	"runtime"
	"unsafe"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/internal/parallel"
)

// pageBytes is what direct I/O, registration and the layout of images go by.
const pageBytes = 4096

// ringKind says what memory a ring is of: the best that was to be had.
type ringKind uint8

const (
	// Anonymous memory that was touched by several goroutines and then pinned:
	// a fifth of the time that the driver takes to allocate pinned memory.
	ringRegistered ringKind = iota
	// Pinned memory of the driver.
	ringAllocated
	// Memory that is not pinned: copies are done when the call returns, and
	// nothing overlaps them.
	ringPlain
)

func (k ringKind) String() string {
	return [...]string{"registered", "allocated by the driver", "not pinned"}[k]
}

// A ring is the host memory that copies to a device are made from, outside of
// the Go heap, and nothing else is pinned: Slots times SlotBytes whatever goes
// through.
type ring struct {
	mem     []byte
	kind    ringKind
	why     string       // no better kind
	release func() error // of memory that is not the driver's
}

// newRing makes a ring of n bytes, whole pages. The context is current.
func newRing(dev driver.Device, n int64, workers int, near string) (*ring, error) {
	mem, release, err := anonymous(n)
	if err == nil {
		touch(mem, workers, near)
		if err = dev.HostRegister(mem); err == nil {
			return &ring{mem, ringRegistered, "", release}, nil
		}
	}
	b, other := dev.HostAlloc(n)
	switch {
	case other == nil && mem != nil:
		release()
		fallthrough
	case other == nil:
		return &ring{b, ringAllocated, err.Error(), nil}, nil
	case mem == nil:
		return nil, other
	}
	return &ring{mem, ringPlain, err.Error() + "; " + other.Error(), release}, nil
}

// free gives the memory back. Without a driver that is done where it is not the
// driver's.
func (r *ring) free(dev driver.Device) (first error) {
	if dev != nil && r.kind == ringRegistered {
		first = dev.HostUnregister(r.mem)
	}
	if dev != nil && r.kind == ringAllocated {
		first = dev.HostFree(r.mem)
	}
	if r.release != nil {
		if err := r.release(); first == nil {
			first = err
		}
	}
	return first
}

// touch makes the pages of b present, on several goroutines and, where that can
// be told, on the memory node of the device: pinning them then only finds them.
func touch(b []byte, workers int, pci string) {
	const piece = 4 << 20
	near := nodeCPUs(pci)
	parallel.Each(workers, (int64(len(b))+piece-1)/piece, func(i int64) error {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer runOn(near)()
		populate(b[i*piece : min((i+1)*piece, int64(len(b)))])
		return nil
	})
}

const maxInt = int64(^uint(0) >> 1)

func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
