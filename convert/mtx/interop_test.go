package mtx_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// TestInterop exchanges random matrices with SciPy, which writes with
// fast_matrix_market: what it wrote is read and compared entry by entry, and
// what we write anew it reads as the same. "make interop" sets
// TENSORFILE_PYTHON; TENSORFILE_SEED makes other matrices.
func TestInterop(t *testing.T) {
	python := os.Getenv("TENSORFILE_PYTHON")
	if python == "" {
		t.Skip("TENSORFILE_PYTHON names no Python with SciPy; make interop does")
	}
	seed, count := "20261121", 400
	if s := os.Getenv("TENSORFILE_SEED"); s != "" {
		seed = s
	}
	t.Logf("seed %s, %d matrices", seed, count)
	dir := t.TempDir()
	run := func(verb string) {
		t.Helper()
		script := filepath.Join("..", "..", "testdata", "interop", "mtx_interop.py")
		if b, err := exec.Command(python, "-B", script, verb, seed, strconv.Itoa(count), dir).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
	}
	run("write")
	files, err := filepath.Glob(filepath.Join(dir, "m*.mtx*"))
	if err != nil || len(files) != count {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, path := range files {
		f, err := convert.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(path), ".gz"), ".mtx")
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		a, err := x.Sparse(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if err := os.WriteFile(path+".bin", dump(t, a), 0o600); err != nil {
			t.Fatal(err)
		}
		format, _ := convert.ByExtension(path)
		var out bytes.Buffer
		if err := format.Write(t.Context(), &out, []convert.Source{{Tensor: x, As: name}}, nil); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if err := os.WriteFile(filepath.Join(dir, "out."+filepath.Base(path)), out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	run("check")
}

// dump is the rows and columns of a, as int64, and its values.
func dump(t *testing.T, a *sparse.Array) []byte {
	t.Helper()
	ok := func(v tensor.View, err error) tensor.View {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	var out bytes.Buffer
	indices, _ := a.Part(sparse.RoleIndices)
	values, _ := a.Part(sparse.RoleValues)
	wide := ok(indices.Cast(tensor.I64))
	for _, v := range []tensor.View{ok(wide.Index(1, 0)), ok(wide.Index(1, 1)), values} {
		if err := v.WriteCOrder(&out, tensor.HostOrder); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}
