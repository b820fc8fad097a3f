// Package sqlite reads tables and queries of SQLite databases as tensors and writes
// tensors into tables. Importing it registers the format "sqlite" with package
// convert, and links modernc.org/sqlite. Package sql says what columns become.
//
// # Reading
//
// ReadOptions.Query is run, or ReadOptions.Table read; without them all tables
// are, and their tensors are called TABLE.COLUMN. The rows are read when the file
// is opened, once and in one transaction, in bounded memory.
//
// A file on disk is opened with SQLite's mode=ro, so that what other programs
// committed is seen, in a write-ahead log too, and nothing can be written: a query
// that writes is an error, as is ATTACH. SQLite's own files beside a database in
// WAL mode may be made by that. Any other source, such as an object on a server or
// standard input, is taken as it is; a write-ahead log beside it is not seen.
//
// SQLite's columns may hold anything. Text in columns declared DATE, DATETIME or
// TIMESTAMP that is a time is read as one, and 0 and 1 in columns declared BOOL or
// BOOLEAN as bools; what else stands there is an error, unless no time or bool does.
// A value and a row have at most 256 MiB.
//
// # Writing
//
// A new file is made in the directory that os.TempDir names and copied from there.
// Tensors that are all called TABLE.COLUMN make those tables in it, as a file is
// read; others are columns of one, WriteOptions.Table or "tensors".
// With WriteOptions.Table a database that is there gets a table, in one
// transaction: nothing of it stays if something fails. SQLite has no NaN: it is
// written as NULL.
package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tensorfile/tensorfile/convert"
	tensorsql "github.com/tensorfile/tensorfile/convert/sql"
	"github.com/tensorfile/tensorfile/tensor"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
	"modernc.org/sqlite/vfs"
)

const formatName = "sqlite"

// magic begins every database that is not empty.
var magic = []byte("SQLite format 3\x00")

func init() {
	convert.Register(convert.Format{
		Name:        formatName,
		Extensions:  []string{".sqlite", ".sqlite3", ".db"},
		Description: "SQLite database: tables and queries",
		Strings:     true,
		Ragged:      true,
		Detect:      func(prefix []byte) bool { return bytes.HasPrefix(prefix, magic) },
		Open:        open,
		Write:       write,
		WriteTo:     writeTo,
	})
}

var dialect = &tensorsql.Dialect{
	Format:    formatName,
	Error:     kindOf,
	Types:     tensorsql.Types{Bool: "BOOLEAN", Int: "INTEGER", Float: "REAL", Text: "TEXT", Bytes: "BLOB"},
	NaNIsNull: true,
	Exists: func(ctx context.Context, tx *sql.Tx, table string) (what string, err error) {
		err = tx.QueryRowContext(ctx, "SELECT type FROM sqlite_schema WHERE name = ? COLLATE NOCASE", table).Scan(&what)
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		return what, err
	},
}

// kindOf gives an error of SQLite a kind.
func kindOf(err error) *tensor.Error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return nil
	}
	t := &tensor.Error{Kind: tensor.ErrIO, Err: tensorsql.Shown{Err: err}}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT:
		t.Kind, t.Field = tensor.ErrCorrupt, "database"
	case sqlite3.SQLITE_NOTADB:
		t.Kind, t.Field = tensor.ErrFormat, "database"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		t.Kind, t.Field = tensor.ErrLocked, "database"
	case sqlite3.SQLITE_FULL:
		t.Kind = tensor.ErrNoSpace
	case sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_NOMEM:
		t.Kind = tensor.ErrLimit
	case sqlite3.SQLITE_READONLY:
		t.Kind, t.Got, t.Want = tensor.ErrUnsupported, "a statement that writes", "one that reads: the database is opened so"
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_RANGE, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_AUTH:
		t.Kind = tensor.ErrFormat
		if strings.Contains(err.Error(), "no such table") {
			t.Kind = tensor.ErrNotFound
		}
	}
	return t
}

// database is an open one. It has one connection.
type database struct {
	db   *sql.DB
	conn *sql.Conn
	end  func()
}

// pragmas of every connection: schemas of strangers run nothing but what SQLite
// holds for harmless, and pages are looked at before they are used.
var pragmas = []string{"trusted_schema(0)", "cell_size_check(1)"}

// connect opens the database that dsn names.
func connect(ctx context.Context, path string, q url.Values) (d *database, err error) {
	q["_pragma"] = append(q["_pragma"], pragmas...)
	q.Set("_defensive", "1")
	q.Set("_error_rc", "1")
	q.Set("_timezone", "UTC")
	if !q.Has("_busy_timeout") {
		q.Set("_busy_timeout", "2000")
	}
	d = &database{}
	// OmitHost: a path without a root is one of a VFS.
	dsn := (&url.URL{Scheme: "file", OmitHost: true, Path: path}).String() + "?" + q.Encode()
	if d.db, err = sql.Open("sqlite", dsn); err != nil {
		return nil, err
	}
	if d.conn, err = d.db.Conn(ctx); err != nil {
		d.db.Close()
		return nil, err
	}
	for id, most := range map[int]int{sqlite3.SQLITE_LIMIT_LENGTH: tensorsql.MaxValue, sqlite3.SQLITE_LIMIT_ATTACHED: 0} {
		if _, err := sqlite.Limit(d.conn, id, most); err != nil {
			d.close()
			return nil, err
		}
	}
	return d, nil
}

// connectFile is connect of a file by its name.
func connectFile(ctx context.Context, name string, q url.Values) (*database, error) {
	path, err := filePath(name)
	if err != nil {
		return nil, err
	}
	return connect(ctx, path, q)
}

func (d *database) close() error {
	err := errors.Join(d.conn.Close(), d.db.Close())
	if d.end != nil {
		d.end()
	}
	return err
}

// filePath is the path of a file as SQLite takes it in an address.
func filePath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // of Windows: /C:/dir
	}
	return path, nil
}

// openInput opens a database to read. What SQLite cannot read of a source that is
// no file, and says without a reason, failed keeps.
func openInput(ctx context.Context, in convert.Input, failed *fault) (*database, error) {
	q := url.Values{"mode": {"ro"}, "_query_only": {"1"}}
	if local, ok := in.(interface{ Local() bool }); ok && local.Local() {
		return connectFile(ctx, in.Path(), q)
	}
	name, files, err := vfs.New(source{in, failed})
	if err != nil {
		return nil, err
	}
	q.Set("vfs", name)
	q.Set("immutable", "1") // there is nothing to lock
	d, err := connect(ctx, sourceName, q)
	if err != nil {
		files.Close()
		return nil, err
	}
	d.end = func() { files.Close() }
	return d, nil
}

// source is a file system of one file.
type source struct {
	in     convert.Input
	failed *fault
}

// fault is the first error of a source.
type fault struct {
	mu  sync.Mutex
	err error
}

func (f *fault) keep(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

// of is the reason of err.
func (f *fault) of(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil && errors.Is(err, tensor.ErrIO) {
		return f.err
	}
	return err
}

const sourceName = "database"

func (s source) Open(name string) (fs.File, error) {
	if name != sourceName {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return sourceFile{io.NewSectionReader(s.in, 0, s.in.Size()), s.failed}, nil
}

type sourceFile struct {
	*io.SectionReader
	failed *fault
}

func (f sourceFile) Read(p []byte) (int, error) {
	n, err := f.SectionReader.Read(p)
	if err != nil && err != io.EOF {
		f.failed.keep(err)
	}
	return n, err
}

func (f sourceFile) Close() error               { return nil }
func (f sourceFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f sourceFile) Name() string               { return sourceName }
func (f sourceFile) Mode() fs.FileMode          { return 0o444 }
func (f sourceFile) ModTime() time.Time         { return time.Time{} }
func (f sourceFile) IsDir() bool                { return false }
func (f sourceFile) Sys() any                   { return nil }

func open(ctx context.Context, in convert.Input, o *convert.ReadOptions) (l *convert.Layout, err error) {
	if o == nil {
		o = &convert.ReadOptions{}
	}
	failed := &fault{}
	defer func() { err = failed.of(err) }()
	d, err := openInput(ctx, in, failed)
	if err != nil {
		return nil, dialect.Fail(ctx, err, "database")
	}
	defer d.close()
	tx, err := d.conn.BeginTx(ctx, nil)
	if err != nil {
		return nil, dialect.Fail(ctx, err, "database")
	}
	defer tx.Rollback()
	l = &convert.Layout{Format: formatName}
	switch {
	case o.Query != "" && o.Table != "":
		return nil, dialect.Bad(tensor.ErrUnsupported, "query", "a table and a query", "one of them")
	case o.Query != "":
		return l, dialect.Read(ctx, l, tx, tensorsql.Query{SQL: o.Query, Name: nameOf(in.Path())}, o)
	case o.Table != "":
		return l, readTable(ctx, l, tx, o)
	}
	return l, readAll(ctx, l, tx, o)
}

// nameOf is the name of a file without its extension.
func nameOf(path string) string {
	name := filepath.Base(path)
	return strings.TrimSuffix(name, filepath.Ext(name))
}

// tablesQuery lists the tables that hold rows of their own, in the order in which
// they were made.
const tablesQuery = `SELECT s.name FROM sqlite_schema s JOIN pragma_table_list l ON l.name = s.name
WHERE l.schema = 'main' AND l.type = 'table' AND s.type = 'table' AND s.name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY s.rowid`

func tables(ctx context.Context, tx *sql.Tx) (names []string, err error) {
	rows, err := tx.QueryContext(ctx, tablesQuery)
	if err != nil {
		return nil, dialect.Fail(ctx, err, "tables")
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, dialect.Fail(ctx, err, "tables")
		}
		names = append(names, name)
	}
	return names, dialect.Fail(ctx, rows.Err(), "tables")
}

func readTable(ctx context.Context, l *convert.Layout, tx *sql.Tx, o *convert.ReadOptions) error {
	what, err := dialect.Exists(ctx, tx, o.Table)
	if err != nil {
		return dialect.Fail(ctx, err, "table")
	}
	if what != "table" && what != "view" {
		names, err := tables(ctx, tx)
		if err != nil {
			return err
		}
		return tensorsql.NoTable(dialect, o.Table, names)
	}
	return dialect.Read(ctx, l, tx, tensorsql.Query{SQL: "SELECT * FROM " + tensorsql.Quote(o.Table), Name: o.Table}, o)
}

func readAll(ctx context.Context, l *convert.Layout, tx *sql.Tx, o *convert.ReadOptions) error {
	names, err := tables(ctx, tx)
	if err != nil {
		return err
	}
	for _, name := range names {
		q := tensorsql.Query{SQL: "SELECT * FROM " + tensorsql.Quote(name), Name: name, Prefix: name + "."}
		one := *o
		one.Name = ""
		if err := dialect.Read(ctx, l, tx, q, &one); err != nil {
			if !o.SkipBad || ctx.Err() != nil {
				return err
			}
			var e *tensor.Error
			if errors.As(err, &e) && e.Member == "" {
				e.Member = name
			}
			l.Skipped = append(l.Skipped, err)
		}
	}
	return unique(l)
}

// unique sees to it that names of tables with dots in them do no harm.
func unique(l *convert.Layout) error {
	names := make([]string, 0, len(l.Tensors))
	for _, t := range l.Tensors {
		names = append(names, t.Name)
	}
	slices.Sort(names)
	for i := range names[min(1, len(names)):] {
		if names[i] == names[i+1] {
			return dialect.Bad(tensor.ErrDuplicate, "name", tensor.Quote(names[i])+" of two tables", "each once: read the tables one by one")
		}
	}
	return nil
}

func write(ctx context.Context, w io.Writer, src []convert.Source, o *convert.WriteOptions) (err error) {
	if o == nil {
		o = &convert.WriteOptions{}
	}
	tables := tablesOf(src, o.Table)
	for _, t := range tables {
		if err := dialect.Plan(t.columns); err != nil {
			return err
		}
	}
	if _, err := w.Write(nil); err != nil { // whoever takes nothing need not wait for it
		return err
	}
	dir, err := os.MkdirTemp("", "tensorfile-sqlite-*")
	if err != nil {
		return dialect.Fail(ctx, err, "temporary file")
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, sourceName)
	d, err := connectFile(ctx, file, url.Values{"_pragma": {"synchronous(0)", "journal_mode(MEMORY)", "locking_mode(EXCLUSIVE)"}})
	if err != nil {
		return dialect.Fail(ctx, err, "temporary file")
	}
	err = insert(ctx, d, tables, convert.Target{})
	if e := d.close(); err == nil && e != nil {
		err = dialect.Fail(ctx, e, "temporary file")
	}
	if err != nil {
		return err
	}
	in, err := os.Open(file)
	if err != nil {
		return dialect.Fail(ctx, err, "temporary file")
	}
	defer in.Close()
	buf := make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := in.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return dialect.Fail(ctx, err, "temporary file")
		}
	}
}

// table is a table to write.
type table struct {
	name    string
	columns []convert.Source
}

// tablesOf distributes the columns: all go to the table that has a name, and
// without one each goes where its own says, if all are called TABLE.COLUMN as they
// are when a file is read. Of such tables the columns stay in order, and so do the
// tables by their first column.
func tablesOf(src []convert.Source, name string) []table {
	one := []table{{name, src}}
	if name != "" || len(src) == 0 {
		return one
	}
	var tables []table
	at := map[string]int{}
	for _, s := range src {
		name, column, ok := strings.Cut(s.As, ".")
		if !ok || name == "" || column == "" {
			return one
		}
		i, ok := at[name]
		if !ok {
			i = len(tables)
			at[name] = i
			tables = append(tables, table{name: name})
		}
		s.As = column
		tables[i].columns = append(tables[i].columns, s)
	}
	return tables
}

// insert makes the tables in a transaction of its own.
func insert(ctx context.Context, d *database, tables []table, to convert.Target) error {
	tx, err := d.conn.BeginTx(ctx, nil)
	if err != nil {
		return dialect.Fail(ctx, err, "transaction")
	}
	defer tx.Rollback()
	for _, t := range tables {
		if err := dialect.Insert(ctx, tx, t.name, t.columns, to); err != nil {
			return err
		}
	}
	if to.Check != nil {
		if err := to.Check(); err != nil {
			return err
		}
	}
	return dialect.Fail(ctx, tx.Commit(), "commit")
}

func writeTo(ctx context.Context, to convert.Target, src []convert.Source, o *convert.WriteOptions) error {
	path, err := filePath(to.Path)
	if err != nil {
		return dialect.Fail(ctx, err, "path")
	}
	q := url.Values{"mode": {"rw"}, "_txlock": {"immediate"}}
	if to.NoSync {
		q["_pragma"] = []string{"synchronous(0)"}
	}
	if to.DryRun {
		q = url.Values{"mode": {"ro"}}
	}
	d, err := connect(ctx, path, q)
	if err != nil {
		return dialect.Fail(ctx, err, "database")
	}
	if to.DryRun {
		err = dryRun(ctx, d, src, o, to)
	} else {
		err = insert(ctx, d, []table{{o.Table, src}}, to)
	}
	if e := d.close(); err == nil && e != nil {
		err = dialect.Fail(ctx, e, "database")
	}
	return err
}

// dryRun looks whether the table could be made.
func dryRun(ctx context.Context, d *database, src []convert.Source, o *convert.WriteOptions, to convert.Target) error {
	if err := dialect.Plan(src); err != nil {
		return err
	}
	tx, err := d.conn.BeginTx(ctx, nil)
	if err != nil {
		return dialect.Fail(ctx, err, "transaction")
	}
	defer tx.Rollback()
	return dialect.Free(ctx, tx, o.Table, to.Overwrite)
}
