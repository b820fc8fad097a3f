package loader

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// vectors are orders that the script beside them made.
type vectors struct {
	Orders []struct {
		N, Block, Group int64
		Seed            uint64 `json:",string"`
		Shuffle, Fixed  bool
		Epoch           int64
		Rank, World     int64
		Division        string
		Samples         []int64
	}
	Permutations []struct {
		N        string
		Key      uint64 `json:",string"`
		At, Goes []string
	}
}

func (v *vectors) check(t *testing.T) {
	t.Helper()
	samples, places := 0, 0
	for i, c := range v.Orders {
		o := order{n: c.N, block: c.Block, group: c.Group, seed: c.Seed, shuffle: c.Shuffle, inOrder: c.Fixed}
		lo, hi := share(c.N, c.Rank, c.World, Division(slices.Index(divisions[:], c.Division)))
		e := o.epoch(c.Epoch)
		var got []int64
		for u := lo; u < hi; {
			for s := e.window(u, lo, hi); u < s.end; u++ {
				x, _ := e.sample(&s, u)
				got = append(got, x)
			}
		}
		if !slices.Equal(got, c.Samples) {
			t.Fatalf("case %d: %v, want %v", i, got, c.Samples)
		}
		samples += len(got)
	}
	for i, c := range v.Permutations {
		n, err := strconv.ParseInt(c.N, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		p := newPermutation(n, c.Key)
		for k := range c.At {
			at, _ := strconv.ParseInt(c.At[k], 10, 64)
			if got := p.at(at); fmt.Sprint(got) != c.Goes[k] {
				t.Fatalf("permutation %d of %d: %d goes to %d, want %s", i, n, at, got, c.Goes[k])
			}
			places++
		}
	}
	t.Logf("%d orders of %d samples, %d places of large permutations", len(v.Orders), samples, places)
	if len(v.Orders) < 40 || places < 40 {
		t.Error("fewer than there should be")
	}
}

// The order is what testdata/order.py, written from docs/loader.md, makes.
func TestOrderVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/order.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	v.check(t)
}

// More of them, made now.
func TestOrderInterop(t *testing.T) {
	python := os.Getenv("TENSORFILE_PYTHON")
	if python == "" {
		t.Skip("TENSORFILE_PYTHON is not set")
	}
	out, err := exec.Command(python, "testdata/order.py", "1000", "7").Output()
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatal(err)
	}
	v.check(t)
}

// The vectors that the documentation shows are right: lines of a table with the
// number of elements, seed, epoch, number and where 0, 1, 2 ... go.
func TestOrderOfTheDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/loader.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| (\d+) \| (\d+) \| (\d+) \| (\d+) \| ([\d ,]+?) *\|$`).FindAllStringSubmatch(string(text), -1)
	if len(rows) < 5 {
		t.Fatalf("%d vectors", len(rows))
	}
	for _, r := range rows {
		n, _ := strconv.ParseInt(r[1], 10, 64)
		seed, _ := strconv.ParseUint(r[2], 10, 64)
		epoch, _ := strconv.ParseInt(r[3], 10, 64)
		number, _ := strconv.ParseInt(r[4], 10, 64)
		p := newPermutation(n, permutationKey(seed, epoch, number))
		var got []string
		for i := range strings.Count(r[5], ",") + 1 {
			got = append(got, fmt.Sprint(p.at(int64(i))))
		}
		if want := strings.TrimSpace(r[5]); strings.Join(got, ", ") != want {
			t.Errorf("%s: got %s", r[0], strings.Join(got, ", "))
		}
	}
}
