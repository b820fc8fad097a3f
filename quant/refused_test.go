package quant

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// What a call refuses: kind, field and what it got.
func TestRefusedSchemes(t *testing.T) {
	v := must(must(tensor.FromSlice([]float32{1, -2, 3, -4}))(t).Reshape(tensor.Shape{2, 2}))(t)
	wrong := Scheme{Values: tensor.I8, Rule: 99}
	one := func(_ any, err error) error { return err }
	for what, err := range map[string]error{
		"Quantise": one(Quantise(context.Background(), v, wrong, 1)),
		"Group":    one(wrong.Group(v.Shape())),
	} {
		var e *tensor.Error
		if !errors.As(err, &e) || e.Field != "rule" || e.Got != "99" || e.Want != "AbsMax, MinMax or MX" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := wrong.String(); got != "i8" {
		t.Errorf("text %q", got)
	}
	for _, n := range []int64{0, -1, math.MaxUint32 + 1} {
		var e *tensor.Error
		_, err := Quantise(context.Background(), v, Scheme{Values: tensor.I8, Block: []int64{n}}, 1)
		if !errors.As(err, &e) || e.Field != "block" || e.Got != tensor.Shape([]int64{n}).String() {
			t.Errorf("block %d: %v", n, err)
		}
	}
	var e *tensor.Error
	if _, err := (Scheme{Values: tensor.I8}).Group(tensor.Shape{1 << 33}); !errors.As(err, &e) || !errors.Is(err, tensor.ErrUnsupported) || e.Field != "group" || e.Got != "[8589934592]" {
		t.Errorf("a group of 2^33: %v", err)
	}
	for _, text := range []string{"i8:group=2,block=2", "i8:scales=none"} {
		if s, err := ParseScheme(text); err == nil {
			t.Errorf("%s: %v", text, s)
		}
	}
	a := must(Quantise(context.Background(), v, Scheme{Values: tensor.I8}, 1))(t)
	dst := must(tensor.Make(tensor.F32, tensor.Shape{2, 2}))(t)
	sel := must(tensor.ParseSelection("[7]"))(t)
	if err := a.DequantiseInto(context.Background(), dst, 1, sel, sel); !errors.Is(err, tensor.ErrIndex) || err.Error() != errSelections().Error() {
		t.Errorf("two selections: %v", err)
	}
	if err := a.DequantiseInto(context.Background(), dst, 1, sel); !errors.Is(err, tensor.ErrIndex) {
		t.Errorf("a row that is not there: %v", err)
	}
	stop, cancel := context.WithCancel(context.Background())
	cancel()
	if err := a.DequantiseInto(stop, dst, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
	blocks := must(tensor.Make(must(tensor.ParseDType("q8_0"))(t), tensor.Shape{2, 32}))(t)
	if err := DequantiseBlocks(stop, must(tensor.Make(tensor.F64, tensor.Shape{2, 32}))(t), blocks, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("blocks, called off: %v", err)
	}
	if _, err := Quantise(stop, v, Scheme{Values: tensor.I8}, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
}

// A result that is written past the cache has the elements of one that is not.
func TestLargeResult(t *testing.T) {
	const rows, columns = 2200, 1000 // more than 4 MiB of bf16
	list := make([]float32, rows*columns)
	for i := range list {
		list[i] = float32(i%8191) - 4000
	}
	v := must(must(tensor.FromSlice(list))(t).Reshape(tensor.Shape{rows, columns}))(t)
	a := must(Quantise(context.Background(), v, Scheme{Values: tensor.I8, Block: []int64{100}}, 0))(t)
	row := must(tensor.ParseSelection("[777]"))(t)
	for _, d := range []tensor.DType{tensor.F32, tensor.BF16} {
		all := must(a.Dequantise(context.Background(), d))(t)
		got := must(must(all.Select(row))(t).Clone())(t)
		want := must(a.Dequantise(context.Background(), d, row))(t)
		x, y := must(got.Bytes())(t), must(want.Bytes())(t)
		if string(x) != string(y) || len(x) != columns*int(d.UnitBytes) {
			t.Errorf("%v: row 777 of all is not row 777", d)
		}
	}
}
