package bench

import (
	"fmt"
	"os"
	"regexp"
	"testing"
)

var env *Env

func TestMain(m *testing.M) {
	var err error
	if env, err = NewEnv(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := env.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// group runs the cases of a group as benchmarks of their own.
func group(b *testing.B, name string) {
	for _, c := range env.Cases() {
		if c.Group == name {
			b.Run(c.Name, func(b *testing.B) {
				b.ReportAllocs()
				c.Run(b)
			})
		}
	}
}

func BenchmarkOpen(b *testing.B)      { group(b, "open") }
func BenchmarkSlice(b *testing.B)     { group(b, "slice") }
func BenchmarkScan(b *testing.B)      { group(b, "scan") }
func BenchmarkSmall(b *testing.B)     { group(b, "small") }
func BenchmarkSave(b *testing.B)      { group(b, "save") }
func BenchmarkCommit(b *testing.B)    { group(b, "commit") }
func BenchmarkRepack(b *testing.B)    { group(b, "repack") }
func BenchmarkConvert(b *testing.B)   { group(b, "convert") }
func BenchmarkNpy(b *testing.B)       { group(b, "npy") }
func BenchmarkRead(b *testing.B)      { group(b, "read") }
func BenchmarkVerify(b *testing.B)    { group(b, "verify") }
func BenchmarkSparse(b *testing.B)    { group(b, "sparse") }
func BenchmarkMarket(b *testing.B)    { group(b, "market") }
func BenchmarkTensor(b *testing.B)    { group(b, "tensor") }
func BenchmarkTool(b *testing.B)      { group(b, "tool") }
func BenchmarkKernel(b *testing.B)    { group(b, "kernel") }
func BenchmarkTransform(b *testing.B) { group(b, "transform") }
func BenchmarkPlot(b *testing.B)      { group(b, "plot") }
func BenchmarkLoader(b *testing.B)    { group(b, "loader") }
func BenchmarkCodec(b *testing.B)     { group(b, "codec") }
func BenchmarkComposite(b *testing.B) { group(b, "composite") }
func BenchmarkRagged(b *testing.B)    { group(b, "ragged") }
func BenchmarkQuant(b *testing.B)     { group(b, "quant") }
func BenchmarkTable(b *testing.B)     { group(b, "table") }
func BenchmarkHDF5(b *testing.B)      { group(b, "hdf5") }
func BenchmarkStore(b *testing.B)     { group(b, "store") }
func BenchmarkGPU(b *testing.B)       { group(b, "gpu") }

// Every goal of the full sizes measures a case that there is, against one that there
// is, and every row of the design has a goal.
func TestGoals(t *testing.T) {
	full := *env
	full.Full, full.Big, full.Tensors, full.Small = true, 256<<20, []int{10_000, 100_000, 232_670}, 10_000
	keys := map[string]bool{M: true, Compression: true, "": true}
	cases := full.Cases()
	for _, c := range cases {
		keys[c.Key()] = true
	}
	for _, g := range full.Goals() {
		if !keys[g.Ours] || !keys[g.Base] {
			t.Errorf("%s: no case %s or %s", g.What, g.Ours, g.Base)
		}
	}
	for _, d := range Design {
		re, n := regexp.MustCompile(d.Match), 0
		for _, g := range full.Goals() {
			if re.MatchString(g.Ours) {
				n++
			}
		}
		if n == 0 {
			t.Errorf("no goal measures %q", d.What)
		}
	}
	peers := 0
	for _, row := range Rows(cases, full.Goals()) {
		peers += len(row.Peers)
	}
	t.Logf("%d cases, %d goals, %d rows, %d pairs with peers", len(cases), len(full.Goals()), len(Rows(cases, full.Goals())), peers)
	if len(cases) < 600 || len(full.Goals()) < 200 || peers < 300 {
		t.Error("fewer than there were")
	}
}

// Every case must belong to a benchmark, under a name of its own.
func TestCases(t *testing.T) {
	groups := map[string]bool{"open": true, "slice": true, "scan": true, "small": true, "save": true, "commit": true, "repack": true, "convert": true, "npy": true, "read": true, "verify": true, "sparse": true, "tensor": true, "transform": true, "plot": true, "tool": true, "kernel": true, "codec": true, "composite": true, "loader": true, "market": true, "ragged": true, "quant": true, "table": true, "hdf5": true, "gpu": true, "store": true}
	seen := map[string]bool{}
	for _, c := range env.Cases() {
		if !groups[c.Group] || seen[c.Key()] {
			t.Errorf("case %s", c.Key())
		}
		seen[c.Key()] = true
	}
}
