package ptx

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every file is a module, by its name.
func TestTexts(t *testing.T) {
	files, err := filepath.Glob("*.ptx")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]string{}
	for _, m := range Modules {
		have[m.Name] = m.PTX
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if have[strings.TrimSuffix(f, ".ptx")] != string(b) || len(b) == 0 {
			t.Errorf("%s is not the text of a module", f)
		}
	}
	if len(files) != len(Modules) || len(files) != len(texts) {
		t.Errorf("%d files, %d modules, %d texts", len(files), len(Modules), len(texts))
	}
}
