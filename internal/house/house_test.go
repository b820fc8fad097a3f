// Package house tests the shape of the repository: who imports whom, where
// unsafe may be, what a package must have.
package house

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tensorfile/tensorfile"

type pkg struct {
	ImportPath, Name, Doc, Dir string
	Imports                    []string
	GoFiles                    []string
	TestGoFiles, XTestGoFiles  []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Doc,Dir,Imports,GoFiles,TestGoFiles,XTestGoFiles", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		var e *exec.ExitError
		if errors.As(err, &e) {
			t.Fatalf("go list: %v\n%s", err, e.Stderr)
		}
		t.Fatal(err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			pkgs = append(pkgs, p)
		}
	}
	if len(pkgs) < 10 {
		t.Fatalf("go list found %d packages", len(pkgs))
	}
	return pkgs
}

// layers, lowest first: a package may import its own row's named exceptions
// and any row below, never above. The longest matching prefix counts.
var layers = []struct {
	prefix string
	rank   int
}{
	{"internal/agree", 0},
	{"internal/argument", 0},
	{"internal/cast", 0},
	{"internal/decimal", 0},
	{"internal/strictjson", 0},
	{"internal/fsys", 0},
	{"internal/inflate", 0},
	{"internal/mutant", 0},
	{"internal/nameset", 0},
	{"internal/parallel", 0},
	{"internal/watch", 0},
	{"internal/kernel", 5},
	{"tensor", 10},
	{"format", 20},
	{"codec", 20},
	{"mmap", 20},
	{"ragged", 20},
	{"sparse", 20},
	{"quant", 20},
	{"plot", 20},
	{"transform", 20},
	{"internal/atomicfile", 25},
	{"", 30}, // the module root
	{"internal", 35},
	{"internal/badinput", 45}, // whole programs under test
	{"convert", 40},
	{"compare", 40},
	{"loader", 40},
	{"gpu", 40},
	{"remote", 45}, // registers with convert
	{"shard", 45},  // so does this
	{"viewer", 47},
	{"capi", 50},
	{"cmd", 50},
	{"bench", 50},
	{"examples", 50},
	{"docs", 50},
}

// neighbours lists the imports inside one rank that the picture has.
var neighbours = map[string]string{
	"convert":  "convert", // the formats know the interface
	"cmd":      "cmd",
	"gpu":      "gpu",
	"remote":   "remote",   // s3 signs what httprange asks
	"examples": "examples", // what they have in common
}

func rank(path string) (prefix string, r int) {
	r = -1
	for _, l := range layers {
		if (path == l.prefix || strings.HasPrefix(path, l.prefix+"/") || l.prefix == "" && path == "") && (r < 0 || len(l.prefix) >= len(prefix)) {
			prefix, r = l.prefix, l.rank
		}
	}
	return prefix, r
}

func TestImportsRunDownward(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range packages(t) {
		from := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if from == "spec" {
			continue // text, imported by tests only
		}
		fp, fr := rank(from)
		seen[fp] = true
		if fr < 0 {
			t.Errorf("%s has no place in the picture", p.ImportPath)
		}
		for _, imp := range p.Imports {
			if imp != module && !strings.HasPrefix(imp, module+"/") {
				continue
			}
			to := strings.TrimPrefix(strings.TrimPrefix(imp, module), "/")
			tp, tr := rank(to)
			// A format knows the interface and what formats share, and no other format.
			if fp == "convert" && tp == "convert" && to != "convert" && from != "convert" && !strings.HasPrefix(from, "convert/internal/") && !strings.HasPrefix(to, "convert/internal/") && !strings.HasPrefix(from, to+"/") {
				t.Errorf("%s imports %s: a format links no other", p.ImportPath, imp)
			}
			if tr < fr || tp == fp && (neighbours[fp] != "" || strings.HasPrefix(to, from+"/") || strings.HasPrefix(from, to+"/") || fp == "internal") {
				continue
			}
			t.Errorf("%s imports %s: imports run downward only", p.ImportPath, imp)
		}
	}
	for _, l := range layers {
		if !seen[l.prefix] && l.prefix != "bench" { // a module of its own
			t.Errorf("%s is in the picture, and nowhere else", l.prefix)
		}
	}
}

// The vocabulary, the format and what works on memory know no file, no system and
// no network.
func TestMemoryIsPure(t *testing.T) {
	n := 0
	for _, p := range packages(t) {
		first, _, _ := strings.Cut(strings.TrimPrefix(p.ImportPath, module+"/"), "/")
		if !slices.Contains([]string{"tensor", "format", "codec", "sparse", "ragged", "quant", "transform"}, first) {
			continue
		}
		n++
		for _, imp := range p.Imports {
			if slices.Contains([]string{"os", "os/exec", "syscall", "net", "net/http", "log"}, imp) || strings.HasPrefix(imp, "golang.org/x/sys/unix") {
				t.Errorf("%s imports %s", p.ImportPath, imp)
			}
		}
	}
	if n < 9 {
		t.Errorf("%d packages", n)
	}
}

func TestUnsafeIsFenced(t *testing.T) {
	allowed := []string{"internal/cast", "mmap", "gpu", "capi"}
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, module+"/")
		if slices.Contains(p.Imports, "unsafe") && !slices.ContainsFunc(allowed, func(a string) bool { return path == a || strings.HasPrefix(path, a+"/") }) {
			t.Errorf("%s imports unsafe", p.ImportPath)
		}
	}
}

func TestPackagesAreNamedAndDocumented(t *testing.T) {
	for _, p := range packages(t) {
		if slices.Contains([]string{"util", "utils", "common", "helpers", "misc"}, p.Name) {
			t.Errorf("%s: a name that says nothing", p.ImportPath)
		}
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

// Formats do not link each other, and the library links none of the tool.
func TestEngineStaysSmall(t *testing.T) {
	deps := func(pattern string) []string {
		out, err := exec.Command("go", "list", "-deps", pattern).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(string(out))
	}
	// Only who asks for a network links one.
	if slices.Contains(deps(module+"/convert/..."), "net/http") {
		t.Error("convert links net/http")
	}
	for _, pkg := range []string{"/convert/...", "/shard", "/loader", "/viewer", "/remote/httprange"} {
		for _, dep := range deps(module + pkg) {
			if strings.HasPrefix(dep, "github.com/minio/") || dep == module+"/remote/s3" {
				t.Errorf("%s links %s", pkg, dep)
			}
		}
	}
	for _, dep := range deps(module) {
		for _, heavy := range []string{module + "/convert", module + "/cmd", "github.com/spf13", "net/http", "github.com/ebitengine/purego"} {
			if strings.HasPrefix(dep, heavy) {
				t.Errorf("the engine links %s", dep)
			}
		}
	}
}

// People copy the examples: what they import is there for everybody.
func TestExamplesArePublic(t *testing.T) {
	n := 0
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.ImportPath, module+"/examples/") {
			continue
		}
		n++
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, module+"/internal/") || strings.HasPrefix(imp, module+"/cmd/") || strings.Contains(imp, "/internal/") && !strings.HasPrefix(imp, "internal/") {
				t.Errorf("%s imports %s", p.ImportPath, imp)
			}
		}
	}
	if n < 8 {
		t.Errorf("%d examples", n)
	}
}

// A package that calls foreign code without cgo makes a program need libc and its
// loader. Only gpu does, the tool, and the programs that show it; with the tag nogpu
// not even they.
func TestForeignCodeIsFenced(t *testing.T) {
	const purego = "github.com/ebitengine/purego"
	fenced := func(path string) bool {
		programs := []string{module + "/cmd/tensorfile", module + "/examples/edges", module + "/examples/superres"}
		return path == module+"/gpu" || strings.HasPrefix(path, module+"/gpu/") || slices.Contains(programs, path)
	}
	linked := func(tags string, target ...string) (with, all int) {
		cmd := exec.Command("go", "list", "-tags", tags, "-f", `{{.ImportPath}}:{{range .Deps}} {{.}}{{end}}`, module+"/...")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+target[0], "GOARCH="+target[1])
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			path, deps, _ := strings.Cut(strings.TrimSpace(line), ":")
			all++
			if !slices.ContainsFunc(strings.Fields(deps), func(d string) bool { return d == purego || strings.HasPrefix(d, purego+"/") }) {
				continue
			}
			with++
			if !fenced(path) || tags != "" {
				t.Errorf("%s links %s (%s, tags %q)", path, purego, strings.Join(target, "/"), tags)
			}
		}
		return with, all
	}
	if with, all := linked("", "linux", "amd64"); with < 2 || all < 50 {
		t.Errorf("%d of %d packages link it: the test looks at nothing", with, all)
	}
	linked("nogpu", "linux", "amd64")
	for _, target := range [][]string{{"linux", "386"}, {"linux", "s390x"}, {"darwin", "arm64"}} {
		if with, _ := linked("", target...); with > 0 {
			t.Errorf("%s: %d packages link it, where it does not run", strings.Join(target, "/"), with)
		}
	}
}
