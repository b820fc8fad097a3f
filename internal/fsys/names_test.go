package fsys

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A temporary file has its target's name behind a dot, cut to 200 bytes and to whole
// characters, and a number that is free.
func TestTemporaryNames(t *testing.T) {
	for base, want := range map[string]string{
		"x.tensor":                                     "x.tensor",
		strings.Repeat("a", 200):                       strings.Repeat("a", 200),
		strings.Repeat("a", 201):                       strings.Repeat("a", 200),
		strings.Repeat("a", 199) + "\u00e9":            strings.Repeat("a", 199),
		strings.Repeat("a", 198) + "\u00e9":            strings.Repeat("a", 198) + "\u00e9",
		strings.Repeat("a", 198) + "\u20ac" + "tensor": strings.Repeat("a", 198),
	} {
		if got := tempName(filepath.Join("d", base), 3); got != filepath.Join("d", "."+want)+".3"+TempSuffix {
			t.Errorf("%d bytes: %s", len(base), got)
		}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	for n := range 3 {
		f, err := OS.CreateTemp(path, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if want := fmt.Sprintf("%s.%d%s", filepath.Join(dir, ".x"), n, TempSuffix); f.Name() != want {
			t.Errorf("%s, want %s", f.Name(), want)
		}
	}
	if list := OS.Leftovers(path); len(list) != 3 || list[0] != tempName(path, 0) || list[2] != tempName(path, 2) {
		t.Errorf("%q", list)
	}
	if list := OS.Leftovers(filepath.Join(dir, "y")); len(list) != 0 {
		t.Errorf("%q", list)
	}
	if _, err := OS.CreateTemp(filepath.Join(dir, "no", "x"), 0o600); !os.IsNotExist(err) {
		t.Errorf("no directory: %v", err)
	}
}
