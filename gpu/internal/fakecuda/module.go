//go:build linux && !android && !nogpu && (amd64 || arm64)

package fakecuda

import (
	"errors"
	"slices"
	"unsafe"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

type module struct {
	context *context
	source  *driver.Source
}

type function struct {
	module *module
	kernel *driver.Kernel
}

// load: image is "a NUL-terminated PTX string"; the options are arrays of what they
// are and of their values, which are numbers or addresses in a void *. A text that is
// not one of Options.Sources does not compile.
func (f *Fake) load(c *context, image *byte, n uint32, options *uint32, values *unsafe.Pointer) (uintptr, driver.Code) {
	text := cString(image)
	for _, s := range f.o.Sources {
		if s.PTX == text {
			return f.handle(&module{context: c, source: s}), driver.Success
		}
	}
	const message = "ptxas application ptx input, line 1; fatal   : not a module that the fake knows\x00"
	var log unsafe.Pointer
	var size *unsafe.Pointer
	for i := range n {
		at := (*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(values), uintptr(i)*unsafe.Sizeof(*values)))
		switch *(*uint32)(unsafe.Add(unsafe.Pointer(options), uintptr(i)*4)) {
		case 5: // CU_JIT_ERROR_LOG_BUFFER
			log = *at
		case 6: // CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, "OUT: Amount of log buffer filled with messages"
			size = at
		}
	}
	if log != nil && size != nil {
		count := (*uintptr)(unsafe.Pointer(size))
		*count = uintptr(copy(host(log, *count), message))
	}
	return 0, driver.InvalidPTX
}

func cString(p *byte) string {
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(p), n)) != 0 {
		n++
	}
	return string(unsafe.Slice(p, n))
}

// unload: "Unloads a module hmod from the current context."
func (f *Fake) unload(h uintptr) driver.Code {
	m, ok := find[*module](f, "cuModuleUnload", h)
	if !ok {
		return driver.InvalidHandle
	}
	m.context.pending(func(o *op) {
		if o.name == launchName(m.source) {
			f.fault("cuModuleUnload: %s has kernels in flight", m.source.Name)
		}
	})
	for g, x := range f.live {
		if fn, ok := x.(*function); ok && fn.module == m {
			f.drop(g, "function")
		}
	}
	f.drop(h, "module")
	return driver.Success
}

// function: "If no function of that name exists, cuModuleGetFunction() returns
// CUDA_ERROR_NOT_FOUND."
func (f *Fake) function(h uintptr, name string) (uintptr, driver.Code) {
	m, ok := find[*module](f, "cuModuleGetFunction", h)
	if !ok {
		return 0, driver.InvalidHandle
	}
	k := m.source.Kernel(name)
	if k == nil {
		return 0, driver.NotFound
	}
	return f.handle(&function{module: m, kernel: k}), driver.Success
}

// Limits of a launch, of every device since compute capability 3.0: "CUDA C++
// Programming Guide", section "Features and Technical Specifications".
const (
	maxThreads = 1024
	maxBlockZ  = 64
	maxGridX   = 1<<31 - 1
	maxGridYZ  = 1<<16 - 1
	maxShared  = 48 << 10 // without asking for more
)

// launch: "kernelParams needs to be an array of N pointers. Each of kernelParams[0]
// through kernelParams[N-1] must point to a region of memory from which the actual
// kernel parameter will be copied. The number of kernel parameters and their offsets
// and sizes do not need to be specified as that information is retrieved directly from
// the kernel's image."
func (f *Fake) launch(c *context, h uintptr, grid, block driver.Dim, shared uint32, sh uintptr, params *unsafe.Pointer) driver.Code {
	const name = "cuLaunchKernel"
	fn, ok := find[*function](f, name, h)
	if !ok {
		return driver.InvalidHandle
	}
	s, code := f.stream(c, name, sh)
	if code != driver.Success {
		return code
	}
	// "A kernel launch will fail if it is issued to a stream that is not associated to
	// the current device": "CUDA C++ Programming Guide", "Stream and Event Behavior".
	if s.context != c || fn.module.context != c {
		f.fault("%s: stream or function of another context", name)
		return driver.InvalidHandle
	}
	if grid.X*grid.Y*grid.Z == 0 || block.X*block.Y*block.Z == 0 || block.Size() > maxThreads || block.Z > maxBlockZ ||
		grid.X > maxGridX || grid.Y > maxGridYZ || grid.Z > maxGridYZ || shared > maxShared {
		f.fault("%s: %s with grid %v, block %v and %d shared bytes", name, fn.kernel.Name, grid, block, shared)
		return driver.InvalidValue
	}
	args, reads, code := f.arguments(fn.kernel, params)
	if code != driver.Success {
		return code
	}
	m, k := fn.module, fn.kernel
	o := &op{name: launchName(m.source), reads: reads}
	o.run = func() driver.Code {
		err := f.runKernel(m.source, k, grid, block, shared, args)
		if err == nil {
			return driver.Success
		}
		f.fault("%s of %s: %v", k.Name, m.source.Name, err)
		var e *driver.Error
		if errors.As(err, &e) && e.Code.Sticky() {
			return e.Code
		}
		return driver.LaunchFailed
	}
	f.enqueue(s, o, &Work{Kind: Kernel, Name: k.Name})
	return driver.Success
}

// launchName is that of the kernels of a module among what is in flight.
func launchName(s *driver.Source) string { return "a kernel of " + s.Name }

func (f *Fake) runKernel(s *driver.Source, k *driver.Kernel, grid, block driver.Dim, shared uint32, a driver.Args) error {
	if f.o.Run != nil {
		return f.o.Run(f, s, k, grid, block, shared, a)
	}
	if k.Go == nil {
		return errors.New("it has no twin in Go")
	}
	return k.Go(f, grid, block, a)
}

// arguments copies what a kernel gets, and tells which memory it may use: all of the
// allocations that it has pointers into.
func (f *Fake) arguments(k *driver.Kernel, params *unsafe.Pointer) (driver.Args, []span, driver.Code) {
	var a driver.Args
	var reads []span
	if len(k.Params) > 0 && params == nil {
		f.fault("cuLaunchKernel: %s has %d parameters, and there are none", k.Name, len(k.Params))
		return a, nil, driver.InvalidValue
	}
	args := make([]driver.Arg, len(k.Params))
	for i, t := range k.Params {
		p := *(*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(params), uintptr(i)*unsafe.Sizeof(*params)))
		if p == nil {
			f.fault("cuLaunchKernel: argument %d of %s is nowhere", i, k.Name)
			return a, nil, driver.InvalidValue
		}
		args[i].Type = t
		if t.Size() == 4 {
			args[i].Bits = uint64(*(*uint32)(p))
		} else {
			args[i].Bits = *(*uint64)(p)
		}
		if b := f.find(driver.Ptr(args[i].Bits), 0); t == driver.Pointer && b != nil {
			reads = append(reads, span{uint64(b.at), uint64(b.size)})
		}
	}
	var err error
	if a.Bytes, a.Offsets, err = k.Params.Pack(nil, nil, args); err != nil {
		f.fault("cuLaunchKernel: %s: %v", k.Name, err)
		return a, nil, driver.InvalidValue
	}
	return a, slices.Clip(reads), driver.Success
}
