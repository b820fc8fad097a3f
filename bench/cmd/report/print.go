package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/tensorfile/tensorfile/bench"
)

func (r *runner) print(w io.Writer, cases []bench.Case, goals []bench.Goal, re *regexp.Regexp) {
	var ms []float64
	for _, res := range r.results {
		for _, s := range res.rounds {
			if s.quiet && s.m > 0 {
				ms = append(ms, s.m)
			}
		}
	}
	if len(ms) > 0 {
		mid, low, high := spread(ms)
		fmt.Fprintf(w, "M, memcpy of libc on one thread: %.2f GB/s [%.2f-%.2f], %d quiet samples\n\n", mid, low, high, len(ms))
	}
	fmt.Fprintln(w, "| what | measured | wanted | |")
	fmt.Fprintln(w, "| --- | --- | --- | --- |")
	for _, g := range goals {
		if re.MatchString(g.Ours) {
			columns, _ := r.verdict(g)
			fmt.Fprintf(w, "| %s | %s |\n", g.What, columns)
		}
	}
	fmt.Fprintf(w, "\n| case | median | least - most | GB/s | of M | ratio | allocs | quiet |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, c := range cases {
		if res := r.results[c.Key()]; res != nil {
			res.line(w, c.Key())
		}
	}
}

func (r *result) line(w io.Writer, key string) {
	if r.skip != "" {
		fmt.Fprintf(w, "| %s | %s | | | | | | |\n", key, oneLine(r.skip))
		return
	}
	compression, quiet := "", 0
	var of []float64
	for _, s := range r.rounds {
		if s.ratio > 0 {
			compression = ratioText(s.ratio)
		}
		if s.quiet {
			quiet++
		}
		if s.m > 0 && r.bytes > 0 && (s.quiet || !r.quiet()) {
			of = append(of, float64(r.bytes)/s.ns/s.m)
		}
	}
	ns := r.times()
	if len(ns) == 0 {
		fmt.Fprintf(w, "| %s | no sample | | | | | | 0 |\n", key)
		return
	}
	mid, low, high := spread(ns)
	rate, share := "", ""
	if r.bytes > 0 {
		rate = fmt.Sprintf("%.2f", float64(r.bytes)/mid)
	}
	if len(of) > 0 {
		m, l, h := spread(of)
		share = fmt.Sprintf("%.2f [%.2f-%.2f]", m, l, h)
	}
	fmt.Fprintf(w, "| %s | %s | %s - %s | %s | %s | %s | %d | %d of %d |\n", key, clock(mid), clock(low), clock(high), rate, share, compression, r.allocs, quiet, len(r.rounds))
}

// verdict is what was measured of a goal, what is wanted, and how they compare: the
// last three columns of its line, and the last of them alone.
func (r *runner) verdict(g bench.Goal) (columns, verdict string) {
	ours, base := r.results[g.Ours], r.results[g.Base]
	kind := "goal"
	if g.Floor {
		kind = "floor"
	}
	got := r.measured(g, ours, base, true)
	noisy := ""
	if len(got) == 0 {
		if got = r.measured(g, ours, base, false); len(got) > 0 {
			noisy = ", not quiet"
		}
	}
	if len(got) == 0 {
		why := ""
		for _, res := range []*result{ours, base} {
			if res != nil && res.skip != "" {
				why = ": " + oneLine(res.skip)
			}
		}
		return "not measured" + why + " | | " + kind, kind
	}
	mid, low, high := spread(got)
	text, want, ok := "", "", false
	if g.Base == "" {
		text, want, ok = fmt.Sprintf("%s [%s-%s]", clock(mid), clock(low), clock(high)), "at most "+g.Time.String(), mid <= float64(g.Time)
	} else {
		unit := "x"
		switch g.Base {
		case bench.M:
			unit = " M"
		case bench.Compression:
			unit = ""
		}
		text, want, ok = fmt.Sprintf("%s%s [%s-%s]", ratioText(mid), unit, ratioText(low), ratioText(high)), fmt.Sprintf("at least %g%s", g.Ratio, unit), mid >= g.Ratio
	}
	verdict = kind + " met"
	if !ok {
		verdict = kind + " **missed**"
	}
	return text + noisy + " | " + want + " | " + verdict, verdict
}

// measured is what each round has of a goal.
func (r *runner) measured(g bench.Goal, ours, base *result, quiet bool) (got []float64) {
	if ours == nil {
		return nil
	}
	for round, s := range ours.rounds {
		switch {
		case quiet && !s.quiet:
		case g.Base == "":
			got = append(got, s.ns)
		case g.Base == bench.Compression:
			got = append(got, s.ratio)
		case g.Base == bench.M && s.m > 0:
			got = append(got, float64(ours.bytes)/s.ns/s.m)
		case base != nil:
			if t, ok := base.rounds[round]; ok && (t.quiet || !quiet) {
				got = append(got, t.ns/s.ns)
			}
		}
	}
	return got
}

func ratioText(x float64) string {
	if x >= 20 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// clock prints nanoseconds with three digits.
func clock(ns float64) string {
	for _, u := range []struct {
		ns   time.Duration
		name string
	}{{time.Second, "s"}, {time.Millisecond, "ms"}, {time.Microsecond, "us"}} {
		if ns >= float64(u.ns) {
			return digits(ns/float64(u.ns)) + " " + u.name
		}
	}
	return digits(ns) + " ns"
}

func digits(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// spread is the median, the least and the most.
func spread(x []float64) (mid, low, high float64) {
	x = slices.Sorted(slices.Values(x))
	n := len(x)
	return (x[(n-1)/2] + x[n/2]) / 2, x[0], x[n-1]
}
