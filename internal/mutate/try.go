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

	mu    sync.Mutex     // for what follows, and test.kills
	asked map[*test]bool // whether it passes without a mutant
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

// sound reports whether a test passes in the planted program without a mutant:
// one that does not would kill all. It is asked of what has killed, once.
func (tr *trial) sound(t *test) bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	ok, asked := tr.asked[t]
	if !asked {
		for range 2 { // a busy machine may fail one
			ok = ok || !run(tr.root, tr.suites[t.suite.dir], []*test{t}, limits{}, 0).failed
		}
		if !ok {
			fmt.Printf("left out, fails with mutants beside it: %s %s\n", t.suite.dir, t.name)
		}
		tr.asked[t] = ok
	}
	return ok
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
		l := limits{cpu: 5*g.cost + 4*time.Second, wall: 20*g.cost + time.Minute}
		for tests := g.tests; len(tests) > 0; {
			r := run(tr.root, s, tests, l, n)
			if !r.failed {
				break
			}
			if r.timeout {
				return timedOut, tests[0].name
			}
			i := max(slices.IndexFunc(tests, func(t *test) bool { return t.name == r.test }), 0)
			t := tests[i]
			// Once more, so that no mutant falls to a test that fails now and then.
			if tr.sound(t) && run(tr.root, s, []*test{t}, l, n).failed {
				tr.mu.Lock()
				t.kills++
				tr.mu.Unlock()
				return killed, t.name
			}
			tests = slices.Delete(slices.Clone(tests), i, i+1)
		}
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
	last := func(t *test) int {
		if t.full {
			return 1
		}
		return 0
	}
	price := func(t *test) time.Duration { return (t.cpu + 20*time.Millisecond) / time.Duration(1+t.kills) }
	slices.SortStableFunc(list, func(a, b *test) int {
		return cmp.Or(last(a)-last(b), far(a)-far(b), strings.Compare(a.suite.dir, b.suite.dir), cmp.Compare(price(a), price(b)))
	})
	most := 300 * time.Millisecond
	for _, t := range list {
		k := len(groups) - 1
		switch {
		case k < 0 || groups[k].tests[0].suite != t.suite || groups[k].tests[0].full != t.full:
			most = 300 * time.Millisecond
			groups = append(groups, group{})
		case groups[k].cost+t.cpu > most:
			most = min(4*most, 5*time.Second)
			groups = append(groups, group{})
		}
		g := &groups[len(groups)-1]
		g.tests = append(g.tests, t)
		g.cost += t.cpu
	}
	return groups
}
