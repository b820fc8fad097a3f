package format_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/badinput/forge"
	"github.com/tensorfile/tensorfile/tensor"
)

// Each field of a run head that can be wrong is refused by its rule, before
// anything is allocated by it.
func TestRunHeadFields(t *testing.T) {
	two := func() *forge.Image {
		return forge.Build(false, forge.Gen{Tensors: manyTensors(3)}, forge.Gen{Tensors: manyTensors(2), Storages: []forge.Storage{{ID: 1}}})
	}
	base := two().Last()
	at := func(field int64) int64 { return base.Head + field }
	for _, c := range []struct {
		name string
		brk  func(im *forge.Image, p *forge.Pos)
		kind error
		rule string
		at   int64
	}{
		{"magic", func(im *forge.Image, p *forge.Pos) { im.Put(p.Head, "TSRP") }, tensor.ErrCorrupt, format.RuleRunMagic, at(0)},
		{"uuid", func(im *forge.Image, p *forge.Pos) { im.P8(p.Head+8, 0xaa) }, tensor.ErrCorrupt, format.RuleRunUUID, at(8)},
		{"offset", func(im *forge.Image, p *forge.Pos) { im.P64(p.Head+24, uint64(p.Head)+64) }, tensor.ErrCorrupt, format.RuleRunOffset, at(24)},
		{"generation 0", func(im *forge.Image, p *forge.Pos) { im.P64(p.Head+32, 0) }, tensor.ErrCorrupt, format.RuleRunGeneration, at(32)},
		{"generation above", func(im *forge.Image, p *forge.Pos) { im.P64(p.Head+32, 3) }, tensor.ErrCorrupt, format.RuleRunGeneration, at(32)},
		{"body before the data", func(im *forge.Image, p *forge.Pos) { im.P64(p.Head+40, uint64(p.Head)-12288+64) }, tensor.ErrCorrupt, format.RuleRunBody, at(40)},
		{"body before the file", func(im *forge.Image, p *forge.Pos) { im.P64(p.Head+40, 1<<63) }, tensor.ErrCorrupt, format.RuleRunBody, at(40)},
		{"body unaligned", func(im *forge.Image, p *forge.Pos) { im.P64(p.Head+40, im.U64(p.Head+40)+8) }, tensor.ErrCorrupt, format.RuleRunBody, at(40)},
		{"body of other pages", func(im *forge.Image, p *forge.Pos) { im.P64(p.Head+40, 4544) }, tensor.ErrCorrupt, format.RuleRunLength, at(76)},
		{"body short", func(im *forge.Image, p *forge.Pos) { im.P64(p.Head+40, im.U64(p.Head+40)-64) }, tensor.ErrCorrupt, format.RuleRunBody, at(40)},
		{"heap long", func(im *forge.Image, p *forge.Pos) { im.P64(p.Head+48, 1<<40) }, tensor.ErrCorrupt, format.RuleRunBody, at(48)},
		{"heap 2^64-1", func(im *forge.Image, p *forge.Pos) { im.P64(p.Head+48, 1<<64-1) }, tensor.ErrCorrupt, format.RuleRunBody, at(48)},
		{"names long", func(im *forge.Image, p *forge.Pos) { im.P32(p.Head+56, 1<<32-1) }, tensor.ErrCorrupt, format.RuleRunBody, at(40)},
		{"tensors 2^32-1", func(im *forge.Image, p *forge.Pos) { im.P32(p.Head+60, 1<<32-1) }, tensor.ErrCorrupt, format.RuleRunBody, at(60)},
		{"storages 2^32-1", func(im *forge.Image, p *forge.Pos) { im.P32(p.Head+64, 1<<32-1) }, tensor.ErrCorrupt, format.RuleRunBody, at(64)},
		{"older 16", func(im *forge.Image, p *forge.Pos) { im.P16(p.Head+68, 16) }, tensor.ErrLimit, format.RuleRunOlder, at(68)},
		{"older 2", func(im *forge.Image, p *forge.Pos) { im.P16(p.Head+68, 2) }, tensor.ErrCorrupt, format.RuleRunLength, at(76)},
		{"tensor size 56", func(im *forge.Image, p *forge.Pos) { im.P16(p.Head+70, 56) }, tensor.ErrCorrupt, format.RuleRunRecord, at(70)},
		{"tensor size 65", func(im *forge.Image, p *forge.Pos) { im.P16(p.Head+70, 65) }, tensor.ErrCorrupt, format.RuleRunRecord, at(70)},
		{"tensor size 0", func(im *forge.Image, p *forge.Pos) { im.P16(p.Head+70, 0) }, tensor.ErrCorrupt, format.RuleRunRecord, at(70)},
		{"storage size 88", func(im *forge.Image, p *forge.Pos) { im.P16(p.Head+72, 88) }, tensor.ErrCorrupt, format.RuleRunRecord, at(72)},
		{"page exponent 11", func(im *forge.Image, p *forge.Pos) { im.P8(p.Head+74, 11) }, tensor.ErrCorrupt, format.RuleRunPages, at(74)},
		{"page exponent 17", func(im *forge.Image, p *forge.Pos) { im.P8(p.Head+74, 17) }, tensor.ErrCorrupt, format.RuleRunPages, at(74)},
		{"page exponent 255", func(im *forge.Image, p *forge.Pos) { im.P8(p.Head+74, 255) }, tensor.ErrCorrupt, format.RuleRunPages, at(74)},
		{"flags", func(im *forge.Image, p *forge.Pos) { im.P8(p.Head+75, 2) }, tensor.ErrCorrupt, format.RuleRunFlags, at(75)},
		{"journal", func(im *forge.Image, p *forge.Pos) { im.P8(p.Head+75, 1) }, tensor.ErrCorrupt, format.RuleRunJournal, at(75)},
		{"length", func(im *forge.Image, p *forge.Pos) { im.P32(p.Head+76, uint32(p.Len)+4) }, tensor.ErrCorrupt, format.RuleRunLength, at(76)},
		{"length 2^32-1", func(im *forge.Image, p *forge.Pos) { im.P32(p.Head+76, 1<<32-1) }, tensor.ErrCorrupt, format.RuleRunLength, at(76)},
		{"reserved", func(im *forge.Image, p *forge.Pos) { im.P8(p.Head+95, 1) }, tensor.ErrCorrupt, format.RuleRunZero, at(88)},
		{"older absent", func(im *forge.Image, p *forge.Pos) { im.P64(p.Older, 0).P64(p.Older+8, 0) }, tensor.ErrCorrupt, format.RuleRunOlder, at(96)},
		{"older itself", func(im *forge.Image, p *forge.Pos) { im.P64(p.Older, uint64(p.Head)) }, tensor.ErrCorrupt, format.RuleRunOlder, at(96)},
		{"older in its body", func(im *forge.Image, p *forge.Pos) { im.P64(p.Older, uint64(p.Body)) }, tensor.ErrTruncated, format.RuleRunOlder, at(96)},
		{"older unaligned", func(im *forge.Image, p *forge.Pos) { im.P64(p.Older, im.U64(p.Older)+8) }, tensor.ErrCorrupt, format.RuleRunOlder, at(96)},
		{"older overflows", func(im *forge.Image, p *forge.Pos) { im.P64(p.Older, 1<<64-64).P32(p.Older+8, 1<<32-1) }, tensor.ErrOverflow, format.RuleRunOlder, at(96)},
		{"older short", func(im *forge.Image, p *forge.Pos) { im.P32(p.Older+8, 92) }, tensor.ErrCorrupt, format.RuleRunOlder, at(96)},
	} {
		im := two()
		c.brk(im, im.Last())
		for _, mapped := range []bool{true, false} {
			_, err := catalogOf(im.Seal().B, mapped)
			t.Run(c.name, func(t *testing.T) { wantError(t, err, c.kind, c.rule, c.at) })
		}
	}
	// Checksums that are wrong themselves.
	im := two()
	im.P32(im.Last().Head+4, 1).SealOnly(forge.SealRefs | forge.SealRoots | forge.SealSlots)
	_, err := catalogOf(im.B, true)
	wantError(t, err, tensor.ErrCorrupt, format.RuleRunCRC, at(4))
	im = two()
	im.B[im.Last().Head+40] ^= 1
	_, err = catalogOf(im.B, true)
	wantError(t, err, tensor.ErrCorrupt, format.RuleRefCRC, at(0))
}

// An older run that is bad fails what needs it, and only that.
func TestOlderRunDamage(t *testing.T) {
	for _, brk := range []func(im *forge.Image){
		func(im *forge.Image) { im.B[im.Gens[0].Head+50] ^= 1 },
		func(im *forge.Image) { im.P8(im.Gens[0].Head+forge.NFlags, 1).Seal() },
		func(im *forge.Image) { im.P64(im.Gens[0].Head+forge.NGen, 3).Seal() },
	} {
		im := forge.Build(false, forge.Gen{Tensors: manyTensors(3)}, forge.Gen{Tensors: manyTensors(2)})
		brk(im)
		c := mustCatalog(t, im, true)
		var rec format.TensorRecord
		if found, err := c.Tensor("tensor.000001", &rec); !found || err != nil {
			t.Error(found, err)
		}
		for range 2 {
			if _, err := c.Tensor("tensor.000002", &rec); !errors.Is(err, tensor.ErrCorrupt) {
				t.Error(err)
			}
		}
		if _, err := c.Scanner(); !errors.Is(err, tensor.ErrCorrupt) {
			t.Error(err)
		}
	}
}

// recordCase is a file of one tensor and one storage with one field broken.
type recordCase struct {
	name string
	brk  func(im *forge.Image, p *forge.Pos)
	kind error
	rule string
	at   int64 // in the record
}

func oneTensor() *forge.Image {
	return forge.File([]forge.Tensor{{Name: "t", Storage: 1, DType: forge.F32, Shape: []uint64{2, 3}, Strides: []int64{12, 4}, Attrs: `{"a":1}`}}, forge.Storage{ID: 1, Data: make([]byte, 24)})
}

func TestTensorRecordFields(t *testing.T) {
	set := func(off int64, v byte) func(*forge.Image, *forge.Pos) {
		return func(im *forge.Image, p *forge.Pos) { im.P8(p.Tensors[0]+off, v) }
	}
	set64 := func(off int64, v uint64) func(*forge.Image, *forge.Pos) {
		return func(im *forge.Image, p *forge.Pos) { im.P64(p.Tensors[0]+off, v) }
	}
	heap64 := func(off int64, v uint64) func(*forge.Image, *forge.Pos) {
		return func(im *forge.Image, p *forge.Pos) { im.P64(p.THeaps[0]+off, v) }
	}
	both := func(a, b func(*forge.Image, *forge.Pos)) func(*forge.Image, *forge.Pos) {
		return func(im *forge.Image, p *forge.Pos) { a(im, p); b(im, p) }
	}
	for _, c := range []recordCase{
		{"kind 4", set(forge.TKind, 4), tensor.ErrCorrupt, format.RuleTensorKind, forge.TKind},
		{"file kind under a name", set(forge.TKind, 3), tensor.ErrCorrupt, format.RuleTensorFile, forge.TKind},
		{"deletion that carries", set(forge.TKind, 0), tensor.ErrCorrupt, format.RuleTensorDeleted, 0},
		{"reserved", set(forge.TZero+3, 1), tensor.ErrCorrupt, format.RuleTensorZero, forge.TZero},
		{"generation 0", set64(forge.TGen, 0), tensor.ErrCorrupt, format.RuleTensorGeneration, forge.TGen},
		{"generation 2", set64(forge.TGen, 2), tensor.ErrCorrupt, format.RuleTensorGeneration, forge.TGen},
		{"rank 33", set(forge.TRank, 33), tensor.ErrLimit, format.RuleTensorRank, forge.TRank},
		{"rank 255", set(forge.TRank, 255), tensor.ErrLimit, format.RuleTensorRank, forge.TRank},
		{"rank past the heap", set(forge.TRank, 3), tensor.ErrCorrupt, format.RuleTensorHeap, forge.THeapBytes},
		{"layout of a dense one", set(forge.TLayout, 1), tensor.ErrCorrupt, format.RuleTensorLayout, forge.TLayout},
		{"layout flags of a dense one", set(forge.TLayoutFlags+3, 1), tensor.ErrCorrupt, format.RuleTensorLayout, forge.TLayout},
		{"composite without a layout", set(forge.TKind, 2), tensor.ErrCorrupt, format.RuleTensorLayout, forge.TLayout},
		{"composite with a storage", both(set(forge.TKind, 2), set(forge.TLayout, 1)), tensor.ErrCorrupt, format.RuleViewComposed, 0},
		{"composite with strides", both(both(set(forge.TKind, 2), set(forge.TLayout, 1)), set64(forge.TStorage, 0)), tensor.ErrCorrupt, format.RuleViewComposed, forge.THeap},
		{"no dtype", both(set64(forge.TDType, 0), set64(forge.TDType+8, 0)), tensor.ErrCorrupt, format.RuleDTypeNone, forge.TDType},
		{"dtype reserved", set(forge.TDType+1, 1), tensor.ErrCorrupt, format.RuleDTypeZero, forge.TDType + 1},
		{"dtype unit", set(forge.TDType+12, 3), tensor.ErrCorrupt, format.RuleDTypeUnit, forge.TDType},
		{"offset 2^63", set64(forge.TOffset, 1<<63), tensor.ErrOverflow, format.RuleViewReach, forge.TOffset},
		{"heap position unaligned", set64(forge.THeap, 4), tensor.ErrCorrupt, format.RuleTensorHeap, forge.THeap},
		{"heap position past the end", set64(forge.THeap, 1<<20), tensor.ErrCorrupt, format.RuleTensorHeap, forge.THeap},
		{"heap position 2^64-8", set64(forge.THeap, 1<<64-8), tensor.ErrCorrupt, format.RuleTensorHeap, forge.THeap},
		{"heap bytes past the end", set(forge.THeapBytes+1, 1), tensor.ErrCorrupt, format.RuleTensorHeap, forge.THeap},
		{"heap bytes 2^32-1", func(im *forge.Image, p *forge.Pos) { im.P32(p.Tensors[0]+forge.THeapBytes, 1<<32-1) }, tensor.ErrCorrupt, format.RuleTensorHeap, forge.THeap},
		{"heap bytes few", set(forge.THeapBytes, 31), tensor.ErrCorrupt, format.RuleTensorHeap, forge.THeapBytes},
		{"extent 2^63", heap64(0, 1<<63), tensor.ErrOverflow, format.RuleShapeExtent, forge.THeap},
		{"extent 2^63 beside 0", both(heap64(0, 0), heap64(8, 1<<63)), tensor.ErrOverflow, format.RuleShapeExtent, forge.THeap},
		{"count", both(heap64(0, 1<<32), heap64(8, 1<<32)), tensor.ErrOverflow, format.RuleShapeCount, forge.THeap},
	} {
		im := oneTensor()
		c.brk(im, im.Last())
		im.Seal()
		bothWays(t, func(t *testing.T, mapped bool) {
			var rec format.TensorRecord
			_, err := mustCatalog(t, im, mapped).Tensor("t", &rec)
			if c.kind == nil {
				t.Fatal(err)
			}
			t.Run(c.name, func(t *testing.T) { wantError(t, err, c.kind, c.rule, im.Last().Tensors[0]+c.at) })
			var e *tensor.Error
			if errors.As(err, &e) && e.Tensor != "t" {
				t.Errorf("%s: names tensor %q", c.name, e.Tensor)
			}
		})
	}
	// A tensor without a name.
	im := forge.File([]forge.Tensor{{Storage: 1, DType: forge.U8}}, forge.Storage{ID: 1, Data: make([]byte, 24)})
	var rec format.TensorRecord
	_, err := mustCatalog(t, im, true).Tensor("", &rec)
	wantError(t, err, tensor.ErrCorrupt, format.RuleTensorFile, im.Last().Tensors[0]+forge.TKind)
	// The file's own record with a shape.
	im = forge.File([]forge.Tensor{{Kind: 3, Attrs: `{"a":1}`}})
	im.P8(im.Last().Tensors[0]+forge.TDType, 3).Seal()
	_, err = mustCatalog(t, im, true).Tensor("", &rec)
	wantError(t, err, tensor.ErrCorrupt, format.RuleDTypeUnit, 0)
	// Attributes past their limit are told by their record, without being read.
	im = forge.File([]forge.Tensor{{Name: "t", Storage: 1, DType: forge.U8, Attrs: strings.Repeat(" ", 16<<20+1)}}, forge.Storage{ID: 1, Data: make([]byte, 24)})
	_, err = mustCatalog(t, im, true).Tensor("t", &rec)
	wantError(t, err, tensor.ErrLimit, format.RuleAttrSize, im.Last().Tensors[0]+forge.THeapBytes)
}

func TestStorageRecordFields(t *testing.T) {
	small := func(brk func(im *forge.Image, r int64)) *forge.Image {
		im := oneTensor()
		brk(im, im.Last().Storages[0])
		return im.Seal()
	}
	large := func(size int, brk func(im *forge.Image, r int64)) *forge.Image {
		im := forge.File([]forge.Tensor{{Name: "t", Storage: 1, DType: forge.U8}}, forge.Storage{ID: 1, Data: make([]byte, size)})
		brk(im, im.Last().Storages[0])
		return im.Seal()
	}
	for _, c := range []struct {
		name string
		im   *forge.Image
		kind error
		rule string
		at   int64
	}{
		{"kind 0", small(func(im *forge.Image, r int64) { im.P8(r+forge.SKind, 0) }), tensor.ErrUnsupported, format.RuleStorageKind, forge.SKind},
		{"kind 3", small(func(im *forge.Image, r int64) { im.P8(r+forge.SKind, 3) }), tensor.ErrUnsupported, format.RuleStorageKind, forge.SKind},
		{"size 2^63", small(func(im *forge.Image, r int64) { im.P64(r+forge.SSize, 1<<63) }), tensor.ErrOverflow, format.RuleStorageSize, forge.SSize},
		{"stored other than size", small(func(im *forge.Image, r int64) { im.P64(r+forge.SStored, 23) }), tensor.ErrCorrupt, format.RuleStorageExtent, forge.SStored},
		{"stored 2^62", small(func(im *forge.Image, r int64) { im.P64(r+forge.SStored, 1<<62) }), tensor.ErrCorrupt, format.RuleStorageExtent, forge.SStored},
		{"payload in a slot", small(func(im *forge.Image, r int64) { im.P64(r+forge.SPayload, 8192).P64(r+forge.SRef, 8192) }), tensor.ErrCorrupt, format.RuleStorageExtent, forge.SPayload},
		{"payload past the end", small(func(im *forge.Image, r int64) { im.P64(r+forge.SPayload, 1<<40) }), tensor.ErrCorrupt, format.RuleStorageExtent, forge.SPayload},
		{"payload over the trailer", small(func(im *forge.Image, r int64) {
			im.P64(r+forge.SPayload, 16256-64).P64(r+forge.SSize, 128).P64(r+forge.SStored, 128)
		}), tensor.ErrTruncated, format.RuleStorageExtent, forge.SPayload},
		{"payload unaligned", small(func(im *forge.Image, r int64) { im.P64(r+forge.SPayload, 12288+8).P64(r+forge.SRef, 12288+8) }), tensor.ErrCorrupt, format.RuleStorageAlign, forge.SPayload},
		{"ref elsewhere", small(func(im *forge.Image, r int64) { im.P64(r+forge.SRef, 12288+64) }), tensor.ErrCorrupt, format.RuleStorageRef, forge.SRef},
		{"ref short", small(func(im *forge.Image, r int64) { im.P32(r+forge.SRef+8, 23) }), tensor.ErrCorrupt, format.RuleStorageRef, forge.SRef},
		{"ref absent", small(func(im *forge.Image, r int64) { im.P64(r+forge.SRef, 0).P32(r+forge.SRef+8, 0) }), tensor.ErrCorrupt, format.RuleStorageRef, forge.SRef},
		{"block 19", small(func(im *forge.Image, r int64) { im.P8(r+forge.SBlock, 19) }), tensor.ErrCorrupt, format.RuleStorageBlock, forge.SBlock},
		{"block 31", small(func(im *forge.Image, r int64) { im.P8(r+forge.SBlock, 31) }), tensor.ErrCorrupt, format.RuleStorageBlock, forge.SBlock},
		{"dtype of a raw one", small(func(im *forge.Image, r int64) { im.P8(r+forge.SDType, 3) }), tensor.ErrCorrupt, format.RuleStorageZero, forge.SDType},
		{"fill of a raw one", small(func(im *forge.Image, r int64) { im.P8(r+forge.SFill+15, 3) }), tensor.ErrCorrupt, format.RuleStorageZero, forge.SFill + 15},
		{"heap of a raw one", small(func(im *forge.Image, r int64) { im.P8(r+forge.SHeapBytes, 3) }), tensor.ErrCorrupt, format.RuleStorageZero, forge.SHeapBytes},
		{"rank of a raw one", small(func(im *forge.Image, r int64) { im.P8(r+forge.SRank, 1) }), tensor.ErrCorrupt, format.RuleStorageZero, forge.SRank},
		{"flags of a raw one", small(func(im *forge.Image, r int64) { im.P8(r+forge.SFlags, 1) }), tensor.ErrCorrupt, format.RuleStorageZero, forge.SFlags},
		{"empty with a payload", small(func(im *forge.Image, r int64) { im.P64(r+forge.SSize, 0) }), tensor.ErrCorrupt, format.RuleStorageZero, forge.SStored},
		{"large one at 64", large(65536, func(im *forge.Image, r int64) {
			im.P64(r+forge.SPayload, 12288+64).P64(r+forge.SRef, 12288+64)
		}), tensor.ErrCorrupt, format.RuleStorageAlign, forge.SPayload},
		{"list of sums short", large(1<<20+1, func(im *forge.Image, r int64) { im.P32(r+forge.SRef+8, 4) }), tensor.ErrCorrupt, format.RuleStorageRef, forge.SRef + 8},
		{"list of sums unaligned", large(1<<20+1, func(im *forge.Image, r int64) { im.P64(r+forge.SRef, im.U64(r+forge.SRef)+4) }), tensor.ErrCorrupt, format.RuleRefRange, forge.SRef},
		{"list of sums outside", large(1<<20+1, func(im *forge.Image, r int64) { im.P64(r+forge.SRef, 1<<50) }), tensor.ErrCorrupt, format.RuleRefRange, forge.SRef},
	} {
		bothWays(t, func(t *testing.T, mapped bool) {
			var rec format.StorageRecord
			_, err := mustCatalog(t, c.im, mapped).Storage(1, &rec)
			t.Run(c.name, func(t *testing.T) { wantError(t, err, c.kind, c.rule, c.im.Last().Storages[0]+c.at) })
		})
	}
}

func oneGrid(brk func(s *forge.Storage)) *forge.Image {
	s := forge.Storage{ID: 1, Grid: true, Size: 60, DType: forge.F32, Shape: []uint64{5, 3}, Chunk: []uint64{2, 2}, Slabs: 3, Pipelines: "zstd"}
	if brk != nil {
		brk(&s)
	}
	return forge.File([]forge.Tensor{{Name: "t", Storage: 1, DType: s.DType, Shape: s.Shape, Strides: []int64{12, 4}}}, s)
}

// The longest text of pipelines is read, and one that ends where the heap does.
func TestLongPipelines(t *testing.T) {
	long := strings.Repeat("a", 1024)
	bothWays(t, func(t *testing.T, mapped bool) {
		for _, text := range []string{long, long[:1023], "zstd", "lz4hc:12"} {
			var rec format.StorageRecord
			if found, err := mustCatalog(t, oneGrid(func(s *forge.Storage) { s.Pipelines = text }), mapped).Storage(1, &rec); !found || err != nil || rec.Pipelines != text {
				t.Errorf("%d bytes: %v, %v, %d", len(text), found, err, len(rec.Pipelines))
			}
		}
		var rec format.StorageRecord
		_, err := mustCatalog(t, oneGrid(func(s *forge.Storage) { s.Pipelines = long + "a" }), mapped).Storage(1, &rec)
		wantError(t, err, tensor.ErrCorrupt, format.RuleGridHeap, -2)
	})
}

// Tools are told where each section and each record stands, and nothing of a
// heap that does not hold what a record points to.
func TestSectionsAndItems(t *testing.T) {
	g, _, _ := sample()
	im := forge.Build(false, g)
	p := im.Last()
	runs, err := mustCatalog(t, im, true).Runs()
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int64{"tensor records": p.Tensors[0], "storage records": p.Storages[0], "name ends": p.Ends, "names": p.Names, "heap": p.Heap}
	for _, s := range runs[0].Sections() {
		if s.Begin != at[s.Name] {
			t.Errorf("%s at %d, want %d", s.Name, s.Begin, at[s.Name])
		}
		delete(at, s.Name)
	}
	if len(at) > 0 {
		t.Errorf("nothing of %v", at)
	}
	n := 0
	runs[0].Items(func(it format.RunItem) bool {
		if n < len(p.Tensors) {
			if it.At != p.Tensors[n] || it.Tensor == nil || it.Key != g.Tensors[n].Name || it.HeapBytes != int64(len(g.Tensors[n].Attrs)+16*len(g.Tensors[n].Shape)) || it.HeapBytes > 0 && it.HeapAt != p.THeaps[n] {
				t.Errorf("tensor %d: %+v", n, it)
			}
		} else if it.Storage == nil || it.At != p.Storages[n-len(p.Tensors)] {
			t.Errorf("storage %d: %+v", n, it)
		}
		n++
		return true
	})
	if want := len(p.Tensors) + len(p.Storages); n != want {
		t.Errorf("%d items, want %d", n, want)
	}
	im.P64(p.Tensors[0]+forge.THeap, 1<<20).Seal()
	if runs, err = mustCatalog(t, im, true).Runs(); err != nil {
		t.Fatal(err)
	}
	runs[0].Items(func(it format.RunItem) bool {
		if it.HeapAt != 0 || it.HeapBytes != 0 || it.Err == nil {
			t.Errorf("a heap beyond its end: %+v", it)
		}
		return false
	})
}

func TestGridRecords(t *testing.T) {
	var rec format.StorageRecord
	for _, good := range []func(s *forge.Storage){
		nil,
		func(s *forge.Storage) { s.Pipelines = "" },
		func(s *forge.Storage) { s.Flags, s.Slabs = 1, 5 },
		func(s *forge.Storage) { s.Shape, s.Size, s.Slabs = []uint64{0, 3}, 0, 0 },
		func(s *forge.Storage) { s.Fill = [16]byte{1, 2, 3, 4} },
	} {
		if found, err := mustCatalog(t, oneGrid(good), true).Storage(1, &rec); !found || err != nil {
			t.Error(found, err)
		}
	}
	for _, c := range []struct {
		name string
		brk  func(s *forge.Storage)
		post func(im *forge.Image, r int64)
		kind error
		rule string
		at   int64
	}{
		{"rank 0", func(s *forge.Storage) { s.Shape, s.Chunk = nil, nil }, nil, tensor.ErrCorrupt, format.RuleGridRank, forge.SRank},
		{"chunk 0", func(s *forge.Storage) { s.Chunk = []uint64{0, 2} }, nil, tensor.ErrFormat, format.RuleGridChunk, forge.SHeap},
		{"chunk 2^63", func(s *forge.Storage) { s.Chunk = []uint64{1 << 63, 2} }, nil, tensor.ErrOverflow, format.RuleShapeExtent, forge.SHeap},
		{"chunk above 1 GiB", func(s *forge.Storage) { s.Chunk = []uint64{1 << 30, 1} }, nil, tensor.ErrLimit, format.RuleGridChunk, forge.SHeap},
		{"chunk count overflows", func(s *forge.Storage) { s.Chunk = []uint64{1 << 62, 1 << 62} }, nil, tensor.ErrLimit, format.RuleGridChunk, forge.SHeap},
		{"shape of another size", func(s *forge.Storage) { s.Size = 64 }, nil, tensor.ErrCorrupt, format.RuleGridShape, forge.SSize},
		{"slabs few", func(s *forge.Storage) { s.Slabs = 2 }, nil, tensor.ErrCorrupt, format.RuleGridSlabs, forge.SHeap},
		{"slabs many", func(s *forge.Storage) { s.Slabs = 4 }, nil, tensor.ErrCorrupt, format.RuleGridSlabs, forge.SHeap},
		{"slabs more than rows", func(s *forge.Storage) { s.Slabs, s.Flags = 6, 1 }, nil, tensor.ErrCorrupt, format.RuleGridSlabs, forge.SHeap},
		{"fill beyond the unit", func(s *forge.Storage) { s.Fill[4] = 1 }, nil, tensor.ErrCorrupt, format.RuleGridFill, forge.SFill + 4},
		{"flags", func(s *forge.Storage) { s.Flags = 2 }, nil, tensor.ErrCorrupt, format.RuleStorageZero, forge.SPayload},
		{"payload offset", nil, func(im *forge.Image, r int64) { im.P64(r+forge.SPayload, 12288) }, tensor.ErrCorrupt, format.RuleStorageZero, forge.SPayload},
		{"heap unaligned", nil, func(im *forge.Image, r int64) { im.P64(r+forge.SHeap, im.U64(r+forge.SHeap)+4) }, tensor.ErrCorrupt, format.RuleGridHeap, forge.SHeap},
		{"heap short", nil, func(im *forge.Image, r int64) { im.P32(r+forge.SHeapBytes, 39) }, tensor.ErrCorrupt, format.RuleGridHeap, forge.SHeap},
		{"heap 2^32-1", nil, func(im *forge.Image, r int64) { im.P32(r+forge.SHeapBytes, 1<<32-1) }, tensor.ErrCorrupt, format.RuleGridHeap, forge.SHeap},
		{"no dtype", func(s *forge.Storage) { s.DType = forge.DType{} }, nil, tensor.ErrCorrupt, format.RuleDTypeNone, forge.SDType},
		{"root page outside", nil, func(im *forge.Image, r int64) { im.P64(r+forge.SRef, 1<<50).P32(r+forge.SRef+8, 64) }, tensor.ErrCorrupt, format.RuleRefRange, forge.SRef},
		{"pipeline", func(s *forge.Storage) { s.Pipelines = "ZSTD" }, nil, tensor.ErrFormat, format.RulePipeline, -2},
		{"i4 chunk odd", func(s *forge.Storage) { s.DType, s.Size, s.Chunk = forge.I4, 10, []uint64{2, 3} }, nil, tensor.ErrFormat, format.RuleGridChunk, forge.SHeap},
	} {
		im := oneGrid(c.brk)
		r := im.Last().Storages[0]
		if c.post != nil {
			c.post(im, r)
			im.Seal()
		}
		_, err := mustCatalog(t, im, true).Storage(1, &rec)
		t.Run(c.name, func(t *testing.T) {
			at := r + c.at
			if c.at == -2 {
				at = 0
			}
			wantError(t, err, c.kind, c.rule, at)
		})
	}
}

// verifyRun collects what Run.Verify says of the newest run.
func verifyRun(t *testing.T, im *forge.Image, mapped bool) []error {
	t.Helper()
	runs, err := mustCatalog(t, im, mapped).Runs()
	if err != nil {
		t.Fatal(err)
	}
	var all []error
	runs[0].Verify(func(err error) { all = append(all, err) })
	return all
}

// Run.Verify finds what no lookup meets.
func TestRunVerify(t *testing.T) {
	big := func() *forge.Image {
		return forge.File([]forge.Tensor{
			{Name: "a", Storage: 2, DType: forge.U8, Shape: []uint64{9}, Strides: []int64{1}, Attrs: `{"x":1}`},
			{Name: "b", Storage: 1, DType: forge.U8, Attrs: `{"y":2}`},
		}, forge.Storage{ID: 1, Data: make([]byte, 100)}, forge.Storage{ID: 2, Data: make([]byte, 9)})
	}
	if errs := verifyRun(t, big(), true); len(errs) != 0 {
		t.Fatal(errs)
	}
	for _, c := range []struct {
		name string
		brk  func(im *forge.Image, p *forge.Pos)
		kind error
		rule string
	}{
		{"next id", func(im *forge.Image, p *forge.Pos) { im.P64(p.Head+forge.NNextID, 2) }, tensor.ErrCorrupt, format.RuleRunNextID},
		{"ids fall", func(im *forge.Image, p *forge.Pos) { im.P64(p.Storages[1], 1) }, tensor.ErrCorrupt, format.RuleStorageID},
		{"names end early", func(im *forge.Image, p *forge.Pos) { im.P32(p.Ends+4, 1) }, tensor.ErrCorrupt, format.RuleNameOrder},
		{"names longer than the last end", func(im *forge.Image, p *forge.Pos) { im.P32(p.Head+forge.NNames, 3) }, tensor.ErrCorrupt, format.RuleNameEnds},
		{"attributes", func(im *forge.Image, p *forge.Pos) { im.Put(p.THeaps[0]+16, `{"x":1]`) }, tensor.ErrFormat, format.RuleAttrJSON},
		{"padding of the records", func(im *forge.Image, p *forge.Pos) { im.P8(p.Names-1, 1) }, tensor.ErrCorrupt, format.RulePadding},
		{"padding of the names", func(im *forge.Image, p *forge.Pos) { im.P8(p.Heap-1, 1) }, tensor.ErrCorrupt, format.RulePadding},
		{"padding in the heap", func(im *forge.Image, p *forge.Pos) { im.P8(p.THeaps[1]-1, 1) }, tensor.ErrCorrupt, format.RulePadding},
		{"padding behind the heap", func(im *forge.Image, p *forge.Pos) { im.P8(p.Head-1, 1) }, tensor.ErrCorrupt, format.RulePadding},
		{"a page", func(im *forge.Image, p *forge.Pos) {}, tensor.ErrCorrupt, format.RulePageCRC},
	} {
		bothWays(t, func(t *testing.T, mapped bool) {
			im := big()
			p := im.Last()
			c.brk(im, p)
			im.Seal()
			if c.rule == format.RulePageCRC {
				im.B[p.Body] ^= 1
			}
			errs := verifyRun(t, im, mapped)
			for _, err := range errs {
				var e *tensor.Error
				if errors.As(err, &e) && e.Rule == c.rule && errors.Is(err, c.kind) {
					return
				}
			}
			t.Errorf("%s: %v, want rule %s", c.name, errs, c.rule)
		})
	}
}

// Every byte of a run's body that changes is found by its page sum, so a
// checksum that was made right again is what Verify is for: no changed byte may
// make it panic or run away.
func TestRunVerifyAnyByte(t *testing.T) {
	g, _, _ := sample()
	g.Storages, g.Journal = g.Storages[4:], false
	im := forge.Build(false, g)
	p := im.Last()
	for off := p.Body; off < p.Head+p.Len; off++ {
		for _, x := range []byte{1, 0x80, 0xff} {
			im.B[off] ^= x
			im.SealOnly(forge.SealAll &^ forge.SealPayloads)
			if c, err := catalogOf(im.B, off%2 == 0); err == nil {
				runs, err := c.Runs()
				if err != nil {
					t.Fatal(err)
				}
				runs[0].Verify(func(err error) {
					var e *tensor.Error
					if !errors.As(err, &e) || e.Kind == nil || e.Rule == "" {
						t.Errorf("byte %d: %v", off, err)
					}
				})
			}
			im.B[off] ^= x
		}
	}
	im.Seal()
}

func TestFindRun(t *testing.T) {
	im := forge.Build(false, forge.Gen{Tensors: manyTensors(100), Journal: true})
	p := im.Last()
	ch, err := rootOf(im.B)
	if err != nil {
		t.Fatal(err)
	}
	for _, mapped := range []bool{true, false} {
		src := memSource{b: im.B, mapped: mapped}
		r, err := format.FindRun(src, &ch.Root, p.Journal.Body, p.Trailer)
		if err != nil || r == nil || !r.Journal || r.Begin() != p.Journal.Body || r.Offset != p.Journal.Head {
			t.Fatalf("%+v, %v", r, err)
		}
		r.Verify(func(err error) { t.Error(err) })
		if r, err := format.FindRun(src, &ch.Root, p.Journal.Body, p.Journal.Head); r != nil || err != nil {
			t.Errorf("found one beyond the end: %v, %v", r, err)
		}
		// The run itself is no journal run.
		if r, err := format.FindRun(src, &ch.Root, p.Body, p.Trailer); r != nil || err != nil {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

// A gap full of forged heads costs no more than reading it a few times.
func TestFindRunForgedHeads(t *testing.T) {
	const size = 1 << 20
	b := make([]byte, size)
	for at := 0; at+96 <= size; at += 64 {
		im := &forge.Image{B: b}
		im.Put(int64(at), "TSRC").P64(int64(at)+forge.NOffset, uint64(at)).P32(int64(at)+forge.NLength, uint32(size-at)).P64(int64(at)+forge.NBody, uint64(at))
	}
	reads := 0
	root := format.Root{UUID: forge.UUID, Generation: 1, Length: size}
	r, err := format.FindRun(memSource{b: b, reads: &reads}, &root, 0, size)
	if r != nil || err != nil {
		t.Errorf("%v, %v", r, err)
	}
	if reads > 8*size {
		t.Errorf("read %d bytes to look through %d", reads, size)
	}
}
