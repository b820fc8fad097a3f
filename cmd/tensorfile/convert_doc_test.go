package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What docs/convert.md shows is what the tool prints. With -update it is written
// there.
func TestConvertDoc(t *testing.T) {
	const path = "../../docs/convert.md"
	dir := t.TempDir()
	for _, args := range [][]string{
		{"a.tensor", "a=u8(4,6,3)"}, {"c.tensor", "b=u8(4,6,3)"}, {"m.tensor", "m=f32(3,6)"}, {"wave.tensor", `wave:{"sample_rate":48000}`, "wave=i16(4800,2)"},
	} {
		if err := makeFile(filepath.Join(dir, args[0]), args[1:]); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) { runIn(t, dir, args...) }
	run("convert", "a.tensor", "a.npy")
	run("convert", "c.tensor", "b.npy", "--scale", "1,100")
	run("convert", "m.tensor", "m.npy")
	text := docShows(t, path, dir, 20)
	for _, h := range operatorHelp {
		if !strings.Contains(text, "| `--"+h.name) || !strings.Contains(text, " --"+h.name+" ") && !strings.Contains(text, " --"+h.name+"\n") {
			t.Errorf("--%s is not in %s", h.name, path)
		}
	}
}

// So is what docs/sparse.md shows of files.
func TestSparseDoc(t *testing.T) {
	dir := t.TempDir()
	const matrix = "%%MatrixMarket matrix coordinate real general\n3 4 4\n1 1 5\n1 4 1\n3 2 7\n3 4 2\n"
	if err := os.WriteFile(filepath.Join(dir, "m.mtx"), []byte(matrix), 0o666); err != nil {
		t.Fatal(err)
	}
	docShows(t, "../../docs/sparse.md", dir, 12)
}

// runIn runs the tool in a directory and returns what it prints.
func runIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("tensorfile", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		t.Fatal(err)
	}
	return string(out)
}

// docShows runs the commands of a document, of which there are at least so many,
// and compares what they print with what stands below them.
func docShows(t *testing.T, path, dir string, least int) string {
	t.Helper()
	return docShowsAs(t, path, dir, least, func(s string) string { return s })
}

// docShowsAs is docShows for what prints other numbers each time: plain leaves out
// what may differ. What is like it stays as it is.
func docShowsAs(t *testing.T, path, dir string, least int, plain func(string) string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- run -->\n```text\n", "```\n"
	parts := strings.Split(string(text), begin)
	out, n := parts[0], 0
	for i, part := range parts[1:] {
		old, rest, ok := strings.Cut(part, end)
		if !ok {
			t.Fatal("a block without an end")
		}
		var b strings.Builder
		for line := range strings.Lines(old) {
			command, ok := strings.CutPrefix(line, "$ tensorfile ")
			if !ok {
				continue
			}
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			n++
			b.WriteString(line + runIn(t, dir, words(strings.TrimSpace(command))...))
		}
		if plain(b.String()) == plain(old) {
			b.Reset()
			b.WriteString(old)
		}
		if got := b.String(); got != old && !*update {
			t.Errorf("block %d shows\n%s\nthe tool prints\n%s\n(-update writes it)", i+1, old, got)
		}
		out += begin + b.String() + end + rest
	}
	t.Logf("%d commands", n)
	if n < least {
		t.Error("too few")
	}
	if *update && out != string(text) {
		if err := os.WriteFile(path, []byte(out), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// So is what docs/audio.md shows of recordings.
func TestAudioDoc(t *testing.T) {
	dir := t.TempDir()
	if err := makeFile(filepath.Join(dir, "made.tensor"), []string{`speech:{"sample_rate":48000,"info":{"INAM":"A title"}}`, "speech=i16(4800,2)"}); err != nil {
		t.Fatal(err)
	}
	runIn(t, dir, "convert", "made.tensor", "speech.wav")
	docShows(t, "../../docs/audio.md", dir, 16)
}

// So is what docs/sets.md shows of folders.
func TestSetsDoc(t *testing.T) {
	dir := t.TempDir()
	picture := func(name string, img interface {
		image.Image
		Set(x, y int, c color.Color)
	}) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		b := img.Bounds()
		for y := range b.Dy() {
			for x := range b.Dx() {
				img.Set(x, y, color.RGBA{uint8(5 * x), uint8(7 * y), uint8(x * y), 255})
			}
		}
		var out bytes.Buffer
		err := png.Encode(&out, img)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(path), 0o777)
		}
		if strings.HasPrefix(name, "broken") {
			out.Truncate(20)
		}
		if err == nil {
			err = os.WriteFile(path, out.Bytes(), 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	picture("photos/cats/minka.png", image.NewNRGBA(image.Rect(0, 0, 40, 30)))
	picture("photos/cats/tom.png", image.NewNRGBA(image.Rect(0, 0, 24, 36)))
	picture("photos/dogs/rex.png", image.NewGray(image.Rect(0, 0, 32, 32)))
	picture("broken/half.png", image.NewGray(image.Rect(0, 0, 32, 32)))
	if err := os.Mkdir(filepath.Join(dir, "sounds"), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, frames := range map[string]string{"one": "4800,2", "two": "6000,2"} {
		if err := makeFile(filepath.Join(dir, name+".tensor"), []string{name + `:{"sample_rate":48000}`, name + "=i16(" + frames + ")"}); err != nil {
			t.Fatal(err)
		}
		if out := runIn(t, dir, "convert", name+".tensor", "sounds/"+name+".wav"); !strings.Contains(out, "1 tensor") {
			t.Fatal(out)
		}
	}
	docShows(t, "../../docs/sets.md", dir, 14)
}
