package pnm_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile/internal/badinput"
)

func TestEvery(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"a.pnm", "P5 3 2 255\nabcdef"},
		{"b.pnm", "P3\n2 1\n65535\n1 2 3 4 5 65535\n"},
		{"c.pnm", "P4\n9 1\n\xa5\x80"},
	} {
		path := filepath.Join(t.TempDir(), c.name)
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		badinput.EveryRead(t, path, nil)
		badinput.EveryWrite(t, path, "pnm", nil)
	}
}
