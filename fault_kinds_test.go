//go:build unix

package tensorfile_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/crashfs"
	"github.com/tensorfile/tensorfile/internal/faultfs"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// floats are rows of float32 that no two alike.
func floats(t testing.TB, rows, columns int64, seed float32) tensor.View {
	list := make([]float32, rows*columns)
	for i := range list {
		list[i] = seed + float32(i*i%8191)/16
	}
	return vec(t, tensor.Shape{rows, columns}, list...)
}

// filledCOO is a sparse matrix of one column more each time, with a fill.
func filledCOO(t testing.TB, row int64, value float64) tensorfile.Composite {
	return tensorfile.Composite{Layout: format.LayoutCOO, Flags: sortedUnique, DType: tensor.F64, Shape: tensor.Shape{row + 1, 4}, Parts: parts{
		{Role: "indices", View: vec(t, tensor.Shape{1, 2}, row, 2)}, {Role: "values", View: vec(t, nil, value)}, {Role: "fill", View: vec(t, tensor.Shape{}, 7.0)}}}
}

// everyKind is a file of four generations with tensors of each kind.
func everyKind(t testing.TB) []byte {
	t.Helper()
	fs := crashfs.New()
	w := must(tensorfile.Create(faultPath, (&tensorfile.CreateOptions{Deterministic: true}).On(fs)))(t)
	list := smallComposites(t)
	for _, name := range slices.Sorted(maps.Keys(list)) {
		ok(t, w.AddComposite(ctx, name, list[name], nil))
		if name != "quantised" {
			ok(t, w.AddComposite(ctx, name+" in chunks", list[name], &tensorfile.TensorOptions{Chunk: tensor.Shape{2}, Codec: "zstd"}))
		}
	}
	ok(t, w.AddComposite(ctx, "filled", filledCOO(t, 1, 5), nil))
	ok(t, w.Add(ctx, "grid", floats(t, 37, 6, 1), &tensorfile.TensorOptions{Chunk: tensor.Shape{8, 4}, Codec: "shuffle|zstd"}))
	ok(t, w.Add(ctx, "other grid", floats(t, 9, 6, 2), &tensorfile.TensorOptions{Chunk: tensor.Shape{4, 6}, Codec: "lz4"}))
	// Pages of two levels, and chunks that are stored as they are.
	ok(t, w.Add(ctx, "deep grid", floats(t, 270, 6, 12), &tensorfile.TensorOptions{Chunk: tensor.Shape{2, 6}, Codec: "zstd"}))
	ok(t, w.Add(ctx, "stored", floats(t, 50, 8, 13), &tensorfile.TensorOptions{Chunk: tensor.Shape{7, 8}}))
	ok(t, w.Add(ctx, "plain", floats(t, 11, 3, 3), nil))
	ok(t, w.Add(ctx, "long", floats(t, 120, 300, 4), nil)) // several block sums
	ok(t, w.SetAttrs(tensorfile.Attrs{"title": "every kind"}))
	ok(t, w.Commit(ctx))
	for i, change := range []func(w *tensorfile.Writer) error{
		func(w *tensorfile.Writer) error {
			_, err := w.Append(ctx, "grid", floats(t, 5, 6, 5), nil)
			return errors.Join(err, w.Delete("other grid"))
		},
		func(w *tensorfile.Writer) error {
			return errors.Join(w.Rename("plain", "plain again"), w.SetTensorAttrs("csr", tensorfile.Attrs{"unit": "m"}))
		},
		func(w *tensorfile.Writer) error {
			_, err := w.AppendComposite(ctx, "csr in chunks", moreRows(t)["csr"][0], nil)
			return errors.Join(err, w.CopyTensor("long", "long again"))
		},
	} {
		w := must(tensorfile.OpenAppend(faultPath, (&tensorfile.AppendOptions{Time: time.Unix(int64(i), 0)}).On(fs)))(t)
		ok(t, change(w))
		ok(t, w.Commit(ctx))
		ok(t, w.Close())
	}
	return fs.Files()[faultPath]
}

// tellAll reads all that a file holds and tells it as text.
func tellAll(ctx context.Context, f *tensorfile.File) (string, error) {
	h, err := f.Hash(ctx, nil)
	if err != nil {
		return "", err
	}
	return fmt.Sprint(f.Info().Generation, h), nil
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

// sound tells what a file holds, attributes too, and fails if anything in it is
// wrong, a root slot apart if it may be torn. A sweep meets the same bytes again
// and again, and looks through them once.
func sound(b []byte, torn bool) (string, error) {
	key := soundKey{sha256.Sum256(b), torn}
	if text, known := soundTexts.Load(key); known {
		return text.(string), nil
	}
	text, err := look(b, torn)
	if err == nil {
		soundTexts.Store(key, text)
	}
	return text, err
}

type soundKey struct {
	sum  [sha256.Size]byte
	torn bool
}

var soundTexts sync.Map // soundKey -> string

func look(b []byte, torn bool) (string, error) {
	f, err := tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil)
	if err != nil {
		return "", err
	}
	defer f.Close()
	rep, err := f.Verify(ctx, nil)
	if err != nil {
		return "", err
	}
	for _, err := range rep.Findings {
		var e *tensorfile.Error
		if !torn || !errors.As(err, &e) || e.Offset != format.SlotA && e.Offset != format.SlotB {
			return "", err
		}
	}
	h, err := f.Hash(ctx, nil)
	text := h.String()
	for x, err := range f.Tensors() {
		if err != nil {
			return "", err
		}
		a, err := x.Attrs()
		if err != nil {
			return "", err
		}
		text += fmt.Sprint(map[string]any(a))
	}
	return text, err
}

// TestFaultsEveryEdit fails each operation of each kind of edit once: the file
// is then as before, or as after a commit whose end is not known, and the same
// edit by another writer makes of it what it should be.
func TestFaultsEveryEdit(t *testing.T) {
	base := everyKind(t)
	before := must(sound(base, false))(t)
	other := must(tensorfile.OpenReaderAt(bytes.NewReader(base), int64(len(base)), &tensorfile.OpenOptions{Generation: 1}))(t)
	defer other.Close()
	rows := func(name string) func(w *tensorfile.Writer) error {
		return func(w *tensorfile.Writer) error {
			_, err := w.AppendComposite(ctx, name, moreRows(t)[name][0], &tensorfile.GrowOptions{Chunk: tensor.Shape{3}})
			return err
		}
	}
	chunked := &tensorfile.TensorOptions{Chunk: tensor.Shape{8, 4}, Codec: "zstd"}
	edits := map[string]func(w *tensorfile.Writer) error{
		"append to a grid": func(w *tensorfile.Writer) error {
			_, err := w.Append(ctx, "grid", floats(t, 20, 6, 6), nil)
			return err
		},
		"append twice": func(w *tensorfile.Writer) error {
			_, err := w.Append(ctx, "grid", floats(t, 3, 6, 7), nil)
			if err == nil {
				_, err = w.Append(ctx, "grid", floats(t, 9, 6, 8), nil)
			}
			return err
		},
		"append to plain bytes": func(w *tensorfile.Writer) error {
			_, err := w.Append(ctx, "plain again", floats(t, 9, 3, 9), &tensorfile.GrowOptions{Chunk: tensor.Shape{4, 3}})
			return err
		},
		"append to shared bytes": func(w *tensorfile.Writer) error {
			_, err := w.Append(ctx, "long", floats(t, 9, 300, 9), &tensorfile.GrowOptions{Shared: true})
			return err
		},
		"append to a deep grid": func(w *tensorfile.Writer) error {
			_, err := w.Append(ctx, "deep grid", floats(t, 9, 6, 14), nil)
			return err
		},
		"write a region of a deep grid": func(w *tensorfile.Writer) error {
			sel, err := tensor.ParseSelection("3:12,1:5")
			if err == nil {
				_, err = w.WriteRegion(ctx, "deep grid", sel, floats(t, 9, 4, 15), nil)
			}
			return err
		},
		"shrink a deep grid": func(w *tensorfile.Writer) error {
			_, err := w.Shrink(ctx, "deep grid", 101)
			return err
		},
		"shrink twice": func(w *tensorfile.Writer) error {
			_, err := w.Shrink(ctx, "stored", 48)
			if err == nil {
				_, err = w.Shrink(ctx, "stored", 3)
			}
			return err
		},
		"add":           func(w *tensorfile.Writer) error { return w.Add(ctx, "new", floats(t, 9, 6, 16), nil) },
		"add in chunks": func(w *tensorfile.Writer) error { return w.Add(ctx, "new", floats(t, 9, 6, 17), chunked) },
		"replace": func(w *tensorfile.Writer) error {
			return w.Add(ctx, "grid", floats(t, 9, 6, 18), &tensorfile.TensorOptions{Replace: true})
		},
		"write a region": func(w *tensorfile.Writer) error {
			sel, err := tensor.ParseSelection("6:19,1:5")
			if err == nil {
				_, err = w.WriteRegion(ctx, "grid", sel, floats(t, 13, 4, 10), nil)
			}
			return err
		},
		"shrink": func(w *tensorfile.Writer) error {
			_, err := w.Shrink(ctx, "grid", 21)
			return err
		},
		"rows of csr": rows("csr"), "rows of coo": rows("coo"), "rows of bsr": rows("bsr"), "rows of bitmap": rows("bitmap"), "rows of ragged": rows("ragged"), "rows of string": rows("string"),
		"rows of csr in chunks": func(w *tensorfile.Writer) error {
			_, err := w.AppendComposite(ctx, "csr in chunks", moreRows(t)["csr"][0], nil)
			return err
		},
		"rows with a fill": func(w *tensorfile.Writer) error {
			_, err := w.AppendComposite(ctx, "filled", filledCOO(t, 0, 6), nil)
			return err
		},
		"delete a composite":       func(w *tensorfile.Writer) error { return w.Delete("csr in chunks") },
		"rename a composite":       func(w *tensorfile.Writer) error { return w.Rename("csr in chunks", "moved") },
		"copy a composite":         func(w *tensorfile.Writer) error { return w.CopyTensor("ragged", "again") },
		"attributes":               func(w *tensorfile.Writer) error { return w.SetTensorAttrs("grid", tensorfile.Attrs{"unit": "s"}) },
		"delete of a shared chunk": func(w *tensorfile.Writer) error { return w.Delete("long") },
		"replace a composite": func(w *tensorfile.Writer) error {
			return w.AddComposite(ctx, "string", smallComposites(t)["csf"], &tensorfile.TensorOptions{Replace: true})
		},
		"revert": func(w *tensorfile.Writer) error { return w.Revert(1) },
		"edit, then revert": func(w *tensorfile.Writer) error {
			if err := w.Add(ctx, "none", floats(t, 90, 300, 11), nil); err != nil {
				return err
			}
			return w.Revert(2)
		},
		"copy from another file": func(w *tensorfile.Writer) error {
			for _, name := range []string{"grid", "csr in chunks", "plain"} {
				x, err := other.Tensor(name)
				if err == nil {
					err = w.Copy(ctx, tensorfile.Item{Tensor: x, Name: "from another " + name})
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
		"a stream in chunks": func(w *tensorfile.Writer) error {
			return w.AddReader(ctx, "stream", tensor.F32, tensor.Shape{20, 6}, bytes.NewReader(someBytes(480, 3)), chunked)
		},
		"a view of a storage": func(w *tensorfile.Writer) error {
			id, err := w.AddStorage(ctx, 100<<10, bytes.NewReader(someBytes(100<<10, 5)))
			if err != nil {
				return err
			}
			return w.TensorOn(id, "view", tensor.U8, tensor.Shape{1000}, nil, 5000, nil)
		},
	}
	count := map[string]int{}
	for _, what := range slices.Sorted(maps.Keys(edits)) {
		t.Run(what, func(t *testing.T) {
			edit := func(under *crashfs.FS, fault faultfs.Fault) (*faultfs.FS, error) {
				f := faultfs.New(under, fault)
				w, err := tensorfile.OpenAppend(faultPath, (&tensorfile.AppendOptions{Time: time.Unix(9, 0)}).On(fsys.Steady(f)))
				if err != nil {
					return f, err
				}
				if err = edits[what](w); err == nil {
					err = w.Commit(ctx)
				}
				if cerr := w.Close(); err == nil {
					err = cerr
				}
				return f, err
			}
			under := crashfs.From(map[string][]byte{faultPath: base})
			ref, err := edit(under, faultfs.Fault{N: -1})
			ok(t, err)
			done := under.Files()[faultPath]
			after := must(sound(done, false))(t)
			if after == before {
				t.Fatal("the edit changes nothing")
			}
			stride := 1
			if raceBuild {
				stride = 23
			}
			for n := 0; n < len(ref.Ops()); n += stride {
				fault := faultfs.Fault{N: n, Mode: faultfs.Before, Err: syscall.EIO}
				under := crashfs.From(map[string][]byte{faultPath: base})
				f, err := edit(under, fault)
				hit, _, fired := f.Hit()
				if !fired {
					t.Fatalf("operation %d of %d was not reached", n, len(ref.Ops()))
				}
				end := under.Files()[faultPath]
				unknown := errors.Is(err, tensorfile.ErrCommitUnknown)
				got, serr := sound(end, unknown && hit.Syncs())
				switch {
				case serr != nil:
					t.Errorf("%d, %v: the file: %v", n, hit, serr)
				case err == nil && (hit.Writes() || hit.Syncs()):
					t.Errorf("%d: nobody heard of %v", n, hit)
				case err == nil && got != after:
					t.Errorf("%d: done after %v, and the file holds something else", n, hit)
				case err != nil && got != before && !(got == after && (unknown || hit.Kind == "Close")):
					t.Errorf("%d, %v: the file holds neither the old nor the new", n, hit)
				}
				if err == nil {
					count["survived"]++
					continue
				}
				count["told"]++
				if unknown {
					count["unknown"]++
				}
				faultError(t, err, faultPath, fault, hit)
				if got != before {
					continue
				}
				if _, err := edit(under, faultfs.Fault{N: -1}); err != nil {
					t.Errorf("%d: after %v, once more: %v", n, hit, err)
				} else if got, err := sound(under.Files()[faultPath], false); err != nil || got != after {
					t.Errorf("%d: after %v, once more: the file holds something else (%v)", n, hit, err)
				}
			}
		})
	}
	t.Logf("%v faults in %d edits", count, len(edits))
	if !raceBuild && (count["told"] < 500 || count["unknown"] < len(edits)) {
		t.Errorf("%v", count)
	}
}

// spoiltReader counts reads and spoils one of them.
type spoiltReader struct {
	r     io.ReaderAt
	spoil func() error // in place of that read; nil: it goes on

	mu       sync.Mutex
	n, at    int
	hit      bool
	off, end int64
}

func (s *spoiltReader) ReadAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	fire := s.n == s.at
	s.n++
	if fire {
		s.hit, s.off, s.end = true, off, off+int64(len(p))
	}
	s.mu.Unlock()
	if fire {
		if err := s.spoil(); err != nil {
			return 0, err
		}
	}
	return s.r.ReadAt(p, off)
}

// copiedAll writes all tensors of a file to a stream, and tells what came of it.
func copiedAll(ctx context.Context, f *tensorfile.File, o *tensorfile.TensorOptions) (string, error) {
	var items []tensorfile.Item
	for x, err := range f.Tensors() {
		if err != nil {
			return "", err
		}
		items = append(items, tensorfile.Item{Tensor: x, Chunks: o})
	}
	var b bytes.Buffer
	w, err := tensorfile.NewWriter(&b, &tensorfile.CreateOptions{Deterministic: true})
	if err != nil {
		return "", err
	}
	defer w.Close()
	if err := w.Copy(ctx, items...); err != nil {
		return "", err
	}
	if err := w.Commit(ctx); err != nil {
		return "", err
	}
	return sound(b.Bytes(), false)
}

// readings are the ways to look at a file, each told as text.
func readings() map[string]func(ctx context.Context, f *tensorfile.File) (string, error) {
	each := func(f *tensorfile.File, fn func(x *tensorfile.Tensor) (string, error)) (string, error) {
		var text string
		for x, err := range f.Tensors() {
			if err != nil {
				return "", err
			}
			s, err := fn(x)
			if err != nil {
				return "", err
			}
			text += s + "\n"
		}
		return text, nil
	}
	tell := func(v tensor.View, err error) (string, error) {
		if err != nil {
			return "", err
		}
		b, err := v.Bytes()
		return tensorText(v.DType(), v.Shape(), nil, b), err
	}
	tellComposite := func(c tensorfile.Composite, err error) (string, error) {
		text := fmt.Sprint(c.Layout, c.Flags, c.Shape)
		for _, p := range c.Parts {
			if err == nil {
				var s string
				s, err = tell(p.View, nil)
				text += " " + p.Role + " " + s
			}
		}
		return text, err
	}
	composite := func(x *tensorfile.Tensor) bool { _, _, ok := x.Composite(); return ok }
	return map[string]func(ctx context.Context, f *tensorfile.File) (string, error){
		"hash": tellAll,
		"verify": func(ctx context.Context, f *tensorfile.File) (string, error) {
			rep, err := f.Verify(ctx, &tensorfile.VerifyOptions{Workers: 2})
			if err == nil && !rep.OK() {
				err = rep.Findings[0]
			}
			if err != nil {
				return "", err
			}
			return fmt.Sprint(rep.Generations, rep.Tensors, rep.Storages, rep.Blocks, rep.Bytes), nil
		},
		"read": func(ctx context.Context, f *tensorfile.File) (string, error) {
			return each(f, func(x *tensorfile.Tensor) (string, error) {
				if composite(x) {
					return tellComposite(x.ReadComposite(ctx))
				}
				return tell(x.Read(ctx))
			})
		},
		"rows": func(ctx context.Context, f *tensorfile.File) (string, error) {
			return each(f, func(x *tensorfile.Tensor) (string, error) {
				c, err := x.ReadRows(ctx, 1, 2)
				if errors.Is(err, tensorfile.ErrUnsupported) {
					return x.Name(), nil
				}
				return tellComposite(c, err)
			})
		},
		"chunks": func(ctx context.Context, f *tensorfile.File) (string, error) {
			var text string
			for _, name := range []string{"grid", "plain again", "long"} {
				x, err := f.Tensor(name)
				if err != nil {
					return "", err
				}
				for c, err := range x.Chunks(ctx, &tensorfile.ChunksOptions{Workers: 2}) {
					if err != nil {
						return "", err
					}
					s, err := tell(c.View.Clone())
					if err != nil {
						return "", err
					}
					text += fmt.Sprint(c.Number, c.Origin, s, "\n")
				}
			}
			return text, nil
		},
		"stream": func(ctx context.Context, f *tensorfile.File) (string, error) {
			return each(f, func(x *tensorfile.Tensor) (string, error) {
				if composite(x) {
					return x.Name(), nil
				}
				var b bytes.Buffer
				err := x.WriteCOrder(ctx, &b)
				return tensorText(x.DType(), x.Shape(), nil, b.Bytes()), err
			})
		},
		"usage": func(ctx context.Context, f *tensorfile.File) (string, error) {
			u, err := f.Usage(ctx)
			return fmt.Sprintf("%+v", u), err
		},
		"history": func(ctx context.Context, f *tensorfile.File) (string, error) {
			var text string
			for g, err := range f.Generations(ctx) {
				if err != nil {
					return "", err
				}
				text += fmt.Sprintf("%+v\n", g)
			}
			for from := range uint64(3) {
				c, err := f.Changes(ctx, from+1, 4)
				if err != nil {
					return "", err
				}
				text += fmt.Sprintln(c)
			}
			return text, nil
		},
		"arrays": func(ctx context.Context, f *tensorfile.File) (string, error) {
			x, err := f.Tensor("quantised")
			if err != nil {
				return "", err
			}
			text, err := tell(x.Dequantise(ctx, tensor.F32))
			if err != nil {
				return "", err
			}
			if x, err = f.Tensor("string in chunks"); err != nil {
				return "", err
			}
			s, err := x.Strings(ctx)
			if err != nil {
				return "", err
			}
			if x, err = f.Tensor("ragged in chunks"); err != nil {
				return "", err
			}
			r, err := x.Ragged(ctx)
			if err != nil {
				return "", err
			}
			if x, err = f.Tensor("csr in chunks"); err != nil {
				return "", err
			}
			a, err := x.Sparse(ctx)
			if err != nil {
				return "", err
			}
			dense, err := tell(a.Dense(ctx, nil))
			return text + fmt.Sprint(s.Shape(), r.Shape(), dense), err
		},
		"copy": func(ctx context.Context, f *tensorfile.File) (string, error) { return copiedAll(ctx, f, nil) },
		"copy into chunks": func(ctx context.Context, f *tensorfile.File) (string, error) {
			return copiedAll(ctx, f, &tensorfile.TensorOptions{Codec: "lz4"})
		},
		"copy into what suits": func(ctx context.Context, f *tensorfile.File) (string, error) {
			return copiedAll(ctx, f, &tensorfile.TensorOptions{Codec: "fast"})
		},
		"repack": func(ctx context.Context, f *tensorfile.File) (string, error) {
			const dst = "dir/new.tensor"
			fs := crashfs.From(map[string][]byte{faultPath: nil, dst: []byte("old")})
			_, err := tensorfile.Repack(ctx, f, dst, (&tensorfile.RepackOptions{Deterministic: true, KeepAll: true, Overwrite: true}).On(fs))
			if files := fs.Files(); err == nil {
				return sound(files[dst], false)
			} else if len(files) != 2 || string(files[dst]) != "old" {
				return "the destination changed", err
			}
			return "", err
		},
	}
}

// TestFaultsEveryRead fails each read of each way to look at a file once, and
// calls each of them off: what is told is what was asked for, or an error that
// says where, and the next look at the same open file finds what there is.
func TestFaultsEveryRead(t *testing.T) {
	base := everyKind(t)
	list := readings()
	count := map[string]int{}
	for _, what := range slices.Sorted(maps.Keys(list)) {
		t.Run(what, func(t *testing.T) {
			look := func(s *spoiltReader, ctx context.Context) (string, error) {
				m := mmap.NewReaderAt(s, int64(len(base)), faultPath)
				f, err := tensorfile.OpenMap(m, &tensorfile.OpenOptions{Verify: tensorfile.VerifyOnFirstUse})
				if err != nil {
					m.Close()
					return "", err
				}
				defer f.Close()
				text, err := list[what](ctx, f)
				if s.hit && err != nil {
					s.spoil = func() error { return nil }
					if again, err := list[what](context.Background(), f); err == nil {
						text = again
					} else if !errors.Is(err, syscall.EIO) { // a check that failed is kept, where reading again would tell no more
						text = err.Error()
					}
				}
				return text, err
			}
			ref := &spoiltReader{r: bytes.NewReader(base), at: -1}
			want, err := look(ref, ctx)
			ok(t, err)
			stride := max(1, ref.n/80)
			if strings.HasPrefix(what, "copy") { // each looks for what suits the data
				stride = max(1, ref.n/20)
			}
			if raceBuild {
				stride = max(1, ref.n/5)
			}
			for at := 0; at < ref.n; at += stride {
				s := &spoiltReader{r: bytes.NewReader(base), at: at, spoil: func() error { return syscall.EIO }}
				got, err := look(s, ctx)
				var e *tensorfile.Error
				switch {
				case !s.hit:
					// what runs at once reads in another order, and may need less
				case got != want && got != "":
					t.Errorf("read %d: %s, want %s", at, got, want)
				case err == nil:
					count["survived"]++
				case !errors.Is(err, syscall.EIO) || !errors.Is(err, tensorfile.ErrIO) || !errors.As(err, &e):
					t.Errorf("read %d of [%d, %d): %v", at, s.off, s.end, err)
				case e.Path != faultPath || e.Offset < s.off || e.Offset > s.end:
					t.Errorf("read %d of [%d, %d): %q at %d: %v", at, s.off, s.end, e.Path, e.Offset, err)
				default:
					count["told"]++
				}
				stop, cancel := context.WithCancel(ctx)
				s = &spoiltReader{r: bytes.NewReader(base), at: at, spoil: func() error { cancel(); return nil }}
				got, err = look(s, stop)
				cancel()
				switch {
				case got != want && got != "":
					t.Errorf("called off at read %d: %s, want %s", at, got, want)
				case err == nil:
					count["too late"]++
				case !errors.Is(err, context.Canceled):
					t.Errorf("called off at read %d: %v", at, err)
				default:
					count["called off"]++
				}
			}
		})
	}
	t.Logf("%v in %d ways", count, len(list))
	if !raceBuild && (count["told"] < 400 || count["called off"] < 200) {
		t.Errorf("%v", count)
	}
}
