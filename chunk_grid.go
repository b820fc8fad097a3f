package tensorfile

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tensorfile/tensorfile/codec"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// grid is a chunked storage of a file: its record, the tree of its chunk pages
// and its pipelines.
type grid struct {
	rec    *format.StorageRecord
	chunks *format.Chunks
	limit  int64 // on the raw bytes of a chunk that needs memory; negative: none

	once  sync.Once
	pipes []*codec.Pipeline
	err   error // a stage is not known

	asked   atomic.Bool     // for the pages of its table that stand before the root
	sound   []atomic.Uint64 // a bit for each raw chunk whose checksum was compared
	decoded *atomic.Int64   // chunks

	// Of another format, the owner: read decodes a chunk, whose elements have this
	// order.
	read  func(i int64, dst []byte) error
	order tensor.ByteOrder
	owner string
}

// mostMarked bounds the chunks of which is remembered that they are sound.
const mostMarked = 1 << 22

// chunkStore gives the stored bytes of chunks.
type chunkStore interface {
	// stored calls fn with bytes [off, off+n), which are valid during the call. A
	// fault on mapped bytes becomes an error. buf may be used and grown.
	stored(off int64, n int, buf *[]byte, fn func(b []byte) error) error
}

// newGrid gives the chunks of a storage of a generation.
func newGrid(rec *format.StorageRecord, src format.Source, root *format.Root, limit int64) *grid {
	g := &grid{rec: rec, chunks: format.NewChunks(src, rec, root), limit: limit, decoded: new(atomic.Int64)}
	if n := g.chunks.Len(); n > 0 && n <= mostMarked {
		g.sound = make([]atomic.Uint64, n/64+1)
	}
	return g
}

// gridKey tells grids of one file apart. An older generation has other chunks
// under the same id.
type gridKey struct {
	id  uint64
	ref format.Ref
}

// gridOf gives the chunks of a storage of the generation that f shows; tensors
// that share it share them.
func (f *File) gridOf(rec *format.StorageRecord) *grid {
	key := gridKey{rec.ID, rec.Ref}
	if g, ok := f.grids.Load(key); ok {
		return g.(*grid)
	}
	own := *rec
	g := newGrid(&own, f.m, f.cat.Root(), f.limit)
	g.decoded = &f.decoded
	x, _ := f.grids.LoadOrStore(key, g)
	return x.(*grid)
}

// gridReader reads a grid from where its bytes are.
type gridReader struct {
	*grid
	store chunkStore
}

// fileChunks reads the stored bytes of chunks of an open file under a lease.
type fileChunks struct {
	m     *mmap.Map
	lease mmap.Lease
}

func (s fileChunks) stored(off int64, n int, buf *[]byte, fn func([]byte) error) error {
	if m := s.m.Bytes(); off <= int64(len(m)) && n <= len(m)-int(off) {
		return s.m.FaultError(s.lease.Guard(func() error { return fn(m[off : off+int64(n) : off+int64(n)]) }), off)
	}
	b := scratch(buf, int64(n))
	if _, err := s.lease.ReadAt(b, off); err != nil {
		return err
	}
	return fn(b)
}

// codecs returns the pipelines of the grid, or says which stage is not known.
func (g *grid) codecs() ([]*codec.Pipeline, error) {
	g.once.Do(func() { g.pipes, g.err = parsePipelines(g.rec) })
	return g.pipes, g.err
}

// parsePipelines reads the pipelines of a grid. Unless all of their stages are
// known none of its elements can be read.
func parsePipelines(rec *format.StorageRecord) ([]*codec.Pipeline, error) {
	if rec.Pipelines == "" {
		return nil, nil
	}
	var list []*codec.Pipeline
	for line := range strings.SplitSeq(rec.Pipelines, "\n") {
		p, err := codec.Parse(line)
		if err == nil {
			err = p.Check(codec.Box{DType: rec.DType, Shape: rec.Chunk})
		}
		if err != nil {
			var e *Error
			if errors.As(err, &e) {
				e.Format, e.Offset = format.Name, rec.At
			}
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// chunkError adds place and number of a chunk to an error about its bytes.
func chunkError(err error, i int64, e *format.ChunkEntry) error {
	var x *Error
	if errors.As(err, &x) {
		if x.Chunk == "" {
			x.Chunk = fmt.Sprintf("chunk %d", i)
		}
		if x.Format == "" {
			x.Format = format.Name
		}
		if x.Offset < 0 && e.IsStored() {
			x.Offset = e.Offset
		}
	}
	return err
}

// checkStored compares the stored bytes b of a chunk with their checksum.
func checkStored(b []byte, i int64, e *format.ChunkEntry) error {
	if got := format.Checksum(b); got != e.CRC {
		return checkError(e.Offset, i, got, e.CRC)
	}
	return nil
}

func checkError(off, i int64, got, want uint32) error {
	return &Error{Kind: ErrCorrupt, Format: format.Name, Chunk: fmt.Sprintf("chunk %d", i), Offset: off, Field: "checksum", Got: fmt.Sprintf("%08x", got), Want: fmt.Sprintf("%08x", want), Rule: format.RuleChunkCRC}
}

// chunkWork is the memory of one goroutine that reads or writes chunks. It is
// used again by others.
type chunkWork struct{ raw, stored, unit []byte }

var chunkWorks = sync.Pool{New: func() any { return new(chunkWork) }}

// keepBytes is the most memory that is kept for the chunks to come.
const keepBytes = 32 << 20

func (w *chunkWork) release() {
	if cap(w.raw)+cap(w.stored)+cap(w.unit) <= keepBytes {
		chunkWorks.Put(w)
	}
}

// chunkPart is a part of a chunk that is wanted: along each axis n elements
// from first on, in steps.
type chunkPart struct {
	number int64
	entry  format.ChunkEntry
	shape  tensor.Shape // of the box
	first  []int64
	step   []int64
	n      tensor.Shape
	dst    tensor.View // of shape n
}

// whole reports whether the part is all of the chunk.
func (p *chunkPart) whole() bool {
	for axis, n := range p.n {
		if n != p.shape[axis] {
			return false
		}
	}
	return true
}

// of cuts the part out of a view of the whole box.
func (p *chunkPart) of(v tensor.View) (tensor.View, error) {
	var err error
	for axis, n := range p.n {
		if n == p.shape[axis] {
			continue
		}
		last := p.first[axis] + (n-1)*p.step[axis]
		if v, err = v.Slice(axis, p.first[axis], last+1, p.step[axis]); err != nil {
			return v, err
		}
	}
	return v, nil
}

// read copies the wanted part of a chunk to its place.
func (g gridReader) read(p *chunkPart, w *chunkWork) (err error) {
	if g.grid.read != nil {
		g.decoded.Add(1)
		return g.foreign(p, w)
	}
	e := &p.entry
	defer func() { err = chunkError(err, p.number, e) }()
	switch e.Coding {
	case format.CodingMissing:
		return fillView(p.dst, g.rec.Fill[:min(int(g.rec.DType.UnitBytes), len(g.rec.Fill))], w)
	case format.CodingConstant:
		return fillView(p.dst, e.Unit[:g.rec.DType.UnitBytes], w)
	case format.CodingRaw:
		return g.store.stored(e.Offset, int(e.Length), &w.stored, func(b []byte) error {
			if err := g.checkRaw(b, p.number, e); err != nil {
				return err
			}
			return p.copyFrom(g.rec.DType, tensor.LittleEndian, b)
		})
	}
	pipes, err := g.codecs()
	if err != nil {
		return err
	}
	raw, err := tensor.ByteSize(g.rec.DType, p.shape)
	if err != nil {
		return err
	}
	out, direct := directBytes(p, tensor.LittleEndian)
	if !direct {
		if g.limit >= 0 && raw > g.limit {
			return tooLarge(e.Offset, raw, g.limit)
		}
		out = scratch(&w.raw, raw)
	}
	err = g.store.stored(e.Offset, int(e.Length), &w.stored, func(b []byte) error {
		if err := checkStored(b, p.number, e); err != nil {
			return err
		}
		return pipes[e.Coding-format.CodingPipeline].Decode(out, b, codec.Box{DType: g.rec.DType, Shape: p.shape})
	})
	if err != nil {
		return err
	}
	g.decoded.Add(1)
	if direct {
		clearTails(out, region{dtype: g.rec.DType, shape: p.shape})
		return nil
	}
	return p.copyFrom(g.rec.DType, tensor.LittleEndian, out)
}

// tooLarge is a chunk that needs more memory than is allowed.
func tooLarge(off, n, limit int64) *Error {
	return &Error{Kind: ErrLimit, Offset: off, Field: "bytes to decode", Got: fmt.Sprint(n), Want: fmt.Sprintf("at most %d (OpenOptions.MaxBytes)", limit)}
}

// directBytes is the memory of dst if a decoder of elements of an order can
// write it as it is.
func directBytes(p *chunkPart, order tensor.ByteOrder) ([]byte, bool) {
	if !p.whole() || p.dst.Order() != order && p.dst.DType().UnitBytes > 1 {
		return nil, false
	}
	b, err := p.dst.Bytes()
	return b, err == nil
}

// copyFrom copies the part out of the raw bytes of the chunk.
func (p *chunkPart) copyFrom(d tensor.DType, order tensor.ByteOrder, raw []byte) error {
	src, err := tensor.NewView(raw, d, p.shape, nil, 0, order)
	if err == nil {
		src, err = p.of(src)
	}
	if err == nil {
		err = tensor.Copy(p.dst, src)
	}
	return err
}

// checkRaw compares a raw chunk with its checksum the first time that it is
// read.
func (g *grid) checkRaw(b []byte, i int64, e *format.ChunkEntry) error {
	if g.sound != nil && g.sound[i/64].Load()&(1<<(i%64)) != 0 {
		return nil
	}
	if err := checkStored(b, i, e); err != nil {
		return err
	}
	if g.sound != nil {
		g.sound[i/64].Or(1 << (i % 64))
	}
	return nil
}

// fillView sets every unit of dst to unit, bit for bit; no bytes are zeros.
func fillView(dst tensor.View, unit []byte, w *chunkWork) error {
	d := dst.DType()
	size := int64(d.UnitBytes)
	if firstByte(unit) < 0 {
		unit = nil
	}
	swapped := dst.Order() != tensor.LittleEndian && size > 1 && unit != nil
	if b, err := dst.Bytes(); err == nil && !swapped {
		repeatUnit(b, unit)
		clearTails(b, region{dtype: d, shape: dst.Shape()})
		return nil
	}
	// A row of units, seen again and again.
	shape := dst.Shape()
	n := int64(1)
	strides := make(tensor.Strides, len(shape))
	if last := len(shape) - 1; d.Packed() {
		n = (shape[last]-1)/int64(d.UnitElems) + 1
		strides[last] = size
	}
	row := scratch(&w.unit, n*size)
	repeatUnit(row, unit)
	src, err := tensor.NewView(row, d, shape, strides, 0, tensor.LittleEndian)
	if err != nil {
		return err
	}
	return tensor.Copy(dst, src)
}

// repeatUnit fills b with unit over and over; no unit is zeros.
func repeatUnit(b, unit []byte) {
	if len(unit) == 0 {
		clear(b)
		return
	}
	for n := copy(b, unit); n < len(b); {
		n += copy(b[n:], b[:n])
	}
}
