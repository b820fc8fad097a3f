package gpu

import (
	"time"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/tensor"
)

// EventOptions are for making an event. Nil means the defaults.
type EventOptions struct {
	// Timing lets the event tell the time, for Since. Default: it does not, and
	// costs the device less.
	Timing bool
}

// An Event is a place in the queue of a stream, that of its latest Record.
type Event struct {
	dev    *Device
	h      driver.Event
	timing bool
	owned  bool // was made here and is to be freed
	life   life
}

// NewEvent makes an event.
func (d *Device) NewEvent(o *EventOptions) (*Event, error) {
	e := &Event{dev: d, timing: o != nil && o.Timing, owned: true, life: life{what: "event"}}
	err := d.do(func(dev driver.Device) (err error) {
		if e.h, err = dev.NewEvent(e.timing); err == nil {
			d.own(e)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Device is where the event is.
func (e *Event) Device() *Device { return e.dev }

// Handle is what other users of CUDA call a CUevent, good until the event is freed.
func (e *Event) Handle() uintptr { return uintptr(e.h) }

// Record makes the event stand for all that was enqueued on the stream so far. Who
// waits for an earlier Record already is not concerned.
func (e *Event) Record(on *Stream) error {
	if on == nil || !e.dev.shares(on.dev) {
		return bad(tensor.ErrUnsupported, "stream", "none of this device", "a stream of the event's device")
	}
	return e.dev.do(func(dev driver.Device) error { return dev.Record(e.h, on.h) }, &e.life, &on.life)
}

// Synchronize waits, asleep, for what the event stands for. One that was never
// recorded is not waited for.
func (e *Event) Synchronize() error {
	return e.dev.do(func(dev driver.Device) error { return dev.EventSynchronize(e.h) }, &e.life)
}

// Done reports, without waiting, whether what the event stands for has happened.
func (e *Event) Done() (done bool, err error) {
	err = e.dev.do(func(dev driver.Device) error {
		done, err = dev.EventQuery(e.h)
		return err
	}, &e.life)
	return done && err == nil, err
}

// Since is the device's time from an earlier event to this one, both made with
// Timing; it waits for both.
func (e *Event) Since(earlier *Event) (took time.Duration, err error) {
	if earlier == nil || !e.dev.shares(earlier.dev) {
		return 0, bad(tensor.ErrUnsupported, "event", "none of this device", "an event of the same device")
	}
	if !e.timing || !earlier.timing {
		return 0, bad(tensor.ErrUnsupported, "event", "without Timing", "two events with Timing")
	}
	err = e.dev.do(func(dev driver.Device) error {
		if err := dev.EventSynchronize(earlier.h); err != nil {
			return err
		}
		if err := dev.EventSynchronize(e.h); err != nil {
			return err
		}
		took, err = dev.Elapsed(earlier.h, e.h)
		return err
	}, &e.life, &earlier.life)
	if err != nil {
		return 0, err
	}
	return took, nil
}

// Free frees the event; one that was wrapped is only let go of. Who waits for it
// already is not concerned. A second Free is ErrClosed.
func (e *Event) Free() error {
	if err := e.dev.enter(); err != nil {
		return err
	}
	defer e.dev.life.leave()
	if !e.life.end() {
		return bad(tensor.ErrClosed, "event", "", "")
	}
	return e.dev.free(e, func(driver.Device) error { return nil })
}

func (e *Event) describe() (string, int64) { return "event", 0 }

func (e *Event) release(dev driver.Device) error {
	e.life.end()
	if dev == nil || !e.owned {
		return nil
	}
	e.owned = false
	return dev.FreeEvent(e.h)
}
