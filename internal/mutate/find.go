package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"hash/fnv"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// mutant is one change of one place of a function.
type mutant struct {
	id         string // file:function:operator:which: what is replaced -> by what
	op         string
	sum        uint32 // of the function's text: a result for another text is stale
	fn         *function
	begin, end int // of what is replaced, in the file
	by         string
	line       int
	col        int
}

// function is a declared function of which mutants are made.
type function struct {
	pkg  *pkg
	file *file
	decl *ast.FuncDecl
	name string // with its receiver
}

type file struct {
	name string // base
	path string // from the module's root
	text []byte
	tree *ast.File
}

// pkg is a package of the module as the machine that runs this builds it.
type pkg struct {
	Dir        string
	ImportPath string
	Name       string
	GoFiles    []string
	Export     string
	Standard   bool

	rel   string // of Dir, from the module's root
	fset  *token.FileSet
	files []*file
	info  *types.Info
	imp   types.Importer
}

// load reads and checks the packages in the directories dirs below root.
func load(root string, dirs []string) ([]*pkg, error) {
	args := []string{"list", "-export", "-deps", "-json=Dir,ImportPath,Name,GoFiles,Export,Standard"}
	for _, d := range dirs {
		args = append(args, "./"+d)
	}
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Stderr = root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	exports := map[string]string{}
	var list []*pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		p := &pkg{}
		if err := d.Decode(p); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		exports[p.ImportPath] = p.Export
		if rel, err := filepath.Rel(root, p.Dir); err == nil && slices.Contains(dirs, filepath.ToSlash(rel)) {
			p.rel = filepath.ToSlash(rel)
			list = append(list, p)
		}
	}
	for _, p := range list {
		p.fset = token.NewFileSet()
		p.imp = importer.ForCompiler(p.fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
		var trees []*ast.File
		for _, name := range p.GoFiles {
			f := &file{name: name, path: filepath.ToSlash(filepath.Join(p.rel, name))}
			if f.text, err = os.ReadFile(filepath.Join(p.Dir, name)); err != nil {
				return nil, err
			}
			if f.tree, err = parser.ParseFile(p.fset, name, f.text, parser.SkipObjectResolution); err != nil {
				return nil, err
			}
			p.files = append(p.files, f)
			trees = append(trees, f.tree)
		}
		p.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
		if _, err := (&types.Config{Importer: p.imp}).Check(p.ImportPath, p.fset, trees, p.info); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// mutants lists the mutants of the files called names, or of all files.
func (p *pkg) mutants(names []string) []*mutant {
	var list []*mutant
	for _, f := range p.files {
		if names != nil && !slices.Contains(names, f.name) {
			continue
		}
		for _, d := range f.tree.Decls {
			if d, ok := d.(*ast.FuncDecl); ok && d.Body != nil && d.Name.Name != "init" && d.Name.Name != "_" {
				fn := &function{pkg: p, file: f, decl: d, name: d.Name.Name}
				if d.Recv != nil {
					fn.name = types.ExprString(d.Recv.List[0].Type) + "." + fn.name
				}
				list = append(list, fn.mutants()...)
			}
		}
	}
	return list
}

// errorMaker names what makes an error or a text. Its arguments are not mutated,
// as that would change but the words of an error: such mutants are equivalent on
// sight. So are other capacities, hints to the system, and another number for
// "none" (-1).
var errorMaker = regexp.MustCompile(`^(e|fail|bad[A-Za-z]*|Fail|FailWrite|Errorf|Sprint|Sprintf|Sprintln|New|Quote|Escape|panic|On|located)$`)

// hint names calls without an effect that a result could show.
var hint = regexp.MustCompile(`^(KeepAlive|Advise|WriteBehind|Allocate|Grow|Helper)$`)

type finder struct {
	fn    *function
	list  []*mutant
	count map[string]int
	seen  map[string]bool // begin:end:text, so that no two are the same
	sum   uint32

	planted bool // inside what only the builds for the search for crashes have
}

func (fn *function) offset(p token.Pos) int { return fn.pkg.fset.Position(p).Offset }

func (fn *function) text(n ast.Node) string {
	return string(fn.file.text[fn.offset(n.Pos()):fn.offset(n.End())])
}

func (fn *function) mutants() []*mutant {
	h := fnv.New32a()
	io.WriteString(h, fn.text(fn.decl))
	f := &finder{fn: fn, count: map[string]int{}, seen: map[string]bool{}, sum: h.Sum32()}
	f.walk(fn.decl.Body)
	return f.list
}

// add makes a mutant that replaces [from, to) by text. What a rule leaves out has
// its number all the same, so that the ids of the others outlive the rule.
func (f *finder) add(op string, from, to token.Pos, by string) {
	fn := f.fn
	begin, end := fn.offset(from), fn.offset(to)
	old := string(fn.file.text[begin:end])
	key := fmt.Sprint(begin, end, by)
	if f.seen[key] || strings.Contains(old, "mutant.On(") {
		return
	}
	f.seen[key] = true
	f.count[op]++
	if f.planted {
		return
	}
	at := fn.pkg.fset.Position(from)
	f.list = append(f.list, &mutant{
		id: fmt.Sprintf("%s:%s:%s:%d: %s -> %s", fn.file.path, fn.name, op, f.count[op], short(old), short(by)),
		op: op, sum: f.sum, fn: fn, begin: begin, end: end, by: by, line: at.Line, col: at.Column,
	})
}

var spaces = regexp.MustCompile(`\s+`)

func short(s string) string {
	s = spaces.ReplaceAllString(s, " ")
	if r := []rune(s); len(r) > 60 {
		s = string(r[:57]) + "..."
	}
	if s == "" {
		s = "nothing"
	}
	return s
}

var compares = map[token.Token]string{
	token.LSS: "<=", token.LEQ: "<", token.GTR: ">=", token.GEQ: ">", token.EQL: "!=", token.NEQ: "==",
}

var logics = map[token.Token]string{token.LAND: "||", token.LOR: "&&"}

var ariths = map[token.Token]string{
	token.ADD: "-", token.SUB: "+", token.MUL: "/", token.QUO: "*", token.REM: "*",
	token.SHL: ">>", token.SHR: "<<", token.AND: "|", token.OR: "&", token.AND_NOT: "&", token.XOR: "&",
}

var assigns = map[token.Token]string{
	token.ADD_ASSIGN: "-=", token.SUB_ASSIGN: "+=", token.MUL_ASSIGN: "/=", token.QUO_ASSIGN: "*=",
	token.SHL_ASSIGN: ">>=", token.SHR_ASSIGN: "<<=", token.OR_ASSIGN: "&=", token.AND_ASSIGN: "|=",
}

func (f *finder) walk(n ast.Node) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			return f.call(n)
		case *ast.CompositeLit:
			return !isError(f.typeOf(n))
		case *ast.IfStmt:
			was := f.planted
			f.planted = was || isPlanted(n.Cond)
			f.condition(n)
			for _, part := range []ast.Node{n.Init, n.Cond, n.Body} {
				if part != nil {
					f.walk(part)
				}
			}
			f.planted = was
			if n.Else != nil {
				f.walk(n.Else)
			}
			return false
		case *ast.BinaryExpr:
			f.binary(n)
		case *ast.IncDecStmt:
			by := map[token.Token]string{token.INC: "--", token.DEC: "++"}[n.Tok]
			f.add("incdec", n.TokPos, n.TokPos+2, by)
		case *ast.AssignStmt:
			f.assign(n)
		case *ast.ExprStmt:
			if c, ok := n.X.(*ast.CallExpr); ok && !hint.MatchString(callee(c)) && callee(c) != "panic" {
				f.add("call", n.Pos(), n.End(), "")
			}
		case *ast.DeferStmt:
			if !hint.MatchString(callee(n.Call)) {
				f.add("defer", n.Pos(), n.End(), "")
			}
		case *ast.ReturnStmt:
			f.result(n)
		case *ast.BranchStmt:
			if n.Tok == token.BREAK || n.Tok == token.CONTINUE {
				f.add("branch", n.Pos(), n.End(), "")
			}
		case *ast.BasicLit:
			f.literal(n)
		case *ast.Ident:
			f.named(n)
		case *ast.SelectorExpr:
			if c, ok := f.fn.pkg.info.Uses[n.Sel].(*types.Const); ok {
				f.constant(n, c.Type())
				return false
			}
			f.walk(n.X)
			return false
		case *ast.UnaryExpr: // -1 is a name of "none"
			if _, ok := n.X.(*ast.BasicLit); ok && n.Op == token.SUB {
				return false
			}
		case *ast.ArrayType, *ast.StructType, *ast.FuncType, *ast.MapType, *ast.GenDecl:
			if d, ok := n.(*ast.GenDecl); ok {
				return d.Tok == token.VAR
			}
			return false
		case *ast.KeyValueExpr:
			f.walk(n.Value)
			return false
		}
		return true
	})
}

func (f *finder) typeOf(e ast.Expr) types.Type { return f.fn.pkg.info.TypeOf(e) }

var errorType = types.Universe.Lookup("error").Type()

// isError reports whether t is error or the error of this module.
func isError(t types.Type) bool {
	if t == nil {
		return false
	}
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	if types.Identical(t, errorType) {
		return true
	}
	n, ok := types.Unalias(t).(*types.Named)
	return ok && n.Obj().Name() == "Error" && n.Obj().Pkg() != nil && n.Obj().Pkg().Name() == "tensor"
}

// isPlanted reports whether a condition holds only if a planted mistake is on.
func isPlanted(e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.CallExpr:
		fn, ok := e.Fun.(*ast.SelectorExpr)
		return ok && types.ExprString(fn) == "mutant.On"
	case *ast.BinaryExpr:
		switch e.Op {
		case token.LAND:
			return isPlanted(e.X) || isPlanted(e.Y)
		case token.LOR:
			return isPlanted(e.X) && isPlanted(e.Y)
		}
	}
	return false
}

func callee(c *ast.CallExpr) string {
	switch fn := ast.Unparen(c.Fun).(type) {
	case *ast.Ident:
		return fn.Name
	case *ast.SelectorExpr:
		return fn.Sel.Name
	}
	return ""
}

// call handles a call inside an expression, and says whether to look into it.
func (f *finder) call(c *ast.CallExpr) bool {
	name := callee(c)
	if errorMaker.MatchString(name) {
		for _, a := range c.Args { // fail(f.Close(), "close") does more than to say so
			if a, ok := a.(*ast.CallExpr); ok && isError(f.typeOf(a)) {
				f.walk(a)
			}
		}
		return false
	}
	if name == "make" && len(c.Args) == 3 { // the capacity changes no result
		f.walk(c.Args[1])
		return false
	}
	returned := f.seen[fmt.Sprint(f.fn.offset(c.Pos()), f.fn.offset(c.End()), "nil")]
	if t := f.typeOf(c); t != nil && types.Identical(t, errorType) && !returned {
		f.add("call", c.Pos(), c.End(), "error(nil)")
	}
	if len(c.Args) >= 2 && !c.Ellipsis.IsValid() {
		a, b := c.Args[0], c.Args[1]
		ta, tb := f.typeOf(a), f.typeOf(b)
		if ta != nil && tb != nil && types.Identical(types.Default(ta), types.Default(tb)) && f.fn.text(a) != f.fn.text(b) && name != "min" && name != "max" {
			f.add("args", a.Pos(), b.End(), f.fn.text(b)+", "+f.fn.text(a))
		}
	}
	return true
}

func (f *finder) condition(n *ast.IfStmt) {
	cond := f.fn.text(n.Cond)
	if n.Else == nil && len(n.Body.List) == 1 {
		if r, ok := n.Body.List[0].(*ast.ReturnStmt); ok && len(r.Results) > 0 && isError(f.typeOf(r.Results[len(r.Results)-1])) {
			f.add("uncheck", n.Cond.Pos(), n.Cond.End(), "false && ("+cond+")")
		}
	}
	by := "!(" + cond + ")"
	if b, ok := n.Cond.(*ast.BinaryExpr); ok && (b.Op == token.EQL || b.Op == token.NEQ) {
		by = f.fn.text(b.X) + " " + compares[b.Op] + " " + f.fn.text(b.Y)
	}
	f.add("negate", n.Cond.Pos(), n.Cond.End(), by)
	if b, ok := n.Cond.(*ast.BinaryExpr); ok { // the same again as a change of the sign
		f.seen[fmt.Sprint(f.fn.offset(b.OpPos), f.fn.offset(b.OpPos)+2, compares[b.Op])] = b.Op == token.EQL || b.Op == token.NEQ
	}
}

func (f *finder) binary(n *ast.BinaryExpr) {
	op := n.OpPos
	end := op + token.Pos(len(n.Op.String()))
	if by, ok := compares[n.Op]; ok {
		f.add("compare", op, end, by)
	} else if by, ok := logics[n.Op]; ok {
		f.add("logic", op, end, by)
	} else if by, ok := ariths[n.Op]; ok {
		if b, ok := f.typeOf(n.X).Underlying().(*types.Basic); ok && b.Info()&types.IsString == 0 {
			f.add("arith", op, end, by)
		}
	}
}

func (f *finder) assign(n *ast.AssignStmt) {
	if n.Tok == token.DEFINE {
		return
	}
	if len(n.Lhs) == 1 {
		if id, ok := n.Lhs[0].(*ast.Ident); ok && id.Name == "_" {
			return
		}
	}
	f.add("assign", n.Pos(), n.End(), "")
	if by, ok := assigns[n.Tok]; ok {
		if b, ok := f.typeOf(n.Lhs[0]).Underlying().(*types.Basic); ok && b.Info()&types.IsString == 0 {
			f.add("arith", n.TokPos, n.TokPos+token.Pos(len(n.Tok.String())), by)
		}
	}
}

// result gives back the zero value, or no error, instead.
func (f *finder) result(n *ast.ReturnStmt) {
	for _, r := range n.Results {
		tv := f.fn.pkg.info.Types[r]
		by := ""
		switch t := tv.Type.Underlying().(type) {
		case *types.Basic:
			switch {
			case t.Kind() == types.UntypedNil:
			case t.Info()&types.IsBoolean != 0:
				by = "false"
			case t.Info()&types.IsNumeric != 0:
				by = "0"
			case t.Info()&types.IsString != 0:
				by = `""`
			}
		case *types.Interface, *types.Pointer, *types.Slice, *types.Map, *types.Signature, *types.Chan:
			by = "nil"
		}
		old := f.fn.text(r)
		if tv.Value != nil && tv.Value.Kind() == constant.Bool {
			by = fmt.Sprint(!constant.BoolVal(tv.Value))
		}
		if by != "" && old != by && old != "nil" {
			f.add("return", r.Pos(), r.End(), by)
		}
	}
}

func (f *finder) literal(n *ast.BasicLit) {
	if n.Kind == token.INT {
		f.add("constant", n.Pos(), n.End(), "("+n.Value+" + 1)")
		if n.Value != "0" {
			f.add("constant", n.Pos(), n.End(), "("+n.Value+" - 1)")
		}
	}
}

func (f *finder) named(n *ast.Ident) {
	if c, ok := f.fn.pkg.info.Uses[n].(*types.Const); ok {
		f.constant(n, c.Type())
	}
}

// constant moves a named integer by one.
func (f *finder) constant(n ast.Expr, t types.Type) {
	b, ok := t.Underlying().(*types.Basic)
	if !ok || b.Info()&types.IsInteger == 0 {
		return
	}
	if n, ok := types.Unalias(t).(*types.Named); ok && n.Obj().Name() == "Errno" {
		f.count["constant"] += 2 // a neighbour of a system's error is none that it gives
		return
	}
	f.add("constant", n.Pos(), n.End(), "("+f.fn.text(n)+" + 1)")
	f.add("constant", n.Pos(), n.End(), "("+f.fn.text(n)+" - 1)")
}
