package reduce_test

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile/internal/golden"
	"github.com/tensorfile/tensorfile/plot/reduce"
	"github.com/tensorfile/tensorfile/tensor"
	"pgregory.net/rapid"
)

// numpyCase is a line of testdata/numpy.jsonl.gz; see gen_reduce.py.
type numpyCase struct {
	Op     string       `json:"op"`
	DType  string       `json:"dtype"`
	Shape  tensor.Shape `json:"shape"`
	Turned bool         `json:"turned"`
	Data   []byte       `json:"data"`
	H      int          `json:"h"`
	W      int          `json:"w"`
	Out    []byte       `json:"out"`
	Lo     []byte       `json:"lo"`
	Hi     []byte       `json:"hi"`
	NaN    int64        `json:"nan"`
	Pos    int64        `json:"pos"`
	Neg    int64        `json:"neg"`
}

func floats(b []byte) []float64 {
	out := make([]float64, len(b)/8)
	for i := range out {
		out[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return out
}

func (c *numpyCase) view(t testing.TB) tensor.View {
	t.Helper()
	order := tensor.LittleEndian
	if c.DType[0] == '>' {
		order = tensor.BigEndian
	}
	d, ok := map[string]tensor.DType{
		"f2": tensor.F16, "f4": tensor.F32, "f8": tensor.F64, "u1": tensor.U8, "u2": tensor.U16, "i4": tensor.I32, "i8": tensor.I64,
		"c8": tensor.C64, "c16": tensor.C128, "b1": tensor.Bool,
	}[c.DType[1:]]
	if !ok {
		t.Fatalf("dtype %s", c.DType)
	}
	v, err := tensor.NewView(c.Data, d, c.Shape, nil, 0, order)
	if err == nil && c.Turned {
		v, err = v.Transpose()
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// about compares to so many units of the last place, and exactly what is no
// finite number.
func about(got, want float64) bool {
	if got == want || math.IsNaN(got) && math.IsNaN(want) {
		return true
	}
	return math.Abs(got-want) <= 1e-12*max(math.Abs(got), math.Abs(want))+1e-13
}

func (c *numpyCase) check(t testing.TB) {
	v := c.view(t)
	var special reduce.Specials
	if c.Op == "envelope" {
		e := reduce.NewEnvelope(c.Shape[0], c.W)
		// In two parts, the later one first.
		half := c.Shape[0] / 3
		other := reduce.NewEnvelope(c.Shape[0], c.W)
		for _, p := range []struct {
			e        *reduce.Envelope
			from, to int64
		}{{e, half, c.Shape[0]}, {other, 0, half}} {
			part, err := v.Slice(0, p.from, p.to, 1)
			if err == nil {
				err = p.e.Add(p.from, part)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		e.Merge(other)
		if !slices.EqualFunc(e.Min, floats(c.Lo), about) || !slices.EqualFunc(e.Max, floats(c.Hi), about) {
			t.Errorf("%v of %v in %d columns: %v to %v", v.DType(), v.Shape(), c.W, e.Min, e.Max)
		}
		special = e.Specials
	} else {
		size := v.Shape()
		g := reduce.NewGrid(size[0], size[1], c.H, c.W)
		// In quarters.
		r, k := size[0]/2, size[1]/3
		for _, q := range [][4]int64{{r, size[0], k, size[1]}, {0, r, k, size[1]}, {r, size[0], 0, k}, {0, r, 0, k}} {
			part, err := v.Slice(0, q[0], q[1], 1)
			if err == nil {
				part, err = part.Slice(1, q[2], q[3], 1)
			}
			w := g.Window(q[0], q[1], q[2], q[3])
			if err == nil {
				err = w.Add(q[0], q[2], part)
			}
			if err != nil {
				t.Fatal(err)
			}
			g.Merge(w)
		}
		if got, want := g.Means(), floats(c.Out); !slices.EqualFunc(got, want, about) {
			t.Errorf("%v of %v in %d x %d pixels:\n%v\n%v", v.DType(), size, c.H, c.W, got, want)
		}
		special = g.Specials
	}
	if want := (reduce.Specials{NaN: c.NaN, PosInf: c.Pos, NegInf: c.Neg}); special != want {
		t.Errorf("%+v, want %+v", special, want)
	}
}

func TestNumPy(t *testing.T) {
	n := golden.Each(t, golden.Kept(t, "testdata/numpy.jsonl.gz"), func(c *numpyCase) { c.check(t) })
	t.Logf("%d cases", n)
	if n < 160 {
		t.Error("too few")
	}
}

func TestInteropNumPy(t *testing.T) {
	lines, _ := golden.Fresh(t, "NumPy", "testdata/gen_reduce.py", 2000)
	n := golden.Each(t, lines, func(c *numpyCase) { c.check(t) })
	t.Logf("%d cases", n)
	if n < 2000 {
		t.Error("too few")
	}
}

// Every way to cut a matrix into blocks, its strides, and the order of the blocks
// give the same.
func TestBlocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, columns := rapid.Int64Range(1, 30).Draw(t, "rows"), rapid.Int64Range(1, 30).Draw(t, "columns")
		h, w := rapid.IntRange(1, 40).Draw(t, "height"), rapid.IntRange(1, 40).Draw(t, "width")
		x := make([]float32, rows*columns)
		for i := range x {
			x[i] = float32(i * i % 101) // whole numbers, so that sums are exact
		}
		v, err := tensor.FromSlice(x, rows, columns)
		if err != nil {
			t.Fatal(err)
		}
		whole := reduce.NewGrid(rows, columns, h, w)
		if err := whole.Add(0, 0, v); err != nil {
			t.Fatal(err)
		}
		g := reduce.NewGrid(rows, columns, h, w)
		r, k := rapid.Int64Range(1, rows).Draw(t, "box"), rapid.Int64Range(1, columns).Draw(t, "box")
		for i := int64(0); i < rows; i += r {
			for j := int64(0); j < columns; j += k {
				part, err := v.Slice(0, i, min(i+r, rows), 1)
				if err == nil {
					part, err = part.Slice(1, j, min(j+k, columns), 1)
				}
				if err == nil && rapid.Bool().Draw(t, "turn") { // other strides
					if part, err = part.Transpose(); err == nil {
						if part, err = part.Clone(); err == nil {
							part, err = part.Transpose()
						}
					}
				}
				if err == nil {
					err = g.Add(i, j, part)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		if !slices.Equal(g.Means(), whole.Means()) {
			t.Fatalf("%v\n%v", g.Means(), whole.Means())
		}
		n := int64(0)
		height, width := g.Size()
		for y := range height {
			for x := range width {
				n += g.Covers(y, x)
			}
		}
		if n != rows*columns {
			t.Fatalf("pixels cover %d elements of %d", n, rows*columns)
		}
	})
}

// Runs in C order become blocks that hold each element once, in its place.
func TestBoxes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := tensor.Shape(rapid.SliceOfN(rapid.Int64Range(1, 5), 0, 4).Draw(t, "shape"))
		n, err := shape.NumElements()
		if err != nil {
			t.Fatal(err)
		}
		x := make([]int32, n)
		for i := range x {
			x[i] = int32(i)
		}
		seen := make([]int, n)
		for pos := int64(0); pos < n; {
			size := rapid.Int64Range(1, n-pos).Draw(t, "run")
			v, err := tensor.FromSlice(x[pos : pos+size])
			if err != nil {
				t.Fatal(err)
			}
			err = reduce.Boxes(shape, pos, v, func(at []int64, v tensor.View) error {
				if len(at) != len(shape) || v.Rank() != len(shape) {
					t.Fatalf("a block of %v at %v", v.Shape(), at)
				}
				all, err := v.Clone()
				if err != nil {
					return err
				}
				got, err := tensor.Data[int32](all)
				if err != nil {
					return err
				}
				idx := make([]int64, len(shape))
				for _, value := range got {
					flat := int64(0)
					for a := range shape {
						flat = flat*shape[a] + at[a] + idx[a]
					}
					if int64(value) != flat {
						t.Fatalf("element %d at %v + %v", value, at, idx)
					}
					seen[flat]++
					for a := len(idx) - 1; a >= 0; a-- {
						if idx[a]++; idx[a] < v.Shape()[a] {
							break
						}
						idx[a] = 0
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			pos += size
		}
		if slices.ContainsFunc(seen, func(n int) bool { return n != 1 }) {
			t.Fatalf("seen %v", seen)
		}
	})
}

// Axes near the end of what 63 bits can count.
func TestLongAxes(t *testing.T) {
	const n = math.MaxInt64
	e := reduce.NewEnvelope(n, 1000)
	v, err := tensor.FromSlice([]float64{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Add(n-3, v); err != nil {
		t.Fatal(err)
	}
	if e.Len() != 1000 || e.Min[999] != 1 || e.Max[999] != 3 || e.Exact() {
		t.Errorf("%v to %v", e.Min[999], e.Max[999])
	}
	if c := e.Center(999); !(c > 0.999*float64(n) && c <= float64(n)) {
		t.Errorf("the last column is at %v", c)
	}
	g := reduce.NewGrid(n, n, 3, 3)
	one, err := v.Reshape(tensor.Shape{1, 3})
	if err == nil {
		err = g.Add(n-1, n-3, one)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestPattern(t *testing.T) {
	p := reduce.NewPattern(1000, 10, 10, 100)
	rows, columns := make([]int64, 0, 500), make([]int64, 0, 500)
	want := make([]int64, 100)
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		i, j := r.Int64N(1000), r.Int64N(10)
		rows, columns = append(rows, i), append(columns, j)
		want[i/100*10+j]++
	}
	p.Add(append(rows, -1, 1000, 5), append(columns, 0, 0, 10)) // the last lie outside
	if h, w := p.Size(); h != 10 || w != 10 || p.Exact() || p.Covers(3, 4) != 100 {
		t.Errorf("%d x %d, %d", h, w, p.Covers(3, 4))
	}
	for i, n := range want {
		if got := p.Count(i/10, i%10); got != n {
			t.Errorf("pixel %d: %d, want %d", i, got, n)
		}
	}
}

func TestRefusals(t *testing.T) {
	text, err := tensor.Make(tensor.Text(3), tensor.Shape{2})
	if err != nil {
		t.Fatal(err)
	}
	e := reduce.NewEnvelope(2, 2)
	if err := e.Add(0, text); !errors.Is(err, tensor.ErrDType) {
		t.Errorf("text: %v", err)
	}
	v, err := tensor.Make(tensor.F32, tensor.Shape{2})
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{-1, 1} {
		if err := e.Add(at, v); !errors.Is(err, tensor.ErrIndex) {
			t.Errorf("at %d: %v", at, err)
		}
	}
	g := reduce.NewGrid(2, 2, 2, 2)
	if err := g.Add(0, 0, v); !errors.Is(err, tensor.ErrIndex) {
		t.Errorf("one axis: %v", err)
	}
	if e := reduce.NewEnvelope(0, 5); e.Len() != 0 || !e.Exact() {
		t.Error("nothing has columns")
	}
	empty := reduce.NewGrid(0, 3, 5, 5)
	if h, _ := empty.Size(); h != 0 || len(empty.Means()) != 0 {
		t.Error("nothing has pixels")
	}
}
