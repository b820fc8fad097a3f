package jsonl_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile/internal/badinput"
)

func TestEvery(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"a.jsonl", "{\"a\":1,\"b\":[1.5,2]}\n{\"a\":2,\"b\":[3,4]}\n"},
	} {
		path := filepath.Join(t.TempDir(), c.name)
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		badinput.EveryRead(t, path, nil)
		badinput.EveryWrite(t, path, "jsonl", nil)
	}
}
