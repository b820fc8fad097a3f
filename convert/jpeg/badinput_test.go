package jpeg_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert/internal/picturetest"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/tensor"
)

// segment is one with its size.
func segment(m byte, body string) string {
	b := binary.BigEndian.AppendUint16([]byte{0xff, m}, uint16(len(body)+2))
	return string(b) + body
}

// frame is a SOF segment; components are of an id, factors and a table.
func frame(m byte, bits byte, h, w uint16, components ...string) string {
	b := binary.BigEndian.AppendUint16([]byte{bits}, h)
	b = append(binary.BigEndian.AppendUint16(b, w), byte(len(components)))
	return segment(m, string(b)+strings.Join(components, ""))
}

func file(parts ...string) []byte { return []byte("\xff\xd8" + strings.Join(parts, "")) }

// The parts of a grey picture of one block, all of whose codes are 0: one bit
// each for "no difference" and "no more coefficients".
var (
	quantisation = segment(0xdb, "\x00"+strings.Repeat("\x01", 64))
	counts       = "\x01" + strings.Repeat("\x00", 15)
	first        = segment(0xc4, "\x00"+counts+"\x00")
	others       = segment(0xc4, "\x10"+counts+"\x00")
	tables       = quantisation + first + others
	grey         = "\x01\x11\x00"
	begin        = segment(0xda, "\x01\x01\x00\x00\x3f\x00")
)

const end = "\xff\xd9"

// TestBadInput goes through rows I10 to I13 of the catalogue, and those of this
// package, J.
func TestBadInput(t *testing.T) {
	var rows []badinput.Row
	add := func(id, what string, b []byte, kind error, at badinput.Stage, says ...string) *badinput.Row {
		rows = append(rows, badinput.Row{ID: id, What: what, Format: "jpeg", Kind: kind, At: at, Says: says, Make: func(t testing.TB, dir string) string {
			path := filepath.Join(dir, "a.jpg")
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}})
		return &rows[len(rows)-1]
	}
	const open, use = badinput.Open, badinput.Use
	flat := func(shape string, level float64) func(testing.TB, *tensorfile.File) {
		return func(t testing.TB, f *tensorfile.File) {
			t.Helper()
			v, err := picturetest.Only(t, f).Read(t.Context())
			if err != nil || v.Shape().String() != shape {
				t.Fatal(v.Shape(), err)
			}
			if x, err := v.Float64At(make([]int64, v.Rank())...); err != nil || x != level {
				t.Errorf("%v, %v, want %v", x, err, level)
			}
		}
	}
	baseline := func(h, w uint16) string { return frame(0xc0, 8, h, w, grey) }
	progressive := func(h, w uint16) string { return frame(0xc2, 8, h, w, grey) }
	dc := segment(0xda, "\x01\x01\x00\x00\x00\x00")
	good := file(tables, baseline(8, 8), begin, "\x3f", end)
	add("J00", "a block", good, nil, open).Check = flat("(8, 8)", 128)
	add("J00", "a progressive block", file(tables, progressive(8, 8), dc, "\x7f", end), nil, open).Check = flat("(8, 8)", 128)

	add("I10", "65535 x 65535, baseline", file(tables, baseline(65535, 65535), begin, "\x00", end), tensor.ErrLimit, open, "bytes to decode: got", "of 65535x65535 pixels, want at most 1073741824")
	add("I10", "20000 x 20000, which the budget allows", file(tables, baseline(20000, 20000), begin, "\x00", end), tensor.ErrTruncated, open, "scans: got 13 bytes, want at least 195312 for 20000x20000 pixels")
	add("I11", "30000 x 30000, progressive", file(tables, progressive(30000, 30000), dc, "\x00", end), tensor.ErrLimit, open, "of 30000x30000 pixels")
	add("I11", "15000 x 15000, progressive", file(tables, progressive(15000, 15000), dc, "\x00", end), tensor.ErrTruncated, open, "scans: got 13 bytes, want at least 54931 for 15000x15000 pixels")
	refining := segment(0xda, "\x01\x01\x00\x00\x00\x00")
	add("I12", "10,000 progressive scans", file(tables, progressive(8, 8), strings.Repeat(refining+"\x7f", 10_000), end), tensor.ErrLimit, use, "scans: got more, want at most 100")
	add("I12", "100 progressive scans", file(tables, progressive(8, 8), strings.Repeat(refining+"\x7f", 100), end), nil, open).Check = flat("(8, 8)", 128)

	add("I13", "no SOI", good[2:], tensor.ErrFormat, open, "offset 0: SOI: got ff db, want ff d8")
	add("I13", "no EOI", good[:len(good)-2], tensor.ErrTruncated, use, "marker: got the end of the file, want EOI")
	for n := range 2 {
		add("I13", fmt.Sprintf("a segment of %d", n), file("\xff\xe0\x00"+string([]byte{byte(n)}), tables, baseline(8, 8), begin, "\x3f", end), tensor.ErrFormat, open, fmt.Sprintf("offset 4: size of segment ff e0: got %d, want at least 2", n))
		add("I13", fmt.Sprintf("a segment of %d behind a scan", n), file(tables, baseline(8, 8), begin, "\x3f", "\xff\xe0\x00"+string([]byte{byte(n)}), end), tensor.ErrCorrupt, use, fmt.Sprintf("size of segment ff e0: got %d, want at least 2", n))
	}
	for _, m := range []byte{0x02, 0x61, 0xbf, 0xf0, 0xfd} {
		says := fmt.Sprintf("marker: got ff %02x, want one that T.81 gives a meaning", m)
		add("I13", fmt.Sprintf("marker ff %02x", m), file(segment(m, "abc"), tables, baseline(8, 8), begin, "\x3f", end), tensor.ErrUnsupported, open, says)
		add("I13", fmt.Sprintf("marker ff %02x behind a scan", m), file(tables, baseline(8, 8), begin, "\x3f", segment(m, "abc"), end), tensor.ErrUnsupported, use, says)
	}
	add("I13", "DHT of class 2", file(quantisation, segment(0xc4, "\x20"+counts+"\x00"), baseline(8, 8), begin, "\x3f", end), tensor.ErrCorrupt, use, "offset 75: DHT: got table 0 of class 2, want 0 to 3 of class 0 or 1")
	add("I13", "DHT number 4", file(quantisation, segment(0xc4, "\x04"+counts+"\x00"), baseline(8, 8), begin, "\x3f", end), tensor.ErrCorrupt, use, "DHT: got table 4 of class 0")
	add("I13", "DHT of 16 bytes", file(segment(0xc4, counts), baseline(8, 8), begin, "\x3f", end), tensor.ErrCorrupt, use, "offset 6: DHT: got 16 bytes, want 17 and the symbols")
	add("I13", "DHT without symbols", file(segment(0xc4, "\x00"+counts), baseline(8, 8), begin, "\x3f", end), tensor.ErrCorrupt, use, "DHT: got 1 symbols in 0 bytes")
	add("I13", "DHT with 4080 symbols", file(segment(0xc4, "\x00"+strings.Repeat("\xff", 16)+strings.Repeat("a", 4080)), baseline(8, 8), begin, "\x3f", end), tensor.ErrCorrupt, use, "DHT: got 4080 symbols in 4080 bytes, want at most 256")
	add("I13", "DHT with too many codes", file(segment(0xc4, "\x00\x03"+strings.Repeat("\x00", 15)+"abc"), baseline(8, 8), begin, "\x3f", end), tensor.ErrCorrupt, use, "DHT: got more codes than there are bits for")
	add("I13", "DHT of 16 bits", file(segment(0xc4, "\x00"+counts+"\x10"), baseline(8, 8), begin, "\x3f", end), tensor.ErrCorrupt, use, "DHT: got symbol 16 of class 0, want at most 15 bits")
	add("I13", "DQT number 4", file(segment(0xdb, "\x04"+strings.Repeat("a", 64)), baseline(8, 8), begin, "\x3f", end), tensor.ErrCorrupt, use, "offset 6: DQT: got table 4 of precision 0, 64 bytes, want 0 to 3")
	add("I13", "DQT of precision 2", file(segment(0xdb, "\x20"+strings.Repeat("a", 192)), baseline(8, 8), begin, "\x3f", end), tensor.ErrCorrupt, use, "DQT: got table 0 of precision 2")
	add("I13", "DQT of 63 numbers", file(segment(0xdb, "\x00"+strings.Repeat("a", 63)), baseline(8, 8), begin, "\x3f", end), tensor.ErrCorrupt, use, "DQT: got table 0 of precision 0, 63 bytes")
	add("I13", "two frames", file(tables, baseline(8, 8), baseline(8, 8), begin, "\x3f", end), tensor.ErrFormat, open, "SOF: got a second frame, want one")
	add("I13", "two frames, one behind a scan", file(tables, baseline(8, 8), begin, "\x3f", baseline(8, 8), end), tensor.ErrCorrupt, use, "SOF: got a second frame, want one")
	add("I13", "12 bits", file(tables, frame(0xc1, 12, 8, 8, grey), begin, "\x3f", end), tensor.ErrUnsupported, open, "bits of a sample: got 12, want 8")
	for m, name := range map[byte]string{0xc3: "lossless", 0xc5: "hierarchical", 0xc9: "arithmetic code", 0xca: "arithmetic code, progressive", 0xcf: "arithmetic code, hierarchical, lossless"} {
		add("I13", name, file(tables, frame(m, 8, 8, 8, grey), begin, "\x3f", end), tensor.ErrUnsupported, open, fmt.Sprintf("frame: got ff %02x (%s), want baseline, extended or progressive, in Huffman code", m, name))
	}
	cmyk := frame(0xc0, 8, 8, 8, "\x01\x11\x00", "\x02\x11\x00", "\x03\x11\x00", "\x04\x11\x00")
	add("I13", "CMYK", file(tables, cmyk, segment(0xda, "\x04\x01\x00\x02\x00\x03\x00\x04\x00\x00\x3f\x00"), "\x00", end), nil, open).Check = flat("(8, 8, 4)", 127)
	rows[len(rows)-1].Note = "the issue asks for it"
	add("I30", "a PNG called .jpg", []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"), tensor.ErrFormat, open, "offset 0: SOI: got 89 50, want ff d8").From = "jpeg" // the tool looks and reads it as what it is
	add("I30", "an empty file", nil, tensor.ErrTruncated, open, "offset 0: SOI: got 0 bytes, want 2")

	add("J01", "no frame", file(tables, begin, "\x3f", end), tensor.ErrFormat, open, "SOS: got a scan, want a frame (SOF) before it")
	add("J02", "no scan", file(tables, baseline(8, 8), end), tensor.ErrTruncated, open, "EOI: got the end, want a scan before it")
	add("J03", "0 x 8", file(tables, baseline(8, 0), begin, "\x3f", end), tensor.ErrFormat, open, "width: got 0, want at least 1")
	add("J03", "8 x 0", file(tables, baseline(0, 8), begin, "\x3f", end), tensor.ErrUnsupported, open, "height: got 0, which is said behind the scan (DNL)")
	add("J03", "DNL", file(tables, baseline(8, 8), begin, "\x3f", segment(0xdc, "\x00\x10"), end), tensor.ErrUnsupported, use, "DNL: got a height behind the scan")
	for _, n := range []int{0, 2, 5} {
		add("J04", fmt.Sprintf("%d components", n), file(tables, frame(0xc0, 8, 8, 8, slices.Repeat([]string{grey}, n)...), begin, "\x3f", end), tensor.ErrUnsupported, open, fmt.Sprintf("components: got %d, want 1, 3 or 4", n))
	}
	add("J05", "a frame too short", file(tables, segment(0xc0, "\x08\x00\x08\x00\x08\x03\x01\x11\x00"), begin, "\x3f", end), tensor.ErrFormat, open, "size of SOF: got 11, want 8 and 3 for each component")
	add("J05", "a frame of 2", file(tables, segment(0xc0, ""), begin, "\x3f", end), tensor.ErrFormat, open, "size of SOF: got 2")
	for _, f := range []string{"\x00", "\x10", "\x01", "\x51", "\x15"} {
		add("J06", fmt.Sprintf("factors %x", f), file(tables, frame(0xc0, 8, 8, 8, "\x01"+f+"\x00", "\x02\x11\x00", "\x03\x11\x00"), begin, "\x3f", end), tensor.ErrUnsupported, open, "sampling factors: got "+fmt.Sprintf("%x", f))
	}
	add("J06", "factors 3 and 2", file(tables, frame(0xc0, 8, 8, 8, "\x01\x31\x00", "\x02\x21\x00", "\x03\x11\x00"), begin, "\x3f", end), tensor.ErrUnsupported, open, "sampling factors: got 31 21 11, want 1 to 4, each a divisor of the largest")
	add("J07", "factors of grey", file(tables, frame(0xc0, 8, 8, 8, "\x01\x42\x00"), begin, "\x3f", end), nil, open).Check = flat("(8, 8)", 128)
	add("J08", "no quantisation", file(first, others, baseline(8, 8), begin, "\x3f", end), tensor.ErrCorrupt, use, "quantisation table: got none with number 0")
	add("J08", "no quantisation of a progressive one", file(first, others, progressive(8, 8), dc, "\x7f", end), tensor.ErrCorrupt, use, "quantisation table: got none with number 0")
	add("J08", "quantisation 4", file(tables, frame(0xc0, 8, 8, 8, "\x01\x11\x04"), begin, "\x3f", end), tensor.ErrCorrupt, use, "quantisation table: got 4, want 0 to 3")
	add("J09", "no codes", file(quantisation, baseline(8, 8), begin, "\x3f", end), tensor.ErrCorrupt, use, "SOS: got tables 0 and 0, of which one is not there, want DHT before it")
	add("J09", "codes of one class", file(quantisation, first, baseline(8, 8), begin, "\x3f", end), tensor.ErrCorrupt, use, "of which one is not there")
	add("J10", "a code that is not there", file(tables, baseline(8, 8), begin, "\xff\x00", end), tensor.ErrCorrupt, use, "scan 0: got a code that is not there")
	add("J11", "no data", file(tables, baseline(8, 8), begin, end), tensor.ErrCorrupt, use, "scan 0: got the end of the data in unit 0 of row 0, want 1x1 units")
	add("J11", "data of one block of four", file(tables, baseline(16, 16), begin, "\x3f", end), tensor.ErrCorrupt, use, "scan 0: got a code that is not there")
	add("J11", "data of half the blocks", file(tables, baseline(64, 64), begin, "\x00\x00\x00\x00\x00\x00\x00\x00", end), tensor.ErrCorrupt, use, "scan 0: got the end of the data in unit 0 of row 4")
	many := segment(0xc4, "\x10"+counts+"\xf1") // sixteen zeros at a time
	add("J12", "too many coefficients", file(quantisation, first, many, baseline(8, 8), begin, "\x00\x00\x00\x00", end), tensor.ErrCorrupt, use, "scan 0: got a code that is not there, or too many coefficients")
	for what, c := range map[string]struct{ body, says string }{
		"no components":         {"\x00\x00\x3f\x00", "SOS: got 0 components in 4 bytes"},
		"five components":       {"\x05" + strings.Repeat("\x01\x00", 5) + "\x00\x3f\x00", "SOS: got 5 components"},
		"a short one":           {"\x01\x01\x00\x00\x3f", "SOS: got 1 components in 5 bytes"},
		"a long one":            {"\x01\x01\x00\x00\x3f\x00\x00", "SOS: got 1 components in 7 bytes"},
		"an empty one":          {"", "SOS: got 0 components in 0 bytes"},
		"a component of nobody": {"\x01\x09\x00\x00\x3f\x00", "SOS: got component 9, want those of the frame, each once"},
		"a component twice":     {"\x02\x01\x00\x01\x00\x00\x3f\x00", "SOS: got component 1, want those of the frame, each once"},
		"tables 4 and 0":        {"\x01\x01\x40\x00\x3f\x00", "SOS: got tables 4 and 0, want 0 to 3"},
		"tables 0 and 15":       {"\x01\x01\x0f\x00\x3f\x00", "SOS: got tables 0 and 15"},
	} {
		add("J13", what, file(tables, baseline(8, 8), segment(0xda, c.body), "\x3f", end), tensor.ErrCorrupt, use, c.says)
	}
	for what, c := range map[string]struct{ body, says string }{
		"coefficients 5 to 1":           {"\x01\x01\x00\x05\x01\x00", "SOS: got coefficients 5 to 1 of 1 components"},
		"coefficients 1 to 64":          {"\x01\x01\x00\x01\x40\x00", "SOS: got coefficients 1 to 64"},
		"coefficients 0 to 63":          {"\x01\x01\x00\x00\x3f\x00", "SOS: got coefficients 0 to 63"},
		"bits 0 and 14":                 {"\x01\x01\x00\x01\x3f\x0e", "SOS: got bits 0 and 14, want one bit more than before, at most 13"},
		"bits 3 and 1":                  {"\x01\x01\x00\x01\x3f\x31", "SOS: got bits 3 and 1"},
		"bits 1 and 1":                  {"\x01\x01\x00\x01\x3f\x11", "SOS: got bits 1 and 1"},
		"a refinement of no coded bits": {"\x01\x01\x00\x01\x3f\x10", "scan 0: got a code that is not there"},
	} {
		add("J14", what, file(tables, progressive(8, 8), segment(0xda, c.body), "\xff\x00", end), tensor.ErrCorrupt, use, c.says)
	}
	three := frame(0xc2, 8, 8, 8, "\x01\x11\x00", "\x02\x11\x00", "\x03\x11\x00")
	add("J15", "coefficients of three components", file(tables, three, segment(0xda, "\x03\x01\x00\x02\x00\x03\x00\x01\x3f\x00"), "\x00", end), tensor.ErrCorrupt, use, "coefficients 1 to 63 of 3 components, want 0 alone, or others of one component")
	wide := frame(0xc0, 8, 8, 8, "\x01\x44\x00", "\x02\x11\x00", "\x03\x11\x00")
	add("J16", "18 blocks in a unit", file(tables, wide, segment(0xda, "\x03\x01\x00\x02\x00\x03\x00\x00\x3f\x00"), "\x00\x00\x00\x00\x00", end), tensor.ErrCorrupt, use, "SOS: got 18 blocks in a unit, want at most 10")
	interval := segment(0xdd, "\x00\x01")
	add("J17", "restarts", file(tables, interval, baseline(8, 24), begin, "\x3f\xff\xd0\x3f\xff\xd1\x3f", end), nil, open).Check = flat("(8, 24)", 128)
	add("J17", "no restart", file(tables, interval, baseline(8, 24), begin, "\x00\x3f", end), tensor.ErrCorrupt, use, "scan 0: got ff d9, want the restart ff d0")
	add("J17", "another restart", file(tables, interval, baseline(8, 24), begin, "\x3f\xff\xd0\x3f\xff\xd2\x3f", end), tensor.ErrCorrupt, use, "scan 0: got ff d2, want the restart ff d1")
	add("J17", "an interval of one byte", file(tables, segment(0xdd, "\x01"), baseline(8, 8), begin, "\x3f", end), tensor.ErrCorrupt, use, "size of DRI: got 3, want 4")
	add("J18", "a byte before a marker", file("a", tables, baseline(8, 8), begin, "\x3f", end), tensor.ErrFormat, open, "offset 2: marker: got 61, want ff")
	add("J18", "fill bytes before a marker", file("\xff\xff\xff", tables, baseline(8, 8), begin, "\x3f", end), nil, open).Check = flat("(8, 8)", 128)
	add("J18", "bytes behind a scan", file(tables, baseline(8, 8), begin, "\x3fabc\x00\xff\x00abc", end), nil, open).Check = flat("(8, 8)", 128)
	add("J18", "bytes behind EOI", append(bytes.Clone(good), "more"...), nil, open).Check = flat("(8, 8)", 128)
	for _, m := range []byte{0x00, 0x01, 0xd0, 0xd8} {
		add("J19", fmt.Sprintf("a marker ff %02x", m), file("\xff"+string([]byte{m}), tables, baseline(8, 8), begin, "\x3f", end), tensor.ErrFormat, open, fmt.Sprintf("marker: got ff %02x, want one of a segment", m))
	}
	add("J20", "5,000 comments", file(strings.Repeat(segment(0xfe, "c"), 5000), tables, baseline(8, 8), begin, "\x3f", end), tensor.ErrLimit, open, "segments: got more, want at most 4096 before the first scan")
	add("J21", "EXIF that is none", file(segment(0xe1, "Exif\x00\x00hello"), tables, baseline(8, 8), begin, "\x3f", end), nil, open).Check = func(t testing.TB, f *tensorfile.File) {
		flat("(8, 8)", 128)(t, f)
		if notes := strings.Join(f.Layout().Notes, ""); !strings.Contains(notes, "EXIF is damaged: EXIF: offset 0: header: got 5 bytes") {
			t.Error(notes)
		}
	}
	add("J22", "short APP segments", file(segment(0xe0, ""), segment(0xe1, "E"), segment(0xe2, "ICC"), segment(0xee, "Adobe"), tables, baseline(8, 8), begin, "\x3f", end), nil, open).Check = flat("(8, 8)", 128)
	add("J23", "a component of another number", file(tables, frame(0xc0, 8, 8, 8, "\x01\x11\x00", "\x01\x11\x00", "\x01\x11\x00"), segment(0xda, "\x03\x01\x00\x01\x00\x01\x00\x00\x3f\x00"), "\x00", end), tensor.ErrCorrupt, use, "SOS: got component 1, want those of the frame, each once")
	for n := range good {
		kind, at := tensor.ErrTruncated, open
		if n >= len(good)-len("\x3f"+end)-len(begin)+2 { // of the scan, and of EOI
			at = use
		}
		if n == len(good)-3 {
			kind = tensor.ErrCorrupt
		}
		add("J24", fmt.Sprintf("%d bytes", n), good[:n], kind, at, "want")
	}
	badinput.Run(t, rows)
	t.Logf("%d rows", len(rows))
}
