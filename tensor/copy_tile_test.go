package tensor

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/internal/kernel"
)

// tiledCase makes a copy of many axes, most of them short, as patterns cut them:
// turned, with gaps, backwards or in another byte order, to memory in C order or
// with gaps, on a line of the cache or not.
func tiledCase(t testing.TB, rng *rand.Rand) (dst, src View) {
	must := func(v View, err error) View {
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	d := []DType{U8, U16, F32, F64, C128, Opaque(3), Opaque(6), Opaque(48), Opaque(160)}[rng.IntN(9)]
	rank := 2 + rng.IntN(5)
	shape := make(Shape, rank)
	left := int64(1 << (8 + rng.IntN(8)))
	for i := range shape {
		shape[i] = min([]int64{1, 2, 2, 3, 4, 5, 7, 8, 14, 16, 16, 19, 32, 56, 64, 100}[rng.IntN(16)], max(left, 1))
		left /= shape[i]
	}
	size, err := ByteSize(d, shape)
	if err != nil {
		t.Fatal(err)
	}
	// With room around, so that it begins anywhere.
	place := func(s Shape) View {
		bytes := make([]byte, size+128)
		for i := range bytes {
			bytes[i] = byte(rng.Uint32())
		}
		return must(NewView(bytes, d, s, nil, int64(rng.IntN(2)*8*rng.IntN(9)), HostOrder))
	}
	src = place(shape)
	for axis := range shape {
		switch rng.IntN(12) {
		case 0:
			src = must(src.Slice(axis, rng.Int64N(2), None, 1+rng.Int64N(3)))
		case 1:
			src = must(src.Slice(axis, None, None, -1))
		}
	}
	if rng.IntN(3) == 0 {
		src = must(src.Permute(append(rng.Perm(rank-1), rank-1)...)) // rows stay
	} else {
		src = must(src.Permute(rng.Perm(rank)...))
	}
	dst = place(src.Shape())
	if size, err = ByteSize(d, src.Shape()); err != nil {
		t.Fatal(err)
	}
	switch rng.IntN(4) {
	case 0: // an axis more, of which dst is one half
		frame := must(Make(d, append(Shape{2}, src.Shape()...)))
		frame = must(frame.Permute(append(axesFrom(1, rank), 0)...))
		dst = must(frame.Index(rank, rng.Int64N(2)))
	case 1: // gaps behind rows
		s := src.Shape().Clone()
		s[rank-1] += 1 + rng.Int64N(3)
		dst = must(must(Make(d, s)).Slice(rank-1, None, src.Shape()[rank-1], 1))
	}
	if rng.IntN(5) == 0 {
		src.order = BigEndian - src.order
		src.native = src.order == HostOrder || d.swapWidth() == 1
	}
	return dst, src
}

func axesFrom(first, n int) (list []int) {
	for i := range n {
		list = append(list, first+i)
	}
	return list
}

// checkTiled copies and compares with single elements, and what lies between
// those with what was there.
func checkTiled(t *testing.T, dst, src View, stream bool) (form string) {
	t.Helper()
	if src.n == 0 {
		return "empty"
	}
	before := outside(dst)
	from, swap, err := dst.copyable(src)
	if err != nil {
		t.Fatal(err)
	}
	dst.copy(from, swap, stream)
	if !bytes.Equal(naive(dst, LittleEndian), naive(src, LittleEndian)) {
		t.Fatalf("%v %v: strides %v to %v, stream %v: another result", src.dtype, src.shape, src.strides, dst.strides, stream)
	}
	if !bytes.Equal(outside(dst), before) {
		t.Fatalf("%v %v: strides %v to %v, stream %v: bytes beside the elements", src.dtype, src.shape, src.strides, dst.strides, stream)
	}
	return formOf(dst, src, swap, stream)
}

func TestCopyTiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(51, 52))
	cases := 1500
	if testing.Short() {
		cases = 300
	}
	if raceDetector {
		cases = 100
	}
	forms := map[string]int{}
	for i := range cases {
		dst, src := tiledCase(t, rng)
		forms[checkTiled(t, dst, src, i%3 > 0)]++
	}
	t.Logf("forms: %v", forms)
	for _, f := range []string{"rows", "rows past the cache", "buffered", "collected and buffered", "grouped", "grouped lines", "grouped and buffered"} {
		if forms[f] < cases/100 && (kernel.RegroupBytes() > 0 || f[0] != 'g') {
			t.Errorf("%s: %d copies", f, forms[f])
		}
	}
}

// formOf says how a copy is done.
func formOf(dst, src View, swap int, stream bool) string {
	var w nest
	w.units(dst.dtype, src.shape, dst.strides, src.strides, swap)
	w.offA += dst.offset
	w.sort()
	w.merge()
	c := tilings.Get().(*tiling)
	defer tilings.Put(c)
	switch {
	case !w.worthTiles(swap, stream) || !c.plan(&w, dst.data, swap, stream):
		return "rows"
	case c.grouped && c.buffered:
		return "grouped and buffered"
	case c.collected:
		return "collected and buffered"
	case c.grouped && stream:
		return "grouped lines"
	case c.grouped:
		return "grouped"
	case c.buffered:
		return "buffered"
	}
	return "rows past the cache"
}

func FuzzCopyTiles(f *testing.F) {
	f.Add(uint64(1), uint64(2), true)
	f.Add(uint64(3), uint64(1<<33), false)
	f.Fuzz(func(t *testing.T, a, b uint64, stream bool) {
		dst, src := tiledCase(t, rand.New(rand.NewPCG(a, b)))
		checkTiled(t, dst, src, stream)
	})
}
