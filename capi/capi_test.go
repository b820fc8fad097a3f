//go:build cgo

package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
)

func source(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// declared are the functions of the header.
func declared(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^[a-z][a-z0-9_ ]*[ *](tensorfile_[a-z_0-9]+)\(`).FindAllStringSubmatch(source(t, "tensorfile.h"), -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	if len(names) < 50 || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Fatalf("%d functions in the header: %v", len(names), names)
	}
	return names
}

// What the header declares is there, and calls Go only where it is said that the
// child of a fork may not.
func TestHeaderAndItsFunctionsAgree(t *testing.T) {
	abi := source(t, "abi.c")
	for _, name := range declared(t) {
		m := regexp.MustCompile(`(?ms)^[a-z][a-z0-9_ ]*[ *]` + name + `\([^;{]*\{(.*?)\}$`).FindStringSubmatch(abi)
		if m == nil {
			t.Errorf("abi.c has no %s", name)
			continue
		}
		at := strings.Index(m[1], "tfgo_")
		if at < 0 {
			continue
		}
		if guard := strings.Index(m[1], "ALIVE()"); guard < 0 || guard > at {
			t.Errorf("%s calls Go in the child of a fork", name)
		}
		if want := "tfgo_" + strings.TrimPrefix(name, "tensorfile_") + "("; !strings.HasPrefix(m[1][at:], want) {
			t.Errorf("%s calls %.30s, want %s", name, m[1][at:], want)
		}
	}
}

// What abi.c repeats of the engine is what the engine says.
func TestRepeated(t *testing.T) {
	abi := source(t, "abi.c")
	names := []string{format.Name}
	for _, f := range convert.Formats() {
		if f.Open != nil {
			names = append(names, f.Name)
		}
	}
	for what, want := range map[string]string{"tensorfile_version": tensorfile.Version, "tensorfile_formats": strings.Join(names, " ")} {
		m := regexp.MustCompile(what + `\(void\) \{ return "(.*)"; \}`).FindStringSubmatch(abi)
		if m == nil || m[1] != want {
			t.Errorf("%s: %q, want %q", what, m, want)
		}
	}
	words := map[string]string{}
	for _, m := range regexp.MustCompile(`\[(TENSORFILE_[A-Z_]+)\] = "(.*)",`).FindAllStringSubmatch(abi, -1) {
		words[m[1]] = m[2]
	}
	numbers := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^    (TENSORFILE_[A-Z_]+) = ([0-9]+)`).FindAllStringSubmatch(source(t, "tensorfile.h"), -1) {
		numbers[m[1]] = m[2]
	}
	for _, k := range kinds {
		found := false
		for name, word := range words {
			if numbers[name] == fmt.Sprint(int(k.kind)) {
				found = true
				if word != k.err.Error() {
					t.Errorf("%s is %q, the engine says %q", name, word, k.err)
				}
			}
		}
		if !found {
			t.Errorf("no word for kind %d, %v", int(k.kind), k.err)
		}
	}
	if len(kinds) != 25 {
		t.Errorf("%d kinds", len(kinds))
	}
}

func TestHandles(t *testing.T) {
	var tab table
	a, b := new(lease), new(lease)
	n, err := tab.add(a)
	if err != nil || n == 0 {
		t.Fatal(n, err)
	}
	m, err := tab.add(b)
	if err != nil || m == n {
		t.Fatal(m, err)
	}
	if got, err := find[*lease](&tab, n); err != nil || got != a {
		t.Error(got, err)
	}
	_, err = find[*writer](&tab, n)
	if want := fmt.Sprintf("tensorfile: got %#x, a lease, want a writer", n); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if _, err := take[*writer](&tab, n); err == nil {
		t.Error("taken as something else")
	}
	if got, err := take[*lease](&tab, n); err != nil || got != a {
		t.Error(got, err)
	}
	for _, old := range []uint64{n, 0, 1, n + 2, 1<<64 - 1} {
		_, err = take[*lease](&tab, old)
		if want := fmt.Sprintf("tensorfile: got %#x, which was released or never given out, want a lease", old); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		if _, err := find[*lease](&tab, old); err == nil {
			t.Errorf("%#x is found", old)
		}
	}
	// The slot is used again, the number is not.
	again, err := tab.add(a)
	if err != nil || again == n || uint32(again) != uint32(n) {
		t.Errorf("%#x behind %#x, %v", again, n, err)
	}
	// A slot at the end of its count is left alone.
	tab.slots[uint32(again)].use = 1<<32 - 1
	last := uint64(1<<32-1)<<32 | uint64(uint32(again))
	if got, err := take[*lease](&tab, last); err != nil || got != a {
		t.Error(got, err)
	}
	if next, err := tab.add(a); err != nil || uint32(next) == uint32(again) || uint32(next) == uint32(m) {
		t.Errorf("%#x, %v", next, err)
	}
	if got, err := find[*lease](&tab, m); err != nil || got != b {
		t.Error(got, err)
	}
}

// A number that several goroutines give back is given back once, and finds its own
// value until then.
func TestHandlesAreForManyThreads(t *testing.T) {
	var tab table
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 2000 {
				v := new(lease)
				n, err := tab.add(v)
				if err != nil {
					t.Error(err)
					return
				}
				var taken atomic.Int32
				var both sync.WaitGroup
				for range 2 {
					both.Go(func() {
						if got, err := find[*lease](&tab, n); err == nil && got != v {
							t.Errorf("%#x finds another value", n)
						}
						if got, err := take[*lease](&tab, n); err == nil && got == v {
							taken.Add(1)
						}
					})
				}
				both.Wait()
				if taken.Load() != 1 {
					t.Errorf("%#x was taken %d times", n, taken.Load())
				}
			}
		})
	}
	wg.Wait()
	if n := len(tab.slots); n > 4 || len(tab.free) != n {
		t.Errorf("%d slots, %d of them free", n, len(tab.free))
	}
}

func TestCopyTextCutsWholeCharacters(t *testing.T) {
	for _, c := range []struct {
		room    int
		s, want string
	}{{1, "abc", ""}, {4, "abc", "abc"}, {3, "abc", "ab"}, {5, "aäöü", "aä"}, {6, "aäöü", "aäö"}, {4, "\U0001f600", ""}, {5, "\U0001f600", "\U0001f600"}, {4, "a\U0001f600", "a"}} {
		b := bytes.Repeat([]byte{0xff}, c.room)
		copyText(b, c.s)
		if got, _, ok := strings.Cut(string(b), "\x00"); !ok || got != c.want {
			t.Errorf("%q in %d bytes: %q, want %q", c.s, c.room, got, c.want)
		}
	}
}

// tool is a program that a test needs, or the reason to skip it.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("there is no %s to test with (Debian: gcc, g++, binutils, pkg-config, valgrind)", name)
	}
	return path
}

// run runs a program for at most some minutes and returns what it printed.
func run(t *testing.T, env []string, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(5*time.Minute, func() { cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Wait()
	return out.String(), err
}

func must(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	out, err := run(t, env, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return out
}

// library is a folder that build.sh has filled: the one that a variable names, or
// one of its own.
func library(t *testing.T, variable string) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("libtensorfile is built on Linux alone: build.sh is written for GNU ld")
	}
	for _, name := range []string{"sh", "cc", "nm"} {
		tool(t, name)
	}
	if dir := os.Getenv(variable); dir != "" {
		return dir
	}
	if variable != "TENSORFILE_CAPI" {
		t.Skipf("%s names no folder with a library that was built for the address sanitizer, as .ci/steps bindings makes one", variable)
	}
	if testing.Short() {
		t.Skipf("-short builds no library, which takes a minute, and %s names no folder with one, as .ci/steps bindings makes it", variable)
	}
	build.Do(func() {
		dir, err := os.MkdirTemp("", "libtensorfile")
		if err != nil {
			t.Fatal(err)
		}
		built = dir
		out, err := run(t, nil, "sh", "build.sh", dir)
		if err != nil {
			t.Fatalf("build.sh: %v\n%s", err, out)
		}
	})
	return built
}

// What library has built, once for all tests.
var (
	build sync.Once
	built string
)

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

var cflags = []string{"-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-g", "-fno-omit-frame-pointer"}

// compile makes a program of a file in test/ or examples/ with a library.
func compile(t *testing.T, lib, file string, flags ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), strings.TrimSuffix(filepath.Base(file), ".c"))
	args := slices.Concat(cflags, flags, []string{"-I" + filepath.Join(lib, "include"), "-o", out, file})
	if filepath.Base(file) == "signals.c" {
		args = append(args, "-ldl")
	} else {
		args = append(args, "-L"+filepath.Join(lib, "lib"), "-Wl,-rpath,"+filepath.Join(lib, "lib"), "-ltensorfile", "-lpthread")
	}
	must(t, nil, "cc", args...)
	return out
}

// passed checks that a program of the harness ran its checks.
func passed(t *testing.T, out string, floor int) {
	t.Helper()
	m := regexp.MustCompile(`(?m)^[a-z]+: (\d+) checks, 0 failed$`).FindStringSubmatch(out)
	n := 0
	if m != nil {
		fmt.Sscan(m[1], &n)
	}
	if n < floor {
		t.Errorf("%d checks, want %d at least\n%s", n, floor, out)
	}
	for line := range strings.Lines(out) {
		t.Log(strings.TrimSpace(line))
	}
}

// The programs of test/ that go through the header, by idea, and how many checks each
// has at least.
var programs = []struct {
	name   string
	checks int
}{{"arguments", 15000}, {"reading", 1400}, {"writing", 270}, {"rewrite", 190}, {"trouble", 10000}}

// through runs programs, built with these flags, and returns the sample that they read.
func through(t *testing.T, lib string, flags ...string) string {
	t.Helper()
	work := t.TempDir()
	passed(t, must(t, nil, compile(t, lib, "test/corpus.c", flags...), "../testdata", "19", "150"), 40000)
	for _, p := range programs {
		passed(t, must(t, nil, compile(t, lib, "test/"+p.name+".c", flags...), "../testdata", work), p.checks)
	}
	file := filepath.Join(work, "sample.tensor")
	passed(t, must(t, nil, compile(t, lib, "test/threads.c", flags...), file), 20000)
	return file
}

// Every function of the header is called by a program of test/.
func TestAllIsCalled(t *testing.T) {
	list, err := filepath.Glob("test/*.c")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range list {
		all.WriteString(source(t, name))
	}
	for _, name := range declared(t) {
		if !strings.Contains(all.String(), name+"(") {
			t.Errorf("nothing in test/ calls %s", name)
		}
	}
}

// The C programs of test/ with the shared library.
func TestC(t *testing.T) {
	t.Parallel()
	lib := library(t, "TENSORFILE_CAPI")
	work := filepath.Dir(through(t, lib))
	passed(t, must(t, nil, compile(t, lib, "test/signals.c"), filepath.Join(lib, "lib", "libtensorfile.so"), filepath.Join(work, "signals.tensor")), 5)
	server := httptest.NewServer(http.FileServer(http.Dir(work)))
	defer server.Close()
	passed(t, must(t, nil, compile(t, lib, "test/remote.c"), server.URL+"/sample.tensor", filepath.Join(work, "sample.tensor")), 50)
	passed(t, must(t, nil, compile(t, lib, "test/bench.c"), filepath.Join(work, "bench.tensor"), "1"), 1000)
}

// The header is C99 and C++, without a warning.
func TestHeaderCompiles(t *testing.T) {
	for _, args := range [][]string{{"cc", "-std=c99", "-x", "c"}, {"c++", "-std=c++11", "-x", "c++"}} {
		t.Run(args[0], func(t *testing.T) {
			tool(t, args[0])
			must(t, nil, args[0], append(args[1:], "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "tensorfile.h")...)
		})
	}
}

// The shared library exports what the header declares, at version 1, and needs
// nothing but the C library.
func TestExports(t *testing.T) {
	lib := library(t, "TENSORFILE_CAPI")
	so := filepath.Join(lib, "lib", "libtensorfile.so.1")
	var got []string
	for line := range strings.Lines(must(t, nil, "nm", "-D", "--defined-only", so)) {
		name := strings.Fields(line)[2]
		if name == "TENSORFILE_1" { // the node itself
			continue
		}
		name, ok := strings.CutSuffix(name, "@@TENSORFILE_1")
		if !ok {
			t.Errorf("%s has no version", name)
		}
		got = append(got, name)
	}
	slices.Sort(got)
	if want := declared(t); !slices.Equal(got, want) {
		t.Errorf("exported:\n%v\ndeclared:\n%v", got, want)
	}
	tool(t, "readelf")
	dynamic := must(t, nil, "readelf", "-d", so)
	if !strings.Contains(dynamic, "soname: [libtensorfile.so.1]") {
		t.Errorf("no soname\n%s", dynamic)
	}
	for _, m := range regexp.MustCompile(`\(NEEDED\).*\[(.*)\]`).FindAllStringSubmatch(dynamic, -1) {
		if !slices.Contains([]string{"libc.so.6", "libpthread.so.0", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}, m[1]) {
			t.Errorf("needs %s", m[1])
		}
	}
	t.Run("static", func(t *testing.T) {
		archive := filepath.Join(lib, "lib", "libtensorfile.a")
		if _, err := os.Stat(archive); err != nil {
			t.Skipf("%s has no libtensorfile.a: build.sh was run with STATIC=no", lib)
		}
		var got []string
		for line := range strings.Lines(must(t, nil, "nm", "-g", "--defined-only", archive)) {
			if f := strings.Fields(line); len(f) == 3 {
				got = append(got, f[2])
			}
		}
		slices.Sort(got)
		if want := declared(t); !slices.Equal(got, want) {
			t.Errorf("exported:\n%v\ndeclared:\n%v", got, want)
		}
	})
}
