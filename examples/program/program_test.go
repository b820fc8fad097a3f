package program

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A folder with a name stays, one without goes, also after an error.
func TestFolders(t *testing.T) {
	named := filepath.Join(t.TempDir(), "a", "b")
	failed := errors.New("failed")
	for _, dir := range []string{named, ""} {
		for _, want := range []error{nil, failed} {
			var used string
			err := inFolder(dir, func(d string) error {
				used = d
				return errors.Join(os.WriteFile(filepath.Join(d, "file"), []byte("x"), 0o666), want)
			})
			if !errors.Is(err, want) || used == "" || dir != "" && used != dir {
				t.Errorf("%q: %q, %v", dir, used, err)
			}
			if _, err := os.Stat(filepath.Join(used, "file")); (err == nil) != (dir != "") {
				t.Errorf("%q: the file: %v", dir, err)
			}
		}
	}
	if err := inFolder(filepath.Join(named, "file", "c"), func(string) error { return nil }); err == nil {
		t.Error("a folder in a file")
	}
}
