package loader_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/loader"
	"github.com/tensorfile/tensorfile/tensor"
)

// harm flips a bit in the stored bytes of a chunk and opens the file again.
func harm(t *testing.T, x *tensorfile.Tensor, number int64) *tensorfile.Tensor {
	t.Helper()
	path := x.File().Path()
	b := must(os.ReadFile(path))(t)
	// Chunks lie one behind the other; a flip somewhere in the payload harms one.
	first, found := int64(0), false
	for at := int64(4096); at < int64(len(b)) && !found; at += 16 {
		b[at] ^= 1
		ok(t, os.WriteFile(path, b, 0o666))
		f, err := tensorfile.Open(path, nil)
		if err == nil {
			i := int64(0)
			y, err := f.Tensor("x")
			ok(t, err)
			for c, err := range y.Chunks(ctx, nil) {
				if err != nil && c.Number == number {
					found, first = true, at
				}
				i++
			}
			ok(t, f.Close())
		}
		if !found {
			b[at] ^= 1
		}
	}
	if !found {
		t.Fatalf("no byte of chunk %d found", number)
	}
	t.Logf("chunk %d is damaged at %d", number, first)
	f := must(tensorfile.Open(path, nil))(t)
	t.Cleanup(func() { ok(t, f.Close()) })
	return must(f.Tensor("x"))(t)
}

// A damaged chunk is an error that says where, after the batches before it, or
// its samples are left out.
func TestDamage(t *testing.T) {
	const n, rows, broken = 200, 10, 7
	v := ramp(t, tensor.I32, n, 30)
	labels := made(t, 5, tensor.I64, n)
	x := harm(t, store(t, v, 0, way{chunk: rows, codec: "shuffle|lz4"}), broken)
	y := store(t, labels, 0, ways[0])
	for _, c := range []struct {
		name   string
		memory int64
		o      loader.Options
	}{
		{"in order", 2 << 20, loader.Options{Block: 20}},
		{"shuffled", 2 << 20, loader.Options{Shuffle: true, Block: 20, Window: 40}},
		{"held", 64 << 20, loader.Options{Shuffle: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := c.o
			o.Batch, o.Memory, o.Workers = 8, c.memory, 2
			if c.name != "held" {
				o.Memory = 300 << 10 // the tensor is not small beside it
			}
			sources := []loader.Source{{Tensor: x, Rearrange: "b f -> f b"}, {Tensor: y}}
			clean := o
			l := must(loader.New(&o, sources...))(t)
			if (l.Plan().Ways[0] == loader.Held) != (c.name == "held") {
				t.Fatalf("the tensor is %v", l.Plan().Ways[0])
			}
			delivered := 0
			var failed error
			for b, err := range l.Batches(ctx) {
				if err != nil {
					failed = err
					continue
				}
				same(t, "before", b.Views[1], pick(t, labels, 0, b.Samples))
				delivered++
			}
			wantErr(t, failed, tensor.ErrCorrupt, `tensor "x"`, "chunk 7", "offset ")
			if s := l.State(); s.Next != int64(delivered) {
				t.Errorf("%d batches delivered, the next is %d", delivered, s.Next)
			}
			if c.name == "in order" && delivered != 60/8 {
				t.Errorf("%d batches before the damage", delivered)
			}
			// The loop that follows begins with the batch that failed.
			for _, err := range l.Batches(ctx) {
				wantErr(t, err, tensor.ErrCorrupt, "chunk 7")
			}

			clean.Damaged = loader.DamageSkips
			l = must(loader.New(&clean, sources...))(t)
			seen := map[int64]bool{}
			lost, batches := int64(0), 0
			for b, err := range l.Batches(ctx) {
				ok(t, err)
				same(t, "labels", b.Views[1], pick(t, labels, 0, b.Samples))
				same(t, "elements", b.Views[0], must(must(pick(t, v, 0, b.Samples).Transpose())(t).Clone())(t))
				for _, s := range b.Samples {
					seen[s] = true
				}
				if int64(b.Len())+b.Lost != 8 && b.Index != 24 {
					t.Errorf("batch %d: %d samples and %d lost", b.Index, b.Len(), b.Lost)
				}
				if (b.Lost > 0) != (len(b.Damage) == 1) {
					t.Errorf("%d lost by %v", b.Lost, b.Damage)
				}
				for _, err := range b.Damage {
					wantErr(t, err, tensor.ErrCorrupt, "chunk 7")
				}
				lost += b.Lost
				batches++
			}
			if lost != rows || l.Stats().Lost != rows || len(seen) != n-rows || batches != n/8 {
				t.Errorf("%d lost, %d counted, %d there, %d batches", lost, l.Stats().Lost, len(seen), batches)
			}
			for s := range int64(n) {
				if seen[s] == (s/rows == broken) {
					t.Errorf("sample %d there: %v", s, seen[s])
				}
			}
		})
	}
}

// A stream ends where it is damaged: what follows is lost in each epoch.
func TestDamagedStream(t *testing.T) {
	const n = 4000
	v := made(t, 4, tensor.I16, n, 300)
	e := &encoded{fail: 2500*600 + 5}
	x := e.tensor(t, v)
	e.fail = 2500*600 + 5
	o := loader.Options{Batch: 100, Memory: 4 << 20, Epochs: 2}
	l := must(loader.New(&o, loader.Source{Tensor: x}))(t)
	var failed error
	for _, err := range l.Batches(ctx) {
		failed = err
	}
	wantErr(t, failed, tensor.ErrCorrupt, `tensor "x"`, "stream")
	o.Damaged = loader.DamageSkips
	l = must(loader.New(&o, loader.Source{Tensor: x}))(t)
	good, lost := 0, int64(0)
	for b, err := range l.Batches(ctx) {
		ok(t, err)
		same(t, "elements", b.Views[0], pick(t, v, 0, b.Samples))
		good += b.Len()
		lost += b.Lost
	}
	// Whole blocks are lost.
	if block := int(l.Plan().Block); good != 2*(2500/block*block) || good+int(lost) != 2*n {
		t.Errorf("%d samples and %d lost", good, lost)
	}
	if e.open.Load() != 0 {
		t.Errorf("%d streams are open", e.open.Load())
	}
}

// A file that is cut short under the loader is an error, no crash, and no
// damage that may be skipped.
func TestCutFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a mapped file cannot be cut here")
	}
	v := made(t, 6, tensor.F32, 3000, 100)
	x := store(t, v, 0, ways[0])
	l := must(loader.New(&loader.Options{Batch: 10, Shuffle: true, Damaged: loader.DamageSkips}, loader.Source{Tensor: x, DType: tensor.F16}))(t)
	n := 0
	var failed error
	for _, err := range l.Batches(ctx) {
		if n++; n == 5 {
			ok(t, os.Truncate(x.File().Path(), 300000))
		}
		failed = err
	}
	wantErr(t, failed, tensor.ErrChanged, `tensor "x"`, "offset ")
	// Inside the last page what is gone reads as zeros.
	x = store(t, v, 0, ways[0])
	l = must(loader.New(&loader.Options{Batch: 10}, loader.Source{Tensor: x}))(t)
	end := x.Storage().Offset + x.Storage().Size
	ok(t, os.Truncate(x.File().Path(), end-3))
	for _, err := range l.Batches(ctx) {
		failed = err
	}
	wantErr(t, failed, tensor.ErrChanged, `tensor "x"`)
}

// A context that ends, and a loop that is left, at every batch: no goroutine
// stays (TestMain looks at the end, and here each time), the next loop goes on.
func TestLeaving(t *testing.T) {
	v := ramp(t, tensor.I32, 500, 64)
	for _, w := range []way{ways[0], {name: "chunked", chunk: 10, codec: "shuffle|lz4"}} {
		x := store(t, v, 0, w)
		for _, shuffle := range []bool{false, true} {
			o := loader.Options{Batch: 25, Shuffle: shuffle, Workers: 3, Memory: 1 << 20}
			want := take(t, must(loader.New(&o, loader.Source{Tensor: x}))(t), -1)
			before := runtime.NumGoroutine()
			l := must(loader.New(&o, loader.Source{Tensor: x}))(t)
			var got []delivery
			for i := range want {
				inner, cancel := context.WithCancel(ctx)
				for b, err := range l.Batches(inner) {
					if err != nil {
						if !errors.Is(err, context.Canceled) {
							t.Fatal(err)
						}
						break
					}
					b.Keep()
					got = append(got, delivery{b.Epoch, b.Index, b.Samples, b.Views})
					if i%2 == 0 {
						cancel() // and go on: an error ends the loop
						continue
					}
					break
				}
				cancel()
				n := runtime.NumGoroutine()
				for try := 0; n > before && try < 100; try++ { // one that is done may not be gone
					time.Sleep(time.Millisecond)
					n = runtime.NumGoroutine()
				}
				if n > before {
					t.Fatalf("%d goroutines after loop %d, %d before", n, i, before)
				}
				if len(got) != i+1 {
					t.Fatalf("%d batches after %d loops", len(got), i+1)
				}
			}
			equal(t, w.name, got, want)
			if more := take(t, l, -1); len(more) != 0 {
				t.Errorf("%d batches more", len(more))
			}
		}
		// A context that has ended before.
		inner, cancel := context.WithCancel(ctx)
		cancel()
		l := must(loader.New(&loader.Options{Batch: 25}, loader.Source{Tensor: x}))(t)
		for _, err := range l.Batches(inner) {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}
	}
}

// The file stays open while a loop runs, another loop is refused, and a closed
// file is.
func TestLoopsAndFiles(t *testing.T) {
	x := store(t, made(t, 1, tensor.U8, 100, 3), 0, ways[0])
	l := must(loader.New(&loader.Options{Batch: 10}, loader.Source{Tensor: x}))(t)
	for _, err := range l.Batches(ctx) {
		ok(t, err)
		if err := x.File().Close(); !errors.Is(err, tensorfile.ErrInUse) {
			t.Errorf("close: %v", err)
		}
		for _, err := range l.Batches(ctx) {
			wantErr(t, err, tensor.ErrInUse, "Batches")
		}
	}
	l = must(loader.New(&loader.Options{Batch: 10}, loader.Source{Tensor: x}))(t)
	ok(t, x.File().Close())
	for _, err := range l.Batches(ctx) {
		wantErr(t, err, tensorfile.ErrClosed)
	}
}
