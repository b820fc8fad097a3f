// Package nameset finds strings by what they are in a list that somebody else
// has: a table of places, a fifth of the size of a map, which is what opening a
// file of a million names is made of.
package nameset

import "hash/maphash"

// Set is a set of places in a list of strings.
type Set struct {
	name  func(i int) string
	seed  maphash.Seed
	slots []uint64 // half of the hash, and the place + 1; a power of two of them
}

// New returns an empty set for n strings; name(i) is string i.
func New(n int, name func(i int) string) *Set {
	size := 8
	for size < 2*n {
		size *= 2
	}
	return &Set{name, maphash.MakeSeed(), make([]uint64, size)}
}

// Add adds string i. If an equal one was added before, it is left out, and first
// is the place of that one.
func (s *Set) Add(i int) (first int, ok bool) {
	name := s.name(i)
	at, hash := s.find(name)
	if e := s.slots[at]; e != 0 {
		return int(uint32(e)) - 1, false
	}
	s.slots[at] = hash<<32 | uint64(i+1)
	return i, true
}

// Find returns the place of a string.
func (s *Set) Find(name string) (i int, ok bool) {
	at, _ := s.find(name)
	return int(uint32(s.slots[at])) - 1, s.slots[at] != 0
}

// find returns the slot of name, or the empty one where it would be, and the half
// of its hash that slots keep.
func (s *Set) find(name string) (at int, hash uint64) {
	h := maphash.String(s.seed, name)
	hash = h >> 32
	for at = int(h) & (len(s.slots) - 1); ; at = (at + 1) & (len(s.slots) - 1) {
		e := s.slots[at]
		if e == 0 || e>>32 == hash && s.name(int(uint32(e))-1) == name {
			return at, hash
		}
	}
}
