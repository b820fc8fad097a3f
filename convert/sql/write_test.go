package sql

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// taker is a database that takes all statements but those that begin with refuse,
// and says what came.
type taker struct {
	refuse string
	got    []string
}

var errRefused = errors.New("refused")

func (d *taker) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (d *taker) Driver() driver.Driver                        { return nil }
func (d *taker) Close() error                                 { return nil }
func (d *taker) Begin() (driver.Tx, error)                    { return d, nil }
func (d *taker) Commit() error                                { return nil }
func (d *taker) Rollback() error                              { return nil }

func (d *taker) Prepare(text string) (driver.Stmt, error) {
	if d.refuse != "" && strings.HasPrefix(text, d.refuse) {
		return nil, errRefused
	}
	return statement{d, text}, nil
}

type statement struct {
	d    *taker
	text string
}

func (s statement) Close() error                              { return nil }
func (s statement) NumInput() int                             { return strings.Count(s.text, "?") }
func (s statement) Query([]driver.Value) (driver.Rows, error) { return nil, driver.ErrSkip }
func (s statement) Exec(args []driver.Value) (driver.Result, error) {
	s.d.got = append(s.d.got, strings.TrimSuffix(fmt.Sprintf("%s %v", s.text, args), " []"))
	return driver.ResultNoRows, nil
}

// taken is what Insert does with the tensors of a layout over data.
func taken(t *testing.T, d *Dialect, db *taker, data []byte, overwrite bool, list ...convert.LayoutTensor) error {
	t.Helper()
	l := &convert.Layout{Format: "made", Storages: []convert.LayoutStorage{{Size: int64(len(data))}}, Tensors: list}
	f, err := tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader(data), int64(len(data)), "made"), l, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var src []convert.Source
	for x, err := range f.Tensors() {
		if err != nil {
			t.Fatal(err)
		}
		src = append(src, convert.Source{Tensor: x, As: x.Name()})
	}
	pool := sql.OpenDB(db)
	defer pool.Close()
	tx, err := pool.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	return d.Insert(t.Context(), tx, "t", src, convert.Target{Overwrite: overwrite})
}

// texts is a tensor of strings or, with a role of values, of blobs: offsets of a
// dtype, and n bytes behind them.
func texts(name string, role string, d tensor.DType, rows, n int64) convert.LayoutTensor {
	x := convert.LayoutTensor{Name: name, DType: tensor.DType{}, Shape: tensor.Shape{rows}, Layout: format.LayoutString}
	if role == format.RoleValues {
		x.DType, x.Shape, x.Layout = tensor.U8, tensor.Shape{rows, n}, format.LayoutRagged
	}
	width := int64(d.UnitBytes)
	x.Parts = []convert.LayoutTensor{
		{Name: format.RoleOffsets, DType: d, Shape: tensor.Shape{rows + 1}},
		{Name: role, DType: tensor.U8, Shape: tensor.Shape{n}, Offset: (rows + 1) * width},
	}
	return x
}

func numbers64(list ...int64) (b []byte) {
	for _, x := range list {
		b = binary.LittleEndian.AppendUint64(b, uint64(x))
	}
	return b
}

// Strings and blobs come from their parts as they are, and what the parts say that
// is wrong is told with the tensor, the row and what it was.
func TestTextsOfParts(t *testing.T) {
	const created = `CREATE TABLE "t" ("x" TEXT)`
	for _, c := range []struct {
		what   string
		x      convert.LayoutTensor
		data   []byte
		stated []string // or an error:
		kind   error
		field  string
		got    string
		want   string
	}{
		{what: "strings", x: texts("x", format.RoleBytes, tensor.I64, 2, 3), data: append(numbers64(0, 2, 3), "aéb"[1:]...), stated: []string{created, `INSERT INTO "t" VALUES (?),(?) [é b]`}},
		{what: "offsets of a byte", x: texts("x", format.RoleBytes, tensor.U8, 2, 200), data: append([]byte{0, 199, 200}, bytes.Repeat([]byte("z"), 200)...), stated: []string{created, `INSERT INTO "t" VALUES (?),(?) [` + strings.Repeat("z", 199) + " z]"}},
		{what: "blobs", x: texts("x", format.RoleValues, tensor.I16, 2, 3), data: []byte{0, 0, 1, 0, 3, 0, 0xff, 0, 7}, stated: []string{`CREATE TABLE "t" ("x" BYTEA)`, `INSERT INTO "t" VALUES (?),(?) [[255] [0 7]]`}},
		{what: "no strings", x: texts("x", format.RoleBytes, tensor.I64, 0, 0), data: numbers64(0), stated: []string{created}},
		{what: "a begin that is not 0", x: texts("x", format.RoleBytes, tensor.I64, 1, 3), data: append(numbers64(1, 3), "abc"...), kind: tensor.ErrCorrupt, field: "row 0", got: "offset 1", want: "0"},
		{what: "a begin of no strings", x: texts("x", format.RoleBytes, tensor.I64, 0, 0), data: numbers64(5), kind: tensor.ErrCorrupt, field: "row 0", got: "offset 5", want: "0"},
		{what: "an end that falls", x: texts("x", format.RoleBytes, tensor.I64, 2, 3), data: append(numbers64(0, 2, 1), "abc"...), kind: tensor.ErrCorrupt, field: "row 1", got: "offsets 2, 1", want: "an end from 2 to 3"},
		{what: "an end past all", x: texts("x", format.RoleBytes, tensor.I8, 2, 3), data: append([]byte{0, 1, 4}, "abc"...), kind: tensor.ErrCorrupt, field: "row 1", got: "offsets 1, 4", want: "an end from 1 to 3"},
		{what: "an end below 0", x: texts("x", format.RoleBytes, tensor.I8, 1, 3), data: append([]byte{0, 0xff}, "abc"...), kind: tensor.ErrCorrupt, field: "row 0", got: "offsets 0, -1", want: "an end from 0 to 3"},
		{what: "bytes of no string", x: texts("x", format.RoleBytes, tensor.I64, 1, 3), data: append(numbers64(0, 1), "abc"...), kind: tensor.ErrCorrupt, field: "row 1", got: "2 bytes behind the last", want: "none"},
		{what: "half a character", x: texts("x", format.RoleBytes, tensor.I64, 2, 2), data: append(numbers64(0, 1, 2), "é"...), kind: tensor.ErrCorrupt, field: "row 0", got: "text that is no UTF-8", want: "UTF-8"},
		{what: "more than a value may have", x: convert.LayoutTensor{Name: "x", Layout: format.LayoutString, Shape: tensor.Shape{1}, Parts: []convert.LayoutTensor{
			{Name: format.RoleOffsets, DType: tensor.I64, Shape: tensor.Shape{2}},
			{Name: format.RoleBytes, DType: tensor.U8, Shape: tensor.Shape{MaxValue + 1}, Strides: tensor.Strides{0}},
		}}, data: numbers64(0, MaxValue+1), kind: tensor.ErrLimit, field: "row 0", got: "268435457 bytes", want: "at most 268435456"},
	} {
		t.Run(c.what, func(t *testing.T) {
			db := &taker{}
			err := taken(t, &Dialect{Format: "made"}, db, c.data, false, c.x)
			if c.kind == nil {
				if err != nil || !slices.Equal(db.got, c.stated) {
					t.Errorf("%q, %v, want %q", db.got, err, c.stated)
				}
				return
			}
			var e *tensor.Error
			if !errors.Is(err, c.kind) || !errors.As(err, &e) || e.Tensor != "x" || e.Field != c.field || e.Got != c.got || e.Want != c.want || e.Offset != -1 {
				t.Errorf("%v, want %v, %s, got %s, want %s", err, c.kind, c.field, c.got, c.want)
			}
		})
	}
}

// A table that cannot be made or filled is an error of the statement; one of the
// source is not hidden by it.
func TestInsertRefused(t *testing.T) {
	x := convert.LayoutTensor{Name: "x", DType: tensor.I16, Shape: tensor.Shape{2}}
	two := []byte{1, 0, 0xfe, 0xff}
	broken := errors.New("the catalogue is broken")
	for _, c := range []struct {
		what, refuse string
		d            Dialect
		overwrite    bool
		kind, cause  error
		field        string
	}{
		{"no table", "CREATE", Dialect{}, false, tensor.ErrIO, errRefused, "table"},
		{"one that stays", "DROP", Dialect{}, true, tensor.ErrIO, errRefused, "table"},
		{"no rows", "INSERT", Dialect{}, false, tensor.ErrIO, errRefused, "rows"},
		{"an unknown", "", Dialect{Exists: func(context.Context, *sql.Tx, string) (string, error) { return "", broken }}, false, tensor.ErrIO, broken, "table"},
		{"a view", "", Dialect{Exists: func(context.Context, *sql.Tx, string) (string, error) { return "view", nil }}, true, tensor.ErrExists, nil, `table "t"`},
		{"a table", "", Dialect{Exists: func(context.Context, *sql.Tx, string) (string, error) { return "table", nil }}, false, tensor.ErrExists, nil, `table "t"`},
	} {
		c.d.Format = "made"
		err := taken(t, &c.d, &taker{refuse: c.refuse}, two, c.overwrite, x)
		var e *tensor.Error
		if !errors.Is(err, c.kind) || c.cause != nil && !errors.Is(err, c.cause) || !errors.As(err, &e) || e.Field != c.field || e.Format != "made" {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	db := &taker{}
	if err := taken(t, &Dialect{}, db, two, true, x); err != nil || !slices.Equal(db.got, []string{`DROP TABLE IF EXISTS "t"`, `CREATE TABLE "t" ("x" BIGINT)`, `INSERT INTO "t" VALUES (?),(?) [1 -2]`}) {
		t.Errorf("%q, %v", db.got, err)
	}
}

// A source that is cut is told as that, and not by what the database makes of it.
func TestInsertOfCutSource(t *testing.T) {
	broken := errors.New("the decoder gives up")
	data := append(numbers64(0, 1, 3), "abc"...)
	for at := range len(data) {
		l := &convert.Layout{Format: "made", Storages: []convert.LayoutStorage{
			{Size: 24, StoredSize: 1, Codec: "x", Open: func(context.Context) (io.ReadCloser, error) {
				return io.NopCloser(io.MultiReader(bytes.NewReader(data[:min(at, 24)]), failing{broken})), nil
			}},
			{Size: 3, StoredSize: 1, Codec: "x", Open: func(context.Context) (io.ReadCloser, error) {
				return io.NopCloser(io.MultiReader(bytes.NewReader(data[24:][:max(at-24, 0)]), failing{broken})), nil
			}},
		}, Tensors: []convert.LayoutTensor{texts("x", format.RoleBytes, tensor.I64, 2, 3)}}
		l.Tensors[0].Parts[1].Storage, l.Tensors[0].Parts[1].Offset = 1, 0
		f, err := tensorfile.OpenLayout(mmap.NewReaderAt(bytes.NewReader(nil), 0, "made"), l, nil)
		if err != nil {
			t.Fatal(err)
		}
		x, err := f.Tensor("x")
		if err != nil {
			t.Fatal(err)
		}
		pool := sql.OpenDB(&taker{})
		tx, err := pool.Begin()
		if err != nil {
			t.Fatal(err)
		}
		err = (&Dialect{Format: "made"}).Insert(t.Context(), tx, "t", []convert.Source{{Tensor: x, As: "x"}}, convert.Target{})
		if !errors.Is(err, broken) {
			t.Errorf("cut at %d: %v", at, err)
		}
		tx.Rollback()
		pool.Close()
		f.Close()
	}
}
