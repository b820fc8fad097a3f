package fsys

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// noStat is the information of a file that no system has told.
type noStat struct{ fs.FileInfo }

func (noStat) Sys() any { return nil }

// What is not known of a file is nothing, and a directory that is not there
// cannot be synced.
func TestNothingKnown(t *testing.T) {
	dir := t.TempDir()
	free, none := filepath.Join(dir, "free"), filepath.Join(dir, "none")
	if err := os.WriteFile(free, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{free, none} {
		if who := LockHolder(path); who != "" {
			t.Errorf("%s is held by %q", path, who)
		}
	}
	if s := Inode(noStat{}); s != "" {
		t.Errorf("inode %q", s)
	}
	if err := syncDir(none); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	t.Chdir(dir)
	if err := syncDir(""); err != nil {
		t.Errorf("the current directory: %v", err)
	}
}
