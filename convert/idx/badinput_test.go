package idx_test

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/tensor"
)

// TestBadInput goes through rows M11 to M15 of the catalogue, and ID01 to ID16 of
// this package. A count of dimensions above 32 breaks the grammar as 255 does.
func TestBadInput(t *testing.T) {
	var rows []badinput.Row
	add := func(id, what, name string, b []byte, kind error, at badinput.Stage, says ...string) *badinput.Row {
		format := "idx"
		if bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
			format = "idx.gz"
		}
		rows = append(rows, badinput.Row{ID: id, What: what, Format: format, From: "idx", Kind: kind, At: at, Says: says, Make: func(t testing.TB, dir string) string {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}})
		return &rows[len(rows)-1]
	}
	const open, use = badinput.Open, badinput.Use
	shape := func(want ...int64) func(t testing.TB, f *tensorfile.File) {
		return func(t testing.TB, f *tensorfile.File) {
			t.Helper()
			if x := only(t, f); !x.Shape().Equal(tensor.Shape(want)) {
				t.Errorf("shape %v, want %v", x.Shape(), want)
			}
		}
	}

	good := file(0x0B, []uint32{2, 3}, []byte("abcdefghijkl")...)
	for n := range len(good) {
		kind, says := tensor.ErrFormat, []string{fmt.Sprintf("offset %d: ", n), "the end of the file"}
		if n >= 12 {
			kind, says = tensor.ErrTruncated, []string{fmt.Sprintf("offset %d: data: got %d bytes, want 12 for i16 (2, 3)", n, n-12)}
		}
		add("M11", fmt.Sprintf("%d bytes", n), "a.idx", good[:n], kind, open, says...)
	}
	add("M11", "byte 0", "a.idx", []byte("\x01\x00\x08\x01\x00\x00\x00\x01x"), tensor.ErrFormat, open, "offset 0: magic: got 01, want 00")
	add("M11", "byte 1", "a.idx", []byte("\x00\xff\x08\x01\x00\x00\x00\x01x"), tensor.ErrFormat, open, "offset 1: magic: got ff, want 00")
	add("M12", "type 0A", "a.idx", file(0x0A, []uint32{1}, 0), tensor.ErrFormat, open, "offset 2: type code: got 0a, want 08 (u8)")
	add("M12", "type 00", "a.idx", file(0x00, []uint32{1}, 0), tensor.ErrFormat, open, "offset 2: type code: got 00")
	add("M12", "type 0F", "a.idx", file(0x0F, []uint32{1}, 0), tensor.ErrFormat, open, "offset 2: type code: got 0f")
	add("M12", "no dimension", "a.idx", file(0x08, nil, 0), tensor.ErrFormat, open, "offset 3: number of dimensions: got 0, want 1 to 32")
	add("M12", "33 dimensions", "a.idx", file(0x08, slices.Repeat([]uint32{1}, 33), 0), tensor.ErrFormat, open, "offset 3: number of dimensions: got 33")
	add("M12", "255 dimensions", "a.idx", file(0x08, slices.Repeat([]uint32{1}, 255), 0), tensor.ErrFormat, open, "offset 3: number of dimensions: got 255")
	const most = 1<<32 - 1
	add("M13", "2^32-1 three times", "a.idx", file(0x08, []uint32{most, most, most}, 0), tensor.ErrOverflow, open, "offset 8: dimension 1: got 4294967295", "overflows")
	add("M13", "with 0 among them", "a.idx", file(0x08, []uint32{most, 0, most, most}), tensor.ErrOverflow, open, "offset 12: dimension 2: got 4294967295", "overflows")
	add("M13", "bytes alone", "a.idx", file(0x0E, []uint32{most, 1 << 30}, 0), tensor.ErrOverflow, open, "offset 8: dimension 1: got 1073741824", "overflows")
	add("M13", "2^32-1 by 3", "a.idx", file(0x08, []uint32{most, 3}, 0), tensor.ErrTruncated, open, "offset 13: data: got 1 bytes, want 12884901885").Note = "fits 63 bits"
	add("M13", "0 alone", "a.idx", file(0x08, []uint32{0, 28, 28}), nil, open).Check = shape(0, 28, 28)
	add("M14", "shorter", "a.idx", file(0x0C, []uint32{3}, make([]byte, 11)...), tensor.ErrTruncated, open, "offset 19: data: got 11 bytes, want 12 for i32 (3,)")
	add("M14", "longer", "a.idx", file(0x0C, []uint32{3}, make([]byte, 13)...), tensor.ErrTruncated, open, "offset 20: data: got 13 bytes, want 12 for i32 (3,)")
	add("M14", "behind nothing", "a.idx", file(0x0C, []uint32{0}, 1), tensor.ErrTruncated, open, "offset 8: data: got 1 bytes, want 0")
	add("M15", "a bomb behind the elements", "a.idx.gz", zip(append(slices.Clone(good), make([]byte, 64<<20)...)), tensor.ErrLimit, use, "offset 24: gzip member 1: got more than 12 bytes of data", "the output limit")
	add("M15", "a bomb of elements", "a.idx.gz", zip(file(0x08, []uint32{64 << 20}, make([]byte, 64<<20)...)), tensor.ErrLimit, use, "67108864").NoOffset = true
	rows[len(rows)-1].Converts = true // that needs no memory
	add("M15", "a claim", "a.idx.gz", zip(file(0x08, []uint32{1 << 30}, 0)), tensor.ErrLimit, open, "offset 8: data: got 1073741824 for u8 (1073741824,), want at most", "the output limit")
	add("M15", "two members, each a file", "a.idx.gz", zip(good, good), tensor.ErrLimit, use, "gzip member 2: got more than 12 bytes")
	add("M15", "two members, one file", "a.idx.gz", zip(good[:7], good[7:]), nil, open).Check = shape(2, 3)
	whole := zip(good)
	add("M15", "CRC", "a.idx.gz", flip(whole, len(whole)-8), tensor.ErrCorrupt, use, "offset 0: gzip member 1: got gzip: invalid checksum")
	add("M15", "length", "a.idx.gz", flip(whole, len(whole)-4), tensor.ErrCorrupt, use, "offset 0: gzip member 1: got gzip: invalid checksum")
	add("M15", "junk behind", "a.idx.gz", append(slices.Clone(whole), "some junk behind it"...), tensor.ErrCorrupt, use, fmt.Sprintf("offset %d: gzip member 2: got gzip: invalid header, want the end of the file", len(whole)))

	add("ID01", "gzip, cut in the trailer", "a.idx.gz", whole[:len(whole)-1], tensor.ErrTruncated, use, "gzip member 1: got unexpected EOF")
	add("ID02", "gzip, cut in the header", "a.idx.gz", whole[:9], tensor.ErrTruncated, open, "offset 0: gzip member 1: got unexpected EOF")
	add("ID03", "gzip of nothing", "a.idx.gz", zip(nil), tensor.ErrFormat, open, "offset 0: magic: got the end of the file")
	add("ID04", "gzip of a short header", "a.idx.gz", zip(good[:9]), tensor.ErrFormat, open, "offset 9: dimension 1: got the end of the file")
	add("ID05", "gzip of fewer elements", "a.idx.gz", zip(good[:20]), tensor.ErrTruncated, use, "offset 20: data: got 8 bytes, want 12 for i16 (2, 3)")
	add("ID06", "zeros behind gzip", "a.idx.gz", append(slices.Clone(whole), make([]byte, 512)...), tensor.ErrCorrupt, use, "gzip member 2")
	add("ID07", "gzip, method 7", "a.idx.gz", set(whole, 2, 7), tensor.ErrCorrupt, open, "gzip member 1: got gzip: invalid header")
	add("ID08", "gzip, a block of type 3", "a.idx.gz", set(whole, 10, 7), tensor.ErrCorrupt, open, "gzip member 1: got")
	add("ID09", "gzip in gzip", "a.idx.gz", zip(whole), tensor.ErrFormat, open, "offset 0: magic: got 1f, want 00")
	add("ID10", "nothing with junk in gzip", "a.idx.gz", append(zip(file(0x08, []uint32{0})), "junk and more of it"...), tensor.ErrCorrupt, open, "gzip member 2")
	add("ID11", "nothing with elements in gzip", "a.idx.gz", zip(file(0x08, []uint32{0}, 1)), tensor.ErrLimit, open, "more than 0 bytes")
	add("ID12", "little-endian extents", "a.idx", []byte("\x00\x00\x08\x01\x03\x00\x00\x00abc"), tensor.ErrTruncated, open, "offset 11: data: got 3 bytes, want 50331648")
	add("ID13", "a PNG", "a.idx", []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"), tensor.ErrFormat, open, "offset 0: magic: got 89, want 00")
	add("ID14", "labels called images", "a-idx3-ubyte", file(0x08, []uint32{2}, 1, 2), nil, open).Check = shape(2)
	add("ID15", "NaN with a payload", "a.idx", file(0x0D, []uint32{1}, 0x7f, 0x80, 0x12, 0x34), nil, open).Check = shape(1)
	add("ID16", "gzip with a name, a comment and a CRC", "a.idx.gz", named(whole), nil, open).Check = shape(2, 3)
	badinput.Run(t, rows)
	t.Logf("%d rows", len(rows))
}

// TestPrefixes reads every proper prefix of a file in gzip: an error at one stage
// or the other.
func TestPrefixes(t *testing.T) {
	whole := zip(file(0x0B, []uint32{2, 3}, []byte("abcdefghijkl")...))
	for n := 2; n < len(whole); n++ {
		f, err := openBytes(whole[:n], "a.idx.gz", nil)
		if err == nil {
			_, err = only(t, f).Read(t.Context())
			f.Close()
		}
		if err == nil {
			t.Errorf("the first %d of %d bytes were read", n, len(whole))
		}
	}
}

func flip(b []byte, i int) []byte { return set(b, i, b[i]^1) }

func set(b []byte, i int, x byte) []byte {
	b = slices.Clone(b)
	b[i] = x
	return b
}

// named adds the optional fields to the header of a gzip member.
func named(b []byte) []byte {
	head := slices.Clone(b[:10])
	head[3] = 4 | 8 | 16 | 2
	head = append(head, "\x04\x00extra"[:6]...)
	head = append(head, "a name\x00a comment\x00"...)
	sum := crc32.ChecksumIEEE(head)
	return append(append(head, byte(sum), byte(sum>>8)), b[10:]...)
}
