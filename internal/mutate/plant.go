package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// plantedEnv names the number of the mutant that a planted program runs; none
// is the program as it is.
const plantedEnv = "TENSORFILE_PLANTED"

// planted is a package with mutants: each is a copy of its function beside it,
// and the function calls the copy if it is told to. So one build serves all.
type planted struct {
	pkg     *pkg
	files   map[string]string // name: text
	mutants map[int]*mutant
}

// plant writes the files of p with the mutants of it among list, numbered from
// 1 in list, and drops those that do not compile.
func (p *pkg) plant(list []*mutant) (*planted, error) {
	out := &planted{pkg: p, mutants: map[int]*mutant{}}
	for i, m := range list {
		if m.fn.pkg == p {
			out.mutants[i+1] = m
		}
	}
	for len(out.mutants) > 0 {
		out.files = map[string]string{}
		copies := map[string]int{} // name of the copy: its number
		for _, f := range p.files {
			if text, ok := out.file(f, copies); ok {
				out.files[f.name] = text
			}
		}
		out.files["planted_mutants.go"] = fmt.Sprintf(`package %s

import "os"

var plantedMutant = func() (n int) {
	for _, c := range os.Getenv(%q) {
		n = 10*n + int(c-'0')
	}
	return n
}()
`, p.Name, plantedEnv)
		bad, err := out.check(copies)
		if err != nil {
			return nil, err
		}
		if len(bad) == 0 {
			return out, nil
		}
		for n := range bad {
			delete(out.mutants, n)
		}
	}
	return nil, nil
}

// file is the text of f with its mutants, if it has any.
func (out *planted) file(f *file, copies map[string]int) (string, bool) {
	numbers := map[*ast.FuncDecl][]int{}
	for n, m := range out.mutants {
		if m.fn.file == f {
			numbers[m.fn.decl] = append(numbers[m.fn.decl], n)
		}
	}
	if len(numbers) == 0 {
		return "", false
	}
	var b strings.Builder
	at := 0
	for _, d := range f.tree.Decls {
		d, ok := d.(*ast.FuncDecl)
		if !ok || numbers[d] == nil {
			continue
		}
		list := numbers[d]
		slices.Sort(list)
		fn := out.mutants[list[0]].fn
		begin, body, end := fn.offset(d.Pos()), fn.offset(d.Body.Lbrace), fn.offset(d.End())
		head, call := fn.head()
		b.Write(f.text[at:begin])
		b.WriteString(head(d.Name.Name) + "{ switch plantedMutant {")
		for _, n := range list {
			name := fmt.Sprintf("mutant%d_%s", n, d.Name.Name)
			copies[name] = n
			fmt.Fprintf(&b, " case %d: %s;", n, call(name))
		}
		b.WriteString(" };")
		b.Write(f.text[body+1 : end])
		for _, n := range list {
			m := out.mutants[n]
			b.WriteString("\n\n" + head(fmt.Sprintf("mutant%d_%s", n, d.Name.Name)))
			b.Write(f.text[body:m.begin])
			b.WriteString(m.by)
			b.Write(f.text[m.end:end])
		}
		at = end
	}
	b.Write(f.text[at:])
	return b.String(), true
}

// head writes the function's head under a name, and a call of what has such a
// head from inside the function: every parameter gets a name.
func (fn *function) head() (head, call func(name string) string) {
	d := fn.decl
	var args []string
	fields := func(l *ast.FieldList, prefix string) (list []string) {
		for i, f := range l.List {
			if len(f.Names) == 0 {
				f = &ast.Field{Names: []*ast.Ident{{Name: fmt.Sprint(prefix, i)}}, Type: f.Type}
			}
			for j, n := range f.Names {
				name := n.Name
				if name == "_" {
					name = fmt.Sprint(prefix, i, "_", j)
				}
				list = append(list, name+" "+fn.text(f.Type))
				if _, ok := f.Type.(*ast.Ellipsis); ok {
					name += "..."
				}
				args = append(args, name)
			}
		}
		return list
	}
	recv, on := "", ""
	if d.Recv != nil {
		recv = "(" + strings.Join(fields(d.Recv, "receiver"), ", ") + ") "
		on, args = args[0]+".", nil
	}
	params := strings.Join(fields(d.Type.Params, "parameter"), ", ")
	generic, instance := "", ""
	if tp := d.Type.TypeParams; tp != nil {
		generic = string(fn.file.text[fn.offset(tp.Pos()):fn.offset(tp.End())])
		var names []string
		for _, f := range tp.List {
			for _, n := range f.Names {
				names = append(names, n.Name)
			}
		}
		instance = "[" + strings.Join(names, ", ") + "]"
	}
	results := ""
	if d.Type.Results != nil {
		results = " " + fn.text(d.Type.Results)
	}
	head = func(name string) string { return "func " + recv + name + generic + "(" + params + ")" + results + " " }
	call = func(name string) string {
		c := on + name + instance + "(" + strings.Join(args, ", ") + ")"
		if results != "" {
			return "return " + c
		}
		return c + "; return"
	}
	return head, call
}

// check finds the mutants that do not compile, by their copies.
func (out *planted) check(copies map[string]int) (bad map[int]bool, err error) {
	p := out.pkg
	bad = map[int]bool{}
	var trees []*ast.File
	spans := map[*ast.FuncDecl]int{}
	names := []string{"planted_mutants.go"}
	for _, f := range p.files {
		names = append(names, f.name)
	}
	for _, name := range names {
		text, ok := out.files[name]
		if !ok {
			for _, f := range p.files {
				if f.name == name {
					text = string(f.text)
				}
			}
		}
		tree, err := parser.ParseFile(p.fset, "planted/"+name, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("a mutant breaks the grammar: %w", err)
		}
		for _, d := range tree.Decls {
			if d, ok := d.(*ast.FuncDecl); ok {
				if n := copies[d.Name.Name]; n > 0 {
					spans[d] = n
				}
			}
		}
		trees = append(trees, tree)
	}
	conf := types.Config{Importer: p.imp, Error: func(e error) {
		te := e.(types.Error)
		for d, n := range spans {
			if d.Pos() <= te.Pos && te.Pos <= d.End() {
				bad[n] = true
				return
			}
		}
		err = e
	}}
	conf.Check(p.ImportPath, p.fset, trees, nil)
	return bad, err
}

// overlay writes the planted files below dir and the list that go build takes.
func overlay(dir string, list []*planted) (string, error) {
	replace := map[string]string{}
	for _, out := range list {
		for name, text := range out.files {
			path := filepath.Join(dir, flat(out.pkg.rel)+"_"+name)
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				return "", err
			}
			replace[filepath.Join(out.pkg.Dir, name)] = path
		}
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, b, 0o644)
}
