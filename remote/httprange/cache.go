package httprange

import (
	"container/list"
	"sync"
)

// A block is a part of the object: its bytes, or on the way.
type block struct {
	index int64
	done  chan struct{} // closed when data or err is set
	data  []byte
	err   error
	place *list.Element // among those that are kept
	used  bool          // of those, one that a plan has come past
	ahead bool          // asked for ahead of its reader
}

// cache holds blocks by index: those on the way, and of the others those that
// were used last.
type cache struct {
	mu     sync.Mutex
	blocks map[int64]*block
	order  list.List // of kept blocks, last used first
	past   list.List // of those that plans have come past, first used first: these go first
	bytes  int64     // of them
	limit  int64
}

func (c *cache) init(limit int64) {
	c.blocks, c.limit = map[int64]*block{}, limit
}

// want returns the blocks [first, last]. Those that nobody has asked for yet
// are in fresh, too, in runs of neighbours of at most n: the caller must see
// that each comes to keep or fail.
func (c *cache) want(first, last int64, n int) (all []*block, fresh [][]*block) {
	all = make([]*block, 0, last-first+1)
	c.mu.Lock()
	defer c.mu.Unlock()
	open := false // the last run can be continued
	for i := first; i <= last; i++ {
		b := c.blocks[i]
		if b == nil {
			b = &block{index: i, done: make(chan struct{})}
			c.blocks[i] = b
			if k := len(fresh) - 1; open && len(fresh[k]) < n {
				fresh[k] = append(fresh[k], b)
			} else {
				fresh = append(fresh, []*block{b})
			}
			open = true
		} else {
			if b.place != nil {
				c.touch(b)
			}
			open = false
		}
		all = append(all, b)
	}
	return all, fresh
}

// absent returns the first run of neighbours among blocks [first, last] that nobody
// has asked for; both are behind last if there is none.
func (c *cache) absent(first, last int64) (begin, end int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for begin = first; begin <= last && c.blocks[begin] != nil; begin++ {
	}
	for end = begin; end <= last && c.blocks[end] == nil; end++ {
	}
	return begin, end
}

// touch notes that a kept block is used.
func (c *cache) touch(b *block) {
	if b.used {
		c.past.Remove(b.place)
		b.place, b.used = c.order.PushFront(b), false
		return
	}
	c.order.MoveToFront(b.place)
}

// pass notes that blocks [first, last] are not wanted again soon.
func (c *cache) pass(first, last int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := first; i <= last; i++ {
		if b := c.blocks[i]; b != nil && b.place != nil && !b.used {
			c.order.Remove(b.place)
			b.place, b.used = c.past.PushBack(b), true
		}
	}
}

// keep gives b its bytes, and keeps it as long as there is room.
func (c *cache) keep(b *block, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b.data = data
	close(b.done)
	if c.blocks[b.index] != b {
		return // dropped
	}
	b.place = c.order.PushFront(b)
	c.bytes += int64(len(data))
	for c.bytes > c.limit && c.order.Len()+c.past.Len() > 0 {
		var last *block
		if e := c.past.Front(); e != nil {
			last = c.past.Remove(e).(*block)
		} else {
			last = c.order.Remove(c.order.Back()).(*block)
		}
		c.bytes -= int64(len(last.data))
		delete(c.blocks, last.index)
	}
}

// fail tells those who wait for b that it does not come. The next one to want
// it asks again.
func (c *cache) fail(b *block, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b.err = err
	close(b.done)
	if c.blocks[b.index] == b {
		delete(c.blocks, b.index)
	}
}

// drop forgets all blocks.
func (c *cache) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order.Init()
	c.past.Init()
	c.bytes, c.limit = 0, 0
	clear(c.blocks)
}

// readBlocks reads p, which lies before the tail, at off.
func (s *Source) readBlocks(p []byte, off int64) (int, error) {
	size := int64(s.o.BlockSize)
	first, last := off/size, (off+int64(len(p))-1)/size
	// One block more: a read of maxRun bytes that begins inside a block is one request.
	all, fresh := s.cache.want(first, last, int(maxRun/size+1))
	if len(fresh) > 0 {
		if !s.enter(len(fresh)) {
			for _, run := range fresh {
				for _, b := range run {
					s.cache.fail(b, s.stopped())
				}
			}
			return 0, s.stopped()
		}
		for _, run := range fresh[1:] {
			go s.load(run)
		}
		s.load(fresh[0])
	}
	n := 0
	for _, b := range all {
		<-b.done // closed in any case: loads end with the Source's context
		if b.err != nil {
			return n, own(b.err)
		}
		n += copy(p[n:], b.data[off+int64(n)-b.index*size:])
	}
	return n, nil
}

// load gets a run of neighbouring blocks: from the disk, and what it has not with a
// request for each run of those.
func (s *Source) load(run []*block) {
	defer s.wg.Done()
	for len(run) > 0 {
		n := 0
		for n < len(run) && !s.fromDisk(run[n]) {
			n++
		}
		if n > 0 {
			s.request(run[:n])
		}
		run = run[min(n+1, len(run)):]
	}
}

// blockBytes is the length of a block before the tail.
func (s *Source) blockBytes(b *block) int64 {
	size := int64(s.o.BlockSize)
	return min(size, s.tailAt-b.index*size)
}

// keep gives a block its bytes.
func (s *Source) keep(b *block, data []byte) {
	s.cache.keep(b, data)
	if b.ahead {
		s.arrived(s.blockBytes(b))
	}
}

// fail tells those who wait for a block that it does not come.
func (s *Source) fail(b *block, err error) {
	s.cache.fail(b, err)
	if b.ahead {
		s.arrived(s.blockBytes(b))
	}
}

// fromDisk gives a block the bytes that are on disk, if they are.
func (s *Source) fromDisk(b *block) bool {
	if s.disk == nil || s.stopped() != nil {
		return false
	}
	data := s.disk.get(s.name, b.index, s.blockBytes(b))
	if data != nil {
		s.keep(b, data)
	}
	return data != nil
}

// request gets a run of neighbouring blocks with one request, and goes on where it
// broke off if that must be made again.
func (s *Source) request(run []*block) {
	size := int64(s.o.BlockSize)
	begin := run[0].index * size
	end := min(run[len(run)-1].index*size+size, s.tailAt)
	var part []byte // of the block at begin
	got := 0
	err := s.retry(func(r *request) (progress bool, err error) {
		body, err := s.get(r, begin+int64(got), end)
		if err != nil {
			return false, err
		}
		defer body.Close()
		for len(run) > 0 {
			if part == nil {
				part = make([]byte, min(size, end-begin))
			}
			n, err := r.read(body, part[got:])
			if got += n; err != nil {
				return progress, err
			}
			if len(run) == 1 {
				if err := r.end(body); err != nil {
					return progress, err
				}
			}
			s.keep(run[0], part)
			if s.disk != nil {
				s.disk.put(s.name, run[0].index, part)
			}
			run, begin, part, got, progress = run[1:], begin+int64(len(part)), nil, 0, true
		}
		return true, nil
	}, begin)
	for _, b := range run {
		s.fail(b, err)
	}
}
