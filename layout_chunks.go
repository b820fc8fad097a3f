package tensorfile

import (
	"context"
	"io"
	"slices"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// LayoutChunks says that an encoded storage is a grid of chunks that decode one
// by one: parts of it are read without the rest, and by several goroutines.
type LayoutChunks struct {
	// Shape of the elements, which are in C order, and that of a chunk. Chunks
	// begin at multiples of it, and those at the end may be cut.
	Shape, Chunk tensor.Shape
	// Read decodes chunk number i, counted in C order of the grid, to dst: the
	// elements that lie inside Shape, in C order, as the storage has them. It is
	// safe to call from many goroutines.
	Read func(i int64, dst []byte) error
}

// mostForeign bounds the chunks of a grid of another format.
const mostForeign = 1 << 40

// foreignGrid is the grid of a tensor of a layout that shows all of a storage in
// C order, nil if there is none.
func (f *File) foreignGrid(l *LayoutTensor, s *LayoutStorage) *grid {
	c := s.Chunks
	if c == nil || len(l.Shape) == 0 || l.DType.Packed() || l.Offset != 0 || !l.Shape.Equal(c.Shape) || len(c.Chunk) != len(c.Shape) {
		return nil
	}
	strides, err := tensor.Contiguous(l.DType, l.Shape)
	size, sizeErr := tensor.ByteSize(l.DType, l.Shape)
	if err != nil || sizeErr != nil || size != s.Size || size == 0 || !slices.Equal(strides, l.Strides) {
		return nil
	}
	total := int64(1)
	for i, n := range c.Chunk {
		if n < 1 || (c.Shape[i]-1)/n+1 > mostForeign/total {
			return nil
		}
		total *= (c.Shape[i]-1)/n + 1
	}
	rec := &format.StorageRecord{
		Kind: format.StorageGrid, Size: s.Size, Stored: s.StoredSize, DType: l.DType, Shape: c.Shape, Chunk: c.Chunk,
		Slabs: uint64((c.Shape[0]-1)/c.Chunk[0] + 1),
	}
	// Its pages are absent, so that no entry is looked up in the file.
	return &grid{rec: rec, chunks: format.NewChunks(f.m, rec, &format.Root{}), limit: f.limit, decoded: &f.decoded, read: c.Read, order: l.Order, owner: f.layout.Format}
}

// foreign copies the wanted part of a chunk of another format to its place.
func (g *grid) foreign(p *chunkPart, w *chunkWork) error {
	raw, err := tensor.ByteSize(g.rec.DType, p.shape)
	if err != nil {
		return err
	}
	out, direct := directBytes(p, g.order)
	if !direct {
		if g.limit >= 0 && raw > g.limit {
			err := tooLarge(-1, raw, g.limit)
			err.Format = g.owner
			return err
		}
		out = scratch(&w.raw, raw)
	}
	if err := g.read(p.number, out); err != nil || direct {
		return err
	}
	return p.copyFrom(g.rec.DType, g.order, out)
}

// grid is the grid that the elements of t are in, nil if they are in none.
func (t *Tensor) grid() *grid {
	if t.st.more == nil {
		return nil
	}
	return t.st.more.grid
}

// gridStream opens the elements of a tensor in a grid, or in rows, as one stream, in C order
// and little-endian, which is decoded ahead.
func (t *Tensor) gridStream(ctx context.Context) (*pumpStream, error) {
	r, err := t.region()
	if err != nil {
		return nil, err
	}
	return &pumpStream{newPump(func(w io.Writer) error { return t.writeRegion(ctx, w, r) })}, nil
}

// pumpStream is a pump as a stream.
type pumpStream struct{ *pump }

func (s *pumpStream) Read(p []byte) (int, error) { return s.r.Read(p) }

func (s *pumpStream) Close() error {
	s.close()
	return nil
}
