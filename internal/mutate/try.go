package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// What can become of a mutant.
const (
	killed    = "killed"
	timedOut  = "timeout"  // counts as killed
	survived  = "survived" // no test that reaches it fails
	unreached = "unreached"
)

// trial runs the tests that reach a mutant, cheapest first.
type trial struct {
	root   string
	suites map[string]*suite // of this batch
	tests  []*test
	budget time.Duration // of processor time a mutant; 0 is none

	mu sync.Mutex // for test.kills
}

// buildPlanted makes the test programs with the mutants of list in them. A
// mutant that does not compile is in none.
func buildPlanted(root, work string, pkgs []*pkg, list []*mutant) (suites map[string]*suite, compiled map[int]bool, err error) {
	compiled = map[int]bool{}
	var all []*planted
	for _, p := range pkgs {
		out, err := p.plant(list)
		if err != nil {
			return nil, nil, err
		}
		if out != nil {
			all = append(all, out)
			for n := range out.mutants {
				compiled[n] = true
			}
		}
	}
	if len(all) == 0 {
		return nil, compiled, nil
	}
	path, err := overlay(work, all)
	if err != nil {
		return nil, nil, err
	}
	suites = map[string]*suite{}
	for _, sc := range scope {
		s := &suite{dir: sc.dir, bin: filepath.Join(work, flat(sc.dir)+".planted.test")}
		if err := build(root, sc.dir, s.bin, "-overlay="+path); err != nil {
			return nil, nil, fmt.Errorf("tests of %s with mutants: %w", sc.dir, err)
		}
		suites[sc.dir] = s
	}
	return suites, compiled, nil
}

// baseline leaves out the tests that fail in the planted programs without a
// mutant: they would kill all.
func (tr *trial) baseline(jobs int) {
	bad := make([]bool, len(tr.tests))
	var groups [][]int
	for _, sc := range scope {
		var g []int
		for i, t := range tr.tests {
			if t.suite.dir == sc.dir {
				g = append(g, i)
			}
		}
		groups = append(groups, slices.Collect(slices.Chunk(g, max(1, len(g)/4)))...)
	}
	each(jobs, len(groups), func(k int) {
		var names []string
		for _, i := range groups[k] {
			names = append(names, tr.tests[i].name)
		}
		s := tr.suites[tr.tests[groups[k][0]].suite.dir]
		if !run(tr.root, s, patterns(names), limits{}, 0).failed {
			return
		}
		for _, i := range groups[k] {
			one := func() bool { return run(tr.root, s, patterns([]string{tr.tests[i].name}), limits{}, 0).failed }
			bad[i] = one() && one()
		}
	})
	var good []*test
	for i, t := range tr.tests {
		if bad[i] {
			fmt.Printf("left out, fails with mutants beside it: %s %s\n", t.suite.dir, t.name)
			continue
		}
		good = append(good, t)
	}
	tr.tests = good
}

func patterns(names []string) []string {
	return []string{"^(" + strings.Join(names, "|") + ")$"}
}

// try finds out what becomes of mutant number n, and by which test.
func (tr *trial) try(n int, m *mutant) (what, by string) {
	var list []*test
	for _, t := range tr.tests {
		if t.covers(m) {
			list = append(list, t)
		}
	}
	if len(list) == 0 {
		return unreached, ""
	}
	spent := time.Duration(0)
	for _, g := range tr.groups(list, m) {
		if tr.budget > 0 && spent > 0 && spent+g.cost > tr.budget {
			return survived, fmt.Sprintf("by %v of processor time", spent.Round(time.Second))
		}
		spent += g.cost
		s := tr.suites[g.tests[0].suite.dir]
		var names []string
		for _, t := range g.tests {
			names = append(names, t.name)
		}
		l := limits{cpu: 5*g.cost + 4*time.Second, wall: 20*g.cost + time.Minute}
		r := run(tr.root, s, patterns(names), l, n)
		if !r.failed {
			continue
		}
		if r.timeout {
			return timedOut, names[0]
		}
		if r.test != "" {
			names = []string{r.test}
		}
		// Once more, so that no mutant falls to a test that fails now and then.
		if again := run(tr.root, s, patterns(names), l, n); !again.failed {
			continue
		}
		tr.mu.Lock()
		for _, t := range g.tests {
			if t.name == r.test {
				t.kills++
			}
		}
		tr.mu.Unlock()
		return killed, cmp.Or(r.test, names[0])
	}
	return survived, ""
}

// group is tests of one suite that run in one process.
type group struct {
	tests []*test
	cost  time.Duration
}

// groups orders tests: those of the mutant's own package, then the others; in
// each what is cheap and has found much first, in groups that grow.
func (tr *trial) groups(list []*test, m *mutant) (groups []group) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	far := func(t *test) int {
		if t.suite.dir == m.fn.pkg.rel {
			return 0
		}
		return 1
	}
	price := func(t *test) time.Duration { return (t.cpu + 20*time.Millisecond) / time.Duration(1+t.kills) }
	slices.SortStableFunc(list, func(a, b *test) int {
		return cmp.Or(far(a)-far(b), strings.Compare(a.suite.dir, b.suite.dir), cmp.Compare(price(a), price(b)))
	})
	most := 300 * time.Millisecond
	for _, t := range list {
		last := len(groups) - 1
		if last < 0 || groups[last].tests[0].suite != t.suite || groups[last].cost+t.cpu > most {
			if last >= 0 && groups[last].tests[0].suite == t.suite {
				most = min(4*most, 5*time.Second)
			} else {
				most = 300 * time.Millisecond
			}
			groups = append(groups, group{})
			last++
		}
		groups[last].tests = append(groups[last].tests, t)
		groups[last].cost += t.cpu
	}
	return groups
}
