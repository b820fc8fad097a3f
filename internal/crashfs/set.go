package crashfs

import "sync/atomic"

// A Set of hashes, for several goroutines. It does not grow.
type Set struct {
	slots []atomic.Uint64
	n     atomic.Int64
}

// NewSet makes a set for n hashes. It takes up to 32 bytes for each.
func NewSet(n int) *Set {
	size := 1024
	for size < 2*n {
		size *= 2
	}
	return &Set{slots: make([]atomic.Uint64, size)}
}

// Add puts h into the set and reports whether it was not there. A set that is
// three quarters full takes nothing more.
func (s *Set) Add(h uint64) bool {
	if h == 0 {
		h = 1 // 0 is an empty slot
	}
	mask := uint64(len(s.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		switch have := s.slots[i].Load(); {
		case have == h:
			return false
		case have != 0:
			continue
		case s.n.Load() > int64(len(s.slots)/4*3):
			return false
		}
		if s.slots[i].CompareAndSwap(0, h) {
			s.n.Add(1)
			return true
		}
		if s.slots[i].Load() == h {
			return false
		}
	}
}

// Len is how many hashes there are.
func (s *Set) Len() int { return int(s.n.Load()) }
