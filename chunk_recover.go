package tensorfile

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/watch"
)

// rescuedGrid is a grid whose table is whole, as it was found or put together
// anew from pages that were found by themselves.
type rescuedGrid struct {
	rec     *format.StorageRecord
	src     format.Source
	stored  int64 // chunks that have bytes
	damaged int64 // of these, whose checksum does not hold
}

// rebuilt is a damaged file with chunk pages that were put together anew, which
// stand behind every byte that a file can have.
type rebuilt struct {
	format.Source
	pages []byte
}

const rebuiltAt = 1 << 60

func (s *rebuilt) ReadAt(p []byte, off int64) (int, error) {
	if off < rebuiltAt {
		return s.Source.ReadAt(p, off)
	}
	if at := off - rebuiltAt; at <= int64(len(s.pages)) && len(p) <= len(s.pages)-int(at) {
		return copy(p, s.pages[at:]), nil
	}
	return 0, &Error{Kind: ErrTruncated, Format: format.Name, Offset: off, Field: "chunk page", Got: "no page", Want: "one"}
}

func (s *rebuilt) put(p []byte) (int64, error) {
	s.pages = append(s.pages, make([]byte, -len(s.pages)&(format.Align-1))...)
	at := rebuiltAt + int64(len(s.pages))
	s.pages = append(s.pages, p...)
	return at, nil
}

// rootFor lets what a storage says lie anywhere in the file.
func (r *rescuer) rootFor() *format.Root {
	return &format.Root{UUID: r.f.uuid, Generation: 1, Length: format.AlignUp(r.f.m.Size(), format.PageSize) + format.RootSize, Info: 1}
}

// gridSpans are the stored chunks of a grid, as far as its pages can be read.
func (r *rescuer) gridSpans(s *format.StorageRecord, add func(span)) {
	format.NewChunks(&r.src, s, r.rootFor()).Walk(format.ChunkVisitor{
		Entry: func(_ int64, e *format.ChunkEntry, _ int64) error {
			if e.IsStored() {
				add(span{e.Offset, e.Offset + int64(e.Length)})
			}
			return nil
		},
		Bad: func(int64, int64, error) error { return r.ctx.Err() },
	})
}

// grid checks table and chunks of a grid. A chunk that is damaged is reported
// and kept; an error says that the table is not whole, so that the storage is
// lost.
func (r *rescuer) grid(s *format.StorageRecord, name string) (*rescuedGrid, error) {
	g := &rescuedGrid{rec: s, src: &r.src}
	var broken error
	walk := func(src format.Source, root *format.Root, visit func(i int64, e *format.ChunkEntry) error) error {
		broken = nil
		return format.NewChunks(src, g.rec, root).Walk(format.ChunkVisitor{
			Entry: func(i int64, e *format.ChunkEntry, _ int64) error { return visit(i, e) },
			Bad: func(_, _ int64, err error) error {
				if broken == nil {
					broken = err
				}
				return r.ctx.Err()
			},
		})
	}
	none := func(int64, *format.ChunkEntry) error { return nil }
	if err := walk(g.src, r.rootFor(), none); err != nil {
		return nil, err
	}
	if broken != nil {
		first := broken
		r.damage(named(broken, name))
		again, ok, err := r.rebuild(s)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, first
		}
		g = again
		if err := walk(g.src, r.rebuiltRoot(), none); err != nil || broken != nil {
			return nil, cmp.Or(err, first)
		}
	}
	l, err := r.f.m.Acquire()
	if err != nil {
		return nil, err
	}
	defer l.Release()
	err = walk(g.src, r.rebuiltRoot(), func(i int64, e *format.ChunkEntry) error {
		if !e.IsStored() {
			return nil
		}
		if err := r.ctx.Err(); err != nil {
			return err
		}
		g.stored++
		if size := r.f.m.Size(); e.Offset > size || int64(e.Length) > size-e.Offset {
			return &Error{Kind: ErrTruncated, Format: format.Name, Offset: e.Offset, Field: "stored bytes", Got: "the end of the file", Want: fmt.Sprintf("%d bytes of chunk %d", e.Length, i), Rule: format.RuleChunkExtent}
		}
		sum, err := r.f.checksum(l, e.Offset, int64(e.Length))
		watch.Add(r.ctx, int64(e.Length))
		if err == nil && sum != e.CRC {
			err = checkError(e.Offset, i, sum, e.CRC)
		}
		if err != nil {
			g.damaged++
			r.damage(named(chunkError(err, i, e), name))
		}
		return nil
	})
	if err == nil && g.stored > 0 && g.damaged == g.stored {
		err = &Error{Kind: ErrCorrupt, Format: format.Name, Offset: s.At, Field: "chunks", Got: "none with the right checksum", Want: "one", Rule: format.RuleChunkCRC}
	}
	return g, err
}

// rebuiltRoot lets pages stand behind the file, too.
func (r *rescuer) rebuiltRoot() *format.Root {
	root := r.rootFor()
	root.Length = 1 << 61
	return root
}

// rebuild puts the table of a grid together from the pages of level 0 that were
// found: each the last one in the file that has the right number of entries.
func (r *rescuer) rebuild(s *format.StorageRecord) (*rescuedGrid, bool, error) {
	own := *s
	own.Ref = format.Ref{}
	src := &rebuilt{Source: &r.src}
	var leaves []format.FoundPage
	for _, p := range r.pages {
		if p.Storage == s.ID && p.Level == 0 && !r.inside.has(int64(p.Ref.Offset)) {
			leaves = append(leaves, p)
		}
	}
	slices.SortStableFunc(leaves, func(a, b format.FoundPage) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(b.Ref.Offset, a.Ref.Offset))
	})
	err := format.RebuildChunks(&own, leaves, src.put)
	if err != nil {
		return nil, false, nil // not all are there
	}
	return &rescuedGrid{rec: &own, src: src}, true, r.ctx.Err()
}
