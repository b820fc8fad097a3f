package aiff_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
)

// TestInterop exchanges random recordings with libsndfile: what it wrote is read
// and compared sample by sample, and what we write anew it reads as the same.
// "make interop" sets TENSORFILE_PYTHON; TENSORFILE_SEED makes other recordings.
func TestInterop(t *testing.T) {
	python := os.Getenv("TENSORFILE_PYTHON")
	if python == "" {
		t.Skip("TENSORFILE_PYTHON names no Python with soundfile; make interop does")
	}
	seed, count := "20261121", 400
	if s := os.Getenv("TENSORFILE_SEED"); s != "" {
		seed = s
	}
	t.Logf("seed %s, %d recordings", seed, count)
	dir := t.TempDir()
	run := func(verb string) string {
		t.Helper()
		script := filepath.Join("..", "..", "testdata", "interop", "wav_interop.py")
		b, err := exec.Command(python, "-B", script, verb, seed, strconv.Itoa(count), dir, "aiff").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		return strings.TrimSpace(string(b))
	}
	run("write")
	files, err := filepath.Glob(filepath.Join(dir, "s*.aiff"))
	if err != nil || len(files) != count {
		t.Fatalf("%d files, %v", len(files), err)
	}
	format, _ := convert.ByName("aiff")
	for _, path := range files {
		f, err := convert.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".aiff")
		v, _ := read(t, f, name)
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := format.Write(t.Context(), &out, []convert.Source{{Tensor: x, As: name}}, nil); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for to, b := range map[string][]byte{path + ".bin": little(t, v), filepath.Join(dir, "out."+filepath.Base(path)): out.Bytes()} {
			if err := os.WriteFile(to, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Log(run("check"))
}
