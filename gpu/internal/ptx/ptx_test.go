package ptx_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/ptx"
	"github.com/tensorfile/tensorfile/gpu/internal/ptxsim"
)

// device is memory with allocations far from each other, each at the address that
// was asked for.
type device struct {
	mu   sync.Mutex
	next driver.Ptr
	base []driver.Ptr
	mem  [][]byte
}

// alloc returns n bytes at a multiple of 256 and skew more, which are random.
func (d *device) alloc(r *rand.Rand, n int, skew int) (driver.Ptr, []byte) {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32() >> 11)
	}
	p := 0x7f00_0000_0000 + d.next + driver.Ptr(skew)
	d.next += driver.Ptr(n+skew+0xffff) &^ 0xffff
	d.base = append(d.base, p)
	d.mem = append(d.mem, b)
	return p, b
}

func (d *device) Bytes(p driver.Ptr, n int64) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, base := range d.base {
		if p >= base && p-base <= driver.Ptr(len(d.mem[i])) && n >= 0 && uint64(n) <= uint64(len(d.mem[i]))-uint64(p-base) {
			return d.mem[i][p-base:][:n:n], nil
		}
	}
	return nil, &driver.Error{Op: "memory", Code: driver.IllegalAddress, Name: "CUDA_ERROR_ILLEGAL_ADDRESS", Text: fmt.Sprintf("%d bytes at %#x", n, p)}
}

func (d *device) clone() *device {
	c := &device{next: d.next, base: d.base}
	for _, b := range d.mem {
		c.mem = append(c.mem, bytes.Clone(b))
	}
	return c
}

var programs sync.Map

func program(t testing.TB, s *driver.Source) *ptxsim.Program {
	t.Helper()
	if p, ok := programs.Load(s); ok {
		return p.(*ptxsim.Program)
	}
	p, err := ptxsim.Load(s.PTX)
	if err != nil {
		t.Fatalf("%s.ptx: %v", s.Name, err)
	}
	programs.Store(s, p)
	return p
}

// check runs a launch by its twin on d, and by the interpreter, in both orders and
// with two NaN, on copies: all bytes of memory have to be the same.
func check(t testing.TB, d *device, l ptx.Launch) {
	t.Helper()
	k := l.Module.Kernel(l.Kernel)
	if k == nil {
		t.Fatalf("%s has no kernel %s", l.Module.Name, l.Kernel)
	}
	var a driver.Args
	var err error
	if a.Bytes, a.Offsets, err = k.Params.Pack(nil, nil, l.Args); err != nil {
		t.Fatalf("%s: %v", l.Kernel, err)
	}
	p := *program(t, l.Module)
	before := d.clone()
	if err := k.Go(d, l.Grid, l.Block, a); err != nil {
		t.Fatalf("%s in Go: %v", l.Kernel, err)
	}
	for i, nan := range []uint32{0, 0xffc54321} {
		p.NaN, p.Reverse = nan, i == 1
		m := before.clone()
		if err := p.Launch(m, l.Kernel, l.Grid, l.Block, l.Shared, a); err != nil {
			t.Fatalf("%v", err)
		}
		for j := range m.mem {
			if !bytes.Equal(m.mem[j], d.mem[j]) {
				at := 0
				for m.mem[j][at] == d.mem[j][at] {
					at++
				}
				t.Fatalf("%s(%v), reverse %v: allocation %d of %d bytes differs at %d: PTX % x, Go % x", l.Kernel, l.Args, p.Reverse, j, len(m.mem[j]), at,
					m.mem[j][at:min(at+16, len(m.mem[j]))], d.mem[j][at:min(at+16, len(m.mem[j]))])
			}
		}
	}
}

// small gives a launch a grid and a block of other extents, so that threads take
// several turns.
func small(l ptx.Launch, blocks, threads uint32) ptx.Launch {
	l.Grid.X, l.Block.X = blocks, threads
	return l
}

// sizes are the numbers of elements to try for a block of n.
func sizes(n int) []int { return []int{0, 1, 2, n - 1, n, n + 1, 3*n + 5} }

// Every entry of every module is declared as its PTX has it.
func TestSignatures(t *testing.T) {
	kernels := 0
	for _, m := range ptx.Modules {
		p := program(t, m)
		var names []string
		for _, k := range m.Kernels {
			kernels++
			names = append(names, k.Name)
			var want []string
			for _, y := range k.Params {
				switch y {
				case driver.Pointer, driver.U64:
					want = append(want, "u64")
				case driver.I64:
					want = append(want, "s64")
				case driver.I32:
					want = append(want, "s32")
				default:
					want = append(want, y.String())
				}
			}
			if got := p.Params(k.Name); !slices.Equal(got, want) {
				t.Errorf("%s: the PTX has %v, the signature %v", k.Name, got, want)
			}
			if k.Go == nil {
				t.Errorf("%s has no twin", k.Name)
			}
		}
		slices.Sort(names)
		if got := p.Entries(); !slices.Equal(got, names) {
			t.Errorf("%s: the PTX has %v, the module %v", m.Name, got, names)
		}
	}
	t.Logf("%d modules, %d kernels", len(ptx.Modules), kernels)
	if kernels < 24 {
		t.Errorf("%d kernels", kernels)
	}
}

// NVIDIA's assembler takes the text, for devices from Turing to Blackwell: with a
// ptxas in PATH, or the path of one or several in PTXAS.
func TestAssembles(t *testing.T) {
	var tools []string
	if v := os.Getenv("PTXAS"); v != "" {
		tools = filepath.SplitList(v)
	} else if p, err := exec.LookPath("ptxas"); err == nil {
		tools = []string{p}
	} else {
		t.Skip("no ptxas in PATH or PTXAS")
	}
	dir := t.TempDir()
	done := 0
	for _, tool := range tools {
		help, err := exec.Command(tool, "--help").CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v", tool, err)
		}
		for _, arch := range []string{"sm_75", "sm_80", "sm_90", "sm_100"} {
			if !strings.Contains(string(help), "'"+arch+"'") {
				t.Logf("%s does not know %s", tool, arch)
				continue
			}
			for _, m := range ptx.Modules {
				file := filepath.Join(dir, m.Name+".ptx")
				if err := os.WriteFile(file, []byte(m.PTX), 0o600); err != nil {
					t.Fatal(err)
				}
				out, err := exec.Command(tool, "-v", "-arch="+arch, "-o", filepath.Join(dir, "out.cubin"), file).CombinedOutput()
				if err != nil {
					t.Errorf("%s for %s: %v\n%s", m.Name, arch, err, out)
					continue
				}
				if n := strings.Count(string(out), "Compiling entry function"); n != len(m.Kernels) {
					t.Errorf("%s for %s: %d kernels compiled, want %d", m.Name, arch, n, len(m.Kernels))
				}
				for line := range strings.Lines(string(out)) {
					if strings.Contains(line, "spill") && !strings.Contains(line, "0 bytes spill stores, 0 bytes spill loads") {
						t.Errorf("%s for %s: %s", m.Name, arch, line)
					}
				}
				done++
			}
		}
	}
	t.Logf("%d times assembled", done)
}
