// Command gate keeps what the important operations cost from growing unseen. What
// no clock touches is compared exactly with gate.json: allocations, calls of
// the system on the files, bytes read and written by them, bytes copied from
// mappings, chunks decoded, requests to a server. Speeds are ratios to a copy in
// memory beside them: the best of five samples by the best of five copies must
// reach half of what stands there for this kind of processor, in one of three
// rounds. Run in bench:
//
//	go run ./gate            compare
//	go run ./gate -update    write gate.json anew, which is a change to review
//	go run ./gate -run save  some operations only
//
// Calls of the system are counted by strace, but those for room, which only some
// file systems get.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"time"
)

func main() {
	update := flag.Bool("update", false, "write the record anew")
	path := flag.String("record", "gate/gate.json", "the record")
	match := flag.String("run", ".", "regular expression on the names of operations")
	noRatios := flag.Bool("counts", false, "counts alone, no ratios")
	child := flag.String("child", "", "")
	flag.Parse()
	re, err := regexp.Compile(*match)
	if err == nil && *child != "" {
		err = count(*child, re)
	} else if err == nil {
		err = gate(*path, re, *update, !*noRatios)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gate:", err)
		os.Exit(1)
	}
}

// gate measures and compares, or records.
func gate(path string, re *regexp.Regexp, update, ratios bool) error {
	dir, err := os.MkdirTemp("", "tensorfile-gate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	begin := time.Now()
	got, err := counted(dir, re)
	if err != nil {
		return err
	}
	counting := time.Since(begin)
	begin = time.Now()
	if ratios {
		if err := timed(filepath.Join(dir, "timed"), re, got); err != nil {
			return err
		}
	}
	// Where pages come to lie decides over some operations: each round has
	// others. The record is the least of three, so that half of it means
	// something, and what is under half has two more to show otherwise.
	want, err := load(path)
	if err != nil && !update {
		return err
	}
	for range 2 {
		again := re
		if !update {
			again = want.slow(got, re)
		}
		if !ratios || again == nil {
			break
		}
		next := &record{Operations: map[string]*counts{}}
		for name := range got.Operations {
			next.Operations[name] = &counts{}
		}
		if err := timed(filepath.Join(dir, "timed"), again, next); err != nil {
			return err
		}
		for name, c := range next.Operations {
			if c.Ratio > 0 && c.Ratio < got.Operations[name].Ratio == update {
				got.Operations[name].Ratio = c.Ratio
			}
		}
	}
	fmt.Printf("gate: %d operations, counted in %.0f s, %d of them timed in %.0f s\n", len(got.Operations), counting.Seconds(), got.timed(), time.Since(begin).Seconds())
	if update {
		return got.save(path)
	}
	differences, better := want.compare(got, re)
	for _, line := range better {
		fmt.Println("better:", line)
	}
	for _, line := range differences {
		fmt.Println("WORSE:", line)
	}
	if len(differences)+len(better) > 0 {
		return fmt.Errorf("%d figures worse and %d better than %s has them; go run ./gate -update records what is meant", len(differences), len(better), path)
	}
	return nil
}

// counted runs the operations in a traced process of one processor, where
// nothing depends on how many there are, and the tool as a process of its own.
func counted(dir string, re *regexp.Regexp) (*record, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	traced := func(out string, argv ...string) ([]byte, error) {
		args := append([]string{"-f", "-y", "-qq", "-s", "0", "-e", "trace=%file,%desc,mmap,munmap,madvise", "-e", "signal=none", "-o", out}, argv...)
		cmd := exec.Command("strace", args...)
		cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off")
		cmd.Stderr = os.Stderr
		return cmd.Output()
	}
	r := &record{Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Operations: map[string]*counts{}}
	text, err := traced(filepath.Join(dir, "trace"), self, "-run", re.String(), "-child", filepath.Join(dir, "counted"))
	if err != nil {
		return nil, fmt.Errorf("the traced process: %w", err)
	}
	if err := json.Unmarshal(text, &r.Operations); err != nil {
		return nil, err
	}
	calls, err := readTrace(filepath.Join(dir, "trace"), dir, false)
	if err != nil {
		return nil, err
	}
	for name, c := range r.Operations {
		c.take(calls[name])
	}
	tool := filepath.Join(dir, "tool")
	for _, p := range processes {
		if !re.MatchString(p.name) {
			continue
		}
		if _, err := os.Stat(tool); err != nil {
			build := exec.Command("go", "build", "-C", "..", "-o", tool, "./cmd/tensorfile") // a module of its own
			build.Stderr = os.Stderr
			if err := build.Run(); err != nil {
				return nil, err
			}
		}
		d := &data{dir: filepath.Join(dir, "tool-files")}
		args := append([]string{tool}, p.args(d)...)
		err := errors.Join(d.err, d.close())
		if err != nil {
			return nil, err
		}
		if _, err := traced(filepath.Join(dir, "trace"), args...); err != nil {
			return nil, fmt.Errorf("%v: %w", args, err)
		}
		calls, err := readTrace(filepath.Join(dir, "trace"), d.dir, true)
		if err != nil {
			return nil, err
		}
		c := &counts{}
		c.take(calls[""])
		r.Operations[p.name] = c
	}
	return r, nil
}

// count is the traced process: each operation twice, so that what is made once
// is there, then once between marks, and then for its allocations.
func count(dir string, re *regexp.Regexp) error {
	debug.SetGCPercent(-1)
	all := map[string]*counts{}
	for _, o := range operations {
		if !re.MatchString(o.name) {
			continue
		}
		d := &data{dir: filepath.Join(dir, o.name)}
		run := o.make(d)
		for range 2 {
			d.check(run(&counts{}))
		}
		c := &counts{}
		mark("begin", o.name)
		d.check(run(c))
		mark("end", o.name)
		if o.allocs {
			c.Allocs = allocations(func() { d.check(run(&counts{})) })
		}
		if err := errors.Join(d.err, d.close()); err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
		if err := os.RemoveAll(d.dir); err != nil {
			return err
		}
		runtime.GC()
		all[o.name] = c
	}
	return json.NewEncoder(os.Stdout).Encode(all)
}

// allocations of a run: the least of six, since the runtime has some of its own.
func allocations(run func()) int64 {
	least := int64(math.MaxInt64)
	for range 6 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		run()
		runtime.ReadMemStats(&after)
		least = min(least, int64(after.Mallocs-before.Mallocs))
	}
	return least
}

// samples is how often each operation is timed; unit is what is copied beside
// it.
const (
	samples = 5
	unit    = 16 << 20
)

// timed adds the ratios, on one processor: the least time of a copy by the least
// of the operation, taken in turn. (A ratio of each pair would count what
// disturbed the copy in favour of the operation.)
func timed(dir string, re *regexp.Regexp, r *record) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	src, dst := make([]byte, unit), make([]byte, unit)
	for i := range src {
		src[i], dst[i] = byte(i>>8), 1
	}
	for _, o := range operations {
		if o.bytes == 0 || !re.MatchString(o.name) {
			continue
		}
		d := &data{dir: filepath.Join(dir, o.name)}
		run := o.make(d)
		d.check(run(&counts{}))
		copied, ran := math.Inf(1), math.Inf(1)
		for range samples {
			runtime.GC()
			copied = min(copied, each(func() { copy(dst, src) }))
			ran = min(ran, each(func() { d.check(run(&counts{})) }))
		}
		if err := errors.Join(d.err, d.close(), os.RemoveAll(d.dir)); err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
		r.Operations[o.name].Ratio = float64(o.bytes) / ran * copied / unit
	}
	return nil
}

// each is the time of one run, over at least 4 ms of them.
func each(run func()) float64 {
	n := 0
	begin := clock()
	for ; n == 0 || clock()-begin < 4*time.Millisecond; n++ {
		run()
	}
	return float64(clock()-begin) / float64(n)
}
