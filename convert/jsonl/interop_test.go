package jsonl_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/csv"
	"github.com/tensorfile/tensorfile/tensor"
)

// elements are those of x as Python's script has them: floats as hex.
func elements(t testing.TB, x *tensorfile.Tensor) (dtype string, list []string) {
	t.Helper()
	if _, _, ok := x.Composite(); ok {
		return "text", stringsOf(t, x)
	}
	v, err := x.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.Bytes()
	if err == nil {
		v, err = tensor.NewView(b, x.DType(), tensor.Shape{v.NumElements()}, nil, 0, v.Order())
	}
	for i := range v.NumElements() {
		if err != nil {
			t.Fatal(err)
		}
		var s string
		switch x.DType() {
		case tensor.Bool:
			s = strconv.FormatBool(b[i] != 0)
		case tensor.I64:
			var y int64
			y, err = tensor.ReadElem[int64](v, i)
			s = strconv.FormatInt(y, 10)
		case tensor.U64:
			var y uint64
			y, err = tensor.ReadElem[uint64](v, i)
			s = strconv.FormatUint(y, 10)
		default:
			var y float64
			y, err = tensor.ReadElem[float64](v, i)
			s = strings.ToLower(strconv.FormatFloat(y, 'g', -1, 64))
		}
		list = append(list, s)
	}
	return x.DType().String(), list
}

// TestInterop exchanges random tables with Python: of the csv module with all
// ways to quote, of numpy.savetxt, of the json module; and all that was read is
// written anew and read by these, numpy.loadtxt and genfromtxt. "make interop"
// sets TENSORFILE_PYTHON; TENSORFILE_SEED makes other tables.
func TestInterop(t *testing.T) {
	python := os.Getenv("TENSORFILE_PYTHON")
	if python == "" {
		t.Skip("TENSORFILE_PYTHON names no Python; make interop does")
	}
	seed, count := "20261121", 600
	if s := os.Getenv("TENSORFILE_SEED"); s != "" {
		seed = s
	}
	dir := t.TempDir()
	run := func(verb string) string {
		t.Helper()
		script := filepath.Join("..", "..", "testdata", "interop", "tables_interop.py")
		b, err := exec.Command(python, "-B", script, verb, seed, strconv.Itoa(count), dir).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		return string(b)
	}
	run("write")
	b, err := os.ReadFile(filepath.Join(dir, "expect.json"))
	if err != nil {
		t.Fatal(err)
	}
	var expect []struct {
		File    string
		Tensors []struct {
			Name, DType string
			Shape       tensor.Shape
			Values      []string
		}
	}
	if err := json.Unmarshal(b, &expect); err != nil || len(expect) != count {
		t.Fatalf("%d files, %v", len(expect), err)
	}
	formats, values := map[string]int{}, 0
	for _, e := range expect {
		f, err := convert.Open(t.Context(), filepath.Join(dir, e.File), nil)
		if err != nil {
			t.Fatal(err)
		}
		var src []convert.Source
		for _, w := range e.Tensors {
			x, err := f.Tensor(w.Name)
			if err != nil {
				t.Fatalf("%s: %v", e.File, err)
			}
			src = append(src, convert.Source{Tensor: x, As: w.Name})
			dtype, got := elements(t, x)
			want := w.Values
			if w.DType == "f64" {
				want = slices.Clone(want)
				for i, s := range want {
					if y, err := strconv.ParseFloat(s, 64); err == nil || strings.HasPrefix(s, "-0x0.0p") {
						want[i] = strings.ToLower(strconv.FormatFloat(y, 'g', -1, 64))
					}
				}
			}
			if dtype != w.DType || !x.Shape().Equal(w.Shape) || !slices.Equal(got, want) {
				t.Fatalf("%s, %s: %s %v, want %s %v\n%.300q\n%.300q", e.File, w.Name, dtype, x.Shape(), w.DType, w.Shape, fmt.Sprint(got), fmt.Sprint(want))
			}
			values += len(got)
		}
		if n, err := f.Len(); err != nil || n != len(e.Tensors) {
			t.Errorf("%s: %d tensors, want %d", e.File, n, len(e.Tensors))
		}
		format, _ := convert.ByExtension(e.File)
		formats[format.Name]++
		var out bytes.Buffer
		if err := format.Write(context.Background(), &out, src, nil); err != nil {
			t.Fatal(err)
		}
		f.Close()
		if err := os.WriteFile(filepath.Join(dir, "out."+e.File), out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	report := strings.TrimSpace(run("check"))
	t.Logf("seed %s: %v, %d values; Python %s", seed, formats, values, report)
	if !strings.HasPrefix(report, fmt.Sprintf("compared %d files", count)) || values < 500_000 || formats["csv"] < 200 || formats["tsv"] < 50 || formats["jsonl"] < 100 {
		t.Error("too few")
	}
}
