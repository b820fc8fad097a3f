package hdf5_test

import (
	"fmt"
	"strings"
	"testing"

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
