package tensorfile_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/tensor"
)

// weights are numbers without a period.
func weights(t testing.TB, seed uint64, shape ...int64) tensor.View {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 3))
	v := must(tensor.Make(tensor.F32, shape))(t)
	for i := range must(tensor.Data[float32](v))(t) {
		must(tensor.Data[float32](v))(t)[i] = float32(r.NormFloat64() * math.Pow(2, float64(i%7)))
	}
	return v
}

func quantised(t testing.TB, v tensor.View, scheme string) *quant.Array {
	t.Helper()
	return must(quant.Quantise(t.Context(), v, must(quant.ParseScheme(scheme))(t), 0))(t)
}

func selected(t testing.TB, text string) tensor.Selection {
	t.Helper()
	return must(tensor.ParseSelection(text))(t)
}

// Whatever the scheme and however it is stored, what is read is what the array
// in memory holds, whole or in part.
func TestQuantisedFiles(t *testing.T) {
	sources := map[string]tensor.View{"a": weights(t, 1, 70, 333), "b": weights(t, 2, 5, 9, 40), "c": weights(t, 3, 1000)}
	selections := map[string][]string{
		"a": {"", "3", "10:61", "::7,::5", "::-1,::-3", "4:9,100:233", "...,-1", "5:5"},
		"b": {"", "1:4", ":,::-2", "-1,2:5,7:33", ":,:,3"},
		"c": {"", "17", "1:999:13", "::-1", "newaxis,3:800"},
	}
	schemes := []string{"i8", "i8:axis=0", "i8:zeros,group=7", "i4:group=32", "u4:group=30,scales=f16", "mxfp4", "mxfp8_e4m3", "mxfp6_e2m3", "mxint8", "f8_e5m2:axis=-1"}
	if raceBuild {
		schemes = schemes[2:4]
	}
	stored := map[string]*tensorfile.TensorOptions{
		"plain":  nil,
		"chunks": {Chunk: tensor.Shape{3}, Codec: "fast"},
		"auto":   {Codec: "auto"},
	}
	path := filepath.Join(t.TempDir(), "quantised.tensor")
	w := must(tensorfile.Create(path, nil))(t)
	arrays := map[string]*quant.Array{}
	for how, o := range stored {
		for source, v := range sources {
			for _, s := range schemes {
				a := quantised(t, v, s)
				name := fmt.Sprintf("%s/%s/%s", source, how, s)
				ok(t, w.AddQuantised(t.Context(), name, a, o))
				arrays[name] = a
			}
		}
	}
	ok(t, w.Commit(t.Context()))
	reads := 0
	for _, o := range []*tensorfile.OpenOptions{nil, {NoMmap: true}, {ReadWorkers: 1}} {
		f := must(tensorfile.Open(path, o))(t)
		for name, a := range arrays {
			x := must(f.Tensor(name))(t)
			back := must(x.Quantised(t.Context()))(t)
			for _, d := range []tensor.DType{tensor.F32, tensor.BF16} {
				for _, text := range selections[name[:1]] {
					sel := selected(t, text)
					want := must(a.Dequantise(t.Context(), d, sel))(t)
					got, err := x.Dequantise(t.Context(), d, sel)
					if err != nil {
						t.Fatalf("%s [%s]: %v", name, text, err)
					}
					if same, err := tensor.Equal(got, want); err != nil || !same {
						t.Fatalf("%s [%s] as %v: differs: %v", name, text, d, err)
					}
					if got = must(back.Dequantise(t.Context(), d, sel))(t); !must(tensor.Equal(got, want))(t) {
						t.Fatalf("%s [%s] as %v, parts in memory: differs", name, text, d)
					}
					reads++
				}
			}
		}
		if r := must(f.Verify(t.Context(), nil))(t); len(r.Findings) != 0 {
			t.Errorf("found %v", r.Findings)
		}
		f.Close()
	}
	t.Logf("%d tensors, %d reads", len(arrays), reads)
	if !raceBuild && reads < 3000 {
		t.Errorf("%d reads", reads)
	}
}

// A selection decodes the chunks that it touches, and scales once.
func TestQuantisedReadsChunks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "q.tensor")
	w := must(tensorfile.Create(path, nil))(t)
	v := weights(t, 4, 640, 512)
	r := rand.New(rand.NewPCG(4, 4))
	for i := range must(tensor.Data[float32](v))(t) { // what a codec makes smaller
		must(tensor.Data[float32](v))(t)[i] = float32(r.IntN(3) * (1 + i/512%5))
	}
	for _, scheme := range []string{"i8:axis=0", "i8:group=64"} {
		// Values in chunks of 10 rows, scales in chunks of 40.
		a := quantised(t, v, scheme)
		c := tensorfile.Composite{Layout: format.LayoutQuantised, DType: tensor.F32, Shape: v.Shape(), Parts: parts{
			{Role: "values", View: a.Values(), Options: &tensorfile.TensorOptions{Codec: "zstd", Chunk: tensor.Shape{10, 512}}},
			{Role: "scales", View: a.Scales(), Options: &tensorfile.TensorOptions{Codec: "zstd", Chunk: tensor.Shape{40, a.Scales().Shape()[1]}}},
			{Role: "group", View: vec(t, nil, uint32(a.Group()[0]), uint32(a.Group()[1]))},
		}}
		ok(t, w.AddComposite(t.Context(), scheme, c, nil))
	}
	ok(t, w.Commit(t.Context()))
	for _, scheme := range []string{"i8:axis=0", "i8:group=64"} {
		for text, want := range map[string]int64{"": 64 + 16, "0": 2, "5:25": 3 + 1, "35:45": 2 + 2, "::100": 7 + 16, ":,3:7": 64 + 16, "600:": 4 + 1} {
			f := must(tensorfile.Open(path, nil))(t)
			x := must(f.Tensor(scheme))(t)
			must(x.Dequantise(t.Context(), tensor.F32, selected(t, text)))(t)
			if n := f.ChunksDecoded(); n != want {
				t.Errorf("%s [%s]: %d chunks decoded, want %d", scheme, text, n, want)
			}
			f.Close()
		}
	}
}

// Scales that are quantised themselves, and what is refused.
func TestQuantisedParts(t *testing.T) {
	v := weights(t, 5, 8, 64)
	a := quantised(t, v, "i4:group=32")
	inner := quantised(t, a.Scales(), "u8:axis=0")
	group := vec(t, nil, uint32(1), uint32(2))
	scales := &tensorfile.Composite{Layout: format.LayoutQuantised, DType: tensor.F32, Shape: a.Scales().Shape(), Parts: parts{
		{Role: "values", View: inner.Values()}, {Role: "scales", View: inner.Scales()}, {Role: "zeros", View: must(zerosOf(inner))(t)}, {Role: "group", View: group}}}
	path := filepath.Join(t.TempDir(), "q.tensor")
	w := must(tensorfile.Create(path, nil))(t)
	ok(t, w.AddComposite(t.Context(), "double", tensorfile.Composite{Layout: format.LayoutQuantised, DType: tensor.F32, Shape: v.Shape(), Parts: parts{
		{Role: "values", View: a.Values()}, {Role: "scales", Composite: scales}, {Role: "group", View: vec(t, nil, uint32(1), uint32(32))}}}, nil))
	ok(t, w.Add(t.Context(), "dense", v, nil))
	ok(t, w.AddQuantised(t.Context(), "scalar", quantised(t, must(must(v.Index(0, 0))(t).Index(0, 0))(t), "i8"), nil))
	ok(t, w.AddQuantised(t.Context(), "empty", quantised(t, must(tensor.Make(tensor.F32, tensor.Shape{0, 3}))(t), "i8:axis=0"), nil))
	shifted := must(quant.New(quant.Spec{DType: tensor.F32, Values: must(tensor.Make(tensor.I8, tensor.Shape{3}))(t), Scales: vec(t, nil, float32(1), 1), Group: []int64{2}, First: []int64{1}}))(t)
	if err := w.AddQuantised(t.Context(), "shifted", shifted, nil); !errors.Is(err, tensorfile.ErrUnsupported) {
		t.Errorf("a part of a group: %v", err)
	}
	ok(t, w.Commit(t.Context()))
	f := must(tensorfile.Open(path, nil))(t)
	defer f.Close()
	x := must(f.Tensor("double"))(t)
	want := must(must(quant.New(quant.Spec{DType: tensor.F32, Values: a.Values(), Scales: must(inner.Dequantise(t.Context(), tensor.F32))(t), Group: a.Group()}))(t).Dequantise(t.Context(), tensor.F32))(t)
	if got := must(x.Dequantise(t.Context(), tensor.F32))(t); !must(tensor.Equal(got, want))(t) {
		t.Error("double: differs")
	}
	if got := must(must(x.Quantised(t.Context()))(t).Dequantise(t.Context(), tensor.F32))(t); !must(tensor.Equal(got, want))(t) {
		t.Error("double, in memory: differs")
	}
	for _, name := range []string{"scalar", "empty"} {
		y := must(f.Tensor(name))(t)
		if got := must(y.Dequantise(t.Context(), tensor.F64))(t); !got.Shape().Equal(y.Shape()) {
			t.Errorf("%s: %v", name, got)
		}
	}
	dense := must(f.Tensor("dense"))(t)
	if _, err := dense.Dequantise(t.Context(), tensor.F32); !errors.Is(err, tensorfile.ErrUnsupported) {
		t.Errorf("dense: %v", err)
	}
	if _, err := dense.Quantised(t.Context()); !errors.Is(err, tensorfile.ErrUnsupported) {
		t.Errorf("dense: %v", err)
	}
	for what, run := range map[string]func() error{
		"packed": func() error { _, err := x.Dequantise(t.Context(), tensor.I4); return err },
		"shape":  func() error { return x.DequantiseInto(t.Context(), must(tensor.Make(tensor.F32, tensor.Shape{3}))(t)) },
		"index":  func() error { _, err := x.Dequantise(t.Context(), tensor.F32, selected(t, "8")); return err },
		"twice":  func() error { _, err := x.Dequantise(t.Context(), tensor.F32, nil, nil); return err },
	} {
		if err := run(); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	small := must(tensorfile.Open(path, &tensorfile.OpenOptions{MaxBytes: 1000}))(t)
	defer small.Close()
	if _, err := must(small.Tensor("double"))(t).Dequantise(t.Context(), tensor.F32); !errors.Is(err, tensorfile.ErrLimit) {
		t.Errorf("MaxBytes: %v", err)
	}
}

func zerosOf(a *quant.Array) (tensor.View, error) {
	z, ok := a.Zeros()
	if !ok {
		return z, errors.New("no zero points")
	}
	return z, nil
}
