package csv_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// written is the tensors of f as a file of a format.
func written(t testing.TB, f *tensorfile.File, name string, o *convert.WriteOptions, names ...string) ([]byte, error) {
	t.Helper()
	var src []convert.Source
	if len(names) == 0 {
		for x, err := range f.Tensors() {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, x.Name())
		}
	}
	for _, n := range names {
		x, err := f.Tensor(n)
		if err != nil {
			t.Fatal(err)
		}
		src = append(src, convert.Source{Tensor: x, As: n})
	}
	fm, _ := convert.ByName(name)
	var out bytes.Buffer
	err := fm.Write(context.Background(), &out, src, o)
	return out.Bytes(), err
}

func addStrings(w *tensorfile.Writer, name string, shape tensor.Shape, list ...string) error {
	at := []int64{0}
	for _, s := range list {
		at = append(at, at[len(at)-1]+int64(len(s)))
	}
	offsets, err := tensor.FromSlice(at, int64(len(at)))
	if err != nil {
		return err
	}
	text := []byte(strings.Join(list, ""))
	content, err := tensor.FromSlice(text, int64(len(text)))
	if err != nil {
		return err
	}
	return w.AddComposite(context.Background(), name, tensorfile.Composite{Layout: format.LayoutString, Shape: shape, Parts: []tensorfile.CompositePart{
		{Role: format.RoleOffsets, View: offsets}, {Role: format.RoleBytes, View: content},
	}}, nil)
}

// Everything that is written comes back: the same dtype, f64 for shorter floats
// and i64 for shorter integers, and the same values once they are cast back.
func TestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	const n = 20_000
	f64 := make([]float64, n)
	f32 := make([]float32, n)
	i64 := make([]int64, n)
	u64 := make([]uint64, n)
	u8 := make([]uint8, n)
	bools := make([]bool, n)
	texts := make([]string, n)
	parts := []string{"", "a", "1", "NA", "true", " ", "x,y", "\"", "\n", "\r\n", "é", "\ufeff", "nan", "\t", "-0", `\N`, "漢"}
	for i := range n {
		f64[i] = math.Float64frombits(rng.Uint64())
		if f64[i] != f64[i] {
			f64[i] = math.NaN()
		}
		f32[i] = math.Float32frombits(rng.Uint32())
		i64[i] = int64(rng.Uint64()) >> rng.IntN(64)
		u64[i] = rng.Uint64() >> rng.IntN(64)
		u8[i] = uint8(rng.Uint32())
		bools[i] = rng.IntN(2) == 0
		for range rng.IntN(4) {
			texts[i] += parts[rng.IntN(len(parts))]
		}
	}
	for i, x := range []float64{0, math.Copysign(0, -1), 1, 1e21, 5e-324, math.MaxFloat64, math.Inf(1), math.Inf(-1), 123456789012345680} {
		f64[i], f32[i] = x, float32(x)
	}
	u64[0], i64[0], i64[1] = math.MaxUint64, math.MinInt64, math.MaxInt64
	f := native(t, func(w *tensorfile.Writer) error {
		add := func(name string, v tensor.View, err error) {
			t.Helper()
			if err == nil {
				err = w.Add(t.Context(), name, v, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		v, err := tensor.FromSlice(f64, n)
		add("f64", v, err)
		v, err = tensor.FromSlice(f32, n)
		add("f32", v, err)
		h, err := v.Cast(tensor.F16)
		add("f16", h, err)
		h, err = v.Cast(tensor.BF16)
		add("bf16", h, err)
		v, err = tensor.FromSlice(i64, n)
		add("i64", v, err)
		v, err = tensor.FromSlice(u64, n)
		add("u64", v, err)
		v, err = tensor.FromSlice(u8, n)
		add("u8", v, err)
		v, err = tensor.FromSlice(bools, n)
		add("bool", v, err)
		return addStrings(w, "a name, \"quoted\"", tensor.Shape{n}, texts...)
	})
	for _, format := range []string{"csv", "tsv"} {
		b, err := written(t, f, format, nil)
		if err != nil {
			t.Fatal(err)
		}
		g, err := openCSV(string(b), "t."+format, convert.TableOptions{})
		if err != nil {
			t.Fatal(err)
		}
		values := 0
		for x, err := range f.Tensors() {
			if err != nil {
				t.Fatal(err)
			}
			y, err := g.Tensor(x.Name())
			if err != nil {
				t.Fatal(err)
			}
			if _, _, ok := x.Composite(); ok {
				got := stringsOf(t, y)
				for i, s := range texts {
					if got[i] != s {
						t.Fatalf("%q came back as %q", s, got[i])
					}
				}
				values += n
				continue
			}
			want, err := x.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got, err := y.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if wide := map[tensor.DType]tensor.DType{tensor.F32: tensor.F64, tensor.F16: tensor.F64, tensor.BF16: tensor.F64, tensor.U8: tensor.I64}[x.DType()]; wide.Known() && wide != y.DType() || !wide.Known() && x.DType() != y.DType() {
				t.Errorf("%v came back as %v", x.DType(), y.DType())
			}
			if got, err = got.Cast(x.DType()); err != nil {
				t.Fatal(err)
			}
			for i := range int64(n) {
				a, err := want.UnitAt(i)
				if err != nil {
					t.Fatal(err)
				}
				b, err := got.UnitAt(i)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(a, b) {
					p, _ := tensor.ReadElem[float64](mustCast(t, want, tensor.F64), i)
					if p == p {
						t.Fatalf("%v, %d: % x came back as % x", x.DType(), i, a, b)
					}
				}
				values++
			}
		}
		g.Close()
		t.Logf("%s: %d values, %d KiB", format, values, len(b)>>10)
	}
}

func mustCast(t testing.TB, v tensor.View, d tensor.DType) tensor.View {
	t.Helper()
	w, err := v.Cast(d)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWrite(t *testing.T) {
	f := native(t, func(w *tensorfile.Writer) error {
		add := func(name string, attrs convert.Attrs, v tensor.View, err error) {
			t.Helper()
			if err == nil {
				err = w.Add(t.Context(), name, v, &tensorfile.TensorOptions{Attrs: attrs})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		v, err := tensor.FromSlice([]float32{0.1, 1, -2.5, 1e10, 3, 65504}, 2, 3)
		add("m", nil, v, err)
		add("named", convert.Attrs{"columns": []any{"x", "y,z", "3"}}, v, err)
		h, err := v.Cast(tensor.F16)
		add("half", nil, h, err)
		v, err = tensor.FromSlice([]int64{1, -2}, 2)
		add("i", nil, v, err)
		v, err = tensor.FromSlice([]bool{true, false}, 2)
		add("b", nil, v, err)
		v, err = tensor.FromSlice([]int64{7})
		add("scalar", nil, v, err)
		v, err = tensor.FromSlice([]int64{}, 0)
		add("zero", nil, v, err)
		v, err = tensor.FromSlice([]int64{}, 0, 3)
		add("no rows", nil, v, err)
		v, err = tensor.FromSlice([]complex64{1}, 1)
		add("c", nil, v, err)
		v, err = tensor.FromSlice([]int64{1, 2, 3, 4, 5, 6, 7, 8}, 2, 2, 2)
		add("cube", nil, v, err)
		if err := addStrings(w, "s", tensor.Shape{2}, "a;b", ""); err != nil {
			return err
		}
		if err := addStrings(w, "1", tensor.Shape{2}, "12", "x"); err != nil {
			return err
		}
		if err := addStrings(w, " blanks", tensor.Shape{2}, " ", "\ufeffx"); err != nil {
			return err
		}
		return addStrings(w, "grid", tensor.Shape{1, 2}, "a", "b")
	})
	for _, c := range []struct {
		names  string
		format string
		o      convert.WriteOptions
		want   string
	}{
		{"m", "csv", convert.WriteOptions{}, "0.1,1.0,-2.5\n1e+10,3.0,65504.0\n"},
		{"named", "csv", convert.WriteOptions{}, "x,\"y,z\",\"3\"\n0.1,1.0,-2.5\n1e+10,3.0,65504.0\n"},
		{"named", "csv", convert.WriteOptions{NoHeader: true}, "0.1,1.0,-2.5\n1e+10,3.0,65504.0\n"},
		{"half", "csv", convert.WriteOptions{}, "0.1,1.0,-2.5\ninf,3.0,65500.0\n"},
		{"i|b|s", "csv", convert.WriteOptions{}, "i,b,s\n1,true,a;b\n-2,false,\"\"\n"},
		{"i|b|s", "tsv", convert.WriteOptions{}, "i\tb\ts\n1\ttrue\ta;b\n-2\tfalse\t\"\"\n"},
		{"i|s", "csv", convert.WriteOptions{Delimiter: ';', NoHeader: true}, "1;\"a;b\"\n-2;\"\"\n"},
		{"1| blanks", "csv", convert.WriteOptions{}, "\"1\",\" blanks\"\n\"12\",\" \"\nx,\"\ufeffx\"\n"},
		{"scalar", "csv", convert.WriteOptions{}, "scalar\n7\n"},
		{"zero", "csv", convert.WriteOptions{}, "zero\n"},
		{"grid", "csv", convert.WriteOptions{}, "a,b\n"},
	} {
		b, err := written(t, f, c.format, &c.o, strings.Split(c.names, "|")...)
		if err != nil || string(b) != c.want {
			t.Errorf("%s: %q, %v; want %q", c.names, b, err, c.want)
		}
	}
	for names, want := range map[string]string{
		"i|zero":  `tensor "zero": rows: got 0, want 2, as "i" has`,
		"m|i":     `tensor "m": tensors: got 2, and "m" is of rank 2, want a matrix alone`,
		"i|m":     `tensor "m": shape: got (2, 3), want tensors of rank 1`,
		"cube":    `tensor "cube": shape: got (2, 2, 2), want tensors of rank 1, which are columns, or one of rank 2`,
		"no rows": `tensor "no rows": shape: got (0, 3), want a matrix with elements`,
		"c":       `tensor "c": dtype: got c64, want bools, integers, floats or text`,
	} {
		_, err := written(t, f, "csv", nil, strings.Split(names, "|")...)
		if !errors.Is(err, tensor.ErrUnsupported) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", names, err, want)
		}
	}
	fm, _ := convert.ByName("csv")
	if err := fm.Write(t.Context(), &bytes.Buffer{}, nil, nil); !errors.Is(err, tensor.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := written(t, f, "csv", &convert.WriteOptions{Delimiter: '1'}, "i"); !errors.Is(err, tensor.ErrUnsupported) {
		t.Error(err)
	}
}
