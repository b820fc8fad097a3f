package ragged

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// calledOff is a context that is called off when it has been asked n times.
type calledOff struct {
	context.Context
	left, asked atomic.Int64
}

func calledOffAfter(n int64) *calledOff {
	c := &calledOff{Context: background}
	c.left.Store(n)
	return c
}

func (c *calledOff) Err() error {
	c.asked.Add(1)
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// every is all that takes a context, of arrays and strings of which nothing is known.
func every(t *testing.T) map[string]func(ctx context.Context, o *Options) (any, error) {
	rows := func() *Array {
		return must(New(ptrs(t, int64(0), 2, 2, 5, 6), ptrs(t, 1.5, 2, 3, 4, 5, 6), 3))(t)
	}
	turned := func() *Array { // values with a stride
		v := must(must(tensor.FromSlice([]float64{1, 9, 2, 9, 3, 9}))(t).Slice(0, 0, 6, 2))(t)
		return must(New(ptrs(t, int64(0), 1, 3), v, 2))(t)
	}
	texts := func() *Strings {
		raw := []byte("aéß€" + strings.Repeat("long ", 40))
		return must(NewStrings(ptrs(t, int32(0), 1, 3, 5, 8, int32(len(raw))), must(tensor.FromSlice(raw))(t), tensor.Shape{5}))(t)
	}
	apart := func() *Strings { // bytes with a stride
		raw := must(tensor.FromSlice([]byte("a-b-c-d-")))(t)
		return must(NewStrings(ptrs(t, int64(0), 1, 1, 4), must(raw.Slice(0, 0, 8, 2))(t), tensor.Shape{3}))(t)
	}
	ops := map[string]func(ctx context.Context, o *Options) (any, error){}
	for what, of := range map[string]func() *Array{"rows": rows, "strided": turned, "picked": func() *Array { return must(rows().Take([]int64{3, 0, 0}))(t) }} {
		ops["Validate "+what] = func(ctx context.Context, o *Options) (any, error) { return nil, of().Validate(ctx, o) }
		ops["Longest "+what] = func(ctx context.Context, o *Options) (any, error) { return of().Longest(ctx) }
		ops["Lengths "+what] = func(ctx context.Context, o *Options) (any, error) { return of().Lengths(ctx) }
		ops["Clone "+what] = func(ctx context.Context, o *Options) (any, error) { return of().Clone(ctx, o) }
		ops["Parts "+what] = func(ctx context.Context, o *Options) (any, error) {
			a, b, err := of().Parts(ctx, o)
			return fmt.Sprint(a, b), err
		}
		ops["Dense "+what] = func(ctx context.Context, o *Options) (any, error) { return of().Dense(ctx, &DenseOptions{Options: *o}) }
		ops["Concat "+what] = func(ctx context.Context, o *Options) (any, error) { return Concat(ctx, of(), of()) }
	}
	for what, of := range map[string]func() *Strings{"texts": texts, "apart": apart, "picked": func() *Strings {
		return must(texts().Select(must(tensor.ParseSelection("::-2"))(t)))(t)
	}} {
		ops["Validate "+what] = func(ctx context.Context, o *Options) (any, error) { return nil, of().Validate(ctx, o) }
		ops["List "+what] = func(ctx context.Context, o *Options) (any, error) { return of().List(ctx) }
		ops["Lengths "+what] = func(ctx context.Context, o *Options) (any, error) { return of().Lengths(ctx) }
		ops["Parts "+what] = func(ctx context.Context, o *Options) (any, error) {
			a, b, err := of().Parts(ctx, o)
			return fmt.Sprint(a, b), err
		}
		ops["TextDType "+what] = func(ctx context.Context, o *Options) (any, error) { return of().TextDType(ctx, tensor.UTF32(0), o) }
		ops["Text "+what] = func(ctx context.Context, o *Options) (any, error) { return of().Text(ctx, tensor.UTF32(210), o) }
		ops["Concat "+what] = func(ctx context.Context, o *Options) (any, error) { return ConcatStrings(ctx, of(), of()) }
	}
	return ops
}

// told is a result as text.
func told(t *testing.T, x any) string {
	t.Helper()
	switch x := x.(type) {
	case *Array:
		a, b, err := x.Parts(background, nil)
		return fmt.Sprint(a, b, err)
	case *Strings:
		l, err := x.List(background)
		return fmt.Sprintf("%q %v", l, err)
	}
	return fmt.Sprint(x)
}

// Whatever takes a context ends with its error wherever it is called off, or had
// nothing left to do, and with ErrLimit where there is too little memory; what is
// done is the same whatever the limits.
func TestEveryCallWithin(t *testing.T) {
	off, small := 0, 0
	for what, op := range every(t) {
		count := calledOffAfter(math.MaxInt64)
		x, err := op(count, &Options{Workers: 1})
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		want := told(t, x)
		for at := range min(count.asked.Load(), 40) {
			x, err := op(calledOffAfter(at), &Options{Workers: 1})
			switch {
			case err == nil && told(t, x) != want:
				t.Errorf("%s, called off at %d: %v, want %s", what, at, x, want)
			case err != nil && !errors.Is(err, context.Canceled):
				t.Errorf("%s, called off at %d: %v", what, at, err)
			case err != nil:
				off++
			}
		}
		for most := int64(1); most < 1<<12; most *= 2 {
			x, err := op(background, &Options{Workers: 2, MaxBytes: most})
			switch {
			case err == nil && told(t, x) != want:
				t.Errorf("%s within %d bytes: %v, want %s", what, most, x, want)
			case err != nil && !errors.Is(err, tensor.ErrLimit):
				t.Errorf("%s within %d bytes: %v", what, most, err)
			case err != nil:
				small++
			}
		}
	}
	if t.Logf("called off %d times, too little memory %d times", off, small); off < 40 || small < 20 {
		t.Error("too few")
	}
}

// What adds up to more than an int64 counts is refused before anything is made of it.
func TestSumsThatOverflow(t *testing.T) {
	one := must(FromStrings([]string{"x", "yy"}))(t)
	if one.Len() != 2 || fmt.Sprint(must(one.Lengths(background))(t)) != "[1 2]" {
		t.Error(one.Len())
	}
	none := must(tensor.Make(tensor.U8, tensor.Shape{0}))(t)
	many := must(NewStrings(ptrs(t, int64(0)), none, tensor.Shape{math.MaxInt64, 0}))(t)
	if _, err := ConcatStrings(background, many, many); !errors.Is(err, tensor.ErrOverflow) {
		t.Error(err)
	}
	if _, err := behind([]int64{0, 1 << 61}, ptrs(t, int64(0), 1<<61)); err != nil {
		t.Error(err)
	}
	if _, err := behind([]int64{0, 1 << 61}, ptrs(t, int64(0), 1<<61+1)); !errors.Is(err, tensor.ErrOverflow) {
		t.Error(err)
	}
	var e *tensor.Error
	if _, err := New(ptrs(t, int64(0)), tensor.View{}, 0); !errors.As(err, &e) {
		t.Error(err)
	}
}

// Inner axes are taken in any order, to the first element, too.
func TestInnerAxesBackwards(t *testing.T) {
	v := must(must(tensor.FromSlice([]int32{1, 2, 3, 4, 5, 6, 7, 8, 9}))(t).Reshape(tensor.Shape{3, 3}))(t)
	a := must(New(ptrs(t, int64(0), 1, 3), v, 2))(t)
	b := must(a.Select(must(tensor.ParseSelection(":, :, ::-1"))(t)))(t)
	got := must(b.Row(1))(t)
	want := must(must(tensor.FromSlice([]int32{6, 5, 4, 9, 8, 7}))(t).Reshape(tensor.Shape{2, 3}))(t)
	if got.String() != want.String() {
		t.Errorf("%v, want %v", got, want)
	}
}
