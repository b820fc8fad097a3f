// Package host is a device that is ordinary memory and goroutines: what package gpu
// runs on where there is no CUDA, and what its tests run on.
//
// It keeps the driver's semantics. Device memory is anonymous memory outside of the
// Go heap. A stream is a queue that one goroutine works off in order while there is
// something in it; nothing runs for an idle stream. Streams are ordered by events
// alone, and who waits for an event waits for its latest record at the time of the
// call. A kernel is its reference in Go. An access outside of an allocation is an
// error that is found when the work is done, not when it is enqueued, and then that
// of every later call, as with the driver.
//
// It is kinder where the driver is undefined: memory is freed when no work uses it
// any more, a handle is never used again, and host memory that faults under a copy
// is an error.
package host

import (
	"fmt"
	"runtime"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// Options are for making the driver.
type Options struct {
	// Memory bounds what can be allocated on the device, in bytes. 0 is the memory
	// of the machine.
	Memory int64
}

// New makes a driver of one device.
func New(o Options) driver.Driver {
	if o.Memory <= 0 {
		o.Memory = machineMemory()
	}
	return &host{memory: o.Memory}
}

type host struct{ memory int64 }

func (h *host) Backend() string { return "host" }

func (h *host) Count() (int, error) { return 1, nil }

func (h *host) Properties(ordinal int) (driver.Properties, error) {
	if ordinal != 0 {
		return driver.Properties{}, fail("Properties", driver.InvalidDevice, "the host backend has device 0")
	}
	cores := runtime.GOMAXPROCS(0)
	name := fmt.Sprintf("this machine, %s, %d cores", runtime.GOARCH, cores)
	if cores == 1 {
		name = fmt.Sprintf("this machine, %s, 1 core", runtime.GOARCH)
	}
	return driver.Properties{
		Name: name, Memory: h.memory, CopyEngines: 1, Multiprocessor: cores, HostRegister: true,
	}, nil
}

// Open makes a device of its own: memory and handles of one are nothing to another.
func (h *host) Open(ordinal int) (driver.Device, error) {
	p, err := h.Properties(ordinal)
	if err != nil {
		return nil, err
	}
	return newDevice(p), nil
}

func (h *host) Attach(driver.Context) (driver.Device, error) {
	return nil, fail("Attach", driver.InvalidContext, "the host backend has no contexts")
}

// names are what the driver calls the codes that are returned here.
var names = map[driver.Code]string{
	driver.InvalidValue:      "CUDA_ERROR_INVALID_VALUE",
	driver.OutOfMemory:       "CUDA_ERROR_OUT_OF_MEMORY",
	driver.InvalidDevice:     "CUDA_ERROR_INVALID_DEVICE",
	driver.InvalidContext:    "CUDA_ERROR_INVALID_CONTEXT",
	driver.InvalidHandle:     "CUDA_ERROR_INVALID_HANDLE",
	driver.NotFound:          "CUDA_ERROR_NOT_FOUND",
	driver.NotReady:          "CUDA_ERROR_NOT_READY",
	driver.IllegalAddress:    "CUDA_ERROR_ILLEGAL_ADDRESS",
	driver.ContextDestroyed:  "CUDA_ERROR_CONTEXT_IS_DESTROYED",
	driver.AlreadyRegistered: "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED",
	driver.NotRegistered:     "CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED",
	driver.LaunchFailed:      "CUDA_ERROR_LAUNCH_FAILED",
	driver.NotSupported:      "CUDA_ERROR_NOT_SUPPORTED",
}

func fail(op string, c driver.Code, format string, args ...any) *driver.Error {
	return &driver.Error{Op: "host." + op, Code: c, Name: names[c], Text: fmt.Sprintf(format, args...)}
}
