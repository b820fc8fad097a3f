package tensorfile

import (
	"context"
	"fmt"
	"io"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// Item is a tensor to copy into a file that is being written.
type Item struct {
	Tensor *Tensor
	Name   string // "": the tensor's own
	Attrs  Attrs  // nil: the tensor's own
	// Chunks, if not nil, says how the copy is stored, by its Chunk, Codec and
	// Fill alone: elements are decoded and encoded anew, also if that gives plain
	// bytes. Default: nil, the bytes as they are stored.
	Chunks *TensorOptions
}

// Copy writes tensors of open files, native or foreign, in bounded memory. What
// shares a storage goes on sharing it: the bytes are copied as they are, once,
// and strides, offsets and aliases are kept. Where the format cannot hold that
// (big-endian elements, misaligned fields) or most of a storage would be dead
// bytes, a tensor is copied on its own as Add does. The checksums of native
// sources are compared on the way.
//
// Composites are copied with all their parts. Chunks of the item are options as
// AddComposite takes them. Those of foreign files are checked as there.
func (w *Writer) Copy(ctx context.Context, items ...Item) error {
	type plan struct {
		reached int64
		share   bool
	}
	plans := map[copyKey]*plan{}
	key := func(t *Tensor) copyKey { return copyKey{t.f, t.st.ID} }
	list, err := w.toCopy(ctx, items)
	if err != nil {
		return err
	}
	chunks := make([]*TensorOptions, len(list)) // of what is encoded anew
	for i, it := range list {
		t := it.t
		if t.kind != format.KindDense {
			continue
		}
		p := plans[key(t)]
		if p == nil {
			p = &plan{share: true}
			plans[key(t)] = p
		}
		if chunks[i] = it.chunks; t.st.Kind != StorageEncoded { // of a stream recode looks at the beginning
			var err error
			if chunks[i], err = it.chunks.chosen(t.dtype, t.shape, t.sampler(ctx)); err != nil {
				return located(err, t.f.Path(), t.name)
			}
		}
		if chunks[i] != nil {
			continue
		}
		p.share = p.share && t.fitsAsIs()
		if t.st.Kind == StorageGrid {
			p.reached = t.st.Size // chunks go as they are
			continue
		}
		c, err := compactOf(t.dtype, t.shape, t.strides)
		if err != nil {
			return located(err, t.f.Path(), t.name)
		}
		p.reached += min(c.size, t.st.Size) // at most 2^63-1 each; a wrapped sum only splits
	}
	// Names of one and the same view share what is made of it.
	type view struct {
		copyKey
		what string
	}
	defer w.copyAhead(list)()
	made := map[view]format.TensorRecord{}
	var recs []format.TensorRecord // of one item, with all its parts
	for i, it := range list {
		t := it.t
		if !it.part {
			if err := w.mayAdd(it.rec.Name, nil); err != nil {
				return err
			}
		}
		rec := it.rec
		p := plans[key(t)]
		same := view{key(t), ""}
		if it.chunks != nil {
			same.what = fmt.Sprint(t.offset, t.dtype, t.shape, t.strides, t.order, *it.chunks)
		}
		twin, again := made[same]
		switch {
		case t.kind == format.KindComposite:
		case again:
			rec.Storage, rec.Offset, rec.Strides = twin.Storage, twin.Offset, twin.Strides.Clone()
		case t.NumElements() == 0:
			err = placeEmpty(&rec)
		case chunks[i] != nil:
			err = w.recode(ctx, &rec, t, chunks[i])
		case t.st.Kind == StorageGrid && it.chunks == nil:
			err = w.share(ctx, &rec, t, key(t))
		case p.share && p.reached >= t.st.Size/2 && t.st.Kind != StorageGrid:
			err = w.share(ctx, &rec, t, key(t))
		default:
			err = w.copyOne(ctx, &rec, t)
		}
		recs = append(recs, rec)
		if err == nil && (i == len(list)-1 || !list[i+1].part) {
			err = w.addAll(recs)
			recs = nil
		}
		if err != nil {
			return located(err, t.f.Path(), t.name)
		}
		if same.what != "" {
			made[same] = rec
		}
	}
	return nil
}

// copyAhead says that the storages of what is copied are about to be read, each once.
func (w *Writer) copyAhead(list []copied) (done func()) {
	var all []*Tensor
	var seen map[copyKey]struct{}
	for _, it := range list {
		if it.t.kind != format.KindDense || !it.t.f.m.Expects() {
			continue
		}
		k := copyKey{it.t.f, it.t.st.ID}
		_, there := w.copies[k]
		if _, told := seen[k]; !told && !there {
			if seen == nil {
				seen = map[copyKey]struct{}{}
			}
			seen[k] = struct{}{}
			all = append(all, it.t)
		}
	}
	return ReadAhead(all...)
}

// fitsAsIs reports whether the format can hold t over a verbatim copy of its
// storage.
func (t *Tensor) fitsAsIs() bool {
	return (t.order == tensor.LittleEndian || t.dtype.UnitBytes == 1) &&
		tensor.CheckView(t.dtype, t.shape, t.strides, t.offset, t.st.Size) == nil
}

// share puts rec on a copy of t's storage, which is made if it is not there.
func (w *Writer) share(ctx context.Context, rec *format.TensorRecord, t *Tensor, k copyKey) error {
	id, ok := w.copies[k]
	if !ok {
		var err error
		if id, err = w.copyStorage(ctx, t); err != nil {
			return err
		}
		w.copies[k] = id
	}
	rec.Storage, rec.Offset, rec.Strides = id.id, t.offset, t.strides.Clone()
	return nil
}

func (w *Writer) copyStorage(ctx context.Context, t *Tensor) (StorageID, error) {
	lease, err := t.f.m.Acquire()
	if err != nil {
		return StorageID{}, err
	}
	defer lease.Release()
	switch {
	case t.st.Kind == StorageGrid:
		return w.copyGrid(ctx, &gridCopy{src: gridReader{t.st.more.grid, fileChunks{t.f.m, lease}}, from: t.f, name: t.name})
	case t.st.Kind == StorageEncoded || t.st.Kind == StorageRows:
		in, err := t.openStream(ctx)
		if err != nil {
			return StorageID{}, err
		}
		defer in.Close()
		id, err := w.storage(ctx, t.st.Size, readerSource{in})
		if err == nil {
			err = w.failed(located(t.finish(in, t.st.Size), t.f.Path(), t.name), "payload")
		}
		return id, err
	case t.access().err == nil:
		m := t.f.m.Bytes()
		src := &mapSource{bytesSource: bytesSource{m[t.st.Offset : t.st.Offset+t.st.Size]}, m: t.f.m, lease: lease, off: t.st.Offset}
		id, err := w.blocks(ctx, t.st.Size, src, t.blockExp())
		if err == nil {
			err = w.failed(w.compareSums(t, id), "payload")
		}
		return id, err
	}
	id, err := w.blocks(ctx, t.st.Size, readerSource{io.NewSectionReader(t.f.m, t.st.Offset, t.st.Size)}, t.blockExp())
	if err == nil {
		err = w.failed(w.compareSums(t, id), "payload")
	}
	return id, err
}

// blockExp is the block exponent of a copy of t's storage: that of the source,
// so that sums can be compared.
func (t *Tensor) blockExp() uint8 {
	if t.st.block != 0 {
		return t.st.block
	}
	return format.BlockExp(t.st.Size)
}

// compareSums compares the sums of a storage just written with those that its
// native source has.
func (w *Writer) compareSums(t *Tensor, id StorageID) (err error) {
	defer func() { err = located(err, t.f.Path(), t.name) }()
	rec := w.storageOf(id)
	if t.f.layout != nil || rec.Block != t.st.block || rec.Size == 0 {
		return nil
	}
	if rec.Ref.Length == t.st.sums.Length && rec.Ref.CRC == t.st.sums.CRC {
		return nil // the sum itself, or the sum of the sums
	}
	// Damage that was there before, or bytes that are not what they were?
	if err := t.f.Check(); err != nil {
		return err
	}
	sums, err := t.f.blockSums(t.st.Size, t.st.block, t.st.sums)
	if err != nil {
		return err
	}
	lease, err := t.f.m.Acquire()
	if err != nil {
		return err
	}
	defer lease.Release()
	for i, want := range sums {
		at := int64(i) << t.st.block
		got, err := t.f.checksum(lease, t.st.Offset+at, min(t.st.Size-at, 1<<t.st.block))
		if err != nil {
			return err
		}
		if got != want {
			return badBlock(t.name, block{off: t.st.Offset + at, sum: want, index: int64(i)}, got)
		}
	}
	return &Error{Kind: ErrChanged, Offset: t.st.Offset, Field: "payload", Got: "bytes that changed while they were copied", Want: "a file at rest"}
}

// copyOne copies the elements of t alone, in the order that they have in
// memory.
func (w *Writer) copyOne(ctx context.Context, rec *format.TensorRecord, t *Tensor) error {
	c, err := compactOf(t.dtype, t.shape, t.strides)
	if err != nil {
		return err
	}
	r, err := t.region()
	if err == nil && c.axes != nil {
		r, err = r.permute(c.axes)
	}
	if err != nil {
		return err
	}
	for i, n := range c.shape {
		if r.shape[i] != n {
			r = r.rows(i, 0, 1)
		}
	}
	if n := r.bytes(); n != c.size {
		return fmt.Errorf("copy of %d bytes planned as %d", n, c.size)
	}
	p := newPump(func(out io.Writer) error { return t.writeRegion(ctx, out, r) })
	defer p.close()
	id, err := w.storage(ctx, c.size, readerSource{p.r})
	if err == nil {
		err = w.failed(p.end(), "payload")
	}
	rec.Storage, rec.Strides = id.id, c.strides
	return err
}
