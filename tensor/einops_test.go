package tensor

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/internal/cast"
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
	v, err := NewView(cast.Bytes(x), I32, s, nil, 0, HostOrder)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A result that is said to be a view lies in the bytes of its source and has
// none of its own; one that is said to be a copy shares none.
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
		{Shape{2, 3, 4}, "a ... -> (... a)", nil, Shape{24}, true},
		{Shape{2, 3, 4}, "a b (c d) -> a 1 d b c ()", Sizes{"d": 2}, Shape{2, 1, 2, 3, 2, 1}, false},
		{Shape{2, 3, 4}, "a b (c d) -> (a c) (b d)", Sizes{"d": 2}, Shape{4, 6}, true},
		{Shape{1, 3, 1}, "1 b () -> b", nil, Shape{3}, false},
		{Shape{}, "->1", nil, Shape{1}, false},
	} {
		v := counted(t, c.in...)
		before := append([]byte(nil), v.bytes()...)
		out, copied, err := Rearrange(v, c.pattern, c.sizes)
		if err != nil || copied != c.copied || !out.Shape().Equal(c.out) {
			t.Errorf("%s of %v: %v, copied %v, %v", c.pattern, c.in, out.Shape(), copied, err)
			continue
		}
		inside := cast.Same(out.data, v.data) && len(out.data) == len(v.data)
		if inside == copied || copied == cast.Overlap(out.Span(), v.Span()) {
			t.Errorf("%s of %v: copied %v, but in the memory of the source %v", c.pattern, c.in, copied, inside)
		}
		// An element written through a view is one of the source.
		last := make([]int64, out.Rank())
		for i := range last {
			last[i] = -1
		}
		if err := WriteElem[int32](out, -7, last...); err != nil {
			t.Fatal(err)
		}
		if changed := string(before) != string(v.bytes()); changed == copied {
			t.Errorf("%s of %v: copied %v, but a write reached the source: %v", c.pattern, c.in, copied, changed)
		}
	}
}

// Views allocate shapes and strides, whatever the size of the tensor.
func TestRearrangeViewsCopyNothing(t *testing.T) {
	small, large := counted(t, 4, 6, 8, 3), counted(t, 40, 60, 80, 3)
	for _, pattern := range []string{"b h w c -> b c h w", "b h w c -> (b h) w c", "b h w c -> w 1 c () b h"} {
		allocs := func(v View) float64 {
			return testing.AllocsPerRun(20, func() {
				if _, copied, err := Rearrange(v, pattern, nil); copied || err != nil {
					t.Fatal(copied, err)
				}
			})
		}
		if a, b := allocs(small), allocs(large); a != b || b > 150 {
			t.Errorf("%s: %v allocations, %v for more elements", pattern, a, b)
		}
	}
}

func TestRepeatViews(t *testing.T) {
	v := counted(t, 2, 3)
	for pattern, want := range map[string]bool{"a b -> a b 4": false, "a b -> 4 a b": false, "a b -> a (b r)": true, "a b -> (r a) b": true, "a b -> a (r 1) b": false} {
		out, copied, err := Repeat(v, pattern, map[bool]Sizes{true: {"r": 3}}[strings.Contains(pattern, "r")])
		if err != nil || copied != want {
			t.Errorf("%s: copied %v, %v", pattern, copied, err)
		}
		if err == nil && !copied && !cast.Overlap(out.Span(), v.Span()) {
			t.Errorf("%s: a view of something else", pattern)
		}
	}
	out, _, err := Repeat(v, "a b -> a b 1000000 1000000", nil)
	if err != nil || out.NumElements() != 6e12 {
		t.Errorf("%v, %v", out.NumElements(), err)
	}
	if _, _, err = Repeat(v, "a b -> (a 1000000000) (b 1000000000)", nil); !errors.Is(err, ErrLimit) && !errors.Is(err, ErrOverflow) {
		t.Errorf("a copy of 24 exabytes: %v", err)
	}
	if _, _, err = Repeat(v, "a b -> (a 9000000000000000000) b", nil); !errors.Is(err, ErrOverflow) {
		t.Errorf("an axis beyond 63 bits: %v", err)
	}
}

func TestEinopsErrors(t *testing.T) {
	v := counted(t, 6, 4)
	for _, c := range []struct {
		op, pattern string
		sizes       Sizes
		kind        error
		text        string
	}{
		{"rearrange", "(a b) c -> a b c", Sizes{"a": 4}, ErrShape, `rearrange "(a b) c -> a b c": shape mismatch: axis 0 (a b): got length 6, want one that can be divided in chunks of 4`},
		{"rearrange", "(a b) c -> a b c", Sizes{"a": 2, "b": 2}, ErrShape, `rearrange "(a b) c -> a b c": shape mismatch: axis 0 (a b): got length 6, want 4`},
		{"rearrange", "(a b) c -> a b c", nil, ErrShape, `rearrange "(a b) c -> a b c": could not infer sizes for a b: got axis 0 (a b), want at most one unknown size`},
		{"rearrange", "a b c -> a b c", nil, ErrShape, `rearrange "a b c -> a b c": wrong shape: got 2-dim tensor (6, 4), want 3 dims`},
		{"rearrange", "a b c ... -> a b c ...", nil, ErrShape, `rearrange "a b c ... -> a b c ...": wrong shape: got 2-dim tensor (6, 4), want >=3 dims`},
		{"rearrange", "a b -> a", nil, ErrFormat, `rearrange "a b -> a": identifiers only on one side of expression (should be on both): got b`},
		{"rearrange", "a 4 -> a 4", nil, ErrFormat, `rearrange "a 4 -> a 4": non-unitary anonymous axes are not supported in rearrange (exception is length 1): malformed`},
		{"rearrange", "a b -> b a", Sizes{"c": 2}, ErrShape, `rearrange "a b -> b a": axis "c" is not used in transform: shape mismatch`},
		{"rearrange", "a b -> b a", Sizes{"a": -6}, ErrShape, `rearrange "a b -> b a": size of axis a: got -6, want 0 or more`},
		{"rearrange", "a a -> a", nil, ErrFormat, `pattern "a a -> a": indexing expression contains duplicate dimension: got "a" twice, want each name once`},
		{"rearrange", "a b_ -> b_ a", nil, ErrFormat, `pattern "a b_ -> b_ a": invalid axis identifier: got "b_", want a name that does not start or end with underscore`},
		{"rearrange", "a b", nil, ErrFormat, `pattern "a b": sides: got 1, want two, with "->" between`},
		{"rearrange", "a (b (c)) -> a", nil, ErrFormat, `pattern "a (b (c)) -> a": axis composition is one-level (brackets inside brackets not allowed): malformed`},
		{"rearrange", "a\tb -> b a", nil, ErrFormat, `pattern "a\tb -> b a": unknown character: got "\t", want letters, digits, _, parentheses and spaces`},
		{"rearrange", "a -> a ...", nil, ErrFormat, `pattern "a -> a ...": ellipsis found in right side, but not left side: malformed`},
		{"rearrange", "(a ...) -> a ...", nil, ErrFormat, `pattern "(a ...) -> a ...": ellipsis inside parenthesis in the left side is not allowed: malformed`},
		{"repeat", "a b -> a b c", nil, ErrShape, `repeat "a b -> a b c": specify sizes for new axes in repeat: got none for c`},
		{"repeat", "a b -> a", nil, ErrFormat, `repeat "a b -> a": unexpected identifiers on the left side of repeat: got b, want identifiers of the right side`},
		{"reduce", "a b -> a c", nil, ErrFormat, `reduce "a b -> a c": unexpected identifiers on the right side of reduce: got c, want identifiers of the left side`},
		{"reduce", "a 3 -> a", nil, ErrShape, `reduce "a 3 -> a": shape mismatch: axis 1 (3): got length 4, want 3`},
	} {
		var err error
		switch c.op {
		case "rearrange":
			_, _, err = Rearrange(v, c.pattern, c.sizes)
		case "repeat":
			_, _, err = Repeat(v, c.pattern, c.sizes)
		default:
			_, err = Reduce(v, c.pattern, Sum, c.sizes)
		}
		if !errors.Is(err, c.kind) || err.Error() != c.text {
			t.Errorf("%s %q %v:\n %v, want\n %s", c.op, c.pattern, c.sizes, err, c.text)
		}
	}
	if _, err := ParseReduction("median"); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
	for _, c := range []struct {
		vs   []View
		kind error
	}{{nil, ErrShape}, {[]View{v, counted(t, 4, 6)}, ErrShape}, {[]View{v, benchView(t, U8, 6, 4)}, ErrDType}} {
		if _, _, err := RearrangeAll(c.vs, "n a b -> n a b", nil); !errors.Is(err, c.kind) {
			t.Errorf("list of %d: %v", len(c.vs), err)
		}
	}
	ones := make(Shape, MaxRank)
	for i := range ones {
		ones[i] = 1
	}
	if _, _, err := Rearrange(counted(t, ones...), "... -> 1 ...", nil); !errors.Is(err, ErrLimit) {
		t.Errorf("rank 33: %v", err)
	}
}

func benchView(t testing.TB, d DType, s ...int64) View {
	t.Helper()
	v, err := Make(d, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Packed dtypes move in whole units, or not at all: whatever comes out equals
// what the unpacked elements give.
func TestRearrangePacked(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	worked, refused := 0, 0
	for range 4000 {
		d := []DType{I4, U4, Bool1, F4E2M1, F6E2M3}[r.IntN(5)]
		s := Shape{1 + r.Int64N(4), 1 + r.Int64N(4), []int64{1, 2, 3, 4, 7, 8, 16, 24}[r.IntN(8)]}
		wide := benchView(t, I8, s...)
		for i := range wide.bytes() {
			wide.bytes()[i] = byte(r.IntN(2))
		}
		packed, err := wide.Cast(d)
		if err != nil {
			t.Fatal(err)
		}
		c := []struct {
			pattern string
			sizes   Sizes
		}{
			{"a b c -> b a c", nil}, {"a b c -> (a b) c", nil}, {"a b c -> a (b c)", nil}, {"a b c -> (b a c)", nil}, {"a b c -> c a b", nil},
			{"a b (c k) -> a k b c", Sizes{"k": 2}}, {"a b (k c) -> k a b c", Sizes{"k": 2}}, {"a b (k c) -> (k b) (a c)", Sizes{"c": 8}},
			{"a b c -> a b c 1", nil}, {"a b c -> 1 a b () c", nil}, {"a b c -> a b (c 1)", nil}, {"a b 1 -> a b", nil},
		}[r.IntN(12)]
		want, _, wantErr := Rearrange(wide, c.pattern, c.sizes)
		got, _, err := Rearrange(packed, c.pattern, c.sizes)
		if wantErr != nil {
			if err == nil {
				t.Fatalf("%s of %v %v: %v is refused unpacked: %v", c.pattern, d, s, got.shape, wantErr)
			}
			continue
		}
		if err != nil {
			if !errors.Is(err, ErrUnsupported) {
				t.Fatalf("%s of %v %v: %v", c.pattern, d, s, err)
			}
			refused++
			continue
		}
		plain, err := got.Cast(I8)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := Equal(plain, want); err != nil || !same {
			t.Fatalf("%s of %v %v: other elements (%v)", c.pattern, d, s, err)
		}
		worked++
	}
	t.Logf("%d worked, %d refused", worked, refused)
	if worked < 1200 || refused < 500 {
		t.Error("too few")
	}
	if _, err := Reduce(benchView(t, I4, 2, 8), "a b -> a", Sum, nil); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a reduction of packed elements: %v", err)
	}
	if _, err := Reduce(benchView(t, Text(3), 2, 8), "a b -> a", Max, nil); !errors.Is(err, ErrDType) {
		t.Errorf("a reduction of text: %v", err)
	}
}

// Both byte orders give the same elements.
func TestReduceByteOrders(t *testing.T) {
	for _, d := range []DType{I16, U32, F32, F64, F16, BF16, C64} {
		v := benchView(t, F64, 40, 50)
		x, _ := Data[float64](v)
		for i := range x {
			x[i] = float64(i%17) - 5
		}
		in, err := v.Cast(d)
		if err != nil {
			t.Fatal(err)
		}
		other := BigEndian
		if HostOrder == BigEndian {
			other = LittleEndian
		}
		swapped, err := NewView(make([]byte, in.ByteSize()), d, in.shape, nil, 0, other)
		if err == nil {
			err = Copy(swapped, in)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range []Reduction{Min, Max, Sum, Mean, Prod, Any, All} {
			for _, pattern := range []string{"a b -> a", "a b -> b", "a (b 2) -> b a"} {
				a, err := Reduce(in, pattern, op, nil)
				if err != nil {
					t.Fatal(err)
				}
				b, err := Reduce(swapped, pattern, op, nil)
				if err != nil {
					t.Fatal(err)
				}
				if same, err := Equal(a, b); err != nil || !same || b.order != HostOrder {
					t.Errorf("%v %s of %v: byte orders differ (%v)", op, pattern, d, err)
				}
			}
		}
	}
}

// The tolerance that Reduce promises, on sums that lose everything when they
// are added one by one.
func TestSumTolerance(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	const n = 1 << 20
	x := make([]float64, n)
	exact, mag := new(exactSum), 0.0
	for i := range x {
		x[i] = (r.Float64() - 0.3) * math.Exp2(float64(r.IntN(40)-20))
		x[i] = float64(float32(x[i]))
		exact.add(x[i])
		mag += math.Abs(x[i])
	}
	v, err := FromSlice(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		d        DType
		ulps, at float64
	}{{F64, 80, 0x1p-53}, {F32, 40, 0x1p-24}} {
		in, err := v.Cast(c.d)
		if err != nil {
			t.Fatal(err)
		}
		check := func(what string, out View, err error, at ...int64) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			got, err := out.Float64At(at...)
			if off := math.Abs(got - exact.sum()); err != nil || off > c.ulps*c.at*mag {
				t.Errorf("%v %s: off by %g of %g, %v", c.d, what, off, mag, err)
			}
		}
		out, err := Reduce(in, "a ->", Sum, nil)
		check("in one run", out, err)
		// Along the first axis: a row for each element.
		column, err := in.Reshape(Shape{in.n, 1})
		if err == nil {
			column, err = column.BroadcastTo(Shape{in.n, 3})
		}
		if err != nil {
			t.Fatal(err)
		}
		out, err = Reduce(column, "a b -> b", Sum, nil)
		check("along the first axis", out, err, 1)
	}
}

// exactSum adds float64 without loss: partial sums that do not overlap.
type exactSum struct{ parts []float64 }

func (e *exactSum) add(x float64) {
	kept := e.parts[:0]
	for _, y := range e.parts {
		if math.Abs(x) < math.Abs(y) {
			x, y = y, x
		}
		hi := x + y
		if lo := y - (hi - x); lo != 0 {
			kept = append(kept, lo)
		}
		x = hi
	}
	e.parts = append(kept, x)
}

func (e *exactSum) sum() (s float64) {
	for _, x := range e.parts {
		s += x
	}
	return s
}

func TestReduceEmpty(t *testing.T) {
	v := benchView(t, F32, 0, 3)
	for op, want := range map[Reduction]float64{Sum: 0, Prod: 1, Any: 0, All: 1, Mean: math.NaN()} {
		out, err := Reduce(v, "a b -> b", op, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range int64(3) {
			if got, err := out.Float64At(i); err != nil || got != want && (got == got || want == want) {
				t.Errorf("%v of nothing is %v, %v, want %v", op, got, err, want)
			}
		}
		if out, err = Reduce(v, "a b -> a", op, nil); err != nil || out.NumElements() != 0 {
			t.Errorf("%v to nothing: %v, %v", op, out.shape, err)
		}
	}
	for _, op := range []Reduction{Min, Max} {
		if _, err := Reduce(v, "a b -> b", op, nil); !errors.Is(err, ErrShape) {
			t.Errorf("%v of nothing: %v", op, err)
		}
		if out, err := Reduce(v, "a b -> a", op, nil); err != nil || out.NumElements() != 0 {
			t.Errorf("%v to nothing: %v, %v", op, out.shape, err)
		}
	}
	means, err := Reduce(benchView(t, C64, 2, 0), "a b -> a", Mean, nil)
	if err != nil {
		t.Fatal(err)
	}
	if x, err := ReadElem[complex64](means, 1); err != nil || !math.IsNaN(float64(real(x))) || !math.IsNaN(float64(imag(x))) {
		t.Errorf("a mean of no complex numbers: %v, %v", x, err)
	}
}

// Reductions allocate for results and blocks, not for elements.
func TestReduceAllocations(t *testing.T) {
	for _, d := range []DType{F32, U8, F64, BF16, I32} {
		small, large := benchView(t, d, 20, 64, 9), benchView(t, d, 20, 2048, 9)
		for _, op := range []Reduction{Sum, Max, Mean, Any, Prod} {
			for _, pattern := range []string{"a b c -> a c", "a b c -> a", "a b c -> c"} {
				allocs := func(v View) float64 {
					return testing.AllocsPerRun(3, func() {
						if _, err := Reduce(v, pattern, op, nil); err != nil {
							t.Fatal(err)
						}
					})
				}
				if a, b := allocs(small), allocs(large); b > a+3 {
					t.Errorf("%v %s of %v: %v allocations, %v for more elements", op, pattern, d, a, b)
				}
			}
		}
	}
}

func TestRearrangeParallel(t *testing.T) {
	v, err := Make(U16, Shape{40, 96, 80, 24})
	if err != nil {
		t.Fatal(err)
	}
	for i := range v.data {
		v.data[i] = byte(uint32(i) * 2654435761 >> 17)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	for _, pattern := range []string{"b h w c -> (b c) h w", "b (h p) w c -> (h w) b (p c)", "b h w c -> h b w c"} {
		sizes := Sizes{}
		if strings.Contains(pattern, "p") {
			sizes["p"] = 2
		}
		want, copied, err := Rearrange(v, pattern, sizes)
		if err != nil {
			t.Fatal(err)
		}
		for _, workers := range []int{0, 1, 3} {
			got, again, err := RearrangeParallel(ctx, v, pattern, sizes, workers)
			if err != nil || again != copied {
				t.Fatal(again, err)
			}
			if same, err := Equal(got, want); !same || err != nil {
				t.Errorf("%s by %d workers: another result, %v", pattern, workers, err)
			}
		}
	}
	stop()
	if out, _, err := RearrangeParallel(ctx, v, "b h w c -> (b c) h w", nil, 2); !errors.Is(err, context.Canceled) || out.n != 0 {
		t.Errorf("after the end: %v, %v", out.shape, err)
	}
	if _, _, err := RearrangeParallel(ctx, v, "b h w c -> b h w", nil, 2); !errors.Is(err, ErrFormat) && !errors.Is(err, ErrShape) {
		t.Errorf("an axis less: %v", err)
	}
}
