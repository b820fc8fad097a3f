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
// buffer first, which holds the runs of the tile in dst one after the other. What
// is turned, but has no long axis in dst, is collected before, run by run of src:
// several axes are one in a buffer.
type tiling struct {
	w      nest
	t, pos [MaxRank + 1]int64 // extents of a tile, and where it begins
	near   [MaxRank + 1]int   // axes, that along which src is nearest first
	outer  [MaxRank + 1]int   // the axes along which there are several, the last the fastest
	outers int

	swap      int
	stream    bool
	collected bool // in source
	grouped   bool
	buffered  bool               // in buffer
	runs      nest               // of src in a tile: a are steps in source
	from      [MaxRank + 1]int64 // steps in src or source
	in        nest               // the elements of a tile, from either to dst or buffer
	move      mover              // if not grouped
	out       nest               // the runs of dst in a tile: b are steps in buffer
	regroup   *kernel.Regrouping // if grouped
	places    []kernel.Place
	source    []byte
	buffer    []byte
}

const (
	tileBytes = 16 << 10 // of a tile, in the first-level cache with its source
	tileMost  = 64 << 10 // of one that has short runs otherwise
	tiledMin  = 2 << 10  // smaller copies are not worth the thought
	runMin    = 64       // of dst, that is put together in the buffer
	runShort  = 256
	unitMost  = 512 // longer ones are copied as rows, and not regrouped
)

var tilings = sync.Pool{New: func() any { return new(tiling) }}

// worthTiles reports whether it is worth looking for tiles: not where a few
// elements are copied, or long rows turned.
func (w *nest) worthTiles(swap int, stream bool) bool {
	size := int64(w.unit)
	for i := range w.rank {
		size *= w.n[i]
	}
	return size >= tiledMin && (swap > 1 || !w.turns() && (stream || kernel.RegroupBytes() > 0))
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
	c.collected, c.buffered, c.from = false, swap > 1, w.b
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
	if c.grouped = c.group(false); c.grouped {
		return true
	}
	if inner := c.in.rank - 1; c.in.n[inner]*int64(w.unit) < run {
		if c.collected = c.collect(); c.collected {
			c.divide(run, first)
		}
	}
	c.move = c.in.mover(1)
	return true
}

// collect says which runs of src a tile has, and how they lie in a buffer: one
// after the other as their elements do in dst. It reports false if they are not
// worth it.
func (c *tiling) collect() bool {
	w := &c.w
	run, k := int64(w.unit), 0
	var along [MaxRank + 1]bool
	for ; k < w.rank && w.b[c.near[k]] == run; k++ {
		i := c.near[k]
		along[i] = true
		run *= c.t[i]
		if c.t[i] < w.n[i] {
			break
		}
	}
	if run < runMin {
		return false
	}
	c.runs = nest{unit: int(run)}
	pitch := (run+63)&^63 + 64
	for i := w.rank - 1; i >= 0; i-- {
		if !along[i] && c.t[i] > 1 {
			c.from[i] = pitch
			pitch *= c.t[i]
			c.runs.push(axis{c.t[i], c.from[i], w.b[i]})
		}
	}
	c.runs.sort()
	c.runs.merge()
	if int64(len(c.source)) < pitch {
		c.source = make([]byte, pitch)
	}
	return true
}

// divide says what is in a tile: elements, and runs of dst. These lie along the
// axes before first; in the buffer those that are neighbours in src are
// neighbours, and do not begin a page apart.
func (c *tiling) divide(run int64, first int) {
	w := &c.w
	steps := w.a
	if c.buffered {
		pitch := (run+63)&^63 + 64
		for _, i := range c.near[:w.rank] {
			if i < first {
				steps[i] = pitch
				pitch *= c.t[i]
			}
		}
		if int64(len(c.buffer)) < pitch {
			c.buffer = make([]byte, pitch)
		}
	}
	c.in = nest{unit: w.unit}
	c.out = nest{unit: int(run)}
	for i := range w.rank {
		if c.t[i] > 1 {
			c.in.push(axis{c.t[i], steps[i], c.from[i]})
			if i < first {
				c.out.push(axis{c.t[i], w.a[i], steps[i]})
			}
		}
	}
	c.in.sort()
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
	near := c.near[:w.rank]
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
		s, y := c.srcRun(near)
		if s < d {
			x, y = y, x
		}
		room := int64(tileBytes)
		if min(d, s) < runShort {
			room = tileMost
		}
		if !c.grow(x, &size, room) && !c.grow(y, &size, room) {
			break
		}
	}
	for i := range w.rank {
		c.t[i] = even(w.n[i], c.t[i], w.a[i])
	}
}

// grow makes a tile of size bytes longer along an axis, if there is room for it.
func (c *tiling) grow(axis int, size *int64, room int64) bool {
	if axis < 0 {
		return false
	}
	n, t := c.w.n[axis], c.t[axis]
	longer := 2 * t
	if n <= 16 {
		longer = n
	}
	longer = min(longer, n, t*(room / *size))
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
		to, at = c.buffer, 0
	}
	if c.collected {
		c.runs.copyRows(c.source, 0, src, b, false)
		src, b = c.source, 0
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
	if c.swap > 1 {
		c.out.swapRows(c.buffer, c.swap)
	}
	c.out.copyRows(dst, a, c.buffer, 0, c.stream)
}

// copyRows copies units that are long.
func (w *nest) copyRows(dst []byte, a int, src []byte, b int, stream bool) {
	inner := w.rank - 1
	var o odometer
	for {
		kernel.CopyRows(dst, a+int(w.offA), int(w.a[inner]), src, b+int(w.offB), int(w.b[inner]), int(w.n[inner]), w.unit, stream)
		if !o.next(w, inner) {
			return
		}
	}
}

// swapRows reverses each width bytes of units that are long, by the steps of the
// second operand.
func (w *nest) swapRows(p []byte, width int) {
	var o odometer
	for {
		unit := p[w.offB:][:w.unit]
		kernel.ByteSwap(unit, unit, width)
		if !o.next(w, w.rank) {
			return
		}
	}
}
