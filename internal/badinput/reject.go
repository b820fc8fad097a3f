package badinput

import (
	"strings"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
)

// Reject is a file that breaks one rule of the specification and no other; all
// its checksums are right but the one that is meant.
type Reject struct {
	Rule string
	Case string // tells several files of a rule apart
	Kind string // as the specification's index of rules calls it
	At   Stage  // where it shows at the latest
	What string
	Make func() []byte
}

// u8s is a tensor of bytes.
func u8s(name string, storage, n uint64) forge.Tensor {
	return forge.Tensor{Name: name, Storage: storage, DType: forge.U8, Shape: []uint64{n}, Strides: []int64{1}}
}

// bytesOf is a storage of n bytes.
func bytesOf(id uint64, n int) forge.Storage {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i + 1)
	}
	return forge.Storage{ID: id, Data: b}
}

// plain is a file of two small tensors.
func plain() *forge.Image {
	return forge.File([]forge.Tensor{
		{Name: "t", Storage: 1, DType: forge.F32, Shape: []uint64{2, 3}, Strides: []int64{12, 4}, Attrs: `{"a":1}`},
		u8s("u", 2, 10),
	}, bytesOf(1, 24), bytesOf(2, 10))
}

// two is a file of two generations; slot B holds the newer, slot A the older.
func two() *forge.Image {
	return forge.Build(false,
		forge.Gen{Tensors: []forge.Tensor{u8s("a", 1, 10)}, Storages: []forge.Storage{bytesOf(1, 10)}},
		forge.Gen{Tensors: []forge.Tensor{u8s("b", 2, 5)}, Storages: []forge.Storage{bytesOf(2, 5)}})
}

// one is a file of one tensor on one storage of 64 bytes.
func one(t forge.Tensor) *forge.Image {
	t.Name, t.Storage = "t", 1
	return forge.File([]forge.Tensor{t}, bytesOf(1, 64))
}

// attrs is a file of one tensor with attributes.
func attrs(text string) *forge.Image {
	t := u8s("t", 1, 10)
	t.Attrs = text
	return one(t)
}

func nest(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }

func ones(n int) string { return "[1" + strings.Repeat(",1", n-1) + "]" }

// grid is a file of one tensor over a grid of which all chunks are missing.
func grid(brk func(s *forge.Storage)) *forge.Image {
	s := forge.Storage{ID: 1, Grid: true, Size: 60, DType: forge.F32, Shape: []uint64{5, 3}, Chunk: []uint64{2, 2}, Slabs: 3, Pipelines: "zstd"}
	brk(&s)
	return forge.File([]forge.Tensor{{Name: "t", Storage: 1, DType: forge.F32, Shape: []uint64{5, 3}, Strides: []int64{12, 4}}}, s)
}

// chunked is a file of a tensor over a grid with chunks of every coding, of
// f32 5 by 3 in chunks of 2 by 2, and of one beside it.
func chunked(brk func(s *forge.Storage)) *forge.Image {
	b := bytesOf(0, 16).Data
	s := forge.Storage{ID: 1, Grid: true, Size: 60, DType: forge.F32, Shape: []uint64{5, 3}, Chunk: []uint64{2, 2}, Slabs: 3, Pipelines: "shuffle\nlz4", Chunks: []forge.Chunk{
		{Coding: 2, Data: b}, {Coding: 3, Data: b[:8]}, {Origin: 2}, {Coding: 1, Unit: [16]byte{1, 2, 3, 4}, Origin: 2}, {Coding: 2, Data: b[:8], Origin: 4}, {Coding: 2, Data: b[:4], Origin: 4},
	}}
	brk(&s)
	return forge.File([]forge.Tensor{
		{Name: "t", Storage: 1, DType: forge.F32, Shape: []uint64{5, 3}, Strides: []int64{12, 4}},
		u8s("u", 2, 10),
	}, s, bytesOf(2, 10))
}

// page breaks the only chunk page of chunked, which begins at p, and seals.
func page(brk func(im *forge.Image, p int64)) func() []byte {
	return func() []byte {
		im := chunked(func(*forge.Storage) {})
		brk(im, im.Last().Pages[0][0])
		return im.Seal().B
	}
}

// entry breaks entry i of that page.
func entry(i int64, brk func(im *forge.Image, e int64)) func() []byte {
	return page(func(im *forge.Image, p int64) { brk(im, p+forge.PEntries+i*forge.ESize) })
}

// stage is chunked with a first chunk of these bytes, by the only pipeline.
func stage(pipeline string, body []byte) *forge.Image {
	return chunked(func(s *forge.Storage) {
		s.Pipelines = pipeline
		s.Chunks[0] = forge.Chunk{Coding: 3, Data: body}
		s.Chunks[1] = forge.Chunk{}
	})
}

// zstdFrame is 16 raw bytes as a frame with a window of 2^log bytes, or if size
// is not 0, one that says that it holds so many.
func zstdFrame(log byte, size uint64) []byte {
	b := []byte{16, 0, 0, 0, 0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3}
	if size != 0 {
		b[8] = 3 << 6
		for i := range 8 {
			b = append(b, byte(size>>(8*i)))
		}
	}
	return append(append(b, 16<<3|1, 0, 0), bytesOf(0, 16).Data...)
}

// file wraps a function that breaks a plain image, which is then sealed.
func file(brk func(im *forge.Image, p *forge.Pos)) func() []byte {
	return func() []byte {
		im := plain()
		brk(im, im.Last())
		return im.Seal().B
	}
}

// head breaks a field of the newest root record and seals.
func head(off int64, v uint64) func() []byte {
	return func() []byte {
		im := two()
		return im.P64(im.Last().Trailer+off, v).Seal().B
	}
}

// unsealed breaks a file after it was sealed.
func unsealed(brk func(im *forge.Image, p *forge.Pos)) func() []byte {
	return func() []byte {
		im := two()
		brk(im, im.Last())
		return im.B
	}
}

func imageOf(im *forge.Image) func() []byte { return func() []byte { return im.B } }

// Rejects are the files of testdata/reject.
func Rejects() []Reject {
	const (
		truncated, malformed, corrupt, overflow = "Truncated", "Format", "Corrupt", "Overflow"
		limit, unsupported, duplicate           = "Limit", "Unsupported", "Duplicate"
	)
	return append([]Reject{
		{format.RuleHeaderShort, "", truncated, Open, "the file ends in its header", func() []byte { return plain().B[:40] }},
		{format.RuleHeaderMagic, "", malformed, Open, "the magic of PNG", func() []byte { return plain().Put(0, "\x89PNG").B }},
		{format.RuleHeaderCRC, "", corrupt, Open, "a bit of the UUID changed", func() []byte { im := plain(); im.B[20] ^= 4; return im.B }},
		{format.RuleHeaderMajor, "", unsupported, Open, "major version 2", file(func(im *forge.Image, _ *forge.Pos) { im.P16(forge.HMajor, 2) })},
		{format.RuleHeaderSize, "", malformed, Open, "a header of 72 bytes", file(func(im *forge.Image, _ *forge.Pos) { im.P16(forge.HSize, 72) })},
		{format.RuleHeaderZero, "", corrupt, Open, "a reserved byte of the header is 1", file(func(im *forge.Image, _ *forge.Pos) { im.P8(50, 1) })},
		{format.RuleControlZero, "", corrupt, Verify, "a byte behind the record of slot B is 1", file(func(im *forge.Image, _ *forge.Pos) { im.P8(12287, 1) })},

		{format.RuleRootNone, "", corrupt, Open, "both slots are zero and the trailer is not CREATED", unsealed(func(im *forge.Image, _ *forge.Pos) { clear(im.B[4096:12288]) })},
		{format.RuleRootMagic, "", corrupt, Verify, "slot A has another magic; the file opens from slot B", unsealed(func(im *forge.Image, _ *forge.Pos) { im.Put(4096, "TSRX") })},
		{format.RuleRootCRC, "", corrupt, Verify, "slot A has a changed bit; the file opens from slot B", unsealed(func(im *forge.Image, _ *forge.Pos) { im.B[4096+40] ^= 1 })},
		{format.RuleRootUUID, "", corrupt, Verify, "slot A is that of another file; the file opens from slot B", unsealed(func(im *forge.Image, _ *forge.Pos) {
			im.P8(4096+forge.RUUID, 0xee).P32(4096+forge.RCRC, forge.CRC(im.B[4096+8:4096+128]))
		})},
		{format.RuleRootTwins, "", corrupt, Open, "two slots of generation 2 with different times", unsealed(func(im *forge.Image, _ *forge.Pos) {
			copy(im.B[4096:4096+128], im.B[8192:])
			im.P64(4096+forge.RTime, 1).P32(4096+forge.RCRC, forge.CRC(im.B[4096+8:4096+128]))
		})},
		{format.RuleRootGeneration, "", corrupt, Open, "generation 0", func() []byte {
			im := plain()
			return im.P64(im.Last().Trailer+forge.RGen, 0).Seal().B
		}},
		{format.RuleRootLength, "", corrupt, Open, "a committed length that is no multiple of 4096", head(forge.RLength, 20481)},
		{format.RuleRootTruncated, "", truncated, Open, "the last 4096 bytes are missing", func() []byte { im := two(); return im.B[:len(im.B)-4096] }},
		{format.RuleRootPrevious, "", corrupt, Open, "a previous trailer that is the record's own", func() []byte {
			im := two()
			return im.P64(im.Last().Trailer+forge.RPrevious, uint64(im.Last().Trailer)).Seal().B
		}},
		{format.RuleRootCatalog, "", corrupt, Open, "a catalog in slot B", head(forge.RCatalog, 8192)},
		{format.RuleRootMustRead, "", unsupported, Open, "bit 5 of must_read", head(forge.RMustRead, 1<<5)},
		{format.RuleRootMustWrite, "", unsupported, Write, "bit 5 of must_write, for a writer that edits the file", head(forge.RMustWrite, 1<<5)},
		{format.RuleRootAlignment, "", corrupt, Open, "alignment exponent 11", file(func(im *forge.Image, p *forge.Pos) { im.P8(p.Trailer+forge.RAlign, 11) })},
		{format.RuleRootZero, "", corrupt, Open, "a reserved byte of the root record is 1", file(func(im *forge.Image, p *forge.Pos) { im.P8(p.Trailer+forge.RZero, 1) })},
		{format.RuleRootWriter, "", corrupt, Open, "a writer with ESC", file(func(im *forge.Image, p *forge.Pos) { im.Put(p.Trailer+forge.RWriter, "a\x1b[31m") })},
		{format.RuleRootTrailer, "", corrupt, Verify, "the trailer differs from its slots", func() []byte {
			im := plain()
			r := im.B[im.Last().Trailer:]
			im.P64(im.Last().Trailer+forge.RTime, 7).P32(im.Last().Trailer+forge.RCRC, forge.CRC(r[8:128]))
			return im.B
		}},

		{format.RuleRefRange, "", corrupt, Use, "the root page of a grid in slot B", func() []byte {
			im := grid(func(*forge.Storage) {})
			r := im.Last().Storages[0] + forge.SRef
			return im.P64(r, 8192).P32(r+8, 64).Seal().B
		}},
		{format.RuleRefCRC, "", corrupt, Open, "a changed bit in the newest run head", unsealed(func(im *forge.Image, p *forge.Pos) { im.B[p.Head+90] ^= 1 })},

		{format.RuleRunMagic, "", corrupt, Open, "a run head with another magic", file(func(im *forge.Image, p *forge.Pos) { im.Put(p.Head, "TSRP") })},
		{format.RuleRunCRC, "", corrupt, Open, "a run head with a wrong checksum of its own", func() []byte {
			im := plain()
			return im.P32(im.Last().Head+forge.NCRC, 1).SealOnly(forge.SealRefs | forge.SealRoots | forge.SealSlots).B
		}},
		{format.RuleRunUUID, "", corrupt, Open, "a run of another file", file(func(im *forge.Image, p *forge.Pos) { im.P8(p.Head+forge.NUUID, 0xee) })},
		{format.RuleRunOffset, "", corrupt, Open, "a run head that says that it stands elsewhere", file(func(im *forge.Image, p *forge.Pos) { im.P64(p.Head+forge.NOffset, uint64(p.Head)-64) })},
		{format.RuleRunGeneration, "", corrupt, Open, "a run of a generation to come", file(func(im *forge.Image, p *forge.Pos) { im.P64(p.Head+forge.NGen, 2) })},
		{format.RuleRunLength, "", corrupt, Open, "a run head that says that it is longer", file(func(im *forge.Image, p *forge.Pos) { im.P32(p.Head+forge.NLength, uint32(p.Len)+4) })},
		{format.RuleRunBody, "", corrupt, Open, "more tensor records than the body can hold", file(func(im *forge.Image, p *forge.Pos) { im.P32(p.Head+forge.NTensors, 1<<32-1) })},
		{format.RuleRunRecord, "", corrupt, Open, "tensor records of 56 bytes", file(func(im *forge.Image, p *forge.Pos) { im.P16(p.Head+forge.NTensorSize, 56) })},
		{format.RuleRunPages, "", corrupt, Open, "page exponent 17", file(func(im *forge.Image, p *forge.Pos) { im.P8(p.Head+forge.NPageExp, 17) })},
		{format.RuleRunOlder, "", corrupt, Open, "an older run that is the newest", func() []byte {
			im := two()
			return im.P64(im.Last().Older, uint64(im.Last().Head)).Seal().B
		}},
		{format.RuleRunFlags, "", corrupt, Open, "flag bit 1 of a run", file(func(im *forge.Image, p *forge.Pos) { im.P8(p.Head+forge.NFlags, 2) })},
		{format.RuleRunZero, "", corrupt, Open, "a reserved byte of a run head is 1", file(func(im *forge.Image, p *forge.Pos) { im.P8(p.Head+forge.NZero+7, 1) })},
		{format.RuleRunJournal, "", corrupt, Open, "a root that refers to a journal run", file(func(im *forge.Image, p *forge.Pos) { im.P8(p.Head+forge.NFlags, 1) })},
		{format.RuleRunNextID, "", corrupt, Verify, "a next storage id that is taken", file(func(im *forge.Image, p *forge.Pos) { im.P64(p.Head+forge.NNextID, 2) })},
		{format.RulePageCRC, "", corrupt, Use, "a changed bit in a page of the catalog", unsealed(func(im *forge.Image, p *forge.Pos) { im.B[p.Names] ^= 1 })},

		{format.RuleNameEnds, "", corrupt, Use, "an end of a name before its begin", file(func(im *forge.Image, p *forge.Pos) { im.P32(p.Ends+4, 0) })},
		{format.RuleNameLength, "", malformed, Use, "a name of 1025 bytes", imageOf(forge.File([]forge.Tensor{u8s(strings.Repeat("x", 1025), 1, 10)}, bytesOf(1, 10)))},
		{format.RuleNameUTF8, "", malformed, Use, "a name that is not UTF-8", file(func(im *forge.Image, p *forge.Pos) { im.Put(p.Names+1, "\xff") })},
		{format.RuleNameByte, "", malformed, Use, "a name with ESC", imageOf(forge.File([]forge.Tensor{u8s("a\x1b[31m", 1, 10)}, bytesOf(1, 10)))},
		{format.RuleNameRole, "", malformed, Use, "a part with a role in capitals", imageOf(forge.File([]forge.Tensor{u8s("a", 1, 10), u8s("a\x00Values", 1, 10)}, bytesOf(1, 10)))},
		{format.RuleNameOrder, "", duplicate, Verify, "a name twice", file(func(im *forge.Image, p *forge.Pos) { im.Put(p.Names, "uu") })},

		{format.RuleTensorKind, "", corrupt, Use, "kind 4", file(func(im *forge.Image, p *forge.Pos) { im.P8(p.Tensors[0]+forge.TKind, 4) })},
		{format.RuleTensorZero, "", corrupt, Use, "a reserved byte of a tensor record is 1", file(func(im *forge.Image, p *forge.Pos) { im.P8(p.Tensors[0]+forge.TZero, 1) })},
		{format.RuleTensorRank, "", limit, Use, "rank 33", func() []byte {
			t := forge.Tensor{DType: forge.U8}
			for range 33 {
				t.Shape, t.Strides = append(t.Shape, 1), append(t.Strides, 1)
			}
			return one(t).B
		}},
		{format.RuleTensorHeap, "", corrupt, Use, "shape and strides past the end of the heap", file(func(im *forge.Image, p *forge.Pos) { im.P64(p.Tensors[0]+forge.THeap, 4096) })},
		{format.RuleTensorStorage, "", corrupt, Use, "a storage that is not there", file(func(im *forge.Image, p *forge.Pos) { im.P64(p.Tensors[0], 9) })},
		{format.RuleTensorGeneration, "", corrupt, Use, "a record of a generation to come", file(func(im *forge.Image, p *forge.Pos) { im.P64(p.Tensors[0]+forge.TGen, 2) })},
		{format.RuleTensorFile, "", corrupt, Use, "the file's attributes under a name", file(func(im *forge.Image, p *forge.Pos) { im.P8(p.Tensors[0]+forge.TKind, 3) })},
		{format.RuleTensorDeleted, "", corrupt, Use, "a deletion that has a shape", file(func(im *forge.Image, p *forge.Pos) { im.P8(p.Tensors[0]+forge.TKind, 0) })},
		{format.RuleTensorLayout, "", corrupt, Use, "a dense tensor with a layout", file(func(im *forge.Image, p *forge.Pos) { im.P16(p.Tensors[0]+forge.TLayout, 1) })},

		{format.RuleDTypeZero, "", corrupt, Use, "the reserved byte of a dtype is 1", file(func(im *forge.Image, p *forge.Pos) { im.P8(p.Tensors[0]+forge.TDType+1, 1) })},
		{format.RuleDTypeUnit, "", corrupt, Use, "32 bits in 5 bytes", imageOf(one(forge.Tensor{DType: forge.DT(4, 0, 32, 1, 5)}))},
		{format.RuleDTypeNone, "", corrupt, Use, "a dense tensor without a dtype", imageOf(one(forge.Tensor{}))},
		{format.RuleDTypeBool, "", corrupt, Use, "a bool of 2, for a reader that interprets it", imageOf(one(forge.Tensor{DType: forge.DT(1, 0, 8, 1, 1), Shape: []uint64{5}, Strides: []int64{1}}))},

		{format.RuleShapeExtent, "", overflow, Use, "an extent of 2^63 beside one of 0", imageOf(one(forge.Tensor{DType: forge.U8, Shape: []uint64{0, 1 << 63}, Strides: []int64{0, 0}}))},
		{format.RuleShapeCount, "", overflow, Use, "2^32 x 2^32 x 3 elements", imageOf(one(forge.Tensor{DType: forge.U8, Shape: []uint64{1 << 32, 1 << 32, 3}, Strides: []int64{0, 0, 0}}))},
		{format.RuleShapeBytes, "", overflow, Use, "2^61 elements of 8 bytes", imageOf(one(forge.Tensor{DType: forge.F64, Shape: []uint64{1 << 61}, Strides: []int64{0}}))},
		{format.RuleViewPacked, "", corrupt, Use, "4-bit elements with a stride of 2", imageOf(one(forge.Tensor{DType: forge.I4, Shape: []uint64{8}, Strides: []int64{2}}))},
		{format.RuleViewBlock, "", corrupt, Use, "33 elements in blocks of 32", imageOf(one(forge.Tensor{DType: forge.Q4_0, Shape: []uint64{33}, Strides: []int64{18}}))},
		{format.RuleViewAligned, "", viewAligned, Use, "elements of 4 bytes at offset 2", imageOf(one(forge.Tensor{DType: forge.F32, Offset: 2, Shape: []uint64{3}, Strides: []int64{4}}))},
		{format.RuleViewReach, "", corrupt, Use, "a stride that leaves the storage backwards", imageOf(one(forge.Tensor{DType: forge.F32, Offset: 4, Shape: []uint64{3}, Strides: []int64{-4}}))},
		{format.RuleViewNoBytes, "", corrupt, Use, "elements without a storage", file(func(im *forge.Image, p *forge.Pos) { im.P64(p.Tensors[0], 0) })},
		{format.RuleViewComposed, "", corrupt, Use, "a composite with a storage", imageOf(one(forge.Tensor{Kind: 2, Layout: 1, DType: forge.U8, Shape: []uint64{3}, Strides: []int64{0}}))},

		{format.RuleStorageID, "", corrupt, Verify, "storage ids that fall", func() []byte {
			im := forge.File([]forge.Tensor{u8s("t", 3, 10)}, bytesOf(3, 10), bytesOf(2, 10), bytesOf(5, 10))
			return im.B
		}},
		{format.RuleStorageKind, "", unsupported, Use, "storage kind 3", file(func(im *forge.Image, p *forge.Pos) { im.P8(p.Storages[0]+forge.SKind, 3) })},
		{format.RuleStorageSize, "", overflow, Use, "a storage of 2^63 bytes", file(func(im *forge.Image, p *forge.Pos) { im.P64(p.Storages[0]+forge.SSize, 1<<63) })},
		{format.RuleStorageExtent, "", corrupt, Use, "a payload in slot B", file(func(im *forge.Image, p *forge.Pos) {
			im.P64(p.Storages[0]+forge.SPayload, 8192).P64(p.Storages[0]+forge.SRef, 8192)
		})},
		{format.RuleStorageAlign, "", corrupt, Use, "a payload at a multiple of 8", func() []byte {
			im := one(u8s("t", 1, 10))
			r := im.Last().Storages[0]
			for _, f := range []int64{forge.SSize, forge.SStored} {
				im.P64(r+f, 56)
			}
			im.P64(r+forge.SPayload, 12296).P64(r+forge.SRef, 12296).P32(r+forge.SRef+8, 56).P32(r+forge.SRef+12, forge.CRC(im.B[12296:12352]))
			clear(im.B[12288:12296])
			return im.SealOnly(forge.SealAll &^ forge.SealPayloads).B
		}},
		{format.RuleStorageBlock, "", corrupt, Use, "block exponent 19", file(func(im *forge.Image, p *forge.Pos) { im.P8(p.Storages[0]+forge.SBlock, 19) })},
		{format.RuleStorageRef, "", corrupt, Use, "a Ref that is not the payload", file(func(im *forge.Image, p *forge.Pos) { im.P32(p.Storages[0]+forge.SRef+8, 20) })},
		{format.RuleStorageZero, "", corrupt, Use, "a raw storage with a rank", file(func(im *forge.Image, p *forge.Pos) { im.P8(p.Storages[0]+forge.SRank, 1) })},
		{format.RuleRawCRC, "", corrupt, Verify, "a changed bit in a payload", unsealed(func(im *forge.Image, p *forge.Pos) { im.B[p.Payloads[0]] ^= 1 })},

		{format.RuleGridHeap, "", corrupt, Use, "a description of a grid past the end of the heap", func() []byte {
			im := grid(func(*forge.Storage) {})
			return im.P64(im.Last().Storages[0]+forge.SHeap, 4096).Seal().B
		}},
		{format.RuleGridRank, "", corrupt, Use, "a grid of rank 0", imageOf(grid(func(s *forge.Storage) { s.Shape, s.Chunk = nil, nil }))},
		{format.RuleGridShape, "", corrupt, Use, "a grid whose size is not that of its image", imageOf(grid(func(s *forge.Storage) { s.Size = 64 }))},
		{format.RuleGridChunk, "", malformed, Use, "a chunk extent of 0", imageOf(grid(func(s *forge.Storage) { s.Chunk = []uint64{2, 0} }))},
		{format.RuleGridSlabs, "", corrupt, Use, "a slab too few", imageOf(grid(func(s *forge.Storage) { s.Slabs = 2 }))},
		{format.RuleGridFill, "", corrupt, Use, "a fill longer than its unit", imageOf(grid(func(s *forge.Storage) { s.Fill[5] = 1 }))},
		{format.RulePipeline, "", malformed, Use, "a stage in capitals", imageOf(grid(func(s *forge.Storage) { s.Pipelines = "ZSTD" }))},
		{format.RulePipelineStage, "", unsupported, Use, "a codec that nobody knows", imageOf(grid(func(s *forge.Storage) { s.Pipelines = "zstd9" }))},
		{format.RuleViewGrid, "", corrupt, Use, "every second column of a grid", func() []byte {
			im := chunked(func(*forge.Storage) {})
			return im.P64(im.Last().THeaps[0]+8, 2).P64(im.Last().THeaps[0]+24, 8).Seal().B
		}},
		{format.RuleRefAbsent, "", corrupt, Use, "a grid with slabs and no root page", imageOf(grid(func(s *forge.Storage) { s.Flags = 1 }))},
		{format.RuleGridStored, "", corrupt, Verify, "a byte of payload too many", func() []byte {
			im := chunked(func(*forge.Storage) {})
			return im.P64(im.Last().Storages[0]+forge.SStored, 37).Seal().B
		}},

		{format.RuleChunkPageMagic, "", corrupt, Use, "a chunk page with the magic of a run", page(func(im *forge.Image, p int64) { im.Put(p, "TSRC") })},
		{format.RuleChunkPageCRC, "", corrupt, Use, "a chunk page with a wrong checksum of its own", func() []byte {
			im := chunked(func(*forge.Storage) {})
			p := im.Last()
			return im.P32(p.Pages[0][0]+forge.PCRC, 1).SealRef(p.Storages[0] + forge.SRef).SealOnly(forge.SealAll &^ forge.SealPayloads).B
		}},
		{format.RuleChunkPageOwner, "", corrupt, Use, "a chunk page of another storage", page(func(im *forge.Image, p int64) { im.P64(p+forge.PStorage, 2) })},
		{format.RuleChunkPageLength, "", corrupt, Use, "a chunk page with an entry too few", func() []byte {
			im := chunked(func(s *forge.Storage) { s.Chunks = s.Chunks[:5] })
			return im.B
		}},
		{format.RuleChunkPageZero, "", corrupt, Use, "a reserved byte of a chunk page is 1", page(func(im *forge.Image, p int64) { im.P8(p+forge.PZero, 1) })},
		{format.RuleChunkCoding, "", corrupt, Use, "a pipeline that the storage does not have", entry(1, func(im *forge.Image, e int64) { im.P8(e+forge.ECoding, 5) })},
		{format.RuleChunkExtent, "", corrupt, Use, "a raw chunk of a byte less", entry(0, func(im *forge.Image, e int64) { im.P32(e+forge.ELength, 15) })},
		{format.RuleChunkAligned, "", corrupt, Use, "a chunk at a multiple of 8", entry(0, func(im *forge.Image, e int64) { im.P64(e, 12296) })},
		{format.RuleChunkOrigin, "", corrupt, Use, "the origin of another slab", entry(3, func(im *forge.Image, e int64) { im.P64(e+forge.EOrigin, 4) })},
		{format.RuleChunkZero, "", corrupt, Use, "a byte behind the unit of a constant chunk", entry(3, func(im *forge.Image, e int64) { im.P8(e+9, 1) })},
		{format.RuleChunkCRC, "", corrupt, Use, "a changed bit in a chunk", func() []byte {
			im := chunked(func(*forge.Storage) {})
			im.B[im.Last().Chunks[0][0]+3] ^= 1
			return im.B
		}},
		{format.RuleChunkLength, "", limit, Use, "a chunk that says that it decodes to a byte more", func() []byte {
			return stage("lz4", append([]byte{17, 0, 0, 0, 0xf0, 1}, bytesOf(0, 16).Data...)).B
		}},
		{format.RuleChunkStream, "", corrupt, Use, "a match before the begin of the chunk", func() []byte {
			return stage("lz4", []byte{16, 0, 0, 0, 0x1b, 7, 9, 0, 0}).B
		}},
		{format.RuleChunkWindow, "", limit, Use, "a zstd window of 16 MiB", func() []byte { return stage("zstd", zstdFrame(24, 0)).B }},

		{format.RuleAttrJSON, "", malformed, Use, "an array", imageOf(attrs(`[1,2]`))},
		{format.RuleAttrUTF8, "", malformed, Use, "an unpaired surrogate", imageOf(attrs(`{"a":"\ud800"}`))},
		{format.RuleAttrDuplicate, "", duplicate, Use, "a key twice, once escaped", imageOf(attrs(`{"a":1,"\u0061":2}`))},
		{format.RuleAttrDepth, "", limit, Use, "33 levels", imageOf(attrs(nest(33)))},
		{format.RuleAttrNumber, "", overflow, Use, "an integer of 65 bits", imageOf(attrs(`{"a":18446744073709551616}`))},
		{format.RuleAttrDollar, "", malformed, Use, "a number of 7 digits", imageOf(attrs(`{"a":{"$f32":"3f80000"}}`))},
		{format.RuleAttrLong, "", limit, Use, "an array of 4097 elements", imageOf(attrs(`{"a":` + ones(4097) + `}`))},
		{format.RuleAttrDims, "", malformed, Use, "two names for one axis", imageOf(attrs(`{"dims":["x","y"]}`))},
		{format.RuleAttrReserved, "", malformed, Verify, "an orientation of 9", imageOf(attrs(`{"orientation":9}`))},

		{format.RulePadding, "", corrupt, Verify, "a byte between payload and catalog is 1", file(func(im *forge.Image, p *forge.Pos) { im.P8(p.Payloads[1]+10, 1) })},
		{format.RuleOverlap, "", corrupt, Verify, "two storages on the same bytes", func() []byte {
			im := forge.File([]forge.Tensor{u8s("a", 1, 10), u8s("b", 2, 10)}, bytesOf(1, 10), bytesOf(2, 10))
			p := im.Last()
			clear(im.B[p.Payloads[1]:][:10])
			return im.P64(p.Storages[1]+forge.SPayload, uint64(p.Payloads[0])).P64(p.Storages[1]+forge.SRef, uint64(p.Payloads[0])).
				P32(p.Storages[1]+forge.SRef+12, forge.CRC(im.B[p.Payloads[0]:][:10])).SealOnly(forge.SealAll &^ forge.SealPayloads).B
		}},
		{format.RuleOrphanPart, "", corrupt, Verify, "a part of a dense tensor", imageOf(forge.File([]forge.Tensor{u8s("a", 1, 10), u8s("a\x00values", 1, 10)}, bytesOf(1, 10)))},
	}, compositeRejects()...)
}

// viewAligned is the kind of error of misaligned elements.
const viewAligned = "Corrupt"

// Name is that of the files in testdata/reject.
func (r *Reject) Name() string {
	if r.Case == "" {
		return r.Rule
	}
	return r.Rule + "-" + r.Case
}

// Waiting says why a rule has no file in testdata/reject.
func Waiting(rule string) string {
	switch rule {
	case format.RuleAttrSize:
		return "takes a file of 16 MiB; row N36 makes one"
	case format.RuleAttrCount:
		return "takes a file of 256 KiB; row N36 makes one"
	}
	return ""
}
