//go:build invariants && unix

package loader

import (
	"sync"

	"golang.org/x/sys/unix"
)

const (
	checked = true
	faults  = true
)

// newMemory is a mapping of its own, so that it can be taken away.
func newMemory(n int64) []byte {
	if n == 0 {
		return []byte{}
	}
	b, err := unix.Mmap(-1, 0, int(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		panic("loader: no memory for a batch: " + err.Error())
	}
	return b
}

// mostRetired is how many pieces of memory stay where a touch faults.
const mostRetired = 1024

var retired struct {
	sync.Mutex
	list [][]byte
}

// reuse takes the pages away but keeps the addresses for a while: a late touch
// faults instead of showing another batch.
func reuse(mem []byte) []byte {
	if len(mem) == 0 {
		return nil
	}
	unix.Madvise(mem, unix.MADV_DONTNEED)
	if err := unix.Mprotect(mem, unix.PROT_NONE); err != nil {
		panic("loader: a batch cannot be taken away: " + err.Error())
	}
	retired.Lock()
	defer retired.Unlock()
	retired.list = append(retired.list, mem)
	if len(retired.list) > mostRetired {
		unix.Munmap(retired.list[0])
		retired.list = retired.list[1:]
	}
	return nil
}
