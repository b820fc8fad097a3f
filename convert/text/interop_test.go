package text_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// TestInterop exchanges random texts, valid and not, with Python: what it
// decodes, with and without replacements, is what is read, and what we write
// anew it reads as the same lines. "make interop" sets TENSORFILE_PYTHON;
// TENSORFILE_SEED makes other texts.
func TestInterop(t *testing.T) {
	python := os.Getenv("TENSORFILE_PYTHON")
	if python == "" {
		t.Skip("TENSORFILE_PYTHON names no Python; make interop does")
	}
	seed, count := "20261121", 1000
	if s := os.Getenv("TENSORFILE_SEED"); s != "" {
		seed = s
	}
	dir := t.TempDir()
	run := func(verb string) string {
		t.Helper()
		script := filepath.Join("..", "..", "testdata", "interop", "text_interop.py")
		b, err := exec.Command(python, "-B", script, verb, seed, strconv.Itoa(count), dir).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		return string(b)
	}
	run("write")
	b, err := os.ReadFile(filepath.Join(dir, "expect.json"))
	if err != nil {
		t.Fatal(err)
	}
	var expect []struct {
		File  string
		Lines []string
		Valid bool
	}
	if err := json.Unmarshal(b, &expect); err != nil || len(expect) != count {
		t.Fatalf("%d files, %v", len(expect), err)
	}
	strict, lines, refused := 0, 0, 0
	for _, e := range expect {
		b, err := os.ReadFile(filepath.Join(dir, e.File))
		if err != nil {
			t.Fatal(err)
		}
		if f, err := openText(b, e.File, false); (err == nil) != e.Valid {
			t.Fatalf("%s: %v, valid for Python: %v", e.File, err, e.Valid)
		} else if err == nil {
			strict++
			f.Close()
		}
		f, err := openText(b, e.File, true)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(e.File, ".txt")
		got, err := stringsOf(t, f, name)
		if err != nil || !slices.Equal(got, e.Lines) {
			t.Fatalf("%s: %v, %d lines, want %d", e.File, err, len(got), len(e.Lines))
		}
		lines += len(got)
		out, err := written(f, name)
		f.Close()
		if err != nil {
			if kind := err.(*tensor.Error).Kind; kind != tensor.ErrUnsupported {
				t.Fatal(err)
			}
			refused++
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, "out."+e.File), out, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	report := strings.TrimSpace(run("check"))
	t.Logf("seed %s: %s; %d lines, %d texts without replacements, %d that end a line with CR refused", seed, report, lines, strict, refused)
	if report != "compared "+strconv.Itoa(count) || strict < 500 || lines < 50_000 {
		t.Errorf("%q for %d files, %d strict, %d lines", report, count, strict, lines)
	}
}
