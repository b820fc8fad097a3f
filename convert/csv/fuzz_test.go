package csv_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/records"
	"github.com/tensorfile/tensorfile/internal/badinput"
)

// FuzzRead: what encoding/csv reads and refuses, this package does, but for what
// the documentation says, and the values are those of strconv, in blocks of any
// size; what was read is written and read again as the same.
func FuzzRead(f *testing.F) {
	for _, x := range badinput.Texts(f, "testdata/bad.json") {
		b, err := x.Bytes()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint8(0))
	}
	for _, s := range []string{"a,b\n1,2.5\n", "\"a\",\"b\"\n\"1\",\"x\"\n", "1\n\n-0\n", "x\r\n \r\n\"\"\r\n", "NA,inf\n1e999,-nan\n", "\ufeff18446744073709551615,-1\n5,9223372036854775808"} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		defer func(n int) { records.BlockSize = n }(records.BlockSize)
		records.BlockSize = 1 + int(size)
		text := string(b)
		o := convert.TableOptions{Header: convert.No, Matrix: convert.No}
		g, err := openCSV(text, "t.csv", o)
		if err != nil {
			if e := new(tensorfile.Error); !errors.As(err, &e) {
				t.Fatalf("%T %v", err, err)
			}
		}
		plain := strings.TrimPrefix(text, "\ufeff")
		lone := strings.Contains(strings.ReplaceAll(plain, "\r\n", ""), "\r") || strings.Contains(plain, "\r\r")
		known := utf8.ValidString(text) && !lone && !bytes.HasPrefix(b, []byte("\xff\xfe")) && strings.Trim(plain, "\r\n") != "" && strings.Count(plain, ",") < 1<<15
		var want []string
		if known {
			var twinErr error
			if want, twinErr = twin(plain, false); (err != nil) != (twinErr != nil) {
				t.Fatalf("%q: %v; encoding/csv: %v", text, err, twinErr)
			}
		}
		if err != nil {
			return
		}
		defer g.Close()
		if !known {
			contents(t, g)
			return
		}
		got := contents(t, g)
		for i := range got {
			got[i] = strings.ReplaceAll(got[i], `\r\n`, `\n`)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q:\n%s\nwant\n%s", text, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		again, err := written(t, g, "csv", nil)
		if err != nil {
			t.Fatal(err)
		}
		h, err := openCSV(string(again), "t.csv", convert.TableOptions{Matrix: convert.No})
		if err != nil {
			t.Fatalf("%q: %v", again, err)
		}
		defer h.Close()
		if one, two := contents(t, g), contents(t, h); !slices.Equal(one, two) && g.Layout().Tensors[0].Shape[0] > 0 {
			t.Fatalf("%q:\n%s\ncame back from %q as\n%s", text, strings.Join(one, "\n"), again, strings.Join(two, "\n"))
		}
	})
}
