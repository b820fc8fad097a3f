package ptxsim

import "math/bits"

func (c *compiler) branch() func(*thread) {
	c.mod("uni")
	if !c.operands(1) {
		return nil
	}
	if c.ops[0].kind != 'l' {
		c.bad("a target that is no label")
		return nil
	}
	to := new(int)
	c.jumps = append(c.jumps, jump{c.ops[0].name, c.in.line, to})
	return func(t *thread) { t.pc = *to }
}

func (c *compiler) exit() func(*thread) {
	c.operands(0)
	return func(t *thread) { t.state = stateDone }
}

func (c *compiler) membar() func(*thread) {
	c.must("cta", "gl", "sys")
	c.operands(0)
	return func(*thread) {}
}

// barrier is bar.sync of barrier 0 for the whole block, and bar.warp.sync.
func (c *compiler) barrier() func(*thread) {
	if c.mod("warp") != "" {
		c.must("sync")
		if !c.operands(1) {
			return nil
		}
		mask := c.src(0, typ{'b', 32})
		return func(t *thread) { t.meet(mask(t), func([]*thread) {}) }
	}
	c.must("sync")
	if c.operands(1) && (c.ops[0].kind != 'i' || c.ops[0].bits != 0) {
		c.bad("a barrier other than 0")
	}
	return func(t *thread) { t.state = stateBarrier }
}

// shuffle is shfl.sync (section 9.7.8).
func (c *compiler) shuffle() func(*thread) {
	c.must("sync")
	mode := c.must("up", "down", "bfly", "idx")
	t := c.typ("b32")
	if !c.operands(5) {
		return nil
	}
	var d, p writer
	if o := c.ops[0]; o.kind == '|' {
		d, p = c.write(o.parts[0], t, t.fits), c.write(o.parts[1], pred, pred.fits)
	} else {
		d = c.dst(0, t)
	}
	u32 := typ{'u', 32}
	a, b, limit, mask := c.src(1, t), c.src(2, u32), c.src(3, u32), c.src(4, t)
	return func(th *thread) {
		th.value, th.by, th.limit = a(th), int(b(th)&31), limit(th)
		th.meet(mask(th), func(lanes []*thread) {
			for _, m := range lanes {
				from, inside := source(mode, m.n%32, m.by, int(m.limit&31), int(m.limit>>8&31))
				var s *thread
				for _, o := range lanes {
					if o.n%32 == from {
						s = o
					}
				}
				if s == nil {
					m.fault(0, "a shuffle from lane %d, which takes no part", from)
					return
				}
				d(m, s.value)
				if p != nil {
					p(m, bit(inside))
				}
			}
		})
	}
}

// source is the lane that a lane reads from, its own if inside is false.
func source(mode string, lane, by, limit, segment int) (from int, inside bool) {
	highest := lane&segment | limit&^segment
	switch mode {
	case "up":
		from = lane - by
		inside = from >= highest
	case "down":
		from = lane + by
		inside = from <= highest
	case "bfly":
		from = lane ^ by
		inside = from <= highest
	default:
		from = lane&segment | by&^segment
		inside = from <= highest
	}
	if !inside {
		from = lane
	}
	return from, inside
}

// vote is vote.sync (section 9.7.12).
func (c *compiler) vote() func(*thread) {
	c.must("sync")
	mode := c.must("all", "any", "uni", "ballot")
	t := pred
	if mode == "ballot" {
		t = typ{'b', 32}
		c.must("b32")
	} else {
		c.must("pred")
	}
	if !c.operands(3) {
		return nil
	}
	d, p, mask := c.dst(0, t), c.src(1, pred), c.src(2, typ{'b', 32})
	return func(th *thread) {
		th.value = p(th)
		th.meet(mask(th), func(lanes []*thread) {
			set := uint64(0)
			for _, m := range lanes {
				set |= m.value << (m.n % 32)
			}
			n := bits.OnesCount64(set)
			v := set
			switch mode {
			case "all":
				v = bit(n == len(lanes))
			case "any":
				v = bit(n > 0)
			case "uni":
				v = bit(n == 0 || n == len(lanes))
			}
			for _, m := range lanes {
				d(m, v)
			}
		})
	}
}
