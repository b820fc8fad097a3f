//go:build linux && !android && !nogpu && (amd64 || arm64)

package fakecuda

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

type device struct {
	ordinal  int
	retained int
	used     int64 // bytes of its memory
	primary  *context
	free     [kinds]time.Time // when each engine has nothing more to do
}

type context struct {
	handle  uintptr
	device  *device
	primary bool
	dead    bool
	broken  driver.Code // what every call returns after work has failed
	null    *stream
	streams []*stream // those that have been destroyed as well, until their work is done
}

// attributes are those of a device.
var attributes = map[int]int32{
	16:  132, // multiprocessors
	40:  3,   // asynchronous engines
	41:  1,   // unified addressing
	75:  9,   // compute capability
	76:  0,
	88:  0, // pageable memory access
	91:  1, // host pointers serve for registered memory
	99:  1, // host register supported
	100: 0, // pageable memory access by the host's page tables
	113: 1, // read-only host register supported
	115: 1, // memory pools supported
}

func (f *Fake) attribute(a int) (int32, bool) {
	if v, ok := f.o.Attributes[a]; ok {
		return v, v >= 0
	}
	v, ok := attributes[a]
	return v, ok
}

func (f *Fake) device(name string, dev int32) *device {
	if dev < deviceBase || int(dev-deviceBase) >= len(f.devices) {
		f.fault("%s: there is no device %d", name, dev)
		return nil
	}
	return f.devices[dev-deviceBase]
}

// deviceBase is the handle of the first device. Nothing says that a CUdevice is the
// ordinal, though it is.
const deviceBase = 70

func (f *Fake) newContext(d *device, primary bool) *context {
	c := &context{device: d, primary: primary}
	c.handle = f.handle(c)
	c.null = &stream{context: c, null: true}
	c.streams = []*stream{c.null}
	f.contexts[c.handle] = c
	return c
}

// retain: "The context is created if it has not been so already."
func (f *Fake) retain(d *device) *context {
	if d.primary == nil {
		d.primary = f.newContext(d, true)
	}
	d.retained++
	return d.primary
}

// release: "Releasing a primary context that has not been previously retained will
// fail with CUDA_ERROR_INVALID_CONTEXT." "The context is automatically reset once the
// last reference to it is released."
func (f *Fake) release(d *device) driver.Code {
	if d.retained == 0 {
		f.fault("cuDevicePrimaryCtxRelease_v2: the context is not retained")
		return driver.InvalidContext
	}
	if d.retained--; d.retained > 0 {
		return driver.Success
	}
	c := d.primary
	d.primary = nil
	f.destroy(c, "cuDevicePrimaryCtxRelease_v2")
	return driver.Success
}

// destroy ends a context with all that is in it. What is still there then can never
// be given back.
func (f *Fake) destroy(c *context, name string) {
	var left []string
	add := func(n int, what string) {
		if n > 0 {
			left = append(left, fmt.Sprintf("%d %s", n, what))
		}
	}
	for _, s := range c.streams {
		add(len(s.queue), "pieces of work in flight")
	}
	c.abandon()
	n := len(f.blocks)
	f.blocks = slices.DeleteFunc(f.blocks, func(b *block) bool {
		if b.context == c {
			f.freed[b.at] = true
			b.gone = true
			c.device.used -= b.size
			f.stats.Used -= b.size
			return true
		}
		return false
	})
	add(n-len(f.blocks), "allocations of device memory")
	n = len(f.ranges)
	f.ranges = slices.DeleteFunc(f.ranges, func(r *pinned) bool {
		if r.context == c {
			f.stats.Pinned -= int64(r.n)
			return true
		}
		return false
	})
	add(n-len(f.ranges), "ranges of pinned memory")
	counts := map[string]int{}
	for h, x := range f.live {
		var of *context
		var what string
		switch x := x.(type) {
		case *stream:
			of, what = x.context, "stream"
		case *event:
			of, what = x.context, "event"
		case *module:
			of, what = x.context, "module"
		case *function:
			if x.module.context == c {
				f.drop(h, "function")
			}
		}
		if of == c {
			f.drop(h, what)
			counts[what]++
		}
	}
	for _, what := range []string{"stream", "event", "module"} {
		add(counts[what], what+"s")
	}
	if len(left) > 0 && c.broken == 0 {
		f.fault("%s: the context ends with %s", name, strings.Join(left, ", "))
	}
	c.dead = true
	f.drop(c.handle, "context")
	delete(f.contexts, c.handle)
}

// NewContext makes a context as another library would with cuCtxCreate: nobody but
// that library may destroy it. It is current nowhere.
func (f *Fake) NewContext(ordinal int) driver.Context {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.initialized = true
	return driver.Context(f.newContext(f.devices[ordinal], false).handle)
}

// SetCurrent makes a context, or with 0 none, current on this OS thread, as another
// library would with cuCtxSetCurrent.
func (f *Fake) SetCurrent(c driver.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	tid := unix.Gettid()
	if stack := f.threads[tid]; len(stack) > 0 {
		f.threads[tid] = stack[:len(stack)-1]
	}
	if c != 0 {
		f.threads[tid] = append(f.threads[tid], f.contexts[uintptr(c)])
	}
}

// Destroy ends a context that NewContext made, or the primary one under those who
// have retained it, as another library may.
func (f *Fake) Destroy(c driver.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x := f.contexts[uintptr(c)]
	if x == nil {
		f.fault("Destroy: %#x is not a context", uintptr(c))
		return
	}
	x.broken = driver.ContextDestroyed // what is left is nobody's fault
	if x.primary {
		x.device.primary, x.device.retained = nil, 0
	}
	f.destroy(x, "Destroy")
}

// push: "Pushes the given context ctx onto the CPU thread's stack of current
// contexts."
func (f *Fake) push(h uintptr) driver.Code {
	c := f.contexts[h]
	if c == nil {
		f.fault("cuCtxPushCurrent_v2: %#x is not a context", h)
		return driver.InvalidContext
	}
	tid := unix.Gettid()
	f.threads[tid] = append(f.threads[tid], c)
	return driver.Success
}

// pop: "Pops the current CUDA context from the CPU thread and passes back the old
// context handle in *pctx."
func (f *Fake) pop() (uintptr, driver.Code) {
	tid := unix.Gettid()
	stack := f.threads[tid]
	if len(stack) == 0 {
		f.fault("cuCtxPopCurrent_v2: no context is current on the thread")
		return 0, driver.InvalidContext
	}
	c := stack[len(stack)-1]
	if f.threads[tid] = stack[:len(stack)-1]; len(f.threads[tid]) == 0 {
		delete(f.threads, tid)
	}
	return c.handle, driver.Success
}
