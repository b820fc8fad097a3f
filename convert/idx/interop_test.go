package idx_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
)

// TestInterop exchanges random arrays with NumPy and Python's gzip: what they
// wrote is read, and what we write anew they read as the same. "make interop"
// sets TENSORFILE_PYTHON; TENSORFILE_SEED makes other arrays.
func TestInterop(t *testing.T) {
	python := os.Getenv("TENSORFILE_PYTHON")
	if python == "" {
		t.Skip("TENSORFILE_PYTHON names no Python with NumPy; make interop does")
	}
	seed, count := "20261121", 600
	if s := os.Getenv("TENSORFILE_SEED"); s != "" {
		seed = s
	}
	dir := t.TempDir()
	run := func(verb string) string {
		t.Helper()
		script := filepath.Join("..", "..", "testdata", "interop", "idx_interop.py")
		b, err := exec.Command(python, "-B", script, verb, seed, strconv.Itoa(count), dir).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		return string(b)
	}
	run("write")
	files, err := filepath.Glob(filepath.Join(dir, "a*.idx*"))
	if err != nil || len(files) != count {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, path := range files {
		f, err := convert.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		x := only(t, f)
		if err := os.WriteFile(path+".bin", elements(t, x), 0o600); err != nil {
			t.Fatal(err)
		}
		format, _ := convert.ByExtension(path)
		b, err := written(x, format.Name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "out."+filepath.Base(path)), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	report := strings.TrimSpace(run("check"))
	t.Logf("seed %s: %s", seed, report)
	if report != "compared "+strconv.Itoa(count) {
		t.Errorf("%q for %d files", report, count)
	}
}
