package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/term"
	"github.com/tensorfile/tensorfile/tensor"
)

func TestSizes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1<<20 - 1: "1.0 MiB", 1<<20 - 60: "1023.9 KiB", 5 << 30: "5.0 GiB", math.MaxInt64: "8.0 EiB"} {
		if got := sizeText(n); got != want {
			t.Errorf("sizeText(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234", -123: "-123"} {
		if got := countText(n); got != want {
			t.Errorf("countText(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	for s, want := range map[string]string{
		"plain": "plain", "é€😀": "é€😀", "a\x1b[31m": `a\x1b[31m`, "a\nb": `a\nb`, "\xff": `\xff`, "\u009b": `\u009b`, "\u202e": `\u202e`, "\u200b": `\u200b`, "\U000e0001": `\U000e0001`, `back\slash`: `back\slash`,
	} {
		if got := clean(s); got != want {
			t.Errorf("clean(%q) = %q, want %q", s, got, want)
		}
	}
	for _, s := range []string{"\u009b", "\u202e", "\U000e0001", "é"} {
		b, err := marshal(s)
		if err != nil || s != "é" && strings.ContainsFunc(string(b), hidden) {
			t.Errorf("marshal(%q) = %s, %v", s, b, err)
		}
	}
}

// A table with more rows than a block, wide characters, long rows and an order
// of its own.
func TestTable(t *testing.T) {
	tab := newTable("A", ">NUMBER", "C")
	const n = 3*blockRows + 5
	for i := range n {
		if i == 7 {
			tab.cell("seven")
			tab.span("takes the rest, however long it is")
			continue
		}
		tab.cells = append(tab.cells, "row "...)
		tab.cells = append(tab.cells, itoa(i)...)
		tab.end()
		tab.cell(itoa(i * 10))
		tab.cell(strings.Repeat("é", i%3))
	}
	for i := range n {
		tab.order = append(tab.order, n-1-i)
	}
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := newOutput(context.Background(), f)
	tab.write(w, true, false)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	if len(lines) != n+1 || lines[0] != "A         NUMBER  C" {
		t.Fatalf("%d lines, the first %q", len(lines), lines[0])
	}
	for i, want := range map[int]string{n: "row 0          0", n - 1: "row 1         10  é", n - 7: "seven     takes the rest, however long it is", 1: "row 3076   30760  é"} {
		if lines[i] != want {
			t.Errorf("line %d is %q, want %q", i, lines[i], want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"weight", "wieght", 1}, {"bias", "bais", 1}, {"layers.0", "layer.0", 1}, {"abc", "xyz", 3}} {
		if got := distance(c.a, c.b, 8); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
	if got := distance("completely", "different!", 2); got <= 2 {
		t.Errorf("far apart: %d", got)
	}
}

// A table that streams prints blocks as they are full, aligned with what came before,
// and its titles again where a column turns up.
func TestTableStreams(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := newOutput(context.Background(), f)
	tab := newTable("~NAME", ">?SPARE", "LAST")
	tab.stream(w, true, false)
	for i := range 3*blockRows + 1 {
		name, spare := "n"+itoa(i), ""
		if i >= blockRows {
			name = "longer" + itoa(i)
		}
		if i == 2*blockRows+5 {
			spare = "7"
		}
		tab.cell(name)
		tab.cell(spare)
		tab.cell("x")
		if i == blockRows+1 {
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			if b, _ := os.ReadFile(f.Name()); strings.Count(string(b), "\n") != 1+blockRows {
				t.Errorf("%d lines are there when a block is full", strings.Count(string(b), "\n"))
			}
		}
	}
	tab.flush()
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	if len(lines) != 3*blockRows+1+2 {
		t.Fatalf("%d lines", len(lines))
	}
	for i, want := range map[int]string{
		0: "NAME   LAST", 1: "n0     x", blockRows: "n1023  x", blockRows + 1: "longer1024  x",
		2*blockRows + 1: "NAME        SPARE  LAST", 2*blockRows + 2: "longer2048         x", 2*blockRows + 7: "longer2053      7  x",
	} {
		if lines[i] != want {
			t.Errorf("line %d is %q, want %q", i, lines[i], want)
		}
	}
}

// Where a terminal is too narrow, names and codecs are shortened, then minor columns
// go, and only if that is not enough the rest comes in groups.
func TestTableFits(t *testing.T) {
	for _, c := range []struct {
		columns int
		want    string
	}{
		{0, "0 1 2 3 4 5"}, {92, "0 1 2 3 4 5"}, {91, "0 1 2 3 4 5"}, {59, "0 1 2 3 4 5"}, {58, "0 1 2 4 5"}, {50, "0 1 2 4 5"},
		{49, "0 1 4 5"}, {45, "0 1 4 5"}, {44, "0 1 2 3|0 4 5"},
	} {
		tab := newTable("~NAME", "SHAPE", ">?-NNZ", ">?-DENSITY", "<CODEC", ">RATIO")
		for _, s := range []string{strings.Repeat("n", 40), "(1000, 20)", "99", "0.125", strings.Repeat("c", 17), "1.25"} {
			tab.cell(s)
		}
		for i := range tab.cols {
			tab.cols[i].width = max(tab.cols[i].width, len(tab.cols[i].title))
		}
		var got []string
		for _, group := range tab.fit(c.columns) {
			got = append(got, strings.Trim(fmt.Sprint(group), "[]"))
		}
		if s := strings.Join(got, "|"); s != c.want {
			t.Errorf("%d columns: %s, want %s", c.columns, s, c.want)
		}
	}
}

// A tree has each group once, whatever order names come in, and the rows say sizes
// and names of what is below.
func TestTree(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m.tensor")
	w, err := tensorfile.Create(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"a.", "a.b/c", "a.b/d.e", "a.x", "b/b/b", "c"}
	for i, name := range names {
		v, err := tensor.Make(tensor.U8, tensor.Shape{int64(i + 1)})
		if err == nil {
			err = w.Add(context.Background(), name, v, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Commit(context.Background()), w.Close()); err != nil {
		t.Fatal(err)
	}
	f, err := tensorfile.Open(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	print := func(order ...int) string {
		tree := newTree(f.Tensor)
		for _, i := range order {
			tree.add(names[i], int64(i+1), nil)
		}
		tree.add("z", 0, errors.New("broken"))
		to, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer to.Close()
		out := newOutput(context.Background(), to)
		if err := errors.Join(tree.write(context.Background(), out, false), out.Flush()); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(to.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if got, want := print(0, 1, 2, 3, 4, 5), `a.         u8  (1,)  1 B
a.         3 tensors, 9 B
├─ b/      2 tensors, 5 B
│  ├─ c    u8  (2,)  2 B
│  └─ d.e  u8  (3,)  3 B
└─ x       u8  (4,)  4 B
b/b/b      u8  (5,)  5 B
c          u8  (6,)  6 B
z          error: broken
`; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got, want := print(3, 4, 1, 5, 2, 0), `a.         3 tensors, 9 B
├─ x       u8  (4,)  4 B
└─ b/      2 tensors, 5 B
   ├─ c    u8  (2,)  2 B
   └─ d.e  u8  (3,)  3 B
b/b/b      u8  (5,)  5 B
c          u8  (6,)  6 B
a.         u8  (1,)  1 B
z          error: broken
`; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// A tree of very many names keeps little of each: parts of the names, which are in
// memory anyway, and a node.
func TestTreeMemory(t *testing.T) {
	const n = 200_000
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("layers.%06d.weight", i)
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	tree := newTree(nil)
	for _, name := range names {
		tree.add(name, 4, nil)
	}
	if used := heap() - before; used > 160*n { // a group and a name each
		t.Errorf("%d bytes a name", used/n)
	}
	if tree.root.count != n || tree.root.bytes != 4*n {
		t.Errorf("%d names of %d bytes", tree.root.count, tree.root.bytes)
	}
	runtime.KeepAlive(names)
}

// Help fits into 80 columns; examples may not.
func TestHelpFits(t *testing.T) {
	n := 0
	for _, p := range pagesBelow(someRoot()) {
		for title, text := range p.cmd.Annotations {
			for line := range strings.Lines(text) {
				n++
				if w := term.Width(strings.TrimSuffix(line, "\n")); w > helpColumns {
					t.Errorf("%s: %s: %d columns: %s", p.name, title, w, line)
				}
			}
		}
	}
	if n < 100 {
		t.Errorf("%d lines", n)
	}
}
