//go:build linux && !android && !nogpu && (amd64 || arm64)

package fakecuda_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"github.com/ebitengine/purego"
	"golang.org/x/sys/unix"

	"github.com/tensorfile/tensorfile/gpu/internal/cuda"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/fakecuda"
)

// A report collects what a test would have said.
type report struct{ said []string }

func (r *report) Helper()                        {}
func (r *report) Errorf(format string, a ...any) { r.said = append(r.said, fmt.Sprintf(format, a...)) }
func (r *report) String() string                 { return strings.Join(r.said, "\n") }

// A client is a program under test: a device, bound to the thread, and helpers that
// end the program on an error that it did not look for.
type client struct {
	driver.Device
	f *fakecuda.Fake
	r *report
}

type over struct{}

func (c *client) must(err error) {
	if err != nil {
		c.r.Errorf("error: %v", err)
		panic(over{})
	}
}

func (c *client) same(got, want []byte) {
	if !bytes.Equal(got, want) {
		c.r.Errorf("wrong bytes: % x..., want % x...", got[:min(8, len(got))], want[:min(8, len(want))])
	}
}

// run runs a program on a fake of its own and tells what is reported.
func run(o fakecuda.Options, program func(c *client)) *report {
	r := &report{}
	o.Sources = append(o.Sources, source)
	f := fakecuda.New(o)
	func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		d, err := cuda.FromTable(f.Table())
		if err != nil {
			r.Errorf("error: %v", err)
			return
		}
		dev, err := d.Open(0)
		if err != nil {
			r.Errorf("error: %v", err)
			return
		}
		defer dev.Close()
		if err := dev.Bind(); err != nil {
			r.Errorf("error: %v", err)
			return
		}
		defer dev.Unbind()
		defer func() {
			switch p := recover().(type) {
			case nil, over:
			default:
				r.Errorf("panic: %v", p)
			}
		}()
		program(&client{Device: dev, f: f, r: r})
	}()
	f.Check(r)
	return r
}

// source is a module of the tests: increment makes dst[i] = src[i] + 1, n bytes.
var source = &driver.Source{Name: "test", PTX: "// increment\n", Kernels: []driver.Kernel{{
	Name:   "increment",
	Params: driver.Signature{driver.Pointer, driver.Pointer, driver.U32},
	Go: func(m driver.Memory, grid, block driver.Dim, a driver.Args) error {
		n := min(int64(a.U32(2)), int64(grid.Size()*block.Size()))
		dst, err := m.Bytes(a.Ptr(0), n)
		if err != nil {
			return err
		}
		src, err := m.Bytes(a.Ptr(1), n)
		if err != nil {
			return err
		}
		for i := range dst {
			dst[i] = src[i] + 1
		}
		return nil
	},
}}}

const size = 1 << 14

// sample is data that repeats nowhere.
func sample(seed uint64, n int) []byte {
	b := make([]byte, n)
	rnd := rand.New(rand.NewPCG(seed, 8))
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}

func plusOne(b []byte) []byte {
	b = bytes.Clone(b)
	for i := range b {
		b[i]++
	}
	return b
}

// increment launches the kernel of that name.
func (c *client) increment(m driver.Module, dst, src driver.Ptr, n int, s driver.Stream) error {
	fn, err := c.Function(m, "increment")
	if err != nil {
		return err
	}
	args, at, err := source.Kernels[0].Params.Pack(nil, nil, []driver.Arg{
		{Type: driver.Pointer, Bits: uint64(dst)}, {Type: driver.Pointer, Bits: uint64(src)}, {Type: driver.U32, Bits: uint64(n)}})
	if err != nil {
		return err
	}
	return c.Launch(fn, driver.Dim{X: uint32((n + 255) / 256)}, driver.Dim{X: 256}, 0, s, args, at)
}

// read is what device memory holds after all work.
func (c *client) read(p driver.Ptr, n int) []byte {
	c.must(c.Synchronize())
	b := make([]byte, n)
	c.must(c.CopyDtoH(b, p, 0))
	return b
}

func (c *client) anonymous(n int) []byte {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	c.must(err)
	return b
}

func (c *client) hostAlloc(n int64) []byte {
	b, err := c.HostAlloc(n)
	c.must(err)
	return b
}

func (c *client) alloc(n int64) driver.Ptr {
	p, err := c.Alloc(n)
	c.must(err)
	return p
}

func (c *client) stream() driver.Stream {
	s, err := c.NewStream()
	c.must(err)
	return s
}

func (c *client) event() driver.Event {
	e, err := c.NewEvent(false)
	c.must(err)
	return e
}

// A plant is a program that is right, and with its bug is not.
type plant struct {
	behaviour int // the number in the package comment
	name      string
	o         fakecuda.Options
	chance    bool   // the bug is seen in Random order only, with one seed of many
	want      string // what is said of it
	also      string
	program   func(c *client, bug bool)
}

var plants = []plant{{
	behaviour: 1, name: "a slot is filled again before its copy is done", want: "changed before it ran", also: "wrong bytes",
	program: func(c *client, bug bool) {
		slot := c.hostAlloc(size)
		dst := c.alloc(2 * size)
		s, e := c.stream(), c.event()
		for i := range 2 {
			if i > 0 && !bug {
				c.must(c.EventSynchronize(e))
			}
			copy(slot, sample(uint64(i), size))
			c.must(c.CopyHtoD(dst+driver.Ptr(i*size), slot, s))
			c.must(c.Record(e, s))
		}
		c.same(c.read(dst, 2*size), append(sample(0, size), sample(1, size)...))
		c.must(errors.Join(c.FreeEvent(e), c.FreeStream(s), c.Free(dst), c.HostFree(slot)))
	},
}, {
	behaviour: 2, name: "a slot is freed in flight", want: "is given back while",
	program: func(c *client, bug bool) {
		slot := c.hostAlloc(size)
		dst, s := c.alloc(size), c.stream()
		c.must(c.CopyHtoD(dst, slot, s))
		if !bug {
			c.must(c.StreamSynchronize(s))
		}
		c.must(c.HostFree(slot))
		c.must(errors.Join(c.FreeStream(s), c.Synchronize(), c.Free(dst)))
	},
}, {
	behaviour: 2, name: "device memory is freed in flight", want: "is given back while",
	program: func(c *client, bug bool) {
		slot := c.hostAlloc(size)
		dst, s := c.alloc(size), c.stream()
		c.must(c.CopyHtoD(dst, slot, s))
		if !bug {
			c.must(c.StreamSynchronize(s))
		}
		c.must(c.Free(dst))
		c.must(errors.Join(c.Synchronize(), c.FreeStream(s), c.HostFree(slot)))
	},
}, {
	behaviour: 2, name: "registered memory is unmapped in flight", want: "was unmapped before it ran",
	program: func(c *client, bug bool) {
		slot := c.anonymous(size)
		c.must(c.HostRegister(slot))
		dst, s := c.alloc(size), c.stream()
		c.must(c.CopyHtoD(dst, slot, s))
		if bug {
			unix.Munmap(slot)
		}
		err := c.StreamSynchronize(s)
		err = errors.Join(err, c.HostUnregister(slot), c.Free(dst), c.FreeStream(s))
		if !bug {
			unix.Munmap(slot)
		}
		c.must(err)
	},
}, {
	behaviour: 2, name: "a registered range goes in flight", want: "is given back while",
	program: func(c *client, bug bool) {
		slot := c.anonymous(size)
		defer unix.Munmap(slot)
		c.must(c.HostRegister(slot))
		dst, s := c.alloc(size), c.stream()
		c.must(c.CopyDtoH(slot, dst, s))
		if !bug {
			c.must(c.StreamSynchronize(s))
		}
		c.must(errors.Join(c.HostUnregister(slot), c.Synchronize(), c.Free(dst), c.FreeStream(s)))
	},
}, {
	behaviour: 3, name: "a kernel does not wait for its copy", want: "wrong bytes",
	program: func(c *client, bug bool) {
		p := c.pair()
		copy(p.slot, sample(3, size))
		c.must(c.CopyHtoD(p.a, p.slot, p.copying))
		c.must(c.Record(p.e, p.copying))
		if !bug {
			c.must(c.StreamWait(p.computing, p.e))
		}
		c.must(c.increment(p.m, p.b, p.a, size, p.computing))
		c.must(c.StreamSynchronize(p.computing))
		got := make([]byte, size)
		c.must(c.CopyDtoH(got, p.b, 0))
		c.same(got, plusOne(sample(3, size)))
		p.free(c)
	},
}, {
	behaviour: 3, name: "a device slot is overwritten before it is used", want: "wrong bytes",
	program: func(c *client, bug bool) {
		p := c.pair()
		slot := c.hostAlloc(size)
		used := c.event()
		copy(p.slot, sample(4, size))
		copy(slot, sample(5, size))
		c.must(c.CopyHtoD(p.a, p.slot, p.copying))
		c.must(c.Record(p.e, p.copying))
		c.must(c.StreamWait(p.computing, p.e))
		c.must(c.increment(p.m, p.b, p.a, size, p.computing))
		c.must(c.Record(used, p.computing))
		if !bug {
			c.must(c.StreamWait(p.copying, used))
		}
		c.must(c.CopyHtoD(p.a, slot, p.copying))
		c.must(c.StreamSynchronize(p.copying))
		c.same(c.read(p.b, size), plusOne(sample(4, size)))
		c.must(errors.Join(c.HostFree(slot), c.FreeEvent(used)))
		p.free(c)
	},
}, {
	behaviour: 3, name: "the same, where only a kernel that is late and a copy that is early show it", want: "wrong bytes", chance: true,
	program: func(c *client, bug bool) {
		p := c.pair()
		slot := c.hostAlloc(size)
		used := c.event()
		copy(p.slot, sample(17, size))
		copy(slot, sample(18, size))
		c.must(c.CopyHtoD(p.a, p.slot, p.copying))
		c.must(c.Record(p.e, p.copying))
		c.must(c.StreamWait(p.computing, p.e))
		c.must(c.increment(p.m, p.b, p.a, size, p.computing))
		c.must(c.Record(used, p.computing))
		if !bug {
			c.must(c.StreamWait(p.copying, used))
		}
		c.must(c.CopyHtoD(p.a, slot, p.copying))
		c.must(c.StreamSynchronize(p.computing)) // and not the other first
		c.same(c.read(p.b, size), plusOne(sample(17, size)))
		c.must(errors.Join(c.HostFree(slot), c.FreeEvent(used)))
		p.free(c)
	},
}, {
	behaviour: 3, name: "memory that has only been staged is taken to have arrived", want: "wrong bytes",
	program: func(c *client, bug bool) {
		// What package cuda does not let through: it waits for the default stream.
		p := c.pair()
		b := sample(16, size)
		if bug {
			purego.SyscallN(c.f.Table()["cuMemcpyHtoD_v2"], uintptr(p.a), uintptr(unsafe.Pointer(&b[0])), size)
		} else {
			c.must(c.CopyHtoD(p.a, b, 0))
		}
		c.must(c.increment(p.m, p.b, p.a, size, p.computing))
		c.must(c.CopyDtoH(p.slot, p.b, p.computing))
		c.must(c.StreamSynchronize(p.computing))
		c.same(p.slot, plusOne(b))
		p.free(c)
	},
}, {
	behaviour: 4, name: "a result is read before it is there", want: "wrong bytes",
	program: func(c *client, bug bool) {
		p := c.pair()
		c.must(c.CopyHtoD(p.a, sample(6, size), 0))
		c.must(c.CopyDtoH(p.slot, p.a, p.copying))
		if !bug {
			c.must(c.StreamSynchronize(p.copying))
		}
		c.same(p.slot, sample(6, size))
		p.free(c)
	},
}, {
	behaviour: 4, name: "the same, where the bytes were there before", want: "wrong bytes",
	program: func(c *client, bug bool) {
		p := c.pair()
		c.must(c.CopyHtoD(p.a, sample(6, size), 0))
		copy(p.slot, sample(6, size))
		c.must(c.CopyDtoH(p.slot, p.a, p.copying))
		if !bug {
			c.must(c.StreamSynchronize(p.copying))
		}
		c.same(p.slot, sample(6, size))
		p.free(c)
	},
}, {
	behaviour: 5, name: "a stream waits for an event that is recorded later", want: "wrong bytes",
	program: func(c *client, bug bool) {
		p := c.pair()
		copy(p.slot, sample(7, size))
		if bug {
			c.must(c.StreamWait(p.computing, p.e))
		}
		c.must(c.CopyHtoD(p.a, p.slot, p.copying))
		c.must(c.Record(p.e, p.copying))
		if !bug {
			c.must(c.StreamWait(p.computing, p.e))
		}
		c.must(c.increment(p.m, p.b, p.a, size, p.computing))
		c.must(c.StreamSynchronize(p.computing))
		got := make([]byte, size)
		c.must(c.CopyDtoH(got, p.b, 0))
		c.same(got, plusOne(sample(7, size)))
		p.free(c)
	},
}, {
	behaviour: 5, name: "an event is recorded again too soon", want: "changed before it ran",
	program: func(c *client, bug bool) {
		// One event, or one for each slot: the event of the first slot is overwritten
		// on another stream, where nothing is to be done.
		p := c.pair()
		other := c.event()
		copy(p.slot, sample(8, size))
		c.must(c.CopyHtoD(p.a, p.slot, p.copying))
		c.must(c.Record(p.e, p.copying))
		if bug {
			c.must(c.Record(p.e, p.computing))
		} else {
			c.must(c.Record(other, p.computing))
		}
		c.must(c.EventSynchronize(p.e))
		copy(p.slot, sample(9, size))
		c.same(c.read(p.a, size), sample(8, size))
		c.must(c.FreeEvent(other))
		p.free(c)
	},
}, {
	behaviour: 6, name: "memory that is not pinned is copied asynchronously", want: "copies of pageable memory",
	program: func(c *client, bug bool) {
		p := c.pair()
		slot := c.anonymous(size)
		defer unix.Munmap(slot)
		if bug {
			c.must(c.CopyHtoD(p.a, slot, p.copying))
		} else {
			c.must(c.CopyHtoD(p.a, slot, 0))
		}
		c.must(c.Synchronize())
		if n := c.f.Stats().Pageable; n != 0 {
			c.r.Errorf("%d copies of pageable memory", n)
		}
		p.free(c)
	},
}, {
	behaviour: 7, name: "memory of the Go heap is copied asynchronously", want: "is in the Go heap",
	program: func(c *client, bug bool) {
		p := c.pair()
		b := sample(10, size)
		s := driver.Stream(0)
		if bug {
			s = p.copying
		}
		c.must(c.CopyHtoD(p.a, b, s))
		c.same(c.read(p.a, size), b)
		p.free(c)
	},
}, {
	behaviour: 7, name: "memory of the Go heap is pinned", want: "is in the Go heap",
	program: func(c *client, bug bool) {
		var b []byte
		if bug {
			b = make([]byte, 3*4096)
			b = b[4096-uintptr(unsafe.Pointer(&b[0]))%4096:][:4096]
		} else {
			b = c.anonymous(4096)
			defer unix.Munmap(b)
		}
		c.must(c.HostRegister(b))
		c.must(c.HostUnregister(b))
	},
}, {
	behaviour: 8, name: "a call on a thread where no context is current", want: "no context is current on the thread",
	program: func(c *client, bug bool) {
		done := make(chan error)
		go func() {
			runtime.LockOSThread() // a thread of its own, which ends with it
			var err error
			if !bug {
				err = c.Bind()
			}
			s, e := c.NewStream()
			if err = errors.Join(err, e); e == nil {
				err = errors.Join(err, c.FreeStream(s))
			}
			if !bug {
				err = errors.Join(err, c.Unbind())
			}
			done <- err
		}()
		c.must(<-done)
	},
}, {
	behaviour: 8, name: "a context stays current", want: "contexts current on threads",
	program: func(c *client, bug bool) {
		c.must(c.Bind())
		if !bug {
			c.must(c.Unbind())
		}
	},
}, {
	behaviour: 9, name: "output that nobody wrote", want: "wrong bytes",
	program: func(c *client, bug bool) {
		p := c.pair()
		c.must(c.CopyHtoD(p.a, make([]byte, size), 0))
		if !bug {
			c.must(c.Memset8(p.b, 1, size, p.computing))
		}
		c.must(c.increment(p.m, p.b, p.a, size-1, p.computing)) // one too few
		c.same(c.read(p.b, size), bytes.Repeat([]byte{1}, size))
		p.free(c)
	},
}, {
	behaviour: 9, name: "a copy beyond the allocation", want: "device memory beside the allocation",
	program: func(c *client, bug bool) {
		n := size
		if bug {
			n++
		}
		dst := c.alloc(size)
		c.must(c.CopyHtoD(dst, sample(11, n), 0))
		c.must(c.Free(dst))
	},
}, {
	behaviour: 9, name: "pinned memory taken for zeros", want: "wrong bytes",
	program: func(c *client, bug bool) {
		b := c.hostAlloc(size)
		if !bug {
			clear(b)
		}
		c.same(b, make([]byte, size))
		c.must(c.HostFree(b))
	},
}, {
	behaviour: 10, name: "a stream, an event and memory are not given back", want: "1 allocations of device memory, 1 streams, 1 events",
	program: func(c *client, bug bool) {
		if bug {
			// The context is kept by another, or it would end with all of them.
			d, err := cuda.FromTable(c.f.Table())
			c.must(err)
			_, err = d.Open(0)
			c.must(err)
		}
		dst, s, e := c.alloc(size), c.stream(), c.event()
		if !bug {
			c.must(errors.Join(c.Free(dst), c.FreeStream(s), c.FreeEvent(e)))
		}
	},
}, {
	behaviour: 10, name: "memory is freed twice", want: "was freed before",
	program: func(c *client, bug bool) {
		dst := c.alloc(size)
		c.must(c.Free(dst))
		if bug {
			c.must(c.Free(dst))
		}
	},
}, {
	behaviour: 10, name: "a stream is destroyed twice", want: "was given back before",
	program: func(c *client, bug bool) {
		s := c.stream()
		c.must(c.FreeStream(s))
		if bug {
			c.must(c.FreeStream(s))
		}
	},
}, {
	behaviour: 10, name: "the context goes before what is in it", want: "the context ends with 1 allocations of device memory",
	program: func(c *client, bug bool) {
		dst := c.alloc(size)
		if bug {
			c.must(c.Close())
		}
		c.must(c.Free(dst))
	},
}, {
	behaviour: 12, name: "the error of a copy that comes later is not looked at", want: "wrong bytes",
	o: fakecuda.Options{FailWork: 1},
	program: func(c *client, bug bool) {
		p := c.pair()
		copy(p.slot, sample(12, size))
		c.must(c.CopyHtoD(p.a, p.slot, p.copying)) // no error here
		err := c.StreamSynchronize(p.copying)
		got := make([]byte, size)
		e := c.CopyDtoH(got, p.a, 0)
		if bug {
			c.same(got, sample(12, size))
		} else {
			for _, err := range []error{err, e, c.Record(p.e, p.copying), c.Synchronize()} {
				if d := (*driver.Error)(nil); !errors.As(err, &d) || d.Code != driver.IllegalAddress {
					c.r.Errorf("the error is %v, want 700 for ever", err)
				}
			}
		}
		p.giveBack(c)
	},
}, {
	behaviour: 13, name: "memory that was not to be had is used", want: "are not memory of the device",
	o: fakecuda.Options{FailAlloc: 2},
	program: func(c *client, bug bool) {
		a := c.alloc(size)
		b, err := c.Alloc(size)
		if err != nil && !bug {
			c.must(c.Memset8(a, 0, size, 0)) // makes do with one
			c.must(c.Free(a))
			return
		}
		c.must(errors.Join(c.Memset8(b, 0, size, 0), c.Free(b), c.Free(a)))
	},
}, {
	behaviour: 13, name: "the device is full", want: "CUDA_ERROR_OUT_OF_MEMORY",
	o: fakecuda.Options{Memory: size},
	program: func(c *client, bug bool) {
		n := int64(size)
		if bug {
			n++
		}
		c.must(c.Free(c.alloc(n)))
	},
}, {
	behaviour: 14, name: "who asks often enough takes the slot", want: "changed before it ran",
	o: fakecuda.Options{Busy: 1000},
	program: func(c *client, bug bool) {
		p := c.pair()
		copy(p.slot, sample(14, size))
		c.must(c.CopyHtoD(p.a, p.slot, p.copying))
		c.must(c.Record(p.e, p.copying))
		polls := 0
		for {
			ok, err := c.EventQuery(p.e)
			c.must(err)
			if polls++; ok || bug && polls == 10 {
				break
			}
		}
		copy(p.slot, sample(15, size))
		c.same(c.read(p.a, size), sample(14, size))
		if !bug && polls != 1001 {
			c.r.Errorf("%d queries, want 1001", polls)
		}
		p.free(c)
	},
}, {
	behaviour: 15, name: "the result of a call that failed is used", want: "are not memory of the device",
	o: fakecuda.Options{FailAlloc: 1},
	program: func(c *client, bug bool) {
		// What package cuda does not let through: a program that initializes its
		// result and looks at that instead of the code.
		out := new(uint64)
		r, _, _ := purego.SyscallN(c.f.Table()["cuMemAlloc_v2"], uintptr(unsafe.Pointer(out)), size)
		if failed := int32(r) != 0; bug && *out != 0 || !failed {
			c.must(c.Memset8(driver.Ptr(*out), 0, size, 0))
		}
	},
}, {
	behaviour: 16, name: "a function is called that the driver lacks", want: "panic",
	o: fakecuda.Options{Missing: []string{"cuDeviceGetUuid", "cuDeviceGetPCIBusId"}},
	program: func(c *client, bug bool) {
		if at, ok := c.f.Table()["cuDeviceGetUuid"]; ok || bug {
			purego.SyscallN(at, 0, 0)
		}
		if p := c.Properties(); p.UUID != "" || p.PCI != "" || p.Name == "" {
			c.r.Errorf("properties are %+v", p)
		}
	},
}, {
	behaviour: 16, name: "memory is registered where that is not supported", want: "copies of pageable memory",
	o: fakecuda.Options{Attributes: map[int]int32{99: 0}},
	program: func(c *client, bug bool) {
		p := c.pair()
		slot := c.anonymous(size)
		defer unix.Munmap(slot)
		err := c.HostRegister(slot)
		if err == nil || bug {
			c.must(c.CopyHtoD(p.a, slot, p.copying))
		} else {
			c.must(c.CopyHtoD(p.a, slot, 0))
		}
		c.must(c.Synchronize())
		if n := c.f.Stats().Pageable; n != 0 {
			c.r.Errorf("%d copies of pageable memory", n)
		}
		p.free(c)
	},
}, {
	behaviour: 16, name: "a mapping that is read only is registered without asking", want: "registering failed",
	o: fakecuda.Options{Attributes: map[int]int32{113: 0}},
	program: func(c *client, bug bool) {
		b := c.anonymous(4096)
		defer unix.Munmap(b)
		// Asks first, as package cuda has no need to.
		v, table := new(int32), c.f.Table()
		purego.SyscallN(table["cuDeviceGetAttribute"], uintptr(unsafe.Pointer(v)), 113, 70)
		if *v == 0 && !bug {
			return
		}
		if r, _, _ := purego.SyscallN(table["cuMemHostRegister_v2"], uintptr(unsafe.Pointer(&b[0])), 4096, 8); int32(r) != 0 {
			c.r.Errorf("registering failed: %d", int32(r))
		}
	},
}}

// parts is what many programs begin with: two streams, an event, memory, a module.
type parts struct {
	slot               []byte
	a, b               driver.Ptr
	copying, computing driver.Stream
	e                  driver.Event
	m                  driver.Module
}

func (c *client) pair() *parts {
	p := &parts{slot: c.hostAlloc(size), a: c.alloc(size), b: c.alloc(size), copying: c.stream(), computing: c.stream(), e: c.event()}
	m, err := c.Load(source)
	c.must(err)
	p.m = m
	return p
}

func (p *parts) giveBack(c *client) error {
	return errors.Join(c.Synchronize(), c.Unload(p.m), c.FreeEvent(p.e), c.FreeStream(p.copying), c.FreeStream(p.computing), c.Free(p.a), c.Free(p.b), c.HostFree(p.slot))
}

func (p *parts) free(c *client) { c.must(p.giveBack(c)) }

// Each program passes in every order, and with its bug is found out, by what the bug
// is about.
func TestPlantedBugsAreFound(t *testing.T) {
	catches := map[int]int{11: 1} // TestEveryCallMayFail
	for _, p := range plants {
		catches[p.behaviour]++
		t.Run(fmt.Sprintf("%d %s", p.behaviour, p.name), func(t *testing.T) {
			for _, order := range []fakecuda.Order{fakecuda.Lazy, fakecuda.Eager, fakecuda.Random} {
				for seed := range uint64(5) {
					o := p.o
					o.Order, o.Seed = order, seed
					if r := run(o, func(c *client) { p.program(c, false) }); len(r.said) > 0 {
						t.Fatalf("order %d, seed %d: without the bug:\n%v", order, seed, r)
					}
					if order != fakecuda.Random {
						break
					}
				}
			}
			o := p.o
			for o.Seed = range uint64(50) {
				if p.chance {
					o.Order = fakecuda.Random
				}
				r := run(o, func(c *client) { p.program(c, true) })
				if strings.Contains(r.String(), p.want) && strings.Contains(r.String(), p.also) {
					break
				}
				if !p.chance || o.Seed == 49 {
					t.Fatalf("the bug was not found: %q", r)
				}
			}
		})
	}
	for i := range 16 {
		if catches[i+1] == 0 {
			t.Errorf("behaviour %d catches nothing", i+1)
		}
	}
	t.Logf("%d planted bugs", len(plants))
}
