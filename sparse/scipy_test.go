package sparse

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

// pythonCase and pythonAnswers are the lines of testdata/scipy_ops.py.
type pythonCase struct {
	Shape   tensor.Shape `json:"shape"`
	DType   string       `json:"dtype"`
	Indices []int64      `json:"indices"`
	Re      []float64    `json:"re"`
	Im      []float64    `json:"im"`
	Axes    []int        `json:"axes"`
	Select  [][]any      `json:"select"` // of an axis an index, or start, stop and step
	Block   []int64      `json:"block"`
	X       []float64    `json:"x"`
}

type pythonNumbers struct{ Re, Im []float64 }

func (n pythonNumbers) complex() []complex128 {
	out := make([]complex128, len(n.Re))
	for i, x := range n.Re {
		out[i] = complex(x, 0)
		if len(n.Im) > 0 {
			out[i] += complex(0, n.Im[i])
		}
	}
	return out
}

type pythonArray struct {
	Indptr, Indices []int64
	Shape           tensor.Shape
	Values          pythonNumbers
}

type pythonAnswers struct {
	COO, Axes, Raw, CSR, CSC, BSR pythonArray
	RawCSC                        pythonArray `json:"raw_csc"`
	Select                        []pythonArray
	Dense, Vector, Matrix         pythonNumbers
	Rows, Columns                 []int64
}

// compare converts, cuts and multiplies the case and compares parts and
// elements with the answers.
func (c *pythonCase) compare(t *testing.T, want *pythonAnswers) {
	t.Helper()
	d, err := tensor.ParseDType(c.DType)
	if err != nil {
		t.Fatal(err)
	}
	n, rank := int64(len(c.Re)), int64(len(c.Shape))
	r := maker{t, rand.New(rand.NewPCG(uint64(n), uint64(rank)))}
	values := pythonNumbers{c.Re, c.Im}.complex()
	a, err := New(Spec{Layout: COO, Shape: c.Shape, DType: d, Parts: []Part{
		{RoleIndices, r.indices(c.Indices, n, rank)}, {RoleValues, r.viewOf(values, d, tensor.Shape{n})},
	}})
	if err != nil {
		t.Fatal(err)
	}
	must := func(b *Array, err error) *Array {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	parts := func(what string, b *Array, w pythonArray) {
		t.Helper()
		if v, ok := b.Part(RoleIndptr); ok && !equal(intsIn(t, v), w.Indptr) {
			t.Fatalf("%s: indptr %v, want %v", what, intsIn(t, v), w.Indptr)
		}
		if got := intsIn(t, b.part(RoleIndices)); !equal(got, w.Indices) {
			t.Fatalf("%s: indices %v, want %v", what, got, w.Indices)
		}
		same(t, what, numbersOf(t, b.part(RoleValues)), w.Values.complex())
	}
	canonical := must(a.Canonical(background, nil))
	parts("coo", canonical, want.COO)
	dense, err := a.Dense(background, nil)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "dense", numbersOf(t, dense), want.Dense.complex())
	parts("transposed coo", must(must(a.Transpose(background, c.Axes, nil)).Canonical(background, nil)), want.Axes)
	// Through every layout that SciPy has, and those that it does not.
	for to := COO; to <= Bitmap; to++ {
		if rank != 2 && to >= CSR && to <= BSR {
			continue
		}
		o := &Options{}
		if to == BSR {
			o.Block = [2]int64{c.Block[0], c.Block[1]}
		}
		b := must(a.Convert(background, to, o))
		for i, items := range c.Select {
			var sel tensor.Selection
			for _, item := range items {
				sel = append(sel, selectionItem(item))
			}
			s := must(b.Select(background, sel, nil))
			if !s.Shape().Equal(want.Select[i].Shape) {
				t.Fatalf("%v of %v: shape %v, want %v", sel, to, s.Shape(), want.Select[i].Shape)
			}
			v, err := s.Dense(background, nil)
			if err != nil {
				t.Fatal(err)
			}
			same(t, sel.String()+" of "+to.String(), numbersOf(t, v), want.Select[i].Values.complex())
		}
		if rank != 2 {
			continue
		}
		back := must(must(b.Convert(background, CSR, nil)).Canonical(background, nil))
		if to != BSR { // whose zeros SciPy keeps as well
			parts("csr through "+to.String(), back, want.CSR)
			parts("csc through "+to.String(), must(back.Convert(background, CSC, nil)), want.CSC)
		}
		x := make([]complex128, 0, 3*len(c.X))
		for i, v := range c.X {
			x = append(x, complex(v, 0), complex(c.X[len(c.X)-1-i], 0), complex(2*v, 0))
		}
		y, err := b.Mul(background, r.viewOf(x, d, tensor.Shape{int64(len(c.X)), 3}), nil)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "product", numbersOf(t, y), want.Matrix.complex())
	}
	if rank != 2 {
		return
	}
	raw := must(a.Convert(background, CSR, nil))
	parts("csr with duplicates", raw, want.Raw)
	parts("csc with duplicates", must(raw.Convert(background, CSC, nil)), want.RawCSC)
	parts("bsr", must(raw.Convert(background, BSR, &Options{Block: [2]int64{c.Block[0], c.Block[1]}})), want.BSR)
	v := make([]complex128, len(c.X))
	for i, x := range c.X {
		v[i] = complex(x, 0)
	}
	y, err := raw.Mul(background, r.viewOf(v, d, tensor.Shape{int64(len(v))}), nil)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "product with a vector", numbersOf(t, y), want.Vector.complex())
	for axis, counts := range [][]int64{want.Rows, want.Columns} {
		got, err := a.Counts(background, axis, nil)
		if err != nil || !equal(got, counts) {
			t.Fatalf("counts along axis %d: %v (%v), want %v", axis, got, err, counts)
		}
	}
}

func selectionItem(x any) tensor.SelectionItem {
	if i, ok := x.(float64); ok {
		return tensor.SelectionItem{Kind: tensor.SelectIndex, Start: int64(i)}
	}
	end := func(x any) int64 {
		if f, ok := x.(float64); ok {
			return int64(f)
		}
		return tensor.None
	}
	list := x.([]any)
	return tensor.SelectionItem{Kind: tensor.SelectRange, Start: end(list[0]), Stop: end(list[1]), Step: end(list[2])}
}

// The answers of SciPy that testdata/gen_scipy.py has kept.
func TestSciPyGoldens(t *testing.T) {
	f, err := os.Open("testdata/scipy.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	n, entries := 0, 0
	for in := json.NewDecoder(z); in.More(); n++ {
		var line struct {
			Case    pythonCase
			Answers pythonAnswers
		}
		if err := in.Decode(&line); err != nil {
			t.Fatal(err)
		}
		line.Case.compare(t, &line.Answers)
		entries += len(line.Case.Re)
	}
	t.Logf("%d arrays, %d entries", n, entries)
	if n < 400 || entries < 5000 {
		t.Error("too few")
	}
}

// SciPy itself, on larger arrays than those that are kept.
func TestInteropSciPy(t *testing.T) {
	python := os.Getenv("TENSORFILE_PYTHON")
	if python == "" {
		t.Skip("TENSORFILE_PYTHON names no Python with SciPy; make interop does")
	}
	seed := rand.Uint64()
	if s, err := strconv.ParseUint(os.Getenv("TENSORFILE_SPARSE_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("TENSORFILE_SPARSE_SEED=%d repeats this run", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	cmd := exec.Command(python, "testdata/scipy_ops.py")
	cmd.Stderr = os.Stderr
	to, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	from, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		to.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}()
	answers := json.NewDecoder(bufio.NewReader(from))
	const cases = 150
	entries := 0
	for range cases {
		c := randomPythonCase(r)
		line, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.Write(append(line, '\n')); err != nil {
			t.Fatal(err)
		}
		var want pythonAnswers
		if err := answers.Decode(&want); err != nil {
			t.Fatal(err)
		}
		// As gen_scipy.py's lines are read.
		if err := json.Unmarshal(line, c); err != nil {
			t.Fatal(err)
		}
		c.compare(t, &want)
		entries += len(c.Re)
	}
	t.Logf("%d arrays, %d entries", cases, entries)
}

func randomPythonCase(r *rand.Rand) *pythonCase {
	c := &pythonCase{DType: []string{"float64", "float32", "int32", "int64", "complex128", "complex64"}[r.IntN(6)]}
	rank, most := 2, int64(70)
	if r.IntN(3) == 0 {
		rank, most = 1+r.IntN(4), 8
	}
	size := int64(1)
	for range rank {
		c.Shape = append(c.Shape, r.Int64N(most+1))
		size *= c.Shape[len(c.Shape)-1]
	}
	if size > 0 {
		for range r.Int64N(min(size, 900)) {
			for _, e := range c.Shape {
				c.Indices = append(c.Indices, r.Int64N(e))
			}
			c.Re = append(c.Re, float64(r.IntN(7)-3))
			c.Im = append(c.Im, float64(r.IntN(7)-3))
			if c.DType[0] != 'c' {
				c.Im[len(c.Im)-1] = 0
			}
		}
	}
	c.Indices, c.Re, c.Im = append([]int64{}, c.Indices...), append([]float64{}, c.Re...), append([]float64{}, c.Im...)
	c.Axes = r.Perm(rank)
	c.Select = [][]any{}
	for range 3 {
		var list []any
		end := func(n int64) any {
			if r.IntN(3) == 0 {
				return nil
			}
			return r.Int64N(2*n+4) - n - 2
		}
		for _, e := range c.Shape {
			if e > 0 && r.IntN(5) == 0 {
				list = append(list, r.Int64N(e))
			} else {
				list = append(list, []any{end(e), end(e), []int64{1, 1, 2, 5, -1, -3}[r.IntN(6)]})
			}
		}
		if slices.ContainsFunc(list, func(x any) bool { _, ok := x.([]any); return ok }) {
			c.Select = append(c.Select, list)
		}
	}
	for _, e := range c.Shape[:min(2, rank)] {
		k := 1 + r.Int64N(8)
		for e%k != 0 {
			k--
		}
		c.Block = append(c.Block, k)
	}
	c.X = []float64{}
	for range c.Shape[rank-1] {
		c.X = append(c.X, float64(r.IntN(7)-3))
	}
	return c
}
