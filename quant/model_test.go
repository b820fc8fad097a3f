package quant

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// float32s is a view as binary32, in C order.
func float32s(t testing.TB, v tensor.View) []float32 {
	t.Helper()
	own := must(v.Cast(tensor.F32))(t)
	return must(tensor.Data[float32](own))(t)
}

// The types that parts are made of.
var (
	valueTypes = []tensor.DType{tensor.I4, tensor.U4, tensor.I8, tensor.U8, tensor.I16, tensor.I32, tensor.F8E4M3FN, tensor.F8E5M2, tensor.F8E4M3FNUZ, tensor.F8E5M2FNUZ, tensor.F4E2M1, tensor.F6E2M3, tensor.F6E3M2, tensor.F16}
	scaleTypes = []tensor.DType{tensor.F32, tensor.F16, tensor.BF16, tensor.F8E8M0, tensor.F64, tensor.F8E4M3FN, tensor.I8}
	zeroTypes  = []tensor.DType{tensor.U8, tensor.I4, tensor.U4, tensor.F32, tensor.BF16, tensor.I64}
	results    = []tensor.DType{tensor.F32, tensor.BF16, tensor.F16, tensor.F64}
)

// anyBytes is a tensor of bytes of which all are random, so of any values.
func anyBytes(t testing.TB, r *rand.Rand, d tensor.DType, shape tensor.Shape) tensor.View {
	t.Helper()
	v := must(tensor.Make(d, shape))(t)
	b := v.Span()
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	if d == tensor.F32 || d == tensor.F64 || d == tensor.F16 || d == tensor.BF16 { // not mostly NaN
		from := must(tensor.Make(tensor.F64, shape))(t)
		list := must(tensor.Data[float64](from))(t)
		for i := range list {
			list[i] = r.NormFloat64() * math.Pow(2, float64(r.IntN(20)-10))
		}
		if err := tensor.Cast(v, from); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// anyArray is a random array and its elements by the words of the
// specification, one by one.
func anyArray(t testing.TB, r *rand.Rand, small bool) (a *Array, want []float32) {
	t.Helper()
	rank := r.IntN(5)
	most := map[int]int{0: 1, 1: 3000, 2: 100, 3: 20, 4: 9}[rank]
	if !small && rank > 1 {
		most *= 3
	}
	d := valueTypes[r.IntN(len(valueTypes))]
	for rank == 0 && d.Packed() {
		d = valueTypes[r.IntN(len(valueTypes))]
	}
	shape, group, scales := make(tensor.Shape, rank), make([]int64, rank), make(tensor.Shape, rank)
	first := make([]int64, rank)
	for k := range shape {
		shape[k] = int64(r.IntN(most + 1))
		switch r.IntN(6) {
		case 0:
			group[k] = 1
		case 1:
			group[k] = max(shape[k], 1)
		case 2:
			group[k] = shape[k] + 1 + int64(r.IntN(1<<20))
		case 3:
			group[k] = []int64{2, 16, 32, 64, 128}[r.IntN(5)]
		default:
			group[k] = 1 + r.Int64N(max(shape[k], 1))
		}
		if r.IntN(4) == 0 {
			first[k] = r.Int64N(group[k])
		}
		if shape[k] > 0 {
			scales[k] = (first[k] + shape[k] + group[k] - 1) / group[k]
		}
	}
	spec := Spec{DType: results[r.IntN(len(results))], Values: anyBytes(t, r, d, shape), Group: group, First: first}
	pick := func(list []tensor.DType) tensor.DType {
		for {
			if d := list[r.IntN(len(list))]; rank > 0 || !d.Packed() {
				return d
			}
		}
	}
	spec.Scales = anyBytes(t, r, pick(scaleTypes), scales)
	if r.IntN(2) == 0 {
		spec.Zeros = anyBytes(t, r, pick(zeroTypes), scales)
	}
	if rank > 1 && r.IntN(3) == 0 && !d.Packed() { // strides
		turned := make([]int, rank)
		for k := range turned {
			turned[k] = rank - 1 - k
		}
		v := must(spec.Values.Permute(turned...))(t)
		v = must(must(v.Clone())(t).Permute(turned...))(t)
		spec.Values = v
	}
	a = must(New(spec))(t)
	values, s := float32s(t, spec.Values), float32s(t, spec.Scales)
	z := make([]float32, len(s))
	if _, ok := a.Zeros(); ok {
		z = float32s(t, spec.Zeros)
	}
	want = make([]float32, len(values))
	at := make([]int64, rank)
	for i := range want {
		j := int64(0)
		for k := range at {
			j = j*scales[k] + (first[k]+at[k])/group[k]
		}
		d := values[i] - z[j]
		want[i] = d * s[j]
		for k := rank - 1; k >= 0; k-- {
			if at[k]++; at[k] < shape[k] {
				break
			}
			at[k] = 0
		}
	}
	return a, want
}

// equalFloats compares bit for bit, but for which NaN a NaN is.
func equalFloats(a, b tensor.View) error {
	if !a.Shape().Equal(b.Shape()) || a.DType() != b.DType() {
		return fmt.Errorf("%v %v, want %v %v", a.DType(), a.Shape(), b.DType(), b.Shape())
	}
	if a.NumElements() == 0 {
		return nil
	}
	x, err := a.Cast(tensor.F64)
	if err != nil {
		return err
	}
	y, err := b.Cast(tensor.F64)
	if err != nil {
		return err
	}
	p, err := tensor.Data[float64](x)
	if err != nil {
		return err
	}
	q, err := tensor.Data[float64](y)
	if err != nil {
		return err
	}
	for i := range p {
		if math.Float64bits(p[i]) != math.Float64bits(q[i]) && !(p[i] != p[i] && q[i] != q[i]) {
			return fmt.Errorf("element %d is %v, want %v", i, p[i], q[i])
		}
	}
	return nil
}

// anySelection selects along each axis: ranges of any step, indices, new axes.
func anySelection(r *rand.Rand, shape tensor.Shape) tensor.Selection {
	var sel tensor.Selection
	for _, n := range shape {
		switch {
		case r.IntN(8) == 0:
			sel = append(sel, tensor.SelectionItem{Kind: tensor.SelectNewAxis})
		case n > 0 && r.IntN(6) == 0:
			sel = append(sel, tensor.SelectionItem{Kind: tensor.SelectIndex, Start: r.Int64N(2*n) - n})
			continue
		}
		step := int64(1)
		if r.IntN(2) == 0 {
			step = []int64{1, 2, 3, 7, 40, -1, -2, -33}[r.IntN(8)]
		}
		a, b := r.Int64N(n+1), r.Int64N(n+1)
		if (a > b) == (step > 0) {
			a, b = b, a
		}
		item := tensor.SelectionItem{Kind: tensor.SelectRange, Start: a, Stop: b, Step: step}
		if r.IntN(4) == 0 {
			item.Start, item.Stop = tensor.None, tensor.None
		}
		sel = append(sel, item)
	}
	return sel
}

// Every array, whole or a part of it, in every dtype, is what the specification
// says.
func TestDequantiseProperty(t *testing.T) {
	shapes := 2000
	if testing.Short() {
		shapes = 300
	}
	r := rand.New(rand.NewPCG(21, 22))
	elements, parts, odd, ranks := 0, 0, 0, [5]int{}
	for i := range shapes {
		a, want := anyArray(t, r, i%10 != 0)
		ranks[len(a.Shape())]++
		elements += len(want)
		for k, n := range a.Shape() {
			if g := a.Group()[k]; g > 1 && g < n && n%g != 0 {
				odd++
				break
			}
		}
		all := must(tensor.Make(tensor.F32, a.Shape()))(t)
		if len(want) > 0 {
			all = must(over(want, a.Shape()))(t)
		}
		fails := func(what string, err error) {
			t.Helper()
			if err != nil {
				zeros, _ := a.Zeros()
				t.Fatalf("array %d: values %v, scales %v, zeros %v, group %v, first %v, %s: %v", i, a.Values(), a.Scales(), zeros, a.Group(), a.first, what, err)
			}
		}
		for _, d := range results {
			got, err := a.Dequantise(t.Context(), d)
			fails(d.String(), err)
			fails(d.String(), equalFloats(got, must(all.Cast(d))(t)))
		}
		for range 3 {
			sel := anySelection(r, a.Shape())
			part, err := all.Select(sel)
			fails(sel.String(), err)
			d := results[r.IntN(len(results))]
			got, err := a.Dequantise(t.Context(), d, sel)
			fails(sel.String(), err)
			fails(sel.String(), equalFloats(got, must(part.Cast(d))(t)))
			parts++
		}
		if rank := len(a.Shape()); rank > 1 && i%4 == 0 { // into memory of any order
			turned := make(tensor.Shape, rank)
			axes := make([]int, rank)
			for k := range axes {
				turned[k], axes[k] = a.Shape()[rank-1-k], rank-1-k
			}
			dst := must(must(tensor.Make(tensor.BF16, turned))(t).Permute(axes...))(t)
			fails("turned", a.DequantiseInto(t.Context(), dst, 3))
			fails("turned", equalFloats(dst, must(all.Cast(tensor.BF16))(t)))
		}
	}
	t.Logf("%d arrays of ranks %v, %d elements, %d with groups that do not divide, %d selections", shapes, ranks, elements, odd, parts)
	if elements < 1000*shapes || odd < shapes/8 || ranks[0] < shapes/10 {
		t.Error("too few to say anything")
	}
}
