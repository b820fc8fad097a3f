package tensorfile_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/npy"
	"github.com/tensorfile/tensorfile/ragged"
	"github.com/tensorfile/tensorfile/tensor"
)

// TestInteropAwkward exchanges rows and strings with Awkward Array: its buffers
// become files, which the reader of the specification reads as the same lists,
// and Awkward as the same array. "make interop" sets TENSORFILE_PYTHON.
func TestInteropAwkward(t *testing.T) {
	python := os.Getenv("TENSORFILE_PYTHON")
	if python == "" {
		t.Skip("TENSORFILE_PYTHON names no Python with Awkward Array; make interop does")
	}
	seed, count := "20261121", 300
	if s := os.Getenv("TENSORFILE_SEED"); s != "" {
		seed = s
	}
	t.Logf("seed %s, %d arrays", seed, count)
	dir := t.TempDir()
	run := func(verb string) {
		t.Helper()
		script := filepath.Join("testdata", "interop", "ragged_interop.py")
		if b, err := exec.Command(python, "-B", script, verb, seed, strconv.Itoa(count), dir).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
	}
	array := func(i int, what string) tensor.View {
		f := must(convert.Open(ctx, filepath.Join(dir, fmt.Sprintf("%d.%s.npy", i, what)), nil))(t)
		t.Cleanup(func() { f.Close() })
		return must(must(f.Tensor(fmt.Sprintf("%d.%s", i, what)))(t).Read(ctx))(t)
	}
	run("write")
	for i := range count {
		w := must(tensorfile.Create(filepath.Join(dir, fmt.Sprintf("%d.tensor", i)), &tensorfile.CreateOptions{NoSync: true}))(t)
		var o *tensorfile.TensorOptions
		if i%2 == 0 {
			o = &tensorfile.TensorOptions{Chunk: tensor.Shape{5}, Codec: "zstd"}
		}
		offsets, content := array(i, "offsets"), array(i, "content")
		n := offsets.Shape()[0] - 1
		from, to := n/3, min(2*n/3+1, n)
		if i%3 == 2 {
			s := must(ragged.NewStrings(offsets, content, nil))(t)
			ok(t, w.AddStrings(ctx, "whole", s, o))
			ok(t, w.AddStrings(ctx, "part", must(s.Slice(from, to))(t), o))
		} else {
			a := must(ragged.New(offsets, content, -1))(t)
			ok(t, w.AddRagged(ctx, "whole", a, o))
			ok(t, w.AddRagged(ctx, "part", must(a.Slice(from, to))(t), o))
			ok(t, w.Add(ctx, "dense", must(a.Dense(ctx, &ragged.DenseOptions{Fill: must(must(tensor.FromSlice([]int8{1}))(t).Index(0, 0))(t)}))(t), nil))
		}
		ok(t, w.Commit(ctx))
		ok(t, w.Close())
	}
	run("check")
}
