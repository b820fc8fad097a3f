package viewer

import (
	"container/list"
	"context"
	"sync"
)

// A cache keeps what was used last, up to a number of bytes. What it holds is never
// changed.
type cache struct {
	mu    sync.Mutex
	limit int64
	used  int64
	order list.List // of *kept, used last in front
	byKey map[any]*list.Element
	made  map[any]chan struct{} // by share, closed when that ends
}

type kept struct {
	key   any
	value any
	size  int64
}

// keptOverhead is what an entry costs beside its value.
const keptOverhead = 256

func newCache(room int64) *cache {
	return &cache{limit: room, byKey: map[any]*list.Element{}, made: map[any]chan struct{}{}}
}

// get returns the value of a key, which is comparable.
func (c *cache) get(key any) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*kept).value, true
}

// put keeps a value of size bytes. One that is larger than a half of the cache is not
// worth all that it would drive out.
func (c *cache) put(key, value any, size int64) {
	size += keptOverhead
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.byKey[key]; there || size > c.limit/2 {
		return
	}
	c.used += size
	c.byKey[key] = c.order.PushFront(&kept{key, value, size})
	for c.used > c.limit {
		e := c.order.Back()
		k := c.order.Remove(e).(*kept)
		delete(c.byKey, k.key)
		c.used -= k.size
	}
}

// fetch gets what is kept, or makes it and keeps it.
func fetch[T any](c *cache, key any, size func(T) int64, fill func() (T, error)) (T, error) {
	if v, ok := c.get(key); ok {
		return v.(T), nil
	}
	v, err := fill()
	if err == nil {
		c.put(key, v, size(v))
	}
	return v, err
}

// share is fetch that makes a value once for all that want it at the same time: the
// others wait, and one of them takes over if it cannot be made.
func share[T any](ctx context.Context, c *cache, key any, size func(T) int64, fill func() (T, error)) (T, error) {
	for {
		c.mu.Lock()
		if e, ok := c.byKey[key]; ok {
			c.order.MoveToFront(e)
			c.mu.Unlock()
			return e.Value.(*kept).value.(T), nil
		}
		other := c.made[key]
		if other == nil {
			own := make(chan struct{})
			c.made[key] = own
			c.mu.Unlock()
			defer func() {
				c.mu.Lock()
				delete(c.made, key)
				c.mu.Unlock()
				close(own)
			}()
			v, err := fill()
			if err == nil {
				c.put(key, v, size(v))
			}
			return v, err
		}
		c.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			var none T
			return none, ctx.Err()
		}
	}
}
