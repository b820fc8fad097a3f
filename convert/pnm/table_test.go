package pnm_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/golden"
	"github.com/tensorfile/tensorfile/tensor"
)

// TestTable has a file for each row of the table in docs/images.md.
func TestTable(t *testing.T) {
	const (
		bits     = "PBM as text or bytes (P1, P4)"
		text     = "PGM, PPM as text (P2, P3)"
		grey     = "PGM (P5)"
		colour   = "PPM (P6)"
		pamBits  = "PAM (P7), BLACKANDWHITE of depth 1"
		pam      = "PAM of depth 1; of more"
		pictures = "several pictures of P4 to P7 in a file, headers alike"
	)
	p7 := func(w, depth, maxval, tuple, samples string) string {
		return "P7\nWIDTH " + w + "\nHEIGHT 1\nDEPTH " + depth + "\nMAXVAL " + maxval + "\n" + tuple + "ENDHDR\n" + samples
	}
	cases := []struct {
		row, file string
		dtype     tensor.DType
		shape     tensor.Shape
		want      string // elements, little-endian
		place     bool
	}{
		{bits, "P1 3 2 010 1 1 0", tensor.Bool, tensor.Shape{2, 3}, "\x01\x00\x01\x00\x00\x01", false},
		{bits, "P4 3 2 \x5f\xdf", tensor.Bool, tensor.Shape{2, 3}, "\x01\x00\x01\x00\x00\x01", false},
		{text, "P2 2 1 255 1 255", tensor.U8, tensor.Shape{1, 2}, "\x01\xff", false},
		{text, "P2 2 1 256 1 256", tensor.U16, tensor.Shape{1, 2}, "\x01\x00\x00\x01", false},
		{text, "P3 1 1 15 1 2 3", tensor.U8, tensor.Shape{1, 1, 3}, "\x01\x02\x03", false},
		{text, "P3 1 1 300 1 2 300", tensor.U16, tensor.Shape{1, 1, 3}, "\x01\x00\x02\x00\x2c\x01", false},
		{grey, "P5 2 1 255 ab", tensor.U8, tensor.Shape{1, 2}, "ab", true},
		{grey, "P5 1 2 65535 abcd", tensor.U16, tensor.Shape{2, 1}, "badc", true},
		{colour, "P6 1 2 100 RGBrgb", tensor.U8, tensor.Shape{2, 1, 3}, "RGBrgb", true},
		{colour, "P6 1 1 1000 RrGgBb", tensor.U16, tensor.Shape{1, 1, 3}, "rRgGbB", true},
		{pamBits, p7("3", "1", "1", "TUPLTYPE BLACKANDWHITE\n", "\x00\x01\x01"), tensor.Bool, tensor.Shape{1, 3}, "\x00\x01\x01", true},
		{pam, p7("2", "1", "255", "", "ab"), tensor.U8, tensor.Shape{1, 2}, "ab", true},
		{pam, p7("1", "4", "255", "TUPLTYPE RGB_ALPHA\n", "rgba"), tensor.U8, tensor.Shape{1, 1, 4}, "rgba", true},
		{pam, p7("1", "5", "999", "", "aabbccddee"), tensor.U16, tensor.Shape{1, 1, 5}, "aabbccddee", true},
		{pictures, "P5 2 1 255 abP5 2 1 255 cdP5 2 1 255 ef", tensor.U8, tensor.Shape{3, 1, 2}, "abcdef", true},
		{pictures, "P6 1 1 255 abc\nP6 1 1 255 def\n", tensor.U8, tensor.Shape{2, 1, 1, 3}, "abcdef", true},
		{pictures, "P5 2 1 256 abcdP5 2 1\n# other\n256 efghP5 2 1 256 ijkl", tensor.U16, tensor.Shape{3, 1, 2}, "badcfehgjilk", false},
		{pictures, "P4 1 1 \x80P4 1 1 \x00", tensor.Bool, tensor.Shape{2, 1, 1}, "\x00\x01", false},
		{pictures, p7("1", "1", "255", "", "a") + p7("1", "1", "255", "", "b"), tensor.U8, tensor.Shape{2, 1, 1}, "ab", true},
	}
	seen := map[string]bool{}
	rows := golden.Table(t, "../../docs/images.md", "in the file")
	for _, c := range cases {
		seen[c.row] = true
		f, x, err := open(t, []byte(c.file))
		if err != nil {
			t.Errorf("%s: %v", c.row, err)
			continue
		}
		defer f.Close()
		if x.DType() != c.dtype || !x.Shape().Equal(c.shape) || !bytes.Equal(elements(t, x), []byte(c.want)) || c.place != (x.Storage().Kind == tensorfile.StorageRaw) {
			t.Errorf("%s: %q: %v %v %q, %v", c.row, c.file, x.DType(), x.Shape(), elements(t, x), x.Storage().Kind)
		}
	}
	n := 0
	for _, cells := range rows {
		if slices.ContainsFunc([]string{"PBM", "PGM", "PPM", "PAM", "several pictures of P4"}, func(s string) bool { return strings.HasPrefix(cells[0], s) }) {
			if n++; !seen[cells[0]] {
				t.Errorf("no file for %q", cells[0])
			}
		}
	}
	if n != len(seen) || n < 7 {
		t.Errorf("%d rows in the docs, %d here", n, len(seen))
	}
}
