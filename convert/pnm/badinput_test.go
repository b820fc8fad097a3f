package pnm_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/tensor"
)

// TestBadInput goes through I30 of the catalogue and the rows PM01 to PM32 of this
// package.
func TestBadInput(t *testing.T) {
	var rows []badinput.Row
	add := func(id, what, text string, kind error, at badinput.Stage, says ...string) *badinput.Row {
		rows = append(rows, badinput.Row{ID: id, What: what, Format: "pnm", From: "pnm", Kind: kind, At: at, Says: says, Make: func(t testing.TB, dir string) string {
			path := filepath.Join(dir, "x.pnm")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
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
	const most = "2147483647"

	add("I30", "a PNG", "\x89PNG\r\n\x1a\n", tensor.ErrFormat, open, `offset 0: magic: got "\x89P", want P1 to P7`)
	add("I30", "empty", "", tensor.ErrTruncated, open, "offset 0: magic: got the end of the file")
	whole := "P6 2 # c\n1 255\nabcdef"
	for n := 1; n < len(whole); n++ {
		says := fmt.Sprintf("offset %d: ", n)
		if n >= 15 {
			says = fmt.Sprintf("offset 15: samples: got %d bytes, want 6 of P6, 2 x 1, up to 255", n-15)
		}
		add("PM01", fmt.Sprintf("%d bytes", n), whole[:n], tensor.ErrTruncated, open, says)
	}
	add("PM02", "P0", "P0 1 1 255 a", tensor.ErrFormat, open, `magic: got "P0"`)
	add("PM02", "P8", "P8 1 1 255 a", tensor.ErrFormat, open, `magic: got "P8"`)
	add("PM02", "PFM", "PF 1 1 -1 aaaabbbbcccc", tensor.ErrUnsupported, open, "magic: got PF (PFM)")
	add("PM03", "no white space behind the magic", "P51 1 255 a", tensor.ErrFormat, open, `offset 2: magic: got "P51", want white space behind it`)
	add("PM04", "width 0", "P5 0 1 255 a", tensor.ErrFormat, open, "offset 3: width: got 0, want 1 to 2147483647")
	add("PM04", "height 0", "P5 1 0 255 a", tensor.ErrFormat, open, "offset 5: height: got 0")
	add("PM05", "width -1", "P5 -1 1 255 a", tensor.ErrFormat, open, `offset 3: width: got "-", want a whole number`)
	add("PM05", "width +1", "P5 +1 1 255 a", tensor.ErrFormat, open, `width: got "+"`)
	add("PM05", "width 1.5", "P5 1.5 1 255 a", tensor.ErrFormat, open, `offset 4: width: got "."`)
	add("PM05", "width 0x10", "P5 0x10 1 255 a", tensor.ErrFormat, open, `width: got "x"`)
	add("PM06", "width 2^31", "P5 2147483648 1 255 a", tensor.ErrLimit, open, "offset 3: width: got 2147483648 or more, want 1 to 2147483647")
	add("PM06", "width 2^64+1", "P5 18446744073709551617 1 255 a", tensor.ErrLimit, open, "width: got 18446744073 or more")
	add("PM06", "a width of a thousand digits", "P5 "+strings.Repeat("9", 1000)+" 1 255 a", tensor.ErrLimit, open, "width: got 9999999999 or more, want")
	add("PM06", "a width of a thousand zeros", "P5 "+strings.Repeat("0", 1000)+"1 1 255 a", nil, open).Check = shape(1, 1)
	add("PM07", "2^31-1 squared of bytes", "P5 "+most+" "+most+" 255 a", tensor.ErrTruncated, open, "samples: got 1 bytes, want 4611686014132420609 of")
	add("PM07", "2^31-1 squared of 6 bytes", "P6 "+most+" "+most+" 65535 a", tensor.ErrTruncated, open, "want 9223372036854775807 of")
	add("PM07", "2^31-1 squared of bits", "P4 "+most+" "+most+" a", tensor.ErrTruncated, open, "want 576460752034988032 of")
	add("PM07", "2^31-1 squared of digits", "P1 "+most+" "+most+" 1", tensor.ErrTruncated, open, "want at least 4611686014132420609")
	add("PM07", "2^31-1 squared of numbers", "P3 "+most+" "+most+" 255 1", tensor.ErrTruncated, open, "want at least 9223372036854775807")
	add("PM07", "2^31-1 squared of 65535 samples", "P7\nWIDTH "+most+"\nHEIGHT "+most+"\nDEPTH 65535\nMAXVAL 65535\nENDHDR\n", tensor.ErrTruncated, open, "want 9223372036854775807 of P7")
	add("PM08", "20000 x 20000 in 20 bytes", "P6\n20000 20000\n255\na", tensor.ErrTruncated, open, "want 1200000000 of P6")
	add("PM09", "maxval 0", "P5 1 1 0 a", tensor.ErrFormat, open, "offset 7: maxval: got 0, want 1 to 65535")
	add("PM09", "maxval 65536", "P5 1 1 65536 a", tensor.ErrLimit, open, "maxval: got 65536 or more, want 1 to 65535")
	add("PM10", "no white space behind maxval", "P5 1 1 255", tensor.ErrTruncated, open, "offset 10: maxval: got the end of the file")
	add("PM10", "a letter behind maxval", "P5 1 1 255aa", tensor.ErrFormat, open, `offset 10: maxval: got "a"`)
	add("PM11", "a comment without an end", "P5 1 # 1 255 a", tensor.ErrTruncated, open, "offset 14: height: got the end of the file")
	add("PM11", "a comment before the samples", "P5 1 1 255# the samples follow\n\na", nil, open).Check = shape(1, 1)
	add("PM12", "1 MiB of comment", "P5 1 1 #"+strings.Repeat("x", 1<<20)+"\n255 a", tensor.ErrLimit, open, "header: got more than 65536 bytes, want at most so many (ReadOptions.MaxHeader)")
	add("PM12", "a million comments", "P5 1 1 "+strings.Repeat("#\n", 1e6)+"255 a", tensor.ErrLimit, open, "header: got more than 65536 bytes")
	add("PM12", "1 MiB of spaces", "P5 1 1 "+strings.Repeat(" ", 1<<20)+"255 a", tensor.ErrLimit, open, "header: got more than 65536 bytes")
	add("PM12", "1 MiB of spaces behind", "P5 1 1 255 a"+strings.Repeat("\n", 1<<20), tensor.ErrLimit, open, "header: got more than 65536 bytes")
	add("PM13", "junk behind", "P5 1 1 255 a\x00\x01\x02\x03", tensor.ErrFormat, open, "offset 12: behind the samples: got 00 01 02, of 4 bytes, want the end of the file, or another picture, after P5, 1 x 1, up to 255")
	add("PM13", "twice the samples", "P5 1 1 255 \x00\x01", tensor.ErrFormat, open, "offset 12: behind the samples: got 01, of 1 bytes")
	add("PM14", "a picture of another size behind", "P5 1 1 255 aP5 1 2 255 bc", tensor.ErrUnsupported, open, "offset 12: picture 2: got P5, 1 x 2, up to 255, want P5, 1 x 1, up to 255, as the first")
	add("PM14", "a picture of another kind behind", "P4 8 1 aP5 8 1 255 bcdefghi", tensor.ErrUnsupported, open, "picture 2: got P5, 8 x 1, up to 255, want P4, 8 x 1, as")
	add("PM14", "a picture of another maxval behind", "P5 1 1 255 aP5 1 1 254 b", tensor.ErrUnsupported, open, "picture 2: got P5, 1 x 1, up to 254")
	add("PM14", "a third one", "P5 1 1 255 aP5 1 1 255 bP6 1 1 255 bcd", tensor.ErrUnsupported, open, "offset 24: picture 3: got P6")
	add("PM15", "half a picture behind", "P5 1 1 255 aP5 1 1 255 ", tensor.ErrTruncated, open, "offset 23: samples: got 0 bytes, want 1")
	add("PM15", "half a header behind", "P5 1 1 255 aP5 1", tensor.ErrTruncated, open, "offset 16: width")
	add("PM16", "1.1 million pictures", strings.Repeat("P4 1 1 a", 1100000), tensor.ErrLimit, open, "offset 8388608: pictures: got more, want at most 1048576").Slow = true
	add("PM17", "no digit", "P2 1 1 255 x", tensor.ErrFormat, use, `offset 11: sample: got "x", want a digit`)
	add("PM17", "a sample below 0", "P2 2 1 255 1 -1", tensor.ErrFormat, use, `offset 13: sample: got "-"`)
	add("PM17", "a NUL", "P3 1 1 255 1 2 \x00", tensor.ErrFormat, use, `offset 15: sample: got "\x00"`)
	add("PM18", "a sample above maxval", "P2 2 1 15 15 16", tensor.ErrCorrupt, use, "offset 14: sample: got 16 or more, want at most 15, the maxval")
	add("PM18", "a sample of a thousand digits", "P2 2 1 255 "+strings.Repeat("9", 1000)+" 1", tensor.ErrCorrupt, use, "sample: got 999 or more")
	add("PM19", "too few samples", "P2 2 2 255 1 2 3 #   5", tensor.ErrTruncated, use, "offset 22: samples: got 3, want 4 of P2, 2 x 2")
	add("PM19", "too few digits", "P1 3 1 01 # 1", tensor.ErrTruncated, use, "samples: got 2, want 3 of P1, 3 x 1")
	add("PM20", "a digit that is no bit", "P1 2 1 12", tensor.ErrFormat, use, `offset 8: sample: got "2", want 0 or 1`)
	add("PM21", "too many samples", "P2 1 1 255 1 2", tensor.ErrFormat, use, `offset 13: behind the samples: got "2", want the end of the file: text holds one picture`)
	add("PM21", "another picture behind text", "P1 1 1 1\nP1 1 1 1\n", tensor.ErrFormat, use, `offset 9: behind the samples: got "P"`)
	add("PM21", "comments behind text", "P1 1 1 1 # the end\n# it was", nil, open).Check = shape(1, 1)
	add("PM22", "1 MiB of comment among samples", "P2 2 1 255 1 #"+strings.Repeat("x", 1<<20)+"\n2", nil, open).Check = shape(1, 2)
	pam := func(lines ...string) string { return "P7\n" + strings.Join(lines, "\n") + "\nENDHDR\nabcd" }
	add("PM23", "PAM without a width", pam("HEIGHT 1", "DEPTH 4", "MAXVAL 255"), tensor.ErrFormat, open, "WIDTH: got none, want one before ENDHDR")
	add("PM23", "PAM without maxval", pam("WIDTH 1", "HEIGHT 1", "DEPTH 4"), tensor.ErrFormat, open, "MAXVAL: got none")
	add("PM24", "PAM with two widths", pam("WIDTH 1", "WIDTH 1", "HEIGHT 1", "DEPTH 4", "MAXVAL 255"), tensor.ErrFormat, open, "offset 11: WIDTH: got a second one")
	add("PM25", "PAM without an end", "P7\nWIDTH 1\nHEIGHT 1\n", tensor.ErrTruncated, open, "offset 20: header: got the end of the file")
	add("PM26", "PAM of depth 0", pam("WIDTH 1", "HEIGHT 1", "DEPTH 0", "MAXVAL 255"), tensor.ErrFormat, open, `offset 20: DEPTH: got "0", want 1 to 65535`)
	add("PM26", "PAM of depth 65536", pam("WIDTH 1", "HEIGHT 1", "DEPTH 65536", "MAXVAL 255"), tensor.ErrLimit, open, `DEPTH: got "65536"`)
	add("PM27", "PAM with an empty width", pam("WIDTH", "HEIGHT 1", "DEPTH 4", "MAXVAL 255"), tensor.ErrFormat, open, `offset 3: WIDTH: got "", want 1 to`)
	add("PM27", "PAM with two numbers", pam("WIDTH 1 2", "HEIGHT 1", "DEPTH 4", "MAXVAL 255"), tensor.ErrFormat, open, `WIDTH: got "1 2", want a whole number`)
	add("PM27", "PAM with 2^64", pam("WIDTH 18446744073709551616", "HEIGHT 1", "DEPTH 4", "MAXVAL 255"), tensor.ErrLimit, open, `WIDTH: got "184467440737`)
	add("PM28", "PAM with another word", pam("WIDTH 1", "COLOUR 1"), tensor.ErrFormat, open, `offset 11: header: got "COLOUR", want WIDTH, HEIGHT`)
	add("PM29", "PAM with words behind the magic", "P7 1 1 255\nENDHDR\n", tensor.ErrFormat, open, `magic: got "1 1 255", want the end of the line`)
	add("PM30", "PAM of no UTF-8", pam("WIDTH 1", "HEIGHT 1", "DEPTH 4", "MAXVAL 255", "TUPLTYPE a\xff"), tensor.ErrFormat, open, `TUPLTYPE: got "a\xff", want UTF-8`)
	add("PM31", "1 MiB of TUPLTYPE", pam("WIDTH 1", strings.Repeat("TUPLTYPE x\n", 1e5)), tensor.ErrLimit, open, "header: got more than 65536 bytes")
	add("PM32", "samples above maxval in place", "P5 2 1 15 \x10\xff", nil, open).Check = shape(1, 2)
	badinput.Run(t, rows)
	if t.Logf("%d rows", len(rows)); len(rows) < 88 {
		t.Error("fewer than 88 rows")
	}
}
