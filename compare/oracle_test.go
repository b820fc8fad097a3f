package compare_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/compare"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// laid is a foreign file in memory with the elements of v, whose axes lie in
// the order given, outermost first, some of them backward.
func laid(t testing.TB, v tensor.View, axes []int, flip []bool, order tensor.ByteOrder, encoded bool) *tensorfile.File {
	t.Helper()
	d := v.DType()
	shape := v.Shape()
	outer := make(tensor.Shape, len(shape))
	for k, axis := range axes {
		outer[k] = shape[axis]
	}
	size, err := tensor.ByteSize(d, outer)
	ok(t, err)
	st, err := tensor.Contiguous(d, outer)
	ok(t, err)
	strides, offset := make(tensor.Strides, len(shape)), int64(0)
	for k, axis := range axes {
		strides[axis] = st[k]
		if flip[axis] && v.NumElements() > 0 && !encoded && !(d.Packed() && axis == len(shape)-1) {
			offset += st[k] * (shape[axis] - 1)
			strides[axis] = -st[k]
		}
	}
	data := make([]byte, size)
	dst, err := tensor.NewView(data, d, shape, strides, offset, order)
	ok(t, err)
	ok(t, tensor.Copy(dst, v))
	l := &tensorfile.Layout{
		Format:   "test",
		Storages: []tensorfile.LayoutStorage{{Size: size}},
		Tensors:  []tensorfile.LayoutTensor{{Name: "x", DType: d, Shape: shape, Strides: strides, Offset: offset, Order: order}},
	}
	if encoded {
		l.Storages[0].Open = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	}
	f, err := tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader(data), size, "memory"), l, nil)
	ok(t, err)
	return f
}

var dtypes = []tensor.DType{
	tensor.Bool, tensor.Bool1, tensor.I4, tensor.U4, tensor.I8, tensor.U8, tensor.I16, tensor.U16, tensor.I32, tensor.U32, tensor.I64, tensor.U64,
	tensor.F16, tensor.BF16, tensor.F32, tensor.F64, tensor.F8E4M3FN, tensor.F8E5M2, tensor.F8E4M3FNUZ, tensor.F8E5M2FNUZ, tensor.F8E8M0,
	tensor.F4E2M1, tensor.F6E2M3, tensor.F6E3M2, tensor.C64, tensor.C128, tensor.Opaque(3), tensor.Text(4), tensor.UTF32(2),
	{Class: 9, Variant: 1, Bits: 3, UnitElems: 5, UnitBytes: 2},
}

// element is what the oracle knows of an element: its bits and, of numbers, its
// parts.
type element struct {
	bits  string
	parts []float64
	codes []uint64
}

func partsOf(d tensor.DType) int {
	if d.Class == tensor.ClassComplex {
		return 2
	}
	return 1
}

// elementAt reads an element from the little-endian bytes of its unit, bit by bit.
func elementAt(t testing.TB, v tensor.View, idx []int64) element {
	d := v.DType()
	unit, err := v.UnitAt(idx...)
	ok(t, err)
	k := int64(0)
	if d.Packed() {
		k = idx[len(idx)-1] % int64(d.UnitElems)
	}
	if !d.Known() || d.Class == tensor.ClassBytes {
		return element{bits: string(unit)}
	}
	var e element
	for part := range partsOf(d) {
		width := int(d.Bits) / partsOf(d)
		var c uint64
		for i := range width {
			at := int(k)*int(d.Bits) + part*width + i
			c |= uint64(unit[at/8]>>(at%8)&1) << i
		}
		e.codes = append(e.codes, c)
		e.bits += fmt.Sprint(c, ",")
	}
	switch d {
	case tensor.C64:
		e.parts = []float64{float64(math.Float32frombits(uint32(e.codes[0]))), float64(math.Float32frombits(uint32(e.codes[1])))}
	case tensor.C128:
		e.parts = []float64{math.Float64frombits(e.codes[0]), math.Float64frombits(e.codes[1])}
	default:
		x, err := v.Float64At(idx...)
		ok(t, err)
		e.parts = []float64{x}
	}
	return e
}

// gap is |x - y| of part i, rounded once.
func gap(d tensor.DType, a, b element, i int) float64 {
	if d.Class == tensor.ClassFloat || d.Class == tensor.ClassComplex {
		return math.Abs(a.parts[i] - b.parts[i])
	}
	whole := func(c uint64) *big.Int {
		x := new(big.Int).SetUint64(c)
		if d.Class == tensor.ClassInt && c>>(d.Bits-1) == 1 {
			x.Sub(x, new(big.Int).Lsh(big.NewInt(1), uint(d.Bits)))
		}
		return x
	}
	diff, _ := new(big.Float).SetInt(new(big.Int).Sub(whole(a.codes[i]), whole(b.codes[i]))).Float64()
	return math.Abs(diff)
}

// equalParts is the plainest reading of the documentation.
func equalParts(d tensor.DType, a, b element, o *compare.Options) bool {
	if a.bits == b.bits {
		return true
	}
	if a.parts == nil || d.Class == tensor.ClassBool {
		return false
	}
	float := d.Class == tensor.ClassFloat || d.Class == tensor.ClassComplex
	tol := o.Tolerance
	near := func(i int) bool {
		x, y := a.parts[i], b.parts[i]
		switch {
		case a.codes[i] == b.codes[i]:
			return true
		case math.IsNaN(x) || math.IsNaN(y):
			return o.NaNEqual && math.IsNaN(x) && math.IsNaN(y)
		case tol == nil:
			return false
		case x == y && float:
			return true
		case math.IsInf(x, 0) || math.IsInf(y, 0):
			return false
		case gap(d, a, b, i) <= tol.Abs+tol.Rel*math.Max(math.Abs(x), math.Abs(y)):
			return true
		}
		if !float {
			return false
		}
		sign := uint64(1) << (int(d.Bits)/partsOf(d) - 1)
		if d == tensor.F8E8M0 {
			sign = 0
		}
		return compare.Steps(a.codes[i], b.codes[i], sign) <= tol.ULP
	}
	if partsOf(d) == 1 {
		return near(0)
	}
	if tol != nil {
		abs := math.Hypot(a.parts[0]-b.parts[0], a.parts[1]-b.parts[1])
		large := math.Max(math.Hypot(a.parts[0], a.parts[1]), math.Hypot(b.parts[0], b.parts[1]))
		if !math.IsInf(large, 0) && abs <= tol.Abs+tol.Rel*large {
			return true
		}
	}
	return near(0) && near(1)
}

// little is a copy of v in little-endian, as elementAt reads it.
func little(t testing.TB, v tensor.View) tensor.View {
	w, err := tensor.NewView(make([]byte, v.ByteSize()), v.DType(), v.Shape(), nil, 0, tensor.LittleEndian)
	ok(t, err)
	ok(t, tensor.Copy(w, v))
	return w
}

// oracle compares element by element.
func oracle(t testing.TB, a, b tensor.View, o *compare.Options) *compare.Result {
	a, b = little(t, a), little(t, b)
	d, shape := a.DType(), a.Shape()
	r := &compare.Result{Elements: a.NumElements()}
	type one struct {
		compare.Difference
		key float64
		nan bool
	}
	var all []one
	idx := make([]int64, len(shape))
	step := int64(1)
	if !d.Known() && d.Packed() {
		step = int64(d.UnitElems)
	}
	var walk func(axis int)
	walk = func(axis int) {
		if axis < len(shape) {
			by := int64(1)
			if axis == len(shape)-1 {
				by = step
			}
			for i := int64(0); i < shape[axis]; i += by {
				idx[axis] = i
				walk(axis + 1)
			}
			return
		}
		x, y := elementAt(t, a, idx), elementAt(t, b, idx)
		if equalParts(d, x, y, o) {
			return
		}
		n := int64(1)
		if step > 1 {
			n = min(step, shape[len(shape)-1]-idx[len(idx)-1])
		}
		diff := one{Difference: compare.Difference{Index: slices.Clone(idx)}}
		if x.parts != nil {
			var sum, large [2]float64
			for i := range x.parts {
				sum[i] = gap(d, x, y, i)
				diff.nan = diff.nan || math.IsNaN(x.parts[i]) || math.IsNaN(y.parts[i])
			}
			abs := math.Hypot(sum[0], sum[1])
			for k, e := range []element{x, y} {
				large[k] = math.Abs(e.parts[0])
				if len(e.parts) > 1 {
					large[k] = math.Hypot(e.parts[0], e.parts[1])
				}
			}
			most := math.Max(large[0], large[1])
			diff.Rel = abs / most
			if abs == 0 {
				diff.Rel = 0
			}
			if math.IsInf(most, 0) {
				abs, diff.Rel = math.Inf(1), math.Inf(1)
			}
			if diff.Abs = abs; diff.nan {
				diff.Abs, diff.Rel = math.NaN(), math.NaN()
			}
			diff.key = diff.Abs
			if diff.nan {
				diff.key = math.Inf(1)
			}
		}
		r.Different += n
		if diff.nan {
			r.NaN += n
		} else {
			r.MaxAbs, r.MaxRel = max(r.MaxAbs, diff.Abs), max(r.MaxRel, diff.Rel)
		}
		if r.First == nil {
			r.First = slices.Clone(idx)
		}
		all = append(all, diff)
	}
	if r.Elements > 0 {
		walk(0)
	}
	if r.Different > 0 {
		r.Status = compare.Different
	}
	slices.SortStableFunc(all, func(x, y one) int {
		switch {
		case x.key > y.key:
			return -1
		case x.key < y.key:
			return 1
		}
		return 0
	})
	for _, x := range all[:min(len(all), o.Largest)] {
		r.Largest = append(r.Largest, x.Difference)
	}
	return r
}

func sameFloat(x, y float64) bool {
	return x == y || x != x && y != y || math.Abs(x-y) <= 1e-14*math.Abs(x)
}

// agree compares what was found with what the oracle says.
func agree(t testing.TB, got, want *compare.Result) {
	t.Helper()
	head := func(r *compare.Result) string {
		return fmt.Sprint(r.Status, r.Elements, r.Different, r.NaN, r.First, len(r.Largest))
	}
	if head(got) != head(want) || !sameFloat(got.MaxAbs, want.MaxAbs) || !sameFloat(got.MaxRel, want.MaxRel) {
		t.Errorf("got %s %g %g (%v), want %s %g %g", head(got), got.MaxAbs, got.MaxRel, got.Err, head(want), want.MaxAbs, want.MaxRel)
		return
	}
	for i, g := range got.Largest {
		w := want.Largest[i]
		if !reflect.DeepEqual(g.Index, w.Index) || !sameFloat(g.Abs, w.Abs) || !sameFloat(g.Rel, w.Rel) {
			t.Errorf("difference %d: %v %g %g, want %v %g %g", i, g.Index, g.Abs, g.Rel, w.Index, w.Abs, w.Rel)
		}
	}
}

// noise is random elements; the floats have NaNs, infinities and zeros of both
// signs among them.
func noise(rng *rand.Rand, d tensor.DType, shape tensor.Shape) tensor.View {
	n, _ := tensor.ByteSize(d, shape)
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
		if d == tensor.Bool {
			b[i] &= 1
		}
	}
	part := int(d.UnitBytes) / partsOf(d)
	for at := 0; at+part <= len(b) && d.Class >= tensor.ClassFloat && d.Class <= tensor.ClassComplex; at += part {
		switch rng.IntN(10) {
		case 0, 1:
			clear(b[at : at+part])
		case 2:
			clear(b[at : at+part])
			b[at+part-1] = 0x80
		}
	}
	v, err := tensor.NewView(b, d, shape, nil, 0, tensor.HostOrder)
	if err != nil {
		panic(err)
	}
	v, err = v.Clone() // without what is behind the rows' ends
	if err != nil {
		panic(err)
	}
	return v
}

// nudge changes some elements, some of them a little.
func nudge(rng *rand.Rand, v tensor.View) tensor.View {
	w, _ := v.Clone()
	b, _ := w.Bytes()
	unit := int(v.DType().UnitBytes)
	part := unit / partsOf(v.DType())
	for range rng.IntN(6) * rng.IntN(10) {
		if len(b) == 0 {
			break
		}
		at := rng.IntN(len(b)/part) * part
		p := b[at : at+part]
		switch {
		case v.DType() == tensor.Bool:
			p[0] ^= 1
		case rng.IntN(3) == 0:
			p[rng.IntN(part)] ^= 1 << rng.IntN(8)
		case rng.IntN(2) == 0:
			p[part-1] ^= 0x80
		default:
			p[0] += byte(rng.IntN(3)) - 1
		}
	}
	w, _ = w.Clone()
	return w
}

// TestAgainstOracle compares random tensors, laid out in random ways, under
// random options.
func TestAgainstOracle(t *testing.T) {
	defer compare.SetBlockBytes(64)()
	rng := rand.New(rand.NewPCG(3, 4))
	rounds := 2000
	if testing.Short() {
		rounds = 600
	}
	for round := range rounds {
		d := dtypes[round%len(dtypes)]
		rank := rng.IntN(4)
		if d.Packed() {
			rank = max(rank, 1)
		}
		shape := make(tensor.Shape, rank)
		for i := range shape {
			shape[i] = []int64{1, 2, 3, 5, 8, 13, 0}[rng.IntN(6+rng.IntN(2)*rng.IntN(2))]
		}
		a := noise(rng, d, shape)
		b := nudge(rng, a)
		o := &compare.Options{Largest: rng.IntN(5), NaNEqual: rng.IntN(3) == 0, Workers: 1 + rng.IntN(3)}
		if rng.IntN(2) == 0 {
			o.Tolerance = &compare.Tolerance{}
			switch rng.IntN(4) {
			case 0:
				o.Tolerance.Abs = []float64{1e-3, 1, 100}[rng.IntN(3)]
			case 1:
				o.Tolerance.Rel = []float64{1e-6, 0.01, 0.5}[rng.IntN(3)]
			case 2:
				o.Tolerance.ULP = 1 + rng.Uint64N(10)
			}
		}
		// What both sides show must lie as the test's elements do.
		var files [2]*tensorfile.File
		for k, v := range []tensor.View{a, b} {
			axes, flip := rng.Perm(rank), make([]bool, rank)
			if d.Packed() {
				i := slices.Index(axes, rank-1)
				axes[i], axes[rank-1] = axes[rank-1], axes[i]
			}
			if rng.IntN(3) == 0 {
				slices.Sort(axes)
			}
			for i := range flip {
				flip[i] = rng.IntN(4) == 0
			}
			order := tensor.LittleEndian
			if d.Known() && !d.Packed() && d.UnitBytes > 1 && rng.IntN(3) == 0 {
				order = tensor.BigEndian
			}
			files[k] = laid(t, v, axes, flip, order, rng.IntN(4) == 0)
		}
		x, err := files[0].Tensor("x")
		ok(t, err)
		y, err := files[1].Tensor("x")
		ok(t, err)
		got, err := compare.Tensors(context.Background(), x, y, o)
		ok(t, err)
		before := t.Failed()
		if agree(t, got, oracle(t, a, b, o)); t.Failed() && !before {
			t.Fatalf("round %d: %v %v, options %+v, tolerance %+v, strides %v and %v", round, d, shape, o, o.Tolerance, x.Strides(), y.Strides())
		}
		for _, f := range files {
			ok(t, f.Close())
		}
	}
}
