package main

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the lists of testdata anew")

func loadSmall(t *testing.T) (root string, p *pkg) {
	t.Helper()
	root, err := filepath.Abs("testdata/small")
	if err != nil {
		t.Fatal(err)
	}
	pkgs, err := load(root, []string{"."})
	if err != nil || len(pkgs) != 1 {
		t.Fatalf("%d packages, %v", len(pkgs), err)
	}
	return root, pkgs[0]
}

// Every mutant of a package that has a place for each kind, word for word, and
// with a mark those that do not compile.
func TestMutantsOfSmall(t *testing.T) {
	_, p := loadSmall(t)
	list := p.mutants(nil)
	out, err := p.plant(list)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i, m := range list {
		if out.mutants[i+1] == nil {
			b.WriteString("does not compile: ")
		}
		b.WriteString(m.id + "\n")
	}
	if *update {
		if err := os.WriteFile("testdata/small.txt", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/small.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != string(want) {
		have, wanted := strings.Split(got, "\n"), strings.Split(string(want), "\n")
		for _, l := range have {
			if !slices.Contains(wanted, l) {
				t.Errorf("not wanted: %s", l)
			}
		}
		for _, l := range wanted {
			if !slices.Contains(have, l) {
				t.Errorf("missing: %s", l)
			}
		}
		t.Fatal("the mutants differ from testdata/small.txt")
	}
	t.Logf("%d mutants, %d of them compile", len(list), len(out.mutants))
}

// What becomes of each, by tests that are known: all in one program, one at a
// time.
func TestFateOfSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("builds three programs")
	}
	root, p := loadSmall(t)
	old := scope
	defer func() { scope = old }()
	scope = scope[:0:0]
	scope = append(scope, old[len(old)-1])
	scope[0].files = nil

	work := t.TempDir()
	tests, err := collect(root, work, []*pkg{p}, 2)
	if err != nil {
		t.Fatal(err)
	}
	list := p.mutants(nil)
	suites, compiled, err := buildPlanted(root, work, []*pkg{p}, list)
	if err != nil {
		t.Fatal(err)
	}
	tr := &trial{root: root, suites: suites, tests: tests, asked: map[*test]bool{}}
	if len(tr.tests) != 3 {
		t.Fatalf("%d tests of 3 pass without a mutant", len(tr.tests))
	}
	want := map[string]string{
		"small.go:*reader.check:uncheck:1: len(r.b) < n -> false && (len(r.b) < n)":   killed,
		"small.go:*reader.check:compare:1: < -> <=":                                   killed,
		"small.go:*reader.take:incdec:1: ++ -> --":                                    survived,
		"small.go:*reader.take:defer:1: defer r.close() -> nothing":                   survived,
		"small.go:*reader.take:return:2: b -> nil":                                    killed,
		"small.go:between:logic:1: && -> ||":                                          killed,
		"small.go:between:args:1: x, a -> a, x":                                       killed,
		"small.go:between:compare:2: <= -> <":                                         killed,
		"small.go:all:return:1: false -> true":                                        killed,
		"small.go:minus:arith:1: - -> +":                                              killed,
		"small.go:*reader.take:constant:3: size -> (size + 1)":                        survived,
		"small.go:*reader.take:assign:2: b = append(b, r.b[i]) -> nothing":            killed,
		"small.go:*reader.take:branch:1: continue -> nothing":                         unreached,
		"small.go:*reader.take:call:1: r.check(n) -> error(nil)":                      killed,
		"small.go:*reader.take:negate:2: i == 0 && n > size -> !(i == 0 && n > size)": killed,
		"small.go:answer:return:1: question -> 0":                                     unreached,
	}
	tried := 0
	for i, m := range list {
		w, ok := want[m.id]
		if !ok || !compiled[i+1] {
			continue
		}
		tried++
		if what, by := tr.try(i+1, m); what != w {
			t.Errorf("%s: %s %s, want %s", m.id, what, by, w)
		}
	}
	if tried != len(want) {
		t.Errorf("%d of %d mutants are there", tried, len(want))
	}
}

// A state file that was cut in the middle of a line goes on where it ended.
func TestStateGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	s, err := openState(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []result{{ID: "a", Sum: 1, What: killed, By: "TestA"}, {ID: "b", What: survived}, {ID: "b", What: killed}} {
		if err := s.add(r); err != nil {
			t.Fatal(err)
		}
	}
	s.file.WriteString(`{"ID":"c","Wh`)
	s.file.Close()
	if s, err = openState(path); err != nil {
		t.Fatal(err)
	}
	defer s.file.Close()
	if len(s.seen) != 2 || s.seen["b"].What != killed || s.seen["a"] != (result{ID: "a", Sum: 1, What: killed, By: "TestA"}) {
		t.Errorf("%+v", s.seen)
	}
	if err := s.add(result{ID: "d", What: killed}); err != nil {
		t.Fatal(err)
	}
	again, err := openState(path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.file.Close()
	if again.seen["d"].What != killed {
		t.Errorf("what was added behind a line that was cut is lost: %+v", again.seen)
	}
}

// The draw depends on the seed and on names alone.
func TestDraw(t *testing.T) {
	_, p := loadSmall(t)
	list := p.mutants(nil)
	ids := func(l []*mutant) (s []string) {
		for _, m := range l {
			s = append(s, m.id)
		}
		return s
	}
	a, b, c := slices.Clone(list), slices.Clone(list), slices.Clone(list)
	slices.Reverse(b)
	shuffle(a, 7)
	shuffle(b, 7)
	shuffle(c, 8)
	if !slices.Equal(ids(a), ids(b)) || slices.Equal(ids(a), ids(c)) {
		t.Error("one seed gives two draws, or two seeds one")
	}
}

// The survivors' page: every row names a mutant and a reason.
func TestReasons(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	os.WriteFile(path, []byte("# A page\n\n| mutant | reason |\n| --- | --- |\n| `a.go:f:logic:1: && -> \\|\\|` | because |\n"), 0o644)
	got, err := reasons(path)
	if err != nil || len(got) != 1 || got["a.go:f:logic:1: && -> ||"] != "because" {
		t.Errorf("%q, %v", got, err)
	}
}
