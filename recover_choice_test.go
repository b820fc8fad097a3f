//go:build unix

package tensorfile_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/internal/crashfs"
	"github.com/tensorfile/tensorfile/tensor"
)

// evil is a record that nobody has committed, on the storage of "good".
func evil(generation uint64) []format.TensorRecord {
	return []format.TensorRecord{{Name: "evil", Kind: format.KindDense, DType: tensor.U8, Shape: tensor.Shape{4}, Strides: tensor.Strides{1}, Storage: 1, Generation: generation}}
}

func goodImage() *forge.Image {
	return forge.Build(false, forge.Gen{Journal: true, Tensors: []forge.Tensor{u8("good", 1, 4), u8("other", 2, 3), u8("third", 1, 2)},
		Storages: []forge.Storage{{ID: 1, Data: []byte("good")}, {ID: 2, Data: []byte("abc")}}})
}

// A run that lies in a chunk is data, even where the run of the commit that the
// chunk belongs to is lost, and the journal alone tells of the chunk.
func TestRecoverIgnoresChunksOfTheJournal(t *testing.T) {
	fs := crashfs.New()
	w := must(tensorfile.Create(faultPath, (&tensorfile.CreateOptions{Deterministic: true}).On(fs)))(t)
	put(t, w, "good", []byte("good"))
	ok(t, w.Commit(ctx))
	base := fs.Files()[faultPath]
	second := func(trap []byte) []byte {
		fs := crashfs.From(map[string][]byte{faultPath: base})
		w := must(tensorfile.OpenAppend(faultPath, (&tensorfile.AppendOptions{Time: time.Unix(1, 0)}).On(fs)))(t)
		ok(t, w.Add(ctx, "trap", must(tensor.FromSlice(trap))(t), &tensorfile.TensorOptions{Chunk: tensor.Shape{1 << 16}}))
		ok(t, w.Commit(ctx))
		ok(t, w.Close())
		return fs.Files()[faultPath]
	}
	trap := someNoise(1 << 16)
	at := int64(bytes.Index(second(trap), trap))
	run, _, err := format.AppendRun(nil, evil(2), nil, format.RunParams{UUID: [16]byte(base[16:32]), Generation: 2, Begin: at, NextID: 9})
	ok(t, err)
	copy(trap, run)
	b := second(trap)
	if int64(bytes.Index(b, trap)) != at {
		t.Fatalf("the chunk is not at %d again", at)
	}
	s := must(format.ScanStructures(sourceOf(b), int64(len(b)), func(int64) error { return nil }))(t)
	lost := 0
	for _, r := range s.Runs {
		if r.Generation == 2 && !r.Journal && r.Offset > at+int64(len(trap)) {
			lost++
			clear(b[r.Begin() : r.Offset+int64(r.Ref.Length)])
		}
	}
	if lost != 1 {
		t.Fatalf("%d runs of the commit", lost)
	}
	got, rep, err := rescueDense(t, b)
	ok(t, err)
	if !slices.Equal(got, []string{"good", "trap"}) || rep.Whole || rep.Generation != 2 {
		t.Errorf("%q, %+v", got, rep)
	}
}

// A run behind the committed length belongs to nothing that was acknowledged,
// whatever generation it names.
func TestRecoverIgnoresTails(t *testing.T) {
	im := goodImage()
	run, _, err := format.AppendRun(nil, evil(1), nil, format.RunParams{UUID: forge.UUID, Generation: 1, Begin: int64(len(im.B)), NextID: 9})
	ok(t, err)
	got, rep, err := rescueDense(t, append(im.B, run...))
	ok(t, err)
	if !slices.Equal(got, []string{"good", "other", "third"}) || !rep.Whole || len(rep.Unacknowledged) != 0 {
		t.Errorf("%q, %+v", got, rep)
	}
}

// Of a slot and a trailer of one generation the trailer counts, where the header
// is damaged.
func TestRecoverPrefersTrailers(t *testing.T) {
	im := goodImage()
	im.B[0] ^= 1
	for _, at := range []int{format.SlotA, format.SlotB} {
		r := im.B[at : at+format.RootSize]
		r[forge.RTime] ^= 1
		im.P32(int64(at)+forge.RCRC, forge.CRC(r[8:]))
	}
	dir := t.TempDir()
	path, dst := filepath.Join(dir, "damaged"), filepath.Join(dir, "out")
	ok(t, im.Write(path))
	must(tensorfile.Recover(ctx, path, dst, &tensorfile.RecoverOptions{NoSync: true}))(t)
	if got, want := opened(t, dst, nil).Info().Time, time.Unix(1_700_000_000, 0); !got.Equal(want) {
		t.Errorf("committed at %v, want %v", got, want)
	}
}

// What this library must not write it does not recover either: records may mean
// what is not known here.
func TestRecoverRefusesFeatures(t *testing.T) {
	for _, field := range []int64{forge.RMustRead, forge.RMustWrite} {
		im := goodImage()
		im.P64(im.Last().Trailer+field, 1<<40).Seal()
		_, _, err := rescueDense(t, im.B)
		rule := format.RuleRootMustRead
		if field == forge.RMustWrite {
			rule = format.RuleRootMustWrite
		}
		if !isRule(err, tensorfile.ErrUnsupported, rule) {
			t.Errorf("field at %d: %v, want rule %s", field, err, rule)
		}
	}
}

// Entries that a catalog has lost are counted, tensors and storages, whether the
// journal tells of them or not.
func TestRecoverCountsEntries(t *testing.T) {
	im := goodImage()
	im.B[im.Last().Body+20] ^= 1
	got, rep, err := rescueDense(t, im.B)
	ok(t, err)
	if rep.Entries != 5 || rep.Tensors != 3 || rep.Storages != 2 || rep.Whole || len(rep.Lost) != 0 || len(got) != 3 {
		t.Errorf("%q, %+v, want 5 entries lost", got, rep)
	}
}

// Pages that are put together anew must hold, too: a grid whose directory is
// gone and one of whose entries makes no sense is lost, and no other.
func TestRecoverOfBadPages(t *testing.T) {
	const n = 130
	chunks := make([]forge.Chunk, n)
	for i := range chunks {
		chunks[i] = forge.Chunk{Coding: format.CodingRaw, Data: []byte{byte(i)}, Origin: uint64(i)}
	}
	image := func() *forge.Image {
		return forge.File([]forge.Tensor{u8("good", 1, 4), u8("grid", 2, n)}, forge.Storage{ID: 1, Data: []byte("good")},
			forge.Storage{ID: 2, Grid: true, Size: n, Stored: n, DType: forge.U8, Shape: []uint64{n}, Chunk: []uint64{1}, Slabs: n, Chunks: chunks})
	}
	for _, bad := range []bool{false, true} {
		im := image()
		pages := im.Last().Pages[1]
		if len(pages) != 3 {
			t.Fatalf("%d pages", len(pages))
		}
		if bad {
			im.P8(pages[0]+forge.PEntries+5*forge.ESize+forge.ECoding, 200).Seal()
		}
		im.B[pages[2]+forge.PEntries] ^= 1
		got, rep, err := rescueDense(t, im.B)
		ok(t, err)
		if !bad {
			if !slices.Equal(got, []string{"good", "grid"}) || len(rep.Lost) != 0 || len(rep.Damage) != 1 {
				t.Errorf("without its directory: %q, %+v", got, rep)
			}
			continue
		}
		if !slices.Equal(got, []string{"good"}) || len(rep.Lost) != 1 || rep.Lost[0].Name != "grid" || !isRule(rep.Lost[0].Err, tensorfile.ErrCorrupt, format.RuleRefCRC) {
			t.Errorf("with a bad entry: %q, %+v", got, rep)
		}
	}
}

// A search that is called off ends with the context's error, wherever it is, and
// takes nothing for lost.
func TestRecoverCalledOff(t *testing.T) {
	for what, change := range map[string]func(im *forge.Image){
		"whole":     func(*forge.Image) {},
		"no header": func(im *forge.Image) { im.B[0] ^= 1 },
		"no run":    func(im *forge.Image) { im.B[im.Last().Head] ^= 1 },
	} {
		im := goodImage()
		change(im)
		path := filepath.Join(t.TempDir(), "x")
		ok(t, im.Write(path))
		count := calledOffAfter(1 << 40)
		rep := must(tensorfile.Recover(count, path, "", &tensorfile.RecoverOptions{DryRun: true}))(t)
		if rep.Tensors != 3 || len(rep.Lost) != 0 {
			t.Errorf("%s: %+v", what, rep)
		}
		n := count.asked.Load()
		if n < 5 {
			t.Errorf("%s: asked %d times", what, n)
		}
		for at := range n {
			if _, err := tensorfile.Recover(calledOffAfter(at), path, "", &tensorfile.RecoverOptions{DryRun: true}); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: asked %d times of %d: %v", what, at, n, err)
			}
		}
	}
}

// A repack keeps the alignment of the file.
func TestRepackKeepsAlignment(t *testing.T) {
	im := forge.Build(false, forge.Gen{AlignExp: 16, Tensors: []forge.Tensor{u8("a", 1, 70_000), u8("b", 2, 70_001)},
		Storages: []forge.Storage{{ID: 1, Data: someNoise(70_000)}, {ID: 2, Data: someNoise(70_001)}}})
	f := must(openImage(im))(t)
	defer f.Close()
	dst := temp(t)
	must(tensorfile.Repack(ctx, f, dst, &tensorfile.RepackOptions{NoSync: true}))(t)
	g := verified(t, dst, nil)
	defer g.Close()
	if got := g.Info().AlignExp; got != 16 {
		t.Errorf("alignment 1<<%d, want 1<<16", got)
	}
	for _, name := range []string{"a", "b"} {
		if at := must(g.Tensor(name))(t).Storage().Offset; at%(1<<16) != 0 {
			t.Errorf("%s stands at %d", name, at)
		}
	}
}

// A grid that says that it stores more than the file has is not copied: what
// many chunks share would be written many times.
func TestRepackRefusesSharedChunks(t *testing.T) {
	im := forge.File([]forge.Tensor{u8("grid", 1, 4)}, forge.Storage{ID: 1, Grid: true, Size: 4, Stored: 1 << 20, DType: forge.U8, Shape: []uint64{4}, Chunk: []uint64{4}, Slabs: 1,
		Chunks: []forge.Chunk{{Coding: format.CodingRaw, Data: []byte("abcd")}}})
	path := temp(t)
	ok(t, im.Write(path))
	f := opened(t, path, nil)
	dst := filepath.Join(t.TempDir(), "out")
	_, err := tensorfile.Repack(ctx, f, dst, nil)
	var e *tensorfile.Error
	if !isRule(err, tensorfile.ErrLimit, format.RuleOverlap) || !errors.As(err, &e) || e.Got != "1048576" || e.Tensor != "grid" {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(dst); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file is left: %v", err)
	}
}

// Parts that share their bytes count them once.
func TestSizesOfSharedParts(t *testing.T) {
	im := forge.File([]forge.Tensor{
		{Name: "m", Kind: 2, Layout: 2, DType: forge.U8, Shape: []uint64{4, 4}, Strides: []int64{0, 0}},
		u8("m\x00indices", 1, 3), u8("m\x00indptr", 1, 5), u8("m\x00values", 1, 3),
	}, forge.Storage{ID: 1, Data: []byte{0, 1, 2, 3, 3}})
	f := must(openImage(im))(t)
	defer f.Close()
	x := must(f.Tensor("m"))(t)
	if got := x.Storage().Stored; got != 5 {
		t.Errorf("%d bytes stored, want 5", got)
	}
	if got := x.ByteSize(); got != 11 {
		t.Errorf("%d bytes, want 11", got)
	}
}

// A tensor whose attributes are none is kept without them.
func TestRecoverOfBadAttributes(t *testing.T) {
	bad := u8("bad", 1, 4)
	bad.Attrs = `[1]`
	good := u8("good", 1, 4)
	good.Attrs = `{"unit":"s"}`
	im := forge.File([]forge.Tensor{bad, good}, forge.Storage{ID: 1, Data: []byte("good")})
	dir := t.TempDir()
	src, dst := filepath.Join(dir, "a.tensor"), filepath.Join(dir, "b.tensor")
	ok(t, os.WriteFile(src, im.B, 0o600))
	damaged := must(tensorfile.Open(src, nil))(t)
	if _, err := tensorfile.Repack(ctx, damaged, dst, nil); !isRule(err, tensorfile.ErrFormat, format.RuleAttrJSON) {
		t.Error(err)
	}
	ok(t, damaged.Close())
	rep, err := tensorfile.Recover(ctx, src, dst, nil)
	ok(t, err)
	if len(rep.Damage) != 1 || !isRule(rep.Damage[0], tensorfile.ErrFormat, format.RuleAttrJSON) || rep.Tensors != 2 || len(rep.Lost) != 0 {
		t.Errorf("%+v", rep)
	}
	f := must(tensorfile.Open(dst, nil))(t)
	defer f.Close()
	for name, want := range map[string]int{"bad": 0, "good": 1} {
		if a := must(must(f.Tensor(name))(t).Attrs())(t); len(a) != want {
			t.Errorf("%s: attributes %v", name, a)
		}
	}
	if r := must(f.Verify(ctx, nil))(t); !r.OK() {
		t.Error(r.Findings)
	}
}
