package gpu

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// A Device is a context of a device and what was made in it.
type Device struct {
	dev  driver.Device
	info Info
	life life
	lost atomic.Pointer[Error] // the first sticky error

	mu    sync.Mutex
	made  uint64
	owned map[resource]origin

	functions functions
}

func newDevice(dev driver.Device, info Info) *Device {
	return &Device{dev: dev, info: info, life: life{what: "device"}, owned: map[resource]origin{}}
}

// Info is what is known of the device, and why it is this one.
func (d *Device) Info() Info { return d.info }

// Backend is "cuda" or "host".
func (d *Device) Backend() string { return d.info.Backend }

// Err is the sticky error that lost the device, or nil.
func (d *Device) Err() error {
	if e := d.lost.Load(); e != nil {
		return e
	}
	return nil
}

// Memory asks how much device memory is free, and how much there is.
func (d *Device) Memory() (free, total int64, err error) {
	err = d.do(func(dev driver.Device) error {
		free, total, err = dev.MemInfo()
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	return free, total, nil
}

// Synchronize waits for all work of the device, whoever enqueued it.
func (d *Device) Synchronize() error {
	return d.do(func(dev driver.Device) error { return dev.Synchronize() })
}

// Close waits for all work and for calls that are under way, frees what belongs to
// the device and lets go of the context: one that was opened is released, one that
// was attached stays as it is. What had not been freed is reported as a
// *[LeakError], after a loss of the device beside its first error. Later calls,
// also on what belonged to the device, are ErrClosed; a second Close is nil.
func (d *Device) Close() error {
	if !d.life.end() {
		return nil
	}
	var errs []error
	keep := func(err error) { // what a lost device says of freeing is no news
		if err = d.check(err); err != nil && d.lost.Load() == nil {
			errs = append(errs, err)
		}
	}
	leaks := d.disownAll()
	free := func(dev driver.Device) {
		for _, l := range leaks {
			keep(l.resource.release(dev))
		}
		keep(d.functions.unload(dev))
	}
	freed := false
	all := func(dev driver.Device) error {
		freed = true
		keep(dev.Synchronize())
		if d.lost.Load() != nil {
			dev = nil // what is on the device ends with the context
		}
		free(dev)
		return nil
	}
	keep(d.bound(all))
	if !freed { // the context could not be made current
		keep(d.bound(all))
	}
	if !freed {
		free(nil)
	}
	keep(d.dev.Close())
	if lost := d.lost.Load(); lost != nil {
		errs = append([]error{lost}, errs...)
	}
	if len(leaks) > 0 {
		errs = append(errs, newLeakError(leaks))
	}
	return errors.Join(errs...)
}

// do runs op, which calls the driver, while the device and the things given cannot
// end. It is how every call of a user goes to the driver.
func (d *Device) do(op func(dev driver.Device) error, things ...*life) error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.life.leave()
	if err := enterAll(things); err != nil {
		return err
	}
	defer leaveAll(things)
	return d.bound(op)
}

// enter begins a use of the device, which d.life.leave ends. The error is ErrClosed
// or the one that lost it.
func (d *Device) enter() error {
	if err := d.life.enter(); err != nil {
		return err
	}
	if err := d.Err(); err != nil {
		d.life.leave()
		return err
	}
	return nil
}

// bound runs op with the context current on its OS thread.
func (d *Device) bound(op func(dev driver.Device) error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := d.dev.Bind(); err != nil {
		return d.check(err)
	}
	err := op(d.dev)
	if e := d.dev.Unbind(); err == nil {
		err = e
	}
	return d.check(err)
}

// check makes an error of the driver public. A sticky one marks the device as lost;
// the first of them is returned for all.
func (d *Device) check(err error) error {
	if err == nil {
		return nil
	}
	err = wrap(err)
	var e *Error
	if errors.As(err, &e) && e.Sticky && !d.lost.CompareAndSwap(nil, e) {
		return d.lost.Load()
	}
	return err
}

// shares reports whether handles of one device are good for the other: two devices
// can stand for one context.
func (d *Device) shares(o *Device) bool {
	return d == o || o != nil && d.dev.Context() != 0 && d.dev.Context() == o.dev.Context()
}
