package column

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// ints is a block of a column of numbers.
func ints(list ...uint64) Block {
	return Block{Rows: len(list), Pieces: []Piece{{Kind: Int, Len: len(list), Words: list}}}
}

// The rows of a table, in memory and in a file, come until the context is called
// off, or the reader has enough.
func TestBlocksEnd(t *testing.T) {
	for _, keep := range []int64{1 << 20, -1} {
		table := &Table{Keep: keep}
		for i := range uint64(3) {
			if err := errors.Join(table.Add(ints(i, i+10)), table.flush()); err != nil {
				t.Fatal(err)
			}
		}
		if err := table.Finish(); err != nil {
			t.Fatal(err)
		}
		if (table.at > 0) != (keep < 0) {
			t.Errorf("keep %d: %d bytes in the file", keep, table.at)
		}
		var got []uint64
		for b, err := range table.Blocks(t.Context(), []int{0}) {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, b.Pieces[0].Words...); len(got) == 4 {
				break
			}
		}
		if !slices.Equal(got, []uint64{0, 10, 1, 11}) {
			t.Errorf("keep %d: %v", keep, got)
		}
		stop, cancel := context.WithCancel(t.Context())
		defer cancel()
		n, last := 0, error(nil)
		for _, err := range table.Blocks(stop, []int{0}) {
			n, last = n+1, err
			cancel()
		}
		if n != 2 || !errors.Is(last, context.Canceled) {
			t.Errorf("keep %d: called off after %d blocks: %v", keep, n, last)
		}
		if keep > 0 {
			continue
		}
		table.file.Close()
		for _, err := range table.Blocks(t.Context(), []int{0}) {
			var e *tensor.Error
			if !errors.Is(err, os.ErrClosed) || !errors.As(err, &e) || e.Field != "temporary file" || e.Offset != 0 {
				t.Errorf("a file that cannot be read: %v", err)
			}
		}
		var e *tensor.Error
		if err := errors.Join(table.Add(ints(7)), table.flush()); !errors.Is(err, os.ErrClosed) || !errors.As(err, &e) || e.Field != "temporary file" {
			t.Errorf("a file that cannot be written: %v", err)
		}
	}
	if runtime.GOOS == "windows" {
		return
	}
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("TMPDIR", none)
	table := &Table{Keep: -1}
	var e *tensor.Error
	if err := errors.Join(table.Add(ints(1)), table.flush()); !errors.Is(err, os.ErrNotExist) || !errors.As(err, &e) || e.Path != none || e.Field != "temporary file" {
		t.Errorf("no folder for temporary files: %v", err)
	}
}

// What fails while a table is parsed anew, or put into a file, is the error of the
// read.
func TestLazyFails(t *testing.T) {
	broken := errors.New("broken")
	parse := func(at int) func(context.Context, []int) iter.Seq2[Block, error] {
		return func(context.Context, []int) iter.Seq2[Block, error] {
			return func(yield func(Block, error) bool) {
				for range at {
					if !yield(ints(1, 2), nil) {
						return
					}
				}
				yield(Block{}, broken)
			}
		}
	}
	for _, keep := range []int64{0, -1} {
		l := &Lazy{Parse: parse(2), Keep: keep}
		for try := range 4 {
			rows, last := 0, error(nil)
			for b, err := range l.Blocks(t.Context(), []int{0}) {
				rows, last = rows+b.Rows, err
			}
			// Twice it is parsed for the reader; then a table is made, which fails
			// before it gives a row.
			if want := 4; last != broken || try < 2 && rows != want || try >= 2 && rows != 0 {
				t.Errorf("keep %d, try %d: %d rows, %v", keep, try, rows, last)
			}
		}
	}
	if runtime.GOOS != "windows" {
		t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
		l := &Lazy{Keep: -1, times: 2, Parse: func(context.Context, []int) iter.Seq2[Block, error] {
			return func(yield func(Block, error) bool) { yield(ints(1), nil) }
		}}
		for _, err := range l.Blocks(t.Context(), []int{0}) {
			if !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%v", err)
			}
		}
	}
}

// A matrix is of numbers or bools; a column of no rows has strings all the same.
func TestLayoutsAtTheirEnds(t *testing.T) {
	l := &convert.Layout{}
	if err := Matrix(l, "m", []Column{{Name: "x", Kind: Int}, {Name: "y", Kind: Text}}, nil, Options{Rows: 1}); err == nil || len(l.Tensors) != 0 {
		t.Errorf("%v, %d tensors", err, len(l.Tensors))
	}
	for what, add := range map[string]func(rows int64) error{
		"matrix": func(rows int64) error { return Matrix(l, "m", []Column{{Kind: Float}}, nil, Options{Rows: rows}) },
		"column": func(rows int64) error { return Layout(l, []Column{{Kind: Float}}, nil, Options{Rows: rows}) },
		"rows": func(rows int64) error {
			return Layout(l, []Column{{Kind: Float, Shape: tensor.Shape{4}}}, nil, Options{Rows: rows})
		},
	} {
		if err := add(1 << 62); !errors.Is(err, tensor.ErrOverflow) {
			t.Errorf("%s of 2^62 rows: %v", what, err)
		}
	}
	l = &convert.Layout{Format: "test"}
	none := func(context.Context, []int) iter.Seq2[Block, error] { return func(func(Block, error) bool) {} }
	if err := Layout(l, []Column{{Name: "s", Kind: Text}, {Name: "long", Kind: Text, Bytes: 1 << 31}}, none, Options{Format: "test", Codec: "text"}); err != nil {
		t.Fatal(err)
	}
	f, err := tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader(nil), 0, "test"), l, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := said(t, f, "s"); len(got) != 0 {
		t.Errorf("%q", got)
	}
	if d := l.Tensors[1].Parts[0].DType; d != tensor.I64 {
		t.Errorf("offsets of 2 GiB are %v", d)
	}
}

// sourceOf opens a layout and gives its one tensor to a writer of tables.
func sourceOf(t *testing.T, l *convert.Layout) []convert.Source {
	t.Helper()
	f, err := tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader(nil), 0, "test"), l, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	x, err := f.Tensor("x")
	if err != nil {
		t.Fatal(err)
	}
	return []convert.Source{{Tensor: x, As: "col"}}
}

// stored is a storage of bytes.
func stored(b []byte) convert.LayoutStorage {
	return convert.LayoutStorage{Size: int64(len(b)), StoredSize: 1, Codec: "x", Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b)), nil
	}}
}

// texts is a layout of strings with these offsets, as index, of so many bytes.
func texts(index tensor.DType, size int, offsets ...uint64) *convert.Layout {
	var b []byte
	for _, x := range offsets {
		b = append(b, binary.LittleEndian.AppendUint64(nil, x)[:index.UnitBytes]...)
	}
	n := int64(len(offsets))
	return &convert.Layout{Format: "test", Storages: []convert.LayoutStorage{stored(b), stored(bytes.Repeat([]byte("x"), size))},
		Tensors: []convert.LayoutTensor{{Name: "x", Shape: tensor.Shape{n - 1}, Layout: format.LayoutString, Sound: true, Parts: []convert.LayoutTensor{
			{Name: format.RoleOffsets, DType: index, Shape: tensor.Shape{n}},
			{Name: format.RoleBytes, Storage: 1, DType: tensor.U8, Shape: tensor.Shape{int64(size)}},
		}}}}
}

// What a writer of tables cannot take is refused before an element is read, or
// where the offsets of strings turn out to be wrong.
func TestReaderRefuses(t *testing.T) {
	dense := func(d tensor.DType, shape ...int64) *convert.Layout {
		size, err := tensor.ByteSize(d, shape)
		if err != nil {
			t.Fatal(err)
		}
		return &convert.Layout{Format: "test", Storages: []convert.LayoutStorage{stored(make([]byte, size))}, Tensors: []convert.LayoutTensor{{Name: "x", DType: d, Shape: shape}}}
	}
	for _, c := range []struct {
		l          *convert.Layout
		field, got string
	}{
		{dense(tensor.I4, 4), "dtype", "i4"},
		{dense(tensor.C64, 4), "dtype", "c64"},
		{dense(tensor.Opaque(3), 4), "dtype", "V3"},
		{dense(tensor.U8, 1, 1<<24+1), "elements of a row", "16777217"},
	} {
		_, err := NewReader("csv", sourceOf(t, c.l))
		var e *tensor.Error
		if !errors.Is(err, tensor.ErrUnsupported) || !errors.As(err, &e) || e.Format != "csv" || e.Tensor != "col" || e.Field != c.field || e.Got != c.got {
			t.Errorf("%v, want field %s, got %s", err, c.field, c.got)
		}
	}
	for _, c := range []struct {
		l          *convert.Layout
		kind       error
		field, got string
	}{
		{texts(tensor.I32, 5, 0, 2, 5), nil, "", ""},
		{texts(tensor.U64, 5, 1, 2, 5), tensor.ErrCorrupt, "string 0", "offset 1"},
		{texts(tensor.I16, 5, 0, 3, 2, 5), tensor.ErrCorrupt, "string 1", "offsets 3, 2"},
		{texts(tensor.U8, 5, 0, 6), tensor.ErrCorrupt, "string 0", "offsets 0, 6"},
		{texts(tensor.I8, 5, 0, 255), tensor.ErrCorrupt, "string 0", "offsets 0, -1"},
	} {
		r, err := NewReader("csv", sourceOf(t, c.l))
		if err != nil {
			t.Fatal(err)
		}
		var read []string
		var last error
		for b, err := range r.Blocks(t.Context()) {
			if last = err; err != nil {
				break
			}
			for i := range b.Rows {
				read = append(read, string(b.Pieces[0].Value(i)))
			}
		}
		var e *tensor.Error
		switch {
		case c.kind == nil:
			if last != nil || strings.Join(read, ",") != "xx,xxx" {
				t.Errorf("%q, %v", read, last)
			}
		case !errors.Is(last, c.kind) || !errors.As(last, &e) || e.Tensor != "col" || e.Field != c.field || e.Got != c.got || e.Rule != format.RuleLayoutPointer:
			t.Errorf("%v, want field %s, got %s", last, c.field, c.got)
		}
	}
	// A reader that has enough ends what feeds it.
	r, err := NewReader("csv", sourceOf(t, dense(tensor.F32, 1<<20)))
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	for _, err := range r.Blocks(t.Context()) {
		if blocks++; err != nil {
			t.Fatal(err)
		}
		break
	}
	if blocks != 1 {
		t.Errorf("%d blocks", blocks)
	}
}

// Values of bytes are text as they are; numbers become floats by their sign.
func TestConvertPieces(t *testing.T) {
	p := Piece{Kind: Float, Len: 1, Words: []uint64{0x3ff8000000000000}}
	if got := p.number(0); got != 1.5 {
		t.Errorf("%v", got)
	}
	p = Piece{Kind: Blob, Len: 2, Bytes: []byte("abc"), Ends: []uint32{1, 3}}
	if got := string(p.appendText([]byte("-"), 1)); got != "-bc" {
		t.Errorf("%q", got)
	}
	p.Kind = Text
	p.Convert(Blob)
	if p.Kind != Blob || string(p.Value(0)) != "a" {
		t.Errorf("%+v", p)
	}
}
