package tensorfile_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// A layout whose tensors lie in several files: each is read, viewed, hashed and
// checked where it lies, and all of them live as long as one is used.
func TestLayoutSources(t *testing.T) {
	dir := t.TempDir()
	open := func(name string, n int) *mmap.Map {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i*i>>3 + len(name)*i + n)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		return must(mmap.Open(path, nil))(t)
	}
	for _, noMmap := range []bool{false, true} {
		index, a, b := open("index", 9), open("shard-a", 4096), open("shard-bb", 8192)
		if noMmap {
			a = mmap.NewReaderAt(a, a.Size(), "a")
		}
		l := &tensorfile.Layout{Format: "test", Sources: []*mmap.Map{a, b}, Storages: []tensorfile.LayoutStorage{
			{Source: 2, Offset: 64, Size: 4000}, {Source: 1, Offset: 8, Size: 1024}, {Source: 0, Size: 9},
		}, Tensors: []tensorfile.LayoutTensor{
			{Name: "in b", Storage: 0, DType: tensor.U8, Shape: tensor.Shape{40, 100}},
			{Name: "in a", Storage: 1, DType: tensor.U8, Shape: tensor.Shape{1024}},
			{Name: "in the index", Storage: 2, DType: tensor.U8, Shape: tensor.Shape{9}},
		}}
		f := must(tensorfile.OpenLayout(index, l, nil))(t)
		for name, at := range map[string]struct {
			path string
			off  int64
		}{"in b": {b.Path(), 64}, "in a": {a.Path(), 8}, "in the index": {index.Path(), 0}} {
			x := must(f.Tensor(name))(t)
			if x.File().Path() != at.path {
				t.Errorf("%s is in %s, want %s", name, x.File().Path(), at.path)
			}
			v := must(x.Read(context.Background()))(t)
			want := make([]byte, x.ByteSize())
			src := must(os.ReadFile(filepath.Join(dir, map[string]string{"in b": "shard-bb", "in a": "shard-a", "in the index": "index"}[name])))(t)
			copy(want, src[at.off:])
			if !bytes.Equal(must(v.Bytes())(t), want) {
				t.Errorf("%s: other bytes", name)
			}
			if again := must(x.File().Tensor(name))(t); again.Storage().ID != x.Storage().ID || again.File() != x.File() {
				t.Errorf("%s by the file of its source: %+v", name, again.Storage())
			}
		}
		if size, mapped := f.Info().Size, f.Info().Mapped; size != 9+4096+8192 || mapped == noMmap {
			t.Errorf("size %d, mapped %v", size, mapped)
		}
		rep := must(f.Verify(context.Background(), nil))(t)
		if !rep.OK() || rep.Tensors != 3 {
			t.Errorf("%+v", rep)
		}
		lease := must(must(f.Tensor("in a"))(t).Lease())(t)
		if err := f.Close(); !errors.Is(err, tensorfile.ErrInUse) {
			t.Errorf("close beside a lease on a source: %v", err)
		}
		lease.Release()
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if _, err := b.ReadAt(make([]byte, 1), 0); !errors.Is(err, tensorfile.ErrClosed) {
			t.Errorf("a source after Close: %v", err)
		}
	}
	index, a := open("index", 9), open("a", 100)
	_, err := tensorfile.OpenLayout(index, &tensorfile.Layout{Format: "test", Sources: []*mmap.Map{a}, Storages: []tensorfile.LayoutStorage{{Source: 1, Size: 101}}}, nil)
	var e *tensorfile.Error
	if !errors.As(err, &e) || !errors.Is(err, tensorfile.ErrTruncated) || e.Path != a.Path() {
		t.Errorf("a storage past the end of its source: %v", err)
	}
	if _, err := a.ReadAt(make([]byte, 1), 0); !errors.Is(err, tensorfile.ErrClosed) {
		t.Errorf("a source after a failed open: %v", err)
	}
}
