package sparse

import (
	"math/bits"
)

// digit is how many bits of the keys a pass of the sort looks at: the counters
// of a worker stay in the first-level cache.
const digit = 11

// ascending reports whether keys do, and whether none occurs twice in a row.
func ascending(keys []int64, workers int) (sorted, unique bool) {
	k := parts(len(keys), workers)
	falls, repeats := make([]bool, k), make([]bool, k)
	split(len(keys), workers, func(p, lo, hi int) {
		lo = max(lo, 1)
		for i := lo; i < hi; i++ {
			if keys[i] <= keys[i-1] {
				repeats[p] = true
				if keys[i] < keys[i-1] {
					falls[p] = true
					return
				}
			}
		}
	})
	sorted, unique = true, true
	for p := range k {
		sorted = sorted && !falls[p]
		unique = unique && !repeats[p]
	}
	return sorted, sorted && unique
}

// sortKeys sorts keys, which are not negative and below bound, and returns
// them with their former positions. Equal keys keep their order. The memory of
// keys is used. It is a radix sort from the lowest digit on: each pass counts,
// then moves, both in parallel and with the same result for any number of
// workers.
func sortKeys[I index](keys []int64, bound int64, workers int) ([]int64, []I) {
	n := len(keys)
	pos := fresh[I](n)
	split(n, workers, func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			pos[i] = I(i)
		}
	})
	width := bits.Len64(uint64(max(bound-1, 0)))
	passes := (width + digit - 1) / digit
	if n < 2 || passes == 0 {
		return keys, pos
	}
	otherKeys, otherPos := fresh[int64](n), fresh[I](n)
	k := parts(n, workers)
	each := (width + passes - 1) / passes // bits, evenly
	counts := make([][1 << digit]int, k)
	for pass := range passes {
		shift := uint(pass * each)
		mask := int64(1)<<each - 1
		split(n, workers, func(p, lo, hi int) {
			c := &counts[p]
			clear(c[:])
			for _, key := range keys[lo:hi] {
				c[key>>shift&mask&(1<<digit-1)]++
			}
		})
		at, same := 0, false
		for d := range 1 << each {
			total := 0
			for p := range k {
				c := counts[p][d]
				counts[p][d] = at
				at += c
				total += c
			}
			same = same || total == n
		}
		if same { // the digit is the same everywhere
			continue
		}
		split(n, workers, func(p, lo, hi int) {
			c := &counts[p]
			for i := lo; i < hi; i++ {
				key := keys[i]
				d := key >> shift & mask & (1<<digit - 1)
				at := c[d]
				c[d]++
				otherKeys[at], otherPos[at] = key, pos[i]
			}
		})
		keys, otherKeys = otherKeys, keys
		pos, otherPos = otherPos, pos
	}
	return keys, pos
}
