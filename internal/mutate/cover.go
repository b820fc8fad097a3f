package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// suite is the tests of one package, as a program.
type suite struct {
	dir string // of the package, from the module's root
	bin string
}

// test is a test function, with what it takes and what it covers.
type test struct {
	suite  *suite
	name   string
	full   bool // not short
	cpu    time.Duration
	blocks map[string][]block // by path from the module's root
	kills  int                // so far: what finds much is asked first
}

// block is a stretch of code that runs as a whole.
type block struct {
	line0, col0, line1, col1 int
	hit                      bool
}

func (b block) holds(line, col int) bool {
	return (b.line0 < line || b.line0 == line && b.col0 <= col) && (line < b.line1 || line == b.line1 && col < b.col1)
}

// build makes the test program of the package in dir.
func build(root, dir, out string, flags ...string) error {
	cmd := exec.Command("go", append(append([]string{"test", "-c", "-vet=off", "-o", out}, flags...), "./"+dir)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, os.Stderr, os.Stderr
	return cmd.Run()
}

// collect runs every test function by itself, and notes what it covers and what
// it takes. What work has of a run before over the same code is taken as it is.
func collect(root, work string, pkgs []*pkg, jobs int) ([]*test, error) {
	var all []string
	for _, s := range scope {
		all = append(all, "./"+s.dir)
	}
	h := fnv.New64a()
	for _, p := range pkgs {
		for _, f := range p.files {
			h.Write(f.text)
		}
	}
	var list []*test
	for _, sc := range scope {
		dir := filepath.Join(work, fmt.Sprintf("cover-%x", h.Sum64()), flat(sc.dir))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		s := &suite{dir: sc.dir, bin: filepath.Join(dir, "covered.test")}
		if err := build(root, sc.dir, s.bin, "-covermode=set", "-coverpkg="+strings.Join(all, ",")); err != nil {
			return nil, fmt.Errorf("tests of %s: %w", sc.dir, err)
		}
		cmd := exec.Command(s.bin, "-test.list", "^(Test|Fuzz|Example)")
		cmd.Dir = filepath.Join(root, sc.dir)
		out, err := cmd.Output()
		if err != nil {
			return nil, err
		}
		for _, name := range strings.Fields(string(out)) {
			if strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz") || strings.HasPrefix(name, "Example") {
				list = append(list, &test{suite: s, name: name})
				if sweeps.MatchString(name) {
					list = append(list, &test{suite: s, name: name, full: true})
				}
			}
		}
	}
	ok := make([]bool, len(list))
	each(jobs, len(list), func(i int) {
		t := list[i]
		profile := filepath.Join(filepath.Dir(t.suite.bin), t.name+".cov")
		if t.full {
			profile = strings.TrimSuffix(profile, ".cov") + ".full.cov"
		}
		cpu := strings.TrimSuffix(profile, ".cov") + ".cpu"
		if b, err := os.ReadFile(cpu); err == nil {
			n, _ := strconv.Atoi(string(b))
			t.cpu = time.Duration(n) * time.Millisecond
		} else {
			r := run(root, t.suite, []*test{t}, limits{}, 0, "-test.coverprofile="+profile)
			if r.failed { // once more: a limit of time, on a busy machine
				r = run(root, t.suite, []*test{t}, limits{}, 0, "-test.coverprofile="+profile)
			}
			if r.failed {
				fmt.Printf("left out, fails without a mutant: %s %s\n", t.suite.dir, t.name)
				return
			}
			t.cpu = r.cpu
			os.WriteFile(cpu, []byte(strconv.Itoa(int(r.cpu.Milliseconds()))), 0o644)
		}
		var err error
		if t.blocks, err = readProfile(profile, pkgs); err == nil {
			ok[i] = true
		}
	})
	var good []*test
	for i, t := range list {
		if ok[i] {
			t.suite.bin = "" // made anew for each batch
			good = append(good, t)
		}
	}
	return good, nil
}

// each calls fn for 0 to n-1, in jobs goroutines.
func each(jobs, n int, fn func(int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range jobs {
		wg.Go(func() {
			for i := range next {
				fn(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

var profileLine = regexp.MustCompile(`^(.+):(\d+)\.(\d+),(\d+)\.(\d+) \d+ (\d+)$`)

// readProfile reads the blocks of a profile, those not run included, of the
// packages that are mutated.
func readProfile(name string, pkgs []*pkg) (map[string][]block, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	blocks := map[string][]block{}
	in := bufio.NewScanner(f)
	for in.Scan() {
		m := profileLine.FindStringSubmatch(in.Text())
		if m == nil {
			continue
		}
		var n [5]int
		for i := range n {
			n[i], _ = strconv.Atoi(m[i+2])
		}
		for _, p := range pkgs {
			if dir, file := path.Split(m[1]); dir == p.ImportPath+"/" {
				file = path.Join(p.rel, file)
				blocks[file] = append(blocks[file], block{n[0], n[1], n[2], n[3], n[4] > 0})
			}
		}
	}
	return blocks, in.Err()
}

// covers reports whether the test reaches the place of m. What is in no block,
// such as the condition of a case, counts as reached if its function is.
func (t *test) covers(m *mutant) bool {
	fset := m.fn.pkg.fset
	begin, end := fset.Position(m.fn.decl.Body.Lbrace), fset.Position(m.fn.decl.Body.End())
	entered := false
	for _, b := range t.blocks[m.fn.file.path] {
		if b.holds(m.line, m.col) {
			return b.hit
		}
		inside := b.line0 > begin.Line || b.line0 == begin.Line && b.col0 >= begin.Column
		if inside && (b.line1 < end.Line || b.line1 == end.Line && b.col1 <= end.Column) {
			entered = entered || b.hit
		}
	}
	return entered
}

// limits of a run; zero is none.
type limits struct {
	cpu  time.Duration // the clock of a busy machine says nothing
	wall time.Duration
}

// outcome is what a run of tests came to.
type outcome struct {
	failed  bool
	timeout bool
	test    string // the first that failed, if the output names it
	cpu     time.Duration
	output  string
}

var failedTest = regexp.MustCompile(`(?m)^\s*--- FAIL: ([A-Za-z0-9_]+)`)

// run runs tests of s, all full or none, with the mutant called number, 0 for
// none. Memory is bounded, too.
func run(root string, s *suite, tests []*test, l limits, number int, flags ...string) outcome {
	var names []string
	for _, t := range tests {
		names = append(names, t.name)
	}
	if !tests[0].full {
		flags = append(flags, "-test.short")
	}
	tmp, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return outcome{failed: true, output: err.Error()}
	}
	defer os.RemoveAll(tmp)
	wall := 10 * time.Minute
	limit := "ulimit -d 8000000; "
	if l.wall > 0 {
		wall = l.wall
		limit += fmt.Sprintf("ulimit -t %d; ", int(l.cpu.Seconds())+1)
	}
	ctx, cancel := context.WithTimeout(context.Background(), wall)
	defer cancel()
	args := append([]string{"-c", limit + `exec "$0" "$@"`, s.bin, "-test.failfast", "-test.run", "^(" + strings.Join(names, "|") + ")$"}, flags...)
	cmd := exec.CommandContext(ctx, "bash", args...)
	cmd.Dir = filepath.Join(root, s.dir)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	if number > 0 {
		cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", plantedEnv, number))
	}
	cmd.WaitDelay = 5 * time.Second // for children that hold the output
	out, err := cmd.CombinedOutput()
	r := outcome{output: string(out)}
	if st := cmd.ProcessState; st != nil {
		r.cpu = st.UserTime() + st.SystemTime()
	}
	if err == nil || errors.Is(err, exec.ErrWaitDelay) && cmd.ProcessState.Success() {
		return r
	}
	r.failed = true
	if m := failedTest.FindStringSubmatch(r.output); m != nil {
		r.test = m[1]
	} else {
		r.timeout = ctx.Err() != nil || l.cpu > 0 && r.cpu >= l.cpu
	}
	return r
}
