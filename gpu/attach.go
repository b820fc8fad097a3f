package gpu

import (
	"runtime"
	"strconv"
	"sync"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/tensor"
)

// AttachCurrent makes a device of the CUDA context that is current on the calling
// goroutine's OS thread, to which the caller has locked it: inside of cu.Ctx.Do, or
// after another binding's "set current". The context stays its owner's: Close frees
// what was made here and leaves the context as it is, and it must be there until
// then. The error is an *Error if no context is current.
func AttachCurrent(o *Options) (*Device, error) { return attach(0, o) }

// AttachHandle is AttachCurrent for a context whose handle, a CUcontext, is at
// hand.
func AttachHandle(ctx uintptr, o *Options) (*Device, error) {
	if ctx == 0 {
		return nil, bad(tensor.ErrUnsupported, "context", "0", "a handle")
	}
	return attach(driver.Context(ctx), o)
}

func attach(c driver.Context, o *Options) (*Device, error) {
	if _, err := o.resolve(); err != nil {
		return nil, err
	}
	drv, err := cudaDriver()
	if err != nil {
		return nil, err
	}
	return attachOn(drv, c)
}

func attachOn(drv driver.Driver, c driver.Context) (*Device, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	dev, err := drv.Attach(c)
	if err != nil {
		return nil, wrap(err)
	}
	return newDevice(dev, newInfo(drv.Backend(), dev.Properties())), nil
}

// Context is the handle of the context, a CUcontext; 0 of the host backend.
func (d *Device) Context() uintptr { return uintptr(d.dev.Context()) }

// MakeCurrent locks the calling goroutine to its OS thread and makes the context
// current there, for other users of CUDA to find. restore, which the same goroutine
// calls once, puts back what was. The device cannot be closed in between.
func (d *Device) MakeCurrent() (restore func() error, err error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	if err := d.check(d.dev.Bind()); err != nil {
		runtime.UnlockOSThread()
		d.life.leave()
		return nil, err
	}
	return sync.OnceValue(func() error {
		defer d.life.leave()
		defer runtime.UnlockOSThread()
		return d.check(d.dev.Unbind())
	}), nil
}

// WrapPtr makes a buffer of n bytes of device memory of somebody else, at a
// CUdeviceptr in the device's context. Free never frees it. keep, which may be nil,
// is held by the buffer until Free, so that what owns the memory is not finalized.
func (d *Device) WrapPtr(p uintptr, n int64, keep any) (*Buffer, error) {
	if n < 0 || p == 0 && n > 0 || uint64(n) > uint64(^uintptr(0)-p) {
		return nil, bad(tensor.ErrIndex, "wrapped memory", itoa(n)+" bytes at "+hex(p), "a range of addresses")
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.life.leave()
	m := &memory{dev: d, life: life{what: "buffer"}, ptr: driver.Ptr(p), n: n, keep: keep}
	return &Buffer{mem: m, ptr: m.ptr, n: n}, nil
}

// WrapStream makes a stream of a CUstream of somebody else in the device's context.
// Free never frees it. The default stream, 0, is refused: work on it is ordered
// with that of other streams by rules of its own.
func (d *Device) WrapStream(h uintptr) (*Stream, error) {
	// 1 and 2 are the driver's names for the default stream, of the process and of
	// a thread.
	if h <= 2 && d.info.Backend == "cuda" || h == 0 {
		return nil, bad(tensor.ErrUnsupported, "stream", "the default stream", "a stream that was created")
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.life.leave()
	return &Stream{dev: d, h: driver.Stream(h), life: life{what: "stream"}}, nil
}

// WrapEvent makes an event of a CUevent of somebody else in the device's context, to
// wait for or to record. Free never frees it, and Since does not take it.
func (d *Device) WrapEvent(h uintptr) (*Event, error) {
	if h == 0 {
		return nil, bad(tensor.ErrUnsupported, "event", "0", "a handle")
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.life.leave()
	return &Event{dev: d, h: driver.Event(h), life: life{what: "event"}}, nil
}

func hex(p uintptr) string { return "0x" + strconv.FormatUint(uint64(p), 16) }
