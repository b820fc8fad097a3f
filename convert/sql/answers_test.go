package sql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/tensor"
)

// rowSet is a database whose one rowSet has these columns and rows.
type rowSet struct {
	types []string
	rows  [][]driver.Value
	err   error // behind them
	at    int
}

func (a *rowSet) Connect(context.Context) (driver.Conn, error) { return a, nil }
func (a *rowSet) Driver() driver.Driver                        { return nil }
func (a *rowSet) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (a *rowSet) Close() error                                 { return nil }
func (a *rowSet) Begin() (driver.Tx, error)                    { return nil, driver.ErrSkip }

func (a *rowSet) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return a, nil
}

func (a *rowSet) Columns() []string {
	names := make([]string, len(a.types))
	for i := range names {
		names[i] = string(rune('a' + i))
	}
	return names
}
func (a *rowSet) ColumnTypeDatabaseTypeName(i int) string { return a.types[i] }

func (a *rowSet) Next(dst []driver.Value) error {
	if a.at == len(a.rows) {
		if a.err == errPanics {
			panic("index out of range")
		}
		if a.err != nil {
			return a.err
		}
		return io.EOF
	}
	copy(dst, a.rows[a.at])
	a.at++
	return nil
}

// errPanics makes the driver panic.
var errPanics = errors.New("a panic")

// one is a column of one type and its values.
func one(name string, values ...driver.Value) *rowSet {
	a := &rowSet{types: []string{name}}
	for _, v := range values {
		a.rows = append(a.rows, []driver.Value{v})
	}
	return a
}

// What the answers of a driver become, and what is said of those that become
// nothing: which column and row it is.
func TestAnswers(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	matrix := func(o *convert.ReadOptions) { o.Columns.Matrix = convert.Yes }
	broken := errors.New("the connection broke")
	for _, c := range []struct {
		what   string
		a      *rowSet
		change func(o *convert.ReadOptions)
		want   string // of the elements; "": an error
		kind   error
		field  string
		got    string
	}{
		{what: "bools of the driver", a: one("", true, false, true), want: "bool(3,) [ True False  True]"},
		{what: "text replaced", a: one("TEXT", "a\xffb"), change: func(o *convert.ReadOptions) { o.ReplaceInvalid = true }, want: "[a\ufffdb]"},
		{what: "text that is none", a: one("TEXT", "ok", "a\xffb"), kind: tensor.ErrFormat, field: `column "a", row 1`, got: "text that is no UTF-8"},
		{what: "arrays of bools", a: one("_BOOL", "{t,f}", "{f,f}"), want: "bool(2, 2) [[ True False]\n [False False]]"},
		{what: "arrays with NULL in it", a: one("_INT4", "{1,NULL}", nil), want: "f64(2, 2) [[ 1. nan]\n [nan nan]]"},
		{what: "NULL in an array", a: one("_INT4", "{1,2}", "{1,NULL}"), change: func(o *convert.ReadOptions) { o.Columns.Missing = convert.MissingError }, kind: tensor.ErrUnsupported, field: `column "a", row 1`, got: "NULL in an array"},
		{what: "a bool of an array", a: one("_BOOL", "{t,yes}"), kind: tensor.ErrFormat, field: `column "a", row 0`, got: `"yes"`},
		{what: "a number of an array", a: one("_INT4", "{1,1.5}"), kind: tensor.ErrFormat, field: `column "a", row 0`, got: `"1.5"`},
		{what: "a float of an array", a: one("_FLOAT8", "{1,x}"), kind: tensor.ErrFormat, field: `column "a", row 0`, got: `"x"`},
		{what: "no array", a: one("_INT4", "{1"), kind: tensor.ErrFormat},
		{what: "another shape", a: one("_INT4", "{1,2}", "{1}"), kind: tensor.ErrShape, field: `column "a", row 1`, got: "an array of shape (1,)"},
		{what: "a number for an array", a: one("_INT4", int64(7)), kind: tensor.ErrUnsupported, field: `column "a", row 0`, got: "int64"},
		{what: "arrays of text", a: one("_TEXT", "{a}"), kind: tensor.ErrUnsupported, field: `column "a"`, got: `an array of "text"`},
		{what: "2 for a bool", a: one("BOOLEAN", int64(1), int64(2)), kind: tensor.ErrUnsupported, field: `column "a", row 1`, got: `"2" in a column of bools`},
		{what: "text behind times", a: one("", now, "never"), kind: tensor.ErrUnsupported, field: `column "a", row 1`, got: `"never" behind times`},
		{what: "a value of no kind", a: one("", int8(3)), kind: tensor.ErrUnsupported, field: `column "a", row 0`, got: "int8 of the driver"},
		{what: "no result", a: &rowSet{}, kind: tensor.ErrUnsupported, field: "query", got: "a statement without a result"},
		{what: "broken", a: &rowSet{types: []string{""}, rows: [][]driver.Value{{int64(1)}}, err: broken}, kind: broken},
		{what: "a driver that panics", a: &rowSet{types: []string{""}, err: errPanics}, kind: tensor.ErrCorrupt, field: "database", got: `"what makes the driver panic: index out of range"`},
		{what: "a matrix", a: &rowSet{types: []string{"", ""}, rows: [][]driver.Value{{int64(1), 2.5}, {int64(3), nil}}}, change: matrix, want: "f64(2, 2) [[1.  2.5]\n [3.  nan]]"},
		{what: "a matrix of times", a: one("", now), change: matrix, kind: tensor.ErrUnsupported, field: "matrix", got: `column "a" of times`},
		{what: "a matrix of arrays", a: one("_INT4", "{1,2}"), change: matrix, kind: tensor.ErrUnsupported, field: "matrix", got: `column "a" of arrays`},
		{what: "a matrix of text", a: one("", "x"), change: matrix, kind: tensor.ErrUnsupported, field: "matrix", got: `column "a" of text`},
		{what: "a matrix of bools and numbers", a: &rowSet{types: []string{"", ""}, rows: [][]driver.Value{{true, int64(2)}}}, change: matrix, kind: tensor.ErrUnsupported, field: "matrix", got: "columns of bools beside numbers"},
	} {
		t.Run(c.what, func(t *testing.T) {
			db := sql.OpenDB(c.a)
			defer db.Close()
			o := &convert.ReadOptions{}
			if c.change != nil {
				c.change(o)
			}
			f, err := Read(t.Context(), db, "SELECT", o)
			var e *tensor.Error
			switch {
			case c.want == "" && err == nil:
				f.Close()
				t.Fatal("taken")
			case c.want == "":
				if !errors.Is(err, c.kind) || !errors.As(err, &e) || c.field != "" && e.Field != c.field || c.got != "" && e.Got != c.got {
					t.Fatalf("%v, want %v, field %s, got %s", err, c.kind, c.field, c.got)
				}
				return
			case err != nil:
				t.Fatal(err)
			}
			defer f.Close()
			for x, err := range f.Tensors() {
				if err != nil {
					t.Fatal(err)
				}
				got := ""
				if _, _, composite := x.Composite(); composite {
					s, err := x.Strings(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					list, err := s.List(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					got = fmt.Sprint(list)
				} else {
					v, err := x.Read(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					got = fmt.Sprintf("%v%v %v", x.DType(), x.Shape(), v)
				}
				if got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
			}
		})
	}
}

// A value that is too long, a driver that panics, and a long list of tables.
func TestLimitsOfAnswers(t *testing.T) {
	d := &Dialect{Format: "sql"}
	r := &reader{d: d, o: &convert.ReadOptions{}, fields: []field{{name: "long"}}, count: 4}
	for what, err := range map[string]error{"bytes": r.fits(0, MaxValue+1), "no bytes": nil} {
		var e *tensor.Error
		if (what == "bytes") != errors.Is(err, tensor.ErrLimit) || err != nil && (!errors.As(err, &e) || e.Field != `column "long", row 4`) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := r.fits(0, MaxValue); err != nil {
		t.Error(err)
	}
	var names []string
	for i := range 30 {
		names = append(names, fmt.Sprint("t", i))
	}
	if err := NoTable(d, "x", names); !errors.Is(err, tensor.ErrNotFound) || !strings.Contains(err.Error(), " and ") || !strings.Contains(err.Error(), " more") {
		t.Errorf("%v", err)
	}
}
