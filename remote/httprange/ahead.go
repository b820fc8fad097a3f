package httprange

import (
	"slices"
	"sort"
	"sync"
)

// plans are what readers have said that they will read.
type plans struct {
	mu     sync.Mutex
	moved  sync.Cond // of mu: something was asked for, or has come
	list   []*plan
	coming int64 // bytes that were asked for ahead and have not come

	streams [8]stream // of readers without a plan
	clock   int64     // counts their reads
}

// A plan is bytes that are read soon, in this order. Requests for them are made ahead
// of the reads, as far as there is room to keep what comes.
type plan struct {
	extents [][2]int64 // what has not been asked for yet
	mixed   bool       // they do not ascend
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
		p.extents = nil // nobody waits for it
		s.plans.moved.Broadcast()
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
	if n := len(p.extents); n > 0 && begin < p.extents[n-1][1] {
		p.mixed = true
	}
	if p.mixed && len(p.extents) >= mostMixed {
		return // who reads it asks for it
	}
	p.extents = append(p.extents, [2]int64{begin, end})
}

// mostMixed bounds the extents of a plan in which they cannot be found by halving.
const mostMixed = 4096

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

// claim waits until what of plans a read of n bytes at off wants has been asked for.
// When nothing is on its way, and there is no room for it, it asks for it here: as whole
// requests, where the reader would ask for its own part alone.
func (s *Source) claim(off, n int64) {
	if s.room() < maxRun {
		return
	}
	s.plans.mu.Lock()
	defer s.plans.mu.Unlock()
	for _, p := range slices.Clone(s.plans.list) {
		for i := p.find(off, n); i >= 0; i = p.find(off, n) {
			if s.plans.coming > 0 {
				s.plans.moved.Wait()
				continue
			}
			for ; i >= 0; i = p.find(off, n) {
				size := int64(s.o.BlockSize)
				s.order(p, i, max(p.extents[i][0], off-off%size))
			}
		}
	}
}

// find is the first extent that [off, off+n) meets, -1 if there is none.
func (p *plan) find(off, n int64) int {
	if p.mixed {
		return slices.IndexFunc(p.extents, func(e [2]int64) bool { return off < e[1] && off+n > e[0] })
	}
	i := sort.Search(len(p.extents), func(i int) bool { return off < p.extents[i][1] })
	if i < len(p.extents) && off+n > p.extents[i][0] {
		return i
	}
	return -1
}

// arrived notes that n bytes that were asked for ahead have come, or will not.
func (s *Source) arrived(n int64) {
	s.plans.mu.Lock()
	defer s.plans.mu.Unlock()
	s.plans.coming -= n
	s.plans.moved.Broadcast()
	if s.stopped() != nil {
		return
	}
	for _, p := range s.plans.list {
		s.advance(p)
	}
}

// A stream is a reader that goes on where it ended: a parser of headers, a decoder of
// what is compressed as a whole.
type stream struct {
	next  int64 // byte behind those that were read
	end   int64 // block behind those that were asked for
	ahead int64 // how many are asked for: twice as many each time
	reads int   // that came to another block
	last  int64 // read, by plans.clock
}

// enoughReads, one after the other, are a stream.
const enoughReads = 4

// follow notes a read of [off, end). One that goes on where others ended asks for some
// blocks that come next, up to twice as many as were read.
func (s *Source) follow(off, end int64) {
	s.plans.mu.Lock()
	defer s.plans.mu.Unlock()
	for _, p := range s.plans.list {
		if off >= p.lo && off < p.hi {
			return // what comes next is known
		}
	}
	s.plans.clock++
	size := int64(s.o.BlockSize)
	x := &s.plans.streams[0] // the one that goes on here, or was read longest ago
	for i := range s.plans.streams {
		if y := &s.plans.streams[i]; y.last > 0 && y.next == off {
			x = y
			break
		} else if y.last < x.last {
			x = y
		}
	}
	if x.last == 0 || x.next != off {
		*x = stream{ahead: 2}
	}
	first := (x.next + size - 1) / size // block that was not read yet
	x.next, x.last = end, s.plans.clock
	next := (end + size - 1) / size
	if next == first {
		return
	}
	if x.reads++; x.reads < enoughReads || x.end-next > x.ahead/2 {
		return
	}
	x.ahead = max(min(2*x.ahead, min(maxRun, s.room()/4)/size), 1)
	from := max(next, x.end)
	if x.end = next + x.ahead; from*size < s.tailAt {
		s.prefetch(from*size, min(x.end*size, s.tailAt))
	}
}

// room bounds the bytes that are asked for ahead of their reader.
func (s *Source) room() int64 { return min(s.o.CacheBytes/4*3, int64(s.o.Parallel)*maxRun) }

// advance asks for what there is room for. s.plans.mu is held.
//
// Requests that begin together and share a link end together, too, and the link would
// be idle until the first bytes of the next ones come. So half of the room is asked for
// at first, and the rest as bytes arrive: from then on requests begin, and end, one
// after the other.
func (s *Source) advance(p *plan) {
	defer s.plans.moved.Broadcast()
	room := s.room()
	for len(p.extents) > 0 && p.asked-p.read+maxRun <= room && s.plans.coming+maxRun <= max(room/2, maxRun) {
		if e := p.extents[0]; e[1]-e[0] < maxRun && len(p.extents) == 1 && !p.whole {
			return // what comes may be its neighbour
		}
		s.order(p, 0, p.extents[0][0])
	}
}

// order makes a request of a plan: for what of extent i begins at from. s.plans.mu is
// held.
func (s *Source) order(p *plan, i int, from int64) {
	size := int64(s.o.BlockSize)
	e := p.extents[i]
	end := min(from+maxRun, e[1])
	if end < e[1] { // requests end where blocks do, and where there is one already
		end = max(end-end%size, min(from-from%size+size, e[1]))
	}
	if begin, stop := s.cache.absent(from/size, (end-1)/size); begin < stop {
		end = min(end, stop*size)
		s.prefetch(max(from, begin*size), end)
	}
	p.asked += end - from
	switch {
	case e[0] == from && end == e[1] && i == 0:
		p.extents = p.extents[1:]
	case e[0] == from && end == e[1]:
		p.extents = slices.Delete(p.extents, i, i+1)
	case e[0] == from:
		p.extents[i][0] = end
	default:
		p.extents[i][1] = from
		if end < e[1] {
			p.extents = slices.Insert(p.extents, i+1, [2]int64{end, e[1]})
		}
	}
}

// prefetch asks for blocks that nobody has asked for, and does not wait for them.
// s.plans.mu is held.
func (s *Source) prefetch(begin, end int64) {
	size := int64(s.o.BlockSize)
	_, fresh := s.cache.want(begin/size, (end-1)/size, int(maxRun/size+1)) // one more where the first and the last are not whole
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
		for _, b := range run {
			b.ahead = true
			s.plans.coming += s.blockBytes(b)
		}
		go s.load(run)
	}
}
