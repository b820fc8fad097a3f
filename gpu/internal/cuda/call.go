//go:build !nogpu && ((linux && !android && (amd64 || arm64)) || (windows && amd64))

package cuda

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// A library is a driver that has been started.
type library struct {
	where   string // in errors
	version int    // 12080 is CUDA 12.8
	fn      [numSymbols]uintptr
}

// A frame is the memory of one call. The driver gets addresses as numbers, which
// keep nothing alive and in its place: all that they point to is here, on the heap,
// or kept from here.
type frame struct {
	args [11]uintptr // as many as cuLaunchKernel has
	out  [4]uint64   // what the driver returns
	rect rectangle
	keep unsafe.Pointer // the caller's memory: storing it moves it to the heap
	text []byte         // arguments of a kernel, a name
	at   []uintptr      // where in text each argument is
}

var frames = sync.Pool{New: func() any { return new(frame) }}

func newFrame() *frame {
	f := frames.Get().(*frame)
	f.out = [4]uint64{} // nothing of an earlier call, whatever the driver leaves
	return f
}

func (f *frame) done() {
	f.keep = nil
	frames.Put(f)
}

// host is the address of memory of the caller.
func (f *frame) host(b []byte) uintptr {
	f.keep = unsafe.Pointer(unsafe.SliceData(b))
	return uintptr(f.keep)
}

// result is the address for the i-th thing that the driver returns; the methods
// after it are that thing.
func (f *frame) result(i int) uintptr { return uintptr(unsafe.Pointer(&f.out[i])) }

func (f *frame) word(i int) uint64 { return f.out[i] }

func (f *frame) int(i int) int { return int(*(*int32)(unsafe.Pointer(&f.out[i]))) }

func (f *frame) float(i int) float32 { return *(*float32)(unsafe.Pointer(&f.out[i])) }

// pointer is an address outside of the Go heap.
func (f *frame) pointer(i int) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&f.out[i])) }

// code calls a function of the driver.
func (l *library) code(f *frame, s symbol, args ...uintptr) driver.Code {
	n := copy(f.args[:], args)
	// A CUresult has 32 bits: what the rest of the register holds is not said.
	r, _, _ := purego.SyscallN(l.fn[s], f.args[:n]...)
	return driver.Code(int32(r))
}

// call is code with an error.
func (l *library) call(f *frame, s symbol, args ...uintptr) error {
	if c := l.code(f, s, args...); c != driver.Success {
		return l.fail(s, c)
	}
	return nil
}

// fail is the error of a code, in the driver's words.
func (l *library) fail(s symbol, c driver.Code) error {
	e := &driver.Error{Op: symbols[s].name, Code: c, Name: l.words(cuGetErrorName, c), Text: l.words(cuGetErrorString, c)}
	if e.Name == "" {
		e.Name = fmt.Sprintf("CUresult %d", int(c))
	}
	return e
}

func (l *library) words(s symbol, c driver.Code) string {
	f := newFrame()
	defer f.done()
	if l.fn[s] == 0 || l.code(f, s, uintptr(c), f.result(0)) != driver.Success {
		return ""
	}
	p := (*byte)(f.pointer(0))
	if p == nil {
		return ""
	}
	n := 0
	for n < 1<<12 && *(*byte)(unsafe.Add(unsafe.Pointer(p), n)) != 0 {
		n++
	}
	return string(unsafe.Slice(p, n))
}

// invalid is the error of an argument that the driver is not asked about.
func invalid(s symbol, format string, args ...any) error {
	return &driver.Error{Op: symbols[s].name, Code: driver.InvalidValue, Name: "CUDA_ERROR_INVALID_VALUE", Text: fmt.Sprintf(format, args...)}
}
