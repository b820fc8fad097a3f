package mmap

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// oneByteReader returns at most one byte a call and nil errors, as a bad
// io.ReaderAt might.
type oneByteReader struct{ b []byte }

func (r oneByteReader) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(r.b)) {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	p[0] = r.b[off]
	return 1, nil
}

// TestSources runs the same reads over every kind of source: bytes, counts and
// kinds of error must agree.
func TestSources(t *testing.T) {
	data := pattern(3*4096+123, 5)
	path := writeTemp(t, data)
	part := openOnly(t, path, nil)
	if err := part.Map(4096 + 7); err != nil {
		t.Fatal(err)
	}
	sources := map[string]*Map{
		"mapped":      openMapped(t, path),
		"part mapped": part,
		"pread":       openOnly(t, path, &Options{NoMmap: true}),
		"reader":      NewReaderAt(bytes.NewReader(data), int64(len(data)), "r"),
		"one byte":    NewReaderAt(oneByteReader{data}, int64(len(data)), "r"),
		"long reader": NewReaderAt(bytes.NewReader(pattern(5*4096, 5)), int64(len(data)), "r"),
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		off, n := rng.IntN(len(data)+50), rng.IntN(200)
		if rng.IntN(10) == 0 {
			n = rng.IntN(len(data))
		}
		have := min(n, max(len(data)-off, 0))
		for name, m := range sources {
			p := make([]byte, n)
			got, err := m.ReadAt(p, int64(off))
			if got != have || !bytes.Equal(p[:got], data[min(off, len(data)):min(off, len(data))+have]) {
				t.Fatalf("%s: ReadAt(%d bytes, %d): %d bytes, want %d, or wrong ones", name, n, off, got, have)
			}
			b, ferr := m.Fetch(uint64(off), n)
			if have < n {
				e := wantError(t, err, tensor.ErrTruncated)
				if e.Offset != int64(len(data)) {
					t.Fatalf("%s: ReadAt: offset %d in %v", name, e.Offset, err)
				}
				wantError(t, ferr, tensor.ErrTruncated)
				continue
			}
			if err != nil {
				t.Fatalf("%s: ReadAt(%d bytes, %d): %v", name, n, off, err)
			}
			if off > len(data) { // n is 0: nothing is asked for, but not there
				continue
			}
			if ferr != nil || !bytes.Equal(b, p) {
				t.Fatalf("%s: Fetch(%d, %d): %v, or wrong bytes", name, off, n, ferr)
			}
			if cap(b) != len(b) && name == "mapped" {
				t.Fatalf("Fetch: capacity %d reaches beyond length %d", cap(b), len(b))
			}
		}
	}
	if !sources["mapped"].Mapped() || len(sources["part mapped"].Bytes()) != 4096+7 {
		t.Error("mapped sources are not mapped as asked")
	}
	for _, name := range []string{"pread", "reader"} {
		if m := sources[name]; m.Mapped() || m.Bytes() != nil || m.Reason() == "" || m.Map(10) != nil || m.Mapped() {
			t.Errorf("%s: mapped, or without a reason", name)
		}
	}
}

func TestFetchBounds(t *testing.T) {
	data := pattern(100, 1)
	path := writeTemp(t, data)
	for name, m := range map[string]*Map{
		"mapped": openMapped(t, path),
		"pread":  openOnly(t, path, nil),
		"reader": NewReaderAt(bytes.NewReader(data), 100, "r"),
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct {
				off uint64
				n   int
			}{{101, 0}, {100, 1}, {0, 101}, {math.MaxUint64, 1}, {math.MaxUint64 - 3, 8}, {1 << 63, 0}, {50, math.MaxInt}, {math.MaxInt64, math.MaxInt}} {
				b, err := m.Fetch(c.off, c.n)
				if b != nil {
					t.Fatalf("Fetch(%d, %d): got %d bytes", c.off, c.n, len(b))
				}
				wantError(t, err, tensor.ErrTruncated)
			}
			_, err := m.Fetch(0, -1)
			wantError(t, err, tensor.ErrIndex, "length: got -1")
			_, err = m.ReadAt(make([]byte, 1), -1)
			wantError(t, err, tensor.ErrIndex, "offset: got -1")
			_, err = m.ReadAt(make([]byte, 1), math.MaxInt64)
			wantError(t, err, tensor.ErrTruncated)
			if b, err := m.Fetch(100, 0); err != nil || len(b) != 0 {
				t.Errorf("Fetch(100, 0) at the end: %d bytes, %v", len(b), err)
			}
		})
	}
}

func TestMapSizes(t *testing.T) {
	data := pattern(4096+10, 3)
	path := writeTemp(t, data)
	m := openOnly(t, path, nil)
	if m.Mapped() || m.Reason() != "not mapped yet" {
		t.Errorf("fresh: Mapped %t, Reason %q", m.Mapped(), m.Reason())
	}
	wantError(t, m.Map(int64(len(data))+1), tensor.ErrTruncated, "got 4106 bytes (truncated), want 4107 bytes")
	wantError(t, m.Map(-1), tensor.ErrIndex, "length: got -1, want 0 or more")
	if m.Mapped() {
		t.Error("mapped in spite of the error")
	}
	if err := m.Map(0); err != nil || m.Mapped() || m.Reason() == "" {
		t.Errorf("Map(0): %v, mapped %t", err, m.Mapped())
	}
	if err := m.Map(4100); err != nil || !m.Mapped() || m.Reason() != "" {
		t.Skipf("not mapped here: %v, %q", err, m.Reason())
	}
	if !bytes.Equal(m.Bytes(), data[:4100]) {
		t.Error("wrong bytes")
	}
	if err := m.Map(10); err != nil || len(m.Bytes()) != 4100 {
		t.Errorf("mapping less once more: %v", err)
	}
	wantError(t, m.Map(4101), tensor.ErrUnsupported)
}

func TestEmptyFile(t *testing.T) {
	m := openOnly(t, writeTemp(t, nil), nil)
	if err := m.Map(0); err != nil || m.Mapped() || m.Size() != 0 {
		t.Fatalf("Map(0): %v, mapped %t, size %d", err, m.Mapped(), m.Size())
	}
	if b, err := m.Fetch(0, 0); err != nil || len(b) != 0 {
		t.Errorf("Fetch(0, 0): %v", err)
	}
	if n, err := m.ReadAt(nil, 0); n != 0 || err != nil {
		t.Errorf("ReadAt of nothing: %d, %v", n, err)
	}
	if err := m.Guard(func() error { return nil }); err != nil {
		t.Error(err)
	}
	if err := m.Check(); err != nil {
		t.Error(err)
	}
}

// TestGrown reads what was appended after Open, mapped or not.
func TestGrown(t *testing.T) {
	path := writeTemp(t, pattern(100, 1))
	m := openMapped(t, path)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write([]byte("more")); err != nil {
		t.Fatal(err)
	}
	if b, err := m.Fetch(98, 6); err != nil || string(b[2:]) != "more" {
		t.Errorf("Fetch over the old end: %q, %v", b, err)
	}
	if m.Size() != 100 {
		t.Errorf("Size is %d, want that at Open", m.Size())
	}
	if c, err := m.Changes(); err != nil || c&Grown == 0 {
		t.Errorf("Changes: %v, %v", c, err)
	}
}

// scriptReader answers calls from a script, then with zeros.
type scriptReader struct {
	steps []func(p []byte) (int, error)
	calls int
}

func (r *scriptReader) ReadAt(p []byte, _ int64) (int, error) {
	r.calls++
	if r.calls <= len(r.steps) {
		return r.steps[r.calls-1](p)
	}
	return len(p), nil
}

func TestReadAtFaults(t *testing.T) {
	give := func(n int, err error) func([]byte) (int, error) {
		return func([]byte) (int, error) { return n, err }
	}
	cause := errors.New("disk on fire")
	for _, c := range []struct {
		name  string
		steps []func([]byte) (int, error)
		n     int
		kind  error
		off   int64
		calls int
	}{
		{"whole", nil, 64, nil, 0, 1},
		{"interrupted", []func([]byte) (int, error){give(0, syscall.EINTR), give(0, &fs.PathError{Op: "read", Err: syscall.EINTR})}, 64, nil, 0, 3},
		{"short", []func([]byte) (int, error){give(1, nil), give(20, nil), give(0, nil)}, 64, nil, 0, 4},
		{"short and interrupted", []func([]byte) (int, error){give(10, syscall.EINTR), give(0, syscall.EINTR)}, 64, nil, 0, 3},
		{"all with EOF", []func([]byte) (int, error){give(64, io.EOF)}, 64, nil, 0, 1},
		{"EOF", []func([]byte) (int, error){give(10, nil), give(5, io.EOF)}, 15, tensor.ErrTruncated, 1015, 2},
		{"unexpected EOF", []func([]byte) (int, error){give(0, io.ErrUnexpectedEOF)}, 0, tensor.ErrTruncated, 1000, 1},
		{"error", []func([]byte) (int, error){give(7, nil), give(3, cause)}, 10, tensor.ErrIO, 1010, 2},
		{"count too large", []func([]byte) (int, error){give(65, nil)}, 0, tensor.ErrIO, 1000, 1},
		{"count negative", []func([]byte) (int, error){give(2, nil), give(-1, nil)}, 2, tensor.ErrIO, 1002, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &scriptReader{steps: c.steps}
			n, err := NewReaderAt(r, 5000, "script").ReadAt(make([]byte, 64), 1000)
			if n != c.n || r.calls != c.calls {
				t.Errorf("%d bytes in %d calls, want %d in %d", n, r.calls, c.n, c.calls)
			}
			if c.kind == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e := wantError(t, err, c.kind, "script: offset")
			if e.Offset != c.off {
				t.Errorf("offset %d in %v, want %d", e.Offset, err, c.off)
			}
			if c.name == "error" && !errors.Is(err, cause) {
				t.Errorf("cause lost: %v", err)
			}
		})
	}
	r := readerFunc(func([]byte, int64) (int, error) { return 0, nil })
	_, err := NewReaderAt(r, 10, "stuck").ReadAt(make([]byte, 1), 0)
	wantError(t, err, tensor.ErrIO, io.ErrNoProgress.Error())
	r = func([]byte, int64) (int, error) { return 0, syscall.EINTR }
	_, err = NewReaderAt(r, 10, "stuck").ReadAt(make([]byte, 1), 0)
	wantError(t, err, tensor.ErrIO)
	if m := NewReaderAt(r, -5, "negative"); m.Size() != 0 {
		t.Errorf("size %d", m.Size())
	}
}

type readerFunc func(p []byte, off int64) (int, error)

func (f readerFunc) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		path, text string
		kind       error
	}{
		{filepath.Join(dir, "absent"), ": open: ", tensor.ErrIO},
		{filepath.Join(dir, "absent", "file"), ": open: ", tensor.ErrIO},
		{filepath.Join(dir, strings.Repeat("x", 300)), ": open: ", tensor.ErrIO},
		{"a\x00b", `a\x00b: open: `, tensor.ErrIO},
		{"", "open: ", tensor.ErrIO},
		{dir, "not a regular file (a directory)", tensor.ErrFormat},
	} {
		m, err := Open(c.path, nil)
		if m != nil {
			t.Fatalf("%q: opened", c.path)
		}
		e := wantError(t, err, c.kind, c.text)
		if e.Path != c.path || e.Offset != -1 {
			t.Errorf("%q: path %q, offset %d", c.path, e.Path, e.Offset)
		}
		if c.path != "" && strings.Count(err.Error(), c.path) > 1 {
			t.Errorf("path twice: %v", err)
		}
	}
	if _, err := Open(filepath.Join(dir, "absent"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("cause lost: %v", err)
	}
}

func TestUseAfterClose(t *testing.T) {
	data := pattern(5000, 2)
	path := writeTemp(t, data)
	for name, o := range map[string]*Options{"mapped": nil, "pread": {NoMmap: true}, "reader": nil} {
		t.Run(name, func(t *testing.T) {
			var m *Map
			if name == "reader" {
				m = NewReaderAt(bytes.NewReader(data), 5000, "r")
			} else {
				m = openOnly(t, path, o)
			}
			if err := m.Map(5000); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if err := m.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if m.Mapped() || m.Bytes() != nil || m.Reason() != "closed" || m.Size() != 5000 || m.Path() == "" {
				t.Errorf("Mapped %t, Reason %q, Size %d", m.Mapped(), m.Reason(), m.Size())
			}
			_, ferr := m.Fetch(0, 1)
			_, rerr := m.ReadAt(make([]byte, 1), 0)
			_, aerr := m.Acquire()
			_, eerr := m.Enter()
			_, cerr := m.Changes()
			gerr := m.Guard(func() error { t.Error("called"); return nil })
			for _, err := range []error{ferr, rerr, aerr, eerr, cerr, gerr, m.Map(1), m.Check(), m.Advise(0, 1, Normal)} {
				wantError(t, err, tensor.ErrClosed)
			}
			if err := m.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
