//go:build unix && !aix && !solaris

package mmap

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/tensor"
)

// within fails the test if f takes long: opening must not wait for anyone.
func within(t *testing.T, name string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: hangs", name)
	}
}

// TestIrregularFiles opens what has no fixed bytes (E01).
func TestIrregularFiles(t *testing.T) {
	dir, err := os.MkdirTemp("", "mm") // short: a socket's name is limited
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	fifo, sock, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "sock"), filepath.Join(dir, "link")
	if err := syscall.Mkfifo(fifo, 0o666); err != nil {
		t.Skip(err)
	}
	if err := os.Symlink(fifo, link); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", sock)
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	for _, c := range []struct{ path, text string }{
		{dir, "a directory"},
		{fifo, "a named pipe"},
		{link, "a named pipe"},
		{sock, "a socket"},
		{"/dev/zero", "a device"},
		{"/dev/null", "a device"},
		{"/dev/tty", "a device"},
	} {
		within(t, c.path, func() {
			if _, err := os.Stat(c.path); err != nil {
				return
			}
			m, err := Open(c.path, nil)
			if m != nil {
				t.Errorf("%s: opened", c.path)
			}
			wantErrorAt(t, err, tensor.ErrFormat, c.path+": not a regular file ("+c.text+")")
		})
	}
	// A pipe that took a file's place after the first look.
	within(t, "late pipe", func() {
		f, err := openFile(fifo)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		fi, err := f.Stat()
		if err != nil || checkRegular(fi) == nil {
			t.Errorf("a pipe passes for a file: %v", err)
		}
	})
}

func wantErrorAt(t *testing.T, err, kind error, text string) {
	if !errors.Is(err, kind) || err.Error() != text {
		t.Errorf("error is %v, want %q", err, text)
	}
}

func TestSymlinks(t *testing.T) {
	data := pattern(5000, 1)
	path := writeTemp(t, data)
	dir := t.TempDir()
	name := func(s string) string { return filepath.Join(dir, s) }
	for from, to := range map[string]string{"a": path, "b": name("a"), "gone": name("nothing"), "loop": name("loop")} {
		if err := os.Symlink(to, name(from)); err != nil {
			t.Fatal(err)
		}
	}
	m := openMapped(t, name("b"))
	if !bytes.Equal(m.Bytes(), data) || m.Path() != name("b") || m.Check() != nil {
		t.Errorf("through two links: path %q, %v", m.Path(), m.Check())
	}
	if _, err := Open(name("gone"), nil); !errors.Is(err, tensor.ErrIO) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("dangling: %v", err)
	}
	if _, err := Open(name("loop"), nil); !errors.Is(err, tensor.ErrIO) || !errors.Is(err, syscall.ELOOP) {
		t.Errorf("loop: %v", err)
	}
	// The link leads elsewhere later.
	if err := os.Remove(name("a")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(writeTemp(t, data), name("a")); err != nil {
		t.Fatal(err)
	}
	wantError(t, m.Check(), tensor.ErrChanged, "path: got another file")
}

// TestOpenLeavesNoTrace opens a file that may not be written to, in a directory
// that may not either: nothing appears and no time changes.
func TestOpenLeavesNoTrace(t *testing.T) {
	path := writeTemp(t, pattern(5000, 1))
	dir := filepath.Dir(path)
	old := time.Now().Add(-time.Hour)
	for _, err := range []error{os.Chtimes(path, old, old), os.Chmod(path, 0o444), os.Chmod(dir, 0o555)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	defer os.Chmod(dir, 0o755)
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Map(5000); err != nil {
		t.Fatal(err)
	}
	m.Fetch(0, 5000)
	m.ReadAt(make([]byte, 5000), 0)
	m.Advise(0, -1, Populate)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	names, _ := os.ReadDir(dir)
	if !after.ModTime().Equal(before.ModTime()) || after.Mode() != before.Mode() || after.Size() != before.Size() || len(names) != 1 {
		t.Errorf("before %v %v, after %v %v, %d files", before.ModTime(), before.Mode(), after.ModTime(), after.Mode(), len(names))
	}
}

// TestHugeSparseFile opens the largest file that the system lets us make (N51)
// and one that no address space holds.
func TestHugeSparseFile(t *testing.T) {
	dirs := []string{"/dev/shm", t.TempDir()}
	for _, dir := range dirs {
		path := filepath.Join(dir, "tensorfile-mmap-sparse-test")
		f, err := os.Create(path)
		if err != nil {
			continue
		}
		defer os.Remove(path)
		defer f.Close()
		size := int64(math.MaxInt64)
		for f.Truncate(size) != nil {
			size /= 2
		}
		t.Logf("%s: %d bytes", dir, size)
		if _, err := f.WriteAt([]byte("end"), size-3); err != nil {
			t.Logf("%s: %v", dir, err)
			continue
		}
		m, err := Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if m.Size() != size {
			t.Errorf("Size is %d", m.Size())
		}
		if err := m.Map(size); err != nil {
			t.Fatal(err)
		}
		if size > 1<<48 && (m.Mapped() || m.Reason() == "") {
			t.Errorf("mapped %d bytes, reason %q", size, m.Reason())
		}
		t.Logf("mapped %t: %s", m.Mapped(), m.Reason())
		if b, err := m.Fetch(uint64(size)-3, 3); err != nil || string(b) != "end" {
			t.Errorf("the end: %q, %v", b, err)
		}
		if _, err := m.Fetch(uint64(size)-2, 3); !errors.Is(err, tensor.ErrTruncated) {
			t.Errorf("over the end: %v", err)
		}
		if n, err := m.ReadAt(make([]byte, 3), size-2); n != 2 || !errors.Is(err, tensor.ErrTruncated) {
			t.Errorf("over the end: %d, %v", n, err)
		}
		if !m.Mapped() && maxPrivate < size && int64(int(size)) == size {
			_, err := m.Fetch(0, int(size))
			wantError(t, err, tensor.ErrLimit)
		}
		if err := m.Check(); err != nil {
			t.Error(err)
		}
		// A small part of it maps all the same.
		part, err := Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := part.Map(1 << 20); err != nil || !part.Mapped() {
			t.Errorf("first MiB: %v, %s", err, part.Reason())
		}
		if err := part.Close(); err != nil {
			t.Error(err)
		}
	}
}
