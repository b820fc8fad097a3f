package tensorfile

import (
	"fmt"
	"math/rand/v2"

	"github.com/tensorfile/tensorfile/format"
)

// verifiedGrids is what is remembered of chunk pages that were looked at: the
// generations of a grid that grew share most of them.
type verifiedGrids struct {
	pages  map[int64]int64 // place of a page of level 0 -> payload bytes of its chunks; of others -> 0
	states map[gridState]struct{}
	chunks map[chunkPlace]struct{}
	work   []block
}

type gridState struct {
	id, slabs    uint64
	stored, size int64
	ref          format.Ref
	slabsFlag    bool
}

type chunkPlace struct {
	id     uint64
	number int64
	offset int64
	crc    uint32
}

// grid looks at the pages of a grid of a generation and notes what they own.
func (v *verifier) grid(cat *format.Catalog, s *format.StorageRecord) error {
	g := &v.grids
	if g.pages == nil {
		g.pages, g.states, g.chunks = map[int64]int64{}, map[gridState]struct{}{}, map[chunkPlace]struct{}{}
	}
	state := gridState{id: s.ID, slabs: s.Slabs, stored: s.Stored, size: s.Size, ref: s.Ref, slabsFlag: s.HasSlabs}
	if _, ok := g.states[state]; ok {
		return nil
	}
	g.states[state] = struct{}{}
	own := *s
	v.rep.Storages++
	name := fmt.Sprintf("storage %d", s.ID)
	alone := v.f.choice.Root.Previous == 0 // no other generation has its chunks
	if _, err := parsePipelines(&own); err != nil {
		if len(v.rep.Unknown)+len(v.rep.Findings) < maxFindings {
			err = named(err, v.nameOf(cat, s.ID))
		}
		v.find(err) // what is not known
	}
	decoder := newGrid(&own, v.f.m, cat.Root(), v.f.limit)
	c := decoder.chunks
	v.constant(cat, s, s.At, "fill of a bool", s.Fill[0])
	last := c.Len() - c.PerSlab() // chunks from here on depend on the number of rows
	leaf, total, bad := int64(0), int64(0), false
	err := c.Walk(format.ChunkVisitor{
		Page: func(ref format.Ref, level int, first, end int64) (bool, error) {
			if err := v.ctx.Err(); err != nil {
				return false, err
			}
			at := int64(ref.Offset)
			sum, seen := g.pages[at]
			if !seen {
				g.pages[at] = 0
				v.own(at, int64(ref.Length), fmt.Sprintf("chunk page of storage %d", s.ID))
			}
			if level > 0 {
				return false, nil
			}
			if leaf = at; seen && end <= last {
				total += sum
				return true, nil
			}
			g.pages[at] = 0
			return false, nil
		},
		Entry: func(i int64, e *format.ChunkEntry, raw int64) error {
			if !e.IsStored() {
				if e.Coding == format.CodingConstant {
					v.constant(cat, s, e.At, fmt.Sprintf("bool of chunk %d", i), e.Unit[0])
				}
				return nil
			}
			total += int64(e.Length)
			g.pages[leaf] += int64(e.Length)
			if !alone {
				place := chunkPlace{s.ID, i, e.Offset, e.CRC}
				if _, ok := g.chunks[place]; ok {
					return nil
				}
				g.chunks[place] = struct{}{}
			}
			v.owners = append(v.owners, owner{e.Offset, e.Offset + int64(e.Length), name, i + 1})
			b := block{off: e.Offset, n: int64(e.Length), sum: e.CRC, storage: &own, index: i, chunk: true}
			if v.o.Decode {
				b.decode = &decodable{decoder, raw, e.Origin, e.Coding}
			}
			g.work = append(g.work, b)
			return nil
		},
		Bad: func(_, _ int64, err error) error {
			bad = true
			v.find(named(err, v.nameOf(cat, s.ID)))
			return v.ctx.Err()
		},
	})
	if err != nil {
		return err
	}
	if !bad && total != s.Stored {
		v.find(finding(format.RuleGridStored, s.At, "payload bytes of a grid", fmt.Sprint(s.Stored), fmt.Sprintf("%d, the sum of its chunks", total)))
	}
	return nil
}

// nameOf is the name of a tensor on a storage, for findings.
func (v *verifier) nameOf(cat *format.Catalog, id uint64) string {
	name := ""
	if s, err := cat.Scanner(); err == nil {
		for {
			rec, _, err := s.Next()
			if err != nil || rec == nil {
				break
			}
			if rec.Storage == id {
				name = rec.Name
				break
			}
		}
	}
	return name
}

// chunkBlocks hands the chunks to be checked to give until it says stop.
func (v *verifier) chunkBlocks(give func(block)) {
	for _, b := range v.grids.work {
		if v.ctx.Err() != nil {
			return
		}
		if v.o.Sample > 0 && rand.Float64() >= v.o.Sample {
			continue
		}
		give(b)
	}
}
