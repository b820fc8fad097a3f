//go:build !nogpu && ((linux && !android && (amd64 || arm64)) || (windows && amd64))

package cuda

import (
	"math"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

type device struct {
	lib        *library
	properties driver.Properties
	context    uintptr
	handle     uintptr // CUdevice
	owned      atomic.Bool
}

func (d *device) Properties() driver.Properties { return d.properties }

func (d *device) Context() driver.Context { return driver.Context(d.context) }

func (d *device) Close() error {
	if !d.owned.CompareAndSwap(true, false) {
		return nil
	}
	f := newFrame()
	defer f.done()
	return d.lib.call(f, cuDevicePrimaryCtxRelease, d.handle)
}

func (d *device) Bind() error {
	f := newFrame()
	defer f.done()
	return d.lib.call(f, cuCtxPushCurrent, d.context)
}

func (d *device) Unbind() error {
	f := newFrame()
	defer f.done()
	if err := d.lib.call(f, cuCtxPopCurrent, f.result(0)); err != nil {
		return err
	}
	if uintptr(f.word(0)) != d.context {
		return noContext(cuCtxPopCurrent, "another context was current on this thread")
	}
	return nil
}

func (d *device) Synchronize() error {
	f := newFrame()
	defer f.done()
	return d.lib.call(f, cuCtxSynchronize)
}

func (d *device) MemInfo() (free, total int64, err error) {
	f := newFrame()
	defer f.done()
	if err := d.lib.call(f, cuMemGetInfo, f.result(0), f.result(1)); err != nil {
		return 0, 0, err
	}
	return int64(f.word(0)), int64(f.word(1)), nil
}

func (d *device) Alloc(n int64) (driver.Ptr, error) {
	if n <= 0 {
		return 0, invalid(cuMemAlloc, "%d bytes", n)
	}
	f := newFrame()
	defer f.done()
	if err := d.lib.call(f, cuMemAlloc, f.result(0), uintptr(n)); err != nil {
		return 0, err
	}
	return driver.Ptr(f.word(0)), nil
}

func (d *device) Free(p driver.Ptr) error {
	f := newFrame()
	defer f.done()
	return d.lib.call(f, cuMemFree, uintptr(p))
}

func (d *device) HostAlloc(n int64) ([]byte, error) {
	if n <= 0 {
		return nil, invalid(cuMemHostAlloc, "%d bytes", n)
	}
	f := newFrame()
	defer f.done()
	if err := d.lib.call(f, cuMemHostAlloc, f.result(0), uintptr(n), hostAllocPortable); err != nil {
		return nil, err
	}
	return unsafe.Slice((*byte)(f.pointer(0)), n), nil
}

func (d *device) HostFree(b []byte) error {
	f := newFrame()
	defer f.done()
	return d.lib.call(f, cuMemFreeHost, f.host(b))
}

func (d *device) HostRegister(b []byte) error {
	f := newFrame()
	defer f.done()
	return d.lib.call(f, cuMemHostRegister, f.host(b), uintptr(len(b)), hostRegisterPortable)
}

func (d *device) HostUnregister(b []byte) error {
	f := newFrame()
	defer f.done()
	return d.lib.call(f, cuMemHostUnregister, f.host(b))
}

func (d *device) NewStream() (driver.Stream, error) {
	f := newFrame()
	defer f.done()
	if err := d.lib.call(f, cuStreamCreate, f.result(0), streamNonBlocking); err != nil {
		return 0, err
	}
	return driver.Stream(f.word(0)), nil
}

func (d *device) FreeStream(s driver.Stream) error {
	f := newFrame()
	defer f.done()
	return d.lib.call(f, cuStreamDestroy, uintptr(s))
}

func (d *device) StreamSynchronize(s driver.Stream) error {
	f := newFrame()
	defer f.done()
	return d.lib.call(f, cuStreamSynchronize, uintptr(s))
}

func (d *device) StreamQuery(s driver.Stream) (bool, error) {
	return d.query(cuStreamQuery, uintptr(s))
}

func (d *device) StreamWait(s driver.Stream, e driver.Event) error {
	f := newFrame()
	defer f.done()
	return d.lib.call(f, cuStreamWaitEvent, uintptr(s), uintptr(e), 0)
}

func (d *device) NewEvent(timing bool) (driver.Event, error) {
	f := newFrame()
	defer f.done()
	flags := uintptr(eventBlockingSync | eventDisableTiming)
	if timing {
		flags = eventBlockingSync
	}
	if err := d.lib.call(f, cuEventCreate, f.result(0), flags); err != nil {
		return 0, err
	}
	return driver.Event(f.word(0)), nil
}

func (d *device) FreeEvent(e driver.Event) error {
	f := newFrame()
	defer f.done()
	return d.lib.call(f, cuEventDestroy, uintptr(e))
}

func (d *device) Record(e driver.Event, s driver.Stream) error {
	f := newFrame()
	defer f.done()
	return d.lib.call(f, cuEventRecord, uintptr(e), uintptr(s))
}

func (d *device) EventSynchronize(e driver.Event) error {
	f := newFrame()
	defer f.done()
	return d.lib.call(f, cuEventSynchronize, uintptr(e))
}

func (d *device) EventQuery(e driver.Event) (bool, error) { return d.query(cuEventQuery, uintptr(e)) }

// query asks for something of which CUDA_ERROR_NOT_READY is no error.
func (d *device) query(s symbol, handle uintptr) (bool, error) {
	f := newFrame()
	defer f.done()
	switch c := d.lib.code(f, s, handle); c {
	case driver.Success:
		return true, nil
	case driver.NotReady:
		return false, nil
	default:
		return false, d.lib.fail(s, c)
	}
}

func (d *device) Elapsed(from, to driver.Event) (time.Duration, error) {
	f := newFrame()
	defer f.done()
	if err := d.lib.call(f, cuEventElapsedTime, f.result(0), uintptr(from), uintptr(to)); err != nil {
		return 0, err
	}
	return time.Duration(math.Round(float64(f.float(0)) * float64(time.Millisecond))), nil
}

// arrive waits for work of the default stream, for calls that return when all is
// done. Streams that we make do not wait for it, and it not for them.
func (d *device) arrive(f *frame, s driver.Stream, err error) error {
	if err != nil || s != 0 {
		return err
	}
	return d.lib.call(f, cuStreamSynchronize, 0)
}

func (d *device) CopyHtoD(dst driver.Ptr, src []byte, s driver.Stream) error {
	if len(src) == 0 {
		return nil
	}
	f := newFrame()
	defer f.done()
	if s != 0 {
		return d.lib.call(f, cuMemcpyHtoDAsync, uintptr(dst), f.host(src), uintptr(len(src)), uintptr(s))
	}
	// "The DMA to final destination may not have completed" when it returns: "API
	// synchronization behavior".
	return d.arrive(f, s, d.lib.call(f, cuMemcpyHtoD, uintptr(dst), f.host(src), uintptr(len(src))))
}

func (d *device) CopyDtoH(dst []byte, src driver.Ptr, s driver.Stream) error {
	if len(dst) == 0 {
		return nil
	}
	f := newFrame()
	defer f.done()
	if s != 0 {
		return d.lib.call(f, cuMemcpyDtoHAsync, f.host(dst), uintptr(src), uintptr(len(dst)), uintptr(s))
	}
	return d.lib.call(f, cuMemcpyDtoH, f.host(dst), uintptr(src), uintptr(len(dst)))
}

func (d *device) CopyDtoD(dst, src driver.Ptr, n int64, s driver.Stream) error {
	if n < 0 {
		return invalid(cuMemcpyDtoDAsync, "%d bytes", n)
	}
	if n == 0 {
		return nil
	}
	f := newFrame()
	defer f.done()
	return d.arrive(f, s, d.lib.call(f, cuMemcpyDtoDAsync, uintptr(dst), uintptr(src), uintptr(n), uintptr(s)))
}

// A rectangle is CUDA_MEMCPY2D.
type rectangle struct {
	srcX, srcY  uintptr
	srcType     uint32
	_           uint32
	srcHost     unsafe.Pointer
	srcDevice   uint64
	srcArray    uintptr
	srcPitch    uintptr
	dstX, dstY  uintptr
	dstType     uint32
	_           uint32
	dstHost     unsafe.Pointer
	dstDevice   uint64
	dstArray    uintptr
	dstPitch    uintptr
	width, rows uintptr
}

// It has 128 bytes.
var _ [128]byte = [unsafe.Sizeof(rectangle{})]byte{}

func (d *device) CopyHtoD2D(dst driver.Ptr, dstPitch int64, src []byte, srcPitch, width, rows int64, s driver.Stream) error {
	if width == 0 || rows == 0 {
		return nil
	}
	if width < 0 || rows < 0 || srcPitch < width || dstPitch < width {
		return invalid(cuMemcpy2DAsync, "%d rows of %d bytes, %d and %d bytes apart", rows, width, srcPitch, dstPitch)
	}
	if n := int64(len(src)); n < width || (n-width)/srcPitch < rows-1 {
		return invalid(cuMemcpy2DAsync, "%d rows of %d bytes, %d bytes apart, of %d bytes", rows, width, srcPitch, n)
	}
	f := newFrame()
	defer f.done()
	f.host(src)
	f.rect = rectangle{
		srcType: memoryHost, srcHost: f.keep, srcPitch: uintptr(srcPitch),
		dstType: memoryDevice, dstDevice: uint64(dst), dstPitch: uintptr(dstPitch),
		width: uintptr(width), rows: uintptr(rows),
	}
	err := d.arrive(f, s, d.lib.call(f, cuMemcpy2DAsync, uintptr(unsafe.Pointer(&f.rect)), uintptr(s)))
	f.rect.srcHost = nil
	return err
}

func (d *device) Memset8(dst driver.Ptr, v byte, n int64, s driver.Stream) error {
	return d.set(cuMemsetD8Async, dst, uintptr(v), n, s)
}

func (d *device) Memset32(dst driver.Ptr, v uint32, n int64, s driver.Stream) error {
	return d.set(cuMemsetD32Async, dst, uintptr(v), n, s)
}

func (d *device) set(fn symbol, dst driver.Ptr, v uintptr, n int64, s driver.Stream) error {
	if n < 0 {
		return invalid(fn, "%d values", n)
	}
	if n == 0 {
		return nil
	}
	f := newFrame()
	defer f.done()
	return d.arrive(f, s, d.lib.call(f, fn, uintptr(dst), v, uintptr(n), uintptr(s)))
}

// logSize is room for what the compiler says of a module.
const logSize = 16 << 10

func (d *device) Load(m *driver.Source) (driver.Module, error) {
	f := newFrame()
	defer f.done()
	// One block that is kept as a whole: two arrays, the log, the text with its end.
	type job struct {
		options [2]uint32
		values  [2]uintptr // "void *", of which the second is a number
		log     [logSize]byte
		image   []byte
	}
	j := &job{options: [2]uint32{jitErrorLogBuffer, jitErrorLogBufferSize}, image: append([]byte(m.PTX), 0)}
	f.keep = unsafe.Pointer(j)
	j.values = [2]uintptr{uintptr(unsafe.Pointer(&j.log)), logSize}
	c := d.lib.code(f, cuModuleLoadDataEx, f.result(0), uintptr(unsafe.Pointer(&j.image[0])), uintptr(len(j.options)),
		uintptr(unsafe.Pointer(&j.options)), uintptr(unsafe.Pointer(&j.values)))
	if c != driver.Success {
		e := d.lib.fail(cuModuleLoadDataEx, c).(*driver.Error)
		e.Log = strings.TrimSpace(cString(j.log[:]))
		return 0, e
	}
	return driver.Module(f.word(0)), nil
}

func (d *device) Unload(m driver.Module) error {
	f := newFrame()
	defer f.done()
	return d.lib.call(f, cuModuleUnload, uintptr(m))
}

func (d *device) Function(m driver.Module, name string) (driver.Function, error) {
	f := newFrame()
	defer f.done()
	f.text = append(append(f.text[:0], name...), 0)
	if err := d.lib.call(f, cuModuleGetFunction, f.result(0), uintptr(m), uintptr(unsafe.Pointer(&f.text[0]))); err != nil {
		return 0, err
	}
	return driver.Function(f.word(0)), nil
}

func (d *device) Launch(fn driver.Function, grid, block driver.Dim, shared uint32, s driver.Stream, args []byte, offsets []int) error {
	f := newFrame()
	defer f.done()
	f.text = append(f.text[:0], args...)
	f.at = f.at[:0]
	for i, at := range offsets {
		if at < 0 || at >= len(args) {
			return invalid(cuLaunchKernel, "argument %d begins at %d of %d bytes", i, at, len(args))
		}
		f.at = append(f.at, uintptr(unsafe.Pointer(&f.text[at])))
	}
	params := uintptr(0)
	if len(f.at) > 0 {
		params = uintptr(unsafe.Pointer(&f.at[0]))
	}
	return d.lib.call(f, cuLaunchKernel, uintptr(fn),
		uintptr(max(grid.X, 1)), uintptr(max(grid.Y, 1)), uintptr(max(grid.Z, 1)),
		uintptr(max(block.X, 1)), uintptr(max(block.Y, 1)), uintptr(max(block.Z, 1)),
		uintptr(shared), uintptr(s), params, 0)
}
