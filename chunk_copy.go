package tensorfile

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// gridTables is the number of bytes of the chunk pages of a grid.
func gridTables(src format.Source, root *format.Root, s *format.StorageRecord) (int64, error) {
	return format.NewChunks(src, s, root).TableBytes()
}

// tableBytes is tables of any storage of a generation.
func tableBytes(src format.Source, root *format.Root, s *format.StorageRecord) (int64, error) {
	if s.Kind == format.StorageGrid {
		return gridTables(src, root, s)
	}
	return tables(s), nil
}

// pageMemo remembers the chunk pages of a file that is written with several
// generations, so that those which do not change are written once.
type pageMemo map[[sha256.Size]byte]int64

// put is PutPage with a memory.
func (m pageMemo) put(w *Writer) format.PutPage {
	return func(p []byte) (int64, error) {
		if m == nil {
			return w.putPage(p)
		}
		sum := sha256.Sum256(p)
		if at, ok := m[sum]; ok {
			return at, nil
		}
		at, err := w.putPage(p)
		if err == nil {
			m[sum] = at
		}
		return at, err
	}
}

// gridCopy says how the chunks of a grid are copied as they are.
type gridCopy struct {
	src   gridReader
	from  *File                    // for errors, as is
	name  string                   // of a tensor on it
	id    uint64                   // of the copy; 0: a new one
	moved map[int64]int64          // where chunks went that were copied before, by their place; nil: none
	memo  pageMemo                 // nil: none
	bad   func(i int64, err error) // takes damage to the bytes of a chunk; nil: it is an error
	bytes int64                    // of pages: what came out
	rec   *format.StorageRecord    // what came out
	told  func()                   // see gridReader.expect
}

// verbatimJobs are the chunks of a grid with their stored bytes.
func (c *gridCopy) jobs(ctx context.Context) iter.Seq2[*chunkJob, error] {
	src, path := c.src, c.from.Path()
	return func(yield func(*chunkJob, error) bool) {
		stop := fmt.Errorf("stop")
		next := int64(0)
		gap := func(to int64) bool {
			n := to - next
			next = to
			return n == 0 || yield(&chunkJob{number: to - n, skip: n}, nil)
		}
		err := src.chunks.Walk(format.ChunkVisitor{Entry: func(i int64, e *format.ChunkEntry, _ int64) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !gap(i) {
				return stop
			}
			next = i + 1
			c.told()
			own := *e
			j := &chunkJob{number: i, entry: own}
			if at, ok := c.moved[e.Offset]; ok && e.IsStored() {
				j.placed, j.entry.Offset = true, at
			}
			j.verbatim = func(w *chunkWork) (out []byte, err error) {
				if !own.IsStored() || j.placed {
					return nil, nil
				}
				err = src.store.stored(own.Offset, int(own.Length), &w.stored, func(b []byte) error {
					err := checkStored(b, i, &own)
					if err != nil && c.bad == nil {
						return err
					}
					out = append(w.raw[:0], b...)
					w.raw = out
					if err != nil {
						c.bad(i, err)
					}
					return nil
				})
				if err != nil && c.bad != nil && ctx.Err() == nil {
					out, err = make([]byte, own.Length), nil // bytes that the disk does not give
				}
				return out, located(err, path, c.name)
			}
			if !yield(j, nil) {
				return stop
			}
			return nil
		}})
		if err == nil {
			gap(src.chunks.Len())
		} else if err != stop {
			yield(nil, located(err, path, c.name))
		}
	}
}

// copyGrid writes a grid as it is stored, chunk by chunk, and compares the
// checksums on the way.
func (w *Writer) copyGrid(ctx context.Context, c *gridCopy) (StorageID, error) {
	if err := w.beginBytes(ctx); err != nil {
		return StorageID{}, err
	}
	rec := *c.src.rec
	rec.Shape, rec.Chunk = rec.Shape.Clone(), rec.Chunk.Clone()
	if rec.ID = c.id; rec.ID == 0 {
		rec.ID = w.nextID
	}
	rec.Ref, rec.At = format.Ref{}, 0
	// Chunks that lie on each other would make more of the file than it is.
	if size := c.from.m.Size(); rec.Stored > size {
		err := &Error{Kind: ErrLimit, Format: format.Name, Offset: c.src.rec.At, Field: "payload bytes of a grid", Got: fmt.Sprint(rec.Stored), Want: fmt.Sprintf("at most %d, the size of the file", size), Rule: format.RuleOverlap}
		return StorageID{}, located(err, c.from.Path(), c.name)
	}
	stored := int64(0)
	b := format.NewChunkBuilder(&rec, c.memo.put(w))
	if rec.Chunks() > 0 {
		axes := c.src.wholeAxes()
		told, done := c.src.expect(axes, c.src.touched(axes))
		defer done()
		c.told = told
		places := map[int64]int64{}
		err := w.writeChunks(ctx, &chunkEncoder{rec: &rec}, c.jobs(ctx), func(j *chunkJob) error {
			if j.skip > 0 {
				return b.Skip(j.skip)
			}
			if j.entry.IsStored() {
				if stored += int64(j.entry.Length); stored > rec.Stored {
					return located(finding(format.RuleGridStored, c.src.rec.At, "payload bytes of a grid", fmt.Sprint(rec.Stored), "the sum of its chunks, which is more"), c.from.Path(), c.name)
				}
			}
			if c.moved != nil && j.entry.IsStored() {
				places[j.number] = j.entry.Offset
			}
			return b.Add(&j.entry)
		})
		if err == nil {
			err = b.Finish()
		}
		if err != nil {
			return StorageID{}, w.failed(err, "chunks")
		}
		if rec.Stored = stored; c.moved != nil {
			if err := c.note(places); err != nil {
				return StorageID{}, err
			}
		}
	}
	c.bytes, c.rec = b.Bytes, &rec
	w.live += rec.Stored + b.Bytes
	w.storages = append(w.storages, rec)
	if c.id == 0 {
		w.nextID++
	}
	if w.since.bytes >= journalEvery {
		if err := w.journal(); err != nil {
			return StorageID{}, err
		}
	}
	return StorageID{w, rec.ID, rec.Size}, nil
}

// note remembers where chunks went.
func (c *gridCopy) note(places map[int64]int64) error {
	return c.src.chunks.Walk(format.ChunkVisitor{Entry: func(i int64, e *format.ChunkEntry, _ int64) error {
		if e.IsStored() {
			c.moved[e.Offset] = places[i]
		}
		return nil
	}})
}

// recode is Copy of a tensor into chunks of its own, or out of them.
func (w *Writer) recode(ctx context.Context, rec *format.TensorRecord, t *Tensor, o *TensorOptions) error {
	r, err := t.region()
	if err != nil {
		return err
	}
	p := newPump(func(out io.Writer) error { return t.writeRegion(ctx, out, r) })
	defer p.close()
	own, in, err := o.chosenStream(t.dtype, t.shape, p.r)
	switch {
	case err != nil:
		return w.failed(err, "payload")
	case own == nil && t.NumElements() == 0:
		return placeEmpty(rec)
	case own == nil:
		id, err := w.storage(ctx, t.ByteSize(), readerSource{in})
		if err == nil {
			err = w.failed(p.end(), "payload")
		}
		if err == nil {
			rec.Storage = id.id
			rec.Strides, err = tensor.Contiguous(t.dtype, t.shape)
		}
		return err
	}
	if err := w.placeGrid(ctx, rec, own, func(s *format.StorageRecord) iter.Seq2[*chunkJob, error] { return readerJobs(s, in) }); err != nil {
		return err
	}
	return w.failed(p.end(), "payload")
}

// grid is a grid of a generation of f, which may be an older one or one that was
// put together by recovery.
func (c *content) grid(f *File, s *format.StorageRecord) *grid {
	if g := c.grids[s.ID]; g != nil {
		return newGrid(g.rec, g.src, c.root, -1)
	}
	own := *s
	return newGrid(&own, f.m, c.root, -1)
}

// gridReplica is the copy of a grid by a replica.
type gridReplica struct {
	ref    format.Ref // of the state that was copied last
	size   int64
	tables int64
	moved  map[int64]int64
	memo   pageMemo
}

// changed reports whether a grid that was copied before has changed since.
func (r *replica) changed(s *format.StorageRecord) bool {
	g := r.grids[s.ID]
	return g != nil && (g.ref != s.Ref || g.size != s.Size)
}

// gridStorage copies a grid, or what is new of it.
func (r *replica) gridStorage(ctx context.Context, in *content, s *format.StorageRecord, name string) (StorageID, error) {
	lease, err := r.f.m.Acquire()
	if err != nil {
		return StorageID{}, err
	}
	defer lease.Release()
	g := r.grids[s.ID]
	if g == nil {
		g = &gridReplica{}
		if r.several {
			g.moved, g.memo = map[int64]int64{}, pageMemo{}
		}
		r.grids[s.ID] = g
		r.count++
	} else {
		r.w.regrown++
	}
	c := &gridCopy{src: gridReader{in.grid(r.f, s), fileChunks{r.f.m, lease}}, from: r.f, name: name, id: r.ids[s.ID].id, moved: g.moved, memo: g.memo}
	if r.bad != nil {
		c.bad = func(i int64, err error) { r.bad(s, name, i, err) }
	}
	before := r.w.since.bytes
	id, err := r.w.copyGrid(ctx, c)
	if err != nil {
		return id, err
	}
	r.bytes += max(r.w.since.bytes-before, 0)
	g.ref, g.size, g.tables = s.Ref, s.Size, c.bytes
	return id, nil
}
