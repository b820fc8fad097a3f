package httprange

import (
	"slices"
	"sync"
)

// plans are what readers have said that they will read.
type plans struct {
	mu   sync.Mutex
	list []*plan
}

// A plan is bytes that are read soon, in this order. Requests for them are made ahead
// of the reads, as far as there is room to keep what comes.
type plan struct {
	extents [][2]int64 // what has not been asked for yet
	lo, hi  int64      // of all
	asked   int64      // bytes
	read    int64      // bytes
	whole   bool       // nothing is added any more
}

// Expect makes requests for extents ahead of the reads of them, until done is called:
// see mmap.Map.Expect.
func (s *Source) Expect() (more func(extents [][2]int64), done func()) {
	p := &plan{lo: s.tailAt}
	s.plans.mu.Lock()
	s.plans.list = append(s.plans.list, p)
	s.plans.mu.Unlock()
	more = func(extents [][2]int64) {
		s.plans.mu.Lock()
		defer s.plans.mu.Unlock()
		for _, e := range extents {
			p.add(max(e[0], 0), min(e[1], s.tailAt), int64(s.o.BlockSize)) // the tail is there
		}
		p.whole = len(extents) == 0
		s.advance(p)
	}
	done = func() {
		s.plans.mu.Lock()
		defer s.plans.mu.Unlock()
		if i := slices.Index(s.plans.list, p); i >= 0 {
			s.plans.list = slices.Delete(s.plans.list, i, i+1)
		}
	}
	return more, done
}

// add adds an extent. What lies between two of them costs less than another request if
// it is no more than gap.
func (p *plan) add(begin, end, gap int64) {
	if begin >= end {
		return
	}
	p.lo, p.hi = min(p.lo, begin), max(p.hi, end)
	if n := len(p.extents); n > 0 && begin >= p.extents[n-1][0] && begin <= p.extents[n-1][1]+gap {
		p.extents[n-1][1] = max(p.extents[n-1][1], end)
		return
	}
	p.extents = append(p.extents, [2]int64{begin, end})
}

// ahead notes that n bytes at off were read, and asks for what comes after.
func (s *Source) ahead(off int64, n int) {
	s.plans.mu.Lock()
	defer s.plans.mu.Unlock()
	for _, p := range s.plans.list {
		if off >= p.lo && off < p.hi {
			p.read += int64(n)
			s.advance(p)
			size := int64(s.o.BlockSize)
			s.cache.pass(off/size, min(off+int64(n), s.tailAt)/size-1)
		}
	}
}

// advance asks for what there is room for. s.plans.mu is held.
func (s *Source) advance(p *plan) {
	size := int64(s.o.BlockSize)
	room := min(s.o.CacheBytes/4*3, int64(s.o.Parallel)*maxRun)
	for len(p.extents) > 0 && p.asked-p.read+maxRun <= room {
		e := &p.extents[0]
		end := min(e[0]+maxRun, e[1])
		if end-e[0] < maxRun && len(p.extents) == 1 && !p.whole {
			return // what comes may be its neighbour
		}
		if end < e[1] { // requests end where blocks do, and where there is one already
			end -= end % size
		}
		if begin, stop := s.cache.absent(e[0]/size, (end-1)/size); begin < stop {
			end = min(end, stop*size)
			s.prefetch(max(e[0], begin*size), end)
		}
		p.asked += end - e[0]
		if e[0] = end; e[0] >= e[1] {
			p.extents = p.extents[1:]
		}
	}
}

// prefetch asks for blocks that nobody has asked for, and does not wait for them.
func (s *Source) prefetch(begin, end int64) {
	size := int64(s.o.BlockSize)
	_, fresh := s.cache.want(begin/size, (end-1)/size, int(max(maxRun/size, 1)))
	if len(fresh) == 0 {
		return
	}
	if !s.enter(len(fresh)) {
		for _, run := range fresh {
			for _, b := range run {
				s.cache.fail(b, s.stopped())
			}
		}
		return
	}
	for _, run := range fresh {
		go s.load(run)
	}
}
