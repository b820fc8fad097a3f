package sparse

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// large is n entries of a million by a million, in no order.
func large(t testing.TB, n int) *Array {
	t.Helper()
	r := rand.New(rand.NewPCG(4, 5))
	const side = 1_000_000
	rows, columns, values := make([]int32, n), make([]int32, n), make([]float32, n)
	seen := map[int64]bool{}
	for i := range rows {
		for {
			rows[i], columns[i] = r.Int32N(side), r.Int32N(side)
			if r.IntN(4) == 0 { // a crowded row
				rows[i] = 77
			}
			if k := int64(rows[i])*side + int64(columns[i]); !seen[k] {
				seen[k] = true
				break
			}
		}
		values[i] = float32(r.NormFloat64())
	}
	idx, err := of(t, slices.Concat(rows, columns), 2, int64(n)).Transpose()
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(Spec{Layout: COO, Shape: tensor.Shape{side, side}, Properties: Properties{Unique: true}, Parts: []Part{{RoleIndices, idx}, {RoleValues, of(t, values)}}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Every pair of layouts converts a matrix whose dense form has 4 TB, in memory
// bounded by the entries and the million lines.
func TestEveryPairOfAMillionSquared(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 20_000
	}
	source := large(t, n)
	want, err := source.Canonical(background, nil)
	if err != nil {
		t.Fatal(err)
	}
	// What comes out of blocks has their zeros, too.
	check := func(what string, a *Array) {
		t.Helper()
		c, err := a.Convert(background, COO, nil)
		if err == nil {
			c, err = c.Canonical(background, &Options{DropFill: true})
		}
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for _, role := range []string{RoleIndices, RoleValues} {
			if ok, err := tensor.Equal(c.part(role), want.part(role)); !ok || err != nil {
				t.Fatalf("%s: %s differ (%v)", what, role, err)
			}
		}
	}
	pairs := 0
	worst := 0.0
	for from := COO; from <= CSF; from++ {
		a, err := source.Convert(background, from, &Options{Block: [2]int64{2, 2}})
		if err != nil {
			t.Fatal(err)
		}
		check(from.String(), a)
		for to := COO; to <= Bitmap; to++ {
			a := a.bare()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			b, err := a.Convert(background, to, &Options{Block: [2]int64{4, 2}, Workers: 2})
			runtime.ReadMemStats(&after)
			pairs++
			if to == Bitmap {
				if !errors.Is(err, tensor.ErrLimit) {
					t.Errorf("%v to bitmap: %v", from, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%v to %v: %v", from, to, err)
			}
			// All that was allocated, not only what was held at once: some 50
			// bytes an entry, of blocks each element, and a few pointers a line.
			took := float64(after.TotalAlloc - before.TotalAlloc)
			ceiling := float64(70*max(a.nnz, b.nnz) + 20*1_000_000)
			worst = max(worst, took/ceiling)
			if took > ceiling {
				t.Errorf("%v to %v took %.0f bytes, more than %.0f", from, to, took, ceiling)
			}
			check(from.String()+" to "+to.String(), b)
		}
	}
	t.Logf("%d pairs, at most %.2f of the ceiling", pairs, worst)
}

// bare is the array as if it had just been opened.
func (a *Array) bare() *Array {
	b, err := New(Spec{Layout: a.layout, Shape: a.shape, DType: a.dtype, Properties: a.props, Parts: a.parts})
	if err != nil {
		panic(err)
	}
	return b
}

// Results are the same, bit for bit, for any number of workers: also where sums
// depend on their order.
func TestWorkersDoNotShow(t *testing.T) {
	n, rows, columns := int64(100_000), int64(5000), int64(350) // several entries a coordinate
	if testing.Short() {
		n, rows = 40_000, 2000
	}
	r := rand.New(rand.NewPCG(8, 9))
	idx, values := make([]int64, 2*n), make([]float32, n)
	for i := range values {
		idx[2*i], idx[2*i+1] = r.Int64N(rows), r.Int64N(r.Int64N(columns)+1)
		values[i] = float32(r.NormFloat64() * math.Exp(10*r.NormFloat64()))
	}
	coo, err := New(Spec{Layout: COO, Shape: tensor.Shape{rows, columns}, Parts: []Part{{RoleIndices, of(t, idx, n, 2)}, {RoleValues, of(t, values)}}})
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, columns*3)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	image := func(a *Array) []byte {
		var b bytes.Buffer
		for _, p := range a.Parts() {
			if err := p.View.WriteCOrder(&b, tensor.LittleEndian); err != nil {
				t.Fatal(err)
			}
		}
		return b.Bytes()
	}
	results := 0
	for from := COO; from <= Bitmap; from++ {
		a, err := coo.Convert(background, from, &Options{Block: [2]int64{2, 2}, Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		var want [][]byte
		for _, workers := range []int{1, 2, 5} {
			o := &Options{Workers: workers, Block: [2]int64{5, 7}}
			var got [][]byte
			keep := func(b *Array, err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, image(b))
			}
			for to := COO; to <= Bitmap; to++ {
				keep(a.Convert(background, to, o))
			}
			keep(a.Canonical(background, &Options{Workers: workers, DropFill: true}))
			keep(a.Transpose(background, nil, o))
			keep(a.Select(background, tensor.Selection{{Kind: tensor.SelectRange, Start: 4000, Stop: 3, Step: -3}}, o))
			y, err := a.Mul(background, of(t, x, columns, 3), o)
			if err != nil {
				t.Fatal(err)
			}
			b, err := y.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, b)
			if want == nil {
				want = got
			}
			for i := range got {
				results++
				if !bytes.Equal(got[i], want[i]) {
					t.Errorf("%v, result %d: %d workers differ from 1", from, i, workers)
				}
			}
		}
	}
	t.Logf("%d results", results)
}

// Values are moved as they are: payloads of NaNs, signs of zeros.
func TestValuesKeepTheirBits(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 11))
	for _, d := range dtypes {
		if d.Class == tensor.ClassBool {
			continue
		}
		const n, rows, columns = 500, 40, 50
		size := int(d.UnitBytes)
		b := make([]byte, n*size)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		idx := make([]int64, 0, 2*n)
		for _, k := range r.Perm(rows * columns)[:n] {
			idx = append(idx, int64(k/columns), int64(k%columns))
		}
		values, err := tensor.NewView(b, d, tensor.Shape{n}, nil, 0, tensor.HostOrder)
		if err != nil {
			t.Fatal(err)
		}
		a, err := New(Spec{Layout: COO, Shape: tensor.Shape{rows, columns}, Properties: Properties{Unique: true}, Parts: []Part{{RoleIndices, of(t, idx, n, 2)}, {RoleValues, values}}})
		if err != nil {
			t.Fatal(err)
		}
		dense := make([]byte, rows*columns*size)
		for i := range n {
			copy(dense[int(idx[2*i]*columns+idx[2*i+1])*size:], b[i*size:(i+1)*size])
		}
		for to := COO; to <= Bitmap; to++ {
			c, err := a.Convert(background, to, &Options{Block: [2]int64{4, 5}})
			if err != nil {
				t.Fatal(err)
			}
			v, err := c.Dense(background, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := v.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, dense) {
				t.Errorf("%v through %v: other bits", d, to)
			}
			back, err := FromDense(background, v, tensor.View{}, to, nil)
			if err != nil {
				t.Fatal(err)
			}
			if v, err = back.Dense(background, nil); err != nil {
				t.Fatal(err)
			}
			if got, _ = v.Bytes(); !bytes.Equal(got, dense) {
				t.Errorf("%v from dense to %v and back: other bits", d, to)
			}
		}
	}
}

// Sums are made in the order of the entries, each rounded to the dtype.
func TestSumsAreRoundedOneByOne(t *testing.T) {
	sum := func(values tensor.View) tensor.View {
		n := values.Shape()[0]
		a, err := New(Spec{Layout: COO, Shape: tensor.Shape{1}, Parts: []Part{{RoleIndices, of(t, make([]int8, n), n, 1)}, {RoleValues, values}}})
		if err != nil {
			t.Fatal(err)
		}
		v, err := a.At(0)
		if err != nil {
			t.Fatal(err)
		}
		d, err := a.Dense(background, nil)
		if err != nil {
			t.Fatal(err)
		}
		if d, err = d.Index(0, 0); err != nil {
			t.Fatal(err)
		}
		if ok, _ := tensor.Equal(v, d); !ok {
			t.Errorf("%v by At, %v by Dense", v, d)
		}
		return v
	}
	for _, c := range []struct {
		name   string
		values tensor.View
		want   float64
	}{
		{"f32 left to right", of(t, []float32{1e8, 1, -1e8, 1}), 1},
		{"f16 after each", of(t, []tensor.Float16{tensor.ToFloat16(2048.0), tensor.ToFloat16(1.0), tensor.ToFloat16(1.0)}), 2048},
		{"f16 overflow", of(t, []tensor.Float16{tensor.ToFloat16(65504.0), tensor.ToFloat16(65504.0)}), math.Inf(1)},
		{"bf16", of(t, []tensor.BFloat16{tensor.ToBFloat16(256.0), tensor.ToBFloat16(1.0), tensor.ToBFloat16(1.0)}), 256},
		{"e8m0", of(t, []tensor.Float8E8M0{tensor.ToFloat8E8M0(2.0), tensor.ToFloat8E8M0(2.0)}), 4},
		{"i8 wraps", of(t, []int8{100, 100}), -56},
		{"u8 wraps", of(t, []uint8{200, 100}), 44},
		{"bool", of(t, []bool{true, true, false}), 1},
	} {
		got, err := sum(c.values).Float64At()
		if err != nil || got != c.want {
			t.Errorf("%s: %v (%v), want %v", c.name, got, err, c.want)
		}
	}
}
