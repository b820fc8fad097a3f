package tensorfile_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/crashfs"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// sourceOf reads a file in memory.
type sourceOf []byte

func (s sourceOf) Mapped() bool { return false }

func (s sourceOf) ReadAt(p []byte, off int64) (int, error) { return bytes.NewReader(s).ReadAt(p, off) }

func (s sourceOf) Fetch(off uint64, n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := s.ReadAt(b, int64(off))
	return b, err
}

// randomRows are rows of bytes no two of which are alike.
func randomRows(t testing.TB, rng *rand.Rand, rows, columns int64) tensor.View {
	b := make([]byte, rows*columns)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return must(must(tensor.FromSlice(b))(t).Reshape(tensor.Shape{rows, columns}))(t)
}

// Grids whose directories are gone are put together from their pages: of each
// grid its own, and of pages of the same chunks the last.
func TestRecoverDirectories(t *testing.T) {
	path := temp(t)
	rng := rand.New(rand.NewPCG(81, 82))
	o := &tensorfile.TensorOptions{Chunk: tensor.Shape{1, 8}}
	want := map[string]tensor.View{}
	write(t, path, func(w *tensorfile.Writer) {
		for _, name := range []string{"a", "b", "c"} {
			want[name] = randomRows(t, rng, 300, 8)
			ok(t, w.Add(ctx, name, want[name], o))
		}
	})
	edit(t, path, func(w *tensorfile.Writer) {
		for i, name := range []string{"a", "b", "c"} {
			at := int64(10 + 130*i)
			part := randomRows(t, rng, 3, 8)
			must(w.WriteRegion(ctx, name, tensor.Selection{{Kind: tensor.SelectRange, Start: at, Stop: at + 3, Step: 1}}, part, nil))(t)
			ok(t, tensor.Copy(must(want[name].Slice(0, at, at+3, 1))(t), part))
		}
	})
	b := must(os.ReadFile(path))(t)
	s := must(format.ScanStructures(sourceOf(b), int64(len(b)), func(int64) error { return nil }))(t)
	directories, leaves := 0, 0
	for _, p := range s.Pages {
		if p.Level == 0 {
			leaves++
			continue
		}
		directories++
		b[p.Ref.Offset+40] ^= 1
	}
	if directories != 6 || leaves != 12 {
		t.Fatalf("%d directories, %d leaves", directories, leaves)
	}
	dst := temp(t)
	ok(t, os.WriteFile(path, b, 0o666))
	rep := must(tensorfile.Recover(ctx, path, dst, &tensorfile.RecoverOptions{NoSync: true}))(t)
	if rep.Tensors != 3 || rep.Storages != 3 || len(rep.Lost) > 0 || rep.DamagedChunks != 0 || len(rep.Damage) != 3 || rep.Bytes != 3*300*8 {
		t.Errorf("%+v", rep)
	}
	f := verified(t, dst, nil)
	defer f.Close()
	for name, v := range want {
		sameView(t, name, must(must(f.Tensor(name))(t).Read(ctx))(t), v)
	}
}

// gapped is a disk that does not give some of its bytes.
type gapped struct {
	b          []byte
	begin, end int64
	err        error
}

func (h gapped) ReadAt(p []byte, off int64) (int, error) {
	if off < h.end && off+int64(len(p)) > h.begin {
		return 0, h.err
	}
	return bytes.NewReader(h.b).ReadAt(p, off)
}

// What a disk does not give costs the pages that it lies in and no more.
func TestRecoverUnreadable(t *testing.T) {
	b := damagedFile(t)
	f := must(tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil))(t)
	defer f.Close()
	large := must(f.Tensor("large"))(t).Storage()
	all, err := f.Len()
	ok(t, err)
	for _, hole := range [][2]int64{{large.Offset + 5000, large.Offset + 5001}, {large.Offset + 8191, large.Offset + 8193}, {large.Offset + 500_000, large.Offset + 600_000}} {
		from, to := hole[0]&^4095, (hole[1]+4095)&^4095
		fs := crashfs.New()
		m := mmap.NewReaderAt(gapped{b, hole[0], hole[1], &tensorfile.Error{Kind: tensorfile.ErrIO, Offset: hole[0], Err: syscall.EIO}}, int64(len(b)), "damaged")
		rep := must(tensorfile.RecoverMap(ctx, m, "dir/out", fs))(t)
		ok(t, m.Close())
		if rep.Unreadable != to-from || rep.Tensors != all-1 || len(rep.Lost) != 1 || rep.Lost[0].Name != "large" || rep.Generation != 5 || !rep.Whole {
			t.Errorf("hole %v: %+v, want %d bytes unreadable", hole, rep, to-from)
		}
		out := fs.Files()["dir/out"]
		g := must(tensorfile.OpenReaderAt(bytes.NewReader(out), int64(len(out)), nil))(t)
		if r := must(g.Verify(ctx, nil))(t); !r.OK() {
			t.Error(r.Findings)
		}
		ok(t, g.Close())
	}
}

// The report counts what was found and kept.
func TestRecoverCounts(t *testing.T) {
	b := damagedFile(t)
	f := must(tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), nil))(t)
	defer f.Close()
	ids, stored := map[uint64]bool{}, int64(0)
	n := 0
	for x, err := range f.Tensors() {
		ok(t, err)
		n++
		if s := x.Storage(); s.ID != 0 && !ids[s.ID] {
			ids[s.ID] = true
			stored += s.Stored
		}
	}
	structures := must(format.ScanStructures(sourceOf(b), int64(len(b)), func(int64) error { return nil }))(t)
	for _, way := range []string{"whole", "no slots", "no header"} {
		d := bytes.Clone(b)
		roots := len(structures.Roots) + 2
		switch way {
		case "no slots":
			clear(d[4096:12288])
			roots -= 2
		case "no header":
			clear(d[:64])
		}
		_, rep, err := rescue(t, d)
		ok(t, err)
		if rep.Generation != 5 || rep.Roots != roots || rep.Tensors != n || rep.Storages != len(ids) || rep.Bytes != stored || rep.Entries != 0 || len(rep.Lost) > 0 {
			t.Errorf("%s: %+v, want %d roots, %d tensors, %d storages of %d bytes", way, rep, roots, n, len(ids), stored)
		}
		if (way == "whole") != (len(rep.Damage) == 0) {
			t.Errorf("%s: %v", way, rep.Damage)
		}
	}
	// Entries that a catalog has lost are counted, whether a copy told of them
	// or not.
	d := bytes.Clone(b)
	run := slices.MaxFunc(structures.Runs, func(a, b format.FoundRun) int { return int(a.Tensors - b.Tensors) })
	d[run.Begin()+17] ^= 1
	_, rep, err := rescue(t, d)
	ok(t, err)
	if rep.Tensors != n || rep.Entries < 0 {
		t.Errorf("%+v", rep)
	}
}
