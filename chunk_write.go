package tensorfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"sync"

	"github.com/tensorfile/tensorfile/codec"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/watch"
	"github.com/tensorfile/tensorfile/tensor"
)

// chunkTarget is about how many raw bytes a chunk has if nobody says.
const chunkTarget = 1 << 20

// chunked reports whether the options ask for a grid of chunks.
func (o *TensorOptions) chunked() bool {
	return o != nil && (o.Chunk != nil || o.Codec != "" || o.Fill != nil)
}

// newGridRecord makes the record of a grid that is to be written, but for its
// id, its payload and its pages, and checks the options.
func newGridRecord(d tensor.DType, shape tensor.Shape, o *TensorOptions) (format.StorageRecord, error) {
	rec := format.StorageRecord{Kind: format.StorageGrid, DType: d, Shape: shape.Clone()}
	fail := func(kind error, rule, field, got, want string) (format.StorageRecord, error) {
		return rec, &Error{Kind: kind, Offset: -1, Field: field, Got: got, Want: want, Rule: rule}
	}
	rank, e := len(shape), int64(d.UnitElems)
	if rank == 0 {
		return fail(ErrShape, format.RuleGridRank, "rank of a chunked tensor", "0", "1 or more")
	}
	if rec.Chunk = o.Chunk.Clone(); o.Chunk == nil {
		rec.Chunk = defaultChunk(d, shape)
	}
	if len(rec.Chunk) != rank {
		return fail(ErrShape, format.RuleGridChunk, "chunk shape", rec.Chunk.String(), fmt.Sprintf("one of rank %d", rank))
	}
	for axis, n := range rec.Chunk {
		if n < 1 {
			return fail(ErrShape, format.RuleGridChunk, "chunk shape", rec.Chunk.String(), "extents of 1 or more")
		}
		if axis > 0 {
			rec.Chunk[axis] = min(n, max((shape[axis]+e-1)/e*e, e))
		}
	}
	if last := rec.Chunk[rank-1]; last%e != 0 {
		return fail(ErrShape, format.RuleGridChunk, "chunk extent of the last axis", fmt.Sprint(last), fmt.Sprintf("a multiple of %d, as units of %v hold", e, d))
	}
	if raw, err := tensor.ByteSize(d, rec.Chunk); err != nil || raw > format.MaxChunk {
		return fail(ErrLimit, format.RuleGridChunk, "chunk shape", rec.Chunk.String(), "at most 2^30 bytes of elements")
	}
	if o.Fill != nil {
		if len(o.Fill) != int(d.UnitBytes) || len(o.Fill) > len(rec.Fill) {
			return fail(ErrShape, format.RuleGridFill, "fill", fmt.Sprintf("%d bytes", len(o.Fill)), fmt.Sprintf("one unit of %v, %d bytes, at most %d", d, d.UnitBytes, len(rec.Fill)))
		}
		copy(rec.Fill[:], o.Fill)
	}
	if o.Codec != "" && o.Codec != "raw" {
		rec.Pipelines = o.Codec
		if err := format.CheckPipelines(rec.Pipelines); err != nil {
			return rec, err
		}
		if _, err := parsePipelines(&rec); err != nil {
			return rec, err
		}
	}
	size, err := tensor.ByteSize(d, shape)
	if err != nil {
		return rec, err
	}
	rec.Size = size
	rec.Slabs = uint64(shape[0]/rec.Chunk[0] + min(shape[0]%rec.Chunk[0], 1))
	return rec, nil
}

// defaultChunk is a chunk shape of about chunkTarget: whole axes from the last
// on while they fit, a part of the next.
func defaultChunk(d tensor.DType, shape tensor.Shape) tensor.Shape {
	chunk := make(tensor.Shape, len(shape))
	left := max(chunkTarget/int64(d.UnitBytes), 1) // units
	for axis := len(shape) - 1; axis >= 0; axis-- {
		e := int64(1)
		if axis == len(shape)-1 {
			e = int64(d.UnitElems)
		}
		units := left
		if n := max((shape[axis]+e-1)/e, 1); axis > 0 && n < left {
			units = n
		}
		chunk[axis] = units * e
		left = max(left/units, 1)
	}
	return chunk
}

// chunkEncoder turns raw bytes of boxes into entries and stored bytes.
type chunkEncoder struct {
	rec   *format.StorageRecord
	pipes []*codec.Pipeline
}

func newEncoder(rec *format.StorageRecord) (*chunkEncoder, error) {
	pipes, err := parsePipelines(rec)
	return &chunkEncoder{rec, pipes}, err
}

// chunkJob is a chunk on its way into a file.
type chunkJob struct {
	number   int64
	shape    tensor.Shape                       // of the box
	fill     func(dst tensor.View) error        // gives the elements of the box
	direct   []byte                             // or, if not nil, its raw bytes
	after    func()                             // when direct is not needed any more
	guard    func(fn func() error) error        // around what touches direct; nil: guarded
	entry    format.ChunkEntry                  // Origin is set
	verbatim func(w *chunkWork) ([]byte, error) // or gives the stored bytes of entry, as they are
	placed   bool                               // stored before
	skip     int64                              // so many missing chunks instead
	stored   []byte
	work     *chunkWork
	done     chan struct{}
	err      error
}

// encode fills the entry of a job, but for the offset, and its stored bytes.
func (c *chunkEncoder) encode(j *chunkJob) error {
	e := &j.entry
	if j.skip > 0 {
		return nil
	}
	if j.verbatim != nil {
		var err error
		j.stored, err = j.verbatim(j.work)
		return err
	}
	d := c.rec.DType
	raw := j.direct
	if raw == nil {
		n, err := tensor.ByteSize(d, j.shape)
		if err != nil {
			return err
		}
		raw = scratch(&j.work.raw, n)
		dst, err := tensor.NewView(raw, d, j.shape, nil, 0, tensor.LittleEndian)
		if err != nil {
			return err
		}
		if err := j.fill(dst); err != nil {
			return err
		}
	}
	unit := int(d.UnitBytes)
	if unit <= len(raw) && bytes.Equal(raw[unit:], raw[:len(raw)-unit]) {
		one := raw[:unit]
		small := unit <= len(c.rec.Fill)
		switch {
		case small && bytes.Equal(one, c.rec.Fill[:unit]), !small && firstByte(one) < 0:
			e.Coding = format.CodingMissing
			return nil
		case small:
			e.Coding = format.CodingConstant
			copy(e.Unit[:], one)
			return nil
		}
	}
	e.Coding, j.stored = format.CodingRaw, raw
	for k, p := range c.pipes {
		// Room for what does not become shorter, too, which is given up.
		scratch(&j.work.stored, int64(len(raw)+len(raw)/8+4096))
		out, err := p.Encode(j.work.stored[:0], raw, codec.Box{DType: d, Shape: j.shape})
		if errors.Is(err, codec.ErrNoGain) {
			continue
		}
		if err != nil {
			return err
		}
		j.work.stored = out
		e.Coding, j.stored = uint8(format.CodingPipeline+k), out
		break
	}
	e.Length, e.CRC = uint32(len(j.stored)), format.Checksum(j.stored)
	return nil
}

// beginBytes makes the file ready for bytes of a storage.
func (w *Writer) beginBytes(ctx context.Context) error {
	if err := w.ready(ctx); err != nil {
		return err
	}
	if err := w.prepare(); err != nil {
		return err
	}
	if w.base != nil {
		w.base.dirty = true
	}
	return nil
}

// writeChunks encodes jobs by several workers and writes what comes out in
// their order. note is called with each when its bytes are in the file.
func (w *Writer) writeChunks(ctx context.Context, enc *chunkEncoder, jobs iter.Seq2[*chunkJob, error], note func(j *chunkJob) error) error {
	raw, _ := tensor.ByteSize(enc.rec.DType, enc.rec.Chunk)
	workers := int(max(min(int64(runtime.GOMAXPROCS(0)), mostInFlight/max(raw, 1)), 1))
	inner, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	order, work := make(chan *chunkJob, 2*workers), make(chan *chunkJob)
	wg.Go(func() {
		defer close(order)
		defer close(work)
		for j, err := range jobs {
			if j == nil {
				j = new(chunkJob)
			}
			j.err, j.done = err, make(chan struct{})
			select {
			case order <- j:
			case <-inner.Done():
				return
			}
			if err != nil {
				close(j.done)
				return
			}
			select {
			case work <- j:
			case <-inner.Done():
				close(j.done)
				return
			}
		}
	})
	for range workers {
		wg.Go(func() {
			for j := range work {
				j.work = chunkWorks.Get().(*chunkWork)
				guard := j.guard
				if guard == nil {
					guard = guarded
				}
				j.err = guard(func() error { return enc.encode(j) })
				close(j.done)
			}
		})
	}
	// Whoever reads ahead waits until its memory is not needed any more, also
	// after an error.
	var first error
	for j := range order {
		<-j.done
		if first == nil {
			if first = w.finishChunk(ctx, j, note); first != nil {
				cancel()
			}
		}
		if j.work != nil {
			j.work.release()
		}
		if j.after != nil {
			j.after()
		}
	}
	if first != nil {
		return first
	}
	return ctx.Err()
}

// finishChunk writes what a job has come to.
func (w *Writer) finishChunk(ctx context.Context, j *chunkJob, note func(j *chunkJob) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if j.err != nil {
		return chunkError(j.err, j.number, &j.entry)
	}
	if err := w.putChunk(j); err != nil {
		return err
	}
	if j.entry.IsStored() {
		watch.Add(ctx, int64(j.entry.Length))
	}
	return note(j)
}

// putChunk writes the stored bytes of a job.
func (w *Writer) putChunk(j *chunkJob) error {
	if !j.entry.IsStored() || j.placed || j.skip > 0 {
		return nil
	}
	align := int64(format.Align)
	if j.entry.Coding == format.CodingRaw && len(j.stored) >= format.LargePayload {
		align = 1 << w.alignExp
	}
	if err := w.out.align(align); err != nil {
		return err
	}
	if int64(len(j.stored)) > format.MaxOffset-w.out.off {
		return &Error{Kind: ErrLimit, Offset: w.out.off, Field: "chunk", Got: fmt.Sprint(len(j.stored)), Want: "a file below 2^62 bytes"}
	}
	j.entry.Offset = w.out.off
	guard := j.guard
	if guard == nil {
		guard = guarded
	}
	err := guard(func() error {
		_, err := w.out.Write(j.stored)
		return err
	})
	w.since.bytes += int64(len(j.stored))
	return err
}

// putPage writes a chunk page.
func (w *Writer) putPage(p []byte) (int64, error) {
	if err := w.out.align(format.Align); err != nil {
		return 0, err
	}
	at := w.out.off
	_, err := w.out.Write(p)
	w.since.bytes += int64(len(p))
	return at, err
}

// newGridStorage writes a new grid storage of the chunks that jobs give, all of
// them in order.
func (w *Writer) newGridStorage(ctx context.Context, rec format.StorageRecord, jobs iter.Seq2[*chunkJob, error]) (StorageID, error) {
	if err := w.beginBytes(ctx); err != nil {
		return StorageID{}, err
	}
	rec.ID = w.nextID
	enc, err := newEncoder(&rec)
	if err != nil {
		return StorageID{}, err
	}
	b := format.NewChunkBuilder(&rec, w.putPage)
	if rec.Chunks() > 0 {
		err = w.writeChunks(ctx, enc, jobs, func(j *chunkJob) error {
			if j.entry.IsStored() {
				rec.Stored += int64(j.entry.Length)
			}
			return b.Add(&j.entry)
		})
		if err == nil {
			err = b.Finish()
		}
		if err != nil {
			return StorageID{}, w.failed(err, "chunks")
		}
	}
	w.live += rec.Stored + b.Bytes
	w.storages = append(w.storages, rec)
	w.nextID++
	if w.since.bytes >= journalEvery {
		if err := w.journal(); err != nil {
			return StorageID{}, err
		}
	}
	return StorageID{w, rec.ID, rec.Size}, nil
}

// boxes yields the boxes of a slab of so many rows: its place in it, its first
// index but for axis 0, and its shape. Neither is kept.
func boxes(c *format.Chunks, rows int64) iter.Seq2[int64, [2][]int64] {
	return func(yield func(int64, [2][]int64) bool) {
		rank := len(c.Rec.Shape)
		for col := range c.PerSlab() {
			origin, shape := make([]int64, rank), make(tensor.Shape, rank)
			c.Box(col, rows, origin, shape)
			if !yield(col, [2][]int64{origin, shape}) {
				return
			}
		}
	}
}

// cutBox is the box of v from origin on.
func cutBox(v tensor.View, origin []int64, shape tensor.Shape) (tensor.View, error) {
	var err error
	for axis, n := range shape {
		if n != v.Shape()[axis] {
			if v, err = v.Slice(axis, origin[axis], origin[axis]+n, 1); err != nil {
				return v, err
			}
		}
	}
	return v, nil
}

// asBytes is the memory of a box if that is its raw bytes.
func asBytes(v tensor.View) []byte {
	d := v.DType()
	if v.Order() != tensor.LittleEndian && d.UnitBytes > 1 || d.Packed() && v.Shape()[v.Rank()-1]%int64(d.UnitElems) != 0 {
		return nil
	}
	b, err := v.Bytes()
	if err != nil || len(b) == 0 {
		return nil
	}
	return b
}

// jobOf is the job of a box of v.
func jobOf(v tensor.View, number, row int64, origin []int64, shape tensor.Shape) (*chunkJob, error) {
	part, err := cutBox(v, origin, shape)
	if err != nil {
		return nil, err
	}
	j := &chunkJob{number: number, shape: shape, direct: asBytes(part)}
	j.entry.Origin = row
	j.fill = func(dst tensor.View) error { return tensor.Copy(dst, part) }
	return j, nil
}

// viewJobs are the chunks of a view.
func viewJobs(rec *format.StorageRecord, v tensor.View) iter.Seq2[*chunkJob, error] {
	c := format.NewChunks(nil, rec, &format.Root{})
	return func(yield func(*chunkJob, error) bool) {
		number := int64(0)
		for row := int64(0); row < rec.Shape[0]; row += rec.Chunk[0] {
			for _, box := range boxes(c, min(rec.Chunk[0], rec.Shape[0]-row)) {
				box[0][0] = row
				j, err := jobOf(v, number, row, box[0], box[1])
				if !yield(j, err) || err != nil {
					return
				}
				number++
			}
		}
	}
}

// mostSlab bounds the raw bytes of a slab of a grid that is written from a
// stream, which is held twice.
const mostSlab = 1 << 30

// readerJobs are the chunks of the C-order bytes that r gives, which are read a
// slab ahead.
func readerJobs(rec *format.StorageRecord, r io.Reader) iter.Seq2[*chunkJob, error] {
	c := format.NewChunks(nil, rec, &format.Root{})
	return func(yield func(*chunkJob, error) bool) {
		type slab struct {
			buf []byte
			use sync.WaitGroup // jobs that need it
		}
		var slabs [2]slab
		number := int64(0)
		for row := int64(0); row < rec.Shape[0]; row += rec.Chunk[0] {
			s := &slabs[row/rec.Chunk[0]%2]
			shape := rec.Shape.Clone() // views keep it
			shape[0] = min(rec.Chunk[0], rec.Shape[0]-row)
			n, err := tensor.ByteSize(rec.DType, shape)
			if err == nil && n > mostSlab {
				err = &Error{Kind: ErrLimit, Offset: -1, Field: "bytes of a slab", Got: fmt.Sprint(n), Want: fmt.Sprintf("at most %d: fewer rows in a chunk", mostSlab)}
			}
			if err != nil {
				yield(nil, err)
				return
			}
			s.use.Wait()
			if int64(cap(s.buf)) < n {
				if s.buf, err = readGrowing(r, n); err != nil {
					err = payloadError(err)
				}
			} else if s.buf = s.buf[:n]; true {
				_, err = io.ReadFull(r, s.buf)
				err = payloadError(err)
			}
			var v tensor.View
			if err == nil {
				v, err = tensor.NewView(s.buf, rec.DType, shape, nil, 0, tensor.LittleEndian)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for _, box := range boxes(c, shape[0]) {
				j, err := jobOf(v, number, row, box[0], box[1])
				if err == nil {
					s.use.Add(1)
					j.after = s.use.Done
				}
				if !yield(j, err) || err != nil {
					return
				}
				number++
			}
		}
	}
}

func payloadError(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF || errors.Is(err, ErrTruncated) {
		return &Error{Kind: ErrTruncated, Offset: -1, Field: "payload", Got: "fewer bytes", Want: "as many as the tensor has"}
	}
	return err
}

// placeGrid writes a tensor in chunks, which has elements or none, and notes in
// rec where they are.
func (w *Writer) placeGrid(ctx context.Context, rec *format.TensorRecord, o *TensorOptions, jobs func(*format.StorageRecord) iter.Seq2[*chunkJob, error]) error {
	s, err := newGridRecord(rec.DType, rec.Shape, o)
	if err != nil {
		return err
	}
	strides, err := tensor.Contiguous(rec.DType, rec.Shape)
	if err == nil {
		err = tensor.CheckView(rec.DType, rec.Shape, strides, 0, s.Size)
	}
	if err != nil {
		return err
	}
	id, err := w.newGridStorage(ctx, s, jobs(&s))
	rec.Storage, rec.Offset, rec.Strides = id.id, 0, strides
	return err
}
