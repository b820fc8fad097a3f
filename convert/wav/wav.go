// Package wav reads and writes WAV files: RIFF/WAVE as Microsoft and IBM
// describe it (Multimedia Programming Interface and Data Specifications 1.0;
// WAVEFORMATEXTENSIBLE), and RF64 and BW64 for more than 4 GiB (EBU Tech 3306,
// ITU-R BS.2088). Importing it registers the format "wav" with package convert.
//
// A recording is one tensor, (T) for one channel and (T, C) for more:
//
//	PCM 8          u8   in place, silence is 128
//	PCM 16, 32     i16, i32   in place
//	PCM 24         i32  times 256, so that full scale is 2^31 as for PCM 32
//	float 32, 64   f32, f64   in place
//	A-law, mu-law  i16  by the tables of ITU-T G.711
//
// Fewer valid bits than a sample has are its upper bits, and change nothing. A
// data chunk of 0xFFFFFFFF bytes goes to the end of the file, and so does one of
// 0 where the size of the file is also not filled in: so recorders leave files
// that they cannot finish. The same marks mean this in RF64.
//
// Attributes of the tensor: "sample_rate"; "encoding", one of u8, i16, i24, i32,
// f32, f64, alaw and mulaw; "channel_mask" and "valid_bits" of an extensible
// format; "info", the texts of LIST INFO by their ids; "bext", what a Broadcast
// Wave says (EBU Tech 3285). Texts are UTF-8, or else Latin-1. Writing takes the
// same attributes.
package wav

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/pcm"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() {
	convert.Register(convert.Format{
		Name:        "wav",
		Extensions:  []string{".wav", ".wave", ".bwf", ".rf64"},
		Description: "WAV, RF64 and BW64: PCM, float, A-law, mu-law",
		Single:      true,
		Encodings:   pcm.Names(encodings),
		Keeps:       []string{"sample_rate", "encoding", "channel_mask", "valid_bits", "info", "bext", "dims"},
		Detect:      detect,
		Open:        open,
		Write:       write,
	})
}

const (
	maxChunks = 4096    // in a file
	maxTags   = 1 << 20 // bytes of LIST INFO or bext, unless ReadOptions.MaxHeader says other
	maxFormat = 1 << 16 // bytes of a fmt chunk
)

// The format tags of samples that are read.
const (
	tagPCM        = 1
	tagFloat      = 3
	tagALaw       = 6
	tagMuLaw      = 7
	tagExtensible = 0xfffe
)

// guid is what follows a format tag in the name of its subformat.
var guid = [14]byte{0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71}

// unknown is the size that a chunk has while nobody knows.
const unknown = math.MaxUint32

var le = binary.LittleEndian

func detect(b []byte) bool {
	if len(b) < 12 || string(b[8:12]) != "WAVE" {
		return false
	}
	switch string(b[:4]) {
	case "RIFF", "RF64", "BW64", "RIFX":
		return true
	}
	return false
}

func bad(kind error, offset int64, field, got, want string) error {
	return &tensor.Error{Kind: kind, Format: "wav", Offset: offset, Field: field, Got: got, Want: want}
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
	large   bool  // RF64 or BW64
	size    int64 // that RIFF has, and 8
	open    bool  // nobody filled in the size
	data64  int64 // the size of the data in ds64; negative: not known
	maxTags int64
	layout  *convert.Layout
	attrs   convert.Attrs

	format   *format
	data     *chunk
	streamed bool // the size of the data was not filled in
	odd      bool // the last chunk needs a pad byte
}

func open(_ context.Context, in convert.Input, o *convert.ReadOptions) (*convert.Layout, error) {
	r := &reader{in: in, maxTags: maxTags, layout: &convert.Layout{Format: "wav"}, attrs: convert.Attrs{}}
	if o != nil && o.MaxHeader > 0 {
		r.maxTags = o.MaxHeader
	}
	if err := r.read(); err != nil {
		var e *tensor.Error
		if errors.As(err, &e) && e.Format == "" {
			e.Format = "wav"
		}
		return nil, err
	}
	s := &pcm.Sound{Encoding: r.format.encoding, Order: tensor.LittleEndian, Channels: r.format.channels, Offset: r.data.at}
	frame := r.format.encoding.Bytes * r.format.channels
	s.Frames = r.data.size / frame
	if rest := r.data.size % frame; rest != 0 {
		if !r.streamed {
			return nil, bad(tensor.ErrFormat, r.data.at-4, "data size", fmt.Sprint(r.data.size), fmt.Sprintf("a multiple of the %d bytes of a frame", frame))
		}
		r.note("%d bytes of an unfinished frame are left out", rest)
	}
	r.attrs["sample_rate"] = r.format.rate
	s.Describe(r.layout, in, pcm.Name(o, in.Path()), r.attrs)
	return r.layout, nil
}

func (r *reader) note(format string, args ...any) {
	r.layout.Notes = append(r.layout.Notes, fmt.Sprintf(format, args...))
}

// bytes reads a part of a file.
func (r *reader) bytes(at int64, n int64, field string) ([]byte, error) {
	b := make([]byte, n)
	return b, pcm.ReadAt(r.in, b, at, field)
}

func (r *reader) read() error {
	head, err := r.bytes(0, 12, "RIFF header")
	if err != nil {
		return err
	}
	switch id := string(head[:4]); id {
	case "RIFF":
		r.layout.Version = "WAVE"
	case "RF64", "BW64":
		r.layout.Version, r.large = id, true
	case "RIFX":
		return bad(tensor.ErrUnsupported, 0, "id", `"RIFX"`, "RIFF, RF64 or BW64: little-endian")
	default:
		return bad(tensor.ErrFormat, 0, "id", tensor.Quote(id), "RIFF, RF64 or BW64")
	}
	if form := string(head[8:]); form != "WAVE" {
		return bad(tensor.ErrFormat, 8, "form", tensor.Quote(form), "WAVE")
	}
	size := int64(le.Uint32(head[4:]))
	r.size, r.data64 = size+8, -1
	r.open = size == 0 || size == unknown
	if err := r.chunks(); err != nil {
		return err
	}
	switch end := r.in.Size(); {
	case !r.open && !r.streamed && (r.size > end+1 || r.size == end+1 && !r.odd):
		return bad(tensor.ErrTruncated, 4, "RIFF size", fmt.Sprintf("%d and 8 bytes", r.size-8), fmt.Sprintf("the %d bytes of the file", end))
	case r.format == nil:
		return bad(tensor.ErrFormat, end, "fmt chunk", "none", "one")
	case r.data == nil:
		return bad(tensor.ErrFormat, end, "data chunk", "none", "one")
	case !r.open && !r.streamed && r.size < end:
		if n := end - max(r.size, r.data.at+r.data.size+r.data.size%2); n > 0 {
			r.note("%d bytes behind the end of the sound", n)
		}
	}
	return nil
}

// chunks reads those up to the end of the file, or of what RIFF says if the data
// was before that.
func (r *reader) chunks() error {
	at := int64(12)
	for n := 0; ; n++ {
		end := r.in.Size()
		if r.data != nil && !r.open {
			end = min(end, r.size)
		}
		if end-at < 8 {
			if end > at && r.data == nil {
				return bad(tensor.ErrTruncated, at, "chunk", fmt.Sprintf("%d bytes", end-at), "8 of its head")
			}
			return nil
		}
		if n == maxChunks {
			return bad(tensor.ErrLimit, at, "chunks", "more", fmt.Sprintf("at most %d", maxChunks))
		}
		head, err := r.bytes(at, 8, "chunk")
		if err != nil {
			return err
		}
		c := &chunk{string(head[:4]), at + 8, int64(le.Uint32(head[4:]))}
		if !pcm.PrintableID(c.id) {
			if r.data != nil {
				r.note("%d bytes behind the data are no chunk", end-at)
				return nil
			}
			return bad(tensor.ErrFormat, at, "chunk id", tensor.Quote(c.id), "four printable characters")
		}
		if err := r.chunk(c, n); err != nil {
			return err
		}
		at = c.at + c.size
		if r.odd = c.size%2 == 1; r.odd && at < r.in.Size() {
			if at, err = r.pad(at); err != nil {
				return err
			}
		}
	}
}

// pad skips the byte behind a chunk of odd size, which some writers leave out: a
// zero is one, and anything else if it does not begin a chunk.
func (r *reader) pad(at int64) (int64, error) {
	b, err := r.bytes(at, min(4, r.in.Size()-at), "pad byte")
	if b[0] != 0 && pcm.PrintableID(b) {
		return at, err
	}
	return at + 1, err
}

// chunk reads chunk number n.
func (r *reader) chunk(c *chunk, n int) error {
	once := func(was bool) error {
		if was {
			return bad(tensor.ErrFormat, c.at-8, c.field(), "a second one", "one")
		}
		return nil
	}
	if r.large && n == 0 && c.id != "ds64" {
		return bad(tensor.ErrFormat, c.at-8, "chunk id", tensor.Quote(c.id), "ds64, first in "+r.layout.Version)
	}
	have := r.in.Size() - c.at
	switch c.id {
	case "fmt ":
		if err := once(r.format != nil); err != nil {
			return err
		}
		return r.readFormat(c)
	case "ds64":
		if r.large && n == 0 {
			return r.readSizes(c)
		}
	case "data":
		if err := once(r.data != nil); err != nil {
			return err
		}
		if r.format == nil {
			return bad(tensor.ErrFormat, c.at-8, "data chunk", "before the format", "a fmt chunk before it")
		}
		r.data = c
		switch {
		case r.large && c.size == unknown && r.data64 >= 0:
			c.size = r.data64
			r.streamed = c.size == 0 && r.open
		case c.size == unknown:
			r.streamed = true
		case c.size == 0: // of a file whose size is that of its head, or nothing
			r.streamed = r.open || r.size == 16 || r.size == c.at && have > 0
		}
		if r.streamed {
			c.size = have
			r.note("the size of the data is not filled in: it goes to the end of the file")
			return nil
		}
	case "LIST", "bext":
		if c.size <= have {
			return r.readTags(c)
		}
	}
	if c.size > have {
		return bad(tensor.ErrTruncated, c.at-4, c.field()+" size", fmt.Sprint(c.size), fmt.Sprintf("at most the %d bytes that follow", have))
	}
	return nil
}

// readSizes reads the sizes of more than 32 bits.
func (r *reader) readSizes(c *chunk) error {
	if c.size < 24 {
		return bad(tensor.ErrFormat, c.at-4, "ds64 size", fmt.Sprint(c.size), "at least 24")
	}
	b, err := r.bytes(c.at, 24, "ds64")
	if err != nil {
		return err
	}
	if c.size > r.in.Size()-c.at {
		return bad(tensor.ErrTruncated, c.at-4, "ds64 size", fmt.Sprint(c.size), fmt.Sprintf("at most the %d bytes that follow", r.in.Size()-c.at))
	}
	size, data := le.Uint64(b), le.Uint64(b[8:])
	if r.open = size == 0 || size == math.MaxUint64; !r.open {
		if size > math.MaxInt64-8 {
			return bad(tensor.ErrOverflow, c.at, "RIFF size", fmt.Sprint(size), "less than 2^63")
		}
		r.size = int64(size) + 8
	}
	switch {
	case data == math.MaxUint64:
	case data > math.MaxInt64:
		return bad(tensor.ErrOverflow, c.at+8, "data size", fmt.Sprint(data), "less than 2^63")
	default:
		r.data64 = int64(data)
	}
	return nil
}

// format is what a fmt chunk says.
type format struct {
	encoding pcm.Encoding
	channels int64
	rate     int64
}

func (r *reader) readFormat(c *chunk) error {
	if c.size < 16 || c.size > maxFormat {
		return bad(tensor.ErrUnsupported, c.at-4, "fmt size", fmt.Sprint(c.size), fmt.Sprintf("16 to %d", maxFormat))
	}
	b, err := r.bytes(c.at, c.size, "fmt chunk")
	if err != nil {
		return err
	}
	tag, bits := le.Uint16(b), int64(le.Uint16(b[14:]))
	f := &format{channels: int64(le.Uint16(b[2:])), rate: int64(le.Uint32(b[4:]))}
	if tag == tagExtensible {
		if tag, err = r.extensible(c, b, bits); err != nil {
			return err
		}
	}
	var ok bool
	if f.encoding, ok = encodingOf(tag, bits); !ok {
		name := fmt.Sprintf("%#x", tag)
		if known := tagNames[tag]; known != "" {
			name += " (" + known + ")"
		}
		switch tag {
		case tagPCM, tagFloat, tagALaw, tagMuLaw:
			return bad(tensor.ErrFormat, c.at+14, "bits of a sample", fmt.Sprintf("%d of format %s", bits, name), "8, 16, 24 or 32 of PCM, 32 or 64 of float, 8 of A-law and mu-law")
		}
		return bad(tensor.ErrUnsupported, c.at, "format", name, "PCM, float, A-law or mu-law")
	}
	switch {
	case f.channels < 1 || f.channels > pcm.MaxChannels:
		return bad(tensor.ErrFormat, c.at+2, "channels", fmt.Sprint(f.channels), fmt.Sprintf("1 to %d", pcm.MaxChannels))
	case f.rate == 0:
		return bad(tensor.ErrFormat, c.at+4, "sample rate", "0", "above 0")
	}
	frame := f.channels * f.encoding.Bytes
	if got := int64(le.Uint16(b[12:])); got != frame {
		return bad(tensor.ErrFormat, c.at+12, "bytes of a frame", fmt.Sprint(got), fmt.Sprintf("%d: %d channels of %d", frame, f.channels, f.encoding.Bytes))
	}
	if got, want := int64(le.Uint32(b[8:])), f.rate*frame; got != want && want <= math.MaxUint32 {
		return bad(tensor.ErrFormat, c.at+8, "bytes of a second", fmt.Sprint(got), fmt.Sprintf("%d: %d frames of %d", want, f.rate, frame))
	}
	r.format = f
	return nil
}

// extensible reads what an extensible format adds, and returns the format tag in
// it.
func (r *reader) extensible(c *chunk, b []byte, bits int64) (uint16, error) {
	if len(b) < 40 {
		return 0, bad(tensor.ErrFormat, c.at-4, "fmt size", fmt.Sprint(len(b)), "at least 40 of an extensible format")
	}
	if !bytes.Equal(b[26:40], guid[:]) {
		return 0, bad(tensor.ErrUnsupported, c.at+24, "subformat", fmt.Sprintf("%x", b[24:40]), fmt.Sprintf("a format tag and %x", guid))
	}
	if valid := int64(le.Uint16(b[18:])); valid > bits {
		return 0, bad(tensor.ErrFormat, c.at+18, "valid bits", fmt.Sprint(valid), fmt.Sprintf("at most the %d of a sample", bits))
	} else if valid > 0 && valid < bits {
		r.attrs["valid_bits"] = valid
	}
	if mask := int64(le.Uint32(b[20:])); mask != 0 {
		r.attrs["channel_mask"] = mask
	}
	return le.Uint16(b[24:]), nil
}

func encodingOf(tag uint16, bits int64) (pcm.Encoding, bool) {
	for _, f := range formats {
		if f.tag == tag && f.encoding.Bytes*8 == bits {
			return f.encoding, true
		}
	}
	return pcm.Encoding{}, false
}

var formats = []struct {
	tag      uint16
	encoding pcm.Encoding
}{
	{tagPCM, pcm.U8}, {tagPCM, pcm.I16}, {tagPCM, pcm.I24}, {tagPCM, pcm.I32},
	{tagFloat, pcm.F32}, {tagFloat, pcm.F64}, {tagALaw, pcm.ALaw}, {tagMuLaw, pcm.MuLaw},
}

// tagNames are formats that people meet, for errors.
var tagNames = map[uint16]string{
	tagPCM: "PCM", tagFloat: "float", tagALaw: "A-law", tagMuLaw: "mu-law",
	2: "Microsoft ADPCM", 0x11: "IMA ADPCM", 0x31: "GSM 6.10", 0x50: "MPEG", 0x55: "MP3", 0xf1ac: "FLAC",
}
