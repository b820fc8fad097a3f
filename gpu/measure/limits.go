package measure

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/hook"
	"github.com/tensorfile/tensorfile/internal/kernel"
	"github.com/tensorfile/tensorfile/internal/parallel"
)

// Names of the limits.
const (
	Memcpy   = "memcpy"           // memory to memory of the machine, on all processors
	Link     = "link"             // pinned memory to the device
	Back     = "link back"        // the device to pinned memory
	Pageable = "link, not pinned" // memory of the Go heap to the device, the driver staging it
	Memory   = "device memory"    // from place to place on the device, bytes read and written
)

// Upload is the name of the limit of what goes to the device: the link, or for the
// host backend, which has none, memcpy.
func Upload(d *gpu.Device) string {
	if d.Backend() == "host" {
		return Memcpy
	}
	return Link
}

// Limits measures them: memcpy and, of a device that is one, those of its link and
// its memory. Of the host backend memcpy is all three.
func Limits(ctx context.Context, d *gpu.Device, o *Options) ([]Row, error) {
	own := o.resolve()
	r, err := own.memcpy(ctx)
	rows := []Row{r}
	if err != nil {
		return nil, err
	}
	if d.Backend() != "host" {
		more, err := own.links(ctx, d)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	r, err = own.onDevice(ctx, d)
	if err != nil {
		return nil, err
	}
	return append(rows, r), nil
}

// Find is the row of that name; an empty one if there is none.
func Find(rows []Row, name string) Row {
	for _, r := range rows {
		if r.Name == name {
			return r
		}
	}
	return Row{Name: name}
}

// noise is n bytes without a period.
func noise(b []byte, seed uint64) {
	r := rand.NewPCG(seed, 0x74656e736f72)
	for len(b) >= 8 {
		x := r.Uint64()
		for i := range 8 {
			b[i] = byte(x >> (8 * i))
		}
		b = b[8:]
	}
	for i := range b {
		b[i] = byte(r.Uint64())
	}
}

// memcpy copies with all processors, past the cache as large copies do.
func (o Options) memcpy(ctx context.Context) (Row, error) {
	src, dst := make([]byte, o.Size), make([]byte, o.Size)
	noise(src, 1)
	const piece = 1 << 20
	return o.median(ctx, Row{Name: Memcpy, Bytes: o.Size}, clocked(func() error {
		return parallel.Each(0, (o.Size+piece-1)/piece, func(i int64) error {
			end := min((i+1)*piece, o.Size)
			kernel.CopyStream(dst[i*piece:end], src[i*piece:end])
			return nil
		})
	}))
}

// onDevice copies from place to place on the device.
func (o Options) onDevice(ctx context.Context, d *gpu.Device) (_ Row, err error) {
	r := Row{Name: Memory, Bytes: 2 * o.Size}
	s, err := d.NewStream()
	if err != nil {
		return r, err
	}
	defer s.Free()
	w, err := newWatch(d)
	if err != nil {
		return r, err
	}
	defer w.free()
	src, err := d.Alloc(o.Size)
	if err != nil {
		return r, err
	}
	defer src.Free()
	dst, err := d.Alloc(o.Size)
	if err != nil {
		return r, err
	}
	defer dst.Free()
	if err := s.Fill(src, 0x5a); err != nil {
		return r, err
	}
	return o.median(ctx, r, func() (time.Duration, error) {
		return w.of(s, func() error { return s.Copy(dst, src) })
	})
}

// links times copies between a device and memory of the host: those that are named,
// or all.
func (o Options) links(ctx context.Context, d *gpu.Device, names ...string) (rows []Row, err error) {
	err = hook.Driver(d, func(dev driver.Device) error {
		rows, err = o.copies(ctx, dev, names)
		return err
	})
	return rows, err
}

func (o Options) copies(ctx context.Context, dev driver.Device, names []string) (rows []Row, err error) {
	pinned, err := dev.HostAlloc(o.Size)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dev.HostFree(pinned)) }()
	noise(pinned, 2)
	there, err := dev.Alloc(o.Size)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dev.Free(there)) }()
	s, err := dev.NewStream()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dev.FreeStream(s)) }()
	var events [2]driver.Event
	for i := range events {
		e, err := dev.NewEvent(true)
		if err != nil {
			return nil, err
		}
		defer dev.FreeEvent(e)
		events[i] = e
	}
	heap := make([]byte, o.Size)
	noise(heap, 3)
	inEvents := func(fn func() error) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			if err := dev.Record(events[0], s); err != nil {
				return 0, err
			}
			if err := fn(); err != nil {
				return 0, err
			}
			if err := dev.Record(events[1], s); err != nil {
				return 0, err
			}
			if err := dev.EventSynchronize(events[1]); err != nil {
				return 0, err
			}
			return dev.Elapsed(events[0], events[1])
		}
	}
	for _, c := range []struct {
		name string
		run  func() (time.Duration, error)
	}{
		{Link, inEvents(func() error { return dev.CopyHtoD(there, pinned, s) })},
		{Back, inEvents(func() error { return dev.CopyDtoH(pinned, there, s) })},
		{Pageable, clocked(func() error { return dev.CopyHtoD(there, heap, 0) })},
	} {
		if len(names) > 0 && !slices.Contains(names, c.name) {
			continue
		}
		r, err := o.median(ctx, Row{Name: c.name, Bytes: o.Size}, c.run)
		if err != nil {
			return rows, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}
