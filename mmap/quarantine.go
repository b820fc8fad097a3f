package mmap

import (
	"runtime"
	"sync"
)

// A quarantine keeps the addresses of closed mappings from being used again
// for a while: reserved and inaccessible, so that a slice that outlived its
// lease faults instead of reading what came to lie there.
type quarantine struct {
	maxCount int
	maxBytes int64

	mu    sync.Mutex
	queue [][]byte // oldest first
	bytes int64
}

// retired is the quarantine of this process. Its bounds are far below what the
// kernel allows in mappings and addresses, so only programs that open and close
// very many files ever reach them.
var retired = quarantine{maxCount: 1024, maxBytes: maxRetired()}

func maxRetired() int64 {
	if runtime.GOARCH == "amd64" {
		return 1 << 40 // of 2^47
	}
	return 1 << 36 // some 64-bit systems have 2^39 or less
}

// add takes a mapping that nobody may use any more. When it returns, the file
// is no longer mapped.
func (q *quarantine) add(b []byte) error {
	limit := q.maxBytes
	if n := addressLimit(); n > 0 {
		limit = min(limit, n/8)
	}
	if !canReserve || int64(len(b)) > limit && !invariants {
		return unmapFile(b)
	}
	if err := reserve(b); err != nil {
		return unmapFile(b)
	}
	q.mu.Lock()
	q.queue = append(q.queue, b)
	q.bytes += int64(len(b))
	n := 0
	for !invariants && (len(q.queue)-n > q.maxCount || q.bytes > limit) {
		q.bytes -= int64(len(q.queue[n]))
		n++
	}
	old := q.take(n)
	q.mu.Unlock()
	return unmapAll(old)
}

// take removes the n oldest entries. The array behind the queue moves on as
// entries are added, so that taking one costs the same however many there are.
func (q *quarantine) take(n int) [][]byte {
	old := q.queue[:n:n]
	q.queue = q.queue[n:]
	return old
}

// drop gives all addresses back, for a mapping that found no room. It reports
// whether there were any.
func (q *quarantine) drop() bool {
	if invariants {
		return false
	}
	q.mu.Lock()
	old := q.take(len(q.queue))
	q.bytes = 0
	q.mu.Unlock()
	unmapAll(old)
	return len(old) > 0
}

func unmapAll(regions [][]byte) error {
	var first error
	for _, b := range regions {
		if err := unmapFile(b); err != nil && first == nil {
			first = err
		}
	}
	return first
}
