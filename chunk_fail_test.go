package tensorfile_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/crashfs"
	"github.com/tensorfile/tensorfile/tensor"
)

// Writes that fail end every way of writing chunks with their error, and where
// space ran out an edit goes on from its last commit.
func TestChunkWriteFails(t *testing.T) {
	rng := rand.New(rand.NewPCG(51, 52))
	v := chunkData(t, rng, tensor.F32, tensor.Shape{3000, 100}, nil)
	for i, b := 0, v.Span(); i < len(b); i++ {
		b[i] = byte(rng.Uint32())
	}
	o := &tensorfile.TensorOptions{Chunk: tensor.Shape{64, 50}, Codec: "shuffle|zstd"}
	for _, reader := range []bool{false, true} {
		fs := crashfs.New()
		w := must(tensorfile.Create("d/x", tensorfile.CreateOptions{}.On(fs)))(t)
		fs.Fault = func(op crashfs.Op) (int, error) {
			if op.Kind == crashfs.Write {
				return 0, syscall.EIO
			}
			return 0, nil
		}
		var err error
		if reader {
			err = w.AddReader(ctx, "x", v.DType(), v.Shape(), bytes.NewReader(image(t, v)), o)
			if err == nil {
				err = w.Commit(ctx)
			}
		} else {
			err = errors.Join(w.Add(ctx, "x", v, o), w.Add(ctx, "y", v, o), w.Add(ctx, "z", v, o))
		}
		wantErr(t, err, tensorfile.ErrIO)
		fs.Fault = nil
		w.Close()
	}
	fs := crashfs.New()
	w := must(tensorfile.Create("d/x", tensorfile.CreateOptions{}.On(fs)))(t)
	ok(t, w.Add(ctx, "x", v, o))
	ok(t, w.Add(ctx, "plain", v, nil))
	ok(t, w.Commit(ctx))
	w = must(tensorfile.OpenAppend("d/x", tensorfile.AppendOptions{}.On(fs)))(t)
	defer w.Close()
	part := must(v.Slice(0, 0, 700, 1))(t)
	for _, name := range []string{"x", "plain"} {
		for _, after := range []int{0, 1} {
			writes := 0
			fs.Fault = func(op crashfs.Op) (int, error) {
				if op.Kind == crashfs.Write {
					if writes++; writes > after {
						return 0, syscall.ENOSPC
					}
				}
				return 0, nil
			}
			_, err := w.Append(ctx, name, part, nil)
			if err == nil {
				err = w.Commit(ctx)
			}
			wantErr(t, err, tensorfile.ErrNoSpace)
			fs.Fault = nil
			_, err = w.Append(ctx, name, part, nil)
			ok(t, err)
			ok(t, w.Commit(ctx))
		}
	}
	b := fs.Files()["d/x"]
	f := must(tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil))(t)
	defer f.Close()
	want := behind(t, behind(t, v, part), part)
	for _, name := range []string{"x", "plain"} {
		sameView(t, name, must(must(f.Tensor(name))(t).Read(ctx))(t), want)
	}
	if r := must(f.Verify(ctx, nil))(t); !r.OK() {
		t.Error(r.Findings)
	}
}

// Sources that end early, fail or are called off end a write with their error.
func TestChunkSourceFails(t *testing.T) {
	o := &tensorfile.TensorOptions{Chunk: tensor.Shape{10, 10}, Codec: "lz4"}
	shape := tensor.Shape{1000, 100}
	w := must(tensorfile.NewWriter(io.Discard, nil))(t)
	err := w.AddReader(ctx, "x", tensor.U8, shape, bytes.NewReader(make([]byte, 50_000)), o)
	wantErr(t, err, tensorfile.ErrTruncated, `"x"`)
	ok(t, w.Close())
	w = must(tensorfile.NewWriter(io.Discard, nil))(t)
	called := errors.New("called off")
	wantErr(t, w.AddReader(ctx, "x", tensor.U8, shape, io.MultiReader(bytes.NewReader(make([]byte, 9999)), brokenReader{called}), o), called)
	ok(t, w.Close())
	stop, cancel := context.WithCancel(ctx)
	cancel()
	w = must(tensorfile.NewWriter(io.Discard, nil))(t)
	wantErr(t, w.Add(stop, "x", must(tensor.Make(tensor.U8, shape))(t), o), context.Canceled)
	ok(t, w.Close())

	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) { ok(t, w.Add(ctx, "x", must(tensor.Make(tensor.U8, shape))(t), o)) })
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	x := must(f.Tensor("x"))(t)
	_, err = x.Read(stop)
	wantErr(t, err, context.Canceled)
	wantErr(t, x.WriteCOrder(stop, io.Discard), context.Canceled)
	for range x.Chunks(ctx, nil) {
		break // leaves nothing behind
	}
	n := 0
	for _, err := range x.Chunks(stop, nil) {
		wantErr(t, err, context.Canceled)
		n++
	}
	if n != 1 {
		t.Errorf("%d errors", n)
	}
}

type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }

// A file that is cut short while chunks are read from its mapping is an error.
func TestChunksOfCutFile(t *testing.T) {
	path := temp(t)
	rng := rand.New(rand.NewPCG(61, 62))
	v := must(tensor.Make(tensor.U8, tensor.Shape{4000, 1000}))(t)
	for i, b := 0, v.Span(); i < len(b); i++ {
		b[i] = byte(rng.Uint32()) & 0x3f
	}
	for _, codec := range []string{"raw", "zstd"} {
		write(t, path, func(w *tensorfile.Writer) {
			ok(t, w.Add(ctx, "x", v, &tensorfile.TensorOptions{Chunk: tensor.Shape{100, 1000}, Codec: codec}))
		})
		f := must(tensorfile.Open(path, nil))(t)
		x := must(f.Tensor("x"))(t)
		must(x.Read(ctx, must(tensor.ParseSelection("0"))(t)))(t)
		ok(t, os.Truncate(path, 2<<20))
		_, err := x.Read(ctx)
		var e *tensorfile.Error
		if !errors.As(err, &e) || !errors.Is(err, tensorfile.ErrChanged) && !errors.Is(err, tensorfile.ErrTruncated) && !errors.Is(err, tensorfile.ErrCorrupt) || e.Tensor != "x" {
			t.Errorf("%s: %v", codec, err)
		}
		ok(t, f.Close())
	}
}
