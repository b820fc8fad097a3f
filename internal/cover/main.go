// Command cover reads the profiles of "go test -coverprofile" and prints the
// statements of each package, how many of them the tests ran, and the floor of
// the packages that have one. It fails under a floor, and if a package with a
// floor is not in the profiles: a run that measures nothing must not look green.
//
// Planted mistakes ("if mutant.On(...)") are not counted: only a build with the
// tag mutants holds them, in the proof that the search for crashes finds them.
package main

import (
	"bufio"
	"cmp"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/tensorfile/tensorfile"

// floors are the percents of statements that tests must run, by the directory
// of a package; "convert/..." stands for all below convert.
var floors = []floor{
	{"convert", 95},
	{"convert/aiff", 95},
	{"convert/bmp", 95},
	{"convert/csv", 95},
	{"convert/flac", 95},
	{"convert/gguf", 95},
	{"convert/gif", 95},
	{"convert/hdf5", 95},
	{"convert/idx", 95},
	{"convert/internal/column", 95},
	{"convert/internal/pcm", 95},
	{"convert/internal/picture", 95},
	{"convert/internal/records", 95},
	{"convert/internal/utf8text", 95},
	{"convert/internal/zipfile", 95},
	{"convert/jpeg", 95},
	{"convert/jsonl", 95},
	{"convert/mp3", 95},
	{"convert/mtx", 95},
	{"convert/npy", 95},
	{"convert/operate", 95},
	{"convert/pfm", 95},
	{"convert/png", 95},
	{"convert/pnm", 95},
	{"convert/safetensors", 95},
	{"convert/sql", 95},
	{"convert/sql/sqlite", 95},
	{"convert/text", 95},
	{"convert/tiff", 95},
	{"convert/torch", 95},
	{"convert/wav", 95},
	{"convert/webp", 95},
	{".", 95},
	{"codec", 95},
	{"format", 95},
	{"internal/atomicfile", 95},
	{"internal/fsys", 95},
	{"internal/nameset", 95},
	{"internal/strictjson", 95},
	{"mmap", 95},
	{"quant", 95},
	{"ragged", 95},
	{"sparse", 95},
}

type floor struct {
	dir     string
	percent float64
}

// A block is statements that run together: "file.go:12.3,14.9".
type block struct {
	place      string
	statements int
	ran        bool
}

func main() {
	verbose := flag.Bool("v", false, "list the blocks that no test ran, of the packages that are named")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "cover [-v] PROFILE [DIRECTORY...]: the named packages, or all")
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	f, err := os.Open(flag.Arg(0))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	packages, err := read(f, planted)
	f.Close()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", flag.Arg(0), err)
		os.Exit(2)
	}
	if !report(os.Stdout, packages, flag.Args()[1:], *verbose) {
		os.Exit(1)
	}
}

// planted reports whether a block that begins at a line, from 1, of a file of
// this module is a planted mistake.
func planted(file string, line int) bool {
	text, ok := sources[file]
	if !ok {
		b, _ := os.ReadFile(strings.TrimPrefix(file, module+"/"))
		text = strings.Split(string(b), "\n")
		sources[file] = text
	}
	return line <= len(text) && strings.Contains(text[line-1], "if mutant.On(") && strings.HasSuffix(text[line-1], "{")
}

var sources = map[string][]string{} // lines of files, by name in the profile

// read gives the blocks of each package but those that skip names. A profile
// over several packages has a block once for each test program that holds it;
// one that ran it is enough.
func read(r io.Reader, skip func(file string, line int) bool) (map[string][]block, error) {
	type key struct{ file, span string }
	blocks := map[key]block{}
	in := bufio.NewScanner(r)
	for n := 1; in.Scan(); n++ {
		line := in.Text()
		if strings.HasPrefix(line, "mode: ") {
			continue
		}
		file, rest, _ := strings.Cut(line, ":")
		part := strings.Fields(rest)
		if len(part) != 3 {
			return nil, fmt.Errorf("line %d is no block: %q", n, line)
		}
		statements, err1 := strconv.Atoi(part[1])
		count, err2 := strconv.ParseUint(part[2], 10, 64)
		if err := cmp.Or(err1, err2); err != nil {
			return nil, fmt.Errorf("line %d: %v", n, err)
		}
		k := key{file, part[0]}
		blocks[k] = block{path.Base(file) + ":" + part[0], statements, blocks[k].ran || count > 0}
	}
	packages := map[string][]block{}
	for k, b := range blocks {
		if !b.ran && skip(k.file, line(k.span)) {
			continue
		}
		dir := cmp.Or(strings.TrimPrefix(strings.TrimPrefix(path.Dir(k.file), module), "/"), ".")
		packages[dir] = append(packages[dir], b)
	}
	return packages, in.Err()
}

// report prints a row a package, and under it what no test ran if verbose. It
// says whether every floor is reached.
func report(w io.Writer, packages map[string][]block, names []string, verbose bool) bool {
	good := true
	rows := slices.Sorted(maps.Keys(packages))
	if len(names) > 0 {
		rows = names
	} else {
		for _, f := range floors {
			if !slices.ContainsFunc(rows, func(dir string) bool { return within(dir, f.dir) }) {
				fmt.Fprintf(w, "%s is not in the profile\n", f.dir)
				good = false
			}
		}
	}
	fmt.Fprintf(w, "%10s %10s %8s %8s  %s\n", "statements", "ran", "percent", "floor", "package")
	for _, dir := range rows {
		blocks := packages[strings.TrimPrefix(path.Clean(dir), "./")]
		all, ran := 0, 0
		for _, b := range blocks {
			all += b.statements
			if b.ran {
				ran += b.statements
			}
		}
		least, short := "", ""
		if f, ok := floorOf(dir); ok {
			least = strconv.FormatFloat(f, 'f', -1, 64)
			if float64(ran)*100 < f*float64(all) {
				short, good = "  under its floor", false
			}
		}
		percent := 0.0
		if all > 0 {
			percent = float64(ran) * 100 / float64(all)
		}
		fmt.Fprintf(w, "%10d %10d %8.1f %8s  %s%s\n", all, ran, percent, least, dir, short)
		if verbose {
			for _, b := range missing(blocks) {
				fmt.Fprintf(w, "    %s %d\n", b.place, b.statements)
			}
		}
	}
	return good
}

func floorOf(dir string) (percent float64, ok bool) {
	for _, f := range floors {
		if within(dir, f.dir) {
			return f.percent, true
		}
	}
	return 0, false
}

func within(dir, pattern string) bool {
	above, all := strings.CutSuffix(pattern, "/...")
	return dir == above || all && strings.HasPrefix(dir, above+"/")
}

// missing are the blocks that no test ran, by file and line.
func missing(blocks []block) []block {
	var out []block
	for _, b := range blocks {
		if !b.ran {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b block) int {
		fileA, spanA, _ := strings.Cut(a.place, ":")
		fileB, spanB, _ := strings.Cut(b.place, ":")
		return cmp.Or(cmp.Compare(fileA, fileB), cmp.Compare(line(spanA), line(spanB)), cmp.Compare(spanA, spanB))
	})
	return out
}

func line(span string) int {
	n, _, _ := strings.Cut(span, ".")
	i, _ := strconv.Atoi(n)
	return i
}
