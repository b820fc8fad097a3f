package gpu

import (
	"context"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/tensor"
)

// A Buffer is a piece of device memory: an allocation, a part of one, or memory of
// somebody else.
type Buffer struct {
	mem *memory
	ptr driver.Ptr
	n   int64
}

// memory is what a buffer and its slices are parts of.
type memory struct {
	dev   *Device
	life  life
	ptr   driver.Ptr
	n     int64
	owned bool // was allocated here and is to be freed
	keep  any
}

// Alloc allocates n bytes, aligned to at least 256 bytes on CUDA and to a page on
// the host backend. What they hold is not defined. A buffer of 0 bytes has no
// address. The error is an *Error that is ErrOutOfMemory if there is no room.
func (d *Device) Alloc(n int64) (*Buffer, error) {
	if n < 0 {
		return nil, bad(tensor.ErrIndex, "buffer", itoa(n)+" bytes", "0 or more")
	}
	m := &memory{dev: d, life: life{what: "buffer"}, n: n, owned: true}
	err := d.do(func(dev driver.Device) (err error) {
		if n > 0 {
			m.ptr, err = dev.Alloc(n)
		}
		if err == nil {
			d.own(m)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &Buffer{mem: m, ptr: m.ptr, n: n}, nil
}

// Device is where the memory is.
func (b *Buffer) Device() *Device { return b.mem.dev }

// Ptr is the address, which is good until the buffer is freed: what other users of
// CUDA call a CUdeviceptr.
func (b *Buffer) Ptr() uintptr { return uintptr(b.ptr) }

// Len is the number of bytes.
func (b *Buffer) Len() int64 { return b.n }

// Slice is the part of n bytes from off on. It ends with the buffer that it is a
// part of, and is not itself freed.
func (b *Buffer) Slice(off, n int64) (*Buffer, error) {
	if off < 0 || n < 0 || off > b.n || n > b.n-off {
		return nil, bad(tensor.ErrIndex, "slice of a buffer", itoa(n)+" bytes from "+itoa(off), "a part of "+itoa(b.n)+" bytes")
	}
	return &Buffer{mem: b.mem, ptr: b.ptr + driver.Ptr(off), n: n}, nil
}

// ReadTo copies the buffer, after all work of the device that was enqueued before,
// to dst, which has as many bytes. It looks at ctx before each part of 32 MiB.
// Stream.Read waits for one stream only.
func (b *Buffer) ReadTo(ctx context.Context, dst []byte) error {
	return b.mem.dev.read(ctx, nil, dst, b)
}

// WriteFrom copies src, which has as many bytes, to the buffer after all work of
// the device that was enqueued before. It looks at ctx before each part. src is
// read by Go code alone, so that it may be a mapped file inside of a guarded call.
func (b *Buffer) WriteFrom(ctx context.Context, src []byte) error {
	return b.mem.dev.write(ctx, nil, b, src)
}

// Free waits for all work of the device and frees the memory, if it was allocated
// by Alloc; wrapped memory is only let go of. The buffer and its slices are
// ErrClosed from then on. A second Free is ErrClosed, and a slice is ErrUnsupported.
func (b *Buffer) Free() error {
	m := b.mem
	if b.ptr != m.ptr || b.n != m.n {
		return bad(tensor.ErrUnsupported, "free", "a part of a buffer", "the whole buffer")
	}
	if err := m.dev.enter(); err != nil {
		return err
	}
	defer m.dev.life.leave()
	if !m.life.end() {
		return bad(tensor.ErrClosed, "buffer", "", "")
	}
	// A copy or a kernel that is under way must not meet memory that is gone.
	return m.dev.free(m, func(dev driver.Device) error {
		if !m.owned || m.n == 0 {
			return nil
		}
		return dev.Synchronize()
	})
}

func (m *memory) describe() (string, int64) { return "buffer", m.n }

func (m *memory) release(dev driver.Device) error {
	m.life.end()
	m.keep = nil
	if dev == nil || !m.owned || m.n == 0 {
		return nil
	}
	m.owned = false
	return dev.Free(m.ptr)
}

// part is what a copy between host and device moves at a time: contexts are looked
// at in between.
const part = 32 << 20

// stage is what a copy to the device takes of host memory at a time.
const stage = 4 << 20

// settle waits for a stream, or for the device if there is none.
func settle(dev driver.Device, s *Stream) error {
	if s == nil {
		return dev.Synchronize()
	}
	return dev.StreamSynchronize(s.h)
}

// read copies a buffer to host memory, after what was enqueued before.
func (d *Device) read(ctx context.Context, s *Stream, dst []byte, b *Buffer) error {
	if int64(len(dst)) != b.n {
		return bad(tensor.ErrShape, "read", itoa(b.n)+" bytes", itoa(int64(len(dst)))+" to be read to")
	}
	return d.transfer(ctx, s, b, part, func(dev driver.Device, off, n int64) error {
		return dev.CopyDtoH(dst[off:off+n], b.ptr+driver.Ptr(off), 0)
	})
}

// write copies host memory to a buffer, after what was enqueued before.
func (d *Device) write(ctx context.Context, s *Stream, b *Buffer, src []byte) error {
	if int64(len(src)) != b.n {
		return bad(tensor.ErrShape, "write", itoa(int64(len(src)))+" bytes", itoa(b.n))
	}
	room := make([]byte, min(b.n, stage))
	return d.transfer(ctx, s, b, stage, func(dev driver.Device, off, n int64) error {
		copy(room, src[off:off+n])
		return dev.CopyHtoD(b.ptr+driver.Ptr(off), room[:n], 0)
	})
}

// transfer waits for what was enqueued and calls move for one part after another.
func (d *Device) transfer(ctx context.Context, s *Stream, b *Buffer, most int64, move func(dev driver.Device, off, n int64) error) error {
	lives := [2]*life{&b.mem.life}
	things := lives[:1]
	if s != nil {
		lives[1] = &s.life
		things = lives[:2]
	}
	if err := d.mine(b, s); err != nil {
		return err
	}
	for off := int64(0); off < b.n || off == 0; off += most {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := d.do(func(dev driver.Device) error {
			if off == 0 {
				if err := settle(dev, s); err != nil {
					return err
				}
			}
			if b.n == 0 {
				return nil
			}
			return move(dev, off, min(most, b.n-off))
		}, things...)
		if err != nil {
			return err
		}
	}
	return nil
}

// mine checks that a buffer and a stream, if there is one, are of this device.
func (d *Device) mine(b *Buffer, s *Stream) error {
	if b == nil || b.mem == nil {
		return bad(tensor.ErrUnsupported, "buffer", "nil", "a buffer")
	}
	if !d.shares(b.mem.dev) || s != nil && !d.shares(s.dev) {
		return bad(tensor.ErrUnsupported, "device", "a buffer or stream of another device", "one of this device")
	}
	return nil
}
