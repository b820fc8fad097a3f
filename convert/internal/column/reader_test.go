package column

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// opened is a layout as a file.
func opened(t *testing.T, l *convert.Layout) *tensorfile.File {
	t.Helper()
	f, err := tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader(nil), 0, "test"), l, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// sources gives all tensors of a layout to a writer of tables.
func sources(t *testing.T, l *convert.Layout) (src []convert.Source) {
	t.Helper()
	for x, err := range opened(t, l).Tensors() {
		if err != nil {
			t.Fatal(err)
		}
		src = append(src, convert.Source{Tensor: x, As: x.Name()})
	}
	return src
}

// storing adds a dense tensor of these bytes, little-endian, to a layout.
func storing(l *convert.Layout, name string, d tensor.DType, b []byte, shape ...int64) {
	l.Tensors = append(l.Tensors, convert.LayoutTensor{Name: name, Storage: len(l.Storages), DType: d, Shape: shape, Order: tensor.LittleEndian})
	l.Storages = append(l.Storages, stored(b))
}

func TestReader(t *testing.T) {
	le := binary.LittleEndian
	l := &convert.Layout{Format: "test"}
	storing(l, "flags", tensor.Bool, []byte{1, 0, 0, 1, 1, 1}, 3, 2)
	storing(l, "i16", tensor.I16, []byte{0xff, 0xff, 0x00, 0x80, 0xff, 0x7f}, 3)
	storing(l, "u64", tensor.U64, le.AppendUint64(le.AppendUint64(make([]byte, 8), 1<<63), math.MaxUint64), 3)
	storing(l, "f16", tensor.F16, []byte{0x66, 0x2e, 0x00, 0x7c, 0x00, 0x7e}, 3) // 0.1 as it is in 16 bits
	storing(l, "f32", tensor.F32, le.AppendUint32(le.AppendUint32(le.AppendUint32(nil, math.Float32bits(0.1)), math.Float32bits(-2)), 0), 3)
	storing(l, "text", tensor.Text(3), []byte("abcé\x00\x00\x00\x00"), 3)
	n := len(l.Storages)
	strs := texts(tensor.I32, 5, 0, 2, 2, 5)
	strs.Tensors[0].Parts[0].Storage += n
	strs.Tensors[0].Parts[1].Storage += n
	l.Storages, l.Tensors = append(l.Storages, strs.Storages...), append(l.Tensors, strs.Tensors...)
	src := sources(t, l)
	r, err := NewReader("csv", src)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(r.Rows, r.Widths, r.Kinds); got != "3 [2 1 1 1 1 1 1] [bool i64 u64 f64 f64 text text]" {
		t.Error(got)
	}
	got := make([][]string, len(src))
	for b, err := range r.Blocks(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		for c := range b.Pieces {
			p := &b.Pieces[c]
			for i := range p.Len {
				got[c] = append(got[c], string(r.AppendValue(nil, c, p, i)))
			}
		}
	}
	if s := fmt.Sprint(got); s != "[[true false false true true true] [-1 -32768 32767] [0 9223372036854775808 18446744073709551615] [0.1 inf nan] [0.1 -2.0 0.0] [abc é ] [xx  xxx]]" {
		t.Error(s)
	}
	// Tensors that are no columns beside these.
	for _, c := range []struct {
		add              func(l *convert.Layout)
		field, got, want string
	}{
		{func(l *convert.Layout) { storing(l, "y", tensor.U8, []byte{1, 2}, 2) }, "rows", "2", `3, as "x" has`},
		{func(l *convert.Layout) { storing(l, "y", tensor.U8, []byte{1}) }, "rows", "1", `3, as "x" has`},
		{func(l *convert.Layout) {
			s := len(l.Storages)
			storing(l, "parts", tensor.U8, nil)
			l.Tensors = slices.Delete(l.Tensors, 1, 2)
			l.Storages = append(l.Storages[:s], stored([]byte{0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0}), stored([]byte{7, 8}))
			l.Tensors = append(l.Tensors, convert.LayoutTensor{Name: "y", Shape: tensor.Shape{3, 1}, DType: tensor.U8, Layout: format.LayoutRagged, Sound: true, Parts: []convert.LayoutTensor{
				{Name: format.RoleOffsets, Storage: s, DType: tensor.I32, Shape: tensor.Shape{4}},
				{Name: format.RoleValues, Storage: s + 1, DType: tensor.U8, Shape: tensor.Shape{2}},
			}})
		}, "layout", "ragged", "a dense tensor or strings"},
	} {
		l := &convert.Layout{Format: "test"}
		storing(l, "x", tensor.U8, []byte{1, 2, 3}, 3)
		c.add(l)
		_, err := NewReader("csv", sources(t, l))
		var e *tensor.Error
		if !errors.Is(err, tensor.ErrUnsupported) || !errors.As(err, &e) || e.Tensor != "y" || e.Field != c.field || e.Got != c.got || e.Want != c.want {
			t.Errorf("%v, want field %s, got %s", err, c.field, c.got)
		}
	}
}

// What fails in a source is the error of the reader, wherever it does: in elements,
// in offsets, in the bytes of strings.
func TestReaderFails(t *testing.T) {
	broken := errors.New("broken")
	after := func(b []byte, n int) convert.LayoutStorage {
		s := stored(b)
		s.Open = func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader(b[:n]), failing{broken})), nil
		}
		return s
	}
	dense := func(d tensor.DType, n int) *convert.Layout {
		b := make([]byte, 4*int(d.UnitBytes))
		return &convert.Layout{Format: "test", Storages: []convert.LayoutStorage{after(b, n)}, Tensors: []convert.LayoutTensor{{Name: "x", DType: d, Shape: tensor.Shape{4}}}}
	}
	spoilt := func(part, n int) *convert.Layout {
		l := texts(tensor.I32, 5, 0, 2, 5)
		r, err := l.Storages[part].Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		l.Storages[part] = after(b, n)
		return l
	}
	for what, l := range map[string]*convert.Layout{
		"the first element": dense(tensor.U8, 0), "the last element": dense(tensor.F32, 15), "a text": dense(tensor.Text(2), 3),
		"the first offset": spoilt(0, 0), "the last offset": spoilt(0, 11), "the last string": spoilt(1, 4),
	} {
		r, err := NewReader("csv", sourceOf(t, l))
		if err != nil {
			t.Fatal(err)
		}
		rows, last := 0, error(nil)
		for b, err := range r.Blocks(t.Context()) {
			rows, last = rows+b.Rows, err
		}
		if !errors.Is(last, broken) || rows != 0 {
			t.Errorf("%s: %d rows, %v", what, rows, last)
		}
	}
	// A string whose bytes are more than one may have is refused by its offsets.
	l := texts(tensor.I64, 0, 0, 1<<30+1)
	l.Tensors[0].Parts[1].Shape[0] = 1<<30 + 1
	l.Storages[1].Size = 1<<30 + 1
	r, err := NewReader("csv", sourceOf(t, l))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range r.Blocks(t.Context()) {
		var e *tensor.Error
		if !errors.Is(err, tensor.ErrLimit) || !errors.As(err, &e) || e.Tensor != "col" || e.Field != "string 0" || e.Got != "1073741825 bytes" || e.Want != "at most 1073741824" {
			t.Errorf("%v", err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// A matrix has a row for each of the table, of the kind that holds all columns.
func TestMatrix(t *testing.T) {
	piece := func(k Kind, valid []byte, words ...uint64) Piece {
		return Piece{Kind: k, Len: len(words), Words: words, Valid: valid}
	}
	from := func(blocks ...Block) Source {
		return func(_ context.Context, want []int) iter.Seq2[Block, error] {
			return func(yield func(Block, error) bool) {
				for _, b := range blocks {
					out := Block{Rows: b.Rows}
					for _, c := range want {
						out.Pieces = append(out.Pieces, b.Pieces[c])
					}
					if !yield(out, nil) {
						return
					}
				}
			}
		}
	}
	minus := uint64(1<<64 - 5)
	numbers := from(
		Block{Rows: 1, Pieces: []Piece{piece(Nat, nil, 1), piece(Float, nil, math.Float64bits(0.5))}},
		Block{Rows: 2, Pieces: []Piece{piece(Int, nil, 2, minus), piece(None, nil)}},
	)
	bools := from(Block{Rows: 3, Pieces: []Piece{piece(Bool, nil, 1, 0, 1), piece(Bool, []byte{1, 0, 1}, 1, 0, 0)}})
	for _, c := range []struct {
		what    string
		columns []Column
		from    Source
		rule    convert.Missing
		want    string
		valid   string
	}{
		{"numbers", []Column{{Kind: Int}, {Kind: Float, Missing: 2}}, numbers, convert.MissingNaN, "f64 (3, 2): 1 0.5 2 NaN -5 NaN", ""},
		{"numbers, by a mask", []Column{{Kind: Int}, {Kind: Float, Missing: 2}}, numbers, convert.MissingMask, "f64 (3, 2): 1 0.5 2 NaN -5 NaN", "1 1 1 0 1 0"},
		{"one column", []Column{{Kind: Int}}, numbers, convert.MissingMask, "i64 (3, 1): 1 2 -5", ""},
		{"bools", []Column{{Kind: Bool}, {Kind: Bool, Missing: 1}}, bools, convert.MissingMask, "bool (3, 2): 1 1 0 0 1 0", "1 1 1 0 1 1"},
		{"bools, by NaN", []Column{{Kind: Bool}, {Kind: Bool, Missing: 1}}, bools, convert.MissingNaN, "f64 (3, 2): 1 1 0 NaN 1 0", ""},
	} {
		l := &convert.Layout{Format: "test"}
		if err := Matrix(l, "m", c.columns, c.from, Options{Rule: c.rule, Format: "test", Codec: "text", Rows: 3}); err != nil {
			t.Fatal(err)
		}
		f := opened(t, l)
		x, err := f.Tensor("m")
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%v %v: %s", x.DType(), x.Shape(), strings.Join(said(t, f, "m"), " ")); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
		if (len(l.Tensors) == 2) != (c.valid != "") {
			t.Errorf("%s: %d tensors", c.what, len(l.Tensors))
		} else if c.valid != "" {
			if got := strings.Join(said(t, f, "m"+Valid), " "); got != c.valid {
				t.Errorf("%s: valid %s, want %s", c.what, got, c.valid)
			}
		}
	}
	// A source that gives something else than it did when it was looked at.
	l := &convert.Layout{Format: "test"}
	if err := Matrix(l, "m", []Column{{Kind: Int}, {Kind: Int}}, numbers, Options{Rows: 3, Format: "test"}); err != nil {
		t.Fatal(err)
	}
	r, err := l.Storages[0].Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var e *tensor.Error
	if _, err := io.ReadAll(r); !errors.Is(err, tensor.ErrChanged) || !errors.As(err, &e) || e.Format != "test" || e.Field != "table" {
		t.Errorf("%v", err)
	}
}

// Rows of bytes are ragged; offsets are of 64 bits where 32 do not reach.
func TestBytesAndLongTexts(t *testing.T) {
	table := &Table{}
	var sums Summaries
	var b Builder
	b.Blob(0, []byte{1, 2, 3})
	b.Null(0)
	b.Blob(0, []byte{4})
	b.Int(1, 10)
	b.Int(1, -7)
	block := Block{Rows: 3, Pieces: b.Take(3)}
	sums.Add(block)
	if err := errors.Join(table.Add(block), table.Finish()); err != nil {
		t.Fatal(err)
	}
	if table.Kept() != 4+3*4+3+2*8+8+3 {
		t.Errorf("%d bytes are kept", table.Kept())
	}
	s := sums.Columns[0]
	if s.Kind != Blob || s.Missing != 1 || s.Bytes != 4 || s.Longest != 3 || sums.Columns[1].Missing != 1 {
		t.Errorf("%+v", sums)
	}
	l := &convert.Layout{Format: "test"}
	if err := Layout(l, []Column{{Name: "x", Kind: Blob, Missing: 1, Bytes: 4, Longest: 3}}, table.Blocks, Options{Format: "test", Rows: 3}); err != nil {
		t.Fatal(err)
	}
	x, err := opened(t, l).Tensor("x")
	if err != nil {
		t.Fatal(err)
	}
	c, err := x.ReadComposite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if layout, _, _ := x.Composite(); layout != format.LayoutRagged || !x.Shape().Equal(tensor.Shape{3, 3}) || x.DType() != tensor.U8 {
		t.Errorf("%v, %v, %v", layout, x.DType(), x.Shape())
	}
	if got := fmt.Sprint(c.Part(format.RoleOffsets).View, c.Part(format.RoleValues).View); got != "[0 3 3 4] [1 2 3 4]" {
		t.Error(got)
	}
	// What a column says of its bytes decides, before one is read.
	l = &convert.Layout{Format: "test"}
	long := func(context.Context, []int) iter.Seq2[Block, error] {
		return func(yield func(Block, error) bool) {
			for range 2 {
				if !yield(Block{Rows: 1, Pieces: []Piece{{Kind: Text, Len: 1, Bytes: []byte("ab"), Ends: []uint32{2}}}}, nil) {
					return
				}
			}
		}
	}
	if err := Layout(l, []Column{{Name: "x", Kind: Text, Bytes: 1 << 31}}, long, Options{Format: "test", Rows: 2}); err != nil {
		t.Fatal(err)
	}
	r, err := l.Storages[0].Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var want []byte
	for _, at := range []uint64{0, 2, 4} {
		want = binary.NativeEndian.AppendUint64(want, at)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("% x, %v", got, err)
	}
}

// Rows that come from a file are the same for the second tensor as for the first,
// and are parsed three times at most; one tensor alone is parsed each time.
func TestLazy(t *testing.T) {
	for _, c := range []struct {
		what   string
		lazy   *Lazy
		parses int
	}{
		{"two tensors", &Lazy{}, 3},
		{"two tensors, in a file", &Lazy{Keep: -1}, 3},
		{"one tensor", &Lazy{One: true}, 6},
	} {
		parses := 0
		c.lazy.Parse = func(_ context.Context, want []int) iter.Seq2[Block, error] {
			parses++
			return func(yield func(Block, error) bool) {
				columns := [][]uint64{{1, 2}, {3, 4}}
				out := Block{Rows: 2}
				if want == nil {
					want = []int{0, 1}
				}
				for _, i := range want {
					out.Pieces = append(out.Pieces, Piece{Kind: Nat, Len: 2, Words: columns[i]})
				}
				yield(out, nil)
			}
		}
		for try := range 6 {
			want := []int{0}
			if try >= 2 {
				want[0] = try % 2
			}
			rows := 0
			for b, err := range c.lazy.Blocks(t.Context(), want) {
				if rows += b.Rows; err != nil || len(b.Pieces) != 1 || !slices.Equal(b.Pieces[0].Words, []uint64{1 + 2*uint64(want[0]), 2 + 2*uint64(want[0])}) {
					t.Errorf("%s, try %d: %+v, %v", c.what, try, b, err)
				}
			}
			if rows != 2 {
				t.Errorf("%s, try %d: %d rows", c.what, try, rows)
			}
		}
		if parses != c.parses {
			t.Errorf("%s: parsed %d times, want %d", c.what, parses, c.parses)
		}
	}
	kept := &Table{}
	if err := errors.Join(kept.Add(ints(5, 6)), kept.Finish()); err != nil {
		t.Fatal(err)
	}
	l := &Lazy{Kept: kept}
	for b, err := range l.Blocks(t.Context(), []int{0}) {
		if err != nil || !slices.Equal(b.Pieces[0].Words, []uint64{5, 6}) {
			t.Errorf("%+v, %v", b, err)
		}
	}
}

// Blocks that are more than a group go to the file as they come, those of a large
// column in parts.
func TestGroups(t *testing.T) {
	table := &Table{Keep: -1}
	words := make([]uint64, 1<<20) // 8 MiB
	for i := range words {
		words[i] = uint64(i)
	}
	for range 2 {
		if err := table.Add(ints(words...)); err != nil {
			t.Fatal(err)
		}
	}
	if len(table.wait) != 0 || len(table.groups) != 2 || table.at != 2*(6*8+8<<20) {
		t.Errorf("%d blocks wait, %d groups of %d bytes", len(table.wait), len(table.groups), table.at)
	}
	rows := 0
	for b, err := range table.Blocks(t.Context(), []int{0}) {
		if rows += b.Rows; err != nil || !slices.Equal(b.Pieces[0].Words, words) {
			t.Fatalf("%d rows, %v", b.Rows, err)
		}
	}
	if rows != 2<<20 {
		t.Errorf("%d rows", rows)
	}
	// A column that is no longer there in later blocks is missing in them.
	var sums Summaries
	sums.Add(Block{Rows: 2, Pieces: []Piece{{Kind: Nat, Len: 2, Words: []uint64{1, 2}}, {Kind: Nat, Len: 2, Words: []uint64{1, 2}}}})
	sums.Add(Block{Rows: 3, Pieces: []Piece{{Kind: Nat, Len: 3, Words: []uint64{1, 2, 3}}}})
	if sums.Rows != 5 || sums.Columns[0].Missing != 0 || sums.Columns[1].Missing != 3 {
		t.Errorf("%+v", sums)
	}
}
