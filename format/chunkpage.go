package format

import (
	"fmt"
	"math"

	"github.com/tensorfile/tensorfile/tensor"
)

// Chunk page (spec, "Chunk pages"): a node of the tree that leads from a grid
// storage to its chunks. The header is followed by entries: chunk entries on
// level 0, directory entries above.
const (
	cpMagic       = 0             // 4 bytes "TSRP"
	cpCRC         = cpMagic + 4   // u32, of [8, length)
	cpStorage     = cpCRC + 4     // u64
	cpFirst       = cpStorage + 8 // u64, the first chunk entry covered
	cpLevel       = cpFirst + 8   // u8
	cpZero        = cpLevel + 1   // 3 bytes
	cpLength      = cpZero + 3    // u32, with this header
	ChunkPageSize = cpLength + 4  // 32, of the header
	MaxChunkPage  = PageSize      // bytes of a page
	ChunksPerPage = (MaxChunkPage - ChunkPageSize) / ChunkEntrySize
	PagesPerPage  = (MaxChunkPage - ChunkPageSize) / DirEntrySize
)

// Directory entry: a Ref to the page below.
const (
	deChild      = 0                 // Ref
	DirEntrySize = deChild + RefSize // 16
)

// Chunk entry: where a chunk's stored bytes are and how they are coded. For a
// constant chunk the first 16 bytes hold its one unit instead of an extent.
const (
	ceOffset       = 0            // u64
	ceLength       = ceOffset + 8 // u32
	ceCRC          = ceLength + 4 // u32, of the stored bytes
	ceOrigin       = ceCRC + 4    // u64, first row of the slab
	ceCoding       = ceOrigin + 8 // u8
	ceZero         = ceCoding + 1 // 7 bytes
	ChunkEntrySize = ceZero + 7   // 32
)

// Codings of a chunk; CodingPipeline+k is the storage's pipeline k.
const (
	CodingMissing  = 0
	CodingConstant = 1
	CodingRaw      = 2
	CodingPipeline = 3
)

var (
	_ = [1]struct{}{ChunkPageSize - 32: {}}
	_ = [1]struct{}{DirEntrySize - 16: {}}
	_ = [1]struct{}{ChunkEntrySize - 32: {}}
	_ = [1]struct{}{ChunksPerPage - 127: {}}
	_ = [1]struct{}{PagesPerPage - 254: {}}
)

// MaxChunkLevel is the level of the root page of the largest grid: 2^63-1
// entries.
const MaxChunkLevel = 8

// A ChunkEntry says where the stored bytes of a chunk are, or what it is made
// of.
type ChunkEntry struct {
	Offset int64    // of the stored bytes; codings from CodingRaw on
	Length uint32   // how many
	CRC    uint32   // of them
	Unit   [16]byte // CodingConstant: the unit, zeros behind it
	Origin int64    // first row of the slab
	Coding uint8
	At     int64 // where the entry stands in the file; 0 under an absent page
}

// IsStored reports whether the chunk has bytes of its own in the file.
func (e *ChunkEntry) IsStored() bool { return e.Coding >= CodingRaw }

func (e *ChunkEntry) put(b []byte) {
	clear(b[:ChunkEntrySize])
	if e.IsStored() {
		le.PutUint64(b[ceOffset:], uint64(e.Offset))
		le.PutUint32(b[ceLength:], e.Length)
		le.PutUint32(b[ceCRC:], e.CRC)
	} else if e.Coding == CodingConstant {
		copy(b[ceOffset:ceOrigin], e.Unit[:])
	}
	le.PutUint64(b[ceOrigin:], uint64(e.Origin))
	b[ceCoding] = e.Coding
}

// CodingOf is the coding of an entry as it stands in its page.
func CodingOf(entry []byte) uint8 { return entry[ceCoding] }

// PageSpan is the number of chunk entries that a page of a level covers.
func PageSpan(level int) int64 { return pageSpan(level) }

// pageSpan is PageSpan.
func pageSpan(level int) int64 {
	n := int64(ChunksPerPage)
	for range level {
		if n > math.MaxInt64/PagesPerPage {
			return math.MaxInt64
		}
		n *= PagesPerPage
	}
	return n
}

// pageCount is the number of entries of the page of a level that covers the
// chunk entries from first on, of which the grid has so many in all.
func pageCount(level int, first, entries int64) int {
	n := min(pageSpan(level), entries-first)
	if level == 0 {
		return int(n)
	}
	below := pageSpan(level - 1)
	return int((n-1)/below + 1)
}

func pageLength(level, count int) int {
	if level == 0 {
		return ChunkPageSize + count*ChunkEntrySize
	}
	return ChunkPageSize + count*DirEntrySize
}

// chunkPage is a page as bytes of its own that were checked.
type chunkPage struct {
	b     [MaxChunkPage]byte
	ref   Ref
	first int64
	count int
	ok    bool
}

func (p *chunkPage) child(i int) Ref {
	return getRef(p.b[ChunkPageSize+i*DirEntrySize:])
}

func (p *chunkPage) entry(i int) []byte {
	at := ChunkPageSize + i*ChunkEntrySize
	return p.b[at : at+ChunkEntrySize]
}

// checkPage reports an error unless b, which stands at off, is the page that
// was looked for: of that storage and level, and with count entries from first
// on. b has the length of such a page.
func checkPage(b []byte, off int64, storage uint64, level int, first int64, strict bool) error {
	if m := [4]byte(b); m != chunkPageMagic {
		return fail(tensor.ErrCorrupt, RuleChunkPageMagic, off+cpMagic, "chunk page magic", hexOf(b[:4]), hexOf(chunkPageMagic[:]))
	}
	if got := Checksum(b[cpStorage:]); got != le.Uint32(b[cpCRC:]) {
		return badSum(RuleChunkPageCRC, off+cpCRC, "chunk page checksum", got, le.Uint32(b[cpCRC:]))
	}
	if s, f, l := le.Uint64(b[cpStorage:]), le.Uint64(b[cpFirst:]), b[cpLevel]; s != storage || f != uint64(first) || int(l) != level {
		return fail(tensor.ErrCorrupt, RuleChunkPageOwner, off+cpStorage, "chunk page", fmt.Sprintf("level %d from chunk %d of storage %d", l, f, s), fmt.Sprintf("level %d from chunk %d of storage %d", level, first, storage))
	}
	if n := le.Uint32(b[cpLength:]); int64(n) != int64(len(b)) {
		return fail(tensor.ErrCorrupt, RuleChunkPageLength, off+cpLength, "chunk page length", fmt.Sprint(n), fmt.Sprint(len(b)))
	}
	if i := zero(b[cpZero:cpLength]); strict && i >= 0 {
		return fail(tensor.ErrCorrupt, RuleChunkPageZero, off+cpZero+int64(i), "chunk page reserved byte", fmt.Sprint(b[cpZero+i]), "0")
	}
	return nil
}

// sealPage completes the header of a page, whose entries stand in b.
func sealPage(b []byte, storage uint64, level int, first int64) {
	copy(b, chunkPageMagic[:])
	le.PutUint64(b[cpStorage:], storage)
	le.PutUint64(b[cpFirst:], uint64(first))
	b[cpLevel] = byte(level)
	clear(b[cpZero:cpLength])
	le.PutUint32(b[cpLength:], uint32(len(b)))
	le.PutUint32(b[cpCRC:], Checksum(b[cpStorage:]))
}

var chunkPageMagic = [4]byte{'T', 'S', 'R', 'P'}

// FoundPage is a chunk page that a scan found by itself.
type FoundPage struct {
	Storage uint64
	First   int64
	Level   int
	Ref     Ref
}

// sniffPage reads a chunk page that may stand at the begin of b, which is at
// off.
func sniffPage(b []byte, off int64) (FoundPage, bool) {
	if len(b) < ChunkPageSize || [4]byte(b) != chunkPageMagic {
		return FoundPage{}, false
	}
	n := int64(le.Uint32(b[cpLength:]))
	p := FoundPage{Storage: le.Uint64(b[cpStorage:]), First: int64(le.Uint64(b[cpFirst:])), Level: int(b[cpLevel])}
	if n <= ChunkPageSize || n > min(MaxChunkPage, int64(len(b))) || p.First < 0 || p.Level > MaxChunkLevel || Checksum(b[cpStorage:n]) != le.Uint32(b[cpCRC:]) {
		return FoundPage{}, false
	}
	p.Ref = Ref{uint64(off), uint32(n), Checksum(b[:n])}
	return p, true
}
