package torch_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/torch"
	"github.com/tensorfile/tensorfile/tensor"
)

// made is what gen_torch.py says of a file.
type made struct {
	Tensors map[string][6]any // dtype, shape, strides, offset, storage, SHA-256
	Values  map[string]any
}

func elements(t testing.TB, x *tensorfile.Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := x.WriteCOrder(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func numbers(v any, times int64) []int64 {
	list := []int64{}
	for _, x := range v.([]any) {
		list = append(list, int64(x.(float64))*times)
	}
	return list
}

// compare looks at the file at path beside what was made, and returns how many
// tensors there are, and how many of them share bytes with another.
func compare(t testing.TB, path string) (n, shared int) {
	t.Helper()
	var want made
	b, err := os.ReadFile(strings.TrimSuffix(path, ".pt") + ".json")
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(b))
		err = d.Decode(&want)
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := convert.Open(context.Background(), path, nil)
	if err != nil {
		t.Error(err)
		return 0, 0
	}
	defer f.Close()
	storages := map[any]uint64{}
	for x, err := range f.Tensors() {
		if err != nil {
			t.Fatal(err)
		}
		n++
		w, ok := want.Tensors[x.Name()]
		if !ok {
			t.Errorf("%s: %q was not made", path, x.Name())
			continue
		}
		if x.DType().String() != w[0] || fmt.Sprint([]int64(x.Shape())) != fmt.Sprint(numbers(w[1], 1)) {
			t.Errorf("%s: %q is %v %v, want %v", path, x.Name(), x.DType(), x.Shape(), w)
			continue
		}
		if sum := sha256.Sum256(elements(t, x)); hex.EncodeToString(sum[:]) != w[5] {
			t.Errorf("%s: %q has other elements", path, x.Name())
		}
		if x.NumElements() == 0 {
			continue
		}
		width := int64(x.DType().UnitBytes)
		if fmt.Sprint([]int64(x.Strides())) != fmt.Sprint(numbers(w[2], width)) || x.Offset() != int64(w[3].(float64))*width {
			t.Errorf("%s: %q has strides %v from %d, want %v from %v elements", path, x.Name(), x.Strides(), x.Offset(), w[2], w[3])
		}
		if id, ok := storages[w[4]]; ok {
			shared++
			if id != x.Storage().ID {
				t.Errorf("%s: %q has a storage of its own", path, x.Name())
			}
		}
		storages[w[4]] = x.Storage().ID
		if _, err := x.View(); err != nil {
			t.Errorf("%s: %q is no view: %v", path, x.Name(), err)
		}
	}
	if n != len(want.Tensors) {
		t.Errorf("%s: %d tensors, want %d", path, n, len(want.Tensors))
	}
	attrs, err := f.Attrs()
	if err != nil || len(attrs) != len(want.Values) {
		t.Errorf("%s: %d plain values, want %d, %v", path, len(attrs), len(want.Values), err)
	}
	for k, w := range want.Values {
		got := attrs[k]
		if i, ok := got.(int64); ok {
			got = float64(i) // as JSON has it in Go
		}
		if got != w {
			t.Errorf("%s: %q is %v, want %v", path, k, got, w)
		}
	}
	rep, err := f.Verify(context.Background(), nil)
	if err != nil || !rep.OK() {
		t.Errorf("%s: %v, %v", path, rep.Findings, err)
	}
	return n, shared
}

func TestKept(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.pt"))
	if err != nil || len(files) < 15 {
		t.Fatal(files, err)
	}
	n, shared := 0, 0
	for _, path := range files {
		a, b := compare(t, path)
		n, shared = n+a, shared+b
	}
	t.Logf("%d files, %d tensors, %d of them views of another's bytes", len(files), n, shared)
	if n < 80 || shared < 20 {
		t.Error("too few to mean anything")
	}
}

// TestFullInterop does with fresh files what TestKept does with those that are
// kept. "make interop-full" sets TENSORFILE_TORCH; TENSORFILE_SEED makes others.
func TestFullInterop(t *testing.T) {
	python := os.Getenv("TENSORFILE_TORCH")
	if python == "" {
		t.Skip("TENSORFILE_TORCH names no Python with PyTorch; make interop-full does")
	}
	seed := os.Getenv("TENSORFILE_SEED")
	if seed == "" {
		seed = "20261121"
	}
	const count = 1000
	dir := t.TempDir()
	out, err := exec.Command(python, "-B", "-W", "ignore", filepath.Join("testdata", "gen_torch.py"), "write", seed, fmt.Sprint(count), dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	n, shared := 0, 0
	for i := range count {
		a, b := compare(t, filepath.Join(dir, fmt.Sprintf("t%d.pt", i)))
		n, shared = n+a, shared+b
	}
	t.Logf("seed %s, %s: %d files, %d tensors, %d of them views of another's bytes", seed, strings.TrimSpace(string(out)), count, n, shared)
	if n < 2*count || shared < count {
		t.Error("too few to mean anything")
	}
}

// To a native file and back nothing changes: strides and tied weights are kept.
func TestToNative(t *testing.T) {
	for _, name := range []string{"checkpoint.pt", "views.pt", "dtypes.pt"} {
		src, out := filepath.Join("testdata", name), filepath.Join(t.TempDir(), "a.tensor")
		if _, err := convert.Files(t.Context(), []string{src}, out, nil); err != nil {
			t.Fatal(err)
		}
		f, err := convert.Open(t.Context(), src, nil)
		if err != nil {
			t.Fatal(err)
		}
		g, err := convert.Open(t.Context(), out, nil)
		if err != nil {
			t.Fatal(err)
		}
		for x, err := range f.Tensors() {
			if err != nil {
				t.Fatal(err)
			}
			y, err := g.Tensor(x.Name())
			if err != nil {
				t.Fatal(err)
			}
			if x.NumElements() > 0 && fmt.Sprint(x.Strides()) != fmt.Sprint(y.Strides()) || !bytes.Equal(elements(t, x), elements(t, y)) {
				t.Errorf("%s: %q changed", name, x.Name())
			}
		}
		h, err := f.Hash(t.Context(), nil)
		if again, err2 := g.Hash(t.Context(), nil); err != nil || err2 != nil || h != again {
			t.Errorf("%s: hash %v, then %v, %v, %v", name, h, again, err, err2)
		}
		f.Close()
		g.Close()
	}
	f, err := convert.Open(t.Context(), filepath.Join("testdata", "state.pth.pt"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, err1 := f.Tensor("embed.weight")
	y, err2 := f.Tensor("head.weight")
	if err1 != nil || err2 != nil || x.Storage().ID != y.Storage().ID {
		t.Errorf("weights that were tied: %v, %v", err1, err2)
	}
}

// What is on no list is refused by name, and what stands beside it is read.
func TestPartly(t *testing.T) {
	for name, says := range map[string]string{
		"partly.pth": "a call of torch._utils._rebuild_sparse_tensor",
		"module.pth": "a call of torch.nn.modules.linear.Linear",
		"legacy.pth": "torch.save(torch.load(old, weights_only=True), new)",
		"script.pth": "got TorchScript",
	} {
		f, err := convert.Open(t.Context(), filepath.Join("testdata", name), nil)
		if err == nil {
			f.Close()
		}
		if !errors.Is(err, tensorfile.ErrUnsupported) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	o := &convert.OpenOptions{}
	o.SkipBad = true
	f, err := convert.Open(t.Context(), filepath.Join("testdata", "partly.pth"), o)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, err := f.Tensor("good")
	if err != nil || !x.Shape().Equal(tensor.Shape{2, 3, 4}) || len(f.Layout().Skipped) != 2 {
		t.Errorf("%v, skipped %v, %v", x, f.Layout().Skipped, err)
	}
}
