package operate

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/tensor"
)

// What is quantised on its way is what package quant makes, and comes back as it
// says, in the boxes of a stream and behind other steps.
func TestQuantised(t *testing.T) {
	ctx := t.Context()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	list := make([]float32, 61*130)
	for i := range list {
		list[i] = float32((i*7919)%1009-500) / 37
	}
	v, err := tensor.FromSlice(list, 61, 130)
	check(err)
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.tensor"), filepath.Join(dir, "out.tensor")
	w, err := tensorfile.Create(in, nil)
	check(err)
	check(w.Add(ctx, "w", v, nil))
	count, err := tensor.FromSlice([]int32{1, 2})
	check(err)
	check(w.Add(ctx, "n", count, nil))
	check(w.Commit(ctx))

	run := func(in, out string, steps ...[2]string) error {
		p := &Pipeline{}
		for _, s := range steps {
			step, err := Parse(s[0], s[1])
			check(err)
			p.Steps = append(p.Steps, step)
		}
		c := &convert.Options{Operate: p, Overwrite: true}
		_, err := convert.Files(ctx, []string{in}, out, c)
		return err
	}
	for _, scheme := range []string{"i8", "i8:axis=0", "i4:group=32", "u4:group=30,scales=f16", "mxfp4", "mxfp8_e5m2"} {
		s, err := quant.ParseScheme(scheme)
		check(err)
		a, err := quant.Quantise(ctx, v, s, 0)
		check(err)
		want, err := a.Dequantise(ctx, tensor.BF16)
		check(err)
		check(run(in, out, [2]string{"quant", "w=" + scheme}))
		f, err := tensorfile.Open(out, nil)
		check(err)
		x, err := f.Tensor("w")
		check(err)
		got, err := x.Quantised(ctx)
		check(err)
		if same, err := tensor.Equal(got.Values(), a.Values()); err != nil || !same {
			t.Errorf("%s: other values: %v", scheme, err)
		}
		back := filepath.Join(dir, "back.tensor")
		check(run(out, back, [2]string{"dequant", "bf16"}, [2]string{"flip", "w=0"}))
		g, err := tensorfile.Open(back, nil)
		check(err)
		y, err := g.Tensor("w")
		check(err)
		read, err := y.Read(ctx)
		check(err)
		flipped, err := want.Flip(0)
		check(err)
		if same, err := tensor.Equal(read, flipped); err != nil || !same {
			t.Errorf("%s: comes back otherwise: %v", scheme, err)
		}
		g.Close()
		check(run(in, back, [2]string{"quant", "w=" + scheme}, [2]string{"dequant", "w=bf16"}, [2]string{"flip", "w=0"}))
		if g, err = tensorfile.Open(back, nil); err != nil {
			t.Fatal(err)
		}
		if y, err = g.Tensor("w"); err != nil {
			t.Fatal(err)
		}
		read, err = y.Read(ctx)
		check(err)
		if same, err := tensor.Equal(read, flipped); err != nil || !same {
			t.Errorf("%s: there and back otherwise: %v", scheme, err)
		}
		g.Close()
		f.Close()
	}
	for what, x := range map[string]struct {
		kind  error
		steps [][2]string
	}{
		"integers":                 {tensor.ErrDType, [][2]string{{"quant", "i8"}}},
		"an axis that is not":      {tensor.ErrIndex, [][2]string{{"quant", "w=i8:axis=2"}}},
		"quantised twice":          {tensor.ErrUnsupported, [][2]string{{"quant", "w=i8"}, {"quant", "w=i8"}}},
		"flipped":                  {tensor.ErrUnsupported, [][2]string{{"quant", "w=i8"}, {"flip", "w=0"}}},
		"packed numbers":           {tensor.ErrDType, [][2]string{{"quant", "w=i8"}, {"dequant", "w=i4"}}},
		"entries":                  {tensor.ErrUnsupported, [][2]string{{"layout", "w=csr"}, {"dequant", "w=f32"}}},
		"entries, to be quantised": {tensor.ErrUnsupported, [][2]string{{"layout", "w=csr"}, {"quant", "w=i8"}}},
	} {
		if err := run(in, out, x.steps...); !errors.Is(err, x.kind) {
			t.Errorf("%s: %v, want %v", what, err, x.kind)
		}
	}
}

func TestParseQuantise(t *testing.T) {
	for text, want := range map[string]string{
		"i8": "quant i8", "i8:axis=0": "quant i8:axis=0", "*.weight=i4:group=32": "quant *.weight=i4:group=32",
		"a=b=mxfp4": "quant a=b=mxfp4", "x=i8:zeros,axis=1": "quant x=i8:zeros,axis=1",
	} {
		s, err := Parse("quant", text)
		if err != nil || s.String() != want {
			t.Errorf("%q is %q, %v, want %q", text, s, err, want)
		}
	}
	for _, text := range []string{"", "=i8", "x=", "x=i9", "x=i8:group=0", "i8:axis", "x=f32"} {
		if s, err := Parse("quant", text); err == nil {
			t.Errorf("%q is %q, want an error", text, s)
		}
	}
	if _, err := Parse("dequant", "w=f32"); err != nil {
		t.Error(err)
	}
}
