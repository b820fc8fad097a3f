// Command mutate tests the tests: it changes the code of the format and of the
// commit in one small place, runs the tests that reach the place, and counts how
// often one of them fails. A change that none notices has survived.
//
//	mutate -n 400 -seed 7      a sample of 400, drawn by the seed
//	mutate                     all of them
//
// It fails if fewer than -floor percent are killed. A mutant on which a test
// runs into a limit of time is killed; one that no test reaches has survived.
// Survivors of which docs/mutation.md gives the reason survive all the same.
// The tree is not touched: the mutants are built by "go build -overlay", many in
// one program, and an environment variable says which of them runs.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

var (
	count   = flag.Int("n", 0, "how many mutants to draw; 0 is all")
	seed    = flag.Uint64("seed", 0, "of the draw; 0 is a new one")
	floor   = flag.Float64("floor", 85, "least percentage of killed mutants")
	stateAt = flag.String("state", "", "file of results, to go on where a run ended")
	again   = flag.Bool("again", false, "try what has survived without a reason again")
	workAt  = flag.String("work", "", "folder to keep what tests cover in; default: none is kept")
	jobs    = flag.Int("j", max(1, runtime.NumCPU()), "how many test programs at once")
	batch   = flag.Int("batch", 400, "mutants in one program")
	budget  = flag.Duration("budget", 0, "processor time a mutant, by the cost of the tests; 0 is no limit")
	only    = flag.String("only", "", "try only those whose id contains this")
	list    = flag.Bool("list", false, "print the mutants and end")
)

func main() {
	flag.Parse()
	if err := mutate(); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func mutate() error {
	begin := time.Now()
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	var dirs []string
	for _, s := range scope {
		dirs = append(dirs, s.dir)
	}
	pkgs, err := load(root, dirs)
	if err != nil {
		return err
	}
	var all []*mutant
	for _, s := range scope {
		for _, p := range pkgs {
			if p.rel == s.dir {
				all = append(all, p.mutants(s.files)...)
			}
		}
	}
	if *seed == 0 {
		*seed = rand.Uint64N(1<<32) + 1
	}
	shuffle(all, *seed)
	fmt.Printf("mutants %d, seed %d\n", len(all), *seed)
	if *list {
		for _, m := range all {
			fmt.Println(m.id)
		}
		return nil
	}
	why, err := reasons("docs/mutation.md")
	if err != nil {
		return err
	}
	st, err := openState(*stateAt)
	if err != nil {
		return err
	}
	work := *workAt
	if work == "" {
		if work, err = os.MkdirTemp("", "mutate-work-"); err != nil {
			return err
		}
		defer os.RemoveAll(work)
	}
	if work, err = filepath.Abs(work); err != nil {
		return err
	}
	tests, err := collect(root, work, pkgs, *jobs)
	if err != nil {
		return err
	}
	fmt.Printf("tests %d\n", len(tests))

	// What does not compile is no mutant: the draw goes on until it has enough.
	want := cmp.Or(*count, len(all))
	var drawn []*mutant
	for len(all) > 0 && len(drawn) < want {
		part := all[:min(len(all), *batch, want-len(drawn))]
		all = all[len(part):]
		compiled, err := tryAll(root, work, pkgs, part, tests, st, why)
		if err != nil {
			return err
		}
		drawn = append(drawn, compiled...)
	}
	return report(drawn, st, why, time.Since(begin))
}

// shuffle orders mutants by the seed, each by its own name: an edit of one
// function leaves the draw of the others as it was.
func shuffle(list []*mutant, seed uint64) {
	key := func(m *mutant) uint64 {
		h := fnv.New64a()
		io.WriteString(h, m.id)
		return rand.New(rand.NewPCG(seed, h.Sum64())).Uint64()
	}
	keys := map[*mutant]uint64{}
	for _, m := range list {
		keys[m] = key(m)
	}
	slices.SortFunc(list, func(a, b *mutant) int { return cmp.Or(cmp.Compare(keys[a], keys[b]), strings.Compare(a.id, b.id)) })
}

// tryAll tries what of list has no result yet, and returns what of it compiles.
func tryAll(root, work string, pkgs []*pkg, list []*mutant, tests []*test, st *state, why map[string]string) ([]*mutant, error) {
	var open []*mutant
	var compiled []*mutant
	for _, m := range list {
		r, ok := st.seen[m.id]
		alive := (r.What == survived || r.What == unreached) && why[m.id] == ""
		switch {
		case (!ok || r.Sum != m.sum || *again && alive) && strings.Contains(m.id, *only):
			open = append(open, m)
		case ok && r.What != "":
			compiled = append(compiled, m)
		}
	}
	if len(open) == 0 {
		return compiled, nil
	}
	suites, builds, err := buildPlanted(root, work, pkgs, open)
	if err != nil {
		return nil, err
	}
	for i, m := range open {
		if !builds[i+1] {
			if err := st.add(result{ID: m.id, Sum: m.sum}); err != nil {
				return nil, err
			}
		}
	}
	tests = slices.DeleteFunc(slices.Clone(tests), func(t *test) bool { return *budget > 0 && t.cpu > *budget })
	tr := &trial{root: root, suites: suites, tests: tests, budget: *budget, asked: map[*test]bool{}}
	var failed error
	each(*jobs, len(open), func(i int) {
		m := open[i]
		if !builds[i+1] {
			return
		}
		t := time.Now()
		what, by := tr.try(i+1, m)
		if err := st.add(result{ID: m.id, Sum: m.sum, What: what, By: by}); err != nil {
			failed = err
		}
		fmt.Printf("%4d/%d %-9s %5.1fs %s (line %d) %s\n", i+1, len(open), what, time.Since(t).Seconds(), m.id, m.line, by)
	})
	for i, m := range open {
		if builds[i+1] {
			compiled = append(compiled, m)
		}
	}
	return compiled, failed
}

// report prints what became of the mutants and fails under the floor.
func report(drawn []*mutant, st *state, why map[string]string, took time.Duration) error {
	n := map[string]int{}
	explained := 0
	slices.SortFunc(drawn, func(a, b *mutant) int { return strings.Compare(a.id, b.id) })
	for _, m := range drawn {
		r := st.seen[m.id]
		n[r.What]++
		if r.What == survived || r.What == unreached {
			reason := why[m.id]
			if reason != "" {
				explained++
			}
			fmt.Printf("%s: %s (line %d): %s\n", r.What, m.id, m.line, cmp.Or(reason, "NO REASON GIVEN"))
		}
	}
	dead := n[killed] + n[timedOut]
	percent := 100 * float64(dead) / float64(max(1, len(drawn)))
	fmt.Printf("seed %d: %d mutants, %d killed (%d of them by a limit of time), %d survived (%d with a reason), %d of these reached by no test; %.1f%%, floor %g%%; %v\n",
		*seed, len(drawn), dead, n[timedOut], len(drawn)-dead, explained, n[unreached], percent, *floor, took.Round(time.Second))
	if len(drawn) == 0 || percent < *floor {
		return fmt.Errorf("%.1f%% killed, %g%% wanted", percent, *floor)
	}
	return nil
}
