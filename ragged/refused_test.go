package ragged

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// What a call says of an argument that does not fit: field, what it got and
// what it wanted.
func TestRefusedSaysWhy(t *testing.T) {
	a := must(FromSlices([][]float64{{1}, {2, 3}}))(t)
	wide := must(FromDense(must(tensor.Make(tensor.F64, tensor.Shape{1, 2, 3}))(t), nil))(t)
	none := must(FromSlices([][]float64{}))(t)
	s := must(FromStrings([]string{"a", "b"}, 2))(t)
	scalar := must(FromStrings([]string{"a"}))(t)
	scalar = must(scalar.Reshape(tensor.Shape{}))(t)
	number := must(tensor.FromSlice([]float64{7}))(t)
	one := func(_ any, err error) error { return err }
	for what, c := range map[string]struct {
		err              error
		kind             error
		field, got, want string
	}{
		"a row of none":      {one(none.Row(0)), tensor.ErrIndex, "row", "0", "none, as there are no rows"},
		"elements of row 2":  {one(Data[float64](a, 2)), tensor.ErrIndex, "row", "2", "-2 to 1"},
		"a length below 0":   {one(a.Dense(background, &DenseOptions{Length: -1})), tensor.ErrShape, "length", "-1", "0 or more"},
		"a fill of rank 1":   {one(a.Dense(background, &DenseOptions{Fill: number})), tensor.ErrShape, "fill", tensor.Shape{1}.String(), "one element of rank 0"},
		"lengths of one row": {one(FromDense(must(tensor.Make(tensor.F32, tensor.Shape{2, 2}))(t), []int64{1})), tensor.ErrShape, "lengths", "1", "2, one for each row"},
		"a row of rank 0":    {one(FromRows(number, must(number.Reshape(tensor.Shape{}))(t))), tensor.ErrShape, "row 1", "()", "an axis 0"},
		"other inner axes":   {one(Concat(background, a, wide)), tensor.ErrShape, "array 1", "values of shape " + tensor.Shape{3}.String(), tensor.Shape{}.String()},
		"no strings":         {one(ConcatStrings(background)), tensor.ErrShape, "strings", "none", "one or more"},
		"strings of rank 0":  {one(ConcatStrings(background, scalar)), tensor.ErrShape, "strings", "rank 0", "an axis 0"},
		"rows of rank 0":     {one(scalar.Slice(0, 1)), tensor.ErrShape, "strings", "rank 0", "an axis 0"},
		"values of nothing":  {one(New(ptrs(t, int64(0)), tensor.View{}, 0)), tensor.ErrFormat, "shape of values", tensor.Shape{}.String(), "1 to 31 axes"},
	} {
		var e *tensor.Error
		if !errors.As(c.err, &e) || !errors.Is(c.err, c.kind) || e.Field != c.field || e.Got != c.got || e.Want != c.want {
			t.Errorf("%s: %v\nwant %v, %s, %s, %s", what, c.err, c.kind, c.field, c.got, c.want)
		}
	}
	packed := must(must(tensor.NewView([]byte{0x21, 0x43}, tensor.U4, tensor.Shape{2, 2}, nil, 0, tensor.HostOrder))(t).Reshape(tensor.Shape{4}))(t)
	nibbles := must(New(ptrs(t, int64(0), 2, 4), packed, -1))(t)
	const whole = "inner axes, or a dtype of whole bytes: cast the values first"
	pairs := must(New(ptrs(t, int64(0), 1, 2), must(packed.Reshape(tensor.Shape{2, 2}))(t), -1))(t)
	many := must(New(must(ptrs(t, int64(0)).BroadcastTo(tensor.Shape{1<<40 + 1}))(t), ptrs[float64](t), 0))(t)
	// Values of no bytes: 2^62 of them lie in no memory.
	empty := must(New(ptrs(t, int64(0), 1<<62), must(tensor.Make(tensor.F64, tensor.Shape{1 << 62, 0}))(t), -1))(t)
	word := ptrs(t, 'x')
	for what, c := range map[string]struct {
		err              error
		kind             error
		field, got, want string
	}{
		"a copy of nibbles":        {one(nibbles.Clone(background, nil)), tensor.ErrUnsupported, "dtype", "u4, whose elements share bytes", whole},
		"half a byte of each":      {one(pairs.Select(must(tensor.ParseSelection("[:, :, 1]"))(t))), tensor.ErrUnsupported, "index", "the last axis on u4 (2, 2)", "whole units of 2 elements in order: unpack first"},
		"2^80 cells":               {one(many.Dense(background, &DenseOptions{Length: 1 << 40})), tensor.ErrOverflow, "shape", "(1099511627776, 1099511627776)", "at most 2^63-1 elements (zero extents aside)"},
		"2^63 rows of none":        {one(must(empty.Take([]int64{0, 0}))(t).Clone(background, nil)), tensor.ErrOverflow, "rows", "more elements than int64 counts", "fewer"},
		"2^63 values behind":       {one(Concat(background, empty, empty)), tensor.ErrOverflow, "rows", "more than 2^62 elements", "fewer"},
		"rows of two dtypes":       {one(FromRows(number, word)), tensor.ErrDType, "concatenate", "i32 at place 1", "f64 as before: cast first"},
		"rows of two shapes":       {one(FromRows(number, must(tensor.Make(tensor.F64, tensor.Shape{1, 2}))(t))), tensor.ErrShape, "concatenate", "(1, 2) at place 1", "(1,) but for axis 0"},
		"offsets that are floats":  {one(NewStrings(ptrs(t, 0.0, 1), ptrs(t, byte('a')), nil)), tensor.ErrFormat, "dtype of offsets", "f64", "an int or uint of 8 to 64 bits"},
		"a string before the last": {one(must(NewStrings(ptrs(t, int8(0), 2, 1), ptrs(t, byte('a')), nil))(t).Bytes(1)), tensor.ErrCorrupt, "offsets[1]", "2", "at most 1, the elements that there are"},
		"an offset below 0":        {must(must(New(ptrs(t, int64(0), 1, -1, 3), ptrs(t, 1.0, 2, 3), -1))(t).Slice(2, 3))(t).Validate(background, nil), tensor.ErrCorrupt, "offsets[0]", "-1", "0 to 3"},
		"2^24 and one byte":        {one(must(FromStrings([]string{strings.Repeat("x", 1<<24+1)}))(t).Text(background, tensor.Text(0), nil)), tensor.ErrLimit, "string", "16777217 long", "at most 16 MiB for text of fixed width"},
		"strings that are wrong":   {one(ConcatStrings(background, must(NewStrings(ptrs(t, int64(0), 1), ptrs(t, byte(0xff)), nil))(t))), tensor.ErrCorrupt, "byte 0 of string 0", "ff", "UTF-8"},
	} {
		var e *tensor.Error
		if !errors.As(c.err, &e) || !errors.Is(c.err, c.kind) || e.Field != c.field || e.Got != c.got || e.Want != c.want {
			t.Errorf("%s: %v\nwant %v, %s, %s, %s", what, c.err, c.kind, c.field, c.got, c.want)
		}
	}
	if _, err := s.Bytes(2); !errors.Is(err, tensor.ErrIndex) {
		t.Errorf("string 2: %v", err)
	}
}

// Work that is called off ends with what its context says, and a second check
// of what was found right does nothing.
func TestCalledOff(t *testing.T) {
	stop, cancel := context.WithCancel(background)
	cancel()
	a := must(FromSlices([][]float64{{1}, {2, 3}}))(t)
	s := must(FromStrings([]string{"a", "é", "ccc"}, 3))(t)
	one := func(_ any, err error) error { return err }
	for what, err := range map[string]error{
		"Lengths":      one(must(New(ptrs(t, int64(0), 1, 3), ptrs(t, 1.0, 2, 3), 2))(t).Lengths(stop)),
		"Strings.List": one(s.List(stop)),
		"Array.Clone":  one(a.Clone(stop, nil)),
		"Array.Parts":  second(a.Parts(stop, nil)),
		"a slice":      second(must(a.Slice(1, 2))(t).Parts(stop, nil)),
		"of strings":   second(must(s.Slice(1, 2))(t).Parts(stop, nil)),
		"Array.Dense":  one(a.Dense(stop, nil)),
		"Strings.Text": one(s.Text(stop, tensor.UTF32(4), nil)),
		"Concat":       one(Concat(stop, a, a)),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for range 2 {
		if err := errors.Join(a.Validate(background, nil), s.Validate(background, nil)); err != nil {
			t.Error(err)
		}
	}
	for text, err := range s.All() { // the first is enough
		if text != "a" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
		break
	}
	for row, err := range a.All() {
		if err != nil || row.String() != "[1.]" {
			t.Errorf("%v, %v", row, err)
		}
		break
	}
}

func second(_, _ tensor.View, err error) error { return err }

// Rows of a dense tensor that does not lie in C order, filled with another type.
func TestDenseOfTurned(t *testing.T) {
	v := must(must(must(tensor.FromSlice([]float32{1, 4, 2, 5, 3, 6}))(t).Reshape(tensor.Shape{3, 2}))(t).Permute(1, 0))(t)
	a := must(FromDense(v, []int64{2, 3}))(t)
	fill := must(must(tensor.FromSlice([]int8{-1}))(t).Reshape(tensor.Shape{}))(t)
	got := must(tensor.Data[float32](must(a.Dense(background, &DenseOptions{Fill: fill}))(t)))(t)
	want := []float32{1, 2, -1, 4, 5, 6}
	for i, x := range want {
		if got[i] != x {
			t.Fatalf("%v, want %v", got, want)
		}
	}
}
