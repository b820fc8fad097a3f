package tensor

import (
	"sync"

	"github.com/tensorfile/tensorfile/internal/cast"
	"github.com/tensorfile/tensorfile/internal/kernel"
)

// A tiling copies a nest in tiles, boxes of one size, so chosen that a tile takes
// long runs from both operands: what is fetched with an element is used before
// it leaves the cache, whichever operand it belongs to. Where extents are no
// multiples of those of a tile, the last tiles begin earlier and copy some
// elements again.
//
// What goes past the cache, or into another byte order, is put together in a
// buffer first, which holds the runs of the tile in dst one after the other.
type tiling struct {
	regroup  kernel.Regrouping // of a tile, if grouped
	w        nest
	t, pos   [MaxRank + 1]int64 // extents of a tile, and where it begins
	outer    [MaxRank + 1]int   // the axes along which there are several, the last the fastest
	outers   int
	in       nest // the elements of a tile: a are steps in the buffer if there is one
	out      nest // the runs of a tile: a are steps in dst, b in the buffer
	buffered bool
	swap     int
	stream   bool
	move     mover // if not
	grouped  bool
	places   [1024]kernel.Place
	buffer   [2*tileBytes + 1024]byte
}

const (
	tileBytes = 16 << 10 // of a tile, in the first-level cache with its source
	tiledMin  = 2 << 10  // smaller copies are not worth the thought
	runMin    = 256      // of dst, that is put together in the buffer
	unitMost  = 512      // longer ones are copied as rows, and not regrouped
)

var tilings = sync.Pool{New: func() any { return new(tiling) }}

// worthTiles reports whether it is worth looking for tiles: not where a few
// elements are copied, or long rows turned.
func (w *nest) worthTiles(swap int, stream bool) bool {
	size := int64(w.unit)
	for i := range w.rank {
		size *= w.n[i]
	}
	return size >= tiledMin && (swap > 1 || !w.turns() && (stream || kernel.Regroups()))
}

// tiled copies what w spans by tiles, if that is better than by its two innermost
// axes.
func (w *nest) tiled(dst, src []byte, swap int, stream bool) bool {
	if !w.worthTiles(swap, stream) {
		return false
	}
	c := tilings.Get().(*tiling)
	defer tilings.Put(c)
	if !c.plan(w, dst, swap, stream) {
		return false
	}
	for {
		c.tile(dst, src)
		if !c.next() {
			break
		}
	}
	c.move.dst, c.move.src = nil, nil
	return true
}

// plan decides how to go about w, whose axes are sorted and which is to begin at
// dst[w.offA]. It reports false if there is nothing to be won.
func (c *tiling) plan(w *nest, dst []byte, swap int, stream bool) bool {
	c.w, c.swap, c.stream = *w, swap, stream
	w = &c.w
	w.joinRun()
	if w.rank == 0 || w.unit > tileBytes/2 {
		return false
	}
	c.extents()
	c.outers = 0
	for i := range w.rank {
		c.pos[i] = 0
		if c.t[i] < w.n[i] {
			c.outer[c.outers] = i
			c.outers++
		}
	}
	c.sortOuter()
	run, first, _ := c.dstRun()
	c.buffered = swap > 1
	if !c.buffered {
		c.divide(run, first)
		c.grouped = c.group(stream)
		switch {
		case !stream || c.grouped && c.onLines(dst):
			return c.grouped
		case w.unit >= unitMost:
			c.move = c.in.mover(1)
			c.move.stream = true
			return true
		}
		c.buffered = true
	}
	if run < runMin {
		return false
	}
	c.divide(run, first)
	if c.grouped = c.group(false); !c.grouped {
		c.move = c.in.mover(1)
	}
	return true
}

// divide says what is in a tile: elements, and runs of dst. These lie along the
// axes before first, in the buffer such that they do not begin a page apart.
func (c *tiling) divide(run int64, first int) {
	w := &c.w
	steps := w.a
	if c.buffered {
		pitch := (run+63)&^63 + 64
		for i := first - 1; i >= 0; i-- {
			steps[i] = pitch
			pitch *= c.t[i]
		}
	}
	c.in = nest{unit: w.unit}
	c.out = nest{unit: int(run)}
	for i := range w.rank {
		if c.t[i] > 1 {
			c.in.push(axis{c.t[i], steps[i], w.b[i]})
			if i < first {
				c.out.push(axis{c.t[i], w.a[i], steps[i]})
			}
		}
	}
	c.in.merge()
	c.out.merge()
}

// onLines reports whether tiles, which consist of lines, begin on lines of dst.
func (c *tiling) onLines(dst []byte) bool {
	w := &c.w
	for _, i := range c.outer[:c.outers] {
		if c.t[i]*w.a[i]%64 != 0 || (w.n[i]-c.t[i])*w.a[i]%64 != 0 {
			return false
		}
	}
	return c.regroup.Lines() && cast.Aligned(dst[w.offA:], 64)
}

// extents chooses those of a tile: it doubles, in turns, what a tile has in a row
// in the operand in which that is less.
func (c *tiling) extents() {
	w := &c.w
	var near [MaxRank + 1]int // axes, as src is near along them
	for i := range w.rank {
		c.t[i] = 1
		near[i] = i
		for k := i; k > 0 && abs(w.b[near[k]]) < abs(w.b[near[k-1]]); k-- {
			near[k], near[k-1] = near[k-1], near[k]
		}
	}
	size := int64(w.unit)
	for {
		d, _, x := c.dstRun()
		s, y := c.srcRun(near[:w.rank])
		if s < d {
			x, y = y, x
		}
		if !c.grow(x, &size) && !c.grow(y, &size) {
			break
		}
	}
	for i := range w.rank {
		c.t[i] = even(w.n[i], c.t[i], w.a[i])
	}
}

// grow makes a tile of size bytes longer along an axis, if there is room.
func (c *tiling) grow(axis int, size *int64) bool {
	if axis < 0 {
		return false
	}
	n, t := c.w.n[axis], c.t[axis]
	longer := 2 * t
	if n <= 16 {
		longer = n
	}
	longer = min(longer, n, t*(tileBytes / *size))
	if longer <= t {
		return false
	}
	*size = *size / t * longer
	c.t[axis] = longer
	return true
}

// even is at most t, and such that pieces of it make n, or little more than n,
// if possible of whole lines at steps of a.
func even(n, t, a int64) int64 {
	best := int64(0)
	for k := t; k > t/2; k-- {
		if n%k == 0 && k*a%64 == 0 {
			return k
		}
		if n%k == 0 && best == 0 {
			best = k
		}
	}
	if best > 0 {
		return best
	}
	pieces := (n + t - 1) / t
	return (n + pieces - 1) / pieces
}

// dstRun returns the bytes that a tile has in a row in dst, the first of the axes
// that make the row, and the axis along which it could be longer, or -1.
func (c *tiling) dstRun() (run int64, first, longer int) {
	w := &c.w
	run = int64(w.unit)
	for i := w.rank - 1; i >= 0; i-- {
		if w.a[i] != run {
			return run, i + 1, -1
		}
		run *= c.t[i]
		if c.t[i] < w.n[i] {
			return run, i, i
		}
	}
	return run, 0, -1
}

// srcRun returns the bytes that a tile has in src with no gap to speak of, and
// the axis along which that could be longer, or -1.
func (c *tiling) srcRun(near []int) (run int64, longer int) {
	w := &c.w
	run = int64(w.unit)
	for _, i := range near {
		step := abs(w.b[i])
		if step > 2*run {
			return run, -1
		}
		run += step * (c.t[i] - 1)
		if c.t[i] < w.n[i] {
			return run, i
		}
	}
	return run, -1
}

// sortOuter puts the axes along which there are several tiles such that the
// nearest in either operand comes next.
func (c *tiling) sortOuter() {
	w := &c.w
	near := func(i int) int64 { return c.t[i] * min(w.a[i], abs(w.b[i])) }
	for k := 1; k < c.outers; k++ {
		for i := k; i > 0 && near(c.outer[i]) > near(c.outer[i-1]); i-- {
			c.outer[i], c.outer[i-1] = c.outer[i-1], c.outer[i]
		}
	}
}

// next moves to the next tile, false after the last.
func (c *tiling) next() bool {
	w := &c.w
	for k := c.outers - 1; k >= 0; k-- {
		i := c.outer[k]
		from := c.pos[i]
		c.pos[i] = min(from+c.t[i], w.n[i]-c.t[i])
		if c.pos[i] == from {
			c.pos[i] = 0
		}
		w.offA += (c.pos[i] - from) * w.a[i]
		w.offB += (c.pos[i] - from) * w.b[i]
		if c.pos[i] > 0 {
			return true
		}
	}
	return false
}

// tile copies one.
func (c *tiling) tile(dst, src []byte) {
	a, b := int(c.w.offA), int(c.w.offB)
	to, at := dst, a
	if c.buffered {
		to, at = c.buffer[:], 0
	}
	if c.grouped {
		c.regroup.Run(to, at, src, b, c.stream && !c.buffered)
	} else {
		c.rows(to, at, src, b)
	}
	if c.buffered {
		c.flush(dst, a)
	}
}

// rows copies a tile by its two innermost axes.
func (c *tiling) rows(dst []byte, a int, src []byte, b int) {
	w := &c.in
	c.move.dst, c.move.src = dst, src
	inner := w.rank - 1
	var o odometer
	for {
		c.move.block(a+int(w.offA), b+int(w.offB), int(w.n[inner-1]), int(w.n[inner]))
		if !o.next(w, inner-1) {
			return
		}
	}
}

// flush moves the runs of a tile from the buffer to dst.
func (c *tiling) flush(dst []byte, a int) {
	w := &c.out
	inner := w.rank - 1
	var o odometer
	for {
		at, from, rows := a+int(w.offA), int(w.offB), int(w.n[inner])
		if c.swap > 1 {
			for i := range rows {
				p := c.buffer[from+i*int(w.b[inner]):][:w.unit]
				kernel.ByteSwap(p, p, c.swap)
			}
		}
		kernel.CopyRows(dst, at, int(w.a[inner]), c.buffer[:], from, int(w.b[inner]), rows, w.unit, c.stream)
		if !o.next(w, inner) {
			return
		}
	}
}
