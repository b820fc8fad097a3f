//go:build linux && !android && !nogpu && (amd64 || arm64)

package fakecuda

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"unsafe"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// A transfer is a copy between host and device, of rows that are a pitch apart.
type transfer struct {
	name             string
	toDevice         bool
	device           driver.Ptr
	host             unsafe.Pointer
	width, rows      uint64
	dPitch, hPitch   uint64
	stream           *stream
	sync             bool // one of the functions without "Async"
	deviceN, hostN   uint64
	onDevice, onHost span
}

func (t *transfer) measure() {
	if t.rows > 0 {
		t.deviceN, t.hostN = (t.rows-1)*t.dPitch+t.width, (t.rows-1)*t.hPitch+t.width
	}
	t.onDevice, t.onHost = span{uint64(t.device), t.deviceN}, span{uint64(uintptr(t.host)), t.hostN}
}

// copy enqueues a transfer. Its rules are those of "API synchronization behavior",
// section "Memcpy". For pinned memory, and the functions with Async, "the function
// should be fully asynchronous": the memory is read and written at any time until
// somebody waits.
func (f *Fake) copy(t *transfer) driver.Code {
	t.measure()
	if t.width*t.rows == 0 {
		return driver.Success
	}
	b, dev, code := f.onDevice(t.name, t.device, t.deviceN)
	if code != driver.Success {
		return code
	}
	if f.find(driver.Ptr(uintptr(t.host)), guard) != nil || !mapped(t.host, uintptr(t.hostN)) {
		f.fault("%s: there is no host memory at %p", t.name, t.host)
		return driver.InvalidValue
	}
	f.stats.Copies++
	f.stats.Bytes += int64(t.width * t.rows)
	mem := host(t.host, uintptr(t.hostN))
	isPinned := f.isPinned(t.onHost)
	if !t.sync && !isPinned && !t.stream.null {
		f.stats.Pageable++
		// A C function that goes on with memory of the Go heap after it has
		// returned breaks the rules of cgo, even if this one copies it first.
		if goHeap(t.host) {
			f.fault("%s: %p is in the Go heap", t.name, t.host)
		}
	}
	o := &op{name: t.name}
	w := &Work{Kind: HtoD, Bytes: int64(t.width * t.rows)}
	if t.toDevice {
		f.upload(t, o, b, dev, mem, isPinned)
		f.enqueue(t.stream, o, w)
		// "For transfers from pinned host memory to device memory, the function is
		// synchronous with respect to the host." For those from pageable memory: "The
		// function will return once the pageable buffer has been copied to the staging
		// memory for DMA transfer to device memory, but the DMA to final destination
		// may not have completed."
		if t.sync && isPinned {
			return f.wait(o)
		}
		return driver.Success
	}
	w.Kind = DtoH
	f.download(t, o, dev, mem)
	f.enqueue(t.stream, o, w)
	// "For transfers from device to either pageable or pinned host memory, the
	// function returns only once the copy has completed." Of those with Async:
	// "For transfers between device memory and pageable host memory, the function
	// might be synchronous with respect to host." It is not.
	if t.sync {
		return f.wait(o)
	}
	return driver.Success
}

func (f *Fake) upload(t *transfer, o *op, b *block, dev, mem []byte, isPinned bool) {
	o.writes = []span{t.onDevice}
	if !isPinned {
		// "A stream sync is performed before the copy is initiated"; and with Async,
		// "if pageable memory must first be staged to pinned memory, the driver may
		// synchronize with the stream and stage the copy into pinned memory".
		f.wait(t.stream.tail)
		staged := bytes.Clone(mem)
		o.run = func() driver.Code {
			rows(dev, t.dPitch, staged, t.hPitch, t.width, t.rows)
			return driver.Success
		}
		return
	}
	o.reads = []span{t.onHost}
	sum := crc32.ChecksumIEEE(mem)
	o.sum = &sum
	o.run = func() driver.Code {
		if !mapped(t.host, uintptr(t.hostN)) {
			f.fault("%s: its source at %p was unmapped before it ran", t.name, t.host)
			return driver.IllegalAddress
		}
		if o.sum != nil && *o.sum != crc32.ChecksumIEEE(mem) {
			f.fault("%s: its source at %p changed before it ran", t.name, t.host)
		}
		rows(dev, t.dPitch, mem, t.hPitch, t.width, t.rows)
		return driver.Success
	}
	o.lose = func() driver.Code {
		if !b.gone {
			fill(dev, lost)
		}
		return driver.Success
	}
}

func (f *Fake) download(t *transfer, o *op, dev, mem []byte) {
	o.reads, o.writes = []span{t.onDevice}, []span{t.onHost}
	if !f.readLater(t.onHost) {
		for i := range t.rows {
			fill(mem[i*t.hPitch:][:t.width], landing)
		}
	}
	o.run = func() driver.Code {
		if !mapped(t.host, uintptr(t.hostN)) {
			f.fault("%s: its target at %p was unmapped before it ran", t.name, t.host)
			return driver.IllegalAddress
		}
		rows(mem, t.hPitch, dev, t.dPitch, t.width, t.rows)
		// Copies that are to read it later read what is there now.
		for _, c := range f.contexts {
			c.pending(func(p *op) {
				if p.sum != nil && p.reads[0].overlaps(t.onHost) {
					p.sum = nil
				}
			})
		}
		return driver.Success
	}
}

// readLater reports whether work in flight is yet to use host memory, which must then
// keep what it holds.
func (f *Fake) readLater(s span) bool {
	found := false
	for _, c := range f.contexts {
		c.pending(func(o *op) {
			for _, r := range append(o.reads[:len(o.reads):len(o.reads)], o.writes...) {
				found = found || r.overlaps(s)
			}
		})
	}
	return found
}

func rows(dst []byte, dstPitch uint64, src []byte, srcPitch, width, n uint64) {
	for i := range n {
		copy(dst[i*dstPitch:][:width], src[i*srcPitch:][:width])
	}
}

// copyOnDevice: "For transfers from device memory to device memory, no host-side
// synchronization is performed."
func (f *Fake) copyOnDevice(name string, dst, src driver.Ptr, n uint64, s *stream) driver.Code {
	if n == 0 {
		return driver.Success
	}
	_, to, code := f.onDevice(name, dst, n)
	if code != driver.Success {
		return code
	}
	_, from, code := f.onDevice(name, src, n)
	if code != driver.Success {
		return code
	}
	o := &op{name: name, reads: []span{{uint64(src), n}}, writes: []span{{uint64(dst), n}}}
	o.run = func() driver.Code {
		copy(to, from)
		return driver.Success
	}
	f.enqueue(s, o, &Work{Kind: OnChip, Bytes: int64(n)})
	return driver.Success
}

// set: "Memsets are asynchronous with respect to the host except when the target is
// pinned host memory or a Unified Memory region": "API synchronization behavior",
// section "Memset". Of cuMemsetD32Async: "The dstDevice pointer must be four byte
// aligned."
func (f *Fake) set(name string, dst driver.Ptr, value []byte, count uint64, s *stream) driver.Code {
	n := count * uint64(len(value))
	if n == 0 {
		return driver.Success
	}
	if uint64(dst)%uint64(len(value)) != 0 {
		f.fault("%s: %#x is not aligned to %d bytes", name, dst, len(value))
		return driver.InvalidValue
	}
	_, to, code := f.onDevice(name, dst, n)
	if code != driver.Success {
		return code
	}
	o := &op{name: name, writes: []span{{uint64(dst), n}}}
	o.run = func() driver.Code {
		for i := uint64(0); i < n; i += uint64(len(value)) {
			copy(to[i:], value)
		}
		return driver.Success
	}
	f.enqueue(s, o, &Work{Kind: OnChip, Bytes: int64(n)})
	return driver.Success
}

// rectangle is CUDA_MEMCPY2D: "Copies memory for 2D arrays".
type rectangle struct {
	srcX, srcY  uint64
	srcType     uint32
	_           uint32
	srcHost     unsafe.Pointer
	srcDevice   uint64
	srcArray    uint64
	srcPitch    uint64
	dstX, dstY  uint64
	dstType     uint32
	_           uint32
	dstHost     unsafe.Pointer
	dstDevice   uint64
	dstArray    uint64
	dstPitch    uint64
	width, rows uint64
}

func (f *Fake) copy2D(name string, r *rectangle, s *stream) driver.Code {
	const fromHost, fromDevice = 1, 2
	if r.srcX|r.srcY|r.dstX|r.dstY|r.srcArray|r.dstArray != 0 || r.width > r.srcPitch || r.width > r.dstPitch {
		f.fault("%s: %+v", name, *r)
		return driver.InvalidValue
	}
	t := &transfer{name: name, width: r.width, rows: r.rows, stream: s}
	switch {
	case r.srcType == fromHost && r.dstType == fromDevice:
		t.toDevice, t.host, t.hPitch, t.device, t.dPitch = true, r.srcHost, r.srcPitch, driver.Ptr(r.dstDevice), r.dstPitch
	case r.srcType == fromDevice && r.dstType == fromHost:
		t.host, t.hPitch, t.device, t.dPitch = r.dstHost, r.dstPitch, driver.Ptr(r.srcDevice), r.srcPitch
	default:
		f.fault("%s: from memory of type %d to %d", name, r.srcType, r.dstType)
		return driver.InvalidValue
	}
	return f.copy(t)
}

func value32(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }
