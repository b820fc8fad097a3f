// Package sql reads the results of queries as tensors and writes tensors into
// tables, through database/sql. It links no driver and registers no format:
// packages sqlite and postgres below it do, and any other driver works with Read
// and Insert.
//
//	db, err := sql.Open("mysql", dsn)
//	f, err := tensorsql.Read(ctx, db, "SELECT x, y FROM points", nil)
//
// # Reading
//
// The rows are read once and in order, in bounded memory: what is more goes to a
// temporary file (in the directory that os.TempDir names). Read returns when all
// have been read, and needs the database no longer.
//
// Each column is a tensor of rank 1, called like the column; with
// TableOptions.Matrix all are one of rank 2. Of its values a column gets its dtype:
//
//	whole numbers               i64
//	floating point              f64, as are columns that have both
//	bool                        bool
//	text                        strings
//	bytes                       ragged rows of u8
//	dates and times             i64, microseconds since 1970-01-01 UTC, attribute unit "us"
//	decimals                    strings, with all their digits
//	PostgreSQL's arrays         numbers or bools of rank 2 and more
//
// Text beside numbers makes strings of the column, text beside bytes rows of bytes.
// A date has the time 0:00, a time without a zone counts as UTC, and what is finer
// than a microsecond is cut off. Times stand beside times alone. The arrays of a
// column all have one shape. CAST in the query gives a column another type.
//
// NULL is a missing value by the rule that TableOptions.Missing chooses, as in CSV:
// NaN in columns of numbers and bools, which are f64 then, and the empty string; or
// a tensor NAME.valid beside the column; or an error. A column with nothing else is
// f64.
//
// A value has at most 256 MiB.
//
// # Writing
//
// Insert makes a table and a column of each tensor of rank 1, or of each column of
// one tensor of rank 2, with the types that the Dialect gives: integers, bools,
// floating point, strings, and ragged rows of u8 as bytes. Numbers are 64 bits wide;
// u64 above 2^63-1 is refused. NaN is NULL where the database has no NaN. Columns
// of a matrix are called c0, c1 and so on. Names are quoted and may be anything
// without NUL.
package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// MaxValue is how many bytes a value may have.
const MaxValue = 256 << 20

// A Queryer is a *sql.DB, *sql.Conn or *sql.Tx.
type Queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Read runs a query and makes a file of the tensors that its rows are. Of the
// options Columns, Name and ReplaceInvalid count; o may be nil. The caller closes
// the File.
func Read(ctx context.Context, q Queryer, query string, o *convert.ReadOptions, args ...any) (*tensorfile.File, error) {
	l := &convert.Layout{Format: "sql"}
	if err := (&Dialect{Format: "sql"}).Read(ctx, l, q, Query{SQL: query, Args: args, Name: "query"}, o); err != nil {
		return nil, err
	}
	return tensorfile.OpenLayout(mmap.NewReaderAt(strings.NewReader(""), 0, "query"), l, nil)
}

// A Dialect is what databases differ in.
type Dialect struct {
	Format string // of errors and layouts: "sqlite"
	// Error gives an error of the driver a kind and, if it can, words of its own.
	// nil: it is ErrIO.
	Error func(err error) *tensor.Error

	// What Insert needs. Default: types of PostgreSQL, ? for arguments.
	Types Types
	// NaNIsNull says that there is no NaN but NULL. Default: false.
	NaNIsNull bool
	// Argument is how argument i, from 1, stands in a statement.
	Argument func(i int) string
	// MaxArguments is how many a statement may have. Default: 900.
	MaxArguments int
	// Exists reports whether there is something called table, and what it is.
	Exists func(ctx context.Context, tx *sql.Tx, table string) (what string, err error)
	// Name is the name of a table, quoted. Default: Quote.
	Name func(table string) string
	// Copy, if not nil, writes rows faster than INSERT does, in the same
	// transaction. It calls next, which uses its result again, until that gives nil.
	Copy func(ctx context.Context, columns []string, next func() ([]any, error)) error
}

// Types are the names of types of columns.
type Types struct{ Bool, Int, Float, Text, Bytes string }

// Quote is an identifier as standard SQL writes it.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Fail gives an error of the database a place. Errors of this module and of a
// context stay what they are.
func (d *Dialect) Fail(ctx context.Context, err error, field string) error {
	var own *tensor.Error
	switch {
	case err == nil || errors.As(err, &own):
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	e := &tensor.Error{Kind: tensor.ErrIO, Err: Shown{err}}
	if d.Error != nil {
		if known := d.Error(err); known != nil {
			e = known
		}
	}
	e.Format, e.Offset = d.Format, -1
	if e.Field == "" {
		e.Field = field
	}
	return e
}

// Shown is an error of a database, whose text may have names that a terminal
// would obey.
type Shown struct{ Err error }

func (s Shown) Error() string { return tensor.Escape(s.Err.Error()) }

// Unwrap gives the error to errors.As.
func (s Shown) Unwrap() error { return s.Err }

// Bad is an error of the format.
func (d *Dialect) Bad(kind error, field, got, want string) error {
	return &tensor.Error{Kind: kind, Format: d.Format, Offset: -1, Field: field, Got: got, Want: want}
}

// recovered makes an error of a panic of the driver: databases are files of
// strangers, too.
func (d *Dialect) recovered(err *error) {
	if r := recover(); r != nil {
		*err = d.Bad(tensor.ErrCorrupt, "database", tensor.Quote(fmt.Sprintf("what makes the driver panic: %.200v", r)), "")
	}
}

// NoTable says that there is no such table, and which there are.
func NoTable(d *Dialect, table string, names []string) error {
	got := tensor.Quote(table)
	if table == "" {
		got = "none"
	}
	const most = 20
	list := "there is none"
	if len(names) > 0 {
		var quoted []string
		for _, name := range names[:min(len(names), most)] {
			quoted = append(quoted, tensor.Quote(name))
		}
		list = strings.Join(quoted, ", ")
		if n := len(names) - most; n > 0 {
			list += fmt.Sprintf(" and %d more", n)
		}
	}
	return d.Bad(tensor.ErrNotFound, "table", got, list)
}
