package bmp_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/golden"
	"github.com/tensorfile/tensorfile/tensor"
)

// TestTable has a file for each row of the table in docs/images.md.
func TestTable(t *testing.T) {
	black, white := "\x00\x00\x00\x00", "\xff\xff\xff\x00"
	two := func(colours string) file {
		return file{w: 3, h: 2, bits: 1, used: 2, more: []byte(colours), body: []byte("\x40\x00\x00\x00\xa0\x00\x00\x00")}
	}
	var identity []byte
	for i := range 256 {
		identity = append(identity, byte(i), byte(i), byte(i), 0)
	}
	four := file{w: 1, h: 2, bits: 32, body: []byte("BGRxbgry")}
	masked := func(bits uint16, body string, m ...uint32) file {
		return file{size: 56, w: 1, h: 1, bits: bits, compression: 3, more: masks(m...), body: []byte(body)}
	}
	cases := []struct {
		row   string
		f     file
		dtype tensor.DType
		shape tensor.Shape
		want  string // elements, little-endian
		place bool
	}{
		{"BMP, 1 bit, black and white in either order", two(black + white), tensor.Bool, tensor.Shape{2, 3}, "\x01\x00\x01\x00\x01\x00", false},
		{"BMP, 1 bit, black and white in either order", two(white + black), tensor.Bool, tensor.Shape{2, 3}, "\x00\x01\x00\x01\x00\x01", false},
		{"BMP, 8 bits, where colour n of 256 is the grey n", file{w: 2, h: 2, bits: 8, more: identity, body: []byte("ab--cd--")}, tensor.U8, tensor.Shape{2, 2}, "cdab", true},
		{"BMP, 1, 4, 8 bits, RLE4, RLE8; all colours are greys", file{w: 3, h: 1, bits: 8, used: 8, more: greys(8), body: []byte("\x01\x07\x02\x00")}, tensor.U8, tensor.Shape{1, 3}, "\x03\x15\x06", false},
		{"BMP, 1, 4, 8 bits, RLE4, RLE8; all colours are greys", file{w: 3, h: 1, bits: 4, used: 8, more: greys(8), body: []byte("\x17\x20\x00\x00")}, tensor.U8, tensor.Shape{1, 3}, "\x03\x15\x06", false},
		{"BMP, 1, 4, 8 bits, RLE4, RLE8; all colours are greys", file{w: 3, h: 1, bits: 4, compression: 2, used: 8, more: greys(8), body: []byte("\x02\x17\x01\x20\x00\x01")}, tensor.U8, tensor.Shape{1, 3}, "\x03\x15\x06", false},
		{"BMP, 1, 4, 8 bits, RLE4, RLE8; all colours are greys", two("\x07\x07\x07\x00" + white), tensor.U8, tensor.Shape{2, 3}, "\xff\x07\xff\x07\xff\x07", false},
		{"BMP, 1, 4, 8 bits, RLE4, RLE8; other palettes", two("bgrxBGRx"), tensor.U8, tensor.Shape{2, 3, 3}, "RGBrgbRGBrgbRGBrgb", false},
		{"BMP, 1, 4, 8 bits, RLE4, RLE8; other palettes", file{w: 2, h: 1, bits: 8, compression: 1, used: 2, more: []byte("bgrxBGRx"), body: []byte("\x02\x01\x00\x01")}, tensor.U8, tensor.Shape{1, 2, 3}, "RGBRGB", false},
		{"BMP, 24 bits; 32 bits without alpha", file{w: 1, h: 2, bits: 24, body: []byte("BGR-bgr-")}, tensor.U8, tensor.Shape{2, 1, 3}, "rgbRGB", true},
		{"BMP, 24 bits; 32 bits without alpha", four, tensor.U8, tensor.Shape{2, 1, 3}, "rgbRGB", true},
		{"BMP, 32 bits with alpha, stored as RGBA or ABGR", masked(32, "RGBA", 0xff, 0xff00, 0xff0000, 0xff000000), tensor.U8, tensor.Shape{1, 1, 4}, "RGBA", true},
		{"BMP, 32 bits with alpha, stored as RGBA or ABGR", masked(32, "ABGR", 0xff000000, 0xff0000, 0xff00, 0xff), tensor.U8, tensor.Shape{1, 1, 4}, "RGBA", true},
		{"BMP, 32 bits with alpha, stored as BGRA", masked(32, "BGRA", 0xff0000, 0xff00, 0xff, 0xff000000), tensor.U8, tensor.Shape{1, 1, 4}, "RGBA", false},
		{"BMP, 16 bits, other bit fields", file{w: 1, h: 1, bits: 16, body: []byte("\x1f\x7c\x00\x00")}, tensor.U8, tensor.Shape{1, 1, 3}, "\xff\x00\xff", false},
		{"BMP, 16 bits, other bit fields", file{w: 1, h: 1, bits: 16, body: []byte("\x10\x00\x00\x00")}, tensor.U8, tensor.Shape{1, 1, 3}, "\x00\x00\x83", false}, // 16*255/31 is 131.6
		{"BMP, 16 bits, other bit fields", masked(16, "\x0f\x80\x00\x00", 0x7c00, 0x3e0, 0x1f, 0x8000), tensor.U8, tensor.Shape{1, 1, 4}, "\x00\x00\x7b\xff", false},
		{"BMP, a bit field of more than 8 bits", masked(32, "\x00\x02\x00\x00", 0x3ff, 0xffc00, 0x3ff00000, 0), tensor.U16, tensor.Shape{1, 1, 3}, "\x1f\x80\x00\x00\x00\x00", false}, // 512*65535/1023 is 32799.5
	}
	seen := map[string]bool{}
	rows := golden.Table(t, "../../docs/images.md", "in the file")
	for _, c := range cases {
		seen[c.row] = true
		f, x, err := open(t, c.f.bytes())
		if err != nil {
			t.Errorf("%s: %v", c.row, err)
			continue
		}
		defer f.Close()
		if x.DType() != c.dtype || !x.Shape().Equal(c.shape) || !bytes.Equal(elements(t, x), []byte(c.want)) || c.place != (x.Storage().Kind == tensorfile.StorageRaw) {
			t.Errorf("%s: %v %v %q, %v", c.row, x.DType(), x.Shape(), elements(t, x), x.Storage().Kind)
		}
		for _, cells := range rows {
			if cells[0] == c.row && strings.HasPrefix(cells[2], "in place") != c.place {
				t.Errorf("%s: docs say %s", c.row, cells[2])
			}
		}
	}
	n := 0
	for _, cells := range rows {
		if strings.HasPrefix(cells[0], "BMP") {
			if n++; !seen[cells[0]] {
				t.Errorf("no file for %q", cells[0])
			}
		}
	}
	if n != len(seen) || n < 9 {
		t.Errorf("%d rows in the docs, %d here", n, len(seen))
	}
}
