package bmp_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/tensor"
)

var le = binary.LittleEndian

// file is a BMP file of a BITMAPINFOHEADER, whose fields may be changed.
type file struct {
	size, w, h         uint32
	planes, bits       uint16
	compression, used  uint32
	more               []byte // behind the header
	offset             uint32 // 0: right behind more
	body               []byte
	sizeField, imgSize uint32
}

func (f file) bytes() []byte {
	if f.size == 0 {
		f.size = 40
	}
	if f.planes == 0 {
		f.planes = 1
	}
	b := append([]byte("BM"), make([]byte, 12)...)
	b = le.AppendUint32(b, f.size)
	b = le.AppendUint32(b, f.w)
	b = le.AppendUint32(b, f.h)
	b = le.AppendUint16(b, f.planes)
	b = le.AppendUint16(b, f.bits)
	b = le.AppendUint32(b, f.compression)
	b = le.AppendUint32(b, f.imgSize)
	b = append(b, make([]byte, 8)...)
	b = le.AppendUint32(b, f.used)
	b = append(b, make([]byte, 4)...)
	b = append(b, f.more...)
	le.PutUint32(b[2:], f.sizeField)
	if le.PutUint32(b[10:], f.offset); f.offset == 0 {
		le.PutUint32(b[10:], uint32(len(b)))
	}
	return append(b, f.body...)
}

func masks(m ...uint32) []byte {
	var b []byte
	for _, x := range m {
		b = le.AppendUint32(b, x)
	}
	return b
}

// greys is a palette.
func greys(n int) []byte {
	var b []byte
	for i := range n {
		b = append(b, byte(3*i), byte(3*i), byte(3*i), 0)
	}
	return b
}

// TestBadInput goes through the rows of BMP of the catalogue, and B01 to B37 of
// this package.
func TestBadInput(t *testing.T) {
	var rows []badinput.Row
	add := func(id, what string, b []byte, kind error, at badinput.Stage, says ...string) *badinput.Row {
		rows = append(rows, badinput.Row{ID: id, What: what, Format: "bmp", From: "bmp", Kind: kind, At: at, Says: says, Make: func(t testing.TB, dir string) string {
			path := filepath.Join(dir, "x.bmp")
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
			x, err := f.Tensor("x")
			if err != nil {
				t.Fatal(err)
			}
			if !x.Shape().Equal(tensor.Shape(want)) {
				t.Errorf("shape %v, want %v", x.Shape(), want)
			}
		}
	}
	rgb := file{w: 2, h: 2, bits: 24, body: []byte("abcdef\x00\x00ghijkl\x00\x00")}
	runs := func(code string) file {
		return file{w: 4, h: 2, bits: 8, compression: 1, used: 8, more: greys(8), body: []byte(code)}
	}
	runs4 := func(code string) file {
		return file{w: 4, h: 2, bits: 4, compression: 2, used: 8, more: greys(8), body: []byte(code)}
	}

	add("I27", "20000 x 20000 in 54 bytes", file{w: 20000, h: 20000, bits: 24}.bytes(), tensor.ErrTruncated, open, "offset 54: pixels: got 0 bytes, want 20000 rows of 60000")
	add("I28", "1 x -2^31", file{w: 1, h: 1 << 31, bits: 32}.bytes(), tensor.ErrLimit, open, "offset 22: height: got -2147483648, want at most 2^31-1 rows")
	bad := rgb
	bad.offset = 53
	add("I29", "pixels inside the header", bad.bytes(), tensor.ErrFormat, open, "offset 10: offset of the pixels: got 53, want 54, behind the header, to 70")
	bad.offset = 71
	add("I29", "pixels past the end", bad.bytes(), tensor.ErrFormat, open, "offset of the pixels: got 71")
	bad = rgb
	bad.bits = 3
	add("I29", "3 bits", bad.bytes(), tensor.ErrFormat, open, "offset 28: bits of a pixel: got 3, want one of 1 4 8 16 24 32")
	add("I29", "a run past the row", runs("\x05\x01\x00\x01").bytes(), tensor.ErrFormat, use, "offset 86: row 1, pixel 0: got a run of 5, want at most the 4 to the end of the row")
	add("I30", "a PNG called .bmp", []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR...."), tensor.ErrFormat, open, `offset 0: id: got "\x89P", want BM`)
	add("I30", "empty", nil, tensor.ErrTruncated, open, "offset 0: header: got 0 bytes, want 18")

	whole := rgb.bytes()
	for n := 1; n < 68; n++ { // the last two bytes are padding
		says := fmt.Sprintf("got %d bytes, want ", n)
		kind := tensor.ErrTruncated
		if n >= 54 {
			says = fmt.Sprintf("pixels: got %d bytes, want 2 rows of 8", n-54)
		}
		add("B01", fmt.Sprintf("%d bytes", n), whole[:n], kind, open, says)
	}
	add("B01", "without the last padding", whole[:68], nil, open).Check = shape(2, 2, 3)
	add("B02", "an array of OS/2", append([]byte("BA"), whole[2:]...), tensor.ErrUnsupported, open, `id: got "BA", an OS/2 array of bitmaps`)
	add("B03", "a header of 0 bytes", append(append([]byte{}, whole[:14]...), make([]byte, 40)...), tensor.ErrUnsupported, open, "offset 14: header size: got 0, want 12, 16, 40")
	bad = rgb
	bad.size = 1<<32 - 1
	add("B03", "a header of 4 GiB", bad.bytes(), tensor.ErrUnsupported, open, "header size: got 4294967295")
	bad.size = 124
	add("B03", "V5 in a short file", bad.bytes()[:70], tensor.ErrTruncated, open, "offset 0: header: got 70 bytes, want 138")
	bad = rgb
	bad.w = 0
	add("B04", "0 x n", bad.bytes(), tensor.ErrFormat, open, "offset 18: width: got 0, want at least 1")
	bad.w = 1<<32 - 2
	add("B04", "-2 x n", bad.bytes(), tensor.ErrFormat, open, "offset 18: width: got -2")
	bad = rgb
	bad.h = 0
	add("B05", "n x 0", bad.bytes(), tensor.ErrFormat, open, "offset 22: height: got 0")
	bad.h = 1<<32 - 3
	add("B06", "three rows from the top of two", bad.bytes(), tensor.ErrTruncated, open, "pixels: got 16 bytes, want 3 rows of 8")
	bad.w, bad.h, bad.bits = 1<<31-1, 1<<31-1, 32
	add("B07", "2^31-1 squared, 32 bits", bad.bytes(), tensor.ErrTruncated, open, "want 2147483647 rows of 8589934588")
	bad.h = 1<<31 + 1
	add("B07", "the same from the top", bad.bytes(), tensor.ErrTruncated, open, "want 2147483647 rows of 8589934588")
	add("B07", "2^31-1 squared, 1 bit", file{w: 1<<31 - 1, h: 1<<31 - 1, bits: 1, more: greys(2)}.bytes(), tensor.ErrTruncated, open, "want 2147483647 rows of 268435456")
	add("B08", "runs of 65535 x 65535 in 90 bytes", func() []byte { f := runs("\x00\x01"); f.w, f.h = 65535, 65535; return f.bytes() }(), tensor.ErrLimit, open, "offset 18: bytes to decode: got 4294836225 of 65535x65535 pixels, want at most 1073741824")
	add("B08", "runs of 2^31-1 squared", func() []byte { f := runs("\x00\x01"); f.w, f.h = 1<<31-1, 1<<31-1; return f.bytes() }(), tensor.ErrLimit, open, "offset 18: bytes to decode")
	add("B08", "coloured runs of 2^31-1 squared", func() []byte {
		f := runs("\x00\x01")
		f.w, f.h = 1<<31-1, 1<<31-1
		f.more[0] = 9
		return f.bytes()
	}(), tensor.ErrOverflow, open, "x").NoOffset = true
	add("B09", "runs that end at once", runs("\x00\x01").bytes(), nil, open).Check = shape(2, 4)
	bad = rgb
	bad.planes = 3
	add("B10", "3 planes", bad.bytes(), tensor.ErrFormat, open, "offset 26: planes: got 3, want 1")
	core := append(append([]byte{}, whole[:14]...), 12, 0, 0, 0, 2, 0, 2, 0, 0, 0, 24, 0)
	add("B10", "no plane of OS/2", core, tensor.ErrFormat, open, "offset 22: planes: got 0")
	add("B11", "5 bits of OS/2", append(core[:22:22], 1, 0, 5, 0), tensor.ErrFormat, open, "offset 24: bits of a pixel: got 5")
	bad = rgb
	for i, name := range map[uint32]string{4: "an embedded JPEG", 5: "an embedded PNG", 11: "CMYK", 12: "CMYK, RLE8", 13: "CMYK, RLE4"} {
		bad.compression = i
		add("B12", name, bad.bytes(), tensor.ErrUnsupported, open, fmt.Sprintf("offset 30: compression: got %d (%s), want none", i, name))
	}
	bad.compression = 1<<32 - 1
	add("B12", "nobody's", bad.bytes(), tensor.ErrUnsupported, open, "compression: got 4294967295, want none")
	bad = rgb
	bad.size, bad.more, bad.compression, bad.bits = 64, make([]byte, 24), 3, 1
	add("B13", "Huffman of OS/2", bad.bytes(), tensor.ErrUnsupported, open, "compression: got 3 (Huffman of OS/2)")
	bad.compression = 4
	add("B13", "RLE24 of OS/2", bad.bytes(), tensor.ErrUnsupported, open, "compression: got 4 (RLE24 of OS/2)")
	bad = rgb
	bad.compression = 1
	add("B14", "RLE8 of 24 bits", bad.bytes(), tensor.ErrFormat, open, "bits of a pixel: got 24, want one of 8")
	bad.compression = 2
	add("B14", "RLE4 of 24 bits", bad.bytes(), tensor.ErrFormat, open, "bits of a pixel: got 24, want one of 4")
	bad.compression, bad.bits = 3, 8
	add("B14", "bit fields of 8 bits", bad.bytes(), tensor.ErrFormat, open, "bits of a pixel: got 8, want one of 16 24 32")
	bad = runs("\x00\x01")
	bad.h = 1<<32 - 2
	add("B15", "runs from the top", bad.bytes(), tensor.ErrFormat, open, "offset 22: height: got -2, want above 0")
	fields := func(bits uint16, m ...uint32) []byte {
		return file{w: 1, h: 1, bits: bits, compression: 3, more: masks(m...), body: make([]byte, 16)}.bytes()
	}
	add("B16", "no red", fields(32, 0, 0xff00, 0xff), tensor.ErrFormat, open, "offset 54: mask of red: got 0, want one bit or more")
	add("B16", "none of 16 bits", fields(16, 0, 0, 0), tensor.ErrFormat, open, "mask of red: got 0")
	add("B17", "a gap", fields(32, 0xff0000, 0xf0f0, 0xff), tensor.ErrFormat, open, "offset 58: mask of green: got 0xf0f0, want bits without a gap")
	add("B18", "past the pixel", fields(16, 0x1f, 0x3e0, 0x1f0000), tensor.ErrFormat, open, "offset 62: mask of blue: got 0x1f0000, want some of the 16 bits")
	add("B19", "twice", fields(32, 0xff0000, 0x1ff00, 0xff), tensor.ErrFormat, open, "mask of green: got 0x1ff00, want bits that no other mask has")
	add("B20", "of 17 bits", fields(32, 0xffff8000, 0x7f00, 0xff), tensor.ErrUnsupported, open, "mask of red: got 0xffff8000, want at most 16 bits")
	add("B21", "cut off", fields(32, 0xff0000, 0xff00, 0xff)[:60], tensor.ErrTruncated, open, "offset 54: bit fields: got 6 bytes, want 12")
	f := file{w: 1, h: 1, bits: 32, compression: 3, more: masks(0xff0000, 0xff00, 0xff), offset: 54, body: make([]byte, 4)}
	add("B22", "pixels inside the masks", f.bytes(), tensor.ErrFormat, open, "offset of the pixels: got 54, want 66, behind the header")
	pal := file{w: 4, h: 1, bits: 8, used: 3, more: greys(3), body: []byte("\x00\x01\x02\x03")}
	add("B23", "a color past the palette", pal.bytes(), tensor.ErrCorrupt, use, "offset 69: row 0, pixel 3: got colour 3, want one of the 3 of the palette")
	pal.bits, pal.w = 4, 3
	pal.body = []byte("\x02\xf0\x00\x00")
	add("B23", "of 4 bits", pal.bytes(), tensor.ErrCorrupt, use, "offset 67: row 0, pixel 2: got colour 15")
	pal.bits, pal.used, pal.more = 1, 1, greys(1)
	pal.body = []byte("\x20\x00\x00\x00")
	add("B23", "of 1 bit", pal.bytes(), tensor.ErrCorrupt, use, "offset 58: row 0, pixel 2: got colour 1, want one of the 1")
	add("B23", "of runs", runs("\x04\x08\x00\x01").bytes(), tensor.ErrCorrupt, use, "row 1, pixel 0: got colour 8, want one of the 8").NoOffset = true
	pal = file{w: 4, h: 1, bits: 8, used: 1 << 31, more: greys(3), body: []byte("\x00\x01\x02\x03")}
	add("B24", "2^31 colours", pal.bytes(), tensor.ErrFormat, open, "offset 46: colours: got 2147483648, want at most the 3 that fit")
	pal.used, pal.more = 0, nil
	add("B25", "no colours", pal.bytes(), tensor.ErrFormat, open, "offset 54: palette: got no colours, want 256 of 4 bytes")
	pal.used, pal.more = 300, greys(300)
	add("B26", "more colours than numbers", pal.bytes(), nil, open).Check = shape(1, 4)
	add("B27", "a palette of 24 bits", file{w: 1, h: 1, bits: 24, used: 2, more: greys(2), body: make([]byte, 4)}.bytes(), nil, open).Check = shape(1, 1, 3)
	add("B28", "pixels past the row", runs("\x00\x05abcde\x00").bytes(), tensor.ErrFormat, use, "got pixels, 5, want at most the 4")
	add("B29", "a run behind a full row", runs("\x04\x01\x01\x01").bytes(), tensor.ErrFormat, use, "offset 88: row 1, pixel 4: got a run of 1, want at most the 0")
	add("B30", "a way to the right of the picture", runs("\x00\x02\x05\x00\x00\x01").bytes(), tensor.ErrFormat, use, "offset 86: row 1, pixel 0: got a way of 5 to the right and 0 up, want one inside 4 x 2")
	add("B30", "a way above the picture", runs("\x00\x02\x00\x02\x00\x01").bytes(), tensor.ErrFormat, use, "a way of 0 to the right and 2 up")
	add("B30", "many ways to the right", runs("\x00\x02\x04\x00\x00\x02\x01\x00").bytes(), tensor.ErrFormat, use, "row 1, pixel 4: got a way of 1")
	add("B31", "no code", runs("").bytes(), tensor.ErrTruncated, use, "offset 86: code: got the end of the file, want the end of the bitmap")
	add("B31", "half a code", runs("\x03").bytes(), tensor.ErrTruncated, use, "offset 87: code")
	add("B31", "half a way", runs("\x00\x02\x01").bytes(), tensor.ErrTruncated, use, "offset 89: way")
	add("B31", "pixels cut off", runs("\x00\x04ab").bytes(), tensor.ErrTruncated, use, "offset 90: pixels: got the end of the file, want 2 more")
	add("B31", "no end", runs("\x04\x01\x00\x00\x02\x01").bytes(), tensor.ErrTruncated, use, "offset 92: code")
	add("B32", "no end behind the last pixel", runs("\x04\x01\x00\x00\x04\x02").bytes(), nil, open).Check = shape(2, 4)
	add("B33", "rows past the picture", runs("\x04\x01\x00\x00\x04\x02\x00\x00\x04\x03\x00\x01").bytes(), nil, open).Check = shape(2, 4)
	add("B34", "nibbles past the row", runs4("\x05\x12\x00\x01").bytes(), tensor.ErrFormat, use, "got a run of 5")
	add("B34", "nibbles as they are, cut off", runs4("\x00\x04\x12").bytes(), tensor.ErrTruncated, use, "offset 89: pixels")
	add("B34", "a nibble past the palette", runs4("\x04\x19\x00\x01").bytes(), tensor.ErrCorrupt, use, "row 1, pixel 1: got colour 9").NoOffset = true
	add("B35", "a size of the file that is wrong", func() []byte { f := rgb; f.sizeField, f.imgSize = 7, 1<<32-1; return f.bytes() }(), nil, open).Check = shape(2, 2, 3)
	add("B36", "a thousand bytes behind", append(rgb.bytes(), make([]byte, 1000)...), nil, open).Check = shape(2, 2, 3)
	add("B37", "many ways of nothing", runs(string(make([]byte, 0))+repeat("\x00\x02\x00\x00", 300000)).bytes(), tensor.ErrTruncated, use, "code")
	badinput.Run(t, rows)
	if t.Logf("%d rows", len(rows)); len(rows) < 130 {
		t.Error("fewer than 130 rows")
	}
}

func repeat(s string, n int) string {
	b := make([]byte, 0, n*len(s))
	for range n {
		b = append(b, s...)
	}
	return string(b)
}
