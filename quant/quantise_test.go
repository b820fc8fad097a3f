package quant

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// bound is the table of Scheme: what an element may be off, in scales.
func bound(s Scheme) float64 {
	off := map[tensor.DType][2]float64{
		tensor.I4: {0.5}, tensor.U4: {0.5}, tensor.U8: {0.5}, tensor.I8: {0.5, 1},
		tensor.F4E2M1: {1, 2}, tensor.F6E2M3: {0.25, 0.5}, tensor.F6E3M2: {2, 4},
		tensor.F8E4M3FN: {16, 64}, tensor.F8E5M2: {4096, 8192}, tensor.F8E4M3FNUZ: {8}, tensor.F8E5M2FNUZ: {4096},
	}[s.Values]
	if s.Rule == MX {
		return off[1]
	}
	return off[0]
}

// anyScheme is one that Quantise knows.
func anyScheme(r *rand.Rand, shape tensor.Shape) Scheme {
	for {
		s := Scheme{Values: types[r.IntN(len(types))].dtype, Rule: Rule(r.IntN(3))}
		if s.Rule != MX {
			s.Scales = []tensor.DType{{}, tensor.F32, tensor.F16, tensor.BF16, tensor.F64}[r.IntN(5)]
		}
		switch r.IntN(4) {
		case 0:
			for range r.IntN(len(shape) + 1) {
				s.Block = append(s.Block, 1+r.Int64N(70))
			}
		case 1:
			if len(shape) > 0 {
				s.Axes = []int{r.IntN(2*len(shape)) - len(shape)}
				if len(shape) > 2 && s.Axes[0] > 0 {
					s.Axes = append(s.Axes, 0)
				}
			}
		case 2:
			if len(shape) > 0 {
				s.Block, s.Axes = []int64{32}, []int{r.IntN(len(shape))}
			}
		}
		if len(shape) == 0 && (s.Values.Packed() || s.Rule == MX && s.Block == nil) {
			continue
		}
		if s.Check() == nil {
			return s
		}
	}
}

// What comes back is off by no more than Scheme says, whatever the scheme and
// the numbers, and is the same for any number of workers; a scheme is read from
// its own text.
func TestRoundTripBounds(t *testing.T) {
	shapes := 2000
	if testing.Short() {
		shapes = 300
	}
	r := rand.New(rand.NewPCG(41, 42))
	elements, far := 0, map[string]float64{}
	for range shapes {
		shape := make(tensor.Shape, r.IntN(5))
		for k := range shape {
			shape[k] = int64(r.IntN([]int{0, 1000, 60, 14, 7}[len(shape)]))
		}
		s := anyScheme(r, shape)
		x := make([]float32, must(shape.NumElements())(t))
		width, shift := math.Pow(2, float64(r.IntN(22)-9)), float64(r.IntN(7)-3)
		for k := range x {
			if r.IntN(10) > 0 {
				x[k] = float32((r.NormFloat64() + shift) * width)
			}
		}
		v := must(tensor.Make(tensor.F32, shape))(t)
		if len(x) > 0 {
			v = must(over(x, shape))(t)
		}
		if len(shape) == 0 && len(s.Block) > 0 {
			s.Block = nil
		}
		a, err := Quantise(t.Context(), v, s, 3)
		if err != nil {
			t.Fatalf("%v of %v: %v", s, shape, err)
		}
		one := must(Quantise(t.Context(), v, s, 1))(t)
		if same, err := tensor.Equal(one.Values(), a.Values()); err != nil || !same {
			t.Fatalf("%v of %v: one worker makes other values: %v", s, shape, err)
		}
		if same, err := tensor.Equal(one.Scales(), a.Scales()); err != nil || !same {
			t.Fatalf("%v of %v: one worker makes other scales: %v", s, shape, err)
		}
		again, err := ParseScheme(s.String())
		if err != nil || again.String() != s.String() {
			t.Fatalf("%q is read as %q: %v", s, again, err)
		}
		back := must(a.Dequantise(t.Context(), tensor.F64))(t)
		if len(x) == 0 {
			continue
		}
		scales := must(spreadScales(a).Cast(tensor.F64))(t)
		got, step := must(tensor.Data[float64](back))(t), must(tensor.Data[float64](scales))(t)
		elements += len(x)
		for k, v := range x {
			off := math.Abs(got[k]-float64(v)) / step[k]
			name := s.Values.String() + " " + string("amx"[s.Rule])
			far[name] = max(far[name], off/bound(s))
			if off > bound(s)*(1+0x1p-14) {
				t.Fatalf("%v of %v: element %d is %v, comes back as %v: %v scales of %v away", s, shape, k, v, got[k], off, step[k])
			}
		}
	}
	t.Logf("%d arrays, %d elements; the farthest of each type as a part of the bound: %.3v", shapes, elements, far)
	for name, x := range far {
		if x < 0.9 && !testing.Short() {
			t.Errorf("%s: the bound is never met: %v", name, x)
		}
	}
}

// spreadScales is the scale of each element.
func spreadScales(a *Array) tensor.View {
	ones, err := tensor.Make(tensor.F32, a.Shape())
	if err != nil {
		panic(err)
	}
	list, _ := tensor.Data[float32](ones)
	for i := range list {
		list[i] = 1
	}
	x, err := New(Spec{DType: tensor.F32, Values: ones, Scales: a.Scales(), Group: a.Group()})
	if err == nil {
		ones, err = x.Dequantise(context.Background(), tensor.F32)
	}
	if err != nil {
		panic(err)
	}
	return ones
}

// Groups without a number other than 0, scales at the ends of their range, and
// what is not finite.
func TestQuantiseCorners(t *testing.T) {
	row := func(x ...float32) tensor.View { return must(tensor.FromSlice(x))(t) }
	for _, x := range []struct {
		name, scheme  string
		v             tensor.View
		scales, wants []float32
	}{
		{"zeros", "i8", row(0, 0, 0), []float32{1}, []float32{0, 0, 0}},
		{"zeros with zero points", "u8", row(0, 0), []float32{1}, []float32{0, 0}},
		{"zeros by mx", "mxfp4", row(0, 0), []float32{0x1p-127}, []float32{0, 0}},
		{"0 comes back as 0", "u4:group=4", row(1, 0, 3, 15), []float32{1}, []float32{1, 0, 3, 15}},
		{"all above 0", "u4:group=4", row(30, 15, 29, 30), []float32{2}, []float32{30, 16, 28, 30}},
		{"all below 0", "i8:zeros", row(-255, -128, -3), []float32{1}, []float32{-255, -128, -3}},
		{"half way to even", "i8", row(127, 0.5, 1.5, 2.5, -0.5, -3.5), []float32{1}, []float32{127, 0, 2, 2, 0, -4}},
		{"scale too small", "i8:scales=f16", row(1e-30, -1e-31), []float32{0x1p-24}, []float32{0, 0}},
		{"scale too large", "i8:scales=f16", row(1e30, -1e30, 1), []float32{65504}, []float32{127 * 65504, -127 * 65504, 0}},
		{"scale below the least f32", "i8", row(math.SmallestNonzeroFloat32, 0), []float32{math.SmallestNonzeroFloat32}, []float32{math.SmallestNonzeroFloat32, 0}},
		{"scale is rounded up", "i8:scales=bf16", row(127*1.001, -127), []float32{1.0078125}, []float32{126 * 1.0078125, -126 * 1.0078125}},
		{"largest", "mxfp8_e4m3", row(math.MaxFloat32), []float32{0x1p119}, []float32{448 * 0x1p119}},
		{"beyond the largest of f4", "mxfp4", row(4, 5, 6, 7, 7.9, -7, 0.25, 0.75), []float32{1}, []float32{4, 4, 6, 6, 6, -6, 0, 1}},
		{"64ths", "mxint8", row(1, -0.5, 1.0/64, 1.996), []float32{0x1p-6}, []float32{1, -0.5, 1.0 / 64, 127.0 / 64}},
		{"two groups", "mxfp4:group=2", row(6, 1, 0.375, -0.25), []float32{1, 0x1p-4}, []float32{6, 1, 0.375, -0.25}},
	} {
		a, err := Quantise(t.Context(), x.v, must(ParseScheme(x.scheme))(t), 0)
		if err != nil {
			t.Errorf("%s: %v", x.name, err)
			continue
		}
		scales, back := float32s(t, a.Scales()), float32s(t, must(a.Dequantise(t.Context(), tensor.F32))(t))
		for i, want := range x.wants {
			if back[i] != want {
				t.Errorf("%s: element %d is %v, want %v", x.name, i, back[i], want)
			}
		}
		for i, want := range x.scales {
			if scales[i] != want {
				t.Errorf("%s: scale %d is %v, want %v", x.name, i, scales[i], want)
			}
		}
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for _, x := range []struct {
		scheme string
		v      tensor.View
		kind   error
		text   string
	}{
		{"i8", row(1, 2, nan), tensor.ErrUnsupported, "element (2,)"},
		{"mxfp4", row(inf), tensor.ErrUnsupported, "-Inf"},
		{"i8", must(tensor.FromSlice([]float64{1e300}))(t), tensor.ErrUnsupported, "binary32"},
		{"i8:axis=1", row(1), tensor.ErrIndex, "axes"},
		{"i8:block=2x2", row(1), tensor.ErrIndex, "axes"},
		{"i8", must(tensor.FromSlice([]int32{1}))(t), tensor.ErrDType, "i32"},
		{"i4", must(row(1).Index(0, 0))(t), tensor.ErrShape, "rank 0"},
	} {
		_, err := Quantise(t.Context(), x.v, must(ParseScheme(x.scheme))(t), 0)
		if !errors.Is(err, x.kind) || !strings.Contains(err.Error(), x.text) {
			t.Errorf("%s of %v: %v, want %v with %q", x.scheme, x.v, err, x.kind, x.text)
		}
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Quantise(done, row(1), Scheme{Values: tensor.I8}, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

func TestParseScheme(t *testing.T) {
	for text, want := range map[string]string{
		"i8": "i8", " int8 ": "i8", "i8:axis=0": "i8:axis=0", "i8:axis=-1": "i8:axis=-1", "i4:group=32": "i4:group=32",
		"u4:group=128,scales=f16": "u4:group=128,scales=f16", "u8:zeros": "u8", "i8:zeros,axis=1": "i8:zeros,axis=1",
		"f8_e4m3fn:block=128x128": "f8_e4m3fn:block=128x128", "mxfp4": "mxfp4", "mxfp4:group=16": "mxfp4:group=16",
		"mxfp8_e4m3:axis=0": "mxfp8_e4m3:axis=0,group=32", "mxint8": "mxint8", "i8:scales=f32": "i8", "i8:axis=0+-1": "i8:axis=0+-1",
	} {
		s, err := ParseScheme(text)
		if err != nil || s.String() != want {
			t.Errorf("%q is %q, %v, want %q", text, s, err, want)
		}
	}
	for _, text := range []string{"", "i", "i8:", "i8:group", "i8:group=0", "i8:group=-1", "i8:group=4294967296", "i8:group=2x2", "i8:axis=x", "i8:axis=0,axis=1",
		"i8:block=2x", "i8:,axis=0", "i8:zeros=1", "mxfp4:zeros", "mxfp4:scales=f32", "i8:scales=i8", "i8:scales=f8_e8m0", "f32", "i16", "bool", "c64", "f8_e8m0",
		"f8_e4m3fn:zeros", "mxfp9", "i8:colour=red", "i8:axis=0,block=2x2", "mxfp8_e4m3:axis=0+1,group=8"} {
		if s, err := ParseScheme(text); err == nil {
			t.Errorf("%q is %q, want an error", text, s)
		}
	}
}
