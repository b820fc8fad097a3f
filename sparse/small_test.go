package sparse

import (
	"errors"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// complexOf is a CSR matrix of 2 by 2 with entries 1+2i at (0, 1) and 3 at (1, 0).
func complexOf(t testing.TB, fill ...tensor.View) (*Array, error) {
	t.Helper()
	parts := []Part{{RoleIndptr, of(t, []int32{0, 1, 2})}, {RoleIndices, of(t, []int32{1, 0})}, {RoleValues, of(t, []complex64{1 + 2i, 3})}}
	for _, v := range fill {
		parts = append(parts, Part{RoleFill, v})
	}
	return New(Spec{Layout: CSR, Shape: tensor.Shape{2, 2}, DType: tensor.C64, Properties: Properties{Sorted: true, Unique: true}, Parts: parts})
}

// What an array says of itself.
func TestSmallAnswers(t *testing.T) {
	a := must(complexOf(t))
	if a.NumElements() != 4 || !a.ZeroFill() || a.Density() != 0.5 {
		t.Errorf("%d elements, zero fill %v, density %v", a.NumElements(), a.ZeroFill(), a.Density())
	}
	fill := func(z complex64) bool {
		v, err := tensor.FromSlice([]complex64{z})
		if err == nil {
			v, err = v.Index(0, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		return must(complexOf(t, v)).ZeroFill()
	}
	if !fill(0) || fill(1i) {
		t.Error("a fill of 0 is zero, one of 1i is not")
	}
	for l, want := range map[Layout]string{COO: "coo", Bitmap: "bitmap", Bitmap + 1: "layout7"} {
		if l.String() != want {
			t.Errorf("%q, want %q", l.String(), want)
		}
	}
	for range 2 { // the second time it is known
		if err := a.Validate(background, nil); err != nil {
			t.Error(err)
		}
	}
}

// A skew-symmetric matrix of complex numbers has negated values on the other side, a
// Hermitian one conjugated ones; a fill value must be its own mirror.
func TestMirrorsOfComplexNumbers(t *testing.T) {
	for s, want := range map[Structure][]complex64{Symmetric: {0, 1 + 2i, 1 + 2i, 0}, SkewSymmetric: {0, 1 + 2i, -1 - 2i, 0}, Hermitian: {0, 1 + 2i, 1 - 2i, 0}} {
		a, err := New(Spec{Layout: CSR, Shape: tensor.Shape{2, 2}, DType: tensor.C64, Properties: Properties{Sorted: true, Unique: true, Structure: s, Upper: true},
			Parts: []Part{{RoleIndptr, of(t, []int32{0, 1, 1})}, {RoleIndices, of(t, []int32{1})}, {RoleValues, of(t, []complex64{1 + 2i})}}})
		if err != nil {
			t.Fatal(s, err)
		}
		v, err := a.Dense(background, nil)
		if err != nil {
			t.Fatal(s, err)
		}
		got, err := tensor.Data[complex64](v)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%v: %v, want %v", s, got, want)
				break
			}
		}
		g, err := a.General(background, nil)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := g.Structured(background, General, false, nil); err != nil || same != g {
			t.Errorf("%v: to general again: %v, %v", s, same, err)
		}
		if back, err := g.Structured(background, s, true, nil); err != nil || back.NNZ() != 1 || back.Properties().Structure != s {
			t.Errorf("%v: back: %v, %v", s, back, err)
		}
	}
	one, err := tensor.FromSlice([]complex64{1i})
	if err == nil {
		one, err = one.Index(0, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	a := must(complexOf(t, one))
	for _, s := range []Structure{SkewSymmetric, Hermitian} {
		var e *tensor.Error
		if _, err := a.Structured(background, s, true, nil); !errors.As(err, &e) || e.Field != "fill" || !errors.Is(err, tensor.ErrShape) {
			t.Errorf("%v: %v", s, err)
		}
	}
}

// What does not suit an operation is refused by the word that says why.
func TestSmallRefusals(t *testing.T) {
	bits, err := tensor.Make(tensor.I4, tensor.Shape{2})
	if err != nil {
		t.Fatal(err)
	}
	packed, err := New(Spec{Layout: COO, Shape: tensor.Shape{4}, DType: tensor.I4, Parts: []Part{{RoleIndices, of(t, []int32{0, 3}, 2, 1)}, {RoleValues, bits}}})
	if err != nil {
		t.Fatal(err)
	}
	vector, err := New(Spec{Layout: COO, Shape: tensor.Shape{4}, DType: tensor.I8, Parts: []Part{{RoleIndices, of(t, []int32{0, 3}, 2, 1)}, {RoleValues, of(t, []int8{1, 2})}}})
	if err != nil {
		t.Fatal(err)
	}
	m := must(complexOf(t))
	at := func(_ tensor.View, err error) error { return err }
	for what, c := range map[string]struct {
		err  error
		kind error
		says string
	}{
		"At of packed values":     {at(packed.At(1)), tensor.ErrDType, "i4"},
		"Select of packed values": {second(packed.Select(background, rowsOf(0, 1), nil)), tensor.ErrDType, "i4"},
		"FromDense of packed":     {second(FromDense(background, bits, tensor.View{}, COO, nil)), tensor.ErrDType, "i4"},
		"FromDense to CSR":        {second(FromDense(background, of(t, []int8{1}), tensor.View{}, CSR, nil)), tensor.ErrShape, ""},
		"blocks of a vector":      {second(vector.EstimateBlock(background, nil)), tensor.ErrShape, "2 for bsr"},
		"columns too few": {second(New(Spec{Layout: CSC, Shape: tensor.Shape{2, 2}, DType: tensor.I8,
			Parts: []Part{{RoleIndptr, of(t, []int32{0, 0})}, {RoleIndices, of(t, []int32{}, 0)}, {RoleValues, of(t, []int8{}, 0)}}})), nil, "(3,)"},
		"coordinates of rank 1": {second(New(Spec{Layout: COO, Shape: tensor.Shape{2, 2}, DType: tensor.I8,
			Parts: []Part{{RoleIndices, of(t, []int32{0, 1})}, {RoleValues, of(t, []int8{1, 2})}}})), nil, "(n, 2)"},
		"axes twice": {second(m.Transpose(background, []int{0, 0}, nil)), tensor.ErrIndex, ""},
	} {
		if c.err == nil || c.kind != nil && !errors.Is(c.err, c.kind) || !strings.Contains(c.err.Error(), c.says) {
			t.Errorf("%s: %v", what, c.err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A mask whose bytes do not lie one behind the other is read as one whose do.
func TestStridedMask(t *testing.T) {
	rows, err := tensor.NewView([]byte{0b101, 0b111, 0b010, 0b111}, tensor.Bool1, tensor.Shape{4, 3}, nil, 0, tensor.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	v, err := rows.Slice(0, 0, 4, 2) // every second row
	if err != nil {
		t.Fatal(err)
	}
	bits, err := v.Clone()
	if err != nil {
		t.Fatal(err)
	}
	var want string
	for i, m := range []tensor.View{bits, v} {
		a, err := New(Spec{Layout: Bitmap, Shape: tensor.Shape{2, 3}, DType: tensor.I8, Properties: Properties{Sorted: true, Unique: true}, Parts: []Part{{RoleMask, m}, {RoleValues, of(t, []int8{1, 2, 3})}}})
		if err != nil {
			t.Fatal(err)
		}
		d, err := a.Dense(background, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.String(); i == 0 {
			want = got
		} else if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
