package gif_test

import (
	"bytes"
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

// screen is the head of a file, with a table of so many bits or none.
func screen(w, h uint16, bits int) string {
	b := binary.LittleEndian.AppendUint16([]byte("GIF89a"), w)
	b = binary.LittleEndian.AppendUint16(b, h)
	if bits == 0 {
		return string(append(b, 0, 0, 0))
	}
	b = append(b, 0x80|byte(bits-1), 0, 0)
	for i := range 1 << bits {
		b = append(b, byte(9*i+1), byte(i), 7)
	}
	return string(b)
}

// descriptor begins a picture.
func descriptor(x, y, w, h uint16, flags byte) string {
	b := []byte{0x2c}
	for _, n := range []uint16{x, y, w, h} {
		b = binary.LittleEndian.AppendUint16(b, n)
	}
	return string(append(b, flags))
}

// pixel is the data of one pixel of colour 1: clear, 1, end in codes of 3 bits.
const pixel = "\x02\x02\x4c\x01\x00"

// TestBadInput goes through rows I14 to I16 of the catalogue, and those of this
// package, G.
func TestBadInput(t *testing.T) {
	var rows []badinput.Row
	add := func(id, what, b string, kind error, at badinput.Stage, says ...string) *badinput.Row {
		rows = append(rows, badinput.Row{ID: id, What: what, Format: "gif", Kind: kind, At: at, Says: says, Make: func(t testing.TB, dir string) string {
			path := filepath.Join(dir, "a.gif")
			if err := os.WriteFile(path, []byte(b), 0o600); err != nil {
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
	one := screen(1, 1, 2)
	image := descriptor(0, 0, 1, 1, 0) + pixel
	good := one + image + ";"
	const want = "[[[10  1  7]]]"
	add("GI00", "a pixel", good, nil, open).Check = holds(want)

	add("I14", "30000 x 30000", screen(30000, 30000, 1)+descriptor(0, 0, 1, 1, 0)+pixel+";", tensor.ErrLimit, open, "offset 6: bytes to decode: got 2700000000 of 30000x30000 pixels, want at most 1073741824")
	add("I14", "65535 x 65535", screen(65535, 65535, 1)+descriptor(0, 0, 65535, 65535, 0)+pixel+";", tensor.ErrLimit, open, "bytes to decode: got more than 4294836225 of 1 pictures")
	add("I15", "100,000 pictures of full canvas", screen(1000, 1000, 1)+strings.Repeat(descriptor(0, 0, 1, 1, 0)+pixel, 100_000)+";", tensor.ErrLimit, open, "bytes to decode: got more than 1074000000 of 1074 pictures of 1000x1000 pixels")
	add("I15", "20,000 pictures of a pixel", one+strings.Repeat(image, 20_000)+";", nil, open).Check = func(t testing.TB, f *tensorfile.File) {
		x := picturetest.Only(t, f)
		if a, err := x.Attrs(); err != nil || x.Shape()[0] != 20_000 || a["image.delays"] != nil || !strings.Contains(strings.Join(f.Layout().Notes, ""), "20000 pictures are too many for an attribute") {
			t.Error(x.Shape(), a, err, f.Layout().Notes)
		}
	}
	for _, c := range []struct {
		what       string
		x, y, w, h uint16
	}{{"right", 1, 0, 1, 1}, {"below", 0, 1, 1, 1}, {"wider", 0, 0, 2, 1}, {"higher", 0, 0, 1, 2}, {"far", 65535, 65535, 65535, 65535}, {"without columns", 0, 0, 0, 1}, {"without rows", 0, 0, 1, 0}} {
		add("I16", "a picture "+c.what, one+descriptor(c.x, c.y, c.w, c.h, 0)+pixel+";", tensor.ErrCorrupt, open, "offset 25: picture 0: got", "within the 1x1 of the canvas")
	}
	add("I16", "no colour table", screen(1, 1, 0)+image+";", tensor.ErrCorrupt, open, "offset 13: picture 0: got no colour table")
	for _, n := range []byte{0, 1, 9, 12, 13, 255} {
		add("I16", fmt.Sprintf("codes of %d", n), one+descriptor(0, 0, 1, 1, 0)+string([]byte{n})+pixel[1:]+";", tensor.ErrCorrupt, open, fmt.Sprintf("offset 35: picture 0 size of codes: got %d, want 2 to 8", n))
	}
	add("I16", "no codes", one+descriptor(0, 0, 1, 1, 0)+"\x02\x00;", tensor.ErrCorrupt, use, "offset 25: picture 0, row 0: got the end of the data, want 1 rows")
	add("I16", "codes of fewer rows", screen(1, 2, 2)+descriptor(0, 0, 1, 2, 0)+pixel+";", tensor.ErrCorrupt, use, "picture 0, row 1: got the end of the data, want 2 rows")
	add("I16", "codes cut", one+descriptor(0, 0, 1, 1, 0)+"\x08\x01\x00\x00;", tensor.ErrCorrupt, use, "picture 0, row 0: got the end of the data")
	add("I16", "a code that is not there", one+descriptor(0, 0, 1, 1, 0)+"\x02\x02\xfc\xff\x00;", tensor.ErrCorrupt, use, "picture 0, row 0: lzw: invalid code")
	add("I16", "interlaced, codes of fewer rows", screen(1, 9, 2)+descriptor(0, 0, 1, 9, 0x40)+pixel+";", tensor.ErrCorrupt, use, "picture 0, row 8: got the end of the data")
	add("I30", "a PNG called .gif", "\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR", tensor.ErrFormat, open, `signature: got "\x89PNG\r\n"`).From = "gif" // the tool looks and reads it as what it is
	add("I30", "text called .gif", "hello, world!", tensor.ErrFormat, open, `offset 0: signature: got "hello,", want GIF87a or GIF89a`)
	add("I30", "an empty file", "", tensor.ErrTruncated, open, "offset 0: header: got 0 bytes, want 13")

	add("GI01", "0 x 1", screen(0, 1, 2)+image+";", tensor.ErrFormat, open, "offset 6: width: got 0, want at least 1")
	add("GI01", "1 x 0", screen(1, 0, 2)+image+";", tensor.ErrFormat, open, "height: got 0")
	add("GI02", "GIF88a", "GIF88a"+good[6:], tensor.ErrFormat, open, `signature: got "GIF88a"`)
	add("GI03", "no pictures", one+";", tensor.ErrFormat, open, "offset 25: pictures: got none, want at least one")
	add("GI04", "a block of no kind", one+"x"+image+";", tensor.ErrCorrupt, open, "offset 25: block: got 78, want 21 (extension), 2c (image) or 3b (end)")
	add("GI04", "zeros behind the picture", one+image+"\x00;", tensor.ErrCorrupt, open, "block: got 00")
	add("GI05", "a control block of 3", one+"!\xf9\x03\x00\x00\x00\x00"+image+";", tensor.ErrCorrupt, open, "offset 27: size of the graphic control extension: got 3, want 4")
	add("GI05", "a control block of 255", one+"!\xf9\xff"+strings.Repeat("a", 255)+"\x00"+image+";", tensor.ErrCorrupt, open, "graphic control extension: got 255")
	add("GI06", "a control block of 0", one+"!\xf9\x00"+image+";", nil, open).Check = holds(want)
	add("GI07", "a colour past the table", screen(1, 1, 1)+descriptor(0, 0, 1, 1, 0)+"\x02\x02\x5c\x01\x00;", tensor.ErrCorrupt, use, "picture 0, row 0: got colour 3, want less than the 2 of its table")
	add("GI08", "a transparent colour past the table", one+"!\xf9\x04\x01\x00\x00\xff\x00"+image+";", nil, open).Check = holds("[[[ 10   1   7 255]]]")
	add("GI09", "a background past the table", one[:11]+"\xff"+one[12:]+image+";", nil, open).Check = holds(want)
	add("GI10", "an application of 0", one+"!\xff\x00"+image+";", nil, open).Check = holds(want)
	add("GI10", "a loop of 0 bytes", one+"!\xff\x0bNETSCAPE2.0\x00"+image+";", nil, open).Check = holds(want)
	add("GI10", "a loop of 1 byte", one+"!\xff\x0bNETSCAPE2.0\x01\x01\x00"+image+";", nil, open).Check = holds(want)
	add("GI11", "a comment of 255 blocks", one+"!\xfe"+strings.Repeat("\xff"+strings.Repeat("c", 255), 255)+"\x00"+image+";", nil, open).Check = holds(want)
	add("GI12", "an extension of no kind", one+"!\x77\x02ab\x01c\x00"+image+";", nil, open).Check = holds(want)
	add("GI13", "bytes behind the end", good+"more", nil, open).Check = holds(want)
	add("GI14", "codes behind the pixels", one+descriptor(0, 0, 1, 1, 0)+"\x02\x02\x4c\x01\xff"+strings.Repeat("a", 255)+"\x00;", nil, open).Check = holds(want)
	add("GI15", "a byte a block", one+descriptor(0, 0, 1, 1, 0)+"\x02\x01\x4c\x01\x01\x00;", nil, open).Check = holds(want)
	add("GI16", "a local table", screen(1, 1, 0)+descriptor(0, 0, 1, 1, 0x81)+"abcdefghijkl"+pixel+";", nil, open).Check = holds("[[[100 101 102]]]")
	add("GI17", "disposal 7", one+"!\xf9\x04\x1c\x00\x00\x00\x00"+image+image+";", nil, open).Check = holds("[[[[10  1  7]]]\n\n\n [[[10  1  7]]]]")
	add("GI18", "a second picture that is damaged", one+image+descriptor(0, 0, 1, 1, 0)+"\x02\x00;", tensor.ErrCorrupt, use, "offset 40: picture 1, row 0: got the end of the data")
	add("GI19", "a local table cut", one+descriptor(0, 0, 1, 1, 0x87)+"abc", tensor.ErrTruncated, open, "offset 35: local colour table: got 3 bytes, want 768")
	add("GI20", "10,000 control blocks", one+strings.Repeat("!\xf9\x04\x00\x00\x00\x00\x00", 10_000)+image+";", nil, open).Check = holds(want)
	add("GI21", "text that is to be shown", one+"!\x01\x0c"+strings.Repeat("t", 12)+"\x02ab\x00"+image+";", nil, open).Check = holds(want)
	add("GI22", "codes that fill their table", screen(100, 100, 8)+descriptor(0, 0, 100, 100, 0)+"\x08\xff"+strings.Repeat("\x00", 255)+"\x00;", tensor.ErrCorrupt, use, "picture 0, row")
	for n := range good {
		add("GI23", fmt.Sprintf("%d bytes", n), good[:n], tensor.ErrTruncated, open, "bytes, want")
	}
	badinput.Run(t, rows)
	t.Logf("%d rows", len(rows))
}

// TestCanvas reads a picture whose canvas is larger than it, of one colour.
func TestCanvas(t *testing.T) {
	p := picturetest.Decode(t, []byte(screen(3, 2, 2)+descriptor(1, 1, 1, 1, 0)+pixel+";"), nil)
	if !bytes.Contains([]byte(p.View.String()), []byte("[ 1  0  7]\n  [10  1  7]\n  [ 1  0  7]")) {
		t.Error(p.View)
	}
}
