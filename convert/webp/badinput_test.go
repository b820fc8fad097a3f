package webp_test

import (
	"encoding/binary"
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

var le = binary.LittleEndian

// claim is a chunk whose head says another size than it has.
func claim(id string, size uint32, body string) string {
	return string(le.AppendUint32([]byte(id), size)) + body
}

func chunk(id, body string) string {
	if len(body)%2 == 1 {
		return claim(id, uint32(len(body)), body+"\x00")
	}
	return claim(id, uint32(len(body)), body)
}

func file(chunks ...string) string {
	body := "WEBP" + strings.Join(chunks, "")
	return claim("RIFF", uint32(len(body)), body)
}

func vp8x(flags byte, w, h int) string {
	b := []byte{flags, 0, 0, 0}
	for _, n := range []int{w - 1, h - 1} {
		b = append(b, byte(n), byte(n>>8), byte(n>>16))
	}
	return chunk("VP8X", string(b))
}

func vp8l(w, h int, alpha bool, rest string) string {
	v := uint32(w-1) | uint32(h-1)<<14
	if alpha {
		v |= 1 << 28
	}
	return chunk("VP8L", "\x2f"+string(le.AppendUint32(nil, v))+rest)
}

func vp8(w, h uint16, rest string) string {
	b := le.AppendUint16([]byte("\x30\x00\x00\x9d\x01\x2a"), w)
	return chunk("VP8 ", string(le.AppendUint16(b, h))+rest)
}

// TestBadInput goes through rows I24 to I26, I30 and I31 of the catalogue, and those of this
// package, W.
func TestBadInput(t *testing.T) {
	var rows []badinput.Row
	add := func(id, what, b string, kind error, at badinput.Stage, says ...string) *badinput.Row {
		rows = append(rows, badinput.Row{ID: id, What: what, Format: "webp", Kind: kind, At: at, Says: says, Make: func(t testing.TB, dir string) string {
			path := filepath.Join(dir, "a.webp")
			if err := os.WriteFile(path, []byte(b), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}})
		return &rows[len(rows)-1]
	}
	const open, use = badinput.Open, badinput.Use
	kept := func(name string) string {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	// The first chunk of a file, which is its picture.
	body := func(b string) string { return b[12 : 20+le.Uint32([]byte(b[16:]))] }
	sides := func(h, w int64) func(testing.TB, *tensorfile.File) {
		return func(t testing.TB, f *tensorfile.File) {
			t.Helper()
			v, err := picturetest.Only(t, f).Read(t.Context())
			if err != nil || v.Shape()[0] != h || v.Shape()[1] != w {
				t.Error(v.Shape(), err)
			}
		}
	}
	lossy, small := kept("lossy.34.webp"), kept("lossy.1x1.webp")
	pixel := body(small)
	add("W00", "a picture", lossy, nil, open).Check = sides(21, 34)

	// No entropy at all: one symbol for each code.
	add("I24", "16384 x 16384, 28 bytes", file(vp8l(16384, 16384, true, "\x88\x88\x08")), tensor.ErrLimit, open, "offset 20: bytes to decode: got 3758096384 of 16384x16384 pixels, want at most 1073741824")
	add("I24", "12000 x 12000", file(vp8l(12000, 12000, false, "\x88\x88\x08")), tensor.ErrLimit, open, "bytes to decode: got 1872000000 of 12000x12000 pixels")
	add("I24", "16383 x 16383, lossy", file(vp8(16383, 16383, "")), tensor.ErrLimit, open, "bytes to decode: got 1342013445 of 16383x16383 pixels")
	add("I24", "cut, of 16 x 16", file(vp8l(16, 16, true, "")), tensor.ErrTruncated, use, "offset 12: pixels: got the end of the data")
	add("I25", "VP8 and canvas differ", file(vp8x(16, 2, 1), chunk("ALPH", "\x00\x07\x08"), pixel), tensor.ErrCorrupt, open, "sides: got 1x1, want the 2x1 of the canvas")
	add("I25", "VP8L and canvas differ", file(vp8x(0, 17, 1), vp8l(16, 1, false, "\x88\x88\x08")), tensor.ErrCorrupt, open, "offset 38: sides: got 16x1, want the 17x1 of the canvas")
	add("I31", "two headers of two sizes", file(vp8x(0, 16, 2), vp8l(16, 1, false, "\x88\x88\x08")), tensor.ErrCorrupt, open, "sides: got 16x1, want the 16x2 of the canvas").Note = "our decoders read one header, which gives the shape; WebP has two"
	add("I25", "a canvas of 2^24", file(vp8x(0, 1<<24, 1<<24), pixel), tensor.ErrCorrupt, open, "want the 16777216x16777216 of the canvas")
	add("I26", "RIFF too large", claim("RIFF", 1000, small[8:]), tensor.ErrTruncated, open, "offset 4: RIFF size: got 1000 and 8 bytes, want the").Note = "each has the kind of what it breaks: the end of the file, the grammar, or what is not read"
	add("I26", "RIFF of 2^32-1", claim("RIFF", 1<<32-1, small[8:]), tensor.ErrTruncated, open, "RIFF size: got 4294967295")
	add("I26", "RIFF too small", claim("RIFF", 14, small[8:]), tensor.ErrTruncated, open, `size of chunk "VP8 "`)
	add("I26", "RIFF of the head", claim("RIFF", 4, small[8:]), tensor.ErrFormat, open, "offset 12: picture: got none, want a VP8 or VP8L chunk")
	add("I26", "RIFF of 0", claim("RIFF", 0, small[8:]), tensor.ErrFormat, open, "picture: got none")
	add("I26", "a chunk of 2^32-1", file(claim("VP8 ", 1<<32-1, "abcd")), tensor.ErrTruncated, open, `offset 16: size of chunk "VP8 ": got 4294967295, want at most the 4 bytes that remain`)
	add("I26", "an odd chunk without a pad byte", file(claim("ABCD", 3, "abc")), tensor.ErrFormat, open, "picture: got none")
	add("I26", "an odd chunk before the picture", file(chunk("ABCD", "abc"), pixel), nil, open).Check = sides(1, 1)
	add("I26", "an animation", file(vp8x(2, 1, 1), chunk("ANIM", "abcdef")), tensor.ErrUnsupported, open, "offset 20: picture: got an animation, want one picture: animated WebP is not read")
	add("I26", "ANIM without the flag", file(vp8x(0, 1, 1), chunk("ANIM", "abcdef")), tensor.ErrUnsupported, open, "offset 30: picture: got an animation")
	add("I26", "ANMF", file(chunk("ANMF", strings.Repeat("a", 16))), tensor.ErrUnsupported, open, "picture: got an animation")
	add("I30", "a WAV called .webp", claim("RIFF", 4, "WAVE"), tensor.ErrFormat, open, `offset 0: signature: got "RIFFWAVE", want RIFF and WEBP`).From = "webp" // the tool looks and reads it as what it is
	add("I30", "text called .webp", "hello, world", tensor.ErrFormat, open, `signature: got "hellorld"`)
	add("I30", "an empty file", "", tensor.ErrTruncated, open, "offset 0: header: got 0 bytes, want 12")

	add("W01", "no chunks", file(), tensor.ErrFormat, open, "picture: got none")
	add("W02", "VP8X alone", file(vp8x(0, 1, 1)), tensor.ErrFormat, open, "picture: got none")
	add("W03", "VP8X of 9 bytes", file(chunk("VP8X", "123456789")), tensor.ErrFormat, open, `size of chunk "VP8X": got 9, want at least 10`)
	add("W04", "VP8X second", file(chunk("ABCD", ""), vp8x(0, 1, 1), pixel), tensor.ErrFormat, open, "offset 20: VP8X: got chunk 1, want the first chunk")
	add("W05", "two pictures", file(pixel, pixel), tensor.ErrFormat, open, "picture: got a second one, want one")
	add("W06", "VP8 of 9 bytes", file(chunk("VP8 ", "123456789")), tensor.ErrFormat, open, `size of chunk "VP8 ": got 9, want at least 10`)
	add("W07", "no key frame", file(chunk("VP8 ", "\x31\x00\x00\x9d\x01\x2a\x01\x00\x01\x00")), tensor.ErrCorrupt, open, "offset 20: frame: got 31 00 00 9d 01 2a, want a key frame")
	add("W08", "another start code", file(chunk("VP8 ", "\x30\x00\x00\x9d\x01\x2b\x01\x00\x01\x00")), tensor.ErrCorrupt, open, "frame: got 30 00 00 9d 01 2b")
	add("W09", "0 x 1", file(vp8(0, 1, "")), tensor.ErrFormat, open, "width: got 0, want at least 1")
	add("W09", "1 x 0", file(vp8(1, 0, "")), tensor.ErrFormat, open, "height: got 0")
	add("W10", "a frame of its head alone", file(vp8(16, 16, "")), tensor.ErrTruncated, use, "offset 12: pixels: got the end of the data")
	add("W11", "partitions past the chunk", file(vp8(16, 16, "\xff\xff\xff\xff")), tensor.ErrTruncated, use, "offset 12: pixels")
	add("W12", "VP8L of 4 bytes", file(chunk("VP8L", "\x2f123")), tensor.ErrFormat, open, `size of chunk "VP8L": got 4, want at least 5`)
	add("W13", "VP8L without its mark", file(chunk("VP8L", "\x2e\x00\x00\x00\x00")), tensor.ErrCorrupt, open, "lossless picture: got 2e 00 00 00 00, want 2f, and version 0")
	add("W14", "VP8L of version 7", file(chunk("VP8L", "\x2f\x00\x00\x00\xe0")), tensor.ErrCorrupt, open, "lossless picture: got 2f 00 00 00 e0")
	add("W15", "VP8L of ones", file(vp8l(16, 16, false, strings.Repeat("\xff", 64))), tensor.ErrCorrupt, use, "offset 12: pixels: vp8l:")
	add("W16", "ALPH of 0 bytes", file(vp8x(16, 1, 1), chunk("ALPH", ""), pixel), tensor.ErrFormat, open, `size of chunk "ALPH": got 0, want at least 1`)
	add("W17", "ALPH without the flag", file(vp8x(0, 1, 1), chunk("ALPH", "\x00a"), pixel), tensor.ErrCorrupt, open, "alpha: got a chunk: true, a flag: false, want both or none")
	add("W18", "the flag without ALPH", file(vp8x(16, 1, 1), pixel), tensor.ErrCorrupt, open, "alpha: got a chunk: false, a flag: true")
	add("W19", "ALPH too short", file(vp8x(16, 1, 1), chunk("ALPH", "\x00"), pixel), tensor.ErrTruncated, use, "pixels: got the end of the data")
	add("W20", "ALPH of compression 3", file(vp8x(16, 1, 1), chunk("ALPH", "\x03a"), pixel), tensor.ErrCorrupt, use, "pixels: webp: invalid format")
	add("W21", "ALPH, compressed, too short", file(vp8x(16, 1, 1), chunk("ALPH", "\x01"), pixel), tensor.ErrTruncated, use, "pixels: got the end of the data")
	add("W22", "ALPH as it is", file(vp8x(16, 1, 1), chunk("ALPH", "\x00a"), pixel), nil, open).Check = sides(1, 1)
	add("W23", "EXIF that is none", file(pixel, chunk("EXIF", "hello")), nil, open).Check = func(t testing.TB, f *tensorfile.File) {
		if notes := strings.Join(f.Layout().Notes, ""); !strings.Contains(notes, "EXIF is damaged") {
			t.Error(notes)
		}
	}
	add("W24", "EXIF of 2 MiB", file(pixel, chunk("EXIF", strings.Repeat("a", 2<<20))), nil, open).Check = sides(1, 1)
	add("W25", "5,000 chunks", file(pixel, strings.Repeat(chunk("ABCD", ""), 5000)), tensor.ErrLimit, open, "chunks: got more, want at most 4096")
	add("W26", "half a head", file(pixel, "ABCD"), tensor.ErrTruncated, open, "chunk: got 4 bytes, want 8 of its head")
	add("W27", "bytes behind the end", small+"more", nil, open).Check = sides(1, 1)
	add("W28", "a chunk without letters", file(chunk("\x00\x01\xff\n", "abcd"), pixel), nil, open).Check = sides(1, 1)
	for n := range len(small) {
		add("W29", fmt.Sprintf("%d bytes", n), small[:n], tensor.ErrTruncated, open, "want")
	}
	badinput.Run(t, rows)
	t.Logf("%d rows", len(rows))
}
