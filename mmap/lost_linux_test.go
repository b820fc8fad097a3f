package mmap

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/tensor"
	"golang.org/x/sys/unix"
)

// lost opens a file and takes its descriptor away from under the Map, as nobody
// may: what asks the system then gets an error and no answer.
func lost(t *testing.T, o *Options) (*Map, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, make([]byte, 10_000), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.file.Close(); err != nil {
		t.Fatal(err)
	}
	return m, path
}

// Every question that the system does not answer is an error with the path.
func TestLostDescriptor(t *testing.T) {
	m, path := lost(t, &Options{NoMmap: true})
	for what, ask := range map[string]func() error{
		"Changes": func() error { _, err := m.Changes(); return err },
		"Check":   m.Check,
		"Renew":   func() error { _, err := m.Renew(); return err },
		"Map":     func() error { return m.Map(5000) },
		"ReadAt":  func() error { _, err := m.ReadAt(make([]byte, 10), 0); return err },
		"Fetch":   func() error { _, err := m.Fetch(9_999, 10); return err },
	} {
		var e *tensor.Error
		if err := ask(); !errors.Is(err, tensor.ErrClosed) || !errors.As(err, &e) || e.Path != path {
			t.Errorf("%s: %v", what, err)
		}
	}
	l, err := m.Acquire()
	if err != nil {
		t.Fatal(err)
	}
	// Direct reads open the file anew, by its path where nothing else leads to it.
	if err := errors.Join(os.WriteFile(path+" of another", make([]byte, 10_000), 0o600), os.Rename(path+" of another", path)); err != nil {
		t.Fatal(err)
	}
	if why := l.Direct(); why == "" {
		t.Error("direct reads of another file")
	}
	if share, ok := l.Resident(0, 8<<20); ok {
		t.Errorf("%v of it is resident", share)
	}
	l.Release()
	if name := m.Network(); name != "" {
		t.Errorf("on %s", name)
	}
	var e *tensor.Error
	if err := m.Close(); !errors.Is(err, fs.ErrClosed) || !errors.As(err, &e) || e.Path != path || e.Field != "close" {
		t.Errorf("close: %v", err)
	}
	if name := m.Network(); name != "" {
		t.Errorf("closed, on %s", name)
	}
}

// Without a path that leads to it a file can be changed, not replaced.
func TestChangesWithoutPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	m.abs = ""
	if err := errors.Join(os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0)), os.Remove(path)); err != nil {
		t.Fatal(err)
	}
	if c, err := m.Changes(); c != Modified || err != nil {
		t.Errorf("%v, %v", c, err)
	}
}

// What is no plain file is refused with what it is.
func TestPlainFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkPlain(f, 0); err != nil { // as if it had grown since
		t.Error(err)
	}
	f.Close()
	if err := checkPlain(f, 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("%v", err)
	}
	if got := fsType(f); got != 0 {
		t.Errorf("a closed file is on %#x", got)
	}
	if err := checkRegular(irregular{}); err == nil || err.Error() != errNotRegular("mode ?---------").Error() {
		t.Errorf("%v", err)
	}
	for kind, want := range map[uint32]string{unix.PROC_SUPER_MAGIC: "procfs", unix.CGROUP2_SUPER_MAGIC: "cgroupfs", unix.EXT4_SUPER_MAGIC: ""} {
		if got := pseudoTypes[kind]; got != want {
			t.Errorf("%#x is %q, want %q", kind, got, want)
		}
	}
}

// irregular is a file of no kind that is known.
type irregular struct{ fs.FileInfo }

func (irregular) Mode() fs.FileMode { return fs.ModeIrregular }

// mincore tells of a mapping what cachestat tells of a file: all of it was
// written just now.
func TestResidentMapped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	size := int64(300 * os.Getpagesize())
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, ok := m.residentMapped(0, size); ok {
		t.Error("not mapped, and told")
	}
	if err := m.Map(size); err != nil || !m.Mapped() {
		t.Fatal(err, m.Reason())
	}
	if share, ok := m.residentMapped(0, size); !ok || share < 0.99 {
		t.Errorf("%v, %v", share, ok)
	}
	if _, ok := m.residentMapped(0, 1<<40); ok {
		t.Error("beyond the mapping, and told")
	}
}
