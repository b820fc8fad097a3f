package main

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The manual pages are right for those who read them: mandoc finds nothing worse than
// a matter of style, and man has no warnings.
func TestManPages(t *testing.T) {
	dir := t.TempDir()
	if _, stderr, code := runTool(t, []string{"SOURCE_DATE_EPOCH=1700000000"}, "man", "--dir", dir); code != 0 {
		t.Fatal(stderr)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil || len(pages) != len(pagesBelow(someRoot())) {
		t.Fatalf("%d pages: %v", len(pages), err)
	}
	checked := 0
	if mandoc, err := exec.LookPath("mandoc"); err == nil {
		checked++
		out, err := exec.Command(mandoc, append([]string{"-T", "lint", "-W", "warning"}, pages...)...).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("mandoc: %v\n%s", err, out)
		}
	}
	if groff, err := exec.LookPath("groff"); err == nil {
		checked++
		out, err := exec.Command(groff, append([]string{"-man", "-Tutf8", "-ww", "-Kutf8", "-z"}, pages...)...).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("groff: %v\n%s", err, out)
		}
	}
	if checked == 0 {
		t.Skip("there is neither mandoc nor groff (Debian: mandoc)")
	}
	t.Logf("%d pages, %d programs", len(pages), checked)
}

// Where the shell leaves globs to the program it finds the files; what matches nothing
// stays as it is, and so does what is there.
func TestGlobsOfFiles(t *testing.T) {
	defer func(was bool) { expandGlobs = was }(expandGlobs)
	t.Chdir(t.TempDir())
	for _, name := range []string{"a.npy", "b.npy", "c[1].npy", "d.tensor"} {
		write(t, name, nil)
	}
	args := []string{"*.npy", "x*", "c[1].npy", "d.t*", "-"}
	expandGlobs = false
	if got := files(args); !slices.Equal(got, args) {
		t.Errorf("a shell has done it: %q", got)
	}
	expandGlobs = true
	if got := strings.Join(files(args), " "); got != "a.npy b.npy c[1].npy x* c[1].npy d.tensor -" {
		t.Error(got)
	}
	for arg, want := range map[string]string{"d*": "d.tensor", "*.npy": "*.npy", "none*": "none*", "a.npy": "a.npy"} {
		if got := oneFile(arg); got != want {
			t.Errorf("%s is %s", arg, got)
		}
	}
}
