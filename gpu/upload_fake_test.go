//go:build linux && !android && !nogpu && (amd64 || arm64)

package gpu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/gpu/internal/cuda"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/fakecuda"
	"github.com/tensorfile/tensorfile/tensor"
	"go.uber.org/goleak"
)

// onFake is a place over a fake.
func onFake(name string, u UploadOptions, o fakecuda.Options) place {
	var f *fakecuda.Fake
	return place{name, u, func(t testing.TB) *Device {
		f = fakecuda.New(o)
		return get(openOn(get(cuda.FromTable(f.Table()))(t), 0))(t)
	}, func(t testing.TB) {
		if s := f.Stats(); s.Pageable > 0 && f.Stats().PinnedPeak > 0 {
			t.Errorf("%d asynchronous copies of memory that is not pinned", s.Pageable)
		} else if s.PinnedPeak > 0 && s.Copies == 0 {
			t.Error("nothing was copied")
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
		for _, v := range []int{11020, 11080, 13000} {
			list = append(list, onFake(fmt.Sprint("version ", v), staged, fakecuda.Options{Version: v, Order: fakecuda.Random, Seed: uint64(v), Missing: []string{"cuMemAllocAsync", "cuMemFreeAsync"}}))
		}
		return list
	}
}


// asDriver gives FailEach the error that it looks for.
func asDriver(err error) error {
	var e *Error
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
		fine(t, err)
		sources = append(sources, FromTensor(x))
	}
	check := func(what string, x *Tensor, want tensor.View) {
		v, err := x.Read(context.Background())
		if keep(err) {
			return
		}
		if !bytes.Equal(get(v.Bytes())(t), imageOf(t, want)) {
			t.Errorf("%s: other bytes, and no error", what)
		}
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
		all[k].want = append(all[k].want, imageOf(t, get(views[k].Select(sel))(t))...)
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

// mixed is a file with raw tensors, large and small, and chunks of both kinds.
func mixed(t testing.TB) (*tensorfile.File, []tensor.View) {
	var views []tensor.View
	path := write(t, func(w *tensorfile.Writer) {
		for i, c := range []struct {
			s, chunk tensor.Shape
		}{
			{tensor.Shape{50 << 10}, nil},
			{tensor.Shape{100}, nil},
			{tensor.Shape{7, 33}, nil},
			{tensor.Shape{40, 300}, tensor.Shape{7, 300}},
			{tensor.Shape{3, 100, 120}, tensor.Shape{2, 60, 70}},
		} {
			v := sample(t, uint64(i), tensor.I16, c.s...)
			views = append(views, v)
			o := &tensorfile.TensorOptions{Chunk: c.chunk}
			if c.chunk != nil {
				o.Codec = "lz4"
			}
			fine(t, w.Add(context.Background(), fmt.Sprint(i), v, o))
		}
	})
	return get(tensorfile.Open(path, nil))(t), views
}

var small = &UploadOptions{SlotBytes: 16 << 10, Slots: 3, Workers: 2, DeviceSlots: 2}

// Each call fails once: the error names it, nothing is left behind, and what comes
// without an error is right.
func TestUploadFailsEach(t *testing.T) {
	file, views := mixed(t)
	defer file.Close()
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, order := range []fakecuda.Order{fakecuda.Lazy, fakecuda.Eager} {
		n := fakecuda.FailEach(t, fakecuda.Options{Order: order, MayFail: []string{"cuMemHostRegister_v2"}}, func(f *fakecuda.Fake) error {
			drv, err := cuda.FromTable(f.Table())
			if err != nil {
				return err
			}
			return asDriver(scenario(t, context.Background(), drv, small, file, views))
		})
		t.Logf("%d calls", n)
		if n < 100 {
			t.Errorf("%d calls", n)
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
		err := scenario(t, context.Background(), get(cuda.FromTable(f.Table()))(t), small, file, views)
		works := f.Stats().Works
		f.Check(t)
		if works < n {
			fine(t, err)
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

// No memory for the allocation of any number.
func TestUploadWithoutMemory(t *testing.T) {
	file, views := mixed(t)
	defer file.Close()
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for n := 1; n < 20; n++ {
		f := fakecuda.New(fakecuda.Options{FailAlloc: n})
		err := scenario(t, context.Background(), get(cuda.FromTable(f.Table()))(t), small, file, views)
		f.Check(t)
		switch {
		case n == 1: // of pinned memory, where there is another way
			fine(t, err)
		case err == nil:
			t.Logf("%d allocations", n-1)
			if n < 4 {
				t.Errorf("%d allocations", n-1)
			}
			return
		case !errors.Is(err, ErrOutOfMemory):
			t.Errorf("allocation %d: %v", n, err)
		}
	}
	t.Error("no end")
}
