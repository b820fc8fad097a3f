// Command tensorfile looks into, converts and checks files of tensors: its own
// format and those of others.
package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
)

func main() {
	lateGC()
	os.Exit(run(os.Args[1:]))
}

// firstGC is how large the heap may grow before anything is collected.
const firstGC = 64 << 20

// lateGC keeps the collector away until the heap is worth it: most commands are
// through before. Then it runs as usual.
func lateGC() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetMemoryLimit(firstGC)
	debug.SetGCPercent(-1)
	runtime.SetFinalizer(new([32]byte), func(*[32]byte) {
		debug.SetGCPercent(100)
		debug.SetMemoryLimit(math.MaxInt64)
	})
}
