package tensorfile_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/tensor"
)

// TestInteropQuantised has the reader of the specification make numbers of
// quantised tensors of any scheme, shape and chunks: the same ones, bit for bit.
func TestInteropQuantised(t *testing.T) {
	python := os.Getenv("TENSORFILE_PYTHON")
	if python == "" {
		t.Skip("TENSORFILE_PYTHON names no Python with NumPy and ml_dtypes; make interop does")
	}
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	schemes := []string{"i8", "i8:axis=0", "i8:zeros,group=7", "i4:group=32", "u4:group=5,scales=f16", "u8:axis=-1,scales=bf16", "mxfp4", "mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e2m3", "mxfp6_e3m2", "mxint8", "f8_e4m3fn:group=3"}
	path := filepath.Join(t.TempDir(), "q.tensor")
	w := must(tensorfile.Create(path, nil))(t)
	const count = 200
	for i := range count {
		shape := make(tensor.Shape, 1+r.IntN(3))
		for k := range shape {
			shape[k] = 1 + r.Int64N(40)
		}
		d := []tensor.DType{tensor.F32, tensor.F16, tensor.BF16, tensor.F64}[r.IntN(4)]
		v := must(weights(t, r.Uint64(), shape...).Cast(d))(t)
		a := must(quant.Quantise(ctx, v, must(quant.ParseScheme(schemes[i%len(schemes)]))(t), 0))(t)
		var o *tensorfile.TensorOptions
		if i%2 == 0 {
			o = &tensorfile.TensorOptions{Chunk: tensor.Shape{5}, Codec: "zstd"}
		}
		ok(t, w.AddQuantised(ctx, fmt.Sprintf("q/%d", i), a, o))
		ok(t, w.Add(ctx, fmt.Sprintf("d/%d", i), must(a.Dequantise(ctx, d))(t), nil))
	}
	ok(t, w.Commit(ctx))
	b, err := exec.Command(python, "-B", filepath.Join("testdata", "interop", "quantised_interop.py"), path).CombinedOutput()
	if err != nil {
		t.Fatalf("seed %d: %v\n%s", seed, err, b)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	t.Logf("seed %d: %d tensors", seed, n)
	if err != nil || n != count {
		t.Errorf("%q, want %d", b, count)
	}
}
