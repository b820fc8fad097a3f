package wav_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/wav"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/tensor"
)

var le = binary.LittleEndian

// riff is a file of chunks whose sizes are right.
func riff(chunks ...string) []byte { return sized(-1, chunks...) }

// sized is riff with any size.
func sized(size int64, chunks ...string) []byte {
	body := "WAVE" + strings.Join(chunks, "")
	if size < 0 {
		size = int64(len(body))
	}
	return append(le.AppendUint32([]byte("RIFF"), uint32(size)), body...)
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
	return string(le.AppendUint32([]byte(id), size)) + body
}

// fmtChunk is a fmt chunk with sizes that fit, and what follows.
func fmtChunk(tag, channels uint16, rate uint32, bits uint16, more string) string {
	return chunk("fmt ", fields(tag, channels, rate, rate*uint32(channels)*uint32(bits/8), channels*(bits/8), bits)+more)
}

func fields(tag, channels uint16, rate, second uint32, frame, bits uint16) string {
	b := le.AppendUint16(nil, tag)
	b = le.AppendUint16(b, channels)
	b = le.AppendUint32(b, rate)
	b = le.AppendUint32(b, second)
	b = le.AppendUint16(b, frame)
	return string(le.AppendUint16(b, bits))
}

func extension(valid uint16, tag uint16, rest string) string {
	b := le.AppendUint16(nil, 22)
	b = le.AppendUint16(b, valid)
	b = le.AppendUint32(b, 0)
	return string(le.AppendUint16(b, tag)) + rest
}

const guid = "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"

func rf64(riffSize, dataSize uint64, chunks ...string) []byte {
	b := le.AppendUint64(nil, riffSize)
	b = le.AppendUint64(b, dataSize)
	b = sized(math.MaxUint32, append([]string{chunk("ds64", string(append(b, make([]byte, 12)...)))}, chunks...)...)
	copy(b, "RF64")
	return b
}

// TestBad goes through the rows A01 to A08 of the bad-input catalogue. What the
// error says is part of it.
func TestBad(t *testing.T) {
	mono := fmtChunk(1, 1, 8000, 16, "")
	data := chunk("data", "abcd")
	x64 := func(f string) string { return strings.Repeat(f, maxChunks) }
	cases := []struct {
		row  string
		b    []byte
		kind error
		text string
	}{
		{"A01 empty", nil, tensor.ErrTruncated, "offset 0: RIFF header: got 0 bytes, want 12"},
		{"A01 RIFX", append([]byte("RIFX"), riff(mono, data)[4:]...), tensor.ErrUnsupported, `offset 0: id: got "RIFX"`},
		{"A01 id", append([]byte("RIFE"), riff(mono, data)[4:]...), tensor.ErrFormat, `offset 0: id: got "RIFE"`},
		{"A01 WAVX", bytes.Replace(riff(mono, data), []byte("WAVE"), []byte("WAVX"), 1), tensor.ErrFormat, `offset 8: form: got "WAVX", want WAVE`},
		{"A01 RF64 without ds64", append([]byte("RF64"), riff(mono, data)[4:]...), tensor.ErrFormat, `offset 12: chunk id: got "fmt ", want ds64, first in RF64`},
		{"A01 ds64 of 20 bytes", append([]byte("RF64"), riff(chunk("ds64", strings.Repeat("x", 20)), mono, data)[4:]...), tensor.ErrFormat, "ds64 size: got 20, want at least 24"},
		{"A01 ds64 longer than the file", append([]byte("RF64"), sized(math.MaxUint32, claim("ds64", 1<<30, strings.Repeat("\x01", 40)))[4:]...), tensor.ErrTruncated, "ds64 size: got 1073741824"},
		{"A01 RF64 of 2^63 bytes", rf64(1<<63, 4, mono, claim("data", math.MaxUint32, "abcd")), tensor.ErrOverflow, "RIFF size: got 9223372036854775808"},
		{"A01 RF64 with 2^63 bytes of data", rf64(80, 1<<63, mono, claim("data", math.MaxUint32, "abcd")), tensor.ErrOverflow, "data size: got 9223372036854775808"},
		{"A04 RF64 with 1 TiB of data", rf64(1<<40, 1<<40, mono, claim("data", math.MaxUint32, "abcd")), tensor.ErrTruncated, `chunk "data" size: got 1099511627776, want at most the 4 bytes that follow`},
		{"A02 no channels", riff(fmtChunk(1, 0, 8000, 16, ""), data), tensor.ErrFormat, "offset 22: channels: got 0, want 1 to 1024"},
		{"A02 65535 channels", riff(fmtChunk(1, 65535, 8000, 8, ""), data), tensor.ErrFormat, "channels: got 65535"},
		{"A02 0 Hz", riff(fmtChunk(1, 1, 0, 16, ""), data), tensor.ErrFormat, "offset 24: sample rate: got 0, want above 0"},
		{"A02 0 bits", riff(fmtChunk(1, 1, 8000, 0, ""), data), tensor.ErrFormat, "offset 34: bits of a sample: got 0 of format 0x1 (PCM)"},
		{"A02 13 bits", riff(fmtChunk(1, 1, 8000, 13, ""), data), tensor.ErrFormat, "got 13 of format 0x1 (PCM)"},
		{"A02 64 bits of PCM", riff(fmtChunk(1, 1, 8000, 64, ""), data), tensor.ErrFormat, "got 64 of"},
		{"A02 float of 16", riff(fmtChunk(3, 1, 8000, 16, ""), data), tensor.ErrFormat, "got 16 of format 0x3 (float)"},
		{"A02 mu-law of 16", riff(fmtChunk(7, 1, 8000, 16, ""), data), tensor.ErrFormat, "got 16 of format 0x7 (mu-law)"},
		{"A03 frame of 0", riff(chunk("fmt ", fields(1, 1, 8000, 16000, 0, 16)), data), tensor.ErrFormat, "offset 32: bytes of a frame: got 0, want 2: 1 channels of 2"},
		{"A03 frame of 3", riff(chunk("fmt ", fields(1, 1, 8000, 16000, 3, 16)), data), tensor.ErrFormat, "bytes of a frame: got 3"},
		{"A03 bytes of a second", riff(chunk("fmt ", fields(1, 1, 8000, 15999, 2, 16)), data), tensor.ErrFormat, "offset 28: bytes of a second: got 15999, want 16000: 8000 frames of 2"},
		{"A04 4 GiB of data", riff(mono, claim("data", 0xfffffffe, "abcd")), tensor.ErrTruncated, `offset 40: chunk "data" size: got 4294967294, want at most the 4 bytes that follow`},
		{"A05 half a frame", riff(fmtChunk(1, 2, 8000, 16, ""), chunk("data", "abcdef")), tensor.ErrFormat, "offset 40: data size: got 6, want a multiple of the 4 bytes of a frame"},
		{"A06 data first", riff(data, mono), tensor.ErrFormat, "offset 12: data chunk: got before the format"},
		{"A06 no format", riff(chunk("fact", "abcd")), tensor.ErrFormat, "fmt chunk: got none, want one"},
		{"A06 no data", riff(mono), tensor.ErrFormat, "data chunk: got none, want one"},
		{"A06 two data", riff(mono, data, data), tensor.ErrFormat, `chunk "data": got a second one, want one`},
		{"A06 two formats", riff(mono, mono, data), tensor.ErrFormat, `chunk "fmt ": got a second one, want one`},
		{"A06 no id", riff(mono, claim("\x00\x01ab", 0, ""), data), tensor.ErrFormat, `offset 36: chunk id: got "\x00\x01ab", want four printable characters`},
		{"A07 format of 0 bytes", riff(chunk("fmt ", ""), data), tensor.ErrUnsupported, "offset 16: fmt size: got 0, want 16 to"},
		{"A07 format of 15 bytes", riff(chunk("fmt ", strings.Repeat("a", 15)), data), tensor.ErrUnsupported, "fmt size: got 15"},
		{"A07 format of 2^32-1 bytes", riff(claim("fmt ", math.MaxUint32, "abcd")), tensor.ErrUnsupported, "fmt size: got 4294967295"},
		{"A07 format cut off", sized(500, claim("fmt ", 18, "abcd")), tensor.ErrTruncated, "fmt chunk: got 4 bytes, want 18"},
		{"A07 unknown subformat", riff(fmtChunk(0xfffe, 1, 8000, 16, extension(16, 1, guid[:13]+"\x00")), data), tensor.ErrUnsupported, "subformat: got 0100000000001000800000aa00389b00"},
		{"A07 short extension", riff(fmtChunk(0xfffe, 1, 8000, 16, "\x16\x00"), data), tensor.ErrFormat, "fmt size: got 18, want at least 40"},
		{"A07 extensible ADPCM", riff(fmtChunk(0xfffe, 1, 8000, 16, extension(16, 2, guid)), data), tensor.ErrUnsupported, "format: got 0x2 (Microsoft ADPCM)"},
		{"A07 more valid bits than there are", riff(fmtChunk(0xfffe, 1, 8000, 16, extension(17, 1, guid)), data), tensor.ErrFormat, "valid bits: got 17, want at most the 16"},
		{"A07 ADPCM", riff(fmtChunk(0x11, 1, 8000, 16, ""), data), tensor.ErrUnsupported, "offset 20: format: got 0x11 (IMA ADPCM), want PCM, float, A-law or mu-law"},
		{"A07 MP3", riff(fmtChunk(0x55, 1, 8000, 16, ""), data), tensor.ErrUnsupported, "got 0x55 (MP3)"},
		{"A07 a format of nobody", riff(fmtChunk(0x7777, 1, 8000, 16, ""), data), tensor.ErrUnsupported, "got 0x7777,"},
		{"A08 a million chunks", riff(mono, strings.Repeat(chunk("JUNK", ""), 1e6), data), tensor.ErrLimit, "chunks: got more, want at most 4096"},
		{"A08 one chunk too many", riff(x64(chunk("JUNK", "")), mono, data), tensor.ErrLimit, "chunks: got more"},
		{"A08 LIST of 4 GiB", riff(mono, claim("LIST", math.MaxUint32, "INFO"), data), tensor.ErrTruncated, `chunk "LIST" size: got 4294967295`},
		{"A08 2 MiB of texts", riff(mono, chunk("LIST", "INFO"+strings.Repeat("x", 2<<20)), data), tensor.ErrLimit, `chunk "LIST" size: got 2097156, want at most 1048576`},
		{"A08 2 MiB of bext", riff(mono, chunk("bext", strings.Repeat("x", 2<<20)), data), tensor.ErrLimit, `chunk "bext" size: got 2097152`},
		{"A09 float, NaN and infinite", riff(fmtChunk(3, 1, 8000, 32, ""), chunk("data", "\x01\x00\xc0\x7f\x00\x00\x80\xff")), nil, ""},
		{"A09 24 bits", riff(fmtChunk(1, 1, 8000, 24, ""), chunk("data", "\xff\xff\xff\x01\x00\x80\xff\xff\x7f")), nil, ""},
		{"A09 no pad byte at the end", riff(fmtChunk(1, 1, 8000, 8, ""), claim("data", 3, "abc")), nil, ""},
		{"a chunk behind the data is cut off", sized(200, mono, data, claim("LIST", 90, "INFO")), tensor.ErrTruncated, `chunk "LIST" size: got 90, want at most the 4 bytes`},
	}
	var rows []badinput.Row
	own := 0
	for _, c := range cases {
		id, what, _ := strings.Cut(c.row, " ")
		if len(id) != 3 || id[0] != 'A' {
			own++
			id, what = fmt.Sprintf("WV%02d", own), c.row
		}
		rows = append(rows, badinput.Row{ID: id, What: what, Format: "wav", From: "wav", Kind: c.kind, Says: []string{c.text}, NoOffset: true, Make: badinput.File("x.wav", c.b)})
	}
	badinput.Run(t, rows)
	if t.Logf("%d rows", len(rows)); len(rows) < 49 {
		t.Error("too few")
	}
}

// TestPrefixes opens every proper prefix of a file.
func TestPrefixes(t *testing.T) {
	mono, data := fmtChunk(1, 1, 8000, 16, ""), chunk("data", "abcd")
	whole := riff(mono, chunk("LIST", "INFO"+chunk("INAM", "abc\x00")), data, chunk("bext", strings.Repeat("a", 602)))
	for n := range whole {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := convert.OpenMap(t.Context(), mapped(whole[:n], "x.wav"), nil)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, tensor.ErrTruncated) || !strings.Contains(err.Error(), "x.wav: wav: offset ") {
			t.Errorf("%d bytes: %v", n, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
			t.Errorf("%d bytes allocated", n)
		}
	}
	if t.Logf("%d prefixes", len(whole)); len(whole) < 682 {
		t.Error("too few")
	}
}

const maxChunks = 4096

// TestOdd are files that are unusual, and what is in them.
func TestOdd(t *testing.T) {
	mono := fmtChunk(1, 1, 8000, 16, "")
	u8 := fmtChunk(1, 1, 8000, 8, "")
	data := chunk("data", "\x01\x00\xff\x7f")
	const want = "[    1 32767]"
	nan := string(le.AppendUint32(le.AppendUint32(nil, 0x7fc00001), 0xff800000))
	latin := chunk("LIST", "INFO"+chunk("INAM", "abc\x00"))
	for _, c := range []struct {
		name string
		b    []byte
		want string
		note string
	}{
		{"plain", riff(mono, data), want, ""},
		{"empty", riff(mono, chunk("data", "")), "[]", ""},
		{"A09 float", riff(fmtChunk(3, 1, 8000, 32, ""), chunk("data", nan)), "[ nan -inf]", ""},
		{"A09 24 bits", riff(fmtChunk(1, 1, 8000, 24, ""), chunk("data", "\xff\xff\xff\x01\x00\x80\xff\xff\x7f")), "[       -256 -2147483392  2147483392]", ""},
		{"A09 no pad byte at the end", riff(u8, claim("data", 3, "abc")), "[97 98 99]", ""},
		{"A09 no pad byte, but counted", sized(39+1, u8, claim("data", 3, "abc")), "[97 98 99]", ""},
		{"A09 no pad byte before a chunk", riff(u8, claim("JUNK", 3, "abc"), claim("data", 3, "abc"), latin), "[97 98 99]", ""},
		{"a pad byte that is not zero", riff(u8, claim("JUNK", 3, "abc\xff"), chunk("data", "abc")), "[97 98 99]", ""},
		{"chunks around", riff(chunk("JUNK", "odd"), mono, chunk("fact", "1234"), data, chunk("cue ", "odd"), latin), want, ""},
		{"not counted", sized(36, mono, data), want, ""},
		{"more behind", append(riff(mono, data), "TAG and so on"...), want, "13 bytes behind the end of the sound"},
		{"zeros behind, not counted", append(sized(0, mono, data), make([]byte, 9)...), want, "9 bytes behind the data are no chunk"},
		{"streamed, 2^32-1", sized(math.MaxUint32, mono, claim("data", math.MaxUint32, "\x01\x00\xff\x7f")), want, "not filled in"},
		{"streamed, 2^32-1 and a RIFF size", sized(40, mono, claim("data", math.MaxUint32, "\x01\x00\xff\x7f")), want, "not filled in"},
		{"streamed, 0", sized(0, mono, claim("data", 0, "\x01\x00\xff\x7f")), want, "not filled in"},
		{"streamed, 0 of 36", sized(36, mono, claim("data", 0, "\x01\x00\xff\x7f")), want, "not filled in"},
		{"streamed, 0 of 8", sized(8, mono, claim("data", 0, "\x01\x00\xff\x7f")), want, "not filled in"},
		{"streamed, half a frame", sized(0, mono, claim("data", 0, "\x01\x00\xff\x7f!")), want, "1 bytes of an unfinished frame are left out"},
		{"streamed, nothing", sized(math.MaxUint32, mono, claim("data", math.MaxUint32, "")), "[]", "not filled in"},
		{"RF64", rf64(4+36+24+12, 4, mono, claim("data", math.MaxUint32, "\x01\x00\xff\x7f")), want, ""},
		{"RF64 with a small data chunk", rf64(4+36+24+12, 4, mono, data), want, ""},
		{"RF64, streamed", rf64(0, 0, mono, claim("data", math.MaxUint32, "\x01\x00\xff\x7f")), want, "not filled in"},
		{"RF64, streamed, all ones", rf64(math.MaxUint64, math.MaxUint64, mono, claim("data", math.MaxUint32, "\x01\x00\xff\x7f")), want, "not filled in"},
		{"BW64", append([]byte("BW64"), rf64(4+36+24+12, 4, mono, data)[4:]...), want, ""},
		{"a format of 18 bytes", riff(fmtChunk(1, 1, 8000, 16, "\x00\x00"), data), want, ""},
		{"extensible", riff(fmtChunk(0xfffe, 1, 8000, 16, extension(12, 1, guid)), data), want, ""},
		{"bytes of a second past 32 bits", riff(chunk("fmt ", fields(1, 1, math.MaxUint32, 77, 2, 16)), data), want, ""},
		{"damaged texts", riff(mono, chunk("LIST", "INFO"+claim("INAM", 99, "abc")), data), want, "the list of texts is damaged"},
		{"another list", riff(mono, chunk("LIST", "adtl"+strings.Repeat("x", 2<<20)), data), want, ""},
		{"a short bext", riff(mono, chunk("bext", "abc"), data), want, "the bext chunk of 3 bytes is too short"},
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

// head keeps the begin of what is written, and counts the rest.
type head struct {
	b []byte
	n int64
}

func (h *head) Write(p []byte) (int, error) {
	h.b = append(h.b, p[:min(len(p), 256-len(h.b))]...)
	h.n += int64(len(p))
	return len(p), nil
}

// TestLarge writes more than 4 GiB, and reads a sparse file of that size.
func TestLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("more than 4 GiB")
	}
	const frames = 513 << 19
	zero, err := from(t, []float64{7}, 1, 1).BroadcastTo(tensor.Shape{frames, 2})
	if err != nil {
		t.Fatal(err)
	}
	h := &head{}
	if err := wav.Encode(h, zero, convert.Attrs{"sample_rate": 96000, "info": map[string]any{"INAM": "x"}}); err != nil {
		t.Fatal(err)
	}
	if h.n != 92+16*frames+22 || string(h.b[:4]) != "RF64" || le.Uint64(h.b[20:]) != uint64(h.n-8) || le.Uint64(h.b[28:]) != 16*frames || le.Uint64(h.b[36:]) != frames || string(h.b[84:92]) != "data\xff\xff\xff\xff" {
		t.Fatalf("%d bytes\n% x", h.n, h.b[:100])
	}
	path := filepath.Join(t.TempDir(), "large.wav")
	if err := os.WriteFile(path, h.b[:92], 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	tail := append(le.AppendUint64(nil, math.Float64bits(1.5)), chunk("LIST", "INFO"+chunk("INAM", "x\x00"))...)
	if _, err := out.WriteAt(tail, 92+16*frames-8); err != nil {
		t.Skip("no room for a sparse file: ", err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := convert.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, err := f.Tensor("large")
	if err != nil {
		t.Fatal(err)
	}
	last, err := x.Read(t.Context(), tensor.Selection{{Kind: tensor.SelectIndex, Start: -1}})
	if err != nil || last.String() != "[0.  1.5]" || !x.Shape().Equal(tensor.Shape{frames, 2}) {
		t.Errorf("%v of %v, %v", last, x.Shape(), err)
	}
	if a, err := x.Attrs(); err != nil || a["info"].(map[string]any)["INAM"] != "x" {
		t.Error(a, err)
	}
}

// TestBoundary is the largest file that is not RF64.
func TestBoundary(t *testing.T) {
	stop := errors.New("enough")
	for _, c := range []struct {
		frames int64
		want   string
	}{{math.MaxUint32 - 1 - 36, "RIFF"}, {math.MaxUint32 - 36, "RF64"}} {
		v, err := from(t, []uint8{128}).BroadcastTo(tensor.Shape{c.frames})
		if err != nil {
			t.Fatal(err)
		}
		var id string
		err = wav.Encode(writer(func(p []byte) (int, error) { id = string(p[:4]); return 0, stop }), v, convert.Attrs{"sample_rate": 8000})
		if !errors.Is(err, stop) || id != c.want {
			t.Errorf("%d frames: %s, %v", c.frames, id, err)
		}
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// FuzzOpen opens any bytes, reads what opens, writes it and reads that: the same
// samples.
func FuzzOpen(f *testing.F) {
	files, err := filepath.Glob("testdata/*.wav")
	if err != nil || len(files) < 70 {
		f.Fatal(len(files), err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(rf64(0, 0, fmtChunk(1, 1, 8000, 16, ""), claim("data", math.MaxUint32, "\x01\x00\xff\x7f")))
	f.Add(riff(fmtChunk(0xfffe, 1, 8000, 16, extension(12, 1, guid)), chunk("LIST", "INFO"+chunk("INAM", "abc\x00")), chunk("data", "abcd"), chunk("bext", strings.Repeat("a", 610))))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := convert.OpenMap(t.Context(), mapped(b, "x.wav"), &convert.OpenOptions{Format: "wav"})
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
		if err := wav.Encode(&out, v, attrs); err != nil {
			// Latin-1 becomes longer as UTF-8.
			if bext, _ := attrs["bext"].(map[string]any); bext == nil || !errors.Is(err, tensor.ErrUnsupported) {
				t.Fatal(err)
			}
			return
		}
		again, _ := sound(t, out.Bytes())
		if !bytes.Equal(little(t, again), little(t, v)) {
			t.Fatal("other samples after writing and reading")
		}
	})
}
