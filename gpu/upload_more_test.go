package gpu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/host"
	"github.com/tensorfile/tensorfile/loader"
	"github.com/tensorfile/tensorfile/tensor"
	"go.uber.org/goleak"
)

// staged is a host device whose uploads go through the ring.
func staged(t testing.TB, o UploadOptions) (*Device, *Uploader) {
	d := openClean(t, nil)
	o.Staged = true
	u := must(d.NewUploader(&o))(t)
	t.Cleanup(func() { ok(t, u.Close()) })
	return d, u
}

func sourcesOf(t testing.TB, f *tensorfile.File) (list []Source) {
	for x, err := range f.Tensors() {
		ok(t, err)
		list = append(list, FromTensor(x))
	}
	return list
}

// Many small tensors go up in few copies: neighbours in the file are neighbours on
// the device.
func TestUploadManySmall(t *testing.T) {
	const slot = 1 << 20
	for _, c := range []struct {
		n     int
		bytes int64
	}{{10_000, 16 << 10}, {3000, 100}, {2000, 4 << 10}, {300, 70_001}} {
		if testing.Short() {
			c.n /= 10
		}
		path := write(t, func(w *tensorfile.Writer) {
			for i := range c.n {
				v := must(tensor.NewView(noise(uint64(i), c.bytes), tensor.U8, tensor.Shape{c.bytes}, nil, 0, tensor.LittleEndian))(t)
				ok(t, w.Add(ctx, fmt.Sprintf("%06d", i), v, nil))
			}
		})
		f := must(tensorfile.Open(path, nil))(t)
		_, u := staged(t, UploadOptions{SlotBytes: slot, Workers: 2})
		sources := sourcesOf(t, f)
		// Whatever order they are asked for in.
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(sources), func(i, j int) { sources[i], sources[j] = sources[j], sources[i] })
		up := must(u.Upload(ctx, sources...))(t)
		s := up.Stats
		t.Logf("%d tensors of %d bytes: %d copies of %d bytes, %d slots", c.n, c.bytes, s.Copies, s.Wire, s.Wire/slot)
		if most := s.Wire/slot + 1; s.Copies > most {
			t.Errorf("%d copies, %d would do", s.Copies, most)
		}
		if s.Bytes != int64(c.n)*c.bytes || s.Wire-s.Bytes > int64(c.n)*pageBytes || s.Cached < s.Bytes {
			t.Errorf("%+v", s)
		}
		for i, x := range up.Tensors {
			if i%97 == 0 {
				same(t, sources[i].t.Name(), x, must(sources[i].t.Read(ctx))(t))
			}
		}
		ok(t, up.Buffer.Free(), f.Close())
	}
}

// What does not fit is refused before anything is read or copied, with both sizes.
func TestUploadRefuses(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	d := must(OpenHost(&Options{HostMemory: 1 << 20}))(t)
	var reads atomic.Int64
	u := must(d.NewUploader(&UploadOptions{SlotBytes: 64 << 10, Staged: true}))(t)
	big := must(tensor.Make(tensor.F32, tensor.Shape{1 << 18}))(t)
	b := must(d.Alloc(100))(t)
	up, err := u.Upload(ctx, FromView(big))
	wantKind(t, err, tensor.ErrLimit, "1048576", "1048476")
	if up != nil {
		t.Error("a result")
	}
	_, err = u.UploadTo(ctx, b, nil, FromView(big))
	wantKind(t, err, tensor.ErrLimit, "1048576", "100")
	two := must(tensor.Make(tensor.U8, tensor.Shape{37}))(t)
	_, err = u.UploadTo(ctx, b, nil, FromView(two), FromView(two)) // the second begins at 64
	wantKind(t, err, tensor.ErrLimit, "101", "100")
	// A tensor that is far larger than its file, too.
	f := must(tensorfile.Open(write(t, func(w *tensorfile.Writer) {
		id := must(w.AddStorage(ctx, 8, bytes.NewReader(make([]byte, 8))))(t)
		ok(t, w.TensorOn(id, "bomb", tensor.F64, tensor.Shape{1 << 40}, tensor.Strides{0}, 0, nil))
	}), nil))(t)
	bomb := FromTensor(must(f.Tensor("bomb"))(t))
	_, err = u.Upload(ctx, bomb)
	wantKind(t, err, tensor.ErrLimit, "8796093022208", "bomb"[:0])
	if n := must(u.UploadBytes(bomb))(t); n != 8<<40 {
		t.Error(n)
	}
	huge := make([]Source, 3)
	for i := range huge {
		v := must(tensor.NewView(make([]byte, 8), tensor.F64, tensor.Shape{1 << 59}, tensor.Strides{0}, 0, tensor.LittleEndian))(t)
		huge[i] = FromView(v)
	}
	_, err = u.Upload(ctx, huge...)
	wantKind(t, err, tensor.ErrOverflow, "4611686018427387904")
	// It streams, in bounded memory, as long as somebody wants it.
	on := must(d.NewStream())(t)
	for x, err := range u.Stream(ctx, on, bomb) {
		ok(t, err)
		if x.Index == 20 {
			break
		}
	}
	if free, _, _ := d.Memory(); free < 1<<20-100-3*64<<10 {
		t.Errorf("%d bytes are free", free)
	}
	for _, s := range [][]Source{{{}}, {FromView(tensor.View{})}} {
		if _, err := u.Upload(ctx, s...); err == nil {
			t.Error("a source that is none")
		}
	}
	other := must(OpenHost(nil))(t)
	foreign := must(other.NewStream())(t)
	for _, err := range u.Stream(ctx, foreign, bomb) {
		wantKind(t, err, tensor.ErrUnsupported, "another device"[:0])
	}
	_, err = u.UploadTo(ctx, b, foreign, FromView(two))
	wantKind(t, err, tensor.ErrUnsupported)
	// One at a time, and none after Close.
	for _, err := range u.Stream(ctx, on, bomb) {
		ok(t, err)
		_, err = u.Upload(ctx, FromView(two))
		wantKind(t, err, tensor.ErrInUse)
		wantKind(t, u.Close(), tensor.ErrInUse)
		for _, err := range u.Stream(ctx, on, bomb) {
			wantKind(t, err, tensor.ErrInUse)
		}
		wantKind(t, f.Close(), tensor.ErrInUse)
		break
	}
	ok(t, u.Close())
	wantKind(t, u.Close(), tensor.ErrClosed)
	_, err = u.Upload(ctx, FromView(two))
	wantKind(t, err, tensor.ErrClosed)
	if reads.Load() != 0 {
		t.Error("something was read")
	}
	for _, o := range []UploadOptions{{Slots: 1}, {Workers: -1}, {SlotBytes: -1}, {SlotBytes: 1 << 62}, {DeviceSlots: 1}, {Slots: 1 << 20}} {
		if _, err := d.NewUploader(&o); !errors.Is(err, tensor.ErrLimit) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	ok(t, b.Free(), on.Free(), foreign.Free(), other.Close(), f.Close())
	lost := must(d.NewUploader(&UploadOptions{SlotBytes: 4096, Slots: 2}))(t)
	wantLeaks(t, d.Close(), "1 uploader (8192 bytes)")
	wantKind(t, lost.Close(), tensor.ErrClosed)
}

// A file that is cut short is an error, whichever way it is read.
func TestUploadCutShort(t *testing.T) {
	each(t, func(t *testing.T, d *Device, u *Uploader) {
		for _, o := range []tensorfile.OpenOptions{{}, {NoMmap: true}} {
			path := write(t, func(w *tensorfile.Writer) {
				ok(t, w.Add(ctx, "raw", sample(t, 1, tensor.U8, 300_000), nil))
				ok(t, w.Add(ctx, "grid", sample(t, 2, tensor.U8, 300_000), &tensorfile.TensorOptions{Chunk: tensor.Shape{5000}, Codec: "raw"}))
			})
			f := must(tensorfile.Open(path, &o))(t)
			raw, grid := must(f.Tensor("raw"))(t), must(f.Tensor("grid"))(t)
			if _, err := grid.Read(ctx); err != nil { // the table of chunks is known
				t.Fatal(err)
			}
			sources := []Source{FromTensor(raw), FromTensor(grid)}
			if v, err := raw.View(); err == nil {
				sources = append(sources, FromView(v))
			}
			cut := raw.Storage().Offset + 100_000
			ok(t, os.Truncate(path, cut))
			for i, s := range sources {
				up, err := u.Upload(ctx, s)
				if err == nil || up != nil {
					t.Fatalf("source %d: %v, %v", i, up, err)
				}
				if !errors.Is(err, tensor.ErrChanged) && !errors.Is(err, tensor.ErrTruncated) && !errors.Is(err, tensor.ErrCorrupt) {
					t.Errorf("source %d: %v", i, err)
				}
				on := must(d.NewStream())(t)
				n, last := 0, error(nil)
				for b, err := range u.Stream(ctx, on, s) {
					if last = err; err == nil {
						n++
						_ = b
					}
				}
				if last == nil || i == 0 && n > 100_000/(16<<10)+1 {
					t.Errorf("source %d: %d blocks, then %v", i, n, last)
				}
				ok(t, on.Free())
			}
			ok(t, f.Close())
		}
	})
}

// slowly is a source of bytes that calls a function before each read.
type slowly struct {
	r      io.ReaderAt
	before func(n int64)
	n      atomic.Int64
}

func (s *slowly) ReadAt(p []byte, off int64) (int, error) {
	s.before(s.n.Add(1))
	return s.r.ReadAt(p, off)
}

// An upload that is cancelled, before any of its reads or calls of the driver, ends
// with the error of its context when nothing is in flight any more.
func TestUploadCancelled(t *testing.T) {
	file, views := mixed(t)
	b := must(os.ReadFile(file.Path()))(t)
	ok(t, file.Close())
	each(t, func(t *testing.T, d *Device, u *Uploader) {
		on := must(d.NewStream())(t)
		defer func() { ok(t, on.Free()) }()
		for n, stop := int64(1), false; !stop; n++ {
			stop = true
			for _, stream := range []bool{false, true} {
				cx, cancel := context.WithCancel(ctx)
				src := &slowly{r: bytes.NewReader(b), before: func(int64) {}}
				f := must(tensorfile.OpenReaderAt(src, int64(len(b)), nil))(t)
				sources := sourcesOf(t, f)
				src.n.Store(0)
				reached := false
				var once sync.Once
				src.before = func(k int64) {
					if k >= n {
						once.Do(func() {
							time.Sleep(100 * time.Microsecond) // others find that nothing is left
							reached = true
							cancel()
						})
					}
				}
				var err error
				if stream {
					for _, e := range u.Stream(cx, on, sources...) {
						err = e
					}
				} else {
					var up *Uploaded
					if up, err = u.Upload(cx, sources...); err == nil {
						for i, x := range up.Tensors {
							same(t, fmt.Sprint(i), x, views[i])
						}
						ok(t, up.Buffer.Free())
					}
				}
				if reached {
					stop = false
					if err != nil && !errors.Is(err, context.Canceled) || err == nil && src.n.Load() > n+int64(u.o.Workers) {
						t.Errorf("read %d of %d: %v", n, src.n.Load(), err)
					}
				} else {
					ok(t, err)
				}
				cancel()
				ok(t, f.Close())
			}
		}
	})
	done, cancel := context.WithCancel(ctx)
	cancel()
	d, u := staged(t, UploadOptions{})
	on := must(d.NewStream())(t)
	defer func() { ok(t, on.Free()) }()
	_, err := u.Upload(done)
	wantKind(t, err, context.Canceled)
	for _, err := range u.Stream(done, on) {
		wantKind(t, err, context.Canceled)
	}
	late, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	endless := func(yield func([]tensor.View, error) bool) {
		for yield([]tensor.View{must(tensor.Make(tensor.U8, tensor.Shape{1000}))(t)}, nil) {
		}
	}
	for _, err = range u.Batches(late, on, endless) {
	}
	wantKind(t, err, context.DeadlineExceeded)
}

// A body may leave the loop at any block, also by a panic.
func TestStreamLeft(t *testing.T) {
	file, _ := mixed(t)
	defer file.Close()
	each(t, func(t *testing.T, d *Device, u *Uploader) {
		on := must(d.NewStream())(t)
		sources := sourcesOf(t, file)
		for n := range int64(12) {
			for b, err := range u.Stream(ctx, on, sources...) {
				ok(t, err)
				if b.Index == n {
					break
				}
			}
			func() {
				defer func() {
					if recover() != "enough" {
						t.Error("no panic")
					}
				}()
				for b, err := range u.Stream(ctx, on, sources...) {
					ok(t, err)
					if b.Index == n {
						panic("enough")
					}
				}
			}()
		}
		ok(t, on.Free())
	})
}

// Lists of views of a loader, whose memory is used again, and lists of any size.
func TestBatches(t *testing.T) {
	x := sample(t, 1, tensor.F32, 500, 30)
	y := sample(t, 2, tensor.I16, 500)
	path := write(t, func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "x", x, &tensorfile.TensorOptions{Codec: "lz4", Chunk: tensor.Shape{64, 30}}))
		ok(t, w.Add(ctx, "y", y, nil))
	})
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	each(t, func(t *testing.T, d *Device, u *Uploader) {
		on := must(d.NewStream())(t)
		l := must(loader.New(&loader.Options{Batch: 70, Shuffle: true, Seed: 5, Epochs: 2},
			loader.Source{Tensor: must(f.Tensor("x"))(t)}, loader.Source{Tensor: must(f.Tensor("y"))(t)}))(t)
		var samples [][]int64
		views := func(yield func([]tensor.View, error) bool) {
			for b, err := range l.Batches(ctx) {
				samples = append(samples, slices.Clone(b.Samples))
				if !yield(b.Views, err) {
					return
				}
			}
		}
		n := 0
		// Behind each block, without waiting, to a place of its own.
		var copies []*Buffer
		for b, err := range u.Batches(ctx, on, views) {
			ok(t, err)
			if b.Index != int64(n) || len(b.Tensors) != 2 {
				t.Fatalf("block %d of %d tensors", b.Index, len(b.Tensors))
			}
			for _, x := range b.Tensors {
				c := must(d.Alloc(x.ByteSize()))(t)
				ok(t, on.Copy(c, x.part(x.offset, x.image)))
				copies = append(copies, c)
			}
			n++
		}
		for i, s := range samples {
			for k, v := range []tensor.View{x, y} {
				want := must(tensor.Make(v.DType(), append(tensor.Shape{int64(len(s))}, v.Shape()[1:]...)))(t)
				for row, at := range s {
					ok(t, tensor.Copy(must(want.Slice(0, int64(row), int64(row)+1, 1))(t), must(v.Slice(0, at, at+1, 1))(t)))
				}
				got := must(tensor.NewView(readAll(t, copies[2*i+k]), v.DType(), want.Shape(), nil, 0, deviceOrder))(t)
				sameBytes(t, fmt.Sprintf("batch %d, view %d", i, k), imageOf(t, got), imageOf(t, want))
			}
		}
		if n != 16 || len(samples) != n {
			t.Errorf("%d batches, %d samples", n, len(samples))
		}
		for _, c := range copies {
			ok(t, c.Free())
		}

		// Lists that grow, shrink, and are empty.
		rng := rand.New(rand.NewPCG(8, 9))
		var lists [][]tensor.View
		for i := range 30 {
			var list []tensor.View
			for range rng.IntN(4) {
				list = append(list, sample(t, rng.Uint64(), dtypes[rng.IntN(len(dtypes))], rng.Int64N(int64(1+i*200))))
			}
			lists = append(lists, list)
		}
		n = 0
		for b, err := range u.Batches(ctx, on, seqOf(lists)) {
			ok(t, err)
			if len(b.Tensors) != len(lists[n]) {
				t.Fatalf("list %d: %d tensors", n, len(b.Tensors))
			}
			for i, v := range lists[n] {
				same(t, fmt.Sprintf("list %d view %d", n, i), b.Tensors[i], v)
			}
			n++
		}
		if n != len(lists) {
			t.Errorf("%d lists of %d", n, len(lists))
		}
		// An error of theirs ends the loop, behind what came before.
		n = 0
		boom := errors.New("boom")
		var last error
		for b, err := range u.Batches(ctx, on, func(yield func([]tensor.View, error) bool) {
			_ = yield(lists[1], nil) && yield(nil, boom)
		}) {
			if last = err; b != nil {
				n++
			}
		}
		if last != boom || n != 1 {
			t.Errorf("%d blocks, then %v", n, last)
		}
		ok(t, on.Free())
	})
}

// Lists in memory that is used again for the next one, which is asked for when the
// last of it is still being copied.
func TestBatchesBorrow(t *testing.T) {
	const n = 12 << 20
	d, u := staged(t, UploadOptions{SlotBytes: 4 << 20, Workers: 3, Slots: 4})
	on := must(d.NewStream())(t)
	mem := make([]byte, n)
	v := must(tensor.NewView(mem, tensor.U8, tensor.Shape{n}, nil, 0, tensor.LittleEndian))(t)
	lists := func(yield func([]tensor.View, error) bool) {
		for i := range 8 {
			for j := n - 1; j >= 0; j -= 61 {
				mem[j] = byte(i)
			}
			if !yield([]tensor.View{v}, nil) {
				return
			}
		}
	}
	got := make([]byte, n)
	for b, err := range u.Batches(ctx, on, lists) {
		ok(t, err)
		ok(t, on.Read(ctx, got, b.part()))
		for j := n - 1; j >= 0; j -= 61 {
			if got[j] != byte(b.Index) {
				t.Fatalf("byte %d of list %d is of list %d", j, b.Index, got[j])
			}
		}
	}
	ok(t, on.Free())
}

// Close waits for what a body has enqueued on its last blocks.
func TestStreamClosed(t *testing.T) {
	v := sample(t, 1, tensor.U8, 100_000)
	each(t, func(t *testing.T, d *Device, u *Uploader) {
		own := must(d.NewUploader(&u.o))(t)
		on := must(d.NewStream())(t)
		all := must(d.Alloc(100_000))(t)
		at := int64(0)
		for b, err := range own.Stream(ctx, on, FromView(v)) {
			ok(t, err)
			n := b.Tensor().ByteSize()
			ok(t, on.Copy(must(all.Slice(at, n))(t), b.part()))
			at += n
		}
		ok(t, own.Close())
		sameBytes(t, "what was enqueued before Close", readAll(t, all), imageOf(t, v))
		ok(t, all.Free(), on.Free())
	})
}

// part is the memory of the only tensor of a block.
func (b *Block) part() *Buffer { return b.Tensor().part(b.Tensor().offset, b.Tensor().image) }

func seqOf(lists [][]tensor.View) iter.Seq2[[]tensor.View, error] {
	return func(yield func([]tensor.View, error) bool) {
		for _, l := range lists {
			if !yield(l, nil) {
				return
			}
		}
	}
}

// UploadTo comes after what the stream has enqueued, and leaves alone what is behind.
func TestUploadTo(t *testing.T) {
	v := sample(t, 1, tensor.U8, 100_000)
	each(t, func(t *testing.T, d *Device, u *Uploader) {
		on := must(d.NewStream())(t)
		b := must(d.Alloc(1 << 20))(t)
		ok(t, on.Fill(b, 7))
		part := must(b.Slice(1000, 200_500))(t)
		up := must(u.UploadTo(ctx, part, on, FromView(v), FromView(v)))(t)
		same(t, "first", up.Tensors[0], v)
		same(t, "second", up.Tensors[1], v)
		got := readAll(t, b)
		for i, x := range got {
			if (i < 1000 || i >= 1000+100_032+100_000) && x != 7 {
				t.Fatalf("byte %d is %d", i, x)
			}
		}
		ok(t, b.Free(), on.Free())
	})
}

// Nothing is pinned but the ring, whatever goes through it.
func TestUploadPinned(t *testing.T) {
	drv := host.New(host.Options{})
	d := must(openOn(drv, 0))(t)
	u := must(d.NewUploader(&UploadOptions{SlotBytes: 10_000, Slots: 3, Staged: true}))(t)
	pinned := d.dev.(interface{ Pinned() (now, most int64) })
	if now, _ := pinned.Pinned(); now != 3*12288 {
		t.Errorf("%d bytes are pinned", now)
	}
	for _, n := range []int64{1, 1 << 10, 1 << 20, 8 << 20} {
		up := must(u.Upload(ctx, FromView(sample(t, 1, tensor.U8, n))))(t)
		if up.Stats.Pinned != 3*12288 {
			t.Errorf("%+v", up.Stats)
		}
		ok(t, up.Buffer.Free())
	}
	ok(t, u.Close())
	if now, most := pinned.Pinned(); now != 0 || most != 3*12288 {
		t.Errorf("%d bytes are pinned, %d were", now, most)
	}
	ok(t, d.Close())
}

// nothing is a device on which all is done at once: what an upload allocates is its
// own.
type nothing struct{ driver.Device }

func (nothing) CopyHtoD(driver.Ptr, []byte, driver.Stream) error { return nil }
func (nothing) Record(driver.Event, driver.Stream) error         { return nil }
func (nothing) EventSynchronize(driver.Event) error              { return nil }
func (nothing) StreamWait(driver.Stream, driver.Event) error     { return nil }

// In steady state a chunk costs no memory: of raw tensors, in uploads and streams.
func TestUploadAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	path := write(t, func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "few", sample(t, 1, tensor.F32, 10, 1<<10), nil))
		ok(t, w.Add(ctx, "many", sample(t, 2, tensor.F32, 1000, 1<<10), nil))
	})
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	d := openWith(func(d driver.Device) driver.Device { return nothing{d} })(t)
	u := must(d.NewUploader(&UploadOptions{SlotBytes: 4 << 10, Workers: 2}))(t)
	on := must(d.NewStream())(t)
	few, many := FromTensor(must(f.Tensor("few"))(t)), FromTensor(must(f.Tensor("many"))(t))
	dst := must(d.Alloc(4 << 20))(t)
	upload := func(s Source) float64 {
		return testing.AllocsPerRun(10, func() { must(u.UploadTo(ctx, dst, nil, s))(t) })
	}
	stream := func(s Source) float64 {
		return testing.AllocsPerRun(10, func() {
			for _, err := range u.Stream(ctx, on, s) {
				ok(t, err)
			}
		})
	}
	for name, run := range map[string]func(Source) float64{"upload": upload, "stream": stream} {
		a, b := run(few), run(many)
		t.Logf("%s: %.0f allocations for 10 chunks, %.0f for 1000", name, a, b)
		if (b-a)/990 > 0.05 {
			t.Errorf("%s: %.2f allocations a chunk", name, (b-a)/990)
		}
	}
	ok(t, dst.Free(), on.Free(), u.Close(), d.Close())
}

// What decodes as a whole, larger than a slot and smaller, with its end looked at.
func TestUploadEncoded(t *testing.T) {
	data := noise(4, 200_000)
	var l tensorfile.Layout
	l.Format = "test"
	broken := errors.New("bad sum at the end")
	for i, n := range []int64{0, 10, 5000, 16 << 10, 16<<10 + 1, 150_000} {
		l.Storages = append(l.Storages, tensorfile.LayoutStorage{Size: n, Codec: "test", StoredSize: 1, Open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(data[:n])), nil
		}})
		l.Tensors = append(l.Tensors,
			tensorfile.LayoutTensor{Name: fmt.Sprint(i), Storage: i, DType: tensor.U8, Shape: tensor.Shape{n}},
			tensorfile.LayoutTensor{Name: fmt.Sprint(i, "b"), Storage: i, DType: tensor.I16, Shape: tensor.Shape{n / 2}, Order: tensor.BigEndian})
	}
	l.Storages = append(l.Storages, tensorfile.LayoutStorage{Size: 150_000, Codec: "test", StoredSize: 1, Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader(data[:150_000]), failing{broken})), nil
	}})
	f := foreign(t, []byte("x"), &l, nil)
	defer f.Close()
	bad := l
	bad.Tensors = []tensorfile.LayoutTensor{{Name: "bad", Storage: len(l.Storages) - 1, DType: tensor.U8, Shape: tensor.Shape{150_000}}}
	g := foreign(t, []byte("x"), &bad, nil)
	defer g.Close()
	each(t, func(t *testing.T, d *Device, u *Uploader) {
		sources := sourcesOf(t, f)
		var views []tensor.View
		up := must(u.Upload(ctx, sources...))(t)
		for i, s := range sources {
			views = append(views, must(s.t.Read(ctx))(t))
			same(t, s.t.Name(), up.Tensors[i], views[i])
		}
		ok(t, up.Buffer.Free())
		collect(t, d, u, sources, views)
		_, err := u.Upload(ctx, sourcesOf(t, g)...)
		if !errors.Is(err, broken) {
			t.Error(err)
		}
		on := must(d.NewStream())(t)
		for _, err = range u.Stream(ctx, on, sourcesOf(t, g)...) {
		}
		if !errors.Is(err, broken) {
			t.Error(err)
		}
		for b := range u.Stream(ctx, on, sources...) {
			if b.Index == 7 { // inside of a stream
				break
			}
		}
		ok(t, on.Free())
	})
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Reads past the page cache, where the file system lets them.
func TestUploadDirect(t *testing.T) {
	v := sample(t, 1, tensor.U8, 3_000_001)
	path := write(t, func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "a", v, nil), w.Add(ctx, "b", v, nil))
	})
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	for _, mode := range []DirectMode{DirectNever, DirectAlways, DirectAuto} {
		_, u := staged(t, UploadOptions{SlotBytes: 64 << 10, Direct: mode})
		up := must(u.Upload(ctx, sourcesOf(t, f)...))(t)
		for i, x := range up.Tensors {
			same(t, fmt.Sprint(i), x, v)
		}
		s := up.Stats
		t.Logf("%d: %s %v", mode, s.Path, s.Notes)
		switch {
		case s.Direct+s.Cached < s.Bytes:
			t.Errorf("%+v", s)
		case mode == DirectNever && s.Direct > 0, mode == DirectAuto && s.Direct > 0:
			t.Errorf("%+v", s)
		case mode == DirectAlways && s.Direct < s.Bytes && len(s.Notes) == 0:
			t.Errorf("%+v", s)
		}
		ok(t, up.Buffer.Free())
	}
}

// flips is a device that changes a byte of copy n.
type flips struct {
	driver.Device
	n *atomic.Int64
}

func (f flips) CopyHtoD(dst driver.Ptr, src []byte, s driver.Stream) error {
	if f.n.Add(-1) == 0 {
		src = bytes.Clone(src)
		src[len(src)/3] ^= 4
		s = 0
	}
	return f.Device.CopyHtoD(dst, src, s)
}

// What arrives with another byte is an error, whichever copy it came with.
func TestUploadVerifies(t *testing.T) {
	file, views := mixed(t)
	defer file.Close()
	var n atomic.Int64
	d := openWith(func(d driver.Device) driver.Device { return flips{d, &n} })(t)
	u := must(d.NewUploader(&UploadOptions{SlotBytes: 16 << 10, Slots: 3, Workers: 2, Verify: true}))(t)
	on := must(d.NewStream())(t)
	sources := sourcesOf(t, file)
	copies := int64(0)
	for k := int64(0); ; k++ {
		n.Store(k)
		up, err := u.Upload(ctx, sources...)
		switch {
		case k > 0 && n.Load() <= 0:
			wantKind(t, err, tensor.ErrCorrupt, "CRC-32C")
			continue
		case err != nil:
			t.Fatal(err)
		}
		if s := up.Stats; s.Verified != s.Wire || s.Copies < 10 {
			t.Errorf("%+v", s)
		}
		copies = up.Stats.Copies
		ok(t, up.Buffer.Free())
		if k > 0 {
			break
		}
	}
	blocks := int64(0)
	for k := int64(0); ; k++ {
		n.Store(k)
		seen, last := int64(0), error(nil)
		for b, err := range u.Stream(ctx, on, sources...) {
			if last = err; err == nil {
				if seen++; b.Index >= k-1 && k > 0 && n.Load() <= 0 {
					t.Fatalf("block %d is handed out, of which copy %d was wrong", b.Index, k-1)
				}
			}
		}
		if k > 0 && n.Load() <= 0 {
			wantKind(t, last, tensor.ErrCorrupt, "CRC-32C")
			continue
		}
		ok(t, last)
		blocks = seen
		if k > 0 {
			break
		}
	}
	t.Logf("%d copies of an upload, %d blocks", copies, blocks)
	if copies < 10 || blocks < 10 || len(views) == 0 {
		t.Error("too few")
	}
	ok(t, on.Free(), u.Close(), d.Close())
}
