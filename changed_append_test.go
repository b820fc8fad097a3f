package tensorfile_test

import (
	"os"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/compare"
)

// An append beside a reader is no change of what the reader shows, before the
// commit and after it; a write in place is, whatever was appended before.
func TestAppendIsNoChange(t *testing.T) {
	for _, noMmap := range []bool{false, true} {
		path := temp(t)
		write(t, path, func(w *tensorfile.Writer) { put(t, w, "a", make([]byte, 300_000)) })
		later := func(n int) {
			t.Helper()
			when := time.Now().Add(time.Duration(n) * time.Second)
			ok(t, os.Chtimes(path, when, when))
		}
		f := must(tensorfile.Open(path, &tensorfile.OpenOptions{NoMmap: noMmap}))(t)
		g := must(tensorfile.Open(path, nil))(t)
		w := must(tensorfile.OpenAppend(path, nil))(t)
		put(t, w, "b", make([]byte, 9<<20))
		later(1)
		ok(t, f.Check())
		ok(t, w.Commit(ctx))
		ok(t, w.Close())
		later(2)
		ok(t, f.Check())
		for r, err := range compare.Files(ctx, f, g, nil) {
			if err != nil || !r.Same() {
				t.Errorf("%+v, %v", r, err)
			}
		}
		for _, x := range []*tensorfile.File{f, g} {
			if rep := must(x.Verify(ctx, nil))(t); !rep.OK() {
				t.Error(rep.Findings)
			}
		}
		// Opened after that commit, and another one behind it.
		h := must(tensorfile.Open(path, nil))(t)
		edit(t, path, func(w *tensorfile.Writer) { put(t, w, "c", []byte("c")) })
		later(3)
		ok(t, h.Check())
		rep := must(h.Verify(ctx, nil))(t)
		if !rep.OK() {
			t.Error(rep.Findings)
		}
		// Opened beside an edit that is then abandoned.
		w = must(tensorfile.OpenAppend(path, nil))(t)
		put(t, w, "never", make([]byte, 9<<20))
		i := must(tensorfile.Open(path, nil))(t)
		ok(t, w.Close())
		later(4)
		if i.Info().Leftover == 0 {
			t.Error("nothing was left over")
		}
		ok(t, i.Check())
		ok(t, i.Close())
		// The file loses what h shows.
		ok(t, os.Truncate(path, h.Info().Length-1))
		wantErr(t, h.Check(), tensorfile.ErrChanged, path)
		for _, x := range []*tensorfile.File{f, g, h} {
			ok(t, x.Close())
		}
	}
}

// A file that was streamed has no slots until it is appended to.
func TestStreamedThenAppended(t *testing.T) {
	path := temp(t)
	out := must(os.Create(path))(t)
	w := must(tensorfile.NewWriter(out, nil))(t)
	put(t, w, "a", []byte("abc"))
	ok(t, w.Commit(ctx))
	ok(t, out.Close())
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	edit(t, path, func(w *tensorfile.Writer) { put(t, w, "b", []byte("b")) })
	if rep := must(f.Verify(ctx, nil))(t); !rep.OK() {
		t.Error(rep.Findings)
	}
	ok(t, f.Check())
}
