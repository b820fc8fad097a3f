package npy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
)

// TestInterop exchanges random arrays with a living NumPy: it writes, we read,
// we write, it reads and compares. "make interop" sets TENSORFILE_PYTHON.
// TENSORFILE_SEED makes other arrays; the seed is printed.
func TestInterop(t *testing.T) {
	python := os.Getenv("TENSORFILE_PYTHON")
	if python == "" {
		t.Skip("TENSORFILE_PYTHON names no Python with NumPy; make interop does")
	}
	seed, arrays := "20260301", "700"
	if s := os.Getenv("TENSORFILE_SEED"); s != "" {
		seed = s
	}
	if testing.Short() {
		arrays = "100"
	}
	t.Logf("seed %s, %s arrays", seed, arrays)
	dir, out := t.TempDir(), t.TempDir()
	run := func(args ...string) string {
		t.Helper()
		script := filepath.Join("..", "..", "testdata", "interop", "npy_interop.py")
		b, err := exec.Command(python, append([]string{"-B", script}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		return string(b)
	}
	run("write", seed, arrays, dir)
	b, err := os.ReadFile(filepath.Join(dir, "expect.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m struct{ Files []golden }
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	put := func(way, file string, b []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(out, way+"."+file), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, g := range m.Files {
		f, err := convert.Open(context.Background(), filepath.Join(dir, g.File), nil)
		if err != nil {
			t.Fatal(err)
		}
		check(t, f, g)
		for way, src := range map[string]*tensorfile.File{"direct": f, "native": native(t, f)} {
			if strings.HasSuffix(g.File, ".npy") {
				put(way, g.File, write(t, src, "npy", nil))
				if len(g.Tensors) > 0 && i%4 == 0 {
					put(way, g.File+".npz", write(t, src, "npz", &convert.WriteOptions{Compress: i%8 == 0}))
				}
			} else {
				put(way, g.File, write(t, src, "npz", &convert.WriteOptions{Compress: i%2 == 0}))
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			t.Fatalf("stopped at %s of seed %s", g.File, seed)
		}
	}
	report := run("check", dir, out)
	t.Log(strings.TrimSpace(report))
	var compared, differ int
	if _, err := fmt.Sscanf(report, "compared %d, %d differ", &compared, &differ); err != nil || differ != 0 || compared < 2*len(m.Files) {
		t.Errorf("%q for %d files", report, len(m.Files))
	}
}
