package tensor

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// checkElem runs what can be asked of one element type.
func checkElem[T Elem](t *testing.T, want DType, vals ...T) {
	t.Helper()
	if d := DTypeOf[T](); d != want || elemOf(want) != elemFor[T]() {
		t.Errorf("DTypeOf = %v, want %v", d, want)
	}
	if _, ok := elemTypes[elemFor[T]()].(*T); !ok {
		t.Errorf("%v: elemTypes has %T", want, elemTypes[elemFor[T]()])
	}
	v, err := FromSlice(vals)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Data[T](v)
	if err != nil || !slices.Equal(got, vals) || &got[0] != &vals[0] {
		t.Errorf("%v: Data = %v, %v", want, got, err)
	}
	rows, err := FromSlice(vals, 1, int64(len(vals)))
	if err != nil {
		t.Fatal(err)
	}
	// A foreign copy reads the same.
	foreign, err := NewView(make([]byte, v.ByteSize()), want, v.Shape(), nil, 0, 1-HostOrder)
	if err != nil {
		t.Fatal(err)
	}
	if err := Copy(foreign, v); err != nil {
		t.Fatal(err)
	}
	for i, x := range vals {
		for _, v := range []View{v, foreign} {
			if got, err := ReadElem[T](v, int64(i)); got != x || err != nil {
				t.Errorf("%v: element %d of %v: %v, %v, want %v", want, i, v.Order(), got, err, x)
			}
		}
		if got, err := ReadElem[T](rows, -1, int64(i-len(vals))); got != x || err != nil {
			t.Errorf("%v: element %d from the back: %v, %v, want %v", want, i, got, err, x)
		}
	}
	_, err = Data[T](foreign)
	if _, aerr := As[T](foreign); want.swapWidth() > 1 != errors.Is(err, ErrByteOrder) || want.swapWidth() > 1 != errors.Is(aerr, ErrByteOrder) {
		t.Errorf("%v: foreign Data: %v, As: %v", want, err, aerr)
	}
	if err := WriteElem(foreign, vals[1], 0); err != nil {
		t.Error(err)
	}
	if got, err := ReadElem[T](foreign, 0); got != vals[1] || err != nil {
		t.Errorf("%v: after WriteElem %v, %v", want, got, err)
	}
	turned, err := v.Flip()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Data[T](turned); !errors.Is(err, ErrNotContiguous) {
		t.Errorf("%v: flipped Data: %v", want, err)
	}
	s, err := As[T](turned)
	if err != nil {
		t.Fatal(err)
	}
	back := slices.Clone(vals)
	slices.Reverse(back)
	for i, x := range s.All() {
		if x != back[i] || s.At(i) != x {
			t.Errorf("%v: flipped element %d is %v, want %v", want, i, x, back[i])
		}
	}
	if s.Len() != int64(len(vals)) || !s.Shape().Equal(v.Shape()) || s.View().Rank() != 1 {
		t.Errorf("%v: Strided of %v", want, s.Shape())
	}
}

func TestElems(t *testing.T) {
	checkElem(t, Bool, true, false, true)
	checkElem(t, I8, int8(-1), 2, math.MinInt8)
	checkElem(t, I16, int16(-1), 0x102, math.MinInt16)
	checkElem(t, I32, int32(-1), 0x1020304, math.MinInt32)
	checkElem(t, I64, int64(-1), 0x102030405060708, math.MinInt64)
	checkElem(t, U8, uint8(1), 2, 255)
	checkElem(t, U16, uint16(1), 0x102, math.MaxUint16)
	checkElem(t, U32, uint32(1), 0x1020304, math.MaxUint32)
	checkElem(t, U64, uint64(1), 0x102030405060708, math.MaxUint64)
	checkElem(t, F32, float32(1), -2.5, math.MaxFloat32)
	checkElem(t, F64, 1, -2.5, math.MaxFloat64)
	checkElem(t, C64, complex64(complex(1, -2)), complex(3, 4), 5)
	checkElem(t, C128, complex(1, -2), complex(3, 4), 5)
	checkElem(t, F16, ToFloat16(1.0), ToFloat16(-2.5), 0x7bff)
	checkElem(t, BF16, ToBFloat16(1.0), ToBFloat16(-2.5), 0x7f7f)
	checkElem(t, F8E4M3FN, Float8E4M3FN(1), 0x38, 0x7e)
	checkElem(t, F8E5M2, Float8E5M2(1), 0x38, 0x7b)
	checkElem(t, F8E4M3FNUZ, Float8E4M3FNUZ(1), 0x38, 0x7f)
	checkElem(t, F8E5M2FNUZ, Float8E5M2FNUZ(1), 0x38, 0x7f)
	checkElem(t, F8E8M0, Float8E8M0(1), 0x38, 0x7f)
}

func TestElemNumbers(t *testing.T) {
	for e := elemNone; e < elemCount; e++ {
		if e == elemNone {
			continue
		}
		if got := elemOf(e.dtype()); got != e {
			t.Errorf("%v: number %d, want %d", e.dtype(), got, e)
		}
	}
	for _, d := range []DType{Bool1, I4, U4, F4E2M1, F6E2M3, F6E3M2, Opaque(4), Text(1), UTF32(1),
		{ClassFloat, VariantBFloat16, 32, 1, 4}, {ClassInt, 1, 32, 1, 4}, {ClassFloat, 2, 16, 1, 2}, {ClassComplex, 0, 32, 1, 4}, {}} {
		if e := elemOf(d); e != elemNone {
			t.Errorf("%v has the Go type of %v", d, e.dtype())
		}
	}
}

func TestDataErrors(t *testing.T) {
	data := makeBytes(64)
	view := func(d DType, s Shape, st Strides, off int64, o ByteOrder) View {
		v, err := NewView(data, d, s, st, off, o)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	foreign := 1 - HostOrder
	for name, tt := range map[string]struct {
		v        View
		data, as error
	}{
		"fine":                  {view(F32, Shape{2, 3}, nil, 4, HostOrder), nil, nil},
		"empty":                 {view(F32, Shape{0}, nil, 1, HostOrder), nil, nil},
		"dtype first":           {view(I32, Shape{2}, Strides{-5}, 9, foreign), ErrDType, ErrDType},
		"then byte order":       {view(F32, Shape{2}, Strides{-5}, 9, foreign), ErrByteOrder, ErrByteOrder},
		"then strides":          {view(F32, Shape{2}, Strides{-5}, 9, HostOrder), ErrNotContiguous, ErrMisaligned},
		"then address":          {view(F32, Shape{2}, nil, 1, HostOrder), ErrMisaligned, ErrMisaligned},
		"odd strides":           {view(F32, Shape{2}, Strides{6}, 0, HostOrder), ErrNotContiguous, ErrMisaligned},
		"odd stride of one":     {view(F32, Shape{1}, Strides{6}, 0, HostOrder), nil, nil},
		"gaps":                  {view(F32, Shape{2}, Strides{8}, 0, HostOrder), ErrNotContiguous, nil},
		"repeated":              {view(F32, Shape{1 << 40}, Strides{0}, 0, HostOrder), ErrNotContiguous, nil},
		"packed":                {view(I4, Shape{4}, nil, 0, HostOrder), ErrDType, ErrDType},
		"the other 16-bit type": {view(BF16, Shape{4}, nil, 0, HostOrder), ErrDType, ErrDType},
		"none":                  {View{}, ErrDType, ErrDType},
	} {
		if _, err := Data[float32](tt.v); !errors.Is(err, tt.data) || tt.data == nil && err != nil {
			t.Errorf("%s: Data: %v", name, err)
		}
		if _, err := As[float32](tt.v); !errors.Is(err, tt.as) || tt.as == nil && err != nil {
			t.Errorf("%s: As: %v", name, err)
		}
	}
}

func TestDataBools(t *testing.T) {
	for n := range 40 {
		data := bytes.Repeat([]byte{1}, n)
		v, err := NewView(data, Bool, Shape{int64(n)}, nil, 0, HostOrder)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Data[bool](v); err != nil || len(got) != n {
			t.Fatalf("%d bools: %v", n, err)
		}
		for bad := range n {
			data[bad] = 2 << (bad % 7)
			_, err := Data[bool](v)
			_, aerr := As[bool](v)
			flipped, ferr := v.Flip()
			if ferr == nil {
				_, ferr = As[bool](flipped)
			}
			_, rerr := ReadElem[bool](v, int64(bad))
			_, xerr := v.Float64At(int64(bad))
			for _, err := range []error{err, aerr, ferr, rerr, xerr} {
				if !errors.Is(err, ErrCorrupt) {
					t.Fatalf("byte %d of %d is %d: %v", bad, n, data[bad], err)
				}
			}
			data[bad] = 0
		}
	}
	one, _ := NewView([]byte{1}, Bool, Shape{1 << 50}, Strides{0}, 0, HostOrder)
	if _, err := As[bool](one); err != nil {
		t.Error(err)
	}
}

func TestFromSliceErrors(t *testing.T) {
	if _, err := FromSlice([]int8{1, 2, 3}, 2); !errors.Is(err, ErrShape) {
		t.Error(err)
	}
	if _, err := FromSlice([]int8{1, 2, 3}, -3); !errors.Is(err, ErrOverflow) {
		t.Error(err)
	}
	if v, err := FromSlice([]int8{7}, []int64{1, 1}...); err != nil || v.Rank() != 2 {
		t.Error(err)
	}
	if v, err := FromSlice[float64](nil); err != nil || v.NumElements() != 0 || v.Rank() != 1 {
		t.Error(err)
	}
}

func TestStridedEqualsReadElem(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for range 500 {
		s := randomShape(rng, U8)
		v := randomView(rng, U8, s, false)
		st, err := As[uint8](v)
		if err != nil {
			t.Fatal(err)
		}
		want := naive(v, HostOrder)
		var all, runs []byte
		for i, x := range st.All() {
			if i != int64(len(all)) {
				t.Fatalf("position %d, want %d", i, len(all))
			}
			all = append(all, x)
		}
		for r := range st.Runs() {
			if row, ok := r.Slice(); ok {
				runs = append(runs, row...)
				continue
			}
			for i := range r.Len() {
				runs = append(runs, r.At(i))
			}
		}
		if !bytes.Equal(all, want) || !bytes.Equal(runs, want) {
			t.Fatalf("%v %v: All %x, Runs %x, want %x", s, v.strides, all, runs, want)
		}
		stop := rng.Int64N(st.Len() + 1)
		n := int64(0)
		for range st.All() {
			if n == stop {
				break
			}
			n++
		}
		if n != stop {
			t.Fatalf("stopped after %d, want %d", n, stop)
		}
	}
	// Wide elements at strides that are no multiple of their size.
	data := makeBytes(8 * 13)
	v, err := NewView(data, C128, Shape{4}, Strides{24}, 8, HostOrder)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		if err := WriteElem(v, complex(float64(i), -1), int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	cs, err := As[complex128](v)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range cs.All() {
		if x != complex(float64(i), -1) {
			t.Errorf("element %d is %v", i, x)
		}
	}
}

func TestStridedPanics(t *testing.T) {
	v, _ := Make(F32, Shape{2, 3})
	s, err := As[float32](v)
	if err != nil {
		t.Fatal(err)
	}
	var run Run[float32]
	for r := range s.Runs() {
		run = r
	}
	for name, f := range map[string]func(){
		"rank":         func() { s.At(1) },
		"range":        func() { s.At(1, 3) },
		"negative":     func() { s.At(-1, 0) },
		"zero Strided": func() { Strided[float32]{}.At() },
		"run":          func() { run.At(6) },
		"run negative": func() { run.At(-1) },
		"zero Run":     func() { Run[float32]{}.At(0) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
	for range (Strided[float32]{}).All() {
		t.Error("the zero Strided has elements")
	}
}

func TestTypedAllocatesNothing(t *testing.T) {
	v, _ := Make(F32, Shape{4, 5, 6})
	s, err := As[float32](v)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(){
		"Data":      func() { _, _ = Data[float32](v) },
		"As":        func() { _, _ = As[float32](v) },
		"At":        func() { s.At(1, 2, 3) },
		"ReadElem":  func() { _, _ = ReadElem[float32](v, 1, 2, 3) },
		"WriteElem": func() { _ = WriteElem(v, float32(3), 1, 2, 3) },
		"Float64At": func() { _, _ = v.Float64At(1, 2, 3) },
		"UnitAt":    func() { _, _ = v.UnitAt(1, 2, 3) },
		"All": func() {
			for range s.All() {
			}
		},
	} {
		if n := testing.AllocsPerRun(100, f); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestFloat64At(t *testing.T) {
	for _, tt := range []struct {
		d    DType
		data []byte
		want []float64
	}{
		{Bool, []byte{1, 0}, []float64{1, 0}},
		{Bool1, []byte{0b101, 1}, []float64{1, 0, 1, 0, 0, 0, 0, 0, 1}},
		{I4, []byte{0x8f, 0x07}, []float64{-1, -8, 7}},
		{U4, []byte{0x8f, 0x07}, []float64{15, 8, 7}},
		{I8, []byte{0x80, 0x7f}, []float64{-128, 127}},
		{U8, []byte{0x80}, []float64{128}},
		{I16, []byte{0, 0x80}, []float64{-32768}},
		{U32, []byte{0xff, 0xff, 0xff, 0xff}, []float64{math.MaxUint32}},
		{I64, bytes.Repeat([]byte{0xff}, 8), []float64{-1}},
		{U64, bytes.Repeat([]byte{0xff}, 8), []float64{1 << 64}},
		{F16, []byte{0, 0x3c}, []float64{1}},
		{BF16, []byte{0x80, 0x3f}, []float64{1}},
		{F32, []byte{0, 0, 0x80, 0x3f}, []float64{1}},
		{F64, []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f}, []float64{1}},
		{F8E4M3FN, []byte{0x38}, []float64{1}},
		{F8E5M2, []byte{0x3c}, []float64{1}},
		{F8E4M3FNUZ, []byte{0x40}, []float64{1}},
		{F8E5M2FNUZ, []byte{0x40}, []float64{1}},
		{F8E8M0, []byte{0x7f}, []float64{1}},
		{F4E2M1, []byte{0xf2}, []float64{1, -6}},
		{F6E2M3, []byte{0x08, 0x02, 0x00}, []float64{1, 1, 0, 0}},
		{F6E3M2, []byte{0x0c, 0, 0}, []float64{1, 0, 0, 0}},
	} {
		v, err := NewView(tt.data, tt.d, Shape{int64(len(tt.want))}, nil, 0, LittleEndian)
		if err != nil {
			t.Fatal(err)
		}
		big, err := NewView(make([]byte, len(tt.data)), tt.d, v.Shape(), nil, 0, BigEndian)
		if err == nil {
			err = Copy(big, v)
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range tt.want {
			for _, v := range []View{v, big} {
				if got, err := v.Float64At(int64(i)); got != want || err != nil {
					t.Errorf("%v %v element %d: %v, %v, want %v", tt.d, v.Order(), i, got, err, want)
				}
			}
		}
	}
	for _, d := range []DType{C64, Opaque(4), {ClassFloat, 99, 32, 1, 4}} {
		v, _ := Make(d, Shape{2})
		if _, err := v.Float64At(0); !errors.Is(err, ErrDType) {
			t.Errorf("%v: %v", d, err)
		}
	}
}

func TestAccessErrors(t *testing.T) {
	v, _ := Make(F32, Shape{2, 3})
	for name, err := range map[string]error{
		"rank":     func() error { _, err := ReadElem[float32](v, 1); return err }(),
		"range":    func() error { _, err := ReadElem[float32](v, 1, 3); return err }(),
		"negative": func() error { _, err := v.UnitAt(-3, 0); return err }(),
		"write":    func() error { return WriteElem(v, float32(1), 2, 0) }(),
		"float":    func() error { _, err := v.Float64At(0, 0, 0); return err }(),
	} {
		if !errors.Is(err, ErrIndex) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"read":  func() error { _, err := ReadElem[int32](v, 1, 1); return err }(),
		"write": func() error { return WriteElem(v, int32(1), 1, 1) }(),
		"text":  func() error { _, err := v.StringAt(0, 0); return err }(),
		"unit":  func() error { _, err := View{}.UnitAt(); return err }(),
	} {
		if !errors.Is(err, ErrDType) {
			t.Errorf("%s: %v", name, err)
		}
	}
	empty, _ := Make(F32, Shape{math.MaxInt32, 0})
	if _, err := empty.UnitAt(math.MaxInt32-1, 0); !errors.Is(err, ErrIndex) {
		t.Error(err)
	}
}

func TestStringAt(t *testing.T) {
	v, err := NewView([]byte("ab\x00\x00a\x00b\x00\xff\x00\x00\x00"), Text(4), Shape{3}, nil, 0, LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"ab", "a\x00b", "\xff"} {
		if s, err := v.StringAt(int64(i)); s != want || err != nil {
			t.Errorf("S %d: %q, %v, want %q", i, s, err, want)
		}
	}
	codes := []uint32{'h', 0xe9, 0x1f600, 0, 'x', 0, 'y', 0, 0x110000, 0xd800, 0, 0, 0, 0, 0, 0}
	u, err := FromSlice(codes)
	if err != nil {
		t.Fatal(err)
	}
	text, err := u.Reinterpret(UTF32(4))
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := NewView(make([]byte, text.ByteSize()), UTF32(4), text.Shape(), nil, 0, 1-HostOrder)
	if err != nil {
		t.Fatal(err)
	}
	if err := Copy(foreign, text); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"hé😀", "x\x00y", "\ufffd\ufffd", ""} {
		for _, v := range []View{text, foreign} {
			if s, err := v.StringAt(int64(i)); s != want || err != nil {
				t.Errorf("U %d: %q, %v, want %q", i, s, err, want)
			}
		}
	}
}
