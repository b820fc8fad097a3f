package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// ending is a context that ends when it was looked at so many times.
type ending struct {
	context.Context
	mu   sync.Mutex
	left int
	done chan struct{}
}

func (c *ending) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left == 0 {
		close(c.done)
	}
}

func (c *ending) Done() <-chan struct{} {
	c.look()
	return c.done
}

func (c *ending) Err() error {
	c.look()
	select {
	case <-c.done:
		return context.Canceled
	default:
		return nil
	}
}

// everywhere runs fn with a context that ends at the first look, at the second and
// so on until fn is done before. It gives how often fn was called off.
func everywhere(t *testing.T, fn func(ctx context.Context) error) (times int) {
	t.Helper()
	for n := 1; ; n++ {
		ctx := &ending{Context: t.Context(), left: n, done: make(chan struct{})}
		err := fn(ctx)
		ctx.mu.Lock()
		early := ctx.left > 0
		ctx.mu.Unlock()
		switch {
		case err != nil && !errors.Is(err, context.Canceled):
			t.Fatalf("look %d: %v", n, err)
		case err != nil:
			times++
		case early:
			return times
		}
		if n == 20_000 {
			t.Fatal("without end")
		}
	}
}

// stored is a database of statements, and its bytes.
func stored(t *testing.T, statements ...string) (path string, b []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "made.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	if b, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return path, b
}

// column is a source of n numbers of 8 bytes.
func column(t *testing.T, n int64) []convert.Source {
	t.Helper()
	l := &convert.Layout{Format: "made", Storages: []convert.LayoutStorage{{Size: 8 * n}}, Tensors: []convert.LayoutTensor{{Name: "x", DType: tensor.I64, Shape: tensor.Shape{n}}}}
	f, err := tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader(bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8}, int(n))), 8*n, "made"), l, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	x, err := f.Tensor("x")
	if err != nil {
		t.Fatal(err)
	}
	return []convert.Source{{Tensor: x, As: "x"}}
}

// Wherever reading or writing is called off, it says so, and leaves nothing behind.
func TestEndedAnywhere(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	path, before := stored(t, "CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (7), (8)")
	local := localInput{input{strings.NewReader(string(before))}, path}
	for what, o := range map[string]convert.ReadOptions{
		"all": {}, "one": {Table: "t"}, "none": {Table: "u"}, "query": {Query: "SELECT n FROM t"},
	} {
		for _, in := range []convert.Input{local, local.input} {
			n := everywhere(t, func(ctx context.Context) error {
				_, err := open(ctx, in, &o)
				if what == "none" && errors.Is(err, tensor.ErrNotFound) {
					err = nil
				}
				return err
			})
			if n < 5 {
				t.Errorf("%s: called off %d times", what, n)
			}
		}
	}
	x := column(t, 3)
	for _, dry := range []bool{false, true} {
		n := everywhere(t, func(ctx context.Context) error {
			err := writeTo(ctx, convert.Target{Path: path, DryRun: dry}, x, &convert.WriteOptions{Table: "new"})
			after, e := os.ReadFile(path)
			if changed := !bytes.Equal(before, after); e != nil || changed != (err == nil && !dry) {
				t.Errorf("dry %v: %v, the database is another: %v, %v", dry, err, changed, e)
			}
			return errors.Join(err, os.WriteFile(path, before, 0o600))
		})
		if n < 5 {
			t.Errorf("dry %v: called off %d times", dry, n)
		}
	}
	var out bytes.Buffer
	n := everywhere(t, func(ctx context.Context) error {
		out.Reset()
		return write(ctx, &out, x, nil)
	})
	if n < 5 || !bytes.HasPrefix(out.Bytes(), magic) {
		t.Errorf("writing: called off %d times, then %d bytes", n, out.Len())
	}
	if left, err := filepath.Glob(filepath.Join(temp, "*")); err != nil || len(left) != 0 {
		t.Errorf("%q, %v", left, err)
	}
}

type localInput struct {
	input
	path string
}

func (localInput) Local() bool    { return true }
func (l localInput) Path() string { return l.path }

// endsAt calls a context off at the first byte.
type endsAt struct {
	cancel context.CancelFunc
	n      int
}

func (w *endsAt) Write(p []byte) (int, error) {
	if w.n += len(p); w.n > 0 {
		w.cancel()
	}
	return len(p), nil
}

// A file of several megabytes is not written on when nobody wants it; and one that
// nobody takes is not made.
func TestWriteStops(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	ctx, cancel := context.WithCancel(t.Context())
	w := &endsAt{cancel: cancel}
	if err := write(ctx, w, column(t, 200_000), nil); !errors.Is(err, context.Canceled) || w.n != 1<<20 {
		t.Errorf("%d bytes, %v", w.n, err)
	}
	t.Setenv("TMPDIR", filepath.Join(temp, "not there")) // it is not come to
	in, out := io.Pipe()
	closed := errors.New("nobody reads")
	in.CloseWithError(closed)
	if err := write(t.Context(), out, column(t, 1), nil); err != closed {
		t.Errorf("%v", err)
	}
	if left, err := filepath.Glob(filepath.Join(temp, "*")); err != nil || len(left) != 0 {
		t.Errorf("%q, %v", left, err)
	}
}

// What is not a database, or not there, is told before anything is written into it.
func TestIntoNoDatabase(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	path, _ := stored(t, "CREATE TABLE t (n INTEGER)")
	wide := column(t, 1)
	wide = append(wide, wide...)
	for _, c := range []struct {
		what, path string
		dry        bool
		src        []convert.Source
		kind       error
		field      string
	}{
		{"text", text, false, column(t, 1), tensor.ErrFormat, "database"},
		{"text, to try", text, true, column(t, 1), tensor.ErrFormat, "database"},
		{"nothing", filepath.Join(dir, "none.db"), false, column(t, 1), tensor.ErrIO, "database"},
		{"a name twice, to try", path, true, wide, tensor.ErrDuplicate, "name"},
	} {
		err := writeTo(t.Context(), convert.Target{Path: c.path, DryRun: c.dry}, c.src, &convert.WriteOptions{Table: "new"})
		var e *tensor.Error
		if !errors.Is(err, c.kind) || !errors.As(err, &e) || e.Field != c.field || e.Format != formatName {
			t.Errorf("%s: %v, want %v of %s", c.what, err, c.kind, c.field)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "none.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("made: %v", err)
	}
	if err := writeTo(t.Context(), convert.Target{Path: path, NoSync: true}, column(t, 2), &convert.WriteOptions{Table: "new"}); err != nil {
		t.Error(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var rows, sum int64
	if err := db.QueryRow("SELECT count(*), max(x) FROM new").Scan(&rows, &sum); err != nil || rows != 2 || sum != 0x0807060504030201 {
		t.Errorf("%d rows, %x, %v", rows, sum, err)
	}
}

// A database that is damaged where its schema lies has no tables to ask for.
func TestDamagedSchema(t *testing.T) {
	_, b := stored(t, "CREATE TABLE t (n INTEGER)")
	b = bytes.Clone(b)
	copy(b[100:], "\xff\xff\xff\xff") // the kind of the root page
	for what, o := range map[string]*convert.ReadOptions{"a table": {Table: "t"}, "all": nil} {
		_, err := open(t.Context(), input{strings.NewReader(string(b))}, o)
		var e *tensor.Error
		if !errors.Is(err, tensor.ErrCorrupt) || !errors.As(err, &e) || e.Field != "database" {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A read that fails is kept for its reason, and what it is told with is it.
func TestFaultOfRead(t *testing.T) {
	broken := errors.New("broken")
	f := &fault{}
	in := brokenInput{input{strings.NewReader("the database")}, broken}
	if _, err := fs.ReadFile(source{in, f}, sourceName); err != broken || f.err != broken {
		t.Errorf("%v, kept %v", err, f.err)
	}
}

type brokenInput struct {
	input
	err error
}

func (b brokenInput) ReadAt([]byte, int64) (int, error) { return 0, b.err }

// Errors of SQLite of these codes have kinds of their own.
func TestKindsOfErrors(t *testing.T) {
	path, _ := stored(t, "CREATE TABLE t (n INTEGER)")
	hold, err := sql.Open("sqlite", path+"?_txlock=exclusive")
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	tx, err := hold.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	full, _ := stored(t, "PRAGMA page_size = 512", "CREATE TABLE t (b BLOB)")
	for _, c := range []struct {
		what, path, statement string
		kind                  error
		field                 string
	}{
		{"another holds it", path, "INSERT INTO t VALUES (1)", tensor.ErrLocked, "database"},
		{"no page is left", full + "?_pragma=max_page_count(2)", "INSERT INTO t VALUES (zeroblob(10000))", tensor.ErrNoSpace, ""},
		{"too long", full, "INSERT INTO t VALUES (zeroblob(2000000000))", tensor.ErrLimit, ""},
		{"only read", full + "?_pragma=query_only(1)", "INSERT INTO t VALUES (1)", tensor.ErrUnsupported, ""},
		{"no table", full, "INSERT INTO u VALUES (1)", tensor.ErrNotFound, ""},
		{"no statement", full, "INSERT ELSEWHERE", tensor.ErrFormat, ""},
		{"a rule of the table", full, "CREATE TABLE v (n NOT NULL); INSERT INTO v VALUES (NULL)", tensor.ErrIO, ""},
	} {
		db, err := sql.Open("sqlite", c.path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.Exec(c.statement)
		if e := kindOf(err); e == nil || e.Kind != c.kind || e.Field != c.field || !errors.Is(e, err) {
			t.Errorf("%s: %v of %v, want %v", c.what, e, err, c.kind)
		}
		db.Close()
	}
	if e := kindOf(io.EOF); e != nil {
		t.Errorf("%v", e)
	}
}

// A temporary file that someone takes away while rows are read for it is an error,
// and no empty file.
func TestTemporaryFileGone(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("an open file cannot be removed everywhere")
	}
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	l := &convert.Layout{Format: "made", Storages: []convert.LayoutStorage{{Size: 8, StoredSize: 1, Codec: "x", Open: func(context.Context) (io.ReadCloser, error) {
		list, err := filepath.Glob(filepath.Join(temp, "*", "*"))
		if err != nil || len(list) != 1 {
			t.Errorf("%q, %v", list, err)
		}
		for _, name := range list {
			if err := os.Remove(name); err != nil {
				t.Error(err)
			}
		}
		return io.NopCloser(strings.NewReader("12345678")), nil
	}}}, Tensors: []convert.LayoutTensor{{Name: "x", DType: tensor.I64, Shape: tensor.Shape{1}}}}
	f, err := tensorfile.OpenLayout(mmap.NewReaderAt(strings.NewReader(""), 0, "made"), l, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, err := f.Tensor("x")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = write(t.Context(), &out, []convert.Source{{Tensor: x, As: "x"}}, nil)
	var e *tensor.Error
	if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &e) || e.Field != "temporary file" || out.Len() != 0 {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
}
