// Package postgres reads tables and queries of PostgreSQL as tensors and writes
// tensors into tables. Importing it registers the format "postgres" with package
// convert, with the schemes "postgres" and "postgresql", and links
// github.com/jackc/pgx. Package sql says what columns become.
//
// # Addresses
//
//	postgres://user@host:5432/database?sslmode=verify-full
//	postgres:///database?host=/run/postgresql
//
// What an address does not say comes from PGHOST, PGUSER, PGSSLMODE and the other
// variables of libpq, from a service file and from the password file. A password
// belongs into PGPASSWORD or the password file (~/.pgpass, or PGPASSFILE). One that
// stands in the address is used, and never shown, in errors, lists or attributes.
//
// # Reading
//
// ReadOptions.Query or ReadOptions.Table says what to read; a table is called by its
// name, in any schema of the search path, or SCHEMA.NAME. It is read in one
// transaction that is read-only and sees one state of the database: a query that
// writes is an error.
//
// Columns are read by their type: smallint to bigint and oid, real, double
// precision, boolean, bytea, date, timestamp and timestamptz; arrays of these
// numbers and of boolean; any other type as text, as the server prints it: numeric
// with all digits, uuid, json, interval, time, enums. An infinite date is text.
// Other arrays are refused.
//
// # Writing
//
// A table is made by CREATE TABLE and COPY in one transaction: nothing of it stays
// if something fails. If the connection is lost while that is committed nobody knows
// what became of it, and the error is ErrCommitUnknown.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/tensorfile/tensorfile/convert"
	tensorsql "github.com/tensorfile/tensorfile/convert/sql"
	"github.com/tensorfile/tensorfile/tensor"
)

const formatName = "postgres"

func init() {
	convert.Register(convert.Format{
		Name:        formatName,
		Description: "PostgreSQL: tables and queries of a server",
		Strings:     true,
		Ragged:      true,
		Schemes:     []string{"postgres", "postgresql"},
		Connect:     read,
		WriteTo:     writeTo,
		Redact:      redact,
	})
}

var dialect = tensorsql.Dialect{Format: formatName, Error: kindOf}

// kindOf gives an error of the driver or the server a kind (documentation of
// PostgreSQL, appendix A).
func kindOf(err error) *tensor.Error {
	t := &tensor.Error{Kind: tensor.ErrIO, Err: tensorsql.Shown{Err: err}}
	var no *pgconn.ConnectError
	if errors.As(err, &no) {
		// The error itself has the configuration in it, and so the password.
		t.Field, t.Err = "connection", tensorsql.Shown{Err: errors.New(strings.Join(strings.Fields(no.Error()), " "))}
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return t
	}
	t.Err = tensorsql.Shown{Err: e}
	switch class := e.Code[:min(2, len(e.Code))]; {
	case e.Code == "42P01" || e.Code == "3F000" || e.Code == "3D000":
		t.Kind = tensor.ErrNotFound
	case e.Code == "42P07":
		t.Kind = tensor.ErrExists
	case e.Code == "25006":
		t.Kind, t.Got, t.Want = tensor.ErrUnsupported, "a statement that writes", "one that reads: the transaction is read-only"
	case e.Code == "0A000", e.Code == "25001", class == "2D":
		t.Kind = tensor.ErrUnsupported
	case e.Code == "53100":
		t.Kind = tensor.ErrNoSpace
	case e.Code == "55P03":
		t.Kind = tensor.ErrLocked
	case class == "53", class == "54":
		t.Kind = tensor.ErrLimit
	case class == "22", class == "42":
		t.Kind = tensor.ErrFormat
	}
	return t
}

// session is a transaction on a connection of its own.
type session struct {
	db   *sql.DB
	conn *sql.Conn
	tx   *sql.Tx
}

// begin connects and begins a transaction; one to read sees one state of the
// database, and cannot be made one that writes.
func begin(ctx context.Context, address string, readOnly bool) (s *session, err error) {
	c, err := config(address)
	if err != nil {
		return nil, err
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "tensorfile"
	}
	o := &sql.TxOptions{}
	if readOnly {
		c.RuntimeParams["default_transaction_read_only"] = "on"
		o = &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}
	}
	s = &session{db: stdlib.OpenDB(*c)}
	if s.conn, err = s.db.Conn(ctx); err != nil {
		s.db.Close()
		return nil, dialect.Fail(ctx, err, "connection")
	}
	if s.tx, err = s.conn.BeginTx(ctx, o); err != nil {
		s.conn.Close()
		s.db.Close()
		return nil, dialect.Fail(ctx, err, "transaction")
	}
	return s, nil
}

// end rolls back what was not committed.
func (s *session) end() {
	s.tx.Rollback()
	s.conn.Close()
	s.db.Close()
}

func read(ctx context.Context, address string, o *convert.ReadOptions) (*convert.Layout, error) {
	if o.Query != "" && o.Table != "" {
		return nil, dialect.Bad(tensor.ErrUnsupported, "query", "a table and a query", "one of them")
	}
	s, err := begin(ctx, address, true)
	if err != nil {
		return nil, err
	}
	defer s.end()
	q := tensorsql.Query{SQL: o.Query, Name: "query"}
	if o.Query == "" {
		name, kind, err := find(ctx, s.tx, o.Table)
		if err != nil {
			return nil, err
		}
		if kind == "" {
			names, err := tables(ctx, s.tx)
			if err != nil {
				return nil, err
			}
			return nil, tensorsql.NoTable(&dialect, o.Table, names)
		}
		q = tensorsql.Query{SQL: "SELECT * FROM " + name.Sanitize(), Name: o.Table}
	}
	l := &convert.Layout{Format: formatName}
	return l, dialect.Read(ctx, l, s.tx, q, o)
}

// find looks for what is called table: as it stands, or in the schema that it
// begins with. kind is "table", "view" or something else, "" if there is none; name
// is then what it would be called.
func find(ctx context.Context, tx *sql.Tx, table string) (name pgx.Identifier, kind string, err error) {
	name = pgx.Identifier{table}
	kind, err = kindIn(ctx, tx, name)
	schema, rest, ok := strings.Cut(table, ".")
	if err != nil || kind != "" || !ok || strings.Contains(table, "\x00") {
		return name, kind, err
	}
	there := false
	if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1)", schema).Scan(&there); err != nil {
		return nil, "", dialect.Fail(ctx, err, "table")
	}
	if there {
		name = pgx.Identifier{schema, rest}
		kind, err = kindIn(ctx, tx, name)
	}
	return name, kind, err
}

// kindIn says what there is under the name.
func kindIn(ctx context.Context, tx *sql.Tx, name pgx.Identifier) (kind string, err error) {
	for _, part := range name {
		if part == "" || strings.Contains(part, "\x00") {
			return "", nil
		}
	}
	const query = `SELECT CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'view' WHEN 'f' THEN 'foreign table' ELSE 'relation' END
FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass($1)`
	err = tx.QueryRowContext(ctx, query, name.Sanitize()).Scan(&kind)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return kind, dialect.Fail(ctx, err, "table")
}

// tables lists what can be read.
func tables(ctx context.Context, tx *sql.Tx) (names []string, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN c.relname::text ELSE n.nspname || '.' || c.relname END
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
AND pg_catalog.has_table_privilege(c.oid, 'SELECT') ORDER BY 1 LIMIT 1000`)
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

func writeTo(ctx context.Context, to convert.Target, src []convert.Source, o *convert.WriteOptions) error {
	if err := dialect.Plan(src); err != nil { // before anything goes over the network
		return err
	}
	s, err := begin(ctx, to.Path, to.DryRun)
	if err != nil {
		return err
	}
	defer s.end()
	table := o.Table
	if table == "" {
		table = tensorsql.DefaultTable
	}
	name, kind, err := find(ctx, s.tx, table)
	if err != nil {
		return err
	}
	d := dialect
	d.Name = func(string) string { return name.Sanitize() }
	d.Exists = func(context.Context, *sql.Tx, string) (string, error) { return kind, nil }
	d.Copy = func(ctx context.Context, columns []string, next func() ([]any, error)) error {
		return s.conn.Raw(func(driver any) error {
			_, err := driver.(*stdlib.Conn).Conn().CopyFrom(ctx, name, columns, pgx.CopyFromFunc(next))
			return err
		})
	}
	if to.DryRun {
		return d.Free(ctx, s.tx, table, to.Overwrite)
	}
	if err := d.Insert(ctx, s.tx, table, src, to); err != nil {
		return err
	}
	if to.Check != nil {
		if err := to.Check(); err != nil {
			return err
		}
	}
	err = s.tx.Commit()
	var refused *pgconn.PgError
	if err != nil && !errors.As(err, &refused) {
		return fmt.Errorf("%w: %w", tensor.ErrCommitUnknown, dialect.Fail(context.WithoutCancel(ctx), err, "commit"))
	}
	return dialect.Fail(ctx, err, "commit")
}
