package tensor

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
)

// TestParallelEqualsAlone cuts small tensors as large ones are cut, too: into
// more parts than there are elements.
func TestParallelEqualsAlone(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	cases := 3000
	if testing.Short() {
		cases = 500
	}
	for i := range cases {
		d := copyDTypes[i%len(copyDTypes)]
		s := randomShape(rng, d)
		src, dst := randomView(rng, d, s, false), randomView(rng, d, s, true)
		if dst.n == 0 {
			continue
		}
		want, err := src.Clone()
		if err != nil {
			t.Fatal(err)
		}
		around := outside(dst)
		from, swap, err := dst.copyable(src)
		if err != nil {
			t.Fatal(err)
		}
		depth := rng.IntN(6)
		var n int64
		for k := range int64(1) << depth {
			if d, s, ok := part(dst, from, k, depth); ok {
				if d.n != s.n || d.n == 0 || d.image != mustSize(t, d) {
					t.Fatalf("%v %v: part %d of %d has %d elements, %d in the source, %d bytes", dst.dtype, dst.shape, k, 1<<depth, d.n, s.n, d.image)
				}
				n += d.n
				d.copy(s, swap, rng.IntN(2) == 0)
			}
		}
		if n != dst.n {
			t.Fatalf("%v %v: parts of %d elements", dst.dtype, dst.shape, n)
		}
		if same, err := Equal(dst, want); !same || err != nil {
			t.Fatalf("%v %v: %v to %v in %d parts: another result, %v", d, s, src.strides, dst.strides, 1<<depth, err)
		}
		if string(around) != string(outside(dst)) {
			t.Fatalf("%v %v: wrote beside its elements", d, s)
		}
	}
}

func mustSize(t *testing.T, v View) int64 {
	t.Helper()
	n, err := ByteSize(v.dtype, v.shape)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Large ones, by the functions themselves.
func TestParallelLarge(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 24))
	for _, tt := range []struct {
		from, to DType
		s        Shape
		axes     []int
	}{
		{F32, F32, Shape{2100, 2300}, []int{1, 0}},
		{U8, F32, Shape{3, 1_400_003}, []int{0, 1}},
		{F16, F32, Shape{2100, 2300}, []int{1, 0}},
		{I4, F32, Shape{3, 1_400_003}, []int{0, 1}},
		{F32, I4, Shape{1, 4_400_003}, []int{0, 1}},
		{F6E2M3, Bool1, Shape{2, 33_333_333}, []int{0, 1}},
	} {
		if testing.Short() && tt.from.Packed() {
			continue
		}
		v := randomView(rng, tt.from, tt.s, false)
		src, err := v.Permute(tt.axes...)
		if err != nil {
			t.Fatal(err)
		}
		want, err := src.Cast(tt.to)
		if err != nil {
			t.Fatal(err)
		}
		for _, workers := range []int{5, 0, 1, 2} {
			if raceDetector && workers != 5 {
				continue
			}
			dst, err := Make(tt.to, src.shape)
			if err != nil {
				t.Fatal(err)
			}
			if err := CastParallel(t.Context(), dst, src, workers); err != nil {
				t.Fatal(err)
			}
			if same, err := Equal(dst, want); !same || err != nil {
				t.Errorf("%v to %v %v by %d workers: another result, %v", tt.from, tt.to, tt.s, workers, err)
			}
		}
	}
}

func TestParallelRefuses(t *testing.T) {
	a, _ := Make(F32, Shape{2, 3})
	b, _ := Make(F32, Shape{3, 2})
	c, _ := Make(U8, Shape{2, 3})
	ctx, stop := context.WithCancel(t.Context())
	stop()
	for name, tt := range map[string]struct{ err, want error }{
		"shapes":          {CopyParallel(t.Context(), a, b, 2), ErrShape},
		"dtypes":          {CopyParallel(t.Context(), a, c, 2), ErrDType},
		"shapes of casts": {CastParallel(t.Context(), c, b, 2), ErrShape},
		"cancelled":       {CopyParallel(ctx, a, a, 2), context.Canceled},
		"cancelled cast":  {CastParallel(ctx, a, c, 2), context.Canceled},
		"wrong, first":    {CopyParallel(ctx, a, b, 2), ErrShape},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: %v", name, tt.err)
		}
	}
}
