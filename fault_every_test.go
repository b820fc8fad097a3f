//go:build unix

package tensorfile_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/crashfs"
	"github.com/tensorfile/tensorfile/internal/faultfs"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/tensor"
)

// everyBase is a file of three generations with a tensor of each kind, and the
// grids large enough for pages of two levels.
func everyBase(t *testing.T) []byte {
	t.Helper()
	fs := crashfs.New()
	rng := rand.New(rand.NewPCG(71, 72))
	edit := func(w *tensorfile.Writer, fn func(w *tensorfile.Writer)) {
		fn(w)
		ok(t, w.Commit(ctx))
		ok(t, w.Close())
	}
	o := &tensorfile.AppendOptions{Time: time.Unix(1, 0)}
	edit(must(tensorfile.Create("d/x", (&tensorfile.CreateOptions{Deterministic: true}).On(fs)))(t), func(w *tensorfile.Writer) {
		put(t, w, "plain", someBytes(3000, 1))
		put(t, w, "other", someBytes(500, 2))
		ok(t, w.Add(ctx, "grid", chunkData(t, rng, tensor.F32, tensor.Shape{400, 6}, nil), &tensorfile.TensorOptions{Chunk: tensor.Shape{2, 3}, Codec: "zstd"}))
		ok(t, w.Add(ctx, "stored", chunkData(t, rng, tensor.U16, tensor.Shape{50, 8}, nil), &tensorfile.TensorOptions{Chunk: tensor.Shape{7, 8}}))
		for name, c := range smallComposites(t) {
			ok(t, w.AddComposite(ctx, name, c, nil))
			ok(t, w.AddComposite(ctx, name+" in chunks", c, &tensorfile.TensorOptions{Chunk: tensor.Shape{2}, Codec: "zstd"}))
		}
		ok(t, w.SetAttrs(tensorfile.Attrs{"title": "one"}))
	})
	edit(must(tensorfile.OpenAppend("d/x", o.On(fs)))(t), func(w *tensorfile.Writer) {
		put(t, w, "second", someBytes(900, 3))
		ok(t, w.Delete("other"))
	})
	edit(must(tensorfile.OpenAppend("d/x", o.On(fs)))(t), func(w *tensorfile.Writer) {
		ok(t, w.SetTensorAttrs("plain", tensorfile.Attrs{"unit": "m"}))
	})
	return fs.Files()["d/x"]
}

// everyEdit is one edit of each kind of everyBase.
func everyEdit(t *testing.T) map[string]func(w *tensorfile.Writer) error {
	t.Helper()
	rng := rand.New(rand.NewPCG(73, 74))
	more := chunkData(t, rng, tensor.F32, tensor.Shape{9, 6}, nil)
	rows := moreRows(t)
	one := func(_ tensorfile.GrowResult, err error) error { return err }
	sel := func(s string) tensor.Selection { return must(tensor.ParseSelection(s))(t) }
	edits := map[string]func(w *tensorfile.Writer) error{
		"add": func(w *tensorfile.Writer) error { return w.Add(ctx, "new", more, nil) },
		"add in chunks": func(w *tensorfile.Writer) error {
			return w.Add(ctx, "new", more, &tensorfile.TensorOptions{Chunk: tensor.Shape{2, 3}, Codec: "lz4"})
		},
		"add a stream": func(w *tensorfile.Writer) error {
			return w.AddReader(ctx, "new", tensor.U8, tensor.Shape{5000}, bytes.NewReader(someBytes(5000, 9)), nil)
		},
		"append": func(w *tensorfile.Writer) error { return one(w.Append(ctx, "grid", more, nil)) },
		"append to rows": func(w *tensorfile.Writer) error {
			return one(w.Append(ctx, "plain", must(tensor.FromSlice(someBytes(100, 4)))(t), &tensorfile.GrowOptions{Chunk: tensor.Shape{512}}))
		},
		"rewrite": func(w *tensorfile.Writer) error {
			return one(w.WriteRegion(ctx, "grid", sel("3:12, 1:5"), must(more.Slice(1, 0, 4, 1))(t), nil))
		},
		"shrink": func(w *tensorfile.Writer) error { return one(w.Shrink(ctx, "grid", 101)) },
		"shrink twice": func(w *tensorfile.Writer) error {
			return errors.Join(one(w.Shrink(ctx, "stored", 48)), one(w.Shrink(ctx, "stored", 3)))
		},
		"revert":     func(w *tensorfile.Writer) error { return w.Revert(1) },
		"delete":     func(w *tensorfile.Writer) error { return w.Delete("csr") },
		"rename":     func(w *tensorfile.Writer) error { return w.Rename("coo", "moved") },
		"copy":       func(w *tensorfile.Writer) error { return w.CopyTensor("csr in chunks", "twin") },
		"attributes": func(w *tensorfile.Writer) error { return w.SetTensorAttrs("grid", tensorfile.Attrs{"unit": "s"}) },
		"replace": func(w *tensorfile.Writer) error {
			return w.Add(ctx, "second", more, &tensorfile.TensorOptions{Replace: true})
		},
	}
	// The hash says nothing of attributes, so these come with a name.
	edits["attributes"] = func(w *tensorfile.Writer) error {
		return errors.Join(w.SetTensorAttrs("grid", tensorfile.Attrs{"unit": "s"}), w.SetAttrs(tensorfile.Attrs{"title": "two"}), w.Rename("plain", "moved"))
	}
	for _, name := range []string{"csr", "coo in chunks", "string in chunks", "bitmap"} {
		kind, _, _ := strings.Cut(name, " ")
		edits["append to "+name] = func(w *tensorfile.Writer) error { return one(w.AppendComposite(ctx, name, rows[kind][0], nil)) }
	}
	return edits
}

// hashOf is the content of a file, all of it read.
func hashOf(t *testing.T, b []byte) string {
	t.Helper()
	f, err := tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer f.Close()
	return must(f.Hash(ctx, nil))(t).String()
}

// TestEveryOperationOfEveryEdit fails each operation of each kind of edit once:
// the caller hears of it, and the file holds what it held or what it was to
// hold.
func TestEveryOperationOfEveryEdit(t *testing.T) {
	base := everyBase(t)
	before := hashOf(t, base)
	total := 0
	for what, do := range everyEdit(t) {
		t.Run(what, func(t *testing.T) {
			run := func(fs fsys.FS) error {
				w, err := tensorfile.OpenAppend("d/x", (&tensorfile.AppendOptions{Time: time.Unix(2, 0)}).On(fs))
				if err != nil {
					return err
				}
				if err = do(w); err == nil {
					err = w.Commit(ctx)
				}
				return errors.Join(err, w.Close())
			}
			under := crashfs.From(map[string][]byte{"d/x": base})
			ref := faultfs.New(under, faultfs.Fault{N: -1})
			ok(t, run(ref))
			done := under.Files()["d/x"]
			after := hashOf(t, done)
			if after == before {
				t.Fatal("the edit changes nothing")
			}
			f := must(tensorfile.OpenReaderAt(bytes.NewReader(done), int64(len(done)), nil))(t)
			defer f.Close()
			if r := must(f.Verify(ctx, nil))(t); !r.OK() {
				t.Fatal(r.Findings)
			}
			stride := faultStride(5)
			for n, op := range ref.Ops() {
				if n%stride != len(what)%stride {
					continue
				}
				under := crashfs.From(map[string][]byte{"d/x": base})
				fs := faultfs.New(under, faultfs.Fault{N: n, Mode: faultfs.Before, Err: syscall.EIO})
				err := run(fs)
				hit, _, fired := fs.Hit()
				if !fired {
					t.Fatalf("operation %d, %v, is no longer done", n, op)
				}
				total++
				if err == nil && op.Kind != "ReadAt" { // a read may be tried again

					t.Errorf("operation %d: nobody heard of a failed %v", n, hit)
				}
				if err != nil && !errors.Is(err, syscall.EIO) {
					t.Errorf("operation %d, %v: %v", n, hit, err)
				}
				switch got := hashOf(t, under.Files()["d/x"]); {
				case got == after:
				case got != before || err == nil:
					t.Errorf("operation %d, %v: %v, and the file holds neither what it held nor what it was to hold", n, hit, err)
				}
			}
		})
	}
	t.Logf("%d operations failed in turn", total)
	if total < 600/faultStride(5) {
		t.Error("too few")
	}
}

// TestEveryReadOfEveryWalk fails each read of what goes through a whole file:
// it ends with the error, or with the result that it has without.
func TestEveryReadOfEveryWalk(t *testing.T) {
	base := everyBase(t)
	written := func(fn func(w *tensorfile.Writer) error) (string, error) {
		var b bytes.Buffer
		w := must(tensorfile.NewWriter(&b, &tensorfile.CreateOptions{Deterministic: true}))(t)
		defer w.Close()
		if err := fn(w); err != nil {
			return "", err
		}
		if err := w.Commit(ctx); err != nil {
			return "", err
		}
		return b.String(), nil
	}
	copyAll := func(f *tensorfile.File, o *tensorfile.TensorOptions) (string, error) {
		var list []tensorfile.Item
		for x, err := range f.Tensors() {
			if err != nil {
				return "", err
			}
			list = append(list, tensorfile.Item{Tensor: x, Chunks: o})
		}
		return written(func(w *tensorfile.Writer) error { return w.Copy(ctx, list...) })
	}
	walks := map[string]func(f *tensorfile.File) (string, error){
		"hash": func(f *tensorfile.File) (string, error) {
			h, err := f.Hash(ctx, nil)
			return h.String(), err
		},
		"copy": func(f *tensorfile.File) (string, error) { return copyAll(f, nil) },
		"copy into chunks": func(f *tensorfile.File) (string, error) {
			return copyAll(f, &tensorfile.TensorOptions{Codec: "lz4"})
		},
		"copy into what suits": func(f *tensorfile.File) (string, error) {
			return copyAll(f, &tensorfile.TensorOptions{Codec: "fast"})
		},
		"verify": func(f *tensorfile.File) (string, error) {
			r, err := f.Verify(ctx, nil)
			if err != nil {
				return "", err
			}
			return "", errors.Join(r.Findings...)
		},
	}
	total := 0
	for what, walk := range walks {
		t.Run(what, func(t *testing.T) {
			count := &spoiltReader{r: bytes.NewReader(base), at: -1}
			f := must(tensorfile.OpenReaderAt(count, int64(len(base)), nil))(t)
			want, err := walk(f)
			ok(t, err)
			ok(t, f.Close())
			reads := count.n
			stride := faultStride(11)
			for n := len(what) % stride; n < reads; n += stride {
				r := &spoiltReader{r: bytes.NewReader(base), at: n, spoil: func() error { return syscall.EIO }}
				got := ""
				f, err := tensorfile.OpenReaderAt(r, int64(len(base)), nil)
				if err == nil {
					got, err = walk(f)
					f.Close()
				}
				total++
				if err == nil && got != want {
					t.Errorf("read %d of %d failed, and the result is another one", n, reads)
				}
				if err != nil && !errors.Is(err, syscall.EIO) {
					t.Errorf("read %d: %v", n, err)
				}
			}
		})
	}
	t.Logf("%d reads failed in turn", total)
	if total < 1500/faultStride(11) {
		t.Error("too few")
	}
}
