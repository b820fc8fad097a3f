// Package picturetest gives tests of image formats the files that others made,
// with the elements that these say are in them.
package picturetest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/npy" // of the elements
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// Case is a file and the elements that it holds.
type Case struct {
	Name string
	Path string
	Want tensor.View
}

// Cases reads those of a directory that pictures.py filled.
func Cases(t testing.TB, dir string) []Case {
	t.Helper()
	f, err := convert.Open(t.Context(), filepath.Join(dir, "expected.npz"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []Case
	for x, err := range f.Tensors() {
		if err != nil {
			t.Fatal(err)
		}
		v, err := x.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, Case{x.Name(), filepath.Join(dir, x.Name()), v})
	}
	return list
}

// Picture is what is in a file.
type Picture struct {
	View   tensor.View
	Attrs  convert.Attrs
	Layout *convert.Layout
}

// Read opens the file at path and reads its one tensor.
func Read(t testing.TB, path string, o *convert.OpenOptions) Picture {
	t.Helper()
	f, err := convert.Open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, f)
}

// Decode is Read of bytes.
func Decode(t testing.TB, b []byte, o *convert.OpenOptions) Picture {
	t.Helper()
	f, err := Open(b, o)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, f)
}

// Open opens bytes as a file called "x".
func Open(b []byte, o *convert.OpenOptions) (*tensorfile.File, error) {
	return convert.OpenMap(context.Background(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "x"), o)
}

// Only is the one tensor of a file.
func Only(t testing.TB, f *tensorfile.File) *tensorfile.Tensor {
	t.Helper()
	var only *tensorfile.Tensor
	for x, err := range f.Tensors() {
		if err != nil || only != nil {
			t.Fatal("a second tensor, or ", err)
		}
		only = x
	}
	if only == nil {
		t.Fatal("no tensor")
	}
	return only
}

func read(t testing.TB, f *tensorfile.File) Picture {
	t.Helper()
	defer f.Close()
	x := Only(t, f)
	p := Picture{Layout: f.Layout()}
	var err error
	if p.Attrs, err = x.Attrs(); err == nil {
		p.View, err = x.Read(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Equal reports whether two pictures have the same dtype, shape and elements.
func Equal(t testing.TB, got, want tensor.View) bool {
	t.Helper()
	if got.DType() != want.DType() || !got.Shape().Equal(want.Shape()) {
		return false
	}
	same, err := tensor.Equal(got, want)
	if err != nil {
		t.Fatal(err)
	}
	return same
}

// Exchange has Python write count files of a format, gives each to seen, and has
// it read what seen returns: the picture anew, and the elements that it holds. A
// nil view is none to be read. It skips the test where TENSORFILE_PYTHON names no
// Python; TENSORFILE_SEED makes other files.
func Exchange(t *testing.T, format, ext string, count int, seen func(c Case) ([]byte, *tensor.View)) {
	t.Helper()
	python := os.Getenv("TENSORFILE_PYTHON")
	if python == "" {
		t.Skip("TENSORFILE_PYTHON names no Python with Pillow; make interop does")
	}
	seed := "20261203"
	if s := os.Getenv("TENSORFILE_SEED"); s != "" {
		seed = s
	}
	script := filepath.Join("..", "..", "testdata", "interop", "pictures.py") // tests run in convert/FORMAT
	run := func(args ...string) string {
		t.Helper()
		b, err := exec.Command(python, append([]string{"-B", "-W", "ignore", script}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		return strings.TrimSpace(string(b))
	}
	dir, anew := t.TempDir(), t.TempDir()
	t.Logf("seed %s, %s", seed, run("write", format, seed, strconv.Itoa(count), dir))
	cases := Cases(t, dir)
	if len(cases) != count {
		t.Fatalf("%d files, want %d", len(cases), count)
	}
	written := 0
	for i, c := range cases {
		b, v := seen(c)
		if v == nil {
			continue
		}
		written++
		base := filepath.Join(anew, "out."+strconv.Itoa(i))
		if err := os.WriteFile(base+ext, b, 0o600); err != nil {
			t.Fatal(err)
		}
		saveNPY(t, base+".npy", *v)
	}
	if got, want := run("check", format, anew), "compared "+strconv.Itoa(written); got != want {
		t.Errorf("%q, want %q", got, want)
	} else {
		t.Logf("Python read %d of them anew", written)
	}
}

// saveNPY writes a view by way of a native file.
func saveNPY(t testing.TB, path string, v tensor.View) {
	t.Helper()
	native := path + ".tensor"
	defer os.Remove(native)
	err := tensorfile.Save(native, map[string]any{"x": v})
	if err == nil {
		_, err = convert.Files(context.Background(), []string{native}, path, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}
