package text_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile/internal/badinput"
)

func TestEvery(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"a.txt", "one\ntwo\r\n\nthree"},
	} {
		path := filepath.Join(t.TempDir(), c.name)
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		badinput.EveryRead(t, path, nil)
		badinput.EveryWrite(t, path, "text", nil)
	}
}

// A file whose name is none of a tensor holds the tensor "text".
func TestNameOfNone(t *testing.T) {
	f, err := openText([]byte("one\n"), "\xff.txt", false)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Tensor("text"); err != nil {
		t.Error(err)
	}
}
