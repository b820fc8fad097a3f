package sparse

import (
	"context"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
)

// Entries in any order of which each is said to occur once: a hash table finds
// those that do not. So that its memory is bounded, the entries are looked at
// in as many passes as it takes, those of one share of the hashes in each.

// tableKeys is how many keys a pass holds, about; the table has twice as many
// slots of 16 bytes.
const tableKeys = 1 << 21

// repeated returns the lowest position i in [0, n) whose key was there before,
// and where, or -1. keys fills dst with the keys from i on. A pass holds about
// share keys: the seed of the hashes is random, so that nobody can make shares
// that are uneven.
func repeated(ctx context.Context, n, share, workers int, keys func(dst []int64, i int)) (i, before int, err error) {
	if n < 2 {
		return -1, -1, nil
	}
	type slot struct{ key, next int64 } // next: position + 1, 0 for none
	type found struct{ i, before int }
	passes := (n-1)/share + 1
	results := make([]found, passes)
	seed := rand.Uint64()
	err = first(ctx, passes*grain, min(workers, passes), func(lo, hi int) error {
		mask := 1<<bits.Len(uint(min(share, n)*2-1)) - 1
		table := make([]slot, mask+1)
		buf := make([]int64, min(piece, n))
		for pass := (lo + grain - 1) / grain; pass*grain < hi; pass++ {
			clear(table)
			r := found{-1, -1}
			for at := 0; at < n && r.i < 0; at += len(buf) {
				if err := ctx.Err(); err != nil {
					return err
				}
				x := buf[:min(len(buf), n-at)]
				keys(x, at)
				for j, key := range x {
					h := (uint64(key) ^ seed) * 0x9e3779b97f4a7c15
					h = (h ^ h>>29) * 0xbf58476d1ce4e5b9
					h ^= h >> 32
					if passes > 1 {
						if int(h%uint64(passes)) != pass {
							continue
						}
						h /= uint64(passes)
					}
					s := int(h) & mask
					for table[s].next != 0 && table[s].key != key {
						s = (s + 1) & mask
					}
					if table[s].next != 0 {
						r = found{at + j, int(table[s].next - 1)}
						break
					}
					table[s] = slot{key, int64(at+j) + 1}
				}
			}
			results[pass] = r
		}
		return nil
	})
	if err != nil {
		return -1, -1, err
	}
	i, before = -1, -1
	for _, r := range results {
		if r.i >= 0 && (i < 0 || r.i < i) {
			i, before = r.i, r.before
		}
	}
	return i, before, nil
}

// checkDuplicates finds a coordinate that occurs twice among valid ones.
func (a *Array) checkDuplicates(ctx context.Context, axes []ints, workers int) error {
	i, before, err := repeated(ctx, int(a.nnz), tableKeys, workers, func(dst []int64, at int) {
		buf := make([]int64, len(dst))
		clear(dst)
		for axis, col := range axes {
			for j, x := range col.window(buf, at, at+len(dst)) {
				dst[j] = dst[j]*a.shape[axis] + x
			}
		}
	})
	if err != nil || i < 0 {
		return err
	}
	key, _ := a.keyAt(axes, i)
	return badIndex("indices["+strconv.Itoa(i)+"]", a.coordinates(key).String()+", as entry "+strconv.Itoa(before), "each coordinate once")
}

// checkDuplicates finds an index that occurs twice in one of the lines, which
// are valid otherwise.
func (c *compressed) checkDuplicates(ctx context.Context, from, to, workers int) error {
	return first(ctx, to-from, workers, func(lo, hi int) error {
		if lo == hi {
			return nil
		}
		w := lineWalk{c: c, to: to}
		w.seek(from + lo)
		var buf []int64
		for line := from + lo; ; w.next() {
			begin, end := int(w.begin), int(w.end)
			if err := ctx.Err(); err != nil {
				return err
			}
			twice := end-begin > piece
			if n := end - begin; n > 1 && !twice {
				if cap(buf) < n {
					buf = make([]int64, piece)
				}
				x := buf[:n]
				c.idx.read(x, begin)
				slices.Sort(x)
				for i := range x[1:] {
					twice = twice || x[i] == x[i+1]
				}
			}
			if twice {
				i, before, err := repeated(ctx, end-begin, tableKeys, 1, func(dst []int64, at int) { c.idx.read(dst, begin+at) })
				if err != nil {
					return err
				}
				if i >= 0 {
					return badIndex(place(c.idxRole, begin+i)+" ("+c.line+" "+strconv.Itoa(line)+")", c.idx.text(begin+i)+", as entry "+strconv.Itoa(begin+before), "each index once")
				}
			}
			if line++; line == from+hi {
				return nil
			}
		}
	})
}
