package format

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/tensorfile/tensorfile/tensor"
)

// A PutPage writes a chunk page at a multiple of Align and returns where. The
// page is not kept.
type PutPage func(page []byte) (at int64, err error)

// A ChunkBuilder makes the tree of a new grid from its entries in order. The pages of
// level 0 are put right before the one that names them, so that who reads from far
// away gets all of them at once; others as soon as they are full. Its memory is a page
// a level, and those of level 0 below one page: 1 MiB at most.
type ChunkBuilder struct {
	rec     *StorageRecord
	put     PutPage
	entries int64
	next    int64
	depth   int
	levels  []builtPage
	leaves  []builtLeaf
	Bytes   int64 // of the pages built so far
}

// builtLeaf is a page of level 0 that has no place yet.
type builtLeaf struct {
	b  []byte
	at int // of its Ref in the page of level 1
}

// BuiltAt is where ChunkBuilder has put the page of level 0 that covers entry i, if
// the tree has two levels and no page is absent: before the root, the Ref to which is
// enough to tell. Other writers may have put it elsewhere.
func (c *Chunks) BuiltAt(i int64) (begin, end int64, ok bool) {
	if c.depth != 1 || c.Rec.Ref.Absent() {
		return 0, 0, false
	}
	last := (c.entries - 1) / ChunksPerPage
	length := int64(pageLength(0, pageCount(0, last*ChunksPerPage, c.entries)))
	end = int64(c.Rec.Ref.Offset) - (Align-length%Align)%Align
	if behind := last - i/ChunksPerPage; behind > 0 {
		end, length = end-length-(behind-1)*MaxChunkPage, MaxChunkPage
	}
	return end - length, end, end-length >= DataStart
}

type builtPage struct {
	b     []byte // header and entries
	first int64
	there bool // an entry that is not missing, or a page below
}

// NewChunkBuilder begins the tree of rec, of which all but Ref and Stored is
// known.
func NewChunkBuilder(rec *StorageRecord, put PutPage) *ChunkBuilder {
	n := rec.Chunks()
	b := &ChunkBuilder{rec: rec, put: put, entries: n, depth: chunkDepth(n)}
	b.levels = make([]builtPage, b.depth+1)
	for l := range b.levels {
		b.levels[l].b = make([]byte, ChunkPageSize, MaxChunkPage)
	}
	return b
}

// Add is called once for each chunk, in order. Entries of missing chunks have
// an origin, too.
func (b *ChunkBuilder) Add(e *ChunkEntry) error {
	p := &b.levels[0]
	p.b = append(p.b, make([]byte, ChunkEntrySize)...)
	e.put(p.b[len(p.b)-ChunkEntrySize:])
	p.there = p.there || e.Coding != CodingMissing
	b.next++
	if b.next%ChunksPerPage == 0 || b.next == b.entries {
		return b.flush(0)
	}
	return nil
}

// flush ends the page of a level and notes it in the one above.
func (b *ChunkBuilder) flush(level int) error {
	p := &b.levels[level]
	ref := Ref{}
	if p.there || b.rec.HasSlabs {
		at := int64(0)
		if level == 1 {
			if err := b.place(p.b); err != nil {
				return err
			}
		}
		sealPage(p.b, b.rec.ID, level, p.first)
		if level == 0 && b.depth > 0 {
			b.leaves = append(b.leaves, builtLeaf{bytes.Clone(p.b), len(b.levels[1].b)})
		} else {
			var err error
			if at, err = b.put(p.b); err != nil {
				return err
			}
		}
		ref = Ref{uint64(at), uint32(len(p.b)), Checksum(p.b)}
		b.Bytes += int64(len(p.b))
	}
	return b.up(level, ref)
}

// place puts the pages of level 0, and says where in the page that names them.
func (b *ChunkBuilder) place(page []byte) error {
	for _, leaf := range b.leaves {
		at, err := b.put(leaf.b)
		if err != nil {
			return err
		}
		Ref{uint64(at), uint32(len(leaf.b)), Checksum(leaf.b)}.put(page[leaf.at:])
	}
	b.leaves = b.leaves[:0]
	return nil
}

// up notes the page of a level, which ends before the next entry.
func (b *ChunkBuilder) up(level int, ref Ref) error {
	for l := range b.levels[:level+1] {
		p := &b.levels[l]
		p.b, p.first, p.there = p.b[:ChunkPageSize], b.next, false
	}
	if level == b.depth {
		b.rec.Ref = ref
		return nil
	}
	up := &b.levels[level+1]
	var d [DirEntrySize]byte
	ref.put(d[:])
	up.b = append(up.b, d[:]...)
	up.there = up.there || !ref.Absent()
	if b.next%pageSpan(level+1) == 0 || b.next == b.entries {
		return b.flush(level + 1)
	}
	return nil
}

// Skip adds n missing chunks, in a regular grid in a time that does not grow
// with their number.
func (b *ChunkBuilder) Skip(n int64) error {
	per := b.rec.ChunksPerSlab()
	for n > 0 {
		level := -1
		if !b.rec.HasSlabs {
			for l := range b.levels {
				if span := pageSpan(l); b.next%span == 0 && n >= min(span, b.entries-b.next) {
					level = l
				}
			}
		}
		if level < 0 {
			if err := b.Add(&ChunkEntry{Origin: b.next / per * b.rec.Chunk[0]}); err != nil {
				return err
			}
			n--
			continue
		}
		m := min(pageSpan(level), b.entries-b.next)
		b.next += m
		n -= m
		if err := b.up(level, Ref{}); err != nil {
			return err
		}
	}
	return nil
}

// Finish sets the record's Ref to the root page.
func (b *ChunkBuilder) Finish() error {
	if b.next != b.entries {
		return fail(tensor.ErrShape, RuleGridSlabs, -1, "chunks", fmt.Sprint(b.next), fmt.Sprint(b.entries))
	}
	return nil
}

// ChunkChange is an entry that is to replace another, or to be a new one.
type ChunkChange struct {
	Index int64
	Entry ChunkEntry
}

// maxFilledIn bounds the entries of a grid of which missing ones have to be
// written out, because it gains slabs.
const maxFilledIn = 1 << 24

// UpdateChunks makes the tree of rec, a later state of the storage of old, and
// sets its Ref. changes, ascending, are the entries that differ from old or are
// behind its end. Pages that stay as they are stay where they are: only those
// on the way to a change are written.
func UpdateChunks(old *Chunks, rec *StorageRecord, changes []ChunkChange, put PutPage) error {
	u := &updater{old: old, k: old.Cursor(), rec: rec, entries: rec.Chunks(), perSlab: rec.ChunksPerSlab(), changes: changes, put: put}
	u.fill = rec.HasSlabs && !old.Rec.HasSlabs
	rec.Ref = Ref{}
	if u.entries == 0 {
		return nil
	}
	if u.fill && u.entries > maxFilledIn {
		return fail(tensor.ErrLimit, RuleChunkOrigin, rec.At, "chunks of a grid that gains slabs", fmt.Sprint(u.entries), fmt.Sprintf("at most %d; append whole slabs of %d rows instead", maxFilledIn, rec.Chunk[0]))
	}
	var err error
	rec.Ref, err = u.build(chunkDepth(u.entries), 0)
	return err
}

type updater struct {
	old     *Chunks
	k       *ChunkCursor
	rec     *StorageRecord
	entries int64
	perSlab int64
	changes []ChunkChange
	put     PutPage
	fill    bool // give each entry its origin
}

// before is the Ref that the old tree has to the page of a level from entry
// first on. ok is false if it has none, not even an absent one.
func (u *updater) before(level int, first int64) (ref Ref, ok bool, err error) {
	if first >= u.old.entries || level > u.old.depth {
		return ref, false, nil
	}
	ref, _, err = u.k.ref(level, first)
	return ref, true, err
}

func (u *updater) build(level int, first int64) (Ref, error) {
	span := pageSpan(level)
	end := first + min(span, u.entries-first)
	find := func(i int64) int {
		n, _ := slices.BinarySearchFunc(u.changes, i, func(c ChunkChange, i int64) int {
			return cmp.Compare(c.Index, i)
		})
		return n
	}
	changes := u.changes[find(first):find(end)]
	ref, ok, err := u.before(level, first)
	if err != nil {
		return Ref{}, err
	}
	same := ok && end == first+min(span, u.old.entries-first)
	if len(changes) == 0 && !u.fill {
		if same || ok && ref.Absent() {
			return ref, nil
		}
		if !ok && first >= u.old.entries {
			return Ref{}, u.complete(first)
		}
	}
	count := pageCount(level, first, u.entries)
	b := make([]byte, pageLength(level, count))
	there := false
	if level == 0 {
		if there, err = u.leaf(b, first, ref, ok, changes); err != nil {
			return Ref{}, err
		}
	} else {
		below := pageSpan(level - 1)
		for i := range count {
			child, err := u.build(level-1, first+int64(i)*below)
			if err != nil {
				return Ref{}, err
			}
			child.put(b[ChunkPageSize+i*DirEntrySize:])
			there = there || !child.Absent()
		}
	}
	if !there && !u.rec.HasSlabs {
		return Ref{}, nil
	}
	sealPage(b, u.rec.ID, level, first)
	if same && !ref.Absent() {
		p, err := u.k.load(level, first, ref)
		if err != nil {
			return Ref{}, err
		}
		if bytes.Equal(p.b[:len(b)], b) {
			return ref, nil
		}
	}
	at, err := u.put(b)
	return Ref{uint64(at), uint32(len(b)), Checksum(b)}, err
}

// complete is the error of an entry that nobody gave, where there must be one.
func (u *updater) complete(i int64) error {
	if u.rec.HasSlabs {
		return fail(tensor.ErrShape, RuleChunkOrigin, -1, fmt.Sprintf("entry of chunk %d", i), "none", "one, as the grid has slabs")
	}
	return nil
}

// leaf fills the entries of a page of level 0.
func (u *updater) leaf(b []byte, first int64, ref Ref, ok bool, changes []ChunkChange) (there bool, err error) {
	count := (len(b) - ChunkPageSize) / ChunkEntrySize
	kept := 0
	if ok {
		kept = min(pageCount(0, first, u.old.entries), count)
		if !ref.Absent() {
			p, err := u.k.load(0, first, ref)
			if err != nil {
				return false, err
			}
			copy(b[ChunkPageSize:], p.b[ChunkPageSize:ChunkPageSize+kept*ChunkEntrySize])
		}
	}
	for i := range count {
		e := b[ChunkPageSize+i*ChunkEntrySize:][:ChunkEntrySize]
		at := first + int64(i)
		switch {
		case len(changes) > 0 && changes[0].Index == at:
			changes[0].Entry.put(e)
			changes = changes[1:]
		case i >= kept:
			if err := u.complete(at); err != nil {
				return false, err
			}
			fallthrough
		case u.fill && zero(e) < 0:
			// Grids that gain slabs had regular ones.
			le.PutUint64(e[ceOrigin:], uint64(at/u.perSlab*u.rec.Chunk[0]))
		}
		there = there || e[ceCoding] != CodingMissing
	}
	return there, nil
}

// RebuildChunks makes the directory of rec from pages of level 0 that were
// found by themselves, ascending by their first entry, of equal ones the best
// first. It sets the Ref of rec, or fails if a page is not there.
func RebuildChunks(rec *StorageRecord, leaves []FoundPage, put PutPage) error {
	entries := rec.Chunks()
	depth := chunkDepth(entries)
	var refs []Ref
	for first := int64(0); first < entries; first += ChunksPerPage {
		want := pageLength(0, pageCount(0, first, entries))
		found := false
		for ; len(leaves) > 0 && leaves[0].First <= first; leaves = leaves[1:] {
			if p := leaves[0]; !found && p.First == first && int(p.Ref.Length) == want {
				refs, found = append(refs, p.Ref), true
			}
		}
		if !found {
			return fail(tensor.ErrCorrupt, RuleRefAbsent, rec.At, fmt.Sprintf("chunk page from chunk %d", first), "none that was found", "one")
		}
	}
	for level := 1; level <= depth; level++ {
		var up []Ref
		for i := 0; i < len(refs); i += PagesPerPage {
			n := min(PagesPerPage, len(refs)-i)
			b := make([]byte, pageLength(level, n))
			for k, ref := range refs[i : i+n] {
				ref.put(b[ChunkPageSize+k*DirEntrySize:])
			}
			sealPage(b, rec.ID, level, int64(len(up))*pageSpan(level))
			at, err := put(b)
			if err != nil {
				return err
			}
			up = append(up, Ref{uint64(at), uint32(len(b)), Checksum(b)})
		}
		refs = up
	}
	rec.Ref = refs[0]
	return nil
}
