package png_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert/internal/picturetest"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/tensor"
)

// TestBadInput goes through rows I01 to I09 and I30 of the catalogue, and those
// of this package, P.
func TestBadInput(t *testing.T) {
	var rows []badinput.Row
	add := func(id, what string, b []byte, kind error, at badinput.Stage, says ...string) *badinput.Row {
		rows = append(rows, badinput.Row{ID: id, What: what, Format: "png", Kind: kind, At: at, Says: says, Make: func(t testing.TB, dir string) string {
			path := filepath.Join(dir, "a.png")
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
	const row2 = "\x00\x07\x08" // a row of two grey pixels
	tiny := ihdr(2, 1, 8, 0)
	good := file(tiny, idat(row2))
	const want = "[[7 8]]"

	add("I01", "20000 x 20000 RGBA", file(ihdr(20000, 20000, 8, 6), idat("")), tensor.ErrLimit, open, "offset 16: bytes to decode: got 1600000000 of 20000x20000 pixels, want at most 1073741824 (ReadOptions.MaxDecoded)")
	add("I01", "10000 x 10000, which the budget allows", file(ihdr(10000, 10000, 8, 0), idat("")), tensor.ErrTruncated, open, "offset 33: IDAT: got 8 bytes, want at least 96908 for 10000x10000 pixels")
	add("I02", "2147483647 x 1", file(ihdr(2147483647, 1, 16, 6), idat("")), tensor.ErrLimit, open, "got 17179869176 of 2147483647x1 pixels")
	add("I02", "2147483647 x 2147483647", file(ihdr(2147483647, 2147483647, 16, 6), idat("")), tensor.ErrOverflow, open)
	add("I03", "0 x 1", file(ihdr(0, 1, 8, 0), idat("")), tensor.ErrFormat, open, "offset 16: width: got 0, want 1 to 2147483647")
	add("I03", "1 x 0", file(ihdr(1, 0, 8, 0), idat("")), tensor.ErrFormat, open, "offset 20: height: got 0")
	add("I03", "2^31 x 1", file(ihdr(1<<31, 1, 8, 0), idat("")), tensor.ErrFormat, open, "width: got 2147483648")
	flip := func(b []byte, i int) []byte {
		b = bytes.Clone(b)
		b[i] ^= 1
		return b
	}
	add("I04", "CRC of IHDR", flip(good, 29), tensor.ErrCorrupt, open, `offset 29: chunk "IHDR" CRC: got`)
	add("I04", "IHDR", flip(good, 19), tensor.ErrCorrupt, open, `chunk "IHDR" CRC`)
	add("I04", "CRC of IDAT", flip(good, len(good)-13), tensor.ErrCorrupt, use, `chunk "IDAT" CRC: got`)
	add("I04", "IDAT", flip(good, 45), tensor.ErrCorrupt, use, `chunk "IDAT" CRC`)
	add("I04", "CRC of IEND", flip(good, len(good)-1), tensor.ErrCorrupt, open, `chunk "IEND" CRC`)
	add("I04", "IHDR not first", file(chunk("gAMA", "abcd"), tiny, idat(row2)), tensor.ErrCorrupt, open, `offset 8: chunk: got "gAMA", want IHDR first, and once`)
	add("I04", "two IHDR", file(tiny, tiny, idat(row2)), tensor.ErrCorrupt, open, `offset 33: chunk: got "IHDR"`)
	add("I04", "no IDAT", file(tiny), tensor.ErrCorrupt, open, `chunk: got "IEND", want an IDAT chunk before it`)
	add("I04", "IDAT behind IEND", append(file(tiny), idat(row2)...), tensor.ErrCorrupt, open, "want an IDAT chunk before it")
	add("I04", "IDAT apart", file(tiny, idat(row2), chunk("tEXt", "a\x00b"), idat("")), tensor.ErrCorrupt, open, `chunk: got "IDAT" behind "tEXt", want all IDAT chunks in a row`)
	for _, c := range []struct{ depth, colour byte }{{0, 0}, {3, 0}, {32, 0}, {1, 2}, {4, 2}, {16, 3}, {4, 4}, {2, 6}, {8, 1}, {8, 5}, {8, 7}, {255, 255}} {
		add("I04", fmt.Sprintf("depth %d of colour %d", c.depth, c.colour), file(ihdr(2, 1, c.depth, c.colour), idat(row2)), tensor.ErrCorrupt, open, fmt.Sprintf("offset 24: depth and colour: got %d bits of colour type %d", c.depth, c.colour))
	}
	add("I05", "chunk of 2^31-1", file(tiny, "\x7f\xff\xff\xffIDAT"+row2), tensor.ErrTruncated, open, `offset 33: chunk "IDAT" size: got 2147483647, want at most the 11 bytes that remain`)
	add("I05", "chunk of 2^32-1", file(tiny, "\xff\xff\xff\xfftEXt"), tensor.ErrTruncated, open, `chunk "tEXt" size: got 4294967295`)
	add("I05", "IHDR of 2^32-1", []byte("\x89PNG\r\n\x1a\n\xff\xff\xff\xffIHDR"), tensor.ErrTruncated, open, "want at most the 0 bytes that remain")
	bomb := deflated(strings.Repeat("\x00", 8<<20))
	for _, id := range []string{"zTXt", "iCCP", "iTXt"} {
		add("I06", id, file(tiny, chunk(id, "x\x00\x00"+bomb), idat(row2)), nil, open).Check = holds(want)
	}
	add("I07", "stream too short", file(ihdr(2, 3, 8, 0), idat(row2+row2)), tensor.ErrCorrupt, use, "pixels: got the end of the zlib stream in row 2, want 3 rows")
	add("I07", "stream ends in a row", file(ihdr(2, 2, 8, 0), idat(row2+"\x00\x07")), tensor.ErrCorrupt, use, "the end of the zlib stream in row 1")
	add("I07", "no stream", file(tiny, chunk("IDAT", "")), tensor.ErrCorrupt, use, "the end of the zlib stream in row 0")
	add("I07", "stream too long", file(tiny, idat(row2+row2)), tensor.ErrCorrupt, use, "pixels: got more than 3 bytes, want that many of 2x1").NoOffset = true
	z := deflated(row2)
	add("I07", "Adler-32", file(tiny, chunk("IDAT", z[:len(z)-1]+"!")), tensor.ErrCorrupt, use, "offset 33: row 0: zlib: invalid checksum")
	add("I07", "cut in the Adler-32", file(tiny, chunk("IDAT", z[:len(z)-1])), tensor.ErrCorrupt, use, "the end of the zlib stream")
	add("I07", "bytes behind the stream", file(tiny, chunk("IDAT", z+"more")), tensor.ErrCorrupt, use, "IDAT: got bytes behind the zlib stream, want none")
	add("I07", "a second chunk behind the stream", file(tiny, chunk("IDAT", z), chunk("IDAT", "more")), tensor.ErrCorrupt, use, "IDAT: got bytes behind")
	add("I07", "an empty chunk behind the stream", file(tiny, chunk("IDAT", z), chunk("IDAT", "")), nil, open).Check = holds(want)
	add("I07", "a byte a chunk", file(append([]string{tiny}, bytewise(z)...)...), nil, open).Check = holds(want)
	add("I07", "no zlib", file(tiny, chunk("IDAT", "hello, world")), tensor.ErrCorrupt, use, "row 0: zlib: invalid header")
	add("I07", "a dictionary", file(tiny, chunk("IDAT", "\x78\xbb\x00\x00\x00\x02"+z[2:])), tensor.ErrCorrupt, use, "zlib: invalid dictionary")
	add("I07", "a block of no kind", file(tiny, chunk("IDAT", z[:2]+"\x07"+z[3:])), tensor.ErrCorrupt, use, "row 0: flate: corrupt input")
	pal := ihdr(2, 1, 8, 3)
	plte := chunk("PLTE", "abcdef")
	add("I08", "index past PLTE", file(pal, plte, idat("\x00\x01\x02")), tensor.ErrCorrupt, use, "palette index in row 0: got 2, want at most 1")
	add("I08", "index past PLTE, 2 bits", file(ihdr(4, 1, 2, 3), plte, idat("\x00\x1b")), tensor.ErrCorrupt, use, "palette index in row 0: got 2")
	add("I08", "PLTE of 4", file(pal, chunk("PLTE", "abcd"), idat("\x00\x00\x00")), tensor.ErrCorrupt, open, `chunk "PLTE" size: got 4, want a multiple of 3`)
	add("I08", "PLTE of 0", file(pal, chunk("PLTE", ""), idat("\x00\x00\x00")), tensor.ErrCorrupt, open, `chunk "PLTE" size: got 0`)
	add("I08", "PLTE of 771", file(pal, chunk("PLTE", strings.Repeat("abc", 257)), idat("\x00\x00\x00")), tensor.ErrCorrupt, open, `chunk "PLTE" size: got 771, want at most 768`)
	add("I08", "no PLTE", file(pal, idat("\x00\x00\x00")), tensor.ErrCorrupt, open, `chunk: got "IDAT", want a PLTE chunk before it`)
	add("I08", "two PLTE", file(pal, plte, plte, idat("\x00\x00\x00")), tensor.ErrCorrupt, open, `chunk "PLTE": got a second one`)
	add("I08", "PLTE behind the pixels", file(pal, idat("\x00\x00\x00"), plte), tensor.ErrCorrupt, open, `chunk "PLTE": got behind the pixels`)
	add("I08", "tRNS longer than PLTE", file(pal, plte, chunk("tRNS", "abc"), idat("\x00\x00\x00")), tensor.ErrCorrupt, open, `chunk "tRNS" size: got 3, want at most the 2 colours`)
	add("I08", "tRNS before PLTE", file(pal, chunk("tRNS", "a"), plte, idat("\x00\x00\x00")), tensor.ErrCorrupt, open, `chunk "tRNS": got before PLTE`)
	add("I08", "tRNS of 300", file(pal, plte, chunk("tRNS", strings.Repeat("a", 300)), idat("\x00\x00\x00")), tensor.ErrCorrupt, open, `chunk "tRNS" size: got 300, want at most 256`)
	add("I08", "tRNS of 1 for grey", file(tiny, chunk("tRNS", "a"), idat(row2)), tensor.ErrCorrupt, open, `chunk "tRNS" size: got 1, want 2`)
	add("I08", "tRNS of 2 for RGB", file(ihdr(1, 1, 8, 2), chunk("tRNS", "ab"), idat("\x00abc")), tensor.ErrCorrupt, open, `chunk "tRNS" size: got 2, want 6`)
	add("I08", "tRNS beside an alpha", file(ihdr(1, 1, 8, 6), chunk("tRNS", "ab"), idat("\x00abcd")), tensor.ErrCorrupt, open, `chunk "tRNS": got one in colour type 6`)
	add("I08", "two tRNS", file(tiny, chunk("tRNS", "ab"), chunk("tRNS", "ab"), idat(row2)), tensor.ErrCorrupt, open, `chunk "tRNS": got a second one`)
	add("I08", "tRNS behind the pixels", file(tiny, idat(row2), chunk("tRNS", "ab")), tensor.ErrCorrupt, open, `chunk "tRNS": got behind the pixels`)
	apng := add("I09", "APNG", file(tiny, chunk("acTL", "\x00\x00\x00\x02\x00\x00\x00\x00"), chunk("fcTL", strings.Repeat("\x00", 26)), idat(row2), chunk("fdAT", "\x00\x00\x00\x01"+z)), nil, open)
	apng.Check = func(t testing.TB, f *tensorfile.File) {
		holds(want)(t, f)
		if notes := strings.Join(f.Layout().Notes, ""); !strings.Contains(notes, "an animation") {
			t.Error(notes)
		}
	}
	add("I09", "interlaced 1 x 1", file(ihdr(1, 1, 8, 0, 0, 0, 1), idat("\x00\x09")), nil, open).Check = holds("[[9]]")
	add("I30", "a JPEG called .png", []byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00"), tensor.ErrFormat, open, "offset 0: signature: got ff d8 ff e0").From = "png" // the tool looks and reads it as what it is
	add("I30", "text called .png", []byte("hello, world"), tensor.ErrFormat, open, "offset 0: signature: got 68 65 6c 6c 6f")
	add("I30", "an empty file", nil, tensor.ErrTruncated, open, "offset 0: signature: got 0 bytes, want 8")

	add("PN01", "text mode", append([]byte("\x89PNG\n\x1a\n"), good[8:]...), tensor.ErrFormat, open, "signature: got 89 50 4e 47 0a 1a 0a 00")
	add("PN02", "IHDR of 12", file(chunk("IHDR", "abcdefghijkl"), idat(row2)), tensor.ErrCorrupt, open, `chunk "IHDR" size: got 12, want 13`)
	add("PN03", "compression 1", file(ihdr(2, 1, 8, 0, 1), idat(row2)), tensor.ErrUnsupported, open, "offset 26: compression: got 1, want at most 0")
	add("PN04", "filter method 64", file(ihdr(2, 1, 8, 0, 0, 64), idat(row2)), tensor.ErrUnsupported, open, "offset 27: filter: got 64")
	add("PN05", "interlace 2", file(ihdr(2, 1, 8, 0, 0, 0, 2), idat(row2)), tensor.ErrUnsupported, open, "offset 28: interlace: got 2, want at most 1")
	add("PN06", "filter 5", file(tiny, idat("\x05\x07\x08")), tensor.ErrCorrupt, use, "filter of row 0: got 5, want at most 4")
	add("PN07", "filter 255 in row 1", file(ihdr(2, 2, 8, 0), idat(row2+"\xff\x07\x08")), tensor.ErrCorrupt, use, "filter of row 1: got 255")
	add("PN08", "a critical chunk of nobody", file(tiny, chunk("ABCD", ""), idat(row2)), tensor.ErrUnsupported, open, `chunk: got "ABCD", want IHDR, PLTE, IDAT, IEND`)
	add("PN09", "Apple's CgBI", file(chunk("CgBI", "\x50\x00\x20\x02"), tiny, idat(row2)), tensor.ErrCorrupt, open, `chunk: got "CgBI", want IHDR first`)
	add("PN10", "a chunk without letters", file(tiny, chunk("ab\x00d", ""), idat(row2)), tensor.ErrCorrupt, open, `chunk: got "ab\x00d", want four letters`)
	add("PN11", "IEND of 1", []byte("\x89PNG\r\n\x1a\n"+tiny+idat(row2)+chunk("IEND", "x")), tensor.ErrCorrupt, open, `chunk "IEND" size: got 1, want at most 0`)
	add("PN12", "CRC of PLTE", flip(file(pal, plte, idat("\x00\x00\x00")), 33+8+6), tensor.ErrCorrupt, open, `chunk "PLTE" CRC`)
	add("PN13", "CRC of tRNS", flip(file(tiny, chunk("tRNS", "ab"), idat(row2)), 33+8+2), tensor.ErrCorrupt, open, `chunk "tRNS" CRC`)
	add("PN14", "CRC of a text, which is not read", flip(file(tiny, chunk("tEXt", "a\x00b"), idat(row2)), 33+8+3), nil, open).Check = holds(want)
	add("PN15", "gAMA of 8", file(tiny, chunk("gAMA", "abcdefgh"), idat(row2)), tensor.ErrCorrupt, open, `chunk "gAMA" size: got 8, want at most 4`)
	add("PN16", "gAMA of 0", file(tiny, chunk("gAMA", "\x00\x00\x00\x00"), idat(row2)), nil, open).Check = holds(want)
	exif := add("PN17", "EXIF that is none", file(tiny, chunk("eXIf", "hello"), idat(row2)), nil, open)
	exif.Check = func(t testing.TB, f *tensorfile.File) {
		holds(want)(t, f)
		if notes := strings.Join(f.Layout().Notes, ""); !strings.Contains(notes, "EXIF is damaged: EXIF: offset 0: header: got 5 bytes") {
			t.Error(notes)
		}
	}
	add("PN18", "EXIF of 2 MiB", file(tiny, chunk("eXIf", strings.Repeat("a", 2<<20)), idat(row2)), nil, open).Check = holds(want)
	add("PN19", "bytes behind the end", append(bytes.Clone(good), "more"...), nil, open).Check = holds(want)
	add("PN20", "100,000 empty chunks", file(tiny, strings.Repeat(chunk("aaAa", ""), 100_000), idat(row2)), nil, open).Check = holds(want)
	add("PN21", "100,000 empty IDAT", file(tiny, strings.Repeat(chunk("IDAT", ""), 100_000), idat(row2)), nil, open).Check = holds(want)
	add("PN22", "a colour that no pixel of 4 bits has", file(ihdr(2, 1, 4, 0), chunk("tRNS", "\x01\x07"), idat("\x00\x07")), nil, open).Check = holds("[[[  0 255]\n  [119   0]]]")
	add("PN23", "interlaced, cut in the last part", file(ihdr(2, 2, 8, 0, 0, 0, 1), idat("\x00\x01\x00\x02\x00\x03")), tensor.ErrCorrupt, use, "the end of the zlib stream in row 1")
	add("PN24", "interlaced, too long", file(ihdr(1, 1, 8, 0, 0, 0, 1), idat("\x00\x01\x00\x02")), tensor.ErrCorrupt, use, "more than 2 bytes").NoOffset = true
	add("PN25", "a bomb behind a pixel", file(ihdr(1, 1, 8, 0), chunk("IDAT", deflated(strings.Repeat("\x00", 64<<20)))), tensor.ErrCorrupt, use, "pixels: got more than 2 bytes").NoOffset = true
	for n := range good {
		if n < 8 {
			add("PN26", fmt.Sprintf("%d bytes", n), good[:n], tensor.ErrTruncated, open, fmt.Sprintf("offset 0: signature: got %d bytes, want 8", n))
		} else {
			add("PN26", fmt.Sprintf("%d bytes", n), good[:n], tensor.ErrTruncated, open, "chunk")
		}
	}
	badinput.Run(t, rows)
	t.Logf("%d rows", len(rows))
}

// bytewise is a stream in chunks of one byte.
func bytewise(s string) []string {
	var list []string
	for _, b := range []byte(s) {
		list = append(list, chunk("IDAT", string([]byte{b})))
	}
	return list
}
