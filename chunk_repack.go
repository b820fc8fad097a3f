package tensorfile

import (
	"context"
	"io"
	"iter"
	"strings"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// Recode says how a repack stores the tensor of that name, dtype and shape: by
// Chunk, Codec and Fill of the options, Codec "none" for plain bytes. nil
// leaves its bytes as they are stored. Of tensors that share their bytes the
// one that comes first is asked for all. For the parts of a composite it is
// asked by the name, dtype and shape of that, and Chunk is as in AddComposite.
type Recode func(name string, d tensor.DType, shape tensor.Shape) *TensorOptions

// recoded writes a storage anew as r.recode says and gives the records on it
// their new places. ok is false if the storage is to be copied as it is: nobody
// asked for more, or several views show parts of it.
func (r *replica) recoded(ctx context.Context, c *content, s *format.StorageRecord, recs []*format.TensorRecord) (id StorageID, ok bool, err error) {
	if r.recode == nil || len(recs) == 0 || len(recs[0].Shape) == 0 {
		return id, false, nil
	}
	first := recs[0]
	o, err := r.recodeOf(first)
	if o == nil || err != nil {
		return id, false, err
	}
	var t *Tensor
	whole := s.Kind == format.StorageGrid
	if whole {
		if t, err = gridImage(r.f, c.grid(r.f, s), first.Name); err != nil {
			return id, false, err
		}
	} else {
		if size, e := tensor.ByteSize(first.DType, first.Shape); e != nil || len(recs) > 1 || size == 0 || size > 2*s.Size {
			return id, false, nil // a broadcast would lose what it saves
		}
		if t, err = r.f.nativeTensor(first, nil); err != nil {
			return id, false, err
		}
	}
	image, err := tensor.Contiguous(t.dtype, t.shape)
	if err != nil {
		return id, false, err
	}
	if t.NumElements() == 0 {
		return id, false, nil
	}
	reg, err := t.region()
	if err != nil {
		return id, false, err
	}
	p := newPump(func(out io.Writer) error { return t.writeRegion(ctx, out, reg) })
	defer p.close()
	own, in, err := o.chosenStream(t.dtype, t.shape, p.r)
	if err != nil {
		return id, false, r.w.failed(err, "payload")
	}
	if own == nil {
		id, err = r.w.storage(ctx, t.ByteSize(), readerSource{in})
	} else {
		var rec format.StorageRecord
		if rec, err = newGridRecord(t.dtype, t.shape, own); err == nil {
			id, err = r.w.newGridStorage(ctx, rec, iter.Seq2[*chunkJob, error](readerJobs(&rec, in)))
		}
	}
	if err == nil {
		err = r.w.failed(p.end(), "payload")
	}
	if err != nil {
		return id, false, err
	}
	if !whole {
		first.Offset, first.Strides = 0, image
	}
	r.count++
	if rec := r.w.latest(id.id); rec != nil {
		r.bytes += rec.Stored
	}
	return id, true, nil
}

// recodeOf is how the storage of a tensor or part is written anew; nil: not.
func (r *replica) recodeOf(rec *format.TensorRecord) (*TensorOptions, error) {
	name, _, part := strings.Cut(rec.Name, "\x00")
	if !part {
		return r.recode(rec.Name, rec.DType, rec.Shape), nil
	}
	whole := r.now[name]
	o := r.recode(name, whole.DType, whole.Shape)
	if err := o.forComposite(); err != nil {
		return nil, located(err, r.f.Path(), name)
	}
	role := rec.Name[strings.LastIndexByte(rec.Name, 0)+1:]
	return o.ofPart(format.Part{Role: role, DType: rec.DType, Shape: rec.Shape}, false), nil
}

// gridImage is a tensor that shows all of a grid.
func gridImage(f *File, g *grid, name string) (*Tensor, error) {
	st, err := tensor.Contiguous(g.rec.DType, g.rec.Shape)
	if err != nil {
		return nil, err
	}
	return &Tensor{
		f: f, name: name, dtype: g.rec.DType, shape: g.rec.Shape, strides: st, kind: format.KindDense,
		st: storage{ID: g.rec.ID, Kind: StorageGrid, Size: g.rec.Size, more: &StorageInfo{grid: g}},
	}, nil
}
