package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/kernel"
)

// record is gate.json.
type record struct {
	Go         string // counts of another release may differ
	Platform   string // calls are those of this one
	Operations map[string]*counts
	// Ratios by processor (its name and instructions) and operation. How fast a copy is beside anything else
	// differs from one kind to the next by up to five.
	Ratios map[string]map[string]float64
}

// counts are what one run of an operation cost.
type counts struct {
	Allocs  int64            `json:",omitempty"` // allocations
	Calls   map[string]int64 `json:",omitempty"` // calls of the system that name a file of the operation
	Read    int64            `json:",omitempty"` // bytes, by calls
	Written int64            `json:",omitempty"`
	Mapped  int64            `json:",omitempty"` // bytes copied from the mapping
	Decoded int64            `json:",omitempty"` // chunks
	// Requests to a server, and bytes of bodies.
	Requests, Received int64   `json:",omitzero"`
	Ratio              float64 `json:"-"` // speed beside a copy in memory on this processor
}

// stats adds what a file says of its reads.
func (c *counts) stats(f *tensorfile.File) {
	s := f.ReadStats()
	c.Mapped += s.Mapped
	c.Decoded += s.Decoded
}

// take adds the calls.
func (c *counts) take(t *traced) {
	if t != nil {
		c.Calls, c.Read, c.Written = t.calls, t.read, t.written
	}
}

func (r *record) timed() (n int) {
	for _, c := range r.Operations {
		if c.Ratio > 0 {
			n++
		}
	}
	return n
}

// load reads a record. Its ratios are those of this processor; where it has none, the
// least that it has of any.
func load(path string) (*record, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &record{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, err
	}
	own, known := r.Ratios[processor()]
	for name, c := range r.Operations {
		c.Ratio = own[name]
		for _, ratios := range r.Ratios {
			if x := ratios[name]; !known && (c.Ratio == 0 || x < c.Ratio) {
				c.Ratio = x
			}
		}
	}
	if !known {
		fmt.Printf("gate: no ratios of %q are recorded: the least of %d other processors count\n", processor(), len(r.Ratios))
	}
	return r, nil
}

// save writes what was measured, and keeps the ratios of other processors.
func (r *record) save(path string) error {
	r.Ratios = map[string]map[string]float64{}
	if old, err := load(path); err == nil {
		maps.Copy(r.Ratios, old.Ratios)
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	own := map[string]float64{}
	for name, c := range r.Operations {
		if c.Ratio > 0 {
			own[name] = float64(int(1000*c.Ratio)) / 1000
		}
	}
	if len(own) > 0 {
		r.Ratios[processor()] = own
	}
	for _, ratios := range r.Ratios { // of operations that are gone
		maps.DeleteFunc(ratios, func(name string, _ float64) bool { return r.Operations[name] == nil })
	}
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o666)
}

// processor is what the system calls this machine's processors, which may be the same
// for several generations, and the instructions that loops use there.
func processor() string {
	name := runtime.GOARCH
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			name = strings.TrimSpace(value)
			break
		}
	}
	return name + ", " + kernel.Level()
}

// compare lists what is worse and what is better than the record. A better figure
// has to be recorded, too: what was gained is lost again unseen otherwise.
// Calls are compared on the platform that they were counted on, allocations with
// the release of Go.
func (want *record) compare(got *record, re *regexp.Regexp) (worse, better []string) {
	sameCalls := want.Platform == runtime.GOOS+"/"+runtime.GOARCH
	sameAllocs := minor(want.Go) == minor(got.Go)
	if !sameCalls || !sameAllocs {
		fmt.Printf("gate: the record is of %s on %s, this is %s: allocations compared: %v, calls: %v\n", want.Go, want.Platform, got.Go, sameAllocs, sameCalls)
	}
	names := slices.Sorted(maps.Keys(want.Operations))
	for _, name := range slices.Sorted(maps.Keys(got.Operations)) {
		if want.Operations[name] == nil {
			worse = append(worse, name+" is not in the record")
		}
	}
	for _, name := range names {
		w, g := want.Operations[name], got.Operations[name]
		if !re.MatchString(name) {
			continue
		}
		if g == nil {
			worse = append(worse, name+" is in the record, but was not run")
			continue
		}
		exact := func(what string, was, is int64) {
			line := fmt.Sprintf("%s: %s %d, recorded %d", name, what, is, was)
			switch {
			case is > was:
				worse = append(worse, line)
			case is < was:
				better = append(better, line)
			}
		}
		if sameAllocs {
			exact("allocations", w.Allocs, g.Allocs)
		}
		if sameCalls {
			calls := maps.Clone(w.Calls)
			if calls == nil {
				calls = map[string]int64{}
			}
			maps.Copy(calls, g.Calls)
			for _, call := range slices.Sorted(maps.Keys(calls)) {
				exact("calls of "+call, w.Calls[call], g.Calls[call])
			}
			exact("bytes read", w.Read, g.Read)
			exact("bytes written", w.Written, g.Written)
		}
		exact("bytes from the mapping", w.Mapped, g.Mapped)
		exact("chunks decoded", w.Decoded, g.Decoded)
		exact("requests", w.Requests, g.Requests)
		exact("bytes received", w.Received, g.Received)
		if g.tooSlow(w) {
			worse = append(worse, fmt.Sprintf("%s: %.3f of a copy in memory, less than half of the recorded %.3f", name, g.Ratio, w.Ratio))
		}
	}
	return worse, better
}

// slow names the operations of which the ratio is under half of the record's, nil
// where there is none.
func (want *record) slow(got *record, re *regexp.Regexp) *regexp.Regexp {
	var names []string
	for name, g := range got.Operations {
		if w := want.Operations[name]; w != nil && re.MatchString(name) && g.tooSlow(w) {
			names = append(names, regexp.QuoteMeta(name))
		}
	}
	if names == nil {
		return nil
	}
	return regexp.MustCompile("^(" + strings.Join(names, "|") + ")$")
}

func (g *counts) tooSlow(w *counts) bool { return w.Ratio > 0 && g.Ratio > 0 && g.Ratio < w.Ratio/2 }

// minor is go1.26 of go1.26.8.
func minor(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(len(parts), 2)], ".")
}
