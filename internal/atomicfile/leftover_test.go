package atomicfile

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tensorfile/tensorfile/internal/crashfs"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/tensor"
)

func unlessWindows(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("nothing is removed on Windows, which renames no open file")
	}
}

// What dead writers of a target left is removed by its next writer; what a
// live one has, what belongs to another target and what no writer made stays.
func TestSweep(t *testing.T) {
	unlessWindows(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	write := func(name string, mode fs.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), mode); err != nil {
			t.Fatal(err)
		}
	}
	write(".a.0.tmp", 0o600) // of the dead
	write(".a.3.tmp", 0o600)
	write(".a.0.1.tmp", 0o600) // of a target called "a.0"
	write(".b.0.tmp", 0o600)
	write(".a.x.tmp", 0o600)
	write("a.tmp", 0o600)
	if err := os.Mkdir(filepath.Join(dir, ".a.1.tmp"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a.tmp", filepath.Join(dir, ".a.2.tmp")); err != nil {
		t.Fatal(err)
	}
	live, err := Create(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	if got := filepath.Base(live.file.Name()); got != ".a.0.tmp" {
		t.Errorf("the live one is %s", got)
	}
	live.Write([]byte("live"))
	for range 3 {
		if err := put(t, path, "other", &Options{Overwrite: true}); err != nil {
			t.Fatal(err)
		}
	}
	only(t, dir, ".a.0.1.tmp", ".a.0.tmp", ".a.1.tmp", ".a.2.tmp", ".a.x.tmp", ".b.0.tmp", "a", "a.tmp")
	if err := live.Commit(); !errors.Is(err, tensor.ErrExists) {
		t.Fatal(err)
	}
	// It failed, and is its writer's until Close.
	Sweep(fsys.OS, path)
	if got := content(t, live.file.Name()); got != "live" {
		t.Errorf("the live one holds %q", got)
	}
	if err := live.Close(); err != nil {
		t.Fatal(err)
	}
	only(t, dir, ".a.0.1.tmp", ".a.1.tmp", ".a.2.tmp", ".a.x.tmp", ".b.0.tmp", "a", "a.tmp")
}

// The same on the file system of the crash tests, and where it does not hold.
func TestSweepWhere(t *testing.T) {
	unlessWindows(t)
	start := map[string][]byte{"d/.a.7.tmp": []byte("dead"), "d/.b.7.tmp": []byte("another's")}
	for what, c := range map[string]struct {
		fs   fsys.FS
		left bool
	}{
		"local":    {crashfs.From(start), false},
		"remote":   {remote(crashfs.From(start)), true},
		"no locks": {noLocks{crashfs.From(start)}, true},
	} {
		if err := put(t, "d/a", "new", &Options{FS: c.fs}); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		var files map[string][]byte
		switch f := c.fs.(type) {
		case *crashfs.FS:
			files = f.Files()
		case noLocks:
			files = f.FS.(*crashfs.FS).Files()
		}
		want := []string{"d/.b.7.tmp", "d/a"}
		if c.left {
			want = []string{"d/.a.7.tmp", "d/.b.7.tmp", "d/a"}
		}
		if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, want) {
			t.Errorf("%s: %v", what, got)
		}
	}
}

func remote(f *crashfs.FS) *crashfs.FS {
	f.Type = "nfs"
	return f
}

type noLocks struct{ fsys.FS }

type noLocksFile struct{ fsys.File }

func (n noLocks) OpenWrite(path string) (fsys.File, error) {
	f, err := n.FS.OpenWrite(path)
	return noLocksFile{f}, err
}

func (noLocksFile) Lock() error { return fsys.ErrNoLocks }

// Many writers of one target, each of which sweeps what it finds, take nothing
// from each other: each commit succeeds and holds its own bytes whole.
func TestSweepRace(t *testing.T) {
	unlessWindows(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	var wg sync.WaitGroup
	for g := range 8 {
		text := strings.Repeat(string(rune('a'+g)), 100)
		wg.Go(func() {
			for range 50 {
				f, err := Create(path, &Options{Overwrite: true, NoSync: true})
				if err != nil {
					t.Error(err)
					return
				}
				f.Write([]byte(text[:50]))
				f.Write([]byte(text[50:]))
				if err := f.Commit(); err != nil {
					t.Error(err)
				}
				b, err := os.ReadFile(path)
				if s := string(b); err != nil || len(s) != 100 || strings.Count(s, s[:1]) != 100 {
					t.Errorf("%q, %v", s, err)
				}
			}
		})
	}
	wg.Wait()
	only(t, dir, "a")
}

// A replaced file that was read-only is so again, and its temporary file could
// be locked.
func TestSweepReadOnlyMode(t *testing.T) {
	unlessWindows(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := os.WriteFile(path, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	if err := put(t, path, "new", &Options{Overwrite: true}); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o444 || content(t, path) != "new" {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
}
