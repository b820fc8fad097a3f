package operate

import (
	"bytes"
	"context"
	"io"
	"sync"
)

// pool computes the tensors of a file, small ones ahead of their turn.
type pool struct {
	most    int64
	workers int
	plans   []*plan
	spare   int64 // of most, for what is computed ahead

	ctx    context.Context // of what is computed ahead
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu    sync.Mutex
	ahead int64 // bytes that this holds
}

// plan is one tensor to compute.
type plan struct {
	a     *array
	cost  cost
	bytes int64
	early *early // if it was begun ahead
}

// early is a tensor that is computed before it is asked for.
type early struct {
	data []byte
	err  error
	done chan struct{}
}

func newPool(most int64, workers int) *pool {
	p := &pool{most: most, workers: workers}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// close ends what is computed ahead and waits for it.
func (p *pool) close() {
	p.cancel()
	p.wg.Wait()
}

// add adds a tensor and returns the function that opens it as a stream.
func (p *pool) add(a *array, c cost, bytes int64) func(context.Context) (io.ReadCloser, error) {
	i := len(p.plans)
	p.plans = append(p.plans, &plan{a: a, cost: c, bytes: bytes})
	return func(ctx context.Context) (io.ReadCloser, error) { return p.open(ctx, i) }
}

// begin ends planning.
func (p *pool) begin() {
	largest := int64(0)
	for _, x := range p.plans {
		largest = max(largest, x.cost.total())
	}
	p.spare = (p.most - largest) / 2
}

// open begins to compute a tensor, or takes what was computed ahead, and begins
// those that follow.
func (p *pool) open(ctx context.Context, i int) (io.ReadCloser, error) {
	x := p.plans[i]
	p.mu.Lock()
	e := x.early
	x.early = nil
	p.mu.Unlock()
	for k := i + 1; k < min(i+p.workers, len(p.plans)); k++ {
		p.start(p.plans[k])
	}
	if e == nil {
		return p.stream(ctx, x), nil
	}
	select {
	case <-e.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if e.err != nil {
		p.give(x)
		return nil, e.err
	}
	return &closing{bytes.NewReader(e.data), func() { p.give(x) }}, nil
}

// closing calls a function when it is closed.
type closing struct {
	io.Reader
	fn func()
}

func (c *closing) Close() error {
	if c.fn != nil {
		c.fn()
		c.fn, c.Reader = nil, bytes.NewReader(nil)
	}
	return nil
}

// small reports whether a tensor is hardly worth more than one worker.
func (x *plan) small() bool { return x.bytes <= blockBytes }

// holds is what a tensor that is computed ahead holds.
func (x *plan) holds() int64 { return add(x.cost.total(), x.bytes) }

// start begins to compute a small tensor ahead, if the memory is there.
func (p *pool) start(x *plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil || !x.small() || x.early != nil || p.ahead+x.holds() > p.spare {
		return
	}
	p.ahead += x.holds()
	e := &early{done: make(chan struct{})}
	x.early = e
	p.wg.Go(func() {
		defer close(e.done)
		in := p.stream(p.ctx, x)
		e.data = make([]byte, x.bytes)
		_, e.err = io.ReadFull(in, e.data)
		if err := in.Close(); e.err == nil {
			e.err = err
		}
	})
}

// give gives back the memory of a tensor that was computed ahead.
func (p *pool) give(x *plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ahead -= x.holds()
}

// stream begins to compute a tensor now.
func (p *pool) stream(ctx context.Context, x *plan) *run {
	workers := p.workers
	if x.cost.alone || x.small() {
		workers = 1
	}
	room := p.most - max(p.spare, 0) - x.cost.fixed
	held := int(min(max(room/max(x.cost.each, 1), 1), int64(workers)+1))
	if x.small() {
		held = 1
	}
	return newRun(ctx, x.a.n, min(workers, held), held, blockOf(p.most), x.a)
}
