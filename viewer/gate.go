package viewer

import (
	"container/list"
	"context"
	"sync"
)

// A gate lets work through while its weights together stay below a limit. What does
// not fit waits, in order; when too many wait, the next are refused.
type gate struct {
	mu    sync.Mutex
	free  int64
	limit int64
	queue list.List // of *waiter
	most  int
}

type waiter struct {
	weight int64
	ready  chan struct{}
}

func newGate(limit int64, most int) *gate { return &gate{free: limit, limit: limit, most: most} }

// enter waits for room of a weight, at most the limit, and returns the function
// that gives it back.
func (g *gate) enter(ctx context.Context, weight int64) (leave func(), err error) {
	weight = min(max(weight, 1), g.limit)
	leave = sync.OnceFunc(func() { g.leave(weight) })
	g.mu.Lock()
	if g.queue.Len() == 0 && g.free >= weight {
		g.free -= weight
		g.mu.Unlock()
		return leave, nil
	}
	if g.queue.Len() >= g.most {
		g.mu.Unlock()
		return nil, busy()
	}
	w := &waiter{weight, make(chan struct{})}
	place := g.queue.PushBack(w)
	g.mu.Unlock()
	select {
	case <-w.ready:
		return leave, nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	select {
	case <-w.ready: // just now
		g.mu.Unlock()
		leave()
	default:
		g.queue.Remove(place)
		g.next() // a large one may have kept smaller ones waiting
		g.mu.Unlock()
	}
	return nil, ctx.Err()
}

func (g *gate) leave(weight int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.free += weight
	g.next()
}

// next lets in those that fit.
func (g *gate) next() {
	for e := g.queue.Front(); e != nil; e = g.queue.Front() {
		w := e.Value.(*waiter)
		if w.weight > g.free {
			return
		}
		g.free -= w.weight
		g.queue.Remove(e)
		close(w.ready)
	}
}
