package sparse

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// csr is a matrix of i32 and f32.
func csr(t testing.TB, p Properties, rows, columns int64, ptr, idx []int32) *Array {
	t.Helper()
	values := make([]float32, len(idx))
	for i := range values {
		values[i] = float32(i + 1)
	}
	a, err := New(Spec{Layout: CSR, Shape: tensor.Shape{rows, columns}, Properties: p, Parts: []Part{{RoleIndptr, of(t, ptr)}, {RoleIndices, of(t, idx)}, {RoleValues, of(t, values)}}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func rowsOf(lo, hi int64) tensor.Selection {
	return tensor.Selection{{Kind: tensor.SelectRange, Start: lo, Stop: hi, Step: 1}}
}

// A slice of rows reads those rows and no others: what is wrong elsewhere does
// not show, what is wrong there does.
func TestRowsAreCheckedByThemselves(t *testing.T) {
	both := Properties{Sorted: true, Unique: true}
	a := csr(t, both, 4, 5, []int32{0, 2, 4, 5, 6}, []int32{0, 9, 1, 3, 2, 0}) // row 0 has a column 9
	s, err := a.Select(background, rowsOf(1, 3), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, s).entries; len(got) != 3 || got[2].value != 5 || got[2].at[1] != 2 {
		t.Errorf("rows 1 and 2: %v", got)
	}
	if got, _ := Data[float32](s, RoleValues); &got[0] != &must(Data[float32](a, RoleValues))[2] {
		t.Error("a slice of rows copies values")
	}
	if v, err := a.At(1, 3); err != nil || numbersOf(t, v)[0] != 4 {
		t.Errorf("At(1, 3): %v, %v", v, err)
	}
	for name, op := range map[string]func() error{
		"row 0":    func() error { _, err := a.Select(background, rowsOf(0, 1), nil); return err },
		"rows":     func() error { _, err := a.Select(background, rowsOf(0, 4), nil); return ignoreWhole(a, err) },
		"backward": func() error { _, err := a.Select(background, must(tensor.ParseSelection("1::-1")), nil); return err },
		"a column": func() error { _, err := a.Select(background, must(tensor.ParseSelection(":, 1")), nil); return err },
		"At":       func() error { _, err := a.At(0, 0); return err },
	} {
		var e *tensor.Error
		if err := op(); !errors.As(err, &e) || e.Rule != ruleIndex || !strings.HasPrefix(e.Field, "indices[1] (row 0)") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Pointers that lead outside, of the row and next to it.
	b := csr(t, both, 4, 5, []int32{0, 2, 40, 5, 6}, []int32{0, 1, 1, 3, 2, 0})
	for row, rule := range []string{"", rulePointer, rulePointer, ""} {
		_, err := b.Select(background, rowsOf(int64(row), int64(row)+1), nil)
		var e *tensor.Error
		if errors.As(err, &e); rule == "" && err != nil || rule != "" && (e == nil || e.Rule != rule) {
			t.Errorf("row %d: %v, want rule %q", row, err, rule)
		}
		if _, err := b.At(int64(row), 1); (rule == "") != (err == nil) {
			t.Errorf("At(%d, 1): %v", row, err)
		}
	}
}

// ignoreWhole validates what a selection of everything returned as it was.
func ignoreWhole(a *Array, err error) error {
	if err != nil {
		return err
	}
	return a.Validate(background, nil)
}

func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

// Duplicates among entries in any order, where a table does not hold them all,
// and in a long row.
func TestDuplicatesAmongMany(t *testing.T) {
	const share = 1 << 15
	const n = 4*share + 77
	for _, twin := range []int{-1, n / 3, n - 1} {
		key := func(i int) int64 {
			if i == twin {
				i = 5
			}
			return int64(uint64(i) * 0x9e3779b97f4a7c15 >> 1)
		}
		for workers := 1; workers <= 2; workers++ {
			i, before, err := repeated(background, n, share, workers, func(dst []int64, at int) {
				for j := range dst {
					dst[j] = key(at + j)
				}
			})
			if err != nil || i != twin || i >= 0 && before != 5 {
				t.Errorf("twin at %d, %d workers: %d, %d, %v", twin, workers, i, before, err)
			}
		}
	}
	idx := make([]int32, 3*piece)
	for i, x := range rand.New(rand.NewPCG(1, 1)).Perm(len(idx)) {
		idx[i] = int32(x)
	}
	ptr := []int32{0, int32(len(idx))}
	if err := csr(t, Properties{Unique: true}, 1, int64(len(idx)), ptr, idx).Validate(background, nil); err != nil {
		t.Error(err)
	}
	idx[2*piece] = idx[17]
	var e *tensor.Error
	if err := csr(t, Properties{Unique: true}, 1, int64(len(idx)), ptr, idx).Validate(background, nil); !errors.As(err, &e) || !strings.HasPrefix(e.Field, "indices[32768]") || !strings.HasSuffix(e.Got, "as entry 17") {
		t.Error(err)
	}
}

func TestEstimateBlock(t *testing.T) {
	r := maker{t, rand.New(rand.NewPCG(3, 3))}
	for _, want := range [][2]int64{{1, 1}, {2, 2}, {3, 2}, {1, 4}, {4, 4}, {6, 6}, {8, 8}} {
		m := &model{shape: tensor.Shape{120, 120}, dtype: tensor.F32}
		for i := range 120 / want[0] {
			for j := range 120 / want[1] {
				if !r.chance(5) { // blocks far apart
					continue
				}
				for k := range want[0] * want[1] {
					m.entries = append(m.entries, entry{[]int64{i*want[0] + k/want[1], j*want[1] + k%want[1]}, 1})
				}
			}
		}
		a := r.array(m, COO)
		if got, err := a.EstimateBlock(background, nil); err != nil || got != want {
			t.Errorf("%v (%v), want %v", got, err, want)
		}
		b, err := a.Convert(background, BSR, nil)
		if err != nil || b.Block() != want || b.NNZ() != int64(len(m.entries)) {
			t.Errorf("%d elements in blocks of %v (%v), want %d", b.NNZ(), b.Block(), err, len(m.entries))
		}
	}
}

func TestImagesStayInRange(t *testing.T) {
	idx := make([]int32, 300)
	a := csr(t, Properties{}, 1, 2, []int32{0, 300}, idx)
	v, err := a.Image(background, 1, 2, tensor.U8, nil)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "image", numbersOf(t, v), []complex128{255, 0})
	// Extents whose product with the grid passes 64 bits.
	b, err := New(Spec{Layout: COO, Shape: tensor.Shape{1 << 61, 3}, Parts: []Part{{RoleIndices, of(t, []int64{1<<61 - 1, 2, 1 << 60, 0}, 2, 2)}, {RoleValues, of(t, []int8{1, 1})}}})
	if err != nil {
		t.Fatal(err)
	}
	if v, err = b.Image(background, 100, 1, tensor.U32, nil); err != nil {
		t.Fatal(err)
	}
	want := make([]complex128, 100)
	want[99], want[50] = 1, 1
	same(t, "image", numbersOf(t, v), want)
}

func TestCloneSharesNothing(t *testing.T) {
	values := []float32{1, 2}
	a, err := New(Spec{Layout: CSR, Shape: tensor.Shape{1, 5}, Parts: []Part{{RoleIndptr, of(t, []int32{0, 2})}, {RoleIndices, of(t, []int32{4, 0})}, {RoleValues, of(t, values)}, {RoleFill, scalar[float32](t, 3)}}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.Clone()
	if err != nil {
		t.Fatal(err)
	}
	values[0] = 9
	same(t, "clone", read(t, c).dense(), []complex128{2, 3, 3, 3, 1})
}

// What callers ask for that cannot be.
func TestRefusals(t *testing.T) {
	a := csr(t, Properties{}, 4, 6, []int32{0, 1, 1, 1, 2}, []int32{0, 5})
	cube, err := New(Spec{Layout: COO, Shape: tensor.Shape{2, 3, 4}, Parts: []Part{{RoleIndices, of(t, []int8{1, 2, 3}, 1, 3)}, {RoleValues, of(t, []int8{1})}}})
	if err != nil {
		t.Fatal(err)
	}
	nibbles, err := New(Spec{Layout: CSR, Shape: tensor.Shape{1, 2}, Parts: []Part{{RoleIndptr, of(t, []int32{0, 1})}, {RoleIndices, of(t, []int32{0})}, {RoleValues, packed(t, 1)}}})
	if err != nil {
		t.Fatal(err)
	}
	convert := func(a *Array, to Layout, o *Options) func() error {
		return func() error { _, err := a.Convert(background, to, o); return err }
	}
	for _, c := range []struct {
		name string
		op   func() error
		kind error
	}{
		{"csr of rank 3", convert(cube, CSR, nil), tensor.ErrShape},
		{"bsr of rank 3", convert(cube, BSR, nil), tensor.ErrShape},
		{"layout 9", convert(a, 9, nil), tensor.ErrUnsupported},
		{"blocks that do not divide", convert(a, BSR, &Options{Block: [2]int64{3, 2}}), tensor.ErrShape},
		{"a block of one extent", convert(a, BSR, &Options{Block: [2]int64{2, 0}}), tensor.ErrShape},
		{"an order with a gap", convert(cube, CSF, &Options{Order: []int{0, 2}}), tensor.ErrIndex},
		{"an order with an axis twice", convert(cube, CSF, &Options{Order: []int{0, 2, 2}}), tensor.ErrIndex},
		{"indices of 16 bits", convert(a, COO, &Options{Index: tensor.I16}), tensor.ErrDType},
		{"values of 4 bits", convert(nibbles, COO, nil), tensor.ErrDType},
		{"axes twice", func() error { _, err := cube.Transpose(background, []int{0, 0, 1}, nil); return err }, tensor.ErrIndex},
		{"a new axis", func() error {
			_, err := a.Select(background, must(tensor.ParseSelection("None, :")), nil)
			return err
		}, tensor.ErrUnsupported},
		{"an element by Select", func() error { _, err := a.Select(background, must(tensor.ParseSelection("1, 2")), nil); return err }, tensor.ErrUnsupported},
		{"a row that is not there", func() error { _, err := a.Select(background, must(tensor.ParseSelection("4")), nil); return err }, tensor.ErrIndex},
		{"an element that is not there", func() error { _, err := a.At(0, 6); return err }, tensor.ErrIndex},
		{"an element before the first", func() error { _, err := a.At(-5, 0); return err }, tensor.ErrIndex},
		{"an element of another rank", func() error { _, err := a.At(0); return err }, tensor.ErrIndex},
		{"counts along no axis", func() error { _, err := a.Counts(background, 2, nil); return err }, tensor.ErrIndex},
		{"an image of rank 3", func() error { _, err := cube.Image(background, 2, 2, tensor.U8, nil); return err }, tensor.ErrShape},
		{"an empty image", func() error { _, err := a.Image(background, 0, 2, tensor.U8, nil); return err }, tensor.ErrShape},
		{"an image of floats", func() error { _, err := a.Image(background, 2, 2, tensor.F32, nil); return err }, tensor.ErrDType},
		{"a product of other extents", func() error { _, err := a.Mul(background, of(t, make([]float32, 5)), nil); return err }, tensor.ErrShape},
		{"a product of other dtypes", func() error { _, err := a.Mul(background, of(t, make([]float64, 6)), nil); return err }, tensor.ErrDType},
		{"a structure that is not square", func() error { _, err := a.Structured(background, Symmetric, false, nil); return err }, tensor.ErrShape},
		{"dense of rank 0", func() error {
			_, err := FromDense(background, scalar[int8](t, 1), tensor.View{}, COO, nil)
			return err
		}, tensor.ErrShape},
		{"a fill of another dtype", func() error {
			_, err := FromDense(background, of(t, []int8{1}), scalar[int16](t, 1), COO, nil)
			return err
		}, tensor.ErrDType},
	} {
		if err := c.op(); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v, want %v", c.name, err, c.kind)
		}
	}
}

// Many goroutines may begin with an array that nobody has validated.
func TestConcurrentUse(t *testing.T) {
	a := large(t, 5000)
	done := make(chan error)
	for i := range 8 {
		go func() {
			_, err := a.Convert(context.Background(), []Layout{CSR, CSC, CSF, COO}[i%4], nil)
			if err == nil {
				_, err = a.At(77, 5)
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
