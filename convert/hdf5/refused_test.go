package hdf5_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert/hdf5"
	"github.com/tensorfile/tensorfile/tensor"
)

var (
	f32Type   = "\x11\x20\x1f\x00" + u32(4) + u16(0) + u16(32) + "\x17\x08\x00\x17" + u32(127)
	f32TypeBE = "\x11\x21\x1f\x00" + u32(4) + u16(0) + u16(32) + "\x17\x08\x00\x17" + u32(127)
	// plain is a dataset of a byte; behind its header of 10 bytes it has three
	// messages of 16, 16 and 9 bytes.
	plain = []message{dataspace(1), datatype(u8Type), compact("a")}
)

const (
	headerBytes = 10
	plainBytes  = headerBytes + 16 + 16 + 9
	prefixBytes = 4 // of a message
)

// described is a dataset of a byte with something more.
func described(f *forge, more ...message) []byte {
	return f.one(append(append([]message{}, plain...), more...)...)
}

// firstError is what is wrong with a file: an error of opening it, the first part
// that was left out, or what reading says.
func firstError(t *testing.T, b []byte) error {
	t.Helper()
	f, err := openBytes(b, "x.h5", nil)
	if err != nil {
		return err
	}
	defer f.Close()
	if l := f.Layout(); len(l.Skipped) > 0 {
		return l.Skipped[0]
	}
	return readAll(t, f)
}

func readAll(t *testing.T, f *tensorfile.File) error {
	for x, err := range f.Tensors() {
		if err != nil {
			t.Fatal(err)
		}
		if _, _, ok := x.Composite(); ok {
			if _, err := x.ReadComposite(t.Context()); err != nil {
				return err
			}
		} else if _, err := x.Read(t.Context()); err != nil {
			return err
		}
	}
	return nil
}

// TestRefused are structures with one thing wrong: what the error is, at which
// byte, and what it says was found.
func TestRefused(t *testing.T) {
	links := func(f *forge, heap, tree uint64) []byte { return f.file(f.put(header(dense(heap, tree)))) }
	for _, c := range []struct {
		what       string
		make       func(f *forge) (b []byte, offset int64)
		kind       error
		field, got string
	}{
		// Messages of attributes.
		{"version of attribute info", func(f *forge) ([]byte, int64) {
			at := f.next() + plainBytes + prefixBytes
			return described(f, message{21, 0, "\x01\x00" + u64(none) + u64(none)}), int64(at)
		}, tensor.ErrUnsupported, "attribute info message version", "1"},
		{"datatype of an attribute", func(f *forge) ([]byte, int64) {
			at := f.next() + plainBytes + prefixBytes + 9 + 2
			return described(f, attribute("a", "\x00"+u8Type[1:], dataspace(), "v")), int64(at)
		}, tensor.ErrUnsupported, "datatype of an attribute version", "0"},
		{"dataspace of an attribute", func(f *forge) ([]byte, int64) {
			at := f.next() + plainBytes + prefixBytes + 9 + 2 + 12
			return described(f, attribute("a", u8Type, message{1, 0, "\x09\x00\x00\x01"}, "v")), int64(at)
		}, tensor.ErrUnsupported, "dataspace of an attribute version", "9"},
		{"records of attributes that are too short", func(f *forge) ([]byte, int64) {
			heap, _ := f.heap(8)
			leaf := f.next()
			tree := f.tree2(8, "12345")
			return described(f, message{21, 0, "\x00\x00" + u64(heap) + u64(tree)}), int64(leaf) + 6
		}, tensor.ErrTruncated, "B-tree node size", "5 bytes left"},
		{"a shared attribute without a table", func(f *forge) ([]byte, int64) {
			heap, ids := f.heap(8, "x")
			tree := f.tree2(8, ids[0]+"\x02"+zeros(8))
			return described(f, message{21, 0, "\x00\x00" + u64(heap) + u64(tree)}), -1
		}, tensor.ErrCorrupt, "shared message", "message type 12"},

		// B-trees of version 2.
		{"nodes too small for their children", func(f *forge) ([]byte, int64) {
			heap, _ := f.heap(7)
			tree := f.tree2At(5, 10+11, 11, 1, 48, 1, 1)
			return links(f, heap, tree), int64(tree) + 12
		}, tensor.ErrCorrupt, "B-tree depth", "1"},
		{"a node of another type", func(f *forge) ([]byte, int64) {
			heap, ids := f.heap(7, hard("x", 48).body)
			leaf := f.put(sealed("BTLF\x00\x06" + zeros(4) + ids[0]))
			return links(f, heap, f.tree2At(5, 512, 11, 0, leaf, 1, 1)), int64(leaf) + 5
		}, tensor.ErrFormat, "B-tree node type", "6"},
		{"records of links that are too short", func(f *forge) ([]byte, int64) {
			heap, _ := f.heap(7)
			leaf := f.next()
			return links(f, heap, f.tree2(5, "12345")), int64(leaf) + 6 + 4
		}, tensor.ErrTruncated, "B-tree node size", "1 bytes left"},
		{"records of chunks that are too short", func(f *forge) ([]byte, int64) {
			leaf := f.next()
			m := chunked(0, 5, zeros(6), f.tree2(11, zeros(12)), 4, 1)
			return f.one(growing([]uint64{8}, []uint64{none}), datatype(u8Type), m, filters(deflate)), int64(leaf) + 6 + 8
		}, tensor.ErrTruncated, "B-tree node size", "4 bytes left"},

		// Dataspaces, datatypes, filters.
		{"axes of what has no elements", func(f *forge) ([]byte, int64) {
			at := f.next() + headerBytes + prefixBytes + 1
			return f.one(message{1, 0, "\x02\x01\x00\x02" + u64(1)}, datatype(u8Type), compact("a")), int64(at)
		}, tensor.ErrCorrupt, "dataspace message rank", "1"},
		{"values of an enumeration that are cut", func(f *forge) ([]byte, int64) {
			s := "\x38\x02\x00\x00" + u32(4) + i32Type + "a\x00b\x00" + u32(1)
			at := f.next() + headerBytes + 16 + prefixBytes + uint64(len(s))
			return f.one(dataspace(1), datatype(s), compact("abcd")), int64(at)
		}, tensor.ErrTruncated, "datatype message size", "0 bytes left"},
		{"4160 members of compounds", func(f *forge) ([]byte, int64) {
			inner := "\x36\x40\x00\x00" + u32(1) + strings.Repeat("\x00\x00"+u8Type, 64)
			return f.one(dataspace(1), datatype("\x36\x41\x00\x00"+u32(1)+strings.Repeat("\x00\x00"+inner, 65)), compact("a")), -1
		}, tensor.ErrLimit, "compound", "more members"},
		{"33 axes with those of arrays", func(f *forge) ([]byte, int64) {
			ones := make([]uint64, 31)
			for i := range ones {
				ones[i] = 1
			}
			return f.one(dataspace(ones...), datatype("\x3a\x00\x00\x00"+u32(1)+"\x02"+u32(1)+u32(1)+u8Type), compact("a")), -1
		}, tensor.ErrLimit, "rank", "33"},
		{"complex numbers of two forms", func(f *forge) ([]byte, int64) {
			return f.one(dataspace(1), datatype("\x5b\x00\x00\x00"+u32(8)+f32Type), compact(zeros(8))), 48
		}, tensor.ErrUnsupported, "datatype", "complex numbers of f32"},
		{"complex numbers by angles", func(f *forge) ([]byte, int64) {
			return f.one(dataspace(1), datatype("\x5b\x03\x00\x00"+u32(8)+f32Type), compact(zeros(8))), 48
		}, tensor.ErrUnsupported, "datatype", "complex numbers of f32"},
		{"complex numbers of another size", func(f *forge) ([]byte, int64) {
			return f.one(dataspace(1), datatype("\x5b\x01\x00\x00"+u32(12)+f32Type), compact(zeros(12))), 48
		}, tensor.ErrUnsupported, "datatype", "complex numbers of f32"},
		{"complex numbers of compounds", func(f *forge) ([]byte, int64) {
			return f.one(dataspace(1), datatype("\x5b\x01\x00\x00"+u32(2)+"\x36\x01\x00\x00"+u32(1)+"a\x00\x00"+u8Type), compact(zeros(2))), 48
		}, tensor.ErrUnsupported, "datatype", "complex numbers of a compound"},
		{"complex numbers of arrays", func(f *forge) ([]byte, int64) {
			return f.one(dataspace(1), datatype("\x5b\x01\x00\x00"+u32(4)+"\x3a\x00\x00\x00"+u32(2)+"\x01"+u32(2)+u8Type), compact(zeros(4))), 48
		}, tensor.ErrUnsupported, "datatype", "complex numbers of an array"},
		{"complex numbers of text", func(f *forge) ([]byte, int64) {
			return f.one(dataspace(1), datatype("\x5b\x01\x00\x00"+u32(32)+vlenText), compact(zeros(32))), 48
		}, tensor.ErrUnsupported, "datatype", "complex numbers of strings of variable length"},
		{"version of filters", func(f *forge) ([]byte, int64) {
			at := f.next() + plainBytes + prefixBytes
			return described(f, message{11, 0, "\x09\x00"}), int64(at)
		}, tensor.ErrUnsupported, "filter pipeline message version", "9"},
		{"a filter with a name", func(f *forge) ([]byte, int64) {
			return f.one(dataspace(8), datatype(u8Type), treed(none, 8, 1), filters(u16(40000)+u16(8)+u16(0)+u16(0)+"my code\x00")), 48
		}, tensor.ErrUnsupported, "filter", `filter 40000 ("my code")`},
		{"version of a fill value", func(f *forge) ([]byte, int64) {
			at := f.next() + plainBytes + prefixBytes
			return described(f, message{5, 0, "\x09\x00"}), int64(at)
		}, tensor.ErrUnsupported, "fill value message version", "9"},

		// Links.
		{"an external link without an object", func(f *forge) ([]byte, int64) {
			return f.root(message{6, 0, "\x01\x08\x40\x01x" + u16(9) + "\x00other.h5"}), -1
		}, tensor.ErrUnsupported, "link", `an external link to "other.h5"`},
		{"a link of a user", func(f *forge) ([]byte, int64) {
			return f.root(message{6, 0, "\x01\x08\x41\x01x" + u16(0)}), -1
		}, tensor.ErrUnsupported, "link", "a link of type 65"},
		{"version of link info", func(f *forge) ([]byte, int64) {
			at := f.next() + headerBytes + prefixBytes
			return f.file(f.put(header(message{2, 0, "\x01\x00" + u64(none) + u64(none)}))), int64(at)
		}, tensor.ErrUnsupported, "link info message version", "1"},
		{"a symbol table that is cut", func(f *forge) ([]byte, int64) {
			at := f.next() + headerBytes + prefixBytes
			return f.file(f.put(header(message{17, 0, "abc"}))), int64(at)
		}, tensor.ErrTruncated, "symbol table message size", "3 bytes left"},
		{"a soft link of the old kind to nowhere", func(f *forge) ([]byte, int64) {
			data := f.put("\x00x\x00" + zeros(16))
			names := f.put("HEAP" + zeros(4) + u64(19) + u64(none) + u64(data))
			snod := f.put("SNOD\x01\x00" + u16(1) + u64(1) + u64(none) + u32(2) + u32(0) + u32(99) + zeros(12))
			tree := f.put(node(0, 0, 1, u64(0)+u64(snod)+u64(0)))
			return f.file(f.put(oldHeader(message{17, 0, u64(tree) + u64(names)}))), int64(data)
		}, tensor.ErrCorrupt, "local heap", "a name at 99"},
		{"a path of 1255 bytes", func(f *forge) ([]byte, int64) {
			at := f.put(header(plain...))
			for range 4 {
				at = f.put(header(isGroup, hard(strings.Repeat("g", 250), at)))
			}
			return f.root(hard(strings.Repeat("r", 251), at)), -1
		}, tensor.ErrUnsupported, "path", "1255 bytes"},

		// Object headers.
		{"a shared message of nothing", func(f *forge) ([]byte, int64) {
			at := f.next() + headerBytes + 16 + prefixBytes
			return f.one(dataspace(1), message{3, 2, ""}, compact("a")), int64(at)
		}, tensor.ErrTruncated, "datatype message size", "0 bytes left"},
		{"a shared message whose id is cut", func(f *forge) ([]byte, int64) {
			at := f.next() + headerBytes + 16 + prefixBytes + 2
			return f.one(dataspace(1), message{3, 2, "\x03\x01abc"}, compact("a")), int64(at)
		}, tensor.ErrTruncated, "datatype message size", "3 bytes left"},
		{"a shared message whose address is cut", func(f *forge) ([]byte, int64) {
			at := f.next() + headerBytes + 16 + prefixBytes + 2
			return f.one(dataspace(1), message{3, 2, "\x03\x02abc"}, compact("a")), int64(at)
		}, tensor.ErrTruncated, "datatype message size", "3 bytes left"},
		{"version of what is shared", func(f *forge) ([]byte, int64) {
			at := f.next() + headerBytes + 16 + prefixBytes + 2
			return f.one(dataspace(1), message{3, 2, "\x09\x02" + u64(48)}, compact("a")), int64(at)
		}, tensor.ErrUnsupported, "datatype message version of what is shared", "9"},
		{"a continuation that is cut", func(f *forge) ([]byte, int64) {
			at := f.next() + headerBytes + prefixBytes
			return f.one(message{16, 0, "abc"}), int64(at)
		}, tensor.ErrTruncated, "continuation message size", "3 bytes left"},
		{"a continuation without room for a checksum", func(f *forge) ([]byte, int64) {
			at := f.put("OCHK\x00\x00")
			return f.one(message{16, 0, u64(at) + u64(6)}), int64(at)
		}, tensor.ErrFormat, "object header continuation size", "6"},
		{"a header of version 1 at the end of the file", func(f *forge) ([]byte, int64) {
			at := f.next()
			n := uint64(len(header(isGroup, hard("x", 0))))
			f.put(header(isGroup, hard("x", at+n+2)))
			f.b = append(f.b, "??\x01\x00"+u16(1)+u32(1)...)
			return f.file(at), int64(at + n + 2)
		}, tensor.ErrTruncated, "object header", ""},
		{"a header of version 2 at the end of the file", func(f *forge) ([]byte, int64) {
			at := f.next()
			n := uint64(len(header(isGroup, hard("x", 0))))
			f.put(header(isGroup, hard("x", at+n+2)))
			f.b = append(f.b, "??OHDR\x02\x03"...)
			return f.file(at), int64(at + n + 2)
		}, tensor.ErrTruncated, "object header", ""},

		// Fractal heaps.
		{"an id that is cut", func(f *forge) ([]byte, int64) {
			heap, _ := f.heap(3)
			return links(f, heap, f.tree2(5, zeros(4)+"\x00ab")), int64(heap) + 1
		}, tensor.ErrTruncated, "heap id size", "2 bytes left"},
		{"a huge object that is not there", func(f *forge) ([]byte, int64) {
			huge := f.tree2(1, u64(48)+u64(12)+u64(6))
			heap, _ := f.heapWith(9, func(h *heapFields) { h.hugeTree = huge })
			return links(f, heap, f.tree2(5, zeros(4)+"\x10"+u64(7))), int64(heap)
		}, tensor.ErrCorrupt, "heap id huge object", "number 7"},
		{"an offset where there is no block", func(f *forge) ([]byte, int64) {
			heap := f.rows(2, 3, 512, func(root uint64) []uint64 { return []uint64{root - 512, none, none, none, none, none} })
			return links(f, heap, f.tree2(5, zeros(4)+"\x00"+u32(600)+u16(12))), int64(heap)
		}, tensor.ErrCorrupt, "heap id", "offset 600, where there is no block"},
		{"an offset behind the rows", func(f *forge) ([]byte, int64) {
			heap := f.rows(2, 3, 512, func(root uint64) []uint64 { return []uint64{root - 512, none, none, none, none, none} })
			return links(f, heap, f.tree2(5, zeros(4)+"\x00"+u32(4096)+u16(12))), int64(heap)
		}, tensor.ErrCorrupt, "heap id", "offset 4096"},
		{"an indirect block of less than a row", func(f *forge) ([]byte, int64) {
			heap := f.rows(4, 3, 512, func(root uint64) []uint64 {
				return []uint64{none, none, none, none, none, none, none, none, root, none, none, none}
			})
			return links(f, heap, f.tree2(5, zeros(4)+"\x00"+u32(4096)+u16(12))), int64(heap)
		}, tensor.ErrCorrupt, "heap id", "an indirect block of 1024 bytes"},
		{"an indirect block in itself", func(f *forge) ([]byte, int64) {
			var at uint64
			heap := f.rows(2, 3, 512, func(root uint64) []uint64 {
				at = root
				return []uint64{none, none, none, none, root, none}
			})
			return links(f, heap, f.tree2(5, zeros(4)+"\x00"+u32(2048)+u16(12))), int64(at)
		}, tensor.ErrCorrupt, "indirect block", "two of different sizes in one place"},
		{"a direct block of two sizes", func(f *forge) ([]byte, int64) {
			var at uint64
			heap := f.rows(2, 3, 1024, func(root uint64) []uint64 {
				at = root - 512
				return []uint64{at, none, none, none, at, none}
			})
			x := soft("x", "y").body // an object of 9 bytes at 21 of the block
			return links(f, heap, f.tree2(5, zeros(4)+"\x00"+u32(21)+u16(len(x)), zeros(4)+"\x00"+u32(2048+21)+u16(len(x)))), int64(at)
		}, tensor.ErrCorrupt, "direct block", "two of different sizes in one place"},

		// Indexes of chunks.
		{"more chunks than can be counted", func(f *forge) ([]byte, int64) {
			return f.one(growing([]uint64{1, 1}, []uint64{1 << 62, 1 << 62}), datatype(u8Type), chunked(0, 2, "", f.put("a"), 1, 1, 1)), -1
		}, tensor.ErrOverflow, "chunk index", "[4611686018427387904 4611686018427387904] chunks"},
		{"more bytes of chunks than can be counted", func(f *forge) ([]byte, int64) {
			return f.one(growing([]uint64{1}, []uint64{1 << 62}), datatype(i32Type), chunked(0, 2, "", f.put("abcd"), 1, 4)), -1
		}, tensor.ErrOverflow, "chunk index", "4611686018427387904 chunks"},
		{"more chunks along a free axis than can be counted", func(f *forge) ([]byte, int64) {
			at := f.extensible(32, 4, 16, 4, 10, zeros(33*8))
			m := chunked(0, 4, zeros(5), le.Uint64([]byte(at.body[len(at.body)-8:])), 1, 1, 1)
			return f.one(growing([]uint64{4, 1}, []uint64{none, 1 << 62}), datatype(u8Type), m), -1
		}, tensor.ErrOverflow, "chunk index", "[4 1] chunks"},
		{"a fixed array of chunks without a bound", func(f *forge) ([]byte, int64) {
			return f.one(growing([]uint64{8}, []uint64{none}), datatype(u8Type), f.fixed(0, 8, 10, 2, zeros(16))), -1
		}, tensor.ErrCorrupt, "chunk index", "one of another number of axes without a bound"},
		{"elements of another array", func(f *forge) ([]byte, int64) {
			at := f.put(sealed("FAHD\x00\x00\x08\x0a" + u64(2) + u64(f.next()+32)))
			data := f.put(sealed("FADB\x00\x00" + u64(at+8) + zeros(16)))
			if data != at+32 {
				panic("the elements are elsewhere")
			}
			return f.one(dataspace(8), datatype(u8Type), chunked(0, 3, "\x0a", at, 4, 1)), int64(data) + 6 + 8
		}, tensor.ErrCorrupt, "fixed array data header", "56"},
		{"a chunk of a fixed array past the end", func(f *forge) ([]byte, int64) {
			return f.one(dataspace(8), datatype(u8Type), f.fixed(0, 8, 10, 2, u64(1<<40)+u64(none))), 1 << 40
		}, tensor.ErrTruncated, "chunk", "4 bytes at 1099511627776"},
		{"a page of a fixed array with another checksum", func(f *forge) ([]byte, int64) {
			m := f.fixed(0, 8, 1, 3, "\x80") // pages of two elements, of which the first is there
			page := len(f.b)
			f.b = append(f.b, sealed(u64(none)+u64(none))...)
			f.b[page+16] ^= 1
			return f.one(dataspace(12), datatype(u8Type), m), int64(page) + 16
		}, tensor.ErrCorrupt, "page of an array checksum", ""},
		{"a data block of 2048 bytes", func(f *forge) ([]byte, int64) {
			m := f.extensible(32, 0, 128, 2, 10, u64(none)+u64(48)+strings.Repeat(u64(none), 24))
			return f.one(growing([]uint64{4000}, []uint64{none}), datatype(u8Type), m), 48
		}, tensor.ErrTruncated, "data block", "256 elements"},
		{"a secondary block of 1024 data blocks", func(f *forge) ([]byte, int64) {
			list := make([]string, 2+31)
			for i := range list {
				list[i] = u64(none)
			}
			list[2+20-2] = u64(48)
			m := f.extensible(32, 0, 1, 2, 10, strings.Join(list, ""))
			return f.one(growing([]uint64{1 << 23}, []uint64{none}), datatype(u8Type), m), 48
		}, tensor.ErrTruncated, "secondary block", "1024 data blocks"},

		// The superblock's extension.
		{"an extension past the end", func(f *forge) ([]byte, int64) {
			return f.with(1<<40, f.put(header(isGroup))), 1 << 40
		}, tensor.ErrTruncated, "object header", "6 bytes at 1099511627776"},
		{"a table of shared messages that is cut", func(f *forge) ([]byte, int64) {
			at := f.next() + headerBytes + prefixBytes + 1
			return f.with(f.put(header(message{15, 0, "\x00abc"})), f.put(header(isGroup))), int64(at)
		}, tensor.ErrTruncated, "shared message table message size", "3 bytes left"},
		{"a table of shared messages that is none", func(f *forge) ([]byte, int64) {
			table := f.put(sealed("SMTC" + zeros(30)))
			return f.with(f.put(header(message{15, 0, "\x00" + u64(table) + "\x01"})), f.put(header(isGroup))), int64(table)
		}, tensor.ErrFormat, "shared message table signature", `"SMTC"`},
		{"a heap of shared messages past the end", func(f *forge) ([]byte, int64) {
			extension := f.shares(1<<3, 1<<40)
			x := f.put(header(dataspace(1), message{3, 2, "\x03\x01" + zeros(8)}, compact("a")))
			return f.with(extension, f.put(header(isGroup, hard("x", x)))), 1 << 40
		}, tensor.ErrTruncated, "fractal heap", ""},
	} {
		b, offset := c.make(newForge())
		err := firstError(t, b)
		var e *tensor.Error
		if !errors.Is(err, c.kind) || !errors.As(err, &e) || e.Format != "hdf5" || e.Path != "x.h5" || e.Offset != offset || e.Field != c.field || c.got != "" && e.Got != c.got {
			t.Errorf("%s: %v, want offset %d: %s: got %s", c.what, err, offset, c.field, c.got)
		}
	}
}

// rows is a fractal heap whose root is an indirect block of some rows, with the
// children that of returns. A direct block of 512 bytes lies in front of it.
func (f *forge) rows(width, rows int, maxDirect uint64, of func(root uint64) []uint64) (heap uint64) {
	heap, _ = f.heapWith(7, func(h *heapFields) {
		h.width, h.rows, h.maxDirect, h.root = width, rows, maxDirect, h.root+512
	}, soft("x", "y").body)
	f.indirect(heap, 0, of(f.next()))
	return heap
}

// indirect is an indirect block of a heap.
func (f *forge) indirect(heap uint64, from int64, children []uint64) uint64 {
	s := "FHIB\x00" + u64(heap) + u32(from)
	for _, c := range children {
		s += u64(c)
	}
	return f.put(sealed(s))
}

// direct is a direct block of 512 bytes of a heap; its content begins at 21.
func (f *forge) direct(heap uint64, from int64, content string) uint64 {
	b := []byte("FHDB\x00" + u64(heap) + u32(from) + zeros(4) + content)
	b = append(b, make([]byte, 512-len(b))...)
	le.PutUint32(b[17:], hdf5.Lookup3(b))
	return f.put(string(b))
}

// shares is an extension of the superblock with a table of messages of some kinds,
// as bits, that are shared in a heap.
func (f *forge) shares(kinds int, heap uint64) (extension uint64) {
	table := f.put(sealed("SMTB\x00\x00" + u16(kinds) + u32(1) + u16(0) + u16(0) + u16(1) + u64(none) + u64(heap)))
	return f.put(header(message{15, 0, "\x00" + u64(table) + "\x01"}))
}

// TestLzfCut is a stream of LZF that ends where a copy's distance stands.
func TestLzfCut(t *testing.T) {
	for src, got := range map[string]string{"\x00a\x20": "an end inside a copy", "\x00a\xe0\x01": "an end inside a copy", "\x00a\xe0": "an end inside a copy"} {
		var e *tensor.Error
		if err := hdf5.Unlzf(make([]byte, 8), []byte(src)); !errors.Is(err, tensor.ErrCorrupt) || !errors.As(err, &e) || e.Field != "lzf" || e.Got != got {
			t.Errorf("%q: %v", src, err)
		}
	}
	dst := make([]byte, 8)
	if err := hdf5.Unlzf(dst, []byte("\x01ab\x80\x01")); err != nil || string(dst) != "abababab" {
		t.Errorf("%q, %v", dst, err)
	}
}
