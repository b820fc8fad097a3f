package tensorfile_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/tensor"
)

// countFS is a file system in memory that counts. Pages of zeros take no room,
// so that payloads of zeros cost nothing but their way through the engine.
type countFS struct {
	files   map[string]*countFile
	written int64 // bytes
	read    int64
	syncs   int
	temps   int
}

type countFile struct {
	fs    *countFS
	name  string
	pages map[int64]*[4096]byte
	size  int64
	at    int64
}

func newCountFS() *countFS { return &countFS{files: map[string]*countFile{}} }

// since returns what was written, read and synced since the last call.
func (c *countFS) since() (written, read int64, syncs int) {
	written, read, syncs = c.written, c.read, c.syncs
	c.written, c.read, c.syncs = 0, 0, 0
	return written, read, syncs
}

func (c *countFS) CreateTemp(name string, _ fs.FileMode) (fsys.File, error) {
	c.temps++
	f := &countFile{fs: c, name: fmt.Sprintf("%s.%d.tmp", name, c.temps), pages: map[int64]*[4096]byte{}}
	c.files[f.name] = f
	return f, nil
}

func (c *countFS) find(name string) (*countFile, error) {
	if f := c.files[name]; f != nil {
		return f, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (c *countFS) OpenWrite(name string) (fsys.File, error) {
	f, err := c.find(name)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (c *countFS) Rename(from, to string) error {
	f, err := c.find(from)
	if err == nil {
		delete(c.files, from)
		c.files[to], f.name = f, to
	}
	return err
}

func (c *countFS) Stat(name string) (fs.FileInfo, error) {
	f, err := c.find(name)
	if err != nil {
		return nil, err
	}
	return f.Stat()
}

func (c *countFS) RenameNew(from, to string) error        { return c.Rename(from, to) }
func (c *countFS) Leftovers(string) []string              { return nil }
func (c *countFS) Remote(string) string                   { return "" }
func (c *countFS) SameFile(a, b fs.FileInfo) bool         { return a.Sys() == b.Sys() }
func (c *countFS) Chmod(string, fs.FileMode) error        { return nil }
func (c *countFS) Remove(name string) error               { delete(c.files, name); return nil }
func (c *countFS) Lstat(name string) (fs.FileInfo, error) { return c.Stat(name) }
func (c *countFS) Resolve(name string) (string, error)    { return name, nil }
func (c *countFS) SyncDir(string) error                   { return nil }
func (f *countFile) Close() error                         { return nil }
func (f *countFile) Lock() error                          { return nil }
func (f *countFile) Name() string                         { return f.name }
func (f *countFile) Sync() error                          { f.fs.syncs++; return nil }
func (f *countFile) Datasync() error                      { f.fs.syncs++; return nil }
func (f *countFile) Stat() (fs.FileInfo, error)           { return countInfo{f}, nil }
func (f *countFile) Write(p []byte) (int, error) {
	n, err := f.WriteAt(p, f.at)
	f.at += int64(n)
	return n, err
}
func (f *countFile) Truncate(size int64) error { return f.cut(size) }

type countInfo struct{ f *countFile }

func (i countInfo) Name() string       { return path.Base(i.f.name) }
func (i countInfo) Size() int64        { return i.f.size }
func (i countInfo) Mode() fs.FileMode  { return 0o644 }
func (i countInfo) ModTime() time.Time { return time.Time{} }
func (i countInfo) IsDir() bool        { return false }
func (i countInfo) Sys() any           { return i.f }

var zeroPage [4096]byte

func (f *countFile) WriteAt(p []byte, off int64) (int, error) {
	total := len(p)
	f.fs.written += int64(total)
	f.size = max(f.size, off+int64(total))
	for len(p) > 0 {
		n := min(len(p), int(4096-off%4096))
		page := f.pages[off/4096]
		if page == nil && !bytes.Equal(p[:n], zeroPage[:n]) {
			page = new([4096]byte)
			f.pages[off/4096] = page
		}
		if page != nil {
			copy(page[off%4096:], p[:n])
		}
		p, off = p[n:], off+int64(n)
	}
	return total, nil
}

func (f *countFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.read += int64(len(p))
	total := 0
	for total < len(p) && off < f.size {
		n := int(min(int64(len(p)-total), 4096-off%4096, f.size-off))
		page := f.pages[off/4096]
		if page == nil {
			page = &zeroPage
		}
		copy(p[total:total+n], page[off%4096:])
		total, off = total+n, off+int64(n)
	}
	if total < len(p) {
		return total, io.EOF
	}
	return total, nil
}

func (f *countFile) cut(size int64) error {
	for at := range f.pages {
		if at*4096 >= size {
			delete(f.pages, at)
		}
	}
	if page := f.pages[size/4096]; page != nil {
		clear(page[size%4096:])
	}
	f.size = size
	return nil
}

const costPath = "x.tensor"

// costFile makes a file of n small tensors.
func costFile(t testing.TB, c *countFS, n int) {
	t.Helper()
	w := must(tensorfile.Create(costPath, tensorfile.CreateOptions{}.On(c)))(t)
	v := must(tensor.FromSlice(make([]float32, 4)))(t)
	for i := range n {
		ok(t, w.Add(ctx, fmt.Sprintf("model.layers.%d.mlp.experts.%d.up_proj.weight", i/256, i%256), v, nil))
	}
	ok(t, w.Commit(ctx))
	c.since()
}

// costCheck verifies the file whole and demands so many tensors.
func costCheck(t testing.TB, c *countFS, tensors int64) {
	t.Helper()
	f := must(tensorfile.OpenReaderAt(c.files[costPath], c.files[costPath].size, nil))(t)
	defer f.Close()
	if n := int64(must(f.Len())(t)); n != tensors {
		t.Errorf("%d tensors, want %d", n, tensors)
	}
	if r := must(f.Verify(ctx, &tensorfile.VerifyOptions{Quick: true}))(t); !r.OK() {
		t.Error(r.Findings)
	}
}

// A commit costs what it changes: one tensor of 4 bytes into a file of 232,670
// writes kilobytes, in two barriers, and so do a thousand one after the other.
func TestCostOfSmallCommits(t *testing.T) {
	tensors, commits := 232_670, 1000
	if testing.Short() || raceBuild {
		tensors, commits = 20_000, 200
	}
	c := newCountFS()
	costFile(t, c, tensors)
	v := must(tensor.FromSlice([]float32{1}))(t)
	var total, most, totalRead int64
	for i := range commits {
		w := must(tensorfile.OpenAppend(costPath, tensorfile.AppendOptions{}.On(c)))(t)
		ok(t, w.Add(ctx, fmt.Sprint("added ", i), v, nil))
		ok(t, w.Commit(ctx))
		ok(t, w.Close())
		written, read, syncs := c.since()
		if want := barriers(i == 0); syncs != want {
			t.Fatalf("commit %d: %d barriers, want %d", i, syncs, want)
		}
		if i == 0 {
			t.Logf("the first commit of 4 bytes into %d tensors: %d bytes written, %d read, %d barriers", tensors, written, read, syncs)
			if written > 16<<10 || read > 2<<20 {
				t.Errorf("%d bytes written, %d read: want at most 16 KiB and 2 MiB", written, read)
			}
		}
		total, totalRead, most = total+written, totalRead+read, max(most, written)
	}
	t.Logf("%d such commits: %d bytes each, the largest %d; %d bytes read each", commits, total/int64(commits), most, totalRead/int64(commits))
	// Two pages a commit, slot and end, and each record as often as merging by
	// four writes it again, which is less than twelve times a thousand.
	if per := total / int64(commits); per > 24<<10 || most > 512<<10 {
		t.Errorf("%d bytes a commit, the largest %d: want at most 24 KiB and 512 KiB", per, most)
	}
	costCheck(t, c, int64(tensors+commits))
}

// Edits of the catalog alone cost as little.
func TestCostOfEdits(t *testing.T) {
	tensors := 100_000
	if testing.Short() || raceBuild {
		tensors = 10_000
	}
	c := newCountFS()
	costFile(t, c, tensors)
	name := func(i int) string { return fmt.Sprintf("model.layers.%d.mlp.experts.%d.up_proj.weight", i/256, i%256) }
	for i, edit := range []struct {
		what string
		fn   func(w *tensorfile.Writer) error
	}{
		{"attributes", func(w *tensorfile.Writer) error { return w.SetAttrs(tensorfile.Attrs{"k": "v"}) }},
		{"attributes of a tensor", func(w *tensorfile.Writer) error { return w.SetTensorAttrs(name(3), tensorfile.Attrs{"k": "v"}) }},
		{"copy", func(w *tensorfile.Writer) error { return w.CopyTensor(name(4), "copy") }},
		{"rename", func(w *tensorfile.Writer) error { return w.Rename(name(5), "renamed") }},
		{"delete", func(w *tensorfile.Writer) error { return w.Delete(name(6)) }},
		{"revert", func(w *tensorfile.Writer) error { return w.Revert(2) }},
	} {
		w := must(tensorfile.OpenAppend(costPath, tensorfile.AppendOptions{}.On(c)))(t)
		ok(t, edit.fn(w))
		ok(t, w.Commit(ctx))
		ok(t, w.Close())
		written, read, syncs := c.since()
		t.Logf("%s, commit %d: %d bytes written, %d read, %d barriers", edit.what, i+2, written, read, syncs)
		if want := barriers(i == 0); written > 24<<10 || syncs != want {
			t.Errorf("%s: %d bytes and %d barriers, want at most 24 KiB and %d", edit.what, written, syncs, want)
		}
	}
	costCheck(t, c, int64(tensors))
}

// A thousand commits of 1 MiB into a file of 100,000 tensors write at most a
// tenth more than the data, whether each has a session of its own or not.
func TestCostOfLargeCommits(t *testing.T) {
	tensors, commits := 100_000, 1000
	if testing.Short() || raceBuild {
		tensors, commits = 10_000, 60
	}
	c := newCountFS()
	costFile(t, c, tensors)
	v := must(tensor.FromSlice(make([]float32, 1<<18)))(t)
	var w *tensorfile.Writer
	made := 0
	for _, sessions := range []bool{false, true} {
		if sessions {
			commits /= 4
		}
		for range commits {
			if w == nil {
				w = must(tensorfile.OpenAppend(costPath, tensorfile.AppendOptions{}.On(c)))(t)
			}
			ok(t, w.Add(ctx, fmt.Sprint("added ", made), v, nil))
			ok(t, w.Commit(ctx))
			made++
			if sessions {
				ok(t, w.Close())
				w = nil
			}
		}
		if w != nil {
			ok(t, w.Close())
			w = nil
		}
		written, read, syncs := c.since()
		ratio := float64(written) / float64(commits<<20)
		t.Logf("%d commits of 1 MiB into %d tensors, a session each %v: %.4f bytes written a byte of data, %d read a commit, %d barriers", commits, tensors, sessions, ratio, read/int64(commits), syncs)
		if want := 2*(commits-1) + barriers(!sessions); ratio > 1.1 || syncs != want {
			t.Errorf("%.4f bytes a byte and %d barriers: want at most 1.1 and %d", ratio, syncs, want)
		}
	}
	costCheck(t, c, int64(tensors+made))
}

// barriers of a commit: two, and of the first one after the file was created
// one more, since equal slots may be those of a writer that was killed.
func barriers(first bool) int {
	if first {
		return 3
	}
	return 2
}
