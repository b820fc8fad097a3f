package main

import (
	"strings"
	"testing"
)

const profile = `mode: set
github.com/tensorfile/tensorfile/save.go:9.2,11.3 3 0
github.com/tensorfile/tensorfile/save.go:12.2,13.3 1 0
github.com/tensorfile/tensorfile/internal/nameset/set.go:1.1,2.2 19 1
mode: set
github.com/tensorfile/tensorfile/save.go:12.2,13.3 1 4
github.com/tensorfile/tensorfile/internal/nameset/set.go:100.1,101.2 1 0
github.com/tensorfile/tensorfile/internal/nameset/set.go:20.1,21.2 1 0
github.com/tensorfile/tensorfile/internal/atomicfile/a.go:1.1,2.2 1 1
`

func none(string, int) bool { return false }

// A planted mistake that did not run is no statement; one that did is.
func TestPlanted(t *testing.T) {
	sources["github.com/tensorfile/tensorfile/x.go"] = []string{"	if mutant.On(\"one\") {", "		x = 1", "	} else if mutant.On(\"two\") || y {"}
	defer clear(sources)
	const text = "mode: set\ngithub.com/tensorfile/tensorfile/x.go:1.24,2.8 1 0\ngithub.com/tensorfile/tensorfile/x.go:2.1,2.8 2 0\n"
	packages, err := read(strings.NewReader(text), planted)
	if err != nil || len(packages["."]) != 1 || packages["."][0].statements != 2 {
		t.Errorf("%v, %v", packages, err)
	}
	if !planted("github.com/tensorfile/tensorfile/x.go", 3) || planted("github.com/tensorfile/tensorfile/x.go", 4) || planted("github.com/tensorfile/tensorfile/none.go", 1) {
		t.Error("lines")
	}
}

// A block that one of the test programs ran has run; floors are compared by
// statements, not by rounded percents.
func TestReport(t *testing.T) {
	defer func(own []floor) { floors = own }(floors)
	floors = []floor{{"internal/atomicfile", 95}, {"internal/nameset", 95}}
	packages, err := read(strings.NewReader(profile), none)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		names   []string
		verbose bool
		good    bool
		want    string
	}{
		{nil, false, false, `statements        ran  percent    floor  package
         4          1     25.0           .
         1          1    100.0       95  internal/atomicfile
        21         19     90.5       95  internal/nameset  under its floor
`},
		{[]string{"."}, true, true, `statements        ran  percent    floor  package
         4          1     25.0           .
    save.go:9.2,11.3 3
`},
		{[]string{"internal/nameset"}, true, false, `statements        ran  percent    floor  package
        21         19     90.5       95  internal/nameset  under its floor
    set.go:20.1,21.2 1
    set.go:100.1,101.2 1
`},
	} {
		var out strings.Builder
		if good := report(&out, packages, c.names, c.verbose); good != c.good || out.String() != c.want {
			t.Errorf("%v: %v\n%swant %v\n%s", c.names, good, out.String(), c.good, c.want)
		}
	}
	delete(packages, "internal/atomicfile")
	var out strings.Builder
	if report(&out, packages, nil, false) || !strings.HasPrefix(out.String(), "internal/atomicfile is not in the profile\n") {
		t.Errorf("%s", out.String())
	}
}

func TestReadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"mode: set\nx.go:1.2,3.4 1\n":     `line 2 is no block: "x.go:1.2,3.4 1"`,
		"mode: set\nx.go:1.2,3.4 one 1\n": `line 2: strconv.Atoi: parsing "one": invalid syntax`,
	} {
		if _, err := read(strings.NewReader(text), none); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		dir, pattern string
		want         bool
	}{
		{"convert", "convert/...", true}, {"convert/npy", "convert/...", true}, {"converts", "convert/...", false},
		{"format", "format", true}, {"format/x", "format", false},
	} {
		if got := within(c.dir, c.pattern); got != c.want {
			t.Errorf("%s in %s: %v", c.dir, c.pattern, got)
		}
	}
}
