package host

import (
	"math"
	"os"
	"slices"
	"sync"
	"unsafe"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// ranges are pieces of memory in the order of their addresses, which do not
// overlap.
type ranges struct {
	mu   sync.RWMutex
	list []piece
	sum  int64
	most int64 // that sum ever was
}

type piece struct {
	at  uint64
	mem []byte
	own bool // of HostAlloc, where others come from HostRegister
}

func (p piece) end() uint64 { return p.at + uint64(len(p.mem)) }

func address(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }

// find is the index of the first piece that ends behind an address.
func (r *ranges) find(at uint64) int {
	i, _ := slices.BinarySearchFunc(r.list, at, func(p piece, at uint64) int {
		if p.end() <= at {
			return -1
		}
		return 1
	})
	return i
}

// add enters a piece. It reports false if it overlaps another.
func (r *ranges) add(b []byte, own bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := piece{at: address(b), mem: b, own: own}
	i := r.find(p.at)
	if i < len(r.list) && r.list[i].at < p.end() {
		return false
	}
	r.list = slices.Insert(r.list, i, p)
	r.sum += int64(len(b))
	r.most = max(r.most, r.sum)
	return true
}

// remove takes out the piece that begins at an address.
func (r *ranges) remove(at uint64, is func(piece) bool) (piece, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.find(at)
	if i == len(r.list) || r.list[i].at != at || !is(r.list[i]) {
		return piece{}, false
	}
	p := r.list[i]
	r.list = slices.Delete(r.list, i, i+1)
	r.sum -= int64(len(p.mem))
	return p, true
}

// bytes are n bytes at an address that lie in one piece.
func (r *ranges) bytes(at uint64, n int64) ([]byte, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	i := r.find(at)
	if n < 0 || i == len(r.list) || at < r.list[i].at {
		return nil, false
	}
	p := r.list[i]
	off := at - p.at
	if uint64(n) > uint64(len(p.mem))-off {
		return nil, false
	}
	return p.mem[off : off+uint64(n) : off+uint64(n)], true
}

// has reports whether b lies in one piece.
func (r *ranges) has(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	_, ok := r.bytes(address(b), int64(len(b)))
	return ok
}

func (r *ranges) size() int64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.sum
}

func (r *ranges) takeAll() []piece {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.list
	r.list, r.sum = nil, 0
	return all
}

// MemInfo is what is left of Options.Memory.
func (d *device) MemInfo() (free, total int64, err error) {
	if err := d.failed(); err != nil {
		return 0, 0, err
	}
	total = d.properties.Memory
	return max(total-d.memory.size(), 0), total, nil
}

// Alloc takes pages of the system.
func (d *device) Alloc(n int64) (driver.Ptr, error) {
	if err := d.failed(); err != nil {
		return 0, err
	}
	if n <= 0 {
		return 0, fail("Alloc", driver.InvalidValue, "%d bytes", n)
	}
	d.alloc.Lock()
	defer d.alloc.Unlock()
	if free := d.properties.Memory - d.memory.size(); n > free {
		return 0, fail("Alloc", driver.OutOfMemory, "%d bytes of %d that are free", n, max(free, 0))
	}
	b, err := mapMemory("Alloc", n)
	if err != nil {
		return 0, err
	}
	d.memory.add(b, true)
	return driver.Ptr(address(b)), nil
}

// Free waits for work that is under way.
func (d *device) Free(p driver.Ptr) error {
	if err := d.Synchronize(); err != nil {
		return err
	}
	m, ok := d.memory.remove(uint64(p), func(piece) bool { return true })
	if !ok {
		return fail("Free", driver.InvalidValue, "%#x is not the address of an allocation", p)
	}
	// What was enqueued meanwhile may have found the memory before it was gone.
	d.running.Lock()
	defer d.running.Unlock()
	return unmapMemory("Free", m.mem)
}

// Bytes are device memory, for kernels: an error with the code IllegalAddress if
// they do not lie in one allocation. Who is not a kernel keeps the allocation from
// being freed meanwhile.
func (d *device) Bytes(p driver.Ptr, n int64) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	b, ok := d.memory.bytes(uint64(p), n)
	if !ok {
		return nil, fail("Bytes", driver.IllegalAddress, "%d bytes at %#x do not lie in one allocation", n, p)
	}
	return b, nil
}

// HostAlloc is memory that counts as pinned.
func (d *device) HostAlloc(n int64) ([]byte, error) {
	if err := d.failed(); err != nil {
		return nil, err
	}
	if n <= 0 {
		return nil, fail("HostAlloc", driver.InvalidValue, "%d bytes", n)
	}
	b, err := mapMemory("HostAlloc", n)
	if err != nil {
		return nil, err
	}
	d.pinned.add(b, true)
	return b, nil
}

// HostFree waits for work that is under way, and works on a lost device too.
func (d *device) HostFree(b []byte) error {
	d.wait()
	p, ok := d.pinned.remove(address(b), func(p piece) bool { return p.own && len(p.mem) == len(b) })
	if !ok {
		return fail("HostFree", driver.InvalidValue, "not memory of HostAlloc")
	}
	return unmapMemory("HostFree", p.mem)
}

// HostRegister counts memory as pinned. It wants whole pages, as the driver may.
func (d *device) HostRegister(b []byte) error {
	if err := d.failed(); err != nil {
		return err
	}
	page := uint64(os.Getpagesize())
	if len(b) == 0 || address(b)%page != 0 || uint64(len(b))%page != 0 {
		return fail("HostRegister", driver.InvalidValue, "%d bytes at %#x are not whole pages of %d", len(b), address(b), page)
	}
	if !d.pinned.add(b, false) {
		return fail("HostRegister", driver.AlreadyRegistered, "")
	}
	return nil
}

// HostUnregister waits for work that is under way, and works on a lost device too.
func (d *device) HostUnregister(b []byte) error {
	d.wait()
	_, ok := d.pinned.remove(address(b), func(p piece) bool { return !p.own && len(p.mem) == len(b) })
	if !ok {
		return fail("HostUnregister", driver.NotRegistered, "")
	}
	return nil
}

// Pinned is how much host memory counts as pinned now, and the most there ever was.
func (d *device) Pinned() (now, most int64) {
	d.pinned.mu.RLock()
	defer d.pinned.mu.RUnlock()
	return d.pinned.sum, d.pinned.most
}

// mapMemory is n bytes from the system, zeroed, with a page behind them that is
// nobody's: what runs over the end of one allocation does not land in the next.
func mapMemory(op string, n int64) ([]byte, error) {
	page := int64(os.Getpagesize())
	if n > math.MaxInt-page {
		return nil, fail(op, driver.OutOfMemory, "%d bytes are more than this machine can address", n)
	}
	b, err := mapPages(int(n + page))
	if err != nil {
		return nil, fail(op, driver.OutOfMemory, "%d bytes: %v", n, err)
	}
	advise(b)
	return b[:n], nil
}

func unmapMemory(op string, b []byte) error {
	if err := unmapPages(b[:cap(b)]); err != nil {
		return fail(op, driver.InvalidValue, "%v", err)
	}
	return nil
}
