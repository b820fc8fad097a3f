package badinput

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/fsys"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// transfers counts reads or writes and spoils one of them.
type transfers struct {
	mu    sync.Mutex
	n     int                                             // so far
	at    int                                             // the one that is spoilt; negative: none
	spoil func(p []byte, off int64) (done int, err error) // what happens in its place
	done  bool                                            // it has come
}

// next counts a transfer and reports whether it is the one.
func (c *transfers) next() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	if c.n-1 != c.at {
		return false
	}
	c.done = true
	return true
}

func (c *transfers) hit() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done
}

type spoiltReader struct {
	r io.ReaderAt
	*transfers
}

func (s spoiltReader) ReadAt(p []byte, off int64) (int, error) {
	if s.next() {
		return s.spoil(p, off)
	}
	return s.r.ReadAt(p, off)
}

// spoiltWriter keeps nothing of what is written.
type spoiltWriter struct{ *transfers }

func (s spoiltWriter) Write(p []byte) (int, error) {
	if s.next() {
		return s.spoil(p, 0)
	}
	return len(p), nil
}

// spoiltWriterAt can be filled in.
type spoiltWriterAt struct {
	spoiltWriter
	filled *int
}

func (s spoiltWriterAt) WriteAt(p []byte, _ int64) (int, error) {
	*s.filled++
	return s.Write(p)
}

// most is how many of a run's transfers are spoilt, one at a time: all of the
// first half, and every so many of the rest.
const most = 64

// each calls fn with the transfers to spoil of n.
func each(n int, fn func(k int)) (count int) {
	for k := 0; k < n; k++ {
		fn(k)
		count++
		if rest := n - k; k >= most/2 && rest > most/2 {
			k += (n - most/2) / (most / 2)
		}
	}
	return count
}

// noPanic runs fn, and makes a panic an error.
func noPanic(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return fn()
}

// readAll reads all of an open file, up to the first error.
func readAll(ctx context.Context, f *tensorfile.File) error {
	if _, err := f.Attrs(); err != nil {
		return err
	}
	for x, err := range f.Tensors() {
		if err != nil {
			return err
		}
		if _, err := x.Attrs(); err != nil {
			return err
		}
		_, err := x.Read(ctx)
		if _, _, composite := x.Composite(); composite && errors.Is(err, tensorfile.ErrEncoded) {
			_, err = x.ReadComposite(ctx)
		}
		if err != nil {
			return err
		}
	}
	rep, err := f.Verify(ctx, nil)
	if err == nil && !rep.OK() {
		err = rep.Findings[0]
	}
	return err
}

// EveryRead reads the good file at path whole, and then again and again, each
// time with another of the reads of its bytes failing: by an error of the disk,
// by an end that was not there before, and by a context that is cancelled while
// it lasts. Each must become an error that is of the right kind, says which file
// of which format, and at which offset; a conversion leaves its destination as
// it was. o may be nil.
func EveryRead(t testing.TB, path string, o *convert.OpenOptions) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var own convert.OpenOptions
	if o != nil {
		own = *o
	}
	run := func(ctx context.Context, c *transfers) error {
		return noPanic(func() error {
			f, err := convert.OpenMap(ctx, mmap.NewReaderAt(spoiltReader{bytes.NewReader(b), c}, int64(len(b)), path), &own)
			if err != nil {
				return err
			}
			defer f.Close()
			return readAll(ctx, f)
		})
	}
	ctx := context.Background()
	all := &transfers{at: -1}
	if err := run(ctx, all); err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	count := each(all.n, func(k int) {
		c := &transfers{at: k, spoil: func(p []byte, off int64) (int, error) { return 0, syscall.EIO }}
		isRead(t, fmt.Sprintf("read %d of %d fails", k, all.n), run(ctx, c), c, path, tensorfile.ErrIO, syscall.EIO)
		c = &transfers{at: k, spoil: func(p []byte, off int64) (int, error) { return 0, io.EOF }}
		isRead(t, fmt.Sprintf("read %d of %d ends", k, all.n), run(ctx, c), c, path, tensorfile.ErrTruncated, nil)
		cctx, cancel := context.WithCancel(ctx)
		c = &transfers{at: k, spoil: func(p []byte, off int64) (int, error) {
			cancel()
			return bytes.NewReader(b).ReadAt(p, off)
		}}
		if err := run(cctx, c); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("read %d of %d is cancelled: %v", k, all.n, err)
		}
		cancel()
	})
	t.Logf("%s: %d of %d reads failed", filepath.Base(path), count, all.n)
	everyReadConverted(t, path, &own)
}

// isRead checks what became of a read that was spoilt.
func isRead(t testing.TB, what string, err error, c *transfers, path string, kind, cause error) {
	t.Helper()
	if !c.hit() {
		return // fewer reads than before: they are made by several goroutines
	}
	var e *tensorfile.Error
	switch {
	case err == nil:
		t.Errorf("%s: nobody heard of it", what)
	case !errors.As(err, &e) || e.Kind != kind || cause != nil && !errors.Is(err, cause):
		t.Errorf("%s: %T %v, want the kind %v", what, err, err, kind)
	case e.Offset < 0 || !strings.Contains(err.Error(), tensor.Escape(path)):
		t.Errorf("%s: neither file nor offset: %v", what, err)
	}
}

// everyReadConverted converts the file with reads that fail.
func everyReadConverted(t testing.TB, path string, o *convert.OpenOptions) {
	t.Helper()
	dir := t.TempDir()
	out := filepath.Join(dir, "old.tensor")
	fresh := func() state {
		if err := os.WriteFile(out, []byte("what was there before"), 0o640); err != nil {
			t.Fatal(err)
		}
		return stateOf(t, out)
	}
	before := fresh()
	run := func(out string, c *transfers) error {
		defer fsys.Replace(nil, func(p string, r io.ReaderAt) io.ReaderAt {
			if p != path {
				return r
			}
			return spoiltReader{r, c}
		})()
		co := &convert.Options{Overwrite: true, NoSync: true, Open: *o}
		co.Open.NoMmap = true
		return noPanic(func() error {
			_, err := convert.Files(context.Background(), []string{path}, out, co)
			return err
		})
	}
	all := &transfers{at: -1}
	if err := run(filepath.Join(t.TempDir(), "new.tensor"), all); err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	each(all.n, func(k int) {
		c := &transfers{at: k, spoil: func(p []byte, off int64) (int, error) { return 0, syscall.EIO }}
		err := run(out, c)
		isRead(t, fmt.Sprintf("conversion, read %d of %d fails", k, all.n), err, c, path, tensorfile.ErrIO, syscall.EIO)
		if err == nil {
			before = fresh()
			return
		}
		if !stateOf(t, out).same(before) || len(list(t, dir)) != 1 {
			t.Errorf("conversion, read %d of %d fails: the destination was touched, or a file left", k, all.n)
		}
	})
}

// EveryOptions say how EveryWrite reads and writes.
type EveryOptions struct {
	Open  *convert.OpenOptions
	Write *convert.WriteOptions
	// Only is the tensor to write. Default: all.
	Only string
}

// EveryWrite writes the tensors of the good file at path as the format with the
// name, and then again and again, each time with another of the writes, or of the
// reads of path, failing. Each must become an error with its cause, and of reads
// one that says where. o may be nil.
func EveryWrite(t testing.TB, path, name string, o *EveryOptions) {
	t.Helper()
	if o == nil {
		o = &EveryOptions{}
	}
	format, ok := convert.ByName(name)
	if !ok || format.Write == nil {
		t.Fatalf("there is no writer of %q", name)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	filled, opened := 0, 0
	run := func(ctx context.Context, at bool, r, w *transfers) error {
		return noPanic(func() error {
			f, err := convert.OpenMap(ctx, mmap.NewReaderAt(spoiltReader{bytes.NewReader(b), r}, int64(len(b)), path), o.Open)
			if err != nil {
				return err
			}
			defer f.Close()
			var src []convert.Source
			for x, err := range f.Tensors() {
				if err != nil {
					return err
				}
				if o.Only == "" || x.Name() == o.Only {
					src = append(src, convert.Source{Tensor: x, As: x.Name()})
				}
			}
			opened = r.n
			var to io.Writer = spoiltWriter{w}
			if at {
				to = spoiltWriterAt{spoiltWriter{w}, &filled}
			}
			return format.Write(ctx, to, src, o.Write)
		})
	}
	none := func() *transfers { return &transfers{at: -1} }
	ctx := context.Background()
	for _, at := range []bool{false, true} {
		reads, writes := none(), none()
		if err := run(ctx, at, reads, writes); err != nil {
			t.Errorf("%s as %s: %v", path, name, err)
			return
		}
		if at && filled == 0 {
			break // the same again
		}
		count := each(writes.n, func(k int) {
			what := fmt.Sprintf("write %d of %d fails", k, writes.n)
			w := &transfers{at: k, spoil: func(p []byte, off int64) (int, error) { return len(p) / 2, syscall.ENOSPC }}
			switch err := run(ctx, at, none(), w); {
			case !w.hit():
			case err == nil:
				t.Errorf("%s: nobody heard of it", what)
			case !errors.Is(err, syscall.ENOSPC):
				t.Errorf("%s: %T %v", what, err, err)
			}
			cctx, cancel := context.WithCancel(ctx)
			w = &transfers{at: k, spoil: func(p []byte, off int64) (int, error) { cancel(); return len(p), nil }}
			if err := run(cctx, at, none(), w); err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("write %d of %d is cancelled: %v", k, writes.n, err)
			}
			cancel()
		})
		t.Logf("%s as %s: %d of %d writes failed", filepath.Base(path), name, count, writes.n)
		if at {
			break
		}
		first := opened // those before are EveryRead's, and a native file survives some of them
		each(reads.n-first, func(k int) {
			k += first
			r := &transfers{at: k, spoil: func(p []byte, off int64) (int, error) { return 0, syscall.EIO }}
			isRead(t, fmt.Sprintf("read %d of %d fails in writing", k, reads.n), run(ctx, at, r, none()), r, path, tensorfile.ErrIO, syscall.EIO)
			cctx, cancel := context.WithCancel(ctx)
			r = &transfers{at: k, spoil: func(p []byte, off int64) (int, error) {
				cancel()
				return bytes.NewReader(b).ReadAt(p, off)
			}}
			if err := run(cctx, at, r, none()); err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("read %d of %d is cancelled: %v", k, reads.n, err)
			}
			cancel()
		})
	}
}
