// Package jsonl reads JSON lines as tensors, and writes them. Importing it
// registers the format "jsonl" with package convert. It has no mark of its own:
// files are known by the extensions .jsonl and .ndjson, or read so on request.
//
// # Lines
//
// Each line is a JSON value (RFC 8259); lines of nothing but blanks are left out,
// and so is a byte order mark. The first one decides: if it is an object, all are,
// and each key is a tensor of a value for each line; else all are arrays or
// scalars, which are the elements of one tensor that is called like the file.
//
// Values of a tensor are all of one shape, scalars or arrays nested in any way,
// and all numbers, all bools or all strings. Objects inside of values, a key twice
// in an object, and anything that is no JSON but NaN, Infinity and -Infinity, as
// Python writes them, are errors. Text is UTF-8; an escaped surrogate without its
// partner is an error.
//
// Numbers are i64 where all are whole, without a point and an exponent; u64 with
// one from 2^63 to 2^64-1 and none below zero; else f64. -0 makes f64. Numbers
// beyond f64 are infinite, whole ones beyond u64 are rounded.
//
// # Missing values
//
// A key that a line lacks, null as a value and null as an element are missing.
// What becomes of them says TableOptions.Missing.
//
// # Cost
//
// As of package csv: opening reads the file once, on all cores; values stay in
// memory if they take no more than 256 MiB, and are parsed again if not. A line
// has at most 64 MiB; at most 65,536 keys are read. Tensors may take 64 times as
// many bytes as the file, or 16 MiB if that is more.
//
// # Writing
//
// One tensor is written with a line for each index of axis 0, an array or a
// scalar; several that have as many rows as objects with a key for each. Floats
// are the shortest text that reads back as the same bits in their own dtype, with
// a point or an exponent; NaN and infinities as Python writes them.
package jsonl

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/column"
	"github.com/tensorfile/tensorfile/convert/internal/records"
	"github.com/tensorfile/tensorfile/convert/internal/utf8text"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

const formatName = "jsonl"

const (
	maxKeys = 1 << 16
	// Tensors may be so many times as large as the file, or of leastLimit bytes:
	// keys that lines lack cost no text.
	maxRatio   = 64
	leastLimit = 16 << 20
)

// budget is what is kept in memory. Tests make it smaller.
var budget int64 = column.Budget

var extensions = []string{".jsonl", ".ndjson"}

func init() {
	convert.Register(convert.Format{
		Name:        formatName,
		Extensions:  extensions,
		Description: "JSON lines: a tensor of arrays, or one for each key of objects",
		Strings:     true,
		Open:        open,
		Write:       write,
	})
}

// file is an open file.
type file struct {
	in      convert.Input
	replace bool
	rule    convert.Missing

	begin   int64
	objects bool
	columns []found
	index   map[string]int // of columns
	rows    int64
}

// found is what is known of a column.
type found struct {
	name  string
	class class
	dims  tensor.Shape // of a value
	known bool         // dims are
	kind  column.Kind
	lacks int64
	bytes int64
}

func (c *found) width() int64 {
	n := int64(1)
	for _, e := range c.dims {
		n *= e
	}
	return n
}

func open(ctx context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	if o == nil {
		o = &convert.ReadOptions{}
	}
	f := &file{in: in, replace: o.ReplaceInvalid, rule: o.Columns.Missing, index: map[string]int{}}
	if err := f.sniff(); err != nil {
		return nil, err
	}
	kept, err := f.first(ctx)
	if err != nil {
		return nil, err
	}
	columns := make([]column.Column, len(f.columns))
	for i, c := range f.columns {
		shape := c.dims
		if len(shape) == 0 {
			shape = nil
		}
		columns[i] = column.Column{Name: c.name, Kind: c.kind, Missing: c.lacks, Bytes: c.bytes, Shape: shape}
	}
	l := &convert.Layout{Format: formatName}
	if f.objects {
		l.Notes = column.Distinct(columns, format.CheckName)
	} else if columns[0].Name = o.Name; o.Name == "" {
		columns[0].Name = nameOf(in.Path())
	}
	values := &column.Lazy{Kept: kept, One: len(columns) == 1, Keep: budget / 4, Parse: f.parsed}
	err = column.Layout(l, columns, values.Blocks, column.Options{Rule: f.rule, Format: formatName, Codec: "text", Stored: in.Size(), Rows: f.rows})
	return l, err
}

// nameOf is the name of a file without its extension.
func nameOf(path string) string {
	name := filepath.Base(path)
	for _, ext := range extensions {
		if n := len(name) - len(ext); n > 0 && strings.EqualFold(name[n:], ext) {
			name = name[:n]
		}
	}
	if format.CheckName(name) != nil {
		return "values"
	}
	return name
}

func (f *file) wrong(kind error, offset, line int64, what, got, want string) *tensor.Error {
	field := fmt.Sprintf("line %d", line)
	if what != "" {
		field += ", " + what
	}
	return &tensor.Error{Kind: kind, Path: f.in.Path(), Format: formatName, Offset: offset, Field: field, Got: got, Want: want}
}

// sniff looks at the first character.
func (f *file) sniff() error {
	size := f.in.Size()
	b := make([]byte, min(size, 64<<10))
	line := int64(1)
	for at := int64(0); at < size; {
		n := min(size-at, int64(len(b)))
		if m, err := f.in.ReadAt(b[:n], at); int64(m) < n {
			return err
		}
		text := b[:n]
		if at == 0 {
			if name := utf8text.Foreign(text); name != "" {
				return f.wrong(tensor.ErrUnsupported, 0, 1, "", name, "UTF-8")
			}
			if bytes.HasPrefix(text, []byte(utf8text.Mark)) {
				f.begin = int64(len(utf8text.Mark))
			}
		}
		for i, c := range text {
			switch {
			case c == '\n':
				line++
			case blank(c) || at == 0 && int64(i) < f.begin:
			default:
				f.objects = c == '{'
				return nil
			}
		}
		at += n
	}
	return f.wrong(tensor.ErrFormat, 0, 1, "", "nothing", "a line with a value")
}

// first reads the file for the first time, and returns its values if there is
// room for them.
func (f *file) first(ctx context.Context) (*column.Table, error) {
	kept := &column.Table{Keep: budget}
	var sums column.Summaries
	err := f.scan(ctx, nil, func(p *parser) error {
		at, err := f.merge(p)
		if err != nil {
			return err
		}
		for _, b := range p.blocks {
			b = placed(b, at, len(f.columns))
			if f.rule == convert.MissingError {
				if err := f.whole(b, p.lines, sums.Rows > 0, len(sums.Columns)); err != nil {
					return err
				}
				p.lines = p.lines[b.Rows:]
			}
			sums.Add(b)
			if err := f.room(sums.Rows); err != nil {
				return err
			}
			if kept != nil && kept.Kept()+b.Size() > budget {
				kept = nil
			}
			if kept != nil {
				if err := kept.Add(b); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	f.rows = sums.Rows
	for i, s := range sums.Columns {
		f.columns[i].kind, f.columns[i].lacks, f.columns[i].bytes = s.Kind, s.Missing, s.Bytes
	}
	return kept, nil
}

// merge compares what is known of the columns of a block with what was known
// before, and returns where they belong.
func (f *file) merge(p *parser) ([]int, error) {
	at := make([]int, len(p.columns))
	for i := range p.columns {
		c := &p.columns[i]
		k, ok := f.index[c.name]
		if !ok {
			k = len(f.columns)
			if k == maxKeys {
				return nil, f.wrong(tensor.ErrLimit, c.offset, c.line, "key "+tensor.Quote(c.name), fmt.Sprintf("more than %d keys", maxKeys), "fewer")
			}
			f.index[c.name] = k
			f.columns = append(f.columns, found{name: c.name})
		}
		was := &f.columns[k]
		switch {
		case c.class != unknown && was.class != unknown && c.class != was.class:
			return nil, f.wrong(tensor.ErrDType, c.offset, c.line, c.what(), c.class.String(), was.class.String()+", as in the lines before")
		case c.known() && was.known && !slices.Equal(c.dims, was.dims):
			return nil, f.wrong(tensor.ErrShape, c.offset, c.line, c.what(), c.dims.String(), was.dims.String()+", the shape in the lines before")
		}
		was.class = max(was.class, c.class)
		if c.known() && !was.known {
			was.known, was.dims = true, c.dims
		}
		at[i] = k
	}
	return at, nil
}

// room reports an error if the values of so many rows are too many for the file.
func (f *file) room(rows int64) error {
	width := float64(0)
	for i := range f.columns {
		width += float64(f.columns[i].width())
	}
	return f.limit(8*width*float64(rows), f.in.Size())
}

// limit reports an error if n bytes of values, with those that are missing, are
// too many for a text.
func (f *file) limit(n float64, text int64) error {
	if limit := max(leastLimit, maxRatio*float64(text)); n > limit {
		return &tensor.Error{Kind: tensor.ErrLimit, Path: f.in.Path(), Format: formatName, Offset: -1, Field: "values, with those that lines lack", Got: fmt.Sprintf("%.0f bytes", n), Want: fmt.Sprintf("at most %.0f", limit)}
	}
	return nil
}

// whole reports an error if a key is missing in a row of a block, or one that is
// new in those before. The rows are in these lines.
func (f *file) whole(b column.Block, lines []int64, before bool, columns int) error {
	for c, p := range b.Pieces {
		row := bytes.IndexByte(p.Valid, 0)
		width := max(int(f.columns[c].width()), 1)
		switch {
		case before && c >= columns:
			row = 0
		case p.Len == 0 && f.columns[c].width() > 0:
			row = 0
		case row < 0:
			continue
		}
		return f.wrong(tensor.ErrUnsupported, -1, lines[row/width], "key "+tensor.Quote(f.columns[c].name), "not there, or not in the lines before", "the same keys in every line")
	}
	return nil
}

// placed is a block with its pieces where their columns are.
func placed(b column.Block, at []int, n int) column.Block {
	out := column.Block{Rows: b.Rows, Pieces: make([]column.Piece, n)}
	for i, p := range b.Pieces {
		out.Pieces[at[i]] = p
	}
	return out
}

// parsed gives the values of columns, nil for all, as they are parsed.
func (f *file) parsed(ctx context.Context, want []int) iter.Seq2[column.Block, error] {
	return func(yield func(column.Block, error) bool) {
		place := make(map[string]int, len(f.columns)) // in the blocks
		n := len(f.columns)
		if want != nil {
			n = len(want)
			for i, c := range want {
				place[f.columns[c].name] = i
			}
		} else {
			place = f.index
		}
		err := f.scan(ctx, place, func(p *parser) error {
			at := make([]int, len(p.columns))
			for i := range p.columns {
				at[i] = place[p.columns[i].name]
			}
			for _, b := range p.blocks {
				if !yield(placed(b, at, n), nil) {
					return errStop
				}
			}
			return nil
		})
		if err != nil && err != errStop {
			yield(column.Block{}, err)
		}
	}
}

// scan parses the file. Of objects only the keys of place are read, all if it is
// nil.
func (f *file) scan(ctx context.Context, place map[string]int, each func(p *parser) error) error {
	return records.Scan(ctx, f.in, f.begin, 1, func(b []byte) int { return bytes.LastIndexByte(b, '\n') + 1 }, func(b *records.Block) (*parser, error) {
		p := &parser{f: f, block: b, b: b.Text, only: place, index: map[string]int{}}
		return p, p.run()
	}, each)
}

// blank is white space inside of a line.
func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

// maxCells bounds the values of a block, with those that are missing.
const maxCells = 4 << 20

// maxRank is that of a value.
const maxRank = tensor.MaxRank - 1
