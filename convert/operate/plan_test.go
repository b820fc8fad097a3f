package operate_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/operate"
	"github.com/tensorfile/tensorfile/tensor"
)

// stored writes tensors of zeros with attributes to one file and opens it.
func stored(t testing.TB, list ...stock) []*tensorfile.Tensor {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.tensor")
	w, err := tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true})
	must(t, err)
	defer w.Close()
	for i, s := range list {
		v, err := tensor.Make(s.dtype, s.shape)
		must(t, err)
		must(t, w.Add(ctx, string(rune('a'+i)), v, &tensorfile.TensorOptions{Attrs: s.attrs}))
	}
	must(t, w.Commit(ctx))
	f, err := tensorfile.Open(path, nil)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	var out []*tensorfile.Tensor
	for x, err := range f.Tensors() {
		must(t, err)
		out = append(out, x)
	}
	return out
}

type stock struct {
	dtype tensor.DType
	shape tensor.Shape
	attrs tensorfile.Attrs
}

func parsed(t testing.TB, d, shape string) stock {
	t.Helper()
	dt, err := tensor.ParseDType(d)
	must(t, err)
	var s tensor.Shape
	for f := range strings.FieldsFuncSeq(shape, func(r rune) bool { return r == ' ' }) {
		var n int64
		fmt.Sscan(f, &n)
		s = append(s, n)
	}
	return stock{dt, s, nil}
}

// Names of axes go where their axes go; other attributes stay.
func TestAttributes(t *testing.T) {
	attrs := func() tensorfile.Attrs {
		return tensorfile.Attrs{
			"unit": "m", "sample_rate": int64(8000), "dims": []any{"t", "c", nil},
			"axes": []any{map[string]any{"unit": "s"}, nil, map[string]any{"step": int64(2)}},
		}
	}
	for _, c := range []struct{ step, dims, axes string }{
		{"dtype f16", "[t c <nil>]", "[map[unit:s] <nil> map[step:2]]"},
		{"scale 2", "[t c <nil>]", "[map[unit:s] <nil> map[step:2]]"},
		{"select 1:", "[t c <nil>]", "[<nil> <nil> map[step:2]]"},
		{"select 0", "[c <nil>]", "[<nil> map[step:2]]"},
		{"select 0,0", "<nil>", "[map[step:2]]"},
		{"select :,newaxis", "[t <nil> c <nil>]", "[map[unit:s] <nil> <nil> map[step:2]]"},
		{"flip t", "[t c <nil>]", "[<nil> <nil> map[step:2]]"},
		{"rearrange a b c -> c b a", "[<nil> c t]", "[map[step:2] <nil> map[unit:s]]"},
		{"rearrange a b c -> (a b) c", "<nil>", "[<nil> map[step:2]]"},
		{"rearrange (a 1) b c -> b 1 (c a)", "[c <nil> <nil>]", "<nil>"},
		{"rearrange (a z) b c -> a z b c; z=2", "[<nil> <nil> c <nil>]", "[<nil> <nil> <nil> map[step:2]]"},
		{"reduce mean a b c -> c a", "[<nil> t]", "[map[step:2] map[unit:s]]"},
		{"pad 0,1,0", "[t c <nil>]", "[map[unit:s] <nil> map[step:2]]"},
		{"pad 1,1,1", "[t c <nil>]", "<nil>"},
		{"stack ", "[<nil> t c <nil>]", "[<nil> map[unit:s] <nil> map[step:2]]"},
		{"concat c", "[t c <nil>]", "[map[unit:s] <nil> map[step:2]]"},
	} {
		x := stored(t, stock{tensor.F32, tensor.Shape{4, 3, 5}, attrs()})
		got, err := derive(t, &operate.Pipeline{Steps: steps(t, c.step)}, x...)
		must(t, err)
		a, err := got[0].Attrs()
		must(t, err)
		if fmt.Sprint(a["dims"]) != c.dims || fmt.Sprint(a["axes"]) != c.axes || a["unit"] != "m" {
			t.Errorf("%s: %v, want dims %s, axes %s", c.step, a, c.dims, c.axes)
		}
	}
	// Of joined tensors those stay that all have.
	one, two := attrs(), attrs()
	two["unit"], two["dims"] = "km", []any{"t", "x", nil}
	x := stored(t, stock{tensor.F32, tensor.Shape{4, 3, 5}, one}, stock{tensor.F32, tensor.Shape{2, 3, 5}, two})
	got, err := derive(t, &operate.Pipeline{Steps: steps(t, "concat 0")}, x...)
	must(t, err)
	a, err := got[0].Attrs()
	must(t, err)
	want := tensorfile.Attrs{"sample_rate": int64(8000), "axes": []any{nil, nil, map[string]any{"step": int64(2)}}}
	if !reflect.DeepEqual(a, want) {
		t.Errorf("joined: %v, want %v", a, want)
	}
	// A rate is noted.
	x = stored(t, stock{tensor.F32, tensor.Shape{100, 2}, tensorfile.Attrs{"sample_rate": 8000.0}})
	got, err = derive(t, &operate.Pipeline{Steps: steps(t, "rate 12000", "rate 6000")}, x...)
	must(t, err)
	a, err = got[0].Attrs()
	must(t, err)
	if !got[0].Shape().Equal(tensor.Shape{75, 2}) || a["sample_rate"] != int64(6000) {
		t.Errorf("%v %v", got[0].Shape(), a)
	}
}

// The axes of images and recordings are found by names, or by rank.
func TestAxes(t *testing.T) {
	dims := func(s stock, names ...any) stock {
		s.attrs = tensorfile.Attrs{"dims": names}
		return s
	}
	for _, c := range []struct {
		in   stock
		step string
		want string // "": refused
	}{
		{parsed(t, "u8", "9 8"), "crop 2x1", "(1, 2)"},
		{parsed(t, "u8", "9 8 3"), "crop 2x1", "(1, 2, 3)"},
		{parsed(t, "u8", "3 9 8"), "crop 2x1", "(3, 1, 2)"},
		{parsed(t, "u8", "3 9 4"), "crop 2x1", "(1, 2, 4)"},
		{parsed(t, "u8", "7 9 8 1"), "crop 2x1", "(7, 1, 2, 1)"},
		{parsed(t, "u8", "7 1 9 8"), "crop 2x1", "(7, 1, 1, 2)"},
		{parsed(t, "u8", "7 9 8"), "crop 2x1", ""},
		{parsed(t, "u8", "9"), "crop 2x1", ""},
		{parsed(t, "u8", "1 2 9 8 3"), "crop 2x1", ""},
		{dims(parsed(t, "u8", "7 9 8"), "w", "c", "h"), "crop 2x1", "(2, 9, 1)"},
		{dims(parsed(t, "u8", "5 9 6 8 7"), "Y", nil, "X", "n", "channels"), "resize 2x1", "(1, 9, 2, 8, 7)"},
		{dims(parsed(t, "u8", "9 8 3"), "a", "b", "d"), "resize 2x1", "(1, 2, 3)"},
		{parsed(t, "f32", "9 8 3"), "pad 1", "(11, 10, 3)"},
		{parsed(t, "f32", "9"), "pad 1:2", "(12,)"},
		{parsed(t, "f32", "9 20 30"), "pad 1", ""},
		{parsed(t, "f32", "100"), "mono", "(100,)"},
		{parsed(t, "f32", "100 8"), "mono", "(100,)"},
		{parsed(t, "f32", "2 100"), "mono", "(100,)"},
		{parsed(t, "f32", "9 100"), "mono", ""},
		{parsed(t, "f32", "2 3 100"), "mono", ""},
		{dims(parsed(t, "f32", "9 100"), "c", "t"), "mono", "(100,)"},
		{dims(parsed(t, "f32", "9 4"), "c", "t"), "rate 1:3", "(9, 12)"},
		{parsed(t, "f32", "100 2"), "rate 3:2", "(67, 2)"},
	} {
		x := stored(t, c.in)
		got, err := derive(t, &operate.Pipeline{Steps: steps(t, c.step)}, x...)
		if c.want == "" {
			if !errors.Is(err, tensor.ErrShape) {
				t.Errorf("%v: %s: %v", c.in.shape, c.step, err)
			}
			continue
		}
		must(t, err)
		if s := got[0].Shape().String(); s != c.want {
			t.Errorf("%v %v: %s: %s, want %s", c.in.shape, c.in.attrs, c.step, s, c.want)
		}
	}
}

// What does not fit is refused when it is planned, with the tensor and the
// numbers.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		in    []stock
		step  string
		kind  error
		words string
	}{
		{[]stock{parsed(t, "f32", "3 4")}, "select 3", tensor.ErrIndex, `"a"`},
		{[]stock{parsed(t, "f32", "3 4")}, "select 0,0,0", tensor.ErrIndex, "at most 2 for shape (3, 4)"},
		{[]stock{parsed(t, "i4", "3 4")}, "select :,1", tensor.ErrUnsupported, "packed"},
		{[]stock{parsed(t, "i4", "3 4")}, "flip 1", tensor.ErrUnsupported, "packed"},
		{[]stock{parsed(t, "i4", "3 4")}, "rearrange a b -> b a", tensor.ErrUnsupported, "last axis"},
		{[]stock{parsed(t, "i4", "3 4"), parsed(t, "i4", "3 4")}, "concat 1", tensor.ErrUnsupported, "packed"},
		{[]stock{parsed(t, "i4", "3 4")}, "pad 1,1", tensor.ErrUnsupported, "packed"},
		{[]stock{parsed(t, "f32", "")}, "dtype i4", tensor.ErrShape, "rank 0"},
		{[]stock{parsed(t, "S5", "3")}, "dtype f32", tensor.ErrDType, "S5"},
		{[]stock{parsed(t, "S5", "3")}, "scale 2", tensor.ErrDType, "S5"},
		{[]stock{parsed(t, "c64", "3")}, "scale 2", tensor.ErrDType, "c64"},
		{[]stock{parsed(t, "i64", "9 8")}, "resize 2x2", tensor.ErrDType, "i64"},
		{[]stock{parsed(t, "f32", "9 8")}, "crop 9x9", tensor.ErrIndex, "an image of 8x9"},
		{[]stock{parsed(t, "f32", "9 8")}, "crop 2x2+7+0", tensor.ErrIndex, "an image of 8x9"},
		{[]stock{parsed(t, "f32", "0 8")}, "resize 2x2", tensor.ErrShape, "at least one pixel"},
		{[]stock{parsed(t, "f32", "3 4")}, "flip 2", tensor.ErrIndex, "one of the 2 axes"},
		{[]stock{parsed(t, "f32", "3 4")}, "flip time", tensor.ErrIndex, "no names"},
		{[]stock{{tensor.F32, tensor.Shape{3, 4}, tensorfile.Attrs{"dims": []any{"x", "y"}}}}, "flip time", tensor.ErrIndex, "one of x, y"},
		{[]stock{parsed(t, "f32", "3 4")}, "pad 1,1,1", tensor.ErrShape, "3 amounts"},
		{[]stock{parsed(t, "f32", "0 4")}, "pad 1,1; edge", tensor.ErrShape, "no elements"},
		{[]stock{parsed(t, "f32", "3 4")}, "pad 9223372036854775800,1", tensor.ErrFormat, ""},
		{[]stock{parsed(t, "f32", "3 4")}, "pad 4611686018427387000,4611686018427387000", tensor.ErrOverflow, ""},
		{[]stock{parsed(t, "f32", "3 4")}, "rearrange a b c -> a b c", tensor.ErrShape, "2-dim tensor (3, 4)"},
		{[]stock{parsed(t, "f32", "3 4")}, "rearrange (a z) b -> a z b; z=2", tensor.ErrShape, "divided in chunks of 2"},
		{[]stock{parsed(t, "f32", "3 4")}, "rearrange a b -> a", tensor.ErrFormat, "only on one side"},
		{[]stock{parsed(t, "f32", "3 4")}, "rearrange a (b c) -> a b c b=2", tensor.ErrFormat, "a semicolon between"},
		{[]stock{parsed(t, "S3", "4")}, "dtype f32", tensor.ErrDType, "got from S3 to f32, want numeric dtypes"},
		{[]stock{parsed(t, "f32", "3 4")}, "reduce mean a b -> a c", tensor.ErrFormat, "right side"},
		{[]stock{parsed(t, "f32", "3 0")}, "reduce max a b -> a", tensor.ErrShape, "no elements"},
		{[]stock{parsed(t, "i4", "3 4")}, "reduce max a b -> a", tensor.ErrUnsupported, "cast"},
		{[]stock{parsed(t, "f32", "3 4"), parsed(t, "f64", "3 4")}, "stack ", tensor.ErrDType, `got f64 (3, 4), want f32 (3, 4), as "a" of`},
		{[]stock{parsed(t, "f32", "3 4"), parsed(t, "f32", "3 5")}, "stack ", tensor.ErrShape, `tensor "b": stack: got f32 (3, 5)`},
		{[]stock{parsed(t, "f32", "3 4"), parsed(t, "f32", "2 5")}, "concat 0", tensor.ErrShape, "but for axis 0"},
		{[]stock{parsed(t, "f32", "")}, "concat 0", tensor.ErrIndex, "0 axes"},
		{[]stock{parsed(t, "f32", "100 2")}, "rate 8000", tensor.ErrShape, "FROM:TO"},
		{[]stock{parsed(t, "c64", "100 2")}, "rate 1:2", tensor.ErrDType, "c64"},
		{[]stock{parsed(t, "c64", "100 2")}, "mono ", tensor.ErrDType, "c64"},
		{[]stock{parsed(t, "f32", "3")}, "dtype x*=f16", convert.ErrNoMatch, `"x*"`},
	} {
		name, value, _ := strings.Cut(c.step, " ")
		s, err := operate.Parse(name, value)
		if err == nil {
			_, err = derive(t, &operate.Pipeline{Steps: []operate.Step{s}}, stored(t, c.in...)...)
		}
		if !errors.Is(err, c.kind) || !strings.Contains(fmt.Sprint(err), c.words) {
			t.Errorf("%s of %v: %v, want %v with %q", c.step, c.in[0].shape, err, c.kind, c.words)
		}
	}
}

// A step with names leaves the others alone: they are the tensors that they
// were.
func TestNames(t *testing.T) {
	x := stored(t, parsed(t, "f32", "3 4"), parsed(t, "f32", "3 4"), parsed(t, "f32", "3 4"), parsed(t, "u8", "2"))
	p := &operate.Pipeline{Steps: steps(t, "dtype b=f16", "stack [ac]=", "dtype d=u8")}
	got, err := derive(t, p, x...)
	must(t, err)
	var text []string
	for _, s := range got {
		text = append(text, fmt.Sprint(s.As, " ", s.DType(), s.Shape()))
	}
	if s := strings.Join(text, "; "); s != "a f32 (2, 3, 4); b f16 (3, 4); d u8 (2,)" {
		t.Error(s)
	}
	if got[2].Tensor != x[3] {
		t.Error("a tensor that nothing was done to is another one")
	}
	if p.String() != "dtype b=f16\nstack [ac]=\ndtype d=u8" {
		t.Errorf("%q", p)
	}
	for _, op := range []operate.Operator{operate.Resize{}, operate.Crop{Width: -1, Height: 2}, operate.Pad{Amounts: [][2]int64{{-1, 0}}}, operate.Rate{From: -1, To: 5}, operate.Rate{From: 5}, operate.Scale{Clamp: true, Min: 1}} {
		if _, err := derive(t, &operate.Pipeline{Steps: []operate.Step{{Operator: op}}}, x[0]); err == nil {
			t.Errorf("%v: no error", op)
		}
	}
	src := []convert.Source{{Tensor: x[0], As: "n"}, {Tensor: x[1], As: "n"}}
	if _, err := (&operate.Pipeline{Steps: steps(t, "dtype f16")}).Derive(ctx, src); !errors.Is(err, tensor.ErrDuplicate) || !strings.Contains(err.Error(), `"a" of`) {
		t.Error(err)
	}
}

// What Parse reads String writes, and Parse reads again.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"select [GLOB*=0:10, ::2]", "dtype w*=f16", "flip h,v", "flip time", "stack ", "concat -1", "rearrange b c (h h1) w -> b (h1 c) h w; h1=2", "reduce mean a b -> a",
		"resize 227x227; bicubic; crop", "crop 10x20+1+2", "crop 3x3", "pad 1", "pad 1:2,0; constant=-1.5", "pad 7; reflect", "scale 1/255,-1,0:1", "scale x=2", "mono ", "rate 44100:48000", "rate 8000",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, value, _ := strings.Cut(text, " ")
		s, err := operate.Parse(name, value)
		if err != nil {
			var e *tensor.Error
			if !errors.As(err, &e) || e.Kind == nil {
				t.Fatalf("%q: %v is no error of a kind", text, err)
			}
			return
		}
		once := s.String()
		name, value, _ = strings.Cut(once, " ")
		again, err := operate.Parse(name, value)
		if err != nil {
			t.Fatalf("%q as %q: %v", text, once, err)
		}
		if again.String() != once {
			t.Fatalf("%q as %q as %q", text, once, again)
		}
	})
}

// Plans of any shape fail or are made; they do not panic.
func FuzzPlan(f *testing.F) {
	f.Add("rearrange a b c -> c (b a)", uint64(3), uint64(4), uint64(1))
	f.Add("pad 1,2,3; edge", uint64(0), uint64(1<<62), uint64(2))
	f.Add("resize 9x9", uint64(1<<31), uint64(1<<31), uint64(3))
	f.Add("select ::-1, 3, newaxis", uint64(5), uint64(5), uint64(5))
	f.Add("concat 1", uint64(1<<62), uint64(1<<61), uint64(0))
	f.Fuzz(func(t *testing.T, text string, a, b, c uint64) {
		name, value, _ := strings.Cut(text, " ")
		s, err := operate.Parse(name, value)
		if err != nil {
			return
		}
		shape := tensor.Shape{int64(a >> 1), int64(b >> 1), int64(c >> 1)}
		x := described(t, shape)
		if x == nil {
			return
		}
		p := &operate.Pipeline{Steps: []operate.Step{s}, MaxBytes: 1 << 20}
		d, err := p.Derive(ctx, []convert.Source{{Tensor: x, As: "a"}, {Tensor: x, As: "b"}})
		if err == nil {
			d.Close()
		}
	})
}
