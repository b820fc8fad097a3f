//go:build unix

package tensorfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/internal/crashfs"
	"github.com/tensorfile/tensorfile/internal/faultfs"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/tensor"
)

// smallBase is a file of two generations, small in all but its catalog, which
// has several pages.
func smallBase(t testing.TB) []byte {
	t.Helper()
	fs := crashfs.New()
	w := must(tensorfile.Create(faultPath, (&tensorfile.CreateOptions{Deterministic: true}).On(fs)))(t)
	id := must(w.AddStorage(ctx, 64, bytes.NewReader(someBytes(64, 1))))(t)
	for i := range 120 {
		ok(t, w.TensorOn(id, fmt.Sprintf("names/%03d of some length", i), tensor.U8, tensor.Shape{8}, nil, int64(i%57), nil))
	}
	put(t, w, "plain", someBytes(200, 2))
	put(t, w, "other", someBytes(100, 3))
	ok(t, w.Add(ctx, "grid", floats(t, 7, 4, 1), &tensorfile.TensorOptions{Chunk: tensor.Shape{2, 3}, Codec: "zstd"}))
	ok(t, w.Add(ctx, "rows", must(tensor.FromSlice(someBytes(40, 4)))(t), &tensorfile.TensorOptions{Chunk: tensor.Shape{16}}))
	small := smallComposites(t)
	for _, name := range []string{"csr", "string"} {
		ok(t, w.AddComposite(ctx, name, small[name], nil))
	}
	for _, name := range []string{"coo", "csr", "bitmap", "ragged", "bsr"} {
		ok(t, w.AddComposite(ctx, name+" in chunks", small[name], &tensorfile.TensorOptions{Chunk: tensor.Shape{2}, Codec: "zstd"}))
	}
	ok(t, w.SetAttrs(tensorfile.Attrs{"title": "one"}))
	ok(t, w.Commit(ctx))
	w = must(tensorfile.OpenAppend(faultPath, (&tensorfile.AppendOptions{Time: time.Unix(1, 0)}).On(fs)))(t)
	put(t, w, "second", someBytes(50, 5))
	ok(t, w.Delete("other"))
	must(w.Append(ctx, "rows", must(tensor.FromSlice(someBytes(3, 6)))(t), nil))(t)
	ok(t, w.Commit(ctx))
	ok(t, w.Close())
	return fs.Files()[faultPath]
}

// smallEdit is an edit of smallBase, most of them of one call.
type smallEdit struct {
	what string
	do   func(w *tensorfile.Writer) error
}

func smallEdits(t testing.TB) []smallEdit {
	t.Helper()
	grown := func(_ tensorfile.GrowResult, err error) error { return err }
	more, rows := floats(t, 3, 4, 50), must(tensor.FromSlice(someBytes(5, 7)))(t)
	behind := moreRows(t)
	range0 := tensor.Selection{{Kind: tensor.SelectRange, Start: 1, Stop: 4, Step: 1}}
	list := []smallEdit{
		{"attributes of the file", func(w *tensorfile.Writer) error { return w.SetAttrs(tensorfile.Attrs{"title": "two"}) }},
		{"no attributes", func(w *tensorfile.Writer) error { return w.SetAttrs(nil) }},
		{"attributes", func(w *tensorfile.Writer) error { return w.SetTensorAttrs("grid", tensorfile.Attrs{"unit": "s"}) }},
		{"delete", func(w *tensorfile.Writer) error { return w.Delete("plain") }},
		{"delete many", func(w *tensorfile.Writer) error {
			for i := range 60 {
				if err := w.Delete(fmt.Sprintf("names/%03d of some length", 2*i)); err != nil {
					return err
				}
			}
			return nil
		}},
		{"rename", func(w *tensorfile.Writer) error { return w.Rename("csr", "moved") }},
		{"copy", func(w *tensorfile.Writer) error { return w.CopyTensor("csr in chunks", "twin") }},
		{"revert", func(w *tensorfile.Writer) error { return w.Revert(1) }},
		{"revert and delete", func(w *tensorfile.Writer) error { return errors.Join(w.Revert(1), w.Delete("other"), w.Delete("csr")) }},
		{"replace", func(w *tensorfile.Writer) error {
			return w.Add(ctx, "plain", more, &tensorfile.TensorOptions{Replace: true})
		}},
		{"add", func(w *tensorfile.Writer) error { return w.Add(ctx, "new", more, nil) }},
		{"add what suits", func(w *tensorfile.Writer) error {
			return w.Add(ctx, "new", more, &tensorfile.TensorOptions{Codec: "fast", Chunk: tensor.Shape{2, 4}})
		}},
		{"add a stream", func(w *tensorfile.Writer) error {
			return w.AddReader(ctx, "new", tensor.U8, tensor.Shape{30}, bytes.NewReader(someBytes(30, 9)), &tensorfile.TensorOptions{Chunk: tensor.Shape{9}})
		}},
		{"add a composite", func(w *tensorfile.Writer) error {
			return w.AddComposite(ctx, "new", smallComposites(t)["quantised"], &tensorfile.TensorOptions{Chunk: tensor.Shape{2}})
		}},
		{"append", func(w *tensorfile.Writer) error { return grown(w.Append(ctx, "grid", more, nil)) }},
		{"append twice", func(w *tensorfile.Writer) error {
			return errors.Join(grown(w.Append(ctx, "grid", more, nil)), grown(w.Append(ctx, "grid", more, nil)))
		}},
		{"append to slabs", func(w *tensorfile.Writer) error { return grown(w.Append(ctx, "rows", rows, nil)) }},
		{"append to plain bytes", func(w *tensorfile.Writer) error {
			return grown(w.Append(ctx, "plain", rows, &tensorfile.GrowOptions{Chunk: tensor.Shape{64}}))
		}},
		{"rewrite", func(w *tensorfile.Writer) error { return grown(w.WriteRegion(ctx, "grid", range0, more, nil)) }},
		{"rewrite twice", func(w *tensorfile.Writer) error {
			return errors.Join(grown(w.WriteRegion(ctx, "grid", range0, more, nil)), grown(w.WriteRegion(ctx, "grid", nil, floats(t, 7, 4, 90), nil)))
		}},
		{"shrink", func(w *tensorfile.Writer) error { return grown(w.Shrink(ctx, "grid", 3)) }},
		{"shrink twice", func(w *tensorfile.Writer) error {
			return errors.Join(grown(w.Shrink(ctx, "rows", 42)), grown(w.Shrink(ctx, "rows", 5)))
		}},
		{"append, rewrite and shrink", func(w *tensorfile.Writer) error {
			return errors.Join(grown(w.Append(ctx, "grid", more, nil)), grown(w.WriteRegion(ctx, "grid", range0, more, nil)), grown(w.Shrink(ctx, "grid", 6)))
		}},
	}
	for _, name := range []string{"csr", "string", "coo in chunks", "csr in chunks", "bitmap in chunks", "ragged in chunks", "bsr in chunks"} {
		kind, _, _ := strings.Cut(name, " ")
		list = append(list, smallEdit{"append to " + name, func(w *tensorfile.Writer) error {
			return grown(w.AppendComposite(ctx, name, behind[kind][0], &tensorfile.GrowOptions{Chunk: tensor.Shape{2}}))
		}})
	}
	return list
}

// TestSmallEditsFailAnywhere fails each operation of each edit of a small file
// once, none left out: the caller hears of it and the file holds what it held
// or what it was to hold; what succeeds all the same makes the same bytes.
func TestSmallEditsFailAnywhere(t *testing.T) {
	sound := smallBase(t)
	// As a crash leaves it: the newer slot torn, bytes behind the end.
	torn := append(bytes.Clone(sound), someBytes(700, 8)...)
	clear(torn[format.SlotB+60 : format.SlotB+90])
	faults := 0
	for _, way := range []struct {
		what  string
		base  []byte
		every int64
		edits []smallEdit
	}{
		{"whole", sound, tensorfile.JournalEvery(), smallEdits(t)},
		{"much in the journal", sound, 1, smallEdits(t)[9:]},
		{"after a crash", torn, tensorfile.JournalEvery(), smallEdits(t)[2:5]},
	} {
		t.Run(way.what, func(t *testing.T) {
			defer tensorfile.SetJournalEvery(way.every)()
			before := hashOf(t, way.base)
			for _, e := range way.edits {
				run := func(fs fsys.FS) error {
					w, err := tensorfile.OpenAppend(faultPath, (&tensorfile.AppendOptions{Time: time.Unix(2, 0)}).On(fs))
					if err != nil {
						return err
					}
					if err = e.do(w); err == nil {
						err = w.Commit(ctx)
					}
					return errors.Join(err, w.Close())
				}
				under := crashfs.From(map[string][]byte{faultPath: way.base})
				ref := faultfs.New(under, faultfs.Fault{N: -1})
				ok(t, run(ref))
				done := under.Files()[faultPath]
				after := ""
				for n, op := range ref.Ops() {
					if raceBuild && n%7 != 3 {
						continue
					}
					under := crashfs.From(map[string][]byte{faultPath: way.base})
					fs := faultfs.New(under, faultfs.Fault{N: n, Mode: faultfs.Before, Err: syscall.EIO})
					err := run(fs)
					faults++
					got := under.Files()[faultPath]
					switch {
					case err == nil && op.Kind != "ReadAt" && op.Kind != "Truncate": // where a file cannot be cut its end is overwritten
						t.Errorf("%s: nobody heard of a failed %v", e.what, op)
					case err == nil && op.Kind == "ReadAt" && !bytes.Equal(got, done):
						t.Errorf("%s: %v failed, and the file is another one", e.what, op)
					case err == nil || bytes.Equal(got, way.base) || bytes.Equal(got, done):
					default:
						if after == "" {
							after = hashOf(t, done)
						}
						if h := hashOf(t, got); h != before && h != after {
							t.Errorf("%s: %v failed (%v), and the file holds neither what it held nor what it was to hold", e.what, op, err)
						}
					}
					if err != nil && (!errors.Is(err, syscall.EIO) || !errors.Is(err, tensorfile.ErrIO)) {
						t.Errorf("%s: %v: %v", e.what, op, err)
					}
				}
			}
		})
	}
	t.Logf("%d operations failed", faults)
	if !raceBuild && faults < 1000 {
		t.Error("too few")
	}
}

// Where a file's newest record stands in the trailer alone, because its slot is
// torn, an edit mends that slot and commits to the other one.
func TestCommitMendsTheNewerSlot(t *testing.T) {
	gens := []forge.Gen{{Tensors: []forge.Tensor{u8("a", 1, 5)}, Storages: []forge.Storage{{ID: 1, Data: []byte("first")}}},
		{Tensors: []forge.Tensor{u8("b", 2, 6)}, Storages: []forge.Storage{{ID: 2, Data: []byte("second")}}}}
	for _, newest := range []int{0, 1} {
		im := forge.Build(false, gens...)
		im.Slots = [2]int{1 - newest, newest}
		im.Seal()
		at := []int{format.SlotA, format.SlotB}[newest]
		im.B[at+70] ^= 1
		fs := crashfs.From(map[string][]byte{faultPath: im.B})
		w := must(tensorfile.OpenAppend(faultPath, (&tensorfile.AppendOptions{}).On(fs)))(t)
		ok(t, w.Delete("a"))
		ok(t, w.Commit(ctx))
		ok(t, w.Close())
		b := fs.Files()[faultPath]
		var got [2]uint64
		for i, at := range []int{format.SlotA, format.SlotB} {
			got[i] = must(format.ParseAnySlot(b[at:at+format.RootSize], format.Place(i)))(t).Generation
		}
		want := [2]uint64{3, 2}
		if newest == 0 {
			want = [2]uint64{2, 3}
		}
		if got != want {
			t.Errorf("slot %d torn: generations %v in the slots, want %v", newest, got, want)
		}
	}
}

// Wherever a piece of a file ends, in padding, in sums, in pages, in the catalog or
// in its trailer, an error in writing it is told, and no file stays.
func TestEveryPieceOfAFile(t *testing.T) {
	const piece = tensorfile.HugePage
	data := someNoise(piece)
	ends, step := 0, 20
	if raceBuild {
		step = 280
	}
	for _, o := range []*tensorfile.TensorOptions{nil, {Chunk: tensor.Shape{1 << 20}}, {Chunk: tensor.Shape{piece}}} {
		for short := 0; short < 1400; short += step {
			v := must(tensor.FromSlice(data[:piece-format.DataStart-short]))(t)
			run := func(fs fsys.FS) error {
				w, err := tensorfile.Create(faultPath, (&tensorfile.CreateOptions{Deterministic: true}).On(fs))
				if err != nil {
					return err
				}
				if err = w.Add(ctx, "x", v, o); err == nil {
					err = w.Commit(ctx)
				}
				return errors.Join(err, w.Close())
			}
			ref := faultfs.New(crashfs.New(), faultfs.Fault{N: -1})
			ok(t, run(ref))
			n := slices.IndexFunc(ref.Ops(), func(op faultfs.Op) bool { return op.Writes() && op.Offset+int64(op.Len) == piece })
			if n < 0 {
				continue // the payload went out as it is
			}
			ends++
			under := crashfs.New()
			err := run(faultfs.New(under, faultfs.Fault{N: n, Mode: faultfs.Before, Err: syscall.EIO}))
			if !errors.Is(err, syscall.EIO) || !errors.Is(err, tensorfile.ErrIO) || len(under.Files()) != 0 {
				t.Errorf("%+v, %d bytes short: %v, %d files", o, short, err, len(under.Files()))
			}
		}
	}
	t.Logf("%d pieces failed", ends)
	if !raceBuild && ends < 60 {
		t.Error("too few")
	}
}

// What is written goes to the journal after so many bytes, of chunks as of plain
// ones.
func TestJournalOfChunks(t *testing.T) {
	defer tensorfile.SetJournalEvery(1000)()
	fs := crashfs.New()
	w := must(tensorfile.Create(faultPath, (&tensorfile.CreateOptions{Deterministic: true}).On(fs)))(t)
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range 3 {
		ok(t, w.Add(ctx, fmt.Sprint("x", i), randomRows(t, rng, 2000, 1), &tensorfile.TensorOptions{Chunk: tensor.Shape{2000, 1}}))
	}
	ok(t, w.Commit(ctx))
	b := fs.Files()[faultPath]
	s := must(format.ScanStructures(sourceOf(b), int64(len(b)), func(int64) error { return nil }))(t)
	journals := slices.DeleteFunc(slices.Clone(s.Runs), func(r format.FoundRun) bool { return !r.Journal })
	if len(journals) < 3 || len(s.Runs) != len(journals)+1 {
		t.Errorf("%d runs of the journal, %d in all", len(journals), len(s.Runs))
	}
}
