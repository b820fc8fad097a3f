package mmap

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/tensor"
)

func TestCheck(t *testing.T) {
	data := pattern(5000, 1)
	old := time.Now().Add(-time.Hour)
	for _, c := range []struct {
		name   string
		change func(path string) error
		want   Change
		text   string // "": Check finds nothing
	}{
		{"nothing", func(string) error { return nil }, 0, ""},
		{"cut", func(p string) error { return os.Truncate(p, 10) }, Shrunk | Modified, "offset 10: size: got 10 bytes, changed while open, want 5000 bytes"},
		{"touched", func(p string) error { return os.Chtimes(p, old, old.Add(time.Second)) }, Modified, "modification time: got "},
		{"appended", func(p string) error {
			f, err := os.OpenFile(p, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.Write([]byte("x"))
			return err
		}, Grown | Modified, "modification time: got "},
		{"replaced", func(p string) error {
			if err := os.WriteFile(p+".new", data, 0o644); err != nil {
				return err
			}
			return os.Rename(p+".new", p)
		}, Replaced, "path: got another file, changed while open"},
		{"replaced by a directory", func(p string) error {
			if err := os.Remove(p); err != nil {
				return err
			}
			return os.Mkdir(p, 0o755)
		}, Replaced, "path: got another file"},
		{"removed", os.Remove, Removed, ""},
		{"moved", func(p string) error { return os.Rename(p, p+".old") }, Removed, ""},
		{"mode", func(p string) error { return os.Chmod(p, 0o600) }, 0, ""},
		{"read", func(p string) error { _, err := os.ReadFile(p); return err }, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && c.want&(Shrunk|Replaced|Removed) != 0 {
				t.Skip("Windows refuses this for a mapped file")
			}
			path := writeTemp(t, data)
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
			m := openMapped(t, path)
			if err := c.change(path); err != nil {
				t.Fatal(err)
			}
			got, err := m.Changes()
			if err != nil || got != c.want {
				t.Errorf("Changes: %v, %v, want %v", got, err, c.want)
			}
			err = m.Check()
			if c.text == "" {
				if err != nil {
					t.Errorf("Check: %v", err)
				}
			} else {
				wantError(t, err, tensor.ErrChanged, c.text)
			}
			// Whatever happened to the name, the open file can be read.
			if c.want&(Shrunk) == 0 && !bytes.Equal(m.Bytes(), data) {
				t.Error("the mapping changed")
			}
		})
	}
	m := NewReaderAt(bytes.NewReader(data), 5000, "r")
	if c, err := m.Changes(); c != 0 || err != nil || m.Check() != nil {
		t.Errorf("io.ReaderAt: %v, %v", c, err)
	}
}

// TestCheckAfterChdir opens by a relative name, which leads elsewhere later.
func TestCheckAfterChdir(t *testing.T) {
	path := writeTemp(t, pattern(10, 1))
	t.Chdir(filepath.Dir(path))
	m := openMapped(t, filepath.Base(path))
	if m.Path() != filepath.Base(path) {
		t.Errorf("Path is %q", m.Path())
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile(filepath.Base(path), []byte("another"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := m.Check(); err != nil {
		t.Error(err)
	}
}

func TestChangeString(t *testing.T) {
	for c, want := range map[Change]string{
		0: "unchanged", Shrunk: "shrunk", Grown | Modified: "grown, modified",
		Replaced: "replaced", Removed: "removed",
	} {
		if c.String() != want {
			t.Errorf("%d: %q, want %q", c, c, want)
		}
	}
}
