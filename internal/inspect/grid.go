package inspect

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

// grid adds the pages and the chunks of a grid that are not there yet: states
// of one grid share what did not change between them.
func (n *native) grid(s *format.StorageRecord) {
	root := n.anyRoot()
	lines := strings.Split(s.Pipelines, "\n")
	var under []int // parts of the pages that led here, by level
	page := func(ref format.Ref, level int, first, end int64) (bool, error) {
		at := int64(ref.Offset)
		if _, ok := n.pages[ref]; ok {
			return true, n.ctx.Err()
		}
		n.pages[ref] = struct{}{}
		for len(under) <= level {
			under = append(under, -1)
		}
		what := "chunk page"
		if ref == s.Ref {
			what = "root chunk page"
		}
		under[level] = len(n.Parts)
		p := n.add(Part{
			Offset: at, Length: max(0, min(int64(ref.Length), n.Size-at)), Kind: ChunkPage, Section: "Chunk page", storage: s.ID,
			What: fmt.Sprintf("%s of storage %d, chunks %d to %d", what, s.ID, first, end-1),
		})
		p.rows = n.pageRows(ref, level, first, lines)
		return false, n.ctx.Err()
	}
	entry := func(i int64, e *format.ChunkEntry, _ int64) error {
		if !e.IsStored() {
			return n.ctx.Err()
		}
		k := storageKey{e.Offset, int64(e.Length)}
		if _, ok := n.chunks[k]; ok {
			return nil
		}
		n.chunks[k] = struct{}{}
		p := n.add(Part{
			Offset: e.Offset, Length: int64(e.Length), Kind: Chunk, Section: "Chunk grids", storage: s.ID,
			What: fmt.Sprintf("chunk %d of storage %d, %s", i, s.ID, coding(e.Coding, lines)),
		})
		if end := e.Offset + p.Length; end > n.Size {
			p.Damage = append(p.Damage, fmt.Sprintf("the file ends at %d, the chunk at %d", n.Size, end))
			p.Length = max(0, n.Size-e.Offset)
		}
		return nil
	}
	bad := func(_, _ int64, err error) error {
		n.gridDamage(s, under, err)
		return n.ctx.Err()
	}
	err := format.NewChunks(n.src, s, &root).Walk(format.ChunkVisitor{Page: page, Entry: entry, Bad: bad})
	if err != nil && n.ctx.Err() == nil {
		n.gridDamage(s, under, err)
	}
}

// gridDamage notes damage at the page that has it, or else of the file.
func (n *native) gridDamage(s *format.StorageRecord, under []int, err error) {
	var e *tensor.Error
	if errors.As(err, &e) && e.Offset >= 0 {
		for _, i := range under {
			if i < 0 {
				continue
			}
			if p := &n.Parts[i]; p.Offset <= e.Offset && e.Offset < p.Offset+max(p.Length, 1) {
				p.Damage = append(p.Damage, reason(err))
				return
			}
		}
	}
	n.Damage = append(n.Damage, fmt.Errorf("storage %d: %w", s.ID, err))
}

// coding is how a chunk is stored, in words.
func coding(c uint8, pipelines []string) string {
	switch i := int(c) - format.CodingPipeline; {
	case c == format.CodingMissing:
		return "missing"
	case c == format.CodingConstant:
		return "constant"
	case c == format.CodingRaw:
		return "raw"
	case i < len(pipelines):
		return pipelines[i]
	}
	return fmt.Sprintf("pipeline %d, which the grid does not have", int(c)-format.CodingPipeline)
}

// pageRows are the header of a page and its entries. The page is read again,
// as there may be many.
func (n *native) pageRows(ref format.Ref, level int, first int64, pipelines []string) func(func(Row) bool) bool {
	return func(yield func(Row) bool) bool {
		off := int64(ref.Offset)
		b := n.read(off, min(int64(ref.Length), format.MaxChunkPage))
		if !structure("chunkpage", off, b, yield) {
			return false
		}
		size, name, each := format.DirEntrySize, "direntry", int64(0)
		if level == 0 {
			size, name = format.ChunkEntrySize, "chunkentry"
		} else {
			each = format.PageSpan(level - 1)
		}
		i := int64(0)
		for at := format.ChunkPageSize; at+size <= len(b); at += size {
			e, begin := b[at:at+size], off+int64(at)
			title := fmt.Sprintf("entry %d: chunk %d", i, first+i)
			if level > 0 {
				title = fmt.Sprintf("entry %d: chunks from %d on", i, first+i*each)
			} else {
				title += ", " + coding(format.CodingOf(e), pipelines)
			}
			i++
			if !yield(Row{Offset: begin, Field: title}) {
				return false
			}
			if level == 0 && format.CodingOf(e) == format.CodingConstant {
				if !yield(Row{Offset: begin, Length: 16, Bytes: e[:16], Field: "unit", Meaning: "what all elements are made of"}) || !tail(name, begin, e, 16, yield) {
					return false
				}
			} else if !structure(name, begin, e, yield) {
				return false
			}
		}
		return true
	}
}

// tail is structure without the fields before skip.
func tail(name string, off int64, b []byte, skip int, yield func(Row) bool) bool {
	return structure(name, off, b, func(r Row) bool { return r.Offset < off+int64(skip) || yield(r) })
}
