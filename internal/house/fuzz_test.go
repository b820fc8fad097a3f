package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// unfuzzed are parsers, as parsers finds them, that no fuzz target names, and why.
var unfuzzed = map[string]string{
	"tensorfile.OpenSource":                        "opens a path and reads nothing",
	"tensorfile.OpenMap":                           "FuzzOpen opens the same by OpenReaderAt",
	"convert/internal/pcm.ReadAt":                  "reads bytes where it is told",
	"convert/internal/picture.ReadAt":              "reads bytes where it is told",
	"convert.ReadList":                             "splits lines",
	"convert/internal/zipfile.CheckName":           "of names to be written; those that are read FuzzZip has",
	"internal/atomicfile.Check":                    "a path, not a text to be read",
	"mmap.Open":                                    "opens a path and reads nothing",
	"remote/httprange.Open":                        "FuzzAnswer and FuzzAddress have what it reads",
	"remote/s3.Open":                               "requests and answers are httprange's; what errors say is read by encoding/xml",
	"sparse.ParseLayout":                           "one word of a list",
	"sparse.ParseStructure":                        "one word of a list",
	"tensor.ParseReduction":                        "one word of a list",
	"transform.ParsePadMode":                       "one word of a list",
	"transform/audio.ParseQuality":                 "one word of a list",
	"transform/image.ParseChannels":                "one word of a list",
	"transform/image.ParseFilter":                  "one word of a list",
	"transform/image.ParseFit":                     "one word of a list",
	"transform/image.ParseLayout":                  "one word of a list",
	"convert/sql/sqlite: the registered formats":   "files are read by SQLite itself; convert/sql.FuzzRead has what reads its rows",
	"convert/sql/postgres: the registered formats": "rows come from a server; convert/sql.FuzzRead has what reads them",
}

// aParser is a function that reads bytes or text of others.
type aParser struct {
	pkg  *pkg
	recv string // the type of a method
	name string
}

func (p aParser) String() string {
	rel := strings.TrimPrefix(strings.TrimPrefix(p.pkg.ImportPath, module), "/")
	if rel == "" {
		rel = "tensorfile"
	}
	if p.recv != "" {
		rel += "." + p.recv
	}
	return rel + "." + p.name
}

var parserName = regexp.MustCompile(`^(Parse|Decode|Unmarshal|Load|Open|Read|Recover|Sniff|Choose|Match|Check|New)`)

// parsers finds in the code what reads bytes of others: exported functions and
// methods with such a name that take bytes, text, a reader or a mapping and can
// say no. Read and ReadAt of readers are not meant.
func parsers(t *testing.T, pkgs []pkg) (found []aParser) {
	t.Helper()
	for i := range pkgs {
		p := &pkgs[i]
		rel := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if p.Name == "main" || slices.Contains([]string{"internal/crashfs", "internal/faultfs", "internal/fsys", "internal/badinput", "internal/golden", "internal/mutate", "internal/cover"}, rel) || strings.HasPrefix(rel, "examples") || strings.HasPrefix(rel, "gpu/internal/fake") {
			continue
		}
		for _, name := range p.GoFiles {
			for _, fn := range functions(t, filepath.Join(p.Dir, name)) {
				if !fn.Name.IsExported() || !parserName.MatchString(fn.Name.Name) || !refuses(fn) {
					continue
				}
				takes := ""
				for _, param := range fn.Type.Params.List {
					if s := typeText(param.Type); slices.Contains([]string{"[]byte", "string", "io.Reader", "io.ReaderAt", "*bufio.Reader", "*mmap.Map"}, s) {
						takes = s
						break
					}
				}
				recv := ""
				if fn.Recv != nil {
					recv = strings.TrimPrefix(typeText(fn.Recv.List[0].Type), "*")
					if !ast.IsExported(recv) || strings.HasPrefix(fn.Name.Name, "Read") || strings.HasPrefix(fn.Name.Name, "Open") {
						continue // methods that read are the interface io.Reader, or of something that is open
					}
				}
				if strings.HasPrefix(fn.Name.Name, "New") && takes != "[]byte" && takes != "io.Reader" && takes != "io.ReaderAt" {
					continue
				}
				if takes != "" {
					found = append(found, aParser{pkg: p, recv: recv, name: fn.Name.Name})
				}
			}
		}
	}
	return found
}

func functions(t *testing.T, file string) (list []*ast.FuncDecl) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			list = append(list, fn)
		}
	}
	return list
}

// refuses says whether a function returns an error or a bool.
func refuses(fn *ast.FuncDecl) bool {
	return fn.Type.Results != nil && slices.ContainsFunc(fn.Type.Results.List, func(f *ast.Field) bool {
		s := typeText(f.Type)
		return s == "error" || s == "bool"
	})
}

func typeText(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return "*" + typeText(e.X)
	case *ast.SelectorExpr:
		return typeText(e.X) + "." + e.Sel.Name
	case *ast.ArrayType:
		return "[]" + typeText(e.Elt)
	case *ast.IndexExpr:
		return typeText(e.X)
	}
	return ""
}

// fuzzed finds the targets of a package, and all names that they and the functions
// of its tests that they call mention: "Name" and "pkg.Name".
func fuzzed(t *testing.T, p *pkg) (targets []string, mentioned map[string]bool) {
	t.Helper()
	all := map[string]*ast.FuncDecl{}
	for _, name := range append(slices.Clone(p.TestGoFiles), p.XTestGoFiles...) {
		for _, fn := range functions(t, filepath.Join(p.Dir, name)) {
			all[fn.Name.Name] = fn
		}
	}
	mentioned = map[string]bool{}
	seen := map[string]bool{}
	var walk func(name string)
	walk = func(name string) {
		fn := all[name]
		if fn == nil || seen[name] {
			return
		}
		seen[name] = true
		ast.Inspect(fn, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok {
					mentioned[x.Name+"."+n.Sel.Name] = true
				}
				mentioned[n.Sel.Name] = true
				walk(n.Sel.Name)
			case *ast.Ident:
				mentioned[n.Name] = true
				walk(n.Name)
			}
			return true
		})
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if strings.HasPrefix(name, "Fuzz") && all[name].Recv == nil {
			targets = append(targets, name)
			walk(name)
		}
	}
	return targets, mentioned
}

// Each parser and decoder has a fuzz target that names it, and so has each format
// that the tool reads.
func TestParsersAreFuzzed(t *testing.T) {
	pkgs := packages(t)
	targets := map[string][]string{}
	inside, outside := map[string]map[string]bool{}, map[string]bool{}
	n := 0
	for i := range pkgs {
		p := &pkgs[i]
		list, mentioned := fuzzed(t, p)
		targets[p.ImportPath], inside[p.ImportPath] = list, mentioned
		n += len(list)
		for name := range mentioned {
			if strings.Contains(name, ".") {
				outside[name] = true
			}
		}
	}
	excused := maps.Clone(unfuzzed)
	found := parsers(t, pkgs)
	for _, p := range found {
		covered := inside[p.pkg.ImportPath][p.name] || p.recv == "" && outside[p.pkg.Name+"."+p.name]
		reason, ok := unfuzzed[p.String()]
		delete(excused, p.String())
		switch {
		case !covered && !ok:
			t.Errorf("%v has no fuzz target that names it", p)
		case covered && ok:
			t.Errorf("%v has a fuzz target, and the reason %q why not", p, reason)
		}
	}
	formats := readFormats(t)
	for _, imp := range formats {
		key := strings.TrimPrefix(imp, module+"/") + ": the registered formats"
		_, ok := unfuzzed[key]
		delete(excused, key)
		if len(targets[imp]) == 0 && !ok {
			t.Errorf("%s registers a format and has no fuzz target", imp)
		}
	}
	for key := range excused {
		t.Errorf("%s is excused and is not there", key)
	}
	t.Logf("%d fuzz targets; %d functions that parse, %d packages of formats, %d excused", n, len(found), len(formats), len(unfuzzed))
	if n < 60 || len(found) < 40 || len(formats) < 20 {
		t.Error("the test looks at too little")
	}
}

// readFormats are the packages of formats that the tool links.
func readFormats(t *testing.T) (list []string) {
	t.Helper()
	file := filepath.Join("..", "..", "cmd", "tensorfile", "registry.go")
	if _, err := os.Stat(file); err != nil {
		t.Fatal(err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, imp := range f.Imports {
		name, err := strconv.Unquote(imp.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(name, path.Join(module, "convert")) {
			list = append(list, name)
		}
	}
	return list
}
