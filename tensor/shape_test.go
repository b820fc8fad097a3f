package tensor

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

func TestNumElements(t *testing.T) {
	const huge = math.MaxInt64
	for _, tt := range []struct {
		s    Shape
		n    int64
		rule string
	}{
		{nil, 1, ""},
		{Shape{}, 1, ""},
		{Shape{0}, 0, ""},
		{Shape{2, 3}, 6, ""},
		{Shape{huge}, huge, ""},
		{Shape{huge, 0}, 0, ""},
		{Shape{1 << 31, 1 << 31, 2}, 0, "shape.count"},
		{Shape{1 << 32, 1 << 32, 3}, 0, "shape.count"}, // wraps to 0
		{Shape{1 << 32, 1 << 32, 0}, 0, "shape.count"}, // a zero hides nothing
		{Shape{0, 1 << 62, 2}, 0, "shape.count"},
		{Shape{huge, 2}, 0, "shape.count"},
		{Shape{-1}, 0, "shape.extent"},
		{Shape{0, math.MinInt64}, 0, "shape.extent"},
	} {
		n, err := tt.s.NumElements()
		if n != tt.n || ruleOf(err) != tt.rule || err != nil && !errors.Is(err, ErrOverflow) {
			t.Errorf("%v: %d, %v, want %d and rule %q", tt.s, n, err, tt.n, tt.rule)
		}
	}
}

func TestShapeText(t *testing.T) {
	for want, s := range map[string]Shape{"()": nil, "(5,)": {5}, "(2, 3)": {2, 3}} {
		if s.String() != want {
			t.Errorf("%q, want %q", s, want)
		}
	}
	if s := (Strides{-8}).String(); s != "(-8,)" {
		t.Error(s)
	}
	a := Shape{2, 3}
	b := a.Clone()
	b[0] = 9
	if a[0] != 2 || a.Equal(b) || !a.Equal(Shape{2, 3}) || a.Equal(Shape{2}) || Shape(nil).Clone() == nil || Strides(nil).Clone() == nil {
		t.Error("Clone or Equal")
	}
}

func TestContiguous(t *testing.T) {
	for _, tt := range []struct {
		d       DType
		s       Shape
		c, f    Strides
		size    int64
		fortran error
	}{
		{F32, Shape{}, Strides{}, Strides{}, 4, nil},
		{F32, Shape{2, 3}, Strides{12, 4}, Strides{4, 8}, 24, nil},
		{F32, Shape{3, 0, 2}, Strides{8, 8, 4}, Strides{4, 12, 12}, 0, nil},
		{C128, Shape{2, 1, 5}, Strides{80, 80, 16}, Strides{16, 32, 32}, 160, nil},
		{I4, Shape{3, 5}, Strides{3, 1}, nil, 9, ErrUnsupported},
		{I4, Shape{1, 5}, Strides{3, 1}, Strides{3, 1}, 3, nil},
		{F6E2M3, Shape{2, 9}, Strides{9, 3}, nil, 18, ErrUnsupported},
		{Bool1, Shape{17}, Strides{1}, Strides{1}, 3, nil},
		{Bool1, Shape{2, 0}, Strides{1, 1}, nil, 0, ErrUnsupported},
		{DType{ClassBlock, 2, 0, 32, 18}, Shape{2, 64}, Strides{36, 18}, nil, 72, ErrUnsupported},
		// Strides without elements may not fit; they stop growing.
		{F64, Shape{1 << 31, 1 << 31, 0}, Strides{1 << 34, 8, 8}, Strides{8, 1 << 34, 1 << 34}, 0, nil},
	} {
		c, err := Contiguous(tt.d, tt.s)
		if err != nil || !Shape(c).Equal(Shape(tt.c)) {
			t.Errorf("Contiguous(%v, %v) = %v, %v, want %v", tt.d, tt.s, c, err, tt.c)
		}
		f, err := FortranStrides(tt.d, tt.s)
		if !errors.Is(err, tt.fortran) || !Shape(f).Equal(Shape(tt.f)) {
			t.Errorf("FortranStrides(%v, %v) = %v, %v, want %v", tt.d, tt.s, f, err, tt.f)
		}
		if size, err := ByteSize(tt.d, tt.s); size != tt.size || err != nil {
			t.Errorf("ByteSize(%v, %v) = %d, %v, want %d", tt.d, tt.s, size, err, tt.size)
		}
	}
}

func TestSizeErrors(t *testing.T) {
	deep := make(Shape, MaxRank+1)
	for _, tt := range []struct {
		d    DType
		s    Shape
		rule string
		kind error
	}{
		{F64, Shape{1 << 61}, "shape.bytes", ErrOverflow},
		{F64, Shape{1 << 60}, "shape.bytes", ErrOverflow},
		{F32, Shape{1 << 31, 1 << 31, 4}, "shape.count", ErrOverflow},
		{I4, Shape{math.MaxInt64, 1}, "", nil},
		{I4, Shape{1 << 62, 1, 2}, "shape.count", ErrOverflow},
		{I4, Shape{math.MaxInt64}, "", nil},
		{F32, Shape{-2}, "shape.extent", ErrOverflow},
		{F32, deep, "tensor.rank", ErrLimit},
		{I4, Shape{}, "view.packed", ErrCorrupt},
		{DType{ClassBlock, 2, 0, 32, 18}, Shape{33}, "view.block", ErrCorrupt},
		{DType{ClassBlock, 2, 0, 32, 18}, Shape{}, "view.packed", ErrCorrupt},
		{DType{}, Shape{1}, "dtype.none", ErrDType},
		{DType{ClassFloat, 0, 32, 1, 5}, Shape{1}, "dtype.unit", ErrCorrupt},
	} {
		for name, f := range map[string]func() error{
			"ByteSize":   func() error { _, err := ByteSize(tt.d, tt.s); return err },
			"Contiguous": func() error { _, err := Contiguous(tt.d, tt.s); return err },
		} {
			if err := f(); ruleOf(err) != tt.rule || !errors.Is(err, tt.kind) {
				t.Errorf("%s(%v, %v): %v, want rule %q", name, tt.d, tt.s, err, tt.rule)
			}
		}
		if tt.rule != "" {
			if _, err := Make(tt.d, tt.s); ruleOf(err) != tt.rule {
				t.Errorf("Make(%v, %v): %v, want rule %q", tt.d, tt.s, err, tt.rule)
			}
		}
	}
	if _, err := Make(U8, Shape{maxAlloc + 1}); !errors.Is(err, ErrLimit) {
		t.Errorf("Make beyond memory: %v", err)
	}
}

func TestCheckView(t *testing.T) {
	q4 := DType{ClassBlock, 2, 0, 32, 18}
	for _, tt := range []struct {
		name         string
		d            DType
		s            Shape
		st           Strides
		offset, size int64
		rule         string
		kind         error
	}{
		{"fits", F32, Shape{2, 3}, Strides{12, 4}, 0, 24, "", nil},
		{"one short", F32, Shape{2, 3}, Strides{12, 4}, 0, 23, "view.reach", ErrCorrupt},
		{"offset", F32, Shape{2, 3}, Strides{12, 4}, 4, 24, "view.reach", ErrCorrupt},
		{"flipped", F32, Shape{2, 3}, Strides{12, -4}, 8, 24, "", nil},
		{"flipped too far", F32, Shape{2, 3}, Strides{12, -4}, 4, 24, "view.reach", ErrCorrupt},
		{"repeated", F32, Shape{1 << 40}, Strides{0}, 0, 4, "", nil},
		{"rank 0", F64, nil, nil, 8, 16, "", nil},
		{"rank 0 outside", F64, nil, nil, 16, 16, "view.reach", ErrCorrupt},
		{"negative offset", U8, nil, nil, -1, 16, "view.reach", ErrCorrupt},
		{"empty at the end", F32, Shape{0, 3}, Strides{1 << 60, -4}, 24, 24, "", nil},
		{"empty behind the end", F32, Shape{0}, Strides{4}, 28, 24, "view.reach", ErrCorrupt},
		{"empty before", F32, Shape{0}, Strides{4}, -4, 24, "view.reach", ErrCorrupt},
		{"stride over 63 bits", U8, Shape{3}, Strides{math.MaxInt64}, 0, 24, "view.reach", ErrCorrupt},
		{"lowest stride", U8, Shape{2}, Strides{math.MinInt64}, 0, 24, "view.reach", ErrCorrupt},
		{"lowest stride on one", U8, Shape{1}, Strides{math.MinInt64}, 0, 24, "", nil},
		{"wraps back in", U8, Shape{5, 5}, Strides{1 << 62, -(1 << 62)}, 4, 24, "view.reach", ErrCorrupt},
		{"hi wraps", U8, Shape{2, 2, 2}, Strides{1 << 62, 1 << 62, 1 << 62}, 1 << 62, math.MaxInt64, "view.reach", ErrCorrupt},
		{"misaligned offset", F32, Shape{2}, Strides{4}, 2, 24, "view.aligned", ErrCorrupt},
		{"misaligned stride", F64, Shape{2}, Strides{12}, 0, 24, "view.aligned", ErrCorrupt},
		{"misaligned negative", F64, Shape{2}, Strides{-12}, 16, 24, "view.aligned", ErrCorrupt},
		{"complex like its parts", C128, Shape{2}, Strides{24}, 8, 48, "", nil},
		{"bytes anywhere", Opaque(8), Shape{2}, Strides{9}, 1, 24, "", nil},
		{"packed", I4, Shape{2, 5}, Strides{4, 1}, 1, 8, "", nil},
		{"packed short", I4, Shape{2, 5}, Strides{4, 1}, 2, 8, "view.reach", ErrCorrupt},
		{"packed stride", I4, Shape{2, 5}, Strides{4, 2}, 0, 20, "view.packed", ErrCorrupt},
		{"packed rank 0", I4, nil, nil, 0, 8, "view.packed", ErrCorrupt},
		{"blocks", q4, Shape{2, 64}, Strides{36, 18}, 0, 72, "", nil},
		{"part of a block", q4, Shape{2, 40}, Strides{36, 18}, 0, 72, "view.block", ErrCorrupt},
		{"ranks differ", F32, Shape{2, 3}, Strides{4}, 0, 24, "", ErrShape},
		{"extent", F32, Shape{-2}, Strides{4}, 0, 24, "shape.extent", ErrOverflow},
		{"count", U8, Shape{1 << 62, 2, 0}, Strides{0, 0, 0}, 0, 24, "shape.count", ErrOverflow},
		{"bytes", F64, Shape{1 << 61}, Strides{0}, 0, 24, "shape.bytes", ErrOverflow},
		{"none", DType{}, Shape{1}, Strides{1}, 0, 24, "dtype.none", ErrDType},
	} {
		err := CheckView(tt.d, tt.s, tt.st, tt.offset, tt.size)
		if ruleOf(err) != tt.rule || !errors.Is(err, tt.kind) || tt.kind != nil && err == nil {
			t.Errorf("%s: %v, want rule %q", tt.name, err, tt.rule)
		}
	}
}

// TestReachEqualsBig compares the checked arithmetic with that of math/big.
func TestReachEqualsBig(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	number := func() int64 {
		n := rng.Int64() >> rng.IntN(63)
		if rng.IntN(2) == 0 {
			n = -n
		}
		return n
	}
	dtypes := []DType{U8, F64, I4, F6E2M3, Opaque(7)}
	fits := 0
	for range 20000 {
		d := dtypes[rng.IntN(len(dtypes))]
		s, st := make(Shape, 1+rng.IntN(4)), make(Strides, 0)
		for i := range s {
			s[i] = max(number(), -number()) >> rng.IntN(60)
			if s[i] < 0 {
				s[i] = -s[i]
			}
			st = append(st, number())
		}
		offset := max(number(), 0)
		lo, hi := big.NewInt(offset), big.NewInt(offset)
		empty := false
		for i, e := range s {
			n := d.extent(s, i)
			empty = empty || e == 0
			span := new(big.Int).Mul(big.NewInt(n-1), big.NewInt(st[i]))
			if span.Sign() < 0 {
				lo.Add(lo, span)
			} else {
				hi.Add(hi, span)
			}
		}
		hi.Add(hi, big.NewInt(int64(d.UnitBytes)))
		gotLo, gotHi, err := Reach(d, s, st, offset)
		switch {
		case empty:
			if err != nil || gotLo != offset || gotHi != offset {
				t.Fatalf("empty %v: %d, %d, %v", s, gotLo, gotHi, err)
			}
		case err != nil:
			if lo.IsInt64() && hi.IsInt64() && lo.Int64() != math.MinInt64 {
				t.Fatalf("%v %v %v at %d: %v, but reaches %v to %v", d, s, st, offset, err, lo, hi)
			}
		default:
			fits++
			if !lo.IsInt64() || !hi.IsInt64() || lo.Int64() != gotLo || hi.Int64() != gotHi {
				t.Fatalf("%v %v %v at %d: %d to %d, want %v to %v", d, s, st, offset, gotLo, gotHi, lo, hi)
			}
		}
	}
	if fits < 2000 {
		t.Errorf("only %d cases fit", fits)
	}
}

func TestArithmetic(t *testing.T) {
	edge := []int64{0, 1, -1, 2, -2, 3, 1 << 31, -1 << 31, 1 << 32, 1 << 62, -1 << 62, math.MaxInt64, math.MaxInt64 - 1, math.MinInt64, math.MinInt64 + 1}
	for _, a := range edge {
		for _, b := range edge {
			x, y := big.NewInt(a), big.NewInt(b)
			sum, product := new(big.Int).Add(x, y), new(big.Int).Mul(x, y)
			if got, ok := addSigned(a, b); ok != sum.IsInt64() || ok && got != sum.Int64() {
				t.Errorf("%d + %d = %d, %v", a, b, got, ok)
			}
			// The lowest number may be refused: no stride needs it.
			if got, ok := mulSigned(a, b); ok && (!product.IsInt64() || got != product.Int64()) || !ok && product.IsInt64() && product.Int64() != math.MinInt64 {
				t.Errorf("%d * %d = %d, %v", a, b, got, ok)
			}
			if a < 0 || b < 0 {
				continue
			}
			if got, ok := mulLen(a, b); ok != product.IsInt64() || ok && got != product.Int64() {
				t.Errorf("%d * %d = %d, %v", a, b, got, ok)
			}
		}
	}
}
