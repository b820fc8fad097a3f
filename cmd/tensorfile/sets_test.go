package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile/internal/golden"
)

// Folders of PNG and .npy files become the arrays that Pillow and NumPy make of
// them, bit for bit, and JPEG files within some levels, as decoders differ.
func TestSetsInterop(t *testing.T) {
	type folder struct {
		Files  map[string][]byte
		Flags  string
		Want   []byte
		Levels int
	}
	lines, _ := golden.Fresh(t, "Pillow", "testdata/sets_interop.py", 120)
	files, exact := 0, 0
	n := golden.Each(t, lines, func(c *folder) {
		dir := filepath.Join(t.TempDir(), "in")
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		for name, b := range c.Files {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
				t.Fatal(err)
			}
			files++
		}
		out := dir + ".npy"
		_, stderr, code := runTool(t, nil, append([]string{"convert", dir, out}, words(c.Flags)...)...)
		if code != 0 {
			t.Fatalf("%s: status %d, %s", c.Flags, code, stderr)
		}
		got, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if c.Levels == 0 {
			exact++
		}
		if err := within(got, c.Want, c.Levels); err != nil {
			t.Errorf("%s: %v", c.Flags, err)
		}
	})
	t.Logf("%d folders of %d files, %d bit for bit", n, files, exact)
	if n != 120 || exact != 80 {
		t.Error("too few")
	}
}

// within compares two .npy files, the elements of which are u8 if they may differ.
func within(got, want []byte, levels int) error {
	if levels == 0 || len(got) != len(want) || !bytes.Equal(got[:128], want[:128]) {
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%d bytes, want %d: %.120q, want %.120q", len(got), len(want), got, want)
		}
		return nil
	}
	for i := 128; i < len(got); i++ {
		if d := int(got[i]) - int(want[i]); max(d, -d) > levels {
			return fmt.Errorf("element %d is %d, want %d within %d", i-128, got[i], want[i], levels)
		}
	}
	return nil
}
