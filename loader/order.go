package loader

import "math/bits"

// rounds of the Feistel network. Even, so that its halves are back in place.
const rounds = 8

// golden is the step of splitmix64.
const golden = 0x9E3779B97F4A7C15

// mix is the finalizer of splitmix64.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// permutationKey is the key of one permutation of an epoch: number 0 is that of
// the blocks, w+1 that of the samples in window w.
func permutationKey(seed uint64, epoch, number int64) uint64 {
	k := mix(seed + golden)
	k = mix(k + golden + uint64(epoch))
	return mix(k + golden + uint64(number))
}

// A permutation shuffles 0 ... n-1 in constant memory: a Feistel network over
// the next power of two, at least 64, walked along until it is back inside.
// docs/loader.md specifies it.
type permutation struct {
	n    uint64
	low  uint // bits of the right half, which is the wider one
	high uint
	keys [rounds]uint64
}

func newPermutation(n int64, key uint64) permutation {
	k := uint(max(bits.Len64(uint64(max(n, 1)-1)), 6))
	p := permutation{n: uint64(n), high: k / 2, low: k - k/2}
	for i := range p.keys {
		p.keys[i] = mix(key + uint64(i+1)*golden)
	}
	return p
}

// at is where i goes.
func (p *permutation) at(i int64) int64 {
	x := uint64(i)
	for {
		l, r := x>>p.low, x&(1<<p.low-1)
		wl, wr := p.high, p.low
		for _, key := range p.keys {
			l, r = r, l^mix(r+key)&(1<<wl-1)
			wl, wr = wr, wl
		}
		if x = l<<wr | r; x < p.n {
			return int64(x)
		}
	}
}

// find is what goes to x: the inverse of at.
func (p *permutation) find(x int64) int64 {
	i := uint64(x)
	for {
		l, r := i>>p.low, i&(1<<p.low-1)
		wl, wr := p.high, p.low
		for k := rounds - 1; k >= 0; k-- {
			l, r = r^mix(l+p.keys[k])&(1<<wr-1), l
			wl, wr = wr, wl
		}
		if i = l<<wr | r; i < p.n {
			return int64(i)
		}
	}
}

// An order says which sample comes when. The samples are cut into blocks, the
// last of which may be short; blocks go in groups, the windows. Shuffled, the
// blocks change places among each other and then samples inside each window.
type order struct {
	n       int64 // samples
	block   int64 // samples of a block
	group   int64 // blocks of a window
	seed    uint64
	shuffle bool
	inOrder bool // the blocks stay where they are, though samples are shuffled
}

func (o *order) blocks() int64 { return (o.n + o.block - 1) / o.block }

// An epoch is the order of one pass over the data. Positions are places in the
// sequence of all samples by permuted blocks, before windows are shuffled.
type epoch struct {
	*order
	number int64
	perm   permutation
	short  int64 // place of the short block
	lacks  int64 // samples that it is short of
}

func (o *order) epoch(number int64) epoch {
	e := epoch{order: o, number: number, short: max(o.blocks()-1, 0)}
	e.lacks = o.blocks()*o.block - o.n
	if o.shuffle && !o.inOrder {
		e.perm = newPermutation(o.blocks(), permutationKey(o.seed, number, 0))
		if e.lacks > 0 {
			e.short = e.perm.find(e.short)
		}
	}
	return e
}

// blockAt is the block at a place.
func (e *epoch) blockAt(place int64) int64 {
	if e.perm.n == 0 {
		return place
	}
	return e.perm.at(place)
}

// start is the first position of a place.
func (e *epoch) start(place int64) int64 {
	p := place * e.block
	if place > e.short {
		p -= e.lacks
	}
	return p
}

// placeOf is the place of the block that holds a position.
func (e *epoch) placeOf(p int64) int64 {
	place := p / e.block
	if place > e.short || place == e.short && p-place*e.block >= e.block-e.lacks {
		place = (p + e.lacks) / e.block
	}
	return place
}

// A span is a window, or what a rank has of it: the positions [begin, end),
// which count on behind the last one where samples are repeated.
type span struct {
	begin, end int64
	base       int64 // what to take off to come to a position
	place      int64 // of the first block that it touches
	count      int64 // of blocks
	inner      permutation
}

// window is the span that holds position u of a rank that has [lo, hi).
func (e *epoch) window(u, lo, hi int64) span {
	s := span{base: u / e.n * e.n}
	number := e.placeOf(u-s.base) / e.group
	first, last := number*e.group, min((number+1)*e.group, e.blocks())
	s.begin, s.end = max(s.base+e.start(first), lo), min(s.base+e.start(last), hi)
	s.place = e.placeOf(s.begin - s.base)
	s.count = e.placeOf(s.end-1-s.base) - s.place + 1
	if e.shuffle && e.block > 1 {
		s.inner = newPermutation(s.end-s.begin, permutationKey(e.seed, e.number, number+1))
	}
	return s
}

// sample is the sample at position u of the span, and the place of its block.
func (e *epoch) sample(s *span, u int64) (sample, place int64) {
	if s.inner.n != 0 {
		u = s.begin + s.inner.at(u-s.begin)
	}
	p := u - s.base
	place = e.placeOf(p)
	return e.blockAt(place)*e.block + p - e.start(place), place
}

// share is what rank r of world has of n samples: positions [lo, hi).
func share(n, rank, world int64, d Division) (lo, hi int64) {
	switch d {
	case DivideDrop:
		each := n / world
		return rank * each, (rank + 1) * each
	case DivideRepeat:
		each := n/world + min(n%world, 1)
		return rank * each, (rank + 1) * each
	}
	// The first n mod world ranks have one more.
	each, more := n/world, n%world
	lo = rank*each + min(rank, more)
	hi = lo + each
	if rank < more {
		hi++
	}
	return lo, hi
}
