package viewer

import (
	"context"
	"fmt"

	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/internal/survey"
)

// A sketch is a first impression of a tile of a tensor that must be decoded: of a few
// chunks that lie evenly apart, or of the beginning of a stream. It takes the same work
// however large the plane is.

// sketchElements is about how many elements are decoded for a sketch, if chunks are not
// larger. Tests make it smaller.
var sketchElements int64 = 4 << 20

// mostSketched bounds the chunks of a sketch.
const mostSketched = 64

// seen says what a sketch was made of: some of the chunks, rows or columns that the tile
// has.
type seen struct {
	parts, of int64
	unit      string
}

func (s seen) String() string { return fmt.Sprintf("%d of %d %s", s.parts, s.of, s.unit) }

// sketchTile makes a sketch of a tile. Cells whose first element was decoded show it;
// every other cell has the mean of what was decoded for its region. Of what lies in the
// file as it is, the tile has the first element of every cell.
func (p *plane) sketchTile(ctx context.Context, kept *cache, level levels, ty, tx int64) (*tile, seen, error) {
	if p.rows == 0 && !p.encoded {
		t, err := p.nearestTile(ctx, kept, level, ty, tx)
		cells := span(p.h, level.y) * span(p.w, level.x)
		return t, seen{cells, saturated(p.h, p.w), "elements"}, err
	}
	t := newTile(p.h, p.w, level, ty, tx)
	all := box{ty * tileSide << level.y, 0, tx * tileSide << level.x, 0}
	all.r1, all.c1 = min(all.r0+t.h<<level.y, p.h), min(all.c0+t.w<<level.x, p.w)
	if p.rows == 0 {
		return p.sketchStream(ctx, kept, t, level, all)
	}
	// The chunks of the tile, and every how many of them one is decoded.
	first := [2]int64{all.r0 / p.rows, all.c0 / p.columns}
	n := [2]int64{(all.r1-1)/p.rows + 1 - first[0], (all.c1-1)/p.columns + 1 - first[1]}
	taken := spread(n, min(max(sketchElements/p.chunkElements(), 1), mostSketched))
	regions := make([]region, taken[0]*taken[1])
	err := parallel.Each(p.jobs, int64(len(regions)), func(i int64) error {
		g := &regions[i]
		at := [2]int64{i / taken[1], i % taken[1]}
		edge := func(axis int, k int64) int64 { return first[axis] + n[axis]*k/taken[axis] } // in chunks
		g.area = box{edge(0, at[0]) * p.rows, edge(0, at[0]+1) * p.rows, edge(1, at[1]) * p.columns, edge(1, at[1]+1) * p.columns}
		r := (edge(0, at[0]) + edge(0, at[0]+1) - 1) / 2 * p.rows
		c := (edge(1, at[1]) + edge(1, at[1]+1) - 1) / 2 * p.columns
		g.seen = box{max(r, all.r0), min(r+p.rows, all.r1), max(c, all.c0), min(c+p.columns, all.c1)}
		g.seen = p.fits(g.seen)
		return g.load(ctx, p, kept)
	})
	if err != nil {
		return nil, seen{}, err
	}
	paintRegions(t, level, all, regions)
	return t, seen{taken[0] * taken[1], n[0] * n[1], "chunks"}, nil
}

// sketchStream is sketchTile of what decodes from its beginning: of the rows, or the
// columns, that come first.
func (p *plane) sketchStream(ctx context.Context, kept *cache, t *tile, level levels, all box) (*tile, seen, error) {
	g := region{area: all, seen: p.boxes(all)[0]}
	rows := all.r1 - all.r0
	s := seen{g.seen.r1 - g.seen.r0, rows, "rows"}
	if p.y >= 0 && p.x >= 0 && absolute(p.t.Strides()[p.y]) < absolute(p.t.Strides()[p.x]) {
		columns := all.c1 - all.c0 // which come one after the other
		s = seen{min(max(sketchElements/rows, 1), columns), columns, "columns"}
		g.seen, kept = box{all.r0, all.r1, all.c0, all.c0 + s.parts}, nil
	}
	if err := g.load(ctx, p, kept); err != nil {
		return nil, seen{}, err
	}
	paintRegions(t, level, all, []region{g})
	return t, s, nil
}

func absolute(n int64) int64 { return max(n, -n) }

// chunkElements is how many elements a chunk of the tensor has, those beside the plane
// included.
func (p *plane) chunkElements() int64 {
	return max(survey.Product(p.t.ChunkShape()), p.rows*p.columns)
}

// spread is how many of n things along two axes are taken, up to most in all, as evenly
// along one as along the other.
func spread(n [2]int64, most int64) [2]int64 {
	taken := [2]int64{1, 1}
	for {
		axis := 0
		if n[1]*taken[0] > n[0]*taken[1] { // fewer of those
			axis = 1
		}
		if taken[axis] == n[axis] || taken[0]*taken[1]/taken[axis]*(taken[axis]+1) > most {
			axis = 1 - axis
		}
		if taken[axis] == n[axis] || taken[0]*taken[1]/taken[axis]*(taken[axis]+1) > most {
			return taken
		}
		taken[axis]++
	}
}

// region is a part of a tile with what was decoded of it.
type region struct {
	area, seen box
	list       []float32
	stride     int64
	mean       float32 // of seen; NaN if there is none
}

// load reads what is to be seen of a region.
func (g *region) load(ctx context.Context, p *plane, kept *cache) (err error) {
	if g.list, g.stride, err = p.load(ctx, kept, g.seen, nil); err != nil {
		return err
	}
	sum, n := 0.0, 0
	for r := range g.seen.r1 - g.seen.r0 {
		for _, x := range g.list[r*g.stride : r*g.stride+g.seen.c1-g.seen.c0] {
			if x-x == 0 {
				sum, n = sum+float64(x), n+1
			}
		}
	}
	_, g.mean = marks[float32]()
	if n > 0 {
		g.mean = float32(sum / float64(n))
	}
	return nil
}

// paintRegions makes the cells of a tile.
func paintRegions(t *tile, level levels, all box, regions []region) {
	sum, n := 0.0, 0
	for _, g := range regions {
		if g.mean == g.mean {
			sum, n = sum+float64(g.mean), n+1
		}
	}
	_, other := marks[float32]() // of regions without a number
	if n > 0 {
		other = float32(sum / float64(n))
	}
	cells := func(b box) box { // whose first element lies in a box
		up := func(x, from, size int64, level int) int64 { return min((max(x-from, 0)+1<<level-1)>>level, size) }
		return box{up(b.r0, all.r0, t.h, level.y), up(b.r1, all.r0, t.h, level.y), up(b.c0, all.c0, t.w, level.x), up(b.c1, all.c0, t.w, level.x)}
	}
	for _, g := range regions {
		rest := g.mean
		if rest != rest {
			rest = other
		}
		for b, y := cells(g.area), cells(g.area).r0; y < b.r1; y++ {
			fill(t.cells[y*t.w+b.c0:y*t.w+b.c1], rest)
		}
		for b, y := cells(g.seen), cells(g.seen).r0; y < b.r1; y++ {
			row := g.list[(all.r0+y<<level.y-g.seen.r0)*g.stride:]
			for x := b.c0; x < b.c1; x++ {
				t.cells[y*t.w+x] = row[all.c0+x<<level.x-g.seen.c0]
			}
		}
	}
}
