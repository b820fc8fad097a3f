package operate

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"

	"github.com/tensorfile/tensorfile/tensor"
)

// blockBytes is about how much of a result is computed at a time, if there is
// memory for some of that. Tests make it smaller.
var blockBytes int64 = 2 << 20

// blockOf is that for so much memory.
func blockOf(most int64) int64 { return max(min(blockBytes, most/16), min(blockBytes, 4<<10)) }

// cut is the box of a result that is computed at a time: runs of it follow each
// other in C order. most bounds its bytes where the grain of the axes leaves a
// choice.
func cut(n node, most int64) tensor.Shape {
	d, s := n.form()
	box := s.Clone()
	grain := n.grain()
	for axis := range s {
		if s[axis] == 1 {
			continue
		}
		if grain[axis] == 0 {
			return box
		}
		box[axis] = 1
		row := max(size(d, box), 1)
		end := !slices.ContainsFunc(s[axis+1:], func(e int64) bool { return e > 1 })
		if row > most && !end {
			continue
		}
		rows := min(max(most/row, 1), s[axis])
		if g := grain[axis]; rows > g {
			rows -= rows % g
		} else if g*row <= 16*most {
			rows = min(g, s[axis])
		}
		box[axis] = rows
		return box
	}
	return box
}

// A job is a box of a node. Boxes of a stream follow each other in C order.
type job struct {
	n node
	r []span
}

// pieces yields nodes whose bytes in C order, one behind the other, are those of
// n: parts that follow each other, and what was merged before it was.
func pieces(n node) iter.Seq[node] {
	return func(yield func(node) bool) { eachPiece(n, yield) }
}

func eachPiece(n node, yield func(node) bool) bool {
	switch x := n.(type) {
	case *merged:
		return eachPiece(x.child, yield)
	case *joined:
		if x.sequential() {
			for _, p := range x.parts {
				if !eachPiece(p, yield) {
					return false
				}
			}
			return true
		}
	}
	if _, s := n.form(); slices.Contains(s, 0) {
		return true
	}
	return yield(n)
}

// jobs cuts a node into boxes of about so many bytes.
func jobs(n node, block int64) iter.Seq[job] {
	return func(yield func(job) bool) {
		for p := range pieces(n) {
			for r := range boxes(p, block) {
				if !yield(job{p, r}) {
					return
				}
			}
		}
	}
}

// boxes cuts a piece into boxes.
func boxes(n node, block int64) iter.Seq[[]span] {
	return func(yield func([]span) bool) {
		_, s := n.form()
		box := cut(n, block)
		at := make([]int64, len(s))
		for {
			r := make([]span, len(s))
			for i := range r {
				r[i] = span{First: at[i], Count: min(box[i], s[i]-at[i]), Step: 1}
			}
			if !yield(r) {
				return
			}
			axis := len(s) - 1
			for ; axis >= 0; axis-- {
				if at[axis] += box[axis]; at[axis] < s[axis] {
					break
				}
				at[axis] = 0
			}
			if axis < 0 {
				return
			}
		}
	}
}

// sequential reports whether the parts follow each other in C order.
func (j *joined) sequential() bool {
	for _, n := range j.shape[:j.axis] {
		if n != 1 {
			return false
		}
	}
	return true
}

// run is one computation of a tensor as a stream of its C-order bytes,
// little-endian.
type run struct {
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	order   chan *task
	free    chan *arena
	cur     *task
	rest    []byte
	err     error
	of      *array
	mu      sync.Mutex
	sources map[*source]*reading
}

// task is a box that is or will be computed.
type task struct {
	job
	arena *arena
	bytes []byte
	err   error
	done  chan struct{}
}

// reading returns what is under way of a source.
func (r *run) reading(s *source) *reading {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.sources[s]
	if g == nil {
		g = new(reading)
		r.sources[s] = g
	}
	return g
}

// newRun begins to compute a tensor: workers take boxes, of which so many are
// held at a time.
func newRun(ctx context.Context, n node, workers, held int, block int64, of *array) *run {
	ctx, cancel := context.WithCancel(ctx)
	r := &run{ctx: ctx, cancel: cancel, of: of, sources: map[*source]*reading{}}
	r.order, r.free = make(chan *task, held), make(chan *arena, held)
	work := make(chan *task)
	for range held {
		r.free <- &arena{run: r}
	}
	r.wg.Go(func() {
		defer close(r.order)
		defer close(work)
		for j := range jobs(n, block) {
			b := &task{job: j, done: make(chan struct{})}
			select {
			case b.arena = <-r.free:
			case <-ctx.Done():
				return
			}
			r.order <- b
			select {
			case work <- b:
			case <-ctx.Done():
				b.err = ctx.Err()
				close(b.done)
				return
			}
		}
	})
	for range workers {
		r.wg.Go(func() {
			for b := range work {
				b.bytes, b.err = b.compute(ctx)
				close(b.done)
			}
		})
	}
	return r
}

// compute takes the box and makes it bytes in C order, little-endian.
func (b *task) compute(ctx context.Context) ([]byte, error) {
	v, err := take(ctx, b.arena, b.n, b.r)
	if err != nil {
		return nil, err
	}
	little := v.Order() == tensor.LittleEndian || v.DType().UnitBytes == 1
	if data, err := v.Bytes(); err == nil && little && b.n.lent() == nil && !v.DType().Packed() {
		return data, nil
	}
	data := b.arena.bytes(v.ByteSize())
	dst, err := tensor.NewView(data, v.DType(), v.Shape(), nil, 0, tensor.LittleEndian)
	if err != nil {
		return nil, err
	}
	return data, guarded(b.n, func() error { return tensor.Copy(dst, v) })
}

// Read implements io.Reader.
func (r *run) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		if r.cur != nil {
			r.cur.arena.top = 0
			r.free <- r.cur.arena
			r.cur = nil
		}
		b, ok := <-r.order
		if !ok {
			if r.err = r.ctx.Err(); r.err == nil {
				r.err = io.EOF
			}
			continue
		}
		<-b.done
		if r.cur = b; b.err != nil {
			r.err = r.of.located(b.err)
			continue
		}
		r.rest = b.bytes
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Close ends the computation and waits for it.
func (r *run) Close() error {
	if r.sources == nil {
		return nil
	}
	r.cancel()
	r.wg.Wait()
	var err error
	for _, g := range r.sources {
		if g.in != nil {
			if e := g.in.Close(); err == nil {
				err = e
			}
		}
	}
	r.cur, r.rest, r.free, r.sources = nil, nil, nil, nil
	r.err = io.ErrClosedPipe
	return err
}

// cost is what computing a node holds.
type cost struct {
	fixed int64 // however many workers there are
	each  int64 // each of them
	alone bool  // there can be one only: a source gives its bytes in order
}

// total is what one worker needs.
func (c cost) total() int64 { return add(c.fixed, c.each) }

func costOf(n node, block int64) (c cost) {
	seen := map[*source]bool{}
	for p := range pieces(n) {
		d, _ := p.form()
		for r := range samples(p, block) {
			c.each = max(c.each, add(need(p, r), size(d, counts(r))))
			visit(p, r, func(s *source, _ []span) {
				if seen[s] {
					return
				}
				seen[s] = true
				c.alone = c.alone || s.streamed()
				if s.keep {
					c.fixed = add(c.fixed, s.t.ByteSize())
				}
			})
		}
	}
	return c
}

// samples yields boxes of a piece until each source was asked for something: the
// others are no larger.
func samples(p node, block int64) iter.Seq[[]span] {
	return func(yield func([]span) bool) {
		_, s := p.form()
		left := map[*source]bool{}
		visit(p, whole(s), func(s *source, _ []span) { left[s] = true })
		for r := range boxes(p, block) {
			before := len(left)
			visit(p, r, func(s *source, _ []span) { delete(left, s) })
			if (len(left) < before || before == 0) && !yield(r) || len(left) == 0 {
				return
			}
		}
	}
}

func add(a, b int64) int64 {
	if a+b < 0 {
		return 1<<63 - 1
	}
	return a + b
}

// settle decides which sources of a node are read as a whole, and fails if
// computing it does not fit into so many bytes.
func settle(n node, most int64, what string) (cost, error) {
	block := blockOf(most)
	c := costOf(n, block)
	held := c.total()
	for p := range pieces(n) {
		for r := range samples(p, block) {
			visit(p, r, func(s *source, r []span) {
				must := s.streamed() && !inOrder(p, s, block)
				if s.keep || !must && (s.streamed() || s.waste(r) <= 1.5) {
					return
				}
				if more := add(held, s.t.ByteSize()); more <= most || must {
					s.keep, held = true, more
				}
			})
		}
	}
	if c = costOf(n, block); c.total() > most {
		return c, &tensor.Error{Kind: tensor.ErrLimit, Offset: -1, Field: "memory for " + what, Got: fmt.Sprintf("%d bytes", c.total()), Want: fmt.Sprintf("at most %d (MaxBytes)", most)}
	}
	return c, nil
}

// inOrder reports whether the boxes of a piece take the bytes of a source in
// their order, and not many more than they need.
func inOrder(p node, s *source, block int64) bool {
	end, ok := int64(0), true
	for r := range boxes(p, block) {
		visit(p, r, func(x *source, r []span) {
			if x != s {
				return
			}
			lo, hi := s.extent(r)
			ok = ok && lo >= end && hi-lo <= 4*max(size(s.t.DType(), counts(r)), block)
			end = hi
		})
		if !ok {
			break
		}
	}
	return ok
}
