package format

// Rules are the ids that errors, the specification, reject files and tests
// share: one id a rule, named structure.field. The specification says each in
// full; testdata/reject holds files named after them.
const (
	// Header
	RuleHeaderShort = "header.short" // the file holds the header
	RuleHeaderMagic = "header.magic"
	RuleHeaderCRC   = "header.crc"
	RuleHeaderMajor = "header.major" // 1
	RuleHeaderSize  = "header.size"  // 64
	RuleHeaderZero  = "header.zero"  // reserved bytes
	RuleControlZero = "control.zero" // control pages beyond their records (verify)

	// Root records
	RuleRootNone       = "root.none" // no sound slot and no CREATED trailer at the end
	RuleRootMagic      = "root.magic"
	RuleRootCRC        = "root.crc"
	RuleRootUUID       = "root.uuid"
	RuleRootTwins      = "root.twins"      // equal generations are equal bytes
	RuleRootGeneration = "root.generation" // 1..2^64-1
	RuleRootLength     = "root.length"     // multiple of 4096, at least 16384, below 2^62
	RuleRootTruncated  = "root.truncated"  // the file holds the committed length
	RuleRootPrevious   = "root.previous"   // smaller position, smaller generation
	RuleRootCatalog    = "root.catalog"    // where a run head may lie
	RuleRootMustRead   = "root.must-read"
	RuleRootMustWrite  = "root.must-write"
	RuleRootAlignment  = "root.alignment" // exponent 12..21
	RuleRootZero       = "root.zero"      // reserved bytes and flags
	RuleRootWriter     = "root.writer"    // ASCII, zero-padded
	RuleRootTrailer    = "root.trailer"   // the record at L-128 equals the slot's (verify)

	// Refs
	RuleRefRange  = "ref.range"  // inside the committed length, no wrap
	RuleRefCRC    = "ref.crc"    // checksum of the bytes referred to
	RuleRefAbsent = "ref.absent" // absent only where allowed, and then 16 zero bytes

	// Runs
	RuleRunMagic      = "run.magic"
	RuleRunCRC        = "run.crc"
	RuleRunUUID       = "run.uuid"
	RuleRunOffset     = "run.offset"     // stands where it says, a multiple of 64
	RuleRunGeneration = "run.generation" // not above the root's
	RuleRunLength     = "run.length"     // 96 + 16*older + 4*pages
	RuleRunBody       = "run.body"       // lies before the head, above the control pages; sections fit
	RuleRunRecord     = "run.record"     // record sizes at least 64 and 96, multiples of 8
	RuleRunPages      = "run.pages"      // page exponent 12..16
	RuleRunOlder      = "run.older"      // at most 15, offsets strictly descending
	RuleRunFlags      = "run.flags"
	RuleRunZero       = "run.zero"
	RuleRunJournal    = "run.journal" // no root refers to a journal run
	RuleRunNextID     = "run.next-id" // above every storage id
	RulePageCRC       = "run.page"    // checksum of a body page

	// Names
	RuleNameEnds   = "name.ends"   // never fall, stay inside the names section
	RuleNameLength = "name.length" // 1..1024 bytes
	RuleNameUTF8   = "name.utf8"
	RuleNameByte   = "name.control" // no U+0000..1F, 7F
	RuleNameRole   = "name.role"    // [a-z0-9_]{1,32}, at most two
	RuleNameOrder  = "name.order"   // strictly ascending inside a run

	// Tensor records
	RuleTensorKind       = "tensor.kind"
	RuleTensorZero       = "tensor.zero"
	RuleTensorRank       = "tensor.rank" // 0..32
	RuleTensorHeap       = "tensor.heap" // position a multiple of 8, extent inside the heap, shape and strides fit
	RuleTensorStorage    = "tensor.storage"
	RuleTensorGeneration = "tensor.generation"
	RuleTensorFile       = "tensor.file"    // the empty name and kind 3 belong together
	RuleTensorDeleted    = "tensor.deleted" // a deletion carries nothing
	RuleTensorLayout     = "tensor.layout"  // 0 for dense

	// dtype
	RuleDTypeZero = "dtype.zero"
	RuleDTypeUnit = "dtype.unit" // e, b > 0 and e*bits = 8*b for classes 1..6
	RuleDTypeNone = "dtype.none" // class 0 only where allowed, all zero
	RuleDTypeBool = "dtype.bool" // an interpreted bool is 0 or 1

	// Shape and view
	RuleShapeExtent  = "shape.extent"  // each <= 2^63-1
	RuleShapeCount   = "shape.count"   // product of the non-zero extents <= 2^63-1
	RuleShapeBytes   = "shape.bytes"   // logical bytes <= 2^63-1
	RuleViewPacked   = "view.packed"   // packed last axis has stride b; rank 0 needs e = 1
	RuleViewBlock    = "view.block"    // class 7: last extent a multiple of e
	RuleViewAligned  = "view.aligned"  // offset and strides are multiples of the scalar's alignment
	RuleViewReach    = "view.reach"    // every address inside the storage
	RuleViewGrid     = "view.grid"     // permutations (and a prefix of rows) over a grid
	RuleViewNoBytes  = "view.no-bytes" // storage 0 only without elements
	RuleViewComposed = "view.composed" // a composite has storage 0, offset 0, strides 0

	// Storage records
	RuleStorageID     = "storage.id" // from 1, ascending inside a run
	RuleStorageKind   = "storage.kind"
	RuleStorageSize   = "storage.size"   // <= 2^63-1
	RuleStorageExtent = "storage.extent" // payload inside the data area
	RuleStorageAlign  = "storage.aligned"
	RuleStorageBlock  = "storage.block" // exponent 20..30 (raw)
	RuleStorageRef    = "storage.ref"   // one block: the payload; above: the list of sums
	RuleStorageZero   = "storage.zero"  // fields of the other kind, size 0, flags
	RuleRawCRC        = "storage.crc"   // a block's checksum
	RuleGridHeap      = "grid.heap"
	RuleGridRank      = "grid.rank"  // >= 1
	RuleGridShape     = "grid.shape" // size is that of the image
	RuleGridChunk     = "grid.chunk" // extents >= 1, last a multiple of e, raw <= 2^30
	RuleGridSlabs     = "grid.slabs"
	RuleGridFill      = "grid.fill"
	RuleGridStored    = "grid.stored"    // payload bytes are the sum of the chunks' (verify)
	RulePipeline      = "pipeline.text"  // grammar
	RulePipelineStage = "pipeline.stage" // unknown stage: the tensor is opaque

	// Chunk pages and entries
	RuleChunkPageMagic  = "chunk-page.magic"
	RuleChunkPageCRC    = "chunk-page.crc"
	RuleChunkPageOwner  = "chunk-page.owner"  // names its storage, level and first entry
	RuleChunkPageLength = "chunk-page.length" // only the last of a level is short
	RuleChunkPageZero   = "chunk-page.zero"
	RuleChunkCoding     = "chunk.coding"
	RuleChunkExtent     = "chunk.extent"
	RuleChunkAligned    = "chunk.aligned"
	RuleChunkOrigin     = "chunk.origin"
	RuleChunkZero       = "chunk.zero"
	RuleChunkCRC        = "chunk.crc"
	RuleChunkLength     = "chunk.length" // decoded length
	RuleChunkStream     = "chunk.stream" // a stage's bytes follow its definition
	RuleChunkWindow     = "chunk.window" // a zstd window is at most 8 MiB

	// Composites
	RuleLayoutKnown   = "composite.layout" // unknown layout: opaque
	RuleLayoutPart    = "composite.part"   // the parts a layout needs, and their shapes
	RuleLayoutFlags   = "composite.flags"
	RuleLayoutPointer = "composite.pointer"
	RuleLayoutIndex   = "composite.index"
	RuleLayoutUTF8    = "composite.utf8" // strings

	// Attributes
	RuleAttrJSON      = "attr.json"
	RuleAttrUTF8      = "attr.utf8"
	RuleAttrDuplicate = "attr.duplicate"
	RuleAttrDepth     = "attr.depth"    // <= 32
	RuleAttrSize      = "attr.size"     // <= 16 MiB
	RuleAttrNumber    = "attr.number"   // integers fit 64 bits, others binary64
	RuleAttrDollar    = "attr.dollar"   // {"$f64": ...} and other reserved one-key objects
	RuleAttrLong      = "attr.long"     // arrays of more than 4096 elements are tensors
	RuleAttrCount     = "attr.count"    // <= 131072 values
	RuleAttrDims      = "attr.dims"     // array of rank strings or nulls
	RuleAttrReserved  = "attr.reserved" // other reserved keys (verify)

	// Whole file (verify)
	RulePadding    = "padding.zero"
	RuleOverlap    = "extent.overlap"
	RuleOrphanPart = "composite.orphan"
)
