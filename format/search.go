package format

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

// nameSearch is what a run remembers of its names so that searches get cheaper
// the more there are. A first search halves the sorted names and touches the
// pages on its way. After a few, the names that every search begins with are
// kept; after many, an index of all is worth its making.
type nameSearch struct {
	searches atomic.Uint32 // up to the making of the index
	// top holds the first levels of the tree that halving walks.
	top   atomic.Pointer[[topNames]atomic.Pointer[string]]
	index atomic.Pointer[nameIndex]
}

const (
	topNames   = 1 << 12 // 2 to the number of levels in top
	fewNames   = 64      // not worth remembering anything
	mostNames  = 1 << 24 // an index of more would take too much memory at once
	oftenShare = 32      // an index costs about as much as this share of all names searched without one
)

// find searches the run for key.
func (r *run) find(key string) (int64, bool, error) {
	s, n := &r.names, r.head.Tensors
	if x := s.index.Load(); x != nil {
		return x.find(r, key)
	}
	if n <= fewNames {
		return r.halve(key, nil)
	}
	count := s.searches.Add(1)
	if count == uint32(n/oftenShare)+fewNames && n <= mostNames && r.body != nil {
		if x, err := r.newIndex(); err == nil {
			s.index.Store(x)
			return x.find(r, key)
		} // else the names are damaged somewhere, perhaps not here
	}
	top := s.top.Load()
	if top == nil && count > 2 {
		top = new([topNames]atomic.Pointer[string])
		s.top.Store(top)
	}
	return r.halve(key, top)
}

// halve is a binary search. top may be nil.
func (r *run) halve(key string, top *[topNames]atomic.Pointer[string]) (int64, bool, error) {
	lo, hi := int64(0), r.head.Tensors
	for node := 1; lo < hi; {
		mid := int64(uint64(lo+hi) >> 1)
		var c int
		if top != nil && node < topNames {
			name := top[node].Load()
			if name == nil {
				b, err := r.name(mid)
				if err != nil {
					return 0, false, err
				}
				s := string(b)
				name = &s
				top[node].Store(name)
			}
			c = strings.Compare(*name, key)
		} else {
			b, err := r.name(mid)
			if err != nil {
				return 0, false, err
			}
			c = compare(b, key)
		}
		node *= 2
		switch {
		case c == 0:
			return mid, true, nil
		case c < 0:
			lo = mid + 1
			node++
		default:
			hi = mid
		}
		node = min(node, topNames) // deeper levels are not numbered
	}
	return 0, false, nil
}

func compare(b []byte, s string) int {
	switch {
	case string(b) < s:
		return -1
	case string(b) > s:
		return 1
	}
	return 0
}

// nameIndex finds names by their hash: a table, at most half full, of record
// numbers, each with the upper half of the hash. What it finds is compared with
// the name in the file.
type nameIndex struct {
	seed  maphash.Seed
	slots []uint64 // hash>>32<<32 | number+1; 0: free
}

func (r *run) newIndex() (*nameIndex, error) {
	size := 2 * fewNames
	for int64(size) < 2*r.head.Tensors {
		size *= 2
	}
	x := &nameIndex{seed: maphash.MakeSeed(), slots: make([]uint64, size)}
	mask := uint64(size - 1)
	for i := range r.head.Tensors {
		b, err := r.name(i)
		if err != nil {
			return nil, err
		}
		h := maphash.Bytes(x.seed, b)
		at := h & mask
		for x.slots[at] != 0 {
			at = (at + 1) & mask
		}
		x.slots[at] = h>>32<<32 | uint64(i+1)
	}
	return x, nil
}

func (x *nameIndex) find(r *run, key string) (int64, bool, error) {
	h := maphash.String(x.seed, key)
	mask := uint64(len(x.slots) - 1)
	for at := h & mask; ; at = (at + 1) & mask {
		slot := x.slots[at]
		if slot == 0 {
			return 0, false, nil
		}
		if slot>>32 != h>>32 {
			continue
		}
		i := int64(uint32(slot)) - 1
		b, err := r.name(i)
		if err != nil {
			return 0, false, err
		}
		if string(b) == key {
			return i, true, nil
		}
	}
}
