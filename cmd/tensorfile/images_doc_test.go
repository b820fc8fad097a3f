package main

import (
	"os"
	"path/filepath"
	"testing"
)

// What docs/images.md shows of files is what the tool prints. With -update it is
// written there.
func TestImagesDoc(t *testing.T) {
	dir := t.TempDir()
	const colour = "P3 # a comment\n4 2\n255\n255 0 0  0 255 0  0 0 255  255 255 255\n10 20 30  40 50 60  70 80 90  0 0 0\n"
	if err := os.WriteFile(filepath.Join(dir, "colour.ppm"), []byte(colour), 0o666); err != nil {
		t.Fatal(err)
	}
	for name, kept := range map[string]string{"photo.jpg": "jpeg/testdata/grey.exif6.jpg", "movie.gif": "gif/testdata/pillow.gif"} {
		b, err := os.ReadFile(filepath.Join("../../convert", kept))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	docShows(t, "../../docs/images.md", dir, 14)
}
