package gpu

import (
	"math"
	"strconv"
	"sync"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/tensor"
)

// What a module is made of. The text of a Module is PTX, which the driver compiles
// for the device; each of its kernels has a signature that launches are checked
// against, and a reference in Go that the host backend runs.
type (
	// Module is PTX and the kernels in it.
	Module = driver.Source
	// Kernel is an entry of a module: its name, the types of its parameters, and
	// its reference in Go.
	Kernel = driver.Kernel
	// Signature is the types of the parameters of a kernel.
	Signature = driver.Signature
	// Type is the type of a parameter.
	Type = driver.Type
	// Dim is the extent of a grid or a block. Extents of 0 count as 1.
	Dim = driver.Dim
	// Memory is device memory as the reference of a kernel sees it.
	Memory = driver.Memory
	// Args are arguments as the reference of a kernel sees them.
	Args = driver.Args
	// DevicePtr is an address in device memory.
	DevicePtr = driver.Ptr
)

// Types of parameters, with their names in PTX.
const (
	TypePointer = driver.Pointer // .u64, an address in device memory
	TypeU32     = driver.U32     // .u32
	TypeI32     = driver.I32     // .s32
	TypeU64     = driver.U64     // .u64
	TypeI64     = driver.I64     // .s64
	TypeF32     = driver.F32     // .f32
)

// An Arg is an argument of a launch.
type Arg struct {
	arg driver.Arg
	mem *memory
}

// Ptr is the address of a buffer. The buffer cannot be freed before what was
// launched with it is done.
func Ptr(b *Buffer) Arg {
	if b == nil {
		return Arg{arg: driver.Arg{Type: driver.Pointer}}
	}
	return Arg{arg: driver.Arg{Type: driver.Pointer, Bits: uint64(b.ptr)}, mem: b.mem}
}

// TensorPtr is the address of element (0, ..., 0) of a tensor.
func TensorPtr(t *Tensor) Arg {
	if t == nil || t.buf == nil {
		return Ptr(nil)
	}
	return Arg{arg: driver.Arg{Type: driver.Pointer, Bits: uint64(t.ptr())}, mem: t.buf.mem}
}

// U32, I32, U64, I64 and F32 are numbers.
func U32(v uint32) Arg { return Arg{arg: driver.Arg{Type: driver.U32, Bits: uint64(v)}} }

// I32 is a signed number of 32 bits.
func I32(v int32) Arg { return Arg{arg: driver.Arg{Type: driver.I32, Bits: uint64(uint32(v))}} }

// U64 is a number of 64 bits.
func U64(v uint64) Arg { return Arg{arg: driver.Arg{Type: driver.U64, Bits: v}} }

// I64 is a signed number of 64 bits.
func I64(v int64) Arg { return Arg{arg: driver.Arg{Type: driver.I64, Bits: uint64(v)}} }

// F32 is a float.
func F32(v float32) Arg {
	return Arg{arg: driver.Arg{Type: driver.F32, Bits: uint64(math.Float32bits(v))}}
}

// Loaded is a module on a device.
type Loaded struct {
	dev  *Device
	src  *Module
	h    driver.Module
	life life
}

// Load compiles a module for the device. If the driver's compiler refuses it, Log
// of the *Error says why. The module must not be changed any more.
func (d *Device) Load(m *Module) (*Loaded, error) {
	return d.load(m, func(l *Loaded) { d.own(l) })
}

// load hands what it made to own before the device can be closed.
func (d *Device) load(m *Module, own func(*Loaded)) (*Loaded, error) {
	if m == nil || len(m.Kernels) == 0 {
		return nil, bad(tensor.ErrUnsupported, "module", "no kernels", "a module with kernels")
	}
	l := &Loaded{dev: d, src: m, life: life{what: "module"}}
	err := d.do(func(dev driver.Device) (err error) {
		if l.h, err = dev.Load(m); err == nil {
			own(l)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Device is where the module is.
func (l *Loaded) Device() *Device { return l.dev }

// Func finds a kernel of the module. It is good until the module is freed.
func (l *Loaded) Func(name string) (*Func, error) {
	k := l.src.Kernel(name)
	if k == nil {
		return nil, bad(tensor.ErrNotFound, "kernel of module "+l.src.Name, tensor.Quote(name), "a kernel that it declares")
	}
	f := &Func{mod: l, kernel: k}
	err := l.dev.do(func(dev driver.Device) (err error) {
		f.h, err = dev.Function(l.h, name)
		return err
	}, &l.life)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Free waits for all work of the device and unloads the module. A second Free is
// ErrClosed.
func (l *Loaded) Free() error {
	if err := l.dev.enter(); err != nil {
		return err
	}
	defer l.dev.life.leave()
	if !l.life.end() {
		return bad(tensor.ErrClosed, "module", "", "")
	}
	return l.dev.free(l, func(dev driver.Device) error { return dev.Synchronize() })
}

func (l *Loaded) describe() (string, int64) { return "module", 0 }

func (l *Loaded) release(dev driver.Device) error {
	l.life.end()
	if dev == nil || l.h == 0 {
		return nil
	}
	h := l.h
	l.h = 0
	return dev.Unload(h)
}

// functions are the kernels that a device keeps loaded until it is closed.
type functions struct {
	mu      sync.Mutex
	modules map[*Module]*Loaded
	funcs   map[funcKey]*Func
}

type funcKey struct {
	m    *Module
	name string
}

// Func is a kernel of a module that the device loads on first use and keeps until
// it is closed. The module must not be changed any more.
func (d *Device) Func(m *Module, name string) (*Func, error) {
	c := &d.functions
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.funcs[funcKey{m, name}]; f != nil {
		return f, nil
	}
	l := c.modules[m]
	if l == nil {
		if c.modules == nil {
			c.modules, c.funcs = map[*Module]*Loaded{}, map[funcKey]*Func{}
		}
		var err error
		if l, err = d.load(m, func(l *Loaded) { c.modules[m] = l }); err != nil {
			return nil, err
		}
	}
	f, err := l.Func(name)
	if err != nil {
		return nil, err
	}
	c.funcs[funcKey{m, name}] = f
	return f, nil
}

// unload is for Close.
func (c *functions) unload(dev driver.Device) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var first error
	for _, l := range c.modules {
		if err := l.release(dev); first == nil {
			first = err
		}
	}
	c.modules, c.funcs = nil, nil
	return first
}

// Func is a kernel that can be launched.
type Func struct {
	mod    *Loaded
	kernel *Kernel
	h      driver.Function
}

// Device is where the kernel is.
func (f *Func) Device() *Device { return f.mod.dev }

// Name is that of the kernel.
func (f *Func) Name() string { return f.kernel.Name }

// Params are the types of its parameters.
func (f *Func) Params() Signature { return f.kernel.Params }

// What every device from compute capability 7.5 on can launch: table "Technical
// Specifications per Compute Capability" of the CUDA C++ Programming Guide.
const (
	maxThreads = 1024
	maxBlockZ  = 64
	maxGridX   = 1<<31 - 1
	maxGridYZ  = 1<<16 - 1
	maxShared  = 48 << 10 // without asking for more
)

// Launch enqueues the kernel on a stream: grid blocks of block threads with shared
// bytes of dynamic shared memory. The arguments must have the number and the types
// of the signature; buffers must be of the device and stay until the kernel is
// done, which Free sees to.
func (f *Func) Launch(on *Stream, grid, block Dim, shared uint32, args ...Arg) error {
	d := f.mod.dev
	if on == nil || !d.shares(on.dev) {
		return bad(tensor.ErrUnsupported, "stream", "none of this device", "a stream of the kernel's device")
	}
	if grid.X > maxGridX || grid.Y > maxGridYZ || grid.Z > maxGridYZ {
		return bad(tensor.ErrLimit, "grid of "+f.kernel.Name, dimText(grid), "at most 2147483647 x 65535 x 65535 blocks")
	}
	if block.X > maxThreads || block.Y > maxThreads || block.Z > maxBlockZ || block.Size() > maxThreads {
		return bad(tensor.ErrLimit, "block of "+f.kernel.Name, dimText(block), "at most 1024 threads, 64 along z")
	}
	if shared > maxShared {
		return bad(tensor.ErrLimit, "shared memory of "+f.kernel.Name, itoa(int64(shared))+" bytes", "at most "+strconv.Itoa(maxShared))
	}
	l := launches.Get().(*launch)
	defer launches.Put(l)
	if err := l.pack(f, on, args); err != nil {
		return err
	}
	return d.do(func(dev driver.Device) error {
		return dev.Launch(f.h, grid, block, shared, on.h, l.bytes, l.at)
	}, l.lives...)
}

func dimText(d Dim) string {
	return itoa(int64(max(d.X, 1))) + " x " + itoa(int64(max(d.Y, 1))) + " x " + itoa(int64(max(d.Z, 1)))
}

// launch is room for the arguments of one.
type launch struct {
	args  []driver.Arg
	bytes []byte
	at    []int
	lives []*life
}

var launches = sync.Pool{New: func() any { return new(launch) }}

func (l *launch) pack(f *Func, on *Stream, args []Arg) error {
	l.args, l.bytes, l.at = l.args[:0], l.bytes[:0], l.at[:0]
	l.lives = append(l.lives[:0], &f.mod.life, &on.life)
	for i, a := range args {
		if a.mem != nil {
			if !a.mem.dev.shares(f.mod.dev) {
				return bad(tensor.ErrUnsupported, "argument "+strconv.Itoa(i)+" of "+f.kernel.Name, "a buffer of another device", "one of the kernel's device")
			}
			l.lives = append(l.lives, &a.mem.life)
		}
		l.args = append(l.args, a.arg)
	}
	var err error
	if l.bytes, l.at, err = f.kernel.Params.Pack(l.bytes, l.at, l.args); err != nil {
		return bad(tensor.ErrDType, "kernel "+f.kernel.Name, err.Error(), "")
	}
	return nil
}
