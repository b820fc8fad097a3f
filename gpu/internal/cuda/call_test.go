//go:build linux && !android && !nogpu && (amd64 || arm64)

package cuda

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ebitengine/purego"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

// calls are those that an uploader makes for each chunk, and a kernel.
func calls(d *device) map[string]func() error {
	memory, args, at := make([]byte, 64), make([]byte, 72), []int{0, 8, 16, 24, 32, 40, 48, 56, 64}
	return map[string]func() error{
		"CopyHtoD":         func() error { return d.CopyHtoD(1, memory, 1) },
		"CopyHtoD, rows":   func() error { return d.CopyHtoD2D(1, 8, memory, 8, 4, 8, 1) },
		"CopyDtoH":         func() error { return d.CopyDtoH(memory, 1, 1) },
		"CopyDtoD":         func() error { return d.CopyDtoD(1, 2, 3, 1) },
		"Memset32":         func() error { return d.Memset32(1, 2, 3, 1) },
		"Record":           func() error { return d.Record(1, 1) },
		"StreamWait":       func() error { return d.StreamWait(1, 1) },
		"EventSynchronize": func() error { return d.EventSynchronize(1) },
		"EventQuery":       func() error { _, err := d.EventQuery(1); return err },
		"Alloc":            func() error { _, err := d.Alloc(1); return err },
		"Free":             func() error { return d.Free(1) },
		"Bind":             d.Bind,
		"Unbind":           d.Unbind,
		"Launch": func() error {
			return d.Launch(1, driver.Dim{X: 2}, driver.Dim{X: 3}, 0, 1, args, at)
		},
	}
}

// idle is a driver each of whose functions is one of libc that does nothing and
// returns 0, whatever it is given.
func idle(t *testing.T) *library {
	yield, err := purego.Dlsym(purego.RTLD_DEFAULT, "sched_yield")
	if err != nil {
		t.Skip("libc has no sched_yield: ", err)
	}
	l := &library{}
	for s := range l.fn {
		l.fn[s] = yield
	}
	return l
}

// No call allocates, once it has been made.
func TestCallsDoNotAllocate(t *testing.T) {
	d := &device{lib: idle(t)}
	for name, call := range calls(d) {
		// A pool may drop what it is given when the collector runs: less than one
		// allocation a call, which counts as none.
		if n := testing.AllocsPerRun(1000, func() {
			if err := call(); err != nil {
				t.Fatal(name, err)
			}
		}); n > 0 && !raceEnabled {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// The cost of a call, and of how many calls through cgo of such a function that is,
// both at their best. Needs a C compiler.
func BenchmarkBinding(b *testing.B) {
	lib, err := open(shim{set: answers{12080, 0, 1}}.build(b))
	if err != nil {
		b.Fatal(err)
	}
	d := &device{lib: lib}
	all := calls(d)
	for _, c := range []struct {
		name string
		args int
	}{{"CopyHtoD", 4}, {"Launch", 11}} {
		b.Run(fmt.Sprintf("call=%s/args=%d", c.name, c.args), func(b *testing.B) {
			cgo := cgoCall(b, c.args)
			call := all[c.name]
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				if err := call(); err != nil {
					b.Fatal(err)
				}
			}
			best := time.Duration(1 << 62)
			const n = 20_000
			for range 50 {
				begin := time.Now()
				for range n {
					call()
				}
				best = min(best, time.Since(begin))
			}
			b.ReportMetric(float64(best.Nanoseconds())/n/cgo, "cgo-calls/op")
		})
	}
}

// cgoCall is the time of a call through cgo in nanoseconds, which a program of its own
// measures: tests cannot use cgo.
func cgoCall(b *testing.B, args int) float64 {
	cmd := exec.Command("go", "run", "./testdata/cgocall", strconv.Itoa(args))
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Skipf("no program with cgo: %v\n%s", err, out)
	}
	ns, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		b.Fatal(err)
	}
	return ns
}
