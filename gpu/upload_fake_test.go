//go:build linux && !android && !nogpu && (amd64 || arm64)

package gpu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/gpu/internal/cuda"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/fakecuda"
	"github.com/tensorfile/tensorfile/gpu/internal/ptx"
	"github.com/tensorfile/tensorfile/tensor"
	"go.uber.org/goleak"
)

// onFake is a place over a fake.
func onFake(name string, u UploadOptions, o fakecuda.Options) place {
	var f *fakecuda.Fake
	o.Sources = ptx.Modules
	return place{name, u, func(t testing.TB) *Device {
		f = fakecuda.New(o)
		return must(openOn(must(cuda.FromTable(f.Table()))(t), 0))(t)
	}, func(t testing.TB) {
		if s := f.Stats(); s.Pageable > 0 {
			t.Errorf("%d asynchronous copies of memory that is not pinned", s.Pageable)
		}
		f.Check(t)
	}}
}

func init() {
	fakes = func(staged UploadOptions) []place {
		list := []place{
			onFake("lazy", staged, fakecuda.Options{}),
			onFake("eager", staged, fakecuda.Options{Order: fakecuda.Eager}),
			onFake("random", staged, fakecuda.Options{Order: fakecuda.Random, Seed: 1, Busy: 50}),
			onFake("not registered", staged, fakecuda.Options{Attributes: map[int]int32{99: 0}}),
			onFake("no pinned memory", staged, fakecuda.Options{FailAlloc: 1, FailAllocs: 2}),
		}
		verified := staged
		verified.Verify = true
		list = append(list, onFake("verified", verified, fakecuda.Options{Order: fakecuda.Random, Seed: 3}))
		for _, v := range []int{11020, 11080, 13000} {
			list = append(list, onFake(fmt.Sprint("version ", v), staged, fakecuda.Options{Version: v, Order: fakecuda.Random, Seed: uint64(v), Missing: []string{"cuMemAllocAsync", "cuMemFreeAsync"}}))
		}
		return list
	}
}

// asDriver gives FailEach the error that it looks for.
func asDriver(err error) error {
	var e *Error
	if errors.Is(err, ErrDriverTooOld) {
		return &driver.Error{Op: "cuDriverGetVersion"}
	}
	if errors.As(err, &e) {
		return &driver.Error{Op: e.Op, Code: driver.Code(e.Code), Name: e.Name, Text: err.Error()}
	}
	return err
}

// scenario uploads a file in every way, and closes all that it has opened. It
// returns the first error, and fails the test if what came without one is wrong.
func scenario(t testing.TB, ctx context.Context, drv driver.Driver, o *UploadOptions, file *tensorfile.File, views []tensor.View) (first error) {
	keep := func(err error) bool {
		if first == nil && err != nil {
			first = err
		}
		return err != nil
	}
	d, err := openOn(drv, 0)
	if keep(err) {
		return first
	}
	defer func() { keep(d.Close()) }()
	u, err := d.NewUploader(o)
	if keep(err) {
		return first
	}
	defer func() { keep(u.Close()) }()
	var sources []Source
	for x, err := range file.Tensors() {
		ok(t, err)
		sources = append(sources, FromTensor(x))
	}
	check := func(what string, x *Tensor, want tensor.View) {
		v, err := x.Read(context.Background())
		if keep(err) {
			return
		}
		if !bytes.Equal(must(v.Bytes())(t), imageOf(t, want)) {
			t.Errorf("%s: other bytes, and no error", what)
		}
	}
	// To memory that outlives the uploader, whose ring must not go before its copies.
	dst, err := d.Alloc(1 << 20)
	if keep(err) {
		return first
	}
	defer func() { keep(dst.Free()) }()
	func() {
		u, err := d.NewUploader(o)
		if keep(err) {
			return
		}
		_, err = u.UploadTo(ctx, dst, nil, sources...)
		keep(err)
		keep(u.Close())
	}()
	if first != nil {
		return first
	}
	up, err := u.Upload(ctx, sources...)
	if keep(err) {
		if up != nil {
			t.Errorf("%v, and a result", err)
		}
		return first
	}
	for i, x := range up.Tensors {
		check(fmt.Sprint("tensor ", i), x, views[i])
	}
	if keep(up.Buffer.Free()) {
		return first
	}
	on, err := d.NewStream()
	if keep(err) {
		return first
	}
	defer func() { keep(on.Free()) }()
	keep(sumUp(t, ctx, d, on, u, sources, views))
	return first
}

// sumUp streams sources and copies what comes to where it belongs, on the device and
// without waiting, and looks when all is over.
func sumUp(t testing.TB, ctx context.Context, d *Device, on *Stream, u *Uploader, sources []Source, views []tensor.View) (first error) {
	type result struct {
		buf  *Buffer
		want []byte
	}
	all := make([]result, len(views))
	defer func() {
		for _, r := range all {
			if r.buf == nil {
				continue
			}
			if err := r.buf.Free(); first == nil {
				first = err
			}
		}
	}()
	var err error
	for i, v := range views {
		if all[i].buf, err = d.Alloc(v.ByteSize()); err != nil {
			return err
		}
	}
	at := make([]int64, len(views))
	for b, err := range u.Stream(ctx, on, sources...) {
		if err != nil {
			return err
		}
		// In the order of the blocks: those of a box are not looked at as a whole.
		x, k := b.Tensor(), b.Source
		dst, err := all[k].buf.Slice(at[k], x.ByteSize())
		if err != nil {
			return err
		}
		if err := on.Copy(dst, x.part(x.offset, x.image)); err != nil {
			return err
		}
		sel := make(tensor.Selection, len(b.Origin))
		for j, o := range b.Origin {
			sel[j] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: o, Stop: o + x.Shape()[j], Step: 1}
		}
		all[k].want = append(all[k].want, imageOf(t, must(views[k].Select(sel))(t))...)
		at[k] += x.ByteSize()
	}
	for i, r := range all {
		got := make([]byte, r.buf.Len())
		if err := r.buf.ReadTo(context.Background(), got); err != nil {
			return err
		}
		if int64(len(r.want)) != r.buf.Len() || !bytes.Equal(got, r.want) {
			t.Errorf("stream of source %d: other bytes, and no error", i)
		}
	}
	return nil
}

var small = &UploadOptions{SlotBytes: 16 << 10, Slots: 3, Workers: 2, DeviceSlots: 2}

// Each call fails once: the error names it, nothing is left behind, and what comes
// without an error is right.
func TestUploadFailsEach(t *testing.T) {
	if raceEnabled && testing.Short() {
		t.Skip("hundreds of runs, each of them slow under the race detector")
	}
	file, views := mixed(t)
	defer file.Close()
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, order := range []fakecuda.Order{fakecuda.Lazy, fakecuda.Eager} {
		if order != fakecuda.Lazy && testing.Short() {
			break
		}
		o := *small
		o.Verify = order == fakecuda.Eager
		n := fakecuda.FailEach(t, fakecuda.Options{Order: order, Sources: ptx.Modules, MayFail: []string{"cuMemHostRegister_v2"}}, func(f *fakecuda.Fake) error {
			drv, err := cuda.FromTable(f.Table())
			if err != nil {
				return asDriver(err)
			}
			return asDriver(scenario(t, context.Background(), drv, &o, file, views))
		})
		t.Logf("%d calls", n)
		if n < 100 {
			t.Errorf("%d calls", n)
		}
	}
}

// Whatever order a driver may choose, and however large the rings are, the same
// elements arrive.
func TestUploadAnyOrder(t *testing.T) {
	file, views := mixed(t)
	defer file.Close()
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	n := 120
	if testing.Short() {
		n = 30
	}
	rng := rand.New(rand.NewPCG(12, 13))
	for i := range n {
		o := UploadOptions{SlotBytes: 4096 << rng.IntN(4), Slots: 2 + rng.IntN(5), Workers: 1 + rng.IntN(4), DeviceSlots: 2 + rng.IntN(3), Verify: rng.IntN(3) == 0, AsStored: rng.IntN(2) == 0}
		f := fakecuda.New(fakecuda.Options{Order: fakecuda.Random, Seed: rng.Uint64(), Busy: rng.IntN(3), Sources: ptx.Modules})
		if err := scenario(t, context.Background(), must(cuda.FromTable(f.Table()))(t), &o, file, views); err != nil {
			t.Errorf("run %d, %+v: %v", i, o, err)
		}
		if s := f.Stats(); s.Pageable > 0 || s.PinnedPeak > 2*int64(o.Slots)*o.SlotBytes {
			t.Errorf("run %d, %+v: %+v", i, o, s)
		}
		f.Check(t)
		if t.Failed() {
			t.Fatalf("run %d, %+v", i, o)
		}
	}
}

// Copies fail when they run, which a later call tells.
func TestUploadFailsLater(t *testing.T) {
	file, views := mixed(t)
	defer file.Close()
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for n := 1; ; n++ {
		f := fakecuda.New(fakecuda.Options{FailWork: n, Order: fakecuda.Order(n % 3), Seed: uint64(n)})
		err := scenario(t, context.Background(), must(cuda.FromTable(f.Table()))(t), small, file, views)
		works := f.Stats().Works
		f.Check(t)
		if works < n {
			ok(t, err)
			t.Logf("%d copies", works)
			if n < 20 {
				t.Errorf("%d copies", works)
			}
			return
		}
		if !errors.Is(err, ErrLost) {
			t.Errorf("copy %d failed: %v", n, err)
		}
	}
}

// No memory for the allocation of any number. A ring that cannot be registered is
// one that the driver allocates.
func TestUploadWithoutMemory(t *testing.T) {
	file, views := mixed(t)
	defer file.Close()
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	absorbed := 0
	for n := 1; ; n++ {
		f := fakecuda.New(fakecuda.Options{FailAlloc: n})
		err := scenario(t, context.Background(), must(cuda.FromTable(f.Table()))(t), small, file, views)
		tried := f.Calls("cuMemAlloc_v2") + f.Calls("cuMemHostAlloc") + f.Calls("cuMemHostRegister_v2")
		f.Check(t)
		switch {
		case tried < n:
			ok(t, err)
			t.Logf("%d allocations, of which %d have another way", n-1, absorbed)
			if n < 10 || absorbed != 2 {
				t.Errorf("%d allocations, of which %d have another way", n-1, absorbed)
			}
			return
		case err == nil:
			absorbed++
		case !errors.Is(err, ErrOutOfMemory):
			t.Errorf("allocation %d: %v", n, err)
		}
	}
}

// ends is a device that calls a function at the n-th call of an upload.
type ends struct {
	driver.Device
	n    *atomic.Int64
	then func()
}

func (e ends) count() {
	if e.n.Add(-1) == 0 {
		e.then()
	}
}

func (e ends) CopyHtoD(dst driver.Ptr, src []byte, s driver.Stream) error {
	e.count()
	return e.Device.CopyHtoD(dst, src, s)
}

func (e ends) CopyHtoD2D(dst driver.Ptr, dstPitch int64, src []byte, srcPitch, width, rows int64, s driver.Stream) error {
	e.count()
	return e.Device.CopyHtoD2D(dst, dstPitch, src, srcPitch, width, rows, s)
}

func (e ends) Record(v driver.Event, s driver.Stream) error {
	e.count()
	return e.Device.Record(v, s)
}

func (e ends) EventSynchronize(v driver.Event) error {
	e.count()
	return e.Device.EventSynchronize(v)
}

func (e ends) StreamWait(s driver.Stream, v driver.Event) error {
	e.count()
	return e.Device.StreamWait(s, v)
}

// The context ends inside of a call of the driver, any of them.
func TestUploadCancelledInDriver(t *testing.T) {
	file, views := mixed(t)
	defer file.Close()
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for n := int64(1); ; n++ {
		f := fakecuda.New(fakecuda.Options{Order: fakecuda.Order(n % 3), Seed: uint64(n)})
		cx, cancel := context.WithCancel(context.Background())
		var left atomic.Int64
		left.Store(n)
		drv := wrapped{must(cuda.FromTable(f.Table()))(t), func(d driver.Device) driver.Device { return ends{d, &left, cancel} }}
		err := scenario(t, cx, drv, small, file, views)
		cancel()
		f.Check(t)
		if left.Load() > 0 {
			ok(t, err)
			t.Logf("%d calls", n-1)
			if n < 100 {
				t.Errorf("%d calls", n-1)
			}
			return
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("call %d: %v", n, err)
		}
	}
}

// slots is a file of n raw slots in memory, of which reading one takes a time.
func slots(t testing.TB, n, slot int64, read time.Duration) *tensorfile.File {
	path := write(t, func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "x", sample(t, 1, tensor.U8, n*slot), nil))
	})
	b := must(os.ReadFile(path))(t)
	src := &slowly{r: bytes.NewReader(b), before: func(int64) {}}
	f := must(tensorfile.OpenReaderAt(src, int64(len(b)), nil))(t)
	must(f.Tensor("x"))(t)
	src.before = func(int64) { time.Sleep(read) }
	return f
}

// Reading, copying and computing go on side by side: by the clock of the fake an
// upload, and a loop with work in its body, takes as long as the slowest of them,
// and one slot's way through all.
func TestUploadOverlaps(t *testing.T) {
	const n, slot, workers = 60, 16 << 10, 3
	for _, c := range []struct {
		name               string
		read, link, kernel time.Duration
	}{
		{"link", 2 * time.Millisecond, time.Millisecond, 0},
		{"reading", 12 * time.Millisecond, time.Millisecond, 0},
		{"even", 3 * time.Millisecond, time.Millisecond, time.Millisecond},
		{"kernel", 3 * time.Millisecond, time.Millisecond, 4 * time.Millisecond},
		{"link and kernel", 0, 2 * time.Millisecond, time.Millisecond},
		{"reading and kernel", 12 * time.Millisecond, time.Millisecond, 3 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := slots(t, n, slot, c.read)
			defer f.Close()
			synctest.Test(t, func(t *testing.T) {
				fake := fakecuda.New(fakecuda.Options{Time: func(w fakecuda.Work) time.Duration {
					switch {
					case w.Kind == fakecuda.HtoD:
						return c.link * time.Duration(w.Bytes) / slot
					case w.Kind == fakecuda.OnChip:
						return c.kernel
					}
					return 0
				}})
				d := must(openOn(must(cuda.FromTable(fake.Table()))(t), 0))(t)
				u := must(d.NewUploader(&UploadOptions{SlotBytes: slot, Workers: workers}))(t)
				on := must(d.NewStream())(t)
				out := must(d.Alloc(slot))(t)
				x := FromTensor(must(f.Tensor("x"))(t))
				begin := time.Now()
				if c.kernel == 0 {
					ok(t, must(u.Upload(ctx, x))(t).Buffer.Free())
				} else {
					for b, err := range u.Stream(ctx, on, x) {
						ok(t, err)
						ok(t, on.Copy(out, b.Tensor().part(0, slot)))
					}
					ok(t, on.Synchronize())
				}
				took := time.Since(begin)
				slowest := max(n*c.read/workers, n*c.link, n*c.kernel)
				fill := c.read + c.link + c.kernel
				t.Logf("%v, the slowest stage %v, one fill %v", took, slowest, fill)
				if took > slowest*11/10+fill || took < slowest {
					t.Errorf("%v", took)
				}
				ok(t, out.Free(), on.Free(), u.Close(), d.Close())
				if s := fake.Stats(); s.PinnedPeak > (workers+4)*slot || s.Pageable > 0 {
					t.Errorf("%+v", s)
				}
				fake.Check(t)
			})
		})
	}
}

// On a device that takes an hour for a copy, an upload that is cancelled returns when
// the copies are done that were given to it, and no later.
func TestUploadStuck(t *testing.T) {
	const slot = 16 << 10
	f := slots(t, 60, slot, 0)
	defer f.Close()
	synctest.Test(t, func(t *testing.T) {
		fake := fakecuda.New(fakecuda.Options{Busy: 1000, Time: func(w fakecuda.Work) time.Duration { return time.Hour }})
		d := must(openOn(must(cuda.FromTable(fake.Table()))(t), 0))(t)
		u := must(d.NewUploader(&UploadOptions{SlotBytes: slot, Workers: 2, Slots: 5}))(t)
		on := must(d.NewStream())(t)
		for _, stream := range []bool{false, true} {
			fake.Mark()
			cx, cancel := context.WithTimeout(ctx, 90*time.Minute)
			begin := time.Now()
			var err error
			if stream {
				for _, err = range u.Stream(cx, on, FromTensor(must(f.Tensor("x"))(t))) {
				}
			} else {
				_, err = u.Upload(cx, FromTensor(must(f.Tensor("x"))(t)))
			}
			cancel()
			wantKind(t, err, context.DeadlineExceeded)
			took, copies := time.Since(begin), fake.Stats().Copies
			t.Logf("%d copies, %v", copies, took)
			if took != time.Duration(copies)*time.Hour || copies > 1+5 {
				t.Errorf("%d copies, %v", copies, took)
			}
		}
		ok(t, on.Free(), u.Close(), d.Close())
		fake.Check(t)
	})
}
