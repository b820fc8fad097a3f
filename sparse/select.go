package sparse

import (
	"context"
	"math/bits"
	"slices"

	"github.com/tensorfile/tensorfile/tensor"
)

// Select takes ranges with a step and single indices of the axes, as
// tensor.Selection says. An axis taken by an index goes away; what is left of a
// matrix then is COO of rank 1. Otherwise the layout stays, except that blocks
// which are cut become CSR. New axes are ErrUnsupported, and so is a selection
// of one element: see At.
//
// Rows of CSR, columns of CSC and whole block rows of BSR without a step share
// indices and values with the array, whatever Options.Index says. Only what is
// taken is read: of CSR and CSC the lines, which are validated by themselves if
// the array is not yet; of CSF the branches; of Bitmap the mask and the values
// taken. COO is searched as a whole. A structure is expanded first (General).
func (a *Array) Select(ctx context.Context, sel tensor.Selection, o *Options) (*Array, error) {
	p, err := o.plan()
	if err != nil {
		return nil, err
	}
	if err := workable(a.dtype); err != nil {
		return nil, err
	}
	ranges, shape, err := sel.Resolve(a.shape)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(sel, isNewAxis) {
		return nil, fail(tensor.ErrUnsupported, "selection", "a new axis", "ranges and indices", "")
	}
	if len(shape) == 0 {
		return nil, fail(tensor.ErrUnsupported, "selection", "one element", "a range: At reads elements", "")
	}
	if a.props.Structure != General {
		if a, err = a.General(ctx, o); err != nil {
			return nil, err
		}
	}
	picks := make([]pick, len(ranges))
	whole := true
	for axis, r := range ranges {
		picks[axis] = newPick(r)
		whole = whole && picks[axis].whole(a.shape[axis])
	}
	if whole {
		return a, nil
	}
	switch a.layout {
	case CSR, CSC:
		return a.selectLines(ctx, picks, shape, &p)
	case BSR:
		return a.selectBlocks(ctx, picks, o, &p)
	}
	if err := a.ready(ctx, &p); err != nil {
		return nil, err
	}
	val, err := valuesOf(a.part(RoleValues))
	if err != nil {
		return nil, err
	}
	k := keyed{shape: shape, val: val, sorted: a.props.Sorted, unique: a.props.Unique}
	if k.bound, err = shape.NumElements(); err != nil {
		return nil, err
	}
	for _, pick := range picks {
		k.sorted = k.sorted && pick.Step > 0
	}
	spec := a.spec(a.layout)
	spec.Shape = shape
	var from []int64
	var order []int
	switch a.layout {
	case COO:
		k.keys, from, err = a.selectCOO(picks, p.workers)
	case CSF:
		k.keys, from, order = a.selectTree(picks)
		k.shape = permuted(shape, order)
	default:
		k.keys, from, err = a.selectMask(picks, p.workers)
	}
	if err != nil {
		return nil, err
	}
	k.val = gather(val, from, p.workers)
	return pack(&k, spec, order, &p)
}

func isNewAxis(it tensor.SelectionItem) bool { return it.Kind == tensor.SelectNewAxis }

// pick is what is taken along an axis.
type pick struct {
	tensor.AxisRange
	lo, hi int64 // all that is taken lies in [lo, hi)
	div    divider
}

func newPick(r tensor.AxisRange) pick {
	p := pick{AxisRange: r, div: by(max(r.Step, -r.Step))}
	if r.Count > 0 {
		last := r.First + (r.Count-1)*r.Step
		p.lo, p.hi = min(r.First, last), max(r.First, last)+1
	}
	return p
}

// whole reports whether the axis stays as it is.
func (p pick) whole(n int64) bool { return !p.Drop && p.First == 0 && p.Step == 1 && p.Count == n }

// of returns where an index goes; false if it is not taken.
func (p pick) of(x int64) (int64, bool) {
	if x < p.lo || x >= p.hi {
		return 0, false
	}
	if p.Step == 1 {
		return x - p.First, true
	}
	d := x - p.First
	if p.Step < 0 {
		d = -d
	}
	q, r := p.div.of(d)
	return q, r == 0
}

// selectLines takes part of a compressed matrix, validated or not.
func (a *Array) selectLines(ctx context.Context, picks []pick, shape tensor.Shape, p *plan) (*Array, error) {
	axes := a.lineAxes()
	major, minor := picks[axes[0]], picks[axes[1]]
	c := a.compressed()
	narrow := (major.Step == 1 || major.Step == -1) && minor.whole(a.shape[axes[1]])
	if narrow {
		if err := p.limit.pointers(major.Count); err != nil {
			return nil, err
		}
	}
	switch {
	case a.checked.Load() || major.Count == 0:
	case narrow && c.idx.v.NumElements() <= maxEntries && c.ptr.v.NumElements() <= maxEntries:
		if err := a.validateLines(ctx, &c, int(major.lo), int(major.hi), p.workers); err != nil {
			return nil, err
		}
	default:
		if err := a.ready(ctx, p); err != nil {
			return nil, err
		}
	}
	if narrow && major.Step == 1 && !major.Drop {
		return a.cutLines(&c, major, shape)
	}
	val, err := valuesOf(a.part(RoleValues))
	if err != nil {
		return nil, err
	}
	// Positions of the entries taken, line after line of the result.
	k := keyed{shape: tensor.Shape{major.Count, minor.Count}, sorted: a.props.Sorted && minor.Step > 0, unique: a.props.Unique}
	if k.bound, err = k.shape.NumElements(); err != nil {
		return nil, err
	}
	var from []int64
	buf := make([]int64, min(piece, c.idx.n))
	for i := range major.Count {
		line := int(major.First + i*major.Step)
		begin, end := int(c.ptr.at(line)), int(c.ptr.at(line+1))
		if a.props.Sorted && minor.Count > 0 {
			begin, end = c.search(begin, end, minor.lo), c.search(begin, end, minor.hi)
		}
		if i&1023 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		for at := begin; at < end; at += piece {
			for e, x := range c.idx.window(buf, at, min(at+piece, end)) {
				if to, ok := minor.of(x); ok {
					k.keys = append(k.keys, i*minor.Count+to)
					from = append(from, int64(at+e))
				}
			}
		}
	}
	k.val = gather(val, from, p.workers)
	spec := a.spec(a.layout)
	spec.Shape = shape
	var order []int
	if len(shape) == 1 {
		spec.Layout, k.shape = COO, shape
	}
	return pack(&k, spec, order, p)
}

// validateLines validates some lines of an array that is not validated as a
// whole. It leaves c where it is: what goes through one line allocates nothing.
func (a *Array) validateLines(ctx context.Context, c *compressed, from, to, workers int) error {
	if c.fine(from, to) {
		return nil
	}
	again := a.compressed()
	return again.validate(ctx, from, to, workers)
}

// search returns the first of the sorted entries [lo, hi) whose index is at
// least x.
func (c *compressed) search(lo, hi int, x int64) int {
	for lo < hi {
		if mid := int(uint(lo+hi) / 2); c.idx.at(mid) < x {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// cutLines takes lines that follow each other: pointers of their own, and
// windows on the indices and values.
func (a *Array) cutLines(c *compressed, r pick, shape tensor.Shape) (*Array, error) {
	begin, end := int64(0), int64(0)
	if r.Count > 0 {
		begin, end = c.ptr.at(int(r.lo)), c.ptr.at(int(r.hi))
	}
	ptr, err := cutPointers(&c.ptr, int(r.lo), int(r.Count), begin, end)
	if err != nil {
		return nil, err
	}
	idx, err := a.part(RoleIndices).Slice(0, begin, end, 1)
	if err != nil {
		return nil, err
	}
	val, err := a.part(RoleValues).Slice(0, begin, end, 1)
	if err != nil {
		return nil, err
	}
	cut := &Array{layout: a.layout, shape: shape, dtype: a.dtype, props: a.props, nnz: val.NumElements(), parts: append(make([]Part, 0, 4), Part{RoleIndptr, ptr}, Part{RoleIndices, idx}, Part{RoleValues, val})}
	if cut.size, err = shape.NumElements(); err != nil {
		return nil, err
	}
	if fill, ok := a.Fill(); ok {
		cut.parts = append(cut.parts, Part{RoleFill, fill})
	}
	cut.checked.Store(true) // lines of a valid array, or validated above
	return cut, nil
}

// cutPointers are the pointers of n lines, less what they begin with.
func cutPointers(ptr *ints, lo, n int, begin, end int64) (tensor.View, error) {
	if n == 0 {
		return tensor.FromSlice([]int32{0})
	}
	if ptr.narrow != nil {
		y := make([]int32, n+1)
		for i, v := range ptr.narrow[lo : lo+n+1] {
			y[i] = v - int32(begin)
		}
		return tensor.FromSlice(y)
	}
	x := make([]int64, n+1)
	ptr.read(x, lo)
	for i := range x {
		x[i] -= begin
	}
	if end-begin > maxInt32 {
		return tensor.FromSlice(x)
	}
	y := make([]int32, n+1)
	for i, v := range x {
		y[i] = int32(v)
	}
	return tensor.FromSlice(y)
}

// selectBlocks takes the block rows that are touched, and what is wanted of
// them as rows unless it is all.
func (a *Array) selectBlocks(ctx context.Context, picks []pick, o *Options, p *plan) (*Array, error) {
	b := a.Block()
	rows := picks[0]
	cover := newPick(tensor.AxisRange{First: rows.lo / b[0], Count: (rows.hi+b[0]-1)/b[0] - rows.lo/b[0], Step: 1})
	if err := p.limit.pointers(cover.Count); err != nil {
		return nil, err
	}
	c := a.compressed()
	if !a.checked.Load() && cover.Count > 0 {
		if c.idx.v.NumElements() > maxEntries || c.ptr.v.NumElements() > maxEntries {
			return nil, a.ready(ctx, p)
		}
		if err := a.validateLines(ctx, &c, int(cover.lo), int(cover.hi), p.workers); err != nil {
			return nil, err
		}
	}
	cut, err := a.cutLines(&c, cover, tensor.Shape{cover.Count * b[0], a.shape[1]})
	if err != nil {
		return nil, err
	}
	rows.First -= cover.First * b[0]
	sel := tensor.Selection{rows.item(), picks[1].item()}
	if r := newPick(rows.AxisRange); r.whole(cut.shape[0]) && picks[1].whole(a.shape[1]) {
		return cut, nil
	}
	if cut, err = cut.Convert(ctx, CSR, o); err != nil {
		return nil, err
	}
	return cut.Select(ctx, sel, o)
}

// item is the pick as a selection.
func (p pick) item() tensor.SelectionItem {
	if p.Drop {
		return tensor.SelectionItem{Kind: tensor.SelectIndex, Start: p.First}
	}
	stop := p.First + p.Count*p.Step
	if stop < 0 {
		stop = tensor.None
	}
	return tensor.SelectionItem{Kind: tensor.SelectRange, Start: p.First, Stop: stop, Step: p.Step}
}

// selectCOO goes through all coordinates.
func (a *Array) selectCOO(picks []pick, workers int) (keys, from []int64, err error) {
	axes, err := a.axes()
	if err != nil {
		return nil, nil, err
	}
	n := int(a.nnz)
	type found struct{ keys, from []int64 }
	list := make([]found, parts(n, workers))
	split(n, workers, func(p, lo, hi int) {
		f := &list[p]
		buf, key, at := make([]int64, min(piece, hi-lo)), make([]int64, min(piece, hi-lo)), make([]int64, min(piece, hi-lo))
		for begin := lo; begin < hi; begin += piece {
			m := min(piece, hi-begin)
			for i := range m { // entries that are taken so far
				key[i], at[i] = 0, int64(i)
			}
			for axis, col := range axes {
				x := col.window(buf, begin, begin+min(piece, hi-begin))
				kept := 0
				for i := range m {
					if to, ok := picks[axis].of(x[at[i]]); ok {
						key[kept], at[kept] = key[i]*picks[axis].Count+to, at[i]
						kept++
					}
				}
				m = kept
			}
			for i := range m {
				f.keys = append(f.keys, key[i])
				f.from = append(f.from, at[i]+int64(begin))
			}
		}
	})
	for _, f := range list {
		keys, from = append(keys, f.keys...), append(from, f.from...)
	}
	return keys, from, nil
}

// selectTree goes down the branches that are taken. It returns keys along the
// order of the axes left.
func (a *Array) selectTree(picks []pick) (keys, from []int64, order []int) {
	levels := a.order()
	kept := make([]int, len(picks)) // numbers of the axes in the result
	for axis, n := 0, 0; axis < len(picks); axis++ {
		if kept[axis] = n; !picks[axis].Drop {
			n++
		}
	}
	keys, from = []int64{0}, []int64{0} // the root
	for k, axis := range levels {
		pick := picks[axis]
		if !pick.Drop {
			order = append(order, kept[axis])
		}
		c := compressed{idx: intsOf(a.part(RoleIdx(k))), ptr: intsOf(wholePtr(int(a.part(RoleIdx(k)).NumElements())))}
		if k > 0 {
			c.ptr = intsOf(a.part(RolePtr(k - 1)))
		}
		var nextKeys, next []int64
		for i, node := range from {
			begin, end := int(c.ptr.at(int(node))), int(c.ptr.at(int(node)+1))
			if pick.Count == 0 {
				break
			}
			for e := c.search(begin, end, pick.lo); e < end; e++ {
				x := c.idx.at(e)
				if x >= pick.hi {
					break
				}
				if to, ok := pick.of(x); ok {
					nextKeys, next = append(nextKeys, keys[i]*pick.Count+to), append(next, int64(e))
				}
			}
		}
		keys, from = nextKeys, next
	}
	return keys, from, order
}

// selectMask goes through the rows of the mask that are taken.
func (a *Array) selectMask(picks []pick, workers int) (keys, from []int64, err error) {
	m, err := a.mask()
	if err != nil {
		return nil, nil, err
	}
	for _, p := range picks {
		if p.Count == 0 {
			return nil, nil, nil
		}
	}
	ranks := m.ranks(workers)
	last := picks[len(picks)-1]
	outer := picks[:len(picks)-1]
	at := make([]int64, len(outer))
	for {
		row, base := int64(0), int64(0)
		for axis, p := range outer {
			row = row*a.shape[axis] + p.First + at[axis]*p.Step
			base = base*p.Count + at[axis]
		}
		rank := ranks[row] + int64(m.count(int(row), 0, last.lo))
		m.each(int(row), last.lo, last.hi, func(x uint64, bit int64) {
			for ; x != 0; x &= x - 1 {
				if to, ok := last.of(bit + int64(bits.TrailingZeros64(x))); ok {
					keys, from = append(keys, base*last.Count+to), append(from, rank)
				}
				rank++
			}
		})
		axis := len(outer) - 1
		for ; axis >= 0; axis-- {
			if at[axis]++; at[axis] < outer[axis].Count {
				break
			}
			at[axis] = 0
		}
		if axis < 0 {
			return keys, from, nil
		}
	}
}
