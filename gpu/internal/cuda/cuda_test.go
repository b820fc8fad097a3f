//go:build linux && !android && !nogpu && (amd64 || arm64)

package cuda_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tensorfile/tensorfile/gpu/internal/cuda"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/fakecuda"
)

func fake(t *testing.T, o fakecuda.Options) (*fakecuda.Fake, driver.Driver) {
	t.Helper()
	f := fakecuda.New(o)
	t.Cleanup(func() { f.Check(t) })
	d, err := cuda.FromTable(f.Table())
	if err != nil {
		t.Fatal(err)
	}
	return f, d
}

// bound opens the device and binds it to the thread of the test.
func bound(t *testing.T, o fakecuda.Options) (*fakecuda.Fake, driver.Device) {
	t.Helper()
	f, lib := fake(t, o)
	d, err := lib.Open(0)
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	if err := d.Bind(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(d.Unbind(), d.Close()); err != nil {
			t.Error(err)
		}
		runtime.UnlockOSThread()
	})
	return f, d
}

func code(t *testing.T, what string, err error, want driver.Code) *driver.Error {
	t.Helper()
	e := new(driver.Error)
	if !errors.As(err, &e) || e.Code != want {
		t.Errorf("%s: the error is %v, want code %d", what, err, want)
	}
	return e
}

func TestVersions(t *testing.T) {
	for _, version := range []int{11000, 11020, 11080, 12080, 13000} {
		_, d := fake(t, fakecuda.Options{Version: version})
		if p, err := d.Properties(0); err != nil || p.Driver != version {
			t.Errorf("version %d: %+v, %v", version, p, err)
		}
	}
	f := fakecuda.New(fakecuda.Options{Version: 10020})
	_, err := cuda.FromTable(f.Table())
	f.Check(t)
	if !errors.Is(err, driver.ErrDriverTooOld) || !strings.Contains(err.Error(), "is of CUDA 10.2; needed is CUDA 11.0 or later") {
		t.Errorf("version 10.2: %v", err)
	}
}

// Each function that must be there is named when it is not; without those that may
// be absent all goes on.
func TestMissingFunctions(t *testing.T) {
	optional := map[string]bool{"cuDeviceGetUuid": true, "cuDeviceGetPCIBusId": true}
	all := fakecuda.New(fakecuda.Options{}).Table()
	for name := range all {
		f := fakecuda.New(fakecuda.Options{Missing: []string{name}, Version: 11020})
		d, err := cuda.FromTable(f.Table())
		if optional[name] {
			if err != nil {
				t.Errorf("without %s: %v", name, err)
			} else if p, err := d.Properties(0); err != nil || p.UUID != "" && p.PCI != "" {
				t.Errorf("without %s: %+v, %v", name, p, err)
			}
		} else {
			of := "of CUDA 11.2"
			if name == "cuDriverGetVersion" {
				of = "of unknown version"
			}
			if !errors.Is(err, driver.ErrDriverTooOld) || !strings.Contains(err.Error(), of+" and lacks "+name+";") {
				t.Errorf("without %s: %v", name, err)
			}
		}
		f.Check(t)
	}
	if len(all) != 48 {
		t.Errorf("%d functions, want 48", len(all))
	}
}

func TestNoDevice(t *testing.T) {
	for _, c := range []struct {
		o    fakecuda.Options
		is   error
		text string
	}{
		{fakecuda.Options{Devices: -1}, driver.ErrNoDevice, "CUDA_ERROR_NO_DEVICE (100): no CUDA-capable device is detected"},
		{fakecuda.Options{InitCode: driver.DriverMismatch}, driver.ErrNoDriver, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)"},
		{fakecuda.Options{InitCode: 34}, driver.ErrNoDriver, "cuInit: CUresult 34 (34)"}, // a stub library
		{fakecuda.Options{FailCall: 1}, driver.ErrNoDriver, "cuDriverGetVersion: CUDA_ERROR_UNKNOWN (999)"},
		{fakecuda.Options{FailCall: 1, Missing: []string{"cuGetErrorName", "cuGetErrorString"}}, driver.ErrNoDriver, "cuDriverGetVersion: CUresult 999 (999)"},
	} {
		f := fakecuda.New(c.o)
		_, err := cuda.FromTable(f.Table())
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%+v: %v", c.o, err)
		}
		f.Check(t)
	}
}

func TestProperties(t *testing.T) {
	_, d := fake(t, fakecuda.Options{Devices: 2, Memory: 3 << 30, Attributes: map[int]int32{40: 5, 99: 0}})
	if n, err := d.Count(); n != 2 || err != nil {
		t.Errorf("%d devices, %v", n, err)
	}
	got, err := d.Properties(1)
	want := driver.Properties{Ordinal: 1, Name: "Fake H100", UUID: "GPU-face0102-0304-0506-0708-090a0b0c0d01", PCI: "0000:4b:00.0", Major: 9, Minor: 0,
		Memory: 3 << 30, CopyEngines: 5, Multiprocessor: 132, Driver: 12080}
	if err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	for attribute, want := range map[int32]bool{-1: true, 0: false, 1: true} {
		_, d := fake(t, fakecuda.Options{Attributes: map[int]int32{99: attribute}})
		if p, err := d.Properties(0); err != nil || p.HostRegister != want {
			t.Errorf("attribute 99 is %d: %+v, %v", attribute, p, err)
		}
	}
	_, d = fake(t, fakecuda.Options{Devices: 2})
	for _, ordinal := range []int{-1, 2, 1 << 32} {
		_, err := d.Properties(ordinal)
		code(t, "an ordinal that is not there", err, driver.InvalidDevice)
		_, err = d.Open(ordinal)
		code(t, "an ordinal that is not there", err, driver.InvalidDevice)
	}
	if d.Backend() != "cuda" {
		t.Error(d.Backend())
	}
}

func TestAttach(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f, lib := fake(t, fakecuda.Options{Devices: 2})
	theirs := f.NewContext(1)

	_, err := lib.Attach(0)
	if e := code(t, "no context", err, driver.InvalidContext); e.Op != "cuCtxGetCurrent" {
		t.Error(e)
	}
	_, err = lib.Attach(12345)
	code(t, "no such context", err, driver.InvalidContext)
	if s := f.Faults(); len(s) != 1 {
		t.Error(s)
	}

	f.SetCurrent(theirs)
	d, err := lib.Attach(0)
	if err != nil {
		t.Fatal(err)
	}
	if d.Context() != theirs || d.Properties().Ordinal != 1 {
		t.Errorf("context %#x of device %d, want %#x of 1", d.Context(), d.Properties().Ordinal, theirs)
	}
	f.SetCurrent(0)

	e, err := lib.Attach(theirs)
	if err != nil || e.Properties() != d.Properties() {
		t.Fatal(err)
	}
	if err := errors.Join(e.Bind(), second(e.NewEvent(true)), e.Close(), e.Synchronize(), e.Unbind()); err != nil {
		t.Error(err) // it is there after Close, for it is not ours
	}
	f.Destroy(theirs)
	code(t, "a context that is gone", d.Bind(), driver.InvalidContext)
	f.Faults()
}

func second[T any](_ T, err error) error { return err }

// A context may end under those who use it.
func TestContextDestroyedByAnother(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f, lib := fake(t, fakecuda.Options{})
	d, err := lib.Open(0)
	if err := errors.Join(err, d.Bind()); err != nil {
		t.Fatal(err)
	}
	f.Destroy(d.Context())
	_, err = d.Alloc(1)
	if e := code(t, "Alloc", err, driver.ContextDestroyed); !e.Code.Sticky() {
		t.Error("a context that is gone comes back")
	}
	if err := d.Unbind(); err != nil {
		t.Error(err)
	}
	f.Faults()
}

func TestBind(t *testing.T) {
	f, lib := fake(t, fakecuda.Options{Devices: 2})
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	a, err := lib.Open(0)
	if err != nil {
		t.Fatal(err)
	}
	b, err := lib.Open(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Bind(), b.Bind(), b.Unbind()); err != nil {
		t.Fatal(err)
	}
	code(t, "Unbind of another", b.Unbind(), driver.InvalidContext)
	if err := errors.Join(a.Close(), a.Close(), b.Close()); err != nil {
		t.Error(err)
	}
	if n := f.Calls("cuDevicePrimaryCtxRelease_v2"); n != 2 {
		t.Errorf("%d contexts released, want 2", n)
	}
}

func TestMemory(t *testing.T) {
	_, d := bound(t, fakecuda.Options{Memory: 1 << 20})
	for _, n := range []int64{0, -1, math.MinInt64} {
		_, err := d.Alloc(n)
		code(t, "Alloc", err, driver.InvalidValue)
		_, err = d.HostAlloc(n)
		code(t, "HostAlloc", err, driver.InvalidValue)
	}
	_, err := d.Alloc(1<<20 + 1)
	if e := code(t, "Alloc", err, driver.OutOfMemory); e.Error() != "cuMemAlloc_v2: CUDA_ERROR_OUT_OF_MEMORY (2): out of memory" {
		t.Error(e)
	}
	p, err := d.Alloc(1000)
	if err != nil || p%256 != 0 || p%512 == 0 { // no more is promised than for "any kind of variable"
		t.Fatal(p, err)
	}
	if free, total, err := d.MemInfo(); err != nil || free != 1<<20-1000 || total != 1<<20 {
		t.Error(free, total, err)
	}
	h, err := d.HostAlloc(5000)
	if err != nil || len(h) != 5000 || cap(h) != 5000 {
		t.Fatal(len(h), err)
	}
	m, err := unix.Mmap(-1, 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(m)
	if err := d.HostRegister(m); err != nil {
		t.Error(err)
	}
	code(t, "HostRegister again", d.HostRegister(m[4096:]), driver.AlreadyRegistered)
	if err := errors.Join(d.HostUnregister(m), d.HostFree(h), d.Free(p)); err != nil {
		t.Error(err)
	}
}

// Copies put the bytes where they belong: of every length and offset, in rows, on
// the default stream too.
func TestCopies(t *testing.T) {
	_, d := bound(t, fakecuda.Options{})
	const n = 1 << 12
	p, err := d.Alloc(2 * n)
	if err != nil {
		t.Fatal(err)
	}
	h, err := d.HostAlloc(n)
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	for i := range h {
		h[i] = byte(i*i>>3 ^ i>>5)
	}
	got := make([]byte, 2*n)
	for _, on := range []driver.Stream{0, s} {
		for _, c := range [][2]int{{0, 0}, {0, 1}, {1, 1}, {3, 1000}, {7, n - 7}, {0, n}} {
			off, k := c[0], c[1]
			at := driver.Ptr(off)
			err := errors.Join(d.Memset8(p, 0x11, 2*n, on), d.CopyHtoD(p+at, h[off:off+k], on), d.CopyDtoD(p+n+at, p+at, int64(k), on),
				d.StreamSynchronize(on), d.CopyDtoH(got, p, 0))
			if err != nil {
				t.Fatal(err)
			}
			want := bytes.Repeat([]byte{0x11}, 2*n)
			copy(want[off:], h[off:off+k])
			copy(want[n+off:], h[off:off+k])
			if !bytes.Equal(got, want) {
				t.Errorf("stream %v: %d bytes at %d: wrong bytes", on, k, off)
			}
		}
		// 5 rows of 30 bytes, 100 apart, to 64 apart.
		err := errors.Join(d.Memset32(p, 0x01020304, n/2, on), d.CopyHtoD2D(p+1, 64, h[:4*100+30], 100, 30, 5, on), d.StreamSynchronize(on), d.CopyDtoH(got, p, 0))
		if err != nil {
			t.Fatal(err)
		}
		want := bytes.Repeat(binary.NativeEndian.AppendUint32(nil, 0x01020304), n/2)
		for i := range 5 {
			copy(want[1+64*i:][:30], h[100*i:])
		}
		if !bytes.Equal(got, want) {
			t.Errorf("stream %v: rows: wrong bytes", on)
		}
	}
	for what, err := range map[string]error{
		"rows beyond the source":      d.CopyHtoD2D(p, 64, h[:4*100+29], 100, 30, 5, s),
		"rows that overlap":           d.CopyHtoD2D(p, 29, h, 100, 30, 5, s),
		"a pitch that overflows":      d.CopyHtoD2D(p, math.MaxInt64, h, math.MaxInt64, 30, 3, s),
		"less than no rows":           d.CopyHtoD2D(p, 64, h, 64, 64, -1, s),
		"less than no bytes":          d.CopyDtoD(p, p+n, -1, s),
		"less than no values":         d.Memset32(p, 0, -1, s),
		"arguments beyond their ends": d.Launch(1, driver.Dim{}, driver.Dim{}, 0, s, make([]byte, 8), []int{0, 8}),
	} {
		code(t, what, err, driver.InvalidValue)
	}
	if err := errors.Join(d.CopyHtoD(p, nil, s), d.CopyDtoH(nil, p, s), d.CopyDtoD(p, p, 0, s), d.Memset8(p, 0, 0, s), d.CopyHtoD2D(p, 0, nil, 0, 0, 5, s)); err != nil {
		t.Error("nothing to do:", err)
	}
	if err := errors.Join(d.FreeStream(s), d.HostFree(h), d.Free(p)); err != nil {
		t.Error(err)
	}
}

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakecuda.New(fakecuda.Options{Busy: 2, Time: func(w fakecuda.Work) time.Duration {
			return time.Duration(w.Bytes) * time.Microsecond
		}})
		defer f.Check(t)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		lib, err := cuda.FromTable(f.Table())
		if err != nil {
			t.Fatal(err)
		}
		d, err := lib.Open(0)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Bind(); err != nil {
			t.Fatal(err)
		}
		s, err := d.NewStream()
		p, err2 := d.Alloc(1500)
		a, err3 := d.NewEvent(true)
		b, err4 := d.NewEvent(true)
		silent, err5 := d.NewEvent(false)
		if err := errors.Join(err, err2, err3, err4, err5); err != nil {
			t.Fatal(err)
		}
		if done, err := d.EventQuery(a); !done || err != nil {
			t.Error("an event that was not recorded stands for nothing:", done, err)
		}
		err = errors.Join(d.Record(a, s), d.Memset8(p, 0, 1500, s), d.Record(b, s), d.Record(silent, s))
		if err != nil {
			t.Fatal(err)
		}
		if done, err := d.StreamQuery(s); done || err != nil {
			t.Error("done before its time:", done, err)
		}
		if err := d.EventSynchronize(b); err != nil {
			t.Error(err)
		}
		if took, err := d.Elapsed(a, b); took != 1500*time.Microsecond || err != nil {
			t.Errorf("%v, %v, want 1.5 ms", took, err)
		}
		_, err = d.Elapsed(a, silent)
		code(t, "an event without a clock", err, driver.InvalidHandle)
		for i, want := range []bool{false, false, true, true} {
			if done, err := d.EventQuery(silent); done != want || err != nil {
				t.Errorf("query %d: %v, %v", i, done, err)
			}
		}
		if err := errors.Join(d.FreeEvent(a), d.FreeEvent(b), d.FreeEvent(silent), d.FreeStream(s), d.Free(p), d.Unbind(), d.Close()); err != nil {
			t.Error(err)
		}
	})
}

// mix writes each of its arguments, from the text of which alone the fake knows what
// they are: places, sizes and order arrive as they were sent.
const mix = `.version 7.0
.target sm_75
.address_size 64
.visible .entry mix(.param .u64 out, .param .u32 a, .param .f32 b, .param .u64 c, .param .u32 d, .param .u64 e)
{
	.reg .u64 %rd<4>;
	.reg .u32 %r<4>;
	.reg .f32 %f<2>;
	ld.param.u64 %rd1, [out];
	ld.param.u32 %r1, [a];
	st.global.u32 [%rd1], %r1;
	ld.param.f32 %f1, [b];
	st.global.f32 [%rd1+4], %f1;
	ld.param.u64 %rd2, [c];
	st.global.u64 [%rd1+8], %rd2;
	ld.param.u32 %r2, [d];
	st.global.u32 [%rd1+16], %r2;
	ld.param.u64 %rd3, [e];
	st.global.u64 [%rd1+24], %rd3;
	ret;
}
`

func TestLaunch(t *testing.T) {
	f, d := bound(t, fakecuda.Options{})
	source := &driver.Source{Name: "mix", PTX: mix}
	params := driver.Signature{driver.Pointer, driver.I32, driver.F32, driver.U64, driver.U32, driver.I64}
	m, err := d.Load(source)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Function(m, "nix")
	code(t, "a kernel that is not there", err, driver.NotFound)
	fn, err := d.Function(m, "mix")
	if err != nil {
		t.Fatal(err)
	}
	p, err := d.Alloc(32)
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	pack := func(out driver.Ptr) ([]byte, []int) {
		args, at, err := params.Pack(nil, nil, []driver.Arg{{Type: driver.Pointer, Bits: uint64(out)}, {Type: driver.I32, Bits: 0xfffffffe},
			{Type: driver.F32, Bits: uint64(math.Float32bits(1.5))}, {Type: driver.U64, Bits: 0x0123456789abcdef}, {Type: driver.U32, Bits: 0xcafe}, {Type: driver.I64, Bits: 1 << 63}})
		if err != nil {
			t.Fatal(err)
		}
		return args, at
	}
	args, at := pack(p)
	err = d.Launch(fn, driver.Dim{}, driver.Dim{}, 0, s, args, at)
	clear(args) // what was passed may be used again
	got := make([]byte, 32)
	if err := errors.Join(err, d.StreamSynchronize(s), d.CopyDtoH(got, p, 0)); err != nil {
		t.Fatal(err)
	}
	want := binary.LittleEndian.AppendUint32(nil, 0xfffffffe)
	want = binary.LittleEndian.AppendUint32(want, math.Float32bits(1.5))
	want = binary.LittleEndian.AppendUint64(want, 0x0123456789abcdef)
	want = binary.LittleEndian.AppendUint32(want, 0xcafe)
	want = append(want, 0xa5, 0xa5, 0xa5, 0xa5)
	want = binary.LittleEndian.AppendUint64(want, 1<<63)
	if !bytes.Equal(got, want) {
		t.Errorf("arguments arrived as\n% x, want\n% x", got, want)
	}

	// A text that does not compile.
	_, err = d.Load(&driver.Source{Name: "bad", PTX: strings.Replace(mix, "ret;", "fly;", 1)})
	if e := code(t, "Load", err, driver.InvalidPTX); e.Op != "cuModuleLoadDataEx" || !strings.Contains(e.Log, "fly") || strings.Contains(e.Log, "\x00") {
		t.Errorf("%+v", e)
	}

	// A kernel that goes astray ends the context.
	args, at = pack(p + 16)
	if err := d.Launch(fn, driver.Dim{}, driver.Dim{}, 0, s, args, at); err != nil {
		t.Error(err)
	}
	for range 2 {
		if e := code(t, "Synchronize", d.StreamSynchronize(s), driver.IllegalAddress); !e.Code.Sticky() {
			t.Error("not sticky")
		}
	}
	if s := f.Faults(); len(s) != 1 || !strings.Contains(s[0], "kernel mix of a module") {
		t.Error(s)
	}
	for _, err := range []error{d.FreeStream(s), d.Free(p), d.Unload(m)} {
		code(t, "giving back", err, driver.IllegalAddress)
	}
}
