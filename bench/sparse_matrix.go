package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/sparse"
	"github.com/tensorfile/tensorfile/tensor"
)

// matrix is a CSR matrix of n entries in side x side, i32 and f64: sorted, no
// coordinate twice, as many columns apart as an even spread makes them.
func (e *Env) matrix(b *testing.B, side, n int) *sparse.Array {
	return get(b, e, fmt.Sprintf("matrix%dx%d", side, n), func() (*sparse.Array, error) {
		r := rand.New(rand.NewPCG(7, 8))
		ptr, idx, val := make([]int32, side+1), make([]int32, n), make([]float64, n)
		for i := range ptr {
			ptr[i] = int32(int64(n) * int64(i) / int64(side))
		}
		for row := range side {
			list := idx[ptr[row]:ptr[row+1]]
			for i := range list { // one column of each share of the row
				lo, hi := side*i/len(list), side*(i+1)/len(list)
				list[i] = int32(lo + r.IntN(hi-lo))
			}
		}
		for i := range val {
			val[i] = r.NormFloat64()
		}
		spec := sparse.Spec{Layout: sparse.CSR, Shape: tensor.Shape{int64(side), int64(side)}, Properties: sparse.Properties{Sorted: true, Unique: true}}
		for _, p := range []struct {
			role string
			make func() (tensor.View, error)
		}{
			{sparse.RoleIndptr, func() (tensor.View, error) { return tensor.FromSlice(ptr) }},
			{sparse.RoleIndices, func() (tensor.View, error) { return tensor.FromSlice(idx) }},
			{sparse.RoleValues, func() (tensor.View, error) { return tensor.FromSlice(val) }},
		} {
			v, err := p.make()
			if err != nil {
				return nil, err
			}
			spec.Parts = append(spec.Parts, sparse.Part{Role: p.role, View: v})
		}
		return sparse.New(spec)
	})
}

// shuffledCOO is the matrix as coordinates in the order of columns.
func (e *Env) shuffledCOO(b *testing.B, side, n int) *sparse.Array {
	return get(b, e, fmt.Sprintf("coo%dx%d", side, n), func() (*sparse.Array, error) {
		a, err := e.matrix(b, side, n).Convert(context.Background(), sparse.CSC, nil)
		if err != nil {
			return nil, err
		}
		return a.Convert(context.Background(), sparse.COO, nil)
	})
}

// matrixCases are conversions, products and slices in memory, beside SciPy's on
// a matrix of the same numbers of lines and entries.
func matrixCases(e *Env) []Case {
	side, n, many := 20_000, 160_000, 1_000_000
	if e.Full {
		side, n, many = 1_000_000, 8_000_000, 100_000_000
	}
	ctx := context.Background()
	bytes := int64(12 * n) // of indices and values
	var list []Case
	name := func(op, impl string) string {
		return fmt.Sprintf("matrix=%d/entries=%d/op=%s/impl=%s", side, n, op, impl)
	}
	to := func(l sparse.Layout, from func(b *testing.B) *sparse.Array) func(b *testing.B) outcome {
		return func(b *testing.B) outcome {
			a, err := from(b).Convert(ctx, l, nil)
			check(b, err)
			return partsOf(a)
		}
	}
	for _, c := range []struct {
		op   string
		want func(b *testing.B) outcome
		run  func(b *testing.B, workers int) func() error
	}{
		{"csr-to-csc", to(sparse.CSC, func(b *testing.B) *sparse.Array { return e.matrix(b, side, n) }), func(b *testing.B, workers int) func() error {
			a := e.matrix(b, side, n)
			return func() error { _, err := a.Convert(ctx, sparse.CSC, &sparse.Options{Workers: workers}); return err }
		}},
		{"coo-to-csr", to(sparse.CSR, func(b *testing.B) *sparse.Array { return e.shuffledCOO(b, side, n) }), func(b *testing.B, workers int) func() error {
			a := e.shuffledCOO(b, side, n)
			return func() error { _, err := a.Convert(ctx, sparse.CSR, &sparse.Options{Workers: workers}); return err }
		}},
		{"csr-to-coo", to(sparse.COO, func(b *testing.B) *sparse.Array { return e.matrix(b, side, n) }), func(b *testing.B, workers int) func() error {
			a := e.matrix(b, side, n)
			return func() error { _, err := a.Convert(ctx, sparse.COO, &sparse.Options{Workers: workers}); return err }
		}},
		{"multiply", func(b *testing.B) outcome {
			return e.outcome(e.matrix(b, side, n).Mul(ctx, ramp(b, side), nil)).about(1e-12)
		}, func(b *testing.B, workers int) func() error {
			a := e.matrix(b, side, n)
			x := ramp(b, side)
			return func() error { _, err := a.Mul(ctx, x, &sparse.Options{Workers: workers}); return err }
		}},
		{"validate", nil, func(b *testing.B, workers int) func() error {
			a := e.matrix(b, side, n)
			spec := sparse.Spec{Layout: a.Layout(), Shape: a.Shape(), DType: a.DType(), Properties: a.Properties(), Parts: a.Parts()}
			return func() error {
				fresh, err := sparse.New(spec)
				if err != nil {
					return err
				}
				return fresh.Validate(ctx, &sparse.ValidateOptions{Workers: workers})
			}
		}},
	} {
		for _, workers := range []int{1, 2} {
			list = append(list, stream("sparse", name(c.op, fmt.Sprintf("tensorfile%d", workers)), bytes, func(b *testing.B) {
				fn := c.run(b, workers)
				check(b, fn()) // validated, pages there
				for b.Loop() {
					check(b, fn())
				}
			}))
		}
		if c.op != "validate" {
			list = append(list, stream("sparse", name(c.op, "scipy"), bytes, func(b *testing.B) {
				e.inPythonAs(b, bytes, func(b *testing.B) outcome { return c.want(b) }, "matrix", c.op, e.matrixParts(b, side, n), side, n)
			}))
		}
	}
	// One row of a matrix that nobody has validated: it is checked by itself.
	return append(list, run("sparse", fmt.Sprintf("entries=%d/op=row-slice/impl=tensorfile", many), func(b *testing.B) {
		a := e.matrix(b, many/100, many)
		rows := rand.New(rand.NewPCG(1, 2)).Perm(many / 100)
		rows = rows[:min(1000, len(rows))] // warm, as the map is to be
		i := 0
		for b.Loop() {
			row := int64(rows[i%len(rows)])
			i++
			s, err := a.Select(ctx, tensor.Selection{{Kind: tensor.SelectRange, Start: row, Stop: row + 1, Step: 1}}, nil)
			check(b, err)
			x, err := sparse.Data[float64](s, sparse.RoleValues)
			check(b, err)
			sink = float32(x[0])
		}
	}))
}

// ramp is a vector to multiply by.
func ramp(b *testing.B, n int) tensor.View {
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(i) / float64(n)
	}
	v, err := tensor.FromSlice(x)
	check(b, err)
	return v
}

// matrixParts are the parts of the matrix, one behind the other in a file.
func (e *Env) matrixParts(b *testing.B, side, n int) string {
	var all []byte
	for _, p := range e.matrix(b, side, n).Parts() {
		x, err := p.View.Bytes()
		check(b, err)
		all = append(all, x...)
	}
	return e.bytesFile(b, fmt.Sprintf("matrix-%d-%d", side, n), all)
}

// parts is the outcome of making a matrix.
func partsOf(a *sparse.Array) (o outcome) {
	for _, p := range a.Parts() {
		o.views = append(o.views, p.View)
	}
	return o
}

func (e *Env) matrixGoals() []Goal {
	if !e.Full {
		return nil
	}
	const at = "sparse/matrix=1000000/entries=8000000/op="
	return []Goal{
		{"CSR to CSC on one thread beside SciPy", at + "csr-to-csc/impl=tensorfile1", at + "csr-to-csc/impl=scipy", 1 / 1.5, 0, true},
		{"CSR to CSC on two threads beside SciPy", at + "csr-to-csc/impl=tensorfile2", at + "csr-to-csc/impl=scipy", 1, 0, true},
		{"COO to CSR on two threads beside SciPy", at + "coo-to-csr/impl=tensorfile2", at + "coo-to-csr/impl=scipy", 1, 0, false},
		{"matrix by vector on two threads beside SciPy", at + "multiply/impl=tensorfile2", at + "multiply/impl=scipy", 1, 0, false},
		{"a row of CSR of 100M entries", "sparse/entries=100000000/op=row-slice/impl=tensorfile", "", 0, 2 * time.Microsecond, true},
	}
}
