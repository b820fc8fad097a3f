package mp3_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/tensor"
)

var be = binary.BigEndian

// silent is the header of a frame of 104 bytes: MPEG-1, 44100 Hz, 32 kbit/s, one
// channel.
const silent = 0xfffb10c0

// frame is a frame of n bytes whose side information has values of some bits, in
// order.
func frame(h uint32, n int, fields ...[2]uint64) []byte {
	b := make([]byte, n)
	be.PutUint32(b, h)
	at := 32
	for _, f := range fields {
		for i := range f[1] {
			b[at/8] |= byte(f[0]>>(f[1]-1-i)&1) << (7 - at%8)
			at++
		}
	}
	return b
}

// side is the side information of the first channel of the first granule, and
// what is before it.
func side(begin, length, big, switching, block, table uint64) [][2]uint64 {
	f := [][2]uint64{{begin, 9}, {0, 5}, {0, 4}, {length, 12}, {big, 9}, {210, 8}, {0, 4}, {switching, 1}}
	if switching == 1 {
		return append(f, [2]uint64{block, 2}, [2]uint64{0, 1}, [2]uint64{table, 5})
	}
	return append(f, [2]uint64{table, 5})
}

// xing is a frame with a tag that counts frames.
func xing(kind string, frames uint32) []byte {
	b := frame(silent, 104)
	copy(b[4+17:], kind)
	be.PutUint32(b[4+17+4:], 1)
	be.PutUint32(b[4+17+8:], frames)
	return b
}

func TestBadInputs(t *testing.T) {
	var rows []badinput.Row
	add := func(id, what string, b []byte, kind error, at badinput.Stage, says ...string) *badinput.Row {
		rows = append(rows, badinput.Row{ID: id, What: what, Format: "mp3", From: "mp3", Kind: kind, At: at, Says: says, Make: func(t testing.TB, dir string) string {
			path := filepath.Join(dir, "x.mp3")
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}})
		return &rows[len(rows)-1]
	}
	const open, use = badinput.Open, badinput.Use
	good := frame(silent, 104)
	many := func(n int) []byte { return bytes.Repeat(good, n) }
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	id3 := func(size uint32, body string) []byte {
		return append([]byte("ID3\x04\x00\x00"), append([]byte{byte(size >> 21 & 0x7f), byte(size >> 14 & 0x7f), byte(size >> 7 & 0x7f), byte(size & 0x7f)}, body...)...)
	}
	rng := rand.New(rand.NewPCG(7, 26))
	noise := make([]byte, 300_000)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}

	add("A16", "ID3 of 256 MiB in 20 bytes", id3(1<<28-1, "0123456789"), tensor.ErrTruncated, open, "offset 6: ID3 size: got 268435455, want at most the 10 bytes that follow")
	add("A16", "second ID3 too long", join(id3(4, "abcd"), id3(99, "abcd")), tensor.ErrTruncated, open, "offset 20: ID3 size: got 99")
	add("A16", "ID3 and nothing", id3(4, "abcd"), tensor.ErrTruncated, open, "frame 0: got 0 bytes")
	add("A16", "a footer that is not there", join([]byte("ID3\x04\x00\x10\x00\x00\x00\x04abcd")), tensor.ErrTruncated, open, "ID3 size: got 14, want at most the 4 bytes")
	add("A17", "nothing", nil, tensor.ErrTruncated, open, "offset 0: frame 0: got 0 bytes")
	add("A17", "three bytes", good[:3], tensor.ErrTruncated, open, "frame 0: got 3 bytes")
	add("A17", "noise", noise, tensor.ErrFormat, open, "offset 0: frame 0, sync: got")
	add("A17", "sync bytes in noise", bytes.Repeat([]byte("\xff\xfb\x92\x64noise"), 50_000), tensor.ErrFormat, open, "offset 418: frame 1: got")
	add("A17", "zeros", make([]byte, 300_000), tensor.ErrFormat, open, "frame 0, sync: got 00000000")
	add("A17", "one frame and noise", join(good, noise[:9000]), tensor.ErrFormat, open, "frame 1: got")
	add("A17", "free bit rate", bytes.Repeat(frame(silent&^0xf000, 104), 9), tensor.ErrUnsupported, open, "frame 0, bit rate: got 0, free")
	add("A17", "forbidden bit rate", bytes.Repeat(frame(silent|0xf000, 104), 9), tensor.ErrFormat, open, "frame 0, bit rate: got 15, forbidden")
	add("A17", "reserved layer", bytes.Repeat(frame(silent&^(3<<17), 104), 9), tensor.ErrFormat, open, "frame 0, layer: got 0, reserved")
	add("A17", "Layer II", bytes.Repeat(frame(silent&^(3<<17)|2<<17, 104), 9), tensor.ErrUnsupported, open, "frame 0, layer: got 2, want 3 (--from ffmpeg reads the others)")
	add("A17", "Layer I", bytes.Repeat(frame(silent|3<<17, 104), 9), tensor.ErrUnsupported, open, "frame 0, layer: got 1")
	add("A17", "reserved version", bytes.Repeat(frame(silent&^(3<<19)|1<<19, 104), 9), tensor.ErrFormat, open, "frame 0, version: got 1, reserved")
	add("A17", "reserved rate", bytes.Repeat(frame(silent|3<<10, 104), 9), tensor.ErrFormat, open, "frame 0, sample rate: got 3, reserved")
	add("A17", "reserved emphasis", bytes.Repeat(frame(silent|2, 104), 9), tensor.ErrFormat, open, "frame 0, emphasis: got 2, reserved")
	add("A17", "Xing counts too many frames", join(xing("Xing", 50), many(9)), tensor.ErrFormat, open, "frames: got 9, want the 50 of the Xing tag")
	add("A17", "Info counts too few frames", join(xing("Info", 3), many(9)), tensor.ErrFormat, open, "frames: got 9, want the 3 of the Info tag")
	add("A17", "Xing counts 2^32-1 frames", join(xing("Xing", 1<<32-1), many(9)), tensor.ErrFormat, open, "want the 4294967295 of the Xing tag")
	vbri := frame(silent, 104)
	copy(vbri[36:], "VBRI")
	be.PutUint32(vbri[36+14:], 77)
	add("A17", "VBRI counts too many frames", join(vbri, many(9)), tensor.ErrFormat, open, "want the 77 of the VBRI tag")
	add("A17", "a FLAC file behind ID3", join(id3(4, "abcd"), []byte("fLaC"), make([]byte, 200)), tensor.ErrFormat, open, `offset 14: frame 0, sync: got "fLaC"`).Says = []string{"--from flac"}
	add("A17", "a junk byte between frames", bytes.Repeat(append(many(2), 0), 1500), tensor.ErrLimit, open, "places that are no frames: got more, want at most 1000")
	spoiled := func(f [][2]uint64) []byte { return join(many(3), frame(silent, 104, f...), many(3)) }
	add("A18", "main_data_begin before the start", join(frame(silent, 104, side(1, 0, 0, 0, 0, 0)...), many(3)), tensor.ErrCorrupt, open, "offset 0: frame 0, main_data_begin: got 1, want at most the 0 bytes")
	add("A18", "main_data_begin before the frames", spoiled(side(511, 0, 0, 0, 0, 0)), tensor.ErrCorrupt, open, "offset 312: frame 3, main_data_begin: got 511, want at most the 249 bytes")
	add("A18", "Huffman table 4", spoiled(side(0, 100, 9, 0, 0, 4)), tensor.ErrCorrupt, open, "offset 312: frame 3, table_select: got 4")
	add("A18", "Huffman table 14", spoiled(side(0, 100, 9, 0, 0, 14)), tensor.ErrCorrupt, open, "frame 3, table_select: got 14")
	add("A18", "big_values 289", spoiled(side(0, 100, 289, 0, 0, 1)), tensor.ErrCorrupt, open, "frame 3, big_values: got 289, want at most 288")
	add("A18", "big_values 511", spoiled(side(0, 100, 511, 0, 0, 1)), tensor.ErrCorrupt, open, "frame 3, big_values: got 511")
	add("A18", "a switching window of block type 0", spoiled(side(0, 100, 9, 1, 0, 1)), tensor.ErrCorrupt, open, "frame 3, block_type: got 0")
	add("A18", "regions beyond the bands", spoiled(append(side(0, 100, 9, 0, 0, 1), [2]uint64{0, 10}, [2]uint64{15, 4}, [2]uint64{7, 3})), tensor.ErrCorrupt, open, "frame 3, region counts: got 22")
	add("A18", "more bits of sound than bytes", spoiled(side(0, 4095, 0, 0, 0, 0)), tensor.ErrCorrupt, open, "frame 3, part2_3_length: got 4095, want at most the 664 bits")
	add("A18", "codes beyond their bits", spoiled(side(0, 1, 288, 0, 0, 13)), tensor.ErrCorrupt, use, "frame 3, Huffman codes: got more bits, want 1")
	whole := join(xing("Info", 3), many(3))
	for _, n := range []int{0, 1, 3, 4, 50, 103} {
		add("A17", fmt.Sprintf("prefix of %d", n), whole[:n], tensor.ErrTruncated, open, "frame 0: got")
	}

	// What is unusual and no fault.
	same := func(samples int64, notes ...string) func(t testing.TB, f *tensorfile.File) {
		return func(t testing.TB, f *tensorfile.File) {
			v, _ := only(t, f)
			if v.Shape()[0] != samples || strings.Join(f.Layout().Notes, "; ") != strings.Join(notes, "; ") {
				t.Errorf("%v, %q", v.Shape(), f.Layout().Notes)
			}
		}
	}
	add("MP1", "frames", many(3), nil, open).Check = same(3 * 1152)
	add("MP1", "one frame", good, nil, open).Check = same(1152)
	add("MP1", "a tag and frames", whole, nil, open).Check = same(3 * 1152)
	add("MP1", "a tag that counts itself", join(xing("Xing", 4), many(3)), nil, open).Check = same(3 * 1152)
	add("MP1", "tags before and behind", join(id3(4, "abcd"), id3(2, "ab"), many(3), []byte("TAG"), make([]byte, 125)), nil, open).Check = same(3 * 1152)
	add("MP1", "zeros before", join(make([]byte, 900), many(3)), nil, open).Check = same(3*1152, "900 bytes before the first frame")
	add("MP1", "junk between", join(many(3), []byte("junk"), many(3)), nil, open).Check = same(6*1152, "4 bytes in 1 places between frames are no frames")
	add("MP1", "junk behind", join(many(3), []byte("junk and more")), nil, open).Check = same(3*1152, "13 bytes behind the last frame")
	add("MP1", "cut off", join(many(3), good[:70]), nil, open).Check = same(3*1152, "frame 3 is cut off and left out")
	add("MP1", "another rate behind", join(many(3), bytes.Repeat(frame(silent|1<<10, 96), 3)), nil, open).Check = same(3*1152, "288 bytes behind the last frame")
	badinput.Run(t, rows)
	if t.Logf("%d rows", len(rows)); len(rows) < 50 {
		t.Error("fewer than 50 rows")
	}
}

// FuzzOpen opens any bytes and reads what opens; a part is the same as the whole
// has.
func FuzzOpen(f *testing.F) {
	files, err := filepath.Glob("testdata/*.mp3")
	if err != nil || len(files) < 15 {
		f.Fatal(len(files), err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:min(len(b), 1500)])
	}
	f.Add(bytes.Repeat(frame(silent, 104), 4))
	f.Fuzz(func(t *testing.T, b []byte) {
		check := func(err error) {
			var e *tensor.Error
			if !errors.As(err, &e) || e.Kind == nil || e.Format != "mp3" {
				t.Fatalf("%v is no tensor.Error", err)
			}
		}
		file, err := open(t, b)
		if err != nil {
			check(err)
			return
		}
		x, err := file.Tensor("x")
		if err != nil {
			t.Fatal(err)
		}
		v, err := x.Read(t.Context())
		if err != nil {
			check(err)
			return
		}
		if n := v.Shape()[0]; n > 0 {
			at := n * 5 / 8
			part, err := x.Read(t.Context(), tensor.Selection{{Kind: tensor.SelectRange, Start: at, Stop: n, Step: 1}})
			if want := little(t, v); err != nil || !bytes.Equal(little(t, part), want[at*int64(len(want))/n:]) {
				t.Fatalf("from %d of %d on: %v", at, n, err)
			}
		}
	})
}
