// Package driver says what gpu needs of a device, in the terms of the CUDA driver
// API: package cuda makes it of NVIDIA's library, package host of ordinary memory
// and goroutines. What stands above knows only this interface, so that both run the
// same code.
package driver

import (
	"fmt"
	"time"
)

// Handles are the driver's own: addresses, of which 0 is none. A Ptr is an address
// in the memory of a device.
type (
	Ptr      uint64
	Context  uintptr
	Stream   uintptr
	Event    uintptr
	Module   uintptr
	Function uintptr
)

// Dim is the extent of a grid or a block. Extents of 0 count as 1.
type Dim struct{ X, Y, Z uint32 }

// Size is the number of blocks or threads.
func (d Dim) Size() uint64 { return uint64(max(d.X, 1)) * uint64(max(d.Y, 1)) * uint64(max(d.Z, 1)) }

// Properties are what is known of a device before it is opened.
type Properties struct {
	Ordinal        int
	Name           string
	UUID           string // "GPU-" and 32 hexadecimal digits in groups, or ""
	PCI            string // "0000:3b:00.0", or ""
	Major, Minor   int    // compute capability
	Memory         int64  // bytes
	CopyEngines    int    // CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT
	Multiprocessor int    // count
	Driver         int    // version that the driver supports: 12080 is CUDA 12.8
	HostRegister   bool   // memory that is there can be pinned
}

// A Driver finds devices. Its methods, and those of its devices, are safe for
// concurrent use, but for what Bind says.
type Driver interface {
	// Backend is "cuda" or "host".
	Backend() string
	// Count is the number of devices, which have the ordinals from 0.
	Count() (int, error)
	Properties(ordinal int) (Properties, error)
	// Open retains the primary context of a device.
	Open(ordinal int) (Device, error)
	// Attach takes a context that somebody else owns; 0 is the one that is current
	// on this OS thread. It is never destroyed or released here.
	Attach(c Context) (Device, error)
}

// A Device is a context of a device. Calls but for those that say otherwise want
// the context to be current on the OS thread that makes them: Bind.
//
// Errors are *Error. A call may return that of an earlier one that went on
// asynchronously. Results of a call that fails are not to be looked at.
type Device interface {
	Properties() Properties
	// Context is the handle, 0 of a device that has none.
	Context() Context
	// Close releases the context, if it was opened. It needs no Bind.
	Close() error

	// Bind makes the context current on this OS thread, to which the caller has
	// locked its goroutine: runtime.LockOSThread.
	Bind() error
	// Unbind makes current what was before Bind.
	Unbind() error
	// Synchronize waits for all work of the context.
	Synchronize() error

	MemInfo() (free, total int64, err error)
	Alloc(n int64) (Ptr, error)
	Free(p Ptr) error

	// HostAlloc makes pinned memory outside of the Go heap, HostFree frees it.
	HostAlloc(n int64) ([]byte, error)
	HostFree(b []byte) error
	// HostRegister pins memory that is there: outside of the Go heap, beginning and
	// ending with pages. HostUnregister takes the same slice.
	HostRegister(b []byte) error
	HostUnregister(b []byte) error

	// NewStream makes a stream that does not wait for the default stream.
	NewStream() (Stream, error)
	FreeStream(s Stream) error
	StreamSynchronize(s Stream) error
	// StreamQuery reports whether all work is done.
	StreamQuery(s Stream) (bool, error)
	StreamWait(s Stream, e Event) error

	// NewEvent makes an event, without a clock unless timing is set; who waits for
	// it sleeps.
	NewEvent(timing bool) (Event, error)
	FreeEvent(e Event) error
	Record(e Event, s Stream) error
	EventSynchronize(e Event) error
	EventQuery(e Event) (bool, error)
	// Elapsed is the time between two events that have happened.
	Elapsed(from, to Event) (time.Duration, error)

	// Copies in the order of the stream. Host memory is outside of the Go heap and
	// stays as it is until the stream is past the copy; memory that is not pinned
	// may make the call wait. Stream 0 stands for a copy that is done when the call
	// returns: then pinned memory or not makes no difference but speed, and memory
	// of the Go heap will do. (cuMemcpyHtoD returns when memory that is not pinned
	// has been staged, and cuStreamSynchronize of the default stream when it has
	// arrived: "API synchronization behavior" of the driver's documentation.)
	CopyHtoD(dst Ptr, src []byte, s Stream) error
	CopyDtoH(dst []byte, src Ptr, s Stream) error
	CopyDtoD(dst, src Ptr, n int64, s Stream) error
	// CopyHtoD2D copies rows of width bytes, which are pitch bytes apart.
	CopyHtoD2D(dst Ptr, dstPitch int64, src []byte, srcPitch, width, rows int64, s Stream) error
	// Memset8 and Memset32 set n values. With stream 0 they are done when the call
	// returns.
	Memset8(dst Ptr, v byte, n int64, s Stream) error
	Memset32(dst Ptr, v uint32, n int64, s Stream) error

	// Load compiles a module; the error holds the compiler's log.
	Load(m *Source) (Module, error)
	Unload(m Module) error
	Function(m Module, name string) (Function, error)
	// Launch enqueues a kernel. args holds each argument at its natural alignment,
	// in the order of the parameters, as Signature.Pack lays them out.
	Launch(f Function, grid, block Dim, shared uint32, s Stream, args []byte, offsets []int) error
}

// Code is a CUresult.
type Code int

// Codes that are looked at.
const (
	Success            Code = 0
	InvalidValue       Code = 1
	OutOfMemory        Code = 2
	NotInitialized     Code = 3
	NoDevice           Code = 100
	InvalidDevice      Code = 101
	InvalidContext     Code = 201
	NoBinary           Code = 209
	InvalidPTX         Code = 218
	NoCompiler         Code = 221
	InvalidHandle      Code = 400
	NotFound           Code = 500
	NotReady           Code = 600
	IllegalAddress     Code = 700
	ContextDestroyed   Code = 709
	AlreadyRegistered  Code = 712
	NotRegistered      Code = 713
	LaunchFailed       Code = 719
	NotSupported       Code = 801
	DriverMismatch     Code = 803
	Unknown            Code = 999
	LaunchOutResources Code = 701
)

// Sticky reports whether nothing works in the context after such an error: those
// of which the driver's documentation of CUresult says that the process must be
// started again, and a context that is gone.
func (c Code) Sticky() bool {
	switch c {
	case 214, 220, 226, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719:
		return true
	}
	return false
}

// Error is what a call of the driver returned.
type Error struct {
	Op   string // the driver's function: "cuMemAlloc_v2"
	Code Code
	Name string // "CUDA_ERROR_OUT_OF_MEMORY"
	Text string // in the driver's words
	Log  string // of its compiler
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %s (%d)", e.Op, e.Name, int(e.Code))
	if e.Text != "" {
		s += ": " + e.Text
	}
	if e.Log != "" {
		s += "\n" + e.Log
	}
	return s
}
