package badinput

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/mmap"
)

// A Grower makes an input of any size.
type Grower struct {
	What string
	From string // the format
	N    int    // the smaller size; the larger is four times it
	Make func(n int) []byte
	Kind error // what comes of both
}

// work is what a reading took, in counts that no clock touches.
type work struct {
	input              int64
	allocated, objects int64
	read, reads        int64
	steps              int64 // statements run, if they are counted
	outcome            error
}

// growing names the case and size that a process of its own runs, to have the
// statements counted that it runs.
const growing = "TENSORFILE_GROWTH"

// Growth checks rule 4: four times the input makes at most about four times the
// work. Counted are the bytes and objects allocated and the bytes and calls of
// reading; and, in a test built with -covermode=atomic and -coverpkg, the
// statements run, which see a loop that does neither.
func Growth(t *testing.T, cases []Grower) {
	if name, size, ok := strings.Cut(os.Getenv(growing), "\x1f"); ok {
		for i := range cases {
			if n, err := strconv.Atoi(size); err == nil && cases[i].What == name {
				cases[i].measure(t, n)
			}
		}
		return
	}
	for i := range cases {
		g := &cases[i]
		t.Run(g.What, func(t *testing.T) { g.grows(t) })
	}
}

// grows compares what two sizes take.
func (g *Grower) grows(t testing.TB) {
	t.Helper()
	g.measure(t, g.N) // tables that are made once
	small, large := g.measure(t, g.N), g.measure(t, 4*g.N)
	for _, w := range []work{small, large} {
		var e *tensorfile.Error
		if g.Kind == nil && w.outcome != nil || g.Kind != nil && (!errors.Is(w.outcome, g.Kind) || !errors.As(w.outcome, &e)) {
			t.Fatalf("%d bytes: got %v, want %v", w.input, w.outcome, g.Kind)
		}
	}
	if large.input < 3*small.input || large.read < 2*small.read {
		t.Errorf("inputs of %d and %d bytes, of which %d and %d were read: it did not grow", small.input, large.input, small.read, large.read)
	}
	if testing.CoverMode() == "atomic" {
		small.steps, large.steps = g.steps(t, g.N), g.steps(t, 4*g.N)
	}
	ratio := func(what string, a, b, free int64) {
		const most = 4.8 // of 4: growing slices are copied now and then
		r := float64(b) / float64(max(a, 1))
		if float64(b) > most*float64(max(a, 1))+float64(free) {
			t.Errorf("%s: %d for %d bytes, %d for %d: %.1f times as much", what, a, small.input, b, large.input, r)
		}
	}
	ratio("bytes allocated", small.allocated, large.allocated, 256<<10)
	ratio("objects allocated", small.objects, large.objects, 2000)
	ratio("bytes read", small.read, large.read, 64<<10)
	ratio("calls of ReadAt", small.reads, large.reads, 64)
	ratio("statements", small.steps, large.steps, 100_000)
	t.Logf("%d and %d bytes: allocated %d and %d in %d and %d objects, read %d and %d by %d and %d calls, statements %d and %d",
		small.input, large.input, small.allocated, large.allocated, small.objects, large.objects, small.read, large.read, small.reads, large.reads, small.steps, large.steps)
}

// BenchGrowth measures what the larger inputs take.
func BenchGrowth(b *testing.B, cases []Grower) {
	for i := range cases {
		g := &cases[i]
		b.Run(g.What, func(b *testing.B) {
			data := g.Make(4 * g.N)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if err := g.use(&counted{Reader: bytes.NewReader(data)}, len(data)); !errors.Is(err, g.Kind) {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1e3/float64(b.N), "ms/input")
		})
	}
}

// counted counts what is read.
type counted struct {
	*bytes.Reader
	bytes, calls atomic.Int64
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.Reader.ReadAt(p, off)
	c.bytes.Add(int64(n))
	c.calls.Add(1)
	return n, err
}

// measure opens, lists, reads and verifies an input of size n.
func (g *Grower) measure(t testing.TB, n int) (w work) {
	t.Helper()
	b := g.Make(n)
	source := &counted{Reader: bytes.NewReader(b)}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	w.outcome = g.use(source, len(b))
	runtime.ReadMemStats(&after)
	w.input = int64(len(b))
	w.allocated, w.objects = int64(after.TotalAlloc-before.TotalAlloc), int64(after.Mallocs-before.Mallocs)
	w.read, w.reads = source.bytes.Load(), source.calls.Load()
	return w
}

// use does what there is to do with a file, up to the first error.
func (g *Grower) use(source *counted, size int) error {
	ctx := context.Background()
	f, err := convert.OpenMap(ctx, mmap.NewReaderAt(source, int64(size), "x."+g.From), &convert.OpenOptions{Format: g.From})
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Attrs(); err != nil {
		return err
	}
	for x, err := range f.Tensors() {
		if err != nil {
			return err
		}
		if _, err := x.Attrs(); err != nil {
			return err
		}
		_, err = x.Read(ctx)
		if _, _, composite := x.Composite(); composite && errors.Is(err, tensorfile.ErrEncoded) {
			_, err = x.ReadComposite(ctx)
		}
		if err != nil {
			return err
		}
	}
	report, err := f.Verify(ctx, nil)
	if err == nil && !report.OK() {
		err = report.Findings[0]
	}
	return err
}

// steps runs a size in a process of its own and adds up how often each of its
// statements ran.
func (g *Grower) steps(t testing.TB, n int) (sum int64) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ := strings.Cut(t.Name(), "/")
	profile := filepath.Join(t.TempDir(), "profile")
	cmd := exec.Command(exe, "-test.run", "^"+name+"$", "-test.coverprofile", profile)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s\x1f%d", growing, g.What, n))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(profile)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) { // file.go:1.2,3.4 statements count
		if strings.Contains(line, "/internal/badinput/") {
			continue // what made the input
		}
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		statements, err := strconv.ParseInt(f[1], 10, 64)
		count, err2 := strconv.ParseInt(f[2], 10, 64)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		sum += statements * count
	}
	if sum == 0 {
		t.Fatal("no statement was counted")
	}
	return sum
}
