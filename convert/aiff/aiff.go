// Package aiff reads and writes AIFF and AIFF-C files, as Apple describes them
// (Audio Interchange File Format 1.3; AIFF-C, draft of 1991). Importing it
// registers the format "aiff" with package convert.
//
// A recording is one tensor, (T) for one channel and (T, C) for more:
//
//	1 to 8 bits     i8   in place
//	9 to 16 bits    i16  in place, big-endian; NONE, twos, and sowt, little-endian
//	17 to 24 bits   i32  times 256, so that full scale is 2^31 as for 32 bits
//	25 to 32 bits   i32  in place
//	in24, in32      the same, big-endian; 42ni, 23ni little-endian
//	fl32, fl64      f32, f64   in place, big-endian
//	alaw, ulaw      i16  by the tables of ITU-T G.711
//
// Fewer bits than a sample has are its upper bits, and change nothing. The rate,
// a float of 80 bits, is rounded to one of 64.
//
// Attributes of the tensor: "sample_rate"; "encoding", one of i8, i16, i24, i32,
// f32, f64, alaw and mulaw; "valid_bits"; "info", the texts NAME, AUTH, "(c) "
// and ANNO as INAM, IART, ICOP and ICMT, which WAV files have. Writing takes the
// same attributes.
package aiff

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/blame"
	"github.com/tensorfile/tensorfile/convert/internal/pcm"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() {
	convert.Register(convert.Format{
		Name:        "aiff",
		Extensions:  []string{".aiff", ".aif", ".aifc"},
		Description: "AIFF and AIFF-C: PCM, float, A-law, mu-law",
		Single:      true,
		Encodings:   pcm.Names(encodings),
		Keeps:       []string{"sample_rate", "encoding", "valid_bits", "info", "dims"},
		Detect:      detect,
		Open:        open,
		Write:       write,
	})
}

const (
	maxChunks = 4096    // in a file
	maxText   = 1 << 20 // bytes of a text, unless ReadOptions.MaxHeader says other
)

var be = binary.BigEndian

func detect(b []byte) bool {
	return len(b) >= 12 && string(b[:4]) == "FORM" && (string(b[8:12]) == "AIFF" || string(b[8:12]) == "AIFC")
}

func bad(kind error, offset int64, field, got, want string) error {
	return &tensor.Error{Kind: kind, Format: "aiff", Offset: offset, Field: field, Got: got, Want: want}
}

// chunk is what stands behind its head of eight bytes.
type chunk struct {
	id       string
	at, size int64 // of the body
}

func (c *chunk) field() string { return "chunk " + tensor.Quote(c.id) }

// reader goes through the chunks of a file.
type reader struct {
	in      convert.Input
	size    int64 // that FORM has, and 8
	packed  bool  // AIFF-C
	maxText int64
	layout  *convert.Layout
	attrs   convert.Attrs

	common *common
	data   *chunk
	odd    bool // the last chunk needs a pad byte
}

func open(_ context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	r := &reader{in: in, maxText: maxText, layout: &convert.Layout{Format: "aiff"}, attrs: convert.Attrs{}}
	if o != nil && o.MaxHeader > 0 {
		r.maxText = o.MaxHeader
	}
	if err := r.read(); err != nil {
		return nil, blame.Format(err, "aiff")
	}
	s, err := r.sound()
	if err != nil {
		return nil, blame.Format(err, "aiff")
	}
	r.attrs["sample_rate"] = pcm.Rate(r.common.rate)
	s.Describe(r.layout, in, pcm.Name(o, in.Path()), r.attrs)
	return r.layout, nil
}

func (r *reader) note(format string, args ...any) {
	r.layout.Notes = append(r.layout.Notes, fmt.Sprintf(format, args...))
}

func (r *reader) bytes(at, n int64, field string) ([]byte, error) {
	b := make([]byte, n)
	return b, pcm.ReadAt(r.in, b, at, field)
}

func (r *reader) read() error {
	head, err := r.bytes(0, 12, "FORM header")
	if err != nil {
		return err
	}
	if id := string(head[:4]); id != "FORM" {
		return bad(tensor.ErrFormat, 0, "id", tensor.Quote(id), "FORM")
	}
	switch r.layout.Version = string(head[8:]); r.layout.Version {
	case "AIFF":
	case "AIFC":
		r.packed = true
	default:
		return bad(tensor.ErrFormat, 8, "form", tensor.Quote(r.layout.Version), "AIFF or AIFC")
	}
	r.size = int64(be.Uint32(head[4:])) + 8
	end := min(r.in.Size(), r.size)
	if err := r.chunks(end); err != nil {
		return err
	}
	if r.size > r.in.Size()+1 || r.size == r.in.Size()+1 && !r.odd {
		return bad(tensor.ErrTruncated, 4, "FORM size", fmt.Sprintf("%d and 8 bytes", r.size-8), fmt.Sprintf("the %d bytes of the file", r.in.Size()))
	}
	if n := r.in.Size() - r.size; n > 0 && !(n == 1 && r.odd) {
		r.note("%d bytes behind the end of the sound", n)
	}
	if r.common == nil {
		return bad(tensor.ErrFormat, end, "COMM chunk", "none", "one")
	}
	return nil
}

func (r *reader) chunks(end int64) error {
	at := int64(12)
	for n := 0; end-at >= 8; n++ {
		if n == maxChunks {
			return bad(tensor.ErrLimit, at, "chunks", "more", fmt.Sprintf("at most %d", maxChunks))
		}
		head, err := r.bytes(at, 8, "chunk")
		if err != nil {
			return err
		}
		c := &chunk{string(head[:4]), at + 8, int64(be.Uint32(head[4:]))}
		if !pcm.PrintableID(c.id) {
			return bad(tensor.ErrFormat, at, "chunk id", tensor.Quote(c.id), "four printable characters")
		}
		if have := r.in.Size() - c.at; c.size > have {
			kind := tensor.ErrTruncated
			if c.size > math.MaxInt32 {
				kind = tensor.ErrFormat // more likely below zero
			}
			return bad(kind, c.at-4, c.field()+" size", fmt.Sprint(c.size), fmt.Sprintf("at most the %d bytes that follow", have))
		}
		if err := r.chunk(c); err != nil {
			return err
		}
		r.odd = c.size%2 == 1
		at = c.at + c.size + c.size%2
	}
	return nil
}

// texts are the chunks of text, and the names that WAV files have for them.
var texts = []struct{ id, info string }{{"NAME", "INAM"}, {"AUTH", "IART"}, {"(c) ", "ICOP"}, {"ANNO", "ICMT"}}

func (r *reader) chunk(c *chunk) error {
	once := func(was bool) error {
		if was {
			return bad(tensor.ErrFormat, c.at-8, c.field(), "a second one", "one")
		}
		return nil
	}
	switch c.id {
	case "COMM":
		if err := once(r.common != nil); err != nil {
			return err
		}
		return r.readCommon(c)
	case "SSND":
		err := once(r.data != nil)
		r.data = c
		return err
	}
	for _, t := range texts {
		if t.id != c.id {
			continue
		}
		if c.size > r.maxText {
			return bad(tensor.ErrLimit, c.at-4, c.field()+" size", fmt.Sprint(c.size), fmt.Sprintf("at most %d", r.maxText))
		}
		b, err := r.bytes(c.at, c.size, c.field())
		if err != nil {
			return err
		}
		info, _ := r.attrs["info"].(map[string]any)
		if info == nil {
			info = map[string]any{}
			r.attrs["info"] = info
		}
		if _, ok := info[t.info]; !ok {
			info[t.info] = pcm.Text(b)
		}
	}
	return nil
}

// common is what a COMM chunk says.
type common struct {
	encoding pcm.Encoding
	order    tensor.ByteOrder
	channels int64
	frames   int64
	rate     float64
}

func (r *reader) readCommon(c *chunk) error {
	least := int64(18)
	if r.packed {
		least = 22
	}
	if c.size < least {
		return bad(tensor.ErrFormat, c.at-4, "COMM size", fmt.Sprint(c.size), fmt.Sprintf("at least %d", least))
	}
	b, err := r.bytes(c.at, least, "COMM chunk")
	if err != nil {
		return err
	}
	m := &common{channels: int64(be.Uint16(b)), frames: int64(be.Uint32(b[2:])), order: tensor.BigEndian}
	bits := int64(be.Uint16(b[6:]))
	kind := "NONE"
	if r.packed {
		kind = string(b[18:])
	}
	switch kind {
	case "NONE", "twos", "sowt":
		if bits < 1 || bits > 32 {
			return bad(tensor.ErrFormat, c.at+6, "bits of a sample", fmt.Sprint(bits), "1 to 32")
		}
		m.encoding = [4]pcm.Encoding{pcm.I8, pcm.I16, pcm.I24, pcm.I32}[(bits-1)/8]
		if bits%8 != 0 {
			r.attrs["valid_bits"] = bits
		}
		if kind == "sowt" {
			m.order = tensor.LittleEndian
		}
	case "in24", "42ni", "42n1":
		m.encoding = pcm.I24
		m.order = orderOf(kind)
	case "in32", "23ni":
		m.encoding = pcm.I32
		m.order = orderOf(kind)
	case "fl32", "FL32":
		m.encoding = pcm.F32
	case "fl64", "FL64":
		m.encoding = pcm.F64
	case "alaw", "ALAW":
		m.encoding = pcm.ALaw
	case "ulaw", "ULAW":
		m.encoding = pcm.MuLaw
	default:
		return bad(tensor.ErrUnsupported, c.at+18, "compression", tensor.Quote(kind), "NONE, twos, sowt, in24, in32, 42ni, 23ni, fl32, fl64, alaw or ulaw")
	}
	if m.channels < 1 || m.channels > pcm.MaxChannels {
		return bad(tensor.ErrFormat, c.at, "channels", fmt.Sprint(m.channels), fmt.Sprintf("1 to %d", pcm.MaxChannels))
	}
	var ok bool
	if m.rate, ok = fromExtended([10]byte(b[8:18])); !ok {
		return bad(tensor.ErrFormat, c.at+8, "sample rate", fmt.Sprintf("%x", b[8:18]), "a number above 0 and below 2^64")
	}
	r.common = m
	return nil
}

// orderOf is that of integers whose kind is "in" and their bits, or all of it
// backwards; libsndfile writes 42n1.
func orderOf(kind string) tensor.ByteOrder {
	if kind[:2] == "in" {
		return tensor.BigEndian
	}
	return tensor.LittleEndian
}

// sound finds the frames in the SSND chunk.
func (r *reader) sound() (*pcm.Sound, error) {
	m := r.common
	s := &pcm.Sound{Encoding: m.encoding, Order: m.order, Channels: m.channels, Frames: m.frames}
	c := r.data
	if c == nil {
		if m.frames > 0 {
			return nil, bad(tensor.ErrFormat, r.in.Size(), "SSND chunk", "none", fmt.Sprintf("one of %d frames", m.frames))
		}
		return s, nil
	}
	if c.size < 8 {
		return nil, bad(tensor.ErrFormat, c.at-4, "SSND size", fmt.Sprint(c.size), "at least 8")
	}
	b, err := r.bytes(c.at, 8, "SSND chunk")
	if err != nil {
		return nil, err
	}
	offset := int64(be.Uint32(b))
	if offset > c.size-8 {
		return nil, bad(tensor.ErrFormat, c.at, "SSND offset", fmt.Sprint(offset), fmt.Sprintf("at most %d", c.size-8))
	}
	s.Offset = c.at + 8 + offset
	have, frame := c.size-8-offset, m.channels*m.encoding.Bytes
	if m.frames > have/frame {
		return nil, bad(tensor.ErrFormat, s.Offset, "frames", fmt.Sprintf("%d of %d bytes", m.frames, frame), fmt.Sprintf("at most %d: SSND has %d bytes", have/frame, have))
	}
	if rest := have - m.frames*frame; rest > 0 {
		r.note("%d bytes behind the frames in SSND", rest)
	}
	return s, nil
}

// bias is that of the exponent of a float of 80 bits.
const bias = 16383

// fromExtended is a positive float of 80 bits, with a leading one in its
// mantissa, to the nearest float64.
func fromExtended(b [10]byte) (float64, bool) {
	exponent, mantissa := int(be.Uint16(b[:])), be.Uint64(b[2:])
	if exponent >= bias+64 || exponent < bias-64 || mantissa>>63 == 0 { // a sign is above
		return 0, false
	}
	return math.Ldexp(float64(mantissa), exponent-bias-63), true
}

// toExtended is x, positive and normal, exactly.
func toExtended(x float64) (b [10]byte) {
	fraction, exponent := math.Frexp(x) // in [0.5, 1)
	be.PutUint16(b[:], uint16(exponent-1+bias))
	be.PutUint64(b[2:], uint64(math.Ldexp(fraction, 64)))
	return b
}
