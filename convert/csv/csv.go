// Package csv reads tables of comma-separated values (RFC 4180) as tensors, and
// writes them. Importing it registers the formats "csv" and "tsv", which has tabs,
// with package convert. Neither has a mark of its own: files are known by their
// extension, or read so on request.
//
// # Records
//
// A record is a line that ends with LF or CR LF; all have as many fields as the
// first one. Empty lines are left out, and so is a byte order mark. A field that
// begins with a quote ends with the next one that is not doubled, and may hold
// anything, line ends as well. A quote anywhere else, something behind a closing
// quote, and a CR that no LF follows are errors. Text is UTF-8. There are no
// comments.
//
// # Values
//
// A column is of the first of these dtypes that holds all its fields, but for
// blanks around them:
//
//	bool      true, false, True, False, TRUE, FALSE
//	i64       whole numbers, with or without a sign, but for -0
//	u64       the same from 0 to 2^64-1
//	f64       numbers with or without point and exponent, inf, infinity and nan in
//	          any case; larger numbers are infinite, other whole numbers rounded
//	strings   anything, with the blanks
//
// A field in quotes is a string, whatever it holds. Only where all fields of the
// first two records are in quotes, these say nothing.
//
// # Missing values
//
// An empty field without quotes is missing, and in columns of numbers and bools
// also NA, N/A, n/a, #N/A, <NA>, NULL, Null, null, None, none and \N. What
// becomes of them says TableOptions.Missing.
//
// # Tensors
//
// The first record is the header if none of its fields is a number or a bool and
// one is not empty. Each column is then a tensor of rank 1 by its name. Without
// a header a table of nothing but numbers, or nothing but bools, is one matrix
// that is called like the file, and other columns are column1, column2 and so on.
//
// # Cost
//
// Opening reads the file once, on all cores, to find the dtypes. If what it holds
// fits in 256 MiB it stays in memory and is not read again. Else it is parsed
// once more when elements are asked for: of the column, if one is read alone,
// and of all columns into a temporary file as soon as another one is asked for.
// Memory does not depend on the size of the file. A record has at most 64 MiB and
// 65,536 fields.
//
// # Writing
//
// Tensors of rank 1 and one length are written as columns below a header; one of
// rank 2 is written without, unless its attribute "columns" has names. Numbers are
// the shortest text that reads back as the same bits in their own dtype; floats
// have a point or an exponent, so that they come back as such. Strings are in
// quotes where they would come back as something else.
package csv

import (
	"context"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"strings"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/column"
	"github.com/tensorfile/tensorfile/convert/internal/records"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// maxFields is how many fields a record may have.
const maxFields = 1 << 16

// budget is what is kept in memory. Tests make it smaller.
var budget int64 = column.Budget

func init() {
	for _, f := range []struct{ name, ext, what string }{
		{"csv", ".csv", "comma-separated values, a tensor for each column or a matrix"},
		{"tsv", ".tsv", "the same with tabs"},
	} {
		convert.Register(convert.Format{
			Name:        f.name,
			Extensions:  []string{f.ext},
			Description: f.what,
			Strings:     true,
			Keeps:       []string{columnsAttr},
			Open: func(ctx context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
				return open(ctx, in, f.name, o)
			},
			Write: func(ctx context.Context, w io.Writer, src []convert.Source, o *convert.WriteOptions) error {
				return write(ctx, w, f.name, src, o)
			},
		})
	}
}

// columnsAttr is the attribute that has the names of a matrix' columns.
const columnsAttr = "columns"

// delimiter is that of a format, or the one that is asked for.
func delimiter(name string, asked byte) (byte, error) {
	switch c := asked; {
	case name == "tsv":
		return '\t', nil
	case c == 0:
		return ',', nil
	case c <= ' ' && c != '\t', c >= 0x7f, c >= '0' && c <= '9', c|0x20 >= 'a' && c|0x20 <= 'z', strings.IndexByte(`"+-.`, c) >= 0:
		return 0, &tensor.Error{Kind: tensor.ErrUnsupported, Format: name, Offset: -1, Field: "delimiter", Got: tensor.Quote(string(rune(c))), Want: "an ASCII character such as ; or |, no letter, digit, blank, quote or sign"}
	}
	return asked, nil
}

// file is an open file.
type file struct {
	in      convert.Input
	format  string
	delim   byte
	stops   [256]bool // what ends a field without quotes, or must not be in it
	replace bool
	rule    convert.Missing

	begin, line int64 // of the first record with values
	names       []string
	header      bool
	unquoted    bool // quotes say nothing

	rows   int64
	kinds  []column.Kind // of the values
	values column.Lazy
}

func open(ctx context.Context, in convert.Input, name string, o *convert.ReadOptions) (*convert.Layout, error) {
	if o == nil {
		o = &convert.ReadOptions{}
	}
	delim, err := delimiter(name, o.Columns.Delimiter)
	if err != nil {
		return nil, err
	}
	f := &file{in: in, format: name, delim: delim, replace: o.ReplaceInvalid, rule: o.Columns.Missing}
	for _, c := range []byte{delim, '\n', '\r', '"'} {
		f.stops[c] = true
	}
	if err := f.sniff(ctx, o.Columns.Header); err != nil {
		return nil, err
	}
	columns, err := f.first(ctx)
	if err != nil {
		return nil, err
	}
	l := &convert.Layout{Format: name}
	lo := column.Options{Rule: f.rule, Format: name, Codec: "text", Stored: in.Size(), Rows: f.rows}
	matrix, err := f.isMatrix(columns, o.Columns.Matrix)
	switch {
	case err != nil:
		return nil, err
	case matrix:
		f.values.One = true
		if o.Name == "" {
			o.Name = nameOf(in.Path())
		}
		err = column.Matrix(l, o.Name, columns, f.values.Blocks, lo)
		if err == nil && f.header {
			l.Tensors[0].Attrs = convert.Attrs{columnsAttr: names(columns)}
		}
	default:
		f.values.One = len(columns) == 1
		if !f.header {
			for i := range columns {
				columns[i].Name = "" // numbered
			}
		}
		if notes := column.Distinct(columns, format.CheckName); f.header {
			l.Notes = notes
		}
		err = column.Layout(l, columns, f.values.Blocks, lo)
	}
	return l, err
}

// nameOf is the name of a file without its extension.
func nameOf(path string) string {
	name := filepath.Base(path)
	for _, ext := range []string{".csv", ".tsv"} {
		if n := len(name) - len(ext); n > 0 && strings.EqualFold(name[n:], ext) {
			name = name[:n]
		}
	}
	if format.CheckName(name) != nil {
		return "table"
	}
	return name
}

func names(columns []column.Column) []any {
	list := make([]any, len(columns))
	for i := range columns {
		list[i] = columns[i].Name
	}
	return list
}

// isMatrix decides whether a table is one tensor.
func (f *file) isMatrix(columns []column.Column, asked convert.Choice) (bool, error) {
	if asked == convert.No || asked == convert.Auto && f.header {
		return false, nil
	}
	first := -1
	for i, c := range columns {
		switch {
		case c.Kind == column.None:
		case c.Kind != column.Text && (first < 0 || c.Kind.Number() == columns[first].Kind.Number()):
			first = i
		case asked == convert.Yes:
			got := fmt.Sprintf("%v in column %d", c.Kind, i+1)
			if c.Kind != column.Text {
				got = fmt.Sprintf("%v in column %d and %v in column %d", columns[first].Kind, first+1, c.Kind, i+1)
			}
			return false, &tensor.Error{Kind: tensor.ErrDType, Format: f.format, Offset: -1, Field: "matrix", Got: got, Want: "numbers in all columns, or bools in all"}
		default:
			return false, nil
		}
	}
	return true, nil
}

// wrong is an error about what stands at an offset of the file, in a column or,
// if that is negative, a record.
func (f *file) wrong(kind error, offset, line int64, c int, got, want string) *tensor.Error {
	field := fmt.Sprintf("line %d", line)
	if c >= 0 {
		field += fmt.Sprintf(", column %d", c+1)
		if c < len(f.names) && f.header && f.names[c] != "" {
			field += " (" + tensor.Quote(f.names[c]) + ")"
		}
	}
	return &tensor.Error{Kind: kind, Path: f.in.Path(), Format: f.format, Offset: offset, Field: field, Got: got, Want: want}
}

// first reads the file for the first time: it finds the kinds of the columns and
// keeps their values if there is room.
func (f *file) first(ctx context.Context) ([]column.Column, error) {
	n := len(f.names)
	hints := newHints(n)
	sums := make([]summary, n)
	kept := &column.Table{Keep: budget}
	missing := map[int]*tensor.Error{} // the first word that stands for a missing value
	err := records.Scan(ctx, f.in, f.begin, f.line, f.cut, func(b *records.Block) (*result, error) {
		return f.parse(b, hints, nil)
	}, func(r *result) error {
		f.rows += int64(r.Rows)
		for c := range sums {
			sums[c].add(&r.sums[c])
		}
		for c, err := range r.missing {
			if missing[c] == nil {
				missing[c] = err
			}
		}
		if kept != nil && kept.Kept()+r.Size() > budget {
			kept = nil
		}
		if kept == nil {
			return nil
		}
		return kept.Add(r.Block)
	})
	if err != nil {
		return nil, err
	}
	columns := make([]column.Column, n)
	f.kinds = make([]column.Kind, n)
	for c, s := range sums {
		f.kinds[c] = s.kind
		columns[c] = column.Column{Name: f.names[c], Kind: s.kind, Missing: s.missing}
		if s.kind == column.Text {
			columns[c].Missing, columns[c].Bytes = s.empty, s.text
			if s.others { // of which the text is needed
				kept = nil
			}
		} else if err := missing[c]; err != nil {
			return nil, err
		}
	}
	f.values = column.Lazy{Kept: kept, Keep: budget / 4, Parse: f.parsed}
	return columns, nil
}

// parsed gives the values of columns, nil for all, as they are parsed.
func (f *file) parsed(ctx context.Context, want []int) iter.Seq2[column.Block, error] {
	return func(yield func(column.Block, error) bool) {
		hints := newHints(len(f.kinds))
		hints.merge(f.kinds)
		err := records.Scan(ctx, f.in, f.begin, f.line, f.cut, func(b *records.Block) (*result, error) {
			return f.parse(b, hints, want)
		}, func(r *result) error {
			if !yield(r.Block, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && err != errStop {
			yield(column.Block{}, err)
		}
	}
}
