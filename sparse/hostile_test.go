package sparse

import (
	"context"
	"errors"
	"math"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// What strangers send: each is refused by New or by Validate with the rule that
// it breaks, and by every operation, whatever the number of workers.
func TestHostileParts(t *testing.T) {
	i32 := func(x ...int32) tensor.View { return of(t, x) }
	i64 := func(x ...int64) tensor.View { return of(t, x) }
	pairs := func(x ...int32) tensor.View { return of(t, x, int64(len(x)/2), 2) }
	mask := func(bits byte) tensor.View {
		v, err := tensor.NewView([]byte{bits}, tensor.Bool1, tensor.Shape{1, 5}, nil, 0, tensor.LittleEndian)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	repeated := func(v tensor.View, s ...int64) tensor.View {
		v, err := v.BroadcastTo(s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	f := func(n int64) tensor.View {
		if n > 1<<20 {
			return repeated(of(t, []float32{1}), n)
		}
		return of(t, make([]float32, n))
	}
	both := Properties{Sorted: true, Unique: true}
	lower := func(s Structure) Properties { return Properties{Structure: s} }
	csr := func(p Properties, rows, columns int64, ptr, idx tensor.View) Spec {
		return Spec{Layout: CSR, Shape: tensor.Shape{rows, columns}, Properties: p, Parts: []Part{{RoleIndptr, ptr}, {RoleIndices, idx}, {RoleValues, f(idx.Shape()[0])}}}
	}
	coo := func(p Properties, rows, columns int64, idx tensor.View) Spec {
		return Spec{Layout: COO, Shape: tensor.Shape{rows, columns}, Properties: p, Parts: []Part{{RoleIndices, idx}, {RoleValues, f(idx.Shape()[0])}}}
	}
	csf := func(order []uint8, idx0, ptr0, idx1 tensor.View) Spec {
		return Spec{Layout: CSF, Shape: tensor.Shape{3, 4}, Properties: both, Parts: []Part{{RoleOrder, of(t, order)}, {RoleIdx(0), idx0}, {RolePtr(0), ptr0}, {RoleIdx(1), idx1}, {RoleValues, f(idx1.Shape()[0])}}}
	}
	bsr := func(s tensor.Shape, ptr, idx, values tensor.View) Spec {
		return Spec{Layout: BSR, Shape: s, Parts: []Part{{RoleIndptr, ptr}, {RoleIndices, idx}, {RoleValues, values}}}
	}
	long := func(n int, change func(ptr, idx []int32)) Spec { // several pieces and workers
		ptr, idx := make([]int32, n/10+1), make([]int32, n)
		for i := range idx {
			idx[i] = int32(i % 10 * 3)
		}
		for i := range ptr {
			ptr[i] = int32(10 * i)
		}
		change(ptr, idx)
		return csr(both, int64(n/10), 30, i32(ptr...), i32(idx...))
	}
	broken := csr(both, 2, 3, i32(0, 1, 2), i32(0, 1))
	without := func(role string) Spec {
		s := broken
		s.Parts = nil
		for _, p := range broken.Parts {
			if p.Role != role {
				s.Parts = append(s.Parts, p)
			}
		}
		return s
	}
	with := func(p Part) Spec {
		s := without(p.Role)
		s.Parts = append(s.Parts, p)
		return s
	}
	for _, c := range []struct {
		name  string
		spec  Spec
		kind  error
		rule  string
		field string // what the text begins with
		got   string
		want  string
	}{
		// N45
		{"indptr falls", csr(both, 3, 4, i32(0, 2, 1, 3), i32(0, 1, 2)), tensor.ErrCorrupt, rulePointer, "indptr[2] (row 1)", "1", "at least 2"},
		{"indptr ends early", csr(both, 2, 4, i32(0, 1, 2), i32(0, 1, 2)), tensor.ErrCorrupt, rulePointer, "indptr[2]", "2", "3, the number of entries"},
		{"indptr ends late", csr(both, 2, 4, i32(0, 1, 4), i32(0, 1, 2)), tensor.ErrCorrupt, rulePointer, "indptr[2] (row 1)", "4", "at most 3"},
		{"indptr does not begin at 0", csr(both, 2, 4, i32(1, 1, 3), i32(0, 1, 2)), tensor.ErrCorrupt, rulePointer, "indptr[0]", "1", "0"},
		{"indptr is negative", csr(both, 2, 4, i32(0, -1, 3), i32(0, 1, 2)), tensor.ErrCorrupt, rulePointer, "indptr[1] (row 0)", "-1", "at least 0"},
		{"indptr of 2^63 and more", csr(both, 2, 4, of(t, []uint64{0, 1 << 63, 3}), i32(0, 1, 2)), tensor.ErrCorrupt, rulePointer, "indptr[1] (row 0)", "9223372036854775808", "at most 3"},
		{"indptr far away", long(200_000, func(p, _ []int32) { p[12345] = 123439 }), tensor.ErrCorrupt, rulePointer, "indptr[12345] (row 12344)", "123439", "at least 123440"},
		{"no rows but entries", csr(both, 0, 4, i32(0), i32(1)), tensor.ErrCorrupt, rulePointer, "indptr[0]", "0", "1, the number of entries"},
		// N46
		{"csr index too large", csr(Properties{}, 2, 4, i32(0, 1, 3), i32(0, 4, 2)), tensor.ErrCorrupt, ruleIndex, "indices[1] (row 1)", "4", "0 to 3"},
		{"csr index negative", csr(both, 2, 4, i32(0, 1, 3), i64(0, -1, 2)), tensor.ErrCorrupt, ruleIndex, "indices[1] (row 1)", "-1", "0 to 3"},
		{"csr index of 2^64-1", csr(both, 2, 4, i32(0, 1, 3), of(t, []uint64{0, 1, math.MaxUint64})), tensor.ErrCorrupt, ruleIndex, "indices[2] (row 1)", "18446744073709551615", "0 to 3"},
		{"csr index without columns", csr(both, 2, 0, i32(0, 1, 1), i32(0)), tensor.ErrCorrupt, ruleIndex, "indices[0] (row 0)", "0", "no entry"},
		{"csr not sorted", csr(Properties{Sorted: true}, 2, 4, i32(0, 1, 3), i32(0, 2, 1)), tensor.ErrCorrupt, ruleIndex, "indices[2] (row 1)", "1", "at least 2, as the entry before"},
		{"csr sorted with a duplicate", csr(both, 2, 4, i32(0, 1, 3), i32(0, 2, 2)), tensor.ErrCorrupt, ruleIndex, "indices[2] (row 1)", "2", "above 2, as the entry before"},
		{"csr in any order with a duplicate", csr(Properties{Unique: true}, 2, 4, i32(0, 1, 4), i32(0, 2, 1, 2)), tensor.ErrCorrupt, ruleIndex, "indices[3] (row 1)", "2, as entry 1", "each index once"},
		{"csr index far away", long(200_000, func(_, x []int32) { x[150_001] = 30 }), tensor.ErrCorrupt, ruleIndex, "indices[150001] (row 15000)", "30", "0 to 29"},
		{"csr order far away", long(200_000, func(_, x []int32) { x[170_001] = 0 }), tensor.ErrCorrupt, ruleIndex, "indices[170001] (row 17000)", "0", "above 0"},
		{"the first of two", long(200_000, func(_, x []int32) { x[170_001], x[90_000] = -1, -2 }), tensor.ErrCorrupt, ruleIndex, "indices[90000] (row 9000)", "-2", "0 to 29"},
		{"coo index too large", coo(Properties{}, 2, 3, pairs(0, 0, 1, 3)), tensor.ErrCorrupt, ruleIndex, "indices[1, 1]", "3", "0 to 2"},
		{"coo index negative", coo(Properties{}, 2, 3, pairs(0, 0, -1, 0)), tensor.ErrCorrupt, ruleIndex, "indices[1, 0]", "-1", "0 to 1"},
		{"coo not sorted", coo(Properties{Sorted: true}, 2, 3, pairs(1, 0, 0, 2)), tensor.ErrCorrupt, ruleIndex, "indices[1]", "(0, 2)", "not before (1, 0)"},
		{"coo sorted with a duplicate", coo(both, 2, 3, pairs(1, 0, 1, 0)), tensor.ErrCorrupt, ruleIndex, "indices[1]", "(1, 0)", "behind (1, 0)"},
		{"coo in any order with a duplicate", coo(Properties{Unique: true}, 2, 3, pairs(1, 0, 0, 2, 1, 0)), tensor.ErrCorrupt, ruleIndex, "indices[2]", "(1, 0), as entry 0", "each coordinate once"},
		{"the upper triangle in a lower one", csr(lower(Symmetric), 2, 2, i32(0, 1, 2), i32(1, 1)), tensor.ErrCorrupt, ruleIndex, "indices[0] (row 0)", "1", "0 to 0 in the triangle"},
		{"the lower triangle in an upper one", coo(Properties{Structure: Symmetric, Upper: true}, 2, 2, pairs(0, 1, 1, 0)), tensor.ErrCorrupt, ruleIndex, "indices[1, 1] (row 1)", "0", "1 to 1 in the triangle"},
		{"a diagonal of a skew-symmetric one", csr(lower(SkewSymmetric), 2, 2, i32(0, 0, 1), i32(1)), tensor.ErrCorrupt, ruleIndex, "indices[0] (row 1)", "1", "0 to 0 in the triangle"},
		// N47
		{"block of no rows", bsr(tensor.Shape{4, 4}, i32(0, 0), i32(), of(t, []float32{}, 0, 0, 2)), tensor.ErrFormat, rulePart, "block", "(0, 2)", "above 0"},
		{"block that does not divide", bsr(tensor.Shape{4, 4}, i32(0, 1), i32(0), of(t, make([]float32, 12), 1, 4, 3)), tensor.ErrFormat, rulePart, "block", "(4, 3)", "dividing (4, 4)"},
		{"block column too large", bsr(tensor.Shape{4, 4}, i32(0, 1, 1), i32(2), of(t, make([]float32, 4), 1, 2, 2)), tensor.ErrCorrupt, ruleIndex, "indices[0] (block row 0)", "2", "0 to 1"},
		// N48
		{"more elements than 2^63", Spec{Layout: COO, Shape: tensor.Shape{1 << 40, 1 << 40}, Parts: coo(both, 1, 1, pairs()).Parts}, tensor.ErrOverflow, "shape.count", "shape", "", ""},
		{"a negative extent", Spec{Layout: COO, Shape: tensor.Shape{-1, 2}, Parts: coo(both, 1, 1, pairs()).Parts}, tensor.ErrOverflow, "shape.extent", "shape", "", ""},
		{"rows that have no next number", Spec{Layout: CSR, Shape: tensor.Shape{math.MaxInt64, 1}, Parts: broken.Parts}, tensor.ErrOverflow, rulePart, "shape", "", "fewer than 2^63-1 rows"},
		// Parts
		{"layout 0", Spec{}, tensor.ErrUnsupported, ruleLayout, "layout", "0", "1 to 6"},
		{"layout 7", Spec{Layout: 7}, tensor.ErrUnsupported, ruleLayout, "layout", "7", "1 to 6"},
		{"csr of rank 3", Spec{Layout: CSR, Shape: tensor.Shape{1, 2, 3}}, tensor.ErrFormat, rulePart, "rank", "3", "2 for csr"},
		{"coo of rank 0", Spec{Layout: COO}, tensor.ErrFormat, rulePart, "rank", "0", "1 to 32 for coo"},
		{"coo of rank 33", Spec{Layout: COO, Shape: make(tensor.Shape, 33)}, tensor.ErrFormat, rulePart, "rank", "33", "1 to 32"},
		{"no indptr", without(RoleIndptr), tensor.ErrFormat, rulePart, "part indptr", "none", "one for csr"},
		{"no indices", without(RoleIndices), tensor.ErrFormat, rulePart, "part indices", "none", "one for csr"},
		{"no values", without(RoleValues), tensor.ErrFormat, rulePart, "part values", "none", "one for csr"},
		{"a role twice", Spec{Layout: CSR, Shape: tensor.Shape{2, 3}, Parts: append(append([]Part{}, broken.Parts...), broken.Parts[0])}, tensor.ErrDuplicate, rulePart, "part", `"indptr" twice`, "each role once"},
		{"indices of floats", with(Part{RoleIndices, f(2)}), tensor.ErrFormat, rulePart, "dtype of indices", "f32", "an int or uint"},
		{"indices of 4 bits", with(Part{RoleIndices, packed(t, 2)}), tensor.ErrFormat, rulePart, "dtype of indices", "u4", "an int or uint"},
		{"indptr too short", with(Part{RoleIndptr, i32(0, 2)}), tensor.ErrFormat, rulePart, "shape of indptr", "(2,)", "(3,)"},
		{"indptr of rank 2", with(Part{RoleIndptr, of(t, []int32{0, 1, 2}, 1, 3)}), tensor.ErrFormat, rulePart, "shape of indptr", "(1, 3)", "(3,)"},
		{"fewer values than indices", with(Part{RoleValues, f(1)}), tensor.ErrFormat, rulePart, "shape of values", "(1,)", "(2,)"},
		{"a fill of another dtype", with(Part{RoleFill, scalar[float64](t, 0)}), tensor.ErrFormat, rulePart, "dtype of fill", "f64", "f32"},
		{"a fill of rank 1", with(Part{RoleFill, f(1)}), tensor.ErrFormat, rulePart, "shape of fill", "(1,)", "()"},
		{"a mask of bytes", Spec{Layout: Bitmap, Shape: tensor.Shape{1, 5}, Properties: both, Parts: []Part{{RoleMask, of(t, make([]bool, 5), 1, 5)}, {RoleValues, f(2)}}}, tensor.ErrFormat, rulePart, "dtype of mask", "bool", "bool1"},
		{"fewer bits than values", Spec{Layout: Bitmap, Shape: tensor.Shape{1, 5}, Properties: both, Parts: []Part{{RoleMask, mask(0x05)}, {RoleValues, f(3)}}}, tensor.ErrCorrupt, ruleIndex, "mask", "2 set bits", "3, the number of values"},
		{"bits behind the end of the row", Spec{Layout: Bitmap, Shape: tensor.Shape{1, 5}, Properties: both, Parts: []Part{{RoleMask, mask(0xe5)}, {RoleValues, f(5)}}}, tensor.ErrCorrupt, ruleIndex, "mask", "2 set bits", "5"},
		// Flags
		{"a bitmap that is not sorted", Spec{Layout: Bitmap, Shape: tensor.Shape{1, 5}, Parts: []Part{{RoleMask, mask(5)}, {RoleValues, f(2)}}}, tensor.ErrCorrupt, ruleFlags, "layout_flags", "0x0", "sorted and unique"},
		{"a structure of a bitmap", Spec{Layout: Bitmap, Shape: tensor.Shape{1, 5}, Properties: Properties{true, true, Symmetric, false}, Parts: []Part{{RoleMask, mask(5)}, {RoleValues, f(2)}}}, tensor.ErrCorrupt, ruleFlags, "layout_flags", "symmetric for bitmap", "general"},
		{"a structure that is not square", csr(lower(Symmetric), 2, 3, i32(0, 0, 0), i32()), tensor.ErrCorrupt, ruleFlags, "layout_flags", "symmetric for shape (2, 3)", "equal extents"},
		{"hermitian reals", csr(lower(Hermitian), 2, 2, i32(0, 0, 0), i32()), tensor.ErrCorrupt, ruleFlags, "layout_flags", "hermitian for f32", "a complex dtype"},
		{"upper without a structure", csr(Properties{Upper: true}, 2, 2, i32(0, 0, 0), i32()), tensor.ErrCorrupt, ruleFlags, "layout_flags", "upper", "a structure"},
		{"structure 4", csr(lower(4), 2, 2, i32(0, 0, 0), i32()), tensor.ErrCorrupt, ruleFlags, "layout_flags", "structure4", "a known structure"},
		// Trees
		{"order names an axis twice", csf([]uint8{1, 1}, i32(0), i32(0, 1), i32(0)), tensor.ErrCorrupt, ruleIndex, "order[1]", "1", "each of 0 to 1 once"},
		{"order names no axis", csf([]uint8{0, 200}, i32(0), i32(0, 1), i32(0)), tensor.ErrCorrupt, ruleIndex, "order[1]", "200", "each of 0 to 1 once"},
		{"a root that is too large", csf([]uint8{0, 1}, i32(0, 3), i32(0, 1, 2), i32(0, 0)), tensor.ErrCorrupt, ruleIndex, "idx0[1] (level 0)", "3", "0 to 2"},
		{"roots that repeat", csf([]uint8{0, 1}, i32(1, 1), i32(0, 1, 2), i32(0, 0)), tensor.ErrCorrupt, ruleIndex, "idx0[1] (level 0)", "1", "above 1"},
		{"a node without a child", csf([]uint8{0, 1}, i32(0, 1), i32(0, 0, 1), i32(0)), tensor.ErrCorrupt, rulePointer, "ptr0[1] (node 0)", "0", "above 0"},
		{"siblings that fall", csf([]uint8{0, 1}, i32(0, 1), i32(0, 2, 3), i32(2, 1, 0)), tensor.ErrCorrupt, ruleIndex, "idx1[1] (node 0)", "1", "above 2"},
		{"a leaf that is too large", csf([]uint8{1, 0}, i32(3), i32(0, 1), i32(3)), tensor.ErrCorrupt, ruleIndex, "idx1[0] (node 0)", "3", "0 to 2"},
		{"pointers too short", csf([]uint8{0, 1}, i32(0, 1), i32(0, 1), i32(0)), tensor.ErrFormat, rulePart, "shape of ptr0", "(2,)", "(3,)"},
		// Bombs: parts that repeat themselves by a stride of 0.
		{"a mask of 2^50 rows", Spec{Layout: Bitmap, Shape: tensor.Shape{1 << 50, 5}, Properties: both, Parts: []Part{{RoleMask, repeated(mask(0), 1<<50, 5)}, {RoleValues, f(0)}}}, tensor.ErrLimit, "", "mask", "1125899906842624 bytes in 1", "at most"},
		{"2^50 empty rows", csr(Properties{}, 1<<50-1, 1, repeated(of(t, []int32{0}), 1<<50), i32()), tensor.ErrLimit, "", "indptr", "", "at most"},
		{"2^60 entries in a byte", csr(Properties{}, 1, 1, of(t, []int64{0, 1 << 60}), repeated(of(t, []uint8{0}), 1<<60)), tensor.ErrLimit, "", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := New(c.spec)
			for _, workers := range []int{1, 2, 7} {
				if a != nil {
					err = a.Validate(context.Background(), &ValidateOptions{Workers: workers})
				}
				var e *tensor.Error
				if !errors.As(err, &e) || !errors.Is(err, c.kind) || e.Rule != c.rule {
					t.Fatalf("%d workers: %v (rule %q), want %v (rule %q)", workers, err, e.Rule, c.kind, c.rule)
				}
				if !strings.Contains(e.Field, c.field) || !strings.HasPrefix(e.Got, c.got) || !strings.Contains(e.Want, c.want) {
					t.Errorf("%d workers: %v: want %q, got %q, want %q", workers, err, c.field, c.got, c.want)
				}
			}
			if a == nil {
				return
			}
			// No operation that goes through the entries may do without.
			for name, op := range everything(a) {
				if err := op(); !errors.Is(err, c.kind) {
					t.Errorf("%s: %v, want %v", name, err, c.kind)
				}
			}
		})
	}
}

// packed is n u4.
func packed(t testing.TB, n int64) tensor.View {
	v, err := tensor.Make(tensor.U4, tensor.Shape{n})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// everything is the operations that go through all entries.
func everything(a *Array) map[string]func() error {
	ctx := context.Background()
	ops := map[string]func() error{
		"Dense":     func() error { _, err := a.Dense(ctx, nil); return err },
		"Canonical": func() error { _, err := a.Canonical(ctx, nil); return err },
		"Counts":    func() error { _, err := a.Counts(ctx, 0, nil); return err },
	}
	for to := COO; to <= Bitmap; to++ {
		if len(a.shape) == 2 || to == COO || to >= CSF {
			ops["Convert to "+to.String()] = func() error { _, err := a.Convert(ctx, to, &Options{Block: [2]int64{1, 1}}); return err }
		}
	}
	if a.props.Structure != General {
		ops["General"] = func() error { _, err := a.General(ctx, nil); return err }
	}
	if len(a.shape) == 2 {
		ops["Image"] = func() error { _, err := a.Image(ctx, 2, 2, tensor.U8, nil); return err }
		ops["EstimateBlock"] = func() error { _, err := a.EstimateBlock(ctx, nil); return err }
		ops["Mul"] = func() error {
			x, err := tensor.Make(a.dtype, a.shape[1:])
			if err == nil {
				_, err = a.Mul(ctx, x, nil)
			}
			return err
		}
	}
	return ops
}

// Sizes that follow from no entry are refused before they are allocated.
func TestLimits(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const million = 1_000_000
	a, err := New(Spec{Layout: COO, Shape: tensor.Shape{million, million}, Properties: Properties{Sorted: true, Unique: true}, Parts: []Part{
		{RoleIndices, of(t, []int32{1, 2, 999_999, 3}, 2, 2)}, {RoleValues, of(t, []float32{1, 2})},
	}})
	if err != nil {
		t.Fatal(err)
	}
	wide, err := New(Spec{Layout: COO, Shape: tensor.Shape{1 << 40, 1 << 20}, Properties: Properties{Sorted: true, Unique: true}, Parts: []Part{
		{RoleIndices, of(t, []int64{1, 2, 999_999, 3}, 2, 2)}, {RoleValues, of(t, []float32{1, 2})},
	}})
	if err != nil {
		t.Fatal(err)
	}
	one := of(t, []uint8{0}, 1, 1)
	many, err := one.BroadcastTo(tensor.Shape{1 << 33, 1})
	if err != nil {
		t.Fatal(err)
	}
	ones, err := of(t, []uint8{7}).BroadcastTo(tensor.Shape{1 << 33})
	if err != nil {
		t.Fatal(err)
	}
	bomb, err := New(Spec{Layout: COO, Shape: tensor.Shape{1}, Parts: []Part{{RoleIndices, many}, {RoleValues, ones}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, op := range map[string]func() error{
		"dense":  func() error { _, err := a.Dense(background, nil); return err },
		"bitmap": func() error { _, err := a.Convert(background, Bitmap, nil); return err },
		"blocks": func() error {
			_, err := a.Convert(background, BSR, &Options{Block: [2]int64{million, 2000}})
			return err
		},
		"pointers": func() error { _, err := wide.Convert(background, CSR, nil); return err },
		"counts":   func() error { _, err := wide.Counts(background, 0, nil); return err },
		"image":    func() error { _, err := wide.Image(background, 1<<20, 1<<20, tensor.U8, nil); return err },
		"limit":    func() error { _, err := a.Convert(background, CSR, &Options{MaxBytes: million}); return err },
		"sparser":  func() error { _, err := a.Dense(background, &Options{MaxBytes: -1, MinDensity: 0.1}); return err },
		"denser": func() error {
			_, err := FromDense(background, of(t, []uint8{1, 0, 1, 1}, 2, 2), tensor.View{}, CSR, &Options{MaxDensity: 0.5})
			return err
		},
		"repeated": func() error { _, err := bomb.Convert(background, CSF, nil); return err },
	} {
		if err := op(); !errors.Is(err, tensor.ErrLimit) {
			t.Errorf("%s: %v", name, err)
		}
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
		t.Errorf("%d bytes allocated to refuse", n)
	}
	empty, err := of(t, []int32{0}).BroadcastTo(tensor.Shape{1 << 50})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := New(Spec{Layout: CSR, Shape: tensor.Shape{1<<50 - 1, 3}, Parts: []Part{{RoleIndptr, empty}, {RoleIndices, of(t, []int32{})}, {RoleValues, of(t, []int8{})}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rows.Select(background, rowsOf(1, tensor.None), nil); !errors.Is(err, tensor.ErrLimit) {
		t.Errorf("2^50 rows: %v", err)
	}
	s, err := rows.Select(background, rowsOf(1, 5), nil)
	switch {
	case strconv.IntSize == 32: // its pointers alone are too many
		if !errors.Is(err, tensor.ErrLimit) {
			t.Errorf("4 rows of 2^50: %v", err)
		}
	case err != nil || s.NNZ() != 0:
		t.Errorf("4 rows of 2^50: %v", err)
	}
	if _, err := wide.Convert(background, CSF, &Options{Index: tensor.I32}); !errors.Is(err, tensor.ErrOverflow) {
		t.Errorf("i32 for an extent of 2^40: %v", err)
	}
	if _, err := wide.Convert(background, CSC, nil); err != nil {
		t.Errorf("2^20 columns of 2^40 rows: %v", err)
	}
}

// Whoever has ended gets the error of the context.
func TestEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	a, err := New(Spec{Layout: CSR, Shape: tensor.Shape{2, 3}, Parts: []Part{{RoleIndptr, of(t, []int32{0, 1, 2})}, {RoleIndices, of(t, []int32{0, 1})}, {RoleValues, of(t, []int8{1, 2})}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Validate(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Validate: %v", err)
	}
	if _, err := a.Convert(ctx, CSC, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Convert: %v", err)
	}
	if err := a.Validate(context.Background(), nil); err != nil {
		t.Errorf("Validate after an end: %v", err)
	}
}

func TestFlags(t *testing.T) {
	for flags := range uint32(1 << 8) {
		p, err := FromFlags(flags)
		if known := flags&^0x73 == 0; known != (err == nil) {
			t.Errorf("%#x: %v", flags, err)
		} else if known && p.Flags() != flags {
			t.Errorf("%#x becomes %#x", flags, p.Flags())
		}
	}
	for l := COO; l <= Bitmap; l++ {
		if got, err := ParseLayout(l.String()); err != nil || got != l {
			t.Errorf("%v: %v, %v", l, got, err)
		}
	}
	for s := General; s <= Hermitian; s++ {
		if got, err := ParseStructure(s.String()); err != nil || got != s {
			t.Errorf("%v: %v, %v", s, got, err)
		}
	}
	if _, err := ParseLayout("dia"); !errors.Is(err, tensor.ErrFormat) {
		t.Error(err)
	}
	if _, err := ParseStructure("banded"); !errors.Is(err, tensor.ErrFormat) {
		t.Error(err)
	}
}
