package tensorfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

var tensorU8 = tensor.U8

// randomOn puts a tensor with strides of any kind on a storage of its own.
func randomOn(t testing.TB, w *tensorfile.Writer, name string, v tensor.View) {
	t.Helper()
	// The memory that the view reaches is the storage.
	span, low := v.Span(), v.Offset()
	for i, n := range v.Shape() {
		if s := v.Strides()[i]; s < 0 && n > 0 {
			low += s * (n - 1)
		}
	}
	if v.NumElements() == 0 {
		span, low = nil, v.Offset()
	}
	id := must(w.AddStorage(ctx, int64(len(span)), bytes.NewReader(span)))(t)
	ok(t, w.TensorOn(id, name, v.DType(), v.Shape(), v.Strides(), v.Offset()-low, nil))
}

// TestReadModel compares every way of reading with the operations of package
// tensor on the view that was written: random dtypes, shapes, strides and
// selections, over a mapping, positioned reads and an io.ReaderAt.
func TestReadModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	count := 420
	if testing.Short() {
		count = 140
	}
	path := temp(t)
	var views []tensor.View
	write(t, path, func(w *tensorfile.Writer) {
		for i := range count {
			v := randomView(rng, someDTypes[i%len(someDTypes)])
			views = append(views, v)
			randomOn(t, w, fmt.Sprintf("%04d", i), v)
		}
	})
	sources(t, path, tensorfile.OpenOptions{}, func(way string, f *tensorfile.File) {
		rng := rand.New(rand.NewPCG(9, 10))
		for i, want := range views {
			tn := must(f.Tensor(fmt.Sprintf("%04d", i)))(t)
			what := fmt.Sprintf("%s %d: %v %v %v", way, i, tn.DType(), tn.Shape(), tn.Strides())
			all := must(tn.Read(ctx))(t)
			sameView(t, what, all, want)
			if b := must(all.Bytes())(t); !bytes.Equal(b, must(must(want.Clone())(t).Bytes())(t)) {
				t.Errorf("%s: other bits behind the elements: %x", what, b)
			}
			if v, err := tn.View(); way == "mapped" {
				ok(t, err)
				sameView(t, what, v, want)
			} else if want.NumElements() > 0 {
				wantErr(t, err, tensorfile.ErrNotMapped)
			}
			var b bytes.Buffer
			ok(t, tn.WriteCOrder(ctx, &b))
			if img := image(t, must(want.Clone())(t)); !bytes.Equal(b.Bytes(), img) {
				t.Fatalf("%s: WriteCOrder gave %x, want %x", what, b.Bytes(), img)
			}
			axes := rng.Perm(len(want.Shape()))
			if n := len(axes); want.DType().Packed() {
				axes[slices.Index(axes, n-1)], axes[n-1] = axes[n-1], n-1
			}
			b.Reset()
			ok(t, tn.WriteOrder(ctx, &b, axes))
			if img := image(t, must(must(want.Permute(axes...))(t).Clone())(t)); !bytes.Equal(b.Bytes(), img) {
				t.Fatalf("%s: WriteOrder %v", what, axes)
			}
			for range 4 {
				sel := randomSelection(rng, tn.DType(), tn.Shape())
				part, err := want.Select(sel)
				if err != nil {
					if _, err := tn.Read(ctx, sel); err == nil {
						t.Errorf("%s: %v is read, though a view refuses it", what, sel)
					}
					continue
				}
				got, err := tn.Read(ctx, sel)
				if err != nil {
					t.Fatalf("%s: Read(%v): %v", what, sel, err)
				}
				sameView(t, what+" "+sel.String(), got, part)
				dst := intoView(rng, part.DType(), part.Shape())
				ok(t, tn.ReadInto(ctx, dst, sel))
				sameView(t, what+" into "+sel.String(), dst, part)
			}
		}
	})
}

// intoView is memory for ReadInto: gaps, any order, backward, either byte order.
func intoView(rng *rand.Rand, d tensor.DType, shape tensor.Shape) tensor.View {
	order := tensor.ByteOrder(rng.IntN(2))
	if d.Packed() {
		order = tensor.LittleEndian
	}
	st := make(tensor.Strides, len(shape))
	step, off := int64(d.UnitBytes), int64(0)
	for k, axis := range rng.Perm(len(shape)) {
		if d.Packed() {
			axis = len(shape) - 1 - k
		}
		n := shape[axis]
		if d.Packed() && k == 0 {
			n = (n + int64(d.UnitElems) - 1) / int64(d.UnitElems)
		}
		st[axis] = step
		if rng.IntN(3) == 0 && n > 1 && !(d.Packed() && k == 0) {
			st[axis] = -step
			off += step * (n - 1)
		}
		step *= max(n, 1)
		step += int64(rng.IntN(2)) * int64(d.UnitBytes)
	}
	v, err := tensor.NewView(make([]byte, step+1), d, shape, st, off+rng.Int64N(2), order)
	if err != nil {
		v, err = tensor.NewView(make([]byte, step+int64(d.UnitBytes)), d, shape, st, off, order)
	}
	if err != nil {
		panic(err)
	}
	return v
}

// Regions larger than a piece are cut along any axis.
func TestReadLarge(t *testing.T) {
	if testing.Short() || raceBuild {
		t.Skip("12 MiB a case")
	}
	const n = 3 << 20
	data := make([]byte, 4*n)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	type kase struct {
		name string
		d    tensor.DType
		s    tensor.Shape
		st   tensor.Strides
		off  int64
	}
	cases := []kase{
		{"c", tensor.F32, tensor.Shape{n}, tensor.Strides{4}, 0},
		{"rows", tensor.F32, tensor.Shape{3, 1 << 20}, tensor.Strides{4 << 20, 4}, 0},
		{"fortran", tensor.F32, tensor.Shape{3, 1 << 20}, tensor.Strides{4, 12}, 0},
		{"fortran 3d", tensor.F32, tensor.Shape{1024, 3, 1024}, tensor.Strides{4, 4096, 12288}, 0},
		{"backward", tensor.I16, tensor.Shape{2 * n}, tensor.Strides{-2}, 4*n - 2},
		{"every tenth", tensor.U8, tensor.Shape{n / 4}, tensor.Strides{16}, 3},
		{"far apart", tensor.U8, tensor.Shape{4, 3}, tensor.Strides{1, 4 << 20}, 0},
		{"window", tensor.F32, tensor.Shape{3, n - 2}, tensor.Strides{4, 4}, 0},
		{"repeated", tensor.F32, tensor.Shape{3, 1 << 20}, tensor.Strides{0, 4}, 0},
		{"packed", tensor.I4, tensor.Shape{8*n - 1}, tensor.Strides{1}, 0},
		{"packed rows", tensor.F6E2M3, tensor.Shape{2, 2*n - 2}, tensor.Strides{3 * n / 2, 3}, 0},
	}
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		id := must(w.AddStorage(ctx, 4*n, bytes.NewReader(data)))(t)
		for _, c := range cases {
			ok(t, w.TensorOn(id, c.name, c.d, c.s, c.st, c.off, nil))
		}
	})
	sources(t, path, tensorfile.OpenOptions{}, func(way string, f *tensorfile.File) {
		if way == "readerat" {
			return // as pread, in small steps
		}
		for _, c := range cases {
			t.Run(way+" "+c.name, func(t *testing.T) {
				want := must(tensor.NewView(data, c.d, c.s, c.st, c.off, tensor.LittleEndian))(t)
				tn := must(f.Tensor(c.name))(t)
				sameView(t, c.name, must(tn.Read(ctx))(t), want)
				var x, y counting
				ok(t, tn.WriteCOrder(ctx, &x))
				ok(t, want.WriteCOrder(&y, tensor.LittleEndian))
				if x != y {
					t.Errorf("WriteCOrder wrote %d bytes of sum %x, want %d, %x", x.n, x.sum, y.n, y.sum)
				}
				dst := must(tensor.Make(c.d, c.s))(t)
				if c.d == tensor.F32 {
					st := must(tensor.FortranStrides(c.d, c.s))(t)
					dst = must(tensor.NewView(make([]byte, 4*want.NumElements()), c.d, c.s, st, 0, tensor.BigEndian))(t)
				}
				ok(t, tn.ReadInto(ctx, dst))
				sameView(t, c.name, dst, want)
			})
		}
	})
}

// counting is a writer that keeps a sum.
type counting struct {
	n   int64
	sum uint32
}

func (c *counting) Write(p []byte) (int, error) {
	c.sum = format.UpdateChecksum(c.sum, p)
	c.n += int64(len(p))
	return len(p), nil
}

func TestReadRefuses(t *testing.T) {
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "a", must(tensor.FromSlice([]int32{1, 2, 3, 4, 5, 6}, 2, 3))(t), nil))
		ok(t, w.AddReader(ctx, "p", tensor.I4, tensor.Shape{3, 5}, zeros{}, nil))
	})
	sources(t, path, tensorfile.OpenOptions{}, func(way string, f *tensorfile.File) {
		a, p := must(f.Tensor("a"))(t), must(f.Tensor("p"))(t)
		sel := func(s string) tensor.Selection { return must(tensor.ParseSelection(s))(t) }
		for _, s := range []string{"2", "-3", "0,0,0", "..., ...", "0:1:0"} {
			q, err := tensor.ParseSelection(s)
			if err == nil {
				_, err = a.Read(ctx, q)
			}
			if err == nil {
				t.Errorf("[%s] of %v was read", s, a.Shape())
			}
		}
		_, err := a.Read(ctx, sel("2"))
		wantErr(t, err, tensorfile.ErrIndex, path[:0], `"a"`)
		wantErr(t, a.ReadInto(ctx, must(tensor.Make(tensor.I32, tensor.Shape{3, 2}))(t)), tensorfile.ErrShape, "(3, 2)", "(2, 3)")
		wantErr(t, a.ReadInto(ctx, must(tensor.Make(tensor.F32, tensor.Shape{2, 3}))(t)), tensorfile.ErrDType, "f32", "i32")
		rep := must(must(tensor.Make(tensor.I32, tensor.Shape{3}))(t).BroadcastTo(tensor.Shape{2, 3}))(t)
		wantErr(t, a.ReadInto(ctx, rep), tensorfile.ErrUnsupported)
		wantErr(t, a.WriteOrder(ctx, io.Discard, []int{0}), tensorfile.ErrIndex)
		wantErr(t, a.WriteOrder(ctx, io.Discard, []int{0, 0}), tensorfile.ErrIndex)
		wantErr(t, a.WriteOrder(ctx, io.Discard, []int{0, 2}), tensorfile.ErrIndex)
		wantErr(t, p.WriteOrder(ctx, io.Discard, []int{1, 0}), tensorfile.ErrUnsupported, "packed")
		for _, s := range []string{":,1", ":,1:3", ":,::2", ":,::-1", ":,0:3", "..., newaxis"} {
			_, err := p.Read(ctx, sel(s))
			wantErr(t, err, tensorfile.ErrUnsupported, `"p"`, "packed")
		}
		for _, s := range []string{"1", ":,0:4", ":,4:", ":,2:4", ":,5:", "::-1,:"} {
			if _, err := p.Read(ctx, sel(s)); err != nil {
				t.Errorf("[%s]: %v", s, err)
			}
		}
		boom := errors.New("boom")
		wantErr(t, a.WriteCOrder(ctx, writerFunc(func([]byte) (int, error) { return 0, boom })), boom)
	})
}

// The limit on what one call copies out is on the call, not on sharing.
func TestMaxBytes(t *testing.T) {
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		id := must(w.AddStorage(ctx, 8, zeros{}))(t)
		ok(t, w.TensorOn(id, "bomb", tensor.F64, tensor.Shape{1 << 40}, tensor.Strides{0}, 0, nil))
		ok(t, w.TensorOn(id, "k", tensor.F64, tensor.Shape{128}, tensor.Strides{0}, 0, nil))
	})
	sources(t, path, tensorfile.OpenOptions{}, func(way string, f *tensorfile.File) {
		tn := must(f.Tensor("bomb"))(t)
		_, err := tn.Read(ctx)
		wantErr(t, err, tensorfile.ErrLimit, "8796093022208", "4294967296", "bomb")
		v := must(tn.Read(ctx, must(tensor.ParseSelection("-5:"))(t)))(t)
		if v.NumElements() != 5 {
			t.Error(v)
		}
		// A context bounds what is streamed.
		c, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		wantErr(t, tn.WriteCOrder(c, io.Discard), context.DeadlineExceeded)
	})
	for _, c := range []struct {
		max int64
		ok  bool
	}{{1023, false}, {1024, true}, {-1, true}} {
		sources(t, path, tensorfile.OpenOptions{MaxBytes: c.max}, func(way string, f *tensorfile.File) {
			_, err := must(f.Tensor("k"))(t).Read(ctx)
			if (err == nil) != c.ok {
				t.Errorf("limit %d: %v", c.max, err)
			}
			if !c.ok {
				wantErr(t, err, tensorfile.ErrLimit, "1024", "MaxBytes")
			}
		})
	}
}

// foreign makes a file of another format of the bytes b.
func foreign(t testing.TB, b []byte, l *tensorfile.Layout, o *tensorfile.OpenOptions) *tensorfile.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "foreign")
	ok(t, os.WriteFile(path, b, 0o600))
	m := must(mmap.Open(path, nil))(t)
	return must(tensorfile.OpenLayout(m, l, o))(t)
}

// memMap is a source in memory.
func memMap(b []byte) *mmap.Map { return mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "memory") }

// Each reason why there is no slice or view has its own error.
func TestDataErrors(t *testing.T) {
	plain := func(d tensor.DType, off int64, s tensor.Shape, st tensor.Strides, o tensor.ByteOrder) tensorfile.LayoutTensor {
		return tensorfile.LayoutTensor{DType: d, Offset: off, Shape: s, Strides: st, Order: o}
	}
	host, other := tensor.HostOrder, tensor.BigEndian-tensor.HostOrder
	ts := []tensorfile.LayoutTensor{
		0: plain(tensor.F32, 0, tensor.Shape{4}, nil, host),
		1: plain(tensor.F32, 0, tensor.Shape{4}, nil, other),
		2: plain(tensor.F32, 0, tensor.Shape{4}, tensor.Strides{8}, host),
		3: plain(tensor.F32, 1, tensor.Shape{4}, nil, host),
		4: plain(tensor.Bool, 0, tensor.Shape{4}, nil, tensor.LittleEndian),
		5: plain(tensor.Bool, 8, tensor.Shape{4}, nil, tensor.LittleEndian),
		6: {DType: tensor.F32, Storage: 1, Shape: tensor.Shape{4}},
		7: {DType: tensor.F32, Storage: -1, Shape: tensor.Shape{0, 4}, Order: host},
	}
	for i := range ts {
		ts[i].Name = fmt.Sprint(i)
	}
	data := make([]byte, 64)
	data[8], data[9] = 1, 2
	l := &tensorfile.Layout{Format: "test", Tensors: ts, Storages: []tensorfile.LayoutStorage{
		{Size: 64}, {Size: 16, Codec: "null", StoredSize: 3, Member: "m", Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data[:16])), nil }},
	}}
	f := foreign(t, data, l, nil)
	get := func(i int) *tensorfile.Tensor { return must(f.Tensor(fmt.Sprint(i)))(t) }
	s := must(tensorfile.Data[float32](get(0)))(t)
	if len(s) != 4 {
		t.Error(s)
	}
	if f.Layout() != l || f.Info().Format != "test" {
		t.Error(f.Info())
	}
	_, err := tensorfile.Data[float64](get(0))
	wantErr(t, err, tensorfile.ErrDType, `"0"`, "f32", f.Path())
	_, err = tensorfile.Data[float32](get(1))
	wantErr(t, err, tensorfile.ErrByteOrder, `"1"`)
	_, err = tensorfile.Data[float32](get(2))
	wantErr(t, err, tensorfile.ErrNotContiguous, `"2"`)
	_, err = tensorfile.Data[float32](get(3))
	wantErr(t, err, tensorfile.ErrMisaligned, `"3"`)
	if b := must(tensorfile.Data[bool](get(4)))(t); len(b) != 4 || b[0] {
		t.Error(b)
	}
	_, err = tensorfile.Data[bool](get(5))
	wantErr(t, err, tensorfile.ErrCorrupt, `"5"`, "got 2")
	_, err = tensorfile.Data[float32](get(6))
	wantErr(t, err, tensorfile.ErrEncoded, `"6"`, "null")
	if s, err := tensorfile.Data[float32](get(7)); err != nil || len(s) != 0 {
		t.Error(s, err)
	}
	// The strided view has fewer reasons.
	for i, kind := range []error{nil, tensorfile.ErrByteOrder, nil, tensorfile.ErrMisaligned, tensorfile.ErrDType, tensorfile.ErrDType, tensorfile.ErrEncoded, nil} {
		v, err := tensorfile.View[float32](get(i))
		if kind != nil {
			wantErr(t, err, kind, fmt.Sprintf("%q", fmt.Sprint(i)), f.Path())
		} else if err != nil || i != 7 && v.Len() != 4 {
			t.Errorf("%d: %v", i, err)
		}
	}
	_, err = tensorfile.View[bool](get(5))
	wantErr(t, err, tensorfile.ErrCorrupt)
	// Reading works on all of them.
	for i := range ts {
		if v, err := get(i).Read(ctx); err != nil || v.Order() != tensor.HostOrder {
			t.Errorf("%d: %v, %v", i, v.Order(), err)
		}
	}
	l2, lease, err := tensorfile.AcquireData[float32](get(0))
	ok(t, err)
	wantErr(t, f.Close(), tensorfile.ErrInUse, f.Path())
	if len(l2) != 4 {
		t.Error(l2)
	}
	lease.Release()
	if _, _, err := tensorfile.AcquireData[float32](get(1)); !errors.Is(err, tensorfile.ErrByteOrder) {
		t.Error(err)
	}
	open := get(0)
	ok(t, f.Close())
	ok(t, f.Close())
	_, err = tensorfile.Data[float32](open)
	wantErr(t, err, tensorfile.ErrClosed, f.Path())
	_, _, err = tensorfile.AcquireData[float32](open)
	wantErr(t, err, tensorfile.ErrClosed)
	_, err = open.View()
	wantErr(t, err, tensorfile.ErrClosed)
	_, err = open.Read(ctx)
	wantErr(t, err, tensorfile.ErrClosed)
	wantErr(t, open.WriteCOrder(ctx, io.Discard), tensorfile.ErrClosed)
	wantErr(t, open.Guard(func(tensor.View) error { t.Error("called"); return nil }), tensorfile.ErrClosed)
	if _, err := f.Verify(ctx, nil); !errors.Is(err, tensorfile.ErrClosed) {
		t.Error(err)
	}
}

// After Close every method that reaches for bytes says so.
func TestClosed(t *testing.T) {
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) { fill(t, w) })
	sources(t, path, tensorfile.OpenOptions{}, func(way string, f *tensorfile.File) {
		tn := must(f.Tensor("big"))(t)
		ok(t, f.Close())
		_, err := f.Tensor("big")
		wantErr(t, err, tensorfile.ErrClosed)
		_, err = f.Attrs()
		wantErr(t, err, tensorfile.ErrClosed)
		_, err = f.Len()
		wantErr(t, err, tensorfile.ErrClosed)
		for _, err := range f.Names() {
			wantErr(t, err, tensorfile.ErrClosed)
		}
		for _, err := range f.Tensors() {
			wantErr(t, err, tensorfile.ErrClosed)
		}
		_, err = f.Verify(ctx, nil)
		wantErr(t, err, tensorfile.ErrClosed)
		_, err = tn.Read(ctx)
		wantErr(t, err, tensorfile.ErrClosed)
		wantErr(t, tn.WriteCOrder(ctx, io.Discard), tensorfile.ErrClosed)
		_, err = tn.Lease()
		wantErr(t, err, tensorfile.ErrClosed)
		w := must(tensorfile.NewWriter(io.Discard, nil))(t)
		wantErr(t, w.Copy(ctx, tensorfile.Item{Tensor: tn}), tensorfile.ErrClosed)
	})
}

func TestShutdown(t *testing.T) {
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) { fill(t, w) })
	f := must(tensorfile.Open(path, nil))(t)
	tn := must(f.Tensor("big"))(t)
	data, lease, err := tensorfile.AcquireData[uint8](tn)
	ok(t, err)
	short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	err = f.Shutdown(short)
	wantErr(t, err, tensorfile.ErrInUse)
	wantErr(t, err, context.DeadlineExceeded)
	_, err = tn.Lease()
	wantErr(t, err, tensorfile.ErrClosed)
	_ = data[len(data)-1] // still there
	done := make(chan error)
	go func() { done <- f.Shutdown(ctx) }()
	select {
	case err := <-done:
		t.Errorf("did not wait: %v", err)
	case <-time.After(10 * time.Millisecond):
	}
	lease.Release()
	ok(t, <-done)
	ok(t, f.Close())
}

// Readers may do anything at once.
func TestConcurrentReaders(t *testing.T) {
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) { fill(t, w) })
	sources(t, path, tensorfile.OpenOptions{Verify: tensorfile.VerifyOnFirstUse}, func(way string, f *tensorfile.File) {
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for range 3 {
					for tn, err := range f.Tensors() {
						if err != nil {
							t.Error(err)
							return
						}
						if _, err := tn.Attrs(); err != nil {
							t.Error(err)
						}
						if _, err := tn.Read(ctx); err != nil {
							t.Error(err)
						}
					}
					if i == 0 {
						if r, err := f.Verify(ctx, nil); err != nil || !r.OK() {
							t.Error(r, err)
						}
					}
					if _, err := f.Len(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestCancelledReader(t *testing.T) {
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) { fill(t, w) })
	done, cancel := context.WithCancel(ctx)
	cancel()
	sources(t, path, tensorfile.OpenOptions{}, func(way string, f *tensorfile.File) {
		tn := must(f.Tensor("big"))(t)
		_, err := tn.Read(done)
		wantErr(t, err, context.Canceled)
		wantErr(t, tn.ReadInto(done, must(tensor.Make(tensor.U8, tn.Shape()))(t)), context.Canceled)
		wantErr(t, tn.WriteCOrder(done, io.Discard), context.Canceled)
		_, err = f.Verify(done, nil)
		wantErr(t, err, context.Canceled)
		w := must(tensorfile.NewWriter(io.Discard, nil))(t)
		wantErr(t, w.Copy(done, tensorfile.Item{Tensor: tn}), context.Canceled)
	})
}

// Damage is told when the file is verified on first use, and only for what it
// hits.
func TestVerifyOnFirstUse(t *testing.T) {
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		ok(t, w.AddReader(ctx, "bad", tensor.U8, tensor.Shape{3 << 20}, zeros{}, nil))
		ok(t, w.AddReader(ctx, "good", tensor.U8, tensor.Shape{3 << 20}, zeros{}, nil))
	})
	at := func() int64 {
		f := must(tensorfile.Open(path, nil))(t)
		defer f.Close()
		return must(f.Tensor("bad"))(t).Storage().Offset + 2<<20 + 17
	}()
	b := must(os.ReadFile(path))(t)
	b[at] = 1
	ok(t, os.WriteFile(path, b, 0o600))
	sources(t, path, tensorfile.OpenOptions{Verify: tensorfile.VerifyOnFirstUse}, func(way string, f *tensorfile.File) {
		bad, good := must(f.Tensor("bad"))(t), must(f.Tensor("good"))(t)
		offset := fmt.Sprintf("offset %d", at-17)
		for range 2 {
			_, err := bad.Read(ctx)
			wantErr(t, err, tensorfile.ErrCorrupt, `"bad"`, "block 2", offset, "storage.crc")
			wantErr(t, bad.WriteCOrder(ctx, io.Discard), tensorfile.ErrCorrupt, offset)
			if way == "mapped" {
				_, err = bad.View()
				wantErr(t, err, tensorfile.ErrCorrupt, offset)
				_, err = tensorfile.Data[uint8](bad)
				wantErr(t, err, tensorfile.ErrCorrupt, offset)
				_, err = tensorfile.View[uint8](bad)
				wantErr(t, err, tensorfile.ErrCorrupt, offset)
			}
			if _, err := good.Read(ctx); err != nil {
				t.Error(err)
			}
		}
	})
	sources(t, path, tensorfile.OpenOptions{}, func(way string, f *tensorfile.File) {
		if _, err := must(f.Tensor("bad"))(t).Read(ctx); err != nil {
			t.Errorf("checked without being asked: %v", err)
		}
		r := must(f.Verify(ctx, nil))(t)
		if len(r.Findings) != 1 {
			t.Fatal(r.Findings)
		}
		wantErr(t, r.Findings[0], tensorfile.ErrCorrupt, `"bad"`, "block 2", fmt.Sprintf("offset %d", at-17))
		if r := must(f.Verify(ctx, &tensorfile.VerifyOptions{Quick: true}))(t); !r.OK() {
			t.Error(r.Findings)
		}
	})
}
