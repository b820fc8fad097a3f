package tensor

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/internal/kernel"
)

// TestCopyPixels copies what regroupings are for, and what just misses them:
// channels that leave or join pixels, some of them, in either order, steps and
// reversal, next to strided rows; and all permutations.
func TestCopyPixels(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	cases := 400
	if testing.Short() {
		cases = 100
	}
	forms := map[string]int{}
	for i := range cases {
		d := []DType{U8, U16, F32, F64, C128}[i%5]
		s := Shape{1 + rng.Int64N(3), 1 + rng.Int64N(20), 1 + rng.Int64N(300), 1 + rng.Int64N(20)}
		alone := i%9 < 2 // rows of single elements, backwards or in steps, are rare by chance
		if alone {
			s[2], s[3] = s[2]+128, 1
		}
		src, err := Make(d, s)
		if err != nil {
			t.Fatal(err)
		}
		for k := range src.data {
			src.data[k] = byte(rng.Uint32())
		}
		v := src
		for axis := range s {
			switch rng.IntN(6) {
			case 0:
				v, err = v.Slice(axis, rng.Int64N(3), None, 1+rng.Int64N(4))
			case 1:
				v, err = v.Slice(axis, None, None, -1-rng.Int64N(2))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		axes := rng.Perm(4)
		if alone {
			axes = []int{0, 1, 2, 3}
			if v, err = src.Slice(2, None, None, 3*int64(i%9)-1); err != nil {
				t.Fatal(err)
			}
		}
		v, err1 := v.Permute(axes...)
		frame, err2 := Make(d, append(v.shape.Clone(), 1+rng.Int64N(2)))
		dst, err3 := frame.Index(4, 0)
		back := rng.Perm(4) // a destination in another order
		shape := make(Shape, 4)
		for k, a := range back {
			shape[a] = v.shape[k]
		}
		turned, err4 := Make(d, shape)
		turned, err5 := turned.Permute(back...)
		if err1 != nil || err2 != nil || err3 != nil || err4 != nil || err5 != nil {
			t.Fatal(err1, err2, err3, err4, err5)
		}
		if v.n == 0 {
			continue
		}
		if i%7 == 0 {
			v.order = BigEndian - v.order
			v.native = v.order == HostOrder || d.swapWidth() == 1
		}
		want := naive(v, LittleEndian)
		for _, dst := range []View{dst, turned} {
			_, swap, err := dst.copyable(v)
			if err != nil {
				t.Fatal(err)
			}
			forms[formOf(dst, v, swap, i%2 == 0)]++
			dst.copy(v, swap, i%2 == 0)
			if got := naive(dst, LittleEndian); !bytes.Equal(got, want) {
				t.Fatalf("%v %v: strides %v, axes %v, to %v: another result", d, s, v.strides, axes, dst.strides)
			}
		}
	}
	t.Logf("forms: %v", forms)
	for _, f := range []string{"rows", "grouped", "grouped and buffered"} {
		if forms[f] < cases/50 && (kernel.RegroupBytes() > 0 || f == "rows") {
			t.Errorf("%s: %d copies", f, forms[f])
		}
	}
}
