package hdf5

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tensorfile/tensorfile/tensor"
)

// chunkAt is a chunk that the file has.
type chunkAt struct {
	number int64 // in C order of the grid
	addr   uint64
	size   int64 // bytes in the file
	mask   uint32
}

// grid is how the chunks of a dataset lie, and where.
type grid struct {
	f       *file
	shape   []int64
	most    []int64 // what the extents may grow to; negative: any
	chunk   []int64
	steps   []int64 // chunks along each axis
	total   int64   // chunks
	elem    int64   // bytes of an element
	raw     int64   // bytes of a chunk that is not filtered
	layout  layout
	filters []filter
	rows    order // of an implicit index
}

// maxChunk bounds a chunk that has to be decoded in memory: what a length of 32
// bits can say, as the format had it for long.
const maxChunk = 1<<32 - 1

// newGrid checks a layout of chunks, of as many axes, against a shape.
func newGrid(f *file, s *dataspace, l layout, filters []filter, elem int64) (*grid, error) {
	bad := func(kind error, field, got, want string) (*grid, error) {
		return nil, fail(kind, -1, field, got, want)
	}
	g := &grid{f: f, shape: s.dims, most: s.most, chunk: l.chunk, elem: elem, layout: l, filters: filters, total: 1}
	var ok bool
	if g.raw, ok = product(append([]int64{elem}, l.chunk...)...); !ok || g.raw > maxChunk {
		return bad(tensor.ErrLimit, "shape of chunks", fmt.Sprintf("%v of elements of %d bytes", l.chunk, elem), "at most 2^32-1 bytes")
	}
	for i, n := range s.dims {
		step := n / l.chunk[i]
		if n%l.chunk[i] != 0 {
			step++
		}
		g.steps = append(g.steps, step)
		if g.total, ok = product(g.total, step); !ok {
			return bad(tensor.ErrOverflow, "chunks", fmt.Sprint(s.dims), "at most 2^63-1")
		}
	}
	return g, nil
}

// load reads the index: the chunks that are in the file, by their numbers.
func (g *grid) load() ([]chunkAt, error) {
	if g.layout.addr == none || g.total == 0 {
		return nil, nil
	}
	var list []chunkAt
	add := func(number int64, addr uint64, size uint64, mask uint32) error {
		if addr == none {
			return nil
		}
		if err := g.check(number, addr, size, mask); err != nil {
			return err
		}
		list = append(list, chunkAt{number, addr, int64(size), mask})
		return nil
	}
	var err error
	switch g.layout.index {
	case indexTree:
		err = g.tree(add)
	case indexSingle:
		size := g.layout.stored
		if size == 0 {
			size = uint64(g.raw)
		}
		if g.total != 1 {
			return nil, fail(tensor.ErrCorrupt, -1, "chunk index", "a single chunk for "+count(g.total), "one chunk")
		}
		err = add(0, g.layout.addr, size, g.layout.mask)
	case indexImplicit:
		return nil, g.implicit()
	case indexFixed:
		err = g.fixed(add)
	case indexExtensible:
		err = g.extensible(add)
	case indexTree2:
		err = g.tree2(add)
	}
	if err != nil {
		return nil, err
	}
	return list, g.distinct(list)
}

// check looks at a chunk: what it takes of the file, and that it can become a
// chunk at all.
func (g *grid) check(number int64, addr, size uint64, mask uint32) error {
	if err := g.f.inside(addr, size, "chunk"); err != nil {
		return inChunk(err, number)
	}
	if skipped := g.plain(number, mask); skipped && int64(size) != g.raw {
		return inChunk(fail(tensor.ErrCorrupt, g.f.place(addr), "size", count(size), count(g.raw)+" of a chunk without filters"), number)
	}
	if int64(size) < g.raw/mostRatio-64 {
		return inChunk(fail(tensor.ErrCorrupt, g.f.place(addr), "size", count(size), "enough for "+count(g.raw)+" bytes"), number)
	}
	return nil
}

// plain reports whether a chunk is stored without filters.
func (g *grid) plain(number int64, mask uint32) bool {
	for i := range g.filters {
		if mask&(1<<i) == 0 {
			return g.layout.partial && g.atEdge(number)
		}
	}
	return true
}

// atEdge reports whether a chunk reaches past the extents.
func (g *grid) atEdge(number int64) bool {
	for i, k := range g.indexOf(number) {
		if g.shape[i]-k*g.chunk[i] < g.chunk[i] {
			return true
		}
	}
	return false
}

// distinct puts the chunks in order and refuses two of one number, and bytes
// that belong to two.
func (g *grid) distinct(list []chunkAt) error {
	slices.SortFunc(list, func(a, b chunkAt) int { return cmp.Compare(a.addr, b.addr) })
	for i := 1; i < len(list); i++ {
		if a, b := list[i-1], list[i]; uint64(a.size) > b.addr-a.addr {
			return inChunk(fail(tensor.ErrCorrupt, g.f.place(b.addr), "bytes", fmt.Sprintf("some that are those of chunk %d, too", a.number), "bytes of its own"), b.number)
		}
	}
	slices.SortFunc(list, func(a, b chunkAt) int { return cmp.Compare(a.number, b.number) })
	for i := 1; i < len(list); i++ {
		if list[i-1].number == list[i].number {
			return inChunk(fail(tensor.ErrDuplicate, g.f.place(list[i].addr), "chunk", "two in one place", "one"), list[i].number)
		}
	}
	return nil
}

func inChunk(err error, number int64) error {
	if e, ok := err.(*tensor.Error); ok && e.Chunk == "" {
		e.Chunk = "chunk " + count(number)
	}
	return err
}

// find is the chunk of a number, if it is in the file.
func (g *grid) find(list []chunkAt, number int64) (chunkAt, bool) {
	if g.layout.index == indexImplicit && g.layout.addr != none {
		at := g.rows.place(g.indexOf(number))
		return chunkAt{number, g.layout.addr + uint64(at*g.raw), g.raw, 0}, true
	}
	i, ok := slices.BinarySearchFunc(list, number, func(c chunkAt, n int64) int { return cmp.Compare(c.number, n) })
	if !ok {
		return chunkAt{}, false
	}
	return list[i], true
}

// number is that of the chunk with an index along each axis; false outside the
// extents.
func (g *grid) number(at []int64) (int64, bool) {
	n := int64(0)
	for i, k := range at {
		if k < 0 || k >= g.steps[i] {
			return 0, false
		}
		n = n*g.steps[i] + k
	}
	return n, true
}

// indexOf is the index of a chunk along each axis.
func (g *grid) indexOf(number int64) []int64 {
	index := make([]int64, len(g.steps))
	for i := len(index) - 1; i >= 0; i-- {
		index[i], number = number%g.steps[i], number/g.steps[i]
	}
	return index
}

type addChunk func(number int64, addr, size uint64, mask uint32) error

// tree reads a B-tree of version 1, whose keys are the first elements of chunks, ascending,
// and a place within the element that is always 0: who looks for a chunk by its key
// finds none of which that is not so.
func (g *grid) tree(add addChunk) error {
	at, last := make([]int64, len(g.shape)), int64(-1)
	return g.f.btree1(g.layout.addr, treeChunks, 8+8*(len(g.shape)+1), func(key *block, child uint64) error {
		size, mask := key.u32(), key.u32()
		for i := range at {
			first := key.uint(8)
			if key.err == nil && first%uint64(g.chunk[i]) != 0 {
				key.wrong(tensor.ErrCorrupt, "first element of a chunk", count(first), "a multiple of "+count(g.chunk[i]))
			}
			at[i] = int64(first / uint64(g.chunk[i]))
		}
		if within := key.uint(8); key.err == nil && within != 0 {
			key.wrong(tensor.ErrCorrupt, "place of a chunk within elements", count(within), "0")
		}
		if key.err != nil {
			return key.err
		}
		return g.placed(key, at, func(n int64) error {
			if n < last { // add refuses it twice
				key.wrong(tensor.ErrCorrupt, "key of a chunk", fmt.Sprint(at), "one after that of the chunk before")
				return key.err
			}
			last = n
			return add(n, child, uint64(size), mask)
		})
	})
}

// placed calls fn with the number of a chunk that must lie inside the extents.
func (g *grid) placed(r *block, at []int64, fn func(n int64) error) error {
	n, ok := g.number(at)
	if !ok {
		r.wrong(tensor.ErrCorrupt, "place of a chunk", fmt.Sprint(at), "inside the grid "+fmt.Sprint(g.steps))
		return r.err
	}
	return fn(n)
}

// tree2 reads a B-tree of version 2.
func (g *grid) tree2(add addChunk) error {
	kind := uint8(treePlain)
	if len(g.filters) > 0 {
		kind = treeFiltered
	}
	at := make([]int64, len(g.shape))
	return g.f.btree2(g.layout.addr, kind, func(r *block) error {
		addr, size, mask := r.address(), uint64(g.raw), uint32(0)
		if kind == treeFiltered {
			size = r.uint(r.left() - 4 - 8*len(at))
			mask = r.u32()
		}
		for i := range at {
			at[i] = int64(r.uint(8))
		}
		if r.err != nil {
			return r.err
		}
		return g.placed(r, at, func(n int64) error { return add(n, addr, size, mask) })
	})
}
