//go:build unix

package tensorfile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/tensorfile/tensorfile"
)

func create(t testing.TB, path string, o *tensorfile.CreateOptions) {
	t.Helper()
	w := must(tensorfile.Create(path, o))(t)
	defer w.Close()
	ok(t, w.AddReader(ctx, "t", tensorU8, []int64{3}, zeros{}, nil))
	ok(t, w.Commit(ctx))
}

func modeOf(t testing.TB, path string) fs.FileMode {
	t.Helper()
	return must(os.Lstat(path))(t).Mode()
}

// A new file has the mode that the umask leaves; a file that is replaced keeps
// its own, whatever the umask.
func TestModes(t *testing.T) {
	dir := t.TempDir()
	for _, umask := range []int{0, 0o022, 0o077, 0o027} {
		old := syscall.Umask(umask)
		path := filepath.Join(dir, "new")
		create(t, path, nil)
		syscall.Umask(old)
		if got, want := modeOf(t, path), fs.FileMode(0o666&^umask); got != want {
			t.Errorf("umask %03o: mode %v, want %v", umask, got, want)
		}
		for _, mode := range []fs.FileMode{0o644, 0o600, 0o666, 0o400, 0o777} {
			ok(t, os.Chmod(path, mode))
			before := must(os.Stat(path))(t)
			old := syscall.Umask(umask)
			create(t, path, &tensorfile.CreateOptions{Overwrite: true})
			syscall.Umask(old)
			if got := modeOf(t, path); got != mode {
				t.Errorf("umask %03o: mode %v became %v", umask, mode, got)
			}
			if os.SameFile(before, must(os.Stat(path))(t)) {
				t.Error("the file was written in place")
			}
		}
		ok(t, os.Remove(path))
	}
}

// While it is written a replacement of a private file is as private.
func TestTemporaryIsPrivate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "secret")
	ok(t, os.WriteFile(path, nil, 0o600))
	w := must(tensorfile.Create(path, &tensorfile.CreateOptions{Overwrite: true}))(t)
	defer w.Close()
	for _, n := range names(t, dir) {
		if m := modeOf(t, filepath.Join(dir, n)); m != 0o600 {
			t.Errorf("%s has mode %v", n, m)
		}
	}
}

// A link at the destination stays a link, and what it leads to is replaced.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	ok(t, os.Mkdir(other, 0o777))
	target := filepath.Join(other, "target")
	ok(t, os.WriteFile(target, []byte("old"), 0o640))
	link, second := filepath.Join(dir, "link"), filepath.Join(dir, "second")
	ok(t, os.Symlink("other/target", link))
	ok(t, os.Symlink(link, second))
	_, err := tensorfile.Create(second, nil)
	wantErr(t, err, tensorfile.ErrExists, second)
	w := must(tensorfile.Create(second, &tensorfile.CreateOptions{Overwrite: true}))(t)
	if l := names(t, other); len(l) != 2 {
		t.Errorf("the temporary file is not beside the target: %v", l)
	}
	ok(t, w.Commit(ctx))
	for _, l := range []string{link, second} {
		if modeOf(t, l)&fs.ModeSymlink == 0 {
			t.Errorf("%s is no link any more", l)
		}
	}
	if modeOf(t, target) != 0o640 || must(os.Stat(target))(t).Size() != 16384 {
		t.Error(must(os.Stat(target))(t))
	}
	// One that leads nowhere yet.
	ok(t, os.Remove(target))
	create(t, link, nil)
	if l := names(t, other); !slices.Equal(l, []string{"target"}) {
		t.Error(l)
	}
	ok(t, os.Symlink("loop", filepath.Join(dir, "loop")))
	_, err = tensorfile.Create(filepath.Join(dir, "loop"), nil)
	wantErr(t, err, tensorfile.ErrIO, "loop")
	if l := names(t, dir); len(l) != 4 {
		t.Errorf("left behind: %v", l)
	}
}

// What is no regular file is never replaced.
func TestSpecialDestinations(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	ok(t, syscall.Mkfifo(fifo, 0o666))
	for path, what := range map[string]string{fifo: "a pipe", "/dev/null": "a device", dir: "a directory"} {
		for _, over := range []bool{false, true} {
			_, err := tensorfile.Create(path, &tensorfile.CreateOptions{Overwrite: over})
			wantErr(t, err, tensorfile.ErrExists, path, what)
		}
	}
	if modeOf(t, fifo)&fs.ModeNamedPipe == 0 || modeOf(t, "/dev/null")&fs.ModeDevice == 0 {
		t.Error("replaced")
	}
}

// Names at the limit of the file system, and names that are bytes.
func TestLongNames(t *testing.T) {
	dir := t.TempDir()
	long := make([]byte, 255)
	for i := range long {
		long[i] = 'a' + byte(i%26)
	}
	for _, n := range []string{string(long), "-n", "a\nb", "a\x1b[31m", "\xff\xfe", " "} {
		path := filepath.Join(dir, n)
		create(t, path, nil)
		f := must(tensorfile.Open(path, nil))(t)
		ok(t, f.Close())
	}
	_, err := tensorfile.Create(filepath.Join(dir, string(long)+"x"), nil)
	wantErr(t, err, tensorfile.ErrIO)
	if l := names(t, dir); len(l) != 6 {
		t.Errorf("%q", l)
	}
}
