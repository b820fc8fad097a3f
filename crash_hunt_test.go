package tensorfile_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/crashfs"
)

// hunt walks the crash states of lives that a seed draws, in as many goroutines
// as there are processors, until it has met enough that differ or a violation.
type hunt struct {
	seed  uint64
	want  int    // states that differ
	lying bool   // a disk that ignores syncs: errors are fine, wrong data is not
	only  string // if not "", the one scenario to draw

	seen  *crashfs.Set
	next  atomic.Uint64
	over  atomic.Bool
	mu    sync.Mutex
	kinds map[string]*tally
	bad   error
}

// tally is what was met in one scenario.
type tally struct {
	lives, made, visited, distinct int

	appended, histories int // states that were appended to, whose history was compared
	refused, opened     int // lying disk: files with an error at open, without
}

func (a *tally) add(b *tally) {
	a.lives += b.lives
	a.made += b.made
	a.visited += b.visited
	a.distinct += b.distinct
	a.appended += b.appended
	a.histories += b.histories
	a.refused += b.refused
	a.opened += b.opened
}

func (h *hunt) total() *tally {
	var all tally
	for _, t := range h.kinds {
		all.add(t)
	}
	return &all
}

// run returns the first violation.
func (h *hunt) run() error {
	h.seen, h.kinds = crashfs.NewSet(h.want+h.want/8), map[string]*tally{}
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), 8) {
		wg.Go(func() {
			for !h.over.Load() {
				h.life(h.next.Add(1) - 1)
			}
		})
	}
	wg.Wait()
	return h.bad
}

func (h *hunt) found(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.bad == nil {
		h.bad = err
	}
	h.over.Store(true)
}

// life lives the n-th life and those that go on after its crashes.
func (h *hunt) life(n uint64) {
	s := crashScenarios[n%uint64(len(crashScenarios))]
	if h.only != "" && s.name != h.only {
		return
	}
	l := newLife(rand.New(rand.NewPCG(h.seed, n)))
	defer func() {
		if r := recover(); r != nil {
			err := fmt.Errorf("%v", r)
			if v, ok := r.(violation); ok {
				err = v.error
			} else {
				err = fmt.Errorf("panic: %w\n%s", err, debug.Stack())
			}
			h.found(fmt.Errorf("seed %d, life %d (%s): %w\n%s", h.seed, n, s.name, err, strings.Join(l.trace, "\n")))
		}
	}()
	s.live(l)
	kind, thin := s.name, 10
	if n/uint64(len(crashScenarios))%8 == 0 {
		thin = 0 // every way to tear a block
	}
	for depth := 0; ; depth++ {
		l = h.walk(l, n, kind, thin)
		if l == nil || h.over.Load() || depth == 2 || depth > 0 && l.chance(2) {
			return
		}
		l.afterCrash()
		kind, thin = "append after a crash", 10
	}
}

// walk visits the states of a life. It returns one that begins with one of
// them, drawn by chance, or nil.
func (h *hunt) walk(l *life, n uint64, kind string, thin int) *life {
	t := &tally{lives: 1}
	// The states are drawn apart from the life, so that a life stays the same
	// whatever is tried on its states.
	rng := rand.New(rand.NewPCG(h.seed^0x5eed, n))
	o := crashfs.Options{Seed: h.seed + n, Thin: thin, Seen: h.seen, IgnoreSyncs: h.lying}
	if h.lying {
		o.Thin, o.Torn, o.Max = 6, 1, 6000
	}
	var next *life
	states := 0
	stats := l.fs.Crashes(l.start, o, func(c crashfs.Crash) bool {
		m, _ := c.Marks[len(c.Marks)-1].(may)
		states++
		err := h.check(l, m, c, states, rng, t, &next)
		if err != nil {
			h.found(fmt.Errorf("seed %d, life %d (%s), state %d before operation %d, %s: %w\n%s", h.seed, n, kind, states, c.Op, c.What(), err, strings.Join(l.trace, "\n")))
		}
		return !h.over.Load()
	})
	t.made, t.visited, t.distinct = stats.States, stats.Visited, stats.Distinct
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.kinds[kind] == nil {
		h.kinds[kind] = &tally{}
	}
	h.kinds[kind].add(t)
	if h.seen.Len() >= h.want {
		h.over.Store(true)
	}
	return next
}

func (h *hunt) check(l *life, m may, c crashfs.Crash, states int, rng *rand.Rand, t *tally, next **life) error {
	if h.lying {
		return l.lied(c.Files, t)
	}
	older := states%16 == 0
	have, err := m.check(c.Files, older)
	if err != nil {
		return err
	}
	if older {
		t.histories++
	}
	if states%64 == 0 && have[crashFile] != nil {
		t.appended++
		if err := l.appendTo(c.Files, have); err != nil {
			return fmt.Errorf("append to it: %w", err)
		}
	}
	// One state in all, each with the same chance.
	if rng.IntN(states) == 0 {
		files := map[string][]byte{}
		for name, data := range c.Files {
			files[name] = bytes.Clone(data)
		}
		*next = l.from(rand.New(rand.NewPCG(h.seed, rng.Uint64())), files, have)
	}
	return nil
}

// appendTo appends to a state.
func (l *life) appendTo(files map[string][]byte, have map[string]*version) (err error) {
	n := l.from(rand.New(rand.NewPCG(1, 2)), maps.Clone(files), have)
	n.dry = true
	defer func() {
		if r := recover(); r != nil {
			v, ok := r.(violation)
			if !ok {
				panic(r)
			}
			err = v.error
		}
	}()
	n.session(crashFile, 1, func() { n.add(false) })
	_, err = n.may.check(n.fs.Files(), true)
	return err
}

// lied compares a state of a disk that ignored every sync: what can be read is
// what one generation held.
func (l *life) lied(files map[string][]byte, t *tally) error {
	for name, list := range l.all {
		data, ok := files[name]
		if !ok {
			continue
		}
		f, err := tensorfile.OpenReaderAt(bytes.NewReader(data), int64(len(data)), &tensorfile.OpenOptions{Verify: tensorfile.VerifyOnFirstUse})
		if err != nil {
			t.refused++
			continue
		}
		t.opened++
		err = fmt.Errorf("%s: generation %d of %.8s was never begun", name, f.Info().Generation, f.Info().UUID)
		for _, v := range list {
			if v.gen == f.Info().Generation && v.uuid == f.Info().UUID {
				if err = v.compare(f, true); err == nil {
					break
				}
				err = fmt.Errorf("%s: %v: %w", name, v, err)
			}
		}
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// report prints what was met.
func (h *hunt) report(t *testing.T) {
	t.Helper()
	for _, k := range slices.Sorted(maps.Keys(h.kinds)) {
		h.line(t, k, h.kinds[k])
	}
	h.line(t, "all", h.total())
}

func (h *hunt) line(t *testing.T, what string, k *tally) {
	t.Helper()
	if h.lying {
		t.Logf("%-22s %6d lives %9d states %9d distinct; files opened %d, refused %d", what, k.lives, k.visited, k.distinct, k.opened, k.refused)
		return
	}
	t.Logf("%-22s %6d lives %9d states %9d distinct; appended to %d, whole history %d", what, k.lives, k.visited, k.distinct, k.appended, k.histories)
}

// states is how many states an environment variable asks for.
func crashStates(t *testing.T, env string, normal, short int) int {
	t.Helper()
	if s := os.Getenv(env); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("%s: %v", env, err)
		}
		return n
	}
	if testing.Short() {
		return short
	}
	return normal
}

// crashSeed is fixed unless TENSORFILE_CRASH_SEED names another or "random".
func crashSeed(t *testing.T) uint64 {
	t.Helper()
	s := os.Getenv("TENSORFILE_CRASH_SEED")
	switch s {
	case "":
		return 1
	case "random":
		return rand.Uint64()
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("TENSORFILE_CRASH_SEED: %v", err)
	}
	return n
}
