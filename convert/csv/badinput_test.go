package csv_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/tensor"
)

// TestBadInput: the catalogue has no rows of CSV, these are its own. Those of
// testdata go through the tool as well.
func TestBadInput(t *testing.T) {
	rows := badinput.TextRows(t, "testdata/bad.json", "CS")
	add := func(what string, text func() string, kind error, says ...string) {
		rows = append(rows, badinput.Row{ID: fmt.Sprintf("CS%02d", len(rows)+1), What: what, Format: "csv", Kind: kind, Says: says, Make: func(t testing.TB, dir string) string {
			path := filepath.Join(dir, "x.csv")
			if err := os.WriteFile(path, []byte(text()), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}})
	}
	lines := strings.Repeat("1234567,89\n", 300_000)
	add("far away", func() string { return "a,b\n" + lines + "1\n" }, tensor.ErrFormat, "offset 3300004: line 300002: got 1 fields, want 2")
	add("a quote far away", func() string { return "a,b\n" + lines + "1,x\"\n" + lines }, tensor.ErrFormat, "offset 3300007: line 300002, column 2")
	add("a quote that takes the rest", func() string { return "a,b\n" + lines + "1,\"x\n" + lines }, tensor.ErrTruncated, "offset 3300006: line 300002, column 2", "a quote that is not closed")
	add("no UTF-8 far away", func() string { return "a,b\n" + lines + "1,\xff\n" }, tensor.ErrFormat, "offset 3300006: line 300002: got ff")
	add("the first of two", func() string { return "a,b\n" + lines + "1\n" + lines + "2\n" }, tensor.ErrFormat, "line 300002: got 1 fields")
	add("more fields than are read", func() string { return strings.Repeat(",", 1<<16) + "\n" }, tensor.ErrLimit, "line 1: got more than 65536 fields, want fewer")
	// What looks bad and is not.
	add("only delimiters", func() string { return strings.Repeat(",,,\n", 1000) }, nil)
	add("empty lines between many columns", func() string { return strings.Repeat("a,", 20_000) + "b\n" + strings.Repeat("\n", 1<<20) }, nil)
	rows[len(rows)-1].Memory = 128 << 20 // 20,001 tensors
	add("NUL", func() string { return strings.Repeat("\x00", 1000) }, nil)
	add("a field of 4 MiB", func() string { return "a\n\"" + strings.Repeat("x\n", 2<<20) + "\"\n" }, nil)
	rows[len(rows)-1].Memory = 16 << 20
	add("one line of 65,536 numbers", func() string { return strings.Repeat("1,", 1<<16-1) + "1" }, nil)
	rows[len(rows)-1].Memory = 64 << 20
	add("many empty fields of one column", func() string { return "a\n" + strings.Repeat(" \n", 500_000) }, nil)
	badinput.Run(t, rows)
	t.Logf("%d rows", len(rows))
}

// Tables that options refuse.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		text string
		o    convert.TableOptions
		kind error
		says string
	}{
		{"a,b\n1,x\n", convert.TableOptions{Matrix: convert.Yes}, tensor.ErrDType, "matrix: got text in column 2, want numbers in all columns"},
		{"a,b\n1,true\n", convert.TableOptions{Matrix: convert.Yes}, tensor.ErrDType, "matrix: got i64 in column 1 and bool in column 2"},
		{"a,b\n1,2\n3,\n", convert.TableOptions{Missing: convert.MissingError}, tensor.ErrUnsupported, `offset 10: line 3, column 2 ("b"): got a missing value`},
		{"a,b\n1,2\nNA,3\n4,5\nnull,1\n", convert.TableOptions{Missing: convert.MissingError}, tensor.ErrUnsupported, `offset 8: line 3, column 1 ("a"): got a missing value`},
		{"a\nx\nNA\n \n\"\"\n", convert.TableOptions{Missing: convert.MissingError}, nil, ""},
		{"a\nNA\nx\n", convert.TableOptions{Missing: convert.MissingError}, nil, ""},
		{"a,b\nx,1\n,2\n", convert.TableOptions{Missing: convert.MissingError}, tensor.ErrUnsupported, "line 3, column 1"},
		{"a.b\n", convert.TableOptions{Delimiter: '.'}, tensor.ErrUnsupported, `delimiter: got ".", want an ASCII character`},
		{"a\n", convert.TableOptions{Delimiter: '"'}, tensor.ErrUnsupported, "delimiter"},
		{"a\n", convert.TableOptions{Delimiter: 'e'}, tensor.ErrUnsupported, "delimiter"},
		{"a\n", convert.TableOptions{Delimiter: '\n'}, tensor.ErrUnsupported, "delimiter"},
		{"a\n", convert.TableOptions{Delimiter: 0xe9}, tensor.ErrUnsupported, "delimiter"},
		{"a,a.valid\n1,2\n,3\n", convert.TableOptions{Missing: convert.MissingMask}, tensor.ErrDuplicate, `"a.valid"`},
	} {
		f, err := openCSV(c.text, "t.csv", c.o)
		if err == nil {
			f.Close()
		}
		var e *tensorfile.Error
		if !errors.Is(err, c.kind) || c.kind != nil && (!errors.As(err, &e) || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%q: %v, want %v: %s", c.text, err, c.kind, c.says)
		}
	}
}
