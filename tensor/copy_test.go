package tensor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

// naive returns the C-order bytes in byte order o, element by element, with
// padding cleared: what every fast path must agree with.
func naive(v View, o ByteOrder) []byte {
	d := v.DType()
	var out []byte
	idx := make([]int64, v.Rank())
	units := unitShape(d, v.Shape())
	for _, n := range units {
		if n == 0 {
			return nil
		}
	}
	for {
		at := v.offset
		for axis, i := range idx {
			at += i * v.strides[axis]
		}
		unit := bytes.Clone(v.data[at : at+int64(d.UnitBytes)])
		if o != v.order {
			switch d.Class {
			case ClassInt, ClassUint, ClassFloat:
				if !d.Packed() {
					slices.Reverse(unit)
				}
			case ClassComplex:
				slices.Reverse(unit[:len(unit)/2])
				slices.Reverse(unit[len(unit)/2:])
			case ClassBytes:
				if d.Variant == VariantUTF32 {
					for i := 0; i < len(unit); i += 4 {
						slices.Reverse(unit[i : i+4])
					}
				}
			}
		}
		if d.Packed() && d.Class != ClassBlock && idx[len(idx)-1] == units[len(idx)-1]-1 {
			last := v.shape[len(idx)-1]
			for bit := ((last-1)%int64(d.UnitElems) + 1) * int64(d.Bits); bit < int64(len(unit))*8; bit++ {
				unit[bit/8] &^= 1 << (bit % 8)
			}
		}
		out = append(out, unit...)
		axis := len(idx) - 1
		for ; axis >= 0; axis-- {
			if idx[axis]++; idx[axis] < units[axis] {
				break
			}
			idx[axis] = 0
		}
		if axis < 0 {
			return out
		}
	}
}

var copyDTypes = []DType{
	Bool, I8, U16, F32, I64, C64, C128, F16, BF16, F8E5M2, Bool1, I4, F4E2M1, F6E2M3,
	Opaque(1), Opaque(3), Opaque(12), Opaque(16), Opaque(40), Text(7), UTF32(1), UTF32(3),
	{ClassBlock, 2, 0, 32, 18},
}

// randomView makes a view with random shape, strides and surroundings. A
// writable one has no element twice.
func randomView(rng *rand.Rand, d DType, s Shape, writable bool) View {
	units := unitShape(d, s)
	st := make(Strides, len(s))
	order := rng.Perm(len(s))
	if d.Packed() {
		i := slices.Index(order, len(s)-1)
		order[i], order[0] = order[0], order[i]
	}
	step := int64(d.UnitBytes)
	for i, axis := range order {
		if i > 0 || !d.Packed() {
			if rng.IntN(3) == 0 {
				step += int64(rng.IntN(9))
			}
		}
		st[axis] = step
		step *= max(units[axis], 1)
		if d.Packed() && i == 0 {
			continue
		}
		switch rng.IntN(6) {
		case 0:
			st[axis] = -st[axis]
		case 1:
			if !writable {
				st[axis] = 0
			}
		}
	}
	lo, hi, err := Reach(d, s, st, 0)
	if err != nil {
		panic(err)
	}
	before, after := int64(rng.IntN(5)), int64(rng.IntN(5))
	data := make([]byte, before+hi-lo+after)
	for i := range data {
		data[i] = byte(rng.Uint32())
		if d == Bool {
			data[i] &= 1
		}
	}
	v, err := NewView(data, d, s, st, before-lo, ByteOrder(rng.IntN(2)))
	if err != nil {
		panic(fmt.Sprint(d, s, st, err))
	}
	return v
}

func randomShape(rng *rand.Rand, d DType) Shape {
	s := make(Shape, rng.IntN(5))
	if d.Packed() && len(s) == 0 {
		s = make(Shape, 1)
	}
	for i := range s {
		s[i] = int64(rng.IntN(8))
		if s[i] == 0 && rng.IntN(4) > 0 {
			s[i] = 1
		}
		if rng.IntN(12) == 0 {
			s[i] = int64(rng.IntN(60))
		}
	}
	if d.Class == ClassBlock {
		s[len(s)-1] *= int64(d.UnitElems)
	}
	n := int64(1)
	for i, e := range s {
		if n *= max(e, 1); n > 4000 {
			s[i] = min(s[i], 1)
			if d.Class == ClassBlock && i == len(s)-1 {
				s[i] = int64(d.UnitElems)
			}
		}
	}
	return s
}

// outside returns the bytes of v that belong to none of its elements.
func outside(v View) []byte {
	all := bytes.Clone(v.data)
	mark, _ := NewView(make([]byte, len(v.data)), v.dtype, v.shape, v.strides, v.offset, v.order)
	_ = eachRun(unitShape(v.dtype, v.shape), v.strides, func(off, n, step int64) error {
		for ; n > 0; n-- {
			for i := range int64(v.dtype.UnitBytes) {
				mark.data[v.offset+off+i] = 1
			}
			off += step
		}
		return nil
	})
	for i, m := range mark.data {
		if m == 1 {
			all[i] = 0
		}
	}
	return all
}

func TestCopyEqualsNaive(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	cases := 6000
	if testing.Short() {
		cases = 1500
	}
	for i := range cases {
		d := copyDTypes[i%len(copyDTypes)]
		s := randomShape(rng, d)
		src, dst := randomView(rng, d, s, false), randomView(rng, d, s, true)
		want := naive(src, LittleEndian)
		around := outside(dst)
		name := fmt.Sprintf("%v %v: %v at %d %v to %v at %d %v", d, s, src.strides, src.offset, src.order, dst.strides, dst.offset, dst.order)
		before := bytes.Clone(src.data)
		if err := Copy(dst, src); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := naive(dst, LittleEndian); !bytes.Equal(got, want) {
			t.Fatalf("%s:\n got %x\nwant %x", name, got, want)
		}
		if !bytes.Equal(around, outside(dst)) {
			t.Fatalf("%s: wrote beside its elements", name)
		}
		if !bytes.Equal(before, src.data) {
			t.Fatalf("%s: wrote to the source", name)
		}
		for _, o := range []ByteOrder{LittleEndian, BigEndian} {
			var b bytes.Buffer
			if err := src.WriteCOrder(&b, o); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !bytes.Equal(b.Bytes(), naive(src, o)) || int64(b.Len()) != src.ByteSize() {
				t.Fatalf("%s: WriteCOrder %v:\n got %x\nwant %x", name, o, b.Bytes(), naive(src, o))
			}
		}
		if same, err := Equal(dst, src); !same || err != nil {
			t.Fatalf("%s: not Equal: %v", name, err)
		}
		if dst.n == 0 {
			continue
		}
		// One flipped bit of an element must be seen.
		idx := make([]int64, len(s))
		for axis, e := range s {
			idx[axis] = rng.Int64N(e)
		}
		unit, err := dst.UnitAt(idx...)
		if err != nil {
			t.Fatal(err)
		}
		bit := rng.IntN(len(unit) * 8)
		if d.Packed() && d.Class != ClassBlock {
			bit = int(idx[len(idx)-1]%int64(d.UnitElems)) * int(d.Bits)
		}
		unit[bit/8] ^= 1 << (bit % 8)
		if same, err := Equal(dst, src); same || err != nil {
			t.Fatalf("%s: Equal after a change: %v", name, err)
		}
	}
}

// TestCopyLarge reaches what small shapes do not: tiles, blocks, the buffer of
// WriteCOrder.
func TestCopyLarge(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, tt := range []struct {
		d DType
		s Shape
	}{
		{F32, Shape{70, 83}},
		{U8, Shape{33, 17, 21}},
		{C128, Shape{40, 50}},
		{F64, Shape{2000, 3}},
		{F64, Shape{3, 2000}},
		{U16, Shape{1, 400, 2, 2}},
		{U8, Shape{300_001}},
		{U8, Shape{2, 150_000}},
		{F32, Shape{2, 3, 30_000}},
		{Opaque(700), Shape{7, 300}},
		{Opaque(400_000), Shape{3}},
		{UTF32(70_000), Shape{2, 2}},
		{I4, Shape{3, 200_001}},
		{Bool1, Shape{300, 2001}},
		{F6E2M3, Shape{5, 100_001}},
		{DType{9, 1, 5, 16, 300_000}, Shape{2, 33}},
	} {
		for i := range 4 {
			if i > 0 && raceDetector { // one goroutine alone
				break
			}
			order := HostOrder
			src, dst := randomView(rng, tt.d, tt.s, false), randomView(rng, tt.d, tt.s, true)
			if !tt.d.Known() {
				order, src.order, dst.order = LittleEndian, LittleEndian, LittleEndian
			}
			want := naive(src, HostOrder)
			if tt.d.Class > ClassBlock { // naive clears what it believes to be padding
				clone, err := src.Clone()
				if err != nil {
					t.Fatal(err)
				}
				want = clone.bytes()
			}
			if err := Copy(dst, src); err != nil {
				t.Fatalf("%v %v: %v", tt.d, tt.s, err)
			}
			if same, err := Equal(dst, src); !same || err != nil {
				t.Fatalf("%v %v %d: copy is not Equal: %v", tt.d, tt.s, i, err)
			}
			var b bytes.Buffer
			if err := dst.WriteCOrder(&b, order); err != nil || !bytes.Equal(b.Bytes(), want) {
				t.Fatalf("%v %v %d: WriteCOrder differs: %v", tt.d, tt.s, i, err)
			}
		}
	}
}

func TestCopyOverlap(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 500 {
		n := 1 + rng.Int64N(40)
		data := make([]byte, 500)
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		at := func() View {
			step := 1 + rng.Int64N(4)
			off := rng.Int64N(100)
			if rng.IntN(2) == 0 {
				off, step = off+2*(n-1)*step, -step
			}
			v, err := NewView(data, []DType{U8, U16}[rng.IntN(2)], Shape{n}, Strides{2 * step}, off, ByteOrder(rng.IntN(2)))
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		dst, src := at(), at()
		for dst.dtype != src.dtype {
			src = at()
		}
		want := naive(src, LittleEndian)
		if err := Copy(dst, src); err != nil {
			t.Fatal(err)
		}
		if got := naive(dst, LittleEndian); !bytes.Equal(got, want) {
			t.Fatalf("%v at %d, %v to %v at %d, %v:\n got %x\nwant %x", src.strides, src.offset, src.order, dst.strides, dst.offset, dst.order, got, want)
		}
		if err := Copy(dst, dst); err != nil || !bytes.Equal(naive(dst, LittleEndian), want) {
			t.Fatalf("copy onto itself: %v", err)
		}
	}
}

func TestCopyRefuses(t *testing.T) {
	a, _ := Make(F32, Shape{2, 3})
	b, _ := Make(F32, Shape{3, 2})
	c, _ := Make(I32, Shape{2, 3})
	row, _ := Make(F32, Shape{1, 3})
	repeated, err := row.BroadcastTo(Shape{2, 3})
	if err != nil {
		t.Fatal(err)
	}
	unknown := DType{ClassFloat, 99, 32, 1, 4}
	little, _ := NewView(make([]byte, 24), unknown, Shape{2, 3}, nil, 0, LittleEndian)
	big, _ := NewView(make([]byte, 24), unknown, Shape{2, 3}, nil, 0, BigEndian)
	big.order = BigEndian // on a big-endian machine, too
	for name, tt := range map[string]struct {
		dst, src View
		kind     error
	}{
		"shapes":       {a, b, ErrShape},
		"dtypes":       {a, c, ErrDType},
		"stride 0":     {repeated, a, ErrUnsupported},
		"unknown swap": {little, big, ErrUnsupported},
	} {
		if err := Copy(tt.dst, tt.src); !errors.Is(err, tt.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Copy(a, repeated); err != nil {
		t.Error(err)
	}
	if err := little.WriteCOrder(io.Discard, BigEndian); !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
	if err := little.WriteCOrder(io.Discard, LittleEndian); err != nil {
		t.Error(err)
	}
	if _, err := Equal(little, big); !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
	for _, other := range []View{b, c, {}} {
		if same, err := Equal(a, other); same || err != nil {
			t.Errorf("Equal to another kind of tensor: %v, %v", same, err)
		}
	}
	if err := (View{}).WriteCOrder(io.Discard, LittleEndian); !errors.Is(err, ErrDType) {
		t.Error(err)
	}
}

// limitedWriter fails or falls short after n bytes.
type limitedWriter struct {
	n   int
	err error
}

func (w *limitedWriter) Write(p []byte) (int, error) {
	if len(p) <= w.n {
		w.n -= len(p)
		return len(p), nil
	}
	return w.n, w.err
}

func TestWriteCOrderErrors(t *testing.T) {
	v, _ := Make(F32, Shape{400, 500})
	turned, err := v.Transpose()
	if err != nil {
		t.Fatal(err)
	}
	sliced, err := v.Slice(1, 0, 450, 1)
	if err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	for _, v := range []View{v, turned, sliced} {
		for n := 0; n < 700_000; n += 90_001 {
			if err := v.WriteCOrder(&limitedWriter{n, boom}, LittleEndian); err != boom {
				t.Errorf("after %d bytes: %v", n, err)
			}
			if err := v.WriteCOrder(&limitedWriter{n, nil}, LittleEndian); err != io.ErrShortWrite {
				t.Errorf("after %d bytes: %v", n, err)
			}
		}
	}
}

func TestWriteCOrderMemory(t *testing.T) {
	if raceDetector {
		t.Skip("pools forget under the race detector")
	}
	v, _ := Make(F64, Shape{600, 700})
	turned, err := v.Transpose()
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.GC() // pools are empty now: a tile and the kernel's buffer are new
	runtime.ReadMemStats(&before)
	if err := turned.WriteCOrder(io.Discard, LittleEndian); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > writeBuffer+128<<10 {
		t.Errorf("%d bytes of memory", n)
	}
	if n := testing.AllocsPerRun(10, func() { _ = v.WriteCOrder(io.Discard, HostOrder) }); n > 1 {
		t.Errorf("%v allocations for contiguous elements", n)
	}
}

func TestCopyAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("pools forget under the race detector")
	}
	src, _ := Make(F32, Shape{8, 9, 10})
	dst, _ := Make(F32, Shape{10, 9, 8})
	turned, err := dst.Transpose()
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _ = Copy(turned, src); _, _ = Equal(turned, src) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestRunsCoverOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for range 2000 {
		d := []DType{U8, F32, I4}[rng.IntN(3)]
		s := randomShape(rng, d)
		a, b := randomView(rng, d, s, true), randomView(rng, d, s, false)
		units := unitShape(d, s)
		// The pairs in C order.
		type pair struct{ a, b int64 }
		var want, got []pair
		_ = eachRun(units, a.strides, func(off, n, step int64) error {
			for ; n > 0; n-- {
				want = append(want, pair{a: off})
				off += step
			}
			return nil
		})
		i := 0
		_ = eachRun(units, b.strides, func(off, n, step int64) error {
			for ; n > 0; n-- {
				want[i].b = off
				off += step
				i++
			}
			return nil
		})
		_ = eachRun2(units, a.strides, b.strides, func(offA, offB, n, stepA, stepB int64) error {
			if stepA < 0 || n < 1 {
				t.Errorf("step %d, %d units", stepA, n)
			}
			for ; n > 0; n-- {
				got = append(got, pair{offA, offB})
				offA += stepA
				offB += stepB
			}
			return nil
		})
		cmp := func(x, y pair) int { return int(x.a - y.a) }
		slices.SortFunc(want, cmp)
		slices.SortFunc(got, cmp)
		if !slices.Equal(want, got) {
			t.Fatalf("%v %v %v:\n got %v\nwant %v", s, a.strides, b.strides, got, want)
		}
	}
	boom := errors.New("boom")
	calls := 0
	if err := eachRun(Shape{3, 4}, Strides{40, 8}, func(off, n, step int64) error { calls++; return boom }); err != boom || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
	calls = 0
	if err := eachRun2(Shape{30, 4}, Strides{40, 8}, Strides{8, 400}, func(offA, offB, n, stepA, stepB int64) error { calls++; return boom }); err != boom || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

// TestRunsMerge holds what speed rests on: how many runs a layout makes.
func TestRunsMerge(t *testing.T) {
	for _, tt := range []struct {
		s       Shape
		st      Strides
		n, runs int64
	}{
		{Shape{4, 5, 6}, Strides{120, 24, 4}, 120, 1},
		{Shape{4, 5, 6}, Strides{240, 48, 8}, 120, 1},
		{Shape{4, 5, 6}, Strides{-120, -24, -4}, 120, 1},
		{Shape{4, 5, 6}, Strides{240, 24, 4}, 30, 4},
		{Shape{4, 1, 6}, Strides{24, 999, 4}, 24, 1},
		{Shape{1, 1}, Strides{7, 9}, 1, 1},
		{nil, nil, 1, 1},
		{Shape{4, 5}, Strides{0, 0}, 20, 1},
		{Shape{4, 0}, Strides{4, 4}, 0, 0},
	} {
		runs := int64(0)
		_ = eachRun(tt.s, tt.st, func(off, n, step int64) error {
			runs++
			if n != tt.n {
				t.Errorf("%v %v: a run of %d, want %d", tt.s, tt.st, n, tt.n)
			}
			return nil
		})
		if runs != tt.runs {
			t.Errorf("%v %v: %d runs, want %d", tt.s, tt.st, runs, tt.runs)
		}
	}
}
