package mp3

import (
	"encoding/binary"
	"fmt"

	"github.com/tensorfile/tensorfile/tensor"
)

// header is that of a frame: 32 bits (ISO/IEC 11172-3, section 2.4.1.3).
type header uint32

const headerSize = 4

// The versions of MPEG audio.
const (
	mpeg25 = 0
	mpeg2  = 2
	mpeg1  = 3
)

func (h header) sync() bool      { return h>>21 == 0x7ff }
func (h header) version() int    { return int(h >> 19 & 3) }
func (h header) layer() int      { return 4 - int(h>>17&3) } // 4 is reserved
func (h header) checked() bool   { return h>>16&1 == 0 }
func (h header) rateIndex() int  { return int(h >> 10 & 3) }
func (h header) mono() bool      { return h>>6&3 == 3 }
func (h header) joint() bool     { return h>>6&3 == 1 }
func (h header) middle() bool    { return h.joint() && h>>5&1 == 1 }
func (h header) intensity() bool { return h>>6&3 == 1 && h>>4&1 == 1 }
func (h header) granules() int   { return 1 + h.version()&1 }
func (h header) samples() int64  { return 576 * int64(h.granules()) }
func (h header) same(g header) bool { // of a stream
	return h.version() == g.version() && h.rateIndex() == g.rateIndex() && h.mono() == g.mono()
}

func (h header) channels() int {
	if h.mono() {
		return 1
	}
	return 2
}

// rate is samples per second.
func (h header) rate() int64 {
	rate := [3]int64{44100, 48000, 32000}[h.rateIndex()]
	switch h.version() {
	case mpeg2:
		rate /= 2
	case mpeg25:
		rate /= 4
	}
	return rate
}

// bands is which scale factor bands it has.
func (h header) bands() int {
	return map[int]int{mpeg1: 0, mpeg2: 3, mpeg25: 6}[h.version()] + h.rateIndex()
}

// mixedBands is how many bands of a mixed block are long.
func (h header) mixedBands() int {
	if h.version() == mpeg1 {
		return 8
	}
	return 6
}

// bitRates are those of Layer III in kbit/s.
var bitRates = [2][15]int64{
	{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
	{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
}

// size is how many bytes the frame has.
func (h header) size() int64 {
	return h.samples()/8*1000*bitRates[h.version()&1][h>>12&15]/h.rate() + int64(h>>9&1)
}

// side is how many bytes stand between the header and the sound.
func (h header) side() int64 {
	n := int64(0)
	if h.checked() {
		n = 2
	}
	return n + h.sideInfo()
}

func (h header) sideInfo() int64 {
	switch {
	case h.version() == mpeg1 && !h.mono():
		return 32
	case h.version() == mpeg1 || !h.mono():
		return 17
	}
	return 9
}

// fault says why h is no header of a frame that can be decoded; kind is nil if it
// is one.
func (h header) fault() (field, got, want string, kind error) {
	switch {
	case !h.sync():
		return "sync", fmt.Sprintf("%08x", uint32(h)), "eleven ones", tensor.ErrFormat
	case h.version() == 1:
		return "version", "1, reserved", "0, 2 or 3", tensor.ErrFormat
	case h.layer() == 4:
		return "layer", "0, reserved", "Layer III", tensor.ErrFormat
	case h>>12&15 == 15:
		return "bit rate", "15, forbidden", "1 to 14", tensor.ErrFormat
	case h.rateIndex() == 3:
		return "sample rate", "3, reserved", "0 to 2", tensor.ErrFormat
	case h&3 == 2:
		return "emphasis", "2, reserved", "0, 1 or 3", tensor.ErrFormat
	case h.layer() != 3:
		return "layer", fmt.Sprint(h.layer()), "3 (--from ffmpeg reads the others)", tensor.ErrUnsupported
	case h>>12&15 == 0:
		return "bit rate", "0, free", "1 to 14 (--from ffmpeg reads it)", tensor.ErrUnsupported
	}
	return "", "", "", nil
}

func (h header) valid() bool { _, _, _, kind := h.fault(); return kind == nil }

func headerOf(b []byte) header { return header(binary.BigEndian.Uint32(b)) }

// tag is what the frame without sound at the begin of a file says: that of Xing,
// which LAME made longer, or that of Fraunhofer.
type tag struct {
	kind           string
	frames         int64 // 0: it does not say
	gapless        bool
	delay, padding int64 // samples before and behind the recording
}

// tagOf finds a tag in a frame.
func tagOf(h header, frame []byte) (t tag, ok bool) {
	be := binary.BigEndian
	at := headerSize + int(h.sideInfo()) // checked or not
	if b := frame; len(b) >= headerSize+32+18 && string(b[headerSize+32:][:4]) == "VBRI" {
		return tag{kind: "VBRI", frames: int64(be.Uint32(b[headerSize+32+14:]))}, true
	}
	if len(frame) < at+8 {
		return t, false
	}
	b := frame[at:]
	if t.kind = string(b[:4]); t.kind != "Xing" && t.kind != "Info" {
		return t, false
	}
	flags := be.Uint32(b[4:])
	b = b[8:]
	take := func(flag uint32, n int) []byte {
		if flags&flag == 0 || len(b) < n {
			return nil
		}
		x := b[:n]
		b = b[n:]
		return x
	}
	if x := take(1, 4); x != nil {
		t.frames = int64(be.Uint32(x))
	}
	take(2, 4)
	take(4, 100)
	take(8, 4)
	if len(b) >= 24 && (string(b[:4]) == "LAME" || string(b[:4]) == "Lavf" || string(b[:4]) == "Lavc") {
		x := be.Uint32(b[20:])
		t.gapless, t.delay, t.padding = true, int64(x>>12&0xfff), int64(x&0xfff)
	}
	return t, true
}
