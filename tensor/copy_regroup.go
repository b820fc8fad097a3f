package tensor

import "github.com/tensorfile/tensorfile/internal/kernel"

// group looks for a small pattern that tiles consist of and that registers do
// better than single elements: what makes about a register of dst, from not too
// many of src. With lines set, it is to be what makes whole ones.
func (c *tiling) group(lines bool) bool {
	w := &c.in
	if kernel.RegroupBytes() == 0 || w.unit > unitMost {
		return false
	}
	var axes [kernel.MaxAxes]kernel.Axis
	first := len(axes) // of those that are used
	var take [MaxRank + 1]int64
	for i := range w.rank {
		take[i] = 1
	}
	size := int64(w.unit)
	enough := func() bool { return size%64 == 0 || size > 32 && !lines }
	for i := w.rank - 1; i >= 0 && first > 0 && !enough() && w.a[i] >= size; i-- {
		take[i] = w.n[i]
		// Of a long axis as many as make whole registers.
		whole, most := 64/gcd(size, 64), int64(128)
		if lines {
			most = 512
		}
		if size*w.n[i] > most && whole < w.n[i] {
			take[i] = whole
		}
		size *= take[i]
		first--
		axes[first] = kernel.Axis{N: int(take[i]), Dst: int(w.a[i]), Src: int(w.b[i])}
		if take[i] < w.n[i] {
			break
		}
	}
	odd := w.unit&(w.unit-1) != 0
	if last := axes[len(axes)-1]; !odd && first < len(axes) && max(last.Src, -last.Src) >= 64 && last.N*w.unit >= 64 {
		return false // each element of a register is from another
	}
	if c.regroup == nil {
		c.regroup, c.places = new(kernel.Regrouping), make([]kernel.Place, 0, 1024)
	}
	// Single elements cost about half as much as a step, odd ones as much.
	steps, elems := int64(c.regroup.Set(w.unit, axes[first:])), size/int64(w.unit)
	if !odd {
		elems /= 2
	}
	width := int64(kernel.RegroupBytes())
	if registers := (size + width - 1) / width; steps == 0 || steps > max(2*registers, elems) {
		return false
	}
	return c.spread(take[:w.rank])
}

// spread lists the places of the pattern in a tile, as they come in src: what
// puts them together goes on while the next are fetched. The last along an axis
// may overlap the one before.
func (c *tiling) spread(take []int64) bool {
	w := &c.in
	n := int64(1)
	var order [MaxRank + 1]int
	step := func(i int) int64 { return abs(w.b[i]) * take[i] }
	for i, t := range take {
		n *= (w.n[i] + t - 1) / t
		order[i] = i
		for k := i; k > 0 && step(order[k]) > step(order[k-1]); k-- {
			order[k], order[k-1] = order[k-1], order[k]
		}
	}
	if n > int64(cap(c.places)) {
		return false
	}
	list := c.places[:0]
	var pos [MaxRank + 1]int64
	p := kernel.Place{Dst: int(w.offA), Src: int(w.offB)}
	for {
		list = append(list, p)
		k := len(take) - 1
		for ; k >= 0; k-- {
			i := order[k]
			from := pos[i]
			if pos[i] = min(from+take[i], w.n[i]-take[i]); pos[i] == from {
				pos[i] = 0
			}
			p.Dst += int((pos[i] - from) * w.a[i])
			p.Src += int((pos[i] - from) * w.b[i])
			if pos[i] > 0 {
				break
			}
		}
		if k < 0 {
			break
		}
	}
	c.regroup.At(list)
	return true
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
