package tensorfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/crashfs"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/mmap"
)

// threeCommits makes a file of three generations.
func (h *history) threeCommits() {
	h.create("a", "b")
	h.edit(func(w *tensorfile.Writer) {
		h.add(w, "a", 600, true)
		h.commit(w)
		if err := w.Delete("b"); err != nil {
			h.t.Fatal(err)
		}
		delete(h.now, "b")
		h.add(w, "c", 900, false)
		h.commit(w)
	})
}

// source opens the file of h where it is.
func (h *history) source() (*tensorfile.File, fsys.File) {
	h.t.Helper()
	r := must(h.fs.OpenWrite(h.name))(h.t)
	fi := must(r.Stat())(h.t)
	return must(tensorfile.OpenMap(mmap.NewReaderAt(r, fi.Size(), h.name), nil))(h.t), r
}

// repackInPlace repacks the file of h and keeps its first generation.
func (h *history) repackInPlace() error {
	f, r := h.source()
	defer r.Close()
	defer f.Close()
	h.fs.Mark("repack")
	_, err := tensorfile.Repack(ctx, f, h.name, (&tensorfile.RepackOptions{Keep: []uint64{1}}).On(h.fs))
	if err == nil {
		h.fs.Mark("repacked")
	}
	return err
}

// state is what a file in memory is: which generations it has, and whether all
// of them hold what they must.
func (h *history) state(b []byte) (uuid string, generations []uint64, err error) {
	open := func(g uint64) (*tensorfile.File, error) {
		return tensorfile.OpenReaderAt(bytes.NewReader(b), int64(len(b)), &tensorfile.OpenOptions{Generation: g, Verify: tensorfile.VerifyOnFirstUse})
	}
	f, err := open(0)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	for g, err := range f.Generations(ctx) {
		if err != nil {
			return "", nil, err
		}
		generations = append(generations, g.Number)
		old, err := open(g.Number)
		if err != nil {
			return "", nil, err
		}
		defer old.Close()
		n := 0
		for x, err := range old.Tensors() {
			if err != nil {
				return "", nil, err
			}
			v, err := x.Read(ctx)
			if err != nil {
				return "", nil, err
			}
			got, err := v.Bytes()
			if want := h.past[g.Number][x.Name()]; err != nil || !bytes.Equal(got, want) {
				return "", nil, fmt.Errorf("generation %d: %q has other bytes (%w)", g.Number, x.Name(), err)
			}
			n++
		}
		if n != len(h.past[g.Number]) {
			return "", nil, fmt.Errorf("generation %d: %d tensors", g.Number, n)
		}
	}
	return f.Info().UUID, generations, nil
}

// A crash during a repack in place leaves the old file or the new one, whole,
// and once it has returned the new one.
func TestCrashRepack(t *testing.T) {
	h := newHistory(t)
	h.threeCommits()
	start := h.fs.Files()
	before, _, err := h.state(start[h.name])
	ok(t, err)
	h.fs = crashfs.From(start)
	ok(t, h.repackInPlace())
	after, list, err := h.state(h.fs.Files()[h.name])
	ok(t, err)
	if len(list) != 2 || before == after {
		t.Fatal(list, before, after)
	}
	limit := 0
	if testing.Short() || raceBuild {
		limit = 2000
	}
	stats := h.fs.Crashes(start, crashfs.Options{Max: limit}, func(c crashfs.Crash) bool {
		uuid, list, err := h.state(c.Files[h.name])
		done := len(c.Marks) > 0 && c.Marks[len(c.Marks)-1] == "repacked"
		switch {
		case err != nil:
		case uuid == before && len(list) == 3 && !done:
		case uuid == after && len(list) == 2:
		default:
			err = fmt.Errorf("UUID %s, generations %v, returned %v", uuid, list, done)
		}
		if err != nil {
			t.Errorf("before operation %d, %s: %v", c.Op, c.What(), err)
		}
		return !t.Failed()
	})
	t.Logf("%d states, %d distinct", stats.States, stats.Distinct)
	if stats.Distinct < 500 {
		t.Error("too few states")
	}
}

// Whichever operation of a repack in place fails, the file is the old one or
// the new one, and nothing else stays.
func TestFaultRepack(t *testing.T) {
	h := newHistory(t)
	h.threeCommits()
	start := h.fs.Files()
	before, _, err := h.state(start[h.name])
	ok(t, err)
	n := 0
	for ; ; n++ {
		h.fs = crashfs.From(start)
		f, r := h.source()
		fired := false
		h.fs.Fault = crashfs.FailNth(n, crashfs.ErrInjected, nil, &fired)
		_, err := tensorfile.Repack(ctx, f, h.name, (&tensorfile.RepackOptions{Keep: []uint64{1}}).On(h.fs))
		h.fs.Fault = nil
		files := h.fs.Files()
		uuid, list, serr := h.state(files[h.name])
		ok(t, serr)
		if err != nil && !errors.Is(err, crashfs.ErrInjected) && !errors.Is(err, tensorfile.ErrIO) {
			t.Errorf("operation %d: %v", n, err)
		}
		if uuid == before && (len(list) != 3 || err == nil) || uuid != before && len(list) != 2 {
			t.Errorf("operation %d: %v, generations %v, old file %v", n, err, list, uuid == before)
		}
		// A temporary file stays only if even its removal failed.
		if len(files) != 1 && !fired {
			t.Errorf("operation %d: %d files", n, len(files))
		}
		f.Close()
		r.Close()
		if !fired {
			break
		}
	}
	if n < 20 {
		t.Errorf("%d operations", n)
	}
	t.Logf("%d operations failed in turn", n)
}

// A crash during a recovery leaves the damaged file as it is, and the new one
// whole or absent.
func TestCrashRecover(t *testing.T) {
	h := newHistory(t)
	h.threeCommits()
	start := h.fs.Files()
	b := start[h.name]
	clear(b[:12288]) // neither header nor slots
	const out = "dir/out.tensor"
	h.fs = crashfs.From(start)
	r := must(h.fs.OpenWrite(h.name))(t)
	m := mmap.NewReaderAt(r, int64(len(b)), h.name)
	rep := must(tensorfile.RecoverMap(ctx, m, out, h.fs))(t)
	h.fs.Mark("recovered")
	ok(t, m.Close())
	ok(t, r.Close())
	if rep.Tensors != 2 || rep.Generation != 3 || len(rep.Lost) > 0 {
		t.Fatalf("%+v", rep)
	}
	stats := h.fs.Crashes(start, crashfs.Options{}, func(c crashfs.Crash) bool {
		if !bytes.Equal(c.Files[h.name], b) {
			t.Errorf("%s: the damaged file has changed", c.What())
		}
		got, there := c.Files[out]
		if !there {
			if len(c.Marks) > 0 {
				t.Errorf("%s: the recovered file is gone", c.What())
			}
			return !t.Failed()
		}
		if _, list, err := h.state(got); err != nil || len(list) != 1 || list[0] != 3 {
			t.Errorf("before operation %d, %s: generations %v, %v", c.Op, c.What(), list, err)
		}
		return !t.Failed()
	})
	t.Logf("%d states, %d distinct", stats.States, stats.Distinct)
}
