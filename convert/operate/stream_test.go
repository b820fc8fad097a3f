package operate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/operate"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// hole opens a file of zeros that takes no room, as one tensor.
func hole(t testing.TB, noMmap bool, s tensor.Shape) *tensorfile.Tensor {
	t.Helper()
	n, err := s.NumElements()
	must(t, err)
	path := filepath.Join(t.TempDir(), "hole")
	must(t, os.WriteFile(path, nil, 0o600))
	if err := os.Truncate(path, 4*n); err != nil {
		t.Skip(err)
	}
	m, err := mmap.Open(path, &mmap.Options{NoMmap: noMmap})
	must(t, err)
	f, err := tensorfile.OpenLayout(m, &convert.Layout{
		Format: "test", Storages: []convert.LayoutStorage{{Size: 4 * n}}, Tensors: []convert.LayoutTensor{{Name: "x", DType: tensor.F32, Shape: s}},
	}, nil)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	x, err := f.Tensor("x")
	must(t, err)
	return x
}

// peak is how far the heap grows while fn runs.
func peak(fn func()) int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, most := m.HeapInuse, uint64(0)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	fn()
	close(stop)
	<-done
	return int64(most) - int64(before)
}

// Two gigabytes pass through a few megabytes.
func TestMemory(t *testing.T) {
	rows := int64(1 << 15) // of 64 KiB
	if testing.Short() {
		rows = 1 << 12
	}
	const budget = 16 << 20
	for _, c := range []struct {
		chain  []string
		noMmap bool
	}{
		{[]string{"dtype f16"}, false},
		{[]string{"select ::2, ::-1", "dtype u8", "flip 0"}, true},
		{[]string{"rearrange (a b) c -> a (b c); b=8", "scale 2,1", "pad 0,5"}, false},
		{[]string{"concat 0", "select 1::3"}, true},
	} {
		if testing.Short() && c.noMmap {
			continue
		}
		name := strings.Join(c.chain, ", ")
		x := hole(t, c.noMmap, tensor.Shape{rows, 1 << 14})
		rows = 1 << 12
		src := []*tensorfile.Tensor{x}
		if strings.HasPrefix(name, "concat") {
			src = append(src, x)
		}
		got, err := derive(t, &operate.Pipeline{Steps: steps(t, c.chain...), MaxBytes: budget, Workers: 4}, src...)
		must(t, err)
		var n int64
		grown := peak(func() { must(t, got[0].WriteCOrder(ctx, counter{&n})) })
		t.Logf("%s: %d MiB of %d MiB, the heap grew by %d MiB", name, n>>20, x.ByteSize()>>20, grown>>20)
		if n != got[0].ByteSize() {
			t.Errorf("%s: %d bytes, want %d", name, n, got[0].ByteSize())
		}
		if grown > budget+8<<20 { // and what the collector has not seen yet
			t.Errorf("%s: the heap grew by %d bytes", name, grown)
		}
	}
}

type counter struct{ n *int64 }

func (c counter) Write(p []byte) (int, error) {
	*c.n += int64(len(p))
	return len(p), nil
}

// What does not fit into the budget is refused when it is planned; a little more
// memory does it.
func TestBudget(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, c := range []struct {
		form, step string
		most       int64 // too little
	}{
		{"mapped", "resize 640x480", 640 * 480 * 3},
		{"read", "reduce max a b c -> ", 200 * 300 * 3},
		{"mapped", "pad 300,300,0", 800 * 900 * 3 / 2},
		{"deflated", "rearrange a b c -> c b a", 200 * 300 * 3 / 2},
	} {
		v := noise(t, r, tensor.U8, tensor.Shape{200, 300, 3})
		x := opened(t, c.form, v)
		_, err := derive(t, &operate.Pipeline{Steps: steps(t, c.step), MaxBytes: c.most}, x)
		var e *tensor.Error
		if !errors.Is(err, tensor.ErrLimit) || !errors.As(err, &e) || !strings.HasPrefix(e.Field, "memory for ") || e.Tensor != "a" {
			t.Errorf("%s, %s within %d: %v", c.form, c.step, c.most, err)
		}
		got, err := derive(t, &operate.Pipeline{Steps: steps(t, c.step), MaxBytes: 8 * c.most}, x)
		must(t, err)
		want, err := eager(t, v, steps(t, c.step)[0])
		must(t, err)
		same(t, got[0].Tensor, want, c.form+", "+c.step)
	}
}

// Many small tensors are computed ahead of their turn; each is what it must be,
// also if it is opened twice or not at all.
func TestAhead(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	path := filepath.Join(t.TempDir(), "in.tensor")
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true})
	must(t, err)
	defer w.Close()
	var views []tensor.View
	for i := range 60 {
		views = append(views, noise(t, r, tensor.F32, tensor.Shape{int64(1 + i%7), 33, 5}))
		must(t, w.Add(ctx, fmt.Sprintf("%02d", i), views[i], nil))
	}
	must(t, w.Commit(ctx))
	p := &operate.Pipeline{Steps: steps(t, "pad 1,0,0", "dtype f16"), Workers: 4}
	out := filepath.Join(t.TempDir(), "out.tensor")
	_, err = convert.Files(ctx, []string{path}, out, &convert.Options{NoSync: true, Operate: p, Store: []convert.Store{{Names: "*3", Codec: "auto"}}})
	must(t, err)
	f, err := tensorfile.Open(out, nil)
	must(t, err)
	defer f.Close()
	n := 0
	for x, err := range f.Tensors() {
		must(t, err)
		want := views[n]
		for _, s := range p.Steps {
			want, err = eager(t, want, s)
			must(t, err)
		}
		same(t, x, want, x.Name())
		n++
	}
	if n != len(views) {
		t.Errorf("%d tensors", n)
	}
	in, err := tensorfile.Open(path, nil)
	must(t, err)
	var src []convert.Source
	for x, err := range in.Tensors() {
		must(t, err)
		src = append(src, convert.Source{Tensor: x, As: x.Name()})
	}
	d, err := p.Derive(ctx, src)
	must(t, err)
	first := bytesOf(t, d.Tensors[5].Tensor)
	if !bytes.Equal(first, bytesOf(t, d.Tensors[5].Tensor)) {
		t.Error("read twice, and two results")
	}
	must(t, d.Close())
	must(t, in.Close()) // nothing holds it
}

// A stream that is cancelled, closed or left alone ends with its goroutines.
func TestCancel(t *testing.T) {
	x := hole(t, false, tensor.Shape{1 << 13, 1 << 12})
	before := runtime.NumGoroutine()
	p := &operate.Pipeline{Steps: steps(t, "dtype f64"), Workers: 3, MaxBytes: 32 << 20}
	for n := range int64(5) {
		got, err := derive(t, p, x)
		must(t, err)
		c, cancel := context.WithCancel(ctx)
		err = got[0].WriteCOrder(c, &stopper{left: n, stop: cancel})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("after %d pieces: %v", n, err)
		}
		st := got[0].File().Layout().Storages[0]
		in, err := st.Open(ctx)
		must(t, err)
		if _, err := io.CopyN(io.Discard, in, n<<20); err != nil {
			t.Error(err)
		}
		must(t, in.Close())
		if _, err := in.Read(make([]byte, 1)); err == nil {
			t.Error("a closed stream goes on")
		}
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

type stopper struct {
	left int64
	stop func()
}

func (s *stopper) Write(p []byte) (int, error) {
	if s.left--; s.left < 0 {
		s.stop()
	}
	return len(p), nil
}

// A damaged chunk is an error with its place, whatever is done to it.
func TestDamaged(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, step := range []string{"dtype f32", "flip 0", "reduce sum a b -> b", "rearrange a b -> b a", "pad 1,1"} {
		x := opened(t, "chunked", noise(t, r, tensor.F64, tensor.Shape{60, 50}))
		path := x.File().Path()
		b, err := os.ReadFile(path)
		must(t, err)
		must(t, x.File().Close())
		b[format.DataStart+40] ^= 1 // in the first chunk
		must(t, os.WriteFile(path, b, 0o600))
		f, err := tensorfile.Open(path, nil)
		must(t, err)
		x, err = f.Tensor("x")
		must(t, err)
		got, err := derive(t, &operate.Pipeline{Steps: steps(t, step)}, x)
		must(t, err)
		err = got[0].WriteCOrder(ctx, io.Discard)
		if !errors.Is(err, tensor.ErrCorrupt) || !strings.Contains(err.Error(), "chunk 0") || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", step, err)
		}
		t.Cleanup(func() { f.Close() })
	}
}
