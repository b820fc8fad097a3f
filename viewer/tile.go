package viewer

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"strconv"
	"strings"

	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/internal/survey"
	"github.com/tensorfile/tensorfile/tensor"
)

const (
	// tileSide is how many cells a side of a tile has.
	tileSide = 256
	// mostLevel is one whose cells are larger than any tensor.
	mostLevel = 48
	// mostReduced bounds the elements of a tile that are looked at.
	mostReduced = 1 << 33
)

// A reduction says what a cell shows of its elements.
type reduction string

const (
	mean    reduction = "mean"    // NaN if one is NaN
	least   reduction = "min"     // NaN if one is NaN
	most    reduction = "max"     // NaN if one is NaN
	nearest reduction = "nearest" // the first element of the cell
	sketch  reduction = "sketch"  // what a few chunks say
)

func (c *call) reduction() (reduction, error) {
	switch r := reduction(c.text("reduce", string(mean))); r {
	case mean, least, most, nearest, sketch:
		return r, nil
	default:
		return r, bad("reduce", tensor.Quote(string(r)), "mean, min, max, nearest or sketch")
	}
}

// A tiling is a surface in tiles of one reduction.
type tiling struct {
	surface
	kept *cache
	op   reduction
}

type tileKey struct {
	of     any
	op     reduction
	level  levels
	ty, tx int64
}

// levels are those of both axes: a cell is 2^y x 2^x elements.
type levels struct{ y, x int }

// below are the levels that cells of these are made of: one less along the axis, or the
// axes, of the coarser.
func (l levels) below() levels {
	switch {
	case l.y > l.x:
		return levels{l.y - 1, l.x}
	case l.x > l.y:
		return levels{l.y, l.x - 1}
	}
	return levels{l.y - 1, l.x - 1}
}

// directElements is up to how many elements a tile is made of them; larger ones are made
// of tiles of the levels below. Tests make it smaller.
var directElements int64 = 1 << 22

// direct reports whether tiles of a plane of h x w are made of its elements.
func (l levels) direct(h, w int64) bool {
	return l == (levels{}) || min(h, tileSide<<l.y)*min(w, tileSide<<l.x) <= directElements
}

// A tile is cells, row by row.
type tile struct {
	h, w  int64
	cells []float32
}

func (t *tile) size() int64 { return int64(len(t.cells)) * 4 }

// span is how many cells of a level an axis has.
func span(n int64, level int) int64 {
	if n == 0 {
		return 0
	}
	return (n-1)>>level + 1
}

func newTile(h, w int64, level levels, ty, tx int64) *tile {
	t := &tile{h: min(span(h, level.y)-ty*tileSide, tileSide), w: min(span(w, level.x)-tx*tileSide, tileSide)}
	t.cells = make([]float32, t.h*t.w)
	return t
}

// at makes a tile, or takes it from the cache. Those of coarse levels have finer ones in
// common, which are made once.
func (g *tiling) at(ctx context.Context, level levels, ty, tx int64) (*tile, error) {
	return share(ctx, g.kept, tileKey{g.tileID(), g.op, level, ty, tx}, (*tile).size, func() (*tile, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h, w := g.size()
		t := newTile(h, w, level, ty, tx)
		if !level.direct(h, w) {
			return t, g.combine(ctx, t, level, ty, tx)
		}
		return t, g.reduce(ctx, t, level, ty, tx)
	})
}

// reduce makes a tile of elements.
func (g *tiling) reduce(ctx context.Context, t *tile, level levels, ty, tx int64) error {
	h, w := g.size()
	r := newReducer(g.op, level, t, ty*tileSide<<level.y, tx*tileSide<<level.x, h, w)
	all := box{r.r0, min(r.r0+t.h<<level.y, h), r.c0, min(r.c0+t.w<<level.x, w)}
	// Bands of whole rows of cells, so that no two touch the same cell.
	bands := min(int64(g.workers()), t.h)
	band := func(i int64) box {
		b := all
		b.r0 = r.r0 + t.h*i/bands<<level.y
		b.r1 = min(r.r0+t.h*(i+1)/bands<<level.y, all.r1)
		return b
	}
	direct := func(i int64) (bool, error) {
		return g.direct(ctx, band(i), func(row int64, x []float32) { r.add(row, all.c0, x, false) })
	}
	ok, err := direct(0)
	if err != nil {
		return err
	}
	if ok {
		err = parallel.Each(int(bands), bands-1, func(i int64) error {
			_, err := direct(i + 1)
			return err
		})
	} else {
		err = eachBox(ctx, g.surface, g.kept, all, func(b box, list []float32, stride int64) {
			for row := b.r0; row < b.r1; row++ {
				at := (row - b.r0) * stride
				r.add(row, b.c0, list[at:at+b.c1-b.c0], true)
			}
		})
	}
	if err == nil {
		r.finish()
	}
	return err
}

// combine makes a tile of those of the levels below.
func (g *tiling) combine(ctx context.Context, t *tile, level levels, ty, tx int64) error {
	h, w := g.size()
	below := level.below()
	by := levels{level.y - below.y, level.x - below.x}
	r := newReducer(g.op, by, t, ty*tileSide<<by.y, tx*tileSide<<by.x, span(h, below.y), span(w, below.x))
	// What a cell of the levels below covers of the plane, for means.
	r.nested, r.cell, r.height, r.width = true, below, h, w
	for dy := range int64(1) << by.y {
		for dx := range int64(1) << by.x {
			y, x := ty<<by.y+dy, tx<<by.x+dx
			if y*tileSide >= r.h || x*tileSide >= r.w {
				continue
			}
			child, err := g.at(ctx, below, y, x)
			if err != nil {
				return err
			}
			for i := range child.h {
				r.add(y*tileSide+i, x*tileSide, child.cells[i*child.w:(i+1)*child.w], true)
			}
		}
	}
	r.finish()
	return nil
}

// A reducer brings elements, or cells of the level before, into the cells of a tile.
type reducer struct {
	op     reduction
	level  levels // 2^level elements are a side of a cell
	t      *tile
	r0, c0 int64 // the first element
	h, w   int64 // of all elements

	sums  []float64
	state []uint8

	// Of cells of cells: one of these is 2^cell elements of the plane but at the ends.
	nested        bool
	cell          levels
	height, width int64
}

const (
	cellSeen uint8 = 1 << iota
	cellNaN
	cellDamaged
)

func newReducer(op reduction, level levels, t *tile, r0, c0, h, w int64) *reducer {
	r := &reducer{op: op, level: level, t: t, r0: r0, c0: c0, h: h, w: w, height: h, width: w}
	r.state = make([]uint8, len(t.cells))
	if op == mean {
		r.sums = make([]float64, len(t.cells))
	}
	return r
}

// extent of cell i of a level along an axis of n elements.
func extent(i int64, level int, n int64) int64 { return min((i+1)<<level, n) - i<<level }

// add takes elements of a row from a column on. marked says that damage is marked in
// them.
func (r *reducer) add(row, column int64, x []float32, marked bool) {
	at := (row - r.r0) >> r.level.y * r.t.w
	column -= r.c0
	if r.level == (levels{}) {
		copy(r.t.cells[at+column:], x)
		if !marked {
			nan := math.Float32frombits(NotANumber)
			for i, v := range r.t.cells[at+column:][:len(x)] {
				if v != v {
					r.t.cells[at+column+int64(i)] = nan
				}
			}
		}
		return
	}
	tall := float64(1)
	if r.nested {
		tall = float64(extent(row, r.cell.y, r.height))
	}
	if r.op == mean && !r.nested && r.level.x == 3 && column&7 == 0 {
		n := int64(len(x)) >> 3
		r.eights(at+column>>3, x[:n<<3], marked)
		column, x = column+n<<3, x[n<<3:]
	}
	for len(x) > 0 {
		i := column >> r.level.x
		n := min((i+1)<<r.level.x-column, int64(len(x)))
		switch {
		case r.op != mean:
			r.extreme(at+i, x[:n], marked)
		case r.nested:
			for k, v := range x[:n] {
				r.one(at+i, v, tall*float64(extent(r.c0+column+int64(k), r.cell.x, r.width)), marked)
			}
		default:
			if s := total(x[:n]); s-s == 0 {
				r.sums[at+i] += s
			} else {
				for _, v := range x[:n] {
					r.one(at+i, v, 1, marked)
				}
			}
		}
		column, x = column+n, x[n:]
	}
}

// eights adds eight elements to each cell, from one on, as total would.
func (r *reducer) eights(cell int64, x []float32, marked bool) {
	sums := r.sums[cell : cell+int64(len(x))>>3]
	for i := range sums {
		p := (*[8]float32)(x)
		a, b := float64(p[0])+float64(p[4]), float64(p[1])+float64(p[5])
		c, d := float64(p[2])+float64(p[6]), float64(p[3])+float64(p[7])
		if s := (a + b) + (c + d); s-s == 0 {
			sums[i] += s
		} else {
			for _, v := range p {
				r.one(cell+int64(i), v, 1, marked)
			}
		}
		x = x[8:]
	}
}

// total adds in four lanes, which do not wait for each other.
func total(x []float32) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		a += float64(x[0])
		b += float64(x[1])
		c += float64(x[2])
		d += float64(x[3])
	}
	for _, v := range x {
		a += float64(v)
	}
	return (a + b) + (c + d)
}

// one adds an element that stands for so many.
func (r *reducer) one(cell int64, v float32, weight float64, marked bool) {
	if v == v {
		r.sums[cell] += float64(v) * weight
		return
	}
	r.special(cell, v, marked)
}

func (r *reducer) special(cell int64, v float32, marked bool) {
	if marked && isDamaged(v) {
		r.state[cell] |= cellDamaged
	} else {
		r.state[cell] |= cellNaN
	}
}

// extreme takes the least or the greatest of elements.
func (r *reducer) extreme(cell int64, x []float32, marked bool) {
	m, odd := x[0], float32(0)
	if r.op == least {
		for _, v := range x {
			odd += v - v
			if v < m {
				m = v
			}
		}
	} else {
		for _, v := range x {
			odd += v - v
			if v > m {
				m = v
			}
		}
	}
	if odd != 0 { // NaN: one of them is NaN or infinite
		seen := false
		for _, v := range x {
			if v != v {
				r.special(cell, v, marked)
			} else if !seen || r.op == least && v < m || r.op == most && v > m {
				m, seen = v, true
			}
		}
		if !seen {
			return
		}
	}
	if r.state[cell]&cellSeen == 0 || r.op == least && m < r.t.cells[cell] || r.op == most && m > r.t.cells[cell] {
		r.t.cells[cell] = m
	}
	r.state[cell] |= cellSeen
}

// finish makes the cells of what was seen.
func (r *reducer) finish() {
	if r.level == (levels{}) {
		return
	}
	damaged, nan := marks[float32]()
	for y := range r.t.h {
		a, b := r.r0+y<<r.level.y, min(r.r0+(y+1)<<r.level.y, r.h)
		tall := min(b<<r.cell.y, r.height) - a<<r.cell.y
		for x := range r.t.w {
			i := y*r.t.w + x
			switch {
			case r.state[i]&cellDamaged != 0:
				r.t.cells[i] = damaged
			case r.state[i]&cellNaN != 0:
				r.t.cells[i] = nan
			case r.op == mean:
				a, b := r.c0+x<<r.level.x, min(r.c0+(x+1)<<r.level.x, r.w)
				wide := min(b<<r.cell.x, r.width) - a<<r.cell.x
				v := float32(r.sums[i] / (float64(tall) * float64(wide)))
				if v != v { // of infinities of both signs
					v = nan
				}
				r.t.cells[i] = v
			}
		}
	}
}

// nearestTile takes the first element of each cell.
func (p *plane) nearestTile(ctx context.Context, kept *cache, level levels, ty, tx int64) (*tile, error) {
	return fetch(kept, tileKey{p.key(), nearest, level, ty, tx}, (*tile).size, func() (*tile, error) {
		t := newTile(p.h, p.w, level, ty, tx)
		dr, dc := int64(1)<<level.y, int64(1)<<level.x
		r0, c0 := ty*tileSide*dr, tx*tileSide*dc
		if rows, _ := p.block(); rows > 0 || p.rows > 0 || p.t.DType().Packed() {
			return t, p.nearestOf(ctx, kept, t, r0, dr, c0, dc)
		}
		sel, exact := p.selection(r0, min(r0+t.h*dr, p.h), dr, c0, min(c0+t.w*dc, p.w), dc)
		return t, p.with(ctx, sel, func(v tensor.View) error {
			v, err := p.matrix(v, exact)
			if err != nil {
				return err
			}
			return toReal(t.cells, v)
		})
	})
}

// mostFetched is how many boxes are decoded for one element of each.
const mostFetched = 4096

// nearestOf is nearestTile of what cannot be looked at in steps: one box of each
// chunk at a time.
func (p *plane) nearestOf(ctx context.Context, kept *cache, t *tile, r0, dr, c0, dc int64) error {
	rows, columns := max(p.rows, 1), max(p.columns, 1)
	if p.rows == 0 {
		if rows, columns = p.block(); rows == 0 { // packed rows
			rows, columns = 1, p.w
		}
	}
	// Elements of one chunk are taken together.
	group := func(first, n, step, size int64) (list [][2]int64) {
		for k := int64(0); k < n; {
			end := k + 1
			for end < n && (first+end*step)/size == (first+k*step)/size {
				end++
			}
			list = append(list, [2]int64{k, end})
			k = end
		}
		return list
	}
	ys, xs := group(r0, t.h, dr, rows), group(c0, t.w, dc, columns)
	if len(ys)*len(xs) > mostFetched {
		return tooMuch("level", fmt.Sprintf("%d chunks for a tile", len(ys)*len(xs)), fmt.Sprintf("at most %d; other reductions have no such limit", mostFetched))
	}
	return parallel.Each(p.jobs, int64(len(ys)*len(xs)), func(i int64) error {
		y, x := ys[i/int64(len(xs))], xs[i%int64(len(xs))]
		b := box{r0 + y[0]*dr, r0 + (y[1]-1)*dr + 1, c0 + x[0]*dc, c0 + (x[1]-1)*dc + 1}
		list, stride, err := p.load(ctx, kept, b, nil)
		if err != nil {
			return err
		}
		for r := y[0]; r < y[1]; r++ {
			for c := x[0]; c < x[1]; c++ {
				t.cells[r*t.w+c] = list[(r-y[0])*dr*stride+(c-x[0])*dc]
			}
		}
		return nil
	})
}

// weight is about how many bytes it takes to look at a plane.
func (p *plane) weight() int64 {
	rows, columns := p.block()
	one := max(rows*columns, stripElements)
	if p.rows > 0 && rows == 0 {
		one = max(one, min(p.rows*p.columns, keptElements))
	}
	// Not many more at once than there are processors: the first is to be soon there.
	d := p.t.DType()
	each := int64(d.UnitBytes-1)/int64(d.UnitElems) + 1
	return max(4<<20+min(int64(p.jobs), 4)*one*(4+each), workBytes/int64(2*p.jobs+2))
}

// tile answers a tile.
func (c *call) tile() error {
	op, err := c.reduction()
	if err != nil {
		return err
	}
	h, t, err := c.picked()
	if err != nil {
		return err
	}
	p, err := c.planeOf(h, t)
	if err != nil {
		return err
	}
	level, err := c.levels()
	if err != nil {
		return err
	}
	var s surface = p
	names := []string{"t", "y", "x", "i", "level", "ty", "tx", "reduce", "op"}
	id := h.identity
	if other := c.q.Get("op"); other != "" {
		if other != "absdiff" {
			return bad("op", tensor.Quote(other), "absdiff")
		}
		g, u, err := c.pickedAs("g", "bt", "u")
		if err != nil {
			return err
		}
		q, err := c.planeOf(g, u)
		if err != nil {
			return err
		}
		if q.h != p.h || q.w != p.w {
			return &refusal{400, fmt.Sprintf("shapes %v and %v differ", t.Shape(), u.Shape()), "u"}
		}
		if op == nearest || op == sketch {
			return bad("reduce", string(op), "mean, min or max of a difference")
		}
		s, id = &difference{p, q}, id+" "+g.identity
		names = append(names, "u")
	}
	rows, columns := span(p.h, level.y), span(p.w, level.x)
	ty, err := c.int("ty", 0, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	tx, err := c.int("tx", 0, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	if ty > (rows-1)/tileSide || tx > (columns-1)/tileSide || rows == 0 || columns == 0 {
		return bad("ty and tx", fmt.Sprintf("%d and %d", ty, tx), fmt.Sprintf("a tile of %d x %d cells", rows, columns))
	}
	// The first and the last element of the tile are in the plane, so nothing here
	// overflows.
	tall := min(p.h-ty*tileSide<<level.y, tileSide<<level.y)
	wide := min(p.w-tx*tileSide<<level.x, tileSide<<level.x)
	if op != nearest && op != sketch && saturated(tall, wide) > mostReduced {
		return tooMuch("level", fmt.Sprintf("a tile of %d x %d elements", tall, wide), fmt.Sprintf("at most %d; reduce=nearest has no such limit", int64(mostReduced)))
	}
	if c.keepable(c.tag(id, names...)) {
		return nil
	}
	if err := c.hold(p.weight()); err != nil {
		return err
	}
	var made *tile
	switch op {
	case nearest:
		made, err = p.nearestTile(c.ctx, c.cache, level, ty, tx)
	case sketch:
		var s seen
		made, s, err = p.sketchTile(c.ctx, c.cache, level, ty, tx)
		c.header().Set("X-Seen", s.String())
	default:
		g := &tiling{s, c.cache, op}
		made, err = g.at(c.ctx, level, ty, tx)
	}
	if err != nil {
		return survey.Located(err, t)
	}
	return c.raw("f32", []int64{made.h, made.w}, floatBytes(made.cells))
}

// tag is an ETag of an answer: of what it is of, and the parameters that count.
func (c *call) tag(id string, names ...string) string {
	h := fnv.New128a()
	fmt.Fprintf(h, "%s\x00%s", c.token, id)
	for _, n := range names {
		fmt.Fprintf(h, "\x00%s=%s", n, c.q.Get(n))
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func floatBytes(list []float32) []byte {
	b := make([]byte, 0, 4*len(list))
	for _, x := range list {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

// levels are the parameter level: of both axes, or of y and x.
func (c *call) levels() (levels, error) {
	s := c.text("level", "0")
	y, x, two := strings.Cut(s, ",")
	if !two {
		x = y
	}
	var l levels
	var err1, err2 error
	l.y, err1 = strconv.Atoi(y)
	l.x, err2 = strconv.Atoi(x)
	if err1 != nil || err2 != nil || l.y < 0 || l.x < 0 || l.y > mostLevel || l.x > mostLevel {
		return l, bad("level", tensor.Quote(s), fmt.Sprintf("0 to %d, or two of these", mostLevel))
	}
	return l, nil
}
