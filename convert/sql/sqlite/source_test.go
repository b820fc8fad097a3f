package sqlite

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// input is a database in memory.
type input struct{ *strings.Reader }

func (input) Path() string { return "memory.db" }

// The file system of one file has that file and no other, to read.
func TestSourceIsOneFile(t *testing.T) {
	s := source{input{strings.NewReader("the database")}, &fault{}}
	fi, err := fs.Stat(s, sourceName)
	if err != nil || fi.Name() != sourceName || fi.Size() != 12 || fi.Mode() != 0o444 || fi.IsDir() || !fi.ModTime().IsZero() || fi.Sys() != nil {
		t.Errorf("%v, %v", fi, err)
	}
	if b, err := fs.ReadFile(s, sourceName); err != nil || string(b) != "the database" {
		t.Errorf("%q, %v", b, err)
	}
	for _, name := range []string{sourceName + "-wal", sourceName + "-journal", "."} {
		if _, err := s.Open(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The first error of a source is the reason of those of SQLite that have none.
func TestFaultIsTheFirst(t *testing.T) {
	one, two := errors.New("one"), errors.New("two")
	f := &fault{}
	plain := &tensor.Error{Kind: tensor.ErrIO}
	if got := f.of(plain); got != error(plain) {
		t.Errorf("%v", got)
	}
	f.keep(one)
	f.keep(two)
	if got := f.of(plain); got != one {
		t.Errorf("%v", got)
	}
	if other := (&tensor.Error{Kind: tensor.ErrFormat}); f.of(other) != error(other) {
		t.Errorf("%v", f.of(other))
	}
}

// A table and a query are not read at once; without a folder for temporary files
// nothing is written.
func TestRefusedEarly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var e *tensor.Error
	o := &convert.ReadOptions{}
	o.Query, o.Table = "SELECT 1", "t"
	if _, err := open(t.Context(), input{strings.NewReader("")}, o); !errors.Is(err, tensor.ErrUnsupported) || !errors.As(err, &e) || e.Got != "a table and a query" {
		t.Errorf("%v", err)
	}
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	if err := write(t.Context(), io.Discard, nil, nil); err == nil || os.PathSeparator == '/' && (!errors.As(err, &e) || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, tensor.ErrUnsupported)) {
		t.Errorf("%v", err)
	}
	if got := nameOf("a/b.c/x.y.db"); got != "x.y" {
		t.Errorf("%s", got)
	}
}

// local is a file with a name that is relative.
type local struct{ input }

func (local) Local() bool  { return true }
func (local) Path() string { return "x.db" }

// A relative name leads nowhere where the working directory is gone.
func TestNoWorkingDirectory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("a working directory cannot be removed")
	}
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	var e *tensor.Error
	if _, err := open(t.Context(), local{input{strings.NewReader("")}}, nil); !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &e) || e.Field != "database" {
		t.Errorf("read: %v", err)
	}
	if err := writeTo(t.Context(), convert.Target{Path: "x.db"}, nil, &convert.WriteOptions{}); !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &e) || e.Field != "path" {
		t.Errorf("write: %v", err)
	}
}
