package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

const passed = "ok"

// A result is one run of a target.
type result struct {
	Target  string  `json:"target"`
	Date    string  `json:"date"` // of its end
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu"` // seconds of processors that it had
	Inputs  int64   `json:"inputs"`
	New     int64   `json:"new"`    // inputs that reached something new
	Corpus  int64   `json:"corpus"` // inputs known at the end
	Result  string  `json:"result"`
	Load    string  `json:"load,omitempty"` // the machine's load average when it ended, of so many cores
	output  string
}

var (
	progress = regexp.MustCompile(`execs: (\d+) \(\d+/sec\), new interesting: (\d+) \(total: (\d+)\)`)
	baseline = regexp.MustCompile(`gathering baseline coverage: (\d+)/(\d+) completed`)
	elapsed  = regexp.MustCompile(`fuzz: elapsed: ([0-9hms.]+),`)
	failing  = regexp.MustCompile(`Failing input written to (\S+)`)
	replayed = regexp.MustCompile(`--- FAIL: \w+/(\S+)|failure while testing seed corpus entry: \w+/(\S+)`)
)

// A fuzzer builds the tests of a package once, instrumented, and runs targets.
type fuzzer struct {
	parallel int
	bin      string // folder of the programs
	cache    string // folder of what was found interesting, as "go test" keeps it
	building sync.Mutex
}

func newFuzzer(parallel int) (*fuzzer, error) {
	cache, err := fuzzCache()
	if err != nil {
		return nil, err
	}
	bin, err := os.MkdirTemp("", "fuzzrun")
	return &fuzzer{parallel: parallel, bin: bin, cache: cache}, err
}

func (z *fuzzer) close() { os.RemoveAll(z.bin) }

func fuzzCache() (string, error) {
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	return filepath.Join(strings.TrimSpace(string(out)), "fuzz"), err
}

// program builds the tests of a package unless it has.
func (z *fuzzer) program(ctx context.Context, t target) (string, error) {
	z.building.Lock()
	defer z.building.Unlock()
	exe := filepath.Join(z.bin, strings.ReplaceAll(t.pkg, "/", "_")+".test.exe")
	if _, err := os.Stat(exe); err == nil {
		return exe, nil
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-vet=off", "-c", "-fuzz=.", "-o", exe, t.pkg)
	cmd.Dir = t.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the tests of %s: %w\n%s", t.pkg, err, out)
	}
	return exe, nil
}

// run runs one target until a time or a number of inputs as -fuzztime takes it.
func (z *fuzzer) run(ctx context.Context, t target, until string) *result {
	exe, err := z.program(ctx, t)
	if err != nil {
		return &result{Target: t.name(), Date: today(), Result: "does not build", output: err.Error()}
	}
	cmd := exec.CommandContext(ctx, exe, "-test.run=^$", "-test.fuzz=^"+t.fn+"$", "-test.fuzztime="+until, "-test.fuzzminimizetime=1s",
		"-test.parallel="+strconv.Itoa(z.parallel), "-test.fuzzcachedir="+filepath.Join(z.cache, filepath.FromSlash(t.pkg)), "-test.timeout=0")
	cmd.Dir = t.dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it ends its workers
	cmd.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	r := parse(out.String(), err != nil)
	r.Target, r.Date = t.name(), today()
	if s := cmd.ProcessState; s != nil { // its own and that of its workers
		r.CPU = (s.UserTime() + s.SystemTime()).Seconds()
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		load, _, _ := strings.Cut(string(b), " ")
		r.Load = load + " of " + strconv.Itoa(runtime.NumCPU())
	}
	return r
}

func today() string { return time.Now().UTC().Format(time.DateOnly) }

// parse reads what go test printed. Inputs of the corpus that were only replayed
// to learn what they reach count as inputs, too: each went through the target.
func parse(out string, failed bool) *result {
	r := &result{Result: passed, output: out}
	last := func(re *regexp.Regexp) []string {
		if all := re.FindAllStringSubmatch(out, -1); len(all) > 0 {
			return all[len(all)-1]
		}
		return nil
	}
	number := func(s string) int64 {
		n, _ := strconv.ParseInt(s, 10, 64)
		return n
	}
	if m := last(baseline); m != nil {
		r.Inputs, r.Corpus = number(m[1]), number(m[2])
	}
	if m := last(progress); m != nil {
		r.Inputs, r.New, r.Corpus = max(r.Inputs, number(m[1])), number(m[2]), number(m[3])
	}
	if m := last(elapsed); m != nil {
		d, _ := time.ParseDuration(m[1])
		r.Seconds = d.Seconds()
	}
	if !failed {
		return r
	}
	switch m := last(failing); {
	case m != nil:
		r.Result = "failing input " + filepath.ToSlash(m[1])
	case strings.Contains(out, "context deadline exceeded") && !replayed.MatchString(out):
		// The fuzzer's own: time ended while it waited for a worker.
	case replayed.MatchString(out):
		m := last(replayed)
		r.Result = "failing stored input " + m[1] + m[2]
	default:
		r.Result = "failed"
	}
	return r
}

// indent is the end of what a run printed, to read under its row.
func indent(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	var kept []string
	for _, l := range lines {
		if !strings.HasPrefix(l, "fuzz: elapsed:") {
			kept = append(kept, "    "+l)
		}
	}
	const most = 60
	if len(kept) > most {
		kept = kept[:most]
	}
	return strings.Join(kept, "\n")
}
