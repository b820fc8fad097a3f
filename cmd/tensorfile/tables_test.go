package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/internal/badinput"
)

// The catalogues of bad tables: every command that reads ends with 2 and says
// what and where, and a conversion leaves nothing behind.
func TestBadTables(t *testing.T) {
	rows := 0
	for _, format := range []string{"csv", "jsonl"} {
		for _, row := range badinput.Texts(t, filepath.Join("..", "..", "convert", format, "testdata", "bad.json")) {
			rows++
			b, err := row.Bytes()
			dir := t.TempDir()
			path := filepath.Join(dir, row.File)
			if err == nil {
				err = os.WriteFile(path, b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(dir, "out.tensor")
			for _, args := range [][]string{{"ls", path}, {"convert", path, out}} {
				stdout, stderr, code := runTool(t, nil, args...)
				if code != 2 || stdout != "" || !strings.Contains(stderr, path) {
					t.Errorf("%s, %s: status %d\n%s%s", format, row.What, code, stdout, stderr)
				}
				for _, s := range row.Says {
					if !strings.Contains(stderr, s) {
						t.Errorf("%s, %s: no %q in %s", format, row.What, s, stderr)
					}
				}
			}
			if _, err := os.Stat(out); err == nil {
				t.Errorf("%s, %s: something was left behind", format, row.What)
			}
		}
	}
	t.Logf("%d rows", rows)
	if rows < 80 {
		t.Error("too few")
	}
}
