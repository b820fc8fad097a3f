package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/tensor"
)

func put(t *testing.T, path, text string, o *Options) error {
	t.Helper()
	f, err := Create(path, o)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write([]byte(text)); err != nil {
		return err
	}
	return f.Commit()
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func only(t *testing.T, dir string, names ...string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != len(names) {
		t.Fatalf("got %v, want %v", list, names)
	}
	for i, e := range list {
		if e.Name() != names[i] {
			t.Errorf("got %v, want %v", e.Name(), names[i])
		}
	}
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := put(t, path, "one", nil); err != nil {
		t.Fatal(err)
	}
	if err := put(t, path, "two", nil); !errors.Is(err, tensor.ErrExists) {
		t.Fatalf("got %v, want %v", err, tensor.ErrExists)
	}
	if got := content(t, path); got != "one" {
		t.Fatalf("got %q", got)
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(path, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(t, path, "two", &Options{Overwrite: true}); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); got != "two" {
		t.Fatalf("got %q", got)
	}
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && fi.Mode().Perm() != 0o640 {
		t.Errorf("mode %v", fi.Mode())
	}
	only(t, dir, "a")
}

// E05: a link is followed, its target is replaced and the link stays.
func TestLink(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "a"), filepath.Join(dir, "l")
	if err := put(t, path, "one", nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a", link); err != nil {
		t.Skip(err)
	}
	if err := put(t, link, "two", &Options{Overwrite: true}); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Lstat(link); err != nil || fi.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v, %v", fi, err)
	}
	if got := content(t, path); got != "two" {
		t.Errorf("got %q", got)
	}
}

func TestNowhere(t *testing.T) {
	dir := t.TempDir()
	if err := put(t, dir, "x", &Options{Overwrite: true}); !errors.Is(err, tensor.ErrExists) {
		t.Errorf("a directory: %v", err)
	}
	path := filepath.Join(dir, "no", "a")
	err := put(t, path, "x", nil)
	if !errors.Is(err, tensor.ErrIO) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	if strings.Contains(strings.ReplaceAll(err.Error(), path, ""), fsys.TempSuffix) {
		t.Errorf("%v tells the name of the temporary file", err)
	}
	only(t, dir)
}

// What stands in the way is named.
func TestKinds(t *testing.T) {
	for mode, want := range map[fs.FileMode]string{
		fs.ModeDir: "a directory", fs.ModeNamedPipe: "a pipe", fs.ModeDevice: "a device", fs.ModeDevice | fs.ModeCharDevice: "a device",
		fs.ModeSocket: "no regular file", fs.ModeIrregular | 0o644: "no regular file",
	} {
		if got := kindOf(mode); got != want {
			t.Errorf("%v: %s, want %s", mode, got, want)
		}
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	f, err := Create(filepath.Join(dir, "a"), nil)
	if err != nil {
		t.Fatal(err)
	}
	f.Write([]byte("half"))
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	only(t, dir)
}

// failing is a file system whose operations fail one at a time.
type failing struct {
	fsys.FS
	op string
}

var errInjected = errors.New("injected")

type failingFile struct {
	fsys.File
	fs *failing
}

func (f *failing) on(op string) error {
	if f.op == op {
		return errInjected
	}
	return nil
}

func (f *failing) CreateTemp(path string, perm fs.FileMode) (fsys.File, error) {
	if err := f.on("create"); err != nil {
		return nil, err
	}
	file, err := f.FS.CreateTemp(path, perm)
	return failingFile{file, f}, err
}

func (f *failing) Rename(a, b string) error {
	if err := f.on("rename"); err != nil {
		return err
	}
	return f.FS.Rename(a, b)
}

func (f *failing) Chmod(name string, mode fs.FileMode) error {
	if err := f.on("chmod"); err != nil {
		return err
	}
	return f.FS.Chmod(name, mode)
}

func (f failingFile) Write(p []byte) (int, error) {
	if err := f.fs.on("write"); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f failingFile) Sync() error {
	if err := f.fs.on("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f failingFile) Close() error {
	err := f.File.Close()
	if e := f.fs.on("close"); e != nil {
		return e
	}
	return err
}

func TestFailures(t *testing.T) {
	for _, op := range []string{"create", "write", "chmod", "sync", "close", "rename"} {
		dir := t.TempDir()
		path := filepath.Join(dir, "a")
		if err := put(t, path, "old", nil); err != nil {
			t.Fatal(err)
		}
		err := put(t, path, "new", &Options{Overwrite: true, FS: &failing{fsys.OS, op}})
		if !errors.Is(err, errInjected) || !errors.Is(err, tensor.ErrIO) {
			t.Errorf("%s: got %v", op, err)
		}
		if got := content(t, path); got != "old" {
			t.Errorf("%s: the destination changed to %q", op, got)
		}
		only(t, dir, "a")
	}
}
