//go:build linux && !android && !nogpu && (amd64 || arm64)

package fakecuda

import (
	"bytes"
	"os"
	"slices"
	"sort"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// What memory holds that nobody has written.
const (
	poison  = 0xa5 // new memory, of the device and pinned: nothing says that it is 0
	landing = 0x5a // the target of a copy from the device that has not run
	lost    = 0xde // memory that was given back, and what is copied from there
	zone    = 0xc3 // around an allocation
)

// A block is an allocation of device memory. Around it is a zone that belongs to
// nobody, where on a device another allocation might be.
type block struct {
	context *context
	at      driver.Ptr
	size    int64
	data    []byte // with the zones
	gone    bool
}

const guard = 256

// ptrBase is where the memory of devices begins: addresses of nothing in the
// process. They are not used twice.
const ptrBase driver.Ptr = 0x0b00_0000_0000

func (b *block) bytes() []byte { return b.data[guard : guard+b.size : guard+b.size] }

// alloc: "The allocated memory is suitably aligned for any kind of variable. The
// memory is not cleared. If bytesize is 0, cuMemAlloc() returns
// CUDA_ERROR_INVALID_VALUE."
func (f *Fake) alloc(c *context, n int64) (driver.Ptr, driver.Code) {
	if n <= 0 {
		return 0, driver.InvalidValue
	}
	if f.noMemory() || n > f.o.Memory-c.device.used {
		return 0, driver.OutOfMemory
	}
	b := &block{context: c, size: n, data: make([]byte, n+2*guard)}
	fill(b.data, zone)
	fill(b.bytes(), poison)
	// Aligned to 256 bytes, and no more.
	b.at = (f.nextPtr+guard+511)&^511 + 256
	f.nextPtr = b.at + driver.Ptr(n) + 1<<16
	f.blocks = append(f.blocks, b)
	c.device.used += n
	f.stats.Used += n
	f.stats.UsedPeak = max(f.stats.UsedPeak, f.stats.Used)
	return b.at, driver.Success
}

// noMemory counts an allocation and says whether it is to fail.
func (f *Fake) noMemory() bool {
	f.allocated++
	n := f.allocated - f.o.FailAlloc
	return f.o.FailAlloc > 0 && n >= 0 && n < f.o.FailAllocs
}

// free: "Frees the memory space pointed to by dptr, which must have been returned by
// a previous call to one of the following memory allocation APIs".
func (f *Fake) free(p driver.Ptr) driver.Code {
	i := slices.IndexFunc(f.blocks, func(b *block) bool { return b.at == p })
	switch {
	case i >= 0:
	case f.freed[p]:
		f.fault("cuMemFree_v2: %#x was freed before", p)
		return driver.InvalidValue
	default:
		f.fault("cuMemFree_v2: %#x is not an allocation", p)
		return driver.InvalidValue
	}
	b := f.blocks[i]
	f.inFlight("cuMemFree_v2", span{uint64(b.at), uint64(b.size)})
	f.checkGuards(b, "when it was freed")
	b.gone = true
	fill(b.data, lost)
	f.blocks = slices.Delete(f.blocks, i, i+1)
	f.freed[p] = true
	b.context.device.used -= b.size
	f.stats.Used -= b.size
	return driver.Success
}

// checkGuards reports writes around an allocation. Nothing stops a copy that is too
// long: whatever is there belongs to the same context.
func (f *Fake) checkGuards(b *block, when string) {
	bad := func(z []byte) bool { return len(bytes.TrimLeft(z, string([]byte{zone}))) > 0 }
	if bad(b.data[:guard]) || bad(b.data[guard+b.size:]) {
		f.fault("device memory beside the allocation of %d bytes at %#x was written, as was seen %s", b.size, b.at, when)
	}
}

// find is the allocation that p lies in or, by slack, beside.
func (f *Fake) find(p driver.Ptr, slack driver.Ptr) *block {
	i := sort.Search(len(f.blocks), func(i int) bool { b := f.blocks[i]; return p < b.at+driver.Ptr(b.size)+slack })
	if i < len(f.blocks) && p+slack >= f.blocks[i].at {
		return f.blocks[i]
	}
	return nil
}

// onDevice is memory of the device for a copy. One that reaches a little beyond its
// allocation is let through: that is what a device does, where allocations lie side
// by side.
func (f *Fake) onDevice(name string, p driver.Ptr, n uint64) (*block, []byte, driver.Code) {
	b := f.find(p, guard)
	if b == nil || n > uint64(b.size)+2*guard || uint64(p)+n > uint64(b.at)+uint64(b.size)+guard {
		f.fault("%s: %d bytes at %#x are not memory of the device", name, n, p)
		return nil, nil, driver.InvalidValue
	}
	off := p + guard - b.at
	return b, b.data[off : off+driver.Ptr(n) : off+driver.Ptr(n)], driver.Success
}

// Bytes is driver.Memory for kernels, which see no more than the allocation.
func (f *Fake) Bytes(p driver.Ptr, n int64) ([]byte, error) {
	b := f.find(p, 0)
	if b == nil || p < b.at || n < 0 || int64(p-b.at) > b.size-n {
		return nil, &driver.Error{Op: "kernel", Code: driver.IllegalAddress, Name: "CUDA_ERROR_ILLEGAL_ADDRESS"}
	}
	off := int64(p - b.at)
	return b.bytes()[off : off+n : off+n], nil
}

// A pinned range of host memory.
type pinned struct {
	context *context
	at      unsafe.Pointer
	n       uintptr
	ours    []byte // by cuMemHostAlloc
}

func (r *pinned) span() span { return span{uint64(uintptr(r.at)), uint64(r.n)} }

// hostAlloc: "Allocates bytesize bytes of host memory that is page-locked and
// accessible to the device." That it is 0 is not said.
func (f *Fake) hostAlloc(c *context, n uintptr) (unsafe.Pointer, driver.Code) {
	if n == 0 {
		return nil, driver.InvalidValue
	}
	if f.noMemory() || n > 1<<32 {
		return nil, driver.OutOfMemory
	}
	m, err := unix.Mmap(-1, 0, int(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, driver.OutOfMemory
	}
	fill(m, poison)
	p := unsafe.Pointer(unsafe.SliceData(m))
	f.pin(&pinned{context: c, at: p, n: n, ours: m})
	return p, driver.Success
}

func (f *Fake) pin(r *pinned) {
	f.ranges = append(f.ranges, r)
	f.stats.Pinned += int64(r.n)
	f.stats.PinnedPeak = max(f.stats.PinnedPeak, f.stats.Pinned)
}

// register: "The pointer p and size bytesize must be aligned to the host page size (4
// KB)", in older texts; newer ones do not say it. CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED
// "indicates that the memory range passed to cuMemHostRegister() has already been
// registered".
func (f *Fake) register(c *context, p unsafe.Pointer, n uintptr, flags uint32) driver.Code {
	const name = "cuMemHostRegister_v2"
	page := uintptr(os.Getpagesize())
	if n == 0 || uintptr(p)%page != 0 || n%page != 0 {
		f.fault("%s: %d bytes at %p are not whole pages", name, n, p)
		return driver.InvalidValue
	}
	if goHeap(p) {
		f.fault("%s: %p is in the Go heap", name, p)
		return driver.InvalidValue
	}
	if !mapped(p, n) {
		f.fault("%s: %p is not mapped", name, p)
		return driver.InvalidValue
	}
	// CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED; and of CU_MEMHOSTREGISTER_READ_ONLY,
	// 8: "Support for the use of this flag can be queried from the device attribute
	// CU_DEVICE_ATTRIBUTE_READ_ONLY_HOST_REGISTER_SUPPORTED. Using this flag with a
	// current context associated with a device that does not have this attribute set
	// will cause cuMemHostRegister to error with CUDA_ERROR_NOT_SUPPORTED."
	if ok, _ := f.attribute(99); ok == 0 {
		return driver.NotSupported
	}
	if ok, _ := f.attribute(113); ok == 0 && flags&8 != 0 {
		return driver.NotSupported
	}
	r := &pinned{context: c, at: p, n: n}
	if slices.ContainsFunc(f.ranges, func(s *pinned) bool { return s.span().overlaps(r.span()) }) {
		return driver.AlreadyRegistered
	}
	if f.noMemory() {
		return driver.OutOfMemory
	}
	f.pin(r)
	return driver.Success
}

// unpin ends a range that cuMemHostAlloc made, or cuMemHostRegister: "The base
// address must be the same one specified to cuMemHostRegister()."
func (f *Fake) unpin(name string, p unsafe.Pointer, ours bool) driver.Code {
	i := slices.IndexFunc(f.ranges, func(r *pinned) bool { return r.at == p && (r.ours != nil) == ours })
	if i < 0 {
		f.fault("%s: there is no such range at %p", name, p)
		if ours {
			return driver.InvalidValue
		}
		return driver.NotRegistered
	}
	r := f.ranges[i]
	f.inFlight(name, r.span())
	f.ranges = slices.Delete(f.ranges, i, i+1)
	f.stats.Pinned -= int64(r.n)
	if ours {
		// It is unmapped by Check: who still looks there is to find something wrong,
		// and not the end of the process.
		fill(r.ours, lost)
		f.unmap = append(f.unmap, r.ours)
	}
	return driver.Success
}

// isPinned reports whether memory lies in a range that is pinned.
func (f *Fake) isPinned(s span) bool {
	return slices.ContainsFunc(f.ranges, func(r *pinned) bool { return s.at >= r.span().at && s.at+s.n <= r.span().at+r.span().n })
}

func host(p unsafe.Pointer, n uintptr) []byte { return unsafe.Slice((*byte)(p), n) }

// mapped reports whether there is memory: mincore fails where there is none.
func mapped(p unsafe.Pointer, n uintptr) bool {
	page := uintptr(os.Getpagesize())
	begin := uintptr(p) &^ (page - 1)
	pages := (uintptr(p) + n - begin + page - 1) / page
	vec := make([]byte, pages)
	_, _, e := unix.Syscall(unix.SYS_MINCORE, begin, pages*page, uintptr(unsafe.Pointer(&vec[0])))
	return e == 0
}

var inHeap = new([1 << 16]byte)

// goHeap reports whether p is near to what the runtime has allocated, as all of its
// heap is in a small program. Memory that it has not made is elsewhere.
func goHeap(p unsafe.Pointer) bool {
	d := int64(uintptr(p)) - int64(uintptr(unsafe.Pointer(inHeap)))
	return -1<<32 < d && d < 1<<32
}

func fill(b []byte, v byte) {
	if len(b) == 0 {
		return
	}
	b[0] = v
	for n := 1; n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}
