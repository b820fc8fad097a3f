package postgres_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	tensorsql "github.com/tensorfile/tensorfile/convert/sql"
	_ "github.com/tensorfile/tensorfile/convert/sql/postgres"
	"github.com/tensorfile/tensorfile/tensor"
)

// run runs statements on the server.
func run(t testing.TB, statements ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", postgres(t).address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	return db
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

func read(t testing.TB, o *convert.OpenOptions) string {
	t.Helper()
	f, err := convert.Open(within(t, time.Minute), postgres(t).address, o)
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
	run(t, "DROP SCHEMA IF EXISTS r CASCADE", "CREATE SCHEMA r", "CREATE TYPE r.mood AS ENUM ('sad', 'happy')",
		`CREATE TABLE r."all" (i2 smallint, i4 integer, i8 bigint, f4 real, f8 double precision, ok boolean, n numeric, s text, v varchar(5), c char(3), b bytea, d date, ts timestamp, tz timestamptz,
			t time, iv interval, u uuid, j json, jb jsonb, m r.mood, o oid, a4 integer[], a8 bigint[][], af real[], ab boolean[])`,
		`INSERT INTO r."all" VALUES (-32768, 2147483647, -9223372036854775808, 0.1, 0.1, true, 12345678901234567890.123, 'é', 'v', 'c', '\x00ff', '1969-12-31', '2024-02-29 12:30:00.123456', '2024-02-29 12:30:00+02',
			'12:30', '1 day 2 hours', '00000000-0000-0000-0000-000000000001', '{"a": 1}', '{"a":1}', 'sad', 4294967295, '{1,2,3}', '{{1,2},{3,4}}', '{0.5,Infinity}', '{t,f}')`,
		`INSERT INTO r."all" VALUES (1, 2, 3, 'NaN', '-Infinity', false, 'NaN', '', '', '', '', '2024-02-29', '0001-01-01', '290000-12-31 23:59:59.999999+00',
			'00:00', '-1 day', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '[]', '[]', 'happy', 0, '{4,5,6}', '{{5,6},{7,8}}', '{-0.5,NaN}', '{f,t}')`,
		"CREATE VIEW r.v AS SELECT i2 + 1 AS x FROM r.\"all\" ORDER BY i2", `CREATE TABLE r."odd.name" ("a ""b" integer)`, `INSERT INTO r."odd.name" VALUES (1)`)
	const all = `i2 i64 (2,) [-32768 1]
i4 i64 (2,) [2147483647 2]
i8 i64 (2,) [-9223372036854775808 3]
f4 f64 (2,) [0.1 nan]
f8 f64 (2,) [ 0.1 -inf]
ok bool (2,) [ True False]
n none (2,) [ 0 24 27] "12345678901234567890.123NaN"
s none (2,) [0 2 2] "é"
v none (2,) [0 1 1] "v"
c none (2,) [0 3 6] "c     "
b u8 (2, 2) [0 2 2] "\x00\xff"
d i64 (2,) map[unit:us] [ -86400000000 1709164800000000]
ts i64 (2,) map[unit:us] [ 1709209800123456 -62135596800000000]
tz i64 (2,) map[unit:us] [ 1709202600000000 9089380483199999999]
t none (2,) [ 0  8 16] "12:30:0000:00:00"
iv none (2,) [ 0 14 21] "1 day 02:00:00-1 days"
u none (2,) [ 0 36 72] "00000000-0000-0000-0000-000000000001ffffffff-ffff-ffff-ffff-ffffffffffff"
j none (2,) [ 0  8 10] "{\"a\": 1}[]"
jb none (2,) [ 0  8 10] "{\"a\": 1}[]"
m none (2,) [0 3 8] "sadhappy"
o i64 (2,) [4294967295 0]
a4 i64 (2, 3) [[1 2 3] [4 5 6]]
a8 i64 (2, 2, 2) [[[1 2] [3 4]] [[5 6] [7 8]]]
af f64 (2, 2) [[ 0.5 inf] [-0.5 nan]]
ab bool (2, 2) [[ True False] [False True]]
`
	for _, c := range []struct {
		what string
		o    *convert.OpenOptions
		want string
	}{
		{"all types", options("", "r.all"), all},
		{"a view", options("", "r.v"), "x i64 (2,) [-32767 2]\n"},
		{"a name with a dot", options("", "r.odd.name"), "a \"b i64 (1,) [1]\n"},
		{"a query", options("SELECT i4, ok FROM r.\"all\" ORDER BY i4 -- a comment", ""), "i4 i64 (2,) [ 2 2147483647]\nok bool (2,) [False True]\n"},
		{"no rows", options("SELECT i4, s FROM r.\"all\" WHERE false", ""), "i4 f64 (0,) []\ns f64 (0,) []\n"},
		{"names", options("SELECT 1, 2, 3 AS \"?column?\"", ""), "?column? i64 (1,) [1]\n?column?.2 i64 (1,) [2]\n?column?.3 i64 (1,) [3]\n"},
		{"infinite dates", options("SELECT 'infinity'::timestamptz a", ""), "a none (1,) [0 8] \"infinity\"\n"},
		{"empty arrays", options("SELECT '{}'::int[] a, 1 b", ""), "a f64 (1, 0) []\nb i64 (1,) [1]\n"},
		{"bounds of arrays", options("SELECT '[0:1]={7,8}'::int[] a", ""), "a i64 (1, 2) [[7 8]]\n"},
		{"values", options("VALUES (1, 'x'), (2, 'y')", ""), "column1 i64 (2,) [1 2]\ncolumn2 none (2,) [0 1 2] \"xy\"\n"},
		{"NULL in arrays", options("SELECT a FROM (VALUES (1, NULL), (2, '{1,NULL}'), (3, NULL), (4, '{3,4}'::int[])) x (i, a) ORDER BY i", ""), "a f64 (4, 2) [[nan nan] [ 1. nan] [nan nan] [ 3. 4.]]\n"},
		{"NULL", options("SELECT NULL::int a, NULL::text b, NULL::bytea c, NULL::int[] d, NULL e", ""), "a f64 (1,) [nan]\nb f64 (1,) [nan]\nc f64 (1,) [nan]\nd f64 (1,) [nan]\ne f64 (1,) [nan]\n"},
	} {
		if got := read(t, c.o); got != c.want {
			t.Errorf("%s: got\n%swant\n%s", c.what, got, c.want)
		}
	}
	// The server counts the same microseconds.
	f, err := convert.Open(t.Context(), postgres(t).address, options("SELECT x, (extract(epoch FROM x) * 1000000)::bigint AS us FROM (SELECT tz FROM r.\"all\" UNION ALL SELECT ts FROM r.\"all\" UNION ALL SELECT d FROM r.\"all\") y (x)", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines [2]string
	for i, name := range []string{"x", "us"} {
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		v, err := x.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		lines[i] = v.String()
	}
	if lines[0] != lines[1] || !strings.Contains(lines[0], "9089380483199999999") {
		t.Errorf("%s, and by the server %s", lines[0], lines[1])
	}
	o := options("SELECT i2, f8 FROM r.\"all\"", "")
	o.Columns.Matrix = convert.Yes
	if got := read(t, o); got != "query f64 (2, 2) [[-3.2768e+04 1.0000e-01] [ 1.0000e+00 -inf]]\n" {
		t.Error(got)
	}
}

// NULL where the rule is a mask, or an error.
func TestNull(t *testing.T) {
	o := options("SELECT a, b FROM (VALUES (1, '{1,2}'::int[]), (NULL, NULL), (3, '{NULL,4}')) x (a, b)", "")
	o.Columns.Missing = convert.MissingMask
	const want = `a i64 (3,) [1 0 3]
a.valid bool (3,) [ True False True]
b i64 (3, 2) [[1 2] [0 0] [0 4]]
b.valid bool (3, 2) [[ True True] [False False] [False True]]
`
	if got := read(t, o); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	o.Columns.Missing = convert.MissingError
	if _, err := convert.Open(t.Context(), postgres(t).address, o); err == nil || !strings.Contains(err.Error(), `column "a", row 1: got NULL`) {
		t.Error(err)
	}
}

// TestBadInput: what the server, its data or the caller can get wrong, PG01 and on.
func TestBadInput(t *testing.T) {
	s := postgres(t)
	db := run(t, "DROP SCHEMA IF EXISTS bad CASCADE", "CREATE SCHEMA bad", "CREATE TABLE bad.t (a integer)", "INSERT INTO bad.t VALUES (1)", "CREATE SEQUENCE bad.s", "DROP ROLE IF EXISTS guest")
	run(t, "CREATE ROLE guest LOGIN PASSWORD '"+password+"'")
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { // takes connections and says nonsense
		for {
			c, err := dead.Accept()
			if err != nil {
				return
			}
			c.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
			c.Close()
		}
	}()
	defer dead.Close()
	noise := fmt.Sprintf("postgres://x:%s@%s/x", "s3cret", dead.Addr())
	type row struct {
		what, address, query, table string
		kind                        error
		says                        string
	}
	rows := []row{
		{"syntax", "", "SELEC 1", "", tensor.ErrFormat, "syntax error"},
		{"nothing", "", " ", "", tensor.ErrUnsupported, "a statement without a result"},
		{"a comment", "", "-- nothing", "", tensor.ErrUnsupported, "a statement without a result"},
		{"NUL", "", "SELECT 1\x00", "", tensor.ErrFormat, ""},
		{"no UTF-8", "", "SELECT '\xff'", "", tensor.ErrFormat, ""},
		{"two statements", "", "SELECT 1; SELECT 2", "", tensor.ErrFormat, "multiple commands"},
		{"two statements, one hidden", "", `SELECT E'\''; DROP TABLE bad.t; --'`, "", tensor.ErrFormat, "multiple commands"},
		{"insert", "", "INSERT INTO bad.t VALUES (2)", "", tensor.ErrUnsupported, "a statement that writes"},
		{"insert in with", "", "WITH x AS (INSERT INTO bad.t VALUES (2) RETURNING a) SELECT * FROM x", "", tensor.ErrUnsupported, "a statement that writes"},
		{"drop", "", "DROP TABLE bad.t", "", tensor.ErrUnsupported, "a statement that writes"},
		{"create", "", "CREATE TABLE bad.u (a int)", "", tensor.ErrUnsupported, "a statement that writes"},
		{"a sequence", "", "SELECT nextval('bad.s')", "", tensor.ErrUnsupported, "a statement that writes"},
		{"a lock", "", "SELECT * FROM bad.t FOR UPDATE", "", tensor.ErrUnsupported, "a statement that writes"},
		{"permission to write", "", "SELECT set_config('transaction_read_only', 'off', true), nextval('bad.s')", "", tensor.ErrUnsupported, ""},
		{"vacuum", "", "VACUUM", "", tensor.ErrUnsupported, "VACUUM cannot run inside a transaction"},
		{"no table", "", "SELECT * FROM bad.nope", "", tensor.ErrNotFound, "does not exist"},
		{"no such table", "", "", "nope", tensor.ErrNotFound, `table: got "nope", want "bad.t"`},
		{"a table that is another statement", "", "", `t"; DROP TABLE bad.t; --`, tensor.ErrNotFound, `table: got "t\"; DROP TABLE bad.t; --"`},
		{"neither table nor query", "", "", "", tensor.ErrNotFound, "table: got none"},
		{"both", "", "SELECT 1", "t", tensor.ErrUnsupported, "a table and a query"},
		{"a table with NUL", "", "", "bad.\x00", tensor.ErrNotFound, ""},
		{"division by zero", "", "SELECT 1/(a-1) FROM bad.t", "", tensor.ErrFormat, "division by zero"},
		{"an error late", "", "SELECT 1/(5000-i) FROM generate_series(1, 6000) i", "", tensor.ErrFormat, "division by zero"},
		{"arrays of text", "", "SELECT '{a,b}'::text[] names", "", tensor.ErrUnsupported, `column "names": got an array of "text"`},
		{"arrays of two shapes", "", "SELECT * FROM (VALUES ('{1,2}'::int[]), ('{1,2,3}')) x (a)", "", tensor.ErrShape, `column "a", row 1: got an array of shape (3,), want (2,)`},
		{"arrays of two ranks", "", "SELECT * FROM (VALUES ('{1,2}'::int[]), ('{{1,2}}')) x (a)", "", tensor.ErrShape, "(1, 2)"},
		{"a date among infinite ones", "", "SELECT * FROM (VALUES ('infinity'::date), ('2024-01-01')) x (a)", "", tensor.ErrUnsupported, "a time behind values of other kinds"},
		{"an infinite date among others", "", "SELECT * FROM (VALUES ('2024-01-01'::date), ('infinity')) x (a)", "", tensor.ErrUnsupported, `got "infinity" behind times`},
		{"a date beyond microseconds", "", "SELECT '5000000-01-01'::date", "", tensor.ErrOverflow, "the year 5000000"},
		{"a time beyond microseconds since 1970", "", "SELECT '294276-12-31 23:59:59.999999+00'::timestamptz", "", tensor.ErrOverflow, "the year 294276"},
		{"a value of 270 MB", "", "SELECT repeat('x', 270000000)", "", tensor.ErrLimit, "at most 268435456"},
		{"a value of 2 GB", "", "SELECT repeat('x', 2000000000)", "", tensor.ErrLimit, ""},
		{"names that a terminal obeys", "", "SELECT '{a}'::text[] \"\x1b[2J\n\"", "", tensor.ErrUnsupported, `"\x1b[2J\n"`},
		{"errors that a terminal obeys", "", "SELECT 'x\x1b[2J'::int", "", tensor.ErrFormat, `\x1b[2J`},
		{"copy", "", "COPY bad.t TO STDOUT", "", nil, ""},
		{"another password", s.with(owner, "wrong s3cret"), "SELECT 1", "", tensor.ErrIO, "password authentication failed"},
		{"another user", s.with("nobody", password), "SELECT 1", "", tensor.ErrIO, "password authentication failed"},
		{"no right", s.with("guest", password), "SELECT * FROM bad.t", "", tensor.ErrFormat, "permission denied"},
		{"another database", strings.Replace(s.with(owner, password), "/postgres", "/nope", 1), "SELECT 1", "", tensor.ErrNotFound, "does not exist"},
		{"nobody there", "postgres://x:s3cret@127.0.0.1:1/x", "SELECT 1", "", tensor.ErrIO, "connection refused"},
		{"no server of this kind", noise, "SELECT 1", "", tensor.ErrIO, ""},
		{"a port that is none", "postgres://x:s3cret@127.0.0.1:port/x", "SELECT 1", "", tensor.ErrFormat, "address: got one that cannot be taken apart"},
		{"an escape that is none", "postgres://x:s3cret%zz@127.0.0.1/x", "SELECT 1", "", tensor.ErrFormat, "address"},
		{"a password with a slash", "postgres://x:a/s3cret@127.0.0.1:5/x", "SELECT 1", "", tensor.ErrFormat, "address"},
		{"a parameter that is none", "postgres://x:s3cret@127.0.0.1/x?connect_timeout=s3cret-not&password=s3cret", "SELECT 1", "", tensor.ErrFormat, "connect_timeout"},
		{"sslmode that is none", "postgres://x@127.0.0.1/x?sslmode=maybe&PassWord=s3cret", "SELECT 1", "", tensor.ErrFormat, "sslmode"},
		{"a certificate that is not there", "postgres://x:s3cret@127.0.0.1/x?sslmode=verify-full&sslrootcert=/nope", "SELECT 1", "", tensor.ErrFormat, "sslrootcert"},
		{"a key with a password", "postgres://x@127.0.0.1/x?sslpassword=s3cret", "SELECT 1", "", tensor.ErrFormat, "sslpassword"},
	}
	rows[44].address = strings.ReplaceAll(rows[44].address, "s3cret-not", "soon")
	for i, r := range rows {
		t.Run(fmt.Sprintf("PG%02d/%s", i+1, r.what), func(t *testing.T) {
			address := r.address
			if address == "" {
				address = s.address
			}
			if r.kind == tensor.ErrLimit && testing.Short() {
				t.Skip("large")
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			f, err := convert.Open(within(t, time.Minute), address, options(r.query, r.table))
			runtime.ReadMemStats(&after)
			if err == nil {
				f.Close()
				t.Fatal("read")
			}
			redacted(t, "the error", fmt.Sprintf("%v %+v %#v", err, err, errors.Unwrap(err)))
			var e *tensor.Error
			if !errors.As(err, &e) || r.kind != nil && !errors.Is(err, r.kind) || e.Format != "postgres" || !strings.HasPrefix(e.Path, "postgres://") {
				t.Errorf("%v, want %v", err, r.kind)
			}
			if !strings.Contains(err.Error(), r.says) || strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("%q, want %s", err, r.says)
			}
			for err := error(e); err != nil; err = errors.Unwrap(err) {
				redacted(t, "the chain", fmt.Sprintf("%+v", err))
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 && r.kind != tensor.ErrLimit {
				t.Errorf("%d MiB allocated", n>>20)
			}
			if r.kind == tensor.ErrLimit {
				return
			}
			if _, err := convert.Files(within(t, time.Minute), []string{address}, filepath.Join(t.TempDir(), "x.tensor"), &convert.Options{Open: *options(r.query, r.table)}); err == nil {
				t.Error("converted")
			} else {
				redacted(t, "the conversion", err.Error())
			}
		})
	}
	t.Logf("%d rows", len(rows))
	// What the server allows all the same is rolled back.
	read(t, options("SELECT lo_create(4711) FROM bad.t", ""))
	var n, objects int
	if err := db.QueryRow("SELECT (SELECT count(*) FROM bad.t), (SELECT count(*) FROM pg_largeobject_metadata)").Scan(&n, &objects); err != nil || n != 1 || objects != 0 {
		t.Errorf("%d rows, %d objects, %v", n, objects, err)
	}
}

// Passwords come from the environment, the password file and the address, and are
// nowhere to be seen.
func TestPasswords(t *testing.T) {
	s := postgres(t)
	open := func(address string) error {
		f, err := convert.Open(within(t, time.Minute), address, options("SELECT 1 one", ""))
		if err != nil {
			return err
		}
		defer f.Close()
		redacted(t, "the path", f.Path())
		out := filepath.Join(t.TempDir(), "x.tensor")
		r, err := convert.Files(t.Context(), []string{address}, out, &convert.Options{Open: *options("SELECT now() one", "")})
		if err != nil {
			return err
		}
		redacted(t, "the result", fmt.Sprintf("%+v", r))
		b, err := os.ReadFile(out)
		redacted(t, "the file", string(b))
		return err
	}
	for what, set := range map[string]func(t *testing.T) string{
		"PGPASSWORD": func(t *testing.T) string { return s.address },
		"address":    func(t *testing.T) string { t.Setenv("PGPASSWORD", ""); return s.with(owner, password) },
		"both":       func(t *testing.T) string { t.Setenv("PGPASSWORD", "another"); return s.with(owner, password) },
		"parameter": func(t *testing.T) string {
			t.Setenv("PGPASSWORD", "")
			return s.address + "?password=" + strings.NewReplacer("%", "%25", "/", "%2F", "@", "%40", ":", "%3A", " ", "%20").Replace(password)
		},
		"PGPASSFILE": func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "pgpass")
			line := fmt.Sprintf("127.0.0.1:%d:*:%s:%s\n", s.port, owner, strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(password))
			if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PGPASSWORD", "")
			t.Setenv("PGPASSFILE", path)
			return s.address
		},
		"all of it": func(t *testing.T) string {
			t.Setenv("PGHOST", "127.0.0.1")
			t.Setenv("PGPORT", fmt.Sprint(s.port))
			t.Setenv("PGUSER", owner)
			t.Setenv("PGDATABASE", "postgres")
			return "postgresql://"
		},
	} {
		t.Run(what, func(t *testing.T) {
			if err := open(set(t)); err != nil {
				redacted(t, "the error", err.Error())
				t.Error(err)
			}
		})
	}
	if got := convert.Redact(s.with(owner, password) + "?sslpassword=s3cret"); got != s.address {
		t.Errorf("%s, want %s", got, s.address)
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

func view[T tensor.Elem](t testing.TB, x ...T) tensor.View {
	t.Helper()
	v, err := tensor.FromSlice(x)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func writeTo(ctx context.Context, to convert.Target, src []convert.Source, table string) error {
	f, _ := convert.ByName("postgres")
	return f.WriteTo(ctx, to, src, &convert.WriteOptions{Table: table})
}

// Rows that were read are written and read again as the same, by COPY, and what
// psql says of them is that, too.
func TestWrite(t *testing.T) {
	s := postgres(t)
	db := run(t, "DROP SCHEMA IF EXISTS w CASCADE", "CREATE SCHEMA w", "CREATE TABLE public_dot (a int)", "DROP TABLE public_dot")
	f := native(t, func(w *tensorfile.Writer) error {
		return errors.Join(
			w.Add(t.Context(), "ok", view(t, true, false, true), nil),
			w.Add(t.Context(), "i8", view[int8](t, -128, 0, 127), nil),
			w.Add(t.Context(), "u64", view[uint64](t, 0, 1, math.MaxInt64), nil),
			w.Add(t.Context(), "f32", view[float32](t, .5, float32(math.Inf(1)), float32(math.NaN())), nil),
			w.Add(t.Context(), "f64", view(t, .1, math.Inf(-1), math.MaxFloat64), nil),
			w.Add(t.Context(), `a "name"; DROP SCHEMA w; --`, view[int64](t, 1, 2, 3), nil))
	})
	const want = `a "name"; DROP SCHEMA w; -- i64 (3,) [1 2 3]
f32 f64 (3,) [0.5 inf nan]
f64 f64 (3,) [1.00000000e-001 -inf 1.79769313e+308]
i8 i64 (3,) [-128 0 127]
ok bool (3,) [ True False True]
u64 i64 (3,) [ 0 1 9223372036854775807]
`
	for _, table := range []string{"w.t", `w.odd "table"; DROP SCHEMA w`} {
		if err := writeTo(t.Context(), convert.Target{Path: s.address}, sources(t, f), table); err != nil {
			t.Fatal(err)
		}
		if got := read(t, options("", table)); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	}
	var types string
	if err := db.QueryRow("SELECT string_agg(data_type, ',' ORDER BY ordinal_position) FROM information_schema.columns WHERE table_schema = 'w' AND table_name = 't'").Scan(&types); err != nil || types != "bigint,double precision,double precision,bigint,boolean,bigint" {
		t.Errorf("%s, %v", types, err)
	}
	// Strings and bytes: from one table to another.
	run(t, "CREATE TABLE w.from (s text, b bytea, a int)", `INSERT INTO w.from VALUES ('é', '\x00ff', 1), ('', '', 2), ('a\b	c', '\x5c', 3)`)
	o := &convert.Options{Open: *options("SELECT s, b FROM w.from ORDER BY a", "")}
	o.Write.Table = "w.to"
	res, err := convert.Files(t.Context(), []string{s.address}, s.with(owner, password), o)
	if err != nil {
		t.Fatal(err)
	}
	redacted(t, "the result", fmt.Sprintf("%+v", res))
	const texts = "s none (3,) [0 2 2 7] \"éa\\\\b\\tc\"\nb u8 (3, 2) [0 2 2 3] \"\\x00\\xff\\\\\"\n"
	if got := read(t, options("", "w.to")); got != texts {
		t.Errorf("got\n%swant\n%s", got, texts)
	}
	// A matrix.
	m, err := view[float32](t, 1, 2, 3, 4, 5, 6).Reshape(tensor.Shape{2, 3})
	if err != nil {
		t.Fatal(err)
	}
	g := native(t, func(w *tensorfile.Writer) error { return w.Add(t.Context(), "m", m, nil) })
	if err := writeTo(t.Context(), convert.Target{Path: s.address}, sources(t, g), "w.m"); err != nil {
		t.Fatal(err)
	}
	if got := read(t, options("SELECT * FROM w.m ORDER BY c0", "")); got != "c0 f64 (2,) [1. 4.]\nc1 f64 (2,) [2. 5.]\nc2 f64 (2,) [3. 6.]\n" {
		t.Error(got)
	}
	if psql, err := exec.LookPath("psql"); err == nil {
		out, err := exec.Command(psql, "-At", s.address, "-c", "TABLE w.t").CombinedOutput()
		if want := "1|0.5|0.1|-128|t|0\n2|Infinity|-Infinity|0|f|1\n3|NaN|1.7976931348623157e+308|127|t|9223372036854775807\n"; err != nil || string(out) != want {
			t.Errorf("psql: %s, %v", out, err)
		}
	}
}

// A table is made in one transaction or not at all.
func TestFaults(t *testing.T) {
	s := postgres(t)
	db := run(t, "DROP SCHEMA IF EXISTS f CASCADE", "CREATE SCHEMA f", "CREATE TABLE f.t (a text)", "INSERT INTO f.t VALUES ('old')", "CREATE VIEW f.v AS SELECT 1 one")
	x := make([]int64, 200_000)
	for i := range x {
		x[i] = int64(i)
	}
	x8 := make([]uint64, len(x))
	x8[150_000] = 1 << 63
	f := native(t, func(w *tensorfile.Writer) error { return w.Add(t.Context(), "x", view(t, x...), nil) })
	late := native(t, func(w *tensorfile.Writer) error { return w.Add(t.Context(), "x", view(t, x8...), nil) })
	check := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
		for range 100 { // a backend whose connection ended may need a moment
			var old string
			var tables int
			err = db.QueryRow("SELECT (SELECT a FROM f.t), (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname = 'f')").Scan(&old, &tables)
			if err == nil && old == "old" && tables == 2 {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("%s: the database is another: %v", what, err)
	}
	injected := errors.New("injected")
	n := 0
	for _, table := range []string{"f.t", "f.new"} {
		to := convert.Target{Path: s.address, Overwrite: true}
		check("a value too large in "+table, writeTo(t.Context(), to, sources(t, late), table), tensor.ErrOverflow)
		to.Check = func() error { return injected }
		check("the source changed", writeTo(t.Context(), to, sources(t, f), table), injected)
		to.Check = nil
		for _, at := range []int64{0, 500_000, 1_500_000} {
			ctx, cancel := context.WithCancel(t.Context())
			to.Progress = func(done int64) {
				if done > at {
					cancel()
				}
			}
			check(fmt.Sprintf("canceled at %d", at), writeTo(ctx, to, sources(t, f), table), context.Canceled)
			cancel()
			// The server ends the connection in the middle.
			ended := false
			to.Progress = func(done int64) {
				if done > at && !ended {
					ended = true
					if _, err := db.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tensorfile'"); err != nil {
						t.Error(err)
					}
				}
			}
			if err := writeTo(t.Context(), to, sources(t, f), table); err == nil || !ended {
				t.Errorf("ended: %v, %v", ended, err)
			} else {
				check("ended", err, err)
			}
			n += 2
		}
		n += 2
	}
	for what, c := range map[string]struct {
		table     string
		overwrite bool
		dry       bool
		want      error
	}{
		"there": {"f.t", false, false, tensor.ErrExists}, "there, dry": {"f.t", false, true, tensor.ErrExists}, "a view": {"f.v", true, false, tensor.ErrExists},
		"dry": {"f.new", false, true, nil}, "dry, over": {"f.t", true, true, nil}, "no schema": {"nope.new.x\x00", false, false, tensor.ErrUnsupported},
	} {
		check(what, writeTo(t.Context(), convert.Target{Path: s.address, Overwrite: c.overwrite, DryRun: c.dry}, sources(t, f), c.table), c.want)
		n++
	}
	t.Logf("%d faults", n)
	if err := writeTo(t.Context(), convert.Target{Path: s.address, Overwrite: true}, sources(t, f), "f.t"); err != nil {
		t.Fatal(err)
	}
	var count, sum int64
	if n := int64(len(x)); db.QueryRow("SELECT count(*), sum(x) FROM f.t").Scan(&count, &sum) != nil || count != n || sum != n*(n-1)/2 {
		t.Errorf("%d rows, sum %d", count, sum)
	}
}

// Many rows go through memory that does not depend on their number.
func TestMany(t *testing.T) {
	n := 400_000
	if testing.Short() {
		n = 50_000
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f, err := convert.Open(within(t, 2*time.Minute), postgres(t).address, options(fmt.Sprintf("SELECT i, i*0.5::float8 x, 'row ' || i s, CASE WHEN i %% 1000 <> 0 THEN i END part FROM generate_series(0, %d) i", n-1), ""))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	runtime.GC()
	runtime.ReadMemStats(&after)
	sums := map[string]float64{}
	for _, name := range []string{"i", "x", "part"} {
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		v, err := x.Read(t.Context())
		if err == nil {
			v, err = v.Cast(tensor.F64)
		}
		if err != nil {
			t.Fatal(err)
		}
		list, err := tensor.Data[float64](v)
		if err != nil || len(list) != n {
			t.Fatalf("%d, %v", len(list), err)
		}
		for i, y := range list {
			want := map[string]float64{"i": float64(i), "x": float64(i) / 2, "part": float64(i)}[name]
			if name == "part" && i%1000 == 0 {
				want = math.NaN()
			}
			if y != want && (y == y || want == want) {
				t.Fatalf("%s[%d] is %v, want %v", name, i, y, want)
			}
			sums[name]++
		}
	}
	t.Logf("%v values compared, %d MiB held", sums, (int64(after.HeapAlloc)-int64(before.HeapAlloc))>>20)
}

// Read and Insert work with any driver of database/sql.
func TestLibrary(t *testing.T) {
	db := run(t, "DROP SCHEMA IF EXISTS l CASCADE", "CREATE SCHEMA l")
	f, err := tensorsql.Read(t.Context(), db, "SELECT i, i * 0.25::float8 x FROM generate_series($1::int, 2500) i", nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := &tensorsql.Dialect{Format: "sql", Argument: func(i int) string { return fmt.Sprintf("$%d", i) }, Name: func(string) string { return `l."copy"` }}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if err := d.Insert(t.Context(), tx, "copy", sources(t, f), convert.Target{}); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	var n int
	var sum float64
	if err := db.QueryRow("SELECT count(*), sum(x) FROM l.copy WHERE x = i * 0.25").Scan(&n, &sum); err != nil || n != 2500 || sum != 2500*2501/8. {
		t.Errorf("%d rows, %v, %v", n, sum, err)
	}
	if _, err := tensorsql.Read(t.Context(), db, "SELECT nope", nil); !errors.Is(err, tensor.ErrIO) {
		t.Error(err)
	}
}

// A query is given up when its context ends.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := convert.Open(ctx, postgres(t).address, options("SELECT pg_sleep(60)", "")); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 30*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}
