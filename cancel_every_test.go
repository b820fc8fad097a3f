//go:build unix

package tensorfile_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// calledOff is a context that is called off when it has been asked n times.
type calledOff struct {
	context.Context
	left, asked atomic.Int64
}

func calledOffAfter(n int64) *calledOff {
	c := &calledOff{Context: context.Background()}
	c.left.Store(n)
	return c
}

func (c *calledOff) Err() error {
	c.asked.Add(1)
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// What is called off, wherever it is, ends with the context's error and leaves
// nothing behind, or had nothing more to do.
func TestCalledOffAnywhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.tensor")
	ok(t, os.WriteFile(path, damagedFile(t), 0o666))
	f := must(tensorfile.Open(path, &tensorfile.OpenOptions{NoMmap: true}))(t)
	defer f.Close()
	out := func(t *testing.T) string { return filepath.Join(t.TempDir(), "out") }
	total := int64(0)
	for what, do := range map[string]func(ctx context.Context, dst string) (string, error){
		"verify": func(ctx context.Context, _ string) (string, error) {
			r, err := f.Verify(ctx, &tensorfile.VerifyOptions{Workers: 1})
			if err != nil {
				return "", err
			}
			return "", errors.Join(r.Findings...)
		},
		"recover": func(ctx context.Context, dst string) (string, error) {
			_, err := tensorfile.Recover(ctx, path, dst, &tensorfile.RecoverOptions{NoSync: true})
			return dst, err
		},
		"repack": func(ctx context.Context, dst string) (string, error) {
			_, err := tensorfile.Repack(ctx, f, dst, &tensorfile.RepackOptions{Deterministic: true, NoSync: true})
			return dst, err
		},
		"hash": func(ctx context.Context, _ string) (string, error) {
			_, err := f.Hash(ctx, &tensorfile.HashOptions{Workers: 1})
			return "", err
		},
		"usage": func(ctx context.Context, _ string) (string, error) {
			_, err := f.Usage(ctx)
			return "", err
		},
	} {
		t.Run(what, func(t *testing.T) {
			count := calledOffAfter(1 << 40)
			dst := out(t)
			made, err := do(count, dst)
			ok(t, err)
			var want []byte
			if made != "" {
				want = must(os.ReadFile(made))(t)
			}
			n := count.asked.Load()
			total += n
			stride := max(n/int64(100/faultStride(4)), 1)
			for at := int64(0); at < n; at += stride {
				dst := out(t)
				made, err := do(calledOffAfter(at), dst)
				switch list := names(t, filepath.Dir(dst)); {
				case err == nil && made != "":
					if !bytes.Equal(must(os.ReadFile(made))(t), want) {
						t.Errorf("asked %d times of %d: another file", at, n)
					}
				case err != nil && !errors.Is(err, context.Canceled):
					t.Errorf("asked %d times of %d: %v", at, n, err)
				case len(list) > 0:
					t.Errorf("asked %d times of %d: %q is left", at, n, list)
				}
			}
		})
	}
	t.Logf("asked %d times", total)
}

// A wrong byte in any chunk is found, and told with the chunk.
func TestVerifyFindsEachChunk(t *testing.T) {
	path := temp(t)
	data := image(t, randomRows(t, rand.New(rand.NewPCG(91, 92)), 40_000, 1))
	write(t, path, func(w *tensorfile.Writer) {
		ok(t, w.Add(ctx, "x", must(tensor.FromSlice(data))(t), &tensorfile.TensorOptions{Chunk: tensor.Shape{10_000}}))
	})
	good := must(os.ReadFile(path))(t)
	for i := range 4 {
		b := bytes.Clone(good)
		at := bytes.Index(b, data[10_000*i:10_000*i+64])
		if at < 0 {
			t.Fatal("chunks are not stored as they are")
		}
		b[at+9_999] ^= 1
		f := must(tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil))(t)
		r := must(f.Verify(ctx, nil))(t)
		var e *tensorfile.Error
		if len(r.Findings) != 1 || !errors.As(r.Findings[0], &e) || e.Rule != format.RuleChunkCRC || e.Offset != int64(at) || e.Tensor != "x" {
			t.Errorf("chunk %d at %d: %v", i, at, r.Findings)
		}
		ok(t, f.Close())
	}
}
