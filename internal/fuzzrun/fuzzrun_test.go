package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	const good = `fuzz: elapsed: 0s, gathering baseline coverage: 0/39 completed
fuzz: elapsed: 1s, gathering baseline coverage: 39/39 completed, now fuzzing with 2 workers
fuzz: elapsed: 3s, execs: 2651 (884/sec), new interesting: 9 (total: 48)
fuzz: elapsed: 1m6s, execs: 8722 (2024/sec), new interesting: 20 (total: 59)
PASS
`
	const slow = `fuzz: elapsed: 3s, gathering baseline coverage: 59/379 completed
fuzz: elapsed: 6s, gathering baseline coverage: 152/379 completed
PASS
`
	const crash = `fuzz: elapsed: 3s, execs: 100 (33/sec), new interesting: 2 (total: 50)
--- FAIL: FuzzRead (3.10s)
    --- FAIL: FuzzRead (0.00s)
        read_test.go:10: index out of range

    Failing input written to testdata/fuzz/FuzzRead/0123456789abcdef
    To re-run:
    go test -run=FuzzRead/0123456789abcdef
FAIL
`
	const seed = `fuzz: elapsed: 0s, gathering baseline coverage: 0/39 completed
failure while testing seed corpus entry: FuzzRead/seed#12
--- FAIL: FuzzRead (0.10s)
`
	const late = `fuzz: elapsed: 4s, execs: 7 (2/sec), new interesting: 0 (total: 48)
--- FAIL: FuzzRead (4.01s)
    context deadline exceeded
FAIL
`
	for _, c := range []struct {
		out    string
		failed bool
		want   result
	}{
		{good, false, result{Seconds: 66, Inputs: 8722, New: 20, Corpus: 59, Result: passed}},
		{slow, false, result{Seconds: 6, Inputs: 152, Corpus: 379, Result: passed}},
		{crash, true, result{Seconds: 3, Inputs: 100, New: 2, Corpus: 50, Result: "failing input testdata/fuzz/FuzzRead/0123456789abcdef"}},
		{seed, true, result{Corpus: 39, Result: "failing stored input seed#12"}},
		{late, true, result{Seconds: 4, Inputs: 7, Corpus: 48, Result: passed}},
		{"panic: out of memory\n", true, result{Result: "failed"}},
	} {
		got := parse(c.out, c.failed)
		got.output = ""
		if *got != c.want {
			t.Errorf("got %+v, want %+v, of\n%s", *got, c.want, c.out)
		}
	}
}

func TestPickDependsOnTheSeed(t *testing.T) {
	var all []target
	for i := range 60 {
		all = append(all, target{pkg: module, fn: fmt.Sprintf("Fuzz%02d", i)})
	}
	seen := map[string]bool{}
	for i := range 40 {
		seed := fmt.Sprint(i)
		a, b := pickBy(seed, all, 12), pickBy(seed, all, 12)
		if len(a) != 12 || !reflect.DeepEqual(a, b) {
			t.Fatalf("seed %s: %v, then %v", seed, a, b)
		}
		for _, x := range a {
			seen[x.fn] = true
		}
	}
	if len(seen) != len(all) {
		t.Errorf("forty seeds reach %d of %d targets", len(seen), len(all))
	}
	if got := pickBy("x", all[:3], 12); len(got) != 3 {
		t.Errorf("picked %d of 3", len(got))
	}
}

func TestChooseKeepsFewAndSmall(t *testing.T) {
	const head = "go test fuzz v1\n"
	made := func(name string, n int) input {
		return input{name, []byte(head + strings.Repeat("x", n) + name)}
	}
	stored := []input{made("a", 10), made("b", 20)}
	cached := []input{made("a", 10), made("big", largestFile), {"other", []byte("not an input")}}
	for i := range 500 {
		cached = append(cached, made(fmt.Sprintf("c%03d", i), 7*i%3000))
	}
	got := choose(stored, cached)
	if len(got) == 0 || len(got)+len(stored) > mostFiles || !reflect.DeepEqual(got, choose(stored, cached)) {
		t.Fatalf("chose %d", len(got))
	}
	size := 0
	for _, in := range append(got, stored...) {
		size += len(in.data)
	}
	if size > mostBytes {
		t.Errorf("%d bytes", size)
	}
	for _, in := range got {
		if !strings.HasPrefix(in.name, "c") {
			t.Errorf("chose %s", in.name)
		}
	}
	if again := choose(append(got, stored...), cached); len(again)+len(got)+len(stored) > mostFiles {
		t.Errorf("a second call adds %d", len(again))
	}
	full := make([]input, mostFiles+5)
	if got := choose(full, cached); len(got) != 0 {
		t.Errorf("chose %d where there is no room", len(got))
	}
}

func TestRecordAndTable(t *testing.T) {
	dir := t.TempDir()
	record := filepath.Join(dir, "runs.jsonl")
	x, y := target{pkg: module, fn: "FuzzX"}, target{pkg: module + "/tensor", fn: "FuzzY"}
	runs := []result{
		{Target: x.name(), Date: "2026-01-02", Seconds: 100, CPU: 120, Inputs: 1000, Result: "failing input testdata/fuzz/FuzzX/1"},
		{Target: x.name(), Date: "2026-01-03", Seconds: 100, CPU: 100, Inputs: 2000, Result: passed},
		{Target: x.name(), Date: "2026-01-04", Seconds: 80, CPU: 150, Inputs: 30000, Result: passed, Load: "5.00 of 2"},
	}
	for i := range runs {
		if err := appendRecord(record, &runs[i]); err != nil {
			t.Fatal(err)
		}
	}
	past, err := readRecord(record)
	if err != nil || !reflect.DeepEqual(past, runs) {
		t.Fatalf("%+v, %v", past, err)
	}
	for _, c := range []struct {
		length, want time.Duration
		workers      int
	}{
		{180 * time.Second, 0, 1},
		{190 * time.Second, 10 * time.Second, 1}, // on the clock
		{166 * time.Second, 0, 2},                // 250 of 332 seconds of processors
		{180 * time.Second, 10 * time.Second, 2}, // 250 of 360
		{time.Hour, 3420 * time.Second, 2},
	} {
		if got := left(past, x.name(), c.length, c.workers); got != c.want {
			t.Errorf("left(%v, %d) = %v, want %v", c.length, c.workers, got, c.want)
		}
	}
	doc := filepath.Join(dir, "doc.md")
	if err := os.WriteFile(doc, []byte("before\n"+tableBegin+"old\n"+tableEnd+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := writeReport(doc, []target{x, y}, past); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"before\n",
		"| `tensorfile.FuzzX` | 33000 | 4.7 | 6.2 | 2026-01-04 | 1 | ok | 5.00 of 2 |\n",
		"| `tensor.FuzzY` | | | | | | not run | |\n",
		"\n1 of 2 targets, 33000 inputs, 5 minutes.\n",
		"after\n",
	} {
		if strings.Count(string(b), want) != 1 {
			t.Errorf("%q is not in\n%s", want, b)
		}
	}
	if err := os.WriteFile(doc, []byte("no table"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeReport(doc, nil, nil); err == nil {
		t.Error("a document without marks was taken")
	}
}

// TestTargetsAreFound compares the list with a search for the words.
func TestTargetsAreFound(t *testing.T) {
	all, err := targets()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d targets", len(all))
	if len(all) < 60 {
		t.Errorf("found %d targets", len(all))
	}
	deep := map[string]bool{}
	for i, x := range all {
		if i > 0 && all[i-1].name() >= x.name() {
			t.Errorf("%s is not after %s", x.name(), all[i-1].name())
		}
		if x.deep() {
			deep[x.name()] = true
		}
	}
	for _, want := range []string{
		"tensorfile.FuzzOpen", "format.FuzzRecords", "convert/internal/zipfile.FuzzZip", "convert/safetensors.FuzzRead",
		"convert/gguf.FuzzRead", "convert/hdf5.FuzzOpen", "convert/torch.FuzzPickle",
	} {
		if !deep[want] {
			t.Errorf("%s is not among those that run longest", want)
		}
	}
	if len(deep) > 15 {
		t.Errorf("%d run longest", len(deep))
	}
}
