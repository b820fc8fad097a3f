package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const module = "github.com/tensorfile/tensorfile"

// A target is one function FuzzXxx.
type target struct {
	pkg string // import path
	dir string
	fn  string
}

// name is the package's path in the module and the function.
func (t target) name() string {
	rel := strings.TrimPrefix(strings.TrimPrefix(t.pkg, module), "/")
	return cmp.Or(rel, "tensorfile") + "." + t.fn
}

// targets lists those of the module that this machine builds, by name.
func targets() ([]target, error) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,TestGoFiles,XTestGoFiles", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var found []target
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath, Dir           string
			TestGoFiles, XTestGoFiles []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		for _, name := range append(p.TestGoFiles, p.XTestGoFiles...) {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				return nil, err
			}
			for _, d := range file.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Fuzz") && takesF(fn) {
					found = append(found, target{p.ImportPath, p.Dir, fn.Name.Name})
				}
			}
		}
	}
	slices.SortFunc(found, func(a, b target) int { return strings.Compare(a.name(), b.name()) })
	return found, nil
}

// takesF says whether the function has one parameter *testing.F.
func takesF(fn *ast.FuncDecl) bool {
	if fn.Type.Params.NumFields() != 1 {
		return false
	}
	star, ok := fn.Type.Params.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	sel, ok := star.X.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "F"
}

// pickBy chooses n targets that depend on the seed alone, so that a run can be
// repeated and every target gets its turn.
func pickBy(seed string, ts []target, n int) []target {
	rank := func(t target) string {
		sum := sha256.Sum256([]byte(seed + "\x00" + t.name()))
		return string(sum[:])
	}
	ts = slices.Clone(ts)
	slices.SortFunc(ts, func(a, b target) int { return strings.Compare(rank(a), rank(b)) })
	ts = ts[:min(n, len(ts))]
	slices.SortFunc(ts, func(a, b target) int { return strings.Compare(a.name(), b.name()) })
	return ts
}
