package mmap

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// A file that has grown since Open is taken for what it is now, once; a source that
// is no file never grows.
func TestRenew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, pattern(3000, 1), 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if !m.Local() {
		t.Error("a file is local")
	}
	if grown, err := m.Renew(); grown || err != nil || m.Size() != 3000 {
		t.Errorf("%v, %v, %d bytes", grown, err, m.Size())
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(pattern(100, 2)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if grown, err := m.Renew(); !grown || err != nil || m.Size() != 3100 {
		t.Errorf("%v, %v, %d bytes", grown, err, m.Size())
	}
	if err := m.Check(); err != nil {
		t.Errorf("what was taken for its own is told as a change: %v", err)
	}
	got := make([]byte, 100)
	if _, err := m.ReadAt(got, 3000); err != nil || !bytes.Equal(got, pattern(100, 2)) {
		t.Error(err)
	}
	if grown, err := m.Renew(); grown || err != nil {
		t.Error(grown, err)
	}

	r := NewReaderAt(bytes.NewReader(got), 100, "r")
	defer r.Close()
	if grown, err := r.Renew(); grown || err != nil || r.Local() {
		t.Errorf("%v, %v, local %v", grown, err, r.Local())
	}
}
