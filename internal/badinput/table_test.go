package badinput

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// catalogueKinds are the words of the catalogue for the kinds of errors.
var catalogueKinds = map[string]string{
	"Truncated": "truncated", "Format": "malformed", "Corrupt": "corrupt", "Overflow": "overflow", "Limit": "limit exceeded", "Unsupported": "unsupported", "Duplicate": "duplicate",
	"Path": "unsafe path", "Changed": "changed while open", "Exists": "already exists", "Locked": "locked", "NoSpace": "no space", "IO": "input/output error", "OK": "",
}

// required is a line of the catalogue.
type required struct{ id, format, kind, input string }

func catalogue(t *testing.T, root string) (list []required) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(Catalogue)))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		c := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(c) != 4 {
			t.Fatalf("%d columns in %q", len(c), line)
		}
		list = append(list, required{c[0], c[1], c[2], c[3]})
	}
	return list
}

// sources are the tests of the repository: by package, whether a test gives rows
// to Run.
func sources(t *testing.T, root string) map[string]map[string]bool {
	t.Helper()
	tests := map[string]map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "bin" || name == "dist" || name == "testdata" || name == "bench") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(dir)
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Test") {
				continue
			}
			runs := false
			ast.Inspect(fn, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					switch f := call.Fun.(type) {
					case *ast.SelectorExpr:
						x, ok := f.X.(*ast.Ident)
						runs = runs || ok && x.Name == "badinput" && f.Sel.Name == "Run"
					case *ast.Ident:
						runs = runs || f.Name == "Run" && pkg == "internal/badinput"
					}
				}
				return true
			})
			if tests[pkg] == nil {
				tests[pkg] = map[string]bool{}
			}
			tests[pkg][fn.Name.Name] = runs
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}

// render is the text of the table.
func render(list []Entry, want []required) string {
	place := map[string]int{}
	for i, r := range want {
		place[r.id] = i - len(want)
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Entry) int {
		if pa, pb := place[a.ID], place[b.ID]; pa != pb {
			return pa - pb
		}
		return strings.Compare(strings.Join([]string{a.Test, a.ID, a.Input}, "\x00"), strings.Join([]string{b.Test, b.ID, b.Input}, "\x00"))
	})
	ids, accepted := map[string]bool{}, 0
	for _, e := range list {
		ids[e.ID] = true
		if e.Verdict == "accepted" {
			accepted++
		}
	}
	var s strings.Builder
	fmt.Fprintf(&s, `# Bad inputs

Written by "make badinputs" from the tests themselves; do not edit it. A line is an
input, or a sweep of many, and what comes of it. The rows %s to %s are those of the
catalogue in bad-inputs.tsv; the others came with the formats. The test that has a
row makes its input, so that none is kept here but the files of testdata/reject.

%d inputs of %d rows: %d are accepted, for they only look wrong.

| row | format | input | verdict | kind | test | note |
| --- | --- | --- | --- | --- | --- | --- |
`, want[0].id, want[len(want)-1].id, len(list), len(ids), accepted)
	for i := range list {
		s.WriteString(list[i].line())
		s.WriteByte('\n')
	}
	return s.String()
}

// collect runs the tests that have rows, which list them.
func collect(t *testing.T, root string, tests map[string]map[string]bool) []Entry {
	t.Helper()
	dir := t.TempDir()
	list := slices.Clone(others)
	var pkgs, names []string
	for _, pkg := range slices.Sorted(maps.Keys(tests)) {
		n := len(names)
		for name, runs := range tests[pkg] {
			if runs {
				names = append(names, name)
			}
		}
		if len(names) > n {
			pkgs = append(pkgs, "./"+pkg)
		}
	}
	slices.Sort(names)
	args := append([]string{"test", "-count=1", "-timeout=1h", "-run", "^(" + strings.Join(slices.Compact(names), "|") + ")$"}, pkgs...)
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), recording+"="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	for _, f := range files {
		var rows []Entry
		b, err := os.ReadFile(f)
		if err == nil {
			err = json.Unmarshal(b, &rows)
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, rows...)
	}
	return list
}

// TestTable compares the table with the catalogue and with the tests: no row of
// the catalogue is without a test, and no line without one that is there. That
// the lines of a test are its rows is what Run compares. With -update the table
// is written anew.
func TestTable(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	want, tests := catalogue(t, root), sources(t, root)
	if len(want) != 238 {
		t.Errorf("%d rows in the catalogue, want 238", len(want))
	}
	path := filepath.Join(root, filepath.FromSlash(Table))
	if *update {
		if err := os.WriteFile(path, []byte(render(collect(t, root, tests), want)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	list, err := Entries()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != render(list, want) {
		t.Errorf("%s is not what make badinputs writes (%v)", Table, err)
	}
	for _, problem := range missing(list, want, tests) {
		t.Error(problem)
	}
	for _, e := range others {
		if !slices.Contains(list, e) {
			t.Errorf("%s lacks\n%s\nmake badinputs writes it", Table, e.line())
		}
	}
}

// missing lists what the table lacks.
func missing(list []Entry, want []required, tests map[string]map[string]bool) (problems []string) {
	fail := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	rows, seen := map[string][]Entry{}, map[string]bool{}
	for _, e := range list {
		rows[e.ID] = append(rows[e.ID], e)
		seen[e.Test] = true
		dot := strings.LastIndexByte(e.Test, '.')
		pkg, name := e.Test[:max(dot, 0)], e.Test[dot+1:]
		if pkg == "" {
			pkg = "."
		}
		if _, ok := tests[pkg][name]; !ok {
			fail("%s, %s: there is no test %s", e.ID, e.Input, e.Test)
		}
		if e.ID == "" || e.Format == "" || e.Input == "" || e.Verdict == "" || (e.Kind == "") != (e.Verdict == "accepted") {
			fail("a line has a blank: %s", e.line())
		}
	}
	for _, r := range want {
		have := rows[r.id]
		if len(have) == 0 {
			fail("%s has no test: %s, %s", r.id, r.format, r.input)
			continue
		}
		kind, ok := catalogueKinds[r.kind]
		if !ok {
			kind = r.kind // of the viewer: a status of HTTP
		}
		fits := slices.ContainsFunc(have, func(e Entry) bool { return e.Kind == kind })
		if !fits && !slices.ContainsFunc(have, func(e Entry) bool { return e.Note != "" }) {
			fail("%s is %s in the catalogue, and no line has this kind or says why", r.id, r.kind)
		}
	}
	for pkg, names := range tests {
		for name, runs := range names {
			if test := strings.TrimPrefix(pkg, ".") + "." + name; runs && !seen[test] {
				fail("%s has rows that the table lacks", test)
			}
		}
	}
	return problems
}

// A row, a test or a reason that is taken away is missed.
func TestTableMisses(t *testing.T) {
	want := []required{{"X01", "f", "Limit", "one"}, {"X02", "f", "OK", "two"}, {"X03", "f", "HTTP 403", "three"}}
	tests := map[string]map[string]bool{"p": {"TestA": true, "TestB": false}}
	whole := []Entry{
		{"X01", "f", "one", "refused at open", "limit exceeded", "p.TestA", ""},
		{"X02", "f", "two", "accepted", "", "p.TestB", ""},
		{"X03", "f", "three", "refused", "HTTP 403", "p.TestB", ""},
	}
	if p := missing(whole, want, tests); p != nil {
		t.Fatal(p)
	}
	for i, change := range []func(list []Entry) []Entry{
		func(l []Entry) []Entry { return l[1:] },
		func(l []Entry) []Entry { return slices.Delete(l, 1, 2) },
		func(l []Entry) []Entry { return l[:2] },
		func(l []Entry) []Entry { l[1].Test = "p.TestC"; return l },
		func(l []Entry) []Entry { l[1].Test = "q.TestB"; return l },
		func(l []Entry) []Entry { l[0].Kind = "corrupt"; return l },
		func(l []Entry) []Entry { l[0].Kind = ""; return l },
		func(l []Entry) []Entry { l[0].Test = "p.TestB"; return l },
		func(l []Entry) []Entry { l[1].Input = ""; return l },
		func(l []Entry) []Entry { l[2].Kind = "HTTP 404"; return l },
	} {
		if missing(change(slices.Clone(whole)), want, tests) == nil {
			t.Errorf("change %d was not found", i)
		}
	}
}
