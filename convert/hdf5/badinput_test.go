package hdf5_test

import (
	"bytes"
	"compress/zlib"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/hdf5"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/tensor"
)

func deflated(s string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}

// fine makes a file of one dataset that nothing is wrong with.
func fine() []byte {
	f := newForge()
	data := f.put("abcdefgh")
	return f.one(dataspace(8), datatype(u8Type), contiguous(data, 8))
}

// patched is b with s at an offset; a checksum behind it, of all from begin on,
// is made right again.
func patched(b []byte, at int, s string, begin, sum int) []byte {
	b = bytes.Clone(b)
	copy(b[at:], s)
	if sum > 0 {
		le.PutUint32(b[sum:], hdf5.Lookup3(b[begin:sum]))
	}
	return b
}

// TestBad goes through rows H01 to H40: what is refused, and what must not be.
func TestBad(t *testing.T) {
	var rows []badinput.Row
	add := func(id, what string, b []byte, kind error, says ...string) *badinput.Row {
		rows = append(rows, badinput.Row{ID: id, What: what, Format: "hdf5", From: "hdf5", Kind: kind, Says: says, Make: func(t testing.TB, dir string) string {
			path := filepath.Join(dir, "x.h5")
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}})
		return &rows[len(rows)-1]
	}
	unsupported := 0
	const corrupt, cut, grammar = 0, 1, 2
	kinds := []error{tensor.ErrCorrupt, tensor.ErrTruncated, tensor.ErrFormat}
	late := func(r *badinput.Row) { r.At = badinput.Use }
	// What is not supported leaves the rest of the file alone.
	refused := func(id, what string, b []byte, says string) {
		t.Run(id+"/"+what, func(t *testing.T) { refuses(t, b, says) })
		unsupported++
	}
	whole := fine()
	add("H00", "nothing wrong", whole, nil).Good = []string{"x"}

	// The superblock.
	add("H01", "empty", nil, tensor.ErrTruncated, "signature")
	add("H01", "half a signature", whole[:5], tensor.ErrTruncated, "signature")
	add("H01", "another signature", append([]byte("\x89HDF\r\n\x1a\r"), whole[8:]...), tensor.ErrFormat, "signature", "0, 512, 1024")
	add("H01", "zeros", make([]byte, 1<<20), tensor.ErrFormat, "signature")
	for _, n := range []int{8, 9, 20, 40, 47} {
		add("H01", "the first "+strconv.Itoa(n)+" bytes", whole[:n], tensor.ErrTruncated)
	}
	add("H02", "the last byte is missing", whole[:len(whole)-1], tensor.ErrTruncated, "end of file")
	add("H02", "the last half is missing", whole[:len(whole)/2], tensor.ErrTruncated, "end of file")
	add("H03", "a version of superblock", patched(whole, 8, "\x04", 0, 0), tensor.ErrUnsupported, "superblock version: got 4")
	add("H03", "addresses of 3 bytes", patched(whole, 9, "\x03", 0, 44), tensor.ErrUnsupported, "sizes of addresses and lengths: got 3 and 8")
	add("H03", "addresses of no bytes", patched(whole, 9, "\x00\x00", 0, 44), tensor.ErrUnsupported, "got 0 and 0")
	add("H04", "a checksum", patched(whole, 30, "\x01", 0, 0), tensor.ErrCorrupt, "superblock checksum")
	add("H04", "an end of 2^63", patched(whole, 28, u64(1<<63), 0, 44), tensor.ErrCorrupt, "end of file")
	add("H04", "a base elsewhere", patched(whole, 12, u64(512), 0, 44), tensor.ErrUnsupported, "base address: got 512")
	add("H05", "no root", patched(whole, 36, u64(none), 0, 44), tensor.ErrCorrupt, "object header: got an undefined address").NoOffset = true
	add("H05", "a root past the end", patched(whole, 36, u64(1<<40), 0, 44), tensor.ErrTruncated, "object header")
	add("H05", "a root that wraps", patched(whole, 36, u64(1<<64-2), 0, 44), tensor.ErrTruncated, "object header").NoOffset = true
	add("H05", "a root that is the superblock", patched(whole, 36, u64(0), 0, 44), tensor.ErrFormat, "object header version: got 137")
	f := newForge()
	add("H05", "a root that is a dataset", f.file(f.put(header(dataspace(1), datatype(u8Type), compact("a")))), tensor.ErrFormat, "root: got no group")
	f = newForge()
	add("H06", "several pieces", f.with(f.put(header(message{20, 0, "\x00NCSAmult"})), f.put(header(isGroup))), tensor.ErrUnsupported, "several pieces")

	// Object headers.
	f = newForge()
	bad := []byte(header(dataspace(1), datatype(u8Type), compact("a")))
	bad[20] ^= 1
	add("H07", "a checksum", f.root(hard("x", f.put(string(bad)))), tensor.ErrCorrupt, `tensor "x"`, "object header checksum")
	f = newForge()
	refused("H07", "a version", f.root(hard("x", f.put("OHDR\x03\x02"+zeros(20)))), "object header version: got 3")
	f = newForge()
	add("H07", "2^32-1 bytes", f.root(hard("x", f.put("OHDR\x02\x02"+u32(1<<32-1)+zeros(20)))), tensor.ErrTruncated, "object header")
	f = newForge()
	add("H07", "2^64-1 bytes", f.root(hard("x", f.put("OHDR\x02\x03"+u64(1<<64-1)+zeros(20)))), tensor.ErrOverflow, "object header size")
	f = newForge()
	add("H07", "a message of 12 bytes in version 1", f.root(hard("x", f.put("\x01\x00"+u16(1)+u32(1)+u32(24)+zeros(4)+u16(0)+u16(12)+zeros(20)))), tensor.ErrCorrupt, "object header size of a message: got 12, want a multiple of 8")
	f = newForge()
	add("H07", "2^32-1 bytes of version 1", f.root(hard("x", f.put("\x01\x00"+u16(1)+u32(1)+u32(1<<32-1)+zeros(8)))), tensor.ErrTruncated, "object header")
	f = newForge()
	add("H08", "a message longer than the header", f.root(hard("x", f.put(sealed("OHDR\x02\x02"+u32(6)+"\x01"+u16(100)+zeros(3))))), tensor.ErrTruncated, "want 100")
	f = newForge()
	refused("H08", "a message that must be known", f.one(message{99, 128, "?"}), "message: got type 99")
	f = newForge()
	at := f.next()
	f.put(header(message{16, 0, u64(at) + u64(100)}))
	add("H09", "a header that goes on at its begin", f.root(hard("x", at)), tensor.ErrCorrupt, "continuation")
	f = newForge()
	at = f.next()
	s := "OCHK" + (message{16, 0, u64(at) + u64(28)}).String()
	f.put(sealed(s))
	add("H09", "a part that goes on at its begin", f.root(hard("x", f.put(header(message{16, 0, u64(at) + u64(uint64(len(s)+4))})))), tensor.ErrCorrupt, "continuation: got address")
	f = newForge()
	add("H09", "a part past the end", f.root(hard("x", f.put(header(message{16, 0, u64(1<<50) + u64(100)})))), tensor.ErrTruncated, "continuation")
	f = newForge()
	add("H09", "a part of no bytes", f.root(hard("x", f.put(header(message{16, 0, u64(48) + u64(0)})))), tensor.ErrCorrupt, "continuation: got 0 bytes")
	f = newForge()
	add("H09", "a part of no bytes, in a header of version 1", f.root(hard("x", f.put(oldHeader(message{16, 0, u64(48) + u64(0)})))), tensor.ErrCorrupt, "continuation: got 0 bytes")
	f = newForge()
	f.put(zeros(16))
	add("H09", "a part without a signature", f.root(hard("x", f.put(header(message{16, 0, u64(48) + u64(16)})))), tensor.ErrFormat, "continuation signature")
	f = newForge()
	at = f.next()
	f.put(header(dataspace(1), message{3, 2, "\x03\x02" + u64(at)}, compact("a")))
	add("H10", "a datatype that is shared with itself", f.root(hard("x", at)), tensor.ErrCorrupt, "shared message")
	f = newForge()
	add("H10", "a datatype that is nowhere", f.one(dataspace(1), message{3, 2, "\x03\x02" + u64(1<<40)}, compact("a")), tensor.ErrTruncated)
	f = newForge()
	add("H10", "a datatype in a heap that is not there", f.one(dataspace(1), message{3, 2, "\x03\x01" + zeros(8)}, compact("a")), tensor.ErrCorrupt, "shared message").NoOffset = true
	f = newForge()
	add("H11", "no dataspace", f.one(datatype(u8Type), compact("a")), tensor.ErrCorrupt, "dataset: got no dataspace")
	f = newForge()
	add("H11", "two datatypes", f.one(dataspace(1), datatype(u8Type), datatype(u8Type), compact("a")), tensor.ErrDuplicate, "datatype message: got a second one")

	// Groups.
	f = newForge()
	x := hard("x", f.put(header(dataspace(1), datatype(u8Type), compact("a"))))
	add("H12", "a name twice", f.root(x, x), tensor.ErrDuplicate, `link: got "x" twice`)
	for what, name := range map[string]string{"a slash": "a/b", "a dot": ".", "nothing": ""} {
		f = newForge()
		add("H12", "a name of "+what, f.root(hard(name, f.put(header(dataspace(1), datatype(u8Type), compact("a"))))), tensor.ErrFormat, "link").NoOffset = true
	}
	f = newForge()
	refused("H12", "a name with a bell", f.root(hard("a\a", f.put(header(dataspace(1), datatype(u8Type), compact("a")))), x), `name: got "a\a"`)
	f = newForge()
	add("H13", "a link of 2^64-1 bytes", f.root(message{6, 0, "\x01\x03" + u64(1<<64-1) + "x"}), tensor.ErrTruncated, "link message name")
	f = newForge()
	refused("H13", "a link to another file", f.root(message{6, 0, "\x01\x08\x40\x01x" + u16(12) + "\x00other.h5\x00/y"}), `got an external link to "/y in other.h5"`)
	add("H14", "a group in itself", func() []byte {
		f := newForge()
		at := f.next()
		body := header(isGroup, hard("self", at), soft("up", "/"), hard("x", at+200))
		f.put(body + zeros(200-len(body)))
		f.put(header(dataspace(1), datatype(u8Type), compact("a")))
		return f.file(at)
	}(), nil).Good = []string{"x"}
	add("H14", "soft links in a circle", newForge().root(soft("a", "b"), soft("b", "a"), soft("c", "/c/c/c/c")), nil)
	for what, c := range map[string]struct {
		kind   error
		says   string
		change func(h *heapFields)
	}{
		"no blocks in a row":           {tensor.ErrCorrupt, "fractal heap blocks", func(h *heapFields) { h.width = 0 }},
		"blocks of 513 bytes":          {tensor.ErrCorrupt, "fractal heap blocks", func(h *heapFields) { h.start = 513 }},
		"blocks of 2^63 bytes":         {tensor.ErrCorrupt, "fractal heap blocks", func(h *heapFields) { h.start = 1 << 63 }},
		"an address space of 65 bits":  {tensor.ErrCorrupt, "fractal heap blocks", func(h *heapFields) { h.bits = 65 }},
		"65535 rows":                   {tensor.ErrCorrupt, "fractal heap blocks", func(h *heapFields) { h.rows = 65535 }},
		"no root":                      {tensor.ErrCorrupt, "the heap is empty", func(h *heapFields) { h.root = none }},
		"a root past the end":          {tensor.ErrTruncated, "direct block", func(h *heapFields) { h.root = 1 << 40 }},
		"a checksum of a block":        {tensor.ErrCorrupt, "direct block checksum", func(h *heapFields) { h.wrongSum = 1 }},
		"a block of another heap":      {tensor.ErrCorrupt, "direct block heap", func(h *heapFields) { h.block = h.block[:5] + u64(56) + h.block[13:] }},
		"a block that is somewhere":    {tensor.ErrCorrupt, "offset in the heap", func(h *heapFields) { h.block = h.block[:13] + u32(512) + h.block[17:] }},
		"a block for a row of blocks":  {tensor.ErrFormat, "indirect block signature", func(h *heapFields) { h.rows = 2 }},
		"a direct block of 2^31 bytes": {tensor.ErrTruncated, "direct block", func(h *heapFields) { h.width, h.start, h.maxDirect, h.flags = 1, 1<<31, 1<<31, 0 }},
	} {
		f := newForge()
		heap, ids := f.heapWith(7, c.change, hard("x", 48).body)
		add("H15", what, f.file(f.put(header(dense(heap, f.tree2(5, zeros(4)+ids[0]))))), c.kind, c.says)
	}
	f = newForge()
	heap, ids := f.heapWith(7, func(h *heapFields) { h.filters = 4 }, hard("x", 48).body)
	refused("H15", "compressed links", f.file(f.put(header(dense(heap, f.tree2(5, zeros(4)+ids[0]))))), "fractal heap filters")
	for what, c := range map[string]struct {
		kind error
		says string
		id   string
	}{
		"an id past its block":     {tensor.ErrCorrupt, "heap id", "\x00" + u32(500) + u16(100)},
		"an id past the heap":      {tensor.ErrCorrupt, "heap id", "\x00" + u32(1<<31) + u16(1)},
		"an id of a huge object":   {tensor.ErrCorrupt, "undefined address", "\x10" + zeros(6)},
		"a tiny id that is longer": {tensor.ErrTruncated, "heap id size: got 6 bytes left, want 16", "\x2f" + zeros(6)},
		"an id of another type":    {tensor.ErrUnsupported, "heap id type", "\x30" + zeros(6)},
		"an id of another version": {tensor.ErrUnsupported, "heap id version", "\x40" + zeros(6)},
		"an id of what is no link": {tensor.ErrUnsupported, "link version", "\x00" + u32(0) + u16(20)},
	} {
		f := newForge()
		heap, _ := f.heap(7)
		b := f.file(f.put(header(dense(heap, f.tree2(5, zeros(4)+c.id)))))
		if c.kind == tensor.ErrUnsupported {
			refused("H16", what, b, c.says)
		} else {
			add("H16", what, b, c.kind, c.says).NoOffset = true
		}
	}
	tree := func(what string, kind int, says string, make func(f *forge, record string) uint64) {
		f := newForge()
		heap, ids := f.heap(7, hard("x", 48).body)
		add("H17", what, f.file(f.put(header(dense(heap, make(f, zeros(4)+ids[0]))))), kinds[kind], says)
	}
	tree("nodes of no bytes", corrupt, "sizes of nodes and records", func(f *forge, r string) uint64 { return f.tree2At(5, 0, 11, 0, 48, 1, 1) })
	tree("records of no bytes", corrupt, "sizes of nodes and records", func(f *forge, r string) uint64 { return f.tree2At(5, 512, 0, 0, 48, 1, 1) })
	tree("a depth of 65535", corrupt, "depth", func(f *forge, r string) uint64 { return f.tree2At(5, 512, 11, 65535, 48, 1, 1) })
	tree("more records than a node holds", corrupt, "records", func(f *forge, r string) uint64 { return f.tree2At(5, 512, 11, 0, 48, 65535, 65535) })
	tree("records without a root", corrupt, "without a root", func(f *forge, r string) uint64 { return f.tree2At(5, 512, 11, 0, none, 0, 9) })
	tree("of another type", grammar, "B-tree type", func(f *forge, r string) uint64 { return f.tree2(6, r) })
	tree("a leaf that is no node", grammar, "B-tree node signature", func(f *forge, r string) uint64 {
		return f.tree2At(5, 512, 11, 1, f.put(sealed("BTLF\x00\x05"+r+zeros(40))), 1, 1)
	})
	tree("a node under itself", corrupt, "in the tree twice", func(f *forge, r string) uint64 {
		at := f.next()
		f.put(sealed("BTIN\x00\x05" + r + u64(at) + "\x01" + u64(at) + "\x01"))
		return f.tree2At(5, 512, 11, 1, at, 1, 3)
	})
	tree("a node past the end", cut, "B-tree node", func(f *forge, r string) uint64 { return f.tree2At(5, 512, 11, 0, 1<<40, 1, 1) })
	tree("a node twice", corrupt, "in the tree twice", func(f *forge, r string) uint64 {
		leaf := f.put(sealed("BTLF\x00\x05" + r))
		return f.tree2At(5, 512, 11, 1, f.put(sealed("BTIN\x00\x05"+r+u64(leaf)+"\x01"+u64(leaf)+"\x01")), 1, 3)
	})

	// Groups of the old kind.
	old := func(what string, kind int, says string, make func(f *forge, heap uint64) (tree, names uint64)) *badinput.Row {
		f := newForge()
		data := f.put("\x00x\x00" + zeros(12) + "long")
		names := f.put("HEAP" + zeros(4) + u64(19) + u64(none) + u64(data))
		tree, names := make(f, names)
		return add("H18", what, f.file(f.put(oldHeader(message{17, 0, u64(tree) + u64(names)}))), kinds[kind], says)
	}
	symbols := func(f *forge, name uint64) uint64 {
		snod := f.put("SNOD\x01\x00" + u16(1) + u64(name) + u64(48) + zeros(24))
		return f.put(node(0, 0, 1, u64(0)+u64(snod)+u64(0)))
	}
	old("a name outside the heap", corrupt, "local heap", func(f *forge, heap uint64) (uint64, uint64) { return symbols(f, 99), heap })
	old("a name without an end", grammar, "local heap name", func(f *forge, heap uint64) (uint64, uint64) { return symbols(f, 15), heap })
	old("a heap of 2^63 bytes", cut, "local heap", func(f *forge, heap uint64) (uint64, uint64) {
		return symbols(f, 1), f.put("HEAP" + zeros(4) + u64(1<<63) + u64(none) + u64(48))
	})
	old("a node under itself", corrupt, "B-tree node level: got 5, want one less", func(f *forge, heap uint64) (uint64, uint64) {
		at := f.next()
		return f.put(node(0, 5, 1, u64(0)+u64(at)+u64(0)) + zeros(0)), heap
	}).Says = []string{"twice"}
	old("a child of another level", corrupt, "B-tree node level: got 3", func(f *forge, heap uint64) (uint64, uint64) {
		child := f.put(node(0, 3, 0, u64(0)))
		return f.put(node(0, 2, 1, u64(0)+u64(child)+u64(0))), heap
	})
	old("a level of 255", corrupt, "B-tree node level", func(f *forge, heap uint64) (uint64, uint64) { return f.put(node(0, 255, 0, u64(0))), heap })
	old("65535 entries", cut, "B-tree node", func(f *forge, heap uint64) (uint64, uint64) { return f.put(node(0, 0, 65535, u64(0))), heap })
	old("no node of symbols", grammar, "symbol table node signature", func(f *forge, heap uint64) (uint64, uint64) {
		return f.put(node(0, 0, 1, u64(0)+u64(heap)+u64(0))), heap
	})
	old("a tree of chunks", grammar, "B-tree node type", func(f *forge, heap uint64) (uint64, uint64) { return f.put(node(1, 0, 0, u64(0))), heap })

	earliest, err := os.ReadFile("testdata/indexes_earliest.h5")
	if err != nil {
		t.Fatal(err)
	}
	add("H18", "more symbols than a node has room for", patched(earliest, 16, "\x03", 0, 0), tensor.ErrCorrupt, "symbol table node symbols: got 7, want at most 6")

	// Shapes and types.
	shaped := func(what string, kind error, says string, space message, list ...message) *badinput.Row {
		f := newForge()
		if list == nil {
			list = []message{datatype(i32Type), contiguous(48, 8)}
		}
		return add("H19", what, f.one(append([]message{space}, list...)...), kind, says)
	}
	shaped("33 axes", tensor.ErrLimit, "rank: got 33", dataspace(make([]uint64, 33)...))
	shaped("2^64-1 rows", tensor.ErrOverflow, "extent: got 18446744073709551615", dataspace(1<<64-1))
	shaped("elements that wrap to 0", tensor.ErrOverflow, "extents", dataspace(1<<32, 1<<32))
	shaped("elements that wrap to 4", tensor.ErrOverflow, "extents", dataspace(1<<62+1, 4))
	shaped("bytes that wrap", tensor.ErrOverflow, "elements of 4 bytes", dataspace(1<<61+1))
	shaped("1 TiB", tensor.ErrCorrupt, "data layout: got 8 bytes, want 1099511627776", dataspace(1<<38))
	shaped("1 TiB of a layout that says so", tensor.ErrTruncated, "data: got 1099511627776 bytes", dataspace(1<<38), datatype(i32Type), contiguous(48, 1<<40))
	shaped("less than there are", tensor.ErrCorrupt, "largest extent", growing([]uint64{5}, []uint64{4}))
	shaped("cut off", tensor.ErrTruncated, "dataspace message", message{1, 0, "\x02\x05\x00\x01" + u64(1)})
	shaped("data past the end", tensor.ErrTruncated, "data", dataspace(2), datatype(i32Type), contiguous(1<<20, 8))
	shaped("data that wrap", tensor.ErrTruncated, "data", dataspace(2), datatype(i32Type), contiguous(1<<64-8, 8)).NoOffset = true
	shaped("compact data that are longer", tensor.ErrTruncated, "data layout message", dataspace(2), datatype(i32Type), message{8, 0, "\x03\x00" + u16(100) + "abc"})
	shaped("compact data that are shorter", tensor.ErrCorrupt, "data layout: got 3 bytes, want 8", dataspace(2), datatype(i32Type), compact("abc"))
	shaped("a fill value of 3 bytes", tensor.ErrCorrupt, "fill value: got 3 bytes, want 4", dataspace(2), datatype(i32Type), contiguous(none, 8), message{5, 0, "\x03\x20" + u32(3) + "abc"})
	shaped("a fill value that is not there", tensor.ErrTruncated, "fill value", dataspace(2), datatype(i32Type), contiguous(none, 8), message{5, 0, "\x03\x20" + u32(4)})
	typed := func(what string, kind error, says, d string) {
		b := newForge().one(dataspace(1), datatype(d), compact(zeros(16)))
		if kind == tensor.ErrUnsupported {
			refused("H20", what, b, says)
		} else {
			add("H20", what, b, kind, says)
		}
	}
	typed("version 0", tensor.ErrUnsupported, "datatype message version: got 0", "\x00"+u8Type[1:])
	typed("no class", tensor.ErrUnsupported, "class 12", "\x1c\x00\x00\x00"+u32(1))
	typed("integers of no bytes", tensor.ErrUnsupported, "in 0 bytes", u8Type[:4]+u32(0)+u16(0)+u16(0))
	typed("text of no bytes", tensor.ErrUnsupported, "no bytes", "\x13\x00\x00\x00"+u32(0))
	typed("text of 2^32-1 bytes", tensor.ErrUnsupported, "4294967295 bytes", "\x13\x00\x00\x00"+u32(1<<32-1))
	typed("a VAX", tensor.ErrUnsupported, "floats of a VAX", "\x11\x41\x1f\x00"+u32(4)+u16(0)+u16(32)+"\x17\x08\x00\x17"+u32(127))
	typed("cut off", tensor.ErrTruncated, "datatype message", u8Type[:7])
	typed("a member outside", tensor.ErrCorrupt, "datatype message member", "\x36\x01\x00\x00"+u32(4)+"a\x00\x04"+u8Type)
	typed("a member of 2^32-1 bytes", tensor.ErrCorrupt, "datatype message member", "\x36\x01\x00\x00"+u32(4)+"a\x00\x00\x13\x00\x00\x00"+u32(1<<32-1))
	typed("65535 members", tensor.ErrFormat, "datatype message name: got no end", "\x36\xff\xff\x00"+u32(4)+"a\x00\x00"+u8Type)
	typed("no members", tensor.ErrUnsupported, "without members", "\x36\x00\x00\x00"+u32(4))
	typed("an array that wraps", tensor.ErrCorrupt, "datatype message array", "\x3a\x00\x00\x00"+u32(4)+"\x02"+u32(1<<31)+u32(1<<31)+i32Type)
	typed("an array of no axes", tensor.ErrCorrupt, "datatype message array", "\x3a\x00\x00\x00"+u32(4)+"\x00"+i32Type)
	typed("an array of 255 axes", tensor.ErrTruncated, "datatype message", "\x3a\x00\x00\x00"+u32(4)+"\xff"+i32Type)
	typed("arrays of arrays", tensor.ErrLimit, "types inside types", strings.Repeat("\x3a\x00\x00\x00"+u32(4)+"\x01"+u32(1), 30)+i32Type)
	typed("compounds of compounds", tensor.ErrLimit, "types inside types", strings.Repeat("\x36\x01\x00\x00"+u32(4)+"a\x00\x00", 30)+i32Type)
	typed("an enumeration of floats", tensor.ErrUnsupported, "base of an enumeration", "\x38\x00\x00\x00"+u32(4)+"\x11\x20\x1f\x00"+u32(4)+u16(0)+u16(32)+"\x17\x08\x00\x17"+u32(127))
	typed("an enumeration of 65535 names", tensor.ErrFormat, "name: got no end", "\x38\xff\xff\x00"+u32(4)+i32Type+"a\x00")
	typed("a reference of 3 bytes", tensor.ErrCorrupt, "datatype message size", vlenText[:4]+u32(3)+vlenText[8:])

	// Layouts.
	layout := func(what string, kind error, says string, m message) *badinput.Row {
		b := newForge().one(dataspace(8), datatype(u8Type), m)
		if kind == tensor.ErrUnsupported {
			refused("H21", what, b, says)
			return nil
		}
		return add("H21", what, b, kind, says)
	}
	layout("class 9", tensor.ErrUnsupported, "data layout message class: got 9", message{8, 0, "\x03\x09" + zeros(16)})
	layout("version 9", tensor.ErrUnsupported, "data layout message version: got 9", message{8, 0, "\x09\x01" + zeros(16)})
	layout("index 9", tensor.ErrUnsupported, "chunk index: got type 9", chunked(0, 9, "", 48, 8, 1))
	layout("no rank", tensor.ErrCorrupt, "rank of chunks", treed(none))
	layout("another rank", tensor.ErrCorrupt, "rank of chunks: got 2, want 1", treed(none, 2, 4, 1))
	layout("chunks of nothing", tensor.ErrCorrupt, "shape of chunks", treed(none, 0, 1))
	layout("elements of 2 bytes", tensor.ErrCorrupt, "bytes of an element of a chunk: got 2, want 1", treed(none, 4, 2))
	add("H21", "elements of 2 bytes, and none of them", newForge().one(dataspace(0), datatype(u8Type), treed(none, 4, 2)), tensor.ErrCorrupt, "bytes of an element of a chunk: got 2, want 1")
	layout("extents of 9 bytes", tensor.ErrCorrupt, "width of extents", message{8, 0, "\x04\x02\x00\x02\x09" + zeros(40)})
	layout("chunks of 2^64-1 rows", tensor.ErrOverflow, "shape of chunks", chunked(0, 1, "", 48, 1<<64-1, 1))
	layout("chunks of 2^40 bytes", tensor.ErrLimit, "shape of chunks", chunked(0, 1, "", 48, 1<<40, 1)).NoOffset = true
	refused("H21", "virtual", newForge().one(dataspace(8), datatype(u8Type), message{8, 0, "\x04\x03" + u64(48) + u32(1)}), "a virtual dataset")
	refused("H21", "in other files", newForge().one(dataspace(8), datatype(u8Type), contiguous(none, 8), message{7, 0, zeros(16)}), "data in other files")
	for id, name := range map[int]string{4: "szip", 5: "nbit", 6: "scale-offset", 32015: "zstd", 307: "bzip2", 40000: "filter 40000"} {
		more := u16(0)
		if id >= 256 {
			more += u16(0)
		}
		refused("H22", name, newForge().one(dataspace(8), datatype(u8Type), treed(none, 8, 1), filters(u16(id)+more+u16(0))), "filter: got "+name)
	}
	f = newForge()
	add("H22", "33 filters", f.one(dataspace(8), datatype(u8Type), treed(none, 8, 1), filters(strings.Split(strings.Repeat(fletcher+"|", 33), "|")[:33]...)), tensor.ErrCorrupt, "filters: got 33")
	add("H22", "65535 numbers of a filter", newForge().one(dataspace(8), datatype(u8Type), treed(none, 8, 1), filters(u16(1)+u16(0)+u16(65535))), tensor.ErrTruncated, "filter pipeline message")

	// Chunks in a B-tree of version 1.
	chunk := func(id, what string, kind error, says string, extent uint64, n int64, pipeline *message, make func(f *forge) []string) *badinput.Row {
		f := newForge()
		return add(id, what, f.chunksOf(extent, n, pipeline, make(f)...), kind, says)
	}
	chunk("H23", "two on each other", tensor.ErrCorrupt, "bytes: got some that are those of chunk 0", 8, 4, nil, func(f *forge) []string {
		at := f.put("abcdefgh")
		return []string{key(4, 0, 0) + u64(at), key(4, 0, 4) + u64(at+3)}
	})
	chunk("H23", "one address for two", tensor.ErrCorrupt, "bytes: got some", 8, 4, nil, func(f *forge) []string {
		at := f.put("abcdefgh")
		return []string{key(4, 0, 0) + u64(at), key(4, 0, 4) + u64(at)}
	})
	chunk("H23", "two in one place", tensor.ErrDuplicate, "chunk 1", 8, 4, nil, func(f *forge) []string {
		at := f.put("abcdefgh")
		return []string{key(4, 0, 4) + u64(at), key(4, 0, 4) + u64(at+4)}
	})
	chunk("H23", "the second before the first", tensor.ErrCorrupt, "key of a chunk: got [0], want one after that of the chunk before", 8, 4, nil, func(f *forge) []string {
		at := f.put("abcdefgh")
		return []string{key(4, 0, 4) + u64(at), key(4, 0, 0) + u64(at+4)}
	})
	chunk("H24", "within an element", tensor.ErrCorrupt, "place of a chunk within elements: got 1, want 0", 8, 4, nil, func(f *forge) []string {
		return []string{key(4, 0, 0)[:16] + u64(1) + u64(f.put("abcd"))}
	})
	chunk("H24", "past the extents", tensor.ErrCorrupt, "place of a chunk: got [2]", 8, 4, nil, func(f *forge) []string { return []string{key(4, 0, 8) + u64(f.put("abcd"))} })
	chunk("H24", "at 2^64-4", tensor.ErrCorrupt, "place of a chunk", 8, 4, nil, func(f *forge) []string { return []string{key(4, 0, 1<<64-4) + u64(f.put("abcd"))} })
	chunk("H24", "between two places", tensor.ErrCorrupt, "first element of a chunk: got 3", 8, 4, nil, func(f *forge) []string { return []string{key(4, 0, 3) + u64(f.put("abcd"))} })
	chunk("H25", "past the end", tensor.ErrTruncated, "chunk", 8, 4, nil, func(f *forge) []string { return []string{key(4, 0, 0) + u64(1<<40)} })
	chunk("H25", "shorter than its elements", tensor.ErrCorrupt, "size: got 3, want 4", 8, 4, nil, func(f *forge) []string { return []string{key(3, 0, 0) + u64(f.put("abcd"))} })
	chunk("H25", "longer than its elements", tensor.ErrCorrupt, "size: got 5, want 4", 8, 4, nil, func(f *forge) []string { return []string{key(5, 0, 0) + u64(f.put("abcde"))} })
	z, fl, lz, sh := filters(deflate), filters(fletcher), filters(lzf), filters(shuffle4, deflate)
	pressed := func(what string, kind error, says string, m message, n int64, stored string) {
		r := chunk("H26", what, kind, says, uint64(n), n, &m, func(f *forge) []string {
			return []string{key(int64(len(stored)), 0, 0) + u64(f.put(stored))}
		})
		if kind != nil && !strings.HasPrefix(says, "size: got") {
			late(r)
		}
	}
	pressed("fine", nil, "", z, 8, deflated("abcdefgh"))
	pressed("more than a chunk", tensor.ErrCorrupt, "deflate: got more bytes", z, 8, deflated("abcdefghi"))
	pressed("less than a chunk", tensor.ErrCorrupt, "deflate: got an end after 7 bytes", z, 8, deflated("abcdefg"))
	pressed("no stream", tensor.ErrCorrupt, "deflate", z, 8, "abcdefgh")
	pressed("a stream without its end", tensor.ErrCorrupt, "deflate", z, 8, deflated("abcdefgh")[:10])
	pressed("a checksum of zlib", tensor.ErrCorrupt, "deflate", z, 8, deflated("abcdefgh")[:len(deflated("abcdefgh"))-1]+"?")
	pressed("shuffled, and less", tensor.ErrCorrupt, "deflate: got an end after 7", sh, 8, deflated("abcdefg"))
	pressed("a bomb", tensor.ErrCorrupt, "deflate: got more bytes", z, 8, deflated(zeros(8<<20)))
	pressed("a claim of 512 MiB", tensor.ErrCorrupt, "size: got 12, want enough for 536870912 bytes", z, 512<<20, "abcdefghijkl")
	pressed("a checksum", tensor.ErrCorrupt, "fletcher32", fl, 8, "abcdefgh\x00\x00\x00\x00")
	pressed("no room for a checksum", tensor.ErrTruncated, "fletcher32: got 3 bytes", fl, 8, "abc")
	pressed("a sum of less", tensor.ErrCorrupt, "size of the chunk: got 4, want 8", fl, 8, "abcd"+u32(int64(hdf5.Fletcher32([]byte("abcd")))))
	pressed("a copy from before the begin", tensor.ErrCorrupt, "lzf: got a copy of 3 bytes outside", lz, 8, "\x00a\x20\x05\x03abcd")
	pressed("a copy past the end", tensor.ErrCorrupt, "lzf: got a copy of 264 bytes outside", lz, 8, "\x00a\xe0\xff\x00")
	pressed("a run past the end", tensor.ErrCorrupt, "lzf: got a run of 32 bytes past the end", lz, 8, "\x1fabc")
	pressed("an end inside a copy", tensor.ErrCorrupt, "lzf: got an end inside a copy", lz, 8, "\x00a\xe0")
	pressed("a stream of less", tensor.ErrCorrupt, "lzf: got 4 bytes", lz, 8, "\x03abcd")
	add("H27", "a chunk of 2 GiB", newForge().one(dataspace(1), datatype(u8Type), treed(none, 2<<30, 1), z), tensor.ErrLimit, "bytes of a chunk to decode: got 2147483648").NoOffset = true
	f = newForge()
	at = f.next()
	f.put(node(1, 1, 2, key(1, 0, 0)+u64(at)+key(1, 0, 4)+u64(at)+key(0, 0, 8)))
	add("H28", "a node under itself", f.one(dataspace(8), datatype(u8Type), treed(at, 4, 1)), tensor.ErrCorrupt, "in the tree twice")
	f = newForge()
	leaf := f.put(node(1, 0, 1, key(4, 0, 0)+u64(f.next()+400)+key(0, 0, 8)))
	add("H28", "a node twice", f.one(dataspace(8), datatype(u8Type), treed(f.put(node(1, 1, 2, key(1, 0, 0)+u64(leaf)+key(1, 0, 4)+u64(leaf)+key(0, 0, 8))), 4, 1), message{0, 0, zeros(400)}), tensor.ErrCorrupt, "twice")

	// The other indexes.
	array := func(id, what string, kind error, says string, space message, make func(f *forge) message, more ...message) *badinput.Row {
		f := newForge()
		m := make(f)
		return add(id, what, f.one(append([]message{space, datatype(u8Type), m}, more...)...), kind, says)
	}
	array("H29", "one chunk for two", tensor.ErrCorrupt, "a single chunk for 2", dataspace(8), func(f *forge) message { return chunked(0, 1, "", f.put("abcd"), 4, 1) }).NoOffset = true
	array("H29", "one chunk past the end", tensor.ErrTruncated, "chunk", dataspace(8), func(f *forge) message { return chunked(0, 1, "", 1<<40, 8, 1) })
	array("H29", "one filtered chunk of 2^64-2 bytes", tensor.ErrTruncated, "chunk", dataspace(8), func(f *forge) message { return chunked(2, 1, u64(1<<64-2)+u32(0), 48, 8, 1) }, z)
	array("H30", "implicit past the end", tensor.ErrTruncated, "chunks", dataspace(8), func(f *forge) message { return chunked(0, 2, "", 1<<20, 4, 1) })
	array("H30", "implicit to 2^62", tensor.ErrTruncated, "chunks", growing([]uint64{8}, []uint64{1 << 62}), func(f *forge) message { return chunked(0, 2, "", f.put("abcdefgh"), 4, 1) })
	array("H30", "implicit without a bound", tensor.ErrCorrupt, "chunk index", growing([]uint64{8}, []uint64{none}), func(f *forge) message { return chunked(0, 2, "", f.put("abcdefgh"), 4, 1) }).NoOffset = true
	array("H30", "implicit and filtered", tensor.ErrCorrupt, "implicit one of filtered", dataspace(8), func(f *forge) message { return chunked(0, 2, "", f.put("abcdefgh"), 4, 1) }, z).NoOffset = true
	array("H31", "fine", nil, "", dataspace(8), func(f *forge) message {
		a := f.put("abcdefgh")
		return f.fixed(0, 8, 10, 2, u64(a)+u64(a+4))
	})
	array("H31", "another number of elements", tensor.ErrCorrupt, "fixed array elements: got 3, want 2", dataspace(8), func(f *forge) message { return f.fixed(0, 8, 10, 3, zeros(24)) })
	array("H31", "2^62 elements", tensor.ErrTruncated, "fixed array", growing([]uint64{8}, []uint64{1 << 62}), func(f *forge) message { return f.fixed(0, 8, 10, 1<<60, zeros(24)) })
	array("H31", "filtered elements of what is not", tensor.ErrCorrupt, "client: got 1", dataspace(8), func(f *forge) message { return f.fixed(1, 13, 10, 2, zeros(26)) })
	array("H31", "elements of 3 bytes", tensor.ErrCorrupt, "bytes of an element: got 3", dataspace(8), func(f *forge) message { return f.fixed(0, 3, 10, 2, zeros(6)) })
	array("H31", "pages of 2^200", tensor.ErrCorrupt, "elements of a page", dataspace(8), func(f *forge) message { return f.fixed(0, 8, 200, 2, zeros(16)) })
	array("H31", "one chunk twice", tensor.ErrCorrupt, "bytes: got some", dataspace(8), func(f *forge) message {
		a := f.put("abcdefgh")
		return f.fixed(0, 8, 10, 2, u64(a)+u64(a))
	})
	array("H31", "a chunk past the extents", tensor.ErrCorrupt, "place of a chunk: got 2", growing([]uint64{8}, []uint64{12}), func(f *forge) message {
		a := f.put("abcdefghijkl")
		return f.fixed(0, 8, 10, 3, u64(a)+u64(a+4)+u64(a+8))
	})
	array("H31", "a checksum", tensor.ErrCorrupt, "fixed array data checksum", dataspace(8), func(f *forge) message {
		a := f.put("abcdefgh")
		m := f.fixed(0, 8, 10, 2, u64(a)+u64(a+4))
		f.b[len(f.b)-6] ^= 1
		return m
	})
	grows := growing([]uint64{8}, []uint64{none})
	array("H32", "fine", nil, "", grows, func(f *forge) message {
		a := f.put("abcdefgh")
		return f.extensible(32, 4, 16, 4, 10, u64(a)+u64(a+4)+strings.Repeat(u64(none), 2+6+25))
	})
	array("H32", "a bound", tensor.ErrCorrupt, "chunk index", dataspace(8), func(f *forge) message { return f.extensible(32, 4, 16, 4, 10, zeros(33*8)) }).NoOffset = true
	for what, n := range map[string][]int{"no bits": {0, 4, 16, 4, 10}, "255 bits": {255, 4, 16, 4, 10}, "15 elements at least": {32, 4, 15, 4, 10}, "no elements": {32, 4, 0, 4, 10}, "3 pointers": {32, 4, 16, 3, 10}, "no pointers": {32, 4, 16, 0, 10}} {
		array("H32", what, tensor.ErrCorrupt, "sizes of blocks", grows, func(f *forge) message { return f.extensible(n[0], n[1], n[2], n[3], n[4], zeros(33*8)) })
	}
	array("H32", "an index that is cut off", tensor.ErrTruncated, "extensible array index", grows, func(f *forge) message { return f.extensible(64, 255, 1, 128, 10, "") })
	array("H32", "a data block that is the header", tensor.ErrFormat, "data block signature", growing([]uint64{1000}, []uint64{none}), func(f *forge) message {
		return f.extensible(32, 1, 16, 4, 10, u64(none)+strings.Repeat(u64(48), 6+25))
	})
	r := array("H32", "2^38 chunks that are not there", tensor.ErrLimit, "bytes to copy out: got 1099511627776", growing([]uint64{1 << 40}, []uint64{none}), func(f *forge) message {
		return f.extensible(64, 1, 16, 4, 10, strings.Repeat(u64(none), 1+6+57))
	})
	r.At, r.Format, r.NoOffset, r.Slow = badinput.Use, "", true, true
	array("H33", "a tree of plain chunks that are filtered", tensor.ErrFormat, "B-tree type: got 10, want 11", growing([]uint64{8}, []uint64{none}), func(f *forge) message {
		return chunked(0, 5, zeros(6), f.tree2(10, u64(48)+u64(0)), 4, 1)
	}, z)
	array("H33", "a chunk past the extents", tensor.ErrCorrupt, "place of a chunk: got [9]", grows, func(f *forge) message {
		return chunked(0, 5, zeros(6), f.tree2(10, u64(f.put("abcd"))+u64(9)), 4, 1)
	})
	array("H33", "a chunk past the extents by 2^64-1", tensor.ErrCorrupt, "place of a chunk: got [-1]", grows, func(f *forge) message {
		return chunked(0, 5, zeros(6), f.tree2(10, u64(f.put("abcd"))+u64(none)), 4, 1)
	})

	// Strings of variable length.
	texts := func(what string, kind error, says string, refs func(f *forge) string) *badinput.Row {
		f := newForge()
		s := refs(f)
		return add("H34", what, f.one(dataspace(uint64(len(s)/16)), datatype(vlenText), compact(s)), kind, says)
	}
	texts("fine", nil, "", func(f *forge) string {
		at := f.put(collection(4096, object(1, "abc"), object(2, "é")))
		return ref(3, at, 1) + ref(2, at, 2) + ref(0, 0, 0) + ref(0, at, 9)
	})
	late(texts("an object that is not there", tensor.ErrCorrupt, "no object 7", func(f *forge) string { return ref(3, f.put(collection(4096, object(1, "abc"))), 7) }))
	late(texts("object 65537, which is 1", tensor.ErrCorrupt, "no object 65537", func(f *forge) string { return ref(3, f.put(collection(4096, object(1, "abc"))), 65537) }))
	late(texts("more bytes than the object has", tensor.ErrCorrupt, "no object 1 of 4 bytes", func(f *forge) string { return ref(4, f.put(collection(4096, object(1, "abc"))), 1) }))
	late(texts("a collection past the end", tensor.ErrTruncated, "global heap", func(f *forge) string { return ref(4, 1<<40, 1) }))
	late(texts("a collection that is none", tensor.ErrFormat, "global heap signature", func(f *forge) string { return ref(4, 8, 1) }))
	late(texts("a collection of 2^63 bytes", tensor.ErrTruncated, "global heap", func(f *forge) string { return ref(3, f.put(collection(1<<63, object(1, "abc"))), 1) }))
	late(texts("a collection of no bytes", tensor.ErrCorrupt, "global heap size: got 0", func(f *forge) string { return ref(3, f.put(collection(0, object(1, "abc"))), 1) }))
	late(texts("an object of 2^64-1 bytes", tensor.ErrCorrupt, "object size", func(f *forge) string {
		return ref(3, f.put(collection(4096, u16(1)+u16(1)+u32(0)+u64(1<<64-1))), 1)
	}))
	late(texts("two objects of one number", tensor.ErrDuplicate, "object: got 1 twice", func(f *forge) string { return ref(3, f.put(collection(4096, object(1, "abc"), object(1, "def"))), 1) }))
	texts("4 GiB of a string", tensor.ErrLimit, "more bytes than the file has", func(f *forge) string { return ref(1<<32-1, 48, 1) }).NoOffset = true
	texts("a string a thousand times", tensor.ErrLimit, "more bytes than the file has", func(f *forge) string {
		return strings.Repeat(ref(3000, f.put(collection(4096, object(1, strings.Repeat("x", 3000)))), 1), 1000)
	}).NoOffset = true

	// Attributes.
	attr := func(what string, kind error, says string, list ...message) *badinput.Row {
		f := newForge()
		return add("H35", what, f.one(append([]message{dataspace(1), datatype(u8Type), compact("a")}, list...)...), kind, says)
	}
	attr("fine", nil, "", attribute("a", i32Type, dataspace(2), "abcdefgh"))
	attr("a value that is cut off", tensor.ErrTruncated, `value of "a"`, attribute("a", i32Type, dataspace(2), "abcdefg"))
	attr("2^61 values", tensor.ErrTruncated, `value of "a"`, attribute("a", i32Type, dataspace(1<<61), "abcdefg"))
	attr("a name twice", tensor.ErrDuplicate, `attribute: got "a" twice`, attribute("a", i32Type, dataspace(), "abcd"), attribute("a", i32Type, dataspace(), "abcd"))
	attr("parts longer than the message", tensor.ErrTruncated, "attribute message", message{12, 0, "\x03\x00" + u16(65535) + u16(65535) + u16(65535) + "\x00a"})
	refused("H35", "a version", newForge().one(dataspace(1), datatype(u8Type), compact("a"), message{12, 0, "\x09\x00" + zeros(20)}), "attribute message version: got 9")
	attr("a heap that is not there", tensor.ErrTruncated, "fractal heap", message{21, 0, "\x00\x00" + u64(1<<40) + u64(48)})
	attr("a string of the heap that is not there", tensor.ErrTruncated, "global heap", attribute("a", vlenText, dataspace(), ref(3, 1<<40, 1)))
	attr("arrays that multiply", nil, "", attribute("a", "\x3a\x00\x00\x00"+u32(0)+"\x02"+u32(1<<31)+u32(0)+i32Type, dataspace(5), ""))

	// Structures that lie on each other, so that all of them would be gone through
	// again and again.
	f = newForge()
	f.put(strings.Repeat(u16(0)+u16(59_992)+zeros(4+59_992), 2))
	links := []message{}
	for i := range 1200 {
		links = append(links, hard("n"+strconv.Itoa(i), f.put("\x01\x00"+u16(1)+u32(1)+u32(24)+zeros(4)+u16(16)+u16(16)+zeros(4)+u64(48)+u64(120_000))))
	}
	add("H36", "headers that go on in one place", f.root(links...), tensor.ErrLimit, "more than", "bytes of description")

	for i := range rows {
		if rows[i].ID == "H23" || rows[i].ID == "H29" && rows[i].Kind != nil {
			rows[i].Says = append(rows[i].Says, `tensor "x"`)
		}
	}
	badinput.Run(t, rows)
	if t.Logf("%d rows, %d more of what is not supported", len(rows), unsupported); len(rows) < 150 || unsupported < 25 {
		t.Error("fewer than there should be")
	}
}

// refuses opens a file that holds something that is not supported: it opens, says
// so, is verified but for that, and is converted only if that is left out.
func refuses(t *testing.T, b []byte, says string) {
	path := filepath.Join(t.TempDir(), "x.h5")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := convert.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l := f.Layout()
	if len(l.Skipped) != 1 || !errors.Is(l.Skipped[0], tensor.ErrUnsupported) || !strings.Contains(l.Skipped[0].Error(), says) || !strings.Contains(l.Skipped[0].Error(), tensor.Escape(path)+": hdf5: tensor ") {
		t.Fatalf("%v, want %q", l.Skipped, says)
	}
	rep, err := f.Verify(t.Context(), nil)
	if err != nil || !rep.OK() || len(rep.Unknown) != 1 {
		t.Errorf("%v, %v", rep, err)
	}
	out := filepath.Join(t.TempDir(), "x.tensor")
	o := &convert.Options{NoSync: true}
	if _, err := convert.Files(t.Context(), []string{path}, out, o); !errors.Is(err, tensor.ErrUnsupported) || !strings.Contains(err.Error(), says) {
		t.Errorf("converted: %v", err)
	}
	o.Open.SkipBad = true
	r, err := convert.Files(t.Context(), []string{path}, out, o)
	if len(l.Tensors) > 0 && (err != nil || len(r.Skipped) != 1 || len(r.Tensors) != len(l.Tensors)) || len(l.Tensors) == 0 && !errors.Is(err, tensor.ErrUnsupported) {
		t.Errorf("without it: %v", err)
	}
}

// TestSkipBad leaves out what is damaged and reads the rest.
func TestSkipBad(t *testing.T) {
	f := newForge()
	good := f.put(header(dataspace(1), datatype(u8Type), compact("a")))
	bad := f.put(header(dataspace(9), datatype(u8Type), compact("a")))
	b := f.root(hard("bad", bad), hard("gone", 1<<40), hard("good", good))
	if _, err := openBytes(b, "x.h5", nil); err == nil || !strings.Contains(err.Error(), `tensor "bad"`) {
		t.Error(err)
	}
	o := &convert.OpenOptions{}
	o.SkipBad = true
	file, err := openBytes(b, "x.h5", o)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if l := file.Layout(); len(l.Tensors) != 1 || l.Tensors[0].Name != "good" || len(l.Skipped) != 2 {
		t.Errorf("%v, %v", l.Tensors, l.Skipped)
	}
}
