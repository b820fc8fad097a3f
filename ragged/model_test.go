package ragged

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/tensor"
)

var background = context.Background()

func must[T any](x T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
}

var (
	indexDTypes = []tensor.DType{tensor.U8, tensor.I8, tensor.I16, tensor.U16, tensor.I32, tensor.U32, tensor.I64, tensor.U64}
	valueDTypes = []tensor.DType{tensor.I8, tensor.U8, tensor.I16, tensor.F16, tensor.BF16, tensor.I32, tensor.F32, tensor.F64, tensor.C64, tensor.Bool}
)

// strange is a view of the same elements in another byte order, with gaps, or
// backwards in memory.
func strange(t testing.TB, r *rand.Rand, v tensor.View) tensor.View {
	t.Helper()
	if v.NumElements() == 0 {
		return v
	}
	switch r.IntN(4) {
	case 0: // the other byte order
		var b strings.Builder
		other := tensor.BigEndian
		if tensor.HostOrder == other {
			other = tensor.LittleEndian
		}
		if err := v.WriteCOrder(&b, other); err != nil {
			t.Fatal(err)
		}
		return must(tensor.NewView([]byte(b.String()), v.DType(), v.Shape(), nil, 0, other))(t)
	case 1: // gaps
		s := append(v.Shape().Clone(), 2)
		wide := must(tensor.Make(v.DType(), s))(t)
		w := must(wide.Index(len(s)-1, 1))(t)
		if err := tensor.Copy(w, v); err != nil {
			t.Fatal(err)
		}
		return w
	case 2: // backwards
		own := must(must(must(v.Flip(0))(t).Clone())(t).Flip(0))(t)
		return own
	}
	return v
}

// numbers are the elements of v as int64s.
func numbers(t testing.TB, v tensor.View) []int64 {
	t.Helper()
	list := make([]int64, v.NumElements())
	if len(list) == 0 {
		return list
	}
	if err := tensor.Cast(must(must(tensor.FromSlice(list))(t).Reshape(v.Shape()))(t), v); err != nil {
		t.Fatal(err)
	}
	return list
}

// fromNumbers is the inverse.
func fromNumbers(t testing.TB, d tensor.DType, list []int64, shape ...int64) tensor.View {
	t.Helper()
	v := must(tensor.Make(d, shape))(t)
	if len(list) > 0 {
		from := must(must(tensor.FromSlice(list))(t).Reshape(shape))(t)
		if err := tensor.Cast(v, from); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// sample is an array beside the rows that it is made of.
type sample struct {
	d     tensor.DType
	inner tensor.Shape
	per   int64
	rows  [][]int64
	a     *Array
}

func newSample(t testing.TB, r *rand.Rand) *sample {
	s := &sample{d: valueDTypes[r.IntN(len(valueDTypes))], per: 1}
	for range r.IntN(3) {
		n := int64(1 + r.IntN(3))
		s.inner, s.per = append(s.inner, n), s.per*n
	}
	ptr, all := []int64{0}, []int64{}
	longest := int64(0)
	for range r.IntN(12) {
		n := int64(r.IntN(10))
		if r.IntN(3) == 0 {
			n = 0
		}
		row := make([]int64, n*s.per)
		for i := range row {
			row[i] = int64(r.IntN(100))
			if s.d == tensor.Bool {
				row[i] &= 1
			}
		}
		longest = max(longest, n)
		s.rows, all, ptr = append(s.rows, row), append(all, row...), append(ptr, ptr[len(ptr)-1]+n)
	}
	switch r.IntN(3) {
	case 0:
		longest = -1
	case 1:
		longest += 3
	}
	offsets := strange(t, r, fromNumbers(t, indexDTypes[r.IntN(len(indexDTypes))], ptr, int64(len(ptr))))
	values := strange(t, r, fromNumbers(t, s.d, all, append(tensor.Shape{ptr[len(ptr)-1]}, s.inner...)...))
	s.a = must(New(offsets, values, longest))(t)
	return s
}

// same compares an array with rows.
func (s *sample) same(t testing.TB, what string, a *Array, rows [][]int64) {
	t.Helper()
	if a.Len() != int64(len(rows)) || a.DType() != s.d {
		t.Fatalf("%s: %d rows of %v, want %d of %v", what, a.Len(), a.DType(), len(rows), s.d)
	}
	i := 0
	for v, err := range a.All() {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		want := append(tensor.Shape{int64(len(rows[i])) / s.per}, s.inner...)
		if !v.Shape().Equal(want) || !slices.Equal(numbers(t, v), rows[i]) {
			t.Fatalf("%s: row %d is %v %v, want %v %v", what, i, v.Shape(), v, want, rows[i])
		}
		i++
	}
	lengths := must(a.Lengths(background))(t)
	for i, n := range lengths {
		if n*s.per != int64(len(rows[i])) {
			t.Fatalf("%s: lengths %v", what, lengths)
		}
	}
	// As parts, which make the same array.
	offsets, values, err := a.Parts(background, nil)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	b := must(New(offsets, values, a.longest))(t)
	if err := b.Validate(background, nil); err != nil {
		t.Fatalf("%s: parts: %v", what, err)
	}
	var all []int64
	for _, row := range rows {
		all = append(all, row...)
	}
	if !slices.Equal(numbers(t, values), all) {
		t.Fatalf("%s: values %v, want %v", what, values, all)
	}
}

// dense is the rows filled up, the simple way.
func (s *sample) dense(rows [][]int64, length, fill int64) []int64 {
	out := []int64{}
	for _, row := range rows {
		for k := range length * s.per {
			if k < int64(len(row)) {
				out = append(out, row[k])
			} else {
				out = append(out, fill)
			}
		}
	}
	return out
}

// Every operation on 2,000 arrays equals the same on lists.
func TestArraysEqualLists(t *testing.T) {
	count := 0
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 66))
		s := newSample(t, r)
		a, n := s.a, int64(len(s.rows))
		o := &Options{Workers: 1 + r.IntN(3)}
		s.same(t, "whole", a, s.rows)
		if err := a.Validate(background, o); err != nil {
			t.Fatal(err)
		}
		longest := int64(0)
		for _, row := range s.rows {
			longest = max(longest, int64(len(row))/s.per)
		}
		if got := must(a.Longest(background))(t); got != longest {
			t.Fatalf("longest %d, want %d", got, longest)
		}
		lo := r.Int64N(n + 1)
		hi := lo + r.Int64N(n-lo+1)
		cutRows := s.rows[lo:hi]
		cut := must(a.Slice(lo, hi))(t)
		s.same(t, "slice", cut, cutRows)
		s.same(t, "clone", must(cut.Clone(background, o))(t), cutRows)
		var list []int64
		var taken [][]int64
		for range r.IntN(6) * min(1, int(n)) {
			i := r.Int64N(n)
			taken = append(taken, s.rows[i])
			if r.IntN(2) == 0 {
				i -= n
			}
			list = append(list, i)
		}
		take := must(a.Take(list))(t)
		s.same(t, "take", take, taken)
		if len(taken) > 1 {
			s.same(t, "slice of take", must(take.Slice(1, int64(len(taken))))(t), taken[1:])
		}
		back := slices.Clone(s.rows)
		slices.Reverse(back)
		s.same(t, "backwards", must(a.Select(tensor.Selection{{Kind: tensor.SelectRange, Start: tensor.None, Stop: tensor.None, Step: -1}}))(t), back)
		if len(s.inner) > 0 && n > 0 { // the last of axis 2
			x := must(a.Select(must(tensor.ParseSelection("[:, :, -1]"))(t)))(t)
			each := s.per / s.inner[0]
			u := &sample{d: s.d, inner: s.inner[1:], per: each}
			for _, row := range s.rows {
				part := []int64{}
				for at := s.per - each; at < int64(len(row)); at += s.per {
					part = append(part, row[at:at+each]...)
				}
				u.rows = append(u.rows, part)
			}
			u.same(t, "inner", x, u.rows)
		}
		both := must(Concat(background, cut, take, a))(t)
		s.same(t, "concat", both, slices.Concat(cutRows, taken, s.rows))

		fill := int64(r.IntN(2))
		length := r.Int64N(12)
		do := &DenseOptions{Options: *o, Length: length, Fill: fromNumbers(t, tensor.I64, []int64{fill})}
		if length == 0 {
			length = longest
		}
		dense := must(a.Dense(background, do))(t)
		if want := append(tensor.Shape{n, length}, s.inner...); !dense.Shape().Equal(want) || !slices.Equal(numbers(t, dense), s.dense(s.rows, length, fill)) {
			t.Fatalf("dense %v %v, want %v", dense.Shape(), dense, want)
		}
		full := must(a.Dense(background, nil))(t)
		s.same(t, "from dense", must(FromDense(strange(t, r, full), must(a.Lengths(background))(t)))(t), s.rows)
		whole := must(FromDense(strange(t, r, full), nil))(t)
		for i, v := range must(collect(whole.All()))(t) {
			if !slices.Equal(numbers(t, v), s.dense(s.rows[i:i+1], longest, 0)) {
				t.Fatalf("row %d of dense: %v", i, v)
			}
		}
		if n > 0 {
			s.same(t, "from rows", must(FromRows(must(collect(a.All()))(t)...))(t), s.rows)
		}
		count++
	}
	t.Logf("%d arrays", count)
	if count != 2000 {
		t.Error(count)
	}
}

func collect[T any](seq func(func(T, error) bool)) ([]T, error) {
	var list []T
	for x, err := range seq {
		if err != nil {
			return list, err
		}
		list = append(list, x)
	}
	return list, nil
}

var letters = []rune("aZ~\x00\u0080ñ\u07ff\u0800\u20ac\ud7ff\ue000\uffff\U00010000😀\U0010ffff")

// Every operation on 2,000 tensors of strings equals the same on lists.
func TestStringsEqualLists(t *testing.T) {
	count := 0
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 77))
		shape := tensor.Shape{int64(r.IntN(6))}
		for range r.IntN(3) {
			shape = append(shape, int64(1+r.IntN(3)))
		}
		n := must(shape.NumElements())(t)
		list := make([]string, n)
		ptr, raw := []int64{0}, ""
		for i := range list {
			for range r.IntN(6) {
				list[i] += string(letters[r.IntN(len(letters))])
			}
			raw += list[i]
			ptr = append(ptr, int64(len(raw)))
		}
		d := indexDTypes[2+r.IntN(6)]
		s := must(NewStrings(strange(t, r, fromNumbers(t, d, ptr, n+1)), strange(t, r, must(tensor.FromSlice([]byte(raw)))(t)), shape))(t)
		same := func(what string, x *Strings, shape tensor.Shape, want []string) {
			t.Helper()
			got := must(collect(x.All()))(t)
			if !x.Shape().Equal(shape) || !slices.Equal(got, want) {
				t.Fatalf("seed %d: %s: %v %q, want %v %q", seed, what, x.Shape(), got, shape, want)
			}
			if all := must(x.List(background))(t); !slices.Equal(all, want) {
				t.Fatalf("%s: list %q, want %q", what, all, want)
			}
			offsets, bytes, err := x.Parts(background, nil)
			if err != nil {
				t.Fatal(err)
			}
			y := must(NewStrings(offsets, bytes, shape))(t)
			if err := y.Validate(background, nil); err != nil {
				t.Fatalf("%s: parts: %v", what, err)
			}
			if string(numbersAsBytes(t, bytes)) != strings.Join(want, "") {
				t.Fatalf("%s: bytes", what)
			}
		}
		same("whole", s, shape, list)
		same("made", must(FromStrings(list, shape...))(t), shape, list)
		same("flat", must(s.Reshape(tensor.Shape{n}))(t), tensor.Shape{n}, list)
		idx := make([]int64, len(shape))
		for i := range list {
			for axis, k := len(shape)-1, int64(i); axis >= 0; axis-- {
				idx[axis] = k%shape[axis] - shape[axis]*int64(r.IntN(2))
				k /= shape[axis]
			}
			if got := must(s.At(idx...))(t); got != list[i] {
				t.Fatalf("at %v: %q, want %q", idx, got, list[i])
			}
		}
		per := int64(1)
		for _, k := range shape[1:] {
			per *= k
		}
		lo := r.Int64N(shape[0] + 1)
		hi := lo + r.Int64N(shape[0]-lo+1)
		cutShape := append(tensor.Shape{hi - lo}, shape[1:]...)
		cut := must(s.Slice(lo, hi))(t)
		same("slice", cut, cutShape, list[lo*per:hi*per])
		same("concat", must(ConcatStrings(background, cut, s))(t), append(tensor.Shape{hi - lo + shape[0]}, shape[1:]...), slices.Concat(list[lo*per:hi*per], list))

		// A selection, beside that of the places of the strings.
		places := must(tensor.Make(tensor.I64, shape))(t)
		if n > 0 {
			order := make([]int64, n)
			for i := range order {
				order[i] = int64(i)
			}
			places = must(tensor.FromSlice(order, shape...))(t)
		}
		text := []string{"[::-1]", "[1:]", "[..., :1]", "[..., ::2]", "[-1]", "[None, ...]", "[0:2, ...]"}[r.IntN(7)]
		sel := must(tensor.ParseSelection(text))(t)
		if x, err := s.Select(sel); err == nil {
			p := must(places.Select(sel))(t)
			var want []string
			for _, i := range numbers(t, p) {
				want = append(want, list[i])
			}
			same(text, x, p.Shape(), want)
		} else if _, wrong := places.Select(sel); wrong == nil || !errors.Is(err, tensor.ErrIndex) {
			t.Fatalf("%s of %v: %v", text, shape, err)
		}

		// Text of fixed width, and back, unless a NUL at an end would be lost.
		ends := slices.ContainsFunc(list, func(s string) bool { return strings.HasSuffix(s, "\x00") })
		for _, d := range []tensor.DType{tensor.Text(0), tensor.UTF32(0), tensor.Text(24), tensor.UTF32(5)} {
			v, err := s.Text(background, d, &Options{Workers: 2})
			switch {
			case ends:
				if !errors.Is(err, tensor.ErrFormat) {
					t.Fatalf("a NUL at an end: %v", err)
				}
				continue
			case err != nil:
				t.Fatal(err)
			}
			for i, want := range list {
				for axis, k := len(shape)-1, int64(i); axis >= 0; axis-- {
					idx[axis] = k % shape[axis]
					k /= shape[axis]
				}
				if got := must(v.StringAt(idx...))(t); got != want {
					t.Fatalf("%v: %q, want %q", v.DType(), got, want)
				}
			}
			same("text", must(FromText(strange(t, r, v)))(t), shape, list)
		}
		count++
	}
	t.Logf("%d tensors of strings", count)
	if count != 2000 {
		t.Error(count)
	}
}

func numbersAsBytes(t testing.TB, v tensor.View) []byte {
	b := []byte{}
	for _, x := range numbers(t, v) {
		b = append(b, byte(x))
	}
	return b
}
