package npy_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// TestInteropScipy exchanges random sparse arrays with SciPy: what save_npz
// wrote is read and compared entry by entry, and what we write load_npz reads as
// the same array of the same class. "make interop" sets TENSORFILE_PYTHON.
func TestInteropScipy(t *testing.T) {
	python := os.Getenv("TENSORFILE_PYTHON")
	if python == "" {
		t.Skip("TENSORFILE_PYTHON names no Python with SciPy; make interop does")
	}
	seed, count := "20261121", 350
	if s := os.Getenv("TENSORFILE_SEED"); s != "" {
		seed = s
	}
	t.Logf("seed %s, %d arrays", seed, count)
	dir := t.TempDir()
	run := func(verb string) {
		t.Helper()
		script := filepath.Join("..", "..", "testdata", "interop", "scipy_npz_interop.py")
		if b, err := exec.Command(python, "-B", script, verb, seed, strconv.Itoa(count), dir).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
	}
	run("write")
	npz, _ := convert.ByName("npz")
	for i := range count {
		path := filepath.Join(dir, "m"+strconv.Itoa(i)+".npz")
		f, err := convert.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		x, err := f.Tensor("m" + strconv.Itoa(i))
		if err != nil {
			t.Fatal(err)
		}
		a, err := x.Sparse(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if err := os.WriteFile(path+".bin", entries(t, a), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := npz.Write(t.Context(), &out, []convert.Source{{Tensor: x, As: "x"}}, &convert.WriteOptions{Compress: i%2 == 0}); err != nil {
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

// entries is the coordinates of a, as int64, and its values.
func entries(t *testing.T, a *sparse.Array) []byte {
	t.Helper()
	if a.Layout() != sparse.COO {
		var err error
		if a, err = a.Convert(t.Context(), sparse.COO, nil); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	for _, role := range []string{sparse.RoleIndices, sparse.RoleValues} {
		v, _ := a.Part(role)
		var err error
		if role == sparse.RoleIndices {
			v, err = v.Cast(tensor.I64)
		}
		if err == nil {
			err = v.WriteCOrder(&out, tensor.LittleEndian)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}
