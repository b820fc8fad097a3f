package badinput

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/tensorfile/tensorfile"

// Table is the list of all rows, from the root of the repository, and Catalogue
// that of the inputs that a row must be there for.
const (
	Table     = "testdata/bad-inputs.md"
	Catalogue = "testdata/bad-inputs.tsv"
)

// recording names the folder into which Run writes the rows that it is given,
// instead of running them.
const recording = "TENSORFILE_BADINPUTS"

// An Entry is a line of the table.
type Entry struct {
	ID      string
	Format  string // whose reader it is about
	Input   string
	Verdict string // "accepted", "refused at open"
	Kind    string // of the error
	Test    string // "convert/npy.TestBadInput"
	Note    string
}

// verdicts are what the stages are called in the table.
var verdicts = map[Stage]string{Open: "refused at open", Use: "refused at use", Verify: "found by verify", Write: "refused by writers"}

// entry is the line of a row.
func (r *Row) entry(test string) Entry {
	e := Entry{ID: r.ID, Format: path.Base(strings.TrimSuffix(test, path.Ext(test))), Input: r.What, Verdict: "accepted", Test: test, Note: r.Note}
	switch {
	case r.From != "":
		e.Format = r.From
	case strings.TrimSpace(r.Format) != "":
		e.Format = r.Format
	}
	if r.Kind != nil {
		e.Verdict, e.Kind = verdicts[r.At], r.Kind.Error()
	}
	if r.Slow {
		e.Note = strings.TrimPrefix(e.Note+"; neither converted nor verified, and without the tool: it is too large", "; ")
	}
	return e
}

// moduleRoot is the directory of go.mod, above that of the test.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			err = errors.New("no go.mod above the working directory")
		}
		dir = up
	}
	return "", err
}

// line is e as one of the table's.
func (e *Entry) line() string {
	cell := func(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s |", e.ID, cell(e.Format), cell(e.Input), e.Verdict, e.Kind, e.Test, cell(e.Note))
}

// Entries reads the table.
func Entries() ([]Entry, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(Table)))
	if err != nil {
		return nil, err
	}
	var list []Entry
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| row |") || strings.HasPrefix(line, "| --- |") {
			continue
		}
		c := strings.Split(strings.ReplaceAll(line, `\|`, "\x00"), "|")
		if len(c) != 9 {
			return nil, fmt.Errorf("%s: %d cells in %q", Table, len(c)-2, line)
		}
		for i := range c {
			c[i] = strings.ReplaceAll(strings.TrimSpace(c[i]), "\x00", "|")
		}
		list = append(list, Entry{c[1], c[2], c[3], c[4], c[5], c[6], c[7]})
	}
	return list, nil
}

var prefix = regexp.MustCompile(`^(prefix of )?[0-9]+( bytes)?$`)

// findSweeps marks the rows that are prefixes of one file and of which the same
// comes: they are one line of the table, and the tool sees a few of them.
func findSweeps(rows []Row) {
	type alike struct {
		id   string
		kind error
		at   Stage
		note string
	}
	sweeps := map[alike][]*Row{}
	for i := range rows {
		if r := &rows[i]; prefix.MatchString(r.What) {
			k := alike{r.ID, r.Kind, r.At, r.Note}
			sweeps[k] = append(sweeps[k], r)
		}
	}
	for _, rows := range sweeps {
		if len(rows) < 8 {
			continue
		}
		for i, r := range rows {
			r.sweep, r.sample = len(rows), i == 0 || i == len(rows)-1 || i%16 == 7
		}
	}
}

var given = struct {
	sync.Mutex
	tests map[string][]Entry
}{tests: map[string][]Entry{}}

// record remembers the rows of a test, and compares all of them with the table
// when the test ends. It reports whether there is nothing else to do: they are
// being listed.
func record(t *testing.T, rows []Row) bool {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.Getwd()
	if err == nil {
		dir, err = filepath.Rel(root, dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	findSweeps(rows)
	name, _, _ := strings.Cut(t.Name(), "/")
	test := filepath.ToSlash(dir) + "." + name
	given.Lock()
	defer given.Unlock()
	if _, ok := given.tests[test]; !ok {
		t.Cleanup(func() { compare(t, test) })
	}
	for i := range rows {
		e := rows[i].entry(test)
		if n := rows[i].sweep; n > 0 {
			e.Input = fmt.Sprintf("prefixes, %d of them", n)
			if slices.Contains(given.tests[test], e) {
				continue // a line for all of them
			}
		} else if slices.ContainsFunc(given.tests[test], func(x Entry) bool { return x.ID == e.ID && x.Input == e.Input }) {
			t.Errorf("two rows are called %s", rows[i].Name())
		}
		given.tests[test] = append(given.tests[test], e)
	}
	return os.Getenv(recording) != ""
}

// compare looks for differences between the rows of a test and the table.
func compare(t testing.TB, test string) {
	given.Lock()
	have := given.tests[test]
	delete(given.tests, test)
	given.Unlock()
	if dir := os.Getenv(recording); dir != "" {
		b, err := json.Marshal(have)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, strings.ReplaceAll(test, "/", "_")+".json"), b, 0o666)
		}
		if err != nil {
			t.Error(err)
		}
		return
	}
	all, err := Entries()
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]bool{}
	for _, e := range all {
		if e.Test == test {
			lines[e.line()] = true
		}
	}
	missing := 0
	for _, e := range have {
		if l := e.line(); !lines[l] {
			t.Errorf("%s has no line\n%s\nmake badinputs writes it", Table, l)
			missing++
		}
		delete(lines, e.line())
		if missing > 10 {
			t.Fatal("and so on")
		}
	}
	// Other systems, and short runs, have fewer rows.
	if runtime.GOOS != "linux" || testing.Short() {
		return
	}
	for l := range lines {
		t.Errorf("%s has a line that is no row\n%s\nmake badinputs removes it", Table, l)
	}
}
