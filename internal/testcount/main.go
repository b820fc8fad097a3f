// Command testcount reads the output of "go test -json" and prints what failed,
// why tests were skipped, and counts. It fails if a test failed, if a package
// did not build, or if fewer tests passed than -floor: a run that tests nothing
// must not look green. The packages and tests that took longest stand above the counts.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
}

func main() {
	floor := flag.Int("floor", 1, "least number of tests that must pass")
	flag.Parse()
	var passed, failed, skipped int
	output := map[string]*strings.Builder{}
	slow, slowTests := map[string]float64{}, map[string]float64{} // seconds of packages, and of tests in them
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) == 0 && err != nil {
			break
		}
		var e event
		if json.Unmarshal(line, &e) != nil {
			os.Stdout.Write(line)
			continue
		}
		key := e.Package + " " + e.Test
		switch e.Action {
		case "output", "build-output":
			if e.Action == "build-output" {
				key = e.ImportPath + " "
			}
			b := output[key]
			if b == nil {
				b = &strings.Builder{}
				output[key] = b
			}
			b.WriteString(e.Output)
			continue
		case "pass":
			if e.Test != "" {
				passed++
				if !strings.Contains(e.Test, "/") {
					slowTests[key] = e.Elapsed
				}
			} else {
				slow[e.Package] = e.Elapsed
			}
		case "fail":
			if e.Test != "" {
				failed++
			}
			fmt.Printf("FAIL %s\n", strings.TrimSpace(key))
			if b := output[key]; b != nil {
				fmt.Print(b.String())
			}
			if e.Test == "" {
				printUnfinished(output, e.Package)
				failed = max(failed, 1)
			}
		case "build-fail":
			failed++
			fmt.Printf("FAIL %s does not build\n%s", e.ImportPath, output[e.ImportPath+" "])
		case "skip":
			if e.Test != "" {
				skipped++
				reason := ""
				if b := output[key]; b != nil {
					for _, l := range strings.Split(b.String(), "\n") {
						if i := strings.Index(l, ".go:"); i >= 0 {
							reason = strings.TrimSpace(l)
						}
					}
				}
				fmt.Printf("skipped %s: %s\n", key, reason)
			}
		default: // it goes on
			continue
		}
		delete(output, key)
	}
	printSlowest(slow, 5)
	printSlowest(slowTests, 12)
	fmt.Printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	if failed > 0 || passed < *floor {
		if passed < *floor {
			fmt.Printf("fewer than the %d tests that there must be\n", *floor)
		}
		os.Exit(1)
	}
}

// printUnfinished prints what tests of a package wrote that had not ended when it failed:
// one of them ended the process.
func printUnfinished(output map[string]*strings.Builder, pkg string) {
	for _, key := range slices.Sorted(maps.Keys(output)) {
		if test, ok := strings.CutPrefix(key, pkg+" "); ok && test != "" {
			fmt.Printf("unfinished %s\n%s", key, output[key])
		}
	}
}

// printSlowest prints the n longest of what took at least a second.
func printSlowest(seconds map[string]float64, n int) {
	names := slices.SortedFunc(maps.Keys(seconds), func(a, b string) int {
		return cmp.Or(cmp.Compare(seconds[b], seconds[a]), cmp.Compare(a, b))
	})
	for _, name := range names[:min(n, len(names))] {
		if seconds[name] >= 1 {
			fmt.Printf("%7.1fs %s\n", seconds[name], name)
		}
	}
}
