package mp3_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

// lame is a frame with the tag of LAME: delay and padding in samples.
func lame(frames, delay, padding uint32) []byte {
	b := xing("Info", frames)
	at := 4 + 17 + 4 + 4 + 4
	copy(b[at:], "LAME3.100")
	be.PutUint32(b[at+20:], delay<<12|padding)
	return b
}

// A frame that is protected has a checksum of 16 bits in front of its side
// information, and so much less sound.
func TestProtected(t *testing.T) {
	const protected = silent &^ (1 << 16)
	sum := [2]uint64{0xffff, 16}
	many := func(n int, f ...[2]uint64) []byte {
		return bytes.Repeat(frame(protected, 104, append([][2]uint64{sum}, f...)...), n)
	}
	f, err := open(t, many(3))
	if err != nil {
		t.Fatal(err)
	}
	v, _ := only(t, f)
	if x := samples(t, v); len(x) != 3*1152 || !bytes.Equal(little(t, v), make([]byte, 2*len(x))) {
		t.Errorf("%d samples", len(x))
	}
	for _, c := range []struct {
		what             string
		side             [][2]uint64
		field, got, want string
	}{
		{"main_data_begin", side(1, 0, 0, 0, 0, 0), "frame 0, main_data_begin", "1", "at most the 0 bytes of sound before (--from ffmpeg reads what is there)"},
		{"length", side(0, 4095, 0, 0, 0, 0), "frame 0, part2_3_length", "4095", "at most the 648 bits of sound"},
		{"one bit too many", side(0, 649, 0, 0, 0, 0), "frame 0, part2_3_length", "649", "at most the 648 bits of sound"},
		{"as many as there are", side(0, 648, 0, 0, 0, 0), "", "", ""},
	} {
		_, err := open(t, append(many(1, c.side...), many(2)...))
		var e *tensor.Error
		if c.field == "" {
			if err != nil {
				t.Errorf("%s: %v", c.what, err)
			}
		} else if !errors.Is(err, tensor.ErrCorrupt) || !errors.As(err, &e) || e.Offset != 0 || e.Field != c.field || e.Got != c.got || e.Want != c.want {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

// The recording begins behind the delays of encoder and decoder, 529 samples, and
// ends before the padding; what cannot be is left alone.
func TestTrims(t *testing.T) {
	for _, c := range []struct {
		frames         int
		delay, padding uint32
		samples        int64
		note           string
	}{
		{3, 576, 1000, 3*1152 - (576 + 529) - (1000 - 529), "1105 samples before the recording and 471 behind it, of encoder and decoder, are left out"},
		{3, 576, 500, 3*1152 - (576 + 529), "1105 samples before the recording and 0 behind it, of encoder and decoder, are left out"},
		{3, 576, 529 + 3*1152 - 1105, 0, "1105 samples before the recording and 2351 behind it, of encoder and decoder, are left out"},
		{3, 576, 529 + 3*1152 - 1105 + 1, 3 * 1152, "a padding of 2881 samples is more than there are, and left alone"},
		{1, 1152 - 529, 0, 0, "1152 samples before the recording and 0 behind it, of encoder and decoder, are left out"},
		{1, 1152 - 529 + 1, 0, 1152, ""},
	} {
		f, err := open(t, append(lame(uint32(c.frames), c.delay, c.padding), bytes.Repeat(frame(silent, 104), c.frames)...))
		if err != nil {
			t.Fatal(err)
		}
		v, _ := only(t, f)
		if got := strings.Join(f.Layout().Notes, "; "); v.Shape()[0] != c.samples || v.NumElements() != c.samples || got != c.note {
			t.Errorf("%d, %d: %v, %s; want %d, %s", c.delay, c.padding, v.Shape(), got, c.samples, c.note)
		}
	}
}

// The ends of files and the least frames.
func TestEnds(t *testing.T) {
	good := frame(silent, 104)
	_, err := open(t, append(xing("Info", 0), good[:70]...))
	var e *tensor.Error
	if !errors.Is(err, tensor.ErrTruncated) || !errors.As(err, &e) || e.Offset != 104 || e.Field != "frames" || e.Got != "none" {
		t.Errorf("a tag and no frame: %v", err)
	}
	f, err := open(t, append(bytes.Repeat(good, 3), "ab"...))
	if err != nil || fmt.Sprint(f.Layout().Notes) != "[2 bytes behind the last frame]" {
		t.Errorf("%v", err)
	}
	// MPEG-2 of 24000 Hz, two channels, 8 kbit/s: 24 bytes, of which 21 are the
	// header and the side information, so that there is no room for a tag.
	const least = 0xfff31400
	if f, err = open(t, bytes.Repeat(frame(least, 24), 5)); err != nil {
		t.Fatal(err)
	}
	v, a := only(t, f)
	if !v.Shape().Equal(tensor.Shape{5 * 576, 2}) || a["sample_rate"] != int64(24000) || !bytes.Equal(little(t, v), make([]byte, 5*576*4)) {
		t.Errorf("%v, %v", v.Shape(), a)
	}
	mp3, _ := convert.ByName("mp3")
	for _, c := range []struct {
		b    []byte
		want bool
	}{
		{nil, false}, {good[:3], false}, {good[:4], true}, {good, true}, {append(good, good...), true}, {append(good, make([]byte, 104)...), false},
		{append(good, frame(silent|1<<10, 104)...), false}, {[]byte("ID3\x04\x00\x00\x00\x00\x00\x00"), true}, {[]byte("ID3\x04\x00\x00\x00\x00\x00"), false}, {make([]byte, 104), false},
	} {
		if got := mp3.Detect(c.b); got != c.want {
			t.Errorf("% x of %d bytes: %v", c.b[:min(len(c.b), 4)], len(c.b), got)
		}
	}
}

type swapped struct{ b *[]byte }

func (s swapped) ReadAt(p []byte, at int64) (int, error) { return bytes.NewReader(*s.b).ReadAt(p, at) }

// A file that is another one when it is decoded.
func TestChangedWhileOpen(t *testing.T) {
	good := bytes.Repeat(frame(silent, 104), 4)
	spoiled := func(at int, b []byte) []byte {
		c := bytes.Clone(good)
		copy(c[at:], b)
		return c
	}
	for _, c := range []struct {
		what             string
		b                []byte
		kind             error
		offset           int64
		field, got, want string
	}{
		{"no frame", spoiled(208, make([]byte, 4)), tensor.ErrChanged, 208, "frame 2", "another", "the one that was there when the file was opened"},
		{"another rate", spoiled(104, frame(silent|1<<10, 96)), tensor.ErrChanged, 104, "frame 1", "another", "the one that was there when the file was opened"},
		{"sound of before", spoiled(104, frame(silent, 104, side(511, 0, 0, 0, 0, 0)...)), tensor.ErrCorrupt, 104, "frame 1, main_data_begin", "511", "at most the 83 bytes of sound before"},
		{"more sound", spoiled(312, frame(silent, 104, side(0, 4095, 0, 0, 0, 0)...)), tensor.ErrCorrupt, 312, "frame 3, part2_3_length", "4095", "at most the 664 bits of sound"},
		{"a table", spoiled(0, frame(silent, 104, side(0, 100, 9, 0, 0, 4)...)), tensor.ErrCorrupt, 0, "frame 0, table_select", "4", "a Huffman table: not 4 or 14"},
	} {
		b := good
		f, err := convert.OpenMap(t.Context(), mmap.NewReaderAt(swapped{&b}, int64(len(b)), "x.mp3"), nil)
		if err != nil {
			t.Fatal(err)
		}
		x, err := f.Tensor("x")
		if err != nil {
			t.Fatal(err)
		}
		b = c.b
		_, err = x.Read(t.Context())
		var e *tensor.Error
		if !errors.Is(err, c.kind) || !errors.As(err, &e) || e.Path != "x.mp3" || e.Offset != c.offset || e.Field != c.field || e.Got != c.got || e.Want != c.want {
			t.Errorf("%s: %v", c.what, err)
		}
		f.Close()
	}
}
