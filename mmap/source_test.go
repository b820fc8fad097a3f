package mmap

import (
	"bytes"
	"errors"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// fakeSource is a Source that counts its closes and can be told to fail.
type fakeSource struct {
	*bytes.Reader
	read, check, close error
	closed             int
}

func (s *fakeSource) ReadAt(p []byte, off int64) (int, error) {
	if s.read != nil {
		return 0, s.read
	}
	return s.Reader.ReadAt(p, off)
}

func (s *fakeSource) Check() error { return s.check }

func (s *fakeSource) Close() error {
	s.closed++
	return s.close
}

func TestNewSource(t *testing.T) {
	data := pattern(5000, 3)
	src := &fakeSource{Reader: bytes.NewReader(data)}
	m := NewSource(src, "somewhere")
	if m.Size() != 5000 || m.Path() != "somewhere" || m.Mapped() || m.Reason() == "" {
		t.Fatalf("size %d, path %q, mapped %v, reason %q", m.Size(), m.Path(), m.Mapped(), m.Reason())
	}
	if err := m.Map(5000); err != nil || m.Mapped() {
		t.Fatal(err, m.Mapped())
	}
	if b, err := m.Fetch(100, 50); err != nil || !bytes.Equal(b, data[100:150]) {
		t.Fatal(err)
	}
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	src.check = &tensor.Error{Kind: tensor.ErrChanged, Offset: -1}
	if err := m.Check(); err != src.check {
		t.Fatal(err)
	}

	// What the source says of an error is kept; what it cannot say is added.
	src.read = &tensor.Error{Kind: tensor.ErrChanged, Path: "p", Offset: 7}
	if _, err := m.ReadAt(make([]byte, 1), 7); err != src.read || errors.Is(err, tensor.ErrIO) {
		t.Fatal(err)
	}
	src.read = errors.New("odd")
	if _, err := m.ReadAt(make([]byte, 1), 7); !errors.Is(err, tensor.ErrIO) || !errors.Is(err, src.read) {
		t.Fatal(err)
	}

	lease, err := m.Acquire()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); !errors.Is(err, tensor.ErrInUse) || src.closed != 0 {
		t.Fatal(err, src.closed)
	}
	lease.Release()
	src.close = errors.New("not now")
	for range 2 {
		if err := m.Close(); !errors.Is(err, src.close) || !errors.Is(err, tensor.ErrIO) || src.closed != 1 {
			t.Fatal(err, src.closed)
		}
	}
	if err := m.Check(); !errors.Is(err, tensor.ErrClosed) {
		t.Fatal(err)
	}
}
