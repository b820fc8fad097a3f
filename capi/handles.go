//go:build cgo

package main

import (
	"fmt"
	"math"
	"sync"

	"github.com/tensorfile/tensorfile"
)

// A table gives out numbers for what C is to hold. A number says which slot, and
// how often that slot was used before, so that a number that was released is
// noticed for ever: a slot whose count is at its end is used no more. It is safe
// for concurrent use.
type table struct {
	mu    sync.RWMutex
	slots []slot
	free  []uint32
}

type slot struct {
	use   uint32 // 0: never
	value any    // nil: none now
}

// handles are those of the process.
var handles table

// handleError is about a number that is no handle, or one of something else.
type handleError struct{ text string }

func (e *handleError) Error() string { return e.text }

// add gives v a number, which is not 0.
func (t *table) add(v any) (uint64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var i uint32
	if n := len(t.free); n > 0 {
		i, t.free = t.free[n-1], t.free[:n-1]
	} else if len(t.slots) < math.MaxUint32 {
		i = uint32(len(t.slots))
		t.slots = append(t.slots, slot{})
	} else {
		return 0, &handleError{"tensorfile: no more handles: 4294967295 are held"}
	}
	s := &t.slots[i]
	s.use++
	s.value = v
	return uint64(s.use)<<32 | uint64(i), nil
}

// of returns the slot of a number, or nil. The caller holds the lock.
func (t *table) of(n uint64) *slot {
	if i := n & math.MaxUint32; i < uint64(len(t.slots)) {
		if s := &t.slots[i]; s.use == uint32(n>>32) && s.value != nil {
			return s
		}
	}
	return nil
}

// find returns what has the number n, if that is a T.
func find[T any](t *table, n uint64) (T, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	s := t.of(n)
	if s == nil {
		var none T
		return none, unknown[T](n)
	}
	v, ok := s.value.(T)
	if !ok {
		return v, another[T](n, s.value)
	}
	return v, nil
}

// take is find, after which nothing has the number.
func take[T any](t *table, n uint64) (T, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.of(n)
	if s == nil {
		var none T
		return none, unknown[T](n)
	}
	v, ok := s.value.(T)
	if !ok {
		return v, another[T](n, s.value)
	}
	s.value = nil
	if s.use < math.MaxUint32 {
		t.free = append(t.free, uint32(n))
	}
	return v, nil
}

func unknown[T any](n uint64) error {
	var want T
	return &handleError{fmt.Sprintf("tensorfile: got %#x, which was released or never given out, want a %s", n, noun(want))}
}

func another[T any](n uint64, v any) error {
	var want T
	return &handleError{fmt.Sprintf("tensorfile: got %#x, a %s, want a %s", n, noun(v), noun(want))}
}

// noun says what a handle is of.
func noun(v any) string {
	switch v.(type) {
	case *tensorfile.File:
		return "file"
	case *handle:
		return "tensor"
	case *lease:
		return "lease"
	case *writer:
		return "writer"
	}
	return fmt.Sprintf("%T", v)
}
