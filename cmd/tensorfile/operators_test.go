package main

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every operator, and chains of them, give the files that NumPy, einops and
// Pillow make of the same arrays: testdata/gen_operators.py.
func TestOperators(t *testing.T) {
	list, err := os.ReadFile("testdata/operators.txt")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	arrays := map[string][]byte{}
	z, err := zip.OpenReader("testdata/operators.npz")
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, m := range z.File {
		in, err := m.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		arrays[m.Name] = b
		if !strings.HasPrefix(m.Name, "case") {
			if err := os.WriteFile(filepath.Join(dir, m.Name), b, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	n := 0
	used := map[string]bool{}
	for line := range strings.Lines(string(list)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		name, inputs, flags := f[0], strings.Fields(f[1]), words(f[2])
		args := []string{"convert", "-f"}
		for _, in := range inputs {
			args = append(args, filepath.Join(dir, in+".npy"))
		}
		out := filepath.Join(dir, "out.npy")
		_, stderr, code := runTool(t, nil, append(append(args, out), flags...)...)
		got, err := os.ReadFile(out)
		if code != 0 || err != nil {
			t.Errorf("%s: status %d, %s", strings.TrimSpace(line), code, stderr)
			continue
		}
		if want := arrays[name+".npy"]; !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, NumPy has %d\n%.100q\n%.100q", strings.TrimSpace(line), len(got), len(want), got, want)
		}
		n++
		for _, w := range flags {
			if strings.HasPrefix(w, "--") {
				used[w] = true
			}
		}
	}
	t.Logf("%d cases", n)
	if n < 60 {
		t.Error("too few")
	}
	for _, h := range operatorHelp {
		if !used["--"+h.name] {
			t.Errorf("no case with --%s", h.name)
		}
	}
}

// words splits a line as a shell does, with ' alone for quotes.
func words(line string) (list []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			list = append(list, part)
		} else {
			list = append(list, strings.Fields(part)...)
		}
	}
	return list
}
