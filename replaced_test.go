package tensorfile_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/tensor"
)

// swapping replaces or removes a file when the n-th sync of data is done.
type swapping struct {
	fsys.FS
	syncs *int
	at    int
	swap  func()
}

type swappingFile struct {
	fsys.File
	fs swapping
}

func (s swapping) OpenWrite(path string) (fsys.File, error) {
	f, err := s.FS.OpenWrite(path)
	return swappingFile{f, s}, err
}

func (f swappingFile) Datasync() error {
	err := f.File.Datasync()
	if *f.fs.syncs++; *f.fs.syncs == f.fs.at {
		f.fs.swap()
	}
	return err
}

// N58: a file that is replaced or removed while a writer has it open. The
// commit would be lost with the old one, so it fails; the new one stays as it
// is, and the old one is at its last commit.
func TestReplacedWhileOpen(t *testing.T) {
	for _, way := range []string{"replaced", "removed"} {
		for _, when := range []string{"before", "in commit", "in a later commit"} {
			dir := t.TempDir()
			path, other, kept := filepath.Join(dir, "x.tensor"), filepath.Join(dir, "other"), filepath.Join(dir, "kept")
			for i, p := range []string{path, other} {
				write(t, p, func(w *tensorfile.Writer) { ok(t, w.Add(ctx, "a", must(tensor.FromSlice([]int8{int8(i)}))(t), nil)) })
			}
			if err := os.Link(path, kept); err != nil {
				t.Skip(err)
			}
			theirs := must(os.ReadFile(other))(t)
			swap := func() {
				if way == "replaced" {
					ok(t, os.Rename(other, path))
				} else {
					ok(t, os.Remove(path))
				}
			}
			syncs := 0
			fsy := swapping{fsys.OS, &syncs, map[string]int{"in commit": 1, "in a later commit": 3}[when], swap}
			w := must(tensorfile.OpenAppend(path, tensorfile.AppendOptions{}.On(fsy)))(t)
			last := must(os.ReadFile(kept))(t)
			if when == "in a later commit" {
				ok(t, w.SetAttrs(tensorfile.Attrs{"k": "v"}))
				ok(t, w.Commit(ctx))
				last = must(os.ReadFile(kept))(t)
			}
			if when == "before" {
				swap()
			}
			ok(t, w.Add(ctx, "b", must(tensor.FromSlice([]int8{1, 2}))(t), nil))
			err := w.Commit(ctx)
			wantErr(t, err, tensorfile.ErrChanged, path)
			if fi, err2 := os.Stat(kept); err2 == nil && fsys.Inode(fi) != "" {
				wantErr(t, err, tensorfile.ErrChanged, "want the file that was opened"+fsys.Inode(fi))
			}
			if way == "removed" {
				wantErr(t, err, tensorfile.ErrChanged, "got no file")
			} else {
				wantErr(t, err, tensorfile.ErrChanged, "got another file"+fsys.Inode(must(os.Stat(path))(t)))
			}
			wantErr(t, w.SetAttrs(nil), tensorfile.ErrPoisoned)
			ok(t, w.Close())
			if got := must(os.ReadFile(kept))(t); !bytes.Equal(got, last) {
				t.Errorf("%s %s: the file that was opened is not at its last commit", way, when)
			}
			got, err := os.ReadFile(path)
			if way == "removed" {
				wantErr(t, err, fs.ErrNotExist)
			} else if !bytes.Equal(got, theirs) {
				t.Errorf("%s %s: the new file changed (%v)", way, when, err)
			}
		}
	}
}
