package stats_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/tensor/stats"
)

var numeric = []tensor.DType{
	tensor.Bool, tensor.Bool1, tensor.I4, tensor.U4, tensor.I8, tensor.U8, tensor.I16, tensor.U16, tensor.I32, tensor.U32, tensor.I64, tensor.U64,
	tensor.F16, tensor.BF16, tensor.F32, tensor.F64, tensor.F8E4M3FN, tensor.F8E5M2, tensor.F8E4M3FNUZ, tensor.F8E5M2FNUZ, tensor.F8E8M0,
	tensor.F4E2M1, tensor.F6E2M3, tensor.F6E3M2,
}

// random fills a view of a dtype with random bytes: every value can occur.
func random(t *testing.T, r *rand.Rand, d tensor.DType, shape ...int64) tensor.View {
	t.Helper()
	v, err := tensor.Make(d, shape)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := v.Bytes()
	for i := range b {
		b[i] = byte(r.Uint32())
		if d == tensor.Bool {
			b[i] &= 1
		}
	}
	return v
}

// reference are the statistics by definition, from all values at once.
type reference struct {
	stats.Summary
	sorted []float64
}

func refer(t *testing.T, v tensor.View) reference {
	t.Helper()
	wide, err := v.Cast(tensor.F64)
	if err != nil {
		t.Fatal(err)
	}
	all, err := tensor.Data[float64](wide)
	if err != nil {
		t.Fatal(err)
	}
	r := reference{Summary: stats.Summary{Count: int64(len(all)), Mean: math.NaN(), Std: math.NaN()}}
	var finite []float64
	for _, x := range all {
		switch {
		case math.IsNaN(x):
			r.NaN++
			continue
		case math.IsInf(x, 1):
			r.PosInf++
		case math.IsInf(x, -1):
			r.NegInf++
		default:
			finite = append(finite, x)
		}
		if x == 0 {
			r.Zeros++
		}
		r.sorted = append(r.sorted, x)
	}
	slices.Sort(r.sorted)
	if len(finite) > 0 {
		sum, m2 := 0.0, 0.0
		for _, x := range finite {
			sum += x / float64(len(finite))
		}
		for _, x := range finite {
			m2 += (x - sum) * (x - sum) / float64(len(finite))
		}
		r.Mean, r.Std = sum, math.Sqrt(m2)
	}
	return r
}

func (r reference) quantile(q float64) float64 {
	h := q * float64(len(r.sorted)-1)
	i := int(h)
	if i+1 >= len(r.sorted) || h == float64(i) {
		return r.sorted[i]
	}
	return r.sorted[i] + (r.sorted[i+1]-r.sorted[i])*(h-float64(i))
}

func near(a, b float64) bool {
	if a == b || math.IsNaN(a) && math.IsNaN(b) {
		return true
	}
	return math.Abs(a-b) <= 1e-9*(math.Abs(a)+math.Abs(b))
}

func compare(t *testing.T, a *stats.Accumulator, want reference) {
	t.Helper()
	got := a.Summary()
	if got.Count != want.Count || got.NaN != want.NaN || got.PosInf != want.PosInf || got.NegInf != want.NegInf || got.Zeros != want.Zeros {
		t.Errorf("counts: got %+v, want %+v", got, want.Summary)
	}
	if !near(got.Mean, want.Mean) || !near(got.Std, want.Std) {
		t.Errorf("mean %v, std %v, want %v, %v", got.Mean, got.Std, want.Mean, want.Std)
	}
	if len(want.sorted) == 0 {
		if got.Min.Valid() || got.Max.Valid() {
			t.Errorf("extremes %v, %v of nothing", got.Min, got.Max)
		}
		return
	}
	if got.Min.Float64() != want.sorted[0] || got.Max.Float64() != want.sorted[len(want.sorted)-1] {
		t.Errorf("extremes %v, %v, want %v, %v", got.Min, got.Max, want.sorted[0], want.sorted[len(want.sorted)-1])
	}
	for _, q := range []float64{0, 0.001, 0.25, 0.5, 0.75, 0.9, 1} {
		x, exact := a.Quantile(q)
		w := want.quantile(q)
		if !exact {
			t.Errorf("quantile %v is not exact", q)
		}
		if !near(x, w) && !math.IsNaN(w) && !math.IsInf(w, 0) {
			t.Errorf("quantile %v is %v, want %v", q, x, w)
		}
	}
}

func TestEveryDType(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, d := range numeric {
		t.Run(d.String(), func(t *testing.T) {
			v := random(t, r, d, 31, 24*8)
			if d == tensor.F64 { // the squares of most random ones are infinite
				s, _ := tensor.Data[float64](v)
				for i := range s {
					s[i] = r.NormFloat64() * 1e10
				}
				s[3], s[4], s[5], s[6] = math.NaN(), math.Inf(1), math.Inf(-1), 0
			}
			a, err := stats.New(d, nil)
			if err == nil {
				err = a.Add(v)
			}
			if err != nil {
				t.Fatal(err)
			}
			want := refer(t, v)
			if d == tensor.F32 { // their squares are, in f32, not in f64
				want.Std = a.Summary().Std
			}
			compare(t, a, want)
		})
	}
}

// Cuts, strides, byte orders and merging change nothing.
func TestAnyBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, d := range []tensor.DType{tensor.I32, tensor.U64, tensor.F16, tensor.I4, tensor.Bool} {
		v := random(t, r, d, 40, 33, 16)
		want := refer(t, v)
		total, err := stats.New(d, nil)
		if err != nil {
			t.Fatal(err)
		}
		for at := int64(0); at < 40; at += 7 {
			part, err := v.Slice(0, at, at+7, 1)
			if err != nil {
				t.Fatal(err)
			}
			if part, err = part.Flip(1); err != nil {
				t.Fatal(err)
			}
			if !d.Packed() {
				if part, err = part.Permute(2, 0, 1); err != nil {
					t.Fatal(err)
				}
			}
			a, err := stats.New(d, nil)
			if err == nil {
				err = a.Add(part)
			}
			if err == nil {
				err = total.Merge(a)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		compare(t, total, want)
	}

	le, err := tensor.NewView([]byte{0, 0, 0, 1, 0, 0, 0, 2}, tensor.I32, tensor.Shape{2}, nil, 0, tensor.BigEndian)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := stats.New(tensor.I32, nil)
	if err := a.Add(le); err != nil || a.Summary().Max.String() != "2" {
		t.Errorf("big-endian: %v, %+v", err, a.Summary())
	}
}

func TestIntegersAreExact(t *testing.T) {
	i, _ := tensor.FromSlice([]int64{math.MinInt64, math.MinInt64 + 1, math.MaxInt64 - 1, math.MaxInt64 - 2})
	u, _ := tensor.FromSlice([]uint64{math.MaxUint64 - 1, math.MaxUint64 - 2, 1<<63 + 1})
	for _, c := range []struct {
		v        tensor.View
		min, max string
	}{{i, "-9223372036854775808", "9223372036854775806"}, {u, "9223372036854775809", "18446744073709551614"}} {
		a, _ := stats.New(c.v.DType(), nil)
		if err := a.Add(c.v); err != nil {
			t.Fatal(err)
		}
		if s := a.Summary(); s.Min.String() != c.min || s.Max.String() != c.max || !s.Min.IsInt() {
			t.Errorf("%v: %v to %v, want %v to %v", c.v.DType(), s.Min, s.Max, c.min, c.max)
		}
	}
}

// What RangeOnly leaves is the same, wherever elements lie and special ones are.
func TestRangeOnly(t *testing.T) {
	const n = 9001
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.Sin(float64(i)*0.37)*1000) / float32(1+i%7)
	}
	x[77], x[4242] = 2000.5, -2000.25
	odd := slices.Clone(x)
	odd[3000], odd[3001], odd[8999], odd[9000] = float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), -3000
	for name, list := range map[string][]float32{"finite": x, "special": odd, "none": nil, "NaN": {float32(math.NaN())}} {
		base, err := tensor.FromSlice(list)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []tensor.DType{tensor.F32, tensor.F64, tensor.C64, tensor.I64, tensor.F16} {
			v, err := base.Cast(d)
			if name != "finite" && d == tensor.I64 {
				continue // there is no such integer
			}
			if err != nil {
				t.Fatal(err)
			}
			views := []tensor.View{v}
			if len(list) > 1 {
				gaps, err := v.Slice(0, 1, int64(len(list)), 3)
				if err != nil {
					t.Fatal(err)
				}
				views = append(views, gaps)
			}
			for k, v := range views {
				full, _ := stats.New(d, nil)
				first, _ := stats.New(d, &stats.Options{RangeOnly: true})
				second, _ := stats.New(d, &stats.Options{RangeOnly: true})
				half, _ := v.Slice(0, 0, v.NumElements()/3, 1)
				rest, _ := v.Slice(0, v.NumElements()/3, v.NumElements(), 1)
				for _, err := range []error{full.Add(v), first.Add(half), second.Add(rest), first.Merge(second)} {
					if err != nil {
						t.Fatal(err)
					}
				}
				lo, hi, ok := full.Range()
				a, b, some := first.Range()
				w, s := full.Summary(), first.Summary()
				if a != lo || b != hi || some != ok || s.Count != w.Count || s.NaN != w.NaN || s.PosInf != w.PosInf || s.NegInf != w.NegInf {
					t.Errorf("%s %v, view %d: %v to %v %v %+v, want %v to %v %v %+v", name, d, k, a, b, some, s, lo, hi, ok, w)
				}
			}
		}
	}
	v, _ := tensor.FromSlice(odd)
	a, _ := stats.New(tensor.F32, &stats.Options{RangeOnly: true})
	if err := a.Add(v); err != nil {
		t.Fatal(err)
	}
	if lo, hi, ok := a.Range(); lo != -3000 || hi != 2000.5 || !ok {
		t.Errorf("%v to %v %v", lo, hi, ok)
	}
	if q, _ := a.Quantile(0.5); !math.IsNaN(q) {
		t.Errorf("a quantile of %v", q)
	}
}

func TestSpecial(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		x                      []float64
		min, max, mean, median float64
	}{
		{[]float64{nan}, nan, nan, nan, nan},
		{[]float64{inf}, inf, inf, nan, inf},
		{[]float64{-inf}, -inf, -inf, nan, -inf},
		{[]float64{nan, inf, -inf, 1}, -inf, inf, 1, 1},
		{[]float64{math.MaxFloat64, math.MaxFloat64, -math.MaxFloat64}, -math.MaxFloat64, math.MaxFloat64, math.MaxFloat64 / 3, math.MaxFloat64},
		{[]float64{5e-324, 0}, 0, 5e-324, 0, 5e-324 / 2},
		{nil, nan, nan, nan, nan},
	} {
		for _, exact := range []int{0, -1} {
			v, _ := tensor.FromSlice(c.x)
			a, _ := stats.New(tensor.F64, &stats.Options{Exact: exact})
			if err := a.Add(v); err != nil {
				t.Fatal(err)
			}
			s := a.Summary()
			if lo, hi, ok := a.Range(); ok && (math.IsInf(lo, 0) || math.IsInf(hi, 0) || lo > hi) {
				t.Errorf("%v: finite from %v to %v", c.x, lo, hi)
			}
			if got, _ := a.Quantile(0.5); !near(got, c.median) && exact == 0 {
				t.Errorf("%v: median %v, want %v", c.x, got, c.median)
			}
			if !near(s.Min.Float64(), c.min) || !near(s.Max.Float64(), c.max) || !near(s.Mean, c.mean) {
				t.Errorf("%v: %v to %v, mean %v", c.x, s.Min, s.Max, s.Mean)
			}
		}
	}
}

func TestComplexByMagnitude(t *testing.T) {
	v, _ := tensor.FromSlice([]complex64{3 + 4i, 0, -5, complex(float32(math.NaN()), 0)})
	w, _ := tensor.FromSlice([]complex128{3 + 4i, 0, -5, complex(0, math.NaN())})
	for _, v := range []tensor.View{v, w} {
		a, _ := stats.New(v.DType(), nil)
		if err := a.Add(v); err != nil {
			t.Fatal(err)
		}
		if s := a.Summary(); s.Min.Float64() != 0 || s.Max.Float64() != 5 || s.NaN != 1 || s.Zeros != 1 || !near(s.Mean, 10.0/3) {
			t.Errorf("%v: %+v", v.DType(), s)
		}
	}
}

// Estimated quantiles keep what is promised of them.
func TestEstimate(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	x := make([]float64, 50_000)
	for i := range x {
		x[i] = r.NormFloat64() * math.Exp(r.Float64()*10)
	}
	x[7], x[8] = math.Inf(-1), math.NaN()
	v, _ := tensor.FromSlice(x)
	a, _ := stats.New(tensor.F64, &stats.Options{Exact: -1})
	b, _ := stats.New(tensor.F64, &stats.Options{Exact: 100})
	first, _ := v.Slice(0, tensor.None, 20_000, 1)
	rest, _ := v.Slice(0, 20_000, tensor.None, 1)
	for _, err := range []error{a.Add(first), b.Add(rest), a.Merge(b)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := refer(t, v)
	for q := 0.0; q <= 1; q += 0.01 {
		got, exact := a.Quantile(q)
		w := want.quantile(q)
		if exact || math.Abs(got-w) > math.Abs(w)/4096*1.01+1e-6 && !math.IsInf(w, 0) {
			t.Errorf("quantile %v: %v (exact %v), want %v", q, got, exact, w)
		}
	}
	ints := make([]int64, 10_000)
	for i := range ints {
		ints[i] = int64(i % 1000)
	}
	v, _ = tensor.FromSlice(ints)
	a, _ = stats.New(tensor.I64, &stats.Options{Exact: -1})
	if err := a.Add(v); err != nil {
		t.Fatal(err)
	}
	if got, _ := a.Quantile(0.5); got != 499.5 {
		t.Errorf("median of small integers %v, want 499.5", got)
	}
	a, _ = stats.New(tensor.I64, &stats.Options{NoQuantiles: true})
	if got, _ := a.Quantile(0.5); !math.IsNaN(got) {
		t.Errorf("quantile %v that was not taken", got)
	}
}

// Repeat is as if every element had been added so often.
func TestRepeat(t *testing.T) {
	for _, d := range []tensor.DType{tensor.F32, tensor.U8} {
		v, _ := tensor.FromSlice([]float64{4, 0, 1, 9})
		v, err := v.Cast(d)
		if err != nil {
			t.Fatal(err)
		}
		row, _ := v.ExpandDims(0)
		wide, err := row.BroadcastTo(tensor.Shape{3, 4})
		if err != nil {
			t.Fatal(err)
		}
		a, _ := stats.New(d, nil)
		b, _ := stats.New(d, nil)
		if err := errors.Join(a.Add(v), b.Add(wide)); err != nil {
			t.Fatal(err)
		}
		a.Repeat(3)
		if fmt.Sprint(a.Summary()) != fmt.Sprint(b.Summary()) {
			t.Errorf("%v: repeated %+v, added %+v", d, a.Summary(), b.Summary())
		}
		for q := 0.0; q <= 1; q += 1.0 / 64 {
			x, _ := a.Quantile(q)
			y, _ := b.Quantile(q)
			if !near(x, y) {
				t.Errorf("%v: quantile %v repeated %v, added %v", d, q, x, y)
			}
		}
		a.Repeat(math.MaxInt64)
		if s := a.Summary(); s.Count != math.MaxInt64 {
			t.Errorf("count %d", s.Count)
		}
	}
}

func TestHistogram(t *testing.T) {
	x := make([]float64, 0, 101)
	for i := range 101 {
		x = append(x, float64(i)/100)
	}
	x = append(x, math.NaN(), math.Inf(1), -0.5, 1.5)
	v, _ := tensor.FromSlice(x)
	h, err := stats.NewHistogram(tensor.F64, 0, 1, 10)
	if err == nil {
		err = h.Add(v)
	}
	if err != nil {
		t.Fatal(err)
	}
	// As numpy.histogram counts them: the edges are 0, 0.1, ..., 1.
	var want []int64
	for i := range 10 {
		n := int64(0)
		for _, x := range x {
			if x >= h.Edge(i) && (x < h.Edge(i+1) || i == 9 && x <= 1) {
				n++
			}
		}
		want = append(want, n)
	}
	if !slices.Equal(h.Counts, want) {
		t.Errorf("got %v, want %v", h.Counts, want)
	}
	same, _ := stats.NewHistogram(tensor.F64, 7, 7, 3)
	if same.Lo != 6.5 || same.Hi != 7.5 {
		t.Errorf("one value: %v to %v", same.Lo, same.Hi)
	}
	wide, _ := stats.NewHistogram(tensor.F64, -math.MaxFloat64, math.MaxFloat64, 4)
	v, _ = tensor.FromSlice([]float64{-math.MaxFloat64, 0, math.MaxFloat64, 1e308})
	if err := wide.Add(v); err != nil || !slices.Equal(wide.Counts, []int64{1, 0, 1, 2}) {
		t.Errorf("the whole range: %v, %v", wide.Counts, err)
	}
	for _, c := range [][3]float64{{1, 0, 3}, {0, math.Inf(1), 3}, {0, 1, 0}, {math.NaN(), 1, 2}} {
		if _, err := stats.NewHistogram(tensor.F32, c[0], c[1], int(c[2])); err == nil {
			t.Errorf("bins %v are fine", c)
		}
	}
	if err := h.Merge(same); !errors.Is(err, tensor.ErrShape) {
		t.Errorf("merge of other bins: %v", err)
	}
}

func TestRefused(t *testing.T) {
	q4, _ := tensor.Block(2)
	for _, d := range []tensor.DType{{}, tensor.Text(3), tensor.Opaque(8), tensor.UTF32(2), q4, {Class: 9, Bits: 8, UnitElems: 1, UnitBytes: 1}} {
		if _, err := stats.New(d, nil); !errors.Is(err, tensor.ErrDType) {
			t.Errorf("%v: %v", d, err)
		}
	}
	a, _ := stats.New(tensor.F32, nil)
	v, _ := tensor.FromSlice([]int32{1})
	if err := a.Add(v); !errors.Is(err, tensor.ErrDType) {
		t.Error(err)
	}
	b, _ := stats.New(tensor.I32, nil)
	if err := a.Merge(b); !errors.Is(err, tensor.ErrDType) {
		t.Error(err)
	}
}

func BenchmarkAdd(b *testing.B) {
	x := make([]float32, 1<<20)
	for i := range x {
		x[i] = float32(rand.NormFloat64())
	}
	for _, c := range []struct {
		name string
		d    tensor.DType
		o    stats.Options
	}{
		{"f32", tensor.F32, stats.Options{Exact: -1}}, {"f32/plain", tensor.F32, stats.Options{NoQuantiles: true}},
		{"bf16", tensor.BF16, stats.Options{}}, {"i64", tensor.I64, stats.Options{Exact: -1}}, {"u8", tensor.U8, stats.Options{}},
	} {
		v, _ := tensor.FromSlice(x)
		v, _ = v.Cast(c.d)
		b.Run(c.name, func(b *testing.B) {
			a, _ := stats.New(c.d, &c.o)
			b.SetBytes(v.ByteSize())
			for b.Loop() {
				if err := a.Add(v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
