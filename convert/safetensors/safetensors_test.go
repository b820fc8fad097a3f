package safetensors_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/safetensors"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// file makes a file of a header and bytes.
func file(header string, data ...byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

func openBytes(b []byte, o *convert.OpenOptions) (*tensorfile.File, error) {
	if o == nil {
		o = &convert.OpenOptions{}
	}
	o.Format = "safetensors"
	return convert.OpenMap(context.Background(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "x.safetensors"), o)
}

// made is what exchange.py says of a file.
type made struct {
	Metadata map[string]string
	Tensors  map[string][3]any // dtype, shape, SHA-256 of the bytes
}

func readMade(t testing.TB, path string) (m made) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// elements are those of x in C order.
func elements(t testing.TB, x *tensorfile.Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := x.WriteCOrder(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// compare looks at a file beside what was made, and reports how many of its
// tensors are views and how many are unpacked.
func compare(t testing.TB, f *tensorfile.File, want map[string][3]any) (views, unpacked int) {
	t.Helper()
	n := 0
	for x, err := range f.Tensors() {
		if err != nil {
			t.Fatal(err)
		}
		n++
		w, ok := want[x.Name()]
		if !ok {
			t.Errorf("%s: %q was not made", f.Path(), x.Name())
			continue
		}
		shape := tensor.Shape{}
		for _, n := range w[1].([]any) {
			shape = append(shape, int64(n.(float64)))
		}
		if x.DType().String() != w[0] || !x.Shape().Equal(shape) {
			t.Errorf("%s: %q is %v %v, want %v %v", f.Path(), x.Name(), x.DType(), x.Shape(), w[0], shape)
			continue
		}
		if x.Storage().Kind == tensorfile.StorageEncoded {
			unpacked++ // rows end inside bytes: see TestPacked
			continue
		}
		views++
		sum := sha256.Sum256(elements(t, x))
		if hex.EncodeToString(sum[:]) != w[2] {
			t.Errorf("%s: %q has other bytes", f.Path(), x.Name())
		}
	}
	if n != len(want) {
		t.Errorf("%s: %d tensors, want %d", f.Path(), n, len(want))
	}
	return views, unpacked
}

// exchange reads the files of dir, which exchange.py made, and writes them anew
// into out.
func exchange(t *testing.T, dir, out string) {
	files, err := filepath.Glob(filepath.Join(dir, "f*.safetensors"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	views, unpacked := 0, 0
	for _, path := range files {
		want := readMade(t, strings.TrimSuffix(path, ".safetensors")+".json")
		f, err := convert.Open(t.Context(), path, nil)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		v, u := compare(t, f, want.Tensors)
		views, unpacked = views+v, unpacked+u
		attrs, err := f.Attrs()
		if err != nil || len(attrs) != len(want.Metadata) {
			t.Errorf("%s: metadata %v, want %v, %v", path, attrs, want.Metadata, err)
		}
		for k, w := range want.Metadata {
			if attrs[k] != w {
				t.Errorf("%s: metadata %q: %q, want %q", path, k, attrs[k], w)
			}
		}
		f.Close()
		if len(want.Tensors) == 0 {
			continue
		}
		again := filepath.Join(out, "out."+filepath.Base(path))
		r, err := convert.Files(t.Context(), []string{path}, again, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Losses) > 0 {
			t.Errorf("%s lost %q", path, r.Losses)
		}
	}
	t.Logf("%d files, %d tensors as views, %d unpacked", len(files), views, unpacked)
	if views < 2*len(files) || unpacked == 0 {
		t.Errorf("too few to mean anything")
	}
}

// damaged holds us against the verdict of the library on headers with faults:
// what we read it reads, too, and as the same.
func damaged(t *testing.T, dir string) {
	var verdicts map[string]map[string][3]any
	b, err := os.ReadFile(filepath.Join(dir, "damaged.json"))
	if err == nil {
		err = json.Unmarshal(b, &verdicts)
	}
	if err != nil {
		t.Fatal(err)
	}
	both, stricter := 0, 0
	for _, name := range slices.Sorted(maps.Keys(verdicts)) {
		f, err := convert.Open(t.Context(), filepath.Join(dir, name), &convert.OpenOptions{Format: "safetensors"})
		switch {
		case err != nil && verdicts[name] != nil:
			stricter++
			t.Logf("we alone refuse %v", err)
		case err == nil && verdicts[name] == nil:
			t.Errorf("the library refuses %s, we do not", name)
		case err == nil:
			both++
			compare(t, f, verdicts[name])
		}
		if err == nil {
			f.Close()
		}
	}
	t.Logf("%d damaged headers: %d are read by both, %d are refused by us alone", len(verdicts), both, stricter)
}

func TestKept(t *testing.T) {
	exchange(t, "testdata", t.TempDir())
	damaged(t, "testdata")
}

// TestInterop does with fresh files what TestKept does with those that are kept,
// and has the library read what was written. "make interop" sets
// TENSORFILE_PYTHON; TENSORFILE_SEED makes other files.
func TestInterop(t *testing.T) {
	python := os.Getenv("TENSORFILE_PYTHON")
	if python == "" {
		t.Skip("TENSORFILE_PYTHON names no Python with safetensors; make interop does")
	}
	seed := os.Getenv("TENSORFILE_SEED")
	if seed == "" {
		seed = "20261122"
	}
	dir := t.TempDir()
	run := func(args ...string) string {
		t.Helper()
		b, err := exec.Command(python, append([]string{"-B", filepath.Join("testdata", "exchange.py")}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		return strings.TrimSpace(string(b))
	}
	run("write", seed, "1000", dir)
	exchange(t, dir, dir)
	damaged(t, dir)
	report := run("check", dir)
	t.Logf("seed %s: %s", seed, report)
	var files, tensors int
	if n, err := fmt.Sscanf(report, "compared %d files, %d tensors in their places", &files, &tensors); n != 2 || files < 500 || tensors < 1500 {
		t.Errorf("%q, %v", report, err)
	}
}

// Rows of F4 and F6 that end inside a byte: elements stand without padding in the
// file and are given padded, and the other way round.
func TestPacked(t *testing.T) {
	b := file(`{"four":{"dtype":"F4","shape":[2,3],"data_offsets":[0,3]},"six":{"dtype":"F6_E2M3","shape":[2,2,3],"data_offsets":[3,12]}}`,
		0x21, 0x43, 0x65, // 1 2 3, 4 5 6
		0x81, 0x30, 0x10, 0x85, 0x71, 0x20, 0x89, 0xb2, 0x30) // 1 2 3, 4 5 6, 7 8 9, 10 11 12
	f, err := openBytes(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, name := range []string{"four", "six"} {
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		v, err := x.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range v.NumElements() {
			idx := make([]int64, len(x.Shape()))
			for k, rest := len(idx)-1, i; k >= 0; k-- {
				idx[k], rest = rest%x.Shape()[k], rest/x.Shape()[k]
			}
			// What the codes 1, 2, 3 and so on stand for.
			number := map[string][]float64{
				"four": {0.5, 1, 1.5, 2, 3, 4},
				"six":  {0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1, 1.125, 1.25, 1.375, 1.5},
			}[name][i]
			if got, err := v.Float64At(idx...); err != nil || got != number {
				t.Errorf("%s: element %v is %v, want %v, %v", name, idx, got, number, err)
			}
		}
	}
	path := filepath.Join(t.TempDir(), "again.safetensors")
	native := filepath.Join(t.TempDir(), "a.tensor")
	src := filepath.Join(t.TempDir(), "a.safetensors")
	if err := os.WriteFile(src, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range [][2]string{{src, native}, {native, path}} {
		if _, err := convert.Files(t.Context(), step[:1], step[1], nil); err != nil {
			t.Fatal(err)
		}
	}
	again, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := 8 + int(binary.LittleEndian.Uint64(again))
	if want := b[len(b)-12:]; !bytes.Equal(again[n:], want) {
		t.Errorf("% x, want % x", again[n:], want)
	}
}

// Where tensors stand: multiples of 64 first, then by width, no hole.
func TestPlaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tensor")
	w, err := tensorfile.Create(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name string
		d    tensor.DType
		n    int64
	}{{"u8", tensor.U8, 3}, {"big f32", tensor.F32, 32}, {"f64", tensor.F64, 3}, {"none", tensor.F64, 0}, {"f16", tensor.F16, 5}, {"big u8", tensor.U8, 64}, {"u8 too", tensor.U8, 5}} {
		size, err := tensor.ByteSize(x.d, tensor.Shape{x.n})
		if err != nil {
			t.Fatal(err)
		}
		v, err := tensor.NewView(make([]byte, size), x.d, tensor.Shape{x.n}, nil, 0, tensor.LittleEndian)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Add(t.Context(), x.name, v, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Close()
	out := filepath.Join(t.TempDir(), "a.safetensors")
	order := []string{"u8", "big f32", "f64", "none", "f16", "big u8", "u8 too"}
	if _, err := convert.Files(t.Context(), []string{path}, out, &convert.Options{Only: order}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	n := int(binary.LittleEndian.Uint64(b))
	if (8+n)%64 != 0 {
		t.Errorf("the data section begins at %d", 8+n)
	}
	want := `{"big f32":{"dtype":"F32","shape":[32],"data_offsets":[0,128]},"big u8":{"dtype":"U8","shape":[64],"data_offsets":[128,192]},` +
		`"none":{"dtype":"F64","shape":[0],"data_offsets":[192,192]},"f64":{"dtype":"F64","shape":[3],"data_offsets":[192,216]},` +
		`"f16":{"dtype":"F16","shape":[5],"data_offsets":[216,226]},"u8":{"dtype":"U8","shape":[3],"data_offsets":[226,229]},"u8 too":{"dtype":"U8","shape":[5],"data_offsets":[229,234]}}`
	if got := strings.TrimRight(string(b[8:8+n]), " "); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// Weights that are tied: recorded in the metadata, read as one storage with two
// names, written once.
func TestTied(t *testing.T) {
	b := file(`{"__metadata__":{"lm_head":"wte","format":"pt","wte":"wte","absent":"nothing"},"wte":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}`, 1, 2, 3, 4)
	dir := t.TempDir()
	path := filepath.Join(dir, "a.safetensors")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	look := func(path string) {
		t.Helper()
		f, err := convert.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		x, err := f.Tensor("lm_head")
		if err != nil {
			t.Fatal(err)
		}
		y, err := f.Tensor("wte")
		if err != nil {
			t.Fatal(err)
		}
		if x.Storage().ID != y.Storage().ID || !bytes.Equal(elements(t, x), []byte{1, 2, 3, 4}) {
			t.Errorf("%s: not one storage", path)
		}
		a, err := f.Attrs()
		if err != nil || a["format"] != "pt" || a["absent"] != "nothing" || a["lm_head"] != nil {
			t.Errorf("%s: attributes %v, %v", path, a, err)
		}
	}
	look(path)
	native, again := filepath.Join(dir, "a.tensor"), filepath.Join(dir, "b.safetensors")
	for _, step := range [][2]string{{path, native}, {native, again}} {
		if _, err := convert.Files(t.Context(), step[:1], step[1], nil); err != nil {
			t.Fatal(err)
		}
		look(step[1])
	}
	out, err := os.ReadFile(again)
	if err != nil || int64(len(out)) != 8+int64(binary.LittleEndian.Uint64(out))+4 {
		t.Errorf("%d bytes: tied weights are written twice, %v", len(out), err)
	}
}

// What of the attributes of a file becomes metadata, and what is lost.
func TestMetadata(t *testing.T) {
	dir := t.TempDir()
	path, out := filepath.Join(dir, "a.tensor"), filepath.Join(dir, "a.safetensors")
	w, err := tensorfile.Create(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	v, err := tensor.FromSlice([]float32{1, 2, 3}, 3)
	if err == nil {
		err = w.SetAttrs(tensorfile.Attrs{"format": "pt", "layers": 12, "eps": 1e-5, "tied": true, "list": []string{"a"}})
	}
	if err == nil {
		err = w.Add(t.Context(), "x", v, nil)
	}
	if err == nil {
		err = w.Commit(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	r, err := convert.Files(t.Context(), []string{path}, out, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`the type of the file's attribute "eps", which becomes a text`,
		`the type of the file's attribute "layers", which becomes a text`,
		`the file's attribute "list", as metadata are texts`,
		`the type of the file's attribute "tied", which becomes a text`,
	}
	if !slices.Equal(r.Losses, want) {
		t.Errorf("%q", r.Losses)
	}
	f, err := convert.Open(t.Context(), out, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a, err := f.Attrs()
	if err != nil || !maps.Equal(a, tensorfile.Attrs{"format": "pt", "layers": "12", "eps": "0.00001", "tied": "true"}) {
		t.Errorf("%v, %v", a, err)
	}
	if _, err := convert.Files(t.Context(), []string{path}, filepath.Join(dir, "b.safetensors"), &convert.Options{Strict: true}); err == nil {
		t.Error("Strict lets losses pass")
	}
}
