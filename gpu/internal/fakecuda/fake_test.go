//go:build linux && !android && !nogpu && (amd64 || arm64)

package fakecuda_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
	"golang.org/x/sys/unix"

	"github.com/tensorfile/tensorfile/gpu/internal/cuda"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/fakecuda"
)

// raw calls a function by its address and returns its code. A callback may move the
// stack: what an argument points to must not lie there.
//
//go:uintptrescapes
func (c *client) raw(name string, args ...uintptr) driver.Code {
	r, _, _ := purego.SyscallN(c.f.Table()[name], args...)
	return driver.Code(int32(r))
}

func codeOf(err error) driver.Code {
	var e *driver.Error
	if !errors.As(err, &e) {
		return driver.Success
	}
	return e.Code
}

// What a program must not do is answered with the code that the driver has for it,
// and reported.
func TestMisuse(t *testing.T) {
	for _, m := range []struct {
		name  string
		code  driver.Code
		fault string // "" where the driver's answer is all there is to say
		do    func(c *client, p *parts) driver.Code
	}{
		{"free an address inside of an allocation", driver.InvalidValue, "is not an allocation", func(c *client, p *parts) driver.Code { return codeOf(c.Free(p.a + 1)) }},
		{"a host address as one of the device", driver.InvalidValue, "are not memory of the device", func(c *client, p *parts) driver.Code {
			return codeOf(c.Memset8(driver.Ptr(uintptr(unsafe.Pointer(&p.slot[0]))), 0, 1, p.copying))
		}},
		{"a device address as one of the host", driver.InvalidValue, "there is no host memory", func(c *client, p *parts) driver.Code {
			return c.raw("cuMemcpyHtoDAsync_v2", uintptr(p.a), uintptr(p.b), 16, uintptr(p.copying))
		}},
		{"memory that is not mapped", driver.InvalidValue, "there is no host memory", func(c *client, p *parts) driver.Code {
			return c.raw("cuMemcpyDtoHAsync_v2", 0x1000, uintptr(p.a), 16, uintptr(p.copying))
		}},
		{"a copy far beyond an allocation", driver.InvalidValue, "are not memory of the device", func(c *client, p *parts) driver.Code { return codeOf(c.CopyDtoD(p.a, p.b, 2*size, p.copying)) }},
		{"words that are not aligned", driver.InvalidValue, "is not aligned to 4 bytes", func(c *client, p *parts) driver.Code { return codeOf(c.Memset32(p.a+2, 0, 1, p.copying)) }},
		{"a stream for an event", driver.InvalidHandle, "is not a handle of its kind", func(c *client, p *parts) driver.Code {
			return codeOf(c.Record(driver.Event(p.copying), p.copying))
		}},
		{"an event for a stream", driver.InvalidHandle, "is not a handle of its kind", func(c *client, p *parts) driver.Code { return codeOf(c.StreamSynchronize(driver.Stream(p.e))) }},
		{"an event that was destroyed", driver.InvalidHandle, "was given back before", func(c *client, p *parts) driver.Code {
			e := c.event()
			c.must(c.FreeEvent(e))
			return codeOf(c.StreamWait(p.copying, e))
		}},
		{"a function of a module that was unloaded", driver.InvalidHandle, "the function", func(c *client, p *parts) driver.Code {
			m, err := c.Load(source)
			c.must(err)
			fn, err := c.Function(m, "increment")
			c.must(errors.Join(err, c.Unload(m)))
			return codeOf(c.Launch(fn, driver.Dim{}, driver.Dim{}, 0, p.copying, nil, nil))
		}},
		{"a module is unloaded in flight", driver.Success, "has kernels in flight", func(c *client, p *parts) driver.Code {
			m, err := c.Load(source)
			c.must(err)
			c.must(c.increment(m, p.b, p.a, size, p.computing))
			return codeOf(c.Unload(m))
		}},
		{"too many threads", driver.InvalidValue, "block {1025 1 1}", func(c *client, p *parts) driver.Code { return c.launch(p, driver.Dim{}, driver.Dim{X: 1025}, 0) }},
		{"a block too deep", driver.InvalidValue, "block {1 1 65}", func(c *client, p *parts) driver.Code { return c.launch(p, driver.Dim{}, driver.Dim{Z: 65}, 0) }},
		{"a grid too high", driver.InvalidValue, "grid {1 65536 1}", func(c *client, p *parts) driver.Code { return c.launch(p, driver.Dim{Y: 65536}, driver.Dim{}, 0) }},
		{"too much shared memory", driver.InvalidValue, "49153 shared bytes", func(c *client, p *parts) driver.Code { return c.launch(p, driver.Dim{}, driver.Dim{}, 48<<10+1) }},
		{"no arguments", driver.InvalidValue, "has 3 parameters, and there are none", func(c *client, p *parts) driver.Code {
			fn, err := c.Function(p.m, "increment")
			c.must(err)
			return codeOf(c.Launch(fn, driver.Dim{}, driver.Dim{}, 0, p.copying, nil, nil))
		}},
		{"pinned memory is unregistered", driver.NotRegistered, "there is no such range", func(c *client, p *parts) driver.Code { return codeOf(c.HostUnregister(p.slot)) }},
		{"registered memory is freed", driver.InvalidValue, "there is no such range", func(c *client, p *parts) driver.Code {
			b := c.anonymous(4096)
			defer unix.Munmap(b)
			c.must(c.HostRegister(b))
			code := codeOf(c.HostFree(b))
			c.must(c.HostUnregister(b))
			return code
		}},
		{"a range is unregistered by its middle", driver.NotRegistered, "there is no such range", func(c *client, p *parts) driver.Code {
			b := c.anonymous(8192)
			defer unix.Munmap(b)
			c.must(c.HostRegister(b))
			code := codeOf(c.HostUnregister(b[4096:]))
			c.must(c.HostUnregister(b))
			return code
		}},
		{"a range that is not of whole pages", driver.InvalidValue, "are not whole pages", func(c *client, p *parts) driver.Code {
			b := c.anonymous(8192)
			defer unix.Munmap(b)
			return codeOf(c.HostRegister(b[:4097]))
		}},
		{"a range that is not mapped", driver.InvalidValue, "is not mapped", func(c *client, p *parts) driver.Code {
			b := c.anonymous(4096)
			unix.Munmap(b)
			return c.raw("cuMemHostRegister_v2", uintptr(unsafe.Pointer(unsafe.SliceData(b))), 4096, 1)
		}},
		{"a context is released once too often", driver.InvalidContext, "the context is not retained", func(c *client, p *parts) driver.Code {
			c.raw("cuDevicePrimaryCtxRetain", uintptr(unsafe.Pointer(new(uintptr))), 70)
			c.raw("cuDevicePrimaryCtxRelease_v2", 70)
			return c.raw("cuDevicePrimaryCtxRelease_v2", 71)
		}},
		{"an event on a stream of another context", driver.InvalidHandle, "of different contexts", func(c *client, p *parts) driver.Code {
			return c.elsewhere(func(d driver.Device) error { return d.Record(p.e, 0) })
		}},
		{"a kernel on another device", driver.InvalidHandle, "of another context", func(c *client, p *parts) driver.Code {
			return c.elsewhere(func(d driver.Device) error { return (&client{Device: d}).increment(p.m, p.b, p.a, size, 0) })
		}},
		{"a copy for a stream of another device goes well", driver.Success, "", func(c *client, p *parts) driver.Code {
			return c.elsewhere(func(d driver.Device) error { return d.CopyHtoD(p.a, p.slot, p.copying) })
		}},
		{"a result of an unknown code", driver.InvalidValue, "", func(c *client, p *parts) driver.Code {
			out := new(uintptr)
			*out = 1
			defer func() {
				if *out != 0 {
					c.r.Errorf("the text is not NULL")
				}
			}()
			return c.raw("cuGetErrorString", 12345, uintptr(unsafe.Pointer(out)))
		}},
	} {
		t.Run(m.name, func(t *testing.T) {
			r := run(fakecuda.Options{Devices: 2}, func(c *client) {
				p := c.pair()
				if got := m.do(c, p); got != m.code {
					c.r.Errorf("code %d, want %d", got, m.code)
				}
				faults := c.f.Faults()
				if got := strings.Join(faults, "\n"); len(faults) > 1 || (m.fault == "") != (got == "") || !strings.Contains(got, m.fault) {
					c.r.Errorf("reported %q, want %q", faults, m.fault)
				}
				p.free(c)
			})
			if len(r.said) > 0 {
				t.Error(r)
			}
		})
	}
}

func (c *client) launch(p *parts, grid, block driver.Dim, shared uint32) driver.Code {
	fn, err := c.Function(p.m, "increment")
	c.must(err)
	return codeOf(c.Launch(fn, grid, block, shared, p.copying, make([]byte, 24), []int{0, 8, 16}))
}

// elsewhere does something with the second device current.
func (c *client) elsewhere(do func(d driver.Device) error) driver.Code {
	lib, err := cuda.FromTable(c.f.Table())
	c.must(err)
	d, err := lib.Open(1)
	c.must(err)
	c.must(d.Bind())
	code := codeOf(do(d))
	c.must(errors.Join(d.Synchronize(), d.Unbind(), d.Close()))
	return code
}

// What a program may do although it looks odd is not reported.
func TestUse(t *testing.T) {
	for _, m := range []struct {
		name string
		do   func(c *client, p *parts)
	}{
		{"a stream goes while it works", func(c *client, p *parts) {
			s := c.stream()
			c.must(errors.Join(c.CopyHtoD(p.a, p.slot, s), c.Record(p.e, s), c.FreeStream(s), c.EventSynchronize(p.e)))
			c.same(c.read(p.a, size), p.slot)
		}},
		{"an event goes before it happens", func(c *client, p *parts) {
			e := c.event()
			c.must(errors.Join(c.CopyHtoD(p.a, p.slot, p.copying), c.Record(e, p.copying), c.StreamWait(p.computing, e), c.FreeEvent(e)))
			c.must(errors.Join(c.CopyDtoD(p.b, p.a, size, p.computing), c.StreamSynchronize(p.computing)))
			c.same(c.read(p.b, size), p.slot)
		}},
		{"a slot is sent and then received into", func(c *client, p *parts) {
			want := sample(20, size)
			c.must(c.CopyHtoD(p.b, want, 0))
			sent := append([]byte(nil), p.slot...)
			c.must(errors.Join(c.CopyHtoD(p.a, p.slot, p.copying), c.CopyDtoH(p.slot, p.b, p.copying), c.StreamSynchronize(p.copying)))
			c.same(p.slot, want)
			c.same(c.read(p.a, size), sent)
		}},
		{"a slot is received into and then sent", func(c *client, p *parts) {
			want := sample(21, size)
			c.must(c.CopyHtoD(p.b, want, 0))
			c.must(errors.Join(c.CopyDtoH(p.slot, p.b, p.copying), c.CopyHtoD(p.a, p.slot, p.copying), c.StreamSynchronize(p.copying)))
			c.same(c.read(p.a, size), want)
		}},
		{"the default stream waits for those that are not made to be free of it, and they for it", func(c *client, p *parts) {
			h := new(uintptr)
			if code := c.raw("cuStreamCreate", uintptr(unsafe.Pointer(h)), 0); code != 0 {
				c.r.Errorf("cuStreamCreate: %d", code)
			}
			theirs := driver.Stream(*h)
			want := append([]byte(nil), p.slot...)
			c.must(c.CopyHtoD(p.a, p.slot, theirs))
			if code := c.raw("cuMemcpyDtoDAsync_v2", uintptr(p.b), uintptr(p.a), size, 0); code != 0 {
				c.r.Errorf("cuMemcpyDtoDAsync_v2: %d", code)
			}
			c.must(c.StreamSynchronize(0))
			got := make([]byte, size)
			c.must(c.CopyDtoH(got, p.b, 0))
			c.same(got, want)
			c.must(errors.Join(c.Memset8(p.a, 0, size, theirs), c.Memset8(p.b, 0, size, theirs), c.CopyHtoD(p.a, p.slot, theirs)))
			if code := c.raw("cuMemcpyDtoDAsync_v2", uintptr(p.b), uintptr(p.a), size, 0); code != 0 {
				c.r.Errorf("cuMemcpyDtoDAsync_v2: %d", code)
			}
			c.must(errors.Join(c.CopyDtoD(p.a, p.b, size, theirs), c.StreamSynchronize(theirs)))
			c.same(c.read(p.a, size), want)
			c.must(c.FreeStream(theirs))
		}},
		{"a context is retained twice", func(c *client, p *parts) {
			lib, err := cuda.FromTable(c.f.Table())
			c.must(err)
			d, err := lib.Open(0)
			c.must(err)
			if d.Context() != c.Context() {
				c.r.Errorf("two primary contexts")
			}
			c.must(d.Close())
		}},
	} {
		t.Run(m.name, func(t *testing.T) {
			for _, order := range []fakecuda.Order{fakecuda.Lazy, fakecuda.Eager, fakecuda.Random, fakecuda.Random, fakecuda.Random} {
				r := run(fakecuda.Options{Order: order, Seed: uint64(len(t.Name()))}, func(c *client) {
					p := c.pair()
					copy(p.slot, sample(19, size))
					m.do(c, p)
					p.free(c)
				})
				if len(r.said) > 0 {
					t.Errorf("order %d: %v", order, r)
				}
			}
		})
	}
}

// Eager is what a device does that is quick: it hides what Lazy shows.
func TestEagerWorkIsDoneAtOnce(t *testing.T) {
	if r := run(fakecuda.Options{Order: fakecuda.Eager}, func(c *client) { plants[0].program(c, true) }); len(r.said) > 0 {
		t.Errorf("%s: %v", plants[0].name, r)
	}
}

// One engine does one thing at a time, and memory that is not pinned is staged when
// the stream has done what is before.
func TestEngines(t *testing.T) {
	const copying = 10 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		r := run(fakecuda.Options{Time: func(w fakecuda.Work) time.Duration {
			if w.Kind == fakecuda.HtoD || w.Kind == fakecuda.DtoH {
				return copying
			}
			return 0
		}}, func(c *client) {
			p := c.pair()
			took := func(what string, want time.Duration, do func()) {
				begin := time.Now()
				do()
				if d := time.Since(begin); d != want {
					c.r.Errorf("%s: %v, want %v", what, d, want)
				}
			}
			took("two copies to the device", 2*copying, func() {
				c.must(errors.Join(c.CopyHtoD(p.a, p.slot, p.copying), c.CopyHtoD(p.b, p.slot, p.computing), c.Synchronize()))
			})
			took("a copy to it and one from it", copying, func() {
				c.must(errors.Join(c.CopyHtoD(p.a, p.slot[:8], p.copying), c.CopyDtoH(p.slot[8:], p.b, p.computing), c.Synchronize()))
			})
			b := c.anonymous(4096)
			defer unix.Munmap(b)
			took("staging behind a copy", copying, func() {
				c.must(errors.Join(c.CopyHtoD(p.a, p.slot, p.copying), c.CopyHtoD(p.b, b, p.copying)))
			})
			took("what was staged", copying, func() { c.must(c.Synchronize()) })
			p.free(c)
		})
		if len(r.said) > 0 {
			t.Error(r)
		}
	})
}

func TestStats(t *testing.T) {
	r := run(fakecuda.Options{}, func(c *client) {
		p := c.pair()
		c.f.Mark()
		b := c.anonymous(3 * 4096)
		defer unix.Munmap(b)
		c.must(errors.Join(c.HostRegister(b), c.CopyHtoD(p.a, p.slot, p.copying), c.CopyHtoD(p.b, b, p.copying), c.increment(p.m, p.b, p.a, size, p.copying),
			c.Synchronize(), c.HostUnregister(b)))
		got := c.f.Stats()
		want := fakecuda.Stats{Calls: 7, Works: 3, Copies: 2, Bytes: size + 3*4096, Pinned: size, PinnedPeak: size + 3*4096, Used: 2 * size, UsedPeak: 2 * size}
		if got != want || c.f.Calls("cuMemcpyHtoDAsync_v2") != 2 {
			c.r.Errorf("%+v, want %+v", got, want)
		}
		p.free(c)
	})
	if len(r.said) > 0 {
		t.Error(r)
	}
}
