//go:build unix

package tensorfile_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/crashfs"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// tinyBase is a file of four generations with the names that readings ask for,
// and little else.
func tinyBase(t testing.TB) []byte {
	t.Helper()
	fs := crashfs.New()
	w := must(tensorfile.Create(faultPath, (&tensorfile.CreateOptions{Deterministic: true}).On(fs)))(t)
	ok(t, w.Add(ctx, "grid", floats(t, 5, 4, 1), &tensorfile.TensorOptions{Chunk: tensor.Shape{2, 4}, Codec: "zstd"}))
	ok(t, w.Add(ctx, "plain", floats(t, 3, 3, 3), nil))
	put(t, w, "long", someBytes(300, 4))
	for name, c := range smallComposites(t) {
		switch name {
		case "csr", "string", "ragged":
			ok(t, w.AddComposite(ctx, name+" in chunks", c, &tensorfile.TensorOptions{Chunk: tensor.Shape{2}, Codec: "lz4"}))
		case "quantised", "coo":
			ok(t, w.AddComposite(ctx, name, c, nil))
		}
	}
	ok(t, w.SetAttrs(tensorfile.Attrs{"title": "tiny"}))
	ok(t, w.Commit(ctx))
	for i, change := range []func(w *tensorfile.Writer) error{
		func(w *tensorfile.Writer) error {
			_, err := w.Append(ctx, "grid", floats(t, 1, 4, 5), nil)
			return errors.Join(err, w.Rename("plain", "plain again"))
		},
		func(w *tensorfile.Writer) error {
			return errors.Join(w.Delete("coo"), w.CopyTensor("long", "long again"))
		},
		func(w *tensorfile.Writer) error { return w.SetTensorAttrs("grid", tensorfile.Attrs{"unit": "m"}) },
	} {
		w := must(tensorfile.OpenAppend(faultPath, (&tensorfile.AppendOptions{Time: time.Unix(int64(i), 0)}).On(fs)))(t)
		ok(t, change(w))
		ok(t, w.Commit(ctx))
		ok(t, w.Close())
	}
	return fs.Files()[faultPath]
}

// TestSmallWalksEndAnywhere fails each read of each way to look at a small file,
// none left out, and calls each off wherever it asks.
func TestSmallWalksEndAnywhere(t *testing.T) {
	base := tinyBase(t)
	list := readings()
	list["recover"] = func(ctx context.Context, f *tensorfile.File) (string, error) {
		fs := crashfs.New()
		if _, err := tensorfile.RecoverMap(ctx, f.Map(), "dir/out", fs); err != nil {
			return "", err
		}
		return sound(fs.Files()["dir/out"], false)
	}
	told, off, ways := 0, 0, 0
	for _, what := range slices.Sorted(maps.Keys(list)) {
		run := func(ctx context.Context, at int) (*spoiltReader, string, error) {
			s := &spoiltReader{r: bytes.NewReader(base), at: at, spoil: func() error { return syscall.EIO }}
			m := mmap.NewReaderAt(s, int64(len(base)), faultPath)
			f, err := tensorfile.OpenMap(m, &tensorfile.OpenOptions{Verify: tensorfile.VerifyOnFirstUse})
			if err != nil {
				m.Close()
				return s, "", err
			}
			defer f.Close()
			text, err := list[what](ctx, f)
			return s, text, err
		}
		count := calledOffAfter(1 << 40)
		ref, want, err := run(count, -1)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		ways++
		for at := range ref.n {
			s, got, err := run(ctx, at)
			switch {
			case !s.hit:
			case err == nil && got != want && what != "recover": // which goes on without what it cannot read
				t.Errorf("%s: read %d of %d failed: %s, want %s", what, at, ref.n, got, want)
			case err != nil && (!errors.Is(err, syscall.EIO) || !errors.Is(err, tensorfile.ErrIO)) && what != "recover":
				t.Errorf("%s: read %d of %d: %v", what, at, ref.n, err)
			case err != nil:
				told++
			}
		}
		for at := range min(count.asked.Load(), 500) {
			_, got, err := run(calledOffAfter(at), -1)
			switch {
			case err == nil && got != want:
				t.Errorf("%s: asked %d times: %s, want %s", what, at, got, want)
			case err != nil && !errors.Is(err, context.Canceled):
				t.Errorf("%s: asked %d times: %v", what, at, err)
			case err != nil:
				off++
			}
		}
	}
	t.Logf("%d reads told, %d called off, in %d ways", told, off, ways)
	if told < 300 || off < 300 || ways < 8 {
		t.Error("too few")
	}
}
