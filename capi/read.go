//go:build cgo

package main

// #include "tensorfile.h"
import "C"

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"unsafe"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/parallel"
	"github.com/tensorfile/tensorfile/quant"
	"github.com/tensorfile/tensorfile/tensor"
)

// selectionOf is what ranges of C take of a shape, and the shape of that. nil
// takes all.
func selectionOf(ranges *C.tensorfile_range, shape tensor.Shape) (tensor.Selection, tensor.Shape, error) {
	if ranges == nil {
		return nil, shape, nil
	}
	sel, out := make(tensor.Selection, len(shape)), make(tensor.Shape, len(shape))
	for axis, r := range elements(ranges, len(shape)) {
		start, stop, step := int64(r.start), int64(r.stop), int64(r.step)
		bad := func() error {
			return &tensorfile.Error{Kind: tensorfile.ErrIndex, Offset: -1, Field: fmt.Sprintf("range on axis %d", axis), Got: fmt.Sprintf("%d, %d, %d", start, stop, step), Want: fmt.Sprintf("elements of 0 to %d, a step other than 0", shape[axis]-1)}
		}
		if step == 0 {
			return nil, nil, bad()
		}
		n := rangeLen(start, stop, step)
		if n == 0 {
			sel[axis] = tensor.SelectionItem{Kind: tensor.SelectRange, Start: 0, Stop: 0, Step: 1}
			continue
		}
		last := start + int64(n-1)*step // lies before stop, so nothing overflows
		if e := uint64(shape[axis]); uint64(start) >= e || uint64(last) >= e {
			return nil, nil, bad()
		}
		if n == 1 {
			step = 1
		}
		item := tensor.SelectionItem{Kind: tensor.SelectRange, Start: start, Stop: last + 1, Step: step}
		if step < 0 {
			if item.Stop = last - 1; last == 0 {
				item.Stop = tensor.None
			}
		}
		sel[axis], out[axis] = item, int64(n)
	}
	return sel, out, nil
}

// rangeLen is how many elements Python's range(start, stop, step) has.
func rangeLen(start, stop, step int64) uint64 {
	switch {
	case step > 0 && start < stop:
		return (uint64(stop)-uint64(start)-1)/uint64(step) + 1
	case step < 0 && start > stop:
		return (uint64(start)-uint64(stop)-1)/-uint64(step) + 1
	}
	return 0
}

// into looks at size bytes of C as elements in C order.
func into(p unsafe.Pointer, size C.size_t, d tensor.DType, s tensor.Shape) (tensor.View, error) {
	n, err := tensor.ByteSize(d, s)
	if err != nil {
		return tensor.View{}, err
	}
	if uint64(n) != uint64(size) {
		return tensor.View{}, argument("destination: got %d bytes, want %d for %v of %v", uint64(size), n, s, d)
	}
	return viewOf("destination", p, d, s, nil)
}

// located adds to an error of a selection which tensor it is about.
func (h *handle) located(err error) error {
	if e, ok := err.(*tensorfile.Error); ok && e.Path == "" {
		e.Path, e.Tensor = h.f.Path(), h.name
	}
	return err
}

// dense refuses composites, which have no elements but those of their parts.
func (h *handle) dense() error {
	if layout, _, ok := h.t.Composite(); ok {
		return h.located(&tensorfile.Error{Kind: tensorfile.ErrEncoded, Offset: -1, Field: "layout", Got: fmt.Sprintf("composite layout %d", layout), Want: "a dense tensor, or a part"})
	}
	return nil
}

//export tfgo_read
func tfgo_read(n C.tensorfile_tensor, ranges *C.tensorfile_range, dst unsafe.Pointer, size C.size_t, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		h, err := find[*handle](&handles, uint64(n))
		if err != nil {
			return err
		}
		if err := h.dense(); err != nil {
			return err
		}
		sel, shape, err := selectionOf(ranges, h.t.Shape())
		if err != nil {
			return h.located(err)
		}
		v, err := into(dst, size, h.t.DType(), shape)
		if err != nil {
			return h.located(err)
		}
		return h.read(v, sel)
	})
}

// read copies a selection, all for nil, to dst.
func (h *handle) read(dst tensor.View, sel tensor.Selection) error {
	err := apart(dst.ByteSize(), func() error { return h.t.ReadInto(context.Background(), dst, selections(sel)...) })
	if err != nil {
		return err
	}
	return h.bools(dst)
}

// bools refuses a bool that C must not see as one.
func (h *handle) bools(v tensor.View) error {
	if h.t.DType() != tensor.Bool {
		return nil
	}
	_, err := tensor.As[bool](v)
	return h.located(err)
}

// selections is one, or none for all.
func selections(sel tensor.Selection) []tensor.Selection {
	if sel == nil {
		return nil
	}
	return []tensor.Selection{sel}
}

//export tfgo_read_into
func tfgo_read_into(n C.tensorfile_tensor, ranges *C.tensorfile_range, dst *C.tensorfile_array, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		h, err := find[*handle](&handles, uint64(n))
		if err != nil {
			return err
		}
		if err := h.dense(); err != nil {
			return err
		}
		sel, _, err := selectionOf(ranges, h.t.Shape())
		if err != nil {
			return h.located(err)
		}
		v, err := arrayOf("destination", dst)
		if err != nil {
			return h.located(err)
		}
		return h.read(v, sel)
	})
}

//export tfgo_dequantise
func tfgo_dequantise(n C.tensorfile_tensor, d *C.tensorfile_dtype, ranges *C.tensorfile_range, dst unsafe.Pointer, size C.size_t, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		h, err := find[*handle](&handles, uint64(n))
		if err != nil {
			return err
		}
		sel, shape, err := selectionOf(ranges, h.t.Shape())
		if err != nil {
			return h.located(err)
		}
		v, err := into(dst, size, dtypeOf(*d), shape)
		if err != nil {
			return h.located(err)
		}
		return apart(v.ByteSize(), func() error { return h.dequantise(v, sel) })
	})
}

// dequantise writes the numbers that a selection, all for nil, stands for to dst.
func (h *handle) dequantise(dst tensor.View, sel tensor.Selection) error {
	if !quant.KnownBlock(h.t.DType()) {
		return h.t.DequantiseInto(context.Background(), dst, selections(sel)...)
	}
	blocks, err := h.t.Read(context.Background(), selections(sel)...)
	if err != nil {
		return err
	}
	return h.located(quant.DequantiseBlocks(context.Background(), dst, blocks, h.f.Options().ReadWorkers))
}

//export tfgo_read_rows
func tfgo_read_rows(n C.tensorfile_tensor, rows *C.int64_t, count C.size_t, dst unsafe.Pointer, size C.size_t, e *C.tensorfile_error) C.int32_t {
	return call(e, func() error {
		h, err := find[*handle](&handles, uint64(n))
		if err != nil {
			return err
		}
		if err := h.dense(); err != nil {
			return err
		}
		shape := h.t.Shape()
		if len(shape) == 0 {
			return h.located(&tensorfile.Error{Kind: tensorfile.ErrShape, Offset: -1, Field: "rows", Got: "a scalar", Want: "a tensor with an axis"})
		}
		if h.t.DType().Packed() && len(shape) == 1 {
			return h.located(&tensorfile.Error{Kind: tensorfile.ErrUnsupported, Offset: -1, Field: "rows", Got: "one axis of a packed dtype, whose elements are no bytes", Want: "tensorfile_read"})
		}
		out := shape.Clone()
		out[0] = int64(count)
		v, err := into(dst, size, h.t.DType(), out)
		if err != nil {
			return h.located(err)
		}
		list := make([]int64, count)
		for i, r := range elements(rows, int(count)) {
			if r < 0 || int64(r) >= shape[0] {
				return h.located(&tensorfile.Error{Kind: tensorfile.ErrIndex, Offset: -1, Field: fmt.Sprintf("row %d of the list", i), Got: fmt.Sprint(int64(r)), Want: fmt.Sprintf("0 to %d", shape[0]-1)})
			}
			list[i] = int64(r)
		}
		if err := apart(v.ByteSize(), func() error { return readRows(context.Background(), h.t, list, v) }); err != nil {
			return err
		}
		return h.bools(v)
	})
}

// A wish is a row that is wanted and where.
type wish struct{ row, at int64 }

// maxSlab bounds the memory for rows that are read together and not all wanted.
const maxSlab = 64 << 20

// readRows reads rows along axis 0, which are in the tensor, to dst in C order.
func readRows(ctx context.Context, t *tensorfile.Tensor, rows []int64, dst tensor.View) error {
	if dst.NumElements() == 0 {
		return nil
	}
	image, err := dst.Bytes()
	if err != nil {
		return err
	}
	size := int64(len(image)) / int64(len(rows))
	workers := t.File().Options().ReadWorkers
	if ok, err := copyRows(t, rows, image, size, workers); ok || err != nil {
		return err
	}
	wishes := make([]wish, len(rows))
	for i, r := range rows {
		wishes[i] = wish{r, int64(i)}
	}
	slices.SortFunc(wishes, func(a, b wish) int { return cmp.Or(cmp.Compare(a.row, b.row), cmp.Compare(a.at, b.at)) })
	slab := int64(1)
	if c := t.ChunkShape(); c != nil && c[0]*size <= maxSlab {
		slab = c[0]
	}
	groups := together(wishes, slab, max(1, maxSlab/size))
	return parallel.Each(workers, int64(len(groups)), func(i int64) error {
		g := groups[i]
		return readSlab(ctx, t, g, image, size)
	})
}

// together cuts wishes, which ascend, into those that are read at once: rows that
// follow each other, not more than most of them, or lie in one slab of rows.
func together(wishes []wish, slab, most int64) [][]wish {
	var groups [][]wish
	for begin, i := 0, 1; i <= len(wishes); i++ {
		if i < len(wishes) {
			row, before := wishes[i].row, wishes[i-1].row
			if row == before || slab > 1 && row/slab == before/slab || slab == 1 && row == before+1 && row-wishes[begin].row < most {
				continue
			}
		}
		groups = append(groups, wishes[begin:i])
		begin = i
	}
	return groups
}

// readSlab reads the rows from the first to the last of a group and puts them
// where they are wanted: at once if that is as they lie.
func readSlab(ctx context.Context, t *tensorfile.Tensor, g []wish, image []byte, size int64) error {
	first, n := g[0].row, g[len(g)-1].row-g[0].row+1
	shape := t.Shape().Clone()
	shape[0] = n
	sel := tensor.Selection{{Kind: tensor.SelectRange, Start: first, Stop: first + n, Step: 1}}
	straight := int64(len(g)) == n
	for i := range g {
		straight = straight && g[i].at == g[0].at+int64(i) && g[i].row == first+int64(i)
	}
	var b []byte
	if straight {
		b = image[g[0].at*size:][:n*size]
	} else {
		b = make([]byte, n*size)
	}
	v, err := tensor.NewView(b, t.DType(), shape, nil, 0, tensor.HostOrder)
	if err != nil {
		return err
	}
	if err := t.ReadInto(ctx, v, sel); err != nil || straight {
		return err
	}
	for _, w := range g {
		copy(image[w.at*size:][:size], b[(w.row-first)*size:][:size])
	}
	return nil
}

// copyRows copies rows that a mapping has as they are wanted; false if it has not.
func copyRows(t *tensorfile.Tensor, rows []int64, image []byte, size int64, workers int) (bool, error) {
	v, err := t.View()
	if err != nil || v.Order() != tensor.HostOrder {
		return false, nil
	}
	if _, err := v.Bytes(); err != nil {
		return false, nil
	}
	each := max(1, maxSlab/16/size)
	n := int64(len(rows))
	return true, parallel.Each(workers, (n+each-1)/each, func(i int64) error {
		return t.Guard(func(v tensor.View) error {
			b, err := v.Bytes()
			if err != nil {
				return err
			}
			for k := i * each; k < min((i+1)*each, n); k++ {
				copy(image[k*size:][:size], b[rows[k]*size:][:size])
			}
			return nil
		})
	})
}
