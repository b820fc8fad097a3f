//go:build cgo

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The programs of test/ and examples/ with the address sanitizer, and with the
// library built for it, so that what Go does with memory of C is looked at, too.
func TestAddressSanitizer(t *testing.T) {
	t.Parallel()
	lib := library(t, "TENSORFILE_CAPI_ASAN")
	build := func(file string) string { return compile(t, lib, file, "-fsanitize=address") }
	file := through(t, lib, "-fsanitize=address")
	work := t.TempDir()
	made := filepath.Join(work, "made.tensor")
	for _, name := range []string{"write", "read"} {
		must(t, nil, build("examples/"+name+".c"), made)
	}
	must(t, nil, build("examples/sparse.c"), filepath.Join(work, "matrix.tensor"))

	caught := build("test/caught.c")
	must(t, nil, caught, file, "nothing")
	for mistake, want := range map[string]string{"overrun": "ERROR: AddressSanitizer", "after": "heap-use-after-free", "leak": "ERROR: LeakSanitizer: detected memory leaks"} {
		if out, err := run(t, nil, caught, file, mistake); err == nil || !strings.Contains(out, want) {
			t.Errorf("%s was not found: %v\n%s", mistake, err, out)
		}
	}
}

// A shorter set under valgrind, with the library as it is handed out.
func TestValgrind(t *testing.T) {
	t.Parallel()
	lib := library(t, "TENSORFILE_CAPI")
	tool(t, "valgrind")
	if os.Getenv("TENSORFILE_CAPI_ASAN") == "" {
		t.Skip("valgrind goes with the address sanitizer, and TENSORFILE_CAPI_ASAN names no folder, as .ci/steps bindings makes one")
	}
	grind := []string{"-q", "--undef-value-errors=no", "--leak-check=full", "--errors-for-leak-kinds=definite", "--show-leak-kinds=definite", "--suppressions=test/go.supp"}
	thread := regexp.MustCompile(`^==[0-9]+== Thread [0-9]+:$`) // stands over what another one than the first did
	// found is what valgrind says of a program, which passes.
	found := func(args ...string) (out, complaint string) {
		log := filepath.Join(t.TempDir(), "log")
		out = must(t, nil, "valgrind", slices.Concat(grind, []string{"--log-file=" + log}, args)...)
		for _, block := range regexp.MustCompile(`(?m)^==[0-9]+== ?$`).Split(source(t, log), -1) {
			block = strings.TrimSpace(block)
			// A call of the system by Go, with memory that is Go's own.
			lines := strings.Split(block, "\n")
			if thread.MatchString(lines[0]) {
				lines = lines[1:]
			}
			if len(lines) > 1 && strings.Contains(lines[0], "Syscall param") && strings.Contains(lines[1], "libtensorfile.so") {
				continue
			}
			complaint += block
		}
		return out, complaint
	}
	clean := func(args ...string) string {
		t.Helper()
		out, complaint := found(args...)
		if complaint != "" {
			t.Errorf("%s:\n%s", args, complaint)
		}
		return out
	}
	work := t.TempDir()
	made := filepath.Join(work, "made.tensor")
	for _, name := range []string{"write", "read"} {
		clean(compile(t, lib, "examples/"+name+".c"), made)
	}
	clean(compile(t, lib, "examples/sparse.c"), filepath.Join(work, "matrix.tensor"))
	// Some of the corpus.
	for _, dir := range []string{"accept", "reject"} {
		list, err := filepath.Glob("../testdata/" + dir + "/*")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(work, dir), 0o777); err != nil {
			t.Fatal(err)
		}
		for i, name := range list { // pairs: a file and its JSON
			if dir == "accept" && i/2%5 != 2 || dir == "reject" && i/2%20 != 0 {
				continue
			}
			if err := os.WriteFile(filepath.Join(work, dir, filepath.Base(name)), []byte(source(t, name)), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	passed(t, clean(compile(t, lib, "test/corpus.c"), work, "3", "8"), 1000)

	caught, file := compile(t, lib, "test/caught.c"), filepath.Join(work, "sample.tensor")
	must(t, nil, compile(t, lib, "test/rewrite.c"), "../testdata", work)
	for mistake, want := range map[string]string{"after": "Invalid read", "leak": "definitely lost"} {
		if _, complaint := found(caught, file, mistake); !strings.Contains(complaint, want) {
			t.Errorf("%s was not found: %s", mistake, complaint)
		}
	}
}
