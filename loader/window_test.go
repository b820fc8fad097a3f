package loader_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/loader"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// ramp is data that a codec makes smaller, so that chunks have to be decoded.
func ramp(t testing.TB, d tensor.DType, shape ...int64) tensor.View {
	t.Helper()
	v := must(tensor.Make(tensor.I64, shape))(t)
	x := must(tensor.Data[int64](v))(t)
	for i := range x {
		x[i] = int64(i/3 + i/7)
	}
	return must(v.Cast(d))(t)
}

// No chunk is decoded twice in an epoch, whatever the window, the batch, the
// workers and the ranks, but for the one that two ranks share.
func TestDecodedOnce(t *testing.T) {
	const n, rows = 1000, 8
	v := ramp(t, tensor.I32, n, 40)
	chunks := int64((n + rows - 1) / rows)
	loops, decoded := 0, int64(0)
	windows, batches := []int64{0, 1, 40, 333, 2000}, []int64{1, 7, 64, 1500}
	if testing.Short() {
		windows, batches = []int64{0, 40, 2000}, []int64{7, 1500}
	}
	for _, window := range windows {
		for _, batch := range batches {
			for _, workers := range []int{1, 4} {
				for _, world := range []int64{1, 3} {
					x := store(t, v, 0, way{chunk: rows, codec: "shuffle|lz4"})
					o := loader.Options{Batch: batch, Shuffle: true, Seed: 9, Block: rows, Window: window, Workers: workers, World: world, Epochs: 2, Memory: 2 << 20}
					for o.Rank = 0; o.Rank < world; o.Rank++ {
						l := must(loader.New(&o, loader.Source{Tensor: x}))(t)
						if l.Plan().Ways[0] != loader.Blocked {
							t.Fatalf("the tensor is %v", l.Plan().Ways[0])
						}
						seen := 0
						for b, err := range l.Batches(ctx) {
							ok(t, err)
							seen += b.Len()
						}
						if int64(seen) != 2*l.Plan().Share {
							t.Fatalf("%d samples, want %d", seen, 2*l.Plan().Share)
						}
						loops++
					}
					got := x.File().ReadStats().Decoded
					decoded += got
					if want := 2 * chunks; got < want || got > want+2*(world-1) {
						t.Errorf("window %d, batch %d, %d workers, world %d: %d chunks decoded in two epochs of %d", window, batch, workers, world, got, chunks)
					}
				}
			}
		}
	}
	t.Logf("%d loops, %d chunks decoded", loops, decoded)
}

// Two tensors with other chunks: blocks that both divide.
func TestBlocks(t *testing.T) {
	const n = 600
	x := store(t, ramp(t, tensor.I32, n, 300), 0, way{chunk: 6, codec: "lz4"})
	y := store(t, ramp(t, tensor.I64, n, 200), 0, way{chunk: 4, codec: "lz4"})
	small := store(t, ramp(t, tensor.I64, n), 0, way{chunk: 500, codec: "lz4"})
	l := must(loader.New(&loader.Options{Batch: 10, Shuffle: true, Memory: 4 << 20}, loader.Source{Tensor: x}, loader.Source{Tensor: y}, loader.Source{Tensor: small}))(t)
	p := l.Plan()
	if p.Block%12 != 0 || !slices.Equal(p.Ways, []loader.Way{loader.Blocked, loader.Blocked, loader.Held}) {
		t.Errorf("blocks of %d, ways %v", p.Block, p.Ways)
	}
	take(t, l, -1)
	if a, b, c := x.File().ReadStats().Decoded, y.File().ReadStats().Decoded, small.File().ReadStats().Decoded; a != 100 || b != 150 || c != 2 {
		t.Errorf("%d, %d and %d chunks decoded, want 100, 150 and 2", a, b, c)
	}
}

// A tensor that rows were appended to while the loader reads it, and that is
// packed again: the loader shows what it was opened on.
func TestBesideAWriter(t *testing.T) {
	const n = 300
	v := ramp(t, tensor.I32, n, 50)
	for _, w := range []way{{name: "raw"}, {name: "chunked", chunk: 16, codec: "shuffle|lz4"}} {
		t.Run(w.name, func(t *testing.T) {
			x := store(t, v, 0, w)
			path := x.File().Path()
			l := must(loader.New(&loader.Options{Batch: 16, Shuffle: true, Seed: 3, Memory: 1 << 20, Epochs: 3}, loader.Source{Tensor: x}))(t)
			i := 0
			for b, err := range l.Batches(ctx) {
				ok(t, err)
				same(t, "batch", b.Views[0], pick(t, v, 0, b.Samples))
				switch i++; i % 8 {
				case 1:
					out := must(tensorfile.OpenAppend(path, nil))(t)
					must(out.Append(ctx, "x", ramp(t, tensor.I32, 5, 50), nil))(t)
					ok(t, out.Commit(ctx))
					ok(t, out.Close())
				case 5:
					newest := must(tensorfile.Open(path, nil))(t)
					must(tensorfile.Repack(ctx, newest, path, nil))(t)
					ok(t, newest.Close())
				}
			}
			f := must(tensorfile.Open(path, nil))(t)
			defer f.Close()
			grown := must(f.Tensor("x"))(t)
			if grown.Shape()[0] <= n {
				t.Fatalf("nothing was appended: %v", grown.Shape())
			}
			s := l.State()
			if _, err := loader.New(&loader.Options{Batch: 16, Shuffle: true, Seed: 3, Resume: &s}, loader.Source{Tensor: grown}); !errors.Is(err, loader.ErrResume) {
				t.Errorf("a state of fewer rows: %v", err)
			}
			// What was appended has chunks where it will.
			l = must(loader.New(&loader.Options{Batch: 16, Shuffle: true, Seed: 3, Memory: 4 << 20}, loader.Source{Tensor: grown}))(t)
			all := must(grown.Read(ctx))(t)
			for b, err := range l.Batches(ctx) {
				ok(t, err)
				same(t, "grown", b.Views[0], pick(t, all, 0, b.Samples))
			}
		})
	}
}

// encoded is a tensor that is one stream, which counts how often it is opened
// and how many streams are open.
type encoded struct {
	opened, open atomic.Int64
	bytes        []byte
	fail         int // offset from which on it is damaged; 0: nowhere
}

type encodedReader struct {
	e  *encoded
	at int
}

func (r *encodedReader) Read(p []byte) (int, error) {
	b := r.e.bytes
	if r.e.fail > 0 {
		b = b[:r.e.fail]
	}
	if r.at == len(b) {
		if r.e.fail > 0 {
			return 0, &tensor.Error{Kind: tensor.ErrCorrupt, Offset: int64(r.at), Field: "stream", Got: "damage", Want: "none"}
		}
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 999)], b[r.at:])
	r.at += n
	return n, nil
}

func (r *encodedReader) Close() error {
	r.e.open.Add(-1)
	return nil
}

func (e *encoded) tensor(t testing.TB, v tensor.View) *tensorfile.Tensor {
	t.Helper()
	e.bytes = must(v.Bytes())(t)
	f := must(tensorfile.OpenLayout(mmap.NewReaderAt(nil, 0, "stream"), &tensorfile.Layout{
		Format: "test",
		Storages: []tensorfile.LayoutStorage{{Size: v.ByteSize(), Codec: "none", Open: func(context.Context) (io.ReadCloser, error) {
			e.opened.Add(1)
			e.open.Add(1)
			return &encodedReader{e: e}, nil
		}}},
		Tensors: []tensorfile.LayoutTensor{{Name: "x", DType: v.DType(), Shape: v.Shape(), Order: v.Order()}},
	}, nil))(t)
	t.Cleanup(func() { ok(t, f.Close()) })
	return must(f.Tensor("x"))(t)
}

// A stream too large to hold is decoded once an epoch, in order, and shuffled
// inside windows.
func TestStreamed(t *testing.T) {
	const n = 4000
	v := made(t, 4, tensor.I16, n, 300)
	labels := made(t, 5, tensor.I64, n)
	for i, shuffle := range []bool{false, true, false} {
		e := &encoded{}
		stored := must(tensor.NewView(make([]byte, v.ByteSize()), v.DType(), v.Shape(), nil, 0, tensor.ByteOrder(i%2)))(t)
		ok(t, tensor.Copy(stored, v))
		x := e.tensor(t, stored)
		y := store(t, labels, 0, ways[0])
		o := loader.Options{Batch: 100, Shuffle: shuffle, Seed: 1, Epochs: 2, Memory: 4 << 20}
		l := must(loader.New(&o, loader.Source{Tensor: x}, loader.Source{Tensor: y}))(t)
		p := l.Plan()
		if p.Ways[0] != loader.Streamed || p.Fixed != shuffle {
			t.Fatalf("%v, fixed %v", p.Ways, p.Fixed)
		}
		list := take(t, l, -1)
		if e.opened.Load() != 2 || e.open.Load() != 0 {
			t.Errorf("opened %d times in two epochs, %d are open", e.opened.Load(), e.open.Load())
		}
		for i, d := range list {
			same(t, "stream", d.views[0], pick(t, v, 0, d.samples))
			same(t, "labels", d.views[1], pick(t, labels, 0, d.samples))
			for _, s := range d.samples {
				// No sample leaves its window.
				if at := int64(i%40) * 100; s/p.Window < at/p.Window || s/p.Window > (at+99)/p.Window {
					t.Fatalf("sample %d in batch %d", s, i)
				}
			}
		}
		// Left and resumed, by ranks.
		o.World = 3
		for o.Rank = range int64(3) {
			o.Resume = nil
			l = must(loader.New(&o, loader.Source{Tensor: x}, loader.Source{Tensor: y}))(t)
			want := take(t, l, -1)
			l = must(loader.New(&o, loader.Source{Tensor: x}, loader.Source{Tensor: y}))(t)
			got := take(t, l, 17)
			s := l.State()
			o.Resume = &s
			l = must(loader.New(&o, loader.Source{Tensor: x}, loader.Source{Tensor: y}))(t)
			equal(t, fmt.Sprint("rank ", o.Rank), append(got, take(t, l, -1)...), want)
		}
		if e.open.Load() != 0 {
			t.Errorf("%d streams are open", e.open.Load())
		}
	}
	// What could not be read in order.
	e := &encoded{}
	x := e.tensor(t, made(t, 4, tensor.I16, 300, n))
	_, err := loader.New(&loader.Options{Batch: 10, Memory: 4 << 20}, loader.Source{Tensor: x, Axis: 1})
	wantErr(t, err, tensor.ErrUnsupported, "axis 1", "Memory of 9600000 to hold it")
	must(loader.New(&loader.Options{Batch: 10, Memory: 16 << 20}, loader.Source{Tensor: x, Axis: 1}))(t)
}
