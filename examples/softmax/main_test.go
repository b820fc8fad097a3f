package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestSoftmax(t *testing.T) {
	dir := t.TempDir()
	var out [2]bytes.Buffer
	for i := range out { // the second time, all files are there
		if i > 0 && testing.Short() {
			out[i] = out[0]
			break
		}
		accuracy, err := run(context.Background(), dir, &out[i])
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s", out[i].String())
		if accuracy < .93 || accuracy > .999 {
			t.Errorf("accuracy %v", accuracy)
		}
	}
	if out[0].String() != out[1].String() {
		t.Errorf("%s and then %s", &out[0], &out[1])
	}
	doc, err := os.ReadFile("../../docs/loader.md")
	if err != nil {
		t.Fatal(err)
	}
	// Other processors may round a product and a sum together.
	if runtime.GOARCH == "amd64" && !strings.Contains(string(doc), out[0].String()) {
		t.Error("docs/loader.md shows something else")
	}
	if strings.Count(out[0].String(), "epoch") != 3 || !strings.Contains(out[0].String(), "of 6000 right\ntest: 9") {
		t.Errorf("%s", &out[0])
	}
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := run(ctx, t.TempDir(), &bytes.Buffer{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Files that do not belong together are errors, not wrong numbers.
func TestOtherFiles(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		b    []byte
		want string
	}{
		"label":  {"train-labels-idx1-ubyte", idx(bytes.Repeat([]byte{11}, 6000), 6000), "label 11"},
		"fewer":  {"train-labels-idx1-ubyte", idx(make([]byte, 10), 10), "10"},
		"size":   {"train-images-idx3-ubyte", idx(make([]byte, 6000*9), 6000, 3, 3), "images are 28 by 28"},
		"no IDX": {"t10k-images-idx3-ubyte", []byte("text"), "magic"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, c.file), c.b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := run(context.Background(), dir, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}
