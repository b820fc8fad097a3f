package hdf5_test

import (
	"encoding/binary"
	"math"
	"strings"

	"github.com/tensorfile/tensorfile/convert/hdf5"
)

// Small files, made by hand so that every number in them can be a wrong one.

var le = binary.LittleEndian

const none = math.MaxUint64 // the undefined address

func u8(n int) string     { return string([]byte{byte(n)}) }
func u16(n int) string    { return string(le.AppendUint16(nil, uint16(n))) }
func u32(n int64) string  { return string(le.AppendUint32(nil, uint32(n))) }
func u64(n uint64) string { return string(le.AppendUint64(nil, n)) }
func zeros(n int) string  { return strings.Repeat("\x00", n) }

// sealed is s with its checksum behind it.
func sealed(s string) string { return s + u32(int64(hdf5.Lookup3([]byte(s)))) }

// forge is a file that grows. Addresses are multiples of 8.
type forge struct{ b []byte }

// newForge leaves room for a superblock of version 2.
func newForge() *forge { return &forge{make([]byte, 48)} }

// put appends s and returns its address.
func (f *forge) put(s string) uint64 {
	for len(f.b)%8 != 0 {
		f.b = append(f.b, 0)
	}
	at := len(f.b)
	f.b = append(f.b, s...)
	return uint64(at)
}

// next is the address of what is put next.
func (f *forge) next() uint64 { return uint64(len(f.b)+7) / 8 * 8 }

// file is the file with a root.
func (f *forge) file(root uint64) []byte { return f.with(none, root) }

func (f *forge) with(extension, root uint64) []byte {
	s := sealed("\x89HDF\r\n\x1a\n\x02\x08\x08\x00" + u64(0) + u64(extension) + u64(uint64(len(f.b))) + u64(root))
	copy(f.b, s)
	return f.b
}

// message is one of a header of version 2.
type message struct {
	kind, flags int
	body        string
}

func (m message) String() string { return u8(m.kind) + u16(len(m.body)) + u8(m.flags) + m.body }

func join(list []message) string {
	var b strings.Builder
	for _, m := range list {
		b.WriteString(m.String())
	}
	return b.String()
}

// header is an object header of version 2.
func header(list ...message) string {
	s := join(list)
	return sealed("OHDR\x02\x02" + u32(int64(len(s))) + s)
}

// oldHeader is one of version 1.
func oldHeader(list ...message) string {
	s := ""
	for _, m := range list {
		for len(m.body)%8 != 0 {
			m.body += "\x00"
		}
		s += u16(m.kind) + u16(len(m.body)) + u8(m.flags) + zeros(3) + m.body
	}
	return "\x01\x00" + u16(len(list)) + u32(1) + u32(int64(len(s))) + zeros(4) + s
}

// hard is a hard link.
func hard(name string, addr uint64) message {
	return message{6, 0, "\x01\x00" + u8(len(name)) + name + u64(addr)}
}

func soft(name, target string) message {
	return message{6, 0, "\x01\x08\x01" + u8(len(name)) + name + u16(len(target)) + target}
}

// isGroup marks a group.
var isGroup = message{2, 0, "\x00\x00" + u64(none) + u64(none)}

// root makes a file whose root has the links.
func (f *forge) root(links ...message) []byte {
	return f.file(f.put(header(append([]message{isGroup}, links...)...)))
}

// one makes a file of one dataset, "x".
func (f *forge) one(list ...message) []byte { return f.root(hard("x", f.put(header(list...)))) }

func dataspace(dims ...uint64) message {
	s := "\x02" + u8(len(dims)) + "\x00\x01"
	for _, n := range dims {
		s += u64(n)
	}
	return message{1, 0, s}
}

// growing is a dataspace with the most that its extents may be.
func growing(dims, most []uint64) message {
	m := dataspace(dims...)
	s := []byte(m.body)
	s[2] = 1
	m.body = string(s)
	for _, n := range most {
		m.body += u64(n)
	}
	return m
}

// Datatypes.
var (
	u8Type   = "\x10\x00\x00\x00" + u32(1) + u16(0) + u16(8)
	i32Type  = "\x10\x08\x00\x00" + u32(4) + u16(0) + u16(32)
	vlenText = "\x19\x01\x01\x00" + u32(16) + "\x10\x00\x00\x00" + u32(1) + u16(0) + u16(8)
)

func datatype(s string) message { return message{3, 0, s} }

func contiguous(addr, size uint64) message { return message{8, 0, "\x03\x01" + u64(addr) + u64(size)} }

func compact(s string) message { return message{8, 0, "\x03\x00" + u16(len(s)) + s} }

// chunked is a layout of version 4 with an index.
func chunked(flags, index int, more string, addr uint64, dims ...uint64) message {
	s := "\x04\x02" + u8(flags) + u8(len(dims)) + "\x08"
	for _, n := range dims {
		s += u64(n)
	}
	return message{8, 0, s + u8(index) + more + u64(addr)}
}

// treed is a layout of version 3, with a B-tree of version 1.
func treed(addr uint64, dims ...int64) message {
	s := "\x03\x02" + u8(len(dims)) + u64(addr)
	for _, n := range dims {
		s += u32(n)
	}
	return message{8, 0, s}
}

// filters is a pipeline.
func filters(list ...string) message {
	return message{11, 0, "\x02" + u8(len(list)) + strings.Join(list, "")}
}

var (
	deflate  = u16(1) + u16(0) + u16(1) + u32(6)
	shuffle4 = u16(2) + u16(0) + u16(1) + u32(4)
	fletcher = u16(3) + u16(0) + u16(0)
	lzf      = u16(32000) + u16(0) + u16(0) + u16(0)
)

// node is a node of a B-tree of version 1, with its keys and children.
func node(kind, level, used int, body string) string {
	return "TREE" + u8(kind) + u8(level) + u16(used) + u64(none) + u64(none) + body
}

// key is that of a chunk of rank 1.
func key(size int64, mask int64, first uint64) string {
	return u32(size) + u32(mask) + u64(first) + u64(0)
}

// chunksOf makes a file of a dataset of bytes of rank 1 whose chunks, of n
// elements, have a B-tree of version 1: pairs of keys and addresses.
func (f *forge) chunksOf(extent uint64, n int64, pipeline *message, entries ...string) []byte {
	tree := f.put(node(1, 0, len(entries), strings.Join(entries, "")+key(0, 0, extent)))
	list := []message{dataspace(extent), datatype(u8Type), treed(tree, n, 1)}
	if pipeline != nil {
		list = append(list, *pipeline)
	}
	return f.one(list...)
}

// heap is a fractal heap whose root is one direct block of 512 bytes that holds
// objects, and the ids of these.
func (f *forge) heap(idSize int, objects ...string) (addr uint64, ids []string) {
	return f.heapWith(idSize, nil, objects...)
}

// heapWith is heap with a change to the fields before they are written.
func (f *forge) heapWith(idSize int, change func(h *heapFields), objects ...string) (addr uint64, ids []string) {
	addr = f.next()
	h := &heapFields{maxManaged: 4096, width: 4, start: 512, maxDirect: 65536, bits: 32, flags: 2, hugeTree: none}
	h.root = addr + 144 + 8
	h.block = "FHDB\x00" + u64(addr) + u32(0) + zeros(4)
	for _, o := range objects {
		id := "\x00" + u32(int64(len(h.block))) + u16(len(o))
		ids = append(ids, id+zeros(max(idSize-len(id), 0)))
		h.block += o
	}
	h.block += zeros(512 - len(h.block))
	if change != nil {
		change(h)
	}
	head := "FRHP\x00" + u16(idSize) + u16(h.filters) + u8(h.flags) + u32(h.maxManaged) + u64(0) + u64(h.hugeTree) + u64(0) + u64(none) + strings.Repeat(u64(0), 8) +
		u16(h.width) + u64(h.start) + u64(h.maxDirect) + u16(h.bits) + u16(1) + u64(h.root) + u16(h.rows)
	if f.put(sealed(head)) != addr {
		panic("the heap is elsewhere")
	}
	block := []byte(h.block)
	if h.flags&2 != 0 {
		le.PutUint32(block[17:], hdf5.Lookup3(block)+uint32(h.wrongSum))
	}
	for f.next() < addr+152 {
		f.put(zeros(8))
	}
	f.put(string(block))
	return addr, ids
}

type heapFields struct {
	filters, flags, width, bits, rows int
	maxManaged                        int64
	start, maxDirect, root, hugeTree  uint64
	block                             string
	wrongSum                          int
}

// tree2 is a B-tree of version 2 of one leaf.
func (f *forge) tree2(kind int, records ...string) uint64 {
	size := 1
	if len(records) > 0 {
		size = len(records[0])
	}
	s := sealed("BTLF\x00" + u8(kind) + strings.Join(records, ""))
	leaf := f.put(s + zeros(512-len(s)))
	return f.tree2At(kind, 512, size, 0, leaf, len(records), uint64(len(records)))
}

func (f *forge) tree2At(kind int, nodeSize int64, recordSize, depth int, root uint64, used int, total uint64) uint64 {
	return f.put(sealed("BTHD\x00" + u8(kind) + u32(nodeSize) + u16(recordSize) + u16(depth) + "\x64\x28" + u64(root) + u16(used) + u64(total)))
}

// dense is a group whose links are in a heap.
func dense(heap, names uint64) message { return message{2, 0, "\x00\x00" + u64(heap) + u64(names)} }

// attribute is an attribute message.
func attribute(name, datatype string, space message, value string) message {
	name += "\x00"
	return message{12, 0, "\x03\x00" + u16(len(name)) + u16(len(datatype)) + u16(len(space.body)) + "\x00" + name + datatype + space.body + value}
}

// collection is a collection of the global heap.
func collection(size uint64, objects ...string) string {
	s := "GCOL\x01\x00\x00\x00" + u64(size) + strings.Join(objects, "")
	if n := int(size) - len(s); n > 0 && n < 1<<16 {
		s += zeros(n)
	}
	return s
}

func object(index int, s string) string {
	return u16(index) + u16(1) + u32(0) + u64(uint64(len(s))) + s + zeros(-len(s)&7)
}

func ref(n int64, addr uint64, index int64) string { return u32(n) + u64(addr) + u32(index) }

// fixed is the layout of chunks of 4 bytes in a fixed array.
func (f *forge) fixed(client, size, bits int, total uint64, elements string) message {
	at := f.next()
	data := at + 32
	f.put(sealed("FAHD\x00" + u8(client) + u8(size) + u8(bits) + u64(total) + u64(data)))
	for f.next() < data {
		f.put(zeros(8))
	}
	f.put(sealed("FADB\x00" + u8(client) + u64(at) + elements))
	return chunked(0, 3, "\x0a", at, 4, 1)
}

// extensible is that of chunks in an extensible array, of whose index block it
// makes the elements and the addresses.
func (f *forge) extensible(bits, inIndex, least, pointers, pageBits int, elements string) message {
	at := f.next()
	f.put(sealed("EAHD\x00\x00\x08" + u8(bits) + u8(inIndex) + u8(least) + u8(pointers) + u8(pageBits) + zeros(48) + u64(at+80)))
	for f.next() < at+80 {
		f.put(zeros(8))
	}
	f.put(sealed("EAIB\x00\x00" + u64(at) + elements))
	return chunked(0, 4, zeros(5), at, 4, 1)
}
