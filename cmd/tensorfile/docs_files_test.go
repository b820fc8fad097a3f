package main

import (
	"bytes"
	"context"
	"database/sql"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/inspect"
	"github.com/tensorfile/tensorfile/internal/sampledata"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/ragged"
	"github.com/tensorfile/tensorfile/tensor"
)

// shownPages has what the commands of a page need. Pages that need nothing are not
// here.
var shownPages = map[string]shownPage{
	"README.md":           {files: readmeFiles},
	"docs/audio.md":       {files: audioFiles},
	"docs/codecs.md":      {files: codecFiles, before: damagedCopy},
	"docs/convert.md":     {files: convertFiles},
	"docs/durability.md":  {files: arrayFiles("weights", "f32(300,400)", "more", "i64(2000)")},
	"docs/einops.md":      {files: arrayFiles("photos", "u8(2,32,48,3)")},
	"docs/format.md":      {files: madeFile("small.tensor", "w=f32(2,3)", `:{"title":"a small file"}`)},
	"docs/formats.md":     {files: formatFiles},
	"docs/gguf.md":        {files: copies("../../testdata/models/*.gguf")},
	"docs/gpu.md":         {files: gpuFiles, plain: gpuPlain},
	"docs/hdf5.md":        {files: copies("../../convert/hdf5/testdata/weather.h5", "../../convert/hdf5/testdata/keras.weights.h5", "../../convert/hdf5/testdata/keras_model.h5")},
	"docs/http.md":        {world: httpWorld},
	"docs/images.md":      {files: imageFiles},
	"docs/moving.md":      {files: movingFiles},
	"docs/performance.md": {files: performanceFiles, plain: benchPlain},
	"docs/plot.md":        {files: plotFiles, plain: plotPlain, after: comparePlots},
	"docs/porting.md":     {files: copies("../../testdata/accept/one-scalar.tensor")},
	"docs/pytorch.md":     {files: copies("../../convert/torch/testdata/*.pt", "../../convert/torch/testdata/partly.pth")},
	"docs/quantised.md":   {files: quantisedFiles},
	"docs/ragged.md":      {files: raggedFiles},
	"docs/safetensors.md": {files: copies("../../testdata/models/*.safetensors", "../../testdata/models/*.json")},
	"docs/sets.md":        {files: setFiles},
	"docs/shards.md":      {files: madeFile("set.tensor", "x=u8(100,12,12,3)", "y=i64(100)", "classes=S4(3):cat,dog,bird")},
	"docs/sparse.md":      {files: sparseFiles},
	"docs/sql.md":         {files: sqlFiles},
	"docs/tables.md":      {files: tableFiles},
}

// copies brings files along.
func copies(patterns ...string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		for _, pattern := range patterns {
			files, err := filepath.Glob(pattern)
			if err != nil || len(files) == 0 {
				t.Fatal(pattern, err)
			}
			for _, f := range files {
				copyAs(t, f, filepath.Join(dir, filepath.Base(f)))
			}
		}
	}
}

func copyAs(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, to, b)
}

// writeFile writes a file and the folders that it is in.
func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o777)
	if err == nil {
		err = os.WriteFile(path, b, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// madeFile is a native file: see mkfile.
func madeFile(name string, tensors ...string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := makeFile(filepath.Join(dir, name), tensors); err != nil {
			t.Fatal(err)
		}
	}
}

// arrayFiles are files of NumPy, by pairs of a name and what it holds.
func arrayFiles(pairs ...string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		for i := 0; i < len(pairs); i += 2 {
			madeFile("made.tensor", pairs[i]+"="+pairs[i+1])(t, dir)
			converted(t, dir, "made.tensor", pairs[i]+".npy")
			if err := os.Remove(filepath.Join(dir, "made.tensor")); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// converted runs tensorfile convert, which has to succeed.
func converted(t *testing.T, dir string, args ...string) {
	t.Helper()
	if out := runIn(t, dir, append([]string{"convert"}, args...)...); strings.Contains(out, "tensorfile: ") && !strings.Contains(out, "tensorfile: note: ") {
		t.Fatal(out)
	}
}

// drawing is a picture whose pixels all differ.
func drawing(t *testing.T, img interface {
	image.Image
	Set(x, y int, c color.Color)
}) []byte {
	t.Helper()
	b := img.Bounds()
	for y := range b.Dy() {
		for x := range b.Dx() {
			img.Set(x, y, color.RGBA{uint8(5 * x), uint8(7 * y), uint8(x * y), 255})
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func photos(t *testing.T, dir string) {
	t.Helper()
	for name, img := range map[string]interface {
		image.Image
		Set(x, y int, c color.Color)
	}{
		"cats/minka.png": image.NewNRGBA(image.Rect(0, 0, 40, 30)),
		"cats/tom.png":   image.NewNRGBA(image.Rect(0, 0, 24, 36)),
		"dogs/rex.png":   image.NewGray(image.Rect(0, 0, 32, 32)),
	} {
		writeFile(t, filepath.Join(dir, "photos", filepath.FromSlash(name)), drawing(t, img))
	}
}

// readmeFiles is what the five jobs of the README begin with. Weights of a model
// and pictures are small ones.
func readmeFiles(t *testing.T, dir string) {
	t.Helper()
	photos(t, dir)
	copyAs(t, "../../testdata/tour/model.npz", filepath.Join(dir, "made.npz"))
	converted(t, dir, "made.npz", "model.safetensors", "--only", "encoder.*", "--only", "embedding", "--only", "step")
	madeFile("made2.tensor", "readings=f64(5,3):20.5,21.25,nan,19.75,22,20.125,-1.5")(t, dir)
	converted(t, dir, "made2.tensor", "made.npy")
	if err := os.Rename(filepath.Join(dir, "made.npy"), filepath.Join(dir, "unknown.bin")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"made.npz", "made2.tensor"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// movingFiles is one of each format that people come from.
func movingFiles(t *testing.T, dir string) {
	t.Helper()
	copies("../../testdata/tour/model.npz", "../../testdata/models/tiny.safetensors", "../../testdata/models/tiny.gguf")(t, dir)
	copyAs(t, "../../convert/hdf5/testdata/weather.h5", filepath.Join(dir, "weather.h5"))
	arrayFiles("array", "f32(100,8)")(t, dir)
}

func performanceFiles(t *testing.T, dir string) {
	t.Helper()
	writeSamples(t, filepath.Join(dir, "data.tensor"), 1, map[string]string{"weights": "f32weights", "index": "i64index"})
}

// benchPlain leaves out numbers and the machine.
func benchPlain(s string) string {
	s = regexp.MustCompile(`(?m)^this machine.*$`).ReplaceAllString(s, "this machine")
	return regexp.MustCompile(`[0-9.]+|[nµm]?s\b|[kMG]?B/s| +`).ReplaceAllString(s, "")
}

func audioFiles(t *testing.T, dir string) {
	t.Helper()
	copyAs(t, "../../convert/mp3/testdata/cbr.mp3", filepath.Join(dir, "talk.mp3"))
	madeFile("made.tensor", `speech:{"sample_rate":48000,"info":{"INAM":"A title"}}`, "speech=i16(4800,2)")(t, dir)
	converted(t, dir, "made.tensor", "speech.wav")
}

func codecFiles(t *testing.T, dir string) {
	t.Helper()
	writeSamples(t, filepath.Join(dir, "data.tensor"), 1, map[string]string{"weights": "f32weights", "bfloat": "bf16weights", "image": "u8image", "index": "i64index", "field": "f32field", "mask": "boolmask", "noise": "u8noise"})
	writeSamples(t, filepath.Join(dir, "more.tensor"), 2, map[string]string{"index": "i64index"})
}

func convertFiles(t *testing.T, dir string) {
	t.Helper()
	madeFile("a.tensor", "a=u8(4,6,3)")(t, dir)
	madeFile("c.tensor", "b=u8(4,6,3)")(t, dir)
	madeFile("m.tensor", "m=f32(3,6)")(t, dir)
	madeFile("wave.tensor", `wave:{"sample_rate":48000}`, "wave=i16(4800,2)")(t, dir)
	converted(t, dir, "a.tensor", "a.npy")
	converted(t, dir, "c.tensor", "b.npy", "--scale", "1,100")
	converted(t, dir, "m.tensor", "m.npy")
}

func formatFiles(t *testing.T, dir string) {
	t.Helper()
	copyAs(t, "../../testdata/idx/train-images-idx3-ubyte.gz", filepath.Join(dir, "train-images-idx3-ubyte.gz"))
	copyAs(t, "../../testdata/idx/t10k-labels-idx1-ubyte.gz", filepath.Join(dir, "train-labels-idx1-ubyte.gz"))
	writeFile(t, filepath.Join(dir, "words.txt"), []byte("one\ntwo\n\u00fcber\n"))
	writeFile(t, filepath.Join(dir, "measurements.csv"), []byte("at,value\n1,20.5\n2,\n3,21.25\n"))
}

func gpuFiles(t *testing.T, dir string) {
	t.Helper()
	writeSamples(t, dir+"/raw.tensor", 1, map[string]string{"weights": "f32weights", "image": "u8image"})
	converted(t, dir, "raw.tensor", "weights.tensor", "--codec", "image=zstd:1")
}

// gpuPlain leaves out numbers, and what is of the machine.
func gpuPlain(s string) string {
	for _, r := range []struct{ from, to string }{
		{`this machine, \w+, \d+ cores`, "this machine"},
		{`(?m)^disk .*\n|^tensorfile: note: .*\n`, ""}, // not every file system tells
		{` the lowest`, ""},
		{`\d+(\.\d+)?(ns|µs|ms|s)\b`, "0s"},
		{`\d+(\.\d+)?`, "0"},
		{` +\n`, "\n"},
		{` +`, " "},
	} {
		s = regexp.MustCompile(r.from).ReplaceAllString(s, r.to)
	}
	return s
}

// httpWorld is a server with a model.
func httpWorld(t *testing.T, dir string) (there, shown string) {
	t.Helper()
	madeFile("model.tensor", "layer.0.weight=f32(4,3)", "layer.0.bias=f32(4)")(t, dir)
	srv := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(srv.Close)
	return srv.URL, "https://host"
}

func imageFiles(t *testing.T, dir string) {
	t.Helper()
	const colour = "P3 # a comment\n4 2\n255\n255 0 0  0 255 0  0 0 255  255 255 255\n10 20 30  40 50 60  70 80 90  0 0 0\n"
	writeFile(t, filepath.Join(dir, "colour.ppm"), []byte(colour))
	copyAs(t, "../../convert/jpeg/testdata/grey.exif6.jpg", filepath.Join(dir, "photo.jpg"))
	copyAs(t, "../../convert/gif/testdata/pillow.gif", filepath.Join(dir, "movie.gif"))
}

func quantisedFiles(t *testing.T, dir string) {
	t.Helper()
	madeFile("made.tensor", "layer.weight=f32(2,64):0.7,-0.2,14,3,0,0.05,-7", "layer.bias=f32(2)")(t, dir)
	converted(t, dir, "made.tensor", "model.safetensors")
}

func raggedFiles(t *testing.T, dir string) {
	t.Helper()
	w, err := tensorfile.Create(filepath.Join(dir, "corpus.tensor"), &tensorfile.CreateOptions{Deterministic: true, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx := context.Background()
	rows, err := ragged.FromSlices([][]float32{{1, 2}, {}, {3}, {}, {4, 5, 6}})
	if err == nil {
		err = w.AddRagged(ctx, "rows", rows, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	words, err := ragged.FromStrings([]string{"abc", "", "\u20ac uro", "d\tf"})
	if err == nil {
		err = w.AddStrings(ctx, "words", words, nil)
	}
	if err == nil {
		err = w.Commit(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func setFiles(t *testing.T, dir string) {
	t.Helper()
	photos(t, dir)
	half := drawing(t, image.NewGray(image.Rect(0, 0, 32, 32)))
	writeFile(t, filepath.Join(dir, "broken", "half.png"), half[:20])
	if err := os.Mkdir(filepath.Join(dir, "sounds"), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, frames := range map[string]string{"one": "4800,2", "two": "6000,2"} {
		madeFile(name+".tensor", name+`:{"sample_rate":48000}`, name+"=i16("+frames+")")(t, dir)
		converted(t, dir, name+".tensor", "sounds/"+name+".wav")
	}
}

func sparseFiles(t *testing.T, dir string) {
	t.Helper()
	writeFile(t, filepath.Join(dir, "m.mtx"), []byte("%%MatrixMarket matrix coordinate real general\n3 4 4\n1 1 5\n1 4 1\n3 2 7\n3 4 2\n"))
}

func sqlFiles(t *testing.T, dir string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "readings.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range []string{
		"CREATE TABLE readings (sensor INTEGER, at TIMESTAMP, value REAL, valid BOOLEAN, note TEXT, raw BLOB)",
		"INSERT INTO readings VALUES (1, '2024-02-29 12:00:00', 20.5, 1, 'calm', x'00ff'), (2, '2024-02-29 12:00:01.5', NULL, 0, NULL, x''), (1, '2024-02-29 12:01:00', 21.5, 1, '', NULL)",
		"CREATE TABLE sensors (id INTEGER, name TEXT)",
		"INSERT INTO sensors VALUES (1, 'roof'), (2, 'cellar')",
	} {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
}

func tableFiles(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/tables.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "```text\n")
	table, _, _ = strings.Cut(table, "```")
	for name, text := range map[string]string{
		"parts.csv": table, "grid.csv": "0.5,1,-2\n3,4.25,1e3\n",
		"parts.jsonl": `{"size": [4, 10], "tags": ["zinc", "hex"]}` + "\n" + `{"tags": ["", "hex"], "size": [4, null]}` + "\n",
	} {
		writeFile(t, filepath.Join(dir, name), []byte(text))
	}
}

// Each operator stands in docs/convert.md: in its table, and in a command.
func TestConvertDocHasOperators(t *testing.T) {
	text, err := os.ReadFile("../../docs/convert.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range operatorHelp {
		if s := string(text); !strings.Contains(s, "| `--"+h.name) || !strings.Contains(s, " --"+h.name+" ") && !strings.Contains(s, " --"+h.name+"\n") {
			t.Errorf("--%s is not in docs/convert.md", h.name)
		}
	}
}

// writeSamples makes a file of plain tensors: names and the data sets that they
// are.
func writeSamples(t *testing.T, path string, seed uint64, sets map[string]string) {
	t.Helper()
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{Deterministic: true, NoSync: true, Time: time.Unix(1700000000, 0)})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, name := range []string{"weights", "bfloat", "image", "index", "field", "mask", "noise"} {
		s, ok := sampledata.Get(sets[name])
		if !ok {
			continue
		}
		size := 1 << 20
		if name == "field" {
			size = 721 * 1440 * 4
		}
		shape, data := s.Make(seed, size)
		v, err := tensor.NewView(data, s.DType, shape, nil, 0, tensor.LittleEndian)
		if err == nil {
			err = w.Add(context.Background(), name, v, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// damagedCopy makes damaged.tensor of small.tensor when a command first names
// it: a byte of the first chunk of "field" differs.
func damagedCopy(t *testing.T, dir, command string) {
	t.Helper()
	to := filepath.Join(dir, "damaged.tensor")
	if _, err := os.Stat(to); err == nil || !strings.Contains(command, "damaged.tensor") {
		return
	}
	b, err := os.ReadFile(filepath.Join(dir, "small.tensor"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := inspect.Native(context.Background(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), to))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range m.Parts {
		if p.Kind == inspect.Chunk && p.Tensors[0] == "field" {
			b[p.Offset+p.Length/2] ^= 1
			break
		}
	}
	writeFile(t, to, b)
}
