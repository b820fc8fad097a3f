package bench

import (
	"context"
	"runtime"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
)

// TestOpenViewMemory counts what opening allocates: of 1 GiB as much as of 1 KiB.
func TestOpenViewMemory(t *testing.T) {
	path := map[int]string{}
	testing.Benchmark(func(b *testing.B) { // Env makes files for benchmarks
		for i := range mapped {
			for k, n := range viewSizes {
				path[2*i+k] = env.viewFile(b, i, n)
			}
		}
	})
	opened := func(path string) (bytes uint64) {
		const times = 20
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range times {
			f, err := convert.Open(context.Background(), path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) / times
	}
	for i, f := range mapped {
		opened(path[2*i]) // what is made once
		small, large := opened(path[2*i]), opened(path[2*i+1])
		t.Logf("%s: %d bytes, and %d", f.format, small, large)
		if large > small+4096 {
			t.Errorf("%s: opening 1 GiB allocates %d bytes, 1 KiB %d", f.format, large, small)
		}
	}
}
