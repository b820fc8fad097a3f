package host

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// device is memory, streams and events of its own.
type device struct {
	properties driver.Properties
	lost       atomic.Pointer[driver.Error] // what every call returns

	memory ranges     // of the device
	pinned ranges     // of the host
	alloc  sync.Mutex // one allocation at a time, so that they keep to the limit

	// running is held for reading by work that touches device memory, and taken by
	// who unmaps some.
	running sync.RWMutex

	mu      sync.RWMutex
	last    uintptr // handle; none is used twice
	streams map[driver.Stream]*stream
	events  map[driver.Event]*event
	modules map[driver.Module]*driver.Source
	funcs   map[driver.Function]function
}

func newDevice(p driver.Properties) *device {
	return &device{
		properties: p,
		streams:    map[driver.Stream]*stream{},
		events:     map[driver.Event]*event{},
		modules:    map[driver.Module]*driver.Source{},
		funcs:      map[driver.Function]function{},
	}
}

// handle is a new one; d.mu is held.
func (d *device) handle() uintptr {
	d.last++
	return d.last
}

func (d *device) Properties() driver.Properties { return d.properties }

func (d *device) Context() driver.Context { return 0 }

// Bind and Unbind have nothing to do: there is no current context.
func (d *device) Bind() error { return nil }

func (d *device) Unbind() error { return nil }

// failed is the error that lost the device.
func (d *device) failed() error {
	if e := d.lost.Load(); e != nil {
		return e
	}
	return nil
}

// lose keeps the first error of work.
func (d *device) lose(err error) {
	if err == nil {
		return
	}
	var e *driver.Error
	if !errors.As(err, &e) || !e.Code.Sticky() {
		e = fail("Launch", driver.LaunchFailed, "%v", err)
	}
	d.lost.CompareAndSwap(nil, e)
}

// guarded runs work. What it panics with is an error of it: a fault of memory, on a
// goroutine whose faults are panics, that of an illegal address.
func guarded(do func() error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }:
			err = fail("Copy", driver.IllegalAddress, "host memory at %#x is gone", p.Addr())
		default:
			err = fail("Launch", driver.LaunchFailed, "panic: %v", p)
		}
	}()
	return do()
}

// onFault is guarded on the goroutine of a caller.
func onFault(do func() error) error {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	return guarded(do)
}

// Synchronize waits for all that is enqueued on any stream.
func (d *device) Synchronize() error {
	d.wait()
	return d.failed()
}

func (d *device) wait() {
	d.mu.RLock()
	all := make([]*stream, 0, len(d.streams))
	for _, s := range d.streams {
		all = append(all, s)
	}
	d.mu.RUnlock()
	for _, s := range all {
		s.wait()
	}
}

// Close waits for all work and unmaps the device's memory, whoever has not freed it.
func (d *device) Close() error {
	d.wait()
	d.lost.CompareAndSwap(nil, fail("Close", driver.ContextDestroyed, "the device is closed"))
	d.running.Lock()
	defer d.running.Unlock()
	var first error
	for _, p := range slices.Concat(d.memory.takeAll(), d.pinned.takeAll()) {
		if !p.own {
			continue
		}
		if err := unmapMemory("Close", p.mem); first == nil {
			first = err
		}
	}
	return first
}

// function is a kernel of a module.
type function struct {
	kernel *driver.Kernel
	module driver.Module
}

// Load takes the references of a module's kernels; its PTX is not looked at.
func (d *device) Load(m *driver.Source) (driver.Module, error) {
	if err := d.failed(); err != nil {
		return 0, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	h := driver.Module(d.handle())
	d.modules[h] = m
	return h, nil
}

// Unload waits for work that is under way.
func (d *device) Unload(m driver.Module) error {
	if err := d.Synchronize(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.modules[m] == nil {
		return fail("Unload", driver.InvalidHandle, "no module %#x", uintptr(m))
	}
	delete(d.modules, m)
	for h, f := range d.funcs {
		if f.module == m {
			delete(d.funcs, h)
		}
	}
	return nil
}

func (d *device) Function(m driver.Module, name string) (driver.Function, error) {
	if err := d.failed(); err != nil {
		return 0, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	src := d.modules[m]
	if src == nil {
		return 0, fail("Function", driver.InvalidHandle, "no module %#x", uintptr(m))
	}
	k := src.Kernel(name)
	switch {
	case k == nil:
		return 0, fail("Function", driver.NotFound, "module %s has no kernel %q", src.Name, name)
	case k.Go == nil:
		return 0, fail("Function", driver.NotSupported, "kernel %q of module %s has no reference in Go", name, src.Name)
	}
	h := driver.Function(d.handle())
	d.funcs[h] = function{k, m}
	return h, nil
}

// Launch enqueues the reference of a kernel. Shared memory is its own affair.
func (d *device) Launch(f driver.Function, grid, block driver.Dim, shared uint32, sh driver.Stream, args []byte, offsets []int) error {
	s, err := d.stream("Launch", sh)
	if err != nil {
		return err
	}
	d.mu.RLock()
	fn, ok := d.funcs[f]
	d.mu.RUnlock()
	if !ok {
		return fail("Launch", driver.InvalidHandle, "no function %#x", uintptr(f))
	}
	a := driver.Args{Bytes: slices.Clone(args), Offsets: slices.Clone(offsets)}
	s.push(work{do: func() error {
		d.running.RLock()
		defer d.running.RUnlock()
		if err := fn.kernel.Go(d, grid, block, a); err != nil {
			return named(fn.kernel.Name, err)
		}
		return nil
	}})
	return nil
}

// named says which kernel failed.
func named(kernel string, err error) error {
	var e *driver.Error
	if errors.As(err, &e) && e.Code.Sticky() {
		own := *e
		own.Text = fmt.Sprintf("kernel %s: %s", kernel, e.Text)
		return &own
	}
	return fail("Launch", driver.LaunchFailed, "kernel %s: %v", kernel, err)
}
