package sqlite_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// TestBadInput: the catalogue has no rows of databases; these are SQ01 and on.
func TestBadInput(t *testing.T) {
	var rows []badinput.Row
	add := func(what string, kind error, says string, make func(t testing.TB, path string)) *badinput.Row {
		rows = append(rows, badinput.Row{ID: fmt.Sprintf("SQ%02d", len(rows)+1), What: what, Format: "sqlite", From: "sqlite", Kind: kind, Says: []string{says}, NoOffset: true, Make: func(t testing.TB, dir string) string {
			path := filepath.Join(dir, "x.sqlite")
			make(t, path)
			return path
		}})
		return &rows[len(rows)-1]
	}
	made := func(statements ...string) func(t testing.TB, path string) {
		return func(t testing.TB, path string) { made(t, path, statements...) }
	}
	good := []string{"CREATE TABLE t (a INTEGER, s TEXT)", "WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM c LIMIT 3000) INSERT INTO t SELECT i, 'text ' || i FROM c"}
	bytesOf := func(b string) func(t testing.TB, path string) {
		return func(t testing.TB, path string) {
			if err := os.WriteFile(path, []byte(b), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	changed := func(change func(b []byte) []byte) func(t testing.TB, path string) {
		return func(t testing.TB, path string) {
			made(good...)(t, path)
			b, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, change(b), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	set := func(at int, x ...byte) func(t testing.TB, path string) {
		return changed(func(b []byte) []byte { copy(b[at:], x); return b })
	}
	schema := func(statement string) func(t testing.TB, path string) {
		return made(append(good[:2:2], "PRAGMA writable_schema = ON", statement)...)
	}
	// Damage.
	add("text", tensor.ErrFormat, "file is not a database", bytesOf(strings.Repeat("no database ", 100)))
	add("the magic alone", tensor.ErrFormat, "file is not a database", bytesOf("SQLite format 3\x00"))
	add("half a header", tensor.ErrCorrupt, "malformed", changed(func(b []byte) []byte { return b[:50] }))
	add("another magic", tensor.ErrFormat, "file is not a database", set(14, 0x34))
	add("pages of 3 bytes", tensor.ErrFormat, "file is not a database", set(16, 0, 3))
	add("pages of 0 bytes", tensor.ErrFormat, "file is not a database", set(16, 0, 0))
	add("a read version to come", tensor.ErrFormat, "file is not a database", set(19, 9))
	add("fractions of pages", tensor.ErrFormat, "file is not a database", set(21, 1, 1, 1))
	add("a schema format to come", tensor.ErrFormat, "unsupported file format", set(44, 0, 0, 0, 9))
	add("an encoding that is none", tensor.ErrFormat, "", set(56, 0, 0, 0, 9)).Kind = nil
	add("cut in a page", tensor.ErrCorrupt, "malformed", changed(func(b []byte) []byte { return b[:len(b)-5000] }))
	add("cut behind the first page", tensor.ErrCorrupt, "malformed", changed(func(b []byte) []byte { return b[:4096] }))
	add("the schema's page is no tree", tensor.ErrCorrupt, "malformed", set(100, 7))
	add("noise in the schema's cells", tensor.ErrCorrupt, "malformed", changed(func(b []byte) []byte { copy(b[4000:4096], bytes.Repeat([]byte{0xff}, 96)); return b }))
	add("a leaf is zeros", tensor.ErrCorrupt, "malformed", changed(func(b []byte) []byte { clear(b[3*4096 : 4*4096]); return b }))
	add("cells that overlap the header", tensor.ErrCorrupt, "malformed", changed(func(b []byte) []byte { copy(b[3*4096+8:], []byte{0, 1, 0, 1, 0, 1}); return b }))
	add("a root beyond the file", tensor.ErrCorrupt, "malformed", schema("UPDATE sqlite_schema SET rootpage = 999999"))
	add("two tables on one page", nil, "", schema("INSERT INTO sqlite_schema SELECT type, 'u', 'u', rootpage, 'CREATE TABLE u (a INTEGER, s TEXT)' FROM sqlite_schema"))
	add("a table on the schema's page", tensor.ErrCorrupt, "malformed", schema("UPDATE sqlite_schema SET rootpage = 1"))
	// Tricks with the schema.
	add("SQL that is none", tensor.ErrCorrupt, "malformed", schema("UPDATE sqlite_schema SET sql = 'CREATE TABLE t (((('"))
	add("SQL that does something else", tensor.ErrCorrupt, "malformed", schema("UPDATE sqlite_schema SET sql = 'DELETE FROM t'"))
	add("another table's SQL", tensor.ErrCorrupt, "malformed", schema("UPDATE sqlite_schema SET sql = 'CREATE TABLE other (a, b, c)'"))
	add("a module that is not there", nil, "", schema("INSERT INTO sqlite_schema VALUES ('table', 'm', 'm', 0, 'CREATE VIRTUAL TABLE m USING nosuch(x)')"))
	add("a view of itself", nil, "", made("CREATE TABLE a (x)", "CREATE VIEW v AS SELECT * FROM w", "CREATE VIEW w AS SELECT * FROM v"))
	add("a column computed by a function that loads code", tensor.ErrCorrupt, "unsafe use of load_extension()", schema("UPDATE sqlite_schema SET sql = 'CREATE TABLE t (a INTEGER, s TEXT, x AS (load_extension(s)))'"))
	// Values.
	add("a blob of 300 MB", tensor.ErrLimit, "too big", made("CREATE TABLE t (a, b BLOB AS (zeroblob(300000000)))", "INSERT INTO t VALUES (1)"))
	add("text that is no UTF-8", tensor.ErrFormat, `column "s", row 0: got text that is no UTF-8`, made("CREATE TABLE t (s TEXT)", "INSERT INTO t VALUES (CAST(x'ff' AS TEXT))"))
	add("half a surrogate in UTF-16", tensor.ErrFormat, "got text that is no UTF-8", made("PRAGMA encoding = 'UTF-16le'", "CREATE TABLE t (s TEXT)", "INSERT INTO t VALUES (CAST(x'00d8' AS TEXT))"))
	add("NUL in text", nil, "", made("CREATE TABLE t (s TEXT)", "INSERT INTO t VALUES ('a' || char(0) || 'b')"))
	add("2 as a bool", tensor.ErrUnsupported, `column "ok", row 1: got "2" in a column of bools`, made("CREATE TABLE t (ok BOOLEAN)", "INSERT INTO t VALUES (1), (2)"))
	add("text as a bool", tensor.ErrUnsupported, `got "yes" in a column of bools`, made("CREATE TABLE t (ok BOOL)", "INSERT INTO t VALUES ('yes')"))
	add("text behind times", tensor.ErrUnsupported, `row 1: got "soon" behind times`, made("CREATE TABLE t (at TIMESTAMP)", "INSERT INTO t VALUES ('2024-01-01'), ('soon')"))
	add("a time behind text", tensor.ErrUnsupported, "row 1: got a time behind values of other kinds", made("CREATE TABLE t (at DATETIME)", "INSERT INTO t VALUES ('soon'), ('2024-01-01')"))
	add("blobs of 1 MB and no end", nil, "", made("CREATE TABLE t (b BLOB)", "INSERT INTO t VALUES (randomblob(1000000)), (x''), (NULL)"))
	// Names.
	add("names that a terminal obeys", tensor.ErrUnsupported, `column "\x1b[2J\n", row 0`, made("CREATE TABLE \"\x1b[31m\" (\"\x1b[2J\n\" BOOL)", "INSERT INTO \"\x1b[31m\" VALUES (7)"))
	add("names of two tables that are one", tensor.ErrDuplicate, `"a.b.c" of two tables`, made(`CREATE TABLE "a" ("b.c")`, `CREATE TABLE "a.b" (c)`))
	add("names that end statements", nil, "", made(`CREATE TABLE "t""; DROP TABLE t; --" ("a""b" INTEGER)`, `INSERT INTO "t""; DROP TABLE t; --" VALUES (1)`))
	add("a name of 100,000 characters", nil, "", made(`CREATE TABLE t ("`+strings.Repeat("long", 25_000)+`" INTEGER)`, "INSERT INTO t VALUES (1)"))
	add("2,000 columns", nil, "", made("CREATE TABLE t (c"+many(2000)+")", "INSERT INTO t DEFAULT VALUES"))
	add("100 tables", nil, "", func(t testing.TB, path string) {
		var all []string
		for i := range 100 {
			all = append(all, fmt.Sprintf("CREATE TABLE t%d (a INTEGER)", i))
		}
		made("BEGIN; "+strings.Join(all, ";")+"; COMMIT")(t, path)
	})
	add("nothing", nil, "", bytesOf(""))
	badinput.Run(t, rows)
	t.Logf("%d rows", len(rows))
	if len(rows) < 25 {
		t.Error("too few")
	}
}

// many is the rest of a list of n columns.
func many(n int) string {
	var b strings.Builder
	b.WriteString("0")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, ", c%d", i)
	}
	return b.String()
}

// Whatever bytes of a database are changed, it is read, or an error says why not.
func TestMutations(t *testing.T) {
	b, err := os.ReadFile(made(t, filepath.Join(t.TempDir(), "x"), "PRAGMA page_size = 512",
		"CREATE TABLE t (a INTEGER, x REAL, s TEXT, b BLOB, ok BOOLEAN, at TIMESTAMP)", "INSERT INTO t VALUES (1, 2.5, 'x', x'00', 1, '2024-01-01'), (NULL, NULL, NULL, NULL, NULL, NULL)",
		"CREATE TABLE u (a INTEGER PRIMARY KEY, s TEXT) WITHOUT ROWID", "INSERT INTO u VALUES (1, 'x')"))
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(20261121)
	rng := rand.New(rand.NewPCG(seed, 0))
	opened, refused := 0, map[error]int{}
	n := 4000
	if testing.Short() {
		n = 400
	}
	for range n {
		m := bytes.Clone(b)
		for range 1 + rng.IntN(4) {
			m[rng.IntN(len(m))] = byte(rng.Uint32())
		}
		if rng.IntN(8) == 0 {
			m = m[:rng.IntN(len(m))]
		}
		o := options("", "")
		o.Format = "sqlite"
		f, err := convert.OpenMap(t.Context(), mmap.NewReaderAt(bytes.NewReader(m), int64(len(m)), "x"), o)
		if err != nil {
			var e *tensor.Error
			if !errors.As(err, &e) || e.Kind == nil {
				t.Fatalf("%v is no tensor.Error", err)
			}
			refused[e.Kind]++
			continue
		}
		shown(t, f)
		f.Close()
		opened++
	}
	t.Logf("seed %d: %d opened, refused %v", seed, opened, refused)
	if opened < n/4 || refused[tensor.ErrCorrupt] < n/20 || refused[tensor.ErrFormat] < n/200 {
		t.Error("too few of a kind")
	}
}
