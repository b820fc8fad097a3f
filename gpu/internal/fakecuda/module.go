//go:build linux && !android && !nogpu && (amd64 || arm64)

package fakecuda

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/ptxsim"
)

// A module is what was compiled.
type module struct {
	context *context
	name    string
	entry   func(name string) *entry
}

// An entry is a kernel: how many bytes each parameter has, and how it runs.
type entry struct {
	name  string
	sizes []int
	run   func(m driver.Memory, grid, block driver.Dim, shared uint32, a driver.Args) error
}

type function struct {
	module *module
	entry  *entry
}

// twins is a module whose kernels run as their twins in Go.
func twins(s *driver.Source) func(name string) *entry {
	return func(name string) *entry {
		k := s.Kernel(name)
		if k == nil {
			return nil
		}
		e := &entry{name: name}
		for _, t := range k.Params {
			e.sizes = append(e.sizes, t.Size())
		}
		e.run = func(m driver.Memory, grid, block driver.Dim, _ uint32, a driver.Args) error {
			if k.Go == nil {
				return errors.New("it has no twin in Go")
			}
			return k.Go(m, grid, block, a)
		}
		return e
	}
}

// interpreted is a module whose kernels run thread by thread, forwards or backwards.
func interpreted(p *ptxsim.Program, reverse func() bool) func(name string) *entry {
	return func(name string) *entry {
		if !slices.Contains(p.Entries(), name) {
			return nil
		}
		e := &entry{name: name}
		for _, t := range p.Params(name) {
			bits, _ := strconv.Atoi(strings.TrimLeft(t, "bfsu"))
			e.sizes = append(e.sizes, bits/8)
		}
		e.run = func(m driver.Memory, grid, block driver.Dim, shared uint32, a driver.Args) error {
			q := *p
			q.Reverse = reverse()
			return q.Launch(m, name, grid, block, shared, a)
		}
		return e
	}
}

// programs are those that the interpreter has read, by their text.
var programs sync.Map

func program(text string) (*ptxsim.Program, error) {
	if p, ok := programs.Load(text); ok {
		return p.(*ptxsim.Program), nil
	}
	p, err := ptxsim.Load(text)
	if err == nil {
		programs.Store(text, p)
	}
	return p, err
}

// load: image is "a NUL-terminated PTX string"; the options are arrays of what they
// are and of their values, which are numbers or addresses in a void *.
func (f *Fake) load(c *context, image *byte, n uint32, options *uint32, values *unsafe.Pointer) (uintptr, driver.Code) {
	text := cString(image)
	m := &module{context: c, name: "a module"}
	for _, s := range f.o.Sources {
		if s.PTX == text {
			m.name, m.entry = s.Name, twins(s)
		}
	}
	if m.entry != nil && !f.o.Interpret {
		return f.handle(m), driver.Success
	}
	p, err := program(text)
	if err == nil {
		m.entry = interpreted(p, func() bool { return f.o.Order == Random && f.rnd.IntN(2) == 1 })
		return f.handle(m), driver.Success
	}
	message := err.Error() + "\x00"
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
		if o.module == m {
			f.fault("cuModuleUnload: %s has kernels in flight", m.name)
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
	e := m.entry(name)
	if e == nil {
		return 0, driver.NotFound
	}
	return f.handle(&function{module: m, entry: e}), driver.Success
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
		f.fault("%s: %s with grid %v, block %v and %d shared bytes", name, fn.entry.name, grid, block, shared)
		return driver.InvalidValue
	}
	args, reads, code := f.arguments(fn.entry, params)
	if code != driver.Success {
		return code
	}
	m, e := fn.module, fn.entry
	o := &op{name: fmt.Sprintf("kernel %s of %s", e.name, m.name), module: m, reads: reads}
	o.run = func() driver.Code {
		err := e.run(f, grid, block, shared, args)
		if err == nil {
			return driver.Success
		}
		f.fault("%s: %v", o.name, err)
		var de *driver.Error
		if errors.As(err, &de) && de.Code.Sticky() {
			return de.Code
		}
		return driver.LaunchFailed
	}
	f.enqueue(s, o, &Work{Kind: Kernel, Name: e.name})
	return driver.Success
}

// arguments copies what a kernel gets, and tells which memory it may use: all of the
// allocations that it has addresses in.
func (f *Fake) arguments(e *entry, params *unsafe.Pointer) (driver.Args, []span, driver.Code) {
	var a driver.Args
	var reads []span
	if len(e.sizes) > 0 && params == nil {
		f.fault("cuLaunchKernel: %s has %d parameters, and there are none", e.name, len(e.sizes))
		return a, nil, driver.InvalidValue
	}
	for i, n := range e.sizes {
		p := *(*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(params), uintptr(i)*unsafe.Sizeof(*params)))
		if p == nil {
			f.fault("cuLaunchKernel: argument %d of %s is nowhere", i, e.name)
			return a, nil, driver.InvalidValue
		}
		for len(a.Bytes)%n != 0 {
			a.Bytes = append(a.Bytes, 0)
		}
		a.Offsets = append(a.Offsets, len(a.Bytes))
		a.Bytes = append(a.Bytes, host(p, uintptr(n))...)
		if n == 8 {
			if b := f.find(a.Ptr(i), 0); b != nil {
				reads = append(reads, span{uint64(b.at), uint64(b.size)})
			}
		}
	}
	return a, reads, driver.Success
}
