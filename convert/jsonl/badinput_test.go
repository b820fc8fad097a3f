package jsonl_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/tensor"
)

// TestBadInput: the catalogue has no rows of JSON lines, these are its own. Those
// of testdata go through the tool as well.
func TestBadInput(t *testing.T) {
	rows := badinput.TextRows(t, "testdata/bad.json", "JL")
	add := func(what string, text func() string, kind error, says ...string) {
		rows = append(rows, badinput.Row{ID: fmt.Sprintf("JL%02d", len(rows)+1), What: what, Format: "jsonl", Kind: kind, Says: says, Make: func(t testing.TB, dir string) string {
			path := filepath.Join(dir, "x.jsonl")
			if err := os.WriteFile(path, []byte(text()), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}})
	}
	lines := strings.Repeat("[1234567, 89]\n", 300_000)
	add("far away", func() string { return lines + "[1]\n" }, tensor.ErrShape, "offset 4200000: line 300001, column 1")
	add("the first of two", func() string { return lines + "[1]\n" + lines + "[1\n" }, tensor.ErrShape, "line 300001")
	add("another shape in another block", func() string { return lines + strings.Repeat("[1]\n", 300_000) }, tensor.ErrShape, "line 300001")
	add("strings in another block", func() string { return lines + strings.Repeat("[\"a\",\"b\"]\n", 300_000) }, tensor.ErrDType, "line 300001")
	add("a million brackets", func() string { return strings.Repeat("[", 1<<20) }, tensor.ErrLimit, "more than 31 arrays in each other")
	sparse := func(what string, n int, says string) {
		rows = append(rows, badinput.Row{ID: fmt.Sprintf("JL%02d", len(rows)+1), What: what, Format: "jsonl", Kind: tensor.ErrLimit, Says: []string{says}, NoOffset: true, Memory: 64 << 20, Make: func(t testing.TB, dir string) string {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, "{\"%d\":1}\n", i)
			}
			path := filepath.Join(dir, "x.jsonl")
			if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}})
	}
	sparse("a key for each line", 20_000, "values, with those that lines lack")
	many := func() string {
		var b strings.Builder
		for i := range 60_000 {
			fmt.Fprintf(&b, ",\"%d\":1", i)
		}
		return "{" + b.String()[1:] + "}\n"
	}
	rows = append(rows, badinput.Row{ID: "JL90", What: "keys that lines lack", Format: "jsonl", Kind: tensor.ErrLimit, Says: []string{"values, with those that lines lack"}, NoOffset: true, Memory: 256 << 20, Make: func(t testing.TB, dir string) string {
		path := filepath.Join(dir, "x.jsonl")
		if err := os.WriteFile(path, []byte(strings.Repeat("{}\n", 700_000)+many()+strings.Repeat("{}\n", 100_000)), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}})
	add("more keys than are read", func() string {
		var b strings.Builder
		for i := range 1<<16 + 1 {
			fmt.Fprintf(&b, ",\"%d\":1", i)
		}
		return "{" + b.String()[1:] + "}\n"
	}, tensor.ErrLimit, "line 1", "more than 65536 keys")
	rows[len(rows)-1].Memory = 64 << 20
	// What looks bad and is not.
	add("many arrays in each other", func() string { return strings.Repeat("[", 31) + "1" + strings.Repeat("]", 31) + "\n" }, nil)
	add("a string of 4 MiB", func() string { return `"` + strings.Repeat(`\u0041é`, 1<<19) + `"` }, nil)
	add("one line of a million numbers", func() string { return "[" + strings.Repeat("1,", 1<<20) + "1]" }, nil)
	rows[len(rows)-1].Memory = 32 << 20
	add("a number of a million digits", func() string { return strings.Repeat("9", 1<<20) + "\n" }, nil)
	badinput.Run(t, rows)
	t.Logf("%d rows", len(rows))
}

// What is missing, where that is an error.
func TestMissingError(t *testing.T) {
	for _, c := range []struct{ text, says string }{
		{"1\nnull\n", "line 2, column 1: got null"},
		{"[1,null]\n", "line 1, column 4: got null"},
		{"{\"a\":1,\"b\":2}\n{\"b\":1}\n", `line 2, key "a": got not there`},
		{"{\"a\":1}\n\n{\"a\":2}\n{\"a\":2,\"b\":1}\n", `key "b"`},
		{"{\"a\":1}\n{}\n", `line 2, key "a"`},
		{"{\"a\":[1]}\n{\"a\":null}\n", `line 2, column 6, key "a": got null`},
		{"{\"a\":[1,2],\"b\":[]}\n{\"b\":[],\"a\":[3,4]}\n", ""},
	} {
		f, err := openLines(c.text, "t.jsonl", convert.TableOptions{Missing: convert.MissingError})
		if err == nil {
			f.Close()
		}
		if (err == nil) != (c.says == "") || err != nil && (!errors.Is(err, tensor.ErrUnsupported) || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%q: %v, want %s", c.text, err, c.says)
		}
	}
}
