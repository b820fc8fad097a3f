// Command report measures all cases of package bench in turn, round after
// round in shuffled order, each sample beside one of the unit M and only while
// the machine is quiet, and prints medians and ratios as Markdown.
package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime/debug"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile/bench"
)

func main() {
	testing.Init()
	rounds := flag.Int("rounds", 9, "samples of each case")
	match := flag.String("cases", ".", "regular expression on the names of cases")
	patience := flag.Duration("patience", 20*time.Second, "longest wait for a quiet machine")
	casts := flag.Bool("casts", false, "the table of casts between all dtypes instead, or those that -cases names")
	flag.Parse()
	if *casts {
		if err := castTable(*rounds, *match); err != nil {
			fmt.Fprintln(os.Stderr, "report:", err)
			os.Exit(1)
		}
		return
	}
	if err := report(*rounds, *match, *patience); err != nil {
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

func report(rounds int, match string, patience time.Duration) error {
	re, err := regexp.Compile(match)
	if err != nil {
		return err
	}
	e, err := bench.NewEnv()
	if err != nil {
		return err
	}
	defer e.Close()
	// The collector runs where a case asks for it, not in the middle of samples.
	debug.SetGCPercent(400)
	r := &runner{env: e, gate: gate{patience: patience}, results: map[string]*result{}}
	groups := map[string][]bench.Case{}
	var order []string
	for _, c := range e.Cases() {
		if re.MatchString(c.Key()) {
			if groups[c.Group] == nil {
				order = append(order, c.Group)
			}
			groups[c.Group] = append(groups[c.Group], c)
		}
	}
	// Every case once, unmeasured: data and caches.
	for _, g := range order {
		for _, c := range groups[g] {
			r.warm(c)
		}
	}
	shuffled := append([]string(nil), order...)
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	for round := range rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d, %d samples not quiet\n", round+1, rounds, r.noisy)
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		// Cases of a group stay together: they are compared with one another.
		for _, g := range shuffled {
			cases := groups[g]
			rng.Shuffle(len(cases), func(i, j int) { cases[i], cases[j] = cases[j], cases[i] })
			for _, c := range cases {
				r.sample(c, round)
			}
		}
	}
	r.print(os.Stdout, e.Cases(), e.Goals(), re)
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
	bytes  int64
	allocs int64
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
	if _, ran := r.once(c); !ran {
		res.skip = "skipped"
	}
}

// tries is how often a noisy sample is repeated.
const tries = 3

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
