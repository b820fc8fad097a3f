package sparse

import (
	"context"
	"math"
	"math/bits"
	"strconv"

	"github.com/tensorfile/tensorfile/tensor"
)

// Counts returns for each index of an axis the number of entries there: of axis
// 0 of a matrix the entries of each row. Duplicates, entries equal to the fill
// value and all elements of blocks count, and of a structure the entries that
// are mirrored.
func (a *Array) Counts(ctx context.Context, axis int, o *Options) ([]int64, error) {
	p, err := o.plan()
	if err != nil {
		return nil, err
	}
	if axis < 0 || axis >= len(a.shape) {
		return nil, fail(tensor.ErrIndex, "axis", strconv.Itoa(axis), between(0, len(a.shape)-1), "")
	}
	if err := p.limit.product("counts", a.shape[axis], 8); err != nil {
		return nil, err
	}
	if err := a.ready(ctx, &p); err != nil {
		return nil, err
	}
	counts := make([]int64, a.shape[axis])
	if (a.layout == CSR || a.layout == CSC) && a.layout.major() == axis && a.props.Structure == General {
		ptr := intsOf(a.part(RoleIndptr))
		x := make([]int64, len(counts)+1)
		ptr.read(x, 0)
		for i := range counts {
			counts[i] = x[i+1] - x[i]
		}
		return counts, nil
	}
	k, err := a.keyed(nil, p.workers)
	if err != nil {
		return nil, err
	}
	buf := make([]int64, min(piece, len(k.keys)))
	n := by(max(a.shape[len(a.shape)-1], 1))
	for at := 0; at < len(k.keys); at += piece {
		x := buf[:min(piece, len(k.keys)-at)]
		k.axis(x, axis, at)
		for i, index := range x {
			counts[index]++
			if a.props.Structure != General {
				if row, column := n.of(k.keys[at+i]); row != column {
					counts[row+column-index]++
				}
			}
		}
	}
	return counts, nil
}

// Image counts the entries of a matrix in the cells of a grid of height x width
// that is laid over it: that of entry (i, j) is (i * height / rows, j * width /
// columns), rounded down. The result has dtype tensor.U32 or tensor.U8; counts
// that pass its range stay at its end. What counts is what Counts counts.
// Errors are ErrShape for other ranks or an empty grid, ErrDType and ErrLimit.
func (a *Array) Image(ctx context.Context, height, width int64, d tensor.DType, o *Options) (tensor.View, error) {
	p, err := o.plan()
	if err != nil {
		return tensor.View{}, err
	}
	switch {
	case len(a.shape) != 2:
		return tensor.View{}, fail(tensor.ErrShape, "rank", strconv.Itoa(len(a.shape)), "2 for an image", "")
	case height <= 0 || width <= 0:
		return tensor.View{}, fail(tensor.ErrShape, "image", tensor.Shape{height, width}.String(), "extents above 0", "")
	case d != tensor.U8 && d != tensor.U32:
		return tensor.View{}, fail(tensor.ErrDType, "image", d.String(), "u8 or u32", "")
	}
	if err := p.limit.product("image", height, width, 8); err != nil {
		return tensor.View{}, err
	}
	if err := a.ready(ctx, &p); err != nil {
		return tensor.View{}, err
	}
	k, err := a.keyed(nil, p.workers)
	if err != nil {
		return tensor.View{}, err
	}
	cells := make([]uint64, height*width)
	rows, columns := a.shape[0], a.shape[1]
	div := by(max(columns, 1))
	count := func(row, column int64) {
		cells[cell(row, height, rows)*width+cell(column, width, columns)]++
	}
	for e, key := range k.keys {
		if e&(1<<20-1) == 0 {
			if err := ctx.Err(); err != nil {
				return tensor.View{}, err
			}
		}
		row, column := div.of(key)
		if count(row, column); a.props.Structure != General && row != column {
			count(column, row)
		}
	}
	if d == tensor.U8 {
		return saturated[uint8](cells, math.MaxUint8, height, width)
	}
	return saturated[uint32](cells, math.MaxUint32, height, width)
}

// cell is i * cells / n, rounded down, for i < n.
func cell(i, cells, n int64) int64 {
	hi, lo := bits.Mul64(uint64(i), uint64(cells))
	if hi == 0 {
		return int64(lo / uint64(n))
	}
	q, _ := bits.Div64(hi, lo, uint64(n))
	return int64(q)
}

func saturated[T uint8 | uint32](cells []uint64, most uint64, height, width int64) (tensor.View, error) {
	out := make([]T, len(cells))
	for i, c := range cells {
		out[i] = T(min(c, most))
	}
	return tensor.FromSlice(out, height, width)
}
