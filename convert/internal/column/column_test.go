package column

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// The table of Join's documentation, both ways round.
func TestJoin(t *testing.T) {
	for _, c := range []struct{ a, b, want Kind }{
		{None, None, None}, {None, Bool, Bool}, {None, Text, Text}, {None, Blob, Blob},
		{Bool, Bool, Bool}, {Bool, Nat, Text}, {Bool, Int, Text}, {Bool, Uint, Text}, {Bool, Float, Text}, {Bool, Text, Text},
		{Nat, Nat, Nat}, {Nat, Int, Int}, {Nat, Uint, Uint}, {Nat, Float, Float}, {Nat, Text, Text},
		{Int, Int, Int}, {Int, Uint, Float}, {Int, Float, Float}, {Int, Text, Text},
		{Uint, Uint, Uint}, {Uint, Float, Float}, {Uint, Text, Text}, {Float, Text, Text}, {Text, Blob, Blob}, {Int, Blob, Blob},
	} {
		if a, b := Join(c.a, c.b), Join(c.b, c.a); a != c.want || b != c.want {
			t.Errorf("%d, %d: %d and %d, want %d", c.a, c.b, a, b, c.want)
		}
	}
	for _, c := range []struct {
		k       Kind
		missing int64
		rule    convert.Missing
		want    Kind
	}{
		{None, 0, convert.MissingMask, Float}, {Bool, 1, convert.MissingNaN, Float}, {Bool, 1, convert.MissingMask, Bool}, {Int, 0, convert.MissingNaN, Int},
		{Int, 3, convert.MissingNaN, Float}, {Text, 3, convert.MissingNaN, Text}, {Float, 3, convert.MissingNaN, Float},
	} {
		if got := Final(c.k, c.missing, c.rule); got != c.want {
			t.Errorf("%v: %d", c, got)
		}
	}
}

func TestDistinct(t *testing.T) {
	names := []string{"a", "", "a", "b", "a.2", "column2", "a", "x\ny", "b"}
	columns := make([]Column, len(names))
	for i, n := range names {
		columns[i].Name = n
	}
	notes := Distinct(columns, format.CheckName)
	var got []string
	for _, c := range columns {
		got = append(got, c.Name)
	}
	want := []string{"a", "column2.2", "a.3", "b", "a.2", "column2", "a.4", "column8", "b.2"}
	if !slices.Equal(got, want) || len(notes) != 5 {
		t.Errorf("%q, %q", got, notes)
	}
}

// value is one of a column, as the model has it.
type value struct {
	kind Kind // None: missing
	word uint64
	text string
}

func randomValue(rng *rand.Rand, kind Kind) value {
	switch v := (value{kind: kind}); kind {
	case Bool:
		v.word = rng.Uint64() & 1
		return v
	case Nat:
		v.word = rng.Uint64() >> 1
		return v
	case Int:
		v.word = rng.Uint64() | 1<<63
		return v
	case Uint:
		v.word = rng.Uint64() | 1<<63
		return v
	case Float:
		v.word = math.Float64bits(rng.NormFloat64())
		return v
	case Text:
		v.text = strings.Repeat("é", rng.IntN(5))
		return v
	}
	return value{}
}

func (b *Builder) put(c int, v value) {
	switch v.kind {
	case None:
		b.Null(c)
	case Bool:
		b.Bool(c, v.word != 0)
	case Nat, Int:
		b.Int(c, int64(v.word))
	case Uint:
		b.Uint(c, v.word)
	case Float:
		b.Float(c, math.Float64frombits(v.word))
	case Text:
		b.Text(c, []byte(v.text))
	}
}

// say is a value as one of a final kind.
func (v value) say(k Kind) string {
	var f float64
	text := v.text
	switch v.kind {
	case None:
		return map[Kind]string{Float: "NaN", Text: `""`, Bool: "0"}[k] + strings.Repeat("0", b2i(k >= Nat && k <= Uint))
	case Bool:
		f, text = float64(v.word), fmt.Sprint(v.word != 0)
	case Nat, Int:
		f, text = float64(int64(v.word)), fmt.Sprint(int64(v.word))
	case Uint:
		f, text = float64(v.word), fmt.Sprint(v.word)
	case Float:
		f = math.Float64frombits(v.word)
		one := Piece{Kind: Float, Len: 1, Words: []uint64{v.word}}
		text = string(one.appendText(nil, 0))
	}
	switch k {
	case Text:
		return fmt.Sprintf("%q", text)
	case Float:
		return fmt.Sprint(f)
	case Bool:
		return fmt.Sprint(v.word)
	}
	return text
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Random tables through builders, memory and temporary file, as tensors.
func TestTables(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	spilled, values := 0, 0
	for range 150 {
		rows, columns := 1+rng.IntN(300), 1+rng.IntN(5)
		model := make([][]value, columns)
		kinds := make([]Kind, columns)
		begin := make([]int, columns) // the row of the first value
		for c := range model {
			of := []Kind{Kind(rng.IntN(7)), Kind(rng.IntN(7))}
			begin[c] = rng.IntN(rows) * rng.IntN(2)
			for r := range rows {
				v := value{}
				if r >= begin[c] && rng.IntN(5) > 0 {
					v = randomValue(rng, of[b2i(r > rows/2)*rng.IntN(2)])
				}
				model[c] = append(model[c], v)
				kinds[c] = Join(kinds[c], v.kind)
			}
		}
		table := &Table{Keep: int64(rng.IntN(3))*2000 - 1}
		var sums Summaries
		var b Builder
		n := 0
		for r := range rows {
			for c := range columns {
				if r >= begin[c] {
					for b.Len(c) < n {
						b.Null(c)
					}
					b.put(c, model[c][r])
				}
			}
			if n++; rng.IntN(20) == 0 || r == rows-1 {
				block := Block{Rows: n, Pieces: b.Take(n)}
				sums.Add(block)
				if err := table.Add(block); err != nil {
					t.Fatal(err)
				}
				n = 0
				if rng.IntN(4) == 0 {
					if err := table.flush(); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if err := table.Finish(); err != nil {
			t.Fatal(err)
		}
		if table.at > 0 {
			spilled++
		}
		if err := sums.Texts(t.Context(), table); err != nil || sums.Rows != int64(rows) {
			t.Fatal(sums.Rows, err)
		}
		for _, rule := range []convert.Missing{convert.MissingNaN, convert.MissingMask} {
			var list []Column
			for c, s := range sums.Columns {
				list = append(list, Column{Name: fmt.Sprint("c", c), Kind: s.Kind, Missing: s.Missing, Bytes: s.Bytes})
			}
			l := &convert.Layout{Format: "test"}
			if err := Layout(l, list, table.Blocks, Options{Rule: rule, Format: "test", Codec: "text", Rows: int64(rows)}); err != nil {
				t.Fatal(err)
			}
			f, err := tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader(nil), 0, "test"), l, nil)
			if err != nil {
				t.Fatal(err)
			}
			for c := range list {
				missing := slices.ContainsFunc(model[c], func(v value) bool { return v.kind == None })
				k := Final(kinds[c], int64(b2i(missing)), rule)
				var want, valid []string
				for _, v := range model[c] {
					want = append(want, v.say(k))
					valid = append(valid, fmt.Sprint(b2i(v.kind != None)))
				}
				if got := said(t, f, fmt.Sprint("c", c)); !slices.Equal(got, want) {
					t.Fatalf("column %d, %d, rule %d:\n%q\nwant\n%q", c, k, rule, got, want)
				}
				if rule == convert.MissingMask && missing {
					if got := said(t, f, fmt.Sprint("c", c, Valid)); !slices.Equal(got, valid) {
						t.Fatalf("%q\nwant\n%q", got, valid)
					}
				}
				values += rows
			}
			f.Close()
		}
	}
	t.Logf("%d values, %d tables of 150 in a file", values, spilled)
	if spilled < 30 || values < 50_000 {
		t.Error("too few")
	}
}

// said are the elements of a tensor as value.say has them.
func said(t testing.TB, f *tensorfile.File, name string) (list []string) {
	t.Helper()
	x, err := f.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, ok := x.Composite(); ok {
		s, err := x.Strings(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		texts, err := s.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			list = append(list, fmt.Sprintf("%q", text))
		}
		return list
	}
	v, err := x.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if x.DType() == tensor.Bool {
		for _, y := range b {
			list = append(list, fmt.Sprint(y))
		}
		return list
	}
	words, _ := cast.Slice[uint64](b)
	for _, w := range words {
		switch x.DType() {
		case tensor.I64:
			list = append(list, fmt.Sprint(int64(w)))
		case tensor.U64:
			list = append(list, fmt.Sprint(w))
		default:
			list = append(list, fmt.Sprint(math.Float64frombits(w)))
		}
	}
	return list
}

// What fails in a source is the error of the read, and a source that has other
// rows than it had is a change.
func TestSourceFails(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name string
		from Source
		want error
	}{
		{"error", func(context.Context, []int) iter.Seq2[Block, error] {
			return func(yield func(Block, error) bool) { yield(Block{}, broken) }
		}, broken},
		{"fewer", func(context.Context, []int) iter.Seq2[Block, error] { return func(func(Block, error) bool) {} }, tensor.ErrChanged},
		{"more", func(context.Context, []int) iter.Seq2[Block, error] {
			return func(yield func(Block, error) bool) {
				for yield(Block{Rows: 2, Pieces: []Piece{{Kind: Int, Len: 2, Words: []uint64{1, 2}}}}, nil) {
				}
			}
		}, tensor.ErrChanged},
		{"a value that is missing now", func(context.Context, []int) iter.Seq2[Block, error] {
			return func(yield func(Block, error) bool) {
				yield(Block{Rows: 3, Pieces: []Piece{{Kind: Int, Len: 3, Words: make([]uint64, 3), Valid: []byte{1, 1, 0}}}}, nil)
			}
		}, tensor.ErrChanged},
		{"all values missing now", func(context.Context, []int) iter.Seq2[Block, error] {
			return func(yield func(Block, error) bool) { yield(Block{Rows: 3, Pieces: []Piece{{}}}, nil) }
		}, tensor.ErrChanged},
		{"text", func(context.Context, []int) iter.Seq2[Block, error] {
			return func(yield func(Block, error) bool) {
				yield(Block{Rows: 3, Pieces: []Piece{{Kind: Text, Len: 3, Ends: make([]uint32, 3)}}}, nil)
			}
		}, tensor.ErrChanged},
	} {
		l := &convert.Layout{}
		if err := Layout(l, []Column{{Name: "x", Kind: Int}}, c.from, Options{Rows: 3}); err != nil {
			t.Fatal(err)
		}
		r, err := l.Storages[0].Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		r.Close()
	}
}

func TestTruncate(t *testing.T) {
	var b Builder
	for i := range 5 {
		b.Int(0, int64(i))
		b.Text(1, []byte("ab"))
		b.Null(2)
	}
	b.Nulls(0, 2)
	for c, n := range []int{6, 2, 1} {
		b.Truncate(c, n)
	}
	p := b.Take(6)
	if fmt.Sprint(p[0].Words, p[0].Valid) != "[0 1 2 3 4 0] [1 1 1 1 1 0]" || string(p[1].Bytes) != "abab" || fmt.Sprint(p[1].Ends, p[1].Valid) != "[2 4 4 4 4 4] [1 1 0 0 0 0]" || p[2].Len != 6 || p[2].Kind != None {
		t.Errorf("%+v", p)
	}
}
