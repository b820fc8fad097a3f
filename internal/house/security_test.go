package house

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The limits that SECURITY.md names are those of the code: constants by value,
// options and flags by being there.
func TestSecurityLimits(t *testing.T) {
	const root = "../../"
	text, err := os.ReadFile(root + "SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "| what | default | option | flag | constant |\n")
	if !ok {
		t.Fatal("there is no table of limits")
	}
	var tool strings.Builder
	files, _ := filepath.Glob(root + "cmd/tensorfile/*.go")
	for _, path := range files {
		if b, err := os.ReadFile(path); err == nil && !strings.HasSuffix(path, "_test.go") {
			tool.Write(b)
		}
	}
	packages := map[string]map[string]ast.Node{} // by folder: constants and fields
	find := func(name string) ast.Node {
		dir, rest := name, ""
		if i := strings.IndexByte(name[strings.LastIndexByte(name, '/')+1:], '.'); i >= 0 {
			i += strings.LastIndexByte(name, '/') + 1
			dir, rest = name[:i], name[i+1:]
		}
		if packages[dir] == nil {
			at := root + dir
			if dir == "tensorfile" {
				at = root
			}
			packages[dir] = declared(t, at)
		}
		return packages[dir][rest]
	}
	rows := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 7 {
			break
		}
		if strings.HasPrefix(cells[1], " ---") {
			continue
		}
		for i := range cells {
			cells[i] = strings.Trim(cells[i], " `")
		}
		rows++
		what, text, option, flag, name := cells[1], cells[2], cells[3], cells[4], cells[5]
		want, err := limit(text)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		value, ok := find(name).(ast.Expr)
		if !ok {
			t.Errorf("%s: there is no constant %s", what, name)
			continue
		}
		got, err := types.Eval(token.NewFileSet(), nil, token.NoPos, types.ExprString(value))
		if err != nil {
			t.Errorf("%s: %s: %v", what, name, err)
		} else if n, ok := constant.Int64Val(got.Value); !ok || n != want {
			t.Errorf("%s: it says %s, %s is %v", what, text, name, got.Value)
		}
		if option != "" && find(option) == nil {
			t.Errorf("%s: there is no option %s", what, option)
		}
		if flag != "" && !strings.Contains(tool.String(), strconv.Quote(strings.TrimPrefix(flag, "--"))) {
			t.Errorf("%s: there is no flag %s", what, flag)
		}
	}
	if rows < 30 {
		t.Errorf("%d rows", rows)
	}
}

var amount = regexp.MustCompile(`^([0-9,]+)(?: ([KMG])iB)?(?:,.*)?$`)

// limit reads "4 GiB, ..." or "10,000".
func limit(text string) (int64, error) {
	m := amount.FindStringSubmatch(text)
	if m == nil {
		return 0, strconv.ErrSyntax
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(m[1], ",", ""), 10, 64)
	if m[2] != "" {
		n <<= 10 * (1 + strings.Index("KMG", m[2]))
	}
	return n, err
}

// declared are the constants of a package, and the fields of its structs as
// Type.Field.
func declared(t *testing.T, dir string) map[string]ast.Node {
	t.Helper()
	m := map[string]ast.Node{}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Errorf("no package in %s", dir)
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if i < len(n.Values) {
						m[name.Name] = n.Values[i]
					}
				}
			case *ast.TypeSpec:
				if s, ok := n.Type.(*ast.StructType); ok {
					for _, field := range s.Fields.List {
						for _, name := range field.Names {
							m[n.Name.Name+"."+name.Name] = field
						}
					}
				}
			}
			return true
		})
	}
	return m
}
