package house

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/internal/markdown"
)

const root = "../.."

// shownCommand is a line that a reader would type.
var shownCommand = regexp.MustCompile(`(?m)^(\$ |tensorfile |go (run|test|build|get|install) |make |python3? |pip |cd |\./)`)

// mostNotRun bounds the blocks that say that nothing can run them.
const mostNotRun = 16

// Every block of code in a document is run by some test, or shows nothing that
// could be: package markdown says how. The commands themselves are run by the
// tests of cmd/tensorfile.
func TestDocumentsShowWhatRuns(t *testing.T) {
	pages, err := markdown.Documents(root)
	if err != nil {
		t.Fatal(err)
	}
	shown := examples(t)
	text, err := os.ReadFile(root + "/Makefile")
	if err != nil {
		t.Fatal(err)
	}
	makefile := string(text)
	run, programs, notRun := 0, 0, 0
	for _, p := range pages {
		for _, b := range p.Blocks {
			fail := func(format string, args ...any) {
				t.Helper()
				t.Errorf("%s:%d: "+format, append([]any{p.Path, b.Line}, args...)...)
			}
			kind, rest, _ := strings.Cut(b.Mark, ": ")
			file, checked := strings.CutPrefix(b.Mark, "checked by ")
			switch {
			case b.Indented:
				fail("a block without fences, so that nothing says what it is: %.60q", b.Text)
			case kind == "run":
				run++
				if b.Language != "text" && b.Language != "sh" || (b.Language == "text") != strings.HasPrefix(b.Text, "$ ") {
					fail("commands and what they print are text and begin with $, commands alone are sh and do not")
				}
			case kind == "not run":
				notRun++
				if len(rest) < 10 {
					fail("not run, and why?")
				}
				for line := range strings.Lines(b.Text) {
					if target, ok := strings.CutPrefix(line, "make "); ok && !strings.Contains(makefile, "\n"+strings.Fields(target)[0]+":") {
						fail("there is no %q", strings.TrimSpace(line))
					}
				}
			case checked:
				if test, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file))); err != nil || !strings.Contains(string(test), path.Base(p.Path)) {
					fail("%s does not check it (%v)", file, err)
				}
			case b.Mark == "dump" || b.Language == "":
				fail("a block of no language")
			case b.Language == "go":
				programs++
				if !slices.ContainsFunc(shown, func(e example) bool { return e.shows(b.Text) }) {
					fail("no Example with an output and no program of examples/ has these lines:\n%s", b.Text)
				}
			case b.Language != "text" && b.Language != "json":
				fail("%s that no test runs", b.Language)
			case shownCommand.MatchString(b.Text):
				fail("commands that no test runs: %.80q", shownCommand.FindString(b.Text))
			}
		}
	}
	t.Logf("%d blocks of commands are run, %d are not; %d of programs", run, notRun, programs)
	if run < 75 || programs < 30 || notRun > mostNotRun {
		t.Errorf("want at least 75 and 30, and at most %d that are not run", mostNotRun)
	}
}

// An example is code that a test runs.
type example struct {
	imports string
	text    string // plainCode
}

// shows says whether lines of a document stand in the code, in one piece, or in
// several with a line "// ..." between them.
func (e example) shows(block string) bool {
	var lines []string
	for line := range strings.Lines(block) {
		if imported, ok := strings.CutPrefix(line, "import "); ok {
			if !strings.Contains(e.imports, strings.TrimSpace(imported)) {
				return false
			}
			continue
		}
		lines = append(lines, line)
	}
	rest := e.text
	for _, part := range strings.Split(plainCode(strings.Join(lines, "")), "\n// ...\n") {
		_, after, ok := strings.Cut(rest, "\n"+strings.Trim(part, "\n")+"\n")
		if !ok {
			return false
		}
		rest = "\n" + after
	}
	return true
}

var (
	blanks    = regexp.MustCompile(`[ \t]+`)
	checkErr  = regexp.MustCompile(`\nif err != nil \{\n(?:[^\n{}]*\n)?(?:return[^\n]*\n)?\}(\n)`)
	lineBegin = regexp.MustCompile(`\n+ *`)
)

// plainCode is code without indentation, empty lines and what only handles an
// error: documents leave it out.
func plainCode(text string) string {
	text = lineBegin.ReplaceAllString("\n"+blanks.ReplaceAllString(text, " ")+"\n", "\n")
	for {
		next := checkErr.ReplaceAllString(text, "$1")
		if next == text {
			return text
		}
		text = next
	}
}

// examples reads the Examples that have an output, functions beside them, and the
// programs of examples/.
func examples(t *testing.T) (list []example) {
	t.Helper()
	err := walkGo(func(name string) {
		test, program := strings.HasSuffix(name, "_test.go"), strings.HasPrefix(name, "examples/")
		if !test && !program {
			return
		}
		src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		begin := strings.Index(string(src), "\nimport ")
		if begin < 0 || test && !strings.Contains(string(src), "\nfunc Example") {
			return
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, name, src, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		cut := func(n ast.Node) string { return string(src[set.Position(n.Pos()).Offset:set.Position(n.End()).Offset]) }
		imports := ""
		for _, s := range f.Imports {
			imports += cut(s) + "\n"
		}
		if !test {
			list = append(list, example{imports, plainCode(string(src))})
			return
		}
		outputs := map[string]bool{}
		for _, e := range doc.Examples(f) {
			outputs[e.Name] = e.Output != "" || e.EmptyOutput
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil {
				continue
			}
			if name, ok := strings.CutPrefix(fn.Name.Name, "Example"); ok && outputs[name] || !ok && !strings.HasPrefix(fn.Name.Name, "Test") {
				list = append(list, example{imports, plainCode(cut(fn))})
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 60 {
		t.Fatalf("%d examples", len(list))
	}
	return list
}

// walkGo calls fn with the path of each Go file of this module.
func walkGo(fn func(name string)) error {
	return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(p, "go.mod")); rel != "." && err == nil {
				return filepath.SkipDir // another module
			}
			return nil
		}
		if strings.HasSuffix(rel, ".go") {
			fn(rel)
		}
		return nil
	})
}

// Links inside the repository lead to files that are there, and to headings.
func TestLinks(t *testing.T) {
	pages, err := markdown.Find(root, func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	anchors := map[string]map[string]bool{}
	for _, p := range pages {
		anchors[p.Path] = p.Anchors
	}
	n := 0
	for _, p := range pages {
		for _, l := range p.Links {
			if strings.Contains(l.Target, "://") || strings.HasPrefix(l.Target, "mailto:") {
				continue
			}
			n++
			file, anchor, has := strings.Cut(l.Target, "#")
			to := p.Path
			if file != "" {
				name, err := url.PathUnescape(file)
				if err != nil {
					t.Errorf("%s:%d: %v", p.Path, l.Line, err)
					continue
				}
				to = path.Join(path.Dir(p.Path), name)
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(to))); err != nil || strings.HasPrefix(to, "..") {
				t.Errorf("%s:%d: a link to %s, which is not there", p.Path, l.Line, l.Target)
			} else if has && !anchors[to][anchor] {
				t.Errorf("%s:%d: a link to %s: there is no such heading", p.Path, l.Line, l.Target)
			}
		}
	}
	t.Logf("%d links of %d pages", n, len(pages))
	if n < 250 {
		t.Error("too few")
	}
}

// The index of the documents has each of them, and the README leads to it.
func TestIndexOfDocuments(t *testing.T) {
	pages, err := markdown.Find(root, func(name string) bool {
		return name == "README.md" || path.Dir(name) == "docs"
	})
	if err != nil {
		t.Fatal(err)
	}
	links := map[string][]string{}
	for _, p := range pages {
		for _, l := range p.Links {
			to, _, _ := strings.Cut(l.Target, "#")
			links[p.Path] = append(links[p.Path], path.Join(path.Dir(p.Path), to))
		}
	}
	for _, p := range pages {
		if p.Path != "README.md" && p.Path != "docs/README.md" && !slices.Contains(links["docs/README.md"], p.Path) {
			t.Errorf("docs/README.md has no link to %s", p.Path)
		}
	}
	if !slices.Contains(links["README.md"], "docs/README.md") {
		t.Error("README.md has no link to docs/README.md")
	}
}
