package gpu

import (
	"context"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/tensor"
)

// A Stream is a queue of work that the device does in order. It neither waits for
// the driver's default stream nor makes it wait.
type Stream struct {
	dev   *Device
	h     driver.Stream
	owned bool // was made here and is to be freed
	life  life
}

// NewStream makes a stream.
func (d *Device) NewStream() (*Stream, error) {
	s := &Stream{dev: d, owned: true, life: life{what: "stream"}}
	err := d.do(func(dev driver.Device) (err error) {
		if s.h, err = dev.NewStream(); err == nil {
			d.own(s)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Device is where the stream is.
func (s *Stream) Device() *Device { return s.dev }

// Handle is what other users of CUDA call a CUstream, good until the stream is
// freed.
func (s *Stream) Handle() uintptr { return uintptr(s.h) }

// Synchronize waits for all that was enqueued on the stream. It cannot be cut
// short: what a device has begun it ends.
func (s *Stream) Synchronize() error {
	return s.dev.do(func(dev driver.Device) error { return dev.StreamSynchronize(s.h) }, &s.life)
}

// Done reports, without waiting, whether all that was enqueued has been done.
func (s *Stream) Done() (done bool, err error) {
	err = s.dev.do(func(dev driver.Device) error {
		done, err = dev.StreamQuery(s.h)
		return err
	}, &s.life)
	return done && err == nil, err
}

// Wait makes what is enqueued on the stream from now on wait for what the event
// stands for now: its latest Record. It does not make the caller wait. An event
// that was never recorded is not waited for.
func (s *Stream) Wait(e *Event) error {
	if e == nil || !s.dev.shares(e.dev) {
		return bad(tensor.ErrUnsupported, "event", "none of this device", "an event of the stream's device")
	}
	return s.dev.do(func(dev driver.Device) error { return dev.StreamWait(s.h, e.h) }, &s.life, &e.life)
}

// Copy enqueues a copy between buffers of the device, which are of one length and
// do not overlap.
func (s *Stream) Copy(dst, src *Buffer) error {
	if err := s.dev.mine(dst, nil); err != nil {
		return err
	}
	if err := s.dev.mine(src, nil); err != nil {
		return err
	}
	if dst.n != src.n {
		return bad(tensor.ErrShape, "copy", itoa(src.n)+" bytes", itoa(dst.n))
	}
	if dst.n > 0 && dst.ptr < src.ptr+driver.Ptr(src.n) && src.ptr < dst.ptr+driver.Ptr(dst.n) {
		return bad(tensor.ErrUnsupported, "copy", "buffers that overlap", "buffers apart from each other")
	}
	return s.dev.do(func(dev driver.Device) error {
		if dst.n == 0 {
			return nil
		}
		return dev.CopyDtoD(dst.ptr, src.ptr, dst.n, s.h)
	}, &s.life, &dst.mem.life, &src.mem.life)
}

// Fill enqueues that every byte of a buffer becomes v.
func (s *Stream) Fill(dst *Buffer, v byte) error {
	if err := s.dev.mine(dst, nil); err != nil {
		return err
	}
	return s.dev.do(func(dev driver.Device) error {
		if dst.n == 0 {
			return nil
		}
		return dev.Memset8(dst.ptr, v, dst.n, s.h)
	}, &s.life, &dst.mem.life)
}

// Read copies a buffer to dst, which has as many bytes, after all that was enqueued
// on the stream before. Otherwise it is Buffer.ReadTo.
func (s *Stream) Read(ctx context.Context, dst []byte, src *Buffer) error {
	if err := s.dev.mine(src, s); err != nil {
		return err
	}
	return s.dev.read(ctx, s, dst, src)
}

// Write copies src to a buffer of as many bytes, after all that was enqueued on the
// stream before: what is enqueued later finds it there. Otherwise it is
// Buffer.WriteFrom.
func (s *Stream) Write(ctx context.Context, dst *Buffer, src []byte) error {
	if err := s.dev.mine(dst, s); err != nil {
		return err
	}
	return s.dev.write(ctx, s, dst, src)
}

// Free waits for what was enqueued and frees the stream; one that was wrapped is
// only let go of. A second Free is ErrClosed.
func (s *Stream) Free() error {
	if err := s.dev.enter(); err != nil {
		return err
	}
	defer s.dev.life.leave()
	if !s.life.end() {
		return bad(tensor.ErrClosed, "stream", "", "")
	}
	return s.dev.free(s, func(dev driver.Device) error {
		if !s.owned {
			return nil
		}
		return dev.StreamSynchronize(s.h)
	})
}

func (s *Stream) describe() (string, int64) { return "stream", 0 }

func (s *Stream) release(dev driver.Device) error {
	s.life.end()
	if dev == nil || !s.owned {
		return nil
	}
	s.owned = false
	return dev.FreeStream(s.h)
}
