package tensorfile_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/tensor"
)

// usage opens a file and adds its bytes up.
func usage(t testing.TB, path string, o *tensorfile.OpenOptions) tensorfile.Usage {
	t.Helper()
	f := must(tensorfile.Open(path, o))(t)
	defer f.Close()
	u := must(f.Usage(ctx))(t)
	if u.Total() != f.Info().Size {
		t.Errorf("%+v adds up to %d of %d bytes", u, u.Total(), f.Info().Size)
	}
	if u.Control != format.DataStart || u.Payload+u.Tables != f.Info().Live {
		t.Errorf("%+v, live %d", u, f.Info().Live)
	}
	return u
}

// verified opens the file at path and demands that nothing is wrong with it.
func verified(t testing.TB, path string, o *tensorfile.OpenOptions) *tensorfile.File {
	t.Helper()
	f := must(tensorfile.Open(path, o))(t)
	rep := must(f.Verify(ctx, nil))(t)
	if !rep.OK() {
		t.Fatalf("%s: %v", filepath.Base(path), rep.Findings)
	}
	return f
}

func TestUsage(t *testing.T) {
	path := temp(t)
	write(t, path, func(w *tensorfile.Writer) {
		put(t, w, "a", bytes.Repeat([]byte{7}, 100_000))
		put(t, w, "big", bytes.Repeat([]byte{9}, 3<<20))
	})
	u := usage(t, path, nil)
	if u.Payload != 100_000+3<<20 || u.Tables != 12 || u.Dead != 0 || u.Journal == 0 || u.Catalog == 0 || u.Leftover != 0 {
		t.Errorf("%+v", u)
	}
	edit(t, path, func(w *tensorfile.Writer) { put(t, w, "a", []byte("short")) })
	edit(t, path, func(w *tensorfile.Writer) { ok(t, w.Delete("big")) })
	u = usage(t, path, nil)
	if u.Payload != 5 || u.Tables != 0 || u.Dead < 100_000+3<<20 || u.Dead > 100_000+3<<20+2000 {
		t.Errorf("%+v", u)
	}
	if u := usage(t, path, &tensorfile.OpenOptions{Generation: 1}); u.Payload != 100_000+3<<20 || u.Dead < 200 || u.Dead > 2000 {
		t.Errorf("generation 1: %+v", u)
	}
	f := must(os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0))(t)
	must(f.Write(make([]byte, 77)))(t)
	ok(t, f.Close())
	if u := usage(t, path, nil); u.Leftover != 77 {
		t.Errorf("%+v", u)
	}
}

// busyFile is a file with every kind of edit behind it: shared storages, a
// composite with parts, an unknown dtype, attributes, dead bytes.
func busyFile(t testing.TB, path string) {
	t.Helper()
	do := mustNoErr(t)
	rng := rand.New(rand.NewPCG(5, 6))
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	write(t, path, func(w *tensorfile.Writer) {
		do(w.SetAttrs(tensorfile.Attrs{"title": "busy"}))
		s := must(w.AddStorage(ctx, 6000, bytes.NewReader(noise(6000))))(t)
		do(w.TensorOn(s, "shared", tensor.I16, tensor.Shape{50, 60}, nil, 0, nil))
		do(w.TensorOn(s, "shared.T", tensor.I16, tensor.Shape{60, 50}, tensor.Strides{2, 120}, 0, &tensorfile.TensorOptions{Attrs: tensorfile.Attrs{"x": int64(1)}}))
		do(w.TensorOn(s, "window", tensor.U8, tensor.Shape{10}, tensor.Strides{-3}, 5000, nil))
		put(t, w, "old", noise(70_000))
		put(t, w, "two blocks", noise(1<<20+5))
		do(w.Add(ctx, "empty", must(tensor.Make(tensor.F32, tensor.Shape{0, 3}))(t), nil))
	})
	edit(t, path, func(w *tensorfile.Writer) { put(t, w, "old", noise(80_000)) })
	edit(t, path, func(w *tensorfile.Writer) {
		do(w.Delete("old"))
		do(w.CopyTensor("two blocks", "again"))
		put(t, w, "new", noise(300))
	})
	edit(t, path, func(w *tensorfile.Writer) {
		do(w.Rename("new", "newer"))
		do(w.SetTensorAttrs("shared", tensorfile.Attrs{"unit": "s"}))
		do(w.Delete("shared.T"))
	})
}

// all is everything that a generation says, by name.
func all(t testing.TB, f *tensorfile.File) map[string]string {
	t.Helper()
	m := map[string]string{"": fmt.Sprint(must(f.Attrs())(t))}
	for x, err := range f.Tensors() {
		ok(t, err)
		a := must(x.Attrs())(t)
		h := must(x.Hash(ctx))(t)
		m[x.Name()] = fmt.Sprint(x.DType(), x.Shape(), x.Strides(), x.Offset(), x.Generation(), a, h)
	}
	return m
}

func repack(t testing.TB, path, dst string, o *tensorfile.RepackOptions) *tensorfile.RepackResult {
	t.Helper()
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	return must(tensorfile.Repack(ctx, f, dst, o))(t)
}

func TestRepack(t *testing.T) {
	path := temp(t)
	busyFile(t, path)
	before := must(os.ReadFile(path))(t)
	want := map[uint64]map[string]string{}
	for g := uint64(1); g <= 4; g++ {
		f := must(tensorfile.Open(path, &tensorfile.OpenOptions{Generation: g}))(t)
		want[g] = all(t, f)
		ok(t, f.Close())
	}
	for i, c := range []struct {
		o    tensorfile.RepackOptions
		want []uint64
	}{
		{tensorfile.RepackOptions{}, []uint64{4}},
		{tensorfile.RepackOptions{Keep: []uint64{1}}, []uint64{1, 4}},
		{tensorfile.RepackOptions{Keep: []uint64{4, 2, 2}, Align: 1 << 16}, []uint64{2, 4}},
		{tensorfile.RepackOptions{KeepAll: true}, []uint64{1, 2, 3, 4}},
	} {
		dst := filepath.Join(filepath.Dir(path), fmt.Sprint("out", i))
		r := repack(t, path, dst, &c.o)
		if !slices.Equal(r.Generations, c.want) || r.InPlace || r.Before != int64(len(before)) || r.Tensors != 6 {
			t.Errorf("%+v", r)
		}
		f := verified(t, dst, nil)
		info := f.Info()
		if info.Size != r.After || info.Generation != 4 || info.Leftover != 0 || len(info.Notes) > 0 {
			t.Errorf("%+v, %+v", info, r)
		}
		if c.o.Align != 0 && info.AlignExp != 16 {
			t.Error("alignment", info.AlignExp)
		}
		have := map[uint64]tensorfile.Generation{}
		for g, err := range f.Generations(ctx) {
			ok(t, err)
			have[g.Number] = g
		}
		if got := slices.Sorted(maps.Keys(have)); !slices.Equal(got, c.want) {
			t.Errorf("generations %v", got)
		}
		src := must(tensorfile.Open(path, nil))(t)
		for g, err := range src.Generations(ctx) {
			ok(t, err)
			if h, ok := have[g.Number]; ok && !h.Time.Equal(g.Time) {
				t.Errorf("generation %d: time %v, want %v", g.Number, h.Time, g.Time)
			}
		}
		if src.Info().UUID == info.UUID {
			t.Error("the UUID is the old one")
		}
		ok(t, src.Close())
		ok(t, f.Close())
		for _, g := range c.want {
			f := must(tensorfile.Open(dst, &tensorfile.OpenOptions{Generation: g}))(t)
			if got := all(t, f); !maps.Equal(got, want[g]) {
				t.Errorf("generation %d:\n%v\nwant\n%v", g, got, want[g])
			}
			u := must(f.Usage(ctx))(t)
			if len(c.want) == 1 && (u.Dead != 0 || u.Payload != 6000+300+1<<20+5 || u.Payload+u.Tables != f.Info().Live) {
				t.Errorf("%+v", u)
			}
			if x, y := must(f.Tensor("shared"))(t), must(f.Tensor("window"))(t); x.Storage().ID != y.Storage().ID {
				t.Error("what shared a storage has two")
			}
			ok(t, f.Close())
		}
		// It is written in one pass, so it counts from its end alone.
		b := must(os.ReadFile(dst))(t)
		clear(b[4096:12288])
		g, err := tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil)
		ok(t, err)
		if !g.Info().Streamed {
			t.Error("the last trailer is not CREATED")
		}
		ok(t, g.Close())
		// And it can be edited.
		edit(t, dst, func(w *tensorfile.Writer) { put(t, w, "old", []byte("x")) })
		ok(t, verified(t, dst, nil).Close())
	}
	if !bytes.Equal(before, must(os.ReadFile(path))(t)) {
		t.Error("the source has changed")
	}
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	repack(t, path, a, &tensorfile.RepackOptions{Deterministic: true, Keep: []uint64{2}})
	repack(t, path, b, &tensorfile.RepackOptions{Deterministic: true, Keep: []uint64{2}})
	if !bytes.Equal(must(os.ReadFile(a))(t), must(os.ReadFile(b))(t)) {
		t.Error("two deterministic repacks differ")
	}
}

func TestRepackInPlace(t *testing.T) {
	path := temp(t)
	busyFile(t, path)
	ok(t, os.Chmod(path, 0o600))
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	want := all(t, f)
	link := filepath.Join(t.TempDir(), "link")
	ok(t, os.Symlink(path, link))
	// A writer at work has the file.
	w := must(tensorfile.OpenAppend(path, nil))(t)
	_, err := tensorfile.Repack(ctx, f, link, nil)
	wantErr(t, err, tensorfile.ErrLocked)
	put(t, w, "more", []byte("more"))
	ok(t, w.Commit(ctx))
	ok(t, w.Close())
	// What was committed since is not lost.
	_, err = tensorfile.Repack(ctx, f, link, nil)
	wantErr(t, err, tensorfile.ErrChanged, "generation", "5", "4")
	n := must(f.Refresh())(t)
	defer n.Close()
	want["more"] = all(t, n)["more"]
	r := must(tensorfile.Repack(ctx, n, link, &tensorfile.RepackOptions{Keep: []uint64{4}}))(t)
	if !r.InPlace || r.After >= r.Before {
		t.Errorf("%+v", r)
	}
	g := verified(t, path, nil)
	defer g.Close()
	if got := all(t, g); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := all(t, n); !maps.Equal(got, want) {
		t.Error("the reader of the old file lost it")
	}
	if must(os.Stat(path))(t).Mode().Perm() != 0o600 || must(os.Lstat(link))(t).Mode()&os.ModeSymlink == 0 {
		t.Error("mode or link are not kept")
	}
	_, err = tensorfile.Repack(ctx, n, path, &tensorfile.RepackOptions{Overwrite: true})
	wantErr(t, err, tensorfile.ErrChanged)
	old := must(tensorfile.Open(path, &tensorfile.OpenOptions{Generation: 4}))(t)
	defer old.Close()
	_, err = tensorfile.Repack(ctx, old, path, nil)
	wantErr(t, err, tensorfile.ErrUnsupported, "newest")
	// A snapshot can be taken out of a file.
	out := filepath.Join(t.TempDir(), "out")
	if r := must(tensorfile.Repack(ctx, old, out, nil))(t); !slices.Equal(r.Generations, []uint64{4}) {
		t.Errorf("%+v", r)
	}
	if list := names(t, filepath.Dir(path)); len(list) != 1 {
		t.Error(list)
	}
}

// Nothing is written, and the tensor is named, if a checksum does not hold.
func TestRepackDamage(t *testing.T) {
	path := temp(t)
	busyFile(t, path)
	b := must(os.ReadFile(path))(t)
	f := must(tensorfile.Open(path, nil))(t)
	st := must(f.Tensor("two blocks"))(t).Storage()
	ok(t, f.Close())
	b[st.Offset+1<<20+2] ^= 1
	ok(t, os.WriteFile(path, b, 0o444))
	for _, o := range []*tensorfile.OpenOptions{nil, {NoMmap: true}} {
		f := must(tensorfile.Open(path, o))(t)
		dst := filepath.Join(t.TempDir(), "dst")
		_, err := tensorfile.Repack(ctx, f, dst, nil)
		wantErr(t, err, tensorfile.ErrCorrupt, "again", "block 1")
		if list := names(t, filepath.Dir(dst)); len(list) != 0 {
			t.Error(list)
		}
		_, err = tensorfile.Repack(ctx, f, dst, &tensorfile.RepackOptions{Keep: []uint64{3, 9}})
		wantErr(t, err, tensorfile.ErrNotFound, "9")
		canceled, cancel := context.WithCancel(ctx)
		cancel()
		_, err = tensorfile.Repack(canceled, f, dst, nil)
		wantErr(t, err, context.Canceled)
		ok(t, f.Close())
	}
}

// Composites go over as records, whatever their layout; so do dtypes that are
// not known. Parts without a composite are dead.
func TestRepackOpaque(t *testing.T) {
	odd := forge.Tensor{Name: "odd", Storage: 1, DType: forge.DT(9, 3, 7, 32, 28), Shape: []uint64{64}, Strides: []int64{28}}
	comp := forge.Tensor{Name: "sparse", Kind: 2, Layout: 77, DType: odd.DType, Shape: []uint64{5, 5}, Strides: []int64{0, 0}}
	im := forge.File([]forge.Tensor{
		odd, comp, u8("sparse\x00indices", 2, 10), u8("sparse\x00values", 1, 10), u8("t\x00orphan", 3, 3), {Name: "view", Storage: 1, DType: odd.DType, Shape: []uint64{32}, Strides: []int64{28}, Offset: 28},
	}, forge.Storage{ID: 1, Data: bytes.Repeat([]byte("x"), 56)}, forge.Storage{ID: 2, Data: []byte("0123456789")}, forge.Storage{ID: 3, Data: []byte("abc")}, forge.Storage{ID: 4, Data: []byte("dead")})
	f := must(openImage(im))(t)
	defer f.Close()
	dst := temp(t)
	r := must(tensorfile.Repack(ctx, f, dst, nil))(t)
	if r.Tensors != 3 || r.Storages != 2 || r.Payload != 66 {
		t.Errorf("%+v", r)
	}
	g := verified(t, dst, nil)
	defer g.Close()
	if a, b := all(t, f), all(t, g); !maps.Equal(a, b) || len(b) != 4 {
		t.Errorf("%v, want %v", b, a)
	}
	if layout, _, ok := must(g.Tensor("sparse"))(t).Composite(); !ok || layout != 77 {
		t.Error("layout", layout)
	}
}

// Sources need not be files, and memory does not grow with the payload.
func TestRepackStreams(t *testing.T) {
	path := temp(t)
	const size = 96 << 20
	write(t, path, func(w *tensorfile.Writer) {
		for _, name := range []string{"a", "b"} {
			ok(t, w.AddReader(ctx, name, tensor.U8, tensor.Shape{size / 2}, io.LimitReader(zeros{}, size/2), nil))
		}
	})
	r := must(os.Open(path))(t)
	defer r.Close()
	f := must(tensorfile.OpenReaderAt(r, must(r.Stat())(t).Size(), nil))(t)
	defer f.Close()
	dst := filepath.Join(t.TempDir(), "dst")
	n := allocated(func() { must(tensorfile.Repack(ctx, f, dst, &tensorfile.RepackOptions{NoSync: true}))(t) })
	if n > 40<<20 {
		t.Errorf("%d MiB of memory for %d MiB", n>>20, size>>20)
	}
	ok(t, verified(t, dst, nil).Close())
	_, err := tensorfile.Repack(ctx, f, dst, nil)
	wantErr(t, err, tensorfile.ErrExists)
	l := &tensorfile.Layout{Format: "other"}
	x := foreign(t, []byte("abc"), l, nil)
	defer x.Close()
	_, err = tensorfile.Repack(ctx, x, dst, nil)
	wantErr(t, err, tensorfile.ErrUnsupported, "foreign")
	if _, err := x.Usage(ctx); err == nil || !strings.Contains(err.Error(), "foreign") {
		t.Error(err)
	}
}

// Root records tell the bytes that a repack would keep, whatever was done.
func TestLiveBytes(t *testing.T) {
	path := temp(t)
	busyFile(t, path)
	w := must(tensorfile.OpenAppend(path, nil))(t)
	do := mustNoErr(t)
	rng := rand.New(rand.NewPCG(11, 12))
	have := []string{"two blocks", "again", "shared", "window", "newer"}
	for i := range 40 {
		for range 1 + rng.IntN(4) {
			k := rng.IntN(len(have))
			switch rng.IntN(6) {
			case 0, 1:
				name := fmt.Sprint("new", i, len(have))
				put(t, w, name, bytes.Repeat([]byte{1}, 100+rng.IntN(5000)))
				have = append(have, name)
			case 2:
				put(t, w, have[k], bytes.Repeat([]byte{2}, 100+rng.IntN(5000)))
			case 3:
				name := fmt.Sprint("copy", i, len(have))
				do(w.CopyTensor(have[k], name))
				have = append(have, name)
			case 4:
				do(w.Rename(have[k], have[k]+"'"))
				have[k] += "'"
			case 5:
				if len(have) > 2 {
					do(w.Delete(have[k]))
					have = slices.Delete(have, k, k+1)
				}
			}
		}
		must(w.AddStorage(ctx, 10, strings.NewReader("nobody's.."))) // named by nothing
		if i == 20 {
			do(w.Revert(4))
			have = []string{"two blocks", "again", "shared", "window", "newer"}
		}
		ok(t, w.Commit(ctx))
		usage(t, path, nil)
	}
	ok(t, w.Close())
	ok(t, verified(t, path, nil).Close())
}
