package csv_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile/internal/badinput"
)

func TestEvery(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"a.csv", "a,b,c\n1,2.5,x\n-3,4,\"y,z\"\n"},
		{"b.csv", "1,2\n3,4\n5,6\n"},
	} {
		path := filepath.Join(t.TempDir(), c.name)
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		badinput.EveryRead(t, path, nil)
		badinput.EveryWrite(t, path, "csv", nil)
	}
}
