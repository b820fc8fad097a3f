package gguf_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/gguf"
	"github.com/tensorfile/tensorfile/tensor"
)

// made is what exchange.py says of a file.
type made struct {
	Keys    [][3]any // key, type, value
	Tensors map[string][3]any
	Long    map[string][3]any
}

func elements(t testing.TB, x *tensorfile.Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := x.WriteCOrder(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// text is a value as exchange.py has it.
func text(v any) any {
	switch v := v.(type) {
	case []any:
		list := []any{}
		for _, x := range v {
			list = append(list, text(x))
		}
		return list
	case float32:
		return fmt.Sprintf("f32:%08x", math.Float32bits(v))
	case float64:
		return fmt.Sprintf("f64:%016x", math.Float64bits(v))
	}
	return fmt.Sprint(v)
}

// packed is a string tensor as the file has it: each behind its length.
func packed(t testing.TB, x *tensorfile.Tensor) []byte {
	t.Helper()
	s, err := x.Strings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for i := range x.Shape()[0] {
		text, err := s.At(i)
		if err != nil {
			t.Fatal(err)
		}
		b = append(binary.LittleEndian.AppendUint64(b, uint64(len(text))), text...)
	}
	return b
}

// compare looks at a file beside what was made, and counts tensors and keys.
func compare(t testing.TB, path, manifest string) (tensors, keys int) {
	t.Helper()
	var want made
	b, err := os.ReadFile(manifest)
	if err == nil {
		err = json.Unmarshal(b, &want)
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := convert.Open(t.Context(), path, nil)
	if err != nil {
		t.Error(err)
		return 0, 0
	}
	defer f.Close()
	for x, err := range f.Tensors() {
		if err != nil {
			t.Fatal(err)
		}
		if w, ok := want.Long[x.Name()]; ok {
			kind, got := x.DType().String(), []byte(nil)
			if w[0] == "string" {
				kind, got = "string", packed(t, x)
			} else {
				got = elements(t, x)
			}
			if kind != w[0] || x.Shape()[0] != int64(w[1].(float64)) || sum(got) != w[2] {
				t.Errorf("%s: %q is %s %v, want %v", path, x.Name(), kind, x.Shape(), w)
			}
			continue
		}
		w, ok := want.Tensors[x.Name()]
		if !ok {
			t.Errorf("%s: %q was not made", path, x.Name())
			continue
		}
		tensors++
		if x.DType().String() != w[0] || strings.NewReplacer(" ", "", ",", "").Replace(fmt.Sprint(w[1])) != strings.NewReplacer(" ", "", "(", "[", ")", "]", ",", "").Replace(x.Shape().String()) {
			t.Errorf("%s: %q is %v %v, want %v", path, x.Name(), x.DType(), x.Shape(), w)
		}
		if sum(elements(t, x)) != w[2] {
			t.Errorf("%s: %q, %v, has other bytes", path, x.Name(), x.DType())
		}
	}
	if tensors != len(want.Tensors) {
		t.Errorf("%s: %d tensors, want %d", path, tensors, len(want.Tensors))
	}
	attrs, err := f.Attrs()
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, k := range want.Keys {
		types = append(types, fmt.Sprintf("%v %v", k[1], k[0]))
		if k[2] == nil {
			continue
		}
		keys++
		got, ok := attrs[k[0].(string)]
		if w, g := fmt.Sprintf("%q", k[2]), fmt.Sprintf("%q", text(got)); !ok || w != g {
			t.Errorf("%s: %v is %s, want %s", path, k[0], g, w)
		}
	}
	if got := attrs["source"].(map[string]any)["types"]; got != strings.Join(types, "\n") {
		t.Errorf("%s: types %q, want %q", path, got, types)
	}
	if len(attrs) != keys+1 {
		t.Errorf("%s: %d attributes, want %d", path, len(attrs), keys+1)
	}
	rep, err := f.Verify(t.Context(), nil)
	if err != nil || !rep.OK() {
		t.Errorf("%s: %v, %v", path, rep.Findings, err)
	}
	return tensors, keys
}

// exchange reads the files of dir and writes them anew into out, every other one
// by way of a native file.
func exchange(t *testing.T, dir, out string, least int) {
	files, err := filepath.Glob(filepath.Join(dir, "[gl]*.gguf"))
	if err != nil || len(files) < least {
		t.Fatal(files, err)
	}
	tensors, keys := 0, 0
	for i, path := range files {
		manifest := strings.TrimSuffix(path, ".gguf") + ".json"
		a, b := compare(t, path, manifest)
		tensors, keys = tensors+a, keys+b
		src := path
		var empty bool
		if f, err := convert.Open(t.Context(), path, nil); err == nil {
			n, _ := f.Len()
			empty = n == 0
			f.Close()
		}
		if empty {
			continue // a conversion wants something to convert
		}
		if i%2 == 1 {
			src = filepath.Join(out, "native.tensor")
			if _, err := convert.Files(t.Context(), []string{path}, src, &convert.Options{Overwrite: true}); err != nil {
				t.Fatal(err)
			}
		}
		again := filepath.Join(out, "out."+filepath.Base(path))
		r, err := convert.Files(t.Context(), []string{src}, again, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Losses) > 0 {
			t.Errorf("%s lost %q", path, r.Losses)
		}
		compare(t, again, manifest)
	}
	t.Logf("%d files, %d tensors, %d values", len(files), tensors, keys)
	if tensors < len(files) || keys < len(files) {
		t.Error("too few to mean anything")
	}
}

func TestKept(t *testing.T) { exchange(t, "testdata", t.TempDir(), 13) }

// TestInterop does with fresh files what TestKept does with those that are kept,
// and has the package read what was written.
func TestInterop(t *testing.T) {
	python := os.Getenv("TENSORFILE_PYTHON")
	if python == "" {
		t.Skip("TENSORFILE_PYTHON names no Python with gguf; make interop does")
	}
	seed, count := "20261121", 150
	if s := os.Getenv("TENSORFILE_SEED"); s != "" {
		seed = s
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
	run("write", seed, strconv.Itoa(count), dir)
	exchange(t, dir, dir, count)
	report := run("check", dir)
	t.Logf("seed %s: %s", seed, report)
	var n int
	if _, err := fmt.Sscanf(report, "compared %d", &n); err != nil || n < count*3/4 {
		t.Errorf("%q, %v", report, err)
	}
}

// A model that was split is read whole by any part, and not by one alone.
func TestSplit(t *testing.T) {
	for part := 1; part <= 3; part++ {
		f, err := convert.Open(t.Context(), filepath.Join("testdata", fmt.Sprintf("split-%05d-of-00003.gguf", part)), nil)
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		for x, err := range f.Tensors() {
			if err != nil {
				t.Fatal(err)
			}
			v, err := x.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for k := range int64(4) {
				if got, err := v.Float64At(k/2, k%2); err != nil || got != 1.5*float64(int64(i)+k) {
					t.Errorf("%s[%d]: %v, %v", x.Name(), k, got, err)
				}
			}
			if x.Name() != fmt.Sprintf("t%d", i) {
				t.Errorf("tensor %d is %s", i, x.Name())
			}
			i++
		}
		a, err := f.Attrs()
		if err != nil || i != 5 || a["general.architecture"] != "llama" || a["split.count"] != nil {
			t.Errorf("part %d: %d tensors, %v, %v", part, i, a, err)
		}
		f.Close()
	}
	dir := t.TempDir()
	b, err := os.ReadFile(filepath.Join("testdata", "split-00002-of-00003.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	for name, says := range map[string]string{"split-00002-of-00003.gguf": "part 2 of 3, but not part 1", "other.gguf": "part 2 of 3 alone", "split-00001-of-00003.gguf": "part 2 of 3 alone"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if f, err := convert.Open(t.Context(), path, nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, %v", name, f, err)
		}
		os.Remove(path)
	}
}

// Attributes whose types nobody says, and what cannot be a value.
func TestAttributes(t *testing.T) {
	dir := t.TempDir()
	path, out := filepath.Join(dir, "a.tensor"), filepath.Join(dir, "a.gguf")
	w, err := tensorfile.Create(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	v, err := tensor.FromSlice([]float32{1, 2, 3}, 3)
	if err == nil {
		err = w.SetAttrs(tensorfile.Attrs{"general.architecture": "test", "n": 7, "minus": -7, "big": int64(1) << 40, "huge": uint64(1) << 63, "f": 0.1, "half": float32(0.1), "yes": true,
			"names": []string{"a", "b"}, "mixed": []any{int64(1), int64(-1)}, "odd": []any{int64(1), "x"}, "deep": map[string]any{"a": int64(1)}, "none": []any{}})
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
	if got := strings.Join(r.Losses, "\n"); got != "the file's attribute \"deep\": no number, bool, string or list of these\nthe file's attribute \"odd\": a list whose items are of different types" {
		t.Errorf("%s", got)
	}
	f, err := convert.Open(t.Context(), out, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a, err := f.Attrs()
	if err != nil {
		t.Fatal(err)
	}
	want := "i64 big\nf64 f\nstring general.architecture\nf32 half\nu64 huge\ni32 minus\ni64[] mixed\nu32 n\nstring[] names\nstring[] none\nbool yes"
	if got := a["source"].(map[string]any)["types"]; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if fmt.Sprint(a["names"], a["mixed"], a["minus"], a["huge"], a["half"], a["f"]) != "[a b] [1 -1] -7 9223372036854775808 0.1 0.1" {
		t.Errorf("%v", a)
	}
}
