//go:build !invariants

package loader

// checked says that late uses of batches are looked for.
const checked = false

// faults says that late touches of their memory fault.
const faults = false

func newMemory(n int64) []byte { return make([]byte, n) }

// reuse ends the life of memory and returns what is to be used next, nil for
// new memory.
func reuse(mem []byte) []byte { return mem }
