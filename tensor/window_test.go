package tensor

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// numbered is a u16 tensor whose elements are all different, seen through the
// strides of a larger one.
func numbered(t testing.TB, r *rand.Rand, s Shape) View {
	wide := s.Clone()
	for i := range wide {
		wide[i] = wide[i]*2 + 1
	}
	v, err := Make(U16, wide)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Data[uint16](v)
	if err != nil {
		t.Fatal(err)
	}
	for i := range d {
		d[i] = uint16(i*40503 + 7)
	}
	for axis, e := range s {
		step := []int64{1, 2, -1, -2}[r.IntN(4)]
		if v, err = v.Slice(axis, None, None, step); err == nil {
			v, err = v.Slice(axis, 0, e, 1)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// TestWindowsAreSlices says of each place of random windows, for im2col, too,
// what slices say of it.
func TestWindowsAreSlices(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	checked := 0
	for range 300 {
		c, h, w := 1+r.Int64N(3), 1+r.Int64N(9), 1+r.Int64N(9)
		v := numbered(t, r, Shape{c, h, w})
		pick := func(n int64) int64 { return 1 + r.Int64N(n) }
		size := []int64{pick(min(h, 3)), pick(min(w, 3))}
		stride := []int64{pick(3), pick(3)}
		dilation := []int64{pick(2), pick(2)}
		if (size[0]-1)*dilation[0] >= h || (size[1]-1)*dilation[1] >= w {
			continue
		}
		win, err := v.Windows([]int{-2, 2}, size, stride, dilation)
		if err != nil {
			t.Fatal(err)
		}
		col, err := v.Im2Col(size, stride, dilation)
		if err != nil {
			t.Fatal(err)
		}
		m, copied, err := v.Im2ColMatrix(size, stride, dilation)
		if err != nil {
			t.Fatal(err)
		}
		if copied != (&m.data[0] != &v.data[0]) {
			t.Errorf("copied is %t", copied)
		}
		oh, ow := win.Shape()[1], win.Shape()[2]
		if want := (Shape{c, oh, ow, size[0], size[1]}); !win.Shape().Equal(want) {
			t.Fatalf("shape %v, want %v", win.Shape(), want)
		}
		if want := (Shape{oh, ow, c, size[0], size[1]}); !col.Shape().Equal(want) {
			t.Fatalf("im2col %v, want %v", col.Shape(), want)
		}
		if want := (Shape{oh * ow, c * size[0] * size[1]}); !m.Shape().Equal(want) {
			t.Fatalf("matrix %v, want %v", m.Shape(), want)
		}
		for range 20 {
			k, i, j := r.Int64N(c), r.Int64N(oh), r.Int64N(ow)
			y, x := r.Int64N(size[0]), r.Int64N(size[1])
			want, err := ReadElem[uint16](v, k, i*stride[0]+y*dilation[0], j*stride[1]+x*dilation[1])
			if err != nil {
				t.Fatal(err)
			}
			a, errA := ReadElem[uint16](win, k, i, j, y, x)
			b, errB := ReadElem[uint16](col, i, j, k, y, x)
			d, errD := ReadElem[uint16](m, i*ow+j, (k*size[0]+y)*size[1]+x)
			if err := errors.Join(errA, errB, errD); err != nil || a != want || b != want || d != want {
				t.Fatalf("element %d %d %d, want %d (%v)", a, b, d, want, err)
			}
			checked++
		}
	}
	t.Logf("%d elements of windows", checked)
	if checked < 3000 {
		t.Error("too few")
	}
}

func TestPackedParts(t *testing.T) {
	v, err := Make(U4, Shape{3, 5})
	if err != nil {
		t.Fatal(err)
	}
	for i := range v.data {
		v.data[i] = byte(i*37 + 5)
	}
	refuse := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = v.Windows([]int{0}, []int64{2}, nil, nil)
	refuse("windows", err)
	_, err = v.Diagonal(0, 0, 1)
	refuse("diagonal", err)
	_, err = Stack(-1, v, v)
	refuse("stack behind the packed axis", err)
	_, err = Concatenate(1, v, v)
	refuse("rows that end inside a unit", err)
	_, err = v.ArraySplit(1, 2)
	refuse("split inside a unit", err)

	s, err := Stack(1, v, v)
	if err != nil {
		t.Fatal(err)
	}
	even, err := v.Slice(1, 0, 4, 1)
	if err != nil {
		t.Fatal(err)
	}
	joined, err := Concatenate(-1, even, even, v)
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(3) {
		for j := range int64(5) {
			want, err := v.Float64At(i, j)
			if err != nil {
				t.Fatal(err)
			}
			a, errA := s.Float64At(i, 1, j)
			b, errB := joined.Float64At(i, 8+j)
			c, errC := joined.Float64At(i, j%4)
			first, errD := v.Float64At(i, j%4)
			if err := errors.Join(errA, errB, errC, errD); err != nil || a != want || b != want || c != first {
				t.Errorf("element (%d, %d): %v %v %v, want %v (%v)", i, j, a, b, c, want, err)
			}
		}
	}
	parts, err := joined.Split(0, 3)
	if err != nil || len(parts) != 3 || !parts[2].Shape().Equal(Shape{1, 13}) {
		t.Errorf("split of rows: %v, %v", parts, err)
	}
}

func TestPartsRefuse(t *testing.T) {
	v, err := FromSlice([]int32{1, 2, 3, 4, 5, 6}, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	w, err := FromSlice([]int16{1, 2, 3, 4, 5, 6}, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	scalar, err := FromSlice([]int32{1}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if scalar, err = scalar.Index(0, 0); err != nil {
		t.Fatal(err)
	}
	octet, err := scalar.Reinterpret(Opaque(4))
	if err == nil {
		octet, err = octet.SplitLast(U8)
	}
	if err == nil {
		octet, err = octet.Index(0, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	huge, err := octet.BroadcastTo(Shape{1 << 62})
	if err != nil {
		t.Fatal(err)
	}
	const most = math.MaxInt64
	for _, c := range []struct {
		run  func() error
		kind error
		text string
	}{
		{func() error { _, err := Stack(0); return err }, ErrShape, "stack: got no tensors, want at least one"},
		{func() error { _, err := Stack(0, v, w); return err }, ErrDType, "stack: got i16 at place 1, want i32 as before: cast first"},
		{func() error { _, err := Stack(3, v); return err }, ErrIndex, "axis: got 3 on i32 (2, 3), want -3 to 2"},
		{func() error { _, err := Stack(0, v, scalar); return err }, ErrShape, "stack: got () at place 1, want (2, 3)"},
		{func() error { _, err := Concatenate(0); return err }, ErrShape, "concatenate: got no tensors, want at least one"},
		{func() error { _, err := Concatenate(0, scalar); return err }, ErrShape, "concatenate: got rank 0 on i32 (), want an axis: stack them"},
		{func() error { _, err := Concatenate(0, v, w); return err }, ErrDType, "concatenate: got i16 at place 1, want i32 as before: cast first"},
		{func() error { _, err := Concatenate(0, huge, huge); return err }, ErrOverflow, "concatenate: got axis 0, want an extent of at most 2^63-1"},
		{func() error { _, err := v.Windows(nil, []int64{3, 1}, nil, nil); return err }, ErrShape,
			"window on axis 0: got size 3, stride 1, dilation 1 on i32 (2, 3), want a size that fits 2 elements, stride and dilation above 0"},
		{func() error { _, err := v.Windows(nil, []int64{1}, nil, nil); return err }, ErrShape, "window size: got 1 numbers on i32 (2, 3), want one for each of 2 axes"},
		{func() error { _, err := v.Windows([]int{1}, []int64{2}, []int64{1, 1}, nil); return err }, ErrShape, "window stride: got 2 numbers on i32 (2, 3), want one for each of 1 axes"},
		{func() error { _, err := v.Windows([]int{1}, []int64{2}, nil, []int64{most}); return err }, ErrShape,
			"window on axis 1: got size 2, stride 1, dilation 9223372036854775807 on i32 (2, 3), want a size that fits 3 elements, stride and dilation above 0"},
		{func() error { _, err := v.Windows(make([]int, 31), make([]int64, 31), nil, nil); return err }, ErrLimit, "rank: got 33 on i32 (2, 3), want at most 32"},
		{func() error { _, err := huge.Windows([]int{0}, []int64{1 << 61}, nil, nil); return err }, ErrOverflow,
			"shape: got (2305843009213693953, 2305843009213693952), want at most 2^63-1 elements (zero extents aside) (rule shape.count)"},
		{func() error { _, err := v.Im2Col([]int64{1, 1}, nil, nil); return err }, ErrShape, "im2col: got 2 spatial axes on i32 (2, 3), want a channel axis before them"},
		{func() error { _, err := v.Diagonal(0, 1, -1); return err }, ErrIndex, "axes: got axis 1 twice on i32 (2, 3), want two axes"},
		{func() error { _, err := v.Split(1, 2); return err }, ErrShape, "split: got 2 parts of axis 1 on i32 (2, 3), want a divisor of 3"},
		{func() error { _, err := v.ArraySplit(1, 0); return err }, ErrShape, "split: got 0 parts on i32 (2, 3), want at least one"},
		{func() error { _, err := huge.Split(0, 1<<30); return err }, ErrLimit, "split: got 1073741824 parts on u8 (4611686018427387904,), want at most 2^24"},
		{func() error { _, err := v.SplitAt(2, 1); return err }, ErrIndex, "axis: got 2 on i32 (2, 3), want -2 to 1"},
	} {
		err := c.run()
		if !errors.Is(err, c.kind) || err.Error() != c.text {
			t.Errorf("error %v\nwant  %v", err, c.text)
		}
	}
	d, err := v.Diagonal(-most-1, 0, 1)
	if err != nil || !d.Shape().Equal(Shape{0}) {
		t.Errorf("a diagonal far away: %v, %v", d.Shape(), err)
	}
}

// FuzzWindows asks for views with arguments of any kind: what is not refused
// reads inside the bytes, as UnitAt panics outside, and is what slices say.
func FuzzWindows(f *testing.F) {
	f.Add(int64(7), int64(3), int64(2), int64(1), int64(1), int64(0), 0, 1)
	f.Add(int64(1<<40), int64(5), int64(1<<39), int64(1<<20), int64(3), int64(-4), -1, 0)
	f.Add(int64(0), int64(2), int64(0), int64(math.MaxInt64), int64(math.MaxInt64), int64(math.MinInt64), 1, -2)
	f.Fuzz(func(t *testing.T, n, m, size, stride, dilation, offset int64, axis, axis2 int) {
		data := make([]byte, 64)
		for i := range data {
			data[i] = byte(i)
		}
		// Extents beyond the bytes repeat them.
		one, err := NewView(data, I16, Shape{1, 1, 32}, nil, 0, HostOrder)
		if err != nil {
			t.Fatal(err)
		}
		v, err := one.BroadcastTo(Shape{n, m, 32})
		if err != nil {
			return
		}
		ends := func(w View, err error) {
			var e *Error
			if err != nil {
				if !errors.As(err, &e) {
					t.Errorf("%T is no *Error", err)
				}
				return
			}
			if w.NumElements() == 0 {
				return
			}
			last := make([]int64, w.Rank())
			for i := range last {
				last[i] = -1
			}
			for _, idx := range [][]int64{make([]int64, w.Rank()), last} {
				if _, err := w.UnitAt(idx...); err != nil {
					t.Error(err)
				}
			}
		}
		ends(v.Windows([]int{axis, axis2}, []int64{size, size}, []int64{stride, stride}, []int64{dilation, dilation}))
		ends(v.Windows([]int{2}, []int64{size}, []int64{stride}, []int64{dilation}))
		ends(v.Im2Col([]int64{size}, []int64{stride}, []int64{dilation}))
		ends(v.Diagonal(offset, axis, axis2))
		if parts, err := v.ArraySplit(axis, size%100); err == nil {
			ends(parts[len(parts)-1], nil)
		}
		if parts, err := v.SplitAt(axis, offset, stride); err == nil {
			ends(parts[1], nil)
		}
	})
}
