package sparse

import (
	"context"
	"slices"

	"github.com/tensorfile/tensorfile/tensor"
)

// keysOfBlocks are the positions of the elements of all blocks, block after
// block.
func (a *Array) keysOfBlocks(k *keyed, workers int) {
	ptr := load[int64](a.part(RoleIndptr), workers)
	b := a.Block()
	width := a.shape[1]
	per := int(b[0] * b[1])
	corner := keysOfLines(ptr, a.part(RoleIndices), width/b[1], workers) // of the block grid
	k.keys = fresh[int64](int(a.nnz))
	grid := by(max(width/b[1], 1))
	split(len(corner), workers, func(_, lo, hi int) {
		for i, key := range corner[lo:hi] {
			row, column := grid.of(key)
			at := row*b[0]*width + column*b[1]
			to := k.keys[(lo+i)*per:]
			for r := range b[0] {
				for c := range b[1] {
					to[r*b[1]+c] = at + r*width + c
				}
			}
		}
	})
	k.val.per = 1
	if k.val.one {
		k.val = words{dtype: k.val.dtype, size: k.val.size, per: per, b: k.val.b, one: true}.whole(len(corner), workers)
		k.val.per = 1
	}
	k.sorted = k.sorted && b[0] == 1 && (k.unique || b[1] == 1)
}

// linesOfBlocks makes rows of blocks: every element of a block is an entry.
func linesOfBlocks[I index](a *Array, val words, workers int) lines[I] {
	ptr, idx := load[I](a.part(RoleIndptr), workers), load[I](a.part(RoleIndices), workers)
	b := a.Block()
	h, w := int(b[0]), int(b[1])
	m := lines[I]{
		ptr: make([]I, int(a.shape[0])+1), idx: fresh[I](int(a.nnz)), width: a.shape[1],
		sorted: a.props.Sorted && (a.props.Unique || w == 1), unique: a.props.Unique,
	}
	val = val.whole(len(idx), workers)
	m.val = val
	m.val.per = 1
	m.val = m.val.like(int(a.nnz))
	k := val.size * w
	eachLine(ptr, workers, func(lo, hi int) {
		for line := lo; line < hi; line++ {
			at := int(ptr[line]) * h * w
			for r := range h {
				m.ptr[line*h+r] = I(at)
				for e := int(ptr[line]); e < int(ptr[line+1]); e++ {
					column := idx[e] * I(w)
					for c := range w {
						m.idx[at+c] = column + I(c)
					}
					copy(m.val.b[at*val.size:at*val.size+k], val.at(e)[r*k:])
					at += w
				}
			}
		}
	})
	m.ptr[a.shape[0]] = I(a.nnz)
	return m
}

// blocksOf packs rows without duplicates into blocks of h x w elements, of
// which those without an entry become fill.
func blocksOf[I index](m lines[I], h, w int, fill []byte, limit budget, workers int) ([]Part, error) {
	n := (len(m.ptr) - 1) / h
	ptr := make([]I, n+1)
	div := by(int64(w))
	// Block columns of a block row, ascending.
	columns := func(buf []I, line int) []I {
		buf = buf[:0]
		last := I(-1)
		for _, i := range m.idx[m.ptr[line*h]:m.ptr[(line+1)*h]] {
			q, _ := div.of(int64(i))
			if I(q) != last {
				last = I(q)
				buf = append(buf, last)
			}
		}
		slices.Sort(buf)
		return slices.Compact(buf)
	}
	// Ranges of block rows with about as many entries.
	parts := lineParts(m.ptr, workers)
	edge := func(p int) int {
		if p == parts {
			return n
		}
		return lineCut(m.ptr, parts, p) / h
	}
	run(parts, func(p int) {
		var buf []I
		for line := edge(p); line < edge(p+1); line++ {
			buf = columns(buf, line)
			ptr[line+1] = I(len(buf))
		}
	})
	total := int64(0) // the blocks may be more than fit an I once they are multiplied
	for line := range n {
		total += int64(ptr[line+1])
		ptr[line+1] = I(total)
	}
	count := int(total)
	if err := limit.product("blocks", total, int64(h), int64(w), int64(m.val.size)); err != nil {
		return nil, err
	}
	idx := fresh[I](count)
	src := m.val
	val := src
	val.per = h * w
	val = val.like(count)
	size := src.size
	run(parts, func(p int) {
		var buf []I
		for line := edge(p); line < edge(p+1); line++ {
			buf = columns(buf, line)
			at := int(ptr[line])
			copy(idx[at:], buf)
			blocks := val.b[at*h*w*size : int(ptr[line+1])*h*w*size]
			if fill == nil {
				clear(blocks)
			} else {
				repeat(blocks, fill)
			}
			for r := range h {
				b := 0
				for e := int(m.ptr[line*h+r]); e < int(m.ptr[line*h+r+1]); e++ {
					q, c := div.of(int64(m.idx[e]))
					if b >= len(buf) || buf[b] != I(q) {
						b, _ = slices.BinarySearch(buf, I(q))
					}
					to := ((b*h+r)*w + int(c)) * size
					copy(blocks[to:to+size], src.at(e))
				}
			}
		}
	})
	pv, err := tensor.FromSlice(ptr)
	if err != nil {
		return nil, err
	}
	iv, err := tensor.FromSlice(idx)
	if err != nil {
		return nil, err
	}
	vv, err := val.view(count, int64(h), int64(w))
	return []Part{{RoleIndptr, pv}, {RoleIndices, iv}, {RoleValues, vv}}, err
}

// blockKeys are the blocks of a valid BSR array as entries of the grid that
// they make.
func (a *Array) blockKeys(workers int) (keyed, error) {
	b := a.Block()
	val, err := valuesOf(a.part(RoleValues))
	if err != nil {
		return keyed{}, err
	}
	grid := tensor.Shape{a.shape[0] / b[0], a.shape[1] / b[1]}
	return keyed{
		shape: grid, bound: grid[0] * grid[1], val: val, sorted: a.props.Sorted, unique: a.props.Unique,
		keys: keysOfLines(load[int64](a.part(RoleIndptr), workers), a.part(RoleIndices), grid[1], workers),
	}, nil
}

// packBlocks makes a BSR array of sorted keys of its grid.
func packBlocks(k *keyed, spec Spec, block [2]int64, p *plan) (*Array, error) {
	wide, err := p.wide(int64(len(k.keys)), k.shape)
	if err != nil {
		return nil, err
	}
	spec.Sorted, spec.Unique = k.sorted, k.unique
	if wide {
		return packBlocksOf[int64](k, spec, block, p)
	}
	return packBlocksOf[int32](k, spec, block, p)
}

func packBlocksOf[I index](k *keyed, spec Spec, block [2]int64, p *plan) (*Array, error) {
	m := linesOfKeys[I](k, p.workers)
	parts, err := m.parts()
	if err == nil {
		parts[2].View, err = k.val.view(len(k.keys), block[0], block[1])
	}
	return finish(spec, parts, err)
}

// EstimateBlock returns the largest extents of blocks, up to 8 x 8, that divide
// the shape and of whose elements at least 70% would be entries; 1 x 1 if there
// are no larger ones. It counts blocks and moves nothing; duplicates count once
// each. Of a structure it looks at the entries kept.
func (a *Array) EstimateBlock(ctx context.Context, o *Options) ([2]int64, error) {
	p, err := o.plan()
	if err != nil {
		return [2]int64{}, err
	}
	if len(a.shape) != 2 {
		return [2]int64{}, fail(tensor.ErrShape, "rank", itoa(len(a.shape)), "2 for bsr", "")
	}
	if err := a.ready(ctx, &p); err != nil {
		return [2]int64{}, err
	}
	m, err := linesOf[int64](a, 0, p.limit, p.workers)
	if err != nil {
		return [2]int64{}, err
	}
	best := [2]int64{1, 1}
	for h := int64(1); h <= 8; h++ {
		for w := int64(1); w <= 8; w++ {
			if h*w <= best[0]*best[1] || a.shape[0]%h != 0 || a.shape[1]%w != 0 {
				continue
			}
			if err := ctx.Err(); err != nil {
				return best, err
			}
			if n := m.blocks(int(h), w, p.workers); n > 0 && float64(len(m.idx)) >= 0.7*float64(n*h*w) {
				best = [2]int64{h, w}
			}
		}
	}
	return best, nil
}

// blocks is the number of blocks that the entries touch.
func (m lines[I]) blocks(h int, w int64, workers int) int64 {
	k := lineParts(m.ptr, workers)
	counts := make([]int64, k)
	n := (len(m.ptr) - 1) / h
	edge := func(p int) int {
		if p == k {
			return n
		}
		return lineCut(m.ptr, k, p) / h
	}
	div := by(w)
	run(k, func(p int) {
		var buf []I
		for line := edge(p); line < edge(p+1); line++ {
			buf = buf[:0]
			for _, i := range m.idx[m.ptr[line*h]:m.ptr[(line+1)*h]] {
				q, _ := div.of(int64(i))
				if len(buf) == 0 || buf[len(buf)-1] != I(q) {
					buf = append(buf, I(q))
				}
			}
			slices.Sort(buf)
			counts[p] += int64(len(slices.Compact(buf)))
		}
	})
	total := int64(0)
	for _, c := range counts {
		total += c
	}
	return total
}
