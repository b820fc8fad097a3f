package mmap

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/tensorfile/tensorfile/tensor"
)

// childEnv names what a copy of the test binary does instead of testing.
const childEnv = "TENSORFILE_MMAP_CHILD"

// children are what a copy may do; they return the exit status.
var children = map[string]func(arg string) int{}

func TestMain(m *testing.M) {
	if v := os.Getenv(childEnv); v != "" {
		name, arg, _ := strings.Cut(v, " ")
		if f := children[name]; f != nil {
			os.Exit(f(arg))
		}
		fmt.Fprintln(os.Stderr, "no such child:", v)
		os.Exit(3)
	}
	goleak.VerifyTestMain(m)
}

// pattern returns n bytes that differ by position and by file.
func pattern(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = patternAt(i, seed)
	}
	return b
}

func patternAt(i int, seed byte) byte { return byte(i) ^ byte(i>>8)*31 ^ byte(i>>16)*17 ^ seed | 1 }

func writeTemp(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data.tensor")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// openMapped opens path, maps all of it and closes it at the end of the test.
func openMapped(t testing.TB, path string) *Map {
	t.Helper()
	m := openOnly(t, path, nil)
	if err := m.Map(m.Size()); err != nil {
		t.Fatal(err)
	}
	if !m.Mapped() {
		t.Skip("not mapped: ", m.Reason())
	}
	return m
}

func openOnly(t testing.TB, path string, o *Options) *Map {
	t.Helper()
	m, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("Close at the end of the test: %v", err)
		}
	})
	return m
}

// wantError checks the kind of err and the parts of its text.
func wantError(t testing.TB, err error, kind error, parts ...string) *tensor.Error {
	t.Helper()
	var e *tensor.Error
	if !errors.As(err, &e) || !errors.Is(err, kind) {
		t.Fatalf("error is %v (%T), want a *tensor.Error of kind %q", err, err, kind)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Fatalf("error is %q, want it to contain %q", err, p)
		}
	}
	return e
}
