package fsys

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// A name that is taken stays as it is; one that is free gets the file, and the
// old name goes.
func TestLinkNew(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		if err := os.WriteFile(in(name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	holds := func(name, want string) {
		t.Helper()
		if b, err := os.ReadFile(in(name)); err != nil || string(b) != want {
			t.Errorf("%s holds %q, %v, want %q", name, b, err, want)
		}
	}
	write("temporary", "new")
	write("taken", "old")
	if err := linkNew(in("temporary"), in("taken")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a name that is taken: %v", err)
	}
	holds("taken", "old")
	holds("temporary", "new")
	if err := linkNew(in("temporary"), in("free")); err != nil {
		t.Fatal(err)
	}
	holds("free", "new")
	if _, err := os.Lstat(in("temporary")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old name: %v", err)
	}
	if err := linkNew(in("missing"), in("other")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing to link: %v", err)
	}
	// Directories have no links: a look before the rename does.
	for _, name := range []string{"d", "e"} {
		if err := os.Mkdir(in(name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	var le *os.LinkError
	if err := linkNew(in("d"), in("e")); !errors.Is(err, fs.ErrExist) || !errors.As(err, &le) || le.Old != in("d") || le.New != in("e") {
		t.Errorf("a directory on another: %v", err)
	}
	if err := linkNew(in("d"), in("moved")); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(in("moved")); err != nil || !fi.IsDir() {
		t.Errorf("%v, %v", fi, err)
	}
}
