package tensorfile

import (
	"context"
	"fmt"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// Shrink cuts the tensor called name to its first rows, in the next commit. The
// tensor is one in chunks that no other name shares. Chunks behind the rows are
// dropped, and those that the cut goes through are written again.
func (w *Writer) Shrink(ctx context.Context, name string, rows int64) (GrowResult, error) {
	res, err := w.shrink(ctx, name, rows)
	return res, located(err, w.path, name)
}

func (w *Writer) shrink(ctx context.Context, name string, rows int64) (GrowResult, error) {
	g, err := w.growable(name, nil)
	if err != nil {
		return GrowResult{}, err
	}
	s := &g.storage
	if s.Kind != format.StorageGrid {
		return GrowResult{}, &Error{Kind: ErrUnsupported, Offset: -1, Field: "tensor", Got: "plain bytes", Want: "one in chunks"}
	}
	have := g.rec.Shape[0]
	if rows < 0 || rows > have {
		return GrowResult{}, &Error{Kind: ErrIndex, Offset: -1, Field: "rows", Got: fmt.Sprint(rows), Want: fmt.Sprintf("0 to %d", have)}
	}
	if order, ok := format.GridAxes(g.rec.DType, g.rec.Shape, g.rec.Strides, g.rec.Offset, s); !empty(g.rec.Shape) && (!ok || order[0] != 0) {
		return GrowResult{}, &Error{Kind: ErrUnsupported, Offset: -1, Field: "shrink", Got: "a tensor whose axis 0 is not that of its chunks", Want: "rows along the axis 0 of the chunks"}
	}
	if rows == have && have == s.Shape[0] {
		return GrowResult{}, nil
	}
	old, err := w.gridNow(s)
	if err != nil {
		return GrowResult{}, err
	}
	image, err := tensor.Contiguous(s.DType, s.Shape)
	if err != nil {
		return GrowResult{}, err
	}
	next := *s
	next.Shape = s.Shape.Clone()
	next.Shape[0] = rows
	if next.Size, err = tensor.ByteSize(s.DType, next.Shape); err != nil {
		return GrowResult{}, err
	}
	keep, begin := int64(0), int64(0)
	if rows > 0 {
		k := old.chunks.Cursor()
		end := int64(0)
		if keep, err = k.Find(rows - 1); err == nil {
			begin, end, err = k.Slab(keep)
		}
		if err != nil {
			return GrowResult{}, err
		}
		if end == rows {
			keep, begin = keep+1, rows
		}
	}
	next.Slabs = uint64(keep)
	if begin < rows {
		next.Slabs++
	}
	var gone replaced
	if err := gone.from(old.chunks, keep); err != nil {
		return GrowResult{}, err
	}
	jobs := func(yield func(*chunkJob, error) bool) {
		if begin == rows {
			return
		}
		boxOf := format.NewChunks(nil, &next, &format.Root{})
		for col, box := range boxes(boxOf, rows-begin) {
			j, err := old.grownJob(ctx, tensor.View{}, image, begin, box[0], box[1])
			if err == nil {
				j.number, j.entry.Origin = keep*boxOf.PerSlab()+col, begin
			}
			if !yield(j, err) || err != nil {
				return
			}
		}
	}
	res, err := w.changeGrid(ctx, old, &next, &gone, jobs)
	if err != nil {
		return res, err
	}
	rec := *g.rec
	rec.Shape = g.rec.Shape.Clone()
	rec.Shape[0] = rows
	w.put(rec)
	return res, nil
}
