package mmap

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// Sources that were joined live and end together, whichever is asked.
func TestJoin(t *testing.T) {
	dir := t.TempDir()
	open := func(name string, b string) *Map {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(b), 0o666); err != nil {
			t.Fatal(err)
		}
		m, err := Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Map(m.Size()); err != nil {
			t.Fatal(err)
		}
		return m
	}
	for last := range 3 {
		maps := []*Map{open("a", "first"), open("b", "second!"), open("c", "the third")}
		maps[0].Join(maps[1], maps[2])
		for i, m := range maps {
			l := mustAcquire(t, m)
			for _, o := range maps {
				wantError(t, o.Close(), tensor.ErrInUse, "1 lease")
			}
			b := make([]byte, 4)
			if _, err := maps[(i+1)%3].ReadAt(b, 1); err != nil {
				t.Fatal(err)
			}
			l.Release()
		}
		if err := maps[last].Close(); err != nil {
			t.Fatal(err)
		}
		for _, m := range maps {
			if _, err := m.Acquire(); err == nil {
				t.Error("a lease after Close")
			}
			if _, err := m.ReadAt(make([]byte, 1), 0); err == nil || m.Mapped() {
				t.Errorf("read after Close: %v, mapped %v", err, m.Mapped())
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	m, other := open("a", "first"), open("b", "second")
	l := mustAcquire(t, other)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a Map in use was joined")
			}
		}()
		m.Join(other)
	}()
	l.Release()
	m.Close()
	other.Close()
}
