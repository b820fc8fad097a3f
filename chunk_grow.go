package tensorfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/atomicfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// GrowOptions says how rows are appended to a tensor and how parts of it are
// rewritten. The zero value, and nil, are the defaults.
type GrowOptions struct {
	// Shared allows to change chunks that other names show, too. Default: false,
	// such a change is ErrInUse.
	Shared bool
	// Chunk, Codec and Fill are as in TensorOptions, for the grid that a first
	// append makes of a tensor of plain bytes. Default: chunks of about 1 MiB,
	// stored as they are.
	Chunk tensor.Shape
	Codec string
	Fill  []byte
}

// GrowResult says what an append or a rewrite did.
type GrowResult struct {
	// Rewritten says that the tensor was plain bytes and is now, once and for
	// all, a grid of chunks: all its elements were written.
	Rewritten bool
	Chunks    int   // that were written
	Bytes     int64 // of stored chunks and their pages
}

// writerChunks reads chunks through the descriptor of a writer.
type writerChunks struct{ src format.Source }

func (s writerChunks) stored(off int64, n int, buf *[]byte, fn func([]byte) error) error {
	b := scratch(buf, int64(n))
	if _, err := s.src.ReadAt(b, off); err != nil {
		return err
	}
	return fn(b)
}

// gridNow opens a grid as it stands in the file that is being edited, chunks
// that were written since the last commit included.
func (w *Writer) gridNow(rec *format.StorageRecord) (gridReader, error) {
	if err := w.beginBytes(context.Background()); err != nil {
		return gridReader{}, err
	}
	if err := w.out.flush(); err != nil {
		return gridReader{}, w.failed(err, "payload")
	}
	root := w.base.root
	root.Length = w.out.off + format.RootSize
	own := *rec
	return gridReader{newGrid(&own, w.base.src, &root, -1), writerChunks{w.base.src}}, nil
}

// grown is a tensor whose chunks are to change.
type grown struct {
	rec     *format.TensorRecord
	storage format.StorageRecord
	shared  bool
}

// growable finds the tensor called name and its storage.
func (w *Writer) growable(name string, o *GrowOptions) (*grown, error) {
	rec, err := w.existing(name)
	if err != nil {
		return nil, err
	}
	if rec.Kind != format.KindDense {
		return nil, &Error{Kind: ErrUnsupported, Offset: -1, Field: "tensor", Got: "a composite", Want: "a dense tensor"}
	}
	return w.grownOf(rec, o)
}

// grownOf finds the storage of a dense tensor or part.
func (w *Writer) grownOf(rec *format.TensorRecord, o *GrowOptions) (*grown, error) {
	g := &grown{rec: rec}
	if rec.Storage == 0 {
		return g, nil
	}
	if s := w.latest(rec.Storage); s != nil {
		g.storage = *s
	} else if found, err := w.current().Storage(rec.Storage, &g.storage); err != nil || !found {
		if err == nil {
			err = &Error{Kind: ErrCorrupt, Format: format.Name, Offset: rec.At, Field: "storage id", Got: fmt.Sprint(rec.Storage), Want: "a storage of this generation", Rule: format.RuleTensorStorage}
		}
		return nil, err
	}
	if g.storage.Kind != format.StorageGrid {
		return g, nil
	}
	n, err := w.namesOn(rec.Storage)
	if err != nil {
		return nil, err
	}
	if g.shared = n > 1; g.shared && (o == nil || !o.Shared) {
		return nil, &Error{Kind: ErrInUse, Offset: -1, Field: "storage", Got: fmt.Sprintf("one that %d names share", n), Want: "the option Shared, as all of them show the change"}
	}
	return g, nil
}

// namesOn is the number of names on a storage as things stand.
func (w *Writer) namesOn(id uint64) (int, error) {
	if w.base.refs == nil || w.revertTo != nil {
		if err := w.countNames(); err != nil {
			return 0, err
		}
	}
	n := w.base.refs[id]
	var old format.TensorRecord
	for key, rec := range w.changes {
		found, err := w.current().Tensor(key, &old)
		if err != nil {
			return 0, err
		}
		if found && old.Storage == id {
			n--
		}
		if rec.Storage == id {
			n++
		}
	}
	return n, nil
}

// Append adds rows behind the last row of the tensor called name, along its
// axis 0, in the next commit. rows has the tensor's dtype and its shape but for
// axis 0. Chunks that are there stay: what is new goes to new ones, and a short
// last row of chunks is written again only if it is small beside what is
// appended, or if many such rows are small together (spec, "Growing").
//
// A tensor of plain bytes is first rewritten as a grid of chunks, once, and the
// result says so. Names that share the chunks keep their own shape.
func (w *Writer) Append(ctx context.Context, name string, rows tensor.View, o *GrowOptions) (GrowResult, error) {
	g, err := w.growable(name, o)
	if err != nil {
		return GrowResult{}, located(err, w.path, name)
	}
	total, err := grownShape(g.rec, rows)
	if err != nil || rows.Shape()[0] == 0 {
		return GrowResult{}, located(err, w.path, name)
	}
	res, err := w.growDense(ctx, g, rows, total, o)
	return res, located(err, w.path, name)
}

// grownShape is the shape of a dense tensor with rows behind it.
func grownShape(rec *format.TensorRecord, rows tensor.View) (tensor.Shape, error) {
	d, shape := rec.DType, rec.Shape
	bad := func(kind error, field, got, want string) (tensor.Shape, error) {
		return nil, &Error{Kind: kind, Offset: -1, Field: field, Got: got, Want: want}
	}
	switch {
	case len(shape) == 0:
		return bad(ErrShape, "append", "a tensor of rank 0", "one with an axis 0")
	case rows.DType() != d:
		return bad(ErrDType, "rows", rows.DType().String(), d.String())
	case rows.Rank() != len(shape) || !rows.Shape()[1:].Equal(shape[1:]):
		return bad(ErrShape, "rows", rows.Shape().String(), fmt.Sprintf("any number of rows of shape %v", shape[1:]))
	case d.Packed() && len(shape) == 1 && shape[0]%int64(d.UnitElems) != 0:
		return bad(ErrUnsupported, "append", fmt.Sprintf("behind %d elements of %v", shape[0], d), fmt.Sprintf("behind whole units of %d elements", d.UnitElems))
	}
	total := shape.Clone()
	if total[0] += rows.Shape()[0]; total[0] < 0 {
		return bad(ErrOverflow, "rows", rows.Shape().String(), "at most 2^63-1 in all")
	}
	_, err := tensor.ByteSize(d, total)
	return total, err
}

// growDense adds rows, of which there may be none, to a dense tensor or part.
func (w *Writer) growDense(ctx context.Context, g *grown, rows tensor.View, total tensor.Shape, o *GrowOptions) (GrowResult, error) {
	switch {
	case rows.Shape()[0] == 0:
		return GrowResult{}, nil
	case g.storage.Kind != format.StorageGrid:
		return w.rewrite(ctx, g, rows, total, o)
	}
	return w.appendRows(ctx, g, rows, total)
}

// rewrite makes a grid of a tensor that is plain bytes, or none, and of the
// rows behind it.
func (w *Writer) rewrite(ctx context.Context, g *grown, rows tensor.View, total tensor.Shape, o *GrowOptions) (GrowResult, error) {
	t, done, err := w.asStored(ctx, g)
	if err != nil {
		return GrowResult{}, err
	}
	defer done()
	to := &TensorOptions{Codec: "raw"}
	if o != nil {
		to.Chunk, to.Fill = o.Chunk, o.Fill
		if o.Codec != "" {
			to.Codec = o.Codec
		}
	}
	rec := *g.rec
	rec.Shape = total
	before := w.out.off
	p := newPump(func(out io.Writer) error {
		if t.NumElements() > 0 {
			if err := t.WriteCOrder(ctx, out); err != nil {
				return err
			}
		}
		return rows.WriteCOrder(out, tensor.LittleEndian)
	})
	defer p.close()
	own, r, err := to.chosenStream(rec.DType, total, p.r)
	if err != nil {
		return GrowResult{}, w.failed(err, "payload")
	}
	if own == nil { // rows come in chunks, smaller or not
		own = &TensorOptions{Codec: "raw", Chunk: to.Chunk, Fill: to.Fill}
	}
	chunks := 0
	err = w.placeGrid(ctx, &rec, own, func(s *format.StorageRecord) iter.Seq2[*chunkJob, error] {
		chunks = int(s.Chunks())
		return readerJobs(s, r)
	})
	if err == nil {
		err = w.failed(p.end(), "payload")
	}
	if err == nil {
		w.put(rec)
	}
	return GrowResult{Rewritten: t.NumElements() > 0, Chunks: chunks, Bytes: w.out.off - before}, err
}

// sourceReader is a source as an io.ReaderAt.
type sourceReader struct{ src fileSource }

func (s sourceReader) ReadAt(p []byte, off int64) (int, error) { return s.src.ReadAt(p, off) }

const (
	absorbShare = 8        // a last slab that is smaller than this share of what is appended is written again
	foldSlabs   = 16       // so many last slabs become one
	foldBytes   = 64 << 10 // if they hold less
)

// keptSlabs decides how many slabs stay as they are when rows are appended, and
// gives the first row behind them.
func keptSlabs(c *format.Chunks, k *format.ChunkCursor, rowBytes, total int64) (keep, start int64, err error) {
	s := c.Rec
	keep, start = int64(s.Slabs), s.Shape[0]
	if keep == 0 {
		return 0, 0, nil
	}
	begin, end, err := k.Slab(keep - 1)
	if err != nil {
		return 0, 0, err
	}
	if last := end - begin; last < s.Chunk[0] && last*rowBytes < (total-start)*rowBytes/absorbShare {
		keep, start = keep-1, begin
	}
	slabs := func(rows int64) int64 { return (rows-1)/s.Chunk[0] + 1 }
	more := slabs(total - start)
	if short := keep > 0 && start == s.Shape[0] && end-begin < s.Chunk[0]; more >= foldSlabs || keep+more < foldSlabs || !s.HasSlabs && !short {
		return keep, start, nil
	}
	first := keep - (foldSlabs - more)
	begin, _, err = k.Slab(first)
	if err == nil && (total-begin)*rowBytes < foldBytes && slabs(total-begin) < foldSlabs {
		keep, start = first, begin
	}
	return keep, start, err
}

// appendRows adds rows to a grid.
func (w *Writer) appendRows(ctx context.Context, g *grown, rows tensor.View, total tensor.Shape) (GrowResult, error) {
	s := &g.storage
	order := make([]int, len(total))
	for i := range order {
		order[i] = i
	}
	if n := g.rec.Shape; s.Shape[0] != n[0] || !empty(n) {
		var ok bool
		if order, ok = format.GridAxes(g.rec.DType, n, g.rec.Strides, g.rec.Offset, s); !ok || order[0] != 0 {
			return GrowResult{}, &Error{Kind: ErrUnsupported, Offset: -1, Field: "append", Got: "a tensor whose axis 0 is not that of its chunks", Want: "rows along the axis 0 of the chunks"}
		}
		if n[0] != s.Shape[0] {
			return GrowResult{}, &Error{Kind: ErrUnsupported, Offset: -1, Field: "append", Got: fmt.Sprintf("%d rows of chunks that have %d", n[0], s.Shape[0]), Want: "a tensor that shows all rows"}
		}
	}
	if slices.IsSorted(order) {
		order = nil
	}
	if order != nil {
		var err error
		if rows, err = rows.Permute(order...); err != nil {
			return GrowResult{}, err
		}
	}
	old, err := w.gridNow(s)
	if err != nil {
		return GrowResult{}, err
	}
	if _, err := old.codecs(); err != nil {
		return GrowResult{}, err
	}
	next := *s
	next.Shape = s.Shape.Clone()
	next.Shape[0] += rows.Shape()[0]
	if next.Size, err = tensor.ByteSize(s.DType, next.Shape); err != nil {
		return GrowResult{}, err
	}
	image, err := tensor.Contiguous(s.DType, next.Shape)
	if err != nil {
		return GrowResult{}, err
	}
	k := old.chunks.Cursor()
	keep, start, err := keptSlabs(old.chunks, k, image[0], next.Shape[0])
	if err != nil {
		return GrowResult{}, err
	}
	more := int64(0)
	if left := next.Shape[0] - start; left > 0 {
		more = (left-1)/s.Chunk[0] + 1
	}
	next.Slabs = uint64(keep + more)
	next.HasSlabs = s.HasSlabs || start != keep*s.Chunk[0]
	var gone replaced
	if err := gone.from(old.chunks, keep); err != nil {
		return GrowResult{}, err
	}
	jobs := func(yield func(*chunkJob, error) bool) {
		boxOf := format.NewChunks(nil, &next, &format.Root{})
		slab := keep
		for row := start; row < next.Shape[0]; row += s.Chunk[0] {
			n := min(s.Chunk[0], next.Shape[0]-row)
			for col, box := range boxes(boxOf, n) {
				j, err := old.grownJob(ctx, rows, image, row, box[0], box[1])
				if err == nil {
					j.number, j.entry.Origin = slab*boxOf.PerSlab()+col, row
				}
				if !yield(j, err) || err != nil {
					return
				}
			}
			slab++
		}
	}
	res, err := w.changeGrid(ctx, old, &next, &gone, jobs)
	if err != nil {
		return res, err
	}
	rec := *g.rec
	rec.Shape = total
	if order == nil {
		rec.Strides = image
	}
	w.put(rec)
	return res, nil
}

func empty(shape tensor.Shape) bool { return slices.Contains(shape, 0) }

// replaced is what chunks that are written anew had stored.
type replaced struct {
	bytes int64
	spans []span
}

func (r *replaced) add(e *format.ChunkEntry) {
	if e.IsStored() {
		r.bytes += int64(e.Length)
		r.spans = append(r.spans, span{e.Offset, e.Offset + int64(e.Length)})
	}
}

// from adds the chunks from a slab on.
func (r *replaced) from(c *format.Chunks, slab int64) error {
	k := c.Cursor()
	for ; slab < int64(c.Rec.Slabs); slab++ {
		for col := range c.PerSlab() {
			var e format.ChunkEntry
			if err := k.Entry(slab, col, &e); err != nil {
				return err
			}
			r.add(&e)
		}
	}
	return nil
}

// grownJob is a chunk of rows from row on, of which the first may be in the old
// grid and the others are new.
func (g gridReader) grownJob(ctx context.Context, rows tensor.View, image tensor.Strides, row int64, origin []int64, shape tensor.Shape) (*chunkJob, error) {
	have := g.rec.Shape[0]
	kept := min(max(have-row, 0), shape[0])
	first := slices.Clone(origin)
	first[0] = max(row-have, 0)
	fresh := shape.Clone()
	fresh[0] -= kept
	var part tensor.View
	var err error
	if fresh[0] > 0 {
		if part, err = cutBox(rows, first, fresh); err != nil {
			return nil, err
		}
	}
	if kept == 0 {
		return &chunkJob{shape: shape, direct: asBytes(part), fill: func(dst tensor.View) error { return tensor.Copy(dst, part) }}, nil
	}
	fill := func(dst tensor.View) error {
		r := region{dtype: g.rec.DType, shape: shape.Clone(), strides: image}
		r.shape[0] = kept
		at := slices.Clone(origin)
		at[0] = row
		for axis, i := range at {
			if axis == len(at)-1 {
				i /= int64(g.rec.DType.UnitElems)
			}
			r.offset += i * image[axis]
		}
		a, err := dst.Slice(0, 0, kept, 1)
		if err == nil {
			err = g.readInto(ctx, a, r, 1)
		}
		if err != nil || fresh[0] == 0 {
			return err
		}
		b, err := dst.Slice(0, kept, shape[0], 1)
		if err != nil {
			return err
		}
		return tensor.Copy(b, part)
	}
	return &chunkJob{shape: shape, fill: fill}, nil
}

// changeGrid writes chunks of a grid anew, or behind it, and the pages that
// lead to them. gone is what the chunks that they replace have stored, which
// the jobs may count.
func (w *Writer) changeGrid(ctx context.Context, old gridReader, next *format.StorageRecord, gone *replaced, jobs iter.Seq2[*chunkJob, error]) (GrowResult, error) {
	enc, err := newEncoder(next)
	if err != nil {
		return GrowResult{}, err
	}
	next.At = 0
	var changes []format.ChunkChange
	var res GrowResult
	err = w.writeChunks(ctx, enc, jobs, func(j *chunkJob) error {
		changes = append(changes, format.ChunkChange{Index: j.number, Entry: j.entry})
		if j.entry.IsStored() {
			next.Stored += int64(j.entry.Length)
			res.Bytes += int64(j.entry.Length)
		}
		return nil
	})
	next.Stored -= gone.bytes
	if err == nil {
		err = format.UpdateChunks(old.chunks, next, changes, func(p []byte) (int64, error) {
			res.Bytes += int64(len(p))
			return w.putPage(p)
		})
	}
	if err != nil {
		return GrowResult{}, w.failed(err, "chunks")
	}
	if w.latest(next.ID) != nil {
		if err := w.forsake(old, next, gone.spans); err != nil {
			return GrowResult{}, w.failed(err, "chunks")
		}
	}
	res.Chunks = len(changes)
	w.storages = append(w.storages, *next)
	w.regrown++
	if w.since.bytes >= journalEvery {
		err = w.journal()
	}
	return res, err
}

// forsake notes what a grid that changed twice since the last commit has left
// behind: no generation will own it, so that it has to be zero.
func (w *Writer) forsake(old gridReader, next *format.StorageRecord, chunks []span) error {
	if err := w.out.flush(); err != nil {
		return err
	}
	root := w.base.root
	root.Length = w.out.off + format.RootSize
	pages := map[format.Ref]struct{}{}
	err := format.NewChunks(w.base.src, next, &root).Walk(format.ChunkVisitor{Page: func(ref format.Ref, level int, _, _ int64) (bool, error) {
		pages[ref] = struct{}{}
		return level == 0, nil
	}})
	if err != nil {
		return err
	}
	leave := func(x span) {
		if x.begin >= w.base.root.Length {
			w.orphans = append(w.orphans, x)
		}
	}
	for _, x := range chunks {
		leave(x)
	}
	return old.chunks.Walk(format.ChunkVisitor{Page: func(ref format.Ref, level int, _, _ int64) (bool, error) {
		if _, ok := pages[ref]; !ok {
			leave(span{int64(ref.Offset), int64(ref.Offset) + int64(ref.Length)})
		}
		return level == 0, nil
	}})
}

// zeroOrphans makes padding of what was left behind.
func (w *Writer) zeroOrphans() error {
	if len(w.orphans) == 0 {
		return nil
	}
	if err := w.out.flush(); err != nil {
		return w.failed(err, "chunks")
	}
	zeros := make([]byte, 64<<10)
	for _, x := range w.orphans {
		for at := x.begin; at < x.end; {
			p := zeros[:min(int64(len(zeros)), x.end-at)]
			n, err := w.base.file.WriteAt(p, at)
			if err != nil {
				return w.failed(atomicfile.FailWrite(err, w.path, at, n, len(p)), "chunks")
			}
			at += int64(n)
		}
	}
	w.orphans = nil
	return nil
}

// WriteRegion replaces the selected elements of the tensor called name, all
// without a selection, by those of v, which has the tensor's dtype and the shape
// of the selection, in the next commit. Chunks that the selection touches are
// read, changed and written anew; the others stay. The tensor is one in chunks.
func (w *Writer) WriteRegion(ctx context.Context, name string, sel tensor.Selection, v tensor.View, o *GrowOptions) (GrowResult, error) {
	res, err := w.writeRegion(ctx, name, sel, v, o)
	return res, located(err, w.path, name)
}

func (w *Writer) writeRegion(ctx context.Context, name string, sel tensor.Selection, v tensor.View, o *GrowOptions) (GrowResult, error) {
	g, err := w.growable(name, o)
	if err != nil {
		return GrowResult{}, err
	}
	if g.storage.Kind != format.StorageGrid {
		return GrowResult{}, &Error{Kind: ErrUnsupported, Offset: -1, Field: "tensor", Got: "plain bytes", Want: "one in chunks; replace the tensor, or append to it"}
	}
	r, err := region{g.rec.DType, g.rec.Shape, g.rec.Strides, g.rec.Offset}.selection(sel)
	switch {
	case err != nil:
		return GrowResult{}, err
	case v.DType() != r.dtype:
		return GrowResult{}, &Error{Kind: ErrDType, Offset: -1, Field: "elements", Got: v.DType().String(), Want: r.dtype.String()}
	case !v.Shape().Equal(r.shape):
		return GrowResult{}, &Error{Kind: ErrShape, Offset: -1, Field: "elements", Got: v.Shape().String(), Want: r.shape.String()}
	case r.empty():
		return GrowResult{}, nil
	}
	old, err := w.gridNow(&g.storage)
	if err != nil {
		return GrowResult{}, err
	}
	axes, err := old.gridAxes(r)
	if err == nil {
		_, err = old.codecs()
	}
	if err == nil {
		v, err = turned(v, axes)
	}
	if err != nil {
		return GrowResult{}, err
	}
	next := g.storage
	var gone replaced
	stop := errors.New("stop")
	jobs := func(yield func(*chunkJob, error) bool) {
		err := old.eachPart(axes, v, func(_, _ int64, err error) error { return err }, func(p *chunkPart) error {
			gone.add(&p.entry)
			if !yield(old.changedJob(p), nil) {
				return stop
			}
			return nil
		})
		if err != nil && err != stop {
			yield(nil, err)
		}
	}
	res, err := w.changeGrid(ctx, old, &next, &gone, jobs)
	if err == nil {
		w.put(*g.rec)
	}
	return res, err
}

// changedJob is a chunk of which a part gets the elements of p.dst.
func (g gridReader) changedJob(p *chunkPart) *chunkJob {
	v := p.dst
	j := &chunkJob{number: p.number, shape: p.shape}
	j.entry.Origin = p.entry.Origin
	if p.whole() {
		j.direct = asBytes(v)
		j.fill = func(dst tensor.View) error { return tensor.Copy(dst, v) }
		return j
	}
	whole := *p
	whole.first, whole.n = make([]int64, len(p.n)), p.shape
	j.fill = func(dst tensor.View) error {
		cw := chunkWorks.Get().(*chunkWork)
		defer cw.release()
		whole.dst = dst
		if err := g.read(&whole, cw); err != nil {
			return err
		}
		to, err := p.of(dst)
		if err != nil {
			return err
		}
		return tensor.Copy(to, v)
	}
	return j
}

// gained is how many live bytes the storages that were written since the last
// commit add, those that were changed beyond what they had.
func (w *Writer) gained(cat *format.Catalog, named map[uint64]int) (n int64, err error) {
	root := w.base.root
	root.Length = w.out.off + format.RootSize
	var done map[uint64]struct{}
	for i := len(w.storages) - 1; i >= 0; i-- {
		s := &w.storages[i]
		if named[s.ID] == 0 {
			continue
		}
		if s.Kind == format.StorageGrid {
			if _, ok := done[s.ID]; ok {
				continue
			}
			if done == nil {
				done = map[uint64]struct{}{}
			}
			done[s.ID] = struct{}{}
			if err := w.out.flush(); err != nil {
				return 0, w.failed(err, "payload")
			}
			var old format.StorageRecord
			found, err := cat.Storage(s.ID, &old)
			if err != nil {
				return 0, err
			}
			if found {
				tables, err := gridTables(w.base.src, cat.Root(), &old)
				if err != nil {
					return 0, err
				}
				n -= old.Stored + tables
			}
		}
		tables, err := tableBytes(w.base.src, &root, s)
		if err != nil {
			return 0, err
		}
		n += s.Stored + tables
	}
	return n, nil
}
