package sql

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/column"
	"github.com/tensorfile/tensorfile/convert/internal/utf8text"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// A Query is what is read of a database.
type Query struct {
	SQL  string
	Args []any
	Name string // of a matrix
	// Prefix stands in front of the names of columns.
	Prefix string
}

// blockBytes is how much memory rows take before they are given to the table.
const blockBytes = 1 << 20

// Read runs a query and adds the tensors that its rows are to l. A panic of the
// driver is an error.
func (d *Dialect) Read(ctx context.Context, l *convert.Layout, q Queryer, query Query, o *convert.ReadOptions) (err error) {
	defer d.recovered(&err)
	if o == nil {
		o = &convert.ReadOptions{}
	}
	if strings.Contains(query.SQL, "\x00") {
		return d.Bad(tensor.ErrFormat, "query", "NUL in it", "text")
	}
	rows, err := q.QueryContext(ctx, query.SQL, query.Args...)
	if err != nil {
		return d.Fail(ctx, err, "query")
	}
	defer rows.Close()
	r, err := d.reader(rows, o)
	if err != nil {
		return d.Fail(ctx, err, "query")
	}
	for rows.Next() {
		if err := r.row(rows); err != nil {
			return d.Fail(ctx, err, "row")
		}
	}
	if err := rows.Err(); err != nil {
		return d.Fail(ctx, err, "query")
	}
	if err := r.finish(ctx); err != nil {
		return err
	}
	return r.layout(ctx, l, query)
}

// reader makes a table of rows.
type reader struct {
	d       *Dialect
	o       *convert.ReadOptions
	fields  []field
	values  []any // where rows are scanned to
	build   column.Builder
	table   *column.Table
	sums    column.Summaries
	pending int // rows that the table did not get
	count   int64
	parts   []string // of an array
}

// field is a column of the result.
type field struct {
	name  string
	kind  fieldKind
	times bool // it had a time
	other bool // it had something that is no time
	shape tensor.Shape
}

// fieldKind is how values of a column are taken.
type fieldKind uint8

const (
	plain  fieldKind = iota // by what they are
	text                    // bytes are text: JSON and XML
	flag                    // whole numbers are 0 and 1: bools of SQLite
	array                   // the text of an array of numbers
	floats                  // of one of floating point
	flags                   // of one of bools
)

var kindsOf = map[string]fieldKind{
	"JSON": text, "JSONB": text, "XML": text,
	"BOOLEAN": flag, "BOOL": flag,
	"_INT2": array, "_INT4": array, "_INT8": array, "_FLOAT4": floats, "_FLOAT8": floats, "_BOOL": flags,
}

func (d *Dialect) reader(rows *sql.Rows, o *convert.ReadOptions) (*reader, error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	if len(types) == 0 {
		return nil, d.Bad(tensor.ErrUnsupported, "query", "a statement without a result", "one that has rows: SELECT")
	}
	r := &reader{d: d, o: o, table: &column.Table{}}
	for _, t := range types {
		as := strings.ToUpper(t.DatabaseTypeName())
		f := field{name: t.Name(), kind: kindsOf[as]}
		if of, ok := strings.CutPrefix(as, "_"); ok && f.kind == plain {
			return nil, d.Bad(tensor.ErrUnsupported, "column "+tensor.Quote(f.name), "an array of "+tensor.Quote(strings.ToLower(of)), "an array of numbers or bools, or a CAST to text")
		}
		r.fields = append(r.fields, f)
	}
	r.values = make([]any, 2*len(types))
	for i := range types {
		r.values[len(types)+i] = &r.values[i]
	}
	return r, nil
}

// wrong is an error about a value.
func (r *reader) wrong(kind error, c int, got, want string) error {
	return &tensor.Error{Kind: kind, Format: r.d.Format, Offset: -1, Field: fmt.Sprintf("column %s, row %d", tensor.Quote(r.fields[c].name), r.count), Got: got, Want: want}
}

// row takes the row that rows stand at.
func (r *reader) row(rows *sql.Rows) error {
	n := len(r.fields)
	if err := rows.Scan(r.values[n:]...); err != nil {
		return err
	}
	for c, v := range r.values[:n] {
		if err := r.value(c, v); err != nil {
			return err
		}
		r.values[c] = nil
	}
	r.count++
	r.pending++
	if r.build.Size() >= blockBytes || r.pending >= 1<<16 {
		return r.take()
	}
	return nil
}

// take gives the rows so far to the table.
func (r *reader) take() error {
	b := column.Block{Rows: r.pending, Pieces: r.build.Take(r.pending)}
	r.pending = 0
	r.sums.Add(b)
	return r.table.Add(b)
}

// width is how many values a row has.
func (f *field) width() int {
	n := 1
	for _, e := range f.shape {
		n *= int(e)
	}
	return n
}

// lastSecond is the last that microseconds of 64 bits reach.
const lastSecond = math.MaxInt64 / 1_000_000

func (r *reader) value(c int, v any) error {
	f := &r.fields[c]
	b := &r.build
	if v == nil {
		if r.o.Columns.Missing == convert.MissingError {
			return r.wrong(tensor.ErrUnsupported, c, "NULL", "a value")
		}
		for range f.width() {
			b.Null(c)
		}
		return nil
	}
	if t, ok := v.(time.Time); ok {
		if f.times = true; f.other {
			return r.wrong(tensor.ErrUnsupported, c, "a time behind values of other kinds", "times alone, or a CAST to text")
		}
		if s := t.Unix(); s >= lastSecond || s <= -lastSecond {
			return r.wrong(tensor.ErrOverflow, c, "the year "+strconv.Itoa(t.Year()), "a time that 64 bits hold in microseconds")
		}
		b.Int(c, t.UnixMicro())
		return nil
	}
	if f.other = true; f.times {
		return r.wrong(tensor.ErrUnsupported, c, brief(v)+" behind times", "times alone, or a CAST to text")
	}
	switch f.kind {
	case flag:
		return r.flag(c, v)
	case array, floats, flags:
		s, ok := v.(string)
		if !ok {
			return r.wrong(tensor.ErrUnsupported, c, fmt.Sprintf("%T", v), "the text of an array")
		}
		return r.array(c, s)
	}
	switch v := v.(type) {
	case int64:
		b.Int(c, v)
	case float64:
		b.Float(c, v)
	case bool:
		b.Bool(c, v)
	case string:
		return r.text(c, v)
	case []byte:
		if f.kind == text {
			return r.text(c, string(v))
		}
		if err := r.fits(c, len(v)); err != nil {
			return err
		}
		b.Blob(c, v)
	default:
		return r.wrong(tensor.ErrUnsupported, c, fmt.Sprintf("%T of the driver", v), "a number, bool, text, bytes or time")
	}
	return nil
}

// brief is a value, or the begin of a long one, for an error.
func brief(v any) string {
	switch x := v.(type) {
	case string:
		v = x[:min(len(x), 80)]
	case []byte:
		return fmt.Sprintf("%d bytes", len(x))
	}
	return tensor.Quote(fmt.Sprint(v))
}

func (r *reader) fits(c, n int) error {
	if n > MaxValue {
		return r.wrong(tensor.ErrLimit, c, strconv.Itoa(n)+" bytes", "at most "+strconv.Itoa(MaxValue))
	}
	return nil
}

func (r *reader) text(c int, s string) error {
	if err := r.fits(c, len(s)); err != nil {
		return err
	}
	if !utf8.ValidString(s) {
		if !r.o.ReplaceInvalid {
			return r.wrong(tensor.ErrFormat, c, "text that is no UTF-8", "UTF-8, a CAST to bytes, or permission to replace it")
		}
		r.build.Text(c, utf8text.AppendReplaced(nil, []byte(s)))
		return nil
	}
	r.build.Text(c, []byte(s))
	return nil
}

// flag takes a value of a column that was declared to be of bools.
func (r *reader) flag(c int, v any) error {
	switch v := v.(type) {
	case bool:
		r.build.Bool(c, v)
		return nil
	case int64:
		if v == 0 || v == 1 {
			r.build.Bool(c, v == 1)
			return nil
		}
	}
	return r.wrong(tensor.ErrUnsupported, c, brief(v)+" in a column of bools", "0 or 1, or a CAST to what it is")
}

func (r *reader) finish(ctx context.Context) error {
	if r.pending > 0 {
		if err := r.take(); err != nil {
			return err
		}
	}
	for len(r.sums.Columns) < len(r.fields) { // of nothing but NULL, or of no rows
		r.sums.Columns = append(r.sums.Columns, column.Summary{Missing: r.count})
	}
	if err := r.table.Finish(); err != nil {
		return err
	}
	return r.sums.Texts(ctx, r.table)
}

// layout adds the tensors.
func (r *reader) layout(ctx context.Context, l *convert.Layout, q Query) error {
	columns := make([]column.Column, len(r.fields))
	for c, f := range r.fields {
		s := r.sums.Columns[c]
		columns[c] = column.Column{Name: q.Prefix + f.name, Kind: s.Kind, Missing: s.Missing, Bytes: s.Bytes, Longest: s.Longest, Shape: f.shape}
	}
	table := r.table
	from := func(ctx context.Context, want []int) iter.Seq2[column.Block, error] { return table.Blocks(ctx, want) }
	o := column.Options{Rule: r.o.Columns.Missing, Format: r.d.Format, Codec: r.d.Format, Rows: r.count}
	first := len(l.Tensors)
	if r.o.Columns.Matrix == convert.Yes {
		for c := range columns {
			f := &r.fields[c]
			switch {
			case columns[c].Kind >= column.Text:
				return r.d.Bad(tensor.ErrUnsupported, "matrix", "column "+tensor.Quote(f.name)+" of "+columns[c].Kind.String(), "numbers or bools")
			case f.shape != nil:
				return r.d.Bad(tensor.ErrUnsupported, "matrix", "column "+tensor.Quote(f.name)+" of arrays", "numbers or bools")
			case f.times:
				return r.d.Bad(tensor.ErrUnsupported, "matrix", "column "+tensor.Quote(f.name)+" of times", "numbers or bools")
			}
		}
		name := q.Name
		if r.o.Name != "" {
			name = r.o.Name
		}
		if format.CheckName(name) != nil {
			name = "table"
		}
		if !mixes(columns) {
			return r.d.Bad(tensor.ErrUnsupported, "matrix", "columns of bools beside numbers", "one or the other")
		}
		return column.Matrix(l, name, columns, from, o)
	}
	notes := column.Distinct(columns, format.CheckName)
	l.Notes = append(l.Notes, notes...)
	if err := column.Layout(l, columns, from, o); err != nil {
		return err
	}
	times := map[string]bool{}
	for c, f := range r.fields {
		times[columns[c].Name] = f.times
	}
	for i := range l.Tensors[first:] {
		if t := &l.Tensors[first+i]; times[t.Name] {
			t.Attrs = convert.Attrs{"unit": "us"}
		}
	}
	return nil
}

// mixes reports whether the columns have a kind in common that is no text.
func mixes(columns []column.Column) bool {
	k := column.None
	for _, c := range columns {
		k = column.Join(k, c.Kind)
	}
	return k < column.Text
}
