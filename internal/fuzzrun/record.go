package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"time"
)

// readRecord reads the runs of a file; one that is not there has none.
func readRecord(path string) ([]result, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var past []result
	for line := range bytes.Lines(b) {
		var r result
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, len(past)+1, err)
		}
		past = append(past, r)
	}
	return past, nil
}

func appendRecord(path string, r *result) error {
	if path == "" {
		return nil
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// left says how much of a time on that many workers a target's runs that found
// nothing leave to be done. On a machine that is shared what counts is also the time
// that its workers had: three quarters of the whole, since they wait, too.
func left(past []result, name string, length time.Duration, workers int) time.Duration {
	var seconds, cpu float64
	for _, r := range past {
		if r.Target == name && r.Result == passed {
			seconds += r.Seconds
			cpu += r.CPU
		}
	}
	clock := length.Seconds() - seconds
	share := 0.75*length.Seconds() - cpu/float64(workers)
	return max(0, time.Duration(math.Ceil(max(clock, share)))*time.Second)
}

func inputsOf(past []result, name string) (n int64) {
	for _, r := range past {
		if r.Target == name {
			n += r.Inputs
		}
	}
	return n
}

const (
	tableBegin = "<!-- the table below is written by internal/fuzzrun -->\n"
	tableEnd   = "<!-- end of the table -->\n"
)

// table has a row for each target: all of its runs together, and the last one.
func table(all []target, past []result) string {
	var b strings.Builder
	b.WriteString("| target | inputs | minutes | CPU minutes | last run | failing inputs found | last result | load of the machine |\n")
	b.WriteString("| --- | ---: | ---: | ---: | --- | ---: | --- | --- |\n")
	var total int64
	var minutes float64
	ran := 0
	for _, t := range all {
		var seconds, cpu float64
		var found int
		var last *result
		for i, r := range past {
			if r.Target != t.name() {
				continue
			}
			seconds += r.Seconds
			cpu += r.CPU
			if strings.HasPrefix(r.Result, "failing") {
				found++
			}
			last = &past[i]
		}
		if last == nil {
			fmt.Fprintf(&b, "| `%s` | | | | | | not run | |\n", t.name())
			continue
		}
		ran++
		n := inputsOf(past, t.name())
		total += n
		minutes += seconds / 60
		fmt.Fprintf(&b, "| `%s` | %d | %.1f | %.1f | %s | %d | %s | %s |\n", t.name(), n, seconds/60, cpu/60, last.Date, found, last.Result, last.Load)
	}
	fmt.Fprintf(&b, "\n%d of %d targets, %d inputs, %.0f minutes.\n", ran, len(all), total, minutes)
	return b.String()
}

// writeReport puts the table into a document, between its two marks.
func writeReport(path string, all []target, past []result) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(b), tableBegin)
	_, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		return fmt.Errorf("%s lacks the marks of the table", path)
	}
	return os.WriteFile(path, []byte(before+tableBegin+"\n"+table(all, past)+"\n"+tableEnd+after), 0o666)
}
