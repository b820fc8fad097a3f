package format

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
