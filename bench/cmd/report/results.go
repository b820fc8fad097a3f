package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile/bench"
)

// head is what results.md says of its run.
type head struct{ path, date, command string }

// write makes results.md: the goals of the design, each operation beside the best
// peer and the limit, and all cases.
func (r *runner) write(h head, cases []bench.Case, goals []bench.Goal, re *regexp.Regexp) error {
	f, err := os.Create(h.path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	// Other sizes have no data for some goals.
	goals = slices.DeleteFunc(goals, func(g bench.Goal) bool { return r.results[g.Ours] == nil || !re.MatchString(g.Ours) })
	rows := bench.Rows(cases, goals)
	if err := r.header(w, h); err != nil {
		return err
	}
	r.design(w, goals)
	r.rows(w, rows)
	fmt.Fprint(w, "\n## All cases\n\nMedians of quiet samples, or of all where none was quiet.\n\n| case | median | least - most | GB/s | of M | ratio | allocations | quiet |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, c := range cases {
		if res := r.results[c.Key()]; res != nil {
			res.line(w, c.Key())
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

func (r *runner) header(w io.Writer, h head) error {
	size := "small data: everything runs, but no figure here means much"
	if r.env.Full {
		size = "full sizes: large tensors of 256 MiB"
	}
	fmt.Fprintf(w, "# Results\n\nThis file is written by `make bench`; `README.md` says how to read it.\n\n")
	if h.date != "" {
		fmt.Fprintf(w, "- Date: %s\n", h.date)
	}
	if h.command != "" {
		fmt.Fprintf(w, "- Command: `%s`\n", h.command)
	}
	fmt.Fprintf(w, "- Machine: %s; %s\n- Data: seeded, made by the run, %s; warm in the page cache but where `cache=cold`; not synced but where `sync=yes` and in commits\n", machine(), runtime.Version(), size)
	quiet, all, low, high, mid := 0, 0, 0.0, 0.0, 0.0
	var ms []float64
	for _, res := range r.results {
		for _, s := range res.rounds {
			all++
			if s.quiet {
				quiet++
			}
			if s.m > 0 {
				ms = append(ms, s.m)
			}
		}
	}
	if len(ms) > 0 {
		mid, low, high = spread(ms)
		fmt.Fprintf(w, "- M, one thread's memcpy of libc: %.2f GB/s [%.2f-%.2f]\n", mid, low, high)
	}
	fmt.Fprintf(w, "- Samples: %d, %d of them while nobody else used the machine\n", all, quiet)
	fmt.Fprintf(w, "- Results of peers that were compared with ours before they were timed: %d operations\n\n", r.env.Compared)
	versions, err := r.env.Versions()
	if err != nil {
		return err
	}
	if versions == nil {
		versions = map[string]string{}
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			versions[d.Path] = d.Version
		}
	}
	fmt.Fprintf(w, "| peer | version | settings |\n| --- | --- | --- |\n")
	for _, p := range bench.Peers {
		v := versions[p.Module]
		if v == "" {
			v = "not here: no TENSORFILE_PYTHON"
		}
		fmt.Fprintf(w, "| %s | %s | %s |\n", p.Name, v, p.Settings)
	}
	if v := versions["Python"]; v != "" {
		fmt.Fprintf(w, "\nPython %s.\n", v)
	}
	return nil
}

// machine is what the system says of itself.
func machine() string {
	value := func(path, key string) string {
		text, _ := os.ReadFile(path)
		for line := range strings.Lines(string(text)) {
			if x, ok := strings.CutPrefix(line, key); ok {
				return strings.TrimSpace(strings.TrimLeft(x, " \t:"))
			}
		}
		return ""
	}
	list := []string{fmt.Sprintf("%d processors", runtime.NumCPU())}
	if x := value("/proc/cpuinfo", "model name"); x != "" {
		list[0] += " of " + x
	}
	if strings.Contains(value("/proc/cpuinfo", "flags"), "avx512f") {
		list = append(list, "AVX-512")
	}
	var kib float64
	if n, _ := fmt.Sscanf(value("/proc/meminfo", "MemTotal"), "%f", &kib); n == 1 {
		list = append(list, fmt.Sprintf("%.0f GiB", kib/(1<<20)))
	}
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.Join(append(list, runtime.GOOS+"/"+runtime.GOARCH+" "+strings.TrimSpace(string(release))), ", ")
}

// design are the rows of the design with the goals that measure them.
func (r *runner) design(w io.Writer, goals []bench.Goal) {
	fmt.Fprint(w, "\n## Goals of the design\n\n`x` is beside the peer or limit that is named, `M` beside one thread's memcpy. A floor is what an issue asks for, a goal what is aimed at.\n\n| row | what | measured | wanted | |\n| --- | --- | --- | --- | --- |\n")
	met, missed, unknown := 0, 0, 0
	done := map[int]bool{}
	line := func(row string, g bench.Goal) {
		text, verdict := r.verdict(g)
		switch {
		case strings.HasSuffix(verdict, "met"):
			met++
		case strings.HasSuffix(verdict, "**missed**"):
			missed++
		default:
			unknown++
		}
		fmt.Fprintf(w, "| %s | %s | %s |\n", row, g.What, text)
	}
	for _, d := range bench.Design {
		re := regexp.MustCompile(d.Match)
		row := fmt.Sprintf("%s: %s", d.What, d.Wanted)
		for i, g := range goals {
			if !done[i] && re.MatchString(g.Ours) {
				line(row, g)
				done[i], row = true, ""
			}
		}
		if row != "" {
			fmt.Fprintf(w, "| %s | | not measured here | | |\n", row)
		}
	}
	row := "others"
	for i, g := range goals {
		if !done[i] {
			line(row, g)
			row = ""
		}
	}
	fmt.Fprintf(w, "\n%d met, %d missed, %d not measured.\n", met, missed, unknown)
}

// rows are the operations, each beside its best peer and its limit.
func (r *runner) rows(w io.Writer, rows []bench.Row) {
	fmt.Fprint(w, "\n## Operations\n\n`x` is how many times as fast as the best peer ours is, `of limit` its share of what the machine can do. `=` says that its result was compared with ours. Heap and anonymous memory are the most that one run had beyond what was there; the page cache is apart.\n")
	group := ""
	for _, row := range rows {
		res := r.results[row.Case.Key()]
		if res == nil {
			continue
		}
		if row.Case.Group != group {
			group = row.Case.Group
			fmt.Fprintf(w, "\n### %s\n\n| operation | ours | least - most | best peer | x | limit | of limit | heap | anonymous | of the peer | quiet |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n", group)
		}
		name := strings.TrimPrefix(row.Case.Key(), group+"/")
		if res.skip != "" {
			fmt.Fprintf(w, "| %s | %s | | | | | | | | | |\n", name, oneLine(res.skip))
			continue
		}
		times := res.times()
		if len(times) == 0 {
			continue
		}
		mid, low, high := spread(times)
		peer, ratio, theirs := r.best(res, row.Peers)
		limit, share, _ := r.best(res, row.Limits)
		if limit == "" && res.bytes > 0 {
			limit, share = r.memory(res, row)
		}
		heap, anon := "", ""
		if m := res.memory; m != nil {
			heap, anon = mib(m.heap), mib(m.anon)
		}
		of := ""
		if theirs != nil && theirs.memory != nil && theirs.peer {
			of = mib(theirs.memory.anon)
		}
		quiet := 0
		for _, s := range res.rounds {
			if s.quiet {
				quiet++
			}
		}
		fmt.Fprintf(w, "| %s | %s | %s - %s | %s | %s | %s | %s | %s | %s | %s | %d of %d |\n", name, clock(mid), clock(low), clock(high), peer, ratio, limit, share, heap, anon, of, quiet, len(res.rounds))
	}
}

// best is the fastest of some cases, its time, and how many times as fast ours is.
func (r *runner) best(mine *result, keys []string) (text, ratio string, best *result) {
	var least float64
	var failed []string
	name := ""
	for _, key := range keys {
		res := r.results[key]
		_, impl, _ := strings.Cut(key, "impl=")
		switch {
		case res == nil:
		case res.skip != "":
			why := impl + " not measured"
			if strings.Contains(res.skip, "differs") {
				why = impl + " " + oneLine(res.skip)
			} else if strings.Contains(res.skip, "ModuleNotFound") {
				why = impl + " not installed"
			}
			if !slices.Contains(failed, why) {
				failed = append(failed, why)
			}
		default:
			if t := res.times(); len(t) > 0 {
				if mid, _, _ := spread(t); best == nil || mid < least {
					best, least, name = res, mid, impl
				}
			}
		}
	}
	if best != nil {
		mark := ""
		if best.equal {
			mark = " ="
		}
		text = name + mark + ", " + clock(least)
		var ratios []float64
		for round, s := range mine.rounds {
			if t, ok := best.rounds[round]; ok && (s.quiet && t.quiet || !mine.quiet() || !best.quiet()) {
				ratios = append(ratios, t.ns/s.ns)
			}
		}
		if len(ratios) > 0 {
			mid, low, high := spread(ratios)
			ratio = fmt.Sprintf("%s [%s-%s]", ratioText(mid), ratioText(low), ratioText(high))
		} else if t := mine.times(); len(t) > 0 { // no round in which both were quiet
			mid, _, _ := spread(t)
			ratio = ratioText(least / mid)
		}
	}
	if len(failed) > 0 {
		text = strings.TrimPrefix(text+"; "+strings.Join(failed, ", "), "; ")
	}
	return text, ratio, best
}

// memory is the limit of what moves bytes: a copy by as many threads.
func (r *runner) memory(res *result, row bench.Row) (text, share string) {
	if strings.Contains(row.Case.Name, "workers=2") {
		if two := r.results[r.env.Two()]; two != nil && len(two.times()) > 0 {
			mid, _, _ := spread(two.times())
			speed := float64(two.bytes) / mid
			mine, _, _ := spread(res.times())
			return fmt.Sprintf("memcpy by two threads, %.1f GB/s", speed), fmt.Sprintf("%.2f", float64(res.bytes)/mine/speed)
		}
	}
	var of, ms []float64
	for _, s := range res.rounds {
		if s.m > 0 && (s.quiet || !res.quiet()) {
			of, ms = append(of, float64(res.bytes)/s.ns/s.m), append(ms, s.m)
		}
	}
	if len(of) == 0 {
		return "memcpy", ""
	}
	mid, low, high := spread(of)
	m, _, _ := spread(ms)
	return fmt.Sprintf("memcpy, %.1f GB/s", m), fmt.Sprintf("%.2f [%.2f-%.2f]", mid, low, high)
}

// quiet reports whether there is a quiet sample; without one all count.
func (r *result) quiet() bool {
	for _, s := range r.rounds {
		if s.quiet {
			return true
		}
	}
	return false
}

// times are those of the samples that count, in the order of rounds.
func (r *result) times() (list []float64) {
	for _, round := range slices.Sorted(maps.Keys(r.rounds)) {
		if s := r.rounds[round]; s.quiet || !r.quiet() {
			list = append(list, s.ns)
		}
	}
	return list
}

func oneLine(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", "\\|")
}

// mib prints a number of bytes.
func mib(n int64) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", (n+1023)>>10)
}
