package viewer

import "sync/atomic"

// A counter says how far a job is, from any goroutine to any other.
type counter struct{ n atomic.Int64 }

func (c *counter) set(n int64)       { c.n.Store(n) }
func (c *counter) add(n int64) int64 { return c.n.Add(n) }
func (c *counter) get() int64        { return c.n.Load() }
