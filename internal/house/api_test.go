package house

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/build"
	"go/doc"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/api.txt")

// publicPackages are the folders of the packages that other modules can import
// and are meant to.
func publicPackages(t *testing.T) []string {
	t.Helper()
	var dirs []string
	err := walkGo(func(name string) {
		dir := path.Dir(name)
		first, _, _ := strings.Cut(dir, "/")
		switch {
		case strings.HasSuffix(name, "_test.go"), slices.Contains([]string{"capi", "cmd", "docs", "examples", "spec", "bench"}, first):
		case slices.Contains(strings.Split(dir, "/"), "internal"), slices.Contains(dirs, dir):
		default:
			dirs = append(dirs, dir)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(dirs)
	if len(dirs) < 40 {
		t.Fatalf("%d packages", len(dirs))
	}
	return dirs
}

// sources parses the files of a package that a build for linux/amd64 takes.
func sources(t *testing.T, dir string) (*token.FileSet, *build.Package, []*ast.File) {
	t.Helper()
	context := build.Default
	context.GOOS, context.GOARCH, context.CgoEnabled, context.BuildTags = "linux", "amd64", false, nil
	p, err := context.ImportDir(filepath.Join(root, filepath.FromSlash(dir)), 0)
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return set, p, files
}

// What the public packages export is what docs/api.txt says, line by line, so that
// a name that changes is seen in the change. make api writes the file.
func TestAPI(t *testing.T) {
	const file = root + "/docs/api.txt"
	var out bytes.Buffer
	out.WriteString("# What the public packages export on linux/amd64, a line each. Made by make api.\n")
	for _, dir := range publicPackages(t) {
		lines := exported(t, dir)
		out.WriteByte('\n')
		for _, line := range lines {
			fmt.Fprintf(&out, "%s: %s\n", path.Join("tensorfile", dir), line)
		}
	}
	if *update {
		if err := os.WriteFile(file, out.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	was, is := strings.Split(string(old), "\n"), strings.Split(out.String(), "\n")
	if slices.Equal(was, is) {
		t.Logf("%d lines", len(is))
		return
	}
	t.Error("docs/api.txt is not what is exported (make api writes it):")
	count := map[string]int{}
	for _, line := range is {
		count[line]++
	}
	for _, line := range was {
		if count[line]--; count[line] < 0 {
			t.Errorf("gone: %s", line)
		}
	}
	for _, line := range is {
		if count[line] > 0 {
			t.Errorf("new:  %s", line)
		}
	}
}

// exported lists what a package exports.
func exported(t *testing.T, dir string) (lines []string) {
	set, _, files := sources(t, dir)
	text := func(n any) string {
		var b bytes.Buffer
		if err := printer.Fprint(&b, set, n); err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(b.String()), " ")
	}
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, f := range files {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if !d.Name.IsExported() {
					continue
				}
				signature := strings.TrimPrefix(text(d.Type), "func")
				if d.Recv == nil {
					add("func %s%s", d.Name, signature)
				} else if r := text(d.Recv.List[0].Type); ast.IsExported(strings.TrimPrefix(r, "*")) {
					add("method (%s) %s%s", r, d.Name, signature)
				}
			case *ast.GenDecl:
				for i, s := range d.Specs {
					switch s := s.(type) {
					case *ast.ValueSpec:
						of := ""
						if kind := s.Type; kind != nil {
							of = " " + text(kind)
						} else if d.Tok == token.CONST && len(s.Values) == 0 {
							of = inherited(d.Specs[:i], text)
						}
						for _, name := range s.Names {
							if name.IsExported() {
								add("%s %s%s", d.Tok, name, of)
							}
						}
					case *ast.TypeSpec:
						if s.Name.IsExported() {
							lines = append(lines, exportedType(s, text)...)
						}
					}
				}
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// inherited is the type of a constant that repeats the one above it.
func inherited(above []ast.Spec, text func(any) string) string {
	for i := len(above) - 1; i >= 0; i-- {
		if s := above[i].(*ast.ValueSpec); s.Type != nil {
			return " " + text(s.Type)
		} else if len(s.Values) > 0 {
			return ""
		}
	}
	return ""
}

func exportedType(s *ast.TypeSpec, text func(any) string) (lines []string) {
	name := s.Name.Name
	if s.TypeParams != nil {
		var list []string
		for _, f := range s.TypeParams.List {
			for _, n := range f.Names {
				list = append(list, n.Name+" "+text(f.Type))
			}
		}
		name += "[" + strings.Join(list, ", ") + "]"
	}
	if s.Assign.IsValid() {
		return []string{fmt.Sprintf("type %s = %s", name, text(s.Type))}
	}
	members := func(list *ast.FieldList, what string) {
		for _, f := range list.List {
			if len(f.Names) == 0 {
				kind := text(f.Type)
				if last := kind[strings.LastIndexAny(kind, ".*")+1:]; ast.IsExported(last) || what == "union" {
					lines = append(lines, fmt.Sprintf("%s %s embeds %s", what, s.Name, kind))
				}
			}
			for _, n := range f.Names {
				if n.IsExported() {
					lines = append(lines, fmt.Sprintf("%s %s.%s %s", what, s.Name, n, text(f.Type)))
				}
			}
		}
	}
	switch kind := s.Type.(type) {
	case *ast.StructType:
		lines = append(lines, fmt.Sprintf("type %s struct", name))
		members(kind.Fields, "field")
	case *ast.InterfaceType:
		lines = append(lines, fmt.Sprintf("type %s interface", name))
		members(kind.Methods, "union")
	default:
		lines = append(lines, fmt.Sprintf("type %s %s", name, text(kind)))
	}
	return lines
}

// withoutExample are exported functions that no Example of their package uses, and
// why: by folder, a name or * for all.
var withoutExample = map[string]map[string]string{
	"convert": {
		"Redact": "for messages of the tool", "Rules": "for flags of the tool", "SameView": "for flags of the tool",
		"RegisterScheme": "package remote/httprange does it",
	},
	"convert/operate": {"Divide": "convert.Set does it"},
	"convert/sql":     {"Quote": "for packages of databases", "NoTable": "for packages of databases"},
	"format":          {"*": "the layer under the engine; its Example reads a file by it"},
	"gpu": {
		"AttachHandle": "needs a device", "Ptr": "as TensorPtr",
		"I32": "as U32", "U64": "as U32", "I64": "as U32",
	},
	"gpu/kernels":      {"*": "all are called alike, as the Example shows; each has tests on every backend"},
	"gpu/measure":      {"*": "the measuring of the tool"},
	"mmap":             {"Caught": "for panics that a caller recovers by itself"},
	"remote/httprange": {"Redact": "for messages"},
	"sparse":           {"RolePtr": "names of parts", "RoleIdx": "names of parts", "FromFlags": "for readers of the format"},
	"tensor": {
		"Quote": "for messages", "Escape": "for messages", "CheckView": "NewView does it",
		"ToBFloat16": "as ToFloat16", "ToFloat8E5M2": "as ToFloat16", "ToFloat8E4M3FNUZ": "as ToFloat16", "ToFloat8E5M2FNUZ": "as ToFloat16", "ToFloat8E8M0": "as ToFloat16",
		"DecodeF6E2M3": "as EncodeF4E2M1", "DecodeF6E3M2": "as EncodeF4E2M1",
		"EncodeF6E2M3": "as EncodeF4E2M1", "EncodeF6E3M2": "as EncodeF4E2M1",
	},
}

// Every exported function of a public package is used in an Example of that
// package. A twin that writes to memory of the caller (...Into), or on several
// goroutines (...Parallel), needs none if the function that it is a twin of has
// one.
func TestEntryPointsHaveExamples(t *testing.T) {
	with, apart, twins := 0, 0, 0
	for _, dir := range publicPackages(t) {
		_, p, files := sources(t, dir)
		used := usedInExamples(t, p)
		excused := withoutExample[dir]
		functions := map[string]bool{}
		for _, f := range files {
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.IsExported() {
					functions[fn.Name.Name] = true
				}
			}
		}
		for name := range functions {
			short := strings.TrimSuffix(strings.TrimSuffix(name, "Into"), "Parallel")
			_, excuse := excused[name]
			switch {
			case used[name] && excuse:
				t.Errorf("%s.%s has an Example, and is listed as having none", dir, name)
			case used[name]:
				with++
			case short != name && used[short]:
				twins++
			case excuse || excused["*"] != "":
				apart++
			default:
				t.Errorf("%s.%s: no Example of its package uses it", dir, name)
			}
		}
		for name := range excused {
			if name != "*" && !functions[name] {
				t.Errorf("%s.%s is listed, and not there", dir, name)
			}
		}
	}
	t.Logf("%d functions have an Example, %d have a twin that has, %d need none", with, twins, apart)
	if with < 120 {
		t.Error("too few")
	}
}

// usedInExamples are the names of a package that its Examples use.
func usedInExamples(t *testing.T, p *build.Package) map[string]bool {
	t.Helper()
	used := map[string]bool{}
	dir, err := filepath.Rel(root, p.Dir)
	if err != nil {
		t.Fatal(err)
	}
	self := path.Join(module, filepath.ToSlash(dir))
	for _, name := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		as := p.Name
		for _, s := range f.Imports {
			if s.Name != nil && s.Path.Value == strconv.Quote(self) {
				as = s.Name.Name
			}
		}
		for _, e := range doc.Examples(f) {
			ast.Inspect(e.Code, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && x.Name == as {
						used[n.Sel.Name] = true
					}
				case *ast.Ident:
					if strings.HasSuffix(f.Name.Name, "_test") {
						return true
					}
					used[n.Name] = true // the tests are in the package itself
				}
				return true
			})
		}
	}
	return used
}
