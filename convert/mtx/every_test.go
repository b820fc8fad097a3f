package mtx_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile/internal/badinput"
)

func TestEvery(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"a.mtx", "%%MatrixMarket matrix coordinate real general\n% c\n3 4 3\n1 1 1.5\n3 2 -2\n2 4 7\n"},
		{"b.mtx", "%%MatrixMarket matrix array integer symmetric\n2 2\n1\n2\n3\n"},
	} {
		path := filepath.Join(t.TempDir(), c.name)
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		badinput.EveryRead(t, path, nil)
		badinput.EveryWrite(t, path, "mtx", nil)
	}
}
