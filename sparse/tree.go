package sparse

import (
	"slices"

	"github.com/tensorfile/tensorfile/tensor"
)

// order are the axes of the levels of a valid CSF array.
func (a *Array) order() []int {
	axes := make([]int, len(a.shape))
	v := a.part(RoleOrder)
	for k := range axes {
		axis, err := tensor.ReadElem[uint8](v, int64(k))
		if err != nil {
			panic("sparse: " + err.Error()) // u8 of that length
		}
		axes[k] = int(axis)
	}
	return axes
}

// keysOfTree are the positions of the entries of a tree, by the order of its
// levels.
func (a *Array) keysOfTree(order []int, workers int) []int64 {
	var keys []int64
	for k, axis := range order {
		ptr := []int64{0, a.part(RoleIdx(k)).NumElements()}
		if k > 0 {
			ptr = load[int64](a.part(RolePtr(k-1)), workers)
		}
		idx := intsOf(a.part(RoleIdx(k)))
		next := fresh[int64](idx.n)
		parents, width := keys, a.shape[axis]
		eachLine(ptr, workers, func(lo, hi int) {
			idx.read(next[ptr[lo]:ptr[hi]], int(ptr[lo]))
			if parents == nil {
				return
			}
			for line := lo; line < hi; line++ {
				base := parents[line] * width
				for e := ptr[line]; e < ptr[line+1]; e++ {
					next[e] += base
				}
			}
		})
		keys = next
	}
	return keys
}

// treeOf makes the parts of a tree of sorted and unique keys, whose axes are
// those of order.
func treeOf[I index](k *keyed, order []int, workers int) ([]Part, error) {
	rank, n := len(k.shape), len(k.keys)
	cuts := parts(n, workers)
	// Of the entry before each range, and of each entry, the coordinates; the
	// first level at which they differ gets a node, and all below it.
	counts := make([][tensor.MaxRank]int, cuts+1)
	walk := func(lo, hi int, node func(from, e int, c []int64)) {
		var div []divider
		if n > 0 {
			div = dividers(k.shape)
		}
		split := func(c []int64, key int64) {
			for axis := rank - 1; axis > 0; axis-- {
				key, c[axis] = div[axis].of(key)
			}
			c[0] = key
		}
		last, c := make([]int64, rank), make([]int64, rank)
		last[0] = -1
		if lo > 0 {
			split(last, k.keys[lo-1])
		}
		for e := lo; e < hi; e++ {
			split(c, k.keys[e])
			from := 0
			for c[from] == last[from] {
				from++
			}
			node(from, e, c)
			last, c = c, last
		}
	}
	split(n, workers, func(p, lo, hi int) {
		at := &counts[p+1]
		walk(lo, hi, func(from, _ int, _ []int64) {
			for level := from; level < rank; level++ {
				at[level]++
			}
		})
	})
	for p := range cuts {
		for level := range rank {
			counts[p+1][level] += counts[p][level]
		}
	}
	idx, ptr := make([][]I, rank), make([][]I, rank-1)
	for level := range rank {
		nodes := counts[cuts][level]
		idx[level] = fresh[I](nodes)
		if level < rank-1 {
			ptr[level] = fresh[I](nodes + 1)
			ptr[level][nodes] = I(counts[cuts][level+1])
		}
	}
	split(n, workers, func(p, lo, hi int) {
		at := counts[p]
		walk(lo, hi, func(from, _ int, c []int64) {
			for level := from; level < rank; level++ {
				idx[level][at[level]] = I(c[level])
				if level < rank-1 {
					ptr[level][at[level]] = I(at[level+1])
				}
				at[level]++
			}
		})
	})
	levels := make([]uint8, rank)
	for i, axis := range order {
		levels[i] = uint8(axis)
	}
	v, err := tensor.FromSlice(levels)
	list := []Part{{RoleOrder, v}}
	for level := range rank {
		if err == nil {
			v, err = tensor.FromSlice(idx[level])
			list = append(list, Part{RoleIdx(level), v})
		}
		if err == nil && level < rank-1 {
			v, err = tensor.FromSlice(ptr[level])
			list = append(list, Part{RolePtr(level), v})
		}
	}
	if err == nil {
		v, err = k.val.view(n)
		list = append(list, Part{RoleValues, v})
	}
	return list, err
}

// checkOrder reports an order of levels that is no permutation.
func checkOrder(order []int, rank int) error {
	sorted := slices.Sorted(slices.Values(order))
	if !slices.Equal(sorted, allAxes(rank)) {
		return fail(tensor.ErrIndex, "order", tensor.Shape(int64s(order)).String(), "each of "+between(0, rank-1)+" once", "")
	}
	return nil
}

func int64s(x []int) []int64 {
	out := make([]int64, len(x))
	for i, v := range x {
		out[i] = int64(v)
	}
	return out
}
