// Command fuzzrun runs the fuzz targets of this module, one or more at a time, each
// for a time or a number of inputs, and prints what each did. A target that finds
// a failing input, or that tries fewer inputs than the floor, fails the run; the
// others are run nonetheless. What runs find interesting stays in the cache of Go;
// -keep puts a bounded choice of it into the packages' testdata/fuzz, where plain
// "go test" replays it.
//
//	fuzzrun -time 3m -long 10m            all targets; parsers of whole files longer
//	fuzzrun -targets 'convert/npy' -time 1m
//	fuzzrun -pick 12 -seed $(git rev-parse HEAD) -time 12s
//	fuzzrun -inputs 100000000 -record runs.jsonl   until each has had so many
//	fuzzrun -keep
//	fuzzrun -record runs.jsonl -report docs/fuzzing.md
//
// With -record, runs are noted in a file as they end. A later call with the same
// file passes over targets that had their time, on the clock and of the processors,
// so a run that was cut off, or had little of a busy machine, goes on.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/tensorfile/tensorfile/internal/parallel"
)

// fewest inputs must be tried by a target in the shortest run.
const fewest = 10

type options struct {
	time, long time.Duration
	inputs     int64
	rate       float64
	parallel   int // workers of a target
	jobs       int // targets at a time
	record     string
}

func main() {
	var o options
	flag.DurationVar(&o.time, "time", 3*time.Minute, "how long each target runs")
	flag.DurationVar(&o.long, "long", 0, "how long those run that read whole files of the widest formats; 0 is -time")
	flag.Int64Var(&o.inputs, "inputs", 0, "run each target until it has had so many inputs, counting those in -record, instead of for a time")
	flag.Float64Var(&o.rate, "rate", 3, "floor: inputs that each target must try for each second of a processor that it had")
	flag.IntVar(&o.parallel, "parallel", 2, "workers of a target")
	flag.IntVar(&o.jobs, "jobs", 1, "targets at a time")
	flag.StringVar(&o.record, "record", "", "file that notes each run, a JSON document a line")
	pattern := flag.String("targets", "", "regular expression on names such as convert/npy.FuzzHeader")
	pick := flag.Int("pick", 0, "run only so many targets, chosen by -seed")
	seed := flag.String("seed", "", "what -pick chooses by, such as the hash of a commit")
	list := flag.Bool("list", false, "print the names of the targets and end")
	keep := flag.Bool("keep", false, "put some of what earlier runs found interesting into testdata/fuzz and end")
	report := flag.String("report", "", "write the table of the runs in -record into this document and end")
	flag.Parse()
	if err := run(&o, *pattern, *pick, *seed, *list, *keep, *report); err != nil {
		fmt.Fprintln(os.Stderr, "fuzzrun:", err)
		os.Exit(1)
	}
}

func run(o *options, pattern string, pick int, seed string, list, keep bool, report string) error {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	all, err := targets()
	if err != nil {
		return err
	}
	past, err := readRecord(o.record)
	if err != nil {
		return err
	}
	if report != "" {
		return writeReport(report, all, past)
	}
	var chosen []target
	for _, t := range all {
		if re.MatchString(t.name()) {
			chosen = append(chosen, t)
		}
	}
	if len(chosen) == 0 {
		return fmt.Errorf("no target matches %q", pattern)
	}
	if pick > 0 {
		chosen = pickBy(seed, chosen, pick)
		fmt.Printf("%d of %d targets, by %q:", len(chosen), len(all), seed)
		for _, t := range chosen {
			fmt.Print(" ", t.name())
		}
		fmt.Println()
	}
	if list {
		for _, t := range chosen {
			fmt.Println(t.name())
		}
		return nil
	}
	if keep {
		return keepAll(chosen)
	}
	if o.long == 0 {
		o.long = o.time
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	z, err := newFuzzer(o.parallel)
	if err != nil {
		return err
	}
	defer z.close()
	fmt.Printf("%-40s %10s %9s %8s %8s %6s %6s  %s\n", "target", "inputs", "per s", "seconds", "CPU s", "new", "corpus", "result")
	var (
		mu     sync.Mutex // guards what follows, the record and the table
		bad    []string
		inputs int64
		ran    int
	)
	order := deepFirst(chosen)
	err = parallel.Each(max(o.jobs, 1), int64(len(order)), func(i int64) error {
		t := order[i]
		until := o.until(past, t)
		if until == "" {
			return nil
		}
		r := z.run(ctx, t, until)
		if ctx.Err() != nil {
			return fmt.Errorf("stopped in %s", t.name())
		}
		floor := max(int64(o.rate*r.CPU), fewest)
		if r.Result == passed && r.Inputs < floor {
			r.Result = fmt.Sprintf("under the floor of %d inputs", floor)
		}
		mu.Lock()
		defer mu.Unlock()
		if ran++; r.Result != passed {
			bad = append(bad, t.name())
		}
		inputs += r.Inputs
		fmt.Printf("%-40s %10d %9.0f %8.0f %8.0f %6d %6d  %s\n", t.name(), r.Inputs, float64(r.Inputs)/max(r.Seconds, 1), r.Seconds, r.CPU, r.New, r.Corpus, r.Result)
		if r.Result != passed {
			fmt.Println(indent(r.output))
		}
		return appendRecord(o.record, r)
	})
	if err != nil {
		return err
	}
	fmt.Printf("fuzz: %d targets of %d ran, %d inputs, %d failed; floor of each: %d inputs, and %g per second of a processor\n",
		ran, len(chosen), inputs, len(bad), fewest, o.rate)
	if ran == 0 {
		fmt.Printf("fuzz: all had their time by %s; without that file they run again\n", o.record)
	}
	if len(bad) > 0 {
		return fmt.Errorf("failed: %s", strings.Join(bad, " "))
	}
	return nil
}

// until is how long t is to run, as -fuzztime takes it, or "" if it had its time.
func (o *options) until(past []result, t target) string {
	if o.inputs > 0 {
		n := o.inputs - inputsOf(past, t.name())
		if n <= 0 {
			return ""
		}
		return fmt.Sprintf("%dx", n)
	}
	length := o.time
	if t.deep() {
		length = o.long
	}
	length = left(past, t.name(), length, o.parallel)
	if length == 0 {
		return ""
	}
	return length.String()
}

// deepFirst puts those first that run longest, else by name.
func deepFirst(ts []target) []target {
	var first, rest []target
	for _, t := range ts {
		if t.deep() {
			first = append(first, t)
		} else {
			rest = append(rest, t)
		}
	}
	return append(first, rest...)
}

// deep are the targets that have most to lose: readers of whole native files, and
// of the foreign formats with the widest descriptions.
var deepTargets = []string{
	"tensorfile.FuzzOpen", "tensorfile.FuzzEdits", "format.*", "convert/internal/zipfile.FuzzZip", "convert/safetensors.FuzzRead",
	"convert/gguf.FuzzRead", "convert/hdf5.FuzzOpen", "convert/torch.FuzzPickle", "convert/torch.FuzzRead",
}

func (t target) deep() bool {
	for _, pattern := range deepTargets {
		if ok, _ := path.Match(pattern, t.name()); ok {
			return true
		}
	}
	return false
}
