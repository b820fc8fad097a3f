// Command report measures all cases of package bench in turn, round after
// round in shuffled order, each sample beside one of the unit M and only while
// the machine is quiet, and prints medians and ratios as Markdown: a table of goals
// and one of all cases, or with -results the whole of results.md.
package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/bench"
)

func main() {
	testing.Init()
	rounds := flag.Int("rounds", 9, "samples of each case")
	match := flag.String("cases", ".", "regular expression on the names of cases")
	patience := flag.Duration("patience", 20*time.Second, "longest wait for a quiet machine")
	limit := flag.Duration("limit", 0, "begin no round after the first once so much time is used; 0: all rounds")
	quick := flag.Bool("quick", false, "two rounds, waiting for nobody: everything works, and no figure means much")
	results := flag.String("results", "", "write results.md to this file, not tables to standard output")
	date := flag.String("date", "", "the date that results.md tells")
	command := flag.String("command", "", "the command that results.md tells")
	casts := flag.Bool("casts", false, "the table of casts between all dtypes instead, or those that -cases names")
	flag.Parse()
	if *casts {
		if err := castTable(*rounds, *match); err != nil {
			fmt.Fprintln(os.Stderr, "report:", err)
			os.Exit(1)
		}
		return
	}
	if *quick {
		*rounds, *patience, tries = 2, 0, 1
	}
	if err := report(*rounds, *match, *patience, *limit, head{*results, *date, *command}); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func castTable(rounds int, match string) error {
	re, err := regexp.Compile(match)
	if err != nil {
		return err
	}
	e, err := bench.NewEnv()
	if err != nil {
		return err
	}
	return errors.Join(e.CastTable(os.Stdout, rounds, re), e.Close())
}

func report(rounds int, match string, patience, limit time.Duration, h head) error {
	re, err := regexp.Compile(match)
	if err != nil {
		return err
	}
	e, err := bench.NewEnv()
	if err != nil {
		return err
	}
	defer e.Close()
	// The collector runs where a case asks for it, not in the middle of samples, but
	// for what would not fit beside the peers.
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(8 << 30)
	r := &runner{env: e, gate: gate{patience: patience}, results: map[string]*result{}}
	groups := map[string][]bench.Case{}
	var order []string
	total := 0
	for _, c := range e.Cases() {
		if re.MatchString(c.Key()) {
			if groups[c.Group] == nil {
				order = append(order, c.Group)
			}
			groups[c.Group] = append(groups[c.Group], c)
			total++
		}
	}
	// A group at a time, for the data of all would fill the memory. Its cases are
	// compared with one another, so that they take turns.
	begin, done := time.Now(), 0
	rng := rand.New(rand.NewPCG(uint64(begin.UnixNano()), 0))
	for _, g := range order {
		at, noisy := time.Now(), r.noisy
		cases := groups[g]
		done += len(cases)
		until := time.Duration(float64(limit) * float64(done) / float64(total))
		// Every case once, unmeasured: data and caches, results, memory.
		for _, c := range cases {
			r.warm(c)
		}
		warm, taken := time.Since(at), 0
		for round := range rounds {
			// The budget is for groups with long rounds.
			long := time.Since(at)-warm > time.Duration(round)*5*time.Second
			if limit > 0 && round > 0 && long && time.Since(begin) > until {
				break
			}
			rng.Shuffle(len(cases), func(i, j int) { cases[i], cases[j] = cases[j], cases[i] })
			for _, c := range cases {
				r.sample(c, round)
			}
			taken++
		}
		fmt.Fprintf(os.Stderr, "%s: %d cases, made and compared in %.0f s, %d rounds in %.0f s, %d samples not quiet\n",
			g, len(cases), warm.Seconds(), taken, (time.Since(at) - warm).Seconds(), r.noisy-noisy)
		if err := e.Reset(); err != nil {
			return err
		}
	}
	if h.path == "" {
		r.print(os.Stdout, e.Cases(), e.Goals(), re)
	} else if err := r.write(h, e.Cases(), e.Goals(), re); err != nil {
		return err
	}
	if e.Failed {
		return errors.New("a peer's result differs from ours")
	}
	return nil
}

// runner takes samples.
type runner struct {
	env     *bench.Env
	gate    gate
	results map[string]*result
	noisy   int
}

// result is the samples of a case.
type result struct {
	skip   string
	peer   bool // another process did it
	equal  bool // its result was compared with ours
	bytes  int64
	allocs int64
	memory *memory
	rounds map[int]sample
}

type sample struct {
	ns    float64 // of one operation
	m     float64 // bytes a nanosecond of the unit beside it, 0: unknown
	ratio float64 // that a case of a codec reports
	quiet bool
}

// once runs a case as long as a sample takes.
func (r *runner) once(c bench.Case) (testing.BenchmarkResult, bool) {
	d := "30ms"
	if c.Once {
		d = "1x"
	}
	flag.Set("test.benchtime", d)
	ran := false
	b := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		c.Run(b)
		ran = true
	})
	return b, ran
}

func (r *runner) warm(c bench.Case) {
	res := &result{bytes: c.Bytes, rounds: map[int]sample{}}
	r.results[c.Key()] = res
	r.env.Why, r.env.Equal = "failed", false
	asked := r.env.Asked
	if _, ran := r.once(c); !ran {
		res.skip = r.env.Why
		if strings.Contains(res.skip, "differs") {
			fmt.Fprintf(os.Stderr, "%s: %s\n", c.Key(), res.skip)
		}
		return
	}
	res.peer, res.equal = r.env.Asked > asked, r.env.Equal
	if c.Once {
		res.memory = r.watch(c)
	}
}

// tries is how often a noisy sample is repeated.
var tries = 3

func (r *runner) sample(c bench.Case, round int) {
	res := r.results[c.Key()]
	if res.skip != "" {
		return
	}
	var s sample
	for range tries {
		r.gate.wait(r.env.PeerPIDs())
		begin := r.gate.now(r.env.PeerPIDs())
		d, ok, err := r.env.Python("memcpy", 1, r.env.Big)
		if err == nil && ok {
			s.m = float64(r.env.Big) / float64(d)
		}
		b, ran := r.once(c)
		if !ran || b.N == 0 {
			res.skip = "failed"
			return
		}
		s.quiet = r.gate.quietSince(begin, r.env.PeerPIDs())
		s.ns = float64(b.T) / float64(b.N)
		if ns, ok := b.Extra["ns/op"]; ok {
			s.ns = ns
		}
		s.ratio = b.Extra[bench.Compression]
		res.allocs = b.AllocsPerOp()
		if s.quiet {
			break
		}
		r.noisy++
	}
	res.rounds[round] = s
}
