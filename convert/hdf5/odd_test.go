package hdf5_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/hdf5"
	"github.com/tensorfile/tensorfile/format"
)

// TestOdd are structures that today's libraries do not write, or not by what
// h5py can ask of them.
func TestOdd(t *testing.T) {
	oldLayout := func(version, class int, addr uint64, more string) message {
		s := u8(version) + "\x02" + u8(class) + zeros(5)
		if class > 0 {
			s += u64(addr)
		}
		return message{8, 0, s + u32(8) + u32(1) + more}
	}
	oldSpace := message{1, 0, "\x01\x01\x00\x00" + zeros(4) + u64(8)}
	cases := map[string]struct {
		make func(f *forge) []byte
		want string
	}{
		"layout 1, contiguous": {func(f *forge) []byte {
			return f.one(oldSpace, datatype(u8Type), oldLayout(1, 1, f.put("\x01\x02\x03\x04\x05\x06\x07\x08"), ""))
		}, "[1 2 3 4 5 6 7 8]"},
		"layout 2, compact": {func(f *forge) []byte {
			return f.one(oldSpace, datatype(u8Type), oldLayout(2, 0, 0, u32(8)+"\x01\x02\x03\x04\x05\x06\x07\x08"))
		}, "[1 2 3 4 5 6 7 8]"},
		"layout 2, chunked": {func(f *forge) []byte {
			data := f.put("\x01\x02\x03\x04\x05\x06\x07\x08")
			tree := f.put(node(1, 0, 1, key(8, 0, 0)+u64(data)+key(0, 0, 8)))
			return f.one(oldSpace, datatype(u8Type), oldLayout(2, 2, tree, ""))
		}, "[1 2 3 4 5 6 7 8]"},
		"an old fill value": {func(f *forge) []byte {
			return f.one(dataspace(3), datatype(i32Type), contiguous(none, 12), message{4, 0, u32(4) + "\x07\x00\x00\x00"})
		}, "[7 7 7]"},
		"both fill values": {func(f *forge) []byte {
			return f.one(dataspace(3), datatype(i32Type), contiguous(none, 12), message{5, 0, "\x02\x02\x02\x01" + u32(4) + "\x09\x00\x00\x00"}, message{4, 0, u32(4) + "\x07\x00\x00\x00"})
		}, "[9 9 9]"},
		"a plain chunk at the edge": {func(f *forge) []byte {
			z := deflated("\x01\x02\x03\x04")
			a := f.put(z)
			b := f.put("\x05\x06\x63\x63")
			return f.one(dataspace(6), datatype(u8Type), withFlags(f.fixed(1, 13, 10, 2, u64(a)+u8(len(z))+u32(0)+u64(b)+u8(4)+u32(0)), 1), filters(deflate))
		}, "[1 2 3 4 5 6]"},
		"a checksum with its bytes swapped": {func(f *forge) []byte {
			const s = "\x01\x02\x03\x04"
			n := hdf5.Fletcher32([]byte(s))
			fl := filters(fletcher)
			return f.chunksOf(4, 4, &fl, key(8, 0, 0)+u64(f.put(s+u32(int64(n>>8&0xff00ff|n<<8&0xff00ff00)))))
		}, "[1 2 3 4]"},
		"a compound of version 1 with an array": {func(f *forge) []byte {
			member := "a\x00\x00\x00\x00\x00\x00\x00" + u32(0) + "\x01" + zeros(3) + zeros(4) + zeros(4) + u32(2) + zeros(12) + u8Type
			return f.one(dataspace(2), datatype("\x16\x01\x00\x00"+u32(2)+member), compact("\x01\x02\x03\x04"))
		}, "[[1 2]\n [3 4]]"},
		"a chunk that is larger than the dataset": {func(f *forge) []byte {
			return f.chunksOf(3, 8, nil, key(8, 0, 0)+u64(f.put("\x01\x02\x03\x04\x05\x06\x07\x08")))
		}, "[1 2 3]"},
		"a datatype with a name, by version 2": {func(f *forge) []byte {
			named := f.put(header(datatype(i32Type)))
			return f.one(dataspace(1), message{3, 2, "\x02\x00" + u64(named)}, compact("\x05\x00\x00\x00"))
		}, "[5]"},
		"a datatype with a name, by version 1": {func(f *forge) []byte {
			named := f.put(header(datatype(i32Type)))
			return f.one(dataspace(1), message{3, 2, "\x01\x02" + zeros(6) + u64(named)}, compact("\x05\x00\x00\x00"))
		}, "[5]"},
		"a header with times, phases and numbers of messages": {func(f *forge) []byte {
			s := ""
			for i, m := range []message{dataspace(1), datatype(u8Type), compact("\x07")} {
				s += u8(m.kind) + u16(len(m.body)) + u8(m.flags) + u16(i) + m.body
			}
			return f.root(hard("x", f.put(sealed("OHDR\x02\x36"+zeros(16)+u16(8)+u16(6)+u32(int64(len(s)))+s))))
		}, "[7]"},
		"a superblock of version 1": {func(f *forge) []byte {
			f.b = make([]byte, 104)
			x := f.put(header(dataspace(1), datatype(u8Type), compact("\x07")))
			root := f.put(header(isGroup, hard("x", x)))
			copy(f.b, "\x89HDF\r\n\x1a\n\x01\x00\x00\x00\x00\x08\x08\x00"+u16(4)+u16(16)+u32(0)+u16(32)+u16(0)+u64(0)+u64(none)+u64(uint64(len(f.b)))+u64(none)+u64(0)+u64(root)+zeros(24))
			return f.b
		}, "[7]"},
		"complex numbers of a class of their own": {func(f *forge) []byte {
			return f.one(dataspace(1), datatype("\x5b\x01\x00\x00"+u32(8)+f32Type), compact("\x00\x00\x80\x3f\x00\x00\x00\xc0"))
		}, "[1.-2.j]"},
		"chunks that were never written": {func(f *forge) []byte {
			return f.one(dataspace(3), datatype(u8Type), treed(none, 2, 1), message{5, 0, "\x03\x20" + u32(1) + "\x07"})
		}, "[7 7 7]"},
		"a chunk without an address": {func(f *forge) []byte {
			tree := f.put(node(1, 0, 2, key(2, 0, 0)+u64(none)+key(2, 0, 2)+u64(f.put("\x01\x02"))+key(0, 0, 4)))
			return f.one(dataspace(4), datatype(u8Type), treed(tree, 2, 1), message{5, 0, "\x03\x20" + u32(1) + "\x07"})
		}, "[7 7 1 2]"},
		"a fill value of zeros": {func(f *forge) []byte {
			return f.one(dataspace(2), datatype(i32Type), contiguous(none, 8), message{5, 0, "\x03\x20" + u32(4) + zeros(4)})
		}, "[0 0]"},
		"chunks with a gap between them": {func(f *forge) []byte {
			a := f.put("\x01\x02????\x03\x04")
			return f.chunksOf(4, 2, nil, key(2, 0, 0)+u64(a), key(2, 0, 2)+u64(a+6))
		}, "[1 2 3 4]"},
		"a page of a fixed array that was never written": {func(f *forge) []byte {
			data := f.put("\x01\x02\x03\x04")
			m := f.fixed(0, 8, 1, 3, "\x40") // pages of two elements, of which the second is there
			f.b = append(f.b, zeros(2*8+4)+sealed(u64(data))...)
			return f.one(dataspace(12), datatype(u8Type), m, message{5, 0, "\x03\x20" + u32(1) + "\x07"})
		}, "[7 7 7 7 7 7 7 7 1 2 3 4]"},
	}
	for name, c := range cases {
		f, err := openBytes(c.make(newForge()), "x.h5", nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for x, err := range f.Tensors() {
			if err != nil {
				t.Fatal(err)
			}
			v, err := x.Read(t.Context())
			if err != nil || v.String() != c.want {
				t.Errorf("%s: %v, %v, want %s", name, v, err, c.want)
			}
		}
		if rep, err := f.Verify(t.Context(), nil); err != nil || !rep.OK() {
			t.Errorf("%s: %v %v", name, rep.Findings, err)
		}
		f.Close()
	}
}

// withFlags is a layout of version 4 with flags.
func withFlags(m message, flags int) message {
	b := []byte(m.body)
	b[2] |= byte(flags)
	m.body = string(b)
	return m
}

// TestStringsNeverWritten counts those of chunks that are not there.
func TestStringsNeverWritten(t *testing.T) {
	f := newForge()
	at := f.put(collection(4096, object(1, "abc"), object(2, "fill")))
	data := f.put(ref(3, at, 1) + ref(0, 0, 0))
	tree := f.put(node(1, 0, 1, key(32, 0, 2)+u64(data)+key(0, 0, 6)))
	b := f.one(dataspace(5), datatype(vlenText), treed(tree, 2, 16), message{5, 0, "\x03\x20" + u32(16) + ref(4, at, 2)})
	file, err := openBytes(b, "x.h5", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	x, err := file.Tensor("x")
	if err != nil {
		t.Fatal(err)
	}
	c, err := x.ReadComposite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.Part(format.RoleBytes).View.Bytes()
	if err != nil || string(text) != "fillfillabcfill" || !strings.Contains(fmt.Sprint(c.Part(format.RoleOffsets).View), "[ 0  4  8 11 11 15]") {
		t.Errorf("%q, %v, %v", text, c.Part(format.RoleOffsets).View, err)
	}
}

// TestHeapRows reads links that lie in all kinds of blocks of a fractal heap: in the
// first row, in one whose blocks are not the first, and in the second block of an
// indirect block in the row behind the direct ones.
func TestHeapRows(t *testing.T) {
	f := newForge()
	x := f.put(header(dataspace(1), datatype(u8Type), compact("\x07")))
	a, b, c := hard("a", x).body, hard("b", x).body, hard("c", x).body
	var ids []string
	put := func(off uint64, s string) { ids = append(ids, zeros(4)+"\x00"+u32(int64(off))+u16(len(s))) }
	heap := f.next()
	root := heap + 152 + 512
	// Rows of two blocks: 512 bytes in rows 0 and 1, then of 1024, which are indirect
	// blocks of a row of 512.
	got, _ := f.heapWith(7, func(h *heapFields) { h.width, h.rows, h.maxDirect, h.root = 2, 3, 512, root }, a)
	rootBytes := 5 + 8 + 4 + 6*8 + 4
	second := (root + uint64(rootBytes) + 7) / 8 * 8
	third := second + 512
	last := third + 40 // an indirect block of 37 bytes
	if at := f.indirect(heap, 0, []uint64{root - 512, none, none, second, none, third}); at != root || got != heap {
		t.Fatal("the root is elsewhere")
	}
	if f.direct(heap, 1536, b) != second || f.indirect(heap, 3072, []uint64{none, last}) != third || f.direct(heap, 3584, c) != last {
		t.Fatal("blocks are elsewhere")
	}
	put(21, a)
	put(1536+21, b)
	put(3584+21, c)
	checkLinks(t, f.file(f.put(header(dense(heap, f.tree2(5, ids...))))), "a", "b", "c")
}

// TestHeapObjects reads links that are too large for blocks of a heap or so small
// that they are in their ids.
func TestHeapObjects(t *testing.T) {
	f := newForge()
	x := f.put(header(dataspace(1), datatype(u8Type), compact("\x07")))
	link := hard("huge", x).body
	at := f.put(link)
	heap, _ := f.heap(17)
	id := "\x10" + u64(at) + u64(uint64(len(link)))
	checkLinks(t, f.file(f.put(header(dense(heap, f.tree2(5, zeros(4)+id))))), "huge")

	f = newForge()
	f.put(header(dataspace(1), datatype(u8Type), compact("\x07"))) // where link says
	at = f.put(link)
	huge := f.tree2(1, u64(at)+u64(uint64(len(link)))+u64(258))
	heap, _ = f.heapWith(9, func(h *heapFields) { h.hugeTree = huge })
	checkLinks(t, f.file(f.put(header(dense(heap, f.tree2(5, zeros(4)+"\x10"+u64(258)))))), "huge")

	// Of ids of more than 18 bytes the length of a tiny object has 12 bits.
	f = newForge()
	x = f.put(header(dataspace(1), datatype(u8Type), compact("\x07")))
	name := strings.Repeat("t", 250)
	link = hard(name, x).body
	n := len(link) - 1
	id = u8(0x20|n>>8) + u8(n&255) + link
	heap, _ = f.heap(len(id))
	checkLinks(t, f.file(f.put(header(dense(heap, f.tree2(5, zeros(4)+id))))), name)
}

// checkLinks opens a file whose tensors have these names and are [7].
func checkLinks(t *testing.T, b []byte, names ...string) {
	t.Helper()
	f, err := openBytes(b, "x.h5", nil)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	if n, err := f.Len(); err != nil || n != len(names) {
		t.Errorf("%d tensors, want %d, %v", n, len(names), err)
	}
	for _, name := range names {
		x, err := f.Tensor(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if v, err := x.Read(t.Context()); err != nil || v.String() != "[7]" {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
}

// attrsOf opens a file and returns the attributes of its tensor x, and the notes.
func attrsOf(t *testing.T, b []byte) (convert.Attrs, string) {
	t.Helper()
	f, err := openBytes(b, "x.h5", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, err := f.Tensor("x")
	if err != nil {
		t.Fatal(err)
	}
	a, err := x.Attrs()
	if err != nil {
		t.Fatal(err)
	}
	return a, strings.Join(f.Layout().Notes, "; ")
}

// TestOddAttributes are attributes that are shared, that have no place here, or that
// say something of the datatype.
func TestOddAttributes(t *testing.T) {
	u64Type := "\x10\x00\x00\x00" + u32(8) + u16(0) + u16(64)
	for _, c := range []struct {
		what string
		make func(f *forge) []byte
		want string
		note string
	}{
		{"a dataspace of another object", func(f *forge) []byte {
			space := f.put(header(dataspace(2)))
			m := attribute("a", i32Type, message{1, 0, "\x03\x02" + u64(space)}, "\x01\x00\x00\x00\xfe\xff\xff\xff")
			b := []byte(m.body)
			b[1] = 2
			return described(f, message{12, 0, string(b)})
		}, "map[a:[1 -2]]", ""},
		{"a shared one of many", func(f *forge) []byte {
			s := attribute("a", i32Type, dataspace(), "\x05\x00\x00\x00").body
			shared, ids := f.heap(8, s)
			extension := f.shares(1<<12, shared)
			own, _ := f.heap(8)
			tree := f.tree2(8, ids[0]+"\x02"+zeros(8))
			x := f.put(header(append(append([]message{}, plain...), message{21, 0, "\x00\x00" + u64(own) + u64(tree)})...))
			return f.with(extension, f.put(header(isGroup, hard("x", x))))
		}, "map[a:5]", ""},
		{"4097 elements of an array", func(f *forge) []byte {
			return described(f, attribute("a", "\x3a\x00\x00\x00"+u32(4097)+"\x01"+u32(4097)+u8Type, dataspace(), zeros(4097)))
		}, "map[]", `attribute "a" is left out: 4097 elements, more than 4096`},
		{"4096 elements of an array", func(f *forge) []byte {
			return described(f, attribute("a", "\x3a\x00\x00\x00"+u32(4096)+"\x01"+u32(4096)+u8Type, dataspace(), zeros(4096)))
		}, "map[a:[" + strings.TrimSuffix(strings.Repeat("0 ", 4096), " ") + "]]", ""},
		{"a member whose name means something", func(f *forge) []byte {
			return described(f, attribute("a", "\x36\x01\x00\x00"+u32(1)+"$x\x00\x00"+u8Type, dataspace(), "v"))
		}, "map[]", `attribute "a" is left out: a compound with a member "$x"`},
		{"a complex number", func(f *forge) []byte {
			return described(f, attribute("a", "\x5b\x01\x00\x00"+u32(8)+f32Type, dataspace(), "\x00\x00\x80\x3f\x00\x00\x00\xc0"))
		}, "map[a:[1 -2]]", ""},
		{"labels that are no text", func(f *forge) []byte {
			return described(f, attribute("DIMENSION_LABELS", i32Type, dataspace(1), "\x05\x00\x00\x00"))
		}, "map[DIMENSION_LABELS:[5]]", ""},
		{"text that is padded with spaces", func(f *forge) []byte {
			return f.one(dataspace(1), datatype("\x13\x02\x00\x00"+u32(3)), compact("a  "))
		}, "map[source:map[format:hdf5 pad:space]]", ""},
		{"names of large numbers", func(f *forge) []byte {
			return f.one(dataspace(1), datatype("\x38\x02\x00\x00"+u32(8)+u64Type+"a\x00b\x00"+u64(1<<63)+u64(3)), compact(u64(3)))
		}, "map[source:map[enum:map[a:9223372036854775808 b:3] format:hdf5]]", ""},
		{"a reference of a group", func(f *forge) []byte {
			g := f.put(header(isGroup, attribute("r", "\x17\x00\x00\x00"+u32(8), dataspace(), u64(48))))
			return f.root(hard("g", g), hard("x", f.put(header(plain...))))
		}, "map[]", `group "/g": attribute "r" is left out: references`},
		{"ten links to nowhere", func(f *forge) []byte {
			list := []message{hard("x", f.put(header(plain...)))}
			for i := range 10 {
				list = append(list, soft(fmt.Sprint("l", i), "no"))
			}
			return f.root(list...)
		}, "map[]", `soft links that lead nowhere: "l0" to "no"; "l1" to "no"; "l2" to "no"; "l3" to "no"; "l4" to "no"; "l5" to "no"; "l6" to "no"; "l7" to "no"; and 2 more`},
	} {
		a, note := attrsOf(t, c.make(newForge()))
		if got := fmt.Sprint(map[string]any(a)); got != c.want || note != c.note {
			t.Errorf("%s: %s, %s; want %s, %s", c.what, got, note, c.want, c.note)
		}
	}
}

// TestPartsOfTwoOrders are not complex numbers, but two tensors.
func TestPartsOfTwoOrders(t *testing.T) {
	f := newForge()
	b := f.one(dataspace(1), datatype("\x36\x02\x00\x00"+u32(8)+"r\x00\x00"+f32Type+"i\x00\x04"+f32TypeBE), compact("\x00\x00\x80\x3f\xc0\x00\x00\x00"))
	file, err := openBytes(b, "x.h5", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for name, want := range map[string]string{"x.r": "[1.]", "x.i": "[-2.]"} {
		x, err := file.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := x.Read(t.Context()); err != nil || v.String() != want {
			t.Errorf("%s: %v, %v, want %s", name, v, err, want)
		}
	}
}

// TestCompoundChunks reads members of a compound in chunks of two axes, of which one
// was never written.
func TestCompoundChunks(t *testing.T) {
	f := newForge()
	pair := "\x36\x02\x00\x00" + u32(2) + "a\x00\x00" + u8Type + "b\x00\x01" + u8Type
	data := f.put("\x01\x0b\x02\x0c\x03\x0d\x04\x0e")
	at := func(size int64, first ...uint64) string {
		s := u32(size) + u32(0)
		for _, n := range first {
			s += u64(n)
		}
		return s + u64(0)
	}
	tree := f.put(node(1, 0, 1, at(8, 0, 2)+u64(data)+at(0, 3, 4)))
	b := f.one(dataspace(3, 4), datatype(pair), treed(tree, 2, 2, 2), message{5, 0, "\x03\x20" + u32(2) + "\x07\x08"})
	file, err := openBytes(b, "x.h5", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for name, want := range map[string]string{"x.a": "[[7 7 1 2]\n [7 7 3 4]\n [7 7 7 7]]", "x.b": "[[ 8  8 11 12]\n [ 8  8 13 14]\n [ 8  8  8  8]]"} {
		x, err := file.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := x.Read(t.Context()); err != nil || v.String() != want {
			t.Errorf("%s: %v, %v, want %s", name, v, err, want)
		}
	}
}

// TestManyStrings are more than go through a pipe at a time.
func TestManyStrings(t *testing.T) {
	const n = 20_000
	f := newForge()
	at := f.put(collection(4096, object(1, "abcde"), object(2, "é")))
	refs := f.put(strings.Repeat(ref(5, at, 1)+ref(2, at, 2), n/2))
	file, err := openBytes(f.one(dataspace(n), datatype(vlenText), contiguous(refs, n*16)), "x.h5", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	x, err := file.Tensor("x")
	if err != nil {
		t.Fatal(err)
	}
	s, err := x.Strings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.List(t.Context())
	if err != nil || len(list) != n {
		t.Fatal(len(list), err)
	}
	for i, got := range list {
		if want := []string{"abcde", "é"}[i%2]; got != want {
			t.Fatalf("string %d is %q, want %q", i, got, want)
		}
	}
}

// TestWideRows reads a compound whose rows of chunks are more than is decoded at a
// time: each row of elements for itself, in parts, with chunks that have both.
func TestWideRows(t *testing.T) {
	const (
		wide  = 1 << 20 // elements of a row of a chunk
		begin = 4 * wide
		end   = begin + wide
		row   = 9 * wide
	)
	f := newForge()
	pair := "\x36\x02\x00\x00" + u32(2) + "a\x00\x00" + u8Type + "b\x00\x01" + u8Type
	z := deflated(strings.Repeat("\x01\x02", wide) + strings.Repeat("\x03\x04", wide))
	tree := f.put(node(1, 0, 1, u32(int64(len(z)))+u32(0)+u64(0)+u64(begin)+u64(0)+u64(f.next()+200)+u32(0)+u32(0)+u64(2)+u64(row)+u64(0)))
	f.put(zeros(int(tree + 200 - f.next())))
	if at := f.put(z); at != tree+200 {
		t.Fatal("the chunk is elsewhere")
	}
	file, err := openBytes(f.one(dataspace(2, row), datatype(pair), treed(tree, 2, wide, 2), filters(deflate), message{5, 0, "\x03\x20" + u32(2) + "\x07\x08"}), "x.h5", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	x, err := file.Tensor("x.b")
	if err != nil {
		t.Fatal(err)
	}
	v, err := x.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.Bytes()
	if err != nil || len(b) != 2*row {
		t.Fatal(len(b), err)
	}
	for i, want := range []byte{2, 4} {
		r := b[i*row : (i+1)*row]
		if bytes.Count(r[:begin], []byte{8}) != begin || bytes.Count(r[begin:end], []byte{want}) != wide || bytes.Count(r[end:], []byte{8}) != row-end {
			t.Errorf("row %d: % d ... % d ... % d", i, r[begin-1:begin+1], r[end-1:end+1], r[row-1:])
		}
	}
}
