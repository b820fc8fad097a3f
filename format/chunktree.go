package format

import (
	"fmt"

	"github.com/tensorfile/tensorfile/tensor"
)

// Chunks is the tree of pages that leads from a grid storage to its chunks. It
// only reads, and is safe for concurrent use if its Source is; each goroutine
// has a ChunkCursor of its own.
type Chunks struct {
	Rec     *StorageRecord
	src     Source
	end     int64 // pages and stored bytes lie below
	strict  bool
	perSlab int64
	entries int64
	depth   int // level of the root page
	pipes   int
}

// NewChunks gives the chunks of the grid rec, which is of the generation root.
func NewChunks(src Source, rec *StorageRecord, root *Root) *Chunks {
	c := &Chunks{Rec: rec, src: src, end: root.Length - RootSize, strict: root.strict(), perSlab: rec.ChunksPerSlab(), entries: rec.Chunks(), pipes: rec.NumPipelines()}
	c.depth = chunkDepth(c.entries)
	return c
}

// chunkDepth is the level of the root page of a tree of so many entries.
func chunkDepth(entries int64) int {
	d := 0
	for pageSpan(d) < entries {
		d++
	}
	return d
}

// ChunksPerSlab is the number of chunks of a grid in one index step of axis 0.
// The product fits, as that of the extents does.
func (s *StorageRecord) ChunksPerSlab() int64 {
	n := int64(1)
	for axis := 1; axis < len(s.Shape); axis++ {
		n *= s.Steps(axis)
	}
	return n
}

// Steps is the number of chunks of a grid along an axis from 1 on.
func (s *StorageRecord) Steps(axis int) int64 {
	return s.Shape[axis]/s.Chunk[axis] + min(s.Shape[axis]%s.Chunk[axis], 1)
}

// Chunks is the number of chunks of a grid: 0 if any extent is.
func (s *StorageRecord) Chunks() int64 { return int64(s.Slabs) * s.ChunksPerSlab() }

// NumPipelines is the number of pipelines of a grid.
func (s *StorageRecord) NumPipelines() int {
	if s.Pipelines == "" {
		return 0
	}
	n := 1
	for i := range len(s.Pipelines) {
		if s.Pipelines[i] == '\n' {
			n++
		}
	}
	return n
}

// Len is the number of chunks.
func (c *Chunks) Len() int64 { return c.entries }

// PerSlab is the number of chunks in one index step of axis 0.
func (c *Chunks) PerSlab() int64 { return c.perSlab }

// Depth is the number of directory pages on the way to a chunk entry.
func (c *Chunks) Depth() int { return c.depth }

// Box fills shape, of the grid's rank, with the extents of the chunk at place
// col of a slab of so many rows, and origin with its first index but for axis
// 0. It returns the number of raw bytes.
func (c *Chunks) Box(col, rows int64, origin []int64, shape tensor.Shape) int64 {
	s := c.Rec
	for axis := len(s.Shape) - 1; axis > 0; axis-- {
		n := s.Steps(axis)
		origin[axis] = col % n * s.Chunk[axis]
		shape[axis] = min(s.Chunk[axis], s.Shape[axis]-origin[axis])
		col /= n
	}
	shape[0] = rows
	raw, _ := tensor.ByteSize(s.DType, shape) // at most that of a whole chunk
	return raw
}

// A ChunkCursor looks up chunk entries and keeps the pages on the way to the
// last one. It belongs to one goroutine.
type ChunkCursor struct {
	c     *Chunks
	pages []*chunkPage // by level
	Pages int64        // that were read so far

	slab, begin, end int64 // of the slab that was asked for last
	known            bool
	origin           []int64
	shape            tensor.Shape
}

// Cursor begins at no chunk.
func (c *Chunks) Cursor() *ChunkCursor {
	rank := len(c.Rec.Shape)
	return &ChunkCursor{c: c, pages: make([]*chunkPage, c.depth+1), origin: make([]int64, rank), shape: make(tensor.Shape, rank)}
}

// load makes the page of a level that begins at entry first the current one.
func (k *ChunkCursor) load(level int, first int64, ref Ref) (*chunkPage, error) {
	p := k.pages[level]
	if p == nil {
		p = new(chunkPage)
		k.pages[level] = p
	}
	if p.ok && p.first == first && p.ref == ref {
		return p, nil
	}
	p.ok = false
	k.Pages++
	c := k.c
	off := int64(ref.Offset)
	count := pageCount(level, first, c.entries)
	n := pageLength(level, count)
	if int64(ref.Length) != int64(n) {
		return nil, fail(tensor.ErrCorrupt, RuleChunkPageLength, off, "chunk page", fmt.Sprintf("%d bytes", ref.Length), fmt.Sprintf("%d for %d entries", n, count))
	}
	b := p.b[:n]
	if _, err := c.src.ReadAt(b, off); err != nil {
		return nil, err
	}
	if got := Checksum(b); got != ref.CRC {
		return nil, badSum(RuleRefCRC, off, "checksum of a chunk page", got, ref.CRC)
	}
	if err := checkPage(b, off, c.Rec.ID, level, first, c.strict); err != nil {
		return nil, err
	}
	p.ref, p.first, p.count, p.ok = ref, first, count, true
	return p, nil
}

// childRef is entry i of a directory page, checked.
func (k *ChunkCursor) childRef(p *chunkPage, i int) (Ref, error) {
	ref := p.child(i)
	at := int64(p.ref.Offset) + int64(ChunkPageSize+i*DirEntrySize)
	if ref.Absent() {
		return ref, k.mayMiss(at)
	}
	if ref.Offset == 0 || ref.Length == 0 {
		return ref, fail(tensor.ErrCorrupt, RuleRefAbsent, at, "chunk page", ref.String(), "all zero, or a place and a length")
	}
	if ref.Offset%Align != 0 {
		return ref, fail(tensor.ErrCorrupt, RuleRefRange, at, "chunk page", ref.String(), "at a multiple of 64")
	}
	return ref, checkExtent(ref.Offset, uint64(ref.Length), DataStart, uint64(k.c.end), at, "chunk page", RuleRefRange)
}

// mayMiss reports an error if an absent page, whose Ref stands at at, is not
// allowed.
func (k *ChunkCursor) mayMiss(at int64) error {
	if k.c.Rec.HasSlabs {
		return fail(tensor.ErrCorrupt, RuleRefAbsent, at, "chunk page", "absent", "a page, as the grid has slabs")
	}
	return nil
}

// Page returns the Ref to the page of a level, below the root's, that covers entry i;
// it is absent if that page or one above it is. It reads the pages above.
func (k *ChunkCursor) Page(level int, i int64) (Ref, error) {
	ref, _, err := k.ref(level, i-i%pageSpan(level))
	return ref, err
}

// ref finds the Ref to the page of a level that begins at entry first, which is
// absent if that page or one above it is. upper is the level of the page that
// holds it, one above the root's for the storage record.
func (k *ChunkCursor) ref(level int, first int64) (ref Ref, upper int, err error) {
	ref = k.c.Rec.Ref
	if ref.Absent() {
		return ref, k.c.depth + 1, k.mayMiss(k.c.Rec.At + srRef)
	}
	for l := k.c.depth; l > level; l-- {
		span := pageSpan(l)
		p, err := k.load(l, first-first%span, ref)
		if err != nil {
			return ref, l + 1, err
		}
		if ref, err = k.childRef(p, int(first%span/pageSpan(l-1))); err != nil || ref.Absent() {
			return ref, l, err
		}
	}
	return ref, level + 1, nil
}

// raw returns entry i as it stands in its page, nil under an absent page.
func (k *ChunkCursor) raw(i int64) (b []byte, at int64, err error) {
	first := i - i%ChunksPerPage
	ref, _, err := k.ref(0, first)
	if err != nil || ref.Absent() {
		return nil, 0, err
	}
	p, err := k.load(0, first, ref)
	if err != nil {
		return nil, 0, err
	}
	n := int(i - first)
	return p.entry(n), int64(ref.Offset) + int64(ChunkPageSize+n*ChunkEntrySize), nil
}

// originOf is what entry 0 of a slab says of its first row.
func (k *ChunkCursor) originOf(slab int64) (origin, at int64, err error) {
	b, at, err := k.raw(slab * k.c.perSlab)
	if err != nil {
		return 0, at, err
	}
	return int64(min(le.Uint64(b[ceOrigin:]), 1<<63-1)), at, nil
}

// Slab returns the rows [begin, end) of a slab.
func (k *ChunkCursor) Slab(slab int64) (begin, end int64, err error) {
	if k.known && k.slab == slab {
		return k.begin, k.end, nil
	}
	s := k.c.Rec
	if !s.HasSlabs {
		begin = slab * s.Chunk[0]
		end = begin + min(s.Chunk[0], s.Shape[0]-begin)
	} else {
		at := int64(0)
		if begin, at, err = k.originOf(slab); err != nil {
			return 0, 0, err
		}
		end = s.Shape[0]
		if slab+1 < int64(s.Slabs) {
			if end, _, err = k.originOf(slab + 1); err != nil {
				return 0, 0, err
			}
		}
		if slab == 0 && begin != 0 || begin >= end || end-begin > s.Chunk[0] || end > s.Shape[0] {
			return 0, 0, fail(tensor.ErrCorrupt, RuleChunkOrigin, at+ceOrigin, fmt.Sprintf("origin of slab %d", slab), fmt.Sprintf("%d, the next at %d", begin, end), fmt.Sprintf("origins from 0 that ascend by 1 to %d up to %d rows", s.Chunk[0], s.Shape[0]))
		}
	}
	k.slab, k.begin, k.end, k.known = slab, begin, end, true
	return begin, end, nil
}

// Find returns the slab that holds a row.
func (k *ChunkCursor) Find(row int64) (int64, error) {
	s := k.c.Rec
	if !s.HasSlabs {
		return row / s.Chunk[0], nil
	}
	lo, hi := int64(0), int64(s.Slabs) // the slab is in [lo, hi)
	for hi-lo > 1 {
		mid := lo + (hi-lo)/2
		origin, _, err := k.originOf(mid)
		if err != nil {
			return 0, err
		}
		if origin <= row {
			lo = mid
		} else {
			hi = mid
		}
	}
	begin, end, err := k.Slab(lo)
	if err == nil && (row < begin || row >= end) {
		err = fail(tensor.ErrCorrupt, RuleChunkOrigin, s.At, fmt.Sprintf("slab of row %d", row), fmt.Sprintf("rows %d to %d", begin, end), "origins that ascend")
	}
	return lo, err
}

// Entry returns the entry of the chunk at place col of a slab, checked.
func (k *ChunkCursor) Entry(slab, col int64, e *ChunkEntry) error {
	begin, end, err := k.Slab(slab)
	if err != nil {
		return err
	}
	i := slab*k.c.perSlab + col
	b, at, err := k.raw(i)
	if err != nil {
		return err
	}
	if b == nil {
		*e = ChunkEntry{Origin: begin}
		return nil
	}
	return k.parse(b, at, i, begin, k.c.Box(col, end-begin, k.origin, k.shape), e)
}

// parse reads the entry b, which stands at at, of chunk i, whose slab begins at
// row begin, and which has so many raw bytes.
func (k *ChunkCursor) parse(b []byte, at, i, begin, raw int64, e *ChunkEntry) error {
	c := k.c
	*e = ChunkEntry{Coding: b[ceCoding], Origin: begin, At: at}
	bad := func(kind error, rule string, field int, name, got, want string) error {
		err := fail(kind, rule, at+int64(field), name, got, want)
		err.Chunk = fmt.Sprintf("chunk %d", i)
		return err
	}
	if i := zero(b[ceZero:ChunkEntrySize]); c.strict && i >= 0 {
		return bad(tensor.ErrCorrupt, RuleChunkZero, ceZero+i, "reserved byte", fmt.Sprint(b[ceZero+i]), "0")
	}
	unit := int(c.Rec.DType.UnitBytes)
	if int(e.Coding) >= CodingPipeline+c.pipes || e.Coding == CodingConstant && unit > len(e.Unit) {
		return bad(tensor.ErrCorrupt, RuleChunkCoding, ceCoding, "coding", fmt.Sprint(e.Coding), fmt.Sprintf("0 to %d, 1 for units of up to %d bytes", CodingRaw+c.pipes, len(e.Unit)))
	}
	if origin := le.Uint64(b[ceOrigin:]); origin != uint64(begin) && (c.Rec.HasSlabs || zero(b[:ChunkEntrySize]) >= 0) {
		return bad(tensor.ErrCorrupt, RuleChunkOrigin, ceOrigin, "origin", u(origin), fmt.Sprint(begin))
	}
	switch {
	case e.Coding == CodingMissing, e.Coding == CodingConstant:
		n := 0
		if e.Coding == CodingConstant {
			n = copy(e.Unit[:unit], b[:unit])
		}
		if i := zero(b[n:ceOrigin]); i >= 0 {
			return bad(tensor.ErrCorrupt, RuleChunkZero, n+i, "byte behind the unit", fmt.Sprint(b[n+i]), "0")
		}
		return nil
	}
	off := le.Uint64(b[ceOffset:])
	e.Length, e.CRC = le.Uint32(b[ceLength:]), le.Uint32(b[ceCRC:])
	if e.Length == 0 || e.Length > MaxChunk || e.Coding == CodingRaw && int64(e.Length) != raw {
		want := fmt.Sprintf("1 to %d", MaxChunk)
		if e.Coding == CodingRaw {
			want = fmt.Sprintf("%d, the raw bytes of the chunk", raw)
		}
		return bad(tensor.ErrCorrupt, RuleChunkExtent, ceLength, "stored bytes", fmt.Sprint(e.Length), want)
	}
	if err := checkExtent(off, uint64(e.Length), DataStart, uint64(c.end), at+ceOffset, "stored bytes", RuleChunkExtent); err != nil {
		err.(*tensor.Error).Chunk = fmt.Sprintf("chunk %d", i)
		return err
	}
	e.Offset = int64(off)
	align := int64(Align)
	if e.Coding == CodingRaw && e.Length >= LargePayload {
		align = PageSize
	}
	if e.Offset%align != 0 {
		return bad(tensor.ErrCorrupt, RuleChunkAligned, ceOffset, "stored bytes", u(off), fmt.Sprintf("at a multiple of %d", align))
	}
	return nil
}

// A ChunkVisitor is told what a walk finds.
type ChunkVisitor struct {
	// Page, if not nil, is called with each page before it is read; at is where
	// its Ref stands. It says whether to leave out what is below.
	Page func(ref Ref, level int, first, end int64) (skip bool, err error)
	// Entry is called with each chunk of a page that is there, with its number,
	// its slab's first row and its raw bytes.
	Entry func(i int64, e *ChunkEntry, raw int64) error
	// Bad is called with what is wrong with a page or an entry; n is the number
	// of chunks, from i on, that cannot be found for it. Its error ends the walk.
	Bad func(i, n int64, err error) error
}

// Walk visits all pages and entries in order. Chunks below absent pages are
// missing and are not visited.
func (c *Chunks) Walk(v ChunkVisitor) error {
	if v.Bad == nil {
		v.Bad = func(_, _ int64, err error) error { return err }
	}
	k, rows := c.Cursor(), c.Cursor()
	seen := make([]int64, c.depth+1) // the page of each level that was told last
	for l := range seen {
		seen[l] = -1
	}
	for i := int64(0); i < c.entries; {
		next, err := k.step(i, v, seen)
		if err != nil {
			return err
		}
		if next >= 0 {
			i = next
			continue
		}
		p := k.pages[0]
		for n := i - p.first; n < int64(p.count); n++ {
			if err := k.visit(rows, p, n, v); err != nil {
				return err
			}
		}
		i = p.first + int64(p.count)
	}
	return nil
}

// step goes down to the page with entry i. It returns -1 if that is the current
// one now, else the entry to go on with.
func (k *ChunkCursor) step(i int64, v ChunkVisitor, seen []int64) (next int64, err error) {
	c := k.c
	ref := c.Rec.Ref
	if ref.Absent() {
		if err := k.mayMiss(c.Rec.At + srRef); err != nil {
			return c.entries, v.Bad(i, c.entries-i, err)
		}
		return c.entries, nil
	}
	for l := c.depth; ; l-- {
		span := pageSpan(l)
		first := i - i%span
		end := first + min(span, c.entries-first)
		if seen[l] != first {
			seen[l] = first
			if v.Page != nil {
				if skip, err := v.Page(ref, l, first, end); err != nil || skip {
					return end, err
				}
			}
		}
		p, err := k.load(l, first, ref)
		if err != nil {
			return end, v.Bad(i, end-i, err)
		}
		if l == 0 {
			return -1, nil
		}
		below := pageSpan(l - 1)
		at := i % span / below
		ref, err = k.childRef(p, int(at))
		if err != nil || ref.Absent() {
			after := first + min((at+1)*below, end-first)
			if at == int64(p.count)-1 {
				after = end
			}
			if err != nil {
				err = v.Bad(i, after-i, err)
			}
			return after, err
		}
	}
}

func (k *ChunkCursor) visit(rows *ChunkCursor, p *chunkPage, n int64, v ChunkVisitor) error {
	c := k.c
	i := p.first + n
	slab, col := i/c.perSlab, i%c.perSlab
	begin, end, err := rows.Slab(slab)
	if err != nil {
		return v.Bad(i, 1, err)
	}
	var e ChunkEntry
	raw := c.Box(col, end-begin, k.origin, k.shape)
	at := int64(p.ref.Offset) + ChunkPageSize + n*ChunkEntrySize
	if err := k.parse(p.entry(int(n)), at, i, begin, raw, &e); err != nil {
		return v.Bad(i, 1, err)
	}
	if v.Entry == nil {
		return nil
	}
	return v.Entry(i, &e, raw)
}

// TableBytes is the number of bytes of all pages. It reads all but those of
// level 0.
func (c *Chunks) TableBytes() (n int64, err error) {
	if c.Rec.Ref.Absent() {
		return 0, nil
	}
	err = c.Walk(ChunkVisitor{Page: func(ref Ref, level int, _, _ int64) (bool, error) {
		n += int64(ref.Length)
		return level == 0, nil
	}})
	return n, err
}
