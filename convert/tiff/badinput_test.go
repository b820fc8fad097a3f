package tiff_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zlib"
	"golang.org/x/image/tiff/lzw"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert/internal/picturetest"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/tensor"
)

// tag is an entry: of what type, how many, and what stands in it.
type tag struct {
	kind  uint16
	count uint32
	value uint32
}

// tags are entries by their numbers.
type tags map[uint16]tag

// with replaces entries; one of type 0 is left out.
func (t tags) with(more tags) tags {
	t = maps.Clone(t)
	for k, v := range more {
		if t[k] = v; v.kind == 0 {
			delete(t, k)
		}
	}
	return t
}

var le = binary.LittleEndian

// directory is one with the offset of the next.
func directory(t tags, next uint32) []byte {
	b := le.AppendUint16(nil, uint16(len(t)))
	for _, k := range slices.Sorted(maps.Keys(t)) {
		b = le.AppendUint16(le.AppendUint16(b, k), t[k].kind)
		b = le.AppendUint32(le.AppendUint32(b, t[k].count), t[k].value)
	}
	return le.AppendUint32(b, next)
}

// file has data at offset 8, and its directory behind that.
func file(data string, t tags) []byte {
	b := le.AppendUint32([]byte("II*\x00"), uint32(8+len(data)))
	return append(append(b, data...), directory(t, 0)...)
}

func short(v uint32) tag { return tag{3, 1, v} }
func long(v uint32) tag  { return tag{4, 1, v} }

// two is a row of two grey pixels, the bytes of which stand at offset 8.
var two = tags{256: short(2), 257: short(1), 258: short(8), 259: short(1), 262: short(1), 273: long(8), 278: short(1), 279: long(2)}

func deflated(s string) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

// TestBadInput goes through rows I17 to I23 of the catalogue, and those of this
// package, T.
func TestBadInput(t *testing.T) {
	var rows []badinput.Row
	add := func(id, what string, b []byte, kind error, at badinput.Stage, says ...string) *badinput.Row {
		rows = append(rows, badinput.Row{ID: id, What: what, Format: "tiff", Kind: kind, At: at, Says: says, Make: func(t testing.TB, dir string) string {
			path := filepath.Join(dir, "a.tif")
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}})
		return &rows[len(rows)-1]
	}
	const open, use = badinput.Open, badinput.Use
	holds := func(want string) func(testing.TB, *tensorfile.File) {
		return func(t testing.TB, f *tensorfile.File) {
			t.Helper()
			v, err := picturetest.Only(t, f).Read(t.Context())
			if err != nil || v.String() != want {
				t.Errorf("%v, %v, want %s", v, err, want)
			}
		}
	}
	const want = "[[7 8]]"
	const data = "\x07\x08"
	good := file(data, two)
	add("T00", "two pixels", good, nil, open).Check = holds(want)

	add("I17", "a directory at 0xFFFFFFFF", []byte("II*\x00\xff\xff\xff\xff"), tensor.ErrTruncated, open, "offset 4: directory 0: got offset 4294967295, want within the 8 bytes of the file")
	add("I17", "a directory at 2", []byte("II*\x00\x02\x00\x00\x00"), tensor.ErrTruncated, open, "directory 0: got offset 2")
	add("I17", "a directory at the end", []byte("II*\x00\x08\x00\x00\x00"), tensor.ErrTruncated, open, "directory 0: got offset 8")
	add("I17", "BigTIFF, a directory at 2^64-1", []byte("II+\x00\x08\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"), tensor.ErrTruncated, open, "offset 8: directory 0: got offset 4611686018427387904")
	loop := slices.Clone(good)
	le.PutUint32(loop[len(loop)-4:], 10)
	add("I18", "a directory that points to itself", loop, tensor.ErrCorrupt, open, fmt.Sprintf("offset %d: directory 1: got offset 10, want one that was not seen before", len(loop)-4))
	circle := file(data, two)
	at := uint32(len(circle))
	le.PutUint32(circle[at-4:], at)
	circle = append(circle, directory(two, 10)...)
	add("I18", "two that point to each other", circle, tensor.ErrCorrupt, open, "directory 2: got offset 10")
	if !testing.Short() { // seconds, for the race detector
		chain := []byte("II*\x00\x08\x00\x00\x00")
		size := len(directory(two, 0))
		for i := range 70_000 {
			chain = append(chain, directory(two.with(tags{273: long(8)}), uint32(8+(i+1)*size))...)
		}
		add("I18", "a chain of 70,000", chain, tensor.ErrLimit, open, "directories: got more, want at most 65536").Note = "all differ; they are too many"
	}
	tile := tags{273: {}, 278: {}, 279: {}, 322: long(16), 323: long(16), 324: long(8), 325: long(256)}
	add("I19", "a tile of 2^31", file(data, two.with(tile).with(tags{322: long(1 << 31)})), tensor.ErrLimit, open, "tile: got 2147483648x16, want at most 1024x1024 for 2x1 pixels")
	add("I19", "a tile of 1025 rows", file(data, two.with(tile).with(tags{323: long(1025)})), tensor.ErrLimit, open, "tile: got 16x1025")
	add("I19", "a tile of 0", file(data, two.with(tile).with(tags{322: long(0)})), tensor.ErrFormat, open, "strip or tile: got 0x16, want at least a pixel")
	add("I19", "a tile without a height", file(data, two.with(tile).with(tags{323: {}})), tensor.ErrFormat, open, "height of a tile: got none, want tag 323")
	add("I20", "a strip at 2^32-1", file(data, two.with(tags{273: long(math.MaxUint32)})), tensor.ErrCorrupt, open, "strip 0: got 2 bytes at 4294967295, want within the")
	add("I20", "a strip of 2^32-1", file(data, two.with(tags{279: long(math.MaxUint32)})), tensor.ErrCorrupt, open, "strip 0: got 4294967295 bytes at 8")
	add("I20", "a strip of one byte", file(data, two.with(tags{279: long(1)})), tensor.ErrCorrupt, open, "strip 0: got 1 bytes, want 2 for its pixels")
	add("I20", "a tile past the end", file(data, two.with(tile)), tensor.ErrCorrupt, open, "tile 0: got 256 bytes at 8")
	for _, c := range []struct {
		name string
		n    uint32
		b    string
	}{{"PackBits", 32773, "\x02abc"}, {"PackBits, a run", 32773, "\x81a"}, {"PackBits, another run", 32773, "\x01ab\x01ab"}, {"deflate", 8, deflated("abc")}, {"deflate, a bomb", 8, deflated(strings.Repeat("\x00", 16<<20))}, {"LZW", 5, compressed("abc")}} {
		add("I21", c.name, file(c.b, two.with(tags{259: short(c.n), 279: long(uint32(len(c.b)))})), tensor.ErrLimit, use, "offset 8: page 0, block 0: got", "of 2x1 pixels, the output limit")
	}
	add("I22", "20000 x 20000", file(data, two.with(tags{256: short(20000), 257: short(20000), 278: short(20000)})), tensor.ErrCorrupt, open, "strip 0: got 2 bytes, want 400000000 for its pixels").Note = "x/image allocates 381 MiB"
	add("I22", "20000 x 20000, deflated", file(data, two.with(tags{256: short(20000), 257: short(20000), 278: short(20000), 259: short(8)})), tensor.ErrTruncated, open, "page 0: got 400000000 bytes of samples, want at most what")
	add("I22", "40000 x 40000, deflated", file(data, two.with(tags{256: short(40000), 257: short(40000), 278: short(40000), 259: short(8)})), tensor.ErrLimit, open, "bytes to decode: got", "of 40000x40000 pixels, want at most 1073741824")
	add("I22", "2^31-1 x 2^31-1, PackBits", file(data, two.with(tags{256: long(math.MaxInt32), 257: long(math.MaxInt32), 278: long(math.MaxInt32), 259: short(32773)})), tensor.ErrLimit, open, "bytes to decode")
	add("I22", "2^32-1 offsets", file(data, two.with(tags{273: {4, math.MaxUint32, 8}})), tensor.ErrTruncated, open, "tag 273: got 4294967295 numbers of 4 bytes at 8, want within the").Note = "fits 63 bits"
	big := append([]byte("II+\x00\x08\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x10\x00"), bytes.Repeat([]byte{0x3f}, 16)...)
	add("I22", "BigTIFF, 2^62 numbers of 8 bytes", append(big, make([]byte, 8)...), tensor.ErrOverflow, open, "tag 256: got 4557430888798830399 numbers of 8 bytes, want less than 2^62 bytes")
	for _, n := range []uint32{0, 17, 3, 12, 65535} {
		add("I23", fmt.Sprintf("%d bits", n), file(data, two.with(tags{258: short(n)})), tensor.ErrFormat, open, fmt.Sprintf("bits of a sample: got %d, want one of 1 2 4 8 16 32 64", n))
	}
	for _, n := range []uint32{0, 65, 65535} {
		add("I23", fmt.Sprintf("%d samples", n), file(data, two.with(tags{277: short(n)})), tensor.ErrFormat, open, fmt.Sprintf("samples of a pixel: got %d, want 1 to 64", n))
	}
	add("I23", "strips of 0 rows", file(data, two.with(tags{278: short(0)})), tensor.ErrFormat, open, "strip or tile: got 2x0")
	palette := two.with(tags{262: short(3)})
	add("I23", "no palette", file(data, palette), tensor.ErrFormat, open, "palette: got none of the right size, want 768 numbers of 16 bits")
	add("I23", "a palette of 255 colours", file(strings.Repeat("a", 2000), palette.with(tags{320: {3, 765, 8}})), tensor.ErrFormat, open, "palette")
	add("I23", "a palette past the end", file(data, palette.with(tags{320: {3, 768, 9}})), tensor.ErrTruncated, open, "tag 320: got 768 numbers of 2 bytes at 9")
	add("I23", "a palette of 16 bits", file(strings.Repeat("a", 2000), palette.with(tags{258: short(16), 320: {3, 768, 8}})), tensor.ErrUnsupported, open, "bits of a palette: got 16")
	add("I30", "a JPEG called .tif", []byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00"), tensor.ErrFormat, open, `offset 0: byte order: got "\xff\xd8", want II or MM`).From = "tiff" // the tool looks and reads it as what it is
	add("I30", "an empty file", nil, tensor.ErrTruncated, open, "offset 0: header: got 0 bytes, want 8")

	add("T01", "version 44", []byte("II\x2c\x00\x08\x00\x00\x00"), tensor.ErrFormat, open, "offset 2: version: got 44, want 42 or 43")
	add("T02", "IM", []byte("IM*\x00\x08\x00\x00\x00"), tensor.ErrFormat, open, `byte order: got "IM"`)
	add("T03", "no directory", []byte("II*\x00\x00\x00\x00\x00"), tensor.ErrFormat, open, "pages: got none, want at least one")
	add("T04", "BigTIFF of 4 bytes", []byte("II+\x00\x04\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00"), tensor.ErrFormat, open, "offset 4: size of offsets")
	add("T05", "BigTIFF, cut", []byte("II+\x00\x08\x00\x00\x00\x10\x00"), tensor.ErrTruncated, open, "header: got 10 bytes, want 16")
	add("T06", "BigTIFF, 2^64-1 entries", append([]byte("II+\x00\x08\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00"), bytes.Repeat([]byte{0xff}, 64)...), tensor.ErrFormat, open, "directory 0 entries: got 4611686018427387904, want 1 to 4096")
	add("T07", "no entries", append([]byte("II*\x00\x08\x00\x00\x00"), make([]byte, 6)...), tensor.ErrFormat, open, "offset 8: directory 0 entries: got 0")
	add("T08", "65535 entries", append([]byte("II*\x00\x08\x00\x00\x00"), bytes.Repeat([]byte{0xff}, 64)...), tensor.ErrFormat, open, "entries: got 65535")
	add("T09", "no width", file(data, two.with(tags{256: {}})), tensor.ErrFormat, open, "offset 10: directory 0 width: got none, want tag 256")
	add("T10", "no height", file(data, two.with(tags{257: {}})), tensor.ErrFormat, open, "height: got none, want tag 257")
	add("T11", "a width of 0", file(data, two.with(tags{256: short(0)})), tensor.ErrFormat, open, "sides: got 0x1")
	add("T12", "a width of 2^32-1", file(data, two.with(tags{256: long(math.MaxUint32)})), tensor.ErrFormat, open, "sides: got 4294967295x1")
	add("T13", "a width of fractions", file(data, two.with(tags{256: {5, 1, 8}})), tensor.ErrFormat, open, "tag 256: got type 5, want whole numbers")
	add("T14", "a width of no numbers", file(data, two.with(tags{256: {3, 0, 2}})), tensor.ErrFormat, open, "tag 256: got no number, want at least one")
	add("T15", "a width of type 99", file(data, two.with(tags{256: {99, 1, 2}})), tensor.ErrFormat, open, "tag 256: got type 99")
	add("T16", "no strips", file(data, two.with(tags{273: {}})), tensor.ErrFormat, open, "strips: got no tag 273")
	add("T17", "no sizes of compressed strips", file(data, two.with(tags{259: short(8), 279: {}})), tensor.ErrFormat, open, "strips: got no tag 279")
	add("T18", "no sizes of plain strips", file(data, two.with(tags{279: {}})), nil, open).Check = holds(want)
	add("T19", "too few strips", file(data, two.with(tags{257: short(2)})), tensor.ErrCorrupt, open, "strips: got 1, want 2, by the sides of the page")
	for n, name := range map[uint32]string{2: "CCITT RLE", 6: "JPEG, old", 7: "JPEG", 34712: "JPEG 2000", 50000: "Zstandard"} {
		add("T20", name, file(data, two.with(tags{259: short(n)})), tensor.ErrUnsupported, open, fmt.Sprintf("compression: got %d (%s), want none, PackBits, LZW", n, name))
	}
	add("T20", "of nobody", file(data, two.with(tags{259: short(999)})), tensor.ErrUnsupported, open, "compression: got 999, want one of")
	add("T21", "YCbCr", file(data, two.with(tags{262: short(6)})), tensor.ErrUnsupported, open, "photometric interpretation: got 6, want one of 0 1 2 3 5")
	add("T22", "RGB of one sample", file(data, two.with(tags{262: short(2)})), tensor.ErrFormat, open, "samples of a pixel: got 1, want at least 3")
	add("T23", "a floating predictor", file(data, two.with(tags{317: short(3)})), tensor.ErrUnsupported, open, "predictor: got 3, want one of 1 2")
	add("T24", "a predictor of bits", file(data, two.with(tags{258: short(1), 317: short(2)})), tensor.ErrUnsupported, open, "predictor: got 2 of 1 bits")
	add("T25", "fill order 2", file(data, two.with(tags{258: short(1), 266: short(2)})), tensor.ErrUnsupported, open, "fill order: got 2, want 1 but for CCITT")
	add("T26", "fill order 3", file(data, two.with(tags{266: short(3)})), tensor.ErrFormat, open, "fill order: got 3")
	add("T27", "complex numbers", file(data, two.with(tags{339: short(5)})), tensor.ErrUnsupported, open, "format of samples: got 5, want one of 1 2 3")
	add("T28", "floats of 8 bits", file(data, two.with(tags{339: short(3)})), tensor.ErrFormat, open, "format of samples: got 3, want 1 of 8 bits")
	add("T29", "planes of kind 3", file(data, two.with(tags{284: short(3)})), tensor.ErrFormat, open, "planar configuration: got 3, want one of 1 2")
	add("T30", "samples of other bits", file("\x08\x00\x08\x00\x10\x00", two.with(tags{258: {3, 3, 8}, 262: short(2), 277: short(3)})), tensor.ErrUnsupported, open, "bits: got 8 and 16, want as many for each sample")
	add("T31", "CCITT of 8 bits", file(data, two.with(tags{259: short(4)})), tensor.ErrFormat, open, "compression: got 4 of 8 bits, want 1 bit")
	add("T32", "CCITT that is none", file("\x00\x00\x00\x00", two.with(tags{258: short(1), 259: short(4), 279: long(4)})), tensor.ErrCorrupt, use, "offset 8: page 0, block 0")
	add("T33", "CCITT in two dimensions", file(data, two.with(tags{258: short(1), 259: short(3), 292: long(1)})), tensor.ErrUnsupported, use, "page 0, block 0: got CCITT group 3 in two dimensions")
	for name, c := range map[string]struct {
		n uint32
		b string
	}{"deflate": {8, deflated("a")}, "LZW": {5, compressed("a")}, "PackBits": {32773, "\x00a"}, "PackBits, of nothing": {32773, "\x80"}, "PackBits, cut": {32773, "\x01a"}} {
		add("T34", name+" of one pixel", file(c.b, two.with(tags{259: short(c.n), 279: long(uint32(len(c.b)))})), tensor.ErrCorrupt, use, "page 0, block 0: got the end of the data behind", "want 2")
	}
	add("T35", "deflate that is none", file("hello", two.with(tags{259: short(8), 279: long(5)})), tensor.ErrCorrupt, use, "page 0, block 0: zlib: invalid header")
	z := deflated("ab")
	add("T36", "Adler-32", file(z[:len(z)-1]+"!", two.with(tags{259: short(8), 279: long(uint32(len(z)))})), tensor.ErrCorrupt, use, "zlib: invalid checksum")
	add("T37", "LZW that is none", file("\xff\xff\xff\xff", two.with(tags{259: short(5), 279: long(4)})), tensor.ErrCorrupt, use, "page 0, block 0")
	add("T38", "white is zero of floats", file("\x07\x08\x07\x08\x07\x08\x07\x08", two.with(tags{258: short(32), 262: short(0), 339: short(3)})), tensor.ErrUnsupported, open, "photometric interpretation: got white is zero")
	add("T39", "thumbnails alone", file(data, two.with(tags{254: long(1)})), tensor.ErrFormat, open, "pages: got none")
	shared := file(data, two.with(tags{273: {4, 4, 8}, 279: {4, 4, 8}}))
	for range 20 {
		at := uint32(len(shared))
		le.PutUint32(shared[at-4:], at)
		shared = append(shared, directory(two.with(tags{273: {1, 300, 8}, 279: {1, 300, 8}}), 0)...)
	}
	add("T40", "directories that share their lists", shared, tensor.ErrLimit, open, "strips: got lists that add up to more than the file")
	add("T41", "orientation 9", file(data, two.with(tags{274: short(9)})), nil, open).Check = holds(want)
	add("T42", "a tag twice", append(file(data, two)[:10], directoryTwice(two)...), nil, open).Check = holds(want)
	add("T43", "an offset of a byte", file(data, two.with(tags{273: {1, 1, 8}})), nil, open).Check = holds(want)
	add("T44", "multiplied alpha of floats", file(strings.Repeat("a", 32), two.with(tags{258: {3, 1, 32}, 277: short(2), 338: short(1), 339: short(3), 279: long(16)})), tensor.ErrUnsupported, open, "alpha: got multiplied into samples of 32 bits, format 3")
	add("T45", "several samples of bits", file(data, two.with(tags{258: short(1), 277: short(3), 262: short(2)})), tensor.ErrUnsupported, open, "bits of a sample: got 1 of 3 samples")
	add("T46", "a palette and more", file(data, palette.with(tags{277: short(2)})), tensor.ErrUnsupported, open, "samples of a pixel: got 2, want 1 of a palette")
	for n := range good {
		add("T47", fmt.Sprintf("%d bytes", n), good[:n], tensor.ErrTruncated, open, "want")
	}
	badinput.Run(t, rows)
	t.Logf("%d rows", len(rows))
}

// directoryTwice has its first entry twice, the second another.
func directoryTwice(t tags) []byte {
	b := directory(t, 0)
	first := slices.Clone(b[2:14])
	first[8] = 99
	b = slices.Insert(b, 14, first...)
	b[0]++
	return b
}

// compressed is a text in the codes of LZW, without a table.
func compressed(s string) string {
	bits, n := uint64(0), 0
	var b []byte
	for _, c := range append(append([]int{256}, ints(s)...), 257) {
		bits, n = bits<<9|uint64(c), n+9
		for n >= 8 {
			n -= 8
			b = append(b, byte(bits>>n))
		}
	}
	b = append(b, byte(bits<<(8-n)))
	if _, err := lzw.NewReader(bytes.NewReader(b), lzw.MSB, 8).Read(make([]byte, 1)); err != nil {
		panic(err)
	}
	return string(b)
}

func ints(s string) []int {
	var list []int
	for _, c := range []byte(s) {
		list = append(list, int(c))
	}
	return list
}
