package shard_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/shard"
	"github.com/tensorfile/tensorfile/tensor"
)

// What Stream notes as it goes by is what Describe finds in the file, whatever its size.
func TestStream(t *testing.T) {
	for _, n := range []int64{0, 1, 5000, 3 << 20} {
		path := filepath.Join(t.TempDir(), "m.tensor")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		x, err := shard.Stream(t.Context(), f, "m.tensor", nil, func(w *tensorfile.Writer) error {
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(i * i >> 3)
			}
			err := w.SetAttrs(tensorfile.Attrs{"n": n})
			for _, o := range []*tensorfile.TensorOptions{nil, {Codec: "zstd:1", Chunk: tensor.Shape{4096}, Attrs: tensorfile.Attrs{"unit": "m"}}} {
				name := "plain"
				if o != nil {
					name = "chunked"
				}
				if err == nil {
					err = w.AddReader(t.Context(), name, tensor.U8, tensor.Shape{n}, bytes.NewReader(b), o)
				}
			}
			return err
		})
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		want, err := shard.Describe(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		a, errA := x.AppendJSON(nil)
		b, errB := want.AppendJSON(nil)
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%d bytes: %v, %v, %s\nwant %s", n, errA, errB, a, b)
		}
	}
}

// An output that fails, a fill that fails, and a name that is none are errors.
func TestStreamFails(t *testing.T) {
	bad := errors.New("no room")
	fill := func(w *tensorfile.Writer) error {
		return w.AddReader(context.Background(), "a", tensor.U8, tensor.Shape{1 << 20}, bytes.NewReader(make([]byte, 1<<20)), nil)
	}
	if _, err := shard.Stream(t.Context(), failing{bad}, "m.tensor", nil, fill); !errors.Is(err, bad) {
		t.Errorf("%v", err)
	}
	if _, err := shard.Stream(t.Context(), io.Discard, "m.tensor", nil, func(*tensorfile.Writer) error { return bad }); !errors.Is(err, bad) {
		t.Errorf("%v", err)
	}
	if _, err := shard.Stream(t.Context(), io.Discard, "../m.tensor", nil, fill); !errors.Is(err, tensor.ErrPath) {
		t.Errorf("%v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
