//go:build invariants && !unix

package loader

const (
	checked = true
	faults  = false
)

func newMemory(n int64) []byte { return make([]byte, n) }

// reuse fills what nobody may look at any more.
func reuse(mem []byte) []byte {
	for i := range mem {
		mem[i] = 0xA5
	}
	return nil
}
