package gpu

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Stats say what an upload did, which way it took and where time went.
type Stats struct {
	Bytes  int64 // of the elements that arrived
	Wire   int64 // that were copied: Bytes, and what lies between tensors
	Copies int64 // calls that copied them
	// Verified is how many of Wire the device has made the CRC-32C of.
	Verified int64

	// Where Bytes came from: files past the page cache, files through it, what the
	// engine decoded or rearranged, and memory.
	Direct, Cached, Decoded, Memory int64

	// Slots of SlotBytes of host memory were in use, of Pinned bytes in all.
	Slots     int
	SlotBytes int64
	Pinned    int64

	// Read and Decode are the time that workers spent on it, all of them added up:
	// what the engine reads and decodes in one call counts as Decode. CopyWait is the time that
	// they waited for a free slot: the link was slower than they. Copy is the time
	// that copies were in flight, Idle the time that none was: workers were slower,
	// or, for UserWait of it, the body of a loop over blocks.
	Read, Decode, CopyWait, Copy, Idle, UserWait time.Duration
	Total                                        time.Duration

	// Path is the way in words: "page cache, 6 slots of 8 MiB (registered), cuda".
	Path string
	// Notes say what was not to be had, and why.
	Notes []string
}

// counts are Stats that are being made.
type counts struct {
	bytes, wire, copies, verified                   atomic.Int64
	direct, cached, decoded, memory                 atomic.Int64
	read, decode, copyWait, copying, idle, userWait atomic.Int64

	mu    sync.Mutex
	notes []string
}

// note adds what has not been said.
func (c *counts) note(s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.notes {
		if n == s {
			return
		}
	}
	c.notes = append(c.notes, s)
}

// since adds the time since begin to n, and returns the time.
func since(begin time.Time, n *atomic.Int64) time.Time {
	now := time.Now()
	n.Add(int64(now.Sub(begin)))
	return now
}

func (c *counts) stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := func(n *atomic.Int64) time.Duration { return time.Duration(n.Load()) }
	return Stats{
		Bytes: c.bytes.Load(), Wire: c.wire.Load(), Copies: c.copies.Load(), Verified: c.verified.Load(),
		Direct: c.direct.Load(), Cached: c.cached.Load(), Decoded: c.decoded.Load(), Memory: c.memory.Load(),
		Read: d(&c.read), Decode: d(&c.decode), CopyWait: d(&c.copyWait), Copy: d(&c.copying), Idle: d(&c.idle), UserWait: d(&c.userWait),
		Notes: append([]string(nil), c.notes...),
	}
}

// path puts the way into words.
func (s *Stats) path(how, backend string) string {
	var from []string
	all := s.Direct + s.Cached + s.Decoded + s.Memory
	for _, w := range []struct {
		name string
		n    int64
	}{{"past the page cache", s.Direct}, {"page cache", s.Cached}, {"decoded", s.Decoded}, {"memory", s.Memory}} {
		switch {
		case w.n == 0:
		case w.n == all:
			from = append(from, w.name)
		default:
			from = append(from, fmt.Sprintf("%s %.0f%%", w.name, 100*float64(w.n)/float64(all)))
		}
	}
	if len(from) == 0 {
		from = []string{"nothing"}
	}
	return strings.Join(from, " + ") + ", " + how + ", " + backend
}

// sizeText is a number of bytes for people.
func sizeText(n int64) string {
	for _, u := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.size && n%u.size == 0 {
			return fmt.Sprintf("%d %s", n/u.size, u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
