//go:build cgo

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/internal/markdown"
)

// The commands of docs/c.md print what it says, and its lines of C are those of a
// program that is run.
func TestDocs(t *testing.T) {
	lib := library(t, "TENSORFILE_CAPI")
	tool(t, "pkg-config")
	if _, err := os.Stat(filepath.Join(lib, "lib", "libtensorfile.a")); err != nil {
		t.Fatal(err)
	}
	page := markdown.Parse("docs/c.md", source(t, "../docs/c.md"))
	work := t.TempDir()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(work, "capi"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(root, "capi", "examples"), filepath.Join(work, "capi", "examples")); err != nil {
		t.Fatal(err)
	}
	env := []string{"PKG_CONFIG_PATH=" + filepath.Join(lib, "lib", "pkgconfig"), "LD_LIBRARY_PATH=" + filepath.Join(lib, "lib")}
	commands, lines := 0, 0
	for _, b := range page.Blocks {
		if b.Mark != "checked by capi/docs_test.go" {
			continue
		}
		if b.Language == "c" {
			lines++
			if !strings.Contains(source(t, "examples/read.c"), b.Text) {
				t.Errorf("line %d: examples/read.c has not:\n%s", b.Line, b.Text)
			}
			continue
		}
		for i, part := range strings.Split("\n"+b.Text, "\n$ ") {
			if i == 0 {
				continue
			}
			commands++
			command, want, _ := strings.Cut(part, "\n")
			got, err := run(t, env, "sh", "-c", "cd '"+work+"' && "+command)
			if strings.TrimRight(got, "\n") != strings.TrimRight(want, "\n") || (err != nil) != strings.Contains(want, "no such file") {
				t.Errorf("line %d: $ %s: %v\n%swant\n%s", b.Line, command, err, got, want)
			}
		}
	}
	if commands < 6 || lines < 1 {
		t.Errorf("%d commands, %d pieces of C", commands, lines)
	}
}
