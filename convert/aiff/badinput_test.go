package aiff_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/aiff"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/tensor"
)

// form is a file of chunks whose sizes are right.
func form(kind string, chunks ...string) []byte { return sized(-1, kind, chunks...) }

// sized is form with any size.
func sized(size int64, kind string, chunks ...string) []byte {
	body := kind + strings.Join(chunks, "")
	if size < 0 {
		size = int64(len(body))
	}
	return append(be.AppendUint32([]byte("FORM"), uint32(size)), body...)
}

// chunk is a chunk with its pad byte.
func chunk(id, body string) string {
	s := claim(id, uint32(len(body)), body)
	if len(body)%2 == 1 {
		s += "\x00"
	}
	return s
}

// claim is a chunk with any size.
func claim(id string, size uint32, body string) string {
	return string(be.AppendUint32([]byte(id), size)) + body
}

const hz = "\x40\x0b\xfa\x00\x00\x00\x00\x00\x00\x00" // 8000

// comm is a COMM chunk; kind is a compression, or nothing.
func comm(channels uint16, frames uint32, bits uint16, rate, kind string) string {
	b := be.AppendUint16(nil, channels)
	b = be.AppendUint32(b, frames)
	b = be.AppendUint16(b, bits)
	if kind != "" {
		kind += "\x00\x00"
	}
	return chunk("COMM", string(b)+rate+kind)
}

func ssnd(offset uint32, body string) string {
	return chunk("SSND", string(be.AppendUint32(nil, offset))+"\x00\x00\x00\x00"+body)
}

// TestBad goes through the rows of the bad-input catalogue that are about AIFF,
// and those of WAV that AIFF has, too.
func TestBad(t *testing.T) {
	mono, data := comm(1, 2, 16, hz, ""), ssnd(0, "abcd")
	packed := func(kind string) []byte { return form("AIFC", comm(1, 2, 16, hz, kind), data) }
	cases := []struct {
		row  string
		b    []byte
		kind error
		text string
	}{
		{"empty", nil, tensor.ErrTruncated, "offset 0: FORM header: got 0 bytes, want 12"},
		{"id", append([]byte("FORX"), form("AIFF", mono, data)[4:]...), tensor.ErrFormat, `offset 0: id: got "FORX", want FORM`},
		{"form", form("8SVX", mono, data), tensor.ErrFormat, `offset 8: form: got "8SVX", want AIFF or AIFC`},
		{"A20 no COMM", form("AIFF", data), tensor.ErrFormat, "COMM chunk: got none, want one"},
		{"A20 two COMM", form("AIFF", mono, mono, data), tensor.ErrFormat, `chunk "COMM": got a second one, want one`},
		{"A20 two SSND", form("AIFF", mono, data, data), tensor.ErrFormat, `chunk "SSND": got a second one, want one`},
		{"A20 no SSND", form("AIFF", mono), tensor.ErrFormat, "SSND chunk: got none, want one of 2 frames"},
		{"A20 short COMM", form("AIFF", chunk("COMM", "0123456789"), data), tensor.ErrFormat, "offset 16: COMM size: got 10, want at least 18"},
		{"A20 short COMM of AIFF-C", form("AIFC", mono, data), tensor.ErrFormat, "COMM size: got 18, want at least 22"},
		{"A20 rate NaN", form("AIFF", comm(1, 2, 16, "\x7f\xff\xc0\x00\x00\x00\x00\x00\x00\x00", ""), data), tensor.ErrFormat, "offset 28: sample rate: got 7fffc000000000000000"},
		{"A20 rate infinite", form("AIFF", comm(1, 2, 16, "\x7f\xff\x80\x00\x00\x00\x00\x00\x00\x00", ""), data), tensor.ErrFormat, "sample rate: got 7fff8000000000000000"},
		{"A20 rate 0", form("AIFF", comm(1, 2, 16, strings.Repeat("\x00", 10), ""), data), tensor.ErrFormat, "sample rate: got 00000000000000000000, want a number above 0"},
		{"A20 rate -8000", form("AIFF", comm(1, 2, 16, "\xc0"+hz[1:], ""), data), tensor.ErrFormat, "sample rate: got c00bfa"},
		{"A20 rate 1e300", form("AIFF", comm(1, 2, 16, "\x43\xe3\xbf\x21\xe4\x40\x03\xac\xdd\x2d", ""), data), tensor.ErrFormat, "sample rate: got 43e3bf21"},
		{"A20 rate without a leading one", form("AIFF", comm(1, 2, 16, "\x40\x0b\x7a\x00\x00\x00\x00\x00\x00\x00", ""), data), tensor.ErrFormat, "sample rate: got 400b7a"},
		{"A20 rate too small", form("AIFF", comm(1, 2, 16, "\x00\x01\xfa\x00\x00\x00\x00\x00\x00\x00", ""), data), tensor.ErrFormat, "sample rate: got 0001fa"},
		{"A20 offset past the end", form("AIFF", mono, ssnd(5, "abcd")), tensor.ErrFormat, "offset 46: SSND offset: got 5, want at most 4"},
		{"A20 offset 2^32-1", form("AIFF", mono, ssnd(math.MaxUint32, "abcd")), tensor.ErrFormat, "SSND offset: got 4294967295"},
		{"A20 short SSND", form("AIFF", mono, chunk("SSND", "abcd")), tensor.ErrFormat, "SSND size: got 4, want at least 8"},
		{"A20 chunk size -1", form("AIFF", mono, claim("SSND", math.MaxUint32, "abcdabcd")), tensor.ErrFormat, `offset 42: chunk "SSND" size: got 4294967295, want at most the 8 bytes that follow`},
		{"A20 chunk size -2^31", form("AIFF", claim("COMM", 1<<31, "abcdabcd")), tensor.ErrFormat, `chunk "COMM" size: got 2147483648`},
		{"a chunk longer than the file", form("AIFF", mono, claim("SSND", 1<<30, "abcdabcd")), tensor.ErrTruncated, `chunk "SSND" size: got 1073741824`},
		{"a chunk id of zeros", form("AIFF", "\x00\x00\x00\x00\x00\x00\x00\x00", mono, data), tensor.ErrFormat, `offset 12: chunk id: got "\x00\x00\x00\x00"`},
		{"0 channels", form("AIFF", comm(0, 2, 16, hz, ""), data), tensor.ErrFormat, "offset 20: channels: got 0, want 1 to 1024"},
		{"65535 channels", form("AIFF", comm(65535, 2, 16, hz, ""), data), tensor.ErrFormat, "channels: got 65535"},
		{"0 bits", form("AIFF", comm(1, 2, 0, hz, ""), data), tensor.ErrFormat, "offset 26: bits of a sample: got 0, want 1 to 32"},
		{"33 bits", form("AIFF", comm(1, 2, 33, hz, ""), data), tensor.ErrFormat, "bits of a sample: got 33"},
		{"more frames than bytes", form("AIFF", comm(1, 3, 16, hz, ""), data), tensor.ErrFormat, "frames: got 3 of 2 bytes, want at most 2: SSND has 4 bytes"},
		{"A22 2^32-1 frames of 255 channels", form("AIFF", comm(255, math.MaxUint32, 16, hz, ""), data), tensor.ErrFormat, "frames: got 4294967295 of 510 bytes, want at most 0"},
		{"A21 ima4", packed("ima4"), tensor.ErrUnsupported, `offset 38: compression: got "ima4", want NONE, twos, sowt, in24, in32, 42ni, 23ni, fl32, fl64, alaw or ulaw`},
		{"A21 MAC3", packed("MAC3"), tensor.ErrUnsupported, `got "MAC3"`},
		{"A21 QDM2", packed("QDM2"), tensor.ErrUnsupported, `got "QDM2"`},
		{"A21 zeros", packed("\x00\x00\x00\x00"), tensor.ErrUnsupported, `got "\x00\x00\x00\x00"`},
		{"A08 a million chunks", form("AIFF", mono, strings.Repeat(chunk("JUNK", ""), 1e6), data), tensor.ErrLimit, "chunks: got more, want at most 4096"},
		{"A08 2 MiB of text", form("AIFF", mono, chunk("ANNO", strings.Repeat("x", 2<<20)), data), tensor.ErrLimit, `chunk "ANNO" size: got 2097152, want at most 1048576`},
	}
	var rows []badinput.Row
	own := 0
	for _, c := range cases {
		id, what, _ := strings.Cut(c.row, " ")
		if len(id) != 3 || id[0] != 'A' {
			own++
			id, what = fmt.Sprintf("AF%02d", own), c.row
		}
		rows = append(rows, badinput.Row{ID: id, What: what, Format: "aiff", From: "aiff", Kind: c.kind, Says: []string{c.text}, NoOffset: true, Make: badinput.File("x.aiff", c.b)})
	}
	badinput.Run(t, rows)
	if t.Logf("%d rows", len(rows)); len(rows) < 35 {
		t.Error("too few")
	}
}

// TestPrefixes opens every proper prefix of a file.
func TestPrefixes(t *testing.T) {
	mono, data := comm(1, 2, 16, hz, ""), ssnd(0, "abcd")
	whole := form("AIFF", chunk("NAME", "odd"), mono, data, chunk("ANNO", "behind"))
	for n := range whole {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := convert.OpenMap(t.Context(), mapped(whole[:n], "x.aiff"), nil)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, tensor.ErrTruncated) || !strings.Contains(err.Error(), "x.aiff: aiff: offset ") {
			t.Errorf("%d bytes: %v", n, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
			t.Errorf("%d bytes allocated", n)
		}
	}
	if t.Logf("%d prefixes", len(whole)); len(whole) < 84 {
		t.Error("too few")
	}
}

// TestOdd are files that are unusual, and what is in them.
func TestOdd(t *testing.T) {
	mono, data := comm(1, 2, 16, hz, ""), ssnd(0, "\x00\x01\x7f\xff")
	const want = "[    1 32767]"
	for _, c := range []struct {
		name string
		b    []byte
		want string
		note string
	}{
		{"plain", form("AIFF", mono, data), want, ""},
		{"samples first", form("AIFF", data, mono), want, ""},
		{"an offset", form("AIFF", mono, ssnd(3, "xyz\x00\x01\x7f\xff")), want, ""},
		{"twos", form("AIFC", comm(1, 2, 16, hz, "twos"), data), want, ""},
		{"sowt", form("AIFC", comm(1, 2, 16, hz, "sowt"), data), "[ 256 -129]", ""},
		{"NONE of AIFF-C", form("AIFC", comm(1, 2, 16, hz, "NONE"), data), want, ""},
		{"fl32", form("AIFC", comm(1, 1, 32, hz, "FL32"), ssnd(0, "\x3f\x80\x00\x00")), "[1.]", ""},
		{"fl64", form("AIFC", comm(1, 1, 64, hz, "fl64"), ssnd(0, "\xff\xf0\x00\x00\x00\x00\x00\x00")), "[-inf]", ""},
		{"alaw", form("AIFC", comm(1, 2, 16, hz, "ALAW"), ssnd(0, "\xd5\x2a")), "[     8 -32256]", ""},
		{"ulaw", form("AIFC", comm(1, 2, 8, hz, "ULAW"), ssnd(0, "\xff\x00")), "[     0 -32124]", ""},
		{"12 bits", form("AIFF", comm(1, 1, 12, hz, ""), ssnd(0, "\x12\x30")), "[4656]", ""},
		{"20 bits", form("AIFF", comm(1, 1, 20, hz, ""), ssnd(0, "\xff\xff\xf0")), "[-4096]", ""},
		{"in24", form("AIFC", comm(1, 1, 24, hz, "in24"), ssnd(0, "\x01\x02\x03")), "[16909056]", ""},
		{"in32", form("AIFC", comm(1, 1, 32, hz, "in32"), ssnd(0, "\x01\x02\x03\x04")), "[16909060]", ""},
		{"20 bits of sowt", form("AIFC", comm(1, 1, 20, hz, "sowt"), ssnd(0, "\xf0\xff\xff")), "[-4096]", ""},
		{"no frames", form("AIFF", comm(1, 0, 16, hz, "")), "[]", ""},
		{"no pad byte at the end", form("AIFF", comm(1, 1, 8, hz, ""), claim("SSND", 9, "\x00\x00\x00\x00\x00\x00\x00\x00a")), "[97]", ""},
		{"no pad byte, but counted", sized(4+26+17+1, "AIFF", comm(1, 1, 8, hz, ""), claim("SSND", 9, "\x00\x00\x00\x00\x00\x00\x00\x00a")), "[97]", ""},
		{"more in SSND", form("AIFF", mono, ssnd(0, "\x00\x01\x7f\xff!")), want, "1 bytes behind the frames in SSND"},
		{"more behind", append(form("AIFF", mono, data), "TAG"...), want, "3 bytes behind the end of the sound"},
	} {
		f, err := open(t, c.b)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		v, _ := read(t, f, "x")
		if notes := strings.Join(f.Layout().Notes, "; "); v.String() != c.want || (notes == "") != (c.note == "") || !strings.Contains(notes, c.note) {
			t.Errorf("%s: %s, %q", c.name, v, notes)
		}
	}
}

// FuzzOpen opens any bytes, reads what opens, writes it and reads that: the same
// samples.
func FuzzOpen(f *testing.F) {
	files, err := filepath.Glob("testdata/*.aiff")
	if err != nil || len(files) < 37 {
		f.Fatal(len(files), err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(form("AIFC", comm(1, 1, 20, hz, "sowt"), ssnd(2, "12\xf0\xff\xff"), chunk("NAME", "abc")))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := convert.OpenMap(t.Context(), mapped(b, "x.aiff"), &convert.OpenOptions{Format: "aiff"})
		if err != nil {
			var e *tensor.Error
			if !errors.As(err, &e) || e.Kind == nil {
				t.Fatalf("%v is no tensor.Error", err)
			}
			return
		}
		defer file.Close()
		v, attrs := read(t, file, "x")
		var out bytes.Buffer
		if err := aiff.Encode(&out, v, attrs); err != nil {
			t.Fatal(err)
		}
		again, _ := sound(t, out.Bytes())
		if !bytes.Equal(little(t, again), little(t, v)) {
			t.Fatal("other samples after writing and reading")
		}
	})
}
