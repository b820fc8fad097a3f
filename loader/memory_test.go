package loader_test

import (
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"testing"

	"github.com/tensorfile/tensorfile/loader"
	"github.com/tensorfile/tensorfile/tensor"
)

// heap is the bytes of live objects, anonymous the process's pages without a
// file, -1 where the system does not tell.
func heap() int64 {
	runtime.GC()
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}

func anonymous() int64 {
	b, err := os.ReadFile("/proc/self/smaps_rollup")
	if m := regexp.MustCompile(`(?m)^Anonymous: +(\d+) kB`).FindSubmatch(b); err == nil && m != nil {
		n, _ := strconv.ParseInt(string(m[1]), 10, 64)
		return n << 10
	}
	return -1
}

// What a loader allocates stays within its budget, and within what its plan
// says, however large the data.
func TestMemory(t *testing.T) {
	const n = 6000 // 24 MB
	v := ramp(t, tensor.I32, n, 1000)
	stored := map[string]way{"raw": ways[0], "chunked": {name: "chunked", chunk: 20, codec: "shuffle|lz4"}, "unmapped": ways[2]}
	for name, w := range stored {
		x := store(t, v, 0, w)
		for _, shuffle := range []bool{false, true} {
			const budget = 4 << 20
			o := loader.Options{Batch: 50, Shuffle: shuffle, Memory: budget, Epochs: 2}
			// What the engine and the machine keep for all.
			take(t, must(loader.New(&loader.Options{Batch: 1000, Memory: 64 << 20}, loader.Source{Tensor: x}))(t), 1)
			debug.FreeOSMemory()
			before, pages := heap(), anonymous()
			l := must(loader.New(&o, loader.Source{Tensor: x, DType: tensor.F32, Scale: []float64{.5}}))(t)
			var most, mostPages int64
			for b, err := range l.Batches(ctx) {
				ok(t, err)
				if b.Index%20 == 7 {
					most, mostPages = max(most, heap()-before), max(mostPages, anonymous()-pages)
				}
			}
			p := l.Plan()
			t.Logf("%s, shuffle %v: %d KiB live, %d KiB anonymous more, plan %d KiB, budget %d KiB; blocks of %d, window %d, %d buffers, %d blocks",
				name, shuffle, most>>10, mostPages>>10, p.Memory>>10, budget>>10, p.Block, p.Window, p.Buffers, p.Blocks)
			if p.Memory > budget {
				t.Errorf("%s: a plan of %d bytes", name, p.Memory)
			}
			if most > budget+256<<10 && !raceEnabled { // the race detector makes pools forget
				t.Errorf("%s: %d bytes live", name, most)
			}
			if pages >= 0 && !raceEnabled && mostPages > 2*budget+8<<20 {
				t.Errorf("%s: %d bytes of anonymous pages more", name, mostPages)
			}
		}
	}
}

// A batch costs some allocations, whatever its size: a sample none.
func TestAllocations(t *testing.T) {
	v := made(t, 1, tensor.U8, 40000, 30)
	labels := made(t, 2, tensor.I64, 40000)
	x, y := store(t, v, 0, ways[0]), store(t, labels, 0, ways[0])
	z := store(t, ramp(t, tensor.I32, 40000, 30), 0, way{chunk: 500, codec: "shuffle|lz4"})
	for _, src := range [][]loader.Source{{{Tensor: x}, {Tensor: y}}, {{Tensor: x, DType: tensor.F32, Scale: []float64{2}, Rearrange: "b f -> f b"}}, {{Tensor: z, DType: tensor.F32}, {Tensor: y}}} {
		perBatch := func(batch int64) float64 {
			l := must(loader.New(&loader.Options{Batch: batch, Shuffle: true, Epochs: -1, Workers: 2, Memory: 3 << 20}, src...))(t)
			n, first := 0, uint64(0)
			var m runtime.MemStats
			for _, err := range l.Batches(ctx) {
				ok(t, err)
				if n++; n == 10 {
					runtime.ReadMemStats(&m)
					first = m.Mallocs
				}
				if n == 50 {
					break
				}
			}
			runtime.ReadMemStats(&m)
			return float64(m.Mallocs-first) / 40
		}
		small, large := perBatch(64), perBatch(4096)
		t.Logf("%d sources: %.0f allocations for a batch of 64, %.0f for one of 4096", len(src), small, large)
		if small > 150 || large > 600 { // blocks of chunks are read on the way
			t.Errorf("%.0f allocations for a batch of 64, %.0f for one of 4096", small, large)
		}
	}
}
