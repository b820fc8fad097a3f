package tensorfile_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each call that hands out mapped bytes says which uses of them no fence holds.
func TestUnfencedIsDocumented(t *testing.T) {
	want := map[string]map[string]bool{ // directory, receiver.name
		".":    {"Tensor.View": false, "Tensor.Guard": false, "Tensor.Lease": false, "Data": false, "AcquireData": false, "View": false, "File.Map": false},
		"mmap": {"Map.Bytes": false, "Map.Fetch": false, "Map.Guard": false},
	}
	words := []string{"Guard", "channel", "goroutine", "foreign code"}
	all := func(what, doc string) {
		for _, w := range words {
			if !strings.Contains(strings.Join(strings.Fields(doc), " "), w) {
				t.Errorf("the documentation of %s has no word of %q", what, w)
			}
		}
	}
	for dir, calls := range want {
		for _, path := range must(filepath.Glob(filepath.Join(dir, "*.go")))(t) {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			f := must(parser.ParseFile(token.NewFileSet(), path, must(os.ReadFile(path))(t), parser.ParseComments))(t)
			if filepath.Base(path) == "doc.go" && dir == "." {
				all("the package", f.Doc.Text())
			}
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				name := fn.Name.Name
				if fn.Recv != nil {
					x := fn.Recv.List[0].Type
					if s, ok := x.(*ast.StarExpr); ok {
						x = s.X
					}
					if id, ok := x.(*ast.Ident); ok {
						name = id.Name + "." + name
					}
				}
				if _, wanted := calls[name]; wanted {
					calls[name] = true
					all(dir+" "+name, fn.Doc.Text())
				}
			}
		}
		for name, seen := range calls {
			if !seen {
				t.Errorf("there is no %s in %s", name, dir)
			}
		}
	}
}
