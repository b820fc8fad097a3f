package pfm_test

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

// TestBadInput goes through the rows F01 to F16 of this package.
func TestBadInput(t *testing.T) {
	var rows []badinput.Row
	add := func(id, what, text string, kind error, says ...string) *badinput.Row {
		rows = append(rows, badinput.Row{ID: id, What: what, Format: "pfm", From: "pfm", Kind: kind, Says: says, Make: func(t testing.TB, dir string) string {
			path := filepath.Join(dir, "x.pfm")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}})
		return &rows[len(rows)-1]
	}
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
	whole := "PF\n1 2\n-1\naaaabbbbccccddddeeeeffff"
	for n := range whole {
		says := fmt.Sprintf("offset %d: ", n)
		if n >= 10 {
			says = fmt.Sprintf("offset 10: samples: got %d bytes, want 24 of 1 x 2 pixels of 12", n-10)
		}
		add("F01", fmt.Sprintf("%d bytes", n), whole[:n], tensor.ErrTruncated, says)
	}
	add("F02", "one byte more", whole+"!", tensor.ErrTruncated, "samples: got 25 bytes, want 24")
	add("F03", "another magic", "PX\n1 1\n-1\naaaa", tensor.ErrFormat, `offset 0: magic: got "PX", want PF or Pf`)
	add("F03", "PF4", "PF4\n1 1\n-1\naaaabbbbccccdddd", tensor.ErrFormat, `magic: got "PF4"`)
	add("F03", "PGM", "P5\n1 1\n255\na", tensor.ErrFormat, `magic: got "P5"`)
	add("F03", "white space in front", "\nPf\n1 1\n-1\naaaa", tensor.ErrFormat, `magic: got ""`)
	add("F04", "width 0", "Pf\n0 1\n-1\n", tensor.ErrFormat, `offset 3: width: got "0", want 1 to 2147483647`)
	add("F04", "height 0", "Pf\n1 0\n-1\n", tensor.ErrFormat, `offset 5: height: got "0"`)
	add("F05", "width -1", "Pf\n-1 1\n-1\naaaa", tensor.ErrFormat, `width: got "-1", want a whole number`)
	add("F05", "width 1.0", "Pf\n1.0 1\n-1\naaaa", tensor.ErrFormat, `width: got "1.0"`)
	add("F05", "width of letters", "Pf\none 1\n-1\naaaa", tensor.ErrFormat, `width: got "one"`)
	add("F06", "width 2^31", "Pf\n2147483648 1\n-1\naaaa", tensor.ErrLimit, `offset 3: width: got "2147483648"`)
	add("F06", "width 2^64+1", "Pf\n18446744073709551617 1\n-1\naaaa", tensor.ErrLimit, `width: got "18446744073709551617"`)
	add("F07", "2^31-1 squared", "Pf\n"+most+" "+most+"\n-1\naaaa", tensor.ErrTruncated, "samples: got 4 bytes, want 9223372036854775807 of")
	add("F07", "2^31-1 squared, colour", "PF\n"+most+" "+most+"\n-1\naaaa", tensor.ErrTruncated, "want 9223372036854775807 of")
	add("F08", "20000 x 20000 in 20 bytes", "PF\n20000 20000\n-1.0\n", tensor.ErrTruncated, "samples: got 0 bytes, want 4800000000 of 20000 x 20000 pixels of 12")
	for _, s := range []string{"0", "-0.0", "nan", "inf", "-inf", "1e999", "0x1p-2", "1_0", "one", "--1", "1,0", "#1"} {
		add("F09", "scale "+s, "Pf\n1 1\n"+s+"\naaaa", tensor.ErrFormat, "offset 7: scale: got "+tensor.Quote(s)+", want a decimal number that is not 0")
	}
	add("F10", "a comment", "Pf\n# no\n1 1\n-1\naaaa", tensor.ErrFormat, `offset 3: width: got "#"`)
	add("F11", "1 MiB of spaces", "Pf"+strings.Repeat(" ", 1<<20)+"1 1 -1\naaaa", tensor.ErrLimit, "width: got no end in the first 256 bytes, want a header of at most so many (ReadOptions.MaxHeader)")
	add("F12", "1 MiB of digits", "Pf\n1 1\n-1."+strings.Repeat("0", 1<<20)+"\naaaa", tensor.ErrLimit, "offset 7: scale: got no end")
	add("F13", "a magic of 1 MiB", strings.Repeat("P", 1<<20), tensor.ErrLimit, "offset 0: magic: got no end")
	add("F14", "zeros in front of numbers", "Pf\n"+strings.Repeat("0", 99)+"1 01\n-1\naaaa", nil).Check = shape(1, 1)
	add("F15", "a scale so small that it is 0", "Pf\n1 1\n1e-400\naaaa", tensor.ErrFormat, `scale: got "1e-400"`)
	add("F16", "NUL bytes", "Pf\x001 1\n-1\naaaa", tensor.ErrFormat, `magic: got "Pf\x001"`)
	badinput.Run(t, rows)
	if t.Logf("%d rows", len(rows)); len(rows) < 68 {
		t.Error("fewer than 68 rows")
	}
}
