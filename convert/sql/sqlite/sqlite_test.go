package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/sql/sqlite"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// made is a database that statements make.
func made(t testing.TB, path string, statements ...string) string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	return path
}

func options(query, table string) *convert.OpenOptions {
	o := &convert.OpenOptions{}
	o.Query, o.Table = query, table
	return o
}

// shown is what a file holds, as lines.
func shown(t testing.TB, f *tensorfile.File) string {
	t.Helper()
	var b strings.Builder
	for x, err := range f.Tensors() {
		if err != nil {
			t.Fatal(err)
		}
		attrs, err := x.Attrs()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %v %v", x.Name(), x.DType(), x.Shape())
		if len(attrs) > 0 {
			fmt.Fprintf(&b, " %v", attrs)
		}
		if _, _, ok := x.Composite(); ok {
			c, err := x.ReadComposite(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range c.Parts {
				if p.Role != "offsets" {
					text, err := p.View.Bytes()
					if err != nil {
						t.Fatal(err)
					}
					fmt.Fprintf(&b, " %q", text)
					continue
				}
				fmt.Fprintf(&b, " %v", p.View)
			}
		} else {
			v, err := x.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, " %s", strings.Join(strings.Fields(v.String()), " "))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func read(t testing.TB, path string, o *convert.OpenOptions) string {
	t.Helper()
	f, err := convert.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if r, err := f.Verify(t.Context(), nil); err != nil || !r.OK() {
		t.Errorf("Verify: %+v, %v", r, err)
	}
	return shown(t, f)
}

func TestRead(t *testing.T) {
	plain := made(t, filepath.Join(t.TempDir(), "plain.sqlite"),
		"CREATE TABLE t (n INTEGER, x REAL, s TEXT, b BLOB, ok BOOLEAN, at TIMESTAMP, day DATE, big NUMERIC)",
		"INSERT INTO t VALUES (1, 0.5, 'é', x'00ff', 1, '2024-02-29 12:30:00.123456789', '1969-12-31', 12345678901234567890)",
		"INSERT INTO t VALUES (-2, 3, '', x'', 0, '2024-02-29T12:30:00+02:00', '2024-02-29', 7)",
		"CREATE TABLE \"odd \"\"name\" (\"a.b\" , '' , A TEXT)",
		"CREATE VIEW v AS SELECT n * 2 AS m FROM t ORDER BY n DESC",
		"CREATE INDEX i ON t (n)")
	path := filepath.Join(filepath.Dir(plain), "a b?mode=rwc#%41.sqlite")
	if err := os.Rename(plain, path); err != nil {
		t.Fatal(err)
	}
	const tab = `n i64 (2,) [ 1 -2]
x f64 (2,) [0.5 3. ]
s none (2,) [0 2 2] "é"
b u8 (2, 2) [0 2 2] "\x00\xff"
ok bool (2,) [ True False]
at i64 (2,) map[unit:us] [1709209800123456 1709202600000000]
day i64 (2,) map[unit:us] [ -86400000000 1709164800000000]
big f64 (2,) [1.23456789e+19 7.00000000e+00]
`
	for _, c := range []struct {
		what string
		o    *convert.OpenOptions
		want string
	}{
		{"a table", options("", "t"), tab},
		{"its name in other letters", options("", "T"), tab},
		{"a view", options("", "v"), "m i64 (2,) [ 2 -4]\n"},
		{"a query", options("SELECT sum(n) total, count(*) FROM t -- and a comment", ""), "total i64 (1,) [-1]\ncount(*) i64 (1,) [2]\n"},
		{"order", options("SELECT n FROM t ORDER BY n;", ""), "n i64 (2,) [-2 1]\n"},
		{"no rows", options("SELECT n, s, b FROM t WHERE n > 5", ""), "n f64 (0,) []\ns f64 (0,) []\nb f64 (0,) []\n"},
		{"names twice", options("SELECT 1 a, 2 a, 3 'a.2', 4 ''", ""), "a i64 (1,) [1]\na.3 i64 (1,) [2]\na.2 i64 (1,) [3]\ncolumn4 i64 (1,) [4]\n"},
		{"values", options("VALUES (1, 'x'), (2, 'y')", ""), "column1 i64 (2,) [1 2]\ncolumn2 none (2,) [0 1 2] \"xy\"\n"},
		{"text beside numbers", options("SELECT 1 a UNION ALL SELECT NULL UNION ALL SELECT 'x'", ""), "a none (3,) [0 1 1 2] \"1x\"\n"},
		{"bytes beside text", options("SELECT x'ff' a UNION ALL SELECT 'x'", ""), "a u8 (2, 1) [0 1 2] \"\\xffx\"\n"},
		{"floats", options("SELECT 9e999 a, -9e999 b, 1e-320 c", ""), "a f64 (1,) [inf]\nb f64 (1,) [-inf]\nc f64 (1,) [1.e-320]\n"},
		{"the ends of integers", options("SELECT 9223372036854775807 a, -9223372036854775808 b", ""), "a i64 (1,) [9223372036854775807]\nb i64 (1,) [-9223372036854775808]\n"},
		{"with", options("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c LIMIT 5) SELECT i FROM c", ""), "i i64 (5,) [1 2 3 4 5]\n"},
		{"a pragma", options("PRAGMA user_version", ""), "user_version i64 (1,) [0]\n"},
		{"all", options("", ""), "t." + strings.TrimSuffix(strings.ReplaceAll(tab, "\n", "\nt."), "t.") + "odd \"name.a.b f64 (0,) []\nodd \"name. f64 (0,) []\nodd \"name.A f64 (0,) []\n"},
	} {
		if got := read(t, path, c.o); got != c.want {
			t.Errorf("%s: got\n%swant\n%s", c.what, got, c.want)
		}
	}
	// Of another source than a file the same comes.
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		f, err := convert.OpenMap(t.Context(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "somewhere"), options("", "t"))
		if err != nil {
			t.Fatal(err)
		}
		if got := shown(t, f); got != tab {
			t.Errorf("got\n%swant\n%s", got, tab)
		}
		f.Close()
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, b) {
		t.Errorf("the database was changed: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) != 1 {
		t.Errorf("%q", left)
	}
}

func TestNull(t *testing.T) {
	path := made(t, filepath.Join(t.TempDir(), "n.sqlite"),
		"CREATE TABLE t (n INTEGER, x REAL, s TEXT, b BLOB, ok BOOLEAN, at TIMESTAMP, empty)",
		"INSERT INTO t (n) VALUES (7)",
		"INSERT INTO t VALUES (NULL, 0.5, 'a', x'01', 1, '2024-01-01', NULL)",
		"INSERT INTO t DEFAULT VALUES")
	for _, c := range []struct {
		rule convert.Missing
		want string
	}{
		{convert.MissingNaN, `n f64 (3,) [ 7. nan nan]
x f64 (3,) [nan 0.5 nan]
s none (3,) [0 0 1 1] "a"
b u8 (3, 1) [0 0 1 1] "\x01"
ok f64 (3,) [nan 1. nan]
at f64 (3,) map[unit:us] [ nan 1.7040672e+15 nan]
empty f64 (3,) [nan nan nan]
`},
		{convert.MissingMask, `n i64 (3,) [7 0 0]
n.valid bool (3,) [ True False False]
x f64 (3,) [nan 0.5 nan]
x.valid bool (3,) [False True False]
s none (3,) [0 0 1 1] "a"
s.valid bool (3,) [False True False]
b u8 (3, 1) [0 0 1 1] "\x01"
b.valid bool (3,) [False True False]
ok bool (3,) [False True False]
ok.valid bool (3,) [False True False]
at i64 (3,) map[unit:us] [ 0 1704067200000000 0]
at.valid bool (3,) [False True False]
empty f64 (3,) [nan nan nan]
empty.valid bool (3,) [False False False]
`},
	} {
		o := options("", "t")
		o.Columns.Missing = c.rule
		if got := read(t, path, o); got != c.want {
			t.Errorf("rule %v: got\n%swant\n%s", c.rule, got, c.want)
		}
	}
	o := options("", "t")
	o.Columns.Missing = convert.MissingError
	if _, err := convert.Open(t.Context(), path, o); err == nil || !strings.Contains(err.Error(), `column "x", row 0: got NULL, want a value`) {
		t.Error(err)
	}
}

func TestMatrix(t *testing.T) {
	path := made(t, filepath.Join(t.TempDir(), "m.sqlite"), "CREATE TABLE t (a INTEGER, b REAL)", "INSERT INTO t VALUES (1, 2.5), (3, NULL)", "CREATE TABLE u (ok BOOL, no BOOL)", "INSERT INTO u VALUES (1, 0)")
	for _, c := range []struct {
		name string
		o    *convert.OpenOptions
		want string
	}{
		{"", options("", "t"), "t f64 (2, 2) [[1. 2.5] [3. nan]]\n"},
		{"x", options("SELECT b, a FROM t", ""), "x f64 (2, 2) [[2.5 1. ] [nan 3. ]]\n"},
		{"", options("SELECT a FROM t", ""), "m i64 (2, 1) [[1] [3]]\n"},
		{"", options("", ""), "t f64 (2, 2) [[1. 2.5] [3. nan]]\nu bool (1, 2) [[ True False]]\n"},
	} {
		c.o.Columns.Matrix, c.o.Name = convert.Yes, c.name
		if got := read(t, path, c.o); got != c.want {
			t.Errorf("got\n%swant\n%s", got, c.want)
		}
	}
	for query, want := range map[string]string{
		"SELECT a, 'x' s FROM t":          `column "s" of text`,
		"SELECT a, x'00' FROM t":          "of bytes",
		"SELECT 1 a, ok FROM u":           "bools beside numbers",
		"SELECT count(*) n, 'y' FROM nil": "no such table",
	} {
		o := options(query, "")
		o.Columns.Matrix = convert.Yes
		if _, err := convert.Open(t.Context(), path, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", query, err)
		}
	}
}

// Nothing that a query can say changes a byte of any file.
func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	path := made(t, filepath.Join(dir, "r.sqlite"), "CREATE TABLE t (a INTEGER)", "INSERT INTO t VALUES (1)")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.sqlite")
	refused := 0
	for _, query := range []string{
		"INSERT INTO t VALUES (2)", "UPDATE t SET a = 2", "DELETE FROM t", "DROP TABLE t", "CREATE TABLE u (a)", "CREATE TEMP TABLE u (a)",
		"WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", "INSERT INTO t VALUES (2) RETURNING a", "REINDEX", "ALTER TABLE t RENAME TO u",
		"VACUUM", "VACUUM INTO '" + other + "'", "COMMIT; VACUUM INTO '" + other + "'", "ATTACH '" + other + "' AS o", "ATTACH 'file:" + other + "?mode=rwc' AS o",
		"COMMIT; ATTACH '" + other + "' AS o; CREATE TABLE o.t (a)", "PRAGMA journal_mode = WAL", "COMMIT; PRAGMA journal_mode = WAL; SELECT 1 WHERE 0; DELETE FROM t",
		"PRAGMA query_only = 0; DELETE FROM t RETURNING a", "PRAGMA writable_schema = 1; DELETE FROM sqlite_schema RETURNING 1", "SELECT load_extension('x')", "SELECT writefile('" + other + "', 'x')",
	} {
		f, err := convert.Open(t.Context(), path, options(query, ""))
		if err == nil {
			f.Close()
			t.Errorf("%s was run", query)
			continue
		}
		var e *tensor.Error
		if !errors.As(err, &e) || e.Path != path || e.Format != "sqlite" {
			t.Errorf("%s: %v", query, err)
		}
		refused++
	}
	t.Logf("%d statements refused", refused)
	_, err = convert.Open(t.Context(), path, options("DELETE FROM t", ""))
	if !errors.Is(err, tensor.ErrUnsupported) || !strings.Contains(err.Error(), "got a statement that writes, want one that reads") {
		t.Error(err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("changed: %v", err)
	}
	if list, _ := filepath.Glob(filepath.Join(dir, "*")); len(list) != 1 {
		t.Errorf("%q", list)
	}
}

// What is committed in a write-ahead log is seen, what is not is not.
func TestWAL(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.sqlite")
	db, err := sql.Open("sqlite", path+"?_pragma=journal_mode(WAL)&_pragma=wal_autocheckpoint(0)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range []string{"CREATE TABLE t (a INTEGER)", "INSERT INTO t VALUES (1)"} {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec("INSERT INTO t VALUES (2)"); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path, options("", "t")); got != "a i64 (1,) [1]\n" {
		t.Error(got)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path, options("", "t")); got != "a i64 (2,) [1 2]\n" {
		t.Error(got)
	}
}

// Many rows are read and written in memory that does not depend on their number,
// and all of them arrive.
func TestMany(t *testing.T) {
	n := int64(300_000)
	if testing.Short() {
		n = 10_000
	}
	dir := t.TempDir()
	path := made(t, filepath.Join(dir, "many.sqlite"))
	query := fmt.Sprintf("WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM c LIMIT %d) SELECT i, i*0.5 x, printf('row %%d', i) s, CASE WHEN i %% 1000 THEN i END AS part FROM c", n)
	out := filepath.Join(dir, "copy.sqlite")
	o := &convert.Options{Open: *options(query, ""), NoSync: true}
	made(t, path, "CREATE TABLE z (a)")
	if _, err := convert.Files(t.Context(), []string{path}, out, o); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", out)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var count, sum, nulls, texts int64
	var floats float64
	if err := db.QueryRow("SELECT count(*), sum(i), sum(x), sum(part IS NULL), sum(s = 'row ' || i) FROM tensors").Scan(&count, &sum, &floats, &nulls, &texts); err != nil {
		t.Fatal(err)
	}
	if count != n || sum != n*(n-1)/2 || floats != float64(sum)/2 || nulls != n/1000 || texts != n {
		t.Errorf("%d rows, sum %d, %v, %d NULL, %d texts", count, sum, floats, nulls, texts)
	}
}

func native(t testing.TB, add func(w *tensorfile.Writer) error) *tensorfile.File {
	t.Helper()
	var out bytes.Buffer
	w, err := tensorfile.NewWriter(&out, nil)
	if err == nil {
		err = add(w)
	}
	if err == nil {
		err = w.Commit(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := tensorfile.OpenReaderAt(bytes.NewReader(out.Bytes()), int64(out.Len()), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func sources(t testing.TB, f *tensorfile.File) (list []convert.Source) {
	t.Helper()
	for x, err := range f.Tensors() {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, convert.Source{Tensor: x, As: x.Name()})
	}
	return list
}

func written(src []convert.Source, table string) ([]byte, error) {
	f, _ := convert.ByName("sqlite")
	var out bytes.Buffer
	err := f.Write(context.Background(), &out, src, &convert.WriteOptions{Table: table})
	return out.Bytes(), err
}

func view[T tensor.Elem](t testing.TB, shape tensor.Shape, x ...T) tensor.View {
	t.Helper()
	v, err := tensor.FromSlice(x, shape...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// All dtypes that can be written come back with their values.
func TestWrite(t *testing.T) {
	f := native(t, func(w *tensorfile.Writer) error {
		three := tensor.Shape{3}
		var err error
		add := func(name string, v tensor.View) {
			if err == nil {
				err = w.Add(t.Context(), name, v, nil)
			}
		}
		add("bool", view(t, three, true, false, true))
		add("i8", view[int8](t, three, -128, 0, 127))
		add("i16", view[int16](t, three, math.MinInt16, 0, math.MaxInt16))
		add("i32", view[int32](t, three, math.MinInt32, 0, math.MaxInt32))
		add("i64", view[int64](t, three, math.MinInt64, 0, math.MaxInt64))
		add("u8", view[uint8](t, three, 0, 1, 255))
		add("u16", view[uint16](t, three, 0, 1, math.MaxUint16))
		add("u32", view[uint32](t, three, 0, 1, math.MaxUint32))
		add("u64", view[uint64](t, three, 0, 1, math.MaxInt64))
		add("f16", view(t, three, tensor.ToFloat16(1.5), tensor.ToFloat16(-65504.), tensor.ToFloat16(6e-8)))
		add("bf16", view(t, three, tensor.ToBFloat16(1.5), tensor.ToBFloat16(-3e38), tensor.ToBFloat16(1e-40)))
		add("f32", view[float32](t, three, .1, float32(math.Inf(1)), math.SmallestNonzeroFloat32))
		add("f64", view(t, three, .1, math.Inf(-1), math.NaN()))
		add(`a "quoted"; DROP TABLE t; --`, view[int8](t, three, 1, 2, 3))
		return err
	})
	b, err := written(sources(t, f), "t")
	if err != nil {
		t.Fatal(err)
	}
	g, err := convert.OpenMap(t.Context(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "x.sqlite"), options("", "t"))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	const want = `a "quoted"; DROP TABLE t; -- i64 (3,) [1 2 3]
bf16 f64 (3,) [ 1.50000000e+00 -3.00405527e+38 9.18354962e-41]
bool bool (3,) [ True False True]
f16 f64 (3,) [ 1.50000000e+00 -6.55040000e+04 5.96046448e-08]
f32 f64 (3,) [1.00000001e-01 inf 1.40129846e-45]
f64 f64 (3,) [ 0.1 -inf nan]
i16 i64 (3,) [-32768 0 32767]
i32 i64 (3,) [-2147483648 0 2147483647]
i64 i64 (3,) [-9223372036854775808 0 9223372036854775807]
i8 i64 (3,) [-128 0 127]
u16 i64 (3,) [ 0 1 65535]
u32 i64 (3,) [ 0 1 4294967295]
u64 i64 (3,) [ 0 1 9223372036854775807]
u8 i64 (3,) [ 0 1 255]
`
	if got := shown(t, g); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	again, err := written(sources(t, f), "t")
	if err != nil || !bytes.Equal(again, b) {
		t.Errorf("other bytes, %v", err)
	}
}

// Without a table for all, columns go where their names say, if all do.
func TestTablesByName(t *testing.T) {
	f := native(t, func(w *tensorfile.Writer) error {
		var err error
		for _, x := range []struct {
			name string
			v    tensor.View
		}{
			{"b.x", view[int64](t, tensor.Shape{3}, 1, 2, 3)},
			{"a.x", view[int64](t, tensor.Shape{2}, 4, 5)},
			{"b.y.z", view[int64](t, tensor.Shape{3}, 6, 7, 8)},
		} {
			if err == nil {
				err = w.Add(t.Context(), x.name, x.v, nil)
			}
		}
		return err
	})
	read := func(src []convert.Source) string {
		b, err := written(src, "")
		if err != nil {
			t.Fatal(err)
		}
		g, err := convert.OpenMap(t.Context(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "x.sqlite"), options("", ""))
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		return shown(t, g)
	}
	all := sources(t, f)
	if got, want := read(all), "a.x i64 (2,) [4 5]\nb.x i64 (3,) [1 2 3]\nb.y.z i64 (3,) [6 7 8]\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for i := range all {
		if all[i].As == "a.x" {
			all[i].As = "ax"
		}
	}
	if _, err := written(all, ""); err == nil || !strings.Contains(err.Error(), "as the other columns have") {
		t.Errorf("one table of columns with 2 and 3 rows: %v", err)
	}
}

func TestRefuse(t *testing.T) {
	one := func(v tensor.View) func(w *tensorfile.Writer) error {
		return func(w *tensorfile.Writer) error { return w.Add(t.Context(), "x", v, nil) }
	}
	scalar, err := view[uint8](t, tensor.Shape{1}, 1).Reshape(tensor.Shape{})
	if err != nil {
		t.Fatal(err)
	}
	for want, add := range map[string]func(w *tensorfile.Writer) error{
		"row 1: got 9223372036854775808, want at most 2^63-1": one(view[uint64](t, tensor.Shape{2}, 1, 1<<63)),
		"shape: got (1, 1, 1)":                                one(view[uint8](t, tensor.Shape{1, 1, 1}, 1)),
		"shape: got (), want rank 1":                          one(scalar),
		"dtype: got c64":                                      one(view(t, tensor.Shape{1}, complex64(1))),
		"shape: got (2, 1), want rank 1, as all columns": func(w *tensorfile.Writer) error {
			return errors.Join(one(view[uint8](t, tensor.Shape{2, 1}, 1, 2))(w), w.Add(t.Context(), "y", view[uint8](t, tensor.Shape{2}, 1, 2), nil))
		},
		"shape: got (3,), want (2,), as the other": func(w *tensorfile.Writer) error {
			return errors.Join(one(view[uint8](t, tensor.Shape{2}, 1, 2))(w), w.Add(t.Context(), "y", view[uint8](t, tensor.Shape{3}, 1, 2, 3), nil))
		},
		`name: got one that "X" is equal to but for its case`: func(w *tensorfile.Writer) error {
			return errors.Join(one(view[uint8](t, tensor.Shape{1}, 1))(w), w.Add(t.Context(), "X", view[uint8](t, tensor.Shape{1}, 1), nil))
		},
		"tensors: got no column": func(w *tensorfile.Writer) error { return nil },
	} {
		if _, err := written(sources(t, native(t, add)), ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	big := make([]uint8, 2001)
	if _, err := written(sources(t, native(t, one(view(t, tensor.Shape{1, 2001}, big...)))), ""); err == nil || !strings.Contains(err.Error(), "too many columns") {
		t.Error(err)
	}
	x := sources(t, native(t, one(view[uint8](t, tensor.Shape{1}, 1))))
	if _, err := written(x, "a\x00b"); err == nil || !strings.Contains(err.Error(), "without NUL") {
		t.Error(err)
	}
	if _, err := written(x, "sqlite_x"); err == nil || !strings.Contains(err.Error(), "reserved") {
		t.Error(err)
	}
}

// A table goes into a database that is there in one step or not at all.
func TestInto(t *testing.T) {
	dir := t.TempDir()
	path := made(t, filepath.Join(dir, "there.sqlite"), "CREATE TABLE t (a)", "INSERT INTO t VALUES ('old')", "CREATE VIEW v AS SELECT 1 one")
	from := made(t, filepath.Join(dir, "from.sqlite"), "CREATE TABLE x (n INTEGER, s TEXT)", "INSERT INTO x VALUES (1, 'one'), (2, 'two')")
	into := func(table string, overwrite, dry bool) error {
		o := &convert.Options{Open: *options("", "x"), Overwrite: overwrite, DryRun: dry}
		o.Write.Table = table
		_, err := convert.Files(t.Context(), []string{from}, path, o)
		return err
	}
	const old = "a none (1,) [0 3] \"old\"\n"
	const rows = "n i64 (2,) [1 2]\ns none (2,) [0 3 6] \"onetwo\"\n"
	for _, c := range []struct {
		table          string
		overwrite, dry bool
		says           string
	}{
		{"new", false, true, ""}, {"t", false, false, `table "t": got a table that is there`}, {"T", false, true, "a table that is there"},
		{"v", true, false, "got a view, want a table"}, {"i\x00", true, false, "without NUL"}, {"", false, false, "got a file that is there"}, {"", false, true, "got a file that is there"},
	} {
		err := into(c.table, c.overwrite, c.dry)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v", c, err)
		}
		if got := read(t, path, nil); got != "t."+old {
			t.Errorf("%+v: %s", c, got)
		}
	}
	if err := into("new", false, false); err != nil {
		t.Error(err)
	}
	if err := into("t", true, true); err != nil {
		t.Error(err)
	}
	if got := read(t, path, options("", "t")); got != old {
		t.Errorf("a dry run wrote %s", got)
	}
	if err := into("t", true, false); err != nil {
		t.Error(err)
	}
	for _, table := range []string{"t", "new"} {
		if got := read(t, path, options("", table)); got != rows {
			t.Errorf("%s: %s", table, got)
		}
	}
	if got := read(t, path, options("", "v")); got != "one i64 (1,) [1]\n" {
		t.Error(got)
	}
}

// failing gives an error when so much of it was read.
type failing struct {
	io.ReaderAt
	at  int64
	err error
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.at {
		return 0, f.err
	}
	return f.ReaderAt.ReadAt(p, off)
}

// Whatever fails while rows are written, at whichever place, the database is what
// it was, byte for byte but for what SQLite counts, and no table is half there.
func TestFaults(t *testing.T) {
	dir := t.TempDir()
	path := made(t, filepath.Join(dir, "there.sqlite"), "CREATE TABLE t (a)", "INSERT INTO t VALUES ('old')")
	var native bytes.Buffer
	w, err := tensorfile.NewWriter(&native, nil)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]int64, 100_000)
	for i := range x {
		x[i] = int64(i)
	}
	if err := errors.Join(w.Add(t.Context(), "x", view(t, tensor.Shape{100_000}, x...), nil), w.Commit(t.Context())); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	format, _ := convert.ByName("sqlite")
	injected := errors.New("injected")
	check := func(what string, err error, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", what, err)
		}
		after, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s: the database is another", what)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
			t.Errorf("%s: %q", what, left)
		}
	}
	n := 0
	for at := int64(4096 + 8192); at < int64(native.Len())-20_000; at += int64(native.Len()) / 8 {
		f, err := tensorfile.OpenReaderAt(failing{bytes.NewReader(native.Bytes()), math.MaxInt64, injected}, int64(native.Len()), nil)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		src := failing{bytes.NewReader(native.Bytes()), math.MaxInt64, injected}
		limited := &src
		f, err = tensorfile.OpenReaderAt(readerFunc(func(p []byte, off int64) (int, error) { return limited.ReadAt(p, off) }), int64(native.Len()), nil)
		if err != nil {
			t.Fatal(err)
		}
		list := sources(t, f)
		limited.at = at
		for _, overwrite := range []bool{false, true} {
			table := "new"
			if overwrite {
				table = "t"
			}
			err = format.WriteTo(t.Context(), convert.Target{Path: path, Overwrite: overwrite}, list, &convert.WriteOptions{Table: table})
			check(fmt.Sprintf("source fails at %d", at), err, injected)
			n++
		}
		f.Close()
	}
	f, err := tensorfile.OpenReaderAt(bytes.NewReader(native.Bytes()), int64(native.Len()), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, after := range []int64{0, 100_000, 500_000} {
		ctx, cancel := context.WithCancelCause(t.Context())
		to := convert.Target{Path: path, Overwrite: true, Progress: func(done int64) {
			if done > after {
				cancel(nil)
			}
		}}
		check(fmt.Sprintf("canceled after %d", after), format.WriteTo(ctx, to, sources(t, f), &convert.WriteOptions{Table: "t"}), context.Canceled)
		n++
		cancel(nil)
	}
	to := convert.Target{Path: path, Check: func() error { return injected }}
	check("the source changed", format.WriteTo(t.Context(), to, sources(t, f), &convert.WriteOptions{Table: "new"}), injected)
	t.Logf("%d faults", n+1)
	if testing.Short() {
		return
	}
	// Another writer has the lock, and does not let go.
	db, err := sql.Open("sqlite", path+"?_txlock=exclusive")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	check("locked", format.WriteTo(t.Context(), convert.Target{Path: path}, sources(t, f), &convert.WriteOptions{Table: "new"}), tensor.ErrLocked)
}

type readerFunc func(p []byte, off int64) (int, error)

func (f readerFunc) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

// A disk that is full under a new file leaves nothing.
func TestWriteFails(t *testing.T) {
	f := native(t, func(w *tensorfile.Writer) error {
		return w.Add(t.Context(), "x", view(t, tensor.Shape{1000}, make([]int64, 1000)...), nil)
	})
	format, _ := convert.ByName("sqlite")
	full := errors.New("full")
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	for _, limit := range []int{0, 4096} {
		if err := format.Write(t.Context(), &limited{limit, full}, sources(t, f), nil); !errors.Is(err, full) {
			t.Error(err)
		}
	}
	t.Setenv("TMPDIR", filepath.Join(temp, "not there"))
	if err := format.Write(t.Context(), io.Discard, sources(t, f), nil); !errors.Is(err, tensor.ErrIO) {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(temp, "*")); len(left) != 0 {
		t.Errorf("%q", left)
	}
}

// limited takes n bytes.
type limited struct {
	n   int
	err error
}

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.n {
		return 0, l.err
	}
	l.n -= len(p)
	return len(p), nil
}

// A query that never ends ends with its context.
func TestCancel(t *testing.T) {
	path := made(t, filepath.Join(t.TempDir(), "c.sqlite"), "CREATE TABLE t (a)")
	ctx, cancel := context.WithTimeout(t.Context(), 50*1000*1000)
	defer cancel()
	_, err := convert.Open(ctx, path, options("WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM c) SELECT count(*) FROM c", ""))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// Tables that cannot be read are left out where that is allowed, and only these.
func TestSkipBad(t *testing.T) {
	path := made(t, filepath.Join(t.TempDir(), "s.sqlite"), "CREATE TABLE good (a)", "INSERT INTO good VALUES (1)", "CREATE TABLE bad (b BOOLEAN)", "INSERT INTO bad VALUES (2)", "CREATE TABLE better (c)", "INSERT INTO better VALUES (3)")
	if _, err := convert.Open(t.Context(), path, nil); err == nil {
		t.Error("read")
	}
	o := options("", "")
	o.SkipBad = true
	f, err := convert.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := shown(t, f); got != "good.a i64 (1,) [1]\nbetter.c i64 (1,) [3]\n" {
		t.Error(got)
	}
	if list := f.Layout().Skipped; len(list) != 1 || !strings.Contains(list[0].Error(), `column "b", row 0: got "2" in a column of bools`) {
		t.Errorf("%v", list)
	}
	if names := slices.Collect(func(yield func(string) bool) {
		for x := range f.Tensors() {
			if !yield(x.Name()) {
				return
			}
		}
	}); len(names) != 2 {
		t.Errorf("%q", names)
	}
}
