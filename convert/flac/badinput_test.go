package flac_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/flac"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/tensor"
)

var be, le = binary.BigEndian, binary.LittleEndian

// meta is a block of metadata; size says another length than that of body if it
// is not negative.
func meta(kind byte, last bool, size int, body string) string {
	if last {
		kind |= 0x80
	}
	if size < 0 {
		size = len(body)
	}
	return string([]byte{kind, byte(size >> 16), byte(size >> 8), byte(size)}) + body
}

// streamInfo is the body of a STREAMINFO of one channel.
type streamInfo struct {
	least, most, frame int
	rate               uint64
	channels, bits     uint64
	total              uint64
	sum                string
}

var mono16 = streamInfo{least: 16, most: 16, rate: 8000, channels: 1, bits: 16, total: 16}

func (s streamInfo) body() string {
	b := new(flac.Bits).Put(uint64(s.least), 16).Put(uint64(s.most), 16).Put(0, 24).Put(uint64(s.frame), 24)
	b.Put(s.rate, 20).Put(s.channels-1, 3).Put(s.bits-1, 5).Put(s.total>>32, 4).Put(s.total&math.MaxUint32, 32)
	return string(b.Bytes()) + (s.sum + strings.Repeat("\x00", 16))[:16]
}

// file is a file of one block of metadata and frames.
func (s streamInfo) file(frames ...[]byte) []byte {
	return append([]byte("fLaC"+meta(0, true, -1, s.body())), bytes.Join(frames, nil)...)
}

// sealed is a frame of 16 samples in one channel whose subframe fill writes; its
// checksums are right.
func sealed(number uint64, fill func(b *flac.Bits)) []byte {
	return sealedAs(0xfff8, 0x64, 0x08, number, 15, fill)
}

func sealedAs(sync, sizeRate, channelsBits, number, last uint64, fill func(b *flac.Bits)) []byte {
	h := new(flac.Bits).Put(sync, 16).Put(sizeRate, 8).Put(channelsBits, 8).Put(number, 8)
	if sizeRate>>4 == 6 {
		h.Put(last, 8)
	}
	head := h.Bytes()
	b := new(flac.Bits)
	for _, c := range append(head, flac.CRC8(head)) {
		b.Put(uint64(c), 8)
	}
	fill(b)
	frame := b.Bytes()
	return be.AppendUint16(frame, flac.CRC16(frame))
}

func constant(v uint64) func(b *flac.Bits) {
	return func(b *flac.Bits) { b.Put(0, 8).Put(v, 16) }
}

func TestBadInputs(t *testing.T) {
	var rows []badinput.Row
	add := func(id, what string, b []byte, kind error, at badinput.Stage, says ...string) *badinput.Row {
		rows = append(rows, badinput.Row{ID: id, What: what, Format: "flac", From: "flac", Kind: kind, At: at, Says: says, Make: func(t testing.TB, dir string) string {
			path := filepath.Join(dir, "x.flac")
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}})
		return &rows[len(rows)-1]
	}
	const open, use = badinput.Open, badinput.Use
	good := sealed(0, constant(5))
	info := meta(0, true, -1, mono16.body())
	with := func(change func(s *streamInfo)) streamInfo { s := mono16; change(&s); return s }
	subframe := func(what string, fill func(b *flac.Bits), says ...string) {
		add("A15", what, mono16.file(sealed(0, fill)), tensor.ErrCorrupt, use, append([]string{"frame of sample 0", "offset 42"}, says...)...)
	}

	add("A10", "nothing", nil, tensor.ErrTruncated, open, "id")
	add("A10", "another mark", []byte("fLaX"+info), tensor.ErrFormat, open, `got "fLaX", want fLaC`)
	add("A10", "magic only", []byte("fLaC"), tensor.ErrFormat, open, "offset 4: STREAMINFO: got none")
	add("A10", "STREAMINFO not first", []byte("fLaC"+meta(1, false, -1, "\x00\x00")+info), tensor.ErrFormat, open, "offset 4: first metadata block: got type 1")
	add("A10", "STREAMINFO missing", []byte("fLaC"+meta(4, true, -1, "\x00\x00\x00\x00\x00\x00\x00\x00")), tensor.ErrFormat, open, "first metadata block: got type 4")
	add("A10", "STREAMINFO twice", []byte("fLaC"+meta(0, false, -1, mono16.body())+info), tensor.ErrFormat, open, "STREAMINFO: got a second one")
	add("A10", "STREAMINFO of 33 bytes", []byte("fLaC"+meta(0, true, -1, mono16.body()[:33])), tensor.ErrFormat, open, "STREAMINFO size: got 33, want 34")
	add("A10", "STREAMINFO of 35 bytes", []byte("fLaC"+meta(0, true, -1, mono16.body()+"x")), tensor.ErrFormat, open, "STREAMINFO size: got 35")
	add("A10", "STREAMINFO all zero", []byte("fLaC"+meta(0, true, -1, strings.Repeat("\x00", 34))), tensor.ErrFormat, open, "block sizes: got 0 to 0")
	add("A10", "0 Hz", with(func(s *streamInfo) { s.rate = 0 }).file(good), tensor.ErrFormat, open, "offset 18: sample rate: got 0")
	add("A10", "3 bits", with(func(s *streamInfo) { s.bits = 3 }).file(good), tensor.ErrFormat, open, "bits of a sample: got 3, want 4 to 32")
	add("A10", "blocks of 15 samples", with(func(s *streamInfo) { s.least = 15 }).file(good), tensor.ErrFormat, open, "block sizes: got 15 to 16")
	add("A10", "least above most", with(func(s *streamInfo) { s.least = 17 }).file(good), tensor.ErrFormat, open, "block sizes: got 17 to 16")
	add("A10", "block of type 127", []byte("fLaC"+meta(0, false, -1, mono16.body())+meta(127, true, -1, "")), tensor.ErrFormat, open, "metadata block type: got 127")
	add("A11", "metadata of 16 MiB in 8 bytes", []byte("fLaC"+meta(0, true, 1<<24-1, "")), tensor.ErrTruncated, open, "offset 5: metadata block size: got 16777215, want at most the 0 bytes")
	add("A11", "padding of 16 MiB behind STREAMINFO", []byte("fLaC"+meta(0, false, -1, mono16.body())+meta(1, true, 1<<24-1, "abcd")), tensor.ErrTruncated, open, "metadata block size: got 16777215, want at most the 4 bytes")
	add("A11", "no last block", []byte("fLaC"+meta(0, false, -1, mono16.body())), tensor.ErrTruncated, open, "metadata block")
	add("A11", "a million blocks", []byte("fLaC"+meta(0, false, -1, mono16.body())+strings.Repeat(meta(1, false, -1, ""), 1e6)+info), tensor.ErrLimit, open, "metadata blocks: got more, want at most 4096")
	comments := func(b string) []byte {
		return []byte("fLaC" + meta(0, false, -1, mono16.body()) + meta(4, true, -1, b) + string(good))
	}
	u32 := func(x uint32) string { return string(le.AppendUint32(nil, x)) }
	add("A12", "vendor of 2^32-1 bytes", comments(u32(math.MaxUint32)+"abcd"), tensor.ErrCorrupt, open, "offset 46: vendor length: got 4294967295, want at most the 4 bytes")
	add("A12", "2^32-1 comments", comments(u32(0)+u32(math.MaxUint32)+"abcdefgh"), tensor.ErrCorrupt, open, "comments: got 4294967295, want at most 2 in the 8 bytes")
	add("A12", "comment of 2^32-1 bytes", comments(u32(0)+u32(1)+u32(math.MaxUint32)+"A=b"), tensor.ErrCorrupt, open, "comment length: got 4294967295")
	add("A12", "a comment fewer than said", comments(u32(0)+u32(2)+u32(8)+"A=bcdefg"), tensor.ErrCorrupt, open, "comment length")
	add("A12", "no number of comments", comments(u32(0)+"ab"), tensor.ErrCorrupt, open, "comments: got 2 bytes, want 4 of their number")
	add("A12", "empty", comments(""), tensor.ErrCorrupt, open, "vendor length: got 0 bytes")
	add("A12", "2 MiB of comments", comments(strings.Repeat("x", 2<<20)), tensor.ErrLimit, open, "comments size: got 2097152, want at most 1048576")
	add("A13", "2^36-1 samples and no frames", with(func(s *streamInfo) { s.total = 1<<36 - 1 }).file(), tensor.ErrTruncated, open, "samples: got 68719476735, want at most 0 in the 0 bytes of frames")
	add("A13", "2^36-1 samples and a frame", with(func(s *streamInfo) { s.total = 1<<36 - 1 }).file(good), tensor.ErrTruncated, open, "samples: got 68719476735, want at most 65535")
	add("A13", "a frame too few", with(func(s *streamInfo) { s.total = 32 }).file(good), tensor.ErrTruncated, use, "samples: got 16, want 32")
	add("A13", "a frame too many", with(func(s *streamInfo) { s.total = 15 }).file(good), tensor.ErrCorrupt, use, "samples: got 16, want 15")
	add("A13", "cut off in a frame", with(func(s *streamInfo) { s.total = 32 }).file(good, good[:len(good)-3]), tensor.ErrTruncated, use, "frame of sample 16", "samples: got 16, want 32")
	add("A13", "the number not filled in and noise behind", append(with(func(s *streamInfo) { s.total = 0 }).file(), bytes.Repeat([]byte("noise\xff\xf8"), 999)...), tensor.ErrFormat, open, "frames: got none")
	head := new(flac.Bits).Put(0xfff8, 16).Put(0x74, 8).Put(0x08, 8).Put(0, 8).Put(65534, 16).Bytes()
	trap := append(head, flac.CRC8(head), 1<<1) // and 65535 samples as they are
	add("A13", "frames in frames in frames", append(with(func(s *streamInfo) { s.most, s.total = 65535, 0 }).file(bytes.Repeat(trap, 40_000)), make([]byte, 4<<10)...), tensor.ErrLimit, open, "bytes that look like frames: got more, want at most 8388608")
	flip := func(b []byte, at int) []byte { c := bytes.Clone(b); c[at] ^= 1; return c }
	add("A14", "CRC-8 of a frame", mono16.file(flip(good, 6)), tensor.ErrCorrupt, use, "frame of sample 0: offset 42: frame header, CRC-8")
	add("A14", "CRC-16 of a frame", mono16.file(flip(good, len(good)-1)), tensor.ErrCorrupt, use, "offset 42: CRC-16: got")
	add("A14", "a sample", mono16.file(flip(good, len(good)-3)), tensor.ErrCorrupt, use, "CRC-16")
	add("A14", "MD5 of the samples", with(func(s *streamInfo) { s.sum = "0123456789abcdef" }).file(good), tensor.ErrCorrupt, use, "MD5 of the samples: got", "want 30313233343536373839616263646566").NoOffset = true
	add("A14", "the rate changes", with(func(s *streamInfo) { s.total = 32 }).file(good, sealedAs(0xfff8, 0x69, 0x08, 1, 15, constant(1))), tensor.ErrCorrupt, use, "frame of sample 16", "sample rate: got 44100, want 8000")
	add("A14", "the channels change", mono16.file(sealedAs(0xfff8, 0x64, 0x18, 0, 15, constant(1))), tensor.ErrCorrupt, use, "channels: got 2, want 1")
	add("A14", "the bits change", mono16.file(sealedAs(0xfff8, 0x64, 0x0c, 0, 15, constant(1))), tensor.ErrCorrupt, use, "bits of a sample: got 24, want 16")
	add("A14", "frames change places", with(func(s *streamInfo) { s.total = 32 }).file(sealed(1, constant(1)), good), tensor.ErrCorrupt, use, "first sample: got 16, want 0")
	add("A14", "a longer block than said", mono16.file(sealedAs(0xfff8, 0x64, 0x08, 0, 16, constant(1))), tensor.ErrCorrupt, use, "block size: got 17, want at most 16")
	for _, c := range []struct {
		what                         string
		sync, sizeRate, channelsBits uint64
		says                         string
	}{
		{"no sync code", 0xfff0, 0x64, 0x08, "sync code"}, {"block size 0", 0xfff8, 0x04, 0x08, "block size"}, {"sample rate 15", 0xfff8, 0x6f, 0x08, "sample rate"},
		{"channels 11", 0xfff8, 0x64, 0xb8, "channels"}, {"bits 3", 0xfff8, 0x64, 0x06, "bits of a sample"}, {"a reserved bit", 0xfff8, 0x64, 0x09, "reserved bit"},
	} {
		add("A14", "header: "+c.what, mono16.file(sealedAs(c.sync, c.sizeRate, c.channelsBits, 0, 15, constant(1))), tensor.ErrCorrupt, use, "offset 42: frame header, "+c.says)
	}
	add("A14", "header: a number that is no UTF-8", mono16.file(sealedAs(0xfff8, 0x64, 0x08, 0x80, 15, constant(1))), tensor.ErrCorrupt, use, "frame header, number")
	add("A14", "padding of a frame", with(func(s *streamInfo) { s.bits = 12 }).file(sealedAs(0xfff8, 0x64, 0x04, 0, 15, func(b *flac.Bits) { b.Put(0, 8).Put(7, 12).Put(15, 4) })), tensor.ErrCorrupt, use, "padding: got ones")

	subframe("partition order larger than the block", func(b *flac.Bits) { b.Put(8<<1, 8).Put(0, 2).Put(5, 4).Put(0, 32) }, "subframe 0, partition order: got 5, want one that cuts 16 samples evenly")
	subframe("partitions shorter than the order", func(b *flac.Bits) { b.Put(12<<1, 8).Put(0, 32).Put(0, 32).Put(0, 2).Put(3, 4).Put(0, 32) }, "partition order: got 3, want one that cuts 16 samples evenly, 4 or more a part")
	subframe("LPC order 32 with block 16", func(b *flac.Bits) { b.Put(63<<1, 8).Put(0, 32) }, "subframe 0, order: got 32, want at most the 16 samples")
	subframe("coefficients of 16 bits", func(b *flac.Bits) { b.Put(32<<1, 8).Put(0, 16).Put(15, 4).Put(0, 32) }, "coefficient bits: got 16")
	subframe("a shift below zero", func(b *flac.Bits) { b.Put(32<<1, 8).Put(0, 16).Put(3, 4).Put(31, 5).Put(0, 32) }, "prediction shift: got -1")
	subframe("wasted bits 32", func(b *flac.Bits) { b.Put(1, 8).Put(0, 31).Put(1, 1).Put(0, 32) }, "subframe 0, wasted bits: got 32, want less than 16")
	subframe("wasted bits 16", func(b *flac.Bits) { b.Put(1, 8).Put(0, 15).Put(1, 1).Put(0, 32) }, "wasted bits: got 16")
	subframe("type 2", func(b *flac.Bits) { b.Put(2<<1, 8).Put(0, 32) }, "subframe type: got 2")
	subframe("type 13", func(b *flac.Bits) { b.Put(13<<1, 8).Put(0, 32) }, "subframe type: got 13")
	subframe("a one before the type", func(b *flac.Bits) { b.Put(0x80, 8).Put(0, 32) }, "subframe header")
	subframe("coding method 2", func(b *flac.Bits) { b.Put(8<<1, 8).Put(2, 2).Put(0, 32) }, "residual coding: got 2")
	subframe("numbers of more than 32 bits", func(b *flac.Bits) { b.Put(8<<1, 8).Put(1, 2).Put(0, 4).Put(30, 5).Put(0, 32).Put(1, 8).Put(0, 32) }, "residual: got more than 32 bits")
	subframe("samples out of their bits", func(b *flac.Bits) {
		b.Put(9<<1, 8).Put(0x7fff, 16).Put(0, 2).Put(0, 4).Put(15, 4).Put(16, 5)
		for range 15 {
			b.Put(0x7fff, 16)
		}
	}, "subframe 0, samples: got some that need more bits, want 16")
	add("A15", "a subframe without end", mono16.file(sealed(0, func(b *flac.Bits) { b.Put(8<<1, 8).Put(0, 10) })), tensor.ErrTruncated, use, "samples: got 0, want 16")
	add("A15", "zeros without end", mono16.file(append(sealed(0, func(b *flac.Bits) { b.Put(8<<1, 8).Put(0, 10) }), make([]byte, 3<<20)...)), tensor.ErrCorrupt, use, "offset 42")

	// 65535 samples in 13 bytes, thousands of times: more than may be read at once.
	silence := with(func(s *streamInfo) { s.least, s.most, s.total = 65535, 65535, 0xffff*100_000 })
	var frames []byte
	for i := range 100_000 {
		n := uint64(i)
		head := new(flac.Bits).Put(0xfff8, 16).Put(0x74, 8).Put(0x08, 8)
		switch {
		case n < 0x80:
			head.Put(n, 8)
		case n < 0x800:
			head.Put(0xc0|n>>6, 8).Put(0x80|n&63, 8)
		case n < 0x10000:
			head.Put(0xe0|n>>12, 8).Put(0x80|n>>6&63, 8).Put(0x80|n&63, 8)
		default:
			head.Put(0xf0|n>>18, 8).Put(0x80|n>>12&63, 8).Put(0x80|n>>6&63, 8).Put(0x80|n&63, 8)
		}
		h := head.Put(65534, 16).Bytes()
		b := new(flac.Bits)
		for _, c := range append(h, flac.CRC8(h)) {
			b.Put(uint64(c), 8)
		}
		f := b.Put(0, 24).Bytes()
		frames = append(frames, be.AppendUint16(f, flac.CRC16(f))...)
	}
	bomb := add("A22", "6.5 billion samples of silence", silence.file(frames), tensor.ErrLimit, use)
	bomb.NoOffset, bomb.Slow = true, true

	whole := with(func(s *streamInfo) { s.total = 48 }).file(good, sealed(1, constant(6)), sealed(2, constant(7)))
	for n := range whole {
		switch {
		case n == 4:
		case n < 42:
			add("A10", fmt.Sprintf("prefix of %d", n), whole[:n], tensor.ErrTruncated, open)
			if n > 4 && n < 8 {
				rows[len(rows)-1].Kind = tensor.ErrFormat
			}
		default:
			add("A13", fmt.Sprintf("prefix of %d", n), whole[:n], tensor.ErrTruncated, use)
			if n < 42+9 {
				rows[len(rows)-1].At = open // no frame is as short
			}
		}
	}

	// What is unusual and no fault.
	same := func(want string, notes ...string) func(t testing.TB, f *tensorfile.File) {
		return func(t testing.TB, f *tensorfile.File) {
			v, _ := read(t, f, "x")
			if v.String() != want || strings.Join(f.Layout().Notes, "; ") != strings.Join(notes, "; ") {
				t.Errorf("%s, %q", v, f.Layout().Notes)
			}
		}
	}
	fives := "[" + strings.TrimSpace(strings.Repeat("5 ", 16)) + "]"
	add("FL1", "plain", mono16.file(good), nil, open).Check = same(fives)
	add("FL1", "bytes behind the samples", append(mono16.file(good), "TAG and so on"...), nil, open).Check = same(fives)
	add("FL1", "the number not filled in", with(func(s *streamInfo) { s.total = 0 }).file(good), nil, open).Check = same(fives, "the number of samples is not filled in: it is that of the last frame")
	add("FL1", "the number not filled in, cut off", with(func(s *streamInfo) { s.total = 0 }).file(good, good[:9]), nil, open).Check = same(fives, "the number of samples is not filled in: it is that of the last frame")
	add("FL1", "behind an ID3 tag", append([]byte("ID3\x04\x00\x00\x00\x00\x00\x05hello"), mono16.file(good)...), nil, open).Check = same(fives, "15 bytes of an ID3 tag before the sound")
	add("FL1", "an unknown block", []byte("fLaC"+meta(0, false, -1, mono16.body())+meta(99, true, -1, "anything")+string(good)), nil, open).Check = same(fives)
	points := func(list ...uint64) string {
		b := ""
		for _, x := range list {
			b += string(be.AppendUint64(nil, x)) + string(be.AppendUint64(nil, 0)) + "\x00\x10"
		}
		return meta(3, true, -1, b+"odd")
	}
	add("FL1", "a seek table of nonsense", []byte("fLaC"+meta(0, false, -1, mono16.body())+points(math.MaxUint64, 99, 3)+string(good)), nil, open).Check = same(fives)
	add("FL1", "comments without a proper name", comments(u32(0)+u32(2)+u32(3)+"abc"+u32(3)+"\xff=x"), nil, open).Check = same(fives, `a comment without a proper name is left out: "ABC"`, `a comment without a proper name is left out: "Ÿ"`)
	badinput.Run(t, rows)
	if t.Logf("%d rows", len(rows)); len(rows) < 130 {
		t.Error("fewer than 130 rows")
	}
}

// TestEveryFlip changes each bit of a file: what is read then is what was there,
// or an error. (The comments and what says how long blocks are may change.)
func TestEveryFlip(t *testing.T) {
	x := make([]int16, 200)
	for i := range x {
		x[i] = int16(2000 * math.Sin(float64(i)*0.3))
	}
	b := encode(t, from(t, x), convert.Attrs{"sample_rate": 8000})
	want := little(t, from(t, x))
	errs := 0
	for i := 8 * 8; i < 8*len(b); i++ {
		c := bytes.Clone(b)
		c[i/8] ^= 1 << (i % 8)
		f, err := open(t, c)
		if err == nil {
			tens, _ := f.Tensor("x")
			var got tensor.View
			if got, err = tens.Read(t.Context()); err == nil && !bytes.Equal(little(t, got), want) {
				t.Errorf("bit %d: other samples and no error", i)
			}
		}
		if err != nil {
			var e *tensor.Error
			if errs++; !errors.As(err, &e) || e.Format != "flac" {
				t.Fatal(i, err)
			}
		}
	}
	t.Logf("%d of %d changes are errors", errs, 8*len(b)-64)
}

// FuzzOpen opens any bytes, reads what opens, writes it and reads that: the same
// samples. Parts are the same as the whole has.
func FuzzOpen(f *testing.F) {
	for _, g := range goldens(f) {
		b, err := os.ReadFile(filepath.Join("testdata", g.File))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(mono16.file(sealed(0, constant(5))))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := open(t, b)
		if err != nil {
			var e *tensor.Error
			if !errors.As(err, &e) || e.Kind == nil {
				t.Fatalf("%v is no tensor.Error", err)
			}
			return
		}
		x, err := file.Tensor("x")
		if err != nil || x.ByteSize() > 1<<24 {
			return
		}
		v, err := x.Read(t.Context())
		if err != nil {
			var e *tensor.Error
			if !errors.As(err, &e) || e.Kind == nil {
				t.Fatalf("%v is no tensor.Error", err)
			}
			return
		}
		want := little(t, v)
		if n := x.Shape()[0]; n > 0 {
			at := n * 5 / 8
			part, err := x.Read(t.Context(), tensor.Selection{{Kind: tensor.SelectRange, Start: at, Stop: n, Step: 1}})
			if err != nil || !bytes.Equal(little(t, part), want[at*int64(len(want))/n:]) {
				t.Fatalf("from %d of %d on: %v", at, n, err)
			}
		}
		attrs, err := x.Attrs()
		if err != nil {
			t.Fatal(err)
		}
		again, _ := sound(t, encode(t, v, attrs))
		if !bytes.Equal(little(t, again), want) {
			t.Fatal("other samples after writing and reading")
		}
	})
}
