package format

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tensorfile/tensorfile/tensor"
)

// Field is one field of a structure on disk.
type Field struct {
	Name   string
	Offset int // in the structure
	Size   int
	Type   string // u8, u16, u32, u64, i64, bytes, zero, ref, dtype
}

// Struct is a structure on disk as data: what the tables of the specification
// say, taken from the constants that this package reads and writes by.
type Struct struct {
	Name    string // ref, header, root, runhead, tensor, storage, dtype, chunkpage, direntry, chunkentry
	Size    int    // of the fixed part
	Fields  []Field
	Section string // heading in the specification
	say     []sayFunc
}

// A sayFunc puts a field into words; all is the whole structure.
type sayFunc func(field, all []byte) string

// Value is a field of a structure as it stands in a file.
type Value struct {
	Field
	Bytes   []byte
	Meaning string // "" if there is nothing to say beyond the name
}

// Structs returns all structures on disk.
func Structs() []Struct { return slices.Clone(structs) }

// StructByName returns the structure called name. A name that is unknown is a
// bug of the caller and panics.
func StructByName(name string) Struct {
	for _, s := range structs {
		if s.Name == name {
			return s
		}
	}
	panic("format: no structure is called " + name)
}

// Values reads the fields of s from b, which is not judged: sound or not,
// every field that is there is told. A checksum over more than the fixed part
// is compared if b holds that, too.
func (s Struct) Values(b []byte) []Value {
	var vals []Value
	for i, f := range s.Fields {
		if f.Offset+f.Size > len(b) {
			break
		}
		v := Value{Field: f, Bytes: b[f.Offset : f.Offset+f.Size]}
		if say := s.say[i]; say != nil {
			v.Meaning = say(v.Bytes, b)
		}
		vals = append(vals, v)
	}
	return vals
}

type fieldDef struct {
	name   string
	offset int
	typ    string
	say    sayFunc
}

// newStruct computes sizes from where the next field begins.
func newStruct(name, section string, size int, defs ...fieldDef) Struct {
	s := Struct{Name: name, Size: size, Section: section}
	for i, d := range defs {
		end := size
		if i+1 < len(defs) {
			end = defs[i+1].offset
		}
		if d.say == nil {
			d.say = sayers[d.typ]
		}
		s.Fields = append(s.Fields, Field{d.name, d.offset, end - d.offset, d.typ})
		s.say = append(s.say, d.say)
	}
	return s
}

var structs = []Struct{
	newStruct("ref", "Ref", RefSize,
		fieldDef{"offset", refOffset, "u64", nil},
		fieldDef{"length", refLength, "u32", nil},
		fieldDef{"crc", refCRC, "u32", sayHex},
	),
	newStruct("header", "Header", HeaderSize,
		fieldDef{"magic", hdrMagic, "bytes", sayText},
		fieldDef{"crc", hdrCRC, "u32", saySum(hdrMajor, fixed(HeaderSize))},
		fieldDef{"major", hdrMajor, "u16", nil},
		fieldDef{"size", hdrSize, "u16", nil},
		fieldDef{"uuid", hdrUUID, "bytes", sayUUID},
		fieldDef{"zero", hdrZero, "zero", nil},
	),
	newStruct("root", "Root record", RootSize,
		fieldDef{"magic", rootMagic, "bytes", sayText},
		fieldDef{"crc", rootCRC, "u32", saySum(rootUUID, fixed(RootSize))},
		fieldDef{"uuid", rootUUID, "bytes", sayUUID},
		fieldDef{"generation", rootGeneration, "u64", nil},
		fieldDef{"length", rootLength, "u64", sayRootLength},
		fieldDef{"time", rootTime, "i64", sayTime},
		fieldDef{"previous", rootPrevious, "u64", sayPrevious},
		fieldDef{"catalog", rootCatalog, "ref", nil},
		fieldDef{"must_read", rootMustRead, "u64", sayBits},
		fieldDef{"must_write", rootMustWrite, "u64", sayBits},
		fieldDef{"info", rootInfo, "u64", sayBits},
		fieldDef{"live", rootLive, "u64", nil},
		fieldDef{"minor", rootMinor, "u16", nil},
		fieldDef{"flags", rootFlags, "u16", sayFlags("CREATED")},
		fieldDef{"align", rootAlign, "u8", sayExponent},
		fieldDef{"zero", rootZero, "zero", nil},
		fieldDef{"writer", rootWriter, "bytes", sayText},
	),
	newStruct("runhead", "Run head", runHeadSize,
		fieldDef{"magic", runMagic, "bytes", sayText},
		fieldDef{"crc", runCRC, "u32", saySum(runUUID, lengthAt(runLength))},
		fieldDef{"uuid", runUUID, "bytes", sayUUID},
		fieldDef{"offset", runOffset, "u64", nil},
		fieldDef{"generation", runGeneration, "u64", nil},
		fieldDef{"body", runBody, "u64", nil},
		fieldDef{"heap", runHeap, "u64", nil},
		fieldDef{"names", runNames, "u32", nil},
		fieldDef{"tensors", runTensors, "u32", nil},
		fieldDef{"storages", runStorages, "u32", nil},
		fieldDef{"older", runOlder, "u16", nil},
		fieldDef{"tensor_size", runTensorSize, "u16", nil},
		fieldDef{"storage_size", runStorageSize, "u16", nil},
		fieldDef{"page", runPageExp, "u8", sayExponent},
		fieldDef{"flags", runFlags, "u8", sayFlags("journal")},
		fieldDef{"length", runLength, "u32", nil},
		fieldDef{"next_id", runNextID, "u64", nil},
		fieldDef{"zero", runZero, "zero", nil},
	),
	newStruct("tensor", "Tensor record", TensorSize,
		fieldDef{"storage", trStorage, "u64", nil},
		fieldDef{"offset", trOffset, "u64", nil},
		fieldDef{"dtype", trDType, "dtype", nil},
		fieldDef{"heap", trHeap, "u64", nil},
		fieldDef{"heap_bytes", trHeapBytes, "u32", nil},
		fieldDef{"kind", trKind, "u8", sayChoice("deleted", "dense", "composite", "file")},
		fieldDef{"rank", trRank, "u8", nil},
		fieldDef{"layout", trLayout, "u16", nil},
		fieldDef{"layout_flags", trLayoutFlags, "u32", sayBits},
		fieldDef{"zero", trZero, "zero", nil},
		fieldDef{"generation", trGeneration, "u64", nil},
	),
	newStruct("storage", "Storage record", StorageSize,
		fieldDef{"id", srID, "u64", nil},
		fieldDef{"size", srSize, "u64", nil},
		fieldDef{"stored", srStored, "u64", nil},
		fieldDef{"payload", srPayload, "u64", nil},
		fieldDef{"ref", srRef, "ref", nil},
		fieldDef{"dtype", srDType, "dtype", nil},
		fieldDef{"fill", srFill, "bytes", sayFill},
		fieldDef{"heap", srHeap, "u64", nil},
		fieldDef{"heap_bytes", srHeapBytes, "u32", nil},
		fieldDef{"kind", srKind, "u8", sayChoice("0", "raw", "grid")},
		fieldDef{"rank", srRank, "u8", nil},
		fieldDef{"block", srBlock, "u8", sayExponent},
		fieldDef{"flags", srFlags, "u8", sayFlags("slabs")},
	),
	newStruct("dtype", "dtype", DTypeSize,
		fieldDef{"class", dtClass, "u8", sayChoice("none", "bool", "int", "uint", "float", "complex", "bytes", "block")},
		fieldDef{"zero", dtZero, "zero", nil},
		fieldDef{"variant", dtVariant, "u16", nil},
		fieldDef{"bits", dtBits, "u32", nil},
		fieldDef{"elements", dtUnitElems, "u32", nil},
		fieldDef{"bytes", dtUnitBytes, "u32", nil},
	),
	newStruct("chunkpage", "Chunk page", ChunkPageSize,
		fieldDef{"magic", cpMagic, "bytes", sayText},
		fieldDef{"crc", cpCRC, "u32", saySum(cpStorage, lengthAt(cpLength))},
		fieldDef{"storage", cpStorage, "u64", nil},
		fieldDef{"first", cpFirst, "u64", nil},
		fieldDef{"level", cpLevel, "u8", nil},
		fieldDef{"zero", cpZero, "zero", nil},
		fieldDef{"length", cpLength, "u32", nil},
	),
	newStruct("direntry", "Directory entry", DirEntrySize,
		fieldDef{"child", deChild, "ref", nil},
	),
	newStruct("chunkentry", "Chunk entry", ChunkEntrySize,
		fieldDef{"offset", ceOffset, "u64", nil},
		fieldDef{"length", ceLength, "u32", nil},
		fieldDef{"crc", ceCRC, "u32", sayHex},
		fieldDef{"origin", ceOrigin, "u64", nil},
		fieldDef{"coding", ceCoding, "u8", sayChoice("missing", "constant", "raw")},
		fieldDef{"zero", ceZero, "zero", nil},
	),
}

// sayers are the words of a field that needs none of its own.
var sayers = map[string]sayFunc{
	"u8": sayInt, "u16": sayInt, "u32": sayInt, "u64": sayInt, "i64": sayInt,
	"zero":  sayZero,
	"ref":   func(b, _ []byte) string { return sayRef(getRef(b)) },
	"dtype": func(b, _ []byte) string { return sayDType(b) },
}

// number reads a little-endian integer of 1 to 8 bytes.
func number(b []byte) uint64 {
	var x [8]byte
	copy(x[:], b)
	return le.Uint64(x[:])
}

func sayInt(b, _ []byte) string { return u(number(b)) }

func sayHex(b, _ []byte) string { return fmt.Sprintf("%08x", number(b)) }

func sayZero(b, _ []byte) string {
	if zero(b) >= 0 {
		return "not zero"
	}
	return ""
}

func sayText(b, _ []byte) string { return tensor.Quote(strings.TrimRight(string(b), "\x00")) }

func sayUUID(b, _ []byte) string { return UUID(b).String() }

func sayBits(b, _ []byte) string {
	if x := number(b); x != 0 {
		return fmt.Sprintf("%#x", x)
	}
	return "none"
}

func sayExponent(b, _ []byte) string {
	if b[0] == 0 || b[0] > 62 {
		return u(uint64(b[0]))
	}
	return fmt.Sprintf("%d: %d bytes", b[0], int64(1)<<b[0])
}

func sayFlags(bit0 string) sayFunc {
	return func(b, _ []byte) string {
		switch x := number(b); x {
		case 0:
			return "none"
		case 1:
			return bit0
		default:
			return fmt.Sprintf("%#x", x)
		}
	}
}

func sayChoice(names ...string) sayFunc {
	return func(b, _ []byte) string {
		if i := int(b[0]); i < len(names) && names[i] != u(uint64(i)) {
			return fmt.Sprintf("%d: %s", i, names[i])
		}
		return u(uint64(b[0]))
	}
}

func sayTime(b, _ []byte) string {
	return time.Unix(0, int64(le.Uint64(b))).UTC().Format(time.RFC3339Nano)
}

func sayRootLength(b, _ []byte) string {
	x := le.Uint64(b)
	if x < RootSize {
		return u(x)
	}
	return fmt.Sprintf("%d, so the trailer stands at %d", x, x-RootSize)
}

func sayPrevious(b, _ []byte) string {
	if x := le.Uint64(b); x != 0 {
		return fmt.Sprintf("trailer at %d", x)
	}
	return "none"
}

func sayRef(r Ref) string {
	if r.Absent() {
		return "absent"
	}
	return fmt.Sprintf("%d bytes at %d, crc %08x", r.Length, r.Offset, r.CRC)
}

func sayFill(b, _ []byte) string {
	if zero(b) < 0 {
		return "zero"
	}
	return ""
}

func sayDType(b []byte) string {
	if zero(b) < 0 {
		return "none"
	}
	d, err := getDType(b, 0, true)
	if err != nil {
		return "not a dtype"
	}
	e, n := "elements", "bytes"
	if d.UnitElems == 1 {
		e = "element"
	}
	if d.UnitBytes == 1 {
		n = "byte"
	}
	return fmt.Sprintf("%v: class %d, variant %d, %d bits, %d %s in %d %s", d, d.Class, d.Variant, d.Bits, d.UnitElems, e, d.UnitBytes, n)
}

// An extentFunc says where what a checksum covers ends.
type extentFunc func(all []byte) int

func fixed(n int) extentFunc { return func([]byte) int { return n } }

func lengthAt(off int) extentFunc {
	return func(all []byte) int {
		if len(all) < off+4 {
			return -1
		}
		return int(min(le.Uint32(all[off:]), 1<<30))
	}
}

// saySum compares a checksum with that of the bytes from begin on.
func saySum(begin int, end extentFunc) sayFunc {
	return func(b, all []byte) string {
		want, n := le.Uint32(b), end(all)
		if n < begin || n > len(all) {
			return fmt.Sprintf("%08x", want)
		}
		if got := Checksum(all[begin:n]); got != want {
			return fmt.Sprintf("%08x, but bytes %d..%d give %08x", want, begin, n-1, got)
		}
		return fmt.Sprintf("%08x, right for bytes %d..%d", want, begin, n-1)
	}
}

// A BodySection is a part of a run's body.
type BodySection struct {
	Name   string // "tensor records", ...
	Begin  int64  // absolute offset
	Length int64
}

// Sections returns the sections of the run's body in their order. What lies
// between and behind them is padding, or sections that this version does not
// know.
func (h *RunHead) Sections() []BodySection {
	b := h.Begin()
	return []BodySection{
		{"tensor records", b, h.Tensors * h.TensorSize},
		{"storage records", b + h.storagesAt, h.Storages * h.StorageSize},
		{"name ends", b + h.endsAt, 4 * h.Tensors},
		{"names", b + h.namesAt, h.Names},
		{"heap", b + h.heapAt, h.Heap},
	}
}

// SniffRunHead reports whether b, at least the fixed part of a run head, looks
// like one that stands at off, and how long the head says it is. It is for
// scans through bytes that nothing points to; ReadRun then judges it.
func SniffRunHead(b []byte, off int64) (length int64, ok bool) {
	if len(b) < runHeadSize || !bytes.Equal(b[:4], runMagicBytes[:]) || le.Uint64(b[runOffset:]) != uint64(off) {
		return 0, false
	}
	length = int64(le.Uint32(b[runLength:]))
	return length, length >= runHeadSize
}

// SniffRoot reports whether b is a sound root record of some file, and of
// which.
func SniffRoot(b []byte) (UUID, bool) {
	if len(b) < RootSize || !bytes.Equal(b[:4], rootMagicBytes[:]) || Checksum(b[rootUUID:RootSize]) != le.Uint32(b[rootCRC:]) {
		return UUID{}, false
	}
	return UUID(b[rootUUID:rootGeneration]), true
}

// A RunItem is one record of a run, for tools that show files whether they are
// sound or not.
type RunItem struct {
	At        int64 // of the record in the file
	HeapAt    int64 // of its part of the heap in the file
	HeapBytes int64
	Key       string         // of a tensor record
	Tensor    *TensorRecord  // nil for a storage record, and where Err says so
	Storage   *StorageRecord // nil for a tensor record
	Err       error          // what is wrong with the record
}

// Items yields the tensor records, then the storage records of the run. One
// that cannot be read or is wrong comes with its error, and the others follow.
func (r *Run) Items(yield func(RunItem) bool) {
	h := &r.RunHead
	heap := func(it *RunItem, pos int64) {
		var b [12]byte
		if r.r.read(b[:], pos) == nil {
			it.HeapBytes = int64(le.Uint32(b[8:]))
			if p := le.Uint64(b[:]); p <= uint64(h.Heap) && it.HeapBytes <= h.Heap-int64(p) {
				it.HeapAt = h.Begin() + h.heapAt + int64(p)
				return
			}
		}
		it.HeapBytes = 0
	}
	for i := range h.Tensors {
		it := RunItem{At: h.Begin() + i*h.TensorSize}
		heap(&it, i*h.TensorSize+trHeap)
		name, err := r.r.name(i)
		if err == nil {
			it.Key = string(name)
			rec := &TensorRecord{Name: it.Key}
			if err = r.r.tensor(i, rec, nil); err == nil {
				it.Tensor = rec
			}
		}
		it.Err = err
		if !yield(it) {
			return
		}
	}
	for i := range h.Storages {
		pos := h.storagesAt + i*h.StorageSize
		it := RunItem{At: h.Begin() + pos}
		heap(&it, pos+srHeap)
		rec := &StorageRecord{}
		it.Err = r.r.storage(i, rec)
		it.Storage = rec
		if !yield(it) {
			return
		}
	}
}

// PageErrors compares the pages of the run's body with their sums in its head.
func (r *Run) PageErrors() []error {
	var errs []error
	for i := range int64(len(r.Sums) / 4) {
		if _, err := r.r.page(i); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}
