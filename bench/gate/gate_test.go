package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// A trace with calls of two threads, one of them cut in two, with files of
// others, and a mapping.
func TestReadTrace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace")
	text := `10 openat(AT_FDCWD</x>, "/gate/before", O_RDONLY) = 3</gate/before>
10 faccessat(AT_FDCWD</x>, "/tensorfile-gate-mark/begin/one", F_OK) = -1 ENOENT (No such file or directory)
10 openat(AT_FDCWD</x>, "/gate/a", O_RDONLY|O_CLOEXEC) = 4</gate/a>
10 openat(AT_FDCWD</x>, "/proc/cpuinfo", O_RDONLY|O_CLOEXEC) = 5</proc/cpuinfo>
10 read(5</proc/cpuinfo>, ""..., 100) = 100
10 pread64(4</gate/a>,  <unfinished ...>
11 pread64(4</gate/a>, ""..., 50, 100) = 50
10 <... pread64 resumed>""..., 40, 0) = 40
10 mmap(NULL, 4096, PROT_READ, MAP_SHARED, 4</gate/a>, 0) = 0x1000
10 mmap(NULL, 4096, PROT_READ, MAP_ANON, -1, 0) = 0x9000
10 madvise(0x1800, 10, MADV_WILLNEED) = 0
10 madvise(0x9000, 10, MADV_WILLNEED) = 0
10 munmap(0x1000, 4096) = 0
10 munmap(0x9000, 4096) = 0
10 fallocate(4</gate/a>, FALLOC_FL_KEEP_SIZE, 0, 7) = 0
10 pwrite64(4</gate/a>, ""..., 7, 0) = 7
10 write(1</dev/pts/0>, ""..., 9) = 9
10 close(4</gate/a>) = 0
10 faccessat(AT_FDCWD</x>, "/tensorfile-gate-mark/end/one", F_OK) = -1 ENOENT (No such file or directory)
10 close(3</gate/before>) = 0
`
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	all, err := readTrace(path, "/gate/", false)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{"openat": 1, "openat of others": 1, "pread64": 2, "mmap": 1, "madvise": 1, "munmap": 1, "pwrite64": 1, "close": 1}
	if c := all["one"]; len(all) != 1 || !maps.Equal(c.calls, want) || c.read != 90 || c.written != 7 {
		t.Errorf("%+v", c)
	}
}

// Every figure that can differ is told, and only those.
func TestCompare(t *testing.T) {
	figures := func(n int64, ratio float64) *counts {
		return &counts{Allocs: n, Calls: map[string]int64{"read": n}, Read: n, Written: n, Mapped: n, Decoded: n, Requests: n, Received: n, Ratio: ratio}
	}
	with := func(c *counts) *record {
		return &record{Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Operations: map[string]*counts{"op": c}}
	}
	want := with(figures(5, 1))
	for _, c := range []struct {
		got           *counts
		worse, better int
	}{
		{figures(5, 1), 0, 0},
		{figures(5, 0.5), 0, 0},
		{figures(5, 0.49), 1, 0},
		{figures(6, 1), 8, 0},
		{figures(4, 1), 0, 8},
		{&counts{Allocs: 5, Calls: map[string]int64{"read": 5, "fsync": 1}, Read: 5, Written: 5, Mapped: 5, Decoded: 5, Requests: 5, Received: 5}, 1, 0},
	} {
		worse, better := want.compare(with(c.got), regexp.MustCompile("."))
		if len(worse) != c.worse || len(better) != c.better {
			t.Errorf("%+v: worse %q, better %q", c.got, worse, better)
		}
	}
	other := with(figures(5, 1))
	other.Operations = map[string]*counts{"new": figures(1, 1)}
	if worse, _ := want.compare(other, regexp.MustCompile(".")); len(worse) != 2 {
		t.Errorf("%q", worse)
	}
}

// What is too slow, and that alone, is timed again.
func TestSlow(t *testing.T) {
	with := func(a, b, c float64) *record {
		return &record{Operations: map[string]*counts{"a (b)": {Ratio: a}, "b": {Ratio: b}, "none": {Ratio: c}}}
	}
	want, every := with(1, 1, 0), regexp.MustCompile(".")
	if re := want.slow(with(0.5, 0.5, 0.1), every); re != nil {
		t.Errorf("none is too slow, but %v", re)
	}
	if re := want.slow(with(0.4, 0.4, 0.1), regexp.MustCompile("none")); re != nil {
		t.Errorf("none of the chosen is too slow, but %v", re)
	}
	re := want.slow(with(0.4, 0.5, 0.1), every)
	if re == nil || !re.MatchString("a (b)") || re.MatchString("b") || re.MatchString("none") {
		t.Errorf("a (b) is too slow, but %v", re)
	}
}

// The record has the operations, and no others.
func TestRecord(t *testing.T) {
	r, err := load("gate.json")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range operations {
		names = append(names, o.name)
		c := r.Operations[o.name]
		if c == nil {
			continue
		}
		for processor, ratios := range r.Ratios {
			if o.bytes > 0 != (ratios[o.name] > 0) {
				t.Errorf("%s: ratio %v on %s", o.name, ratios[o.name], processor)
			}
		}
		if strings.ContainsAny(o.name, `/"`) {
			t.Errorf("%q cannot be a name", o.name)
		}
	}
	for _, p := range processes {
		names = append(names, p.name)
	}
	slices.Sort(names)
	if got := slices.Sorted(maps.Keys(r.Operations)); !slices.Equal(got, names) {
		t.Errorf("recorded %q, there are %q", got, names)
	}
}

// A processor has its own ratios; one that is not recorded must reach half of the least.
// What is recorded of others stays.
func TestProcessors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gate.json")
	text := `{"Operations": {"a": {"Allocs": 1}, "b": {}}, "Ratios": {"x": {"a": 3, "gone": 1}, "y": {"a": 2}}}`
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	check := func(a, b float64) *record {
		t.Helper()
		r, err := load(path)
		if err != nil {
			t.Fatal(err)
		}
		if r.Operations["a"].Ratio != a || r.Operations["b"].Ratio != b {
			t.Errorf("a %v, b %v, want %v and %v", r.Operations["a"].Ratio, r.Operations["b"].Ratio, a, b)
		}
		return r
	}
	check(2, 0)
	measured := &record{Operations: map[string]*counts{"a": {Allocs: 1, Ratio: 7.0009}, "b": {}}}
	if err := measured.save(path); err != nil {
		t.Fatal(err)
	}
	r := check(7, 0)
	want := map[string]map[string]float64{"x": {"a": 3}, "y": {"a": 2}, processor(): {"a": 7}}
	if !maps.EqualFunc(r.Ratios, want, maps.Equal) {
		t.Errorf("%v, want %v", r.Ratios, want)
	}
	counted := &record{Operations: map[string]*counts{"a": {Allocs: 2}, "b": {}}} // without ratios
	if err := counted.save(path); err != nil {
		t.Fatal(err)
	}
	if r := check(7, 0); r.Operations["a"].Allocs != 2 {
		t.Errorf("%+v", r.Operations["a"])
	}
}
