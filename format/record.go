package format

import (
	"fmt"
	"math"

	"github.com/tensorfile/tensorfile/tensor"
)

// Tensor record (spec, "Tensor record").
const (
	trStorage     = 0                 // u64
	trOffset      = trStorage + 8     // u64
	trDType       = trOffset + 8      // dtype
	trHeap        = trDType + 16      // u64, multiple of 8
	trHeapBytes   = trHeap + 8        // u32
	trKind        = trHeapBytes + 4   // u8
	trRank        = trKind + 1        // u8
	trLayout      = trRank + 1        // u16
	trLayoutFlags = trLayout + 2      // u32
	trZero        = trLayoutFlags + 4 // 4 bytes
	trGeneration  = trZero + 4        // u64
	TensorSize    = trGeneration + 8  // 64
)

// Storage record (spec, "Storage record").
const (
	srID        = 0               // u64
	srSize      = srID + 8        // u64
	srStored    = srSize + 8      // u64
	srPayload   = srStored + 8    // u64
	srRef       = srPayload + 8   // Ref
	srDType     = srRef + 16      // dtype
	srFill      = srDType + 16    // 16 bytes
	srHeap      = srFill + 16     // u64
	srHeapBytes = srHeap + 8      // u32
	srKind      = srHeapBytes + 4 // u8
	srRank      = srKind + 1      // u8
	srBlock     = srRank + 1      // u8
	srFlags     = srBlock + 1     // u8
	StorageSize = srFlags + 1     // 96
)

var (
	_ = [1]struct{}{TensorSize - 64: {}}
	_ = [1]struct{}{StorageSize - 96: {}}
)

// Kind is what a tensor record stands for.
type Kind uint8

// Kinds of tensor records.
const (
	KindDeleted   Kind = 0
	KindDense     Kind = 1
	KindComposite Kind = 2
	KindFile      Kind = 3 // the file's own attributes, under the empty name
)

// Limits of tensors and storages (spec, "Limits").
const (
	MaxRank      = 32
	MinBlockExp  = 20 // 1 MiB
	MaxBlockExp  = 30 // 1 GiB
	FlagSlabs    = 1 << 0
	MaxSumsBytes = 16 << 20 // a writer raises the block exponent above this
)

// StorageKind is how a storage keeps its bytes.
type StorageKind uint8

// Kinds of storages.
const (
	StorageRaw  StorageKind = 1
	StorageGrid StorageKind = 2
)

// TensorRecord is one name in one run: where a tensor's elements stand and how
// they are to be read, or that the name is gone.
type TensorRecord struct {
	Name        string
	Kind        Kind
	Storage     uint64 // 0: none
	Offset      int64  // bytes from the storage's begin to element (0, ..., 0)
	DType       tensor.DType
	Shape       tensor.Shape
	Strides     tensor.Strides // bytes between units
	Layout      uint16
	LayoutFlags uint32
	Generation  uint64 // that wrote the record
	Attrs       []byte // JSON, or nothing
	AttrsAt     int64  // where Attrs stand in the file
	At          int64  // where the record stands in the file
}

// StorageRecord is bytes in a file: one extent with its checksums, or a grid
// of chunks.
type StorageRecord struct {
	ID      uint64
	Kind    StorageKind
	Size    int64 // logical bytes
	Stored  int64 // payload bytes in the file
	Payload int64 // where they stand (grid: 0)
	Ref     Ref   // raw: the payload, or the list of block sums; grid: the root page
	Block   uint8 // raw: exponent of the block size
	// Grid only.
	DType     tensor.DType
	Fill      [16]byte
	Shape     tensor.Shape
	Chunk     tensor.Shape
	Slabs     uint64
	Pipelines string
	HasSlabs  bool // origins instead of a regular axis 0
	At        int64
}

// BlockSize is the size in bytes of a checksummed block of a raw storage.
func (s *StorageRecord) BlockSize() int64 { return 1 << s.Block }

// Blocks is the number of checksummed blocks of a raw storage.
func (s *StorageRecord) Blocks() int64 {
	return s.Size>>s.Block + min(1, s.Size&(1<<s.Block-1))
}

// heapLen is the number of bytes that r needs in a run's heap.
func (r *TensorRecord) heapLen() int { return 16*len(r.Shape) + len(r.Attrs) }

func (r *TensorRecord) put(b []byte, heap int64) {
	le.PutUint64(b[trStorage:], r.Storage)
	le.PutUint64(b[trOffset:], uint64(r.Offset))
	putDType(b[trDType:], r.DType)
	le.PutUint64(b[trHeap:], uint64(heap))
	le.PutUint32(b[trHeapBytes:], uint32(r.heapLen()))
	b[trKind], b[trRank] = byte(r.Kind), byte(len(r.Shape))
	le.PutUint16(b[trLayout:], r.Layout)
	le.PutUint32(b[trLayoutFlags:], r.LayoutFlags)
	le.PutUint32(b[trZero:], 0)
	le.PutUint64(b[trGeneration:], r.Generation)
}

func (r *TensorRecord) appendHeap(dst []byte) []byte {
	for _, n := range r.Shape {
		dst = le.AppendUint64(dst, uint64(n))
	}
	for _, s := range r.Strides {
		dst = le.AppendUint64(dst, uint64(s))
	}
	return append(dst, r.Attrs...)
}

// heapReader reads [pos, pos+n) of a run's heap.
type heapReader func(pos uint64, n uint32) ([]byte, error)

// parse fills r, whose Name and At are set, from the record b. strict is false
// in a generation with unknown features, where reserved fields may mean
// something. Shape and Strides keep their memory if it is large enough.
func (r *TensorRecord) parse(b []byte, strict bool, generation uint64, heapLen uint64, heap heapReader) error {
	e := func(kind error, rule string, field int, name, got, want string) error {
		err := fail(kind, rule, r.At+int64(field), name, got, want)
		err.Tensor = r.Name
		return err
	}
	named := func(err error) error { return inTensor(err, r.Name) }
	r.Kind = Kind(b[trKind])
	r.Storage = le.Uint64(b[trStorage:])
	r.Layout = le.Uint16(b[trLayout:])
	r.LayoutFlags = le.Uint32(b[trLayoutFlags:])
	r.Generation = le.Uint64(b[trGeneration:])
	r.Attrs, r.AttrsAt = nil, -1
	r.Shape, r.Strides = r.Shape[:0], r.Strides[:0]
	if r.Kind > KindFile {
		return e(tensor.ErrCorrupt, RuleTensorKind, trKind, "kind", fmt.Sprint(r.Kind), "0..3")
	}
	if strict && le.Uint32(b[trZero:]) != 0 {
		return e(tensor.ErrCorrupt, RuleTensorZero, trZero, "reserved bytes", hexOf(b[trZero:trGeneration]), "zero")
	}
	if r.Generation == 0 || r.Generation > generation {
		return e(tensor.ErrCorrupt, RuleTensorGeneration, trGeneration, "generation", u(r.Generation), fmt.Sprintf("1..%d", generation))
	}
	if (r.Kind == KindFile) != (r.Name == "") && r.Kind != KindDeleted {
		return e(tensor.ErrCorrupt, RuleTensorFile, trKind, "kind", fmt.Sprint(r.Kind), "3 under the empty name, and only there")
	}
	rank := int(b[trRank])
	if rank > MaxRank {
		return e(tensor.ErrLimit, RuleTensorRank, trRank, "rank", fmt.Sprint(rank), fmt.Sprintf("at most %d", MaxRank))
	}
	off, heapPos, heapBytes := le.Uint64(b[trOffset:]), le.Uint64(b[trHeap:]), le.Uint32(b[trHeapBytes:])
	none := r.Kind != KindDense
	d, err := getDType(b[trDType:trHeap], r.At+trDType, none)
	if err != nil {
		return named(err)
	}
	r.DType = d
	switch {
	case r.Kind == KindDeleted && (r.Storage != 0 || off != 0 || d.Class != 0 || heapPos != 0 || heapBytes != 0 || rank != 0 || r.Layout != 0 || r.LayoutFlags != 0):
		return e(tensor.ErrCorrupt, RuleTensorDeleted, trStorage, "deletion", "fields that are not zero", "zero but for kind and generation")
	case r.Kind == KindFile && (r.Storage != 0 || off != 0 || d.Class != 0 || rank != 0 || r.Layout != 0 || r.LayoutFlags != 0):
		return e(tensor.ErrCorrupt, RuleTensorFile, trStorage, "file attributes", "fields that are not zero", "zero but for kind, heap and generation")
	case r.Kind == KindDense && (r.Layout != 0 || r.LayoutFlags != 0):
		return e(tensor.ErrCorrupt, RuleTensorLayout, trLayout, "layout", fmt.Sprintf("%d, flags %#x", r.Layout, r.LayoutFlags), "0 for a dense tensor")
	case r.Kind == KindComposite && r.Layout == 0:
		return e(tensor.ErrCorrupt, RuleTensorLayout, trLayout, "layout", "0", "a layout for a composite tensor")
	case r.Kind == KindComposite && (r.Storage != 0 || off != 0):
		return e(tensor.ErrCorrupt, RuleViewComposed, trStorage, "storage", fmt.Sprintf("%d, offset %d", r.Storage, off), "0, 0 for a composite tensor")
	case off > math.MaxInt64:
		return e(tensor.ErrOverflow, RuleViewReach, trOffset, "byte offset", u(off), "at most 2^63-1")
	}
	r.Offset = int64(off)
	if heapBytes == 0 && rank == 0 {
		if heapPos%8 != 0 || heapPos > heapLen {
			return e(tensor.ErrCorrupt, RuleTensorHeap, trHeap, "heap position", u(heapPos), fmt.Sprintf("a multiple of 8 up to %d", heapLen))
		}
		return nil
	}
	switch {
	case heapPos%8 != 0 || heapPos > heapLen || uint64(heapBytes) > heapLen-heapPos:
		return e(tensor.ErrCorrupt, RuleTensorHeap, trHeap, "heap extent", fmt.Sprintf("[%d, +%d)", heapPos, heapBytes), fmt.Sprintf("at a multiple of 8, inside [0, %d)", heapLen))
	case int64(heapBytes) < int64(16*rank):
		return e(tensor.ErrCorrupt, RuleTensorHeap, trHeapBytes, "heap bytes", fmt.Sprint(heapBytes), fmt.Sprintf("at least %d for rank %d", 16*rank, rank))
	case int64(heapBytes)-int64(16*rank) > MaxAttrBytes:
		return e(tensor.ErrLimit, RuleAttrSize, trHeapBytes, "attribute bytes", fmt.Sprint(int64(heapBytes)-int64(16*rank)), fmt.Sprintf("at most %d", MaxAttrBytes))
	}
	h, err := heap(heapPos, heapBytes)
	if err != nil {
		return named(err)
	}
	shape, strides := r.Shape, r.Strides
	for i := range rank {
		n := le.Uint64(h[8*i:])
		if n > math.MaxInt64 {
			return e(tensor.ErrOverflow, RuleShapeExtent, trHeap, fmt.Sprintf("extent of axis %d", i), u(n), "at most 2^63-1")
		}
		shape = append(shape, int64(n))
	}
	for i := range rank {
		s := int64(le.Uint64(h[8*(rank+i):]))
		if r.Kind == KindComposite && s != 0 {
			return e(tensor.ErrCorrupt, RuleViewComposed, trHeap, fmt.Sprintf("stride of axis %d", i), fmt.Sprint(s), "0 for a composite tensor")
		}
		strides = append(strides, s)
	}
	r.Shape, r.Strides = shape, strides
	if _, err := r.Shape.NumElements(); err != nil {
		return e(tensor.ErrOverflow, RuleShapeCount, trHeap, "shape", r.Shape.String(), "at most 2^63-1 elements (element count overflows)")
	}
	if attrs := h[16*rank:]; len(attrs) > 0 {
		r.Attrs = attrs
	}
	return nil
}

// inTensor adds a tensor's name to an error of this package that has none.
func inTensor(err error, name string) error {
	if e, ok := err.(*tensor.Error); ok && e.Tensor == "" {
		e.Tensor = name
	}
	return err
}

func (s *StorageRecord) heapLen() int {
	if s.Kind != StorageGrid {
		return 0
	}
	return 16*len(s.Shape) + 8 + len(s.Pipelines)
}

func (s *StorageRecord) put(b []byte, heap int64) {
	clear(b[:StorageSize])
	le.PutUint64(b[srID:], s.ID)
	le.PutUint64(b[srSize:], uint64(s.Size))
	le.PutUint64(b[srStored:], uint64(s.Stored))
	le.PutUint64(b[srPayload:], uint64(s.Payload))
	s.Ref.put(b[srRef:])
	b[srKind] = byte(s.Kind)
	if s.Kind == StorageRaw {
		b[srBlock] = s.Block
		return
	}
	putDType(b[srDType:], s.DType)
	copy(b[srFill:], s.Fill[:])
	le.PutUint64(b[srHeap:], uint64(heap))
	le.PutUint32(b[srHeapBytes:], uint32(s.heapLen()))
	b[srRank] = byte(len(s.Shape))
	if s.HasSlabs {
		b[srFlags] = FlagSlabs
	}
}

func (s *StorageRecord) appendHeap(dst []byte) []byte {
	if s.Kind != StorageGrid {
		return dst
	}
	for _, n := range s.Shape {
		dst = le.AppendUint64(dst, uint64(n))
	}
	for _, n := range s.Chunk {
		dst = le.AppendUint64(dst, uint64(n))
	}
	dst = le.AppendUint64(dst, s.Slabs)
	return append(dst, s.Pipelines...)
}

// parse fills s, whose At is set, from the record b of a generation whose
// committed length is length.
func (s *StorageRecord) parse(b []byte, strict bool, length int64, heapLen uint64, heap heapReader) error {
	e := func(kind error, rule string, field int, name, got, want string) error {
		return fail(kind, rule, s.At+int64(field), name, got, want)
	}
	s.ID = le.Uint64(b[srID:])
	s.Kind = StorageKind(b[srKind])
	s.Ref = getRef(b[srRef:])
	s.Block = b[srBlock]
	s.HasSlabs = b[srFlags]&FlagSlabs != 0
	size, stored, payload := le.Uint64(b[srSize:]), le.Uint64(b[srStored:]), le.Uint64(b[srPayload:])
	flags, rank := b[srFlags], int(b[srRank])
	switch {
	case s.ID == 0:
		return e(tensor.ErrCorrupt, RuleStorageID, srID, "storage id", "0", "1 or more")
	case s.Kind != StorageRaw && s.Kind != StorageGrid:
		return e(tensor.ErrUnsupported, RuleStorageKind, srKind, "storage kind", fmt.Sprint(s.Kind), "1 (raw) or 2 (grid)")
	case size > math.MaxInt64:
		return e(tensor.ErrOverflow, RuleStorageSize, srSize, "storage size", u(size), "at most 2^63-1")
	case stored > MaxOffset || payload > MaxOffset:
		return e(tensor.ErrCorrupt, RuleStorageExtent, srStored, "payload", fmt.Sprintf("[%d, +%d)", payload, stored), "below 2^62")
	}
	s.Size, s.Stored, s.Payload = int64(size), int64(stored), int64(payload)
	if s.Kind == StorageGrid {
		return s.parseGrid(b, strict, length, heapLen, heap, flags, rank)
	}
	if strict {
		at := srDType + zero(b[srDType:srKind])
		switch {
		case at >= srDType:
		case rank != 0:
			at = srRank
		case flags != 0:
			at = srFlags
		}
		if at >= srDType {
			return e(tensor.ErrCorrupt, RuleStorageZero, at, "field of a grid in a raw storage", fmt.Sprint(b[at]), "0")
		}
	}
	if s.Block < MinBlockExp || s.Block > MaxBlockExp {
		return e(tensor.ErrCorrupt, RuleStorageBlock, srBlock, "block exponent", fmt.Sprint(s.Block), fmt.Sprintf("%d..%d", MinBlockExp, MaxBlockExp))
	}
	if s.Size == 0 {
		if s.Stored != 0 || s.Payload != 0 || !s.Ref.Absent() {
			return e(tensor.ErrCorrupt, RuleStorageZero, srStored, "empty storage", fmt.Sprintf("payload [%d, +%d), ref %s", payload, stored, s.Ref), "zero")
		}
		return nil
	}
	if s.Stored != s.Size {
		return e(tensor.ErrCorrupt, RuleStorageExtent, srStored, "payload bytes", u(stored), fmt.Sprintf("%d, the size of a raw storage", s.Size))
	}
	if err := checkExtent(payload, stored, DataStart, uint64(length-RootSize), s.At+srPayload, "payload", RuleStorageExtent); err != nil {
		return err
	}
	align := int64(Align)
	if s.Size >= LargePayload {
		align = PageSize
	}
	if s.Payload%align != 0 {
		return e(tensor.ErrCorrupt, RuleStorageAlign, srPayload, "payload offset", u(payload), fmt.Sprintf("a multiple of %d", align))
	}
	if s.Size <= s.BlockSize() {
		if s.Ref.Offset != payload || uint64(s.Ref.Length) != size {
			return e(tensor.ErrCorrupt, RuleStorageRef, srRef, "checksum ref", s.Ref.String(), fmt.Sprintf("the payload [%d, +%d)", payload, size))
		}
		return nil
	}
	if want := 4 * s.Blocks(); int64(s.Ref.Length) != want {
		return e(tensor.ErrCorrupt, RuleStorageRef, srRef+refLength, "bytes of block sums", fmt.Sprint(s.Ref.Length), fmt.Sprint(want))
	}
	if s.Ref.Offset%Align != 0 {
		return e(tensor.ErrCorrupt, RuleRefRange, srRef, "block sums", s.Ref.String(), "at a multiple of 64")
	}
	return checkExtent(s.Ref.Offset, uint64(s.Ref.Length), DataStart, uint64(length-RootSize), s.At+srRef, "block sums", RuleRefRange)
}
