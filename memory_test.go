package tensorfile_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// allocated is how much fn allocates in all.
func allocated(fn func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// Streams of 150 MiB pass through a few buffers, whatever their strides, order,
// encoding and source.
func TestMemoryBounded(t *testing.T) {
	if testing.Short() || raceBuild {
		t.Skip("many times 150 MiB")
	}
	const size, most = 150 << 20, 40 << 20
	const n = size / 4
	path := filepath.Join(t.TempDir(), "hole")
	ok(t, os.WriteFile(path, nil, 0o600))
	ok(t, os.Truncate(path, size+1))
	decoded := func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(io.LimitReader(zeros{}, size)), nil
	}
	be := tensor.BigEndian
	l := &tensorfile.Layout{Format: "test", Storages: []tensorfile.LayoutStorage{{Size: size + 1}, {Size: size, Open: decoded, Codec: "zeros"}}, Tensors: []tensorfile.LayoutTensor{
		{Name: "c", DType: tensor.F32, Shape: tensor.Shape{n}},
		{Name: "rows", DType: tensor.F32, Shape: tensor.Shape{300, n / 300}},
		{Name: "wide", DType: tensor.F32, Shape: tensor.Shape{3, n / 3}},
		{Name: "backward", DType: tensor.F32, Shape: tensor.Shape{n}, Strides: tensor.Strides{-4}, Offset: size - 4},
		{Name: "misaligned", DType: tensor.F32, Shape: tensor.Shape{n}, Offset: 1},
		{Name: "big", DType: tensor.F32, Shape: tensor.Shape{n}, Order: be},
		{Name: "packed", DType: tensor.I4, Shape: tensor.Shape{2*size - 1}},
		{Name: "packed rows", DType: tensor.I4, Shape: tensor.Shape{2, size - 1}},
		{Name: "encoded", DType: tensor.F32, Storage: 1, Shape: tensor.Shape{n}},
		{Name: "encoded big", DType: tensor.F32, Storage: 1, Shape: tensor.Shape{n / 300, 300}, Order: be},
	}}
	for _, noMmap := range []bool{false, true} {
		m := must(mmap.Open(path, &mmap.Options{NoMmap: noMmap}))(t)
		f := must(tensorfile.OpenLayout(m, l, nil))(t)
		for tn, err := range f.Tensors() {
			ok(t, err)
			t.Run(fmt.Sprintf("noMmap=%v/%s", noMmap, tn.Name()), func(t *testing.T) {
				var out counting
				if got := allocated(func() { ok(t, tn.WriteCOrder(ctx, discard{&out.n})) }); got > most {
					t.Errorf("WriteCOrder allocated %d MiB", got>>20)
				}
				if out.n != tn.ByteSize() {
					t.Errorf("wrote %d bytes of %d", out.n, tn.ByteSize())
				}
				var n int64
				if got := allocated(func() {
					w := must(tensorfile.NewWriter(discard{&n}, nil))(t)
					ok(t, w.Copy(ctx, tensorfile.Item{Tensor: tn}))
					ok(t, w.Commit(ctx))
				}); got > most {
					t.Errorf("Copy allocated %d MiB", got>>20)
				}
				if n < tn.ByteSize() {
					t.Errorf("copied %d bytes of %d", n, tn.ByteSize())
				}
			})
		}
		ok(t, f.Close())
	}
	var n2 int64
	if got := allocated(func() {
		w := must(tensorfile.NewWriter(discard{&n2}, nil))(t)
		ok(t, w.AddReader(ctx, "x", tensor.U8, tensor.Shape{2 * size}, zeros{}, nil))
		ok(t, w.Commit(ctx))
	}); got > most || n2 < 2*size {
		t.Errorf("AddReader allocated %d MiB for %d bytes", got>>20, n2)
	}
}

// discard counts.
type discard struct{ n *int64 }

func (d discard) Write(p []byte) (int, error) { *d.n += int64(len(p)); return len(p), nil }

// What a small file claims is not allocated.
func TestClaimsAreNotAllocated(t *testing.T) {
	huge := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(io.LimitReader(zeros{}, 1000)), nil }
	l := &tensorfile.Layout{Format: "test", Storages: []tensorfile.LayoutStorage{{Size: 1 << 60, Open: huge, Codec: "zeros", Member: "m"}}, Tensors: []tensorfile.LayoutTensor{
		{Name: "t", DType: tensor.U8, Shape: tensor.Shape{1 << 60}},
		{Name: "s", DType: tensor.U8, Shape: tensor.Shape{1 << 30}, Strides: tensor.Strides{2}},
	}}
	f := foreign(t, nil, l, &tensorfile.OpenOptions{MaxBytes: -1})
	defer f.Close()
	if got := allocated(func() {
		tn := must(f.Tensor("t"))(t)
		wantErr(t, tn.WriteCOrder(ctx, io.Discard), tensorfile.ErrTruncated, `"t"`)
		w := must(tensorfile.NewWriter(io.Discard, nil))(t)
		wantErr(t, w.Copy(ctx, tensorfile.Item{Tensor: tn}), tensorfile.ErrTruncated, `"t"`)
		r := must(f.Verify(ctx, nil))(t)
		if len(r.Findings) != 1 {
			t.Error(r.Findings)
		}
	}); got > 16<<20 {
		t.Errorf("allocated %d MiB", got>>20)
	}
}
