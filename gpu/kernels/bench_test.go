package kernels_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/gpu"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/hook"
	"github.com/tensorfile/tensorfile/gpu/kernels"
	"github.com/tensorfile/tensorfile/gpu/measure"
	"github.com/tensorfile/tensorfile/tensor"
)

// A bench is a device with its limits. On CUDA sizes are those of the goals, else
// small: there the benchmarks show that they run.
type bench struct {
	*gpu.Device
	o     measure.Options
	bytes int64 // of a file
	rows  []measure.Row
}

var limits struct {
	sync.Once
	rows []measure.Row
	err  error
}

func newBench(b *testing.B) *bench {
	b.Helper()
	e := &bench{Device: places[0].open(b), o: measure.Options{Size: 1 << 20, Each: time.Millisecond}, bytes: 2 << 20}
	b.Cleanup(func() { fine(b, e.Close()) })
	if e.Backend() == "cuda" {
		e.o, e.bytes = measure.Options{Size: 64 << 20, Each: 500 * time.Millisecond}, 1<<30
	}
	limits.Do(func() { limits.rows, limits.err = measure.Limits(b.Context(), e.Device, &e.o) })
	fine(b, limits.err)
	e.rows = limits.rows
	return e
}

// limit of uploads.
func (e *bench) limit() measure.Row { return measure.Find(e.rows, measure.Upload(e.Device)) }

// row prints what was measured as a benchmark.
func row(b *testing.B, r measure.Row) {
	b.Run(r.Name, func(b *testing.B) {
		for b.Loop() {
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(r.Time)/1e6, "ms")
		b.ReportMetric(r.Speed()/1e9, "GB/s")
		if r.Limit != "" {
			b.ReportMetric(r.Share, "x-limit")
		}
		if r.Goal > 0 {
			b.ReportMetric(r.Goal, "goal")
		}
		if r.Same != nil && !*r.Same {
			b.Error("the result is not that of the host")
		}
	})
}

func BenchmarkLimits(b *testing.B) {
	for _, r := range newBench(b).rows {
		row(b, r)
	}
}

func BenchmarkLink(b *testing.B) {
	e := newBench(b)
	for _, r := range get(measure.Copies(b.Context(), e.Device, &e.o, e.limit()))(b) {
		row(b, r)
	}
}

func BenchmarkRing(b *testing.B) {
	e := newBench(b)
	e.o.Size = e.bytes
	for _, r := range get(measure.Ring(b.Context(), e.Device, &e.o))(b) {
		row(b, r)
	}
}

func BenchmarkModules(b *testing.B) {
	for _, r := range get(measure.Modules(b.Context(), newBench(b).Device))(b) {
		row(b, r)
	}
}

func BenchmarkKernels(b *testing.B) {
	e := newBench(b)
	fine(b, measure.Kernels(b.Context(), e.Device, &e.o, measure.Find(e.rows, measure.Memory), nil, func(r measure.Row) error {
		row(b, r)
		return nil
	}))
}

// BenchmarkSubmit is what it costs to enqueue something small.
func BenchmarkSubmit(b *testing.B) {
	e := newBench(b)
	on := get(e.NewStream())(b)
	src, dst := put(b, e.Device, get(tensor.FromSlice([]uint8{1, 2, 3, 4}, 4))(b), 0), room(b, e.Device, tensor.F32, tensor.Shape{4}, 0)
	for _, c := range []struct {
		name string
		run  func() error
	}{
		{"fill", func() error { return on.Fill(src.Buffer(), 7) }},
		{"kernel", func() error { return kernels.Cast(on, dst, src) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				fine(b, c.run())
				if i++; i%256 == 0 { // no queue is endless
					fine(b, on.Synchronize())
				}
			}
			fine(b, on.Synchronize())
		})
	}
	free(b, src, dst)
	fine(b, on.Free())
}

// A set is a file to load, with the share of the lowest limit that is wanted.
type set struct {
	name   string
	codec  string
	pieces int64 // tensors
	goal   float64
	o      gpu.UploadOptions
}

var sets = []set{
	{"raw, page cache", "", 1, 0.90, gpu.UploadOptions{Direct: gpu.DirectNever}},
	{"raw, past the page cache", "", 1, 0.90, gpu.UploadOptions{Direct: gpu.DirectAlways}},
	{"raw, verified", "", 1, 0, gpu.UploadOptions{Direct: gpu.DirectNever, Verify: true}},
	{"shuffle|zstd:1", "shuffle|zstd:1", 1, 0.85, gpu.UploadOptions{}},
	{"small tensors", "", 0, 0.45, gpu.UploadOptions{Direct: gpu.DirectNever}}, // half of the first, which is to reach 0.90
}

// file writes bytes of f32 to a file: pieces tensors, or such of 16 KiB.
func (e *bench) file(b *testing.B, s set) (f *tensorfile.File, list []*tensorfile.Tensor) {
	b.Helper()
	bytes, pieces := e.bytes, s.pieces
	if pieces == 0 {
		bytes = min(bytes, 10_000*16<<10)
		pieces = bytes / (16 << 10)
	}
	path := filepath.Join(b.TempDir(), "m.tensor")
	w := get(tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true}))(b)
	defer w.Close()
	var o *tensorfile.TensorOptions
	if s.codec != "" {
		o = &tensorfile.TensorOptions{Codec: s.codec}
	}
	x := make([]float32, bytes/4/pieces)
	seed := uint32(1)
	for i := range pieces {
		for k := range x {
			seed = seed*1664525 + 1013904223
			x[k] = float32(seed>>12) / 1e4
		}
		fine(b, w.Add(b.Context(), fmt.Sprint(i), get(tensor.FromSlice(x, int64(len(x))))(b), o))
	}
	fine(b, w.Commit(b.Context()))
	f = get(tensorfile.Open(path, nil))(b)
	for i := range pieces {
		list = append(list, get(f.Tensor(fmt.Sprint(i)))(b))
	}
	return f, list
}

func BenchmarkLoad(b *testing.B) {
	e := newBench(b)
	for _, s := range sets {
		f, list := e.file(b, s)
		l := get(measure.Time(b.Context(), e.Device, &measure.LoadOptions{Options: e.o, Upload: s.o}, list...))(b)
		bound := l.Bound()
		l.Row.Name, l.Row.Limit, l.Row.Share, l.Row.Goal = s.name, bound.Name, bound.Share, s.goal
		row(b, l.Row)
		b.Logf("%s: x-limit is that of the %s; %s; %q", s.name, bound.Name, l.Stats.Path, append(l.Stats.Notes, l.Notes...))
		for _, r := range l.Limits {
			r.Name, r.Limit = s.name+", limit "+r.Name, r.Name
			row(b, r)
		}
		if s.name == sets[0].name {
			row(b, e.naive(b, list[0], l.Row))
		}
		fine(b, errors.Join(f.Close(), os.Remove(f.Path()))) // a disk need not hold all of them
	}
}

// naive is the copy of a mapped file that everybody writes first, and how many times
// as fast the load was.
func (e *bench) naive(b *testing.B, x *tensorfile.Tensor, load measure.Row) measure.Row {
	v := get(x.View())(b)
	dst := get(e.Alloc(v.ByteSize()))(b)
	best := time.Duration(1 << 62)
	for range 3 {
		begin := time.Now()
		fine(b, hook.Driver(e.Device, func(dev driver.Device) error {
			return dev.CopyHtoD(driver.Ptr(dst.Ptr()), v.Span(), 0)
		}))
		best = min(best, time.Since(begin))
	}
	fine(b, dst.Free())
	r := measure.Row{Name: "beside a copy of the mapping", Bytes: load.Bytes, Runs: load.Runs, Time: load.Time, Limit: "naive", Goal: 2.5}
	r.Share = float64(best) / float64(load.Time)
	return r
}

// BenchmarkStream streams bytes and casts each block: beside the slowest of the
// stages, and in bytes of the result beside the link.
func BenchmarkStream(b *testing.B) {
	e := newBench(b)
	path := filepath.Join(b.TempDir(), "m.tensor")
	w := get(tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true}))(b)
	x := make([]uint8, e.bytes)
	seed := uint32(7)
	for i := range x {
		seed = seed*1664525 + 1013904223
		x[i] = byte(seed >> 24)
	}
	fine(b, errors.Join(w.Add(b.Context(), "x", get(tensor.FromSlice(x, e.bytes))(b), nil), w.Commit(b.Context()), w.Close()))
	f := get(tensorfile.Open(path, nil))(b)
	source := gpu.FromTensor(get(f.Tensor("x"))(b))
	u := get(e.NewUploader(&gpu.UploadOptions{Direct: gpu.DirectNever}))(b)
	on := get(e.NewStream())(b)
	slot := u.Options().SlotBytes
	wide := get(e.Make(tensor.F32, tensor.Shape{slot}))(b)
	pass := func(compute bool) time.Duration {
		begin := time.Now()
		for block, err := range u.Stream(b.Context(), on, source) {
			fine(b, err)
			if compute {
				n := block.Tensor().NumElements()
				fine(b, kernels.Cast(on, get(wide.Slice(0, 0, n, 1))(b), block.Tensor()))
			}
		}
		fine(b, on.Synchronize())
		return time.Since(begin)
	}
	pass(true)
	total := pass(true)
	fed := get(u.Feed(b.Context(), source))(b).Total
	link := time.Duration(float64(e.bytes) / e.limit().Speed() * 1e9)
	var cast measure.Row
	fine(b, measure.Kernels(b.Context(), e.Device, &e.o, measure.Find(e.rows, measure.Memory), func(n string) bool { return n == "cast u8 to f32" }, func(r measure.Row) error {
		cast = r
		return nil
	}))
	compute := time.Duration(float64(5*e.bytes) / cast.Speed() * 1e9)
	slowest := max(fed, link, compute)
	fill := time.Duration(float64(slot) / float64(e.bytes) * float64(fed+link+compute-slowest))
	row(b, measure.Row{Name: "stream and cast", Bytes: e.bytes, Runs: 1, Time: total, Limit: "the slowest stage and one fill", Share: float64(slowest+fill) / float64(total), Goal: 1 / 1.10})
	wideRow := measure.Row{Name: "u8 up, f32 there, beside the link", Bytes: 4 * e.bytes, Runs: 1, Time: total, Limit: measure.Link, Goal: 3}
	wideRow.Share = wideRow.Speed() / e.limit().Speed()
	row(b, wideRow)
	fine(b, errors.Join(wide.Free(), on.Free(), u.Close(), f.Close()))
}
