package gpu

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/host"
)

// tap is the host backend behind the rules of CUDA's contexts: calls want the
// context to be current on their thread. It counts what is there, and can fail
// call n.
type tap struct {
	driver.Driver
	t *testing.T

	mu      sync.Mutex
	current map[int][]driver.Context // by thread
	calls   int
	fail    int // the number of the call that fails, from 1
	with    driver.Code
	unbound bool   // Bind fails whenever it is called
	failed  string // which it was
	log     []string
	live    map[string]int
	opened  int
}

const tapContext = 0x7a9

func newTap(t *testing.T, o host.Options) *tap {
	return &tap{Driver: host.New(o), t: t, current: map[int][]driver.Context{}, live: map[string]int{}}
}

func (p *tap) Open(ordinal int) (driver.Device, error) {
	if err := p.enter("Open", false); err != nil {
		return nil, err
	}
	d, err := p.Driver.Open(ordinal)
	if err == nil {
		p.opened++
	}
	return &tapDevice{d, p, true}, err
}

func (p *tap) Attach(c driver.Context) (driver.Device, error) {
	if err := p.enter("Attach", false); err != nil {
		return nil, err
	}
	if c == 0 {
		p.mu.Lock()
		if stack := p.current[threadID()]; len(stack) > 0 {
			c = stack[len(stack)-1]
		}
		p.mu.Unlock()
	}
	if c != tapContext {
		return nil, &driver.Error{Op: "Attach", Code: driver.InvalidContext, Name: "CUDA_ERROR_INVALID_CONTEXT"}
	}
	d, err := p.Driver.Open(0)
	return &tapDevice{d, p, false}, err
}

// enter counts a call, which wants the context if bound is set.
func (p *tap) enter(op string, bound bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	p.log = append(p.log, op)
	if stack := p.current[threadID()]; bound && (len(stack) == 0 || stack[len(stack)-1] != tapContext) {
		p.t.Errorf("%s on a thread without the context", op)
	}
	if p.calls == p.fail {
		p.failed = op
		return &driver.Error{Op: op, Code: p.with, Name: fmt.Sprintf("CUDA_ERROR_%d", p.with)}
	}
	return nil
}

func (p *tap) count(kind string, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live[kind] += n
}

// check asserts that nothing is left and no thread is bound.
func (p *tap) check() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for kind, n := range p.live {
		if n != 0 {
			p.t.Errorf("%d of %s are left (call %d, %s, failed)", n, kind, p.fail, p.failed)
		}
	}
	for thread, stack := range p.current {
		if len(stack) > 0 {
			p.t.Errorf("thread %d still has the context (call %d, %s, failed)", thread, p.fail, p.failed)
		}
	}
	if p.opened != 0 {
		p.t.Errorf("%d contexts are retained", p.opened)
	}
}

type tapDevice struct {
	driver.Device
	p     *tap
	owned bool
}

func (d *tapDevice) Context() driver.Context { return tapContext }

func (d *tapDevice) Close() error {
	if err := d.p.enter("Close", false); err != nil {
		return err
	}
	if d.owned {
		d.p.opened--
	}
	return d.Device.Close()
}

func (d *tapDevice) Bind() error {
	if d.p.unbound {
		return &driver.Error{Op: "Bind", Code: driver.InvalidContext, Name: "CUDA_ERROR_INVALID_CONTEXT"}
	}
	if err := d.p.enter("Bind", false); err != nil {
		return err
	}
	d.p.mu.Lock()
	defer d.p.mu.Unlock()
	d.p.current[threadID()] = append(d.p.current[threadID()], tapContext)
	return nil
}

// Unbind takes the context off even if it is to fail.
func (d *tapDevice) Unbind() error {
	err := d.p.enter("Unbind", true)
	d.p.mu.Lock()
	defer d.p.mu.Unlock()
	if stack := d.p.current[threadID()]; len(stack) > 0 {
		d.p.current[threadID()] = stack[:len(stack)-1]
	}
	return err
}

// do is a call without a result.
func (d *tapDevice) do(op string, call func() error) error {
	if err := d.p.enter(op, true); err != nil {
		return err
	}
	return call()
}

// get is a call with one, which is garbage if it fails.
func ask[T any](d *tapDevice, op string, garbage T, call func() (T, error)) (T, error) {
	if err := d.p.enter(op, true); err != nil {
		return garbage, err
	}
	return call()
}

// live counts what a call makes or ends.
func live[T any](d *tapDevice, kind string, n int, v T, err error) (T, error) {
	if err == nil {
		d.p.count(kind, n)
	}
	return v, err
}

// end is a call that frees: one that fails has freed too, so that a leak is seen
// only where nobody tried.
func (d *tapDevice) end(op, kind string, call func() error) error {
	d.p.count(kind, -1)
	if err := d.p.enter(op, true); err != nil {
		call()
		return err
	}
	return call()
}

const junk = 0xdeadbeef

func (d *tapDevice) Synchronize() error { return d.do("Synchronize", d.Device.Synchronize) }

func (d *tapDevice) MemInfo() (free, total int64, err error) {
	if err := d.p.enter("MemInfo", true); err != nil {
		return junk, junk, err
	}
	return d.Device.MemInfo()
}

func (d *tapDevice) Alloc(n int64) (driver.Ptr, error) {
	p, err := ask(d, "Alloc", junk, func() (driver.Ptr, error) { return d.Device.Alloc(n) })
	return live(d, "memory", 1, p, err)
}

func (d *tapDevice) Free(p driver.Ptr) error {
	return d.end("Free", "memory", func() error { return d.Device.Free(p) })
}

func (d *tapDevice) HostAlloc(n int64) ([]byte, error) {
	b, err := ask(d, "HostAlloc", nil, func() ([]byte, error) { return d.Device.HostAlloc(n) })
	return live(d, "host memory", 1, b, err)
}

func (d *tapDevice) HostFree(b []byte) error {
	return d.end("HostFree", "host memory", func() error { return d.Device.HostFree(b) })
}

func (d *tapDevice) HostRegister(b []byte) error {
	err := d.do("HostRegister", func() error { return d.Device.HostRegister(b) })
	_, err = live(d, "registered memory", 1, 0, err)
	return err
}

func (d *tapDevice) HostUnregister(b []byte) error {
	return d.end("HostUnregister", "registered memory", func() error { return d.Device.HostUnregister(b) })
}

func (d *tapDevice) NewStream() (driver.Stream, error) {
	s, err := ask(d, "NewStream", junk, d.Device.NewStream)
	return live(d, "streams", 1, s, err)
}

func (d *tapDevice) FreeStream(s driver.Stream) error {
	return d.end("FreeStream", "streams", func() error { return d.Device.FreeStream(s) })
}

func (d *tapDevice) StreamSynchronize(s driver.Stream) error {
	return d.do("StreamSynchronize", func() error { return d.Device.StreamSynchronize(s) })
}

func (d *tapDevice) StreamQuery(s driver.Stream) (bool, error) {
	return ask(d, "StreamQuery", true, func() (bool, error) { return d.Device.StreamQuery(s) })
}

func (d *tapDevice) StreamWait(s driver.Stream, e driver.Event) error {
	return d.do("StreamWait", func() error { return d.Device.StreamWait(s, e) })
}

func (d *tapDevice) NewEvent(timing bool) (driver.Event, error) {
	e, err := ask(d, "NewEvent", junk, func() (driver.Event, error) { return d.Device.NewEvent(timing) })
	return live(d, "events", 1, e, err)
}

func (d *tapDevice) FreeEvent(e driver.Event) error {
	return d.end("FreeEvent", "events", func() error { return d.Device.FreeEvent(e) })
}

func (d *tapDevice) Record(e driver.Event, s driver.Stream) error {
	return d.do("Record", func() error { return d.Device.Record(e, s) })
}

func (d *tapDevice) EventSynchronize(e driver.Event) error {
	return d.do("EventSynchronize", func() error { return d.Device.EventSynchronize(e) })
}

func (d *tapDevice) EventQuery(e driver.Event) (bool, error) {
	return ask(d, "EventQuery", true, func() (bool, error) { return d.Device.EventQuery(e) })
}

func (d *tapDevice) Elapsed(from, to driver.Event) (time.Duration, error) {
	return ask(d, "Elapsed", junk, func() (time.Duration, error) { return d.Device.Elapsed(from, to) })
}

func (d *tapDevice) CopyHtoD(dst driver.Ptr, src []byte, s driver.Stream) error {
	return d.do("CopyHtoD", func() error { return d.Device.CopyHtoD(dst, src, s) })
}

func (d *tapDevice) CopyDtoH(dst []byte, src driver.Ptr, s driver.Stream) error {
	return d.do("CopyDtoH", func() error { return d.Device.CopyDtoH(dst, src, s) })
}

func (d *tapDevice) CopyDtoD(dst, src driver.Ptr, n int64, s driver.Stream) error {
	return d.do("CopyDtoD", func() error { return d.Device.CopyDtoD(dst, src, n, s) })
}

func (d *tapDevice) CopyHtoD2D(dst driver.Ptr, dstPitch int64, src []byte, srcPitch, width, rows int64, s driver.Stream) error {
	return d.do("CopyHtoD2D", func() error { return d.Device.CopyHtoD2D(dst, dstPitch, src, srcPitch, width, rows, s) })
}

func (d *tapDevice) Memset8(dst driver.Ptr, v byte, n int64, s driver.Stream) error {
	return d.do("Memset8", func() error { return d.Device.Memset8(dst, v, n, s) })
}

func (d *tapDevice) Memset32(dst driver.Ptr, v uint32, n int64, s driver.Stream) error {
	return d.do("Memset32", func() error { return d.Device.Memset32(dst, v, n, s) })
}

func (d *tapDevice) Load(m *driver.Source) (driver.Module, error) {
	h, err := ask(d, "Load", junk, func() (driver.Module, error) { return d.Device.Load(m) })
	return live(d, "modules", 1, h, err)
}

func (d *tapDevice) Unload(m driver.Module) error {
	return d.end("Unload", "modules", func() error { return d.Device.Unload(m) })
}

func (d *tapDevice) Function(m driver.Module, name string) (driver.Function, error) {
	return ask(d, "Function", junk, func() (driver.Function, error) { return d.Device.Function(m, name) })
}

func (d *tapDevice) Launch(f driver.Function, grid, block driver.Dim, shared uint32, s driver.Stream, args []byte, offsets []int) error {
	return d.do("Launch", func() error { return d.Device.Launch(f, grid, block, shared, s, args, offsets) })
}
