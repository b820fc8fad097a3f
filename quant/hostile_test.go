package quant

import (
	"errors"
	"math"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// What strangers send is refused by New with the rule that it breaks.
func TestHostileParts(t *testing.T) {
	fresh := func(d tensor.DType, shape ...int64) tensor.View { return must(tensor.Make(d, shape))(t) }
	wide := func(d tensor.DType, shape ...int64) tensor.View { // without memory
		return must(must(tensor.Make(d, slicesOf(1, len(shape))))(t).BroadcastTo(shape))(t)
	}
	good := func() Spec {
		return Spec{DType: tensor.F32, Values: fresh(tensor.I8, 3, 5), Scales: fresh(tensor.F32, 2, 3), Group: []int64{2, 2}}
	}
	if _, err := New(good()); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, x := range []struct {
		what   string
		change func(s *Spec)
		kind   error
		rule   string
	}{
		{"no dtype", func(s *Spec) { s.DType = tensor.DType{} }, tensor.ErrCorrupt, ruleDType},
		{"group 0", func(s *Spec) { s.Group[1] = 0 }, tensor.ErrCorrupt, ruleIndex},
		{"group below 0", func(s *Spec) { s.Group[0] = -2 }, tensor.ErrCorrupt, ruleIndex},
		{"group beyond u32", func(s *Spec) { s.Group[0] = 1 << 32 }, tensor.ErrCorrupt, ruleIndex},
		{"group of the least integer", func(s *Spec) { s.Group[0] = math.MinInt64 }, tensor.ErrCorrupt, ruleIndex},
		{"a group too few", func(s *Spec) { s.Group = s.Group[:1] }, tensor.ErrFormat, rulePart},
		{"a group too many", func(s *Spec) { s.Group = append(s.Group, 1) }, tensor.ErrFormat, rulePart},
		{"no group", func(s *Spec) { s.Group = nil }, tensor.ErrFormat, rulePart},
		{"no values", func(s *Spec) { s.Values, s.Group = tensor.View{}, nil }, tensor.ErrFormat, rulePart},
		{"no scales", func(s *Spec) { s.Scales = tensor.View{} }, tensor.ErrFormat, rulePart},
		{"bools", func(s *Spec) { s.Values = fresh(tensor.Bool, 3, 5) }, tensor.ErrFormat, rulePart},
		{"complex scales", func(s *Spec) { s.Scales = fresh(tensor.C64, 2, 3) }, tensor.ErrFormat, rulePart},
		{"blocks", func(s *Spec) { d, _ := tensor.Block(8); s.Values = fresh(d, 3, 32) }, tensor.ErrFormat, rulePart},
		{"text for zeros", func(s *Spec) { s.Zeros = fresh(tensor.Text(3), 2, 3) }, tensor.ErrFormat, rulePart},
		{"a scale too few", func(s *Spec) { s.Scales = fresh(tensor.F32, 2, 2) }, tensor.ErrFormat, rulePart},
		{"a scale too many", func(s *Spec) { s.Scales = fresh(tensor.F32, 3, 3) }, tensor.ErrFormat, rulePart},
		{"scales of another rank", func(s *Spec) { s.Scales = fresh(tensor.F32, 6) }, tensor.ErrFormat, rulePart},
		{"zeros of the shape of values", func(s *Spec) { s.Zeros = fresh(tensor.I8, 3, 5) }, tensor.ErrFormat, rulePart},
		{"zeros without elements", func(s *Spec) { s.Zeros = fresh(tensor.I8, 0, 3) }, tensor.ErrFormat, rulePart},
		{"first outside its group", func(s *Spec) { s.First = []int64{0, 2} }, tensor.ErrIndex, ""},
		{"first below 0", func(s *Spec) { s.First = []int64{-1, 0} }, tensor.ErrIndex, ""},
		{"first of another rank", func(s *Spec) { s.First = []int64{1} }, tensor.ErrIndex, ""},
		{"an extent that groups push past 63 bits", func(s *Spec) {
			s.Values, s.Scales = wide(tensor.I8, 1, math.MaxInt64), wide(tensor.F32, 1, 1<<31)
			s.Group = []int64{1, math.MaxUint32}
		}, tensor.ErrOverflow, rulePart},
	} {
		s := good()
		x.change(&s)
		_, err := New(s)
		var e *tensor.Error
		if !errors.Is(err, x.kind) || !errors.As(err, &e) || e.Rule != x.rule {
			t.Errorf("%s: %v, want %v (%s)", x.what, err, x.kind, x.rule)
		}
		n++
	}
	t.Logf("%d rows", n)
	if n < 20 {
		t.Errorf("%d rows", n)
	}
}

func slicesOf(x int64, n int) tensor.Shape {
	s := make(tensor.Shape, n)
	for i := range s {
		s[i] = x
	}
	return s
}

// Destinations and selections that do not fit.
func TestDequantiseRefuses(t *testing.T) {
	a := must(New(Spec{DType: tensor.F32, Values: must(tensor.Make(tensor.I8, tensor.Shape{3, 5}))(t), Scales: must(tensor.Make(tensor.F32, tensor.Shape{1, 1}))(t), Group: []int64{3, 5}}))(t)
	into := func(d tensor.DType, shape ...int64) func() error {
		return func() error { return a.DequantiseInto(t.Context(), must(tensor.Make(d, shape))(t), 0) }
	}
	of := func(d tensor.DType, text ...string) func() error {
		return func() error {
			var sel []tensor.Selection
			for _, s := range text {
				sel = append(sel, must(tensor.ParseSelection(s))(t))
			}
			_, err := a.Dequantise(t.Context(), d, sel...)
			return err
		}
	}
	for what, x := range map[string]struct {
		run  func() error
		kind error
	}{
		"another shape":       {into(tensor.F32, 5, 3), tensor.ErrShape},
		"packed":              {into(tensor.I4, 3, 5), tensor.ErrDType},
		"text":                {into(tensor.Text(4), 3, 5), tensor.ErrDType},
		"an index outside":    {of(tensor.F32, "3"), tensor.ErrIndex},
		"too many axes":       {of(tensor.F32, "0,0,0"), tensor.ErrIndex},
		"two selections":      {of(tensor.F32, "0", "0"), tensor.ErrIndex},
		"packed, made anew":   {of(tensor.F4E2M1), tensor.ErrDType},
		"no dtype, made anew": {of(tensor.DType{}), tensor.ErrDType},
		"repeated memory": {func() error {
			v := must(must(tensor.Make(tensor.F32, tensor.Shape{1, 5}))(t).BroadcastTo(tensor.Shape{3, 5}))(t)
			return a.DequantiseInto(t.Context(), v, 0)
		}, tensor.ErrUnsupported},
	} {
		if err := x.run(); !errors.Is(err, x.kind) {
			t.Errorf("%s: %v, want %v", what, err, x.kind)
		}
	}
}

// Whatever shapes, groups and selections are, New or Dequantise refuses them or
// gives what the specification says.
func FuzzDequantise(f *testing.F) {
	f.Add(uint16(3), uint16(40), uint32(2), uint32(32), uint32(1), uint8(0), uint8(0), "1:,::-3", []byte{1, 2, 3, 250})
	f.Add(uint16(7), uint16(9), uint32(1), uint32(1), uint32(0), uint8(4), uint8(3), "...", []byte{7, 0, 99})
	f.Fuzz(func(t *testing.T, rows, columns uint16, g0, g1, first uint32, value, scale uint8, text string, data []byte) {
		shape := tensor.Shape{int64(rows % 200), int64(columns % 300)}
		group := []int64{int64(g0), int64(g1)}
		if g0 == 0 || g1 == 0 || len(data) == 0 {
			return
		}
		count, at := make(tensor.Shape, 2), []int64{0, int64(first) % group[1]}
		for k, n := range shape {
			if n > 0 {
				count[k] = (at[k]+n-1)/group[k] + 1
			}
		}
		fill := func(d tensor.DType, s tensor.Shape) tensor.View {
			v := must(tensor.Make(d, s))(t)
			for i := range v.Span() {
				v.Span()[i] = data[i%len(data)] + byte(i/len(data))
			}
			return v
		}
		a, err := New(Spec{DType: tensor.F32, Values: fill(valueTypes[int(value)%len(valueTypes)], shape), Scales: fill(scaleTypes[int(scale)%len(scaleTypes)], count), Group: group, First: at})
		if err != nil {
			t.Fatal(err)
		}
		sel, err := tensor.ParseSelection(text)
		if err != nil {
			return
		}
		got, err := a.Dequantise(t.Context(), tensor.F32, sel)
		values, scales := float32s(t, a.Values()), float32s(t, a.Scales())
		want := make([]float32, len(values))
		for i := range want {
			r, c := int64(i)/shape[1], int64(i)%shape[1]
			want[i] = values[i] * scales[r/group[0]*count[1]+(at[1]+c)/group[1]]
		}
		all := must(tensor.Make(tensor.F32, shape))(t)
		if len(want) > 0 {
			all = must(over(want, shape))(t)
		}
		part, expected := all.Select(sel)
		if (err == nil) != (expected == nil) {
			t.Fatalf("%v, want %v", err, expected)
		}
		if err == nil {
			if err := equalFloats(got, part); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzScheme reads any text. What is a scheme writes itself as one that is the
// same, and quantises or says why not.
func FuzzScheme(f *testing.F) {
	for _, s := range []string{
		"i8", "i8:axis=0", "i8:axis=0+2", "i4:group=32", "u4:group=128,scales=f16", "i8:zeros", "f8_e4m3fn:block=128x128", "mxfp4", "mxint8:axis=0",
		"i8:", "i8:zeros,zeros", "i8:axis=-1,group=4", "mxfp8_e5m2:group=16", "i8:scales=f64,block=2x2,axis=0+1", "f32",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseScheme(text)
		if err != nil {
			var e *tensor.Error
			if !errors.As(err, &e) || e.Kind == nil {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		again, err := ParseScheme(s.String())
		if err != nil || again.String() != s.String() {
			t.Fatalf("%q is %q, then %q, %v", text, s, again, err)
		}
	})
}
