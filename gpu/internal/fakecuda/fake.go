//go:build linux && !android && !nogpu && (amd64 || arm64)

package fakecuda

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// Order is when work that has been enqueued runs, of the orders that the streams
// and their events allow.
type Order int

const (
	// Lazy runs work when somebody waits for it, or for what depends on it, and
	// then no more than that.
	Lazy Order = iota
	// Eager runs work when it is enqueued.
	Eager
	// Random gives each stream a temper and runs what may run by chance, seeded.
	Random
)

// Kind is the kind of work, and the engine of the device that does it: one thing of
// a kind at a time.
type Kind int

const (
	HtoD   Kind = iota // a copy to the device
	DtoH               // a copy from it
	OnChip             // a copy on it, a memset
	Kernel
	kinds
)

// Work is a thing that the device does.
type Work struct {
	Kind  Kind
	Bytes int64  // of a copy or memset
	Name  string // of a kernel
}

// Options are how a fake behaves; the zero value is one device on which nothing
// fails and nothing takes time, and where work runs as late as it may.
type Options struct {
	Devices    int           // 0 is one, less is none
	Version    int           // of the driver; 0 is 12080
	Memory     int64         // bytes of a device; 0 is 1 GiB
	Attributes map[int]int32 // over those that the device has; one below 0 is not known to the driver
	Missing    []string      // functions that the library lacks
	InitCode   driver.Code   // what cuInit returns

	Order Order
	Seed  uint64 // of Random

	// FailCall is the number of the call, from 1, that fails with FailCode, which
	// is CUDA_ERROR_UNKNOWN if it is not set. A call that gives something back does
	// so all the same: it "may also return error codes from previous, asynchronous
	// launches".
	FailCall int
	FailCode driver.Code
	// FailAlloc is the number of the allocation, of the device's memory or of pinned
	// memory, from 1, for which there is no memory; FailAllocs is how many fail from
	// there, one if it is not set.
	FailAlloc, FailAllocs int
	// FailWork is the number of the copy, memset or kernel, from 1, that fails when
	// it runs, with FailWorkCode, which is CUDA_ERROR_ILLEGAL_ADDRESS if it is not
	// set. A later call returns the error, and all after that.
	FailWork     int
	FailWorkCode driver.Code
	// MayFail are functions whose failure the scenario of FailEach may absorb.
	MayFail []string

	// Time is how long a thing takes, nil that it takes none. The clock is that of
	// package time: virtual inside of testing/synctest.
	Time func(Work) time.Duration
	// Busy is how often a query of the same work says that it is not ready, after
	// the time that it takes.
	Busy int

	// Sources are modules whose kernels run as their twins in Go, found by their
	// text. Other texts, and these too if Interpret is set, are run by package
	// ptxsim, which reads from them alone what a kernel is and takes.
	Sources   []*driver.Source
	Interpret bool
}

// Stats are what a fake has seen.
type Stats struct {
	Calls      int
	Works      int   // copies, memsets and kernels
	Copies     int   // between host and device
	Bytes      int64 // that they copied
	Pageable   int   // asynchronous copies of memory that is not pinned
	Pinned     int64 // bytes at present
	PinnedPeak int64
	Used       int64 // bytes of device memory at present
	UsedPeak   int64
}

// Fake is a driver. Its methods are safe for concurrent use.
type Fake struct {
	o Options

	mu          sync.Mutex
	rnd         *rand.Rand
	initialized bool
	byName      map[string]int
	failed      string
	allocated   int
	faults      []string
	stats       Stats

	devices  []*device
	contexts map[uintptr]*context
	threads  map[int][]*context // the last is current
	live     map[uintptr]any    // by handle: *stream, *event, *module, *function
	gone     map[uintptr]string // what the handles were that have been given back
	next     uintptr

	blocks  []*block // of device memory, by address
	freed   map[driver.Ptr]bool
	nextPtr driver.Ptr
	ranges  []*pinned
	unmap   [][]byte
}

// running is the fake that the calls go to.
var running atomic.Pointer[Fake]

// New makes a fake, to which the calls go from now on: there is one at a time in a
// process. Check ends it.
func New(o Options) *Fake {
	if o.Devices == 0 {
		o.Devices = 1
	}
	if o.Version == 0 {
		o.Version = 12080
	}
	if o.Memory == 0 {
		o.Memory = 1 << 30
	}
	if o.FailCode == 0 {
		o.FailCode = driver.Unknown
	}
	if o.FailAllocs == 0 {
		o.FailAllocs = 1
	}
	if o.FailWorkCode == 0 {
		o.FailWorkCode = driver.IllegalAddress
	}
	f := &Fake{
		o:        o,
		rnd:      rand.New(rand.NewPCG(o.Seed, 0x7e57)),
		byName:   map[string]int{},
		contexts: map[uintptr]*context{},
		threads:  map[int][]*context{},
		live:     map[uintptr]any{},
		gone:     map[uintptr]string{},
		freed:    map[driver.Ptr]bool{},
		next:     handleBase,
		nextPtr:  ptrBase,
	}
	for i := range max(o.Devices, 0) {
		f.devices = append(f.devices, &device{ordinal: i})
	}
	running.Store(f)
	return f
}

// Table is the addresses of the functions, for cuda.FromTable.
func (f *Fake) Table() map[string]uintptr {
	table := map[string]uintptr{}
	for name, at := range addresses() {
		if !slices.Contains(f.o.Missing, name) {
			table[name] = at
		}
	}
	return table
}

// TB is what Check needs of a testing.TB.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
}

// Check reports what went wrong and what has not been given back, and ends the fake:
// calls fail from now on.
func (f *Fake) Check(t TB) {
	t.Helper()
	running.CompareAndSwap(f, nil)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leaks()
	for _, s := range f.faults {
		t.Errorf("%s", s)
	}
	f.faults = nil
	for _, b := range f.unmap {
		unix.Munmap(b)
	}
	f.unmap = nil
}

// leaks reports each kind of thing that is still there: "A retained context should
// always be released once the user is done using it", and the like of the others.
func (f *Fake) leaks() {
	var left []string
	add := func(n int, what string) {
		if n > 0 {
			left = append(left, fmt.Sprintf("%d %s", n, what))
		}
	}
	for _, d := range f.devices {
		add(d.retained, fmt.Sprintf("times the context of device %d", d.ordinal))
	}
	add(len(f.blocks), "allocations of device memory")
	hosts := 0
	for _, r := range f.ranges {
		if r.ours != nil {
			hosts++
		}
	}
	add(hosts, "allocations of pinned memory")
	add(len(f.ranges)-hosts, "registered ranges")
	var streams, events, modules int
	for _, x := range f.live {
		switch x.(type) {
		case *stream:
			streams++
		case *event:
			events++
		case *module:
			modules++
		}
	}
	add(streams, "streams")
	add(events, "events")
	add(modules, "modules")
	for _, b := range f.blocks {
		f.checkGuards(b, "at the end")
	}
	bound := 0
	for _, stack := range f.threads {
		bound += len(stack)
	}
	add(bound, "contexts current on threads")
	if len(left) > 0 {
		f.fault("not given back: %s", strings.Join(left, ", "))
	}
	f.blocks, f.ranges, f.live, f.threads = nil, nil, map[uintptr]any{}, map[int][]*context{}
	for _, d := range f.devices {
		d.retained = 0
	}
}

// Faults returns what went wrong so far, and forgets it: for a test that wants it
// to.
func (f *Fake) Faults() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.faults
	f.faults = nil
	return s
}

// Failed is the function whose call failed as FailCall said, "" if none did.
func (f *Fake) Failed() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

// Calls is how often a function was called.
func (f *Fake) Calls(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.byName[name]
}

// Stats are what was seen so far.
func (f *Fake) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stats
}

// Mark sets the counts of Stats and Calls to 0, and the peaks to what is there.
func (f *Fake) Mark() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats = Stats{Pinned: f.stats.Pinned, PinnedPeak: f.stats.Pinned, Used: f.stats.Used, UsedPeak: f.stats.Used}
	clear(f.byName)
}

// fault notes a thing that a program must not do. A callback can neither panic nor
// end a test: the C code that it returns to knows of neither.
func (f *Fake) fault(format string, args ...any) {
	if len(f.faults) < 100 {
		f.faults = append(f.faults, fmt.Sprintf(format, args...))
	}
}

// need is what a function needs, and whether it gives something back.
type need int

const (
	nothing     need = 0
	initialized need = 1
	current     need = 2 | initialized // a context
	givesBack   need = 4
)

// call runs a function: counts it, lets it fail, and looks whether it may run.
func (f *Fake) call(name string, n need, spoil func(), body func(c *context) driver.Code) (code driver.Code) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() {
		if p := recover(); p != nil {
			f.fault("%s: panic: %v\n%s", name, p, debug.Stack())
			code = driver.Unknown
		}
		// Of a call that fails only the code is documented: what it was to return is
		// anything.
		if code != driver.Success && code != driver.NotReady && spoil != nil {
			spoil()
		}
	}()
	f.stats.Calls++
	f.byName[name]++
	fails := f.stats.Calls == f.o.FailCall && f.failed == ""
	if fails {
		f.failed = name
	}
	// "If cuInit() has not been called, any function from the driver API will return
	// CUDA_ERROR_NOT_INITIALIZED."
	if n&initialized != 0 && !f.initialized {
		f.fault("%s before cuInit", name)
		return driver.NotInitialized
	}
	var c *context
	if stack := f.threads[unix.Gettid()]; len(stack) > 0 {
		c = stack[len(stack)-1]
	}
	if n&current == current {
		// CUDA_ERROR_INVALID_CONTEXT: "This most frequently indicates that there is
		// no context bound to the current thread."
		if c == nil {
			f.fault("%s: no context is current on the thread", name)
			return driver.InvalidContext
		}
		// CUDA_ERROR_CONTEXT_IS_DESTROYED: "the context current to the calling thread
		// has been destroyed".
		if c.dead {
			f.fault("%s: the context has been destroyed", name)
			return driver.ContextDestroyed
		}
		// "This leaves the process in an inconsistent state and any further CUDA work
		// will return the same error."
		if c.broken != 0 {
			if n&givesBack != 0 {
				body(c)
			}
			return c.broken
		}
	}
	if fails {
		if n&givesBack != 0 {
			body(c)
		}
		return f.o.FailCode
	}
	code = body(c)
	f.drift()
	return code
}

// handle makes a handle that is not like any before.
func (f *Fake) handle(x any) uintptr {
	f.next += 16
	f.live[f.next] = x
	return f.next
}

// Handles are addresses of nothing.
const handleBase = 0x0a00_0000_0000

// find is the thing of a handle.
func find[T any](f *Fake, name string, h uintptr) (T, bool) {
	if x, ok := f.live[h].(T); ok {
		return x, true
	}
	// CUDA_ERROR_INVALID_HANDLE: "a resource handle passed to the API call was not
	// valid. Resource handles are opaque types like CUstream and CUevent."
	if was, ok := f.gone[h]; ok {
		f.fault("%s: the %s %#x was given back before", name, was, h)
	} else {
		f.fault("%s: %#x is not a handle of its kind", name, h)
	}
	var none T
	return none, false
}

// drop forgets a handle.
func (f *Fake) drop(h uintptr, what string) {
	delete(f.live, h)
	f.gone[h] = what
}

// A collector keeps what is reported.
type collector struct{ said []string }

func (c *collector) Helper() {}

func (c *collector) Errorf(format string, args ...any) {
	c.said = append(c.said, fmt.Sprintf(format, args...))
}
