package gpu

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/tensor"
)

// UploadOptions says how an Uploader goes about its work. The zero value, and
// nil, are the defaults.
type UploadOptions struct {
	// SlotBytes is the size of a slot of the ring of host memory, rounded up to
	// whole pages: what is read at a time and copied at once. Default: 8 MiB.
	SlotBytes int64
	// Slots of the ring, at least 2. Default: Workers and 4.
	Slots int
	// Workers read and decode into slots. Default: GOMAXPROCS, at most 16.
	Workers int
	// DeviceSlots is how many blocks of a stream may be on the device, those of
	// the loop included; at least 2. Default: 3.
	DeviceSlots int
	// Direct says whether plain bytes are read past the page cache. Default:
	// DirectAuto.
	Direct DirectMode
	// AsStored lets Upload bring plain elements up as they lie if they have no gaps
	// in any order of the axes, Fortran order for one; the tensor on the device has
	// their strides then. Without it, and for all else (gaps, elements that are
	// repeated or run backwards, the other byte order, chunks, files that are
	// verified on first use), elements are put in C order on the way, and made
	// little-endian. Default: false.
	AsStored bool
	// Verify makes the device compute the CRC-32C of what arrived, which is
	// compared with that of what was read; another is ErrCorrupt. A block of a loop
	// is handed out when it has been compared. In an Upload chunks that do not fit a
	// slot row by row are decoded again for each slot. Default: false.
	Verify bool
	// Staged makes the host backend copy through the ring, as a device has to.
	// Without it an Upload reads straight to where the elements belong. Default:
	// false.
	Staged bool
}

// resolve fills in defaults.
func (o *UploadOptions) resolve() (UploadOptions, error) {
	var own UploadOptions
	if o != nil {
		own = *o
	}
	if own.Workers == 0 {
		own.Workers = min(runtime.GOMAXPROCS(0), 16)
	}
	if own.Slots == 0 {
		own.Slots = own.Workers + 4
	}
	if own.SlotBytes == 0 {
		own.SlotBytes = 8 << 20
	}
	if own.DeviceSlots == 0 {
		own.DeviceSlots = 3
	}
	for _, n := range []struct {
		name             string
		got, least, most int64
	}{
		{"Workers", int64(own.Workers), 1, 1 << 10},
		{"Slots", int64(own.Slots), 2, 1 << 16},
		{"SlotBytes", own.SlotBytes, 1, maxInt / int64(max(own.Slots, 1)) / 2},
		{"DeviceSlots", int64(own.DeviceSlots), 2, 1 << 10},
	} {
		if n.got < n.least || n.got > n.most {
			return own, &tensor.Error{Kind: tensor.ErrLimit, Offset: -1, Field: "UploadOptions." + n.name, Got: fmt.Sprint(n.got), Want: fmt.Sprintf("%d to %d", n.least, n.most)}
		}
	}
	own.SlotBytes = (own.SlotBytes + pageBytes - 1) &^ (pageBytes - 1)
	return own, nil
}

// An Uploader brings elements to a device through a ring of pinned host memory:
// workers read, or decode, straight into its slots, while others are copied. It
// is made once and used for many uploads, one at a time: another is ErrInUse
// meanwhile. Its memory is Slots times SlotBytes, whatever goes through it. It has
// no goroutines between calls.
type Uploader struct {
	d      *Device
	o      UploadOptions
	ring   *ring
	stream driver.Stream  // of copies
	events []driver.Event // of each slot: its copies are done
	fence  driver.Event   // the caller's stream has come to where an upload begins
	out    deviceRing
	sums   *verifier // nil: nothing is verified

	busy   atomic.Bool
	closed bool // while busy
	last   atomic.Pointer[Stats]
}

// NewUploader makes the ring.
func (d *Device) NewUploader(o *UploadOptions) (*Uploader, error) {
	own, err := o.resolve()
	if err != nil {
		return nil, err
	}
	u := &Uploader{d: d, o: own}
	if own.Verify {
		if u.sums, err = newVerifier(d); err != nil {
			return nil, err
		}
	}
	err = d.do(func(dev driver.Device) error {
		err := u.make(dev)
		if err != nil {
			u.free(dev)
			return err
		}
		d.own(u)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

// Options are those that it works by, with the defaults filled in.
func (u *Uploader) Options() UploadOptions { return u.o }

func (u *Uploader) make(dev driver.Device) (err error) {
	near := ""
	if u.d.info.NUMANode >= 0 {
		near = u.d.info.PCI
	}
	if u.ring, err = newRing(dev, u.o.SlotBytes*int64(u.o.Slots), u.o.Workers, near); err != nil {
		return err
	}
	if u.stream, err = dev.NewStream(); err != nil {
		return err
	}
	if u.fence, err = dev.NewEvent(false); err != nil {
		return err
	}
	for range u.o.Slots {
		e, err := dev.NewEvent(false)
		if err != nil {
			return err
		}
		u.events = append(u.events, e)
	}
	if u.sums != nil {
		return u.sums.alloc(dev, u.o.Slots, int64(len(u.ring.mem)))
	}
	return nil
}

// Close waits for what loops over blocks have enqueued and frees the ring. Blocks
// are not to be used any more. While an upload runs it is ErrInUse, and a second
// time ErrClosed.
func (u *Uploader) Close() error {
	if err := u.begin(); err != nil {
		return err
	}
	defer u.end()
	err := u.d.bound(func(dev driver.Device) error { return u.free(dev) })
	if u.closed { // else the device frees it
		u.d.disown(u)
	}
	return err
}

// free frees what there is, all of it, and returns the first error. Without a driver
// only memory of the host is freed.
func (u *Uploader) free(dev driver.Device) (first error) {
	u.closed = true
	keep := func(err error) {
		if first == nil {
			first = err
		}
	}
	if dev != nil {
		keep(u.out.free(dev))
		for _, e := range u.events {
			keep(dev.FreeEvent(e))
		}
		if u.fence != 0 {
			keep(dev.FreeEvent(u.fence))
		}
		if u.stream != 0 {
			keep(dev.FreeStream(u.stream))
		}
		if u.sums != nil {
			keep(u.sums.free(dev))
		}
	}
	if u.ring != nil {
		keep(u.ring.free(dev))
	}
	return first
}

func (u *Uploader) describe() (string, int64) { return "uploader", int64(len(u.ring.mem)) }

func (u *Uploader) release(dev driver.Device) error {
	if u.closed {
		return nil
	}
	return u.free(dev)
}

// begin takes the uploader, and what an upload works with, until end.
func (u *Uploader) begin(things ...*life) error {
	if !u.busy.CompareAndSwap(false, true) {
		return bad(tensor.ErrInUse, "uploader", "an upload under way", "one at a time")
	}
	err := u.d.enter()
	if err == nil {
		if u.closed {
			err = bad(tensor.ErrClosed, "uploader", "", "")
		} else {
			err = enterAll(things)
		}
		if err != nil {
			u.d.life.leave()
		}
	}
	if err != nil {
		u.busy.Store(false)
	}
	return err
}

func (u *Uploader) end(things ...*life) {
	leaveAll(things)
	u.d.life.leave()
	u.busy.Store(false)
}

// Uploaded is what an upload has brought to the device.
type Uploaded struct {
	// Tensors on the device, by source.
	Tensors []*Tensor
	// Buffer that they lie in: the one that was given, or one that the caller
	// frees.
	Buffer *Buffer
	Stats  Stats
}

// Upload brings sources to memory of the device that it allocates: a buffer in
// which tensors begin at multiples of 64 bytes, those of one file in its order.
// What does not fit is refused with ErrLimit and both sizes before anything is
// read. When it returns, the elements are there. After an error nothing is, and
// all that was in flight has ended.
func (u *Uploader) Upload(ctx context.Context, sources ...Source) (*Uploaded, error) {
	return u.upload(ctx, nil, nil, sources)
}

// UploadTo is Upload to the begin of a buffer of the caller, when the work that
// is enqueued on the stream now is done; nil: at once. What lies between tensors
// is overwritten. After an error the buffer holds anything.
func (u *Uploader) UploadTo(ctx context.Context, dst *Buffer, after *Stream, sources ...Source) (*Uploaded, error) {
	return u.upload(ctx, dst, after, sources)
}

// UploadBytes returns how many bytes of the device an Upload of the sources
// takes.
func (u *Uploader) UploadBytes(sources ...Source) (int64, error) {
	var open files
	defer open.release()
	items, err := u.items(&open, sources, u.o.AsStored, new(counts))
	if err != nil {
		return 0, err
	}
	_, n, err := layOut(items)
	return n, err
}

// items looks at the sources, whose files it holds open.
func (u *Uploader) items(open *files, sources []Source, asStored bool, c *counts) ([]*item, error) {
	items := make([]*item, len(sources))
	for i, s := range sources {
		it, err := newItem(s, asStored)
		if err != nil {
			return nil, err
		}
		it.index, items[i] = i, it
		if s.t == nil {
			continue
		}
		f, err := open.of(s, c)
		if err != nil {
			return nil, err
		}
		switch it.way {
		case wayFile:
			it.file = f
			f.bytes += it.size
		case wayStream:
			it.stream = &stream{src: s}
		}
	}
	for _, f := range open.list {
		f.decide(u.o.Direct)
	}
	return items, nil
}

func (u *Uploader) upload(ctx context.Context, dst *Buffer, after *Stream, sources []Source) (_ *Uploaded, err error) {
	var things []*life
	if dst != nil {
		if err := u.d.mine(dst, after); err != nil {
			return nil, err
		}
		things = append(things, &dst.mem.life)
	}
	if after != nil {
		things = append(things, &after.life)
	}
	if err := u.begin(things...); err != nil {
		return nil, err
	}
	defer u.end(things...)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r := newRun(ctx, u)
	defer r.cancel()
	defer r.files.release()
	items, err := u.items(&r.files, sources, u.o.AsStored, &r.counts)
	if err != nil {
		return nil, err
	}
	ordered, size, err := layOut(items)
	if err != nil {
		return nil, err
	}
	up := &Uploaded{Buffer: dst}
	if dst == nil {
		if up.Buffer, err = u.alloc(size); err != nil {
			return nil, err
		}
		defer func() {
			if err != nil {
				up.Buffer.Free()
			}
		}()
	} else if size > dst.n {
		return nil, refuseSize("tensors for a buffer", size, dst.n)
	}
	r.base = up.Buffer.ptr
	if m, ok := u.d.dev.(driver.Memory); ok && !u.o.Staged && !u.o.Verify {
		r.inPlace = m
		for _, it := range items {
			if it.way == wayFile && it.dense(it.strides, false) && it.file.mapped(it.begin, it.size) {
				it.way = wayMapped
			}
			it.past = it.size >= mappedFrom
		}
	}
	r.cut(items)
	r.plan = &imagePlan{items: ordered}
	if err := r.follow(after); err != nil {
		return nil, err
	}
	r.start()
	if err := r.wait(); err != nil {
		return nil, err
	}
	for _, it := range items {
		t, err := newTensor(up.Buffer, it.dtype, it.shape.Clone(), it.strides.Clone(), it.at, deviceOrder)
		if err != nil {
			return nil, it.src.located(err)
		}
		up.Tensors = append(up.Tensors, t)
		r.counts.bytes.Add(it.size)
	}
	up.Stats = r.stats()
	return up, nil
}

// alloc allocates memory for an upload, if the device has as much.
func (u *Uploader) alloc(n int64) (*Buffer, error) {
	free, _, err := u.d.Memory()
	if err != nil {
		return nil, err
	}
	if n > free {
		return nil, refuseSize("tensors for the device", n, free)
	}
	b, err := u.d.Alloc(n)
	if errors.Is(err, ErrOutOfMemory) { // what is free is in pieces
		return nil, errors.Join(refuseSize("tensors for the device", n, free), err)
	}
	return b, err
}
