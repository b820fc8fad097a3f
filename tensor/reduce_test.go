package tensor

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestReduceLayouts compares Reduce over random layouts with element by element
// arithmetic on integers, where every order gives the same.
func TestReduceLayouts(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	patterns := []struct {
		pattern string
		rank    int
		gone    []int
	}{
		{"a b c d -> a b c", 4, []int{3}},
		{"a b c d -> b c d", 4, []int{0}},
		{"a b c d -> d", 4, []int{0, 1, 2}},
		{"a b c d -> a c", 4, []int{1, 3}},
		{"a b c d -> b d", 4, []int{0, 2}},
		{"a b c d ->", 4, []int{0, 1, 2, 3}},
		{"a b -> a", 2, []int{1}},
		{"a b -> b", 2, []int{0}},
		{"a ->", 1, []int{0}},
	}
	rounds, n := 1500, 0
	if testing.Short() {
		rounds = 300
	}
	for range rounds {
		c := patterns[r.IntN(len(patterns))]
		s := make(Shape, c.rank)
		for i := range s {
			s[i] = 1 + r.Int64N([]int64{3, 7, 40, 700}[r.IntN(4)])
			if c.rank > 2 {
				s[i] = 1 + r.Int64N([]int64{3, 7, 20}[r.IntN(3)])
			}
		}
		if c.rank == 1 && r.IntN(2) == 0 {
			s[0] *= 97
		}
		d := []DType{I8, U8, I16, U16, I32, U32, F32, F64, BF16, F16, C64}[r.IntN(11)]
		v, err := Make(F64, s)
		if err != nil {
			t.Fatal(err)
		}
		x, _ := Data[float64](v)
		for i := range x {
			x[i] = float64(r.IntN(3))
		}
		in, err := v.Cast(d)
		if err != nil {
			t.Fatal(err)
		}
		in = randomLayout(t, r, in, s)
		for _, op := range []Reduction{Min, Max, Sum, Mean, Any, All, Prod} {
			if d == BF16 || d == F16 {
				if op == Prod || op == Mean || op == Sum {
					continue // rounded
				}
			}
			out, err := Reduce(in, c.pattern, op, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := naiveReduce(v, c.gone, op)
			got, err := out.Cast(F64)
			if err != nil {
				t.Fatal(err)
			}
			g, _ := Data[float64](got)
			if len(g) != len(want) {
				t.Fatalf("%v %s of %v: %d elements, want %d", op, c.pattern, s, len(g), len(want))
			}
			for i := range g {
				w := want[i]
				if (d == F32 || d == C64) && (op == Mean || op == Prod) {
					w = float64(float32(w))
				}
				if op == Prod && d.Class != ClassFloat && d != C64 && math.Abs(w) > 1<<62 {
					continue // wraps
				}
				if g[i] != w {
					t.Fatalf("%v %q of %v %v with strides %v: element %d is %v, want %v", op, c.pattern, d, s, in.Strides(), i, g[i], w)
				}
			}
			n++
		}
	}
	t.Logf("%d reductions", n)
	if n < 5*rounds {
		t.Errorf("%d reductions", n)
	}
}

// naiveReduce visits the elements of v in C order.
func naiveReduce(v View, gone []int, op Reduction) []float64 {
	x, _ := Data[float64](v)
	vanish := make([]bool, len(v.shape))
	for _, a := range gone {
		vanish[a] = true
	}
	size, count := int64(1), int64(1)
	for a, e := range v.shape {
		if vanish[a] {
			count *= e
		} else {
			size *= e
		}
	}
	out := make([]float64, size)
	start := map[Reduction]float64{Min: math.Inf(1), Max: math.Inf(-1), Prod: 1, All: 1}[op]
	for i := range out {
		out[i] = start
	}
	for i, e := range x {
		rest, at, step := int64(i), int64(0), int64(1)
		for a := len(v.shape) - 1; a >= 0; a-- {
			k := rest % v.shape[a]
			rest /= v.shape[a]
			if !vanish[a] {
				at += k * step
				step *= v.shape[a]
			}
		}
		switch op {
		case Min:
			out[at] = math.Min(out[at], e)
		case Max:
			out[at] = math.Max(out[at], e)
		case Sum, Mean:
			out[at] += e
		case Prod:
			out[at] *= e
		case Any:
			if e != 0 {
				out[at] = 1
			}
		case All:
			if e == 0 {
				out[at] = 0
			}
		}
	}
	if op == Mean {
		for i := range out {
			out[i] /= float64(count)
		}
	}
	return out
}
