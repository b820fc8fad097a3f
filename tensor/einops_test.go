package tensor

import (
	"errors"
	"testing"
)

// counted is a C-order tensor whose elements are 0, 1, 2, ...
func counted(t testing.TB, s ...int64) View {
	t.Helper()
	n, err := Shape(s).NumElements()
	if err != nil {
		t.Fatal(err)
	}
	x := make([]int32, n)
	for i := range x {
		x[i] = int32(i)
	}
	v, err := FromSlice(x, s...)
	if err != nil {
		t.Fatal(err)
	}
	if len(s) == 0 {
		t.Fatal("no shape")
	}
	return v
}

func TestRearrangeViewOrCopy(t *testing.T) {
	for _, c := range []struct {
		in      Shape
		pattern string
		sizes   Sizes
		out     Shape
		copied  bool
	}{
		{Shape{2, 3, 4}, "a b c -> c a b", nil, Shape{4, 2, 3}, false},
		{Shape{2, 3, 4}, "a b c -> (a b) c", nil, Shape{6, 4}, false},
		{Shape{2, 3, 4}, "a b c -> (b a) c", nil, Shape{6, 4}, true},
		{Shape{2, 3, 4}, "a b c -> a (b c)", nil, Shape{2, 12}, false},
		{Shape{2, 3, 4}, "a b c -> (b c) a", nil, Shape{12, 2}, false},
		{Shape{2, 3, 4}, "... -> (...)", nil, Shape{24}, false},
		{Shape{2, 3, 4}, "a ... -> (...) a", nil, Shape{12, 2}, false},
		{Shape{2, 3, 4}, "a b (c d) -> a 1 d b c ()", Sizes{"d": 2}, Shape{2, 1, 2, 3, 2, 1}, false},
		{Shape{2, 3, 4}, "a b (c d) -> (a c) (b d)", Sizes{"d": 2}, Shape{4, 6}, true},
		{Shape{1, 3, 1}, "1 b () -> b", nil, Shape{3}, false},
		{Shape{0, 3}, "a b -> (b a)", nil, Shape{0}, false},
	} {
		v := counted(t, c.in...)
		out, copied, err := Rearrange(v, c.pattern, c.sizes)
		if err != nil || copied != c.copied || !out.Shape().Equal(c.out) {
			t.Errorf("%s of %v: %v, copied %v, %v", c.pattern, c.in, out.Shape(), copied, err)
		}
	}
	_, _, err := Rearrange(counted(t, 2, 3), "(a b) c -> a b c", Sizes{"a": 4})
	if !errors.Is(err, ErrShape) {
		t.Error(err)
	}
	t.Log(err)
}
