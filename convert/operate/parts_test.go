package operate_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert/operate"
	"github.com/tensorfile/tensorfile/tensor"
)

// Of tensors that follow each other those are read that are asked for, and rows that
// are taken by steps come from the right ones.
func TestStepsThroughParts(t *testing.T) {
	var src []*tensorfile.Tensor
	for i := range 11 { // rows 10*i and 10*i+1; of part 5 one more
		list := []int16{int16(10 * i), int16(10*i + 1)}
		if i == 5 {
			list = append(list, 52)
		}
		v, err := tensor.FromSlice(list, int64(len(list)), 1)
		must(t, err)
		src = append(src, opened(t, forms[i%len(forms)], v))
	}
	for _, c := range []struct {
		steps []string
		want  string
	}{
		{[]string{"concat 0", "select ::5, 0"}, "[ 0 21 50 70 91]"},
		{[]string{"concat 0", "select 3:5, 0"}, "[11 20]"},
		{[]string{"concat 0", "select ::-7, 0"}, "[101  70  40   1]"},
		{[]string{"concat 0", "select -2:5:-6, 0"}, "[100  70  41]"},
		{[]string{"concat 0", "flip 0", "select :3, 0"}, "[101 100  91]"},
		{[]string{"concat 0", "pad 1:2,0; edge", "select :3, 0"}, "[0 0 1]"},
		{[]string{"concat 0", "reduce max a b -> b"}, "[101]"},
	} {
		got, err := derive(t, &operate.Pipeline{Steps: steps(t, c.steps...)}, src...)
		must(t, err)
		v, err := got[0].Read(ctx)
		must(t, err)
		if v.String() != c.want || len(got) != 1 {
			t.Errorf("%q: %v, want %s", c.steps, v, c.want)
		}
	}
}

// What has no elements is still of the shape and dtype that the steps make.
func TestOfNothing(t *testing.T) {
	for _, c := range []struct {
		shape, steps string
		want         string
		out          tensor.Shape
	}{
		{"0 3", "pad 1:2,0; constant=7", "[[7. 7. 7.] [7. 7. 7.] [7. 7. 7.]]", tensor.Shape{3, 3}},
		{"2 0", "reduce sum a b -> a", "[0. 0.]", tensor.Shape{2}},
		{"3 4", "select 2:2", "[]", tensor.Shape{0, 4}},
		{"0 4", "flip 0", "[]", tensor.Shape{0, 4}},
		{"0 4", "rearrange a b -> (b a)", "[]", tensor.Shape{0}},
	} {
		got, err := derive(t, &operate.Pipeline{Steps: steps(t, c.steps)}, stored(t, parsed(t, "f32", c.shape))...)
		if err != nil {
			t.Errorf("%s: %v", c.steps, err)
			continue
		}
		v, err := got[0].Read(ctx)
		must(t, err)
		if text := strings.Join(strings.Fields(v.String()), " "); text != c.want || !v.Shape().Equal(c.out) {
			t.Errorf("%s of (%s): %v %s, want %v %s", c.steps, c.shape, v.Shape(), text, c.out, c.want)
		}
	}
	_, err := derive(t, &operate.Pipeline{Steps: steps(t, "reduce max a b -> a")}, stored(t, parsed(t, "f32", "2 0"))...)
	var e *tensor.Error
	if !errors.Is(err, tensor.ErrShape) || !errors.As(err, &e) || e.Got != "no elements" {
		t.Errorf("%v", err)
	}
}

// Rates are whole numbers, of any dtype that an attribute has; what becomes of them
// is counted.
func TestRates(t *testing.T) {
	rated := func(rate any) []*tensorfile.Tensor {
		return stored(t, stock{tensor.F32, tensor.Shape{100}, tensorfile.Attrs{"sample_rate": rate}})
	}
	for _, rate := range []any{int64(8000), 8000.0, float32(8000)} {
		got, err := derive(t, &operate.Pipeline{Steps: steps(t, "rate 4000")}, rated(rate)...)
		must(t, err)
		if !got[0].Shape().Equal(tensor.Shape{50}) {
			t.Errorf("%T: %v", rate, got[0].Shape())
		}
	}
	for _, c := range []struct {
		src   []*tensorfile.Tensor
		step  string
		kind  error
		field string
		got   string
	}{
		{rated(float32(8000.5)), "rate 4000", tensor.ErrShape, "attribute sample_rate", "8000.5"},
		{rated(nil), "rate 4000", tensor.ErrShape, "attribute sample_rate", "none"},
		{[]*tensorfile.Tensor{described(t, tensor.Shape{1 << 61})}, "rate 1:4", tensor.ErrOverflow, "rate 1:4", fmt.Sprintf("(%d,)", int64(1)<<61)},
		{[]*tensorfile.Tensor{described(t, tensor.Shape{1 << 62}), described(t, tensor.Shape{1 << 62})}, "concat 0", tensor.ErrOverflow, "concat", "axis 0"},
		{stored(t, parsed(t, "bool", "8 2")), "mono", tensor.ErrDType, "", ""},
		{stored(t, parsed(t, "bool", "8")), "rate 1:2", tensor.ErrDType, "", ""},
		{stored(t, parsed(t, "c64", "4 4 3")), "channels 1", tensor.ErrDType, "", ""},
		{stored(t, parsed(t, "c64", "4 4 3")), "resize 2x2", tensor.ErrDType, "", ""},
		{stored(t, parsed(t, "f32", "")), "dtype i4", tensor.ErrShape, "dtype", "i4 of rank 0"},
	} {
		_, err := derive(t, &operate.Pipeline{Steps: steps(t, c.step)}, c.src...)
		var e *tensor.Error
		if !errors.Is(err, c.kind) || !errors.As(err, &e) || c.field != "" && (e.Field != c.field || e.Got != c.got) {
			t.Errorf("%s: %v, want %v, %s: got %s", c.step, err, c.kind, c.field, c.got)
		}
	}
}
