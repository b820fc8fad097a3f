package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestRun(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "m.mtx"), filepath.Join(dir, "m.tensor")
	const matrix = "%%MatrixMarket matrix coordinate real general\n4 3 6\n4 1 8\n1 1 1.5\n1 3 2\n3 2 -4\n1 1 0.5\n4 3 0.25\n"
	if err := os.WriteFile(in, []byte(matrix), 0o666); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := run(t.Context(), in, out, &b); err != nil {
		t.Fatal(err)
	}
	const want = "(4, 3), 3 entries in the first 3 rows: [2 0 1]\nsums of rows: [ 4.    0.   -4.    8.25]\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	if err := run(t.Context(), filepath.Join(dir, "none"), out, &b); err == nil {
		t.Error("a file that is not there")
	}
}
